//! WebSockets and streams: who becomes a tunnel, who does not, and when it ends.

use std::time::{Duration, Instant};

use super::{Gate, each, plain};
use crate::live::must::*;
use crate::live::{Event, Stub};

const SOCKETS: &str = r#"
upstreams: { a: { servers: ["@a"] } }
routes:
  - { name: ws, path: /ws, upstream: a, websocket: { idle: 1s, origins: [https://ok.example, same_host] }, timeouts: { response: 60s } }
  - { name: strict, path: /strict, upstream: a, websocket: { origins: [https://ok.example], require_origin: true } }
  - { name: only, path: /only, upstream: a, websocket: { only: true } }
  - { name: more, path: /more, upstream: a, websocket: { tokens: [websocket, echo], methods: [GET, POST] } }
  - { name: page, path: /, upstream: a }
"#;

#[test]
fn upgrades_pass_where_a_route_says_so() {
    each(|at| {
        let stub = Stub::start("a");
        let gate = Gate::start(at, &plain(SOCKETS), &[&stub], &[]);
        for path in ["/ws", "/ws/room/1?x=%20"] {
            gate.websocket(path, &[]).expect("upgraded").echo("hello");
        }
        let seen = stub.requests_to("/ws/room/1");
        assert_eq!(seen[0].target, "/ws/room/1?x=%20");
        assert!(seen[0].is_websocket());
        assert_eq!(seen[0].version, "HTTP/1.1");

        // A plain route answers as if nobody had asked.
        let answer = gate.websocket("/page", &[]).expect_err("no tunnel");
        assert_eq!((answer.status, answer.server()), (200, "a"));
        assert_eq!(answer.seen().header("upgrade"), None);
        assert_eq!(gate.get("/ws", &[]).status, 200);

        // Other tokens, and a request that does not mean it.
        for headers in [
            &[("Upgrade", "h2c")][..],
            &[("Connection", "keep-alive")],
            &[("Upgrade", "websocket, h2c")],
        ] {
            let answer = gate.websocket("/ws", headers).expect_err("no tunnel");
            assert_eq!(answer.seen().header("upgrade"), None, "{headers:?}");
        }
        let upgrade = [
            ("Upgrade", "WebSocket"),
            ("Connection", "keep-alive, Upgrade"),
        ];
        let post = gate.client().send("POST", "/ws", &upgrade, b"x");
        assert_eq!(post.seen().header("upgrade"), None);
        gate.websocket("/ws", &upgrade).expect("upgraded").echo("x");
        let echo = gate.websocket("/more", &[("Upgrade", "echo")]);
        let echo = echo.err().map(|answer| answer.seen());
        assert_eq!(
            echo.as_ref().and_then(|seen| seen.header("upgrade")),
            Some("echo")
        );

        let refused = gate.get("/only", &[]);
        assert_eq!(
            (refused.status, refused.header("upgrade")),
            (426, Some("websocket"))
        );
        gate.websocket("/only/x", &[]).expect("upgraded").echo("x");
    });
}

#[test]
fn origins_are_checked_before_a_server_is_asked() {
    each(|at| {
        let stub = Stub::start("a");
        let gate = Gate::start(at, &plain(SOCKETS), &[&stub], &[]);
        let status = |path: &str, headers: &[(&str, &str)]| match gate.websocket(path, headers) {
            Ok(_) => 101,
            Err(answer) => answer.status,
        };
        for (origin, expected) in [
            ("https://ok.example", 101),
            ("https://OK.example", 101),
            ("https://ok.example.evil.example", 403),
            ("https://evil.example/https://ok.example", 403),
            ("http://ok.example", 403),
            ("https://localhost", 101),
            ("null", 403),
        ] {
            assert_eq!(status("/ws", &[("Origin", origin)]), expected, "{origin}");
        }
        let before = stub.requests().len();
        assert_eq!(status("/ws", &[("Origin", "https://evil.example")]), 403);
        assert_eq!(stub.requests().len(), before);
        assert_eq!(status("/ws", &[]), 101);
        assert_eq!(status("/strict", &[]), 403);
        assert_eq!(status("/strict", &[("Origin", "https://ok.example")]), 101);
        // A page of another origin may still be read: only sockets are guarded.
        assert_eq!(
            gate.get("/ws", &[("Origin", "https://evil.example")])
                .status,
            200
        );
    });
}

#[test]
fn idle_tunnels_end_and_pings_keep_them() {
    each(|at| {
        let stub = Stub::start("a");
        let gate = Gate::start(at, &plain(SOCKETS), &[&stub], &[]);
        let mut idle = gate.websocket("/ws", &[]).expect("upgraded");
        let mut kept = gate.websocket("/ws", &[]).expect("upgraded");
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1800) {
            kept.echo("still here");
            std::thread::sleep(Duration::from_millis(300));
        }
        let (how, _) = idle.ends_within(Duration::from_secs(2)).expect("ended");
        assert_eq!(how, Event::End);
        kept.echo("and now");
        // A plain answer has its own time.
        assert_eq!(gate.get("/ws", &[("X-Delay", "1500")]).status, 200);
    });
}

const STREAM: &str = r#"
upstreams: { a: { servers: ["@a"] } }
routes:
  - { name: events, path: /events, upstream: a, stream: { idle: 1s, request: true } }
  - { name: short, path: /short, upstream: a, timeouts: { response: 1s, idle: 1s } }
  - { name: page, path: /, upstream: a, compression: on }
"#;

#[test]
fn streams_arrive_as_they_are_sent() {
    each(|at| {
        let stub = Stub::start("a");
        let gate = Gate::start(at, &plain(STREAM), &[&stub], &[]);
        let mut connection = gate.client().connect().expect("connected");
        connection
            .write(b"GET /events HTTP/1.1\r\nHost: h\r\nX-Ticks: 4\r\nX-Every: 300\r\n\r\n")
            .expect("sent");
        let start = Instant::now();
        connection.head().expect("a head");
        connection.chunk().expect("a tick");
        assert!(
            start.elapsed() < Duration::from_millis(700),
            "{:?}",
            start.elapsed()
        );
        let slow = gate.get("/events", &[("X-Delay", "2500")]);
        assert_eq!(slow.status, 504);
        let start = Instant::now();
        assert_eq!(gate.get("/short", &[("X-Delay", "2500")]).status, 504);
        assert!(
            start.elapsed() < Duration::from_millis(1900),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(stub.requests_to("/short").len(), 1);
        assert_eq!(gate.get("/page", &[("X-Delay", "1500")]).status, 200);
        let gzip = gate.get("/page", &[("Accept-Encoding", "gzip")]);
        assert_eq!(
            (gzip.header("content-encoding"), gzip.header("vary")),
            (Some("gzip"), Some("Accept-Encoding"))
        );
        assert_eq!(
            gate.get("/events", &[("Accept-Encoding", "gzip")])
                .header("content-encoding"),
            None
        );
    });
}
