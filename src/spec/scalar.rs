//! What a plain scalar is by YAML 1.2, how a text is written as one, and the switch words of the language.

use std::fmt::Write as _;

/// The type of a plain scalar by the core schema of YAML 1.2.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Plain {
    /// Empty, `~`, `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// Digits with an optional sign.
    Whole(i128),
    /// `0x1F`, `0o17`: numbers that the language refuses.
    Odd,
    /// `1.5`, `1e3`, `.inf`.
    Float(f64),
    /// Anything else.
    Text,
}

/// Reads a plain scalar.
pub fn plain(text: &str) -> Plain {
    if is_null(text) {
        return Plain::Null;
    }
    match text {
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Plain::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Plain::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Plain::Float(f64::NAN),
        _ => {}
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Plain::Text;
    }
    let all = |text: &str, ok: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(ok);
    if all(digits, u8::is_ascii_digit) {
        return text.parse().map_or_else(
            |_| text.parse().map_or(Plain::Text, Plain::Float),
            Plain::Whole,
        );
    }
    if let Some(rest) = text.strip_prefix("0x") {
        return if all(rest, u8::is_ascii_hexdigit) {
            Plain::Odd
        } else {
            Plain::Text
        };
    }
    if let Some(rest) = text.strip_prefix("0o") {
        return if all(rest, |c| (b'0'..=b'7').contains(c)) {
            Plain::Odd
        } else {
            Plain::Text
        };
    }
    if digits
        .bytes()
        .all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'e' | b'E' | b'+' | b'-'))
    {
        return text.parse().map_or(Plain::Text, Plain::Float);
    }
    Plain::Text
}

/// Empty, `~` or `null`.
pub fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// `on`, `off`, `true`, `false`: exactly these are switches.
pub fn switch(text: &str) -> Option<bool> {
    match text {
        "on" | "true" => Some(true),
        "off" | "false" => Some(false),
        _ => None,
    }
}

/// The switch word that somebody meant who wrote `yes`, `No`, `ON` or the like.
pub fn meant_switch(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "y" | "on" | "true" | "1" | "enable" | "enabled" => Some("on"),
        "no" | "n" | "off" | "false" | "0" | "disable" | "disabled" | "none" | "never" => {
            Some("off")
        }
        _ => None,
    }
}

/// A text as one token that every reader takes for this text, wherever a scalar may stand: plain, or in double quotes.
pub fn written(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Whether a text may stand without quotes anywhere, and no reader takes it for anything but text.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 10] = [
        "on", "off", "true", "false", "yes", "no", "null", "y", "n", "~",
    ];
    let first = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '.');
    let inner = |c: char| c.is_ascii_alphanumeric() || "/_.-:+@%=;$()~".contains(c);
    text.starts_with(first)
        && text.chars().all(inner)
        && !text.ends_with(':')
        && !text.contains("${")
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
        && text.parse::<f64>().is_err()
        && !text.starts_with("0x")
        && !text.starts_with("0o")
        && !text.starts_with("...")
}

/// In double quotes, with the escapes that YAML and JSON share; a parameter's beginning is made text.
fn quoted(text: &str) -> String {
    let text = text.replace("${", "$${");
    let mut out = String::new();
    for c in serde_json::to_string(&text).unwrap_or_default().chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}') {
            let _ = write!(out, "\\u{:04X}", c as u32);
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_1_2_and_not_1_1() {
        for text in [
            "no",
            "on",
            "y",
            "1:30",
            "1_000",
            "2026-01-01",
            "=",
            "<<",
            "0b1",
            "1.2.3",
            "5s",
            "-",
            ".",
            "+",
        ] {
            assert_eq!(plain(text), Plain::Text, "{text}");
        }
        assert_eq!(plain("-5"), Plain::Whole(-5));
        assert_eq!(plain("007"), Plain::Whole(7));
        assert_eq!(plain("0x1F"), Plain::Odd);
        assert_eq!(plain("1.30"), Plain::Float(1.3));
        assert_eq!(plain("1e3"), Plain::Float(1000.0));
        assert_eq!(plain(""), Plain::Null);
        assert_eq!(plain("True"), Plain::Bool(true));
    }

    #[test]
    fn a_text_is_written_as_nothing_but_itself() {
        for text in ["/a/b", "10.0.0.0/8", "chat", "a-b_c"] {
            assert_eq!(written(text), text);
        }
        for text in ["/a/b,c", "on", "1", "::/0", "a: b", "a #b", "", "*.x", "]"] {
            assert_eq!(written(text), format!("\"{text}\""));
        }
        assert_eq!(written("a\"\n"), r#""a\"\n""#);
    }
}
