//! What Caddy does with each feature. Nothing is decided elsewhere.

use super::facts;
use crate::ir::{AuthKind, Change, Dur, Fact, LogField, Piece};
use crate::ir::{
    Check, Feature, HeaderNames, LogFormat, RetryAfter, Stickiness, Subject, Use, ValueMatch,
};
use crate::targets::support::{approx, depends, exact, unsupported};
use crate::targets::{Env, Seen, Support};

/// The version that the tests run.
const SEEN: Seen = Seen::On("caddy 2.11.7");
const DOCS: Seen = Seen::Docs("caddyserver.com/docs/json");

/// The verdict on a feature.
pub(super) fn support(feature: Feature) -> Support {
    use Feature::*;
    match feature {
        ListenerBind | ListenerRedirect | ListenerHttp2 | ListenerHttp3 => exact(),
        ListenerProxyProtocol | ListenerPublicPort | ListenerUnknownHost => exact(),
        ListenerPaths | ListenerEncodedSlash => exact(),
        ListenerHeaderNames => depends("`lenient` for names that the spec does not name", |u, env| {
            match u.on.listener() {
                Some(it)
                    if it.header_names.value == HeaderNames::Lenient
                        && facts::expected_headers(env.gateway, it).is_empty() =>
                {
                    unsupported("headers with `_` or `.` in their names are dropped: Caddy passes only those that are named to it, and the spec names none")
                        .seen(SEEN)
                        .help("name them, such as in `request_headers`, or write `header_names: strict`")
                }
                Some(it) if it.header_names.value == HeaderNames::Lenient => {
                    approx("of the headers with `_` or `.` in their names only those pass that the spec names; Caddy drops the others")
                        .seen(SEEN)
                        .help("name them, such as in `request_headers`, or write `header_names: strict`")
                }
                _ => exact(),
            }
        }),
        ListenerTcpKeepalive => exact(),

        TlsTermination | TlsProfile | TlsHsts | TlsClientAuth => exact(),
        TlsAcme => exact(),

        HostExact | HostWildcard | HostRegex => exact(),
        PathExact | PathPrefix | PathRegex | RouteMethods => exact(),
        WhenMethods | WhenClients | WhenUpgrade | WhenListeners => exact(),
        WhenHeaders => depends("a name with `_` or `.` on a listener that drops it", |u, env| {
            let Some(route) = u.on.route() else {
                return exact();
            };
            let name = route.when.headers.iter().find(|one| one.loc() == u.at.loc);
            let Some(name) = name.map(|one| one.value.name.as_str()) else {
                return exact();
            };
            let odd = name.contains(['_', '.']);
            let dropped = env.gateway.listeners_of(route).any(|listener| {
                listener.header_names.value == HeaderNames::Lenient
                    && !facts::expected_headers(env.gateway, listener)
                        .iter()
                        .any(|known| known.eq_ignore_ascii_case(name))
            });
            if odd && dropped {
                unsupported("the route is never taken: Caddy drops the header, as another name in the spec differs from it in the sign only")
                    .seen(SEEN)
            } else {
                exact()
            }
        }),
        WhenQuery => depends("a regex, and a parameter that stands several times", |u, _| {
            let regex = u.on.route().is_some_and(|route| {
                route.when.query.iter().any(|one| {
                    one.loc() == u.at.loc && matches!(one.value.value, ValueMatch::Regex(_))
                })
            });
            if regex {
                approx("of a parameter that stands several times the regex sees all values, with commas between")
                    .seen(SEEN)
            } else {
                exact()
            }
        }),

        WebSocketUpgrade | WebSocketOff | WebSocketOnly | WebSocketTokens | WebSocketMethods => {
            exact()
        }
        WebSocketOverHttp2 => unsupported("not offered: browsers open a second connection with HTTP/1.1 for their sockets")
            .seen(SEEN)
            .help("write `websocket_over_http2: off`; Caddy offers it with `GODEBUG=http2xconnect=1` in its environment, which no file can set"),
        WebSocketMaxMessage => unsupported("messages of any length pass: Caddy reads no frames")
            .seen(SEEN)
            .help("limit the message in the application"),
        WebSocketMessages => unsupported("any number of messages pass: Caddy reads no frames")
            .seen(SEEN)
            .help("limit the rate in the application"),
        WebSocketPing => unsupported("nobody pings for the application; TCP keep-alive finds dead peers")
            .seen(SEEN)
            .help("have the application or the client ping, or keep `tcp_keepalive`"),

        TimeoutHead | TimeoutClientKeepalive | TimeoutResponse => exact(),
        TimeoutConnect => depends("how often a server is tried", |u, env| {
            let ups = u.on.route().into_iter().flat_map(|it| it.shares());
            for up in ups.map(|share| env.gateway.upstream(share.upstream.value)) {
                let servers = facts::mains(up).count();
                // Checks find such a server first.
                if facts::asks(up) {
                    continue;
                }
                match &up.passive {
                    Some(passive) if servers > 1 && passive.errors.value > 1 => {
                        return approx(format!(
                            "a server that does not take the connection is tried again until it is out: up to {} times this time before the 504",
                            servers * usize::from(passive.errors.value)
                        ))
                        .seen(SEEN);
                    }
                    None if servers > 1 && !facts::ejects(up) => {
                        return approx(format!(
                            "beside other requests a server that does not take the connection may be asked again: up to {} times this time before the 504",
                            2 * servers
                        ))
                        .seen(SEEN)
                        .help("add `health`: a server that is known to be down is left out");
                    }
                    _ => {}
                }
            }
            exact()
        }),
        TimeoutIdle => depends("whether it is the server that falls silent", idle),
        TimeoutWebSocketIdle => depends("one timer serves tunnels, answers and idle connections", |u, env| {
            let asked = u.on.route().and_then(|it| Some(it.websocket.as_ref()?.idle.value));
            match (asked, timer(u, env)) {
                (Some(asked), Some(timer)) if timer > asked => approx(format!(
                    "a tunnel is closed once the server has been silent for {timer}, whatever the client sends: one timer serves answers and idle connections too"
                ))
                .seen(SEEN)
                .help("have the client ping more often: the server's pongs keep the tunnel"),
                _ => approx("a tunnel is closed once the server has been silent for that long, whatever the client sends")
                    .seen(SEEN)
                    .help("have the client ping more often: the server's pongs keep the tunnel"),
            }
        }),
        TimeoutMaxDuration => exact(),
        TimeoutStreamIdle => depends("one timer serves tunnels, streams and answers", |u, env| {
            let asked = u.on.route().and_then(|it| Some(it.stream.as_ref()?.idle.value));
            match (asked, timer(u, env)) {
                // What a connection may have waited before is no matter.
                (Some(asked), Some(timer))
                    if timer.as_millis() > asked.as_millis() + facts::STREAM_POOL.as_millis() =>
                {
                    approx(format!(
                        "a stream may be silent for {timer}: one timer serves tunnels and answers too"
                    ))
                    .seen(SEEN)
                }
                _ => exact(),
            }
        }),
        TimeoutUpstreamKeepalive | UpstreamKeepalive => {
            depends("whether only streams lead there", |u, env| match u.on.upstream() {
                Some(up) if up.keepalive.value.is_some() && facts::pools_shortly(env.gateway, up) => {
                    approx("a connection waits for 1 s only where streams lead there: the timer of their silence runs on meanwhile")
                        .seen(SEEN)
                        .help("write a `timeouts: {response: …}` on the stream that is shorter than its `idle`")
                }
                _ => exact(),
            })
        }

        UpstreamServers => exact(),
        UpstreamWeights => depends("the way servers are chosen", |u, _| match u.on.upstream() {
            Some(up) if !facts::weighs(up) => {
                approx("weights do not count here: every server has the same share")
                    .seen(SEEN)
                    .help("write `balance: round_robin` or `random`")
            }
            _ => exact(),
        }),
        UpstreamBackup => exact(),
        UpstreamSplit => exact(),
        // Where a hash stands in for stickiness, clients that are new are spread by chance all the same.
        BalanceRandom | BalanceHash => exact(),
        BalanceRoundRobin | BalanceLeastConnections => depends("with `stickiness: {source: …}`", |u, _| {
            match u.on.upstream().map(|up| &up.stickiness) {
                Some(Some(Stickiness::Source { .. })) => {
                    approx("a hash of the client's address chooses the server").seen(SEEN)
                }
                _ => exact(),
            }
        }),
        UpstreamSlowStart => unsupported("a returned server takes its full share at once").seen(SEEN),
        UpstreamResolve => depends("whether connections are kept", |u, _| match u.on.upstream() {
            Some(up) if up.keepalive.value.is_some() => {
                unsupported("names are looked up for each new connection; one that is kept open goes on to the old address")
                    .seen(SEEN)
                    .help("write `keepalive: off`, or a shorter `timeouts: {keepalive: …}`")
            }
            _ => exact(),
        }),
        UpstreamTcpKeepalive => depends("the time of the first probe", |u, _| match u.on.upstream() {
            Some(up)
                if up
                    .tcp_keepalive
                    .value
                    .is_some_and(|it| it.as_millis() != 15_000) =>
            {
                approx("the first probe goes out after 15 s of silence; the time is that between further ones")
                    .seen(SEEN)
            }
            _ => exact(),
        }),
        UpstreamMaxConnections => exact(),
        UpstreamProtocol => exact(),
        UpstreamTls | UpstreamTlsClient => exact(),
        UpstreamResponseHead => exact(),
        Retries => depends("which failures, and how many servers", retries),

        HealthHttp => depends("which statuses are well", |u, _| match u.on.upstream() {
            Some(up) => match up.health.as_ref().map(|it| &it.check.value) {
                Some(Check::Http { status, .. }) if !facts::expects_exactly(status) => {
                    approx(format!(
                        "{} are well, and no others: Caddy expects one status, or one class of them",
                        match facts::expected(status) {
                            class if class < 10 => format!("statuses from {class}00 to {class}99"),
                            one => format!("answers with {one}"),
                        }
                    ))
                    .seen(SEEN)
                    .help("write one status or class, such as `status: [200-299]`")
                }
                _ => exact(),
            },
            None => exact(),
        }),
        HealthTcp | HealthWebSocket => approx("nobody asks: a server is left out once it fails real requests, as `passive` says, or else `fall` of them within `interval` times `fall`, for as long")
            .seen(SEEN)
            .help("write `health: {http: {path: …}}`"),
        HealthPassive => depends("`within` and `eject` are one time", |u, _| {
            match u.on.upstream().and_then(|up| up.passive.as_ref()) {
                Some(passive) if passive.within.value != passive.eject.value => approx(format!(
                    "one time is both: errors within {} take a server out, until the first of them is that old",
                    passive.eject.value
                ))
                .seen(SEEN)
                .help("write the same duration for `within` and `eject`"),
                _ => exact(),
            }
        }),

        StickyCookie | StickyCookieName | StickyCookieTtl | StickyCookieAttributes => exact(),
        StickyAppCookie => approx("a hash of the cookie chooses the server, instead of `balance`: a session may leave the server that made it")
            .seen(SEEN)
            .help("let Caddy set a cookie of its own: `stickiness: {cookie: …}`"),
        StickySource => approx("a hash of the address chooses the server, instead of `balance`: when servers come or go, some clients move")
            .seen(SEEN),

        HostHeader => depends("servers by socket", |u, env| {
            let socket = u.on.route().is_some_and(|route| {
                route.shares().iter().any(|share| {
                    share.host_header.value == crate::ir::HostHeader::Upstream
                        && env
                            .gateway
                            .upstream(share.upstream.value)
                            .servers
                            .iter()
                            .any(|it| it.address.value.port().is_none())
                })
            });
            if socket {
                approx("a server by socket sees the socket's path as `Host`")
                    .seen(DOCS)
                    .help("name the host: `host_header: {set: name}`")
            } else {
                exact()
            }
        }),
        // A trusted proxy's list with what is no address behind the client's is refused, which the contract leaves open.
        ForwardedHeaders | ForwardedOff | TrustedProxies => exact(),
        RequestHeaders | ResponseHeaders => exact(),
        HeaderFacts => depends("a query parameter that stands several times", |u, _| {
            let query = headers_at(u, |piece| matches!(piece, Piece::Fact(Fact::Query(_))));
            if query {
                approx("of a query parameter that stands several times all values are there, with commas between")
                    .seen(SEEN)
            } else {
                exact()
            }
        }),
        HeaderClaims => unsupported("no claim reaches the server: Caddy verifies no tokens").seen(SEEN),
        HeaderTlsSubject => exact(),

        LimitHead => depends("whether it is larger than what Go reads in any case", |u, _| {
            match u.on.listener() {
                Some(it) if it.head_limit.value.as_bytes() <= facts::SLOP => {
                    approx("heads of up to 4 KiB pass in any case").seen(SEEN)
                }
                _ => exact(),
            }
        }),
        LimitBody => exact(),
        LimitRequests => unsupported("requests pass at any rate: a rate limit is no standard module of Caddy")
            .seen(SEEN)
            .help("limit the rate in front of Caddy, or in the application"),
        LimitRequestsExempt | LimitRequestsBucket => unsupported("requests pass at any rate, see `limit.requests`").seen(SEEN),
        LimitConnections => unsupported("any number may be open: Caddy counts no clients")
            .seen(SEEN)
            .help("`upstreams.*.max_connections` bounds what is open to each server"),
        LimitListenerConnections => unsupported("any number of connections may be open: Caddy does not count them")
            .seen(SEEN)
            .help("bound them by the operating system or in front of Caddy"),

        AuthJwt | AuthJwtPlaces | AuthJwtAudience => unsupported("the route answers 503 to everybody: no standard module of Caddy verifies tokens")
            .seen(SEEN)
            .help("let a service verify it: `auth: {…: {forward: {upstream: …}}}`"),
        AuthJwtStrip => unsupported("no token reaches the server: the route answers 503").seen(SEEN),
        AuthJwks => unsupported("the route answers 503 to everybody: no standard module of Caddy fetches keys")
            .seen(SEEN)
            .help("let a service verify it: `auth: {…: {forward: {upstream: …}}}`"),
        AuthBasic => unsupported("the route answers 503 to everybody: Caddy reads no htpasswd file, and hashes have no place in its configuration")
            .seen(SEEN)
            .help("let a service ask for the password: `auth: {…: {forward: {upstream: …}}}`"),
        AuthApiKey => exact(),
        AuthForward => exact(),
        AuthStrip => depends("passwords are not known", |u, _| match u.on {
            Subject::Auth(auth) if matches!(auth.kind, AuthKind::Basic(_)) => {
                unsupported("nothing reaches the server: the route answers 503, see `auth.basic`").seen(SEEN)
            }
            _ => exact(),
        }),
        Origins | Clients => exact(),
        Cors => exact(),

        Stream | StreamRequest => exact(),
        Compression => exact(),

        LogAccess => depends("the format", |_, env| match &env.gateway.log {
            Some(log) if log.format.value == LogFormat::Common => {
                unsupported("lines are JSON all the same: Caddy writes no other format")
                    .seen(SEEN)
                    .help("write `format: json`")
            }
            _ => exact(),
        }),
        LogRoute => exact(),
        LogFields => depends("bytes", |_, env| match &env.gateway.log {
            Some(log)
                if log
                    .fields
                    .value
                    .iter()
                    .any(|it| matches!(it, LogField::BytesIn | LogField::BytesOut)) =>
            {
                approx("`bytes_in` and `bytes_out` count bodies and tunnels, not heads").seen(SEEN)
            }
            _ => exact(),
        }),
        LogRedact => exact(),
        Metrics => approx("numbers of each server by its address, not of upstreams by their names").seen(SEEN),

        Redirect | Respond => exact(),
        RewritePath | RewriteRegex => exact(),
        RewriteQuery => exact(),
        RewriteMapLocation => exact(),
        ErrorPages | ErrorPagesServer => exact(),

        DrainTimeout => exact(),
        DrainSpread => unsupported("tunnels end all together, at the end of the drain time")
            .seen(SEEN)
            .help("let clients reconnect after a random pause"),

        MaxConnections => unsupported("any number of connections may be open, as far as descriptors reach")
            .seen(SEEN)
            .help("bound the descriptors where Caddy is started: `LimitNOFILE=` of systemd, `ulimit -n`"),
        // It takes all that the system allows, and a file says nothing of that.
        Files => exact(),
        WorkerCount => unsupported("as many threads as the machine has cores")
            .seen(SEEN)
            .help("set `GOMAXPROCS` in Caddy's environment"),
    }
}

