//! Services: the servers of an upstream as a route asks for them, and how they are spoken to.

use super::{Ctx, Dynamic, number, text, word, words};
use crate::emit::{Map, Node};
use crate::ir::{
    Check, Feature, Health, HostHeader, Protocol, RetryAfter, Route, SameSite, Secure, Server,
    Share, Stickiness, StickyCookie, Subject, Upstream,
};
use crate::targets::traefik::facts::{self, Face, time};

/// The service of a route's shares.
pub(super) fn of_route(
    ctx: &Ctx<'_>,
    dynamic: &mut Dynamic,
    route: &Route,
    shares: &[Share],
    face: &Face<'_>,
    upgrade: bool,
) -> String {
    let names: Vec<String> = shares
        .iter()
        .map(|share| of_share(ctx, dynamic, route, share, face, upgrade))
        .collect();
    if let [name] = names.as_slice() {
        return name.clone();
    }
    let own = match face.listener().tls.is_some() {
        true => "",
        false => ":http",
    };
    let kind = if upgrade { ":upgrade" } else { "" };
    let name = format!("split:{}{kind}{own}", route.name);
    dynamic.services.add(&name, || {
        let parts = names.iter().zip(shares).map(|(name, share)| {
            Map::new()
                .put("name", text(name, share.upstream.loc()))
                .put("weight", Node::number(share.weight.value))
        });
        let weighted = Map::new().put("services", Node::list(parts));
        Node::from(Map::new().put("weighted", weighted)).at(route.at)
    });
    name
}

/// What distinguishes two services of one upstream, and their transports, as texts for their names; most upstreams have one.
fn suffix(
    ctx: &Ctx<'_>,
    upstream: &Upstream,
    route: &Route,
    share: &Share,
    face: &Face<'_>,
    upgrade: bool,
) -> (String, String) {
    let mut transport = String::new();
    if share.connect.value != upstream.connect.value {
        transport.push_str(&format!(":connect-{}", time(share.connect.value)));
    }
    if route.response.value != crate::ir::defaults::RESPONSE.0 {
        transport.push_str(&format!(":response-{}", time(route.response.value)));
    }
    if ctx.env.since(3, 7, 0) {
        let (silence, _) = facts::silence(route, upgrade);
        // Where the response time rules, its own name tells.
        let ruled = !upgrade
            && route.stream.is_none()
            && silence > route.response.value
            && route.idle.value <= route.response.value;
        if !ruled {
            transport.push_str(&format!(":idle-{}", time(silence)));
        }
    }
    let mut service = transport.clone();
    if share.host_header.value == HostHeader::Upstream {
        service.push_str(":own-host");
    }
    if let Some(Stickiness::Cookie(cookie)) = &upstream.stickiness
        && cookie.secure.value == Secure::OnTls
        && face.listener().tls.is_none()
    {
        service.push_str(":http");
    }
    (service, transport)
}

fn of_share(
    ctx: &Ctx<'_>,
    dynamic: &mut Dynamic,
    route: &Route,
    share: &Share,
    face: &Face<'_>,
    upgrade: bool,
) -> String {
    let upstream = ctx.g.upstream(share.upstream.value);
    let (suffix, transport) = suffix(ctx, upstream, route, share, face, upgrade);
    let name = format!("{}{suffix}", upstream.name);
    let transport = format!("{}{transport}", upstream.name);
    let node = || transport_of(ctx, upstream, route, share, upgrade);
    dynamic.transports.add(&transport, node);
    let balancer = |servers: Vec<&Server>| {
        Node::from(Map::new().put(
            "loadBalancer",
            load_balancer(ctx, upstream, share, face, &servers, &transport),
        ))
        .at(upstream.at)
    };
    let backups: Vec<&Server> = facts::reachable(upstream, true).collect();
    let main: Vec<&Server> = facts::reachable(upstream, false).collect();
    if backups.is_empty() || main.is_empty() || !facts::is_checked(upstream) {
        // Without checks nobody finds out that a backup is needed.
        let servers = if main.is_empty() { backups } else { main };
        dynamic.services.add(&name, || balancer(servers));
        return name;
    }
    let (first, second) = (format!("{name}:main"), format!("{name}:backup"));
    dynamic.services.add(&name, || {
        let map = Map::new()
            .put("service", word(&first))
            .put("fallback", word(&second));
        Node::from(Map::new().put("failover", map)).at(backups[0].backup.loc())
    });
    dynamic.services.add(&first, || balancer(main));
    dynamic.services.add(&second, || balancer(backups.clone()));
    name
}

