//! The plan of an NGINX configuration: the gateway in NGINX's own words, ready to be laid out.

mod access;
mod listener;
mod log;
mod route;
mod site;
mod upstream;
mod words;

use std::collections::{HashMap, HashSet};

use regex::bytes::Regex;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::emit::Tok;
use crate::emit::lang::nginx;
use crate::ir::{Action, AuthKind, Gateway, HostMatch, Listener, Loc, RouteId, Set, Site};
use crate::targets::{Env, Layout, Verdicts};
use words::{Block, Directive, Vars, word};

pub(super) use route::read_timeout;
pub(super) use upstream::{hashes_for_stickiness, refuses_backup};

/// What the file has for every route, so that a route says only what differs. Numbers that the contract's defaults name too.
mod defaults {
    use crate::ir::{Dur, Size};

    /// `proxy_connect_timeout`
    pub(super) const CONNECT: Dur = Dur::from_secs(5);
    /// `keepalive_timeout` of an upstream: NGINX's own.
    pub(super) const UPSTREAM_KEEPALIVE: Dur = Dur::from_secs(60);
    /// `proxy_read_timeout` and its like: NGINX's own.
    pub(super) const TIMER: Dur = Dur::from_secs(60);
    /// `proxy_buffer_size`
    pub(super) const RESPONSE_HEAD: Size = Size::from_bytes(64 << 10);
    /// Connections for listeners, resolvers and files.
    pub(super) const RESERVE: u64 = 64;
    /// How often a query parameter is taken out.
    pub(super) const QUERY_REPEATS: usize = 4;
    /// A path that normalizing changes: a dot segment or an empty one.
    pub(super) const UNCLEAN: &str = "(?://|/(?:\\.|%2[eE]){1,2}(?:[/?#]|%2[fF]|\\z))";
    /// The errors that NGINX makes itself.
    pub(super) const OWN_ERRORS: [u16; 22] = [
        400, 401, 403, 404, 405, 408, 411, 412, 413, 414, 415, 416, 421, 426, 429, 431, 500, 501,
        502, 503, 504, 507,
    ];
}

/// The whole file.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    full: bool,
    title: String,
    version: Tok,
    file: Tok,
    accepted: Vec<Remark>,
    main: Vec<Directive>,
    events: Vec<Directive>,
    groups: Vec<Group>,
    raw: Vec<RawLine>,
    raw_path: bool,
    vars: Vec<Block>,
    upstreams: Vec<upstream::UpstreamBlock>,
    servers: Vec<Server>,
}

/// A comment of its own.
#[derive(Debug, Serialize)]
struct Remark {
    text: String,
    at: Loc,
}

/// Directives under a comment.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    about: String,
    lines: Vec<Directive>,
}

/// A `server`.
#[derive(Debug, Serialize)]
pub(super) struct Server {
    about: String,
    at: Option<Loc>,
    lines: Vec<Directive>,
    raw: Vec<RawLine>,
    branches: Vec<Block>,
    locations: Vec<Location>,
}

/// A `location`. A template sees its `head`, one token, and either its `body` on one line, or its parts.
#[derive(Debug, Clone)]
pub(super) struct Location {
    /// On one line.
    brief: bool,
    about: String,
    args: Vec<Tok>,
    first: Vec<Directive>,
    branches: Vec<Block>,
    lines: Vec<Directive>,
    raw: Vec<RawLine>,
    at: Option<Loc>,
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut location = serializer.serialize_struct("Location", 7)?;
        location.serialize_field("about", &self.about)?;
        location.serialize_field("head", &Tok::row(&self.args, self.at))?;
        if self.brief {
            location.serialize_field("body", &words::body(&self.lines))?;
        } else {
            location.serialize_field("body", &false)?;
            location.serialize_field("first", &self.first)?;
            location.serialize_field("branches", &self.branches)?;
            location.serialize_field("lines", &self.lines)?;
            location.serialize_field("raw", &self.raw)?;
        }
        location.end()
    }
}

impl Location {
    fn brief(args: Vec<Tok>, lines: Vec<Directive>, at: Loc) -> Self {
        Self {
            brief: true,
            about: String::new(),
            args,
            first: Vec::new(),
            branches: Vec::new(),
            lines,
            raw: Vec::new(),
            at: (at != Loc::default()).then_some(at),
        }
    }

    fn plain(args: Vec<Tok>, about: &str, lines: Vec<Directive>, at: Loc) -> Self {
        Self {
            brief: false,
            about: about.to_owned(),
            ..Self::brief(args, lines, at)
        }
    }

