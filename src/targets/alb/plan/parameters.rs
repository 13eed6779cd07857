//! What is given when the stack is made: names, and which of them have no default.

use std::collections::BTreeSet;

use super::Ctx;
use crate::emit::{Map, Node};
use crate::ir::Loc;

/// The parameters of a template.
#[derive(Default)]
pub(super) struct Parameters {
    /// Each with what it is.
    pub(super) map: Map,
    /// The names.
    pub(super) named: BTreeSet<String>,
    /// Those that a deployment has to give, in the template's order.
    pub(super) asked: Vec<String>,
}

impl Parameters {
    /// Adds a parameter and returns its name.
    pub(super) fn add(
        &mut self,
        ctx: &Ctx<'_>,
        name: &str,
        kind: &'static str,
        about: &str,
        given: Option<(&str, Loc)>,
    ) -> String {
        let map = Map::new()
            .put("Type", Node::word(kind))
            .put("Description", ctx.text(about))
            .maybe("Default", given.map(|(text, at)| ctx.text(text).at(at)));
        match given {
            Some(_) => self.insert(ctx, name, map),
            None => self.put(ctx, name, map),
        }
    }

    /// Adds a parameter that has no default.
    pub(super) fn put(&mut self, ctx: &Ctx<'_>, name: &str, map: Map) -> String {
        if !self.named.contains(name) {
            self.asked.push(name.to_owned());
        }
        self.insert(ctx, name, map)
    }

    fn insert(&mut self, ctx: &Ctx<'_>, name: &str, map: Map) -> String {
        if self.named.insert(name.to_owned()) {
            self.map = std::mem::take(&mut self.map).entry(ctx.tok(name), map);
        }
        name.to_owned()
    }
}
