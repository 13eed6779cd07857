//! Ports that anybody may bind, on addresses that only this machine reaches.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::ir::{Gateway, Loc};
use crate::proxy::fault::Fault;

use super::overrides::Overrides;
use super::{Account, What};

/// The first port that needs no right of its own.
const FREE: u16 = 1024;

/// How far the others move up.
const UP: u16 = 8000;

/// Moves listeners and metrics to where a user may bind them.
///
/// # Errors
/// Two of them meet.
pub(super) fn apply(
    gateway: &mut Gateway,
    overrides: &Overrides,
    account: &mut Account,
) -> Result<(), Vec<Fault>> {
    let mut taken: HashMap<(u16, bool), (String, bool)> = HashMap::new();
    let mut faults = Vec::new();
    let mut take = |at: (u16, IpAddr), name: String, moved: bool, loc: Loc| {
        let place = (at.0, at.1.is_ipv6());
        if let Some((other, other_moved)) = taken.get(&place)
            && (moved || *other_moved)
        {
            let fault = Fault::new(loc, format!("{name} and {other} meet on port {}", at.0));
            faults.push(fault.help(format!(
                "`--local` moves ports below {FREE} up by {UP}, and listeners to this machine's loopback: choose another port with `--port NAME=PORT`"
            )));
        }
        taken.insert(place, (name, moved));
    };
    for listener in &mut gateway.listeners {
        let old = listener.port.value;
        let moved = old < FREE && !overrides.moves(&listener.name);
        if moved {
            listener.port.value = old + UP;
        }
        let to = format!("listener {}", listener.name);
        let port = listener.port.value;
        // What a browser sees is what it connects to: nothing stands in front.
        listener.public_port.value = port;
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let elsewhere = listener
            .address
            .value
            .filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
        if moved {
            account.did(What::Moved, &*to, format!("port {old} is {port} here"));
        }
        if let Some(ip) = elsewhere {
            let says = format!("{ip} is this machine's loopback here");
            account.did(What::Moved, &*to, says);
        }
        let ip = listener.address.value.filter(|_| elsewhere.is_none());
        let ip = ip.unwrap_or(here);
        listener.address.value = Some(ip);
        take(
            (port, ip),
            to.clone(),
            moved || elsewhere.is_some(),
            listener.port.loc(),
        );
        if listener.proxy_protocol.value {
            listener.proxy_protocol.value = false;
            account.did(
                What::Note,
                to,
                "no PROXY protocol: clients connect straight",
            );
        }
    }
    if let Some(metrics) = &mut gateway.metrics {
        let old = metrics.port.value;
        let moved = old < FREE;
        if moved {
            metrics.port.value = old + UP;
            account.did(
                What::Moved,
                "metrics",
                format!("port {old} is {} here", old + UP),
            );
        }
        if !metrics.address.value.is_unspecified() {
            metrics.address.value = IpAddr::V4(Ipv4Addr::LOCALHOST);
        }
        take(
            (metrics.port.value, metrics.address.value),
            "metrics".to_owned(),
            moved,
            metrics.port.loc(),
        );
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}
