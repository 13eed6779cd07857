//! The harness proves itself on hand-written files: what it says of a program is what the program does.

use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use super::must::*;
use super::{Answer, Authority, Event, Running, Stub, port};
use wsgen::verify::process::members;

use crate::programs::{HAPROXY, NGINX, Program, present};

const SECOND: Duration = Duration::from_secs(1);

/// One route, `/ws` and below, to one server; a tunnel may be idle for a second, a drain may last one.
fn file(program: &Program, port: u16, server: &str) -> String {
    if program.is_nginx() {
        return format!(
            r#"worker_shutdown_timeout 1s;
events {{}}
http {{
    access_log off;
    map $http_upgrade $up {{ default ""; websocket upgrade; }}
    server {{
        listen 127.0.0.1:{port};
        location /ws {{
            proxy_pass http://{server};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $up;
            proxy_read_timeout 1s;
        }}
        location / {{ return 404; }}
    }}
}}
"#
        );
    }
    format!(
        r"global
  hard-stop-after 1s
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
  timeout tunnel 1s
  retries 0
frontend in
  bind 127.0.0.1:{port}
  acl ws path -m beg -- /ws
  use_backend stub if ws
  default_backend none
backend stub
  server s {server}
backend none
  http-request return status 404
"
    )
}

fn each(names: &[&str], test: impl Fn(&Program) + Sync) {
    // Side by side: each waits far more than it works.
    let programs = present(names);
    std::thread::scope(|scope| {
        let tests: Vec<_> = programs
            .iter()
            .map(|program| (program, scope.spawn(|| test(program))))
            .collect();
        for (program, thread) in tests {
            if let Err(why) = thread.join() {
                let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
                panic!("{}: {why}", program.name);
            }
        }
    });
}

fn all() -> Vec<&'static str> {
    [NGINX, HAPROXY].concat()
}

#[test]
fn harness_passes_requests_and_tunnels() {
    each(&all(), |program| {
        let stub = Stub::start("a");
        let run = Running::start(program, &file(program, port(), &stub.address().to_string()));

        let response = run.client().send(
            "POST",
            "/ws/x?q=%20",
            &[("Host", "H.example"), ("X-One", "1,  2")],
            b"body",
        );
        assert_eq!((response.status, response.server()), (200, "a"));
        let seen = response.seen();
        assert_eq!(
            (seen.method.as_str(), seen.target.as_str()),
            ("POST", "/ws/x?q=%20")
        );
        assert_eq!(
            (seen.header("host"), seen.header("x-one")),
            (Some("H.example"), Some("1,  2"))
        );
        assert_eq!(seen.body, b"body");
        assert_eq!(
            stub.requests_to("/ws/x")
                .first()
                .map(|request| request.headers.clone()),
            Some(seen.headers)
        );

        assert_eq!(run.get("/else", &[]).status, 404);
        let mut tunnel = run
            .websocket("/ws", &[("Sec-WebSocket-Protocol", "chat, x")])
            .expect("upgraded");
        assert_eq!(
            (
                tunnel.server(),
                tunnel.response.header("sec-websocket-protocol")
            ),
            ("a", Some("chat"))
        );
        tunnel.echo("hello");
        assert_eq!(stub.tunnels(), 1);
        assert!(
            stub.requests_to("/ws")
                .iter()
                .all(super::Request::is_websocket)
        );

        let refusal = run
            .websocket("/ws", &[("X-Status", "403"), ("X-Reply", "X-Why: no")])
            .expect_err("refused");
        assert_eq!((refusal.status, refusal.header("x-why")), (403, Some("no")));
        assert_eq!(
            run.websocket("/else", &[])
                .err()
                .map(|response| response.status),
            Some(404)
        );
    });
}

#[test]
fn harness_sees_idle_tunnels_end() {
    each(&all(), |program| {
        let stub = Stub::start("a");
        let run = Running::start(program, &file(program, port(), &stub.address().to_string()));
        let mut kept = run.websocket("/ws", &[]).expect("upgraded");
        let mut idle = run.websocket("/ws", &[]).expect("upgraded");
        // Traffic from the server restarts the clock, here until 1.2 s.
        kept.send(tungstenite::Message::text("tick 600 2"))
            .expect("sent");
        let (how, after) = idle.ends_within(3 * SECOND).expect("ended");
        assert_eq!(how, Event::End);
        assert!(after > SECOND * 4 / 5 && after < SECOND * 2, "{after:?}");
        assert_eq!(
            (kept.read(), kept.read()),
            (Event::Text("tick 1".into()), Event::Text("tick 2".into()))
        );
        assert_eq!(
            kept.ends_within(3 * SECOND).map(|end| end.0),
            Some(Event::End)
        );
        assert_eq!(stub.ends(2), ["end", "end"]);
    });
}

#[test]
fn harness_scripts_a_stub() {
    each(&all(), |program| {
        let mut stub = Stub::start("a");
        let run = Running::start(program, &file(program, port(), &stub.address().to_string()));
        stub.answer(
            "/ws/fixed",
            Answer::status(418)
                .header("Set-Cookie", "a=b")
                .body("short"),
        );
        let response = run.get("/ws/fixed", &[]);
        assert_eq!(
            (
                response.status,
                response.text().as_str(),
                response.header("set-cookie")
            ),
            (418, "short", Some("a=b"))
        );

        let start = Instant::now();
        assert_eq!(
            run.get("/ws", &[("X-Delay", "200"), ("X-Size", "50000")])
                .body
                .len(),
            50_000
        );
        assert!(start.elapsed() >= SECOND / 5);

        let mut connection = run.client().connect().expect("connected");
        connection
            .write(b"GET /ws HTTP/1.1\r\nHost: h\r\nX-Ticks: 2\r\nX-Every: 1\r\n\r\n")
            .expect("sent");
        assert_eq!(
            connection.head().expect("a head").header("content-type"),
            Some("text/event-stream")
        );

        let failed = if program.is_nginx() { 502 } else { 503 };
        assert_eq!(run.get("/ws", &[("X-Drop", "1")]).status, 502);
        let mut tunnel = run.websocket("/ws", &[]).expect("upgraded");
        stub.stop();
        assert_eq!(tunnel.read(), Event::End);
        assert_eq!(run.get("/ws", &[]).status, failed);
        stub.listen();
        // nginx: a single server is never out for its failures.
        assert_eq!(run.get("/ws", &[]).status, 200);
    });
}

