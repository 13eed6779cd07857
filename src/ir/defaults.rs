//! Every default with its reason, in one table; `wsgen explain` prints the reasons.

use super::{Dur, Size};

/// A default value and why it is the one.
pub type Default<T> = (T, &'static str);

/// `listeners`
pub const LISTENER: &str = "no `listeners`: one plain listener on port 80";
/// `listeners.*.address`
pub const ADDRESS: &str = "every address, IPv4 and IPv6";
/// `listeners.*.http2` with TLS
pub const HTTP2_TLS: Default<bool> = (
    true,
    "browsers negotiate HTTP/2 by ALPN; it costs nothing where they do not",
);
/// `listeners.*.http2` without TLS
pub const HTTP2_PLAIN: Default<bool> = (false, "no browser speaks HTTP/2 without TLS");
/// `listeners.*.http3`
pub const HTTP3: Default<bool> = (false, "QUIC needs an open UDP port");
/// `listeners.*.proxy_protocol`
pub const PROXY_PROTOCOL: Default<bool> = (
    false,
    "clients connect directly unless something in front adds the header",
);
/// `listeners.*.trusted_proxies`
pub const TRUSTED_PROXIES: &str = "nobody in front: a client cannot spoof its address";
/// `listeners.*.timeouts.head`
pub const HEAD_TIMEOUT: Default<Dur> = (Dur::from_secs(10), "slow clients must not hold sockets");
/// `listeners.*.timeouts.keepalive`
pub const CLIENT_KEEPALIVE: Default<Dur> = (
    Dur::from_secs(75),
    "longer than the 60 s after which most clients and balancers give up an idle connection",
);
/// `listeners.*.limits.head`
pub const HEAD_LIMIT: Default<Size> = (
    Size::from_bytes(32 << 10),
    "room for large cookies and tokens, little enough to refuse abuse",
);
/// `listeners.*.limits.connections`
pub const LISTENER_CONNECTIONS: &str =
    "no ceiling of its own; `runtime.max_connections` holds for all";
/// `listeners.*.public_port`
pub const PUBLIC_PORT: &str = "clients see the port that is bound";
/// `listeners.*.unknown_host`
pub const UNKNOWN_HOST: &str = "404 tells a person what is wrong; `close` tells scanners less";
/// `listeners.*.paths`
pub const PATHS: &str = "`/ws/../admin` must not reach an upstream through the `/ws` route";
/// `listeners.*.encoded_slash`
pub const ENCODED_SLASH: &str = "`%2F` is data, not a separator; it is never decoded";
/// `listeners.*.websocket_over_http2`
pub const WEBSOCKET_OVER_HTTP2: Default<bool> = (
    true,
    "browsers open sockets over the HTTP/2 connection they have",
);
/// `listeners.*.header_names`
pub const HEADER_NAMES: &str =
    "`X_User` and `X-User` are one variable for many applications: a way to spoof";
/// `listeners.*.tcp_keepalive`
pub const TCP_KEEPALIVE: Default<Dur> = (
    Dur::from_secs(60),
    "a dead peer under an idle tunnel is noticed",
);
/// `listeners.*.tls.profile`
pub const TLS_PROFILE: &str = "Mozilla's recommendation for servers of the general public";
/// `listeners.*.tls.client_auth.mode`
pub const CLIENT_AUTH: &str = "asking for a certificate usually means to require it";
/// `certificates.*.acme.challenge`
pub const ACME_CHALLENGE: &str = "port 80 is open on most gateways";
/// `certificates.*.acme.directory`
pub const ACME_DIRECTORY: Default<&str> = (
    "https://acme-v02.api.letsencrypt.org/directory",
    "the authority that most people use",
);

/// `upstreams.*.servers[].weight`
pub const WEIGHT: Default<u16> = (1, "equal shares");
/// `upstreams.*.servers[].backup`
pub const BACKUP: Default<bool> = (false, "every server takes traffic");
/// `upstreams.*.balance`
pub const BALANCE: &str = "in turn is the fairest for requests of equal cost";
/// `upstreams.*.timeouts.connect`
pub const CONNECT: Default<Dur> = (
    Dur::from_secs(5),
    "a server in the same network answers in milliseconds; two lost SYNs take 3 s",
);
/// `upstreams.*.timeouts.keepalive`
pub const UPSTREAM_KEEPALIVE_TIMEOUT: Default<Dur> = (
    Dur::from_secs(60),
    "shorter than the 75 s after which servers commonly close",
);
/// `upstreams.*.keepalive`
pub const UPSTREAM_KEEPALIVE: Default<u64> = (32, "saves a handshake per request at little memory");
/// `upstreams.*.slow_start`
pub const SLOW_START: &str = "a returned server takes its full share at once";
/// `upstreams.*.resolve`
pub const RESOLVE: Default<Dur> = (
    Dur::from_secs(30),
    "addresses behind a name change, in containers and clouds within minutes",
);
/// `upstreams.*.max_connections`
pub const MAX_SERVER_CONNECTIONS: &str = "no ceiling: a tunnel holds its place for life";
/// `upstreams.*.limits.response_head`
pub const RESPONSE_HEAD: Default<Size> = (Size::from_bytes(64 << 10), "room for large cookies");
/// `upstreams.*.protocol`
pub const PROTOCOL: &str = "every server speaks HTTP/1.1, and WebSockets need it";
/// `upstreams.*.tls.verify`
pub const VERIFY: Default<bool> = (
    true,
    "TLS without verification protects from nobody who can answer",
);
/// `upstreams.*.retries`
pub const RETRIES: &str = "a refused connection is always skipped; going further repeats work";
/// `upstreams.*.retries.attempts`
pub const ATTEMPTS: Default<u16> = (1, "one more server bounds the extra load at twice");
/// `upstreams.*.retries.after`
pub const RETRY_AFTER: &str = "failures that another server may not share";
/// `upstreams.*.host_header`
pub const HOST_HEADER: &str =
    "applications build links and check origins by the host that the client used";
/// `stickiness.cookie.ttl`
pub const COOKIE_TTL: &str = "until the browser closes";
/// `stickiness.cookie.path`
pub const COOKIE_PATH: Default<&str> = ("/", "one cookie for the whole host");
/// `stickiness.cookie.secure`
pub const COOKIE_SECURE: &str = "a cookie set over TLS should not travel in the clear";
/// `stickiness.cookie.http_only`
pub const COOKIE_HTTP_ONLY: Default<bool> = (true, "no script needs it");
/// `stickiness.cookie.same_site`
pub const COOKIE_SAME_SITE: &str = "what browsers assume where it is missing";
/// `stickiness.app_cookie.ttl`
pub const APP_COOKIE_TTL: Default<Dur> = (
    Dur::from_secs(3600),
    "a session that nobody used for an hour",
);
/// `stickiness.source.ttl`
pub const SOURCE_TTL: Default<Dur> = (
    Dur::from_secs(1800),
    "a client that was away for half an hour starts anew",
);
/// `health.interval`
pub const HEALTH_INTERVAL: Default<Dur> = (
    Dur::from_secs(5),
    "a dead server is noticed in 15 s at little load",
);
/// `health.timeout`
pub const HEALTH_TIMEOUT: Default<Dur> =
    (Dur::from_secs(2), "a server that needs longer is not well");
/// `health.rise`
pub const RISE: Default<u16> = (2, "one good answer may be luck");
/// `health.fall`
pub const FALL: Default<u16> = (3, "one bad answer may be bad luck");
/// `health.http.path`, `health.websocket.path`
pub const HEALTH_PATH: Default<&str> = ("/", "every server has it");
/// `health.http.method`
pub const HEALTH_METHOD: Default<&str> = ("GET", "what applications implement");
/// `passive.errors`
pub const PASSIVE_ERRORS: Default<u16> = (3, "one error may be bad luck");
/// `passive.within`
pub const PASSIVE_WITHIN: Default<Dur> = (Dur::from_secs(10), "errors that belong together");
/// `passive.eject`
pub const PASSIVE_EJECT: Default<Dur> = (Dur::from_secs(30), "a restart takes about that long");

/// `auth.*.jwt.token`
pub const TOKEN: &str = "the place that the standard names (RFC 6750)";
/// `auth.*.jwt.leeway`
pub const LEEWAY: Default<Dur> = (Dur::from_secs(30), "clocks differ a little");
/// `auth.*.strip`
pub const STRIP: Default<bool> = (false, "the server may want to read it too");
/// `auth.*.jwt.keys.jwks.refresh`
pub const JWKS_REFRESH: Default<Dur> = (Dur::from_secs(600), "keys are rotated in hours");
/// `auth.*.basic.realm`
pub const REALM: Default<&str> = ("restricted", "what browsers show");
/// `auth.*.forward.path`
pub const FORWARD_PATH: Default<&str> = ("/", "the service's root");
/// `auth.*.forward.send`
pub const FORWARD_SEND: &str = "what a session is usually known by";
/// `auth.*.forward.timeout`
pub const FORWARD_TIMEOUT: Default<Dur> = (Dur::from_secs(5), "every request waits for it");

/// `routes[].host`
pub const HOST: &str = "any host";
/// `routes[].path`
pub const PATH: Default<&str> = ("/", "every path");
/// `routes[].websocket`
pub const WEBSOCKET_OFF: &str = "upgrades pass only where a route says so";
/// `routes[].websocket.idle`
pub const WEBSOCKET_IDLE: Default<Dur> = (
    Dur::from_secs(3600),
    "longer than any usual ping; a dead peer is found by TCP keep-alive",
);
/// `routes[].websocket.max_duration`
pub const MAX_DURATION: &str = "a tunnel may live for days";
/// `routes[].websocket.max_message`
pub const MAX_MESSAGE: &str = "the application knows its messages";
/// `routes[].websocket.messages`
pub const MESSAGES: &str = "the application knows its clients";
/// `routes[].websocket.ping`
pub const PING: &str = "applications ping by themselves";
/// `routes[].websocket.require_origin`
pub const REQUIRE_ORIGIN: Default<bool> = (false, "programs other than browsers send no `Origin`");
/// `routes[].websocket.only`
pub const ONLY: Default<bool> = (false, "pages and polling often share the path");
/// `routes[].websocket.tokens`
pub const TOKENS: &str = "other upgrades (h2c) are a way to smuggle requests";
/// `routes[].websocket.methods`
pub const UPGRADE_METHODS: &str = "the standard's only method (RFC 6455)";
/// `routes[].stream.idle`
pub const STREAM_IDLE: Default<Dur> = (Dur::from_secs(3600), "events may be rare");
/// `routes[].stream.request`
pub const STREAM_REQUEST: Default<bool> = (false, "bodies are small beside streamed answers");
/// `routes[].timeouts.response`
pub const RESPONSE: Default<Dur> = (Dur::from_secs(60), "people do not wait longer");
/// `routes[].timeouts.response` on a stream route
pub const RESPONSE_STREAM: &str = "a long poll holds its head back: as long as `stream.idle`";
/// `routes[].timeouts.idle`
pub const IDLE: Default<Dur> = (
    Dur::from_secs(60),
    "a body that stands still for a minute is dead",
);
/// `routes[].limits.body`
pub const BODY: &str = "the application knows its uploads";
/// `routes[].limits.requests.burst`
pub const BURST: Default<u32> = (0, "the rate alone");
/// `routes[].limits.*.per`
pub const PER: &str = "one client must not use up the others' share";
/// `routes[].limits.requests.exempt`
pub const EXEMPT: &str = "everybody counts";
/// `routes[].forwarded`
pub const FORWARDED: Default<bool> = (true, "applications need the client's address and scheme");
/// `routes[].rewrite.map_location`
pub const MAP_LOCATION: Default<bool> = (
    false,
    "applications that know their public path need no mapping",
);
/// `routes[].redirect.status`
pub const REDIRECT_STATUS: Default<u16> = (302, "a temporary redirect can be taken back");
/// `listeners.*.redirect`
pub const LISTENER_REDIRECT_STATUS: u16 = 301;
/// `routes[].respond.status`
pub const RESPOND_STATUS: Default<u16> = (200, "an answer that is well");
/// `routes[].respond.content_type`
pub const CONTENT_TYPE: Default<&str> = ("text/plain; charset=utf-8", "never sniffed as a page");
/// `routes[].error_pages.replace`
pub const REPLACE: &str = "the application's own error pages stay";
/// `routes[].cors.methods`
pub const CORS_METHODS: &str = "the methods that need no preflight by themselves";
/// `routes[].cors.headers`, `routes[].cors.expose`
pub const CORS_HEADERS: &str = "none beyond the safe ones";
/// `routes[].cors.credentials`
pub const CORS_CREDENTIALS: Default<bool> = (false, "cookies for other origins are rarely wanted");
/// `routes[].cors.max_age`
pub const CORS_MAX_AGE: &str = "browsers ask again after a few seconds";
/// `routes[].compression`
pub const COMPRESSION: Default<bool> = (
    false,
    "secrets in compressed answers can be guessed; applications choose",
);
/// `routes[].log`
pub const ROUTE_LOG: Default<bool> = (true, "every request is logged where `log` is on");

/// `log.format`
pub const LOG_FORMAT: &str = "machines read it";
/// `log.fields`
pub const LOG_FIELDS: &str = "every field";
/// `log.redact`
pub const REDACT: &str = "tokens and keys that `auth` takes never reach the log";
/// `metrics.address`
pub const METRICS_ADDRESS: &str = "metrics are for the inside";
/// `metrics.path`
pub const METRICS_PATH: Default<&str> = ("/metrics", "where Prometheus looks");
/// `runtime.drain.timeout`
pub const DRAIN_TIMEOUT: Default<Dur> = (
    Dur::from_secs(30),
    "service managers and Kubernetes wait about that long before they kill",
);
/// `runtime.drain.spread`
pub const DRAIN_SPREAD: &str = "tunnels end together";
/// `runtime.max_connections`
pub const MAX_CONNECTIONS: Default<u32> = (
    10_000,
    "fits the 20,000 descriptors that many systems allow",
);
/// `runtime.files`
pub const FILES: &str = "two per connection and a reserve";
/// `runtime.workers`
pub const WORKERS: &str = "one per core";
/// `name`
pub const NAME: Default<&str> = ("gateway", "a name for files and resources");
/// A setting of a target's room that nobody wrote.
pub const ROOM: &str = "the usual place or value for this program";
