//! Headers and paths: what the server learns about the client, what a route changes.

use super::doc::{self, at, removal, text, typed};
use super::{Ctx, doc::kind};
use crate::emit::lang::envoy;
use crate::emit::{Map, Node};
use crate::emit::{Part, Tok};
use crate::ir::{
    AuthKind, Capture, Change, Fact, HeaderOp, Listener, PathMatch, PathRewrite, Piece, Protocol,
    Route, Value,
};

/// The headers that say who the client is.
const FORWARDED: [&str; 5] = [
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
];

/// A filter of mutations.
pub(super) fn mutations(request: Vec<Node>, response: Vec<Node>) -> Map {
    let mut map = Map::new();
    if !request.is_empty() {
        map = map.put("request_mutations", Node::list(request));
    }
    if !response.is_empty() {
        map = map.put("response_mutations", Node::list(response));
    }
    typed(kind!(
        "extensions.filters.http.header_mutation.v3.HeaderMutation"
    ))
    .put("mutations", map)
}

/// `X-Forwarded-*` and `X-Real-IP`: always the proxy's own.
pub(super) fn forwarded(it: &Listener) -> Vec<Node> {
    let set = |name, value: Node| Node::from(doc::mutation(doc::set(name, value)));
    let peer = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%";
    // Behind trusted proxies the script at the head writes the list.
    let list = it
        .trusted_proxies
        .value
        .is_empty()
        .then(|| set("x-forwarded-for", Node::word(peer)));
    let mut changes: Vec<Node> = match list {
        Some(list) => vec![list],
        None => vec![doc::removal(super::address::CAME).into()],
    };
    changes.extend([
        set("x-forwarded-proto", Node::word(it.scheme())),
        set("x-forwarded-host", Node::word("%REQ(:AUTHORITY)%")),
        set(
            "x-forwarded-port",
            text(&it.public_port.value.to_string()).at(it.public_port.loc()),
        ),
        set(
            "x-real-ip",
            Node::word("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        ),
    ]);
    changes
}

/// No forwarded headers, and none of the client's either.
pub(super) fn forwarded_off(route: &Route) -> Node {
    let gone: Vec<Map> = FORWARDED.iter().map(|name| removal(name)).collect();
    let per_route = typed(kind!(
        "extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute"
    ))
    .put(
        "mutations",
        Map::new().put("request_mutations", Node::list(gone)),
    );
    at(per_route, route.forwarded.loc())
}

/// The changes of a route to requests.
pub(super) fn request(it: &Listener, route: &Route) -> Vec<Node> {
    changes(it, route, &route.request_headers)
}

/// The changes of a route to answers.
pub(super) fn response(it: &Listener, route: &Route) -> Vec<Node> {
    changes(it, route, &route.response_headers)
}

fn changes(it: &Listener, route: &Route, ops: &[HeaderOp]) -> Vec<Node> {
    let mut all = Vec::new();
    for op in ops {
        let option = |value: &Value, action| {
            let option = doc::append(
                &op.name,
                Node::tok(format(it, route, value)).at(op.at),
                action,
            )
            .put("keep_empty_value", Node::flag(true));
            Node::from(doc::mutation(option)).at(op.at)
        };
        all.push(match &op.change {
            Change::Remove => at(removal(&op.name), op.at),
            Change::Set(value) => option(value, "OVERWRITE_IF_EXISTS_OR_ADD"),
            Change::Add(value) => option(value, "APPEND_IF_EXISTS_OR_ADD"),
            Change::SetIfAbsent(value) => option(value, "ADD_IF_ABSENT"),
        });
    }
    all
}

/// A value as Envoy's format.
fn format(it: &Listener, route: &Route, value: &Value) -> Tok {
    let pieces: Vec<(bool, String)> = value
        .0
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => (false, text.clone()),
            Piece::Fact(fact) => (true, self::fact(it, route, fact)),
        })
        .collect();
    if let [(false, only)] = pieces.as_slice() {
        return envoy::fmt(only);
    }
    let parts: Vec<Part<'_>> = pieces
        .iter()
        .map(|(is_fact, text)| match is_fact {
            true => Part::Word(text),
            false => Part::Text(text),
        })
        .collect();
    envoy::token(&parts)
}

/// A fact of the request, as Envoy's format has it.
fn fact(it: &Listener, route: &Route, fact: &Fact) -> String {
    let kept = |name: &str| format!("%DYNAMIC_METADATA(wsgen:{name})%");
    match fact {
        Fact::ClientIp => "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%".to_owned(),
        Fact::RequestId => "%STREAM_ID%".to_owned(),
        Fact::Scheme => it.scheme().to_owned(),
        Fact::Host => kept("host"),
        Fact::Port => it.public_port.value.to_string(),
        Fact::Method => kept("method"),
        Fact::Path => kept("path"),
        Fact::QueryString => kept("query"),
        Fact::Uri => kept("uri"),
        Fact::TlsSubject => "%DOWNSTREAM_PEER_SUBJECT%".to_owned(),
        Fact::Claim(name) => kept(&format!("claim{}", place(&claims(route), name))),
        Fact::Query(name) => kept(&format!("parameter{}", place(&parameters(route), name))),
        Fact::Cookie(name) => kept(&format!("cookie{}", place(&cookies(route), name))),
        Fact::Header(name) => format!("%REQ({name})%"),
    }
}

/// The number by which a script keeps the fact of a name.
fn place(names: &[&str], name: &str) -> usize {
    names
        .iter()
        .position(|it| *it == name)
        .map_or(0, |at| at + 1)
}

