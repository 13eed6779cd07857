//! What every request goes through on its listener: who the client is, which upgrades pass, the forwarded headers.

use super::{Ctx, acl, acl_list, conditions, line, remark};
use crate::emit::{Part, Tok};
use crate::ir::{Listener, Route, WebSocket};

/// How many trusted proxies in a row are looked through.
pub(super) const HOPS: u64 = 8;

/// The client's address behind trusted proxies.
pub(super) fn client(it: &Listener, lines: &mut Vec<Tok>) {
    let trusted = &it.trusted_proxies;
    if trusted.value.is_empty() {
        return;
    }
    let at = trusted.loc();
    lines.push(remark("the address that the last trusted proxy saw").end());
    lines.push(line("http-request set-var(txn.peer) src").at(at).end());
    super::access::ranges(lines, "from:proxy", &trusted.value, at);
    lines.push(
        acl("sent:for", "req.hdr(x-forwarded-for)")
            .with("-m found")
            .at(at)
            .end(),
    );
    for hop in 1..=HOPS {
        // `src` is the address set before: the chain is followed while it leads through trusted proxies.
        lines.push(
            line("http-request set-src")
                .parts(&[
                    Part::Static("req.hdr_ip(x-forwarded-for,-"),
                    Part::Number(hop),
                    Part::Static(")"),
                ])
                .with("if from:proxy sent:for")
                .at(at)
                .end(),
        );
    }
}

/// Which upgrades reach a server: all others are taken out of the request, which goes on as a plain one.
pub(super) fn upgrades(ctx: &Ctx<'_>, it: &Listener, lines: &mut Vec<Tok>) {
    let mut kinds: Vec<(&WebSocket, Vec<&Route>)> = Vec::new();
    for route in ctx.served(it) {
        let Some(socket) = &route.websocket else {
            continue;
        };
        match kinds.iter_mut().find(|(other, _)| {
            other.tokens.value == socket.tokens.value && other.methods.value == socket.methods.value
        }) {
            Some((_, routes)) => routes.push(route),
            None => kinds.push((socket, vec![route])),
        }
    }
    lines.push(remark("upgrades that no route asks for are taken out of the request").end());
    for (number, (socket, routes)) in kinds.iter().enumerate() {
        let name = |what: &str| format!("ws{number}:{what}");
        let names = routes.iter().map(|route| route.name.as_str());
        acl_list(
            lines,
            &name("route"),
            "var(txn.route)",
            "-m str",
            names,
            socket.at,
        );
        let tokens = socket.tokens.value.iter().map(String::as_str);
        // The whole header: a list that also holds another token is no clean upgrade.
        acl_list(
            lines,
            &name("token"),
            "req.fhdr(upgrade)",
            "-m str -i",
            tokens,
            socket.tokens.loc(),
        );
        let methods = socket.methods.value.iter().map(String::as_str);
        acl_list(
            lines,
            &name("method"),
            "method",
            "-m str",
            methods,
            socket.methods.loc(),
        );
        let terms = [name("route"), name("token"), name("method")];
        lines.push(
            conditions(
                line("http-request set-var(txn.ws) bool(true)"),
                terms.iter().map(String::as_str),
            )
            .at(socket.at)
            .end(),
        );
    }
    if kinds.is_empty() {
        lines.push(
            line("http-request del-header Connection if { req.hdr(upgrade) -m found }").end(),
        );
        lines.push(line("http-request del-header Upgrade").end());
        return;
    }
    if it.http2.value && !it.websocket_over_http2.value {
        let at = it.websocket_over_http2.loc();
        lines.push(
            line("http-request unset-var(txn.ws) if { fc_http_major 2 }")
                .at(at)
                .end(),
        );
    }
    lines.push(
        line("http-request unset-var(txn.ws) unless { req.hdr(connection) -m str -i upgrade }")
            .end(),
    );
    lines.push(line("acl ws var(txn.ws) -m found").end());
    lines.push(
        line("http-request del-header Connection if { req.hdr(upgrade) -m found } !ws").end(),
    );
    lines.push(line("http-request del-header Upgrade if !ws").end());
}

/// `X-Forwarded-*` and `X-Real-IP`: always the proxy's own.
pub(super) fn forwarded(ctx: &Ctx<'_>, it: &Listener, lines: &mut Vec<Tok>) {
    let mut off = ctx
        .served(it)
        .filter(|route| !route.forwarded.value && !route.shares().is_empty())
        .peekable();
    if !ctx.served(it).any(|route| !route.shares().is_empty()) {
        return;
    }
    lines.push(
        remark(
            "what the server learns about the client; what the client sent of it does not count",
        )
        .end(),
    );
    let mut on = Vec::new();
    if let Some(first) = off.peek() {
        let at = first.forwarded.loc();
        acl_list(
            lines,
            "forwarded:off",
            "var(txn.route)",
            "-m str",
            off.map(|route| route.name.as_str()),
            at,
        );
        for name in [
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Forwarded-Host",
            "X-Forwarded-Port",
            "X-Real-IP",
        ] {
            lines.push(
                line("http-request del-header")
                    .name(name)
                    .with("if forwarded:off")
                    .at(at)
                    .end(),
            );
        }
        on.push("!forwarded:off");
    }
    let rule = |line, terms: &[&str]| conditions(line, on.iter().chain(terms).copied()).end();
    if it.trusted_proxies.value.is_empty() {
        lines.push(rule(
            line("http-request set-header X-Forwarded-For %[src]"),
            &[],
        ));
    } else {
        super::access::ranges_of(
            lines,
            "peer:proxy",
            "var(txn.peer)",
            &it.trusted_proxies.value,
            it.trusted_proxies.loc(),
        );
        lines.push(rule(
            line("http-request add-header X-Forwarded-For %[var(txn.peer)]"),
            &["peer:proxy"],
        ));
        lines.push(rule(
            line("http-request set-header X-Forwarded-For %[var(txn.peer)]"),
            &["!peer:proxy"],
        ));
    }
    lines.push(rule(
        line("http-request set-header X-Forwarded-Proto").with(it.scheme()),
        &[],
    ));
    lines.push(rule(
        line("http-request set-header X-Forwarded-Host %[req.hdr(host)]"),
        &[],
    ));
    lines.push(rule(
        line("http-request set-header X-Forwarded-Port").number(it.public_port.value.into()),
        &[],
    ));
    lines.push(rule(line("http-request set-header X-Real-IP %[src]"), &[]));
}
