//! The document against the JSON Schema: every fault of shape, in our words.
//!
//! A walk of our own over the tree rather than a validator over a copy of it: each fault has its node at once, `on` and
//! `off` are switches wherever the schema wants a boolean, and a value that a parameter produced has the type that its
//! field asks for. The `jsonschema` validator is asked for a
//! second opinion where this walk sees nothing, and a test compares the verdicts of both.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use regex::Regex;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::de;
use super::tree::{Node, Tree};
use crate::diag::{Place, Report};
use crate::source::Loc;

mod alternatives;
mod keys;
mod second;
mod value;
mod words;

pub use second::instance;
use value::Found;
use words::Words;

/// How many faults of shape one run reports.
pub const MAX_FAULTS: usize = 100;

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
            let schema = schema();
            faults(tree, at, &schema, report);
            if report.diags.len() == before && !tree.is_unfilled(place) {
                second::faults(tree, at, &schema, report);
            }
            if report.diags.len() == before && !tree.is_unfilled(place) {
                report.error("spec::value", place).says(title);
            }
            None
        }
    }
}

/// Reports every fault of shape, at most [`MAX_FAULTS`] of them.
pub fn faults(tree: &Tree, at: Loc, schema: &Value, report: &mut Report) {
    let shape = Shape {
        tree,
        root: schema,
        patterns: RefCell::default(),
    };
    let mut found = Vec::new();
    shape.check(schema, at, 0, &mut found);
    // What several places inherit or alias is one fault.
    let mut said = HashSet::new();
    found.retain(|fault| said.insert((fault.bytes(tree), fault.title.clone())));
    let more = found.len().saturating_sub(MAX_FAULTS);
    for fault in found.into_iter().take(MAX_FAULTS) {
        let diag = report
            .error(fault.code, fault.place)
            .says(fault.title)
            .label(fault.label);
        for help in fault.helps {
            diag.help(help);
        }
        for (place, text) in fault.also {
            diag.also(place, text);
        }
        if let Some(text) = fault.fix {
            diag.fix(fault.place, text);
        }
    }
    if more > 0 {
        report
            .error("spec::more", at)
            .says(format!("and {more} more faults like these"));
    }
}

/// One fault on its way to the report.
#[derive(Debug)]
struct Fault {
    code: &'static str,
    place: Place,
    /// How deep below the start of the walk its node is.
    depth: usize,
    title: String,
    label: String,
    helps: Vec<String>,
    also: Vec<(Place, String)>,
    fix: Option<String>,
}

impl Fault {
    fn new(code: &'static str, place: Place, depth: usize, title: impl Into<String>) -> Self {
        Self {
            code,
            place,
            depth,
            title: title.into(),
            label: String::new(),
            helps: Vec::new(),
            also: Vec::new(),
            fix: None,
        }
    }

    fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
        self
    }

    /// The place as bytes, equal for every copy of an anchor's value.
    fn bytes(&self, tree: &Tree) -> (u16, u32, u32) {
        let span = match self.place {
            Place::Span(span) => span,
            Place::Value(at) => tree.span(at),
            Place::Key(at) => tree.key_span(at).unwrap_or_else(|| tree.span(at)),
        };
        (span.file.0, span.start, span.end)
    }
}

/// A tree and the schema that it is held against.
struct Shape<'a> {
    tree: &'a Tree,
    root: &'a Value,
    patterns: RefCell<HashMap<String, Option<Regex>>>,
}

