//! The text as entries: keys with their values and items of lists, each with its comments and the blank line before it.

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

use super::{attach, flow};

/// A document: what stands above its first entry, its entries, what stands below.
pub(super) struct Document {
    /// Comments that speak about the whole, above the first blank line.
    pub(super) head: Vec<String>,
    /// Whether a blank line stands below them.
    pub(super) head_apart: bool,
    /// Whether it starts with `---`.
    pub(super) marked: bool,
    /// The root.
    pub(super) entries: Vec<Entry>,
    /// Comments below everything.
    pub(super) foot: Vec<Comment>,
    /// Whether it holds an alias: then the order of the keys means something.
    pub(super) aliases: bool,
}

/// A comment on a line of its own.
#[derive(Clone, Debug)]
pub(super) struct Comment {
    /// From `#`.
    pub(super) text: String,
    /// Whether a blank line stands before it.
    pub(super) blank: bool,
}

/// A key with its value, or an item of a list.
#[derive(Debug)]
pub(super) struct Entry {
    /// The key as it is written out; `None` for an item.
    pub(super) key: Option<String>,
    /// The value.
    pub(super) value: Value,
    /// Comments above it.
    pub(super) above: Vec<Comment>,
    /// Whether a blank line stands before it, or before its first comment.
    pub(super) blank: bool,
    /// The comment behind it on its line.
    pub(super) behind: Option<String>,
    /// Comments that are indented as deep as what is below it, after all of that.
    pub(super) below: Vec<Comment>,
    /// Its line from 0, its column and its place in the text.
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) start: usize,
}

/// A value.
#[derive(Debug)]
pub(super) enum Value {
    /// On the line of its key.
    Inline(String),
    /// Over several lines that are kept as they are: the first, and the others with their indentation less that of the key.
    Kept(String, Vec<(isize, String)>),
    /// Entries below; an anchor stands on the line of the key.
    Block(String, Vec<Entry>),
}

/// A comment where it was found.
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) line: usize,
    pub(super) column: usize,
    /// Nothing else stands on its line.
    pub(super) alone: bool,
    pub(super) text: String,
}

/// How many comments a text holds.
pub(super) fn comments(text: &str) -> usize {
    let events = Parser::new_from_str(text);
    events
        .filter(|event| matches!(event, Ok((Event::Comment(..), _))))
        .count()
}

/// Reads a text that has no fault of syntax.
///
/// # Errors
/// Where, in bytes, and a sentence: the text has a form that is not laid out.
pub(super) fn read(text: &str) -> Result<Document, (usize, String)> {
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        max_buffered_comment_events: usize::MAX,
    };
    let lines = Lines::new(text);
    let mut events = Vec::new();
    let mut found = Vec::new();
    let (mut marked, mut aliases) = (false, false);
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|why| (0, why.to_string()))?;
        let range = span.byte_range().unwrap_or(0..0);
        match event {
            Event::Comment(..) => {
                let (line, column) = lines.place(range.start);
                found.push(Found {
                    start: range.start,
                    line,
                    column,
                    alone: text[lines.starts[line]..range.start].trim().is_empty(),
                    text: text[range].trim_end().to_owned(),
                });
            }
            Event::DocumentStart(explicit, _) => marked = explicit,
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            event => {
                aliases |= matches!(event, Event::Alias(_) | Event::UnresolvedAlias(_));
                events.push((event, range.start, range.end));
            }
        }
    }
    let mut reader = Reader {
        text,
        lines: &lines,
        events,
        at: 0,
    };
    let mut entries = match reader.events.first() {
        Some((Event::MappingStart(StructureStyle::Block, ..), ..)) => {
            let read = reader.block();
            read.map_err(|why| (reader.place(), why))?
        }
        first => {
            let at = first.map_or(0, |(_, start, _)| *start);
            return Err((at, "it is no mapping of keys below each other".to_owned()));
        }
    };
    found.retain(|comment| !attach::inside_kept(&entries, comment.start, &lines));
    let head_apart = entries.first().is_some_and(|first| {
        let above = found
            .iter()
            .filter(|comment| comment.alone && comment.start < first.start);
        above.count() > 0 && (0..first.line).any(|line| lines.line(line).is_empty())
    });
    let (head, foot) = attach::attach(&mut entries, found, &lines);
    Ok(Document {
        head_apart: head_apart && !head.is_empty(),
        head,
        marked,
        entries,
        foot,
        aliases,
    })
}

