//! What can be done about a finding: the replacement that it carries, accepting a loss, allowing a rule at a line.

use std::collections::HashMap;

use async_lsp::ResponseError;
use async_lsp::lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, CodeActionResponse,
    Diagnostic, TextEdit, WorkspaceEdit,
};

use crate::diag::{Diag, Fix, Marks, Place, Report};
use crate::ir::Feature;
use crate::rules::Rule;
use crate::source::{FileId, Loc, Sources, Span};
use crate::spec::tree::{Node, Tree};
use crate::spec::yaml;
use crate::targets;

use super::documents::View;
use super::names::bytes;
use super::shown;
use super::text::Text;

/// What stands where a reason is asked for: it counts as one, and asks to be replaced.
const REASON: &str = "(why it does not matter here)";

/// The loss that a code names, if it is one that can be accepted.
pub(super) fn loss(code: &str) -> Option<Feature> {
    let (target, feature) = code.split_once("::")?;
    targets::by_id(target)?;
    Feature::by_id(feature)
}

pub(super) fn actions(
    view: &View,
    params: CodeActionParams,
) -> Result<Option<CodeActionResponse>, ResponseError> {
    let document = &view.document;
    if params.context.only.is_some_and(|only| {
        only.iter()
            .all(|kind| !CodeActionKind::QUICKFIX.as_str().starts_with(kind.as_str()))
    }) {
        return Ok(None);
    }
    let Some(findings) = document.findings(&view.settings, &|| true) else {
        return Ok(None);
    };
    let mut writer = Writer {
        view,
        tree: document.text.tree(),
        actions: Vec::new(),
    };
    for (of, report) in &findings.parts {
        let marks = Marks::new(Some(&of.tree), &of.sources);
        for diag in &report.diags {
            let span = marks.main(diag);
            let range = shown::range(span, &document.text);
            if span.file != FileId(0)
                || range.end < params.range.start
                || params.range.end < range.start
            {
                continue;
            }
            let told = shown::diagnostic(diag, &marks, &document.text, &document.uri);
            writer.replacements(diag, &marks, &told);
            if let Some(rule) = diag.code.strip_prefix("lint::").and_then(Rule::by_id) {
                writer.allow(rule, span.start as usize, &told);
            }
            let acceptable = diag.helps.iter().any(|help| help.contains("accept: ["));
            if acceptable && loss(&diag.code).is_some() {
                writer.accept(&diag.code, &told);
            }
        }
    }
    Ok(Some(writer.actions))
}

struct Writer<'v> {
    view: &'v View,
    tree: Tree,
    actions: Vec<CodeActionOrCommand>,
}

