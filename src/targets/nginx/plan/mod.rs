//! The plan of an NGINX configuration: the gateway in NGINX's own words, ready to be laid out.

mod access;
mod conditions;
mod errors;
mod headers;
mod listener;
mod location;
mod log;
mod matching;
mod reach;
mod rewrite;
mod route;
mod server;
mod site;
mod upgrade;
mod upstream;
mod words;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use regex::bytes::Regex;
use serde::Serialize;

use crate::emit::Tok;
use crate::ir::{Gateway, HostMatch, Loc, RouteId, Set};
use crate::targets::{Env, Layout, Verdicts};
use location::{Location, RawLine};
use server::hoist;
use words::{Block, Directive, Vars, word};

pub(super) use access::bucket_rate;
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

/// Makes the plan.
pub(super) fn plan<'a>(gateway: &'a Gateway, verdicts: &'a Verdicts<'a>, env: &'a Env<'a>) -> Plan {
    let mut planner = Planner {
        gateway,
        verdicts,
        env,
        vars: Vars::default(),
        zones: Vec::new(),
        known_zones: HashSet::default(),
        log_lines: Vec::new(),
        buckets: HashMap::default(),
        upstream_names: upstream::names(&gateway.upstreams),
        set_cookie: vec![None; gateway.upstreams.len()],
        plain_upstreams: plain_upstreams(gateway),
        compiled: HashMap::default(),
        upgrades: HashMap::default(),
        suffixes: HashMap::default(),
        origins: HashMap::default(),
        inline_bodies: HashMap::default(),
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
    /// Variables that many routes share: for the methods and tokens of upgrades, for the origins that may come.
    upgrades: HashMap<(Vec<String>, Vec<String>), String>,
    suffixes: HashMap<String, String>,
    origins: HashMap<upgrade::Asked, String>,
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
            about: "Tables.".to_owned(),
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
                about: "What holds for every listener.".to_owned(),
                lines: common,
            });
            groups.push(Group {
                about: "What holds for every route. A server that refuses or breaks the connection is skipped; a request that may have been worked on goes to another only if its method is idempotent.".to_owned(),
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
                about: "Counters of limits.".to_owned(),
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
            accepted: self
                .verdicts
                .accepted(gateway)
                .into_iter()
                .map(|(text, at)| Remark { text, at })
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
}

/// The jump of [`site`], and the two meanings of 502; a location with errors of its own repeats them.
fn base_errors() -> Vec<Directive> {
    vec![
        Directive::fixed("error_page 502 = $wg_bad"),
        Directive::fixed("error_page 520 = $wg_to"),
    ]
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