fn load_balancer(
    ctx: &Ctx<'_>,
    upstream: &Upstream,
    share: &Share,
    face: &Face<'_>,
    servers: &[&Server],
    transport: &str,
) -> Map {
    let scheme = match (&upstream.tls, upstream.protocol.value) {
        (Some(_), _) => "https",
        (None, Protocol::Http2) => "h2c",
        (None, Protocol::Http1) => "http",
    };
    let list = servers.iter().map(|server| {
        let url = format!("{scheme}://{}", server.address.value);
        let own = Map::new().put("url", text(&url, server.address.loc()));
        Node::from(match server.weight.value {
            1 => own,
            weight => own.put("weight", Node::number(weight)),
        })
        .at(server.address.loc())
    });
    let mut map = Map::new().put("servers", Node::list(list));
    if let Some(strategy) = facts::strategy(upstream, |a, b, c| ctx.env.since(a, b, c)) {
        map = map.put("strategy", Node::word(strategy).at(upstream.balance.loc()));
    }
    if share.host_header.value == HostHeader::Upstream {
        map = map.put(
            "passHostHeader",
            Node::flag(false).at(share.host_header.loc()),
        );
    }
    if let Some(Stickiness::Cookie(cookie)) = &upstream.stickiness {
        map = map.put(
            "sticky",
            Map::new().put("cookie", sticky(ctx, cookie, face)),
        );
    }
    if let Some(health) = &upstream.health
        && let Check::Http { .. } = &health.check.value
    {
        map = map.put("healthCheck", check(health));
    }
    if let Some(passive) = &upstream.passive
        && ctx.v.renders(
            Feature::HealthPassive,
            Subject::Upstream(upstream),
            crate::ir::Origin::written(passive.at),
        )
    {
        let own = Map::new()
            .put(
                "failureWindow",
                text(&time(passive.eject.value), passive.eject.loc()),
            )
            .put("maxFailedAttempts", Node::number(passive.errors.value));
        map = map.put("passiveHealthCheck", Node::from(own).at(passive.at));
    }
    map.put("serversTransport", word(transport))
}

fn sticky(ctx: &Ctx<'_>, cookie: &StickyCookie, face: &Face<'_>) -> Node {
    let secure = match cookie.secure.value {
        Secure::OnTls => face.listener().tls.is_some(),
        Secure::Always => true,
        Secure::Never => false,
    };
    let site = match cookie.same_site.value {
        SameSite::Strict => "strict",
        SameSite::Lax => "lax",
        SameSite::None => "none",
    };
    let mut map = Map::new()
        .put("name", text(&cookie.name.value, cookie.name.loc()))
        .put("secure", Node::flag(secure))
        .put("httpOnly", Node::flag(cookie.http_only.value))
        .put("sameSite", Node::word(site));
    if let Some(ttl) = cookie.ttl.value {
        map = map.put("maxAge", number(ttl.as_secs_ceil()));
    }
    if cookie.path.value != "/" && ctx.env.since(3, 2, 0) {
        map = map.put("path", text(&cookie.path.value, cookie.path.loc()));
    }
    map.into()
}

