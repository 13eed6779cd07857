//! The client's side of an HTTP/1 connection as bytes: how long a head takes, and what RFC 9112 forbids that hyper would let pass.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use std::sync::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::proxy::client::framing::{Framing, Verdict};
use crate::proxy::clock;

/// How much is read at first.
const FIRST: usize = 4096;

/// How long a client may go on sending after the last answer.
const LINGER: Duration = Duration::from_secs(2);

/// What a connection is doing, for the sweep that ends slow ones. Times are milliseconds of [`clock::now`]; 0 is none.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the head that is being read began, or the connection was opened.
    head_since: AtomicU64,
    /// When the last answer was done and nothing of the next request had come.
    idle_since: AtomicU64,
    /// Since when the client takes nothing of what there is.
    stalled_since: AtomicU64,
    /// For how long it may, in milliseconds.
    patience: AtomicU64,
    /// Set by the sweep: reads end.
    over: AtomicBool,
    /// Set where an upgrade was refused: HTTP goes on.
    released: AtomicBool,
    waker: Mutex<Option<Waker>>,
    /// Bytes that came.
    read: AtomicU64,
    /// Bytes that went on to be read as HTTP, or went out, and how many of them a log line has told already.
    passed: AtomicU64,
    written: AtomicU64,
    told_read: AtomicU64,
    told_written: AtomicU64,
}

/// Which time a connection has used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Late {
    /// A head is not complete.
    Head,
    /// No next request came.
    Idle,
    /// Nothing of an answer was taken.
    Stalled,
}

impl Pace {
    /// A connection that was opened at this time.
    pub(crate) fn new(opened: u64) -> Arc<Self> {
        let pace = Self::default();
        pace.head_since.store(opened, Relaxed);
        pace.answers(crate::proxy::request::body::PATIENCE);
        Arc::new(pace)
    }

    /// An answer begins: for how long its client may take nothing of it.
    pub(crate) fn answers(&self, patience: Duration) {
        let millis = patience.as_millis().try_into().unwrap_or(u64::MAX);
        self.patience.store(millis, Relaxed);
    }

    /// A head is complete: an answer is being made.
    pub(crate) fn busy(&self) {
        self.head_since.store(0, Relaxed);
        self.idle_since.store(0, Relaxed);
    }

    /// An answer is done.
    pub(crate) fn idle(&self) {
        if self.head_since.load(Relaxed) == 0 {
            self.idle_since.store(clock::now(), Relaxed);
        }
    }

    /// The first byte of a next request is here.
    fn begins(&self) {
        if self.head_since.load(Relaxed) == 0 {
            self.head_since.store(clock::now(), Relaxed);
        }
        self.idle_since.store(0, Relaxed);
    }

    /// What is late at `now`, with these limits in milliseconds.
    pub(crate) fn late(&self, now: u64, head: u64, keepalive: u64) -> Option<Late> {
        let past = |since: u64, limit: u64| since != 0 && now.saturating_sub(since) >= limit;
        if past(self.head_since.load(Relaxed), head) {
            Some(Late::Head)
        } else if past(self.idle_since.load(Relaxed), keepalive) {
            Some(Late::Idle)
        } else if past(
            self.stalled_since.load(Relaxed),
            self.patience.load(Relaxed),
        ) {
            Some(Late::Stalled)
        } else {
            None
        }
    }

    /// Ends the connection at its next read, or at the write that it waits for, and wakes it for that.
    pub(crate) fn end(&self) {
        self.over.store(true, Relaxed);
        let waker = self.waker.lock().ok().and_then(|mut waker| waker.take());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// An upgrade was refused: what comes next is HTTP again.
    pub(crate) fn release(&self) {
        self.released.store(true, Relaxed);
        let waker = self.waker.lock().ok().and_then(|mut waker| waker.take());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Bytes that came, and were taken for HTTP, and that went out since this was last asked.
    pub(crate) fn told(&self) -> (u64, u64) {
        let since = |all: &AtomicU64, told: &AtomicU64| {
            let all = all.load(Relaxed);
            all - told.swap(all, Relaxed)
        };
        (
            since(&self.passed, &self.told_read),
            since(&self.written, &self.told_written),
        )
    }

    /// Whether not one byte has come yet.
    pub(crate) fn is_silent(&self) -> bool {
        self.read.load(Relaxed) == 0
    }

    fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Notes what became of a write of our own.
    ///
    /// # Errors
    /// The client has not taken anything for too long.
    fn wrote<T>(&self, cx: &Context<'_>, written: &Poll<io::Result<T>>) -> io::Result<()> {
        let stalled = self.stalled_since.load(Relaxed);
        match written {
            Poll::Pending if self.is_over() => return Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => {
                if stalled == 0 {
                    self.stalled_since.store(clock::now(), Relaxed);
                }
                self.wait(cx);
            }
            Poll::Ready(_) if stalled != 0 => self.stalled_since.store(0, Relaxed),
            Poll::Ready(_) => {}
        }
        Ok(())
    }

    fn sent(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.written.fetch_add(*bytes as u64, Relaxed);
        }
    }

    fn wait(&self, cx: &Context<'_>) {
        if let Ok(mut waker) = self.waker.lock() {
            match waker.as_ref() {
                Some(known) if known.will_wake(cx.waker()) => {}
                _ => *waker = Some(cx.waker().clone()),
            }
        }
    }
}

/// A client's connection, watched.
pub(crate) struct Edge<T> {
    inner: T,
    pace: Arc<Pace>,
    framing: Framing,
    most_lines: usize,
    /// Bytes after a head that asks for an upgrade: hyper must not take them for a next request.
    held: Vec<u8>,
    /// Bytes that may go on and did not fit.
    ready: Vec<u8>,
    /// Until when what a client still sends is let go after the last answer.
    linger: Option<Pin<Box<Sleep>>>,
}

impl<T> Edge<T> {
    /// Watches a connection whose heads may have so many bytes, and so many lines.
    pub(crate) fn new(inner: T, pace: Arc<Pace>, (head_limit, most_lines): (usize, usize)) -> Self {
        Self {
            inner,
            pace,
            framing: Framing::new(head_limit, most_lines),
            most_lines,
            held: Vec::new(),
            ready: Vec::new(),
            linger: None,
        }
    }

