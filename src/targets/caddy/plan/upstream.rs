//! Upstreams: the handler that passes requests on, one for each way in which routes use an upstream.

use rustc_hash::FxHashMap as HashMap;

use super::headers::{FORWARDED, forwarded};
use super::value::ph;
use super::{
    Ctx, always, answers, at, fixed, handler, invoke, key, number, parts, placeholder, raw,
    rewrite, set_var, subroute, text, time, var_like, when, word,
};
use crate::emit::Part;
use crate::emit::{Map, Node};
use crate::ir::{
    Address, Balance, Check, Dur, Feature, Gateway, HashKey, HostHeader, Listener, Protocol,
    Replace, RetryAfter, Route, RouteId, Server, Share, Stickiness, Subject, Upstream, UpstreamId,
};
use crate::targets::caddy::facts;

/// A header that a hash is computed from, where what is asked for is none; no server sees it.
const MADE: &str = "Wsgen-Key";

/// How long a server that refused is left out for each other one, so that those take the request; no longer than that takes.
const SKIP: u64 = 10;

/// An upstream as some routes use it.
pub(super) struct Group<'a> {
    pub(super) name: String,
    pub(super) upstream: &'a Upstream,
    /// The first of the routes, and its share: the others have the same settings.
    pub(super) route: &'a Route,
    share: &'a Share,
    read: Option<Dur>,
}

/// Every group, and which one a route's share is served by.
pub(super) struct Groups<'a> {
    pub(super) list: Vec<Group<'a>>,
    of: HashMap<(RouteId, UpstreamId), usize>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(g: &'a Gateway) -> Self {
        let mut groups = Self {
            list: Vec::new(),
            of: HashMap::default(),
        };
        let mut known: HashMap<String, usize> = HashMap::default();
        let mut used: HashMap<UpstreamId, ()> = HashMap::default();
        for route in &g.routes {
            for share in route.shares() {
                let read = facts::read_timer(g, route, share);
                let settings = settings(route, share, read);
                let id = share.upstream.value;
                let upstream = g.upstream(id);
                let index = *known.entry(settings).or_insert_with(|| {
                    let name = match used.insert(id, ()) {
                        None => format!("upstream:{}", upstream.name),
                        Some(()) => format!("upstream:{}:{}", upstream.name, route.name),
                    };
                    groups.list.push(Group {
                        name,
                        upstream,
                        route,
                        share,
                        read,
                    });
                    groups.list.len() - 1
                });
                groups.of.insert((route.id, id), index);
            }
        }
        groups
    }

    pub(super) fn of(&self, route: &Route, upstream: UpstreamId) -> Option<&Group<'a>> {
        let index = *self.of.get(&(route.id, upstream))?;
        self.list.get(index)
    }
}

/// What routes must have in common to share a handler, as a text to compare.
fn settings(route: &Route, share: &Share, read: Option<Dur>) -> String {
    let own = answers_for(route) || changes_forwarded(route);
    let max = route.websocket.as_ref().map(|it| it.max_duration.value);
    format!(
        "{:?} {:?} {:?} {:?} {} {:?} {:?} {:?} {} {:?}",
        share.upstream.value,
        share.connect.value,
        share.retries.value,
        share.host_header.value,
        route.response.value,
        read,
        max,
        route.stream.as_ref().map(|it| it.request.value),
        route.forwarded.value,
        own.then_some(route.id),
    )
}

/// Whether the handler looks at answers on behalf of one route.
fn answers_for(route: &Route) -> bool {
    let pages = route.error_pages.as_ref();
    pages.is_some_and(|it| it.replace.value != Replace::Proxy)
        || route
            .rewrite
            .as_ref()
            .is_some_and(|it| it.map_location.value)
}

fn changes_forwarded(route: &Route) -> bool {
    route.request_headers.iter().any(|op| {
        FORWARDED
            .iter()
            .any(|name| op.name.eq_ignore_ascii_case(name))
    })
}

