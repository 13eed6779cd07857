//! Which requests a rule of the web ACL counts: those of a route, by host, path and method.

use super::Ctx;
use crate::emit::{Map, Node};
use crate::ir::{ClientRange, Entry, HostMatch, PathMatch, Route};
use crate::targets::alb::facts;
use crate::targets::alb::order::overlap;
use crate::targets::alb::rules::regex_of;

/// The requests of a route: what earlier routes take of its hosts and paths is not counted.
pub(super) fn of_route(ctx: &Ctx<'_>, route: &Route) -> Map {
    let g = ctx.g;
    let table = &g.table;
    let mut any = Vec::new();
    for (at, entry) in table
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.route == route.id)
    {
        let mut all = of_entry(ctx, *entry);
        let earlier = table[..at].iter().filter(|other| {
            let other_route = g.route(other.route);
            // What a condition takes away besides host and path is counted here all the same: too much, never too little.
            other.route != route.id && other_route.when.count() == 0 && overlap(g, **other, *entry)
        });
        let taken: Vec<Map> = earlier.map(|other| both(of_entry(ctx, *other))).collect();
        if !taken.is_empty() {
            let inner = either(taken);
            all.push(not(inner));
        }
        any.push(both(all));
    }
    let mut all = vec![either(any)];
    if let Some(methods) = &route.when.methods {
        all.push(either(
            methods
                .value
                .iter()
                .map(|method| matching(ctx, "EXACTLY", method, field("Method"), "NONE"))
                .collect(),
        ));
    }
    both(all)
}

/// Host and path of an entry.
fn of_entry(ctx: &Ctx<'_>, entry: Entry) -> Vec<Map> {
    let mut all = Vec::new();
    let port = "\\.?(:[0-9]+)?$";
    let host = match entry.host(ctx.g) {
        HostMatch::Exact(host) => Some(format!("^{}{port}", facts::literal(host))),
        HostMatch::Wildcard(zone) => Some(format!("^.+\\.{}{port}", facts::literal(zone))),
        HostMatch::Regex(regex) => Some(format!("^(?:{regex}){port}")),
        HostMatch::Any => None,
    };
    if let Some(regex) = host {
        let name = Map::new().put("Name", Node::word("host"));
        let field = Map::new().put("SingleHeader", name);
        all.push(regex_match(ctx, &regex, field, "LOWERCASE"));
    }
    match entry.path(ctx.g) {
        PathMatch::Prefix(path) if path == "/" => {}
        PathMatch::Exact(path) => {
            all.push(matching(ctx, "EXACTLY", path, field("UriPath"), "NONE"))
        }
        PathMatch::Prefix(path) if path.ends_with('/') => {
            all.push(matching(ctx, "STARTS_WITH", path, field("UriPath"), "NONE"));
        }
        PathMatch::Prefix(path) => all.push(either(vec![
            matching(ctx, "EXACTLY", path, field("UriPath"), "NONE"),
            matching(
                ctx,
                "STARTS_WITH",
                &format!("{path}/"),
                field("UriPath"),
                "NONE",
            ),
        ])),
        path @ PathMatch::Regex(_) => {
            all.push(regex_match(ctx, &regex_of(path), field("UriPath"), "NONE"))
        }
    }
    if all.is_empty() {
        all.push(matching(ctx, "STARTS_WITH", "/", field("UriPath"), "NONE"));
    }
    all
}

fn field(name: &'static str) -> Map {
    Map::new().put(name, Map::new())
}

fn transformed(map: Map, kind: &'static str) -> Map {
    let one = Map::new()
        .put("Priority", Node::number(0))
        .put("Type", Node::word(kind));
    map.put("TextTransformations", Node::list([one]))
}

fn matching(ctx: &Ctx<'_>, how: &'static str, text: &str, field: Map, kind: &'static str) -> Map {
    let config = Map::new()
        .put("FieldToMatch", field)
        .put("PositionalConstraint", Node::word(how))
        .put("SearchString", ctx.text(text));
    Map::new().put("ByteMatchStatement", transformed(config, kind))
}

fn regex_match(ctx: &Ctx<'_>, regex: &str, field: Map, kind: &'static str) -> Map {
    let config = Map::new()
        .put("FieldToMatch", field)
        .put("RegexString", ctx.text(regex));
    Map::new().put("RegexMatchStatement", transformed(config, kind))
}

/// A body of more bytes than this.
pub(super) fn larger(bytes: u64) -> Map {
    let body = Map::new().put("OversizeHandling", Node::word("MATCH"));
    let config = Map::new()
        .put("FieldToMatch", Map::new().put("Body", body))
        .put("ComparisonOperator", Node::word("GT"))
        .put("Size", Node::number(bytes as i64));
    Map::new().put("SizeConstraintStatement", transformed(config, "NONE"))
}

/// None of these clients.
pub(super) fn outside(ctx: &Ctx<'_>, sets: &[(String, Vec<ClientRange>)]) -> Vec<Map> {
    sets.iter()
        .map(|(id, _)| {
            let set = Map::new().put("Arn", ctx.attribute(id, "Arn"));
            not(Map::new().put("IPSetReferenceStatement", set))
        })
        .collect()
}

pub(super) fn not(statement: Map) -> Map {
    Map::new().put("NotStatement", Map::new().put("Statement", statement))
}

pub(super) fn both(statements: Vec<Map>) -> Map {
    joined("AndStatement", statements)
}

pub(super) fn either(statements: Vec<Map>) -> Map {
    joined("OrStatement", statements)
}

/// A list of statements takes two at least.
fn joined(how: &'static str, mut statements: Vec<Map>) -> Map {
    match (statements.len(), statements.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            statements.push(last);
            Map::new().put(how, Map::new().put("Statements", Node::list(statements)))
        }
        (_, None) => Map::new(),
    }
}
