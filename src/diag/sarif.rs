//! Findings as SARIF 2.1.0, for code scanning services.

use serde_json::{Value, json};

use super::{Diag, Level, Marks, Report, place::region};
use crate::source::{Sources, Span};
use crate::spec::tree::Tree;

/// One run with one result a finding. Columns count code points, as the run says.
pub fn write(report: &Report, tree: Option<&Tree>, sources: &Sources) -> String {
    let marks = Marks::new(tree, sources);
    let diags = marks.sorted(&report.diags);
    let mut codes: Vec<&str> = diags.iter().map(|diag| diag.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| json!({ "id": code })).collect();
    let results: Vec<Value> = diags
        .iter()
        .map(|diag| result(diag, &codes, &marks, sources))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "wsgen", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

fn result(diag: &Diag, codes: &[&str], marks: &Marks<'_>, sources: &Sources) -> Value {
    let level = match diag.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let mut message = diag.title.clone();
    for (word, lines) in [("note", &diag.notes), ("help", &diag.helps)] {
        for line in lines {
            message = format!("{message}\n{word}: {line}");
        }
    }
    let mut all = marks.marks(diag).into_iter();
    let mut result = json!({
        "ruleId": diag.code,
        "ruleIndex": codes.binary_search(&diag.code.as_str()).unwrap_or(0),
        "level": level,
        "message": { "text": message },
        "locations": all.next().and_then(|mark| location(sources, mark.span, &mark.text)).into_iter().collect::<Vec<_>>(),
    });
    let related: Vec<Value> = all
        .filter_map(|mark| location(sources, mark.span, &mark.text))
        .zip(0..)
        .map(|(mut location, id)| {
            location["id"] = Value::from(id);
            location
        })
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    result
}

fn location(sources: &Sources, span: Span, text: &str) -> Option<Value> {
    let source = sources.find(span.file)?;
    let (line, column, end_line, end_column) = region(source, span);
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&source.name) },
            "region": { "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column },
        },
    });
    if !text.is_empty() {
        location["message"] = json!({ "text": text });
    }
    Some(location)
}

/// A file's name as a relative reference: what a URI reserves is written in percent signs.
fn uri(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'\\' => out.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
