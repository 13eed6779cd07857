//! A backend: the rules of the routes that lead to it, and its servers.

use super::expr::arg;
use super::group::Group;
use super::{Ctx, On, Section, acl_list, global, line, raw, remark, route};
use crate::emit::lang::haproxy;
use crate::emit::{Line, Part, Tok};
use crate::ir::{
    Address, Balance, Check, HashKey, Health, HostHeader, Loc, Protocol, RetryAfter, Route,
    SameSite, Secure, Server, Stickiness, StickyCookie, Upstream,
};
use crate::targets::haproxy::facts::{self, time};

/// The backend of a group.
pub(super) fn backend(ctx: &Ctx<'_>, it: &Group<'_>) -> Section {
    let mut lines = Vec::new();
    routes(ctx, it, &mut lines);
    timeouts(ctx, it, &mut lines);
    balance(it.upstream, &mut lines);
    stickiness(ctx, it, &mut lines);
    retries(ctx, it, &mut lines);
    if it.share.host_header.value == HostHeader::Upstream {
        // Servers are named by their addresses for this.
        let at = it.share.host_header.loc();
        lines.push(line("http-send-name-header Host").at(at).end());
    }
    if let Some(route) = it.routes.iter().find(|route| route.compression.value) {
        let at = route.compression.loc();
        lines.push(line("compression algo gzip").at(at).end());
        lines.push(line("compression type text/html text/plain text/css text/xml text/javascript application/javascript application/json application/xml image/svg+xml").at(at).end());
    }
    if it.leader.is_none() {
        health(it.upstream, &mut lines);
    }
    let mut unbuffered = it.routes.iter().filter_map(|route| route.stream.as_ref());
    if let Some(stream) = unbuffered.find(|it| it.request.value) {
        // HAProxy waits for a body only where it is told to.
        lines.push(
            line("no option http-buffer-request")
                .at(stream.request.loc())
                .end(),
        );
    }
    let response_head = &it.upstream.response_head;
    if response_head.is_written() {
        lines.push(
            line("http-response return status 502 if { res.hdrs,length gt")
                .number(response_head.value.as_bytes())
                .with("}")
                .at(response_head.loc())
                .end(),
        );
    }
    for (_, snippet) in ctx
        .g
        .rooms
        .haproxy
        .room
        .raw
        .upstreams
        .iter()
        .filter(|(id, _)| *id == it.upstream.id)
    {
        raw(&mut lines, snippet);
    }
    servers(ctx, it, &mut lines);
    Section {
        head: ctx.head("backend", &it.name, it.upstream.at),
        lines,
    }
}

fn routes(ctx: &Ctx<'_>, it: &Group<'_>, lines: &mut Vec<Tok>) {
    for route in &it.routes {
        let mut own = Vec::new();
        let on = On {
            route: it.acl_of(route),
        };
        route::rules(ctx, Some(it), route, &on, &mut own);
        timers(it, route, &on, &mut own);
        if own.is_empty() {
            continue;
        }
        lines.push(remark(&format!("route {}", route.name)).end());
        if let Some(name) = &on.route {
            acl_list(
                lines,
                name,
                "var(txn.route)",
                "-m str",
                [route.name.as_str()],
                route.at,
            );
        }
        lines.append(&mut own);
    }
}

/// The times in which a route differs from most routes of its backend.
fn timers(it: &Group<'_>, route: &Route, on: &On, lines: &mut Vec<Tok>) {
    let (server, from) = facts::server_timer(route);
    if server != it.server() {
        lines.push(on.rule(
            line("http-request set-timeout server").name(&time(server)),
            &[],
            from.loc,
        ));
    }
    if let Some(socket) = &route.websocket
        && Some(socket.idle.value) != it.tunnel()
    {
        lines.push(on.rule(
            line("http-request set-timeout tunnel").name(&time(socket.idle.value)),
            &[],
            socket.idle.loc(),
        ));
    }
}

fn timeouts(ctx: &Ctx<'_>, it: &Group<'_>, lines: &mut Vec<Tok>) {
    let usual = ctx.groups.usual;
    let connect = &it.share.connect;
    if connect.value != usual.connect {
        lines.push(
            line("timeout connect")
                .name(&time(connect.value))
                .at(connect.loc())
                .end(),
        );
    }
    let server = it.server();
    if server != usual.server {
        let at = it.routes.iter().map(|route| facts::server_timer(route));
        let at = at
            .filter(|(value, _)| *value == server)
            .map(|(_, from)| from.loc)
            .next();
        lines.push(
            line("timeout server")
                .name(&time(server))
                .at(at.unwrap_or_default())
                .end(),
        );
    }
    if let Some(tunnel) = it.tunnel()
        && tunnel != usual.tunnel
    {
        let idles = it
            .routes
            .iter()
            .filter_map(|route| route.websocket.as_ref());
        let at = idles
            .filter(|socket| socket.idle.value == tunnel)
            .map(|it| it.idle.loc())
            .next();
        lines.push(
            line("timeout tunnel")
                .name(&time(tunnel))
                .at(at.unwrap_or_default())
                .end(),
        );
    }
    if let Some(after) = it.upstream.tcp_keepalive.value {
        let at = it.upstream.tcp_keepalive.loc();
        lines.push(line("option srvtcpka").at(at).end());
        lines.push(line("srvtcpka-idle").name(&time(after)).at(at).end());
    }
}

