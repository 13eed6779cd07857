//! Odd requests: what a client says of hosts, of itself and of upgrades that no route passes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use super::conf;
use crate::live::must::*;
use crate::live::{Running, Stub, port};
use crate::programs;

/// What comes back on a connection that sends these bytes.
pub(super) fn raw(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    let limit = Some(Duration::from_millis(300));
    stream.set_read_timeout(limit).expect("a limit");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    // Kept alive or closed: what came until then is the answer.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_host_that_no_host_has_is_refused() {
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    let (at, away, admin) = (port(), port(), port());
    let spec = format!(
        r#"
wsgen: 1
listeners:
  web: {{ port: {at}, address: 127.0.0.1 }}
  away: {{ port: {away}, address: 127.0.0.1, redirect: web }}
routes:
  - {{ name: zone, host: "*.tenants.test", path: /, respond: {{ status: 200 }} }}
  - {{ name: own, host: acme.tenants.test, path: /, respond: {{ status: 403 }} }}
targets: {{ envoy: {{ admin_port: {admin} }} }}
"#
    );
    let _run = Running::start_with(&program, &[("envoy.yaml", &conf(&spec))]);
    let status = |port, hosts: &str| {
        let asked = format!("GET / HTTP/1.1\r\n{hosts}\r\n\r\n");
        let answer = raw(port, &asked);
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    for (hosts, promised) in [
        ("Host: a.tenants.test", ["200", "301"]),
        ("Host: A_b.Tenants.test.:8080", ["200", "301"]),
        ("Host: acme.tenants.test:80", ["403", "301"]),
        ("Host: [::1]:80", ["404", "301"]),
        ("Host: acme.tenants.test,a.tenants.test", ["400", "400"]),
        (
            "Host: acme.tenants.test\r\nHost: a.tenants.test",
            ["400", "400"],
        ),
        ("Host: acme.tenants.test%00.tenants.test", ["400", "400"]),
        ("Host: acme.tenants.test:1:a.tenants.test", ["400", "400"]),
        ("Host: a@evil.tenants.test", ["400", "400"]),
        ("Host:", ["400", "400"]),
    ] {
        let seen = [status(at, hosts), status(away, hosts)];
        assert_eq!(seen, promised, "{hosts}");
    }
}

/// Its answer is whole, though it asked for what the route does not pass; a body arrives, or is refused.
#[test]
fn an_upgrade_that_no_route_passes_is_a_plain_request() {
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    let server = Stub::start("a");
    let (at, admin) = (port(), port());
    let spec = format!(
        r#"
wsgen: 1
listeners: {{ web: {{ port: {at}, address: 127.0.0.1 }} }}
upstreams: {{ app: {{ servers: ["{}"] }} }}
routes:
  - {{ name: ws, path: /ws, upstream: app, websocket: true }}
  - {{ name: p, path: /p, upstream: app }}
targets: {{ envoy: {{ admin_port: {admin} }} }}
"#,
        server.address()
    );
    let _run = Running::start_with(&program, &[("envoy.yaml", &conf(&spec))]);
    let asks = "Host: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    let body = |answer: &str| {
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        body.trim().len()
    };
    let plain = raw(at, "GET /p HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(body(&plain) > 0, "{plain}");
    let got = raw(at, &format!("GET /p HTTP/1.1\r\n{asks}\r\n"));
    assert!(got.starts_with("HTTP/1.1 200") && body(&got) > 0, "{got}");
    let sent = format!("POST /p HTTP/1.1\r\n{asks}Content-Length: 5\r\n\r\nhello");
    let got = raw(at, &sent);
    assert!(got.starts_with("HTTP/1.1 200") && body(&got) > 0, "{got}");
    let sent = format!(
        "POST /p HTTP/1.1\r\n{asks}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    );
    let got = raw(at, &sent);
    assert!(got.starts_with("HTTP/1.1 411"), "{got}");
}
