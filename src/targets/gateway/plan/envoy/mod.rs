//! Policies of Envoy Gateway: ClientTrafficPolicy for listeners, BackendTrafficPolicy and SecurityPolicy for routes, and its own
//! filters.

mod security;

use super::{Ctx, section};
use crate::emit::{Map, Node};
use crate::ir::{
    Balance, Check, Dur, EncodedSlash, HashKey, HeaderNames, Listener, Loc, Per, PerKey, Respond,
    Route, SameSite, Secure, Stickiness, StickyCookie, TlsProfile, Upstream,
};
use crate::targets::gateway::facts::{self, Means};
use crate::targets::kubernetes::objects::Object;
use crate::targets::kubernetes::{routes, text, word, words};

use security::security;

const API: &str = "gateway.envoyproxy.io/v1alpha1";

/// The highest ceiling that a circuit breaker takes.
const BOUNDLESS: u64 = u32::MAX as u64;

fn time(dur: Dur, at: Loc) -> Node {
    text(&facts::time(dur), at)
}

/// A fixed answer.
pub(super) fn status(
    ctx: &Ctx<'_>,
    name: &str,
    status: u16,
    page: Option<&Respond>,
    at: Loc,
) -> Object {
    let mut answer = Map::new().put("statusCode", Node::number(status));
    if let Some(page) = page.filter(|it| !it.body.is_empty()) {
        let body = Map::new()
            .put("type", Node::word("Inline"))
            .put("inline", text(&page.body, at));
        answer = answer
            .put("contentType", text(&page.content_type, at))
            .put("body", body);
    }
    let spec = Map::new().put("directResponse", answer);
    Object::new(API, "HTTPRouteFilter", name, ctx.namespace(), at).put("spec", spec)
}

/// The server's own name as its `Host`.
pub(super) fn own_host(ctx: &Ctx<'_>, name: &str, at: Loc) -> Object {
    let host = Map::new().put("type", Node::word("Backend"));
    let spec = Map::new().put("urlRewrite", Map::new().put("hostname", host));
    Object::new(API, "HTTPRouteFilter", name, ctx.namespace(), at).put("spec", spec)
}

/// Another path by a regex.
pub(super) fn rewrite(ctx: &Ctx<'_>, name: &str, regex: &str, to: &str, at: Loc) -> Object {
    let replace = Map::new()
        .put("pattern", text(regex, at))
        .put("substitution", text(to, at));
    let path = Map::new()
        .put("type", Node::word("ReplaceRegexMatch"))
        .put("replaceRegexMatch", replace);
    let spec = Map::new().put("urlRewrite", Map::new().put("path", path));
    Object::new(API, "HTTPRouteFilter", name, ctx.namespace(), at).put("spec", spec)
}

/// The policies of all listeners.
pub(super) fn of_listeners(ctx: &Ctx<'_>) -> Vec<Object> {
    if ctx.means != Means::Envoy {
        return Vec::new();
    }
    ctx.g
        .listeners
        .iter()
        .map(|it| of_listener(ctx, it))
        .collect()
}

