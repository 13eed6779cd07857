//! How HAProxy configuration files spell a token (lexer rules measured on 2.6.12, 2.8.25 and 3.4.0).

use super::{Form, Lang, Unfit, escape, shared};
use crate::emit::{Part, Tok};

/// The language of HAProxy configuration files.
///
/// Forms: `fmt` (a user's text where HAProxy reads a log format: header values, redirect locations, `lf-string`),
/// `name` (a bare identifier), `remark` (the text of a comment).
pub static HAPROXY: Lang = Lang {
    id: "haproxy",
    word: write_word,
    forms: &[
        Form {
            name: "fmt",
            write: write_fmt,
        },
        Form {
            name: "name",
            write: write_name,
        },
        Form {
            name: "remark",
            write: shared::remark,
        },
    ],
    comment: "#",
    name: write_name,
    inert,
    escape: |text, out| escape(write_word, text, out),
};

const LANGUAGE: &str = "a HAProxy configuration";

/// A user's text as one token at a plain place: an ACL pattern (after `--`), `string`, a file name.
pub fn word(user: &str) -> Tok {
    Tok::by(write_word, user)
}

/// A user's text as one token where HAProxy reads a log format: every `%` stays a percent sign.
pub fn fmt(user: &str) -> Tok {
    Tok::by(write_fmt, user)
}

/// A user's text of several lines as one token at a plain place: the body of an answer.
pub fn body(user: &str) -> Tok {
    Tok::by(write_body, user)
}

/// An identifier, written bare.
pub fn name(name: &str) -> Tok {
    Tok::by(write_name, name)
}

/// One token put together from parts.
pub fn token(parts: &[Part<'_>]) -> Tok {
    Tok::concat(&HAPROXY, parts)
}

/// Writes a token that is taken literally except for log-format expressions.
fn write_word(text: &str, out: &mut String) -> Result<(), Unfit> {
    shared::refuse_unwritable(text, LANGUAGE)?;
    if text.is_empty() {
        // `''` ends the list of arguments or is an error, by version and place.
        return Err(Unfit(format!(
            "an empty text cannot be written in {LANGUAGE}"
        )));
    }
    if is_bare(text) {
        out.push_str(text);
        return Ok(());
    }
    // Inside single quotes nothing is special, not even a backslash; only the quote itself has to step outside.
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("'\\''"),
            c => out.push(c),
        }
    }
    out.push('\'');
    Ok(())
}

/// Writes a token that holds no log-format expressions.
fn write_fmt(text: &str, out: &mut String) -> Result<(), Unfit> {
    if !text.contains('%') {
        return write_word(text, out);
    }
    let mut content = String::with_capacity(text.len() + 8);
    inert(text, &mut content);
    write_word(&content, out)
}

/// Writes a token that may hold line breaks: outside quotes, `\n` and `\r` stand for the bytes.
fn write_body(text: &str, out: &mut String) -> Result<(), Unfit> {
    if !text.contains(['\n', '\r']) {
        return write_word(text, out);
    }
    for piece in text.split_inclusive(['\n', '\r']) {
        let (line, end) = match piece.strip_suffix('\n') {
            Some(line) => (line, "\\n"),
            None => match piece.strip_suffix('\r') {
                Some(line) => (line, "\\r"),
                None => (piece, ""),
            },
        };
        if !line.is_empty() {
            write_word(line, out)?;
        }
        out.push_str(end);
    }
    Ok(())
}

fn write_name(text: &str, out: &mut String) -> Result<(), Unfit> {
    shared::name(
        text,
        |b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b),
        LANGUAGE,
        out,
    )
}

fn inert(text: &str, out: &mut String) {
    for c in text.chars() {
        out.push(c);
        if c == '%' {
            out.push('%');
        }
    }
}

/// Whether a token needs no quotes: a cautious set that leaves out all that the lexer looks at.
fn is_bare(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_.:/@*-+,=~^%|!<>?&()[]{}".contains(&b))
}
