//! `upstreams`: groups of servers and how requests are spread over them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Block, Many, OnOff, Toggle};
use crate::spec::de::At;
use crate::spec::units::{Address, Dur, Size, StatusRange};

/// Implements `Deserialize` and `JsonSchema` for a type with a scalar shorthand and a map form.
macro_rules! scalar_or_map {
    ($type:ident, $about:literal, $scalar:ty => $from_scalar:expr, $map:ty => $from_map:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($about)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        let scalar = <$scalar>::deserialize(serde::de::value::StrDeserializer::new(text))?;
                        Ok(($from_scalar)(scalar))
                    }

                    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<$type, E> {
                        let scalar = <$scalar>::deserialize(serde::de::value::U64Deserializer::new(number))?;
                        Ok(($from_scalar)(scalar))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<$type, A::Error> {
                        let map = <$map>::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                        Ok(($from_map)(map))
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let scalar = generator.subschema_for::<$scalar>();
                let map = generator.subschema_for::<$map>();
                schemars::json_schema!({ "description": $about, "anyOf": [scalar, map] })
            }
        }
    };
}
pub(super) use scalar_or_map;

/// A group of servers that stand for each other.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// `off` takes the upstream out, and with it the routes that lead only there. Default: on.
    pub enabled: Option<At<OnOff>>,
    /// The servers: an address each, or a map with weight and role. Required.
    pub servers: Option<At<Many<At<Server>>>>,
    /// How requests and tunnels are spread. Default: `round_robin`.
    pub balance: Option<At<Balance>>,
    /// Keeps a client on its server. Default: off.
    pub stickiness: Option<At<Block<Stickiness>>>,
    /// Asks each server regularly whether it is well. Default: off.
    pub health: Option<At<Block<Health>>>,
    /// Takes a server out that fails real requests. Default: off.
    pub passive: Option<At<Block<Passive>>>,
    /// How long a server may take.
    pub timeouts: Option<UpstreamTimeouts>,
    /// The most idle connections kept to each server by each worker; `off` opens one per request. Default: 32.
    #[schemars(extend("default" = 32))]
    pub keepalive: Option<At<Block<u64>>>,
    /// After a return to health, a server's share grows from nothing over this long. Default: off.
    #[schemars(extend("default" = "off"))]
    pub slow_start: Option<At<Block<Dur>>>,
    /// Host names of servers are looked up again this often; `off`: once at start. Default: 30s.
    #[schemars(extend("default" = "30s"))]
    pub resolve: Option<At<Block<Dur>>>,
    /// Sends TCP keep-alive probes to a silent server after this long. Default: 60s.
    #[schemars(extend("default" = "60s"))]
    pub tcp_keepalive: Option<At<Block<Dur>>>,
    /// The most connections open to each server at once; a request above gets 503. Default: off, written out where a program has a low default.
    #[schemars(extend("default" = "off"))]
    pub max_connections: Option<At<Block<u64>>>,
    /// Tries another server after a failure; idempotent methods only. A refused connection is always skipped. Default: off. A route may override it.
    pub retries: Option<At<Block<Retries>>>,
    /// What the server sees as `Host`. Default: `preserve`. A route may override it.
    pub host_header: Option<At<HostHeader>>,
    /// How much a server may send.
    pub limits: Option<UpstreamLimits>,
    /// The protocol towards the servers; WebSockets always use HTTP/1.1. Default: `http1`.
    pub protocol: Option<At<Protocol>>,
    /// TLS towards the servers; `on` verifies against the system's authorities and the server's host name. Default: off.
    pub tls: Option<At<Toggle<UpstreamTls>>>,
}

/// How long a server may take.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTimeouts {
    /// From the dial until connected, TLS included; then the next server, at last 504. Default: 5s.
    #[schemars(extend("default" = "5s"))]
    pub connect: Option<At<Dur>>,
    /// How long an idle connection to a server is kept. Default: 60s.
    #[schemars(extend("default" = "60s"))]
    pub keepalive: Option<At<Dur>>,
}

/// How much a server may send.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct UpstreamLimits {
    /// The largest response head; a larger one becomes 502. Default: 64KiB.
    #[schemars(extend("default" = "64KiB"))]
    pub response_head: Option<At<Size>>,
}

/// A server: its address, or a map with weight and role.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where it listens. The place of a shorthand is the server's own.
    pub address: At<Address>,
    /// Its share of the traffic, 1 to 256; 1 where it is not written.
    pub weight: Option<At<u64>>,
    /// Takes traffic only when no other server is healthy.
    pub backup: Option<At<OnOff>>,
}

