//! The virtual hosts of a listener: for each host pattern its entries, in the computed order.

use super::doc::{self, at, text};
use super::matching::Taken;
use super::{Ctx, entries};
use crate::emit::{Map, Node};
use crate::ir::{HostMatch, Listener, Site};

/// The route configuration of a listener.
pub(super) fn routes(ctx: &Ctx<'_>, it: &Listener) -> Map {
    let mut hosts = Vec::new();
    let mut any = vec![odd_hosts()];
    any.extend(odd_paths(it));
    for site in ctx.g.sites() {
        let routes = routes_of(ctx, it, &site);
        match site.host {
            HostMatch::Exact(name) => hosts.extend(host(ctx, it, name, routes)),
            HostMatch::Wildcard(zone) => {
                hosts.extend(host(ctx, it, &format!("*.{zone}"), routes));
            }
            // Envoy chooses hosts by name only: a regex is a condition of each of its entries.
            HostMatch::Regex(_) | HostMatch::Any => any.extend(routes),
        }
    }
    any.extend(redirect(ctx, it));
    let everybody = Map::new()
        .put("name", Node::word("*"))
        .put("domains", Node::list([Node::word("*")]))
        .put("routes", Node::list(any));
    hosts.push(everybody.into());
    let body = entries::largest_body(ctx);
    let mut map = Map::new()
        .put("name", text(&it.name))
        .put("ignore_port_in_host_matching", Node::flag(true));
    if body > 4096 {
        map = map.put("max_direct_response_body_size_bytes", doc::count(body));
    }
    // Envoy says it of itself; the server has it as `X-Real-IP`.
    map.put(
        "request_headers_to_remove",
        Node::list(["x-envoy-external-address", "x-wsgen-chunked"].map(Node::word)),
    )
    .put("virtual_hosts", Node::list(hosts))
}

fn host(ctx: &Ctx<'_>, it: &Listener, name: &str, mut routes: Vec<Node>) -> Option<Node> {
    if routes.is_empty() && it.redirect.is_none() {
        // Without any entry it would only take what belongs to nobody, and answer the same.
        return None;
    }
    if let Some(odd) = odd_paths(it) {
        routes.insert(0, odd);
    }
    if name.starts_with('*') {
        // An exact name is taken by nothing else.
        routes.insert(0, odd_hosts());
    }
    routes.extend(redirect(ctx, it));
    Some(
        Map::new()
            .put("name", text(name))
            .put("domains", Node::list([text(name)]))
            .put("routes", Node::list(routes))
            .into(),
    )
}

/// A name or an address, and a port: the end of anything else could be another host's name.
const HOST: &str =
    "(?:[0-9A-Za-z_-]+(?:\\.[0-9A-Za-z_-]+)*\\.?|\\[[0-9A-Fa-f:.]+\\])(?::[0-9]{1,5})?";

/// What refuses a `Host` that no host has, before any route.
fn odd_hosts() -> Node {
    let plain = doc::header(":authority", doc::regex(HOST))
        .put("treat_missing_header_as_empty", Node::flag(true))
        .put("invert_match", Node::flag(true));
    Map::new()
        .put("match", Taken::all().and(plain).map())
        .put(
            "direct_response",
            Map::new().put("status", Node::number(400)),
        )
        .into()
}

/// What no path may hold where paths are not normalized but refused: empty and dot segments, a percent sign without its
/// digits, and what needs no encoding yet has one, for it would be another path than the one it says.
const ODD: [&str; 4] = [
    ".*//.*",
    ".*/(?:\\.|%2[eE]){1,2}(?:/.*)?",
    ".*%(?:2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE]).*",
    ".*%(?:[^0-9a-fA-F].*|[0-9a-fA-F](?:[^0-9a-fA-F].*)?)?",
];

/// What refuses odd paths, before any route.
fn odd_paths(it: &Listener) -> Option<Node> {
    let refuses = it.paths.value == crate::ir::Paths::Reject;
    refuses.then(|| {
        let route = Map::new().put("match", doc::regex(&ODD.join("|"))).put(
            "direct_response",
            Map::new().put("status", Node::number(400)),
        );
        at(route, it.paths.loc())
    })
}

fn routes_of(ctx: &Ctx<'_>, it: &Listener, site: &Site<'_>) -> Vec<Node> {
    let mut routes = Vec::new();
    let regex = matches!(site.host, HostMatch::Regex(_));
    for entry in &site.entries {
        let route = ctx.g.route(entry.entry.route);
        if !ctx.g.serves(it, route) {
            continue;
        }
        let own = entry.entry.host(ctx.g);
        // The site of a regex is part of the one for any host, whose own entries follow there.
        if regex && own != site.host {
            continue;
        }
        let mut entry = *entry;
        entry.check_host |= regex;
        entries::entries(ctx, it, &entry, &mut routes);
    }
    routes
}

/// What sends every other request to the other listener.
fn redirect(ctx: &Ctx<'_>, it: &Listener) -> Option<Node> {
    let target = it.redirect.as_ref()?;
    let to = ctx.g.listener(target.value);
    let port = match to.has_scheme_port() {
        true => String::new(),
        false => format!(":{}", to.public_port.value),
    };
    let location = super::response::redirect_to(to.scheme(), &port);
    let route = Map::new()
        .put("match", Taken::all().map())
        .put(
            "direct_response",
            Map::new().put("status", Node::number(301)),
        )
        .put(
            "response_headers_to_add",
            Node::list([doc::set("location", location)]),
        );
    Some(at(route, target.loc()))
}
