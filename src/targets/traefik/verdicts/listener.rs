//! What becomes of listeners, TLS and certificates.

use crate::ir::{ClientAuthMode, HostMatch, Paths, Route, UnknownHost, Use};
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::traefik::facts::{self, Face, Peer};
use crate::targets::traefik::support::{DOCS, SEEN};
use crate::targets::{Env, Support};

pub(in crate::targets::traefik) fn is_socket(server: &crate::ir::Server) -> bool {
    matches!(server.address.value, crate::ir::Address::Unix { .. })
}

/// Whether a listener that asks for no certificate of its own asks names that no route has, because another one does.
pub(in crate::targets::traefik) fn is_asked(listener: &crate::ir::Listener, env: &Env<'_>) -> bool {
    let requires = |it: &crate::ir::Listener| {
        let client = facts::tls_wish(it).and_then(|wish| wish.client);
        client.is_some_and(|(_, mode)| mode == ClientAuthMode::Require)
    };
    listener.tls.is_some() && !requires(listener) && env.gateway.listeners.iter().any(requires)
}

pub(in crate::targets::traefik) fn unknown_host(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.listener() {
        Some(it) if it.unknown_host.value == UnknownHost::Close && it.tls.is_some() => {
            approx("a name that no certificate has is refused by TLS; any other gets 404")
                .seen(SEEN)
        }
        Some(it) if is_asked(it, env) => {
            approx("an unknown name is asked for a client's certificate, as on another listener")
                .seen(SEEN)
        }
        Some(it) if it.unknown_host.value == UnknownHost::Close => {
            unsupported("an unknown host gets 404: Traefik answers every request").seen(SEEN)
        }
        _ => exact(),
    }
}

pub(in crate::targets::traefik) fn paths(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.listener() {
        Some(it) if it.paths.value == Paths::Raw => {
            approx("unreserved characters are decoded all the same").seen(SEEN)
        }
        Some(it) if it.paths.value == Paths::Reject && !env.since(3, 3, 6) => {
            unsupported("dot segments and `//` are resolved: Traefik refuses them since 3.3.6").seen(DOCS)
        }
        Some(it) if it.paths.value == Paths::Reject => exact(),
        _ => approx("a path that ends in a dot segment loses the slash that would stand there: `/a/b/..` is `/a`, not `/a/`")
            .seen(SEEN),
    }
}

pub(in crate::targets::traefik) fn termination(u: &Use<'_>, env: &Env<'_>) -> Support {
    let g = env.gateway;
    let first = |listener: &crate::ir::Listener| {
        let tls = listener.tls.as_ref()?;
        tls.certificates.value.first().copied()
    };
    let all: Vec<_> = g.listeners.iter().filter_map(first).collect();
    let own = u.on.listener().and_then(first);
    match own {
        Some(own) if all.first() != Some(&own) => approx(
            "names that no certificate has get the first certificate of the first TLS listener",
        )
        .seen(SEEN),
        _ => exact(),
    }
}

pub(in crate::targets::traefik) fn one_tls(u: &Use<'_>, env: &Env<'_>, what: &str) -> Support {
    let g = env.gateway;
    let named = u.on.listener().is_none_or(|listener| {
        let served = g.routes.iter().filter(|it| g.serves(listener, it));
        let mut hosts = served.flat_map(|route| &route.hosts);
        hosts.all(|host| matches!(host.value, HostMatch::Exact(_)))
    });
    if facts::one_tls_wish(g) || named {
        return exact();
    }
    approx(format!(
        "where no route names the host, the strictest listener's {what} hold for all: Traefik tells listeners apart by the hosts of their routes"
    ))
    .seen(SEEN)
}

/// Whether a rule can find the ranges in `X-Forwarded-For`, where it has to.
pub(in crate::targets::traefik) fn reads_forwarded(
    route: &Route,
    env: &Env<'_>,
    ranges: Option<&[crate::ir::ClientRange]>,
) -> bool {
    let Some(ranges) = ranges else {
        return true;
    };
    Face::of(env.gateway, route).iter().all(|face| {
        face.peer != Peer::Proxy || facts::forwarded_for(ranges, face.trusted()).is_some()
    })
}

pub(in crate::targets::traefik) fn head(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.listener() {
        Some(it) if facts::read_timer(env.gateway, it) > it.head_timeout.value => {
            approx(format!(
                "a head may take {}: one timer serves head and body, and a shorter one would end uploads",
                facts::time(facts::read_timer(env.gateway, it))
            ))
            .seen(SEEN)
        }
        _ => exact(),
    }
}
