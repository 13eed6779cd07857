//! Headers: what the server learns about the client, what a route changes, CORS.

use super::answers::cookie_attributes;
use super::value::value;
use super::{
    Ctx, Map, any_case, at, entry, fixed, handler, key, not, parts, subroute, text, var_like, when,
};
use crate::emit::Node;
use crate::emit::Part;
use crate::ir::{Change, Cors, HeaderOp, Listener, Route};

/// The headers that are the proxy's own to set.
pub(super) const FORWARDED: [&str; 5] = [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Real-IP",
];

/// What a client might claim in other words; no header of the proxy's own replaces it.
const CLAIMED: [&str; 2] = ["Forwarded", "X-Forwarded-Prefix"];

fn own(name: &str) -> Option<&'static str> {
    FORWARDED
        .iter()
        .copied()
        .find(|own| own.eq_ignore_ascii_case(name))
}

/// What is done to the headers of each try: the forwarded ones, which a client cannot set, and what a route makes of them.
pub(super) fn forwarded(
    ctx: &Ctx<'_>,
    listener: &Listener,
    route: &Route,
    mut set: Map,
    made: Option<&'static str>,
) -> Map {
    let _ = ctx;
    let mut values: Vec<(&'static str, Option<Node>)> = FORWARDED
        .iter()
        .map(|name| {
            let value = match *name {
                // Caddy appends the peer, or begins anew with it.
                "X-Forwarded-For" => None,
                "X-Forwarded-Proto" => Some(fixed(listener.scheme())),
                "X-Forwarded-Host" => Some(fixed("{http.request.hostport}")),
                "X-Forwarded-Port" => {
                    Some(parts(&[Part::Number(listener.public_port.value.into())]))
                }
                _ => Some(fixed("{http.vars.client_ip}")),
            };
            (*name, value)
        })
        .collect();
    let mut gone: Vec<&'static str> = Vec::new();
    if !route.forwarded.value {
        gone = FORWARDED.to_vec();
        values.clear();
    }
    let mut add = Map::new();
    for op in &route.request_headers {
        let Some(name) = own(&op.name) else {
            continue;
        };
        let value = op.change.value().map(|it| value(it, listener).at(op.at));
        let there = route.forwarded.value && !gone.contains(&name)
            || values.iter().any(|(known, _)| *known == name);
        match (&op.change, value) {
            (Change::Remove, _) => {
                values.retain(|(known, _)| *known != name);
                gone.push(name);
            }
            (Change::SetIfAbsent(_), _) if there => {}
            (Change::Add(_), Some(value)) if there => {
                add = add.put(name, Node::list([value]));
            }
            (_, Some(value)) => {
                gone.retain(|known| *known != name);
                values.retain(|(known, _)| *known != name);
                values.push((name, Some(value)));
            }
            (_, None) => {}
        }
    }
    for (name, value) in values {
        if let Some(value) = value {
            set = set.put(name, Node::list([value]));
        }
    }
    let mut map = Map::new();
    if !add.is_empty() {
        map = map.put("add", add);
    }
    if !set.is_empty() {
        map = map.put("set", set);
    }
    let mut delete: Vec<Node> = gone.into_iter().map(fixed).collect();
    delete.extend(made.map(fixed));
    if !delete.is_empty() {
        map = map.put("delete", Node::list(delete));
    }
    map
}

/// The changes to the request's headers.
pub(super) fn request(listener: &Listener, route: &Route, routes: &mut Vec<Node>) {
    if route.shares().is_empty() {
        return;
    }
    // Where the route itself gives such a header, it begins without the client's; else others may be made of it first.
    let (early, late): (Vec<&'static str>, Vec<&'static str>) =
        CLAIMED.into_iter().partition(|name| {
            let mut ops = route.request_headers.iter();
            ops.any(|op| op.name.eq_ignore_ascii_case(name))
        });
    let without = |names: Vec<&'static str>| -> Option<Node> {
        let delete = Map::new().put("delete", Node::list(names.iter().copied().map(fixed)));
        let handle = vec![handler("headers").put("request", delete).into()];
        (!names.is_empty()).then(|| super::always(handle).into())
    };
    routes.extend(without(early));
    for op in route
        .request_headers
        .iter()
        .filter(|op| own(&op.name).is_none())
    {
        let handle = vec![
            handler("headers")
                .put("request", change(op, listener))
                .into(),
        ];
        routes.push(match &op.change {
            Change::SetIfAbsent(_) => at(when(not(entry::has(&op.name)), handle), op.at),
            _ => at(super::always(handle), op.at),
        });
    }
    routes.extend(without(late));
}

