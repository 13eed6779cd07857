//! Requests that cost more than they weigh: the time that one takes grows with its length, and no faster.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::{Site, connect};

const SPEC: &str = "\
wsgen: 1
listeners: { web: { port: PORT, address: 127.0.0.1 } }
upstreams: { app: { servers: [\"SERVER\"] } }
routes:
  - { name: one, host: one.example, path: /x, upstream: app }
  - { name: below, host: \"*.two.example\", path: /x, upstream: app }
  - { name: any, path: /y, respond: { status: 200, body: any } }
";

/// How long `count` of these requests take, one after another.
fn time(site: &Site, request: &str, count: u32) -> Duration {
    let mut stream = connect(site.address);
    let start = Instant::now();
    let mut some = [0; 4096];
    for _ in 0..count {
        stream.write_all(request.as_bytes()).expect("it reads");
        let read = stream.read(&mut some).expect("an answer");
        assert!(some[..read].starts_with(b"HTTP/1.1 404 "), "{request:.40}");
    }
    start.elapsed()
}

/// A path of thousands of segments is looked up as quickly as one of few.
#[test]
fn many_segments_cost_what_few_do() {
    let site = Site::start(SPEC);
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: one.example\r\n\r\n");
    let few = time(&site, &ask(&format!("/{}", "a".repeat(30_000))), 20);
    let many = time(&site, &ask(&"/a".repeat(15_000)), 20);
    assert!(
        many < few * 8 + Duration::from_millis(100),
        "{few:?} {many:?}"
    );
}

/// A head that comes line by line is read once.
#[test]
fn a_head_in_pieces_costs_what_a_whole_one_does() {
    let site = Site::start(SPEC);
    let mut stream = connect(site.address);
    stream.set_nodelay(true).expect("a socket");
    let start = Instant::now();
    stream
        .write_all(b"GET /y HTTP/1.1\r\nHost: a\r\n")
        .expect("it reads");
    // Each piece is a read of its own for the proxy.
    for _ in 0..500 {
        for piece in [
            "a: b", "bbbb", "bbbb", "bbbb", "bbbb", "bbbb", "bbbb", "bb\r\n",
        ] {
            stream.write_all(piece.as_bytes()).expect("it reads");
        }
    }
    stream
        .write_all(b"Connection: close\r\n\r\n")
        .expect("it reads");
    let said = super::rest(stream);
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

/// The contract bounds a head by its size; the proxy by its lines too, of which nobody has so many.
#[test]
fn a_head_may_have_hundreds_of_lines() {
    let site = Site::start(SPEC);
    let head = |lines: usize| {
        format!(
            "GET /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n",
            "a: b\r\n".repeat(lines)
        )
    };
    for lines in [50, 101, 500] {
        let said = site.raw(head(lines));
        assert!(said.starts_with("HTTP/1.1 200 "), "{lines}: {said}");
    }
    let said = site.raw(head(600));
    assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
}

/// A later head is taken as the first one is.
#[test]
fn a_later_head_may_have_as_many_lines() {
    let site = Site::start(SPEC);
    let head = |lines: usize, more: &str| {
        format!(
            "GET /y HTTP/1.1\r\nHost: a\r\n{more}{}\r\n",
            "a:\r\n".repeat(lines)
        )
    };
    let last = "Connection: close\r\n";
    for (lines, status) in [(101, 200), (500, 200), (600, 431)] {
        let said = site.raw(head(lines, last));
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
        for at_once in [true, false] {
            let mut stream = connect(site.address);
            let first = head(2, "");
            let later = head(lines, last);
            if at_once {
                let both = first + &later;
                stream.write_all(both.as_bytes()).expect("it reads");
            } else {
                stream.write_all(first.as_bytes()).expect("it reads");
                std::thread::sleep(Duration::from_millis(100));
                stream.write_all(later.as_bytes()).expect("it reads");
            }
            let said = String::from_utf8_lossy(&super::rest(stream)).into_owned();
            let count = said.matches("HTTP/1.1 200 ").count();
            let wanted = if status == 200 { 2 } else { 1 };
            assert_eq!(count, wanted, "{lines} lines, {at_once}: {said}");
            assert!(said.contains(&format!("HTTP/1.1 {status} ")), "{said}");
        }
    }
}

/// `limits.response_head` bounds the head of an answer, however many lines it has.
#[test]
fn an_answer_may_have_as_many_lines_as_fit() {
    for (lines, status) in [(99, 200), (101, 200), (500, 200), (600, 502)] {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n{}\r\nbody",
            "x-a: b\r\n".repeat(lines)
        );
        let server = super::saying(head.leak().as_bytes());
        let spec = format!(
            "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1 }} }}\n\
             upstreams: {{ app: {{ servers: [\"{server}\"] }} }}\nroutes: [{{ name: all, upstream: app }}]\n"
        );
        let (address, _running) = super::serve(&spec, &[], &[]);
        let said = super::raw(
            address,
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        );
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{lines}");
        if status == 200 {
            assert_eq!(said.matches("x-a: b").count(), lines);
        }
    }
}
