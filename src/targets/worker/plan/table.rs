//! Listeners, and the computed order of hosts and paths.

use super::{Ctx, pattern, string, strings};
use crate::emit::{Map, Node};
use crate::ir::{
    ClientAuthMode, EncodedSlash, Feature, HeaderNames, HostMatch, Listener, PathMatch, Paths,
    Subject,
};

/// What clients connect to.
pub(super) fn listeners(ctx: &Ctx<'_>) -> Node {
    Node::list(ctx.g.listeners.iter().map(|it| listener(ctx, it)))
}

fn listener(ctx: &Ctx<'_>, it: &Listener) -> Node {
    let map = Map::new()
        .put("name", string(&it.name))
        .put("scheme", Node::word(it.scheme()))
        .put(
            "port",
            Node::number(it.public_port.value).at(it.public_port.loc()),
        );
    let redirect = it.redirect.as_ref().map(|to| {
        let next = ctx.g.listener(to.value);
        let port = (!next.has_scheme_port()).then(|| Node::number(next.public_port.value));
        Node::from(
            Map::new()
                .put("scheme", Node::word(next.scheme()))
                .maybe("port", port),
        )
        .at(to.loc())
    });
    let tls = it.tls.as_ref();
    let hsts = tls
        .and_then(|tls| tls.hsts.as_ref())
        .map(|hsts| string(&hsts.value.header()).at(hsts.loc()));
    let certificate = tls
        .and_then(|tls| tls.client_auth.as_ref())
        .filter(|auth| auth.mode.value == ClientAuthMode::Require)
        .map(|auth| Node::word("require").at(auth.mode.loc()));
    let trusted = Some(&it.trusted_proxies)
        .filter(|ranges| !ranges.value.is_empty())
        .map(|ranges| super::route::ranges(&ranges.value).at(ranges.loc()));
    let paths = (it.paths.value == Paths::Reject
        && ctx
            .v
            .renders(Feature::ListenerPaths, Subject::Listener(it), it.paths.from))
    .then(|| Node::word("reject").at(it.paths.loc()));
    let slash = (it.encoded_slash.value == EncodedSlash::Reject)
        .then(|| Node::word("reject").at(it.encoded_slash.loc()));
    let names = (it.header_names.value == HeaderNames::Lenient)
        .then(|| Node::word("lenient").at(it.header_names.loc()));
    Node::from(
        map.maybe("redirect", redirect)
            .maybe("hsts", hsts)
            .maybe("clientCertificate", certificate)
            .maybe("trusted", trusted)
            .maybe("paths", paths)
            .maybe("encodedSlash", slash)
            .maybe("headerNames", names),
    )
    .at(it.at)
}

/// Hosts in the order in which they are tried, each with its entries.
pub(super) fn hosts(ctx: &Ctx<'_>) -> Node {
    let g = ctx.g;
    let groups = g.table.chunk_by(|a, b| a.host(g) == b.host(g));
    Node::list(groups.map(|entries| {
        let first = &g.route(entries[0].route).hosts[entries[0].host as usize];
        let host = match &first.value {
            HostMatch::Exact(name) => string(name),
            HostMatch::Wildcard(zone) => string(&format!("*.{zone}")),
            HostMatch::Regex(regex) => Node::tok(pattern::whole(regex, pattern::Text::Plain)),
            HostMatch::Any => Node::word("*"),
        };
        let entries = entries.iter().map(|entry| {
            let route = g.route(entry.route);
            let path = &route.paths[entry.path as usize];
            let map = match &path.value {
                PathMatch::Exact(path) => Map::new().put("exact", string(path)),
                PathMatch::Prefix(path) => Map::new().put("prefix", string(path)),
                PathMatch::Regex(regex) => Map::new().put(
                    "regex",
                    Node::tok(pattern::whole(regex, pattern::Text::Plain)),
                ),
            };
            Node::from(map.put("route", string(&route.name))).at(path.loc())
        });
        let map = Map::new()
            .put("host", host)
            .put("entries", Node::list(entries));
        Node::from(map).at(first.loc())
    }))
}

/// A list of literals or regular expressions that a value of a request has to be.
pub(super) fn wanted(value: &crate::ir::ValueMatch, text: pattern::Text) -> Node {
    use crate::ir::ValueMatch;
    match value {
        ValueMatch::Exact(value) => string(value),
        ValueMatch::Regex(regex) => Node::tok(pattern::whole(regex, text)),
        ValueMatch::Present(there) => Node::flag(*there),
    }
}

/// Names of listeners.
pub(super) fn names(ctx: &Ctx<'_>, ids: &[crate::ir::ListenerId]) -> Node {
    let names: Vec<String> = ids
        .iter()
        .map(|id| ctx.g.listener(*id).name.clone())
        .collect();
    strings(&names)
}
