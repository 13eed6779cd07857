//! What becomes of listeners, TLS and certificates.

use crate::ir::{CertificateSource, EncodedSlash, HostMatch, IngressController, Paths, Use};
use crate::targets::ingress::facts::{self, controller};
use crate::targets::ingress::support::{HAPROXY, NGINX, SEEN};
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::{Env, Support};

pub(in crate::targets::ingress) fn host_at<'a>(u: &Use<'a>) -> Option<&'a HostMatch> {
    let hosts = &u.on.route()?.hosts;
    hosts.iter().find(|it| it.from == u.at).map(|it| &it.value)
}

pub(in crate::targets::ingress) fn bound(u: &Use<'_>) -> Support {
    match u.on.listener() {
        Some(it) if it.address.is_written() && it.address.value.is_some() => {
            approx("it is bound on every address of the controller's pods").seen(SEEN)
        }
        _ => exact(),
    }
}

/// Controllers but Traefik have one port for plain text and one for TLS.
pub(in crate::targets::ingress) fn one_of_each(u: &Use<'_>, env: &Env<'_>) -> Support {
    let seen = match controller(env) {
        IngressController::Haproxy => HAPROXY,
        IngressController::Nginx | IngressController::Traefik => NGINX,
    };
    match u.on.listener() {
        Some(it) if facts::entry_point(env.gateway, it, controller(env)).is_none() => unsupported(
            "nobody listens there: the controller has one port for plain text and one for TLS",
        )
        .seen(seen)
        .elsewhere(),
        _ => exact(),
    }
}

pub(in crate::targets::ingress) fn to_tls(u: &Use<'_>, env: &Env<'_>, key: &str) -> Support {
    let tls =
        u.on.listener()
            .and_then(|it| it.redirect.as_ref())
            .is_some_and(|to| {
                let to = env.gateway.listener(to.value);
                to.tls.is_some() && facts::entry_point(env.gateway, to, controller(env)).is_some()
            });
    match tls {
        true => approx(format!(
            "requests that the gateway has no rule for are not redirected, and the status is that of `{key}` in the controller's ConfigMap"
        )),
        false => unsupported(
            "nothing is redirected: the controller redirects plain text to its TLS port only",
        ),
    }
}

pub(in crate::targets::ingress) fn traefik_paths(u: &Use<'_>) -> Support {
    match u.on.listener() {
        Some(it) if it.paths.value == Paths::Reject => {
            unsupported("dot segments and `//` are resolved, not refused").seen(SEEN).help("leave `paths` at `normalize`")
        }
        Some(it) if it.paths.value == Paths::Raw => {
            approx("unreserved characters are decoded all the same").seen(SEEN)
        }
        _ => approx("a path that ends in a dot segment loses the slash that would stand there: `/a/b/..` is `/a`, not `/a/`")
            .seen(SEEN),
    }
}

pub(in crate::targets::ingress) fn other_paths(u: &Use<'_>, env: &Env<'_>) -> Support {
    let seen = match controller(env) {
        IngressController::Haproxy => HAPROXY,
        IngressController::Nginx | IngressController::Traefik => NGINX,
    };
    match u.on.listener() {
        Some(it) if it.paths.value != Paths::Normalize => {
            unsupported("the controller reads paths in its own way").seen(seen)
        }
        _ if controller(env) == IngressController::Haproxy => {
            approx("paths are matched as the client sent them: `/ws/../admin` is below `/ws`")
                .seen(seen)
                .help("have the application refuse such paths")
        }
        _ => approx("the server sees the path as the client sent it").seen(seen),
    }
}

pub(in crate::targets::ingress) fn encoded_slash(u: &Use<'_>, _: &Env<'_>) -> Support {
    match u.on.listener() {
        Some(it) if it.encoded_slash.value == EncodedSlash::Reject => {
            unsupported("`%2F` passes").help("have the application refuse it")
        }
        _ => exact(),
    }
}

pub(in crate::targets::ingress) fn termination(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(tls) = u.on.listener().and_then(|it| it.tls.as_ref()) else {
        return exact();
    };
    let g = env.gateway;
    let fallback = tls.certificates.value.first().map(|id| g.certificate(*id));
    let issued = fallback.is_some_and(|it| matches!(it.source, CertificateSource::Acme { .. }));
    match (controller(env), issued) {
        (_, true) => exact(),
        (IngressController::Traefik, _) => exact(),
        (IngressController::Nginx | IngressController::Haproxy, _) => {
            approx("a name that no certificate covers gets the controller's own certificate")
                .seen(NGINX)
        }
    }
}

pub(in crate::targets::ingress) fn options(u: &Use<'_>, env: &Env<'_>, what: &str) -> Support {
    match u.on.listener() {
        Some(it) if facts::differs_in_tls(env, it) => approx(format!(
            "the controller's own {what} hold: Traefik takes neither of two that differ for a host"
        ))
        .seen(SEEN)
        .help("have one TLS listener, or the same settings on all"),
        Some(it) if facts::has_hostless(env, it) => approx(format!(
            "the controller's own {what} hold for routes that name no host"
        ))
        .seen(SEEN)
        .help("name the hosts of the routes"),
        _ => exact(),
    }
}

pub(in crate::targets::ingress) fn client_auth(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.listener() {
        Some(it) if facts::differs_in_tls(env, it) => unsupported(
            "the routes of this listener answer 503: Traefik takes neither of two settings that differ for a host",
        )
        .seen(SEEN)
        .help("have one TLS listener, or the same settings on all"),
        Some(it) if facts::has_hostless(env, it) => {
            approx("routes that name no host answer 503: Traefik asks for certificates by host")
                .seen(SEEN)
                .help("name the hosts of the routes")
        }
        _ => exact(),
    }
}
