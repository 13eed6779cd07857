//! Clients and servers that take their time: every wait has an end, and waiting costs nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use wsgen::verify::wire::Authority;

use super::super::http2::{field, frame};
use super::{Site, connect, serve, soon};

const SPEC: &str = "\
wsgen: 1
listeners: { web: { port: PORT, address: 127.0.0.1, http2: on, timeouts: { head: 1s, keepalive: 1s } } }
upstreams: { app: { servers: [\"SERVER\"], timeouts: { keepalive: 1s } } }
routes:
  - { name: all, upstream: app, timeouts: { response: 20s, idle: 1s } }
";

/// What a patient attacker gets at most: the time of the contract, the sweep's pace, a busy machine.
const SOON: Duration = Duration::from_secs(4);

/// How long until the connection ends, of which at most `SOON` is waited for.
fn ends(stream: &mut TcpStream) -> Option<Duration> {
    let start = Instant::now();
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    let mut some = [0; 4096];
    loop {
        match stream.read(&mut some) {
            Ok(0) => return Some(start.elapsed()),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                return Some(start.elapsed());
            }
            Err(_) => return None,
        }
    }
}

#[test]
fn a_client_that_never_reads_is_let_go() {
    let site = Site::start(SPEC);
    let mut stream = connect(site.address);
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Size: 60000000\r\n\r\n")
        .expect("it reads");
    assert!(soon(SOON, || site.stub.open() == 1), "it arrives");
    assert!(soon(SOON, || site.stub.open() == 0), "it ends");
    // One that reads slowly gets all of it.
    let mut stream = connect(site.address);
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Size: 9000000\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut count = 0;
    let mut some = vec![0; 1_000_000];
    while let Ok(read @ 1..) = stream.read(&mut some) {
        count += read;
        std::thread::sleep(Duration::from_millis(150));
    }
    assert!(count > 9_000_000, "{count}");
}

#[test]
fn nor_may_it_never_read_over_tls() {
    let authority = Authority::new();
    let pair = authority.try_issue(&["one.example"]).expect("a pair");
    let spec = SPEC.replace("http2: on", "http2: off, tls: { certificates: [site] }")
        + "certificates: { site: { hosts: [one.example], cert: FOLDER/cert.pem, key: FOLDER/key.pem } }\n";
    let files = [
        ("cert.pem", pair.cert.as_str()),
        ("key.pem", pair.key.as_str()),
    ];
    let site = Site::with(&spec, &files, &[]);
    let client = site.client().host("one.example").tls(&authority);
    let mut connection = client.connect().expect("TLS");
    connection
        .begin("GET", "/", &[("X-Size", "60000000")])
        .expect("it reads");
    assert!(soon(SOON, || site.stub.open() == 1), "it arrives");
    assert!(soon(SOON, || site.stub.open() == 0), "it ends");
}

/// A handshake that stops in its middle, over TLS and behind a header that names a client.
#[test]
fn a_beginning_has_its_time() {
    let authority = Authority::new();
    let pair = authority.try_issue(&["one.example"]).expect("a pair");
    let spec = "\
wsgen: 1
listeners:
  secure: { port: PORT, address: 127.0.0.1, proxy_protocol: true, timeouts: { head: 1s }, tls: { certificates: [site] } }
certificates: { site: { hosts: [one.example], cert: FOLDER/cert.pem, key: FOLDER/key.pem } }
upstreams: { app: { servers: [\"SERVER\"] } }
routes: [{ name: all, upstream: app }]
";
    let files = [
        ("cert.pem", pair.cert.as_str()),
        ("key.pem", pair.key.as_str()),
    ];
    let site = Site::with(spec, &files, &[]);
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    for (name, begin) in [
        ("nothing", &b""[..]),
        ("half a header", b"PROXY TCP4 192.0.2.1 127.0"),
        ("half a binary header", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0"),
    ] {
        let mut stream = connect(site.address);
        stream.write_all(begin).expect("it reads");
        let took = ends(&mut stream).unwrap_or_else(|| panic!("{name}: it does not end"));
        assert!(took > Duration::from_millis(500), "{name}: {took:?}");
    }
    // The time is one for all of it.
    let mut stream = connect(site.address);
    std::thread::sleep(Duration::from_millis(700));
    stream
        .write_all(b"PROXY TCP4 192.0.2.1 127.0.0.1 4000 443\r\n")
        .expect("it reads");
    stream.write_all(&hello).expect("it reads");
    let took = ends(&mut stream).expect("it ends");
    assert!(took < Duration::from_millis(800), "{took:?}");
    let client = site.client().host("one.example").tls(&authority);
    let answer = client.from("192.0.2.7").try_get("/", &[]);
    assert_eq!(answer.expect("an answer").status, 200);
}

/// The first letters of HTTP/2, and then nothing: nobody looks again and again whether more has come.
#[test]
fn waiting_for_a_protocol_costs_nothing() {
    let site = Site::start(&SPEC.replace("head: 1s", "head: 30s"));
    let mut streams: Vec<TcpStream> = (0..300).map(|_| connect(site.address)).collect();
    for stream in &mut streams {
        stream.write_all(b"PRI * HT").expect("it reads");
    }
    std::thread::sleep(Duration::from_millis(500));
    let before = site.worked();
    std::thread::sleep(Duration::from_secs(2));
    let worked = site.worked() - before;
    assert!(worked < Duration::from_millis(300), "{worked:?}");
    // The rest of it is HTTP/2 all the same, in however many pieces.
    let mut stream = streams.pop().expect("one");
    for piece in b"TP/2.0\r\n\r\nSM\r\n\r\n".chunks(3) {
        stream.write_all(piece).expect("it reads");
        std::thread::sleep(Duration::from_millis(20));
    }
    stream.write_all(&frame(4, 0, 0, &[])).expect("it reads");
    let mut head = [0; 9];
    stream.read_exact(&mut head).expect("settings");
    assert_eq!(head[3], 4, "{head:?}");
    // One that breaks off is gone at once.
    let half = streams.pop().expect("one");
    half.shutdown(std::net::Shutdown::Write).expect("a socket");
    let mut half = half;
    assert!(ends(&mut half).is_some());
}

#[test]
fn a_head_letter_by_letter_has_one_time() {
    let site = Site::start(SPEC);
    let mut stream = connect(site.address);
    let start = Instant::now();
    for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(ends(&mut stream).is_some());
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn ask(stream: u32, more: &[(&[u8], &[u8])], end: bool) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (&b":method"[..], &b"POST"[..]),
        (b":path", b"/"),
        (b":scheme", b"http"),
        (b":authority", b"a"),
    ]
    .iter()
    .chain(more)
    {
        block.extend(field(name, value));
    }
    frame(1, 4 | u8::from(end), stream, &block)
}

/// The next frame of this kind on this stream; `None`: the connection ended, or time did.
fn next(stream: &mut TcpStream, kind: u8, id: u32) -> Option<Vec<u8>> {
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).ok()?;
        let own = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if (head[3], own) == (kind, id) {
            return Some(payload);
        }
    }
}

/// A window that is never opened: the stream ends, and no other one with it.
#[test]
fn a_stream_that_takes_nothing_is_let_go() {
    let site = Site::start(SPEC);
    let mut stream = connect(site.address);
    let mut sent = PREFACE.to_vec();
    // INITIAL_WINDOW_SIZE (4) is 0.
    sent.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    sent.extend(ask(1, &[(b"x-size", b"9000000")], true));
    sent.extend(ask(
        3,
        &[(b"x-delay", b"3000"), (b"x-status", b"204")],
        true,
    ));
    stream.write_all(&sent).expect("it reads");
    assert!(next(&mut stream, 3, 1).is_some(), "no RST_STREAM");
    assert!(
        next(&mut stream, 1, 3).is_some(),
        "the other one is answered"
    );
}

/// An answer that the proxy compresses has its route's time too.
#[test]
fn a_compressed_stream_that_takes_nothing_is_let_go() {
    let site = Site::start(&SPEC.replace("idle: 1s }", "idle: 1s }, compression: on"));
    let long = "x".repeat(3_000);
    site.stub.answer(
        "/",
        wsgen::verify::stub::Answer::status(200)
            .header("Content-Type", "text/plain")
            .body(&long),
    );
    let mut stream = connect(site.address);
    let mut sent = PREFACE.to_vec();
    sent.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    sent.extend(ask(1, &[(b"accept-encoding", b"gzip")], true));
    stream.write_all(&sent).expect("it reads");
    let head = next(&mut stream, 1, 1).expect("a head");
    assert!(
        head.windows(3).any(|it| it == [0x9b, 0xd9, 0xab]),
        "gzip: {head:?}"
    );
    assert!(next(&mut stream, 3, 1).is_some(), "no RST_STREAM");
}

/// A window that is taken back while the server has nothing to say.
#[test]
fn a_window_that_closes_later_holds_nothing() {
    let site = Site::start(SPEC);
    let mut stream = connect(site.address);
    let mut sent = PREFACE.to_vec();
    sent.extend(frame(4, 0, 0, &[]));
    let pause = [(&b"x-size"[..], &b"2000"[..]), (b"x-pause", b"800")];
    sent.extend(ask(1, &pause, true));
    stream.write_all(&sent).expect("it reads");
    assert!(next(&mut stream, 0, 1).is_some(), "the first half");
    stream
        .write_all(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]))
        .expect("it reads");
    assert!(next(&mut stream, 3, 1).is_some(), "no RST_STREAM");
}

/// Wide windows, and a socket that nobody reads: what waits for the client is bounded, and then let go.
#[test]
fn a_connection_that_takes_nothing_is_let_go() {
    let site = Site::start(SPEC);
    let before = site.memory();
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(site.address);
        let mut sent = PREFACE.to_vec();
        sent.extend(frame(4, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]));
        sent.extend(frame(8, 0, 0, &0x7000_0000_u32.to_be_bytes()));
        for id in 0..50 {
            sent.extend(ask(id * 2 + 1, &[(b"x-size", b"9000000")], true));
        }
        stream.write_all(&sent).expect("it reads");
        streams.push(stream);
    }
    assert!(soon(SOON, || site.stub.open() > 25), "they arrive");
    std::thread::sleep(Duration::from_millis(500));
    let held = site.memory() - before;
    // 200 answers of 9 MB; of each what is read from the server at once waits in three places.
    assert!(held < 150_000, "{held} KiB");
    assert!(soon(SOON * 3, || site.stub.open() == 0), "they end");
    for stream in &mut streams {
        assert!(ends(stream).is_some(), "the connection ends");
    }
}