fn balance(it: &Upstream, lines: &mut Vec<Tok>) {
    let at = it.balance.loc();
    let rule = match &it.balance.value {
        Balance::RoundRobin => return,
        Balance::LeastConnections => line("balance leastconn"),
        Balance::Random => line("balance random"),
        Balance::Hash(key) => {
            let key = match key {
                HashKey::Source => "src".to_owned(),
                HashKey::Header(name) => format!("req.fhdr({})", arg(name)),
                HashKey::Cookie(name) => format!("req.cook({})", arg(name)),
                HashKey::Query(name) => format!("urlp({})", arg(name)),
                HashKey::Path => "path".to_owned(),
            };
            lines.push(line("hash-type consistent sdbm avalanche").at(at).end());
            line("balance hash").word(&key)
        }
    };
    lines.push(rule.at(at).end());
}

fn stickiness(ctx: &Ctx<'_>, it: &Group<'_>, lines: &mut Vec<Tok>) {
    let (name, ttl, at) = match &it.upstream.stickiness {
        None => return,
        Some(Stickiness::Cookie(cookie)) => return sticky_cookie(ctx, it, cookie, lines),
        Some(Stickiness::AppCookie { name, ttl }) => (Some(&name.value), ttl, name.loc()),
        Some(Stickiness::Source { ttl, at }) => (None, ttl, *at),
    };
    let owner = it.leader.map(|leader| &ctx.groups.list[leader].name);
    let on_table = |rule: Line| match owner {
        Some(owner) => rule.with("table").name(owner),
        None => rule,
    };
    if owner.is_none() {
        let table = match name {
            Some(_) => line("stick-table type string len 128 size 1m expire"),
            None => line("stick-table type ipv6 size 1m expire"),
        };
        let table = table.name(&time(ttl.value));
        let table = if ctx.g.rooms.haproxy.peers.is_empty() {
            table
        } else {
            table.with("peers wsgen")
        };
        lines.push(table.at(ttl.loc()).end());
    }
    match name {
        Some(name) => {
            let set = format!("res.cook({})", arg(name));
            let sent = format!("req.cook({})", arg(name));
            lines.push(on_table(line("stick match").word(&sent)).at(at).end());
            lines.push(
                on_table(line("stick store-request").word(&sent))
                    .at(at)
                    .end(),
            );
            lines.push(
                on_table(line("stick store-response").word(&set))
                    .at(at)
                    .end(),
            );
        }
        None => lines.push(on_table(line("stick on src")).at(at).end()),
    }
}

fn sticky_cookie(ctx: &Ctx<'_>, it: &Group<'_>, cookie: &StickyCookie, lines: &mut Vec<Tok>) {
    let at = cookie.name.loc();
    let tls: Vec<bool> = it
        .routes
        .iter()
        .flat_map(|route| ctx.g.listeners_of(route))
        .map(|listener| listener.tls.is_some())
        .collect();
    let mixed = cookie.secure.value == Secure::OnTls
        && tls.iter().any(|it| *it)
        && !tls.iter().all(|it| *it);
    let mut rule = line("cookie")
        .word(&cookie.name.value)
        .with("insert indirect nocache");
    if cookie.http_only.value {
        rule = rule.with("httponly");
    }
    match cookie.secure.value {
        Secure::Always => rule = rule.with("secure"),
        Secure::OnTls if !tls.is_empty() && tls.iter().all(|it| *it) => rule = rule.with("secure"),
        Secure::OnTls | Secure::Never => {}
    }
    rule = rule.with(match cookie.same_site.value {
        SameSite::Lax => "attr SameSite=Lax",
        SameSite::Strict => "attr SameSite=Strict",
        SameSite::None => "attr SameSite=None",
    });
    if let Some(ttl) = cookie.ttl.value {
        rule = rule
            .with("attr")
            .parts(&[Part::Static("Max-Age="), Part::Number(ttl.as_secs_ceil())]);
    }
    lines.push(rule.at(at).end());
    let own = [
        Part::Static("^("),
        Part::Regex(&cookie.name.value),
        Part::Static("=.*)$"),
    ];
    if mixed {
        lines.push(
            line("http-after-response replace-header Set-Cookie")
                .parts(&own)
                .parts(&[Part::Static(r"\1; Secure")])
                .with("if { ssl_fc }")
                .at(cookie.secure.loc())
                .end(),
        );
    }
    if cookie.path.value != "/" {
        let path = cookie.path.value.replace('\\', r"\\");
        lines.push(
            line("http-after-response replace-header Set-Cookie")
                .parts(&[
                    Part::Static("^("),
                    Part::Regex(&cookie.name.value),
                    Part::Static("=[^;]*; path=)/(;.*|$)"),
                ])
                .parts(&[Part::Static(r"\1"), Part::Text(&path), Part::Static(r"\2")])
                .at(cookie.path.loc())
                .end(),
        );
    }
}

