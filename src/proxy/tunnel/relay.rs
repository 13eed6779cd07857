//! What a connection becomes after 101: bytes both ways until somebody ends it. It alone owns the idle limit, the age, the counters and
//! the close codes. An idle tunnel owns no buffer: bytes are read into the thread's and written on in the same breath.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::proxy::clock;
use crate::proxy::request::limit::{Bucket, Tokens};
use crate::proxy::tunnel::bytes::{read, send, write};
use crate::proxy::tunnel::frames::{self, Stop, To, Walk};
use crate::proxy::tunnel::watch::{Amounts, End, Order, Watch};

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

    /// A frame does not pass: what is before it does, then comes a goodbye.
    fn stop(&mut self, stop: Stop, bytes: &[u8], to: To) {
        self.pending.extend_from_slice(&bytes[..stop.at]);
        self.break_off(stop.clean.then(|| stop.why.code()), to);
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
    /// All that went through.
    pub(crate) all: Amounts,
    /// What the metrics do not know yet.
    pub(crate) untold: Amounts,
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
        if tunnel.take_up(early_up) {
            tunnel.up.pending.extend_from_slice(early_up);
        }
        if tunnel.take_down(early_down) {
            tunnel.down.pending.extend_from_slice(early_down);
        }
        tunnel
    }

    /// Notes what came from the client; whether all of it may pass. What may is kept, where not all does.
    fn take_up(&mut self, bytes: &[u8]) -> bool {
        if !self.watch.frames {
            self.watch.heard_client(bytes.len(), 0);
            return true;
        }
        let rules = self.watch.rules();
        let tokens = &mut self.tokens;
        let seen = self.up.walk.read(bytes, |start| {
            rules.refuses(start).or_else(|| {
                let (tokens, bucket) = (tokens.as_mut()?, rules.messages?);
                let over = start.first && tokens.take(bucket).is_err();
                over.then_some(End::TooMany)
            })
        });
        self.watch.heard_client(bytes.len(), seen.messages);
        let Some(stop) = seen.stop.filter(|_| self.ending.is_none()) else {
            return true;
        };
        self.up.stop(stop, bytes, To::Server);
        self.end(stop.why);
        false
    }

    /// The same for what came from the server.
    fn take_down(&mut self, bytes: &[u8]) -> bool {
        if !self.watch.frames {
            self.watch.heard_server(bytes.len(), 0);
            return true;
        }
        let rules = self.watch.rules();
        let seen = self.down.walk.read(bytes, |start| rules.refuses(start));
        self.watch.heard_server(bytes.len(), seen.messages);
        let Some(stop) = seen.stop.filter(|_| self.ending.is_none()) else {
            return true;
        };
        self.down.stop(stop, bytes, To::Client);
        self.end(stop.why);
        false
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
        let passes = self.take_up(&buffer[..came]);
        if self.up.walk.is_closed() {
            self.first.get_or_insert(End::Client);
        }
        if !passes {
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
        let passes = self.take_down(&buffer[..came]);
        if self.down.walk.is_closed() {
            self.first.get_or_insert(End::Server);
        }
        if !passes {
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
            &self.watch,
            (cx, buffer),
        ) | leave(
            &mut self.client,
            &mut self.server,
            &mut self.up,
            (code, To::Server),
            &self.watch,
            (cx, buffer),
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
            all: self.watch.carried(),
            untold: self.watch.untold(),
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

/// A direction whose tunnel ends: the frame under way gets through, then our goodbye follows, and what the sender still says is let
/// go: an answer to unread bytes would take the goodbye away. Whether something moved.
fn leave<S: AsyncRead + Unpin, R: AsyncWrite + Unpin>(
    sender: &mut S,
    receiver: &mut R,
    way: &mut Way,
    (code, to): (Option<u16>, To),
    watch: &Watch,
    (cx, buffer): (&mut Context<'_>, &mut [u8]),
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
            let seen = way.walk.read(&buffer[..came], |_| None);
            match to {
                To::Server => watch.heard_client(came, seen.messages),
                To::Client => watch.heard_server(came, seen.messages),
            }
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
