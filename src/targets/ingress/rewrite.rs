//! How HAProxy's controller is told another path: a pattern and what stands in its place, with white space between.

use crate::ir::{Capture, PathMatch, PathRewrite, Route};
use crate::targets::kubernetes::ranges;

/// The rule of a change; `None` where it cannot be written: the controller takes words apart at white space and has no quotes,
/// and HAProxy reads each word as one of its configuration.
pub(super) fn rule(route: &Route, change: &PathRewrite) -> Option<String> {
    let (pattern, to) = match change {
        PathRewrite::ReplacePrefix(new) if !new.trim_end_matches('/').is_empty() => (
            format!("^(?:{})(/.*)?$", prefixes(route)),
            format!("{}\\1", literal(new.trim_end_matches('/'))?),
        ),
        PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_) => (
            format!("^(?:{})(?:/+(.*))?$", prefixes(route)),
            "/\\1".to_owned(),
        ),
        PathRewrite::Path(new) => ("^.*$".to_owned(), literal(new)?),
        PathRewrite::Regex { matches, to } => {
            let pieces = to.iter().map(|it| match it {
                Capture::Text(text) => literal(text),
                // HAProxy reads one digit.
                Capture::Group(number) => (*number < 10).then(|| format!("\\{number}")),
            });
            (
                format!("^(?:{matches})$"),
                pieces.collect::<Option<String>>()?,
            )
        }
    };
    (is_word(&pattern) && !to.is_empty()).then(|| format!("{pattern} {to}"))
}

/// The route's own prefixes, the longest first. One pattern for all: of several rules each would change what another made.
fn prefixes(route: &Route) -> String {
    let literal = route.paths.iter().filter_map(|path| match &path.value {
        PathMatch::Prefix(text) | PathMatch::Exact(text) => Some(text.trim_end_matches('/')),
        PathMatch::Regex(_) => None,
    });
    let mut prefixes: Vec<&str> = literal.collect();
    prefixes.sort_by_key(|text| std::cmp::Reverse(text.len()));
    prefixes.dedup();
    let prefixes: Vec<String> = prefixes.iter().map(|it| ranges::quoted(it)).collect();
    prefixes.join("|")
}

/// A text that stands for itself in a format of HAProxy.
fn literal(text: &str) -> Option<String> {
    (is_word(text) && !text.contains('\\')).then(|| text.replace('%', "%%"))
}

/// Whether a text comes through as it is: HAProxy takes quotes, comments and some escapes out of a word.
fn is_word(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"\"'#".contains(c);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let escaped = c == '\\';
        if !plain(c)
            || escaped
                && !chars
                    .next()
                    .is_some_and(|it| plain(it) && it != '\\' && it != 'x')
        {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{is_word, literal};

    #[test]
    fn words_come_through_or_are_refused() {
        for good in [r"^(?:/a\.b|/a)(?:/+(.*))?$", r"^/\d+$", "/a%20b"] {
            assert!(is_word(good), "{good}");
        }
        for bad in [
            "/a b", "/a\tb", "/a\"b", "/a'b", r"/\#", "/#", r"/\\d", r"\x20", "a\\",
        ] {
            assert!(!is_word(bad), "{bad}");
        }
        assert_eq!(literal("/50%"), Some("/50%%".to_owned()));
        assert_eq!(literal(r"/\1"), None);
    }
}
