//! What servers say over HTTP/2, and what the client gets.

use super::super::super::http2::{field, frame};
use super::super::super::nonsense::Gets::{self, Body, Cut, Empty, Status};
use super::super::super::serving::Then::{self, Close, Drip, Flood, Hold, Reset, Stay};
use super::{END, Says, data, goaway, good, head, ok, reset};

/// One or more of them behind each other.
fn all(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

/// A head that says this of one field more.
fn with(id: u32, name: &str, value: &str) -> Vec<u8> {
    all(&[ok(id, 0, &[(name, value)]), data(id, END, b"body")])
}

/// A head with this status, and a body.
fn status(id: u32, status: &str) -> Vec<u8> {
    let block = field(b":status", status.as_bytes());
    all(&[head(id, 0, &block), data(id, END, b"body")])
}

/// A head and half a body.
fn half(id: u32) -> Vec<u8> {
    let head = ok(id, 0, &[("content-length", "10")]);
    all(&[head, data(id, 0, b"body")])
}

/// A frame of 20,000 bytes: more than anybody has allowed.
fn oversized(kind: u8, flags: u8, id: u32) -> Vec<u8> {
    frame(kind, flags, id, &[0; 20_000])
}

/// What is said to a request.
#[rustfmt::skip]
pub(super) const TABLE: &[(&str, Says, Then, Gets)] = &[
    ("nothing", |_| Vec::new(), Close, Status(502)),
    ("a-reset", |_| Vec::new(), Reset, Status(502)),
    ("silence", |_| Vec::new(), Hold, Status(504)),
    ("words", |_| b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody".to_vec(), Hold, Status(502)),
    ("half-a-frame", |id| good(id, "body")[..12].to_vec(), Close, Status(502)),
    ("half-a-frame-and-silence", |id| good(id, "body")[..12].to_vec(), Hold, Status(504)),

    // The end of a connection.
    ("goaway", |_| goaway(0, 0), Close, Status(502)),
    ("goaway-and-silence", |_| goaway(0, 0), Hold, Status(502)),
    ("goaway-that-takes-it", |id| goaway(id, 0), Close, Status(502)),
    ("goaway-that-takes-it-and-silence", |id| goaway(id, 0), Hold, Status(504)),
    ("goaway-with-an-error", |_| goaway(0, 1), Close, Status(502)),
    ("goaway-too-short", |_| frame(7, 0, 0, &[0, 0, 0]), Hold, Status(502)),
    ("goaway-on-a-stream", |id| frame(7, 0, id, &[0; 8]), Hold, Status(502)),
    ("goaway-then-an-answer", |id| all(&[goaway(id, 0), good(id, "body")]), Stay, Body),
    ("goaway-in-an-answer", |id| all(&[ok(id, 0, &[]), goaway(id, 0), data(id, END, b"body")]), Stay, Body),
    ("goaway-in-an-answer-and-the-end", |id| all(&[half(id), goaway(id, 0)]), Close, Cut),
    ("goaway-that-takes-an-answer-back", |id| all(&[half(id), goaway(0, 2)]), Close, Cut),

    // The end of a stream.
    ("rst-no-error", |id| reset(id, 0), Stay, Status(502)),
    ("rst-internal", |id| reset(id, 2), Stay, Status(502)),
    ("rst-refused", |id| reset(id, 7), Stay, Status(502)),
    ("rst-cancel", |id| reset(id, 8), Stay, Status(502)),
    ("rst-unknown-code", |id| reset(id, 0xffff_ffff), Stay, Status(502)),
    ("rst-too-short", |id| frame(3, 0, id, &[0]), Hold, Status(502)),
    ("rst-of-no-stream", |_| reset(0, 0), Hold, Status(502)),
    ("rst-of-an-idle-stream", |id| reset(id + 2, 0), Hold, Status(502)),
    ("rst-after-a-head", |id| all(&[ok(id, 0, &[("content-length", "4")]), reset(id, 2)]), Stay, Cut),
    ("rst-in-a-body", |id| all(&[half(id), reset(id, 2)]), Stay, Cut),
    ("rst-in-a-body-without-an-error", |id| all(&[half(id), reset(id, 0)]), Stay, Cut),
    ("rst-in-a-body-without-a-length", |id| all(&[ok(id, 0, &[]), data(id, 0, b"body"), reset(id, 8)]), Stay, Cut),
    ("rst-after-an-answer", |id| all(&[good(id, "body"), reset(id, 0)]), Stay, Body),

    // Fields that cannot be read.
    ("a-field-beyond-the-table", |id| head(id, END, &[0x88, 0xfe]), Hold, Status(502)),
    ("a-field-numbered-zero", |id| head(id, END, &[0x88, 0x80]), Hold, Status(502)),
    ("half-a-field", |id| head(id, END, &[0x88, 0, 5, b'a']), Hold, Status(502)),
    ("a-number-without-an-end", |id| head(id, END, &[0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Hold, Status(502)),
    ("a-table-beyond-its-limit", |id| head(id, END, &[0x3f, 0xe1, 0xff, 0x03, 0x88]), Hold, Status(502)),
    ("huffman-without-an-end", |id| head(id, END, &[0x88, 0, 0x84, 0xff, 0xff, 0xff, 0xff, 1, b'a']), Hold, Status(502)),
    ("no-fields", |id| head(id, END, &[]), Stay, Status(502)),

    // Fields that no answer may have.
    ("no-status", |id| head(id, END, &field(b"x", b"y")), Stay, Status(502)),
    ("two-statuses", |id| head(id, END, &[0x88, 0x8d]), Stay, Status(502)),
    ("a-status-behind-a-field", |id| head(id, END, &all(&[field(b"x", b"y"), vec![0x88]])), Stay, Status(502)),
    ("a-status-in-words", |id| status(id, "abc"), Stay, Status(502)),
    ("an-empty-status", |id| status(id, ""), Stay, Status(502)),
    ("a-short-status", |id| status(id, "20"), Stay, Status(502)),
    ("a-long-status", |id| status(id, "2000"), Stay, Status(502)),
    ("status-zero", |id| status(id, "000"), Stay, Status(502)),
    // What belongs to a request is passed over, and reaches nobody.
    ("a-path", |id| with(id, ":path", "/"), Stay, Body),
    ("an-unknown-pseudo-field", |id| with(id, ":x", "y"), Stay, Status(502)),
    ("a-capital", |id| with(id, "X-Y", "a"), Stay, Status(502)),
    ("an-empty-name", |id| with(id, "", "a"), Stay, Status(502)),
    ("a-line-end-in-a-name", |id| with(id, "x: y\r\nz", "a"), Stay, Status(502)),
    ("a-line-end-in-a-value", |id| with(id, "x", "a\r\nSet-Cookie: b=c"), Stay, Status(502)),
    ("a-nul-in-a-value", |id| with(id, "x", "a\0b"), Stay, Status(502)),
    ("connection", |id| with(id, "connection", "close"), Stay, Status(502)),
    ("chunks", |id| with(id, "transfer-encoding", "chunked"), Stay, Status(502)),
    ("an-upgrade", |id| with(id, "upgrade", "websocket"), Stay, Status(502)),
    ("a-switch-of-protocols", |id| status(id, "101"), Stay, Status(502)),

    // Interim answers.
    ("interim-answers-then-one", |id| all(&[head(id, 0, &field(b":status", b"100")), head(id, 0, &field(b":status", b"103")), good(id, "body")]), Stay, Body),
    ("interim-answers-then-silence", |id| head(id, 0, &field(b":status", b"103")), Hold, Status(504)),
    ("an-interim-answer-that-ends", |id| head(id, END, &field(b":status", b"103")), Stay, Status(502)),
    ("data-after-an-interim-answer", |id| all(&[head(id, 0, &field(b":status", b"103")), data(id, END, b"body")]), Stay, Status(502)),

    // Lengths.
    ("two-lengths", |id| all(&[ok(id, 0, &[("content-length", "4"), ("content-length", "5")]), data(id, END, b"body")]), Stay, Status(502)),
    ("a-length-in-words", |id| with(id, "content-length", "four"), Stay, Status(502)),
    ("a-negative-length", |id| with(id, "content-length", "-4"), Stay, Status(502)),
    ("a-signed-length", |id| with(id, "content-length", "+4"), Stay, Status(502)),
    ("a-length-beyond-64-bits", |id| with(id, "content-length", "99999999999999999999"), Stay, Status(502)),
    ("a-body-beyond-its-length", |id| with(id, "content-length", "2"), Stay, Cut),
    ("a-body-below-its-length", |id| with(id, "content-length", "9"), Stay, Cut),
    ("a-length-without-a-body", |id| ok(id, END, &[("content-length", "4")]), Stay, Status(502)),
    ("no-content-with-content", |id| all(&[head(id, 0, &[0x89]), data(id, END, b"body")]), Stay, Empty(204)),
    ("not-modified-with-a-length", |id| head(id, END, &all(&[vec![0x8b], field(b"content-length", b"4")])), Stay, Empty(304)),

    // Bodies.
    ("half-a-body", half, Close, Cut),
    ("half-a-body-reset", half, Reset, Cut),
    ("half-a-body-and-silence", half, Hold, Cut),
    ("a-head-and-silence", |id| ok(id, 0, &[("content-length", "4")]), Hold, Cut),
    ("data-before-a-head", |id| data(id, END, b"body"), Hold, Status(502)),
    ("data-after-the-end", |id| all(&[good(id, "body"), data(id, END, b"more")]), Stay, Body),
    ("a-second-head", |id| all(&[ok(id, 0, &[]), ok(id, 0, &[]), data(id, END, b"body")]), Stay, Cut),
    ("trailers-with-a-status", |id| all(&[ok(id, 0, &[]), data(id, 0, b"body"), head(id, END, &[0x8d])]), Stay, Body),
    ("more-padding-than-frame", |id| all(&[ok(id, 0, &[("content-length", "4")]), data(id, 8, &[9, 0, 0])]), Hold, Cut),

    // Frames.
    ("an-oversized-head", |id| oversized(1, 5, id), Hold, Status(502)),
    ("an-oversized-body", |id| all(&[ok(id, 0, &[("content-length", "20000")]), oversized(0, 1, id)]), Hold, Cut),
    ("an-oversized-unknown-frame", |id| oversized(0x42, 0, id), Hold, Status(502)),
    ("an-unknown-frame", |id| all(&[frame(0x42, 0xff, id, b"hello"), good(id, "body")]), Stay, Body),
    ("an-answer-to-an-idle-stream", |id| good(id + 2, "body"), Hold, Status(502)),
    ("an-answer-to-a-stream-of-its-own", |_| good(2, "body"), Hold, Status(502)),
    ("an-answer-to-no-stream", |_| good(0, "body"), Hold, Status(502)),
    ("a-push", |id| frame(5, 4, id, &[0, 0, 0, 2, 0x82]), Hold, Status(502)),
    ("a-head-without-an-end-then-data", |id| all(&[frame(1, 0, id, &[0x88]), data(id, END, b"body")]), Hold, Status(502)),
    ("a-head-without-an-end-and-silence", |id| frame(1, 0, id, &[0x88]), Hold, Status(504)),
    ("the-rest-of-no-head", |id| frame(9, 4, id, &[0x88]), Hold, Status(502)),
    ("a-window-of-nothing", |_| frame(8, 0, 0, &[0; 4]), Hold, Status(502)),
    ("a-window-too-large", |_| frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), Hold, Status(502)),
    ("a-window-too-short", |_| frame(8, 0, 0, &[0]), Hold, Status(502)),
    ("a-ping-too-short", |_| frame(6, 0, 0, &[0]), Hold, Status(502)),
    ("a-ping-on-a-stream", |id| frame(6, 0, id, &[0; 8]), Hold, Status(502)),
    ("settings-on-a-stream", |id| frame(4, 0, id, &[]), Hold, Status(502)),
    ("settings-too-short", |_| frame(4, 0, 0, &[0; 5]), Hold, Status(502)),
    ("settings-with-a-window-too-large", |_| frame(4, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]), Hold, Status(502)),
    ("settings-with-frames-too-small", |_| frame(4, 0, 0, &[0, 5, 0, 0, 0, 0]), Hold, Status(502)),
    ("settings-without-an-end", |_| Vec::new(), Flood("\0\0\0\u{4}\0\0\0\0\0"), Status(504)),
    ("pings-without-an-end", |_| Vec::new(), Flood("\0\0\u{8}\u{6}\0\0\0\0\0hellohey"), Status(504)),
    ("pings-now-and-then", |_| Vec::new(), Drip("\0\0\u{8}\u{6}\0\0\0\0\0hellohey"), Status(504)),
];

/// What is said to the first request of a connection, again and again on its stream.
#[rustfmt::skip]
pub(super) const ENDLESS: &[(&str, Says, Then, Gets)] = &[
    ("interim-answers-only", |_| Vec::new(), Flood("\0\0\u{5}\u{1}\u{4}\0\0\0\u{1}\u{8}\u{3}103"), Status(504)),
    ("empty-frames-only", |_| Vec::new(), Flood("\0\0\0\0\0\0\0\0\u{1}"), Status(502)),
    ("a-head-without-an-end", |id| frame(1, 0, id, &[0x88]), Flood("\0\0\u{5}\u{9}\0\0\0\0\u{1}\0\u{1}x\u{1}y"), Status(502)),
];

/// What a connection begins with, instead of settings.
#[rustfmt::skip]
pub(super) const BEGINNINGS: &[(&str, &[u8], Then, Gets)] = &[
    ("nothing", b"", Close, Status(502)),
    ("a-reset", b"", Reset, Status(502)),
    ("silence", b"", Hold, Status(504)),
    ("http1", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", Close, Status(502)),
    ("http1-that-stays", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", Hold, Status(502)),
    ("words", b"220 mail.example ESMTP\r\n", Hold, Status(502)),
    ("tls", b"\x15\x03\x03\0\x02\x02\x28", Close, Status(502)),
    ("half-of-it", b"\0\0\0\x04", Close, Status(502)),
    ("settings-too-short", b"\0\0\x05\x04\0\0\0\0\0\0\0\0\0\0", Hold, Status(502)),
    ("settings-on-a-stream", b"\0\0\0\x04\0\0\0\0\x01", Hold, Status(502)),
    ("a-goodbye", b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0", Close, Status(502)),
    ("a-goodbye-and-silence", b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0", Hold, Status(502)),
    ("no-streams-at-all", b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\0", Hold, Status(504)),
];
