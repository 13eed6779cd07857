//! Rules: which requests a router takes, in Traefik's own language. A user's text is always a whole literal in it.

use std::fmt::Write as _;

use crate::emit::Tok;
use crate::emit::lang::traefik;
use crate::ir::{ClientRange, Condition, HostMatch, PathMatch, ValueMatch};

/// A rule; how it binds decides where parentheses are needed.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    text: String,
    binds: Binds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binds {
    Alone,
    And,
    Or,
}

impl Rule {
    /// `Name(`a`, `b`)`.
    pub(super) fn call(name: &'static str, arguments: &[&str]) -> Self {
        let mut text = String::from(name);
        text.push('(');
        for (number, argument) in arguments.iter().enumerate() {
            text.push_str(if number > 0 { ", " } else { "" });
            traefik::literal(argument, &mut text);
        }
        text.push(')');
        Self {
            text,
            binds: Binds::Alone,
        }
    }

    /// All of them; `None` where there is none.
    pub(super) fn all(rules: impl IntoIterator<Item = Self>) -> Option<Self> {
        Self::joined(rules, Binds::And)
    }

    /// One of them; `None` where there is none.
    pub(super) fn any(rules: impl IntoIterator<Item = Self>) -> Option<Self> {
        Self::joined(rules, Binds::Or)
    }

    fn joined(rules: impl IntoIterator<Item = Self>, by: Binds) -> Option<Self> {
        let mut rules: Vec<Self> = rules.into_iter().collect();
        if rules.len() < 2 {
            return rules.pop();
        }
        let mut text = String::new();
        for (number, rule) in rules.iter().enumerate() {
            if number > 0 {
                text.push_str(if by == Binds::And { " && " } else { " || " });
            }
            if rule.binds == Binds::Alone || rule.binds == by {
                text.push_str(&rule.text);
            } else {
                // Writing to a String cannot fail.
                let _ = write!(text, "({})", rule.text);
            }
        }
        Some(Self { text, binds: by })
    }

    /// The opposite.
    pub(super) fn not(self) -> Self {
        let text = match self.binds {
            Binds::Alone => format!("!{}", self.text),
            Binds::And | Binds::Or => format!("!({})", self.text),
        };
        Self {
            text,
            binds: Binds::Alone,
        }
    }

    /// The rule as a scalar of the file.
    pub(super) fn tok(&self) -> Tok {
        traefik::word(&self.text)
    }
}

/// Every request.
pub(super) fn everything() -> Rule {
    Rule::call("PathPrefix", &["/"])
}

/// No request.
pub(super) fn nothing() -> Rule {
    let root = || Rule::call("Path", &["/"]);
    Rule {
        text: format!("{} && {}", root().text, root().not().text),
        binds: Binds::And,
    }
}

/// A host; `None` takes every host.
pub(super) fn host(host: &HostMatch) -> Option<Rule> {
    match host {
        HostMatch::Any => None,
        HostMatch::Exact(name) => Some(Rule::call("Host", &[name])),
        HostMatch::Wildcard(zone) => {
            // A host may end in a dot, which only `Host` leaves out.
            let pattern = format!("^.+[.]{}[.]?$", quoted(zone));
            Some(Rule::call("HostRegexp", &[&pattern]))
        }
        HostMatch::Regex(regex) => {
            let pattern = format!("^(?:{regex})[.]?$");
            Some(Rule::call("HostRegexp", &[&pattern]))
        }
    }
}

/// A path; `None` takes every path.
pub(super) fn path(path: &PathMatch) -> Option<Rule> {
    match path {
        PathMatch::Exact(path) => Some(Rule::call("Path", &[&decoded(path)])),
        PathMatch::Prefix(path) if path == "/" => None,
        PathMatch::Prefix(path) if path.ends_with('/') => {
            Some(Rule::call("PathPrefix", &[&decoded(path)]))
        }
        PathMatch::Prefix(path) => {
            let path = decoded(path);
            // `PathPrefix` alone would take `/wsx` for `/ws`.
            Rule::any([
                Rule::call("Path", &[&path]),
                Rule::call("PathPrefix", &[&format!("{path}/")]),
            ])
        }
        PathMatch::Regex(regex) => Some(Rule::call("PathRegexp", &[&whole(&decoded_regex(regex))])),
    }
}

/// One of these methods.
pub(super) fn methods(methods: &[String]) -> Option<Rule> {
    Rule::any(methods.iter().map(|it| Rule::call("Method", &[it])))
}

/// An upgrade to one of these tokens.
pub(super) fn upgrade(tokens: &[String]) -> Rule {
    let tokens: Vec<String> = tokens.iter().map(|it| quoted(it)).collect();
    let pattern = format!("(?i)^(?:{})$", tokens.join("|"));
    Rule::call("HeaderRegexp", &["Upgrade", &pattern])
}

