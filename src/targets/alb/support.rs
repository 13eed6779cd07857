//! What an AWS Application Load Balancer does with each feature. Nothing is decided elsewhere.

use super::{
    facts, support_answer as answer, support_route as route, support_upstream as upstream,
    transform,
};
use crate::ir::{
    AuthKind, ClientAuthMode, EncodedSlash, Feature, HeaderNames, Paths, Subject, TokenPlace,
    UnknownHost, Use,
};
use crate::targets::support::{approx, depends, exact, unsupported};
use crate::targets::{Env, Seen, Support};

/// What the vendor writes.
pub(super) const DOCS: Seen = Seen::Docs("AWS documentation of Elastic Load Balancing");

/// The verdict on a feature.
pub(super) fn support(feature: Feature) -> Support {
    use Feature::*;
    match feature {
        ListenerBind => depends("whether an address is named", |u, env| match u.on.listener() {
            Some(it) if env.gateway.listeners.iter().any(|other| other.id < it.id && other.port.value == it.port.value) => {
                unsupported("a load balancer has one listener on a port; this one is left out")
                    .seen(DOCS)
                    .help("give it another port")
            }
            Some(it) if it.address.value.is_some() => {
                approx("it listens on every address of its subnets")
                    .seen(DOCS)
                    .help("`targets.alb.scheme: internal` keeps it inside the VPC, the security group says who may come")
            }
            _ => exact(),
        }),
        ListenerRedirect => depends("from TLS back to plain text", |u, env| {
            let to = u.on.listener().and_then(|it| Some((it, it.redirect.as_ref()?)));
            match to {
                Some((from, to)) if from.tls.is_some() && env.gateway.listener(to.value).tls.is_none() => {
                    unsupported("a redirect from HTTPS to HTTP is refused; the listener answers 404").seen(DOCS)
                }
                _ => exact(),
            }
        }),
        ListenerHttp2 => depends("one switch for all TLS listeners", |u, env| {
            let listeners = &env.gateway.listeners;
            let mixed = listeners.iter().any(|it| it.tls.is_some() && !it.http2.value);
            match u.on.listener() {
                Some(it) if it.tls.is_none() => {
                    unsupported("HTTP/2 needs TLS here: clients speak HTTP/1.1").seen(DOCS)
                }
                _ if mixed => approx("one switch for all: every TLS listener offers HTTP/2").seen(DOCS),
                _ => exact(),
            }
        }),
        ListenerHttp3 => unsupported("HTTP/3 is not offered").seen(DOCS).help("put CloudFront in front"),
        ListenerProxyProtocol => unsupported("no PROXY header is read: connections that start with one get 400")
            .seen(DOCS)
            .help("what stands in front has to add `X-Forwarded-For`"),
        ListenerPublicPort => depends("whether another listener redirects to it", |u, env| {
            let redirected = u.on.listener().is_some_and(|it| {
                env.gateway.listeners.iter().any(|other| {
                    other.redirect.as_ref().is_some_and(|to| to.value == it.id)
                })
            });
            match redirected {
                true => approx("redirects name it, `X-Forwarded-Port` names the listener's own port").seen(DOCS),
                false => unsupported("`X-Forwarded-Port` names the listener's own port").seen(DOCS),
            }
        }),
        ListenerUnknownHost => depends("`close`", |u, _| match u.on.listener() {
            Some(it) if it.unknown_host.value == UnknownHost::Close => {
                unsupported("no connection is ended unanswered: a host that no route names gets 404, after a TLS handshake")
                    .seen(DOCS)
            }
            _ => exact(),
        }),
        ListenerPaths => depends("`raw`", |u, _| match u.on.listener() {
            Some(it) if it.paths.value == Paths::Raw => exact(),
            _ => approx("nothing is decoded or resolved before rules look at a path: one with dot segments, `//` or needless `%` gets 400"),
        }),
        ListenerEncodedSlash => depends("`reject`", |u, _| match u.on.listener() {
            Some(it) if it.encoded_slash.value == EncodedSlash::Reject => {
                approx("`%2F` gets 400 by a rule, on what no earlier answer of the load balancer takes")
            }
            _ => exact(),
        }),
        ListenerHeaderNames => depends("one switch for all listeners", |u, env| {
            let listeners = &env.gateway.listeners;
            let strict = listeners.iter().any(|it| it.header_names.value == HeaderNames::Strict);
            match u.on.listener() {
                Some(it) if it.header_names.value == HeaderNames::Lenient && strict => {
                    unsupported("one switch for all: another listener is strict, so odd names are dropped here too").seen(DOCS)
                }
                _ => exact(),
            }
        }),
        ListenerTcpKeepalive => unsupported("keep-alive probes are the load balancer's own").seen(DOCS),

        TlsTermination => depends("certificates of ACM", |u, _| {
            let count = u.on.listener().and_then(|it| it.tls.as_ref()).map_or(0, |tls| tls.certificates.value.len());
            if count > facts::CERTIFICATES + 1 {
                unsupported(format!("a listener has its default certificate and {} more, this one {count} in all; it answers 503", facts::CERTIFICATES))
                    .seen(DOCS)
                    .help("put several hosts into one certificate")
            } else {
                exact()
            }
        }),
        TlsProfile => depends("`intermediate`", |u, _| {
            match u.on.listener().and_then(|it| it.tls.as_ref()).map(|tls| tls.profile.value) {
                Some(crate::ir::TlsProfile::Modern) => exact(),
                _ => approx("ELBSecurityPolicy-TLS13-1-2-Res-2021-06: TLS 1.2 and 1.3 as asked, but no CHACHA20 for TLS 1.2").seen(DOCS),
            }
        }),
        TlsHsts => exact(),
        TlsClientAuth => depends("how many listeners, and the mode", client_auth),
        TlsAcme => approx("ACM issues and renews the certificate: its ARN is a parameter of the template")
            .seen(DOCS)
            .help("request it in ACM and name it in `targets.alb.certificates`"),

        HostExact | HostWildcard | HostRegex => depends("what a condition takes", route::host),
        PathExact | PathPrefix | PathRegex => depends("what a condition takes", route::path),
        RouteMethods => approx("405 comes without `Allow`").seen(DOCS),
        WhenMethods => depends("names of at most 40 characters", |u, _| {
            let long = u.on.route().and_then(|it| it.when.methods.as_ref()).is_some_and(|methods| {
                methods.value.iter().any(|it| it.len() > 40)
            });
            match long {
                true => unsupported("a method of a condition has at most 40 characters; the route takes no request").seen(DOCS),
                false => exact(),
            }
        }),
        WhenHeaders => depends("what a condition takes", route::header),
        WhenQuery => depends("what a condition takes", route::query),
        WhenClients => depends("whether proxies stand in front", |u, env| match u.on.route() {
            Some(it) if facts::is_behind_proxies(env.gateway, it) => {
                unsupported("conditions see the last hop, not the client behind `trusted_proxies`: the route answers 503").seen(DOCS)
            }
            _ => exact(),
        }),
        WhenUpgrade => depends("`false`", route::when_upgrade),
        WhenListeners => exact(),

        WebSocketUpgrade => exact(),
        WebSocketOff => unsupported("an upgrade request reaches the server as it is, and the server decides").seen(DOCS),
        WebSocketOnly => approx("426 comes without `Upgrade`").seen(DOCS),
        WebSocketTokens => depends("further tokens", |u, _| match u.on.route().and_then(|it| it.websocket.as_ref()) {
            Some(it) if it.tokens.value == ["websocket"] => {
                approx("another upgrade token passes as a plain request, and the server may see it")
            }
            _ => unsupported("only `websocket` is known to pass"),
        }),
        WebSocketMethods => depends("further methods", |u, _| match u.on.route().and_then(|it| it.websocket.as_ref()) {
            Some(it) if it.methods.value == ["GET"] => exact(),
            _ => unsupported("an upgrade is known to pass with GET only"),
        }),
        WebSocketOverHttp2 => unsupported("no RFC 8441: browsers open an HTTP/1.1 connection for a socket"),
        WebSocketMaxMessage => unsupported("messages of any length pass: no frame is read")
            .seen(DOCS)
            .help("limit the message in the application"),
        WebSocketMessages => unsupported("any number of messages pass: no frame is read")
            .seen(DOCS)
            .help("limit the rate in the application; `limits.requests` bounds handshakes"),
        WebSocketPing => unsupported("nobody pings for the application")
            .seen(DOCS)
            .help("have the application or the client ping more often than `websocket.idle`"),

        TimeoutHead => unsupported("a slow head is bounded by the load balancer's own timers").seen(DOCS),
        TimeoutClientKeepalive => unsupported("the idle timeout of the load balancer counts between requests too").seen(DOCS),
        TimeoutConnect => unsupported("a connection to a target may take the load balancer's own time, 10 s; then 504"),
        TimeoutResponse | TimeoutIdle | TimeoutWebSocketIdle | TimeoutStreamIdle => {
            depends("one idle timeout for the whole load balancer, 1 to 4000 s", route::idle)
        }
        TimeoutMaxDuration => unsupported("a tunnel lives as long as it is not idle")
            .seen(DOCS)
            .help("let the application close after that time"),
        TimeoutUpstreamKeepalive => unsupported("connections to targets are kept as the load balancer sees fit").seen(DOCS),

        UpstreamServers => depends("addresses inside the VPC", upstream::servers),
        UpstreamWeights => depends("how many weights", upstream::weights),
        UpstreamBackup => depends("an existing target group", |u, env| {
            upstream::own(u, env, unsupported("a backup server is left out: it never takes traffic")
                .seen(DOCS)
                .help("make it a server like the others, or keep it for another load balancer"))
        }),
        UpstreamSplit => depends("how many target groups", upstream::split),
        BalanceRoundRobin | BalanceLeastConnections | BalanceRandom => depends("weights", upstream::balance),
        BalanceHash => depends("an existing target group", |u, env| {
            upstream::own(u, env, unsupported("there is no hash: servers take turns")
                .seen(DOCS)
                .help("`stickiness: {cookie: …}` keeps a client on its server"))
        }),
        UpstreamKeepalive => unsupported("connections to targets are kept as the load balancer sees fit").seen(DOCS),
        UpstreamSlowStart => depends("30 to 900 s, servers in turn", upstream::slow_start),
        UpstreamResolve => unsupported("names are not looked up: the address of each is a parameter, and stays until the stack is updated").seen(DOCS),
        UpstreamTcpKeepalive => unsupported("keep-alive probes are the load balancer's own").seen(DOCS),
        UpstreamMaxConnections => unsupported("no ceiling on connections to a target").seen(DOCS),
        UpstreamProtocol => depends("who asks", upstream::protocol),
        UpstreamTls => depends("whether certificates are to be verified", upstream::tls),
        UpstreamTlsClient => unsupported("no certificate is shown to a target").seen(DOCS),
        UpstreamResponseHead => unsupported("32 KB, the load balancer's own").seen(DOCS),
        Retries => unsupported("no other server is tried after a failure").seen(DOCS),

        HealthHttp | HealthTcp | HealthWebSocket => depends("what a health check can ask", upstream::health),
        HealthPassive => depends("`balance: random`", upstream::passive),

        StickyCookie => depends("an existing target group", |u, env| upstream::own(u, env, exact())),
        StickyCookieName => unsupported("the load balancer names its own cookies: AWSALB and AWSALBCORS").seen(DOCS),
        StickyCookieTtl => depends("1 s to 7 days", upstream::sticky_ttl),
        StickyCookieAttributes => unsupported("attributes are the load balancer's own: `Path=/`, and `SameSite=None; Secure` on AWSALBCORS").seen(DOCS),
        StickyAppCookie => depends("the cookie's name", upstream::app_cookie),
        StickySource => unsupported("nothing is remembered per client address")
            .seen(DOCS)
            .help("`stickiness: {cookie: …}` keeps a client on its server"),

        HostHeader => depends("one fixed host", |u, env| match u.on.route() {
            Some(it) if transform::host_header(env.gateway, it).is_err() => {
                unsupported("the server sees the host that the client asked for: a rule has one fixed host at most")
                    .seen(DOCS)
                    .help("name one for the whole route: `host_header: {set: name}`")
            }
            _ => exact(),
        }),
        ForwardedHeaders => approx("`X-Forwarded-For` is appended to what the client sent, `-Proto` and `-Port` are set; `X-Forwarded-Host` and `X-Real-IP` are not, and a client's own pass")
            .seen(DOCS)
            .help("have servers read the last address of `X-Forwarded-For` only"),
        ForwardedOff => depends("whether every route says so", |u, env| {
            let _ = u;
            let all = env.gateway.routes.iter().all(|it| it.shares().is_empty() || !it.forwarded.value);
            match all {
                true => approx("`X-Forwarded-For` is taken away, `X-Forwarded-Proto` and `-Port` stay").seen(DOCS),
                false => unsupported("one switch for all: another route wants the headers, so they are set here too").seen(DOCS),
            }
        }),
        TrustedProxies => unsupported("the last hop counts as the client; `X-Forwarded-For` of proxies in front stays, and the last hop is appended").seen(DOCS),
        RequestHeaders => unsupported("request headers reach the server as the client sent them")
            .seen(DOCS)
            .forged()
            .help("set them in the application"),
        ResponseHeaders => depends("a few headers, fixed for a listener", route::response_header),
        HeaderFacts => unsupported("no fact of the request becomes a header, and a client's own header of that name passes")
            .seen(DOCS)
            .forged()
            .help("trust no header of that name: the server finds the client's address in `X-Forwarded-For`, an id in `X-Amzn-Trace-Id`"),
        HeaderClaims => unsupported("claims do not become headers, and a client's own header of that name passes: the server reads the token itself")
            .seen(DOCS)
            .forged()
            .help("trust no header of that name: read the claims in the token"),
        HeaderTlsSubject => unsupported("the subject comes in `X-Amzn-Mtls-Clientcert-Subject`, and a client's own header of the name that is written passes")
            .seen(DOCS)
            .forged()
            .help("trust no header of that name: read `X-Amzn-Mtls-Clientcert-Subject`"),

        LimitHead => unsupported("the load balancer's own limits: 16 KB for a line, 64 KB for the head").seen(DOCS),
        LimitBody => depends("8 KiB, what a web ACL sees of a body", |u, env| {
            let size = u.on.route().and_then(|it| it.body.value);
            let name = u.on.route().map_or("NAME", |it| &it.name);
            match size {
                _ if !route::may_use_waf(env) => unsupported("it needs a web ACL, and `targets.alb.waf` is off: the route answers 503"),
                Some(size) if size.as_bytes() <= facts::INSPECTED_BODY => exact(),
                _ => unsupported("a web ACL sees the first 8 KB of a body, so that a larger limit cannot be kept: the route answers 503")
                    .seen(DOCS)
                    .help(format!("limit the body in the application, and take the limit out for this target: `targets: {{alb: {{set: {{routes.{name}.limits.body: off}}}}}}`")),
            }
        }),
        LimitRequests => depends("ten in a window of 10 minutes or more often", route::requests),
        LimitRequestsExempt => exact(),
        LimitRequestsBucket => depends("whether the routes agree on the rate", |u, env| {
            match u.on.route().and_then(|it| it.requests.as_deref()) {
                Some(limit) if !facts::agrees(env.gateway, limit) => unsupported("the routes differ in rate or key: each counts alone"),
                _ => exact(),
            }
        }),
        LimitConnections => unsupported("open requests and tunnels are not counted: the route answers 503")
            .seen(DOCS)
            .help("count them in the application, and take the limit out for this target: `targets: {alb: {set: {routes.NAME.limits.connections: off}}}`"),
        LimitListenerConnections => unsupported("connections are not counted: the listener answers 503")
            .seen(DOCS)
            .help("take it out for this target: `targets: {alb: {set: {listeners.NAME.limits.connections: off}}}`"),

        AuthJwt => depends("RS256, a key set by URL, `Authorization` only", |u, env| match u.on {
            Subject::Auth(auth) => match facts::jwt(env.gateway, auth) {
                Ok(()) => exact(),
                Err(why) => unsupported("the load balancer cannot verify this token: the route answers 503").seen(DOCS).help(why),
            },
            _ => exact(),
        }),
        AuthJwtPlaces => depends("`bearer` among them", |u, env| token(u, env, |u| match u.on {
            Subject::Auth(auth) => match &auth.kind {
                AuthKind::Jwt(jwt) if jwt.token.value.contains(&TokenPlace::Bearer) => {
                    approx("only `Authorization` is looked at: a token elsewhere gets 401")
                        .seen(DOCS)
                        .help("a browser cannot set `Authorization` on a socket: let the application check those")
                }
                _ => unsupported("only `Authorization` is looked at: the route answers 503").seen(DOCS),
            },
            _ => exact(),
        })),
        AuthJwtAudience => depends("the claim's form", |u, env| token(u, env, |_| {
            approx("`aud` of the token has to be a list")
        })),
        AuthJwtStrip => unsupported("a token in the query or the subprotocol reaches the server").seen(DOCS),
        AuthJwks => depends("a URL", |u, env| token(u, env, |_| {
            approx("the key set is fetched when the load balancer sees fit, 150 KB and ten keys at most").seen(DOCS)
        })),
        AuthBasic => unsupported("no password is checked: the route answers 503").seen(DOCS).help("let the application ask for it"),
        AuthApiKey => unsupported("no key is checked: the route answers 503").seen(DOCS).help("let the application check it"),
        AuthForward => unsupported("no other service is asked: the route answers 503").seen(DOCS).help("let the application ask it"),
        AuthStrip => unsupported("nothing reaches the server: the route answers 503").seen(DOCS),
        Origins => depends("`same_host` without a host by name", route::origins),
        Clients => depends("whether proxies stand in front", |u, env| match u.on.route() {
            Some(it) if facts::is_behind_proxies(env.gateway, it) => {
                unsupported("conditions see the last hop, not the client behind `trusted_proxies`: the route answers 503").seen(DOCS)
            }
            _ => exact(),
        }),
        Cors => unsupported("preflights reach the server, and CORS headers are what it sends")
            .seen(DOCS)
            .help("let the application answer them"),

        Stream | StreamRequest => exact(),
        Compression => unsupported("answers are not compressed").seen(DOCS).help("let the application compress"),

        LogAccess => depends("whether a bucket is known", |_, env| match facts::logs(env.gateway) {
            false => unsupported("the access log is off")
                .seen(DOCS)
                .help("name its bucket in `targets.alb.log_bucket`"),
            true => approx("lines of the load balancer's own format, in batches to a bucket")
                .seen(DOCS)
                .help("name it in `targets.alb.log_bucket`, or at deployment"),
        }),
        LogRoute => unsupported("every request enters the access log").seen(DOCS),
        LogFields => unsupported("the fields are the load balancer's own").seen(DOCS),
        LogRedact => depends("queries", |u, env| {
            let queries = env.gateway.log.as_ref().is_some_and(|log| {
                (u.at == log.redact_query.from && !log.redact_query.value.is_empty())
                    || log.redact_headers.value.iter().any(|name| name == "user-agent")
            });
            match queries {
                true => unsupported("a line holds the whole query and `User-Agent`: the access log is switched off").seen(DOCS),
                false => exact(),
            }
        }),
        Metrics => unsupported("metrics are in CloudWatch only").seen(DOCS),

        Redirect => depends("status and parts", answer::redirect),
        Respond => depends("status, length and content type", answer::respond),
        RewritePath | RewriteRegex => depends("what a transform takes", answer::rewrite),
        RewriteQuery => unsupported("the query reaches the server as it is").seen(DOCS),
        RewriteMapLocation => unsupported("`Location` and cookie paths reach the client as they are").seen(DOCS),
        ErrorPages => unsupported("the load balancer's own errors stay as they are").seen(DOCS).help("CloudFront in front can replace them"),
        ErrorPagesServer => unsupported("the server's errors stay as they are").seen(DOCS),

        DrainTimeout => approx("the delay counts when a server is taken out of its group, at most 3600 s; a change of rules cuts nothing").seen(DOCS),
        DrainSpread => unsupported("what happens to open sockets at the end of the delay is not promised")
            .seen(DOCS)
            .help("let clients reconnect after a random pause"),

        MaxConnections => unsupported("the load balancer grows by itself").seen(DOCS),
        Files => unsupported("there is no process to limit").seen(DOCS),
        WorkerCount => unsupported("the load balancer grows by itself").seen(DOCS),
    }
}

