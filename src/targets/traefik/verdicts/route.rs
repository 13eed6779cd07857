//! What becomes of routes: paths, headers, guards, limits, answers.

use crate::ir::{
    Action, AuthKind, Change, HostHeader, HostMatch, Origin, Piece, RedirectTo, Route, Subject, Use,
};
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::traefik::facts::{self};
use crate::targets::traefik::support::SEEN;
use crate::targets::{Env, Support};

pub(in crate::targets::traefik) fn mixed_hosts(route: &Route) -> bool {
    let set = |share: &crate::ir::Share| match &share.host_header.value {
        HostHeader::Set(host) => Some(host.clone()),
        HostHeader::Preserve | HostHeader::Upstream => None,
    };
    let mut hosts = route.shares().iter().map(set);
    let first = hosts.next();
    hosts.any(|it| Some(it) != first)
}

/// Whether every fact that a header asks for at a place is one that Traefik can write.
pub(in crate::targets::traefik) fn knows(route: &Route, at: Origin) -> bool {
    let ops = route.request_headers.iter().chain(&route.response_headers);
    let mut pieces = ops
        .filter(|op| op.at == at.loc)
        .filter_map(|op| op.change.value())
        .flat_map(|value| &value.0);
    pieces.all(|piece| match piece {
        Piece::Text(_) => true,
        Piece::Fact(fact) => facts::is_fixed(fact, route),
    })
}

pub(in crate::targets::traefik) fn request_headers(u: &Use<'_>, _: &Env<'_>) -> Support {
    let ops = u.on.route().map_or(&[][..], |it| &it.request_headers);
    match ops.iter().find(|op| op.at == u.at.loc).map(|op| &op.change) {
        Some(Change::Add(_)) => {
            approx("it stands in place of what the client sent under that name").seen(SEEN)
        }
        // The proxy's own are always there.
        Some(Change::SetIfAbsent(_)) if facts::is_forwarded(u) => exact(),
        Some(_) if !u.on.route().is_none_or(|route| knows(route, u.at)) => {
            approx("the header is taken away: Traefik writes no facts of a request").seen(SEEN)
        }
        Some(Change::SetIfAbsent(_)) => {
            approx("it stands in place of what the client sent, also where there was something")
                .seen(SEEN)
                .help("ask for the header in `when`, on two routes")
        }
        _ => exact(),
    }
}

pub(in crate::targets::traefik) fn response_headers(u: &Use<'_>, _: &Env<'_>) -> Support {
    let ops = u.on.route().map_or(&[][..], |it| &it.response_headers);
    match ops
        .iter()
        .find(|op| op.at == u.at.loc)
        .map(|op| (&op.change, op.name.as_str()))
    {
        Some(_) if !u.on.route().is_none_or(|route| knows(route, u.at)) => {
            approx("the header is taken away: Traefik writes no facts of a request").seen(SEEN)
        }
        Some((Change::Add(_), name)) if name.eq_ignore_ascii_case("set-cookie") => {
            unsupported("it is not added: it would stand in place of the server's own cookies")
                .seen(SEEN)
        }
        Some((Change::Add(_), _)) => {
            approx("it stands in place of what the server sent under that name").seen(SEEN)
        }
        Some((Change::SetIfAbsent(_), _)) => {
            approx("it stands in place of what the server sent, also where there was something")
                .seen(SEEN)
        }
        _ => exact(),
    }
}

pub(in crate::targets::traefik) fn forward(u: &Use<'_>, _: &Env<'_>) -> Support {
    let Subject::Auth(auth) = u.on else {
        return exact();
    };
    let AuthKind::Forward(it) = &auth.kind else {
        return exact();
    };
    match it.answer.value.is_empty() {
        true => approx("where the service's first server is unreachable the client gets 500, not 503, and it may take as long as it likes").seen(SEEN),
        false => approx("of the service's 2xx nothing reaches the client; where its first server is unreachable the client gets 500, not 503, and it may take as long as it likes").seen(SEEN),
    }
}

pub(in crate::targets::traefik) fn compares_pattern(route: &Route) -> bool {
    let origins = route.websocket.as_ref().and_then(|it| it.origins.as_ref());
    let same = origins.is_some_and(|it| it.value.same_host);
    let mut hosts = route.hosts.iter();
    same && hosts.any(|it| !matches!(it.value, HostMatch::Exact(_)))
}

pub(in crate::targets::traefik) fn redirect(u: &Use<'_>, _: &Env<'_>) -> Support {
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
