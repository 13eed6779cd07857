//! HTTP/1.1 that two readers could read differently: refused with 400 towards servers of either protocol, and nothing of it arrives.

use std::io::Write;

use super::{Proxy, rest};

/// Begins each request; `HOST` is replaced.
const POST: &str = "POST / HTTP/1.1\r\nHost: HOST\r\n";

/// What a smuggler hides behind the first request.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n";

const REFUSED: &[(&str, &str)] = &[
    (
        "both lengths",
        "POST+Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "both, the other way round",
        "POST+Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    ),
    (
        "two lengths",
        "POST+Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
    ),
    (
        "one length twice",
        "POST+Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    ),
    ("a list of lengths", "POST+Content-Length: 3, 3\r\n\r\nabc"),
    ("a signed length", "POST+Content-Length: +3\r\n\r\nabc"),
    ("a negative length", "POST+Content-Length: -3\r\n\r\nabc"),
    (
        "a length in hexadecimal",
        "POST+Content-Length: 0x3\r\n\r\nabc",
    ),
    ("an empty length", "POST+Content-Length: \r\n\r\n"),
    (
        "a length beyond 64 bits",
        "POST+Content-Length: 99999999999999999999\r\n\r\nabc",
    ),
    (
        "a space before the colon",
        "POST+Content-Length : 3\r\n\r\nabc",
    ),
    (
        "a space before the other colon",
        "POST+Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "another coding",
        "POST+Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a coding that is none",
        "POST+Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a coding behind a control character",
        "POST+Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked twice",
        "POST+Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked, then nothing",
        "POST+Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "a folded line",
        "POST+X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a folded coding",
        "POST+Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks of HTTP/1.0",
        "POST / HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a bare LF behind the request line",
        "POST / HTTP/1.1\nHost: HOST\r\n\r\n",
    ),
    (
        "a bare LF behind a line",
        "POST+X: a\nContent-Length: 3\r\n\r\nabc",
    ),
    ("a bare LF at the end", "POST+Content-Length: 0\r\n\n"),
    (
        "a bare CR in a value",
        "POST+X: a\rContent-Length: 3\r\n\r\nabc",
    ),
    ("a NUL in a value", "POST+X: a\0b\r\n\r\n"),
    ("a NUL in a name", "POST+X\0: a\r\n\r\n"),
    ("a line without a colon", "POST+nothing\r\n\r\n"),
    ("an empty name", "POST+: a\r\n\r\n"),
    ("two hosts", "POST+Host: other.example\r\n\r\n"),
    ("one host twice", "POST+Host: HOST\r\n\r\n"),
    ("no host", "POST / HTTP/1.1\r\n\r\n"),
    (
        "a host with a path",
        "POST / HTTP/1.1\r\nHost: HOST/x\r\n\r\n",
    ),
    (
        "a host with a name before it",
        "POST / HTTP/1.1\r\nHost: x@HOST\r\n\r\n",
    ),
    (
        "the URL of another host",
        "GET http://other.example/ HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ),
    (
        "the URL of this host",
        "GET http://HOST/ HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ),
    (
        "a tunnel for anybody",
        "CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n",
    ),
    (
        "a space in the target",
        "GET /a b HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ),
    (
        "a fragment in the target",
        "GET /a#b HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ),
    (
        "a NUL in the target",
        "GET /a\0b HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ),
    (
        "a tab in the target",
        "GET /a\tb HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ),
    (
        "a control character in the method",
        "G\x01T / HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ),
    (
        "a bare CR before the request",
        "\rGET / HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ),
    (
        "a space before the request",
        " GET / HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ),
    ("the oldest protocol", "GET /\r\n"),
    (
        "an encoded host",
        "GET / HTTP/1.1\r\nHost: %6fne.example\r\n\r\n",
    ),
    (
        "a host with a space",
        "GET / HTTP/1.1\r\nHost: HOST x\r\n\r\n",
    ),
    (
        "a port that is none",
        "GET / HTTP/1.1\r\nHost: HOST:x\r\n\r\n",
    ),
    (
        "chunked and a comma",
        "POST+Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked, identity",
        "POST+Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "a coding in quotes",
        "POST+Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
    ),
    ("no coding", "POST+Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    ("a NUL in an extension", "CHUNKS+3;a\0\r\nabc\r\n0\r\n\r\n"),
    (
        "a bare CR in an extension",
        "CHUNKS+3;a\rb\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "a trailer without a colon",
        "CHUNKS+3\r\nabc\r\n0\r\nnothing\r\n\r\n",
    ),
    (
        "a NUL in a trailer",
        "CHUNKS+3\r\nabc\r\n0\r\nx: a\0b\r\n\r\n",
    ),
    ("another protocol", "GET / HTTQ/1.1\r\nHost: HOST\r\n\r\n"),
    ("another version", "GET / HTTP/1.2\r\nHost: HOST\r\n\r\n"),
    ("a chunk size with a sign", "CHUNKS++3\r\nabc\r\n0\r\n\r\n"),
    ("a chunk size with 0x", "CHUNKS+0x3\r\nabc\r\n0\r\n\r\n"),
    ("a chunk size and a space", "CHUNKS+3 \r\nabc\r\n0\r\n\r\n"),
    (
        "a chunk size beyond 64 bits",
        "CHUNKS+10000000000000003\r\nabc\r\n0\r\n\r\n",
    ),
    ("no chunk size", "CHUNKS+\r\nabc\r\n0\r\n\r\n"),
    (
        "a bare LF behind a chunk size",
        "CHUNKS+3\nabc\r\n0\r\n\r\n",
    ),
    ("a bare LF in an extension", "CHUNKS+3;a\nabc\r\n0\r\n\r\n"),
    ("a bare LF behind a chunk", "CHUNKS+3\r\nabc\n0\r\n\r\n"),
    (
        "a chunk longer than its size",
        "CHUNKS+3\r\nabcdef\r\n0\r\n\r\n",
    ),
    (
        "a bare LF at the end of chunks",
        "CHUNKS+3\r\nabc\r\n0\r\n\n",
    ),
];

fn bytes(case: &str, host: &str) -> Vec<u8> {
    let chunks = format!("{POST}Transfer-Encoding: chunked\r\n\r\n");
    let text = match (case.strip_prefix("POST+"), case.strip_prefix("CHUNKS+")) {
        (Some(rest), _) => format!("{POST}{rest}"),
        (_, Some(rest)) => format!("{chunks}{rest}"),
        _ => case.to_owned(),
    };
    format!("{text}{HIDDEN}").replace("HOST", host).into_bytes()
}

#[test]
fn what_two_readers_could_read_differently_reaches_nobody() {
    let proxy = Proxy::start();
    let mut faults = Vec::new();
    for host in ["one.example", "two.example"] {
        for (name, case) in REFUSED {
            // At once, and byte by byte around the places where a reader could lose its way.
            for piece in [usize::MAX, 7] {
                let mut stream = proxy.connect();
                for part in bytes(case, host).chunks(piece) {
                    // It may be refused before the end.
                    if stream.write_all(part).is_err() {
                        break;
                    }
                }
                let said = String::from_utf8_lossy(&rest(stream)).into_owned();
                let answers = said.matches("HTTP/1.1 ").count();
                if !said.starts_with("HTTP/1.1 400 ") || answers != 1 {
                    faults.push(format!("{name} towards {host}: {said:?}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(proxy.seen(), [""; 0], "a server saw something");
}

/// The table is worth nothing where good requests are refused too.
#[test]
fn what_is_plain_passes_whole() {
    let proxy = Proxy::start();
    for host in ["one.example", "two.example"] {
        for (case, body) in [
            ("POST+Content-Length: 3\r\n\r\nabc", "abc"),
            ("CHUNKS+3\r\nabc\r\n3;x=y\r\ndef\r\n0\r\n\r\n", "abcdef"),
            ("CHUNKS+3\r\nabc\r\n0\r\nX-Trailer: a\r\n\r\n", "abc"),
            // What it calls its own connection's is not taken from where its body ends.
            (
                "POST+Connection: content-length\r\nContent-Length: 3\r\n\r\nabc",
                "abc",
            ),
            (
                "POST+Connection: x-one, close\r\nX-One: 1\r\nX-Two: 2\r\n\r\n",
                "",
            ),
        ] {
            let stub = match host {
                "one.example" => &proxy.one,
                _ => &proxy.two,
            };
            let hidden = stub.requests_to("/hidden").len();
            let mut stream = proxy.connect();
            let text = bytes(case, host);
            stream.write_all(&text).expect("it reads");
            let said = String::from_utf8_lossy(&rest(stream)).into_owned();
            assert!(said.starts_with("HTTP/1.1 200 "), "{case:?}: {said}");
            let seen = stub.requests_to("/").pop().expect("it arrived");
            assert_eq!(String::from_utf8_lossy(&seen.body), body, "{case:?}");
            assert_eq!(seen.header("x-one"), None, "{case:?}");
            // A second request is one, but behind the last of a connection.
            let more = usize::from(!case.contains("close"));
            let now = stub.requests_to("/hidden").len();
            assert_eq!(now - hidden, more, "{case:?}");
        }
    }
}
