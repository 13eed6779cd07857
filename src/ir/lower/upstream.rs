//! Upstreams, their servers, stickiness and health.

use super::{At, Loc, Lower, PORT, Slot, block, defaults, dur, limit, or, plain, switch, text};
use crate::ir::{
    Balance, Check, HashKey, Health, HostHeader, Passive, Protocol, Retries, RetryAfter, SameSite,
    Secure, Server, Set, StatusRange, Stickiness, StickyCookie, Upstream, UpstreamId, UpstreamTls,
};
use crate::spec::model::{self, Spec, Toggle};

impl Lower<'_> {
    pub(super) fn upstreams(&mut self, spec: &Spec) -> Vec<Upstream> {
        let mut upstreams = Vec::new();
        for (name, it) in spec.upstreams.as_ref().map_or(&[][..], |named| &named.0) {
            self.check_name("upstream", name);
            if let Some(Slot::On(id)) = self.upstreams.get(name.value.as_str()).copied() {
                upstreams.push(self.upstream(id, name, it));
            }
        }
        upstreams
    }

    fn upstream(
        &mut self,
        id: UpstreamId,
        name: &At<String>,
        it: &At<model::Upstream>,
    ) -> Upstream {
        let at = it.at;
        let listed = self.required(
            it.servers.as_ref(),
            name.at,
            &format!("the list of servers of upstream `{}`", name.value),
            "write `servers: [app:8080]`",
        );
        let servers: Vec<Server> = listed
            .iter()
            .flat_map(|list| &list.value.0)
            .map(|server| self.server(server))
            .collect();
        if let Some(list) = &listed
            && !servers.iter().any(|server| !server.backup.value)
        {
            let diag = self.report.error("spec::conflict", list.at);
            diag.says(format!(
                "upstream `{}` has no server that is not a backup",
                name.value
            ));
            diag.help("a backup takes traffic only when no other server is healthy: write another server beside it");
        }
        let protocol = or(
            it.protocol.as_ref(),
            at,
            (Protocol::Http1, defaults::PROTOCOL),
        );
        let timeouts = it.timeouts.as_ref();
        let tls = it
            .tls
            .as_ref()
            .and_then(|tls| tls.value.with().map(|value| (value, tls.at)));
        Upstream {
            id,
            at,
            name: name.value.clone(),
            servers,
            balance: match &it.balance {
                Some(balance) => Set::written(self.balance(&balance.value, balance.at), balance.at),
                None => Set::default(Balance::RoundRobin, at, defaults::BALANCE),
            },
            stickiness: block(it.stickiness.as_ref())
                .map(|(stickiness, at)| self.stickiness(stickiness, at)),
            health: block(it.health.as_ref()).and_then(|(health, at)| self.health(health, at)),
            passive: block(it.passive.as_ref()).map(|(passive, at)| Passive {
                at,
                errors: passive.errors.as_ref().map_or(
                    Set::default(defaults::PASSIVE_ERRORS.0, at, defaults::PASSIVE_ERRORS.1),
                    |n| self.bounded(n, 1..=1000),
                ),
                within: dur(passive.within.as_ref(), at, defaults::PASSIVE_WITHIN),
                eject: dur(passive.eject.as_ref(), at, defaults::PASSIVE_EJECT),
            }),
            keepalive_timeout: dur(
                timeouts.and_then(|t| t.keepalive.as_ref()),
                at,
                defaults::UPSTREAM_KEEPALIVE_TIMEOUT,
            ),
            keepalive: limit(
                it.keepalive.as_ref(),
                at,
                (
                    Some(defaults::UPSTREAM_KEEPALIVE.0),
                    defaults::UPSTREAM_KEEPALIVE.1,
                ),
            ),
            slow_start: limit(it.slow_start.as_ref(), at, (None, defaults::SLOW_START)),
            resolve: limit(
                it.resolve.as_ref(),
                at,
                (Some(defaults::RESOLVE.0), defaults::RESOLVE.1),
            ),
            tcp_keepalive: limit(
                it.tcp_keepalive.as_ref(),
                at,
                (Some(defaults::TCP_KEEPALIVE.0), defaults::TCP_KEEPALIVE.1),
            ),
            max_connections: limit(
                it.max_connections.as_ref(),
                at,
                (None, defaults::MAX_SERVER_CONNECTIONS),
            ),
            response_head: or(
                it.limits.as_ref().and_then(|l| l.response_head.as_ref()),
                at,
                defaults::RESPONSE_HEAD,
            ),
            protocol,
            tls: tls.and_then(|(tls, at)| self.upstream_tls(tls, at)),
            connect: dur(
                timeouts.and_then(|t| t.connect.as_ref()),
                at,
                defaults::CONNECT,
            ),
            retries: match &it.retries {
                Some(retries) => Set::written(
                    retries
                        .value
                        .with()
                        .map(|retries| lower_retries(self, retries)),
                    retries.at,
                ),
                None => Set::default(None, at, defaults::RETRIES),
            },
            host_header: match &it.host_header {
                Some(host) => self.host_header(&host.value, host.at),
                None => Set::default(HostHeader::Preserve, at, defaults::HOST_HEADER),
            },
        }
    }

    fn server(&mut self, server: &At<model::Server>) -> Server {
        // The shorthand has no place of its own.
        let at = if server.address.at == Loc(0) {
            server.at
        } else {
            server.address.at
        };
        Server {
            at: server.at,
            address: Set::written(server.address.value.clone(), at),
            weight: server.weight.as_ref().map_or(
                Set::default(defaults::WEIGHT.0, server.at, defaults::WEIGHT.1),
                |weight| self.bounded(weight, 1..=256),
            ),
            backup: switch(server.backup.as_ref(), server.at, defaults::BACKUP),
        }
    }

    fn balance(&mut self, balance: &model::Balance, at: Loc) -> Balance {
        match balance {
            model::Balance::RoundRobin => Balance::RoundRobin,
            model::Balance::LeastConnections => Balance::LeastConnections,
            model::Balance::Random => Balance::Random,
            model::Balance::Hash(key) => Balance::Hash(match key {
                model::HashKey::Source(on) => {
                    self.check_on("source", on.0, at);
                    HashKey::Source
                }
                model::HashKey::Path(on) => {
                    self.check_on("path", on.0, at);
                    HashKey::Path
                }
                model::HashKey::Header(name) => {
                    self.check_token("header name", &name.value, name.at);
                    HashKey::Header(name.value.clone())
                }
                model::HashKey::Cookie(name) => {
                    self.check_token("cookie name", &name.value, name.at);
                    HashKey::Cookie(name.value.clone())
                }
                model::HashKey::Query(name) => {
                    self.check_query_name(name);
                    HashKey::Query(name.value.clone())
                }
            }),
        }
    }

    fn check_on(&mut self, what: &str, on: bool, at: Loc) {
        if !on {
            self.report
                .error("spec::conflict", at)
                .says(format!("`{what}: off` says nothing"))
                .help(format!("write `{{{what}: on}}`, or another key"));
        }
    }

    /// A name of a query parameter: what needs no encoding on any target.
    pub(super) fn check_query_name(&mut self, name: &At<String>) {
        let fits = !name.value.is_empty()
            && name.value.len() <= 128
            && name
                .value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~[]".contains(&b));
        if !fits {
            self.report
                .error("spec::token", name.at)
                .says(format!(
                    "`{}` is no name of a query parameter",
                    name.value.escape_debug()
                ))
                .help("write letters, digits, `-`, `.`, `_`, `~`, `[` and `]`");
        }
    }

    fn stickiness(&mut self, stickiness: &model::Stickiness, at: Loc) -> Stickiness {
        match stickiness {
            model::Stickiness::Cookie(cookie) => {
                let name = self.required(
                    cookie.name.as_ref(),
                    at,
                    "the cookie's name",
                    "write `name: node`",
                );
                if let Some(name) = &name {
                    self.check_token("cookie name", &name.value, name.at);
                }
                if let Some(path) = &cookie.path
                    && (!path.value.starts_with('/')
                        || path
                            .value
                            .bytes()
                            .any(|b| b == b';' || b <= b' ' || b >= 0x7f))
                {
                    self.report
                        .error("spec::path", path.at)
                        .says(format!(
                            "`{}` is no path for a cookie",
                            path.value.escape_debug()
                        ))
                        .help("start with `/`; no `;`, no space");
                }
                let secure = match &cookie.secure {
                    Some(secure) => Set::written(
                        if secure.value.0 {
                            Secure::Always
                        } else {
                            Secure::Never
                        },
                        secure.at,
                    ),
                    None => Set::default(Secure::OnTls, at, defaults::COOKIE_SECURE),
                };
                let same_site = or(
                    cookie.same_site.as_ref(),
                    at,
                    (SameSite::Lax, defaults::COOKIE_SAME_SITE),
                );
                if same_site.value == SameSite::None && secure.value == Secure::Never {
                    self.report
                        .error("spec::conflict", same_site.loc())
                        .says("browsers refuse `SameSite=None` without `Secure`")
                        .help("leave `secure` out, or write `same_site: lax`");
                }
                Stickiness::Cookie(StickyCookie {
                    name: name.map_or(Set::written("node".to_owned(), at), |name| {
                        Set::written(name.value, name.at)
                    }),
                    ttl: limit(cookie.ttl.as_ref(), at, (None, defaults::COOKIE_TTL)),
                    path: text(cookie.path.as_ref(), at, defaults::COOKIE_PATH),
                    secure,
                    http_only: switch(cookie.http_only.as_ref(), at, defaults::COOKIE_HTTP_ONLY),
                    same_site,
                })
            }
            model::Stickiness::AppCookie(cookie) => {
                self.check_token("cookie name", &cookie.name.value, cookie.name.at);
                Stickiness::AppCookie {
                    name: Set::written(cookie.name.value.clone(), cookie.name.at),
                    ttl: dur(cookie.ttl.as_ref(), at, defaults::APP_COOKIE_TTL),
                }
            }
            model::Stickiness::Source(source) => Stickiness::Source {
                ttl: dur(source.ttl.as_ref(), at, defaults::SOURCE_TTL),
                at,
            },
        }
    }

    fn health(&mut self, health: &model::Health, at: Loc) -> Option<Health> {
        let (check, port) = match (&health.http, &health.tcp, &health.websocket) {
            (Some(http), None, None) => {
                let check = Check::Http {
                    path: self.health_path(http.path.as_ref()),
                    host: self.health_host(http.host.as_ref()),
                    method: http.method.as_ref().map_or_else(
                        || defaults::HEALTH_METHOD.0.to_owned(),
                        |method| {
                            self.check_token("method", &method.value, method.at);
                            method.value.to_ascii_uppercase()
                        },
                    ),
                    status: http.status.as_ref().map_or_else(
                        || {
                            vec![StatusRange {
                                first: 200,
                                last: 399,
                            }]
                        },
                        plain,
                    ),
                };
                (Set::written(check, http.at), &http.port)
            }
            (None, Some(tcp), None) => (Set::written(Check::Tcp, tcp.at), &tcp.port),
            (None, None, Some(socket)) => {
                let check = Check::WebSocket {
                    path: self.health_path(socket.path.as_ref()),
                    host: self.health_host(socket.host.as_ref()),
                };
                (Set::written(check, socket.at), &socket.port)
            }
            (None, None, None) => {
                self.report
                    .error("spec::missing", at)
                    .says("this health check says how often, but not what")
                    .help(
                        "write one of `http: {path: /health}`, `tcp: {}`, `websocket: {path: /ws}`",
                    );
                return None;
            }
            _ => {
                self.report
                    .error("spec::conflict", at)
                    .says("this health check asks for two things")
                    .help("write one of `http`, `tcp` and `websocket`");
                return None;
            }
        };
        Some(Health {
            at,
            check,
            port: port.as_ref().map(|port| self.bounded(port, PORT)),
            interval: dur(health.interval.as_ref(), at, defaults::HEALTH_INTERVAL),
            timeout: dur(health.timeout.as_ref(), at, defaults::HEALTH_TIMEOUT),
            rise: self.count(health.rise.as_ref(), at, defaults::RISE),
            fall: self.count(health.fall.as_ref(), at, defaults::FALL),
        })
    }

    fn count(
        &mut self,
        field: Option<&At<u64>>,
        at: Loc,
        default: (u16, &'static str),
    ) -> Set<u16> {
        match field {
            Some(count) => self.bounded(count, 1..=100),
            None => Set::default(default.0, at, default.1),
        }
    }

    /// The path of a check, which may have a query.
    fn health_path(&mut self, path: Option<&At<String>>) -> String {
        let Some(path) = path else {
            return defaults::HEALTH_PATH.0.to_owned();
        };
        if !path.value.starts_with('/')
            || !path.value.bytes().all(|b| b.is_ascii_graphic())
            || path.value.contains('#')
        {
            self.report
                .error("spec::path", path.at)
                .says(format!(
                    "`{}` is no path for a health check",
                    path.value.escape_debug()
                ))
                .help("start with `/`; encode spaces and other characters with `%`");
        }
        path.value.clone()
    }

    fn health_host(&mut self, host: Option<&At<String>>) -> Option<String> {
        host.map(|host| {
            let name = host
                .value
                .rsplit_once(':')
                .map_or(host.value.as_str(), |(name, _)| name);
            self.check_host("host", name, host.at);
            host.value.clone()
        })
    }

    fn upstream_tls(&mut self, tls: &model::UpstreamTls, at: Loc) -> Option<UpstreamTls> {
        if let Some(name) = &tls.server_name {
            self.check_host("server name", &name.value, name.at);
        }
        for file in [&tls.ca, &tls.cert, &tls.key].into_iter().flatten() {
            self.check_line("file name", file);
        }
        let written = |field: &Option<At<String>>| {
            field
                .as_ref()
                .map(|text| Set::written(text.value.clone(), text.at))
        };
        let client = match (written(&tls.cert), written(&tls.key)) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => {
                self.report
                    .error("spec::missing", at)
                    .says("a client certificate needs `cert` and `key`")
                    .help("write both, or neither");
                None
            }
        };
        Some(UpstreamTls {
            at,
            server_name: written(&tls.server_name),
            ca: written(&tls.ca),
            verify: switch(tls.verify.as_ref(), at, defaults::VERIFY),
            client,
        })
    }

    pub(super) fn host_header(&mut self, host: &model::HostHeader, at: Loc) -> Set<HostHeader> {
        let value = match host {
            model::HostHeader::Preserve => HostHeader::Preserve,
            model::HostHeader::Upstream => HostHeader::Upstream,
            model::HostHeader::Set(name) => {
                let bare = name
                    .value
                    .rsplit_once(':')
                    .map_or(name.value.as_str(), |(bare, _)| bare);
                self.check_host("host", bare, name.at);
                HostHeader::Set(name.value.clone())
            }
        };
        Set::written(value, at)
    }
}

/// Retries with their defaults; what is tried again is sorted, each once.
pub(super) fn lower_retries(lower: &mut Lower<'_>, retries: &model::Retries) -> Retries {
    let mut after = retries.after.as_ref().map_or_else(
        || {
            vec![
                RetryAfter::Connect,
                RetryAfter::Timeout,
                RetryAfter::Status(502),
                RetryAfter::Status(503),
                RetryAfter::Status(504),
            ]
        },
        plain,
    );
    after.sort_unstable();
    after.dedup();
    Retries {
        attempts: retries
            .attempts
            .as_ref()
            .map_or(defaults::ATTEMPTS.0, |n| lower.bounded(n, 1..=10).value),
        after,
    }
}

/// Keeps the import of `Toggle` in one place: whether a toggle is on.
pub(super) fn toggled<T>(toggle: Option<&At<Toggle<T>>>) -> Option<(&T, Loc)> {
    toggle.and_then(|it| it.value.with().map(|value| (value, it.at)))
}
