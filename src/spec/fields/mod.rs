//! Every field of the language with its documentation, read from the schema: `routes.*.websocket.idle`.

mod kind;

use std::collections::BTreeMap;

use serde_json::Value;

use super::schema;
use super::tree::Tree;
use crate::source::Loc;

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its path; `*` stands for a name or an item of a list.
    pub path: String,
    /// What it means.
    pub doc: String,
    /// What it takes, in the words of a sentence: a kind, its unit, its bounds.
    pub kind: String,
    /// Whether the mapping that it stands in must have it.
    pub required: bool,
    /// Its default, where the schema has one.
    pub default: Option<Value>,
    /// Values to start from.
    pub examples: Vec<Value>,
    /// The words that it takes, where it takes words.
    pub words: Vec<String>,
    /// What those words mean, where they do not say so themselves.
    pub meanings: BTreeMap<String, String>,
}

/// Every field, each once, in the order of the schema. What is below `defaults` is left out: it is the same again.
pub fn all() -> Vec<Field> {
    let schema = schema::schema();
    let mut walk = Walk {
        definitions: schema.get("definitions").unwrap_or(&Value::Null),
        fields: Vec::new(),
        open: Vec::new(),
    };
    walk.inside(&schema, "", false);
    let mut fields = walk.fields;
    let mut seen = std::collections::HashSet::new();
    fields.retain(|field| seen.insert(field.path.clone()));
    fields
}

/// The fields that a path means: `websocket.idle`, `routes.websocket.idle`, `routes.socket.websocket.idle`.
pub fn find<'f>(fields: &'f [Field], asked: &str) -> Vec<&'f Field> {
    let mut asked: Vec<&str> = asked
        .split(['.', '[', ']'])
        .filter(|step| {
            !step.is_empty() && *step != "*" && !step.bytes().all(|b| b.is_ascii_digit())
        })
        .collect();
    if asked.is_empty() {
        return Vec::new();
    }
    if let ["defaults", block, _, ..] = asked[..] {
        asked.drain(..2);
        asked.insert(
            0,
            match block {
                "listener" => "listeners",
                "upstream" => "upstreams",
                "route" => "routes",
                other => other,
            },
        );
    }
    let steps = |field: &'f Field| {
        field
            .path
            .split('.')
            .filter(|step| *step != "*")
            .collect::<Vec<_>>()
    };
    let whole: Vec<&Field> = fields
        .iter()
        .filter(|field| steps(field) == asked || is_written_as(&field.path, &asked))
        .collect();
    if !whole.is_empty() {
        return whole;
    }
    fields
        .iter()
        .filter(|field| steps(field).ends_with(&asked))
        .collect()
}

/// Whether steps with names in them are this field: `routes.socket.path` is `routes.*.path`.
pub fn is_written_as(path: &str, steps: &[&str]) -> bool {
    let mut pattern = path.split('.');
    let mut steps = steps.iter();
    loop {
        match (pattern.next(), steps.next()) {
            (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(wanted), Some(step)) if wanted == *step => {}
            _ => return false,
        }
    }
}

/// Every node of a spec that is not a key.
pub fn nodes(tree: &Tree) -> impl Iterator<Item = Loc> {
    (0..tree.len() as u32)
        .map(Loc)
        .filter(|at| *at == tree.root() || !tree.is_key(*at))
}

/// The steps from the root to a node: keys, and `*` for an item of a list. What `defaults` holds stands for the place itself.
pub fn steps(tree: &Tree, at: Loc) -> Option<Vec<String>> {
    let mut steps = Vec::new();
    let mut here = at;
    while let Some(parent) = tree.parent(here) {
        steps.push(match tree.key(here) {
            Some(key) => tree.scalar(key)?.to_owned(),
            None => "*".to_owned(),
        });
        here = parent;
    }
    steps.reverse();
    undefault(&mut steps);
    Some(steps)
}

/// What `defaults` holds stands for the place itself: `defaults.route.auth` is `routes.*.auth`.
pub fn undefault(steps: &mut Vec<String>) {
    if let [first, kind, ..] = steps.as_slice()
        && first == "defaults"
    {
        let block = format!("{kind}s");
        steps.splice(0..2, [block, "*".to_owned()]);
    }
}

/// Whether a node's steps are those of a field. A single item stands for a list of one.
pub fn fits(path: &str, steps: &[String]) -> bool {
    let mut steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    if is_written_as(path, &steps) {
        return true;
    }
    while steps.last() == Some(&"*") {
        steps.pop();
        if is_written_as(path, &steps) {
            return true;
        }
    }
    false
}

