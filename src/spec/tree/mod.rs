//! The document as a flat list of nodes that know their key, parent, alias site and place in the text.

use std::sync::Arc;

use crate::source::{FileId, Loc, Span};

mod build;
mod path;

pub(in crate::spec) use build::TooMuch;

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
    /// A parameter in it has no value.
    unfilled: bool,
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

    /// Has a parameter in this value no value? That is reported already, and the value says nothing.
    pub fn is_unfilled(&self, at: Loc) -> bool {
        self.entry(at).is_some_and(|entry| entry.unfilled)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_compact() {
        assert!(size_of::<Entry>() <= 40, "{}", size_of::<Entry>());
    }
}
