//! One request on one connection: sent, answered in time, the connection kept for the next one once the answer is whole.

use std::error::Error;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::{sleep_until, timeout};

use crate::proxy::fault::causes;
use crate::proxy::process::worker::Local;
use crate::proxy::request::body::{Progress, Silent, Tail, Upload};
use crate::proxy::request::limit::Counted;
use crate::proxy::request::serve::Scene;
use crate::proxy::upstream::connect::Sender;
use crate::proxy::upstream::servers::Open;
use crate::proxy::upstream::shared::Stream2;

/// A connection to a server, and the request that is open there.
pub(crate) struct Reached {
    /// The server.
    pub(crate) server: usize,
    /// It is open there.
    pub(crate) open: Open,
    /// The connection.
    pub(crate) sender: Sender,
    /// Whether it was dialled for this.
    pub(crate) fresh: bool,
    /// How often the server's addresses had changed.
    pub(crate) moved: u32,
}

/// Why there is no answer.
pub(crate) enum Failed {
    /// The connection was closed before anything was sent of this.
    Stale(Box<Request<Upload>>),
    /// The head did not come in time.
    Late,
    /// The server broke off, or said something that is no HTTP.
    Broken(String),
}

/// What goes on after the head of an answer.
pub(crate) struct Keep {
    /// It is open at the server.
    pub(crate) open: Open,
    /// A connection of its own.
    pub(crate) back: Option<Back>,
    /// Its place on one that is shared.
    pub(crate) stream: Option<Stream2>,
}

/// A connection that goes back to its pool.
pub(crate) struct Back {
    /// The thread's connections, unless a reload has let go of them.
    pub(crate) local: Weak<Local>,
    /// The upstream.
    pub(crate) upstream: usize,
    /// Its server.
    pub(crate) server: usize,
    /// The connection.
    pub(crate) sender: hyper::client::conn::http1::SendRequest<Upload>,
    /// How often the server's addresses had changed when it was dialled.
    pub(crate) moved: u32,
}

/// Sends a request and waits for the head of the answer; one that agrees to a tunnel is one only where that was asked for.
pub(crate) async fn exchange(
    reached: Reached,
    request: Request<Upload>,
    progress: &Progress,
    limits: (Duration, Duration),
    (scene, upstream, tunnels): (&Scene, usize, bool),
) -> Result<(Response<Incoming>, Keep), Failed> {
    let Reached {
        server,
        open,
        sender,
        moved,
        ..
    } = reached;
    let broken = |mut error: TrySendError<Request<Upload>>| match error.take_message() {
        Some(unsent) => Failed::Stale(Box::new(unsent)),
        None => Failed::Broken(causes(&error.into_error())),
    };
    let (answer, back, stream) = match sender {
        Sender::Http1(mut sender) => {
            let answer = in_time(sender.try_send_request(request), progress, limits)
                .await?
                .map_err(broken)?;
            let back = Back {
                local: Rc::downgrade(&scene.local),
                upstream,
                server,
                sender,
                moved,
            };
            (answer, Some(back), None)
        }
        Sender::Http2(mut sender, stream) => {
            let answer = in_time(sender.try_send_request(request), progress, limits).await;
            if let Err(Failed::Late) = &answer {
                stream.doubt();
            }
            (answer?.map_err(broken)?, None, Some(stream))
        }
    };
    if let Some(why) = strange(&answer, tunnels) {
        return Err(Failed::Broken(why.to_owned()));
    }
    Ok((answer, Keep { open, back, stream }))
}

/// What makes an answer none that could be passed on, if something does.
fn strange(answer: &Response<Incoming>, tunnels: bool) -> Option<&'static str> {
    let headers = answer.headers();
    let coded = headers.contains_key(header::TRANSFER_ENCODING);
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    // RFC 9112 §6.3: two lengths that readers could choose from; §7: a coding that was not asked for.
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS && !tunnels {
        Some("an upgrade that was not asked for")
    } else if coded && headers.contains_key(header::CONTENT_LENGTH) {
        Some("an answer with both Content-Length and Transfer-Encoding")
    } else if codings.any(|it| !it.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        Some("an answer with a transfer coding other than chunked")
    } else {
        None
    }
}

/// Waits for an answer: the time counts from the request's last byte; before, for as long as a byte of the body may take more.
async fn in_time<T>(
    answer: impl Future<Output = T>,
    progress: &Progress,
    (limit, idle): (Duration, Duration),
) -> Result<T, Failed> {
    let mut answer = std::pin::pin!(answer);
    if progress.done.get() {
        return timeout(limit, answer).await.map_err(|_| Failed::Late);
    }
    let begun = Instant::now();
    let mut end = begun + limit;
    loop {
        tokio::select! {
            biased;
            came = &mut answer => return Ok(came),
            () = sleep_until(end.into()) => {
                // A client that is silent is told so in less.
                let pause = if progress.done.get() { limit } else { limit + idle };
                end = progress.at.get().unwrap_or(begun) + pause;
                if end <= Instant::now() {
                    return Err(Failed::Late);
                }
            }
        }
    }
}

/// What ends with an answer's body.
pub(crate) struct Done {
    /// It is open at the server.
    _open: Open,
    /// It counts for the route.
    _counted: Option<Counted>,
    /// The connection goes back once the body is complete.
    back: Option<Back>,
    /// It has its place on a connection.
    stream: Option<Stream2>,
}

impl Done {
    /// What goes on until the last byte.
    pub(crate) fn new(keep: Keep, counted: Option<Counted>) -> Self {
        Self {
            _open: keep.open,
            _counted: counted,
            back: keep.back,
            stream: keep.stream,
        }
    }
}

impl Tail for Done {
    fn sent(&mut self, _bytes: usize) {}

    fn complete(&mut self) {
        if let Some(back) = self.back.take()
            && let Some(local) = back.local.upgrade()
        {
            let kept = (back.sender, back.moved);
            let pools = &local.pools;
            pools.keep(&local.generation, back.upstream, back.server, kept);
        }
    }

    fn broke(&mut self, why: &(dyn Error + 'static)) {
        if why.is::<Silent>()
            && let Some(stream) = &self.stream
        {
            stream.doubt();
        }
    }
}
