//! What becomes of servers, their times, health, retries and stickiness.

use crate::ir::{
    Balance, HashKey, IngressController, Route, Secure, Server, Stickiness, Subject, Use,
};
use crate::targets::ingress::facts::{self, controller};
use crate::targets::ingress::support::{API, HAPROXY, NGINX, SEEN};
use crate::targets::kubernetes::services;
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::{Env, Seen, Support};

/// What stands on a Service of ours: where the room names another, it is not ours to change.
pub(in crate::targets::ingress) fn own_service(u: &Use<'_>, env: &Env<'_>) -> Support {
    let g = env.gateway;
    let named = match u.on {
        Subject::Upstream(it) => facts::named(g, it).is_some(),
        Subject::Route(it) => it
            .shares()
            .iter()
            .any(|share| facts::named(g, g.upstream(share.upstream.value)).is_some()),
        Subject::Gateway | Subject::Listener(_) | Subject::Certificate(_) | Subject::Auth(_) => {
            false
        }
    };
    match named {
        true => unsupported(
            "the Service that the room names says it, or nobody: it is not ours to change",
        )
        .seen(SEEN)
        .help("annotate that Service, or take it out of `targets.ingress.upstreams`"),
        false => exact(),
    }
}

pub(in crate::targets::ingress) fn traefik_connect(u: &Use<'_>, env: &Env<'_>) -> Support {
    let many = u.on.route().is_some_and(|it| {
        let mut upstreams = it
            .shares()
            .iter()
            .map(|it| env.gateway.upstream(it.upstream.value));
        upstreams.any(|it| it.servers.len() > 2)
    });
    match own_service(u, env) {
        Support::Exact if many => {
            approx("under load the next try may lead to the same server again, and the answer is 504 at last").seen(SEEN)
        }
        other => other,
    }
}

pub(in crate::targets::ingress) fn own_retries(u: &Use<'_>, _: &Env<'_>) -> Support {
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

pub(in crate::targets::ingress) fn seconds(u: &Use<'_>) -> Support {
    let shares = u.on.route().map_or(&[][..], Route::shares);
    match shares.iter().all(|it| it.connect.value.is_whole_secs()) {
        true => exact(),
        false => approx("times are whole seconds: it is rounded up").seen(NGINX),
    }
}

pub(in crate::targets::ingress) fn one_timer(u: &Use<'_>) -> Support {
    match u.on.route() {
        Some(route) if route.websocket.is_some() => {
            approx("the idle time of its tunnels holds: one timer serves both").seen(NGINX)
        }
        _ => approx("the same time bounds every silence of the server").seen(NGINX),
    }
}

/// One timer waits for heads and bounds silences.
pub(in crate::targets::ingress) fn nginx_stream(u: &Use<'_>) -> Support {
    match u.on.route().and_then(|it| Some((it, it.stream.as_ref()?))) {
        Some((route, stream)) if route.response.value > stream.idle.value => {
            approx("the response time holds, which is longer: one timer serves both").seen(NGINX)
        }
        _ => exact(),
    }
}

pub(in crate::targets::ingress) fn servers(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(upstream) = u.on.upstream() else {
        return exact();
    };
    let room = &env.gateway.rooms.ingress;
    if let Some(named) = facts::named(env.gateway, upstream) {
        let other = named.value.namespace.as_deref();
        return match other {
            Some(other) if other != room.namespace.value => unsupported(
                "the routes to it have no server: an Ingress leads to Services of its own namespace only",
            )
            .seen(API)
            .help("write `targets.ingress.namespace`, or a Service of type ExternalName in this one"),
            _ => exact(),
        };
    }
    let refused = |it: &Server| services::refused(&it.address.value, room.loopback);
    if let Some(why) = upstream.servers.iter().find_map(refused) {
        return unsupported(format!("the server is left out: {why}"))
            .seen(API)
            .help("name a Service that leads to it: `targets.ingress.upstreams`");
    }
    let names = upstream.has_names();
    let twice = upstream.servers.iter().enumerate().any(|(n, one)| {
        let host = |it: &Server| {
            it.address
                .value
                .to_string()
                .rsplit_once(':')
                .map(|it| it.0.to_owned())
        };
        upstream.servers[..n]
            .iter()
            .any(|other| host(one) == host(other))
    });
    match controller(env) {
        IngressController::Traefik if twice => unsupported(
            "one of the servers is left out: Traefik keeps one port for each address of a Service",
        )
        .seen(SEEN)
        .help("give each server an address of its own"),
        IngressController::Traefik => {
            approx("when every server refuses the answer is 502, not 503").seen(SEEN)
        }
        IngressController::Nginx | IngressController::Haproxy if names => unsupported(
            "the servers are not found: the controller reads no host names of endpoints",
        )
        .seen(Seen::Unverified)
        .help("name a Service that leads to them: `targets.ingress.upstreams`"),
        IngressController::Nginx => {
            approx("when every server refuses the answer is 502, not 503").seen(NGINX)
        }
        IngressController::Haproxy => exact(),
    }
}

pub(in crate::targets::ingress) fn canary(u: &Use<'_>, _: &Env<'_>) -> Support {
    match u.on.route().map_or(0, |it| it.shares().len()) {
        0..=2 => exact(),
        _ => unsupported("requests go to the first two upstreams of the split: a canary is one")
            .seen(NGINX),
    }
}

pub(in crate::targets::ingress) fn haproxy_hash(u: &Use<'_>, _: &Env<'_>) -> Support {
    match u.on.upstream().map(|it| &it.balance.value) {
        Some(Balance::Hash(HashKey::Cookie(_))) => {
            unsupported("servers take requests in turn: the controller hashes no cookie")
                .seen(HAPROXY)
        }
        _ => approx("when one server goes, most clients move").seen(HAPROXY),
    }
}

pub(in crate::targets::ingress) fn upstream_tls(u: &Use<'_>, _: &Env<'_>) -> Support {
    let tls = u.on.upstream().and_then(|it| it.tls.as_ref());
    match tls {
        Some(tls) if tls.verify.value && tls.ca.is_none() => unsupported(
            "the servers' certificates are not verified: the controller wants the authorities in a Secret",
        )
        .seen(NGINX)
        .help("name their file: `tls: {ca: …}`"),
        _ => exact(),
    }
}

pub(in crate::targets::ingress) fn unhealthy() -> Support {
    unsupported("servers are not checked: in a cluster the readiness probes of their pods are, and servers outside it never")
        .seen(SEEN)
        .help("have a readiness probe on the pods, and name their Service: `targets.ingress.upstreams`")
}

pub(in crate::targets::ingress) fn sticky_attributes(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(upstream) = u.on.upstream() else {
        return exact();
    };
    let Some(Stickiness::Cookie(cookie)) = &upstream.stickiness else {
        return exact();
    };
    let mixed = cookie.secure.value == Secure::OnTls && {
        let routes = env.gateway.routes.iter().filter(|route| {
            route
                .shares()
                .iter()
                .any(|it| it.upstream.value == upstream.id)
        });
        let mut kinds: Vec<bool> = routes
            .flat_map(|it| env.gateway.listeners_of(it))
            .map(|it| it.tls.is_some())
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.len() > 1
    };
    match own_service(u, env) {
        Support::Exact if mixed => {
            approx("the cookie has no `Secure`, for some of its routes have no TLS").seen(SEEN)
        }
        other => other,
    }
}
