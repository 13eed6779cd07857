//! What is wrong with a call, as opposed to a spec: a fact and what to do.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::Status;
use super::screen::Screen;

/// A call that cannot be done.
#[derive(Debug)]
pub(super) struct Fault {
    title: String,
    notes: Vec<String>,
    helps: Vec<String>,
    quiet: bool,
}

impl Fault {
    /// The fact: lower case, no full stop.
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            notes: Vec::new(),
            helps: Vec::new(),
            quiet: false,
        }
    }

    /// What happens instead.
    pub(super) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// What to write.
    pub(super) fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
        self
    }

    /// Standard output could not be written; silent when its reader has gone.
    pub(super) fn stdout(why: &io::Error) -> Self {
        Self {
            quiet: why.kind() == io::ErrorKind::BrokenPipe,
            ..Self::new(format!("standard output cannot be written: {}", words(why)))
        }
    }

    /// Says it on standard error.
    pub(super) fn tell(&self, screen: &Screen) -> Status {
        if self.quiet {
            return Status::Clean;
        }
        let (color, end) = if screen.colors_stderr() {
            ("\x1b[1;31m", "\x1b[0m")
        } else {
            ("", "")
        };
        let mut text = format!("{color}error{end}: {}\n", self.title);
        for (word, lines) in [("note", &self.notes), ("help", &self.helps)] {
            for line in lines {
                let _ = writeln!(text, "  {word}: {line}");
            }
        }
        let _ = io::stderr().write_all(text.as_bytes());
        Status::Wrong
    }
}

/// A system's reason without its number.
pub(super) fn words(why: &io::Error) -> String {
    let text = why.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

/// A path as it is shown: on one line, whatever its characters.
pub(super) fn shown(path: &std::path::Path) -> String {
    path.to_string_lossy()
        .chars()
        .flat_map(|c| -> Box<dyn Iterator<Item = char>> {
            if c.is_control() {
                Box::new(c.escape_default())
            } else {
                Box::new(std::iter::once(c))
            }
        })
        .collect()
}
