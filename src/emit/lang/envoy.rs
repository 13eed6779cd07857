//! How Envoy's bootstrap, a YAML file, spells a token, and how a text stays itself where Envoy reads a format (measured on 1.40.0).

use super::{Form, Lang, Unfit, escape, quoted, shared};
use crate::emit::{Part, Tok};

/// The language of Envoy's bootstrap files.
///
/// Forms: `fmt` (a user's text where Envoy reads a format: header values, log formats), `remark` (the text of a comment).
pub static ENVOY: Lang = Lang {
    id: "envoy",
    word: write_word,
    forms: &[
        Form {
            name: "fmt",
            write: write_fmt,
        },
        Form {
            name: "remark",
            write: shared::remark,
        },
    ],
    comment: "#",
    name: write_word,
    inert,
    escape: |text, out| escape(write_word, text, out),
};

/// A user's text as one string, taken literally.
pub fn word(user: &str) -> Tok {
    Tok::by(write_word, user)
}

/// A user's text as one string where Envoy reads a format: every `%` stays a percent sign.
pub fn fmt(user: &str) -> Tok {
    Tok::by(write_fmt, user)
}

/// A user's text as a string of Lua, for a script inside the file.
pub fn lua(user: &str) -> Tok {
    Tok::by(write_lua, user)
}

/// One string put together from parts.
pub fn token(parts: &[Part<'_>]) -> Tok {
    Tok::concat(&ENVOY, parts)
}

fn write_word(text: &str, out: &mut String) -> Result<(), Unfit> {
    quoted::yaml(text, out)
}

fn write_fmt(text: &str, out: &mut String) -> Result<(), Unfit> {
    // A control character in a header's value is an error of the whole file.
    shared::refuse_unwritable(text, "a header's value")?;
    let mut content = String::with_capacity(text.len() + 8);
    inert(text, &mut content);
    quoted::yaml(&content, out)
}

/// `%REQ(x)%` in a format is the client's header, `%ENVIRONMENT(x)%` a secret: a doubled sign is one that says nothing.
fn inert(text: &str, out: &mut String) {
    for c in text.chars() {
        out.push(c);
        if c == '%' {
            out.push('%');
        }
    }
}

/// Every byte that could mean something to Lua or YAML stands as its number.
fn write_lua(text: &str, out: &mut String) -> Result<(), Unfit> {
    shared::refuse_unwritable(text, "a script")?;
    out.push('"');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_-".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("\\{byte:03}"));
        }
    }
    out.push('"');
    Ok(())
}
