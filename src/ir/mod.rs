//! The gateway as every target reads it: every default filled and explained, names resolved to ids, routes in their computed order.

pub mod defaults;
pub mod feature;
mod host;
pub mod lower;
mod order;
mod path;
pub mod regex;
mod rooms;
mod set;
mod sites;
mod uses;

use std::net::IpAddr;

use serde::Serialize;

pub use crate::source::Loc;
pub use crate::spec::model::{
    AcmeChallenge, ClientAuthMode, EncodedSlash, GatewayImplementation, HeaderNames,
    IngressController, JwksAlgorithm, LogField, LogFormat, OnLoss, Paths, Protocol, RedirectScheme,
    Replace, RetryAfter, SameSite, TlsProfile, UnknownHost, Workers,
};
pub use crate::spec::units::{Address, ClientRange, Dur, Per, Rate, Size, StatusRange};
pub use feature::{Family, Feature};
pub use host::HostMatch;
pub use lower::{Files, lower};
pub use order::Entry;
pub use path::{PathMatch, normalize};
pub use rooms::*;
pub use set::{Origin, Set, Why};
pub use sites::{Site, SiteEntry};
pub use uses::{Subject, Use, uses};

macro_rules! ids {
    ($($(#[$about:meta])* $name:ident)*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
        pub struct $name(pub u32);

        impl $name {
            /// The index into the gateway's list.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A listener of the gateway.
    ListenerId
    /// A certificate of the gateway.
    CertificateId
    /// An upstream of the gateway.
    UpstreamId
    /// A route of the gateway.
    RouteId
    /// An entry of `auth`.
    AuthId
}

/// The whole gateway.
#[derive(Debug, Serialize)]
pub struct Gateway {
    /// The gateway's name.
    pub name: Set<String>,
    /// The listeners, in the order of the file.
    pub listeners: Vec<Listener>,
    /// The certificates, in the order of the file.
    pub certificates: Vec<Certificate>,
    /// The upstreams, in the order of the file.
    pub upstreams: Vec<Upstream>,
    /// Ways to know a client, in the order of the file.
    pub auth: Vec<Auth>,
    /// The routes, in the order of the file.
    pub routes: Vec<Route>,
    /// The computed order: every host and path of every route; the first entry that matches takes the request.
    pub table: Vec<Entry>,
    /// The access log; `None` is off.
    pub log: Option<Log>,
    /// Metrics; `None` is off.
    pub metrics: Option<Metrics>,
    /// How the program runs.
    pub runtime: Runtime,
    /// A room for each target.
    pub rooms: Rooms,
    /// Losses that are accepted.
    pub accept: Vec<Accept>,
    /// Requests and what must become of them.
    pub tests: Vec<Test>,
}

impl Gateway {
    /// The listener of this id.
    pub fn listener(&self, id: ListenerId) -> &Listener {
        &self.listeners[id.index()]
    }

    /// The certificate of this id.
    pub fn certificate(&self, id: CertificateId) -> &Certificate {
        &self.certificates[id.index()]
    }

    /// The upstream of this id.
    pub fn upstream(&self, id: UpstreamId) -> &Upstream {
        &self.upstreams[id.index()]
    }

    /// The route of this id.
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id.index()]
    }

    /// The entry of `auth` of this id.
    pub fn auth(&self, id: AuthId) -> &Auth {
        &self.auth[id.index()]
    }

    /// The route's entry of `auth`, if it asks for one.
    pub fn auth_of(&self, route: &Route) -> Option<&Auth> {
        route.auth.as_ref().map(|id| self.auth(id.value))
    }

    /// Whether requests on this listener can reach the route.
    pub fn serves(&self, listener: &Listener, route: &Route) -> bool {
        match &route.when.listeners {
            Some(only) => only.value.contains(&listener.id),
            None => listener.redirect.is_none(),
        }
    }

    /// The listeners on which requests can reach the route.
    pub fn listeners_of<'a>(&'a self, route: &'a Route) -> impl Iterator<Item = &'a Listener> {
        self.listeners
            .iter()
            .filter(|listener| self.serves(listener, route))
    }

    /// The certificate that a TLS listener serves for a host: the first that covers it, else the listener's first.
    pub fn certificate_for(&self, tls: &ListenerTls, host: &HostMatch) -> CertificateId {
        let covering = tls
            .certificates
            .value
            .iter()
            .find(|id| self.certificate(**id).covers(host));
        *covering.unwrap_or(&tls.certificates.value[0])
    }
}

/// A port that clients connect to.
#[derive(Debug, Serialize)]
pub struct Listener {
    /// Its id.
    #[serde(skip)]
    pub id: ListenerId,
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Its name.
    pub name: String,
    /// The TCP port.
    pub port: Set<u16>,
    /// The address to bind; `None` is every address, IPv4 and IPv6.
    pub address: Set<Option<IpAddr>>,
    /// TLS; `None` is plain text.
    pub tls: Option<ListenerTls>,
    /// Sends every request to this listener with 301, but for routes that name this one in `when.listeners`.
    pub redirect: Option<Set<ListenerId>>,
    /// Whether HTTP/2 is offered.
    pub http2: Set<bool>,
    /// Whether HTTP/3 is offered.
    pub http3: Set<bool>,
    /// Whether every connection starts with a PROXY protocol header.
    pub proxy_protocol: Set<bool>,
    /// Proxies in front whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Set<Vec<ClientRange>>,
    /// Until a request head is complete.
    pub head_timeout: Set<Dur>,
    /// Between requests.
    pub keepalive: Set<Dur>,
    /// The largest request head.
    pub head_limit: Set<Size>,
    /// The most connections open at once; `None` is no ceiling.
    pub connections: Set<Option<u64>>,
    /// The port that clients see.
    pub public_port: Set<u16>,
    /// What a host gets that no route names.
    pub unknown_host: Set<UnknownHost>,
    /// How paths are read before they are matched.
    pub paths: Set<Paths>,
    /// What becomes of `%2F` in a path.
    pub encoded_slash: Set<EncodedSlash>,
    /// Whether WebSockets over HTTP/2 (RFC 8441) are offered; means something only with `http2`.
    pub websocket_over_http2: Set<bool>,
    /// Which header names pass.
    pub header_names: Set<HeaderNames>,
    /// TCP keep-alive towards clients; `None` is off.
    pub tcp_keepalive: Set<Option<Dur>>,
}

impl Listener {
    /// `http` or `https`.
    pub const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Whether `public_port` is the scheme's own port, which a URL leaves out.
    pub fn has_scheme_port(&self) -> bool {
        self.public_port.value == if self.tls.is_some() { 443 } else { 80 }
    }
}

/// TLS towards clients.
#[derive(Debug, Serialize)]
pub struct ListenerTls {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Protocol versions and ciphers.
    pub profile: Set<TlsProfile>,
    /// The certificates, at least one; the first is the fallback.
    pub certificates: Set<Vec<CertificateId>>,
    /// `Strict-Transport-Security`; `None` is off.
    pub hsts: Option<Set<Hsts>>,
    /// Client certificates; `None` is off.
    pub client_auth: Option<ClientAuth>,
}

/// `Strict-Transport-Security`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hsts {
    /// How long browsers remember.
    pub max_age: Dur,
    /// Whether subdomains are included.
    pub subdomains: bool,
    /// Whether the host may enter the browsers' preload lists.
    pub preload: bool,
}

impl Hsts {
    /// The header's value.
    pub fn header(&self) -> String {
        let mut value = format!("max-age={}", self.max_age.as_secs_ceil());
        if self.subdomains {
            value.push_str("; includeSubDomains");
        }
        if self.preload {
            value.push_str("; preload");
        }
        value
    }
}

/// Client certificates (mTLS).
#[derive(Debug, Serialize)]
pub struct ClientAuth {
    /// The file of the authorities.
    pub ca: Set<String>,
    /// Whether a client without a certificate passes.
    pub mode: Set<ClientAuthMode>,
}

/// A certificate.
#[derive(Debug, Serialize)]
pub struct Certificate {
    /// Its id.
    #[serde(skip)]
    pub id: CertificateId,
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Its name.
    pub name: String,
    /// The host names that it covers, in lower case.
    pub hosts: Set<Vec<String>>,
    /// Where it comes from.
    pub source: CertificateSource,
}

impl Certificate {
    /// Whether the certificate covers every host that the match takes: `*.a.b` covers one label.
    pub fn covers(&self, host: &HostMatch) -> bool {
        match host {
            HostMatch::Exact(name) => self.hosts.value.iter().any(|covered| {
                covered == name
                    || covered.strip_prefix("*.").is_some_and(|zone| {
                        name.split_once('.').is_some_and(|(_, rest)| rest == zone)
                    })
            }),
            HostMatch::Wildcard(zone) => self
                .hosts
                .value
                .iter()
                .any(|covered| covered.strip_prefix("*.") == Some(zone)),
            HostMatch::Regex(_) | HostMatch::Any => false,
        }
    }
}

/// Where a certificate comes from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateSource {
    /// Two files in PEM.
    Files {
        /// The certificate and its intermediates.
        cert: Set<String>,
        /// The private key.
        key: Set<String>,
    },
    /// An ACME authority.
    Acme {
        /// The address that the authority writes to; `None` is none given.
        email: Option<Set<String>>,
        /// How the host is proved.
        challenge: Set<AcmeChallenge>,
        /// The authority's directory URL.
        directory: Set<String>,
    },
}

