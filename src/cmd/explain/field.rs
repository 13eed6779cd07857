//! A field's page: what it means, its default and the reason, what each target does with it, and where a spec writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use wsgen::compile::{self, Compiled, Input, World};
use wsgen::ir::{self, Feature, defaults};
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
    let asked = asked_for();
    found
        .iter()
        .map(|field| page(all, field, &asked, written, chosen))
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
    let inner = inside(&field.path, all);
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
                canonical(&compiled.tree, *at).is_some_and(|steps| fits(&field.path, &steps))
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

/// The names of the fields right below a field.
fn inside<'f>(path: &str, all: &'f [Field]) -> Vec<&'f str> {
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

/// Why a field's default is what it is: where that holds, and the reason.
pub(super) fn reasons(path: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    defaults::reasons()
        .into_iter()
        .filter(move |(fields, ..)| fields.contains(&path))
        .map(|(_, holds, reason)| (holds, reason))
}

/// Which features each field asks for: read from a spec that writes every field.
fn asked_for() -> BTreeMap<String, Vec<Feature>> {
    let sample = compile::compile(
        vec![Input::new("sample.yaml", include_str!("sample.yaml"))],
        World::EMPTY,
    );
    let mut asked: BTreeMap<String, Vec<Feature>> = BTreeMap::new();
    let all = fields::all();
    for used in sample
        .gateway
        .iter()
        .flat_map(ir::uses)
        .filter(|used| used.at.is_written())
    {
        let Some(steps) = canonical(&sample.tree, used.at.loc) else {
            continue;
        };
        for field in all.iter().filter(|field| fits(&field.path, &steps)) {
            let features = asked.entry(field.path.clone()).or_default();
            if !features.contains(&used.feature) {
                features.push(used.feature);
            }
        }
    }
    asked
}

/// Every node that is not a key.
pub(super) fn nodes(tree: &Tree) -> impl Iterator<Item = Loc> {
    (0..tree.len() as u32)
        .map(Loc)
        .filter(|at| *at == tree.root() || !tree.is_key(*at))
}

/// The steps from the root to a node: keys, and `*` for an item of a list. What `defaults` holds stands for the place itself.
pub(super) fn canonical(tree: &Tree, at: Loc) -> Option<Vec<String>> {
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
    if let [first, kind, ..] = steps.as_slice()
        && first == "defaults"
    {
        let block = format!("{kind}s");
        steps.splice(0..2, [block, "*".to_owned()]);
    }
    Some(steps)
}

/// Whether a node's steps are those of a field. A single item stands for a list of one.
pub(super) fn fits(path: &str, steps: &[String]) -> bool {
    let mut steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    if fields::is_written_as(path, &steps) {
        return true;
    }
    while steps.last() == Some(&"*") {
        steps.pop();
        if fields::is_written_as(path, &steps) {
            return true;
        }
    }
    false
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
