//! Every default with its reason, in one table; `wsgen explain` prints the reasons.

use super::{Dur, Size};

/// A default value and why it is the one.
pub type Default<T> = (T, &'static str);

/// Declares each default beside the field that it fills: path, then where it holds.
macro_rules! defaults {
    ($($($field:literal)|+ $(($holds:literal))? $name:ident: $type:ty = $default:expr;)*) => {
        $(
            #[doc = concat!($("`", $field, "` ",)+ $($holds)?)]
            pub const $name: $type = $default;
        )*

        /// Every default: the fields that it fills, where it holds (empty: everywhere), and its reason.
        pub fn reasons() -> Vec<(&'static [&'static str], &'static str, &'static str)> {
            vec![$((&[$($field),+], concat!($($holds)?), Reason::reason(&$name)),)*]
        }
    };
}

/// What a default says for itself.
trait Reason {
    fn reason(&self) -> &'static str;
}

impl Reason for &'static str {
    fn reason(&self) -> &'static str {
        self
    }
}

impl<T> Reason for Default<T> {
    fn reason(&self) -> &'static str {
        self.1
    }
}

defaults! {
    "listeners" LISTENER: &str = "no `listeners`: one plain listener on port 80";
    "listeners.*.address" ADDRESS: &str = "every address, IPv4 and IPv6";
    "listeners.*.http2" ("with TLS") HTTP2_TLS: Default<bool> =
        (true, "browsers negotiate HTTP/2 by ALPN; it costs nothing where they do not");
    "listeners.*.http2" ("without TLS") HTTP2_PLAIN: Default<bool> = (false, "no browser speaks HTTP/2 without TLS");
    "listeners.*.http3" HTTP3: Default<bool> = (false, "QUIC needs an open UDP port");
    "listeners.*.proxy_protocol" PROXY_PROTOCOL: Default<bool> =
        (false, "clients connect directly unless something in front adds the header");
    "listeners.*.trusted_proxies" TRUSTED_PROXIES: &str = "nobody in front: a client cannot spoof its address";
    "listeners.*.timeouts.head" HEAD_TIMEOUT: Default<Dur> = (Dur::from_secs(10), "slow clients must not hold sockets");
    "listeners.*.timeouts.keepalive" CLIENT_KEEPALIVE: Default<Dur> =
        (Dur::from_secs(75), "longer than the 60 s after which most clients and balancers give up an idle connection");
    "listeners.*.limits.head" HEAD_LIMIT: Default<Size> =
        (Size::from_bytes(32 << 10), "room for large cookies and tokens, little enough to refuse abuse");
    "listeners.*.limits.connections" LISTENER_CONNECTIONS: &str =
        "no ceiling of its own; `runtime.max_connections` holds for all";
    "listeners.*.public_port" PUBLIC_PORT: &str = "clients see the port that is bound";
    "listeners.*.unknown_host" UNKNOWN_HOST: &str = "404 tells a person what is wrong; `close` tells scanners less";
    "listeners.*.paths" PATHS: &str = "`/ws/../admin` must not reach an upstream through the `/ws` route";
    "listeners.*.encoded_slash" ENCODED_SLASH: &str = "`%2F` is data, not a separator; it is never decoded";
    "listeners.*.websocket_over_http2" WEBSOCKET_OVER_HTTP2: Default<bool> =
        (true, "browsers open sockets over the HTTP/2 connection they have");
    "listeners.*.header_names" HEADER_NAMES: &str =
        "`X_User` and `X-User` are one variable for many applications: a way to spoof";
    "listeners.*.tcp_keepalive" TCP_KEEPALIVE: Default<Dur> =
        (Dur::from_secs(60), "a dead peer under an idle tunnel is noticed");
    "listeners.*.tls.profile" TLS_PROFILE: &str = "Mozilla's recommendation for servers of the general public";
    "listeners.*.tls.client_auth.mode" CLIENT_AUTH: &str = "asking for a certificate usually means to require it";
    "certificates.*.acme.challenge" ACME_CHALLENGE: &str = "port 80 is open on most gateways";
    "certificates.*.acme.directory" ACME_DIRECTORY: Default<&str> =
        ("https://acme-v02.api.letsencrypt.org/directory", "the authority that most people use");
    "upstreams.*.servers.*.weight" WEIGHT: Default<u16> = (1, "equal shares");
    "upstreams.*.servers.*.backup" BACKUP: Default<bool> = (false, "every server takes traffic");
    "upstreams.*.balance" BALANCE: &str = "in turn is the fairest for requests of equal cost";
    "upstreams.*.timeouts.connect" CONNECT: Default<Dur> =
        (Dur::from_secs(5), "a server in the same network answers in milliseconds; two lost SYNs take 3 s");
    "upstreams.*.timeouts.keepalive" UPSTREAM_KEEPALIVE_TIMEOUT: Default<Dur> =
        (Dur::from_secs(60), "shorter than the 75 s after which servers commonly close");
    "upstreams.*.keepalive" UPSTREAM_KEEPALIVE: Default<u64> = (32, "saves a handshake per request at little memory");
    "upstreams.*.slow_start" SLOW_START: &str = "a returned server takes its full share at once";
    "upstreams.*.resolve" RESOLVE: Default<Dur> =
        (Dur::from_secs(30), "addresses behind a name change, in containers and clouds within minutes");
    "upstreams.*.max_connections" MAX_SERVER_CONNECTIONS: &str = "no ceiling: a tunnel holds its place for life";
    "upstreams.*.limits.response_head" RESPONSE_HEAD: Default<Size> =
        (Size::from_bytes(64 << 10), "room for large cookies");
    "upstreams.*.protocol" PROTOCOL: &str = "every server speaks HTTP/1.1, and WebSockets need it";
    "upstreams.*.tls.verify" VERIFY: Default<bool> =
        (true, "TLS without verification protects from nobody who can answer");
    "upstreams.*.retries" RETRIES: &str = "a refused connection is always skipped; going further repeats work";
    "upstreams.*.retries.attempts" ATTEMPTS: Default<u16> = (1, "one more server bounds the extra load at twice");
    "upstreams.*.retries.after" RETRY_AFTER: &str = "failures that another server may not share";
    "upstreams.*.host_header" HOST_HEADER: &str =
        "applications build links and check origins by the host that the client used";
    "upstreams.*.stickiness.cookie.ttl" COOKIE_TTL: &str = "until the browser closes";
    "upstreams.*.stickiness.cookie.path" COOKIE_PATH: Default<&str> = ("/", "one cookie for the whole host");
    "upstreams.*.stickiness.cookie.secure" COOKIE_SECURE: &str = "a cookie set over TLS should not travel in the clear";
    "upstreams.*.stickiness.cookie.http_only" COOKIE_HTTP_ONLY: Default<bool> = (true, "no script needs it");
    "upstreams.*.stickiness.cookie.same_site" COOKIE_SAME_SITE: &str = "what browsers assume where it is missing";
    "upstreams.*.stickiness.app_cookie.ttl" APP_COOKIE_TTL: Default<Dur> =
        (Dur::from_secs(3600), "a session that nobody used for an hour");
    "upstreams.*.stickiness.source.ttl" SOURCE_TTL: Default<Dur> =
        (Dur::from_secs(1800), "a client that was away for half an hour starts anew");
    "upstreams.*.health.interval" HEALTH_INTERVAL: Default<Dur> =
        (Dur::from_secs(5), "a dead server is noticed in 15 s at little load");
    "upstreams.*.health.timeout" HEALTH_TIMEOUT: Default<Dur> =
        (Dur::from_secs(2), "a server that needs longer is not well");
    "upstreams.*.health.rise" RISE: Default<u16> = (2, "one good answer may be luck");
    "upstreams.*.health.fall" FALL: Default<u16> = (3, "one bad answer may be bad luck");
    "upstreams.*.health.http.path" | "upstreams.*.health.websocket.path" HEALTH_PATH: Default<&str> =
        ("/", "every server has it");
    "upstreams.*.health.http.method" HEALTH_METHOD: Default<&str> = ("GET", "what applications implement");
    "upstreams.*.passive.errors" PASSIVE_ERRORS: Default<u16> = (3, "one error may be bad luck");
    "upstreams.*.passive.within" PASSIVE_WITHIN: Default<Dur> = (Dur::from_secs(10), "errors that belong together");
    "upstreams.*.passive.eject" PASSIVE_EJECT: Default<Dur> = (Dur::from_secs(30), "a restart takes about that long");
    "auth.*.jwt.token" TOKEN: &str = "the place that the standard names (RFC 6750)";
    "auth.*.jwt.leeway" LEEWAY: Default<Dur> = (Dur::from_secs(30), "clocks differ a little");
    "auth.*.jwt.strip" | "auth.*.basic.strip" | "auth.*.api_key.strip" STRIP: Default<bool> =
        (false, "the server may want to read it too");
    "auth.*.jwt.keys.jwks.refresh" JWKS_REFRESH: Default<Dur> = (Dur::from_secs(600), "keys are rotated in hours");
    "auth.*.basic.realm" REALM: Default<&str> = ("restricted", "what browsers show");
    "auth.*.forward.path" FORWARD_PATH: Default<&str> = ("/", "the service's root");
    "auth.*.forward.send" FORWARD_SEND: &str = "what a session is usually known by";
    "auth.*.forward.timeout" FORWARD_TIMEOUT: Default<Dur> = (Dur::from_secs(5), "every request waits for it");
    "routes.*.host" HOST: &str = "any host";
    "routes.*.path" PATH: Default<&str> = ("/", "every path");
    "routes.*.websocket" WEBSOCKET_OFF: &str = "upgrades pass only where a route says so";
    "routes.*.websocket.idle" WEBSOCKET_IDLE: Default<Dur> =
        (Dur::from_secs(3600), "longer than any usual ping; a dead peer is found by TCP keep-alive");
    "routes.*.websocket.max_duration" MAX_DURATION: &str = "a tunnel may live for days";
    "routes.*.websocket.max_message" MAX_MESSAGE: &str = "the application knows its messages";
    "routes.*.websocket.messages" MESSAGES: &str = "the application knows its clients";
    "routes.*.websocket.ping" PING: &str = "applications ping by themselves";
    "routes.*.websocket.require_origin" REQUIRE_ORIGIN: Default<bool> =
        (false, "programs other than browsers send no `Origin`");
    "routes.*.websocket.only" ONLY: Default<bool> = (false, "pages and polling often share the path");
    "routes.*.websocket.tokens" TOKENS: &str = "other upgrades (h2c) are a way to smuggle requests";
    "routes.*.websocket.methods" UPGRADE_METHODS: &str = "the standard's only method (RFC 6455)";
    "routes.*.stream.idle" STREAM_IDLE: Default<Dur> = (Dur::from_secs(3600), "events may be rare");
    "routes.*.stream.request" STREAM_REQUEST: Default<bool> = (false, "bodies are small beside streamed answers");
    "routes.*.timeouts.response" RESPONSE: Default<Dur> = (Dur::from_secs(60), "people do not wait longer");
    "routes.*.timeouts.response" ("on a stream route") RESPONSE_STREAM: &str =
        "a long poll holds its head back: as long as `stream.idle`";
    "routes.*.timeouts.idle" IDLE: Default<Dur> = (Dur::from_secs(60), "a body that stands still for a minute is dead");
    "routes.*.limits.body" BODY: &str = "the application knows its uploads";
    "routes.*.limits.requests.burst" BURST: Default<u32> = (0, "the rate alone");
    "routes.*.limits.requests.per" | "routes.*.limits.connections.per" PER: &str =
        "one client must not use up the others' share";
    "routes.*.limits.requests.exempt" EXEMPT: &str = "everybody counts";
    "routes.*.forwarded" FORWARDED: Default<bool> = (true, "applications need the client's address and scheme");
    "routes.*.rewrite.map_location" MAP_LOCATION: Default<bool> =
        (false, "applications that know their public path need no mapping");
    "routes.*.redirect.status" REDIRECT_STATUS: Default<u16> = (302, "a temporary redirect can be taken back");
    "routes.*.respond.status" RESPOND_STATUS: Default<u16> = (200, "an answer that is well");
    "routes.*.respond.content_type" CONTENT_TYPE: Default<&str> =
        ("text/plain; charset=utf-8", "never sniffed as a page");
    "routes.*.error_pages.replace" REPLACE: &str = "the application's own error pages stay";
    "routes.*.cors.methods" CORS_METHODS: &str = "the methods that need no preflight by themselves";
    "routes.*.cors.headers" | "routes.*.cors.expose" CORS_HEADERS: &str = "none beyond the safe ones";
    "routes.*.cors.credentials" CORS_CREDENTIALS: Default<bool> =
        (false, "cookies for other origins are rarely wanted");
    "routes.*.cors.max_age" CORS_MAX_AGE: &str = "browsers ask again after a few seconds";
    "routes.*.compression" COMPRESSION: Default<bool> =
        (false, "secrets in compressed answers can be guessed; applications choose");
    "routes.*.log" ROUTE_LOG: Default<bool> = (true, "every request is logged where `log` is on");
    "log.format" LOG_FORMAT: &str = "machines read it";
    "log.fields" LOG_FIELDS: &str = "every field";
    "log.redact" REDACT: &str = "tokens and keys that `auth` takes never reach the log";
    "metrics.address" METRICS_ADDRESS: &str = "metrics are for the inside";
    "metrics.path" METRICS_PATH: Default<&str> = ("/metrics", "where Prometheus looks");
    "runtime.drain.timeout" DRAIN_TIMEOUT: Default<Dur> =
        (Dur::from_secs(30), "service managers and Kubernetes wait about that long before they kill");
    "runtime.drain.spread" DRAIN_SPREAD: &str = "tunnels end together";
    "runtime.max_connections" MAX_CONNECTIONS: Default<u32> =
        (10_000, "fits the 20,000 descriptors that many systems allow");
    "runtime.files" FILES: &str = "two per connection and a reserve";
    "runtime.workers" WORKERS: &str = "one per core";
    "name" NAME: Default<&str> = ("gateway", "a name for files and resources");
}

/// `listeners.*.redirect`
pub const LISTENER_REDIRECT_STATUS: u16 = 301;

/// A setting of a target's room that nobody wrote.
pub const ROOM: &str = "the usual place or value for this program";
