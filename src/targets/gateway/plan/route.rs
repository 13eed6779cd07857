//! The HTTPRoutes of a route: its refusals are rules with more conditions than what they refuse, for the API tries those first.

use super::filters::Filters;
use super::{API, Ctx, parents, section, services};
use crate::emit::{Map, Node};
use crate::ir::{Condition, HostMatch, Listener, Loc, Origins, Route, Set, ValueMatch};
use crate::targets::gateway::facts::{self, Extended};
use crate::targets::kubernetes::middleware::Middlewares;
use crate::targets::kubernetes::objects::Object;
use crate::targets::kubernetes::ranges::quoted;
use crate::targets::kubernetes::routes::Face;
use crate::targets::kubernetes::{text, word};

/// The most hosts of a route, and matches of a rule.
const HOSTS: usize = 16;
const MATCHES: usize = 64;

/// A rule: what it takes beyond host and path, and what becomes of it.
struct Rule {
    /// Conditions on headers.
    headers: Vec<Node>,
    /// The methods; none is all.
    methods: Vec<String>,
    filters: Vec<Node>,
    /// The servers; none where a filter answers, or nobody may pass.
    servers: Vec<Node>,
    at: Loc,
}

/// Every HTTPRoute of a route, with what its rules refer to, and their names.
pub(super) fn objects<'a>(
    ctx: &Ctx<'a>,
    made: &mut Middlewares,
    route: &'a Route,
) -> (Vec<Object>, Vec<String>) {
    let mut names = Vec::new();
    let mut objects: Vec<Object> = Vec::new();
    let mut more = Vec::new();
    let mut number = 0;
    let faces = Face::of(ctx.g, route);
    for face in &faces {
        let named: Vec<(String, &Set<HostMatch>)> = route
            .hosts
            .iter()
            .filter_map(|it| Some((facts::host(&it.value)?, it)))
            .collect();
        let groups: Vec<Vec<(String, &Set<HostMatch>)>> = match differs_by_host(route) {
            true => named.into_iter().map(|it| vec![it]).collect(),
            false => named.chunks(HOSTS).map(<[_]>::to_vec).collect(),
        };
        for hosts in groups {
            let own = if faces.len() > 1 {
                face.first().name.clone()
            } else {
                String::new()
            };
            let mut filters = Filters {
                ctx,
                route,
                face,
                made,
                more: Vec::new(),
                own,
            };
            let closed =
                ctx.is_closed(route) || face.listeners.iter().any(|it| ctx.is_open_door(it));
            let rules = match closed {
                true => vec![refused(Vec::new(), Vec::new(), route.at)],
                false => rules(&mut filters, &hosts),
            };
            more.append(&mut filters.more);
            number += 1;
            let name = match number {
                1 => ctx.name(&[&route.name]),
                more => ctx.name(&[&route.name, &more.to_string()]),
            };
            let mut object = object(ctx, &name, route, face, &hosts, rules);
            if closed {
                object = object.remarked("Closed: the implementation cannot keep a guard that this route asks for; the answer is 500.");
            }
            objects.push(object);
            names.push(name);
        }
    }
    more.extend(objects);
    (more, names)
}

/// Whether an HTTPRoute can take one host only.
fn differs_by_host(route: &Route) -> bool {
    let origins = route.websocket.as_ref().and_then(|it| it.origins.as_ref());
    origins.is_some_and(|it| it.value.same_host)
}

fn object(
    ctx: &Ctx<'_>,
    name: &str,
    route: &Route,
    face: &Face<'_>,
    hosts: &[(String, &Set<HostMatch>)],
    rules: Vec<Rule>,
) -> Object {
    let sections = face.listeners.iter().map(|it: &&Listener| section(it));
    let mut spec = Map::new().put("parentRefs", parents(ctx, sections));
    if hosts.iter().all(|(name, _)| !name.is_empty()) {
        let hosts = hosts.iter().map(|(name, it)| text(name, it.loc()));
        spec = spec.put("hostnames", Node::list(hosts));
    }
    let rules = rules.into_iter().flat_map(|rule| nodes(ctx, route, rule));
    spec = spec.put("rules", Node::list(rules));
    Object::new(API, "HTTPRoute", name, ctx.namespace(), route.at).put("spec", spec)
}

