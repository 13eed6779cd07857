//! Which requests an entry takes: path, and the conditions of `when`.

use super::access;
use super::doc::{self, at, exactly, header, present, regex, text};
use crate::emit::{Map, Node};
use crate::ir::{Condition, Gateway, HostMatch, PathMatch, Route, SiteEntry, ValueMatch};

/// What an entry asks for, before further conditions of its own are added.
#[derive(Clone)]
pub(super) struct Taken {
    path: Map,
    headers: Vec<Node>,
    query: Vec<Node>,
}

impl Taken {
    /// What an entry of a site asks for.
    pub(super) fn new(g: &Gateway, it: &SiteEntry) -> Self {
        let route = g.route(it.entry.route);
        let from = &route.paths[it.entry.path as usize];
        let mut taken = Self {
            path: path(&from.value),
            headers: Vec::new(),
            query: Vec::new(),
        };
        if it.check_host
            && let HostMatch::Regex(host) = it.entry.host(g)
        {
            let matcher = regex(&format!("(?i:(?:{host}))\\.?(?::[0-9]+)?"));
            taken.headers.push(header(":authority", matcher).into());
        }
        taken.when(route);
        taken
    }

    /// Every request.
    pub(super) fn all() -> Self {
        Self {
            path: Map::new().put("prefix", Node::word("/")),
            headers: Vec::new(),
            query: Vec::new(),
        }
    }

    /// Only requests with this header condition too.
    #[must_use]
    pub(super) fn and(mut self, header: impl Into<Node>) -> Self {
        self.headers.push(header.into());
        self
    }

    /// Only these methods, or all but these.
    #[must_use]
    pub(super) fn methods(self, methods: &[String], wanted: bool) -> Self {
        let condition = match methods {
            [one] => header(":method", exactly(one)),
            more => {
                let quoted: Vec<String> = more.iter().map(|it| escaped(it)).collect();
                header(":method", regex(&quoted.join("|")))
            }
        };
        let condition = match wanted {
            true => condition,
            false => condition.put("invert_match", Node::flag(true)),
        };
        self.and(condition)
    }

    /// The condition as Envoy has it.
    pub(super) fn map(self) -> Map {
        let mut map = self.path;
        if !self.headers.is_empty() {
            map = map.put("headers", Node::list(self.headers));
        }
        if !self.query.is_empty() {
            map = map.put("query_parameters", Node::list(self.query));
        }
        map
    }

    fn when(&mut self, route: &Route) {
        let when = &route.when;
        if let Some(methods) = &when.methods {
            *self = self.clone().methods(&methods.value, true);
        }
        for it in &when.headers {
            let condition = on_header(&it.value);
            self.headers.push(at(condition, it.loc()));
        }
        for it in &when.query {
            self.query.push(at(on_query(&it.value), it.loc()));
        }
        if let Some(clients) = &when.clients {
            let tag = access::tag(&clients.value);
            let matcher = Map::new().put("contains", text(&tag));
            let condition = header(access::TAG_HEADER, matcher);
            self.headers.push(at(condition, clients.loc()));
        }
        if let Some(upgrade) = &when.upgrade {
            let condition = upgrade_to(&["websocket".to_owned()]);
            let condition = match upgrade.value {
                true => condition,
                false => condition
                    .put("treat_missing_header_as_empty", Node::flag(true))
                    .put("invert_match", Node::flag(true)),
            };
            self.headers.push(at(condition, upgrade.loc()));
        }
    }
}

fn path(path: &PathMatch) -> Map {
    match path {
        PathMatch::Exact(path) => Map::new().put("path", text(path)),
        PathMatch::Prefix(path) if path.ends_with('/') => Map::new().put("prefix", text(path)),
        PathMatch::Prefix(path) => Map::new().put("path_separated_prefix", text(path)),
        PathMatch::Regex(path) => regex(path),
    }
}

fn on_header(it: &Condition) -> Map {
    match &it.value {
        ValueMatch::Exact(value) => header(&it.name, exactly(value)),
        ValueMatch::Regex(value) => header(&it.name, regex(value)),
        ValueMatch::Present(there) => present(&it.name, *there),
    }
}

fn on_query(it: &Condition) -> Map {
    let map = Map::new().put("name", text(&it.name));
    match &it.value {
        ValueMatch::Exact(value) => map.put("string_match", exactly(value)),
        ValueMatch::Regex(value) => map.put("string_match", regex(value)),
        ValueMatch::Present(there) => map.put("present_match", Node::flag(*there)),
    }
}

/// A request that asks for one of these upgrades.
pub(super) fn upgrade_to(tokens: &[String]) -> Map {
    match tokens {
        [one] => header(
            "upgrade",
            doc::exactly(one).put("ignore_case", Node::flag(true)),
        ),
        more => {
            let quoted: Vec<String> = more.iter().map(|it| escaped(it)).collect();
            header("upgrade", regex(&format!("(?i:{})", quoted.join("|"))))
        }
    }
}

/// A text as a regex that matches it alone.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if "\\.+*?()|[]{}^$#-&~ /".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
