//! Header changes of one direction, as a filter.

use crate::emit::{Map, Node};
use crate::ir::{Change, HeaderOp, HostMatch, Listener, Loc, Route};
use crate::targets::gateway::facts;
use crate::targets::kubernetes::routes::{self};
use crate::targets::kubernetes::{text, word, words};

/// The headers that say who the client is.
const WRITTEN: [&str; 5] = [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Real-Ip",
];

/// Header changes of one direction.
#[derive(Default)]
pub(super) struct Heads {
    pub(super) set: Vec<(String, String, Loc)>,
    pub(super) add: Vec<(String, String, Loc)>,
    pub(super) remove: Vec<String>,
    /// Whether values are read for Envoy's own words, which stand between signs of percent.
    words: bool,
}

impl Heads {
    pub(super) fn new(words: bool) -> Self {
        Self {
            words,
            ..Self::default()
        }
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<String>, at: Loc) {
        self.set
            .retain(|(known, ..)| !known.eq_ignore_ascii_case(name));
        self.remove
            .retain(|known| !known.eq_ignore_ascii_case(name));
        self.set.push((name.to_owned(), value.into(), at));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.set
            .retain(|(known, ..)| !known.eq_ignore_ascii_case(name));
        if !self
            .remove
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            self.remove.push(name.to_owned());
        }
    }

    /// What Envoy would pass on as the client wrote it: only its own words, where they are read, can name the client again.
    pub(super) fn forwarded(&mut self, route: &Route, listener: &Listener) {
        self.remove("Forwarded");
        if !route.forwarded.value {
            if self.words {
                WRITTEN.iter().for_each(|it| self.remove(it));
            }
            return;
        }
        let at = listener.at;
        self.set("X-Forwarded-Proto", listener.scheme(), at);
        let port = listener.public_port.value.to_string();
        self.set("X-Forwarded-Port", port, listener.public_port.loc());
        self.remove("X-Real-Ip");
        self.remove("X-Forwarded-Host");
        if self.words {
            let client = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%";
            self.set("X-Forwarded-For", client, at);
            self.set("X-Real-Ip", client, at);
            // Where the host is changed Envoy adds the client's own itself.
            if !facts::changes_host(route) {
                self.set("X-Forwarded-Host", "%REQ(:AUTHORITY)%", at);
            }
        } else if let [host] = route.hosts.as_slice()
            && let HostMatch::Exact(name) = &host.value
            && !facts::changes_host(route)
        {
            self.set("X-Forwarded-Host", name, host.loc());
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
            match (
                &op.change,
                value.flatten().map(|it| match self.words {
                    true => it.replace('%', "%%"),
                    false => it,
                }),
            ) {
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
