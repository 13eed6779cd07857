//! Upstreams: the `upstream` blocks, and what a location says to reach one.

use std::collections::HashSet;

use serde::Serialize;

use super::words::{
    Directive, default, dur, dur_text, entry_regex, header_variable, inert, is_variable_part,
    literal, size, word,
};
use super::{Planner, RawLine, defaults};
use crate::emit::lang::nginx;
use crate::emit::{Part, Tok};
use crate::ir::{
    Address, Balance, Dur, HashKey, HostHeader, Loc, Protocol, Retries, RetryAfter, SameSite,
    Secure, Share, Stickiness, StickyCookie, Upstream, UpstreamId,
};

/// An `upstream` block.
#[derive(Debug, Serialize)]
pub(in crate::targets::nginx) struct UpstreamBlock {
    pub(super) name: Tok,
    pub(super) lines: Vec<Directive>,
    pub(super) raw: Vec<RawLine>,
    pub(super) at: Option<Loc>,
}

/// The names of the blocks, by upstream: NGINX compares them without case.
pub(super) fn names(upstreams: &[Upstream]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    upstreams
        .iter()
        .map(|upstream| {
            let mut name: String = upstream
                .name
                .chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() || "_.-".contains(c) {
                        c
                    } else {
                        '_'
                    }
                })
                .collect();
            while !taken.insert(name.to_ascii_lowercase()) {
                name.push_str(&format!("_{}", upstream.id.0));
            }
            name
        })
        .collect()
}

/// Whether the upstream's stickiness takes the place of its balancing: a hash is both.
pub(in crate::targets::nginx) fn hashes_for_stickiness(upstream: &Upstream, sticky: bool) -> bool {
    upstream.stickiness.is_some() && !sticky
}

/// Whether the balancing method takes no `backup` servers.
pub(in crate::targets::nginx) fn refuses_backup(upstream: &Upstream, sticky: bool) -> bool {
    hashes_for_stickiness(upstream, sticky)
        || matches!(upstream.balance.value, Balance::Hash(_) | Balance::Random)
}

