//! Another service decides: a subrequest whose 2xx lets the request through; where it is silent nobody passes.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::ir::{Forward, HostHeader, RetryAfter, UpstreamId};
use crate::proxy::clock;
use crate::proxy::request::answer::plain;
use crate::proxy::request::body::Body;
use crate::proxy::request::outgoing;
use crate::proxy::request::serve::Scene;
use crate::proxy::request::value::{self, remove_hop_by_hop};
use crate::proxy::telemetry::log::Record;
use crate::proxy::upstream::exchange::Done;
use crate::proxy::upstream::way::{Came, Letter, Way, What};

/// How much of an answer that lets a request through is read for its connection's sake.
const LET_GO: usize = 64 * 1024;

/// A service that decides.
pub(crate) struct Authority {
    upstream: UpstreamId,
    path: String,
    send: Vec<HeaderName>,
    pass: Vec<HeaderName>,
    answer: Vec<HeaderName>,
    limit: Duration,
}

impl Authority {
    /// Lowering has refused names that are none.
    pub(crate) fn new(forward: &Forward) -> Self {
        let names = |names: &[String]| {
            names
                .iter()
                .filter_map(|name| HeaderName::try_from(name.as_str()).ok())
                .collect()
        };
        Self {
            upstream: forward.upstream.value,
            path: forward.path.value.clone(),
            send: names(&forward.send.value),
            pass: names(&forward.pass.value),
            answer: names(&forward.answer.value),
            limit: clock::of(forward.timeout.value),
        }
    }

    /// Asks it.
    ///
    /// # Errors
    /// The answer that the client gets instead: its own, or 503.
    pub(crate) async fn ask(
        &self,
        scene: &Scene,
        path: &str,
        headers: &HeaderMap,
        known: &mut value::Known,
        record: &mut Record,
    ) -> Result<(), Box<Response<Body>>> {
        // What the service says is the only truth about these.
        for name in &self.pass {
            known.pass.push((name.clone(), None));
        }
        let said = timeout(self.limit, self.said(scene, path, headers, record)).await;
        let came = match said {
            Ok(Some(came)) => came,
            Ok(None) => return Err(Box::new(plain(StatusCode::SERVICE_UNAVAILABLE))),
            Err(_) => {
                record.failed("the authority gave no answer in time");
                return Err(Box::new(plain(StatusCode::SERVICE_UNAVAILABLE)));
            }
        };
        let (mut parts, incoming) = came.answer.into_parts();
        let tail = Done::new(came.keep, None);
        let body = Body::passing(incoming, self.limit).followed_by(Box::new(tail));
        if !parts.status.is_success() {
            remove_hop_by_hop(&mut parts.headers);
            return Err(Box::new(Response::from_parts(parts, body)));
        }
        for name in &self.pass {
            for value in parts.headers.get_all(name) {
                known.pass.push((name.clone(), Some(value.clone())));
            }
        }
        for name in &self.answer {
            for value in parts.headers.get_all(name) {
                known.answer.push((name.clone(), value.clone()));
            }
        }
        spawn_local(let_go(body, self.limit));
        Ok(())
    }

    /// What it says; `None` where no server of it answers.
    async fn said(
        &self,
        scene: &Scene,
        path: &str,
        asked: &HeaderMap,
        record: &mut Record,
    ) -> Option<Came> {
        let settings = scene.local.generation.gateway.upstream(self.upstream);
        let mut headers = HeaderMap::new();
        for name in &self.send {
            for value in asked.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        if let Some(chain) = asked.get("x-forwarded-for") {
            headers.insert("x-forwarded-for", chain.clone());
        }
        outgoing::forwarded(scene, true, &mut headers);
        let target = match scene.head.query() {
            Some(query) => Cow::Owned(format!("{path}?{query}")),
            None => Cow::Borrowed(path),
        };
        let told = [
            ("x-forwarded-method", scene.head.method.as_str()),
            ("x-forwarded-uri", &*target),
        ];
        for (name, value) in told {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        let mut letter = Letter::bare(Method::GET, self.path.parse().ok()?, headers);
        let mut way = Way {
            scene,
            upstream: self.upstream,
            what: What::Question,
            connect: clock::of(settings.connect.value),
            limits: (self.limit, self.limit),
            host: &HostHeader::Upstream,
            after: &[RetryAfter::Connect],
            further: u16::MAX,
            kept: None,
            key: None,
            tried: Vec::new(),
        };
        way.ask(&mut letter, record).await.ok()
    }
}

/// Reads the rest of an answer that is of no interest, so that its connection serves the next question too.
async fn let_go(mut body: Body, limit: Duration) {
    let read = async {
        let mut left = LET_GO;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, bytes::Bytes::len);
            let Some(rest) = left.checked_sub(length) else {
                return;
            };
            left = rest;
        }
    };
    // Who talks on and on is asked on a new connection next time.
    let _ = timeout(limit, read).await;
}