/// A header that is there.
pub(super) fn present(header: &str) -> Rule {
    Rule::call("HeaderRegexp", &[header, ".*"])
}

/// A connection from one of these ranges.
pub(super) fn peers(ranges: &[ClientRange]) -> Option<Rule> {
    let ranges = ranges.iter();
    Rule::any(ranges.map(|range| Rule::call("ClientIP", &[&range.to_string()])))
}

/// A condition on a header.
pub(super) fn header(condition: &Condition) -> Rule {
    let name = condition.name.as_str();
    match &condition.value {
        ValueMatch::Exact(value) => Rule::call("Header", &[name, value]),
        ValueMatch::Regex(regex) => Rule::call("HeaderRegexp", &[name, &whole(regex)]),
        ValueMatch::Present(true) => present(name),
        ValueMatch::Present(false) => present(name).not(),
    }
}

/// A condition on a query parameter.
pub(super) fn query(condition: &Condition) -> Rule {
    let name = condition.name.as_str();
    // `Query` with a name alone takes an empty value only.
    let there = Rule::call("QueryRegexp", &[name, ".*"]);
    match &condition.value {
        ValueMatch::Exact(value) => Rule::call("Query", &[name, value]),
        ValueMatch::Regex(regex) => Rule::call("QueryRegexp", &[name, &whole(regex)]),
        ValueMatch::Present(true) => there,
        ValueMatch::Present(false) => there.not(),
    }
}

/// A regex of the spec, for the whole text.
pub(super) fn whole(regex: &str) -> String {
    match regex.contains('|') || regex.contains("(?") {
        true => format!("^(?:{regex})$"),
        false => format!("^{regex}$"),
    }
}

/// A pattern that matches this text and nothing else.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        match c {
            // A class is easier to read than a backslash.
            '.' => out.push_str("[.]"),
            c if "\\+*?()|[]{}^$".contains(c) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// A pattern that matches the decimal numbers above this one.
pub(super) fn above(number: u64) -> String {
    let digits = number.to_string();
    let mut patterns = vec![format!("[1-9][0-9]{{{},}}", digits.len())];
    for (at, digit) in digits.bytes().enumerate() {
        if digit < b'9' {
            let rest = digits.len() - at - 1;
            let higher = char::from(digit + 1);
            let rest = if rest > 0 {
                format!("[0-9]{{{rest}}}")
            } else {
                String::new()
            };
            patterns.push(format!("{}[{higher}-9]{rest}", &digits[..at]));
        }
    }
    format!("^0*(?:{})$", patterns.join("|"))
}

/// What Traefik leaves encoded in the path that it compares; all else it decodes.
const RESERVED: &[u8] = b"!#$%&'()*+,/:;=?@[]";

/// A path of the spec as Traefik compares it.
pub(super) fn decoded(path: &str) -> String {
    replace_encoded(path, str::to_owned)
}

/// The same in a regex, where a decoded sign must still be a literal.
fn decoded_regex(regex: &str) -> String {
    replace_encoded(regex, quoted)
}

fn replace_encoded(text: &str, write: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut bytes = Vec::new();
        while let Some(byte) = encoded_byte(rest.get(bytes.len() * 3..).unwrap_or_default())
            .filter(|byte| !RESERVED.contains(byte))
        {
            bytes.push(byte);
        }
        match std::str::from_utf8(&bytes) {
            Ok(plain) if !plain.is_empty() => {
                out.push_str(&write(plain));
                rest = &rest[bytes.len() * 3..];
            }
            _ => {
                out.push('%');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn encoded_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_stand_where_they_are_needed() {
        let rule = |name| Rule::call("Path", &[name]);
        let either = Rule::any([rule("a"), rule("b")]).expect("two rules");
        let both = Rule::all([either.clone(), rule("c")]).expect("two rules");
        assert_eq!(both.text, "(Path(`a`) || Path(`b`)) && Path(`c`)");
        assert_eq!(either.not().text, "!(Path(`a`) || Path(`b`))");
        assert_eq!(rule("a").not().text, "!Path(`a`)");
    }

    #[test]
    fn numbers_above_a_number_are_matched() {
        for number in [0, 7, 9, 10, 99, 1024, 1_048_576, 1_999_999] {
            let regex = regex::Regex::new(&above(number)).expect("a regex");
            let near = number.saturating_sub(30)..number + 30;
            for it in near.chain([number * 10, number * 100 + 3]) {
                assert_eq!(
                    regex.is_match(&it.to_string()),
                    it > number,
                    "{it} {number}"
                );
            }
        }
    }

    #[test]
    fn paths_are_decoded_as_traefik_does() {
        for (path, wanted) in [
            ("/a%20b", "/a b"),
            ("/a%2Fb", "/a%2Fb"),
            ("/caf%C3%A9", "/café"),
            ("/%C3x%", "/%C3x%"),
        ] {
            assert_eq!(decoded(path), wanted);
        }
    }
}
