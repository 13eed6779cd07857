//! Findings as one JSON array, for programs.

use serde_json::{Value, json};

use super::{Marks, Part, place::region};
use crate::source::{Sources, Span};

/// `[{code, level, title, file, line, column, end_line, end_column, labels, notes, helps}]`, lines and columns
/// from 1, columns in characters, the end exclusive. Sorted by file and position within each part.
pub fn write(parts: &[Part<'_>]) -> String {
    let findings: Vec<Value> = parts.iter().flat_map(findings).collect();
    let mut text = serde_json::to_string_pretty(&findings).unwrap_or_else(|_| "[]".into());
    text.push('\n');
    text
}

fn findings(part: &Part<'_>) -> Vec<Value> {
    let marks = Marks::new(part.tree, part.sources);
    marks
        .sorted(&part.report.diags)
        .into_iter()
        .map(|diag| {
            let labels: Vec<Value> = marks
                .marks(diag)
                .into_iter()
                .map(|mark| {
                    let mut label = place(part.sources, mark.span);
                    label["text"] = mark.text.into();
                    label
                })
                .collect();
            let mut finding =
                json!({ "code": diag.code, "level": diag.level.word(), "title": diag.title });
            if let (Value::Object(finding), Value::Object(place)) =
                (&mut finding, place(part.sources, marks.main(diag)))
            {
                finding.extend(place);
            }
            finding["labels"] = labels.into();
            finding["notes"] = diag.notes.clone().into();
            finding["helps"] = diag.helps.clone().into();
            finding
        })
        .collect()
}

fn place(sources: &Sources, span: Span) -> Value {
    let Some(source) = sources.find(span.file) else {
        return json!({ "file": null });
    };
    let (line, column, end_line, end_column) = region(source, span);
    json!({ "file": source.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column })
}
