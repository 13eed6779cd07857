//! What servers see beside the client's own lines (contract §4.6): `Host`, the forwarded headers, and who stands behind a proxy.

use std::net::IpAddr;

use super::arrival::deliver;
use crate::ir::{
    Feature, Gateway, HeaderNames, HostHeader, ListenerId, Route, RouteId, UpstreamId,
};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::wire::Request;

/// The forwarded headers.
pub(super) const FORWARDED: [&str; 5] = [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Real-IP",
];

/// Requests until every server of a route has been seen.
const TRIES: usize = 40;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in gateway.routes.iter().filter(|it| !it.shares().is_empty()) {
        let id = route.id;
        for share in route.shares() {
            let upstream = share.upstream.value;
            let promise = match &share.host_header.value {
                HostHeader::Preserve => "the server sees the `Host` that the client sent",
                HostHeader::Upstream => "each server sees its own address as `Host`",
                HostHeader::Set(_) => "the server sees the `Host` that is set",
            };
            let at = share.host_header.loc();
            let run = move |lab: &Lab| host(lab, id, upstream);
            let probe = Probe::new(Feature::HostHeader, route, at, promise, run);
            probes.push(probe.or(Feature::UpstreamSplit));
        }
        let at = route.forwarded.loc();
        if route.forwarded.value {
            probes.push(Probe::new(
                Feature::ForwardedHeaders,
                route,
                at,
                "`X-Forwarded-*` and `X-Real-IP` say what is true, whatever the client sends",
                move |lab| forwarded(lab, id),
            ));
        } else {
            probes.push(Probe::new(
                Feature::ForwardedOff,
                route,
                at,
                "the server sees no `X-Forwarded-*` and no `X-Real-IP`",
                move |lab| unforwarded(lab, id),
            ));
        }
    }
    for listener in &gateway.listeners {
        let shows = |route: &&Route| {
            route.forwarded.value
                && !route.shares().is_empty()
                && gateway.listeners_of(route).any(|it| it.id == listener.id)
        };
        // One that lets in whoever comes, where there is one.
        let open = |route: &&Route| {
            let socket = route.websocket.as_ref().is_some_and(|it| it.only.value);
            (route.auth.is_some(), socket, route.clients.is_some())
        };
        let route = gateway.routes.iter().filter(shows).min_by_key(open);
        let trusted = &listener.trusted_proxies;
        if let (false, Some(route)) = (trusted.value.is_empty(), route) {
            let (id, own) = (listener.id, route.id);
            let mut add = |promise: &str, run: fn(&Lab, ListenerId, RouteId) -> Seen| {
                let at = trusted.loc();
                let run = move |lab: &Lab| run(lab, id, own);
                let probe = Probe::new(Feature::TrustedProxies, listener, at, promise, run)
                    .or(Feature::ListenerProxyProtocol);
                probes.push(super::beside::behind_auth(probe, gateway, route));
            };
            add(
                "behind a trusted proxy the client is the last address that is no proxy's",
                chains,
            );
            add(
                "what a client writes before its own address, such as `unknown`, is no matter",
                unreadable,
            );
            add(
                "what a stranger says of others in front of it is replaced",
                strangers,
            );
        }
    }
    probes
}

