//! The computed order as a request meets it: a host's entries by hash, a path's by its segments, so that ten thousand routes cost what ten do.

use std::net::IpAddr;

use regex::bytes::Regex;
use rustc_hash::FxHashMap as HashMap;

use crate::ir::{
    ClientRange, Entry, Gateway, HostMatch, ListenerId, PathMatch, ValueMatch, regex::matcher,
};
use crate::request::query;

use crate::proxy::request::head::Head;

/// The index. It holds its own copies: it lives as long as the generation that it was built for.
pub(crate) struct Table {
    exact: HashMap<Box<str>, Group>,
    zones: HashMap<Box<str>, Group>,
    /// Regexes in their order.
    regexes: Vec<(Regex, Group)>,
    any: Option<Group>,
    /// By route: what else it asks for.
    asks: Vec<Asks>,
    /// By listener: whether routes that name no listener are served there.
    open: Vec<bool>,
}

/// The entries of one host pattern.
#[derive(Default)]
struct Group {
    exact: HashMap<Box<str>, Vec<Entry>>,
    regexes: Vec<(Regex, Entry)>,
    prefixes: HashMap<Box<str>, Vec<Entry>>,
    /// The length of the longest prefix: a longer one of a path is nobody's, however many segments the path has.
    longest: usize,
    /// By listener: whether any entry is served there.
    served: Vec<bool>,
}

/// What a route asks for besides host and path.
struct Asks {
    methods: Option<Vec<String>>,
    headers: Vec<(http::HeaderName, Wanted)>,
    query: Vec<(String, Wanted)>,
    clients: Option<Vec<ClientRange>>,
    upgrade: Option<bool>,
    listeners: Option<Vec<ListenerId>>,
}

enum Wanted {
    Exact(String),
    Regex(Regex),
    Present(bool),
}

/// What the table says of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// This entry takes it.
    Entry(Entry),
    /// The host is known here, the path is nobody's.
    Nothing,
    /// No route that is served here names the host.
    UnknownHost,
}

impl Table {
    /// Indexes a gateway's table.
    pub(crate) fn new(gateway: &Gateway) -> Self {
        let mut table = Self {
            exact: HashMap::default(),
            zones: HashMap::default(),
            regexes: Vec::new(),
            any: None,
            asks: gateway.routes.iter().map(asks).collect(),
            open: gateway
                .listeners
                .iter()
                .map(|listener| listener.redirect.is_none())
                .collect(),
        };
        // The table is sorted by host first, so that each host's entries lie together.
        for entries in gateway
            .table
            .chunk_by(|a, b| a.host(gateway) == b.host(gateway))
        {
            let mut group = Group {
                served: vec![false; gateway.listeners.len()],
                ..Group::default()
            };
            for entry in entries {
                let asks = &table.asks[entry.route.index()];
                for listener in &gateway.listeners {
                    let at = listener.id.index();
                    group.served[at] |= asks.is_served(listener.id, table.open[at]);
                }
                match entry.path(gateway) {
                    PathMatch::Exact(path) => group
                        .exact
                        .entry(path.as_str().into())
                        .or_default()
                        .push(*entry),
                    PathMatch::Prefix(path) => {
                        group.longest = group.longest.max(path.len());
                        let prefixes = &mut group.prefixes;
                        prefixes
                            .entry(path.as_str().into())
                            .or_default()
                            .push(*entry);
                    }
                    PathMatch::Regex(text) => {
                        // Lowering has compiled every regex once.
                        if let Some(regex) = matcher(text) {
                            group.regexes.push((regex, *entry));
                        }
                    }
                }
            }
            match entries[0].host(gateway) {
                HostMatch::Exact(name) => {
                    table.exact.insert(name.as_str().into(), group);
                }
                HostMatch::Wildcard(zone) => {
                    table.zones.insert(zone.as_str().into(), group);
                }
                HostMatch::Regex(text) => {
                    if let Some(regex) = matcher(text) {
                        table.regexes.push((regex, group));
                    }
                }
                HostMatch::Any => table.any = Some(group),
            }
        }
        table
    }

    /// The first entry of the computed order that takes a request.
    pub(crate) fn find(&self, head: &Head, headers: &http::HeaderMap, path: &str) -> Found {
        let mut known = false;
        let mut seen = |group: &Group| {
            let found = self.in_group(group, head, headers, path);
            known = known || found.is_some() || group.served[head.listener.index()];
            found
        };
        let host = head.host.as_str();
        if let Some(entry) = self.exact.get(host).and_then(&mut seen) {
            return Found::Entry(entry);
        }
        if !self.zones.is_empty() {
            let mut rest = host;
            while let Some((label, zone)) = rest.split_once('.') {
                // At least one label, and none of them empty at its end.
                let below = !label.is_empty() || rest.len() != host.len();
                if let Some(entry) = self.zones.get(zone).filter(|_| below).and_then(&mut seen) {
                    return Found::Entry(entry);
                }
                rest = zone;
            }
        }
        for (regex, group) in &self.regexes {
            if regex.is_match(host.as_bytes())
                && let Some(entry) = seen(group)
            {
                return Found::Entry(entry);
            }
        }
        if let Some(entry) = self.any.as_ref().and_then(seen) {
            return Found::Entry(entry);
        }
        // A listener that redirects has no hosts of its own.
        if known || !self.open[head.listener.index()] {
            Found::Nothing
        } else {
            Found::UnknownHost
        }
    }