/// The names of the fields right below a field.
pub fn inside<'f>(path: &str, all: &'f [Field]) -> Vec<&'f str> {
    let mut names = Vec::new();
    for field in all {
        let Some(name) = field
            .path
            .strip_prefix(path)
            .and_then(|rest| rest.strip_prefix('.'))
        else {
            continue;
        };
        let name = name.strip_prefix("*.").unwrap_or(name);
        if !name.contains('.') && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

struct Walk<'s> {
    definitions: &'s Value,
    fields: Vec<Field>,
    /// The definitions that are being read: one inside itself ends there.
    open: Vec<&'s str>,
}

impl<'s> Walk<'s> {
    fn field(&mut self, schema: &'s Value, path: &str, required: bool) {
        let mut field = Field {
            path: path.to_owned(),
            doc: text(schema),
            kind: kind::kind(schema, self.definitions),
            required,
            default: schema.get("default").cloned(),
            examples: schema
                .get("examples")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
            words: Vec::new(),
            meanings: BTreeMap::new(),
        };
        self.words(schema, &mut field, 0);
        self.fields.push(field);
        if path != "defaults" {
            self.inside(schema, path, false);
        }
    }

    /// Every field below a schema. An alternative of one field describes that field, and needs it only where it is chosen.
    fn inside(&mut self, schema: &'s Value, path: &str, alternative: bool) {
        if let Some(name) = reference(schema)
            && !self.open.contains(&name)
        {
            self.open.push(name);
            if let Some(definition) = self.definitions.get(name) {
                self.inside(definition, path, alternative);
            }
            self.open.pop();
        }
        for arm in arms(schema) {
            self.inside(arm, path, true);
        }
        let below = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        let one_of_several = alternative && properties.is_some_and(|it| it.len() == 1);
        let required = |name: &str| {
            let names = schema.get("required").and_then(Value::as_array);
            names.is_some_and(|names| names.iter().any(|it| it == name)) && !one_of_several
        };
        for (name, field) in properties.into_iter().flatten() {
            let at = self.fields.len();
            self.field(field, &below(name), required(name));
            if one_of_several && self.fields[at].doc.is_empty() {
                self.fields[at].doc = text(schema);
            }
        }
        for inner in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(inner).filter(|inner| inner.is_object()) {
                self.inside(inner, &below("*"), false);
            }
        }
    }

    /// The words that a field takes, and the documentation of its type where it has none of its own.
    fn words(&self, schema: &'s Value, field: &mut Field, depth: usize) {
        for word in schema
            .get("enum")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let word = word
                .as_str()
                .map_or_else(|| word.to_string(), str::to_owned);
            if !field.words.contains(&word) {
                field.words.push(word);
            }
        }
        if let Some(word) = schema.get("const").and_then(Value::as_str) {
            field.words.push(word.to_owned());
            field.meanings.insert(word.to_owned(), text(schema));
        }
        if depth > 4 {
            return;
        }
        if let Some(definition) = reference(schema).and_then(|name| self.definitions.get(name)) {
            if field.doc.is_empty() {
                field.doc = text(definition);
            }
            if field.examples.is_empty() {
                field.examples = definition
                    .get("examples")
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default();
            }
            self.words(definition, field, depth + 1);
        }
        for arm in arms(schema) {
            self.words(arm, field, depth + 1);
        }
    }
}

fn arms(schema: &Value) -> impl Iterator<Item = &Value> {
    ["allOf", "anyOf", "oneOf"]
        .into_iter()
        .filter_map(|kind| schema.get(kind)?.as_array())
        .flatten()
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/definitions/")
}

fn text(schema: &Value) -> String {
    schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::defaults;

    #[test]
    fn every_default_names_a_field() {
        let fields = all();
        let unknown: Vec<&str> = defaults::reasons()
            .iter()
            .flat_map(|(paths, ..)| paths.iter().copied())
            .filter(|path| fields.iter().all(|field| field.path != *path))
            .collect();
        assert_eq!(unknown, [""; 0]);
    }

    #[test]
    fn a_field_is_found_by_any_of_its_names() {
        let fields = all();
        for asked in [
            "websocket.idle",
            "routes.websocket.idle",
            "routes[2].websocket.idle",
            "routes.socket.websocket.idle",
            "defaults.route.websocket.idle",
        ] {
            let found = find(&fields, asked);
            assert_eq!(found.len(), 1, "{asked}");
            assert_eq!(found[0].path, "routes.*.websocket.idle");
            assert!(found[0].doc.contains("Closes the tunnel"));
            assert_eq!(found[0].default, Some("1h".into()));
        }
        assert_eq!(find(&fields, "defaults").len(), 1);
        assert!(find(&fields, "idle").len() > 2);
        assert!(find(&fields, "nothing").is_empty());
    }
}
