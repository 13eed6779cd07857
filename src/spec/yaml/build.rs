//! Finished nodes into the list or mapping around them; aliases into copies.

use super::{Comment, Key, Loader, MAX_ALIAS_NODES, MAX_DEPTH, Node, Stop, syntax};
use crate::source::{Loc, Span};
use crate::spec::scalar;
use crate::spec::tree::TooMuch;

impl Loader<'_> {
    /// Ends the innermost list or mapping.
    pub(super) fn close(&mut self, end: u32) -> Loc {
        let Some(open) = self.open.pop() else {
            return self.tree.root();
        };
        self.end = end;
        let start = self.tree.span(open.at).start;
        self.tree.set_end(open.at, end.max(start));
        if open.map {
            let mut pairs = self.pairs.split_off(open.first);
            self.refuse_duplicates(&mut pairs);
            self.merge_keys(&mut pairs);
            self.tree.fill_map(open.at, &pairs);
        } else {
            self.tree.fill_seq(open.at, &self.items[open.first..]);
            self.items.truncate(open.first);
        }
        self.anchored(open.anchor, open.at);
        open.at
    }

    /// Ends every list and mapping that a fault left open, each within the one around it: what was read can be found from the root.
    pub(super) fn close_all(&mut self) {
        while !self.open.is_empty() {
            let at = self.close(self.end);
            let takes = self
                .open
                .last()
                .is_some_and(|open| !open.map || matches!(open.key, Key::Read(_)));
            // A value takes its place without a fault.
            if takes {
                let _ = self.place(at);
            }
        }
    }

    pub(super) fn anchored(&mut self, anchor: usize, at: Loc) {
        if anchor != 0 {
            self.anchors.insert(anchor, at);
        }
    }

    /// Puts a finished node into the list or mapping around it.
    pub(super) fn place(&mut self, at: Loc) -> Result<(), Stop> {
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        if !open.map {
            self.items.push(at);
            return Ok(());
        }
        match std::mem::replace(&mut open.key, Key::Awaited) {
            Key::Read(key) => {
                self.tree.set_key(at, key);
                self.pairs.push((key, at));
            }
            Key::Refused => {}
            Key::Awaited => {
                let fault = match self.tree.node(at) {
                    Node::Scalar { text, plain, .. } => {
                        (plain && scalar::is_null(text)).then_some(("a key is missing here", ""))
                    }
                    Node::Seq(_) => Some((
                        "a list cannot be a key",
                        "a key is text; text that starts with `[` needs quotes",
                    )),
                    Node::Map(_) => Some((
                        "a mapping cannot be a key",
                        "a key is text; a parameter cannot make a key",
                    )),
                };
                open.key = if let Some((title, help)) = fault {
                    let diag = self
                        .report
                        .error("yaml::key", self.tree.span(at))
                        .says(title);
                    if !help.is_empty() {
                        diag.help(help);
                    }
                    Key::Refused
                } else {
                    Key::Read(at)
                };
            }
        }
        Ok(())
    }

    pub(super) fn alias(&mut self, id: usize, span: &granit_parser::Span) -> Result<(), Stop> {
        let span = self.span(span);
        self.end = self.end.max(span.end);
        let Some(target) = self.anchors.get(&id).copied() else {
            let mut title = "this value contains itself".to_owned();
            let place = self
                .open
                .iter()
                .find(|open| open.anchor == id)
                .map(|open| self.tree.span(open.at));
            if let Some(name) = self
                .source
                .text
                .get(span.start as usize + 1..span.end as usize)
            {
                title = format!("`&{name}` contains itself");
            }
            let diag = self
                .report
                .error("yaml::endless-alias", span)
                .says(title)
                .label("the alias");
            if let Some(place) = place {
                diag.also(
                    Span {
                        end: place.start,
                        ..place
                    },
                    "starts here",
                );
            }
            let at = self.tree.push_made(span, "", true);
            return self.place(at);
        };
        let site = self.tree.push_site(span);
        let depth = MAX_DEPTH - self.open.len();
        match self.tree.copy(target, site, &mut self.budget, depth) {
            Ok(at) => self.place(at),
            Err(TooMuch::Depth) => {
                syntax::too_deep(span, self.report);
                Err(Stop)
            }
            Err(TooMuch::Nodes) => {
                self.report
                    .error("yaml::too-many-nodes", span)
                    .says(format!("the aliases of this file bring more than {MAX_ALIAS_NODES} values"))
                    .label("this one is too much")
                    .help("aliases of lists of aliases multiply: write the value out, or use `defaults`");
                Err(Stop)
            }
        }
    }

    pub(super) fn comment(&mut self, span: Span) {
        let (line, _) = self.source.line_col(span.start);
        let first = self.source.line_range(line).start as usize;
        let alone = self.source.text[first..span.start as usize]
            .trim()
            .is_empty();
        self.comments.push(Comment { span, line, alone });
    }
}
