//! Origins of pages that open sockets: those that the spec names, and nobody who only looks like them; no server hears of the others.

use std::io::{Read, Write};

use super::{Site, connect};

const SPEC: &str = "\
wsgen: 1
listeners: { web: { port: PORT, address: 127.0.0.1, http2: on } }
upstreams: { app: { servers: [\"SERVER\"] } }
routes:
  - name: named
    path: /named
    upstream: app
    websocket: { origins: [\"https://good.example\", \"https://good.example:8443\", \"http://[2001:db8::1]:81\"] }
  - { name: strict, path: /strict, upstream: app, websocket: { origins: [\"https://good.example\"], require_origin: true } }
  - { name: own, path: /own, upstream: app, websocket: { origins: same_host } }
  - { name: open, path: /open, upstream: app, websocket: true }
";

/// The status of a handshake with these lines, by HTTP/1.1.
fn status(site: &Site, path: &str, host: &str, origins: &[&str]) -> u16 {
    let mut stream = connect(site.address);
    let lines: String = origins
        .iter()
        .map(|it| format!("Origin: {it}\r\n"))
        .collect();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut start = [0; 12];
    stream.read_exact(&mut start).expect("an answer");
    let start = String::from_utf8_lossy(&start).into_owned();
    start[9..].parse().unwrap_or_else(|_| panic!("{start}"))
}

const GOOD: &str = "https://good.example";

#[test]
fn an_origin_is_named_or_refused() {
    let site = Site::start(SPEC);
    let mut faults = Vec::new();
    let mut passed = 0;
    for (path, origins, wanted) in [
        ("/named", &[GOOD][..], 101),
        ("/named", &["HTTPS://Good.Example"], 101),
        ("/named", &["  https://good.example\t"], 101),
        ("/named", &["https://good.example:8443"], 101),
        ("/named", &["http://[2001:db8::1]:81"], 101),
        ("/named", &["http://[2001:DB8::1]:81"], 101),
        ("/named", &["http://[2001:db8::1]"], 403),
        ("/named", &["http://good.example"], 403),
        ("/named", &["wss://good.example"], 403),
        ("/named", &["good.example"], 403),
        ("/named", &["//good.example"], 403),
        ("/named", &["https://good.example:8444"], 403),
        ("/named", &["https://good.example:"], 403),
        ("/named", &["https://good.example/"], 403),
        ("/named", &["https://good.example/chat"], 403),
        ("/named", &["https://good.example#"], 403),
        ("/named", &["https://good.example?"], 403),
        ("/named", &["https://good.example.evil.example"], 403),
        ("/named", &["https://xgood.example"], 403),
        ("/named", &["https://sub.good.example"], 403),
        (
            "/named",
            &["https://evil.example#https://good.example"],
            403,
        ),
        ("/named", &["https://good.example@evil.example"], 403),
        ("/named", &["https://evil.example@good.example"], 403),
        (
            "/named",
            &["https://evil.example, https://good.example"],
            403,
        ),
        (
            "/named",
            &["https://good.example, https://evil.example"],
            403,
        ),
        (
            "/named",
            &["https://good.example https://evil.example"],
            403,
        ),
        ("/named", &[GOOD, "https://evil.example"], 403),
        ("/named", &["https://evil.example", GOOD], 403),
        ("/named", &[GOOD, "null"], 403),
        ("/named", &["null"], 403),
        ("/named", &[""], 403),
        ("/named", &["*"], 403),
        ("/named", &["file://"], 403),
        ("/named", &["chrome-extension://good.example"], 403),
        ("/named", &["https://good\u{2024}example"], 403),
        ("/named", &["https://\u{ff47}ood.example"], 403),
        // No browser: it could say anything.
        ("/named", &[], 101),
        ("/strict", &[GOOD], 101),
        ("/strict", &[], 403),
        ("/strict", &[""], 403),
        ("/strict", &["null"], 403),
        ("/open", &["https://evil.example"], 101),
        ("/open", &["null"], 101),
        ("/open", &[], 101),
    ] {
        let came = status(&site, path, "good.example", origins);
        if came != wanted {
            faults.push(format!("{path} {origins:?}: {came}, not {wanted}"));
        }
        passed += usize::from(wanted == 101);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(
        site.stub.requests().len(),
        passed,
        "a server heard of others"
    );
}

/// The page's host and port are the socket's.
#[test]
fn same_host_is_host_and_port() {
    let site = Site::start(SPEC);
    let mut faults = Vec::new();
    for (host, origin, wanted) in [
        ("good.example", "http://good.example", 101),
        ("GOOD.example", "http://good.EXAMPLE", 101),
        ("good.example", "http://good.example:80", 101),
        ("good.example:80", "http://good.example", 101),
        // Somebody before the proxy speaks TLS.
        ("good.example", "https://good.example", 101),
        ("good.example:8080", "http://good.example:8080", 101),
        ("good.example:8443", "https://good.example:8443", 101),
        ("[2001:db8::1]", "http://[2001:db8::1]", 101),
        ("[2001:db8::1]:8080", "http://[2001:db8::1]:8080", 101),
        ("[2001:db8::1]:8080", "http://[2001:db8::1]", 403),
        ("[2001:db8::1]", "http://[2001:db8::2]", 403),
        ("good.example:8080", "http://good.example", 403),
        ("good.example:8080", "http://good.example:8081", 403),
        ("good.example", "http://good.example:8080", 403),
        ("good.example", "http://evil.example", 403),
        ("good.example", "http://good.example.evil.example", 403),
        ("good.example", "http://evil.example/good.example", 403),
        ("good.example", "http://evil.example@good.example", 403),
        ("good.example", "http://good.example@evil.example", 403),
        ("good.example", "http://good.example/", 403),
        ("good.example", "http://good.example:99999", 403),
        ("good.example", "http://good.example:+80", 403),
        ("good.example", "http://good.example:", 403),
        ("good.example", "ftp://good.example", 403),
        ("good.example", "good.example", 403),
        ("good.example", "http://", 403),
        ("good.example", "null", 403),
    ] {
        let came = status(&site, "/own", host, &[origin]);
        if came != wanted {
            faults.push(format!("{host} {origin}: {came}, not {wanted}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// By HTTP/2 the same rules count, and to requests that open no socket none does.
#[test]
fn origins_guard_sockets_of_either_http() {
    let site = Site::start(SPEC);
    let client = site.client().host("good.example");
    for (origin, wanted) in [
        (GOOD, None),
        ("https://evil.example", Some(403)),
        ("null", Some(403)),
    ] {
        let mut http2 = client.http2().expect("HTTP/2");
        let came = http2.websocket("/named", &[("origin", origin)]);
        let status = came.expect("an answer").err().map(|answer| answer.status);
        assert_eq!(status, wanted, "{origin}");
        let page = client.try_get("/named", &[("Origin", origin)]);
        assert_eq!(page.expect("an answer").status, 200, "{origin}");
    }
}