/// The map form of [`Server`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ServerMap {
    /// Where it listens.
    address: At<Address>,
    /// Its share of the traffic, 1 to 256. Default: 1.
    #[schemars(range(min = 1, max = 256), extend("default" = 1))]
    weight: Option<At<u64>>,
    /// Takes traffic only when no other server is healthy. Default: off.
    backup: Option<At<OnOff>>,
}

scalar_or_map!(
    Server,
    "A server: an address such as `app:8080`, or a map with `address`, `weight` and `backup`",
    Address => |address| Server { address: At::unplaced(address), weight: None, backup: None },
    ServerMap => |map: ServerMap| Server { address: map.address, weight: map.weight, backup: map.backup }
);

/// How requests and tunnels are spread over the servers.
#[derive(Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// In turn, by weight.
    RoundRobin,
    /// To the server with the fewest open requests and tunnels, by weight.
    LeastConnections,
    /// At random, by weight.
    Random,
    /// By a consistent hash: when one of n servers goes, only its share moves.
    Hash(HashKey),
}

/// What a hash is computed from.
#[derive(Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum HashKey {
    /// The client's address.
    Source(OnOff),
    /// A request header; without it the next server in turn.
    Header(At<String>),
    /// A cookie; without it the next server in turn.
    Cookie(At<String>),
    /// A query parameter; without it the next server in turn.
    Query(At<String>),
    /// The request's path.
    Path(OnOff),
}

/// How a client is kept on its server.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Stickiness {
    /// The proxy sets a cookie, opaque, on the first answer, and follows it while that server is healthy.
    Cookie(StickyCookie),
    /// The proxy follows a cookie that the application sets.
    AppCookie(AppCookie),
    /// The proxy remembers the choice per client address.
    Source(StickySource),
}

/// The cookie that the proxy sets.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct StickyCookie {
    /// The cookie's name. Required.
    #[schemars(extend("examples" = ["chat_node"]))]
    pub name: Option<At<String>>,
    /// How long browsers keep it; `off`: until they close. Default: off.
    pub ttl: Option<At<Block<Dur>>>,
    /// The cookie's `Path`. Default: `/`.
    #[schemars(extend("default" = "/"))]
    pub path: Option<At<String>>,
    /// Only over TLS. Default: on where the route is served on a TLS listener.
    pub secure: Option<At<OnOff>>,
    /// Hidden from scripts. Default: on.
    pub http_only: Option<At<OnOff>>,
    /// Default: `lax`.
    pub same_site: Option<At<SameSite>>,
}

/// The cookie attribute `SameSite`.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SameSite {
    /// Sent only from the same site.
    Strict,
    /// Sent also on top-level navigation.
    Lax,
    /// Sent everywhere; needs `secure`.
    None,
}

/// A cookie that the application sets.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct AppCookie {
    /// The cookie's name.
    #[schemars(extend("examples" = ["JSESSIONID"]))]
    pub name: At<String>,
    /// How long an unused entry is remembered. Default: 1h.
    #[schemars(extend("default" = "1h"))]
    pub ttl: Option<At<Dur>>,
}

/// Stickiness by client address.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct StickySource {
    /// How long an unused entry is remembered. Default: 30m.
    #[schemars(extend("default" = "30m"))]
    pub ttl: Option<At<Dur>>,
}

/// Active health checks: exactly one of `http`, `tcp`, `websocket`, and how often. A server starts healthy.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// An HTTP request whose status tells.
    pub http: Option<At<HttpCheck>>,
    /// A TCP connection that opens.
    pub tcp: Option<At<TcpCheck>>,
    /// A real WebSocket handshake that gets 101.
    pub websocket: Option<At<WebSocketCheck>>,
    /// From one check to the next. Default: 5s.
    #[schemars(extend("default" = "5s"))]
    pub interval: Option<At<Dur>>,
    /// How long one check may take; below `interval`. Default: 2s.
    #[schemars(extend("default" = "2s"))]
    pub timeout: Option<At<Dur>>,
    /// This many good checks in a row make a server healthy, 1 to 100. Default: 2.
    #[schemars(range(min = 1, max = 100), extend("default" = 2))]
    pub rise: Option<At<u64>>,
    /// This many bad checks in a row make a server unhealthy, 1 to 100. Default: 3.
    #[schemars(range(min = 1, max = 100), extend("default" = 3))]
    pub fall: Option<At<u64>>,
}

