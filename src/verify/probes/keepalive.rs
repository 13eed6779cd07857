//! The keep-alive timer of a TCP connection, as Linux lists it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::verify::probe::Miss;

/// Every socket of the system over IPv4, a line each.
pub(super) fn table() -> Result<String, Miss> {
    std::fs::read_to_string("/proc/net/tcp").map_err(|_| {
        Miss::Unseen("the system has no list of its sockets with their timers".to_owned())
    })
}

/// What is left of the timer at the end `own` of the connection to `far`; `None` where none runs.
pub(super) fn left(table: &str, own: SocketAddr, far: SocketAddr) -> Option<Duration> {
    let (own, far) = (listed(own)?, listed(far)?);
    table.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let ours = words.next()? == own && words.next()? == far;
        // `02:000016A3`: the kind of the timer, 2 for keep-alive, and hundredths of a second.
        let hundredths = words.nth(2)?.strip_prefix("02:")?;
        let hundredths = u64::from_str_radix(hundredths, 16).ok()?;
        ours.then(|| Duration::from_millis(hundredths * 10))
    })
}

/// An address as the list has it: the bytes of the IP in the machine's order.
fn listed(at: SocketAddr) -> Option<String> {
    match at.ip() {
        IpAddr::V4(ip) => Some(format!(
            "{:08X}:{:04X}",
            u32::from_ne_bytes(ip.octets()),
            at.port()
        )),
        IpAddr::V6(_) => None,
    }
}