    fn new(
        args: Vec<Tok>,
        about: &str,
        content: route::Content,
        raw: Vec<RawLine>,
        at: Loc,
    ) -> Self {
        let route::Content {
            mut first,
            branches,
            mut lines,
        } = content;
        if branches.is_empty() {
            first.append(&mut lines);
            std::mem::swap(&mut first, &mut lines);
        }
        let brief = branches.is_empty() && raw.is_empty() && lines.len() <= 5 && {
            let width: usize = lines.iter().map(Directive::width).sum();
            width <= 120
        };
        Self {
            brief,
            about: about.to_owned(),
            args,
            first,
            branches,
            lines,
            raw,
            at: Some(at),
        }
    }

    /// Whether it may stand twice.
    fn is_short(&self) -> bool {
        self.brief
    }

    /// The same for other paths.
    fn taking(&self, args: Vec<Tok>) -> Self {
        Self {
            args,
            ..self.clone()
        }
    }
}

/// A line of a snippet in NGINX's own words.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RawLine {
    text: Tok,
    at: Loc,
}

impl RawLine {
    fn of(text: &Set<String>) -> impl Iterator<Item = Self> {
        let at = text.loc();
        text.value.lines().map(move |line| Self {
            text: Tok::snippet(line.trim_end()).at(at),
            at,
        })
    }
}

fn remark(text: &str) -> String {
    text.to_owned()
}

/// Makes the plan.
pub(super) fn plan<'a>(gateway: &'a Gateway, verdicts: &'a Verdicts<'a>, env: &'a Env<'a>) -> Plan {
    let mut planner = Planner {
        gateway,
        verdicts,
        env,
        vars: Vars::default(),
        zones: Vec::new(),
        known_zones: HashSet::new(),
        log_lines: Vec::new(),
        buckets: HashMap::new(),
        upstream_names: upstream::names(&gateway.upstreams),
        set_cookie: vec![None; gateway.upstreams.len()],
        plain_upstreams: plain_upstreams(gateway),
        compiled: HashMap::new(),
        inline_bodies: HashMap::new(),
        raw_routes: gateway
            .rooms
            .nginx
            .room
            .raw
            .routes
            .iter()
            .map(|(id, text)| (*id, text))
            .collect(),
        raw_path: false,
        logs_route: logs_route(gateway),
        xff: String::new(),
        port: String::new(),
    };
    (planner.xff, planner.port) = planner.forwarded_vars();
    planner.plan()
}

/// What is known and gathered while planning.
struct Planner<'a> {
    gateway: &'a Gateway,
    verdicts: &'a Verdicts<'a>,
    env: &'a Env<'a>,
    vars: Vars,
    /// Zones that count requests.
    zones: Vec<Directive>,
    known_zones: HashSet<String>,
    log_lines: Vec<Directive>,
    buckets: HashMap<String, usize>,
    upstream_names: Vec<String>,
    /// Below 1.29.6: by upstream, the variable of the sticky cookie to set.
    set_cookie: Vec<Option<String>>,
    /// By upstream, whether a listener without TLS leads to it.
    plain_upstreams: Vec<bool>,
    compiled: HashMap<String, Option<Regex>>,
    inline_bodies: HashMap<(RouteId, u32), Location>,
    raw_routes: HashMap<RouteId, &'a Set<String>>,
    raw_path: bool,
    logs_route: bool,
    xff: String,
    port: String,
}

