//! The clients and stubs of `wsgen::verify` that speak HTTP/2 and TLS by hand, against each other: no program is needed.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpListener};
use std::time::{Duration, Instant};

use wsgen::verify::stub::{Answer, Stub};
use wsgen::verify::wire::hello::{self, Offered};
use wsgen::verify::wire::{Ask, Authority, Client, Event};

/// A stub and clients of it: over TLS, and with prior knowledge.
fn both() -> [(Stub, Client); 2] {
    let authority = Authority::new();
    let pair = authority.try_issue(&["a.example"]).expect("a name");
    let over_tls = Stub::try_tls("a", &pair).expect("a port is free");
    let plain = Stub::try_start("a").expect("a port is free");
    let secure = Client::new(over_tls.address()).host("a.example");
    let known = Client::new(plain.address()).host("a.example");
    [(over_tls, secure.tls(&authority)), (plain, known)]
}

#[test]
fn http2_requests_arrive_as_sent_and_come_back() {
    for (stub, client) in both() {
        let mut connection = client.http2().expect("HTTP/2");
        let headers = [("x-one", "1"), ("X-Two", "2")];
        let response = connection
            .send("POST", "/p?q=1", &headers, b"body")
            .expect("an answer");
        assert_eq!((response.status, response.server()), (200, "a"));
        let seen = response.try_seen().expect("the echo");
        assert_eq!(seen.line, "POST /p?q=1 HTTP/2");
        assert_eq!(seen.version, "HTTP/2");
        assert_eq!(seen.body, b"body");
        for (name, value) in [
            ("host", "a.example"),
            (":authority", "a.example"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("content-length", "4"),
        ] {
            assert_eq!(seen.header(name), Some(value), "{name}");
        }
        let other = [(":authority", "b.example"), ("host", "c.example")];
        let response = connection.send("GET", "/", &other, b"").expect("an answer");
        let seen = response.try_seen().expect("the echo");
        assert_eq!(seen.header(":authority"), Some("b.example"));
        assert_eq!(seen.header("host"), Some("c.example"));
        assert_eq!(
            connection
                .send("HEAD", "/", &[], b"")
                .expect("an answer")
                .body,
            b""
        );
        assert_eq!(stub.requests_to("/p").len(), 1);
        assert_eq!(stub.connections(), 1);
        // The same port still takes HTTP/1.1.
        let old = client.try_get("/old", &[]).expect("an answer");
        assert_eq!(old.try_seen().expect("the echo").version, "HTTP/1.1");
    }
}

#[test]
fn http2_answers_are_steered_as_in_http1() {
    for (stub, client) in both() {
        let mut connection = client.http2().expect("HTTP/2");
        stub.answer(
            "/set",
            Answer::status(503).header("x-more", "yes").body("busy"),
        );
        let set = connection.send("GET", "/set", &[], b"").expect("an answer");
        assert_eq!(
            (set.status, set.text().as_str(), set.header("x-more")),
            (503, "busy", Some("yes"))
        );
        let asked = [
            ("x-status", "404"),
            ("x-size", "300000"),
            ("x-reply", "x-a: b"),
        ];
        let large = connection.send("GET", "/", &asked, b"").expect("an answer");
        assert_eq!(
            (large.status, large.body.len(), large.header("x-a")),
            (404, 300_000, Some("b"))
        );
        let bare = connection
            .send("GET", "/", &[("x-status", "204")], b"")
            .expect("an answer");
        assert_eq!((bare.status, bare.header("content-length")), (204, None));
        let dropped = connection
            .send("GET", "/", &[("x-drop", "1")], b"")
            .map(|r| r.status);
        assert_eq!(
            dropped.map_err(|why| why.kind()),
            Err(ErrorKind::ConnectionReset)
        );
        // Larger than any window, in both directions, and the connection is still good.
        let body = vec![b'y'; 3_000_000];
        let echo = connection.send("PUT", "/", &[], &body).expect("an answer");
        assert_eq!(echo.try_seen().expect("the echo").body, body);
    }
}

#[test]
fn http2_requests_run_side_by_side_and_tell_their_times() {
    for (_stub, client) in both() {
        let mut connection = client.http2().expect("HTTP/2");
        let ask = |path, headers| Ask {
            method: "GET",
            path,
            headers,
            body: b"",
        };
        let start = Instant::now();
        let answers = connection.send_all(&[
            ask("/slow", &[("x-delay", "300")]),
            ask("/ticks", &[("x-ticks", "3"), ("x-every", "100")]),
            ask("/pause", &[("x-pause", "200"), ("x-size", "10")]),
            ask("bad path", &[]),
            ask("/at-once", &[]),
        ]);
        assert!(
            start.elapsed() < Duration::from_millis(550),
            "one after the other"
        );
        let [slow, ticks, pause, bad, quick] = answers.try_into().expect("five answers");
        assert_eq!(
            bad.map(|_| ()).map_err(|why| why.kind()),
            Err(ErrorKind::InvalidInput)
        );
        let (slow, quick) = (slow.expect("an answer"), quick.expect("an answer"));
        assert!(slow.head >= Duration::from_millis(300) && slow.whole >= slow.head);
        assert!(quick.whole < Duration::from_millis(200));
        let ticks = ticks.expect("an answer");
        assert_eq!(ticks.response.text(), "data: 1\n\ndata: 2\n\ndata: 3\n\n");
        assert_eq!(ticks.pieces.len(), 3);
        for (number, (at, length)) in ticks.pieces.iter().enumerate() {
            assert!(*at >= Duration::from_millis(100 * (number as u64 + 1)));
            assert_eq!(*length, 9);
        }
        let pieces = pause.expect("an answer").pieces;
        assert!(pieces.last().expect("a body").0 >= Duration::from_millis(200));
        assert!(pieces.first().expect("a body").0 < Duration::from_millis(150));
    }
}

#[test]
fn nothing_in_time_is_an_error_and_the_connection_lives_on() {
    for (_stub, client) in both() {
        let mut connection = client
            .patience(Duration::from_millis(200))
            .http2()
            .expect("HTTP/2");
        let late = connection
            .send("GET", "/", &[("x-delay", "700")], b"")
            .map(|r| r.status);
        assert_eq!(late.map_err(|why| why.kind()), Err(ErrorKind::TimedOut));
        assert_eq!(
            connection
                .send("GET", "/", &[], b"")
                .expect("an answer")
                .status,
            200
        );
    }
}

#[test]
fn websockets_live_in_streams() {
    for (stub, client) in both() {
        let mut connection = client.http2().expect("HTTP/2");
        assert!(connection.takes_tunnels());
        let offered = [("sec-websocket-protocol", "chat, other")];
        let mut first = connection
            .websocket("/ws", &offered)
            .expect("an answer")
            .expect("a tunnel");
        let mut second = connection
            .websocket("/two", &[])
            .expect("an answer")
            .expect("a tunnel");
        assert_eq!(first.response.status, 200);
        assert_eq!(
            first.response.header("sec-websocket-protocol"),
            Some("chat")
        );
        assert_eq!(first.server(), "a");
        first.try_echo("hello").expect("the echo");
        second.try_echo(&"long ".repeat(200_000)).expect("the echo");
        assert_eq!((stub.tunnels(), stub.connections()), (2, 1));
        let seen = stub.requests_to("/ws").pop().expect("the handshake");
        assert!(seen.is_websocket());
        assert_eq!(seen.line, "CONNECT /ws HTTP/2");

        assert_eq!(first.read_within(Duration::from_millis(50)), Event::Quiet);
        first.send("close 4001".into()).expect("it is sent");
        assert_eq!(first.read(), Event::Close(4001));
        assert_eq!(first.read(), Event::End);
        assert_eq!(stub.ends(1), ["close 4001"]);
        second.send("drop".into()).expect("it is sent");
        assert_eq!(second.read(), Event::End);
        assert_eq!(stub.ends(2), ["close 4001", "end"]);

        // A request beside them still has its answer, and a tunnel outlives its connection's other uses.
        assert_eq!(
            connection
                .send("GET", "/", &[], b"")
                .expect("an answer")
                .status,
            200
        );
        let mut third = connection
            .websocket("/ws", &[])
            .expect("an answer")
            .expect("a tunnel");
        drop(connection);
        third.try_echo("still here").expect("the echo");
        drop(third);
        assert_eq!(stub.ends(3).len(), 3);

        let mut connection = client.http2().expect("HTTP/2");
        stub.answer("/ws", Answer::status(403).body("no"));
        let refused = connection
            .websocket("/ws", &[])
            .expect("an answer")
            .expect_err("no tunnel");
        assert_eq!((refused.status, refused.text().as_str()), (403, "no"));
    }
}

#[test]
fn a_server_that_stops_ends_connections_and_tunnels() {
    for (stub, client) in both() {
        let mut connection = client.http2().expect("HTTP/2");
        let mut tunnel = connection
            .websocket("/ws", &[])
            .expect("an answer")
            .expect("a tunnel");
        assert!(!connection.ends_within(Duration::from_millis(50)));
        stub.stop();
        assert!(connection.ends_within(Duration::from_secs(2)));
        assert_eq!(tunnel.read(), Event::End);
        assert!(connection.send("GET", "/", &[], b"").is_err());
        assert!(client.http2().is_err());
    }
}

#[test]
fn a_client_connects_from_its_own_address() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = server.local_addr().expect("it has one");
    let peer = std::thread::spawn(move || server.accept().expect("a client").1.ip());
    let source: IpAddr = [127, 0, 0, 7].into();
    let limit = Duration::from_millis(200);
    let opened = Client::new(address).source(source).patience(limit).http2();
    assert!(opened.is_err(), "that was no HTTP/2");
    assert_eq!(peer.join().expect("it saw a client"), source);
}

