//! Facts about Envoy that both the verdicts and the plan need: where one timer serves two words, what counts together.

use crate::ir::{Balance, Dur, Gateway, PerKey, RetryAfter, Route, Stickiness, Upstream};

/// Envoy's timer for the silence of a stream runs from the request's first byte: it must not end what still waits for its head.
pub(super) fn silence(route: &Route) -> Dur {
    let tries = route.shares().iter().filter_map(|share| {
        let retries = share.retries.value.as_ref()?;
        let again = retries.after.contains(&RetryAfter::Timeout);
        again.then_some(u64::from(retries.attempts) + 1)
    });
    let tries = tries.max().unwrap_or(1);
    let waits = Dur::from_millis(route.response.value.as_millis().saturating_mul(tries));
    body_idle(route).max(waits)
}

/// Whether only tunnels lead to an upstream: a connection whose handshake the server refuses is not used again.
pub(super) fn only_tunnels(gateway: &Gateway, upstream: &Upstream) -> bool {
    let mut routes = gateway.routes.iter().filter(|route| {
        let mut shares = route.shares().iter();
        shares.any(|share| share.upstream.value == upstream.id)
    });
    routes.all(|route| route.websocket.as_ref().is_some_and(|it| it.only.value))
}

/// Whether a server is found on a ring: by a hash, and by chance where weights count.
pub(super) fn uses_ring(upstream: &Upstream) -> bool {
    let weighted = upstream
        .servers
        .iter()
        .any(|it| it.weight.value != upstream.servers[0].weight.value);
    match (&upstream.stickiness, &upstream.balance.value) {
        (Some(Stickiness::Source { .. }), _) | (_, Balance::Hash(_)) => true,
        (_, Balance::Random) => weighted,
        (_, Balance::RoundRobin | Balance::LeastConnections) => false,
    }
}

/// How long a body may stand still: the stream's word, else the route's.
pub(super) fn body_idle(route: &Route) -> Dur {
    match &route.stream {
        Some(stream) => stream.idle.value,
        None => route.idle.value,
    }
}

/// How many requests may be open at once on the route as a whole; other ways of counting are not Envoy's.
pub(super) fn open_on_route(route: &Route) -> Option<u32> {
    let limit = route.connections.as_ref()?;
    (limit.per.value == PerKey::Route).then_some(limit.max.value)
}

/// Further tries that a request needs so that every server is tried once; as many as `retries` asks for where names are resolved
/// time and again, as nobody knows how many servers that makes.
pub(super) fn tries(upstream: &Upstream, asked: u16) -> u16 {
    let others = u16::try_from(upstream.servers.len() - 1).unwrap_or(u16::MAX);
    match upstream.resolve.value {
        Some(_) => others.max(asked),
        None => others,
    }
}

/// Whether a route's sockets are idle for less time than its answers may take.
pub(super) fn socket_ends_sooner(route: &Route) -> bool {
    let socket = route.websocket.as_ref();
    socket.is_some_and(|it| it.idle.value < route.response.value)
}
