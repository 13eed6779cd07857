//! Routing (contract §4.1): which route takes a request, at the borders of every path and host.

use super::beside::{behind_auth, compare, fresh};
use crate::ir::{
    Action, EncodedSlash, Feature, Gateway, HostMatch, Loc, PathMatch, Paths, Route, RouteId,
};
use crate::verify::ask::Ask;
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in &gateway.routes {
        for path in &route.paths {
            let (feature, promise) = match &path.value {
                PathMatch::Exact(path) => (
                    Feature::PathExact,
                    format!("`{path}` is taken, and nothing beside or below it"),
                ),
                PathMatch::Prefix(path) => (
                    Feature::PathPrefix,
                    format!("`{path}` is matched by whole segments"),
                ),
                PathMatch::Regex(regex) => (
                    Feature::PathRegex,
                    format!("`{regex}` is matched against the whole path"),
                ),
            };
            let (id, own) = (route.id, path.value.clone());
            let probe = Probe::new(feature, route, path.loc(), promise, move |lab| {
                borders(lab, id, &own)
            });
            // Where paths are left as they are, what is asked for may be another path.
            let mut listeners = gateway.listeners_of(route);
            let probe = match listeners.all(|it| it.paths.value == Paths::Normalize) {
                true => probe,
                false => probe.or(Feature::ListenerPaths),
            };
            // A program that cannot refuse `%2F` lets one of the borders through, and no other loss of it counts here.
            let mut listeners = gateway.listeners_of(route);
            let probe = match listeners.all(|it| it.encoded_slash.value == EncodedSlash::Keep) {
                true => probe,
                false => probe.or(Feature::ListenerEncodedSlash),
            };
            probes.push(behind_auth(probe, gateway, route));
        }
        for host in &route.hosts {
            let probe = host_probe(route, &host.value, host.loc());
            probes.extend(probe.map(|probe| behind_auth(probe, gateway, route)));
        }
    }
    probes
}

/// A request just inside and just outside of a path, each compared with what the contract says becomes of it.
fn borders(lab: &Lab, route: RouteId, path: &PathMatch) -> Seen {
    let asks = lab.asker().every_good(route);
    if asks.is_empty() {
        return Err(Miss::Unseen(
            "no request was found that the route takes".to_owned(),
        ));
    }
    for ask in asks {
        compare(lab, &ask, route)?;
        for other in beside(path, &ask.request.path) {
            compare(lab, &fresh(lab, &ask, route).path(&other), route)?;
        }
    }
    Ok(())
}

/// Paths at the border of a match: below, beside, with and without the slash, in another case, encoded, with dot segments.
fn beside(path: &PathMatch, taken: &str) -> Vec<String> {
    let base = match path {
        PathMatch::Exact(path) | PathMatch::Prefix(path) => path.as_str(),
        PathMatch::Regex(_) => taken,
    };
    let bare = base.trim_end_matches('/');
    let mut paths = vec![
        format!("{bare}/"),
        format!("{bare}x"),
        format!("{bare}/x"),
        format!("{bare}/x/../y"),
        format!("/x/..{base}"),
        format!("{bare}/./x"),
        format!("{bare}//x"),
        format!("{bare}/a%2Fb"),
        format!("{bare}/%7Ex"),
        "/wsgen-probe".to_owned(),
    ];
    if !bare.is_empty() {
        paths.push(bare.to_owned());
        // Above the root there is nothing: what a program says to that is its own matter, so only as deep as the path is.
        paths.push(format!("{bare}/../wsgen-probe"));
        paths.push(format!("{bare}/%2e%2e/wsgen-probe"));
        paths.push(base.to_ascii_uppercase());
        let mut encoded = bare.to_owned();
        if let Some(last) = encoded.pop()
            && last.is_ascii_alphanumeric()
        {
            paths.push(format!("{encoded}%{:02x}", last as u32));
        }
        paths.push(format!("/{base}"));
    }
    paths.retain(|path| path.starts_with('/'));
    paths
}

fn host_probe(route: &Route, host: &HostMatch, at: Loc) -> Option<Probe> {
    let (feature, promise) = match host {
        HostMatch::Exact(name) => (
            Feature::HostExact,
            format!("{name} is matched without case, port and trailing dot"),
        ),
        HostMatch::Wildcard(zone) => (
            Feature::HostWildcard,
            format!("one or more labels before {zone} are matched, {zone} itself is not"),
        ),
        HostMatch::Regex(regex) => (
            Feature::HostRegex,
            format!("`{regex}` is matched against the whole host"),
        ),
        HostMatch::Any => return None,
    };
    let (id, own) = (route.id, host.clone());
    let redirects = matches!(route.action, Action::Redirect(_));
    Some(
        Probe::new(feature, route, at, promise, move |lab| {
            hosts(lab, id, &own, redirects)
        })
        .or(Feature::ListenerUnknownHost),
    )
}

/// Whether the request has to come from a page of its own host.
fn same_host(lab: &Lab, ask: &Ask, route: RouteId) -> bool {
    let websocket = lab.gateway.route(route).websocket.as_deref();
    let origins = websocket.and_then(|it| it.origins.as_ref());
    ask.request.is_websocket() && origins.is_some_and(|it| it.value.same_host)
}

fn hosts(lab: &Lab, route: RouteId, host: &HostMatch, redirects: bool) -> Seen {
    let asks = lab.asker().every_good(route);
    let mut any = false;
    for ask in &asks {
        let own = &ask.request.host;
        let belongs = match host {
            HostMatch::Exact(name) => name == own,
            HostMatch::Wildcard(zone) => HostMatch::is_below(own, zone),
            HostMatch::Regex(_) | HostMatch::Any => true,
        };
        if !belongs {
            continue;
        }
        any = true;
        compare(lab, &fresh(lab, ask, route), route)?;
        // A redirect repeats the host as it was written, and so does the origin of a page on it: only the own form is compared.
        if !redirects && !same_host(lab, ask, route) {
            for written in [
                own.to_ascii_uppercase(),
                format!("{own}."),
                format!("{own}:{}", 8443),
            ] {
                compare(lab, &fresh(lab, ask, route).header("Host", &written), route)?;
            }
        }
        let mut others = vec![format!("x{own}"), format!("{own}.evil.example")];
        match host {
            HostMatch::Exact(name) => others.push(format!("w.{name}")),
            HostMatch::Wildcard(zone) => {
                others.extend([zone.clone(), format!("a.b.{zone}"), format!("x{zone}")]);
            }
            HostMatch::Regex(_) | HostMatch::Any => {}
        }
        for other in others {
            compare(lab, &fresh(lab, ask, route).host(&other), route)?;
        }
    }
    if any {
        Ok(())
    } else {
        Err(Miss::Unseen(
            "no request was found that the route takes under this host".to_owned(),
        ))
    }
}
