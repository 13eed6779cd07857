//! `PathMatch`: which paths a route takes.

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Which paths are taken. Literal paths are normalized: no dot segments, no `//`, unreserved characters decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathMatch {
    /// This path and nothing else.
    Exact(String),
    /// Segment-wise: `/ws` takes `/ws`, `/ws/` and `/ws/x`; `/ws/` takes `/ws/` and below; `/` takes all.
    Prefix(String),
    /// RE2 syntax, to be anchored at both ends.
    Regex(String),
}

impl PathMatch {
    /// The key to sort by: exact, regex, prefix (longest first).
    pub const fn precedence(&self) -> (u8, Reverse<usize>) {
        match self {
            Self::Exact(_) => (0, Reverse(0)),
            Self::Regex(_) => (1, Reverse(0)),
            Self::Prefix(path) => (2, Reverse(path.len())),
        }
    }

    /// Whether a literal, normalized path is taken. A regex is never: it has to be compiled first.
    pub fn takes_literal(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == path,
            Self::Prefix(prefix) => Self::is_prefix(prefix, path),
            Self::Regex(_) => false,
        }
    }

    /// Whether `prefix` is a segment-wise prefix of `path`.
    pub fn is_prefix(prefix: &str, path: &str) -> bool {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
    }
}

impl fmt::Display for PathMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(f, "={path}"),
            Self::Prefix(path) => f.write_str(path),
            Self::Regex(regex) => write!(f, "~{regex}"),
        }
    }
}

/// A path as requests are matched: dot segments resolved, `//` merged, unreserved characters decoded, other bytes encoded in upper case.
/// `None` if it does not start with `/`, a `%` lacks its digits, or a control character is in it.
pub fn normalize(path: &str) -> Option<String> {
    let mut decoded = String::with_capacity(path.len());
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return None;
    }
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let (value, encoded, width) = if byte == b'%' {
            let digits = path.get(at + 1..at + 3)?;
            if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            (u8::from_str_radix(digits, 16).ok()?, true, 3)
        } else if byte.is_ascii_control() {
            return None;
        } else {
            (byte, false, 1)
        };
        let unreserved = value.is_ascii_alphanumeric() || b"-._~".contains(&value);
        if unreserved || !encoded && (b"!$&'()*+,;=:@/".contains(&value)) {
            decoded.push(char::from(value));
        } else {
            decoded.push_str(&format!("%{value:02X}"));
        }
        at += width;
    }
    let mut segments: Vec<&str> = Vec::new();
    let mut parts = decoded.split('/').skip(1).peekable();
    let mut slash = false;
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "" | "." => slash = true,
            ".." => {
                segments.pop();
                slash = true;
            }
            segment => {
                segments.push(segment);
                slash = !last;
            }
        }
    }
    let mut normal = String::with_capacity(decoded.len());
    for segment in &segments {
        normal.push('/');
        normal.push_str(segment);
    }
    if slash || segments.is_empty() {
        normal.push('/');
    }
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn paths_are_matched_in_one_form() {
        for (path, normal) in [
            ("/", "/"),
            ("/ws", "/ws"),
            ("/ws/", "/ws/"),
            ("/%77s", "/ws"),
            ("//ws", "/ws"),
            ("/ws//", "/ws/"),
            ("/a/../ws", "/ws"),
            ("/ws/..", "/"),
            ("/ws/../admin", "/admin"),
            ("/../../x", "/x"),
            ("/./a/.", "/a/"),
            ("/ws%2Fx", "/ws%2Fx"),
            ("/ws%2fx", "/ws%2Fx"),
            ("/%2e%2e/x", "/x"),
            ("/a b", "/a%20b"),
            ("/café", "/caf%C3%A9"),
            ("/a;b=c@d", "/a;b=c@d"),
            ("/%3Bx", "/%3Bx"),
        ] {
            assert_eq!(normalize(path).as_deref(), Some(normal), "{path}");
        }
        for bad in ["", "ws", "/%", "/%2", "/%zz", "/a\nb"] {
            assert_eq!(normalize(bad), None, "{bad}");
        }
    }
}
