//! Servers behind the proxy: they record what arrives, and answer as they are told, or as the request itself asks.
//!
//! With nothing said a stub echoes the request as JSON ([`Response::try_seen`](super::wire::Response::try_seen)) with `X-Server: NAME`, and a WebSocket
//! handshake gets its 101. Request headers steer one answer: `X-Status: 503`, `X-Delay: 300` (ms before the head),
//! `X-Pause: 300` (ms in the middle of the body), `X-Size: 5000` (bytes of body), `X-Ticks: 3` (server-sent events, `X-Every: 100` ms apart),
//! `X-Reply: Name: value` (a response header; several), `X-Drop: 1` (the end, with no answer). A text to a WebSocket is answered as [`talk`] says.
//! The same port takes HTTP/2: chosen by ALPN where it has TLS, with prior knowledge where it has none; there `X-Drop` resets the stream.

pub mod acme;
pub mod cluster;
pub mod dns;
pub mod hole;
mod http1;
mod http2;
mod reply;
pub mod talk;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use tungstenite::protocol::WebSocket;

use super::port;
use super::wire::{Headers, Pair, Request, Stream};

/// One server on a loopback port, a thread for each connection. It goes silent on drop.
#[derive(Debug)]
pub struct Stub {
    shared: Arc<Shared>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

/// An answer that is set for a path.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    delay: Duration,
    broken: bool,
    unasked: bool,
}

impl Answer {
    /// The echo, with this status.
    pub fn status(status: u16) -> Answer {
        Answer {
            status,
            ..Answer::default()
        }
    }

    /// With one more header line.
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// In place of the echo.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Answer {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    /// Only to requests that no probe sends: to the program's own checks.
    pub fn to_checks(mut self) -> Answer {
        self.unasked = true;
        self
    }

    /// The end, with no answer.
    pub fn broken() -> Answer {
        Answer {
            broken: true,
            ..Answer::default()
        }
    }

    /// Waits before the head.
    pub fn after(mut self, delay: Duration) -> Answer {
        self.delay = delay;
        self
    }
}

#[derive(Debug)]
struct Shared {
    name: String,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    stopping: AtomicBool,
    connections: AtomicUsize,
    tunnels: AtomicUsize,
    requests: Mutex<Vec<Request>>,
    heads: Mutex<Vec<Headers>>,
    answers: Mutex<BTreeMap<String, Answer>>,
    clerk: Option<Clerk>,
    open: Mutex<BTreeMap<usize, TcpStream>>,
    ends: Mutex<Vec<String>>,
}

/// Answers every request of a stub.
struct Clerk(Box<dyn Fn(&Request) -> Answer + Send + Sync>);

impl fmt::Debug for Clerk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clerk")
    }
}

impl Stub {
    /// On a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free.
    pub fn try_start(name: &str) -> io::Result<Stub> {
        Stub::at(name, port::free_on(Ipv4Addr::LOCALHOST.into())?)
    }

    /// The same, over TLS with this pair.
    ///
    /// # Errors
    /// When no port is free, or the pair is none.
    pub fn try_tls(name: &str, pair: &Pair) -> io::Result<Stub> {
        let address = port::free_on(Ipv4Addr::LOCALHOST.into())?;
        Stub::at_with(name, address, Some(pair.server()?))
    }

    /// On this address.
    ///
    /// # Errors
    /// When it cannot be listened on.
    pub fn at(name: &str, address: SocketAddr) -> io::Result<Stub> {
        Stub::at_with(name, address, None)
    }

    /// On this address, over TLS where that is given.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn at_with(
        name: &str,
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Stub> {
        Stub::made(name, address, tls, None)
    }

    /// The same, and `clerk` answers every request, whatever its headers ask.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn answering(
        name: &str,
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        clerk: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Stub> {
        Stub::made(name, address, tls, Some(Clerk(Box::new(clerk))))
    }

    fn made(
        name: &str,
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        clerk: Option<Clerk>,
    ) -> io::Result<Stub> {
        let shared = Shared {
            name: name.to_owned(),
            address,
            tls,
            stopping: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            tunnels: AtomicUsize::new(0),
            requests: Mutex::default(),
            heads: Mutex::default(),
            answers: Mutex::default(),
            clerk,
            open: Mutex::default(),
            ends: Mutex::default(),
        };
        let stub = Stub {
            shared: Arc::new(shared),
            listener: Mutex::default(),
        };
        stub.try_listen()?;
        Ok(stub)
    }

