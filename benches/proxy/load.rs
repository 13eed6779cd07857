//! The load: so many connections that ask again as soon as they are answered, or requests at fixed times whatever became of the ones before.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TrySendError;
use tokio::task::{LocalSet, spawn_local};

use crate::client::{Client, Target, message, request};
use crate::h2::{REQUESTS, Shared};
use crate::measure;
use crate::stat::Times;

/// What connections do over and over.
#[derive(Clone)]
pub(crate) enum Work {
    /// These requests in turn.
    Ask(Rc<Vec<Vec<u8>>>),
    /// An echo of so many bytes.
    Echo(usize),
    /// A new tunnel, closed once it is open.
    Open,
    /// Small requests of HTTP/2, so many side by side on each connection.
    Multiplexed(usize),
    /// An echo of so many bytes on a stream of HTTP/2, each on a connection of its own.
    EchoOverH2(usize),
}

impl Work {
    /// A small request, or one for a large answer.
    pub(crate) fn get(path: &str) -> Self {
        Self::Ask(Rc::new(vec![request("localhost", path)]))
    }
}

/// What a window showed.
#[derive(Clone)]
pub(crate) struct Seen {
    /// CPU time per operation, in microseconds.
    pub(crate) cpu: f64,
    /// How long each took.
    pub(crate) times: Times,
}

struct Meter {
    done: Cell<u64>,
    times: RefCell<Times>,
    measuring: Cell<bool>,
    over: Cell<bool>,
    broken: RefCell<Option<String>>,
}

impl Meter {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            done: Cell::new(0),
            times: RefCell::new(Times::new()),
            measuring: Cell::new(false),
            over: Cell::new(false),
            broken: RefCell::new(None),
        })
    }

    fn add(&self, since: Instant) {
        if self.measuring.get() {
            self.done.set(self.done.get() + 1);
            self.times.borrow_mut().add(since.elapsed());
        }
    }

    fn note(&self, done: io::Result<()>) {
        if let Err(why) = done
            && !self.over.get()
        {
            *self.broken.borrow_mut() = Some(why.to_string());
        }
    }

    /// Looks at a window of what runs.
    async fn window(
        &self,
        processes: &[u32],
        (warm, window): (Duration, Duration),
    ) -> Result<Seen, String> {
        tokio::time::sleep(warm).await;
        let before = measure::cpu(processes);
        self.measuring.set(true);
        tokio::time::sleep(window).await;
        self.measuring.set(false);
        let spent = measure::cpu(processes) - before;
        self.over.set(true);
        if let Some(why) = self.broken.borrow_mut().take() {
            return Err(why);
        }
        let done = self.done.get();
        if done == 0 {
            return Err("nothing was answered".to_owned());
        }
        Ok(Seen {
            cpu: spent as f64 / 1e3 / done as f64,
            times: self.times.borrow().clone(),
        })
    }
}

/// Runs a future on this thread, with others beside it.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| format!("no runtime: {why}"))?;
    Ok(LocalSet::new().block_on(&runtime, work))
}

/// Every connection asks again as soon as it is answered.
///
/// # Errors
/// A connection broke, or an answer was none that was expected.
pub(crate) fn closed(
    target: &Target,
    work: &Work,
    connections: usize,
    processes: &[u32],
    times: (Duration, Duration),
) -> Result<Seen, String> {
    run(async {
        let meter = Meter::new();
        for number in 0..connections {
            let (target, work, meter) = (target.clone(), work.clone(), Rc::clone(&meter));
            spawn_local(async move {
                let done = toil(&target, &work, number, &meter).await;
                meter.note(done);
            });
        }
        meter.window(processes, times).await
    })?
}

async fn ask_over_h2(shared: &Shared, requests: usize, meter: &Meter) -> io::Result<()> {
    for _ in 0..requests {
        if meter.over.get() {
            break;
        }
        let since = Instant::now();
        shared.ask("/").await?;
        meter.add(since);
    }
    Ok(())
}

