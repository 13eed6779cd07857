//! The computed order of all routes: the table in which the first entry that matches takes a request.

use rustc_hash::FxHashMap as HashMap;
use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{Gateway, HostMatch, PathMatch, Route, RouteId};

/// One host and one path of a route, at its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The route.
    pub route: RouteId,
    /// The index into the route's hosts.
    pub host: u32,
    /// The index into the route's paths.
    pub path: u32,
}

impl Entry {
    /// The entry's host.
    pub fn host(self, gateway: &Gateway) -> &HostMatch {
        &gateway.route(self.route).hosts[self.host as usize].value
    }

    /// The entry's path.
    pub fn path(self, gateway: &Gateway) -> &PathMatch {
        &gateway.route(self.route).paths[self.path as usize].value
    }
}

/// Every entry of every route, by host, path, number of conditions and order of the file.
///
/// What the contract leaves to the file (regexes, and hosts that cannot overlap) stands where the file names it first.
pub(super) fn table(routes: &[Route]) -> Vec<Entry> {
    let mut hosts: HashMap<&HostMatch, u32> = HashMap::default();
    let mut paths: HashMap<&PathMatch, u32> = HashMap::default();
    let mut entries = Vec::with_capacity(routes.len());
    for route in routes {
        let conditions = Reverse(route.when.count());
        for (host_index, host) in (0..).zip(&route.hosts) {
            let next = hosts.len() as u32;
            let host_first = *hosts.entry(&host.value).or_insert(next);
            for (path_index, path) in (0..).zip(&route.paths) {
                let next = paths.len() as u32;
                let path_first = *paths.entry(&path.value).or_insert(next);
                let key = (
                    host.value.precedence(),
                    host_first,
                    path.value.precedence(),
                    path_first,
                    conditions,
                    route.id,
                );
                entries.push((
                    key,
                    Entry {
                        route: route.id,
                        host: host_index,
                        path: path_index,
                    },
                ));
            }
        }
    }
    entries.sort_by_key(|(key, _)| *key);
    entries.into_iter().map(|(_, entry)| entry).collect()
}