/// Where lines begin.
pub(super) struct Lines<'a> {
    text: &'a str,
    pub(super) starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at + 1))
            .collect();
        Self { text, starts }
    }

    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at) - 1;
        (line, at - self.starts[line])
    }

    pub(super) fn line(&self, number: usize) -> &'a str {
        let start = self.starts.get(number).copied().unwrap_or(self.text.len());
        let end = self
            .starts
            .get(number + 1)
            .copied()
            .unwrap_or(self.text.len());
        self.text[start..end].trim_end()
    }

    pub(super) fn blank_before(&self, line: usize) -> bool {
        line > 0 && self.line(line - 1).is_empty()
    }
}

struct Reader<'a> {
    text: &'a str,
    lines: &'a Lines<'a>,
    events: Vec<(Event<'a>, usize, usize)>,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Where it stands in the text.
    fn place(&self) -> usize {
        let event = self.events.get(self.at).or(self.events.last());
        event.map_or(0, |(_, start, _)| *start)
    }

    fn next(&mut self) -> Option<(Event<'a>, usize, usize)> {
        let event = self.events.get(self.at).cloned();
        self.at += 1;
        event
    }

    /// The entries of a block that starts here.
    fn block(&mut self) -> Result<Vec<Entry>, String> {
        let Some((opening, ..)) = self.next() else {
            return Ok(Vec::new());
        };
        let map = matches!(opening, Event::MappingStart(..));
        let mut entries = Vec::new();
        loop {
            match self.events.get(self.at) {
                None => return Ok(entries),
                Some((Event::MappingEnd | Event::SequenceEnd, ..)) => {
                    self.at += 1;
                    return Ok(entries);
                }
                Some(_) => {}
            }
            let entry = if map { self.pair()? } else { self.item()? };
            entries.push(entry);
        }
    }

    fn pair(&mut self) -> Result<Entry, String> {
        let Some((Event::Scalar(name, style, ..), start, end)) = self.next() else {
            return Err("a key is no single value".to_owned());
        };
        let raw = self.text[start..end].trim_end();
        let (line, column) = self.lines.place(start);
        if raw.contains('\n')
            || self.text[self.lines.starts[line]..start]
                .trim_end()
                .ends_with('?')
        {
            self.at -= 1;
            return Err(format!(
                "the key in line {} is written over several lines",
                line + 1
            ));
        }
        let key = flow::scalar(raw, &name, style);
        let colon = start + raw.len() + self.text[start + raw.len()..].find(':').unwrap_or(0);
        let value = self.value(colon + 1, line, column)?;
        Ok(entry(Some(key), value, start, line, column))
    }

    /// An item; its dash stands before its value.
    fn item(&mut self) -> Result<Entry, String> {
        let (ref event, start, _) = self.events[self.at];
        let literal = is_literal(event);
        let (line, column) = self.lines.place(start);
        // The dash is on the value's line, or on one above it. Of `- - a` it is the last one before the value.
        let (dash, line) = (0..=line)
            .rev()
            .find_map(|number| {
                let from = self.lines.starts[number];
                let to = if number == line {
                    from + column
                } else {
                    from + self.lines.line(number).len()
                };
                let before = &self.text[from..to];
                let code = before.split(" #").next().unwrap_or(before);
                let code = if literal { headless(code) } else { code };
                code.rfind('-')
                    .filter(|at| {
                        code[*at + 1..].trim().is_empty()
                            || code[*at + 1..].trim_start().starts_with('&')
                    })
                    .map(|at| (from + at, number))
            })
            .ok_or_else(|| format!("the item in line {} has no `-`", line + 1))?;
        let column = dash - self.lines.starts[line];
        let value = self.value(dash + 1, line, column)?;
        Ok(entry(None, value, dash, line, column))
    }

    /// The value behind a colon or a dash.
    fn value(&mut self, from: usize, line: usize, column: usize) -> Result<Value, String> {
        let Some((event, start, end)) = self.events.get(self.at).cloned() else {
            return Err("the text ends early".to_owned());
        };
        match event {
            Event::MappingStart(StructureStyle::Block, ..)
            | Event::SequenceStart(StructureStyle::Block, ..) => {
                // A property of the whole block stands between; comments are attached later.
                let line_end = self.lines.starts[line] + self.lines.line(line).len();
                let between =
                    &self.text[from.min(line_end)..line_end.min(start.max(from.min(line_end)))];
                let between = between.split('#').next().unwrap_or_default().trim();
                let property = if between.starts_with('&') {
                    between.to_owned()
                } else {
                    String::new()
                };
                Ok(Value::Block(property, self.block()?))
            }
            Event::Scalar(text, style, anchor, _) => {
                self.at += 1;
                let raw = self.text[start..end.max(start)].trim_end();
                if raw.is_empty() && style == ScalarStyle::Plain {
                    return Ok(Value::Inline(String::new()));
                }
                let literal = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if anchor == 0
                    && !literal
                    && !raw.contains('\n')
                    && self.lines.place(start).0 == line
                {
                    return Ok(Value::Inline(flow::scalar(raw, &text, style)));
                }
                let kept = self.kept(from, end, column);
                let kept = if literal { indented(kept) } else { kept };
                Ok(match literal {
                    true => chomped(kept, &text),
                    false => kept,
                })
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.at += 1;
                Ok(Value::Inline(self.text[start..end].trim_end().to_owned()))
            }
            Event::MappingStart(_, anchor, _) | Event::SequenceStart(_, anchor, _) => {
                let first = self.at;
                let (written, end) = flow::collection(self.text, &self.events, &mut self.at)?;
                if anchor == 0
                    && !self.text[start..end].contains('\n')
                    && self.lines.place(start).0 == line
                    && !anchored(&self.events[first..self.at])
                {
                    return Ok(Value::Inline(written));
                }
                Ok(self.kept(from, end, column))
            }
            _ => Err(format!(
                "line {} holds something else than a value",
                line + 1
            )),
        }
    }

    /// A value as it is written, from behind the colon or dash to its end.
    fn kept(&self, from: usize, end: usize, column: usize) -> Value {
        let raw = self.text[from..end].trim_end();
        let mut lines = raw.split('\n');
        let first = lines.next().unwrap_or_default().trim();
        let signed = |number: usize| isize::try_from(number).unwrap_or(isize::MAX);
        let rest = lines.map(|line| {
            let text = line.trim_start_matches(' ');
            (
                signed(line.len() - text.len()) - signed(column),
                text.trim_end_matches('\r').to_owned(),
            )
        });
        Value::Kept(first.to_owned(), rest.collect())
    }
}

