//! `routes`: which request goes where, and what a WebSocket or a stream may do there.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use super::{
    Block, Clients, Cors, ErrorPages, HeaderOps, HostHeader, Many, Named, OnOff, Redirect, Respond,
    Retries, Rewrite, RouteLimits, Toggle,
};
use crate::spec::de::At;
use crate::spec::units::{ClientRange, Dur, Rate, Size};

/// Takes requests by host, path and conditions, and says what becomes of them. Exactly one action: `upstream`, `split`, `redirect` or `respond`.
///
/// All routes form one ordered list, computed and not written: the more specific host first (exact, wildcard, regex, any), then the more
/// specific path (exact, regex, longest prefix), then more conditions, then the order of the file. The first match wins; no match is 404.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The route's name, unique: letters, digits, `-` and `_`. Default: made from the path.
    #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,62}$"), extend("examples" = ["socket"]))]
    pub name: Option<At<String>>,
    /// `off` takes the route out. Default: on.
    pub enabled: Option<At<OnOff>>,
    /// The hosts: exact, `*.example.com` (one or more labels, not `example.com`), `{regex: …}`, or `every` for each host of the spec.
    /// Without case, port and trailing dot. Left out: any host.
    #[schemars(extend("examples" = ["example.com", "*.example.com", ["example.com", "www.example.com"]]))]
    pub host: Option<At<Many<At<Host>>>>,
    /// The paths: a segment-wise prefix, or `{exact: …}`, `{prefix: …}`, `{regex: …}`. `/ws` takes `/ws`, `/ws/` and `/ws/x`, never `/wsx`.
    /// Default: `/`, every path.
    #[schemars(extend("examples" = ["/ws", { "exact": "/health" }, { "regex": "/room/[0-9]+" }], "default" = "/"))]
    pub path: Option<At<Many<At<Path>>>>,
    /// The methods that are allowed; others get 405 with `Allow`. Default: every method.
    #[schemars(extend("examples" = [["GET", "HEAD"]]))]
    pub methods: Option<At<Many<At<String>>>>,
    /// Further conditions; a request that does not meet them goes on to the next route.
    pub when: Option<At<Box<When>>>,
    /// Action: the upstream that serves the route.
    #[schemars(extend("examples" = ["chat"]))]
    pub upstream: Option<At<String>>,
    /// Action: several upstreams with a share each, such as `{chat: 90, canary: 10}`.
    #[schemars(extend("examples" = [{ "chat": 90, "canary": 10 }]))]
    pub split: Option<At<Named<u64>>>,
    /// Action: sends the client elsewhere.
    pub redirect: Option<At<Box<Redirect>>>,
    /// Action: a fixed answer.
    pub respond: Option<At<Box<Respond>>>,
    /// Passes WebSockets. Left out or `off`: an upgrade request is answered as if it had not asked. Default: off.
    pub websocket: Option<At<Toggle<Box<WebSocket>>>>,
    /// Passes answers on as they arrive: server-sent events, long polling, streamed answers. Default: off.
    pub stream: Option<At<Toggle<Box<Stream>>>>,
    /// How long things may take on this route.
    pub timeouts: Option<Box<RouteTimeouts>>,
    /// How much a client may ask for on this route.
    pub limits: Option<Box<RouteLimits>>,
    /// The name of an entry of `auth` that a request has to satisfy. Default: none.
    #[schemars(extend("examples" = ["members"]))]
    pub auth: Option<At<Block<String>>>,
    /// Which client addresses may come; others get 403.
    pub clients: Option<At<Block<Box<Clients>>>>,
    /// Cross-origin requests of browsers: preflights are answered with 204 by the proxy. Default: off.
    pub cors: Option<At<Block<Box<Cors>>>>,
    /// Overrides the upstream's `retries`.
    pub retries: Option<At<Block<Box<Retries>>>>,
    /// Overrides the upstream's `host_header`.
    pub host_header: Option<At<Box<HostHeader>>>,
    /// Sets `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `X-Real-IP` on every request; `off` leaves them out. Default: on.
    pub forwarded: Option<At<OnOff>>,
    /// Changes the headers that the server sees, after the forwarded headers.
    pub request_headers: Option<At<Box<HeaderOps>>>,
    /// Changes the headers that the client sees, over the program's own.
    pub response_headers: Option<At<Box<HeaderOps>>>,
    /// Changes the path or query that the server sees.
    pub rewrite: Option<At<Block<Box<Rewrite>>>>,
    /// Other answers in place of error statuses.
    pub error_pages: Option<At<Block<Box<ErrorPages>>>>,
    /// Compresses answers: gzip, and br and zstd where the program has them. Default: off.
    pub compression: Option<At<OnOff>>,
    /// Whether requests enter the access log. Default: on where `log` is.
    pub log: Option<At<OnOff>>,
}

