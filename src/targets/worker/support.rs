//! What a Cloudflare Worker does with each feature. Nothing is decided elsewhere.

use super::facts;
use crate::ir::{
    Dur, Feature, HostHeader, HostMatch, Listener, Paths, RetryAfter, Route, Stickiness,
    UnknownHost, Upstream, Use,
};
use crate::targets::support::{approx, depends, exact, unsupported};
use crate::targets::{Env, Seen, Support};

/// The runtime that the tests run.
const SEEN: Seen = Seen::On("workerd 2026-11-17");
const DOCS: Seen = Seen::Docs("Cloudflare documentation");

/// The verdict on a feature.
pub(super) fn support(feature: Feature) -> Support {
    use Feature::*;
    match feature {
        ListenerBind => depends("the port", bind),
        ListenerRedirect => exact(),
        ListenerHttp2 | ListenerHttp3 => unsupported("it is a setting of the zone, on unless somebody turns it off, for every host of it")
            .seen(DOCS)
            .help("look at the zone's Speed settings"),
        ListenerProxyProtocol => unsupported("Cloudflare takes none: clients connect to it themselves")
            .seen(DOCS)
            .help("leave `proxy_protocol` off here"),
        ListenerPublicPort => exact(),
        ListenerUnknownHost => depends("what it gets", |u, _| match u.on.listener() {
            Some(it) if it.unknown_host.value == UnknownHost::Close => {
                unsupported("it gets 404: a Worker has to answer, and Cloudflare serves only hosts that its DNS has")
                    .seen(SEEN)
            }
            _ => exact(),
        }),
        ListenerPaths => depends("what becomes of odd paths", |u, _| {
            match u.on.listener().map(|it| it.paths.value) {
                Some(Paths::Reject) => {
                    approx("dot segments are resolved before the Worker sees them; `//` gets 400").seen(SEEN)
                }
                Some(Paths::Raw) => {
                    unsupported("paths are normalized: Cloudflare resolves dot segments before the Worker sees them, and the Worker does the rest")
                        .seen(SEEN)
                        .help("leave `paths: raw` out")
                }
                _ => exact(),
            }
        }),
        ListenerEncodedSlash | ListenerHeaderNames => exact(),
        ListenerTcpKeepalive => unsupported("Cloudflare keeps its own watch on clients").seen(DOCS),

        TlsTermination => approx("Cloudflare serves the certificates of the zone: a file cannot be deployed with a Worker")
            .seen(DOCS)
            .help("order a certificate for the zone, or upload yours there: SSL/TLS, Edge Certificates"),
        TlsProfile => unsupported("versions and ciphers are settings of the zone; TLS 1.0 is on by default")
            .seen(DOCS)
            .help("set the zone's Minimum TLS Version to 1.2"),
        TlsHsts => exact(),
        TlsClientAuth => approx("a certificate is asked for only where mTLS is set up for the host with this authority; without a verified one the Worker answers 403")
            .seen(DOCS)
            .help("upload the authority and name the hosts: SSL/TLS, Client Certificates"),
        TlsAcme => approx("Cloudflare issues and renews certificates for the zone by itself, from authorities of its choice")
            .seen(DOCS),

        HostExact | HostWildcard => exact(),
        HostRegex => depends("whether a zone is named", |_, env| {
            if env.gateway.rooms.worker.zone.is_some() || !has_patterns(env) {
                exact()
            } else {
                approx("requests reach the Worker only for the hosts that other routes name: a route pattern of Cloudflare is no regex")
                    .seen(DOCS)
                    .help("name the zone, `targets.worker.zone: example.com`: then every host of it comes to the Worker")
            }
        }),
        PathExact | PathPrefix | PathRegex | RouteMethods => exact(),
        WhenMethods | WhenHeaders | WhenQuery | WhenClients | WhenUpgrade | WhenListeners => exact(),

        WebSocketUpgrade => approx("the runtime writes `Sec-WebSocket-Key` anew, and in an offer of compression says the sizes of windows that it can")
            .seen(SEEN),
        WebSocketOff => exact(),
        WebSocketOnly => approx("the 426 comes without `Upgrade`: the runtime takes it out").seen(SEEN),
        WebSocketTokens => depends("which tokens", |u, _| {
            let others = websocket(u).is_some_and(|it| it.tokens.value != ["websocket"]);
            if others {
                unsupported("only `websocket` passes: a Worker cannot upgrade to anything else").seen(SEEN)
            } else {
                approx("`Upgrade: websocket` counts also where `Connection` does not name it").seen(SEEN)
            }
        }),
        WebSocketMethods => depends("which methods", |u, _| {
            let others = websocket(u).is_some_and(|it| it.methods.value.iter().any(|method| method != "GET"));
            if others {
                unsupported("only GET opens a WebSocket: the runtime sends every handshake as GET").seen(SEEN)
            } else {
                exact()
            }
        }),
        WebSocketOverHttp2 => unsupported("Cloudflare offers browsers HTTP/1.1 for WebSockets").seen(DOCS),
        WebSocketMaxMessage => unsupported("messages of any length pass: the Worker hands the socket on and reads no message")
            .seen(SEEN)
            .help("limit the message in the application"),
        WebSocketMessages => unsupported("any number of messages pass: the Worker hands the socket on and reads no message")
            .seen(SEEN)
            .help("limit the rate in the application; `limits.requests` bounds handshakes"),
        WebSocketPing => unsupported("nobody pings for the application, and Cloudflare ends a socket that is silent for about 100 s")
            .seen(SEEN)
            .help("have the application or the client ping at least once a minute"),

        TimeoutHead => unsupported("Cloudflare reads the head, in its own time").seen(DOCS),
        TimeoutClientKeepalive => unsupported("Cloudflare keeps connections of clients for 400 s").seen(DOCS),
        TimeoutConnect => unsupported("connecting has no time of its own: it is part of `timeouts.response`, and no other server is tried when that is over")
            .seen(SEEN)
            .help("leave `timeouts.connect` out; a server that refuses is skipped at once"),
        TimeoutResponse => depends("how long", |u, _| match route_of(u) {
            Some(route) if route.response.value > Dur::from_secs(120) => {
                approx("Cloudflare gives up after 120 s, with 524").seen(DOCS)
            }
            _ => exact(),
        }),
        TimeoutIdle => unsupported("a body may stand still: Cloudflare ends it when it sees fit").seen(SEEN),
        TimeoutWebSocketIdle => unsupported("a tunnel is not cut by the Worker; Cloudflare ends one that is silent for about 100 s")
            .seen(SEEN)
            .help("have the application or the client ping at least once a minute"),
        TimeoutMaxDuration => unsupported("a tunnel lives until one side ends it, or Cloudflare restarts a server")
            .seen(SEEN)
            .help("let the application close after that time"),
        TimeoutStreamIdle => unsupported("a stream is not cut by the Worker; Cloudflare ends one that is silent for about 100 s")
            .seen(SEEN)
            .help("send a comment line every 30 s"),
        TimeoutUpstreamKeepalive => unsupported("Cloudflare keeps connections to servers as long as it likes").seen(DOCS),

        UpstreamServers => depends("whether Cloudflare can reach them, and how many there are", servers),
        UpstreamWeights => depends("where a URL stands in place of the servers", |u, env| replaced(u, env).unwrap_or_else(exact)),
        UpstreamBackup => depends("where a URL stands in place of the servers", |u, env| replaced(u, env).unwrap_or_else(exact)),
        UpstreamSplit => exact(),
        BalanceRoundRobin => approx("servers are drawn by weight: a Worker runs in many places that know nothing of each other")
            .seen(SEEN),
        BalanceLeastConnections => approx("servers are drawn by weight: a Worker does not see what is open elsewhere").seen(SEEN),
        BalanceRandom => exact(),
        BalanceHash => exact(),
        UpstreamKeepalive => unsupported("Cloudflare keeps connections to servers as it likes").seen(DOCS),
        UpstreamSlowStart => unsupported("a server that returns gets its whole share at once").seen(SEEN),
        UpstreamResolve => unsupported("Cloudflare looks names up, as often as their records say").seen(DOCS),
        UpstreamTcpKeepalive => unsupported("Cloudflare keeps its own watch on servers").seen(DOCS),
        UpstreamMaxConnections => unsupported("a server gets as many connections as there are requests")
            .seen(SEEN)
            .help("set a ceiling in the server"),
        UpstreamProtocol => unsupported("Cloudflare speaks HTTP/1.1 to servers, or HTTP/2 where the zone says so").seen(DOCS),
        UpstreamTls => approx("servers are verified as the zone's SSL mode says, against public authorities, by the name of their address")
            .seen(DOCS)
            .help("set the mode to Full (strict), and give each server a certificate of a public authority or Cloudflare's Origin CA"),
        UpstreamTlsClient => unsupported("no certificate is shown: a file cannot be deployed with a Worker")
            .seen(DOCS)
            .help("turn Authenticated Origin Pulls on for the zone"),
        UpstreamResponseHead => unsupported("Cloudflare takes heads of up to 128 KB").seen(DOCS),
        Retries => depends("what has gone before", retries),

        HealthHttp | HealthTcp | HealthWebSocket => unsupported("nothing is checked: a Worker runs only while it has a request; a server that refuses is skipped for that request")
            .seen(SEEN)
            .help("put a Cloudflare Load Balancer in front of the servers and name its host in `targets.worker.upstreams`"),
        HealthPassive => unsupported("nobody remembers errors; a server that refuses is skipped for that request").seen(SEEN),

        StickyCookie | StickyCookieName | StickyCookieTtl | StickyCookieAttributes => {
            depends("where a URL stands in place of the servers", |u, env| replaced(u, env).unwrap_or_else(exact))
        }
        StickyAppCookie => unsupported("clients are not kept on a server: a Worker remembers nothing between requests")
            .seen(SEEN)
            .help("use `stickiness: {cookie: {name: …}}`"),
        StickySource => depends("the way servers are spread", |u, _| match u.on.upstream() {
            Some(up) if matches!(up.stickiness, Some(Stickiness::Source { .. })) => {
                approx("the server is computed from the address each time: when servers change, some clients move").seen(SEEN)
            }
            _ => exact(),
        }),

        HostHeader => depends("which host", |u, env| match u.on.route() {
            Some(route) => host_header(u, route, env),
            None => exact(),
        }),
        ForwardedHeaders | ForwardedOff | TrustedProxies => exact(),
        RequestHeaders | ResponseHeaders => exact(),
        HeaderFacts => exact(),
        HeaderClaims => exact(),
        HeaderTlsSubject => exact(),

        LimitHead => unsupported("Cloudflare takes heads of up to 128 KB, and URLs of up to 16 KB").seen(DOCS),
        LimitBody => depends("how large", |u, _| match u.on.route().and_then(|route| route.body.value) {
            Some(size) if size.as_bytes() > 100_000_000 => {
                approx("Cloudflare refuses a larger body than the plan allows: 100 MB on Free and Pro, 200 MB on Business").seen(DOCS)
            }
            _ => exact(),
        }),
        LimitRequests => depends("the rate", |u, _| {
            let Some(limit) = u.on.route().and_then(|route| route.requests.as_ref()) else {
                return exact();
            };
            match facts::window(limit.rate.value) {
                Some((most, period)) => approx(format!(
                    "{most} in each {period} s, counted in each of Cloudflare's locations alone; `burst` is not counted: all of them may come at once"
                ))
                .seen(SEEN),
                None => unsupported("the binding counts in 10 or 60 s, so less than one a minute cannot be kept; the route answers 503")
                    .seen(SEEN)
                    .help("write `1/min` or more"),
            }
        }),
        LimitRequestsExempt => exact(),
        LimitRequestsBucket => depends("whether the routes agree on the rate", |u, env| {
            let Some(limit) = u.on.route().and_then(|route| route.requests.as_ref()) else {
                return exact();
            };
            let agree = env.gateway.routes.iter().filter_map(|route| route.requests.as_ref()).all(|other| {
                let same = |a: Option<&crate::ir::Set<String>>| a.map(|it| it.value.clone());
                same(other.bucket.as_ref()) != same(limit.bucket.as_ref()) || other.rate.value == limit.rate.value
            });
            if agree {
                exact()
            } else {
                approx("routes of the bucket whose rates differ count alone").seen(SEEN)
            }
        }),
        LimitConnections => unsupported("nobody counts what is open; the route answers 503")
            .seen(SEEN)
            .help("leave it out for this target, `targets.worker.set: {routes.NAME.limits.connections: off}`, and limit in the server"),
        LimitListenerConnections => unsupported("Cloudflare takes as many as come; nothing is closed for it").seen(DOCS),

        AuthJwt | AuthJwtPlaces | AuthJwtAudience | AuthJwtStrip | AuthJwks => exact(),
        AuthBasic => approx("of the hashes in the file only `{SHA}` and `{SSHA}` let in: WebCrypto has neither bcrypt nor apr1")
            .seen(SEEN)
            .help("write the file with `htpasswd -s`, or use `jwt`"),
        AuthApiKey | AuthForward | AuthStrip => exact(),
        Origins | Clients => exact(),
        Cors => exact(),

        Stream | StreamRequest => exact(),
        Compression => exact(),

        LogAccess | LogRoute => exact(),
        LogFields => depends("which fields", |_, env| {
            use crate::ir::LogField::{BytesIn, BytesOut, Duration};
            let fields = env.gateway.log.as_ref().map_or(&[][..], |log| &log.fields.value);
            if fields.iter().any(|field| matches!(field, BytesIn | BytesOut | Duration)) {
                approx("bytes are those that `Content-Length` names, else 0; the duration ends with the head of the answer, also that of a tunnel").seen(SEEN)
            } else {
                exact()
            }
        }),
        LogRedact => exact(),
        Metrics => unsupported("a Worker listens on no port; the dashboard and the GraphQL API have the numbers").seen(DOCS),

        Redirect | Respond => exact(),
        RewritePath | RewriteRegex | RewriteQuery | RewriteMapLocation => exact(),
        ErrorPages | ErrorPagesServer => exact(),

        DrainTimeout => unsupported("a deployment waits for nobody: what is open goes on with the old version until Cloudflare ends it").seen(DOCS),
        DrainSpread => unsupported("a deployment ends no tunnel; Cloudflare may end any at any time")
            .seen(DOCS)
            .help("let clients reconnect after a random pause"),

        MaxConnections | Files | WorkerCount => unsupported("Cloudflare runs as many as are needed").seen(DOCS),
    }
}

