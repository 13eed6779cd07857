//! health-timeout-not-below-interval: a check that may still run when the next one starts.

use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "health-timeout-not-below-interval",
    include_str!("health_timeout_not_below_interval.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for upstream in &subject.gateway.upstreams {
        let Some(health) = &upstream.health else {
            continue;
        };
        let (timeout, interval) = (&health.timeout, &health.interval);
        if timeout.value >= interval.value {
            let at = if timeout.is_written() {
                timeout.loc()
            } else {
                interval.loc()
            };
            findings
                .at(
                    at,
                    format!(
                        "a check may take {} and is repeated every {}",
                        timeout.value, interval.value
                    ),
                )
                .note("programs differ in what they do then: some check less often, some have two checks open at once")
                .help("write a `timeout` below `interval`, a half of it is usual");
        }
    }
}
