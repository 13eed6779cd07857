//! The time of connections to servers (contract §4.4): until one is there, and how long an idle one is kept.

use std::time::{Duration, Instant};

use super::approach::{begun, plain};
use super::ends::{most, part, within};
use crate::ir::{Dur, Feature, Gateway, Route, RouteId, Upstream, UpstreamId};
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::stub::hole::Hole;

/// Settings that are probed of each kind: each needs labs of its own.
const CAP: usize = 3;
/// Servers that may be black holes one after the other.
const HOLES: usize = 8;
/// How long each of several requests takes, so that each has a connection of its own.
const SLOW: Duration = Duration::from_millis(300);
/// Idle connections that are watched.
const IDLE: u64 = 8;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut known: Vec<(UpstreamId, Dur)> = Vec::new();
    for route in &gateway.routes {
        let [share] = route.shares() else { continue };
        let key = (share.upstream.value, share.connect.value);
        if known.len() >= CAP || known.contains(&key) {
            continue;
        }
        known.push(key);
        let (id, limit) = (route.id, share.connect.value);
        let servers = gateway.upstream(key.0).servers.len();
        if servers > HOLES {
            continue;
        }
        // All of them in about three seconds.
        let each = Dur::from_millis((3000 / servers.max(1) as u64).min(1000));
        let mut add = |promise: String, run: fn(&Lab, RouteId) -> Seen| {
            let at = share.connect.loc();
            let probe = Probe::new(Feature::TimeoutConnect, route, at, promise, move |lab| {
                run(lab, id)
            });
            probes.push(probe.scaled(Scale::to(limit, each)).alone());
        };
        add(
            format!("when no server takes the connection within {limit}, the answer is 504"),
            nobody,
        );
        if servers > 1 {
            add(
                format!(
                    "a server that does not take the connection within {limit} is passed over for the next"
                ),
                next,
            );
        }
    }
    let kept = gateway
        .upstreams
        .iter()
        .filter(|it| it.keepalive.value.is_some());
    for (upstream, route) in kept
        .filter_map(|it| Some((it, leading(gateway, it)?)))
        .take(CAP)
    {
        let (id, route, limit) = (upstream.id, route.id, upstream.keepalive_timeout.value);
        let probe = Probe::new(
            Feature::TimeoutUpstreamKeepalive,
            upstream,
            upstream.keepalive_timeout.loc(),
            format!("an idle connection to a server is kept for {limit}, and then closed"),
            move |lab| idle(lab, id, route),
        );
        probes.push(probe.scaled(Scale::around(limit)).alone());
    }
    probes
}

/// A route that leads to the upstream and to no other, if there is one that takes more than handshakes: a server that refuses
/// one may see its connection closed.
fn leading<'a>(gateway: &'a Gateway, upstream: &Upstream) -> Option<&'a Route> {
    let routes = gateway.routes.iter().filter(|route| match route.shares() {
        [share] => share.upstream.value == upstream.id,
        _ => false,
    });
    routes.min_by_key(|route| {
        let upgrades = route.when.upgrade.as_ref().is_some_and(|it| it.value);
        upgrades || route.websocket.as_ref().is_some_and(|it| it.only.value)
    })
}

/// The servers but for one become black holes, or all.
fn holes(lab: &Lab, upstream: UpstreamId, left: Option<usize>) -> Result<Vec<Hole>, Miss> {
    let stubs = lab.stubs(upstream).iter().enumerate();
    let gone = stubs.filter(|(index, _)| Some(*index) != left);
    gone.map(|(_, stub)| {
        stub.stop();
        Hole::at(stub.address()).map_err(|why| Miss::Unseen(why.to_string()))
    })
    .collect()
}

fn single(lab: &Lab, route: RouteId) -> Result<(UpstreamId, Dur), Miss> {
    let share = lab.gateway.route(route).shares().first();
    let share = share.ok_or_else(|| Miss::Unseen("the route leads nowhere".to_owned()))?;
    Ok((share.upstream.value, share.connect.value))
}

