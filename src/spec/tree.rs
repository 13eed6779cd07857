//! The document as a flat list of nodes that know their key, parent, alias site and place in the text.

use std::sync::Arc;

use crate::source::{FileId, Loc, Span};

const NONE: u32 = u32::MAX;

/// A node's content.
#[derive(Clone, Copy, Debug)]
pub enum Node<'a> {
    /// A single value.
    Scalar {
        /// After escapes and parameters.
        text: &'a str,
        /// Written without quotes, so that `5` is a number and `on` a switch.
        plain: bool,
        /// A parameter was filled in: the field decides the type.
        param: bool,
    },
    /// A list.
    Seq(&'a [Loc]),
    /// Keys and values in the order in which they were written.
    Map(&'a [(Loc, Loc)]),
}

/// A comment; its text stands in the source, from `#` to the end of the line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comment {
    /// From `#` to the end of the line.
    pub span: Span,
    /// Its line, from 1.
    pub line: u32,
    /// Nothing else stands on the line.
    pub alone: bool,
}

/// `# wsgen: allow(rule, rule) reason`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allow {
    /// The comment.
    pub span: Span,
    /// The line that it speaks about, from 1: its own, or the next one when it stands alone.
    pub line: u32,
    /// What is allowed.
    pub rules: Vec<String>,
    /// Why; may be empty.
    pub reason: String,
}

/// Where a scalar's text is kept.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// In the source, unchanged by escapes: `a` and `b` are its bytes there.
    Slice,
    /// In `Tree::made`: `a` and `b` are its bytes there.
    Made,
    Seq,
    Map,
}

#[derive(Clone, PartialEq, Debug)]
struct Entry {
    span: Span,
    parent: u32,
    key: u32,
    /// Index into `sites`, of the alias that brought this node here.
    site: u32,
    /// Slice, Made: bytes. Seq: range in `items`. Map: range in `pairs`.
    a: u32,
    b: u32,
    kind: Kind,
    plain: bool,
    param: bool,
}

/// A parsed document: node 0 is its root. One tree may hold nodes of several files.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tree {
    nodes: Vec<Entry>,
    items: Vec<Loc>,
    pairs: Vec<(Loc, Loc)>,
    made: String,
    sites: Vec<Span>,
    texts: Vec<(FileId, Arc<str>)>,
    comments: Vec<Comment>,
    allows: Vec<Allow>,
}

impl Tree {
    /// The document.
    pub fn root(&self) -> Loc {
        Loc(0)
    }

