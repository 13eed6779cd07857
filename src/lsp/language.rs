//! The language by place: which keys, words and types the schema allows below a path, and what each field is.

use std::sync::LazyLock;

use serde_json::Value;

use crate::spec::fields::{self, Field};
use crate::spec::schema;

static SCHEMA: LazyLock<Value> = LazyLock::new(schema::schema);
static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(fields::all);

/// One step down: the text of a key, or `None` for an item of a list.
pub(super) type Step = Option<String>;

/// A key that may be written.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) required: bool,
    /// Whether its value is a map or a list and nothing else, so that it begins on the next line.
    pub(super) block: bool,
}

/// The field that stands at a path. What `defaults` holds is the field of the place itself.
pub(super) fn field(path: &[Step]) -> Option<&'static Field> {
    let steps = canonical(path);
    FIELDS
        .iter()
        .find(|field| fields::fits(&field.path, &steps))
}

/// A path with `*` for an item; what `defaults` holds stands for the place itself.
pub(super) fn canonical(path: &[Step]) -> Vec<String> {
    let steps = path
        .iter()
        .map(|step| step.clone().unwrap_or_else(|| "*".to_owned()));
    let mut steps: Vec<String> = steps.collect();
    fields::undefault(&mut steps);
    steps
}

/// Whether a field has this path, for tests of tables.
#[cfg(test)]
pub(super) fn has_field(path: &str) -> bool {
    FIELDS.iter().any(|field| field.path == path)
}

/// Everything that the value at a path may be: schemas without references and alternatives.
pub(super) fn arms(path: &[Step]) -> Vec<&'static Value> {
    let mut here = Vec::new();
    expand(&SCHEMA, &mut here, 0);
    for step in path {
        let mut next = Vec::new();
        for arm in here {
            for below in below(arm, step.as_deref()) {
                expand(below, &mut next, 0);
            }
        }
        here = next;
    }
    here
}

