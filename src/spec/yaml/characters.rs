//! Characters that a spec may not contain.

use super::Loader;
use crate::source::Span;

/// What a text's characters allow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Text {
    /// Nothing that the quick reader does not know.
    Simple,
    /// Tabs, carriage returns or special characters: for the parser.
    Odd,
    /// Control characters that the parser would misread.
    Misread,
}

impl Loader<'_> {
    /// Characters that no spec may contain, wherever they stand.
    pub(super) fn refuse_characters(&mut self) -> Text {
        let text = &self.source.text;
        let mut kind = Text::Simple;
        // Private-use characters begin with EE or EF; a control character is a byte of its own.
        let suspects = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| matches!(byte, 0xC2 | 0xEE | 0xEF | 0..=9 | 11..=31 | 127));
        for (at, _) in suspects.take(10_000) {
            let Some(found) = text[at..].chars().next() else {
                continue;
            };
            if matches!(found, '\u{A0}'..='\u{BF}') {
                continue;
            }
            kind = kind.max(Text::Odd);
            if found.is_ascii() && !matches!(found, '\t' | '\r') || is_mark(found) {
                if found.is_ascii() {
                    kind = Text::Misread;
                }
                let span = Span {
                    file: self.file,
                    start: at as u32,
                    end: (at + found.len_utf8()) as u32,
                };
                let diag = self.report.error("yaml::character", span).says(format!(
                    "the character {} cannot be written in a spec",
                    code_point(found)
                ));
                diag.help(if is_mark(found) {
                    "private-use characters are reserved for wsgen itself"
                } else {
                    "in double quotes a control character is written as an escape, such as `\"\\e\"`"
                });
            }
        }
        kind
    }
}

/// The characters with which rendered lines are marked with their origin.
pub(in crate::spec) fn is_mark(c: char) -> bool {
    ('\u{E000}'..='\u{F8FF}').contains(&c)
}

pub(in crate::spec) fn code_point(c: char) -> String {
    format!("U+{:04X}", c as u32)
}
