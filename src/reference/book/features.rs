//! The features: which fields ask for each, and what each target does.

use std::fmt::Write as _;

use super::super::anchor;
use super::{cell, language};
use crate::asks;
use crate::ir::Feature;
use crate::spec::fields::Field;
use crate::targets::{self, Target, matrix};

/// The page.
pub(super) fn page(all: &[Field]) -> String {
    let mut out = String::from(
        "# Features\n\n\
         A feature is what a field asks a target for; reports name it behind the target, such as `caddy::timeout.idle`. *exact* is done as the \
         spec says, *depends* is exact for some values, versions or gateways, and the compiler says for which. Where and on which version that was \
         seen stands in [the matrix](../matrix.md).\n",
    );
    for (family, features) in matrix::families() {
        let _ = write!(out, "\n## Family: {}\n", family.title());
        for feature in features {
            section(&mut out, feature, all);
        }
    }
    out
}

fn section(out: &mut String, feature: Feature, all: &[Field]) {
    let _ = write!(out, "\n### `{feature}`\n\n{}", feature.meaning());
    if feature.is_guard() {
        out.push_str(". A guard: where it is not rendered, accepting the loss leaves a warning");
    }
    out.push_str(".\n");
    let asking: Vec<String> = all
        .iter()
        .filter(|field| {
            let features = asks::by_field().get(&field.path);
            features.is_some_and(|features| features.contains(&feature))
        })
        .map(|field| language::link(&field.path))
        .collect();
    if !asking.is_empty() {
        let _ = writeln!(out, "\nAsked for by {}.", asking.join(", "));
    }
    out.push_str("\n| target | does |\n|---|---|\n");
    for target in targets::ALL {
        let _ = writeln!(
            out,
            "| {} | {} |",
            place(*target, feature),
            cell(&matrix::line(*target, feature))
        );
    }
}

/// The target's part of the matrix that has the evidence.
fn place(target: &dyn Target, feature: Feature) -> String {
    let title = target.title();
    let heading = format!("{title}: {}", feature.family().title());
    format!("[{title}](../matrix.md#{})", anchor(&heading))
}