/// The named routes of the upstreams that a listener's routes lead to, and of services that decide who may come.
pub(super) fn named(ctx: &Ctx<'_>, listener: &Listener, mut named: Map) -> Map {
    let mut any = false;
    for group in &ctx.groups.list {
        let asked = ctx.g.routes.iter().any(|route| {
            ctx.g.serves(listener, route)
                && route.shares().iter().any(|share| {
                    ctx.groups
                        .of(route, share.upstream.value)
                        .is_some_and(|it| it.name == group.name)
                })
        });
        if !asked {
            continue;
        }
        any = true;
        let backups: Vec<&Server> = facts::backups(group.upstream).collect();
        let mains: Vec<&Server> = facts::mains(group.upstream).collect();
        let spare = (!backups.is_empty()).then(|| format!("{}:backup", group.name));
        let entry = servers(ctx, listener, group, &mains, spare.as_deref());
        named = named.entry(key(&group.name), at(entry, group.upstream.at));
        if let Some(name) = spare {
            let entry = servers(ctx, listener, group, &backups, None);
            named = named.entry(key(&name), at(entry, group.upstream.at));
        }
    }
    if any {
        named = named.entry(key("failed"), failed());
    }
    named
}

/// A server that cannot be reached is 503, one that does not answer in time 504, anything else as Caddy has it.
fn failed() -> Map {
    let say = |status: u16| -> Node {
        handler("error")
            .put("status_code", number(status.into()))
            .into()
    };
    let like = |pattern| var_like(key("{http.error.message}"), pattern);
    let again: Node = handler("error")
        .put("error", fixed("{http.error.message}"))
        .put("status_code", fixed("{http.error.status_code}"))
        .into();
    always(vec![
        subroute(vec![
            when(
                like("^dial .*(?:i/o timeout|deadline exceeded)"),
                vec![say(504)],
            )
            .into(),
            when(
                like("^(?:dial |tls: |x509: |remote error: tls: )"),
                vec![say(503)],
            )
            .into(),
            always(vec![again]).into(),
        ])
        .into(),
    ])
}

fn servers(
    ctx: &Ctx<'_>,
    listener: &Listener,
    group: &Group<'_>,
    servers: &[&Server],
    spare: Option<&str>,
) -> Map {
    let up = group.upstream;
    let mut handle = Vec::new();
    if let Some(value) = made(up) {
        handle.push(
            handler("headers")
                .put(
                    "request",
                    Map::new().put("set", Map::new().put(MADE, Node::list([value]))),
                )
                .into(),
        );
    }
    let socket = group.route.websocket.is_some();
    let mut routes: Vec<Node> = Vec::new();
    let h2c = up.protocol.value == Protocol::Http2 && up.tls.is_none();
    if h2c && socket {
        // A tunnel is made by HTTP/1.1 only.
        let upgrade = Map::new().put(
            "header",
            Map::new().put("Upgrade", Node::list([fixed("*")])),
        );
        let mut first = handle.clone();
        first.push(proxy(ctx, listener, group, servers, false));
        routes.push(super::stop(upgrade, first).into());
    }
    handle.push(proxy(ctx, listener, group, servers, h2c));
    routes.push(always(handle).into());
    let mut errors: Vec<Node> = Vec::new();
    if let Some(spare) = spare {
        let none = var_like(
            key("{http.error.message}"),
            "^(?:dial |no upstreams available)",
        );
        errors.push(super::stop(none, vec![invoke(spare)]).into());
    }
    errors.push(always(vec![invoke("failed")]).into());
    always(vec![
        subroute(routes)
            .put("errors", Map::new().put("routes", Node::list(errors)))
            .into(),
    ])
}

/// What a hash is computed from, where it is made into a header.
fn made(up: &Upstream) -> Option<Node> {
    if !facts::hashes_made_header(up) {
        return None;
    }
    let cookie = |name: &str| Node::tok(placeholder("http.request.cookie.", name));
    match (&up.stickiness, &up.balance.value) {
        (Some(Stickiness::AppCookie { name, .. }), _) => Some(cookie(&name.value).at(name.loc())),
        (_, Balance::Hash(HashKey::Cookie(name))) => Some(cookie(name).at(up.balance.loc())),
        _ => Some(fixed("{http.vars.path}")),
    }
}

