//! A backend: the rules of the routes that lead to it, and its servers.

use super::expr::arg;
use super::group::Group;
use super::{Ctx, On, Section, acl_list, line, raw, remark, route, server, sticky};
use crate::emit::lang::haproxy;
use crate::emit::{Line, Tok};
use crate::ir::{Balance, Check, HashKey, Health, HostHeader, Loc, RetryAfter, Route, Upstream};
use crate::targets::haproxy::facts::{self, time};

/// The backend of a group.
pub(super) fn backend(ctx: &Ctx<'_>, it: &Group<'_>) -> Section {
    let mut lines = Vec::new();
    routes(ctx, it, &mut lines);
    timeouts(ctx, it, &mut lines);
    balance(it.upstream, &mut lines);
    sticky::stickiness(ctx, it, &mut lines);
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
    server::servers(ctx, it, &mut lines);
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
    if server != it.server {
        lines.push(on.rule(
            line("http-request set-timeout server").name(&time(server)),
            &[],
            from.loc,
        ));
    }
    if let Some(socket) = &route.websocket
        && Some(socket.idle.value) != it.tunnel
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
    let server = it.server;
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
    if let Some(tunnel) = it.tunnel
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

/// The `resolvers` section of an upstream whose names are looked up again; one for each time between two look-ups.
pub(super) fn resolver(it: &Upstream) -> Option<(String, Loc)> {
    let period = it.resolve.value.filter(|_| it.has_names())?;
    Some((format!("every:{}", time(period)), it.resolve.loc()))
}
