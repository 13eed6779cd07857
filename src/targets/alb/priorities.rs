//! Priorities of rules: numbers made of what a rule is about, so that a rule that comes or goes leaves the others where they are.
//!
//! AWS refuses a priority that another rule still has, and CloudFormation moves rules one by one: while rules move up, what a guard
//! keeps out may pass. So a rule's number does not count the rules before it. Each kind of host and path has a range of its own, in
//! the computed order, and a hash of the hosts and paths is the place within. Where that would contradict the order, or meets a
//! number that is taken, the next free one is the rule's.

use std::collections::BTreeSet;

use super::facts::PRIORITIES;
use super::ids::fnv;
use super::order::{Group, meet};
use super::steps::Role;
use crate::ir::{HostMatch, PathMatch};

/// A part of the numbers: where it begins, and how many there are.
type Range = (usize, usize);

/// Numbers before all others: for rules of the listener itself.
const FIRST: usize = 10;
/// Beyond so many groups nobody asks which of them meet: the numbers follow each other.
const COMPARED: usize = 1000;
/// Shares of the numbers for exact hosts, wildcards, regexes and any host.
const HOSTS: [usize; 4] = [60, 15, 5, 20];
/// Shares of wildcards by the labels of their zones, nine and more first.
const LABELS: [usize; 9] = [2, 2, 3, 5, 8, 15, 25, 30, 10];
/// Shares for exact paths, regexes and prefixes.
const PATHS: [usize; 3] = [25, 10, 65];
/// Shares of prefixes by depth, two for a segment and one for a slash behind it, eleven and more first; the last is `/` itself.
const DEPTHS: [usize; 12] = [3, 2, 3, 2, 5, 2, 9, 2, 15, 3, 25, 10];
/// Numbers of rules that share hosts and paths, in their order.
const SAME: usize = 32;

/// The priorities of rules in their order, each with its group and what it is for.
pub(super) fn priorities(rules: &[(&Group<'_>, Role)]) -> Vec<usize> {
    let compare = rules.len() <= COMPARED;
    let mut taken = BTreeSet::new();
    let mut list: Vec<usize> = Vec::with_capacity(rules.len());
    for (at, (group, role)) in rules.iter().enumerate() {
        let before = match compare {
            true => (0..at)
                .filter(|n| meet(rules[*n].0, group))
                .map(|n| list[n])
                .max(),
            false => list.last().copied(),
        };
        let mut number = preferred(group, *role).max(before.map_or(0, |it| it + 1));
        while !taken.insert(number) {
            number += 1;
        }
        list.push(number);
    }
    if list.iter().all(|number| *number <= PRIORITIES) {
        return list;
    }
    let apart = ((PRIORITIES - FIRST) / list.len().max(1)).max(1);
    (0..list.len()).map(|n| FIRST + n * apart).collect()
}

/// Where a rule stands if nothing else is in its way.
fn preferred(group: &Group<'_>, role: Role) -> usize {
    let (from, room) = group
        .hosts
        .iter()
        .flat_map(|host| {
            group
                .paths
                .iter()
                .map(|path| range(&host.value, &path.value))
        })
        .max()
        .unwrap_or((FIRST, PRIORITIES - FIRST));
    let place = place(group) % room.saturating_sub(SAME).max(1);
    let conditions = 3 - group.route.when.count().min(3);
    from + place + conditions * 8 + role.rank()
}

/// The numbers for a host and a path.
fn range(host: &HostMatch, path: &PathMatch) -> Range {
    let all = (FIRST, PRIORITIES - FIRST);
    let of_host = match host {
        HostMatch::Exact(_) => part(all, &HOSTS, 0),
        HostMatch::Wildcard(zone) => {
            let labels = zone.split('.').count().min(LABELS.len());
            part(part(all, &HOSTS, 1), &LABELS, LABELS.len() - labels)
        }
        HostMatch::Regex(_) => part(all, &HOSTS, 2),
        HostMatch::Any => part(all, &HOSTS, 3),
    };
    match path {
        PathMatch::Exact(_) => part(of_host, &PATHS, 0),
        PathMatch::Regex(_) => part(of_host, &PATHS, 1),
        PathMatch::Prefix(prefix) => {
            let segments = prefix.split('/').filter(|it| !it.is_empty()).count();
            let open = usize::from(segments > 0 && prefix.ends_with('/'));
            let depth = (2 * segments + open).min(DEPTHS.len());
            let last = DEPTHS.len() - 1;
            // No prefix has a depth of one.
            part(
                part(of_host, &PATHS, 2),
                &DEPTHS,
                last - depth.saturating_sub(1).min(last),
            )
        }
    }
}

/// The part of a range that is `shares[at]` of all shares.
fn part((from, room): Range, shares: &[usize], at: usize) -> Range {
    let all: usize = shares.iter().sum();
    let before: usize = shares[..at].iter().sum();
    (from + room * before / all, room * shares[at] / all)
}

/// A number for the hosts and paths.
fn place(group: &Group<'_>) -> usize {
    let hosts = group.hosts.iter().map(|it| it.value.to_string());
    let paths = group.paths.iter().map(|it| it.value.to_string());
    let texts: Vec<String> = hosts.chain(paths).collect();
    (fnv(&texts.join("\n")) >> 32) as usize
}
