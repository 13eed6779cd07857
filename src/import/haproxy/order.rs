//! Rows in HAProxy's order, the first that fits, as routes in the language's: the more specific first.

use super::region::{Meet, Region};
use super::table::{Row, Table};
use super::test::{Host, Path};

/// The most rows whose order is compared pair by pair.
pub(super) const MOST: usize = 300;

/// Takes rows out that no request reaches, puts those together that do the same, and adds rows where the language would ask a
/// later one first. Returns the rows that are asked in another order all the same, by place.
pub(super) fn settle(table: &mut Table) -> Vec<usize> {
    if table.rows.len() > MOST {
        return Vec::new();
    }
    reachable(table);
    needed(table);
    join(table);
    let wrong = ordered(table);
    reachable(table);
    join(table);
    wrong
}

/// Without rows that an earlier one takes everything from.
fn reachable(table: &mut Table) {
    let mut rows: Vec<Row> = Vec::new();
    for row in std::mem::take(&mut table.rows) {
        let taken = rows
            .iter()
            .find(|before| row.region.both(&before.region, &table.listeners) == Meet::All);
        if taken.is_none() {
            rows.push(row);
        }
    }
    table.rows = rows;
}

/// Without rows whose requests the next that takes them treats the same.
fn needed(table: &mut Table) {
    let mut at = table.rows.len();
    while at > 0 {
        at -= 1;
        let row = &table.rows[at];
        let next = table.rows[at + 1..]
            .iter()
            .find(|next| row.region.both(&next.region, &table.listeners) != Meet::Nothing);
        let same = next.is_some_and(|next| {
            next.same(row) && row.region.both(&next.region, &table.listeners) == Meet::All
        });
        if same {
            let gone = table.rows.remove(at);
            // What it came from is in the row that takes its requests.
            let region = gone.region;
            let next = table.rows[at..]
                .iter_mut()
                .find(|next| region.both(&next.region, &table.listeners) != Meet::Nothing);
            if let Some(next) = next {
                for (id, path) in gone.from {
                    next.came(id, &path);
                }
                next.name = next.name.take().or(gone.name);
            }
        }
    }
}

/// Rows that differ in nothing but a list become one.
fn join(table: &mut Table) {
    let mut at = 0;
    while at < table.rows.len() {
        let mut other = at + 1;
        while other < table.rows.len() {
            let (one, two) = (&table.rows[at], &table.rows[other]);
            let region = joined(&one.region, &two.region).filter(|_| {
                one.same(two)
                    && one.name == two.name
                    && table.rows[at + 1..other].iter().all(|between| {
                        between.region.both(&two.region, &table.listeners) == Meet::Nothing
                    })
            });
            if let Some(region) = region {
                let row = table.rows.remove(other);
                table.rows[at].region = region;
                for (id, path) in row.from {
                    table.rows[at].came(id, &path);
                }
            } else {
                other += 1;
            }
        }
        at += 1;
    }
}

/// One region for two that differ in one list.
fn joined(a: &Region, b: &Region) -> Option<Region> {
    let mut same = a.clone();
    same.hosts.clone_from(&b.hosts);
    if same == *b && !a.hosts.is_empty() && !b.hosts.is_empty() {
        return Some(Region {
            hosts: union(&a.hosts, &b.hosts),
            ..a.clone()
        });
    }
    let mut same = a.clone();
    same.paths.clone_from(&b.paths);
    if same == *b && !a.paths.is_empty() && !b.paths.is_empty() {
        return Some(Region {
            paths: union(&a.paths, &b.paths),
            ..a.clone()
        });
    }
    let mut same = a.clone();
    same.listeners.clone_from(&b.listeners);
    if same == *b {
        return Some(Region {
            listeners: union(&a.listeners, &b.listeners),
            ..a.clone()
        });
    }
    None
}

fn union<T: Clone + PartialEq>(a: &[T], b: &[T]) -> Vec<T> {
    let mut all = a.to_vec();
    for one in b {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
    all
}

/// Where the language would ask a later row first, the earlier one's share of it stands before both.
fn ordered(table: &mut Table) -> Vec<usize> {
    let mut wrong = Vec::new();
    let mut at = 0;
    while at < table.rows.len() && table.rows.len() < MOST {
        let mut added = Vec::new();
        for later in at + 1..table.rows.len() {
            let (first, second) = (&table.rows[at], &table.rows[later]);
            if first.same(second) || !asked_first(&second.region, &first.region) {
                continue;
            }
            match first.region.both(&second.region, &table.listeners) {
                Meet::Part(region) if !asked_first(&second.region, &region) => added.push(Row {
                    region,
                    ..first.clone()
                }),
                Meet::Nothing | Meet::All => {}
                Meet::Part(_) | Meet::Unsaid => wrong.push(later),
            }
        }
        added.dedup_by(|a, b| a.region == b.region);
        at += 1 + added.len();
        let place = at - 1 - added.len();
        table.rows.splice(place..place, added);
    }
    wrong
}

/// Whether the language may ask `a` before `b`.
pub(super) fn asked_first(a: &Region, b: &Region) -> bool {
    let rank = |region: &Region| {
        let host = region.hosts.iter().map(host_rank).min().unwrap_or((3, 0));
        let path = region
            .paths
            .iter()
            .map(path_rank)
            .min()
            .unwrap_or((2, usize::MAX - 1));
        let conditions = usize::from(!region.methods.is_empty())
            + region.headers.len()
            + region.query.len()
            + usize::from(!region.clients.is_empty())
            + usize::from(region.upgrade);
        (host, path, usize::MAX - conditions)
    };
    rank(a) < rank(b)
}

fn host_rank(host: &Host) -> (u8, usize) {
    match host {
        Host::Exact(_) => (0, 0),
        Host::Suffix(text) => (1, usize::MAX - text.len()),
        Host::Regex(_) => (2, 0),
    }
}

fn path_rank(path: &Path) -> (u8, usize) {
    match path {
        Path::Exact(_) => (0, 0),
        Path::Regex(_) => (1, 0),
        Path::Prefix(text) => (2, usize::MAX - text.len()),
    }
}
