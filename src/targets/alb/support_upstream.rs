//! What a load balancer does with what upstreams ask: servers, weights, balance, health, stickiness.

use super::probe::{ANY, probe};
use super::support::DOCS;
use super::{facts, weights};
use crate::ir::{Address, Balance, Check, Dur, Feature, Protocol, Stickiness, Upstream, Use};
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::{Env, Support};

/// An existing target group has settings of its own.
pub(super) fn own(u: &Use<'_>, env: &Env<'_>, otherwise: Support) -> Support {
    match u.on.upstream() {
        Some(upstream) if facts::is_existing(env.gateway, upstream) => unsupported(
            "the target group that `targets.alb.upstreams` names has settings of its own",
        )
        .seen(DOCS),
        _ => otherwise,
    }
}

fn is_own(u: &Use<'_>, env: &Env<'_>) -> bool {
    u.on.upstream()
        .is_some_and(|it| facts::is_existing(env.gateway, it))
}

/// The servers.
pub(super) fn servers(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(upstream) = u.on.upstream() else {
        return exact();
    };
    if facts::is_existing(env.gateway, upstream) {
        return approx("the targets of the group that `targets.alb.upstreams` names").seen(DOCS);
    }
    if let Some(why) = refused(upstream) {
        return unsupported(why)
            .seen(DOCS)
            .help("write an address of the VPC (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10), a name, or a target group in `targets.alb.upstreams`");
    }
    let names = upstream.has_names();
    let health = match (names, upstream.health.is_some()) {
        (false, true) => {
            "a server that refuses the connection is not skipped: the client gets 502 until health checks find it; when all are unhealthy all get traffic"
        }
        (false, false) => {
            "a server that refuses the connection is not skipped: the client gets 502; a GET of `/` every 30 s that gets 200 to 499 is what keeps a server in"
        }
        (true, true) => {
            "a server that refuses the connection is not skipped, and names are not looked up: the address of each is a parameter"
        }
        (true, false) => {
            "a server that refuses the connection is not skipped, and names are not looked up: the address of each is a parameter; a GET of `/` keeps it in"
        }
    };
    approx(health).seen(DOCS)
}

/// Why a server cannot be registered; the first that cannot.
fn refused(upstream: &Upstream) -> Option<String> {
    upstream
        .servers
        .iter()
        .find_map(|server| match &server.address.value {
            Address::Ip { ip, .. } if !facts::is_target(*ip) => Some(format!(
                "a target is an IPv4 address inside the VPC, which {ip} is not: it is left out"
            )),
            Address::Unix { path } => Some(format!(
                "a target is an address, and `unix:{path}` is none: it is left out"
            )),
            Address::Ip { .. } | Address::Name { .. } => None,
        })
}

/// The weights.
pub(super) fn weights(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(upstream) = u.on.upstream() else {
        return exact();
    };
    if is_own(u, env) {
        return own(u, env, exact());
    }
    let mut weights: Vec<u16> = upstream
        .servers
        .iter()
        .filter(|it| facts::is_registered(it))
        .map(|it| it.weight.value)
        .collect();
    weights.sort_unstable();
    weights.dedup();
    match weights.len() {
        0 | 1 => exact(),
        2..=facts::GROUPS_PER_ACTION => {
            approx("a target group for each weight: when the servers of one are unhealthy its share goes to none of the others").seen(DOCS)
        }
        count => unsupported(format!(
            "servers of one weight are a target group, an action has {} at most, and here are {count}: all count alike",
            facts::GROUPS_PER_ACTION
        ))
        .seen(DOCS)
        .help("use fewer different weights"),
    }
}

/// A split over upstreams.
pub(super) fn split(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    match weights::weights(env.gateway, route) {
        None => unsupported(format!(
            "an action has {} target groups at most, one for each upstream and weight of its servers: the route answers 503",
            facts::GROUPS_PER_ACTION
        ))
        .seen(DOCS)
        .help("split over fewer upstreams, or give their servers one weight"),
        Some((_, false)) => approx(format!("weights are rounded to parts of {}", facts::WEIGHT)).seen(DOCS),
        Some((_, true)) => exact(),
    }
}

