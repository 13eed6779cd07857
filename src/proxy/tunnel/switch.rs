//! Handshakes: the server agrees and both connections leave HTTP for a tunnel, or its refusal reaches the client as it is.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Uri, Version};
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::ir::Share;

use crate::proxy::clock;
use crate::proxy::fault::causes;
use crate::proxy::process::generation;
use crate::proxy::request::answer::{Maker, bare, plain};
use crate::proxy::request::body::{Body, Upload};
use crate::proxy::request::forward::Passage;
use crate::proxy::request::outgoing;
use crate::proxy::request::serve::Scene;
use crate::proxy::request::value::remove_hop_by_hop;
use crate::proxy::telemetry::log::Record;
use crate::proxy::tunnel::join::{Held, Joining};
use crate::proxy::tunnel::watch::Watch;
use crate::proxy::upstream::exchange::{Back, Done};
use crate::proxy::upstream::servers::Open;

/// What a key is hashed with (RFC 6455 §1.3).
const ACCEPTS: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A handshake on its way.
pub(crate) struct Handshake<'a> {
    /// The request.
    pub(crate) scene: &'a Scene,
    /// What the phases before have found out.
    pub(crate) passage: Passage<'a>,
    /// Where it goes.
    pub(crate) share: &'a Share,
    /// The client's connection, once hyper lets go of it.
    pub(crate) upgrade: Option<OnUpgrade>,
    /// Path and query.
    pub(crate) target: Uri,
    /// What the server sees.
    pub(crate) headers: HeaderMap,
    /// How often it may be sent again: never, where its method is not idempotent.
    pub(crate) further: u16,
    /// The server that the client had.
    pub(crate) kept: Option<usize>,
    /// What the server is chosen by.
    pub(crate) key: Option<u64>,
    /// The application's cookie.
    pub(crate) sent: Option<String>,
}

/// Passes a handshake on.
pub(crate) async fn switch(
    mut handshake: Handshake<'_>,
    record: &mut Record,
) -> (Maker, Response<Body>) {
    let scene = handshake.scene;
    let generation = &scene.local.generation;
    let id = handshake.share.upstream.value;
    let upstream = &generation.upstreams[id.index()];
    let over_h2 = scene.head.version == Version::HTTP_2;
    let token = scene.head.upgrade.clone().unwrap_or_default();
    let headers = &mut handshake.headers;
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(token) = HeaderValue::from_str(&token) {
        headers.insert(header::UPGRADE, token);
    }
    headers.remove(header::CONTENT_LENGTH);
    if over_h2 && token == "websocket" {
        // RFC 8441 §5: the key has no meaning there; HTTP/1.1 asks for one.
        let key = crate::proxy::request::guard::base64_of(&random_key());
        if let Ok(key) = HeaderValue::from_str(&key) {
            headers.insert(header::SEC_WEBSOCKET_KEY, key);
        }
        headers.insert(
            header::SEC_WEBSOCKET_VERSION,
            HeaderValue::from_static("13"),
        );
    }
    let mut further = handshake.further;
    let connect = clock::of(handshake.share.connect.value);
    let limit = generation.routes[handshake.passage.entry.route.index()].response_time;
    let mut tried = Vec::new();
    let mut last = StatusCode::SERVICE_UNAVAILABLE;
    loop {
        let opened = upstream.servers.open(handshake.kept, handshake.key, &tried);
        let Some((server, open)) = opened else {
            return (Maker::Proxy, plain(last));
        };
        let moved = upstream.servers.list[server].moved();
        let mut sender = match scene
            .local
            .pools
            .fresh(generation, id.index(), server, connect)
            .await
        {
            Ok(sender) => sender,
            Err(unreached) => {
                upstream.servers.note(server, false);
                tried.push(server);
                last = unreached.status();
                record.server(id, server);
                record.failed(unreached.why());
                continue;
            }
        };
        record.server(id, server);
        upstream.requests.increment(1);
        let came = ask(&handshake, &mut sender, server, limit).await;
        let other = upstream.servers.has_other(&tried, server);
        let again = |after| further > 0 && other && generation::retries(handshake.share, after);
        let mut answer = match came {
            Ok(answer) => answer,
            Err(failed) => {
                upstream.servers.note(server, false);
                let late = failed.is_none();
                record.failed(failed.unwrap_or_else(|| "no answer in time".to_owned()));
                if late && again(crate::ir::RetryAfter::Timeout) {
                    further -= 1;
                    tried.push(server);
                    continue;
                }
                let status = if late {
                    StatusCode::GATEWAY_TIMEOUT
                } else {
                    StatusCode::BAD_GATEWAY
                };
                return (Maker::Proxy, plain(status));
            }
        };
        let status = answer.status();
        let bad = matches!(status.as_u16(), 502..=504);
        upstream.servers.note(server, !bad);
        if again(crate::ir::RetryAfter::Status(status.as_u16())) {
            further -= 1;
            tried.push(server);
            continue;
        }
        if let Some(sticky) = &upstream.sticky {
            sticky.keep(
                &scene.head,
                handshake.sent.as_deref(),
                handshake.kept,
                server,
                answer.headers_mut(),
            );
        }
        if over_h2 && status.is_success() {
            // RFC 8441 §4: the client would take the server's page for frames.
            record.failed(format!("{} in answer to a handshake", status.as_u16()));
            return (Maker::Proxy, plain(StatusCode::BAD_GATEWAY));
        }
        if status != StatusCode::SWITCHING_PROTOCOLS {
            return refusal(handshake, answer, server, open, (sender, moved));
        }
        if let Some(why) = disagrees(&answer, &token, &handshake.headers) {
            upstream.servers.note(server, false);
            record.failed(why);
            return (Maker::Proxy, plain(StatusCode::BAD_GATEWAY));
        }
        let from_server = hyper::upgrade::on(&mut answer);
        let mut told = answer.headers().clone();
        remove_hop_by_hop(&mut told);
        outgoing::back(
            scene,
            &handshake.passage,
            handshake.share,
            server,
            &mut told,
        );
        let mut to_client = if over_h2 {
            told.remove(header::SEC_WEBSOCKET_ACCEPT);
            bare(StatusCode::OK)
        } else {
            told.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            if let Ok(token) = HeaderValue::from_str(&token) {
                told.insert(header::UPGRADE, token);
            }
            bare(StatusCode::SWITCHING_PROTOCOLS)
        };
        *to_client.headers_mut() = told;
        let Some(from_client) = handshake.upgrade.take() else {
            return (Maker::Proxy, plain(StatusCode::BAD_REQUEST));
        };
        let rules = &generation.routes[handshake.passage.entry.route.index()].tunnel;
        let watch = Rc::new(Watch::new(Arc::clone(rules), token == "websocket"));
        let held = Held {
            record: record.tunnel(),
            _open: open,
            _counted: handshake.passage.counted,
            _connection: Rc::clone(&scene.client.counted),
        };
        let joining = Joining {
            worker: Rc::clone(&scene.worker),
            watch,
            from_client,
            from_server,
            over_h2: over_h2.then(|| Rc::clone(&scene.client)),
            sender,
        };
        spawn_local(joining.join(held));
        return (Maker::Server, to_client);
    }
}

