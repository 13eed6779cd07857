//! Who may come, how often, and what a lost guard does.

use std::time::Duration;

use wsgen::targets::Layout;

use super::{each, rendered};
use crate::live::Stub;
use crate::live::must::*;

#[test]
fn limits_refuse_what_is_too_much() {
    let server = Stub::start("a");
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1, limits: { head: 4KiB }, proxy_protocol: true } }
upstreams: { app: { servers: ["$SERVER"] } }
routes:
  - { name: body, path: /body, upstream: app, limits: { body: 1KiB } }
  - { name: rate, path: /rate, upstream: app, limits: { requests: { rate: 1/min, burst: 2, exempt: [192.0.2.0/24] } } }
  - { name: key, path: /key, upstream: app, limits: { requests: { rate: 1/min, burst: 1, per: { header: X-Key } } } }
  - { name: one, path: /one, upstream: app, limits: { requests: { rate: 1/h, bucket: b } } }
  - { name: two, path: /two, upstream: app, limits: { requests: { rate: 1/h, bucket: b } } }
  - { name: open, path: /open, upstream: app, websocket: true, limits: { connections: { per: client, max: 2 } } }
  - { name: closed, path: /closed, upstream: app, clients: { allow: [198.51.100.0/24], deny: [198.51.100.7] } }
"#
    .replace("$SERVER", &server.address().to_string());
    each(&spec, |run| {
        let me = run.client().from("198.51.100.1");
        assert_eq!(me.send("POST", "/body", &[], &[b'x'; 1024]).status, 200);
        assert_eq!(me.send("POST", "/body", &[], &[b'x'; 1025]).status, 413);
        let chunked = me.raw(b"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n").expect("an answer");
        assert_eq!(chunked.status, 411);
        let long = "x".repeat(5000);
        assert_eq!(me.get("/body", &[("X-Long", &long)]).status, 431);
        assert_eq!(me.get(&format!("/body?{long}"), &[]).status, 431);
        let statuses: Vec<u16> = (0..5).map(|_| me.get("/rate", &[]).status).collect();
        assert_eq!(statuses, [200, 200, 200, 429, 429]);
        let late = me.get("/rate", &[]);
        assert_eq!(late.header("retry-after"), Some("60"));
        assert_eq!(
            run.client().from("198.51.100.2").get("/rate", &[]).status,
            200
        );
        let free = run.client().from("192.0.2.9");
        assert!((0..6).all(|_| free.get("/rate", &[]).status == 200));
        let key = |value| me.get("/key", &[("X-Key", value)]).status;
        assert_eq!(
            [key("a"), key("a"), key("a"), key("b")],
            [200, 200, 429, 200]
        );
        assert!((0..4).all(|_| me.get("/key", &[]).status == 200));
        assert_eq!(
            [me.get("/one", &[]).status, me.get("/two", &[]).status],
            [200, 429]
        );
        let first = me.websocket("/open", &[]).expect("upgraded");
        let _second = me.websocket("/open", &[]).expect("upgraded");
        assert_eq!(
            me.websocket("/open", &[]).expect_err("no tunnel").status,
            503
        );
        run.client()
            .from("198.51.100.2")
            .websocket("/open", &[])
            .expect("another client");
        drop(first);
        let start = std::time::Instant::now();
        while me.websocket("/open", &[]).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(3),
                "a closed tunnel is counted no more"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(me.get("/closed", &[]).status, 200);
        for other in ["198.51.100.7", "203.0.113.1"] {
            assert_eq!(
                run.client().from(other).get("/closed", &[]).status,
                403,
                "{other}"
            );
        }
        assert!(
            run.client().try_send("GET", "/open", &[], b"").is_err(),
            "no PROXY line, no answer"
        );
    });
}

#[test]
fn a_guard_that_cannot_be_kept_closes_the_route() {
    let server = Stub::start("a");
    let spec = format!(
        r#"
wsgen: 1
listeners: {{ web: {{ port: $PORT, address: 127.0.0.1 }} }}
upstreams: {{ app: {{ servers: ["{a}"] }}, id: {{ servers: ["{a}"] }} }}
auth:
  staff: {{ basic: {{ file: htpasswd }} }}
  sso: {{ forward: {{ upstream: id }} }}
  keys: {{ jwt: {{ keys: {{ jwks: {{ file: keys.json }} }} }} }}
  secret: {{ jwt: {{ keys: {{ hs256: {{ file: secret.txt }} }} }} }}
routes:
  - {{ name: staff, path: /staff, upstream: app, auth: staff, websocket: true }}
  - {{ name: sso, path: /sso, upstream: app, auth: sso }}
  - {{ name: keys, path: /keys, upstream: app, auth: keys }}
  - {{ name: secret, path: /secret, respond: {{ body: open }}, auth: secret }}
  - {{ name: open, path: /open, upstream: app }}
targets: {{ haproxy: {{ on_loss: warn }} }}
"#,
        a = server.address()
    );
    let strict = spec
        .replace("on_loss: warn", "on_loss: error")
        .replace("$PORT", "8080");
    let (file, report) = rendered(&strict, "2.8", Layout::Full);
    assert!(file.is_err(), "an error, and no file");
    for code in [
        "haproxy::auth.basic",
        "haproxy::auth.forward",
        "haproxy::auth.jwks",
        "haproxy::auth.jwt",
    ] {
        assert!(report.diags.iter().any(|it| it.code == code), "{code}");
    }
    each(&spec, |run| {
        for path in ["/staff", "/sso", "/keys", "/secret"] {
            assert_eq!(
                run.get(path, &[("Authorization", "Basic YTpi")]).status,
                503,
                "{path}"
            );
        }
        assert!(
            run.websocket("/staff", &[])
                .err()
                .is_some_and(|it| it.status == 503)
        );
        assert_eq!(run.get("/open", &[]).status, 200);
    });
}