fn host(lab: &Lab, route: RouteId, upstream: UpstreamId) -> Seen {
    let shares = lab.gateway.route(route).shares();
    let Some(share) = shares.iter().find(|share| share.upstream.value == upstream) else {
        return Err(Miss::gone());
    };
    let addresses = &lab.places.servers[upstream.index()];
    let mut unseen = match share.host_header.value {
        HostHeader::Upstream => addresses.len(),
        HostHeader::Preserve | HostHeader::Set(_) => 1,
    };
    let mut seen = vec![false; addresses.len()];
    let good = super::beside::good(lab, route)?;
    for turn in 0..TRIES {
        let mut ask = super::beside::fresh(lab, &good, route);
        if turn == 0 {
            let written = ask.authority().to_ascii_uppercase();
            ask = ask.header("Host", &written);
        }
        let answer = lab.answer(&ask)?;
        for (at, server, request) in lab.arrivals(&ask) {
            if at != upstream {
                continue;
            }
            let wanted = match &share.host_header.value {
                HostHeader::Preserve => ask.authority(),
                HostHeader::Set(name) => name.clone(),
                HostHeader::Upstream => addresses[server].to_string(),
            };
            let came = request.headers.all("host").join(" and ");
            if came != wanted {
                let came = format!(
                    "{}, server {} saw Host: {came}",
                    status(&answer),
                    server + 1
                );
                return Err(deviation(&ask, came, format!("Host: {wanted}")));
            }
            if !std::mem::replace(&mut seen[server], true) {
                unseen -= 1;
            }
        }
        if unseen == 0 {
            return Ok(());
        }
    }
    // Some servers, such as backups, take nothing; but one has to be seen.
    if seen.contains(&true) {
        return Ok(());
    }
    let ask = super::beside::fresh(lab, &good, route);
    Err(deviation(
        &ask,
        "no server of it saw a request",
        "a request there",
    ))
}

/// Lines that lie about the client, one more of each than it could have.
fn lying(ask: Ask) -> Ask {
    FORWARDED
        .iter()
        .zip(["6.6.6.6", "gopher", "evil.example", "1", "6.6.6.6"])
        .fold(ask, |ask, (name, value)| {
            ask.also(name, value)
                .also(&name.replace('-', "_"), value)
                .also(&name.to_ascii_lowercase(), value)
        })
}

/// Whether the route changes a forwarded header itself.
fn changes(lab: &Lab, route: RouteId, name: &str) -> bool {
    let mut ops = lab.gateway.route(route).request_headers.iter();
    ops.any(|op| op.name.eq_ignore_ascii_case(name))
}

fn trusts(lab: &Lab, listener: ListenerId, peer: IpAddr) -> bool {
    let trusted = &lab.gateway.listener(listener).trusted_proxies.value;
    trusted.iter().any(|range| range.net().contains(&peer))
}

fn forwarded(lab: &Lab, route: RouteId) -> Seen {
    for good in lab.asker().every_good(route).into_iter().take(4) {
        let own = super::beside::fresh(lab, &good, route);
        let Some(client) = own.client() else { continue };
        if trusts(lab, own.listener, client) {
            continue;
        }
        told(lab, route, &own, &client.to_string(), &client.to_string())?;
        let ask = lying(own.again());
        told(lab, route, &ask, &client.to_string(), &client.to_string())?;
    }
    Ok(())
}

/// Compares the forwarded headers at the server: the chain of `X-Forwarded-For`, and the client.
fn told(lab: &Lab, route: RouteId, ask: &Ask, chain: &str, client: &str) -> Seen {
    let seen = deliver(lab, ask)?;
    let listener = lab.gateway.listener(ask.listener);
    let scheme = if ask.request.tls { "https" } else { "http" };
    let values = [
        chain.to_owned(),
        scheme.to_owned(),
        ask.authority(),
        listener.public_port.value.to_string(),
        client.to_owned(),
    ];
    for (name, wanted) in FORWARDED.iter().zip(values) {
        if changes(lab, route, name) {
            continue;
        }
        let came = seen.headers.all(name).join(", ");
        if came != wanted {
            let came = format!("a server that sees {name}: {came}");
            return Err(deviation(ask, came, format!("{name}: {wanted}")));
        }
    }
    unknown(lab, ask, &seen)
}

