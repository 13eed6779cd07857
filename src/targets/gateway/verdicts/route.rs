//! What becomes of routes: paths, headers, guards, limits, answers.

use crate::ir::{
    Action, AuthKind, Change, HostHeader, HostMatch, JwtKeys, PathMatch, PathRewrite, PerKey,
    RedirectTo, Route, Subject, TokenPlace, Use,
};
use crate::targets::gateway::facts::{self, Means, implementation, means};
use crate::targets::gateway::order;
use crate::targets::gateway::support::{API, ENVOY, SEEN};
use crate::targets::kubernetes::routes::is_behind_proxies;
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::traefik::facts::is_forwarded;
use crate::targets::{Env, Seen, Support};

/// A guard that nobody keeps: its route is closed.
pub(in crate::targets::gateway) fn nobody(does: &str, seen: Seen) -> Support {
    unsupported(format!("the route answers 500: nobody {does}"))
        .seen(seen)
        .help("use another implementation, or have the application do it and take it out here")
}

pub(in crate::targets::gateway) fn path(u: &Use<'_>, env: &Env<'_>) -> Support {
    let own =
        u.on.route()
            .and_then(|it| it.paths.iter().find(|it| it.from == u.at));
    match own.map(|it| &it.value) {
        Some(own) if facts::path(own, means(env)).is_none() => {
            unsupported("the route takes no requests for it: the API refuses a path with such signs, or one longer than 1024")
                .seen(API)
                .elsewhere()
                .help("use letters, digits, `-`, `_` and `.`")
        }
        Some(_) if let Some(lost) = lost(u, env) => lost,
        Some(PathMatch::Prefix(text)) if text.len() > 1 && text.ends_with('/') => {
            approx(format!("`{}` without the slash at its end is taken too", text.trim_end_matches('/'))).seen(API)
        }
        _ => exact(),
    }
}

/// What the implementation's order leaves to others.
pub(in crate::targets::gateway) fn lost(u: &Use<'_>, env: &Env<'_>) -> Option<Support> {
    let seen = match means(env) {
        Means::Traefik => SEEN,
        Means::Envoy => ENVOY,
        Means::None => API,
    };
    let route = u.on.route()?;
    let lost = order::lost(env.gateway, implementation(env), route, u.at.loc)?;
    let note = match lost {
        order::Lost::To(other) => {
            let instead = format!(
                "some of its requests are taken by the route `{}`, with that one's guards in place of its own: rules have an order of the implementation's, which counts methods and headers too, and no numbers",
                other.name
            );
            let lost = if is_guarded(env, route) { unsupported(instead) } else { approx(instead) };
            lost.help("have the two differ in more than that, or use listeners of their own")
        }
        order::Lost::Beyond(host) => approx(format!(
            "requests for `{host}` do not reach it: the implementation looks no further than the routes that name this host"
        ))
        .help(format!("name `{host}` here too")),
        order::Lost::Unknown => {
            approx("its order among so many hosts and paths is the implementation's own, which nobody compared")
        }
    };
    Some(note.seen(seen).elsewhere())
}

/// Whether somebody may be refused on the route.
pub(in crate::targets::gateway) fn is_guarded(env: &Env<'_>, route: &Route) -> bool {
    let socket = route.websocket.as_ref();
    env.gateway.auth_of(route).is_some()
        || route.clients.is_some()
        || route.requests.is_some()
        || route.connections.is_some()
        || socket.is_some_and(|it| it.origins.is_some() || it.require_origin.value)
}

/// What an implementation without words for the client's address tells servers.
pub(in crate::targets::gateway) fn forwarded(env: &Env<'_>) -> Support {
    let told = match facts::is_envoy(implementation(env)) {
        true => {
            "`X-Forwarded-For` is appended to what the client sent, `X-Real-IP` is taken away, and `X-Forwarded-Host` too where a route has not one plain host"
        }
        false => {
            "`X-Forwarded-For` is appended to what the client sent; the others are as the implementation writes them"
        }
    };
    approx(told)
        .seen(API)
        .help("have the application read the last address of `X-Forwarded-For` alone")
}

pub(in crate::targets::gateway) fn host_header(u: &Use<'_>, env: &Env<'_>) -> Support {
    let share = u.on.route().and_then(|it| it.shares().first());
    match share.map(|it| &it.host_header.value) {
        Some(HostHeader::Upstream) if means(env) != Means::Envoy => {
            unsupported("the server sees the client's host")
                .seen(SEEN)
                .help("name it: `host_header: {set: name}`")
        }
        _ => exact(),
    }
}

pub(in crate::targets::gateway) fn headers(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    let mut ops = route.request_headers.iter().chain(&route.response_headers);
    match ops.find(|op| op.at == u.at.loc).map(|op| &op.change) {
        // Traefik's own are always there.
        Some(Change::SetIfAbsent(_)) if means(env) == Means::Traefik && is_forwarded(u) => exact(),
        Some(Change::SetIfAbsent(_)) => approx("it stands in place of what was there").seen(SEEN),
        _ => exact(),
    }
}

