//! Connections to servers: dialled within their time, kept for the next request, one pool per worker.

use std::cell::RefCell;
use std::future::Future;
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::ir::Protocol;

use crate::proxy::fault::causes;
use crate::proxy::process::generation::Generation;
use crate::proxy::request::body::Upload;
use crate::proxy::upstream::dial::{For, Unreached, to_server};
use crate::proxy::upstream::shared::{More, Second, Stream2, Told, second};
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

/// A worker's connections to every server of every upstream of a generation.
pub(crate) struct Pools {
    http1: Vec<Vec<RefCell<Vec<Kept>>>>,
    http2: Vec<Vec<Second>>,
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
                .map(|count| (0..count).map(|_| Second::default()).collect())
                .collect(),
        }
    }

    /// A connection of HTTP/1.1 that was kept, the latest first.
    fn reuse(&self, upstream: usize, server: usize, keep: Duration, moved: u32) -> Option<Sender> {
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
                let mut open = shared.open.borrow_mut();
                open.retain(|shared| shared.is_fresh(most));
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
        let http2 = settings.protocol.value == Protocol::Http2;
        let known = match http2 {
            true => self.http2[upstream][server].reuse(keep, moved),
            false => self.reuse(upstream, server, keep, moved),
        };
        if let Some(sender) = known {
            return Ok((sender, false));
        }
        // Rare and large: what waits for an answer need not have room for it.
        let dialled = Box::pin(async {
            if http2 {
                return self.shared(generation, upstream, server, keep).await;
            }
            let own = &generation.upstreams[upstream].servers.list[server];
            let stream = to_server(generation, upstream, own, For::default()).await?;
            let sender = http1(generation, upstream, stream).await?;
            Ok((Sender::Http1(sender), true))
        });
        timeout(connect, dialled)
            .await
            .map_err(|_| Unreached::Late)?
    }

    /// A place on a connection of HTTP/2: a new one is dialled only where those that are on their way have no room for all who wait.
    async fn shared(
        &self,
        generation: &Generation,
        upstream: usize,
        server: usize,
        keep: Duration,
    ) -> Result<(Sender, bool), Unreached> {
        let settings = &generation.gateway.upstreams[upstream];
        let own = &generation.upstreams[upstream].servers.list[server];
        let place = &self.http2[upstream][server];
        let kept = settings.keepalive.value.unwrap_or(0) > 0;
        while kept && place.is_enough() {
            {
                let _waits = More::of(&place.waiting);
                place.dialled.notified().await;
            }
            if let Some(sender) = place.reuse(keep, own.moved()) {
                return Ok((sender, false));
            }
        }
        let dialled = {
            let _told = Told(&place.dialled);
            let _dials = More::of(&place.dials);
            let moved = own.moved();
            let what = For {
                http2: true,
                port: None,
            };
            let stream = to_server(generation, upstream, own, what).await?;
            let shared = second(settings.response_head.value, stream, moved).await?;
            let sender = shared.open();
            if kept {
                place.open.borrow_mut().push(shared);
            }
            sender
        };
        Ok((dialled, true))
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