fn route_of<'a>(u: &Use<'a>) -> Option<&'a Route> {
    u.on.route()
}

fn websocket<'a>(u: &Use<'a>) -> Option<&'a crate::ir::WebSocket> {
    u.on.route()?.websocket.as_deref()
}

/// Whether any host has a pattern, so that Cloudflare sends the Worker only those.
fn has_patterns(env: &Env<'_>) -> bool {
    let hosts = env.gateway.routes.iter().flat_map(|route| &route.hosts);
    let literal = |host: &HostMatch| matches!(host, HostMatch::Exact(_) | HostMatch::Wildcard(_));
    hosts.into_iter().any(|host| literal(&host.value))
}

fn bind(u: &Use<'_>, _: &Env<'_>) -> Support {
    let Some(listener) = u.on.listener() else {
        return exact();
    };
    let Listener {
        public_port,
        tls,
        address,
        ..
    } = listener;
    let ports = facts::ports(tls.is_some());
    if !ports.contains(&public_port.value) {
        let known: Vec<String> = ports.iter().map(ToString::to_string).collect();
        let kind = if tls.is_some() { "HTTPS" } else { "HTTP" };
        return unsupported(format!(
            "nobody can connect: for {kind} Cloudflare listens on {}",
            known.join(", ")
        ))
        .seen(DOCS)
        .help(format!(
            "name the port that clients use: `public_port: {}`",
            ports[0]
        ));
    }
    if address.is_written() && address.value.is_some() {
        return approx("Cloudflare listens on its own addresses").seen(DOCS);
    }
    exact()
}

