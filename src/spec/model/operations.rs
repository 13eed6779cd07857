//! `log`, `metrics`, `runtime`, `accept` and `tests`: how the gateway runs and how the spec is checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Block, Many, Named};
use crate::spec::de::At;
use crate::spec::units::Dur;

/// The access log. A tunnel is logged at its end.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// How a line looks. Default: `json`.
    pub format: Option<At<LogFormat>>,
    /// What never reaches the log; tokens that `auth` takes never do.
    pub redact: Option<Redact>,
    /// The fields of a JSON line, in this order. Default: every field.
    pub fields: Option<At<Many<At<LogField>>>>,
}

/// How a log line looks.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A JSON object per line.
    Json,
    /// The Common Log Format with referrer and agent.
    Common,
}

/// What never reaches the log.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Redact {
    /// Query parameters whose values are replaced by `REDACTED`.
    #[schemars(extend("examples" = [["token"]]))]
    pub query: Option<At<Many<At<String>>>>,
    /// Headers whose values are replaced by `REDACTED`.
    #[schemars(extend("examples" = [["Authorization", "Cookie"]]))]
    pub headers: Option<At<Many<At<String>>>>,
}

/// A field of a log line.
#[derive(
    Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord,
)]
#[serde(rename_all = "snake_case")]
pub enum LogField {
    /// When the request ended, RFC 3339.
    Time,
    /// The client's address.
    ClientIp,
    /// The id of the request.
    RequestId,
    /// The method.
    Method,
    /// `http` or `https`.
    Scheme,
    /// The host asked for.
    Host,
    /// The path.
    Path,
    /// The query, redacted.
    Query,
    /// `HTTP/1.1`, `HTTP/2.0` …
    Protocol,
    /// The status; 101 for a tunnel.
    Status,
    /// The name of the route.
    Route,
    /// The name of the upstream.
    Upstream,
    /// The address of the server.
    Server,
    /// How long it took, in seconds; a tunnel's whole life.
    Duration,
    /// Bytes from the client.
    BytesIn,
    /// Bytes to the client.
    BytesOut,
    /// The `User-Agent`.
    UserAgent,
    /// The `Referer`.
    Referer,
}

/// Metrics in Prometheus' format.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// The port. Required.
    #[schemars(range(min = 1, max = 65535), extend("examples" = [9100]))]
    pub port: Option<At<u64>>,
    /// The address to bind. Default: `127.0.0.1`.
    #[schemars(extend("default" = "127.0.0.1"))]
    pub address: Option<At<String>>,
    /// The path. Default: `/metrics`.
    #[schemars(extend("default" = "/metrics"))]
    pub path: Option<At<String>>,
}

/// How the program runs.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// What happens to open connections at a stop or reload.
    pub drain: Option<Drain>,
    /// The most client connections open at once, tunnels included; the ceiling on file descriptors is derived from it (two per tunnel). Default: 10000.
    #[schemars(range(min = 1, max = 10_000_000), extend("default" = 10_000))]
    pub max_connections: Option<At<u64>>,
    /// The most file descriptors. Default: two per connection and a reserve.
    #[schemars(range(min = 64, max = 100_000_000))]
    pub files: Option<At<u64>>,
    /// How many threads or processes: a number, or `auto` for one per core. Default: `auto`.
    pub workers: Option<At<Workers>>,
}

/// What happens to open connections at a stop or reload.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// How long they may go on; then they are closed. Default: 30s.
    #[schemars(extend("default" = "30s"))]
    pub timeout: Option<At<Dur>>,
    /// Tunnels end with a close frame 1001, spread over this long, so that clients do not all reconnect at once; below `timeout`. Default: off.
    pub spread: Option<At<Block<Dur>>>,
}

/// How many threads or processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// One per core.
    Auto,
    /// This many.
    Count(u16),
}

impl Serialize for Workers {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Count(count) => serializer.serialize_u16(*count),
        }
    }
}

impl<'de> Deserialize<'de> for Workers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Workers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`auto` or a number from 1 to 1024")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Workers, E> {
                if text == "auto" {
                    Ok(Workers::Auto)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Workers, E> {
                match u16::try_from(number) {
                    Ok(count @ 1..=1024) => Ok(Workers::Count(count)),
                    _ => Err(E::invalid_value(
                        serde::de::Unexpected::Unsigned(number),
                        &self,
                    )),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Workers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Workers".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "How many threads or processes: a number, or `auto` for one per core",
            "anyOf": [{ "enum": ["auto"] }, { "type": "integer", "minimum": 1, "maximum": 1024 }]
        })
    }
}

/// A loss that is accepted.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// The loss, as the report names it: `target::feature`.
    #[schemars(regex(pattern = r"^[a-z]+::[a-z0-9_.]+$"), extend("examples" = ["alb::stickiness.cookie.name"]))]
    pub loss: At<String>,
    /// Why it does not matter here; printed at the head of the output.
    #[schemars(length(min = 1))]
    pub because: At<String>,
    /// Only at this route, upstream or listener. Default: everywhere.
    pub at: Option<At<String>>,
}

/// A request and what must become of it.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Method and URL; `WS` is a WebSocket handshake.
    #[schemars(extend("examples" = ["GET https://example.com/", "WS wss://example.com/ws"]))]
    pub request: At<String>,
    /// Headers of the request.
    pub headers: Option<Named<String>>,
    /// The client's address. Default: an address in no range of the spec.
    pub client: Option<At<String>>,
    /// What must become of it.
    pub expect: At<Expect>,
}

/// What must become of a test's request; every field that is written is checked.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The name of the route that takes it; `none` for 404.
    pub route: Option<At<String>>,
    /// The upstream that it goes to.
    pub upstream: Option<At<String>>,
    /// The status that the proxy itself answers with. A request that is passed on has none.
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<At<u64>>,
    /// The `Location` of a redirect.
    pub location: Option<At<String>>,
    /// The path and query that the server sees.
    pub path: Option<At<String>>,
}
