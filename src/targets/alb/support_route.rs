//! What a load balancer does with what routes ask: conditions, times, limits, redirects, answers, rewrites.

use super::facts::{self, VALUE};
use super::rules::regex_of;
use super::steps::fixed_header;
use super::support::DOCS;
use crate::ir::{
    Change, Dur, Feature, Gateway, HeaderOp, HostMatch, PathMatch, PerKey, Route, Use, ValueMatch,
};
use crate::targets::support::{approx, exact, unsupported};
use crate::targets::{Env, Support};

/// A host of a condition.
pub(super) fn host(u: &Use<'_>, _: &Env<'_>) -> Support {
    let hosts = u.on.route().map_or(&[][..], |it| &it.hosts);
    for host in hosts.iter().filter(|it| it.from == u.at) {
        match &host.value {
            HostMatch::Exact(name) if !facts::is_host(name) => return odd_host(name),
            HostMatch::Wildcard(zone) if !facts::is_host(&format!("*.{zone}")) => {
                return odd_host(&format!("*.{zone}"));
            }
            HostMatch::Regex(regex) if !fits(&facts::whole(regex)) => return long_regex(),
            _ => {}
        }
    }
    exact()
}

fn odd_host(name: &str) -> Support {
    unsupported(format!(
        "a host of a condition has a dot, only letters after the last one, and at most {VALUE} characters: nothing is routed for `{name}`"
    ))
    .seen(DOCS)
    .help("write a host such as `example.com`, or leave `host` out")
}

fn long_regex() -> Support {
    unsupported(format!(
        "a regex of a condition has at most {VALUE} visible characters, with what anchors it: the route takes no request by it"
    ))
    .seen(DOCS)
    .help("write a shorter regex, or several routes")
}

fn fits(value: &str) -> bool {
    value.len() <= VALUE && facts::is_visible(value)
}

/// A path of a condition.
pub(super) fn path(u: &Use<'_>, _: &Env<'_>) -> Support {
    let paths = u.on.route().map_or(&[][..], |it| &it.paths);
    for path in paths.iter().filter(|it| it.from == u.at) {
        let fine = match &path.value {
            PathMatch::Regex(regex) if !fits(&facts::whole(regex)) => return long_regex(),
            PathMatch::Regex(_) => true,
            // It may have to stand beside a regex, and then becomes one.
            literal => fits(&regex_of(literal)),
        };
        if !fine {
            return unsupported(format!(
                "a path of a condition has at most {VALUE} characters, with what stands around it: the route takes no request by it"
            ))
            .seen(DOCS)
            .help("write a shorter path");
        }
    }
    exact()
}

/// A condition on a header.
pub(super) fn header(u: &Use<'_>, _: &Env<'_>) -> Support {
    let headers = u.on.route().map_or(&[][..], |it| &it.when.headers);
    let Some(condition) = headers
        .iter()
        .find(|it| it.from == u.at)
        .map(|it| &it.value)
    else {
        return exact();
    };
    if condition.name.len() > 40 || condition.name == "host" {
        return unsupported("a condition takes a header of at most 40 characters, and not `Host`: the route takes no request")
            .seen(DOCS);
    }
    match &condition.value {
        ValueMatch::Present(true) => exact(),
        ValueMatch::Present(false) => {
            unsupported("no condition says that a header is absent: the route takes no request")
                .seen(DOCS)
                .help("write the route for requests with the header, and after it one for all")
        }
        ValueMatch::Exact(text) if !fits(&facts::whole(&facts::literal(text))) => {
            unsupported(format!(
                "a value of a condition has 1 to {VALUE} visible characters: the route takes no request"
            ))
            .seen(DOCS)
        }
        ValueMatch::Exact(text) if text.contains(|c: char| c.is_ascii_alphabetic()) => {
            approx("the value is compared without case").seen(DOCS)
        }
        ValueMatch::Exact(_) => exact(),
        ValueMatch::Regex(regex) if !fits(&facts::whole(regex)) => long_regex(),
        ValueMatch::Regex(_) => exact(),
    }
}

/// A condition on a query parameter.
pub(super) fn query(u: &Use<'_>, _: &Env<'_>) -> Support {
    let query = u.on.route().map_or(&[][..], |it| &it.when.query);
    let Some(condition) = query.iter().find(|it| it.from == u.at).map(|it| &it.value) else {
        return exact();
    };
    if !fits(&condition.name) || condition.name.contains(['*', '?', '\\']) {
        return unsupported(format!(
            "a parameter of a condition has 1 to {VALUE} visible characters, and no `*`, `?` or backslash: the route takes no request"
        ))
        .seen(DOCS);
    }
    match &condition.value {
        ValueMatch::Present(true) => approx("any of several parameters of the name may count").seen(DOCS),
        ValueMatch::Present(false) => {
            unsupported("no condition says that a parameter is absent: the route takes no request")
                .seen(DOCS)
                .help("write the route for requests with the parameter, and after it one for all")
        }
        ValueMatch::Regex(_) => {
            unsupported("a query condition takes no regex: the route takes no request")
                .seen(DOCS)
                .help("write the values, each with a route")
        }
        ValueMatch::Exact(text) if !fits(text) || text.len() * 2 > VALUE => {
            unsupported(format!(
                "a value of a condition has 1 to {VALUE} visible characters, with what escapes it: the route takes no request"
            ))
            .seen(DOCS)
        }
        ValueMatch::Exact(_) => {
            approx("name and value are compared without case, and as they were sent: nothing is decoded")
                .seen(DOCS)
        }
    }
}

