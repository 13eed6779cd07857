//! Which requests an entry takes: path, and the conditions of `when`.

use super::access;
use super::doc::{self, at, exactly, header, present, regex, text};
use crate::emit::{Map, Node};
use crate::ir::{Condition, Gateway, HostMatch, PathMatch, Route, SiteEntry, ValueMatch};

/// What an entry asks for, before further conditions of its own are added.
#[derive(Clone)]
pub(super) struct Taken {
    path: Map,
    headers: Vec<Node>,
    query: Vec<Node>,
}

impl Taken {
    /// What an entry of a site asks for.
    pub(super) fn new(g: &Gateway, it: &SiteEntry, closed: bool) -> Self {
        let route = g.route(it.entry.route);
        let from = &route.paths[it.entry.path as usize];
        let mut taken = Self {
            path: path(&from.value),
            headers: Vec::new(),
            query: Vec::new(),
        };
        if it.check_host
            && let HostMatch::Regex(host) = it.entry.host(g)
        {
            let matcher = regex(&format!("(?i:(?:{host}))\\.?(?::[0-9]+)?"));
            taken.headers.push(header(":authority", matcher).into());
        }
        taken.when(route, closed);
        taken
    }

    /// Every request.
    pub(super) fn all() -> Self {
        Self {
            path: Map::new().put("prefix", Node::word("/")),
            headers: Vec::new(),
            query: Vec::new(),
        }
    }

    /// Only requests with this header condition too.
    #[must_use]
    pub(super) fn and(mut self, header: impl Into<Node>) -> Self {
        self.headers.push(header.into());
        self
    }

    /// Only these methods, or all but these.
    #[must_use]
    pub(super) fn methods(self, methods: &[String], wanted: bool) -> Self {
        let condition = match methods {
            [one] => header(":method", exactly(one)),
            more => {
                let quoted: Vec<String> = more.iter().map(|it| escaped(it)).collect();
                header(":method", regex(&quoted.join("|")))
            }
        };
        let condition = match wanted {
            true => condition,
            false => condition.put("invert_match", Node::flag(true)),
        };
        self.and(condition)
    }

    /// The condition as Envoy has it.
    pub(super) fn map(self) -> Map {
        let mut map = self.path;
        if !self.headers.is_empty() {
            map = map.put("headers", Node::list(self.headers));
        }
        if !self.query.is_empty() {
            map = map.put("query_parameters", Node::list(self.query));
        }
        map
    }

    fn when(&mut self, route: &Route, closed: bool) {
        let when = &route.when;
        if let Some(methods) = &when.methods {
            *self = self.clone().methods(&methods.value, true);
        }
        for it in &when.headers {
            let condition = on_header(&it.value);
            self.headers.push(at(condition, it.loc()));
            if let ValueMatch::Exact(value) = &it.value.value {
                // Envoy asks each line of a header alone: none may say anything else.
                let other = header(&it.value.name, regex(&complement(&[value])));
                let none = other.put("invert_match", Node::flag(true));
                self.headers.push(at(none, it.loc()));
            }
        }
        for it in &when.query {
            match on_query(&it.value) {
                Asked::Target(header) => self.headers.push(at(header, it.loc())),
                Asked::Parameter(map) => self.query.push(at(map, it.loc())),
            }
        }
        // A closed route is closed to everybody: whom it would have taken is not known.
        if let Some(clients) = when.clients.as_ref().filter(|_| !closed) {
            self.headers
                .push(at(access::from(&clients.value), clients.loc()));
        }
        if let Some(upgrade) = &when.upgrade {
            let condition = upgrade_to(&["websocket".to_owned()]);
            let condition = match upgrade.value {
                true => condition,
                false => condition
                    .put("treat_missing_header_as_empty", Node::flag(true))
                    .put("invert_match", Node::flag(true)),
            };
            self.headers.push(at(condition, upgrade.loc()));
        }
    }
}

fn path(path: &PathMatch) -> Map {
    match path {
        PathMatch::Exact(path) => Map::new().put("path", text(path)),
        PathMatch::Prefix(path) if path.ends_with('/') => Map::new().put("prefix", text(path)),
        PathMatch::Prefix(path) => Map::new().put("path_separated_prefix", text(path)),
        PathMatch::Regex(path) => regex(path),
    }
}

fn on_header(it: &Condition) -> Map {
    match &it.value {
        ValueMatch::Exact(value) => header(&it.name, exactly(value)),
        ValueMatch::Regex(value) => header(&it.name, regex(value)),
        ValueMatch::Present(there) => present(&it.name, *there),
    }
}

/// Where a query parameter is asked for.
enum Asked {
    /// In the whole target, where it may stand encoded.
    Target(Map),
    /// By Envoy's own word, which reads it as it was sent.
    Parameter(Map),
}

fn on_query(it: &Condition) -> Asked {
    let name = encoded(&it.name);
    let target = |rest: &str| {
        // The first parameter of the name is the one that counts.
        let others = another(it.name.as_bytes());
        let pattern = format!("[^?]*\\?(?:{others}(?:=[^&]*)?&)*{name}{rest}");
        header(":path", regex(&pattern))
    };
    match &it.value {
        ValueMatch::Exact(value) if value.is_empty() => Asked::Target(target("=?(?:&.*)?")),
        ValueMatch::Exact(value) => Asked::Target(target(&format!("={}(?:&.*)?", encoded(value)))),
        ValueMatch::Regex(value) => Asked::Parameter(
            Map::new()
                .put("name", text(&it.name))
                .put("string_match", regex(value)),
        ),
        ValueMatch::Present(there) => {
            let condition = target("(?:[=&].*)?");
            Asked::Target(match there {
                true => condition,
                false => condition.put("invert_match", Node::flag(true)),
            })
        }
    }
}

