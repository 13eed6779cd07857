//! The process: sockets bound, one thread per core, then signals: reload, drain, end.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use socket2::{Domain, Protocol, Socket as Raw, Type};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::ir::{Gateway, Listener, Loc, Workers};

use super::admin::{self, Admin};
use super::fault::Fault;
use super::generation::Generation;
use super::listen::Socket;
use super::worker::{self, Order, Shared};
use super::{clock, health, metrics};

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 4096;

/// How often a drain looks whether it is done.
const LOOK: Duration = Duration::from_millis(50);

/// Where specs come from, and what becomes of faults in them: the command's matter.
pub trait Source {
    /// The spec anew; `None` where it has errors, which have been told.
    fn load(&mut self) -> Option<Gateway>;
    /// Tells what keeps a spec from being served.
    fn tell(&mut self, faults: Vec<Fault>);
    /// Something that a person wants to know.
    fn say(&mut self, line: &str);
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Everything was finished.
    Drained,
    /// Something was left at the drain's end, or a second signal came.
    Cut,
    /// Nothing was served.
    Refused,
}

/// Serves until it is told to stop.
///
/// # Errors
/// What the system refuses a thread or a runtime with.
pub fn run(source: &mut dyn Source) -> io::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, steer(source))
}

/// What keeps a spec from being served on this machine. Nothing is bound.
///
/// # Errors
/// No random key can be had.
pub fn check(gateway: Gateway) -> io::Result<Vec<Fault>> {
    let key = fresh_key()?;
    Ok(Generation::new(gateway, None, &key)
        .err()
        .unwrap_or_default())
}

fn fresh_key() -> io::Result<hmac::Key> {
    hmac::Key::generate(hmac::HMAC_SHA256, &aws_lc_rs::rand::SystemRandom::new())
        .map_err(|_| io::Error::other("no random key"))
}

struct Thread {
    orders: UnboundedSender<Order>,
    joined: JoinHandle<io::Result<()>>,
}

async fn steer(source: &mut dyn Source) -> io::Result<Outcome> {
    clock::now();
    let recorder = match metrics::install() {
        Ok(recorder) => recorder,
        Err(why) => {
            source.say(&why);
            return Ok(Outcome::Refused);
        }
    };
    let key = fresh_key()?;
    let Some(gateway) = source.load() else {
        return Ok(Outcome::Refused);
    };
    let first = Generation::new(gateway, None, &key);
    let mut generation = match first {
        Ok(generation) => Arc::new(generation),
        Err(faults) => {
            source.tell(faults);
            return Ok(Outcome::Refused);
        }
    };
    let resolver = match health::resolver(&generation.gateway) {
        Ok(resolver) => resolver,
        Err(why) => {
            source.say(&format!("error: names cannot be looked up: {why}"));
            return Ok(Outcome::Refused);
        }
    };
    let mut bound = Bound::default();
    let sockets = match bound.bind(&generation.gateway) {
        Ok(sockets) => Arc::new(sockets),
        Err(faults) => {
            source.tell(faults);
            return Ok(Outcome::Refused);
        }
    };
    let shared = Arc::new(Shared::default());
    let threads = start(&generation, &sockets, &shared)?;
    let mut checks = health::start(&generation, &resolver);
    let admin = Rc::new(Admin {
        metrics: recorder,
        generation: RefCell::new(Arc::clone(&generation)),
        ready: Cell::new(true),
    });
    let mut own = bound
        .admin
        .take()
        .map(|socket| admin::serve(&admin, socket))
        .transpose()?;
    account(&generation.gateway, source);
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                let Some(gateway) = source.load() else {
                    source.say("reload refused: the spec has errors; the old one goes on");
                    continue;
                };
                let next = match Generation::new(gateway, Some(&generation), &key) {
                    Ok(next) => Arc::new(next),
                    Err(faults) => {
                        source.tell(faults);
                        source.say("reload refused: the spec cannot be served; the old one goes on");
                        continue;
                    }
                };
                let resolver = match health::resolver(&next.gateway) {
                    Ok(resolver) => resolver,
                    Err(why) => {
                        source.say(&format!("error: names cannot be looked up: {why}"));
                        source.say("reload refused: names cannot be looked up; the old spec goes on");
                        continue;
                    }
                };
                let sockets = match bound.bind(&next.gateway) {
                    Ok(sockets) => Arc::new(sockets),
                    Err(faults) => {
                        source.tell(faults);
                        source.say("reload refused: a listener cannot be bound; the old spec goes on");
                        continue;
                    }
                };
                for thread in &threads {
                    let _ = thread.orders.send(Order::Serve(Arc::clone(&next), Arc::clone(&sockets)));
                }
                for check in checks.drain(..) {
                    check.abort();
                }
                checks = health::start(&next, &resolver);
                *admin.generation.borrow_mut() = Arc::clone(&next);
                if let Some(socket) = bound.admin.take() {
                    if let Some(own) = own.take() {
                        own.abort();
                    }
                    own = Some(admin::serve(&admin, socket)?);
                }
                generation = next;
                source.say("reloaded");
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    admin.ready.set(false);
    let limit = clock::of(generation.gateway.runtime.drain_timeout.value);
    source.say(&format!(
        "draining, for at most {}",
        generation.gateway.runtime.drain_timeout.value
    ));
    for thread in &threads {
        let _ = thread.orders.send(Order::Drain);
    }
    drop(bound);
    let end = Instant::now() + limit;
    let open = || shared.connections.load(Relaxed) + shared.tunnels.load(Relaxed);
    let mut outcome = Outcome::Drained;
    while open() > 0 {
        if Instant::now() >= end {
            outcome = Outcome::Cut;
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = terminate.recv() => { outcome = Outcome::Cut; break; }
            _ = interrupt.recv() => { outcome = Outcome::Cut; break; }
        }
    }
    for thread in &threads {
        let _ = thread.orders.send(Order::End);
    }
    for thread in threads {
        // A thread that panicked has said so.
        let _ = thread.joined.join();
    }
    source.say(match outcome {
        Outcome::Drained => "drained",
        _ => "ended with connections open",
    });
    Ok(outcome)
}

