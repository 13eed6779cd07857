//! websocket-without-origin-check: sockets that any web page may open with a visitor's cookies.

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{AuthKind, Route, TokenPlace};

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "websocket-without-origin-check",
    include_str!("websocket_without_origin_check.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for route in &subject.gateway.routes {
        let Some(websocket) = &route.websocket else {
            continue;
        };
        if websocket.origins.is_some() || asks_for_more_than_browsers_send(subject, route) {
            continue;
        }
        findings
            .at(
                websocket.at,
                format!("any web page may open the sockets of route {}", route.name),
            )
            .note("browsers send cookies along and hold no socket back: a page elsewhere speaks as the visitor who opened it")
            .help("write `websocket: {origins: [https://example.com]}`, or `origins: same_host`");
    }
}

/// Whether the route's auth takes only what a page has to add itself.
fn asks_for_more_than_browsers_send(subject: &Subject<'_>, route: &Route) -> bool {
    let added = |places: &[TokenPlace]| {
        !places
            .iter()
            .any(|place| matches!(place, TokenPlace::Cookie(_)))
    };
    match subject.gateway.auth_of(route).map(|auth| &auth.kind) {
        Some(AuthKind::Jwt(jwt)) => added(&jwt.token.value),
        Some(AuthKind::ApiKey(key)) => added(&key.from.value),
        Some(AuthKind::Basic(_) | AuthKind::Forward(_)) | None => false,
    }
}
