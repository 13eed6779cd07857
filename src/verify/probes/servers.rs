//! Servers (contract §4.5): one that refuses is skipped, shares by weight and by split, backups, a ceiling for each.

use std::time::Duration;

use super::odds;
use super::way::{Way, capped, routes, until};
use crate::ir::{Balance, Dur, Feature, Gateway, RouteId, Upstream, UpstreamId};
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::scale::Scale;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for upstream in &gateway.upstreams {
        if !routes(gateway, upstream.id).is_empty() {
            of_upstream(upstream, &mut probes);
        }
    }
    for route in &gateway.routes {
        let shares = route.shares();
        if let (Some(first), 2..) = (shares.first(), shares.len()) {
            let id = route.id;
            let parts: Vec<String> = shares
                .iter()
                .map(|share| share.weight.value.to_string())
                .collect();
            let promise = format!("traffic goes to its upstreams as {}", parts.join(" to "));
            probes.push(
                Probe::new(
                    Feature::UpstreamSplit,
                    route,
                    first.weight.loc(),
                    promise,
                    move |lab| split(lab, id),
                )
                .alone(),
            );
        }
    }
    capped(probes)
}

fn of_upstream(upstream: &Upstream, probes: &mut Vec<Probe>) {
    let id = upstream.id;
    probes.push(
        Probe::new(
            Feature::UpstreamServers,
            upstream,
            upstream.at,
            "a server that refuses the connection is skipped; none left is 503",
            move |lab| refusing(lab, id),
        )
        .or(Feature::Retries)
        .alone(),
    );
    let mut servers = upstream.servers.iter();
    let written = servers.find(|server| server.weight.is_written());
    if let (Some(server), 2..) = (written, upstream.servers.len()) {
        probes.push(
            Probe::new(
                Feature::UpstreamWeights,
                upstream,
                server.weight.loc(),
                "each server's share of the traffic is its weight",
                move |lab| weights(lab, id),
            )
            .or(Feature::StickyCookie)
            .or(Feature::StickyAppCookie)
            .or(Feature::StickySource)
            .alone(),
        );
    }
    let backup = upstream.servers.iter().find(|server| server.backup.value);
    if let Some(server) = backup {
        probes.push(
            Probe::new(
                Feature::UpstreamBackup,
                upstream,
                server.backup.loc(),
                "a backup server takes traffic when no other is healthy, and only then",
                move |lab| backups(lab, id),
            )
            .scaled(found_dead(upstream))
            .alone(),
        );
    }
    if let Some(most) = upstream.max_connections.value {
        probes.push(
            Probe::new(
                Feature::UpstreamMaxConnections,
                upstream,
                upstream.max_connections.loc(),
                format!("a server has at most {most} connections; what is above gets 503"),
                move |lab| ceiling(lab, id, most),
            )
            .alone(),
        );
    }
}

/// Checks that soon find a dead server.
fn found_dead(upstream: &Upstream) -> Scale {
    match &upstream.health {
        Some(health) => Scale::to(health.interval.value, Dur::from_millis(400)),
        None => Scale::AS_WRITTEN,
    }
}

fn refusing(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let active = way.active();
    if active.len() > 1 {
        // A server that checks have found dead would stay out for a while: one is left standing then.
        let rounds = if way.upstream.health.is_some() || way.upstream.passive.is_some() {
            1
        } else {
            3
        };
        for left in active.iter().rev().take(rounds) {
            way.restore()?;
            way.leave(&[*left]);
            for turn in 0..12 {
                let mut ask = way.fresh();
                let post = ask.again().method("POST").body("once");
                if turn % 2 == 1 && !ask.request.is_websocket() && way.leads(&post) {
                    ask = post;
                }
                way.taken_by(
                    &ask,
                    &[*left],
                    "an answer of the only server that accepts connections",
                )?;
            }
        }
    }
    way.leave(&[]);
    for _ in 0..40 {
        let ask = way.fresh();
        let came = way.send(&ask)?;
        // Of a split, the other upstream's servers still answer.
        if came.server().is_empty() {
            return match came.status {
                503 => Ok(()),
                _ => Err(deviation(
                    &ask,
                    status(&came),
                    "503, as every server refuses the connection",
                )),
            };
        }
    }
    Err(Miss::Unseen(
        "the split never led to the upstream".to_owned(),
    ))
}