/// `when.upgrade`: that a header is absent no condition says, but an earlier route may take the upgrades.
pub(super) fn when_upgrade(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    if route.when.upgrade.as_ref().is_none_or(|it| it.value) {
        return exact();
    }
    let alone = |it: &Route| it.when.count() == 1;
    let twin = env.gateway.routes[..route.id.index()].iter().any(|it| {
        alone(it)
            && it
                .when
                .upgrade
                .as_ref()
                .is_some_and(|upgrade| upgrade.value)
            && route
                .hosts
                .iter()
                .all(|host| it.hosts.iter().any(|own| own.value == host.value))
            && route
                .paths
                .iter()
                .all(|path| it.paths.iter().any(|own| own.value == path.value))
    });
    if twin && alone(route) {
        return exact();
    }
    unsupported("no condition says that a request is no upgrade: the route takes no request")
        .seen(DOCS)
        .help("write a route with `upgrade: true` for the same host and path before it, and leave `upgrade: false` out")
}

/// The one idle timeout.
pub(super) fn idle(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    let asked: Option<Dur> = match u.feature {
        Feature::TimeoutResponse => Some(route.response.value),
        Feature::TimeoutIdle => Some(route.idle.value),
        Feature::TimeoutWebSocketIdle => route.websocket.as_ref().map(|it| it.idle.value),
        Feature::TimeoutStreamIdle => route.stream.as_ref().map(|it| it.idle.value),
        _ => None,
    };
    let kept = facts::idle(env.silence());
    match asked {
        Some(asked) if asked > Dur::from_secs(kept) => approx(format!(
            "closed after {kept} s: the longest idle timeout of a load balancer, and one for everything"
        ))
        .seen(DOCS)
        .help("have client or server ping more often"),
        Some(asked) if asked != Dur::from_secs(kept) => approx(format!(
            "closed after {kept} s without a byte: one idle timeout for the whole load balancer, the longest that a route asks for"
        ))
        .seen(DOCS),
        _ => exact(),
    }
}

/// Whether a web ACL may be rendered.
pub(super) fn may_use_waf(env: &Env<'_>) -> bool {
    env.gateway
        .rooms
        .alb
        .waf
        .as_ref()
        .is_none_or(|waf| waf.value)
}

/// A rate of requests.
pub(super) fn requests(u: &Use<'_>, env: &Env<'_>) -> Support {
    let Some((route, limit)) =
        u.on.route()
            .and_then(|it| Some((it, it.requests.as_deref()?)))
    else {
        return exact();
    };
    if !may_use_waf(env) {
        return unsupported(
            "it needs a web ACL, and `targets.alb.waf` is off: the route answers 503",
        );
    }
    let Some((count, window)) = facts::rate(limit) else {
        return unsupported(format!(
            "a rate-based rule counts {} requests in 10 minutes or more: the route answers 503",
            facts::LOWEST_RATE
        ))
        .seen(DOCS);
    };
    let hop =
        match limit.per.value == PerKey::Client && facts::is_behind_proxies(env.gateway, route) {
            true => ", each proxy as one client",
            false => "",
        };
    approx(format!(
        "{count} in {window} s, counted by host and path some ten seconds late{hop}: 429 without `Retry-After`, and no burst of its own"
    ))
    .seen(DOCS)
}

/// The origins of sockets.
pub(super) fn origins(u: &Use<'_>, _: &Env<'_>) -> Support {
    let Some(route) = u.on.route() else {
        return exact();
    };
    let origins = route.websocket.as_ref().and_then(|it| it.origins.as_ref());
    let Some(origins) = origins else {
        return exact();
    };
    let by_name = |host: &HostMatch| matches!(host, HostMatch::Exact(_));
    if origins.value.same_host && !route.hosts.iter().all(|host| by_name(&host.value)) {
        return unsupported("`same_host` takes hosts by name: no condition compares two headers; the route answers 503")
            .seen(DOCS)
            .help("write the hosts of the route, or the origins: `origins: [https://example.com]`");
    }
    if origins
        .value
        .exact
        .iter()
        .any(|it| !fits(it) || it.contains(['*', '?']))
    {
        return unsupported(format!(
            "a value of a condition has at most {VALUE} visible characters: the route answers 503"
        ))
        .seen(DOCS);
    }
    exact()
}

/// A change to a response header: a few can be set for a listener.
pub(super) fn response_header(u: &Use<'_>, env: &Env<'_>) -> Support {
    let lost = unsupported("response headers reach the client as the server sent them")
        .seen(DOCS)
        .help("set them in the application; only `Server` can be removed, and `X-Frame-Options`, `X-Content-Type-Options` and `Content-Security-Policy` set");
    let Some(route) = u.on.route() else {
        return lost;
    };
    let Some(op) = route.response_headers.iter().find(|op| op.at == u.at.loc) else {
        return lost;
    };
    if is_server(op) {
        return approx("no answer of its listeners has `Server`").seen(DOCS);
    }
    match fixed_header(op) {
        Some((key, text)) if !contradicted(env.gateway, route, key, text) => {
            approx("every answer of its listeners has it").seen(DOCS)
        }
        _ => lost,
    }
}

/// Whether a change takes `Server` away.
pub(super) fn is_server(op: &HeaderOp) -> bool {
    op.change == Change::Remove && op.name.eq_ignore_ascii_case("server")
}

/// Whether another route of the same listeners wants another value.
fn contradicted(g: &Gateway, route: &Route, key: &str, text: &str) -> bool {
    let mut others = g.routes.iter().filter(|other| {
        g.listeners_of(other)
            .any(|listener| g.serves(listener, route))
    });
    others.any(|other| {
        other
            .response_headers
            .iter()
            .filter_map(fixed_header)
            .any(|(known, value)| known == key && value != text)
    })
}
