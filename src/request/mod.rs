//! A hypothetical request, as a person writes one: `GET https://example.com/path?x` or `WS wss://example.com/ws`.

mod answer;
mod expect;
mod outcome;
pub(crate) mod query;
mod router;

use std::net::IpAddr;

pub use expect::run_tests;
pub use outcome::{Missed, Outcome, Step};
pub use router::Router;

use crate::ir::Test;

/// A request before any connection is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, in upper case.
    pub method: String,
    /// Whether it comes over TLS.
    pub tls: bool,
    /// The host in lower case, without port and trailing dot; an IPv6 address without brackets.
    pub host: String,
    /// The port, where the URL names one.
    pub port: Option<u16>,
    /// The path as the client sends it.
    pub path: String,
    /// The query without `?`.
    pub query: Option<String>,
    /// Headers: name as written, value.
    pub headers: Vec<(String, String)>,
    /// The client's address; `None` is an address in no range of the spec.
    pub client: Option<IpAddr>,
    /// The token of `Upgrade` in lower case, if it asks for an upgrade.
    pub upgrade: Option<String>,
}

impl Request {
    /// Reads method and URL. `WS` is a WebSocket handshake, `GET` with `Upgrade: websocket`; a URL alone is a `GET`, or a handshake
    /// where its scheme is `ws` or `wss`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            [url] if url.starts_with("ws://") || url.starts_with("wss://") => {
                Self::new("GET", true, url)
            }
            [url] => Self::new("GET", false, url),
            ["WS", url] => Self::new("GET", true, url),
            [method, url] => Self::new(method, false, url),
            _ => Err(format!(
                "`{}` is no request: write method and URL, such as `GET https://example.com/` or `WS wss://example.com/ws`",
                text.escape_debug()
            )),
        }
    }

    /// A request from its parts.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the URL.
    pub fn new(method: &str, websocket: bool, url: &str) -> Result<Self, String> {
        let unfit = |why: &str| format!("`{}` is no URL: {why}", url.escape_debug());
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| unfit("write scheme, host and path: `https://example.com/`"))?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return Err(unfit("its scheme is `http`, `https`, `ws` or `wss`")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(cut);
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, authority)| authority);
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest
                    .split_once(']')
                    .ok_or_else(|| unfit("the `[` of its host has no `]`"))?;
                (host, port.strip_prefix(':'))
            }
            None => match authority.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            Some(text) => Some(
                text.parse::<u16>()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(|| unfit("its port is a number from 1 to 65535"))?,
            ),
            None => None,
        };
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if host.is_empty() {
            return Err(unfit("it names no host"));
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Ok(Self {
            method: method.to_ascii_uppercase(),
            tls,
            host,
            port,
            path: if path.is_empty() { "/" } else { path }.to_owned(),
            query,
            headers: Vec::new(),
            client: None,
            upgrade: websocket.then(|| "websocket".to_owned()),
        })
    }

    /// The request of a test of the spec.
    ///
    /// # Errors
    /// A sentence that says what is wrong with its URL.
    pub fn of(test: &Test) -> Result<Self, String> {
        let mut request = Self::new(&test.method, test.websocket, &test.url)?;
        request.client = test.client;
        for (name, value) in &test.headers {
            request.add_header(name, value);
        }
        Ok(request)
    }

    /// Adds a header. `Upgrade` makes it an upgrade request, `Host` is what the server is asked for.
    pub fn add_header(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("upgrade") && self.upgrade.is_none() {
            self.upgrade = Some(value.trim().to_ascii_lowercase());
        }
        if name.eq_ignore_ascii_case("host")
            && let Ok(other) = Self::new("GET", false, &format!("http://{}/", value.trim()))
        {
            self.host = other.host;
        }
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// The value of a header, several lines joined by `, `; `None` if there is none. The name has no case.
    pub fn header(&self, name: &str) -> Option<String> {
        let lines: Vec<&str> = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect();
        if !lines.is_empty() {
            return Some(lines.join(", "));
        }
        // What every client sends without being told.
        match (name.to_ascii_lowercase().as_str(), &self.upgrade) {
            ("host", _) => Some(self.authority()),
            ("upgrade", Some(token)) => Some(token.clone()),
            ("connection", Some(_)) => Some("Upgrade".to_owned()),
            ("sec-websocket-version", Some(token)) if token == "websocket" => Some("13".to_owned()),
            _ => None,
        }
    }

    /// The decoded value of the first query parameter of this name.
    pub fn query_value(&self, name: &str) -> Option<String> {
        query::value(self.query.as_deref()?, name)
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.header("cookie")?;
        cookies
            .split([';', ','])
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| known.trim() == name)
            .map(|(_, value)| value.trim().to_owned())
    }

    /// The port that the client connects to.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.tls { 443 } else { 80 })
    }

    /// Whether it asks for a WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.upgrade.as_deref() == Some("websocket")
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// The host as it stands in a URL, with the port that the URL named.
    fn authority(&self) -> String {
        let host = crate::ir::bracketed(&self.host);
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn requests_are_read_as_people_write_them() {
        let request = Request::parse("WS wss://Example.com.:8443/ws?x=1&token=a%20b#part")
            .expect("a request");
        assert_eq!(
            (request.method.as_str(), request.host.as_str(), request.port),
            ("GET", "example.com", Some(8443))
        );
        assert_eq!(
            (request.path.as_str(), request.is_websocket()),
            ("/ws", true)
        );
        assert_eq!(request.query_value("token").as_deref(), Some("a b"));
        assert_eq!(request.query_value("y"), None);
        assert!(
            Request::parse("wss://example.com")
                .expect("a request")
                .is_websocket()
        );
        let six = Request::parse("get http://[::1]:81?x").expect("a request");
        assert_eq!((six.host.as_str(), six.path.as_str()), ("::1", "/"));
        assert_eq!(six.header("Host").as_deref(), Some("[::1]:81"));
        for bad in [
            "",
            "GET",
            "GET example.com",
            "GET ftp://x/",
            "GET http:///x",
            "GET http://x:0/",
            "GET http://x:y/",
            "GET http://[::1/",
            "a b c",
        ] {
            assert!(Request::parse(bad).is_err(), "{bad}");
        }
    }
}
