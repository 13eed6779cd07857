//! The computed order as rules can say it: entries of a route that may stand together without overtaking another route's.

use std::collections::BTreeSet;

use crate::ir::{
    Entry, Feature, Gateway, HostMatch, Listener, PathMatch, PathRewrite, Route, Set, Subject,
};
use crate::targets::Verdicts;

/// Hosts and paths of a route that stand at one place of the order: each host with each path.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// The route.
    pub(super) route: &'a Route,
    /// The hosts, at least one.
    pub(super) hosts: Vec<&'a Set<HostMatch>>,
    /// The paths, at least one.
    pub(super) paths: Vec<&'a Set<PathMatch>>,
}

/// Beyond so many entries nobody looks for what may stand together: a load balancer takes a hundred rules.
const SEARCHED: usize = 1000;

/// The groups of a listener, in order.
///
/// A route's hosts and paths stay together as long as some order of the groups does what the computed order does: a group comes before
/// another where some request fits an entry of both and the computed order asks the one first. So what stands together does not
/// depend on routes that have nothing to do with it.
pub(super) fn groups<'a>(g: &'a Gateway, v: &Verdicts<'_>, listener: &Listener) -> Vec<Group<'a>> {
    let entries: Vec<Entry> = g
        .table
        .iter()
        .copied()
        .filter(|entry| {
            let route = g.route(entry.route);
            g.serves(listener, route) && is_rendered(v, route, *entry)
        })
        .collect();
    let parts = match entries.len() <= SEARCHED {
        true => ordered(g, &entries, together(g, &entries)),
        false => (0..entries.len()).map(|at| vec![at]).collect(),
    };
    parts
        .into_iter()
        .map(|part| group(g, &entries, &part))
        .collect()
}

/// Hosts and paths of some entries of a route.
fn group<'a>(g: &'a Gateway, entries: &[Entry], part: &[usize]) -> Group<'a> {
    let route = g.route(entries[part[0]].route);
    let mut hosts: Vec<u32> = part.iter().map(|at| entries[*at].host).collect();
    let mut paths: Vec<u32> = part.iter().map(|at| entries[*at].path).collect();
    for list in [&mut hosts, &mut paths] {
        list.sort_unstable();
        list.dedup();
    }
    Group {
        route,
        hosts: hosts.iter().map(|at| &route.hosts[*at as usize]).collect(),
        paths: paths.iter().map(|at| &route.paths[*at as usize]).collect(),
    }
}

/// The entries of each route in parts, each with every pair of its hosts and paths; a part's entries in their order.
fn together(g: &Gateway, entries: &[Entry]) -> Vec<Vec<usize>> {
    let mut own: Vec<Vec<usize>> = vec![Vec::new(); g.routes.len()];
    for (at, entry) in entries.iter().enumerate() {
        own[entry.route.index()].push(at);
    }
    let mut parts = Vec::new();
    for (route, mut left) in g.routes.iter().zip(own) {
        while !left.is_empty() {
            let cells: Vec<(u32, u32)> = left
                .iter()
                .map(|at| (entries[*at].host, entries[*at].path))
                .collect();
            let (hosts, paths) = rectangle(route, &cells);
            let inside = |at: &usize| {
                hosts.contains(&entries[*at].host) && paths.contains(&entries[*at].path)
            };
            let (part, rest) = left.into_iter().partition(inside);
            parts.push(part);
            left = rest;
        }
    }
    parts
}

/// The parts in an order that does what the order of their entries does. Parts that would have to be before and behind each other
/// fall apart into their entries.
fn ordered(g: &Gateway, entries: &[Entry], mut parts: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    loop {
        parts.sort_unstable();
        let mut of = vec![0; entries.len()];
        for (n, part) in parts.iter().enumerate() {
            part.iter().for_each(|at| of[*at] = n);
        }
        let mut behind: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
        let mut before = vec![0_usize; parts.len()];
        for (at, a) in entries.iter().enumerate() {
            for (later, b) in entries.iter().enumerate().skip(at + 1) {
                if a.route != b.route && overlap(g, *a, *b) {
                    behind[of[at]].push(of[later]);
                    before[of[later]] += 1;
                }
            }
        }
        let mut free: BTreeSet<usize> = (0..parts.len()).filter(|n| before[*n] == 0).collect();
        let mut order = Vec::with_capacity(parts.len());
        while let Some(next) = free.pop_first() {
            order.push(next);
            for later in &behind[next] {
                before[*later] -= 1;
                if before[*later] == 0 {
                    free.insert(*later);
                }
            }
        }
        if order.len() == parts.len() {
            return order
                .into_iter()
                .map(|n| std::mem::take(&mut parts[n]))
                .collect();
        }
        let stuck = |n: &usize| before[*n] > 0 && parts[*n].len() > 1 && reaches(&behind, *n);
        let split: Vec<usize> = (0..parts.len()).filter(stuck).collect();
        for n in split {
            let part = std::mem::take(&mut parts[n]);
            parts.extend(part.into_iter().map(|at| vec![at]));
        }
        parts.retain(|part| !part.is_empty());
    }
}

