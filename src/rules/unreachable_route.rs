//! unreachable-route: a route, or a path of one, that no request can reach.

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use std::collections::HashMap;
use super::{cover, pattern};
use crate::ir::{Entry, Gateway, HostMatch, PathMatch, RouteId};

pub(super) const RULE: Rule = Rule::new(
    Level::Error,
    "unreachable-route",
    include_str!("unreachable_route.md"),
    run,
);

/// Candidates beyond these are not tried, so that the work stays linear in routes.
const MOST: usize = 64;

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let gateway = subject.gateway;
    for route in &gateway.routes {
        if gateway.listeners_of(route).next().is_none() {
            findings
                .at(route.at, format!("no listener serves route {}", route.name))
                .note("listeners that redirect serve only routes that name them")
                .help("write `when: {listeners: […]}`, or a listener without `redirect`");
        }
    }
    let taken = taken(gateway);
    for route in &gateway.routes {
        // A path is dead when it is so under every host.
        let dead: Vec<Option<Entry>> = (0..route.paths.len() as u32)
            .map(|path| {
                let mut by = None;
                for host in 0..route.hosts.len() as u32 {
                    let entry = Entry {
                        route: route.id,
                        host,
                        path,
                    };
                    by = Some(*taken.get(&key(entry))?);
                }
                by
            })
            .collect();
        let whole = dead.iter().all(Option::is_some);
        for (path, by) in route.paths.iter().zip(&dead) {
            let Some(by) = by else { continue };
            let before = gateway.route(by.route);
            let place = &before.paths[by.path as usize];
            findings
                .at(
                    path.loc(),
                    if whole {
                        format!("no request reaches route {}", route.name)
                    } else {
                        format!("no request reaches this path of route {}", route.name)
                    },
                )
                .also(place.loc(), format!("route {} takes them all", before.name))
                .note(format!(
                    "{} comes before {} in the computed order, and asks for nothing that the other does not ask for",
                    place.value, path.value
                ))
                .help("take one of them out, or tell them apart: another host, a longer path, a condition under `when`");
            if whole {
                break;
            }
        }
    }
}

fn key(entry: Entry) -> (RouteId, u32, u32) {
    (entry.route, entry.host, entry.path)
}

/// Entries whose every request an earlier entry takes, and that entry.
fn taken(gateway: &Gateway) -> HashMap<(RouteId, u32, u32), Entry> {
    let mut taken = HashMap::new();
    let groups: Vec<&[Entry]> = gateway
        .table
        .chunk_by(|a, b| a.host(gateway) == b.host(gateway))
        .collect();
    for (at, group) in groups.iter().enumerate() {
        let mut earlier = Earlier::default();
        for entry in *group {
            let by = earlier
                .takes(gateway, *entry)
                .or_else(|| narrower_hosts_take(gateway, &groups[..at], *entry));
            if let Some(by) = by {
                taken.insert(key(*entry), by);
            }
            earlier.add(gateway, *entry);
        }
    }
    taken
}

/// The entries of one host so far.
#[derive(Default)]
struct Earlier<'g> {
    by_path: HashMap<&'g PathMatch, Vec<Entry>>,
    regexes: Vec<Entry>,
    /// The regexes that are a prefix in disguise: they can take what a prefix takes.
    shaped: Vec<Entry>,
}

impl<'g> Earlier<'g> {
    fn add(&mut self, gateway: &'g Gateway, entry: Entry) {
        let path = entry.path(gateway);
        let same = self.by_path.entry(path).or_default();
        if same.len() < MOST {
            same.push(entry);
        }
        if let PathMatch::Regex(regex) = path
            && self.regexes.len() < MOST
        {
            self.regexes.push(entry);
            if pattern::shape(regex).is_some() {
                self.shaped.push(entry);
            }
        }
    }

    fn takes(&self, gateway: &Gateway, entry: Entry) -> Option<Entry> {
        let path = entry.path(gateway);
        let same = self.by_path.get(path).map_or(&[][..], Vec::as_slice);
        let wider: &[Entry] = match path {
            PathMatch::Exact(_) => &[],
            PathMatch::Regex(_) => &self.regexes,
            PathMatch::Prefix(_) => &self.shaped,
        };
        let candidates: Vec<Entry> = same
            .iter()
            .chain(wider)
            .filter(|it| it.route != entry.route && cover::path(it.path(gateway), path))
            .copied()
            .collect();
        one_of(gateway, &candidates, entry).or_else(|| self.exacts_take(gateway, entry))
    }

    /// A regex of few texts, each of which an exact path takes.
    fn exacts_take(&self, gateway: &Gateway, entry: Entry) -> Option<Entry> {
        let PathMatch::Regex(regex) = entry.path(gateway) else {
            return None;
        };
        let mut by = None;
        for text in pattern::every_text(regex)? {
            let exact = PathMatch::Exact(text);
            by = Some(one_of(gateway, self.by_path.get(&exact)?, entry)?);
        }
        by
    }
}

/// The candidate that takes every request of the entry, or one of two that share them by `upgrade`.
fn one_of(gateway: &Gateway, candidates: &[Entry], entry: Entry) -> Option<Entry> {
    let route = gateway.route(entry.route);
    let others = || candidates.iter().filter(|it| it.route != entry.route);
    let whole = others().find(|it| cover::conditions(gateway, gateway.route(it.route), route));
    let half = |upgrade: bool| {
        others().find(|it| {
            let other = gateway.route(it.route);
            other.when.upgrade.as_ref().is_some_and(|on| on.value == upgrade)
                && cover::conditions_but_upgrade(gateway, other, route)
        })
    };
    whole
        .or_else(|| half(true).filter(|_| half(false).is_some()))
        .copied()
}

/// A regex host may lie wholly inside hosts that come before it.
fn narrower_hosts_take(gateway: &Gateway, groups: &[&[Entry]], entry: Entry) -> Option<Entry> {
    let HostMatch::Regex(regex) = entry.host(gateway) else {
        return None;
    };
    let in_group = |group: &[Entry]| {
        let candidates: Vec<Entry> = group
            .iter()
            .take(4 * MOST)
            .filter(|it| cover::path(it.path(gateway), entry.path(gateway)))
            .copied()
            .collect();
        one_of(gateway, &candidates, entry)
    };
    let zone = groups.iter().find_map(|group| match group[0].host(gateway) {
        HostMatch::Wildcard(zone) if pattern::lies_below(regex, zone) => in_group(group),
        _ => None,
    });
    if zone.is_some() {
        return zone;
    }
    let mut by = None;
    for host in pattern::every_text(regex)? {
        by = Some(groups.iter().find_map(|group| {
            let there = match group[0].host(gateway) {
                HostMatch::Exact(name) => *name == host,
                HostMatch::Wildcard(zone) => HostMatch::is_below(&host, zone),
                HostMatch::Regex(_) | HostMatch::Any => false,
            };
            if there { in_group(group) } else { None }
        })?);
    }
    by
}
