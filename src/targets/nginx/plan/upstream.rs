//! Upstreams: the `upstream` blocks, and what keeps a client on its server.

use rustc_hash::FxHashSet as HashSet;

use serde::Serialize;

use super::matching::literal;
use super::words::{
    Directive, default, dur, dur_text, entry_regex, header_variable, inert, is_variable_part, word,
};
use super::{Planner, RawLine, defaults};
use crate::emit::lang::nginx;
use crate::emit::{Part, Tok};
use crate::ir::{
    Address, Balance, HashKey, Loc, SameSite, Secure, Stickiness, StickyCookie, Upstream,
    UpstreamId,
};

/// An `upstream` block.
#[derive(Debug, Serialize)]
pub(in crate::targets::nginx) struct UpstreamBlock {
    pub(super) name: Tok,
    pub(super) lines: Vec<Directive>,
    pub(super) raw: Vec<RawLine>,
    pub(super) at: Option<Loc>,
}

/// A name in the letters that a block's name may have; others become `_`.
pub(super) fn plain_name(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || "_.-".contains(c) => c,
            _ => '_',
        })
        .collect()
}

/// The names of the blocks, by upstream: NGINX compares them without case.
pub(super) fn names(upstreams: &[Upstream]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::default();
    upstreams
        .iter()
        .map(|upstream| {
            let mut name = plain_name(&upstream.name);
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
    pub(super) fn resolves(&self, upstream: &Upstream) -> bool {
        upstream.has_names()
            && upstream.resolve.value.is_some()
            && self.gateway.rooms.nginx.resolvers.is_some()
            && self.env.since(1, 27, 3)
    }

    /// `max_fails` and `fail_timeout`: NGINX's own default takes a server out for 10 s after one error.
    pub(super) fn failures(&self, upstream: &Upstream) -> Vec<Tok> {
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
    pub(super) fn hash_key(&mut self, key: &HashKey, at: Loc) -> String {
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
        let regex = format!("(?:^|&){}=(?<wg_arg>[^&]*)", super::matching::encoded(name));
        let lines = vec![entry_regex(&regex, word("$wg_arg")), default("")];
        format!("${}", self.vars.map("$args", "query", lines, at))
    }

    /// `sticky`, since 1.29.6.
    pub(super) fn sticky(&mut self, upstream: &Upstream, stickiness: &Stickiness) -> Directive {
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
    pub(super) fn sticky_key(&mut self, upstream: &Upstream, stickiness: &Stickiness) -> String {
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
    pub(super) fn is_secure(&self, id: UpstreamId, cookie: &StickyCookie) -> bool {
        match cookie.secure.value {
            Secure::Always => true,
            Secure::Never => false,
            Secure::OnTls => !self.plain_upstreams[id.index()],
        }
    }
}
