//! How maps and lists are laid out: what fits on a line, what is indented, where commas stand.

use super::{Entry, Key, Kind, Map, Node, STEP, Style};
use crate::emit::lang::{js, quoted, written};
use crate::emit::{Tok, marks};
use crate::source::Loc;

struct Text {
    text: String,
    at: Loc,
}

impl Text {
    fn end(mut self) -> Tok {
        if self.at != Loc::default() {
            marks::write_origin(self.at.0, &mut self.text);
        }
        Tok::complete(&self.text)
    }
}

/// Lines as they grow.
pub(super) struct Lines {
    style: Style,
    lines: Vec<Text>,
}

impl Lines {
    /// None yet.
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            lines: Vec::new(),
        }
    }

    /// A complete token per line.
    pub(super) fn end(self) -> Vec<Tok> {
        self.lines.into_iter().map(Text::end).collect()
    }

    fn push(&mut self, text: String, at: Loc) {
        self.lines.push(Text { text, at });
    }

    /// Ends the last line with a comma.
    fn comma(&mut self) {
        if let Some(last) = self.lines.last_mut() {
            last.text.push(',');
        }
    }

    pub(super) fn entries(&mut self, map: &Map, indent: usize) {
        let last = map
            .entries
            .iter()
            .rposition(|entry| !matches!(entry, Entry::Remark(_)));
        for (n, entry) in map.entries.iter().enumerate() {
            match entry {
                Entry::Pair(key, node) => {
                    let mut start = blank(indent);
                    key.write(self.style, &mut start);
                    start.push(':');
                    self.value(start, node, indent, node.at);
                }
                Entry::Remark(text) => {
                    let sign = match self.style {
                        Style::Yaml => "#",
                        Style::Jsonc | Style::Js => "//",
                        Style::Json => continue,
                    };
                    self.push(format!("{}{sign} {text}", blank(indent)), Loc::default());
                    continue;
                }
                Entry::Snippet(tok) => {
                    let line = format!("{}{}", blank(indent), tok.as_str());
                    self.push(line, Loc::default());
                    // A snippet brings its own commas, but for the one after it.
                    if matches!(map.entries.get(n + 1), Some(Entry::Snippet(_))) {
                        continue;
                    }
                }
            }
            if self.style == Style::Js || self.style != Style::Yaml && Some(n) != last {
                self.comma();
            }
        }
    }

    /// Puts a value behind what its line starts with: a key and its colon, or nothing.
    pub(super) fn value(&mut self, start: String, node: &Node, indent: usize, at: Loc) {
        let gap = if start.ends_with([':', '=']) { " " } else { "" };
        let room = self.style.width().saturating_sub(start.len() + gap.len());
        let mut flow = Flow {
            style: self.style,
            text: String::new(),
            at,
            room,
        };
        let is_scalar = !matches!(node.kind, Kind::List(_) | Kind::Map(_));
        if is_scalar {
            // A long scalar is as long as it is.
            flow.room = usize::MAX;
        }
        if flow.node(node).is_some() {
            let long = start.len() + gap.len() + flow.text.len() > self.style.width();
            match flow.text.split_once(" => ") {
                // A long function is broken behind its arrow; a string begins otherwise.
                Some((head, body)) if self.style == Style::Js && long && head.starts_with('(') => {
                    self.push(format!("{start}{gap}{head} =>"), flow.at);
                    self.push(format!("{}{body}", blank(indent + STEP)), flow.at);
                }
                _ => self.push(format!("{start}{gap}{}", flow.text), flow.at),
            }
            return;
        }
        match (&node.kind, self.style) {
            (Kind::Block(lines), Style::Yaml) => {
                self.push(format!("{start}{gap}|"), at);
                for line in lines {
                    let line = match line.as_str() {
                        "" => String::new(),
                        line => format!("{}{line}", blank(indent + STEP)),
                    };
                    self.push(line, Loc::default());
                }
            }
            (Kind::Map(map), Style::Yaml) => {
                // Without a key it stands in a list, at its place.
                if start.ends_with(':') {
                    self.push(start, at);
                    self.entries(map, indent + STEP);
                } else {
                    self.entries(map, indent);
                }
            }
            (Kind::List(nodes), Style::Yaml) => {
                let inner = match start.ends_with(':') {
                    true => {
                        self.push(start, at);
                        indent + STEP
                    }
                    false => indent,
                };
                for node in nodes {
                    let first = self.lines.len();
                    self.value(blank(inner + STEP), node, inner + STEP, node.at);
                    self.item(first, inner, node.at);
                }
            }
            (Kind::Map(map), _) => {
                self.push(format!("{start}{gap}{{"), at);
                self.entries(map, indent + STEP);
                self.push(format!("{}}}", blank(indent)), Loc::default());
            }
            (Kind::List(nodes), _) => {
                self.push(format!("{start}{gap}["), at);
                for (n, node) in nodes.iter().enumerate() {
                    self.value(blank(indent + STEP), node, indent + STEP, node.at);
                    if n + 1 < nodes.len() || self.style == Style::Js {
                        self.comma();
                    }
                }
                self.push(format!("{}]", blank(indent)), Loc::default());
            }
            // A scalar has been written.
            _ => {}
        }
    }

    /// Makes the lines from `first` on an item of a list: its dash takes the place of the last indentation.
    fn item(&mut self, first: usize, indent: usize, at: Loc) {
        if let Some(line) = self.lines.get_mut(first) {
            line.text.replace_range(indent..=indent, "-");
            if line.at == Loc::default() {
                line.at = at;
            }
        }
    }
}

