//! What Ingress resources do with each feature, by the controller that serves them. Nothing is decided elsewhere.

use super::facts::{self, controller};
use super::verdicts::listener::{
    bound, client_auth, encoded_slash, host_at, one_of_each, options, other_paths, termination,
    to_tls, traefik_paths,
};
use super::verdicts::route::{
    facts_of, haproxy_rate, host_header, limit_body, named_host, nginx_rate, path, per_client,
    redirect, request_headers, respond, response_headers, rewritten, set_only, stripped, to_url,
    traefik_head, traefik_open, traefik_rate,
};
use super::verdicts::upstream::{
    canary, haproxy_hash, nginx_stream, one_timer, own_retries, own_service, seconds, servers,
    sticky_attributes, traefik_connect, unhealthy, upstream_tls,
};
use crate::ir::{Feature, IngressController, Subject, UnknownHost, Workers};
use crate::targets::kubernetes::routes::{metrics_path, on_tunnels, redacted, thirty_seconds};
use crate::targets::support::{approx, depends, exact, unsupported};
use crate::targets::{Seen, Support};

/// The controller that the tests run: Traefik reads its own annotations, and those of ingress-nginx.
pub(super) const SEEN: Seen = Seen::On("traefik 3.7.15 as the controller");
pub(super) const NGINX: Seen = Seen::Docs("ingress-nginx 1.15");
pub(super) const HAPROXY: Seen = Seen::Docs("HAProxy Kubernetes Ingress Controller");
pub(super) const API: Seen = Seen::Docs("Kubernetes' reference of Ingress");

/// What each controller does: Traefik, ingress-nginx, HAProxy's.
macro_rules! by_controller {
    (|$u:ident, $env:ident| $traefik:expr, $nginx:expr, $haproxy:expr $(,)?) => {
        depends("the controller", |$u, $env| match controller($env) {
            IngressController::Traefik => $traefik,
            IngressController::Nginx => $nginx,
            IngressController::Haproxy => $haproxy,
        })
    };
}