/// A name with underscores that some servers would take for a forwarded header's.
fn unknown(lab: &Lab, ask: &Ask, seen: &Request) -> Seen {
    let names = lab.gateway.listener(ask.listener).header_names.value;
    let lenient = names == HeaderNames::Lenient;
    let lie = seen.headers.0.iter().find(|(name, value)| {
        let dashed = name.replace('_', "-");
        name.contains('_')
            && FORWARDED
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&dashed))
            && ["6.6.6.6", "evil.example"].contains(&value.as_str())
    });
    match lie {
        // Where a listener is lenient, the application asked for such names.
        Some(_) if lenient => Ok(()),
        Some((name, value)) => Err(deviation(
            ask,
            format!("a server that sees {name}: {value}"),
            "nothing that the client made up",
        )),
        None => Ok(()),
    }
}

fn unforwarded(lab: &Lab, route: RouteId) -> Seen {
    let own = super::beside::fresh(lab, &super::beside::good(lab, route)?, route);
    for ask in [own.again(), lying(own)] {
        let seen = deliver(lab, &ask)?;
        for name in FORWARDED {
            if let Some(value) = seen.header(name).filter(|_| !changes(lab, route, name)) {
                let came = format!("a server that sees {name}: {value}");
                return Err(deviation(&ask, came, format!("no {name}")));
            }
        }
        unknown(lab, &ask, &seen)?;
    }
    Ok(())
}

/// A request to the listener that the route takes.
fn on(lab: &Lab, listener: ListenerId, route: RouteId) -> Result<Ask, Miss> {
    let mut asks = lab.asker().every_good(route).into_iter();
    asks.find(|ask| ask.listener == listener)
        .ok_or_else(|| Miss::Unseen("no request was found that reaches a server here".to_owned()))
}

fn chains(lab: &Lab, listener: ListenerId, route: RouteId) -> Seen {
    let trusted = lab.gateway.listener(listener).trusted_proxies.value.clone();
    for range in trusted.iter().filter(|range| !range.is_everyone()) {
        let good = on(lab, listener, route)?;
        let (proxy, inner) = (lab.ranges.inside(*range), lab.ranges.inside(*range));
        let ask = super::beside::fresh(lab, &good, route);
        let Some(client) = ask.client().map(|ip| ip.to_string()) else {
            continue;
        };
        let ask = ask.behind(proxy);
        told(lab, route, &ask, &format!("{client}, {proxy}"), &client)?;
        // What came before the client, the client itself may have made up; proxies behind it are passed over.
        let sent = format!("6.6.6.6, {client}, {inner}");
        let longer = ask.again().header("X-Forwarded-For", &sent);
        told(lab, route, &longer, &format!("{sent}, {proxy}"), &client)?;
    }
    Ok(())
}

fn unreadable(lab: &Lab, listener: ListenerId, route: RouteId) -> Seen {
    let trusted = lab.gateway.listener(listener).trusted_proxies.value.clone();
    let Some(range) = trusted.iter().find(|range| !range.is_everyone()) else {
        return Err(Miss::Unseen("every client is trusted".to_owned()));
    };
    let good = on(lab, listener, route)?;
    let (proxy, inner) = (lab.ranges.inside(*range), lab.ranges.inside(*range));
    for rest in [String::new(), format!(", {inner}")] {
        let ask = super::beside::fresh(lab, &good, route);
        let Some(client) = ask.client().map(|ip| ip.to_string()) else {
            continue;
        };
        let sent = format!("6.6.6.6, unknown, {client}{rest}");
        let ask = ask.behind(proxy).header("X-Forwarded-For", &sent);
        told(lab, route, &ask, &format!("{sent}, {proxy}"), &client)?;
    }
    Ok(())
}

fn strangers(lab: &Lab, listener: ListenerId, route: RouteId) -> Seen {
    let good = on(lab, listener, route)?;
    let ask = super::beside::fresh(lab, &good, route);
    let Some(peer) = ask.client().filter(|ip| !trusts(lab, listener, *ip)) else {
        return Err(Miss::Unseen("every client is trusted".to_owned()));
    };
    let ask = ask.header("X-Forwarded-For", "6.6.6.6");
    told(lab, route, &ask, &peer.to_string(), &peer.to_string())
}
