//! Servers that agree to something else than what a handshake asked for, or say no HTTP at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::serving::{Led, Serving, Then, head_of, say};
use Then::{Close, Hold, Stay};

/// What servers answer a handshake with, and what the client gets.
const HANDSHAKES: &[(&str, &str, Then, u16)] = &[
    (
        "no-token",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        Hold,
        502,
    ),
    (
        "another-token",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        Hold,
        502,
    ),
    (
        "another-key",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        Hold,
        502,
    ),
    (
        "no-key",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        Hold,
        502,
    ),
    ("nothing", "", Close, 502),
    ("silence", "", Hold, 504),
    ("words", "hello\r\n\r\n", Hold, 502),
    ("half-a-head", "HTTP/1.1 101 Switching Pro", Close, 502),
    (
        "good",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        Hold,
        101,
    ),
    (
        "refused-with-two-lengths",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
        Hold,
        502,
    ),
    (
        "refused-in-another-coding",
        "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: gzip\r\n\r\nno",
        Close,
        502,
    ),
    (
        "refused",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
        Stay,
        403,
    ),
];

#[test]
fn a_server_that_agrees_to_something_else_gets_502() {
    let server = Led::by(|mut stream| {
        while let Some(head) = head_of(&mut stream) {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let row = HANDSHAKES.iter().find(|row| path == format!("/{}", row.0));
            let (_, bytes, then, _) = row.expect("a path of the table");
            if !say(&mut stream, bytes.as_bytes(), *then) {
                return;
            }
        }
    });
    let serving = Serving::start(&format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1 }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         routes: [{{ name: app, path: /, upstream: app, websocket: true, timeouts: {{ response: 700ms }} }}]\n\
         log: {{ format: json }}\n",
        server.address()
    ));
    let mut faults = Vec::new();
    for (name, _, _, wanted) in HANDSHAKES {
        let path = format!("/{name}");
        let key = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut connection = serving.client().connect().expect("it listens");
        let answered = connection.send("GET", &path, &key, b"");
        match &answered {
            Ok(answer) if answer.status == *wanted => {}
            other => faults.push(format!("{name}: {other:?}, not {wanted}")),
        }
        if *wanted > 500
            && serving.logged(&format!("\"{path}\""))["error"]
                .as_str()
                .is_none_or(str::is_empty)
        {
            faults.push(format!("{name}: the log does not say why"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A handshake by a method that is not idempotent is sent once, whatever `retries` say.
#[test]
fn a_handshake_by_post_is_never_repeated() {
    let asked = Arc::new(AtomicUsize::new(0));
    let busy = || {
        let asked = Arc::clone(&asked);
        Led::by(move |mut stream| {
            while head_of(&mut stream).is_some() {
                asked.fetch_add(1, Ordering::SeqCst);
                let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
                if !say(&mut stream, answer, Stay) {
                    return;
                }
            }
        })
    };
    let servers = [busy(), busy()];
    let serving = Serving::start(&format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1 }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\", \"{}\"], retries: {{ attempts: 2, after: [503] }} }} }}\n\
         routes: [{{ name: app, path: /, upstream: app, websocket: {{ tokens: [spdy], methods: [GET, POST] }} }}]\n",
        servers[0].address(),
        servers[1].address()
    ));
    for (method, times) in [("POST", 1), ("GET", 2)] {
        asked.store(0, Ordering::SeqCst);
        let mut connection = serving.client().connect().expect("it listens");
        let lines = [("Upgrade", "spdy"), ("Connection", "Upgrade")];
        let answer = connection
            .send(method, "/", &lines, b"")
            .expect("an answer");
        assert_eq!(answer.status, 503);
        assert_eq!(asked.load(Ordering::SeqCst), times, "{method}");
    }
}