fn retries(ctx: &Ctx<'_>, it: &Group<'_>, lines: &mut Vec<Tok>) {
    let set = &it.share.retries;
    if it.tries() != ctx.groups.usual.tries {
        lines.push(
            line("retries")
                .number(it.tries().into())
                .at(set.loc())
                .end(),
        );
    }
    let Some(retries) = &set.value else {
        return;
    };
    let mut rule = line("retry-on conn-failure");
    let mut again = false;
    for after in &retries.after {
        match after {
            RetryAfter::Connect => {}
            RetryAfter::Timeout => {
                rule = rule.with("response-timeout");
                again = true;
            }
            RetryAfter::Status(status) if matches!(status, 500..=504) => {
                rule = rule.number((*status).into());
                again = true;
            }
            RetryAfter::Status(_) => {}
        }
    }
    if again {
        lines.push(rule.at(set.loc()).end());
        lines.push(remark("a request that changes something is never sent twice").end());
        lines.push(
            line("http-request disable-l7-retry if !{ method -m str -- GET HEAD OPTIONS PUT DELETE TRACE }")
                .at(set.loc())
                .end(),
        );
    }
}

fn health(it: &Upstream, lines: &mut Vec<Tok>) {
    let Some(Health { check, timeout, .. }) = &it.health else {
        return;
    };
    let at = check.loc();
    lines.push(
        line("timeout check")
            .name(&time(timeout.value))
            .at(timeout.loc())
            .end(),
    );
    match &check.value {
        Check::Tcp => {}
        Check::Http {
            path,
            host,
            method,
            status,
        } => {
            lines.push(line("option httpchk").at(at).end());
            let send = asked(it, method, path, host.as_deref());
            lines.push(send.at(at).end());
            let ranges: Vec<String> = status.iter().map(ToString::to_string).collect();
            lines.push(
                line("http-check expect status")
                    .word(&ranges.join(","))
                    .at(at)
                    .end(),
            );
        }
        Check::WebSocket { path, host } => {
            lines.push(line("option httpchk").at(at).end());
            // The key of RFC 6455's example: a server only has to accept one.
            let send = asked(it, "GET", path, host.as_deref())
                .with("hdr Connection Upgrade hdr Upgrade websocket")
                .with(
                    "hdr Sec-WebSocket-Version 13 hdr Sec-WebSocket-Key dGhlIHNhbXBsZSBub25jZQ==",
                );
            lines.push(send.at(at).end());
            lines.push(line("http-check expect status 101").at(at).end());
        }
    }
}

fn asked(it: &Upstream, method: &str, path: &str, host: Option<&str>) -> Line {
    let send = line("http-check send meth")
        .word(method)
        .with("uri")
        .word(path)
        .with("ver HTTP/1.1 hdr Host");
    match host {
        Some(host) => send.tok(&haproxy::fmt(host)),
        None if it.servers.iter().all(|it| facts::server_name(it).is_some()) => {
            send.with("%[srv_name]")
        }
        None => send.with("localhost"),
    }
}

fn servers(ctx: &Ctx<'_>, it: &Group<'_>, lines: &mut Vec<Tok>) {
    let up = it.upstream;
    if let Some(rule) = common(ctx, it) {
        lines.push(rule.at(up.at).end());
    }
    let mut names: Vec<String> = Vec::with_capacity(up.servers.len());
    for (number, server) in up.servers.iter().enumerate() {
        let name = facts::server_name(server)
            .filter(|name| !names.contains(name))
            .unwrap_or_else(|| format!("server{}", number + 1));
        lines.push(one(ctx, it, server, &name).at(server.address.loc()).end());
        names.push(name);
    }
}

