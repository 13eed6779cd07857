//! Nested maps and lists under construction, for files that are YAML or JSON: what a [`Line`](super::Line) is for files of
//! lines.
//!
//! ```text
//! Map::new().put("address", Node::tok(text)).put("tls", Map::new().put("minVersion", Node::word("VersionTLS12")))
//!   ─▶ lines(Style::Yaml) ─▶ one complete token per line, for a template to lay out
//! ```
//!
//! A map or list that fits on a line, and comes from one place of the spec, stands on a line.

mod layout;

use super::Tok;
use super::lang::shared;
use crate::source::Loc;

use layout::Lines;

/// What a file's maps and lists look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Block style, with comments.
    Yaml,
    /// Braces and commas; comments are left out, for JSON has none.
    Json,
    /// The same with comments.
    Jsonc,
    /// A JavaScript literal: bare keys, comments, a comma after the last entry of what stands on several lines.
    Js,
}

impl Style {
    /// How long a line may become where a map or list is put on it.
    const fn width(self) -> usize {
        match self {
            Self::Yaml | Self::Json => 110,
            // 120 with the comma or the semicolon that follows.
            Self::Jsonc | Self::Js => 119,
        }
    }

    /// Whether it is laid out as Prettier does it, with lines of 120 characters.
    const fn is_prettier(self) -> bool {
        matches!(self, Self::Jsonc | Self::Js)
    }
}

/// How far a level is moved to the right.
const STEP: usize = 2;

/// A value: a scalar, a list or a map.
#[derive(Clone, Debug)]
pub struct Node {
    kind: Kind,
    at: Loc,
}

#[derive(Clone, Debug)]
enum Kind {
    /// A string of the program's own words.
    Word(&'static str),
    /// A scalar that its language wrote.
    Tok(Tok),
    /// A text of several lines, such as a script.
    Block(Vec<Tok>),
    Number(i64),
    Flag(bool),
    List(Vec<Node>),
    Map(Map),
}

impl Node {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            at: Loc::default(),
        }
    }

    /// A string in the program's own words, such as `"VersionTLS12"`.
    pub fn word(word: &'static str) -> Self {
        Self::new(Kind::Word(word))
    }

    /// A scalar that is complete: a text as the file's language writes it.
    pub fn tok(tok: Tok) -> Self {
        Self::new(Kind::Tok(tok))
    }

    /// A text of several lines, each complete in the text's own language, such as a script: indented below its key in YAML.
    pub fn block(lines: Vec<Tok>) -> Self {
        Self::new(Kind::Block(lines))
    }

    /// A number.
    pub fn number(number: impl Into<i64>) -> Self {
        Self::new(Kind::Number(number.into()))
    }

    /// `true` or `false`.
    pub fn flag(flag: bool) -> Self {
        Self::new(Kind::Flag(flag))
    }

    /// A list.
    pub fn list<N: Into<Self>>(nodes: impl IntoIterator<Item = N>) -> Self {
        Self::new(Kind::List(nodes.into_iter().map(Into::into).collect()))
    }

    /// The value as a whole file, or behind what starts a statement, `const servers =`.
    pub fn document(self, style: Style, start: &str) -> Vec<Tok> {
        let mut page = Lines::new(style);
        let at = self.at;
        let indent = start.len() - start.trim_start().len();
        page.value(start.to_owned(), &self, indent, at);
        page.end()
    }

    /// Gives the value its origin: that of the line where it starts.
    #[must_use]
    pub fn at(mut self, at: Loc) -> Self {
        self.at = at;
        self
    }
}

impl From<Map> for Node {
    fn from(map: Map) -> Self {
        Self::new(Kind::Map(map))
    }
}

impl From<Tok> for Node {
    fn from(tok: Tok) -> Self {
        Self::tok(tok)
    }
}

/// A map in the order of its making. Keys are not compared: two equal ones are a mistake of the plan.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
enum Entry {
    Pair(Key, Node),
    Remark(String),
    Snippet(Tok),
}

#[derive(Clone, Debug)]
enum Key {
    Word(&'static str),
    Tok(Tok),
}

impl Map {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many keys it has.
    pub fn len(&self) -> usize {
        let pairs = self.entries.iter();
        pairs.filter(|it| matches!(it, Entry::Pair(..))).count()
    }

