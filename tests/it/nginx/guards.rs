//! Who may come, how often, and what a lost guard does.

use super::{Gate, each, plain, rendered};
use crate::live::must::*;
use crate::live::{Answer, Client, Stub};
use wsgen::targets::Layout;

const GUARDS: &str = r#"
upstreams: { a: { servers: ["@a"] }, sso: { servers: ["@b"] }, dead: { servers: ["127.0.0.1:1"] } }
auth:
  staff: { basic: { file: users, realm: "sta$ff; {}", strip: true } }
  sso: { forward: { upstream: sso, path: /verify, send: [Cookie, X-Key], pass: [X-User], answer: [X-Session] } }
  gone: { forward: { upstream: dead } }
routes:
  - { name: basic, path: /basic, upstream: a, auth: staff, websocket: true }
  - { name: sso, path: /sso, upstream: a, auth: sso, websocket: true, request_headers: { set: { X-One: "1" } } }
  - { name: gone, path: /gone, upstream: a, auth: gone }
  - { name: allow, path: /allow, upstream: a, clients: { allow: [10.0.0.0/8] } }
  - { name: deny, path: /deny, upstream: a, clients: { deny: [127.0.0.1], allow: [127.0.0.0/8] } }
  - { name: in, path: /in, upstream: a, clients: { allow: [127.0.0.0/8] }, websocket: true }
  - { name: small, path: [/small, /little], upstream: a, websocket: true, limits: { body: 1KiB } }
  - { name: rate, path: /rate, upstream: a, limits: { requests: { rate: 1/min, burst: 2 } } }
  - { name: share1, path: /share1, upstream: a, limits: { requests: { rate: 1/min, burst: 1, bucket: b } } }
  - { name: share2, path: /share2, upstream: a, limits: { requests: { rate: 1/min, burst: 1, bucket: b } } }
  - { name: free, path: /free, upstream: a, limits: { requests: { rate: 1/min, burst: 1, exempt: [127.0.0.0/8] } } }
  - { name: key, path: /key, upstream: a, limits: { requests: { rate: 1/min, burst: 1, per: { header: X-Key } } } }
  - { name: few, path: /few, upstream: a, websocket: true, limits: { connections: { max: 2, per: client } } }
  - { name: site, path: /, upstream: a }
"#;

