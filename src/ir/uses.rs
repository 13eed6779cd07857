//! Every feature that a gateway uses, and where. Each pattern names every field: a new one does not compile until it is answered here.

use super::*;

/// A feature used at a place of the spec.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The feature.
    pub feature: Feature,
    /// Where it is asked for; a default points at its block.
    pub at: Origin,
    /// What it is asked of.
    pub on: Subject<'a>,
}

/// What a feature is asked of.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// The gateway as a whole.
    Gateway,
    /// A listener.
    Listener(&'a Listener),
    /// A certificate.
    Certificate(&'a Certificate),
    /// An upstream.
    Upstream(&'a Upstream),
    /// A way to know a client.
    Auth(&'a Auth),
    /// A route.
    Route(&'a Route),
}

impl<'a> Subject<'a> {
    /// The kind and the name, such as `route`, `socket`; empty for the gateway.
    pub fn name(self) -> (&'static str, &'a str) {
        match self {
            Self::Gateway => ("gateway", ""),
            Self::Listener(it) => ("listener", &it.name),
            Self::Certificate(it) => ("certificate", &it.name),
            Self::Upstream(it) => ("upstream", &it.name),
            Self::Auth(it) => ("auth", &it.name),
            Self::Route(it) => ("route", &it.name),
        }
    }

    /// The route, if it is one.
    pub const fn route(self) -> Option<&'a Route> {
        if let Self::Route(route) = self {
            Some(route)
        } else {
            None
        }
    }

    /// The upstream, if it is one.
    pub const fn upstream(self) -> Option<&'a Upstream> {
        if let Self::Upstream(upstream) = self {
            Some(upstream)
        } else {
            None
        }
    }

    /// The listener, if it is one.
    pub const fn listener(self) -> Option<&'a Listener> {
        if let Self::Listener(listener) = self {
            Some(listener)
        } else {
            None
        }
    }

    /// The entry of `auth`, if it is one.
    pub const fn auth(self) -> Option<&'a Auth> {
        if let Self::Auth(auth) = self {
            Some(auth)
        } else {
            None
        }
    }
}

/// Every use, in the order of the gateway's lists.
pub fn uses(gateway: &Gateway) -> Vec<Use<'_>> {
    let Gateway {
        name: _,
        listeners,
        certificates,
        upstreams,
        auth,
        routes,
        table: _,
        log,
        metrics,
        runtime,
        rooms: _,
        accept: _,
        tests: _,
    } = gateway;
    let mut found = Found {
        uses: Vec::with_capacity(routes.len() * 16),
        on: Subject::Gateway,
    };
    for it in listeners {
        found.on = Subject::Listener(it);
        found.listener(it);
    }
    for it in certificates {
        found.on = Subject::Certificate(it);
        found.certificate(it);
    }
    for it in upstreams {
        found.on = Subject::Upstream(it);
        found.upstream(it);
    }
    for it in auth {
        found.on = Subject::Auth(it);
        found.auth(it);
    }
    for it in routes {
        found.on = Subject::Route(it);
        found.route(it);
    }
    found.on = Subject::Gateway;
    if let Some(Log {
        at,
        format,
        fields,
        redact_query,
        redact_headers,
    }) = log
    {
        found.add(
            Feature::LogAccess,
            if format.is_written() {
                format.from
            } else {
                Origin::written(*at)
            },
        );
        found.add(Feature::LogFields, fields.from);
        found.add_if(
            !redact_query.value.is_empty(),
            Feature::LogRedact,
            redact_query.from,
        );
        found.add_if(
            !redact_headers.value.is_empty(),
            Feature::LogRedact,
            redact_headers.from,
        );
    }
    if let Some(Metrics {
        at: _,
        port,
        address: _,
        path: _,
    }) = metrics
    {
        found.add(Feature::Metrics, port.from);
    }
    let Runtime {
        drain_timeout,
        drain_spread,
        max_connections,
        files,
        workers,
    } = runtime;
    found.add(Feature::DrainTimeout, drain_timeout.from);
    found.add_if(
        drain_spread.value.is_some(),
        Feature::DrainSpread,
        drain_spread.from,
    );
    found.add(Feature::MaxConnections, max_connections.from);
    found.add(Feature::Files, files.from);
    found.add(Feature::WorkerCount, workers.from);
    found.uses
}

