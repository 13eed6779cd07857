//! What every language's writer refuses, and how a refusal is worded.

use super::Unfit;
use crate::emit::marks;

/// Refuses control characters other than TAB, and the characters kept for marks.
pub(in crate::emit) fn refuse_unwritable(text: &str, language: &str) -> Result<(), Unfit> {
    if let Some(&byte) = text
        .as_bytes()
        .iter()
        .find(|&&b| (b < 0x20 && b != b'\t') || b == 0x7F)
    {
        let what = match byte {
            b'\n' | b'\r' => "a line break",
            _ => "a control character",
        };
        return Err(Unfit(format!(
            "{what} (U+{byte:04X}) cannot be written in {language}"
        )));
    }
    if !text.is_ascii() && marks::contains_mark(text) {
        return Err(Unfit(format!(
            "a private-use character (U+F8F0 to U+F8F3) cannot be written in {language}"
        )));
    }
    Ok(())
}

/// Appends an identifier if every byte is allowed.
pub(super) fn name(
    text: &str,
    allowed: fn(u8) -> bool,
    language: &str,
    out: &mut String,
) -> Result<(), Unfit> {
    refuse_unwritable(text, language)?;
    if text.is_empty() {
        return Err(Unfit(format!(
            "an empty name cannot be written in {language}"
        )));
    }
    if let Some(c) = text.chars().find(|&c| !c.is_ascii() || !allowed(c as u8)) {
        return Err(Unfit(format!("`{c}` cannot stand in a name of {language}")));
    }
    out.push_str(text);
    Ok(())
}

/// Appends a text on one line for a comment; a comment says nothing to the program, so control characters become spaces.
pub(in crate::emit) fn remark(text: &str, out: &mut String) -> Result<(), Unfit> {
    out.extend(text.chars().map(|c| match c {
        c if c.is_control() || ('\u{F8F0}'..='\u{F8F3}').contains(&c) => ' ',
        c => c,
    }));
    Ok(())
}

/// Appends a regular expression (PCRE and RE2 alike) that matches exactly the text.
pub(in crate::emit) fn regex_literal(text: &str, out: &mut String) {
    for c in text.chars() {
        if "\\.+*?()|[]{}^$#-".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
}