/// What all servers of a backend have.
fn common(ctx: &Ctx<'_>, it: &Group<'_>) -> Option<Line> {
    let up = it.upstream;
    let mut some = false;
    let mut rule = line("default-server");
    let mut add = |rule: Line| {
        some = true;
        rule
    };
    if it.leader.is_none() {
        if let Some(health) = &up.health {
            rule = add(rule.with("check inter"))
                .name(&time(health.interval.value))
                .with("fall")
                .number(health.fall.value.into())
                .with("rise")
                .number(health.rise.value.into());
            if let Some(port) = &health.port {
                rule = rule.with("port").number(port.value.into());
            }
        }
        if let Some(passive) = &up.passive {
            if up.health.is_none() {
                // Only real requests take a server out; a connection that opens brings it back.
                rule = add(rule.with("check fall 1000 rise 1 inter"))
                    .name(&time(passive.eject.value))
                    .with("downinter")
                    .name(&time(passive.eject.value));
            }
            rule = add(rule.with("observe layer7 error-limit"))
                .number(passive.errors.value.into())
                .with("on-error mark-down");
        }
    }
    match up.keepalive.value {
        None => {}
        Some(most) => {
            rule = add(rule.with("pool-max-conn"))
                .number(most)
                .with("pool-purge-delay")
                .name(&time(up.keepalive_timeout.value));
        }
    }
    if up.keepalive.value.is_none() {
        rule = add(rule.with("pool-max-conn 0"));
    }
    if let Some(growth) = up.slow_start.value {
        rule = add(rule.with("slowstart")).name(&time(growth));
    }
    if let Some(max) = up.max_connections.value {
        rule = add(rule.with("maxconn")).number(max);
    }
    let sockets = it.routes.iter().any(|route| route.websocket.is_some());
    if up.protocol.value == Protocol::Http2 {
        rule = add(match up.tls {
            Some(_) => rule.with("alpn h2"),
            None => rule.with("proto h2"),
        });
        if sockets {
            rule = rule.with("ws h1");
        }
    }
    if let Some(tls) = &up.tls {
        rule = add(rule.with("ssl"));
        rule = if tls.verify.value {
            rule.with("verify required ca-file")
        } else {
            rule.with("verify none")
        };
        if tls.verify.value {
            rule = match &tls.ca {
                Some(ca) => rule.word(&ca.value),
                None => rule.with("@system-ca"),
            };
        }
        if let Some(name) = &tls.server_name {
            rule = named(rule, &name.value, tls.verify.value);
        }
        if let Some((cert, key)) = &tls.client {
            rule = rule
                .with("crt")
                .tok(&global::pair(ctx, &cert.value, &key.value));
        }
    }
    if up.has_names() {
        rule = add(match resolver(up) {
            Some((name, _)) => rule.with("resolvers").name(&name),
            None => rule,
        });
        // 2.6 warns about a name that does not resolve at start; 2.8 and later do not.
        rule = rule.with(match (ctx.env.since(2, 8, 0), resolver(up).is_some()) {
            (true, true) => "init-addr last,libc,none",
            (false, true) => "init-addr last,none",
            (_, false) => "init-addr libc,none",
        });
    }
    some.then_some(rule)
}

fn named(rule: Line, name: &str, verify: bool) -> Line {
    let rule = rule
        .with("sni")
        .word(&format!("str({})", arg(name)))
        .with("check-sni")
        .word(name);
    if verify {
        rule.with("verifyhost").word(name)
    } else {
        rule
    }
}

fn one(ctx: &Ctx<'_>, it: &Group<'_>, server: &Server, name: &str) -> Line {
    let up = it.upstream;
    let rule = line("server").name(name);
    let mut rule = match &server.address.value {
        Address::Unix { path } => rule.parts(&[Part::Static("unix@"), Part::Word(path)]),
        Address::Name { .. } | Address::Ip { .. } => rule.word(&server.address.value.to_string()),
    };
    if server.weight.value != 1 {
        rule = rule.with("weight").number(server.weight.value.into());
    }
    if server.backup.value {
        rule = rule.with("backup");
    }
    if let Some(Stickiness::Cookie(_)) = &up.stickiness {
        rule = rule
            .with("cookie")
            .name(&opaque(&up.name, &server.address.value));
    }
    if let Some(tls) = &up.tls
        && tls.server_name.is_none()
        && let Some(host) = server.address.value.name()
    {
        rule = named(rule, host, tls.verify.value);
    }
    if let Some(leader) = it.leader
        && (up.health.is_some() || up.passive.is_some())
    {
        let leader = &ctx.groups.list[leader].name;
        rule = rule
            .with("track")
            .parts(&[Part::Name(leader), Part::Static("/"), Part::Name(name)]);
    }
    rule
}

/// A cookie's value for a server: says nothing about it, and stays when servers are added or reordered.
fn opaque(upstream: &str, address: &Address) -> String {
    // FNV-1a, 64 bits: not a secret, only unreadable and the same in every build.
    let text = format!("{upstream} {address}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// The `resolvers` section of an upstream whose names are looked up again; one for each time between two look-ups.
pub(super) fn resolver(it: &Upstream) -> Option<(String, Loc)> {
    let period = it.resolve.value.filter(|_| it.has_names())?;
    Some((format!("every:{}", time(period)), it.resolve.loc()))
}
