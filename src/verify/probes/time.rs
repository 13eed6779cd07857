//! Time (contract §4.4): each word alone, at a scaled duration: not before it is over, and soon after.

use std::time::{Duration, Instant};

use crate::ir::{Dur, Feature, Gateway, RouteId};
use crate::verify::lab::{Lab, deviation};
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::scale::Scale;

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
        let idle = &websocket.idle;
        probes.push(
            Probe::new(
                Feature::TimeoutWebSocketIdle,
                route,
                idle.loc(),
                format!(
                    "a tunnel with no byte in either direction is closed after {}",
                    idle.value
                ),
                move |lab| silent_tunnel(lab, id),
            )
            .scaled(Scale::around(idle.value)),
        );
    }
    probes
}

/// A silent tunnel ends at its idle limit.
fn silent_tunnel(lab: &Lab, route: RouteId) -> Seen {
    let Some(websocket) = &lab.gateway.route(route).websocket else {
        return Ok(());
    };
    let limit = websocket.idle.value;
    let ask = good_tunnel(lab, route)?;
    let mut tunnel = lab.tunnel(&ask)?;
    tunnel.try_echo("before the silence")?;
    let start = Instant::now();
    let ended = tunnel.ends_within(most(limit));
    within(limit, ended.map(|_| start.elapsed())).map_err(|came| {
        deviation(
            &ask,
            came,
            format!("a silent tunnel that ends after {limit}"),
        )
    })
}

/// A handshake that the route takes.
pub(super) fn good_tunnel(lab: &Lab, route: RouteId) -> Result<crate::verify::ask::Ask, Miss> {
    let asker = lab.asker();
    asker
        .good_tunnel(route)
        .ok_or_else(|| Miss::Unseen("no handshake was found that the route takes".to_owned()))
}

/// How long an end is waited for: machines are busy.
pub(super) fn most(limit: Dur) -> Duration {
    Duration::from_millis(limit.as_millis() * 3 / 2) + Duration::from_millis(1500)
}

/// Whether an end came at its time: never before, with a grace after. `Err` says what came.
pub(super) fn within(limit: Dur, ended: Option<Duration>) -> Result<(), String> {
    // A program's clock may tick a little early.
    let least = Duration::from_millis(limit.as_millis() * 9 / 10);
    match ended {
        None => Err(format!(
            "it was still open after {:.1} s",
            most(limit).as_secs_f64()
        )),
        Some(after) if after < least => Err(format!("it ended after {:.2} s", after.as_secs_f64())),
        Some(_) => Ok(()),
    }
}
