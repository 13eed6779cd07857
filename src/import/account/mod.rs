//! What becomes of every directive of an original: each has exactly one fate, and whatever a reader forgets is lost.

mod human;
mod json;

use std::collections::BTreeMap;

use crate::diag::{Diag, Place, Report};
use crate::source::Span;

pub use human::{human, summary};
pub use json::json;

/// A directive of the original, in the order in which the reader met it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DirectiveId(u32);

/// What became of a directive; what is said later may make it worse, never better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fate {
    /// The spec says the same, or there is nothing that it would have to say.
    Kept,
    /// The spec says something close.
    Changed,
    /// The spec cannot say it.
    Lost,
    /// The program that the original is for knows no such directive.
    Unknown,
}

impl Fate {
    /// `kept`, `changed`, `lost` or `unknown`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Changed => "changed",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }
}

/// A directive and its fate.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands.
    pub at: Span,
    /// The directive on one line, without what stands in its braces.
    pub text: String,
    /// What became of it.
    pub fate: Fate,
    /// The paths of the spec that it is in now.
    pub into: Vec<String>,
    /// How it changed, why it is lost, or why nothing had to be said.
    pub says: Vec<String>,
    /// What a person can do.
    pub helps: Vec<String>,
    settled: bool,
}

/// What the spec says though the original does not, and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unsaid {
    /// What the program does by itself, and what the spec says.
    pub says: String,
    /// The paths of the spec; empty where the spec takes its own default.
    pub into: Vec<String>,
}

/// The account of an import.
#[derive(Clone, Debug, Default)]
pub struct Account {
    entries: Vec<Entry>,
    unsaid: BTreeMap<String, Vec<String>>,
    /// What is wrong with the original, at its lines, and what the spec does about it.
    pub remarks: Report,
}

impl Account {
    /// A directive that was met; until something is said of it, it is lost.
    pub fn add(&mut self, at: Span, text: impl Into<String>) -> DirectiveId {
        let id = DirectiveId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.push(Entry {
            at,
            text: text.into(),
            fate: Fate::Kept,
            into: Vec::new(),
            says: Vec::new(),
            helps: Vec::new(),
            settled: false,
        });
        id
    }

    /// The spec says the same at this path.
    pub fn kept(&mut self, id: DirectiveId, path: impl Into<String>) {
        self.settle(id, Fate::Kept, Some(path.into()), None);
    }

    /// Nothing had to be said in the spec, and this is why.
    pub fn moot(&mut self, id: DirectiveId, why: impl Into<String>) {
        self.settle(id, Fate::Kept, None, Some(why.into()));
    }

    /// The spec says something close at this path, and this is how it differs.
    pub fn changed(&mut self, id: DirectiveId, path: impl Into<String>, how: impl Into<String>) {
        self.settle(id, Fate::Changed, Some(path.into()), Some(how.into()));
    }

    /// The spec cannot say it, and this is why.
    pub fn lost(&mut self, id: DirectiveId, why: impl Into<String>) {
        self.settle(id, Fate::Lost, None, Some(why.into()));
    }

    /// The program knows no such directive; `meant` is one that it knows and that is spelt much like it.
    pub fn unknown(&mut self, id: DirectiveId, meant: Option<&str>) {
        let says = match meant {
            Some(meant) => format!("perhaps a typo of `{meant}`"),
            None => "no directive of this name is known".to_owned(),
        };
        self.settle(id, Fate::Unknown, None, Some(says));
    }

    /// What a person can do about what is lost or changed.
    pub fn help(&mut self, id: DirectiveId, help: impl Into<String>) {
        if let Some(entry) = self.entry(id) {
            push(&mut entry.helps, help.into());
        }
    }

    /// What the original leaves unsaid: what the program does by itself, and the path at which the spec says so; without a path the
    /// spec's own default holds.
    pub fn unsaid(&mut self, says: impl Into<String>, path: Option<String>) {
        let into = self.unsaid.entry(says.into()).or_default();
        if let Some(path) = path {
            push(into, path);
        }
    }

