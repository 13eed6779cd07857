//! The order in which implementations try rules, beside the computed one: no route can say its place, so that where the two differ a
//! route's requests are another's.

use std::cmp::Reverse;

use super::facts::{self, Means};
use crate::ir::{
    Condition, Entry, Gateway, GatewayImplementation, HostMatch, Loc, PathMatch, Route, Set,
    ValueMatch,
};
use crate::targets::kubernetes::names;

/// Why requests do not reach a route.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lost<'a> {
    /// Another route has a rule that goes before.
    To(&'a Route),
    /// The implementation knows this host by other routes, and looks no further than those.
    Beyond(&'a HostMatch),
    /// There is too much to compare.
    Unknown,
}

/// Beyond so many hosts and paths nobody compares them.
const COMPARED: usize = 2000;

/// Why requests for a path of a route do not reach it; `at` is the path's place.
pub(super) fn lost<'a>(
    g: &'a Gateway,
    implementation: GatewayImplementation,
    route: &'a Route,
    at: Loc,
) -> Option<Lost<'a>> {
    let means = facts::means_of(implementation);
    let rendered = |entry: &Entry| {
        let route = g.route(entry.route);
        facts::can_tell(route)
            && facts::host(entry.host(g)).is_some()
            && facts::path(entry.path(g), means).is_some()
    };
    if !facts::can_tell(route) {
        return None;
    }
    if g.table.len() > COMPARED {
        return Some(Lost::Unknown);
    }
    let mut earlier: Vec<Entry> = Vec::new();
    let mut own = Vec::new();
    for entry in g.table.iter().filter(|it| rendered(it)) {
        if entry.route == route.id && route.paths[entry.path as usize].loc() == at {
            own.push((*entry, earlier.len()));
        }
        earlier.push(*entry);
    }
    let all = earlier;
    own.into_iter().find_map(|(entry, place)| {
        let to = all[place + 1..].iter().find_map(|later| {
            let other = g.route(later.route);
            let goes_before = other.id != route.id
                && shares_listener(g, route, other)
                && hosts_meet(entry.host(g), later.host(g))
                && paths_meet(entry.path(g), later.path(g))
                && overtakes(g, means, entry, *later);
            goes_before.then_some(Lost::To(other))
        });
        to.or_else(|| match means {
            Means::Traefik => None,
            Means::Envoy | Means::None => beyond(g, &all[..place], route, entry),
        })
    })
}

fn shares_listener(g: &Gateway, one: &Route, other: &Route) -> bool {
    g.listeners_of(one).any(|it| g.serves(it, other))
}

/// A nearer host, known by other routes, whose own leave requests for this path over.
fn beyond<'a>(g: &'a Gateway, earlier: &[Entry], route: &Route, entry: Entry) -> Option<Lost<'a>> {
    let wide = entry.host(g);
    let path = entry.path(g);
    let names_it = |host: &HostMatch| route.hosts.iter().any(|it| it.value == *host);
    let nearer = earlier.iter().filter(|other| {
        let (host, route_of) = (other.host(g), g.route(other.route));
        host != wide
            && hosts_meet(host, wide)
            && !names_it(host)
            && shares_listener(g, route, route_of)
    });
    let left_over = |host: &HostMatch| {
        let mut of_host = earlier.iter().filter(|it| it.host(g) == host);
        !of_host.any(|it| {
            let all = g.route(it.route).when.count() == 0;
            all && covers(it.path(g), path)
        })
    };
    nearer
        .map(|it| it.host(g))
        .find(|host| left_over(host))
        .map(Lost::Beyond)
}

/// What a rule asks for beyond host, path and the route's own conditions.
struct Shape {
    methods: Vec<String>,
    upgrade: bool,
    origin: Origin,
    /// How many rules of the route are not before it: 1 for the last one.
    place: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Unasked,
    Any,
    Listed,
}

impl Shape {
    fn headers(&self) -> usize {
        usize::from(self.upgrade) + usize::from(self.origin != Origin::Unasked)
    }
}

/// The rules of a route, in their order.
fn shapes(route: &Route) -> Vec<Shape> {
    let mut shapes = Vec::new();
    let mut add = |methods: &[String], upgrade: bool, origin: Origin| {
        shapes.push(Shape {
            methods: methods.to_vec(),
            upgrade,
            origin,
            place: 0,
        });
    };
    let upgrade = route.when.upgrade.as_ref().is_some_and(|it| it.value);
    let when = &route.when.methods;
    let socket = route
        .websocket
        .as_ref()
        .filter(|_| !route.shares().is_empty());
    let methods = &facts::upgrading(route);
    let mut ends = false;
    if let Some(socket) = socket {
        if !methods.is_empty() {
            if socket.origins.is_some() || socket.require_origin.value {
                add(methods, true, Origin::Listed);
                add(methods, true, Origin::Any);
            }
            add(methods, true, Origin::Unasked);
            ends = upgrade;
        }
        if socket.only.value && !upgrade {
            let asked = when.as_ref().map_or(&[][..], |it| &it.value);
            add(asked, false, Origin::Unasked);
            ends = true;
        }
    }
    if !ends {
        if let Some(methods) = facts::allowed(route) {
            add(&methods, upgrade, Origin::Unasked);
        }
        if let Some(methods) = facts::refused(route) {
            add(&methods, upgrade, Origin::Unasked);
        }
    }
    let count = shapes.len();
    for (n, shape) in shapes.iter_mut().enumerate() {
        shape.place = count - n;
    }
    shapes
}

