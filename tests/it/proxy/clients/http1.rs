//! HTTP/1 as clients of all kinds speak it: streams, uploads in pieces, answers without bodies, old versions, many requests at once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use wsgen::verify::stub::Stub;

use super::super::serving::{Led, Serving, Then, head_of, say};
use crate::programs::require;

const PATIENCE: Duration = Duration::from_secs(5);

fn serving(server: std::net::SocketAddr) -> Serving {
    Serving::start(&format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1, http2: on }} }}\n\
         upstreams: {{ app: {{ servers: [\"{server}\"] }} }}\n\
         routes:\n  - {{ name: app, path: /, upstream: app, websocket: true }}\n  - {{ name: events, path: /events, upstream: app, stream: true, compression: on }}\n"
    ))
}

/// Everything that comes after these bytes.
fn said(serving: &Serving, bytes: &str) -> String {
    let mut stream = TcpStream::connect(serving.address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(bytes.as_bytes()).expect("sent");
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn events_arrive_one_by_one() {
    let server = Stub::try_start("a").expect("a port is free");
    let serving = serving(server.address());
    let headers = [
        ("X-Ticks", "3"),
        ("X-Every", "300"),
        ("Accept-Encoding", "gzip"),
    ];
    let mut connection = serving.client().connect().expect("it listens");
    connection.begin("GET", "/events", &headers).expect("sent");
    let head = connection.head().expect("a head");
    assert_eq!(head.header("content-encoding"), None);
    let start = Instant::now();
    for number in 1..=3 {
        let chunk = connection.chunk().expect("an event");
        let text = String::from_utf8_lossy(&chunk).into_owned();
        assert!(text.contains(&format!("data: {number}")), "{text}");
    }
    assert!(start.elapsed() > Duration::from_millis(500), "all at once");
    let mut http2 = serving.client().http2().expect("HTTP/2");
    let timed = http2.send_all(&[wsgen::verify::wire::Ask {
        method: "GET",
        path: "/events",
        headers: &headers,
        body: b"",
    }]);
    let timed = timed.into_iter().next().expect("one").expect("an answer");
    assert!(timed.pieces.len() >= 3, "{:?}", timed.pieces);
    assert!(
        timed.whole - timed.head > Duration::from_millis(500),
        "all at once"
    );
}

#[test]
fn a_request_of_every_kind_gets_its_answer() {
    let server = Stub::try_start("a").expect("a port is free");
    let serving = serving(server.address());
    // In pieces, with trailers.
    let chunked = "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nfour\r\n5;x=y\r\nfives\r\n0\r\nX-Sum: 9\r\n\r\n";
    let answer = said(&serving, chunked);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.requests_to("/up")[0].body, b"fourfives");
    // A client that waits to be told to go on.
    let mut stream = TcpStream::connect(serving.address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let head = "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    let mut told = [0; 25];
    stream.read_exact(&mut told).expect("a word");
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").expect("sent");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("an answer");
    assert!(rest.starts_with("HTTP/1.1 200"), "{rest}");
    assert_eq!(server.requests_to("/wait")[0].body, b"body");
    // Three at once, answered in their order.
    let three: String = ["one", "two", "three"]
        .map(|name| {
            format!(
                "GET /{name} HTTP/1.1\r\nHost: a\r\nX-Delay: {}\r\nConnection: {}\r\n\r\n",
                40 / name.len(),
                if name == "three" {
                    "close"
                } else {
                    "keep-alive"
                }
            )
        })
        .concat();
    let answers = said(&serving, &three);
    let places: Vec<usize> = ["\"/one\"", "\"/two\"", "\"/three\""]
        .iter()
        .filter_map(|word| answers.find(word))
        .collect();
    assert!(places.len() == 3 && places.is_sorted(), "{answers}");
    // A large head, within the 32 KiB of the listener.
    let large = format!(
        "GET /large HTTP/1.1\r\nHost: a\r\nX: {}\r\nConnection: close\r\n\r\n",
        "y".repeat(30_000)
    );
    assert!(said(&serving, &large).starts_with("HTTP/1.1 200"));
    assert_eq!(
        server.requests_to("/large")[0].header("x").map(str::len),
        Some(30_000)
    );
    let larger = format!(
        "GET /large HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "y".repeat(33_000)
    );
    assert!(said(&serving, &larger).starts_with("HTTP/1.1 431"));
}

#[test]
fn old_clients_are_answered_as_they_understand() {
    let server = Led::by(|mut stream| {
        while head_of(&mut stream).is_some() {
            let bytes =
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
            if !say(&mut stream, bytes, Then::Stay) {
                return;
            }
        }
    });
    let serving = serving(server.address());
    let answer = said(&serving, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(
        !head.to_ascii_lowercase().contains("transfer-encoding"),
        "{head}"
    );
    assert_eq!(body, "body", "{head}");
    let twice = "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\nHost: a\r\n\r\n";
    let answer = said(&serving, twice);
    assert!(answer.ends_with("body"), "{answer}");
}

#[test]
fn an_answer_of_every_kind_passes() {
    let server = Led::by(|mut stream| {
        while let Some(head) = head_of(&mut stream) {
            let bytes: &[u8] = match head.split(' ').nth(1).unwrap_or_default() {
                "/head" => b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: \"a\"\r\n\r\n",
                "/none" => b"HTTP/1.1 204 No Content\r\nX-Kind: none\r\n\r\n",
                "/same" => b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
                "/part" => b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-5/10\r\nContent-Length: 4\r\n\r\n2345",
                "/beyond" => b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\nContent-Length: 0\r\n\r\n",
                "/bytes" => b"HTTP/1.1 299 Caf\xe9\r\nX-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n",
                "/until-the-end" => b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it",
                "/twice" => b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n",
                _ => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            };
            let ends = bytes.ends_with(b"all of it");
            if !say(
                &mut stream,
                bytes,
                if ends { Then::Close } else { Then::Stay },
            ) {
                return;
            }
        }
    });
    let serving = serving(server.address());
    let mut connection = serving.client().connect().expect("it listens");
    let mut ask = |method: &str, path: &str| {
        let range = [("Range", "bytes=2-5")];
        connection
            .send(method, path, &range, b"")
            .expect("an answer")
    };
    let head = ask("HEAD", "/head");
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("1234"))
    );
    let none = ask("GET", "/none");
    assert_eq!((none.status, none.header("x-kind")), (204, Some("none")));
    let same = ask("GET", "/same");
    assert_eq!((same.status, same.header("etag")), (304, Some("\"a\"")));
    let part = ask("GET", "/part");
    assert_eq!((part.status, part.text().as_str()), (206, "2345"));
    assert_eq!(part.header("content-range"), Some("bytes 2-5/10"));
    let beyond = ask("GET", "/beyond");
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, Some("bytes */10"))
    );
    assert_eq!(ask("GET", "/bytes").status, 299);
    assert_eq!(
        ask("GET", "/twice").headers.all("set-cookie"),
        ["a=1", "b=2"]
    );
    assert_eq!(ask("GET", "/until-the-end").text(), "all of it");
    assert_eq!(ask("GET", "/").text(), "ok", "the same connection");
}

/// Curl, as people use it: both versions, uploads of any size, ranges, and a connection that is used again.
#[test]
fn curl_gets_what_it_asks_for() {
    let Some(curl) = require("curl") else {
        return;
    };
    let server = Stub::try_start("a").expect("a port is free");
    let serving = serving(server.address());
    let url = |path: &str| format!("http://{}{path}", serving.address);
    let asked = |args: &[&str]| {
        let mut command: Command = curl.command();
        command.args([
            "--silent",
            "--show-error",
            "--max-time",
            "10",
            "--noproxy",
            "*",
        ]);
        let came = command.args(args).output().expect("it starts");
        assert!(
            came.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&came.stderr)
        );
        String::from_utf8_lossy(&came.stdout).into_owned()
    };
    let write = "%{http_code} %{http_version} %{size_download}";
    for (flag, version) in [
        ("--http1.1", "1.1"),
        ("--http2-prior-knowledge", "2"),
        ("--http1.0", "1"),
    ] {
        let said = asked(&[
            flag,
            "-H",
            "X-Size: 3000000",
            "-o",
            "/dev/null",
            "-w",
            write,
            &url("/"),
        ]);
        assert_eq!(said, format!("200 {version} 3000000"), "{flag}");
        let body = "x".repeat(2_000_000);
        let path = serving.running.folder().path().join("upload");
        std::fs::write(&path, &body).expect("a file");
        let data = format!("@{}", path.display());
        let to = url(&format!("/up{flag}"));
        asked(&[flag, "--data-binary", &data, "-o", "/dev/null", &to]);
        let came = &server.requests_to(&format!("/up{flag}"))[0];
        assert_eq!(came.body.len(), body.len(), "{flag}");
        let to = url(&format!("/put{flag}"));
        if flag != "--http1.0" {
            let chunked = [
                "-H",
                "Transfer-Encoding: chunked",
                "-T",
                &path.display().to_string(),
            ];
            let mut args = vec![flag, "-o", "/dev/null"];
            args.extend(chunked);
            args.push(&to);
            asked(&args);
            let came = &server.requests_to(&format!("/put{flag}"))[0];
            assert_eq!(came.body.len(), body.len(), "{flag}");
        }
        let head = asked(&[flag, "--head", &url("/head")]);
        assert!(head.contains(" 200"), "{flag}: {head}");
        let events = asked(&[
            flag,
            "-N",
            "-H",
            "X-Ticks: 3",
            "-H",
            "X-Every: 20",
            &url("/events"),
        ]);
        assert_eq!(events.matches("data:").count(), 3, "{flag}: {events}");
        // Of HTTP/2 with prior knowledge some versions of curl cannot use a connection again.
        if flag == "--http1.1" {
            let codes = asked(&[
                flag,
                "-o",
                "/dev/null",
                "-o",
                "/dev/null",
                "-w",
                "%{num_connects} ",
                &url("/1"),
                &url("/2"),
            ]);
            assert_eq!(codes, "1 0 ", "{flag}: a second connection");
        }
    }
}
