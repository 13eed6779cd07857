//! How Caddy's native JSON spells a string (placeholders measured on 2.11.7).

use super::{Form, Lang, Unfit, escape, quoted, shared};
use crate::emit::{Part, Tok};

/// The language of Caddy's JSON files.
///
/// Forms: `text` (a user's text where Caddy replaces placeholders), `name` (an identifier that stands beside trusted syntax).
pub static CADDY: Lang = Lang {
    id: "caddy",
    word: quoted::json,
    forms: &[
        Form {
            name: "text",
            write: write_text,
        },
        Form {
            name: "name",
            write: write_name,
        },
    ],
    comment: "",
    name: write_name,
    inert,
    escape: |text, out| escape(quoted::json, text, out),
};

/// A user's text as a string at a place where Caddy replaces nothing: a regular expression, a name.
pub fn word(user: &str) -> Tok {
    Tok::by(quoted::json, user)
}

/// A user's text as a string at a place where Caddy replaces placeholders: every `{` stays a brace.
pub fn text(user: &str) -> Tok {
    Tok::by(write_text, user)
}

/// A string put together from parts.
pub fn token(parts: &[Part<'_>]) -> Tok {
    // The backslash would make the placeholder a text.
    let clash = parts.windows(2).any(|pair| match pair {
        [Part::Text(text) | Part::Word(text), Part::Static(next)] => {
            text.ends_with('\\') && next.starts_with('{')
        }
        _ => false,
    });
    if clash {
        return Tok::refused(&Unfit(
            "a backslash cannot stand before a placeholder of Caddy".to_owned(),
        ));
    }
    Tok::concat(&CADDY, parts)
}

/// A literal of the expression language inside a string: `\u007b` keeps Caddy from seeing a placeholder in it.
pub fn literal(user: &str, out: &mut String) {
    out.push('"');
    for c in user.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => out.push(c),
            ' ' | '-' | '_' | '.' | '/' | ':' | ',' | '=' | '*' | '(' | ')' | '[' | ']' | '^'
            | '$' | '|' | '?' | '+' | '&' | '%' | '!' | '@' | '~' | ';' | '<' | '>' | '#' => {
                out.push(c);
            }
            c => match u32::from(c) {
                code @ 0..=0xFFFF => out.push_str(&format!("\\u{code:04x}")),
                code => out.push_str(&format!("\\U{code:08x}")),
            },
        }
    }
    out.push('"');
}

fn write_text(text: &str, out: &mut String) -> Result<(), Unfit> {
    let mut content = String::with_capacity(text.len() + 8);
    inert(text, &mut content);
    quoted::json(&content, out)
}

/// A name inside a placeholder, such as that of a header or cookie: nothing that ends the placeholder.
fn write_name(text: &str, out: &mut String) -> Result<(), Unfit> {
    shared::refuse_unwritable(text, "Caddy's JSON")?;
    if let Some(c) = text.chars().find(|c| matches!(c, '{' | '}' | '\\')) {
        return Err(Unfit(format!(
            "`{c}` cannot stand in a placeholder of Caddy"
        )));
    }
    out.push_str(text);
    Ok(())
}

/// A backslash before each brace: Caddy takes away just that one.
fn inert(text: &str, out: &mut String) {
    for c in text.chars() {
        if c == '{' || c == '}' {
            out.push('\\');
        }
        out.push(c);
    }
}
