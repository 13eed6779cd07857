//! One scalar against its schema: type, choice, range, pattern, and what to write instead.

use serde_json::Value;

use super::words::{code, join, near, unit_fault};
use super::{Fault, Shape, list, number};
use crate::diag::Place;
use crate::source::Loc;
use crate::spec::scalar::{self, Plain};
use crate::spec::tree::Node;

/// What a node is before a field asks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Found<'t> {
    /// Nothing is written.
    Null,
    /// `on`, `off`, `true`, `false` without quotes.
    Switch(&'t str),
    /// A whole number without quotes.
    Whole(i128),
    /// Another number without quotes.
    Number(f64),
    /// `0x1F` and the like, which are numbers to YAML and nothing to us.
    Odd,
    /// Text.
    Text(&'t str),
    /// A parameter's value: whatever the field asks for.
    Open(&'t str),
    List,
    Map,
}

impl Found<'_> {
    pub(super) fn is(self, name: &str) -> bool {
        match (name, self) {
            ("null", Self::Null)
            | ("array", Self::List)
            | ("object", Self::Map)
            | ("string", Self::Text(_) | Self::Open(_) | Self::Switch("on" | "off"))
            | ("boolean", Self::Switch(_))
            | ("integer" | "number", Self::Whole(_))
            | ("number", Self::Number(_)) => true,
            ("boolean", Self::Open(text)) => scalar::switch(text).is_some(),
            ("integer", Self::Open(text)) => matches!(scalar::plain(text), Plain::Whole(_)),
            ("number", Self::Open(text)) => {
                matches!(scalar::plain(text), Plain::Whole(_) | Plain::Float(_))
            }
            _ => false,
        }
    }
}

impl<'a> Shape<'a> {
    pub(super) fn found(&self, at: Loc) -> Found<'a> {
        match self.tree.node(at) {
            Node::Seq(_) => Found::List,
            Node::Map(_) => Found::Map,
            Node::Scalar {
                text, param: true, ..
            } => Found::Open(text),
            Node::Scalar {
                text, plain: false, ..
            } => Found::Text(text),
            Node::Scalar { text, .. } if scalar::switch(text).is_some() => Found::Switch(text),
            Node::Scalar { text, .. } => match scalar::plain(text) {
                Plain::Null => Found::Null,
                Plain::Whole(number) => Found::Whole(number),
                Plain::Float(number) => Found::Number(number),
                Plain::Odd => Found::Odd,
                Plain::Bool(_) | Plain::Text => Found::Text(text),
            },
        }
    }

    /// A scalar that has the right type.
    pub(super) fn check_scalar(
        &self,
        named: &'a Value,
        schema: &'a Value,
        at: Loc,
        depth: usize,
        out: &mut Vec<Fault>,
    ) {
        let text = self.tree.scalar(at).unwrap_or("");
        let options: Vec<&Value> = list(schema, "enum").chain(schema.get("const")).collect();
        if !options.is_empty() && !options.iter().any(|option| self.equals(at, option)) {
            out.push(self.mismatch(&[named], at, depth));
            return;
        }
        if let Found::Text(text) | Found::Open(text) | Found::Switch(text) = self.found(at)
            && self.found(at).is("string")
        {
            let length = text.chars().count() as u64;
            let unfit = schema
                .get("pattern")
                .and_then(Value::as_str)
                .is_some_and(|pattern| !self.matches(pattern, text));
            let short = number(schema, "minLength").is_some_and(|least| length < least);
            if unfit || short && length > 0 {
                out.push(self.mismatch(&[named], at, depth));
            } else if short {
                let title = format!("{} cannot be empty", self.name_of(at));
                out.push(Fault::new("spec::value", Place::Value(at), depth, title));
            } else if let Some(most) = number(schema, "maxLength").filter(|most| length > *most) {
                let title = format!("this text has {length} characters, and {most} are the most");
                out.push(Fault::new("spec::range", Place::Value(at), depth, title));
            }
        }
        let value = match scalar::plain(text) {
            Plain::Whole(number) if self.found(at).is("integer") => number as f64,
            Plain::Float(number) if self.found(at).is("number") => number,
            _ => return,
        };
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        let low = bound("minimum").is_some_and(|least| value < least)
            || bound("exclusiveMinimum").is_some_and(|least| value <= least);
        let high = bound("maximum").is_some_and(|most| value > most)
            || bound("exclusiveMaximum").is_some_and(|most| value >= most);
        if low || high {
            let shown = |keyword: &str| schema.get(keyword).map(Value::to_string);
            let range = match (shown("minimum"), shown("maximum")) {
                (Some(least), Some(most)) => format!("expected a number from {least} to {most}"),
                (Some(least), None) => format!("expected a number from {least} upwards"),
                (None, Some(most)) => format!("expected a number up to {most}"),
                (None, None) => format!("expected {}", self.expected(named)),
            };
            out.push(Fault::new(
                "spec::range",
                Place::Value(at),
                depth,
                format!("{range}, found {text}"),
            ));
        }
    }

    /// Is the node this constant of the schema?
    fn equals(&self, at: Loc, option: &Value) -> bool {
        let text = self.tree.scalar(at).unwrap_or("");
        match (option, self.found(at)) {
            (Value::Bool(on), Found::Switch(_) | Found::Open(_)) => {
                scalar::switch(text) == Some(*on)
            }
            (Value::String(word), Found::Text(_) | Found::Open(_) | Found::Switch(_)) => {
                word == text
            }
            (Value::Number(number), Found::Whole(_) | Found::Number(_) | Found::Open(_)) => {
                text.parse::<f64>().ok() == number.as_f64()
            }
            _ => false,
        }
    }

    /// `expected …, found …`, and what to write.
    pub(super) fn mismatch(&self, schemas: &[&'a Value], at: Loc, depth: usize) -> Fault {
        let expected = self.expected_all(schemas);
        let found = self.found(at);
        let text = self.tree.scalar(at).unwrap_or("");
        let shown = match found {
            Found::Null => "nothing".into(),
            Found::Whole(_) | Found::Number(_) => format!("the number {text}"),
            Found::List => "a list".into(),
            Found::Map => "a mapping".into(),
            Found::Text(_) if !matches!(scalar::plain(text), Plain::Text) => {
                format!("the text \"{text}\"")
            }
            _ => code(text),
        };
        let mut fault = Fault::new(
            "spec::type",
            Place::Value(at),
            depth,
            format!("expected {expected}, found {shown}"),
        );
        let shapes: Vec<&'a Value> = schemas
            .iter()
            .flat_map(|schema| self.alternatives(schema))
            .collect();
        let fits = |text: &str| {
            shapes
                .iter()
                .any(|shape| self.fits_text(self.resolve(shape), text))
        };
        let wants = |name: &str| {
            shapes
                .iter()
                .any(|shape| has_type(self.resolve(shape), name))
        };
        let switch = wants("boolean") || fits("on") && fits("off");
        match found {
            Found::Whole(0) if fits("off") => return replace(fault, "off", "to turn it off, "),
            Found::Whole(number) if number > 0 => {
                if let Some(unit) = self.unit(&shapes) {
                    return replace(fault, &format!("{text}{unit}"), "a number needs a unit: ");
                }
            }
            _ => {}
        }
        match found {
            Found::Whole(_) | Found::Number(_) | Found::Odd | Found::Switch(_) if fits(text) => {
                return replace(fault, &format!("\"{text}\""), "this is text here: ");
            }
            Found::Text(_) if switch && scalar::switch(text).is_some() => {
                return replace(fault, text, "without quotes, ");
            }
            Found::Text(_)
                if scalar::meant_switch(text).is_some_and(|word| switch || fits(word)) =>
            {
                return replace(fault, scalar::meant_switch(text).unwrap_or("off"), "");
            }
            Found::Text(_)
                if wants("integer") && matches!(scalar::plain(text), Plain::Whole(_)) =>
            {
                return replace(fault, text, "without quotes, ");
            }
            Found::Map if wants("array") => {
                return fault.help("each item of a list starts with `- `, or write `[…]`");
            }
            _ => {}
        }
        if let Found::Text(text) | Found::Open(text) | Found::Switch(text) = found {
            let words: Vec<&str> = shapes
                .iter()
                .flat_map(|shape| {
                    list(self.resolve(shape), "enum").chain(self.resolve(shape).get("const"))
                })
                .filter_map(Value::as_str)
                .collect();
            if !words.is_empty() {
                fault.code = "spec::value";
            }
            if let Some(meant) = near(text, &words) {
                fault.fix = Some(meant.to_owned());
                return fault.label(format!("did you mean `{meant}`?"));
            }
            if wants("array") && self.item_fits(&shapes, text) {
                return replace(fault, &format!("[{text}]"), "");
            }
            if let Some(key) = shapes.iter().find_map(|shape| self.key_named(shape, text)) {
                return fault.help(format!("`{key}` is a key here: write `{{{key}: …}}`"));
            }
            let named = shapes.iter().chain(schemas);
            if let Some(reason) = named.filter_map(|shape| unit_fault(shape, text)).next() {
                fault.code = "spec::value";
                return fault.label(reason);
            }
        }
        if let [only] = schemas {
            fault.helps.extend(self.description(only));
        }
        // Where a mapping of several keys is the only thing that could be meant, its keys say more than its name.
        if !matches!(found, Found::Map)
            && let Some(keys) = self.keys_to_write(&shapes)
        {
            fault.helps.push(format!("write {keys}"));
        }
        fault
    }

    /// The keys of the one mapping among the shapes; none where there is another mapping, or a list.
    fn keys_to_write(&self, shapes: &[&'a Value]) -> Option<String> {
        let mut mappings = shapes
            .iter()
            .map(|shape| self.resolve(shape))
            .filter(|shape| has_type(shape, "object"));
        let (only, None) = (mappings.next()?, mappings.next()) else {
            return None;
        };
        let properties = only.get("properties")?.as_object()?;
        let required: Vec<&str> = list(only, "required").filter_map(Value::as_str).collect();
        let keys: Vec<String> = if required.is_empty() {
            properties.keys().map(|key| format!("`{key}`")).collect()
        } else {
            let keys = required.iter().map(|key| format!("{key}: …"));
            return Some(format!("`{{{}}}`", keys.collect::<Vec<_>>().join(", ")));
        };
        (keys.len() > 1).then(|| format!("a mapping with {}", join(&keys, "or")))
    }

    /// Would this text, in quotes, be right?
    fn fits_text(&self, schema: &Value, text: &str) -> bool {
        let constant = |option: &Value| option.as_str() == Some(text);
        if schema.get("enum").is_some() || schema.get("const").is_some() {
            return list(schema, "enum")
                .chain(schema.get("const"))
                .any(constant);
        }
        has_type(schema, "string")
            && schema
                .get("pattern")
                .and_then(Value::as_str)
                .is_none_or(|pattern| self.matches(pattern, text))
    }

    fn item_fits(&self, shapes: &[&'a Value], text: &str) -> bool {
        let items = shapes
            .iter()
            .filter_map(|shape| self.resolve(shape).get("items"));
        items
            .flat_map(|items| self.alternatives(items))
            .any(|item| self.fits_text(self.resolve(item), text))
    }

    fn key_named(&self, shape: &'a Value, text: &str) -> Option<&'a str> {
        let properties = self
            .resolve(shape)
            .get("properties")
            .and_then(Value::as_object)?;
        properties
            .keys()
            .map(String::as_str)
            .find(|key| *key == text)
    }

    /// The unit of the first example: `s` of `5s`, `/s` of `10/s`.
    fn unit(&self, shapes: &[&'a Value]) -> Option<&'a str> {
        shapes.iter().find_map(|shape| {
            let resolved = self.resolve(shape);
            let example = list(resolved, "examples").find_map(Value::as_str)?;
            let unit = example.trim_start_matches(|c: char| c.is_ascii_digit());
            let has_unit = unit.len() < example.len()
                && !unit.is_empty()
                && unit.chars().all(|c| c.is_alphabetic() || c == '/');
            has_unit.then_some(unit)
        })
    }
}

/// Does the schema name the type?
fn has_type(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    }
}

fn replace(mut fault: Fault, text: &str, why: &str) -> Fault {
    fault.fix = Some(text.to_owned());
    fault.help(format!("{why}write `{text}`"))
}