impl<'a> Planner<'a> {
    fn plan(mut self) -> Plan {
        let gateway = self.gateway;
        let full = self.env.layout == Layout::Full;
        let upstreams: Vec<_> = gateway
            .upstreams
            .iter()
            .map(|upstream| self.upstream(upstream))
            .collect();
        let log = self.log();
        let mut own: Vec<Vec<Directive>> = gateway
            .listeners
            .iter()
            .map(|listener| self.listener_lines(listener))
            .collect();
        for listener in &gateway.listeners {
            self.listener_zone(listener);
        }
        let mut secure: Vec<Vec<Directive>> = gateway
            .listeners
            .iter()
            .filter_map(|listener| listener.tls.as_ref())
            .map(listener::tls_lines)
            .collect();
        let mut shared = self.shared();
        let mut common = Vec::new();
        if full {
            common = hoist(&mut own);
            // What TLS says is idle where there is no TLS.
            common.extend(hoist(&mut secure));
        }
        let mut secure = secure.into_iter();
        for (listener, own) in gateway.listeners.iter().zip(&mut own) {
            if listener.tls.is_some() {
                own.extend(secure.next().unwrap_or_default());
            }
        }
        let sites = gateway.sites();
        let mut servers = Vec::new();
        for (listener, own) in gateway.listeners.iter().zip(&own) {
            for site in &sites {
                let inherited = if full { &[][..] } else { &shared[..] };
                servers.extend(self.server(listener, site, own, inherited));
            }
        }
        servers.extend(self.metrics());
        let hosts = sites.len();
        let longest = gateway
            .table
            .iter()
            .map(|entry| match entry.host(gateway) {
                HostMatch::Exact(name) | HostMatch::Wildcard(name) => name.len(),
                HostMatch::Regex(_) | HostMatch::Any => 0,
            })
            .max()
            .unwrap_or_default();
        let mut groups = vec![Group {
            about: remark("Tables."),
            lines: self.tables(hosts, longest),
        }];
        let mut logs = log;
        let mut log_lines = std::mem::take(&mut self.log_lines);
        if full {
            log_lines.append(&mut logs.lines);
        }
        if !log_lines.is_empty() {
            groups.push(Group {
                about: logs.about,
                lines: log_lines,
            });
        }
        if full {
            groups.push(Group {
                about: remark("What holds for every listener."),
                lines: common,
            });
            groups.push(Group {
                about: remark(
                    "What holds for every route. A server that refuses or breaks the connection is skipped; a request that may have been worked on goes to another only if its method is idempotent.",
                ),
                lines: std::mem::take(&mut shared),
            });
        } else {
            for server in &mut servers {
                let mut lines = logs.lines.clone();
                lines.append(&mut server.lines);
                server.lines = lines;
            }
        }
        if !self.zones.is_empty() {
            groups.push(Group {
                about: remark("Counters of limits."),
                lines: std::mem::take(&mut self.zones),
            });
        }
        groups.retain(|group| !group.lines.is_empty());
        let room = &gateway.rooms.nginx.room;
        Plan {
            full,
            title: gateway.name.value.clone(),
            version: word(&self.env.version.to_string()),
            file: word("wsgen.conf"),
            accepted: gateway
                .accept
                .iter()
                .filter(|accept| accept.target == "nginx")
                .map(|accept| Remark {
                    text: format!("nginx::{}: {}", accept.feature.id(), accept.because),
                    at: accept.at,
                })
                .collect(),
            main: self.main(),
            events: self.events(),
            groups,
            raw: room.raw.top.iter().flat_map(RawLine::of).collect(),
            raw_path: self.raw_path,
            vars: std::mem::take(&mut self.vars.blocks),
            upstreams,
            servers,
        }
    }

    /// The server of a site on a listener; none where no route of the site can be reached there.
    fn server(
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
                let regex = words::pcre(regex).replace('/', "\\x2F");
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
    fn shared(&self) -> Vec<Directive> {
        let mut lines = vec![
            Directive::fixed("server_tokens off"),
            Directive::fixed("absolute_redirect off"),
            Directive::fixed("client_max_body_size 0"),
            Directive::fixed("recursive_error_pages on"),
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
    fn tables(&self, hosts: usize, longest: usize) -> Vec<Directive> {
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

/// The jump of [`site`], and the two meanings of 502; a location with errors of its own repeats them.
fn base_errors() -> Vec<Directive> {
    vec![
        Directive::fixed("error_page 502 = $wg_bad"),
        Directive::fixed("error_page 520 = $wg_to"),
    ]
}

/// Takes out the lines that every list holds.
fn hoist(lists: &mut [Vec<Directive>]) -> Vec<Directive> {
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

fn plain_upstreams(gateway: &Gateway) -> Vec<bool> {
    let mut plain = vec![false; gateway.upstreams.len()];
    for listener in gateway.listeners.iter().filter(|one| one.tls.is_none()) {
        for route in &gateway.routes {
            if gateway.serves(listener, route) {
                for share in route.shares() {
                    plain[share.upstream.value.index()] = true;
                }
            }
        }
    }
    plain
}

/// Whether the log names the route.
fn logs_route(gateway: &Gateway) -> bool {
    gateway.log.as_ref().is_some_and(|log| {
        log.format.value == crate::ir::LogFormat::Json
            && log.fields.value.contains(&crate::ir::LogField::Route)
    })
}