fn proxy(
    ctx: &Ctx<'_>,
    listener: &Listener,
    group: &Group<'_>,
    servers: &[&Server],
    h2c: bool,
) -> Node {
    let (up, route, share) = (group.upstream, group.route, group.share);
    let mut map = handler("reverse_proxy")
        .put("upstreams", upstreams(up, servers))
        .put("load_balancing", balancing(ctx, group, servers));
    if let Some(checks) = checks(up, servers) {
        map = map.put("health_checks", checks);
    }
    map = map.put(
        "transport",
        transport(ctx, up, route, share, group.read, h2c),
    );
    let mut headers = Map::new().put("request", request(ctx, listener, group));
    if let Some(back) = rewrite::map_back(route) {
        headers = headers.put("response", back);
    }
    map = map.put("headers", headers);
    if route.stream.is_some() {
        // A negative interval would keep a request alive whose client is gone.
        map = map.put("flush_interval", fixed("1ms"));
    }
    if let Some(max) = route.websocket.as_ref().map(|it| &it.max_duration)
        && let Some(age) = max.value
    {
        map = map.put("stream_timeout", time(age).at(max.loc()));
    }
    let drain = &ctx.g.runtime.drain_timeout;
    map = map.put("stream_close_delay", time(drain.value).at(drain.loc()));
    let pages = answers::of_server(route);
    if !pages.is_empty() {
        map = map.put("handle_response", Node::list(pages));
    }
    for (_, snippet) in ctx
        .g
        .rooms
        .caddy
        .room
        .raw
        .upstreams
        .iter()
        .filter(|(id, _)| *id == up.id)
    {
        map = raw(map, snippet);
    }
    map.into()
}

/// The servers; one with a larger share of chance stands there more often.
fn upstreams(up: &Upstream, servers: &[&Server]) -> Node {
    let by_chance = matches!(up.balance.value, Balance::Random);
    let unit = servers
        .iter()
        .map(|it| it.weight.value)
        .fold(0, greatest_common);
    let mut list = Vec::new();
    for server in servers {
        let mut one = Map::new().put("dial", dial(&server.address.value).at(server.address.loc()));
        if let Some(max) = up.max_connections.value {
            one = one.put("max_requests", number(max).at(up.max_connections.loc()));
        }
        let times = if by_chance {
            server.weight.value / unit.max(1)
        } else {
            1
        };
        for _ in 0..times {
            list.push(at(one.clone(), server.at));
        }
    }
    Node::list(list)
}

fn greatest_common(a: u16, b: u16) -> u16 {
    if b == 0 { a } else { greatest_common(b, a % b) }
}

/// Where a server is dialled.
pub(super) fn dial(address: &Address) -> Node {
    match address {
        Address::Unix { path } => parts(&[Part::Static("unix/"), Part::Text(path)]),
        other => text(&other.to_string()),
    }
}

fn policy(name: &'static str) -> Map {
    Map::new().put("policy", fixed(name))
}

fn balancing(ctx: &Ctx<'_>, group: &Group<'_>, servers: &[&Server]) -> Map {
    let up = group.upstream;
    let mut map = Map::new();
    if servers.len() > 1 || up.stickiness.is_some() {
        map = map.put("selection_policy", selection(ctx, up, servers));
    }
    let tries = facts::tries(up, group.share);
    if tries > 0 {
        map = map.put("retries", number(tries));
        map = map.put("retry_match", retry_match(group));
    }
    map
}

