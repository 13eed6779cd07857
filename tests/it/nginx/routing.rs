//! Which route takes a request: the computed order, whatever NGINX's own is.

use super::{Gate, each, plain};
use crate::live::must::*;
use crate::live::{Client, Stub};

/// What answered: `respond` bodies name their routes.
fn body(gate: &Gate, host: &str, path: &str) -> String {
    gate.client().host(host).get(path, &[]).text()
}

const BOUNDARIES: &str = r#"
upstreams: { a: { servers: ["@a"] } }
routes:
  - { name: ws, host: h.example, path: /ws, respond: { body: ws } }
  - { name: under, host: h.example, path: /under/, respond: { body: under } }
  - { name: exact, host: h.example, path: { exact: /ws/exact }, respond: { body: exact } }
  - { name: admin, host: h.example, path: /admin, respond: { body: admin } }
  - { name: space, host: h.example, path: /a%20b, respond: { body: space } }
  - { name: number, host: h.example, path: { regex: "/n/([0-9]+)" }, respond: { body: number } }
  - { name: wide, host: "*.h.example", path: /, respond: { body: wide } }
  - { name: numbered, host: { regex: "n[0-9]+\\.example" }, respond: { body: numbered } }
  - { name: health, path: { exact: /health }, respond: { body: health } }
  - { name: rest, path: /rest, respond: { body: rest } }
"#;

#[test]
fn boundaries() {
    each(|at| {
        let stub = Stub::start("a");
        let gate = Gate::start(at, &plain(BOUNDARIES), &[&stub], &[]);
        for (host, path, expected) in [
            ("h.example", "/ws", "ws"),
            ("h.example", "/ws/", "ws"),
            ("h.example", "/ws/x?y=z", "ws"),
            ("h.example", "/%77s", "ws"),
            ("h.example", "//ws", "ws"),
            ("h.example", "/ws/exact", "exact"),
            ("h.example", "/ws/exact/", "ws"),
            ("h.example", "/ws/../admin", "admin"),
            ("h.example", "/under/", "under"),
            ("h.example", "/under/x", "under"),
            ("h.example", "/a%20b/c", "space"),
            ("h.example", "/n/12", "number"),
            ("H.Example:80", "/ws", "ws"),
            ("h.example.", "/ws", "ws"),
            ("x.h.example", "/ws", "wide"),
            ("x.y.h.example", "/", "wide"),
            ("n12.example", "/", "numbered"),
            // A path that no route of the host takes goes on to the wider ones.
            ("h.example", "/health", "health"),
            ("h.example", "/rest/x", "rest"),
            ("other.example", "/health", "health"),
            ("x.h.example", "/health", "wide"),
            ("n12.example", "/health", "numbered"),
        ] {
            assert_eq!(body(&gate, host, path), expected, "{host} {path}");
        }
        for (host, path) in [
            ("h.example", "/wsx"),
            ("h.example", "/WS"),
            ("h.example", "/under"),
            ("h.example", "/n/12/"),
            ("h.example", "/n/x"),
            ("h.example", "/n/1%0A"),
            ("h.example", "/"),
            ("other.example", "/ws"),
            ("nx.example", "/"),
        ] {
            let status = gate.client().host(host).get(path, &[]).status;
            assert_eq!(status, 404, "{host} {path}");
        }
    });
}

const ORDER: &str = r#"
routes:
  - { name: deny, host: every, path: { regex: "/.*\\.env" }, respond: { status: 403, body: deny } }
  - { name: api, host: h.example, path: /api, respond: { body: api } }
  - { name: beta, host: h.example, path: /api, when: { headers: { X-Env: beta } }, respond: { body: beta } }
  - { name: post, host: h.example, path: /api, when: { methods: [POST], headers: { X-Env: beta } }, respond: { body: post } }
  - { name: word, host: h.example, path: /api, when: { query: { mode: "c &d" } }, respond: { body: word } }
  - { name: local, host: h.example, path: /where, when: { clients: [127.0.0.0/8] }, respond: { body: local } }
  - { name: far, host: h.example, path: /where, respond: { body: far } }
  - { name: none, host: h.example, path: /none, when: { headers: { X-Tag: { present: false } } }, respond: { body: none } }
  - { name: site, path: /, when: { headers: { X-Env: { regex: "[a-z]+" } } }, respond: { body: site } }
  - { name: v1, host: r.example, path: { regex: "/v(1|2)/.*" }, when: { headers: { X-Env: beta } }, respond: { body: v1 } }
  - { name: v2, host: r.example, path: { regex: "/v[0-9]/x" }, respond: { body: v2 } }
  - { name: v, host: r.example, path: /v1, respond: { body: v } }
"#;