/// How requests are spread.
pub(super) fn balance(u: &Use<'_>, env: &Env<'_>) -> Support {
    if is_own(u, env) {
        return own(u, env, exact());
    }
    match u.on.upstream() {
        Some(upstream)
            if upstream.balance.value == Balance::LeastConnections
                && weights::classes(env.gateway, upstream).len() > 1 =>
        {
            approx("the fewest requests among servers of one weight; between weights by share")
                .seen(DOCS)
        }
        _ => exact(),
    }
}

/// A slow start.
pub(super) fn slow_start(u: &Use<'_>, env: &Env<'_>) -> Support {
    if is_own(u, env) {
        return own(u, env, exact());
    }
    let Some(upstream) = u.on.upstream() else {
        return exact();
    };
    let (least, most) = facts::SLOW_START;
    let asked = upstream.slow_start.value.unwrap_or(Dur::from_secs(least));
    if !matches!(upstream.balance.value, Balance::RoundRobin) {
        return unsupported("a slow start goes with `balance: round_robin` only: a returned server takes its full share at once").seen(DOCS);
    }
    within(asked, (least, most), "a returned server's share grows for")
}

/// Exact, or the nearest that the limits allow.
fn within(asked: Dur, limits: (u64, u64), what: &str) -> Support {
    let kept = asked.as_secs_ceil().clamp(limits.0, limits.1);
    if Dur::from_secs(kept) == asked {
        return exact();
    }
    approx(format!(
        "{what} {kept} s: it takes {} to {} s",
        limits.0, limits.1
    ))
    .seen(DOCS)
    .help(format!("write {} s to {} s", limits.0, limits.1))
}

/// HTTP/2 towards servers.
pub(super) fn protocol(u: &Use<'_>, env: &Env<'_>) -> Support {
    if is_own(u, env) {
        return own(u, env, exact());
    }
    let Some(upstream) = u.on.upstream() else {
        return exact();
    };
    match speaks_http2(env.gateway, upstream) {
        true => approx("clients that speak HTTP/1.1 get 464").seen(DOCS),
        false => unsupported("a target group of HTTP/2 takes no socket and no plain listener: servers are asked by HTTP/1.1")
            .seen(DOCS)
            .help("give sockets an upstream of their own"),
    }
}

/// Whether the upstream's target group speaks HTTP/2: asked for, and neither sockets nor plain listeners lead to it.
pub(super) fn speaks_http2(g: &crate::ir::Gateway, upstream: &Upstream) -> bool {
    upstream.protocol.value == Protocol::Http2
        && !g.routes.iter().any(|route| {
            let leads = route
                .shares()
                .iter()
                .any(|share| share.upstream.value == upstream.id);
            leads && (route.websocket.is_some() || g.listeners_of(route).any(|it| it.tls.is_none()))
        })
}

/// TLS towards servers.
pub(super) fn tls(u: &Use<'_>, env: &Env<'_>) -> Support {
    if u.on
        .upstream()
        .is_some_and(|it| facts::is_existing(env.gateway, it))
    {
        return unsupported("whether the existing target group verifies anything is not known; targets are never verified: routes to it answer 503").seen(DOCS);
    }
    match u.on.upstream().and_then(|it| it.tls.as_ref()) {
        Some(tls) if tls.verify.value => {
            unsupported("a target's certificate is never verified: routes to it answer 503")
                .seen(DOCS)
                .help("inside the VPC, traffic to targets is authenticated by the network: write `verify: false` if that is enough")
        }
        Some(tls) if tls.server_name.is_some() => {
            approx("no name is asked for in the handshake").seen(DOCS)
        }
        _ => exact(),
    }
}

