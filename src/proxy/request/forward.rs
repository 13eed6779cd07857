//! To a server and back: which one, within which times, what it sees of the request and what the client sees of its answer.

use std::rc::Rc;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use crate::ir::{Entry, HashKey, Route, Share};

use crate::proxy::clock;
use crate::proxy::process::generation::Upstream;
use crate::proxy::request::answer::{Maker, plain};
use crate::proxy::request::body::{Body, Progress, Upload};
use crate::proxy::request::head::{Head, cookie, joined};
use crate::proxy::request::limit::Counted;
use crate::proxy::request::outgoing;
use crate::proxy::request::serve::Scene;
use crate::proxy::request::value::{Known, remove_hop_by_hop};
use crate::proxy::telemetry::log::Record;
use crate::proxy::tunnel::switch;
use crate::proxy::upstream::exchange::Done;
use crate::proxy::upstream::servers;
use crate::proxy::upstream::way::{Came, Letter, Way, What};

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
    let sticky = upstream.sticky.as_ref();
    let sent = sticky.and_then(|sticky| sticky.sent(&parts.headers));
    let further = match &share.retries.value {
        Some(retries) if is_idempotent(&scene.head.method) => retries.attempts,
        _ => 0,
    };
    let retries = share.retries.value.as_ref();
    let mut way = Way {
        scene,
        upstream: id,
        what: if tunnels {
            What::Handshake
        } else {
            What::Request
        },
        connect: clock::of(share.connect.value),
        limits: (ready.response_time, ready.idle),
        host: &share.host_header.value,
        after: retries.map_or(&[], |retries| &retries.after),
        further,
        kept: sticky.and_then(|sticky| sticky.kept(&scene.head, &parts.headers)),
        key: key(upstream, &scene.head, &parts.headers, &passage.path),
        tried: Vec::new(),
    };
    let Some(target) = outgoing::target(scene, &passage) else {
        return refused(StatusCode::BAD_REQUEST);
    };
    outgoing::prepare(scene, &passage, share, &mut parts.headers);
    let method = scene.head.method.clone();
    if let Some(upgrade) = upgrade {
        let handshake = switch::Handshake {
            passage,
            share,
            upgrade,
            letter: Letter::bare(method, target, parts.headers),
            way,
            sent,
        };
        return Box::pin(switch::switch(handshake, record)).await;
    }
    let progress = Rc::new(Progress::default());
    if further > 0 {
        progress.keep();
    }
    let limit = route.body.value.map_or(u64::MAX, |size| size.as_bytes());
    let mut letter = Letter {
        method,
        target,
        headers: parts.headers,
        body: Some(Upload::new(body, limit, ready.idle, Rc::clone(&progress))),
        progress,
    };
    let mut came = match way.ask(&mut letter, record).await {
        Ok(came) => came,
        Err(status) => return refused(status),
    };
    sticks(&way, sent.as_deref(), &mut came);
    (Maker::Server, back(scene, passage, share, came))
}

/// Notes which server it was, for the client's next request.
pub(crate) fn sticks(way: &Way<'_>, sent: Option<&str>, came: &mut Came) {
    let upstream = &way.scene.local.generation.upstreams[way.upstream.index()];
    if let Some(sticky) = &upstream.sticky {
        let headers = came.answer.headers_mut();
        sticky.keep(&way.scene.head, sent, way.kept, came.server, headers);
    }
}

/// A server's answer as the client sees it.
pub(crate) fn back(
    scene: &Scene,
    passage: Passage<'_>,
    share: &Share,
    came: Came,
) -> Response<Body> {
    let (mut parts, incoming) = came.answer.into_parts();
    remove_hop_by_hop(&mut parts.headers);
    outgoing::back(scene, &passage, share, came.server, &mut parts.headers);
    parts.version = Version::HTTP_11;
    let idle = scene.local.generation.routes[passage.entry.route.index()].idle;
    let tail = Done::new(came.keep, passage.counted);
    let body = Body::passing(incoming, idle).followed_by(Box::new(tail));
    Response::from_parts(parts, body)
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
