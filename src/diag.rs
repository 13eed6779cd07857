//! Findings about a spec, and the report that collects them.

use crate::source::Loc;

/// Where a finding points.
#[derive(Debug)]
pub enum Place {
    /// The value of a node.
    Value(Loc),
}

impl From<Loc> for Place {
    fn from(at: Loc) -> Self {
        Self::Value(at)
    }
}

/// One finding.
#[derive(Debug)]
pub struct Diag {
    /// Its code, such as `nginx::unwritable`.
    pub code: String,
    /// The fact.
    pub title: String,
    /// What it points at.
    pub at: Place,
    /// What happens instead.
    pub notes: Vec<String>,
    /// What to write.
    pub helps: Vec<String>,
}

impl Diag {
    /// Sets the title.
    pub fn says(&mut self, title: impl Into<String>) -> &mut Self {
        self.title = title.into();
        self
    }
    /// Adds a note.
    pub fn note(&mut self, text: impl Into<String>) -> &mut Self {
        self.notes.push(text.into());
        self
    }
    /// Adds a help.
    pub fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.helps.push(text.into());
        self
    }
}

/// All findings of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// The findings, in the order of their discovery.
    pub diags: Vec<Diag>,
}

impl Report {
    /// Adds an error.
    pub fn error(&mut self, code: impl Into<String>, at: impl Into<Place>) -> &mut Diag {
        self.diags.push(Diag {
            code: code.into(),
            title: String::new(),
            at: at.into(),
            notes: Vec::new(),
            helps: Vec::new(),
        });
        self.diags.last_mut().expect("just pushed")
    }
}
