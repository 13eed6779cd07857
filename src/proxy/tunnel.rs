//! What a connection becomes after 101: bytes both ways until somebody ends it. It alone owns the idle limit, the age, the counters and
//! the close codes. An idle tunnel owns no buffer: bytes are read into the thread's and written on in the same breath.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::clock;
use super::frames::{self, To, Walk};
use super::limit::{Bucket, Tokens};

/// How much is read at once: the largest message that costs one read and one write.
const SCRATCH: usize = 64 * 1024;

/// After so many reads in a row others have their turn.
const ROUNDS: u32 = 16;

/// How long a side may take to say goodbye, in milliseconds.
const GOODBYE: u64 = 2_000;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// Why a tunnel ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum End {
    /// The client ended it.
    Client,
    /// The server ended it.
    Server,
    /// No byte for too long.
    Idle,
    /// Its time was up.
    Age,
    /// A message was too long.
    TooLong,
    /// Too many messages.
    TooMany,
    /// The proxy stops, or its route is gone.
    Drain,
    /// A connection broke.
    Broken,
}

impl End {
    /// The word in logs and metrics.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Idle => "idle",
            Self::Age => "max_duration",
            Self::TooLong => "max_message",
            Self::TooMany => "messages",
            Self::Drain => "drain",
            Self::Broken => "broken",
        }
    }

    /// The close code that both sides get (RFC 6455 §7.4.1).
    const fn code(self) -> u16 {
        match self {
            Self::TooLong => 1009,
            Self::TooMany => 1008,
            Self::Client | Self::Server | Self::Broken => 1000,
            Self::Idle | Self::Age | Self::Drain => 1001,
        }
    }
}

/// A tunnel's rules. Times are milliseconds; 0 is none.
#[derive(Clone, Copy, Default)]
pub(super) struct Rules {
    /// Without a byte for this long it ends.
    pub(super) idle: u64,
    /// After this long it ends.
    pub(super) age: u64,
    /// A side that is silent for this long gets a ping.
    pub(super) ping: u64,
    /// The longest message.
    pub(super) longest: Option<u64>,
    /// How many messages a client may send.
    pub(super) messages: Option<Bucket>,
    /// Whether it carries WebSocket frames.
    pub(super) frames: bool,
}

/// What the sweep knows of a tunnel, and the sweep's orders to it.
pub(super) struct Watch {
    opened: u64,
    from_client: Cell<u64>,
    from_server: Cell<u64>,
    pinged: Cell<u64>,
    rules: Rules,
    order: Cell<Option<Order>>,
    waker: Cell<Option<Waker>>,
    /// The route's name and whose it is: what a reload asks.
    pub(super) route: Rc<str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    End(End),
    Ping { client: bool, server: bool },
}

impl Watch {
    /// A tunnel that has just been opened.
    pub(super) fn new(rules: Rules, route: Rc<str>) -> Self {
        let now = clock::now();
        Self {
            opened: now,
            from_client: Cell::new(now),
            from_server: Cell::new(now),
            pinged: Cell::new(0),
            rules,
            order: Cell::new(None),
            waker: Cell::new(None),
            route,
        }
    }

    /// Looks whether its time is up.
    pub(super) fn sweep(&self, now: u64) {
        let rules = &self.rules;
        let last = self.from_client.get().max(self.from_server.get());
        if rules.age != 0 && now.saturating_sub(self.opened) >= rules.age {
            self.end(End::Age);
        } else if rules.idle != 0 && now.saturating_sub(last) >= rules.idle {
            self.end(End::Idle);
        } else if rules.ping != 0 {
            let silent =
                |since: u64| now.saturating_sub(since.max(self.pinged.get())) >= rules.ping;
            let client = silent(self.from_client.get());
            let server = silent(self.from_server.get());
            if client || server {
                self.pinged.set(now);
                self.give(Order::Ping { client, server });
            }
        }
    }

    /// Ends it.
    pub(super) fn end(&self, end: End) {
        if !matches!(self.order.get(), Some(Order::End(_))) {
            self.give(Order::End(end));
        }
    }

