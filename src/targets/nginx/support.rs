//! What NGINX does with each feature. Nothing is decided elsewhere.

use super::plan::{bucket_rate, hashes_for_stickiness, read_timeout, refuses_backup};
use crate::ir::{
    AuthKind, Change, EncodedSlash, Fact, Feature, HeaderOp, HostHeader, Paths, Per, Piece,
    RetryAfter, Route, Secure, Stickiness, Upstream, Use, ValueMatch,
};
use crate::targets::Env;
use crate::targets::support::{Seen, Support, approx, depends, exact, unsupported};

const NEWEST: Seen = Seen::On("nginx 1.31.3");
const BOTH: Seen = Seen::On("nginx 1.22.1 and 1.31.3");

/// One arm per feature.
pub(super) fn support(feature: Feature) -> Support {
    use Feature::*;
    match feature {
        ListenerHttp2 => depends("without TLS, below 1.25.1", |used, env| {
            match used.on.listener() {
                Some(listener) if listener.tls.is_none() && !env.since(1, 25, 1) => {
                    unsupported("clients without TLS stay on HTTP/1.1: one port speaks only one of the two")
                        .seen(Seen::On("nginx 1.22.1"))
                }
                _ => exact(),
            }
        }),
        ListenerBind | ListenerRedirect | ListenerProxyProtocol
        | ListenerPublicPort | ListenerUnknownHost | ListenerHeaderNames
        | ListenerTcpKeepalive => exact(),
        ListenerHttp3 => unsupported("clients stay on HTTP/2: HTTP/3 is a module that most builds of NGINX come without")
            .seen(NEWEST)
            .help("write `http3: false`"),
        ListenerPaths => depends("`raw` is not possible", |used, _| {
            match used.on.listener().map(|listener| listener.paths.value) {
                Some(Paths::Raw) => approx("paths are normalized before they are matched all the same; the server sees the path as it was sent").seen(BOTH),
                _ => exact(),
            }
        }),
        ListenerEncodedSlash => depends("`keep` cannot be kept while matching", |used, _| {
            match used.on.listener().map(|listener| listener.encoded_slash.value) {
                Some(EncodedSlash::Reject) => exact(),
                _ => approx("`%2F` counts as a slash while routes are chosen; the server sees it as it was sent")
                    .seen(BOTH)
                    .help("write `encoded_slash: reject`"),
            }
        }),
        TlsTermination | TlsHsts | TlsClientAuth => exact(),
        // Without the group X25519MLKEM768: OpenSSL before 3.5 would refuse to start with it.
        TlsProfile => exact(),
        TlsAcme => unsupported("handshakes for these hosts are refused: NGINX's core issues no certificates")
            .seen(BOTH)
            .help("let a program such as certbot renew files, and write `cert` and `key`"),
        HostExact | HostWildcard => exact(),
        HostRegex => exact(),
        PathExact | PathPrefix => exact(),
        PathRegex => depends("a regex with `%`", |used, _| {
            let percent = used.on.route().is_some_and(|route| {
                route.paths.iter().any(|path| {
                    path.loc() == used.at.loc && path.value.to_string().contains('%')
                })
            });
            if percent {
                approx("the regex sees the path decoded: `%` in it matches a percent sign that was sent as `%25`").seen(BOTH)
            } else {
                exact()
            }
        }),
        RouteMethods | WhenMethods | WhenClients | WhenUpgrade | WhenListeners => exact(),
        WhenHeaders => depends("below 1.23.0: repeated headers", |used, env| {
            let odd = used.on.route().is_some_and(|route| {
                route.when.headers.iter().any(|one| {
                    one.loc() == used.at.loc && !is_variable_part(&one.value.name.replace('-', "_"))
                })
            });
            let present = used.on.route().is_some_and(|route| {
                route.when.headers.iter().any(|one| {
                    one.loc() == used.at.loc && matches!(one.value.value, ValueMatch::Present(_))
                })
            });
            if odd {
                unsupported("the route is never taken: NGINX has no variable for a header of this name")
                    .seen(Seen::Docs("nginx.org/en/docs/http/ngx_http_core_module.html#var_http_"))
            } else if present || env.since(1, 23, 0) {
                exact()
            } else {
                approx("of a header that comes several times only the first line is compared").seen(Seen::On("nginx 1.22.1"))
            }
        }),
        WhenQuery => depends("a regex sees the value as it was sent", |used, _| {
            let regex = used.on.route().is_some_and(|route| {
                route.when.query.iter().any(|one| {
                    one.loc() == used.at.loc && matches!(one.value.value, ValueMatch::Regex(_))
                })
            });
            if regex {
                approx("the regex sees the value as it was sent, not decoded").seen(BOTH)
            } else {
                exact()
            }
        }),
        WebSocketUpgrade | WebSocketOff | WebSocketOnly | WebSocketTokens | WebSocketMethods => {
            exact()
        }
        WebSocketOverHttp2 => unsupported("not offered: browsers open a second connection with HTTP/1.1 for their sockets").seen(BOTH),
        WebSocketMaxMessage => unsupported("messages of any length pass: NGINX does not look into a tunnel")
            .seen(BOTH)
            .help("let the application check, or take `max_message` out"),
        WebSocketMessages => unsupported("messages pass at any rate: NGINX does not look into a tunnel")
            .seen(BOTH)
            .help("let the application check, or take `messages` out"),
        WebSocketPing => unsupported("no pings are sent; TCP keep-alive finds dead peers")
            .seen(BOTH)
            .help("let the application ping more often than `websocket.idle`"),
        TimeoutHead | TimeoutClientKeepalive | TimeoutConnect => exact(),
        TimeoutResponse => depends("one timer for head and body, and for a handshake and its tunnel", |used, _| {
            let Some(route) = used.on.route() else { return exact() };
            if read_timeout(route).value != route.response.value {
                return approx(format!(
                    "NGINX has one timer for the head and the body of an answer: {} for both",
                    read_timeout(route).value
                ))
                .seen(BOTH);
            }
            match &route.websocket {
                Some(websocket) if websocket.idle.value < route.response.value => {
                    approx("a handshake that waits longer than `websocket.idle` gets 504 after that time: one timer serves it and its tunnel")
                        .seen(BOTH)
                        .help("let `websocket.idle` be longer than `timeouts.response`")
                }
                Some(websocket) if websocket.idle.value > route.response.value => {
                    approx(format!(
                        "plain requests get 504 in time; a server that does not answer a handshake has `websocket.idle` ({})",
                        websocket.idle.value
                    ))
                    .seen(BOTH)
                }
                _ => exact(),
            }
        }),
        TimeoutIdle => depends("one timer for head and body", |used, _| {
            let Some(route) = used.on.route() else { return exact() };
            if route.stream.is_some() || read_timeout(route).value == route.idle.value {
                return exact();
            }
            approx(format!(
                "NGINX has one timer for the head and the body of an answer: {} for both",
                read_timeout(route).value
            ))
            .seen(BOTH)
            .help("write the same duration for `timeouts.response` and `timeouts.idle`")
        }),
        TimeoutWebSocketIdle => exact(),
        TimeoutMaxDuration => unsupported("a tunnel lives as long as bytes flow")
            .seen(BOTH)
            .help("let the application end its sockets"),
        TimeoutStreamIdle => depends("one timer for head and body", |used, _| {
            let same = used.on.route().is_none_or(|route| {
                route.stream.as_ref().is_none_or(|stream| {
                    read_timeout(route).value == stream.idle.value
                })
            });
            if same {
                exact()
            } else {
                approx("NGINX has one timer for the head and the body of an answer: `timeouts.response` for both")
                    .seen(BOTH)
                    .help("leave `timeouts.response` out: it is `stream.idle` then")
            }
        }),
        TimeoutUpstreamKeepalive => exact(),
        UpstreamServers | UpstreamWeights => exact(),
        UpstreamBackup => depends("with a hash, `random`, or stickiness below 1.29.6", |used, env| {
            match used.on.upstream() {
                Some(upstream) if refuses_backup(upstream, env.since(1, 29, 6)) => {
                    unsupported("backup servers are left out: this balancing takes none")
                        .seen(BOTH)
                        .help("write `balance: least_connections`")
                }
                _ => exact(),
            }
        }),
        UpstreamSplit => exact(),
        // Where a hash stands in for stickiness, clients that are new are spread by chance all the same.
        BalanceRandom => exact(),
        BalanceRoundRobin | BalanceLeastConnections | BalanceHash => {
            depends("with stickiness below 1.29.6", |used, env| match used.on.upstream() {
                Some(upstream) if hashes_for_stickiness(upstream, env.since(1, 29, 6)) => {
                    approx("stickiness takes its place: a hash chooses the server").seen(Seen::On("nginx 1.22.1"))
                }
                _ => exact(),
            })
        }
        UpstreamKeepalive => depends("with several servers", |used, _| match used.on.upstream() {
            Some(upstream) if upstream.servers.len() > 1 && upstream.keepalive.value.is_some() => {
                approx("the number is that of idle connections of each worker process to all servers of the upstream together").seen(BOTH)
            }
            _ => exact(),
        }),
        UpstreamSlowStart => unsupported("a returned server takes its full share at once").seen(BOTH),
        UpstreamResolve => depends("1.27.3 and later, with `targets.nginx.resolvers`", |_, env| {
            if !env.since(1, 27, 3) {
                approx("names are looked up once at start, and NGINX does not start with a name that has no address").seen(Seen::On("nginx 1.22.1"))
            } else if env.gateway.rooms.nginx.resolvers.is_none() {
                approx("names are looked up once at start, and NGINX does not start with a name that has no address")
                    .seen(NEWEST)
                    .help("write `targets: {nginx: {resolvers: [127.0.0.53]}}` with your DNS server")
            } else {
                exact()
            }
        }),
        UpstreamTcpKeepalive => depends("on or off", |used, _| {
            match used.on.upstream().and_then(|it| it.tcp_keepalive.value) {
                Some(_) => approx("TCP keep-alive is on, with the system's own times").seen(Seen::Docs("nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_socket_keepalive")),
                None => exact(),
            }
        }),
        UpstreamMaxConnections => exact(),
        UpstreamProtocol => depends("1.29.4 and later", |_, env| {
            if env.since(1, 29, 4) {
                exact()
            } else {
                unsupported("HTTP/1.1 is spoken towards the servers")
                    .seen(Seen::On("nginx 1.22.1"))
                    .help("write `targets: {nginx: {version: \"1.31\"}}` or `protocol: http1`")
            }
        }),
        UpstreamTls => depends("several host names without `server_name`", |used, _| {
            match used.on.upstream() {
                Some(upstream) if asks_one_name_of_many(upstream) => approx("the first server's host name is asked for and verified on every server")
                    .seen(Seen::Docs("nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ssl_name"))
                    .help("write `tls: {server_name: …}`"),
                _ => exact(),
            }
        }),
        UpstreamTlsClient => exact(),
        UpstreamResponseHead => exact(),
        Retries => depends("`connect` and `timeout` go together", |used, _| {
            let Some(route) = used.on.route() else { return exact() };
            let odd = route.shares().iter().any(|share| {
                share.retries.value.as_ref().is_some_and(|retries| {
                    retries.after.iter().any(|cause| {
                        matches!(cause, RetryAfter::Status(status) if !matches!(status, 500 | 502 | 503 | 504))
                    })
                })
            });
            if odd {
                return approx("NGINX asks another server only after 500, 502, 503 and 504, not after the other statuses")
                    .seen(Seen::Docs("nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_next_upstream"));
            }
            approx("a connection that breaks before the answer counts as `connect`; servers skipped because they refuse count as attempts")
                .seen(Seen::Docs("nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_next_upstream"))
        }),
        HealthHttp | HealthTcp | HealthWebSocket => approx("nobody asks: a server is left out once it fails real requests, as `passive` says, or else `fall` of them within `interval` times `fall`, for as long")
            .seen(BOTH)
            .help("write `passive` to say when a server is left out"),
        HealthPassive => depends("`within` and `eject` are one time", |used, _| {
            match used.on.upstream().and_then(|upstream| upstream.passive.as_ref().map(|passive| (upstream, passive))) {
                Some((upstream, _)) if upstream.servers.len() == 1 => {
                    approx("a single server is never left out").seen(BOTH)
                }
                Some((_, passive)) if passive.within.value != passive.eject.value => approx(format!(
                    "one time is both: errors within {} take a server out for {}",
                    passive.eject.value, passive.eject.value
                ))
                .seen(Seen::Docs("nginx.org/en/docs/http/ngx_http_upstream_module.html#fail_timeout"))
                .help("write the same duration for `within` and `eject`"),
                _ => exact(),
            }
        }),
        StickyCookie => depends("1.29.6 and later", |_, env| {
            if env.since(1, 29, 6) {
                exact()
            } else {
                approx("a hash of the cookie chooses the server, instead of `balance`: when servers come or go, some clients move")
                    .seen(Seen::On("nginx 1.22.1"))
            }
        }),
        StickyCookieName => exact(),
        StickyCookieTtl => exact(),
        StickyCookieAttributes => depends("`Secure` where listeners differ", |used, env| {
            match used.on.upstream() {
                Some(upstream) if mixed_secure(upstream, env) => {
                    approx("without `Secure`, as listeners without TLS lead to the upstream too")
                        .seen(Seen::Docs("nginx.org/en/docs/http/ngx_http_upstream_module.html#sticky_cookie"))
                        .help("write `secure: true`, or `redirect` on the plain listener")
                }
                _ => exact(),
            }
        }),
        StickyAppCookie => depends("1.29.6 and later", |used, env| {
            let plain_name = match used.on.upstream().and_then(|upstream| upstream.stickiness.as_ref()) {
                Some(Stickiness::AppCookie { name, .. }) => is_variable_part(&name.value),
                _ => true,
            };
            if !env.since(1, 29, 6) {
                approx("a hash of the cookie chooses the server, instead of `balance`: a session may leave the server that made it").seen(Seen::On("nginx 1.22.1"))
            } else if !plain_name {
                approx("a cookie whose name has other characters than letters, digits and `_` is not followed")
                    .seen(Seen::Docs("nginx.org/en/docs/http/ngx_http_core_module.html#var_cookie_"))
            } else {
                exact()
            }
        }),
        StickySource => depends("1.29.6 and later", |_, env| {
            if env.since(1, 29, 6) {
                exact()
            } else {
                approx("a hash of the address chooses the server, instead of `balance`: when servers come or go, some clients move").seen(Seen::On("nginx 1.22.1"))
            }
        }),
        HostHeader => depends("`upstream` with several servers", |used, env| match used.on.route() {
            Some(route) if sees_first_host(route, env) => approx("every server sees the first one's host and port")
                .seen(BOTH)
                .help("write `host_header: {set: …}`"),
            _ => exact(),
        }),
        ForwardedHeaders | ForwardedOff => exact(),
        TrustedProxies => depends("with `proxy_protocol`", |used, _| {
            match used.on.listener() {
                Some(listener) if listener.proxy_protocol.value => approx("the address of the PROXY protocol is the client's; `X-Forwarded-For` is never believed here").seen(BOTH),
                _ => exact(),
            }
        }),
        RequestHeaders => depends("repeated headers below 1.23.0", |used, env| {
            // A forwarded header is the proxy's own: what the client sent of it is gone.
            let own = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip"];
            let keeps = headers_at(used, |op| {
                matches!(op.change, Change::Add(_) | Change::SetIfAbsent(_))
                    && !(used.on.route().is_some_and(|route| route.forwarded.value)
                        && own.contains(&op.name.to_ascii_lowercase().as_str()))
            });
            if keeps && !env.since(1, 23, 0) {
                approx("of a header that the client sent several times only the first line stays").seen(Seen::On("nginx 1.22.1"))
            } else {
                exact()
            }
        }),
        ResponseHeaders => depends("NGINX's own `Server`, `Date`, `Connection`", |used, _| {
            let own = headers_at(used, |op| {
                ["server", "date", "connection", "content-length", "transfer-encoding"]
                    .contains(&op.name.to_ascii_lowercase().as_str())
            });
            if own {
                approx("NGINX's own line of that name stays (without its version), beside yours").seen(BOTH)
            } else {
                exact()
            }
        }),
        HeaderFacts => depends("a query parameter as it was sent", |used, _| {
            let query = headers_at(used, |op| {
                op.change.value().is_some_and(|value| {
                    value.0.iter().any(|piece| matches!(piece, Piece::Fact(Fact::Query(_))))
                })
            });
            if query {
                approx("the query parameter stands as it was sent, not decoded").seen(BOTH)
            } else {
                exact()
            }
        }),
        HeaderClaims => unsupported("no claim reaches the server: NGINX verifies no tokens").seen(BOTH),
        HeaderTlsSubject => exact(),
        LimitHead => approx("one line of the head may take a quarter of the limit or 8 KiB, whichever is more; a target that is too long gets 414").seen(BOTH),
        LimitBody => exact(),
        LimitRequests => depends("a rate per hour, or a `burst` below the rate", |used, _| {
            let Some(limit) = used.on.route().and_then(|route| route.requests.as_ref()) else {
                return exact();
            };
            if limit.rate.value.per == Per::Hour && !limit.rate.value.count.is_multiple_of(60) {
                return approx(format!("{} per minute", limit.rate.value.count.div_ceil(60)))
                    .seen(Seen::Docs("nginx.org/en/docs/http/ngx_http_limit_req_module.html#limit_req_zone"))
                    .help("write a rate per minute");
            }
            let second = u64::from(limit.rate.value.count).div_ceil(limit.rate.value.per.secs());
            if u64::from(limit.burst.value) + 1 < second {
                return approx("only `burst` and one more may come at once; others must keep an even distance in time")
                    .seen(BOTH)
                    .help("write `burst`");
            }
            exact()
        }),
        LimitRequestsExempt | LimitConnections => exact(),
        LimitRequestsBucket => depends("whether the routes agree on the rate", |used, env| {
            match used.on.route().and_then(|route| route.requests.as_ref()) {
                Some(limit) if bucket_rate(env.gateway, limit) != limit.rate.value => {
                    approx("the slowest rate of the bucket's routes serves them all")
                        .seen(BOTH)
                        .help("write the same rate on each route of the bucket")
                }
                _ => exact(),
            }
        }),
        LimitListenerConnections => approx("requests and tunnels are counted, not idle connections; more get 503").seen(BOTH),
        AuthJwt | AuthJwtPlaces | AuthJwtAudience => unsupported("the route answers 503 to everybody: NGINX's core verifies no tokens")
            .seen(Seen::On("nginx 1.22.1"))
            .help("let a service verify it: `auth: {…: {forward: {upstream: …}}}`"),
        AuthJwtStrip => unsupported("no token reaches the server: the route answers 503").seen(BOTH),
        AuthJwks => unsupported("the route answers 503 to everybody: NGINX's core fetches no keys")
            .seen(Seen::On("nginx 1.22.1"))
            .help("let a service verify it: `auth: {…: {forward: {upstream: …}}}`"),
        AuthBasic => exact(),
        AuthApiKey => unsupported("the route answers 503 to everybody: NGINX reads no list of keys")
            .seen(BOTH)
            .help("let a service verify it: `auth: {…: {forward: {upstream: …}}}`"),
        AuthForward => approx("a 403 reaches the client without its body and headers; any other refusal is fetched a second time, as an answer to the client").seen(BOTH),
        AuthStrip => depends("API keys are not known", |used, _| {
            match used.on.auth().map(|auth| &auth.kind) {
                Some(AuthKind::ApiKey(_)) => unsupported("no key reaches the server: the route answers 503").seen(BOTH),
                _ => exact(),
            }
        }),
        Origins | Clients | Cors => exact(),
        Stream | StreamRequest => exact(),
        Compression => exact(),
        LogAccess | LogRoute | LogFields => exact(),
        LogRedact => depends("the error log", |used, env| {
            let query = env.gateway.log.as_ref().is_some_and(|log| {
                !log.redact_query.value.is_empty() && log.redact_query.from.loc == used.at.loc
            });
            if query {
                approx("the error log says nothing about requests, as its lines would hold their queries; of several secrets in a query all of it is left out").seen(BOTH)
            } else {
                exact()
            }
        }),
        Metrics => depends("the counters of `stub_status`", |_, env| {
            if env.since(1, 31, 0) {
                approx("two numbers: that NGINX runs, and how many connections it has opened; `stub_status` is a module that not every build of 1.31 has")
                    .seen(NEWEST)
                    .help("write `targets: {nginx: {version: \"1.30\"}}` for a build with it: connections open, reading, writing and waiting are counted then")
            } else {
                approx("six numbers about connections, for all routes together; needs a build with `stub_status`, as distributions have").seen(Seen::On("nginx 1.22.1"))
            }
        }),
        Redirect | Respond => exact(),
        RewritePath => exact(),
        RewriteRegex => approx("a path that has to be normalized (dot segments, `//`) gets 400 instead").seen(BOTH),
        RewriteQuery => approx("of a parameter that comes more than four times the rest stays").seen(BOTH),
        RewriteMapLocation => exact(),
        ErrorPages => exact(),
        ErrorPagesServer => depends("`server` means `both`", |used, _| {
            let only = used.on.route().and_then(|route| route.error_pages.as_ref()).is_some_and(|pages| {
                pages.replace.value == crate::ir::Replace::Server
            });
            if only {
                approx("NGINX's own errors are replaced too")
                    .seen(BOTH)
                    .help("write `replace: both`")
            } else {
                exact()
            }
        }),
        DrainTimeout => exact(),
        DrainSpread => unsupported("tunnels end together when `drain.timeout` is over, without a close frame")
            .seen(BOTH)
            .help("let the application end its sockets before the reload"),
        MaxConnections => approx("each worker process takes as many; towards clients and servers together").seen(BOTH),
        Files => exact(),
        WorkerCount => exact(),
    }
}

