//! Single values and collections in braces and brackets, on one line.

use granit_parser::{Event, ScalarStyle};

/// A value of one line: quotes only where they are needed, and then double ones where that needs no escape.
pub(super) fn scalar(raw: &str, text: &str, style: ScalarStyle) -> String {
    match style {
        ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => raw.to_owned(),
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted if is_word(text) => text.to_owned(),
        ScalarStyle::DoubleQuoted => raw.to_owned(),
        ScalarStyle::SingleQuoted => {
            let escapes = |c: char| c == '"' || c == '\\' || c.is_control();
            match text.contains(escapes) {
                true => raw.to_owned(),
                false => format!("\"{text}\""),
            }
        }
    }
}

/// Whether a text is the same text without quotes, for everybody who reads YAML 1.1 or 1.2.
pub(super) fn is_word(text: &str) -> bool {
    const SWITCHES: &[&str] = &["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    let mut chars = text.chars();
    let first = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '/');
    first
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.'))
        && !SWITCHES.contains(&text.to_ascii_lowercase().as_str())
}

/// A collection that begins at the event `at`, on one line, and where it ends in the text; `at` is then behind it.
///
/// # Errors
/// A sentence: it holds what is not laid out.
pub(super) fn collection(
    text: &str,
    events: &[(Event<'_>, usize, usize)],
    at: &mut usize,
) -> Result<(String, usize), String> {
    let Some((opening, _, opened)) = events.get(*at) else {
        return Err("the text ends early".to_owned());
    };
    let mut end = *opened;
    *at += 1;
    let map = matches!(opening, Event::MappingStart(..));
    let mut parts: Vec<String> = Vec::new();
    loop {
        match events.get(*at) {
            None => return Err("the text ends early".to_owned()),
            Some((Event::MappingEnd | Event::SequenceEnd, _, close)) => {
                end = end.max(*close);
                *at += 1;
                break;
            }
            Some(_) if map => {
                let (key, _) = value(text, events, at)?;
                let (value, value_end) = value(text, events, at)?;
                end = end.max(value_end);
                // A colon right behind an alias would be a part of its name.
                let colon = if key.starts_with('*') { " :" } else { ":" };
                parts.push(match value.as_str() {
                    "" => format!("{key}{colon}"),
                    value => format!("{key}{colon} {value}"),
                });
            }
            Some(_) => {
                let (value, value_end) = value(text, events, at)?;
                end = end.max(value_end);
                parts.push(value);
            }
        }
    }
    let inside = parts.join(", ");
    let written = match (map, inside.is_empty()) {
        (true, true) => "{}".to_owned(),
        (true, false) => format!("{{ {inside} }}"),
        (false, _) => format!("[{inside}]"),
    };
    Ok((written, end))
}

fn value(
    text: &str,
    events: &[(Event<'_>, usize, usize)],
    at: &mut usize,
) -> Result<(String, usize), String> {
    match events.get(*at) {
        Some((Event::Scalar(value, style, ..), start, end)) => {
            *at += 1;
            let raw = text[*start..(*end).max(*start)].trim_end();
            Ok((scalar(raw, value, *style), *start + raw.len()))
        }
        Some((Event::Alias(_) | Event::UnresolvedAlias(_), start, end)) => {
            *at += 1;
            Ok((text[*start..*end].trim_end().to_owned(), *end))
        }
        Some((Event::MappingStart(..) | Event::SequenceStart(..), ..)) => {
            collection(text, events, at)
        }
        _ => Err("a collection holds something else than values".to_owned()),
    }
}
