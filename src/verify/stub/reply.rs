//! What a stub answers, in whatever protocol: what was set for the path, and what the request's own headers ask.

use std::time::Duration;

use super::super::ask::MARK;
use super::super::wire::{Headers, Request};
use super::{Answer, Shared, lock};

/// An answer made for one request; what frames it is the protocol's own.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// No body, and no length either.
    None,
    /// With a pause in its middle.
    Whole(Vec<u8>, Duration),
    /// Server-sent events, each after this time.
    Ticks(u64, Duration),
}

impl Shared {
    /// What was set for the path, changed by what the request's headers ask.
    pub(super) fn decide(&self, request: &Request) -> Answer {
        if let Some(clerk) = &self.clerk {
            return clerk.0(request);
        }
        let mut answer = lock(&self.answers)
            .get(request.path())
            .filter(|answer| !answer.unasked || request.header(MARK).is_none())
            .cloned()
            .unwrap_or_default();
        if let Some(status) = number(&request.headers, "x-status") {
            answer.status = status as u16;
        }
        answer.broken |= request.header("x-drop").is_some();
        answer.delay += millis(&request.headers, "x-delay");
        if let Some(size) = number(&request.headers, "x-size") {
            answer.body = Some(vec![b'x'; size as usize]);
        }
        for line in request.headers.all("x-reply") {
            if let Some((name, value)) = line.split_once(':') {
                answer
                    .headers
                    .push((name.to_owned(), value.trim().to_owned()));
            }
        }
        answer
    }

    /// The reply to a request that opens no tunnel.
    pub(super) fn reply(&self, request: &Request, answer: &Answer) -> Reply {
        if let Some(ticks) = number(&request.headers, "x-ticks") {
            return Reply {
                status: 200,
                headers: self.headers(&[("Content-Type", "text/event-stream")], answer),
                content: Content::Ticks(ticks, millis(&request.headers, "x-every")),
            };
        }
        let status = match answer.status {
            0 => 200,
            status => status,
        };
        if matches!(status, 204 | 304) {
            return Reply {
                status,
                headers: self.headers(&[], answer),
                content: Content::None,
            };
        }
        let body = answer.body.clone().unwrap_or_else(|| self.echo(request));
        let length = body.len().to_string();
        let kind = match answer.body {
            Some(_) => "text/plain",
            None => "application/json",
        };
        let mut own = vec![("Content-Length", length.as_str())];
        let mut set = answer.headers.iter();
        if !set.any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            own.push(("Content-Type", kind));
        }
        Reply {
            status,
            headers: self.headers(&own, answer),
            content: match request.method.as_str() {
                "HEAD" => Content::None,
                _ => Content::Whole(body, millis(&request.headers, "x-pause")),
            },
        }
    }

    /// The stub's name, `own`, and what the answer adds.
    pub(super) fn headers(&self, own: &[(&str, &str)], answer: &Answer) -> Vec<(String, String)> {
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut headers = vec![pair(("X-Server", &self.name))];
        headers.extend(own.iter().copied().map(pair));
        headers.extend(answer.headers.iter().cloned());
        headers
    }

    fn echo(&self, request: &Request) -> Vec<u8> {
        let value = serde_json::json!({
            "server": self.name,
            "line": request.line,
            "method": request.method,
            "target": request.target,
            "version": request.version,
            "headers": request.headers.0,
            "body": String::from_utf8_lossy(&request.body),
        });
        value.to_string().into_bytes()
    }
}

/// The first of the subprotocols that a handshake offers: the one that a stub takes.
pub(super) fn subprotocol(request: &Request) -> Option<&str> {
    let offered = request.header("sec-websocket-protocol")?;
    offered.split(',').next().map(str::trim)
}

fn number(headers: &Headers, name: &str) -> Option<u64> {
    headers.get(name).and_then(|value| value.parse().ok())
}

fn millis(headers: &Headers, name: &str) -> Duration {
    Duration::from_millis(number(headers, name).unwrap_or(0))
}
