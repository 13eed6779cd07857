//! host-less-route: a rule for every host that no named host reaches.

use super::cover;
use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{Action, Gateway, HostMatch, PathMatch, Route};

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "host-less-route",
    include_str!("host_less_route.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let gateway = subject.gateway;
    let guards = gateway.routes.iter().filter(|route| is_guard(route));
    // Each costs a walk over the table; more than this many are no rules for every host.
    for route in guards.take(32) {
        if let Some(host) = taken_everywhere(gateway, route) {
            findings
                .at(
                    route.paths[0].loc(),
                    format!("route {} has no host, and every named host answers its path itself", route.name),
                )
                .note(format!("the more specific host comes first, whatever the path: on {host} this route takes nothing"))
                .help("write `host: every`: the route then stands under every host of the spec");
        }
    }
}

/// A route without host that denies or responds; a fixed answer for `/` is the last word for unknown hosts.
fn is_guard(route: &Route) -> bool {
    let host_less = route
        .hosts
        .iter()
        .all(|host| host.value == HostMatch::Any && !host.is_written());
    let denies = matches!(route.action, Action::Respond(_)) || route.clients.is_some();
    let whole = route
        .paths
        .iter()
        .any(|path| path.value == PathMatch::Prefix("/".to_owned()));
    host_less && denies && !whole
}

/// A named host, if each of them takes every request of the route itself.
fn taken_everywhere<'g>(gateway: &'g Gateway, route: &Route) -> Option<&'g HostMatch> {
    let mut any = None;
    for group in gateway
        .table
        .chunk_by(|a, b| a.host(gateway) == b.host(gateway))
    {
        let host = group[0].host(gateway);
        if *host == HostMatch::Any {
            continue;
        }
        let taken = route.paths.iter().all(|path| {
            group.iter().any(|entry| {
                cover::path(entry.path(gateway), &path.value)
                    && cover::conditions(gateway, gateway.route(entry.route), route)
            })
        });
        if !taken {
            return None;
        }
        any = any.or(Some(host));
    }
    any
}
