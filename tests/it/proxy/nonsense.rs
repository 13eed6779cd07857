//! Servers that speak nonsense over HTTP/1.1: 502 or 504, or an answer that the client sees is cut off; the log says why, no request
//! waits for ever, and the next one is answered.

use std::time::{Duration, Instant};

use wsgen::verify::wire::Response;

use super::serving::{Led, Serving, Then, head_of, say};

/// What the client gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gets {
    /// An answer of the proxy's own.
    Status(u16),
    /// The head, and then less than it promises.
    Cut,
    /// The server's answer: `body`, and nothing of what is too much.
    Body,
    /// The server's status, without a body.
    Empty(u16),
}

impl Gets {
    /// What came of a request.
    pub(super) fn of(answered: &std::io::Result<Response>) -> Self {
        match answered {
            Ok(answer) if answer.status != 200 => match answer.body.as_slice() {
                b"" => Empty(answer.status),
                _ => Status(answer.status),
            },
            Ok(answer) if answer.body == b"body" => Body,
            Ok(_) | Err(_) => Cut,
        }
    }
}

use Gets::{Body, Cut, Empty, Status};
use Then::{Close, Drip, Flood, Hold, Reset, Stay};

const TABLE: &[(&str, &str, Then, Gets)] = &[
    ("nothing", "", Close, Status(502)),
    ("a-reset", "", Reset, Status(502)),
    ("silence", "", Hold, Status(504)),
    ("words", "hello\r\n\r\n", Hold, Status(502)),
    ("a-page", "<html>hello</html>", Close, Status(502)),
    (
        "another-protocol",
        "HTTX/1.1 200 OK\r\n\r\n",
        Hold,
        Status(502),
    ),
    (
        "another-version",
        "HTTP/3.7 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "a-short-status",
        "HTTP/1.1 20 OK\r\nContent-Length: 4\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "a-long-status",
        "HTTP/1.1 2000 OK\r\nContent-Length: 4\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "no-number",
        "HTTP/1.1 abc OK\r\nContent-Length: 4\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "status-zero",
        "HTTP/1.1 000 OK\r\nContent-Length: 4\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    ("tls", "\u{16}\u{3}\u{1}\0\u{5}hello", Hold, Status(502)),
    ("http2", "\0\0\0\u{4}\0\0\0\0\0", Hold, Status(502)),
    (
        "half-a-head",
        "HTTP/1.1 200 OK\r\nContent-Le",
        Close,
        Status(502),
    ),
    (
        "half-a-head-and-silence",
        "HTTP/1.1 200 OK\r\nContent-Le",
        Hold,
        Status(504),
    ),
    (
        "a-slow-head",
        "HTTP/1.1 200 OK\r\nX: ",
        Drip("a"),
        Status(504),
    ),
    (
        "an-endless-head",
        "HTTP/1.1 200 OK\r\n",
        Flood("X-Y: hello hello hello hello hello\r\n"),
        Status(502),
    ),
    (
        "an-endless-line",
        "HTTP/1.1 200 OK\r\nX: ",
        Flood("hello hello hello hello hello hello"),
        Status(502),
    ),
    (
        "a-line-without-colon",
        "HTTP/1.1 200 OK\r\nnothing\r\nContent-Length: 4\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "a-space-before-the-colon",
        "HTTP/1.1 200 OK\r\nContent-Length : 4\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "a-nul",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 4\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "a-bare-cr",
        "HTTP/1.1 200 OK\r\nX: a\rY: b\r\nContent-Length: 4\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "a-folded-line",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 4\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "both-lengths",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        Hold,
        Status(502),
    ),
    (
        "two-lengths",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "a-negative-length",
        "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "a-length-in-words",
        "HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "a-length-beyond-64-bits",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nbody",
        Hold,
        Status(502),
    ),
    (
        "another-coding",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nbody",
        Close,
        Status(502),
    ),
    (
        "two-codings",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        Hold,
        Status(502),
    ),
    (
        "chunks-of-http10",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        Close,
        Status(502),
    ),
    (
        "an-upgrade-unasked",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\u{1}\u{2}hi",
        Hold,
        Status(502),
    ),
    (
        "an-upgrade-to-nothing",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        Hold,
        Status(502),
    ),
    (
        "interim-answers-only",
        "",
        Flood("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        Status(504),
    ),
    (
        "interim-answers-then-silence",
        "HTTP/1.1 102 Processing\r\n\r\n",
        Hold,
        Status(504),
    ),
    (
        "interim-answers-then-one",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        Stay,
        Body,
    ),
    (
        "half-a-body",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbody",
        Close,
        Cut,
    ),
    (
        "half-a-body-reset",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbody",
        Reset,
        Cut,
    ),
    (
        "half-a-body-and-silence",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbody",
        Hold,
        Cut,
    ),
    (
        "half-a-chunk",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nbody",
        Close,
        Cut,
    ),
    (
        "chunks-without-an-end",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
        Close,
        Cut,
    ),
    (
        "a-chunk-in-words",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nfour\r\nbody\r\n0\r\n\r\n",
        Hold,
        Cut,
    ),
    (
        "a-chunk-too-long",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbodybody\r\n0\r\n\r\n",
        Hold,
        Cut,
    ),
    (
        "a-chunk-beyond-64-bits",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nfffffffffffffffff\r\nbody\r\n0\r\n\r\n",
        Hold,
        Cut,
    ),
    (
        "an-endless-extension",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n4;",
        Flood("hello hello hello hello hello"),
        Cut,
    ),
    (
        "endless-trailers",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n",
        Flood("X-Y: hello hello hello hello hello\r\n"),
        Cut,
    ),
    (
        "too-much-of-a-body",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody and more",
        Stay,
        Body,
    ),
    (
        "an-answer-nobody-asked-for",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled",
        Stay,
        Body,
    ),
    (
        "no-content-with-content",
        "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody",
        Stay,
        Empty(204),
    ),
    (
        "not-modified-with-content",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nbody",
        Stay,
        Empty(304),
    ),
];

/// A server that answers by the table, and everything else well.
fn server() -> Led {
    Led::by(|mut stream| {
        while let Some(head) = head_of(&mut stream) {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let row = TABLE.iter().find(|row| path == format!("/{}", row.0));
            let stays = match row {
                Some((_, bytes, then, _)) => say(&mut stream, bytes.as_bytes(), *then),
                None => say(
                    &mut stream,
                    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
                    Stay,
                ),
            };
            if !stays {
                return;
            }
        }
    })
}

#[test]
fn a_server_that_speaks_nonsense_gets_502_and_a_line_in_the_log() {
    let server = server();
    let serving = Serving::start(&format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1 }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"], timeouts: {{ connect: 500ms }} }} }}\n\
         routes: [{{ name: app, path: /, upstream: app, timeouts: {{ response: 700ms, idle: 700ms }} }}]\n\
         log: {{ format: json }}\n",
        server.address()
    ));
    let mut faults = Vec::new();
    for (name, _, _, gets) in TABLE {
        let path = format!("/{name}");
        let start = Instant::now();
        let mut connection = serving.client().connect().expect("it listens");
        let answered = connection.send("GET", &path, &[], b"");
        let came = Gets::of(&answered);
        if came != *gets {
            faults.push(format!("{name}: {answered:?}, not {gets:?}"));
        }
        let took = start.elapsed();
        if took > Duration::from_secs(2) {
            faults.push(format!("{name}: it took {took:?}"));
        }
        // The same connections, where there are some: nothing of the last answer is left on them.
        for _ in 0..2 {
            match serving.client().try_get("/good", &[]) {
                Ok(next) if next.status == 200 && next.body == b"good" => {}
                next => faults.push(format!("{name}, and then {next:?}")),
            }
        }
        if matches!(gets, Status(_) | Cut) {
            let line = serving.logged(&format!("\"{path}\""));
            if line["error"].as_str().is_none_or(str::is_empty) {
                faults.push(format!("{name}: the log does not say why: {line}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
