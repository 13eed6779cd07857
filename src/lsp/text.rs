//! A document's text with the positions of the protocol: lines and UTF-16 units, both from 0, against bytes.

use std::ops::Range as Bytes;
use std::sync::Arc;

use async_lsp::lsp_types::{Position, Range, TextDocumentContentChangeEvent};

use crate::diag::Report;
use crate::source::Sources;
use crate::spec::tree::Tree;
use crate::spec::yaml;

/// A text and where its lines start.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// The whole text.
    pub(super) text: Arc<str>,
    starts: Arc<[usize]>,
}

impl Text {
    pub(super) fn new(text: impl Into<Arc<str>>) -> Self {
        let text: Arc<str> = text.into();
        // A line ends at `\n`, `\r\n` or `\r`, in the protocol as in YAML.
        let bytes = text.as_bytes();
        let ends = memchr::memchr2_iter(b'\n', b'\r', bytes)
            .filter(|at| bytes[*at] == b'\n' || bytes.get(at + 1) != Some(&b'\n'));
        let starts = std::iter::once(0).chain(ends.map(|at| at + 1)).collect();
        Self { text, starts }
    }

    /// The bytes of a line (from 0), its line break left out; empty past the end.
    pub(super) fn line(&self, line: usize) -> Bytes<usize> {
        let Some(start) = self.starts.get(line).copied() else {
            return self.text.len()..self.text.len();
        };
        let end = self.starts.get(line + 1).copied();
        let whole = &self.text[start..end.unwrap_or(self.text.len())];
        start..start + whole.trim_end_matches(['\n', '\r']).len()
    }

    /// The line (from 0) that a byte stands on.
    pub(super) fn line_of(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte).max(1) - 1
    }

    /// The byte at a position; one past the end of its line is the end of the line, as the protocol has it.
    pub(super) fn byte(&self, at: Position) -> usize {
        let line = self.line(at.line as usize);
        let mut units = 0;
        for (offset, c) in self.text[line.clone()].char_indices() {
            if units >= at.character {
                return line.start + offset;
            }
            units += c.len_utf16() as u32;
        }
        line.end
    }

    /// The position of a byte.
    pub(super) fn position(&self, byte: usize) -> Position {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let line = self.line_of(byte);
        let start = self.starts[line];
        let units: usize = self.text[start..byte].chars().map(char::len_utf16).sum();
        Position::new(line as u32, u32::try_from(units).unwrap_or(u32::MAX))
    }

    /// The range of bytes.
    pub(super) fn range(&self, bytes: Bytes<usize>) -> Range {
        Range::new(self.position(bytes.start), self.position(bytes.end))
    }

    /// The text as it can be read: the nodes up to the first fault of syntax.
    pub(super) fn tree(&self) -> Tree {
        read(&self.text).0
    }

    /// The same without the line of a byte where that one is the fault: what stands below it can be read too.
    pub(super) fn tree_around(&self, byte: usize) -> Tree {
        let (tree, whole) = read(&self.text);
        if whole {
            return tree;
        }
        let line = self.line(self.line_of(byte));
        let blank = " ".repeat(line.len());
        let text = format!(
            "{}{blank}{}",
            &self.text[..line.start],
            &self.text[line.end..]
        );
        match read(&text) {
            (without, true) => without,
            (_, false) => tree,
        }
    }

    /// The text after one change; without a range it is all new.
    pub(super) fn changed(&self, change: &TextDocumentContentChangeEvent) -> Self {
        let Some(range) = change.range else {
            return Self::new(change.text.as_str());
        };
        let start = self.byte(range.start);
        let end = self.byte(range.end).max(start);
        let mut text = String::with_capacity(self.text.len() + change.text.len());
        text.push_str(&self.text[..start]);
        text.push_str(&change.text);
        text.push_str(&self.text[end..]);
        Self::new(text)
    }
}

/// A text's nodes, and whether it could be read to its end.
fn read(text: &str) -> (Tree, bool) {
    let mut sources = Sources::new();
    let file = sources.add("", text);
    let mut report = Report::new();
    let tree = yaml::parse(&sources, file, &mut report);
    (tree, !report.has_errors())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_utf16_units() {
        let text = Text::new("ä: 🦀x\r\nb\rc\n");
        let seen: Vec<_> = [0, 2, 4, 8, 9, 11, 13, 15]
            .map(|byte| text.position(byte))
            .map(|at| (at.line, at.character))
            .to_vec();
        assert_eq!(
            seen,
            [
                (0, 0),
                (0, 1),
                (0, 3),
                (0, 5),
                (0, 6),
                (1, 0),
                (2, 0),
                (3, 0)
            ]
        );
        assert_eq!(text.byte(Position::new(0, 5)), 8);
        // Inside of a pair of units, and past the end of the line.
        assert_eq!(text.byte(Position::new(0, 4)), 8);
        assert_eq!(text.byte(Position::new(0, 99)), 9);
        assert_eq!(text.byte(Position::new(9, 0)), 15);
        assert_eq!(text.line(0), 0..9);
    }

    #[test]
    fn a_change_replaces_its_range() {
        let change = |range, text: &str| TextDocumentContentChangeEvent {
            range,
            range_length: None,
            text: text.to_owned(),
        };
        let range = |a, b, c, d| Some(Range::new(Position::new(a, b), Position::new(c, d)));
        let text = Text::new("a: 🦀\nb: 1\n");
        let text = text.changed(&change(range(0, 3, 0, 5), "ü"));
        assert_eq!(&*text.text, "a: ü\nb: 1\n");
        // An end before the start, and one past the text, change nothing that was not meant.
        let text = text.changed(&change(range(1, 3, 0, 0), "2"));
        assert_eq!(&*text.text, "a: ü\nb: 21\n");
        assert_eq!(
            &*text.changed(&change(range(1, 0, 9, 9), "")).text,
            "a: ü\n"
        );
        assert_eq!(&*text.changed(&change(None, "new")).text, "new");
    }
}
