//! The keep-alive timer of a TCP connection, as Linux lists it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::verify::probe::Miss;

/// Every socket of the system over TCP, a line each.
pub(super) fn table() -> Result<String, Miss> {
    let first = std::fs::read_to_string("/proc/net/tcp").map_err(|_| {
        Miss::Unseen("the system has no list of its sockets with their timers".to_owned())
    })?;
    // A machine may have no IPv6.
    Ok(first + &std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default())
}

/// What is left of the timer at the end `own` of the connection to `far`; `None` where none runs.
pub(super) fn left(table: &str, own: SocketAddr, far: SocketAddr) -> Option<Duration> {
    let (own, far) = (listed(own), listed(far));
    table.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let ours = words.next()? == own && words.next()? == far;
        // `02:000016A3`: the kind of the timer, 2 for keep-alive, and hundredths of a second.
        let hundredths = words.nth(2)?.strip_prefix("02:")?;
        let hundredths = u64::from_str_radix(hundredths, 16).ok()?;
        ours.then(|| Duration::from_millis(hundredths * 10))
    })
}

/// An address as the list has it: the IP by words of four bytes, each in the machine's order.
fn listed(at: SocketAddr) -> String {
    let bytes = match at.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (words, _) = bytes.as_chunks::<4>();
    let ip: String = words
        .iter()
        .map(|word| format!("{:08X}", u32::from_ne_bytes(*word)))
        .collect();
    format!("{ip}:{:04X}", at.port())
}
