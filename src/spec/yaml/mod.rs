//! Text to [`Tree`]: the only file that knows the YAML parser.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

pub use super::tree::{Allow, Comment, Node, Tree};
use crate::diag::Report;
use crate::source::{FileId, Loc, Source, Sources, Span};
use crate::spec::scalar;

mod build;
mod characters;
mod comments;
pub mod format;
mod keys;
mod quick;
mod syntax;

use characters::Text;
pub(in crate::spec) use characters::{code_point, is_mark};

/// How deep lists and mappings may stand in each other.
pub const MAX_DEPTH: usize = 64;
/// How many nodes the aliases of a file may bring in all.
pub const MAX_ALIAS_NODES: usize = 1_000_000;

/// Reads one file. Every syntax fault lands in `report`; the tree holds what could be read,
/// and is worth reading further only when `report` got no error.
pub fn parse(sources: &Sources, file: FileId, report: &mut Report) -> Tree {
    let Some(source) = sources.find(file) else {
        return Tree::default();
    };
    let mut found = Report::new();
    let mut loader = Loader::new(source, file, &mut found);
    let text = loader.refuse_characters();
    let mut taken = text == Text::Misread;
    if text == Text::Simple {
        taken = quick::run(&mut loader);
        if !taken {
            // Nothing of the quick reading counts, and it found no character to refuse.
            found = Report::new();
            loader = Loader::new(source, file, &mut found);
        }
    }
    if !taken {
        loader.run();
    }
    let Loader {
        mut tree,
        mut comments,
        ..
    } = loader;
    report.extend(found);
    comments.sort_by_key(|comment| comment.span.start);
    let allows = comments::allows(source, &comments);
    tree.set_comments(comments, allows);
    drop_extensions(&mut tree);
    tree
}

/// A list or mapping whose end has not been met.
struct Open {
    at: Loc,
    anchor: usize,
    map: bool,
    flow: bool,
    /// Where its children begin in the loader's `items` or `pairs`.
    first: usize,
    key: Key,
}

enum Key {
    /// The next node is a key.
    Awaited,
    /// The next node is this key's value.
    Read(Loc),
    /// The next node belongs to a key that was refused.
    Refused,
}

struct Loader<'a> {
    source: &'a Source,
    file: FileId,
    tree: Tree,
    report: &'a mut Report,
    open: Vec<Open>,
    items: Vec<Loc>,
    pairs: Vec<(Loc, Loc)>,
    anchors: HashMap<usize, Loc>,
    comments: Vec<Comment>,
    budget: usize,
    /// Where the last thing that counts ended.
    end: u32,
}

/// The reading goes no further.
struct Stop;

impl<'a> Loader<'a> {
    fn new(source: &'a Source, file: FileId, report: &'a mut Report) -> Self {
        Self {
            source,
            file,
            tree: Tree::for_text(file, &source.text),
            report,
            open: Vec::new(),
            items: Vec::new(),
            pairs: Vec::new(),
            anchors: HashMap::new(),
            comments: Vec::new(),
            budget: MAX_ALIAS_NODES,
            end: 0,
        }
    }

    fn run(&mut self) {
        let options = granit_parser::options! {
            emit_unresolved_aliases: true,
            max_buffered_comment_events: usize::MAX,
        };
        let mut parser = Parser::new_from_str_with_options(&self.source.text, options);
        let mut documents = 0;
        let stopped = loop {
            match parser.next_event() {
                None => break false,
                Some(Err(error)) => {
                    let bracket = self
                        .open
                        .last()
                        .filter(|open| open.flow)
                        .map(|open| self.tree.span(open.at));
                    syntax::report(self.source, self.file, &error, bracket, self.report);
                    break true;
                }
                Some(Ok((Event::DocumentStart(..), span))) => {
                    documents += 1;
                    if documents > 1 {
                        self.report
                            .error("yaml::several-documents", self.span(&span))
                            .says("a second document starts here")
                            .label("second document")
                            .help("a spec is one document: put the parts into files of their own and name each with `-f`");
                        break true;
                    }
                }
                Some(Ok((event, span))) => {
                    if self.event(event, &span).is_err() {
                        break true;
                    }
                }
            }
        };
        if stopped {
            self.close_all();
        }
        if self.tree.is_empty() {
            let start = Span {
                file: self.file,
                start: 0,
                end: 0,
            };
            self.tree.push_made(start, "", true);
            if !stopped {
                self.report
                    .error("yaml::empty", start)
                    .says(format!("{} is empty", self.source.name))
                    .help("`wsgen init` prints a spec to start from");
            }
        }
    }

