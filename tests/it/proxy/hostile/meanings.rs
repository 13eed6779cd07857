//! Requests that would mean one thing to the proxy and another one to its server.

use super::{Site, line};
use wsgen::verify::wire::Client;

const SPEC: &str = "\
wsgen: 1
listeners: { web: { port: PORT, address: 127.0.0.1, http2: on } }
upstreams:
  app: { servers: [\"SERVER\"] }
  second: { servers: [\"SERVER\"], protocol: http2 }
routes:
  - { name: sockets, host: [one.example], path: /ws, upstream: app, websocket: true }
  - { name: one, host: one.example, upstream: app }
  - { name: trace, host: one.example, path: /trace, upstream: app, methods: [GET, TRACE] }
  - { name: fixed, host: one.example, path: /fixed, respond: { status: 200, body: fixed } }
  - { name: any, upstream: second }
";

fn get(site: &Site, path: &str, lines: &str) -> String {
    site.raw(format!(
        "GET {path} HTTP/1.1\r\nHost: one.example\r\n{lines}Connection: close\r\n\r\n"
    ))
}

/// Over HTTP/2 a handshake is a `CONNECT`: where no tunnel may be, no server sees one, and no 2xx tells the client that it has it.
#[test]
fn a_handshake_that_may_not_be_reaches_no_server() {
    let site = Site::start(SPEC);
    let client = site.client().host("one.example");
    for path in ["/", "/fixed"] {
        let mut connection = client.http2().expect("HTTP/2");
        let refused = connection.websocket(path, &[]).expect("an answer");
        let status = refused.err().map(|answer| answer.status);
        assert_eq!(status, Some(501), "{path}");
    }
    let lines: Vec<String> = site.stub.requests().into_iter().map(|it| it.line).collect();
    assert_eq!(lines, [""; 0]);
    let mut connection = client.http2().expect("HTTP/2");
    let tunnel = connection.websocket("/ws", &[]).expect("an answer");
    tunnel
        .expect("a tunnel")
        .try_echo("there")
        .expect("an echo");
}

/// RFC 8441 §4: a 2xx would be a tunnel to the client, and the page of a server that knows no sockets its frames.
#[test]
fn a_page_is_no_tunnel() {
    let site = Site::start(SPEC);
    let mut connection = site.client().host("one.example").http2().expect("HTTP/2");
    let answer = connection
        .websocket("/ws", &[("X-Status", "200")])
        .expect("an answer");
    assert_eq!(answer.err().map(|answer| answer.status), Some(502));
}

/// RFC 9110 §7.8: HTTP/1.0 has no upgrade.
#[test]
fn http10_gets_no_tunnel() {
    let site = Site::start(SPEC);
    let said = site.raw(
        "GET /ws HTTP/1.0\r\nHost: one.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert!(line(&said).contains(" 200 "), "{said}");
    let seen = site.stub.requests_to("/ws").pop().expect("it arrived");
    assert_eq!(seen.header("upgrade"), None);
}

/// A host that no URL can hold must not turn the path into another one on its way to a server of HTTP/2.
#[test]
fn a_path_stays_itself_whatever_the_host_is() {
    let site = Site::start(SPEC);
    for host in ["a%zz", "a%", "!$&'()*+,;=~%41", "a..b", "_", "a,b"] {
        let said = site.raw(format!(
            "GET /deep/path HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ));
        let good = ["HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request"];
        assert!(good.contains(&line(&said)), "{host}: {said}");
    }
    let paths = site.stub.requests();
    assert!(
        paths.iter().all(|it| it.path() == "/deep/path"),
        "{paths:?}"
    );
}

#[test]
fn connection_takes_nothing_that_is_not_its_own() {
    let site = Site::start(SPEC);
    let kept = [
        ("Authorization", "Bearer x"),
        ("Cookie", "a=b"),
        ("Origin", "https://one.example"),
        ("Content-Type", "text/x"),
    ];
    let set = [
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Real-IP",
    ];
    let mut names = vec!["close", "Host", "X-Own"];
    names.extend(set);
    names.extend(kept.iter().map(|(name, _)| *name));
    let mut lines = format!("Connection: {}\r\nX-Own: 1\r\n", names.join(", "));
    for (name, value) in kept {
        lines.push_str(&format!("{name}: {value}\r\n"));
    }
    get(&site, "/", &lines);
    let seen = site.stub.requests_to("/").pop().expect("it arrived");
    for (name, value) in kept {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    for name in set {
        assert!(seen.header(name).is_some(), "{name}");
    }
    assert_eq!(seen.header("host"), Some("one.example"));
    assert_eq!(seen.header("x-own"), None);
}

#[test]
fn what_belongs_to_one_connection_goes_no_further() {
    let site = Site::start(SPEC);
    let own = [
        ("Proxy", "http://evil.example"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("Proxy-Connection", "keep-alive"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Trailer", "X-Trailer"),
        ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
        ("Upgrade", "h2c"),
    ];
    let lines: String = own
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let said = get(
        &site,
        "/",
        &format!("{lines}Connection: Upgrade, HTTP2-Settings\r\n"),
    );
    assert!(line(&said).contains(" 200 "), "{said}");
    let seen = site.stub.requests_to("/").pop().expect("it arrived");
    for (name, _) in own {
        assert_eq!(seen.header(name), None, "{name}");
    }
    let back: String = own
        .iter()
        .filter(|(name, _)| *name != "Upgrade")
        .map(|(name, value)| format!("X-Reply: {name}: {value}\r\n"))
        .collect();
    let said = get(&site, "/", &back).to_ascii_lowercase();
    let head = said.split("\r\n\r\n").next().expect("a head");
    for name in [
        "proxy",
        "proxy-authorization",
        "te",
        "trailer",
        "http2-settings",
    ] {
        assert!(!head.contains(&format!("\n{name}:")), "{name}: {head}");
    }
}

/// A server that mirrors its request would show a page what the browser hides from it.
#[test]
fn trace_passes_only_where_a_route_names_it() {
    let site = Site::start(SPEC);
    let ask = |path: &str| {
        site.raw(format!(
            "TRACE {path} HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n"
        ))
    };
    let said = ask("/");
    assert!(said.starts_with("HTTP/1.1 405 "), "{said}");
    assert!(said.contains("\r\nallow: "), "{said}");
    assert!(ask("/trace").starts_with("HTTP/1.1 200 "));
    let lines: Vec<String> = site.stub.requests().into_iter().map(|it| it.line).collect();
    assert_eq!(lines, ["TRACE /trace HTTP/1.1"]);
}

/// Two lines of cookies are one to the guards, and one to the server.
#[test]
fn cookies_are_one_line() {
    let site = Site::start(SPEC);
    get(&site, "/", "Cookie: a=1\r\nX: y\r\nCookie: a=2\r\n");
    let seen = site.stub.requests_to("/").pop().expect("it arrived");
    assert_eq!(seen.headers.all("cookie"), ["a=1; a=2"]);
}

/// The string that is routed is the string that is sent, however it was written.
#[test]
fn what_is_routed_is_what_is_sent() {
    let site = Site::start(SPEC);
    for (asked, seen) in [
        ("/a/../b", "/b"),
        ("/a/%2e%2e/b", "/b"),
        ("/a/.%2E/b", "/b"),
        ("/ws/../fixed/../x", "/x"),
        ("//x", "/x"),
        ("/a//b/", "/a/b/"),
        ("/%61", "/a"),
        ("/a%2fb", "/a%2Fb"),
        ("/a%252e%252e/b", "/a%252e%252e/b"),
        ("/a/..;/b", "/a/..;/b"),
        ("/a%5c..%5cb", "/a%5C..%5Cb"),
        ("/a%00b", "/a%00b"),
        ("/a?x=/../y", "/a?x=/../y"),
    ] {
        get(&site, asked, "");
        let last = site.stub.requests().pop().expect("it arrived");
        assert_eq!(last.target, seen, "{asked}");
    }
    for bad in ["/a%", "/a%zz", "/a%2", "/a\\b#c"] {
        let said = get(&site, bad, "");
        assert!(said.starts_with("HTTP/1.1 400 "), "{bad}: {said}");
    }
}

fn answered(client: &Client, headers: &[(&str, &str)]) -> u16 {
    let mut connection = client.http2().expect("HTTP/2");
    connection
        .send("GET", "/", headers, b"")
        .map_or(0, |answer| answer.status)
}

#[test]
fn hosts_are_known_however_they_are_written() {
    let site = Site::start(SPEC);
    for host in [
        "ONE.example",
        "one.example.",
        "one.example:80",
        "One.Example.:8080",
    ] {
        let client = site.client().host(host);
        let answer = client.try_get("/fixed", &[]).expect("an answer");
        assert_eq!(answer.text(), "fixed", "{host}");
    }
    let long = vec!["a"; 200].join(".");
    let said = site.raw(format!("GET / HTTP/1.1\r\nHost: {long}\r\n\r\n"));
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    let client = site.client().host("one.example");
    assert_eq!(answered(&client, &[("host", "one.example")]), 200);
    let two = [("host", "one.example"), ("host", "two.example")];
    assert_eq!(answered(&client, &two), 400);
}

/// A request that asks for an upgrade and has a body is answered as any other; what waits behind the next handshake waits for its answer.
#[test]
fn an_upgrade_with_a_body_lets_nothing_go() {
    use std::io::{Read, Write};
    let (tell, told) = std::sync::mpsc::channel();
    let server = super::super::serving::Led::by(move |mut stream| {
        while let Some(head) = super::super::serving::head_of(&mut stream) {
            if head.starts_with("POST") {
                let mut body = [0; 4];
                let _ = stream.read_exact(&mut body);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                continue;
            }
            // It takes its time to agree: what comes meanwhile is held back.
            std::thread::sleep(std::time::Duration::from_millis(400));
            let _ = stream.write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            );
            let _ = stream.set_read_timeout(Some(std::time::Duration::from_secs(1)));
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all);
            let _ = tell.send(String::from_utf8_lossy(&all).into_owned());
            return;
        }
    });
    let spec = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1 }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         routes: [{{ name: all, upstream: app, websocket: true }}]\n",
        server.address()
    );
    let (address, _running) = super::serve(&spec, &[], &[]);
    let asks = "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut stream = super::connect(address);
    let first = format!("POST / HTTP/1.1\r\n{asks}Content-Length: 4\r\n\r\nbody");
    stream.write_all(first.as_bytes()).expect("it reads");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let second = format!(
        "GET / HTTP/1.1\r\n{asks}Sec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n{hidden}"
    );
    stream.write_all(second.as_bytes()).expect("it reads");
    let came = told.recv_timeout(super::PATIENCE).expect("a tunnel");
    assert_eq!(came, hidden, "bytes of the tunnel, and of nobody else");
}