fn change(op: &HeaderOp, listener: &Listener) -> Map {
    let name = key(&op.name);
    match &op.change {
        Change::Remove => Map::new().put("delete", Node::list([Node::tok(name)])),
        Change::Set(it) | Change::SetIfAbsent(it) => Map::new().put(
            "set",
            Map::new().entry(name, Node::list([value(it, listener)])),
        ),
        Change::Add(it) => Map::new().put(
            "add",
            Map::new().entry(name, Node::list([value(it, listener)])),
        ),
    }
}

/// Handlers around the whole route, which change every answer of it: the last one changes first.
pub(super) fn changes(ctx: &Ctx<'_>, listener: &Listener, route: &Route) -> Vec<Node> {
    let late = |ops: Map| handler("headers").put("response", ops.put("deferred", Node::flag(true)));
    let mut handlers: Vec<Node> = Vec::new();
    for op in route.response_headers.iter().rev() {
        let mut ops = change(op, listener);
        if let Change::SetIfAbsent(_) = &op.change {
            let none = Map::new().entry(key(&op.name), Node::tok(crate::emit::Tok::fixed("null")));
            ops = ops.put("require", Map::new().put("headers", none));
        }
        handlers.push(at(late(ops), op.at));
    }
    if let Some(cors) = &route.cors {
        handlers.push(shared(cors));
    }
    handlers.extend(cookie_attributes(ctx, listener, route));
    handlers
}

/// The matcher of an origin that may ask.
fn may_ask(cors: &Cors) -> Map {
    match &cors.origins.value {
        None => entry::has("Origin"),
        Some(list) if list.is_empty() => entry::never(),
        Some(list) => var_like(
            key("{http.request.header.Origin}"),
            &any_case(list.iter().map(String::as_str)),
        ),
    }
}

fn allowed_origin(cors: &Cors) -> Node {
    // With credentials browsers refuse `*`.
    Node::list([
        match cors.origins.value.is_none() && !cors.credentials.value {
            true => fixed("*"),
            false => fixed("{http.request.header.Origin}"),
        },
    ])
}

/// CORS headers on the route's answers.
fn shared(cors: &Cors) -> Node {
    let mut set = Map::new().put("Access-Control-Allow-Origin", allowed_origin(cors));
    if cors.credentials.value {
        set = set.put(
            "Access-Control-Allow-Credentials",
            Node::list([fixed("true")]),
        );
    }
    if !cors.expose.value.is_empty() {
        set = set.put(
            "Access-Control-Expose-Headers",
            Node::list([text(&cors.expose.value.join(", "))]),
        );
    }
    let late = |ops: Map| -> Node {
        handler("headers")
            .put("response", ops.put("deferred", Node::flag(true)))
            .into()
    };
    let own = when(may_ask(cors), vec![late(Map::new().put("set", set))]);
    let vary = Map::new().put("add", Map::new().put("Vary", Node::list([fixed("Origin")])));
    let routes = vec![super::always(vec![late(vary)]).into(), own.into()];
    at(subroute(routes), cors.at)
}

/// The answer to a preflight, before any guard that a browser cannot pass.
pub(super) fn preflight(cors: &Cors) -> Node {
    let asks =
        entry::has("Access-Control-Request-Method").put("method", Node::list([fixed("OPTIONS")]));
    let asks = asks.put("not", Node::list([not(entry::has("Origin"))]));
    let mut headers = Map::new();
    if !cors.methods.value.is_empty() {
        headers = headers.put(
            "Access-Control-Allow-Methods",
            Node::list([text(&cors.methods.value.join(", "))]),
        );
    }
    if !cors.headers.value.is_empty() {
        headers = headers.put(
            "Access-Control-Allow-Headers",
            Node::list([text(&cors.headers.value.join(", "))]),
        );
    }
    if let Some(age) = cors.max_age.value {
        headers = headers.put(
            "Access-Control-Max-Age",
            Node::list([super::word(&age.as_secs_ceil().to_string())]),
        );
    }
    let answer = |headers: Option<Map>| -> Node {
        let mut map = handler("static_response").put("status_code", Node::number(204));
        if let Some(headers) = headers {
            map = map.put("headers", headers);
        }
        map.into()
    };
    let routes = vec![
        super::stop(
            may_ask(cors),
            vec![answer((!headers.is_empty()).then_some(headers))],
        )
        .into(),
        super::always(vec![answer(None)]).into(),
    ];
    at(super::stop(asks, vec![subroute(routes).into()]), cors.at)
}