/// A group of servers.
#[derive(Debug, Serialize)]
pub struct Upstream {
    /// Its id.
    #[serde(skip)]
    pub id: UpstreamId,
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Its name.
    pub name: String,
    /// The servers, at least one.
    pub servers: Vec<Server>,
    /// How requests are spread.
    pub balance: Set<Balance>,
    /// How a client is kept on its server; `None` is off.
    pub stickiness: Option<Stickiness>,
    /// Active health checks; `None` is off.
    pub health: Option<Health>,
    /// Ejection of servers that fail real requests; `None` is off.
    pub passive: Option<Passive>,
    /// How long an idle connection to a server is kept.
    pub keepalive_timeout: Set<Dur>,
    /// The most idle connections to each server; `None` opens one per request.
    pub keepalive: Set<Option<u64>>,
    /// How long a returned server's share grows; `None` is off.
    pub slow_start: Set<Option<Dur>>,
    /// How often host names are looked up again; `None` is once at start.
    pub resolve: Set<Option<Dur>>,
    /// TCP keep-alive towards servers; `None` is off.
    pub tcp_keepalive: Set<Option<Dur>>,
    /// The most connections to each server; `None` is no ceiling.
    pub max_connections: Set<Option<u64>>,
    /// The largest response head.
    pub response_head: Set<Size>,
    /// The protocol towards the servers.
    pub protocol: Set<Protocol>,
    /// TLS towards the servers; `None` is plain text.
    pub tls: Option<UpstreamTls>,
    /// Until connected; a route's share may have its own.
    pub connect: Set<Dur>,
    /// Further tries; a route's share may have its own. `None` is off.
    pub retries: Set<Option<Retries>>,
    /// What the server sees as `Host`; a route's share may have its own.
    pub host_header: Set<HostHeader>,
}

