//! The real program takes what is rendered, without a warning, and serves every router of it.

use super::{PROGRAM, files};
use crate::programs;
use crate::rehearse;

#[test]
fn every_feature_is_accepted() {
    let Some(program) = programs::require(PROGRAM) else {
        return;
    };
    let mut faults = Vec::new();
    for spec in SPECS {
        let [fixed, dynamic] = files(spec);
        let both = [
            ("traefik.yml", fixed.as_str()),
            ("dynamic.yml", dynamic.as_str()),
        ];
        if let Err(why) = rehearse::check(&program, &both) {
            faults.push(format!("{why}\n{dynamic}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_fault_is_seen() {
    let Some(program) = programs::require(PROGRAM) else {
        return;
    };
    let [fixed, dynamic] = files(SPECS[1]);
    for (name, fixed, dynamic) in [
        (
            "an unknown field",
            fixed.clone(),
            dynamic.replace("responseHeaderTimeout", "responseTimeout"),
        ),
        (
            "a service that is not there",
            fixed.clone(),
            dynamic.replacen("service: random", "service: nobody", 1),
        ),
        (
            "an unknown entry point",
            fixed.replacen("readTimeout", "redTimeout", 1),
            dynamic.clone(),
        ),
    ] {
        let both = [
            ("traefik.yml", fixed.as_str()),
            ("dynamic.yml", dynamic.as_str()),
        ];
        assert!(rehearse::check(&program, &both).is_err(), "{name}");
    }
}

const SPECS: &[&str] = &[
    // Listeners and TLS.
    r#"
wsgen: 1
listeners:
  plain: { port: 8080, redirect: secure, tcp_keepalive: 30s }
  odd: { port: 8081, address: 127.0.0.1, paths: reject, encoded_slash: reject, unknown_host: close, header_names: lenient, http2: true }
  raw: { port: 8082, address: "::1", paths: raw, proxy_protocol: true, trusted_proxies: [10.0.0.0/8, "fd00::/8"] }
  secure:
    port: 8443
    public_port: 443
    http3: true
    limits: { head: 16KiB }
    timeouts: { head: 5s, keepalive: 20s }
    tls: { certificates: [one, two], profile: modern, hsts: { max_age: 365d, subdomains: true, preload: true }, client_auth: { ca: /etc/ssl/ca.pem, mode: optional } }
  other: { port: 9443, unknown_host: close, tls: { certificates: [two] } }
certificates:
  one: { hosts: [a.example], cert: /etc/ssl/one.pem, key: /etc/ssl/one.pem }
  two: { hosts: [b.example, "*.b.example"], cert: /etc/ssl/two.crt, key: /etc/ssl/two.key }
upstreams:
  app: { servers: [127.0.0.1:9000, "[::1]:9001"] }
routes:
  - { name: a, host: a.example, path: [/x, { exact: /y }, { regex: "/z/[0-9]+" }], upstream: app }
  - { name: b, host: ["*.b.example", { regex: "c[0-9]+\\.example" }], upstream: app, when: { listeners: [odd, secure] } }
  - { name: r, host: a.example, path: /r, when: { listeners: [plain] }, respond: { status: 200, body: "hello" } }
  - { name: in, host: a.example, path: /in, upstream: app, when: { listeners: [raw], clients: [10.0.0.0/9] }, clients: { deny: [10.1.0.0/16] } }
"#,
    // Upstreams.
    r#"
wsgen: 1
upstreams:
  names:
    servers: [{ address: 127.0.0.1:80, weight: 3 }, { address: 127.0.0.2:80, backup: true }, { address: 127.0.0.3:80, backup: true }]
    balance: least_connections
    health: { http: { path: "/health?x=1", status: [200], method: HEAD, host: h.example, port: 8080 }, interval: 2s, timeout: 1s }
    keepalive: off
  random: { servers: [127.0.0.1:81, 127.0.0.2:81], balance: random }
  hashed: { servers: [127.0.0.1:82, 127.0.0.2:82], balance: { hash: { source: true } }, passive: { errors: 3, within: 10s, eject: 30s } }
  cookie: { servers: [127.0.0.1:83, 127.0.0.2:83], stickiness: { cookie: { name: node, ttl: 24h, path: /app, same_site: strict } } }
  source: { servers: [127.0.0.1:85, 127.0.0.2:85], stickiness: { source: { ttl: 30m } } }
  tls: { servers: [127.0.0.1:443, 127.0.0.2:443], tls: { ca: /etc/ssl/ca.pem }, protocol: http2, host_header: upstream }
  named: { servers: [10.0.0.1:443], tls: { ca: /etc/ssl/ca.pem, server_name: up.internal, cert: /etc/ssl/me.crt, key: /etc/ssl/me.key }, host_header: { set: up.internal } }
  blind: { servers: [10.0.0.1:443], tls: { verify: false }, retries: { attempts: 2, after: [connect, timeout, 502, 503, 504] } }
  clear: { servers: [10.0.0.1:80], protocol: http2 }
routes:
  - { name: names, path: /names, upstream: names, timeouts: { connect: 2s } }
  - { name: names2, path: /names2, upstream: names, timeouts: { connect: 3s, response: 10s } }
  - { name: random, path: /random, upstream: random }
  - { name: hashed, path: /hashed, upstream: hashed }
  - { name: cookie, path: /cookie, upstream: cookie, websocket: { idle: 30m } }
  - { name: source, path: /source, upstream: source }
  - { name: tls, path: /tls, upstream: tls, websocket: true }
  - { name: named, path: /named, upstream: named }
  - { name: blind, path: /blind, upstream: blind, host_header: upstream }
  - { name: clear, path: /clear, upstream: clear }
  - { name: split, path: /split, split: { hashed: 90, cookie: 9, source: 1 }, websocket: true }
"#,
    // Routes.
    r#"
wsgen: 1
listeners: { web: { port: 8080 } }
upstreams: { app: { servers: [127.0.0.1:9000] }, sso: { servers: [127.0.0.1:9001, 127.0.0.1:9002] } }
auth:
  signed: { jwt: { keys: { hs256: { env: JWT_SECRET } }, pass: { X-User: sub } } }
  keys: { api_key: { keys: { env: API_KEYS }, from: [{ header: apikey }], strip: true } }
  sso: { forward: { upstream: sso, path: /verify, send: [Cookie], pass: [X-User], answer: [Set-Cookie] } }
log: { format: json, redact: { query: [token], headers: [Authorization, Cookie, Referer] } }
metrics: { port: 9100, path: /numbers }
runtime: { drain: { timeout: 20s, spread: 10s }, max_connections: 5000, workers: 2 }
routes:
  - name: all
    host: [a.example, b.example]
    path: /all
    methods: [GET, POST, PUT]
    when: { methods: [GET, POST, OPTIONS], headers: { X-Env: canary, X-Is: { present: true }, X-Not: { present: false }, X-Re: { regex: "a|b" } }, query: { v: "2", "odd[~.]name": { regex: "x.*" } }, clients: [10.0.0.0/8] }
    upstream: app
    auth: sso
    websocket: { idle: 30m, origins: [https://example.com, same_host], require_origin: true, tokens: [websocket, other], methods: [GET] }
    stream: { idle: 15m, request: true }
    timeouts: { response: 5s, idle: 20s }
    limits: { body: 1MiB, requests: { rate: 10/s, burst: 20, per: client, exempt: [10.1.0.0/16] }, connections: { per: client, max: 20 } }
    clients: { allow: [10.0.0.0/8, "fd00::/8"], deny: [10.2.0.0/16] }
    cors: { origins: [https://a.example], methods: [GET, PUT], headers: [X-A], expose: [X-B], credentials: true, max_age: 10m }
    request_headers:
      remove: [X-Gone]
      set: { X-Lit: "a 'b' \"c\" $d %e #f {{ env `HOME` }}", X-Scheme: { template: "{scheme}:{port}" } }
      add: { X-Q: { from: { query: x } } }
    response_headers:
      remove: [Server]
      set: { X-Frame-Options: DENY }
    rewrite: { replace_prefix: "/new" }
    compression: on
  - { name: strip, path: [/strip, /strip/deep], upstream: app, rewrite: { strip_prefix: true }, auth: signed, log: off, forwarded: off }
  - { name: regex, path: { regex: "/r/([a-z]+)/(.*)" }, upstream: app, rewrite: { regex: { match: "/r/([a-z]+)/(.*)", to: "/$2/$1%" } }, auth: keys }
  - { name: set, path: /set, upstream: app, rewrite: { path: "/one%20two" }, limits: { requests: { rate: 600/min, per: { header: X-Key }, bucket: shared }, connections: { max: 3, per: route } } }
  - { name: whole, path: /whole, upstream: app, limits: { requests: { rate: 1000/h, per: route } }, cors: { origins: any } }
  - { name: everybody, path: /everybody, upstream: app, cors: { origins: any, credentials: true } }
  - { name: go, path: /go, redirect: { to: "https://else.example/a%20b?x=$y" } }
  - { name: parts, path: /parts, redirect: { scheme: https, host: "b.example:8443", path: "/p%20q", status: 308 } }
  - { name: same, path: /same, redirect: { scheme: https } }
  - { name: gone, path: /gone, respond: { status: 410 } }
  - { name: big, path: /big, upstream: app, stream: true, limits: { body: 10MB } }
"#,
];

#[test]
fn a_snippet_that_has_no_place_is_refused_at_its_line() {
    let spec = "wsgen: 1\nlisteners: { web: { port: 80 } }\nupstreams: { app: { servers: [\"127.0.0.1:1\"] } }\nroutes: [{ name: app, path: /, upstream: app }]\ntargets: { traefik: { raw: { routes: { app: \"x: 1\" } } } }\n";
    let (files, report) = super::rendered(spec, "3.7");
    assert!(files.is_err());
    let refused: Vec<&str> = report
        .diags
        .iter()
        .filter(|diag| diag.code == "traefik::raw")
        .map(|diag| diag.title.as_str())
        .collect();
    assert_eq!(
        refused,
        ["Traefik has no place for a snippet under `raw.routes`"]
    );
}