/// A rule as the API has it: several where it would have too many matches.
fn nodes(ctx: &Ctx<'_>, route: &Route, rule: Rule) -> Vec<Node> {
    let mut matches = Vec::new();
    for path in &route.paths {
        let Some((kind, value)) = facts::path(&path.value, ctx.means) else {
            continue;
        };
        let one = |method: Option<&String>| {
            let own = Map::new()
                .put("type", Node::word(kind))
                .put("value", text(&value, path.loc()));
            let mut map = Map::new().put("path", own);
            if let Some(method) = method {
                map = map.put("method", word(method));
            }
            let headers = route.when.headers.iter().filter_map(condition);
            let headers: Vec<Node> = headers.chain(rule.headers.iter().cloned()).collect();
            if !headers.is_empty() {
                map = map.put("headers", Node::list(headers));
            }
            let query: Vec<Node> = route.when.query.iter().filter_map(condition).collect();
            if !query.is_empty() {
                map = map.put("queryParams", Node::list(query));
            }
            Node::from(map).at(path.loc())
        };
        match rule.methods.as_slice() {
            [] => matches.push(one(None)),
            methods => matches.extend(methods.iter().map(|it| one(Some(it)))),
        }
    }
    let parts = matches.chunks(MATCHES);
    parts
        .map(|matches| {
            let mut map = Map::new().put("matches", Node::list(matches.iter().cloned()));
            if !rule.filters.is_empty() {
                map = map.put("filters", Node::list(rule.filters.iter().cloned()));
            }
            if !rule.servers.is_empty() {
                if facts::claims(ctx.implementation, Extended::RequestTimeout) {
                    map = map.put("timeouts", timeouts(route));
                }
                map = map.put("backendRefs", Node::list(rule.servers.iter().cloned()));
            }
            Node::from(map).at(rule.at)
        })
        .collect()
}

/// The time for a whole request: none where tunnels or streams live on.
fn timeouts(route: &Route) -> Map {
    let endless = route.websocket.is_some() || route.stream.is_some();
    let (time, at) = match endless {
        true => ("0s".to_owned(), route.at),
        false => (facts::time(route.response.value), route.response.loc()),
    };
    Map::new().put("request", text(&time, at))
}

fn condition(it: &Set<Condition>) -> Option<Node> {
    let (kind, value) = match &it.value.value {
        ValueMatch::Exact(value) => ("Exact", value.clone()),
        ValueMatch::Regex(regex) => ("RegularExpression", format!("^(?:{regex})$")),
        ValueMatch::Present(true) => ("RegularExpression", "^.*$".to_owned()),
        ValueMatch::Present(false) => return None,
    };
    Some(header(&it.value.name, kind, &value, it.loc()))
}

fn header(name: &str, kind: &'static str, value: &str, at: Loc) -> Node {
    let map = Map::new()
        .put("type", Node::word(kind))
        .put("name", word(name))
        .put("value", text(value, at));
    Node::from(map).at(at)
}

fn refused(headers: Vec<Node>, filters: Vec<Node>, at: Loc) -> Rule {
    Rule {
        headers,
        methods: Vec::new(),
        filters,
        servers: Vec::new(),
        at,
    }
}

