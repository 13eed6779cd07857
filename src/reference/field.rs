//! What is told of a field beside its own documentation: what holds where it is left out, and how it is written.

use serde_json::Value;

use crate::asks;
use crate::ir::defaults;
use crate::spec::fields::Field;

/// What holds where the field is left out, with the reason; first where that holds, empty for everywhere.
pub fn left_out(field: &Field) -> Vec<(&'static str, String)> {
    let reasons = defaults::reasons();
    let own = reasons
        .into_iter()
        .filter(|(fields, ..)| fields.contains(&field.path.as_str()));
    own.map(|(_, holds, reason)| {
        // The schema's default is the one that holds where nothing else is said.
        let default = field.default.as_ref().filter(|_| holds.is_empty());
        let default = default.map_or_else(String::new, |value| format!("{}, ", plain(value)));
        (holds, default + reason)
    })
    .collect()
}

/// How it is written: `idle: 40s`.
pub fn examples(field: &Field) -> Vec<String> {
    if let Some(line) = asks::examples().get(&field.path) {
        return vec![line.clone()];
    }
    let name = field.path.rsplit('.').next().unwrap_or_default();
    let values = field.examples.iter().map(plain);
    values.map(|value| format!("{name}: {value}")).collect()
}

/// What a text begins with, up to its first full stop.
pub fn first_sentence(text: &str) -> &str {
    text.split_inclusive(". ").next().unwrap_or(text).trim_end()
}

/// A value as YAML takes it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
