//! The keys of a mapping: known ones, missing ones, and what somebody meant by the others.

use serde_json::Value;

use super::value::Found;
use super::words::{self, code, join, near};
use super::{Fault, Shape, list, number};
use crate::diag::Place;
use crate::source::Loc;

impl<'a> Shape<'a> {
    pub(super) fn check_map(
        &self,
        schema: &'a Value,
        at: Loc,
        pairs: &[(Loc, Loc)],
        depth: usize,
        out: &mut Vec<Fault>,
    ) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (key, value) in pairs {
            let name = self.tree.scalar(*key).unwrap_or("");
            if let Some(property) = properties.and_then(|properties| properties.get(name)) {
                self.check(property, *value, depth + 1, out);
                continue;
            }
            let patterns = schema
                .get("patternProperties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten();
            if let Some((_, property)) = patterns
                .into_iter()
                .find(|(pattern, _)| self.matches(pattern, name))
            {
                self.check(property, *value, depth + 1, out);
                continue;
            }
            match others {
                Some(Value::Bool(false)) => {
                    let names: Vec<&str> = properties
                        .map(|all| all.keys().map(String::as_str).collect())
                        .unwrap_or_default();
                    out.push(self.unknown_key(schema, at, *value, name, &names, depth + 1));
                }
                Some(other) => {
                    if let Some(names) = schema.get("propertyNames") {
                        self.check_key(names, *key, *value, depth + 1, out);
                    }
                    self.check(other, *value, depth + 1, out);
                }
                None => {}
            }
        }
        for required in list(schema, "required").filter_map(Value::as_str) {
            if self.tree.get(at, required).is_none() {
                let property = properties.and_then(|properties| properties.get(required));
                out.push(self.missing_key(at, required, property, depth));
            }
        }
        let count = pairs.len() as u64;
        if let Some(least) = number(schema, "minProperties").filter(|least| count < *least) {
            let title = format!(
                "{} needs at least {}",
                self.name_of(at),
                words::count(least, "key")
            );
            out.push(Fault::new("spec::range", Place::Key(at), depth, title));
        }
        if let Some(most) = number(schema, "maxProperties").filter(|most| count > *most) {
            let title = format!(
                "{} takes at most {}",
                self.name_of(at),
                words::count(most, "key")
            );
            out.push(Fault::new("spec::range", Place::Key(at), depth, title));
        }
    }

    /// A key that people name themselves. Keys are text, whatever they look like.
    fn check_key(
        &self,
        names: &'a Value,
        key: Loc,
        value: Loc,
        depth: usize,
        out: &mut Vec<Fault>,
    ) {
        let text = self.tree.scalar(key).unwrap_or("");
        let schema = self.resolve(names);
        let unfit = schema
            .get("pattern")
            .and_then(Value::as_str)
            .is_some_and(|pattern| !self.matches(pattern, text))
            || schema.get("enum").is_some()
                && !list(schema, "enum").any(|word| word.as_str() == Some(text))
            || number(schema, "minLength")
                .is_some_and(|least| (text.chars().count() as u64) < least)
            || number(schema, "maxLength").is_some_and(|most| text.chars().count() as u64 > most);
        if unfit {
            let title = format!("{} cannot be a key here", code(text));
            let mut fault = Fault::new("spec::key", Place::Key(value), depth, title);
            fault.helps.extend(self.description(names));
            out.push(fault);
        }
    }

    pub(super) fn unknown_key(
        &self,
        schema: &'a Value,
        map: Loc,
        value: Loc,
        name: &str,
        names: &[&str],
        depth: usize,
    ) -> Fault {
        let place = match self.tree.path(map) {
            path if path.is_empty() => "at the top of the spec".to_owned(),
            path => format!("in `{path}`"),
        };
        let mut fault = Fault::new(
            "spec::unknown-key",
            Place::Key(value),
            depth,
            format!("unknown key {} {place}", code(name)),
        );
        let free: Vec<&str> = names
            .iter()
            .copied()
            .filter(|known| self.tree.get(map, known).is_none())
            .collect();
        if let Some(meant) = near(name, &free) {
            fault.fix = Some(meant.to_owned());
            return fault.label(format!("did you mean `{meant}`?"));
        }
        if let Some(written) = near(name, names) {
            return fault.label(format!(
                "did you mean `{written}`, which is written here too?"
            ));
        }
        let inside = self.where_known(schema, name);
        if !inside.is_empty() && inside.len() < 4 {
            let places: Vec<String> = inside.iter().map(|place| format!("`{place}`")).collect();
            let writing: Vec<String> = inside
                .iter()
                .map(|place| format!("`{place}: {{{name}: …}}`"))
                .collect();
            fault = fault
                .label(format!("`{name}` stands in {}", join(&places, "and")))
                .help(format!("write {}", join(&writing, "or")));
        }
        if self.after_comma(value) {
            fault = fault
                .help("if this belongs to the text before the comma, put the whole text in quotes");
        }
        if names.is_empty() {
            return fault.help("nothing can be written in it");
        }
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        fault.help(format!("known keys here: {}", names.join(", ")))
    }

    /// A key without a value after a comma: a plain text with a comma falls apart inside `{…}`.
    fn after_comma(&self, value: Loc) -> bool {
        let Some(key) = self
            .tree
            .key_span(value)
            .filter(|_| self.found(value) == Found::Null)
        else {
            return false;
        };
        let before = self
            .tree
            .text(key.file)
            .get(..key.start as usize)
            .unwrap_or("");
        before.trim_end().ends_with(',')
    }

    /// The properties of `schema` in whose mappings a key exists.
    fn where_known(&self, schema: &'a Value, name: &str) -> Vec<&'a str> {
        let properties = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let known = |property| {
            self.alternatives(property).iter().any(|part| {
                self.resolve(part)
                    .get("properties")
                    .is_some_and(|all| all.get(name).is_some())
            })
        };
        properties
            .filter(|(_, property)| known(property))
            .map(|(place, _)| place.as_str())
            .collect()
    }

    fn missing_key(
        &self,
        map: Loc,
        name: &str,
        property: Option<&'a Value>,
        depth: usize,
    ) -> Fault {
        let fault = Fault::new(
            "spec::missing-key",
            Place::Key(map),
            depth,
            format!("{} has no `{name}`", self.name_of(map)),
        );
        match property {
            Some(property) => {
                let mut fault =
                    fault.help(format!("write `{name}: …`: {}", self.expected(property)));
                fault.helps.extend(self.description(property));
                fault
            }
            None => fault.help(format!("write `{name}: …`")),
        }
    }
}
