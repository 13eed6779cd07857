//! What the server sees as path and query, and how it is mapped back.

use super::value::encoded;
use super::{Map, always, at, escaped, fixed, handler, key, text, var_is, when, word};
use crate::emit::Node;
use crate::emit::Part;
use crate::ir::{Capture, Loc, PathMatch, PathRewrite, Route};

/// How often a parameter may stand in a query that it is taken out of; a request with more of them is refused.
const ROUNDS: usize = 8;

/// The changes to path and query.
pub(super) fn steps(route: &Route) -> Vec<Node> {
    let Some(it) = route
        .rewrite
        .as_ref()
        .filter(|_| !route.shares().is_empty())
    else {
        return Vec::new();
    };
    let mut routes = Vec::new();
    if let Some(path) = &it.path {
        let from = path.loc();
        let steps = match &path.value {
            PathRewrite::StripPrefix => vec![replaced(route, "")],
            PathRewrite::ReplacePrefix(new) => vec![replaced(route, new.trim_end_matches('/'))],
            PathRewrite::Path(new) => vec![step("^.*$", text(&dollars(new)))],
            PathRewrite::Regex { matches, to } => {
                let mut pieces: Vec<Part<'_>> = Vec::new();
                let texts: Vec<String> = to
                    .iter()
                    .map(|piece| match piece {
                        Capture::Text(text) => dollars(text),
                        Capture::Group(_) => String::new(),
                    })
                    .collect();
                for (piece, text) in to.iter().zip(&texts) {
                    match piece {
                        Capture::Text(_) => pieces.push(Part::Text(text)),
                        Capture::Group(number) => pieces.extend([
                            Part::Static("$\\{"),
                            Part::Number((*number).into()),
                            Part::Static("\\}"),
                        ]),
                    }
                }
                vec![
                    step(&format!("^(?:{matches})$"), super::parts(&pieces)),
                    step("^/*(.*)$", word("/$1")),
                ]
            }
        };
        let rewrite = handler("rewrite").put("path_regexp", Node::list(steps));
        routes.push(at(always(vec![rewrite.into()]), from));
    }
    for name in &it.query_remove {
        routes.extend(drop_parameter(&name.value, name.loc()));
    }
    for pair in &it.query_set {
        let (name, value) = &pair.value;
        routes.extend(drop_parameter(name, pair.loc()));
        let own = format!("{}={}", percent(name), percent(value));
        let set = |query: Node| -> Node { handler("rewrite").put("uri", query).into() };
        let empty = var_is(key("{http.request.uri.query}"), vec![fixed("")]);
        let alone = set(super::parts(&[Part::Static("?"), Part::Text(&own)]));
        let behind = set(super::parts(&[
            Part::Static("?{http.request.uri.query}&"),
            Part::Text(&own),
        ]));
        // Decided once: the first would change what the second sees.
        let group = |map: Map| at(map.put("group", fixed("query")), pair.loc());
        let steps = vec![group(when(empty, vec![alone])), group(always(vec![behind]))];
        routes.push(at(always(vec![super::subroute(steps).into()]), pair.loc()));
    }
    routes
}

fn step(find: &str, replace: Node) -> Map {
    Map::new().put("find", word(find)).put("replace", replace)
}

/// A text in which no `$` stands for a group.
fn dollars(text: &str) -> String {
    text.replace('$', "$$")
}

/// Replaces the prefix that the route matched; the longest of several first.
fn replaced(route: &Route, new: &str) -> Map {
    let mut prefixes: Vec<&str> = route
        .paths
        .iter()
        .filter_map(|path| match &path.value {
            PathMatch::Prefix(text) | PathMatch::Exact(text) => Some(text.trim_end_matches('/')),
            PathMatch::Regex(_) => None,
        })
        .collect();
    prefixes.sort_by_key(|text| std::cmp::Reverse(text.len()));
    prefixes.dedup();
    let prefixes: Vec<String> = prefixes.into_iter().map(escaped).collect();
    let prefixes = prefixes.join("|");
    if new.is_empty() {
        step(&format!("^(?:{prefixes})(?:/+(.*))?$"), word("/$1"))
    } else {
        let new = dollars(new);
        let to = super::parts(&[Part::Text(&new), Part::Static("$1")]);
        step(&format!("^(?:{prefixes})(/.*)?$"), to)
    }
}

