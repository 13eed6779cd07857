//! What Traefik does with each feature. Nothing is decided elsewhere.

use super::facts::{self};
use super::verdicts::listener::{
    head, is_socket, one_tls, paths, reads_forwarded, termination, unknown_host,
};
use super::verdicts::route::{
    compares_pattern, forward, knows, mixed_hosts, redirect, request_headers, response_headers,
};
use super::verdicts::upstream::{health, idle, is_p2c, retries, stream_idle};
use crate::ir::{
    Action, AuthKind, Balance, Feature, HashKey, HeaderNames, LogFormat, PerKey, Stickiness,
    Subject, ValueMatch, Workers,
};
use crate::targets::support::{approx, depends, exact, takes_lists, unsupported};
use crate::targets::{Seen, Support};

/// The version that the tests run.
pub(super) const SEEN: Seen = Seen::On("traefik 3.7.15");
pub(super) const DOCS: Seen = Seen::Docs("Traefik's documentation");

/// The verdict on a feature.
pub(super) fn support(feature: Feature) -> Support {
    use Feature::*;
    match feature {
        ListenerBind => exact(),
        ListenerRedirect => {
            approx("only GET and HEAD get 301: another method gets 308, which keeps it").seen(SEEN)
        }
        ListenerHttp2 | ListenerHttp3 => exact(),
        ListenerProxyProtocol => {
            approx("a connection without the header is served too, and counts as its sender's own")
                .seen(SEEN)
                .help("let a firewall pass only the balancer in front to this port")
        }
        ListenerPublicPort => exact(),
        ListenerUnknownHost => depends("what shall happen", unknown_host),
        ListenerPaths => depends("how paths are read, and the version", paths),
        ListenerEncodedSlash => depends("the version", |u, env| match u.on.listener() {
            Some(it)
                if it.encoded_slash.value == crate::ir::EncodedSlash::Reject
                    && !env.since(3, 6, 4) =>
            {
                unsupported("`%2F` passes: Traefik refuses it since 3.6.4").seen(DOCS)
            }
            _ => exact(),
        }),
        ListenerHeaderNames => depends("the version", |u, env| match u.on.listener() {
            Some(it) if it.header_names.value == HeaderNames::Strict && !env.since(3, 7, 6) => {
                approx("names with underscores pass: Traefik drops them since 3.7.6").seen(DOCS)
            }
            _ => exact(),
        }),
        ListenerTcpKeepalive => unsupported("a dead client is found after some minutes: Traefik has its own times")
            .seen(SEEN)
            .help("set `net.ipv4.tcp_keepalive_time` for its host, or leave it out"),

        TlsTermination => depends("several TLS listeners", termination),
        TlsProfile => depends("several TLS listeners", |u, env| {
            one_tls(u, env, "versions and ciphers")
        }),
        TlsHsts => depends("whether there are routes for sockets only", |u, env| {
            let g = env.gateway;
            let only = u.on.listener().is_some_and(|it| {
                let mut served = g.routes.iter().filter(|route| g.serves(it, route));
                served.any(|route| route.websocket.as_ref().is_some_and(|it| it.only.value))
            });
            if only {
                approx("the 101 of a tunnel comes without it").seen(SEEN)
            } else {
                exact()
            }
        }),
        TlsClientAuth => depends("several TLS listeners", |u, env| {
            one_tls(u, env, "client certificates")
        }),
        TlsAcme => exact(),

        HostExact => exact(),
        HostWildcard | HostRegex => depends("names that TLS refuses", |u, env| {
            let strict = u.on.route().is_some_and(|route| {
                let mut listeners = env.gateway.listeners_of(route);
                listeners.any(|it| facts::tls_wish(it).is_some_and(|wish| wish.strict))
            });
            if strict {
                approx("where unknown hosts are closed, TLS refuses the names that no certificate has").seen(SEEN)
            } else {
                exact()
            }
        }),
        PathExact | PathPrefix | PathRegex | RouteMethods => exact(),
        WhenMethods => exact(),
        WhenHeaders => depends("what is asked for", |u, _| {
            let single = u.on.route().is_some_and(|route| {
                route.when.headers.iter().any(|it| {
                    it.loc() == u.at.loc
                        && match &it.value.value {
                            ValueMatch::Present(_) => true,
                            ValueMatch::Exact(_) => false,
                            ValueMatch::Regex(regex) => takes_lists(regex),
                        }
                })
            });
            if single {
                exact()
            } else {
                approx("of a header that comes in several lines one is enough").seen(SEEN)
            }
        }),
        WhenQuery => approx("a `;` in the query reaches the server as `%3B`").seen(SEEN),
        WhenClients => depends("IPv6 ranges behind trusted proxies", |u, env| {
            match u.on.route() {
                Some(route) if !reads_forwarded(route, env, route.when.clients.as_ref().map(|it| it.value.as_slice())) => {
                    unsupported("no rule finds an IPv6 range in `X-Forwarded-For`; the route answers 503")
                        .seen(SEEN)
                        .help("name IPv4 ranges here, or leave `trusted_proxies` to a listener of its own")
                }
                _ => exact(),
            }
        }),
        WhenUpgrade | WhenListeners => exact(),

        WebSocketUpgrade | WebSocketOff | WebSocketOnly | WebSocketTokens | WebSocketMethods => {
            exact()
        }
        WebSocketOverHttp2 => unsupported("HTTP/2 carries no sockets: browsers open one more connection, by HTTP/1.1")
            .seen(SEEN)
            .help("`websocket_over_http2: off` says the same without a loss"),
        WebSocketMaxMessage => unsupported("messages of any length pass: Traefik reads no frames")
            .seen(SEEN)
            .help("limit the message in the application"),
        WebSocketMessages => unsupported("any number of messages pass: Traefik reads no frames")
            .seen(SEEN)
            .help("limit the rate in the application; `limits.requests` bounds handshakes"),
        WebSocketPing => unsupported("nobody pings for the application; TCP keep-alive finds dead peers")
            .seen(SEEN)
            .help("have the application or the client ping"),

        TimeoutHead => depends("how long bodies may stand still", head),
        TimeoutClientKeepalive => exact(),
        TimeoutConnect => depends("how a server is chosen", |u, env| {
            let shares = u.on.route().map_or(&[][..], |it| it.shares());
            let mut upstreams = shares.iter().map(|it| env.gateway.upstream(it.upstream.value));
            if upstreams.clone().any(facts::is_bound) {
                return approx("a client whose server does not take the connection gets 504: the next try leads to the same one").seen(SEEN);
            }
            if upstreams.clone().any(|it| it.passive.is_some() && env.since(3, 6, 0)) {
                return approx("once errors have taken every server out the answer is 503, not 504").seen(SEEN);
            }
            if upstreams.clone().any(|it| it.servers.len() > 2) {
                return approx("under load the next try may lead to the same server again, and the answer is 504 at last").seen(SEEN);
            }
            if upstreams.any(|it| it.servers.len() > 1 && is_p2c(it, env)) {
                return approx("the next try may lead to the same server, as it is chosen by chance").seen(SEEN);
            }
            exact()
        }),
        TimeoutResponse => depends("the version, and whether sockets end sooner", |u, env| match u.on.route() {
            Some(route) if env.since(3, 7, 0) && facts::socket_ends_sooner(route) => {
                approx("a handshake that waits longer than `websocket.idle` gets 504 after that time: one timer serves it and its tunnel")
                    .seen(SEEN)
                    .help("let `websocket.idle` be longer than `timeouts.response`")
            }
            _ => exact(),
        }),
        TimeoutIdle => depends("the version, and how long an answer may take", idle),
        TimeoutWebSocketIdle => depends("the version", |_, env| match env.since(3, 7, 0) {
            true => approx("a tunnel is closed after this long without a byte from the server, whatever the client sends")
                .seen(SEEN)
                .help("have the server answer pings, or send them"),
            false => unsupported("a silent tunnel stays open until one side closes it: before 3.7 Traefik has no timer for tunnels")
                .seen(DOCS)
                .help("have the application ping, and close the tunnels that do not answer"),
        }),
        TimeoutMaxDuration => unsupported("a tunnel lives as long as both sides keep it")
            .seen(SEEN)
            .help("let the application close after that time"),
        TimeoutStreamIdle => depends("the version, and how long an answer may take", stream_idle),
        TimeoutUpstreamKeepalive => depends("with `health`", |u, _| match u.on.upstream() {
            Some(it) if it.health.is_some() => {
                approx("beside checks some of the idle connections close before that time").seen(SEEN)
            }
            _ => exact(),
        }),

        UpstreamServers => depends("sockets of files, and the balance", |u, env| match u.on.upstream() {
            Some(it) if it.servers.iter().any(is_socket) => {
                unsupported("Traefik reaches no server by a socket of a file: it is left out")
                    .seen(DOCS)
                    .help("have the server listen on a port of the loopback address")
            }
            Some(it) if it.health.is_none() => {
                approx("when every server refuses the answer is 502, not 503").seen(SEEN)
                    .help("add `health`: with no healthy server left the answer is 503")
            }
            Some(it) if is_p2c(it, env) => {
                approx("until the checks have found a server down it looks the least busy and is asked again and again: 502, though others serve")
                    .seen(SEEN)
                    .help("let checks come often, or use `balance: round_robin`")
            }
            _ => approx("until the checks have found every server down the answer is 502, not 503").seen(SEEN),
        }),
        UpstreamWeights => depends("how requests are spread", |u, env| match u.on.upstream() {
            Some(it) if is_p2c(it, env) => {
                approx("weights count for nothing where the least busy server is chosen").seen(SEEN)
                    .help("use `balance: round_robin` where weights matter more")
            }
            _ => exact(),
        }),
        UpstreamBackup => depends("whether checks find the others dead", |u, _| match u.on.upstream() {
            Some(it) if !facts::is_checked(it) => {
                approx("backup servers are never asked: only checks by HTTP find out that the others are dead")
                    .seen(SEEN)
                    .help("add `health`, such as `health: {http: {path: /health}}`")
            }
            _ => exact(),
        }),
        UpstreamSplit => exact(),
        BalanceRoundRobin => depends("whether clients are kept by their address", |u, _| match u.on.upstream() {
            Some(it) if facts::is_bound(it) => {
                approx("a client goes where its address leads, and its first request too").seen(SEEN)
            }
            _ => exact(),
        }),
        BalanceLeastConnections => depends("the version, the checks, and how many servers", |u, env| match env.since(3, 4, 0) {
            true if u.on.upstream().is_some_and(|it| it.servers.len() > 1 && !facts::is_checked(it)) => {
                approx("servers take requests in turn: without checks by HTTP one that refuses would look the least busy, and get everything")
                    .seen(SEEN)
                    .help("add `health`, such as `health: {http: {path: /health}}`")
            }
            true if u.on.upstream().is_some_and(|it| it.servers.len() < 3) => exact(),
            true => approx("the less busy of two servers chosen by chance; a second try may lead to the one that refused")
                .seen(SEEN),
            false => unsupported("servers take requests in turn: before 3.4 Traefik knows no other way").seen(DOCS),
        }),
        BalanceRandom => unsupported("servers take requests in turn").seen(SEEN),
        BalanceHash => depends("what is hashed, and the version", |u, env| match u.on.upstream().map(|it| &it.balance.value) {
            Some(Balance::Hash(HashKey::Source)) if env.since(3, 6, 0) => {
                approx("a client whose server refuses gets 502 while that is not known to be down: every try leads to the same one")
                    .seen(SEEN)
                    .help("add `health`, such as `health: {http: {path: /health}}`")
            }
            Some(Balance::Hash(HashKey::Source)) => {
                unsupported("servers take requests in turn: Traefik hashes addresses since 3.6").seen(DOCS)
            }
            // The cookie keeps a client on its server, which is what the key is for.
            Some(_) if u.on.upstream().is_some_and(|it| matches!(it.stickiness, Some(Stickiness::Cookie(_)))) => exact(),
            _ => unsupported("servers take requests in turn: Traefik hashes nothing but the client's address")
                .seen(SEEN)
                .help("keep a client by `stickiness: {cookie: …}`"),
        }),
        UpstreamKeepalive => exact(),
        UpstreamSlowStart => unsupported("a returned server takes its full share at once")
            .seen(SEEN)
            .help("let the health check succeed only once the server is warm"),
        UpstreamResolve => exact(),
        UpstreamTcpKeepalive => depends("how soon", |u, _| match u.on.upstream().map(|it| it.tcp_keepalive.value) {
            Some(Some(after)) if after == crate::ir::Dur::from_secs(30) => exact(),
            Some(Some(_)) => unsupported("a silent server is asked for a sign of life after 30 s: Traefik has its own time").seen(SEEN),
            _ => unsupported("a silent server is asked for a sign of life all the same, after 30 s").seen(SEEN),
        }),
        UpstreamMaxConnections => unsupported("servers take any number of connections")
            .seen(SEEN)
            .help("`limits.connections: {per: route, max: …}` bounds what is open on a route"),
        UpstreamProtocol => exact(),
        UpstreamTls => depends("whether servers are verified", |u, _| match u.on.upstream().and_then(|it| it.tls.as_ref()) {
            Some(tls) if tls.verify.value => {
                approx("where a server's certificate is not right the client gets 500, not 503").seen(SEEN)
            }
            _ => exact(),
        }),
        UpstreamTlsClient => exact(),
        UpstreamResponseHead => unsupported("heads of up to 10 MiB pass: Traefik has no ceiling of its own")
            .seen(SEEN)
            .help("leave it out"),
        Retries => depends("the version", retries),

        HealthHttp => depends("how many checks count, and which statuses are well", health),
        HealthTcp => unsupported("servers are not checked: Traefik's checks are HTTP requests")
            .seen(SEEN)
            .help("use `health: {http: {path: …}}`"),
        HealthWebSocket => unsupported("servers are not checked: Traefik's checks are plain requests")
            .seen(SEEN)
            .help("use `health: {http: {path: …}}`"),
        HealthPassive => depends("the version, and how many errors", |u, env| match env.since(3, 6, 0) {
            true if u.on.upstream().is_some_and(|it| it.passive.as_ref().is_some_and(|it| it.errors.value == 1)) => exact(),
            true => approx("only errors in a row count, and within the time that a server is taken out for").seen(SEEN),
            false => unsupported("no server is taken out: Traefik counts errors since 3.6").seen(DOCS),
        }),

        StickyCookie => depends("how many servers", |u, _| match u.on.upstream() {
            Some(it) if it.servers.len() > 1 && facts::is_checked(it) => {
                approx("a client whose server refuses gets 502 until a check finds that out: every try leads to the same one")
                    .seen(SEEN)
            }
            Some(it) if it.servers.len() > 1 => {
                approx("a client whose server refuses gets 502 while that is not known to be down: every try leads to the same one")
                    .seen(SEEN)
                    .help("add `health`, such as `health: {http: {path: /health}}`")
            }
            _ => exact(),
        }),
        StickyCookieName | StickyCookieTtl => exact(),
        StickyCookieAttributes => depends("the version", |u, env| match u.on.upstream().map(|it| &it.stickiness) {
            Some(Some(Stickiness::Cookie(it))) if it.path.value != "/" && !env.since(3, 2, 0) => {
                approx("the cookie has `Path=/`: Traefik takes another since 3.2").seen(DOCS)
            }
            _ => exact(),
        }),
        StickyAppCookie => unsupported("Traefik follows no cookie but its own: clients are spread as if they had none")
            .seen(SEEN)
            .help("use `stickiness: {cookie: …}`: Traefik then sets a second cookie"),
        StickySource => depends("the version", |_, env| match env.since(3, 6, 0) {
            true => approx("the choice is a hash of the client's address: a share of the clients moves when servers change").seen(SEEN),
            false => unsupported("clients are spread as if they had no address: Traefik hashes addresses since 3.6").seen(DOCS),
        }),

        HostHeader => depends("a split whose parts have different hosts", |u, _| match u.on.route() {
            Some(route) if mixed_hosts(route) => {
                approx("all parts of the split see the host of the first").seen(SEEN)
            }
            _ => exact(),
        }),
        ForwardedHeaders => exact(),
        ForwardedOff => exact(),
        TrustedProxies => {
            approx("`X-Forwarded-Host` comes as the proxy in front wrote it, and of its requests there is no `X-Real-IP`")
                .seen(SEEN)
                .help("read the client's address from `X-Forwarded-For`")
        }
        RequestHeaders => depends("the kind of change", request_headers),
        ResponseHeaders => depends("the kind of change", response_headers),
        HeaderFacts => depends("which fact", |u, _| match u.on.route() {
            Some(route) if knows(route, u.at) => exact(),
            _ => approx("the header is taken away: Traefik writes no facts of a request")
                .seen(SEEN)
                .help("`X-Forwarded-For`, `-Host`, `-Proto` and `-Port` reach every server"),
        }),
        HeaderClaims => unsupported("nobody reads the claim, as nobody checks the token: the route answers 503").seen(SEEN),
        HeaderTlsSubject => unsupported("the header is taken away: Traefik tells the subject in a header of its own only")
            .seen(SEEN)
            .help("put a `passTLSClientCert` middleware into `targets.traefik.raw`, and read `X-Forwarded-Tls-Client-Cert-Info`"),

        LimitHead => depends("the version", |_, env| match env.since(3, 4, 0) {
            true => exact(),
            false => unsupported("heads of up to 1 MiB pass: Traefik has a limit since 3.4").seen(DOCS),
        }),
        LimitBody => depends("streams", |u, _| match u.on.route() {
            Some(route) if route.stream.is_some() => {
                approx("on a stream a body counts by its `Content-Length`, and one in chunks passes: Traefik would hold the answer back to count it")
                    .seen(SEEN)
            }
            _ => exact(),
        }),
        LimitRequests => depends("the version", |u, env| match u.on.route() {
            Some(route) if !env.since(3, 6, 0) && (route.websocket.is_some() || route.cors.is_some() || route.methods.is_some()) => {
                approx("each kind of requests counts alone, sockets and others: before 3.6 no router stands before others")
                    .seen(DOCS)
            }
            _ => exact(),
        }),
        LimitRequestsExempt => depends("IPv6 ranges behind trusted proxies", |u, env| {
            let exempt = u.on.route().and_then(|it| Some((it, it.requests.as_ref()?)));
            match exempt {
                Some((route, limit)) if !reads_forwarded(route, env, Some(&limit.exempt.value)) => {
                    unsupported("these clients are counted as well: no rule finds an IPv6 range in `X-Forwarded-For`")
                        .seen(SEEN)
                }
                _ => exact(),
            }
        }),
        LimitRequestsBucket => approx("each route counts alone: Traefik's limits share nothing").seen(SEEN),
        LimitConnections => depends("who is counted", |u, _| {
            let per = u.on.route().and_then(|it| it.connections.as_ref()).map(|it| &it.per.value);
            match per {
                Some(PerKey::Header(_)) => approx("more get 429, not 503, and requests without the header count as one client").seen(SEEN),
                _ => approx("more get 429, not 503").seen(SEEN),
            }
        }),
        LimitListenerConnections => unsupported("a listener takes any number of connections")
            .seen(SEEN)
            .help("bound them in front, or per client by `limits.connections`"),

        AuthJwt | AuthJwtPlaces | AuthJwtAudience | AuthJwks => {
            unsupported("Traefik's open-source build checks no tokens; the route answers 503")
                .seen(SEEN)
                .help("let a service check them: `forward`")
        }
        AuthJwtStrip => unsupported("nothing reaches the server: the route answers 503, see `auth.jwt`").seen(SEEN),
        AuthBasic => exact(),
        AuthApiKey => unsupported("Traefik's open-source build checks no keys; the route answers 503")
            .seen(SEEN)
            .help("let a service check them: `forward`"),
        AuthForward => depends("what the service's answer is for", forward),
        AuthStrip => depends("what is stripped", |u, _| match u.on {
            Subject::Auth(auth) if matches!(auth.kind, AuthKind::Basic(_)) => exact(),
            _ => unsupported("nothing reaches the server: the route answers 503, see `auth.api_key`").seen(SEEN),
        }),
        Origins => depends("`same_host` where the host is a pattern", |u, _| match u.on.route() {
            Some(route) if compares_pattern(route) => {
                unsupported("Traefik compares no header with the host, and this one is no plain name; sockets get 503")
                    .seen(SEEN)
                    .help("name the origins, or the hosts")
            }
            _ => exact(),
        }),
        Clients => exact(),
        Cors => depends("credentials for any origin", |u, _| match u.on.route().and_then(|it| it.cors.as_ref()) {
            Some(cors) if cors.is_for_everybody() => {
                approx("preflights get 200, not 204: Traefik answers them itself where any origin is named back").seen(SEEN)
            }
            _ => exact(),
        }),

        Stream | StreamRequest => exact(),
        Compression => exact(),

        LogAccess => depends("the format", |_, env| match env.gateway.log.as_ref().map(|it| it.format.value) {
            Some(LogFormat::Common) => {
                approx("a line goes on behind the agent with Traefik's own fields, and the referrer is hidden where a parameter of the query is")
                    .seen(SEEN)
            }
            _ => exact(),
        }),
        LogRoute => depends("the version", |_, env| match env.since(3, 2, 0) {
            true => exact(),
            false => unsupported("its requests are logged as well: a router may be silent since 3.2").seen(DOCS),
        }),
        LogFields => approx("fields have Traefik's names, the path holds the query, times are in nanoseconds, a tunnel has the status 0, and there is no id").seen(SEEN),
        LogRedact => depends("what is hidden, and the version", |u, env| match env.since(3, 7, 0) {
            _ if env.gateway.log.as_ref().is_none_or(|it| it.redact_query.from != u.at) => exact(),
            true => approx("the log has no query at all where a parameter of it is hidden").seen(SEEN),
            false => approx("the log has no path at all where a parameter of the query is hidden").seen(DOCS),
        }),
        Metrics => exact(),

        Redirect => depends("the status", redirect),
        Respond => depends("the body", |u, _| match u.on.route().map(|it| &it.action) {
            Some(Action::Respond(it)) if matches!(it.value.status, 204 | 304) => exact(),
            _ => approx("the status is right, but the body is its name: Traefik writes no other answer")
                .seen(SEEN)
                .help("lead the route to a server that has the page"),
        }),
        RewritePath | RewriteRegex => exact(),
        RewriteQuery => unsupported("the server sees the query as the client sent it").seen(SEEN)
            .help("read both forms in the application"),
        RewriteMapLocation => unsupported("`Location` and cookie paths come as the server wrote them").seen(SEEN)
            .help("tell the application its public path; `X-Replaced-Path` has what the client asked for"),
        ErrorPages => unsupported("Traefik's own errors stay as they are: it has no page without a server that serves it")
            .seen(SEEN)
            .help("put an `errors` middleware with a service for pages into `targets.traefik.raw`"),
        ErrorPagesServer => unsupported("the server's errors stay as they are: Traefik has no page without a server that serves it")
            .seen(SEEN)
            .help("put an `errors` middleware with a service for pages into `targets.traefik.raw`"),

        DrainTimeout => approx("a reload ends no tunnel: they live on until a stop").seen(SEEN),
        DrainSpread => unsupported("tunnels end all together at the end of the drain time, without a close frame")
            .seen(SEEN)
            .help("let clients reconnect after a random pause"),

        MaxConnections => unsupported("Traefik takes any number of connections, as far as the system lets it")
            .seen(SEEN)
            .help("bound them in front, or by the limit on open files"),
        // It takes all that the system allows, and a file says nothing of that.
        Files => exact(),
        WorkerCount => depends("a number", |_, env| match env.gateway.runtime.workers.value {
            Workers::Auto => exact(),
            Workers::Count(_) => unsupported("as many threads as there are cores")
                .seen(SEEN)
                .help("start it with `GOMAXPROCS` in its environment"),
        }),
    }
}
