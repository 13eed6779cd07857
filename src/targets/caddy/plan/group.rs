//! Which routes share a handler of an upstream: those whose settings are the same.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::headers::FORWARDED;
use crate::ir::{Dur, Gateway, Listener, Replace, Route, RouteId, Share, Upstream, UpstreamId};
use crate::targets::caddy::facts;

/// An upstream as some routes use it.
pub(super) struct Group<'a> {
    pub(super) name: String,
    pub(super) upstream: &'a Upstream,
    /// The first of the routes, and its share: the others have the same settings.
    pub(super) route: &'a Route,
    pub(super) share: &'a Share,
    pub(super) read: Option<Dur>,
}

/// Every group, and which one a route's share is served by.
pub(super) struct Groups<'a> {
    pub(super) list: Vec<Group<'a>>,
    of: HashMap<(RouteId, UpstreamId), usize>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(g: &'a Gateway) -> Self {
        let mut groups = Self {
            list: Vec::new(),
            of: HashMap::default(),
        };
        let mut known: HashMap<String, usize> = HashMap::default();
        let mut used: HashSet<UpstreamId> = HashSet::default();
        for route in &g.routes {
            for share in route.shares() {
                let read = facts::read_timer(g, route, share);
                let settings = settings(route, share, read);
                let id = share.upstream.value;
                let upstream = g.upstream(id);
                let index = *known.entry(settings).or_insert_with(|| {
                    let name = match used.insert(id) {
                        true => format!("upstream:{}", upstream.name),
                        false => format!("upstream:{}:{}", upstream.name, route.name),
                    };
                    groups.list.push(Group {
                        name,
                        upstream,
                        route,
                        share,
                        read,
                    });
                    groups.list.len() - 1
                });
                groups.of.insert((route.id, id), index);
            }
        }
        groups
    }

    /// The groups that a listener's routes lead to.
    pub(super) fn asked(&self, g: &Gateway, listener: &Listener) -> Vec<&Group<'a>> {
        let routes = g.routes.iter().filter(|route| g.serves(listener, route));
        let asked: HashSet<usize> = routes
            .flat_map(|route| {
                let of = |share: &Share| self.of.get(&(route.id, share.upstream.value)).copied();
                route.shares().iter().filter_map(of)
            })
            .collect();
        let all = self.list.iter().enumerate();
        all.filter(|(index, _)| asked.contains(index))
            .map(|(_, group)| group)
            .collect()
    }

    pub(super) fn of(&self, route: &Route, upstream: UpstreamId) -> Option<&Group<'a>> {
        let index = *self.of.get(&(route.id, upstream))?;
        self.list.get(index)
    }
}

/// What routes must have in common to share a handler, as a text to compare.
fn settings(route: &Route, share: &Share, read: Option<Dur>) -> String {
    let own = answers_for(route) || changes_forwarded(route);
    let max = route.websocket.as_ref().map(|it| it.max_duration.value);
    format!(
        "{:?} {:?} {:?} {:?} {} {:?} {:?} {:?} {} {:?}",
        share.upstream.value,
        share.connect.value,
        share.retries.value,
        share.host_header.value,
        route.response.value,
        read,
        max,
        route.stream.as_ref().map(|it| it.request.value),
        route.forwarded.value,
        own.then_some(route.id),
    )
}

/// Whether the handler looks at answers on behalf of one route.
fn answers_for(route: &Route) -> bool {
    let pages = route.error_pages.as_ref();
    pages.is_some_and(|it| it.replace.value != Replace::Proxy)
        || route
            .rewrite
            .as_ref()
            .is_some_and(|it| it.map_location.value)
}

fn changes_forwarded(route: &Route) -> bool {
    route.request_headers.iter().any(|op| {
        FORWARDED
            .iter()
            .any(|name| op.name.eq_ignore_ascii_case(name))
    })
}
