//! trust-everyone: anybody may say which address they come from.

use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "trust-everyone",
    include_str!("trust_everyone.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for listener in &subject.gateway.listeners {
        let trusted = &listener.trusted_proxies;
        if let Some(range) = trusted.value.iter().find(|range| range.is_everyone()) {
            findings
                .at(
                    trusted.loc(),
                    format!("listener {} believes `X-Forwarded-For` from {range}, from everyone", listener.name),
                )
                .note("a client writes the address that it likes: `clients`, limits per client and logs believe it")
                .help("name the addresses of the proxies in front, such as `[10.0.0.0/8]`");
        }
    }
}
