//! WebSockets: who becomes a tunnel, and who does not.

use super::each;
use crate::live::must::*;
use crate::live::{Answer, Stub};

#[test]
fn upgrades_pass_only_where_a_route_says_so() {
    let server = Stub::start("a");
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1 } }
upstreams: { app: { servers: ["$SERVER"] } }
routes:
  - { name: ws, path: /ws, upstream: app, websocket: true }
  - { name: only, path: /only, upstream: app, websocket: { only: true } }
  - { name: known, path: /known, upstream: app, websocket: { origins: [https://example.com, same_host] } }
  - { name: must, path: /must, upstream: app, websocket: { origins: [https://example.com], require_origin: true } }
  - { name: plain, path: /plain, upstream: app }
"#
    .replace("$SERVER", &server.address().to_string());
    each(&spec, |run| {
        run.websocket("/ws/room", &[])
            .expect("upgraded")
            .echo("hello");
        assert_eq!(run.get("/ws", &[]).status, 200);
        let plain = run.websocket("/plain", &[]).expect_err("no tunnel");
        assert_eq!(plain.status, 200);
        let seen = plain.seen();
        assert_eq!(
            (seen.header("upgrade"), seen.header("connection")),
            (None, None)
        );
        let h2c = run.get(
            "/ws",
            &[
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("Upgrade", "h2c"),
                ("HTTP2-Settings", "AAMAAABk"),
            ],
        );
        assert_eq!(h2c.seen().header("upgrade"), None);
        // 2.8 takes `h2c` out by itself; then the upgrade is clean.
        match run.websocket("/ws", &[("Upgrade", "websocket, h2c")]) {
            Ok(mut tunnel) => tunnel.echo("x"),
            Err(page) => assert!(page.status == 400 || page.seen().header("upgrade").is_none()),
        }
        let only = run.get("/only", &[]);
        assert_eq!(
            (only.status, only.header("upgrade")),
            (426, Some("websocket"))
        );
        run.websocket("/only", &[]).expect("upgraded").echo("x");
        for origin in [
            "https://evil.example",
            "https://example.com.evil.example",
            "http://example.com",
            "null",
        ] {
            let refused = run
                .websocket("/known", &[("Origin", origin)])
                .expect_err("no tunnel");
            assert_eq!(refused.status, 403, "{origin}");
        }
        let reached = server.requests_to("/known");
        assert!(
            !reached
                .iter()
                .any(|it| it.is_websocket()
                    && it.header("origin").is_some_and(|it| it.contains("evil"))),
            "a refused origin reaches no server"
        );
        for origin in ["https://example.com", "https://localhost"] {
            run.websocket("/known", &[("Origin", origin)])
                .expect(origin)
                .echo("x");
        }
        run.websocket("/known", &[]).expect("no browser").echo("x");
        assert_eq!(
            run.get("/known", &[("Origin", "https://evil.example")])
                .status,
            200
        );
        assert_eq!(
            run.websocket("/must", &[]).expect_err("no tunnel").status,
            403
        );
        run.websocket("/must", &[("Origin", "https://example.com")])
            .expect("known")
            .echo("x");
    });
    each(&spec, |run| {
        server.answer("/ws/refused", Answer::status(401).header("X-Why", "no"));
        let refused = run.websocket("/ws/refused", &[]).expect_err("no tunnel");
        assert_eq!((refused.status, refused.header("x-why")), (401, Some("no")));
    });
}