    /// Adds an entry under a key of the program's own words.
    #[must_use]
    pub fn put(self, key: &'static str, node: impl Into<Node>) -> Self {
        self.with(Entry::Pair(Key::Word(key), node.into()))
    }

    /// Adds an entry if there is a value.
    #[must_use]
    pub fn maybe(self, key: &'static str, node: Option<impl Into<Node>>) -> Self {
        match node {
            Some(node) => self.put(key, node),
            None => self,
        }
    }

    /// Adds an entry whose key is a token of the file's language, such as a name from the spec.
    #[must_use]
    pub fn entry(self, key: Tok, node: impl Into<Node>) -> Self {
        self.with(Entry::Pair(Key::Tok(key), node.into()))
    }

    /// Adds a comment on a line of its own, before what comes next.
    #[must_use]
    pub fn remark(self, text: &str) -> Self {
        let mut line = String::with_capacity(text.len());
        // A comment takes every text, so nothing is refused here.
        let _ = shared::remark(text, &mut line);
        self.with(Entry::Remark(line))
    }

    /// Adds a user's own lines as they are: entries in the file's language, indented with the rest.
    #[must_use]
    pub fn snippet(mut self, text: &str, at: Loc) -> Self {
        let lines = text.lines().map(|line| Tok::snippet(line).at(at));
        self.entries.extend(lines.map(Entry::Snippet));
        self
    }

    /// Adds the entries of another map.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    fn with(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    /// Every scalar of the map as a label of a container: what leads to it joined by dots, and its text. Lists of scalars are joined by
    /// commas; those of maps are counted. Only strings, numbers and flags that a language wrote bare or in JSON's quotes are read back.
    pub fn labels(&self, prefix: &str) -> Vec<(String, String, Loc)> {
        let mut found = Vec::new();
        for entry in &self.entries {
            if let Entry::Pair(key, node) = entry {
                let mut name = String::new();
                key.write(Style::Json, &mut name);
                label(
                    &format!("{prefix}.{}", unquoted(&name)),
                    node,
                    node.at,
                    &mut found,
                );
            }
        }
        found
    }

    /// The map's lines without braces around, `depth` levels to the right: one complete token each. Those of a JSON object
    /// have commas between, and none at the end.
    pub fn lines(&self, style: Style, depth: usize) -> Vec<Tok> {
        let mut page = Lines::new(style);
        page.entries(self, depth * STEP);
        page.end()
    }

    /// The whole document: for JSON with the braces around.
    pub fn document(self, style: Style) -> Vec<Tok> {
        match style {
            Style::Yaml => self.lines(style, 0),
            Style::Json | Style::Jsonc | Style::Js => Node::from(self).document(style, ""),
        }
    }
}

fn label(name: &str, node: &Node, at: Loc, found: &mut Vec<(String, String, Loc)>) {
    let at = if node.at == Loc::default() {
        at
    } else {
        node.at
    };
    match &node.kind {
        Kind::Map(map) => {
            for (name, text, own) in map.labels(name) {
                let own = if own == Loc::default() { at } else { own };
                found.push((name, text, own));
            }
        }
        Kind::List(nodes) if nodes.iter().any(|it| matches!(it.kind, Kind::Map(_))) => {
            for (number, node) in nodes.iter().enumerate() {
                label(&format!("{name}[{number}]"), node, at, found);
            }
        }
        Kind::List(nodes) => {
            let texts: Vec<String> = nodes.iter().map(scalar).collect();
            found.push((name.to_owned(), texts.join(","), at));
        }
        Kind::Word(_) | Kind::Tok(_) | Kind::Number(_) | Kind::Flag(_) | Kind::Block(_) => {
            found.push((name.to_owned(), scalar(node), at));
        }
    }
}

fn scalar(node: &Node) -> String {
    match &node.kind {
        Kind::Word(word) => (*word).to_owned(),
        Kind::Tok(tok) => unquoted(tok.as_str()),
        Kind::Number(number) => number.to_string(),
        Kind::Flag(flag) => flag.to_string(),
        Kind::List(_) | Kind::Map(_) | Kind::Block(_) => String::new(),
    }
}

/// The text of a scalar as it was before it was quoted.
fn unquoted(token: &str) -> String {
    serde_json::from_str(token).unwrap_or_else(|_| token.to_owned())
}

#[cfg(test)]
mod tests;