/// An active check.
pub(super) fn health(u: &Use<'_>, env: &Env<'_>) -> Support {
    if is_own(u, env) {
        return own(u, env, exact());
    }
    let Some(health) = u.on.upstream().and_then(|it| it.health.as_ref()) else {
        return exact();
    };
    let kept = probe(Some(health));
    let mut says = Vec::new();
    match &health.check.value {
        Check::Http {
            path,
            host,
            method,
            status,
        } => {
            if path.len() > 1024 || !path.is_ascii() {
                return unsupported(
                    "the path of a check has at most 1024 characters: `/` is asked for",
                )
                .seen(DOCS);
            }
            if host.is_some() {
                says.push("`Host` is the server's address".to_owned());
            }
            if method != "GET" {
                says.push(format!("a GET in place of {method}"));
            }
            if status
                .iter()
                .all(|range| range.last < 200 || range.first > 499)
            {
                says.push(
                    "any status from 200 to 499 counts: others cannot be expected".to_owned(),
                );
            } else if status
                .iter()
                .any(|range| range.first < 200 || range.last > 499)
            {
                says.push(format!(
                    "{} counts: other statuses cannot be expected",
                    kept.matcher
                ));
            }
        }
        Check::Tcp => says.push(format!(
            "a GET of `/` that gets {ANY} in place of a connection"
        )),
        Check::WebSocket { .. } => says.push(format!(
            "a plain GET of the path that gets {ANY}: 101 cannot be expected"
        )),
    }
    let asked = [
        ("every", health.interval.value, kept.interval, " s"),
        ("at most", health.timeout.value, kept.timeout, " s each"),
    ];
    for (word, asked, kept, unit) in asked {
        if asked != Dur::from_secs(kept) {
            says.push(format!("{word} {kept}{unit}"));
        }
    }
    if u64::from(health.rise.value) != kept.rise || u64::from(health.fall.value) != kept.fall {
        says.push(format!("up after {}, down after {}", kept.rise, kept.fall));
    }
    if says.is_empty() {
        return exact();
    }
    let support = approx(says.join(", ")).seen(DOCS);
    match &health.check.value {
        Check::WebSocket { .. } | Check::Tcp => {
            support.help("give the server a page that tells: `health: {http: {path: /health}}`")
        }
        Check::Http { .. } => {
            support.help("a check comes every 5 to 300 s, takes 2 to 120 s and less than the interval, and 2 to 10 count")
        }
    }
}

/// Ejection by real requests.
pub(super) fn passive(u: &Use<'_>, env: &Env<'_>) -> Support {
    if is_own(u, env) {
        return own(u, env, exact());
    }
    match u.on.upstream() {
        Some(upstream) if upstream.balance.value == Balance::Random => {
            approx("anomaly mitigation sends fewer requests to servers that err more than the others, by its own measure").seen(DOCS)
        }
        _ => unsupported("a server that fails real requests stays in until health checks find it")
            .seen(DOCS)
            .help("`balance: random` has anomaly mitigation"),
    }
}

/// How long the cookie lives, in seconds: without `ttl`, the longest.
pub(super) fn sticky_seconds(ttl: Option<Dur>) -> u64 {
    let (least, most) = facts::STICKY;
    ttl.map_or(most, |ttl| ttl.as_secs_ceil().clamp(least, most))
}

/// The life of the cookie.
pub(super) fn sticky_ttl(u: &Use<'_>, env: &Env<'_>) -> Support {
    if is_own(u, env) {
        return own(u, env, exact());
    }
    match u.on.upstream().and_then(|it| it.stickiness.as_ref()) {
        Some(Stickiness::Cookie(cookie)) => match cookie.ttl.value {
            Some(ttl) => within(ttl, facts::STICKY, "browsers keep the cookie for"),
            None => approx("browsers keep the cookie for 7 days, not until they close").seen(DOCS),
        },
        _ => exact(),
    }
}

/// Whether the load balancer follows a cookie of this name.
pub(super) fn follows(name: &str) -> bool {
    !["AWSALB", "AWSALBAPP", "AWSALBTG"]
        .iter()
        .any(|own| name.to_ascii_uppercase().starts_with(own))
}

/// A cookie of the application.
pub(super) fn app_cookie(u: &Use<'_>, env: &Env<'_>) -> Support {
    if is_own(u, env) {
        return own(u, env, exact());
    }
    debug_assert!(u.feature == Feature::StickyAppCookie);
    match u.on.upstream().and_then(|it| it.stickiness.as_ref()) {
        Some(Stickiness::AppCookie { name, .. }) if !follows(&name.value) => unsupported(
            "names that start with AWSALB are the load balancer's own: nothing is sticky",
        )
        .seen(DOCS)
        .help("give the application's cookie another name"),
        Some(Stickiness::AppCookie { ttl, .. }) => within(
            ttl.value,
            facts::STICKY,
            "an unused choice is remembered for",
        ),
        _ => exact(),
    }
}
