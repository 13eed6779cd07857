//! A request's head as routes and guards see it: host, path in the form in which it is matched, who asks, what it asks to become.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName};
use http::{Method, StatusCode, Uri, Version};

use crate::ir::{EncodedSlash, Listener, ListenerId, Paths, normalize};
use crate::request::query;

use crate::proxy::client::who::Client;

/// What is known of a request.
pub(crate) struct Head {
    /// The listener that it came in on.
    pub(crate) listener: ListenerId,
    /// Whether it came over TLS.
    pub(crate) tls: bool,
    /// The method; an RFC 8441 handshake is a `GET`, as it would be over HTTP/1.1.
    pub(crate) method: Method,
    /// The protocol.
    pub(crate) version: Version,
    /// What was asked for.
    pub(crate) uri: Uri,
    /// The host in lower case, without port and trailing dot; an IPv6 address without brackets.
    pub(crate) host: String,
    /// Host and port as the client sent them.
    pub(crate) authority: String,
    /// The address of the connection.
    pub(crate) peer: IpAddr,
    /// The client's address, behind trusted proxies.
    pub(crate) client: IpAddr,
    /// The token of `Upgrade` in lower case; none where the request has a body, which no tunnel could tell from its first bytes.
    pub(crate) upgrade: Option<String>,
    /// The subject of the client's certificate.
    pub(crate) subject: Option<Arc<str>>,
    /// When it was complete.
    pub(crate) since: std::time::Instant,
    id: OnceCell<RequestId>,
}

impl Head {
    /// Reads a request.
    ///
    /// # Errors
    /// The status of a request that nobody may take.
    pub(crate) fn read<B>(
        request: &http::Request<B>,
        client: &Client,
        listener: &Listener,
    ) -> Result<Self, StatusCode> {
        let headers = request.headers();
        let uri = request.uri();
        let h2 = request.version() == Version::HTTP_2;
        let over_h2 = request
            .extensions()
            .get::<hyper::ext::Protocol>()
            .map(|protocol| protocol.as_str().to_ascii_lowercase());
        // A proxy in reverse: no CONNECT, and no URL of another host.
        if request.method() == Method::CONNECT && over_h2.is_none() || !h2 && uri.scheme().is_some()
        {
            return Err(StatusCode::BAD_REQUEST);
        }
        let whole_server = request.method() == Method::OPTIONS && uri.path() == "*";
        if !whole_server && !uri.path().starts_with('/') {
            return Err(StatusCode::BAD_REQUEST);
        }
        let named = headers.get(header::HOST);
        let authority = match (uri.authority(), named) {
            (Some(authority), _) => authority.as_str(),
            (None, Some(host)) => host.to_str().map_err(|_| StatusCode::BAD_REQUEST)?,
            (None, None) => "",
        };
        // Two names for one thing, read by two programs.
        let same =
            |host: &http::HeaderValue| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes());
        if !headers.get_all(header::HOST).iter().all(same) {
            return Err(StatusCode::BAD_REQUEST);
        }
        let host = host(authority).ok_or(StatusCode::BAD_REQUEST)?;
        let has_body = headers.contains_key(header::TRANSFER_ENCODING)
            || headers
                .get(header::CONTENT_LENGTH)
                .is_some_and(|length| length != "0");
        let upgrade = match over_h2 {
            Some(token) => Some(token),
            // RFC 9110 §7.8: HTTP/1.0 has no upgrade.
            None if request.version() != Version::HTTP_11
                || has_body
                || !asks_to_upgrade(headers) =>
            {
                None
            }
            None => joined(headers, &header::UPGRADE)
                .and_then(|token| {
                    Some(
                        std::str::from_utf8(&token)
                            .ok()?
                            .trim()
                            .to_ascii_lowercase(),
                    )
                })
                .filter(|token| !token.is_empty()),
        };
        let method = if upgrade.is_some() && h2 {
            Method::GET
        } else {
            request.method().clone()
        };
        Ok(Self {
            listener: listener.id,
            tls: client.tls,
            method,
            version: request.version(),
            uri: uri.clone(),
            host,
            authority: authority.to_owned(),
            peer: client.peer,
            client: crate::proxy::client::who::behind(
                client.peer,
                headers,
                &listener.trusted_proxies.value,
            )
            .ok_or(StatusCode::BAD_REQUEST)?,
            upgrade,
            subject: client.subject.clone(),
            since: std::time::Instant::now(),
            id: OnceCell::new(),
        })
    }

    /// The query without `?`.
    pub(crate) fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// The decoded value of a query parameter.
    pub(crate) fn query_value(&self, name: &str) -> Option<String> {
        query::value(self.query()?, name)
    }

    /// `http` or `https`.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Whether it asks for a WebSocket.
    pub(crate) fn is_websocket(&self) -> bool {
        self.upgrade.as_deref() == Some("websocket")
    }

    /// Whether it is an extended `CONNECT` (RFC 8441): a 2xx would be a tunnel to its client.
    pub(crate) fn connects(&self) -> bool {
        self.version == Version::HTTP_2 && self.upgrade.is_some()
    }

    /// The request's id.
    pub(crate) fn id(&self) -> RequestId {
        *self.id.get_or_init(RequestId::new)
    }

    /// The path in the form in which it is matched.
    ///
    /// # Errors
    /// 400 where the listener refuses it.
    pub(crate) fn path(&self, listener: &Listener) -> Result<Cow<'_, str>, StatusCode> {
        let raw = self.uri.path();
        if is_plain(raw) || listener.paths.value == Paths::Raw {
            if listener.encoded_slash.value == EncodedSlash::Reject && has_encoded_slash(raw) {
                return Err(StatusCode::BAD_REQUEST);
            }
            return Ok(Cow::Borrowed(raw));
        }
        if listener.encoded_slash.value == EncodedSlash::Reject && has_encoded_slash(raw)
            || listener.paths.value == Paths::Reject && has_dots_or_empty(raw)
        {
            return Err(StatusCode::BAD_REQUEST);
        }
        normalize(raw)
            .map(Cow::Owned)
            .ok_or(StatusCode::BAD_REQUEST)
    }
}

