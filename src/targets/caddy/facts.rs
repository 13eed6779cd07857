//! What both the verdicts and the plan know of Caddy: timers, who shares a handler, what a check can expect.

use crate::ir::{
    AuthKind, Balance, Check, Dur, Fact, Gateway, HashKey, Listener, Piece, RetryAfter, Route,
    Server, Share, StatusRange, Stickiness, TokenPlace, Upstream,
};

/// What Caddy reads beyond `max_header_bytes` before it refuses a head (`net/http`).
pub(super) const SLOP: u64 = 4096;

/// How long a connection waits in the pool of a stream: the timer of its silence counts that time too.
pub(super) const STREAM_POOL: Dur = Dur::from_secs(1);

/// How long a connection to a server waits in the pool at most: on a stream no longer than its timer has time for.
pub(super) fn pooled(upstream: &Upstream, route: &Route) -> Dur {
    let asked = upstream.keepalive_timeout.value;
    let Some(stream) = &route.stream else {
        return asked;
    };
    let socket = route.websocket.as_ref().map(|it| it.idle.value);
    let silence = socket.map_or(stream.idle.value, |it| it.max(stream.idle.value));
    let left = silence
        .as_millis()
        .saturating_sub(route.response.value.as_millis());
    asked.min(Dur::from_millis(left).max(STREAM_POOL))
}

/// Whether no connection to the servers waits for as long as is asked.
pub(super) fn pools_shortly(gateway: &Gateway, upstream: &Upstream) -> bool {
    let mut routes = gateway.routes.iter().filter(|route| {
        let mut shares = route.shares().iter();
        shares.any(|share| share.upstream.value == upstream.id)
    });
    let short = |route: &Route| pooled(upstream, route) < upstream.keepalive_timeout.value;
    routes.clone().next().is_some() && routes.all(short)
}

/// The longest silence of a server's connection, in any state of it; `None` where silence is not bounded.
///
/// Caddy's clock runs from the last time that there was something to read: while a connection waits in the pool, while a
/// request body goes to the server, and until the answer comes (seen on 2.11.7). So the time is at least what a connection may
/// wait in the pool and the answer may take then; and on a route whose bodies may be long uploads there is none.
pub(super) fn read_timer(gateway: &Gateway, route: &Route, share: &Share) -> Option<Dur> {
    let upstream = gateway.upstream(share.upstream.value);
    let socket = route.websocket.as_ref().map(|it| it.idle.value);
    let stream = route.stream.as_ref().map(|it| it.idle.value);
    let silence = socket.max(stream)?;
    let waits = match upstream.keepalive.value {
        Some(_) => pooled(upstream, route).as_millis(),
        None => 0,
    };
    Some(silence.max(Dur::from_millis(waits + route.response.value.as_millis())))
}

/// The silence that a body may have.
pub(super) fn body_idle(route: &Route) -> Dur {
    route
        .stream
        .as_ref()
        .map_or(route.idle.value, |stream| stream.idle.value)
}

/// The servers that take traffic first.
pub(super) fn mains(upstream: &Upstream) -> impl Iterator<Item = &Server> {
    let only_backups = upstream.servers.iter().all(|it| it.backup.value);
    upstream
        .servers
        .iter()
        .filter(move |it| !it.backup.value || only_backups)
}

/// The servers that take traffic when no other does.
pub(super) fn backups(upstream: &Upstream) -> impl Iterator<Item = &Server> {
    let only_backups = upstream.servers.iter().all(|it| it.backup.value);
    upstream
        .servers
        .iter()
        .filter(move |it| it.backup.value && !only_backups)
}

/// Whether a choice among servers follows its weights.
pub(super) fn weighs(upstream: &Upstream) -> bool {
    matches!(
        upstream.balance.value,
        Balance::RoundRobin | Balance::Random
    ) && !matches!(
        upstream.stickiness,
        Some(Stickiness::Source { .. } | Stickiness::AppCookie { .. })
    )
}

/// Whether the same server would be chosen again and again while it refuses.
pub(super) fn insists(upstream: &Upstream) -> bool {
    upstream.stickiness.is_some()
        || matches!(
            upstream.balance.value,
            Balance::LeastConnections | Balance::Hash(_)
        )
}

/// Whether failures take a server out for a while.
pub(super) fn ejects(upstream: &Upstream) -> bool {
    upstream.passive.is_some() || upstream.health.is_some() && !asks(upstream)
}

/// Whether a request that its server refuses goes to a handler that offers it to each: its own would choose the same one again.
pub(super) fn needs_others(upstream: &Upstream) -> bool {
    let weights = || upstream.servers.iter().map(|it| it.weight.value);
    let uneven = weights().min() != weights().max();
    !ejects(upstream) && (insists(upstream) || uneven)
}

