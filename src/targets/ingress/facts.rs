//! Facts about Ingress controllers that both the verdicts and the plan need: which hosts, paths and conditions a rule can name.

use crate::ir::{
    Gateway, HostMatch, IngressController, Listener, PathMatch, Route, Service, Set, Upstream,
};
use crate::targets::Env;
pub(super) use crate::targets::kubernetes::routes::{
    is_behind_proxies, is_fixed, takes_any_host, tries,
};
use crate::targets::kubernetes::{entry_points, names, services};

/// The program that serves the resources.
pub(super) fn controller(env: &Env<'_>) -> IngressController {
    env.gateway.rooms.ingress.controller.value
}

/// The Service that the room names for an upstream.
pub(super) fn named<'a>(gateway: &'a Gateway, upstream: &Upstream) -> Option<&'a Set<Service>> {
    services::named(&gateway.rooms.ingress.upstreams, upstream)
}

/// The host of a rule; empty is every host, `None` one that no rule can name.
pub(super) fn host(host: &HostMatch) -> Option<String> {
    let is_name =
        |name: &str| names::is_subdomain(name) && name.parse::<std::net::IpAddr>().is_err();
    match host {
        HostMatch::Exact(name) => is_name(name).then(|| name.clone()),
        HostMatch::Wildcard(zone) => is_name(zone).then(|| format!("*.{zone}")),
        HostMatch::Regex(_) => None,
        HostMatch::Any => Some(String::new()),
    }
}

/// The way that a path of a rule is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PathType {
    Exact,
    Prefix,
    /// As the controller does: for Traefik the matcher that an annotation names.
    Own,
}

impl PathType {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Exact => "Exact",
            Self::Prefix => "Prefix",
            Self::Own => "ImplementationSpecific",
        }
    }
}

/// The paths of a rule; `None` where no rule can name the path.
pub(super) fn paths(
    path: &PathMatch,
    controller: IngressController,
) -> Option<Vec<(PathType, String)>> {
    let taken = |text: &str| {
        let decoded = percent_decoded(text)?;
        let fits = |c: char| match controller {
            // Anything else has to be a regex there.
            IngressController::Nginx => c.is_ascii_alphanumeric() || "/_.-".contains(c),
            IngressController::Traefik | IngressController::Haproxy => {
                !c.is_control() && !c.is_whitespace() && !"`\"\\%?#{}".contains(c)
            }
        };
        decoded.chars().all(fits).then_some(decoded)
    };
    match path {
        PathMatch::Exact(text) => Some(vec![(PathType::Exact, taken(text)?)]),
        PathMatch::Prefix(text) if text.ends_with('/') => {
            Some(vec![(PathType::Prefix, taken(text)?)])
        }
        // Some controllers take `/wsx` for `/ws`: none does for `/ws/`.
        PathMatch::Prefix(text) if controller != IngressController::Nginx => {
            let text = taken(text)?;
            let below = format!("{text}/");
            Some(vec![(PathType::Exact, text), (PathType::Prefix, below)])
        }
        PathMatch::Prefix(text) => Some(vec![(PathType::Prefix, taken(text)?)]),
        PathMatch::Regex(regex) if controller == IngressController::Traefik => {
            // The API takes no path that does not begin with `/`, and Traefik anchors nothing.
            let fits = !regex.contains('`') && !regex.chars().any(char::is_control);
            fits.then(|| vec![(PathType::Own, format!("/{{0}}^(?:{regex})$"))])
        }
        PathMatch::Regex(_) => None,
    }
}

/// A path as controllers compare it; `None` where an encoded sign would be read as another.
fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let byte = u8::from_str_radix(rest.get(at + 1..at + 3)?, 16).ok()?;
        if byte == b'/' {
            return None;
        }
        bytes.push(byte);
        rest = &rest[at + 3..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// Whether every condition of a route can be told: a route whose conditions cannot is left out, for without them it would
/// take what it must not.
pub(super) fn can_tell(route: &Route, controller: IngressController) -> bool {
    let when = &route.when;
    let listeners = when.listeners.is_none() || controller == IngressController::Traefik;
    when.methods.is_none()
        && when.headers.is_empty()
        && when.query.is_empty()
        && when.clients.is_none()
        && when.upgrade.is_none()
        && listeners
}

/// The entry point of a listener: controllers have one for plain text and one for TLS, Traefik more where it is told so.
pub(super) fn entry_point(
    gateway: &Gateway,
    listener: &Listener,
    controller: IngressController,
) -> Option<String> {
    let name = entry_points::name(gateway, listener);
    let one_of_two = matches!(name.as_str(), "web" | "websecure");
    (one_of_two || controller == IngressController::Traefik).then_some(name)
}

/// Whether a TLS listener has a route that names no host: Traefik finds TLS options by host only.
pub(super) fn has_hostless(env: &Env<'_>, listener: &Listener) -> bool {
    let mut routes = env.gateway.routes.iter();
    routes.any(|it| env.gateway.serves(listener, it) && takes_any_host(it))
}

/// Whether two TLS listeners ask for different options for a host that both serve: Traefik then keeps neither.
pub(super) fn differs_in_tls(env: &Env<'_>, listener: &Listener) -> bool {
    let Some(own) = &listener.tls else {
        return false;
    };
    env.gateway.listeners.iter().any(|other| {
        let Some(tls) = &other.tls else { return false };
        let client = |it: &crate::ir::ListenerTls| {
            it.client_auth
                .as_ref()
                .map(|it| (it.ca.value.clone(), it.mode.value))
        };
        let differs = tls.profile.value != own.profile.value
            || other.http2.value != listener.http2.value
            || client(tls) != client(own);
        let shared = |it: &Route| env.gateway.serves(listener, it) && env.gateway.serves(other, it);
        differs && env.gateway.routes.iter().any(shared)
    })
}
