//! Middlewares for who may come, how often, and with how much.

use super::super::{Context, ranges, text, word, words};
use super::{Middlewares, NO_HEADER};
use crate::emit::{Map, Node};
use crate::ir::{AuthKind, Listener, Per, PerKey, Route};

/// How a client's address is found: what a trusted proxy says of it, else the peer's own.
pub(in crate::targets) fn strategy(listener: &Listener) -> Map {
    match listener.trusted_proxies.value.as_slice() {
        [] => Map::new().put("depth", Node::number(0)),
        trusted => Map::new().put(
            "excludedIPs",
            words(trusted.iter().map(ToString::to_string)),
        ),
    }
}

pub(in crate::targets) fn clients(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
    listener: &Listener,
) -> Option<String> {
    let clients = route.clients.as_ref()?;
    let name = ["clients", own_strategy(listener)];
    let parts: Vec<&str> = std::iter::once(route.name.as_str())
        .chain(name)
        .filter(|it| !it.is_empty())
        .collect();
    Some(made.add(ctx, &parts, clients.at, || {
        let mut admitted = ranges::admitted(clients);
        if admitted.is_empty() {
            // A list must not be empty; nobody has this address.
            admitted.push("255.255.255.255/32".to_owned());
        }
        let list = Map::new()
            .put("sourceRange", words(admitted))
            .put("ipStrategy", strategy(listener));
        Map::new().put("ipAllowList", list)
    }))
}

/// What the names of Middlewares that look at clients have where a listener has proxies in front.
pub(in crate::targets) fn own_strategy(listener: &Listener) -> &str {
    match listener.trusted_proxies.value.is_empty() {
        true => "",
        false => &listener.name,
    }
}

pub(in crate::targets) fn criterion(per: &PerKey, listener: &Listener) -> Map {
    match per {
        PerKey::Client => Map::new().put("ipStrategy", strategy(listener)),
        PerKey::Route => Map::new().put("requestHeaderName", word(NO_HEADER)),
        PerKey::Header(name) => Map::new().put("requestHeaderName", word(name)),
    }
}

pub(in crate::targets) fn rate(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
    listener: &Listener,
) -> Option<String> {
    let limit = route.requests.as_ref()?;
    let parts = [route.name.as_str(), "rate", own_strategy(listener)];
    let parts: Vec<&str> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    Some(made.add(ctx, &parts, limit.rate.loc(), || {
        let rate = limit.rate.value;
        let period = match rate.per {
            Per::Second => "1s",
            Per::Minute => "1m",
            Per::Hour => "1h",
        };
        // The request itself is one of them, and those of a second may come at once.
        let most =
            (i64::from(limit.burst.value) + 1).max(i64::from(rate.count) / rate.per.secs() as i64);
        let limiter = Map::new()
            .put("average", Node::number(rate.count))
            .put("period", Node::word(period))
            .put("burst", Node::number(most))
            .put("sourceCriterion", criterion(&limit.per.value, listener));
        Map::new().put("rateLimit", limiter)
    }))
}

pub(in crate::targets) fn open(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
    listener: &Listener,
) -> Option<String> {
    let limit = route.connections.as_ref()?;
    let parts = [route.name.as_str(), "open", own_strategy(listener)];
    let parts: Vec<&str> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    Some(made.add(ctx, &parts, limit.max.loc(), || {
        let limiter = Map::new()
            .put("amount", Node::number(limit.max.value))
            .put("sourceCriterion", criterion(&limit.per.value, listener));
        Map::new().put("inFlightReq", limiter)
    }))
}

pub(in crate::targets) fn body(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
) -> Option<String> {
    let limit = route.body.value?;
    Some(made.add(ctx, &[&route.name, "body"], route.body.loc(), || {
        let most = i64::try_from(limit.as_bytes()).unwrap_or(i64::MAX);
        let buffering = Map::new().put("maxRequestBodyBytes", Node::number(most));
        Map::new().put("buffering", buffering)
    }))
}

/// How the client is known.
pub(in crate::targets) fn guard(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
) -> Option<String> {
    let auth = ctx.g.auth_of(route)?;
    let spec = match &auth.kind {
        AuthKind::Basic(it) => {
            let secret = ctx.name(&["users", &auth.name]);
            let map = Map::new()
                .put("secret", text(&secret, it.file.loc()))
                .put("realm", text(&it.realm.value, it.realm.loc()))
                .put(
                    "removeHeader",
                    Node::flag(it.strip.value).at(it.strip.loc()),
                );
            Map::new().put("basicAuth", map)
        }
        AuthKind::Forward(it) => {
            let upstream = ctx.g.upstream(it.upstream.value);
            let servers = upstream.servers.iter().find(|it| !it.backup.value);
            let server = servers.unwrap_or(&upstream.servers[0]);
            let scheme = if upstream.tls.is_some() {
                "https"
            } else {
                "http"
            };
            let url = match ctx.named(upstream) {
                Some(named) => {
                    let service = &named.value;
                    let namespace = service.namespace.as_deref().unwrap_or(ctx.namespace());
                    format!(
                        "{scheme}://{}.{namespace}.svc:{}{}",
                        service.service, service.port, it.path.value
                    )
                }
                None => format!("{scheme}://{}{}", server.address.value, it.path.value),
            };
            let mut map = Map::new()
                .put("address", text(&url, it.upstream.loc()))
                // What came from trusted proxies was checked at the entry.
                .put("trustForwardHeader", Node::flag(true))
                .put(
                    "authRequestHeaders",
                    words(&it.send.value).at(it.send.loc()),
                );
            if !it.pass.value.is_empty() {
                map = map.put(
                    "authResponseHeaders",
                    words(&it.pass.value).at(it.pass.loc()),
                );
            }
            // More than a service has to say.
            map = map.put("maxResponseBodySize", Node::number(1 << 20));
            if let Some(tls) = &upstream.tls {
                let mut own = Map::new();
                if let Some(ca) = &tls.ca {
                    own = own.put(
                        "caSecret",
                        text(&ctx.name(&["ca", &upstream.name]), ca.loc()),
                    );
                }
                if let Some((cert, _)) = &tls.client {
                    own = own.put(
                        "certSecret",
                        text(&ctx.name(&["client", &upstream.name]), cert.loc()),
                    );
                }
                if !tls.verify.value {
                    own = own.put("insecureSkipVerify", Node::flag(true));
                }
                map = if own.is_empty() {
                    map
                } else {
                    map.put("tls", own)
                };
            }
            Map::new().put("forwardAuth", map)
        }
        // Never asked for: whoever needs them is closed.
        AuthKind::Jwt(_) | AuthKind::ApiKey(_) => return None,
    };
    Some(made.add(ctx, &["auth", &auth.name], auth.at, || spec))
}
