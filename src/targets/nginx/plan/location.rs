//! A `location`: what it takes, what it says, and whether one line is enough for it.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::route::Content;
use super::words::{Block, Directive, body};
use crate::emit::Tok;
use crate::ir::{Loc, Set};

/// A `location`. A template sees its `head`, one token, and either its `body` on one line, or its parts.
#[derive(Debug, Clone)]
pub(in crate::targets::nginx) struct Location {
    /// On one line.
    pub(super) brief: bool,
    pub(super) about: String,
    pub(super) args: Vec<Tok>,
    pub(super) first: Vec<Directive>,
    pub(super) branches: Vec<Block>,
    pub(super) lines: Vec<Directive>,
    pub(super) raw: Vec<RawLine>,
    pub(super) at: Option<Loc>,
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut location = serializer.serialize_struct("Location", 7)?;
        location.serialize_field("about", &self.about)?;
        location.serialize_field("head", &Tok::row(&self.args, self.at))?;
        if self.brief {
            location.serialize_field("body", &body(&self.lines))?;
        } else {
            location.serialize_field("body", &false)?;
            location.serialize_field("first", &self.first)?;
            location.serialize_field("branches", &self.branches)?;
            location.serialize_field("lines", &self.lines)?;
            location.serialize_field("raw", &self.raw)?;
        }
        location.end()
    }
}

impl Location {
    pub(super) fn brief(args: Vec<Tok>, lines: Vec<Directive>, at: Loc) -> Self {
        Self {
            brief: true,
            about: String::new(),
            args,
            first: Vec::new(),
            branches: Vec::new(),
            lines,
            raw: Vec::new(),
            at: (at != Loc::default()).then_some(at),
        }
    }

    pub(super) fn plain(args: Vec<Tok>, about: &str, lines: Vec<Directive>, at: Loc) -> Self {
        Self {
            brief: false,
            about: about.to_owned(),
            ..Self::brief(args, lines, at)
        }
    }

    pub(super) fn new(
        args: Vec<Tok>,
        about: &str,
        content: Content,
        raw: Vec<RawLine>,
        at: Loc,
    ) -> Self {
        let Content {
            mut first,
            branches,
            mut lines,
        } = content;
        if branches.is_empty() {
            first.append(&mut lines);
            std::mem::swap(&mut first, &mut lines);
        }
        let brief = branches.is_empty() && raw.is_empty() && lines.len() <= 5 && {
            let width: usize = lines.iter().map(Directive::width).sum();
            width <= 120
        };
        Self {
            brief,
            about: about.to_owned(),
            args,
            first,
            branches,
            lines,
            raw,
            at: Some(at),
        }
    }

    /// Whether it may stand twice.
    pub(super) fn is_short(&self) -> bool {
        self.brief
    }

    /// The same for other paths.
    pub(super) fn taking(&self, args: Vec<Tok>) -> Self {
        Self {
            args,
            ..self.clone()
        }
    }
}

/// A line of a snippet in NGINX's own words.
#[derive(Debug, Clone, Serialize)]
pub(in crate::targets::nginx) struct RawLine {
    pub(super) text: Tok,
    pub(super) at: Loc,
}

impl RawLine {
    pub(super) fn of(text: &Set<String>) -> impl Iterator<Item = Self> {
        let at = text.loc();
        text.value.lines().map(move |line| Self {
            text: Tok::snippet(line.trim_end()).at(at),
            at,
        })
    }
}
