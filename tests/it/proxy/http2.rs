//! HTTP/2 whose fields would mean something else in HTTP/1.1: the stream ends, or gets 400, and no server sees anything. Frames and fields
//! are written by hand, for no library would.

use std::io::{Read, Write};

use super::Proxy;

/// A field as HPACK writes it literally (RFC 7541 §6.2.2).
pub(super) fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        assert!(text.len() < 127, "one byte holds the length");
        bytes.push(text.len() as u8);
        bytes.extend_from_slice(text);
    }
    bytes
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// What became of the first stream: `ended`, or the first byte of its answer's fields, which is the status.
fn outcome(proxy: &Proxy, fields: &[(&[u8], &[u8])], data: &[u8]) -> String {
    let mut stream = proxy.connect();
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    sent.extend(frame(4, 0, 0, &[]));
    let block: Vec<u8> = fields
        .iter()
        .flat_map(|(name, value)| field(name, value))
        .collect();
    let last = u8::from(data.is_empty());
    sent.extend(frame(1, 4 | last, 1, &block));
    if !data.is_empty() {
        sent.extend(frame(0, 1, 1, data));
    }
    // It may be refused before the end.
    let _ = stream.write_all(&sent);
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).is_err() {
            return "ended".to_owned();
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        if stream.read_exact(&mut payload).is_err() {
            return "ended".to_owned();
        }
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        match (head[3], id) {
            (3, 1) | (7, _) => return "ended".to_owned(),
            // Static fields: 8 is `:status: 200`, 12 is 400.
            (1, 1) => {
                return match payload.first() {
                    Some(0x88) => "200".to_owned(),
                    Some(0x8c) => "400".to_owned(),
                    other => format!("fields that begin with {other:?}"),
                };
            }
            _ => {}
        }
    }
}

const METHOD: (&[u8], &[u8]) = (b":method", b"POST");
const PATH: (&[u8], &[u8]) = (b":path", b"/");
const SCHEME: (&[u8], &[u8]) = (b":scheme", b"http");

type Fields<'a> = Vec<(&'a [u8], &'a [u8])>;

fn with<'a>(host: &'a [u8], more: &[(&'a [u8], &'a [u8])]) -> Fields<'a> {
    let mut fields = vec![METHOD, PATH, SCHEME, (&b":authority"[..], host)];
    fields.extend_from_slice(more);
    fields
}