impl Upstream {
    /// Whether any server is a host name that has to be looked up.
    pub fn has_names(&self) -> bool {
        self.servers
            .iter()
            .any(|server| server.address.value.name().is_some())
    }
}

/// A server of an upstream.
#[derive(Debug, Serialize)]
pub struct Server {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Where it listens.
    pub address: Set<Address>,
    /// Its share of the traffic, 1 to 256.
    pub weight: Set<u16>,
    /// Whether it takes traffic only when no other server is healthy.
    pub backup: Set<bool>,
}

/// How requests are spread over servers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// In turn, by weight.
    RoundRobin,
    /// To the server with the fewest open requests and tunnels, by weight.
    LeastConnections,
    /// At random, by weight.
    Random,
    /// By a consistent hash.
    Hash(HashKey),
}

/// What a hash is computed from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HashKey {
    /// The client's address.
    Source,
    /// A request header.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// A query parameter.
    Query(String),
    /// The path.
    Path,
}

/// How a client is kept on its server.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stickiness {
    /// By a cookie that the proxy sets.
    Cookie(StickyCookie),
    /// By a cookie that the application sets.
    AppCookie {
        /// The cookie's name.
        name: Set<String>,
        /// How long an unused entry is remembered.
        ttl: Set<Dur>,
    },
    /// By the client's address.
    Source {
        /// How long an unused entry is remembered.
        ttl: Set<Dur>,
        /// Where it is written.
        #[serde(skip)]
        at: Loc,
    },
}

