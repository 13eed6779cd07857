//! A thread of its own with everything that it needs: the spec as it is served now, connections to servers, tunnels, the log's buffer.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::LocalSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::proxy::client::edge::Pace;
use crate::proxy::client::listen::{self, Socket};
use crate::proxy::clock;
use crate::proxy::process::generation::Generation;
use crate::proxy::telemetry::log::Names;
use crate::proxy::telemetry::metrics;
use crate::proxy::telemetry::output::Output;
use crate::proxy::tunnel::drain;
use crate::proxy::tunnel::watch::{Amounts, End, Watch};
use crate::proxy::upstream::connect::Pools;

/// Lines of the log are handed over before they are this long.
const LOG: usize = 32 * 1024;

/// How long tunnels may take to say goodbye at the very end, in milliseconds.
const GOODBYE: u64 = 300;

/// What a worker is told.
pub(crate) enum Order {
    /// Serve this spec from now on, on these sockets.
    Serve(Arc<Generation>, Arc<Vec<Socket>>),
    /// Take no more connections, end what is idle, spread the tunnels' ends.
    Drain,
    /// End what is left.
    End,
}

/// What all workers share.
pub(crate) struct Shared {
    /// Client connections that are open.
    pub(crate) connections: AtomicU32,
    /// Tunnels that are open.
    pub(crate) tunnels: AtomicU32,
    /// How many threads there are.
    pub(crate) workers: AtomicU32,
    /// Where lines go.
    pub(crate) output: Output,
}

impl Shared {
    /// What all workers share.
    pub(crate) fn new(output: Output) -> Self {
        Self {
            connections: AtomicU32::new(0),
            tunnels: AtomicU32::new(0),
            workers: AtomicU32::new(0),
            output,
        }
    }
}

/// The spec as it is served now, and this thread's connections for it.
pub(crate) struct Local {
    /// The spec.
    pub(crate) generation: Arc<Generation>,
    /// Connections to servers.
    pub(crate) pools: Pools,
    /// What the log's lines are written with.
    pub(crate) names: Rc<Names>,
}

impl Local {
    fn new(generation: Arc<Generation>, before: Option<&Self>) -> Rc<Self> {
        Rc::new(Self {
            pools: Pools::new(&generation),
            names: Names::new(&generation.gateway, before.map(|before| &before.names)),
            generation,
        })
    }
}

/// A thread.
pub(crate) struct Worker {
    local: RefCell<Rc<Local>>,
    /// What all share.
    pub(crate) shared: Arc<Shared>,
    tunnels: RefCell<Vec<Weak<Watch>>>,
    clients: RefCell<Vec<(std::sync::Weak<Pace>, u64, u64)>>,
    log: RefCell<Vec<u8>>,
    /// Client connections of this thread.
    connections: Cell<u32>,
    draining: Cell<bool>,
}

/// A tunnel that is counted.
pub(crate) struct Registered {
    shared: Arc<Shared>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.shared.tunnels.fetch_sub(1, Relaxed);
    }
}

impl Worker {
    /// The spec as it is served now.
    pub(crate) fn local(&self) -> Rc<Local> {
        Rc::clone(&self.local.borrow())
    }

    /// A connection came or went.
    pub(crate) fn counts(&self, more: i32) {
        let count = self.connections.get().saturating_add_signed(more);
        self.connections.set(count);
    }

    /// Whether this thread has more connections than the others have on average.
    pub(crate) fn has_more_than_its_share(&self) -> bool {
        let own = u64::from(self.connections.get());
        let workers = u64::from(self.shared.workers.load(Relaxed));
        own * workers > u64::from(self.shared.connections.load(Relaxed)) + workers / 2
    }

