//! wildcard-cors-with-credentials: any web page may read a visitor's data.

use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "wildcard-cors-with-credentials",
    include_str!("wildcard_cors_with_credentials.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for route in &subject.gateway.routes {
        if let Some(cors) = &route.cors
            && cors.origins.value.is_none()
            && cors.credentials.value
        {
            findings
                .at(
                    cors.origins.loc(),
                    format!("route {} answers every origin, with credentials", route.name),
                )
                .also(cors.credentials.loc(), "cookies are sent along")
                .note("a page elsewhere asks as the visitor and reads the answer; browsers refuse `*` here, so that the origin is echoed")
                .help("name the origins: `origins: [https://app.example.com]`; or write `credentials: off`");
        }
    }
}
