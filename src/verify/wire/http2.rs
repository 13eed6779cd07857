//! A client that speaks HTTP/2, over TLS or with prior knowledge, and WebSocket within it (RFC 8441).

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use h2::Ping;
use h2::client::SendRequest;
use h2::ext::Protocol;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tungstenite::Bytes;
use tungstenite::http::{self, HeaderMap, Uri};

use super::client::Client;
use super::engine::Engine;
use super::http::{Headers, Response};
use super::pipe::{Pipe, fault, piece, pour};
use super::tunnel::Tunnel;

impl Client {
    /// An HTTP/2 connection: chosen by ALPN where the client has TLS, with prior knowledge where it has none.
    /// It is open when the server's settings are here.
    ///
    /// # Errors
    /// Nobody answers in time, or the server chose another protocol (`Unsupported`).
    pub fn http2(&self) -> io::Result<Http2> {
        let engine = Engine::start()?;
        let tcp = self.tcp()?;
        tcp.set_nonblocking(true)?;
        let opening = async {
            let tcp = TcpStream::from_std(tcp)?;
            let Some((config, name)) = self.offering(&["h2", "http/1.1"])? else {
                return open(tcp).await;
            };
            let tls = TlsConnector::from(config).connect(name, tcp).await?;
            match tls.get_ref().1.alpn_protocol() {
                Some(b"h2") => open(tls).await,
                other => Err(io::Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "the server chose {}, not h2",
                        other.map_or("no protocol".into(), String::from_utf8_lossy)
                    ),
                )),
            }
        };
        let (sender, end) = engine.wait(self.patience, opening)??;
        Ok(Http2 {
            sender,
            end,
            scheme: if self.tls.is_some() { "https" } else { "http" },
            authority: self.host.clone(),
            patience: self.patience,
            engine,
        })
    }

    /// The protocol that the server chooses of those offered, such as `h2`; `None` where it ignores the offer. Needs TLS.
    ///
    /// # Errors
    /// The handshake fails, also because the server knows none of the protocols.
    pub fn alpn(&self, offered: &[&str]) -> io::Result<Option<String>> {
        let (config, name) = self
            .offering(offered)?
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "ALPN needs TLS"))?;
        let mut tcp = self.tcp()?;
        let mut session = rustls::ClientConnection::new(config, name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut tcp)?;
        }
        let chosen = session.alpn_protocol();
        Ok(chosen.map(|name| String::from_utf8_lossy(name).into_owned()))
    }

    fn offering(
        &self,
        protocols: &[&str],
    ) -> io::Result<Option<(Arc<ClientConfig>, ServerName<'static>)>> {
        let Some((config, name)) = &self.tls else {
            return Ok(None);
        };
        let mut config = ClientConfig::clone(config);
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().into())
            .collect();
        let name = ServerName::try_from(name.clone()).map_err(io::Error::other)?;
        Ok(Some((Arc::new(config), name)))
    }
}

/// One connection, for several requests at once. Dropping it ends the connection, unless a tunnel still lives on it.
#[derive(Debug)]
pub struct Http2 {
    sender: SendRequest<Bytes>,
    end: JoinHandle<Result<(), h2::Error>>,
    scheme: &'static str,
    authority: String,
    patience: Duration,
    engine: Arc<Engine>,
}

/// A request to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Such as `GET`.
    pub method: &'a str,
    /// Path and query: `:path`.
    pub path: &'a str,
    /// More header fields; `:authority` and `:scheme` stand in for the connection's own.
    pub headers: &'a [(&'a str, &'a str)],
    /// It brings its `content-length`.
    pub body: &'a [u8],
}

/// An answer, and when its parts came: all times count from when the request was given to the connection.
#[derive(Clone, Debug)]
pub struct Timed {
    /// Status, header fields (names in lower case, as they are in HTTP/2) and the whole body.
    pub response: Response,
    /// When the head came.
    pub head: Duration,
    /// When each piece of the body came, and how many bytes it had.
    pub pieces: Vec<(Duration, usize)>,
    /// When the answer was complete.
    pub whole: Duration,
}

impl Http2 {
    /// Do the server's settings allow an extended CONNECT (ENABLE_CONNECT_PROTOCOL = 1)?
    pub fn takes_tunnels(&self) -> bool {
        self.sender.is_extended_connect_protocol_enabled()
    }

