//! Every feature of the contract: its id, its family, whether it is a guard, and what it means. The compiler asks each target about each.

use std::fmt;

use serde::{Serialize, Serializer};

/// The families that features are grouped in, as in the matrix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// Listeners.
    F1,
    /// TLS.
    F2,
    /// Hosts.
    F3,
    /// Paths and conditions.
    F4,
    /// WebSocket.
    F5,
    /// Time.
    F6,
    /// Upstreams.
    F7,
    /// Health.
    F8,
    /// Stickiness.
    F9,
    /// Headers.
    F10,
    /// Limits.
    F11,
    /// Access.
    F12,
    /// CORS.
    F13,
    /// Compression and streaming.
    F14,
    /// Seeing.
    F15,
    /// Rewrites, redirects, answers.
    F16,
    /// Stop and reload.
    F17,
    /// Size.
    F18,
}

impl Family {
    /// The title in the matrix.
    pub const fn title(self) -> &'static str {
        match self {
            Self::F1 => "Listeners",
            Self::F2 => "TLS",
            Self::F3 => "Hosts",
            Self::F4 => "Paths and conditions",
            Self::F5 => "WebSocket",
            Self::F6 => "Time",
            Self::F7 => "Upstreams",
            Self::F8 => "Health",
            Self::F9 => "Stickiness",
            Self::F10 => "Headers",
            Self::F11 => "Limits",
            Self::F12 => "Access",
            Self::F13 => "CORS",
            Self::F14 => "Compression and streaming",
            Self::F15 => "Logs and metrics",
            Self::F16 => "Rewrites, redirects, answers",
            Self::F17 => "Stop and reload",
            Self::F18 => "Size",
        }
    }
}

macro_rules! features {
    ($($name:ident $id:literal $family:ident $($guard:ident)? $meaning:literal,)*) => {
        /// A feature of the contract. A new one does not compile until every target answers for it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Feature {
            $(#[doc = $meaning] $name,)*
        }

        impl Feature {
            /// Every feature, by family.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The dotted id, such as `timeout.idle`; it never changes its meaning.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The family in the matrix.
            pub const fn family(self) -> Family {
                match self { $(Self::$name => Family::$family,)* }
            }

            /// What it means, in a line.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// Whether losing it opens something: such a loss stays at least a warning.
            pub const fn is_guard(self) -> bool {
                match self { $(Self::$name => features!(@guard $($guard)?),)* }
            }

            /// The feature of this id.
            pub fn by_id(id: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|feature| feature.id() == id)
            }
        }
    };
    (@guard guard) => { true };
    (@guard) => { false };
}

