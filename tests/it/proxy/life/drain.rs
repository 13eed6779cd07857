//! The end: nobody is accepted any more, requests are finished, tunnels say goodbye, and the exit status says how it went.

use std::time::{Duration, Instant};

use tungstenite::Message;
use wsgen::verify::stub::{Answer, Stub};
use wsgen::verify::wire::Event;

use super::{Life, until};

/// Everything there is, with this drain.
fn spec(stub: &Stub, drain: &str) -> String {
    format!(
        "wsgen: 1\n\
         targets: {{ proxy: {{ on_loss: warn }} }}\n\
         log: {{ format: json }}\n\
         metrics: {{ port: ADMIN }}\n\
         listeners: {{ web: {{ port: LISTEN, address: 127.0.0.1, http2: on }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         runtime: {{ workers: 1, drain: {drain} }}\n\
         routes:\n\
         \x20 - {{ name: socket, path: /ws, upstream: app, websocket: true }}\n\
         \x20 - {{ name: site, path: /, upstream: app }}\n",
        stub.address()
    )
}

fn stub() -> Stub {
    Stub::try_start("app").expect("a port is free")
}

#[test]
fn requests_are_finished_and_nobody_comes_in() {
    let app = stub();
    let mut life = Life::start(&spec(&app, "{ timeout: 10s, spread: 1s }"));
    let mut idle = life.client().connect().expect("it listens");
    assert_eq!(
        idle.send("GET", "/", &[], &[]).expect("an answer").status,
        200
    );
    let mut busy = life.client().connect().expect("it listens");
    busy.begin("GET", "/slow", &[("X-Delay", "1200")])
        .expect("sent");
    let fresh = life.client().connect().expect("it listens");
    until("the request is there", || {
        app.requests_to("/slow").len() == 1
    });
    let start = Instant::now();
    life.signal("TERM");
    life.wait("draining", 1);
    assert_eq!(life.ask("/readyz").0, 503);
    assert_eq!(life.ask("/healthz").0, 200);
    until("nobody comes in", || life.client().connect().is_err());
    assert!(idle.ends_within(Duration::from_secs(1)).expect("readable"));
    let answer = busy.response("GET").expect("an answer");
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    assert_eq!(life.exit_within(Duration::from_secs(5)), 0);
    // Who has sent nothing at all is not waited for as long as a head may take.
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    drop(fresh);
}

#[test]
fn http2_is_told_and_its_requests_are_finished() {
    let app = stub();
    let mut life = Life::start(&spec(&app, "{ timeout: 10s, spread: 1s }"));
    app.answer(
        "/slow",
        Answer::status(200).after(Duration::from_millis(1200)),
    );
    let mut busy = life.client().http2().expect("it listens");
    let mut tunnel = life.client().http2().expect("it listens");
    let mut tunnel = tunnel
        .websocket("/ws", &[])
        .expect("an answer")
        .expect("a tunnel");
    tunnel.try_echo("hello").expect("an echo");
    let asked = std::thread::spawn(move || {
        let answer = busy
            .send("GET", "/slow", &[], &[])
            .expect("an answer")
            .status;
        // GOAWAY: no further request.
        (answer, busy.send("GET", "/", &[], &[]).is_err())
    });
    until("the request is there", || {
        app.requests_to("/slow").len() == 1
    });
    life.signal("TERM");
    let (event, _) = tunnel.ends_within(Duration::from_secs(3)).expect("it ends");
    assert_eq!(event, Event::Close(1001));
    assert_eq!(asked.join().expect("no panic"), (200, true));
    assert_eq!(life.exit_within(Duration::from_secs(5)), 0);
}

#[test]
fn tunnels_end_one_after_the_other_with_1001_on_both_sides() {
    let app = stub();
    let mut life = Life::start(&spec(&app, "{ timeout: 10s, spread: 2s }"));
    let mut tunnels: Vec<_> = (0..5).map(|_| life.tunnel("/ws")).collect();
    let start = Instant::now();
    life.signal("INT");
    let mut moments = Vec::new();
    for tunnel in &mut tunnels {
        let (event, _) = tunnel.ends_within(Duration::from_secs(5)).expect("it ends");
        assert_eq!(event, Event::Close(1001));
        moments.push(start.elapsed().as_millis() as i64);
    }
    for (at, moment) in moments.iter().enumerate() {
        let due = 400 * at as i64;
        assert!((due - 100..due + 600).contains(moment), "{moments:?}");
    }
    assert_eq!(app.ends(5), ["close 1001"; 5]);
    assert_eq!(life.exit_within(Duration::from_secs(5)), 0);
    // Five lines, and each says why.
    let ends = life.log();
    let ends = ends.iter().filter(|line| line["closed"] == "drain");
    assert_eq!(ends.count(), 5);
}

/// A client's frame, masked.
fn frame(text: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    bytes.extend_from_slice(text);
    bytes
}