/// Which failures beyond a refused connection are tried again: without a list Caddy would repeat every GET.
fn retry_match(group: &Group<'_>) -> Node {
    let retries = &group.share.retries;
    let Some(asked) = &retries.value else {
        return Node::list([super::entry::never()]);
    };
    const SAFE: [&str; 6] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"];
    let mut causes: Vec<String> = Vec::new();
    let statuses: Vec<String> = asked
        .after
        .iter()
        .filter_map(|it| match it {
            RetryAfter::Status(status) => Some(status.to_string()),
            RetryAfter::Connect | RetryAfter::Timeout => None,
        })
        .collect();
    if asked
        .after
        .iter()
        .any(|it| matches!(it, RetryAfter::Timeout))
    {
        causes.push(format!(
            "{} == true",
            ph("http.reverse_proxy.is_transport_error")
        ));
    }
    if !statuses.is_empty() {
        causes.push(format!(
            "{} in [{}]",
            ph("http.reverse_proxy.status_code"),
            statuses.join(", ")
        ));
    }
    let sets = causes.iter().map(|cause| {
        Map::new()
            .put("method", Node::list(SAFE.map(fixed)))
            .put("expression", word(cause))
    });
    Node::list(sets).at(retries.loc())
}

fn selection(ctx: &Ctx<'_>, up: &Upstream, servers: &[&Server]) -> Node {
    let from = up.balance.loc();
    let weights: Vec<u16> = servers.iter().map(|it| it.weight.value).collect();
    let own = match &up.balance.value {
        Balance::RoundRobin if weights.iter().any(|it| *it != weights[0]) => {
            policy("weighted_round_robin").put(
                "weights",
                Node::list(weights.iter().map(|it| Node::number(i64::from(*it)))),
            )
        }
        Balance::RoundRobin => policy("round_robin"),
        Balance::LeastConnections => policy("least_conn"),
        Balance::Random => policy("random"),
        Balance::Hash(HashKey::Source) => policy("client_ip_hash"),
        Balance::Hash(HashKey::Header(name)) => policy("header").put("field", word(name)),
        Balance::Hash(HashKey::Query(name)) => policy("query").put("key", word(name)),
        Balance::Hash(HashKey::Cookie(_) | HashKey::Path) => {
            policy("header").put("field", fixed(MADE))
        }
    };
    match &up.stickiness {
        None => at(own, from),
        Some(Stickiness::Cookie(cookie)) => {
            let mut map =
                policy("cookie").put("name", word(&cookie.name.value).at(cookie.name.loc()));
            if let Some(ttl) = cookie.ttl.value
                && ctx.v.renders(
                    Feature::StickyCookieTtl,
                    Subject::Upstream(up),
                    cookie.ttl.from,
                )
            {
                map = map.put("max_age", time(ttl).at(cookie.ttl.loc()));
            }
            map.put("fallback", at(own, from)).into()
        }
        Some(Stickiness::AppCookie { name, .. }) => at(
            policy("header")
                .put("field", fixed(MADE))
                .put("fallback", at(own, from)),
            name.loc(),
        ),
        Some(Stickiness::Source { at: loc, .. }) => at(policy("client_ip_hash"), *loc),
    }
}

fn checks(up: &Upstream, servers: &[&Server]) -> Option<Map> {
    let mut map = Map::new();
    if let Some(health) = &up.health
        && let Check::Http {
            path,
            host,
            method,
            status,
        } = &health.check.value
    {
        let mut active = Map::new().put("uri", word(path));
        if method != "GET" {
            active = active.put("method", word(method));
        }
        if let Some(host) = host {
            active = active.put("headers", Map::new().put("Host", Node::list([text(host)])));
        }
        if let Some(port) = &health.port {
            active = active.put("port", number(port.value.into()).at(port.loc()));
        }
        active = active
            .put(
                "interval",
                time(health.interval.value).at(health.interval.loc()),
            )
            .put(
                "timeout",
                time(health.timeout.value).at(health.timeout.loc()),
            )
            .put(
                "passes",
                number(health.rise.value.into()).at(health.rise.loc()),
            )
            .put(
                "fails",
                number(health.fall.value.into()).at(health.fall.loc()),
            );
        active = active.put("expect_status", number(facts::expected(status).into()));
        map = map.put("active", at(active, health.at));
    }
    let limits = |errors: u16, within: Dur| {
        Map::new()
            .put("fail_duration", time(within))
            .put("max_fails", number(errors.into()))
    };
    if let Some(passive) = &up.passive {
        let whole = limits(passive.errors.value, passive.eject.value);
        map = map.put("passive", at(whole, passive.at));
    } else if let Some(health) = up.health.as_ref().filter(|_| !facts::asks(up)) {
        let window = health.interval.value.as_millis() * u64::from(health.fall.value);
        let whole = limits(health.fall.value, Dur::from_millis(window));
        map = map.put("passive", at(whole, health.at));
    } else if servers.len() > 1 {
        let others = servers.len() as u64 - 1;
        map = map.put("passive", limits(1, Dur::from_millis(SKIP * others)));
    }
    (!map.is_empty()).then_some(map)
}

