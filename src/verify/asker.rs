//! Requests made from the gateway itself: one that a route takes and that every guard lets in.

use std::net::IpAddr;

use super::ask::{Ask, encoded, mark};
use super::keyring::Keyring;
use super::ranges::Ranges;
use crate::ir::{
    Condition, Entry, Gateway, HostMatch, Listener, ListenerId, PathMatch, Route, RouteId, Set,
    UpstreamId, ValueMatch,
};
use crate::request::{Outcome, Request, Router};
use crate::rules::pattern;

/// Makes requests for a gateway that is moved to loopback.
pub struct Asker<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) router: Router<'a>,
    pub(super) ranges: &'a Ranges,
    pub(super) keyring: &'a Keyring,
    /// Listeners that nobody listens on.
    pub(super) unbound: &'a [ListenerId],
}

impl<'a> Asker<'a> {
    /// What the contract says becomes of a request; `None` where the URL reaches another listener than the one it goes to.
    pub fn outcome(&self, ask: &Ask) -> Option<Outcome> {
        let outcome = self.router.outcome(&ask.request).ok()?;
        (outcome.listener == Some(ask.listener)).then_some(outcome)
    }

    /// A request that the route takes and that every guard lets in; `None` where none was found.
    pub fn good(&self, route: RouteId) -> Option<Ask> {
        self.every_good(route).into_iter().next()
    }

    /// The same for each listener that serves the route, and each of its hosts and paths: one request for each that was found.
    pub fn every_good(&self, route: RouteId) -> Vec<Ask> {
        let gateway = self.gateway;
        let route = gateway.route(route);
        let mut asks = Vec::new();
        for listener in self.listeners_of(route) {
            for entry in gateway.table.iter().filter(|entry| entry.route == route.id) {
                asks.extend(self.for_entry(route, *entry, listener, &[false, true]));
            }
        }
        asks
    }

    /// A handshake that becomes a tunnel on the route; `None` where none was found.
    pub fn good_tunnel(&self, route: RouteId) -> Option<Ask> {
        let gateway = self.gateway;
        let route = gateway.route(route);
        self.listeners_of(route).find_map(|listener| {
            gateway
                .table
                .iter()
                .filter(|entry| entry.route == route.id)
                .find_map(|entry| {
                    self.for_entry(route, *entry, listener, &[true])
                        .filter(|ask| self.outcome(ask).is_some_and(|it| it.tunnel))
                })
        })
    }

