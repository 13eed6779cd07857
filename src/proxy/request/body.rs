//! Bodies on their way: counted, bounded in time and size, and what has to be done when the last byte is gone.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

/// What a body can end with.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// How long a client may take nothing of an answer that no route gives a time for: the contract's default.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An answer's body.
pub(crate) struct Body {
    kind: Kind,
    /// How long its client may take none of it.
    patience: Duration,
    tails: Vec<Box<dyn Tail>>,
}

enum Kind {
    /// All of it is here.
    Whole(Option<Bytes>),
    /// It comes from a server.
    Passing {
        from: Incoming,
        idle: Idle,
        /// Whether some of it has come.
        begun: bool,
    },
    /// It is made from another one.
    Made(Pin<Box<dyn http_body::Body<Data = Bytes, Error = Fault>>>),
}

/// What has to be done along a body and at its end.
pub(crate) trait Tail {
    /// So many bytes went to the client.
    fn sent(&mut self, bytes: usize);
    /// The body is complete. It is dropped afterwards; dropped alone, it was not.
    fn complete(&mut self);
    /// The body broke off.
    fn broke(&mut self, _why: &(dyn Error + 'static)) {}
}

impl Body {
    /// A body that is here already.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            kind: Kind::Whole((!bytes.is_empty()).then_some(bytes)),
            patience: PATIENCE,
            tails: Vec::new(),
        }
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self::whole(Bytes::new())
    }

    /// A server's body, which ends in an error where it is silent for longer than `idle`.
    pub(crate) fn passing(from: Incoming, idle: Duration) -> Self {
        Self {
            kind: Kind::Passing {
                from,
                idle: Idle::new(idle),
                begun: false,
            },
            patience: idle,
            tails: Vec::new(),
        }
    }

    /// A body that another one is made into.
    pub(crate) fn made(from: impl http_body::Body<Data = Bytes, Error = Fault> + 'static) -> Self {
        Self {
            kind: Kind::Made(Box::pin(from)),
            patience: PATIENCE,
            tails: Vec::new(),
        }
    }

    /// How long its client may take none of it.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Gives its client a route's time.
    pub(crate) fn waits(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// One more thing that has to be done along it, after what there is already.
    pub(crate) fn followed_by(mut self, next: Box<dyn Tail>) -> Self {
        self.tails.push(next);
        self
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        let polled = match &mut this.kind {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Passing { from, idle, begun } => match Pin::new(&mut *from).poll_frame(cx) {
                Poll::Pending => match idle.poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(Silent.into()))),
                    Poll::Pending => Poll::Pending,
                },
                // hyper takes a stream that is reset without an error for one that has ended.
                Poll::Ready(None) if *begun && from.size_hint().lower() > 0 => {
                    Poll::Ready(Some(Err("the body ended before its length".into())))
                }
                Poll::Ready(frame) => {
                    idle.touch();
                    *begun = true;
                    Poll::Ready(frame.map(|frame| frame.map_err(Fault::from)))
                }
            },
            Kind::Made(body) => body.as_mut().poll_frame(cx),
        };
        let tails = &mut this.tails;
        let over = match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    tails.iter_mut().for_each(|tail| tail.sent(data.len()));
                }
                // hyper asks no further where it knows that this was all.
                let end = this.kind.is_end();
                if end {
                    tails.iter_mut().for_each(|tail| tail.complete());
                }
                end
            }
            Poll::Ready(None) => {
                tails.iter_mut().for_each(|tail| tail.complete());
                true
            }
            Poll::Ready(Some(Err(why))) => {
                tails.iter_mut().for_each(|tail| tail.broke(&**why));
                true
            }
            Poll::Pending => false,
        };
        if over {
            tails.clear();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.kind.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Passing { from, .. } => from.size_hint(),
            Kind::Made(body) => body.size_hint(),
        }
    }
}

impl Kind {
    fn is_end(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Passing { from, .. } => from.is_end_stream(),
            Self::Made(body) => body.is_end_stream(),
        }
    }
}

/// A body stood still for too long.
#[derive(Debug)]
pub(crate) struct Silent;

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body stood still for too long")
    }
}

impl Error for Silent {}

/// A body is larger than it may be.
#[derive(Debug)]
pub(crate) struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body is larger than it may be")
    }
}

impl Error for TooLarge {}

