//! What changes between two gateways, in the words of the spec: settings, the order of routes, losses.

mod losses;
mod spoken;

use std::collections::BTreeMap;
use std::fmt;

use rustc_hash::FxHashMap as HashMap;
use serde::Serialize;
use serde_json::Value;

use crate::ir::Gateway;
use spoken::Thing;

pub use losses::{Loss, LossChange, losses, losses_between};

/// What a setting belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The gateway as a whole.
    Gateway,
    /// A listener.
    Listener,
    /// A certificate.
    Certificate,
    /// An upstream.
    Upstream,
    /// A way to know a client.
    Auth,
    /// A route.
    Route,
    /// A target's own settings.
    Target,
}

impl Kind {
    /// The word for one of them.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Listener => "listener",
            Self::Certificate => "certificate",
            Self::Upstream => "upstream",
            Self::Auth => "auth",
            Self::Route => "route",
            Self::Target => "target",
        }
    }
}

/// A thing that has settings: a route and its name, an upstream and its name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Subject {
    /// What it is.
    pub kind: Kind,
    /// Its name; empty for the gateway.
    pub name: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Gateway => f.write_str("gateway"),
            kind => write!(f, "{} `{}`", kind.word(), self.name),
        }
    }
}

/// One change of meaning.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Change {
    /// What changes.
    #[serde(flatten)]
    pub subject: Subject,
    /// How.
    #[serde(flatten)]
    pub what: What,
}

/// How a thing changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum What {
    /// It is new; what it is, in a few words.
    Added {
        /// Its settings, in a few words.
        is: String,
    },
    /// It is gone; what it was.
    Removed {
        /// Its settings, in a few words.
        was: String,
    },
    /// It has another name and is otherwise the same.
    Renamed {
        /// The name before.
        from: String,
    },
    /// A setting has another value.
    Setting {
        /// The path in the spec, below the thing's own: `websocket.idle`.
        field: String,
        /// The value before.
        old: String,
        /// The value now.
        new: String,
    },
    /// A list has other entries.
    List {
        /// The path in the spec, below the thing's own: `servers`.
        field: String,
        /// Entries that are gone.
        gone: Vec<String>,
        /// Entries that are new.
        new: Vec<String>,
        /// Whether the entries that stay have another order.
        reordered: bool,
    },
    /// Another entry of the table takes requests first.
    Before {
        /// The route that now comes later.
        other: String,
    },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { is } => write!(f, "new: {is}"),
            Self::Removed { was } => write!(f, "gone: {was}"),
            Self::Renamed { from } => write!(f, "renamed, it was `{from}`"),
            Self::Setting { field, old, new } => write!(f, "{field}: {old} → {new}"),
            Self::List {
                field,
                gone,
                new,
                reordered,
            } => {
                write!(f, "{field}:")?;
                for (sign, entries) in [("−", gone), ("+", new)] {
                    for entry in entries {
                        write!(f, " {sign}{entry}")?;
                    }
                }
                if *reordered {
                    f.write_str(" in another order")?;
                }
                Ok(())
            }
            Self::Before { other } => {
                write!(f, "asked before route `{other}` now, after it until now")
            }
        }
    }
}

