//! What becomes of routes: paths, headers, guards, limits, answers.

use super::upstream::own_service;
use crate::ir::{
    Action, AuthKind, Change, HostHeader, IngressController, PathMatch, Per, PerKey, RedirectTo,
    Route, Subject, Use,
};
use crate::targets::ingress::facts::{self, controller};
use crate::targets::ingress::support::{API, HAPROXY, NGINX, SEEN};
use crate::targets::ingress::{rewrite, sites};
use crate::targets::kubernetes::routes::read_timer;
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::traefik::facts::is_forwarded;
use crate::targets::{Env, Seen, Support};

pub(in crate::targets::ingress) fn path(u: &Use<'_>, env: &Env<'_>) -> Support {
    let own =
        u.on.route()
            .and_then(|it| it.paths.iter().find(|it| it.from == u.at));
    let Some(own) = own.map(|it| &it.value) else {
        return exact();
    };
    match own {
        _ if facts::paths(own, controller(env)).is_none() => unsupported(
            "the route takes no requests for it: the controller refuses a rule with such signs",
        )
        .seen(SEEN)
        .elsewhere()
        .help("use letters, digits, `-`, `_` and `.`"),
        _ if controller(env) == IngressController::Nginx
            && let Some(other) = u
                .on
                .route()
                .and_then(|it| sites::overtaken(env.gateway, it, u.at.loc)) =>
        {
            approx(format!(
                "ingress-nginx keeps it, but Traefik, which reads the same annotations, leads its requests to the route `{}` with that one's guards: it takes the longest rule first",
                other.name
            ))
            .seen(SEEN)
            .help("write `controller: traefik` for Traefik, which has an order of its own there")
            .elsewhere()
        }
        PathMatch::Prefix(text) if text.len() > 1 && text.ends_with('/') => approx(format!(
            "`{}` without the slash at its end may be taken too",
            text.trim_end_matches('/')
        ))
        .seen(API),
        _ => exact(),
    }
}

pub(in crate::targets::ingress) fn host_header(u: &Use<'_>, env: &Env<'_>) -> Support {
    let shares = u.on.route().map_or(&[][..], Route::shares);
    match shares.first().map(|it| &it.host_header.value) {
        Some(HostHeader::Upstream) => own_service(u, env),
        _ => exact(),
    }
}

pub(in crate::targets::ingress) fn named_host(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(share) = u.on.route().and_then(|it| it.shares().first()) else {
        return exact();
    };
    match &share.host_header.value {
        HostHeader::Preserve | HostHeader::Set(_) => exact(),
        HostHeader::Upstream => {
            let upstream = env.gateway.upstream(share.upstream.value);
            match upstream.servers.as_slice() {
                [_] => exact(),
                _ => approx("every server sees the host of the first"),
            }
        }
    }
}

pub(in crate::targets::ingress) fn change_at<'a>(
    ops: &'a [crate::ir::HeaderOp],
    u: &Use<'_>,
) -> Option<&'a crate::ir::HeaderOp> {
    ops.iter().find(|op| op.at == u.at.loc)
}

/// Another path, as HAProxy's controller is told it.
pub(in crate::targets::ingress) fn rewritten(u: &Use<'_>) -> Support {
    let change = u.on.route().and_then(|route| {
        let change = route.rewrite.as_ref()?.path.as_ref()?;
        Some((route, &change.value))
    });
    match change {
        Some((route, change)) if rewrite::rule(route, change).is_none() => {
            unsupported("the server sees the path as the client sent it: the annotation takes no spaces, quotes, `#`, and few backslashes")
                .seen(HAPROXY)
                .elsewhere()
        }
        _ => exact(),
    }
}

