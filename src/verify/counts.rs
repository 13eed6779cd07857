//! Limits that count requests, tunnels and connections: raised wherever probes would be counted together.

use crate::ir::Gateway;

/// Which limits of a gateway count as written.
///
/// Everywhere else they are raised out of reach, so that no probe is refused for another one's sake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counts {
    /// None.
    #[default]
    None,
    /// Those of routes, on requests and on what is open at once.
    Routes,
    /// Those of routes on what is open at once; more than [`MOST`] count as that.
    Connections,
    /// Those of listeners; more open at once than [`MOST`] count as that.
    Listeners,
}

/// The most that a probe opens at once.
pub const MOST: u32 = 12;

/// More than all probes of a lab together send or open.
const OUT_OF_REACH: u32 = 50_000;

impl Counts {
    /// Raises what does not count, and brings down what a probe could not reach.
    pub(super) fn apply(self, gateway: &mut Gateway) {
        let raised = |max: u32, counts: bool| {
            if counts {
                max.min(MOST)
            } else {
                max.max(OUT_OF_REACH)
            }
        };
        for it in &mut gateway.listeners {
            if let Some(max) = &mut it.connections.value {
                let most = u32::try_from(*max).unwrap_or(u32::MAX);
                *max = raised(most, self == Self::Listeners).into();
            }
        }
        for it in &mut gateway.routes {
            if let Some(limit) = &mut it.connections {
                limit.max.value = raised(
                    limit.max.value,
                    matches!(self, Self::Routes | Self::Connections),
                );
            }
            if let Some(limit) = it.requests.as_mut().filter(|_| self != Self::Routes) {
                limit.rate.value.count = limit.rate.value.count.max(OUT_OF_REACH);
                limit.burst.value = limit.burst.value.max(OUT_OF_REACH);
            }
        }
    }
}
