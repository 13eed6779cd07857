//! The process: it starts, listens to signals, and ends: reload, drain, end.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::LocalSet;
use tokio::time::interval;

use crate::ir::Gateway;

use crate::proxy::clock;
use crate::proxy::fault::Fault;
use crate::proxy::process::files::{self, Files};
use crate::proxy::process::generation::Generation;
use crate::proxy::process::reload::Serving;
use crate::proxy::telemetry::dashboard::{self, Dashboard, Key};
use crate::proxy::telemetry::metrics;

/// How often a drain looks whether it is done.
const LOOK: Duration = Duration::from_millis(50);

/// Where specs come from, and what becomes of faults in them: the command's matter.
pub trait Source {
    /// The spec anew; `None` where it has errors, which have been told.
    fn load(&mut self) -> Option<Gateway>;
    /// The files that the spec is read from.
    fn files(&self) -> Vec<PathBuf>;
    /// Tells what keeps a spec from being served.
    fn tell(&mut self, faults: Vec<Fault>);
    /// Something that a person wants to know.
    fn say(&mut self, line: &str);
    /// Tells what is not as the spec asks for, but is served.
    fn warn(&mut self, fault: Fault);
    /// Everything listens: a person wants addresses and routes.
    fn started(&mut self, gateway: &Gateway);
    /// Another spec is served now: a person wants what has moved.
    fn reloaded(&mut self, gateway: &Gateway);
    /// Whether only this machine's clients are served: its two loopback addresses are one, and nobody counts descriptors.
    fn is_local(&self) -> bool {
        false
    }
}

/// How the proxy runs.
#[derive(Clone, Copy, Default, Debug)]
pub struct Options {
    /// Whether a change of a file is a reload.
    pub watch: bool,
    /// Whether the terminal shows what happens.
    pub dashboard: bool,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Everything was finished.
    Drained,
    /// Something was left at the drain's end.
    Cut,
    /// A second signal came, this one.
    Ended(u8),
    /// Nothing was served.
    Refused,
}

/// Serves until it is told to stop.
///
/// # Errors
/// What the system refuses a thread or a runtime with.
pub fn run(source: &mut dyn Source, options: Options) -> io::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, steer(source, options))
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

async fn steer(source: &mut dyn Source, options: Options) -> io::Result<Outcome> {
    clock::now();
    // Before anything else: a signal that comes early must not end the process unheard.
    let mut signals = Signals::new()?;
    let recorder = match metrics::install() {
        Ok(recorder) => recorder,
        Err(why) => {
            source.say(&why);
            return Ok(Outcome::Refused);
        }
    };
    let shown = options.dashboard;
    let Some(mut serving) = Serving::start(source, fresh_key()?, recorder, shown)? else {
        return Ok(Outcome::Refused);
    };
    source.started(&serving.generation.gateway);
    let mut files = Files::default();
    files.watch(serving.files(source));
    let mut look = interval(files::EVERY);
    let mut dashboard = options.dashboard.then(Dashboard::open).transpose()?;
    loop {
        tokio::select! {
            sign = signals.next() => match sign {
                Sign::Reload => {}
                Sign::Stop(_) => break,
            },
            _ = look.tick(), if options.watch => if !files.have_changed() {
                continue;
            },
            key = pressed(&mut dashboard, &serving) => match key? {
                Key::Reload => {}
                Key::Quit => break,
            },
        }
        // Diagnostics are read outside of the dashboard.
        dashboard.iter_mut().for_each(Dashboard::leave);
        let reloaded = serving.reload(source);
        match &mut dashboard {
            Some(dashboard) if reloaded => dashboard.back()?,
            Some(_) => source.say("press Enter to go back"),
            None => {}
        }
        files.watch(serving.files(source));
    }
    let limit = serving.generation.gateway.runtime.drain_timeout.value;
    if dashboard.is_none() {
        source.say(&format!("draining, for at most {limit}"));
    }
    serving.drain();
    let outcome = drained(&serving, &mut signals, clock::of(limit), &mut dashboard).await;
    let left = serving.open();
    serving.end();
    drop(dashboard);
    match outcome {
        Outcome::Drained => source.say("drained"),
        _ => source.say(&format!("ended with {left}")),
    }
    Ok(outcome)
}

/// Waits until nothing is open; a second signal, or the drain's end, ends the wait.
async fn drained(
    serving: &Serving,
    signals: &mut Signals,
    limit: Duration,
    dashboard: &mut Option<Dashboard>,
) -> Outcome {
    let end = Instant::now() + limit;
    while serving.open().any() {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            sign = signals.next() => if let Sign::Stop(number) = sign {
                return Outcome::Ended(number);
            },
            key = pressed(dashboard, serving) => if let Ok(Key::Quit) = key {
                return Outcome::Ended(SIGINT);
            },
        }
        if Instant::now() >= end {
            return Outcome::Cut;
        }
    }
    Outcome::Drained
}

/// Draws until a key is pressed that asks for something; without a dashboard none ever is.
async fn pressed(dashboard: &mut Option<Dashboard>, serving: &Serving) -> io::Result<Key> {
    let Some(dashboard) = dashboard else {
        return std::future::pending().await;
    };
    loop {
        if let Some(key) = dashboard.step(&serving.admin, &serving.shared)? {
            return Ok(key);
        }
        tokio::time::sleep(dashboard::LOOK).await;
    }
}

/// The signals that stop, by number.
const SIGINT: u8 = 2;
const SIGTERM: u8 = 15;

/// What a signal asks for.
enum Sign {
    /// SIGHUP: read the spec anew.
    Reload,
    /// SIGTERM or SIGINT, by number.
    Stop(u8),
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Sign {
        tokio::select! {
            _ = self.hangup.recv() => Sign::Reload,
            _ = self.terminate.recv() => Sign::Stop(SIGTERM),
            _ = self.interrupt.recv() => Sign::Stop(SIGINT),
        }
    }
}
