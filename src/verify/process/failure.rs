//! Why a program does not serve, in its own words.

use std::error::Error;
use std::fmt;
use std::io;

use crate::verify::programs::{Complaint, Found};

/// A program that did not take a file: at its check, its start or a reload.
#[derive(Clone, Debug)]
pub struct StartFailure {
    /// What it did not do: a sentence without its full stop.
    pub what: String,
    /// All that the program said; empty where it was not even started.
    pub log: String,
    /// What it complained of, with lines of its main file where it named them.
    pub complaints: Vec<Complaint>,
}

impl StartFailure {
    /// Whether somebody else has taken a port of the file: then it may start on other ports.
    pub fn is_port_clash(&self) -> bool {
        // As glibc and as musl put it, with a capital letter or without.
        let words = ["address already in use", "address in use"];
        let log = self.log.to_ascii_lowercase();
        words.iter().any(|words| log.contains(words))
    }

    pub(super) fn early(found: &Found, why: &io::Error) -> Self {
        Self {
            what: format!("{} was not started: {why}", found.name()),
            log: String::new(),
            complaints: Vec::new(),
        }
    }
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.log.is_empty() {
            write!(f, "; it says:\n{}", self.log.trim_end())?;
        }
        Ok(())
    }
}

impl Error for StartFailure {}
