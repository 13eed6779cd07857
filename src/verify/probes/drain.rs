//! Stop and reload (contract §4.2, §4.4): what lives on, for how long, and how tunnels end.

use std::time::{Duration, Instant};

use super::ends::{most, within};
use crate::ir::{Dur, Feature, Gateway, Route, Subject};
use crate::verify::ask::Ask;
use crate::verify::behave::deviation;
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::wire::{Event, Tunnel};

/// Tunnels that are open when a program stops: enough to see whether their ends are spread.
const TUNNELS: usize = 6;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let timeout = &gateway.runtime.drain_timeout;
    let spread = &gateway.runtime.drain_spread;
    if !gateway.routes.iter().any(leads) {
        return Vec::new();
    }
    let scale = Scale::around(timeout.value);
    let probe = |promise: String, run: fn(&Lab) -> Seen| {
        Probe::new(
            Feature::DrainTimeout,
            Subject::Gateway,
            timeout.loc(),
            promise,
            run,
        )
        .scaled(scale)
        .alone()
    };
    let mut probes = vec![
        probe(
            format!(
                "a tunnel lives on while the program stops, and is closed after {}",
                timeout.value
            ),
            stopping,
        ),
        probe(
            format!(
                "a tunnel lives on at a reload, and is closed after {}; new requests are served",
                timeout.value
            ),
            reloading,
        ),
    ];
    if let Some(over) = spread.value {
        probes.push(
            Probe::new(
                Feature::DrainSpread,
                Subject::Gateway,
                spread.loc(),
                format!("tunnels end with a close frame 1001, spread over {over}"),
                spreading,
            )
            .scaled(Scale::around(over))
            .alone(),
        );
    }
    probes
}

fn leads(route: &Route) -> bool {
    route.websocket.is_some() && !route.shares().is_empty()
}

/// An open tunnel that was seen to work.
fn opened(lab: &Lab) -> Result<(Ask, Tunnel), Miss> {
    let asker = lab.asker();
    let mut routes = lab.open_routes().filter(|route| leads(route));
    let ask = routes
        .find_map(|route| asker.good_tunnel(route.id))
        .ok_or_else(|| Miss::Unseen("no handshake was found that a route takes".to_owned()))?;
    let mut tunnel = lab.tunnel(&ask)?;
    tunnel.try_echo("before the end")?;
    Ok((ask, tunnel))
}

fn stopping(lab: &Lab) -> Seen {
    let (ask, tunnel) = opened(lab)?;
    let start = Instant::now();
    lab.running().stop_soft();
    let limit = lab.gateway.runtime.drain_timeout.value;
    lives_on(lab, &ask, tunnel, start, "stop")?;
    let left = most(limit).saturating_sub(start.elapsed());
    match lab.running().gone_within(left + Duration::from_secs(1)) {
        Some(_) => Ok(()),
        None => Err(Deviation::new(
            "a stop",
            "the program still runs",
            format!("an end after {limit}"),
        )
        .into()),
    }
}

fn reloading(lab: &Lab) -> Seen {
    let (ask, tunnel) = opened(lab)?;
    let start = Instant::now();
    if let Err(why) = lab.reload() {
        return Err(
            Deviation::new("a reload", why.to_string(), "the same file taken again").into(),
        );
    }
    opened(lab)?;
    lives_on(lab, &ask, tunnel, start, "reload")
}

/// A tunnel that was open at a stop or reload works on, and ends at the drain's limit; before it only where ends are spread.
fn lives_on(lab: &Lab, ask: &Ask, mut tunnel: Tunnel, start: Instant, what: &str) -> Seen {
    let runtime = &lab.gateway.runtime;
    let limit = runtime.drain_timeout.value;
    if runtime.drain_spread.value.is_none() && tunnel.try_echo("after it").is_err() {
        let came = format!("the tunnel ended at the {what}");
        return Err(deviation(
            ask,
            came,
            format!("a tunnel that lives on for {limit}"),
        ));
    }
    let ended = tunnel.ends_within(most(limit)).map(|_| start.elapsed());
    let least = if runtime.drain_spread.value.is_some() {
        Dur::from_millis(1)
    } else {
        limit
    };
    match (within(limit, ended), ended) {
        (Err(_), Some(after)) if least < limit && after <= most(limit) => Ok(()),
        (Err(came), _) => Err(deviation(
            ask,
            format!("after the {what} {came}"),
            format!("a tunnel that ends {limit} after it"),
        )),
        (Ok(()), _) => Ok(()),
    }
}

fn spreading(lab: &Lab) -> Seen {
    let Some(spread) = lab.gateway.runtime.drain_spread.value else {
        return Err(Miss::gone());
    };
    let mut open = Vec::new();
    for _ in 0..TUNNELS {
        open.push(opened(lab)?);
    }
    let start = Instant::now();
    lab.running().stop_soft();
    // Each waits for itself: their ends are apart.
    let ends: Vec<(Ask, Option<(Event, Duration)>)> = std::thread::scope(|scope| {
        let waiting: Vec<_> = open
            .into_iter()
            .map(|(ask, mut tunnel)| {
                scope.spawn(move || {
                    let end = tunnel.ends_within(most(spread));
                    (ask, end.map(|(event, _)| (event, start.elapsed())))
                })
            })
            .collect();
        waiting
            .into_iter()
            .filter_map(|it| it.join().ok())
            .collect()
    });
    let mut times = Vec::new();
    for (ask, end) in &ends {
        let promised = format!("a close frame 1001 within {spread}");
        match end {
            Some((Event::Close(1001), after)) => times.push(*after),
            Some((Event::Close(code), _)) => {
                return Err(deviation(ask, format!("a close frame {code}"), promised));
            }
            Some(_) => return Err(deviation(ask, "an end without a close frame", promised)),
            None => return Err(deviation(ask, "the tunnel was still open", promised)),
        }
    }
    times.sort_unstable();
    let apart =
        times.last().copied().unwrap_or_default() - times.first().copied().unwrap_or_default();
    if apart.as_millis() as u64 * 4 < spread.as_millis() {
        let came = format!("all ended within {} ms", apart.as_millis());
        return Err(Deviation::new(
            format!("a stop with {TUNNELS} tunnels"),
            came,
            format!("ends spread over {spread}"),
        )
        .into());
    }
    Ok(())
}
