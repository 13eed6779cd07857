//! Backends: one for each upstream and each set of settings that HAProxy keeps per backend; most upstreams need one.

use rustc_hash::FxHashMap as HashMap;

use crate::ir::{Dur, Gateway, HostHeader, Route, Share, Upstream, UpstreamId};
use crate::targets::haproxy::facts;

/// A backend of an upstream.
pub(super) struct Group<'a> {
    /// The backend's name.
    pub(super) name: String,
    /// The upstream.
    pub(super) upstream: &'a Upstream,
    /// The first backend of the upstream, whose health checks and tables the others follow; `None`: this is it.
    pub(super) leader: Option<usize>,
    /// A share that stands for all: they agree on what is kept per backend.
    pub(super) share: &'a Share,
    /// The routes that lead here, in the order of the file.
    pub(super) routes: Vec<&'a Route>,
    /// How long a server may be silent on most routes.
    pub(super) server: Dur,
    /// How long a tunnel may be silent on most routes that have tunnels.
    pub(super) tunnel: Option<Dur>,
}

/// Every backend of every upstream.
pub(super) struct Groups<'a> {
    /// In the order of the first route that leads to each.
    pub(super) list: Vec<Group<'a>>,
    /// For each route the backends of its shares.
    pub(super) of: Vec<Vec<usize>>,
    /// What most backends have, for `defaults`.
    pub(super) usual: Usual,
}

/// What most backends have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usual {
    pub(super) connect: Dur,
    pub(super) server: Dur,
    pub(super) tunnel: Dur,
    pub(super) tries: u16,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    upstream: UpstreamId,
    connect: u64,
    retries: Option<String>,
    own_host: bool,
    compression: bool,
    pages: Option<u32>,
}

impl Key {
    fn new(route: &Route, share: &Share) -> Self {
        Self {
            upstream: share.upstream.value,
            connect: share.connect.value.as_millis(),
            retries: share.retries.value.as_ref().map(|it| format!("{it:?}")),
            own_host: share.host_header.value == HostHeader::Upstream,
            compression: route.compression.value,
            pages: route.error_pages.as_ref().map(|_| route.id.0),
        }
    }
}

impl<'a> Groups<'a> {
    pub(super) fn new(g: &'a Gateway) -> Self {
        let mut list: Vec<Group<'a>> = Vec::new();
        let mut index: HashMap<Key, usize> = HashMap::default();
        let mut leaders: HashMap<UpstreamId, usize> = HashMap::default();
        let mut of = Vec::with_capacity(g.routes.len());
        for route in &g.routes {
            let mut shares = Vec::with_capacity(route.shares().len());
            for share in route.shares() {
                let at = *index.entry(Key::new(route, share)).or_insert_with(|| {
                    let upstream = g.upstream(share.upstream.value);
                    let leader = leaders.get(&upstream.id).copied();
                    leaders.entry(upstream.id).or_insert(list.len());
                    list.push(Group {
                        name: match leader {
                            None => upstream.name.clone(),
                            Some(_) => format!("{}.{}", upstream.name, route.name),
                        },
                        upstream,
                        leader,
                        share,
                        routes: Vec::new(),
                        server: Dur::from_secs(60),
                        tunnel: None,
                    });
                    list.len() - 1
                });
                list[at].routes.push(route);
                shares.push(at);
            }
            of.push(shares);
        }
        for group in &mut list {
            let timers = group.routes.iter().map(|it| facts::server_timer(it).0);
            group.server = most(timers).unwrap_or(group.server);
            let sockets = group.routes.iter().filter_map(|it| it.websocket.as_ref());
            group.tunnel = most(sockets.map(|it| it.idle.value));
        }
        let usual = Usual {
            connect: most(list.iter().map(|it| it.share.connect.value))
                .unwrap_or(Dur::from_secs(5)),
            server: most(list.iter().map(|it| it.server)).unwrap_or(Dur::from_secs(60)),
            tunnel: most(list.iter().filter_map(|it| it.tunnel)).unwrap_or(Dur::from_secs(3600)),
            tries: most(list.iter().map(Group::tries)).unwrap_or(1),
        };
        Self { list, of, usual }
    }
}

impl Group<'_> {
    /// Further tries.
    pub(super) fn tries(&self) -> u16 {
        facts::tries(self.upstream)
    }

    /// The name of the acl of a route; `None` where the backend serves one route only.
    pub(super) fn acl_of(&self, route: &Route) -> Option<String> {
        (self.routes.len() > 1).then(|| route.name.clone())
    }
}

/// The most frequent value; the first of several.
fn most<T: Copy + Eq + std::hash::Hash>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: Vec<(T, u32)> = Vec::new();
    let mut index: HashMap<T, usize> = HashMap::default();
    for value in values {
        let at = *index.entry(value).or_insert_with(|| {
            counts.push((value, 0));
            counts.len() - 1
        });
        counts[at].1 += 1;
    }
    // Of equal counts the first: `max_by_key` would give the last.
    counts
        .iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map(|(value, _)| *value)
}
