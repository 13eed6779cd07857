//! To a server and back: which one, within which times, what it sees of the request and what the client sees of its answer.

use std::rc::Rc;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use crate::ir::{Entry, HashKey, RetryAfter, Route, Share};

use crate::proxy::clock;
use crate::proxy::process::generation::{self, Upstream};
use crate::proxy::request::answer::{Maker, plain};
use crate::proxy::request::body::{Body, Progress, Upload};
use crate::proxy::request::head::{Head, cookie, joined};
use crate::proxy::request::limit::Counted;
use crate::proxy::request::outgoing;
use crate::proxy::request::serve::Scene;
use crate::proxy::request::value::{Known, remove_hop_by_hop};
use crate::proxy::telemetry::log::Record;
use crate::proxy::tunnel::switch;
use crate::proxy::upstream::exchange::{Done, Failed, Reached, exchange};
use crate::proxy::upstream::servers;

/// What the phases before have found out.
pub(crate) struct Passage<'a> {
    /// The entry that took the request.
    pub(crate) entry: Entry,
    /// The path in the form in which it was matched.
    pub(crate) path: String,
    /// What the guards know.
    pub(crate) known: &'a Known,
    /// What is counted while the request is open.
    pub(crate) counted: Option<Counted>,
}

/// Whether a request becomes a tunnel on this route once the server agrees.
pub(crate) fn tunnels(route: &Route, head: &Head) -> bool {
    let (Some(websocket), Some(token)) = (&route.websocket, &head.upgrade) else {
        return false;
    };
    websocket.tokens.value.contains(token)
        && websocket
            .methods
            .value
            .iter()
            .any(|method| method == head.method.as_str())
}

/// A request on its way: what does not change from one server to the next.
struct Way<'a> {
    scene: &'a Scene,
    share: &'a Share,
    upstream: &'a Upstream,
    /// The server that the client had.
    kept: Option<usize>,
    key: Option<u64>,
    tried: Vec<usize>,
}

/// Passes a request on, and the answer back.
pub(crate) async fn forward(
    scene: &Scene,
    passage: Passage<'_>,
    request: Request<Incoming>,
    record: &mut Record,
    tunnels: bool,
) -> (Maker, Response<Body>) {
    let generation = &scene.local.generation;
    let route = generation.gateway.route(passage.entry.route);
    let ready = &generation.routes[passage.entry.route.index()];
    let share = share(route.shares(), ready.weights);
    let id = share.upstream.value;
    let upstream = &generation.upstreams[id.index()];
    record.upstream(id);
    let (mut parts, body) = request.into_parts();
    let upgrade = tunnels.then(|| parts.extensions.remove::<hyper::upgrade::OnUpgrade>());
    let mut way = Way {
        scene,
        share,
        upstream,
        kept: upstream
            .sticky
            .as_ref()
            .and_then(|sticky| sticky.kept(&scene.head, &parts.headers)),
        key: key(upstream, &scene.head, &parts.headers, &passage.path),
        tried: Vec::new(),
    };
    let sent = upstream
        .sticky
        .as_ref()
        .and_then(|sticky| sticky.sent(&parts.headers));
    let limit = route.body.value.map_or(u64::MAX, |size| size.as_bytes());
    let Some(target) = outgoing::target(scene, &passage) else {
        return refused(StatusCode::BAD_REQUEST);
    };
    outgoing::prepare(scene, &passage, share, &mut parts.headers);
    let mut further = match &share.retries.value {
        Some(retries) if is_idempotent(&scene.head.method) => retries.attempts,
        _ => 0,
    };
    if let Some(upgrade) = upgrade {
        let handshake = switch::Handshake {
            scene,
            passage,
            share,
            upgrade,
            target,
            headers: parts.headers,
            further,
            kept: way.kept,
            key: way.key,
            sent,
        };
        return Box::pin(switch::switch(handshake, record)).await;
    }
    let progress = Rc::new(Progress::default());
    if further > 0 {
        progress.keep();
    }
    let mut upload = Upload::new(body, limit, ready.idle, Rc::clone(&progress));
    loop {
        let reached = match reach(&mut way, record).await {
            Ok(reached) => reached,
            Err(status) => return refused(status),
        };
        record.server(id, reached.server);
        upstream.requests.increment(1);
        let headers = if further > 0 {
            parts.headers.clone()
        } else {
            std::mem::take(&mut parts.headers)
        };
        let request = outgoing::request(
            scene,
            &reached.sender,
            share,
            reached.server,
            (&scene.head.method, &target, headers),
            upload,
        );
        let Some(request) = request else {
            return refused(StatusCode::BAD_REQUEST);
        };
        let (server, fresh) = (reached.server, reached.fresh);
        let came = exchange(
            reached,
            request,
            &progress,
            (ready.response_time, ready.idle),
            scene,
            id.index(),
        )
        .await;
        let (mut answer, keep) = match came {
            Ok(came) => came,
            Err(Failed::Stale(unsent)) if !fresh => {
                // The server closed a kept connection meanwhile: nothing of this request was sent.
                let (unsent, body) = unsent.into_parts();
                parts.headers = unsent.headers;
                upload = body;
                continue;
            }
            Err(failed) => {
                if progress.too_large.get() {
                    return refused(StatusCode::PAYLOAD_TOO_LARGE);
                }
                if progress.silent.get() {
                    return refused(StatusCode::REQUEST_TIMEOUT);
                }
                // No fault of the server's.
                if progress.malformed.get() {
                    return refused(StatusCode::BAD_REQUEST);
                }
                upstream.servers.note(server, false);
                let (after, status, why) = match failed {
                    Failed::Late => {
                        let why = "no answer in time".to_owned();
                        (Some(RetryAfter::Timeout), StatusCode::GATEWAY_TIMEOUT, why)
                    }
                    Failed::Stale(_) => {
                        let why = "the connection ended before the request was sent".to_owned();
                        (Some(RetryAfter::Connect), StatusCode::BAD_GATEWAY, why)
                    }
                    // The server has read it: nobody knows what it did.
                    Failed::Broken(why) => (None, StatusCode::BAD_GATEWAY, why),
                };
                record.failed(why);
                let again =
                    after.and_then(|it| again(&mut further, it, &mut way, server, &progress));
                if let Some(again) = again {
                    upload = again;
                    continue;
                }
                return refused(status);
            }
        };
        let status = answer.status().as_u16();
        upstream.servers.note(server, !matches!(status, 502..=504));
        let after = RetryAfter::Status(status);
        if let Some(again) = again(&mut further, after, &mut way, server, &progress) {
            upload = again;
            continue;
        }
        if let Some(sticky) = &upstream.sticky {
            sticky.keep(
                &scene.head,
                sent.as_deref(),
                way.kept,
                server,
                answer.headers_mut(),
            );
        }
        let (mut parts, incoming) = answer.into_parts();
        remove_hop_by_hop(&mut parts.headers);
        outgoing::back(scene, &passage, share, server, &mut parts.headers);
        parts.version = Version::HTTP_11;
        let tail = Done {
            _open: keep.open,
            _counted: passage.counted,
            back: keep.back,
            stream: keep.stream,
        };
        let body = Body::passing(incoming, ready.idle).followed_by(Box::new(tail));
        return (Maker::Server, Response::from_parts(parts, body));
    }
}