/// A health check by HTTP.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct HttpCheck {
    /// The path to ask for. Default: `/`.
    #[schemars(extend("examples" = ["/health"], "default" = "/"))]
    pub path: Option<At<String>>,
    /// The `Host` of the check. Default: the server's own name.
    pub host: Option<At<String>>,
    /// The method. Default: `GET`.
    #[schemars(extend("default" = "GET"))]
    pub method: Option<At<String>>,
    /// The statuses that are well. Default: 200-399.
    #[schemars(extend("examples" = [[200, "301-308"]], "default" = "200-399"))]
    pub status: Option<At<Many<At<StatusRange>>>>,
    /// Another port than the server's, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<At<u64>>,
}

/// A health check by TCP: the connection opens.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct TcpCheck {
    /// Another port than the server's, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<At<u64>>,
}

/// A health check by a WebSocket handshake: the server answers 101.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct WebSocketCheck {
    /// The path to ask for. Default: `/`.
    #[schemars(extend("examples" = ["/ws"], "default" = "/"))]
    pub path: Option<At<String>>,
    /// The `Host` of the check. Default: the server's own name.
    pub host: Option<At<String>>,
    /// Another port than the server's, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<At<u64>>,
}

/// Takes a server out that fails real requests: connection errors, time-outs and 5xx answers of the proxy's own.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Passive {
    /// This many errors, 1 to 1000. Default: 3.
    #[schemars(range(min = 1, max = 1000), extend("default" = 3))]
    pub errors: Option<At<u64>>,
    /// Within this long. Default: 10s.
    #[schemars(extend("default" = "10s"))]
    pub within: Option<At<Dur>>,
    /// Take the server out for this long. Default: 30s.
    #[schemars(extend("default" = "30s"))]
    pub eject: Option<At<Dur>>,
}

/// Further tries on other servers; idempotent methods only.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Retries {
    /// How many further tries after the first, 1 to 10. Default: 1.
    #[schemars(range(min = 1, max = 10), extend("default" = 1))]
    pub attempts: Option<At<u64>>,
    /// What is tried again. Default: `[connect, timeout, 502, 503, 504]`.
    #[schemars(extend("examples" = [["connect", "timeout", 502, 503, 504]]))]
    pub after: Option<At<Many<At<RetryAfter>>>>,
}

/// What is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetryAfter {
    /// The connection failed or timed out.
    Connect,
    /// The response head did not come in time.
    Timeout,
    /// The server answered with this status, 500 to 599.
    Status(u16),
}

impl Serialize for RetryAfter {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Connect => serializer.serialize_str("connect"),
            Self::Timeout => serializer.serialize_str("timeout"),
            Self::Status(status) => serializer.serialize_u16(*status),
        }
    }
}

impl<'de> Deserialize<'de> for RetryAfter {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = RetryAfter;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`connect`, `timeout` or a status from 500 to 599")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RetryAfter, E> {
                match text {
                    "connect" => Ok(RetryAfter::Connect),
                    "timeout" => Ok(RetryAfter::Timeout),
                    _ => text
                        .parse()
                        .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
                        .and_then(|n| self.visit_u64(n)),
                }
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<RetryAfter, E> {
                match u16::try_from(number) {
                    Ok(status @ 500..=599) => Ok(RetryAfter::Status(status)),
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

impl JsonSchema for RetryAfter {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RetryAfter".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "What is tried again: a failed connection, a time-out, or a status of the server",
            "anyOf": [{ "enum": ["connect", "timeout"] }, { "type": "integer", "minimum": 500, "maximum": 599 }]
        })
    }
}

/// What the server sees as `Host`.
#[derive(Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum HostHeader {
    /// What the client sent.
    Preserve,
    /// The server's own host and port.
    Upstream,
    /// A fixed host.
    Set(At<String>),
}

/// The protocol towards the servers.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: by ALPN with TLS, by prior knowledge without.
    Http2,
}

/// TLS towards the servers.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTls {
    /// The name asked for (SNI) and verified. Default: the server's host name.
    #[schemars(extend("examples" = ["chat.internal"]))]
    pub server_name: Option<At<String>>,
    /// The file (PEM) of the authorities that sign the servers' certificates. Default: the system's.
    #[schemars(extend("examples" = ["/etc/ssl/internal.pem"]))]
    pub ca: Option<At<String>>,
    /// Whether the server's certificate is verified. Default: on.
    pub verify: Option<At<OnOff>>,
    /// The file (PEM) of a client certificate to show.
    pub cert: Option<At<String>>,
    /// The file (PEM) of its private key.
    pub key: Option<At<String>>,
}