fn of_listener(ctx: &Ctx<'_>, it: &Listener) -> Object {
    let target = Map::new()
        .put("group", Node::word("gateway.networking.k8s.io"))
        .put("kind", Node::word("Gateway"))
        .put("name", word(&ctx.gateway()))
        .put("sectionName", word(&section(it)));
    let mut http = Map::new().put("idleTimeout", time(it.keepalive.value, it.keepalive.loc()));
    let served = ctx.g.routes.iter().filter(|route| ctx.g.serves(it, route));
    let silence = served.flat_map(|route| {
        let socket = route
            .websocket
            .as_ref()
            .map(|it| (it.idle.value, it.idle.loc()));
        let stream = route
            .stream
            .as_ref()
            .map(|it| (it.idle.value, it.idle.loc()));
        let body = Some((route.idle.value, route.idle.loc()));
        [socket, stream, body].into_iter().flatten()
    });
    if let Some((longest, at)) = silence.max_by_key(|it| it.0) {
        http = http.put("streamIdleTimeout", time(longest, at));
    }
    let mut spec = Map::new()
        .put("targetRefs", Node::list([target]))
        .put("timeout", Map::new().put("http", http));
    if let Some(idle) = it.tcp_keepalive.value {
        let map = Map::new().put("idleTime", time(idle, it.tcp_keepalive.loc()));
        spec = spec.put("tcpKeepalive", map);
    }
    if it.proxy_protocol.value {
        let map = Map::new().put("optional", Node::flag(false));
        spec = spec.put("proxyProtocol", Node::from(map).at(it.proxy_protocol.loc()));
    }
    if !it.trusted_proxies.value.is_empty() {
        let trusted = words(it.trusted_proxies.value.iter().map(ToString::to_string));
        let map = Map::new().put("trustedCIDRs", trusted.at(it.trusted_proxies.loc()));
        spec = spec.put("clientIPDetection", Map::new().put("xForwardedFor", map));
    }
    if let Some(most) = it.connections.value {
        let limit = Map::new().put(
            "value",
            Node::number(i64::try_from(most).unwrap_or(i64::MAX)),
        );
        let map = Map::new().put("connectionLimit", limit);
        spec = spec.put("connection", Node::from(map).at(it.connections.loc()));
    }
    let names = match it.header_names.value {
        HeaderNames::Strict => "DropHeader",
        HeaderNames::Lenient => "Allow",
    };
    let names = text(names, it.header_names.loc());
    spec = spec.put("headers", Map::new().put("withUnderscoresAction", names));
    let slash = match it.encoded_slash.value {
        EncodedSlash::Keep => "KeepUnchanged",
        EncodedSlash::Reject => "RejectRequest",
    };
    let slash = text(slash, it.encoded_slash.loc());
    spec = spec.put("path", Map::new().put("escapedSlashesAction", slash));
    if let Some(tls) = &it.tls {
        let least = match tls.profile.value {
            TlsProfile::Modern => "1.3",
            TlsProfile::Intermediate => "1.2",
        };
        let protocols = match it.http2.value {
            true => words(["h2", "http/1.1"]),
            false => words(["http/1.1"]),
        };
        let map = Map::new()
            .put("minVersion", text(least, tls.profile.loc()))
            .put("alpnProtocols", protocols.at(it.http2.loc()));
        spec = spec.put("tls", map);
    }
    let name = ctx.name(&["at", &it.name]);
    Object::new(API, "ClientTrafficPolicy", &name, ctx.namespace(), it.at).put("spec", spec)
}

/// The policies of a route.
pub(super) fn of_route(ctx: &Ctx<'_>, route: &Route, names: &[String]) -> Vec<Object> {
    if ctx.means != Means::Envoy || ctx.is_closed(route) {
        return Vec::new();
    }
    let targets = || {
        Node::list(names.iter().map(|name| {
            Map::new()
                .put("group", Node::word("gateway.networking.k8s.io"))
                .put("kind", Node::word("HTTPRoute"))
                .put("name", word(name))
        }))
    };
    let mut objects = Vec::new();
    let name = ctx.name(&[&route.name]);
    let traffic = traffic(ctx, route);
    if !traffic.is_empty() {
        let spec = Map::new().put("targetRefs", targets()).and(traffic);
        let object = Object::new(
            API,
            "BackendTrafficPolicy",
            &name,
            ctx.namespace(),
            route.at,
        );
        objects.push(object.put("spec", spec));
    }
    let security = security(ctx, route);
    if !security.is_empty() {
        let spec = Map::new().put("targetRefs", targets()).and(security);
        let object = Object::new(API, "SecurityPolicy", &name, ctx.namespace(), route.at);
        objects.push(object.put("spec", spec));
    }
    objects
}