/// The cookie that the proxy sets.
#[derive(Debug, Serialize)]
pub struct StickyCookie {
    /// Its name.
    pub name: Set<String>,
    /// How long browsers keep it; `None`: until they close.
    pub ttl: Set<Option<Dur>>,
    /// Its `Path`.
    pub path: Set<String>,
    /// Whether it has `Secure`.
    pub secure: Set<Secure>,
    /// Whether it has `HttpOnly`.
    pub http_only: Set<bool>,
    /// Its `SameSite`.
    pub same_site: Set<SameSite>,
}

/// Whether a cookie has `Secure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Secure {
    /// On TLS listeners only: the default.
    OnTls,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Active health checks.
#[derive(Debug, Serialize)]
pub struct Health {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// What is asked.
    pub check: Set<Check>,
    /// Another port than the server's; `None` is the server's own.
    pub port: Option<Set<u16>>,
    /// From one check to the next.
    pub interval: Set<Dur>,
    /// How long one check may take.
    pub timeout: Set<Dur>,
    /// Good checks in a row that make a server healthy.
    pub rise: Set<u16>,
    /// Bad checks in a row that make it unhealthy.
    pub fall: Set<u16>,
}

/// What a health check asks.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// An HTTP request.
    Http {
        /// The path.
        path: String,
        /// The `Host`; `None` is the server's own name.
        host: Option<String>,
        /// The method.
        method: String,
        /// The statuses that are well, at least one range.
        status: Vec<StatusRange>,
    },
    /// A connection that opens.
    Tcp,
    /// A WebSocket handshake that gets 101.
    WebSocket {
        /// The path.
        path: String,
        /// The `Host`; `None` is the server's own name.
        host: Option<String>,
    },
}

/// Ejection of servers that fail real requests.
#[derive(Debug, Serialize)]
pub struct Passive {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// This many errors …
    pub errors: Set<u16>,
    /// … within this long …
    pub within: Set<Dur>,
    /// … take the server out for this long.
    pub eject: Set<Dur>,
}

/// Further tries on other servers, idempotent methods only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retries {
    /// How many after the first.
    pub attempts: u16,
    /// What is tried again, sorted.
    pub after: Vec<RetryAfter>,
}

/// What the server sees as `Host`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HostHeader {
    /// What the client sent.
    Preserve,
    /// The server's own host and port.
    Upstream,
    /// A fixed host.
    Set(String),
}

/// TLS towards the servers.
#[derive(Debug, Serialize)]
pub struct UpstreamTls {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The name asked for and verified; `None` is each server's own host name.
    pub server_name: Option<Set<String>>,
    /// The authorities' file; `None` is the system's.
    pub ca: Option<Set<String>>,
    /// Whether the servers' certificates are verified.
    pub verify: Set<bool>,
    /// A client certificate to show: certificate and key.
    pub client: Option<(Set<String>, Set<String>)>,
}

/// A way to know a client.
#[derive(Debug, Serialize)]
pub struct Auth {
    /// Its id.
    #[serde(skip)]
    pub id: AuthId,
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Its name.
    pub name: String,
    /// How.
    pub kind: AuthKind,
}

/// How a client is known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// A signed token.
    Jwt(Jwt),
    /// Name and password.
    Basic(Basic),
    /// A key from a list.
    ApiKey(ApiKey),
    /// Another service decides.
    Forward(Forward),
}

/// A secret: never its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// In this environment variable of the running proxy.
    Env(String),
    /// In this file.
    File(String),
}

/// A signed token.
#[derive(Debug, Serialize)]
pub struct Jwt {
    /// The key.
    pub keys: Set<JwtKeys>,
    /// The required `iss`; `None` is any.
    pub issuer: Option<Set<String>>,
    /// The required `aud`, one of these; `None` is any.
    pub audience: Option<Set<Vec<String>>>,
    /// Where the token may stand, in order, at least one.
    pub token: Set<Vec<TokenPlace>>,
    /// How far clocks may differ.
    pub leeway: Set<Dur>,
    /// Claims that reach the server as headers: header, claim.
    pub pass: Vec<Set<(String, String)>>,
    /// Whether a token in the query or the subprotocol is removed.
    pub strip: Set<bool>,
}

