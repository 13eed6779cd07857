//! A request's way, phase by phase: head, route, guard, then an answer of our own or a server's, and the log.

use std::rc::Rc;

use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::ir::{Action, Entry, UnknownHost};

use crate::proxy::client::door::Door;
use crate::proxy::client::who::Client;
use crate::proxy::process::worker::{Local, Worker};
use crate::proxy::request::answer::{self, Maker, plain};
use crate::proxy::request::body::Body;
use crate::proxy::request::forward::{self, Passage};
use crate::proxy::request::guard::{self, Cors};
use crate::proxy::request::head::Head;
use crate::proxy::request::limit::{Counted, Key};
use crate::proxy::request::table::Found;
use crate::proxy::request::value::{Known, remove_odd_names};
use crate::proxy::telemetry::log::Record;
use crate::proxy::telemetry::metrics::Unrouted;

/// The connection ends unanswered.
#[derive(Debug)]
pub(crate) struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed unanswered")
    }
}

impl std::error::Error for Closed {}

/// What every phase of a request knows.
pub(crate) struct Scene {
    /// The thread.
    pub(crate) worker: Rc<Worker>,
    /// The spec when the request came, and this thread's connections for it.
    pub(crate) local: Rc<Local>,
    /// The request's head.
    pub(crate) head: Head,
    /// The client.
    pub(crate) client: Rc<Client>,
}

impl Scene {
    /// The listener's settings.
    pub(crate) fn listener(&self) -> &crate::ir::Listener {
        self.local.generation.gateway.listener(self.head.listener)
    }

    /// The port that the client sees.
    pub(crate) fn port(&self) -> u16 {
        self.listener().public_port.value
    }
}

/// Answers a request.
///
/// # Errors
/// The connection is to end without an answer.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    client: Rc<Client>,
    door: &Door,
    request: Request<Incoming>,
) -> Result<Response<Body>, Closed> {
    if let Some(pace) = &client.pace {
        pace.busy();
    }
    let (local, listener) = door.local(&worker);
    let settings = local.generation.gateway.listener(listener);
    // Only after such a head the edge holds back what follows: to let go for another one would be to let go of the next one.
    let asked_to_upgrade = client.pace.is_some()
        && request.version() == Version::HTTP_11
        && request.body().is_end_stream()
        && request.headers().contains_key(header::UPGRADE);
    let head = match Head::read(&request, &client, settings) {
        Ok(head) => head,
        Err(status) => {
            local.generation.listeners[listener.index()]
                .counters
                .refused();
            let mut answer = plain(status);
            answer
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
            return Ok(answer);
        }
    };
    let scene = Scene {
        worker,
        local: Rc::clone(&local),
        head,
        client: Rc::clone(&client),
    };
    let answered = routed(scene, request).await;
    let mut answer = answered?;
    if asked_to_upgrade
        && answer.status() != StatusCode::SWITCHING_PROTOCOLS
        && let Some(pace) = &client.pace
    {
        pace.release();
    }
    if let Some(hsts) = &local.generation.listeners[listener.index()].hsts {
        answer
            .headers_mut()
            .entry(header::STRICT_TRANSPORT_SECURITY)
            .or_insert_with(|| hsts.clone());
    }
    Ok(answer)
}

