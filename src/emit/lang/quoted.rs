//! How YAML and JSON spell a string: what the languages of nested files share.

use super::Unfit;
use crate::emit::marks;

/// Appends a text as a YAML scalar that every reader, of YAML 1.1 or 1.2, takes for this string: bare where nothing else
/// can be read from it, else in double quotes with JSON's escapes.
pub(in crate::emit) fn yaml(text: &str, out: &mut String) -> Result<(), Unfit> {
    if is_bare(text) {
        out.push_str(text);
        return Ok(());
    }
    json(text, out)
}

/// Appends a text as a JSON string.
pub(in crate::emit) fn json(text: &str, out: &mut String) -> Result<(), Unfit> {
    if text.contains('\0') {
        // Readers in C end a string there.
        return Err(Unfit("the character U+0000 cannot be written".to_owned()));
    }
    if marks::contains_mark(text) {
        return Err(Unfit(
            "a private-use character (U+F8F0 to U+F8F3) cannot be written".to_owned(),
        ));
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}

/// What YAML allows no reader to see raw, or breaks a line at: all of it lies below U+10000.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}'
        )
}

/// Whether a scalar needs no quotes: a cautious set, for what YAML 1.1 makes of `no`, `1e3`, `12:30` and `~` is no string.
fn is_bare(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./".contains(&b);
    (starts_well && text.bytes().all(plain) && !is_word_of_yaml(text)) || is_duration(text)
}

fn is_word_of_yaml(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// `30s`, `1.5h`: what configurations are full of, and no number for any reader.
fn is_duration(text: &str) -> bool {
    let Some(unit) = text.find(|c: char| c.is_ascii_alphabetic()) else {
        return false;
    };
    let (number, unit) = text.split_at(unit);
    let mut parts = number.split('.');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    ["ms", "s", "m", "h"].contains(&unit)
        && parts.next().is_some_and(digits)
        && parts.next().is_none_or(digits)
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = String::new();
        yaml(text, &mut out).expect("it can be written");
        out
    }

    #[test]
    fn only_what_is_a_string_to_every_reader_stands_bare() {
        for bare in ["app", "X-Real-Ip", "tls/cert.pem", "30s", "1.5h", "e3"] {
            assert_eq!(written(bare), bare);
        }
        for quoted in [
            "", "no", "Off", "NULL", "1", "1e3", "0x1F", "12:30", "~", "-", ".inf", "a: b", "a #b",
            "*", "&a", "!t", "@x", "30", "1.s", "1.2.3s", "é", "a b",
        ] {
            assert_eq!(written(quoted), format!("\"{quoted}\""));
        }
        assert_eq!(written("a\"\\\n\u{85}\u{7f}"), r#""a\"\\\n\u0085\u007f""#);
    }

    #[test]
    fn readers_of_yaml_and_json_read_back_every_text() {
        let mut seed = 7_u64;
        let mut next = || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            seed >> 33
        };
        const PIECES: [&str; 24] = [
            "\"",
            "\\",
            "{",
            "}",
            "[",
            "]",
            ":",
            " ",
            "#",
            ",",
            "\n",
            "\t",
            "\r",
            "'",
            "%",
            "$",
            "`",
            "é",
            "\u{2028}",
            "\u{feff}",
            "\u{1f600}",
            "- ",
            "0",
            "\u{85}",
        ];
        for _ in 0..5_000 {
            let text: String = (0..next() % 9)
                .map(|_| PIECES[next() as usize % PIECES.len()])
                .collect();
            let line = format!("key: {}\n", written(&text));
            let read: std::collections::BTreeMap<String, String> =
                serde_yaml::from_str(&line).unwrap_or_else(|why| panic!("{line}: {why}"));
            assert_eq!(read["key"], text, "{line}");
            let mut token = String::new();
            json(&text, &mut token).expect("it can be written");
            let read: String = serde_json::from_str(&token).expect("it is JSON");
            assert_eq!(read, text);
        }
    }

    #[test]
    fn marks_and_the_null_character_are_refused() {
        for text in ["a\u{F8F0}", "a\0b"] {
            assert!(json(text, &mut String::new()).is_err());
        }
    }
}
