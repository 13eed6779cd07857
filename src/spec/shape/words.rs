//! What a schema expects, said in words.

use serde_json::Value;

use super::list;
use crate::spec::units;

/// Speaks about the schemas of one document.
pub(super) struct Words<'a> {
    pub(super) root: &'a Value,
}

/// Types of the language that have a name people know, by their name in `$defs`.
const NAMES: [(&str, &str); 7] = [
    ("Duration", "a duration"),
    ("Size", "a size"),
    ("Rate", "a rate"),
    ("Address", "an address"),
    ("ClientRange", "an address range"),
    ("StatusRange", "a status or a range of them"),
    ("Secret", "a secret"),
];

impl<'a> Words<'a> {
    /// `a duration such as `5s``, `` `off` ``, `a mapping`.
    pub(super) fn expected(&self, schema: &'a Value) -> String {
        self.expected_all(&[schema])
    }

    /// What any of several schemas expects, each thing once.
    pub(super) fn expected_all(&self, schemas: &[&'a Value]) -> String {
        let mut parts = Vec::new();
        for schema in schemas {
            self.collect(schema, 0, &mut parts);
        }
        join(&parts, "or")
    }

    fn collect(&self, schema: &'a Value, depth: usize, out: &mut Vec<String>) {
        let mut add = |words: String| {
            if !out.contains(&words) {
                out.push(words);
            }
        };
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let name = target.rsplit('/').next().unwrap_or("");
            let resolved = target
                .strip_prefix('#')
                .and_then(|pointer| self.root.pointer(pointer));
            match (resolved, NAMES.iter().find(|(known, _)| *known == name)) {
                (Some(resolved), Some((_, words))) => add(with_example(words, resolved)),
                (Some(resolved), None) if depth < 8 => self.collect(resolved, depth + 1, out),
                _ => add("a value".into()),
            }
            return;
        }
        let mut parts = list(schema, "enum").chain(schema.get("const")).peekable();
        if parts.peek().is_some() {
            return parts.map(constant).for_each(add);
        }
        // Beside other types `null` is only what schemars writes for an optional field.
        let mut parts = list(schema, "oneOf")
            .chain(list(schema, "anyOf"))
            .filter(|part| part.get("type") != Some(&Value::from("null")))
            .peekable();
        if parts.peek().is_some() && depth < 8 {
            return parts.for_each(|part| self.collect(part, depth + 1, out));
        }
        match schema.get("type") {
            Some(Value::Array(types)) => types
                .iter()
                .filter_map(Value::as_str)
                .filter(|name| *name != "null")
                .for_each(|name| self.typed(name, schema, &mut add)),
            Some(Value::String(name)) => self.typed(name, schema, &mut add),
            _ => add("a value".into()),
        }
    }

    fn typed(&self, name: &str, schema: &'a Value, add: &mut impl FnMut(String)) {
        let words = match name {
            "boolean" => {
                add("`on`".into());
                "`off`".into()
            }
            "integer" => "a whole number".into(),
            "number" => "a number".into(),
            "string" => with_example("text", schema),
            "array" => "a list".into(),
            "null" => "nothing".into(),
            _ => {
                let keys = schema.get("properties").and_then(Value::as_object);
                match keys.and_then(|keys| (keys.len() == 1).then(|| keys.keys().next()).flatten())
                {
                    Some(key) => format!("`{{{key}: …}}`"),
                    None => "a mapping".into(),
                }
            }
        };
        add(words);
    }

    /// The first sentence that documents a schema.
    pub(super) fn description(&self, schema: &'a Value) -> Option<String> {
        let own = schema.get("description").and_then(Value::as_str);
        let text = own.or_else(|| {
            let pointer = schema
                .get("$ref")
                .and_then(Value::as_str)?
                .strip_prefix('#')?;
            self.root.pointer(pointer)?.get("description")?.as_str()
        })?;
        let paragraph = text.split("\n\n").next()?.replace('\n', " ");
        let end = paragraph.find(". ").unwrap_or(paragraph.len());
        let sentence = paragraph[..end].trim_end_matches('.').trim();
        (!sentence.is_empty()).then(|| sentence.to_owned())
    }
}

fn with_example(words: &str, schema: &Value) -> String {
    match list(schema, "examples").find_map(Value::as_str) {
        Some(example) => format!("{words} such as `{example}`"),
        None => words.to_owned(),
    }
}

fn constant(value: &Value) -> String {
    match value {
        Value::String(word) => format!("`{word}`"),
        Value::Bool(true) => "`on`".into(),
        Value::Bool(false) => "`off`".into(),
        other => format!("`{other}`"),
    }
}

/// `a, b or c`.
pub(super) fn join(parts: &[String], last: &str) -> String {
    match parts.split_last() {
        None => "nothing".into(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// Text in a title: on one line, and not too long.
pub(super) fn code(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() { '·' } else { c })
        .collect();
    if shown.chars().count() < text.chars().count() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// `1 item`, `2 items`.
pub(super) fn count(number: u64, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// The known word that somebody meant.
pub(super) fn near<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    if word.chars().count() > 64 {
        return None;
    }
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', ' '], "_");
    let word = plain(word);
    if let Some(same) = known.iter().find(|option| plain(option) == word) {
        return Some(same);
    }
    similar::get_close_matches(word.as_str(), known, 1, 0.65)
        .first()
        .copied()
}

/// What the parser of a unit says about a text.
pub(super) fn unit_fault(schema: &Value, text: &str) -> Option<String> {
    let name = schema
        .get("$ref")
        .and_then(Value::as_str)?
        .rsplit('/')
        .next()?;
    match name {
        "Duration" => text.parse::<units::Dur>().err(),
        "Size" => text.parse::<units::Size>().err(),
        "Rate" => text.parse::<units::Rate>().err(),
        "Address" => text.parse::<units::Address>().err(),
        "ClientRange" => text.parse::<units::ClientRange>().err(),
        "StatusRange" => text.parse::<units::StatusRange>().err(),
        _ => None,
    }
}
