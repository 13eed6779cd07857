//! The walk over the computed order: which entry takes a request, and why no earlier one does.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use regex::bytes::Regex;

use super::Request;
use super::outcome::{Missed, Outcome, Step};
use crate::ir::{
    ClientRange, EncodedSlash, Entry, Gateway, HostMatch, Listener, PathMatch, Paths, Route,
    UnknownHost, ValueMatch, normalize, regex::matcher,
};

/// The gateway's table, indexed by host. Building it is linear in routes; a request costs what its host's entries cost.
pub struct Router<'g> {
    pub(super) gateway: &'g Gateway,
    groups: Vec<Group<'g>>,
    exact: HashMap<&'g str, usize>,
    zones: HashMap<&'g str, usize>,
    /// The groups of regexes, in order, then the one for any host.
    wide: Vec<usize>,
    /// Compiled when first asked for: most requests ask for few.
    regexes: RefCell<HashMap<&'g str, Option<Rc<Regex>>>>,
}

struct Group<'g> {
    host: &'g HostMatch,
    entries: &'g [Entry],
}

impl<'g> Router<'g> {
    /// Indexes the gateway's table.
    pub fn new(gateway: &'g Gateway) -> Self {
        let mut router = Self {
            gateway,
            groups: Vec::new(),
            exact: HashMap::new(),
            zones: HashMap::new(),
            wide: Vec::new(),
            regexes: RefCell::default(),
        };
        // The table is sorted by host first, so that each host's entries lie together.
        for entries in gateway
            .table
            .chunk_by(|a, b| a.host(gateway) == b.host(gateway))
        {
            let host = entries[0].host(gateway);
            let at = router.groups.len();
            match host {
                HostMatch::Exact(name) => {
                    router.exact.insert(name, at);
                }
                HostMatch::Wildcard(zone) => {
                    router.zones.insert(zone, at);
                }
                HostMatch::Regex(_) | HostMatch::Any => router.wide.push(at),
            }
            router.groups.push(Group { host, entries });
        }
        router
    }

    /// What becomes of a request.
    ///
    /// # Errors
    /// A sentence, if no listener takes it.
    pub fn outcome(&self, request: &Request) -> Result<Outcome, String> {
        let listener = self.listener(request)?;
        let mut outcome = Outcome {
            listener: Some(listener.id),
            ..Outcome::default()
        };
        let Some(path) = self.path(request, listener, &mut outcome) else {
            return Ok(outcome);
        };
        let groups = self.groups(&request.host);
        for entry in groups.iter().flat_map(|at| self.groups[*at].entries) {
            match self.miss(*entry, request, listener, &path) {
                Some(missed) => outcome.why.push(Step {
                    entry: *entry,
                    missed,
                }),
                None => {
                    outcome.entry = Some(*entry);
                    self.answer(*entry, request, listener, &path, &mut outcome);
                    return Ok(outcome);
                }
            }
        }
        // A host of another listener's routes is none of this one's; a listener that redirects has none of its own.
        let named = listener.redirect.is_some()
            || groups
                .iter()
                .flat_map(|at| self.groups[*at].entries)
                .any(|entry| {
                    let route = self.gateway.route(entry.route);
                    self.gateway.serves(listener, route)
                });
        let unknown = groups.is_empty() || !named;
        self.nobody(request, listener, unknown, &mut outcome);
        Ok(outcome)
    }

    /// What becomes of a request that no entry takes.
    fn nobody(&self, request: &Request, listener: &Listener, unknown: bool, outcome: &mut Outcome) {
        if unknown && listener.unknown_host.value == UnknownHost::Close {
            outcome.closed = true;
            outcome.because.push(format!(
                "no route of listener {} names {}, and it closes such connections",
                listener.name, request.host
            ));
        } else if let Some(to) = &listener.redirect {
            let to = self.gateway.listener(to.value);
            let port = if to.has_scheme_port() {
                String::new()
            } else {
                format!(":{}", to.public_port.value)
            };
            let query = request
                .query
                .as_ref()
                .map_or_else(String::new, |query| format!("?{query}"));
            outcome.status = Some(301);
            outcome.location = Some(format!(
                "{}://{}{port}{}{query}",
                to.scheme(),
                crate::ir::bracketed(&request.host),
                request.path
            ));
            outcome.because.push(format!(
                "listener {} redirects to {}",
                listener.name, to.name
            ));
        } else {
            outcome.status = Some(404);
            outcome.because.push(if unknown {
                format!("no route takes the host {}", request.host)
            } else {
                "no route of this host takes it".to_owned()
            });
        }
    }