/// The verdict on a feature.
pub(super) fn support(feature: Feature) -> Support {
    use Feature::*;
    match feature {
        ListenerBind => by_controller!(|u, env| bound(u), one_of_each(u, env), one_of_each(u, env)),
        ListenerRedirect => by_controller!(|u, env|
            approx("only GET and HEAD get 301: another method gets 308, which keeps it").seen(SEEN),
            to_tls(u, env, "http-redirect-code").seen(NGINX),
            to_tls(u, env, "ssl-redirect-code").seen(HAPROXY),
        ),
        ListenerHttp2 => by_controller!(|_u, _env|
            exact(),
            unsupported("HTTP/2 is offered with TLS and not without, for all that the controller serves").seen(NGINX),
            unsupported("HTTP/2 is offered with TLS and not without, for all that the controller serves").seen(HAPROXY),
        ),
        ListenerHttp3 => unsupported("HTTP/3 is not offered: it is a switch of the controller's own installation")
            .seen(API)
            .help("leave `http3` off here; clients use HTTP/2"),
        ListenerProxyProtocol => by_controller!(|_u, _env|
            approx("a connection without the header is served too, and counts as its sender's own")
                .seen(SEEN)
                .help("let a firewall pass only the balancer in front to this port"),
            approx("it holds for all listeners of the controller").seen(NGINX),
            approx("it holds for all listeners of the controller, and for these senders only: those of `trusted_proxies`").seen(HAPROXY),
        ),
        ListenerPublicPort => by_controller!(|_u, _env|
            exact(),
            unsupported("clients are told the controller's own port").seen(NGINX),
            unsupported("clients are told the controller's own port").seen(HAPROXY),
        ),
        ListenerUnknownHost => depends("what shall happen", |u, _| match u.on.listener() {
            Some(it) if it.unknown_host.value == UnknownHost::Close => {
                unsupported("an unknown host gets 404: a controller serves others beside this gateway").seen(SEEN)
            }
            _ => exact(),
        }),
        ListenerPaths => by_controller!(|u, env| traefik_paths(u), other_paths(u, env), other_paths(u, env)),
        ListenerEncodedSlash => by_controller!(|u, env|
            exact(),
            encoded_slash(u, env).seen(NGINX),
            encoded_slash(u, env).seen(HAPROXY),
        ),
        ListenerHeaderNames => by_controller!(|_u, _env|
            exact(),
            exact(),
            unsupported("names pass as they come").seen(HAPROXY),
        ),
        ListenerTcpKeepalive => unsupported("the controller has its own times")
            .seen(SEEN)
            .help("leave it out, or set `net.ipv4.tcp_keepalive_time` where the controller runs"),

        TlsTermination => depends("whether a Secret holds the certificate", termination),
        TlsProfile => by_controller!(|u, env|
            options(u, env, "versions and ciphers"),
            approx("it holds for all that the controller serves: a value of its ConfigMap").seen(NGINX),
            unsupported("the controller's own versions and ciphers").seen(HAPROXY)
                .help("set `ssl-default-bind-options` in the controller's `global-config-snippet`"),
        ),
        TlsHsts => by_controller!(|u, env|
            on_tunnels(u, env),
            approx("it holds for all that the controller serves: a value of its ConfigMap").seen(NGINX),
            exact(),
        ),
        TlsClientAuth => by_controller!(|u, env|
            client_auth(u, env),
            approx("a client without a good certificate gets 400, not a refused handshake, and hosts of one name share it").seen(NGINX),
            unsupported("the routes of this listener answer 403: the controller asks for certificates everywhere or nowhere")
                .seen(HAPROXY)
                .help("set `client-ca` in the controller's ConfigMap, and take it out here"),
        ),
        TlsAcme => depends("whether the room names a Secret", |u, env| {
            let secret = match u.on {
                Subject::Certificate(it) => env.gateway.rooms.ingress.certificates.iter().any(|(of, _)| *of == it.name),
                _ => false,
            };
            match secret {
                true => approx("somebody else fills the Secret that the room names").seen(API),
                false => unsupported("no certificate is obtained: clients get the controller's own")
                    .seen(API)
                    .help("have cert-manager fill a Secret, and name it: `targets.ingress.certificates`"),
            }
        }),

        HostExact => depends("the name", |u, _| match host_at(u).and_then(facts::host) {
            Some(_) => exact(),
            None => unsupported("the route takes no requests for it: Kubernetes refuses addresses, and names with other signs than lower-case letters, digits, `-` and dots, as hosts")
                .seen(API)
                .elsewhere()
                .help("leave `host` out to take every host"),
        }),
        HostWildcard => approx("a wildcard is one label: `a.b.example.com` is not below `*.example.com`")
            .seen(SEEN)
            .help("name the deeper wildcards too"),
        HostRegex => unsupported("the route takes no requests for it: a rule has a name or a wildcard")
            .seen(API)
            .elsewhere()
            .help("name the hosts, or `*.example.com`"),
        PathExact | PathPrefix => depends("the signs in it", path),
        PathRegex => by_controller!(|u, env|
            path(u, env),
            unsupported("the route takes no requests for it: one regex would make regexes, without regard to case, of all paths of the host")
                .seen(NGINX)
                .elsewhere()
                .help("write a prefix"),
            unsupported("the route takes no requests for it: paths are exact or prefixes").seen(HAPROXY).elsewhere().help("write a prefix"),
        ),
        RouteMethods => unsupported("every method reaches the server")
            .seen(API)
            .help("refuse others in the application"),
        WhenMethods | WhenHeaders | WhenQuery | WhenClients | WhenUpgrade => {
            unsupported("the route is left out, and its requests go on to the next one that takes them: a rule has a host and a path, no conditions")
                .seen(API)
                .elsewhere()
                .help("use the target `gateway`, or paths of their own")
        }
        WhenListeners => by_controller!(|_u, _env|
            exact(),
            unsupported("the route is left out: the controller serves every rule on both of its ports").seen(NGINX).elsewhere(),
            unsupported("the route is left out: the controller serves every rule on both of its ports").seen(HAPROXY).elsewhere(),
        ),

        WebSocketUpgrade => exact(),
        WebSocketOff => by_controller!(|_u, _env|
            exact(),
            unsupported("an upgrade request reaches the server: the controller passes all of them on").seen(NGINX)
                .help("refuse upgrades in the application"),
            unsupported("an upgrade request reaches the server: the controller passes all of them on").seen(HAPROXY)
                .help("refuse upgrades in the application"),
        ),
        WebSocketOnly => unsupported("a plain request reaches the server").seen(SEEN)
            .help("answer 426 in the application"),
        WebSocketTokens => unsupported("every upgrade token is passed on").seen(SEEN)
            .help("refuse other tokens in the application"),
        WebSocketMethods => unsupported("an upgrade passes with any method").seen(SEEN),
        WebSocketOverHttp2 => unsupported("HTTP/2 carries no sockets: browsers open one more connection, by HTTP/1.1")
            .seen(SEEN)
            .help("`websocket_over_http2: off` says the same without a loss"),
        WebSocketMaxMessage => unsupported("messages of any length pass: no controller reads frames").seen(SEEN)
            .help("limit the message in the application"),
        WebSocketMessages => unsupported("any number of messages pass: no controller reads frames").seen(SEEN)
            .help("limit the rate in the application; `limits.requests` bounds handshakes"),
        WebSocketPing => unsupported("nobody pings for the application").seen(SEEN)
            .help("have the application or the client ping"),

        TimeoutHead => by_controller!(|u, env|
            traefik_head(u, env),
            approx("it holds for all that the controller serves: a value of its ConfigMap").seen(NGINX),
            approx("it holds for all that the controller serves: a value of its ConfigMap").seen(HAPROXY),
        ),
        TimeoutClientKeepalive => by_controller!(|_u, _env|
            exact(),
            approx("it holds for all that the controller serves: a value of its ConfigMap").seen(NGINX),
            approx("it holds for all that the controller serves: a value of its ConfigMap").seen(HAPROXY),
        ),
        TimeoutConnect => by_controller!(|u, env| traefik_connect(u, env), seconds(u), exact()),
        TimeoutResponse => by_controller!(|u, env|
            own_service(u, env),
            one_timer(u),
            approx("the same time bounds every silence of the server").seen(HAPROXY),
        ),
        TimeoutIdle => by_controller!(|_u, _env|
            approx("an answer may stand still for ever, and a request may take that long in all, its pauses and its bytes together").seen(SEEN),
            unsupported("the response time, or that of its tunnels and streams, rules it: one timer serves all").seen(NGINX),
            unsupported("the response time rules it: one timer serves both").seen(HAPROXY),
        ),
        TimeoutWebSocketIdle => by_controller!(|_u, _env|
            unsupported("a silent tunnel stays open until one side closes it: Traefik has no timer for tunnels")
                .seen(SEEN)
                .help("have the application ping, and close the tunnels that do not answer"),
            approx("the server's silence counts, whatever the client sends, and the same timer waits for the head of its answers")
                .seen(Seen::On("traefik 3.7.15 as the controller, with ingress-nginx' annotations")),
            approx("the longest of all routes holds for all that the controller serves: a value of its ConfigMap").seen(HAPROXY),
        ),
        TimeoutMaxDuration => unsupported("a tunnel lives as long as both sides keep it").seen(SEEN)
            .help("let the application close after that time"),
        TimeoutStreamIdle => by_controller!(|u, _env|
            approx("a stream's head may take that long; once it flows it may be silent for ever").seen(SEEN)
                .help("have the server send a comment line now and then"),
            nginx_stream(u),
            approx("the same time bounds the wait for the head").seen(HAPROXY),
        ),
        TimeoutUpstreamKeepalive => by_controller!(|u, env|
            own_service(u, env),
            unsupported("the controller's own time: a value of its ConfigMap").seen(NGINX),
            unsupported("the controller's own time").seen(HAPROXY),
        ),

        UpstreamServers => depends("the controller, and what the API takes as an address", servers),
        UpstreamWeights => unsupported("servers take equal shares: endpoints have no weights").seen(SEEN)
            .help("use the target `gateway`, whose routes have them"),
        UpstreamBackup => unsupported("backup servers are left out, and are never asked").seen(SEEN)
            .help("lead the route to a Service whose endpoints your cluster keeps healthy"),
        UpstreamSplit => by_controller!(|u, env|
            unsupported("all requests go to the first upstream of the split: a rule has one Service").seen(SEEN)
                .help("use the target `gateway`, whose routes split"),
            canary(u, env),
            unsupported("all requests go to the first upstream of the split: a rule has one Service").seen(HAPROXY),
        ),
        BalanceRoundRobin => exact(),
        BalanceLeastConnections => by_controller!(|_u, _env|
            unsupported("servers take requests in turn").seen(SEEN),
            approx("the server that answered quicker of two takes the request").seen(NGINX),
            exact(),
        ),
        BalanceRandom => by_controller!(|_u, _env|
            unsupported("servers take requests in turn").seen(SEEN),
            unsupported("servers take requests in turn").seen(NGINX),
            exact(),
        ),
        BalanceHash => by_controller!(|u, env|
            unsupported("servers take requests in turn: Traefik hashes nothing for an Ingress").seen(SEEN)
                .help("keep a client by `stickiness: {cookie: …}`"),
            exact(),
            haproxy_hash(u, env),
        ),
        UpstreamKeepalive => by_controller!(|u, env|
            own_service(u, env),
            unsupported("the controller keeps its own number: a value of its ConfigMap").seen(NGINX),
            unsupported("the controller keeps its own number").seen(HAPROXY),
        ),
        UpstreamSlowStart => unsupported("a returned server takes its full share at once").seen(SEEN)
            .help("let the pod become ready only once it is warm"),
        UpstreamResolve => unsupported("names are looked up whenever the controller does so: Traefik for each connection").seen(SEEN),
        UpstreamTcpKeepalive => by_controller!(|u, _env|
            thirty_seconds(u).seen(SEEN),
            unsupported("the controller has its own times").seen(NGINX),
            unsupported("the controller has its own times").seen(HAPROXY),
        ),
        UpstreamMaxConnections => by_controller!(|_u, _env|
            unsupported("servers take any number of connections").seen(SEEN),
            unsupported("servers take any number of connections").seen(NGINX),
            approx("the controllers share the number between them, and more requests wait").seen(HAPROXY),
        ),
        UpstreamProtocol => by_controller!(|u, env|
            own_service(u, env),
            unsupported("servers are spoken to by HTTP/1.1").seen(NGINX),
            exact(),
        ),
        UpstreamTls => by_controller!(|u, env|
            match own_service(u, env) {
                Support::Exact if u.on.upstream().and_then(|it| it.tls.as_ref()).is_some_and(|it| it.verify.value) => {
                    approx("where a server's certificate is not right the client gets 500, not 503").seen(SEEN)
                }
                other => other,
            },
            upstream_tls(u, env),
            exact(),
        ),
        UpstreamTlsClient => by_controller!(|u, env|
            own_service(u, env),
            exact(),
            exact(),
        ),
        UpstreamResponseHead => unsupported("the controller's own ceiling").seen(SEEN),
        Retries => by_controller!(|u, env|
            own_retries(u, env),
            approx("it is a number of servers to try, and a failure while a server answers counts as one").seen(NGINX),
            unsupported("a connection that fails is tried three times, nothing else").seen(HAPROXY),
        ),

        HealthHttp => by_controller!(|_u, _env|
            unhealthy(),
            unhealthy(),
            approx("every status from 200 to 399 is well, and the controller's own numbers of checks count").seen(HAPROXY),
        ),
        HealthTcp => by_controller!(|_u, _env|
            unhealthy(),
            unhealthy(),
            approx("the controller's own numbers of checks count").seen(HAPROXY),
        ),
        HealthWebSocket => unhealthy(),
        HealthPassive => unsupported("a server that fails stays in turn")
            .seen(SEEN)
            .help("have the readiness probe of its pods find it out"),

        StickyCookie => by_controller!(
            |u, env| match own_service(u, env) {
                Support::Exact => approx("a client whose server is gone gets 502 until its endpoint is taken out of the Service").seen(SEEN)
                    .help("name a Service whose endpoints your cluster keeps: `targets.ingress.upstreams`"),
                lost => lost,
            },
            exact(),
            exact(),
        ),
        StickyCookieName => by_controller!(|u, env| own_service(u, env), exact(), exact()),
        StickyCookieTtl => by_controller!(|u, env|
            own_service(u, env),
            exact(),
            unsupported("the cookie lasts until the browser closes").seen(HAPROXY),
        ),
        StickyCookieAttributes => by_controller!(|u, env|
            sticky_attributes(u, env),
            approx("the cookie is `HttpOnly` in any case").seen(NGINX),
            unsupported("the cookie has `Path=/` and nothing else").seen(HAPROXY),
        ),
        StickyAppCookie => unsupported("no controller follows a cookie but its own: clients are spread as if they had none")
            .seen(SEEN)
            .help("use `stickiness: {cookie: …}`"),
        StickySource => by_controller!(|_u, _env|
            unsupported("clients are spread as if they had no address").seen(SEEN).help("use `stickiness: {cookie: …}`"),
            approx("the choice is a hash of the client's address: a share of the clients moves when servers change").seen(NGINX),
            approx("the choice is a hash of the client's address: clients move when servers change").seen(HAPROXY),
        ),

        HostHeader => by_controller!(|u, env|
            host_header(u, env),
            named_host(u, env).seen(NGINX),
            named_host(u, env).seen(HAPROXY),
        ),
        ForwardedHeaders => by_controller!(|_u, _env|
            exact(),
            exact(),
            approx("`X-Forwarded-For` has a line of the client's beside the true one, and what the client writes as `X-Real-IP`, `X-Forwarded-Host` or `-Port` reaches the server")
                .seen(HAPROXY)
                .help("have the application read the last address of `X-Forwarded-For` alone"),
        ),
        ForwardedOff => by_controller!(|_u, _env|
            exact(),
            unsupported("the headers are set all the same").seen(NGINX),
            unsupported("the headers are set all the same").seen(HAPROXY),
        ),
        TrustedProxies => by_controller!(|_u, _env|
            approx("`X-Forwarded-Host` and `X-Real-IP` come as the proxy in front wrote them")
                .seen(SEEN)
                .help("read the client's address from `X-Forwarded-For`"),
            approx("it holds for all that the controller serves: a value of its ConfigMap").seen(NGINX),
            unsupported("`X-Forwarded-For` is believed from nobody: the client is the proxy in front").seen(HAPROXY),
        ),
        RequestHeaders => by_controller!(|u, env|
            request_headers(u),
            unsupported("the header reaches the server as the client sent it: only snippets could change it, and those are switched off").seen(NGINX)
                .help("use the controller `traefik` or `haproxy`"),
            set_only(u, env, true),
        ),
        ResponseHeaders => by_controller!(|u, env|
            response_headers(u),
            unsupported("the header reaches the client as the server sent it").seen(NGINX)
                .help("use the controller `traefik` or `haproxy`"),
            set_only(u, env, false),
        ),
        HeaderFacts => depends("which fact", facts_of),
        HeaderClaims => unsupported("nobody reads the claim, as nobody checks the token: the route answers an error").seen(SEEN),
        HeaderTlsSubject => by_controller!(|_u, _env|
            approx("the header is taken away: no controller writes the subject").seen(SEEN),
            unsupported("a header of this name that the client sends reaches the server: nobody writes the subject, or takes it away").seen(NGINX)
                .help("have the application ignore the header"),
            unsupported("a header of this name that the client sends reaches the server: nobody writes the subject, or takes it away").seen(HAPROXY)
                .help("have the application ignore the header"),
        ),

        LimitHead => by_controller!(|_u, _env|
            exact(),
            approx("it holds for all that the controller serves: a value of its ConfigMap").seen(NGINX),
            unsupported("the controller's own buffer is the limit").seen(HAPROXY),
        ),
        LimitBody => by_controller!(|u, env|
            limit_body(u, env),
            exact(),
            unsupported("the route answers 403: the controller counts no bodies").seen(HAPROXY)
                .help("bound bodies in the application, and leave `limits.body` out here"),
        ),
        LimitRequests => by_controller!(|u, env|
            traefik_rate(u, env),
            nginx_rate(u, env),
            haproxy_rate(u, env),
        ),
        LimitRequestsExempt => unsupported("these clients are counted as well").seen(SEEN),
        LimitRequestsBucket => unsupported("each route counts alone").seen(SEEN),
        LimitConnections => by_controller!(|u, env|
            traefik_open(u, env),
            per_client(u, "more get 503", NGINX),
            unsupported("the route answers 403: the controller counts no open connections").seen(HAPROXY),
        ),
        LimitListenerConnections => unsupported("a listener takes any number of connections").seen(SEEN)
            .help("bound them in front, or per client by `limits.connections`"),

        AuthJwt | AuthJwtPlaces | AuthJwtAudience | AuthJwks => {
            unsupported("no controller checks tokens for an Ingress; the route answers an error").seen(SEEN)
                .help("let a service check them: `forward`")
        }
        AuthJwtStrip => unsupported("nothing reaches the server: the route answers an error, see `auth.jwt`").seen(SEEN),
        AuthBasic => by_controller!(|_u, _env|
            exact(),
            exact(),
            unsupported("the route answers 403: the controller reads no htpasswd file").seen(HAPROXY)
                .help("make a Secret with a password hash for each name, and put `haproxy.org/auth-type` and `-secret` into `targets.ingress.raw.routes`"),
        ),
        AuthApiKey => unsupported("no controller checks keys for an Ingress; the route answers an error").seen(SEEN)
            .help("let a service check them: `forward`"),
        AuthForward => by_controller!(|_u, _env|
            approx("only the service's first server is asked; of its 2xx nothing reaches the client; where it is unreachable the client gets 500, not 503, and it may take as long as it likes").seen(SEEN),
            approx("of the service's 2xx only the named headers reach the server; where it is unreachable the client gets 500, not 503; every request header is sent").seen(NGINX),
            unsupported("the route answers 403: the controller asks no other service").seen(HAPROXY),
        ),
        AuthStrip => by_controller!(|u, env|
            stripped(u, env),
            unsupported("the password reaches the server").seen(NGINX),
            unsupported("nothing reaches the server: the route answers 403").seen(HAPROXY),
        ),
        Origins => unsupported("the route answers an error: no rule looks at `Origin`, and CORS annotations stop no socket")
            .seen(SEEN)
            .help("use the target `gateway`, or check `Origin` in the application and write `targets.ingress.set: {routes.<name>.websocket.origins: off}`"),
        Clients => depends("trusted proxies", |u, env| match u.on.route() {
            Some(route) if controller(env) == IngressController::Traefik && facts::is_behind_proxies(route, env) => {
                approx("a client that comes without a trusted proxy in front is refused").seen(SEEN)
            }
            _ => exact(),
        }),
        Cors => by_controller!(|_u, _env|
            approx("a preflight gets 200, not 204, also from a foreign origin, but then without the header that lets it in").seen(SEEN),
            exact(),
            approx("the origins are one regex, and the methods are told to each").seen(HAPROXY),
        ),

        Stream => exact(),
        StreamRequest => by_controller!(|_u, _env|
            exact(),
            exact(),
            unsupported("bodies are passed on as they arrive in any case").seen(HAPROXY),
        ),
        Compression => by_controller!(|_u, _env|
            exact(),
            approx("it holds for all that the controller serves: a value of its ConfigMap").seen(NGINX),
            unsupported("answers are passed on as they are").seen(HAPROXY),
        ),

        LogAccess => by_controller!(|_u, _env|
            exact(),
            approx("the controller writes its own log, of all that it serves").seen(NGINX).help("set `log-format-upstream` in its ConfigMap"),
            approx("the controller writes its own log, of all that it serves").seen(HAPROXY).help("set `log-format` in its ConfigMap"),
        ),
        LogRoute => by_controller!(|_u, _env|
            exact(),
            exact(),
            unsupported("its requests are logged as well").seen(HAPROXY),
        ),
        LogFields => unsupported("fields are the controller's own").seen(SEEN),
        LogRedact => by_controller!(|u, env|
            redacted(u, env),
            approx("routes whose requests may hold such a parameter have no log").seen(NGINX),
            unsupported("the controller's log holds what is asked for").seen(HAPROXY)
                .help("set `log-format` in its ConfigMap to one without the query"),
        ),
        Metrics => by_controller!(|_u, env|
            metrics_path(env),
            approx("the controller's own port 10254 and its path /metrics").seen(NGINX),
            approx("the controller's own port 1024 and its path /metrics").seen(HAPROXY),
        ),

        Redirect => by_controller!(|u, env| redirect(u, env), to_url(u, env).seen(NGINX), to_url(u, env).seen(HAPROXY)),
        Respond => by_controller!(|u, env|
            respond(u, env),
            approx("the answer is 403 in any case: the controller has no others").seen(NGINX).elsewhere()
                .help("lead the route to a server that has the page"),
            approx("the answer is 403 in any case: the controller has no others").seen(HAPROXY).elsewhere()
                .help("lead the route to a server that has the page"),
        ),
        RewritePath => by_controller!(|u, _env|
            exact(),
            unsupported("the server sees the path as the client sent it: one rewrite would make regexes, without regard to case, of all paths of the host").seen(NGINX)
                .elsewhere()
                .help("tell the application its public path, or use another controller"),
            rewritten(u),
        ),
        RewriteRegex => by_controller!(|u, _env|
            exact(),
            unsupported("the server sees the path as the client sent it").seen(NGINX).elsewhere(),
            rewritten(u),
        ),
        RewriteQuery => unsupported("the server sees the query as the client sent it").seen(SEEN),
        RewriteMapLocation => unsupported("`Location` and cookie paths come as the server wrote them").seen(SEEN)
            .help("tell the application its public path"),
        ErrorPages => unsupported("the controller's own errors stay as they are").seen(SEEN)
            .help("run a server for pages, and name it in the controller's own settings"),
        ErrorPagesServer => unsupported("the server's errors stay as they are").seen(SEEN),

        DrainTimeout => by_controller!(|_u, _env|
            approx("a change of the resources ends no tunnel: they live on until the controller's pod ends").seen(SEEN),
            approx("it holds for all that the controller serves, and a change that reloads it ends old tunnels after that time").seen(NGINX),
            approx("it holds for all that the controller serves, and a change that reloads it ends old tunnels after that time").seen(HAPROXY),
        ),
        DrainSpread => unsupported("tunnels end all together at the end of the drain time, without a close frame").seen(SEEN)
            .help("let clients reconnect after a random pause"),
        MaxConnections => unsupported("the controller's own limit").seen(SEEN),
        Files => unsupported("as many as the controller's pod is allowed").seen(SEEN),
        WorkerCount => depends("a number", |_, env| match env.gateway.runtime.workers.value {
            Workers::Auto => exact(),
            Workers::Count(_) => unsupported("as many as the controller's own settings say").seen(SEEN)
                .help("set the CPU limit of its pods"),
        }),
    }
}
