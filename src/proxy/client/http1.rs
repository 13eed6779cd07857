//! A client's HTTP/1 connection: hyper behind the watched edge, requests one after another, until one side is done or late.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{sleep, timeout_at};

use crate::proxy::client::door::Door;
use crate::proxy::client::edge::{Edge, Pace};
use crate::proxy::client::listen::LATE_COMER;
use crate::proxy::client::who::Client;
use crate::proxy::process::worker::Worker;
use crate::proxy::request::body::Tail;
use crate::proxy::request::serve::serve;
use crate::proxy::wire::{self, Stream};

/// Waits for the first head. Who has said nothing when the door is closed is not waited for.
async fn first_head(edge: &mut Edge<Stream>, pace: &Pace, door: &Door) -> io::Result<()> {
    let mut begun = std::pin::pin!(edge.begin());
    tokio::select! {
        biased;
        begun = &mut begun => return begun,
        _ = door.closed() => {}
    }
    tokio::select! {
        begun = &mut begun => begun,
        () = silent(pace) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Waits until a client that has said nothing is not waited for any more.
async fn silent(pace: &Pace) {
    sleep(LATE_COMER).await;
    if !pace.is_silent() {
        std::future::pending::<()>().await;
    }
}

/// Speaks HTTP/1.1 on a connection that was opened at this time of [`crate::proxy::clock::now`].
///
/// # Errors
/// What ended the connection.
pub(crate) async fn speak(
    worker: Rc<Worker>,
    stream: Stream,
    mut client: Client,
    door: Rc<Door>,
    opened: u64,
) -> io::Result<()> {
    let (local, id) = door.local(&worker);
    let listener = local.generation.gateway.listener(id);
    let head_limit = usize::try_from(listener.head_limit.value.as_bytes()).unwrap_or(usize::MAX);
    let most_lines = wire::most_lines(head_limit);
    let pace = Pace::new(opened);
    worker.pace(
        &pace,
        listener.head_timeout.value.as_millis(),
        listener.keepalive.value.as_millis(),
    );
    drop(local);
    client.pace = Some(Arc::clone(&pace));
    let client = Rc::new(client);
    let service = service_fn(|request| {
        let (worker, client, door) = (Rc::clone(&worker), Rc::clone(&client), Rc::clone(&door));
        async move {
            let pace = client.pace.clone();
            let answer = serve(worker, client, &door, request).await;
            answer.map(|answer| {
                answer.map(|body| match pace {
                    Some(pace) => body.followed_by(Box::new(Rested(pace))),
                    None => body,
                })
            })
        }
    });
    let mut edge = Edge::new(stream, Arc::clone(&pace), (head_limit, most_lines));
    first_head(&mut edge, &pace, &door).await?;
    let mut builder = http1::Builder::new();
    builder
        .max_headers(most_lines)
        .max_buf_size(head_limit.saturating_add(64 * 1024))
        .max_header_size(head_limit.saturating_add(1024))
        .timer(TokioTimer::new())
        .header_read_timeout(None);
    let connection = builder
        .serve_connection(TokioIo::new(edge), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let until = tokio::select! {
        biased;
        done = &mut connection => return counted(done, &worker, &door),
        until = door.closed() => until,
    };
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        done = timeout_at(until, &mut connection) => counted(done?, &worker, &door),
        () = silent(&pace) => Ok(()),
    }
}

/// How a connection ended; what hyper could not read, and has answered itself, is counted.
fn counted(done: hyper::Result<()>, worker: &Worker, door: &Door) -> io::Result<()> {
    if done.as_ref().is_err_and(hyper::Error::is_parse) {
        let (local, id) = door.local(worker);
        local.generation.listeners[id.index()].counters.refused();
    }
    done.map_err(io::Error::other)
}

/// The answer is gone: the time until the next request begins.
struct Rested(Arc<Pace>);

impl Tail for Rested {
    fn sent(&mut self, _bytes: usize) {}

    fn complete(&mut self) {}
}

impl Drop for Rested {
    fn drop(&mut self) {
        self.0.idle();
    }
}
