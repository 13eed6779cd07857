//! What putting changed files into force does to connections that are open.

use serde::Serialize;

use crate::ir::{Dur, Gateway};

/// A change of a target's files.
#[derive(Clone, Copy, Debug)]
pub struct Changed<'a> {
    /// The gateway whose files are in force.
    pub old: &'a Gateway,
    /// The gateway whose files come into force.
    pub new: &'a Gateway,
    /// The names of the files that differ.
    pub files: &'a [&'a str],
}

impl Changed<'_> {
    /// The drain time that is in force when the change comes.
    pub fn drain(&self) -> Dur {
        self.old.runtime.drain_timeout.value
    }
}

/// What becomes of connections that are open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Rollout {
    /// In one word.
    pub open: Open,
    /// A sentence without capital and full stop: how it comes into force, and what happens then.
    pub says: String,
}

/// What becomes of open connections, in one word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Open {
    /// They live on.
    Kept,
    /// They live on for the drain time, under the old routes.
    Drained,
    /// They end: the program is started anew.
    Cut,
}

impl Open {
    /// The word that people read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Drained => "drained",
            Self::Cut => "cut",
        }
    }
}

/// They live on.
pub fn kept(says: impl Into<String>) -> Rollout {
    rollout(Open::Kept, says)
}

/// They live on for a while.
pub fn drained(says: impl Into<String>) -> Rollout {
    rollout(Open::Drained, says)
}

/// They end.
pub fn cut(says: impl Into<String>) -> Rollout {
    rollout(Open::Cut, says)
}

fn rollout(open: Open, says: impl Into<String>) -> Rollout {
    Rollout {
        open,
        says: says.into(),
    }
}

/// Ports that nobody listens on any more, and ports that are new: `address:port`, in order.
pub fn ports(old: &Gateway, new: &Gateway) -> (Vec<String>, Vec<String>) {
    let bound = |gateway: &Gateway| {
        let ports = gateway.listeners.iter().map(|it| match it.address.value {
            Some(ip @ std::net::IpAddr::V6(_)) => format!("[{ip}]:{}", it.port.value),
            Some(ip) => format!("{ip}:{}", it.port.value),
            None => format!(":{}", it.port.value),
        });
        ports.collect::<Vec<_>>()
    };
    let (old, new) = (bound(old), bound(new));
    let without = |list: &[String], other: &[String]| {
        let rest = list.iter().filter(|it| !other.contains(it));
        rest.cloned().collect::<Vec<_>>()
    };
    (without(&old, &new), without(&new, &old))
}