fn named<'a>(route: &'a Route, name: fn(&'a Fact) -> Option<&'a str>) -> Vec<&'a str> {
    let ops = route.request_headers.iter().chain(&route.response_headers);
    let mut names: Vec<&str> = ops
        .filter_map(|op| op.change.value())
        .flat_map(|value| &value.0)
        .filter_map(|piece| match piece {
            Piece::Fact(fact) => name(fact),
            Piece::Text(_) => None,
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The cookies that the route's header values ask for.
pub(super) fn cookies(route: &Route) -> Vec<&str> {
    named(route, |fact| match fact {
        Fact::Cookie(name) => Some(name),
        _ => None,
    })
}

/// The query parameters that they ask for.
pub(super) fn parameters(route: &Route) -> Vec<&str> {
    named(route, |fact| match fact {
        Fact::Query(name) => Some(name),
        _ => None,
    })
}

/// The claims that they ask for.
pub(super) fn claims(route: &Route) -> Vec<&str> {
    named(route, |fact| match fact {
        Fact::Claim(name) => Some(name),
        _ => None,
    })
}

/// A regex and what stands in its place, over the path without its query.
pub(super) fn path_rewrite(change: &PathRewrite, own: &PathMatch) -> Option<Map> {
    let (pattern, substitution) = match (change, own) {
        (PathRewrite::StripPrefix, PathMatch::Prefix(prefix)) => (
            envoy::token(&[
                Part::Static("^"),
                Part::Regex(prefix.trim_end_matches('/')),
                Part::Static("/*"),
            ]),
            envoy::word("/"),
        ),
        (PathRewrite::ReplacePrefix(new), PathMatch::Prefix(prefix)) => {
            let prefix = prefix.trim_end_matches('/');
            if new.trim_end_matches('/').is_empty() {
                (
                    envoy::token(&[Part::Static("^"), Part::Regex(prefix), Part::Static("/*")]),
                    envoy::word("/"),
                )
            } else {
                (
                    envoy::token(&[Part::Static("^"), Part::Regex(prefix)]),
                    envoy::word(&new.trim_end_matches('/').replace('\\', "\\\\")),
                )
            }
        }
        (PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_), _) => return None,
        (PathRewrite::Path(new), _) => {
            (envoy::word("^.*$"), envoy::word(&new.replace('\\', "\\\\")))
        }
        (PathRewrite::Regex { matches, to }, _) => {
            let mut text = String::new();
            for piece in to {
                match piece {
                    Capture::Text(it) => text.push_str(&it.replace('\\', "\\\\")),
                    Capture::Group(number) => text.push_str(&format!("\\{number}")),
                }
            }
            let slash = if text.starts_with('/') { "" } else { "/" };
            (
                envoy::word(&format!("^(?:{matches})$")),
                envoy::word(&format!("{slash}{text}")),
            )
        }
    };
    let pattern = Map::new().put("regex", pattern);
    Some(
        Map::new()
            .put("pattern", pattern)
            .put("substitution", substitution),
    )
}

/// Whether the late script has something to do on a route.
pub(super) fn has_late(ctx: &Ctx<'_>, route: &Route) -> bool {
    late_metadata(ctx, route, true).is_some()
}

/// What the late script is told: changes to the query, and how the server's own paths are mapped back.
pub(super) fn late_metadata(ctx: &Ctx<'_>, route: &Route, tunnel: bool) -> Option<Map> {
    let mut told = Map::new();
    let mut claims = Vec::new();
    if let Some(AuthKind::Jwt(jwt)) = ctx.g.auth_of(route).map(|it| &it.kind) {
        for pair in &jwt.pass {
            let (header, claim) = &pair.value;
            let map = Map::new()
                .put("claim", text(claim))
                .put("header", text(header));
            claims.push(at(map, pair.loc()));
        }
    }
    for (number, claim) in self::claims(route).iter().enumerate() {
        let name = format!("claim{}", number + 1);
        claims.push(
            Map::new()
                .put("claim", text(claim))
                .put("name", text(&name))
                .into(),
        );
    }
    if !claims.is_empty() {
        told = told.put("claims", Node::list(claims));
    }
    let over_http2 = route
        .shares()
        .iter()
        .any(|share| ctx.g.upstream(share.upstream.value).protocol.value == Protocol::Http2);
    if tunnel && over_http2 && route.websocket.is_some() {
        told = told.put("accepts", Node::flag(true));
    }
    let Some(it) = route.rewrite.as_ref() else {
        return (!told.is_empty()).then_some(told);
    };
    if !it.query_set.is_empty() || !it.query_remove.is_empty() {
        let removed = it
            .query_remove
            .iter()
            .map(|it| at(text(&it.value), it.loc()));
        let replaced = it.query_set.iter().map(|it| text(&it.value.0));
        let set = it.query_set.iter().map(|it| {
            let (name, value) = &it.value;
            at(
                text(&format!("{}={}", percent(name), percent(value))),
                it.loc(),
            )
        });
        told = told.put(
            "query",
            Map::new()
                .put("gone", Node::list(removed.chain(replaced)))
                .put("set", Node::list(set)),
        );
    }
    if it.map_location.value
        && let Some(path) = &it.path
    {
        let new = match &path.value {
            PathRewrite::StripPrefix => Some(""),
            PathRewrite::ReplacePrefix(new) => Some(new.trim_end_matches('/')),
            PathRewrite::Path(_) | PathRewrite::Regex { .. } => None,
        };
        let old = route.paths.iter().find_map(|it| match &it.value {
            PathMatch::Prefix(text) => Some(text.trim_end_matches('/')),
            PathMatch::Exact(_) | PathMatch::Regex(_) => None,
        });
        if let Some((new, old)) = new.zip(old) {
            let pair = Map::new().put("new", text(new)).put("old", text(old));
            told = told.put("location", at(pair, it.map_location.loc()));
        }
    }
    (!told.is_empty()).then_some(told)
}

/// A text as it stands in a query.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