/// A regex for a text as it may stand in a query.
fn encoded(text: &str) -> String {
    let mut regex = String::with_capacity(text.len() * 8);
    for byte in text.bytes() {
        let digits: String = format!("{byte:02X}")
            .chars()
            .map(|c| match c {
                'A'..='F' => format!("[{c}{}]", c.to_ascii_lowercase()),
                c => c.to_string(),
            })
            .collect();
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            // Envoy decodes what needs no encoding in paths only.
            regex.push_str(&format!(
                "(?:{}|%{digits})",
                escaped(&char::from(byte).to_string())
            ));
        } else if byte == b' ' {
            regex.push_str("(?:\\+|%20)");
        } else if b"&=#+%?".contains(&byte) || !byte.is_ascii_graphic() {
            regex.push_str(&format!("%{digits}"));
        } else {
            regex.push_str(&format!(
                "(?:{}|%{digits})",
                escaped(&char::from(byte).to_string())
            ));
        }
    }
    regex
}

/// Takes every name of a query parameter but this one, however it is encoded.
fn another(name: &[u8]) -> String {
    let Some((first, rest)) = name.split_first() else {
        return "[^&=]+".to_owned();
    };
    let digits: Vec<String> = format!("{first:02X}")
        .chars()
        .map(|c| match c {
            'A'..='F' => format!("{c}{}", c.to_ascii_lowercase()),
            c => c.to_string(),
        })
        .collect();
    let (one, two) = (&digits[0], &digits[1]);
    let bare = quoted(match first {
        b' ' => '+',
        other => char::from(*other),
    });
    let rest = another(rest);
    format!(
        "(?:[^{bare}%&=][^&=]*|%(?:[^{one}&=][^&=]*|[{one}](?:[^{two}&=][^&=]*)?)?|(?:{bare}|%[{one}][{two}]){rest})?"
    )
}

/// Takes what is none of `tokens`, for RE2 has no way to say `not`: each is followed letter by letter, and left where the
/// text goes another way.
pub(super) fn complement(tokens: &[&str]) -> String {
    let ends = tokens.contains(&"");
    let mut letters: Vec<char> = tokens.iter().filter_map(|it| it.chars().next()).collect();
    letters.sort_unstable();
    letters.dedup();
    if letters.is_empty() {
        // Every longer text is another one.
        return if ends {
            ".+".to_owned()
        } else {
            ".*".to_owned()
        };
    }
    let class: String = letters.iter().map(|it| quoted(*it)).collect();
    let mut ways = vec![format!("[^{class}].*")];
    for letter in &letters {
        let rest: Vec<&str> = tokens
            .iter()
            .filter_map(|it| it.strip_prefix(*letter))
            .collect();
        ways.push(format!("{}{}", quoted(*letter), complement(&rest)));
    }
    let all = ways.join("|");
    if ends {
        format!("(?:{all})")
    } else {
        format!("(?:{all})?")
    }
}

fn quoted(letter: char) -> String {
    if letter.is_ascii_alphanumeric() {
        letter.to_string()
    } else {
        format!("\\x{{{:X}}}", letter as u32)
    }
}

/// A request that asks for one of these upgrades.
pub(super) fn upgrade_to(tokens: &[String]) -> Map {
    match tokens {
        [one] => header(
            "upgrade",
            doc::exactly(one).put("ignore_case", Node::flag(true)),
        ),
        more => {
            let quoted: Vec<String> = more.iter().map(|it| escaped(it)).collect();
            header("upgrade", regex(&format!("(?i:{})", quoted.join("|"))))
        }
    }
}

/// A text as a regex that matches it alone.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if "\\.+*?()|[]{}^$#-&~ /".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{another, complement, encoded};

    fn takes(regex: &str, text: &str) -> bool {
        let regex = regex::Regex::new(&format!("^(?:{regex})$"));
        regex.expect("a regex").is_match(text)
    }

    #[test]
    fn every_text_but_the_tokens_is_taken() {
        let regex = complement(&["websocket", "web", "x-chat"]);
        for token in ["websocket", "web", "x-chat"] {
            assert!(!takes(&regex, token), "{token}");
        }
        for other in [
            "",
            "w",
            "we",
            "webs",
            "websockets",
            "h2c",
            "x-cha",
            "x-chats",
            "xweb",
        ] {
            assert!(takes(&regex, other), "{other}");
        }
    }

    #[test]
    fn every_name_but_one_is_taken_however_it_is_encoded() {
        let regex = another(b"a[1] k");
        for same in ["a[1]+k", "a%5B1%5d%20k", "%61[1]+%6B"] {
            assert!(!takes(&regex, same), "{same}");
            assert!(takes(&encoded("a[1] k"), same), "{same}");
        }
        for other in [
            "", "a", "a[1]", "a[1]+kk", "a%5C1]+k", "b", "%", "%6", "%62[1]+k", "a%",
        ] {
            assert!(takes(&regex, other), "{other}");
            assert!(!takes(&encoded("a[1] k"), other), "{other}");
        }
        assert!(!takes(&regex, "b&c") && !takes(&regex, "b=c"));
    }
}
