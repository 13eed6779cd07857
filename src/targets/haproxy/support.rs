//! What HAProxy does with each feature. Nothing is decided elsewhere.

use super::facts;
use crate::ir::{
    AuthKind, CertificateSource, Feature, HostHeader, JwtKeys, RetryAfter, Secret, UnknownHost,
    Use, ValueMatch,
};
use crate::ir::{Change, Dur, Fact, Piece, Subject};
use crate::targets::support::{approx, depends, exact, takes_lists, unsupported};
use crate::targets::{Env, Seen, Support};

/// The versions that the tests run.
const SEEN: Seen = Seen::On("haproxy 2.6.12 and 2.8.25");
const DOCS: Seen = Seen::Docs("HAProxy configuration manual");

/// The verdict on a feature.
pub(super) fn support(feature: Feature) -> Support {
    use Feature::*;
    match feature {
        ListenerBind | ListenerRedirect | ListenerHttp2 | ListenerProxyProtocol
        | ListenerPublicPort => exact(),
        ListenerHttp3 => unsupported("HTTP/3 is not offered: stock builds have no QUIC")
            .seen(SEEN)
            .help("leave `http3` off here; clients use HTTP/2"),
        ListenerUnknownHost => depends("whether certificates cover every host", |used, env| {
            let refused = used.on.listener().is_some_and(|it| {
                it.unknown_host.value != UnknownHost::Close
                    || facts::refuses_by_sni(env.gateway, it)
                    || facts::takes_any_host(env.gateway, it)
            });
            if refused {
                exact()
            } else {
                approx("a TLS handshake for an unknown name is completed with the first certificate, since one of the known hosts has none of its own; then the connection is closed")
                    .seen(SEEN)
                    .help("name a certificate that covers every host of the listener")
            }
        }),
        ListenerPaths | ListenerEncodedSlash | ListenerHeaderNames => exact(),
        ListenerTcpKeepalive => exact(),

        TlsTermination => depends("how the files are named, before 3.0", termination),
        TlsProfile | TlsHsts | TlsClientAuth => exact(),
        TlsAcme => unsupported("HAProxy obtains no certificate, and does not start without the file")
            .seen(SEEN)
            .help("run an ACME client beside it and name its files: `cert` and `key`"),

        HostExact => exact(),
        HostWildcard => depends("whether a listener closes unknown hosts", |used, env| {
            let refused = used.on.route().is_some_and(|route| {
                env.gateway.listeners_of(route).any(|it| {
                    it.tls.is_some()
                        && it.unknown_host.value == UnknownHost::Close
                        && facts::refuses_by_sni(env.gateway, it)
                })
            });
            if refused {
                approx("a listener that closes unknown hosts refuses every name that no certificate covers, and a wildcard's covers one label only")
                    .seen(SEEN)
                    .help("name the deeper hosts in a certificate and in the route, or leave `unknown_host` at `not_found`")
            } else {
                exact()
            }
        }),
        HostRegex | PathRegex => exact(),
        PathExact | PathPrefix | RouteMethods => exact(),
        WhenMethods | WhenClients | WhenUpgrade | WhenListeners => exact(),
        WhenHeaders => depends("a regex that takes lists", |used, _| {
            let lists = used.on.route().is_some_and(|route| {
                route.when.headers.iter().any(|one| {
                    one.loc() == used.at.loc
                        && matches!(&one.value.value, ValueMatch::Regex(regex) if takes_lists(regex))
                })
            });
            if lists {
                approx("a header that comes in several lines meets no regex").seen(SEEN)
            } else {
                exact()
            }
        }),
        WhenQuery => exact(),

        WebSocketUpgrade | WebSocketOff | WebSocketOnly | WebSocketTokens | WebSocketMethods
        | WebSocketOverHttp2 => exact(),
        WebSocketMaxMessage => unsupported("messages of any length pass: HAProxy reads no frames")
            .seen(SEEN)
            .help("limit the message in the application"),
        WebSocketMessages => unsupported("any number of messages pass: HAProxy reads no frames")
            .seen(SEEN)
            .help("limit the rate in the application; `limits.requests` bounds handshakes"),
        WebSocketPing => unsupported("nobody pings for the application; TCP keep-alive finds dead peers")
            .seen(SEEN)
            .help("have the application or the client ping, or keep `tcp_keepalive`"),

        TimeoutHead => depends("the longest time is 24 days", short),
        TimeoutClientKeepalive => depends("the longest time is 24 days", short),
        TimeoutConnect => depends("the status on expiry", |u, env| match short(u, env) {
            Support::Exact => {
                approx("when every server times out the answer is 503, not 504").seen(SEEN)
            }
            other => other,
        }),
        TimeoutResponse => depends("one timer serves before and after the head", response),
        TimeoutIdle => depends("one timer serves before and after the head, one the bodies of all routes", idle),
        TimeoutWebSocketIdle => depends("the longest time is 24 days", short),
        TimeoutMaxDuration => unsupported("a tunnel lives as long as both sides keep it busy")
            .seen(SEEN)
            .help("let the application close after that time"),
        TimeoutStreamIdle => depends("one timer serves before and after the head", stream_idle),
        TimeoutUpstreamKeepalive => {
            approx("idle connections close later: half of them after three times as long, and half of the rest each such time after that")
                .seen(SEEN)
        }

        UpstreamServers => depends("a hash and two servers that refuse", |u, _| match u.on.upstream() {
            Some(up)
                if up.servers.len() > 2
                    && up.health.is_none()
                    && up.passive.is_none()
                    && matches!(up.balance.value, crate::ir::Balance::Hash(_)) =>
            {
                approx("a key whose server and the next one refuse gets 503: the hash goes to and fro between the two")
                    .seen(SEEN)
                    .help("add `health`: a server that is known to be down is left out of the hash")
            }
            _ => exact(),
        }),
        UpstreamWeights | UpstreamSplit => exact(),
        UpstreamBackup => depends("whether anything finds the others dead", |u, _| match u.on.upstream() {
            Some(up) if up.health.is_none() && up.passive.is_none() => {
                approx("backup servers are never asked: without checks the others count as healthy, and the answer is 503 when they refuse")
                    .seen(SEEN)
                    .help("add `health`, such as `health: {tcp: {}}`")
            }
            _ => exact(),
        }),
        BalanceRoundRobin | BalanceLeastConnections | BalanceRandom | BalanceHash => exact(),
        UpstreamKeepalive | UpstreamSlowStart => exact(),
        UpstreamResolve => exact(),
        UpstreamTcpKeepalive => exact(),
        UpstreamMaxConnections => exact(),
        UpstreamProtocol => exact(),
        UpstreamTls => depends("whether a name can be verified", upstream_tls),
        UpstreamTlsClient => depends("how the files are named, before 3.0", |u, env| {
            let pair = u.on.upstream().and_then(|it| it.tls.as_ref()?.client.as_ref());
            match pair {
                Some((cert, key)) => match named_pair(&cert.value, &key.value, env) {
                    Support::Exact => exact(),
                    _ => unsupported(format!(
                        "no certificate is shown: before 3.0 the key stands in its file, or beside it under the same name, and `{}` has no `{}`",
                        cert.value, key.value
                    ))
                    .seen(SEEN)
                    .help(format!(
                        "`cat {} {} > both.pem`, and write `both.pem` as `cert` and `key`",
                        cert.value, key.value
                    )),
                },
                None => exact(),
            }
        }),
        UpstreamResponseHead => exact(),
        Retries => depends("which failures, and how many servers", retries),

        HealthHttp | HealthTcp | HealthWebSocket => exact(),
        HealthPassive => {
            approx("errors in a row count, however far apart; a server comes back once a check after that time succeeds")
                .seen(DOCS)
        }

        StickyCookie | StickyCookieName | StickyCookieAttributes => exact(),
        StickyCookieTtl => exact(),
        StickyAppCookie | StickySource => depends("whether `peers` are named", |_, env| {
            if env.gateway.rooms.haproxy.peers.is_empty() {
                approx("what is remembered is lost at a reload")
                    .seen(SEEN)
                    .help("name this instance in `targets.haproxy.peers`, such as `{self: 127.0.0.1:10000}`")
            } else {
                exact()
            }
        }),

        HostHeader => depends("servers by socket or IPv6 address", host_header),
        ForwardedHeaders | ForwardedOff | TrustedProxies => exact(),
        RequestHeaders | ResponseHeaders => exact(),
        HeaderFacts => exact(),
        HeaderClaims => depends("the claim's name", claims),
        HeaderTlsSubject => exact(),

        LimitHead => approx("a head that does not even fit the buffer gets 400, not 431")
            .seen(SEEN),
        LimitBody => approx("a body without `Content-Length` gets 411: HAProxy counts no chunks")
            .seen(SEEN),
        LimitRequests => {
            approx("a sliding window instead of a token bucket: as many at once and as many in the long run")
                .seen(SEEN)
        }
        LimitRequestsExempt => exact(),
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
                approx("the first route's window serves all, and each way of counting counts alone")
                    .seen(DOCS)
            }
        }),
        LimitConnections => exact(),
        LimitListenerConnections => exact(),

        AuthJwt => depends("where the key comes from", jwt),
        AuthJwtPlaces => exact(),
        AuthJwtAudience => approx("of a list in the token the first four entries are looked at")
            .seen(SEEN),
        AuthJwtStrip => exact(),
        AuthJwks => unsupported("HAProxy reads no key sets; the route answers 503")
            .seen(DOCS)
            .help("convert the key to PEM and name it: `rs256: {file: key.pem}`"),
        AuthBasic => unsupported("HAProxy cannot read an htpasswd file; the route answers 503")
            .seen(SEEN)
            .help("put a `userlist` with crypt hashes into `targets.haproxy.raw.top`, and `http-request auth unless { http_auth(NAME) }` into the route's"),
        AuthApiKey => depends("where the keys come from", |u, _| match u.on {
            Subject::Auth(auth) => match &auth.kind {
                AuthKind::ApiKey(key) => match &key.keys.value {
                    Secret::File(_) => exact(),
                    Secret::Env(_) => approx("the variable holds one key: lines are not separated")
                        .seen(SEEN)
                        .help("put the keys into a file: `keys: {file: keys.txt}`"),
                },
                AuthKind::Jwt(_) | AuthKind::Basic(_) | AuthKind::Forward(_) => exact(),
            },
            _ => exact(),
        }),
        AuthForward => unsupported("HAProxy asks no other service without an add-on; the route answers 503")
            .seen(DOCS)
            .help("use `jwt` or `api_key` here, or another target"),
        AuthStrip => depends("what is stripped", |u, _| match u.on {
            Subject::Auth(auth) if matches!(auth.kind, AuthKind::Basic(_)) => {
                unsupported("nothing reaches the server: the route answers 503, see `auth.basic`").seen(SEEN)
            }
            _ => exact(),
        }),
        Origins | Clients => exact(),
        Cors => exact(),

        Stream | StreamRequest => exact(),
        Compression => exact(),

        LogAccess => exact(),
        LogRoute => exact(),
        LogFields => exact(),
        LogRedact => exact(),
        Metrics => exact(),

        Redirect | Respond => exact(),
        RewritePath => exact(),
        RewriteRegex => exact(),
        RewriteQuery | RewriteMapLocation => exact(),
        ErrorPages => exact(),
        ErrorPagesServer => exact(),

        DrainTimeout => exact(),
        DrainSpread => {
            approx("idle connections end spread over this time, tunnels all together at the end of the drain time, without a close frame")
                .seen(SEEN)
                .help("let clients reconnect after a random pause")
        }

        MaxConnections => exact(),
        Files => exact(),
        WorkerCount => exact(),
    }
}