/// A value on one line; gives up where it becomes too long, has a comment, or comes from several places.
struct Flow {
    style: Style,
    text: String,
    at: Loc,
    room: usize,
}

impl Flow {
    fn node(&mut self, node: &Node) -> Option<()> {
        if node.at != Loc::default() {
            if self.at != Loc::default() && self.at != node.at {
                return None;
            }
            self.at = node.at;
        }
        match &node.kind {
            Kind::Word(word) => match self.style {
                Style::Yaml => written(quoted::yaml, word, &mut self.text),
                Style::Json | Style::Jsonc => written(quoted::json, word, &mut self.text),
                Style::Js => written(js::write_string, word, &mut self.text),
            },
            Kind::Tok(tok) => self.text.push_str(tok.as_str()),
            Kind::Block(_) if self.style == Style::Yaml => return None,
            Kind::Block(lines) => {
                let lines: Vec<&str> = lines.iter().map(Tok::as_str).collect();
                written(quoted::json, &(lines.join("\n") + "\n"), &mut self.text);
            }
            Kind::Number(number) => self.text.push_str(&number.to_string()),
            Kind::Flag(flag) => self.text.push_str(if *flag { "true" } else { "false" }),
            Kind::List(nodes) => {
                if self.style.is_prettier() && is_table(nodes) {
                    return None;
                }
                self.text.push('[');
                for (n, node) in nodes.iter().enumerate() {
                    self.text.push_str(if n > 0 { ", " } else { "" });
                    if self.style.is_prettier() {
                        // A list that fits stands on a line, wherever its values come from.
                        let own = std::mem::take(&mut self.at);
                        self.node(node)?;
                        self.at = own;
                    } else {
                        self.node(node)?;
                    }
                }
                self.text.push(']');
            }
            Kind::Map(map) => {
                let inner = match self.style.is_prettier() && !map.is_empty() {
                    true => " ",
                    false => "",
                };
                self.text.push('{');
                self.text.push_str(inner);
                for (n, entry) in map.entries.iter().enumerate() {
                    let (key, node) = match entry {
                        Entry::Pair(key, node) => (key, node),
                        Entry::Remark(_) if self.style == Style::Json => continue,
                        Entry::Remark(_) | Entry::Snippet(_) => return None,
                    };
                    self.text.push_str(if n > 0 { ", " } else { "" });
                    key.write(self.style, &mut self.text);
                    self.text.push_str(": ");
                    self.node(node)?;
                }
                self.text.push_str(inner);
                self.text.push('}');
            }
        }
        (self.text.len() <= self.room).then_some(())
    }
}

/// Whether a list is one of maps, or of lists, that hold more than one value each: Prettier gives every row a line.
fn is_table(nodes: &[Node]) -> bool {
    let many_pairs = |it: &Node| matches!(&it.kind, Kind::Map(map) if map.entries.len() > 1);
    let many_values = |it: &Node| matches!(&it.kind, Kind::List(list) if list.len() > 1);
    nodes.len() > 1 && (nodes.iter().all(many_pairs) || nodes.iter().all(many_values))
}

impl Key {
    pub(super) fn write(&self, style: Style, out: &mut String) {
        match (self, style) {
            (Self::Word(word), Style::Yaml) => written(quoted::yaml, word, out),
            (Self::Word(word), Style::Json | Style::Jsonc) => written(quoted::json, word, out),
            (Self::Word(word), Style::Js) => out.push_str(js::key(word).as_str()),
            (Self::Tok(tok), _) => out.push_str(tok.as_str()),
        }
    }
}

fn blank(indent: usize) -> String {
    " ".repeat(indent)
}
