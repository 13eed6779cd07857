//! Lines on their way out of the process: each stream has a thread that writes it, behind a queue with an end, so that who reads slowly, or
//! not at all, holds no request up.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::proxy::telemetry::metrics;

/// How many pieces wait for a stream at most; a worker hands its lines over before they are 32 KiB.
const WAITING: usize = 128;

/// How many lines a dashboard can show.
const SHOWN: usize = 200;

/// How often a queue that is full is looked at in the end.
const LOOK: Duration = Duration::from_millis(5);

/// Where the proxy's lines go.
pub(crate) enum Output {
    /// The access log to standard output, what a person wants to know to standard error.
    Streams {
        /// The access log.
        log: Outlet,
        /// Everything else.
        notices: Arc<Outlet>,
    },
    /// The last ones of both to a dashboard.
    Shown(Mutex<VecDeque<String>>),
}

impl Output {
    /// Lines for a dashboard, or for the two streams.
    ///
    /// # Errors
    /// What the system refuses a thread with.
    pub(crate) fn new(shown: bool) -> io::Result<Self> {
        if shown {
            return Ok(Self::Shown(Mutex::default()));
        }
        let notices = Arc::new(Outlet::new("notices", io::stderr(), None)?);
        let log = Outlet::new("log", io::stdout(), Some(Arc::clone(&notices)))?;
        Ok(Self::Streams { log, notices })
    }

    /// Hands lines of the access log over; what they were in is empty then.
    pub(crate) fn log(&self, lines: &mut Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        match self {
            Self::Streams { log, .. } => log.write(lines.clone()),
            Self::Shown(last) => show(last, lines),
        }
        lines.clear();
    }

    /// Tells what a person wants to know while requests are served.
    pub(crate) fn say(&self, line: &str) {
        let line = format!("{line}\n").into_bytes();
        match self {
            Self::Streams { notices, .. } => notices.write(line),
            Self::Shown(last) => show(last, &line),
        }
    }

    /// The last lines that are shown.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        match self {
            Self::Streams { .. } => Vec::new(),
            Self::Shown(last) => {
                let last = last.lock().unwrap_or_else(PoisonError::into_inner);
                last.iter().cloned().collect()
            }
        }
    }

    /// Waits until everything is written, or this long.
    pub(crate) fn finish(&self, limit: Duration) {
        if let Self::Streams { log, notices } = self {
            let end = Instant::now() + limit;
            log.finish(end);
            notices.finish(end);
        }
    }
}

fn show(last: &Mutex<VecDeque<String>>, lines: &[u8]) {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    last.extend(String::from_utf8_lossy(lines).lines().map(str::to_owned));
    let over = last.len().saturating_sub(SHOWN);
    last.drain(..over);
}

/// A stream with its thread.
pub(crate) struct Outlet {
    queue: SyncSender<Piece>,
    state: Arc<State>,
    /// Where it is told that lines are lost.
    notices: Option<Arc<Outlet>>,
}

enum Piece {
    Lines(Vec<u8>),
    /// Who waits until everything before is written.
    End(Sender<()>),
}

#[derive(Default)]
struct State {
    waiting: AtomicUsize,
    /// Lines that were lost since everything was written last.
    lost: AtomicU64,
}

impl Outlet {
    fn new(
        name: &str,
        out: impl Write + Send + 'static,
        notices: Option<Arc<Self>>,
    ) -> io::Result<Self> {
        let (queue, pieces) = sync_channel(WAITING);
        let state = Arc::new(State::default());
        let (own, told) = (Arc::clone(&state), notices.clone());
        let thread = std::thread::Builder::new().name(name.to_owned());
        // It ends with the process, or with its last sender.
        thread.spawn(move || carry(out, &pieces, &own, told.as_deref()))?;
        Ok(Self {
            queue,
            state,
            notices,
        })
    }

    /// Never waits: what finds no room is lost, and counted.
    fn write(&self, lines: Vec<u8>) {
        self.state.waiting.fetch_add(1, Relaxed);
        let Err(
            TrySendError::Full(Piece::Lines(lines))
            | TrySendError::Disconnected(Piece::Lines(lines)),
        ) = self.queue.try_send(Piece::Lines(lines))
        else {
            return;
        };
        self.state.waiting.fetch_sub(1, Relaxed);
        let Some(notices) = &self.notices else { return };
        let lost = memchr::memchr_iter(b'\n', &lines).count() as u64;
        metrics::log_lost(lost);
        if self.state.lost.fetch_add(lost, Relaxed) == 0 {
            notices.write(
                b"warning: nobody reads the log: its lines are lost until somebody does\n".to_vec(),
            );
        }
    }

    fn finish(&self, end: Instant) {
        let (done, written) = channel();
        let mut piece = Piece::End(done);
        while let Err(error) = self.queue.try_send(piece) {
            let TrySendError::Full(back) = error else {
                return;
            };
            if Instant::now() >= end {
                return;
            }
            piece = back;
            std::thread::sleep(LOOK);
        }
        // Who reads nothing until then gets no more.
        let _ = written.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

fn carry(mut out: impl Write, pieces: &Receiver<Piece>, state: &State, notices: Option<&Outlet>) {
    for piece in pieces {
        match piece {
            Piece::Lines(lines) => {
                // Who has closed the stream wants no more lines.
                let _ = out.write_all(&lines).and_then(|()| out.flush());
                // One that is always full is not read again because one piece went.
                if state.waiting.fetch_sub(1, Relaxed) > 1 {
                    continue;
                }
                let lost = state.lost.swap(0, Relaxed);
                if let (1.., Some(notices)) = (lost, notices) {
                    let line =
                        format!("note: the log is read again; {lost} lines of it are lost\n");
                    notices.write(line.into_bytes());
                }
            }
            Piece::End(done) => {
                let _ = done.send(());
            }
        }
    }
}