/// The request for another try on another server, if there is to be one.
fn again(
    further: &mut u16,
    after: RetryAfter,
    way: &mut Way<'_>,
    server: usize,
    progress: &Rc<Progress>,
) -> Option<Upload> {
    let asked = *further > 0 && generation::retries(way.share, after);
    if !asked || !way.upstream.servers.has_other(&way.tried, server) {
        return None;
    }
    let kept = progress.whole()?;
    *further -= 1;
    way.tried.push(server);
    Some(Upload::again(kept, Rc::clone(progress)))
}

fn refused(status: StatusCode) -> (Maker, Response<Body>) {
    (Maker::Proxy, plain(status))
}

/// One of the shares, by their weights.
fn share(shares: &[Share], weights: u64) -> &Share {
    if let [only] = shares {
        return only;
    }
    let mut left = crate::proxy::random::random() % weights.max(1);
    for share in shares {
        let weight = u64::from(share.weight.value);
        if left < weight {
            return share;
        }
        left -= weight;
    }
    &shares[0]
}

/// What the next server is chosen by; `None`: the next in turn.
fn key(upstream: &Upstream, head: &Head, headers: &HeaderMap, path: &str) -> Option<u64> {
    let text = match upstream.key.as_ref()? {
        HashKey::Source => head.client.to_string(),
        HashKey::Header(name) => {
            let name = header::HeaderName::try_from(name.as_str()).ok()?;
            String::from_utf8_lossy(&joined(headers, &name)?).into_owned()
        }
        HashKey::Cookie(name) => cookie(headers, name)?.to_owned(),
        HashKey::Query(name) => head.query_value(name)?,
        HashKey::Path => path.to_owned(),
    };
    Some(servers::hash(&text))
}

/// A connection to a server that was not tried yet. One that refuses is skipped: nothing was sent.
async fn reach(way: &mut Way<'_>, record: &mut Record) -> Result<Reached, StatusCode> {
    let scene = way.scene;
    let id = way.share.upstream.value.index();
    let connect = clock::of(way.share.connect.value);
    let mut last = StatusCode::SERVICE_UNAVAILABLE;
    loop {
        let Some((server, open)) = way.upstream.servers.open(way.kept, way.key, &way.tried) else {
            return Err(last);
        };
        let generation = &scene.local.generation;
        let moved = way.upstream.servers.list[server].moved();
        match scene.local.pools.get(generation, id, server, connect).await {
            Ok((sender, fresh)) => {
                return Ok(Reached {
                    server,
                    open,
                    sender,
                    fresh,
                    moved,
                });
            }
            Err(unreached) => {
                way.upstream.servers.note(server, false);
                way.tried.push(server);
                last = unreached.status();
                record.server(way.share.upstream.value, server);
                record.failed(unreached.why());
            }
        }
    }
}

/// Methods that may be sent twice (RFC 9110 §9.2.2).
fn is_idempotent(method: &Method) -> bool {
    [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
    ]
    .contains(method)
}

/// How long a request's body says it is.
pub(crate) fn length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value: &HeaderValue| value.to_str().ok()?.parse().ok())
}
