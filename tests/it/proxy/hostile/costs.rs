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
    for _ in 0..7_000 {
        stream.write_all(b"a:\r\n").expect("it reads");
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

/// The contract bounds a head by its size, and by nothing else.
#[test]
fn a_head_may_have_as_many_lines_as_fit_into_its_size() {
    let site = Site::start(SPEC);
    let head = |lines: usize| {
        format!(
            "GET /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n",
            "a: b\r\n".repeat(lines)
        )
    };
    for lines in [50, 101, 500, 5_000] {
        let said = site.raw(head(lines));
        assert!(said.starts_with("HTTP/1.1 200 "), "{lines}: {said}");
    }
    let said = site.raw(head(5_500));
    assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
}

/// hyper has room for a hundred lines at no cost; a head of more on a connection that began with fewer is sent again on a new one.
#[test]
fn a_later_head_of_many_lines_is_asked_for_on_a_new_connection() {
    let site = Site::start(SPEC);
    let small = "GET /y HTTP/1.1\r\nHost: a\r\n\r\n";
    let large = format!(
        "GET /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n",
        "a: b\r\n".repeat(500)
    );
    let mut stream = connect(site.address);
    stream.write_all(small.as_bytes()).expect("it reads");
    let mut start = [0; 9];
    stream.read_exact(&mut start).expect("it answers");
    std::thread::sleep(Duration::from_millis(200));
    stream.write_all(large.as_bytes()).expect("it reads");
    let said = super::rest(stream);
    let said = String::from_utf8_lossy(&said);
    assert_eq!(said.matches("HTTP/1.1 ").count(), 0, "{said}");
    assert!(site.raw(large).starts_with("HTTP/1.1 200 "));
}
