//! Every family of probes: each makes, from a gateway, the probes of the promises that the gateway makes.

mod acme;
mod answers;
mod api_key;
mod approach;
mod arrival;
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
mod ends;
mod forward;
mod frames;
mod guarded;
mod headers;
mod health;
mod jwt;
mod keepalive;
mod limits;
mod links;
mod listener;
mod listener_time;
mod log;
mod log_line;
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
    derive: &'static [Derive],
}

type Derive = fn(&Gateway) -> Vec<Probe>;

impl Family {
    /// The family's probes of a gateway.
    pub fn probes(&self, gateway: &Gateway) -> Vec<Probe> {
        let each = self.derive.iter();
        each.flat_map(|derive| derive(gateway)).collect()
    }
}

const fn family(id: &'static str, derive: &'static [Derive]) -> Family {
    Family { id, derive }
}

/// Every family, in the order of the evidence.
pub static FAMILIES: &[Family] = &[
    family("listener", &[listener::probes]),
    family("protocols", &[protocols::probes]),
    family("tls", &[tls::probes, acme::probes]),
    family("routing", &[routing::probes]),
    family("conditions", &[conditions::probes]),
    family("headers", &[headers::probes]),
    family("header_changes", &[ops::probes]),
    family("limits", &[limits::probes]),
    family("sizes", &[sizes::probes]),
    family("open", &[open::probes]),
    family("jwt", &[jwt::probes]),
    family("basic", &[basic::probes]),
    family("api_key", &[api_key::probes]),
    family("forward", &[forward::probes]),
    family("origins", &[origins::probes]),
    family("clients", &[clients::probes]),
    family("cors", &[cors::probes]),
    family("rewrite", &[rewrite::probes]),
    family("answers", &[answers::probes]),
    family("upgrade", &[upgrade::probes, over_http2::probes]),
    family("frames", &[frames::probes]),
    family("log", &[log::probes]),
    family("metrics", &[metrics::probes]),
    family(
        "time",
        &[
            tunnel_time::probes,
            body_time::probes,
            listener_time::probes,
            connecting::probes,
        ],
    ),
    family("streaming", &[stream::probes]),
    family("drain", &[drain::probes]),
    family("process", &[process::probes]),
    family("servers", &[servers::probes]),
    family("balance", &[balance::probes]),
    family("retries", &[retries::probes]),
    family("health", &[health::probes]),
    family("stickiness", &[stickiness::probes]),
    family("links", &[links::probes]),
    family("resolve", &[resolve::probes]),
    family("upstream_tls", &[upstream_tls::probes]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::FAMILIES;

    #[test]
    fn families_have_ids_of_their_own() {
        let ids: BTreeSet<&str> = FAMILIES.iter().map(|family| family.id).collect();
        assert_eq!(ids.len(), FAMILIES.len());
    }
}
