//! The real programs take what is rendered, without a warning.

use wsgen::targets::Layout;

use super::{VERSIONS, conf, rendered};
use crate::programs;
use crate::rehearse;

#[test]
fn every_example_is_accepted() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(folder)
        .expect("there are examples")
        .flatten()
    {
        let path = entry.path();
        if path.extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        let spec = std::fs::read_to_string(&path).expect("it can be read");
        faults.extend(
            judged(&spec)
                .map_err(|why| format!("{}: {why}", path.display()))
                .err(),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_feature_is_accepted() {
    let mut faults = Vec::new();
    for spec in SPECS {
        faults.extend(judged(spec).map_err(|why| format!("{spec}\n{why}")).err());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The verdict of each program on the file for it.
fn judged(spec: &str) -> Result<(), String> {
    for (version, name) in VERSIONS {
        let Some(program) = programs::require(name) else {
            continue;
        };
        let text = conf(spec, version);
        rehearse::check(&program, &[("haproxy.cfg", &text)])
            .map_err(|why| format!("{why}\n{text}"))?;
        if let Ok(text) = rendered(spec, version, Layout::Include).0 {
            let own = format!(
                "global\n  log stdout format raw local0\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n{text}"
            );
            rehearse::check(&program, &[("haproxy.cfg", &own)])
                .map_err(|why| format!("included: {why}\n{own}"))?;
        }
    }
    Ok(())
}

const SPECS: &[&str] = &[
    // Listeners and TLS.
    r#"
wsgen: 1
listeners:
  plain: { port: 8080, redirect: secure, tcp_keepalive: 30s }
  odd: { port: 8081, address: 127.0.0.1, paths: reject, encoded_slash: reject, unknown_host: close, header_names: lenient, http2: true }
  raw: { port: 8082, address: "::1", paths: raw, proxy_protocol: true, trusted_proxies: [10.0.0.0/8, "fd00::/8"], tcp_keepalive: off }
  secure:
    port: 8443
    public_port: 443
    unknown_host: close
    limits: { head: 16KiB, connections: 500 }
    timeouts: { head: 5s, keepalive: 20s }
    tls: { certificates: [one, two], profile: modern, hsts: { max_age: 365d, subdomains: true, preload: true }, client_auth: { ca: /etc/ssl/ca.pem, mode: optional } }
certificates:
  one: { hosts: [a.example], cert: /etc/ssl/one.pem, key: /etc/ssl/one.pem }
  two: { hosts: [b.example, "*.b.example"], cert: /etc/ssl/two.crt, key: /etc/ssl/two.key }
upstreams:
  app: { servers: [127.0.0.1:9000, "[::1]:9001", unix:/run/app.sock] }
routes:
  - { name: a, host: a.example, path: [/x, { exact: /y }, { regex: "/z/[0-9]+" }], upstream: app }
  - { name: b, host: ["*.b.example", { regex: "c[0-9]+\\.example" }], upstream: app, when: { listeners: [odd, secure] } }
  - { name: r, host: a.example, path: /r, when: { listeners: [plain] }, respond: { status: 200, body: "hello" } }
"#,
    // Upstreams.
    r#"
wsgen: 1
upstreams:
  names:
    servers: [{ address: one.internal:80, weight: 3 }, { address: two.internal:80, backup: true }, { address: three.internal:80, backup: true }]
    balance: least_connections
    resolve: 10s
    health: { http: { path: "/health?x=1", status: [200, 301-308] }, interval: 2s, timeout: 1s, rise: 2, fall: 3 }
    slow_start: 30s
    keepalive: off
  once: { servers: [one.internal:81, two.internal:81], resolve: off, balance: random, health: { tcp: { port: 9999 } } }
  hashed: { servers: [127.0.0.1:82, 127.0.0.2:82], balance: { hash: { header: X-User } }, passive: { errors: 3, within: 10s, eject: 30s } }
  cookie: { servers: [127.0.0.1:83, 127.0.0.2:83], stickiness: { cookie: { name: node, ttl: 24h, path: /app, same_site: strict } }, health: { websocket: { path: /ws, host: h.example } } }
  app: { servers: [127.0.0.1:84, 127.0.0.2:84], stickiness: { app_cookie: { name: SID, ttl: 1h } }, max_connections: 100 }
  source: { servers: [127.0.0.1:85, 127.0.0.2:85], stickiness: { source: { ttl: 30m } }, balance: { hash: { source: true } }, tcp_keepalive: off }
  tls: { servers: [one.internal:443, two.internal:443], tls: { ca: /etc/ssl/ca.pem }, protocol: http2, host_header: upstream }
  named: { servers: [10.0.0.1:443], tls: { ca: /etc/ssl/ca.pem, server_name: up.internal, cert: /etc/ssl/me.crt, key: /etc/ssl/me.crt.key }, host_header: { set: up.internal } }
  blind: { servers: [10.0.0.1:443], tls: { verify: false }, retries: { attempts: 2, after: [connect, timeout, 502, 503, 504] } }
routes:
  - { name: names, path: /names, upstream: names, timeouts: { connect: 2s } }
  - { name: names2, path: /names2, upstream: names, timeouts: { connect: 3s, response: 10s } }
  - { name: once, path: /once, upstream: once }
  - { name: hashed, path: /hashed, upstream: hashed }
  - { name: cookie, path: /cookie, upstream: cookie }
  - { name: cookie2, path: /cookie2, upstream: cookie, compression: on }
  - { name: app, path: /app, upstream: app }
  - { name: app2, path: /app2, upstream: app, compression: on }
  - { name: source, path: /source, upstream: source }
  - { name: tls, path: /tls, upstream: tls, websocket: true }
  - { name: named, path: /named, upstream: named }
  - { name: blind, path: /blind, upstream: blind, host_header: upstream }
  - { name: split, path: /split, split: { hashed: 90, cookie: 9, app: 1 } }
"#,
    // Routes.
    r#"
wsgen: 1
listeners: { web: { port: 8080 } }
upstreams: { app: { servers: [127.0.0.1:9000] } }
auth:
  members:
    jwt:
      keys: { hs256: { env: JWT_SECRET } }
      issuer: "https://id.example/?a=1&b='x'"
      audience: [chat, web]
      token: [bearer, { query: token }, { cookie: session }, { header: X-Token }, subprotocol]
      pass: { X-User: sub }
      strip: true
  signed: { jwt: { keys: { es256: { file: /etc/ssl/pub.pem } }, leeway: 1m } }
  keys: { api_key: { keys: { env: API_KEYS }, from: [{ header: apikey }, { query: apikey }, { cookie: apikey }], strip: true } }
log: { format: json, redact: { query: [token], headers: [Authorization, Cookie, Referer] } }
metrics: { port: 9100 }
runtime: { drain: { timeout: 20s, spread: 10s }, max_connections: 5000, workers: 2 }
routes:
  - name: all
    host: a.example
    path: /all
    methods: [GET, POST, PUT]
    when: { methods: [GET, POST], headers: { X-Env: canary, X-Is: { present: true }, X-Not: { present: false }, X-Re: { regex: "a|b" } }, query: { v: "2", "odd[~.]name": { regex: "x.*" } }, clients: [10.0.0.0/8], upgrade: false }
    upstream: app
    auth: members
    websocket: { idle: 30m, origins: [https://example.com, same_host], require_origin: true, only: true, tokens: [websocket, other], methods: [GET] }
    stream: { idle: 15m, request: true }
    timeouts: { response: 5s, idle: 20s }
    limits: { body: 1MiB, requests: { rate: 10/s, burst: 20, per: client, exempt: [10.1.0.0/16] }, connections: { per: client, max: 20 } }
    clients: { allow: [10.0.0.0/8, "fd00::/8"], deny: [10.2.0.0/16] }
    cors: { origins: [https://a.example], methods: [GET, PUT], headers: [X-A], expose: [X-B], credentials: true, max_age: 10m }
    request_headers:
      remove: [X-Gone]
      set: { X-Lit: "a 'b' \"c\" $d %e #f", X-Tpl: { template: "{scheme}://{host}:{port}{path}?{query} {uri} {method} {client_ip} {request_id}" }, X-Empty: "" }
      add: { X-Q: { from: { query: x } }, X-C: { from: { cookie: c } }, X-H: { from: { header: User-Agent } } }
      set_if_absent: { X-Maybe: { from: { claim: sub } } }
    response_headers:
      remove: [Server]
      set: { X-Frame-Options: DENY, X-Id: { from: request_id } }
      add: { X-Sub: { from: { claim: sub } } }
      set_if_absent: { X-Maybe: yes }
    rewrite: { replace_prefix: "/new", query: { set: { "a[b]": "c&d" }, remove: [gone, "odd[name"] }, map_location: true }
    error_pages: { 502: { respond: { status: 200, body: "line one\nline 'two'\n" } }, 500-504: { respond: { body: "sorry" } }, 401: { redirect: { to: "https://login.example/?a=%20b" } }, replace: both }
    compression: on
  - { name: strip, path: [/strip, /strip/deep], upstream: app, rewrite: { strip_prefix: true, map_location: true }, auth: signed, log: off, forwarded: off }
  - { name: regex, path: { regex: "/r/([a-z]+)/(.*)" }, upstream: app, rewrite: { regex: { match: "/r/([a-z]+)/(.*)", to: "/$2/$1%" } }, auth: keys }
  - { name: set, path: /set, upstream: app, rewrite: { path: "/one%20two" }, limits: { requests: { rate: 600/min, per: { header: X-Key }, bucket: shared }, connections: { max: 3, per: route } } }
  - { name: other, path: /other, upstream: app, limits: { requests: { rate: 600/min, per: { header: X-Key }, bucket: shared } } }
  - { name: whole, path: /whole, upstream: app, limits: { requests: { rate: 1000/h, per: route } }, cors: { origins: any } }
  - { name: go, path: /go, redirect: { to: "https://else.example/a%20b?x=y" } }
  - { name: parts, path: /parts, redirect: { scheme: https, host: "b.example:8443", path: "/p%20q", status: 308 } }
  - { name: same, path: /same, redirect: { scheme: https } }
  - { name: gone, path: /gone, respond: { status: 410 } }
  - { name: text, path: /text, respond: { status: 200, body: "{\"a\": 1}\n\n'q' \\ $HOME %[src]", content_type: "application/json" } }
"#,
    // A log in the common format, secrets by file, snippets.
    r#"
wsgen: 1
listeners: { web: { port: 8080 } }
upstreams: { app: { servers: [127.0.0.1:9000] } }
auth: { keys: { api_key: { keys: { file: /etc/ssl/keys.pem }, from: [{ header: apikey }] } } }
log: { format: common, redact: { query: [a, "b[c]"] } }
routes:
  - { name: a, path: /, upstream: app, auth: keys }
targets:
  haproxy: { log: stderr, resolvers: ["10.0.0.2", "10.0.0.3:5353"], peers: { self: "127.0.0.1:10000" }, raw: { routes: { a: "http-request set-header X-Raw 1" }, listeners: { web: "option contstats" }, upstreams: { app: "option abortonclose" } } }
"#,
];