fn nobody(lab: &Lab, route: RouteId) -> Seen {
    let (upstream, limit) = single(lab, route)?;
    let ask = plain(lab, route)?;
    let _holes = holes(lab, upstream, None)?;
    let servers = lab.gateway.upstream(upstream).servers.len() as u64;
    let all = Dur::from_millis(limit.as_millis() * servers);
    let promised = format!("504 after {limit} for each server");
    let client = lab.client_of(&ask)?.patience(most(all));
    let start = Instant::now();
    let answered = client.try_send(&ask.request.method, &ask.target(), &ask.lines(), b"");
    let after = start.elapsed();
    match answered {
        Ok(response) if response.status == 504 => within(limit, Some(after))
            .map_err(|came| deviation(&ask, format!("504, but {came}"), promised)),
        Ok(response) => {
            let came = format!("{} after {:.1} s", status(&response), after.as_secs_f64());
            Err(deviation(&ask, came, promised))
        }
        Err(why) => {
            let came = format!("nothing in {:.1} s: {why}", after.as_secs_f64());
            Err(deviation(&ask, came, promised))
        }
    }
}

fn next(lab: &Lab, route: RouteId) -> Seen {
    let (upstream, limit) = single(lab, route)?;
    let servers = &lab.gateway.upstream(upstream).servers;
    let left = servers
        .iter()
        .position(|server| !server.backup.value)
        .unwrap_or(0);
    let _holes = holes(lab, upstream, Some(left))?;
    let name = lab.stubs(upstream).get(left).map_or("", |stub| stub.name());
    let all = Dur::from_millis(limit.as_millis() * servers.len() as u64);
    let promised = format!("an answer of {name}, after {limit} for each server before it");
    // Together, as most of them wait.
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..2 * servers.len())
            .map(|_| {
                scope.spawn(|| {
                    let ask = plain(lab, route)?;
                    let client = lab.client_of(&ask)?.patience(most(all));
                    let answered =
                        client.try_send(&ask.request.method, &ask.target(), &ask.lines(), b"");
                    match answered {
                        Ok(response) if response.server() == name => Ok(()),
                        Ok(response) => Err(deviation(&ask, status(&response), promised.as_str())),
                        Err(why) => Err(deviation(&ask, why.to_string(), promised.as_str())),
                    }
                })
            })
            .collect();
        asking
            .into_iter()
            .try_for_each(|one| one.join().unwrap_or(Ok(())))
    })
}

fn idle(lab: &Lab, upstream: UpstreamId, route: RouteId) -> Seen {
    let it = lab.gateway.upstream(upstream);
    let limit = it.keepalive_timeout.value;
    let count = it.keepalive.value.unwrap_or(1).min(IDLE);
    let open = || {
        lab.stubs(upstream)
            .iter()
            .map(|stub| stub.open())
            .sum::<usize>()
    };
    let mut waiting = Vec::new();
    let start = Instant::now() + SLOW;
    for _ in 0..count {
        let ask = plain(lab, route)?.header("X-Delay", &SLOW.as_millis().to_string());
        waiting.push((begun(lab, &ask, &[])?, ask));
    }
    for (connection, ask) in &mut waiting {
        connection
            .response(&ask.request.method)
            .map_err(|why| deviation(ask, why.to_string(), "an answer"))?;
    }
    std::thread::sleep(Duration::from_millis(50));
    let sent = format!("{count} requests at once");
    let first = open();
    if first == 0 {
        let promised = format!("idle connections that are kept for {limit}");
        return Err(Deviation::new(sent, "no connection was kept", promised).into());
    }
    // Checks have connections of their own, which may be among those that are open.
    let checks = it.health.as_ref().map_or(0, |_| it.servers.len());
    while start.elapsed() < part(limit, 85) {
        std::thread::sleep(Duration::from_millis(20));
        let now = open();
        if now + checks < first {
            let came = format!(
                "{} of {first} closed after {:.2} s",
                first - now,
                start.elapsed().as_secs_f64()
            );
            return Err(Deviation::new(sent, came, format!("none closed before {limit}")).into());
        }
    }
    while open() > 0 {
        if start.elapsed() > most(limit) && it.health.is_some() && open() <= it.servers.len() {
            return Err(Miss::Unseen(
                "checks keep a connection to each server in use".to_owned(),
            ));
        }
        if start.elapsed() > most(limit) {
            let came = format!(
                "{} of {first} still open after {:.1} s",
                open(),
                start.elapsed().as_secs_f64()
            );
            return Err(Deviation::new(sent, came, format!("all closed after {limit}")).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
