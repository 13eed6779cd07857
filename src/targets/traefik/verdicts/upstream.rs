//! What becomes of servers, their times, health, retries and stickiness.

use crate::ir::{Check, RetryAfter, Route, Use};
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::traefik::facts::{self};
use crate::targets::traefik::support::{DOCS, SEEN};
use crate::targets::{Env, Support};

pub(in crate::targets::traefik) fn is_p2c(upstream: &crate::ir::Upstream, env: &Env<'_>) -> bool {
    facts::strategy(upstream, |a, b, c| env.since(a, b, c)) == Some("p2c")
}

pub(in crate::targets::traefik) fn idle(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    let (silence, _) = facts::silence(route, false);
    if !env.since(3, 7, 0) {
        return approx("an answer may stand still for ever, and a request may take the longest of these times in all: before 3.7 Traefik has no timer between bytes")
            .seen(DOCS);
    }
    // On a stream its own idle time is the one that counts.
    if route.stream.is_none() && route.response.value > route.idle.value {
        return approx(format!(
            "an answer may stand still for {}: one timer serves its head and its body; a request may take the longest of these times in all, its pauses and its bytes together",
            facts::time(silence)
        ))
        .seen(SEEN);
    }
    approx(
        "a request may take the longest of these times in all, its pauses and its bytes together",
    )
    .seen(SEEN)
    .help("write a longer `timeouts.idle` on routes that take large uploads")
}

pub(in crate::targets::traefik) fn stream_idle(u: &Use<'_>, env: &Env<'_>) -> Support {
    let route = u.on.route();
    let Some((route, stream)) = route.and_then(|it| Some((it, it.stream.as_ref()?))) else {
        return exact();
    };
    if !env.since(3, 7, 0) {
        return unsupported("a silent stream stays open until one side closes it: before 3.7 Traefik has no timer between bytes")
            .seen(DOCS)
            .help("have the server send a comment line now and then, and end what nobody reads");
    }
    let (silence, _) = facts::silence(route, false);
    if route.response.value > stream.idle.value {
        return approx(format!(
            "a stream may be silent for {}: one timer serves its head and its body",
            facts::time(silence)
        ))
        .seen(SEEN);
    }
    exact()
}

pub(in crate::targets::traefik) fn retries(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    let tries = facts::tries(env.gateway, route) - 1;
    let asked = route
        .shares()
        .iter()
        .filter_map(|it| it.retries.value.as_ref());
    let again = asked.clone().any(|it| facts::is_again(Some(it)));
    if again && !env.since(3, 7, 0) {
        return approx(
            "only connections that fail are tried again: Traefik looks at statuses since 3.7",
        )
        .seen(DOCS);
    }
    let most = asked.map(|it| u64::from(it.attempts)).max();
    let unanswered = asked_for(route)
        .any(|after| matches!(after, RetryAfter::Timeout | RetryAfter::Status(502)));
    if unanswered || most != Some(tries) {
        return approx(format!(
            "up to {tries} further tries after any failure, also where a connection ends unanswered: one number serves refused connections too"
        ))
        .seen(SEEN);
    }
    exact()
}

/// What a route's requests are tried again after.
pub(in crate::targets::traefik) fn asked_for(route: &Route) -> impl Iterator<Item = &RetryAfter> {
    let retries = route
        .shares()
        .iter()
        .filter_map(|it| it.retries.value.as_ref());
    retries.flat_map(|it| &it.after)
}

pub(in crate::targets::traefik) fn health(u: &Use<'_>, _: &Env<'_>) -> Support {
    let Some(health) = u.on.upstream().and_then(|it| it.health.as_ref()) else {
        return exact();
    };
    let Check::Http { status, .. } = &health.check.value else {
        return exact();
    };
    let simple = match status.as_slice() {
        [one] => one.first == one.last || (one.first, one.last) == (200, 399),
        _ => false,
    };
    match (simple, health.rise.value == 1 && health.fall.value == 1) {
        (true, true) => exact(),
        (true, false) => approx("one check is enough in either direction").seen(SEEN),
        (false, _) => approx(
            "every status from 200 to 399 is well, and one check is enough in either direction",
        )
        .seen(SEEN)
        .help("name one status, such as `status: [200]`"),
    }
}