struct Found<'a> {
    uses: Vec<Use<'a>>,
    on: Subject<'a>,
}

impl<'a> Found<'a> {
    fn add(&mut self, feature: Feature, at: Origin) {
        self.uses.push(Use {
            feature,
            at,
            on: self.on,
        });
    }

    fn add_if(&mut self, asked: bool, feature: Feature, at: Origin) {
        if asked {
            self.add(feature, at);
        }
    }

    fn listener(&mut self, it: &'a Listener) {
        use Feature::*;
        let Listener {
            id: _,
            at,
            name: _,
            port,
            address: _,
            tls,
            redirect,
            http2,
            http3,
            proxy_protocol,
            trusted_proxies,
            head_timeout,
            keepalive,
            head_limit,
            connections,
            public_port,
            unknown_host,
            paths,
            encoded_slash,
            websocket_over_http2,
            header_names,
            tcp_keepalive,
        } = it;
        self.add(ListenerBind, port.from);
        if let Some(ListenerTls {
            at,
            profile,
            certificates,
            hsts,
            client_auth,
        }) = tls
        {
            self.add(
                TlsTermination,
                if certificates.is_written() {
                    certificates.from
                } else {
                    Origin::written(*at)
                },
            );
            self.add(TlsProfile, profile.from);
            if let Some(hsts) = hsts {
                self.add(TlsHsts, hsts.from);
            }
            if let Some(ClientAuth { ca, mode: _ }) = client_auth {
                self.add(TlsClientAuth, ca.from);
            }
        }
        if let Some(redirect) = redirect {
            self.add(ListenerRedirect, redirect.from);
        }
        self.add_if(http2.value, ListenerHttp2, http2.from);
        self.add_if(http3.value, ListenerHttp3, http3.from);
        self.add_if(
            proxy_protocol.value,
            ListenerProxyProtocol,
            proxy_protocol.from,
        );
        self.add_if(
            !trusted_proxies.value.is_empty(),
            TrustedProxies,
            trusted_proxies.from,
        );
        self.add(TimeoutHead, head_timeout.from);
        self.add(TimeoutClientKeepalive, keepalive.from);
        self.add(LimitHead, head_limit.from);
        self.add_if(
            connections.value.is_some(),
            LimitListenerConnections,
            connections.from,
        );
        self.add_if(
            public_port.value != port.value,
            ListenerPublicPort,
            public_port.from,
        );
        self.add(ListenerUnknownHost, unknown_host.from);
        self.add(ListenerPaths, paths.from);
        self.add(ListenerEncodedSlash, encoded_slash.from);
        self.add_if(
            websocket_over_http2.value && http2.value,
            WebSocketOverHttp2,
            websocket_over_http2.from,
        );
        self.add(ListenerHeaderNames, header_names.from);
        self.add_if(
            tcp_keepalive.value.is_some(),
            ListenerTcpKeepalive,
            tcp_keepalive.from,
        );
        let _ = at;
    }

    fn certificate(&mut self, it: &'a Certificate) {
        let Certificate {
            id: _,
            at,
            name: _,
            hosts: _,
            source,
        } = it;
        match source {
            CertificateSource::Files { cert: _, key: _ } => {}
            CertificateSource::Acme {
                email: _,
                challenge: _,
                directory: _,
            } => self.add(Feature::TlsAcme, Origin::written(*at)),
        }
    }

