//! Promises of the contract at their edges, where a feature's case does not look.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use wsgen::verify::stub::{Answer, Stub};

use super::serving::{Led, Serving, Then, head_of, say};

fn spec(server: std::net::SocketAddr, upstream: &str, route: &str) -> String {
    format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1 }} }}\n\
         upstreams: {{ app: {{ servers: [\"{server}\"]{upstream} }} }}\n\
         routes: [{{ name: app, path: /, upstream: app{route} }}]\nlog: {{ format: json }}\n"
    )
}

/// The route's rules stand in place of what the server says of origins, whichever lines it sends.
#[test]
fn a_server_does_not_open_what_cors_closes() {
    let server = Stub::try_start("a").expect("a port is free");
    let cors = ", cors: { origins: [\"https://good.example\"] }";
    let serving = Serving::start(&spec(server.address(), "", cors));
    let answer = Answer::status(200)
        .header("Access-Control-Allow-Origin", "*")
        .header("Access-Control-Allow-Methods", "GET, POST")
        .header("Access-Control-Allow-Credentials", "true");
    server.answer("/", answer);
    let said = |origin| {
        let answer = serving.client().try_get("/", &[("Origin", origin)]);
        let answer = answer.expect("an answer");
        let text = |name: &str| answer.header(name).unwrap_or("-").to_owned();
        [
            text("access-control-allow-origin"),
            text("access-control-allow-methods"),
            text("access-control-allow-credentials"),
        ]
    };
    assert_eq!(said("https://evil.example"), ["-", "-", "-"]);
    assert_eq!(
        said("https://good.example"),
        ["https://good.example", "-", "-"]
    );
}

/// RFC 9110 §12.5.3.
#[test]
fn what_a_client_takes_is_read_as_it_is_meant() {
    let server = Stub::try_start("a").expect("a port is free");
    let serving = Serving::start(&spec(server.address(), "", ", compression: on"));
    let answer = Answer::status(200)
        .header("Content-Type", "text/plain")
        .body("hello ".repeat(1000));
    server.answer("/", answer);
    let mut faults = Vec::new();
    for (takes, gzip) in [
        ("gzip", true),
        ("GZIP", true),
        ("x-gzip", true),
        ("*", true),
        ("br, gzip;q=0.5", true),
        ("gzip;q=1.000", true),
        ("gzip ; q=0.001", true),
        ("br", false),
        ("identity", false),
        ("gzip;q=0", false),
        ("gzip;q=0.000", false),
        ("gzip; Q=0", false),
        ("*, gzip;q=0", false),
        ("*;q=0", false),
        ("gzip;q=0, *", false),
        ("", false),
    ] {
        let answer = serving.client().try_get("/", &[("Accept-Encoding", takes)]);
        let answer = answer.expect("an answer");
        let came = answer.header("content-encoding") == Some("gzip");
        if came != gzip {
            faults.push(format!(
                "{takes:?}: {:?}",
                answer.header("content-encoding")
            ));
        }
        if !came && answer.body.len() != 6000 {
            faults.push(format!("{takes:?}: {} bytes", answer.body.len()));
        }
        if answer.header("vary").is_none() {
            faults.push(format!("{takes:?}: no Vary"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A path is mapped back by its segments, whatever follows it.
#[test]
fn a_location_is_mapped_back_with_its_query() {
    let server = Stub::try_start("a").expect("a port is free");
    let text = spec(server.address(), "", "")
        .replace("path: /,", "path: /app,")
        .replace(
            "upstream: app }]",
            "upstream: app, rewrite: { replace_prefix: /v1, map_location: true } }]",
        );
    let serving = Serving::start(&text);
    let mut faults = Vec::new();
    for (from, to) in [
        ("/v1/x", "/app/x"),
        ("/v1", "/app"),
        ("/v1?page=2", "/app?page=2"),
        ("/v1#end", "/app#end"),
        ("/v1/x?back=/v1/y#z", "/app/x?back=/v1/y#z"),
        ("/v10?page=2", "/v10?page=2"),
        ("/other", "/other"),
        ("//v1/x", "//v1/x"),
        (
            "https://elsewhere.example/v1/x",
            "https://elsewhere.example/v1/x",
        ),
        ("http://localhost/v1?x", "http://localhost/app?x"),
        ("x", "x"),
        ("", ""),
    ] {
        let answer = Answer::status(302).header("Location", from);
        server.answer("/v1/from", answer);
        let answer = serving.client().try_get("/app/from", &[]);
        let answer = answer.expect("an answer");
        if answer.header("location") != Some(to) {
            faults.push(format!(
                "{from:?}: {:?}, not {to:?}",
                answer.header("location")
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// `timeouts.idle`: a client that takes nothing more of its answer is a body that stands still.
#[test]
fn an_answer_that_nobody_reads_is_given_up() {
    let server = Led::by(|mut stream| {
        if head_of(&mut stream).is_some() {
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
            let _ = stream.write_all(head);
            let piece = [b'x'; 64 * 1024];
            while stream.write_all(&piece).is_ok() {}
        }
    });
    let serving = Serving::start(&spec(server.address(), "", ", timeouts: { idle: 1s }"));
    let mut connection = serving.client().connect().expect("it listens");
    connection.begin("GET", "/", &[]).expect("sent");
    let start = Instant::now();
    let line = loop {
        let log = serving.running.log();
        if let Some(line) = log.lines().find(|line| line.contains("\"path\":\"/\"")) {
            break line.to_owned();
        }
        assert!(
            start.elapsed() < Duration::from_secs(6),
            "the answer is still on its way after {:?}",
            start.elapsed()
        );
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(start.elapsed() > Duration::from_millis(900), "{line}");
}

/// The same client, who reads on in time, gets everything.
#[test]
fn an_answer_that_is_read_slowly_arrives() {
    let server = Led::by(|mut stream| {
        if head_of(&mut stream).is_some() {
            let size = 20_000_000;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&vec![b'x'; size]);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    let serving = Serving::start(&spec(server.address(), "", ", timeouts: { idle: 1s }"));
    let mut stream = std::net::TcpStream::connect(serving.address).expect("it listens");
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("sent");
    let mut bytes = 0;
    let mut buffer = vec![0; 1_000_000];
    while bytes < 20_000_000 {
        std::thread::sleep(Duration::from_millis(100));
        let came = stream.read(&mut buffer).expect("more");
        assert!(came > 0, "cut off after {bytes} bytes");
        bytes += came;
    }
}

/// A server that has seen enough says so at once; what it says reaches the client.
#[test]
fn an_answer_before_the_request_is_whole_arrives() {
    let server = Led::by(|mut stream| {
        if head_of(&mut stream).is_some() {
            let bytes = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig";
            say(&mut stream, bytes, Then::Close);
        }
    });
    let serving = Serving::start(&spec(server.address(), "", ""));
    for _ in 0..10 {
        let mut stream = std::net::TcpStream::connect(serving.address).expect("it listens");
        let limit = Some(Duration::from_secs(5));
        stream.set_read_timeout(limit).expect("a timeout");
        let mut copy = stream.try_clone().expect("a socket");
        let upload = std::thread::spawn(move || {
            let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n";
            let _ = copy.write_all(head.as_bytes());
            let _ = copy.write_all(&vec![b'x'; 3_000_000]);
        });
        let mut start = [0; 12];
        stream.read_exact(&mut start).expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 413");
        drop(stream);
        let _ = upload.join();
    }
}

/// What speaks no TLS, and what is certified by nobody: no server that could be asked, and the log says which.
#[test]
fn a_server_that_is_not_who_it_should_be_is_not_asked() {
    let words = Led::by(|mut stream| {
        let _ = say(&mut stream, b"hello, this is no TLS at all\r\n", Then::Hold);
    });
    let authority = wsgen::verify::wire::Authority::new();
    let pair = authority.try_issue(&["other.example"]).expect("a name");
    let other = Stub::try_tls("other", &pair).expect("a port is free");
    for (address, tls, why) in [
        (words.address(), "tls: {}", "TLS"),
        (
            other.address(),
            "tls: { server_name: other.example }",
            "UnknownIssuer",
        ),
        (
            other.address(),
            "tls: { server_name: mine.example, ca: ca.pem }",
            "mine.example",
        ),
    ] {
        let upstream = format!(", {tls}");
        let text = spec(address, &upstream, "");
        let serving = Serving::with(&text, &[("ca.pem", &authority.pem())]);
        let answer = serving.client().try_get("/", &[]).expect("an answer");
        assert_eq!(answer.status, 503, "{tls}");
        let line = serving.logged("\"path\":\"/\"");
        let error = line["error"].as_str().unwrap_or_default();
        assert!(error.contains(why), "{tls}: {line}");
    }
}