#[test]
fn fields_that_mean_something_else_in_http1_reach_nobody() {
    let proxy = Proxy::start();
    let hidden = b"GET /hidden HTTP/1.1\r\nHost: one.example\r\n\r\n";
    let mut faults = Vec::new();
    for host in [&b"one.example"[..], b"two.example"] {
        let own = (&b":authority"[..], host);
        let cases: Vec<(&str, Fields<'_>, &[u8])> = vec![
            (
                "a body beyond its length",
                with(host, &[(b"content-length", b"0")]),
                hidden,
            ),
            (
                "a body below its length",
                with(host, &[(b"content-length", b"50")]),
                b"abc",
            ),
            (
                "two lengths",
                with(
                    host,
                    &[(b"content-length", b"3"), (b"content-length", b"5")],
                ),
                b"abc",
            ),
            (
                "a signed length",
                with(host, &[(b"content-length", b"+3")]),
                b"abc",
            ),
            (
                "chunks",
                with(host, &[(b"transfer-encoding", b"chunked")]),
                b"0\r\n\r\nGET /hidden",
            ),
            (
                "a connection of HTTP/1",
                with(host, &[(b"connection", b"close")]),
                b"",
            ),
            (
                "an upgrade of HTTP/1",
                with(host, &[(b"upgrade", b"websocket")]),
                b"",
            ),
            (
                "another connection of HTTP/1",
                with(host, &[(b"proxy-connection", b"keep-alive")]),
                b"",
            ),
            ("a coding of trailers", with(host, &[(b"te", b"gzip")]), b""),
            ("a name before the host", with(b"x@one.example", &[]), b""),
            ("two paths", vec![METHOD, PATH, PATH, SCHEME, own], b""),
            ("two methods", vec![METHOD, METHOD, PATH, SCHEME, own], b""),
            (
                "a status",
                vec![METHOD, PATH, SCHEME, own, (b":status", b"200")],
                b"",
            ),
            (
                "a protocol without CONNECT",
                vec![METHOD, PATH, SCHEME, own, (b":protocol", b"websocket")],
                b"",
            ),
            (
                "the URL of another host",
                vec![METHOD, (b":path", b"http://other.example/"), SCHEME, own],
                b"",
            ),
            ("keep-alive", with(host, &[(b"keep-alive", b"5")]), b""),
            (
                "a line end in a value",
                with(host, &[(b"x", b"a\r\nTransfer-Encoding: chunked")]),
                b"0\r\n\r\n",
            ),
            (
                "a bare LF in a value",
                with(host, &[(b"x", b"a\nx: b")]),
                b"",
            ),
            (
                "a bare CR in a value",
                with(host, &[(b"x", b"a\rx: b")]),
                b"",
            ),
            ("a NUL in a value", with(host, &[(b"x", b"a\0b")]), b""),
            (
                "a line end in a name",
                with(host, &[(b"x: a\r\ntransfer-encoding", b"chunked")]),
                b"",
            ),
            ("a colon in a name", with(host, &[(b"x:y", b"a")]), b""),
            (
                "a space in a name",
                with(host, &[(b"content-length ", b"0")]),
                b"abc",
            ),
            (
                "a capital in a name",
                with(host, &[(b"Content-Length", b"0")]),
                b"abc",
            ),
            ("an empty name", with(host, &[(b"", b"a")]), b""),
            (
                "another host",
                with(host, &[(b"host", b"other.example")]),
                b"",
            ),
            ("a host with a path", with(b"one.example/x", &[]), b""),
            (
                "a line end in the path",
                vec![
                    METHOD,
                    (b":path", b"/ HTTP/1.1\r\nHost: a\r\n\r\nGET /hidden"),
                    SCHEME,
                    own,
                ],
                b"",
            ),
            (
                "a space in the path",
                vec![METHOD, (b":path", b"/ HTTP/1.1"), SCHEME, own],
                b"",
            ),
            (
                "a line end in the method",
                vec![
                    (b":method", b"GET /hidden HTTP/1.1\r\nx: y"),
                    PATH,
                    SCHEME,
                    own,
                ],
                b"",
            ),
            (
                "a space in the method",
                vec![(b":method", b"GET /hidden"), PATH, SCHEME, own],
                b"",
            ),
            (
                "a line end in the host",
                vec![
                    METHOD,
                    PATH,
                    SCHEME,
                    (b":authority", b"one.example\r\nx: y"),
                ],
                b"",
            ),
            (
                "two paths",
                vec![METHOD, PATH, (b":path", b"/hidden"), SCHEME, own],
                b"",
            ),
            ("no path", vec![METHOD, SCHEME, own], b""),
            (
                "an empty path",
                vec![METHOD, (b":path", b""), SCHEME, own],
                b"",
            ),
            (
                "a path behind the fields",
                vec![METHOD, SCHEME, own, (b"x", b"y"), PATH],
                b"",
            ),
            (
                "an unknown pseudo-field",
                vec![METHOD, PATH, SCHEME, own, (b":x", b"y")],
                b"",
            ),
            (
                "a tunnel for anybody",
                vec![
                    (b":method", b"CONNECT"),
                    (b":authority", b"other.example:443"),
                ],
                b"",
            ),
        ];
        for (name, fields, data) in cases {
            let came = outcome(&proxy, &fields, data);
            if came != "ended" && came != "400" {
                let host = String::from_utf8_lossy(host);
                faults.push(format!("{name} towards {host}: {came}"));
            }
        }
        // The table is worth nothing where good requests are refused too.
        let good = outcome(&proxy, &with(host, &[(b"content-length", b"3")]), b"abc");
        assert_eq!(good, "200", "{}", String::from_utf8_lossy(host));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let seen: Vec<String> = proxy.seen();
    assert_eq!(seen.len(), 2, "a server saw something else: {seen:?}");
}
