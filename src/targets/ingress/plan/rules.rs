//! Rules: the hosts and paths of a route as resources have them, and the order that Traefik is told.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap as HashMap;

use super::Ctx;
use crate::emit::{Map, Node};
use crate::ir::{Certificate, Entry, Gateway, HostMatch, Listener, PathMatch, Route, RouteId};
use crate::targets::ingress::facts;
use crate::targets::ingress::sites::Rule;
use crate::targets::kubernetes::{text, word, words};

/// The rules of a route that have one rank: the highest first.
pub(super) fn ranked<'a>(ctx: &Ctx<'a>, route: &'a Route) -> Vec<(u32, Vec<Rule<'a>>)> {
    let mut ranks: BTreeMap<Reverse<u32>, Vec<Rule<'a>>> = BTreeMap::new();
    for (host_index, host) in (0..).zip(&route.hosts) {
        let Some(name) = facts::host(&host.value) else {
            continue;
        };
        for (path_index, path) in (0..).zip(&route.paths) {
            let Some(paths) = facts::paths(&path.value, ctx.controller) else {
                continue;
            };
            let entry = (route.id, host_index, path_index);
            let tie = ctx.ties.get(&entry).copied().unwrap_or_default();
            let rank = rank(ctx.g, route, &host.value, &path.value) * (TIES + 1) + tie;
            let paths = paths.into_iter().map(|(kind, it)| (kind, it, path.loc()));
            let rules = ranks.entry(Reverse(rank)).or_default();
            match rules.iter_mut().find(|it| it.name == name) {
                Some(rule) => rule.paths.extend(paths),
                None => rules.push(Rule {
                    host: &host.value,
                    name: name.clone(),
                    at: host.loc(),
                    paths: paths.collect(),
                }),
            }
        }
    }
    ranks
        .into_iter()
        .map(|(rank, rules)| (rank.0, rules))
        .collect()
}

/// A number that is higher where a request is taken earlier; a further route leaves those of the others as they are, but for
/// regexes.
fn rank(g: &Gateway, route: &Route, host: &HostMatch, path: &PathMatch) -> u32 {
    let hosts = match host {
        HostMatch::Exact(_) => 300,
        HostMatch::Wildcard(zone) => 1 + zone.len() as u32,
        HostMatch::Regex(_) | HostMatch::Any => 0,
    };
    let paths = match path {
        PathMatch::Exact(_) => 9_000,
        PathMatch::Regex(_) => {
            let regexes = g.routes.iter().flat_map(|it| &it.paths);
            let mut regexes = regexes.filter(|it| matches!(it.value, PathMatch::Regex(_)));
            let place = regexes.position(|it| it.value == *path).unwrap_or_default();
            8_999 - (place as u32).min(3_998)
        }
        PathMatch::Prefix(text) => 1 + (text.len() as u32).min(4_999),
    };
    hosts * 20_000 + paths * 2 + u32::from(route.when.listeners.is_some())
}

/// As many entries of one host and one path are told apart.
const TIES: u32 = 15;

/// An entry of the computed order: the route, and the indices of its host and path.
pub(super) type Place = (RouteId, u32, u32);

/// How many entries come behind each that have its host, its path and as many conditions.
pub(super) fn ties(g: &Gateway) -> HashMap<Place, u32> {
    let alike = |one: &Entry, other: &Entry| {
        let key = |it: &Entry| {
            (
                it.host(g),
                it.path(g),
                g.route(it.route).when.listeners.is_some(),
            )
        };
        key(one) == key(other)
    };
    let mut ties = HashMap::default();
    for same in g.table.chunk_by(alike) {
        for (behind, entry) in (0..).zip(same.iter().rev()) {
            ties.insert((entry.route, entry.host, entry.path), TIES.min(behind));
        }
    }
    ties
}

/// The `rules` of a resource.
pub(super) fn node(rules: &[Rule<'_>], service: &(String, u16)) -> Node {
    let rules = rules.iter().map(|rule| {
        let paths = rule.paths.iter().map(|(kind, path, at)| {
            let port = Map::new().put("number", Node::number(service.1));
            let backend = Map::new().put("name", word(&service.0)).put("port", port);
            let map = Map::new();
            let map = match path.is_empty() {
                true => map,
                false => map.put("path", text(path, *at)),
            };
            let map = map
                .put("pathType", Node::word(kind.word()))
                .put("backend", Map::new().put("service", backend));
            Node::from(map).at(*at)
        });
        let http = Map::new().put("http", Map::new().put("paths", Node::list(paths)));
        let host = Map::new();
        let host = match rule.name.is_empty() {
            true => host,
            false => host.put("host", text(&rule.name, rule.at)),
        };
        Node::from(host.and(http)).at(rule.at)
    });
    Node::list(rules)
}

/// The `tls` of a resource: the Secret of each host's certificate.
pub(super) fn tls(ctx: &Ctx<'_>, listener: &Listener, rules: &[Rule<'_>]) -> Option<Node> {
    let tls = listener.tls.as_ref()?;
    let mut secrets: Vec<(String, &Certificate, Vec<&str>)> = Vec::new();
    for rule in rules {
        let certificate = ctx.g.certificate(ctx.g.certificate_for(tls, rule.host));
        let Some(secret) = ctx.secrets().of(certificate) else {
            continue;
        };
        let host = (!rule.name.is_empty()).then_some(rule.name.as_str());
        match secrets.iter_mut().find(|it| it.0 == secret) {
            Some((.., hosts)) => hosts.extend(host),
            None => secrets.push((secret, certificate, host.into_iter().collect())),
        }
    }
    let nodes: Vec<Node> = secrets
        .into_iter()
        .map(|(secret, certificate, hosts)| {
            let map = Map::new();
            let map = match hosts.is_empty() {
                true => map,
                false => map.put("hosts", words(hosts)),
            };
            Node::from(map.put("secretName", word(&secret))).at(certificate.at)
        })
        .collect();
    (!nodes.is_empty()).then(|| Node::list(nodes))
}
