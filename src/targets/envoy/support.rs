//! What Envoy does with each feature. Nothing is decided elsewhere.

use super::facts;
use crate::ir::{
    Balance, Condition, Feature, HostHeader, HostMatch, Paths, RetryAfter, Route, Set, Stickiness,
    UnknownHost, Use, ValueMatch, Workers,
};
use crate::targets::support::{approx, depends, exact, takes_lists, unsupported};
use crate::targets::{Env, Seen, Support};

/// The version that the tests run.
const SEEN: Seen = Seen::On("envoy 1.40.0");
const DOCS: Seen = Seen::Docs("Envoy documentation");

/// The verdict on a feature.
pub(super) fn support(feature: Feature) -> Support {
    use Feature::*;
    match feature {
        ListenerBind | ListenerRedirect | ListenerHttp2 | ListenerProxyProtocol
        | ListenerPublicPort => exact(),
        ListenerHttp3 => unsupported("HTTP/3 is not offered: its listener would need a second set of filters")
            .seen(SEEN)
            .help("leave `http3` off here; clients use HTTP/2"),
        ListenerUnknownHost => depends("`close` on plain text", unknown_host),
        ListenerPaths => depends("`reject`", |u, _| match u.on.listener() {
            Some(it) if it.paths.value == Paths::Reject => {
                approx("a path that encodes what needs no encoding, such as `/%77s`, gets 400 too").seen(SEEN)
            }
            _ => exact(),
        }),
        ListenerEncodedSlash | ListenerHeaderNames | ListenerTcpKeepalive => exact(),

        TlsTermination => exact(),
        TlsProfile => exact(),
        TlsHsts | TlsClientAuth => exact(),
        TlsAcme => unsupported("Envoy obtains no certificate, and does not start without the file")
            .seen(SEEN)
            .help("run an ACME client beside it and name its files: `cert` and `key`"),

        HostExact | HostWildcard | HostRegex => exact(),
        PathExact | PathPrefix | RouteMethods => exact(),
        PathRegex => depends("a percent sign", |u, _| {
            let percent = u.on.route().is_some_and(|route| {
                let mut paths = route.paths.iter().filter(|it| it.from == u.at);
                paths.any(|it| it.value.to_string().contains("%25"))
            });
            if percent {
                approx("a path whose encoding is broken, such as `%2%35`, is mended and taken, not refused with 400")
                    .seen(SEEN)
            } else {
                exact()
            }
        }),
        WhenMethods | WhenUpgrade | WhenListeners => exact(),
        WhenHeaders => depends("a regex", |u, _| {
            if condition(u, |it| &it.when.headers, |regex| !takes_lists(regex)) {
                approx("of a header in several lines each is asked alone: any of them may match").seen(SEEN)
            } else {
                exact()
            }
        }),
        WhenQuery => depends("a regex", |u, _| {
            if condition(u, |it| &it.when.query, |_| true) {
                approx("a regex is matched against the value as it was sent, not decoded").seen(SEEN)
            } else {
                exact()
            }
        }),
        WhenClients => depends("the version, and whether there are trusted proxies", |u, env| {
            let behind = u.on.route().is_some_and(|route| {
                let mut listeners = env.gateway.listeners_of(route);
                listeners.any(|it| !it.trusted_proxies.value.is_empty())
            });
            if behind {
                unsupported("Envoy chooses the route before it looks behind its proxies; the route answers 503")
                    .seen(SEEN)
                    .help("write a route for all clients, with `clients`")
            } else if !env.since(1, 38, 0) {
                unsupported("before 1.38 Envoy cannot choose a route by a client's network; the route answers 503")
                    .seen(DOCS)
                    .help("write a route for all clients, with `clients`")
            } else {
                exact()
            }
        }),

        WebSocketUpgrade => exact(),
        WebSocketOff => depends("whether the listener has sockets elsewhere", |u, env| {
            let beside = u.on.route().is_some_and(|route| {
                env.gateway.listeners_of(route).any(|listener| {
                    let mut routes = env.gateway.routes.iter();
                    routes.any(|it| it.websocket.is_some() && env.gateway.serves(listener, it))
                })
            });
            if beside {
                approx("an upgrade request with a chunked body gets 411: its chunks would be lost").seen(SEEN)
            } else {
                exact()
            }
        }),
        WebSocketOnly => approx("the 426 comes without `Upgrade`, which Envoy puts on no other answer than 101")
            .seen(SEEN),
        WebSocketTokens | WebSocketMethods | WebSocketOverHttp2 => exact(),
        WebSocketMaxMessage => unsupported("messages of any length pass: Envoy reads no frames")
            .seen(SEEN)
            .help("limit the message in the application"),
        WebSocketMessages => unsupported("any number of messages pass: Envoy reads no frames")
            .seen(SEEN)
            .help("limit the rate in the application; `limits.requests` bounds handshakes"),
        WebSocketPing => unsupported("nobody pings for the application; TCP keep-alive finds dead peers")
            .seen(SEEN)
            .help("have the application or the client ping, or keep `tcp_keepalive`"),

        TimeoutHead => depends("TLS", |u, _| match u.on.listener() {
            Some(it) if it.tls.is_some() => {
                approx("a client that says nothing after its TLS handshake is closed after the time between requests")
                    .seen(SEEN)
            }
            _ => exact(),
        }),
        TimeoutClientKeepalive => exact(),
        TimeoutConnect => exact(),
        TimeoutResponse => depends("whether sockets end sooner", |u, _| match u.on.route() {
            Some(route) if facts::socket_ends_sooner(route) => {
                approx("a handshake that waits longer than `websocket.idle` gets 408 after that time: one timer serves it and its tunnel")
                    .seen(SEEN)
                    .help("let `websocket.idle` be longer than `timeouts.response`")
            }
            _ => exact(),
        }),
        TimeoutIdle => depends("whether it is shorter than the response time", idle),
        TimeoutWebSocketIdle | TimeoutMaxDuration => exact(),
        TimeoutStreamIdle => depends("whether it is shorter than the response time", stream_idle),
        TimeoutUpstreamKeepalive => depends("whether only tunnels lead there", tunnels_only),

        UpstreamServers | UpstreamWeights | UpstreamSplit => exact(),
        UpstreamBackup => depends("a hash without checks", |u, _| match u.on.upstream() {
            Some(up) if facts::uses_ring(up) && up.health.is_none() && up.passive.is_none() => {
                approx("backup servers are never asked: without checks the others count as healthy, and the answer is 503 when they refuse")
                    .seen(SEEN)
                    .help("add `health`, such as `health: {tcp: {}}`")
            }
            _ => exact(),
        }),
        BalanceRandom | BalanceHash => exact(),
        BalanceRoundRobin => depends("with `stickiness: {source: …}`", |u, _| {
            match u.on.upstream().map(|up| &up.stickiness) {
                Some(Some(Stickiness::Source { .. })) => {
                    approx("a hash of the client's address chooses the server").seen(SEEN)
                }
                _ => exact(),
            }
        }),
        BalanceLeastConnections => depends("whether there are several servers", |u, _| match u.on.upstream() {
            Some(up)
                if up.slow_start.value.is_some()
                    || up.servers.iter().any(|it| it.weight.value != up.servers[0].weight.value) =>
            {
                approx("in turn by weight, where a server with more open gets less: not always the one with the fewest")
                    .seen(SEEN)
                    .help("leave weights and `slow_start` out")
            }
            Some(up) if up.servers.len() > 1 => {
                approx("the one with fewer open of two servers that chance names: not always the one with the fewest")
                    .seen(SEEN)
            }
            _ => exact(),
        }),
        UpstreamKeepalive => depends("whether only tunnels lead there", tunnels_only),
        UpstreamSlowStart => depends("the balance", |u, _| match u.on.upstream() {
            Some(up) if matches!(up.balance.value, Balance::Random | Balance::Hash(_)) => {
                unsupported("a returned server takes its full share at once: only `round_robin` and `least_connections` grow one")
                    .seen(DOCS)
                    .help("use `balance: round_robin`")
            }
            _ => exact(),
        }),
        UpstreamResolve | UpstreamTcpKeepalive => exact(),
        UpstreamMaxConnections => approx("above the ceiling of all servers together 503; a request that meets one full server waits for it")
            .seen(SEEN),
        UpstreamProtocol | UpstreamTls | UpstreamTlsClient | UpstreamResponseHead => exact(),
        Retries => depends("which failures, and how many servers", retries),

        HealthHttp | HealthTcp | HealthWebSocket => exact(),
        HealthPassive => depends("how many errors", |u, _| {
            let passive = u.on.upstream().and_then(|up| up.passive.as_ref());
            match passive {
                Some(passive) if passive.errors.value > 1 => {
                    approx("errors in a row count, however far apart; a good answer between them starts anew").seen(SEEN)
                }
                _ => exact(),
            }
        }),

        StickyCookie | StickyCookieName | StickyCookieTtl => exact(),
        StickyCookieAttributes => depends("`http_only: false`", |u, _| {
            let visible = u.on.upstream().is_some_and(|up| {
                matches!(&up.stickiness, Some(Stickiness::Cookie(own)) if !own.http_only.value)
            });
            if visible {
                approx("the cookie always has `HttpOnly`").seen(SEEN)
            } else {
                exact()
            }
        }),
        StickyAppCookie => approx("a cookie of the proxy's own beside it, the name and `-server`, keeps the client on its server from the first answer on; without it the application's cookie is not followed")
            .seen(SEEN)
            .help("use `stickiness: {cookie: …}`"),
        StickySource => approx("computed from the address: when servers change, a share of the clients moves")
            .seen(SEEN),

        HostHeader => depends("several upstreams that differ", host_header),
        ForwardedHeaders | ForwardedOff | TrustedProxies => exact(),
        RequestHeaders | ResponseHeaders | HeaderFacts | HeaderClaims | HeaderTlsSubject => exact(),

        LimitHead => exact(),
        LimitBody => exact(),
        LimitRequests | LimitRequestsExempt => exact(),
        LimitRequestsBucket => depends("whether the routes agree on the rate", |u, env| {
            let Some(limit) = u.on.route().and_then(|route| route.requests.as_ref()) else {
                return exact();
            };
            let agree = env.gateway.routes.iter().all(|route| {
                route.requests.as_ref().is_none_or(|other| {
                    let same_bucket = other.bucket.as_ref().map(|it| &it.value)
                        == limit.bucket.as_ref().map(|it| &it.value);
                    !same_bucket
                        || (other.rate.value == limit.rate.value
                            && other.burst.value == limit.burst.value
                            && other.per.value == limit.per.value)
                })
            });
            if agree {
                exact()
            } else {
                approx("the first route's rate serves all, and each way of counting counts alone")
                    .seen(SEEN)
            }
        }),
        LimitConnections => depends("whether several threads count", |u, env| match u.on.route() {
            Some(route)
                if facts::open_on_route(route).is_none()
                    && env.gateway.runtime.workers.value != Workers::Count(1) =>
            {
                approx("each thread counts alone: a client may have so many open on each of them")
                    .seen(SEEN)
                    .help("one thread counts for all: `runtime: {workers: 1}`")
            }
            _ => exact(),
        }),
        LimitListenerConnections => exact(),

        AuthJwt | AuthJwtPlaces | AuthJwtAudience | AuthJwtStrip | AuthJwks => exact(),
        AuthBasic => approx("only passwords hashed as `{SHA}` are read: with any other hash in the file Envoy does not start")
            .seen(SEEN)
            .help("write the file with `htpasswd -s`, or use `jwt` or `forward`"),
        AuthApiKey | AuthForward => exact(),
        AuthStrip => exact(),
        Origins | Clients | Cors => exact(),

        Stream | Compression => exact(),
        StreamRequest => depends("the version, where a body is bounded", |u, env| {
            if u.on.route().is_some_and(|it| it.body.value.is_some()) && !env.since(1, 40, 0) {
                approx("a body is held until it is whole: before 1.40 nothing counts it as it passes").seen(DOCS)
            } else {
                exact()
            }
        }),

        LogAccess | LogRoute | LogFields | LogRedact | Metrics => exact(),

        Redirect | Respond | RewritePath | RewriteRegex | RewriteQuery | RewriteMapLocation
        | ErrorPages | ErrorPagesServer => exact(),

        DrainTimeout => approx("a stop by SIGTERM ends every connection at once; a hot restart keeps them this long")
            .seen(SEEN)
            .help("stop it as the head of the file says: have it drain first"),
        DrainSpread => unsupported("tunnels end all together at the end of the drain time, without a close frame")
            .seen(SEEN)
            .help("let clients reconnect after a random pause"),

        MaxConnections => exact(),
        // As many as the system allows: Envoy sets itself no ceiling.
        Files => exact(),
        WorkerCount => exact(),
    }
}

