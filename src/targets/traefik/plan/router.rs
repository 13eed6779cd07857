//! A router as Traefik has it: what it takes, in which order, and where it sends it.

use super::rule::Rule;
use super::{number, word, words};
use crate::emit::lang::traefik;
use crate::emit::{Map, Node};
use crate::ir::Loc;

/// A router.
pub(super) struct Router {
    pub(super) name: String,
    pub(super) rule: Rule,
    pub(super) entry_points: Vec<String>,
    /// The router behind which it stands, instead of entry points.
    pub(super) parent: Option<String>,
    pub(super) middlewares: Vec<String>,
    /// Where requests go; empty where other routers stand behind it.
    pub(super) service: String,
    pub(super) tls: Option<Map>,
    /// Whether its requests enter the access log.
    pub(super) logged: bool,
    pub(super) at: Loc,
    /// A comment before it.
    pub(super) remark: Option<&'static str>,
}

/// The routers with their priorities: what stands first wins.
pub(super) fn numbered(routers: Vec<Router>) -> Map {
    let mut map = Map::new();
    for (router, priority) in with_priorities(routers) {
        if let Some(remark) = router.remark {
            map = map.remark(remark);
        }
        let name = traefik::word(&router.name);
        map = map.entry(name, node(&router, priority, ""));
    }
    map
}

/// Each router with its priority: what stands first wins.
pub(super) fn with_priorities(routers: Vec<Router>) -> impl Iterator<Item = (Router, u64)> {
    let count = routers.len() as u64;
    let numbers = (0..count).map(move |number| (count - number) * 10);
    routers.into_iter().zip(numbers)
}

/// A router. `at` is where it finds the services and middlewares that it names: nothing for the file it stands in.
pub(super) fn node(router: &Router, priority: u64, at: &str) -> Node {
    let named = |name: &str| match name.contains('@') {
        true => name.to_owned(),
        false => format!("{name}{at}"),
    };
    let own = Map::new()
        .put("rule", Node::tok(router.rule.tok()))
        .put("priority", number(priority));
    let own = match &router.parent {
        Some(parent) => own.put("parentRefs", words([parent])),
        None => own.put("entryPoints", words(&router.entry_points)),
    };
    let own = match router.middlewares.is_empty() {
        true => own,
        false => own.put(
            "middlewares",
            words(router.middlewares.iter().map(|it| named(it))),
        ),
    };
    let own = match router.service.is_empty() {
        true => own,
        false => own.put("service", word(&named(&router.service))),
    };
    let own = own.maybe("tls", router.tls.clone());
    let own = match router.logged {
        true => own,
        false => own.put(
            "observability",
            Map::new().put("accessLogs", Node::flag(false)),
        ),
    };
    Node::from(own).at(router.at)
}
