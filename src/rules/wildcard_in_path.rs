//! wildcard-in-path: patterns of other programs in a literal path.

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::PathMatch;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "wildcard-in-path",
    include_str!("wildcard_in_path.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for route in &subject.gateway.routes {
        for path in &route.paths {
            let (PathMatch::Exact(text) | PathMatch::Prefix(text)) = &path.value else {
                continue;
            };
            let Some(segment) = text.split('/').find(|segment| is_pattern(segment)) else {
                continue;
            };
            let stem = text
                .trim_end_matches('*')
                .strip_suffix('/')
                .filter(|stem| text.ends_with('*') && !stem.split('/').any(is_pattern));
            let help = match stem {
                Some("") => "leave `path` out: the route takes every path then".to_owned(),
                Some(stem) => format!(
                    "write `path: {stem}`: a prefix takes everything below it, by whole segments"
                ),
                None => format!("write `path: {{regex: '{}'}}`", as_regex(text)),
            };
            findings
                .at(path.loc(), format!("`{segment}` is no pattern in a path"))
                .note("it stands for itself: only a request with these very characters matches")
                .help(help);
        }
    }
}

/// `*`, `**`, `*.js`, `:id`.
fn is_pattern(segment: &str) -> bool {
    segment.contains('*') || segment.len() > 1 && segment.starts_with(':')
}

/// The path with each pattern as a regex.
fn as_regex(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        if segment == "**" {
            ".*".to_owned()
        } else if segment.len() > 1 && segment.starts_with(':') {
            "[^/]+".to_owned()
        } else {
            let parts = segment.split('*').map(regex::escape);
            parts.collect::<Vec<_>>().join("[^/]*")
        }
    });
    segments.collect::<Vec<_>>().join("/")
}