    fn upstream(&mut self, it: &'a Upstream) {
        use Feature::*;
        let Upstream {
            id: _,
            at,
            name: _,
            servers,
            balance,
            stickiness,
            health,
            passive,
            keepalive_timeout,
            keepalive,
            slow_start,
            resolve,
            tcp_keepalive,
            max_connections,
            response_head,
            protocol,
            tls,
            connect: _,
            retries: _,
            host_header: _,
        } = it;
        self.add(UpstreamServers, Origin::written(*at));
        for Server {
            at: _,
            address: _,
            weight,
            backup,
        } in servers
        {
            self.add_if(weight.is_written(), UpstreamWeights, weight.from);
            self.add_if(backup.value, UpstreamBackup, backup.from);
        }
        let balanced = match &balance.value {
            Balance::RoundRobin => BalanceRoundRobin,
            Balance::LeastConnections => BalanceLeastConnections,
            Balance::Random => BalanceRandom,
            Balance::Hash(_) => BalanceHash,
        };
        self.add_if(
            servers.len() > 1 || balance.is_written(),
            balanced,
            balance.from,
        );
        match stickiness {
            None => {}
            Some(Stickiness::Cookie(super::StickyCookie {
                name,
                ttl,
                path,
                secure,
                http_only,
                same_site,
            })) => {
                self.add(StickyCookie, name.from);
                self.add(StickyCookieName, name.from);
                self.add(StickyCookieTtl, ttl.from);
                self.add(StickyCookieAttributes, path.from);
                self.add_if(secure.is_written(), StickyCookieAttributes, secure.from);
                self.add_if(
                    http_only.is_written(),
                    StickyCookieAttributes,
                    http_only.from,
                );
                self.add_if(
                    same_site.is_written(),
                    StickyCookieAttributes,
                    same_site.from,
                );
            }
            Some(Stickiness::AppCookie { name, ttl: _ }) => self.add(StickyAppCookie, name.from),
            Some(Stickiness::Source { ttl: _, at }) => self.add(StickySource, Origin::written(*at)),
        }
        if let Some(Health {
            at: _,
            check,
            port: _,
            interval: _,
            timeout: _,
            rise: _,
            fall: _,
        }) = health
        {
            let feature = match &check.value {
                Check::Http {
                    path: _,
                    host: _,
                    method: _,
                    status: _,
                } => HealthHttp,
                Check::Tcp => HealthTcp,
                Check::WebSocket { path: _, host: _ } => HealthWebSocket,
            };
            self.add(feature, check.from);
        }
        if let Some(Passive {
            at,
            errors: _,
            within: _,
            eject: _,
        }) = passive
        {
            self.add(HealthPassive, Origin::written(*at));
        }
        self.add_if(
            keepalive.value.is_some(),
            TimeoutUpstreamKeepalive,
            keepalive_timeout.from,
        );
        self.add_if(keepalive.value.is_some(), UpstreamKeepalive, keepalive.from);
        self.add_if(
            slow_start.value.is_some(),
            UpstreamSlowStart,
            slow_start.from,
        );
        self.add_if(
            resolve.value.is_some() && it.has_names(),
            UpstreamResolve,
            resolve.from,
        );
        self.add_if(
            tcp_keepalive.value.is_some(),
            UpstreamTcpKeepalive,
            tcp_keepalive.from,
        );
        self.add_if(
            max_connections.value.is_some(),
            UpstreamMaxConnections,
            max_connections.from,
        );
        self.add(UpstreamResponseHead, response_head.from);
        self.add_if(
            protocol.value == Protocol::Http2,
            UpstreamProtocol,
            protocol.from,
        );
        if let Some(super::UpstreamTls {
            at,
            server_name: _,
            ca: _,
            verify: _,
            client,
        }) = tls
        {
            self.add(UpstreamTls, Origin::written(*at));
            if let Some((cert, _)) = client {
                self.add(UpstreamTlsClient, cert.from);
            }
        }
    }

    fn auth(&mut self, it: &'a Auth) {
        use Feature::*;
        let Auth {
            id: _,
            at: _,
            name: _,
            kind,
        } = it;
        match kind {
            AuthKind::Jwt(Jwt {
                keys,
                issuer: _,
                audience,
                token,
                leeway: _,
                pass,
                strip,
            }) => {
                self.add(AuthJwt, keys.from);
                match &keys.value {
                    JwtKeys::Key {
                        algorithm: _,
                        key: _,
                    } => {}
                    JwtKeys::JwksUrl {
                        url: _,
                        refresh: _,
                        algorithms: _,
                    }
                    | JwtKeys::JwksFile {
                        file: _,
                        algorithms: _,
                    } => {
                        self.add(AuthJwks, keys.from);
                    }
                }
                if let Some(audience) = audience {
                    self.add(AuthJwtAudience, audience.from);
                }
                self.add_if(
                    token.value != [TokenPlace::Bearer],
                    AuthJwtPlaces,
                    token.from,
                );
                for claim in pass {
                    self.add(HeaderClaims, claim.from);
                }
                self.add_if(strip.value, AuthJwtStrip, strip.from);
            }
            AuthKind::Basic(Basic {
                file,
                realm: _,
                strip,
            }) => {
                self.add(AuthBasic, file.from);
                self.add_if(strip.value, AuthStrip, strip.from);
            }
            AuthKind::ApiKey(ApiKey {
                keys,
                from: _,
                strip,
            }) => {
                self.add(AuthApiKey, keys.from);
                self.add_if(strip.value, AuthStrip, strip.from);
            }
            AuthKind::Forward(Forward {
                upstream,
                path: _,
                send: _,
                pass: _,
                answer: _,
                timeout: _,
            }) => {
                self.add(AuthForward, upstream.from);
            }
        }
    }

