//! How NGINX configuration files spell a token (lexer rules measured on 1.22.1 and 1.31.3).

use super::{Form, Lang, Unfit, escape, shared};
use crate::emit::{Part, Tok};

/// The language of NGINX configuration files.
///
/// Forms: `text` (a user's text where NGINX interpolates variables), `name` (a bare identifier),
/// `remark` (the text of a comment).
pub static NGINX: Lang = Lang {
    id: "nginx",
    word: write_word,
    forms: &[
        Form {
            name: "text",
            write: write_text,
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

/// The variable that stands for a dollar sign, without its `$`. NGINX has no escape for `$`; a file that uses `text` or
/// [`Part::Text`] must hold `geo $wg_d { default "$"; }` in its `http` block (`geo` interpolates nothing).
pub const DOLLAR: &str = "wg_d";

/// The longest token in bytes, quotes included: NGINX reads into a buffer of 4096.
const LONGEST: usize = 4094;
const LANGUAGE: &str = "an NGINX configuration";

/// A user's text as one token at a place without interpolation: a location, a `map` key, a server name, a regex.
/// **Not** for values of `add_header`, `return`, `set`, `map` results and the like: those are [`text`].
pub fn word(user: &str) -> Tok {
    Tok::by(write_word, user)
}

/// A user's text as one token at a place where NGINX interpolates variables: every `$` stays a dollar.
pub fn text(user: &str) -> Tok {
    Tok::by(write_text, user)
}

/// An identifier, written bare.
pub fn name(name: &str) -> Tok {
    Tok::by(write_name, name)
}

/// One token put together from parts.
pub fn token(parts: &[Part<'_>]) -> Tok {
    Tok::concat(&NGINX, parts)
}

/// Writes a token that is taken literally except for variables.
fn write_word(text: &str, out: &mut String) -> Result<(), Unfit> {
    shared::refuse_unwritable(text, LANGUAGE)?;
    let start = out.len();
    if is_bare(text) {
        out.push_str(text);
    } else {
        // A quote counts only as the first character of a token, so the whole of it is quoted.
        out.push('"');
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
    }
    if out.len() - start > LONGEST {
        return Err(Unfit(format!(
            "a text of {} bytes cannot be written in {LANGUAGE} (at most {LONGEST})",
            out.len() - start
        )));
    }
    Ok(())
}

/// Writes a token that holds no variables.
fn write_text(text: &str, out: &mut String) -> Result<(), Unfit> {
    if !text.contains('$') {
        return write_word(text, out);
    }
    let mut content = String::with_capacity(text.len() + 16);
    inert(text, &mut content);
    write_word(&content, out)
}

fn write_name(text: &str, out: &mut String) -> Result<(), Unfit> {
    shared::name(
        text,
        |b| b.is_ascii_alphanumeric() || b"_.:/@*-".contains(&b),
        LANGUAGE,
        out,
    )
}

fn inert(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '$' => {
                out.push_str("${");
                out.push_str(DOLLAR);
                out.push('}');
            }
            c => out.push(c),
        }
    }
}

/// Whether a token needs no quotes: a cautious set that leaves out all that the lexer looks at.
fn is_bare(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.:/@*-+,=~^%|!<>?&$[]".contains(&b))
}
