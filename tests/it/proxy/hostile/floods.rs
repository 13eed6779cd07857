//! Many small things at once: streams taken back, frames that ask for an answer, heads without an end, connections without a number.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::http2::{field, frame};
use super::{Site, connect, soon};

const SPEC: &str = "\
wsgen: 1
listeners: { web: { port: PORT, address: 127.0.0.1, http2: on, limits: { connections: 50 }, timeouts: { keepalive: 2s } } }
upstreams: { app: { servers: [\"SERVER\"] } }
routes:
  - { name: page, path: /page, respond: { status: 200, body: page } }
  - { name: all, upstream: app }
";

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn begin(site: &Site) -> TcpStream {
    let mut stream = connect(site.address);
    stream.write_all(PREFACE).expect("it reads");
    stream.write_all(&frame(4, 0, 0, &[])).expect("it reads");
    stream
}

fn block(path: &[u8]) -> Vec<u8> {
    [
        (&b":method"[..], &b"GET"[..]),
        (b":path", path),
        (b":scheme", b"http"),
        (b":authority", b"a"),
    ]
    .iter()
    .flat_map(|(name, value)| field(name, value))
    .collect()
}

/// Writes until there is no one who reads, for at most a second; whether somebody reads still.
fn pour(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    let end = Instant::now() + Duration::from_secs(1);
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .expect("a timeout");
    while Instant::now() < end {
        match stream.write(bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return true,
            Err(_) => return false,
        }
    }
    true
}

/// Somebody else is served as if nothing was.
fn is_served(site: &Site) {
    let start = Instant::now();
    let said = site.raw("GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(said.ends_with("page"), "{said}");
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
}

fn is_over(stream: &mut TcpStream) -> bool {
    let mut some = [0; 65536];
    loop {
        match stream.read(&mut some) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// CVE-2023-44487: requests that are taken back before they are answered, at once and one by one.
#[test]
fn requests_taken_back_end_their_connection() {
    for pause in [Duration::ZERO, Duration::from_millis(2)] {
        let site = Site::start(SPEC);
        let mut stream = begin(&site);
        for number in 0..2_000 {
            let id = number * 2 + 1;
            let mut both = frame(1, 5, id, &block(b"/"));
            let cancel = frame(3, 0, id, &8_u32.to_be_bytes());
            if pause.is_zero() {
                both.extend(&cancel);
            } else if stream.write_all(&both).is_err() {
                break;
            } else {
                std::thread::sleep(pause);
                both = cancel;
            }
            if stream.write_all(&both).is_err() {
                break;
            }
        }
        assert!(is_over(&mut stream), "after {pause:?}");
        let seen = site.stub.requests().len();
        assert!(seen < 400, "{seen} after {pause:?}");
        is_served(&site);
    }
}

/// Who lets most of its requests be answered may take back many.
#[test]
fn some_requests_may_be_taken_back() {
    let site = Site::start(SPEC);
    let mut stream = begin(&site);
    for number in 0..300_u32 {
        let (one, other) = (number * 4 + 1, number * 4 + 3);
        let mut slow = block(b"/");
        slow.extend(field(b"x-delay", b"200"));
        let mut both = frame(1, 5, one, &slow);
        both.extend(frame(1, 5, other, &block(b"/page")));
        stream.write_all(&both).expect("it reads");
        // The first one runs when the second one is answered.
        let mut head = [0; 9];
        loop {
            stream.read_exact(&mut head).expect("it is served");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            stream.read_exact(&mut payload).expect("a frame");
            if head[3] == 1 && head[5..] == other.to_be_bytes() {
                break;
            }
        }
        stream
            .write_all(&frame(3, 0, one, &8_u32.to_be_bytes()))
            .expect("it reads");
    }
    let seen = site.stub.requests().len();
    assert!(seen > 200, "{seen}");
}

/// Frames that cost their sender nothing, with nobody who reads the answers.
#[test]
fn floods_hold_nothing_and_nobody() {
    let site = Site::start(SPEC);
    let before = site.memory();
    let open = frame(1, 4, 1, &block(b"/"));
    let mut streams = Vec::new();
    for (name, first, one) in [
        ("settings", &[][..], frame(4, 0, 0, &[])),
        ("pings", &[], frame(6, 0, 0, &[0; 8])),
        ("windows", &[], frame(8, 0, 0, &[0, 0, 0, 1])),
        ("priorities", &[], frame(2, 0, 1, &[0, 0, 0, 0, 9])),
        ("bytes of nothing", &open, frame(0, 0, 1, &[])),
        ("resets of nothing", &open, frame(3, 0, 1, &[0, 0, 0, 8])),
        ("frames of no kind", &[], frame(0x77, 0, 0, &[7; 64])),
    ] {
        let mut stream = begin(&site);
        stream.write_all(first).expect("it reads");
        pour(&mut stream, &one.repeat(2_000));
        is_served(&site);
        let held = site.memory().saturating_sub(before);
        assert!(held < 40_000, "{name}: {held} KiB");
        streams.push(stream);
    }
}

/// CVE-2024-27316: a head that is continued for ever; and one that is small on the wire and large in memory.
#[test]
fn heads_have_an_end() {
    let site = Site::start(SPEC);
    let before = site.memory();
    let mut stream = begin(&site);
    stream
        .write_all(&frame(1, 0, 1, &block(b"/")))
        .expect("it reads");
    let more = frame(9, 0, 1, &field(b"x", &[b'y'; 100]).repeat(100));
    assert!(!pour(&mut stream, &more), "it reads on and on");
    is_served(&site);
    let mut stream = begin(&site);
    // One field of 3,000 bytes goes into the table, and is then named 15,000 times by one byte.
    let mut bomb = block(b"/");
    bomb.extend([0x40, 1, b'x', 0x7f, 0xb9, 0x16]);
    bomb.extend(std::iter::repeat_n(b'y', 3_000));
    bomb.extend(std::iter::repeat_n(0xbe, 13_000));
    stream.write_all(&frame(1, 5, 1, &bomb)).expect("it reads");
    let mut head = [0; 9];
    while stream.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).expect("a frame");
        if head[3] == 1 {
            assert_ne!(payload[0], 0x88, "it was answered");
            break;
        }
        if head[3] == 3 || head[3] == 7 {
            break;
        }
    }
    is_served(&site);
    let held = site.memory().saturating_sub(before);
    assert!(held < 40_000, "{held} KiB");
    assert!(site.stub.requests().is_empty());
}

#[test]
fn so_many_streams_and_no_more() {
    let site = Site::start(SPEC);
    let mut stream = begin(&site);
    let wait = field(b"x-delay", b"2000");
    for number in 0..200 {
        let mut block = block(b"/");
        block.extend(&wait);
        stream
            .write_all(&frame(1, 5, number * 2 + 1, &block))
            .expect("it reads");
    }
    std::thread::sleep(Duration::from_millis(800));
    let seen = site.stub.requests().len();
    assert!((100..=128).contains(&seen), "{seen}");
}

#[test]
fn a_listener_takes_so_many_connections() {
    let site = Site::start(SPEC);
    let mut streams: Vec<TcpStream> = (0..60).map(|_| connect(site.address)).collect();
    std::thread::sleep(Duration::from_millis(300));
    streams.retain_mut(|stream| {
        stream.set_nonblocking(true).expect("a socket");
        !is_over(stream)
    });
    assert!((49..=50).contains(&streams.len()), "{}", streams.len());
    streams.truncate(40);
    assert!(soon(Duration::from_secs(2), || {
        site.raw("GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .ends_with("page")
    }));
}

/// No descriptor is left: those who wait are served when one is, and waiting costs nothing.
#[test]
fn it_outlives_having_no_descriptor() {
    let site = Site::start(&SPEC.replace("connections: 50", "connections: 5000"));
    let set = Command::new("prlimit")
        .args(["--pid", &site.running.pid().to_string(), "--nofile=60:60"])
        .stdout(Stdio::null())
        .status();
    assert!(set.is_ok_and(|it| it.success()), "prlimit");
    let streams: Vec<TcpStream> = (0..80).map(|_| connect(site.address)).collect();
    std::thread::sleep(Duration::from_millis(300));
    let before = site.worked();
    std::thread::sleep(Duration::from_secs(1));
    let worked = site.worked() - before;
    assert!(worked < Duration::from_millis(200), "{worked:?}");
    drop(streams);
    assert!(soon(Duration::from_secs(3), || {
        site.raw("GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .ends_with("page")
    }));
}