/// An algorithm and its key.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JwtKeys {
    /// One key for one algorithm.
    Key {
        /// The algorithm, as in the token's head: `HS256`, `RS256`, `ES256` …
        algorithm: &'static str,
        /// The secret (HS) or the public key in PEM.
        key: Secret,
    },
    /// A key set that is fetched.
    JwksUrl {
        /// Where from.
        url: String,
        /// How often it is refreshed.
        refresh: Dur,
        /// The algorithms that are accepted, at least one.
        algorithms: Vec<JwksAlgorithm>,
    },
    /// A key set in a file.
    JwksFile {
        /// The file.
        file: String,
        /// The algorithms that are accepted, at least one.
        algorithms: Vec<JwksAlgorithm>,
    },
}

/// Where a token may stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// `Authorization: Bearer …`
    Bearer,
    /// The subprotocol list.
    Subprotocol,
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
    /// A header that holds the bare token.
    Header(String),
}

/// Name and password.
#[derive(Debug, Serialize)]
pub struct Basic {
    /// The htpasswd file.
    pub file: Set<String>,
    /// What the browser shows.
    pub realm: Set<String>,
    /// Whether `Authorization` is removed.
    pub strip: Set<bool>,
}

/// A key from a list.
#[derive(Debug, Serialize)]
pub struct ApiKey {
    /// The keys, one per line.
    pub keys: Set<Secret>,
    /// Where the key may stand, in order, at least one: never `Bearer` or `Subprotocol`.
    pub from: Set<Vec<TokenPlace>>,
    /// Whether the key is removed.
    pub strip: Set<bool>,
}

/// Another service decides.
#[derive(Debug, Serialize)]
pub struct Forward {
    /// The upstream that is asked.
    pub upstream: Set<UpstreamId>,
    /// The path of the subrequest.
    pub path: Set<String>,
    /// Request headers that the service sees.
    pub send: Set<Vec<String>>,
    /// Headers of its answer that the server sees.
    pub pass: Set<Vec<String>>,
    /// Headers of its answer that the client sees.
    pub answer: Set<Vec<String>>,
    /// How long the service may take.
    pub timeout: Set<Dur>,
}

/// Takes requests and says what becomes of them.
#[derive(Debug, Serialize)]
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
    pub websocket: Option<WebSocket>,
    /// Streaming; `None` is off.
    pub stream: Option<Stream>,
    /// Until the response head.
    pub response: Set<Dur>,
    /// Between two bytes of a body.
    pub idle: Set<Dur>,
    /// The largest request body; `None` is no limit.
    pub body: Set<Option<Size>>,
    /// The rate of requests; `None` is no limit.
    pub requests: Option<RequestLimit>,
    /// Requests and tunnels open at once; `None` is no limit.
    pub connections: Option<ConnectionLimit>,
    /// How the client is known; `None` is not at all.
    pub auth: Option<Set<AuthId>>,
    /// Which client addresses may come; `None` is all.
    pub clients: Option<Clients>,
    /// Cross-origin requests; `None` is off.
    pub cors: Option<Cors>,
    /// Whether the forwarded headers are set.
    pub forwarded: Set<bool>,
    /// Changes to the request's headers, in order.
    pub request_headers: Vec<HeaderOp>,
    /// Changes to the response's headers, in order.
    pub response_headers: Vec<HeaderOp>,
    /// Changes to the path or query; `None` is none.
    pub rewrite: Option<Rewrite>,
    /// Other answers in place of errors; `None` is none.
    pub error_pages: Option<ErrorPages>,
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
#[derive(Debug, Default, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Condition {
    /// The name; a header's in lower case.
    pub name: String,
    /// What it must be.
    pub value: ValueMatch,
}

/// What a header or query parameter must be.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
#[derive(Debug, Serialize)]
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
#[derive(Debug, Serialize)]
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

/// A redirect: a whole URL, or parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Redirect {
    /// Where to.
    pub to: RedirectTo,
    /// 301, 302, 307 or 308.
    pub status: u16,
}