async fn routed(scene: Scene, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let local = Rc::clone(&scene.local);
    let generation = &local.generation;
    let listener = scene.listener();
    let counters = &generation.listeners[listener.id.index()].counters;
    let unrouted = |outcome, answer| {
        counters.unrouted(outcome);
        Ok(Record::new(&scene, None, request.headers()).along(answer))
    };
    let path = match scene.head.path(listener) {
        Ok(path) => path.into_owned(),
        Err(status) => return unrouted(Unrouted::BadPath, plain(status)),
    };
    let found = generation.table.find(&scene.head, request.headers(), &path);
    let entry = match found {
        Found::Entry(entry) => entry,
        Found::UnknownHost if listener.unknown_host.value == UnknownHost::Close => {
            counters.unrouted(Unrouted::Closed);
            return Err(Closed);
        }
        Found::UnknownHost | Found::Nothing => match &listener.redirect {
            Some(to) => {
                let to = generation.gateway.listener(to.value);
                let answer = answer::to_listener(&scene.head, to);
                return unrouted(Unrouted::Redirected, answer);
            }
            None => return unrouted(Unrouted::NotFound, plain(StatusCode::NOT_FOUND)),
        },
    };
    let route = generation.gateway.route(entry.route);
    let ready = &generation.routes[entry.route.index()];
    if let Some(pace) = &scene.client.pace {
        pace.answers(ready.idle);
    }
    let (mut parts, body) = request.into_parts();
    // Read before they are changed.
    let origin = parts.headers.get(header::ORIGIN).cloned();
    let asked = if ready.keeps_headers {
        parts.headers.clone()
    } else {
        http::HeaderMap::new()
    };
    let mut record = Record::new(&scene, Some(entry.route), &parts.headers);
    if listener.header_names.value == crate::ir::HeaderNames::Strict {
        remove_odd_names(&mut parts.headers);
    }
    let mut known = Known::default();
    let tunnels = forward::tunnels(route, &scene.head);
    let guarded = guard_in(
        &scene,
        (entry, &path),
        &mut parts.headers,
        &mut known,
        (tunnels, &mut record),
    )
    .await;
    let (maker, mut answer) = match guarded {
        Err(refused) => (Maker::Proxy, *refused),
        Ok(_) if is_too_large(route, &parts.headers) => {
            (Maker::Proxy, plain(StatusCode::PAYLOAD_TOO_LARGE))
        }
        Ok(_)
            if scene.head.connects()
                && !tunnels
                && !matches!(route.action, Action::Redirect(_)) =>
        {
            (Maker::Proxy, plain(StatusCode::NOT_IMPLEMENTED))
        }
        Ok(counted) => match &route.action {
            Action::Redirect(to) => (
                Maker::Proxy,
                answer::redirect(&to.value, &scene.head, listener),
            ),
            Action::Respond(fixed) => (
                Maker::Proxy,
                answer::respond(&fixed.value, fixed.value.status),
            ),
            Action::Forward(_) => {
                let passage = Passage {
                    entry,
                    path,
                    known: &known,
                    counted,
                };
                let request = Request::from_parts(parts, body);
                forward::forward(&scene, passage, request, &mut record, tunnels).await
            }
        },
    };
    if answer.status().as_u16() >= 400 {
        answer = answer::page(
            route.error_pages.as_deref(),
            maker,
            answer,
            &scene.head,
            listener,
        );
    }
    let headers = answer.headers_mut();
    if let Some(cors) = &route.cors
        // A preflight has its answer already.
        && (maker == Maker::Server || !headers.contains_key(header::ACCESS_CONTROL_ALLOW_METHODS))
    {
        Cors(cors).answer(origin.as_ref(), headers);
    }
    for (name, value) in known.answer.drain(..) {
        headers.append(name, value);
    }
    ready
        .response
        .apply(headers, &scene.head, &asked, &known, scene.port());
    if route.compression.value {
        answer = crate::proxy::request::compress::compress(answer, record.accepts_gzip());
    }
    // Whoever made it.
    answer.body_mut().waits(ready.idle);
    ready.counters.answered(answer.status(), scene.head.since);
    Ok(record.along(answer))
}

/// Whether a body says that it is larger than it may be; of others it is seen on their way.
fn is_too_large(route: &crate::ir::Route, headers: &http::HeaderMap) -> bool {
    let limit = route.body.value.map(|size| size.as_bytes());
    limit
        .zip(forward::length(headers))
        .is_some_and(|(limit, length)| length > limit)
}

/// The guards; what is counted while the request is open.
async fn guard_in(
    scene: &Scene,
    (entry, path): (Entry, &str),
    headers: &mut http::HeaderMap,
    known: &mut Known,
    (tunnels, record): (bool, &mut Record),
) -> Result<Option<Counted>, Box<Response<Body>>> {
    let generation = &scene.local.generation;
    let route = generation.gateway.route(entry.route);
    let ready = &generation.routes[entry.route.index()];
    if let Some(refused) = guard::refusal(route, &scene.head, headers, tunnels) {
        return Err(Box::new(refused));
    }
    if let (Some(limit), Some((bucket, buckets))) = (&route.requests, &ready.buckets)
        && !crate::proxy::request::table::contains(&limit.exempt.value, scene.head.client)
        && let Some(key) = Key::of(&limit.per.value, &scene.head, headers)
        && let Err(wait) = buckets.take(key, *bucket)
    {
        ready.counters.limited("requests");
        let mut answer = plain(StatusCode::TOO_MANY_REQUESTS);
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, wait.into());
        return Err(Box::new(answer));
    }
    let counted = match (&route.connections, &ready.counts) {
        (Some(limit), Some(counts)) => match Key::of(&limit.per.value, &scene.head, headers) {
            None => None,
            Some(key) => match counts.open(key) {
                Some(counted) => Some(counted),
                None => {
                    ready.counters.limited("connections");
                    return Err(Box::new(plain(StatusCode::SERVICE_UNAVAILABLE)));
                }
            },
        },
        _ => None,
    };
    if let Some(auth) = &route.auth {
        Box::pin(guard::admit(
            scene, auth.value, path, headers, known, record,
        ))
        .await?;
    }
    Ok(counted)
}