    /// Its name, which it sends in `X-Server`.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Every request so far, in order, health checks too.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// The requests for this path.
    pub fn requests_to(&self, path: &str) -> Vec<Request> {
        self.requests()
            .into_iter()
            .filter(|request| request.path() == path)
            .collect()
    }

    /// Whether the head of a request with this header line has come by HTTP/1.1; its body may still be under way.
    pub fn has_head(&self, name: &str, value: &str) -> bool {
        let heads = lock(&self.shared.heads);
        heads.iter().any(|head| head.get(name) == Some(value))
    }

    /// The requests with this header line.
    pub fn requests_with(&self, name: &str, value: &str) -> Vec<Request> {
        lock(&self.shared.requests)
            .iter()
            .filter(|request| request.header(name) == Some(value))
            .cloned()
            .collect()
    }

    /// The far ends of the connections that are open now.
    pub fn peers(&self) -> Vec<SocketAddr> {
        let open = lock(&self.shared.open);
        open.values()
            .filter_map(|tcp| tcp.peer_addr().ok())
            .collect()
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open now.
    pub fn open(&self) -> usize {
        lock(&self.shared.open).len()
    }

    /// How many WebSockets are open now.
    pub fn tunnels(&self) -> usize {
        self.shared.tunnels.load(Ordering::SeqCst)
    }

    /// How the WebSockets that ended did so: `close 1000`, or `end` with no close frame. Waits until there are `count`,
    /// for at most 2 s: a proxy tells its two sides one after the other.
    pub fn ends(&self, count: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let ends = lock(&self.shared.ends).clone();
            if ends.len() >= count || start.elapsed() > Duration::from_secs(2) {
                return ends;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The answer to every request for this path from now on, handshakes included: a status other than 101 refuses them.
    pub fn answer(&self, path: &str, answer: Answer) {
        lock(&self.shared.answers).insert(path.to_owned(), answer);
    }

    /// The answer of [`Stub::answer`] for this path is taken back.
    pub fn answer_as_usual(&self, path: &str) {
        lock(&self.shared.answers).remove(path);
    }

    /// Dies: connections are refused, open ones end.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the listener; it is gone when its thread is.
        let _ = TcpStream::connect(self.shared.address);
        if let Some(listener) = lock(&self.listener).take() {
            let _ = listener.join();
        }
        for connection in lock(&self.shared.open).values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Comes back on the same address.
    ///
    /// # Errors
    /// When somebody else has taken it.
    pub fn try_listen(&self) -> io::Result<()> {
        let mut running = lock(&self.listener);
        if running.is_some() {
            return Ok(());
        }
        let listener = bind(self.shared.address)?;
        let shared = Arc::clone(&self.shared);
        shared.stopping.store(false, Ordering::SeqCst);
        *running = Some(std::thread::spawn(move || {
            for connection in listener.incoming() {
                if shared.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(tcp) = connection else { continue };
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                if let Ok(copy) = tcp.try_clone() {
                    lock(&shared.open).insert(number, copy);
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // A proxy that goes away in the middle is its tester's business, not the stub's.
                    let _ = shared.serve(tcp);
                    lock(&shared.open).remove(&number);
                });
            }
        }));
        Ok(())
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn serve(self: &Arc<Shared>, tcp: TcpStream) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        let stream = match &self.tls {
            None => Stream::Plain(tcp),
            Some(config) => Stream::accept(tcp, config)?,
        };
        if http2::is_spoken(&stream)? {
            return http2::serve(self, stream, self.tls.clone());
        }
        http1::serve(self, stream)
    }

    /// One WebSocket, from its handshake to its end.
    fn converse(&self, socket: WebSocket<Stream>) {
        self.tunnels.fetch_add(1, Ordering::SeqCst);
        let end = talk::converse(&self.name, socket);
        lock(&self.ends).push(end);
        self.tunnels.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The old listener may live on for a moment, in a child that another thread forked just before it closed.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let start = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Err(why)
                if why.kind() == io::ErrorKind::AddrInUse
                    && start.elapsed() < Duration::from_secs(1) =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(why) => return Err(io::Error::new(why.kind(), format!("{address}: {why}"))),
            Ok(listener) => return Ok(listener),
        }
    }
}

/// A thread that panicked while it held a lock left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