    fn route(&mut self, it: &'a Route) {
        use Feature::*;
        let Route {
            id: _,
            at,
            name: _,
            hosts,
            paths,
            methods,
            when,
            action,
            websocket,
            stream,
            response,
            idle,
            body,
            requests,
            connections,
            auth: _,
            clients,
            cors,
            forwarded,
            request_headers,
            response_headers,
            rewrite,
            error_pages,
            compression,
            log,
        } = it;
        for host in hosts {
            match &host.value {
                HostMatch::Exact(_) => self.add(HostExact, host.from),
                HostMatch::Wildcard(_) => self.add(HostWildcard, host.from),
                HostMatch::Regex(_) => self.add(HostRegex, host.from),
                HostMatch::Any => {}
            }
        }
        for path in paths {
            match &path.value {
                PathMatch::Exact(_) => self.add(PathExact, path.from),
                PathMatch::Prefix(_) => self.add(PathPrefix, path.from),
                PathMatch::Regex(_) => self.add(PathRegex, path.from),
            }
        }
        if let Some(methods) = methods {
            self.add(RouteMethods, methods.from);
        }
        self.when(when);
        let forwards = match action {
            Action::Forward(shares) => {
                self.shares(shares);
                true
            }
            Action::Redirect(redirect) => {
                self.add(Redirect, redirect.from);
                false
            }
            Action::Respond(respond) => {
                self.add(Respond, respond.from);
                false
            }
        };
        match websocket {
            Some(websocket) => self.websocket(websocket),
            None => self.add_if(
                forwards,
                WebSocketOff,
                Origin::default(*at, defaults::WEBSOCKET_OFF),
            ),
        }
        if let Some(super::Stream { at, idle, request }) = stream {
            self.add(Stream, Origin::written(*at));
            self.add(TimeoutStreamIdle, idle.from);
            self.add_if(request.value, StreamRequest, request.from);
        }
        self.add_if(forwards, TimeoutResponse, response.from);
        self.add_if(forwards, TimeoutIdle, idle.from);
        self.add_if(body.value.is_some(), LimitBody, body.from);
        if let Some(RequestLimit {
            at: _,
            rate,
            burst: _,
            per: _,
            exempt,
            bucket,
        }) = requests
        {
            self.add(LimitRequests, rate.from);
            self.add_if(!exempt.value.is_empty(), LimitRequestsExempt, exempt.from);
            if let Some(bucket) = bucket {
                self.add(LimitRequestsBucket, bucket.from);
            }
        }
        if let Some(ConnectionLimit { at: _, max, per: _ }) = connections {
            self.add(LimitConnections, max.from);
        }
        if let Some(super::Clients {
            at,
            allow: _,
            deny: _,
        }) = clients
        {
            self.add(Clients, Origin::written(*at));
        }
        if let Some(super::Cors {
            at,
            origins: _,
            methods: _,
            headers: _,
            expose: _,
            credentials: _,
            max_age: _,
        }) = cors
        {
            self.add(Cors, Origin::written(*at));
        }
        if forwarded.value {
            self.add_if(forwards, ForwardedHeaders, forwarded.from);
        } else {
            self.add(ForwardedOff, forwarded.from);
        }
        for op in request_headers {
            self.header(RequestHeaders, op);
        }
        for op in response_headers {
            self.header(ResponseHeaders, op);
        }
        if let Some(Rewrite {
            at: _,
            path,
            query_set,
            query_remove,
            map_location,
        }) = rewrite
        {
            if let Some(path) = path {
                let feature = match &path.value {
                    PathRewrite::StripPrefix
                    | PathRewrite::ReplacePrefix(_)
                    | PathRewrite::Path(_) => RewritePath,
                    PathRewrite::Regex { matches: _, to: _ } => RewriteRegex,
                };
                self.add(feature, path.from);
            }
            for origin in query_set
                .iter()
                .map(|set| set.from)
                .chain(query_remove.iter().map(|set| set.from))
            {
                self.add(RewriteQuery, origin);
            }
            self.add_if(map_location.value, RewriteMapLocation, map_location.from);
        }
        if let Some(super::ErrorPages {
            at,
            pages: _,
            replace,
        }) = error_pages
        {
            self.add_if(
                replace.value != Replace::Server,
                ErrorPages,
                Origin::written(*at),
            );
            self.add_if(
                replace.value != Replace::Proxy,
                ErrorPagesServer,
                replace.from,
            );
        }
        self.add_if(compression.value, Compression, compression.from);
        self.add_if(!log.value && log.is_written(), LogRoute, log.from);
    }