pub(in crate::targets::ingress) fn request_headers(u: &Use<'_>) -> Support {
    let ops = u.on.route().map_or(&[][..], |it| &it.request_headers);
    match change_at(ops, u).map(|op| &op.change) {
        Some(Change::Add(_)) => {
            approx("it stands in place of what the client sent under that name").seen(SEEN)
        }
        // The controller's own are always there.
        Some(Change::SetIfAbsent(_)) if is_forwarded(u) => exact(),
        Some(Change::SetIfAbsent(_)) => {
            approx("it stands in place of what the client sent, also where there was something")
                .seen(SEEN)
        }
        _ => exact(),
    }
}

pub(in crate::targets::ingress) fn response_headers(u: &Use<'_>) -> Support {
    let ops = u.on.route().map_or(&[][..], |it| &it.response_headers);
    match change_at(ops, u).map(|op| (&op.change, op.name.as_str())) {
        Some((Change::Add(_), name)) if name.eq_ignore_ascii_case("set-cookie") => {
            unsupported("it is not added: it would stand in place of the server's own cookies")
                .seen(SEEN)
        }
        Some((Change::Add(_) | Change::SetIfAbsent(_), _)) => {
            approx("it stands in place of what the server sent under that name").seen(SEEN)
        }
        _ => exact(),
    }
}

/// HAProxy's annotations set headers, and nothing else.
pub(in crate::targets::ingress) fn set_only(u: &Use<'_>, _: &Env<'_>, request: bool) -> Support {
    let ops = u.on.route().map_or(&[][..], |it| match request {
        true => &it.request_headers,
        false => &it.response_headers,
    });
    match change_at(ops, u).map(|op| &op.change) {
        Some(Change::Set(_)) => exact(),
        Some(Change::Add(_) | Change::SetIfAbsent(_)) => {
            approx("it stands in place of what was there under that name").seen(HAPROXY)
        }
        Some(Change::Remove) | None => {
            unsupported("it stays: annotations set headers, and take none away").seen(HAPROXY)
        }
    }
}

pub(in crate::targets::ingress) fn facts_of(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    let ops = route.request_headers.iter().chain(&route.response_headers);
    let mut values = ops
        .filter(|op| op.at == u.at.loc)
        .filter_map(|op| op.change.value());
    let traefik = controller(env) == IngressController::Traefik;
    match traefik && values.all(|it| facts::is_fixed(it, route, env)) {
        true => exact(),
        false if traefik => {
            approx("the header is taken away: Traefik writes no facts of a request")
                .seen(SEEN)
                .help("`X-Forwarded-For`, `-Host`, `-Proto` and `-Port` reach every server")
        }
        false => unsupported("the header is not written, and one that the client sends reaches the server: annotations hold no facts of a request")
            .seen(NGINX),
    }
}

pub(in crate::targets::ingress) fn limit_body(u: &Use<'_>, _: &Env<'_>) -> Support {
    match u.on.route() {
        Some(route) if route.stream.is_some() => {
            unsupported("Traefik reads bodies whole to count them, and the answer with it; the route answers 503")
                .seen(SEEN)
                .help("leave `limits.body` out of routes that stream")
        }
        _ => exact(),
    }
}

pub(in crate::targets::ingress) fn traefik_rate(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u
        .on
        .route()
        .and_then(|it| Some((it, it.requests.as_ref()?)))
    {
        Some((_, limit)) if matches!(limit.per.value, PerKey::Header(_)) => {
            approx("requests without the header count as one client").seen(SEEN)
        }
        Some((route, limit))
            if limit.per.value == PerKey::Client && facts::is_behind_proxies(route, env) =>
        {
            approx("all clients that come without a trusted proxy in front count as one").seen(SEEN)
        }
        _ => exact(),
    }
}

pub(in crate::targets::ingress) fn traefik_open(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.route().and_then(|it| Some((it, it.connections.as_ref()?))) {
        Some((_, limit)) if matches!(limit.per.value, PerKey::Header(_)) => {
            approx("more get 429, not 503, and requests without the header count as one client").seen(SEEN)
        }
        Some((route, limit)) if limit.per.value == PerKey::Client && facts::is_behind_proxies(route, env) => {
            approx("more get 429, not 503, and all clients that come without a trusted proxy in front count as one").seen(SEEN)
        }
        _ => approx("more get 429, not 503").seen(SEEN),
    }
}

