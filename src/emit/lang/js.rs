//! How JavaScript modules, and JSON files with comments, spell a token.

use super::{Form, Lang, Unfit, escape, quoted, shared};
use crate::emit::{Tok, marks};

/// The language of ES modules.
///
/// Form: `remark` (the text of a comment).
pub static JS: Lang = Lang {
    id: "js",
    word: write_string,
    forms: FORMS,
    comment: "//",
    name: write_name,
    inert,
    escape: |text, out| escape(write_string, text, out),
};

/// JSON with comments, as wrangler reads it.
pub static JSONC: Lang = Lang {
    id: "jsonc",
    word: quoted::json,
    forms: FORMS,
    comment: "//",
    name: write_name,
    inert: |text, out| out.push_str(text),
    escape: |text, out| escape(quoted::json, text, out),
};

const FORMS: &[Form] = &[Form {
    name: "remark",
    write: shared::remark,
}];

/// A user's text as a string literal.
pub fn string(user: &str) -> Tok {
    Tok::by(write_string, user)
}

/// A user's text as a JSON string.
pub fn json(user: &str) -> Tok {
    Tok::by(quoted::json, user)
}

/// A template literal of text and code, both complete: [`template_text`] and [`template_code`].
pub fn template(pieces: &[Tok]) -> Tok {
    if let Some(refused) = pieces.iter().find(|it| it.refusal().is_some()) {
        return refused.clone();
    }
    let content: String = pieces.iter().map(Tok::as_str).collect();
    Tok::code(&format!("`{content}`"))
}

/// A user's text inside a template literal.
pub fn template_text(user: &str) -> Tok {
    Tok::by(
        |text, out| {
            refuse(text)?;
            inert(text, out);
            Ok(())
        },
        user,
    )
}

/// Code inside a template literal.
pub fn template_code(code: &Tok) -> Tok {
    match code.refusal() {
        None => Tok::code(&format!("${{{}}}", code.as_str())),
        Some(_) => code.clone(),
    }
}

/// A call whose last argument is a user's text: `cookie(asked, ` and a name.
pub fn call(start: &'static str, user: &str) -> Tok {
    let argument = string(user);
    match argument.refusal() {
        None => Tok::code(&format!("{start}{})", argument.as_str())),
        Some(_) => argument,
    }
}

/// A regular expression literal; `source` is one that the pattern's translator wrote.
pub fn regex(source: &str, flags: &'static str) -> Tok {
    match refuse(source) {
        Ok(()) => Tok::code(&format!("/{source}/{flags}")),
        Err(unfit) => Tok::refused(&unfit),
    }
}

/// A property of an object: `object.name`, or with brackets where the name is no identifier.
pub fn property(object: &'static str, name: &str) -> Tok {
    if is_identifier(name) {
        return Tok::code(&format!("{object}.{name}"));
    }
    let name = string(name);
    match name.refusal() {
        None => Tok::code(&format!("{object}[{}]", name.as_str())),
        Some(_) => name,
    }
}

/// The key of a property in an object literal.
pub fn key(name: &str) -> Tok {
    // As a plain key it would set the prototype.
    if name == "__proto__" {
        return Tok::fixed("[\"__proto__\"]");
    }
    match is_identifier(name) {
        true => Tok::code(name),
        false => string(name),
    }
}

/// Appends a text as a string literal, in the quotes that need fewer escapes.
pub(in crate::emit) fn write_string(text: &str, out: &mut String) -> Result<(), Unfit> {
    refuse(text)?;
    let count = |quote| text.matches(quote).count();
    let quote = if count('"') > count('\'') { '\'' } else { '"' };
    out.push(quote);
    for c in text.chars() {
        match c {
            c if c == quote => out.extend(['\\', c]),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out.push(quote);
    Ok(())
}

/// Whether a name can stand bare after a dot or as a key. Reserved words can, there.
pub(in crate::emit) fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn write_name(text: &str, out: &mut String) -> Result<(), Unfit> {
    shared::name(
        text,
        |b| b.is_ascii_alphanumeric() || b == b'_',
        "JavaScript",
        out,
    )
}

/// Appends a text so that it stands for itself inside a template literal.
fn inert(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '`' | '\\' | '$' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if is_hidden(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
}

fn refuse(text: &str) -> Result<(), Unfit> {
    if marks::contains_mark(text) {
        return Err(Unfit(
            "a private-use character (U+F8F0 to U+F8F3) cannot be written".to_owned(),
        ));
    }
    Ok(())
}

/// What nobody sees in an editor, or what ends a line for JavaScript.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_take_the_quotes_that_need_fewer_escapes() {
        for (text, literal) in [
            ("a", "\"a\""),
            ("a\"b", "'a\"b'"),
            ("a'b\"", "\"a'b\\\"\""),
            ("\\\n\0\u{2028}", "\"\\\\\\n\\u{0}\\u{2028}\""),
            ("</script>`${x}", "\"</script>`${x}\""),
        ] {
            assert_eq!(string(text).as_str(), literal);
        }
        assert!(string("\u{F8F0}").refusal().is_some());
    }

    #[test]
    fn templates_keep_code_and_text_apart() {
        let code = template_code(&Tok::fixed("asked.host"));
        let parts = [template_text("`${x}\\"), code];
        assert_eq!(template(&parts).as_str(), "`\\`\\${x}\\\\${asked.host}`");
    }

    #[test]
    fn keys_are_bare_where_they_can_be() {
        assert_eq!(key("old_docs").as_str(), "old_docs");
        assert_eq!(key("old-docs").as_str(), "\"old-docs\"");
        assert_eq!(key("__proto__").as_str(), "[\"__proto__\"]");
        assert_eq!(property("env", "A-B").as_str(), "env[\"A-B\"]");
    }
}
