//! Accepting clients: how many, who they say they are to a PROXY protocol, TLS, and which HTTP they speak.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, interval, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::ir::{Listener, ListenerId};

use super::client::Client;
use super::connect::Here;
use super::door::Door;
use super::edge::{Edge, Pace};
use super::serve::serve;
use super::wire::{self, Stream};
use super::worker::{Local, Worker};
use super::{clock, metrics, tls};

/// The start of HTTP/2 on a plain connection (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The longest PROXY protocol header of version 1; one of version 2 says how long it is.
const PROXY_HEADER: usize = 4096;

/// The shortest line of a head: a name of one letter, and no value.
const LINE: usize = b"a:\r\n".len();

/// The most lines of a head, whatever its size may be: beyond this hyper's map of headers would be full.
const LINES: usize = 16 * 1024;

/// How long a connection that was accepted last may take to its first request when no more are taken.
const LATE_COMER: Duration = Duration::from_secs(1);

/// How long a listener rests when descriptors run out.
const REST: Duration = Duration::from_millis(50);

/// A socket that clients connect to. One for all workers.
pub(super) struct Socket {
    /// The listener, in the spec that is served from now on.
    pub(super) listener: ListenerId,
    /// Where it is bound.
    pub(super) address: SocketAddr,
    /// The socket.
    pub(super) socket: Arc<std::net::TcpListener>,
    /// Connections that are open.
    pub(super) open: Arc<AtomicU32>,
    /// Whether the listener is the one that was there before: what its connections agreed on still holds.
    pub(super) stays: bool,
}

/// The door through which connections come in now.
type Entrance = Rc<RefCell<Rc<Door>>>;

/// What a worker listens on.
#[derive(Default)]
pub(super) struct Listening {
    tasks: HashMap<SocketAddr, (JoinHandle<()>, Entrance)>,
}

impl Listening {
    /// Listens on these sockets and no others; those that stay are not touched. Connections of a listener that is gone, or is another
    /// one now, finish by `last` what is under way.
    pub(super) fn serve(
        &mut self,
        worker: &Rc<Worker>,
        sockets: &[Socket],
        last: &Rc<Local>,
        until: Instant,
    ) {
        self.tasks.retain(|address, (task, door)| {
            let stays = sockets.iter().any(|socket| socket.address == *address);
            if !stays {
                task.abort();
                door.borrow().close(Some(Rc::clone(last)), until);
            }
            stays
        });
        for socket in sockets {
            if let Some((_, door)) = self.tasks.get(&socket.address) {
                if socket.stays {
                    door.borrow().stays(socket.listener);
                } else {
                    let other = door.replace(Door::new(socket.listener));
                    other.close(Some(Rc::clone(last)), until);
                }
                continue;
            }
            let own = socket.socket.try_clone().and_then(TcpListener::from_std);
            let Ok(own) = own else { continue };
            let door = Rc::new(RefCell::new(Door::new(socket.listener)));
            let accepting = accept(
                Rc::clone(worker),
                own,
                Rc::clone(&door),
                Arc::clone(&socket.open),
            );
            let task = spawn_local(accepting);
            self.tasks.insert(socket.address, (task, door));
        }
    }

    /// Listens no more: connections finish what is under way.
    pub(super) fn stop(&mut self, until: Instant) {
        for (_, (task, door)) in self.tasks.drain() {
            task.abort();
            door.borrow().close(None, until);
        }
    }
}

/// A connection that is counted.
pub(super) struct Counted {
    worker: Rc<Worker>,
    open: Arc<AtomicU32>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.worker.shared.connections.fetch_sub(1, Relaxed);
        self.open.fetch_sub(1, Relaxed);
        metrics::connections().decrement(1);
    }
}

async fn accept(worker: Rc<Worker>, socket: TcpListener, door: Entrance, open: Arc<AtomicU32>) {
    loop {
        let (stream, peer) = match socket.accept().await {
            Ok(accepted) => accepted,
            // A client that is gone already, or no descriptor left: the next one may do better.
            Err(_) => {
                sleep(REST).await;
                continue;
            }
        };
        let door = Rc::clone(&door.borrow());
        let (local, id) = door.local(&worker);
        let gateway = &local.generation.gateway;
        let most = gateway.runtime.max_connections.value;
        let own = gateway.listener(id).connections.value.unwrap_or(u64::MAX);
        let all_before = worker.shared.connections.fetch_add(1, Relaxed);
        let own_before = open.fetch_add(1, Relaxed);
        metrics::connections().increment(1);
        let counted = Counted {
            worker: Rc::clone(&worker),
            open: Arc::clone(&open),
        };
        if all_before >= most || u64::from(own_before) >= own {
            continue;
        }
        let worker = Rc::clone(&worker);
        spawn_local(async move {
            // What ends here ends a connection, nothing else.
            let _ = converse(worker, stream, peer, door, counted).await;
        });
    }
}

/// What is known of a connection before its first request.
struct Opened {
    stream: Stream,
    http2: bool,
    from: IpAddr,
    subject: Option<Arc<str>>,
}

