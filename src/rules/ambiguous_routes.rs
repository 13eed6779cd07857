//! ambiguous-routes: two regexes that one path matches, with only the order of the file between them.

use regex::bytes::Regex;

use super::{Findings, Rule, Subject};
use super::{cover, pattern};
use crate::diag::Level;
use crate::ir::{Entry, Gateway, PathMatch, normalize, regex::matcher};

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "ambiguous-routes",
    include_str!("ambiguous_routes.md"),
    run,
);

/// Regexes of one host beyond these are not compared: each is compared with each.
const MOST: usize = 40;

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let gateway = subject.gateway;
    for group in gateway
        .table
        .chunk_by(|a, b| a.host(gateway) == b.host(gateway))
    {
        let regexes: Vec<(Entry, &str)> = group
            .iter()
            .filter_map(|entry| match entry.path(gateway) {
                PathMatch::Regex(regex) => Some((*entry, regex.as_str())),
                PathMatch::Exact(_) | PathMatch::Prefix(_) => None,
            })
            .take(MOST)
            .collect();
        if regexes.len() > 1 {
            compare(gateway, &regexes, findings);
        }
    }
}

fn compare(gateway: &Gateway, regexes: &[(Entry, &str)], findings: &mut Findings<'_>) {
    let known: Vec<Option<(Regex, Vec<String>)>> = regexes
        .iter()
        .map(|(_, text)| {
            let regex = matcher(text)?;
            let samples = pattern::samples(text)
                .into_iter()
                .filter(|path| {
                    normalize(path).as_ref() == Some(path) && regex.is_match(path.as_bytes())
                })
                .collect();
            Some((regex, samples))
        })
        .collect();
    for (later, (entry, text)) in regexes.iter().enumerate() {
        for (first, (other, other_text)) in regexes[..later].iter().enumerate() {
            let (route, before) = (gateway.route(entry.route), gateway.route(other.route));
            if text == other_text
                || route.id == before.id
                || !cover::compatible(gateway, route, before)
            {
                continue;
            }
            let Some(path) = witness(&known[first], &known[later]) else {
                continue;
            };
            findings
                .at(
                    route.paths[entry.path as usize].loc(),
                    format!("`{path}` is taken by route {}, and matches this regex too", before.name),
                )
                .also(before.paths[other.path as usize].loc(), "comes first in the file")
                .note("only the order of the file decides between two regexes of one host")
                .help("make one of them stricter, or write the common case as a prefix, which comes after every regex");
            break;
        }
    }
}

/// A path that both match, where the later one has others of its own.
fn witness(
    first: &Option<(Regex, Vec<String>)>,
    later: &Option<(Regex, Vec<String>)>,
) -> Option<String> {
    let ((first, firsts), (later, laters)) = (first.as_ref()?, later.as_ref()?);
    let taken = |path: &&String| first.is_match(path.as_bytes());
    if laters.iter().all(|path| taken(&path)) {
        return None;
    }
    laters
        .iter()
        .find(taken)
        .or_else(|| firsts.iter().find(|path| later.is_match(path.as_bytes())))
        .cloned()
}