/// The loss of what a list of servers has, where one URL stands in its place.
fn replaced(u: &Use<'_>, env: &Env<'_>) -> Option<Support> {
    let upstream = u.on.upstream()?;
    let (url, _) = facts::url_of(env.gateway, upstream)?;
    Some(
        unsupported(format!("every request goes to {url}"))
            .seen(SEEN)
            .help("whatever spreads the traffic behind that URL has to do it"),
    )
}

fn servers(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(upstream) = u.on.upstream() else {
        return exact();
    };
    if facts::url_of(env.gateway, upstream).is_some() {
        return exact();
    }
    if upstream.servers.iter().any(facts::is_refused) {
        return unsupported("Cloudflare connects to no plain address (error 1003), private or public: requests get 503")
            .seen(DOCS)
            .help(format!(
                "give the servers public names, or name what stands before them, such as a Cloudflare Tunnel: `targets.worker.upstreams: {{{}: https://origin.example.com}}`",
                upstream.name
            ));
    }
    if upstream.servers.iter().any(facts::is_private) {
        return approx("Cloudflare finds only names in the public DNS: this one has to be there, or in a tunnel's")
            .seen(DOCS)
            .help(format!(
                "name what clouds can reach: `targets.worker.upstreams: {{{}: https://origin.example.com}}`",
                upstream.name
            ));
    }
    if upstream.servers.len() > 1 {
        return approx("a request with a body, or of a method that is not idempotent, goes to one server only, and gets 503 if that refuses: a Worker cannot tell a refusal from a connection that broke")
            .seen(SEEN);
    }
    exact()
}

fn retries(u: &Use<'_>, _: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    let shares = route.shares().iter();
    let mut after = shares.filter_map(|share| share.retries.value.as_ref());
    if after.any(|it| it.after.contains(&RetryAfter::Connect)) {
        approx("a connection that breaks after the request counts as one that failed; requests with a body are sent once")
            .seen(SEEN)
    } else {
        approx("requests with a body are sent once: the first server has read it").seen(SEEN)
    }
}

fn host_header(u: &Use<'_>, route: &Route, env: &Env<'_>) -> Support {
    let here = route
        .shares()
        .iter()
        .filter(|share| share.host_header.loc() == u.at.loc);
    let mut lost = here.filter(|share| share.host_header.value != HostHeader::Upstream);
    match lost.next() {
        None => exact(),
        Some(share) => {
            let upstream: &Upstream = env.gateway.upstream(share.upstream.value);
            unsupported(
                "servers see the name of their own address as `Host`, the client's as `X-Forwarded-Host`",
            )
            .seen(SEEN)
            .help(format!(
                "have the servers of {} read `X-Forwarded-Host`, and write `host_header: upstream`",
                upstream.name
            ))
        }
    }
}