    /// One request and its answer.
    ///
    /// # Errors
    /// The stream was reset (`ConnectionReset`), the connection ends (`ConnectionAborted`), nothing came in time
    /// (`TimedOut`), or the request cannot be said in HTTP/2 (`InvalidInput`).
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let ask = Ask {
            method,
            path,
            headers,
            body,
        };
        let answers = self.send_all(&[ask]);
        let answer = answers.into_iter().next();
        let timed = answer.ok_or_else(|| io::Error::other("no answer"))?;
        timed.map(|timed| timed.response)
    }

    /// Several requests at once, each on its stream; the answers stand in the order of the requests, with errors as
    /// [`Http2::send`] has them.
    pub fn send_all(&mut self, asks: &[Ask<'_>]) -> Vec<io::Result<Timed>> {
        let start = Instant::now();
        let work = async {
            let begin = |ask: &Ask<'_>| {
                let body = Bytes::copy_from_slice(ask.body);
                let request = self.request(ask)?;
                let sender = self.sender.clone();
                Ok(tokio::spawn(exchange(sender, request, body, start)))
            };
            let tasks: Vec<io::Result<JoinHandle<_>>> = asks.iter().map(begin).collect();
            let mut answers = Vec::new();
            for task in tasks {
                answers.push(match task {
                    Err(why) => Err(why),
                    Ok(mut task) => {
                        let left = self.patience.saturating_sub(start.elapsed());
                        match tokio::time::timeout(left, &mut task).await {
                            Ok(answer) => {
                                answer.map_err(io::Error::other).and_then(|answer| answer)
                            }
                            Err(_) => {
                                task.abort();
                                Err(ErrorKind::TimedOut.into())
                            }
                        }
                    }
                });
            }
            answers
        };
        self.engine.run(work)
    }

    /// A WebSocket by an extended CONNECT, or the answer that refused it: also a 200 that is an ordinary page. It is asked for even where the server's settings
    /// do not allow it ([`Http2::takes_tunnels`]).
    ///
    /// # Errors
    /// Those of [`Http2::send`].
    pub fn websocket(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Result<Tunnel, Response>> {
        let mut request = self.request(&Ask {
            method: "CONNECT",
            path,
            headers,
            body: b"",
        })?;
        let fields = request.headers_mut();
        fields
            .entry("sec-websocket-version")
            .or_insert(http::HeaderValue::from_static("13"));
        request
            .extensions_mut()
            .insert(Protocol::from_static("websocket"));
        let sender = self.sender.clone();
        let handshake = async {
            let mut sender = sender.ready().await.map_err(fault)?;
            let (answer, send) = sender.send_request(request, false).map_err(fault)?;
            let (head, mut receive) = answer.await.map_err(fault)?.into_parts();
            let mut response = Response {
                status: head.status.as_u16(),
                headers: fields_of(&head.headers),
                body: Vec::new(),
            };
            // A tunnel has no length (RFC 9110 §9.3.6): what has one answers as if nobody had asked for a tunnel.
            let bounded = head.headers.contains_key("content-length") || receive.is_end_stream();
            if head.status.is_success() && !bounded {
                return Ok(Ok((response, send, receive)));
            }
            while let Some(bytes) = piece(&mut receive).await? {
                response.body.extend_from_slice(&bytes);
            }
            Ok(Err(response))
        };
        let outcome: io::Result<_> = self.engine.wait(self.patience, handshake)?;
        Ok(outcome?.map(|(response, send, receive)| {
            let pipe = Pipe::new(send, receive, self.patience, Arc::clone(&self.engine));
            Tunnel::over_http2(pipe, response)
        }))
    }

    /// Does the server end the connection within `limit`?
    pub fn ends_within(&mut self, limit: Duration) -> bool {
        self.end.is_finished() || self.engine.wait(limit, &mut self.end).is_ok()
    }

    fn request(&self, ask: &Ask<'_>) -> io::Result<http::Request<()>> {
        let wrong = |why: http::Error| io::Error::new(ErrorKind::InvalidInput, why);
        let given = |name: &str| {
            let mut named = ask.headers.iter().filter(|(one, _)| *one == name);
            named.next().map(|(_, value)| *value)
        };
        let uri = Uri::builder()
            .scheme(given(":scheme").unwrap_or(self.scheme))
            .authority(given(":authority").unwrap_or(&self.authority))
            .path_and_query(ask.path)
            .build()
            .map_err(wrong)?;
        let mut request = http::Request::builder().method(ask.method).uri(uri);
        for (name, value) in ask
            .headers
            .iter()
            .filter(|(name, _)| !name.starts_with(':'))
        {
            request = request.header(*name, *value);
        }
        if !ask.body.is_empty() {
            request = request.header("content-length", ask.body.len());
        }
        request.body(()).map_err(wrong)
    }
}

/// The preface and the settings of both sides; the connection then lives in a task of its own.
async fn open<S>(stream: S) -> io::Result<(SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = h2::client::Builder::new();
    let handshake = builder.enable_push(false).handshake(stream);
    let (sender, mut connection) = handshake.await.map_err(fault)?;
    let pings = connection.ping_pong();
    let end = tokio::spawn(connection);
    if let Some(mut pings) = pings {
        // A server's settings are the first that it sends: they are here when its answer to a ping is.
        pings.ping(Ping::opaque()).await.map_err(fault)?;
    }
    Ok((sender, end))
}

async fn exchange(
    sender: SendRequest<Bytes>,
    request: http::Request<()>,
    body: Bytes,
    start: Instant,
) -> io::Result<Timed> {
    let mut sender = sender.ready().await.map_err(fault)?;
    let (answer, mut send) = sender
        .send_request(request, body.is_empty())
        .map_err(fault)?;
    if !body.is_empty() {
        // Beside the answer: a server that refuses early need not read the rest.
        tokio::spawn(async move {
            pour(&mut send, body).await?;
            send.send_data(Bytes::new(), true).map_err(fault)
        });
    }
    let (head, mut receive) = answer.await.map_err(fault)?.into_parts();
    let mut timed = Timed {
        response: Response {
            status: head.status.as_u16(),
            headers: fields_of(&head.headers),
            body: Vec::new(),
        },
        head: start.elapsed(),
        pieces: Vec::new(),
        whole: Duration::ZERO,
    };
    while let Some(bytes) = piece(&mut receive).await? {
        timed.response.body.extend_from_slice(&bytes);
        if !bytes.is_empty() {
            timed.pieces.push((start.elapsed(), bytes.len()));
        }
    }
    timed.whole = start.elapsed();
    Ok(timed)
}

/// Header fields in the order in which their names came first.
pub(in crate::verify) fn fields_of(map: &HeaderMap) -> Headers {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let fields = map.iter();
    Headers(
        fields
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
    )
}
