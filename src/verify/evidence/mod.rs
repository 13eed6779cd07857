//! What was seen, written down: a table for people, and formats for programs.

mod human;
mod json;
mod junit;
mod markdown;

use std::collections::BTreeMap;

pub use human::{list, write as human};
pub use json::write as json;
pub use junit::write as junit;
pub use markdown::write as markdown;

use super::judge::{Judgement, Result};
use super::run::Column;
use crate::ir::Feature;

/// The results of each feature on each program that was asked, in the order of the features.
fn rows(columns: &[Column]) -> BTreeMap<Feature, Vec<Vec<&Result>>> {
    let mut rows: BTreeMap<Feature, Vec<Vec<&Result>>> = BTreeMap::new();
    for (index, column) in columns.iter().enumerate() {
        for result in column.outcome.iter().flatten() {
            let row = rows
                .entry(result.feature)
                .or_insert_with(|| vec![Vec::new(); columns.len()]);
            row[index].push(result);
        }
    }
    rows
}

/// One word for a feature's results: the worst, and how many there are of it where they differ.
fn cell(results: &[&Result]) -> String {
    let Some(worst) = results.iter().map(|it| it.judgement).max() else {
        return "-".to_owned();
    };
    let count = results.iter().filter(|it| it.judgement == worst).count();
    match worst {
        Judgement::Held if count == 1 => "held".to_owned(),
        Judgement::Held => format!("held {count}"),
        _ if count == results.len() => worst.word().to_owned(),
        _ => format!("{} {count}/{}", worst.word(), results.len()),
    }
}

/// `12 held, 1 broken`.
fn counted(column: &Column) -> String {
    let all = [
        (Judgement::Held, "held"),
        (Judgement::Reported, "not kept, as reported"),
        (Judgement::Modest, "reported too modestly"),
        (Judgement::Unseen, "not seen"),
        (Judgement::Broken, "broken"),
    ];
    let parts: Vec<String> = all
        .iter()
        .map(|(judgement, word)| (column.count(*judgement), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if parts.is_empty() {
        "no promise to see".to_owned()
    } else {
        parts.join(", ")
    }
}
