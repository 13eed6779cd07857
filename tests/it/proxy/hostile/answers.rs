//! Servers that answer what is no HTTP, or what nobody asked for: 502, and no client takes the rest of one answer for the next one.

use std::io::Write;
use std::net::SocketAddr;

use super::{connect, line, raw, saying, serve};

const SPEC: &str = "\
wsgen: 1
listeners: { web: { port: PORT, address: 127.0.0.1 } }
upstreams: { app: { servers: [\"SERVER\"], passive: off } }
routes: [{ name: all, upstream: app, timeouts: { response: 2s, idle: 1s } }]
";

fn before(server: SocketAddr) -> (SocketAddr, wsgen::verify::process::Running) {
    serve(&SPEC.replace("SERVER", &server.to_string()), &[], &[])
}

#[test]
fn nonsense_is_502() {
    let mut faults = Vec::new();
    for (name, answer) in [
        ("an upgrade that nobody asked for", &b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"[..]),
        ("no HTTP", b"hello\r\n\r\n"),
        ("another version", b"HTTP/3.0 200 OK\r\n\r\n"),
        ("no status", b"HTTP/1.1 OK\r\n\r\n"),
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"),
        ("a signed length", b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc"),
        ("a folded line", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
        ("a space before a colon", b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc"),
        ("a NUL in a value", b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"),
        ("a bare CR in a value", b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n"),
        ("nothing", b""),
    ] {
        let (address, _running) = before(saying(answer));
        let said = raw(address, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let wanted = if answer.is_empty() { "HTTP/1.1 504 " } else { "HTTP/1.1 502 " };
        if !said.starts_with(wanted) {
            faults.push(format!("{name}: {}", line(&said)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A server's second answer to one request is nobody's.
#[test]
fn what_follows_an_answer_is_no_answer() {
    for first in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"[..],
        b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    ] {
        let (address, _running) = before(saying(first));
        let mut stream = connect(address);
        for _ in 0..2 {
            // Each on a connection of its own to the server, or refused.
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .expect("it reads");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .expect("it reads");
        let said = String::from_utf8_lossy(&super::rest(stream)).into_owned();
        assert!(!said.contains("evil"), "{said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 3, "{said}");
    }
}

/// What came whole is told as whole, what did not is not.
#[test]
fn half_an_answer_is_not_told_as_a_whole_one() {
    for half in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ] {
        let (address, _running) = before(saying(half));
        let said = raw(
            address,
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        );
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
        assert!(!said.ends_with("0\r\n\r\n"), "{said}");
    }
}
