//! Text as XML 1.0 takes it: nothing that stands in a spec ends an element, and what XML cannot hold is a replacement character.

/// Text between tags.
pub fn text(text: &str) -> String {
    escaped(text, false)
}

/// The value of an attribute, in double quotes; line breaks and tabs stay what they are.
pub fn attribute(text: &str) -> String {
    escaped(text, true)
}

fn escaped(text: &str, attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A reader makes spaces of those that are not written as references.
            '\n' if attribute => out.push_str("&#10;"),
            '\t' if attribute => out.push_str("&#9;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