    fn event(&mut self, event: Event<'a>, span: &granit_parser::Span) -> Result<(), Stop> {
        if event.tag().is_some() {
            let place = span
                .tag_span()
                .map_or_else(|| self.span(span), |tag| self.span(&tag));
            self.report
                .error("yaml::tag", place)
                .says("a tag has no meaning in a spec")
                .label("leave this out")
                .help("the field decides the type of its value; write text that looks like a number in quotes");
        }
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let at = self.scalar(&text, style, span);
                self.anchored(anchor, at);
                self.place(at)
            }
            Event::SequenceStart(style, anchor, _) => {
                let flow = style == granit_parser::StructureStyle::Flow;
                let mut span = self.span(span);
                if !flow && self.open.last().is_some_and(|open| open.map) {
                    // The parser lets a list that is not indented begin after its first `-`.
                    let before = self.source.text.get(..span.start as usize).unwrap_or("");
                    let line = before.rfind('\n').map_or(0, |at| at + 1);
                    if before[line..].trim() == "-" {
                        span.start = before.trim_end().len() as u32 - 1;
                    }
                }
                self.start(span, anchor, false, flow)
            }
            Event::MappingStart(style, anchor, _) => self.start(
                self.span(span),
                anchor,
                true,
                style == granit_parser::StructureStyle::Flow,
            ),
            Event::SequenceEnd | Event::MappingEnd => {
                let flow = self.open.last().is_some_and(|open| open.flow);
                let end = if flow {
                    self.span(span).end.max(self.end)
                } else {
                    self.end
                };
                let at = self.close(end);
                self.place(at)
            }
            Event::Alias(id) => self.alias(id, span),
            Event::UnresolvedAlias(name) => {
                let place = self.span(span);
                let diag = self.report.error("yaml::unknown-anchor", place);
                if name.starts_with('.') {
                    diag.says(format!("`*{name}` needs quotes"))
                        .label("YAML reads a leading `*` as an alias")
                        .help(format!("write \"*{name}\""))
                        .fix(place, scalar::written(&format!("*{name}")));
                } else {
                    diag.says(format!("no anchor `&{name}` stands above this alias"))
                        .help(format!(
                            "write `&{name}` before the value that is meant, above this line"
                        ));
                }
                let at = self.tree.push_made(place, "", true);
                self.place(at)
            }
            Event::Comment(..) => {
                self.comment(self.span(span));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        let start = range.start as u32;
        Span {
            file: self.file,
            start,
            end: (range.end as u32).max(start),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: &granit_parser::Span) -> Loc {
        let plain = style == ScalarStyle::Plain;
        let mut span = self.span(at);
        let raw = self
            .source
            .text
            .get(span.start as usize..span.end as usize)
            .unwrap_or("");
        if span.start == span.end && plain {
            return self.empty(span.start);
        }
        span.end = span.start + raw.trim_ascii_end().len() as u32;
        self.end = span.end;
        let bad = text.chars().find(|c| *c == '\0' || is_mark(*c));
        if let Some(bad) = bad.filter(|bad| !raw.contains(*bad)) {
            self.report.error("yaml::character", span).says(format!(
                "the character {} cannot be written in a spec",
                code_point(bad)
            ));
        }
        let (start, end) = (span.start, span.end);
        match style {
            ScalarStyle::Plain if text == raw.trim_ascii_end() => {
                self.tree.push_slice(span, start..end, true)
            }
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted
                if raw.len() >= 2 && raw.get(1..raw.trim_ascii_end().len() - 1) == Some(text) =>
            {
                self.tree.push_slice(span, start + 1..end - 1, false)
            }
            _ => self.tree.push_made(span, text, plain),
        }
    }

    /// An empty value has no place of its own: it is shown right after its key, or at `start`.
    fn empty(&mut self, start: u32) -> Loc {
        let start = match self.open.last().map(|open| &open.key) {
            Some(Key::Read(key)) => self.after_colon(self.tree.span(*key).end),
            _ => start,
        };
        let span = Span {
            file: self.file,
            start,
            end: start,
        };
        self.tree.push_slice(span, start..start, true)
    }

    /// Past the `:` of a key, so that an empty value is shown where it would be written.
    fn after_colon(&self, end: u32) -> u32 {
        let rest = self.source.text.get(end as usize..).unwrap_or("");
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if rest[blank..].starts_with(':') {
            end + blank as u32 + 1
        } else {
            end
        }
    }

    fn start(&mut self, span: Span, anchor: usize, map: bool, flow: bool) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            syntax::too_deep(span, self.report);
            return Err(Stop);
        }
        self.end = self.end.max(span.end);
        let at = self.tree.push_open(span, map);
        let first = if map {
            self.pairs.len()
        } else {
            self.items.len()
        };
        self.open.push(Open {
            at,
            anchor,
            map,
            flow,
            first,
            key: Key::Awaited,
        });
        Ok(())
    }
}

/// Takes the top-level keys that start with `x-` out: they are there for their anchors.
fn drop_extensions(tree: &mut Tree) {
    let kept: Vec<_> = tree
        .pairs(tree.root())
        .iter()
        .filter(|(key, _)| !tree.scalar(*key).is_some_and(|key| key.starts_with("x-")))
        .copied()
        .collect();
    if kept.len() < tree.pairs(tree.root()).len() {
        tree.share_map(tree.root(), &kept);
    }
}

#[cfg(test)]
mod tests;
