//! The languages of the files: each writes ONE complete token, or refuses.

use std::io::{self, Write};

use super::marks;

pub mod caddy;
pub mod cloudformation;
pub mod envoy;
pub mod haproxy;
pub mod js;
pub mod json;
pub mod kubernetes;
pub mod nginx;
pub(super) mod quoted;
pub(super) mod shared;
pub mod traefik;

/// Why a text cannot be written in a language, as a diagnostic's title: the fact, lower case, no full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit(pub String);

/// Appends a text as one complete token, or nothing.
pub type Writer = fn(&str, &mut String) -> Result<(), Unfit>;

/// A configuration language: how its tokens are written.
pub struct Lang {
    /// Its name in diagnostics' codes, such as `nginx`.
    pub id: &'static str,
    /// One complete token, taken literally at a place where nothing is interpolated.
    pub word: Writer,
    /// Further ways to write a token; each is also a filter of that name in templates.
    pub forms: &'static [Form],
    /// What starts a comment that ends with its line; empty if there is none.
    pub comment: &'static str,
    /// An identifier, written bare; refused if it would need quotes.
    pub name: Writer,
    /// Appends a text so that it stands for itself in a token whose place interpolates; no token yet.
    pub inert: fn(&str, &mut String),
    /// What the template engine calls for any string that is no `Tok`: `word`, with the refusal in the text.
    pub escape: fn(&str, &mut dyn Write) -> io::Result<()>,
}

/// A further way to write a token.
pub struct Form {
    /// The filter's name in templates.
    pub name: &'static str,
    /// Appends a text as one complete token, or refuses.
    pub write: Writer,
}

/// Appends a token, or the mark of its refusal.
pub(super) fn written(
    write: impl FnOnce(&str, &mut String) -> Result<(), Unfit>,
    text: &str,
    out: &mut String,
) {
    let start = out.len();
    if let Err(unfit) = write(text, out) {
        out.truncate(start);
        marks::write_refused(&unfit.0, out);
    }
}

/// The body of a language's `escape`.
fn escape(write: Writer, text: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut token = String::with_capacity(text.len() + 2);
    written(write, text, &mut token);
    out.write_all(token.as_bytes())
}