#[test]
fn half_of_a_frame_is_not_cut() {
    let app = stub();
    let mut life = Life::start(&spec(&app, "{ timeout: 10s, spread: 1s }"));
    let mut client = life.client().connect().expect("it listens");
    let key = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let head = format!("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n{key}\r\n");
    client.write(head.as_bytes()).expect("sent");
    assert_eq!(client.head().expect("an answer").status, 101);
    let whole = frame(b"complete");
    // The second byte of a head, then the middle of a payload.
    client.write(&whole[..1]).expect("sent");
    std::thread::sleep(Duration::from_millis(100));
    life.signal("TERM");
    life.wait("draining", 1);
    std::thread::sleep(Duration::from_millis(300));
    client.write(&whole[1..9]).expect("sent");
    std::thread::sleep(Duration::from_millis(300));
    client.write(&whole[9..]).expect("sent");
    // The server got the message whole, then the goodbye; so did the client.
    assert_eq!(app.ends(1), ["close 1001"]);
    let mut seen = Vec::new();
    while !seen.ends_with(&[0x88, 2, 0x03, 0xe9]) {
        seen.extend(client.piece().expect("more"));
    }
    client
        .write(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9])
        .expect("sent");
    assert_eq!(life.exit_within(Duration::from_secs(2)), 0);
}

#[test]
fn a_client_that_says_goodbye_is_waited_for_and_others_are_not() {
    let app = stub();
    let mut life = Life::start(&spec(&app, "{ timeout: 20s, spread: 10ms }"));
    // It never reads: nobody answers the close frame.
    let dead = life.tunnel("/ws");
    let mut slow = life.tunnel("/ws");
    slow.send(Message::text("hello")).expect("sent");
    assert_eq!(slow.read(), Event::Text("hello".to_owned()));
    let start = Instant::now();
    life.signal("TERM");
    life.wait("draining", 1);
    std::thread::sleep(Duration::from_millis(700));
    let (event, _) = slow.ends_within(Duration::from_secs(1)).expect("it ends");
    assert_eq!(event, Event::Close(1001));
    assert_eq!(life.exit_within(Duration::from_secs(8)), 0);
    let took = start.elapsed();
    assert!((1500..5000).contains(&took.as_millis()), "{took:?}");
    drop(dead);
}

#[test]
fn the_end_of_the_drain_closes_what_is_left() {
    let app = stub();
    let mut life = Life::start(&spec(&app, "{ timeout: 1s }"));
    app.answer("/slow", Answer::status(200).after(Duration::from_secs(30)));
    let mut tunnel = life.tunnel("/ws");
    let mut busy = life.client().connect().expect("it listens");
    busy.begin("GET", "/slow", &[]).expect("sent");
    until("the request is there", || {
        app.requests_to("/slow").len() == 1
    });
    let start = Instant::now();
    life.signal("TERM");
    // Nothing is spread: it lives until the end.
    std::thread::sleep(Duration::from_millis(400));
    tunnel.try_echo("still here").expect("it lives");
    let (event, _) = tunnel.ends_within(Duration::from_secs(3)).expect("it ends");
    assert_eq!(event, Event::Close(1001));
    assert_eq!(life.exit_within(Duration::from_secs(3)), 1);
    let took = start.elapsed();
    assert!((900..2500).contains(&took.as_millis()), "{took:?}");
    assert!(busy.response("GET").is_err());
}

#[test]
fn a_second_signal_ends_at_once_and_the_exit_status_says_so() {
    for (signal, status) in [("TERM", 143), ("INT", 130)] {
        let app = stub();
        let mut life = Life::start(&spec(&app, "{ timeout: 30s, spread: 20s }"));
        let mut tunnels: Vec<_> = (0..3).map(|_| life.tunnel("/ws")).collect();
        life.signal("TERM");
        life.wait("draining", 1);
        let start = Instant::now();
        life.signal(signal);
        for tunnel in &mut tunnels {
            let (event, _) = tunnel.ends_within(Duration::from_secs(2)).expect("it ends");
            assert_eq!(event, Event::Close(1001));
        }
        assert_eq!(life.exit_within(Duration::from_secs(2)), status);
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn a_reload_does_not_end_a_drain() {
    let app = stub();
    let mut life = Life::start(&spec(&app, "{ timeout: 10s, spread: 100ms }"));
    let mut busy = life.client().connect().expect("it listens");
    busy.begin("GET", "/slow", &[("X-Delay", "800")])
        .expect("sent");
    until("the request is there", || {
        app.requests_to("/slow").len() == 1
    });
    life.signal("TERM");
    life.wait("draining", 1);
    life.signal("HUP");
    assert_eq!(busy.response("GET").expect("an answer").status, 200);
    assert_eq!(life.exit_within(Duration::from_secs(2)), 0);
    assert!(!life.said().contains("reloaded"));
}

#[test]
fn many_reloads_at_once_are_some() {
    let app = stub();
    let life = Life::start(&spec(&app, "{ timeout: 1s }"));
    for _ in 0..20 {
        life.signal("HUP");
    }
    life.wait("reloaded", 1);
    assert_eq!(life.status("/"), 200);
}
