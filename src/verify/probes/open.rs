//! What is open at once (contract §4.6): requests and tunnels of a route, connections of a listener.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::approach::good_tunnel;
use super::beside::{fresh, good};
use crate::ir::{ConnectionLimit, Feature, Gateway, ListenerId, PerKey, RouteId};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::counts::Counts;
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::wire::{Connection, Tunnel};

/// How long a place that is free again may take to be given.
const GRACE: Duration = Duration::from_secs(3);
/// How long a connection beyond the ceiling is watched.
const WATCHED: Duration = Duration::from_millis(700);
/// Routes and listeners beyond these get no lab of their own.
const ALONE: usize = 3;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut alone = 0;
    for route in gateway.routes.iter().filter(|it| !it.shares().is_empty()) {
        let Some(limit) = &route.connections else {
            continue;
        };
        let together = limit.per.value == PerKey::Route;
        alone += usize::from(together);
        if together && alone > ALONE {
            continue;
        }
        let id = route.id;
        let mut add = |promise: &str, run: fn(&Lab, RouteId) -> Seen| {
            let probe = Probe::new(
                Feature::LimitConnections,
                route,
                limit.max.loc(),
                promise,
                move |lab| run(lab, id),
            );
            let probe = probe.counted(Counts::Connections);
            probes.push(if together { probe.alone() } else { probe });
        };
        if route.websocket.is_some() {
            add(
                "more tunnels than may be open get 503, until one of them ends",
                tunnels,
            );
        }
        if !route.websocket.as_ref().is_some_and(|it| it.only.value) {
            add("requests that wait for their answer are counted", requests);
        }
    }
    let limited =
        |it: &&crate::ir::Listener| it.connections.value.is_some() && it.redirect.is_none();
    for listener in gateway.listeners.iter().filter(limited).take(ALONE) {
        let id = listener.id;
        probes.push(
            Probe::new(
                Feature::LimitListenerConnections,
                listener,
                listener.connections.loc(),
                "a connection beyond the ceiling is served only once another one has ended",
                move |lab| connections(lab, id),
            )
            .counted(Counts::Listeners)
            .alone(),
        );
    }
    probes
}

fn limit(lab: &Lab, route: RouteId) -> Result<&ConnectionLimit, Miss> {
    let limit = lab.gateway.route(route).connections.as_deref();
    limit.ok_or_else(|| Miss::Unseen("nothing is limited".to_owned()))
}

/// The ask as one that is counted with no other.
fn counted(lab: &Lab, route: RouteId, ask: &Ask) -> Result<Ask, Miss> {
    let ask = fresh(lab, ask, route);
    Ok(match &limit(lab, route)?.per.value {
        PerKey::Header(name) => {
            let value = format!("of-{}", ask.mark);
            ask.header(name, &value)
        }
        PerKey::Client | PerKey::Route => ask,
    })
}

fn tunnels(lab: &Lab, route: RouteId) -> Seen {
    let limit = limit(lab, route)?;
    let most = limit.max.value;
    let handshake = good_tunnel(lab, route)?;
    let ask = counted(lab, route, &handshake)?;
    let mut open: Vec<Tunnel> = Vec::new();
    for _ in 0..most {
        open.push(lab.tunnel(&ask.again())?);
    }
    for tunnel in &mut open {
        tunnel.try_echo("still open")?;
    }
    let full = format!("{most} tunnels are open");
    refused(lab, &ask.again(), &full)?;
    let other = counted(lab, route, &handshake)?;
    match &limit.per.value {
        PerKey::Route => refused(lab, &other, &full)?,
        PerKey::Client | PerKey::Header(_) => drop(lab.tunnel(&other)?),
    }
    if let PerKey::Header(name) = &limit.per.value {
        drop(lab.tunnel(&ask.again().without(name))?);
    }
    drop(open.pop());
    let start = Instant::now();
    loop {
        match lab.upgrade(&ask.again())? {
            Ok(_) => return Ok(()),
            Err(answer) if start.elapsed() > GRACE => {
                let came = format!("{} after a tunnel had ended", status(&answer));
                return Err(deviation(&ask, came, "101"));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(30)),
        }
    }
}

