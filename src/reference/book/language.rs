//! The language: a page for each block at a spec's top, a section for each field.

use std::fmt::Write as _;

use super::super::{anchor, field};
use crate::asks;
use crate::ir::Feature;
use crate::spec::fields::{self, Field};
use crate::targets::{self, matrix};

/// The fields at a spec's top that hold others.
pub(super) fn blocks(all: &[Field]) -> impl Iterator<Item = &Field> {
    top(all).filter(|field| holds_fields(field, all))
}

/// The fields at a spec's top that hold a value.
pub(super) fn alone(all: &[Field]) -> impl Iterator<Item = &Field> {
    top(all).filter(|field| !holds_fields(field, all))
}

fn top(all: &[Field]) -> impl Iterator<Item = &Field> {
    all.iter().filter(|field| !field.path.contains('.'))
}

fn holds_fields(field: &Field, all: &[Field]) -> bool {
    field.path == "defaults" || !fields::inside(&field.path, all).is_empty()
}

/// Where a field's section stands, seen from `docs/reference`.
pub(super) fn link(path: &str) -> String {
    let block = path.split('.').next().unwrap_or(path);
    match block == path {
        true => format!("[`{path}`]({block}.md)"),
        false => format!("[`{path}`]({block}.md#{})", anchor(path)),
    }
}

/// A block's page.
pub(super) fn page(block: &Field, all: &[Field]) -> String {
    let mut out = format!("# `{}`\n\n", block.path);
    body(&mut out, block, all);
    if block.path == "defaults" {
        let of = |path: &str| link(path);
        let _ = writeln!(
            out,
            "\n`defaults.listener` takes the fields of {}, `defaults.upstream` those of {}, `defaults.route` those of {}.",
            of("listeners"),
            of("upstreams"),
            of("routes")
        );
    }
    let below = format!("{}.", block.path);
    for field in all {
        if !field.path.starts_with(&below) || is_item(field, all) {
            continue;
        }
        let _ = write!(out, "\n## `{}`\n\n", field.path);
        body(&mut out, field, all);
    }
    out
}

/// Whether a field is that of a list's items which also stands alone: a single item may be written without the list.
fn is_item(field: &Field, all: &[Field]) -> bool {
    field.path.match_indices(".*").any(|(at, star)| {
        let alone = [&field.path[..at], &field.path[at + star.len()..]].concat();
        all.iter().any(|other| other.path == alone)
    })
}

fn body(out: &mut String, field: &Field, all: &[Field]) {
    if !field.doc.is_empty() {
        let _ = writeln!(out, "{}\n", field.doc);
    }
    if !field.kind.is_empty() {
        let required = if field.required { "; required" } else { "" };
        let _ = writeln!(out, "- **Takes** {}{required}", field.kind);
    }
    for (word, meaning) in &field.meanings {
        let _ = writeln!(out, "  - `{word}`: {meaning}");
    }
    for (holds, says) in field::left_out(field) {
        let holds = if holds.is_empty() {
            ""
        } else {
            &format!(" {holds}")
        };
        let _ = writeln!(out, "- **Left out**{holds}: {says}");
    }
    for example in field::examples(field).iter().take(2) {
        let _ = writeln!(out, "- **Example** `{example}`");
    }
    let inner: Vec<String> = below(field, all).map(link).collect();
    if !inner.is_empty() {
        let _ = writeln!(out, "- **Holds** {}", inner.join(", "));
    }
    if let Some((block, features)) = asks::around(&field.path) {
        let part = match block == field.path {
            true => String::new(),
            false => format!(", as a part of {}", link(block)),
        };
        let features = features.iter().map(|feature| on_targets(*feature));
        for feature in features {
            let _ = writeln!(out, "- **Asks for** {feature}{part}");
        }
    }
}

/// The paths right below a field.
fn below<'f>(field: &Field, all: &'f [Field]) -> impl Iterator<Item = &'f str> {
    let own = field.path.clone();
    all.iter()
        .map(|inner| inner.path.as_str())
        .filter(move |path| {
            let rest = path
                .strip_prefix(&own)
                .and_then(|rest| rest.strip_prefix('.'));
            rest.is_some_and(|rest| {
                let rest = rest.strip_prefix("*.").unwrap_or(rest);
                !rest.contains('.')
            })
        })
}

/// `[timeout.idle](…): exact on nginx, caddy; depends on envoy`.
fn on_targets(feature: Feature) -> String {
    let mut verdicts: Vec<(&str, Vec<&str>)> = Vec::new();
    for target in targets::ALL {
        let verdict = matrix::verdict(*target, feature);
        match verdicts.iter_mut().find(|(known, _)| *known == verdict) {
            Some((_, targets)) => targets.push(target.id()),
            None => verdicts.push((verdict, vec![target.id()])),
        }
    }
    let told: Vec<String> = verdicts
        .into_iter()
        .map(
            |(verdict, targets)| match targets.len() == targets::ALL.len() {
                true => format!("{verdict} on every target"),
                false => format!("{verdict} on {}", targets.join(", ")),
            },
        )
        .collect();
    format!(
        "[`{feature}`](features.md#{}): {}",
        anchor(feature.id()),
        told.join("; ")
    )
}
