//! A line of complete tokens with spaces between: for files whose statements are lines, such as HAProxy's.

use std::fmt::Write as _;

use super::lang::{Lang, Unfit, written};
use super::{Part, Tok, marks};
use crate::source::Loc;

/// A line under construction. Each piece is a complete token of the language, so user text never arrives as a fragment;
/// a piece that cannot be written becomes an error when the line's page is emitted.
#[derive(Clone)]
pub struct Line {
    lang: &'static Lang,
    text: String,
}

impl Line {
    /// A line that starts with trusted syntax of the program.
    pub fn new(lang: &'static Lang, syntax: &'static str) -> Self {
        let mut text = String::with_capacity(96);
        text.push_str(syntax);
        Self { lang, text }
    }

    /// A comment: `text` behind the language's comment sign, on one line.
    pub fn remark(lang: &'static Lang, text: &str) -> Self {
        let mut line = Self::new(lang, lang.comment);
        line.space();
        // A comment takes every text, so nothing is refused here.
        let _ = super::lang::shared::remark(text, &mut line.text);
        line
    }

    fn space(&mut self) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
    }

    /// Adds trusted syntax of the program; nothing adds nothing.
    #[must_use]
    pub fn with(mut self, syntax: &'static str) -> Self {
        if syntax.is_empty() {
            return self;
        }
        self.space();
        self.text.push_str(syntax);
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.space();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{number}");
        self
    }

    /// Adds a user's text, taken literally where nothing is interpolated.
    #[must_use]
    pub fn word(self, text: &str) -> Self {
        let write = self.lang.word;
        self.by(write, text)
    }

    /// Adds an identifier, written bare.
    #[must_use]
    pub fn name(self, text: &str) -> Self {
        let write = self.lang.name;
        self.by(write, text)
    }

    /// Adds a user's text by one of the language's further forms.
    #[must_use]
    pub fn by(mut self, write: fn(&str, &mut String) -> Result<(), Unfit>, text: &str) -> Self {
        self.space();
        written(write, text, &mut self.text);
        self
    }

    /// Adds a token that is complete already.
    #[must_use]
    pub fn tok(mut self, tok: &Tok) -> Self {
        self.space();
        self.text.push_str(tok.as_str());
        self
    }

    /// Adds a token put together from parts.
    #[must_use]
    pub fn parts(self, parts: &[Part<'_>]) -> Self {
        let tok = Tok::concat(self.lang, parts);
        self.tok(&tok)
    }

    /// Gives the line its origin.
    #[must_use]
    pub fn at(mut self, at: Loc) -> Self {
        if at != Loc::default() {
            marks::write_origin(at.0, &mut self.text);
        }
        self
    }

    /// The finished line, as one token that a template lays out.
    pub fn end(self) -> Tok {
        Tok::complete(&self.text)
    }
}
