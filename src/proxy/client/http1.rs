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
use crate::proxy::wire::Stream;

/// The shortest line of a head: a name of one letter, and no value.
const LINE: usize = b"a:\r\n".len();

/// The most lines of a head, whatever its size may be: beyond this hyper's map of headers would be full.
const LINES: usize = 16 * 1024;

/// How many lines hyper takes where it is told nothing, for which it has room at no cost.
const USUAL_LINES: usize = 100;

/// Waits for the first head: how many lines it has. Who has said nothing when the door is closed is not waited for.
async fn first_head(edge: &mut Edge<Stream>, pace: &Pace, door: &Door) -> io::Result<usize> {
    let mut begun = std::pin::pin!(edge.begin());
    tokio::select! {
        biased;
        lines = &mut begun => return lines,
        _ = door.closed() => {}
    }
    tokio::select! {
        lines = &mut begun => lines,
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
    // The contract bounds a head's size: as many lines as fit may come.
    let most_lines = (head_limit / LINE).min(LINES);
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
    let lines = first_head(&mut edge, &pace, &door).await?;
    let mut builder = http1::Builder::new();
    // Room for thousands of lines is made anew for every head, and costs as much as all the rest of a request.
    if lines > USUAL_LINES {
        builder.max_headers(most_lines);
    } else {
        edge.takes(USUAL_LINES.min(most_lines));
    }
    builder
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