    /// The listeners of a route that take connections.
    fn listeners_of(&self, route: &'a Route) -> impl Iterator<Item = &'a Listener> {
        let unbound = self.unbound;
        let all = self.gateway.listeners_of(route);
        all.filter(move |it| !unbound.contains(&it.id))
    }

    fn for_entry(
        &self,
        route: &Route,
        entry: Entry,
        listener: &Listener,
        upgrades: &[bool],
    ) -> Option<Ask> {
        let hosts = hosts(entry.host(self.gateway));
        let paths = paths(entry.path(self.gateway));
        for host in &hosts {
            for path in &paths {
                for upgrade in upgrades {
                    let ask = self.letting_in(route, listener, host, path, *upgrade);
                    let taken = self.outcome(&ask).is_some_and(|outcome| {
                        outcome.entry == Some(entry)
                            && (outcome.status.is_none() || route.shares().is_empty())
                    });
                    if taken {
                        return Some(ask);
                    }
                }
            }
        }
        None
    }

    /// A request to a host and path that meets all that the route asks for.
    fn letting_in(
        &self,
        route: &Route,
        listener: &Listener,
        host: &str,
        path: &str,
        upgrade: bool,
    ) -> Ask {
        let when = &route.when;
        let lists = [when.methods.as_ref(), route.methods.as_ref()];
        let allowed = |method: &str| {
            lists
                .iter()
                .flatten()
                .all(|list| list.value.iter().any(|it| it == method))
        };
        let named = lists
            .iter()
            .flatten()
            .flat_map(|list| list.value.iter().map(String::as_str));
        let method = ["GET"]
            .into_iter()
            .chain(named)
            .find(|method| allowed(method));
        let only = when.upgrade.as_ref().is_some_and(|it| it.value)
            || route.websocket.as_ref().is_some_and(|it| it.only.value);
        let mut request = Request {
            method: method.unwrap_or("GET").to_owned(),
            tls: listener.tls.is_some(),
            host: host.to_owned(),
            port: (!listener.has_scheme_port()).then_some(listener.public_port.value),
            path: path.to_owned(),
            query: None,
            headers: Vec::new(),
            client: Some(self.client(route)),
            upgrade: (only || upgrade).then(|| "websocket".to_owned()),
        };
        for condition in &when.headers {
            if let Some(text) = sample(condition) {
                request.headers.push((condition.value.name.clone(), text));
            }
        }
        let mut ask = Ask {
            request,
            listener: listener.id,
            proxy: None,
            body: Vec::new(),
            mark: mark(),
        };
        for condition in &when.query {
            if let Some(text) = sample(condition) {
                ask = ask.query(&encoded(&condition.value.name), &encoded(&text));
            }
        }
        if let Some(pass) = self
            .gateway
            .auth_of(route)
            .and_then(|auth| self.keyring.pass(auth))
        {
            ask = ask.showing(&pass);
        }
        if ask.request.upgrade.is_some()
            && let Some(origin) = self.good_origin(route, &ask)
        {
            ask = ask.header("Origin", &origin);
        }
        ask
    }

    /// The origin that a handshake of this route comes from, where it has to come from one.
    pub fn good_origin(&self, route: &Route, ask: &Ask) -> Option<String> {
        let websocket = route.websocket.as_ref()?;
        match websocket.origins.as_ref().map(|it| &it.value) {
            Some(origins) if !origins.exact.is_empty() => origins.exact.first().cloned(),
            Some(_) => Some(format!(
                "{}://{}",
                if ask.request.tls { "https" } else { "http" },
                ask.authority()
            )),
            None => websocket
                .require_origin
                .value
                .then(|| "https://origin.example".to_owned()),
        }
    }

    /// An address that the route takes and lets in, as unlike others as it can be.
    pub fn client(&self, route: &Route) -> IpAddr {
        let wanted = [
            route.when.clients.as_ref(),
            route.clients.as_ref().and_then(|it| it.allow.as_ref()),
        ];
        // Of two lists, the narrower range is more likely to be in both.
        let narrowest = wanted
            .into_iter()
            .flatten()
            .flat_map(|list| &list.value)
            .filter(|range| !range.is_everyone())
            .max_by_key(|range| range.net().prefix_len());
        match narrowest {
            Some(range) => self.ranges.inside(*range),
            None => self.ranges.stranger(),
        }
    }

    /// The upstreams that a request may go to.
    pub fn upstreams(&self, ask: &Ask) -> Vec<UpstreamId> {
        let outcome = self.outcome(ask);
        let all = outcome.iter().flat_map(|it| &it.upstreams);
        all.map(|(id, _)| *id).collect()
    }
}

/// Hosts that a match takes, the likeliest first.
pub fn hosts(host: &HostMatch) -> Vec<String> {
    match host {
        HostMatch::Exact(name) => vec![name.clone()],
        HostMatch::Wildcard(zone) => vec![format!("w.{zone}"), format!("probe-7.{zone}")],
        HostMatch::Regex(regex) => pattern::samples(regex),
        HostMatch::Any => vec!["any.example".to_owned(), "any-7.example".to_owned()],
    }
}

/// Paths that a match takes, the likeliest first.
pub fn paths(path: &PathMatch) -> Vec<String> {
    match path {
        PathMatch::Exact(path) => vec![path.clone()],
        PathMatch::Prefix(prefix) => {
            let below = |rest: &str| format!("{}/{rest}", prefix.trim_end_matches('/'));
            vec![prefix.clone(), below("probe-7"), below("probe-7/x")]
        }
        PathMatch::Regex(regex) => pattern::samples(regex),
    }
}

/// A value that meets a condition; `None` where it is met by none.
pub fn sample(condition: &Set<Condition>) -> Option<String> {
    match &condition.value.value {
        ValueMatch::Exact(text) => Some(text.clone()),
        ValueMatch::Regex(regex) => pattern::samples(regex).into_iter().next(),
        ValueMatch::Present(true) => Some("1".to_owned()),
        ValueMatch::Present(false) => None,
    }
}