/// The longest time that HAProxy keeps is shorter than what the language knows.
fn short(u: &Use<'_>, _: &Env<'_>) -> Support {
    use Feature::*;
    let route = u.on.route();
    let asked: Option<Dur> = match u.feature {
        TimeoutHead => u.on.listener().map(|it| it.head_timeout.value),
        TimeoutClientKeepalive => u.on.listener().map(|it| it.keepalive.value),
        TimeoutConnect => route.and_then(|it| {
            let shares = it.shares().iter();
            shares.map(|share| share.connect.value).max()
        }),
        TimeoutWebSocketIdle => route.and_then(|it| Some(it.websocket.as_ref()?.idle.value)),
        TimeoutStreamIdle => route.and_then(|it| Some(it.stream.as_ref()?.idle.value)),
        _ => None,
    };
    match asked {
        Some(asked) if asked > facts::LONGEST => {
            approx("closed after 24 days and 20 hours, the longest time that HAProxy keeps")
                .seen(SEEN)
        }
        _ => exact(),
    }
}

fn response(u: &Use<'_>, _: &Env<'_>) -> Support {
    match u.on.route() {
        Some(route) if facts::server_timer(route).0 != route.response.value => approx(format!(
            "504 after {}: one timer serves before and after the head, and the idle time rules it",
            facts::time(facts::server_timer(route).0)
        ))
        .seen(SEEN),
        _ => exact(),
    }
}

