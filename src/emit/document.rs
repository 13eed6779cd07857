//! Nested maps and lists under construction, for files that are YAML or JSON: what a [`Line`](super::Line) is for files of
//! lines.
//!
//! ```text
//! Map::new().put("address", Node::tok(text)).put("tls", Map::new().put("minVersion", Node::word("VersionTLS12")))
//!   ─▶ lines(Style::Yaml) ─▶ one complete token per line, for a template to lay out
//! ```
//!
//! A map or list that fits on a line, and comes from one place of the spec, stands on a line.

use super::lang::{js, quoted, shared, written};
use super::{Tok, marks};
use crate::source::Loc;

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
        let mut page = Lines {
            style,
            lines: Vec::new(),
        };
        let at = self.at;
        let indent = start.len() - start.trim_start().len();
        page.value(start.to_owned(), &self, indent, at);
        page.lines.into_iter().map(|line| line.end()).collect()
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
        let mut page = Lines {
            style,
            lines: Vec::with_capacity(self.entries.len() * 2),
        };
        page.entries(self, depth * STEP);
        page.lines.into_iter().map(|line| line.end()).collect()
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

struct Lines {
    style: Style,
    lines: Vec<Text>,
}

impl Lines {
    fn push(&mut self, text: String, at: Loc) {
        self.lines.push(Text { text, at });
    }

    /// Ends the last line with a comma.
    fn comma(&mut self) {
        if let Some(last) = self.lines.last_mut() {
            last.text.push(',');
        }
    }

    fn entries(&mut self, map: &Map, indent: usize) {
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
    fn value(&mut self, start: String, node: &Node, indent: usize, at: Loc) {
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
    fn write(&self, style: Style, out: &mut String) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: &[Tok]) -> String {
        let lines: Vec<&str> = lines.iter().map(Tok::as_str).collect();
        let read = marks::read(&lines.join("\n"), "#", None);
        assert!(read.refused.is_empty());
        read.text
    }

    fn sample() -> Map {
        let long = Node::list((0..9).map(|_| Node::word("a rather long word of the program")));
        let servers = Node::list([
            Map::new()
                .put("url", Node::word("http://a"))
                .put("weight", Node::number(3))
                .put("more", long.clone()),
            Map::new().put("url", Node::word("http://b")),
        ]);
        Map::new()
            .remark("why\nso")
            .put("@type", Node::word("no"))
            .put("empty", Map::new())
            .put("servers", servers)
            .put("nested", Node::list([long.clone(), Node::flag(true)]))
            .put(
                "script",
                Node::block(["if x", "", "  then \"y\"", "end"].map(Tok::fixed).to_vec()),
            )
            .put("deep", Map::new().remark("inner").put("long", long))
    }

    #[test]
    fn both_styles_are_read_as_the_same_document() {
        let yaml = text(&sample().document(Style::Yaml));
        let json = text(&sample().document(Style::Json));
        let from_yaml: serde_json::Value =
            serde_yaml::from_str(&yaml).unwrap_or_else(|why| panic!("{yaml}\n{why}"));
        let from_json: serde_json::Value =
            serde_json::from_str(&json).unwrap_or_else(|why| panic!("{json}\n{why}"));
        assert_eq!(from_yaml, from_json, "{yaml}\n{json}");
        assert!(yaml.starts_with("# why so\n\"@type\": \"no\"\nempty: {}\nservers:\n  - url: \"http://a\"\n    weight: 3\n    more:\n      - "), "{yaml}");
    }

    #[test]
    fn lines_keep_their_origins() {
        let map = Map::new()
            .put(
                "one",
                Node::from(Map::new().put("a", Node::number(1).at(Loc(4)))),
            )
            .put(
                "two",
                Node::from(
                    Map::new()
                        .put("a", Node::number(1).at(Loc(5)))
                        .put("b", Node::number(2).at(Loc(6))),
                )
                .at(Loc(3)),
            )
            .put(
                "list",
                Node::list([
                    Node::from(Map::new().put("a", Node::number(1).at(Loc(7)))).at(Loc(8)),
                    Node::number(1),
                ]),
            );
        for (style, origins) in [
            (
                Style::Yaml,
                vec![Some(4), Some(3), Some(5), Some(6), None, Some(7), None],
            ),
            (
                Style::Json,
                vec![
                    Some(4),
                    Some(3),
                    Some(5),
                    Some(6),
                    None,
                    None,
                    Some(8),
                    Some(7),
                    None,
                    None,
                    None,
                ],
            ),
        ] {
            let lines: Vec<String> = map
                .lines(style, 0)
                .iter()
                .map(|line| line.as_str().to_owned())
                .collect();
            let read = marks::read(&lines.join("\n"), "", None);
            let found: Vec<Option<u32>> = read.lines.iter().map(|at| at.map(|at| at.0)).collect();
            assert_eq!(found, origins, "{}", read.text);
        }
    }

    #[test]
    fn a_snippet_stands_among_the_entries() {
        let map = Map::new()
            .put("a", Node::number(1))
            .snippet("\"b\": 2,\n\"c\": [3]", Loc::default())
            .put("d", Node::number(4));
        let json = format!("{{{}}}", text(&map.lines(Style::Json, 1)));
        let read: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        assert_eq!(read, serde_json::json!({"a": 1, "b": 2, "c": [3], "d": 4}));
    }
}
