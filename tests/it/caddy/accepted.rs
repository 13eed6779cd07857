//! The real program takes what is rendered, without a warning.

use wsgen::targets::Layout;

use super::{conf, rendered};
use crate::programs::{self, CADDY};

/// Everything that needs no certificate, in as many forms as there are.
const SPECS: [&str; 4] = [
    r#"
wsgen: 1
listeners:
  web: { port: 8080, address: 127.0.0.1, http2: on, trusted_proxies: [10.0.0.0/8, "::1"], limits: { head: 16KiB }, paths: reject, encoded_slash: reject, header_names: lenient, tcp_keepalive: off }
  raw: { port: 8081, address: 127.0.0.1, paths: raw, proxy_protocol: on, unknown_host: close }
upstreams:
  app: { servers: [{ address: "10.0.0.1:80", weight: 3 }, "10.0.0.2:80", { address: "10.0.0.3:80", backup: on }], health: { http: { path: "/h?x=1", host: h.internal, method: HEAD, port: 9000, status: [200] } }, max_connections: 9 }
  user: { servers: ["10.0.0.1:80", "10.0.0.2:80"], balance: { hash: { cookie: id } }, stickiness: { cookie: { name: node, ttl: 1h, path: /x, secure: on, same_site: strict } } }
  far: { servers: ["far.internal:443"], protocol: http2, tls: { server_name: far.internal, verify: off }, resolve: off }
  near: { servers: ["unix:/run/app.sock"], protocol: http2, keepalive: off }
routes:
  - { name: a, host: [example.com, "*.example.org", { regex: "a[0-9]+\\.example\\.net" }], path: [{ exact: /x }, { regex: "/y/(a|b)" }, /z], split: { app: 90, user: 10 }, websocket: { max_duration: 1h, tokens: [websocket, echo], methods: [GET, POST], origins: [https://example.com, same_host], require_origin: on } }
  - { name: b, path: /b, upstream: far, when: { methods: [GET], headers: { X_Env: a, X-Re: { regex: "b+" } }, query: { q: "1", r: { regex: "c?" }, s: { present: false } }, clients: [192.0.2.0/24], upgrade: false, listeners: [web] } }
  - { name: c, path: /c, upstream: near, websocket: on, stream: { idle: 1h, request: on }, methods: [GET, HEAD], compression: on, limits: { body: 1MiB } }
  - { name: d, path: /d, redirect: { scheme: https, path: /e, status: 308 } }
  - { name: e, path: /e, respond: { status: 403, body: "no", content_type: text/html } }
  - { name: f, path: /f, upstream: app, rewrite: { replace_prefix: /g, map_location: on, query: { set: { a: b }, remove: [c] } }, error_pages: { 502-504: { respond: { body: sorry } }, 500: { redirect: { to: /oops } }, replace: both } }
  - { name: g, path: /g, upstream: app, rewrite: { regex: { match: "/g/(.*)/(.*)", to: "/$2/$1" } }, forwarded: off, log: off }
log: { fields: [time, client_ip, request_id, method, path, query, status, route, upstream, server, duration, referer], redact: { query: [token], headers: [Referer] } }
metrics: { port: 9100 }
runtime: { drain: { timeout: 10s } }
targets: { caddy: { on_loss: warn, storage: /var/lib/caddy, resolvers: [10.0.0.53, "10.0.0.54:5353"] } }
"#,
    r#"
wsgen: 1
listeners: { web: { port: 8080, address: 127.0.0.1 } }
upstreams: { app: { servers: ["10.0.0.1:80"] }, sso: { servers: ["10.0.0.9:80", "10.0.0.10:80"] } }
auth:
  keys: { api_key: { keys: { file: /etc/wsgen/keys.txt }, from: [{ header: X-Key }, { query: key }, { cookie: key }], strip: on } }
  env: { api_key: { keys: { env: KEYS }, from: [{ header: X-Key }] } }
  sso: { forward: { upstream: sso, path: /verify, send: [Cookie], pass: [X-User], answer: [Set-Cookie] } }
  jwt: { jwt: { keys: { hs256: { env: SECRET } } } }
  staff: { basic: { file: /etc/htpasswd } }
routes:
  - { name: a, path: /a, upstream: app, auth: keys }
  - { name: b, path: /b, upstream: app, auth: env, clients: { allow: [10.0.0.0/8], deny: [10.1.0.0/16] } }
  - { name: c, path: /c, upstream: app, auth: sso, websocket: { only: on } }
  - { name: d, path: /d, upstream: app, auth: jwt }
  - { name: e, path: /e, upstream: app, auth: staff }
  - { name: f, path: /f, upstream: app, cors: { origins: [https://a.example], methods: [GET], headers: [X-A], expose: [X-B], credentials: on, max_age: 1h } }
  - name: g
    path: /g
    upstream: app
    request_headers: { remove: [X-A, X-Real-IP], set: { X-B: { template: "{scheme}://{host}:{port}{uri} {method} {client_ip}" }, X-Forwarded-Proto: https }, add: { X-C: c }, set_if_absent: { X-D: { from: { header: X-E } } } }
    response_headers: { remove: [Server], set: { X-F: { from: { cookie: f } } }, add: { X-G: g }, set_if_absent: { X-H: { from: { query: h } } } }
targets: { caddy: { on_loss: warn } }
"#,
    r#"
wsgen: 1
listeners: { web: { port: 8080, address: 127.0.0.1 } }
upstreams:
  a: { servers: ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"], balance: { hash: { path: true } }, retries: { attempts: 2, after: [connect, timeout, 503] } }
  b: { servers: ["10.0.0.1:80", "10.0.0.2:80"], balance: random, passive: { errors: 3, within: 10s, eject: 30s } }
  c: { servers: ["10.0.0.1:80", "10.0.0.2:80"], stickiness: { app_cookie: { name: sid } }, health: { tcp: {} } }
  d: { servers: ["10.0.0.1:80", "10.0.0.2:80"], stickiness: { source: { ttl: 1h } }, health: { websocket: { path: /ws } } }
routes:
  - { name: a, path: /a, upstream: a, host_header: upstream }
  - { name: b, path: /b, upstream: b, host_header: { set: b.internal }, limits: { requests: { rate: 1/s }, connections: { max: 3 } } }
  - { name: c, path: /c, upstream: c, websocket: { max_message: 1KiB, messages: { rate: 1/s }, ping: 10s } }
  - { name: d, upstream: d, timeouts: { response: 250ms, idle: 90s } }
targets: { caddy: { on_loss: warn } }
"#,
    r#"
wsgen: 1
listeners: { web: { port: 8080, address: 127.0.0.1 } }
upstreams: { app: { servers: ["10.0.0.1:80"] } }
routes: [{ name: a, upstream: app }]
targets:
  caddy:
    raw:
      top: '"storage": {"module": "file_system", "root": "/var/lib/caddy"}'
      listeners: { web: '"strict_sni_host": false' }
      upstreams: { app: '"verbose_logs": false' }
      routes: { a: '"handle": [{"handler": "vars", "mine": "yes"}]' }
"#,
];

#[test]
fn every_feature_is_accepted() {
    let Some(program) = programs::require(CADDY[0]) else {
        return;
    };
    let mut faults = Vec::new();
    for spec in SPECS {
        let text = conf(spec);
        if let Err(why) = program.found().check(&[("caddy.json", &text)]) {
            faults.push(format!("{spec}\n{why}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_include_has_only_what_goes_into_another_file() {
    let part = rendered(SPECS[2], Layout::Include).expect("it is rendered");
    let json: serde_json::Value = serde_json::from_str(&part).expect("it is JSON");
    let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["@id", "apps"]);
}

#[test]
fn what_is_accepted_as_lost_stands_at_the_head() {
    let spec = r#"
wsgen: 1
upstreams: { app: { servers: ["10.0.0.1:80"] } }
routes: [{ name: a, upstream: app, limits: { requests: { rate: 1/s } } }]
accept: [{ loss: "caddy::limit.requests", because: "the application counts" }]
"#;
    let head: String = conf(spec).lines().take(2).collect();
    assert!(head.contains("generated by wsgen"), "{head}");
    assert!(
        head.contains("accepted loss limit.requests") && head.contains("the application counts"),
        "{head}"
    );
}

/// Twice the routes are about twice the lines: nothing is written for pairs of them.
#[test]
fn the_file_grows_with_the_routes_and_no_faster() {
    let spec = |count: usize| {
        let routes: String = (0..count)
            .map(|n| format!("  - {{ name: r{n}, host: h{n}.example.com, path: /p{n}, upstream: app, websocket: on }}\n"))
            .collect();
        format!(
            "wsgen: 1\nupstreams: {{ app: {{ servers: [\"10.0.0.1:80\"] }} }}\nroutes:\n{routes}"
        )
    };
    let lines = |count| conf(&spec(count)).lines().count();
    let (few, more, most) = (lines(10), lines(110), lines(210));
    assert_eq!(more - few, most - more);
}
