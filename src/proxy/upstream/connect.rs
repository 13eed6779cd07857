//! Connections to servers: dialled within their time, kept for the next request, one pool per worker.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::ir::{Protocol, Size};

use crate::proxy::fault::causes;
use crate::proxy::process::generation::Generation;
use crate::proxy::request::body::Upload;
use crate::proxy::upstream::dial::{For, Unreached, to_server};
use crate::proxy::wire::{self, Stream};

/// Something that sends requests to a server.
pub(crate) enum Sender {
    /// A connection of its own.
    Http1(http1::SendRequest<Upload>),
    /// A share of one.
    Http2(http2::SendRequest<Upload>, Stream2),
}

struct Kept {
    sender: http1::SendRequest<Upload>,
    /// How often the server's addresses had changed when it was dialled.
    moved: u32,
    since: Instant,
}

/// A connection of HTTP/2.
struct Shared {
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
    fn open(&self) -> Sender {
        self.streams.open.update(|open| open + 1);
        Sender::Http2(self.sender.clone(), Stream2(Rc::clone(&self.streams)))
    }

    fn has_room(&self) -> bool {
        let connection = self.streams.connection.borrow();
        let open = self.streams.open.get();
        connection
            .as_ref()
            .is_some_and(|it| open < it.current_max_send_streams())
    }

    fn is_fresh(&self, keep: Duration) -> bool {
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

/// A worker's connections to every server of every upstream of a generation.
pub(crate) struct Pools {
    http1: Vec<Vec<RefCell<Vec<Kept>>>>,
    http2: Vec<Vec<RefCell<Vec<Shared>>>>,
}

/// Runs hyper's futures on this thread.
#[derive(Clone, Copy)]
pub(crate) struct Here;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

impl Pools {
    /// Nothing is open yet.
    pub(crate) fn new(generation: &Generation) -> Self {
        let counts = || {
            generation
                .upstreams
                .iter()
                .map(|upstream| upstream.servers.list.len())
        };
        Self {
            http1: counts()
                .map(|count| (0..count).map(|_| RefCell::default()).collect())
                .collect(),
            http2: counts()
                .map(|count| (0..count).map(|_| RefCell::default()).collect())
                .collect(),
        }
    }

    /// A connection that was kept, the latest first.
    fn reuse(&self, upstream: usize, server: usize, keep: Duration, moved: u32) -> Option<Sender> {
        let shared = self.http2[upstream][server].borrow();
        let mut shared = shared.iter();
        if let Some(shared) =
            shared.find(|it| it.moved == moved && it.is_fresh(keep) && it.has_room())
        {
            return Some(shared.open());
        }
        let mut kept = self.http1[upstream][server].borrow_mut();
        while let Some(last) = kept.pop() {
            if last.moved == moved && last.since.elapsed() < keep && last.sender.is_ready() {
                return Some(Sender::Http1(last.sender));
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(crate) fn keep(
        &self,
        generation: &Generation,
        upstream: usize,
        server: usize,
        (sender, moved): (http1::SendRequest<Upload>, u32),
    ) {
        let most = generation.gateway.upstreams[upstream].keepalive.value;
        let mut kept = self.http1[upstream][server].borrow_mut();
        if !sender.is_closed() && (kept.len() as u64) < most.unwrap_or(0) {
            kept.push(Kept {
                sender,
                moved,
                since: Instant::now(),
            });
        }
    }

    /// Closes connections that nobody has used for too long.
    pub(crate) fn sweep(&self, generation: &Generation) {
        let http1 = self.http1.iter().zip(&self.http2);
        for (upstream, (http1, http2)) in generation.gateway.upstreams.iter().zip(http1) {
            let most = crate::proxy::clock::of(upstream.keepalive_timeout.value);
            for shared in http2 {
                shared.borrow_mut().retain(|shared| shared.is_fresh(most));
            }
            for kept in http1 {
                kept.borrow_mut()
                    .retain(|kept| kept.since.elapsed() < most && !kept.sender.is_closed());
            }
        }
    }

    /// A connection for a request: a kept one, else a new one. Whether it is new.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn get(
        &self,
        generation: &Generation,
        upstream: usize,
        server: usize,
        connect: Duration,
    ) -> Result<(Sender, bool), Unreached> {
        let settings = &generation.gateway.upstreams[upstream];
        let keep = crate::proxy::clock::of(settings.keepalive_timeout.value);
        let moved = generation.upstreams[upstream].servers.list[server].moved();
        if let Some(sender) = self.reuse(upstream, server, keep, moved) {
            return Ok((sender, false));
        }
        let http2 = settings.protocol.value == Protocol::Http2;
        // Rare and large: what waits for an answer need not have room for it.
        let dialled = Box::pin(async {
            let own = &generation.upstreams[upstream].servers.list[server];
            let what = For { http2, port: None };
            let stream = to_server(generation, upstream, own, what).await?;
            if http2 {
                let shared = second(settings.response_head.value, stream, moved).await?;
                let sender = shared.open();
                if settings.keepalive.value.unwrap_or(0) > 0 {
                    self.http2[upstream][server].borrow_mut().push(shared);
                }
                Ok(sender)
            } else {
                http1(generation, upstream, stream).await.map(Sender::Http1)
            }
        });
        let sender = timeout(connect, dialled)
            .await
            .map_err(|_| Unreached::Late)??;
        Ok((sender, true))
    }

    /// A new HTTP/1.1 connection for a tunnel.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn fresh(
        &self,
        generation: &Generation,
        upstream: usize,
        server: usize,
        connect: Duration,
    ) -> Result<http1::SendRequest<Upload>, Unreached> {
        timeout(connect, async {
            let own = &generation.upstreams[upstream].servers.list[server];
            let stream = to_server(generation, upstream, own, For::default()).await?;
            http1(generation, upstream, stream).await
        })
        .await
        .map_err(|_| Unreached::Late)?
    }
}

/// hyper's smallest buffer.
const SMALLEST: usize = 8192;

/// How much of a body is read at once.
const CHUNK: usize = 64 * 1024;

async fn http1(
    generation: &Generation,
    upstream: usize,
    stream: Stream,
) -> Result<http1::SendRequest<Upload>, Unreached> {
    let head = generation.gateway.upstreams[upstream].response_head.value;
    let head = usize::try_from(head.as_bytes()).unwrap_or(usize::MAX);
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(head.max(SMALLEST) + CHUNK)
        .max_header_size(head)
        .max_headers(wire::most_lines(head))
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|why| Unreached::Strange(causes(&why)))?;
    spawn_local(async move {
        let _ = connection.with_upgrades().await;
    });
    Ok(sender)
}

/// A connection of HTTP/2, which lives until nobody can send on it any more.
async fn second(head: Size, stream: Stream, moved: u32) -> Result<Shared, Unreached> {
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
