//! Servers: what each listener binds, how long it waits, and in which order a request goes through it.

use super::{
    Ctx, Map, always, at, entry, fixed, handler, log, number, parts, raw, reading, route, stop,
    tls, upstream, word,
};
use crate::emit::Node;
use crate::emit::Part;
use crate::ir::{HeaderNames, HostMatch, Listener, UnknownHost};
use crate::targets::caddy::facts;

/// The app that serves HTTP.
pub(super) fn app(ctx: &Ctx<'_>) -> Map {
    let mut map = Map::new();
    let drain = &ctx.g.runtime.drain_timeout;
    map = map
        .put("shutdown_delay", super::time(drain.value).at(drain.loc()))
        .put("grace_period", super::time(drain.value).at(drain.loc()));
    if let Some(metrics) = &ctx.g.metrics {
        map = map.put("metrics", at(Map::new(), metrics.at));
    }
    let mut servers = Map::new();
    for listener in &ctx.g.listeners {
        servers = servers.entry(
            super::key(&listener.name),
            at(server(ctx, listener), listener.at),
        );
    }
    if let Some(metrics) = log::metrics(ctx) {
        servers = servers.put("(metrics)", metrics);
    }
    map.put("servers", servers)
}

fn server(ctx: &Ctx<'_>, it: &Listener) -> Map {
    let mut map = Map::new().put("listen", Node::list([address(it).at(it.port.loc())]));
    if it.proxy_protocol.value {
        let wrapper = Map::new()
            .put("wrapper", fixed("proxy_protocol"))
            .put("timeout", super::time(it.head_timeout.value))
            .put("fallback_policy", fixed("REQUIRE"));
        let wrappers = vec![
            at(wrapper, it.proxy_protocol.loc()),
            Map::new().put("wrapper", fixed("tls")).into(),
        ];
        map = map.put("listener_wrappers", Node::list(wrappers));
    }
    let mut protocols = vec![fixed("h1")];
    if it.http2.value {
        protocols.push(fixed(if it.tls.is_some() { "h2" } else { "h2c" }));
    }
    if it.http3.value && it.tls.is_some() {
        protocols.push(fixed("h3"));
    }
    map = map
        .put("protocols", Node::list(protocols).at(it.http2.loc()))
        .put(
            "read_header_timeout",
            super::time(it.head_timeout.value).at(it.head_timeout.loc()),
        )
        .put(
            "idle_timeout",
            super::time(it.keepalive.value).at(it.keepalive.loc()),
        )
        .put("read_idle_timeout", super::time(body_idle(ctx, it)))
        .put("write_idle_timeout", super::time(body_idle(ctx, it)))
        .put(
            "max_header_bytes",
            number(
                it.head_limit
                    .value
                    .as_bytes()
                    .saturating_sub(facts::SLOP)
                    .max(1),
            )
            .at(it.head_limit.loc()),
        );
    map = match it.tcp_keepalive.value {
        Some(after) => map
            .put(
                "keepalive_idle",
                super::time(after).at(it.tcp_keepalive.loc()),
            )
            .put(
                "keepalive_interval",
                super::time(after).at(it.tcp_keepalive.loc()),
            ),
        None => map.put("keepalive_interval", fixed("-1s")),
    };
    let trusted = &it.trusted_proxies;
    if !trusted.value.is_empty() {
        map = map
            .put(
                "trusted_proxies",
                at(
                    Map::new()
                        .put("source", fixed("static"))
                        .put("ranges", entry::networks(&trusted.value)),
                    trusted.loc(),
                ),
            )
            // Else the first address of a list counts, which a client writes.
            .put("trusted_proxies_strict", Node::number(1).at(trusted.loc()));
    }
    if it.header_names.value == HeaderNames::Lenient {
        let names = facts::expected_headers(ctx.g, it);
        for (sign, field) in [
            ('_', "expected_underscore_headers"),
            ('.', "expected_dot_headers"),
        ] {
            let names = || names.iter().filter(|name| name.contains(sign));
            if names().next().is_some() {
                let list = Node::list(names().map(|name| word(name)));
                map = map.put(field, list.at(it.header_names.loc()));
            }
        }
    }
    map = tls::server(ctx, it, map);
    if ctx.g.log.is_some() {
        map = map.put("logs", log::server(ctx));
    }
    let mut routes = reading::routes(it);
    routes.extend(log::fields(ctx));
    routes.extend(tls::offer(it));
    routes.extend(tls::hsts(it));
    routes.extend(entry::routes(ctx, it));
    routes.extend(nobody(ctx, it));
    map = map.put("routes", Node::list(routes));
    let named = route::named(ctx, it, Map::new());
    let named = upstream::named(ctx, it, named);
    let named = reading::named(it, named);
    if !named.is_empty() {
        map = map.put("named_routes", named);
    }
    for (_, snippet) in ctx
        .g
        .rooms
        .caddy
        .room
        .raw
        .listeners
        .iter()
        .filter(|(id, _)| *id == it.id)
    {
        map = raw(map, snippet);
    }
    map
}