#[test]
fn the_server_chooses_the_protocol() {
    let [(_stub, client), (_plain, plain)] = both();
    let alpn = |offered: &[&str]| client.alpn(offered).map_err(|why| why.kind());
    assert_eq!(alpn(&["http/1.1", "h2"]), Ok(Some("h2".to_owned())));
    assert_eq!(alpn(&["http/1.1"]), Ok(Some("http/1.1".to_owned())));
    assert_eq!(alpn(&[]), Ok(None));
    assert!(alpn(&["spdy/3"]).is_err());
    assert_eq!(
        plain.alpn(&["h2"]).map_err(|why| why.kind()),
        Err(ErrorKind::InvalidInput)
    );
}

#[test]
fn a_hello_is_accepted_or_refused() {
    let [(stub, _), _] = both();
    let number = |name| hello::suite(name).expect("the table has it");
    let offer = |version, name, host| {
        hello::offer(stub.address(), version, &[number(name)], host).expect("an answer")
    };
    let accepted = |version, name| Offered::Accepted {
        version,
        suite: number(name),
    };
    let host = Some("a.example");
    for (version, name) in [
        (hello::TLS_1_3, "TLS_AES_128_GCM_SHA256"),
        (hello::TLS_1_3, "TLS_CHACHA20_POLY1305_SHA256"),
        (hello::TLS_1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ] {
        assert_eq!(offer(version, name, host), accepted(version, name));
        assert_eq!(
            offer(version, name, Some("127.0.0.1")),
            accepted(version, name)
        );
        assert_eq!(offer(version, name, None), accepted(version, name));
    }
    for (version, name) in [
        (hello::TLS_1_1, "ECDHE-ECDSA-AES128-SHA"),
        (hello::TLS_1_2, "ECDHE-ECDSA-AES128-SHA"),
        (hello::TLS_1_2, "ECDHE-RSA-AES128-GCM-SHA256"),
    ] {
        assert!(
            matches!(offer(version, name, host), Offered::Refused(Some(_))),
            "{name}"
        );
    }
}

#[test]
fn a_hello_says_what_it_is_told() {
    for (version, name, told) in [
        (hello::TLS_1_2, Some("a.example"), Some("a.example")),
        (hello::TLS_1_3, Some("a.example"), Some("a.example")),
        (hello::TLS_1_3, Some("127.0.0.1"), None),
        (hello::TLS_1_3, None, None),
    ] {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = server.local_addr().expect("it has one");
        let reader = std::thread::spawn(move || {
            let mut tcp = server.accept().expect("a client").0;
            let mut bytes = vec![0; 4096];
            let length = tcp.read(&mut bytes).expect("one record");
            bytes.truncate(length);
            let mut acceptor = rustls::server::Acceptor::default();
            acceptor.read_tls(&mut bytes.as_slice()).expect("bytes");
            let accepted = acceptor.accept().map_err(|why| why.0).expect("a hello");
            let accepted = accepted.expect("all of it");
            let hello = accepted.client_hello();
            let suites: Vec<u16> = hello
                .cipher_suites()
                .iter()
                .map(|&one| one.into())
                .collect();
            // An address in the place of a name would be passed over in silence.
            let address = bytes.windows(9).any(|part| part == b"127.0.0.1");
            (hello.server_name().map(str::to_owned), suites, address)
        });
        let offered = hello::offer(address, version, &[0x1301, 0xc02b], name);
        assert_eq!(offered.expect("a hang-up"), Offered::Refused(None));
        let (seen, suites, address) = reader.join().expect("a hello");
        assert_eq!((seen.as_deref(), suites), (told, vec![0x1301, 0xc02b]));
        assert!(!address, "an address is no server name");
    }
}

#[test]
fn a_hello_survives_any_answer() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = server.local_addr().expect("it has one");
    const ROUNDS: u64 = 300;
    std::thread::spawn(move || {
        for (seed, connection) in (0..ROUNDS).zip(server.incoming()) {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut connection = connection.expect("a client");
            // Read first: a close with bytes unread would be a reset.
            let _ = connection.read(&mut [0; 4096]);
            let mut answer = vec![22, 3, 3, 0, random.u8(0..60), 2, 0, 0, random.u8(0..60)];
            answer.extend((0..random.usize(0..80)).map(|_| random.u8(..)));
            answer.truncate(random.usize(0..answer.len() + 40));
            let _ = connection.write_all(&answer);
        }
    });
    let mut bad = 0;
    for _ in 0..ROUNDS {
        let outcome = hello::offer(address, hello::TLS_1_2, &[0xc02b], None);
        bad += usize::from(outcome.is_err());
    }
    assert!(bad > 0, "garbage passed for TLS");
}
