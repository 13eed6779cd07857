//! What a route takes: hosts, paths, methods and further conditions.

use super::request::literal_path;
use super::{At, Loc, Lower, Slot, defaults, is_on};
use crate::ir::{Condition, HostMatch, ListenerId, PathMatch, Set, ValueMatch, When};
use crate::spec::model;

impl Lower<'_> {
    pub(super) fn hosts(
        &mut self,
        it: &model::Route,
        at: Loc,
        every: &[HostMatch],
    ) -> Vec<Set<HostMatch>> {
        let Some(list) = &it.host else {
            return vec![Set::default(HostMatch::Any, at, defaults::HOST)];
        };
        let mut hosts: Vec<Set<HostMatch>> = Vec::new();
        let mut push = |host: HostMatch, at: Loc| {
            if !hosts.iter().any(|known| known.value == host) {
                hosts.push(Set::written(host, at));
            }
        };
        for host in &list.value.0 {
            match &host.value {
                model::Host::Text(text) if text == "every" => every
                    .iter()
                    .for_each(|host_match| push(host_match.clone(), host.at)),
                model::Host::Text(text) => {
                    if self.check_host("host", text, host.at) {
                        push(host_match(text), host.at);
                    }
                }
                model::Host::Regex(regex) => {
                    self.check_regex(&regex.value, regex.at);
                    push(HostMatch::Regex(regex.value.clone()), host.at);
                }
            }
        }
        if hosts.is_empty() {
            // Every host was at fault, or there is no other host to be every one of.
            hosts.push(Set::written(HostMatch::Any, list.at));
        }
        hosts
    }

    pub(super) fn paths(&mut self, it: &model::Route, at: Loc) -> Vec<Set<PathMatch>> {
        let Some(list) = &it.path else {
            return vec![Set::default(
                PathMatch::Prefix("/".to_owned()),
                at,
                defaults::PATH.1,
            )];
        };
        let mut paths: Vec<Set<PathMatch>> = Vec::new();
        for path in &list.value.0 {
            let lowered = match &path.value {
                model::Path::Exact(text) => {
                    self.check_path(&text.value, path.at);
                    PathMatch::Exact(literal_path(&text.value))
                }
                model::Path::Prefix(text) => {
                    self.check_path(&text.value, path.at);
                    PathMatch::Prefix(literal_path(&text.value))
                }
                model::Path::Regex(regex) => {
                    self.check_regex(&regex.value, regex.at);
                    PathMatch::Regex(regex.value.clone())
                }
            };
            if !paths.iter().any(|known| known.value == lowered) {
                paths.push(Set::written(lowered, path.at));
            }
        }
        paths
    }

    pub(super) fn methods(
        &mut self,
        list: Option<&At<model::Many<At<String>>>>,
    ) -> Option<Set<Vec<String>>> {
        let list = list?;
        let mut methods: Vec<String> = Vec::new();
        for method in &list.value.0 {
            if method.value == "WS" {
                self.report
                    .error("spec::token", method.at)
                    .says("`WS` is no method")
                    .help("write `when: {upgrade: on}`; a handshake is a `GET`");
            } else if self.check_token("method", &method.value, method.at) {
                let upper = method.value.to_ascii_uppercase();
                if !methods.contains(&upper) {
                    methods.push(upper);
                }
            }
        }
        Some(Set::written(methods, list.at))
    }

    pub(super) fn when(&mut self, when: Option<&At<Box<model::When>>>) -> When {
        let Some(when) = when else {
            return When::default();
        };
        let when = &when.value;
        let methods = self.methods(when.methods.as_ref());
        let mut headers = Vec::new();
        for (name, value) in when.headers.as_ref().map_or(&[][..], |named| &named.0) {
            self.check_token("header name", &name.value, name.at);
            let value_match = self.value_match(value);
            headers.push(Set::written(
                Condition {
                    name: name.value.to_ascii_lowercase(),
                    value: value_match,
                },
                value.at,
            ));
        }
        let mut query = Vec::new();
        for (name, value) in when.query.as_ref().map_or(&[][..], |named| &named.0) {
            self.check_query_name(name);
            let value_match = self.value_match(value);
            query.push(Set::written(
                Condition {
                    name: name.value.clone(),
                    value: value_match,
                },
                value.at,
            ));
        }
        let clients = when
            .clients
            .as_ref()
            .map(|list| Set::written(self.ranges(list), list.at));
        let listeners = when.listeners.as_ref().map(|list| {
            let mut ids: Vec<ListenerId> = Vec::new();
            for name in &list.value.0 {
                if let Some(Slot::On(id)) = self.listener_id(name) {
                    ids.push(id);
                }
            }
            Set::written(ids, list.at)
        });
        When {
            methods,
            headers,
            query,
            clients,
            upgrade: when
                .upgrade
                .map(|upgrade| Set::written(upgrade.value.0, upgrade.at)),
            listeners,
        }
    }

    fn value_match(&mut self, value: &At<model::ValueMatch>) -> ValueMatch {
        match &value.value {
            model::ValueMatch::Exact(text) => {
                self.check_value("the value", text, value.at);
                ValueMatch::Exact(text.clone())
            }
            model::ValueMatch::Regex(regex) => {
                self.check_regex(&regex.value, regex.at);
                ValueMatch::Regex(regex.value.clone())
            }
            model::ValueMatch::Present(there) => ValueMatch::Present(*there),
        }
    }
}

fn host_match(text: &str) -> HostMatch {
    let lower = text.trim_end_matches('.').to_ascii_lowercase();
    match lower.strip_prefix("*.") {
        Some(zone) => HostMatch::Wildcard(zone.to_owned()),
        None => HostMatch::Exact(lower),
    }
}

/// Every host that the routes name, in the order of the file, for `host: every`.
pub(super) fn every_host(items: &[At<model::Route>]) -> Vec<HostMatch> {
    let mut seen = rustc_hash::FxHashSet::default();
    let mut every = Vec::new();
    for route in items.iter().filter(|item| is_on(item.value.enabled)) {
        let listed = route.value.host.iter().flat_map(|list| &list.value.0);
        let hosts = listed.filter_map(|host| match &host.value {
            model::Host::Text(text) if text == "every" => None,
            model::Host::Text(text) => Some(host_match(text)),
            model::Host::Regex(regex) => Some(HostMatch::Regex(regex.value.clone())),
        });
        for host in hosts {
            if seen.insert(host.clone()) {
                every.push(host);
            }
        }
    }
    // Where a route takes any host, every host is any host too.
    if every.is_empty()
        || items
            .iter()
            .any(|item| is_on(item.value.enabled) && item.value.host.is_none())
    {
        every.push(HostMatch::Any);
    }
    every
}