impl Planner<'_> {
    pub(super) fn upstream(&mut self, upstream: &Upstream) -> UpstreamBlock {
        let sticky = self.env.since(1, 29, 6);
        let mut lines = Vec::new();
        let mut zone = upstream.max_connections.value.is_some()
            || upstream.passive.is_some()
            || upstream.health.is_some();
        let resolves = self.resolves(upstream);
        if let Some(stickiness) = &upstream.stickiness
            && !sticky
        {
            let key = self.sticky_key(upstream, stickiness);
            lines.push(
                Directive::new("hash", vec![word(&key), Tok::fixed("consistent")]).at(upstream.at),
            );
        } else {
            match &upstream.balance.value {
                Balance::RoundRobin => {}
                Balance::LeastConnections => {
                    zone = true;
                    lines.push(Directive::fixed("least_conn").at(upstream.balance.loc()));
                }
                Balance::Random => {
                    lines.push(Directive::fixed("random").at(upstream.balance.loc()));
                }
                Balance::Hash(key) => {
                    let key = self.hash_key(key, upstream.balance.loc());
                    lines.push(
                        Directive::new("hash", vec![word(&key), Tok::fixed("consistent")])
                            .at(upstream.balance.loc()),
                    );
                }
            }
            if let Some(stickiness) = &upstream.stickiness {
                zone = true;
                lines.push(self.sticky(upstream, stickiness));
            }
        }
        if zone || resolves {
            let kilobytes = 64 * (1 + upstream.servers.len() as u64 / 48);
            lines.insert(
                0,
                Directive::new(
                    "zone",
                    vec![
                        nginx::name(&self.upstream_names[upstream.id.index()]),
                        word(&format!("{kilobytes}k")),
                    ],
                ),
            );
        }
        if resolves && let Some(resolvers) = &self.gateway.rooms.nginx.resolvers {
            let mut args: Vec<Tok> = resolvers.value.iter().map(|one| nginx::word(one)).collect();
            if let Some(every) = upstream.resolve.value {
                args.push(word(&format!("valid={}", dur_text(every))));
            }
            lines.push(Directive::new("resolver", args).at(upstream.resolve.loc()));
        }
        for server in &upstream.servers {
            let address = server.address.value.to_string();
            let mut args = vec![nginx::word(&address)];
            if server.weight.value != 1 {
                args.push(nginx::token(&[
                    Part::Static("weight="),
                    Part::Number(u64::from(server.weight.value)),
                ]));
            }
            if let Some(most) = upstream.max_connections.value {
                args.push(nginx::token(&[
                    Part::Static("max_conns="),
                    Part::Number(most),
                ]));
            }
            args.extend(self.failures(upstream));
            if server.backup.value && !refuses_backup(upstream, sticky) {
                args.push(Tok::fixed("backup"));
            } else if server.backup.value
                && upstream.servers.iter().any(|other| !other.backup.value)
            {
                // The verdict says so: this balancing takes no backup servers.
                continue;
            }
            if resolves && matches!(server.address.value, Address::Name { .. }) {
                args.push(Tok::fixed("resolve"));
            }
            lines.push(Directive::new("server", args).at(server.at));
        }
        match upstream.keepalive.value {
            Some(count) => {
                lines.push(
                    Directive::new("keepalive", vec![Tok::number(count.max(1))])
                        .at(upstream.keepalive.loc()),
                );
                if upstream.keepalive_timeout.value != defaults::UPSTREAM_KEEPALIVE {
                    lines.push(
                        Directive::new(
                            "keepalive_timeout",
                            vec![dur(upstream.keepalive_timeout.value)],
                        )
                        .at(upstream.keepalive_timeout.loc()),
                    );
                }
            }
            // Since 1.29.7 connections are kept where nothing is said.
            None if self.env.since(1, 29, 7) => {
                lines.push(Directive::fixed("keepalive 0").at(upstream.keepalive.loc()));
            }
            None => {}
        }
        let raw = self
            .gateway
            .rooms
            .nginx
            .room
            .raw
            .upstreams
            .iter()
            .filter(|(id, _)| *id == upstream.id)
            .flat_map(|(_, text)| RawLine::of(text))
            .collect();
        UpstreamBlock {
            name: nginx::name(&self.upstream_names[upstream.id.index()]),
            lines,
            raw,
            at: Some(upstream.at),
        }
    }

    /// Whether names are looked up again while NGINX runs.
    fn resolves(&self, upstream: &Upstream) -> bool {
        upstream.has_names()
            && upstream.resolve.value.is_some()
            && self.gateway.rooms.nginx.resolvers.is_some()
            && self.env.since(1, 27, 3)
    }

    /// `max_fails` and `fail_timeout`: NGINX's own default takes a server out for 10 s after one error.
    fn failures(&self, upstream: &Upstream) -> Vec<Tok> {
        let (errors, seconds) = if let Some(passive) = &upstream.passive {
            (passive.errors.value, passive.eject.value.as_secs_ceil())
        } else if let Some(health) = &upstream.health {
            let fall = health.fall.value;
            let millis = health.interval.value.as_millis() * u64::from(fall);
            (fall, millis.div_ceil(1000))
        } else {
            return vec![Tok::fixed("max_fails=0")];
        };
        vec![
            nginx::token(&[Part::Static("max_fails="), Part::Number(u64::from(errors))]),
            nginx::token(&[
                Part::Static("fail_timeout="),
                Part::Number(seconds.max(1)),
                Part::Static("s"),
            ]),
        ]
    }

    /// The variable expression that a hash is computed from.
    fn hash_key(&mut self, key: &HashKey, at: Loc) -> String {
        match key {
            HashKey::Source => "$remote_addr".to_owned(),
            HashKey::Header(name) => format!("${}", header_variable(name)),
            HashKey::Cookie(name) => self.cookie(name, at),
            HashKey::Query(name) => self.query(name, at),
            HashKey::Path => "$uri".to_owned(),
        }
    }

    /// The variable that holds a cookie.
    pub(super) fn cookie(&mut self, name: &str, at: Loc) -> String {
        if is_variable_part(name) {
            return format!("$cookie_{name}");
        }
        let regex = format!("(?:^|;\\s*){}=(?<wg_cookie>[^;]*)", literal(name));
        let lines = vec![entry_regex(&regex, word("$wg_cookie")), default("")];
        format!("${}", self.vars.map("$http_cookie", "cookie", lines, at))
    }

    /// The variable that holds a query parameter, as it was sent.
    pub(super) fn query(&mut self, name: &str, at: Loc) -> String {
        // `$arg_x` would look the name up without case.
        let regex = format!("(?:^|&){}=(?<wg_arg>[^&]*)", super::words::encoded(name));
        let lines = vec![entry_regex(&regex, word("$wg_arg")), default("")];
        format!("${}", self.vars.map("$args", "query", lines, at))
    }

    /// `sticky`, since 1.29.6.
    fn sticky(&mut self, upstream: &Upstream, stickiness: &Stickiness) -> Directive {
        match stickiness {
            Stickiness::Cookie(cookie) => {
                let mut args = vec![Tok::fixed("cookie"), nginx::text(&cookie.name.value)];
                if let Some(ttl) = cookie.ttl.value {
                    args.push(word(&format!("expires={}", dur_text(ttl))));
                }
                args.push(nginx::token(&[
                    Part::Static("path="),
                    Part::Text(&cookie.path.value),
                ]));
                if cookie.http_only.value {
                    args.push(Tok::fixed("httponly"));
                }
                if self.is_secure(upstream.id, cookie) {
                    args.push(Tok::fixed("secure"));
                }
                args.push(Tok::fixed(match cookie.same_site.value {
                    SameSite::Strict => "samesite=strict",
                    SameSite::Lax => "samesite=lax",
                    SameSite::None => "samesite=none",
                }));
                Directive::new("sticky", args).at(cookie.name.loc())
            }
            Stickiness::AppCookie { name, ttl } => {
                let lookup = self.cookie(&name.value, name.loc());
                let create = if is_variable_part(&name.value) {
                    format!("create=$upstream_cookie_{}", name.value)
                } else {
                    "create=$wg_none".to_owned()
                };
                Directive::new(
                    "sticky learn",
                    vec![
                        word(&create),
                        word(&format!("lookup={lookup}")),
                        word(&format!("zone=wg_sticky_{}:1m", upstream.id.0)),
                        word(&format!("timeout={}", dur_text(ttl.value))),
                    ],
                )
                .at(name.loc())
            }
            Stickiness::Source { ttl, at } => Directive::new(
                "sticky learn",
                vec![
                    Tok::fixed("create=$remote_addr"),
                    Tok::fixed("lookup=$remote_addr"),
                    word(&format!("zone=wg_sticky_{}:1m", upstream.id.0)),
                    word(&format!("timeout={}", dur_text(ttl.value))),
                ],
            )
            .at(*at),
        }
    }

    /// Below 1.29.6: what a hash is computed from, so that a client stays on its server.
    fn sticky_key(&mut self, upstream: &Upstream, stickiness: &Stickiness) -> String {
        match stickiness {
            Stickiness::Cookie(cookie) => {
                let at = cookie.name.loc();
                let sent = self.cookie(&cookie.name.value, at);
                let lines = vec![
                    Directive::entry(word(""), word("$request_id")),
                    default(&sent),
                ];
                let key = self.vars.map(&sent, "stick", lines, at);
                let mut value = format!(
                    "{}=$request_id; Path={}",
                    inert(&cookie.name.value),
                    inert(&cookie.path.value)
                );
                if let Some(ttl) = cookie.ttl.value {
                    value.push_str(&format!("; Max-Age={}", ttl.as_secs_ceil()));
                }
                if cookie.http_only.value {
                    value.push_str("; HttpOnly");
                }
                if self.is_secure(upstream.id, cookie) {
                    value.push_str("; Secure");
                }
                value.push_str(match cookie.same_site.value {
                    SameSite::Strict => "; SameSite=Strict",
                    SameSite::Lax => "; SameSite=Lax",
                    SameSite::None => "; SameSite=None",
                });
                let lines = vec![Directive::entry(word(""), word(&value)), default("")];
                let set = self.vars.map(&sent, "set_cookie", lines, at);
                self.set_cookie[upstream.id.index()] = Some(set);
                format!("${key}")
            }
            Stickiness::AppCookie { name, .. } => self.cookie(&name.value, name.loc()),
            Stickiness::Source { .. } => "$remote_addr".to_owned(),
        }
    }

    /// Whether the cookie has `Secure`: where every listener that leads to the upstream has TLS.
    fn is_secure(&self, id: UpstreamId, cookie: &StickyCookie) -> bool {
        match cookie.secure.value {
            Secure::Always => true,
            Secure::Never => false,
            Secure::OnTls => !self.plain_upstreams[id.index()],
        }
    }

    /// What a location says beside `proxy_pass` to reach a share's upstream; only what differs from the level above.
    pub(super) fn reach(&self, share: &Share, timer: Dur, tunnel: bool) -> Vec<Directive> {
        let upstream = self.gateway.upstream(share.upstream.value);
        let mut lines = Vec::new();
        let connect = share.connect.value;
        if connect != defaults::CONNECT {
            lines.push(
                Directive::new("proxy_connect_timeout", vec![dur(connect)]).at(share.connect.loc()),
            );
        }
        let mut late = false;
        if let Some(retries) = &share.retries.value {
            late = retries.after.contains(&RetryAfter::Timeout);
            lines.extend(retry_lines(retries, share.retries.loc()));
        }
        // Connecting may take two servers' time, but what came too late is not asked for again.
        let bound = if late {
            0
        } else {
            (2 * connect.as_millis()).min(timer.as_millis())
        };
        if bound != 2 * defaults::CONNECT.as_millis() {
            lines.push(
                Directive::new(
                    "proxy_next_upstream_timeout",
                    vec![word(&format!("{bound}ms"))],
                )
                .at(share.connect.loc()),
            );
        }
        if upstream.response_head.value != defaults::RESPONSE_HEAD {
            let bytes = upstream.response_head.value;
            lines.push(
                Directive::new("proxy_buffer_size", vec![size(bytes)])
                    .at(upstream.response_head.loc()),
            );
            let buffer = bytes.as_bytes().max(8 << 10);
            let text = super::words::bytes_text(buffer);
            lines.push(Directive::new(
                "proxy_buffers",
                vec![Tok::number(8), word(&text)],
            ));
            lines.push(Directive::new("proxy_busy_buffers_size", vec![word(&text)]));
        }
        if upstream.tcp_keepalive.value.is_none() {
            lines.push(
                Directive::fixed("proxy_socket_keepalive off").at(upstream.tcp_keepalive.loc()),
            );
        }
        if upstream.protocol.value == Protocol::Http2 && self.env.since(1, 29, 4) && !tunnel {
            lines.push(Directive::fixed("proxy_http_version 2").at(upstream.protocol.loc()));
        }
        if let Some(tls) = &upstream.tls {
            let name = match &tls.server_name {
                Some(name) => nginx::text(&name.value).at(name.loc()),
                None => nginx::text(&own_host(upstream)),
            };
            lines.push(Directive::new("proxy_ssl_name", vec![name]).at(tls.at));
            if let Some(ca) = &tls.ca {
                lines.push(
                    Directive::new(
                        "proxy_ssl_trusted_certificate",
                        vec![nginx::word(&ca.value)],
                    )
                    .at(ca.loc()),
                );
            }
            if !tls.verify.value {
                lines.push(Directive::fixed("proxy_ssl_verify off").at(tls.verify.loc()));
            }
            if let Some((cert, key)) = &tls.client {
                lines.push(
                    Directive::new("proxy_ssl_certificate", vec![nginx::text(&cert.value)])
                        .at(cert.loc()),
                );
                lines.push(
                    Directive::new("proxy_ssl_certificate_key", vec![nginx::text(&key.value)])
                        .at(key.loc()),
                );
            }
        }
        lines
    }

    /// `proxy_pass`, with a path and query to put in place of the request's, if any.
    pub(super) fn pass(&self, share: &Share, uri: Option<&str>) -> Directive {
        let upstream = self.gateway.upstream(share.upstream.value);
        let scheme = if upstream.tls.is_some() {
            "https://"
        } else {
            "http://"
        };
        let name = &self.upstream_names[upstream.id.index()];
        let url = format!("{scheme}{name}{}", uri.unwrap_or_default());
        Directive::new("proxy_pass", vec![word(&url)]).at(share.upstream.loc())
    }

    /// What the server sees as `Host`; `None` is what the client sent.
    pub(super) fn host_header(&self, share: &Share) -> Option<Tok> {
        match &share.host_header.value {
            HostHeader::Preserve => None,
            HostHeader::Upstream => {
                let upstream = self.gateway.upstream(share.upstream.value);
                let host = match &upstream.servers[0].address.value {
                    Address::Unix { .. } => "localhost".to_owned(),
                    address => {
                        let text = address.to_string();
                        let own = if upstream.tls.is_some() {
                            ":443"
                        } else {
                            ":80"
                        };
                        text.strip_suffix(own).unwrap_or(&text).to_owned()
                    }
                };
                Some(nginx::text(&host))
            }
            HostHeader::Set(host) => Some(nginx::text(host)),
        }
    }
}

/// The name that a server's certificate is for, where nobody said it.
fn own_host(upstream: &Upstream) -> String {
    match &upstream.servers[0].address.value {
        Address::Name { host, .. } => host.clone(),
        Address::Ip { ip, .. } => ip.to_string(),
        Address::Unix { .. } => "localhost".to_owned(),
    }
}

fn retry_lines(retries: &Retries, at: Loc) -> Vec<Directive> {
    let mut causes = vec![Tok::fixed("error")];
    for cause in &retries.after {
        if let RetryAfter::Status(status @ (500 | 502 | 503 | 504)) = cause {
            causes.push(word(&format!("http_{status}")));
        }
    }
    causes.insert(1, Tok::fixed("timeout"));
    vec![
        Directive::new("proxy_next_upstream", causes).at(at),
        Directive::new(
            "proxy_next_upstream_tries",
            vec![Tok::number(u64::from(retries.attempts) + 1)],
        )
        .at(at),
    ]
}