    /// The connection, and the bytes that came after the head that asked for an upgrade.
    pub(crate) fn into_parts(self) -> (T, Vec<u8>) {
        (self.inner, self.held)
    }
}

impl<T: AsyncRead + Unpin> Edge<T> {
    /// Waits for the first head, which is kept for hyper.
    pub(crate) async fn begin(&mut self) -> io::Result<()> {
        let mut start = vec![0; FIRST];
        let mut buf = ReadBuf::new(&mut start);
        poll_fn(|cx| self.poll_http(cx, &mut buf)).await?;
        self.ready.splice(..0, buf.filled().iter().copied());
        Ok(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Edge<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = this.poll_http(cx, buf);
        let passed = buf.filled().len() - before;
        this.pace.passed.fetch_add(passed as u64, Relaxed);
        read
    }
}

impl<T: AsyncRead + Unpin> Edge<T> {
    /// Reads what may be read as HTTP.
    fn poll_http(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self;
        if this.pace.is_over() {
            return Poll::Ready(Ok(()));
        }
        if this.ready.is_empty()
            && let Some(bad) = this.framing.refused()
        {
            // hyper answers what it cannot read, with the status that fits, and closes.
            this.ready = bad.bait(this.most_lines);
        }
        if this.ready.is_empty() && this.framing.is_held() {
            if !this.pace.released.swap(false, Relaxed) {
                this.pace.wait(cx);
                return Poll::Pending;
            }
            this.framing.release();
        }
        loop {
            if !this.ready.is_empty() {
                take(&mut this.ready, buf);
                return Poll::Ready(Ok(()));
            }
            let before = buf.filled().len();
            if this.held.is_empty() {
                match Pin::new(&mut this.inner).poll_read(cx, buf) {
                    Poll::Pending => {
                        this.pace.wait(cx);
                        return Poll::Pending;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Ready(Ok(())) => {
                        let came = buf.filled().len() - before;
                        this.pace.read.fetch_add(came as u64, Relaxed);
                    }
                }
            } else {
                take(&mut this.held, buf);
            }
            let came = &buf.filled()[before..];
            if came.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let verdict = this.framing.watch(came);
            if this.framing.is_in_head() {
                this.pace.begins();
            }
            let at = match verdict {
                Verdict::Pass { at } | Verdict::Refuse { at } => at,
                Verdict::Upgrade { at } => {
                    // The answer to an earlier request releases nothing.
                    this.pace.released.store(false, Relaxed);
                    // Before what is held already, of which these are the first bytes.
                    this.held.splice(..0, came[at..].iter().copied());
                    at
                }
            };
            this.ready = this.framing.kept();
            if this.ready.is_empty() {
                buf.set_filled(before + at);
            } else {
                this.ready.extend_from_slice(&came[..at]);
                buf.set_filled(before);
            }
            if let (Some(bad), true) = (this.framing.refused(), at == 0 && this.ready.is_empty()) {
                // Nothing good came before it: a read of no bytes would be the end.
                this.ready = bad.bait(this.most_lines);
            }
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// Moves what fits.
fn take(from: &mut Vec<u8>, buf: &mut ReadBuf<'_>) {
    let fits = from.len().min(buf.remaining());
    buf.put_slice(&from[..fits]);
    from.drain(..fits);
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Edge<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.pace.wrote(cx, &written)?;
        this.pace.sent(&written);
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.inner).poll_flush(cx);
        this.pace.wrote(cx, &flushed)?;
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            let done = Pin::new(&mut this.inner).poll_shutdown(cx);
            this.pace.wrote(cx, &done)?;
            let done = done?;
            if done.is_pending() || this.framing.is_between_requests() || this.pace.is_over() {
                return done.map(Ok);
            }
        }
        // A request is still on its way: closing now would reset the connection, and take the answer from the client.
        let until = this.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut rest = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut rest);
            match Pin::new(&mut this.inner).poll_read(cx, &mut buf) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        this.pace.wrote(cx, &written)?;
        this.pace.sent(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
