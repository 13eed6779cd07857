//! Regexes and paths as NGINX matches them: PCRE over bytes, decoded.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use regex_syntax::utf8::Utf8Sequences;

/// A regex that matches exactly the text, whatever it holds.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        literal_byte(byte, &mut out);
    }
    out
}

/// A regex that matches each of these texts and nothing else; it wants a group around it.
pub(super) fn one_of(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| literal(text)).collect();
    texts.join("|")
}

pub(super) fn literal_byte(byte: u8, out: &mut String) {
    if byte.is_ascii_alphanumeric() || b"_/-:,;=@~!%&'\"<> ".contains(&byte) {
        out.push(byte as char);
    } else if byte.is_ascii_graphic() {
        out.push('\\');
        out.push(byte as char);
    } else {
        out.push_str(&format!("\\x{byte:02X}"));
    }
}

/// A regex that matches a query's name or value that decodes to the text.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        out.push_str("(?:");
        // In a query these end a name or a value, or mean something else: they only stand encoded.
        if !b"&#+% ".contains(&byte) && byte.is_ascii_graphic() {
            literal_byte(byte, &mut out);
            out.push('|');
        } else if byte == b' ' {
            out.push_str("\\+|");
        }
        out.push('%');
        for digit in [byte >> 4, byte & 15] {
            match digit {
                0..=9 => out.push((b'0' + digit) as char),
                _ => {
                    let letter = (b'A' + digit - 10) as char;
                    out.push('[');
                    out.push(letter);
                    out.push(letter.to_ascii_lowercase());
                    out.push(']');
                }
            }
        }
        out.push(')');
    }
    out
}

/// A path with every `%XX` decoded, as NGINX matches it; `None` where it is no text then.
pub(super) fn decoded(path: &str) -> Option<String> {
    if !path.contains('%') {
        return Some(path.to_owned());
    }
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| path.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out)
        .ok()
        .filter(|text| !text.chars().any(char::is_control))
}

/// A regex (RE2 syntax) in words that PCRE reads the same way, without names and without anchors of its own.
///
/// PCRE would read some of RE2's syntax otherwise (`a++`, `[a&&b]`) and take names of groups for variables of NGINX.
pub(super) fn pcre(regex: &str) -> String {
    // NGINX matches bytes, as the contract's matcher does.
    let parsed = ParserBuilder::new()
        .utf8(false)
        .unicode(false)
        .build()
        .parse(regex);
    let mut out = String::with_capacity(regex.len() + 8);
    match parsed {
        Ok(hir) => print(&hir, &mut out),
        // Lowering has refused it: nothing matches.
        Err(_) => out.push_str("(?!)"),
    }
    out
}

pub(super) fn print(hir: &Hir, out: &mut String) {
    match hir.kind() {
        HirKind::Empty => out.push_str("(?:)"),
        HirKind::Literal(bytes) => {
            for byte in &bytes.0 {
                literal_byte(*byte, out);
            }
        }
        HirKind::Class(Class::Bytes(class)) => {
            let ranges: Vec<(u32, u32)> = class
                .iter()
                .map(|range| (u32::from(range.start()), u32::from(range.end())))
                .collect();
            print_class(&ranges, out);
        }
        HirKind::Class(Class::Unicode(class)) => {
            // NGINX sees the bytes of each character.
            out.push_str("(?:");
            let mut first = true;
            for range in class.iter() {
                for sequence in Utf8Sequences::new(range.start(), range.end()) {
                    if !std::mem::take(&mut first) {
                        out.push('|');
                    }
                    for bytes in sequence.as_slice() {
                        print_class(&[(u32::from(bytes.start), u32::from(bytes.end))], out);
                    }
                }
            }
            if first {
                out.push_str("(?!)");
            }
            out.push(')');
        }
        HirKind::Look(look) => out.push_str(match look {
            Look::Start | Look::StartLF | Look::StartCRLF => "\\A",
            Look::End | Look::EndLF | Look::EndCRLF => "\\z",
            Look::WordAsciiNegate | Look::WordUnicodeNegate => "\\B",
            _ => "\\b",
        }),
        HirKind::Repetition(repetition) => {
            out.push_str("(?:");
            print(&repetition.sub, out);
            out.push(')');
            match (repetition.min, repetition.max) {
                (0, None) => out.push('*'),
                (1, None) => out.push('+'),
                (0, Some(1)) => out.push('?'),
                (min, None) => out.push_str(&format!("{{{min},}}")),
                (min, Some(max)) => out.push_str(&format!("{{{min},{max}}}")),
            }
            if !repetition.greedy {
                out.push('?');
            }
        }
        HirKind::Capture(capture) => {
            out.push('(');
            print(&capture.sub, out);
            out.push(')');
        }
        HirKind::Concat(parts) => {
            for part in parts {
                print(part, out);
            }
        }
        HirKind::Alternation(parts) => {
            out.push_str("(?:");
            for (number, part) in parts.iter().enumerate() {
                if number > 0 {
                    out.push('|');
                }
                print(part, out);
            }
            out.push(')');
        }
    }
}