async fn converse(
    worker: Rc<Worker>,
    tcp: TcpStream,
    peer: SocketAddr,
    door: Rc<Door>,
    counted: Counted,
) -> io::Result<()> {
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
        tls: encrypted,
        subject: opened.subject,
        tunnels: Cell::new(0),
        counted: Rc::new(counted),
        pace: None,
    };
    if opened.http2 {
        second(worker, opened.stream, client, door).await
    } else {
        first(worker, opened.stream, client, door).await
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
    let head = clock::of(listener.head_timeout.value);
    tcp.set_nodelay(true)?;
    if let Some(after) = listener.tcp_keepalive.value {
        wire::keep_alive(&tcp, after);
    }
    let mut from = peer.ip();
    if listener.proxy_protocol.value {
        let told = timeout(head, proxied(&mut tcp)).await??;
        from = told.unwrap_or(from);
    }
    let (stream, http2, subject) = match tls {
        None => {
            let http2 = listener.http2.value && timeout(head, speaks_http2(&tcp)).await??;
            (Stream::Tcp(tcp), http2, None)
        }
        Some(config) => {
            let stream = timeout(head, TlsAcceptor::from(config).accept(tcp)).await??;
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

/// Speaks HTTP/1.1.
async fn first(
    worker: Rc<Worker>,
    stream: Stream,
    mut client: Client,
    door: Rc<Door>,
) -> io::Result<()> {
    let (local, id) = door.local(&worker);
    let listener = local.generation.gateway.listener(id);
    let head_limit = usize::try_from(listener.head_limit.value.as_bytes()).unwrap_or(usize::MAX);
    // The contract bounds a head's size: as many lines as fit may come.
    let most_lines = (head_limit / LINE).min(LINES);
    let pace = Pace::new();
    worker.pace(
        &pace,
        listener.head_timeout.value.as_millis(),
        listener.keepalive.value.as_millis(),
    );
    drop(local);
    client.pace = Some(Arc::clone(&pace));
    let client = Rc::new(client);
    let service = service_fn(|request| {
        let (worker, client, door) = (Rc::clone(&worker), Rc::clone(&client), Rc::clone(&door));
        async move {
            let pace = client.pace.clone();
            let answer = serve(worker, client, &door, request).await;
            answer.map(|answer| {
                answer.map(|body| match pace {
                    Some(pace) => body.followed_by(Box::new(Rested(pace))),
                    None => body,
                })
            })
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(head_limit.saturating_add(64 * 1024))
        .max_header_size(head_limit.saturating_add(1024))
        .max_headers(most_lines)
        .timer(TokioTimer::new())
        .header_read_timeout(None);
    let connection = builder
        .serve_connection(
            TokioIo::new(Edge::new(
                stream,
                Arc::clone(&pace),
                (head_limit, most_lines),
            )),
            service,
        )
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let until = tokio::select! {
        done = &mut connection => return done.map_err(io::Error::other),
        until = door.closed() => until,
    };
    connection.as_mut().graceful_shutdown();
    let silent = async {
        sleep(LATE_COMER).await;
        if !pace.is_silent() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        done = timeout_at(until, &mut connection) => done?.map_err(io::Error::other),
        () = silent => Ok(()),
    }
}

/// The answer is gone: the time until the next request begins.
struct Rested(Arc<Pace>);

impl super::body::Tail for Rested {
    fn sent(&mut self, _bytes: usize) {}

    fn complete(&mut self) {}
}

impl Drop for Rested {
    fn drop(&mut self) {
        self.0.idle();
    }
}

/// Speaks HTTP/2.
async fn second(
    worker: Rc<Worker>,
    stream: Stream,
    client: Client,
    door: Rc<Door>,
) -> io::Result<()> {
    let (local, id) = door.local(&worker);
    let listener = local.generation.gateway.listener(id);
    let head_limit = u32::try_from(listener.head_limit.value.as_bytes()).unwrap_or(u32::MAX);
    let head = listener.head_timeout.value.as_millis();
    let keepalive = listener.keepalive.value.as_millis();
    let mut builder = http2::Builder::new(Here);
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(head_limit)
        .max_concurrent_streams(128);
    if listener.websocket_over_http2.value {
        builder.enable_connect_protocol();
    }
    drop(local);
    let client = Rc::new(client);
    // Open requests, and when the last one ended; 0 is never.
    let open = Rc::new(Cell::new(0_u32));
    let rested = Rc::new(Cell::new(0_u64));
    let opened = clock::now();
    let service = service_fn(|request| {
        let (worker, client, door) = (Rc::clone(&worker), Rc::clone(&client), Rc::clone(&door));
        let busy = Busy::new(&open, &rested);
        async move {
            let answer = serve(worker, client, &door, request).await;
            answer.map(|answer| answer.map(|body| body.followed_by(Box::new(busy))))
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut going = false;
    let mut until = None;
    let mut tick = interval(Duration::from_millis(
        (head.min(keepalive) / 4).clamp(50, 1000),
    ));
    loop {
        tokio::select! {
            done = &mut connection => return done.map_err(io::Error::other),
            closed = door.closed(), if until.is_none() => {
                until = Some(closed);
                going = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = tick.tick() => {
                // Tunnels end by their own times.
                if client.tunnels.get() == 0 && until.is_some_and(|until| Instant::now() >= until) {
                    return Ok(());
                }
                if open.get() > 0 {
                    continue;
                }
                let now = clock::now();
                let late = match rested.get() {
                    0 => now - opened >= head,
                    since => now - since >= keepalive,
                };
                if late && rested.get() == 0 {
                    return Ok(());
                }
                if late && !going {
                    going = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// A request of an HTTP/2 connection that is open.
struct Busy {
    open: Rc<Cell<u32>>,
    rested: Rc<Cell<u64>>,
}

impl Busy {
    fn new(open: &Rc<Cell<u32>>, rested: &Rc<Cell<u64>>) -> Self {
        open.set(open.get() + 1);
        Self {
            open: Rc::clone(open),
            rested: Rc::clone(rested),
        }
    }
}

impl super::body::Tail for Busy {
    fn sent(&mut self, _bytes: usize) {}

    fn complete(&mut self) {}
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
        self.rested.set(clock::now());
    }
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
        // More is on its way: what was seen stays readable.
        sleep(Duration::from_millis(5)).await;
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
                sleep(Duration::from_millis(5)).await;
                continue;
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
