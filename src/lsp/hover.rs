//! What is told of the place under the pointer: the field, the name, and what was found there.

use std::fmt::Write as _;

use async_lsp::ResponseError;
use async_lsp::lsp_types::{
    Hover, HoverContents, HoverParams, MarkupContent, MarkupKind, NumberOrString,
};

use crate::asks;
use crate::ir::Feature;
use crate::reference;
use crate::spec::fields::Field;
use crate::targets::{self, Target, matrix};

use super::documents::View;
use super::language::{self, Step};
use super::names::{Kind, Mention, Names};
use super::spot::{self, Slot};

/// How many lines of a definition are shown.
const MOST_LINES: usize = 12;

pub(super) fn hover(view: &View, params: HoverParams) -> Result<Option<Hover>, ResponseError> {
    let at = params.text_document_position_params.position;
    let text = &view.document.text;
    let byte = text.byte(at);
    let Some(spot) = spot::spot(text, byte) else {
        return Ok(None);
    };
    let written = text.text[spot.whole.clone()].trim_matches(['"', '\'']);
    let mut parts = Vec::new();
    let tree = text.tree_around(byte);
    let names = Names::of(&tree);
    if let Some(mention) = names.at(byte) {
        parts.push(name(view, &names, mention));
    }
    let mut path = spot.path.clone();
    if spot.slot == Slot::Key {
        path.push(Some(written.to_owned()));
    }
    if let Some(field) = language::field(&path) {
        parts.push(field_page(view, field, &path));
    }
    if spot.slot == Slot::Value
        && let Some((word, doc)) = language::words(&path)
            .into_iter()
            .find(|(word, doc)| word == written && !doc.is_empty())
    {
        parts.insert(0, format!("`{word}`: {doc}"));
    }
    parts.extend(found(view, at));
    if parts.is_empty() {
        return Ok(None);
    }
    Ok(Some(Hover {
        contents: HoverContents::Markup(markdown(parts.join("\n\n---\n\n"))),
        range: Some(text.range(spot.whole)),
    }))
}

pub(super) fn markdown(value: String) -> MarkupContent {
    MarkupContent {
        kind: MarkupKind::Markdown,
        value,
    }
}

/// A field: its meaning, type and default, and what each target does with it.
fn field_page(view: &View, field: &Field, path: &[Step]) -> String {
    let mut out = format!("**`{}`**", field.path);
    let types = language::types(path);
    if !types.is_empty() {
        let _ = write!(out, ": {}", types.join(", or "));
    }
    let _ = write!(out, "\n\n{}", field.doc);
    let listed = |words: &[String]| {
        let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        quoted.join(", ")
    };
    if !field.words.is_empty() {
        let _ = write!(out, "\n\nWords: {}", listed(&field.words));
    }
    let examples = reference::field::examples(field);
    if !examples.is_empty() {
        let _ = write!(out, "\n\nExamples: {}", listed(&examples));
    }
    for (holds, says) in reference::field::left_out(field) {
        let gap = if holds.is_empty() { "" } else { " " };
        let _ = write!(out, "\n\nLeft out{gap}{holds}: {says}");
    }
    if let Some((block, features)) = asks::around(&field.path) {
        if block != field.path {
            let _ = write!(out, "\n\nAs a part of `{block}`:");
        }
        for feature in features {
            support(view, *feature, &mut out);
        }
    }
    out
}

/// What each target makes of a feature: of those that keep it only the names.
fn support(view: &View, feature: Feature, out: &mut String) {
    let wanted = &view.settings.targets;
    let chosen = targets::ALL
        .iter()
        .copied()
        .filter(|target| wanted.is_empty() || wanted.iter().any(|id| id == target.id()));
    let told: Vec<(&dyn Target, String)> = chosen
        .map(|target| (target, matrix::line(target, feature)))
        .collect();
    let _ = write!(out, "\n\n`{feature}`: {}", feature.meaning());
    let exact: Vec<&str> = told
        .iter()
        .filter(|(_, line)| line == "exact")
        .map(|(target, _)| target.id())
        .collect();
    out.push('\n');
    if !exact.is_empty() {
        let _ = write!(out, "\n- exact: {}", exact.join(", "));
    }
    for (target, line) in told.iter().filter(|(_, line)| line != "exact") {
        let _ = write!(out, "\n- {}: {line}", target.id());
    }
}

/// A name: what it is, as it is defined, and who uses it.
fn name(view: &View, names: &Names, mention: &Mention) -> String {
    let text = &view.document.text;
    let uses = names.places(mention).filter(|it| !it.defines).count();
    let kind = mention.kind.word();
    let used = match uses {
        0 => "used nowhere".to_owned(),
        1 => "used once".to_owned(),
        more => format!("used {more} times"),
    };
    let mut out = format!("{kind} **{}**, {used}", mention.name);
    let Some(definition) = names.defined(mention.kind, &mention.name) else {
        let _ = write!(out, "; it is defined nowhere");
        return out;
    };
    if mention.kind == Kind::Bucket {
        return out;
    }
    let tree = text.tree_around(definition.bytes.start);
    let end = definition
        .node
        .map_or(definition.bytes.end, |node| tree.span(node).end as usize);
    let first = text.line_of(definition.bytes.start);
    let last = text.line_of(end.max(definition.bytes.end).saturating_sub(1));
    let lines: Vec<&str> = (first..=last)
        .map(|line| &text.text[text.line(line)])
        .collect();
    let indent = lines
        .iter()
        .map(|line| line.len() - line.trim_start().len())
        .min();
    out.push_str("\n\n```yaml\n");
    for line in lines.iter().take(MOST_LINES) {
        let _ = writeln!(out, "{}", line.get(indent.unwrap_or(0)..).unwrap_or(line));
    }
    if lines.len() > MOST_LINES {
        out.push_str("# …\n");
    }
    out.push_str("```");
    out
}

/// What the last check found at a position, with where to read on.
fn found(view: &View, at: async_lsp::lsp_types::Position) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    let here = view
        .document
        .found
        .iter()
        .filter(|it| it.range.start <= at && at <= it.range.end);
    for it in here {
        let Some(NumberOrString::String(code)) = &it.code else {
            continue;
        };
        let meaning = reference::about(code).short;
        let line = format!("`{code}`: {meaning} (`wsgen explain {code}` says more)");
        if !meaning.is_empty() && !told.contains(&line) {
            told.push(line);
        }
    }
    told
}
