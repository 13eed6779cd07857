//! The computed order: for each entry of the table, the matcher that takes its requests.

use ipnet::IpNet;

use super::auth::canonical;
use super::value::{encoded, expression, literal, ph};
use super::{
    Ctx, Map, any_case, at, escaped, fixed, invoke, key, not, subroute, text, var_is, var_like,
    when, word,
};
use crate::emit::Node;
use crate::ir::{
    ClientRange, Condition, HostMatch, Listener, PathMatch, Route, Set, ValueMatch, When,
};

/// The routes of a server that find the route of a request: one for each host pattern, in it one for each entry.
pub(super) fn routes(ctx: &Ctx<'_>, listener: &Listener) -> Vec<Node> {
    let mut routes = Vec::new();
    let served: Vec<_> = ctx
        .g
        .table
        .iter()
        .filter(|entry| ctx.g.serves(listener, ctx.g.route(entry.route)))
        .collect();
    for entries in served.chunk_by(|a, b| a.host(ctx.g) == b.host(ctx.g)) {
        let Some(first) = entries.first() else {
            continue;
        };
        let inner = entries.iter().map(|entry| {
            let route = ctx.g.route(entry.route);
            one(route, entry.path(ctx.g), entry.path)
        });
        let inner: Vec<Node> = inner.collect();
        match host(first.host(ctx.g)) {
            Some(matcher) => {
                let from = ctx.g.route(first.route).hosts[first.host as usize].loc();
                routes.push(at(when(matcher, vec![subroute(inner).into()]), from));
            }
            None => routes.extend(inner),
        }
    }
    routes
}

/// The matcher of a host pattern; `None` takes every host.
pub(super) fn host(it: &HostMatch) -> Option<Map> {
    let host = || key("host");
    Some(match it {
        HostMatch::Exact(name) => {
            Map::new().put("host", Node::list([text(name), text(&format!("{name}."))]))
        }
        // Caddy's own `*` is one label.
        HostMatch::Wildcard(zone) => var_like(host(), &format!(r"(?i)^.+\.{}$", escaped(zone))),
        HostMatch::Regex(regex) => var_like(host(), &format!("(?i)^(?:{regex})$")),
        HostMatch::Any => return None,
    })
}

/// The entry of one path of a route.
fn one(route: &Route, path: &PathMatch, number: u32) -> Node {
    let from = route.paths[number as usize].loc();
    let mut matcher = self::path(path);
    matcher = matcher.and(conditions(&route.when));
    let lead = vec![invoke(&format!("route:{}", route.name))];
    let map = if matcher.is_empty() {
        super::always(lead)
    } else {
        when(matcher, lead)
    };
    at(map.put("terminal", Node::flag(true)), from)
}

/// The matcher of a path; empty where it takes every path.
fn path(it: &PathMatch) -> Map {
    let path = || key("path");
    match it {
        PathMatch::Exact(exact) => var_is(path(), vec![text(exact)]),
        PathMatch::Prefix(prefix) if prefix == "/" => Map::new(),
        PathMatch::Prefix(prefix) => match prefix.strip_suffix('/') {
            Some(_) => var_like(path(), &format!("^{}", escaped(prefix))),
            None => var_like(path(), &format!("^{}(?:/|$)", escaped(prefix))),
        },
        PathMatch::Regex(regex) => var_like(path(), &format!("^(?:{regex})$")),
    }
}

/// The further conditions of a route; the path's key is not among them.
fn conditions(when: &When) -> Map {
    let mut map = Map::new();
    if let Some(methods) = &when.methods {
        let list = methods.value.iter().map(|it| word(it));
        map = map.put("method", Node::list(list).at(methods.loc()));
    }
    if let Some(clients) = &when.clients {
        map = map.put("client_ip", ranges(&clients.value).at(clients.loc()));
    }
    match &when.upgrade {
        Some(upgrade) if upgrade.value => {
            // One key of `vars_regexp` is taken by the path, and several are alternatives.
            map = map.put("not", Node::list([not(websocket())]).at(upgrade.loc()));
        }
        Some(upgrade) => {
            map = map.put("not", Node::list([websocket()]).at(upgrade.loc()));
        }
        None => {}
    }
    let header = when.headers.iter().map(header);
    let query = when.query.iter().map(query);
    let terms: Vec<String> = header.chain(query).collect();
    if !terms.is_empty() {
        let from = when.headers.iter().chain(&when.query).map(Set::loc).next();
        map = map.put(
            "expression",
            Node::tok(expression(&terms.join(" && "))).at(from.unwrap_or_default()),
        );
    }
    map
}