/// Where a redirect leads.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectTo {
    /// This URL or path, as it is.
    Url(String),
    /// The request's URL with these parts changed; `None` keeps the request's. The query stays.
    Parts {
        /// The scheme.
        scheme: Option<RedirectScheme>,
        /// The host, possibly with a port.
        host: Option<String>,
        /// The path.
        path: Option<String>,
    },
}

/// A fixed answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Respond {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The `Content-Type`; of no use without a body.
    pub content_type: String,
}

/// What a WebSocket may do.
#[derive(Debug, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Origins {
    /// Exact origins, such as `https://example.com`, in lower case.
    pub exact: Vec<String>,
    /// Whether the origin whose host is the request's own is allowed.
    pub same_host: bool,
}

/// How answers are passed on as they arrive.
#[derive(Debug, Serialize)]
pub struct Stream {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Closed after this long without a byte.
    pub idle: Set<Dur>,
    /// Whether the request's body is passed on unbuffered too.
    pub request: Set<bool>,
}

/// A rate of requests.
#[derive(Debug, Serialize)]
pub struct RequestLimit {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The rate.
    pub rate: Set<Rate>,
    /// How many more may come at once.
    pub burst: Set<u32>,
    /// Who is counted.
    pub per: Set<PerKey>,
    /// Clients that are not counted.
    pub exempt: Set<Vec<ClientRange>>,
    /// The bucket that routes share; `None`: the route counts alone.
    pub bucket: Option<Set<String>>,
}

/// Requests and tunnels open at once.
#[derive(Debug, Serialize)]
pub struct ConnectionLimit {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The most open at once.
    pub max: Set<u32>,
    /// Who is counted.
    pub per: Set<PerKey>,
}

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PerKey {
    /// Each client address.
    Client,
    /// The route as a whole.
    Route,
    /// Each value of a header; requests without it are not counted.
    Header(String),
}

/// Which client addresses may come: `deny` first; with `allow`, everybody else is refused too.
#[derive(Debug, Serialize)]
pub struct Clients {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Only these may come; `None` is everybody.
    pub allow: Option<Set<Vec<ClientRange>>>,
    /// These may not come.
    pub deny: Set<Vec<ClientRange>>,
}

/// Cross-origin requests.
#[derive(Debug, Serialize)]
pub struct Cors {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The origins that may ask; `None` is any.
    pub origins: Set<Option<Vec<String>>>,
    /// The methods.
    pub methods: Set<Vec<String>>,
    /// The request headers.
    pub headers: Set<Vec<String>>,
    /// The response headers that scripts may read.
    pub expose: Set<Vec<String>>,
    /// Whether cookies and authorization may be sent.
    pub credentials: Set<bool>,
    /// How long a preflight's answer is remembered; `None` is not at all.
    pub max_age: Set<Option<Dur>>,
}

/// One change to a header.
#[derive(Debug, Serialize)]
pub struct HeaderOp {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The header's name, as written.
    pub name: String,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a header.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Taken away.
    Remove,
    /// Set in place of any that were there.
    Set(Value),
    /// Added beside any that are there.
    Add(Value),
    /// Set where there is none.
    SetIfAbsent(Value),
}

impl Change {
    /// The value, if the change has one.
    pub const fn value(&self) -> Option<&Value> {
        match self {
            Self::Remove => None,
            Self::Set(value) | Self::Add(value) | Self::SetIfAbsent(value) => Some(value),
        }
    }
}

/// A value: text and facts of the request, in order. A literal is one text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Value(pub Vec<Piece>);

impl Value {
    /// The text of a literal; `None` where a fact is asked for.
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Literal text.
    Text(String),
    /// A fact of the request.
    Fact(Fact),
}

/// A fact of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The client's address.
    ClientIp,
    /// The id of the request, made by the proxy.
    RequestId,
    /// `http` or `https`.
    Scheme,
    /// The host asked for, without port.
    Host,
    /// The port that the client sees.
    Port,
    /// The method.
    Method,
    /// The path, as the client sent it.
    Path,
    /// The query without `?`.
    QueryString,
    /// Path and query.
    Uri,
    /// The subject of the client's certificate.
    TlsSubject,
    /// A claim of the verified token.
    Claim(String),
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
    /// A request header.
    Header(String),
}

