//! One complete token of a language, written once and laid out by a template.

use serde::{Serialize, Serializer};
use tera::Value;

use super::lang::{Lang, Unfit, shared, written};
use super::marks;
use crate::source::Loc;

/// A complete token of a language: what a plan holds wherever a file has a word. Only a [`Lang`] or fixed text of the
/// program makes one, so a user's text cannot reach a file as a fragment.
///
/// A token that the language cannot write is a `Tok` all the same: a plan cannot fail. It becomes an error when its
/// page is emitted.
#[derive(Debug, Clone)]
pub struct Tok(Value);

/// A piece of a token that a plan puts together, such as `weight=3` or `$request_method|<user's text>`.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// Trusted syntax of the program: variables, modifiers, expressions.
    Static(&'static str),
    /// A number.
    Number(u64),
    /// An identifier that stands beside trusted syntax, such as a variable's or an upstream's name; refused unless the
    /// language takes it bare (its form `name`).
    Name(&'a str),
    /// A user's text at a place where the program interpolates nothing; kept as it is.
    Word(&'a str),
    /// A user's text at a place where the program interpolates: made inert.
    Text(&'a str),
    /// A user's text that a regular expression of this token must match literally.
    Regex(&'a str),
}

impl Tok {
    /// Trusted syntax of the program, written as it stands.
    pub fn fixed(syntax: &'static str) -> Self {
        Self(Value::safe_string(syntax))
    }

    /// A number without a unit.
    pub fn number(number: u64) -> Self {
        Self(Value::safe_string(&number.to_string()))
    }

    /// A user's text as one token of `lang`, taken literally where nothing is interpolated.
    pub fn word(lang: &Lang, text: &str) -> Self {
        Self::by(lang.word, text)
    }

    /// A user's text as one token of `lang` by one of its further forms.
    pub fn by(write: fn(&str, &mut String) -> Result<(), Unfit>, text: &str) -> Self {
        let mut token = String::with_capacity(text.len() + 2);
        written(write, text, &mut token);
        Self(Value::safe_string(&token))
    }

    /// One token put together from parts and escaped whole.
    pub fn concat(lang: &Lang, parts: &[Part<'_>]) -> Self {
        let mut content = String::with_capacity(64);
        for part in parts {
            match *part {
                Part::Static(syntax) => content.push_str(syntax),
                Part::Number(number) => content.push_str(&number.to_string()),
                Part::Name(name) => {
                    // A name is written bare, so what a writer appends is the name itself.
                    if let Err(unfit) = (lang.name)(name, &mut content) {
                        return Self::refused(&unfit);
                    }
                }
                Part::Word(text) => content.push_str(text),
                Part::Text(text) => (lang.inert)(text, &mut content),
                Part::Regex(text) => shared::regex_literal(text, &mut content),
            }
        }
        Self::by(lang.word, &content)
    }

    /// A line of a `raw` snippet, as the user wrote it: the one way around the writers, and outside the contract.
    pub fn snippet(line: &str) -> Self {
        match shared::refuse_unwritable(line, "a snippet") {
            Ok(()) => Self(Value::safe_string(line)),
            Err(unfit) => Self::refused(&unfit),
        }
    }

    /// Code that its language's writer put together.
    pub(super) fn code(code: &str) -> Self {
        Self(Value::safe_string(code))
    }

    /// Complete tokens that a [`Line`](super::Line) put side by side.
    pub(super) fn complete(text: &str) -> Self {
        Self(Value::safe_string(text))
    }

    /// A token that cannot be written: an error where its page is emitted.
    pub fn refused(unfit: &Unfit) -> Self {
        let mut mark = String::new();
        marks::write_refused(&unfit.0, &mut mark);
        Self(Value::safe_string(&mark))
    }

    /// Gives the token its own origin, for the error if it cannot be written; its line's origin serves otherwise.
    #[must_use]
    pub fn at(self, at: Loc) -> Self {
        match marks::locate_refused(self.as_str(), at) {
            Some(located) => Self(Value::safe_string(&located)),
            None => self,
        }
    }

    /// Several tokens in a row with spaces between, and the origin of their line: one value where a template would lay out many.
    pub fn row<'a>(tokens: impl IntoIterator<Item = &'a Self>, at: Option<Loc>) -> Self {
        let mut row = String::with_capacity(64);
        for token in tokens {
            if !row.is_empty() {
                row.push(' ');
            }
            row.push_str(token.as_str());
        }
        if let Some(at) = at {
            marks::write_origin(at.0, &mut row);
        }
        Self(Value::safe_string(&row))
    }

    /// Statements on one line, each with what ends it.
    pub fn joined<'a>(statements: impl IntoIterator<Item = (Self, &'a Self)>) -> Self {
        let mut line = String::with_capacity(96);
        for (statement, end) in statements {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(statement.as_str());
            line.push_str(end.as_str());
        }
        Self(Value::safe_string(&line))
    }

    /// Why the token cannot be written; `None` if it is.
    pub fn refusal(&self) -> Option<&str> {
        marks::refusal(self.as_str())
    }

    /// The token as it will stand in the file.
    pub fn as_str(&self) -> &str {
        self.0.as_str().unwrap_or_default()
    }
}

impl PartialEq for Tok {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Tok {}

impl Serialize for Tok {
    // tera takes its own values over as they are, with the note that they are written already.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
