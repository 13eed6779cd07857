//! Every family of probes: each makes, from a gateway, the probes of the promises that the gateway makes.

mod answers;
mod api_key;
mod approach;
mod balance;
mod basic;
mod beside;
mod body_time;
mod clients;
mod conditions;
mod connecting;
mod cookie;
mod cors;
mod drain;
mod forward;
mod frames;
mod guarded;
mod headers;
mod health;
mod jwt;
mod limits;
mod links;
mod listener;
mod listener_time;
mod log;
mod metrics;
mod odds;
mod open;
mod ops;
mod origins;
mod over_http2;
mod passive;
mod process;
mod protocols;
mod resolve;
mod retries;
mod rewrite;
mod routing;
mod servers;
mod sizes;
mod slow_start;
mod stickiness;
mod stream;
mod tls;
mod tokens;
mod tunnel_time;
mod upgrade;
mod upstream_tls;
mod values;
mod way;

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
        id: "listener",
        derive: listener::probes,
    },
    Family {
        id: "protocols",
        derive: protocols::probes,
    },
    Family {
        id: "tls",
        derive: tls::probes,
    },
    Family {
        id: "routing",
        derive: routing::probes,
    },
    Family {
        id: "conditions",
        derive: conditions::probes,
    },
    Family {
        id: "headers",
        derive: headers::probes,
    },
    Family {
        id: "header_changes",
        derive: ops::probes,
    },
    Family {
        id: "limits",
        derive: limits::probes,
    },
    Family {
        id: "sizes",
        derive: sizes::probes,
    },
    Family {
        id: "open",
        derive: open::probes,
    },
    Family {
        id: "jwt",
        derive: jwt::probes,
    },
    Family {
        id: "basic",
        derive: basic::probes,
    },
    Family {
        id: "api_key",
        derive: api_key::probes,
    },
    Family {
        id: "forward",
        derive: forward::probes,
    },
    Family {
        id: "origins",
        derive: origins::probes,
    },
    Family {
        id: "clients",
        derive: clients::probes,
    },
    Family {
        id: "cors",
        derive: cors::probes,
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
        id: "upgrade",
        derive: upgrade::probes,
    },
    Family {
        id: "upgrade",
        derive: over_http2::probes,
    },
    Family {
        id: "frames",
        derive: frames::probes,
    },
    Family {
        id: "log",
        derive: log::probes,
    },
    Family {
        id: "metrics",
        derive: metrics::probes,
    },
    Family {
        id: "time",
        derive: tunnel_time::probes,
    },
    Family {
        id: "streaming",
        derive: stream::probes,
    },
    Family {
        id: "time",
        derive: body_time::probes,
    },
    Family {
        id: "time",
        derive: listener_time::probes,
    },
    Family {
        id: "time",
        derive: connecting::probes,
    },
    Family {
        id: "drain",
        derive: drain::probes,
    },
    Family {
        id: "process",
        derive: process::probes,
    },
    Family {
        id: "servers",
        derive: servers::probes,
    },
    Family {
        id: "balance",
        derive: balance::probes,
    },
    Family {
        id: "retries",
        derive: retries::probes,
    },
    Family {
        id: "health",
        derive: health::probes,
    },
    Family {
        id: "stickiness",
        derive: stickiness::probes,
    },
    Family {
        id: "links",
        derive: links::probes,
    },
    Family {
        id: "resolve",
        derive: resolve::probes,
    },
    Family {
        id: "upstream_tls",
        derive: upstream_tls::probes,
    },
];

/// Every probe of a gateway, in the order of the families.
pub fn of(gateway: &Gateway) -> Vec<Probe> {
    FAMILIES
        .iter()
        .flat_map(|family| (family.derive)(gateway))
        .collect()
}