fn start(
    generation: &Arc<Generation>,
    sockets: &Arc<Vec<Socket>>,
    shared: &Arc<Shared>,
) -> io::Result<Vec<Thread>> {
    let count = match generation.gateway.runtime.workers.value {
        Workers::Auto => std::thread::available_parallelism().map_or(1, usize::from),
        Workers::Count(count) => usize::from(count),
    };
    (0..count)
        .map(|at| {
            let (orders, received) = unbounded_channel();
            let _ = orders.send(Order::Serve(Arc::clone(generation), Arc::clone(sockets)));
            let (generation, shared) = (Arc::clone(generation), Arc::clone(shared));
            let joined = std::thread::Builder::new()
                .name(format!("worker-{at}"))
                .spawn(move || worker::run(generation, shared, received))?;
            Ok(Thread { orders, joined })
        })
        .collect()
}

/// What is bound. A socket whose address stays is kept over a reload.
#[derive(Default)]
struct Bound {
    sockets: HashMap<SocketAddr, (Arc<std::net::TcpListener>, Arc<AtomicU32>)>,
    own: Option<SocketAddr>,
    /// A socket for metrics that is new.
    admin: Option<std::net::TcpListener>,
}

impl Bound {
    /// Binds what a spec asks for. Where one cannot be bound, nothing changes.
    fn bind(&mut self, gateway: &Gateway) -> Result<Vec<Socket>, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut next = HashMap::new();
        let mut sockets = Vec::new();
        for listener in &gateway.listeners {
            let address = address(listener);
            let socket = match self.sockets.get(&address) {
                Some((socket, open)) => (Arc::clone(socket), Arc::clone(open)),
                None => match open(address, listener.address.value.is_none()) {
                    Ok(socket) => (Arc::new(socket), Arc::default()),
                    Err(error) => {
                        faults.push(unbound(&error, address, listener.port.loc()));
                        continue;
                    }
                },
            };
            sockets.push(Socket {
                listener: listener.id,
                address,
                socket: Arc::clone(&socket.0),
                open: Arc::clone(&socket.1),
            });
            next.insert(address, socket);
        }
        let own = gateway.metrics.as_ref().map(|metrics| {
            (
                SocketAddr::new(metrics.address.value, metrics.port.value),
                metrics.port.loc(),
            )
        });
        let mut admin = None;
        if let Some((address, at)) = own
            && self.own != Some(address)
        {
            match open(address, false) {
                Ok(socket) => admin = Some(socket),
                Err(error) => faults.push(unbound(&error, address, at)),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        self.sockets = next;
        self.own = own.map(|(address, _)| address);
        self.admin = admin;
        Ok(sockets)
    }
}

/// Where a listener is bound: every address is both IPv4's and IPv6's.
fn address(listener: &Listener) -> SocketAddr {
    let ip = listener
        .address
        .value
        .unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    SocketAddr::new(ip, listener.port.value)
}

fn open(address: SocketAddr, every: bool) -> io::Result<std::net::TcpListener> {
    let bound = socket(address, every);
    match bound {
        // A machine without IPv6.
        Err(error)
            if every
                && error.kind() != io::ErrorKind::AddrInUse
                && error.kind() != io::ErrorKind::PermissionDenied =>
        {
            let v4 = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), address.port());
            socket(v4, false)
        }
        bound => bound,
    }
}

fn socket(address: SocketAddr, every: bool) -> io::Result<std::net::TcpListener> {
    let socket = Raw::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if every {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn unbound(error: &io::Error, address: SocketAddr, at: Loc) -> Fault {
    let fault = Fault::new(at, format!("{address} cannot be bound: {error}"));
    match error.kind() {
        io::ErrorKind::PermissionDenied => fault.help(
            "ports below 1024 are the system's: run with `--local`, which moves them up by 8000, or let the service manager give the right",
        ),
        io::ErrorKind::AddrInUse => fault.help("another program listens there: stop it, or write another port"),
        _ => fault,
    }
}

/// What a person needs at the start: addresses and routes.
fn account(gateway: &Gateway, source: &mut dyn Source) {
    for listener in &gateway.listeners {
        let host = listener.address.value.map_or_else(
            || "localhost".to_owned(),
            |ip| super::value::bracketed(&ip.to_string()),
        );
        source.say(&format!(
            "listener {}: {}://{host}:{}",
            listener.name,
            listener.scheme(),
            listener.port.value
        ));
    }
    if let Some(metrics) = &gateway.metrics {
        let address = SocketAddr::new(metrics.address.value, metrics.port.value);
        source.say(&format!(
            "metrics: {}",
            admin::url(address, &metrics.path.value)
        ));
    }
    source.say("serving");
}
