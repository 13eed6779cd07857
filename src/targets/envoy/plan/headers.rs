//! Headers and paths: what the server learns about the client, what a route changes.

use super::doc::{self, at, removal, text, typed};
use super::{Ctx, doc::kind};
use crate::emit::lang::envoy;
use crate::emit::{Map, Node};
use crate::emit::{Part, Tok};
use crate::ir::{
    Capture, Change, Fact, HeaderOp, Listener, PathMatch, PathRewrite, Piece, Route, Value,
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
    let peer = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%";
    // A list that a trusted proxy sent goes on: whoever sent none has none to go on.
    let list = match it.trusted_proxies.value.is_empty() {
        true => set("x-forwarded-for", Node::word(peer)),
        false => Node::from(doc::mutation(doc::append(
            "x-forwarded-for",
            Node::word(peer),
            "APPEND_IF_EXISTS_OR_ADD",
        ))),
    };
    vec![
        list,
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
    ]
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
pub(super) fn request(route: &Route) -> Vec<Node> {
    changes(&route.request_headers)
}

/// The changes of a route to answers.
pub(super) fn response(route: &Route) -> Vec<Node> {
    changes(&route.response_headers)
}

fn changes(ops: &[HeaderOp]) -> Vec<Node> {
    let mut all = Vec::new();
    for op in ops {
        let option = |value: &Value, action| {
            let option = doc::append(&op.name, Node::tok(format(value)).at(op.at), action)
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
fn format(value: &Value) -> Tok {
    let pieces: Vec<(bool, String)> = value
        .0
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => (false, text.clone()),
            Piece::Fact(fact) => (true, self::fact(fact)),
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
fn fact(fact: &Fact) -> String {
    let kept = |name: &str| format!("%DYNAMIC_METADATA(wsgen:{name})%");
    match fact {
        Fact::ClientIp => "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%".to_owned(),
        Fact::RequestId => "%STREAM_ID%".to_owned(),
        Fact::Scheme => "%REQ(X-FORWARDED-PROTO?:SCHEME)%".to_owned(),
        Fact::Host => kept("host"),
        Fact::Port => "%DOWNSTREAM_LOCAL_PORT%".to_owned(),
        Fact::Method => kept("method"),
        Fact::Path => kept("path"),
        Fact::QueryString => kept("query"),
        Fact::Uri => kept("uri"),
        Fact::TlsSubject => "%DOWNSTREAM_PEER_SUBJECT%".to_owned(),
        Fact::Claim(name) => {
            format!("%DYNAMIC_METADATA({}:claims:{name})%", super::filters::JWT)
        }
        Fact::Query(name) => format!("%QUERY_PARAM({name})%"),
        Fact::Cookie(name) => kept(&format!("cookie:{name}")),
        Fact::Header(name) => format!("%REQ({name})%"),
    }
}

/// The cookies that the route's header values ask for.
pub(super) fn cookies(route: &Route) -> Vec<&str> {
    let ops = route.request_headers.iter().chain(&route.response_headers);
    let mut names: Vec<&str> = ops
        .filter_map(|op| op.change.value())
        .flat_map(|value| &value.0)
        .filter_map(|piece| match piece {
            Piece::Fact(Fact::Cookie(name)) => Some(name.as_str()),
            Piece::Fact(_) | Piece::Text(_) => None,
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
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
    late_metadata(ctx, route).is_some()
}

/// What the late script is told: changes to the query, and how the server's own paths are mapped back.
pub(super) fn late_metadata(_: &Ctx<'_>, route: &Route) -> Option<Map> {
    let it = route.rewrite.as_ref()?;
    let mut told = Map::new();
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