/// Frames without bytes are no body that goes on.
#[test]
fn empty_frames_are_silence() {
    let site = Site::start(SPEC);
    let mut stream = connect(site.address);
    let mut sent = PREFACE.to_vec();
    sent.extend(frame(4, 0, 0, &[]));
    sent.extend(ask(1, &[], false));
    stream.write_all(&sent).expect("it reads");
    let mut other = stream.try_clone().expect("a socket");
    let feeding = std::thread::spawn(move || {
        for _ in 0..60 {
            if other.write_all(&frame(0, 0, 1, &[])).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let answer = next(&mut stream, 1, 1).expect("an answer");
    // Static field 8 is `:status: 200`.
    assert_ne!(answer[0], 0x88, "it was answered");
    drop(stream);
    feeding.join().expect("it ends");
}

/// A server that takes the head of a request and nothing of its body.
#[test]
fn a_server_that_takes_nothing_is_no_hang() {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let server: SocketAddr = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        let kept: Vec<_> = socket.incoming().collect();
        drop(kept);
    });
    let spec = SPEC
        .replace("SERVER", &server.to_string())
        .replace("response: 20s", "response: 1s");
    let (address, _running) = serve(&spec, &[], &[]);
    let mut stream = connect(address);
    let mut writing = stream.try_clone().expect("a socket");
    std::thread::spawn(move || {
        let _ =
            writing.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000000\r\n\r\n");
        let _ = writing.write_all(&vec![b'x'; 90_000_000]);
    });
    let mut some = [0; 4096];
    stream.set_read_timeout(Some(SOON * 2)).expect("a timeout");
    let read = stream.read(&mut some).expect("an answer");
    let said = String::from_utf8_lossy(&some[..read]);
    assert!(said.starts_with("HTTP/1.1 504 "), "{said}");
}