fn stream_idle(u: &Use<'_>, env: &Env<'_>) -> Support {
    let route = u.on.route();
    match route.and_then(|it| Some((it, it.stream.as_ref()?))) {
        Some((route, stream)) if facts::server_timer(route).0 != stream.idle.value => {
            approx(format!(
                "a stream may be silent for {}: one timer serves before and after the head, and the response time rules it",
                facts::time(facts::server_timer(route).0)
            ))
            .seen(SEEN)
        }
        _ => short(u, env),
    }
}

fn idle(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.route() {
        // On a stream its own idle time is the one that counts.
        Some(route) if route.stream.is_some() => exact(),
        Some(route) if facts::server_timer(route).0 != route.idle.value => approx(format!(
            "a server may be silent for {}: one timer serves before and after the head, and the response time rules it",
            facts::time(facts::server_timer(route).0)
        ))
        .seen(SEEN),
        // Before 2.8 the server's timer ends a request body that stands still.
        Some(route) if env.since(2, 8, 0) => {
            let listeners = env.gateway.listeners_of(route);
            let timers = listeners.map(|it| facts::client_timer(env.gateway, it, true));
            match timers.max() {
                Some(longest) if longest > route.idle.value => approx(format!(
                    "a request body may stand still for {}: one timer serves all routes of a listener",
                    facts::time(longest)
                ))
                .seen(Seen::On("haproxy 2.8.25")),
                _ => exact(),
            }
        }
        _ => exact(),
    }
}

