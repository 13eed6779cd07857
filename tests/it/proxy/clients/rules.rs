//! The rules of a WebSocket route that read frames: pings of the proxy's own, the length of a message, how many there may be.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Bytes, Message};
use wsgen::verify::stub::Stub;
use wsgen::verify::wire::{Event, Tunnel};

use super::super::serving::{Led, Serving, head_of};
use super::websocket::{AGREED, asked, opened, spec};

/// A frame as it came: its first byte, whether it was masked, what it says.
type Came = (u8, bool, Vec<u8>);

/// Whole frames, and what is left of half a one.
fn frames(bytes: &[u8]) -> (Vec<Came>, &[u8]) {
    let mut all = Vec::new();
    let mut rest = bytes;
    while let [first, second, more @ ..] = rest {
        let masked = second & 0x80 != 0;
        let (length, more) = match (second & 0x7f, more) {
            (126, [high, low, more @ ..]) => (usize::from(*high) << 8 | usize::from(*low), more),
            (short @ ..126, more) => (usize::from(short), more),
            _ => break,
        };
        let mask = if masked { 4 } else { 0 };
        let Some((whole, next)) = more.split_at_checked(mask + length) else {
            break;
        };
        let key = whole[..mask].iter().cycle();
        let said = match masked {
            true => whole[mask..].iter().zip(key).map(|(a, b)| a ^ b).collect(),
            false => whole.to_vec(),
        };
        all.push((*first, masked, said));
        rest = next;
    }
    (all, rest)
}

/// What has come until now, after this time.
fn after(stream: &mut TcpStream, time: Duration) -> Vec<u8> {
    let end = Instant::now() + time;
    let mut all = Vec::new();
    let mut some = [0; 4096];
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        let limit = left.max(Duration::from_millis(1));
        stream.set_read_timeout(Some(limit)).expect("a timeout");
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(count) => all.extend_from_slice(&some[..count]),
            Err(_) => {}
        }
    }
    all
}

/// What is behind the head of a 101.
fn behind(bytes: &[u8]) -> &[u8] {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let head = head.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(bytes)));
    assert!(bytes.starts_with(b"HTTP/1.1 101"));
    &bytes[head + 4..]
}

/// A server that agrees, says this in pieces with this pause before each, and remembers what it hears.
fn speaker(pieces: &'static [&'static [u8]], pause: Duration) -> (Led, Arc<Mutex<Vec<u8>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&heard);
    let server = Led::by(move |mut stream| {
        if head_of(&mut stream).is_none() {
            return;
        }
        let _ = stream.write_all(format!("{AGREED}\r\n").as_bytes());
        for piece in pieces {
            let came = after(&mut stream, pause);
            notes.lock().expect("a lock").extend_from_slice(&came);
            let _ = stream.write_all(piece);
        }
        let came = after(&mut stream, Duration::from_secs(10));
        notes.lock().expect("a lock").extend_from_slice(&came);
    });
    (server, heard)
}

const PING: u8 = 0x89;
const CLOSE: u8 = 0x88;

