//! How a server is chosen, which failures are tried again, and how it is known that one is down.

use super::group::Group;
use super::upstream::MADE;
use super::value::ph;
use super::{Ctx, at, fixed, number, text, time, word};
use crate::emit::{Map, Node};
use crate::ir::{
    Balance, Check, Dur, Feature, HashKey, RetryAfter, Server, Stickiness, Subject, Upstream,
};
use crate::targets::caddy::facts;

/// How many turns a request has at each server: with half of them down, one in a million finds none.
const TURNS: u64 = 10;

fn policy(name: &'static str) -> Map {
    Map::new().put("policy", fixed(name))
}

pub(super) fn balancing(ctx: &Ctx<'_>, group: &Group<'_>, servers: &[&Server]) -> Map {
    let up = group.upstream;
    let mut map = Map::new();
    if servers.len() > 1 || up.stickiness.is_some() {
        map = map.put("selection_policy", selection(ctx, up, servers));
    }
    let again = !facts::connects_only(group.share);
    match facts::needs_others(up) && servers.len() > 1 {
        false => retried(map, group, servers),
        // A refused connection is the other handler's matter.
        true => match group.share.retries.value.as_ref().filter(|_| again) {
            Some(asked) => map
                .put("retries", number(asked.attempts.into()))
                .put("retry_match", retry_match(group)),
            None => map,
        },
    }
}

/// Each server in turn, whoever the client is: for requests whose own server refused.
pub(super) fn in_turn(group: &Group<'_>, servers: &[&Server]) -> Map {
    retried(
        Map::new().put("selection_policy", policy("round_robin")),
        group,
        servers,
    )
}

/// How often a request is offered again. Other requests take their turns meanwhile, so it is more often than there are servers,
/// but for no longer than it takes to ask each of them twice.
fn retried(mut map: Map, group: &Group<'_>, servers: &[&Server]) -> Map {
    let tries = facts::tries(group.upstream, group.share);
    if tries == 0 {
        return map;
    }
    let more = servers.len() > 1 && facts::offers_by_turns(group.upstream, group.share);
    if more {
        let all = servers.len() as u64;
        let each = group.share.connect.value.as_millis();
        // One more dial begins until this has passed.
        let time = Dur::from_millis((each * (2 * all - 1)).saturating_sub(each / 2).max(1));
        map = map
            .put("retries", number(tries.max(all * TURNS)))
            .put("try_duration", super::time(time))
            .put("try_interval", fixed("1ns"));
    } else {
        map = map.put("retries", number(tries));
    }
    map.put("retry_match", retry_match(group))
}

/// Which failures beyond a refused connection are tried again: without a list Caddy would repeat every GET.
fn retry_match(group: &Group<'_>) -> Node {
    let retries = &group.share.retries;
    let Some(asked) = &retries.value else {
        return Node::list([super::entry::never()]);
    };
    // No `PUT`: its body is gone after the first try, and the next server would wait for it.
    const SAFE: [&str; 5] = ["GET", "HEAD", "OPTIONS", "DELETE", "TRACE"];
    let mut causes: Vec<String> = Vec::new();
    let statuses: Vec<String> = asked
        .after
        .iter()
        .filter_map(|it| match it {
            RetryAfter::Status(status) => Some(status.to_string()),
            RetryAfter::Connect | RetryAfter::Timeout => None,
        })
        .collect();
    if asked
        .after
        .iter()
        .any(|it| matches!(it, RetryAfter::Timeout))
    {
        causes.push(format!(
            "{} == true",
            ph("http.reverse_proxy.is_transport_error")
        ));
    }
    if !statuses.is_empty() {
        causes.push(format!(
            "{} in [{}]",
            ph("http.reverse_proxy.status_code"),
            statuses.join(", ")
        ));
    }
    if causes.is_empty() {
        return Node::list([super::entry::never()]).at(retries.loc());
    }
    let sets = causes.iter().map(|cause| {
        Map::new()
            .put("method", Node::list(SAFE.map(fixed)))
            .put("expression", word(cause))
    });
    Node::list(sets).at(retries.loc())
}