    /// Something is wrong with the original here; `instead` is what the spec does about it. The same again at another place is one
    /// remark with two labels.
    pub fn remark(
        &mut self,
        code: &str,
        at: Span,
        title: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let (title, instead) = (title.into(), instead.into());
        let same = |diag: &&mut Diag| diag.code == code && diag.title == title;
        if let Some(diag) = self.remarks.diags.iter_mut().find(same) {
            let known = diag
                .labels
                .iter()
                .any(|label| label.place == Place::Span(at));
            if !known {
                diag.also(at, "");
            }
            push(&mut diag.notes, instead);
        } else {
            self.remarks.warning(code, at).says(title).note(instead);
        }
    }

    /// Whether anything was said of a directive.
    pub fn is_settled(&self, id: DirectiveId) -> bool {
        self.entries
            .get(id.0 as usize)
            .is_some_and(|entry| entry.settled)
    }

    /// The directives, in the order in which they were met.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What the original leaves unsaid.
    pub fn unsaids(&self) -> impl Iterator<Item = Unsaid> {
        self.unsaid.iter().map(|(says, into)| Unsaid {
            says: says.clone(),
            into: into.clone(),
        })
    }

    /// How many directives have this fate.
    pub fn count(&self, fate: Fate) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.fate == fate)
            .count()
    }

    /// A setting has moved to another path of the spec.
    pub(super) fn moved(&mut self, from: &str, to: &str) {
        let lists = self
            .entries
            .iter_mut()
            .map(|entry| &mut entry.into)
            .chain(self.unsaid.values_mut());
        for list in lists {
            for path in list.iter_mut() {
                if let Some(rest) = path.strip_prefix(from)
                    && (rest.is_empty() || rest.starts_with('.'))
                {
                    *path = format!("{to}{rest}");
                }
            }
            let mut seen = Vec::new();
            list.retain(|path| {
                let new = !seen.contains(path);
                seen.push(path.clone());
                new
            });
        }
    }

    /// The directive that a path of the spec comes from, or the closest above it.
    pub(super) fn source_of(&self, path: &str) -> Option<Span> {
        let mut path = path;
        while !path.is_empty() {
            let writes = |into: &String| {
                into.strip_prefix(path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            let found = self
                .entries
                .iter()
                .find(|entry| entry.into.iter().any(writes));
            if let Some(entry) = found {
                return Some(entry.at);
            }
            path = path.rfind(['.', '[']).map_or("", |end| &path[..end]);
        }
        None
    }

    /// Nothing more will be said: what has no fate is lost.
    pub(super) fn close(&mut self) {
        for entry in &mut self.entries {
            if !entry.settled {
                entry.settled = true;
                entry.fate = Fate::Lost;
                entry.says.push("wsgen has no word for it".to_owned());
            }
        }
    }

    fn settle(&mut self, id: DirectiveId, fate: Fate, path: Option<String>, says: Option<String>) {
        let Some(entry) = self.entry(id) else {
            return;
        };
        entry.fate = entry.fate.max(fate);
        entry.settled = true;
        if let Some(path) = path {
            push(&mut entry.into, path);
        }
        if let Some(says) = says {
            push(&mut entry.says, says);
        }
    }

    fn entry(&mut self, id: DirectiveId) -> Option<&mut Entry> {
        self.entries.get_mut(id.0 as usize)
    }
}

fn push(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_lost_and_nothing_gets_better() {
        let mut account = Account::default();
        let kept = account.add(Span::default(), "a");
        let both = account.add(Span::default(), "b");
        let forgotten = account.add(Span::default(), "c");
        account.kept(kept, "routes.x.path");
        account.lost(both, "no word");
        account.kept(both, "routes.x.path");
        assert!(!account.is_settled(forgotten));
        account.close();
        let fates: Vec<_> = account.entries().iter().map(|entry| entry.fate).collect();
        assert_eq!(fates, [Fate::Kept, Fate::Lost, Fate::Lost]);
        assert_eq!(account.count(Fate::Lost), 2);
    }

    #[test]
    fn paths_move_and_lead_back() {
        let mut account = Account::default();
        let span = Span {
            start: 3,
            end: 5,
            ..Span::default()
        };
        let id = account.add(span, "a");
        account.kept(id, "routes.x.limits.body");
        account.kept(id, "routes.y.limits.body");
        account.moved("routes.x.limits.body", "defaults.route.limits.body");
        account.moved("routes.y.limits.body", "defaults.route.limits.body");
        assert_eq!(account.entries()[0].into, ["defaults.route.limits.body"]);
        assert_eq!(account.source_of("defaults.route.limits"), Some(span));
        assert_eq!(account.source_of("listeners.plain"), None);
    }
}
