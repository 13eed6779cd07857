//! Handshakes: the server agrees and both connections leave HTTP for a tunnel, or its refusal reaches the client as it is.

use std::rc::Rc;
use std::sync::Arc;

use aws_lc_rs::digest;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use tokio::task::spawn_local;

use crate::ir::Share;

use crate::proxy::request::answer::{Maker, bare, plain};
use crate::proxy::request::body::Body;
use crate::proxy::request::forward::{self, Passage};
use crate::proxy::request::value::remove_hop_by_hop;
use crate::proxy::request::{guard, outgoing};
use crate::proxy::telemetry::log::Record;
use crate::proxy::tunnel::join::{Held, Joining};
use crate::proxy::tunnel::watch::Watch;
use crate::proxy::upstream::way::{Letter, Way};

/// What a key is hashed with (RFC 6455 §1.3).
const ACCEPTS: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A handshake on its way.
pub(crate) struct Handshake<'a> {
    /// What the phases before have found out.
    pub(crate) passage: Passage<'a>,
    /// Where it goes.
    pub(crate) share: &'a Share,
    /// The client's connection, once hyper lets go of it.
    pub(crate) upgrade: Option<OnUpgrade>,
    /// What is sent.
    pub(crate) letter: Letter,
    /// To whom.
    pub(crate) way: Way<'a>,
    /// The application's cookie.
    pub(crate) sent: Option<String>,
}

/// Passes a handshake on.
pub(crate) async fn switch(
    mut handshake: Handshake<'_>,
    record: &mut Record,
) -> (Maker, Response<Body>) {
    let scene = handshake.way.scene;
    let generation = &scene.local.generation;
    let over_h2 = scene.head.version == Version::HTTP_2;
    let token = scene.head.upgrade.clone().unwrap_or_default();
    let headers = &mut handshake.letter.headers;
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(token) = HeaderValue::from_str(&token) {
        headers.insert(header::UPGRADE, token);
    }
    headers.remove(header::CONTENT_LENGTH);
    if over_h2 && token == "websocket" {
        // RFC 8441 §5: the key has no meaning there; HTTP/1.1 asks for one.
        let key = guard::base64_of(&random_key());
        if let Ok(key) = HeaderValue::from_str(&key) {
            headers.insert(header::SEC_WEBSOCKET_KEY, key);
        }
        headers.insert(
            header::SEC_WEBSOCKET_VERSION,
            HeaderValue::from_static("13"),
        );
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).cloned();
    let came = handshake.way.ask(&mut handshake.letter, record).await;
    let mut came = match came {
        Ok(came) => came,
        Err(status) => return (Maker::Proxy, plain(status)),
    };
    forward::sticks(&handshake.way, handshake.sent.as_deref(), &mut came);
    let status = came.answer.status();
    let unfit = |record: &mut Record, why: &str| {
        record.failed(why);
        (Maker::Proxy, plain(StatusCode::BAD_GATEWAY))
    };
    if over_h2 && status.is_success() {
        // RFC 8441 §4: the client would take the server's page for frames.
        return unfit(
            record,
            &format!("{} in answer to a handshake", status.as_u16()),
        );
    }
    if status != StatusCode::SWITCHING_PROTOCOLS {
        // A refusal, as it is.
        let answer = forward::back(scene, handshake.passage, handshake.share, came);
        return (Maker::Server, answer);
    }
    let server = came.server;
    if let Some(why) = disagrees(&came.answer, &token, key.as_ref()) {
        let upstream = &generation.upstreams[handshake.way.upstream.index()];
        upstream.servers.note(server, false);
        return unfit(record, why);
    }
    let (Some(from_client), Some(sender)) = (handshake.upgrade.take(), came.keep.back) else {
        return (Maker::Proxy, plain(StatusCode::BAD_REQUEST));
    };
    let from_server = hyper::upgrade::on(&mut came.answer);
    let mut told = came.answer.headers().clone();
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
    let rules = &generation.routes[handshake.passage.entry.route.index()].tunnel;
    let watch = Rc::new(Watch::new(Arc::clone(rules), token == "websocket"));
    let held = Held {
        record: record.tunnel(),
        _open: came.keep.open,
        _counted: handshake.passage.counted,
        _connection: Rc::clone(&scene.client.counted),
    };
    let joining = Joining {
        worker: Rc::clone(&scene.worker),
        watch,
        from_client,
        from_server,
        over_h2: over_h2.then(|| Rc::clone(&scene.client)),
        sender: sender.sender,
    };
    spawn_local(joining.join(held));
    (Maker::Server, to_client)
}

/// Why a 101 is none for what was asked for, if it is not.
fn disagrees(
    answer: &Response<hyper::body::Incoming>,
    token: &str,
    key: Option<&HeaderValue>,
) -> Option<&'static str> {
    let told = answer.headers();
    let named = told.get(header::UPGRADE);
    if !named.is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(token.as_bytes())) {
        return Some("an upgrade to something else than was asked for");
    }
    let accept = accepting(key?.as_bytes());
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
    guard::base64_of(accept.as_ref())
}

fn random_key() -> [u8; 16] {
    let mut key = [0; 16];
    let (a, b) = key.split_at_mut(8);
    a.copy_from_slice(&crate::proxy::random::random().to_be_bytes());
    b.copy_from_slice(&crate::proxy::random::random().to_be_bytes());
    key
}
