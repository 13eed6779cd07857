//! WebSockets: who becomes a tunnel, who does not, and what ends one.

use std::time::Duration;

use super::{each, each_with};
use crate::live::must::*;
use crate::live::{Answer, Event, Stub};

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

#[test]
fn each_timer_ends_its_own_silence() {
    let server = Stub::start("a");
    server.answer(
        "/slow",
        Answer::status(200).after(Duration::from_millis(2500)),
    );
    server.answer(
        "/stream/slow",
        Answer::status(200).after(Duration::from_millis(2500)),
    );
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1, timeouts: { head: 1s, keepalive: 1s } } }
upstreams: { app: { servers: ["$SERVER"] } }
routes:
  - { name: short, path: /short, upstream: app, websocket: { idle: 1s }, timeouts: { response: 1s } }
  - { name: long, path: /long, upstream: app, websocket: { idle: 1m }, timeouts: { response: 1s } }
  - { name: slow, path: /slow, upstream: app, timeouts: { response: 1s } }
  - { name: stream, path: /stream, upstream: app, stream: { idle: 20s } }
"#
    .replace("$SERVER", &server.address().to_string());
    each(&spec, |run| {
        let mut short = run.websocket("/short", &[]).expect("upgraded");
        let mut long = run.websocket("/long", &[]).expect("upgraded");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..4 {
                    std::thread::sleep(Duration::from_millis(500));
                    short
                        .send(tungstenite::Message::Ping(Vec::new().into()))
                        .expect("open");
                    assert_eq!(short.read(), Event::Pong);
                }
                let (end, after) = short.ends_within(Duration::from_secs(4)).expect("it ends");
                assert_eq!(end, Event::End);
                assert!(after > Duration::from_millis(800), "{after:?}");
                long.echo("still here");
            });
            scope.spawn(|| assert_eq!(run.get("/slow", &[]).status, 504));
            scope.spawn(|| assert_eq!(run.get("/stream/slow", &[]).status, 200));
            scope.spawn(|| {
                let mut half = run.client().connect().expect("it listens");
                half.write(b"GET / HTTP/1.1\r\nHost: ").expect("open");
                let late = half.response("GET").map(|it| it.status);
                assert!(matches!(late, Ok(408) | Err(_)), "{late:?}");
            });
            scope.spawn(|| {
                let mut kept = run.client().connect().expect("it listens");
                assert_eq!(
                    kept.send("GET", "/stream", &[], b"")
                        .expect("an answer")
                        .status,
                    200
                );
                assert!(kept.ends_within(Duration::from_secs(3)).expect("it ends"));
            });
        });
    });
}

/// What is lost of a tunnel: nobody reads its frames, nobody pings, and no age ends it.
#[test]
fn a_tunnel_is_only_bytes() {
    let server = Stub::start("a");
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1 } }
upstreams: { app: { servers: ["$SERVER"] } }
routes: [{ name: ws, path: /, upstream: app, websocket: { max_message: 1KiB, messages: { rate: 1/min }, ping: 300ms, max_duration: 1s } }]
targets: { haproxy: { on_loss: warn } }
"#
    .replace("$SERVER", &server.address().to_string());
    each(&spec, |run| {
        let mut tunnel = run.websocket("/", &[]).expect("upgraded");
        (0..10).for_each(|_| tunnel.echo(&"x".repeat(4000)));
        let event = tunnel.read_within(Duration::from_millis(1500));
        assert_eq!(event, Event::Quiet);
        tunnel.echo("still here");
    });
}

#[test]
fn a_stop_ends_tunnels_when_the_drain_time_is_over() {
    let server = Stub::start("a");
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1 } }
upstreams: { app: { servers: ["$SERVER"] } }
runtime: { drain: { timeout: 1s, spread: 500ms } }
routes: [{ name: ws, path: /, upstream: app, websocket: true }]
"#
    .replace("$SERVER", &server.address().to_string());
    each_with(&spec, &[], |mut run| {
        let mut tunnel = run.websocket("/", &[]).expect("upgraded");
        run.stop_soft();
        std::thread::sleep(Duration::from_millis(300));
        tunnel.echo("still here");
        let (end, _) = tunnel.ends_within(Duration::from_secs(5)).expect("it ends");
        assert_eq!(end, Event::End);
        assert!(run.gone_within(Duration::from_secs(5)).is_some());
    });
}
