//! Another try: after which failures, how often, and on which servers.

use super::Ctx;
use super::doc::{self, at, extension, kind, text, time, typed};
use crate::emit::{Map, Node};
use crate::ir::{RetryAfter, Route, Share};
use crate::targets::envoy::facts;

/// Methods that may be repeated (RFC 9110 §9.2.2).
pub(super) const IDEMPOTENT: [&str; 6] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"];

/// The share that asks for another try after more than a refused connection.
pub(super) fn asked(shares: &[Share]) -> Option<&Share> {
    shares.iter().find(|share| {
        share
            .retries
            .value
            .as_ref()
            .is_some_and(|it| it.after.iter().any(|it| *it != RetryAfter::Connect))
    })
}

/// A refused connection is always followed by another server; `again` what `retries` asks for.
pub(super) fn policy(ctx: &Ctx<'_>, route: &Route, shares: &[Share], again: bool) -> Map {
    let tries = shares.iter().map(|share| {
        let asked = share.retries.value.as_ref().map_or(0, |it| it.attempts);
        facts::tries(ctx.g.upstream(share.upstream.value), asked)
    });
    let tries = tries.max().unwrap_or(0);
    let mut after = "connect-failure".to_owned();
    let mut statuses = Vec::new();
    let retried = asked(shares).filter(|_| again);
    for it in retried.iter().filter_map(|it| it.retries.value.as_ref()) {
        for failure in &it.after {
            match failure {
                RetryAfter::Connect => {}
                RetryAfter::Timeout => after.push_str(",reset"),
                RetryAfter::Status(status) => statuses.push(Node::number(*status)),
            }
        }
    }
    if !statuses.is_empty() {
        after.push_str(",retriable-status-codes");
    }
    let mut policy = Map::new()
        .put("retry_on", text(&after))
        .put("num_retries", Node::number(tries))
        .put(
            "per_try_timeout",
            at(time(route.response.value), route.response.loc()),
        );
    if !statuses.is_empty() {
        policy = policy.put("retriable_status_codes", Node::list(statuses));
    }
    if tries > 0 {
        let previous = doc::extension(
            "envoy.retry_host_predicates.previous_hosts",
            doc::typed(doc::kind!(
                "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            )),
        );
        policy = policy
            .put("retry_host_predicate", Node::list([previous]))
            // As often as it takes until chance names one that was not tried.
            .put("host_selection_retry_max_attempts", Node::number(10_000))
            .put(
                "retry_back_off",
                Map::new().put("base_interval", Node::word("0.001s")),
            );
        policy = priorities(ctx, shares, policy);
    }
    policy
}

/// Another try goes to servers that were not tried; where all others were, to backup servers.
fn priorities(ctx: &Ctx<'_>, shares: &[Share], policy: Map) -> Map {
    let primaries = shares
        .iter()
        .map(|share| ctx.g.upstream(share.upstream.value))
        .filter(|it| it.servers.iter().any(|server| server.backup.value))
        .map(|it| {
            it.servers
                .iter()
                .filter(|server| !server.backup.value)
                .count()
        })
        .max();
    match primaries {
        Some(count) => {
            let config = typed(kind!(
                "extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
            ))
            .put(
                "update_frequency",
                Node::number(i64::try_from(count.max(1)).unwrap_or(1)),
            );
            policy.put(
                "retry_priority",
                extension("envoy.retry_priorities.previous_priorities", config),
            )
        }
        None => policy,
    }
}