fn address(it: &Listener) -> Node {
    let port = it.port.value.into();
    match it.address.value {
        None => parts(&[Part::Static(":"), Part::Number(port)]),
        Some(ip) => word(&std::net::SocketAddr::new(ip, it.port.value).to_string()),
    }
}

/// The longest silence of a body that a route of the listener allows.
fn body_idle(ctx: &Ctx<'_>, it: &Listener) -> crate::ir::Dur {
    let routes = ctx.g.routes.iter().filter(|route| ctx.g.serves(it, route));
    routes
        .filter(|route| !route.shares().is_empty())
        .map(facts::body_idle)
        .max()
        .unwrap_or(it.head_timeout.value)
}

/// What a request gets that no route takes.
fn nobody(ctx: &Ctx<'_>, it: &Listener) -> Vec<Node> {
    let mut routes = Vec::new();
    if it.unknown_host.value == UnknownHost::Close {
        let known: Vec<Map> = hosts(ctx).into_iter().filter_map(entry::host).collect();
        let everyone = hosts(ctx).contains(&&HostMatch::Any);
        let close = vec![Node::from(
            handler("static_response").put("abort", Node::flag(true)),
        )];
        if !everyone {
            let map = match known.is_empty() {
                true => always(close).put("terminal", Node::flag(true)),
                false => stop(Map::new().put("not", Node::list(known)), close),
            };
            routes.push(at(map, it.unknown_host.loc()));
        }
    }
    match &it.redirect {
        Some(target) => {
            let to = ctx.g.listener(target.value);
            let mut location = vec![
                Part::Static(if to.tls.is_some() {
                    "https://"
                } else {
                    "http://"
                }),
                Part::Static("{http.vars.host}"),
            ];
            if !to.has_scheme_port() {
                location.push(Part::Static(":"));
                location.push(Part::Number(to.public_port.value.into()));
            }
            location.push(Part::Static("{http.vars.asked}"));
            let answer = handler("static_response")
                .put("status_code", number(301))
                .put(
                    "headers",
                    Map::new().put("Location", Node::list([parts(&location)])),
                );
            routes.push(at(always(vec![answer.into()]), target.loc()));
        }
        None => {
            // Without it, what nobody takes would get 200.
            let answer = handler("static_response").put("status_code", number(404));
            routes.push(always(vec![answer.into()]).into());
        }
    }
    routes
}

/// The hosts that routes name.
pub(super) fn hosts<'a>(ctx: &Ctx<'a>) -> Vec<&'a HostMatch> {
    let mut hosts: Vec<&HostMatch> = Vec::new();
    let mut seen = rustc_hash::FxHashSet::default();
    for route in &ctx.g.routes {
        for host in &route.hosts {
            if seen.insert(&host.value) {
                hosts.push(&host.value);
            }
        }
    }
    hosts
}