fn termination(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(tls) = u.on.listener().and_then(|it| it.tls.as_ref()) else {
        return exact();
    };
    for id in &tls.certificates.value {
        if let CertificateSource::Files { cert, key } = &env.gateway.certificate(*id).source {
            let support = named_pair(&cert.value, &key.value, env);
            if !matches!(support, Support::Exact) {
                return support;
            }
        }
    }
    exact()
}

/// Whether the version finds the key that belongs to a certificate.
fn named_pair(cert: &str, key: &str, env: &Env<'_>) -> Support {
    if env.since(3, 0, 0) || facts::reads_pair(env.gateway, cert, key) {
        return exact();
    }
    unsupported(format!(
        "before 3.0 the key stands in the certificate's file, or beside it under the same name: `{cert}` has no `{key}`"
    ))
    .seen(SEEN)
    .help(format!(
        "`cat {cert} {key} > both.pem`, and write `both.pem` as `cert` and `key`"
    ))
}

fn upstream_tls(u: &Use<'_>, _: &Env<'_>) -> Support {
    let Some(up) = u.on.upstream() else {
        return exact();
    };
    let Some(tls) = &up.tls else {
        return exact();
    };
    let nameless = up
        .servers
        .iter()
        .any(|it| it.address.value.name().is_none());
    if tls.verify.value && tls.server_name.is_none() && nameless {
        return approx("a server without a name is verified by its authority only")
            .seen(DOCS)
            .help("write the name in its certificate: `tls: {server_name: …}`");
    }
    exact()
}