fn transport(
    ctx: &Ctx<'_>,
    up: &Upstream,
    route: &Route,
    share: &Share,
    read: Option<Dur>,
    h2c: bool,
) -> Map {
    let connect = &share.connect;
    let mut map = Map::new()
        .put("protocol", fixed("http"))
        .put("dial_timeout", time(connect.value).at(connect.loc()))
        .put(
            "response_header_timeout",
            time(route.response.value).at(route.response.loc()),
        );
    if let Some(read) = read {
        map = map.put("read_timeout", time(read));
    }
    map = map.put(
        "max_response_header_size",
        number(up.response_head.value.as_bytes()).at(up.response_head.loc()),
    );
    if let Some(stream) = route.stream.as_ref().filter(|it| it.request.value) {
        // What is written waits for this many bytes.
        map = map.put(
            "write_buffer_size",
            Node::number(16).at(stream.request.loc()),
        );
    }
    let mut keep = Map::new();
    keep = match up.keepalive.value {
        Some(most) => keep
            .put(
                "max_idle_conns_per_host",
                number(most).at(up.keepalive.loc()),
            )
            .put(
                "idle_timeout",
                time(facts::pooled(up, route)).at(up.keepalive_timeout.loc()),
            ),
        None => keep.put("enabled", Node::flag(false).at(up.keepalive.loc())),
    };
    keep = keep.put(
        "probe_interval",
        match up.tcp_keepalive.value {
            Some(after) => time(after),
            None => fixed("-1s"),
        }
        .at(up.tcp_keepalive.loc()),
    );
    map = map.put("keep_alive", keep);
    if up.has_names()
        && let Some(resolver) = resolver(ctx)
    {
        map = map.put("resolver", resolver);
    }
    map = secured(up, map, connect.value);
    let versions: &[&'static str] = match (up.protocol.value, h2c) {
        (Protocol::Http2, true) => &["h2c"],
        (Protocol::Http2, false) if up.tls.is_some() => &["1.1", "2"],
        _ => &["1.1"],
    };
    map.put(
        "versions",
        Node::list(versions.iter().copied().map(fixed)).at(up.protocol.loc()),
    )
    // A server's own compression goes to the client as it is.
    .put("compression", Node::flag(false))
    // The environment's `HTTP_PROXY` is for programs that go out, not for a gateway.
    .put("network_proxy", Map::new().put("from", fixed("none")))
}

/// The name servers that are asked, where some are written.
pub(super) fn resolver(ctx: &Ctx<'_>) -> Option<Node> {
    let list = ctx.g.rooms.caddy.resolvers.as_ref()?;
    let addresses = list.value.iter().map(|address| {
        let socket = match address.parse::<std::net::IpAddr>() {
            Ok(ip) => std::net::SocketAddr::new(ip, 53).to_string(),
            Err(_) => address.clone(),
        };
        parts(&[Part::Static("udp/"), Part::Text(&socket)])
    });
    let map = Map::new().put("addresses", Node::list(addresses));
    Some(at(map, list.loc()))
}