    /// How many nodes exist, keys included, also those that a merge left unreachable.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Nothing was parsed.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node's content. A `Loc` of another tree reads as an empty value.
    pub fn node(&self, at: Loc) -> Node<'_> {
        let Some(entry) = self.entry(at) else {
            return Node::Scalar {
                text: "",
                plain: true,
                param: false,
            };
        };
        let range = entry.a as usize..entry.b as usize;
        match entry.kind {
            Kind::Slice => {
                let text = self.text(entry.span.file).get(range).unwrap_or("");
                Node::Scalar {
                    text,
                    plain: entry.plain,
                    param: entry.param,
                }
            }
            Kind::Made => Node::Scalar {
                text: &self.made[range],
                plain: entry.plain,
                param: entry.param,
            },
            Kind::Seq => Node::Seq(&self.items[range]),
            Kind::Map => Node::Map(&self.pairs[range]),
        }
    }

    /// A scalar's text.
    pub fn scalar(&self, at: Loc) -> Option<&str> {
        match self.node(at) {
            Node::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// A map's keys and values; empty for anything else.
    pub fn pairs(&self, at: Loc) -> &[(Loc, Loc)] {
        match self.node(at) {
            Node::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// A list's items; empty for anything else.
    pub fn items(&self, at: Loc) -> &[Loc] {
        match self.node(at) {
            Node::Seq(items) => items,
            _ => &[],
        }
    }

    /// Is it a map?
    pub fn is_map(&self, at: Loc) -> bool {
        matches!(self.node(at), Node::Map(_))
    }

    /// The value of a key.
    pub fn get(&self, map: Loc, key: &str) -> Option<Loc> {
        self.pairs(map)
            .iter()
            .find(|(name, _)| self.scalar(*name) == Some(key))
            .map(|(_, value)| *value)
    }

    /// Where the node is written; for an alias, where its anchor is.
    pub fn span(&self, at: Loc) -> Span {
        self.entry(at)
            .map_or_else(Span::default, |entry| entry.span)
    }

    /// Where the key is written under which the node stands; `None` in a list and for a key itself.
    pub fn key_span(&self, at: Loc) -> Option<Span> {
        self.key(at).map(|key| self.span(key))
    }

    /// The key under which the node stands.
    pub fn key(&self, at: Loc) -> Option<Loc> {
        self.entry(at)
            .filter(|entry| entry.key != NONE)
            .map(|entry| Loc(entry.key))
    }

    /// The map or list that the node was written in.
    pub fn parent(&self, at: Loc) -> Option<Loc> {
        self.entry(at)
            .filter(|entry| entry.parent != NONE)
            .map(|entry| Loc(entry.parent))
    }

    /// Where the alias stands that brought this node here.
    pub fn alias_site(&self, at: Loc) -> Option<Span> {
        let entry = self.entry(at)?;
        self.sites.get(entry.site as usize).copied()
    }

    /// Is the node a key?
    pub fn is_key(&self, at: Loc) -> bool {
        self.parent(at)
            .is_some_and(|parent| self.pairs(parent).iter().any(|(key, _)| *key == at))
    }

    /// Every comment in the order of the text.
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// Every `# wsgen: allow(…)`.
    pub fn allows(&self) -> &[Allow] {
        &self.allows
    }

    /// The comment that allows `rule` at a line (from 1) of a file.
    pub fn allow(&self, file: FileId, line: u32, rule: &str) -> Option<&Allow> {
        let first = self
            .allows
            .partition_point(|allow| (allow.span.file, allow.line) < (file, line));
        self.allows[first..]
            .iter()
            .take_while(|allow| (allow.span.file, allow.line) == (file, line))
            .find(|allow| allow.rules.iter().any(|name| name == rule))
    }

    /// The text of one file.
    pub(super) fn text(&self, file: FileId) -> &str {
        self.texts
            .iter()
            .find(|(id, _)| *id == file)
            .map_or("", |(_, text)| text)
    }

    fn entry(&self, at: Loc) -> Option<&Entry> {
        self.nodes.get(at.0 as usize)
    }
}

/// Building and rewriting, for the modules of `spec`.
impl Tree {
    pub(super) fn for_text(file: FileId, text: &Arc<str>) -> Self {
        Self {
            texts: vec![(file, Arc::clone(text))],
            ..Self::default()
        }
    }

    fn push(&mut self, entry: Entry) -> Loc {
        self.nodes.push(entry);
        Loc(self.nodes.len() as u32 - 1)
    }

    /// A scalar whose text is a range of the source.
    pub(super) fn push_slice(
        &mut self,
        span: Span,
        text: std::ops::Range<u32>,
        plain: bool,
    ) -> Loc {
        self.push(Entry {
            span,
            parent: NONE,
            key: NONE,
            site: NONE,
            a: text.start,
            b: text.end,
            kind: Kind::Slice,
            plain,
            param: false,
        })
    }

    /// A scalar whose text the tree keeps.
    pub(super) fn push_made(&mut self, span: Span, text: &str, plain: bool) -> Loc {
        let start = self.made.len() as u32;
        self.made.push_str(text);
        let end = self.made.len() as u32;
        let at = self.push_slice(span, start..end, plain);
        self.nodes[at.0 as usize].kind = Kind::Made;
        at
    }

    /// A list or map without children yet.
    pub(super) fn push_open(&mut self, span: Span, map: bool) -> Loc {
        let at = self.push_slice(span, 0..0, false);
        self.nodes[at.0 as usize].kind = if map { Kind::Map } else { Kind::Seq };
        at
    }

    /// Gives a list its items.
    pub(super) fn fill_seq(&mut self, at: Loc, children: &[Loc]) {
        let start = self.items.len() as u32;
        self.items.extend_from_slice(children);
        for child in children {
            self.nodes[child.0 as usize].parent = at.0;
        }
        self.set_content(at, Kind::Seq, start, self.items.len() as u32);
    }

    /// Gives a map its keys and values.
    pub(super) fn fill_map(&mut self, at: Loc, children: &[(Loc, Loc)]) {
        for (key, value) in children {
            self.nodes[key.0 as usize].parent = at.0;
            self.nodes[value.0 as usize].parent = at.0;
            self.nodes[value.0 as usize].key = key.0;
        }
        self.share_map(at, children);
    }

    /// Gives a map keys and values that stay children of the place where they are written.
    pub(super) fn share_map(&mut self, at: Loc, children: &[(Loc, Loc)]) {
        let start = self.pairs.len() as u32;
        self.pairs.extend_from_slice(children);
        self.set_content(at, Kind::Map, start, self.pairs.len() as u32);
    }

    fn set_content(&mut self, at: Loc, kind: Kind, a: u32, b: u32) {
        let entry = &mut self.nodes[at.0 as usize];
        (entry.kind, entry.a, entry.b) = (kind, a, b);
    }

    /// Replaces one item of a list.
    pub(super) fn set_item(&mut self, seq: Loc, index: usize, value: Loc) {
        let start = self.nodes[seq.0 as usize].a as usize;
        self.items[start + index] = value;
    }

    /// Gives a scalar a text that a parameter produced.
    pub(super) fn set_text(&mut self, at: Loc, text: &str) {
        let start = self.made.len() as u32;
        self.made.push_str(text);
        self.set_content(at, Kind::Made, start, self.made.len() as u32);
        self.nodes[at.0 as usize].param = true;
    }

    pub(super) fn set_param(&mut self, at: Loc, param: bool) {
        self.nodes[at.0 as usize].param = param;
    }

    pub(super) fn set_end(&mut self, at: Loc, end: u32) {
        self.nodes[at.0 as usize].span.end = end;
    }

    pub(super) fn set_parent(&mut self, at: Loc, parent: Loc) {
        self.nodes[at.0 as usize].parent = parent.0;
    }

    pub(super) fn set_key(&mut self, at: Loc, key: Loc) {
        self.nodes[at.0 as usize].key = key.0;
    }

    pub(super) fn push_site(&mut self, span: Span) -> u32 {
        self.sites.push(span);
        self.sites.len() as u32 - 1
    }

    pub(super) fn set_comments(&mut self, comments: Vec<Comment>, mut allows: Vec<Allow>) {
        allows.sort_by_key(|allow| (allow.span.file, allow.line, allow.span.start));
        (self.comments, self.allows) = (comments, allows);
    }

    /// The root takes over what another node holds.
    pub(super) fn become_node(&mut self, other: Loc) {
        let mut entry = self.nodes[other.0 as usize].clone();
        (entry.parent, entry.key) = (NONE, NONE);
        self.nodes[0] = entry;
        let children: Vec<u32> = match self.node(Loc(0)) {
            Node::Scalar { .. } => Vec::new(),
            Node::Seq(items) => items.iter().map(|item| item.0).collect(),
            Node::Map(pairs) => pairs
                .iter()
                .flat_map(|(key, value)| [key.0, value.0])
                .collect(),
        };
        for child in children {
            self.nodes[child as usize].parent = 0;
        }
    }

    /// A copy of one node alone: its children stay the same nodes.
    pub(super) fn copy_shallow(&mut self, at: Loc) -> Loc {
        let entry = self.nodes[at.0 as usize].clone();
        self.push(entry)
    }

    /// A copy of a node and everything in it, marked as brought by the alias `site`.
    /// `budget` counts the nodes that may still be made; `depth` the levels below that may still be opened.
    pub(super) fn copy(
        &mut self,
        at: Loc,
        site: u32,
        budget: &mut usize,
        depth: usize,
    ) -> Result<Loc, TooMuch> {
        *budget = budget.checked_sub(1).ok_or(TooMuch::Nodes)?;
        let mut entry = self.nodes[at.0 as usize].clone();
        entry.site = site;
        let (range, kind) = (entry.a as usize..entry.b as usize, entry.kind);
        let copy = self.push(entry);
        match kind {
            Kind::Slice | Kind::Made => {}
            Kind::Seq => {
                let depth = depth.checked_sub(1).ok_or(TooMuch::Depth)?;
                let mut children = Vec::with_capacity(range.len());
                for index in range {
                    children.push(self.copy(self.items[index], site, budget, depth)?);
                }
                self.fill_seq(copy, &children);
            }
            Kind::Map => {
                let depth = depth.checked_sub(1).ok_or(TooMuch::Depth)?;
                let mut children = Vec::with_capacity(range.len());
                for index in range {
                    let (key, value) = self.pairs[index];
                    children.push((
                        self.copy(key, site, budget, depth)?,
                        self.copy(value, site, budget, depth)?,
                    ));
                }
                self.fill_map(copy, &children);
            }
        }
        Ok(copy)
    }

    /// Takes another tree's nodes in and returns its root's new place.
    pub(super) fn append(&mut self, other: &Self) -> Loc {
        let (nodes, items, pairs) = (
            self.nodes.len() as u32,
            self.items.len() as u32,
            self.pairs.len() as u32,
        );
        let (made, sites) = (self.made.len() as u32, self.sites.len() as u32);
        let moved = |id: u32, by: u32| if id == NONE { NONE } else { id + by };
        let shift = |at: Loc| Loc(at.0 + nodes);
        self.nodes
            .extend(other.nodes.iter().cloned().map(|mut entry| {
                entry.parent = moved(entry.parent, nodes);
                entry.key = moved(entry.key, nodes);
                entry.site = moved(entry.site, sites);
                let by = match entry.kind {
                    Kind::Slice => 0,
                    Kind::Made => made,
                    Kind::Seq => items,
                    Kind::Map => pairs,
                };
                (entry.a, entry.b) = (entry.a + by, entry.b + by);
                entry
            }));
        self.items.extend(other.items.iter().map(|at| shift(*at)));
        self.pairs.extend(
            other
                .pairs
                .iter()
                .map(|(key, value)| (shift(*key), shift(*value))),
        );
        self.made.push_str(&other.made);
        self.sites.extend_from_slice(&other.sites);
        for (file, text) in &other.texts {
            if !self.texts.iter().any(|(known, _)| known == file) {
                self.texts.push((*file, Arc::clone(text)));
            }
        }
        self.comments.extend_from_slice(&other.comments);
        self.allows.extend_from_slice(&other.allows);
        self.allows
            .sort_by_key(|allow| (allow.span.file, allow.line, allow.span.start));
        Loc(nodes)
    }
}

/// Why a copy stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TooMuch {
    Nodes,
    Depth,
}

/// Paths: `routes.socket.websocket.idle`, `routes[2].path`.
impl Tree {
    /// Where the node stands, in words. An item of the top-level `routes` goes by its `name`.
    pub fn path(&self, at: Loc) -> String {
        let mut steps = Vec::new();
        let mut here = at;
        while let Some(parent) = self.parent(here) {
            if let Some(key) = self.key(here) {
                steps.push(format!(".{}", self.scalar(key).unwrap_or("")));
            } else if let Node::Seq(items) = self.node(parent) {
                steps.push(match self.route_name(parent, here) {
                    Some(name) => format!(".{name}"),
                    None => format!(
                        "[{}]",
                        items.iter().position(|item| *item == here).unwrap_or(0)
                    ),
                });
            }
            here = parent;
        }
        steps.reverse();
        steps.concat().trim_start_matches('.').to_owned()
    }

    /// The node at a path as [`Tree::path`] writes it; a key may contain dots.
    pub fn loc_at(&self, path: &str) -> Option<Loc> {
        let mut here = self.root();
        let mut rest = path;
        while !rest.is_empty() {
            let (next, _, after) = self.step(here, rest)?;
            (here, rest) = (next, after);
        }
        Some(here)
    }

    /// One step of a path from `here`: the child, its index in a list, what is left of the path.
    pub(super) fn step<'p>(&self, here: Loc, path: &'p str) -> Option<(Loc, usize, &'p str)> {
        if let Some(inner) = path.strip_prefix('[') {
            let (index, after) = inner.split_once(']')?;
            let index = index.parse().ok()?;
            let item = *self.items(here).get(index)?;
            return Some((item, index, after.strip_prefix('.').unwrap_or(after)));
        }
        let ends = path
            .char_indices()
            .filter(|(_, c)| matches!(c, '.' | '['))
            .map(|(at, _)| at);
        ends.chain([path.len()]).find_map(|end| {
            let (name, after) = path.split_at(end);
            let after = after.strip_prefix('.').unwrap_or(after);
            match self.node(here) {
                Node::Map(_) => self.get(here, name).map(|value| (value, 0, after)),
                Node::Seq(items) => {
                    let index = items
                        .iter()
                        .position(|item| self.route_name(here, *item) == Some(name))?;
                    Some((items[index], index, after))
                }
                Node::Scalar { .. } => None,
            }
        })
    }

    /// The name of an item of the top-level list `routes`.
    fn route_name(&self, list: Loc, item: Loc) -> Option<&str> {
        let under_root = self
            .parent(list)
            .is_some_and(|parent| self.parent(parent).is_none());
        let is_routes = self.key(list).and_then(|key| self.scalar(key)) == Some("routes");
        (under_root && is_routes)
            .then(|| self.get(item, "name"))
            .flatten()
            .and_then(|name| self.scalar(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_compact() {
        assert!(size_of::<Entry>() <= 40, "{}", size_of::<Entry>());
    }
}
