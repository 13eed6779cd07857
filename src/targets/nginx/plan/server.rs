//! Servers: one for each site of a listener, and what all of them share.

use super::words::{Directive, word};
use super::{Location, Planner, RawLine, Server, base_errors};
use crate::emit::Tok;
use crate::emit::lang::nginx;
use crate::ir::{Action, AuthKind, HostMatch, Listener, Loc, Site};
use crate::targets::Layout;

impl<'a> Planner<'a> {
    /// The server of a site on a listener; none where no route of the site can be reached there.
    pub(super) fn server(
        &mut self,
        listener: &'a Listener,
        site: &Site<'a>,
        own: &[Directive],
        inherited: &[Directive],
    ) -> Option<Server> {
        let gateway = self.gateway;
        let any = *site.host == HostMatch::Any;
        let served = |route| gateway.serves(listener, gateway.route(route));
        let empty = !site.entries.iter().any(|one| served(one.entry.route));
        if empty && !any {
            return None;
        }
        let at = if any {
            listener.at
        } else {
            site.entries
                .first()
                .map_or(listener.at, |one| gateway.route(one.entry.route).at)
        };
        let mut lines = self.listens(listener, any);
        match site.host {
            HostMatch::Exact(host) => {
                lines.push(Directive::new("server_name", vec![nginx::word(host)]));
            }
            HostMatch::Wildcard(zone) => {
                let name = format!("*.{zone}");
                lines.push(Directive::new("server_name", vec![nginx::word(&name)]));
            }
            HostMatch::Regex(regex) => {
                // NGINX warns of a slash, as no host has one.
                let regex = super::matching::pcre(regex).replace('/', "\\x2F");
                let name = format!("~^(?:{regex})\\z");
                lines.push(Directive::new("server_name", vec![nginx::word(&name)]));
            }
            HostMatch::Any => {}
        }
        let closes = empty && self.closes(listener);
        if let Some(tls) = &listener.tls {
            if closes {
                lines.push(
                    Directive::fixed("ssl_reject_handshake on").at(listener.unknown_host.loc()),
                );
            } else {
                lines.extend(self.certificate_lines(tls, site.host));
            }
        }
        lines.extend(own.iter().cloned());
        lines.extend(self.hsts(listener));
        lines.extend(inherited.iter().cloned());
        let mut locations = Vec::new();
        if closes {
            lines.push(Directive::fixed("return 444").at(listener.unknown_host.loc()));
        } else {
            locations = self.locations(site, listener);
            let forwards = site.entries.iter().any(|one| {
                let route = gateway.route(one.entry.route);
                served(one.entry.route)
                    && (matches!(route.action, Action::Forward(_))
                        || gateway
                            .auth_of(route)
                            .is_some_and(|auth| matches!(auth.kind, AuthKind::Forward(_))))
            });
            if forwards {
                let mut unreached = Location::brief(
                    vec![word("@wg_503")],
                    vec![Directive::fixed("return 503")],
                    Loc::default(),
                );
                unreached.about = "no server was reached; or one broke off".to_owned();
                locations.push(unreached);
                // Not again: 502 would lead here.
                locations.push(Location::brief(
                    vec![word("@wg_502")],
                    vec![
                        Directive::fixed("recursive_error_pages off"),
                        Directive::fixed("return 502"),
                    ],
                    Loc::default(),
                ));
            }
        }
        // 494 is NGINX's own word for a head that is too large.
        locations.push(too_large());
        let raw = gateway
            .rooms
            .nginx
            .room
            .raw
            .listeners
            .iter()
            .filter(|(id, _)| *id == listener.id)
            .flat_map(|(_, text)| RawLine::of(text))
            .collect();
        let host = match site.host {
            HostMatch::Any => "any other host".to_owned(),
            host => host.to_string(),
        };
        Some(Server {
            about: format!("{host} on {}", listener.name),
            at: Some(at),
            lines,
            raw,
            branches: self.refusals(listener),
            locations,
        })
    }

