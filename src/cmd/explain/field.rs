//! A field's page: what it means, its default and the reason, what each target does with it, and where a spec writes it.

use std::fmt::Write as _;
use std::path::Path;

use wsgen::asks;
use wsgen::compile::Compiled;
use wsgen::reference::field;
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
            let _ = writeln!(
                out,
                "  {}: {}",
                field.path,
                field::first_sentence(&field.doc)
            );
        }
        return vec![out];
    }
    found
        .iter()
        .map(|field| page(all, field, written, chosen))
        .collect()
}

fn page(
    all: &[Field],
    field: &Field,
    written: Option<&Written>,
    chosen: &[&'static dyn Target],
) -> String {
    let mut out = format!("{}\n\n{}\n", field.path, field.doc);
    if !field.kind.is_empty() {
        let required = if field.required { "; required" } else { "" };
        let _ = writeln!(out, "\ntakes: {}{required}", field.kind);
    }
    for (word, meaning) in &field.meanings {
        let _ = writeln!(out, "  {word}: {meaning}");
    }
    let examples = field::examples(field);
    if !examples.is_empty() {
        let _ = writeln!(out, "\nexamples: {}", examples.join(", "));
    }
    let inner = fields::inside(&field.path, all);
    if !inner.is_empty() {
        let _ = writeln!(out, "\nfields: {}", inner.join(", "));
    }
    for (holds, says) in field::left_out(field) {
        let holds = if holds.is_empty() {
            ""
        } else {
            &format!(" {holds}")
        };
        let _ = writeln!(out, "\nleft out{holds}: {says}");
    }
    if let Some((block, features)) = asks::around(&field.path) {
        if block != field.path {
            let _ = writeln!(out, "\nas a part of {block}:");
        }
        for feature in features {
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
    }
    if let Some(Written(compiled)) = written {
        let places: Vec<String> = fields::nodes(&compiled.tree)
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