fn traffic(ctx: &Ctx<'_>, route: &Route) -> Map {
    let mut map = Map::new();
    if let Some(share) = route.shares().first() {
        let upstream = ctx.g.upstream(share.upstream.value);
        let connect = Map::new().put(
            "connectTimeout",
            time(share.connect.value, share.connect.loc()),
        );
        let idle = &upstream.keepalive_timeout;
        let http = Map::new().put("connectionIdleTimeout", time(idle.value, idle.loc()));
        map = map.put("timeout", Map::new().put("tcp", connect).put("http", http));
        map = map.put("loadBalancer", balancer(ctx, route, upstream));
        if let Some(check) = health(upstream) {
            map = map.put("healthCheck", check);
        }
        map = map.put("circuitBreaker", breaker(upstream));
        let tries = routes::tries(ctx.g, route).saturating_sub(1);
        if tries > 0 {
            let at = share.retries.loc();
            let on = Map::new().put("triggers", words(["connect-failure"]));
            let retry = Map::new()
                .put(
                    "numRetries",
                    Node::number(i64::try_from(tries).unwrap_or(i64::MAX)),
                )
                .put("retryOn", on);
            map = map.put("retry", Node::from(retry).at(at));
        }
    }
    if let Some(most) = route.body.value
        && facts::holds_bodies(route)
    {
        let limit = text(&most.as_bytes().to_string(), route.body.loc());
        map = map.put("requestBuffer", Map::new().put("limit", limit));
    }
    if let Some(limit) = &route.requests {
        let unit = match limit.rate.value.per {
            Per::Second => "Second",
            Per::Minute => "Minute",
            Per::Hour => "Hour",
        };
        let number = Map::new()
            .put("requests", Node::number(limit.rate.value.count))
            .put("unit", Node::word(unit));
        let rule = |range: Option<&'static str>| {
            let mut rule = Map::new();
            if let Some(range) = range {
                let every = Map::new()
                    .put("type", Node::word("Distinct"))
                    .put("value", Node::word(range));
                let selector = Map::new().put("sourceCIDR", every);
                rule = rule.put("clientSelectors", Node::list([selector]));
            }
            Node::from(rule.put("limit", number.clone())).at(limit.rate.loc())
        };
        let rules = match limit.per.value {
            PerKey::Client => vec![rule(Some("0.0.0.0/0")), rule(Some("::/0"))],
            _ => vec![rule(None)],
        };
        let local = Map::new().put("rules", Node::list(rules));
        map = map.put(
            "rateLimit",
            Map::new()
                .put("type", Node::word("Local"))
                .put("local", local),
        );
    }
    if route.compression.value {
        let kinds = ["Gzip", "Brotli"].map(|it| Map::new().put("type", Node::word(it)));
        map = map.put("compression", Node::list(kinds).at(route.compression.loc()));
    }
    map
}

/// Every ceiling by name: one that is left out is 1024.
fn breaker(upstream: &Upstream) -> Map {
    let most = |of: u64| Node::number(i64::try_from(of).unwrap_or(i64::MAX));
    let connections = &upstream.max_connections;
    let own = connections.value.map_or(BOUNDLESS, |it| it.min(BOUNDLESS));
    Map::new()
        .put("maxConnections", most(own).at(connections.loc()))
        .put("maxPendingRequests", most(BOUNDLESS))
        .put("maxParallelRequests", most(BOUNDLESS))
        .put("maxParallelRetries", most(BOUNDLESS))
}

/// What stands after the value of the cookie; `HttpOnly` always does.
fn attributes(ctx: &Ctx<'_>, route: &Route, cookie: &StickyCookie) -> Map {
    let site = match cookie.same_site.value {
        SameSite::Strict => "Strict",
        SameSite::Lax => "Lax",
        SameSite::None => "None",
    };
    let mut map = Map::new()
        .put("Path", text(&cookie.path.value, cookie.path.loc()))
        .put("SameSite", text(site, cookie.same_site.loc()));
    let secure = match cookie.secure.value {
        Secure::OnTls => ctx.g.listeners_of(route).all(|it| it.tls.is_some()),
        Secure::Always => true,
        Secure::Never => false,
    };
    if secure {
        map = map.put("Secure", text("", cookie.secure.loc()));
    }
    map
}

