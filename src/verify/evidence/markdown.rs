//! The evidence as Markdown: for a comment on a pull request.

use std::fmt::Write as _;

use super::{cell, counted, rows};
use crate::compile::Compiled;
use crate::verify::judge::Judgement;
use crate::verify::run::Column;

/// A table of features against programs, and a list of what was broken.
pub fn write(compiled: &Compiled, columns: &[Column]) -> String {
    let mut out = String::from("| feature |");
    for column in columns {
        let _ = write!(out, " {} |", column.found.name());
    }
    out.push_str("\n|---|");
    out.push_str(&"---|".repeat(columns.len()));
    out.push('\n');
    for (feature, cells) in rows(columns) {
        let _ = write!(out, "| `{feature}` |");
        for results in &cells {
            let worst = results.iter().map(|it| it.judgement).max();
            let word = cell(results);
            let _ = match worst {
                Some(Judgement::Broken) => write!(out, " **{word}** |"),
                _ => write!(out, " {word} |"),
            };
        }
        out.push('\n');
    }
    out.push('\n');
    for column in columns {
        let said = if column.outcome.is_ok() {
            counted(column)
        } else {
            "not verified".to_owned()
        };
        let _ = writeln!(out, "- {}: {said}", column.found.name());
        for it in column.outcome.iter().flatten() {
            let (Judgement::Broken, Some(deviation)) = (it.judgement, &it.deviation) else {
                continue;
            };
            let _ = writeln!(
                out,
                "  - **{}** {} {} ({}): {}; promised: {}; came: {}",
                it.feature,
                it.about.kind,
                it.about.name,
                compiled.place(it.at),
                code(&deviation.sent),
                code(&deviation.promised),
                code(&deviation.came)
            );
        }
    }
    out
}

/// Text in a code span, which ends at no backtick of its own.
fn code(text: &str) -> String {
    let flat = text.replace('\n', " ");
    if flat.contains('`') {
        format!("`` {flat} ``")
    } else {
        format!("`{flat}`")
    }
}