fn check(health: &Health) -> Node {
    let Check::Http {
        path,
        host,
        method,
        status,
    } = &health.check.value
    else {
        return Map::new().into();
    };
    let mut map = Map::new().put("path", word(path));
    if let Some(host) = host {
        map = map.put("hostname", word(host));
    }
    if method != "GET" {
        map = map.put("method", word(method));
    }
    if let Some(port) = &health.port {
        map = map.put("port", Node::number(port.value));
    }
    if let [only] = status.as_slice()
        && only.first == only.last
    {
        map = map.put("status", Node::number(only.first));
    }
    let map = map
        .put(
            "interval",
            text(&time(health.interval.value), health.interval.loc()),
        )
        .put(
            "timeout",
            text(&time(health.timeout.value), health.timeout.loc()),
        )
        // A redirect is the server's own answer.
        .put("followRedirects", Node::flag(false));
    Node::from(map).at(health.check.loc())
}

/// How the servers of an upstream are spoken to, with the times of a route.
fn transport_of(
    ctx: &Ctx<'_>,
    upstream: &Upstream,
    route: &Route,
    share: &Share,
    upgrade: bool,
) -> Node {
    let mut map = Map::new();
    if let Some(tls) = &upstream.tls {
        if let Some(name) = &tls.server_name {
            map = map.put("serverName", text(&name.value, name.loc()));
        }
        if let Some(ca) = &tls.ca {
            map = map.put("rootCAs", words([&ca.value]));
        }
        if !tls.verify.value {
            map = map.put("insecureSkipVerify", Node::flag(true).at(tls.verify.loc()));
        }
        if let Some((cert, key)) = &tls.client {
            let pair = Map::new()
                .put("certFile", text(&cert.value, cert.loc()))
                .put("keyFile", text(&key.value, cert.loc()));
            map = map.put("certificates", Node::list([pair]));
        }
    }
    // Left out it would be 2 for a transport of its own, not the 200 of the program.
    let idle = match upstream.keepalive.value {
        Some(most) => number(most),
        None => Node::number(-1),
    };
    map = map.put("maxIdleConnsPerHost", idle.at(upstream.keepalive.loc()));
    if upstream.protocol.value == Protocol::Http1 {
        map = map.put("disableHTTP2", Node::flag(true));
    }
    let times = Map::new()
        .put(
            "dialTimeout",
            text(&time(share.connect.value), share.connect.loc()),
        )
        .put(
            "responseHeaderTimeout",
            text(&time(route.response.value), route.response.loc()),
        )
        .put(
            "idleConnTimeout",
            text(
                &time(upstream.keepalive_timeout.value),
                upstream.keepalive_timeout.loc(),
            ),
        );
    let times = match ctx.env.since(3, 7, 0) {
        true => {
            let (silence, at) = facts::silence(route, upgrade);
            times
                .remark(
                    "no byte from the server for so long: in no documentation, and works since 3.7",
                )
                .put("readTimeout", text(&time(silence), at))
        }
        false => times,
    };
    Node::from(map.put("forwardingTimeouts", times)).at(upstream.at)
}

/// Further tries where the first failed.
pub(super) fn retry(
    ctx: &Ctx<'_>,
    dynamic: &mut Dynamic,
    route: &Route,
    shares: &[Share],
    tries: u64,
) -> Option<String> {
    if tries < 2 {
        return None;
    }
    let mut statuses: Vec<String> = Vec::new();
    if ctx.env.since(3, 7, 0) {
        for share in shares {
            for after in share.retries.value.iter().flat_map(|it| &it.after) {
                let status = match after {
                    RetryAfter::Connect => continue,
                    RetryAfter::Timeout => 504,
                    RetryAfter::Status(status) => *status,
                };
                statuses.push(status.to_string());
            }
        }
        statuses.sort();
        statuses.dedup();
    }
    let name = match statuses.is_empty() {
        true => format!("retry:{tries}"),
        false => format!("retry:{}", route.name),
    };
    let at = shares.first().map_or(route.at, |it| it.retries.loc());
    dynamic.middlewares.add(&name, || {
        let map = Map::new().put("attempts", number(tries));
        let map = match statuses.is_empty() {
            true => map,
            false => map.put("status", words(&statuses)),
        };
        Node::from(Map::new().put("retry", map)).at(at)
    });
    Some(name)
}
