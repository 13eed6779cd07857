//! Files that the real program accepts without a word of warning.

use super::{VERSIONS, rendered};
use crate::programs::require;
use crate::rehearse;
use wsgen::targets::Layout;

const ALL: &str = r#"
wsgen: 1
name: everything
listeners:
  plain: { port: 80, redirect: secure, tcp_keepalive: off }
  secure:
    port: 443
    http2: true
    tls: { profile: modern, certificates: [site, more], hsts: 365d, client_auth: { ca: /etc/ssl/ca.pem, mode: optional } }
    trusted_proxies: [10.0.0.0/8, "fd00::/8"]
    timeouts: { head: 5s, keepalive: 30s }
    limits: { head: 64KiB, connections: 1000 }
    public_port: 8443
    unknown_host: close
    paths: reject
    encoded_slash: reject
    header_names: lenient
    tcp_keepalive: 90s
  inside: { port: 8080, proxy_protocol: true, http2: true, paths: raw }
certificates:
  site: { hosts: [example.com], cert: /etc/ssl/site.crt, key: /etc/ssl/site.key }
  more: { hosts: ["*.example.com"], cert: /etc/ssl/more.crt, key: /etc/ssl/more.key }
upstreams:
  chat:
    servers: [{ address: chat1.internal:8080, weight: 3 }, { address: chat2.internal:8080 }]
    balance: least_connections
    stickiness: { cookie: { name: node, ttl: 24h } }
    health: { http: { path: /health }, interval: 2s }
    passive: { errors: 3, within: 10s, eject: 30s }
    timeouts: { connect: 2s, keepalive: 30s }
    keepalive: 8
    resolve: 10s
    max_connections: 100
    retries: { attempts: 2, after: [connect, timeout, 502, 503] }
    limits: { response_head: 16KiB }
  web: { servers: ["10.0.0.1:80", "[fd00::1]:80", "unix:/run/web.sock", { address: "10.0.0.2:80", backup: true }] }
  safe: { servers: [safe.internal:443], tls: { server_name: safe.internal, cert: /etc/ssl/me.crt, key: /etc/ssl/me.key }, host_header: upstream, tcp_keepalive: off }
auth:
  staff: { basic: { file: /etc/htpasswd } }
  sso: { forward: { upstream: safe, path: /verify, pass: [X-User], answer: [Set-Cookie] } }
defaults: { route: { timeouts: { response: 30s } } }
routes:
  - name: socket
    host: [example.com, "*.example.com"]
    path: [/ws, { regex: "/room/[0-9]+" }]
    upstream: chat
    websocket: { idle: 1h, origins: [https://example.com, same_host], only: true }
    auth: sso
    limits: { connections: { max: 20 }, requests: { rate: 10/s, burst: 20, exempt: [10.0.0.0/8] } }
  - name: events
    host: example.com
    path: /events
    upstream: web
    stream: { idle: 15m, request: true }
    clients: { allow: [10.0.0.0/8], deny: [10.1.0.0/16] }
    auth: staff
  - { name: canary, host: example.com, path: /, when: { headers: { X-Env: canary } }, split: { web: 90, safe: 10 }, compression: on }
  - name: site
    host: example.com
    path: /
    upstream: safe
    cors: { origins: [https://a.example], credentials: true, max_age: 1h }
    rewrite: { strip_prefix: true, query: { set: { a: b }, remove: [c] } }
    error_pages: { 502: { respond: { body: sorry } }, 500-599: { redirect: { to: /sorry } }, replace: both }
    request_headers: { set: { X-Subject: { from: tls_subject } } }
  - { name: old, host: { regex: "old[0-9]*\\.example" }, redirect: { scheme: https, host: example.com } }
  - { name: health, path: { exact: /health }, respond: { body: ok }, log: off }
log: { format: json, redact: { query: [token], headers: [Authorization] } }
runtime: { drain: { timeout: 30s }, max_connections: 1000, workers: 2 }
targets: { nginx: { on_loss: warn, resolvers: [127.0.0.53], user: root, raw: { top: "limit_rate 1m;", listeners: { secure: "chunked_transfer_encoding on;" }, upstreams: { web: "keepalive_requests 10;" }, routes: { health: "etag off;" } } } }
"#;

#[test]
fn everything_at_once_is_accepted() {
    for (version, program) in VERSIONS {
        let Some(program) = require(program) else {
            continue;
        };
        for layout in [Layout::Full, Layout::Include] {
            let text = rendered(ALL, version, layout).0.expect("it renders");
            let text = match layout {
                Layout::Full => text,
                Layout::Json | Layout::Labels => continue,
                Layout::Include => format!("events {{ }}\nhttp {{\n{text}\n}}\n"),
            };
            if let Err(why) = rehearse::check(&program, &[("nginx.conf", &text)]) {
                panic!("{version} {layout:?}: {why}\n{text}");
            }
        }
    }
}

/// A version between: told from its neighbours by what it writes.
#[test]
fn versions_get_their_words() {
    let spec = ALL.replace("unknown_host: close", "unknown_host: not_found");
    for (version, words, none) in [
        (
            "1.22",
            &["ssl http2;", "proxy_http_version 1.1", " consistent;"][..],
            &["http2 on", " resolve;", "sticky ", "proxy_http_version 2"][..],
        ),
        (
            "1.26",
            &["http2 on", "proxy_http_version 1.1", " consistent;"],
            &[" http2;", " resolve;", "sticky "],
        ),
        (
            "1.28",
            &[
                "http2 on",
                " resolve;",
                "resolver 127.0.0.53 valid=10s",
                "proxy_http_version 1.1",
            ],
            &["sticky "],
        ),
        (
            "1.29.5",
            &[" resolve;", " consistent;", "proxy_http_version 1.1"],
            &["sticky "],
        ),
        (
            "1.30",
            &["sticky cookie node", " resolve;"],
            &["proxy_http_version 1.1"],
        ),
        (
            "1.31",
            &["sticky cookie node", " resolve;"],
            &["proxy_http_version 1.1"],
        ),
    ] {
        let text = rendered(&spec, version, Layout::Full)
            .0
            .expect("it renders");
        for word in words {
            assert!(text.contains(word), "{version} lacks {word}\n{text}");
        }
        for word in none {
            assert!(!text.contains(word), "{version} has {word}");
        }
    }
}