/// A block of text two deeper than its key, unless its first line counts how deep it is.
fn indented(value: Value) -> Value {
    let Value::Kept(first, mut rest) = value else {
        return value;
    };
    let header = first.rsplit(['|', '>']).next().unwrap_or_default();
    let counted = header
        .split('#')
        .next()
        .unwrap_or_default()
        .contains(|c: char| c.is_ascii_digit());
    let least = rest
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(shift, _)| *shift)
        .min();
    if let Some(least) = least.filter(|_| !counted) {
        for (shift, _) in &mut rest {
            *shift += 2 - least;
        }
    }
    Value::Kept(first, rest)
}

/// A block of text with the empty lines at its end that `+` in its header keeps; where there is none, `+` says nothing.
fn chomped(value: Value, text: &str) -> Value {
    let Value::Kept(mut first, mut rest) = value else {
        return value;
    };
    let (header, comment) = first
        .split_once(" #")
        .map_or((first.as_str(), None), |(a, b)| (a, Some(b)));
    if !header.contains('+') {
        return Value::Kept(first, rest);
    }
    let empty = text.len() - text.trim_end_matches('\n').len();
    if empty > 1 || rest.is_empty() {
        rest.extend((1..empty).map(|_| (0, String::new())));
    } else {
        let header = header.replace('+', "");
        first = match comment {
            Some(comment) => format!("{header} #{comment}"),
            None => header,
        };
    }
    Value::Kept(first, rest)
}

fn is_literal(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..)
    )
}

/// A line without the header of a block of text at its end: `- |2-` is `- `.
fn headless(code: &str) -> &str {
    let line = code.trim_end();
    let head = line.trim_end_matches(|c: char| matches!(c, '+' | '-') || c.is_ascii_digit());
    head.strip_suffix(['|', '>']).unwrap_or(code)
}

fn anchored(events: &[(Event<'_>, usize, usize)]) -> bool {
    events.iter().any(|(event, ..)| {
        matches!(event, Event::Scalar(_, _, anchor, _) | Event::MappingStart(_, anchor, _) | Event::SequenceStart(_, anchor, _) if *anchor != 0)
    })
}

fn entry(key: Option<String>, value: Value, start: usize, line: usize, column: usize) -> Entry {
    Entry {
        key,
        value,
        above: Vec::new(),
        blank: false,
        behind: None,
        below: Vec::new(),
        line,
        column,
        start,
    }
}
