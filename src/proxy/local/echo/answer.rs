//! What a stand-in answers: a page for browsers, JSON for others, events for those who ask, 101 for sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde_json::json;
use tokio::time::{Interval, interval};

use super::{Authority, Setup, page, socket};

/// What goes out.
pub(super) type Out = BoxBody<Bytes, Infallible>;

/// How much of a body is said back.
const MOST: usize = 64 * 1024;

/// From one event to the next.
const TICK: Duration = Duration::from_secs(1);

/// Answers a request.
pub(super) async fn answer(
    setup: &Setup,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Response<Out> {
    let path = request.uri().path();
    if let Some(authority) = setup.authority.as_ref().filter(|it| it.is_asked(&request)) {
        return authority.decide(request.headers());
    }
    if let Some((_, status)) = setup.health.as_ref().filter(|(own, _)| own == path) {
        let mut answer = whole("text/plain; charset=utf-8", "well\n");
        *answer.status_mut() = StatusCode::from_u16(*status).unwrap_or(StatusCode::OK);
        return answer;
    }
    if let Some(answer) = socket::accept(&mut request) {
        return answer;
    }
    let accepts = |kind: &str| {
        let all = request.headers().get_all(header::ACCEPT);
        let mut all = all.iter().filter_map(|it| it.to_str().ok());
        all.any(|it| it.contains(kind))
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut answer = if reads && accepts("text/event-stream") {
        events(setup, &request)
    } else if reads && accepts("text/html") {
        page::page(setup, peer, &request)
    } else {
        arrived(setup, peer, request).await
    };
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Everything that arrived, as JSON.
async fn arrived(setup: &Setup, peer: SocketAddr, request: Request<Incoming>) -> Response<Out> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MOST).collect().await;
    let body = match body {
        Ok(body) => match String::from_utf8(body.to_bytes().to_vec()) {
            Ok(text) => json!(text),
            Err(error) => json!(format!("{} bytes that are no text", error.as_bytes().len())),
        },
        Err(_) => json!(format!("more than {MOST} bytes")),
    };
    let headers: Vec<String> = fields(&parts.headers)
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let said = json!({
        "upstream": setup.upstream,
        "server": setup.server,
        "stands_in": true,
        "method": parts.method.as_str(),
        "target": parts.uri.path_and_query().map_or("/", |it| it.as_str()),
        "protocol": protocol(parts.version),
        "host": host(&parts.headers, &parts.uri),
        "client": client(&parts.headers, peer),
        "headers": headers,
        "body": body,
    });
    let text = serde_json::to_string_pretty(&said).unwrap_or_default() + "\n";
    whole("application/json", text)
}

/// Header fields as text.
pub(super) fn fields(headers: &HeaderMap) -> impl Iterator<Item = (&str, String)> {
    headers.iter().map(|(name, value)| {
        (
            name.as_str(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    })
}

/// The host that was asked for, whichever HTTP it was.
pub(super) fn host(headers: &HeaderMap, uri: &http::Uri) -> String {
    let told = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let own = uri.authority().map(http::uri::Authority::as_str);
    told.or(own).unwrap_or_default().to_owned()
}

/// The client as the proxy tells it, else the peer.
pub(super) fn client(headers: &HeaderMap, peer: SocketAddr) -> String {
    let told = headers.get("x-real-ip").and_then(|it| it.to_str().ok());
    told.map_or_else(|| peer.ip().to_string(), str::to_owned)
}

/// The protocol in words.
pub(super) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

/// An answer that is all there.
pub(super) fn whole(kind: &'static str, body: impl Into<Bytes>) -> Response<Out> {
    let mut answer = Response::new(Full::new(body.into()).boxed());
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn events(setup: &Setup, request: &Request<Incoming>) -> Response<Out> {
    let last = request.headers().get("last-event-id");
    let last = last.and_then(|it| it.to_str().ok()?.parse().ok());
    let events = Events {
        from: setup.server.clone(),
        count: last.unwrap_or(0),
        clock: interval(TICK),
    };
    let mut answer = Response::new(events.boxed());
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    answer
}

/// An event a second, until nobody listens.
struct Events {
    from: String,
    count: u64,
    clock: Interval,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.clock.poll_tick(context).is_pending() {
            return Poll::Pending;
        }
        self.count += 1;
        let data = json!({ "count": self.count, "server": self.from });
        let text = format!("id: {}\ndata: {data}\n\n", self.count);
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }
}

impl Authority {
    /// Whether a request is a question about another one.
    fn is_asked(&self, request: &Request<Incoming>) -> bool {
        let own = self.path.split('?').next().unwrap_or_default();
        request.uri().path() == own && request.headers().contains_key("x-forwarded-uri")
    }

    /// Lets those in who show the key.
    fn decide(&self, headers: &HeaderMap) -> Response<Out> {
        let shown = self.send.iter().any(|name| {
            let mut values = headers.get_all(name.as_str()).iter();
            values.any(|value| value.to_str().is_ok_and(|value| self.is_shown(value)))
        });
        if !shown {
            let mut answer = whole("text/plain; charset=utf-8", "401 Unauthorized\n");
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
            return answer;
        }
        let mut answer = whole("text/plain; charset=utf-8", "");
        for name in &self.pass {
            if let Ok(name) = HeaderName::try_from(name.as_str()) {
                let headers = answer.headers_mut();
                headers.insert(name, HeaderValue::from_static("local"));
            }
        }
        answer
    }

    /// Bare, after `Bearer`, or as the value of a cookie.
    fn is_shown(&self, value: &str) -> bool {
        let bare = value.strip_prefix("Bearer ").unwrap_or(value);
        let same = |shown: &str| {
            aws_lc_rs::constant_time::verify_slices_are_equal(
                shown.trim().as_bytes(),
                self.key.as_bytes(),
            )
            .is_ok()
        };
        same(bare)
            || value
                .split(';')
                .any(|pair| pair.split_once('=').is_some_and(|(_, it)| same(it)))
    }
}