    /// Whether the table names a host for routes of this listener: asked at the TLS handshake.
    pub(crate) fn names(&self, host: &str, listener: ListenerId) -> bool {
        let served = |group: &Group| group.served[listener.index()];
        if self.any.as_ref().is_some_and(served) || self.exact.get(host).is_some_and(served) {
            return true;
        }
        let mut rest = host;
        while let Some((_, zone)) = rest.split_once('.') {
            if self.zones.get(zone).is_some_and(served) {
                return true;
            }
            rest = zone;
        }
        self.regexes
            .iter()
            .any(|(regex, group)| regex.is_match(host.as_bytes()) && served(group))
    }

    fn in_group(
        &self,
        group: &Group,
        head: &Head,
        headers: &http::HeaderMap,
        path: &str,
    ) -> Option<Entry> {
        let fits = |entries: Option<&Vec<Entry>>| {
            entries?
                .iter()
                .find(|entry| self.meets(**entry, head, headers))
                .copied()
        };
        if let Some(entry) = fits(group.exact.get(path)) {
            return Some(entry);
        }
        for (regex, entry) in &group.regexes {
            if regex.is_match(path.as_bytes()) && self.meets(*entry, head, headers) {
                return Some(*entry);
            }
        }
        if group.prefixes.is_empty() {
            return None;
        }
        if let Some(entry) = fits(group.prefixes.get(path)) {
            return Some(entry);
        }
        // Longest first: `/a/b/c` is below `/a/b/`, `/a/b`, `/a/`, `/a` and `/`.
        let mut end = path.len().min(group.longest + 1);
        while let Some(slash) = memchr::memrchr(b'/', &path.as_bytes()[..end]) {
            for prefix in [&path[..=slash], &path[..slash]] {
                if prefix.len() < path.len()
                    && let Some(entry) = fits(group.prefixes.get(prefix))
                {
                    return Some(entry);
                }
            }
            end = slash;
        }
        None
    }

    fn meets(&self, entry: Entry, head: &Head, headers: &http::HeaderMap) -> bool {
        let asks = &self.asks[entry.route.index()];
        asks.is_served(head.listener, self.open[head.listener.index()]) && asks.meets(head, headers)
    }
}

impl Asks {
    fn is_served(&self, listener: ListenerId, open: bool) -> bool {
        match &self.listeners {
            Some(only) => only.contains(&listener),
            None => open,
        }
    }

    fn meets(&self, head: &Head, headers: &http::HeaderMap) -> bool {
        self.methods.as_ref().is_none_or(|methods| {
            methods
                .iter()
                .any(|method| method.as_bytes() == head.method.as_str().as_bytes())
        }) && self.headers.iter().all(|(name, wanted)| {
            wanted.is_met(crate::proxy::request::head::joined(headers, name).as_deref())
        }) && self.query.iter().all(|(name, wanted)| {
            let value = head.query().and_then(|text| query::value(text, name));
            wanted.is_met(value.as_deref().map(str::as_bytes))
        }) && self
            .clients
            .as_ref()
            .is_none_or(|ranges| contains(ranges, head.client))
            && self
                .upgrade
                .is_none_or(|wanted| wanted == head.is_websocket())
    }
}

impl Wanted {
    fn is_met(&self, value: Option<&[u8]>) -> bool {
        match (self, value) {
            (Self::Present(there), value) => *there == value.is_some(),
            (Self::Exact(text), Some(value)) => text.as_bytes() == value,
            (Self::Regex(regex), Some(value)) => regex.is_match(value),
            (Self::Exact(_) | Self::Regex(_), None) => false,
        }
    }
}

/// Whether an address lies in one of the ranges.
pub(crate) fn contains(ranges: &[ClientRange], client: IpAddr) -> bool {
    let client = client.to_canonical();
    ranges.iter().any(|range| range.net().contains(&client))
}

fn asks(route: &crate::ir::Route) -> Asks {
    let when = &route.when;
    let wanted = |value: &ValueMatch| match value {
        ValueMatch::Exact(text) => Wanted::Exact(text.clone()),
        ValueMatch::Present(there) => Wanted::Present(*there),
        // Lowering has compiled every regex once: one that does not is met by nothing.
        ValueMatch::Regex(text) => {
            matcher(text).map_or(Wanted::Exact("\0".to_owned()), Wanted::Regex)
        }
    };
    Asks {
        methods: when.methods.as_ref().map(|methods| methods.value.clone()),
        headers: when
            .headers
            .iter()
            .filter_map(|condition| {
                let name = http::HeaderName::try_from(condition.value.name.as_str()).ok()?;
                Some((name, wanted(&condition.value.value)))
            })
            .collect(),
        query: when
            .query
            .iter()
            .map(|condition| (condition.value.name.clone(), wanted(&condition.value.value)))
            .collect(),
        clients: when.clients.as_ref().map(|ranges| ranges.value.clone()),
        upgrade: when.upgrade.as_ref().map(|wanted| wanted.value),
        listeners: when.listeners.as_ref().map(|ids| ids.value.clone()),
    }
}
