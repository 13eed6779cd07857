//! A stub's side of HTTP/2: the same records and answers as over HTTP/1.1, and WebSocket by an extended CONNECT (RFC 8441).
//!
//! The pseudo header fields are recorded as header lines of their names; `:authority` stands for a `Host` line where none came.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use rustls::{ServerConfig, StreamOwned};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tungstenite::Bytes;
use tungstenite::http::{self, Version};
use tungstenite::protocol::{Role, WebSocket};

use super::super::wire::engine::Engine;
use super::super::wire::http2::fields_of;
use super::super::wire::pipe::{Pipe, fault, piece, pour};
use super::super::wire::{Request, Stream};
use super::reply::{Content, subprotocol};
use super::{Answer, Shared, lock};

/// How a client with prior knowledge opens (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long its preface may take to be whole.
const PATIENCE: Duration = Duration::from_secs(2);
/// As good as no limit: a tunnel waits for its client as long as it takes.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// Does the client speak HTTP/2: by ALPN, or, without TLS, by its first bytes? They are left to be read.
pub(super) fn is_spoken(stream: &Stream) -> io::Result<bool> {
    match stream {
        Stream::Plain(tcp) => opens_with_preface(tcp),
        Stream::Server(tls) => Ok(tls.conn.alpn_protocol() == Some(b"h2")),
        Stream::Client(_) | Stream::Http2(_) => Ok(false),
    }
}

fn opens_with_preface(tcp: &TcpStream) -> io::Result<bool> {
    let start = Instant::now();
    let mut buffer = [0; PREFACE.len()];
    loop {
        let length = tcp.peek(&mut buffer)?;
        let begun = buffer.get(..length).unwrap_or_default();
        if begun.is_empty() || !PREFACE.starts_with(begun) || start.elapsed() > PATIENCE {
            return Ok(false);
        }
        if begun == PREFACE {
            return Ok(true);
        }
        // The same bytes again, or more: to peek does not wait for them.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Answers requests, side by side, until the client ends the connection.
pub(super) fn serve(
    shared: &Arc<Shared>,
    stream: Stream,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<()> {
    let engine = Engine::start()?;
    let asynchronous = |tcp: TcpStream| {
        tcp.set_nonblocking(true)?;
        tokio::net::TcpStream::from_std(tcp)
    };
    engine.run(async {
        match (stream, tls) {
            (Stream::Plain(tcp), _) => connection(shared, &engine, asynchronous(tcp)?).await,
            (Stream::Server(owned), Some(config)) => {
                let StreamOwned { conn, sock } = *owned;
                // The handshake is done: the acceptor gets a session that has nothing left to do.
                let acceptor = TlsAcceptor::from(config);
                let tcp = asynchronous(sock)?;
                let stream = acceptor.accept_with(tcp, |fresh| *fresh = conn).await?;
                connection(shared, &engine, stream).await
            }
            _ => Err(ErrorKind::Unsupported.into()),
        }
    })
}

async fn connection<S>(shared: &Arc<Shared>, engine: &Arc<Engine>, stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = h2::server::Builder::new();
    let handshake = builder.enable_connect_protocol().handshake(stream);
    let mut connection = handshake.await.map_err(fault)?;
    // Dropped, and with it what still waits, when the client is gone.
    let mut exchanges = JoinSet::new();
    while let Some(next) = connection.accept().await {
        let (request, respond) = next.map_err(fault)?;
        let (shared, engine) = (Arc::clone(shared), Arc::clone(engine));
        exchanges.spawn(exchange(shared, engine, request, respond));
    }
    Ok(())
}

async fn exchange(
    shared: Arc<Shared>,
    engine: Arc<Engine>,
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> io::Result<()> {
    let (head, mut receive) = request.into_parts();
    let mut request = recorded(&head);
    let tunnel = request.is_websocket();
    if !tunnel {
        while let Some(bytes) = piece(&mut receive).await? {
            request.body.extend_from_slice(&bytes);
        }
    }
    lock(&shared.requests).push(request.clone());
    let answer = shared.decide(&request);
    tokio::time::sleep(answer.delay).await;
    if answer.broken {
        respond.send_reset(Reason::INTERNAL_ERROR);
        return Ok(());
    }
    if tunnel && matches!(answer.status, 0 | 101) {
        let own: Vec<_> = subprotocol(&request)
            .map(|first| ("Sec-WebSocket-Protocol", first))
            .into_iter()
            .collect();
        let response = response(200, &shared.headers(&own, &answer))?;
        let send = respond.send_response(response, false).map_err(fault)?;
        let stream = Stream::Http2(Box::new(Pipe::new(send, receive, FOREVER, engine)));
        std::thread::spawn(move || {
            shared.converse(WebSocket::from_raw_socket(stream, Role::Server, None));
        });
        return Ok(());
    }
    reply(&shared, &mut respond, &request, &answer).await
}

async fn reply(
    shared: &Shared,
    respond: &mut SendResponse<Bytes>,
    request: &Request,
    answer: &Answer,
) -> io::Result<()> {
    let reply = shared.reply(request, answer);
    let response = response(reply.status, &reply.headers)?;
    let bare = matches!(reply.content, Content::None);
    let mut send = respond.send_response(response, bare).map_err(fault)?;
    match reply.content {
        Content::None => return Ok(()),
        Content::Whole(body, pause) => {
            let mut first = Bytes::from(body);
            let second = first.split_off(first.len() / 2);
            pour(&mut send, first).await?;
            tokio::time::sleep(pause).await;
            pour(&mut send, second).await?;
        }
        Content::Ticks(count, every) => {
            for tick in 1..=count {
                tokio::time::sleep(every).await;
                pour(&mut send, Bytes::from(format!("data: {tick}\n\n"))).await?;
            }
        }
    }
    send.send_data(Bytes::new(), true).map_err(fault)
}

fn response(status: u16, headers: &[(String, String)]) -> io::Result<http::Response<()>> {
    let mut response = http::Response::builder()
        .status(status)
        .version(Version::HTTP_2);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(()).map_err(io::Error::other)
}

/// The request in the words of HTTP/1.1; its body is still to come.
fn recorded(head: &http::request::Parts) -> Request {
    let method = head.method.to_string();
    let target = head
        .uri
        .path_and_query()
        .map_or("", |path| path.as_str())
        .to_owned();
    let mut headers = fields_of(&head.headers);
    let mut add = |name: &str, value: Option<&str>| {
        headers
            .0
            .extend(value.map(|value| (name.to_owned(), value.to_owned())));
    };
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    if !head.headers.contains_key("host") {
        add("host", authority);
    }
    add(":authority", authority);
    add(":scheme", head.uri.scheme_str());
    let protocol = head.extensions.get::<h2::ext::Protocol>();
    add(":protocol", protocol.map(h2::ext::Protocol::as_str));
    Request {
        line: format!("{method} {target} HTTP/2"),
        method,
        target,
        version: "HTTP/2".to_owned(),
        headers,
        body: Vec::new(),
    }
}