fn asks_one_name_of_many(upstream: &Upstream) -> bool {
    let named = upstream
        .tls
        .as_ref()
        .is_some_and(|tls| tls.server_name.is_none());
    let mut names: Vec<Option<&str>> = upstream
        .servers
        .iter()
        .map(|server| server.address.value.name())
        .collect();
    names.dedup();
    named && names.len() > 1
}

fn mixed_secure(upstream: &Upstream, env: &Env<'_>) -> bool {
    let Some(Stickiness::Cookie(cookie)) = &upstream.stickiness else {
        return false;
    };
    if cookie.secure.value != Secure::OnTls {
        return false;
    }
    let gateway = env.gateway;
    let leads = |tls: bool| {
        gateway
            .listeners
            .iter()
            .filter(|listener| listener.tls.is_some() == tls)
            .any(|listener| {
                gateway.routes.iter().any(|route| {
                    gateway.serves(listener, route)
                        && route
                            .shares()
                            .iter()
                            .any(|share| share.upstream.value == upstream.id)
                })
            })
    };
    leads(true) && leads(false)
}

fn sees_first_host(route: &Route, env: &Env<'_>) -> bool {
    route.shares().iter().any(|share| {
        share.host_header.value == HostHeader::Upstream
            && env.gateway.upstream(share.upstream.value).servers.len() > 1
    })
}

fn headers_at(used: &Use<'_>, is: impl Fn(&HeaderOp) -> bool) -> bool {
    used.on.route().is_some_and(|route| {
        route
            .request_headers
            .iter()
            .chain(&route.response_headers)
            .any(|op| op.at == used.at.loc && is(op))
    })
}

fn is_variable_part(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
