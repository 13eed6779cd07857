//! Accepting clients: on which sockets, through which door, and how many.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep};

use crate::ir::ListenerId;

use crate::proxy::client::door::Door;
use crate::proxy::client::opening::converse;
use crate::proxy::process::worker::{Local, Worker};
use crate::proxy::telemetry::metrics;

/// How long a connection that was accepted last may take to its first request when no more are taken.
pub(crate) const LATE_COMER: Duration = Duration::from_secs(1);

/// How long a thread leaves new connections to the others.
const TURN: Duration = Duration::from_millis(1);

/// How long a listener rests when descriptors run out.
const REST: Duration = Duration::from_millis(50);

/// A socket that clients connect to. One for all workers.
pub(crate) struct Socket {
    /// The listener, in the spec that is served from now on.
    pub(crate) listener: ListenerId,
    /// Where it is bound.
    pub(crate) address: SocketAddr,
    /// The socket.
    pub(crate) socket: Arc<std::net::TcpListener>,
    /// Connections that are open.
    pub(crate) open: Arc<AtomicU32>,
    /// Whether the listener is the one that was there before: what its connections agreed on still holds.
    pub(crate) stays: bool,
}

/// The door through which connections come in now.
type Entrance = Rc<RefCell<Rc<Door>>>;

/// What a worker listens on.
#[derive(Default)]
pub(crate) struct Listening {
    tasks: HashMap<SocketAddr, (JoinHandle<()>, Entrance)>,
}

impl Listening {
    /// Listens on these sockets and no others; those that stay are not touched. Connections of a listener that is gone, or is another
    /// one now, finish by `last` what is under way.
    pub(crate) fn serve(
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
            let door = Rc::new(RefCell::new(Door::new(socket.listener)));
            let accepting = accept(
                Rc::clone(worker),
                Arc::clone(&socket.socket),
                Rc::clone(&door),
                Arc::clone(&socket.open),
            );
            let task = spawn_local(accepting);
            self.tasks.insert(socket.address, (task, door));
        }
    }

    /// Listens no more: connections finish what is under way.
    pub(crate) fn stop(&mut self, until: Instant) {
        for (_, (task, door)) in self.tasks.drain() {
            task.abort();
            door.borrow().close(None, until);
        }
    }
}

/// A connection that is counted.
pub(crate) struct Counted {
    worker: Rc<Worker>,
    open: Arc<AtomicU32>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.worker.counts(-1);
        self.worker.shared.connections.fetch_sub(1, Relaxed);
        self.open.fetch_sub(1, Relaxed);
        metrics::connections().decrement(1);
    }
}

/// A thread's own share of a socket; where there is none now, there may be one later.
async fn share(
    worker: &Rc<Worker>,
    socket: &std::net::TcpListener,
    door: &Entrance,
) -> TcpListener {
    loop {
        match socket.try_clone().and_then(TcpListener::from_std) {
            Ok(own) => return own,
            Err(error) => {
                refused(worker, door, &error);
                sleep(REST).await;
            }
        }
    }
}

/// Nobody can be accepted: counted each time, told once.
fn refused(worker: &Rc<Worker>, door: &Entrance, error: &io::Error) {
    let (local, id) = door.borrow().local(worker);
    let listener = &local.generation.listeners[id.index()];
    listener.counters.not_accepted();
    let why = format!("nobody can be accepted: {error}");
    listener.trouble.begins(&worker.shared.output, &why);
}

async fn accept(
    worker: Rc<Worker>,
    socket: Arc<std::net::TcpListener>,
    door: Entrance,
    open: Arc<AtomicU32>,
) {
    let own = share(&worker, &socket, &door).await;
    drop(socket);
    loop {
        if worker.has_more_than_its_share() {
            // Another thread takes who comes now, if it has the time.
            sleep(TURN).await;
        }
        let (stream, peer) = match own.accept().await {
            Ok(accepted) => accepted,
            // A client that is gone already, or no descriptor left: the next one may do better.
            Err(error) => {
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    refused(&worker, &door, &error);
                }
                sleep(REST).await;
                continue;
            }
        };
        let door = Rc::clone(&door.borrow());
        let (local, id) = door.local(&worker);
        let trouble = &local.generation.listeners[id.index()].trouble;
        trouble.ends(&worker.shared.output, "clients are accepted again");
        let gateway = &local.generation.gateway;
        let most = gateway.runtime.max_connections.value;
        let own = gateway.listener(id).connections.value.unwrap_or(u64::MAX);
        let all_before = worker.shared.connections.fetch_add(1, Relaxed);
        let own_before = open.fetch_add(1, Relaxed);
        metrics::connections().increment(1);
        worker.counts(1);
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
