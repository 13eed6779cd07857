//! What a connection becomes after 101: bytes both ways until somebody ends it. It alone owns the idle limit, the age, the counters and
//! the close codes. An idle tunnel owns no buffer: bytes are read into the thread's and written on in the same breath.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proxy::clock;
use crate::proxy::request::limit::{Bucket, Tokens};
use crate::proxy::tunnel::frames::{self, To, Walk};
use crate::proxy::tunnel::watch::{End, Order, Watch};

/// How much is read at once: the largest message that costs one read and one write.
const SCRATCH: usize = 64 * 1024;

/// After so many reads in a row others have their turn.
const ROUNDS: u32 = 16;

/// How long a side may take to say goodbye, in milliseconds.
const GOODBYE: u64 = 2_000;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
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
    /// The receiver has had a goodbye: what the sender still says is not for it.
    said: bool,
}

impl Way {
    /// Whether the sender has said its last.
    fn is_over(&self) -> bool {
        self.ended || self.walk.is_closed()
    }

    /// What comes is not for the receiver any more; a goodbye is, where what it had so far ended between two frames.
    fn break_off(&mut self, goodbye: Option<u16>, to: To) {
        self.said = true;
        if let Some(code) = goodbye {
            frames::close(code, to, &mut self.pending);
        }
    }

    /// The receiver is gone.
    fn lose(&mut self) {
        self.said = true;
        self.shut = true;
        self.pending = Vec::new();
    }
}

/// Both directions of a tunnel, as a future that ends with it.
pub(crate) struct Tunnel<C, S> {
    client: C,
    server: S,
    up: Way,
    down: Way,
    /// Boxed: few tunnels have any, and thousands are idle.
    tokens: Option<Box<Tokens>>,
    watch: Rc<Watch>,
    /// Why it ends; the watch knows until when it may say so.
    ending: Option<End>,
    /// Who said first that it is over.
    first: Option<End>,
}

/// What a tunnel has carried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried {
    /// Why it ended.
    pub(crate) end: End,
    /// Bytes from the client.
    pub(crate) up: u64,
    /// Bytes to the client.
    pub(crate) down: u64,
    /// Messages of the client.
    pub(crate) messages_up: u64,
    /// Messages to the client.
    pub(crate) messages_down: u64,
}

