//! Which route takes a request: the computed order.

use super::each;
use crate::live::Client;
use crate::live::must::*;

const ROUTES: &str = r#"
wsgen: 1
listeners:
  web: { port: $PORT, address: 127.0.0.1 }
  other: { port: $OTHER, address: 127.0.0.1, unknown_host: close, paths: reject, encoded_slash: reject }
routes:
  - { name: ws, host: example.com, path: /ws, respond: { body: ws } }
  - { name: ws-deep, host: example.com, path: /ws/deep, respond: { body: ws-deep } }
  - { name: below, host: example.com, path: /below/, respond: { body: below } }
  - { name: exact, host: example.com, path: { exact: /ws/exact }, respond: { body: exact } }
  - { name: regex, host: example.com, path: { regex: "/ws/[0-9]+" }, respond: { body: regex } }
  - { name: canary, host: example.com, path: /ws, when: { headers: { X-Env: canary } }, respond: { body: canary } }
  - { name: canary-two, host: example.com, path: /ws, when: { headers: { X-Env: canary }, query: { v: "2 3" } }, respond: { body: canary-two } }
  - { name: post, host: example.com, path: /when, when: { methods: [POST] }, respond: { body: post } }
  - { name: upgrade, host: example.com, path: /when, when: { upgrade: true }, respond: { body: upgrade } }
  - { name: absent, host: example.com, path: /when, when: { headers: { X-A: { present: false }, X-B: { regex: "a|b" } } }, respond: { body: absent } }
  - { name: only-other, host: example.com, path: /when, when: { listeners: [other] }, respond: { body: only-other } }
  - { name: few, host: example.com, path: /few, methods: [GET, HEAD], respond: { body: few } }
  - { name: wild, host: "*.example.com", respond: { body: wild } }
  - { name: wild-deep, host: "*.deep.example.com", path: /x, respond: { body: wild-deep } }
  - { name: re-host, host: { regex: "t[0-9]+\\.test" }, respond: { body: re-host } }
  - { name: any, path: /any, respond: { body: any } }
"#;

#[test]
fn the_computed_order_decides() {
    each(ROUTES, |run| {
        let body = |host: &str, path: &str, headers: &[(&str, &str)]| {
            let all: Vec<(&str, &str)> = [("Host", host)].iter().chain(headers).copied().collect();
            let got = run.get(path, &all);
            match got.status {
                200 => got.text(),
                other => other.to_string(),
            }
        };
        for (host, path, route) in [
            ("example.com", "/ws", "ws"),
            ("EXAMPLE.com:8080", "/ws/", "ws"),
            ("example.com.", "/ws/x", "ws"),
            ("example.com", "/wsx", "404"),
            ("example.com", "/ws/deep", "ws-deep"),
            ("example.com", "/ws/deep/er", "ws-deep"),
            ("example.com", "/ws/deeper", "ws"),
            ("example.com", "/below", "404"),
            ("example.com", "/below/x", "below"),
            ("example.com", "/ws/exact", "exact"),
            ("example.com", "/ws/exact/", "ws"),
            ("example.com", "/ws/12", "regex"),
            ("example.com", "/ws/12a", "ws"),
            ("example.com", "/%77s?x=1", "ws"),
            ("example.com", "//ws", "ws"),
            ("example.com", "/ws/../few", "few"),
            ("example.com", "/ws/%2e%2e/few", "few"),
            ("example.com", "/./ws/.", "ws"),
            ("example.com", "/ws%2fdeep", "404"),
            ("example.com", "/any", "any"),
            ("example.com", "/", "404"),
            ("a.example.com", "/", "wild"),
            ("a.b.example.com", "/", "wild"),
            ("a.deep.example.com", "/x", "wild-deep"),
            ("a.deep.example.com", "/y", "wild"),
            ("a.example.com", "/any", "wild"),
            ("t12.test", "/", "re-host"),
            ("xt12.test", "/", "404"),
            ("nobody.test", "/any/x", "any"),
        ] {
            assert_eq!(body(host, path, &[]), route, "{host}{path}");
        }
        let canary = ("X-Env", "canary");
        assert_eq!(body("example.com", "/ws", &[canary]), "canary");
        assert_eq!(body("example.com", "/ws", &[("X-Env", "Canary")]), "ws");
        assert_eq!(body("example.com", "/ws?v=2%203", &[canary]), "canary-two");
        assert_eq!(
            body("example.com", "/ws?w=1&v=2%203&x", &[canary]),
            "canary-two"
        );
        assert_eq!(body("example.com", "/ws?v=2", &[canary]), "canary");
        assert_eq!(body("example.com", "/when", &[]), "404");
        assert_eq!(body("example.com", "/when", &[("X-B", "b")]), "absent");
        assert_eq!(body("example.com", "/when", &[("X-B", "ab")]), "404");
        let empty = b"GET /when HTTP/1.1\r\nHost: example.com\r\nX-B: b\r\nX-A:\r\n\r\n";
        assert_eq!(run.client().raw(empty).expect("an answer").status, 404);
        let host = run.client().host("example.com");
        assert_eq!(host.send("POST", "/when", &[], b"").text(), "post");
        let refused = host.websocket("/when", &[]).expect_err("no tunnel");
        assert_eq!(refused.text(), "upgrade");
        let other = host.send("DELETE", "/few", &[], b"");
        assert_eq!(
            (other.status, other.header("allow")),
            (405, Some("GET, HEAD"))
        );
        let second = Client::on(run.ports()[1]).host("example.com");
        assert_eq!(second.get("/when", &[]).text(), "only-other");
        for path in ["/ws/../few", "/ws//x", "/ws/%2E", "/ws%2Fx"] {
            assert_eq!(second.get(path, &[]).status, 400, "{path}");
        }
        assert_eq!(second.get("/%77s", &[]).text(), "ws");
        let closed = second
            .clone()
            .host("nobody.test")
            .try_send("GET", "/", &[], b"");
        assert!(closed.is_err(), "{closed:?}");
        assert_eq!(second.get("/nowhere", &[]).status, 404);
    });
}