fn client_auth(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(listener) = u.on.listener() else {
        return exact();
    };
    let verifying =
        |it: &&crate::ir::Listener| it.tls.as_ref().is_some_and(|tls| tls.client_auth.is_some());
    let before = env
        .gateway
        .listeners
        .iter()
        .filter(verifying)
        .filter(|it| it.id < listener.id);
    if before.count() >= facts::VERIFYING {
        return unsupported(
            "a load balancer verifies client certificates on two listeners; this one answers 503",
        )
        .seen(DOCS)
        .help("put it on a load balancer of its own");
    }
    let mode = listener
        .tls
        .as_ref()
        .and_then(|tls| tls.client_auth.as_ref())
        .map(|it| it.mode.value);
    match mode {
        Some(ClientAuthMode::Optional) => {
            approx("a client without a certificate is refused in the handshake").seen(DOCS)
        }
        _ => exact(),
    }
}

/// What belongs to a token is as lost as the token.
fn token(u: &Use<'_>, env: &Env<'_>, then: fn(&Use<'_>) -> Support) -> Support {
    match u.on {
        Subject::Auth(auth) if facts::jwt(env.gateway, auth).is_err() => {
            unsupported("the token is not verified at all: the route answers 503").seen(DOCS)
        }
        _ => then(u),
    }
}
