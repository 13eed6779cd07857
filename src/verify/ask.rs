//! Requests made from the gateway itself: one that a route takes and lets in, and what a probe changes in it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::keyring::{Keyring, Pass};
use super::ranges::Ranges;
use crate::ir::{
    Auth, AuthKind, Condition, Entry, Gateway, HostMatch, Listener, ListenerId, PathMatch, Route,
    RouteId, Set, TokenPlace, UpstreamId, ValueMatch,
};
use crate::request::{Outcome, Request, Router};
use crate::rules::pattern;

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
fn mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("p{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Makes requests for a gateway that is moved to loopback.
pub struct Asker<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) router: Router<'a>,
    pub(super) ranges: &'a Ranges,
    pub(super) keyring: &'a Keyring,
}

impl<'a> Asker<'a> {
    /// What the contract says becomes of a request; `None` where the URL reaches another listener than the one it goes to.
    pub fn outcome(&self, ask: &Ask) -> Option<Outcome> {
        let outcome = self.router.outcome(&ask.request).ok()?;
        (outcome.listener == Some(ask.listener)).then_some(outcome)
    }

    /// A request that the route takes and that every guard lets in; `None` where none was found.
    pub fn good(&self, route: RouteId) -> Option<Ask> {
        self.every_good(route).into_iter().next()
    }

    /// The same for each listener that serves the route, and each of its hosts and paths: one request for each that was found.
    pub fn every_good(&self, route: RouteId) -> Vec<Ask> {
        let gateway = self.gateway;
        let route = gateway.route(route);
        let mut asks = Vec::new();
        for listener in gateway.listeners_of(route) {
            for entry in gateway.table.iter().filter(|entry| entry.route == route.id) {
                asks.extend(self.for_entry(route, *entry, listener, &[false, true]));
            }
        }
        asks
    }

    /// A handshake that becomes a tunnel on the route; `None` where none was found.
    pub fn good_tunnel(&self, route: RouteId) -> Option<Ask> {
        let gateway = self.gateway;
        let route = gateway.route(route);
        gateway.listeners_of(route).find_map(|listener| {
            gateway
                .table
                .iter()
                .filter(|entry| entry.route == route.id)
                .find_map(|entry| {
                    self.for_entry(route, *entry, listener, &[true])
                        .filter(|ask| self.outcome(ask).is_some_and(|it| it.tunnel))
                })
        })
    }

    fn for_entry(
        &self,
        route: &Route,
        entry: Entry,
        listener: &Listener,
        upgrades: &[bool],
    ) -> Option<Ask> {
        let hosts = hosts(entry.host(self.gateway));
        let paths = paths(entry.path(self.gateway));
        for host in &hosts {
            for path in &paths {
                for upgrade in upgrades {
                    let ask = self.letting_in(route, listener, host, path, *upgrade);
                    let taken = self.outcome(&ask).is_some_and(|outcome| {
                        outcome.entry == Some(entry)
                            && (outcome.status.is_none() || route.shares().is_empty())
                    });
                    if taken {
                        return Some(ask);
                    }
                }
            }
        }
        None
    }

    /// A request to a host and path that meets all that the route asks for.
    fn letting_in(
        &self,
        route: &Route,
        listener: &Listener,
        host: &str,
        path: &str,
        upgrade: bool,
    ) -> Ask {
        let when = &route.when;
        let lists = [when.methods.as_ref(), route.methods.as_ref()];
        let allowed = |method: &str| {
            lists
                .iter()
                .flatten()
                .all(|list| list.value.iter().any(|it| it == method))
        };
        let named = lists
            .iter()
            .flatten()
            .flat_map(|list| list.value.iter().map(String::as_str));
        let method = ["GET"]
            .into_iter()
            .chain(named)
            .find(|method| allowed(method));
        let only = when.upgrade.as_ref().is_some_and(|it| it.value)
            || route.websocket.as_ref().is_some_and(|it| it.only.value);
        let mut request = Request {
            method: method.unwrap_or("GET").to_owned(),
            tls: listener.tls.is_some(),
            host: host.to_owned(),
            port: (!listener.has_scheme_port()).then_some(listener.public_port.value),
            path: path.to_owned(),
            query: None,
            headers: Vec::new(),
            client: Some(self.client(route)),
            upgrade: (only || upgrade).then(|| "websocket".to_owned()),
        };
        for condition in &when.headers {
            if let Some(text) = sample(condition) {
                request.headers.push((condition.value.name.clone(), text));
            }
        }
        let mut ask = Ask {
            request,
            listener: listener.id,
            proxy: None,
            body: Vec::new(),
            mark: mark(),
        };
        for condition in &when.query {
            if let Some(text) = sample(condition) {
                ask = ask.query(&encoded(&condition.value.name), &encoded(&text));
            }
        }
        if let Some(pass) = self
            .gateway
            .auth_of(route)
            .and_then(|auth| self.keyring.pass(auth))
        {
            ask = ask.showing(&pass);
        }
        if ask.request.upgrade.is_some()
            && let Some(origin) = self.good_origin(route, &ask)
        {
            ask = ask.header("Origin", &origin);
        }
        ask
    }

