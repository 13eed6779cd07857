//! Header changes of one direction, as a filter.

use crate::emit::{Map, Node};
use crate::ir::{Change, HeaderOp, Listener, Loc, Route};
use crate::targets::kubernetes::routes::{self};
use crate::targets::kubernetes::{text, word, words};

/// Header changes of one direction.
#[derive(Default)]
pub(super) struct Heads {
    pub(super) set: Vec<(String, String, Loc)>,
    pub(super) add: Vec<(String, String, Loc)>,
    pub(super) remove: Vec<String>,
}

impl Heads {
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>, at: Loc) {
        self.set
            .retain(|(known, ..)| !known.eq_ignore_ascii_case(name));
        self.set.push((name.to_owned(), value.into(), at));
    }

    pub(super) fn remove(&mut self, name: &str) {
        if !self
            .remove
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            self.remove.push(name.to_owned());
        }
    }

    pub(super) fn change(
        &mut self,
        ops: &[HeaderOp],
        route: &Route,
        listener: &Listener,
        kept: impl Fn(&HeaderOp) -> bool,
    ) {
        for op in ops.iter().filter(|op| kept(op)) {
            let value = op
                .change
                .value()
                .map(|it| routes::fixed(it, route, listener));
            match (&op.change, value.flatten()) {
                (Change::Remove, _) | (_, None) => self.remove(&op.name),
                (Change::Add(_), Some(value)) => self.add.push((op.name.clone(), value, op.at)),
                (Change::Set(_) | Change::SetIfAbsent(_), Some(value)) => {
                    self.set(&op.name, value, op.at)
                }
            }
        }
    }

    pub(super) fn filter(self, kind: &'static str, key: &'static str) -> Option<Node> {
        let list = |all: Vec<(String, String, Loc)>| {
            Node::list(all.into_iter().map(|(name, value, at)| {
                let map = Map::new()
                    .put("name", word(&name))
                    .put("value", text(&value, at));
                Node::from(map).at(at)
            }))
        };
        let mut map = Map::new();
        if !self.set.is_empty() {
            map = map.put("set", list(self.set));
        }
        if !self.add.is_empty() {
            map = map.put("add", list(self.add));
        }
        if !self.remove.is_empty() {
            map = map.put("remove", words(self.remove));
        }
        (!map.is_empty())
            .then(|| Node::from(Map::new().put("type", Node::word(kind)).put(key, map)))
    }
}
