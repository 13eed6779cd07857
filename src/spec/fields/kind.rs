//! What a field takes, in the words of a sentence: read from its schema.

use serde_json::Value;

use super::{arms, reference, text};

/// `a duration: whole numbers with …, or off`; empty where the schema says nothing of it.
pub(super) fn kind(schema: &Value, definitions: &Value) -> String {
    let reader = Reader { definitions };
    let mut kinds: Vec<String> = Vec::new();
    for kind in reader.kinds(schema, 0) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    // A single item stands for a list of one.
    if let [one, list] = kinds.as_slice()
        && *list == format!("a list: {one}")
    {
        return format!("{one}; or a list of such");
    }
    kinds.join("; or ")
}

struct Reader<'a> {
    definitions: &'a Value,
}

impl Reader<'_> {
    fn kinds(&self, schema: &Value, depth: usize) -> Vec<String> {
        if depth > 6 {
            return Vec::new();
        }
        if let Some(definition) = reference(schema).and_then(|name| self.definitions.get(name)) {
            return match said(definition) {
                Some(said) => vec![said],
                None => self.kinds(definition, depth + 1),
            };
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            let words: Vec<String> = words
                .iter()
                .filter(|word| !word.is_boolean())
                .map(|word| {
                    format!(
                        "`{}`",
                        word.as_str()
                            .map_or_else(|| word.to_string(), str::to_owned)
                    )
                })
                .collect();
            return vec![words.join(", ")];
        }
        if let Some(word) = schema.get("const").and_then(Value::as_str) {
            return vec![format!("`{word}`")];
        }
        let several: Vec<String> = arms(schema)
            .flat_map(|arm| self.kinds(arm, depth + 1))
            .collect();
        if !several.is_empty() {
            return several;
        }
        let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
        match schema.get("type").and_then(Value::as_str) {
            Some("string") => vec!["text".to_owned()],
            Some("boolean") => vec!["`on`, `off`".to_owned()],
            Some("integer") => vec![match (bound("minimum"), bound("maximum")) {
                (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
                (Some(least), None) => format!("a whole number from {least}"),
                _ => "a whole number".to_owned(),
            }],
            Some("array") => {
                let of = schema
                    .get("items")
                    .map(|items| self.kinds(items, depth + 1));
                let of = of.unwrap_or_default().join(" or ");
                vec![match of.is_empty() {
                    true => "a list".to_owned(),
                    false => format!("a list: {of}"),
                }]
            }
            Some("object") => {
                let of_names = schema
                    .get("additionalProperties")
                    .is_some_and(Value::is_object);
                vec![match of_names {
                    true => "a mapping by name".to_owned(),
                    false => "a mapping".to_owned(),
                }]
            }
            _ => Vec::new(),
        }
    }
}

/// What a type of one value says of itself; one of keys or of words is told by these.
fn said(definition: &Value) -> Option<String> {
    let leaf = definition.get("type").is_some_and(|it| it != "object")
        || definition.get("anyOf").is_some()
        || definition.get("enum").is_some();
    let text = text(definition);
    let first = text.split(". ").next()?.trim_end_matches('.');
    let mut letters = first.chars();
    let head = letters.next().filter(|_| leaf)?;
    Some(head.to_lowercase().chain(letters).collect())
}
