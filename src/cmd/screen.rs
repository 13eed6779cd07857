//! What is known of the terminal: whether to colour, and how wide to write.

use std::io::{IsTerminal, stderr, stdout};

use super::args::Color;

/// How the two streams are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    choice: Color,
}

impl Screen {
    pub(super) const fn new(choice: Color) -> Self {
        Self { choice }
    }

    /// Whether standard output is coloured.
    pub(super) fn colors_stdout(self) -> bool {
        self.colors(|| stdout().is_terminal())
    }

    /// Whether standard error is coloured.
    pub(super) fn colors_stderr(self) -> bool {
        self.colors(|| stderr().is_terminal())
    }

    /// Columns of the terminal; 100 where there is none.
    pub(super) fn width(self) -> usize {
        std::env::var("COLUMNS")
            .ok()
            .and_then(|columns| columns.parse().ok())
            .or_else(|| {
                terminal_size::terminal_size_of(stderr()).map(|(width, _)| usize::from(width.0))
            })
            .unwrap_or(100)
    }

    /// The flag, then `NO_COLOR` (no-color.org), then `CLICOLOR_FORCE` (bixense.com/clicolors), then the terminal.
    fn colors(self, is_terminal: impl FnOnce() -> bool) -> bool {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        match self.choice {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("NO_COLOR").is_some() => false,
            Color::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            Color::Auto => {
                is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}
