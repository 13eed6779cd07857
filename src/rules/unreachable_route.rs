//! unreachable-route: a route, or a path of one, that no request can reach.

use std::cell::OnceCell;
use rustc_hash::FxHashMap as HashMap;

use regex::bytes::Regex;

use super::cover;
use super::pattern::{self, Shape};
use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{Entry, Gateway, HostMatch, PathMatch, RouteId, regex::matcher};

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
    let mut taken = HashMap::default();
    let mut hosts = Hosts::default();
    for group in gateway
        .table
        .chunk_by(|a, b| a.host(gateway) == b.host(gateway))
    {
        let inside = hosts.around(group[0].host(gateway));
        let mut earlier = Earlier::default();
        for entry in group {
            let by = earlier
                .takes(gateway, *entry)
                .or_else(|| inside.iter().find_map(|these| all_take(gateway, these, *entry)));
            if let Some(by) = by {
                taken.insert(key(*entry), by);
            }
            earlier.add(gateway, *entry);
        }
        match group[0].host(gateway) {
            HostMatch::Exact(name) => {
                hosts.exact.insert(name, group);
            }
            HostMatch::Wildcard(zone) => {
                hosts.zones.insert(zone, group);
            }
            HostMatch::Regex(_) | HostMatch::Any => {}
        }
    }
    taken
}

/// The hosts so far that are no regex, and their entries.
#[derive(Default)]
struct Hosts<'g> {
    exact: HashMap<&'g str, &'g [Entry]>,
    zones: HashMap<&'g str, &'g [Entry]>,
}

impl<'g> Hosts<'g> {
    /// The sets of hosts that a regex host lies wholly inside: one zone, or a host or zone for each of its texts.
    fn around(&self, host: &HostMatch) -> Vec<Vec<&'g [Entry]>> {
        let HostMatch::Regex(regex) = host else {
            return Vec::new();
        };
        let zone_of = |zone: &String| self.zones.get(zone.as_str()).map(|group| vec![*group]);
        let mut sets: Vec<Vec<&[Entry]>> =
            pattern::zones(regex).iter().filter_map(zone_of).collect();
        let each = pattern::every_text(regex).and_then(|texts| {
            let found = texts.iter().map(|text| {
                let exact = self.exact.get(text.as_str());
                exact.or_else(|| {
                    let dots = text.match_indices('.').filter(|(dot, _)| *dot > 0);
                    dots.map(|(dot, _)| &text[dot + 1..])
                        .find_map(|zone| self.zones.get(zone))
                })
            });
            found.map(|group| group.copied()).collect::<Option<Vec<_>>>()
        });
        sets.extend(each.filter(|groups| !groups.is_empty()));
        sets
    }
}

/// Whether in each of these hosts an entry takes all that this one takes; one of them.
fn all_take(gateway: &Gateway, groups: &[&[Entry]], entry: Entry) -> Option<Entry> {
    let mut by = None;
    for group in groups {
        let candidates: Vec<Entry> = group
            .iter()
            .take(MOST)
            .filter(|it| cover::path(it.path(gateway), entry.path(gateway)))
            .copied()
            .collect();
        by = Some(one_of(gateway, &candidates, entry)?);
    }
    by
}

/// The entries of one host so far.
#[derive(Default)]
struct Earlier<'g> {
    by_path: HashMap<&'g PathMatch, Vec<Entry>>,
    regexes: Vec<Known>,
}

/// A regex path, read once.
struct Known {
    entry: Entry,
    start: String,
    shape: Option<Shape>,
    matcher: OnceCell<Option<Regex>>,
}

impl Known {
    /// Whether it takes all that a later regex takes.
    fn takes_regex(&self, text: &str, start: &str, texts: Option<&[String]>) -> bool {
        if let Some(Shape::Starts(own)) = &self.shape
            && start.starts_with(own.as_str())
        {
            return true;
        }
        texts.is_some_and(|texts| {
            !texts.is_empty()
                && texts.iter().all(|text| text.starts_with(&self.start))
                && self
                    .matcher
                    .get_or_init(|| matcher(text))
                    .as_ref()
                    .is_some_and(|regex| texts.iter().all(|text| regex.is_match(text.as_bytes())))
        })
    }

    /// Whether it takes all that a prefix takes.
    fn takes_prefix(&self, prefix: &str) -> bool {
        match &self.shape {
            Some(Shape::Starts(own)) => prefix.starts_with(own.as_str()),
            Some(Shape::Below(own)) => PathMatch::is_prefix(own, prefix),
            Some(Shape::Exactly(_)) | None => false,
        }
    }
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
            self.regexes.push(Known {
                entry,
                start: pattern::literal_start(regex),
                shape: pattern::shape(regex),
                matcher: OnceCell::new(),
            });
        }
    }

    fn takes(&self, gateway: &Gateway, entry: Entry) -> Option<Entry> {
        let path = entry.path(gateway);
        let mut candidates = self.by_path.get(path).cloned().unwrap_or_default();
        match path {
            PathMatch::Exact(_) => {}
            PathMatch::Prefix(prefix) => candidates.extend(
                self.regexes
                    .iter()
                    .filter(|known| known.takes_prefix(prefix))
                    .map(|known| known.entry),
            ),
            PathMatch::Regex(regex) => {
                let texts = pattern::every_text(regex);
                let start = pattern::literal_start(regex);
                let wider = self.regexes.iter().filter(|known| {
                    let PathMatch::Regex(own) = known.entry.path(gateway) else {
                        return false;
                    };
                    known.takes_regex(own, &start, texts.as_deref())
                });
                candidates.extend(wider.map(|known| known.entry));
                if let Some(by) = one_of(gateway, &candidates, entry) {
                    return Some(by);
                }
                return self.exacts_take(gateway, entry, &texts?);
            }
        }
        one_of(gateway, &candidates, entry)
    }

    /// A regex of few texts, each of which an exact path takes.
    fn exacts_take(&self, gateway: &Gateway, entry: Entry, texts: &[String]) -> Option<Entry> {
        let mut by = None;
        for text in texts {
            let exact = PathMatch::Exact(text.clone());
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
