//! Routes: what they take, where they lead, what a WebSocket or a stream may do there.

use serde::{Deserialize, Serialize};

use super::*;

/// Takes requests and says what becomes of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Route {
    /// Its id.
    #[serde(skip)]
    pub id: RouteId,
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Its name.
    pub name: String,
    /// The hosts, at least one; `every` is already the list of hosts.
    pub hosts: Vec<Set<HostMatch>>,
    /// The paths, at least one.
    pub paths: Vec<Set<PathMatch>>,
    /// The methods that are allowed, in upper case; `None` is every method.
    pub methods: Option<Set<Vec<String>>>,
    /// Further conditions.
    pub when: When,
    /// What becomes of the request.
    pub action: Action,
    /// WebSockets; `None`: an upgrade request is answered as if it had not asked.
    pub websocket: Option<Box<WebSocket>>,
    /// Streaming; `None` is off.
    pub stream: Option<Box<Stream>>,
    /// Until the response head.
    pub response: Set<Dur>,
    /// Between two bytes of a body.
    pub idle: Set<Dur>,
    /// The largest request body; `None` is no limit.
    pub body: Set<Option<Size>>,
    /// The rate of requests; `None` is no limit.
    pub requests: Option<Box<RequestLimit>>,
    /// Requests and tunnels open at once; `None` is no limit.
    pub connections: Option<Box<ConnectionLimit>>,
    /// How the client is known; `None` is not at all.
    pub auth: Option<Set<AuthId>>,
    /// Which client addresses may come; `None` is all.
    pub clients: Option<Box<Clients>>,
    /// Cross-origin requests; `None` is off.
    pub cors: Option<Box<Cors>>,
    /// Whether the forwarded headers are set.
    pub forwarded: Set<bool>,
    /// Changes to the request's headers, in order.
    pub request_headers: Vec<HeaderOp>,
    /// Changes to the response's headers, in order.
    pub response_headers: Vec<HeaderOp>,
    /// Changes to the path or query; `None` is none.
    pub rewrite: Option<Box<Rewrite>>,
    /// Other answers in place of errors; `None` is none.
    pub error_pages: Option<Box<ErrorPages>>,
    /// Whether answers are compressed.
    pub compression: Set<bool>,
    /// Whether requests enter the access log.
    pub log: Set<bool>,
}

impl Route {
    /// The upstreams that the route leads to, with their shares.
    pub fn shares(&self) -> &[Share] {
        match &self.action {
            Action::Forward(shares) => shares,
            Action::Redirect(_) | Action::Respond(_) => &[],
        }
    }
}

/// Further conditions of a route; empty lists and `None` ask for nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct When {
    /// Only these methods, in upper case.
    pub methods: Option<Set<Vec<String>>>,
    /// Only requests with these headers.
    pub headers: Vec<Set<Condition>>,
    /// Only requests with these query parameters.
    pub query: Vec<Set<Condition>>,
    /// Only clients from these ranges.
    pub clients: Option<Set<Vec<ClientRange>>>,
    /// Only upgrade requests (`true`), or only others (`false`).
    pub upgrade: Option<Set<bool>>,
    /// Only on these listeners.
    pub listeners: Option<Set<Vec<ListenerId>>>,
}

impl When {
    /// How many conditions there are: more go before fewer.
    pub fn count(&self) -> usize {
        let single = [
            self.methods.is_some(),
            self.clients.is_some(),
            self.upgrade.is_some(),
            self.listeners.is_some(),
        ];
        self.headers.len() + self.query.len() + single.into_iter().filter(|there| *there).count()
    }
}

/// A condition on a header or query parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// The name; a header's in lower case.
    pub name: String,
    /// What it must be.
    pub value: ValueMatch,
}

/// What a header or query parameter must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueMatch {
    /// This value.
    Exact(String),
    /// A value that the regex (RE2 syntax, anchored by the matcher) matches as a whole.
    Regex(String),
    /// Any value, or none at all.
    Present(bool),
}

/// What becomes of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It goes to an upstream, or to several by their shares. At least one.
    Forward(Vec<Share>),
    /// The client is sent elsewhere.
    Redirect(Set<Redirect>),
    /// A fixed answer.
    Respond(Set<Respond>),
}

/// An upstream's share of a route, with what the route overrides.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Share {
    /// The upstream.
    pub upstream: Set<UpstreamId>,
    /// Its weight among the route's upstreams.
    pub weight: Set<u32>,
    /// Until connected: the route's or the upstream's.
    pub connect: Set<Dur>,
    /// Further tries: the route's or the upstream's. `None` is off.
    pub retries: Set<Option<Retries>>,
    /// What the server sees as `Host`: the route's or the upstream's.
    pub host_header: Set<HostHeader>,
}

/// What a WebSocket may do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WebSocket {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Closed after this long with no byte in either direction.
    pub idle: Set<Dur>,
    /// Closed after this long in any case; `None` is never.
    pub max_duration: Set<Option<Dur>>,
    /// The longest message; `None` is no limit.
    pub max_message: Set<Option<Size>>,
    /// The rate of a client's messages; `None` is no limit.
    pub messages: Set<Option<Rate>>,
    /// A ping when a side has been silent this long; `None` is never.
    pub ping: Set<Option<Dur>>,
    /// The origins that browsers may come from; `None` is every origin.
    pub origins: Option<Set<Origins>>,
    /// Whether a request without `Origin` is refused.
    pub require_origin: Set<bool>,
    /// Whether plain requests get 426.
    pub only: Set<bool>,
    /// The upgrade tokens that pass, in lower case.
    pub tokens: Set<Vec<String>>,
    /// The methods that may carry an upgrade, in upper case.
    pub methods: Set<Vec<String>>,
}

/// Origins that are allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origins {
    /// Exact origins, such as `https://example.com`, in lower case.
    pub exact: Vec<String>,
    /// Whether the origin whose host is the request's own is allowed.
    pub same_host: bool,
}

/// How answers are passed on as they arrive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stream {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Closed after this long without a byte.
    pub idle: Set<Dur>,
    /// Whether the request's body is passed on unbuffered too.
    pub request: Set<bool>,
}
