//! `PathMatch`: which paths a route takes.

use std::cmp::Reverse;
use std::fmt;

use serde::Serialize;

/// Which paths are taken. Literal paths are normalized: no dot segments, no `//`, unreserved characters decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
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
