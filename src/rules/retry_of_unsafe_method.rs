//! retry-of-unsafe-method: retries on a route whose methods are never tried again.

use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "retry-of-unsafe-method",
    include_str!("retry_of_unsafe_method.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let gateway = subject.gateway;
    for route in &gateway.routes {
        let Some(share) = route.shares().first() else {
            continue;
        };
        let inherited = gateway.upstream(share.upstream.value).retries.loc();
        let tried = share.retries.value.as_ref().is_some_and(|retries| retries.attempts > 0);
        if !tried || !share.retries.is_written() || share.retries.loc() == inherited {
            continue;
        }
        let Some(methods) = route.when.methods.as_ref().or(route.methods.as_ref()) else {
            continue;
        };
        let unsafe_only = methods
            .value
            .iter()
            .all(|method| !["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].contains(&method.as_str()));
        if unsafe_only {
            findings
                .at(
                    share.retries.loc(),
                    format!("{} is not tried again, so that these retries do nothing", methods.value.join(", ")),
                )
                .also(methods.loc(), "the route's methods")
                .note("a second try could order, pay or send twice; a server that refuses the connection is skipped in any case")
                .help("take `retries` out; let clients repeat with an idempotency key that the server knows");
        }
    }
}