    /// What every route inherits.
    pub(super) fn shared(&self) -> Vec<Directive> {
        let mut lines = vec![
            Directive::fixed("server_tokens off"),
            Directive::fixed("absolute_redirect off"),
            Directive::fixed("client_max_body_size 0"),
            Directive::fixed("recursive_error_pages on"),
            Directive::fixed("error_page 494 = @wg_431"),
        ];
        lines.extend(base_errors());
        if !self.env.since(1, 29, 7) {
            lines.push(Directive::fixed("proxy_http_version 1.1"));
        }
        for (name, value) in self.base_headers(true) {
            lines.push(Directive::new(
                "proxy_set_header",
                vec![word(name), word(&value)],
            ));
        }
        lines.extend([
            Directive::fixed(
                "proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset",
            ),
            Directive::fixed("proxy_redirect off"),
            Directive::fixed("proxy_socket_keepalive on"),
            Directive::fixed("proxy_buffer_size 64k"),
            Directive::fixed("proxy_buffers 8 64k"),
            Directive::fixed("proxy_busy_buffers_size 64k"),
            Directive::fixed("proxy_connect_timeout 5s"),
            Directive::fixed("proxy_next_upstream error timeout"),
            // Connecting may take two servers' time; a late answer is never asked for again.
            Directive::fixed("proxy_next_upstream_timeout 10s"),
        ]);
        let gateway = self.gateway;
        if gateway
            .upstreams
            .iter()
            .any(|upstream| upstream.tls.is_some())
        {
            let ca = &gateway.rooms.nginx.system_ca;
            lines.extend([
                Directive::fixed("proxy_ssl_server_name on"),
                Directive::fixed("proxy_ssl_verify on"),
                Directive::fixed("proxy_ssl_verify_depth 4"),
                Directive::new(
                    "proxy_ssl_trusted_certificate",
                    vec![nginx::word(&ca.value)],
                )
                .at(ca.loc()),
                Directive::fixed("proxy_ssl_protocols TLSv1.2 TLSv1.3"),
            ]);
        }
        if gateway.routes.iter().any(|route| route.requests.is_some()) {
            lines.push(Directive::fixed("limit_req_status 429"));
        }
        if gateway.routes.iter().any(|route| route.compression.value) {
            lines.extend([
                Directive::fixed("gzip_vary on"),
                Directive::fixed("gzip_proxied any"),
                Directive::fixed("gzip_types text/plain text/css text/xml text/javascript application/javascript application/json application/xml application/xhtml+xml application/rss+xml application/atom+xml application/wasm application/manifest+json image/svg+xml"),
            ]);
        }
        lines
    }

    /// The sizes of NGINX's hash tables, which it does not choose itself.
    pub(super) fn tables(&self, hosts: usize, longest: usize) -> Vec<Directive> {
        let full = self.env.layout == Layout::Full;
        let mut lines = Vec::new();
        let mut table = |name: &'static str, least: usize, wanted: usize| {
            if full && wanted > least {
                lines.push(Directive::new(
                    name,
                    vec![Tok::number(wanted.next_power_of_two() as u64)],
                ));
            }
        };
        table("server_names_hash_max_size", 512, hosts * 4);
        table("server_names_hash_bucket_size", 32, longest + 40);
        table(
            "variables_hash_max_size",
            0,
            (self.vars.blocks.len() * 4).max(2048),
        );
        table("variables_hash_bucket_size", 0, 128);
        table("map_hash_bucket_size", 0, 256);
        lines
    }
}

/// Where a request head goes that is too large.
pub(super) fn too_large() -> Location {
    Location::brief(
        vec![word("@wg_431")],
        vec![Directive::fixed("return 431")],
        Loc::default(),
    )
}

/// Takes out the lines that every list holds.
pub(super) fn hoist(lists: &mut [Vec<Directive>]) -> Vec<Directive> {
    let Some(first) = lists.first() else {
        return Vec::new();
    };
    let common: Vec<Directive> = first
        .iter()
        .filter(|line| {
            lists
                .iter()
                .all(|lines| lines.iter().any(|one| one.same(line)))
        })
        .cloned()
        .collect();
    for lines in lists {
        lines.retain(|line| !common.iter().any(|one| one.same(line)));
    }
    common
}
