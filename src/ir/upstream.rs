//! Upstreams: groups of servers, how requests are spread, how health is known.

use serde::{Deserialize, Serialize};

use super::*;

/// A group of servers.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retries {
    /// How many after the first.
    pub attempts: u16,
    /// What is tried again, sorted.
    pub after: Vec<RetryAfter>,
}

/// What the server sees as `Host`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
