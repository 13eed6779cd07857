//! What a client's connection begins with: a PROXY protocol header, TLS, then the first bytes of one HTTP or the other.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::ir::Listener;

use crate::proxy::client::door::Door;
use crate::proxy::client::http1;
use crate::proxy::client::http2;
use crate::proxy::client::listen::{Counted, LATE_COMER};
use crate::proxy::client::who::Client;
use crate::proxy::clock;
use crate::proxy::process::worker::Worker;
use crate::proxy::request::outgoing;
use crate::proxy::tls;
use crate::proxy::wire::{self, Stream};

/// The start of HTTP/2 on a plain connection (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The longest PROXY protocol header that is read.
const PROXY_HEADER: usize = 4096;

/// What is known of a connection before its first request.
struct Opened {
    stream: Stream,
    http2: bool,
    from: IpAddr,
    subject: Option<Arc<str>>,
}

/// Finds out who a client is and what it speaks, and speaks it. All of that and the first head have one time.
///
/// # Errors
/// What ended the connection.
pub(crate) async fn converse(
    worker: Rc<Worker>,
    tcp: TcpStream,
    peer: SocketAddr,
    door: Rc<Door>,
    counted: Counted,
) -> io::Result<()> {
    let since = clock::now();
    let (local, id) = door.local(&worker);
    let tls = local.generation.listeners[id.index()].tls.clone();
    let encrypted = tls.is_some();
    let listener = local.generation.gateway.listener(id);
    let opened = tokio::select! {
        opened = open(tcp, peer, listener, tls) => opened?,
        () = late(&door) => return Ok(()),
    };
    drop(local);
    let client = Client {
        peer: opened.from.to_canonical(),
        address: outgoing::written(opened.from),
        tls: encrypted,
        subject: opened.subject,
        tunnels: Cell::new(0),
        counted: Rc::new(counted),
        pace: None,
    };
    if opened.http2 {
        http2::speak(worker, opened.stream, client, door, since).await
    } else {
        http1::speak(worker, opened.stream, client, door, since).await
    }
}

/// Waits until nobody has to wait any more for who has said nothing yet.
async fn late(door: &Door) {
    door.closed().await;
    sleep(LATE_COMER).await;
}

/// Finds out who is there, and what they speak.
async fn open(
    mut tcp: TcpStream,
    peer: SocketAddr,
    listener: &Listener,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<Opened> {
    let end = Instant::now() + clock::of(listener.head_timeout.value);
    tcp.set_nodelay(true)?;
    if let Some(after) = listener.tcp_keepalive.value {
        wire::keep_alive(&tcp, after);
    }
    let mut from = peer.ip();
    if listener.proxy_protocol.value {
        let told = timeout_at(end, proxied(&mut tcp)).await??;
        from = told.unwrap_or(from);
    }
    let (stream, http2, subject) = match tls {
        None => {
            let http2 = listener.http2.value && timeout_at(end, speaks_http2(&tcp)).await??;
            (Stream::Tcp(tcp), http2, None)
        }
        Some(config) => {
            let stream = timeout_at(end, TlsAcceptor::from(config).accept(tcp)).await??;
            let (_, session) = stream.get_ref();
            let http2 = session.alpn_protocol() == Some(b"h2");
            let subject = session
                .peer_certificates()
                .and_then(|chain| tls::subject(chain.first()?));
            (Stream::FromClient(Box::new(stream)), http2, subject)
        }
    };
    Ok(Opened {
        stream,
        http2,
        from,
        subject,
    })
}

/// Waits until more has come than was seen; whether there will be more.
async fn more(tcp: &TcpStream) -> io::Result<bool> {
    // What was only looked at keeps the socket ready: forgotten, it is ready again when something new comes.
    let _ = tcp.try_io(Interest::READABLE, || {
        Err::<(), _>(io::ErrorKind::WouldBlock.into())
    });
    let ready = tcp.ready(Interest::READABLE).await?;
    Ok(!ready.is_read_closed())
}

/// Whether a plain connection begins as HTTP/2 does.
async fn speaks_http2(tcp: &TcpStream) -> io::Result<bool> {
    let mut start = [0; PREFACE.len()];
    loop {
        let seen = tcp.peek(&mut start).await?;
        if seen == 0 || start[..seen] != PREFACE[..seen] {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        if !more(tcp).await? {
            return Ok(false);
        }
    }
}

/// Reads the PROXY protocol header that a connection begins with: the address that it names; `None` where the proxy speaks for itself.
async fn proxied(tcp: &mut TcpStream) -> io::Result<Option<IpAddr>> {
    let unfit = || io::Error::new(io::ErrorKind::InvalidData, "no PROXY protocol header");
    let mut start = vec![0; PROXY_HEADER];
    loop {
        let seen = tcp.peek(&mut start).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (length, address) = match ppp::HeaderResult::parse(&start[..seen]) {
            ppp::HeaderResult::V1(Ok(header)) => (header.header.len(), of_first(&header)),
            ppp::HeaderResult::V2(Ok(header)) => (header.len(), of_second(&header)),
            result if ppp::PartialResult::is_incomplete(&result) && seen < start.len() => {
                if more(tcp).await? {
                    continue;
                }
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            _ => return Err(unfit()),
        };
        tcp.read_exact(&mut start[..length]).await?;
        return Ok(address);
    }
}

fn of_first(header: &ppp::v1::Header<'_>) -> Option<IpAddr> {
    match header.addresses {
        ppp::v1::Addresses::Tcp4(it) => Some(it.source_address.into()),
        ppp::v1::Addresses::Tcp6(it) => Some(it.source_address.into()),
        ppp::v1::Addresses::Unknown => None,
    }
}

fn of_second(header: &ppp::v2::Header<'_>) -> Option<IpAddr> {
    if header.command == ppp::v2::Command::Local {
        return None;
    }
    match header.addresses {
        ppp::v2::Addresses::IPv4(it) => Some(it.source_address.into()),
        ppp::v2::Addresses::IPv6(it) => Some(it.source_address.into()),
        ppp::v2::Addresses::Unspecified | ppp::v2::Addresses::Unix(_) => None,
    }
}
