//! A spec laid out in one way: order of top-level keys, indentation, spacing, quotes; comments stay with what they speak about.

mod attach;
mod entries;
mod flow;
mod print;

use crate::diag::Report;
use crate::source::{FileId, Sources};

use super::{Node, Tree};
use crate::spec::yaml;

/// The order of top-level keys, which is that of the language's reference. Keys that start with `x-` keep their place behind `name`,
/// for anchors stand before what uses them.
pub const ORDER: &[&str] = &[
    "wsgen",
    "name",
    "listeners",
    "certificates",
    "upstreams",
    "routes",
    "auth",
    "defaults",
    "log",
    "metrics",
    "runtime",
    "targets",
    "accept",
    "tests",
];

/// Lays a spec's text out. The file must be in `sources`; its faults of syntax land in `report`, and then there is no text.
///
/// The text means the same: it is read again, and where that would not hold the spec is left as it is, which `report` says.
pub fn format(sources: &Sources, file: FileId, report: &mut Report) -> Option<String> {
    let source = sources.find(file)?;
    let mut found = Report::new();
    let before = yaml::parse(sources, file, &mut found);
    let failed = found.has_errors();
    report.extend(found);
    if failed {
        return None;
    }
    let text = source.text.as_ref();
    let laid = entries::read(text).map(|document| print::print(&document));
    let laid = match laid {
        Ok(laid) => laid,
        Err(why) => {
            report
                .error(
                    "yaml::format",
                    crate::source::Span {
                        file,
                        start: 0,
                        end: 0,
                    },
                )
                .says(format!("{} cannot be laid out: {why}", source.name))
                .help("write it otherwise, or leave the file out");
            return None;
        }
    };
    if same(&before, comments(text), &laid) {
        return Some(laid);
    }
    report
        .error(
            "yaml::format",
            crate::source::Span {
                file,
                start: 0,
                end: 0,
            },
        )
        .says(format!(
            "{} would mean something else when it is laid out",
            source.name
        ))
        .help("this is a mistake of wsgen: the file stays as it is");
    None
}

/// Whether a text says what a tree says, with as many comments.
fn same(before: &Tree, comments_before: usize, laid: &str) -> bool {
    let mut sources = Sources::new();
    let file = sources.add("laid out".to_owned(), laid.to_owned());
    let mut report = Report::new();
    let after = yaml::parse(&sources, file, &mut report);
    !report.has_errors()
        && comments_before == comments(laid)
        && equal(before, before.root(), &after, after.root(), true)
}

fn comments(text: &str) -> usize {
    entries::comments(text)
}

/// Whether two nodes hold the same. The order of the root's keys does not count.
fn equal(a: &Tree, at: crate::ir::Loc, b: &Tree, bt: crate::ir::Loc, root: bool) -> bool {
    match (a.node(at), b.node(bt)) {
        (
            Node::Scalar { text, plain, .. },
            Node::Scalar {
                text: other,
                plain: as_plain,
                ..
            },
        ) => text == other && (plain == as_plain || flow::is_word(text)),
        (Node::Seq(items), Node::Seq(others)) => {
            items.len() == others.len()
                && items
                    .iter()
                    .zip(others)
                    .all(|(x, y)| equal(a, *x, b, *y, false))
        }
        (Node::Map(pairs), Node::Map(others)) if root => {
            pairs.len() == others.len()
                && pairs.iter().all(|(key, value)| {
                    let name = a.scalar(*key).unwrap_or_default();
                    b.get(bt, name)
                        .is_some_and(|other| equal(a, *value, b, other, false))
                })
        }
        (Node::Map(pairs), Node::Map(others)) => {
            pairs.len() == others.len()
                && pairs
                    .iter()
                    .zip(others)
                    .all(|((key, value), (other_key, other))| {
                        a.scalar(*key) == b.scalar(*other_key) && equal(a, *value, b, *other, false)
                    })
        }
        _ => false,
    }
}
