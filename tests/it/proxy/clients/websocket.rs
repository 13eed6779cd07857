//! WebSockets as tungstenite speaks them, by HTTP/1.1 and by HTTP/2: messages, frames, close codes, half-closed and slow sides.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Bytes, Message};
use wsgen::verify::stub::Stub;
use wsgen::verify::wire::{Event, Tunnel};

use super::super::serving::{Led, Serving, head_of};

const PATIENCE: Duration = Duration::from_secs(5);

/// What a server agrees with, to the key of RFC 6455 §1.3.
pub(super) const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

pub(super) fn spec(server: std::net::SocketAddr, websocket: &str) -> String {
    format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1, http2: on }} }}\n\
         upstreams: {{ app: {{ servers: [\"{server}\"] }} }}\n\
         routes: [{{ name: app, path: /, upstream: app, websocket: {websocket} }}]\nlog: {{ format: json }}\n"
    )
}

/// A tunnel, by HTTP/2 or not.
pub(super) fn opened(serving: &Serving, http2: bool, headers: &[(&str, &str)]) -> Tunnel {
    let client = serving.client();
    let came = match http2 {
        false => client.try_websocket("/ws", headers),
        true => client.http2().expect("HTTP/2").websocket("/ws", headers),
    };
    came.expect("an answer").expect("a tunnel")
}

/// The key of RFC 6455 §1.3, as a client sends it.
pub(super) fn asked(serving: &Serving, more: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(serving.address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let head = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    bytes.extend_from_slice(more);
    stream.write_all(&bytes).expect("sent");
    stream
}

#[test]
fn messages_of_every_shape_come_back() {
    let server = Stub::try_start("a").expect("a port is free");
    let serving = Serving::start(&spec(server.address(), "true"));
    for http2 in [false, true] {
        let mut tunnel = opened(&serving, http2, &[]);
        for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
            let text = "grüße ".chars().cycle().take(size).collect::<String>();
            tunnel.send(text.as_str().into()).expect("sent");
            assert_eq!(tunnel.read(), Event::Text(text), "{size}, HTTP/2: {http2}");
            let bytes: Vec<u8> = (0..size).map(|at| ((at * 7919) >> 3) as u8).collect();
            tunnel.send(bytes.clone().into()).expect("sent");
            assert_eq!(
                tunnel.read(),
                Event::Binary(bytes),
                "{size}, HTTP/2: {http2}"
            );
        }
        tunnel.send(Message::Ping("here?".into())).expect("sent");
        assert_eq!(tunnel.read(), Event::Pong);
        tunnel.send("ping".into()).expect("sent");
        assert_eq!(tunnel.read(), Event::Ping);
        // One message of three frames, a ping between them.
        for (word, code, last) in [
            ("one ", OpCode::Data(Data::Text), false),
            ("two ", OpCode::Data(Data::Continue), false),
        ] {
            let frame = Frame::message(Bytes::from(word), code, last);
            tunnel.send(Message::Frame(frame)).expect("sent");
        }
        tunnel.send(Message::Ping("still?".into())).expect("sent");
        let code = OpCode::Data(Data::Continue);
        let last = Frame::message(Bytes::from("three"), code, true);
        tunnel.send(Message::Frame(last)).expect("sent");
        let mut came = [tunnel.read(), tunnel.read()];
        came.sort_by_key(|it| *it != Event::Pong);
        assert_eq!(came, [Event::Pong, Event::Text("one two three".to_owned())]);
    }
}

#[test]
fn every_end_arrives_as_it_is_at_the_other_side() {
    let server = Stub::try_start("a").expect("a port is free");
    let serving = Serving::start(&spec(server.address(), "true"));
    let mut ends = 0;
    for http2 in [false, true] {
        for code in [1000_u16, 1001, 1011, 3000, 4999] {
            let mut tunnel = opened(&serving, http2, &[]);
            tunnel
                .send(format!("close {code}").as_str().into())
                .expect("sent");
            assert_eq!(tunnel.read(), Event::Close(code), "HTTP/2: {http2}");
            ends += 1;
            let mut tunnel = opened(&serving, http2, &[]);
            let frame = tungstenite::protocol::CloseFrame {
                code: code.into(),
                reason: "enough".into(),
            };
            tunnel.send(Message::Close(Some(frame))).expect("sent");
            assert_eq!(tunnel.read(), Event::Close(code), "HTTP/2: {http2}");
            ends += 1;
            let told = server.ends(ends);
            assert_eq!(
                told.last(),
                Some(&format!("close {code}")),
                "HTTP/2: {http2}"
            );
        }
        // No close frame at all.
        let mut tunnel = opened(&serving, http2, &[]);
        tunnel.send("drop".into()).expect("sent");
        assert_eq!(tunnel.read(), Event::End, "HTTP/2: {http2}");
        ends += 1;
        server.ends(ends);
        drop(opened(&serving, http2, &[]));
        ends += 1;
        let told = server.ends(ends);
        assert_eq!(told.len(), ends, "HTTP/2: {http2}: {told:?}");
        assert_eq!(
            told.last().map(String::as_str),
            Some("end"),
            "HTTP/2: {http2}"
        );
    }
}

#[test]
fn what_a_handshake_agrees_on_passes() {
    let server = Led::by(|mut stream| {
        let head = head_of(&mut stream)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let asked = [
            "sec-websocket-protocol: other, chat.v1",
            "permessage-deflate; client_max_window_bits",
        ];
        let more = match asked.iter().all(|it| head.contains(it)) {
            true => {
                "Sec-WebSocket-Protocol: chat.v1\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n"
            }
            false => "\r\n",
        };
        let _ = stream.write_all(format!("{AGREED}{more}").as_bytes());
        // Compressed: the first bit of the three that are kept for extensions.
        let _ = stream.write_all(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let serving = Serving::start(&spec(server.address(), "true"));
    let headers = [
        ("Sec-WebSocket-Protocol", "other, chat.v1"),
        (
            "Sec-WebSocket-Extensions",
            "permessage-deflate; client_max_window_bits",
        ),
    ];
    let mut tunnel = opened(&serving, false, &headers);
    assert_eq!(
        tunnel.response.header("sec-websocket-protocol"),
        Some("chat.v1")
    );
    assert_eq!(
        tunnel.response.header("sec-websocket-extensions"),
        Some("permessage-deflate; server_no_context_takeover")
    );
    // Tungstenite has no such extension: that it refuses the bit says that it arrived.
    let why = tunnel
        .socket
        .read()
        .expect_err("a bit that is not agreed on");
    assert!(why.to_string().contains("Reserved bits"), "{why}");
}

/// Frames that come in the same packets as the handshake and its answer.
#[test]
fn frames_behind_a_handshake_are_not_lost() {
    let server = Led::by(|mut stream| {
        if head_of(&mut stream).is_some() {
            let _ = stream.write_all(format!("{AGREED}\r\n").as_bytes().to_vec().as_slice());
            let _ = stream.write_all(b"\x81\x05first");
            let mut came = [0; 10];
            let _ = stream.read_exact(&mut came);
            let _ = stream.write_all(&came[6..]);
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
    let serving = Serving::start(&spec(server.address(), "true"));
    // A masked text of four letters, its mask all zeros.
    let mut stream = asked(&serving, b"\x81\x84\0\0\0\0word");
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let text = String::from_utf8_lossy(&all);
    assert!(text.starts_with("HTTP/1.1 101"), "{text}");
    assert!(all.ends_with(b"\x81\x05firstword"), "{text}");
}

/// A client that has said all it will still hears everything.
#[test]
fn a_side_that_is_done_still_hears_the_other() {
    let server = Led::by(|mut stream| {
        if head_of(&mut stream).is_some() {
            let _ = stream.write_all(format!("{AGREED}\r\n").as_bytes());
            let mut came = Vec::new();
            let _ = stream.read_to_end(&mut came);
            std::thread::sleep(Duration::from_millis(300));
            let _ = stream.write_all(&[b'x'; 300_000]);
            let _ = stream.write_all(format!("after {}", came.len()).as_bytes());
        }
    });
    let serving = Serving::start(&spec(server.address(), "true"));
    let mut stream = asked(&serving, b"\x81\x84\0\0\0\0word");
    stream.shutdown(Shutdown::Write).expect("half of it");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the rest");
    assert!(
        all.len() > 300_000 && all.ends_with(b"after 10"),
        "{}",
        all.len()
    );
}

/// A client that does not read holds its server up, not the proxy's memory; then everything arrives.
#[test]
fn a_slow_reader_holds_its_server_up() {
    const ALL: usize = 64 << 20;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let server = Led::by(move |mut stream| {
        if head_of(&mut stream).is_none() {
            return;
        }
        let _ = stream.write_all(format!("{AGREED}\r\n").as_bytes());
        // Binary frames of 64 KiB less their heads.
        let mut frame = vec![0x82, 126, 0xff, 0xfc];
        frame.resize(64 << 10, 7);
        for _ in 0..ALL / frame.len() {
            if stream.write_all(&frame).is_err() {
                return;
            }
            counted.fetch_add(frame.len(), Ordering::SeqCst);
        }
    });
    let serving = Serving::start(&spec(server.address(), "true"));
    let mut stream = asked(&serving, b"");
    std::thread::sleep(Duration::from_secs(1));
    let held = sent.load(Ordering::SeqCst);
    assert!(held < ALL / 2, "{held} bytes went on their way");
    // The first one has paid for what all share.
    let before = memory(&serving);
    let more: Vec<TcpStream> = (0..16).map(|_| asked(&serving, b"")).collect();
    std::thread::sleep(Duration::from_secs(1));
    let grown = memory(&serving).saturating_sub(before);
    // One read of each, and what the allocator keeps beside it; of a gigabyte that is on its way.
    assert!(grown < 16 * 512, "{grown} KiB more");
    drop(more);
    let start = Instant::now();
    let mut came = 0;
    let mut buffer = vec![0; 1 << 20];
    while came < ALL && start.elapsed() < Duration::from_secs(20) {
        came += stream.read(&mut buffer).expect("more");
    }
    assert!(came >= ALL, "{came} of {ALL} bytes");
}

/// What the proxy has taken for itself, in KiB.
fn memory(serving: &Serving) -> u64 {
    let path = format!("/proc/{}/status", serving.running.pid());
    let text = std::fs::read_to_string(path).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("a number")
}

/// Each limit ends a tunnel with its code, at both sides, and the log says which it was.
#[test]
fn a_limit_ends_a_tunnel_with_its_code() {
    for (websocket, code, word) in [
        ("{ idle: 1s }", 1001, "idle"),
        ("{ max_duration: 1s }", 1001, "max_duration"),
        ("{ max_message: 1KiB }", 1009, "max_message"),
        ("{ messages: { rate: 3/min } }", 1008, "messages"),
    ] {
        for http2 in [false, true] {
            let server = Stub::try_start("a").expect("a port is free");
            let serving = Serving::start(&spec(server.address(), websocket));
            let mut tunnel = opened(&serving, http2, &[]);
            for number in 0..3 {
                let text = format!("{number}");
                tunnel.send(text.as_str().into()).expect("sent");
                assert_eq!(tunnel.read(), Event::Text(text), "{word}");
            }
            // Too long for the one, too many for the other, and before the time of the others is up.
            if code != 1001 {
                let _ = tunnel.send("x".repeat(2000).as_str().into());
            }
            let came = tunnel.read_within(Duration::from_secs(4));
            assert_eq!(came, Event::Close(code), "{word}, HTTP/2: {http2}");
            let told = server.ends(1);
            assert_eq!(told, [format!("close {code}")], "{word}, HTTP/2: {http2}");
            drop(tunnel);
            let line = serving.logged("\"closed\"");
            assert_eq!(line["closed"], word, "{line}");
            assert_eq!(line["status"], 101, "{line}");
        }
    }
}

/// A frame of a client, masked with nothing.
fn masked(first: u8, text: &str) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | text.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// What a server got of a client's frames, which were sent at once, and what the client got.
fn carried(websocket: &str, frames: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (tell, told) = std::sync::mpsc::channel();
    let server = Led::by(move |mut stream| {
        if head_of(&mut stream).is_none() {
            return;
        }
        let _ = stream.write_all(format!("{AGREED}\r\n").as_bytes());
        let mut all = Vec::new();
        let _ = stream.set_read_timeout(Some(Duration::from_secs(4)));
        let _ = stream.read_to_end(&mut all);
        let _ = tell.send(all);
    });
    let serving = Serving::start(&spec(server.address(), websocket));
    let mut stream = asked(&serving, b"");
    let mut head = [0; 1];
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut head).expect("a head");
        seen.push(head[0]);
    }
    stream.write_all(frames).expect("sent");
    let _ = stream.set_read_timeout(Some(Duration::from_millis(2_500)));
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    (told.recv_timeout(PATIENCE).expect("an end"), all)
}

/// What was fine before the frame that breaks a rule arrives, though all of it came at once; nothing behind it does.
#[test]
fn a_rule_takes_nothing_that_was_fine_before() {
    let fine = [masked(0x81, "one"), masked(0x82, "two")].concat();
    let close = |code: u16| [&[0x88, 2][..], &code.to_be_bytes()].concat();
    for (rules, bad, code) in [
        ("{ max_message: 5B }", masked(0x81, "too long"), 1009_u16),
        (
            "{ max_message: 5B }",
            [masked(0x01, "abc"), masked(0x80, "def")].concat(),
            1009,
        ),
        ("{ messages: { rate: 2/h } }", masked(0x81, "more"), 1008),
        // A message within another one would begin its count anew (RFC 6455 §5.4).
        (
            "{ max_message: 5B }",
            [masked(0x01, "abc"), masked(0x01, "def")].concat(),
            1002,
        ),
        ("{ max_message: 5B }", masked(0x80, "x"), 1002),
    ] {
        let frames = [fine.clone(), bad, masked(0x81, "last")].concat();
        let (server, client) = carried(rules, &frames);
        assert!(server.starts_with(&fine), "{rules}: {server:?}");
        let behind = &server[fine.len()..];
        assert!(
            !behind.windows(4).any(|it| it == b"last"),
            "{rules}: {server:?}"
        );
        assert_eq!(client, close(code), "{rules}");
    }
    // Who asks for no rule gets what was sent.
    let odd = [masked(0x01, "abc"), masked(0x01, "def"), masked(0x88, "")].concat();
    let (server, _) = carried("true", &odd);
    assert_eq!(server, odd);
}