pub(super) fn print_class(ranges: &[(u32, u32)], out: &mut String) {
    if ranges.is_empty() {
        // Nothing matches.
        out.push_str("(?!)");
        return;
    }
    let one = |code: u32, out: &mut String| match u8::try_from(code) {
        Ok(byte) if byte.is_ascii_alphanumeric() => out.push(byte as char),
        Ok(byte) => out.push_str(&format!("\\x{byte:02X}")),
        Err(_) => out.push_str("\\xFF"),
    };
    out.push('[');
    for (first, last) in ranges {
        one(*first, out);
        if last > first {
            out.push('-');
            one(*last, out);
        }
    }
    out.push(']');
}

/// A regex that matches a decimal number greater than `limit`.
pub(super) fn greater_than(limit: u64) -> String {
    let digits = limit.to_string();
    let mut out = format!("^(?:[1-9][0-9]{{{},}}", digits.len());
    for (place, digit) in digits.bytes().enumerate() {
        if digit == b'9' {
            continue;
        }
        out.push('|');
        out.push_str(&digits[..place]);
        out.push_str(&format!("[{}-9]", (digit + 1) as char));
        let rest = digits.len() - place - 1;
        if rest > 0 {
            out.push_str(&format!("[0-9]{{{rest}}}"));
        }
    }
    out.push_str(")$");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    pub(super) fn numbers_above_a_limit() {
        for limit in [1_u64, 9, 10, 19, 99, 1023, 1 << 20, 999_999] {
            let regex = regex::Regex::new(&greater_than(limit)).expect("a regex");
            for number in [
                0,
                limit / 2,
                limit - 1,
                limit,
                limit + 1,
                limit + 7,
                limit * 3,
                limit * 10,
            ] {
                assert_eq!(
                    regex.is_match(&number.to_string()),
                    number > limit,
                    "{number} > {limit}"
                );
            }
        }
    }

    #[test]
    pub(super) fn regexes_lose_names_and_what_pcre_reads_otherwise() {
        for (re2, expected) in [
            ("/a/(?P<host>[0-9]+)", "/a/((?:[0-9])+)"),
            ("/a++", "/(?:(?:a)+)+"),
            ("(?i)ab", "[Aa][Bb]"),
            ("/x$", "/x\\z"),
            ("aa|b c", "(?:aa|b c)"),
            ("/v(1|2)", "/v((?:[1-2]))"),
            ("[ab]é", "[a-b]\\xC3\\xA9"),
        ] {
            assert_eq!(pcre(re2), expected);
        }
    }

    #[test]
    pub(super) fn paths_decode() {
        assert_eq!(decoded("/a%20b%2Fc").as_deref(), Some("/a b/c"));
        assert_eq!(decoded("/%FF"), None);
        assert_eq!(decoded("/%0A"), None);
    }
}