/// The schema of `defaults.route`: a route without name, matching and action.
pub(super) fn defaults_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = Route::json_schema(generator);
    if let Some(properties) = schema.get_mut("properties").and_then(|p| p.as_object_mut()) {
        for key in NOT_INHERITED {
            properties.shift_remove(key);
        }
    }
    schema.insert(
        "description".to_owned(),
        "Inherited by every route: every field but `name`, `path`, `when` and the action.".into(),
    );
    schema
}

/// The fields of a route that `defaults.route` cannot give.
pub const NOT_INHERITED: [&str; 7] = [
    "name", "path", "when", "upstream", "split", "redirect", "respond",
];

/// A host to match.
#[derive(Clone, Debug, PartialEq)]
pub enum Host {
    /// `example.com` or `*.example.com`, as written, or `every`.
    Text(String),
    /// A regex over the whole host, in lower case.
    Regex(At<String>),
}

/// The map form of [`Host`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HostMap {
    /// RE2 syntax, anchored at both ends, matched against the host in lower case.
    #[schemars(extend("examples" = ["[a-z]+\\.example\\.com"]))]
    regex: At<String>,
}

super::upstream::scalar_or_map!(
    Host,
    "A host: `example.com`, `*.example.com`, `every`, or `{regex: …}`",
    String => Host::Text,
    HostMap => |map: HostMap| Host::Regex(map.regex)
);

/// A path to match.
#[derive(Clone, Debug, PartialEq)]
pub enum Path {
    /// This path and nothing else.
    Exact(At<String>),
    /// This path and everything below it, segment-wise.
    Prefix(At<String>),
    /// A regex over the whole path.
    Regex(At<String>),
}

/// The map form of [`Path`].
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PathMap {
    /// This path and nothing else.
    Exact(At<String>),
    /// This path and everything below it, segment-wise: `/ws` takes `/ws`, `/ws/` and `/ws/x`, never `/wsx`.
    Prefix(At<String>),
    /// RE2 syntax, anchored at both ends.
    Regex(At<String>),
}

super::upstream::scalar_or_map!(
    Path,
    "A path: a prefix such as `/ws`, or `{exact: …}`, `{prefix: …}`, `{regex: …}`",
    String => |text| Path::Prefix(At::unplaced(text)),
    PathMap => |map: PathMap| match map {
        PathMap::Exact(text) => Path::Exact(text),
        PathMap::Prefix(text) => Path::Prefix(text),
        PathMap::Regex(text) => Path::Regex(text),
    }
);

/// Further conditions of a route.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Takes only these methods.
    pub methods: Option<At<Many<At<String>>>>,
    /// Takes only requests with these headers; names without case, values with case.
    #[schemars(extend("examples" = [{ "X-Env": "canary" }]))]
    pub headers: Option<Named<ValueMatch>>,
    /// Takes only requests with these query parameters, decoded; names and values with case.
    #[schemars(extend("examples" = [{ "v": "2" }]))]
    pub query: Option<Named<ValueMatch>>,
    /// Takes only clients from these ranges (after `trusted_proxies`).
    pub clients: Option<At<Many<At<ClientRange>>>>,
    /// `on` takes only WebSocket upgrade requests, so that one path can lead sockets and pages to different upstreams.
    pub upgrade: Option<At<OnOff>>,
    /// Takes only requests on these listeners. Default: every listener that does not redirect.
    pub listeners: Option<At<Many<At<String>>>>,
}