fn weights(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let shares: Vec<u32> = way
        .upstream
        .servers
        .iter()
        .map(|server| match server.backup.value {
            true => 0,
            false => u32::from(server.weight.value),
        })
        .collect();
    let sum = shares.iter().sum::<u32>() as usize;
    let (fits, what) = match &way.upstream.balance.value {
        Balance::RoundRobin => {
            let counts = way.spread((sum * 10).clamp(40, 200))?;
            (odds::in_turn(&counts, &shares), "fresh requests")
        }
        Balance::LeastConnections => {
            let count = (sum * 4).clamp(12, 40);
            let fits = way.held(count, Duration::from_secs(2), |counts| {
                odds::in_turn(counts, &shares)
            });
            (fits, "requests that all wait")
        }
        Balance::Random => {
            let counts = way.spread(300)?;
            (odds::by_chance(&counts, &shares), "fresh requests")
        }
        Balance::Hash(_) => {
            let counts = way.spread(200)?;
            (odds::by_hash(&counts, &shares), "requests of many keys")
        }
    };
    fits.map_err(|came| {
        let parts: Vec<String> = shares.iter().map(ToString::to_string).collect();
        let promised = format!("counts as {}", parts.join(" to "));
        Deviation::new(format!("{what} to {}", way.upstream.name), came, promised).into()
    })
}

fn backups(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let (active, backups) = (way.active(), way.backups());
    if !active.is_empty() {
        for _ in 0..12 {
            let why = "an answer of a server that is no backup, as those are healthy";
            way.taken_by(&way.fresh(), &active, why)?;
        }
        way.leave(&backups);
        // What is unhealthy is found out by checks, or by errors.
        if way.upstream.health.is_some() || way.upstream.passive.is_some() {
            until(Duration::from_secs(8), || {
                way.taken(&way.fresh())
                    .is_ok_and(|server| backups.contains(&server))
            });
        }
    }
    for _ in 0..12 {
        let why = "an answer of a backup server, as every other one refuses";
        way.taken_by(&way.fresh(), &backups, why)?;
    }
    Ok(())
}

fn split(lab: &Lab, id: RouteId) -> Seen {
    let route = lab.gateway.route(id);
    let shares = route.shares();
    let Some(first) = shares.first() else {
        return Err(Miss::gone());
    };
    let way = Way::by(lab, id, first.upstream.value)?;
    let weights: Vec<u32> = shares.iter().map(|share| share.weight.value).collect();
    let mut counts = vec![0; shares.len()];
    for _ in 0..300 {
        let ask = way.fresh();
        let came = way.send(&ask)?;
        let arrivals = lab.arrivals(&ask);
        let at = arrivals.last().and_then(|(upstream, ..)| {
            let mut shares = shares.iter();
            shares.position(|share| share.upstream.value == *upstream)
        });
        let Some(at) = at else {
            let promised = "an answer of one of the route's upstreams";
            return Err(deviation(&ask, status(&came), promised));
        };
        counts[at] += 1;
    }
    odds::by_chance(&counts, &weights).map_err(|came| {
        let parts: Vec<String> = weights.iter().map(ToString::to_string).collect();
        let sent = format!("requests that {} takes", route.name);
        Deviation::new(sent, came, format!("counts as {}", parts.join(" to "))).into()
    })
}

fn ceiling(lab: &Lab, id: UpstreamId, most: u64) -> Seen {
    let way = Way::to(lab, id)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let total = most.saturating_mul(way.active().len());
    if total > 60 {
        return Err(Miss::Unseen(format!(
            "{total} connections are more than can be held here"
        )));
    }
    let name = &way.upstream.name;
    way.held(total, Duration::from_millis(2500), |counts| {
        let full = way.active().iter().all(|server| counts[*server] == most);
        if !full {
            let texts: Vec<String> = counts.iter().map(ToString::to_string).collect();
            return Err(Miss::from(Deviation::new(
                format!("{total} requests to {name} that all wait"),
                format!("{} at its servers", texts.join(", ")),
                format!("{most} at each server"),
            )));
        }
        for _ in 0..2 {
            let ask = way.fresh();
            let came = way.send(&ask)?;
            if came.status != 503 || !way.seen_by(&ask).is_empty() {
                let came = status(&came);
                return Err(deviation(&ask, came, "503, as every server is full"));
            }
        }
        Ok(())
    })?;
    // And then there is room again.
    way.taken(&way.fresh()).map(|_| ())
}