/// How long a server may be silent; `None` is for ever.
fn timer(u: &Use<'_>, env: &Env<'_>) -> Option<Dur> {
    let route = u.on.route()?;
    let timers = route.shares().iter();
    timers
        .filter_map(|share| facts::read_timer(env.gateway, route, share))
        .max()
}

/// The client's silence is bounded for itself; the server's by a timer that a plain route cannot have.
fn idle(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.route() {
        // On a stream its own idle time is the one that counts.
        Some(route) if route.stream.is_some() => exact(),
        Some(_) => match timer(u, env) {
            Some(timer) => approx(format!(
                "a server may fall silent for {timer} in the middle of an answer: one timer serves tunnels and bodies"
            )),
            None => approx("a server may fall silent for ever in the middle of an answer: Caddy's timer would end long uploads too"),
        }
        .seen(SEEN)
        .help("on a route without long uploads write `stream: {idle: …}`"),
        None => exact(),
    }
}

fn retries(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    for share in route.shares() {
        let Some(asked) = &share.retries.value else {
            continue;
        };
        let upstream = env.gateway.upstream(share.upstream.value);
        let tries = facts::tries(upstream, share);
        let again = asked.after.iter().any(|it| *it != RetryAfter::Connect);
        if !again {
            continue;
        }
        let first = if asked.after.contains(&RetryAfter::Timeout) {
            format!(
                "up to {tries} further tries, and after a connection that ends unanswered too, which Caddy does not tell from a timeout; a PUT has one try"
            )
        } else if tries != u64::from(asked.attempts) {
            format!(
                "up to {tries} further tries after any failure, as one number serves refused connections too; a PUT has one try"
            )
        } else {
            "a PUT has one try".to_owned()
        };
        return approx(format!("{first}: Caddy keeps no body for another")).seen(SEEN);
    }
    exact()
}

fn headers_at(u: &Use<'_>, is: impl Fn(&Piece) -> bool) -> bool {
    u.on.route().is_some_and(|route| {
        route
            .request_headers
            .iter()
            .chain(&route.response_headers)
            .filter(|op| op.at == u.at.loc)
            .filter_map(|op| match &op.change {
                Change::Remove => None,
                Change::Set(value) | Change::Add(value) | Change::SetIfAbsent(value) => Some(value),
            })
            .flat_map(|value| &value.0)
            .any(&is)
    })
}