/// TLS towards the servers.
pub(super) fn secured(up: &Upstream, mut map: Map, handshake: Dur) -> Map {
    if let Some(tls) = &up.tls {
        let mut own = Map::new();
        if let Some(name) = &tls.server_name {
            own = own.put("server_name", text(&name.value).at(name.loc()));
        }
        if let Some(ca) = &tls.ca {
            own = own.put(
                "ca",
                at(
                    Map::new()
                        .put("provider", fixed("file"))
                        .put("pem_files", Node::list([word(&ca.value)])),
                    ca.loc(),
                ),
            );
        }
        if !tls.verify.value {
            own = own.put(
                "insecure_skip_verify",
                Node::flag(true).at(tls.verify.loc()),
            );
        }
        if let Some((cert, file)) = &tls.client {
            own = own
                .put("client_certificate_file", word(&cert.value).at(cert.loc()))
                .put(
                    "client_certificate_key_file",
                    word(&file.value).at(file.loc()),
                );
        }
        map = map.put(
            "tls",
            at(own.put("handshake_timeout", time(handshake)), tls.at),
        );
    }
    map
}

/// Every server is tried once.
pub(super) fn every_server(up: &Upstream) -> Map {
    let others = up.servers.len().saturating_sub(1) as u64;
    let map = Map::new().put("selection_policy", policy("round_robin"));
    match others {
        0 => map,
        others => map
            .put("retries", number(others))
            .put("retry_match", Node::list([super::entry::never()])),
    }
}

fn request(ctx: &Ctx<'_>, listener: &Listener, group: &Group<'_>) -> Map {
    let route = group.route;
    let mut set = Map::new();
    let host = &group.share.host_header;
    match &host.value {
        // Caddy would tell a server with TLS its own name.
        HostHeader::Preserve if group.upstream.tls.is_some() => {
            let own = fixed("{http.request.hostport}");
            set = set.put("Host", Node::list([own]).at(host.loc()));
        }
        HostHeader::Preserve => {}
        HostHeader::Upstream => {
            let own = fixed("{http.reverse_proxy.upstream.hostport}");
            set = set.put("Host", Node::list([own]).at(host.loc()));
        }
        HostHeader::Set(name) => set = set.put("Host", Node::list([text(name)]).at(host.loc())),
    }
    let made = facts::hashes_made_header(group.upstream);
    forwarded(ctx, listener, route, set, made.then_some(MADE))
}

/// A route's way to an upstream: its handler, or one of several by their shares.
pub(super) fn lead(ctx: &Ctx<'_>, route: &Route) -> Vec<Node> {
    let name = |share: &Share| {
        ctx.groups
            .of(route, share.upstream.value)
            .map_or_else(String::new, |it| it.name.clone())
    };
    let label = |share: &Share| {
        let upstream = ctx.g.upstream(share.upstream.value);
        set_var("upstream", word(&upstream.name))
    };
    let to = |share: &Share| {
        let mut handle = Vec::new();
        if super::log::names_upstreams(ctx) {
            handle.push(label(share));
        }
        handle.push(invoke(&name(share)));
        handle
    };
    let shares = route.shares();
    let Some((last, others)) = shares.split_last() else {
        return Vec::new();
    };
    let total: u64 = shares.iter().map(|it| u64::from(it.weight.value)).sum();
    let mut routes = Vec::new();
    let mut below = 0;
    for share in others {
        below += u64::from(share.weight.value);
        // The first four digits of a random id are a number up to 65535.
        let chance = var_like(
            key("{http.request.uuid}"),
            &digits_below(below * 0x1_0000 / total.max(1)),
        );
        routes.push(at(super::stop(chance, to(share)), share.weight.loc()));
    }
    if routes.is_empty() {
        return to(last);
    }
    routes.push(always(to(last)).into());
    vec![subroute(routes).into()]
}

/// A regular expression for texts that begin with four hexadecimal digits below a number.
fn digits_below(limit: u64) -> String {
    if limit >= 0x1_0000 {
        return "^".to_owned();
    }
    let digits = format!("{limit:04x}");
    let mut ways = Vec::new();
    for (place, digit) in digits.char_indices() {
        let Some(before) = "0123456789abcdef"
            .split(digit)
            .next()
            .filter(|it| !it.is_empty())
        else {
            continue;
        };
        let rest = ".".repeat(3 - place);
        ways.push(format!("{}[{before}]{rest}", &digits[..place]));
    }
    match ways.is_empty() {
        true => "^$".to_owned(),
        false => format!("^(?:{})", ways.join("|")),
    }
}