fn balancer(ctx: &Ctx<'_>, route: &Route, upstream: &Upstream) -> Node {
    let at = upstream.balance.loc();
    let hash = |kind: &'static str, key: &'static str, value: Option<Map>| {
        let map = Map::new().put("type", Node::word(kind)).maybe(key, value);
        Map::new()
            .put("type", Node::word("ConsistentHash"))
            .put("consistentHash", map)
    };
    let kind = |kind: &'static str| Map::new().put("type", Node::word(kind));
    let map = match (&upstream.stickiness, &upstream.balance.value) {
        (Some(Stickiness::Cookie(cookie)), _) => {
            // Without a time Envoy sets no cookie; zero is one until the browser closes.
            let ttl = match cookie.ttl.value {
                Some(ttl) => time(ttl, cookie.ttl.loc()),
                None => text("0s", cookie.ttl.loc()),
            };
            let own = Map::new()
                .put("name", text(&cookie.name.value, cookie.name.loc()))
                .put("ttl", ttl)
                .put("attributes", attributes(ctx, route, cookie));
            hash("Cookie", "cookie", Some(own))
        }
        (Some(Stickiness::Source { .. }), _) | (_, Balance::Hash(HashKey::Source)) => {
            hash("SourceIP", "header", None)
        }
        (_, Balance::Hash(HashKey::Header(name))) => hash(
            "Header",
            "header",
            Some(Map::new().put("name", text(name, at))),
        ),
        (_, Balance::LeastConnections) => kind("LeastRequest"),
        (_, Balance::Random) => kind("Random"),
        (
            _,
            Balance::RoundRobin
            | Balance::Hash(HashKey::Cookie(_) | HashKey::Query(_) | HashKey::Path),
        ) => kind("RoundRobin"),
    };
    let slow = upstream
        .slow_start
        .value
        .filter(|_| facts::starts_slowly(upstream));
    let slow = slow.map(|window| Map::new().put("window", time(window, upstream.slow_start.loc())));
    Node::from(map.maybe("slowStart", slow)).at(at)
}

fn health(upstream: &Upstream) -> Option<Map> {
    let mut map = Map::new();
    if let Some(health) = &upstream.health {
        let own = Map::new()
            .put(
                "interval",
                time(health.interval.value, health.interval.loc()),
            )
            .put("timeout", time(health.timeout.value, health.timeout.loc()))
            .put("healthyThreshold", Node::number(health.rise.value))
            .put("unhealthyThreshold", Node::number(health.fall.value));
        let own = match &health.check.value {
            Check::Http {
                path,
                method,
                status,
                host,
            } => {
                let statuses = status.iter().flat_map(|it| it.first..=it.last);
                let mut http = Map::new()
                    .put("path", text(path, health.check.loc()))
                    .put("method", word(method))
                    .put(
                        "expectedStatuses",
                        Node::list(statuses.take(16).map(Node::number)),
                    );
                if let Some(host) = host {
                    http = http.put("hostname", word(host));
                }
                Some(own.put("type", Node::word("HTTP")).put("http", http))
            }
            Check::Tcp => Some(own.put("type", Node::word("TCP")).put("tcp", Map::new())),
            Check::WebSocket { .. } => None,
        };
        map = map.maybe("active", own.map(|it| Node::from(it).at(health.at)));
    }
    if let Some(passive) = &upstream.passive {
        let own = Map::new()
            .put("consecutive5XxErrors", Node::number(passive.errors.value))
            .put("interval", time(passive.within.value, passive.within.loc()))
            .put(
                "baseEjectionTime",
                time(passive.eject.value, passive.eject.loc()),
            )
            .put("maxEjectionPercent", Node::number(100));
        map = map.put("passive", Node::from(own).at(passive.at));
    }
    (!map.is_empty()).then_some(map)
}