fn refused(lab: &Lab, ask: &Ask, what: &str) -> Seen {
    let answer = lab.answer(ask)?;
    if answer.status == 503 && lab.arrivals(ask).is_empty() {
        return Ok(());
    }
    let came = format!("{what}, and the next came to {}", status(&answer));
    Err(deviation(ask, came, "503, and no server sees it"))
}

fn requests(lab: &Lab, route: RouteId) -> Seen {
    let most = limit(lab, route)?.max.value;
    let mut plain = good(lab, route)?;
    plain.request.upgrade = None;
    let ask = counted(lab, route, &plain)?;
    let slow = ask.again().header("X-Delay", "1200");
    let open: Vec<Ask> = (0..most).map(|_| slow.again()).collect();
    std::thread::scope(|scope| {
        let running: Vec<_> = open
            .iter()
            .map(|one| scope.spawn(|| lab.send(one).map(|answer| answer.status)))
            .collect();
        let start = Instant::now();
        while open.iter().any(|one| lab.arrivals(one).is_empty()) && start.elapsed() < WATCHED {
            std::thread::sleep(Duration::from_millis(10));
        }
        let full = format!("{most} requests are open");
        let seen = refused(lab, &ask.again(), &full);
        for one in running {
            match one.join() {
                Ok(Ok(503)) | Err(_) => {
                    return Err(deviation(
                        &slow,
                        "503",
                        format!("{most} at once to be served"),
                    ));
                }
                Ok(_) => {}
            }
        }
        seen
    })?;
    let start = Instant::now();
    loop {
        let answer = lab.send(&ask.again())?;
        if answer.status != 503 {
            return Ok(());
        }
        if start.elapsed() > GRACE {
            let came = format!("{} after all were answered", status(&answer));
            return Err(deviation(&ask, came, "to be served"));
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn connections(lab: &Lab, listener: ListenerId) -> Seen {
    let most = lab
        .gateway
        .listener(listener)
        .connections
        .value
        .unwrap_or_default();
    let Some(ask) = plain(lab, listener) else {
        return Err(Miss::Unseen(
            "no plain request was found for this listener".to_owned(),
        ));
    };
    let client = |from: Option<IpAddr>| lab.client(listener, from, &ask.authority());
    let send = |connection: &mut Connection| {
        connection.send(&ask.request.method, &ask.target(), &ask.lines(), b"")
    };
    let mut open = Vec::new();
    for _ in 0..most {
        let mut connection = client(ask.client())?.connect()?;
        send(&mut connection)?;
        open.push(connection);
    }
    let beyond = client(ask.client())?.patience(WATCHED).connect();
    if let Ok(mut beyond) = beyond
        && let Ok(answer) = send(&mut beyond)
        && answer.status != 503
    {
        let came = format!(
            "{most} connections are open, and one more came to {}",
            status(&answer)
        );
        return Err(deviation(&ask, came, "no answer, or 503"));
    }
    drop(open.pop());
    let start = Instant::now();
    loop {
        let came = client(ask.client())?
            .patience(WATCHED)
            .connect()
            .and_then(|mut next| send(&mut next));
        match came {
            Ok(answer) if answer.status != 503 => return Ok(()),
            _ if start.elapsed() > GRACE => {
                let came = "no answer after one had ended";
                return Err(deviation(&ask, came, "to be served"));
            }
            _ => std::thread::sleep(Duration::from_millis(30)),
        }
    }
}

/// A plain request to the listener.
fn plain(lab: &Lab, listener: ListenerId) -> Option<Ask> {
    let routes = lab.gateway.routes.iter();
    let mut asks = routes.flat_map(|route| lab.asker().every_good(route.id));
    asks.find(|ask| ask.listener == listener && ask.request.upgrade.is_none())
}
