//! hyper as a client and as a server, over either HTTP on each side: bodies of any size both ways, trailers, answers that come early, heads that
//! are too large.

use std::convert::Infallible;
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::super::serving::{Led, Serving};
use super::run;

type Payload = BoxBody<Bytes, Infallible>;

/// A server of one HTTP that sends each body back as it comes, its trailers too; `/early` is answered without it.
fn server(second: bool) -> Led {
    Led::by(move |stream| {
        run(async move {
            stream.set_nonblocking(true).expect("a socket");
            let stream = tokio::net::TcpStream::from_std(stream).expect("a socket");
            let io = TokioIo::new(stream);
            let service = service_fn(|request: Request<Incoming>| async move {
                let early = request.uri().path() == "/early";
                let mut answer = if early {
                    // Who ends a connection with bytes unread resets it, and takes the answer away.
                    tokio::spawn(request.into_body().collect());
                    let body = Full::new(Bytes::from("enough")).map_err(|never| match never {});
                    let mut answer = Response::new(body.boxed());
                    *answer.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                    return Ok::<_, Infallible>(answer);
                } else {
                    Response::new(request.into_body().boxed())
                };
                let kind = "application/octet-stream".parse().expect("a value");
                answer.headers_mut().insert("content-type", kind);
                Ok(answer)
            });
            // Clients end as they like.
            if second {
                let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                builder.max_header_list_size(256 * 1024);
                let _ = builder.serve_connection(io, service).await;
            } else {
                let builder = hyper::server::conn::http1::Builder::new();
                let _ = builder.serve_connection(io, service).await;
            }
        });
    })
}

fn serving(server: &Led, second: bool) -> Serving {
    let protocol = if second { "http2" } else { "http1" };
    Serving::start(&format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1, http2: on }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"], protocol: {protocol} }} }}\n\
         routes:\n  - {{ name: app, path: /, upstream: app, stream: {{ request: true }} }}\n\
         \x20 - {{ name: small, path: /small, upstream: app, limits: {{ body: 1KiB }} }}\n",
        server.address()
    ))
}

/// A connection of hyper's.
enum Sender {
    Http1(http1::SendRequest<Payload>),
    Http2(http2::SendRequest<Payload>),
}

impl Sender {
    async fn connect(serving: &Serving, second: bool) -> Self {
        let stream = tokio::net::TcpStream::connect(serving.address).await;
        let io = TokioIo::new(stream.expect("it listens"));
        if second {
            let handshake = http2::handshake(TokioExecutor::new(), io).await;
            let (sender, connection) = handshake.expect("it speaks HTTP/2");
            tokio::spawn(connection);
            Self::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.expect("it speaks HTTP/1.1");
            tokio::spawn(connection);
            Self::Http1(sender)
        }
    }

    fn send(
        &mut self,
        request: Request<Payload>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        let answer: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = match self {
            Self::Http1(sender) => Box::pin(sender.send_request(request)),
            Self::Http2(sender) => Box::pin(sender.send_request(request)),
        };
        async {
            let answer = tokio::time::timeout(Duration::from_secs(20), answer).await;
            answer.expect("in time")
        }
    }

    async fn ready(&mut self) {
        let ready = match self {
            Self::Http1(sender) => sender.ready().await,
            Self::Http2(sender) => sender.ready().await,
        };
        ready.expect("it takes another one");
    }

    /// HTTP/2 has the host in the target.
    fn ask(&self, path: &str) -> http::request::Builder {
        match self {
            Self::Http1(_) => Request::post(path).header("host", "app.example"),
            Self::Http2(_) => Request::post(format!("http://app.example{path}")),
        }
    }
}

fn bytes(size: usize, seed: usize) -> Bytes {
    (0..size)
        .map(|at| ((at * 7919 + seed) >> 3) as u8)
        .collect()
}

fn full(bytes: Bytes) -> Payload {
    Full::new(bytes).boxed()
}

/// Every way from one HTTP to another.
fn ways(mut each: impl FnMut(&Serving, bool, bool)) {
    for to in [false, true] {
        let server = server(to);
        let serving = serving(&server, to);
        for from in [false, true] {
            each(&serving, from, to);
        }
    }
}

#[test]
fn bodies_of_any_size_come_back() {
    ways(|serving, from, to| {
        run(async {
            let mut sender = Sender::connect(serving, from).await;
            for size in [0, 1, 16_384, 16_385, 65_535, 65_537, 8_000_000] {
                let sent = bytes(size, size);
                for expects in [false, true] {
                    let mut ask = sender.ask("/echo");
                    if expects {
                        ask = ask.header("expect", "100-continue");
                    }
                    let request = ask.body(full(sent.clone())).expect("a request");
                    sender.ready().await;
                    let answer = sender.send(request).await.expect("an answer");
                    assert_eq!(answer.status(), 200);
                    let came = answer.into_body().collect().await.expect("a body");
                    let same = came.to_bytes() == sent;
                    assert!(
                        same,
                        "{size} bytes, HTTP/2: {from} and {to}, expects: {expects}"
                    );
                }
            }
        });
    });
}

