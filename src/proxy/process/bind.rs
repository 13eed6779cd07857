//! Sockets: bound before anything is served, kept over a reload where their address stays, with what to do where one cannot be had.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use socket2::{Domain, Protocol, SockRef, Socket as Raw, Type};

use crate::ir::{Gateway, Listener, Loc};

use crate::proxy::client::listen::Socket;
use crate::proxy::fault::Fault;

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 4096;

/// What is bound. A socket whose address stays is kept over a reload.
#[derive(Default)]
pub(crate) struct Bound {
    sockets: HashMap<SocketAddr, (Arc<std::net::TcpListener>, Arc<AtomicU32>)>,
    own: Option<SocketAddr>,
    /// Whether `127.0.0.1` is `::1` too: some clients ask for the one, some for the other.
    pub(crate) both: bool,
    /// A socket for metrics that is new.
    pub(crate) admin: Option<std::net::TcpListener>,
}

impl Bound {
    /// Binds what a spec asks for; `before` is the spec that is served. Where one cannot be bound, nothing changes.
    ///
    /// # Errors
    /// What is in the way, at its place in the spec.
    pub(crate) fn bind(
        &mut self,
        gateway: &Gateway,
        before: Option<&Gateway>,
    ) -> Result<Vec<Socket>, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut next = HashMap::new();
        let mut sockets = Vec::new();
        for listener in &gateway.listeners {
            let address = address(listener);
            let socket = match self.sockets.get(&address) {
                Some((socket, open)) => (Arc::clone(socket), Arc::clone(open)),
                None => match self.fresh(gateway, address, listener.address.value.is_none()) {
                    Ok(socket) => (Arc::new(socket), Arc::default()),
                    Err(error) => {
                        faults.push(unbound(&error, address, listener.port.loc()));
                        continue;
                    }
                },
            };
            let mut bound = vec![(address, socket)];
            if self.both && address.ip() == Ipv4Addr::LOCALHOST {
                let address = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port());
                let known = self.sockets.get(&address).cloned();
                // A machine without IPv6 has no client that asks for it.
                let fresh = || Some((Arc::new(open(address, false).ok()?), Arc::default()));
                bound.extend(known.or_else(fresh).map(|socket| (address, socket)));
            }
            for (address, socket) in bound {
                sockets.push(Socket {
                    listener: listener.id,
                    address,
                    socket: Arc::clone(&socket.0),
                    open: Arc::clone(&socket.1),
                    stays: before.is_some_and(|before| stays(before, gateway, listener)),
                });
                next.insert(address, socket);
            }
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

    /// A new socket. One of ours that is about to go, such as that of every address where one of them is asked for, is not in its way.
    fn fresh(
        &self,
        gateway: &Gateway,
        wanted: SocketAddr,
        every: bool,
    ) -> io::Result<std::net::TcpListener> {
        let goes = |at: &SocketAddr| {
            at.port() == wanted.port() && gateway.listeners.iter().all(|it| address(it) != *at)
        };
        let going: Vec<SockRef<'_>> = self
            .sockets
            .iter()
            .filter(|(at, _)| goes(at))
            .map(|(_, (socket, _))| SockRef::from(&**socket))
            .collect();
        match open(wanted, every) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && !going.is_empty() => {}
            bound => return bound,
        }
        let share = |shared: bool| going.iter().try_for_each(|it| it.set_reuse_port(shared));
        // Only for this moment: else another process could have the port too.
        let bound = share(true).and_then(|()| socket(wanted, every, true));
        share(false)?;
        let bound = bound?;
        SockRef::from(&bound).set_reuse_port(false)?;
        Ok(bound)
    }

    /// The socket for metrics cannot be used: the next spec gets a new one.
    pub(crate) fn forget_admin(&mut self) {
        self.own = None;
    }
}

/// Whether a listener is what it was before, so that its connections may go on: what they agreed on when they were accepted holds.
fn stays(before: &Gateway, gateway: &Gateway, listener: &Listener) -> bool {
    let Some(known) = before
        .listeners
        .iter()
        .find(|known| address(known) == address(listener))
    else {
        return false;
    };
    let asks_for_certificates = listener
        .tls
        .as_ref()
        .is_some_and(|tls| tls.client_auth.is_some());
    // Whom its authorities vouch for may have changed in their file.
    !asks_for_certificates
        && known.name == listener.name
        && words(before, known) == words(gateway, listener)
}

/// All that is said of a listener, with names in the place of ids.
fn words(gateway: &Gateway, listener: &Listener) -> Option<serde_json::Value> {
    let mut words = serde_json::to_value(listener).ok()?;
    if let Some(tls) = &listener.tls {
        let names = tls.certificates.value.iter();
        let names: Vec<&str> = names
            .map(|id| gateway.certificates[id.index()].name.as_str())
            .collect();
        words["tls"]["certificates"] = names.into();
    }
    if let Some(to) = &listener.redirect {
        words["redirect"] = gateway.listener(to.value).name.as_str().into();
    }
    Some(words)
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
    let bound = socket(address, every, false);
    match bound {
        // A machine without IPv6.
        Err(error)
            if every
                && error.kind() != io::ErrorKind::AddrInUse
                && error.kind() != io::ErrorKind::PermissionDenied =>
        {
            let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            socket(v4, false, false)
        }
        bound => bound,
    }
}

fn socket(address: SocketAddr, every: bool, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Raw::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if every {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
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
