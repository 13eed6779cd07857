//! Building and rewriting a tree, for the modules of `spec`.

use std::sync::Arc;

use super::{Allow, Comment, Entry, Kind, NONE, Node, Tree};
use crate::source::{FileId, Loc, Span};

impl Tree {
    pub(in crate::spec) fn for_text(file: FileId, text: &Arc<str>) -> Self {
        // About what a spec has; room that is not needed is never touched.
        let bytes = text.len();
        Self {
            nodes: Vec::with_capacity(bytes / 8 + 16),
            pairs: Vec::with_capacity(bytes / 16 + 8),
            items: Vec::with_capacity(bytes / 32 + 8),
            texts: vec![(file, Arc::clone(text))],
            ..Self::default()
        }
    }

    fn push(&mut self, entry: Entry) -> Loc {
        self.nodes.push(entry);
        Loc(self.nodes.len() as u32 - 1)
    }

    /// A scalar whose text is a range of the source.
    pub(in crate::spec) fn push_slice(
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
            unfilled: false,
        })
    }

    /// A scalar whose text the tree keeps.
    pub(in crate::spec) fn push_made(&mut self, span: Span, text: &str, plain: bool) -> Loc {
        let start = self.made.len() as u32;
        self.made.push_str(text);
        let end = self.made.len() as u32;
        let at = self.push_slice(span, start..end, plain);
        self.nodes[at.0 as usize].kind = Kind::Made;
        at
    }

    /// A list or map without children yet.
    pub(in crate::spec) fn push_open(&mut self, span: Span, map: bool) -> Loc {
        let at = self.push_slice(span, 0..0, false);
        self.nodes[at.0 as usize].kind = if map { Kind::Map } else { Kind::Seq };
        at
    }

    /// Gives a list its items.
    pub(in crate::spec) fn fill_seq(&mut self, at: Loc, children: &[Loc]) {
        let start = self.items.len() as u32;
        self.items.extend_from_slice(children);
        for child in children {
            self.nodes[child.0 as usize].parent = at.0;
        }
        self.set_content(at, Kind::Seq, start, self.items.len() as u32);
    }

    /// Gives a map its keys and values.
    pub(in crate::spec) fn fill_map(&mut self, at: Loc, children: &[(Loc, Loc)]) {
        for (key, value) in children {
            self.nodes[key.0 as usize].parent = at.0;
            self.nodes[value.0 as usize].parent = at.0;
            self.nodes[value.0 as usize].key = key.0;
        }
        self.share_map(at, children);
    }

    /// Gives a map keys and values that stay children of the place where they are written.
    pub(in crate::spec) fn share_map(&mut self, at: Loc, children: &[(Loc, Loc)]) {
        let start = self.pairs.len() as u32;
        self.pairs.extend_from_slice(children);
        self.set_content(at, Kind::Map, start, self.pairs.len() as u32);
    }

    fn set_content(&mut self, at: Loc, kind: Kind, a: u32, b: u32) {
        let entry = &mut self.nodes[at.0 as usize];
        (entry.kind, entry.a, entry.b) = (kind, a, b);
    }

    /// Replaces one item of a list.
    pub(in crate::spec) fn set_item(&mut self, seq: Loc, index: usize, value: Loc) {
        let start = self.nodes[seq.0 as usize].a as usize;
        self.items[start + index] = value;
    }

    /// Gives a scalar a text that a parameter produced.
    pub(in crate::spec) fn set_text(&mut self, at: Loc, text: &str) {
        let start = self.made.len() as u32;
        self.made.push_str(text);
        self.set_content(at, Kind::Made, start, self.made.len() as u32);
        self.nodes[at.0 as usize].param = true;
    }

    pub(in crate::spec) fn set_param(&mut self, at: Loc, param: bool) {
        self.nodes[at.0 as usize].param = param;
    }

    pub(in crate::spec) fn set_unfilled(&mut self, at: Loc) {
        self.nodes[at.0 as usize].unfilled = true;
    }

    pub(in crate::spec) fn set_end(&mut self, at: Loc, end: u32) {
        self.nodes[at.0 as usize].span.end = end;
    }

    pub(in crate::spec) fn set_parent(&mut self, at: Loc, parent: Loc) {
        self.nodes[at.0 as usize].parent = parent.0;
    }

    pub(in crate::spec) fn set_key(&mut self, at: Loc, key: Loc) {
        self.nodes[at.0 as usize].key = key.0;
    }

    pub(in crate::spec) fn push_site(&mut self, span: Span) -> u32 {
        self.sites.push(span);
        self.sites.len() as u32 - 1
    }

    pub(in crate::spec) fn set_comments(&mut self, comments: Vec<Comment>, mut allows: Vec<Allow>) {
        allows.sort_by_key(|allow| (allow.span.file, allow.line, allow.span.start));
        (self.comments, self.allows) = (comments, allows);
    }

    /// The root takes over what another node holds.
    pub(in crate::spec) fn become_node(&mut self, other: Loc) {
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
    pub(in crate::spec) fn copy_shallow(&mut self, at: Loc) -> Loc {
        let entry = self.nodes[at.0 as usize].clone();
        self.push(entry)
    }

    /// A copy of a node and everything in it, marked as brought by the alias `site`.
    /// `budget` counts the nodes that may still be made; `depth` the levels below that may still be opened.
    pub(in crate::spec) fn copy(
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
    pub(in crate::spec) fn append(&mut self, other: &Self) -> Loc {
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
pub(in crate::spec) enum TooMuch {
    Nodes,
    Depth,
}