/// A hundred at once on one connection: each gets its own.
#[test]
fn many_at_once_stay_apart() {
    ways(|serving, from, _| {
        if !from {
            return;
        }
        run(async {
            let mut sender = Sender::connect(serving, from).await;
            let mut open = Vec::new();
            for number in 0..100 {
                let sent = bytes(100_000 + number, number);
                let request = sender.ask("/echo").body(full(sent.clone()));
                let answer = sender.send(request.expect("a request"));
                open.push(tokio::spawn(async move {
                    let answer = answer.await.expect("an answer");
                    let came = answer.into_body().collect().await.expect("a body");
                    came.to_bytes() == sent
                }));
            }
            for (number, one) in open.into_iter().enumerate() {
                assert!(one.await.expect("it ends"), "the answer to {number}");
            }
        });
    });
}

/// Where both sides have a place for them; elsewhere the body stays whole.
#[test]
fn trailers_pass_where_they_can() {
    ways(|serving, from, to| {
        run(async {
            let mut sender = Sender::connect(serving, from).await;
            for _ in 0..2 {
                let mut after = HeaderMap::new();
                after.insert("x-sum", "42".parse().expect("a value"));
                let body = Full::new(bytes(70_000, 1));
                let body = body.with_trailers(std::future::ready(Some(Ok(after))));
                let ask = sender.ask("/echo").header("te", "trailers");
                let request = ask.header("trailer", "x-sum").body(body.boxed());
                sender.ready().await;
                let answer = sender.send(request.expect("a request")).await;
                let came = answer.expect("an answer").into_body().collect().await;
                let came = came.expect("a body");
                let sum = came.trailers().and_then(|it| it.get("x-sum").cloned());
                assert!(
                    came.to_bytes() == bytes(70_000, 1),
                    "HTTP/2: {from} and {to}"
                );
                if from && to {
                    assert_eq!(sum.expect("trailers"), "42");
                }
            }
        });
    });
}

/// A server that has seen enough: its answer arrives, and so does the next one.
#[test]
fn an_early_answer_arrives() {
    ways(|serving, from, to| {
        run(async {
            for _ in 0..5 {
                let mut sender = Sender::connect(serving, from).await;
                let request = sender.ask("/early").body(full(bytes(20_000_000, 0)));
                let answer = sender.send(request.expect("a request")).await;
                let answer = answer.unwrap_or_else(|why| panic!("{why:?}: {from} and {to}"));
                assert_eq!(answer.status(), 413, "HTTP/2: {from} and {to}");
                if from {
                    // Only the stream is over.
                    let request = sender.ask("/echo").body(full(bytes(1000, 0)));
                    let answer = sender.send(request.expect("a request")).await;
                    assert_eq!(answer.expect("an answer").status(), 200);
                }
            }
        });
    });
}

/// The proxy's own limit: told by a length before anything is sent, and by the bytes where there is none.
#[test]
fn a_body_that_is_too_large_is_refused() {
    ways(|serving, from, to| {
        run(async {
            for (size, wanted) in [(1024, 200), (1025, 413), (5_000_000, 413)] {
                for told in [true, false] {
                    let mut sender = Sender::connect(serving, from).await;
                    let body = Full::new(bytes(size, 0));
                    let body = match told {
                        true => body.boxed(),
                        // Trailers make it a body of unknown length.
                        false => body.with_trailers(std::future::ready(None)).boxed(),
                    };
                    let request = sender.ask("/small").body(body).expect("a request");
                    let answer = sender.send(request).await;
                    let what = format!("{size} bytes, told: {told}, HTTP/2: {from} and {to}");
                    let answer = answer.unwrap_or_else(|why| panic!("{why:?}: {what}"));
                    assert_eq!(answer.status(), wanted, "{what}");
                }
            }
        });
    });
}

/// `limits.head` of the listener, 32 KiB: in one line or in many.
#[test]
fn a_head_is_as_large_as_the_listener_takes() {
    ways(|serving, from, to| {
        run(async {
            for (lines, size, wanted) in [
                (1, 30_000, 200),
                (60, 500, 200),
                (1, 33_000, 431),
                (60, 600, 431),
                (1, 100_000, 431),
            ] {
                let mut sender = Sender::connect(serving, from).await;
                let mut ask = sender.ask("/echo");
                for number in 0..lines {
                    ask = ask.header(format!("x-{number}"), "y".repeat(size));
                }
                let request = ask.body(full(Bytes::new())).expect("a request");
                let answer = sender.send(request).await;
                let what = format!("{lines} of {size}, HTTP/2: {from} and {to}");
                let answer = answer.unwrap_or_else(|why| panic!("{why:?}: {what}"));
                assert_eq!(answer.status(), wanted, "{what}");
            }
        });
    });
}