/// What tells a request from every other one: 128 random bits in hexadecimal.
#[derive(Clone, Copy)]
pub(crate) struct RequestId(u128);

impl RequestId {
    fn new() -> Self {
        // Without randomness the time still tells requests apart.
        let now = || u128::from(crate::proxy::clock::now());
        Self(crate::proxy::random::secret_bytes().map_or_else(now, u128::from_ne_bytes))
    }

    /// As text.
    pub(crate) fn text(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        std::array::from_fn(|at| DIGITS[(self.0 >> (4 * at) & 15) as usize])
    }
}

/// The longest host with its port: no name of the DNS is longer.
const LONGEST_HOST: usize = 255 + ":65535".len();

/// The host of `Host` or `:authority`: lower case, no port, no trailing dot. `None` if it is none.
fn host(authority: &str) -> Option<String> {
    if authority.len() > LONGEST_HOST {
        return None;
    }
    let bare = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            let fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            return fits
                .then(|| host.parse::<std::net::Ipv6Addr>().ok())?
                .map(|ip| ip.to_string());
        }
        None => match authority.rsplit_once(':') {
            Some((host, port)) => is_port(port).then_some(host)?,
            None => authority,
        },
    };
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    // Encoded ones would be another name to whoever decodes them.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    bare.bytes().all(fits).then(|| bare.to_ascii_lowercase())
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `Connection` names `upgrade`.
fn asks_to_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
        && headers.get_all(header::CONNECTION).iter().any(|line| {
            line.as_bytes()
                .split(|byte| *byte == b',')
                .any(|word| word.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        })
}

/// The value of a header, several lines joined by `, ` (cookies by `; `); `None` if there is none.
pub(crate) fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?.as_bytes();
    let mut value = Cow::Borrowed(first);
    for line in lines {
        let between: &[u8] = if *name == header::COOKIE {
            b"; "
        } else {
            b", "
        };
        let whole = value.to_mut();
        whole.extend_from_slice(between);
        whole.extend_from_slice(line.as_bytes());
    }
    Some(value)
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .find(|(known, _)| known.trim() == name)
        .map(|(_, value)| value.trim())
}

/// Whether a path is in the form in which it is matched already.
fn is_plain(path: &str) -> bool {
    let mut before = 0;
    for byte in path.bytes() {
        let odd = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => false,
            b'/' => before == b'/',
            // A dot that begins a segment may be a dot segment.
            b'.' => before == b'/',
            _ => !b"!$&'()*+,;=:@".contains(&byte),
        };
        if odd {
            return false;
        }
        before = byte;
    }
    true
}

fn has_encoded_slash(path: &str) -> bool {
    path.as_bytes()
        .windows(3)
        .any(|three| three.eq_ignore_ascii_case(b"%2f"))
}

/// Whether a path has dot segments, encoded ones too, or empty ones before its end.
fn has_dots_or_empty(path: &str) -> bool {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        if dots == "." || dots == ".." || segment.is_empty() && segments.peek().is_some() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_without_case_port_and_dot() {
        for (authority, name) in [
            ("Example.COM", Some("example.com")),
            ("example.com.:8443", Some("example.com")),
            ("[::1]:80", Some("::1")),
            ("10.0.0.1:80", Some("10.0.0.1")),
            ("", Some("")),
            ("a:b", None),
            ("a/b", None),
            ("a@b", None),
            ("[::1", None),
            ("a:123456", None),
            ("a%41", None),
            (&"a.".repeat(140), None),
        ] {
            assert_eq!(host(authority).as_deref(), name, "{authority}");
        }
    }

    #[test]
    fn a_plain_path_is_one_that_normalizing_leaves() {
        for path in [
            "/", "/ws", "/a/b.c", "/a;b=1", "/a:b@c", "//", "/a//b", "/.", "/a/../b", "/%41",
            "/a b", "/a/.b",
        ] {
            if is_plain(path) {
                assert_eq!(normalize(path).as_deref(), Some(path));
            }
        }
        assert!(is_plain("/a/b.c") && !is_plain("/a/../b") && !is_plain("/a//b"));
    }
}
