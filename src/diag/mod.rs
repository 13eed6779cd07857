//! Diagnostics: a fact, the places it concerns, what happens instead and what to write.

pub mod codes;
pub mod github;
pub mod human;
pub mod json;
pub mod junit;
pub mod sarif;
pub mod xml;

mod line_hash;
mod place;

pub use place::{Mark, Marks};

use crate::source::{Loc, Sources, Span};
use crate::spec::tree::Tree;

/// How much a diagnostic weighs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Level {
    /// Nothing is written.
    Error,
    /// Output is written, and differs from what was asked or is risky.
    Warning,
    /// Worth knowing.
    Note,
}

impl Level {
    /// `error`, `warning` or `note`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What a label underlines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The value of a node; a value of several lines is shown by its key.
    Value(Loc),
    /// The key under which a node stands; the node itself where it has none.
    Key(Loc),
    /// Exact bytes, also where no tree exists.
    Span(Span),
}

impl From<Loc> for Place {
    fn from(at: Loc) -> Self {
        Self::Value(at)
    }
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self::Span(span)
    }
}

/// A place and what is said about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// What is underlined.
    pub place: Place,
    /// May be empty: underlined without a word.
    pub text: String,
}

/// A replacement that would cure the fault, for editors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fix {
    /// What is replaced.
    pub place: Place,
    /// What it becomes, as YAML.
    pub text: String,
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diag {
    /// `yaml::…`, `spec::…`, `lint::…` or `<target>::<feature>`.
    pub code: String,
    /// Its weight.
    pub level: Level,
    /// The fact: lower case, no full stop.
    pub title: String,
    /// The first is the main place; there is always one.
    pub labels: Vec<Label>,
    /// What happens instead, a sentence each.
    pub notes: Vec<String>,
    /// What to write, a sentence each.
    pub helps: Vec<String>,
    /// Replacements that would cure it.
    pub fixes: Vec<Fix>,
}

/// The findings of a run, in the order in which they were made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Every finding; writers sort by file and position.
    pub diags: Vec<Diag>,
}

/// A report, and the spec that it speaks about.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The findings.
    pub report: &'a Report,
    /// What the texts say; without it only places that are spans are known.
    pub tree: Option<&'a Tree>,
    /// The texts.
    pub sources: &'a Sources,
}

impl Report {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an error; say its title with [`Diag::says`].
    pub fn error(&mut self, code: impl Into<String>, at: impl Into<Place>) -> &mut Diag {
        self.add(Level::Error, code, at)
    }

    /// Adds a warning; say its title with [`Diag::says`].
    pub fn warning(&mut self, code: impl Into<String>, at: impl Into<Place>) -> &mut Diag {
        self.add(Level::Warning, code, at)
    }

    /// Adds a note; say its title with [`Diag::says`].
    pub fn note(&mut self, code: impl Into<String>, at: impl Into<Place>) -> &mut Diag {
        self.add(Level::Note, code, at)
    }

    /// Adds a finding of a level that is known only at run time.
    pub fn add(
        &mut self,
        level: Level,
        code: impl Into<String>,
        at: impl Into<Place>,
    ) -> &mut Diag {
        let next = self.diags.len();
        self.diags.push(Diag {
            code: code.into(),
            level,
            title: String::new(),
            labels: vec![Label {
                place: at.into(),
                text: String::new(),
            }],
            notes: Vec::new(),
            helps: Vec::new(),
            fixes: Vec::new(),
        });
        &mut self.diags[next]
    }

    /// Is anything an error?
    pub fn has_errors(&self) -> bool {
        self.count(Level::Error) > 0
    }

    /// How many findings have this level.
    pub fn count(&self, level: Level) -> usize {
        self.diags.iter().filter(|diag| diag.level == level).count()
    }

    /// Appends another report's findings.
    pub fn extend(&mut self, other: Self) {
        self.diags.extend(other.diags);
    }

    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.diags.is_empty()
    }
}

impl Diag {
    /// The fact: lower case, no full stop.
    pub fn says(&mut self, title: impl Into<String>) -> &mut Self {
        self.title = title.into();
        self
    }

    /// The text at the main place.
    pub fn label(&mut self, text: impl Into<String>) -> &mut Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// One more place.
    pub fn also(&mut self, at: impl Into<Place>, text: impl Into<String>) -> &mut Self {
        self.labels.push(Label {
            place: at.into(),
            text: text.into(),
        });
        self
    }

    /// What happens instead.
    pub fn note(&mut self, text: impl Into<String>) -> &mut Self {
        self.notes.push(text.into());
        self
    }

    /// What to write.
    pub fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.helps.push(text.into());
        self
    }

    /// A replacement that would cure it, as YAML.
    pub fn fix(&mut self, at: impl Into<Place>, text: impl Into<String>) -> &mut Self {
        self.fixes.push(Fix {
            place: at.into(),
            text: text.into(),
        });
        self
    }
}

#[cfg(test)]
mod tests;