    /// Watches a tunnel.
    pub(crate) fn watch(&self, watch: &Rc<Watch>) -> Registered {
        self.tunnels.borrow_mut().push(Rc::downgrade(watch));
        self.shared.tunnels.fetch_add(1, Relaxed);
        metrics::tunnel_opened();
        let local = self.local();
        let generation = &local.generation;
        if self.draining.get() || !generation.has_tunnels(&watch.rules().route) {
            drain::late(watch, &generation.gateway.runtime, clock::now());
        }
        Registered {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Watches a client's connection, with its limits in milliseconds.
    pub(crate) fn pace(&self, pace: &Arc<Pace>, head: u64, keepalive: u64) {
        self.clients
            .borrow_mut()
            .push((Arc::downgrade(pace), head, keepalive));
    }

    /// Makes a line of the log.
    pub(crate) fn log(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut log = self.log.borrow_mut();
        write(&mut log);
        if log.len() >= LOG {
            self.shared.output.log(&mut log);
        }
    }

    fn tick(&self) {
        self.shared.output.log(&mut self.log.borrow_mut());
        let now = clock::tick();
        let mut carried = Amounts::default();
        self.tunnels
            .borrow_mut()
            .retain(|watch| match watch.upgrade() {
                Some(watch) => {
                    watch.sweep(now);
                    carried.add(watch.untold());
                    true
                }
                None => false,
            });
        metrics::tunnels_carried(carried);
        self.clients
            .borrow_mut()
            .retain(|(pace, head, keepalive)| match pace.upgrade() {
                Some(pace) => {
                    if pace.late(now, *head, *keepalive).is_some() {
                        pace.end();
                    }
                    true
                }
                None => false,
            });
    }

    /// A new spec: tunnels whose route is gone end. What was served until now.
    fn serve(&self, generation: &Arc<Generation>) -> Rc<Local> {
        let next = Local::new(Arc::clone(generation), Some(&self.local()));
        let last = self.local.replace(next);
        let (stay, gone): (Vec<_>, Vec<_>) = self
            .open_tunnels()
            .into_iter()
            .partition(|watch| generation.has_tunnels(&watch.rules().route));
        if !self.draining.get() {
            for watch in stay {
                watch.stay();
            }
        }
        drain::spread(&gone, &generation.gateway.runtime, clock::now());
        last
    }

    fn open_tunnels(&self) -> Vec<Rc<Watch>> {
        let tunnels = self.tunnels.borrow();
        tunnels.iter().filter_map(Weak::upgrade).collect()
    }

    fn drain(&self) {
        self.draining.set(true);
        let local = self.local();
        let runtime = &local.generation.gateway.runtime;
        drain::spread(&self.open_tunnels(), runtime, clock::now());
    }

    /// Until when what ends now may go on.
    fn until(&self) -> Instant {
        let local = self.local();
        Instant::now() + clock::of(local.generation.gateway.runtime.drain_timeout.value)
    }

    /// Ends what is left, and gives it a moment to say so.
    async fn end(&self) {
        for watch in self.open_tunnels() {
            watch.end(End::Drain);
        }
        let until = clock::now() + GOODBYE;
        while !self.open_tunnels().is_empty() && clock::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Runs a worker until it is told to end.
pub(crate) fn run(
    generation: Arc<Generation>,
    shared: Arc<Shared>,
    mut orders: UnboundedReceiver<Order>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Only passwords of bcrypt leave their thread.
        .max_blocking_threads(2)
        .build()?;
    let local = LocalSet::new();
    shared.workers.fetch_add(1, Relaxed);
    clock::tick();
    local.block_on(&runtime, async move {
        let worker = Rc::new(Worker {
            local: RefCell::new(Local::new(generation, None)),
            shared,
            tunnels: RefCell::default(),
            clients: RefCell::default(),
            log: RefCell::default(),
            connections: Cell::new(0),
            draining: Cell::new(false),
        });
        let mut listening = listen::Listening::default();
        let mut tick = interval(clock::TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticks = 0_u32;
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Serve(generation, sockets)) => {
                        let last = worker.serve(&generation);
                        listening.serve(&worker, &sockets, &last, worker.until());
                    }
                    Some(Order::Drain) => {
                        listening.stop(worker.until());
                        worker.drain();
                    }
                    Some(Order::End) | None => {
                        worker.end().await;
                        break;
                    }
                },
                _ = tick.tick() => {
                    worker.tick();
                    ticks = ticks.wrapping_add(1);
                    if ticks.is_multiple_of(10) {
                        let local = worker.local();
                        local.pools.sweep(&local.generation);
                    }
                }
            }
        }
        worker.tick();
    });
    Ok(())
}