#[test]
fn harness_knows_close_frames() {
    each(&all(), |program| {
        let stub = Stub::start("a");
        let run = Running::start(program, &file(program, port(), &stub.address().to_string()));
        let mut tunnel = run.websocket("/ws", &[]).expect("upgraded");
        for (say, hear) in [
            ("ping", Event::Ping),
            ("who", Event::Text("a".into())),
            ("close 4001", Event::Close(4001)),
        ] {
            tunnel.send(tungstenite::Message::text(say)).expect("sent");
            assert_eq!(tunnel.read(), hear);
        }
        assert_eq!(tunnel.read(), Event::End);
        let mut tunnel = run.websocket("/ws", &[]).expect("upgraded");
        tunnel
            .send(tungstenite::Message::text("drop"))
            .expect("sent");
        assert_eq!(tunnel.read(), Event::End);
    });
}

#[test]
fn harness_reloads_and_stops() {
    each(&all(), |program| {
        let (old, new) = (Stub::start("old"), Stub::start("new"));
        let port = port();
        let mut run = Running::start(program, &file(program, port, &old.address().to_string()));
        assert!(run.reload("nonsense\n").is_err());
        let mut tunnel = run.websocket("/ws", &[]).expect("upgraded");
        run.reload(&file(program, port, &new.address().to_string()))
            .expect("reloaded");
        assert_eq!(run.get("/ws", &[]).server(), "new");
        tunnel.echo("still here");
        drop(tunnel);

        let mut tunnel = run.websocket("/ws", &[]).expect("upgraded");
        let start = Instant::now();
        run.stop_soft();
        assert_eq!(
            tunnel.ends_within(3 * SECOND).map(|end| end.0),
            Some(Event::End)
        );
        assert!(start.elapsed() > SECOND / 2, "{:?}", start.elapsed());
        assert!(run.gone_within(3 * SECOND).is_some());
    });
}

#[test]
fn harness_speaks_tls() {
    each(&all(), |program| {
        let authority = Authority::new();
        let pair = authority.issue(&["h.example"]);
        let inside = authority.issue(&["up.internal"]);
        let stub = Stub::tls("a", &inside);
        let plain = file(program, port(), &stub.address().to_string());
        let (text, main) = if program.is_nginx() {
            let listen = " ssl; ssl_certificate c.pem; ssl_certificate_key c.pem;\n        proxy_ssl_verify on; \
                          proxy_ssl_trusted_certificate ca.pem; proxy_ssl_name up.internal;\n        location /ws {";
            let text = plain
                .replace(";\n        location /ws {", listen)
                .replace("http://127", "https://127");
            (text, "nginx.conf")
        } else {
            let text = plain.replace("\n  acl", " ssl crt c.pem alpn http/1.1\n  acl");
            let server = format!("server s {}", stub.address());
            (
                text.replace(
                    &server,
                    &format!("{server} ssl verify required ca-file ca.pem verifyhost up.internal"),
                ),
                "haproxy.cfg",
            )
        };
        let run = Running::start_with(
            program,
            &[
                (main, &text),
                ("c.pem", &pair.joined()),
                ("ca.pem", &authority.pem()),
            ],
        );
        let client = run.client().host("h.example").tls(&authority);
        assert_eq!(
            client.get("/ws", &[]).seen().header("host"),
            Some("h.example")
        );
        client
            .websocket("/ws", &[])
            .expect("upgraded")
            .echo("secret");
        assert!(
            client
                .clone()
                .server_name("other.example")
                .try_send("GET", "/ws", &[], b"")
                .is_err()
        );
        assert!(
            client
                .tls(&Authority::new())
                .try_send("GET", "/ws", &[], b"")
                .is_err()
        );
    });
}

#[test]
fn harness_claims_addresses() {
    each(&all(), |program| {
        let stub = Stub::start("a");
        let plain = file(program, port(), &stub.address().to_string());
        let text = if program.is_nginx() {
            plain
                .replace(";\n        location /ws {", " proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;\n        location /ws {")
                .replace("proxy_set_header Host", "proxy_set_header X-From $remote_addr; proxy_set_header Host")
        } else {
            plain.replace(
                "\n  acl",
                " accept-proxy\n  http-request set-header X-From %[src]\n  acl",
            )
        };
        let run = Running::start(program, &text);
        let seen = run.client().from("192.0.2.7").get("/ws", &[]).seen();
        assert_eq!(seen.header("x-from"), Some("192.0.2.7"));
    });
}

#[test]
fn harness_leaves_nothing_behind() {
    each(&all(), |program| {
        let port = port();
        let run = Running::start(program, &file(program, port, "127.0.0.1:9"));
        let group = run.run.pid();
        assert!(!members(group).is_empty());
        drop(run);
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        assert_eq!(members(group), Vec::<u32>::new());
    });
}
