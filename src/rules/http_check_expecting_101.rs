//! http-check-expecting-101: a plain HTTP check that waits for a handshake's answer.

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::Check;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "http-check-expecting-101",
    include_str!("http_check_expecting_101.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for health in subject.gateway.upstreams.iter().filter_map(|it| it.health.as_ref()) {
        if let Check::Http { status, path, .. } = &health.check.value
            && status.iter().any(|range| (range.first..=range.last).contains(&101))
        {
            findings
                .at(
                    health.check.loc(),
                    "an `http` check does not ask for an upgrade, so that no server answers 101",
                )
                .note("a server that answers an ordinary request with 400 or 426 would be taken out although it is well")
                .help(format!("write `health: {{websocket: {{path: {path}}}}}`: it performs a real handshake"));
        }
    }
}
