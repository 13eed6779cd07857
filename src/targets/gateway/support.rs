//! What Gateway API resources do with each feature, by the implementation that serves them. Nothing is decided elsewhere.

use super::facts::{self, Extended, Means, claims, implementation, means};
use super::verdicts::listener::{
    client_auth, host_at, http2, other_paths, profile, traefik_head, traefik_paths,
};
use super::verdicts::route::{
    forwarded, headers, host_header, jwt, jwt_places, nobody, open, origins, path, rate, redirect,
    rewrite, stripped, stripped_by_envoy, traefik_redirect,
};
use super::verdicts::upstream::{
    attributes, envoy_retries, in_turn, not_sticky, servers, traefik_retries, unhashed, unhealthy,
    upstream_tls,
};
use crate::ir::{
    Action, Balance, EncodedSlash, Feature, HashKey, HeaderNames, PerKey, Subject, UnknownHost,
    Workers,
};
use crate::targets::kubernetes::routes::{
    is_behind_proxies, is_fixed, is_of_lines, metrics_path, on_tunnels, redacted, thirty_seconds,
};
use crate::targets::support::{approx, depends, exact, unsupported};
use crate::targets::{Seen, Support};

/// The implementation that the tests run.
pub(super) const SEEN: Seen = Seen::On("traefik 3.7.15 as the controller");
pub(super) const ENVOY: Seen = Seen::Docs("Envoy Gateway 1.9");
pub(super) const API: Seen = Seen::Docs("Gateway API 1.6");

/// What is done by Traefik's Middlewares, by Envoy Gateway's policies, and by the API alone.
macro_rules! by_means {
    (|$u:ident, $env:ident| $traefik:expr, $envoy:expr, $none:expr $(,)?) => {
        depends("the implementation", |$u, $env| match means($env) {
            Means::Traefik => $traefik,
            Means::Envoy => $envoy,
            Means::None => $none,
        })
    };
}