/// A time that starts anew with every byte. Nothing is set up while bytes come without a wait.
struct Idle {
    limit: Duration,
    /// Since when there has been a wait.
    since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            since: None,
            sleep: None,
        }
    }

    fn touch(&mut self) {
        self.since = None;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let since = *self.since.get_or_insert_with(Instant::now);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
        loop {
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let end = since + limit;
            if Instant::now() >= end {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(end.into());
        }
    }
}

/// How far a request's body has come.
#[derive(Default)]
pub(crate) struct Progress {
    /// Bytes that went to the server.
    pub(crate) bytes: Cell<u64>,
    /// Whether all of it did.
    pub(crate) done: Cell<bool>,
    /// Whether it was larger than it may be.
    pub(crate) too_large: Cell<bool>,
    /// Whether it stood still for too long.
    pub(crate) silent: Cell<bool>,
    /// Whether it is no body by HTTP's rules, or the client has gone.
    pub(crate) malformed: Cell<bool>,
    /// When the last of it went.
    pub(crate) at: Cell<Option<Instant>>,
    /// What went, for another try; `None` where it is too much, or nobody asked.
    kept: RefCell<Option<Vec<Bytes>>>,
}

/// How much of a body is kept for another try.
const KEPT: u64 = 64 * 1024;

impl Progress {
    /// Keeps what goes, as far as it is not too much.
    pub(crate) fn keep(&self) {
        *self.kept.borrow_mut() = Some(Vec::new());
    }

    /// The whole body, if it went and was kept.
    pub(crate) fn whole(&self) -> Option<Vec<Bytes>> {
        self.done.get().then(|| self.kept.borrow().clone())?
    }

    fn note(&self, data: &Bytes) {
        let mut kept = self.kept.borrow_mut();
        if self.bytes.get() > KEPT {
            *kept = None;
        } else if let Some(kept) = kept.as_mut() {
            kept.push(data.clone());
        }
    }
}

/// A request's body on its way to a server.
pub(crate) struct Upload {
    from: Option<Incoming>,
    /// What was kept of an earlier try, the next piece last.
    again: Vec<Bytes>,
    limit: u64,
    idle: Idle,
    progress: Rc<Progress>,
}

impl Upload {
    /// A client's body of at most `limit` bytes, silent for at most `idle`.
    pub(crate) fn new(from: Incoming, limit: u64, idle: Duration, progress: Rc<Progress>) -> Self {
        let from = (!from.is_end_stream()).then_some(from);
        progress.done.set(from.is_none());
        Self {
            from,
            again: Vec::new(),
            limit,
            idle: Idle::new(idle),
            progress,
        }
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        let progress = Rc::new(Progress::default());
        progress.done.set(true);
        Self::again(Vec::new(), progress)
    }

    /// A body that was kept, once more.
    pub(crate) fn again(mut kept: Vec<Bytes>, progress: Rc<Progress>) -> Self {
        kept.reverse();
        Self {
            from: None,
            again: kept,
            limit: 0,
            idle: Idle::new(Duration::ZERO),
            progress,
        }
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        let Some(from) = &mut this.from else {
            return Poll::Ready(this.again.pop().map(|data| Ok(Frame::data(data))));
        };
        match Pin::new(&mut *from).poll_frame(cx) {
            Poll::Pending => match this.idle.poll(cx) {
                Poll::Ready(()) => {
                    this.progress.silent.set(true);
                    Poll::Ready(Some(Err(Silent.into())))
                }
                Poll::Pending => Poll::Pending,
            },
            Poll::Ready(Some(Ok(frame))) => {
                this.idle.touch();
                if let Some(data) = frame.data_ref() {
                    let bytes = this.progress.bytes.get() + data.len() as u64;
                    this.progress.bytes.set(bytes);
                    this.progress.note(data);
                    if bytes > this.limit {
                        this.progress.too_large.set(true);
                        return Poll::Ready(Some(Err(TooLarge.into())));
                    }
                }
                this.progress.at.set(Some(Instant::now()));
                this.progress.done.set(from.is_end_stream());
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.progress.malformed.set(true);
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                this.progress.done.set(true);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.again.is_empty() && self.from.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.from.as_ref().map_or_else(
            || SizeHint::with_exact(self.again.iter().map(|it| it.len() as u64).sum()),
            http_body::Body::size_hint,
        )
    }
}
