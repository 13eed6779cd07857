//! Client ranges of a route (contract §4.6): who may come, also from behind trusted proxies.

use std::net::IpAddr;

use crate::ir::{ClientRange, Feature, Gateway, RouteId};
use crate::verify::ask::Ask;
use crate::verify::lab::Lab;
use crate::verify::probe::{Probe, Seen};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in &gateway.routes {
        let Some(clients) = &route.clients else {
            continue;
        };
        let id = route.id;
        probes.push(Probe::new(
            Feature::Clients,
            route,
            clients.at,
            "who is denied or not allowed gets 403 before any server is contacted",
            move |lab| everybody(lab, id, |_, ask| Some(ask)),
        ));
        let trusts = |it: &crate::ir::Listener| !it.trusted_proxies.value.is_empty();
        if gateway.listeners_of(route).any(trusts) {
            probes.push(
                Probe::new(
                    Feature::Clients,
                    route,
                    clients.at,
                    "behind a trusted proxy it is the client's own address that counts",
                    move |lab| everybody(lab, id, behind),
                )
                .or(Feature::TrustedProxies),
            );
            probes.push(
                Probe::new(
                    Feature::Clients,
                    route,
                    clients.at,
                    "an address that a stranger claims counts for nothing",
                    move |lab| everybody(lab, id, claiming),
                )
                .or(Feature::TrustedProxies),
            );
        }
    }
    probes
}

/// A client of each range, and one of none, compared with what the contract says.
fn everybody(lab: &Lab, route: RouteId, change: fn(&Lab, Ask) -> Option<Ask>) -> Seen {
    for good in lab.asker().every_good(route) {
        for client in addresses(lab, route) {
            if let Some(ask) = change(lab, good.again().from(client)) {
                lab.behaves(&ask)?;
            }
        }
    }
    Ok(())
}

fn addresses(lab: &Lab, route: RouteId) -> Vec<IpAddr> {
    let clients = lab.gateway.route(route).clients.iter();
    let ranges: Vec<ClientRange> = clients
        .flat_map(|it| {
            let allow = it.allow.iter().flat_map(|allow| &allow.value);
            allow.chain(&it.deny.value).copied()
        })
        .collect();
    let inside = ranges
        .into_iter()
        .filter(|range| !range.is_everyone())
        .map(|range| lab.ranges.inside(range));
    inside.chain([lab.ranges.stranger()]).collect()
}

/// The same client behind a proxy that the listener trusts.
fn behind(lab: &Lab, ask: Ask) -> Option<Ask> {
    let trusted = &lab.gateway.listener(ask.listener).trusted_proxies.value;
    // A client of a trusted range is a proxy itself: the one before it counts then.
    let is_proxy = |ip: IpAddr| trusted.iter().any(|range| range.net().contains(&ip));
    let own = ask.client().is_some_and(is_proxy);
    let proxy = trusted.iter().find(|range| !range.is_everyone())?;
    (!own).then(|| ask.behind(lab.ranges.inside(*proxy)))
}

/// The same client, claiming to be one that is allowed.
fn claiming(lab: &Lab, ask: Ask) -> Option<Ask> {
    let trusted = &lab.gateway.listener(ask.listener).trusted_proxies.value;
    let outcome = lab.asker().outcome(&ask)?;
    let route = lab.gateway.route(outcome.entry?.route);
    let peer = ask.client()?;
    let claim = lab.asker().client(route).to_string();
    let untrusted = !trusted.iter().any(|range| range.net().contains(&peer));
    untrusted.then(|| ask.header("X-Forwarded-For", &claim))
}
