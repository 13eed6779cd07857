//! What becomes of a request, and what the entries that do not take it ask for.

use crate::ir::{Condition, Entry, Gateway, ListenerId, PathMatch, UpstreamId, ValueMatch};

/// What becomes of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The listener that it comes in on.
    pub listener: Option<ListenerId>,
    /// The entry that takes it; `None` if none does.
    pub entry: Option<Entry>,
    /// The entries of its host that came earlier and did not match, in order.
    pub why: Vec<Step>,
    /// The status that the proxy itself answers with; `None` if the request is passed on, or the connection closed.
    pub status: Option<u16>,
    /// The `Location` of a redirect.
    pub location: Option<String>,
    /// The upstreams that it may go to, and their weights; empty if the proxy answers.
    pub upstreams: Vec<(UpstreamId, u32)>,
    /// The path and query that the server sees, if it is passed on.
    pub path: Option<String>,
    /// Whether it becomes a tunnel once the server agrees.
    pub tunnel: bool,
    /// Whether the connection is closed unanswered.
    pub closed: bool,
    /// What decided, and what cannot be known before the request comes: a sentence each, lower case, no full stop.
    pub because: Vec<String>,
}

/// An entry that did not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The entry.
    pub entry: Entry,
    /// What it asks for that the request has not.
    pub missed: Missed,
}

/// What an entry asks for that a request has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// Another listener.
    Listener,
    /// Another path.
    Path,
    /// Another method.
    Methods,
    /// The header condition of this index.
    Header(usize),
    /// The query condition of this index.
    Query(usize),
    /// Another client address.
    Clients,
    /// An upgrade, or none.
    Upgrade,
}

impl Step {
    /// What the entry asks for, in words.
    pub fn says(&self, gateway: &Gateway) -> String {
        let route = gateway.route(self.entry.route);
        let when = &route.when;
        let condition = |kind: &str, list: &[crate::ir::Set<Condition>], index: usize| {
            list.get(index).map_or_else(String::new, |it| {
                let name = &it.value.name;
                match &it.value.value {
                    ValueMatch::Exact(text) => format!("it takes only {kind} `{name}: {text}`"),
                    ValueMatch::Regex(regex) => {
                        format!("it takes only {kind} `{name}` like `{regex}`")
                    }
                    ValueMatch::Present(true) => {
                        format!("it takes only requests with {kind} `{name}`")
                    }
                    ValueMatch::Present(false) => {
                        format!("it takes only requests without {kind} `{name}`")
                    }
                }
            })
        };
        match self.missed {
            Missed::Listener => match &when.listeners {
                Some(only) => {
                    let names: Vec<&str> = only
                        .value
                        .iter()
                        .map(|id| gateway.listener(*id).name.as_str())
                        .collect();
                    format!("it takes only listener {}", names.join(", "))
                }
                None => "it is not served on a listener that redirects".to_owned(),
            },
            Missed::Path => match self.entry.path(gateway) {
                PathMatch::Exact(path) => format!("its path is exactly `{path}`"),
                PathMatch::Prefix(path) => format!("its path is `{path}` and below"),
                PathMatch::Regex(regex) => format!("its path is like `{regex}`"),
            },
            Missed::Methods => {
                let methods = when.methods.as_ref().map_or(&[][..], |list| &list.value);
                format!("it takes only {}", methods.join(", "))
            }
            Missed::Header(index) => condition("header", &when.headers, index),
            Missed::Query(index) => condition("query parameter", &when.query, index),
            Missed::Clients => {
                let ranges = when.clients.as_ref().map_or(&[][..], |list| &list.value);
                let ranges: Vec<String> = ranges.iter().map(ToString::to_string).collect();
                format!("it takes only clients from {}", ranges.join(", "))
            }
            Missed::Upgrade if when.upgrade.as_ref().is_some_and(|upgrade| upgrade.value) => {
                "it takes only upgrade requests".to_owned()
            }
            Missed::Upgrade => "it takes no upgrade requests".to_owned(),
        }
    }
}
