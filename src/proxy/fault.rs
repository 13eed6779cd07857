//! What keeps a spec from being served on this machine: a port in use, a file that cannot be read, a key that does not fit; and what an error
//! says.

use std::error::Error;

use crate::diag::{Level, Report};
use crate::ir::Loc;

/// Something that is wrong, at its place in the spec.
#[derive(Debug)]
pub struct Fault {
    at: Loc,
    says: String,
    help: Option<String>,
}

impl Fault {
    /// What is wrong.
    pub(crate) fn new(at: Loc, says: impl Into<String>) -> Self {
        Self {
            at,
            says: says.into(),
            help: None,
        }
    }

    /// What to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What is wrong, and what to do about it: for a file whose places nobody knows.
    pub fn text(&self) -> String {
        match &self.help {
            Some(help) => format!("{}; {help}", self.says),
            None => self.says.clone(),
        }
    }

    /// Enters it as an error.
    pub fn tell(self, report: &mut Report) {
        self.enter(Level::Error, report);
    }

    /// Enters it as a warning: the spec is served all the same.
    pub fn warn(self, report: &mut Report) {
        self.enter(Level::Warning, report);
    }

    fn enter(self, level: Level, report: &mut Report) {
        let told = match level {
            Level::Error => report.error("proxy::start", self.at),
            _ => report.warning("proxy::start", self.at),
        };
        let told = told.says(self.says);
        if let Some(help) = self.help {
            told.help(help);
        }
    }
}

/// An error and what it comes from.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        // Some say what they come from themselves.
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}