    /// The origin that a handshake of this route comes from, where it has to come from one.
    pub fn good_origin(&self, route: &Route, ask: &Ask) -> Option<String> {
        let websocket = route.websocket.as_ref()?;
        match websocket.origins.as_ref().map(|it| &it.value) {
            Some(origins) if !origins.exact.is_empty() => origins.exact.first().cloned(),
            Some(_) => Some(format!(
                "{}://{}",
                if ask.request.tls { "https" } else { "http" },
                ask.authority()
            )),
            None => websocket
                .require_origin
                .value
                .then(|| "https://origin.example".to_owned()),
        }
    }

    /// An address that the route takes and lets in, as unlike others as it can be.
    pub fn client(&self, route: &Route) -> IpAddr {
        let wanted = [
            route.when.clients.as_ref(),
            route.clients.as_ref().and_then(|it| it.allow.as_ref()),
        ];
        // Of two lists, the narrower range is more likely to be in both.
        let narrowest = wanted
            .into_iter()
            .flatten()
            .flat_map(|list| &list.value)
            .filter(|range| !range.is_everyone())
            .max_by_key(|range| range.net().prefix_len());
        match narrowest {
            Some(range) => self.ranges.inside(*range),
            None => self.ranges.stranger(),
        }
    }

    /// The upstreams that a request may go to.
    pub fn upstreams(&self, ask: &Ask) -> Vec<UpstreamId> {
        let outcome = self.outcome(ask);
        let all = outcome.iter().flat_map(|it| &it.upstreams);
        all.map(|(id, _)| *id).collect()
    }
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
        pass.headers.iter().fold(with, |ask, (name, value)| {
            match ask
                .request
                .headers
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
            {
                // Cookies share one line.
                Some((_, old)) if name.eq_ignore_ascii_case("cookie") => {
                    let both = format!("{old}; {value}");
                    ask.header(name, &both)
                }
                _ => ask.header(name, value),
            }
        })
    }
}

/// Hosts that a match takes, the likeliest first.
pub fn hosts(host: &HostMatch) -> Vec<String> {
    match host {
        HostMatch::Exact(name) => vec![name.clone()],
        HostMatch::Wildcard(zone) => vec![format!("w.{zone}"), format!("probe-7.{zone}")],
        HostMatch::Regex(regex) => pattern::samples(regex),
        HostMatch::Any => vec!["any.example".to_owned(), "any-7.example".to_owned()],
    }
}

/// Paths that a match takes, the likeliest first.
pub fn paths(path: &PathMatch) -> Vec<String> {
    match path {
        PathMatch::Exact(path) => vec![path.clone()],
        PathMatch::Prefix(prefix) => {
            let below = |rest: &str| format!("{}/{rest}", prefix.trim_end_matches('/'));
            vec![prefix.clone(), below("probe-7"), below("probe-7/x")]
        }
        PathMatch::Regex(regex) => pattern::samples(regex),
    }
}

/// A value that meets a condition; `None` where it is met by none.
pub fn sample(condition: &Set<Condition>) -> Option<String> {
    match &condition.value.value {
        ValueMatch::Exact(text) => Some(text.clone()),
        ValueMatch::Regex(regex) => pattern::samples(regex).into_iter().next(),
        ValueMatch::Present(true) => Some("1".to_owned()),
        ValueMatch::Present(false) => None,
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