features! {
    ListenerBind "listener.bind" F1 "a port and an address that clients connect to",
    ListenerRedirect "listener.redirect" F1 "a listener that sends every request to another one with 301",
    ListenerHttp2 "listener.http2" F1 "HTTP/2 towards clients",
    ListenerHttp3 "listener.http3" F1 "HTTP/3 towards clients",
    ListenerProxyProtocol "listener.proxy_protocol" F1 "a PROXY protocol header on every connection",
    ListenerPublicPort "listener.public_port" F1 "another port that clients see, in redirects and `X-Forwarded-Port`",
    ListenerUnknownHost "listener.unknown_host" F1 "what a host gets that no route names: 404, or the connection ended unanswered",
    ListenerPaths "listener.paths" F1 guard "paths are normalized, refused or left as they are before they are matched",
    ListenerEncodedSlash "listener.encoded_slash" F1 guard "`%2F` in a path is kept encoded, or refused",
    ListenerHeaderNames "listener.header_names" F1 "header names with underscores are dropped, or pass",
    ListenerTcpKeepalive "listener.tcp_keepalive" F1 "TCP keep-alive towards clients, so that a dead one is noticed under a tunnel",
    TlsTermination "tls.termination" F2 guard "TLS towards clients, with the certificate that covers the name asked for",
    TlsProfile "tls.profile" F2 guard "TLS versions and ciphers as in Mozilla's guidelines",
    TlsHsts "tls.hsts" F2 guard "`Strict-Transport-Security`",
    TlsClientAuth "tls.client_auth" F2 guard "client certificates (mTLS)",
    TlsAcme "tls.acme" F2 guard "certificates issued and renewed by an ACME authority",
    HostExact "host.exact" F3 "a host, without case, port and trailing dot",
    HostWildcard "host.wildcard" F3 "`*.example.com`: one or more labels",
    HostRegex "host.regex" F3 "a regex over the host",
    PathExact "path.exact" F4 "one path and nothing else",
    PathPrefix "path.prefix" F4 "a path and what is below it, segment-wise",
    PathRegex "path.regex" F4 "a regex over the whole path",
    RouteMethods "route.methods" F4 "other methods get 405 with `Allow`",
    WhenMethods "when.methods" F4 "a route only for some methods",
    WhenHeaders "when.headers" F4 "a route only for requests with a header",
    WhenQuery "when.query" F4 "a route only for requests with a query parameter, decoded",
    WhenClients "when.clients" F4 guard "a route only for some client addresses",
    WhenUpgrade "when.upgrade" F4 "a route only for upgrade requests, or only for others",
    WhenListeners "when.listeners" F4 guard "a route only on some listeners",
    WebSocketUpgrade "websocket.upgrade" F5 "an upgrade to `websocket` is passed through, a refused handshake as it is",
    WebSocketOff "websocket.off" F5 "an upgrade request on a plain route is answered as if it had not asked",
    WebSocketOnly "websocket.only" F5 "a plain request on a WebSocket route gets 426",
    WebSocketTokens "websocket.tokens" F5 "other upgrade tokens are not passed on; further ones pass where they are named",
    WebSocketMethods "websocket.methods" F5 "an upgrade passes only with these methods",
    WebSocketOverHttp2 "websocket.over_http2" F5 "WebSockets over HTTP/2 (RFC 8441)",
    WebSocketMaxMessage "websocket.max_message" F5 "a longer message closes with 1009",
    WebSocketMessages "websocket.messages" F5 "a client that sends more messages is closed with 1008",
    WebSocketPing "websocket.ping" F5 "the proxy pings a silent side",
    TimeoutHead "timeout.head" F6 "until a request head is complete",
    TimeoutClientKeepalive "timeout.client_keepalive" F6 "from the last response to the next request",
    TimeoutConnect "timeout.connect" F6 "until connected to a server, then the next server, at last 504",
    TimeoutResponse "timeout.response" F6 "until the response head, then 504",
    TimeoutIdle "timeout.idle" F6 "between two bytes of a body",
    TimeoutWebSocketIdle "timeout.websocket_idle" F6 "a tunnel is closed after this long with no byte in either direction",
    TimeoutMaxDuration "timeout.max_duration" F6 "a tunnel is closed after this long in any case",
    TimeoutStreamIdle "timeout.stream_idle" F6 "a stream is closed after this long without a byte",
    TimeoutUpstreamKeepalive "timeout.upstream_keepalive" F6 "how long an idle connection to a server is kept",
    UpstreamServers "upstream.servers" F7 "servers by address; one that refuses the connection is skipped; none left is 503",
    UpstreamWeights "upstream.weights" F7 "a share of the traffic for each server",
    UpstreamBackup "upstream.backup" F7 "servers that take traffic only when no other is healthy",
    UpstreamSplit "upstream.split" F7 "a route's traffic over several upstreams by shares",
    BalanceRoundRobin "balance.round_robin" F7 "servers in turn",
    BalanceLeastConnections "balance.least_connections" F7 "the server with the fewest open requests and tunnels",
    BalanceRandom "balance.random" F7 "servers at random",
    BalanceHash "balance.hash" F7 "a consistent hash: when one of n servers goes, only its share moves",
    UpstreamKeepalive "upstream.keepalive" F7 "idle connections to servers are reused",
    UpstreamSlowStart "upstream.slow_start" F7 "a returned server's share grows slowly",
    UpstreamResolve "upstream.resolve" F7 "host names of servers are looked up again",
    UpstreamTcpKeepalive "upstream.tcp_keepalive" F7 "TCP keep-alive towards servers",
    UpstreamMaxConnections "upstream.max_connections" F7 "a ceiling on connections to each server; above it 503",
    UpstreamProtocol "upstream.protocol" F7 "HTTP/2 towards servers",
    UpstreamTls "upstream.tls" F7 guard "TLS towards servers, their certificate verified by name",
    UpstreamTlsClient "upstream.tls_client" F7 "a client certificate towards servers",
    UpstreamResponseHead "upstream.response_head" F7 "a ceiling on response heads",
    Retries "upstream.retries" F7 "another server is tried after a failure; idempotent methods only",
    HealthHttp "health.http" F8 "active checks by an HTTP request",
    HealthTcp "health.tcp" F8 "active checks by a TCP connection",
    HealthWebSocket "health.websocket" F8 "active checks by a WebSocket handshake",
    HealthPassive "health.passive" F8 "a server that fails real requests is taken out for a while",
    StickyCookie "stickiness.cookie" F9 "a cookie of the proxy keeps a client on its server while that is healthy",
    StickyCookieName "stickiness.cookie.name" F9 "the cookie's name is chosen",
    StickyCookieTtl "stickiness.cookie.ttl" F9 "how long browsers keep the cookie",
    StickyCookieAttributes "stickiness.cookie.attributes" F9 "the cookie's `Path`, `Secure`, `HttpOnly`, `SameSite`",
    StickyAppCookie "stickiness.app_cookie" F9 "a cookie of the application keeps a client on its server",
    StickySource "stickiness.source" F9 "the choice is remembered per client address",
    HostHeader "headers.host" F10 "what the server sees as `Host`",
    ForwardedHeaders "headers.forwarded" F10 guard "`X-Forwarded-*` and `X-Real-IP` are set and cannot be spoofed",
    ForwardedOff "headers.forwarded_off" F10 "no forwarded headers",
    TrustedProxies "headers.trusted_proxies" F10 guard "the client's address behind trusted proxies",
    RequestHeaders "headers.request" F10 "request headers are removed, set, added",
    ResponseHeaders "headers.response" F10 "response headers are removed, set, added",
    HeaderFacts "headers.facts" F10 "facts of the request in header values",
    HeaderClaims "headers.claims" F10 "claims of the token in header values",
    HeaderTlsSubject "headers.tls_subject" F10 "the subject of the client's certificate in header values",
    LimitHead "limit.head" F11 "a request head that is too large gets 431",
    LimitBody "limit.body" F11 guard "a request body that is too large gets 413",
    LimitRequests "limit.requests" F11 guard "more requests get 429 with `Retry-After`",
    LimitRequestsExempt "limit.requests.exempt" F11 "clients that are not counted",
    LimitRequestsBucket "limit.requests.bucket" F11 "routes that count together",
    LimitConnections "limit.connections" F11 guard "more open requests and tunnels get 503",
    LimitListenerConnections "limit.listener_connections" F11 guard "a ceiling on a listener's connections",
    AuthJwt "auth.jwt" F12 guard "a signed token; 401 without a good one",
    AuthJwtPlaces "auth.jwt.places" F12 guard "the token in a query parameter, cookie, header or subprotocol",
    AuthJwtAudience "auth.jwt.audience" F12 guard "the token's `aud`",
    AuthJwtStrip "auth.jwt.strip" F12 "a token in the query or the subprotocol is removed",
    AuthJwks "auth.jwks" F12 guard "a key set, fetched or in a file",
    AuthBasic "auth.basic" F12 guard "name and password",
    AuthApiKey "auth.api_key" F12 guard "a key from a list",
    AuthForward "auth.forward" F12 guard "another service decides; unreachable is 503",
    AuthStrip "auth.strip" F12 "a password or API key is removed before the server sees it",
    Origins "origins" F12 guard "a WebSocket from another origin gets 403",
    Clients "clients" F12 guard "client addresses that may come or not; 403",
    Cors "cors" F13 "preflights answered with 204, CORS headers on answers",
    Stream "stream" F14 "answers are passed on as they arrive",
    StreamRequest "stream.request" F14 "request bodies are passed on as they arrive",
    Compression "compression" F14 "answers are compressed",
    LogAccess "log.access" F15 "an access log",
    LogRoute "log.route" F15 "a route without access log",
    LogFields "log.fields" F15 "chosen fields in the log",
    LogRedact "log.redact" F15 guard "secrets never reach the log",
    Metrics "metrics" F15 "metrics in Prometheus' format",
    Redirect "redirect" F16 "a route that sends clients elsewhere",
    Respond "respond" F16 "a fixed answer",
    RewritePath "rewrite.path" F16 "another path towards the server",
    RewriteRegex "rewrite.regex" F16 "another path by a regex",
    RewriteQuery "rewrite.query" F16 "another query towards the server",
    RewriteMapLocation "rewrite.map_location" F16 "`Location` and cookie paths mapped back",
    ErrorPages "error_pages" F16 "other answers in place of the proxy's errors",
    ErrorPagesServer "error_pages.server" F16 "other answers in place of the server's errors",
    DrainTimeout "drain.timeout" F17 "open connections end after this long at a stop or reload",
    DrainSpread "drain.spread" F17 "tunnels end with 1001, spread over this long",
    MaxConnections "runtime.max_connections" F18 "the most client connections, tunnels included",
    Files "runtime.files" F18 "the ceiling on file descriptors",
    WorkerCount "runtime.workers" F18 "how many threads or processes",
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for Feature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}
