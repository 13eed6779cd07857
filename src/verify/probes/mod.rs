//! Every family of probes: each makes, from a gateway, the probes of the promises that the gateway makes.

mod answers;
mod beside;
mod conditions;
mod drain;
mod process;
mod rewrite;
mod routing;
mod time;

use super::probe::Probe;
use crate::ir::Gateway;

/// A family: a name for `--only`, and what makes its probes.
pub struct Family {
    /// One word.
    pub id: &'static str,
    /// Makes the probes of a gateway.
    pub derive: fn(&Gateway) -> Vec<Probe>,
}

/// Every family, in the order of the evidence.
pub static FAMILIES: &[Family] = &[
    Family {
        id: "routing",
        derive: routing::probes,
    },
    Family {
        id: "conditions",
        derive: conditions::probes,
    },
    Family {
        id: "rewrite",
        derive: rewrite::probes,
    },
    Family {
        id: "answers",
        derive: answers::probes,
    },
    Family {
        id: "time",
        derive: time::probes,
    },
    Family {
        id: "drain",
        derive: drain::probes,
    },
    Family {
        id: "process",
        derive: process::probes,
    },
];

/// Every probe of a gateway, in the order of the families.
pub fn of(gateway: &Gateway) -> Vec<Probe> {
    FAMILIES
        .iter()
        .flat_map(|family| (family.derive)(gateway))
        .collect()
}
