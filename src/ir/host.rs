//! `HostMatch`: which hosts a route takes, and which host patterns lie inside which.

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Which hosts are taken. Names are in lower case, without port and trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostMatch {
    /// This host.
    Exact(String),
    /// One or more labels before this zone: `*.example.com` is `Wildcard("example.com")`.
    Wildcard(String),
    /// RE2 syntax, to be anchored at both ends.
    Regex(String),
    /// Every host, also none.
    Any,
}

impl HostMatch {
    /// The key to sort by: exact, wildcard (longest zone first), regex, any.
    pub const fn precedence(&self) -> (u8, Reverse<usize>) {
        match self {
            Self::Exact(_) => (0, Reverse(0)),
            Self::Wildcard(zone) => (1, Reverse(zone.len())),
            Self::Regex(_) => (2, Reverse(0)),
            Self::Any => (3, Reverse(0)),
        }
    }

    /// Whether the host is one or more labels below `zone`.
    pub fn is_below(host: &str, zone: &str) -> bool {
        host.strip_suffix(zone)
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
    }
}

impl fmt::Display for HostMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Wildcard(zone) => write!(f, "*.{zone}"),
            Self::Regex(regex) => write!(f, "~{regex}"),
            Self::Any => f.write_str("*"),
        }
    }
}
