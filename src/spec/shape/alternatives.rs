//! `oneOf` and `anyOf`: which of several shapes somebody meant.

use serde_json::Value;

use super::words::{code, join};
use super::{Fault, Shape, list};
use crate::diag::Place;
use crate::source::Loc;
use crate::spec::tree::Node;

impl<'a> Shape<'a> {
    /// The shapes that a schema allows, nested choices made flat; the schema itself where it is no choice.
    pub(super) fn alternatives(&self, schema: &'a Value) -> Vec<&'a Value> {
        let mut flat = Vec::new();
        self.flatten(schema, 0, &mut flat);
        flat
    }

    fn flatten(&self, schema: &'a Value, depth: usize, out: &mut Vec<&'a Value>) {
        let resolved = self.resolve(schema);
        let mut any = false;
        if depth < 16 {
            for part in list(resolved, "oneOf").chain(list(resolved, "anyOf")) {
                any = true;
                self.flatten(part, depth + 1, out);
            }
        }
        // A `null` beside other shapes is only what schemars writes for an optional field.
        if !any && (depth == 0 || resolved.get("type") != Some(&Value::from("null"))) {
            out.push(schema);
        }
    }

    /// One of the shapes must fit; otherwise the faults of the one that was most likely meant.
    pub(super) fn check_alternatives(
        &self,
        shapes: &[&'a Value],
        at: Loc,
        depth: usize,
        out: &mut Vec<Fault>,
    ) {
        let mut tried: Vec<(&'a Value, Vec<Fault>)> = Vec::new();
        for shape in shapes {
            let mut faults = Vec::new();
            self.check(shape, at, depth, &mut faults);
            if faults.is_empty() {
                return;
            }
            tried.push((shape, faults));
        }
        tried.retain(|(shape, _)| self.fits_type(self.resolve(shape), at));
        match (self.tree.node(at), tried.len()) {
            (_, 0) => out.push(self.mismatch(shapes, at, depth)),
            (Node::Scalar { .. }, 1)
                if tried[0].1.iter().all(|fault| fault.code == "spec::range") =>
            {
                out.append(&mut tried.swap_remove(0).1);
            }
            (Node::Scalar { .. }, _) => out.push(self.mismatch(shapes, at, depth)),
            (_, 1) => out.append(&mut tried.swap_remove(0).1),
            (Node::Seq(_), _) => out.append(&mut deepest(tried)),
            (Node::Map(pairs), _) => self.check_map_alternatives(tried, at, pairs, depth, out),
        }
    }

    fn check_map_alternatives(
        &self,
        tried: Vec<(&'a Value, Vec<Fault>)>,
        at: Loc,
        pairs: &[(Loc, Loc)],
        depth: usize,
        out: &mut Vec<Fault>,
    ) {
        let mut names: Vec<&str> = Vec::new();
        for (shape, _) in &tried {
            for name in self.keys(shape) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        let written: Vec<(&str, Loc)> = pairs
            .iter()
            .map(|(key, value)| (self.tree.scalar(*key).unwrap_or(""), *value))
            .collect();
        let known: Vec<_> = written
            .iter()
            .filter(|(name, _)| names.contains(name))
            .collect();
        let choices = tried.iter().all(|(shape, _)| self.keys(shape).len() == 1);
        if known.is_empty() {
            match written.first() {
                Some((name, value)) => {
                    let schema = self.resolve(tried[0].0);
                    out.push(self.unknown_key(schema, at, *value, name, &names, depth + 1));
                }
                None => {
                    let fault = Fault::new(
                        "spec::missing-key",
                        Place::Key(at),
                        depth,
                        format!("{} is empty", self.name_of(at)),
                    );
                    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                    out.push(fault.help(format!("write one of {}", join(&names, "or"))));
                }
            }
            return;
        }
        if let (true, [(first, here), (second, again), ..]) = (choices, known.as_slice()) {
            let title = format!(
                "{} takes one of `{first}` and `{second}`, not both",
                self.name_of(at)
            );
            let mut fault = Fault::new("spec::choice", Place::Key(*again), depth + 1, title)
                .label("one too many");
            fault
                .also
                .push((Place::Key(*here), format!("{} is chosen here", code(first))));
            out.push(fault);
            return;
        }
        let most = |shape: &Value| {
            written
                .iter()
                .filter(|(name, _)| self.keys_of(shape).any(|key| key == *name))
                .count()
        };
        let best = tried
            .iter()
            .map(|(shape, _)| most(self.resolve(shape)))
            .max()
            .unwrap_or(0);
        let tried = tried
            .into_iter()
            .filter(|(shape, _)| most(self.resolve(shape)) == best)
            .collect();
        out.append(&mut deepest(tried));
    }

    fn keys(&self, shape: &'a Value) -> Vec<&'a str> {
        self.keys_of(self.resolve(shape)).collect()
    }

    fn keys_of<'v>(&self, resolved: &'v Value) -> impl Iterator<Item = &'v str> {
        resolved
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
    }

    /// May the node be nothing? The `null` that schemars writes beside an optional field's type does not count:
    /// a key without a value is a fault.
    pub(super) fn accepts_null(&self, schema: &'a Value) -> bool {
        let resolved = self.resolve(schema);
        match resolved.get("type") {
            Some(Value::String(name)) => name == "null",
            Some(Value::Array(_)) => false,
            _ => {
                let mut parts = list(resolved, "oneOf")
                    .chain(list(resolved, "anyOf"))
                    .filter(|part| part.get("type") != Some(&"null".into()))
                    .peekable();
                if parts.peek().is_some() {
                    return parts.any(|part| self.accepts_null(part));
                }
                resolved.get("const").is_none()
                    && resolved.get("enum").is_none()
                    && resolved.get("$ref").is_none()
            }
        }
    }

    /// Does the node have a type that the schema names?
    pub(super) fn fits_type(&self, schema: &Value, at: Loc) -> bool {
        let found = self.found(at);
        match schema.get("type") {
            Some(Value::String(name)) => found.is(name),
            Some(Value::Array(names)) => names
                .iter()
                .filter_map(Value::as_str)
                .any(|name| found.is(name)),
            _ => {
                let mut options = list(schema, "enum").chain(schema.get("const")).peekable();
                options.peek().is_none() || options.any(|option| found.is(kind(option)))
            }
        }
    }
}

fn kind(constant: &Value) -> &'static str {
    match constant {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The faults of the shape that went wrong deepest, which is the one that was meant; the fewest where that is equal.
fn deepest(tried: Vec<(&Value, Vec<Fault>)>) -> Vec<Fault> {
    let depth = |faults: &[Fault]| faults.iter().map(|fault| fault.depth).max().unwrap_or(0);
    tried
        .into_iter()
        .map(|(_, faults)| faults)
        .min_by_key(|faults| (std::cmp::Reverse(depth(faults)), faults.len()))
        .unwrap_or_default()
}
