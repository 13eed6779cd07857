//! An account for programs: one JSON object.

use serde_json::{Value, json as object};

use crate::diag;
use crate::source::Sources;

use super::{Account, Fate};

/// `{from, counts, directives: [{file, line, column, text, fate, into, says, helps}], unsaid, remarks}`: lines and columns from 1,
/// `remarks` as findings are written everywhere.
pub fn json(account: &Account, from: Option<&str>, sources: &Sources) -> String {
    let directives: Vec<Value> = account
        .entries()
        .iter()
        .map(|entry| {
            let (line, column) = sources.line_col(entry.at.file, entry.at.start);
            object!({
                "file": sources.find(entry.at.file).map(|source| source.name.as_str()),
                "line": line,
                "column": column,
                "text": entry.text,
                "fate": entry.fate.word(),
                "into": entry.into,
                "says": entry.says,
                "helps": entry.helps,
            })
        })
        .collect();
    let unsaid: Vec<Value> = account
        .unsaids()
        .map(|one| object!({ "says": one.says, "into": one.into }))
        .collect();
    let part = diag::Part {
        report: &account.remarks,
        tree: None,
        sources,
    };
    let remarks: Value = serde_json::from_str(&diag::json::write(&[part])).unwrap_or_default();
    let all = object!({
        "from": from,
        "counts": {
            "kept": account.count(Fate::Kept),
            "changed": account.count(Fate::Changed),
            "lost": account.count(Fate::Lost),
            "unknown": account.count(Fate::Unknown),
        },
        "directives": directives,
        "unsaid": unsaid,
        "remarks": remarks,
    });
    let mut text = serde_json::to_string_pretty(&all).unwrap_or_default();
    text.push('\n');
    text
}
