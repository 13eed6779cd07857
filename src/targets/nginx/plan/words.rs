//! The pieces of an NGINX file: directives, blocks, variables with generated names, and regexes that PCRE reads as RE2 would.

use std::collections::HashMap;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use regex_syntax::utf8::Utf8Sequences;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::emit::lang::nginx::{self, NGINX};
use crate::emit::{Part, Tok};
use crate::ir::{Dur, Loc, Size};

/// One directive: `name args…;`. A template sees it as one token.
#[derive(Debug, Clone)]
pub(super) struct Directive {
    name: Tok,
    args: Vec<Tok>,
    at: Option<Loc>,
}

impl Directive {
    /// A directive; `name` may hold fixed arguments too.
    pub(super) fn new(name: &'static str, args: Vec<Tok>) -> Self {
        Self {
            name: Tok::fixed(name),
            args,
            at: None,
        }
    }

    /// A directive without user's text.
    pub(super) fn fixed(text: &'static str) -> Self {
        Self::new(text, Vec::new())
    }

    /// An entry of a `map` or `geo`: a key and its value.
    pub(super) fn entry(key: Tok, value: Tok) -> Self {
        Self {
            name: key,
            args: vec![value],
            at: None,
        }
    }

    /// The place of the spec that the line stems from.
    #[must_use]
    pub(super) fn at(mut self, at: Loc) -> Self {
        self.at = Some(at);
        self
    }

    /// The directive as one token, without its semicolon.
    fn row(&self) -> Tok {
        Tok::row(std::iter::once(&self.name).chain(&self.args), self.at)
    }

    /// Whether two directives say the same, wherever they stem from.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.name == other.name && self.args == other.args
    }

    /// How many characters it takes.
    pub(super) fn width(&self) -> usize {
        let args: usize = self.args.iter().map(|arg| arg.as_str().len() + 1).sum();
        self.name.as_str().len() + args + 2
    }

    fn key(&self) -> String {
        let args: Vec<&str> = self.args.iter().map(Tok::as_str).collect();
        format!("{} {};", self.name.as_str(), args.join(" "))
    }
}

impl Serialize for Directive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.row().serialize(serializer)
    }
}

/// Directives on one line.
pub(super) fn body(lines: &[Directive]) -> Tok {
    let end = Tok::fixed(";");
    Tok::joined(lines.iter().map(|line| (line.row(), &end)))
}

/// A block without blocks inside: `map`, `geo`, `upstream`, `if`. A template sees its `head`, one token, and its `lines`.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) name: Tok,
    pub(super) args: Vec<Tok>,
    pub(super) lines: Vec<Directive>,
    pub(super) at: Option<Loc>,
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut block = serializer.serialize_struct("Block", 2)?;
        block.serialize_field(
            "head",
            &Tok::row(std::iter::once(&self.name).chain(&self.args), self.at),
        )?;
        block.serialize_field("lines", &self.lines)?;
        block.end()
    }
}

impl Block {
    /// `if (test) { lines }`; the test is a variable.
    pub(super) fn branch(test: &str, lines: Vec<Directive>) -> Self {
        Self {
            name: variable(test),
            args: Vec::new(),
            lines,
            at: None,
        }
    }

    #[must_use]
    pub(super) fn at(mut self, at: Loc) -> Self {
        self.at = Some(at);
        self
    }
}

/// The blocks that make variables, at the level of `http`; equal ones are written once.
#[derive(Debug, Default)]
pub(super) struct Vars {
    pub(super) blocks: Vec<Block>,
    known: HashMap<String, String>,
}

impl Vars {
    /// The name, without `$`, of a variable that a block of this kind makes: a new block, or an equal one.
    pub(super) fn make(
        &mut self,
        kind: &'static str,
        source: &str,
        about: &str,
        lines: Vec<Directive>,
        at: Loc,
    ) -> String {
        let mut key = format!("{kind} {source} ");
        for line in &lines {
            key.push_str(&line.key());
        }
        let next = self.known.len() + 1;
        if let Some(name) = self.known.get(&key) {
            return name.clone();
        }
        let name = format!("wg_{about}_{next}");
        self.blocks.push(Block {
            name: Tok::fixed(kind),
            args: vec![nginx::word(source), variable(&name)],
            lines,
            at: Some(at),
        });
        self.known.insert(key, name.clone());
        name
    }

