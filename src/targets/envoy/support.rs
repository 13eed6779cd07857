//! What Envoy does with each feature. Nothing is decided elsewhere.

use super::facts;
use crate::ir::{Balance, Feature, HostHeader, RetryAfter, Stickiness, UnknownHost, Use, Workers};
use crate::targets::support::{approx, depends, exact, unsupported};
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
        ListenerPaths | ListenerEncodedSlash | ListenerHeaderNames | ListenerTcpKeepalive => exact(),

        TlsTermination => exact(),
        TlsProfile => exact(),
        TlsHsts | TlsClientAuth => exact(),
        TlsAcme => unsupported("Envoy obtains no certificate, and does not start without the file")
            .seen(SEEN)
            .help("run an ACME client beside it and name its files: `cert` and `key`"),

        HostExact | HostWildcard | HostRegex => exact(),
        PathExact | PathPrefix | PathRegex | RouteMethods => exact(),
        WhenMethods | WhenHeaders | WhenQuery | WhenClients | WhenUpgrade | WhenListeners => exact(),

        WebSocketUpgrade => exact(),
        WebSocketOff => depends("the version", |_, env| {
            if env.since(1, 34, 0) {
                exact()
            } else {
                approx("an upgrade to another token than `websocket` gets 403").seen(DOCS)
            }
        }),
        WebSocketOnly | WebSocketTokens | WebSocketMethods | WebSocketOverHttp2 => exact(),
        WebSocketMaxMessage => unsupported("messages of any length pass: Envoy reads no frames")
            .seen(SEEN)
            .help("limit the message in the application"),
        WebSocketMessages => unsupported("any number of messages pass: Envoy reads no frames")
            .seen(SEEN)
            .help("limit the rate in the application; `limits.requests` bounds handshakes"),
        WebSocketPing => unsupported("nobody pings for the application; TCP keep-alive finds dead peers")
            .seen(SEEN)
            .help("have the application or the client ping, or keep `tcp_keepalive`"),

        TimeoutHead | TimeoutClientKeepalive => exact(),
        TimeoutConnect | TimeoutResponse => exact(),
        TimeoutIdle => depends("whether it is shorter than the response time", idle),
        TimeoutWebSocketIdle | TimeoutMaxDuration => exact(),
        TimeoutStreamIdle => depends("whether it is shorter than the response time", stream_idle),
        TimeoutUpstreamKeepalive => exact(),

        UpstreamServers | UpstreamWeights | UpstreamBackup | UpstreamSplit => exact(),
        BalanceRoundRobin | BalanceLeastConnections | BalanceRandom | BalanceHash => exact(),
        UpstreamKeepalive => exact(),
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
        HealthPassive => approx("errors in a row count, however far apart").seen(SEEN),

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
        LimitRequests | LimitRequestsExempt | LimitRequestsBucket => exact(),
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

        Stream | StreamRequest | Compression => exact(),

        LogAccess | LogRoute | LogFields | LogRedact | Metrics => exact(),

        Redirect | Respond | RewritePath | RewriteRegex | RewriteQuery | RewriteMapLocation
        | ErrorPages | ErrorPagesServer => exact(),

        DrainTimeout => approx("a stop by SIGTERM ends every connection at once; a hot restart keeps them this long")
            .seen(SEEN)
            .help("before a stop ask `/drain_listeners?graceful` of the admin port, and wait"),
        DrainSpread => unsupported("tunnels end all together at the end of the drain time, without a close frame")
            .seen(SEEN)
            .help("let clients reconnect after a random pause"),

        MaxConnections => exact(),
        Files => unsupported("the ceiling is that of whoever starts Envoy")
            .seen(DOCS)
            .help("set `LimitNOFILE` in the unit that starts it"),
        WorkerCount => exact(),
    }
}

fn unknown_host(u: &Use<'_>, _: &Env<'_>) -> Support {
    match u.on.listener() {
        Some(it) if it.unknown_host.value == UnknownHost::Close && it.tls.is_none() => {
            approx("404: Envoy answers before it closes").seen(SEEN)
        }
        Some(it) if it.unknown_host.value == UnknownHost::Close => {
            approx("TLS for an unknown name is refused; a request for another host than its TLS name gets 404")
                .seen(SEEN)
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
        let again = retries.after.iter().any(|it| *it != RetryAfter::Connect);
        let tries = facts::tries(upstream, retries.attempts);
        if again && tries != retries.attempts {
            return approx(format!(
                "up to {tries} further tries after any failure: one number serves refused connections too"
            ))
            .seen(SEEN);
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