async fn toil(target: &Target, work: &Work, number: usize, meter: &Rc<Meter>) -> io::Result<()> {
    match work {
        Work::Ask(requests) => {
            let mut client = target.connect().await?;
            // Connections begin at different places.
            let mut at = number * requests.len() / 7;
            while !meter.over.get() {
                let since = Instant::now();
                client.ask(&requests[at % requests.len()]).await?;
                meter.add(since);
                at += 1;
            }
        }
        Work::Echo(length) => {
            let mut client = target.tunnel().await?;
            let message = message(*length);
            while !meter.over.get() {
                let since = Instant::now();
                client.echo(&message).await?;
                meter.add(since);
            }
        }
        Work::Open => {
            while !meter.over.get() {
                let since = Instant::now();
                drop(target.tunnel().await?);
                meter.add(since);
            }
        }
        Work::Multiplexed(streams) => {
            while !meter.over.get() {
                let shared = Shared::connect(target).await?;
                let side_by_side: Vec<_> = (0..*streams)
                    .map(|_| {
                        let (shared, meter) = (shared.clone(), Rc::clone(meter));
                        let requests = REQUESTS / streams;
                        spawn_local(async move { ask_over_h2(&shared, requests, &meter).await })
                    })
                    .collect();
                for one in side_by_side {
                    one.await.map_err(io::Error::other)??;
                }
            }
        }
        Work::EchoOverH2(length) => {
            let mut tunnel = Shared::connect(target).await?.tunnel().await?;
            let message = message(*length).into();
            while !meter.over.get() {
                let since = Instant::now();
                tunnel.echo(&message).await?;
                meter.add(since);
            }
        }
    }
    Ok(())
}

/// Requests at a fixed rate, each timed from when it was due: a program that falls behind cannot hide it.
///
/// # Errors
/// As [`closed`].
pub(crate) fn open(
    target: &Target,
    rate: u64,
    connections: usize,
    processes: &[u32],
    times: (Duration, Duration),
) -> Result<Seen, String> {
    run(async {
        let meter = Meter::new();
        let due: Rc<RefCell<VecDeque<Instant>>> = Rc::default();
        let more = Rc::new(tokio::sync::Notify::new());
        for _ in 0..connections {
            let (target, meter) = (target.clone(), Rc::clone(&meter));
            let (due, more) = (Rc::clone(&due), Rc::clone(&more));
            spawn_local(async move {
                let work = async {
                    let mut client = target.connect().await?;
                    let small = request("localhost", "/");
                    while !meter.over.get() {
                        let next = due.borrow_mut().pop_front();
                        match next {
                            Some(since) => {
                                client.ask(&small).await?;
                                meter.add(since);
                            }
                            None => more.notified().await,
                        }
                    }
                    Ok(())
                };
                let done = work.await;
                meter.note(done);
            });
        }
        let mut ticks = ticks();
        spawn_local(async move {
            let start = Instant::now();
            let mut sent = 0_u64;
            while ticks.recv().await.is_some() {
                let wanted = (start.elapsed().as_secs_f64() * rate as f64) as u64;
                for number in sent..wanted {
                    let at = start + Duration::from_secs_f64(number as f64 / rate as f64);
                    due.borrow_mut().push_back(at);
                    more.notify_one();
                }
                sent = wanted;
            }
        });
        meter.window(processes, times).await
    })?
}

/// A clock finer than the runtime's, which counts in milliseconds. It ends when nobody listens.
fn ticks() -> tokio::sync::mpsc::Receiver<()> {
    let (send, receive) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_micros(100));
            if let Err(TrySendError::Closed(())) = send.try_send(()) {
                return;
            }
        }
    });
    receive
}

/// Opens tunnels, and keeps them.
///
/// # Errors
/// One could not be opened.
pub(crate) async fn tunnels(target: &Target, count: usize) -> Result<Vec<Client>, String> {
    /// How many are opened at once.
    const AT_ONCE: usize = 64;
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let next = AT_ONCE.min(count - all.len());
        let opening: Vec<_> = (0..next)
            .map(|_| {
                let target = target.clone();
                spawn_local(async move { target.tunnel().await })
            })
            .collect();
        for one in opening {
            let opened = one.await.map_err(|why| why.to_string())?;
            all.push(opened.map_err(|why| format!("a tunnel could not be opened: {why}"))?);
        }
    }
    Ok(all)
}

/// Sends a message through each of these, and reads its echo: how many came back whole.
pub(crate) async fn through(tunnels: &mut Vec<Client>, length: usize) -> usize {
    let message = Rc::new(message(length));
    let mut alive = Vec::with_capacity(tunnels.len());
    let count = tunnels.len();
    while !tunnels.is_empty() {
        let some = tunnels.split_off(tunnels.len().saturating_sub(64));
        let asked: Vec<_> = some
            .into_iter()
            .map(|mut tunnel| {
                let message = Rc::clone(&message);
                spawn_local(async move {
                    let limit = Duration::from_secs(10);
                    let done = tokio::time::timeout(limit, tunnel.echo(&message)).await;
                    tunnel.rested();
                    matches!(done, Ok(Ok(()))).then_some(tunnel)
                })
            })
            .collect();
        for one in asked {
            alive.extend(one.await.ok().flatten());
        }
    }
    debug_assert!(alive.len() <= count);
    *tunnels = alive;
    tunnels.len()
}
