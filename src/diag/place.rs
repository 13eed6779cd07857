//! Places as bytes: what a label underlines, chosen so that it fits on one line.

use super::{Diag, Place};
use crate::source::{FileId, Loc, Source, Sources, Span};
use crate::spec::tree::Tree;

/// A label, resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// What is underlined; may be empty.
    pub span: Span,
    /// What is said about it; may be empty.
    pub text: String,
}

/// Resolves places to bytes.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a> {
    tree: Option<&'a Tree>,
    sources: &'a Sources,
}

impl<'a> Marks<'a> {
    /// Without a tree, only places that are spans have bytes.
    pub fn new(tree: Option<&'a Tree>, sources: &'a Sources) -> Self {
        Self {
            tree: tree.filter(|tree| !tree.is_empty()),
            sources,
        }
    }

    /// The bytes that a place underlines. A value of several lines is shown by its key, or by its first line.
    pub fn span(&self, place: &Place) -> Span {
        match (place, self.tree) {
            (Place::Span(span), _) => self.clamp(*span),
            (Place::Value(_) | Place::Key(_), None) => Span::default(),
            (Place::Value(at), Some(tree)) if *at == tree.root() => {
                let first = tree.pairs(*at).first().map_or(*at, |(key, _)| *key);
                let start = tree.span(first).start;
                self.clamp(Span {
                    end: start,
                    ..tree.span(first)
                })
            }
            (Place::Value(at), Some(tree)) => {
                let span = self.clamp(tree.span(*at));
                match tree.key_span(*at) {
                    Some(key) if self.lines(span) > 1 => self.clamp(key),
                    _ => self.first_line(span),
                }
            }
            (Place::Key(at), Some(tree)) => {
                self.first_line(self.clamp(tree.key_span(*at).unwrap_or_else(|| tree.span(*at))))
            }
        }
    }

    /// A finding's labels as bytes, and where an alias brought its main value in.
    pub fn marks(&self, diag: &Diag) -> Vec<Mark> {
        let mut marks: Vec<_> = diag
            .labels
            .iter()
            .map(|label| Mark {
                span: self.span(&label.place),
                text: label.text.clone(),
            })
            .collect();
        if let (Some(Place::Value(at) | Place::Key(at)), Some(tree)) =
            (diag.labels.first().map(|label| label.place), self.tree)
            && let Some(site) = tree.alias_site(at)
        {
            marks.push(Mark {
                span: self.clamp(site),
                text: "brought in by this alias".into(),
            });
        }
        marks
    }

    /// Where a finding is sorted and listed: its main place.
    pub fn main(&self, diag: &Diag) -> Span {
        diag.labels
            .first()
            .map_or_else(Span::default, |label| self.span(&label.place))
    }

    /// The findings by file and position, errors first where both are the same.
    pub fn sorted<'d>(&self, diags: &'d [Diag]) -> Vec<&'d Diag> {
        let mut order: Vec<_> = diags.iter().map(|diag| (self.main(diag), diag)).collect();
        order.sort_by(|(a, x), (b, y)| {
            (a.file, a.start, x.level, a.end).cmp(&(b.file, b.start, y.level, b.end))
        });
        order.into_iter().map(|(_, diag)| diag).collect()
    }

    /// The line (from 1) that a node's main place stands on, and its file.
    pub fn line(&self, at: Loc) -> (FileId, u32) {
        let span = self.span(&Place::Value(at));
        (span.file, self.sources.line_col(span.file, span.start).0)
    }

    fn clamp(&self, span: Span) -> Span {
        let Some(source) = self.sources.find(span.file) else {
            return Span {
                end: span.start,
                ..span
            };
        };
        let bound = |byte: u32| {
            let byte = (byte as usize).min(source.text.len());
            (0..=byte)
                .rev()
                .find(|at| source.text.is_char_boundary(*at))
                .unwrap_or(0) as u32
        };
        let start = bound(span.start);
        Span {
            start,
            end: bound(span.end).max(start),
            ..span
        }
    }

    fn lines(&self, span: Span) -> usize {
        self.sources.slice(span).trim_end().matches('\n').count() + 1
    }

    fn first_line(&self, span: Span) -> Span {
        let first = self
            .sources
            .slice(span)
            .lines()
            .next()
            .unwrap_or("")
            .trim_end();
        Span {
            end: span.start + first.len() as u32,
            ..span
        }
    }
}

/// A span as `(line, column, end line, end column)`, all from 1, the end exclusive.
pub(super) fn region(source: &Source, span: Span) -> (u32, u32, u32, u32) {
    let (line, column) = source.line_col(span.start);
    let (end_line, end_column) = source.line_col(span.end);
    (line, column, end_line, end_column)
}

/// The same in UTF-16 units, as SARIF's readers and editors count columns.
pub(super) fn region_utf16(source: &Source, span: Span) -> (u32, u32, u32, u32) {
    let at = |byte: u32| {
        let (line, _) = source.line_col(byte);
        let start = source.line_range(line).start as usize;
        let end = (byte as usize).min(source.text.len());
        let units = source
            .text
            .get(start.min(end)..end)
            .map_or(0, |text| text.encode_utf16().count());
        (line, units as u32 + 1)
    };
    let ((line, column), (end_line, end_column)) = (at(span.start), at(span.end));
    (line, column, end_line, end_column)
}
