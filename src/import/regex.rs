//! A regex that a program searches for, as the language has it: anchored at both ends.

/// A segment's end, as people write it, and what stands for it: what is below it, or nothing; groups keep their numbers.
const ENDS: &[(&str, &str)] = &[
    ("(?:$|/)", "(?:/.*)?"),
    ("(?:/|$)", "(?:/.*)?"),
    (r"(?:/|\z)", "(?:/.*)?"),
    (r"(?:\z|/)", "(?:/.*)?"),
    ("(/|$)", "(?:(/).*)?"),
    ("($|/)", "(?:(/).*)?"),
];

/// A regex that may match anywhere, as one that is anchored at both ends; `path` where it is one over a path.
pub(super) fn anchored(regex: &str, path: bool) -> String {
    let branches = branches(regex);
    let [one] = branches.as_slice() else {
        // `^` and `$` belong to the branch that has them, and no place inside of a regex has them in the language.
        let tied = |it: &str| start(it).is_some() || end(it).is_some();
        if !branches.iter().any(|it| tied(it)) {
            return format!(".*(?:{regex}).*");
        }
        let branches: Vec<String> = branches.iter().map(|it| branch(it, path)).collect();
        return format!("(?:{})", branches.join("|"));
    };
    branch(one, path)
}

fn branch(regex: &str, path: bool) -> String {
    // A path begins with a slash, so what is before the match is nothing or begins with one.
    let before = match (path, regex.starts_with('/')) {
        _ if regex.starts_with(".*") => "",
        (true, true) => "(?:/.*)?",
        (true, false) => "/.*",
        (false, _) => ".*",
    };
    let text = start(regex).map_or_else(|| format!("{before}{regex}"), str::to_owned);
    if let Some(text) = end(&text) {
        return text;
    }
    let body = text.strip_suffix(')').unwrap_or(&text);
    match body.strip_suffix(".*") {
        Some(body) if !escapes(body) => text,
        _ => format!("{text}.*"),
    }
}

/// What stands behind the sign for the beginning.
fn start(regex: &str) -> Option<&str> {
    regex
        .strip_prefix('^')
        .or_else(|| regex.strip_prefix(r"\A"))
}

/// The regex without the sign for the end.
fn end(regex: &str) -> Option<String> {
    let whole = |body: &&str| !escapes(body);
    for (end, instead) in ENDS {
        if let Some(body) = regex.strip_suffix(end).filter(whole) {
            return Some(format!("{body}{instead}"));
        }
    }
    let body = regex
        .strip_suffix(r"\z")
        .or_else(|| regex.strip_suffix('$'))?;
    Some(body).filter(whole).map(str::to_owned)
}

/// Whether what follows is taken its meaning.
fn escapes(body: &str) -> bool {
    (body.len() - body.trim_end_matches('\\').len()) % 2 == 1
}

/// What a `|` outside of groups and classes separates.
fn branches(regex: &str) -> Vec<&str> {
    let (mut depth, mut class, mut escaped, mut from) = (0_i32, None, false, 0);
    let mut branches = Vec::new();
    for (at, c) in regex.char_indices() {
        match (c, class) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            // The first sign of a class is one of its members, a bracket too.
            (']', Some(open)) if !matches!(&regex[open..at], "[" | "[^") => class = None,
            (_, Some(_)) => {}
            ('[', None) => class = Some(at),
            ('(', None) => depth += 1,
            (')', None) => depth -= 1,
            ('|', None) if depth == 0 => {
                branches.push(&regex[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    branches.push(&regex[from..]);
    branches
}

#[cfg(test)]
mod tests {
    use super::anchored;

    #[test]
    fn a_search_is_a_match_of_the_whole() {
        for (regex, path, whole) in [
            ("^/a/", true, "/a/.*"),
            (r"\.php$", true, r"/.*\.php"),
            ("^/(a|b)$", true, "/(a|b)"),
            ("/a$", true, "(?:/.*)?/a"),
            ("/a|b", true, ".*(?:/a|b).*"),
            ("^/x(.*)", true, "/x(.*)"),
            (r"\.php(?:$|/)", true, r"/.*\.php(?:/.*)?"),
            ("^/x(/|$)", true, "/x(?:(/).*)?"),
            ("/ws|/socket.io", false, ".*(?:/ws|/socket.io).*"),
            ("^/(a|b)/|/c$", false, "(?:/(a|b)/.*|.*/c)"),
            ("^/a|/b", true, "(?:/a.*|(?:/.*)?/b.*)"),
            (r"^a\$", false, r"a\$.*"),
            (r"^a\\$", false, r"a\\"),
            (r"^a\.*", false, r"a\.*.*"),
            ("^[]|]$", false, "[]|]"),
            (r"^a\|b$", false, r"a\|b"),
            (r"\Aa\z", false, "a"),
        ] {
            assert_eq!(anchored(regex, path), whole, "{regex}");
        }
    }
}
