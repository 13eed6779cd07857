//! Connections of HTTP/2 to a server: requests share them, as many as the server takes at once; who waits for one that is being dialled
//! dials no other.

use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::ir::Size;

use crate::proxy::fault::causes;
use crate::proxy::request::body::Upload;
use crate::proxy::upstream::connect::{Here, Sender};
use crate::proxy::upstream::dial::Unreached;
use crate::proxy::wire::Stream;

/// A connection of HTTP/2.
pub(super) struct Shared {
    sender: http2::SendRequest<Upload>,
    /// How often the server's addresses had changed when it was dialled.
    moved: u32,
    streams: Rc<Streams>,
}

type Connection2 = http2::Connection<TokioIo<Stream>, Upload, Here>;

/// The requests on a connection of HTTP/2.
struct Streams {
    open: Cell<usize>,
    /// When the last one ended.
    since: Cell<Instant>,
    /// Whether one was not answered in time: perhaps nobody is there any more, and no further one goes there.
    doubted: Cell<bool>,
    /// It knows how many the server takes at once; none at its end.
    connection: RefCell<Option<Connection2>>,
}

/// A request on a connection of HTTP/2, until its answer is complete.
pub(crate) struct Stream2(Rc<Streams>);

impl Shared {
    pub(super) fn open(&self) -> Sender {
        self.streams.open.update(|open| open + 1);
        Sender::Http2(self.sender.clone(), Stream2(Rc::clone(&self.streams)))
    }

    /// How many requests it takes at once; none at its end.
    fn room(&self) -> Option<usize> {
        let connection = self.streams.connection.borrow();
        connection
            .as_ref()
            .map(Connection2::current_max_send_streams)
    }

    pub(super) fn has_room(&self) -> bool {
        let open = self.streams.open.get();
        self.room().is_some_and(|room| open < room)
    }

    pub(super) fn is_fresh(&self, keep: Duration) -> bool {
        let streams = &self.streams;
        let used = streams.open.get() > 0 || streams.since.get().elapsed() < keep;
        used && !streams.doubted.get() && !self.sender.is_closed()
    }
}

impl Stream2 {
    /// Nothing came in time: whoever comes next takes another connection, those that are under way stay.
    pub(crate) fn doubt(&self) {
        self.0.doubted.set(true);
    }
}

impl Drop for Stream2 {
    fn drop(&mut self) {
        self.0.open.update(|open| open.saturating_sub(1));
        self.0.since.set(Instant::now());
    }
}

/// The connections of HTTP/2 to a server.
pub(super) struct Second {
    pub(super) open: RefCell<Vec<Shared>>,
    /// How many requests one of them takes at once, as far as is known.
    pub(super) room: Cell<usize>,
    /// How many are being dialled, and how many requests wait for that.
    pub(super) dials: Cell<usize>,
    pub(super) waiting: Cell<usize>,
    pub(super) dialled: Notify,
}

/// How many requests a connection of HTTP/2 takes before its server has said so: what hyper assumes.
const ROOM: usize = 100;

impl Default for Second {
    fn default() -> Self {
        Self {
            open: RefCell::default(),
            room: Cell::new(ROOM),
            dials: Cell::new(0),
            waiting: Cell::new(0),
            dialled: Notify::new(),
        }
    }
}

impl Second {
    /// A place on a connection that is open.
    pub(super) fn reuse(&self, keep: Duration, moved: u32) -> Option<Sender> {
        let shared = self.open.borrow();
        let mut fits = shared
            .iter()
            .filter(|it| it.moved == moved && it.is_fresh(keep));
        fits.find(|it| {
            self.room.set(it.room().unwrap_or(ROOM).max(1));
            it.has_room()
        })
        .map(Shared::open)
    }

    /// Whether what is being dialled has room for one more.
    pub(super) fn is_enough(&self) -> bool {
        self.dials.get() * self.room.get() > self.waiting.get()
    }
}

/// One more as long as it lives.
pub(super) struct More<'a>(&'a Cell<usize>);

impl<'a> More<'a> {
    pub(super) fn of(count: &'a Cell<usize>) -> Self {
        count.update(|count| count + 1);
        Self(count)
    }
}

impl Drop for More<'_> {
    fn drop(&mut self) {
        self.0.update(|count| count - 1);
    }
}

/// Wakes all who wait once it is gone, however that came about.
pub(super) struct Told<'a>(pub(super) &'a Notify);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

/// A connection of HTTP/2, which lives until nobody can send on it any more.
pub(super) async fn second(head: Size, stream: Stream, moved: u32) -> Result<Shared, Unreached> {
    let (sender, connection) = http2::Builder::new(Here)
        .timer(hyper_util::rt::TokioTimer::new())
        .max_header_list_size(u32::try_from(head.as_bytes()).unwrap_or(u32::MAX))
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|why| Unreached::Strange(causes(&why)))?;
    let streams = Rc::new(Streams {
        open: Cell::new(0),
        since: Cell::new(Instant::now()),
        doubted: Cell::new(false),
        connection: RefCell::new(Some(connection)),
    });
    let driven = Rc::clone(&streams);
    spawn_local(poll_fn(move |cx| {
        let mut connection = driven.connection.borrow_mut();
        let Some(running) = connection.as_mut() else {
            return Poll::Ready(());
        };
        // What waits for it hears of its end only when it is gone.
        Pin::new(running).poll(cx).map(|_| *connection = None)
    }));
    Ok(Shared {
        sender,
        moved,
        streams,
    })
}