impl<C, S> Tunnel<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    /// Joins two connections. `early_up` and `early_down` came along with the handshake.
    pub(crate) fn new(
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
            tokens: watch.rules().messages.map(Bucket::fill).map(Box::new),
            watch,
            ending: None,
            first: None,
        };
        tunnel.take_up(early_up);
        if tunnel.ending.is_none() {
            tunnel.up.pending.extend_from_slice(early_up);
        }
        tunnel.take_down(early_down);
        if !tunnel.down.said {
            tunnel.down.pending.extend_from_slice(early_down);
        }
        tunnel
    }

    fn take_up(&mut self, bytes: &[u8]) {
        self.watch.heard_client();
        self.up.bytes += bytes.len() as u64;
        if !self.watch.frames {
            return;
        }
        let rules = self.watch.rules();
        let (longest, messages) = (rules.longest, rules.messages);
        let clean = self.up.walk.is_between_frames();
        let seen = self.up.walk.read(bytes);
        if longest.is_some_and(|most| seen.longest > most) && self.ending.is_none() {
            self.up
                .break_off(clean.then(|| End::TooLong.code()), To::Server);
            self.end(End::TooLong);
        }
        if let (Some(tokens), Some(bucket)) = (&mut self.tokens, messages) {
            let mut over = false;
            for _ in 0..seen.began {
                over |= tokens.take(bucket).is_err();
            }
            if over && self.ending.is_none() {
                self.up
                    .break_off(clean.then(|| End::TooMany.code()), To::Server);
                self.end(End::TooMany);
            }
        }
    }

    fn take_down(&mut self, bytes: &[u8]) {
        self.watch.heard_server();
        self.down.bytes += bytes.len() as u64;
        if !self.watch.frames {
            return;
        }
        let longest = self.watch.rules().longest;
        let clean = self.down.walk.is_between_frames();
        let seen = self.down.walk.read(bytes);
        if longest.is_some_and(|most| seen.longest > most) && self.ending.is_none() {
            self.down
                .break_off(clean.then(|| End::TooLong.code()), To::Client);
            self.end(End::TooLong);
        }
    }

    fn end(&mut self, end: End) {
        if self.ending.is_none() {
            self.ending = Some(end);
            self.watch.parts(clock::now() + GOODBYE);
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
            self.first.get_or_insert(End::Client);
            return Ok(true);
        }
        let before = self.ending.is_some();
        self.take_up(&buffer[..came]);
        if self.up.walk.is_closed() {
            self.first.get_or_insert(End::Client);
        }
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
            self.first.get_or_insert(End::Server);
            return Ok(true);
        }
        let before = self.ending.is_some();
        self.take_down(&buffer[..came]);
        if self.down.walk.is_closed() {
            self.first.get_or_insert(End::Server);
        }
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
        let frames = self.watch.frames;
        let code = frames.then(|| end.code());
        let mut rounds = 0;
        while leave(
            &mut self.server,
            &mut self.client,
            &mut self.down,
            (code, To::Client),
            cx,
            buffer,
        ) | leave(
            &mut self.client,
            &mut self.server,
            &mut self.up,
            (code, To::Server),
            cx,
            buffer,
        ) {
            rounds += 1;
            if rounds == ROUNDS {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        // Who has said goodbye too, or speaks no frames, hears nothing more.
        let (up, down) = (self.up.is_over() || !frames, self.down.is_over() || !frames);
        if up {
            finish(&mut self.client, &mut self.down, cx);
        }
        if down {
            finish(&mut self.server, &mut self.up, cx);
        }
        if self.up.shut && self.down.shut && self.up.is_over() {
            return Poll::Ready(());
        }
        Poll::Pending
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
            Order::End(end) => self.end(end),
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
        if let Some(order) = this.watch.order() {
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
                    let end = this.first.unwrap_or(End::Server);
                    return Poll::Ready(this.carried(end));
                }
            }
            if let Some(end) = this.ending
                && (this.watch.is_over(clock::now()) || this.part(end, cx, buffer).is_ready())
            {
                return Poll::Ready(this.carried(end));
            }
            this.watch.wait(cx.waker());
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

/// A direction whose tunnel ends: the frame under way gets through, then our goodbye follows, and what the sender still says is let
/// go: an answer to unread bytes would take the goodbye away. Whether something moved.
fn leave<S: AsyncRead + Unpin, R: AsyncWrite + Unpin>(
    sender: &mut S,
    receiver: &mut R,
    way: &mut Way,
    (code, to): (Option<u16>, To),
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> bool {
    if !way.said && (code.is_none() || way.walk.is_between_frames() || way.is_over()) {
        let fits = way.walk.is_between_frames() && !way.shut;
        way.break_off(code.filter(|_| fits), to);
    }
    if !way.pending.is_empty() && !way.shut && send(receiver, &mut way.pending, cx).is_err() {
        way.lose();
    }
    if way.ended || !(way.said || way.pending.is_empty()) {
        return false;
    }
    let most = if way.said {
        buffer.len()
    } else {
        way.walk.wanted().min(buffer.len())
    };
    match read(sender, &mut buffer[..most], cx) {
        Ok(None) => false,
        Ok(Some(0)) | Err(_) => {
            way.ended = true;
            true
        }
        Ok(Some(came)) => {
            way.bytes += came as u64;
            way.walk.read(&buffer[..came]);
            if !way.said && write(receiver, &buffer[..came], &mut way.pending, cx).is_err() {
                way.lose();
            }
            true
        }
    }
}

/// Shuts a direction once what was kept for it is written.
fn finish<W: AsyncWrite + Unpin>(to: &mut W, way: &mut Way, cx: &mut Context<'_>) {
    if way.said && way.pending.is_empty() && !way.shut {
        // Who cannot be told is gone.
        way.shut = Pin::new(to).poll_shutdown(cx).is_ready();
    }
}