/// The keys that a map at a path may have.
pub(super) fn keys(path: &[Step]) -> Vec<Key> {
    let mut found: Vec<Key> = Vec::new();
    for arm in arms(path) {
        let required: Vec<&str> = arm["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        // A map of one key only is a choice between such maps: that key is no more required than the others.
        let choice =
            required.len() == 1 && arm["properties"].as_object().map_or(0, |it| it.len()) == 1;
        for (name, schema) in arm["properties"].as_object().into_iter().flatten() {
            if found.iter().any(|key| key.name == name) {
                continue;
            }
            let doc = schema["description"].as_str().or_else(|| {
                let arms = expanded(schema);
                arms.first().and_then(|arm| arm["description"].as_str())
            });
            let doc = doc.unwrap_or_default();
            found.push(Key {
                name,
                required: !choice && required.contains(&name.as_str()) || doc.contains("Required."),
                block: expanded(schema)
                    .iter()
                    .all(|arm| matches!(arm["type"].as_str(), Some("object" | "array"))),
                doc,
            });
        }
    }
    found
}

/// The words that a value at a path may be, each with what it means.
pub(super) fn words(path: &[Step]) -> Vec<(String, &'static str)> {
    let mut found: Vec<(String, &'static str)> = Vec::new();
    let mut add = |word: String, doc| {
        if !found.iter().any(|(known, _)| *known == word) {
            found.push((word, doc));
        }
    };
    for arm in arms(path) {
        let doc = arm["description"].as_str().unwrap_or_default();
        match (arm["const"].as_str(), arm["enum"].as_array()) {
            (Some(word), _) => add(word.to_owned(), doc),
            // `true` and `false` are the same switch in other words.
            (None, Some(words)) if words.iter().any(|word| word == "off") => {
                for word in words.iter().filter_map(Value::as_str) {
                    add(word.to_owned(), doc);
                }
            }
            (None, Some(words)) => {
                for word in words {
                    add(plain(word), doc);
                }
            }
            (None, None) if arm["type"] == "boolean" => {
                add("on".to_owned(), doc);
                add("off".to_owned(), doc);
            }
            (None, None) => {}
        }
    }
    found
}

/// The type of a value in words: `a duration …`, `a whole number from 1 to 65535`.
pub(super) fn types(path: &[Step]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for arm in arms(path) {
        let said = match arm["type"].as_str() {
            Some("integer") => match (&arm["minimum"], &arm["maximum"]) {
                (Value::Number(least), Value::Number(most)) => {
                    format!("a whole number from {least} to {most}")
                }
                _ => "a whole number".to_owned(),
            },
            Some("array") => "a list".to_owned(),
            Some("object") => "a map".to_owned(),
            Some("string") if arm["const"].is_null() => match arm["pattern"].as_str() {
                Some(_) => lowered(arm["description"].as_str().unwrap_or("text")),
                None => "text".to_owned(),
            },
            _ => continue,
        };
        if !found.contains(&said) {
            found.push(said);
        }
    }
    found
}

/// A value of JSON as YAML writes a plain one.
pub(super) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn lowered(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

fn expanded(schema: &'static Value) -> Vec<&'static Value> {
    let mut arms = Vec::new();
    expand(schema, &mut arms, 0);
    arms
}

fn expand(schema: &'static Value, out: &mut Vec<&'static Value>, depth: usize) {
    // A definition that leads to itself through references alone would never end.
    if depth > 16 {
        return;
    }
    let before = out.len();
    let name = schema["$ref"].as_str();
    if let Some(name) = name.and_then(|name| name.strip_prefix("#/definitions/")) {
        expand(&SCHEMA["definitions"][name], out, depth + 1);
    }
    for kind in ["allOf", "anyOf", "oneOf"] {
        for arm in schema[kind].as_array().into_iter().flatten() {
            expand(arm, out, depth + 1);
        }
    }
    if out.len() == before || schema["properties"].is_object() {
        out.push(schema);
    }
}

fn below(arm: &'static Value, step: Option<&str>) -> Vec<&'static Value> {
    let Some(key) = step else {
        return arm.get("items").into_iter().collect();
    };
    if let Some(schema) = arm["properties"].get(key) {
        return vec![schema];
    }
    if let Some(patterns) = arm["patternProperties"].as_object() {
        let fits = |pattern: &str| regex::Regex::new(pattern).is_ok_and(|it| it.is_match(key));
        let found: Vec<_> = patterns
            .iter()
            .filter(|(pattern, schema)| schema.is_object() && fits(pattern))
            .map(|(_, schema)| schema)
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    arm.get("additionalProperties")
        .filter(|schema| schema.is_object())
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<Step> {
        let steps = text.split('.').filter(|step| !step.is_empty());
        steps
            .map(|step| (step != "-").then(|| step.to_owned()))
            .collect()
    }

    fn words_at(text: &str) -> Vec<String> {
        words(&path(text))
            .into_iter()
            .map(|(word, _)| word)
            .collect()
    }

    #[test]
    fn a_place_has_its_keys_words_and_types() {
        let top: Vec<&str> = keys(&[]).iter().map(|key| key.name).collect();
        assert_eq!(top[..3], ["wsgen", "name", "listeners"]);
        let idle = keys(&path("routes.-.websocket"));
        let idle = idle
            .iter()
            .find(|key| key.name == "idle")
            .expect("it is there");
        assert!(idle.doc.contains("Closes the tunnel") && !idle.required && !idle.block);
        let servers = keys(&path("upstreams.chat"));
        let servers = servers
            .iter()
            .find(|key| key.name == "servers")
            .expect("it is there");
        assert!(servers.required);
        assert_eq!(
            words_at("upstreams.chat.balance"),
            ["round_robin", "least_connections", "random"]
        );
        assert_eq!(words_at("routes.-.websocket"), ["on", "off"]);
        assert_eq!(
            words_at("routes.-.redirect.status"),
            ["301", "302", "307", "308"]
        );
        let hash: Vec<&str> = keys(&path("upstreams.chat.balance.hash"))
            .iter()
            .map(|key| key.name)
            .collect();
        assert_eq!(hash, ["source", "header", "cookie", "query", "path"]);
        assert!(
            keys(&path("upstreams.chat.balance.hash"))
                .iter()
                .all(|key| !key.required)
        );
        assert_eq!(
            types(&path("listeners.a.port")),
            ["a whole number from 1 to 65535"]
        );
        assert!(types(&path("routes.-.websocket.idle"))[0].starts_with("a duration"));
        assert!(
            keys(&path("routes.-.error_pages.502"))
                .iter()
                .any(|key| key.name == "respond")
        );
        assert!(arms(&path("routes.-.nothing.at.all")).is_empty());
    }

    #[test]
    fn a_field_is_found_from_any_place_of_it() {
        for written in ["routes.-.websocket.idle", "defaults.route.websocket.idle"] {
            let found = field(&path(written)).map(|field| field.path.as_str());
            assert_eq!(found, Some("routes.*.websocket.idle"));
        }
        // A single item stands for a list of one.
        let found = field(&path("routes.-.host.-")).map(|field| field.path.as_str());
        assert_eq!(found, Some("routes.*.host"));
    }
}