#[test]
fn conditions_decide_in_the_computed_order() {
    each(|at| {
        let gate = Gate::start(at, &plain(ORDER), &[], &[]);
        let client = gate.client().host("h.example");
        let get = |path: &str, headers: &[(&str, &str)]| client.get(path, headers).text();
        assert_eq!(get("/api", &[]), "api");
        assert_eq!(get("/api/x", &[("X-Env", "beta")]), "beta");
        assert_eq!(get("/api", &[("X-Env", "BETA")]), "api");
        assert_eq!(
            client
                .send("POST", "/api", &[("X-Env", "beta")], b"x")
                .text(),
            "post"
        );
        assert_eq!(get("/api?x=1&mode=c%20%26d", &[]), "word");
        assert_eq!(get("/api?m%6fde=%63+%26d&y", &[]), "word");
        assert_eq!(get("/api?mode=c", &[]), "api");
        assert_eq!(get("/where", &[]), "local");
        assert_eq!(get("/none", &[]), "none");
        assert_eq!(client.get("/none", &[("X-Tag", "x")]).status, 404);
        assert_eq!(get("/none", &[("X-Tag", "x"), ("X-Env", "abc")]), "site");
        assert_eq!(get("/other", &[("X-Env", "abc")]), "site");
        assert_eq!(client.get("/other", &[("X-Env", "a1")]).status, 404);
        assert_eq!(get("/x/.env", &[]), "deny");
        assert_eq!(client.get("/api/.env", &[]).status, 403);
        let client = gate.client().host("r.example");
        let get = |path: &str, headers: &[(&str, &str)]| client.get(path, headers).text();
        assert_eq!(get("/v1/x", &[]), "v2");
        assert_eq!(get("/v1/x", &[("X-Env", "beta")]), "v1");
        assert_eq!(get("/v1/y", &[("X-Env", "beta")]), "v1");
        assert_eq!(get("/v1/y", &[]), "v");
        assert_eq!(get("/v1", &[]), "v");
        assert_eq!(client.get("/v2/y", &[]).status, 404);
        assert_eq!(get("/v2/y", &[("X-Env", "zz")]), "site");
    });
}

const LISTENERS: &str = r#"
wsgen: 1
listeners:
  one: { port: PORT, address: 127.0.0.1, redirect: two }
  two: { port: PORT, address: 127.0.0.1, public_port: 8443, unknown_host: close, paths: reject, encoded_slash: reject }
  old: { port: PORT, address: 127.0.0.1, unknown_host: not_found }
routes:
  - { name: challenge, host: h.example, path: /.well-known, when: { listeners: [one] }, respond: { body: challenge } }
  - { name: old, host: h.example, path: /old, when: { listeners: [old, two] }, respond: { body: old } }
  - { name: site, host: h.example, respond: { body: site } }
"#;

#[test]
fn listeners_redirect_and_refuse() {
    each(|at| {
        let gate = Gate::start(at, LISTENERS, &[], &[]);
        let ports = gate.ports().to_vec();
        // In the order of the file's lines.
        let on = |port: u16| Client::on(port).host("h.example");
        let texts: Vec<(u16, u16, String)> = ports
            .iter()
            .map(|port| {
                let answer = on(*port).get("/x?y=%20", &[]);
                let to = answer.header("location").unwrap_or_default().to_owned();
                (*port, answer.status, to)
            })
            .collect();
        let one = texts.iter().find(|one| one.1 == 301).expect("a redirect");
        assert_eq!(one.2, "http://h.example:8443/x?y=%20");
        assert_eq!(on(one.0).get("/.well-known/x", &[]).text(), "challenge");
        assert_eq!(on(one.0).host("other.example").get("/", &[]).status, 301);
        for port in ports.iter().filter(|port| **port != one.0) {
            assert_eq!(on(*port).get("/old", &[]).text(), "old");
            assert_eq!(on(*port).get("/.well-known/x", &[]).text(), "site");
        }
        let others: Vec<u16> = ports
            .iter()
            .copied()
            .filter(|port| *port != one.0)
            .collect();
        let closed: Vec<bool> = others
            .iter()
            .map(|port| {
                Client::on(*port)
                    .host("x.example")
                    .try_send("GET", "/", &[], b"")
                    .is_err()
            })
            .collect();
        assert_eq!(
            closed.iter().filter(|closed| **closed).count(),
            1,
            "{closed:?}"
        );
        let two = others[usize::from(!closed[0])];
        let old = others[usize::from(closed[0])];
        assert_eq!(Client::on(old).host("x.example").get("/", &[]).status, 404);
        for path in ["//x", "/a/../b", "/a/%2e%2E/b", "/a/.", "/a%2fb", "/x%2F"] {
            assert_eq!(on(two).get(path, &[]).status, 400, "{path}");
            assert_ne!(on(old).get(path, &[]).status, 400, "{path}");
        }
        assert_eq!(on(two).get("/a..b/.c?x=//../%2f", &[]).text(), "site");
    });
}
