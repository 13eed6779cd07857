//! A client's HTTP/2 connection: how much one client may have open, how long it may take nothing, and how often it may change its mind.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, interval};

use crate::proxy::client::door::Door;
use crate::proxy::client::who::Client;
use crate::proxy::clock;
use crate::proxy::process::worker::Worker;
use crate::proxy::request::body::{Body, Fault};
use crate::proxy::request::serve::serve;
use crate::proxy::wire::Stream;

/// How many requests may be open at once.
const STREAMS: u32 = 128;

/// How much of an answer waits for its client: times [`STREAMS`], what a client can make us hold.
const SEND_BUFFER: usize = 64 * 1024;

/// How many requests more than are answered a client may take back before their answer's head is there (CVE-2023-44487), until its
/// connection ends. Who has all of its requests open and leaves at once is no attacker.
const TAKEN_BACK: u64 = 200;

/// How many of them are forgiven in a second: a connection that lives for days may take back many.
const FORGIVEN: u64 = 20;

/// Speaks HTTP/2 on a connection that was opened at this time of [`clock::now`].
///
/// # Errors
/// What ended the connection.
pub(crate) async fn speak(
    worker: Rc<Worker>,
    stream: Stream,
    client: Client,
    door: Rc<Door>,
    opened: u64,
) -> io::Result<()> {
    let (local, id) = door.local(&worker);
    let listener = local.generation.gateway.listener(id);
    let head_limit = u32::try_from(listener.head_limit.value.as_bytes()).unwrap_or(u32::MAX);
    let head = listener.head_timeout.value.as_millis();
    let keepalive = listener.keepalive.value.as_millis();
    let open = Rc::new(Open::default());
    let mut builder = http2::Builder::new(Here(Rc::clone(&open)));
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(head_limit)
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_streams(STREAMS);
    if listener.websocket_over_http2.value {
        builder.enable_connect_protocol();
    }
    drop(local);
    let client = Rc::new(client);
    let service = service_fn(|request| {
        let (worker, client, door) = (Rc::clone(&worker), Rc::clone(&client), Rc::clone(&door));
        let busy = open.begin();
        async move {
            let answer = serve(worker, client, &door, request).await;
            answer.map(|answer| answer.map(|body| Answer::new(body, busy)))
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
            () = open.abused.notified() => return Err(io::ErrorKind::ConnectionAborted.into()),
            _ = tick.tick() => {
                let now = clock::now();
                let requests = open.count() > 0;
                open.cut_stalled(now);
                // Tunnels end by their own times.
                if client.tunnels.get() > 0 {
                    continue;
                }
                if until.is_some_and(|until| Instant::now() >= until) {
                    return Ok(());
                }
                if requests {
                    continue;
                }
                let rested = open.rested.get();
                if rested == 0 && now - opened >= head {
                    return Ok(());
                }
                if rested == 0 {
                    continue;
                }
                // A client that takes nothing would not even take the goodbye.
                if now - rested >= keepalive * 2 {
                    return Ok(());
                }
                if now - rested >= keepalive && !going {
                    going = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// The requests of a connection that are open.
#[derive(Default)]
struct Open {
    streams: RefCell<Vec<Weak<State>>>,
    /// The request that hyper is about to run.
    next: RefCell<Option<Rc<State>>>,
    /// When the last one ended; 0 is never.
    rested: Cell<u64>,
    /// Requests that were taken back, less those that were answered, and when some were forgiven.
    taken_back: Cell<u64>,
    forgave: Cell<u64>,
    abused: Notify,
}

/// A request that is open.
#[derive(Default)]
struct State {
    /// Since when its client takes nothing of what there is; 0: it does, or there is nothing.
    stalled: Cell<u64>,
    /// For how long it may, in milliseconds.
    patience: Cell<u64>,
    cut: Notify,
}

impl Open {
    fn begin(self: &Rc<Self>) -> Busy {
        let state = Rc::new(State::default());
        self.streams.borrow_mut().push(Rc::downgrade(&state));
        *self.next.borrow_mut() = Some(Rc::clone(&state));
        Busy {
            open: Rc::clone(self),
            state,
            answered: false,
        }
    }

    /// A request came to its end, with the head of an answer or without.
    fn ended(&self, answered: bool) {
        let now = clock::now();
        self.rested.set(now);
        if answered {
            self.taken_back.set(self.taken_back.get().saturating_sub(1));
            return;
        }
        let forgiven = now.saturating_sub(self.forgave.get()) * FORGIVEN / 1000;
        if forgiven > 0 {
            self.forgave.set(now);
        }
        let taken_back = self.taken_back.get().saturating_sub(forgiven) + 1;
        self.taken_back.set(taken_back);
        if taken_back > TAKEN_BACK {
            self.abused.notify_one();
        }
    }

    fn count(&self) -> usize {
        let mut streams = self.streams.borrow_mut();
        streams.retain(|state| state.strong_count() > 0);
        streams.len()
    }

    fn cut_stalled(&self, now: u64) {
        for state in self.streams.borrow().iter().filter_map(Weak::upgrade) {
            let since = state.stalled.get();
            if since != 0 && now.saturating_sub(since) >= state.patience.get() {
                state.cut.notify_one();
            }
        }
    }
}

/// Counts a request as long as it is open.
struct Busy {
    open: Rc<Open>,
    state: Rc<State>,
    answered: bool,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.open.ended(self.answered);
    }
}

/// Runs hyper's futures on this thread, each request's until it is cut.
#[derive(Clone)]
struct Here(Rc<Open>);

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, future: F) {
        // hyper calls the service, then runs what it has got: a tunnel's own future comes alone.
        match self.0.next.take() {
            None => spawn_local(future),
            Some(state) => spawn_local(async move {
                tokio::select! {
                    () = future => {}
                    () = state.cut.notified() => {}
                }
            }),
        };
    }
}

/// An answer, and whether its client takes it.
struct Answer {
    body: Body,
    busy: Busy,
}

impl Answer {
    fn new(body: Body, mut busy: Busy) -> Self {
        // A stream of events is left by its client some day, as it should be.
        busy.answered = true;
        busy.state.stalled.set(clock::now());
        busy.state
            .patience
            .set(body.patience().as_millis().try_into().unwrap_or(u64::MAX));
        Self { body, busy }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        // hyper asks where there is room for more.
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        let mut stalled = clock::now();
        if polled.is_pending() {
            // Within that time it has something, or is told to be too late: then somebody asks again, or the client takes nothing.
            stalled = stalled.saturating_add(this.busy.state.patience.get());
        }
        this.busy.state.stalled.set(stalled);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
