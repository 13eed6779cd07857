//! Health checks within the limits of a load balancer.

use crate::ir::{Check, Health};

/// What a health check asks, in the load balancer's limits.
pub(super) struct Probe {
    pub(super) path: String,
    pub(super) matcher: String,
    pub(super) interval: u64,
    pub(super) timeout: u64,
    pub(super) rise: u64,
    pub(super) fall: u64,
}

/// Every answer that a server can give.
pub(super) const ANY: &str = "200-499";

/// The probe for a health check; without one, the mildest that the load balancer has.
pub(super) fn probe(health: Option<&Health>) -> Probe {
    let Some(health) = health else {
        return Probe {
            path: "/".to_owned(),
            matcher: ANY.to_owned(),
            interval: 30,
            timeout: 6,
            rise: 2,
            fall: 2,
        };
    };
    let (path, matcher) = match &health.check.value {
        Check::Http { path, status, .. } => {
            let ranges: Vec<String> = status
                .iter()
                .filter(|range| range.last >= 200 && range.first <= 499)
                .map(|range| match (range.first.max(200), range.last.min(499)) {
                    (first, last) if first == last => first.to_string(),
                    (first, last) => format!("{first}-{last}"),
                })
                .collect();
            match ranges.is_empty() {
                true => (path.clone(), ANY.to_owned()),
                false => (path.clone(), ranges.join(",")),
            }
        }
        Check::Tcp => ("/".to_owned(), ANY.to_owned()),
        Check::WebSocket { path, .. } => (path.clone(), ANY.to_owned()),
    };
    let timeout = health.timeout.value.as_secs_ceil().clamp(2, 120);
    let interval = health.interval.value.as_secs_ceil().clamp(5, 300);
    Probe {
        path,
        matcher,
        // The interval has to be longer than what one check may take.
        interval: if interval > timeout {
            interval
        } else {
            (timeout + 1).min(300)
        },
        timeout,
        rise: u64::from(health.rise.value).clamp(2, 10),
        fall: u64::from(health.fall.value).clamp(2, 10),
    }
}
