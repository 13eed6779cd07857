//! What is served now: a spec is made ready as a whole, at the start and at every reload, or refused as a whole.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aws_lc_rs::hmac;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, spawn_local};

use crate::ir::{Gateway, Workers};

use crate::proxy::client::listen::Socket;
use crate::proxy::fault::Fault;
use crate::proxy::process::bind::Bound;
use crate::proxy::process::descriptors;
use crate::proxy::process::files;
use crate::proxy::process::generation::Generation;
use crate::proxy::process::run::Source;
use crate::proxy::process::worker::{self, Order, Shared};
use crate::proxy::telemetry::admin::{self, Admin};
use crate::proxy::telemetry::metrics;
use crate::proxy::telemetry::output::Output;
use crate::proxy::upstream::health::{self, Resolver};

/// How long the last lines of the log may take to be read.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Everything that runs.
pub(crate) struct Serving {
    /// The spec.
    pub(crate) generation: Arc<Generation>,
    /// Files that the spec names which was tried last, be it refused.
    named: Vec<PathBuf>,
    /// What all threads share.
    pub(crate) shared: Arc<Shared>,
    key: hmac::Key,
    bound: Bound,
    threads: Vec<Thread>,
    checks: Vec<JoinHandle<()>>,
    /// What is told on the metrics listener.
    pub(crate) admin: Rc<Admin>,
    admin_task: Option<JoinHandle<()>>,
}

struct Thread {
    orders: UnboundedSender<Order>,
    joined: std::thread::JoinHandle<io::Result<()>>,
}

/// A spec for which everything has been done that can fail.
struct Ready {
    generation: Arc<Generation>,
    resolver: Resolver,
    sockets: Arc<Vec<Socket>>,
}

impl Ready {
    /// Makes a spec ready; where something is in the way, it is told, and nothing has changed.
    fn new(
        source: &mut dyn Source,
        before: Option<&Generation>,
        key: &hmac::Key,
        bound: &mut Bound,
        named: &mut Vec<PathBuf>,
    ) -> Option<Self> {
        let gateway = source.load()?;
        *named = files::named(&gateway);
        let told = |faults: Vec<Fault>| source.tell(faults);
        let generation = Generation::new(gateway, before, key).map_err(told).ok()?;
        let resolver = health::resolver(&generation.gateway)
            .map_err(|why| source.say(&format!("error: names cannot be looked up: {why}")))
            .ok()?;
        if let Some(fault) = descriptors::raise(&generation.gateway)
            && !source.is_local()
        {
            source.warn(fault);
        }
        bound.both = source.is_local();
        let told = |faults: Vec<Fault>| source.tell(faults);
        let before = before.map(|before| &before.gateway);
        let sockets = bound.bind(&generation.gateway, before).map_err(told).ok()?;
        Some(Self {
            generation: Arc::new(generation),
            resolver,
            sockets: Arc::new(sockets),
        })
    }
}

impl Serving {
    /// Starts, with its log in a dashboard or not; `None` where the spec cannot be served, which has been told.
    ///
    /// # Errors
    /// What the system refuses a thread with.
    pub(crate) fn start(
        source: &mut dyn Source,
        key: hmac::Key,
        metrics: PrometheusHandle,
        shown: bool,
    ) -> io::Result<Option<Self>> {
        let mut bound = Bound::default();
        let mut named = Vec::new();
        let Some(ready) = Ready::new(source, None, &key, &mut bound, &mut named) else {
            return Ok(None);
        };
        let shared = Arc::new(Shared::new(Output::new(shown)?));
        let threads = threads(&ready, &shared)?;
        spawn_local(metrics::keep_up(metrics.clone()));
        let admin = Rc::new(Admin {
            metrics,
            generation: RefCell::new(Arc::clone(&ready.generation)),
            ready: Cell::new(true),
        });
        let mut serving = Self {
            checks: health::start(&ready.generation, &ready.resolver, &shared),
            generation: ready.generation,
            named,
            shared,
            key,
            bound,
            threads,
            admin,
            admin_task: None,
        };
        serving.open_admin();
        Ok(Some(serving))
    }

