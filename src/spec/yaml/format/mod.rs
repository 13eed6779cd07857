//! A spec laid out in one way: order of top-level keys, indentation, spacing, quotes; comments stay with what they speak about.

mod attach;
mod entries;
mod flow;
mod print;

use crate::diag::{Place, Report};
use crate::source::{FileId, Loc, Sources, Span};

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
    let refused = |report: &mut Report, place: Place, says: String, help: &str| {
        report.error("yaml::format", place).says(says).help(help);
        None
    };
    let laid = match entries::read(text) {
        Ok(document) => print::print(&document),
        Err((at, why)) => {
            let at = u32::try_from(at).unwrap_or_default();
            let place = Span {
                file,
                start: at,
                end: at,
            }
            .into();
            let says = format!("{} cannot be laid out: {why}", source.name);
            return refused(
                report,
                place,
                says,
                "write it otherwise, or leave the file out",
            );
        }
    };
    if let Some(place) = differs(&before, comments(text), &laid) {
        let place = match place {
            Some(key) => before.span(key).into(),
            None => Span {
                file,
                start: 0,
                end: 0,
            }
            .into(),
        };
        let says = format!(
            "{} would mean something else when it is laid out",
            source.name
        );
        return refused(
            report,
            place,
            says,
            "this is a mistake of wsgen: the file stays as it is",
        );
    }
    // Lines end as the first one does.
    let carriage = text
        .split_once('\n')
        .is_some_and(|(first, _)| first.ends_with('\r'));
    Some(match carriage {
        true => laid.replace('\n', "\r\n"),
        false => laid,
    })
}

/// The top-level key below which a text does not say what a tree says with as many comments; within `Some(None)` where no one key is to blame.
fn differs(before: &Tree, comments_before: usize, laid: &str) -> Option<Option<Loc>> {
    let mut sources = Sources::new();
    let file = sources.add("laid out".to_owned(), laid.to_owned());
    let mut report = Report::new();
    let after = yaml::parse(&sources, file, &mut report);
    if report.has_errors() || comments_before != comments(laid) {
        return Some(None);
    }
    if equal(before, before.root(), &after, after.root(), true) {
        return None;
    }
    let changed = before.pairs(before.root()).iter().find(|(key, value)| {
        let name = before.scalar(*key).unwrap_or_default();
        let other = after.get(after.root(), name);
        !other.is_some_and(|other| equal(before, *value, &after, other, false))
    });
    Some(changed.map(|(key, _)| *key))
}

fn comments(text: &str) -> usize {
    entries::comments(text)
}

/// Whether two nodes hold the same. The order of the root's keys does not count.
fn equal(a: &Tree, at: Loc, b: &Tree, bt: Loc, root: bool) -> bool {
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
