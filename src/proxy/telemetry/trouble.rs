//! What is in the way while requests are served, told once when it begins and once when it is over.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::proxy::telemetry::output::Output;

/// Something that may go wrong again and again.
pub(crate) struct Trouble {
    what: String,
    is: AtomicBool,
}

impl Trouble {
    /// All is well so far with this.
    pub(crate) fn with(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            is: AtomicBool::new(false),
        }
    }

    /// It went wrong.
    pub(crate) fn begins(&self, output: &Output, why: &str) {
        if !self.is.swap(true, Relaxed) {
            output.say(&format!("warning: {}: {why}", self.what));
        }
    }

    /// It went well.
    pub(crate) fn ends(&self, output: &Output, how: &str) {
        // It costs nothing where all was well before.
        if self.is.load(Relaxed) && self.is.swap(false, Relaxed) {
            output.say(&format!("note: {}: {how}", self.what));
        }
    }
}
