//! regex-that-is-a-prefix: a regex for what a plain path says.

use super::pattern::{Shape, shape};
use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{PathMatch, PathRewrite, Route};

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "regex-that-is-a-prefix",
    include_str!("regex_that_is_a_prefix.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for route in &subject.gateway.routes {
        for path in &route.paths {
            if let PathMatch::Regex(regex) = &path.value
                && !has_use_for_groups(route, regex)
                && let Some(shape) = shape(regex)
            {
                tell(path.loc(), &shape, findings);
            }
        }
    }
}

fn tell(at: crate::ir::Loc, shape: &Shape, findings: &mut Findings<'_>) {
    let (title, help) = match shape {
        Shape::Exactly(text) => (
            "this regex is a single path".to_owned(),
            format!("write `path: {{exact: {text}}}`"),
        ),
        Shape::Below(text) => (
            format!("this regex is the prefix `{text}`"),
            format!("write `path: {text}`"),
        ),
        Shape::Starts(text) if text.is_empty() || text == "/" => (
            "this regex takes every path".to_owned(),
            "write `path: /`, or leave `path` out".to_owned(),
        ),
        Shape::Starts(text) if text.ends_with('/') => (
            format!("this regex is the prefix `{text}`"),
            format!("write `path: {text}`; `{}` takes the path without the last `/` too", text.trim_end_matches('/')),
        ),
        Shape::Starts(text) => (
            format!("this regex takes `{text}x` too"),
            format!("write `path: {text}`, which goes by whole segments: `{text}` and `{text}/…`"),
        ),
    };
    findings
        .at(at, title)
        .note("regexes go by the order of the file and come before every prefix, however long; a prefix finds its own place")
        .help(help);
}

/// Whether a rewrite uses what the groups of the route's own regex catch.
fn has_use_for_groups(route: &Route, regex: &str) -> bool {
    route
        .rewrite
        .as_ref()
        .and_then(|rewrite| rewrite.path.as_ref())
        .is_some_and(|change| matches!(&change.value, PathRewrite::Regex { matches, .. } if matches == regex))
}