/// Both sides are asked whether they are there; that nobody answers is silence, and silence has its end.
#[test]
fn who_is_silent_is_pinged_and_who_stays_silent_is_let_go() {
    let (server, heard) = speaker(&[], Duration::ZERO);
    let serving = Serving::start(&spec(server.address(), "{ ping: 300ms, idle: 2s }"));
    let start = Instant::now();
    let mut stream = asked(&serving, b"");
    let came = after(&mut stream, Duration::from_secs(6));
    let took = start.elapsed();
    assert!(
        took > Duration::from_millis(1900) && took < Duration::from_secs(5),
        "{took:?}"
    );
    let (told, rest) = frames(behind(&came));
    assert_eq!(rest, b"");
    let (last, pings) = told.split_last().expect("frames");
    assert_eq!(*last, (CLOSE, false, vec![0x03, 0xe9]));
    assert!((3..=7).contains(&pings.len()), "{pings:?}");
    assert!(
        pings.iter().all(|it| *it == (PING, false, Vec::new())),
        "{pings:?}"
    );
    drop(stream);
    // A server hears what a client would have said: masked.
    let start = Instant::now();
    while heard.lock().expect("a lock").is_empty() {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "the server hears nothing"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let heard = heard.lock().expect("a lock").clone();
    let (told, _) = frames(&heard);
    let (last, pings) = told.split_last().expect("frames");
    assert_eq!(*last, (CLOSE, true, vec![0x03, 0xe9]));
    assert!((3..=7).contains(&pings.len()), "{pings:?}");
    assert!(
        pings.iter().all(|it| *it == (PING, true, Vec::new())),
        "{pings:?}"
    );
    assert_eq!(serving.logged("\"closed\"")["closed"], "idle");
}

/// A real client answers, and its tunnel lives on without a word of its own.
#[test]
fn who_answers_pings_stays() {
    let server = Stub::try_start("a").expect("a port is free");
    for (websocket, lives) in [("{ ping: 300ms, idle: 1s }", true), ("{ idle: 1s }", false)] {
        let serving = Serving::start(&spec(server.address(), websocket));
        for http2 in [false, true] {
            let mut tunnel = opened(&serving, http2, &[]);
            let ended = tunnel.ends_within(Duration::from_secs(3));
            assert_eq!(
                ended.is_none(),
                lives,
                "{websocket}, HTTP/2: {http2}: {ended:?}"
            );
            if lives {
                tunnel.try_echo("still there").expect("an echo");
            }
        }
    }
}

/// A ping stands between two frames, also of one message, and never in a frame that is under way.
#[test]
fn a_ping_breaks_no_frame() {
    // A frame of ten bytes in two pieces, then a message of two frames.
    const PIECES: &[&[u8]] = &[b"\x82\x0afour", b"andsix", b"\x01\x03one", b"\x80\x03two"];
    let (server, heard) = speaker(PIECES, Duration::from_millis(900));
    let serving = Serving::start(&spec(server.address(), "{ ping: 300ms }"));
    // The client's own frame is under way as long.
    let mut stream = asked(&serving, b"\x82\x88\0\0\0\0four");
    let mut came = after(&mut stream, Duration::from_millis(2300));
    stream.write_all(b"more").expect("sent");
    came.extend(after(&mut stream, Duration::from_millis(2000)));
    let (told, rest) = frames(behind(&came));
    assert_eq!(rest, b"", "{told:?}");
    let words: Vec<_> = told.iter().filter(|it| it.0 != PING).collect();
    let wanted = [
        (0x82, false, b"fourandsix".to_vec()),
        (0x01, false, b"one".to_vec()),
        (0x80, false, b"two".to_vec()),
    ];
    assert!(words.iter().eq(&wanted.each_ref()), "{told:?}");
    let place = |first: u8| told.iter().position(|it| it.0 == first).expect("a frame");
    assert!(
        place(0x80) - place(0x01) > 1,
        "no ping within a message: {told:?}"
    );
    drop(stream);
    let start = Instant::now();
    loop {
        let heard = heard.lock().expect("a lock").clone();
        let (told, _) = frames(&heard);
        if told.last().is_some_and(|it| it.0 == PING) {
            let words: Vec<_> = told.iter().filter(|it| it.0 != PING).collect();
            assert_eq!(words, [&(0x82, true, b"fourmore".to_vec())], "{told:?}");
            assert_eq!(told[0].0, 0x82, "a ping in a frame: {told:?}");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(12), "{told:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn part(text: &str, data: Data, last: bool) -> Message {
    let frame = Frame::message(Bytes::from(text.to_owned()), OpCode::Data(data), last);
    Message::Frame(frame)
}

/// A message in pieces of these lengths, with pings between them.
fn send(tunnel: &mut Tunnel, lengths: &[usize], pings: usize) {
    for (at, length) in lengths.iter().enumerate() {
        let data = if at == 0 { Data::Text } else { Data::Continue };
        let last = at + 1 == lengths.len();
        // What breaks a rule ends the tunnel before the rest is sent.
        let _ = tunnel.send(part(&"x".repeat(*length), data, last));
        for _ in 0..if last { 0 } else { pings } {
            let _ = tunnel.send(Message::Ping(vec![b'p'; 125].into()));
        }
    }
}

/// The next event that is no answer to a ping.
fn next(tunnel: &mut Tunnel) -> Event {
    loop {
        match tunnel.read() {
            Event::Pong => {}
            other => return other,
        }
    }
}

#[test]
fn a_message_is_as_long_as_all_its_frames() {
    let mut ends = 0;
    let server = Stub::try_start("a").expect("a port is free");
    let serving = Serving::start(&spec(server.address(), "{ max_message: 1KiB }"));
    for http2 in [false, true] {
        for (lengths, pings, passes) in [
            (&[1024][..], 0, true),
            (&[1025], 0, false),
            (&[0, 0, 1024, 0], 0, true),
            (&[500, 524], 0, true),
            (&[500, 525], 0, false),
            (&[1024, 1], 0, false),
            // Control frames are no part of it.
            (&[500, 524], 10, true),
            (&[1, 1023], 10, true),
            (&[500, 525], 10, false),
            (&[4; 256], 0, true),
            (&[4; 257], 0, false),
            (&[70_000], 0, false),
        ] {
            let mut tunnel = opened(&serving, http2, &[]);
            let what = format!("{lengths:?} and {pings} pings, HTTP/2: {http2}");
            // The one before does not count.
            send(&mut tunnel, &[1024], 0);
            assert_eq!(next(&mut tunnel), Event::Text("x".repeat(1024)), "{what}");
            send(&mut tunnel, lengths, pings);
            let wanted = match passes {
                true => Event::Text("x".repeat(lengths.iter().sum())),
                false => Event::Close(1009),
            };
            assert_eq!(next(&mut tunnel), wanted, "{what}");
            drop(tunnel);
            ends += 1;
            let told = server.ends(ends);
            let told = told.last().map(String::as_str);
            let wanted = if passes { "end" } else { "close 1009" };
            assert_eq!(told, Some(wanted), "{what}");
        }
    }
}

/// A length is believed as soon as it is said, from either side.
#[test]
fn a_length_is_enough() {
    const HUGE: &[u8] = b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff";
    let (server, _) = speaker(&[], Duration::ZERO);
    let serving = Serving::start(&spec(server.address(), "{ max_message: 1KiB }"));
    let mut stream = asked(
        &serving,
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
    );
    let came = after(&mut stream, Duration::from_secs(1));
    assert_eq!(behind(&came), b"\x88\x02\x03\xf1", "the client's own");
    let (server, heard) = speaker(&[HUGE], Duration::from_millis(100));
    let serving = Serving::start(&spec(server.address(), "{ max_message: 1KiB }"));
    let mut stream = asked(&serving, b"");
    let came = after(&mut stream, Duration::from_secs(1));
    assert_eq!(behind(&came), b"\x88\x02\x03\xf1", "the server's");
    drop(stream);
    let start = Instant::now();
    while heard.lock().expect("a lock").is_empty() {
        assert!(
            start.elapsed() < Duration::from_secs(12),
            "the server hears nothing"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let (told, _) = frames(&heard.lock().expect("a lock").clone());
    assert_eq!(told, [(CLOSE, true, vec![0x03, 0xf1])]);
}

/// Messages count, not frames; pings and the server's own words do not.
#[test]
fn a_message_counts_once() {
    let server = Stub::try_start("a").expect("a port is free");
    let serving = Serving::start(&spec(server.address(), "{ messages: { rate: 3/h } }"));
    for http2 in [false, true] {
        let mut tunnel = opened(&serving, http2, &[]);
        for _ in 0..20 {
            tunnel.send(Message::Ping("here?".into())).expect("sent");
            assert_eq!(tunnel.read(), Event::Pong);
        }
        send(&mut tunnel, &[1; 30], 2);
        assert_eq!(next(&mut tunnel), Event::Text("x".repeat(30)));
        tunnel.send("tick 1 9".into()).expect("sent");
        for number in 1..=9 {
            assert_eq!(next(&mut tunnel), Event::Text(format!("tick {number}")));
        }
        // Nothing in it, and a message all the same.
        tunnel.send(Message::Binary(Bytes::new())).expect("sent");
        assert_eq!(next(&mut tunnel), Event::Binary(Vec::new()));
        tunnel.send("one more".into()).expect("sent");
        assert_eq!(next(&mut tunnel), Event::Close(1008), "HTTP/2: {http2}");
    }
    assert_eq!(server.ends(2), ["close 1008", "close 1008"]);
}
