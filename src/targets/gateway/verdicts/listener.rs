//! What becomes of listeners, TLS and certificates.

use crate::ir::{HostMatch, Listener, Paths, TlsProfile, Use};
use crate::targets::gateway::facts::{Extended, claims, implementation};
use crate::targets::gateway::support::{API, ENVOY, SEEN};
use crate::targets::kubernetes::routes::read_timer;
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::{Env, Support};

pub(in crate::targets::gateway) fn host_at<'a>(u: &Use<'a>) -> Option<&'a HostMatch> {
    let hosts = &u.on.route()?.hosts;
    hosts.iter().find(|it| it.from == u.at).map(|it| &it.value)
}

pub(in crate::targets::gateway) fn http2(u: &Use<'_>) -> Support {
    match u.on.listener() {
        Some(it) if it.tls.is_some() && !it.http2.value => {
            unsupported("HTTP/2 is offered with TLS all the same").seen(SEEN)
        }
        _ => exact(),
    }
}

pub(in crate::targets::gateway) fn traefik_paths(u: &Use<'_>) -> Support {
    match u.on.listener() {
        Some(it) if it.paths.value == Paths::Reject => {
            unsupported("dot segments and `//` are resolved, not refused").seen(SEEN).help("leave `paths` at `normalize`")
        }
        Some(it) if it.paths.value == Paths::Raw => approx("unreserved characters are decoded all the same").seen(SEEN),
        _ => approx("a path that ends in a dot segment loses the slash that would stand there: `/a/b/..` is `/a`, not `/a/`").seen(SEEN),
    }
}

pub(in crate::targets::gateway) fn other_paths(u: &Use<'_>) -> Support {
    match u.on.listener() {
        Some(it) if it.paths.value != Paths::Normalize => {
            unsupported("the implementation reads paths in its own way").seen(API)
        }
        _ => exact(),
    }
}

pub(in crate::targets::gateway) fn profile(u: &Use<'_>) -> Support {
    match u.on.listener().and_then(|it| it.tls.as_ref()) {
        Some(tls) if tls.profile.value == TlsProfile::Intermediate => {
            approx("the versions are those; the ciphers are Envoy's own").seen(ENVOY)
        }
        _ => exact(),
    }
}

pub(in crate::targets::gateway) fn client_auth(u: &Use<'_>, env: &Env<'_>) -> Support {
    if !claims(implementation(env), Extended::ClientCertificates) {
        return unsupported(
            "the routes of this listener answer 500: the implementation asks for no certificates",
        )
        .seen(SEEN)
        .help("use another implementation, or the target `ingress`");
    }
    let tls = |it: &Listener| {
        let tls = it.tls.as_ref()?;
        Some(
            tls.client_auth
                .as_ref()
                .map(|it| (it.ca.value.clone(), it.mode.value)),
        )
    };
    let own = u.on.listener().and_then(tls);
    match env.gateway.listeners.iter().filter_map(tls).all(|it| Some(it) == own) {
        true => exact(),
        false => unsupported("the routes of this listener answer 500: a Gateway asks all its TLS listeners for the same certificates")
            .seen(API)
            .help("make two gateways, each of a file of its own"),
    }
}

/// One timer serves head and body: it is the head's own where bodies have no longer one.
pub(in crate::targets::gateway) fn traefik_head(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.listener() {
        Some(it) if read_timer(env.gateway, it) > it.head_timeout.value => {
            unsupported("a head may take as long as a request may: one timer serves head and body, and a shorter one would end uploads").seen(SEEN)
        }
        _ => exact(),
    }
}