/// Whether a part has to be behind itself.
fn reaches(behind: &[Vec<usize>], from: usize) -> bool {
    let mut seen = vec![false; behind.len()];
    let mut open = behind[from].clone();
    while let Some(at) = open.pop() {
        if at == from {
            return true;
        }
        if !std::mem::replace(&mut seen[at], true) {
            open.extend(&behind[at]);
        }
    }
    false
}

/// Whether a condition can say the entry's host and path, and the rest that the route asks for.
fn is_rendered(v: &Verdicts<'_>, route: &Route, entry: Entry) -> bool {
    let on = Subject::Route(route);
    let host = &route.hosts[entry.host as usize];
    let path = &route.paths[entry.path as usize];
    let host_feature = match &host.value {
        HostMatch::Exact(_) => Some(Feature::HostExact),
        HostMatch::Wildcard(_) => Some(Feature::HostWildcard),
        HostMatch::Regex(_) => Some(Feature::HostRegex),
        HostMatch::Any => None,
    };
    let path_feature = match &path.value {
        PathMatch::Exact(_) => Feature::PathExact,
        PathMatch::Prefix(_) => Feature::PathPrefix,
        PathMatch::Regex(_) => Feature::PathRegex,
    };
    host_feature.is_none_or(|feature| v.renders(feature, on, host.from))
        && v.renders(path_feature, on, path.from)
        && [
            Feature::WhenMethods,
            Feature::WhenHeaders,
            Feature::WhenQuery,
            Feature::WhenUpgrade,
        ]
        .iter()
        .all(|feature| v.renders_all(*feature, on))
}

/// Whether some request may fit both groups, as far as hosts and paths tell.
pub(super) fn meet(a: &Group<'_>, b: &Group<'_>) -> bool {
    let host = |a: &Set<HostMatch>| b.hosts.iter().any(|b| hosts_overlap(&a.value, &b.value));
    let path = |a: &Set<PathMatch>| b.paths.iter().any(|b| paths_overlap(&a.value, &b.value));
    a.hosts.iter().any(|it| host(it)) && a.paths.iter().any(|it| path(it))
}

/// Whether some request fits both entries, as far as hosts and paths tell.
pub(super) fn overlap(g: &Gateway, a: Entry, b: Entry) -> bool {
    hosts_overlap(a.host(g), b.host(g)) && paths_overlap(a.path(g), b.path(g))
}

fn hosts_overlap(a: &HostMatch, b: &HostMatch) -> bool {
    use HostMatch::{Any, Exact, Regex, Wildcard};
    match (a, b) {
        // What a regex matches nobody looks into here: it may match everything.
        (Any | Regex(_), _) | (_, Any | Regex(_)) => true,
        (Exact(a), Exact(b)) => a == b,
        (Exact(host), Wildcard(zone)) | (Wildcard(zone), Exact(host)) => {
            HostMatch::is_below(host, zone)
        }
        (Wildcard(a), Wildcard(b)) => {
            a == b || HostMatch::is_below(a, b) || HostMatch::is_below(b, a)
        }
    }
}

fn paths_overlap(a: &PathMatch, b: &PathMatch) -> bool {
    use PathMatch::{Exact, Prefix, Regex};
    match (a, b) {
        (Regex(_), _) | (_, Regex(_)) => true,
        (Exact(a), Exact(b)) => a == b,
        (Exact(path), Prefix(prefix)) | (Prefix(prefix), Exact(path)) => {
            PathMatch::is_prefix(prefix, path)
        }
        (Prefix(a), Prefix(b)) => PathMatch::is_prefix(a, b) || PathMatch::is_prefix(b, a),
    }
}

/// Hosts and paths whose every pair is among the cells, with the first cell in it.
fn rectangle(route: &Route, cells: &[(u32, u32)]) -> (Vec<u32>, Vec<u32>) {
    let has = |host: u32, path: u32| cells.contains(&(host, path));
    let (first_host, first_path) = cells[0];
    let mut paths = vec![first_path];
    if !rewrites_by_path(route) {
        let more = (0..route.paths.len() as u32).filter(|path| *path != first_path);
        paths.extend(more.filter(|path| has(first_host, *path)));
    }
    let mut hosts = vec![first_host];
    if !compares_with_host(route) {
        let more = (0..route.hosts.len() as u32).filter(|host| *host != first_host);
        hosts.extend(more.filter(|host| paths.iter().all(|path| has(*host, *path))));
    }
    paths.sort_unstable();
    hosts.sort_unstable();
    (hosts, paths)
}

/// Whether the route's transform depends on which of its paths was met.
fn rewrites_by_path(route: &Route) -> bool {
    route.rewrite.as_ref().is_some_and(|rewrite| {
        rewrite.path.as_ref().is_some_and(|path| {
            matches!(
                path.value,
                PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_)
            )
        })
    })
}

/// Whether what is asked of `Origin` depends on which of the route's hosts was met.
fn compares_with_host(route: &Route) -> bool {
    let origins = route.websocket.as_ref().and_then(|it| it.origins.as_ref());
    origins.is_some_and(|origins| origins.value.same_host)
}
