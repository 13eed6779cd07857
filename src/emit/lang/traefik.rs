//! How Traefik's YAML files spell a string: its file provider runs Go templates over the whole text before it is YAML
//! (seen on 3.7.15).

use super::{Form, Lang, Unfit, escape, quoted, shared};
use crate::emit::{Part, Tok};

/// The language of Traefik's files.
///
/// Forms: `name` (a bare identifier), `remark` (the text of a comment).
pub static TRAEFIK: Lang = Lang {
    id: "traefik",
    word: write_word,
    forms: &[
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
    inert: |text, out| out.push_str(text),
    escape: |text, out| escape(write_word, text, out),
};

/// A text as one scalar. No template starts in it.
pub fn word(text: &str) -> Tok {
    Tok::by(write_word, text)
}

/// One scalar put together from parts.
pub fn token(parts: &[Part<'_>]) -> Tok {
    Tok::concat(&TRAEFIK, parts)
}

/// The text of a comment in which no template starts: those are read there too.
pub fn remark(text: &str) -> String {
    text.replace("{{", "{ {").replace("{{", "{ {")
}

fn write_word(text: &str, out: &mut String) -> Result<(), Unfit> {
    let start = out.len();
    quoted::yaml(text, out)?;
    // What holds a brace is quoted. The last of several in a row stands alone and starts nothing.
    while let Some(at) = out[start..].find("{{") {
        out.replace_range(start + at..=start + at, "\\u007b");
    }
    Ok(())
}

fn write_name(text: &str, out: &mut String) -> Result<(), Unfit> {
    shared::name(
        text,
        |b| b.is_ascii_alphanumeric() || b"_.-".contains(&b),
        "a Traefik configuration",
        out,
    )
}

/// A text as a literal of a rule: it stands for itself, whatever it holds.
pub fn literal(text: &str, out: &mut String) {
    // Nothing can be escaped between backticks, and Go reads no byte order mark.
    let escaped = |c: char| c.is_control() || c == '\u{FEFF}';
    if !text.contains('`') && !text.contains(escaped) {
        out.push('`');
        out.push_str(text);
        out.push('`');
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if escaped(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_template_starts_in_a_word_or_a_comment() {
        for (text, written) in [
            ("app", "app"),
            ("{x}", "\"{x}\""),
            ("{{ env `HOME` }}", "\"\\u007b{ env `HOME` }}\""),
            ("a{{{b", "\"a\\u007b\\u007b{b\""),
            ("{{{{", "\"\\u007b\\u007b\\u007b{\""),
        ] {
            assert_eq!(word(text).as_str(), written);
        }
        for text in ["{{ x }}", "{{{{", "{{{ x"] {
            assert!(!remark(text).contains("{{"), "{}", remark(text));
        }
    }

    #[test]
    fn a_literal_of_a_rule_ends_where_it_should() {
        for (text, written) in [
            ("/a", "`/a`"),
            ("a\"b\\", "`a\"b\\`"),
            ("/a`) || PathPrefix(`/", "\"/a`) || PathPrefix(`/\""),
            ("`\"\\\n", "\"`\\\"\\\\\\u000a\""),
            ("\u{FEFF}", "\"\\ufeff\""),
        ] {
            let mut out = String::new();
            literal(text, &mut out);
            assert_eq!(out, written);
        }
    }
}
