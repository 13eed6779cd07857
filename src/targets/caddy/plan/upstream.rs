//! Upstreams: the handler that passes requests on, one for each way in which routes use an upstream.

use super::balance::{balancing, checks, in_turn};
use super::group::Group;
use super::headers::forwarded;
use super::transport::transport;
use super::{
    Ctx, always, answers, at, fixed, handler, invoke, key, number, parts, placeholder, raw,
    rewrite, set_var, subroute, text, time, var_like, when, word,
};
use crate::emit::{Map, Node, Part};
use crate::ir::{
    Address, Balance, HashKey, HostHeader, Listener, Protocol, Route, Server, Share, Stickiness,
    Upstream,
};
use crate::targets::caddy::facts;

/// A header that a hash is computed from, where what is asked for is none; no server sees it.
pub(super) const MADE: &str = "Wsgen-Key";

/// The named routes of the upstreams that a listener's routes lead to, and of services that decide who may come.
pub(super) fn named(ctx: &Ctx<'_>, listener: &Listener, mut named: Map) -> Map {
    let mut any = false;
    for group in ctx.groups.asked(ctx.g, listener) {
        any = true;
        let backups: Vec<&Server> = facts::backups(group.upstream).collect();
        let mains: Vec<&Server> = facts::mains(group.upstream).collect();
        let spare = (!backups.is_empty()).then(|| format!("{}:backup", group.name));
        let mut next = spare.as_deref();
        let others = format!("{}:others", group.name);
        let mut add = |name: &str, servers: &[&Server], choice, next: Option<&str>| {
            let entry = self::servers(ctx, listener, group, servers, choice, next);
            let map = std::mem::take(&mut named);
            named = map.entry(key(name), at(entry, group.upstream.at));
        };
        if facts::needs_others(group.upstream) && mains.len() > 1 {
            add(&others, &mains, Choice::InTurn, next);
            next = Some(&others);
        }
        add(&group.name, &mains, Choice::Asked, next);
        if let Some(name) = &spare {
            add(name, &backups, Choice::Asked, None);
        }
    }
    if any {
        named = named.entry(key("failed"), failed());
    }
    named
}

/// How a handler chooses the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// As the spec says.
    Asked,
    /// Each in turn: the server that was chosen refused.
    InTurn,
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
    choice: Choice,
    next: Option<&str>,
) -> Map {
    let up = group.upstream;
    let mut handle = Vec::new();
    if choice == Choice::InTurn
        && let Some(Stickiness::Cookie(cookie)) = &up.stickiness
    {
        handle.extend(super::cookie::anew(ctx, up, cookie, servers));
    }
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
        first.push(proxy(ctx, listener, group, servers, choice, false));
        routes.push(super::stop(upgrade, first).into());
    }
    handle.push(proxy(ctx, listener, group, servers, choice, h2c));
    routes.push(always(handle).into());
    let mut errors: Vec<Node> = Vec::new();
    if let Some(next) = next {
        let none = var_like(
            key("{http.error.message}"),
            "^(?:dial |no upstreams available)",
        );
        errors.push(super::stop(none, vec![invoke(next)]).into());
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
    choice: Choice,
    h2c: bool,
) -> Node {
    let (up, route, share) = (group.upstream, group.route, group.share);
    let mut map = handler("reverse_proxy")
        .put("upstreams", upstreams(up, servers, choice))
        .put(
            "load_balancing",
            match choice {
                Choice::Asked => balancing(ctx, group, servers),
                Choice::InTurn => in_turn(group, servers),
            },
        );
    if let Some(checks) = checks(up) {
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
fn upstreams(up: &Upstream, servers: &[&Server], choice: Choice) -> Node {
    let by_chance = choice == Choice::Asked && matches!(up.balance.value, Balance::Random);
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

/// What Caddy calls a server once it is dialled, and the text of its `dial`.
pub(super) fn dialled(address: &Address) -> (String, String) {
    match address {
        Address::Unix { path } => (path.clone(), format!("unix/{path}")),
        other => (other.to_string(), other.to_string()),
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