/// What a header or query parameter must be.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueMatch {
    /// This value.
    Exact(String),
    /// A value that the regex matches as a whole.
    Regex(At<String>),
    /// Any value, or none at all.
    Present(bool),
}

/// The map form of [`ValueMatch`].
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ValueMatchMap {
    /// RE2 syntax, anchored at both ends.
    Regex(At<String>),
    /// Whether it is there at all.
    Present(OnOff),
}

super::upstream::scalar_or_map!(
    ValueMatch,
    "A value: a literal, `{regex: …}` or `{present: on}`",
    String => ValueMatch::Exact,
    ValueMatchMap => |map: ValueMatchMap| match map {
        ValueMatchMap::Regex(text) => ValueMatch::Regex(text),
        ValueMatchMap::Present(there) => ValueMatch::Present(there.0),
    }
);

/// What a WebSocket may do on this route.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct WebSocket {
    /// Closes the tunnel after this long with no byte in either direction; pings count. Default: 1h.
    #[schemars(extend("default" = "1h"))]
    pub idle: Option<At<Dur>>,
    /// Closes the tunnel after this long in any case. Default: off.
    #[schemars(extend("default" = "off"))]
    pub max_duration: Option<At<Block<Dur>>>,
    /// Closes with 1009 when a message is longer. Default: off.
    #[schemars(extend("default" = "off"))]
    pub max_message: Option<At<Block<Size>>>,
    /// Closes with 1008 when a client sends more messages. Default: off.
    pub messages: Option<At<Block<Messages>>>,
    /// Sends a ping when a side has been silent this long. Default: off.
    #[schemars(extend("default" = "off"))]
    pub ping: Option<At<Block<Dur>>>,
    /// The origins that browsers may come from: exact origins, or `same_host`. Another origin gets 403 before any server is contacted.
    /// Of several `Origin` lines, which no browser sends, one that is named may be enough. Default: every origin.
    #[schemars(extend("examples" = [["https://example.com"], "same_host"]))]
    pub origins: Option<At<Block<Many<At<String>>>>>,
    /// Whether a request without `Origin` (not a browser) gets 403 too. Default: off.
    pub require_origin: Option<At<OnOff>>,
    /// Plain requests on this route get 426 with `Upgrade: websocket`. Default: off, they are ordinary requests.
    pub only: Option<At<OnOff>>,
    /// The upgrade tokens that pass. Default: `[websocket]`.
    #[schemars(extend("examples" = [["websocket"]], "default" = ["websocket"]))]
    pub tokens: Option<At<Many<At<String>>>>,
    /// The methods that may carry an upgrade. Default: `[GET]`.
    #[schemars(extend("default" = ["GET"]))]
    pub methods: Option<At<Many<At<String>>>>,
}

/// How many messages a client may send.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    /// The rate, such as `100/min`.
    pub rate: At<Rate>,
}

/// How answers are passed on as they arrive.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Closes after this long without a byte. Default: 1h.
    #[schemars(extend("default" = "1h"))]
    pub idle: Option<At<Dur>>,
    /// Passes the request's body on unbuffered too. Default: off.
    pub request: Option<At<OnOff>>,
}

/// How long things may take on a route.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct RouteTimeouts {
    /// Overrides the upstream's `timeouts.connect`.
    pub connect: Option<At<Dur>>,
    /// From the request sent until the response head is received; then 504. Default: 60s; on a stream route, its `idle`.
    #[schemars(extend("default" = "60s"))]
    pub response: Option<At<Dur>>,
    /// Between two bytes of a body, either way; then close. Default: 60s.
    #[schemars(extend("default" = "60s"))]
    pub idle: Option<At<Dur>>,
}