    /// The listener that a request comes in on: by scheme and port, then by scheme where the URL names no port.
    fn listener(&self, request: &Request) -> Result<&'g Listener, String> {
        let (tls, port) = (request.tls, request.port_or_default());
        let all = &self.gateway.listeners;
        let fits = |test: &dyn Fn(&Listener) -> bool| all.iter().find(|it| test(it));
        fits(&|it| it.tls.is_some() == tls && it.public_port.value == port)
            .or_else(|| fits(&|it| it.tls.is_some() == tls && it.port.value == port))
            // Something in front may terminate TLS, so that `https` comes in as plain text.
            .or_else(|| fits(&|it| it.public_port.is_written() && it.public_port.value == port))
            .or_else(|| fits(&|it| request.port.is_none() && it.tls.is_some() == tls))
            .ok_or_else(|| {
                let known: Vec<String> = all
                    .iter()
                    .map(|it| format!("{} ({} on {})", it.name, it.scheme(), it.public_port.value))
                    .collect();
                format!(
                    "no listener takes {} on port {port}; there is {}",
                    request.scheme(),
                    known.join(", ")
                )
            })
    }

    /// The path in the form in which it is matched; `None` if it is refused.
    fn path(
        &self,
        request: &Request,
        listener: &Listener,
        outcome: &mut Outcome,
    ) -> Option<String> {
        let mut refuse = |why: &str| {
            outcome.status = Some(400);
            outcome.because.push(why.to_owned());
            None
        };
        let lower = request.path.to_ascii_lowercase();
        if listener.encoded_slash.value == EncodedSlash::Reject && lower.contains("%2f") {
            return refuse("`encoded_slash: reject`: the path has a `%2F`");
        }
        match listener.paths.value {
            Paths::Raw => return Some(request.path.clone()),
            Paths::Reject => {
                let dots = lower.replace("%2e", ".");
                let mut segments = dots.split('/').skip(1).peekable();
                while let Some(segment) = segments.next() {
                    if segment == "." || segment == ".." {
                        return refuse("`paths: reject`: the path has dot segments");
                    }
                    if segment.is_empty() && segments.peek().is_some() {
                        return refuse("`paths: reject`: the path has `//`");
                    }
                }
            }
            Paths::Normalize => {}
        }
        match normalize(&request.path) {
            Some(path) => Some(path),
            None => refuse("the path is no path: a `%` without its digits, or a control character"),
        }
    }

    /// The groups that take a host, in order.
    fn groups(&self, host: &str) -> Vec<usize> {
        let mut found: Vec<usize> = self.exact.get(host).copied().into_iter().collect();
        let mut rest = host;
        while let Some((_, zone)) = rest.split_once('.') {
            if let Some(at) = self
                .zones
                .get(zone)
                .filter(|_| HostMatch::is_below(host, zone))
            {
                found.push(*at);
            }
            rest = zone;
        }
        found.extend(self.wide.iter().filter(|at| match self.groups[**at].host {
            HostMatch::Regex(regex) => self.is_match(regex, host),
            HostMatch::Any | HostMatch::Exact(_) | HostMatch::Wildcard(_) => true,
        }));
        found
    }

    /// What the entry asks for that the request has not; `None` if it takes the request.
    fn miss(
        &self,
        entry: Entry,
        request: &Request,
        listener: &Listener,
        path: &str,
    ) -> Option<Missed> {
        let route = self.gateway.route(entry.route);
        let taken = match entry.path(self.gateway) {
            PathMatch::Regex(regex) => self.is_match(regex, path),
            literal => literal.takes_literal(path),
        };
        if !taken {
            return Some(Missed::Path);
        }
        if !self.gateway.serves(listener, route) {
            return Some(Missed::Listener);
        }
        self.unmet(route, request)
    }

    fn unmet(&self, route: &'g Route, request: &Request) -> Option<Missed> {
        let when = &route.when;
        if let Some(methods) = &when.methods
            && !methods.value.contains(&request.method)
        {
            return Some(Missed::Methods);
        }
        for (index, condition) in when.headers.iter().enumerate() {
            let value = request.header(&condition.value.name);
            if !self.meets(&condition.value.value, value.as_deref()) {
                return Some(Missed::Header(index));
            }
        }
        for (index, condition) in when.query.iter().enumerate() {
            let value = request.query_value(&condition.value.name);
            if !self.meets(&condition.value.value, value.as_deref()) {
                return Some(Missed::Query(index));
            }
        }
        if let Some(ranges) = &when.clients
            && !contains(&ranges.value, request.client)
        {
            return Some(Missed::Clients);
        }
        match &when.upgrade {
            Some(upgrade) if upgrade.value != request.is_websocket() => Some(Missed::Upgrade),
            _ => None,
        }
    }

    fn meets(&self, wanted: &'g ValueMatch, value: Option<&str>) -> bool {
        match (wanted, value) {
            (ValueMatch::Present(there), value) => *there == value.is_some(),
            (ValueMatch::Exact(text), Some(value)) => text == value,
            (ValueMatch::Regex(regex), Some(value)) => self.is_match(regex, value),
            (ValueMatch::Exact(_) | ValueMatch::Regex(_), None) => false,
        }
    }

    /// Whether a regex of the spec matches a text as a whole.
    fn is_match(&self, regex: &'g str, text: &str) -> bool {
        self.compiled(regex)
            .is_some_and(|regex| regex.is_match(text.as_bytes()))
    }

    pub(super) fn compiled(&self, regex: &'g str) -> Option<Rc<Regex>> {
        self.regexes
            .borrow_mut()
            .entry(regex)
            .or_insert_with(|| matcher(regex).map(Rc::new))
            .clone()
    }
}

/// Whether a client's address is in one of the ranges; an unnamed one is only in those that hold everyone.
pub(super) fn contains(ranges: &[ClientRange], client: Option<IpAddr>) -> bool {
    ranges.iter().any(|range| match client {
        Some(ip) => range.net().contains(&ip.to_canonical()),
        None => range.is_everyone(),
    })
}
