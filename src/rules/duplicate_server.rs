//! duplicate-server: one server listed twice in an upstream.

use std::collections::HashMap;

use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "duplicate-server",
    include_str!("duplicate_server.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for upstream in &subject.gateway.upstreams {
        let mut seen = HashMap::new();
        for server in &upstream.servers {
            let address = &server.address.value;
            if let Some(first) = seen.get(address) {
                findings
                    .at(
                        server.at,
                        format!("{address} is in upstream {} twice", upstream.name),
                    )
                    .also(*first, "here first")
                    .note("it gets a double share, and counts its health and connections twice")
                    .help("keep one, with a `weight` if a larger share is meant");
            } else {
                seen.insert(address, server.at);
            }
        }
    }
}
