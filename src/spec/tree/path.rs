//! Paths: `routes.socket.websocket.idle`, `routes[2].path`.

use super::{Node, Tree};
use crate::source::Loc;

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
    pub(in crate::spec) fn step<'p>(
        &self,
        here: Loc,
        path: &'p str,
    ) -> Option<(Loc, usize, &'p str)> {
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