/// Whether a request that is the first entry's can meet a rule of the second one's route that is tried before its own.
fn overtakes(g: &Gateway, means: Means, first: Entry, second: Entry) -> bool {
    let (one, other) = (g.route(first.route), g.route(second.route));
    let apart = |one: &[Set<Condition>], other: &[Set<Condition>]| {
        one.iter().any(|a| {
            other.iter().any(|b| {
                let values = (&a.value.value, &b.value.value);
                a.value.name == b.value.name
                    && matches!(values, (ValueMatch::Exact(a), ValueMatch::Exact(b)) if a != b)
            })
        })
    };
    if apart(&one.when.headers, &other.when.headers) || apart(&one.when.query, &other.when.query) {
        return false;
    }
    let own = shapes(one);
    shapes(other).iter().any(|theirs| {
        let wanted = one.when.methods.as_ref().map_or(&[][..], |it| &it.value);
        let asked: Vec<&str> = match (wanted, theirs.methods.as_slice()) {
            ([], []) => vec!["another"],
            (list, []) | ([], list) => list.iter().map(String::as_str).collect(),
            (one, other) => one
                .iter()
                .filter(|it| other.contains(it))
                .map(String::as_str)
                .collect(),
        };
        let upgrade = theirs.upgrade || one.when.upgrade.as_ref().is_some_and(|it| it.value);
        let rank = |entry, shape: &Shape| Rank::of(g, means, entry, shape);
        asked.into_iter().any(|method| {
            let met = own.iter().filter(|it| {
                (it.methods.is_empty() || it.methods.iter().any(|known| known == method))
                    && (!it.upgrade || upgrade)
                    && match it.origin {
                        Origin::Unasked => true,
                        Origin::Any => theirs.origin != Origin::Unasked,
                        Origin::Listed => false,
                    }
            });
            let best = met.map(|it| rank(first, it)).max();
            best.is_some_and(|best| rank(second, theirs) >= best)
        })
    })
}

/// The place of a rule: a higher one is tried before.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// As Traefik computes it, seen on 3.7.15: a sum.
    Sum(usize),
    /// As the API says.
    Api(Box<ApiRank>),
}

/// Host, path, method, headers, query parameters, name and place.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ApiRank {
    host: (Reverse<u8>, usize),
    path: (Reverse<u8>, usize),
    method: bool,
    headers: usize,
    query: usize,
    name: Reverse<String>,
    place: usize,
}

impl Rank {
    fn of(g: &Gateway, means: Means, entry: Entry, shape: &Shape) -> Self {
        let route = g.route(entry.route);
        let (host, path) = (entry.host(g), entry.path(g));
        let method = !shape.methods.is_empty() || route.when.methods.is_some();
        let headers = route.when.headers.len() + shape.headers();
        let query = route.when.query.len();
        let value = facts::path(path, means).map_or_else(String::new, |it| it.1);
        if means == Means::Traefik {
            let hosts = route.hosts.iter().filter_map(|it| facts::host(&it.value));
            let host = hosts.map(|it| it.len()).max().unwrap_or_default();
            let path = match path {
                PathMatch::Exact(_) => 100_000,
                PathMatch::Prefix(_) if value == "/" => 1,
                PathMatch::Prefix(_) | PathMatch::Regex(_) => 10_000 + 100 * value.len(),
            };
            let method = if method { 1_000 } else { 0 };
            return Self::Sum(path + host + method + 100 * headers + 10 * query + shape.place);
        }
        Self::Api(Box::new(ApiRank {
            host: (
                Reverse(host.precedence().0),
                facts::host(host).unwrap_or_default().len(),
            ),
            path: match path {
                PathMatch::Exact(_) => (Reverse(0), 0),
                PathMatch::Prefix(_) | PathMatch::Regex(_) => (Reverse(1), value.len()),
            },
            method,
            headers,
            query,
            name: Reverse(names::name(&[&g.name.value, &route.name])),
            place: shape.place,
        }))
    }
}

/// Whether some host fits both.
fn hosts_meet(one: &HostMatch, other: &HostMatch) -> bool {
    use HostMatch::{Any, Exact, Regex, Wildcard};
    match (one, other) {
        (Any, _) | (_, Any) => true,
        (Regex(_), _) | (_, Regex(_)) => false,
        (Exact(a), Exact(b)) => a == b,
        (Exact(host), Wildcard(zone)) | (Wildcard(zone), Exact(host)) => {
            HostMatch::is_below(host, zone)
        }
        (Wildcard(a), Wildcard(b)) => {
            a == b || HostMatch::is_below(a, b) || HostMatch::is_below(b, a)
        }
    }
}

/// Whether some path fits both: what a regex matches nobody looks into here.
fn paths_meet(one: &PathMatch, other: &PathMatch) -> bool {
    use PathMatch::{Exact, Prefix, Regex};
    match (one, other) {
        (Regex(_), _) | (_, Regex(_)) => true,
        (Exact(a), Exact(b)) => a == b,
        (Exact(path), Prefix(prefix)) | (Prefix(prefix), Exact(path)) => is_within(prefix, path),
        (Prefix(a), Prefix(b)) => is_within(a, b) || is_within(b, a),
    }
}

/// Whether one path takes all that another one takes.
fn covers(one: &PathMatch, other: &PathMatch) -> bool {
    match (one, other) {
        (PathMatch::Prefix(root), _) if root == "/" => true,
        (PathMatch::Prefix(prefix), PathMatch::Prefix(path) | PathMatch::Exact(path)) => {
            PathMatch::is_prefix(prefix, path)
        }
        (one, other) => one == other,
    }
}

/// Whether a path is below a prefix as the API has it, where a slash at the end means nothing.
fn is_within(prefix: &str, path: &str) -> bool {
    let bare = prefix.trim_end_matches('/');
    bare.is_empty() || PathMatch::is_prefix(bare, path)
}