pub(in crate::targets::gateway) fn rate(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u
        .on
        .route()
        .and_then(|it| Some((it, it.requests.as_ref()?)))
    {
        Some((_, limit)) if matches!(limit.per.value, PerKey::Header(_)) => approx(
            "requests without the header count as one client, and sockets and others count apart",
        )
        .seen(SEEN),
        Some((route, limit))
            if limit.per.value == PerKey::Client && is_behind_proxies(route, env) =>
        {
            approx("all clients that come without a trusted proxy in front count as one").seen(SEEN)
        }
        Some((route, _)) if route.websocket.is_some() || route.methods.is_some() => {
            approx("sockets and other requests count apart").seen(SEEN)
        }
        _ => exact(),
    }
}

pub(in crate::targets::gateway) fn open(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.route().and_then(|it| Some((it, it.connections.as_ref()?))) {
        Some((_, limit)) if matches!(limit.per.value, PerKey::Header(_)) => {
            approx("more get 429, not 503, and requests without the header count as one client").seen(SEEN)
        }
        Some((route, limit)) if limit.per.value == PerKey::Client && is_behind_proxies(route, env) => {
            approx("more get 429, not 503, and all clients that come without a trusted proxy in front count as one").seen(SEEN)
        }
        _ => approx("more get 429, not 503, and sockets and other requests count apart").seen(SEEN),
    }
}

pub(in crate::targets::gateway) fn jwt(u: &Use<'_>) -> Support {
    let Subject::Auth(auth) = u.on else {
        return exact();
    };
    match &auth.kind {
        AuthKind::Jwt(jwt) => match &jwt.keys.value {
            JwtKeys::JwksUrl { url, .. } if url.starts_with("https://") => exact(),
            JwtKeys::JwksUrl { .. } | JwtKeys::JwksFile { .. } | JwtKeys::Key { .. } => {
                unsupported("the route answers 500: the implementation fetches key sets over HTTPS, and reads no other keys")
                    .seen(ENVOY)
                    .help("publish the key: `jwks: {url: https://…}`")
            }
        },
        AuthKind::Basic(_) | AuthKind::ApiKey(_) | AuthKind::Forward(_) => exact(),
    }
}

pub(in crate::targets::gateway) fn jwt_places(u: &Use<'_>) -> Support {
    let Subject::Auth(auth) = u.on else {
        return exact();
    };
    match &auth.kind {
        AuthKind::Jwt(jwt) if jwt.token.value.contains(&TokenPlace::Subprotocol) => {
            unsupported("the route answers 500: no token is read from the subprotocol")
                .seen(ENVOY)
                .help("let clients send it as a query parameter or cookie")
        }
        _ => exact(),
    }
}

pub(in crate::targets::gateway) fn stripped(u: &Use<'_>) -> Support {
    match u.on {
        Subject::Auth(auth) if matches!(auth.kind, AuthKind::Basic(_)) => exact(),
        _ => unsupported("nothing reaches the server: the route answers 500").seen(SEEN),
    }
}

pub(in crate::targets::gateway) fn stripped_by_envoy(u: &Use<'_>) -> Support {
    match u.on {
        Subject::Auth(auth) if matches!(auth.kind, AuthKind::Basic(_)) => {
            unsupported("the password reaches the server").seen(ENVOY)
        }
        _ => unsupported("nothing reaches the server: the route answers 500").seen(ENVOY),
    }
}

pub(in crate::targets::gateway) fn traefik_redirect(u: &Use<'_>) -> Support {
    let Some(Action::Redirect(redirect)) = u.on.route().map(|it| &it.action) else {
        return exact();
    };
    match (&redirect.value.to, redirect.value.status) {
        (RedirectTo::Url(_), _) => exact(),
        (RedirectTo::Parts { .. }, 301 | 302) => approx(
            "only GET and HEAD get this status: another method gets 308 or 307, which keep it",
        )
        .seen(SEEN),
        (RedirectTo::Parts { .. }, status) => {
            let other = if status == 308 { 301 } else { 302 };
            approx(format!(
                "GET and HEAD get {other}: Traefik has the others for other methods only"
            ))
            .seen(SEEN)
        }
    }
}

pub(in crate::targets::gateway) fn redirect(u: &Use<'_>) -> Support {
    let Some(Action::Redirect(redirect)) = u.on.route().map(|it| &it.action) else {
        return exact();
    };
    match &redirect.value.to {
        RedirectTo::Url(_) => approx("the query of the request stays").seen(API),
        RedirectTo::Parts { .. } => exact(),
    }
}

pub(in crate::targets::gateway) fn rewrite(u: &Use<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    let change = route.rewrite.as_ref().and_then(|it| it.path.as_ref());
    let prefixes = route
        .paths
        .iter()
        .all(|it| matches!(it.value, PathMatch::Prefix(_)));
    match change.map(|it| &it.value) {
        Some(PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_)) if !prefixes => {
            approx("only a prefix is replaced: an exact path stays").seen(API)
        }
        _ => exact(),
    }
}

/// An HTTPRoute of one host each knows its own origin; one of a pattern does not.
pub(in crate::targets::gateway) fn origins(u: &Use<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    let origins = route.websocket.as_ref().and_then(|it| it.origins.as_ref());
    let same = origins.is_some_and(|it| it.value.same_host);
    let plain = |it: &HostMatch| matches!(it, HostMatch::Exact(_));
    match same && !route.hosts.iter().all(|it| plain(&it.value)) {
        true => approx(
            "on hosts that are no plain name no origin counts as the same host: browsers get 403",
        )
        .seen(SEEN)
        .help("name the origins, or the hosts"),
        false => exact(),
    }
}