/// Changes to what the server sees as path and query.
#[derive(Debug, Serialize)]
pub struct Rewrite {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The change to the path; `None` is none.
    pub path: Option<Set<PathRewrite>>,
    /// Query parameters to set.
    pub query_set: Vec<Set<(String, String)>>,
    /// Query parameters to take away.
    pub query_remove: Vec<Set<String>>,
    /// Whether the server's `Location` and cookie paths are mapped back.
    pub map_location: Set<bool>,
}

/// A change to the path.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PathRewrite {
    /// The route's own prefix is taken away.
    StripPrefix,
    /// This stands in place of the route's own prefix.
    ReplacePrefix(String),
    /// This stands in place of the whole path.
    Path(String),
    /// A regex and its replacement.
    Regex {
        /// RE2 syntax, anchored by the matcher.
        matches: String,
        /// Text and captures, in order.
        to: Vec<Capture>,
    },
}

/// A piece of a replacement.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// Literal text.
    Text(String),
    /// The group of this number.
    Group(u32),
}

/// Other answers in place of errors.
#[derive(Debug, Serialize)]
pub struct ErrorPages {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The pages, in the order of the file; the first range that holds a status counts.
    pub pages: Vec<Set<(StatusRange, ErrorPage)>>,
    /// Whose answers are replaced.
    pub replace: Set<Replace>,
}

/// What stands in place of an error.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorPage {
    /// A fixed answer; `None` keeps the error's own status.
    Respond(Option<u16>, Respond),
    /// A redirect.
    Redirect(Redirect),
}

/// The access log.
#[derive(Debug, Serialize)]
pub struct Log {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// How a line looks.
    pub format: Set<LogFormat>,
    /// The fields of a JSON line.
    pub fields: Set<Vec<LogField>>,
    /// Query parameters whose values are replaced; those that `auth` takes a token from are among them.
    pub redact_query: Set<Vec<String>>,
    /// Headers whose values are replaced, in lower case.
    pub redact_headers: Set<Vec<String>>,
}

/// Metrics in Prometheus' format.
#[derive(Debug, Serialize)]
pub struct Metrics {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The port.
    pub port: Set<u16>,
    /// The address to bind.
    pub address: Set<IpAddr>,
    /// The path.
    pub path: Set<String>,
}

/// How the program runs.
#[derive(Debug, Serialize)]
pub struct Runtime {
    /// How long open connections may go on at a stop or reload.
    pub drain_timeout: Set<Dur>,
    /// Tunnels end with 1001, spread over this long; `None`: not spread.
    pub drain_spread: Set<Option<Dur>>,
    /// The most client connections open at once.
    pub max_connections: Set<u32>,
    /// The most file descriptors.
    pub files: Set<u64>,
    /// How many threads or processes.
    pub workers: Set<Workers>,
}

/// A loss that is accepted.
#[derive(Debug, Serialize)]
pub struct Accept {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The target.
    pub target: String,
    /// The feature.
    pub feature: Feature,
    /// Why it does not matter.
    pub because: String,
    /// Only at the subject of this name; `None` is everywhere.
    pub subject: Option<String>,
}

/// A request and what must become of it.
#[derive(Debug, Serialize)]
pub struct Test {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// The method; a WebSocket handshake is `GET` with `websocket`.
    pub method: String,
    /// Whether it is a WebSocket handshake.
    pub websocket: bool,
    /// The URL as written.
    pub url: String,
    /// Headers of the request: name as written, value.
    pub headers: Vec<(String, String)>,
    /// The client's address; `None` is an address in no range of the spec.
    pub client: Option<IpAddr>,
    /// What must become of it; `None` is not checked.
    pub expect: Expect,
}

/// What must become of a test's request; `None` is not checked.
#[derive(Debug, Default, Serialize)]
pub struct Expect {
    /// The route that takes it; `Some(None)` is no route.
    pub route: Option<Set<Option<String>>>,
    /// The upstream that it goes to.
    pub upstream: Option<Set<String>>,
    /// The status that the proxy answers with.
    pub status: Option<Set<u16>>,
    /// The `Location` of a redirect.
    pub location: Option<Set<String>>,
    /// The path and query that the server sees.
    pub path: Option<Set<String>>,
}