pub(in crate::targets::ingress) fn nginx_rate(u: &Use<'_>, _: &Env<'_>) -> Support {
    let limit = u.on.route().and_then(|it| it.requests.as_ref());
    match limit {
        Some(it) if it.per.value != PerKey::Client => {
            unsupported("the route answers 403: the controller counts client addresses only").seen(NGINX)
        }
        Some(it) if it.rate.value.per == Per::Hour => {
            approx("the rate is counted by the minute, more get 503 without `Retry-After`, and each of the controller's pods counts alone").seen(NGINX)
        }
        _ => approx("the burst is a multiple of the rate, more get 503 without `Retry-After`, and each of the controller's pods counts alone").seen(NGINX),
    }
}

pub(in crate::targets::ingress) fn haproxy_rate(u: &Use<'_>, _: &Env<'_>) -> Support {
    let limit = u.on.route().and_then(|it| it.requests.as_ref());
    match limit {
        Some(it) if it.per.value != PerKey::Client => {
            unsupported("the route answers 403: the controller counts client addresses only")
                .seen(HAPROXY)
        }
        _ => approx(
            "a window of the rate's own period, with as many at once, and without `Retry-After`",
        )
        .seen(HAPROXY),
    }
}

pub(in crate::targets::ingress) fn per_client(
    u: &Use<'_>,
    then: &'static str,
    seen: Seen,
) -> Support {
    let limit = u.on.route().and_then(|it| it.connections.as_ref());
    match limit {
        Some(it) if it.per.value != PerKey::Client => {
            unsupported("the route answers 403: the controller counts client addresses only")
                .seen(seen)
        }
        _ => approx(format!(
            "{then}, and each of the controller's pods counts alone"
        ))
        .seen(seen),
    }
}

pub(in crate::targets::ingress) fn stripped(u: &Use<'_>, _: &Env<'_>) -> Support {
    match u.on {
        Subject::Auth(auth) if matches!(auth.kind, AuthKind::Basic(_)) => exact(),
        _ => unsupported(
            "nothing reaches the server: the route answers an error, see `auth.api_key`",
        )
        .seen(SEEN),
    }
}

pub(in crate::targets::ingress) fn redirect(u: &Use<'_>, _: &Env<'_>) -> Support {
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

/// Annotations hold a URL, and no parts of one.
pub(in crate::targets::ingress) fn to_url(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(Action::Redirect(redirect)) = u.on.route().map(|it| &it.action) else {
        return exact();
    };
    match &redirect.value.to {
        RedirectTo::Url(url)
            if url.starts_with("http") || controller(env) == IngressController::Haproxy =>
        {
            exact()
        }
        RedirectTo::Url(_) | RedirectTo::Parts { .. } => {
            approx("the answer is 403: the controller redirects to a whole URL only")
                .elsewhere()
                .help("write the whole URL: `redirect: {to: https://…}`")
        }
    }
}

pub(in crate::targets::ingress) fn respond(u: &Use<'_>, _: &Env<'_>) -> Support {
    match u.on.route().map(|it| &it.action) {
        Some(Action::Respond(it)) if matches!(it.value.status, 204 | 304) => exact(),
        _ => {
            approx("the status is right, but the body is its name: Traefik writes no other answer")
                .seen(SEEN)
                .help("lead the route to a server that has the page")
        }
    }
}

/// One timer serves head and body: it is the head's own where bodies have no longer one.
pub(in crate::targets::ingress) fn traefik_head(u: &Use<'_>, env: &Env<'_>) -> Support {
    match u.on.listener() {
        Some(it) if read_timer(env.gateway, it) > it.head_timeout.value => {
            unsupported("a head may take as long as a request may: one timer serves head and body, and a shorter one would end uploads").seen(SEEN)
        }
        _ => exact(),
    }
}
