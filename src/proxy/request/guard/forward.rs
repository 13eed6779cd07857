//! Another service decides: a subrequest whose 2xx lets the request through; where it is silent nobody passes.

use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, Uri};
use tokio::time::timeout;

use crate::ir::{Forward, UpstreamId};
use crate::proxy::clock;
use crate::proxy::request::answer::plain;
use crate::proxy::request::body::{Body, Upload};
use crate::proxy::request::outgoing;
use crate::proxy::request::serve::Scene;
use crate::proxy::request::value::{self, remove_hop_by_hop};
use crate::proxy::upstream::connect::Sender;
use crate::proxy::upstream::exchange::strange;

/// A service that decides.
pub(crate) struct Authority {
    upstream: UpstreamId,
    path: String,
    send: Vec<HeaderName>,
    pass: Vec<HeaderName>,
    answer: Vec<HeaderName>,
    limit: std::time::Duration,
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
        headers: &mut HeaderMap,
        known: &mut value::Known,
    ) -> Result<(), Box<Response<Body>>> {
        // What the service says is the only truth about these.
        let asked = headers.clone();
        for name in &self.pass {
            known.pass.push((name.clone(), None));
        }
        let said = timeout(self.limit, self.said(scene, path, &asked)).await;
        let Ok(Some(answer)) = said else {
            return Err(Box::new(plain(StatusCode::SERVICE_UNAVAILABLE)));
        };
        let (mut parts, body) = answer.into_parts();
        if !parts.status.is_success() {
            remove_hop_by_hop(&mut parts.headers);
            let body = Body::passing(body, self.limit);
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
        Ok(())
    }

    /// What it says; `None` where no server of it answers.
    async fn said(
        &self,
        scene: &Scene,
        path: &str,
        asked: &HeaderMap,
    ) -> Option<Response<hyper::body::Incoming>> {
        let generation = &scene.local.generation;
        let at = self.upstream.index();
        let upstream = &generation.upstreams[at];
        let settings = &generation.gateway.upstreams[at];
        let connect = clock::of(settings.connect.value);
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
        let target: Uri = self.path.parse().ok()?;
        let mut tried = Vec::new();
        loop {
            let (server, _open) = upstream.servers.open(None, None, &tried)?;
            let got = scene.local.pools.get(generation, at, server, connect).await;
            let Ok((sender, fresh)) = got else {
                upstream.servers.note(server, false);
                tried.push(server);
                continue;
            };
            let host = match &upstream.servers.list[server].address {
                crate::ir::Address::Unix { .. } => "localhost".to_owned(),
                address => address.to_string(),
            };
            let mut request = http::Request::new(Upload::empty());
            *request.method_mut() = Method::GET;
            *request.headers_mut() = headers.clone();
            let http2 = matches!(sender, Sender::Http2(..));
            let answer = match sender {
                Sender::Http1(mut sender) => {
                    *request.uri_mut() = target.clone();
                    if let Ok(host) = HeaderValue::from_str(&host) {
                        request.headers_mut().insert(header::HOST, host);
                    }
                    sender.send_request(request).await
                }
                Sender::Http2(mut sender, _stream) => {
                    *request.uri_mut() =
                        outgoing::absolute(upstream.tls.is_some(), &host, &target)?;
                    sender.send_request(request).await
                }
            };
            match answer {
                Ok(answer) if strange(&answer).is_none() => return Some(answer),
                // A kept connection may have been closed meanwhile; the question may be asked twice.
                Err(_) if !fresh && !http2 => {}
                Ok(_) | Err(_) => {
                    upstream.servers.note(server, false);
                    tried.push(server);
                }
            }
        }
    }
}