#[test]
fn guards() {
    each(|at| {
        let (stub, sso) = (Stub::start("a"), Stub::start("sso"));
        let users = "u:{PLAIN}p\n";
        let gate = Gate::start(at, &plain(GUARDS), &[&stub, &sso], &[("users", users)]);
        let client = gate.client();
        let status = |path: &str, headers: &[(&str, &str)]| gate.get(path, headers).status;
        let socket = |path: &str, headers: &[(&str, &str)]| match gate.websocket(path, headers) {
            Ok(_) => 101,
            Err(answer) => answer.status,
        };

        let refused = gate.get("/basic", &[]);
        assert_eq!(
            (refused.status, refused.header("www-authenticate")),
            (401, Some("Basic realm=\"sta$ff; {}\""))
        );
        assert_eq!(socket("/basic", &[]), 401);
        assert_eq!(socket("/basic", &[("Authorization", "Basic dTpw")]), 101);
        assert_eq!(
            gate.get("/basic", &[("Authorization", "Basic dTpw")])
                .seen()
                .header("authorization"),
            None
        );
        assert_eq!(status("/basic", &[("Authorization", "Basic dTpx")]), 401);

        assert_eq!(status("/allow", &[]), 403);
        assert_eq!(status("/deny", &[]), 403);
        assert_eq!(status("/in", &[]), 200);
        assert_eq!(socket("/in", &[]), 101);

        for path in ["/small/x", "/little"] {
            assert_eq!(client.send("POST", path, &[], &[b'x'; 1024]).status, 200);
            assert_eq!(client.send("POST", path, &[], &[b'x'; 1025]).status, 413);
            let mut connection = client.connect().expect("connected");
            let head =
                format!("POST {path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = format!("800\r\n{}\r\n0\r\n\r\n", "x".repeat(0x800));
            connection.write(head.as_bytes()).expect("sent");
            connection.write(chunk.as_bytes()).expect("sent");
            assert_eq!(connection.response("POST").expect("an answer").status, 413);
        }
        // The contract has no limit of its own.
        assert_eq!(
            client.send("POST", "/x", &[], &vec![b'x'; 2 << 20]).status,
            200
        );

        let codes: Vec<u16> = (0..5).map(|_| status("/rate", &[])).collect();
        assert_eq!(codes, [200, 200, 200, 429, 429]);
        assert_eq!(gate.get("/rate", &[]).header("retry-after"), Some("60"));
        assert_eq!(
            gate.get("/x", &[("X-Status", "429")]).header("retry-after"),
            None
        );
        assert_eq!(
            [
                status("/share1", &[]),
                status("/share2", &[]),
                status("/share1", &[])
            ],
            [200, 200, 429]
        );
        assert!((0..5).all(|_| status("/free", &[]) == 200));
        let keyed: Vec<u16> = ["a", "a", "a", "b", "", ""]
            .iter()
            .map(|key| status("/key", &[("X-Key", key)]))
            .collect();
        assert_eq!(keyed, [200, 200, 429, 200, 200, 200]);

        let tunnels = [gate.websocket("/few", &[]), gate.websocket("/few", &[])];
        assert!(tunnels.iter().all(Result::is_ok));
        assert_eq!(socket("/few", &[]), 503);
        assert_eq!(status("/few", &[]), 503);
    });
}

#[test]
fn another_service_decides() {
    each(|at| {
        let (stub, sso) = (Stub::start("a"), Stub::start("sso"));
        let gate = Gate::start(at, &plain(GUARDS), &[&stub, &sso], &[("users", "")]);
        sso.answer(
            "/verify",
            Answer::status(200)
                .header("X-User", "ann")
                .header("X-Session", "s1"),
        );
        let sent = [
            ("Cookie", "a=b"),
            ("X-User", "spoof"),
            ("X-Other", "x"),
            ("Content-Type", "t"),
        ];
        let answer = gate.client().send("POST", "/sso/x?y=1", &sent, b"body");
        assert_eq!(
            (answer.status, answer.header("x-session")),
            (200, Some("s1"))
        );
        let seen = answer.seen();
        assert_eq!(seen.headers.all("x-user"), ["ann"]);
        assert_eq!(
            (seen.header("x-one"), seen.body.as_slice()),
            (Some("1"), &b"body"[..])
        );
        let asked = &sso.requests_to("/verify")[0];
        assert_eq!((asked.method.as_str(), asked.body.len()), ("GET", 0));
        for (name, value) in [
            ("cookie", Some("a=b")),
            ("x-other", None),
            ("x-user", None),
            ("x-forwarded-method", Some("POST")),
            ("x-forwarded-uri", Some("/sso/x?y=1")),
            ("x-forwarded-for", Some("127.0.0.1")),
            ("x-real-ip", Some("127.0.0.1")),
            ("host", Some("localhost")),
        ] {
            assert_eq!(asked.header(name), value, "{name}");
        }
        let tunnel = gate
            .websocket("/sso", &[("Cookie", "a=b")])
            .expect("upgraded");
        assert_eq!(tunnel.response.header("x-session"), Some("s1"));
        let seen = stub.requests_to("/sso");
        assert_eq!(
            seen.last().and_then(|seen| seen.header("x-user")),
            Some("ann")
        );
        assert!(seen.last().is_some_and(crate::live::Request::is_websocket));
        assert!(
            sso.requests()
                .iter()
                .all(|asked| asked.header("upgrade").is_none())
        );

        let before = stub.requests().len();
        for (status, name, value) in [
            (401, "WWW-Authenticate", "Bearer"),
            (302, "Location", "https://id.example/login?x=$y"),
            (404, "X-Why", "lost"),
        ] {
            sso.answer(
                "/verify",
                Answer::status(status).header(name, value).body("why"),
            );
            let answer = gate.get("/sso", &[]);
            assert_eq!((answer.status, answer.header(name)), (status, Some(value)));
            assert_eq!(answer.text(), "why");
            assert_eq!(
                gate.websocket("/sso", &[])
                    .err()
                    .map(|answer| answer.status),
                Some(status)
            );
        }
        sso.answer("/verify", Answer::status(403).body("why"));
        assert_eq!(gate.get("/sso", &[]).status, 403);
        assert_eq!(gate.get("/gone", &[]).status, 503);
        drop(sso);
        assert_eq!(gate.get("/sso", &[]).status, 503);
        assert_eq!(stub.requests().len(), before);
        assert_eq!(gate.get("/.wsgen/auth/sso", &[]).status, 404);
    });
}

const LOST: &str = r#"
upstreams: { a: { servers: ["@a"] } }
auth:
  token: { jwt: { keys: { hs256: { env: KEY } } } }
  key: { api_key: { keys: { file: keys.txt }, from: [{ header: apikey }] } }
routes:
  - { name: token, path: /token, upstream: a, auth: token, websocket: true }
  - { name: key, path: /key, auth: key, respond: { body: inside } }
  - { name: site, path: /, upstream: a }
targets: { nginx: { on_loss: warn } }
"#;

#[test]
fn a_lost_guard_closes_its_route() {
    let (without, _) = rendered(
        &plain(LOST)
            .replace("on_loss: warn", "")
            .replace("@a", "127.0.0.1:9")
            .replace("PORT", "8080"),
        "1.31",
        Layout::Full,
    );
    assert!(without.expect_err("an error").contains("nginx::auth.jwt"));
    each(|at| {
        let stub = Stub::start("a");
        let gate = Gate::start(at, &plain(LOST), &[&stub], &[]);
        for path in ["/token", "/token/x", "/key"] {
            assert_eq!(gate.get(path, &[("apikey", "x")]).status, 503, "{path}");
        }
        assert_eq!(
            gate.websocket("/token", &[])
                .err()
                .map(|answer| answer.status),
            Some(503)
        );
        assert_eq!(stub.requests().len(), 0);
        assert_eq!(gate.get("/x", &[]).status, 200);
    });
}

const LOG: &str = r#"
wsgen: 1
listeners: { main: { port: PORT, address: 127.0.0.1 } }
upstreams: { a: { servers: ["@a"] } }
routes:
  - { name: quiet, path: /quiet, upstream: a, log: off }
  - { name: ws, path: /ws, upstream: a, websocket: true }
  - { name: site, path: /, upstream: a }
log: { redact: { query: [token, key], headers: [Referer] } }
runtime: { workers: 1 }
targets: { nginx: { access_log: stderr } }
"#;

#[test]
fn secrets_never_reach_the_log() {
    each(|at| {
        let stub = Stub::start("a");
        let scratch = crate::scratch::Scratch::new("log");
        let file = scratch.path().join("access.log");
        let room = format!("access_log: \"{}\"", file.display());
        let gate = Gate::start(at, &LOG.replace("access_log: stderr", &room), &[&stub], &[]);
        for path in [
            "/x?token=SECRET&b=1",
            "/x?a=1&TOKEN=SECRET",
            "/x?token=SECRET&x&token=SECRET2",
            "/x?to%6ben=SECRET&key=SECRET",
            "/quiet?z=QUIET",
            "/plain?b=2",
        ] {
            gate.get(
                path,
                &[
                    ("Referer", "http://x/?token=SECRET"),
                    ("User-Agent", "a\"b"),
                ],
            );
        }
        drop(gate.websocket("/ws?token=SECRET", &[]).expect("upgraded"));
        let start = std::time::Instant::now();
        while !scratch.read("access.log").contains("\"status\":101")
            && start.elapsed().as_secs() < 5
        {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let log = scratch.read("access.log");
        assert!(!log.contains("SECRET") && !log.contains("QUIET"), "{log}");
        let lines: Vec<serde_json::Value> = log
            .lines()
            .filter(|line| line.starts_with('{'))
            .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
            .collect();
        assert_eq!(lines.len(), 6, "{log}");
        assert_eq!(
            (&lines[0]["path"], &lines[0]["query"]),
            (&"/x".into(), &"token=REDACTED&b=1".into())
        );
        assert_eq!(
            (
                &lines[4]["query"],
                &lines[4]["route"],
                &lines[4]["upstream"]
            ),
            (&"b=2".into(), &"site".into(), &"a".into())
        );
        assert_eq!(
            (&lines[4]["user_agent"], &lines[4]["referer"]),
            (&"a\"b".into(), &"REDACTED".into())
        );
        assert_eq!(lines[4]["server"], stub.address().to_string());
        assert_eq!(
            (&lines[5]["status"], &lines[5]["route"]),
            (&101.into(), &"ws".into())
        );
    });
}

const METRICS: &str = r#"
wsgen: 1
listeners: { main: { port: PORT, address: 127.0.0.1, limits: { head: 4KiB, connections: 3 } } }
routes: [{ name: site, path: /, respond: { body: x } }]
metrics: { port: PORT, address: 127.0.0.1 }
"#;

#[test]
fn metrics_and_large_heads() {
    each(|at| {
        let gate = Gate::start(at, METRICS, &[], &[]);
        let texts: Vec<String> = gate
            .ports()
            .iter()
            .map(|port| Client::on(*port).get("/metrics", &[]).text())
            .collect();
        let text = texts
            .iter()
            .find(|text| text.contains("nginx_up 1\n"))
            .expect("metrics");
        assert_eq!(
            text.contains("nginx_connections_active "),
            !gate.is_new(),
            "{text}"
        );
        let port = gate.ports()[texts.iter().position(|text| text == "x").expect("the site")];
        let large = "x".repeat(5000);
        assert_eq!(
            Client::on(port).get("/", &[("X-Large", &large)]).status,
            431
        );
        assert_eq!(Client::on(port).get(&format!("/{large}"), &[]).status, 414);
        assert_eq!(
            Client::on(port)
                .get("/", &[("X-Large", &large[..900])])
                .status,
            200
        );
    });
}