fn unknown_host(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.listener() {
        Some(it) if it.unknown_host.value == UnknownHost::Close => {
            let g = env.gateway;
            let entries = g
                .table
                .iter()
                .filter(|entry| g.serves(it, g.route(entry.route)));
            let hosts: Vec<&HostMatch> = entries.map(|entry| entry.host(g)).collect();
            let regex = hosts.iter().any(|host| matches!(host, HostMatch::Regex(_)));
            // Where a route takes any host, none is unknown.
            if hosts.iter().any(|host| matches!(host, HostMatch::Any)) {
                exact()
            } else if it.tls.is_none() || regex {
                approx("404: Envoy answers before it closes").seen(SEEN)
            } else {
                exact()
            }
        }
        _ => exact(),
    }
}

fn idle(u: &Use<'_>, _: &Env<'_>) -> Support {
    match u.on.route() {
        Some(route) if route.stream.is_some() => exact(),
        Some(route) if facts::silence(route) != route.idle.value => approx(format!(
            "a body may stand still for {}: one timer serves before and after the head, and the response time rules it",
            facts::silence(route)
        ))
        .seen(SEEN),
        _ => exact(),
    }
}

fn stream_idle(u: &Use<'_>, _: &Env<'_>) -> Support {
    let stream = u.on.route().and_then(|it| Some((it, it.stream.as_ref()?)));
    match stream {
        Some((route, stream)) if facts::silence(route) != stream.idle.value => approx(format!(
            "a stream may be silent for {}: one timer serves before and after the head, and the response time rules it",
            facts::silence(route)
        ))
        .seen(SEEN),
        _ => exact(),
    }
}

