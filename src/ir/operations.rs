//! Log, metrics, runtime, accepted losses and tests.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::*;

/// The access log.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize)]
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
#[derive(Debug, Clone, Serialize)]
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
#[derive(Debug, Clone, Default, Serialize)]
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

impl Expect {
    /// Whether nothing is expected.
    pub const fn is_empty(&self) -> bool {
        self.route.is_none()
            && self.upstream.is_none()
            && self.status.is_none()
            && self.location.is_none()
            && self.path.is_none()
    }
}