/// What changes from one gateway to another, in the order of the spec. Empty where both mean the same.
pub fn between(old: &Gateway, new: &Gateway) -> Vec<Change> {
    let (before, after) = (spoken::things(old), spoken::things(new));
    let by_subject = |things: &'_ [Thing]| -> HashMap<Subject, usize> {
        let subjects = things.iter().map(|thing| thing.subject.clone());
        subjects.zip(0..).collect()
    };
    let (was, is) = (by_subject(&before), by_subject(&after));
    let key = |thing: &Thing| (thing.subject.kind, thing.value.to_string());
    // What is gone, by what it was: a thing of another name that is the same is renamed.
    let mut gone: BTreeMap<(Kind, String), Vec<usize>> = BTreeMap::new();
    for (at, thing) in before.iter().enumerate().rev() {
        if !is.contains_key(&thing.subject) {
            gone.entry(key(thing)).or_default().push(at);
        }
    }
    let mut changes = Vec::new();
    for thing in &after {
        let mut add = |what| {
            changes.push(Change {
                subject: thing.subject.clone(),
                what,
            });
        };
        if let Some(at) = was.get(&thing.subject) {
            let (old, new) = (&before[*at].value, &thing.value);
            settings("", Some(old), Some(new), &mut add);
        } else if let Some(from) = gone.get_mut(&key(thing)).and_then(Vec::pop) {
            add(What::Renamed {
                from: before[from].subject.name.clone(),
            });
        } else {
            add(What::Added {
                is: spoken::summary(thing.subject.kind, &thing.value),
            });
        }
    }
    let mut gone: Vec<usize> = gone.into_values().flatten().collect();
    gone.sort_unstable();
    changes.extend(gone.into_iter().map(|at| Change {
        subject: before[at].subject.clone(),
        what: What::Removed {
            was: spoken::summary(before[at].subject.kind, &before[at].value),
        },
    }));
    changes.extend(order(old, new));
    changes.sort_by_key(|change| change.subject.kind);
    changes
}

/// The settings below a path that differ.
fn settings(path: &str, old: Option<&Value>, new: Option<&Value>, add: &mut dyn FnMut(What)) {
    let there = |value: Option<&Value>| value.filter(|it| !it.is_null()).cloned();
    let (old, new) = (there(old), there(new));
    if old == new {
        return;
    }
    match (&old, &new) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let names = before.keys().chain(
                after
                    .keys()
                    .filter(|name| !before.contains_key(name.as_str())),
            );
            for name in names {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                settings(&path, before.get(name), after.get(name), add);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            let words = |list: &[Value]| list.iter().map(spoken::word).collect::<Vec<_>>();
            let (before, after) = (words(before), words(after));
            let without = |list: &[String], other: &[String]| {
                let kept = list.iter().filter(|it| !other.contains(it));
                kept.cloned().collect::<Vec<_>>()
            };
            let stay = |list: &[String], other: &[String]| {
                let kept = list.iter().filter(|it| other.contains(it));
                kept.cloned().collect::<Vec<_>>()
            };
            add(What::List {
                field: path.to_owned(),
                gone: without(&before, &after),
                new: without(&after, &before),
                reordered: stay(&before, &after) != stay(&after, &before),
            });
        }
        (old, new) => {
            let word = |value: &Option<Value>| value.as_ref().map(spoken::word);
            let none = |other: &Option<Value>| match other {
                Some(Value::Object(_)) => "off",
                _ => "none",
            };
            add(What::Setting {
                field: path.to_owned(),
                old: word(old).unwrap_or_else(|| none(new).to_owned()),
                new: word(new).unwrap_or_else(|| none(old).to_owned()),
            });
        }
    }
}

/// Routes that now come before others which came before them: only where one may take the other's requests, on the same host.
fn order(old: &Gateway, new: &Gateway) -> Vec<Change> {
    let mut was: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let key = |gateway: &Gateway, entry: crate::ir::Entry| {
        (
            gateway.route(entry.route).name.clone(),
            entry.host(gateway).to_string(),
            entry.path(gateway).to_string(),
        )
    };
    for (at, entry) in old.table.iter().enumerate() {
        was.insert(key(old, *entry), at);
    }
    // By host: the entries in the new order, with the place that they had.
    let mut hosts: BTreeMap<String, Vec<(String, usize)>> = BTreeMap::new();
    for entry in &new.table {
        let key = key(new, *entry);
        if let Some(at) = was.get(&key) {
            hosts.entry(key.1).or_default().push((key.0, *at));
        }
    }
    let mut changes: Vec<Change> = Vec::new();
    for entries in hosts.values() {
        for pair in entries.windows(2) {
            let ((first, at), (second, before)) = (&pair[0], &pair[1]);
            if first == second || at < before {
                continue;
            }
            let change = Change {
                subject: Subject {
                    kind: Kind::Route,
                    name: first.clone(),
                },
                what: What::Before {
                    other: second.clone(),
                },
            };
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
    }
    changes
}
