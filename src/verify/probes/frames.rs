//! What the proxy itself does on a tunnel (contract §4.2): too long a message, too many of them, and pings.

use std::time::Duration;

use tungstenite::Message;

use super::approach::tunnel;
use super::ends::most;
use crate::ir::{Feature, Gateway, RouteId};
use crate::verify::behave::deviation;
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::wire::Event;

/// More messages than this are not sent to see a rate.
const MANY: u32 = 10_000;
/// Longer messages than this are not sent to see a limit.
const LONG: usize = 60 << 20;

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
        if let Some(longest) = websocket.max_message.value {
            probes.push(Probe::new(
                Feature::WebSocketMaxMessage,
                route,
                websocket.max_message.loc(),
                format!("a message of {longest} passes, a longer one closes with 1009"),
                move |lab| too_long(lab, id),
            ));
        }
        if let Some(rate) = websocket.messages.value {
            probes.push(Probe::new(
                Feature::WebSocketMessages,
                route,
                websocket.messages.loc(),
                format!("a client that sends more than {rate} messages is closed with 1008"),
                move |lab| too_many(lab, id),
            ));
        }
        if let Some(after) = websocket.ping.value {
            let probe = Probe::new(
                Feature::WebSocketPing,
                route,
                websocket.ping.loc(),
                format!("a side that is silent for {after} gets a ping"),
                move |lab| pinged(lab, id),
            );
            probes.push(probe.scaled(Scale::around(after)));
        }
    }
    probes
}

fn too_long(lab: &Lab, route: RouteId) -> Seen {
    let Some(websocket) = &lab.gateway.route(route).websocket else {
        return Err(Miss::gone());
    };
    let Some(longest) = websocket.max_message.value else {
        return Err(Miss::gone());
    };
    let size = usize::try_from(longest.as_bytes()).unwrap_or(usize::MAX);
    if size >= LONG {
        return Err(Miss::Unseen(format!("{longest} is too long to be sent")));
    }
    let (ask, mut tunnel) = tunnel(lab, route)?;
    tunnel.send(Message::binary(vec![7; size]))?;
    match tunnel.read() {
        Event::Binary(back) if back.len() == size => {}
        other => {
            return Err(deviation(
                &ask,
                format!("a message of {longest}, then {}", other.says()),
                "its echo",
            ));
        }
    }
    // It may be refused before it is whole.
    let sent = tunnel.send(Message::binary(vec![7; size + 1]));
    match tunnel.read() {
        Event::Close(1009) => Ok(()),
        other => Err(deviation(
            &ask,
            format!(
                "a message of one byte more {}, then {}",
                if sent.is_ok() {
                    "was taken"
                } else {
                    "was not taken"
                },
                other.says()
            ),
            "a close frame 1009",
        )),
    }
}

fn too_many(lab: &Lab, route: RouteId) -> Seen {
    let Some(websocket) = &lab.gateway.route(route).websocket else {
        return Err(Miss::gone());
    };
    let Some(rate) = websocket.messages.value else {
        return Err(Miss::gone());
    };
    // Twice the rate, as a window may have just begun anew.
    let count = rate.count.saturating_mul(2).saturating_add(2);
    if count > MANY {
        return Err(Miss::Unseen(format!(
            "{count} messages are too many to be sent"
        )));
    }
    let (ask, mut tunnel) = tunnel(lab, route)?;
    let mut passed = 0;
    for _ in 0..count {
        if tunnel.send(Message::text("once more")).is_err() {
            break;
        }
        match tunnel.read() {
            Event::Text(_) => passed += 1,
            Event::Close(1008) if passed >= rate.count => return Ok(()),
            other => {
                return Err(deviation(
                    &ask,
                    format!("{passed} echoes, then {}", other.says()),
                    format!("a close frame 1008 after {} messages", rate.count),
                ));
            }
        }
    }
    Err(deviation(
        &ask,
        format!("{passed} echoes of as many messages"),
        format!("a close frame 1008 after {} messages", rate.count),
    ))
}

fn pinged(lab: &Lab, route: RouteId) -> Seen {
    let Some(websocket) = &lab.gateway.route(route).websocket else {
        return Err(Miss::gone());
    };
    let Some(after) = websocket.ping.value else {
        return Err(Miss::gone());
    };
    // A tunnel whose own idle time is shorter ends first.
    let limit = most(after).min(most(websocket.idle.value));
    let (ask, mut tunnel) = tunnel(lab, route)?;
    match tunnel.read_within(limit.max(Duration::from_millis(1))) {
        Event::Ping => Ok(()),
        other => Err(deviation(
            &ask,
            format!("{} within {:.1} s", other.says(), limit.as_secs_f64()),
            format!("a ping after {after}"),
        )),
    }
}
