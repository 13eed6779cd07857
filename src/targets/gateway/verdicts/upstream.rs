//! What becomes of servers, their times, health, retries and stickiness.

use crate::ir::{Listener, Route, Secure, Stickiness, Use};
use crate::targets::gateway::facts::{self, Means, means};
use crate::targets::gateway::support::{API, ENVOY, SEEN};
use crate::targets::kubernetes::services;
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::{Env, Seen, Support};

pub(in crate::targets::gateway) fn in_turn(seen: Seen) -> Support {
    unsupported("servers take requests in turn").seen(seen)
}

pub(in crate::targets::gateway) fn not_sticky() -> Support {
    unsupported("clients are spread as if they had no cookie: sessions are an experimental field, which the implementation ignores")
        .seen(SEEN)
        .help("use the target `ingress` with Traefik, or `implementation: envoy-gateway`")
}

pub(in crate::targets::gateway) fn unhealthy() -> Support {
    unsupported("servers are not checked: in a cluster the readiness probes of their pods are, and servers outside it never")
        .seen(SEEN)
        .help("have a readiness probe on the pods, and name their Service: `targets.gateway.upstreams`")
}

pub(in crate::targets::gateway) fn servers(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(upstream) = u.on.upstream() else {
        return exact();
    };
    if facts::named(env.gateway, upstream).is_some() {
        return exact();
    }
    let loopback = env.gateway.rooms.gateway.loopback;
    let refused = upstream
        .servers
        .iter()
        .find_map(|it| services::refused(&it.address.value, loopback));
    if let Some(why) = refused {
        return unsupported(format!("the server is left out: {why}"))
            .seen(API)
            .help("name a Service that leads to it: `targets.gateway.upstreams`");
    }
    match means(env) {
        Means::Traefik => approx("when every server refuses the answer is 502, not 503").seen(SEEN),
        Means::Envoy if upstream.has_names() => exact(),
        Means::None if upstream.has_names() => {
            approx("whether host names of endpoints are looked up is the implementation's matter")
                .seen(Seen::Unverified)
                .help("name a Service that leads to them: `targets.gateway.upstreams`")
        }
        Means::Envoy | Means::None => exact(),
    }
}

pub(in crate::targets::gateway) fn upstream_tls(u: &Use<'_>, _: &Env<'_>) -> Support {
    let Some(upstream) = u.on.upstream() else {
        return exact();
    };
    let Some(tls) = &upstream.tls else {
        return exact();
    };
    let first = upstream.servers[0].address.value.name();
    let one = first.is_some()
        && upstream
            .servers
            .iter()
            .all(|it| it.address.value.name() == first);
    match (tls.server_name.is_some() || one, tls.verify.value) {
        (false, _) => {
            unsupported("its routes answer 500: the API verifies one name for all servers")
                .seen(API)
                .help("write the name in their certificates: `tls: {server_name: …}`")
        }
        (true, false) => approx("the servers' certificates are verified all the same").seen(API),
        (true, true) => {
            approx("where a server's certificate is not right the client gets 500, not 503")
                .seen(SEEN)
        }
    }
}

pub(in crate::targets::gateway) fn traefik_retries(u: &Use<'_>) -> Support {
    let asked = u.on.route().into_iter().flat_map(Route::shares);
    let again = asked.filter_map(|it| it.retries.value.as_ref()).any(|it| {
        it.after
            .iter()
            .any(|after| *after != crate::ir::RetryAfter::Connect)
    });
    match again {
        true => approx("only connections that fail are tried again").seen(SEEN),
        false => exact(),
    }
}

/// Only connections that fail are tried again: by a status Envoy would repeat requests of any method.
pub(in crate::targets::gateway) fn envoy_retries(u: &Use<'_>) -> Support {
    match traefik_retries(u) {
        Support::Exact => approx("a connection that fails counts as a try").seen(ENVOY),
        _ => approx("only connections that fail are tried again: statuses and silence would repeat requests of any method").seen(ENVOY),
    }
}

/// A choice by connections or by chance, where a cookie or an address does not choose by hash.
pub(in crate::targets::gateway) fn unhashed(u: &Use<'_>) -> Support {
    let sticky = u.on.upstream().and_then(|it| it.stickiness.as_ref());
    match sticky {
        Some(Stickiness::Cookie(_) | Stickiness::Source { .. }) => {
            approx("the first choice is by hash too: stickiness and this are one field").seen(ENVOY)
        }
        _ => exact(),
    }
}

/// `HttpOnly` is always there, and one policy speaks for all listeners of a route.
pub(in crate::targets::gateway) fn attributes(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(upstream) = u.on.upstream() else {
        return exact();
    };
    let Some(Stickiness::Cookie(cookie)) = &upstream.stickiness else {
        return exact();
    };
    let g = env.gateway;
    let leads = |it: &&Route| {
        let mut shares = it.shares().iter();
        shares.any(|share| g.upstream(share.upstream.value).name == upstream.name)
    };
    let mixed = |route: &Route| {
        let tls = |it: &Listener| it.tls.is_some();
        g.listeners_of(route).any(tls) && !g.listeners_of(route).all(tls)
    };
    if !cookie.http_only.value && cookie.http_only.from == u.at {
        return unsupported("the cookie has `HttpOnly` all the same").seen(ENVOY);
    }
    match cookie.secure.value == Secure::OnTls && g.routes.iter().filter(leads).any(mixed) {
        true => approx("the cookie has no `Secure` where its route has a listener without TLS too")
            .seen(ENVOY)
            .help("write `secure: true`, or have that listener redirect"),
        false => exact(),
    }
}
