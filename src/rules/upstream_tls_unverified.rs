//! upstream-tls-unverified: TLS to a server that could be anybody.

use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "upstream-tls-unverified",
    include_str!("upstream_tls_unverified.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for upstream in &subject.gateway.upstreams {
        if let Some(tls) = &upstream.tls
            && !tls.verify.value
        {
            findings
                .at(
                    tls.verify.loc(),
                    format!("the servers of upstream {} are not verified", upstream.name),
                )
                .note("whoever can answer on that address reads and changes everything, tokens and cookies included")
                .help("write `verify: on` with `ca: /path/to/ca.pem`, and `server_name` where the certificate has another name than the address");
        }
    }
}
