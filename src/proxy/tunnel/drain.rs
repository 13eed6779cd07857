//! Tunnels ended on purpose, with 1001: each has its moment within `runtime.drain.spread`, whether the proxy stops or a reload took their
//! route away, so that their clients do not come back all at once.

use std::rc::Rc;

use crate::ir::Runtime;

use crate::proxy::tunnel::watch::Watch;

/// Gives every tunnel its moment, from now on; those that have one keep it. What nobody spreads ends together, at the drain's end.
pub(crate) fn spread(tunnels: &[Rc<Watch>], runtime: &Runtime, now: u64) {
    let limit = runtime.drain_timeout.value.as_millis();
    let count = tunnels.len() as u64;
    for (at, watch) in (0..).zip(tunnels) {
        watch.end_at(
            now + match runtime.drain_spread.value {
                Some(spread) => spread.as_millis().min(limit) * at / count,
                None => limit,
            },
        );
    }
}

/// The moment of a tunnel that was opened after the others had got theirs.
pub(crate) fn late(watch: &Watch, runtime: &Runtime, now: u64) {
    let limit = runtime.drain_timeout.value.as_millis();
    watch.end_at(now + runtime.drain_spread.value.map_or(limit, |_| 0));
}