/// Takes a query parameter away, however its name is encoded, and leaves the others as they were sent. One that stands
/// several times goes in as many rounds.
pub(super) fn drop_parameter(name: &str, from: Loc) -> Vec<Node> {
    let name = encoded(name);
    let query = || key("{http.request.uri.query}");
    let named = |pattern: &str| {
        let found = Map::new()
            .put("name", fixed("own"))
            .put("pattern", word(pattern));
        Map::new().put(
            "vars_regexp",
            Map::new().put("{http.request.uri.query}", found),
        )
    };
    // The text of the parameter as it stands there, with the sign before or after it.
    let cut: Node = handler("rewrite")
        .put(
            "uri_substring",
            Node::list([Map::new()
                .put("find", fixed("{http.regexp.own.1}"))
                .put("replace", fixed(""))
                .put("limit", Node::number(1))]),
        )
        .into();
    let bare: Node = handler("rewrite").put("uri", fixed("?")).into();
    let mut steps = vec![Node::from(always(vec![super::set_var(
        "before",
        fixed("{http.request.uri.path}"),
    )]))];
    for _ in 0..ROUNDS {
        steps.push(when(named(&format!("^({name}(?:=[^&]*)?&)")), vec![cut.clone()]).into());
        steps.push(
            when(
                named(&format!("(&{name}(?:=[^&]*)?)(?:&|$)")),
                vec![cut.clone()],
            )
            .into(),
        );
    }
    let only = super::var_like(query(), &format!("^{name}(?:=[^&]*)?$"));
    steps.push(when(only, vec![bare]).into());
    // The same text in the path would go in its place: nobody needs such a request.
    let refuse: Node = handler("error")
        .put("status_code", Node::number(400))
        .into();
    let same = var_is(key("before"), vec![fixed("{http.request.uri.path}")]);
    let left = super::var_like(query(), &format!("(?:^|&){name}(?:=|&|$)"));
    steps.push(when(super::not(same), vec![refuse.clone()]).into());
    steps.push(when(left, vec![refuse]).into());
    let any = super::var_like(query(), &format!("(?:^|&){name}(?:=|&|$)"));
    vec![at(when(any, vec![super::subroute(steps).into()]), from)]
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

/// Maps what the server says about its own paths back to the route's.
pub(super) fn map_back(route: &Route) -> Option<Map> {
    let it = route.rewrite.as_ref().filter(|it| it.map_location.value)?;
    let new = match &it.path.as_ref()?.value {
        PathRewrite::StripPrefix => "",
        PathRewrite::ReplacePrefix(new) => new.trim_end_matches('/'),
        PathRewrite::Path(_) | PathRewrite::Regex { .. } => return None,
    };
    let old = route.paths.iter().find_map(|it| match &it.value {
        PathMatch::Prefix(text) => Some(text.trim_end_matches('/')),
        PathMatch::Exact(_) | PathMatch::Regex(_) => None,
    })?;
    let from = it.map_location.loc();
    let (old, new) = (dollars(old), escaped(new));
    let literally =
        |search: Node, replace: Node| Map::new().put("search", search).put("replace", replace);
    let by_regex = |find: &str, parts: &[Part<'_>]| {
        Map::new()
            .put("search_regexp", word(find))
            .put("replace", super::parts(parts))
    };
    // The request's own host stands for itself in no regular expression: a sign that no URL has takes its place.
    let location = vec![
        literally(fixed("://{http.request.hostport}/"), fixed("://\u{1}/")),
        by_regex(
            &format!("^([a-z]+://\u{1})?{new}(?:/([^/].*)?)?$"),
            &[
                Part::Static("$\\{1\\}"),
                Part::Text(&old),
                Part::Static("/$\\{2\\}"),
            ],
        ),
        literally(fixed("://\u{1}/"), fixed("://{http.request.hostport}/")),
    ];
    let cookie = vec![by_regex(
        &format!("^(.*; *[Pp]ath=){new}(/[^;]*)?(;.*)?$"),
        &[
            Part::Static("$\\{1\\}"),
            Part::Text(&old),
            Part::Static("$\\{2\\}$\\{3\\}"),
        ],
    )];
    let replace = Map::new()
        .put("Location", Node::list(location))
        .put("Set-Cookie", Node::list(cookie));
    Some(Map::new().put("replace", Node::from(replace).at(from)))
}