impl Writer<'_> {
    fn text(&self) -> &Text {
        &self.view.document.text
    }

    fn add(&mut self, title: String, edit: TextEdit, cures: &Diagnostic, preferred: bool) {
        let changes = HashMap::from([(self.view.document.uri.clone(), vec![edit])]);
        self.actions
            .push(CodeActionOrCommand::CodeAction(CodeAction {
                title,
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![cures.clone()]),
                edit: Some(WorkspaceEdit::new(changes)),
                is_preferred: preferred.then_some(true),
                ..CodeAction::default()
            }));
    }

    /// The help as it is meant: other text in its place.
    fn replacements(&mut self, diag: &Diag, marks: &Marks<'_>, told: &Diagnostic) {
        for fix in &diag.fixes {
            let span = marks.span(&fix.place);
            // An alias stands where its anchor does not: what is brought in is not replaced there.
            let aliased = matches!(fix.place, Place::Value(at) | Place::Key(at) if self.tree.alias_site(at).is_some());
            if span.file == FileId(0) && !aliased && self.holds(fix, span) {
                let range = shown::range(span, self.text());
                let edit = TextEdit::new(range, fix.text.clone());
                let preferred = diag.fixes.len() == 1;
                self.add(format!("Write `{}`", fix.text), edit, told, preferred);
            }
        }
    }

    /// Whether the text, read again, has the new value in its place and is otherwise the same.
    fn holds(&self, fix: &Fix, span: Span) -> bool {
        // What has no place in the tree is a fault of syntax: there is nothing to compare with.
        let at = match fix.place {
            Place::Value(at) => at,
            Place::Key(of) => self.tree.key(of).unwrap_or(of),
            Place::Span(_) => return true,
        };
        let whole = &self.text().text;
        let (Some(before), Some(behind)) = (
            whole.get(..span.start as usize),
            whole.get(span.end as usize..),
        ) else {
            return false;
        };
        let after = tree(&format!("{before}{}{behind}", fix.text));
        let meant = tree(&fix.text);
        let same = |node: u32| after.scalar(Loc(at.0 + node)) == meant.scalar(Loc(node));
        !meant.is_empty()
            && after.len() + 1 == self.tree.len() + meant.len()
            && (0..meant.len() as u32).all(same)
    }

    /// `# wsgen: allow(rule) …` above the line, or the rule in the comment that is there.
    fn allow(&mut self, rule: &Rule, at: usize, told: &Diagnostic) {
        let text = self.text();
        let line = text.line_of(at);
        let number = line as u32 + 1;
        let known = self
            .tree
            .allows()
            .iter()
            .find(|allow| allow.line == number && !allow.reason.is_empty());
        let (place, new) = match known {
            Some(allow) => {
                let comment = allow.span.start as usize..allow.span.end as usize;
                let Some(end) = text.text[comment.clone()].find(')') else {
                    return;
                };
                (comment.start + end, format!(", {}", rule.id))
            }
            None => {
                let start = text.line(line);
                let own = &text.text[start.clone()];
                let indent = &own[..own.len() - own.trim_start().len()];
                let new = format!(
                    "{indent}# wsgen: allow({}) {REASON}{}",
                    rule.id,
                    end_of_line(text)
                );
                (start.start, new)
            }
        };
        let lines = new.matches('\n').count() as u32;
        let after = inserted(&text.text, place, &new);
        // Inside of a text of several lines a comment is none.
        if tree(&after)
            .allow(FileId(0), number + lines, rule.id)
            .is_some()
        {
            let edit = TextEdit::new(text.range(place..place), new);
            self.add(
                format!("Allow `{}` on this line", rule.id),
                edit,
                told,
                false,
            );
        }
    }

    /// A further entry of `accept`.
    fn accept(&mut self, code: &str, told: &Diagnostic) {
        let text = self.text();
        let Some((place, new)) = acceptance(text, &self.tree, code) else {
            return;
        };
        let after = inserted(&text.text, place, &new);
        if accepts(&tree(&after), code) && !accepts(&self.tree, code) {
            let edit = TextEdit::new(text.range(place..place), new);
            self.add(format!("Accept the loss `{code}`"), edit, told, false);
        }
    }
}

/// Where an entry of `accept` goes, and what is written there.
fn acceptance(text: &Text, tree: &Tree, code: &str) -> Option<(usize, String)> {
    let whole: &str = &text.text;
    let end = end_of_line(text);
    let entry = format!("{{ loss: \"{code}\", because: \"{REASON}\" }}");
    let root = tree.pairs(tree.root()).first()?.0;
    if bytes(tree, root).start != text.line(text.line_of(bytes(tree, root).start)).start {
        return None;
    }
    let Some(list) = tree.get(tree.root(), "accept") else {
        let before = if whole.is_empty() || whole.ends_with(['\n', '\r']) {
            ""
        } else {
            end
        };
        return Some((whole.len(), format!("{before}accept:{end}  - {entry}{end}")));
    };
    let span = bytes(tree, list);
    let last_line = |byte: usize| text.line(text.line_of(byte)).end;
    match tree.node(list) {
        Node::Seq(items) if whole[span.clone()].starts_with('[') => {
            let comma = if items.is_empty() { "" } else { ", " };
            Some((span.end - 1, format!("{comma}{entry}")))
        }
        Node::Seq(_) => {
            let indent = span.start - text.line(text.line_of(span.start)).start;
            Some((
                last_line(span.end),
                format!("{end}{}- {entry}", " ".repeat(indent)),
            ))
        }
        _ => None,
    }
}

fn accepts(tree: &Tree, code: &str) -> bool {
    let list = tree.get(tree.root(), "accept");
    let mut entries = list.into_iter().flat_map(|list| tree.items(list));
    entries.any(|entry| {
        let of = |field| tree.get(*entry, field);
        of("loss").and_then(|loss| tree.scalar(loss)) == Some(code) && of("at").is_none()
    })
}

fn inserted(text: &str, place: usize, new: &str) -> String {
    format!("{}{new}{}", &text[..place], &text[place..])
}

/// The text as it can be read; empty where it has a fault of syntax.
fn tree(text: &str) -> Tree {
    let mut sources = Sources::new();
    let file = sources.add("", text);
    let mut report = Report::new();
    let tree = yaml::parse(&sources, file, &mut report);
    if report.has_errors() {
        Tree::default()
    } else {
        tree
    }
}

fn end_of_line(text: &Text) -> &'static str {
    if text.text.contains("\r\n") {
        "\r\n"
    } else {
        "\n"
    }
}
