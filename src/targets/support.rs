//! `Support`: what a target does with a feature, and the note that says what happens instead.

use std::borrow::Cow;

use super::Env;
use crate::ir::Use;

/// What a target does with a feature.
#[derive(Clone, Debug)]
pub enum Support {
    /// As the contract says.
    Exact,
    /// Rendered; the note says what the target does instead.
    Approx(Note),
    /// Not rendered; the note says what happens then.
    Unsupported(Note),
    /// It depends on the value, the version or the rest of the gateway.
    Depends {
        /// What it depends on, as the matrix prints it.
        on: &'static str,
        /// Decides for a use; never answers `Depends` again.
        decide: fn(&Use<'_>, &Env<'_>) -> Support,
    },
}

/// What happens instead, and how we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// A sentence without capital and full stop: what the target does instead.
    pub instead: Cow<'static, str>,
    /// How we know.
    pub seen: Seen,
    /// What to write instead, if there is something.
    pub help: Option<Cow<'static, str>>,
    /// Whether requests of the route, or to the listener, get an answer that is not its own: of another route, of nobody, or to
    /// another path. Then nothing else that is promised of it can be kept.
    pub elsewhere: bool,
    /// Whether a client can then say of itself what the server takes for the gateway's word: accepted, it stays a warning.
    pub forged: bool,
}

/// How a claim is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Seen on this program and version.
    On(&'static str),
    /// The program's documentation says so.
    Docs(&'static str),
    /// Not verified.
    Unverified,
}

/// What becomes of one use, where it is not exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Rendered; the note says what differs.
    Approximated(Note),
    /// Not rendered; the note says what happens then.
    Unsupported(Note),
}

impl Verdict {
    /// The note.
    pub const fn note(&self) -> &Note {
        match self {
            Self::Approximated(note) | Self::Unsupported(note) => note,
        }
    }

    /// Whether nothing is rendered.
    pub const fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported(_))
    }
}

impl Note {
    /// A note that was not verified yet.
    pub fn new(instead: impl Into<Cow<'static, str>>) -> Self {
        Self {
            instead: instead.into(),
            seen: Seen::Unverified,
            help: None,
            elsewhere: false,
            forged: false,
        }
    }
}

/// As the contract says.
pub const fn exact() -> Support {
    Support::Exact
}

/// Rendered; `instead` says what the target does instead.
pub fn approx(instead: impl Into<Cow<'static, str>>) -> Support {
    Support::Approx(Note::new(instead))
}

/// Not rendered; `instead` says what happens then.
pub fn unsupported(instead: impl Into<Cow<'static, str>>) -> Support {
    Support::Unsupported(Note::new(instead))
}

/// It depends; `on` is what the matrix prints.
pub const fn depends(on: &'static str, decide: fn(&Use<'_>, &Env<'_>) -> Support) -> Support {
    Support::Depends { on, decide }
}

impl Support {
    /// Adds how the claim is known.
    #[must_use]
    pub fn seen(mut self, seen: Seen) -> Self {
        if let Self::Approx(note) | Self::Unsupported(note) = &mut self {
            note.seen = seen;
        }
        self
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        if let Self::Approx(note) | Self::Unsupported(note) = &mut self {
            note.help = Some(help.into());
        }
        self
    }

    /// Adds that requests get an answer that is not the route's or the listener's own.
    #[must_use]
    pub fn elsewhere(mut self) -> Self {
        if let Self::Approx(note) | Self::Unsupported(note) = &mut self {
            note.elsewhere = true;
        }
        self
    }

    /// Adds that a client can say of itself what the server takes for the gateway's word.
    #[must_use]
    pub fn forged(mut self) -> Self {
        if let Self::Approx(note) | Self::Unsupported(note) = &mut self {
            note.forged = true;
        }
        self
    }

    /// The verdict on a use; `None` is exact.
    pub fn verdict(&self, used: &Use<'_>, env: &Env<'_>) -> Option<Verdict> {
        match self {
            Self::Exact => None,
            Self::Approx(note) => Some(Verdict::Approximated(note.clone())),
            Self::Unsupported(note) => Some(Verdict::Unsupported(note.clone())),
            Self::Depends { on: _, decide } => match decide(used, env) {
                Self::Exact => None,
                Self::Approx(note) => Some(Verdict::Approximated(note)),
                Self::Unsupported(note) => Some(Verdict::Unsupported(note)),
                Self::Depends { on, .. } => Some(Verdict::Unsupported(Note::new(format!(
                    "not decided: it depends on {on}, twice"
                )))),
            },
        }
    }
}

/// Whether a regex that takes a value also takes it with another one behind it, as several lines of a header are joined.
pub fn takes_lists(regex: &str) -> bool {
    let Some(matcher) = crate::ir::regex::matcher(regex) else {
        return false;
    };
    let samples = crate::rules::pattern::samples(regex);
    samples.iter().any(|text| {
        [
            format!("{text}, x"),
            format!("x, {text}"),
            format!("{text}, {text}"),
        ]
        .iter()
        .any(|list| matcher.is_match(list.as_bytes()))
    })
}