fn rules(filters: &mut Filters<'_, '_>, hosts: &[(String, &Set<HostMatch>)]) -> Vec<Rule> {
    let route = filters.route;
    if route.shares().is_empty() {
        let own = filters.answering().unwrap_or_default();
        let rule = facts::allowed(route).map(|methods| {
            let mut rule = refused(asks_upgrade(route), own, route.at);
            rule.methods = methods;
            rule
        });
        return with_methods(filters, rule.into_iter().collect());
    }
    let mut rules = Vec::new();
    let servers = services::references(filters.ctx, route);
    let only_upgrades = route.when.upgrade.as_ref().is_some_and(|it| it.value);
    let upgrading = facts::upgrading(route);
    let asked = route.when.methods.as_ref();
    let asked = asked.map_or_else(Vec::new, |it| it.value.clone());
    if let Some(socket) = &route.websocket
        && !upgrading.is_empty()
    {
        let tokens: Vec<String> = socket.tokens.value.iter().map(|it| quoted(it)).collect();
        let upgrade = format!("^(?i)(?:{})$", tokens.join("|"));
        let asks = || header("Upgrade", "RegularExpression", &upgrade, socket.at);
        let guarded = socket.origins.is_some() || socket.require_origin.value;
        let allowed = match &socket.origins {
            Some(set) => origins(&set.value, hosts, filters.face),
            None => Some("^.+$".to_owned()),
        };
        let passing = |filters: &mut Filters<'_, '_>, headers: Vec<Node>| Rule {
            headers,
            methods: upgrading.clone(),
            filters: filters.passing(true),
            servers: servers.clone(),
            at: socket.at,
        };
        if guarded {
            let at = socket.origins.as_ref().map_or(socket.at, |it| it.loc());
            if let Some(pattern) = allowed {
                let origin = header("Origin", "RegularExpression", &pattern, at);
                rules.push(passing(filters, vec![asks(), origin]));
            }
            let any = header("Origin", "RegularExpression", "^.*$", at);
            let foreign = filters.status(403, None, at);
            let mut rule = refused(vec![asks(), any], foreign, at);
            rule.methods = upgrading.clone();
            rules.push(rule);
        }
        match guarded && socket.require_origin.value {
            true => {
                let refusal = filters.status(403, None, socket.require_origin.loc());
                let mut rule = refused(vec![asks()], refusal, socket.require_origin.loc());
                rule.methods = upgrading.clone();
                rules.push(rule);
            }
            false => rules.push(passing(filters, vec![asks()])),
        }
        if only_upgrades {
            return rules;
        }
    }
    if let Some(only) = route.websocket.as_ref().map(|it| &it.only)
        && only.value
        && !only_upgrades
    {
        let refusal = filters.status(426, Some(("Upgrade", "websocket")), only.loc());
        let mut rule = refused(Vec::new(), refusal, only.loc());
        rule.methods = asked;
        rules.push(rule);
        return rules;
    }
    if let Some(methods) = facts::allowed(route) {
        rules.push(Rule {
            headers: asks_upgrade(route),
            methods,
            filters: filters.passing(false),
            servers,
            at: route.at,
        });
    }
    with_methods(filters, rules)
}

/// What a route asks for that takes upgrade requests only.
fn asks_upgrade(route: &Route) -> Vec<Node> {
    let asked = route.when.upgrade.as_ref().filter(|it| it.value);
    let asked = asked.map(|it| header("Upgrade", "RegularExpression", "^(?i)websocket$", it.loc()));
    asked.into_iter().collect()
}

/// Other methods than those that the route allows: a rule without a method comes after those with one.
fn with_methods(filters: &mut Filters<'_, '_>, mut rules: Vec<Rule>) -> Vec<Rule> {
    if let Some(methods) = &filters.route.methods
        && let Some(refused_methods) = facts::refused(filters.route)
    {
        let allow = methods.value.join(", ");
        let refusal = filters.status(405, Some(("Allow", &allow)), methods.loc());
        let mut rule = refused(asks_upgrade(filters.route), refusal, methods.loc());
        rule.methods = refused_methods;
        rules.push(rule);
    }
    rules
}

/// The pattern of the origins that may come; `None` where none may.
fn origins(
    origins: &Origins,
    hosts: &[(String, &Set<HostMatch>)],
    face: &Face<'_>,
) -> Option<String> {
    let mut patterns: Vec<String> = origins.exact.iter().map(|it| quoted(it)).collect();
    if origins.same_host
        && let [(_, host)] = hosts
        && let HostMatch::Exact(host) = &host.value
    {
        let listener = face.first();
        let port = listener.public_port.value;
        patterns.push(match listener.has_scheme_port() {
            true => format!("https?://{}(?::{port})?", quoted(host)),
            false => format!("https?://{}:{port}", quoted(host)),
        });
    }
    (!patterns.is_empty()).then(|| format!("^(?i)(?:{})$", patterns.join("|")))
}