/// Sends the handshake; why it failed, nothing where it was for its time.
async fn ask(
    handshake: &Handshake<'_>,
    sender: &mut http1::SendRequest<Upload>,
    server: usize,
    limit: Duration,
) -> Result<Response<hyper::body::Incoming>, Option<String>> {
    let mut request = Request::new(Upload::empty());
    *request.method_mut() = handshake.scene.head.method.clone();
    *request.uri_mut() = handshake.target.clone();
    *request.headers_mut() = handshake.headers.clone();
    let host = outgoing::host(handshake.scene, handshake.share, server);
    if let Ok(host) = HeaderValue::from_str(&host) {
        request.headers_mut().insert(header::HOST, host);
    }
    match timeout(limit, sender.send_request(request)).await {
        Err(_) => Err(None),
        Ok(Err(why)) => Err(Some(causes(&why))),
        Ok(Ok(answer)) => Ok(answer),
    }
}

/// Why a 101 is none for what was asked for, if it is not.
fn disagrees(
    answer: &Response<hyper::body::Incoming>,
    token: &str,
    asked: &HeaderMap,
) -> Option<&'static str> {
    let told = answer.headers();
    let named = told.get(header::UPGRADE);
    if !named.is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(token.as_bytes())) {
        return Some("an upgrade to something else than was asked for");
    }
    let key = asked.get(header::SEC_WEBSOCKET_KEY)?;
    let accept = accepting(key.as_bytes());
    let fits = told
        .get(header::SEC_WEBSOCKET_ACCEPT)
        .is_some_and(|it| it.as_bytes() == accept.as_bytes());
    (token == "websocket" && !fits).then_some("an upgrade whose Sec-WebSocket-Accept is wrong")
}

/// What a server that agrees says to a key.
pub(crate) fn accepting(key: &[u8]) -> String {
    let mut bytes = key.to_vec();
    bytes.extend_from_slice(ACCEPTS);
    let accept = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    crate::proxy::request::guard::base64_of(accept.as_ref())
}

/// A server's refusal, as it is.
fn refusal(
    handshake: Handshake<'_>,
    answer: Response<hyper::body::Incoming>,
    server: usize,
    open: Open,
    (sender, moved): (http1::SendRequest<Upload>, u32),
) -> (Maker, Response<Body>) {
    let scene = handshake.scene;
    let (mut parts, incoming) = answer.into_parts();
    remove_hop_by_hop(&mut parts.headers);
    outgoing::back(
        scene,
        &handshake.passage,
        handshake.share,
        server,
        &mut parts.headers,
    );
    parts.version = Version::HTTP_11;
    let idle = scene.local.generation.routes[handshake.passage.entry.route.index()].idle;
    let back = Back {
        local: Rc::downgrade(&scene.local),
        upstream: handshake.share.upstream.value.index(),
        server,
        sender,
        moved,
    };
    let tail = Done {
        _open: open,
        _counted: handshake.passage.counted,
        back: Some(back),
        stream: None,
    };
    let body = Body::passing(incoming, idle).followed_by(Box::new(tail));
    (Maker::Server, Response::from_parts(parts, body))
}

fn random_key() -> [u8; 16] {
    let mut key = [0; 16];
    let (a, b) = key.split_at_mut(8);
    a.copy_from_slice(&crate::proxy::random::random().to_be_bytes());
    b.copy_from_slice(&crate::proxy::random::random().to_be_bytes());
    key
}