    /// A `map`.
    pub(super) fn map(
        &mut self,
        source: &str,
        about: &str,
        lines: Vec<Directive>,
        at: Loc,
    ) -> String {
        self.make("map", source, about, lines, at)
    }

    /// A variable that is `1` where a regex matches, else empty.
    pub(super) fn test(&mut self, source: &str, about: &str, regex: &str, at: Loc) -> String {
        let lines = vec![entry_regex(regex, Tok::fixed("1")), default("")];
        self.map(source, about, lines, at)
    }
}

/// `default value;`; the value is fixed text of the program and may hold variables.
pub(super) fn default(value: &str) -> Directive {
    Directive::entry(Tok::fixed("default"), nginx::word(value))
}

/// `"~regex" value;`
pub(super) fn entry_regex(regex: &str, value: Tok) -> Directive {
    Directive::entry(nginx::token(&[Part::Static("~"), Part::Word(regex)]), value)
}

/// `$name`
pub(super) fn variable(name: &str) -> Tok {
    nginx::token(&[Part::Static("$"), Part::Name(name)])
}

/// Text of the program, in which variables count.
pub(super) fn word(text: &str) -> Tok {
    nginx::word(text)
}

/// A user's text, made inert, for a token that is put together elsewhere.
pub(super) fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    (NGINX.inert)(text, &mut out);
    out
}

/// A duration; NGINX takes the same units.
pub(super) fn dur(dur: Dur) -> Tok {
    nginx::word(&dur_text(dur))
}

/// A duration in whole units, `ms` where it has to be.
pub(super) fn dur_text(dur: Dur) -> String {
    let millis = dur.as_millis();
    if !dur.is_whole_secs() {
        return format!("{millis}ms");
    }
    let secs = millis / 1000;
    match secs {
        _ if secs.is_multiple_of(86400) => format!("{}d", secs / 86400),
        _ if secs.is_multiple_of(3600) => format!("{}h", secs / 3600),
        _ if secs.is_multiple_of(60) => format!("{}m", secs / 60),
        _ => format!("{secs}s"),
    }
}

/// A size in NGINX's units.
pub(super) fn size(size: Size) -> Tok {
    nginx::word(&bytes_text(size.as_bytes()))
}

pub(super) fn bytes_text(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{}m", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}k", bytes >> 10),
        _ => bytes.to_string(),
    }
}

/// Whether a name can stand in `$http_…`, `$arg_…`, `$cookie_…`.
pub(super) fn is_variable_part(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The variable of a request header, without `$`; a name that no variable can have is a header that is never there.
pub(super) fn header_variable(name: &str) -> String {
    let part: String = name
        .chars()
        .map(|c| match c {
            '-' => '_',
            c => c.to_ascii_lowercase(),
        })
        .collect();
    if is_variable_part(&part) {
        format!("http_{part}")
    } else {
        "wg_none".to_owned()
    }
}

/// The variable of a header of a server's answer, without `$`.
pub(super) fn answer_variable(name: &str) -> String {
    match header_variable(name) {
        none if none == "wg_none" => none,
        sent => format!("upstream_{sent}"),
    }
}

/// A regex that matches exactly the text, whatever it holds.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        literal_byte(byte, &mut out);
    }
    out
}

fn literal_byte(byte: u8, out: &mut String) {
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

fn print(hir: &Hir, out: &mut String) {
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

fn print_class(ranges: &[(u32, u32)], out: &mut String) {
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
    fn numbers_above_a_limit() {
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
    fn regexes_lose_names_and_what_pcre_reads_otherwise() {
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
    fn paths_decode() {
        assert_eq!(decoded("/a%20b%2Fc").as_deref(), Some("/a b/c"));
        assert_eq!(decoded("/%FF"), None);
        assert_eq!(decoded("/%0A"), None);
    }
}
