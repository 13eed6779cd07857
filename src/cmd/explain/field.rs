//! A field's page: what it means, its default and the reason, what each target does with it, and where a spec writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use wsgen::asks;
use wsgen::compile::Compiled;
use wsgen::ir::{Feature, defaults};
use wsgen::source::Loc;
use wsgen::spec::fields::{self, Field};
use wsgen::spec::tree::{Node, Tree};
use wsgen::targets::{Target, matrix};

use super::super::args::{Format, Overlays};
use super::super::fault::Fault;
use super::super::findings::Findings;
use super::super::input::Spec;
use super::super::screen::Screen;

/// A spec in which fields are looked up.
pub(super) struct Written(&'static Compiled);

impl Written {
    /// Reads it; `None` if it is wrong, which is said.
    pub(super) fn read(
        path: &Path,
        over: &Overlays,
        screen: &Screen,
    ) -> Result<Option<Self>, Fault> {
        let compiled = Spec::read(Some(path), over)?.compile();
        if compiled.gateway.is_some() {
            return Ok(Some(Self(compiled)));
        }
        let mut findings = Findings::default();
        findings.add(compiled.report.clone(), compiled);
        findings.tell(Format::Human, screen);
        Ok(None)
    }
}

/// The pages of fields; of many only their names.
pub(super) fn pages(
    all: &[Field],
    found: &[&Field],
    written: Option<&Written>,
    chosen: &[&'static dyn Target],
) -> Vec<String> {
    const MOST_PAGES: usize = 4;
    if found.len() > MOST_PAGES {
        let mut out = format!("{} fields have this name:\n\n", found.len());
        for field in found {
            let _ = writeln!(out, "  {}: {}", field.path, first_sentence(&field.doc));
        }
        return vec![out];
    }
    let asked = asks::by_field();
    found
        .iter()
        .map(|field| page(all, field, asked, written, chosen))
        .collect()
}

fn page(
    all: &[Field],
    field: &Field,
    asked: &BTreeMap<String, Vec<Feature>>,
    written: Option<&Written>,
    chosen: &[&'static dyn Target],
) -> String {
    let mut out = format!("{}\n\n{}\n", field.path, field.doc);
    if !field.words.is_empty() {
        let _ = writeln!(out, "\nwords: {}", field.words.join(", "));
    }
    if !field.examples.is_empty() {
        let examples: Vec<String> = field.examples.iter().map(plain).collect();
        let _ = writeln!(out, "\nexamples: {}", examples.join(", "));
    }
    let inner = fields::inside(&field.path, all);
    if !inner.is_empty() {
        let _ = writeln!(out, "\nfields: {}", inner.join(", "));
    }
    for (holds, reason) in reasons(&field.path) {
        // The schema's default is the one that holds where nothing else is said.
        let default = field
            .default
            .as_ref()
            .filter(|_| holds.is_empty())
            .map_or_else(String::new, |value| format!("{}, ", plain(value)));
        let holds = if holds.is_empty() {
            String::new()
        } else {
            format!(" {holds}")
        };
        let _ = writeln!(out, "\nleft out{holds}: {default}{reason}");
    }
    for feature in asked.get(&field.path).into_iter().flatten() {
        let _ = writeln!(out, "\nfeature {feature}: {}", feature.meaning());
        for target in chosen {
            let _ = writeln!(
                out,
                "  {}: {}",
                target.id(),
                matrix::line(*target, *feature)
            );
        }
    }
    if let Some(Written(compiled)) = written {
        let places: Vec<String> = nodes(&compiled.tree)
            .filter(|at| {
                fields::steps(&compiled.tree, *at)
                    .is_some_and(|steps| fields::fits(&field.path, &steps))
            })
            .map(|at| format!("  {}: {}", compiled.place(at), value(&compiled.tree, at)))
            .collect();
        if places.is_empty() {
            let _ = writeln!(out, "\nthe spec does not write it");
        } else {
            let _ = writeln!(out, "\nwritten at\n{}", places.join("\n"));
        }
    }
    out
}

/// Why a field's default is what it is: where that holds, and the reason.
pub(super) fn reasons(path: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    defaults::reasons()
        .into_iter()
        .filter(move |(fields, ..)| fields.contains(&path))
        .map(|(_, holds, reason)| (holds, reason))
}

/// Every node that is not a key.
pub(super) fn nodes(tree: &Tree) -> impl Iterator<Item = Loc> {
    (0..tree.len() as u32)
        .map(Loc)
        .filter(|at| *at == tree.root() || !tree.is_key(*at))
}

/// A value in one line, shortened.
pub(super) fn value(tree: &Tree, at: Loc) -> String {
    const MOST: usize = 60;
    let text = match tree.node(at) {
        Node::Scalar { text, .. } => text.escape_debug().to_string(),
        Node::Seq(items) => format!("a list of {}", items.len()),
        Node::Map(pairs) => {
            let keys: Vec<&str> = pairs
                .iter()
                .filter_map(|(key, _)| tree.scalar(*key))
                .collect();
            format!("{{{}}}", keys.join(", "))
        }
    };
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

pub(super) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn first_sentence(doc: &str) -> &str {
    doc.split_inclusive(". ").next().unwrap_or(doc).trim_end()
}