/// The verdict on a feature.
pub(super) fn support(feature: Feature) -> Support {
    use Feature::*;
    match feature {
        ListenerBind => depends("an address", |u, _| match u.on.listener() {
            Some(it) if it.address.is_written() && it.address.value.is_some() => {
                approx("it is bound on every address of the implementation's pods").seen(API)
            }
            _ => exact(),
        }),
        ListenerRedirect => exact(),
        ListenerHttp2 => by_means!(|u, _env|
            http2(u),
            match u.on.listener() {
                Some(it) if it.tls.is_none() => unsupported("HTTP/2 is taken from who starts with it").seen(ENVOY),
                _ => exact(),
            },
            unsupported("the implementation's own choice").seen(API),
        ),
        ListenerHttp3 => unsupported("HTTP/3 is not offered: it is a switch of the implementation")
            .seen(API)
            .help("leave `http3` off here; clients use HTTP/2"),
        ListenerProxyProtocol => by_means!(|_u, _env|
            approx("a connection without the header is served too, and counts as its sender's own").seen(SEEN)
                .help("let a firewall pass only the balancer in front to this port"),
            exact(),
            unsupported("the implementation's own settings say it").seen(API),
        ),
        ListenerPublicPort => by_means!(|_u, _env|
            exact(),
            approx("it stands in redirects; `X-Forwarded-Port` is the implementation's own").seen(ENVOY),
            approx("it stands in redirects; `X-Forwarded-Port` is the implementation's own").seen(API),
        ),
        ListenerUnknownHost => depends("what shall happen", |u, _| match u.on.listener() {
            Some(it) if it.unknown_host.value == UnknownHost::Close => {
                unsupported("an unknown host gets 404: a Gateway serves others beside these routes").seen(SEEN)
            }
            _ => exact(),
        }),
        ListenerPaths => by_means!(|u, _env| traefik_paths(u), other_paths(u), other_paths(u)),
        ListenerEncodedSlash => by_means!(|u, _env|
            exact(),
            exact(),
            match u.on.listener() {
                Some(it) if it.encoded_slash.value == EncodedSlash::Reject => {
                    unsupported("`%2F` is the implementation's matter").seen(API).help("have the application refuse it")
                }
                _ => exact(),
            },
        ),
        ListenerHeaderNames => by_means!(|u, _env|
            exact(),
            exact(),
            match u.on.listener() {
                Some(it) if it.header_names.value == HeaderNames::Lenient => exact(),
                _ => unsupported("names pass as they come").seen(API),
            },
        ),
        ListenerTcpKeepalive => by_means!(|_u, _env|
            unsupported("Traefik has its own times").seen(SEEN),
            exact(),
            unsupported("the implementation has its own times").seen(API),
        ),

        TlsTermination => exact(),
        TlsProfile => by_means!(|_u, _env|
            unsupported("Traefik's default options hold: TLS 1.2 and newer, with more ciphers").seen(SEEN)
                .help("set a TLSOption of the name `default`"),
            profile(_u),
            unsupported("the implementation's own versions and ciphers").seen(API)
                .help("its own key in the listener's `tls.options` may say it"),
        ),
        TlsHsts => by_means!(|u, env| on_tunnels(u, env), exact(), exact()),
        TlsClientAuth => depends("whether the implementation claims it, and several TLS listeners", client_auth),
        TlsAcme => depends("whether the room names a Secret", |u, env| {
            let secret = match u.on {
                Subject::Certificate(it) => env.gateway.rooms.gateway.certificates.iter().any(|(of, _)| *of == it.name),
                _ => false,
            };
            match secret {
                true => approx("somebody else fills the Secret that the room names").seen(API),
                false => unsupported("no certificate is obtained: the listener has none until somebody fills its Secret")
                    .seen(API)
                    .help("have cert-manager fill a Secret, and name it: `targets.gateway.certificates`"),
            }
        }),

        HostExact => depends("the name", |u, _| match host_at(u).and_then(facts::host) {
            Some(_) => exact(),
            None => unsupported("the route takes no requests for it: the API takes no addresses as hosts, and no other signs than lower-case letters, digits, `-` and dots")
                .seen(API).elsewhere()
                .help("leave `host` out to take every host"),
        }),
        HostWildcard => by_means!(
            |_u, _env| approx("a name with a dot at its end is not taken").seen(SEEN),
            exact(),
            exact(),
        ),
        HostRegex => unsupported("the route takes no requests for it: a hostname is a name or a wildcard")
            .seen(API).elsewhere()
            .help("name the hosts, or `*.example.com`"),
        PathExact | PathPrefix | PathRegex => depends("the signs in it, and the implementation's order", path),
        RouteMethods => by_means!(|_u, _env|
            exact(),
            exact(),
            approx("other methods get 500: the API has no answers of its own").seen(API),
        ),
        WhenMethods => exact(),
        WhenHeaders | WhenQuery => depends("what is asked for", |u, env| {
            let when = u.on.route().map(|it| &it.when);
            let conditions = when.into_iter().flat_map(|it| it.headers.iter().chain(&it.query));
            let mut own = conditions.filter(|it| it.from == u.at);
            match own.all(|it| facts::can_tell_value(&it.value)) {
                true if u.feature == WhenHeaders && means(env) == Means::Traefik && is_of_lines(u) => {
                    approx("a header that comes in several lines is taken where one of them fits").seen(SEEN)
                }
                true if u.feature == WhenQuery && means(env) == Means::Traefik => {
                    approx("a `;` in the query reaches the server as `%3B`").seen(SEEN)
                }
                true => exact(),
                false => unsupported("the route is left out: no match says that something is not there").seen(API).elsewhere()
                    .help("have the other requests match a condition"),
            }
        }),
        WhenClients => unsupported("the route is left out: no match looks at addresses").seen(API).elsewhere()
            .help("use `clients`, or listeners of their own"),
        WhenUpgrade => depends("which requests", |u, _| match u.on.route().and_then(|it| it.when.upgrade.as_ref()) {
            Some(it) if !it.value => unsupported("the route is left out: no match says that a header is not there").seen(API).elsewhere()
                .help("write `when: {upgrade: true}` on the other route, which goes before"),
            _ => exact(),
        }),
        WhenListeners => exact(),

        WebSocketUpgrade => exact(),
        WebSocketOff => by_means!(|_u, _env|
            exact(),
            unsupported("an upgrade request reaches the server").seen(ENVOY).help("refuse upgrades in the application"),
            unsupported("an upgrade request reaches the server").seen(API).help("refuse upgrades in the application"),
        ),
        WebSocketOnly => by_means!(|_u, _env|
            exact(),
            exact(),
            approx("a plain request gets 500: the API has no answers of its own").seen(API),
        ),
        WebSocketTokens | WebSocketMethods => by_means!(|_u, _env|
            exact(),
            approx("others pass on the rule for plain requests").seen(ENVOY),
            approx("others pass on the rule for plain requests").seen(API),
        ),
        WebSocketOverHttp2 => unsupported("HTTP/2 carries no sockets: browsers open one more connection, by HTTP/1.1")
            .seen(SEEN)
            .help("`websocket_over_http2: off` says the same without a loss"),
        WebSocketMaxMessage => unsupported("messages of any length pass: nobody reads frames").seen(SEEN)
            .help("limit the message in the application"),
        WebSocketMessages => unsupported("any number of messages pass: nobody reads frames").seen(SEEN)
            .help("limit the rate in the application; `limits.requests` bounds handshakes"),
        WebSocketPing => unsupported("nobody pings for the application").seen(SEEN)
            .help("have the application or the client ping"),

        TimeoutHead => by_means!(|u, env|
            traefik_head(u, env),
            unsupported("the implementation's own time").seen(ENVOY),
            unsupported("the implementation's own time").seen(API),
        ),
        TimeoutClientKeepalive => by_means!(|_u, _env|
            exact(),
            exact(),
            unsupported("the implementation's own time").seen(API),
        ),
        TimeoutConnect => by_means!(|_u, _env|
            unsupported("30 s, Traefik's own time").seen(SEEN),
            exact(),
            unsupported("the implementation's own time").seen(API),
        ),
        TimeoutResponse => depends("whether the implementation claims request timeouts", |u, env| {
            let endless = u.on.route().is_some_and(|it| it.websocket.is_some() || it.stream.is_some());
            match claims(implementation(env), Extended::RequestTimeout) {
                true if endless => unsupported("there is none where tunnels or streams live on: the API has one time for the whole request").seen(API),
                true => approx("it bounds the whole answer, not its head alone").seen(API),
                false => unsupported("no time: the implementation does not claim request timeouts, and ignores them").seen(SEEN)
                    .help("let the server answer in time"),
            }
        }),
        TimeoutIdle => by_means!(|_u, _env|
            approx("an answer may stand still for ever, and a request may take that long in all").seen(SEEN),
            approx("the longest of the listener's routes holds for all").seen(Seen::Unverified),
            unsupported("the implementation's own time").seen(API),
        ),
        TimeoutWebSocketIdle => by_means!(|_u, _env|
            unsupported("a silent tunnel stays open until one side closes it: Traefik has no timer for tunnels").seen(SEEN)
                .help("have the application ping, and close the tunnels that do not answer"),
            approx("the longest of the listener's routes holds for all").seen(Seen::Unverified),
            unsupported("the implementation's own time, where it has one").seen(API)
                .help("have the application ping, and set its policy for idle streams"),
        ),
        TimeoutMaxDuration => unsupported("a tunnel lives as long as both sides keep it").seen(SEEN)
            .help("let the application close after that time"),
        TimeoutStreamIdle => by_means!(|_u, _env|
            unsupported("a silent stream stays open until one side closes it").seen(SEEN),
            approx("the longest of the listener's routes holds for all").seen(Seen::Unverified),
            unsupported("the implementation's own time, where it has one").seen(API),
        ),
        TimeoutUpstreamKeepalive => by_means!(|_u, _env|
            unsupported("90 s, Traefik's own time").seen(SEEN),
            exact(),
            unsupported("the implementation's own time").seen(API),
        ),

        UpstreamServers => depends("what the API takes as an address", servers),
        UpstreamWeights => exact(),
        UpstreamBackup => unsupported("backup servers are left out, and are never asked").seen(API)
            .help("lead the route to a Service whose endpoints your cluster keeps healthy"),
        UpstreamSplit => exact(),
        BalanceRoundRobin => exact(),
        BalanceLeastConnections | BalanceRandom => by_means!(|u, _env| in_turn(SEEN), unhashed(u), in_turn(API)),
        BalanceHash => by_means!(|u, _env|
            in_turn(SEEN),
            match u.on.upstream().map(|it| &it.balance.value) {
                Some(Balance::Hash(HashKey::Source | HashKey::Header(_))) => exact(),
                _ => in_turn(ENVOY),
            },
            in_turn(API),
        ),
        UpstreamKeepalive => unsupported("the implementation keeps its own number").seen(SEEN),
        UpstreamSlowStart => by_means!(|_u, _env|
            unsupported("a returned server takes its full share at once").seen(SEEN),
            match _u.on.upstream() {
                Some(it) if !facts::starts_slowly(it) => {
                    unsupported("a returned server takes its full share at once: there is no window for a choice by chance or by hash")
                        .seen(ENVOY)
                }
                _ => exact(),
            },
            unsupported("a returned server takes its full share at once").seen(API),
        ),
        UpstreamResolve => unsupported("names are looked up whenever the implementation does so: Traefik for each connection").seen(SEEN),
        UpstreamTcpKeepalive => by_means!(
            |u, _env| thirty_seconds(u).seen(SEEN),
            unsupported("the implementation has its own times").seen(ENVOY),
            unsupported("the implementation has its own times").seen(API),
        ),
        UpstreamMaxConnections => by_means!(|_u, _env|
            unsupported("servers take any number of connections").seen(SEEN),
            approx("the ceiling is for all servers together").seen(ENVOY),
            unsupported("servers take any number of connections").seen(API),
        ),
        UpstreamProtocol => exact(),
        UpstreamTls => depends("whether a name can be verified", upstream_tls),
        UpstreamTlsClient => unsupported("no certificate is shown: the API has one for all that a Gateway leads to")
            .seen(API)
            .help("write `spec.tls.backend.clientCertificateRef` of the Gateway yourself"),
        UpstreamResponseHead => unsupported("the implementation's own ceiling").seen(SEEN),
        Retries => by_means!(|u, _env|
            traefik_retries(u),
            envoy_retries(u),
            unsupported("nothing is tried again: the field is experimental").seen(API),
        ),

        HealthHttp => by_means!(|_u, _env| unhealthy(), exact(), unhealthy()),
        HealthTcp => by_means!(|_u, _env| unhealthy(), exact(), unhealthy()),
        HealthWebSocket => unhealthy(),
        HealthPassive => by_means!(|_u, _env|
            unsupported("a server that fails stays in turn").seen(SEEN),
            approx("errors in a row count, however far apart").seen(ENVOY),
            unsupported("a server that fails stays in turn").seen(API),
        ),

        StickyCookie => by_means!(|_u, _env|
            not_sticky(),
            approx("the cookie holds the place in a ring of hashes: some clients move when servers change").seen(ENVOY),
            not_sticky(),
        ),
        StickyCookieName | StickyCookieTtl => by_means!(|_u, _env| not_sticky(), exact(), not_sticky()),
        StickyCookieAttributes => by_means!(|_u, _env|
            not_sticky(),
            attributes(_u, _env),
            not_sticky(),
        ),
        StickyAppCookie => not_sticky(),
        StickySource => by_means!(|_u, _env|
            not_sticky(),
            approx("the choice is a hash of the client's address: a share of the clients moves when servers change").seen(ENVOY),
            not_sticky(),
        ),

        HostHeader => by_means!(|u, env| host_header(u, env), host_header(u, env), host_header(u, env)),
        ForwardedHeaders => by_means!(|_u, _env|
            exact(),
            exact(),
            forwarded(_env),
        ),
        ForwardedOff => by_means!(|_u, _env|
            exact(),
            exact(),
            unsupported("the headers are set all the same").seen(API),
        ),
        TrustedProxies => by_means!(|_u, _env|
            approx("`X-Forwarded-Host` and `X-Real-IP` come as the proxy in front wrote them").seen(SEEN)
                .help("read the client's address from `X-Forwarded-For`"),
            approx("`X-Forwarded-For` names the client alone, without the proxies in front").seen(ENVOY),
            unsupported("`X-Forwarded-For` is believed as the implementation's own settings say").seen(API),
        ),
        RequestHeaders | ResponseHeaders => depends("the kind of change", headers),
        HeaderFacts => depends("which fact", |u, env| {
            let Some(route) = u.on.route() else { return exact() };
            let ops = route.request_headers.iter().chain(&route.response_headers);
            let mut values = ops.filter(|op| op.at == u.at.loc).filter_map(|op| op.change.value());
            match values.all(|it| is_fixed(it, route, env)) {
                true => exact(),
                false => approx("the header is taken away: the API writes no facts of a request").seen(SEEN)
                    .help("`X-Forwarded-For`, `-Host`, `-Proto` and `-Port` reach every server"),
            }
        }),
        HeaderClaims => by_means!(|_u, _env|
            unsupported("nobody reads the claim, as nobody checks the token: the route answers 500").seen(SEEN),
            match _u.on {
                Subject::Auth(_) => exact(),
                _ => unsupported("the header is taken away").seen(ENVOY).help("write it in `auth`: `pass: {X-User: sub}`"),
            },
            unsupported("nobody reads the claim, as nobody checks the token: the route answers 500").seen(API),
        ),
        HeaderTlsSubject => approx("the header is taken away: the API writes no subjects").seen(SEEN),

        LimitHead => by_means!(|_u, _env|
            exact(),
            unsupported("the implementation's own ceiling").seen(ENVOY),
            unsupported("the implementation's own ceiling").seen(API),
        ),
        LimitBody => by_means!(|u, _env|
            match u.on.route() {
                Some(route) if route.stream.is_some() => {
                    unsupported("Traefik reads bodies whole to count them, and the answer with it; the route answers 500").seen(SEEN)
                        .help("leave `limits.body` out of routes that stream")
                }
                _ => exact(),
            },
            match u.on.route() {
                Some(route) if !facts::holds_bodies(route) => {
                    unsupported("the route answers 500: a body is read whole to count it, for which tunnels and streams would wait")
                        .seen(ENVOY)
                        .help("leave `limits.body` out of routes with sockets or `stream: {request: true}`, or lead plain requests by a route of their own")
                }
                _ => exact(),
            },
            nobody("counts bodies", API),
        ),
        LimitRequests => by_means!(|u, env|
            rate(u, env),
            match u.on.route().and_then(|it| it.requests.as_ref()) {
                Some(it) if matches!(it.per.value, PerKey::Header(_)) => nobody("counts by a header here", ENVOY),
                _ => approx("a full bucket of the rate's own period, without `burst`, and each of the implementation's pods counts alone")
                    .seen(Seen::Unverified),
            },
            nobody("counts requests", API),
        ),
        LimitRequestsExempt => unsupported("these clients are counted as well").seen(SEEN),
        LimitRequestsBucket => unsupported("each route counts alone").seen(SEEN),
        LimitConnections => by_means!(|u, env|
            open(u, env),
            nobody("counts open requests here", ENVOY),
            nobody("counts open requests", API),
        ),
        LimitListenerConnections => by_means!(|_u, _env|
            unsupported("a listener takes any number of connections").seen(SEEN),
            exact(),
            unsupported("a listener takes any number of connections").seen(API),
        ),

        AuthJwt => by_means!(|u, _env| nobody("checks tokens", SEEN), jwt(u), nobody("checks tokens", API)),
        AuthJwtPlaces => by_means!(|u, _env| nobody("checks tokens", SEEN), jwt_places(u), nobody("checks tokens", API)),
        AuthJwtAudience => by_means!(|_u, _env| nobody("checks tokens", SEEN), exact(), nobody("checks tokens", API)),
        AuthJwtStrip => by_means!(|_u, _env|
            unsupported("nothing reaches the server: the route answers 500").seen(SEEN),
            unsupported("a token in the query reaches the server").seen(ENVOY),
            unsupported("nothing reaches the server: the route answers 500").seen(API),
        ),
        AuthJwks => by_means!(|u, _env| nobody("checks tokens", SEEN), jwt(u), nobody("checks tokens", API)),
        AuthBasic => by_means!(|_u, _env|
            exact(),
            approx("passwords are SHA hashes: `htpasswd -s`").seen(ENVOY),
            nobody("checks passwords", API),
        ),
        AuthApiKey => nobody("checks keys here", SEEN),
        AuthForward => by_means!(|_u, _env|
            approx("only the service's first server is asked; of its 2xx nothing reaches the client; where it is unreachable the client gets 500, not 503, and it may take as long as it likes").seen(SEEN),
            nobody("asks another service here", ENVOY),
            nobody("asks another service", API),
        ),
        AuthStrip => by_means!(|u, _env|
            stripped(u),
            stripped_by_envoy(u),
            unsupported("nothing reaches the server: the route answers 500").seen(API),
        ),
        Origins => by_means!(
            |u, _env| origins(u),
            origins(u),
            approx("a socket from another origin gets 500, not 403: the API has no answers of its own").seen(API),
        ),
        Clients => by_means!(|u, env|
            match u.on.route() {
                Some(route) if is_behind_proxies(route, env) => {
                    approx("a client that comes without a trusted proxy in front is refused").seen(SEEN)
                }
                _ => exact(),
            },
            exact(),
            nobody("looks at addresses", API),
        ),
        Cors => depends("whether the implementation claims it", |_, env| match (means(env), claims(implementation(env), Extended::Cors)) {
            (Means::Traefik, _) => approx("a preflight gets 200, not 204, also from a foreign origin, but then without the header that lets it in").seen(SEEN),
            (_, true) => exact(),
            (_, false) => unsupported("no CORS headers are sent").seen(API),
        }),

        Stream => exact(),
        StreamRequest => by_means!(|_u, _env|
            exact(),
            exact(),
            match facts::is_envoy(implementation(_env)) {
                true => exact(),
                false => unsupported("bodies may be read whole before they are passed on").seen(API),
            },
        ),
        Compression => by_means!(|_u, _env|
            exact(),
            exact(),
            unsupported("answers are passed on as they are").seen(API),
        ),

        LogAccess => by_means!(|_u, _env|
            exact(),
            approx("the implementation writes its own log, of all that it serves").seen(ENVOY).help("set `telemetry.accessLog` of its EnvoyProxy"),
            approx("the implementation writes its own log, of all that it serves").seen(API),
        ),
        LogRoute => unsupported("its requests are logged as well").seen(SEEN),
        LogFields => unsupported("fields are the implementation's own").seen(SEEN),
        LogRedact => by_means!(|u, env|
            redacted(u, env),
            unsupported("the implementation's log holds what is asked for").seen(ENVOY)
                .help("set `telemetry.accessLog` of its EnvoyProxy"),
            unsupported("the implementation's log holds what is asked for").seen(API),
        ),
        Metrics => by_means!(|_u, env|
            metrics_path(env),
            unsupported("the implementation's own port").seen(ENVOY),
            unsupported("the implementation's own port").seen(API),
        ),

        Redirect => by_means!(|u, _env| traefik_redirect(u), redirect(u), redirect(u)),
        Respond => by_means!(|u, _env|
            match u.on.route().map(|it| &it.action) {
                Some(Action::Respond(it)) if matches!(it.value.status, 204 | 304) => exact(),
                _ => approx("the status is right, but the body is its name: Traefik writes no other answer").seen(SEEN)
                    .help("lead the route to a server that has the page"),
            },
            exact(),
            approx("the answer is 500 in any case: the API has no others").seen(API)
                .help("lead the route to a server that has the page"),
        ),
        RewritePath => by_means!(|_u, _env| exact(), rewrite(_u), rewrite(_u)),
        RewriteRegex => by_means!(|_u, _env|
            exact(),
            exact(),
            unsupported("the server sees the path as the client sent it").seen(API),
        ),
        RewriteQuery => unsupported("the server sees the query as the client sent it").seen(SEEN),
        RewriteMapLocation => unsupported("`Location` and cookie paths come as the server wrote them").seen(SEEN)
            .help("tell the application its public path"),
        ErrorPages => unsupported("the implementation's own errors stay as they are").seen(SEEN),
        ErrorPagesServer => unsupported("the server's errors stay as they are").seen(SEEN),

        DrainTimeout => by_means!(|_u, _env|
            approx("a change of the resources ends no tunnel: they live on until the controller's pod ends").seen(SEEN),
            unsupported("the implementation's own time").seen(ENVOY).help("set `shutdown.drainTimeout` of its EnvoyProxy"),
            unsupported("the implementation's own time").seen(API),
        ),
        DrainSpread => unsupported("tunnels end all together at the end of the drain time, without a close frame").seen(SEEN)
            .help("let clients reconnect after a random pause"),
        MaxConnections => unsupported("the implementation's own limit").seen(SEEN),
        Files => unsupported("as many as the implementation's pod is allowed").seen(SEEN),
        WorkerCount => depends("a number", |_, env| match env.gateway.runtime.workers.value {
            Workers::Auto => exact(),
            Workers::Count(_) => unsupported("as many as the implementation's own settings say").seen(SEEN)
                .help("set the CPU limit of its pods"),
        }),
    }
}