fn retries(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    for share in route.shares() {
        let Some(retries) = &share.retries.value else {
            continue;
        };
        let upstream = env.gateway.upstream(share.upstream.value);
        if retries.after.contains(&RetryAfter::Timeout) {
            return approx("with `timeout` a connection that ends unanswered is tried again too")
                .seen(SEEN);
        }
        let again = retries.after.iter().any(|it| *it != RetryAfter::Connect);
        let tries = facts::tries(upstream, retries.attempts);
        if again && tries > retries.attempts {
            return approx(format!(
                "up to {tries} further tries after any failure: one number serves refused connections too"
            ))
            .seen(SEEN);
        }
        // Names may have more addresses than one each, and each address is a server.
        if again && usize::from(tries) >= upstream.servers.len() {
            return approx(format!(
                "up to {tries} further tries, on servers that were asked before where the names have no more addresses"
            ))
            .seen(SEEN)
            .help("let `attempts` be less than the number of servers");
        }
    }
    exact()
}

fn host_header(u: &Use<'_>, _: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    let own = |it: &crate::ir::Share| it.host_header.value == HostHeader::Upstream;
    if route.shares().iter().any(own) && !route.shares().iter().all(own) {
        return approx(
            "one setting serves all upstreams of a route: every server sees its own name",
        )
        .seen(DOCS)
        .help("write the same `host_header` for all of them");
    }
    exact()
}

/// Whether the condition that is asked about is such a regex.
fn condition(u: &Use<'_>, list: fn(&Route) -> &[Set<Condition>], such: fn(&str) -> bool) -> bool {
    let all = u.on.route().map_or(&[][..], list);
    all.iter().any(|it| {
        it.from == u.at && matches!(&it.value.value, ValueMatch::Regex(regex) if such(regex))
    })
}

fn tunnels_only(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.upstream() {
        Some(up) if up.keepalive.value.is_some() && facts::only_tunnels(env.gateway, up) => {
            approx("a connection whose handshake the server refuses is closed, not kept").seen(SEEN)
        }
        _ => exact(),
    }
}
