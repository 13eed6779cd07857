//! stickiness-on-one-server: stickiness where there is nothing to choose.

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{Loc, Stickiness};

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "stickiness-on-one-server",
    include_str!("stickiness_on_one_server.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for upstream in &subject.gateway.upstreams {
        let [server] = upstream.servers.as_slice() else {
            continue;
        };
        // A name may stand for many servers.
        if let Some(stickiness) = &upstream.stickiness
            && server.address.value.name().is_none()
        {
            findings
                .at(
                    place(stickiness),
                    format!("upstream {} has one server, {}", upstream.name, server.address.value),
                )
                .note("every client is on it anyway; a cookie is set for nothing")
                .help("take `stickiness` out, or list the other servers");
        }
    }
}

const fn place(stickiness: &Stickiness) -> Loc {
    match stickiness {
        Stickiness::Cookie(cookie) => cookie.name.loc(),
        Stickiness::AppCookie { name, .. } => name.loc(),
        Stickiness::Source { at, .. } => *at,
    }
}
