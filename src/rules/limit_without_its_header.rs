//! limit-without-its-header: a limit counted by a header that a request may leave out.

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{AuthKind, Gateway, PerKey, Route, Set, TokenPlace, ValueMatch};

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "limit-without-its-header",
    include_str!("limit_without_its_header.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let gateway = subject.gateway;
    for route in &gateway.routes {
        let requests = route.requests.as_ref().map(|limit| &limit.per);
        let connections = route.connections.as_ref().map(|limit| &limit.per);
        for per in requests.into_iter().chain(connections) {
            told(gateway, route, per, findings);
        }
    }
}

fn told(gateway: &Gateway, route: &Route, per: &Set<PerKey>, findings: &mut Findings<'_>) {
    let PerKey::Header(name) = &per.value else {
        return;
    };
    if !is_required(gateway, route, name) {
        findings
            .at(per.loc(), format!("a request without `{name}` is counted by nobody"))
            .note("a client that leaves the header out has no limit, and one that makes values up has a new one each time")
            .help(format!("let only requests with it in: `when: {{headers: {{{name}: {{present: true}}}}}}`, an `api_key` from it, or count `per: client`"));
    }
}

/// Whether only requests with this header come so far.
fn is_required(gateway: &Gateway, route: &Route, name: &str) -> bool {
    let condition = route.when.headers.iter().any(|condition| {
        condition.value.name.eq_ignore_ascii_case(name)
            && condition.value.value != ValueMatch::Present(false)
    });
    let is_it = |place: &TokenPlace| match place {
        TokenPlace::Header(known) => known.eq_ignore_ascii_case(name),
        TokenPlace::Bearer => name.eq_ignore_ascii_case("authorization"),
        TokenPlace::Subprotocol | TokenPlace::Query(_) | TokenPlace::Cookie(_) => false,
    };
    let auth = gateway.auth_of(route).is_some_and(|auth| match &auth.kind {
        AuthKind::ApiKey(key) => key.from.value.iter().all(is_it),
        AuthKind::Jwt(jwt) => jwt.token.value.iter().all(is_it),
        AuthKind::Basic(_) => name.eq_ignore_ascii_case("authorization"),
        AuthKind::Forward(_) => false,
    });
    condition || auth
}
