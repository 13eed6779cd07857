//! The time of tunnels (contract §4.4): silence ends one, bytes in either direction keep it, an age ends it in any case.

use std::time::{Duration, Instant};

use tungstenite::Message;

use super::approach::tunnel;
use super::ends::{most, part, within};
use crate::ir::{Dur, Feature, Gateway, Route, RouteId};
use crate::verify::behave::deviation;
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::wire::{Event, Tunnel};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in &gateway.routes {
        let Some(websocket) = &route.websocket else {
            continue;
        };
        if route.shares().is_empty() {
            continue;
        }
        let id = route.id;
        let limit = websocket.idle.value;
        let mut idle = |promise: &str, run: fn(&Lab, RouteId, Dur) -> Seen| {
            let feature = Feature::TimeoutWebSocketIdle;
            let probe = Probe::new(feature, route, websocket.idle.loc(), promise, move |lab| {
                let idle = idle_of(lab.gateway.route(id));
                idle.map_or(Ok(()), |limit| run(lab, id, limit))
            });
            probes.push(probe.scaled(Scale::around(limit)));
        };
        idle(
            &format!("a tunnel with no byte in either direction is closed after {limit}"),
            silent,
        );
        idle("pings of the client keep a tunnel", pinged);
        idle("bytes from the client alone keep a tunnel", client_only);
        idle("bytes from the server alone keep a tunnel", server_only);
        if let Some(age) = websocket.max_duration.value {
            let promise = format!("a tunnel is closed after {age}, though bytes flow");
            let at = websocket.max_duration.loc();
            let probe = Probe::new(
                Feature::TimeoutMaxDuration,
                route,
                at,
                promise,
                move |lab| aged(lab, id),
            );
            probes.push(probe.scaled(Scale::around(age)));
        }
    }
    probes
}

fn idle_of(route: &Route) -> Option<Dur> {
    route.websocket.as_ref().map(|it| it.idle.value)
}

/// A silent tunnel ends at its idle limit.
fn silent(lab: &Lab, route: RouteId, limit: Dur) -> Seen {
    let (ask, mut tunnel) = tunnel(lab, route)?;
    // The program's clock starts at the echo, which may reach a busy client late.
    let start = Instant::now();
    tunnel.try_echo("before the silence")?;
    let ended = tunnel.ends_within(most(limit));
    within(limit, ended.map(|_| start.elapsed())).map_err(|came| {
        deviation(
            &ask,
            came,
            format!("a silent tunnel that ends after {limit}"),
        )
    })
}

/// Longer than the idle limit, and of it the time between two bytes: `(steps, each)`.
fn steps(limit: Dur) -> (u32, Duration) {
    (4, part(limit, 40))
}

fn pinged(lab: &Lab, route: RouteId, limit: Dur) -> Seen {
    let (ask, mut tunnel) = tunnel(lab, route)?;
    let (count, each) = steps(limit);
    for _ in 0..count {
        std::thread::sleep(each);
        let sent = tunnel.send(Message::Ping("probe".into()));
        let event = sent.map_or(Event::End, |()| tunnel.read());
        if event != Event::Pong {
            let came = format!("{} in place of a pong", event.says());
            return Err(deviation(&ask, came, "a tunnel that pings keep"));
        }
    }
    still_there(&ask, &mut tunnel)
}

/// A pong that nobody asked for is answered by nobody.
fn client_only(lab: &Lab, route: RouteId, limit: Dur) -> Seen {
    let (ask, mut tunnel) = tunnel(lab, route)?;
    let (count, each) = steps(limit);
    for _ in 0..count {
        std::thread::sleep(each);
        if tunnel.send(Message::Pong("probe".into())).is_err() {
            return Err(deviation(
                &ask,
                "the end",
                "a tunnel that bytes from the client keep",
            ));
        }
    }
    still_there(&ask, &mut tunnel)
}

fn server_only(lab: &Lab, route: RouteId, limit: Dur) -> Seen {
    let (ask, mut tunnel) = tunnel(lab, route)?;
    let (count, each) = steps(limit);
    tunnel.send(Message::text(format!("tick {} {count}", each.as_millis())))?;
    for _ in 0..count {
        match tunnel.read() {
            Event::Text(_) | Event::Ping | Event::Pong => {}
            other => {
                return Err(deviation(
                    &ask,
                    other.says(),
                    "a tunnel that bytes from the server keep",
                ));
            }
        }
    }
    still_there(&ask, &mut tunnel)
}

fn still_there(ask: &crate::verify::ask::Ask, tunnel: &mut Tunnel) -> Seen {
    tunnel
        .try_echo("still here")
        .map_err(|why| deviation(ask, why.to_string(), "a tunnel that still lives"))
}

/// A busy tunnel ends at its age.
fn aged(lab: &Lab, route: RouteId) -> Seen {
    let limit = match &lab.gateway.route(route).websocket {
        Some(websocket) => websocket.max_duration.value,
        None => None,
    };
    let Some(limit) = limit else {
        return Err(Miss::gone());
    };
    let asked = Instant::now();
    let (ask, mut tunnel) = tunnel(lab, route)?;
    let start = Instant::now();
    let mut ended = None;
    while start.elapsed() < most(limit) {
        if tunnel.try_echo("busy").is_err() {
            ended = Some(asked.elapsed());
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    within(limit, ended).map_err(|came| {
        deviation(
            &ask,
            format!("{came}, with bytes all the time"),
            format!("the end after {limit}"),
        )
    })
}