    fn give(&self, order: Order) {
        self.order.set(Some(order));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// One direction.
#[derive(Default)]
struct Way {
    /// What the receiver did not take yet.
    pending: Vec<u8>,
    walk: Walk,
    bytes: u64,
    /// The sender is done.
    ended: bool,
    /// The receiver knows.
    shut: bool,
}

/// Both directions of a tunnel, as a future that ends with it.
pub(super) struct Tunnel<C, S> {
    client: C,
    server: S,
    up: Way,
    down: Way,
    tokens: Option<Tokens>,
    watch: Rc<Watch>,
    /// Why it ends, and until when it may say so.
    ending: Option<(End, u64)>,
    said: bool,
}

/// What a tunnel has carried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    /// Why it ended.
    pub(super) end: End,
    /// Bytes from the client.
    pub(super) up: u64,
    /// Bytes to the client.
    pub(super) down: u64,
    /// Messages of the client.
    pub(super) messages_up: u64,
    /// Messages to the client.
    pub(super) messages_down: u64,
}

impl<C, S> Tunnel<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    /// Joins two connections. `early_up` and `early_down` came along with the handshake.
    pub(super) fn new(
        client: C,
        server: S,
        early_up: &[u8],
        early_down: &[u8],
        watch: Rc<Watch>,
    ) -> Self {
        let mut tunnel = Self {
            client,
            server,
            up: Way::default(),
            down: Way::default(),
            tokens: watch.rules.messages.map(Bucket::fill),
            watch,
            ending: None,
            said: false,
        };
        tunnel.take_up(early_up);
        tunnel.up.pending.extend_from_slice(early_up);
        tunnel.take_down(early_down);
        tunnel.down.pending.extend_from_slice(early_down);
        tunnel
    }

    fn take_up(&mut self, bytes: &[u8]) {
        let now = clock::now();
        self.watch.from_client.set(now);
        self.up.bytes += bytes.len() as u64;
        if !self.watch.rules.frames {
            return;
        }
        let seen = self.up.walk.read(bytes);
        if self
            .watch
            .rules
            .longest
            .is_some_and(|most| seen.longest > most)
        {
            self.ending.get_or_insert((End::TooLong, now + GOODBYE));
        }
        if let (Some(tokens), Some(bucket)) = (&mut self.tokens, self.watch.rules.messages) {
            for _ in 0..seen.began {
                if tokens.take(bucket).is_err() {
                    self.ending.get_or_insert((End::TooMany, now + GOODBYE));
                }
            }
        }
    }

    fn take_down(&mut self, bytes: &[u8]) {
        let now = clock::now();
        self.watch.from_server.set(now);
        self.down.bytes += bytes.len() as u64;
        if !self.watch.rules.frames {
            return;
        }
        let seen = self.down.walk.read(bytes);
        if self
            .watch
            .rules
            .longest
            .is_some_and(|most| seen.longest > most)
        {
            self.ending.get_or_insert((End::TooLong, now + GOODBYE));
        }
    }

