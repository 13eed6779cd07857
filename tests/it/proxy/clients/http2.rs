//! HTTP/2 on either side: trailers, answers while a request is still on its way, many at once, and what is no tunnel.

use std::time::{Duration, Instant};

use hyper::body::Bytes;

use super::super::serving::{Led, Serving, Then, head_of, say};
use super::{client_of_http2, run, server_of_http2, whole};

fn spec(server: std::net::SocketAddr, upstream: &str, route: &str) -> String {
    format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1, http2: on }} }}\n\
         upstreams: {{ app: {{ servers: [\"{server}\"]{upstream} }} }}\n\
         routes: [{{ name: app, path: /, upstream: app{route} }}]\nlog: {{ format: json }}\n"
    )
}

const HTTP2: &str = ", protocol: http2";

fn post(path: &str) -> http::request::Builder {
    let uri = format!("http://chat.example{path}");
    http::Request::builder().method("POST").uri(uri)
}

/// As gRPC does it: a message each way, then the outcome as a trailer; `te: trailers` asks for it.
#[test]
fn a_call_with_trailers_passes() {
    let server = server_of_http2(100, |request, mut respond| {
        Box::pin(async move {
            let te = request.headers().get("te").cloned();
            let (body, trailers) = whole(request.into_body()).await.expect("a body");
            let mut answer = http::Response::new(());
            if let Some(te) = te {
                answer.headers_mut().insert("x-te", te);
            }
            let mut send = respond.send_response(answer, false).expect("sent");
            send.send_data(body.into(), false).expect("sent");
            let mut after = http::HeaderMap::new();
            after.insert("grpc-status", "0".parse().expect("a value"));
            let sum = trailers.and_then(|it| it.get("x-sum").cloned());
            after.insert(
                "x-sum",
                sum.unwrap_or_else(|| "none".parse().expect("a value")),
            );
            send.send_trailers(after).expect("sent");
        })
    });
    let serving = Serving::start(&spec(server.address(), HTTP2, ""));
    run(async {
        let mut client = client_of_http2(&serving).await;
        let request = post("/Chat/Say")
            .header("te", "trailers")
            .header("content-type", "application/grpc")
            .body(())
            .expect("a request");
        let (answer, mut send) = client.send_request(request, false).expect("sent");
        send.send_data("hello".into(), false).expect("sent");
        let mut after = http::HeaderMap::new();
        after.insert("x-sum", "5".parse().expect("a value"));
        send.send_trailers(after).expect("sent");
        let answer = answer.await.expect("an answer");
        assert_eq!(answer.headers()["x-te"], "trailers", "what the server saw");
        let (body, trailers) = whole(answer.into_body()).await.expect("a body");
        assert_eq!(body, b"hello");
        let trailers = trailers.expect("trailers");
        assert_eq!(trailers["grpc-status"], "0");
        assert_eq!(trailers["x-sum"], "5", "the request's trailers");
    });
}

/// Both directions at once: each message is answered before the next is sent.
#[test]
fn a_conversation_within_one_request_passes() {
    let server = server_of_http2(100, |request, mut respond| {
        Box::pin(async move {
            let mut body = request.into_body();
            let mut send = respond
                .send_response(http::Response::new(()), false)
                .expect("sent");
            while let Some(Ok(piece)) = body.data().await {
                let _ = body.flow_control().release_capacity(piece.len());
                send.send_data(piece, false).expect("sent");
            }
            send.send_data(Bytes::new(), true).expect("sent");
        })
    });
    let serving = Serving::start(&spec(
        server.address(),
        HTTP2,
        ", stream: { request: true }",
    ));
    run(async {
        let mut client = client_of_http2(&serving).await;
        let request = post("/talk").body(()).expect("a request");
        let (answer, mut send) = client.send_request(request, false).expect("sent");
        let mut body = answer.await.expect("a head at once").into_body();
        for word in ["one", "two", "three"] {
            send.send_data(word.into(), false).expect("sent");
            let came = tokio::time::timeout(Duration::from_secs(2), body.data()).await;
            let came = came.expect("in time").expect("data").expect("no error");
            assert_eq!(came, word);
        }
        send.send_data(Bytes::new(), true).expect("sent");
        assert!(
            body.data()
                .await
                .is_none_or(|it| it.is_ok_and(|it| it.is_empty()))
        );
    });
}

/// A server that takes one request at a time on a connection: a stream that lasts holds nobody up.
#[test]
fn a_full_connection_to_a_server_holds_nobody_up() {
    let server = server_of_http2(1, |request, mut respond| {
        Box::pin(async move {
            let last = request.uri().path() != "/events";
            let mut send = respond
                .send_response(http::Response::new(()), false)
                .expect("sent");
            let _ = send.send_data("data: 1\n\n".into(), last);
            if !last {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        })
    });
    let text = spec(server.address(), HTTP2, ", stream: true") + "runtime: { workers: 1 }\n";
    let serving = Serving::start(&text);
    run(async {
        let mut client = client_of_http2(&serving).await;
        let mut open = Vec::new();
        for _ in 0..3 {
            let events = post("/events").body(()).expect("a request");
            let (answer, _) = client.send_request(events, true).expect("sent");
            let answer = tokio::time::timeout(Duration::from_secs(3), answer).await;
            open.push(answer.expect("in time").expect("an answer"));
        }
        let page = post("/page").body(()).expect("a request");
        let (answer, _) = client.send_request(page, true).expect("sent");
        let answer = tokio::time::timeout(Duration::from_secs(3), answer).await;
        let answer = answer.expect("in time").expect("an answer");
        assert_eq!(answer.status(), 200);
    });
}

/// `timeouts.keepalive` of the upstream.
#[test]
fn a_connection_of_http2_to_a_server_ends_when_nobody_uses_it() {
    let server = wsgen::verify::stub::Stub::try_start("a").expect("a port is free");
    let upstream = ", protocol: http2, timeouts: { keepalive: 1s }";
    let serving = Serving::start(&spec(server.address(), upstream, ""));
    let get = || serving.client().try_get("/", &[]).expect("an answer");
    assert_eq!(get().status, 200);
    assert_eq!(server.open(), 1, "kept");
    let start = Instant::now();
    while server.open() > 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "still open");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        start.elapsed() > Duration::from_millis(700),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(get().status, 200);
}

/// `limits.response_head` of the upstream, larger than what libraries take.
#[test]
fn a_large_head_of_http2_passes() {
    let server = server_of_http2(100, |request, mut respond| {
        Box::pin(async move {
            let size: usize = request.uri().path()[1..].parse().expect("a number");
            let mut answer = http::Response::new(());
            for at in 0..size / 1000 {
                let name = http::HeaderName::try_from(format!("x-{at}")).expect("a name");
                let value = "y".repeat(1000).parse().expect("a value");
                answer.headers_mut().insert(name, value);
            }
            let _ = respond.send_response(answer, true);
        })
    });
    let upstream = ", protocol: http2, limits: { response_head: 100KiB }";
    let serving = Serving::start(&spec(server.address(), upstream, ""));
    let get = |path: &str| serving.client().try_get(path, &[]).expect("an answer");
    assert_eq!(get("/40000").status, 200);
    assert_eq!(get("/80000").status, 200);
    assert_eq!(get("/200000").status, 502);
    assert_eq!(get("/1000").status, 200);
}

/// Checks speak the protocol of the upstream: this server understands no other.
#[test]
fn a_server_of_http2_passes_its_checks() {
    let server = server_of_http2(100, |request, mut respond| {
        Box::pin(async move {
            let status = match request.uri().path() {
                "/health" => 299,
                _ => 200,
            };
            let mut answer = http::Response::new(());
            *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
            let _ = respond.send_response(answer, true);
        })
    });
    let upstream = ", protocol: http2, health: { http: { path: /health, status: [299] }, interval: 200ms, timeout: 100ms, rise: 1, fall: 2 }";
    let serving = Serving::start(&spec(server.address(), upstream, ""));
    for _ in 0..5 {
        let answer = serving.client().try_get("/", &[]).expect("an answer");
        assert_eq!(answer.status, 200);
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// RFC 8441 §5: an answer in the 200s says that the tunnel is open, so nobody but a server that has agreed may bring it about.
#[test]
fn what_is_no_tunnel_is_not_called_one() {
    let server = Led::by(|mut stream| {
        while head_of(&mut stream).is_some() {
            let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage";
            if !say(&mut stream, bytes, Then::Stay) {
                return;
            }
        }
    });
    let text = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1, http2: on }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         routes:\n  - {{ name: plain, path: /plain, upstream: app }}\n  - {{ name: fixed, path: /fixed, respond: {{ status: 200, body: hi }} }}\n\
         \x20 - {{ name: socket, path: /socket, upstream: app, websocket: true }}\n",
        server.address()
    );
    let serving = Serving::start(&text);
    run(async {
        let mut faults = Vec::new();
        for (path, token) in [
            ("/plain", "websocket"),
            ("/fixed", "websocket"),
            ("/socket", "websocket"),
            ("/socket", "other"),
        ] {
            let mut client = client_of_http2(&serving).await;
            // The server's settings are here once an answer is.
            let first = http::Request::get("http://chat.example/nothing").body(());
            let (answer, _) = client
                .send_request(first.expect("a request"), true)
                .expect("sent");
            answer.await.expect("an answer");
            let request = http::Request::builder()
                .method("CONNECT")
                .uri(format!("http://chat.example{path}"))
                .extension(h2::ext::Protocol::from(token))
                .header("sec-websocket-version", "13")
                .body(());
            let mut client = client.ready().await.expect("ready");
            let (answer, _send) = client
                .send_request(request.expect("a request"), false)
                .expect("sent");
            let answer = tokio::time::timeout(Duration::from_secs(3), answer).await;
            match answer {
                Ok(Ok(answer)) if answer.status().as_u16() >= 400 => {}
                other => faults.push(format!("{path} {token}: {other:?}")),
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    });
}

/// A browser that leaves a page, a call whose outcome nobody waits for any more: over one connection that may happen for days.
#[test]
fn streams_that_are_left_cost_no_connection() {
    let server = server_of_http2(100, |request, mut respond| {
        Box::pin(async move {
            if request.uri().path() == "/slow" {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
            let last = request.uri().path() == "/page";
            let mut send = respond
                .send_response(http::Response::new(()), false)
                .expect("sent");
            let _ = send.send_data("data: 1\n\n".into(), last);
            if !last {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        })
    });
    let serving = Serving::start(&spec(server.address(), HTTP2, ", stream: true"));
    run(async {
        let mut client = client_of_http2(&serving).await;
        let get = |path: &str| {
            let uri = format!("http://chat.example{path}");
            http::Request::get(uri).body(()).expect("a request")
        };
        for number in 0..400 {
            client = client.ready().await.expect("ready");
            let (answer, _) = client.send_request(get("/events"), true).expect("sent");
            let answer = tokio::time::timeout(Duration::from_secs(3), answer).await;
            let answer = answer.expect("in time");
            let mut body = answer
                .unwrap_or_else(|why| panic!("{number}: {why}"))
                .into_body();
            body.data().await.expect("an event").expect("no error");
        }
        // Taken back before there is an answer, at a pace that people have.
        for number in 0..260 {
            client = client.ready().await.expect("ready");
            let (answer, mut send) = client.send_request(get("/slow"), true).expect("sent");
            tokio::time::sleep(Duration::from_millis(18)).await;
            send.send_reset(h2::Reason::CANCEL);
            assert!(answer.await.is_err(), "{number}");
        }
        let (answer, _) = client.send_request(get("/page"), true).expect("sent");
        assert_eq!(answer.await.expect("an answer").status(), 200);
    });
}