    /// Reads the spec anew and serves it; whether it did. Else the old one goes on.
    pub(crate) fn reload(&mut self, source: &mut dyn Source) -> bool {
        let before = Some(&*self.generation);
        let (bound, named) = (&mut self.bound, &mut self.named);
        let Some(ready) = Ready::new(source, before, &self.key, bound, named) else {
            source.say("reload refused: the old spec goes on");
            return false;
        };
        for thread in &self.threads {
            let (generation, sockets) = (Arc::clone(&ready.generation), Arc::clone(&ready.sockets));
            // A thread that panicked has said so.
            let _ = thread.orders.send(Order::Serve(generation, sockets));
        }
        for check in self.checks.drain(..) {
            check.abort();
        }
        self.checks = health::start(&ready.generation, &ready.resolver, &self.shared);
        *self.admin.generation.borrow_mut() = Arc::clone(&ready.generation);
        self.open_admin();
        let (old, new) = (&self.generation.gateway, &ready.generation.gateway);
        if old.runtime.workers.value != new.runtime.workers.value {
            source.say("note: `runtime.workers` takes effect at the next start");
        }
        self.generation = ready.generation;
        source.reloaded(&self.generation.gateway);
        source.say("reloaded");
        true
    }

    /// Every file that a change of would be news.
    pub(crate) fn files(&self, source: &dyn Source) -> Vec<PathBuf> {
        let mut files = source.files();
        files.extend_from_slice(&self.named);
        files
    }

    /// Answers where metrics are asked for now, and nowhere else. Requests are served also where that cannot be.
    fn open_admin(&mut self) {
        let fresh = self.bound.admin.take();
        let asked = self.admin.generation.borrow().gateway.metrics.is_some();
        if (fresh.is_some() || !asked)
            && let Some(task) = self.admin_task.take()
        {
            task.abort();
        }
        let Some(socket) = fresh else { return };
        match admin::serve(&self.admin, socket) {
            Ok(task) => self.admin_task = Some(task),
            Err(error) => {
                self.bound.forget_admin();
                let line = format!(
                    "warning: `metrics`: nobody is answered: {error}; the next reload tries again"
                );
                self.shared.output.say(&line);
            }
        }
    }

    /// Takes no more connections, and says so to who asks whether it is ready.
    pub(crate) fn drain(&mut self) {
        self.admin.ready.set(false);
        self.order(|| Order::Drain);
        self.bound = Bound::default();
    }

    /// What is open.
    pub(crate) fn open(&self) -> Open {
        Open {
            connections: self.shared.connections.load(Relaxed),
            tunnels: self.shared.tunnels.load(Relaxed),
        }
    }

    /// Ends what is left.
    pub(crate) fn end(self) {
        self.order(|| Order::End);
        for thread in self.threads {
            // A thread that panicked has said so.
            let _ = thread.joined.join();
        }
        self.shared.output.finish(LAST_LINES);
    }

    fn order(&self, order: impl Fn() -> Order) {
        for thread in &self.threads {
            let _ = thread.orders.send(order());
        }
    }
}

/// How much is open.
#[derive(Clone, Copy)]
pub(crate) struct Open {
    /// Clients' connections: a tunnel over HTTP/1.1 is one, those over HTTP/2 share theirs.
    connections: u32,
    /// Tunnels.
    tunnels: u32,
}

impl Open {
    /// Whether anything is.
    pub(crate) fn any(self) -> bool {
        self.connections > 0 || self.tunnels > 0
    }
}

impl Display for Open {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (connections, tunnels) = (self.connections, self.tunnels);
        write!(f, "{connections} connections and {tunnels} tunnels open")
    }
}

fn threads(ready: &Ready, shared: &Arc<Shared>) -> io::Result<Vec<Thread>> {
    (0..count(&ready.generation.gateway))
        .map(|at| {
            let (orders, received) = unbounded_channel();
            let generation = Arc::clone(&ready.generation);
            let order = Order::Serve(Arc::clone(&generation), Arc::clone(&ready.sockets));
            let _ = orders.send(order);
            let shared = Arc::clone(shared);
            let joined = std::thread::Builder::new()
                .name(format!("worker-{at}"))
                .spawn(move || worker::run(generation, shared, received))?;
            Ok(Thread { orders, joined })
        })
        .collect()
}

fn count(gateway: &Gateway) -> usize {
    match gateway.runtime.workers.value {
        Workers::Auto => std::thread::available_parallelism().map_or(1, usize::from),
        Workers::Count(count) => usize::from(count),
    }
}
