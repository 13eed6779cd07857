//! A request with everything that its sending needs, and what a probe changes in it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::keyring::Pass;
use crate::ir::{Auth, AuthKind, ListenerId, TokenPlace};
use crate::request::Request;

/// The header that tells a probe's request from every other one: servers record it.
pub const MARK: &str = "X-Probe";

/// A request with everything that its sending needs.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The request as the contract reads it.
    pub request: Request,
    /// The listener that it goes to.
    pub listener: ListenerId,
    /// The trusted proxy that the client stands behind; `None`: it comes itself.
    pub proxy: Option<IpAddr>,
    /// The body; empty is none.
    pub body: Vec<u8>,
    /// The value of [`MARK`], unlike that of every other request.
    pub mark: String,
}

impl Ask {
    /// The client's address.
    pub fn client(&self) -> Option<IpAddr> {
        self.request.client
    }

    /// The address that the connection comes from: the client's, or that of the proxy in front.
    pub fn peer(&self) -> Option<IpAddr> {
        self.proxy.or(self.request.client)
    }

    /// The same client behind a trusted proxy, which tells its address.
    #[must_use]
    pub fn behind(mut self, proxy: IpAddr) -> Self {
        self.proxy = Some(proxy);
        match self.client() {
            Some(client) => self.header("X-Forwarded-For", &client.to_string()),
            None => self,
        }
    }

    /// One more line of a header.
    #[must_use]
    pub fn also(mut self, name: &str, value: &str) -> Self {
        self.request
            .headers
            .push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.request.method);
        self
    }

    /// Another path, as the client sends it.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.request.path);
        self
    }

    /// Another host, as the URL names it.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.request.host = host.trim_end_matches('.').to_ascii_lowercase();
        self
    }

    /// One more query parameter, already fit for a URL.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let pair = format!("{name}={value}");
        self.request.query = Some(match self.request.query.take() {
            Some(query) => format!("{query}&{pair}"),
            None => pair,
        });
        self
    }

    /// A header in place of any of that name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request
            .headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.request
            .headers
            .push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without any header of this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.request
            .headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// From another client address.
    #[must_use]
    pub fn from(mut self, client: IpAddr) -> Self {
        self.request.client = Some(client);
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// As a WebSocket handshake.
    #[must_use]
    pub fn websocket(mut self) -> Self {
        "GET".clone_into(&mut self.request.method);
        self.request.upgrade = Some("websocket".to_owned());
        self
    }

    /// The same once more, with a mark of its own.
    #[must_use]
    pub fn again(&self) -> Self {
        let mut again = self.clone();
        again.mark = mark();
        again
    }

    /// The request target: path and query.
    pub fn target(&self) -> String {
        match &self.request.query {
            Some(query) => format!("{}?{query}", self.request.path),
            None => self.request.path.clone(),
        }
    }

    /// The header lines, the mark last. `Host` is left to [`Ask::authority`].
    pub fn lines(&self) -> Vec<(&str, &str)> {
        let own = self.request.headers.iter();
        own.map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([(MARK, self.mark.as_str())])
            .collect()
    }

    /// The value of `Host`.
    pub fn authority(&self) -> String {
        self.request.header("host").unwrap_or_default()
    }

    /// What was sent, in a line: `GET https://example.com/ws`, headers that matter behind it.
    pub fn says(&self) -> String {
        let request = &self.request;
        let scheme = match (request.tls, request.is_websocket()) {
            (false, false) => "http",
            (true, false) => "https",
            (false, true) => "ws",
            (true, true) => "wss",
        };
        let mut text = format!(
            "{} {scheme}://{}{}",
            request.method,
            self.authority(),
            self.target()
        );
        for (name, value) in &request.headers {
            let shown: String = value.chars().take(60).collect();
            text.push_str(&format!(", {name}: {shown}"));
        }
        text
    }
}

/// A mark unlike every other.
pub(super) fn mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("p{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Ask {
    /// Without anything that a client shows to get in by this entry of `auth`.
    #[must_use]
    pub fn unshown(self, auth: &Auth) -> Self {
        let none: &[TokenPlace] = &[];
        let places = match &auth.kind {
            AuthKind::Jwt(jwt) => &jwt.token.value,
            AuthKind::ApiKey(key) => &key.from.value,
            AuthKind::Basic(_) | AuthKind::Forward(_) => none,
        };
        places
            .iter()
            .fold(self.without("Authorization"), |ask, place| match place {
                TokenPlace::Bearer => ask,
                TokenPlace::Subprotocol => ask.without("Sec-WebSocket-Protocol"),
                TokenPlace::Header(name) => ask.without(name),
                TokenPlace::Cookie(_) => ask.without("Cookie"),
                TokenPlace::Query(name) => ask.without_query(name),
            })
    }

    /// Without a query parameter.
    #[must_use]
    pub fn without_query(mut self, name: &str) -> Self {
        let encoded = format!("{}=", encoded(name));
        self.request.query = self.request.query.take().and_then(|query| {
            let kept: Vec<&str> = query
                .split('&')
                .filter(|pair| !pair.starts_with(&encoded))
                .collect();
            (!kept.is_empty()).then(|| kept.join("&"))
        });
        self
    }

    /// With what a client shows to get in.
    #[must_use]
    pub fn showing(self, pass: &Pass) -> Self {
        let with = pass
            .query
            .iter()
            .fold(self, |ask, (name, value)| ask.query(name, value));
        let lines = pass.headers.iter();
        lines.fold(with, |ask, (name, value)| {
            if name.eq_ignore_ascii_case("cookie") {
                ask.cookies(value)
            } else {
                ask.header(name, value)
            }
        })
    }

    /// More cookies, behind those that are there: all share one line.
    #[must_use]
    pub fn cookies(self, more: &str) -> Self {
        let own = self.request.headers.iter();
        let lines = own.filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        let all: Vec<&str> = lines
            .map(|(_, value)| value.as_str())
            .chain([more])
            .collect();
        let all = all.join("; ");
        self.header("Cookie", &all)
    }

    /// One more cookie.
    #[must_use]
    pub fn cookie(self, name: &str, value: &str) -> Self {
        self.cookies(&format!("{name}={value}"))
    }
}

/// Text as it stands in a query.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
