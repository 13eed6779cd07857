//! The JSON Schema of a spec, made from the types with every doc comment.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

use super::model::Spec;

/// The schema as JSON. Draft 7: what every editor's language server reads.
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings
        .transforms
        .insert(0, Box::new(RecursiveTransform(without_null)));
    let mut schema = settings.into_generator().into_root_schema_for::<Spec>();
    RecursiveTransform(one_line).transform(&mut schema);
    schema.to_value()
}

/// The schema as it is committed and printed.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).unwrap_or_default();
    text.push('\n');
    text
}

/// An `Option` says that a key may be missing, not that its value may be empty.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(arms)) = object.get_mut("anyOf") {
        arms.retain(|arm| arm.get("type").and_then(Value::as_str) != Some("null"));
        if let [Value::Object(only)] = arms.as_mut_slice() {
            let only = std::mem::take(only);
            object.shift_remove("anyOf");
            for (key, value) in only {
                // The field's own description says more than its type's.
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// Doc comments are wrapped at the width of the source; editors wrap by themselves.
fn one_line(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text
            .split("\n\n")
            .map(|paragraph| paragraph.replace('\n', " "))
            .collect::<Vec<_>>()
            .join("\n\n");
    }
}