    fn when(&mut self, when: &'a When) {
        use Feature::*;
        let When {
            methods,
            headers,
            query,
            clients,
            upgrade,
            listeners,
        } = when;
        if let Some(methods) = methods {
            self.add(WhenMethods, methods.from);
        }
        for header in headers {
            self.add(WhenHeaders, header.from);
        }
        for parameter in query {
            self.add(WhenQuery, parameter.from);
        }
        if let Some(clients) = clients {
            self.add(WhenClients, clients.from);
        }
        if let Some(upgrade) = upgrade {
            self.add(WhenUpgrade, upgrade.from);
        }
        if let Some(listeners) = listeners {
            self.add(WhenListeners, listeners.from);
        }
    }

    fn shares(&mut self, shares: &'a [Share]) {
        use Feature::*;
        for Share {
            upstream: _,
            weight,
            connect,
            retries: tries,
            host_header,
        } in shares
        {
            self.add_if(shares.len() > 1, UpstreamSplit, weight.from);
            self.add(TimeoutConnect, connect.from);
            self.add_if(tries.value.is_some(), Retries, tries.from);
            self.add(HostHeader, host_header.from);
        }
    }

    fn websocket(&mut self, websocket: &'a WebSocket) {
        use Feature::*;
        let WebSocket {
            at,
            idle,
            max_duration,
            max_message,
            messages,
            ping,
            origins,
            require_origin,
            only,
            tokens,
            methods,
        } = websocket;
        self.add(WebSocketUpgrade, Origin::written(*at));
        self.add(TimeoutWebSocketIdle, idle.from);
        self.add_if(
            max_duration.value.is_some(),
            TimeoutMaxDuration,
            max_duration.from,
        );
        self.add_if(
            max_message.value.is_some(),
            WebSocketMaxMessage,
            max_message.from,
        );
        self.add_if(messages.value.is_some(), WebSocketMessages, messages.from);
        self.add_if(ping.value.is_some(), WebSocketPing, ping.from);
        if let Some(origins) = origins {
            self.add(Origins, origins.from);
        }
        self.add_if(
            require_origin.value && origins.is_none(),
            Origins,
            require_origin.from,
        );
        self.add_if(only.value, WebSocketOnly, only.from);
        self.add(WebSocketTokens, tokens.from);
        self.add(WebSocketMethods, methods.from);
    }

    fn header(&mut self, feature: Feature, op: &'a HeaderOp) {
        let HeaderOp {
            at,
            name: _,
            change,
        } = op;
        let origin = Origin::written(*at);
        self.add(feature, origin);
        let Some(Value(pieces)) = change.value() else {
            return;
        };
        for piece in pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Fact(Fact::Claim(_)) => self.add(Feature::HeaderClaims, origin),
                Piece::Fact(Fact::TlsSubject) => self.add(Feature::HeaderTlsSubject, origin),
                Piece::Fact(_) => self.add(Feature::HeaderFacts, origin),
            }
        }
    }
}