fn selection(ctx: &Ctx<'_>, up: &Upstream, servers: &[&Server]) -> Node {
    let from = up.balance.loc();
    let weights: Vec<u16> = servers.iter().map(|it| it.weight.value).collect();
    let own = match &up.balance.value {
        Balance::RoundRobin if weights.iter().any(|it| *it != weights[0]) => {
            policy("weighted_round_robin").put(
                "weights",
                Node::list(weights.iter().map(|it| Node::number(i64::from(*it)))),
            )
        }
        Balance::RoundRobin => policy("round_robin"),
        Balance::LeastConnections => policy("least_conn"),
        Balance::Random => policy("random"),
        Balance::Hash(HashKey::Source) => policy("client_ip_hash"),
        Balance::Hash(HashKey::Header(name)) => policy("header").put("field", word(name)),
        Balance::Hash(HashKey::Query(name)) => policy("query").put("key", word(name)),
        Balance::Hash(HashKey::Cookie(_) | HashKey::Path) => {
            policy("header").put("field", fixed(MADE))
        }
    };
    match &up.stickiness {
        None => at(own, from),
        Some(Stickiness::Cookie(cookie)) => {
            let mut map =
                policy("cookie").put("name", word(&cookie.name.value).at(cookie.name.loc()));
            if let Some(ttl) = cookie.ttl.value
                && ctx.v.renders(
                    Feature::StickyCookieTtl,
                    Subject::Upstream(up),
                    cookie.ttl.from,
                )
            {
                map = map.put("max_age", time(ttl).at(cookie.ttl.loc()));
            }
            map.put("fallback", at(own, from)).into()
        }
        Some(Stickiness::AppCookie { name, .. }) => at(
            policy("header")
                .put("field", fixed(MADE))
                .put("fallback", at(own, from)),
            name.loc(),
        ),
        Some(Stickiness::Source { at: loc, .. }) => at(policy("client_ip_hash"), *loc),
    }
}

pub(super) fn checks(up: &Upstream) -> Option<Map> {
    let mut map = Map::new();
    if let Some(health) = &up.health
        && let Check::Http {
            path,
            host,
            method,
            status,
        } = &health.check.value
    {
        let mut active = Map::new().put("uri", word(path));
        if method != "GET" {
            active = active.put("method", word(method));
        }
        if let Some(host) = host {
            active = active.put("headers", Map::new().put("Host", Node::list([text(host)])));
        }
        if let Some(port) = &health.port {
            active = active.put("port", number(port.value.into()).at(port.loc()));
        }
        active = active
            .put(
                "interval",
                time(health.interval.value).at(health.interval.loc()),
            )
            .put(
                "timeout",
                time(health.timeout.value).at(health.timeout.loc()),
            )
            .put(
                "passes",
                number(health.rise.value.into()).at(health.rise.loc()),
            )
            .put(
                "fails",
                number(health.fall.value.into()).at(health.fall.loc()),
            );
        active = active.put("expect_status", number(facts::expected(status).into()));
        map = map.put("active", at(active, health.at));
    }
    let limits = |errors: u16, within: Dur| {
        Map::new()
            .put("fail_duration", time(within))
            .put("max_fails", number(errors.into()))
    };
    if let Some(passive) = &up.passive {
        let whole = limits(passive.errors.value, passive.eject.value);
        map = map.put("passive", at(whole, passive.at));
    } else if let Some(health) = up.health.as_ref().filter(|_| !facts::asks(up)) {
        let window = health.interval.value.as_millis() * u64::from(health.fall.value);
        let whole = limits(health.fall.value, Dur::from_millis(window));
        map = map.put("passive", at(whole, health.at));
    }
    (!map.is_empty()).then_some(map)
}

/// Every server is tried once.
pub(super) fn every_server(up: &Upstream) -> Map {
    let others = up.servers.len().saturating_sub(1) as u64;
    let map = Map::new().put("selection_policy", policy("round_robin"));
    match others {
        0 => map,
        others => map
            .put("retries", number(others))
            .put("retry_match", Node::list([super::entry::never()])),
    }
}