    /// Carries what there is to carry; whether something is left to do at once.
    fn carry(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> io::Result<bool> {
        for _ in 0..ROUNDS {
            let mut moved = false;
            if !self.up.shut && self.ending.is_none() {
                moved |= self.carry_up(cx, buffer)?;
            }
            if !self.down.shut && self.ending.is_none() {
                moved |= self.carry_down(cx, buffer)?;
            }
            if !moved {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn carry_up(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> io::Result<bool> {
        if !self.up.pending.is_empty() {
            return send(&mut self.server, &mut self.up.pending, cx);
        }
        if self.up.ended {
            self.up.shut = Pin::new(&mut self.server).poll_shutdown(cx)?.is_ready();
            return Ok(false);
        }
        let Some(came) = read(&mut self.client, buffer, cx)? else {
            return Ok(false);
        };
        if came == 0 {
            self.up.ended = true;
            return Ok(true);
        }
        let before = self.ending.is_some();
        self.take_up(&buffer[..came]);
        if self.ending.is_some() && !before {
            // What broke the rule does not reach the server.
            return Ok(false);
        }
        write(&mut self.server, &buffer[..came], &mut self.up.pending, cx)
    }

    fn carry_down(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> io::Result<bool> {
        if !self.down.pending.is_empty() {
            return send(&mut self.client, &mut self.down.pending, cx);
        }
        if self.down.ended {
            self.down.shut = Pin::new(&mut self.client).poll_shutdown(cx)?.is_ready();
            return Ok(false);
        }
        let Some(came) = read(&mut self.server, buffer, cx)? else {
            return Ok(false);
        };
        if came == 0 {
            self.down.ended = true;
            return Ok(true);
        }
        let before = self.ending.is_some();
        self.take_down(&buffer[..came]);
        if self.ending.is_some() && !before {
            return Ok(false);
        }
        write(
            &mut self.client,
            &buffer[..came],
            &mut self.down.pending,
            cx,
        )
    }

    /// Says goodbye to both sides, each between two frames, and waits a little for theirs.
    fn part(&mut self, end: End, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<()> {
        if !self.said {
            if !self.watch.rules.frames {
                self.said = true;
            } else if let End::TooLong | End::TooMany = end {
                // The frames that broke the rule did not go on: what went before ended between two frames, or it never will.
                self.say(end, true);
            } else if self.down.walk.is_between_frames() || self.down.walk.is_closed() {
                self.say(end, self.up.walk.is_between_frames());
            } else {
                // A message is on its way to the client: it gets the rest first.
                let moved = self.carry_down(cx, buffer);
                match moved {
                    Ok(true) => cx.waker().wake_by_ref(),
                    Ok(false) if !self.down.ended => {}
                    Ok(false) | Err(_) => return Poll::Ready(()),
                }
                return Poll::Pending;
            }
        }
        for (stream, way) in [(0, &mut self.down), (1, &mut self.up)] {
            if way.shut {
                continue;
            }
            let done = if stream == 0 {
                finish(&mut self.client, way, cx)
            } else {
                finish(&mut self.server, way, cx)
            };
            if done.is_err() {
                way.shut = true;
            }
        }
        // What still comes is let go: an answer to unread bytes would take the goodbye away.
        loop {
            match read(&mut self.client, buffer, cx) {
                Ok(Some(1..)) => {}
                Ok(None) => return Poll::Pending,
                Ok(Some(0)) if !self.down.shut => return Poll::Pending,
                Ok(Some(_)) | Err(_) => return Poll::Ready(()),
            }
        }
    }

    fn say(&mut self, end: End, server_too: bool) {
        self.said = true;
        if !self.down.walk.is_closed() {
            frames::close(end.code(), To::Client, &mut self.down.pending);
        }
        if server_too && !self.up.walk.is_closed() {
            frames::close(end.code(), To::Server, &mut self.up.pending);
        }
    }

    fn carried(&self, end: End) -> Carried {
        Carried {
            end,
            up: self.up.bytes,
            down: self.down.bytes,
            messages_up: self.up.walk.messages(),
            messages_down: self.down.walk.messages(),
        }
    }

    fn follow(&mut self, order: Order) {
        match order {
            Order::End(end) => {
                self.ending.get_or_insert((end, clock::now() + GOODBYE));
            }
            Order::Ping { client, server } => {
                if client && self.down.walk.is_between_frames() {
                    frames::ping(To::Client, &mut self.down.pending);
                }
                if server && self.up.walk.is_between_frames() {
                    frames::ping(To::Server, &mut self.up.pending);
                }
            }
        }
    }
}

impl<C, S> Future for Tunnel<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    type Output = Carried;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Carried> {
        let this = self.get_mut();
        if let Some(order) = this.watch.order.take() {
            this.follow(order);
        }
        BUFFER.with_borrow_mut(|buffer| {
            if this.ending.is_none() {
                match this.carry(cx, buffer) {
                    Err(_) => return Poll::Ready(this.carried(End::Broken)),
                    Ok(true) => cx.waker().wake_by_ref(),
                    Ok(false) => {}
                }
                if this.up.shut && this.down.shut {
                    let end = if this.up.walk.is_closed() && !this.down.walk.is_closed() {
                        End::Client
                    } else {
                        End::Server
                    };
                    return Poll::Ready(this.carried(end));
                }
            }
            if let Some((end, until)) = this.ending
                && (clock::now() >= until || this.part(end, cx, buffer).is_ready())
            {
                return Poll::Ready(this.carried(end));
            }
            this.watch.waker.set(Some(cx.waker().clone()));
            Poll::Pending
        })
    }
}

/// Reads; `None` where nothing is there.
fn read<R: AsyncRead + Unpin>(
    from: &mut R,
    buffer: &mut [u8],
    cx: &mut Context<'_>,
) -> io::Result<Option<usize>> {
    let mut buf = ReadBuf::new(buffer);
    // Not `try_read`: a short read tells tokio that the socket is empty, which saves the next call.
    match Pin::new(from).poll_read(cx, &mut buf) {
        Poll::Pending => Ok(None),
        Poll::Ready(read) => read.map(|()| Some(buf.filled().len())),
    }
}

/// Writes what goes at once and keeps the rest; whether all went.
fn write<W: AsyncWrite + Unpin>(
    to: &mut W,
    bytes: &[u8],
    rest: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> io::Result<bool> {
    let mut at = 0;
    while at < bytes.len() {
        match Pin::new(&mut *to).poll_write(cx, &bytes[at..])? {
            Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(written) => at += written,
            Poll::Pending => {
                rest.extend_from_slice(&bytes[at..]);
                return Ok(false);
            }
        }
    }
    let _ = Pin::new(to).poll_flush(cx)?;
    Ok(true)
}

/// Writes what was kept; whether all of it went.
fn send<W: AsyncWrite + Unpin>(
    to: &mut W,
    pending: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> io::Result<bool> {
    let bytes = std::mem::take(pending);
    write(to, &bytes, pending, cx)
}

/// Writes what is left and shuts the direction.
fn finish<W: AsyncWrite + Unpin>(
    to: &mut W,
    way: &mut Way,
    cx: &mut Context<'_>,
) -> io::Result<()> {
    if !way.pending.is_empty() && !send(to, &mut way.pending, cx)? {
        return Ok(());
    }
    match Pin::new(to).poll_shutdown(cx) {
        Poll::Ready(done) => {
            done?;
            way.shut = true;
        }
        Poll::Pending => {}
    }
    Ok(())
}
