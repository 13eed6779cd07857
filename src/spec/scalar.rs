//! What a plain scalar is by YAML 1.2, and the switch words of the language.

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
}