fn websocket() -> Map {
    var_like(key("upgrade"), &any_case(["websocket"]))
}

/// The matcher of an upgrade with one of these tokens and methods.
pub(super) fn upgrade(tokens: &[String], methods: &[String]) -> Map {
    let methods = Node::list(methods.iter().map(|it| word(it)));
    var_like(key("upgrade"), &any_case(tokens.iter().map(String::as_str))).put("method", methods)
}

/// A list of client ranges, as the matchers of addresses have it.
pub(super) fn ranges(list: &[ClientRange]) -> Node {
    Node::from(Map::new().put("ranges", networks(list)))
}

/// Ranges, those of IPv4 in the form of IPv6 as well: `::ffff:10.0.0.1` is in none of Caddy's `10.0.0.0/8`.
pub(super) fn networks(list: &[ClientRange]) -> Node {
    let plain = list.iter().map(|it| word(&it.to_string()));
    let mapped = list.iter().filter_map(|it| match it.net() {
        IpNet::V4(net) => Some(word(&format!(
            "::ffff:{}/{}",
            net.network(),
            96 + net.prefix_len()
        ))),
        IpNet::V6(_) => None,
    });
    Node::list(plain.chain(mapped))
}

fn header(it: &Set<Condition>) -> String {
    let name = &it.value.name;
    // Go keeps the host apart from the headers.
    let value = match name.eq_ignore_ascii_case("host") {
        true => ph("http.request.hostport"),
        false => ph(&format!("http.request.header.{}", canonical(name))),
    };
    let there = match name.eq_ignore_ascii_case("host") {
        true => format!("{value} != ''"),
        false => format!("header({{{}: [\"*\"]}})", literal(name)),
    };
    match &it.value.value {
        ValueMatch::Exact(text) if text.is_empty() => format!("{there} && {value} == ''"),
        ValueMatch::Exact(text) => format!("{value} == {}", literal(text)),
        ValueMatch::Regex(regex) => format!(
            "{there} && {value}.matches({})",
            literal(&format!("^(?:{regex})$"))
        ),
        ValueMatch::Present(true) => there,
        ValueMatch::Present(false) => format!("!({there})"),
    }
}

/// The first parameter of a name decides, as it does for most servers.
fn query(it: &Set<Condition>) -> String {
    let raw = ph("http.request.uri.query");
    let name = encoded(&it.value.name);
    let first = |value: &str| {
        // The parameters of this name, in order.
        format!(
            "cel.bind(own, {raw}.split('&').filter(p, p.matches({})), size(own) > 0 && own[0].matches({}))",
            literal(&format!("^{name}(?:=|$)")),
            literal(&format!("^{name}{value}$")),
        )
    };
    let there = format!(
        "{raw}.matches({})",
        literal(&format!("(?:^|&){name}(?:=|&|$)"))
    );
    match &it.value.value {
        ValueMatch::Exact(text) if text.is_empty() => first("=?"),
        ValueMatch::Exact(text) => first(&format!("={}", encoded(text))),
        ValueMatch::Regex(regex) => format!(
            "{there} && {}.matches({})",
            ph(&format!("http.request.uri.query.{}", it.value.name)),
            literal(&format!("^(?:{regex})$"))
        ),
        ValueMatch::Present(true) => there,
        ValueMatch::Present(false) => format!("!({there})"),
    }
}

/// A matcher that takes nothing.
pub(super) fn never() -> Map {
    Map::new().put("method", Node::list::<Node>([]))
}

/// A matcher of a header that is there.
pub(super) fn has(name: &str) -> Map {
    Map::new().put(
        "header",
        Map::new().entry(key(name), Node::list([fixed("*")])),
    )
}