fn retries(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    for share in route.shares() {
        let Some(retries) = &share.retries.value else {
            continue;
        };
        let unknown = retries
            .after
            .iter()
            .any(|it| matches!(it, RetryAfter::Status(status) if !(500..=504).contains(status)));
        if unknown {
            return approx("statuses above 504 are not tried again").seen(DOCS);
        }
        let upstream = env.gateway.upstream(share.upstream.value);
        let again = retries.after.iter().any(|it| *it != RetryAfter::Connect);
        let tries = facts::tries(upstream);
        if again && tries > retries.attempts {
            return approx(format!(
                "up to {tries} further tries after any failure: one number serves refused connections too"
            ))
            .seen(SEEN);
        }
    }
    exact()
}

fn host_header(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    let odd = route.shares().iter().any(|share| {
        share.host_header.value == HostHeader::Upstream
            && env
                .gateway
                .upstream(share.upstream.value)
                .servers
                .iter()
                .any(|server| facts::server_name(server).is_none())
    });
    if odd {
        return approx("a server by socket or IPv6 address sees `server1`, `server2` … as `Host`")
            .seen(DOCS)
            .help("name the host: `host_header: {set: name}`");
    }
    exact()
}

fn claims(u: &Use<'_>, _: &Env<'_>) -> Support {
    let unreadable = |name: &str| !facts::reads_claim(name);
    let odd = match u.on {
        Subject::Auth(auth) => match &auth.kind {
            AuthKind::Jwt(jwt) => jwt
                .pass
                .iter()
                .any(|it| it.from == u.at && unreadable(&it.value.1)),
            AuthKind::Basic(_) | AuthKind::ApiKey(_) | AuthKind::Forward(_) => false,
        },
        Subject::Route(route) => route
            .request_headers
            .iter()
            .chain(&route.response_headers)
            .filter(|op| op.at == u.at.loc)
            .filter_map(|op| match &op.change {
                Change::Remove => None,
                Change::Set(value) | Change::Add(value) | Change::SetIfAbsent(value) => Some(value),
            })
            .flat_map(|value| &value.0)
            .any(|piece| matches!(piece, Piece::Fact(Fact::Claim(name)) if unreadable(name))),
        Subject::Gateway
        | Subject::Listener(_)
        | Subject::Certificate(_)
        | Subject::Upstream(_) => false,
    };
    if odd {
        unsupported("a claim whose name has other signs than letters, digits, `_` and `-` cannot be read; the header is taken away")
            .seen(DOCS)
    } else {
        exact()
    }
}

fn jwt(u: &Use<'_>, _: &Env<'_>) -> Support {
    let Subject::Auth(auth) = u.on else {
        return exact();
    };
    let AuthKind::Jwt(jwt) = &auth.kind else {
        return exact();
    };
    match &jwt.keys.value {
        JwtKeys::Key { algorithm, key } => match (algorithm.starts_with("HS"), key) {
            (true, Secret::File(_)) => {
                unsupported("HAProxy reads no secret from a file; the route answers 503")
                    .seen(SEEN)
                    .help("put it into the environment: `{env: NAME}`")
            }
            (false, Secret::Env(_)) => {
                unsupported("HAProxy reads a public key from a file only; the route answers 503")
                    .seen(DOCS)
                    .help("put it into a file: `{file: key.pem}`")
            }
            (true, Secret::Env(_)) | (false, Secret::File(_)) => exact(),
        },
        // Told by `auth.jwks`.
        JwtKeys::JwksUrl { .. } | JwtKeys::JwksFile { .. } => exact(),
    }
}
