//! Sites: for each host pattern, every entry that a request for it can reach, so that a target with one block per host loses none.

use rustc_hash::FxHashMap as HashMap;

use regex::bytes::Regex;

use super::{Entry, Gateway, HostMatch, regex::matcher};

/// A host pattern, and in order every entry that a request can reach for which this is the first pattern that matches.
#[derive(Debug)]
pub struct Site<'a> {
    /// The host pattern.
    pub host: &'a HostMatch,
    /// The entries, in the computed order.
    pub entries: Vec<SiteEntry>,
}

/// An entry as a site sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteEntry {
    /// The entry.
    pub entry: Entry,
    /// Whether the entry's own host still has to be checked: a regex that takes only some hosts of the site.
    pub check_host: bool,
}

impl Gateway {
    /// The sites in the order in which their patterns take precedence, the one for any host last; it is always there.
    ///
    /// A request for `a.example.com` whose path no route of that host takes goes on to `*.example.com`, to regexes and to any host:
    /// those entries stand in the site of `a.example.com` too.
    pub fn sites(&self) -> Vec<Site<'_>> {
        let mut groups: Vec<(&HostMatch, Vec<Entry>)> = Vec::new();
        let mut index: HashMap<&HostMatch, usize> = HashMap::default();
        for entry in &self.table {
            let host = entry.host(self);
            let at = *index.entry(host).or_insert_with(|| {
                groups.push((host, Vec::new()));
                groups.len() - 1
            });
            groups[at].1.push(*entry);
        }
        if !index.contains_key(&HostMatch::Any) {
            groups.push((&HostMatch::Any, Vec::new()));
        }
        let wide: Vec<(&HostMatch, &[Entry], Option<Regex>)> = groups
            .iter()
            .filter(|(host, _)| !matches!(host, HostMatch::Exact(_)))
            .map(|(host, entries)| (*host, entries.as_slice(), compiled(host)))
            .collect();
        groups
            .iter()
            .map(|(host, own)| {
                let mut entries: Vec<SiteEntry> = own
                    .iter()
                    .map(|entry| SiteEntry {
                        entry: *entry,
                        check_host: false,
                    })
                    .collect();
                for (other, theirs, regex) in &wide {
                    if other.precedence() < host.precedence() || other == host {
                        continue;
                    }
                    if let Some(check_host) = overlap(host, other, regex.as_ref()) {
                        entries.extend(theirs.iter().map(|entry| SiteEntry {
                            entry: *entry,
                            check_host,
                        }));
                    }
                }
                Site { host, entries }
            })
            .collect()
    }
}

/// Whether requests of the site `host` can fall through to the wider pattern `other`, and whether each has to be checked.
fn overlap(host: &HostMatch, other: &HostMatch, regex: Option<&Regex>) -> Option<bool> {
    match (host, other) {
        (_, HostMatch::Any) => Some(false),
        (HostMatch::Exact(name), HostMatch::Wildcard(zone)) => {
            HostMatch::is_below(name, zone).then_some(false)
        }
        (HostMatch::Exact(name), HostMatch::Regex(_)) => {
            regex?.is_match(name.as_bytes()).then_some(false)
        }
        (HostMatch::Wildcard(inner), HostMatch::Wildcard(zone)) => {
            HostMatch::is_below(inner, zone).then_some(false)
        }
        (HostMatch::Wildcard(_) | HostMatch::Regex(_), HostMatch::Regex(_)) => Some(true),
        _ => None,
    }
}

fn compiled(host: &HostMatch) -> Option<Regex> {
    match host {
        HostMatch::Regex(text) => matcher(text),
        _ => None,
    }
}