/// Whether a request is offered more often than there are servers: nothing tells which of them is down.
pub(super) fn offers_by_turns(upstream: &Upstream, share: &Share) -> bool {
    !ejects(upstream) && connects_only(share)
}

/// Whether only refused connections are tried again.
pub(super) fn connects_only(share: &Share) -> bool {
    let asked = share.retries.value.as_ref();
    asked.is_none_or(|it| it.after.iter().all(|it| *it == RetryAfter::Connect))
}

/// How many servers a request is offered to, beyond the first: before it is out, a server may be chosen again.
pub(super) fn tries(upstream: &Upstream, share: &Share) -> u64 {
    let servers = mains(upstream).count() as u64;
    let strikes = match &upstream.passive {
        Some(passive) => u64::from(passive.errors.value),
        _ => 1,
    };
    let others = (servers * strikes).saturating_sub(1);
    let asked = share
        .retries
        .value
        .as_ref()
        .map_or(0, |it| u64::from(it.attempts));
    others.max(asked)
}

/// What Caddy takes for well where a check allows these statuses: one status, or a class of them by its digit.
pub(super) fn expected(status: &[StatusRange]) -> u16 {
    let allows = |code: u16| {
        status
            .iter()
            .any(|range| (range.first..=range.last).contains(&code))
    };
    match status {
        [one] if one.first == one.last => one.first,
        // The class that servers answer with, if it is among them.
        _ if (200..300).any(allows) => 2,
        [one, ..] => one.first / 100,
        [] => 2,
    }
}

/// Whether a check's statuses are what Caddy takes for well.
pub(super) fn expects_exactly(status: &[StatusRange]) -> bool {
    let allows = |code: u16| {
        status
            .iter()
            .any(|range| (range.first..=range.last).contains(&code))
    };
    let expected = expected(status);
    let means = |code: u16| match expected {
        class if class < 10 => code / 100 == class,
        one => code == one,
    };
    (100..600).all(|code| allows(code) == means(code))
}

/// Whether Caddy itself asks the servers.
pub(super) fn asks(upstream: &Upstream) -> bool {
    upstream
        .health
        .as_ref()
        .is_some_and(|health| matches!(health.check.value, Check::Http { .. }))
}

/// What a hash is computed from, where Caddy has no policy of its own for it: a header that the proxy makes.
pub(super) fn hashes_made_header(upstream: &Upstream) -> bool {
    matches!(upstream.stickiness, Some(Stickiness::AppCookie { .. }))
        || upstream.stickiness.is_none()
            && matches!(
                upstream.balance.value,
                Balance::Hash(HashKey::Cookie(_) | HashKey::Path)
            )
        || matches!(upstream.stickiness, Some(Stickiness::Cookie(_)))
            && matches!(
                upstream.balance.value,
                Balance::Hash(HashKey::Cookie(_) | HashKey::Path)
            )
}

/// The headers with `_` or `.` in their names that a listener passes: those that the spec names. One that differs from another
/// name in the sign only is not among them, for Caddy would drop the other one instead.
pub(super) fn expected_headers(gateway: &Gateway, listener: &Listener) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let routes = gateway.routes.iter();
    for route in routes.filter(|route| gateway.serves(listener, route)) {
        names.extend(named_headers(gateway, route));
    }
    for name in &mut names {
        name.make_ascii_lowercase();
    }
    names.sort();
    names.dedup();
    let same = |name: &str| name.replace(['_', '.'], "-");
    let alone: Vec<String> = names
        .iter()
        .filter(|name| name.contains(['_', '.']))
        .filter(|name| names.iter().filter(|it| same(it) == same(name)).count() == 1)
        .cloned()
        .collect();
    alone
}

/// Headers that a route names for what clients send.
fn named_headers(gateway: &Gateway, route: &Route) -> Vec<String> {
    let mut names: Vec<String> = route
        .when
        .headers
        .iter()
        .map(|it| it.value.name.clone())
        .collect();
    let ops = route.request_headers.iter().chain(&route.response_headers);
    for piece in ops
        .filter_map(|op| op.change.value())
        .flat_map(|value| &value.0)
    {
        if let Piece::Fact(Fact::Header(name)) = piece {
            names.push(name.clone());
        }
    }
    names.extend(route.request_headers.iter().map(|op| op.name.clone()));
    if let Some(auth) = gateway.auth_of(route)
        && let AuthKind::ApiKey(key) = &auth.kind
    {
        names.extend(key.from.value.iter().filter_map(|place| match place {
            TokenPlace::Header(name) => Some(name.clone()),
            _ => None,
        }));
    }
    names
}