impl<'a> Shape<'a> {
    /// Holds one node against one schema.
    fn check(&self, schema: &'a Value, at: Loc, depth: usize, out: &mut Vec<Fault>) {
        let schema = match schema {
            Value::Bool(true) => return,
            Value::Object(fields) if fields.is_empty() => return,
            schema => schema,
        };
        if self.tree.is_unfilled(at) {
            return;
        }
        if self.found(at) == Found::Null && !self.accepts_null(schema) {
            let fault = Fault::new(
                "spec::missing-value",
                Place::Value(at),
                depth,
                "a value is missing here",
            );
            out.push(fault.help(format!("expected {}", self.expected(schema))));
            return;
        }
        let alternatives = self.alternatives(schema);
        if alternatives.len() > 1 {
            self.check_alternatives(&alternatives, at, depth, out);
            return;
        }
        let named = schema;
        let schema = self.resolve(alternatives.first().copied().unwrap_or(schema));
        if !self.fits_type(schema, at) {
            out.push(self.mismatch(&[named], at, depth));
            return;
        }
        match self.tree.node(at) {
            Node::Scalar { .. } => self.check_scalar(named, schema, at, depth, out),
            Node::Seq(items) => self.check_list(schema, at, items, depth, out),
            Node::Map(pairs) => self.check_map(schema, at, pairs, depth, out),
        }
        for part in list(schema, "allOf") {
            self.check(part, at, depth, out);
        }
    }

    fn check_list(
        &self,
        schema: &'a Value,
        at: Loc,
        items: &[Loc],
        depth: usize,
        out: &mut Vec<Fault>,
    ) {
        let place = Place::Key(at);
        let count = items.len() as u64;
        if let Some(least) = number(schema, "minItems").filter(|least| count < *least) {
            let title = format!(
                "{} needs at least {}",
                self.name_of(at),
                words::count(least, "item")
            );
            out.push(Fault::new("spec::range", place, depth, title));
        }
        if let Some(most) = number(schema, "maxItems").filter(|most| count > *most) {
            let title = format!(
                "{} takes at most {}",
                self.name_of(at),
                words::count(most, "item")
            );
            out.push(Fault::new("spec::range", place, depth, title));
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            let mut seen = HashMap::new();
            for item in items {
                let Some(text) = self.tree.scalar(*item) else {
                    continue;
                };
                if let Some(first) = seen.insert(text, *item) {
                    let title = format!("`{text}` is listed twice");
                    let mut fault = Fault::new("spec::twice", Place::Value(*item), depth, title)
                        .label("again here");
                    fault.also.push((Place::Value(first), "first here".into()));
                    out.push(fault);
                }
            }
        }
        let heads: Vec<_> = list(schema, "prefixItems").collect();
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = heads.get(index).copied().or_else(|| schema.get("items")) {
                self.check(schema, *item, depth + 1, out);
            }
        }
    }

    /// A node in a title: its path, or `the spec`.
    fn name_of(&self, at: Loc) -> String {
        match self.tree.path(at) {
            path if path.is_empty() => "the spec".into(),
            path => format!("`{path}`"),
        }
    }

    /// The schema that a `$ref` points to.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..32 {
            let Some(target) = schema.get("$ref").and_then(Value::as_str) else {
                break;
            };
            match target
                .strip_prefix('#')
                .and_then(|pointer| self.root.pointer(pointer))
            {
                Some(found) => schema = found,
                None => break,
            }
        }
        schema
    }

    fn matches(&self, pattern: &str, text: &str) -> bool {
        let mut patterns = self.patterns.borrow_mut();
        let regex = patterns
            .entry(pattern.to_owned())
            .or_insert_with(|| Regex::new(pattern).ok());
        regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }

    fn words(&self) -> Words<'a> {
        Words { root: self.root }
    }

    fn expected(&self, schema: &'a Value) -> String {
        self.words().expected(schema)
    }

    fn expected_all(&self, schemas: &[&'a Value]) -> String {
        self.words().expected_all(schemas)
    }

    fn description(&self, schema: &'a Value) -> Option<String> {
        self.words().description(schema)
    }
}

/// The items of a keyword that is a list.
fn list<'v>(schema: &'v Value, keyword: &str) -> impl Iterator<Item = &'v Value> {
    schema
        .get(keyword)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn number(schema: &Value, keyword: &str) -> Option<u64> {
    schema.get(keyword).and_then(Value::as_u64)
}

#[cfg(test)]
mod tests;
