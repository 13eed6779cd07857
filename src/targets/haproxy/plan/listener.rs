//! A listener: its settings, how it reads a request, and which route takes it.

use super::bind;
use super::finder::Finder;
use super::{Ctx, Section, acl, acl_list, conditions, line, raw, remark};
use crate::emit::{Part, Tok};
use crate::ir::{EncodedSlash, HeaderNames, Listener, Paths, Route, UnknownHost};
use crate::targets::haproxy::facts::{self, time};

/// The name of the acl that a request meets once its route is known.
const ROUTED: &str = "routed";

/// The frontend of a listener.
pub(super) fn frontend<'a>(ctx: &Ctx<'a>, it: &'a Listener) -> Section {
    let mut lines = vec![bind::bind(ctx, it)];
    settings(ctx, it, &mut lines);
    reading(ctx, it, &mut lines);
    routing(ctx, it, &mut lines);
    for (_, snippet) in ctx
        .g
        .rooms
        .haproxy
        .room
        .raw
        .listeners
        .iter()
        .filter(|(id, _)| *id == it.id)
    {
        raw(&mut lines, snippet);
    }
    Section {
        head: ctx.head("frontend", &format!("listener:{}", it.name), it.at),
        lines,
    }
}

fn settings(ctx: &Ctx<'_>, it: &Listener, lines: &mut Vec<Tok>) {
    if let Some(max) = it.connections.value {
        lines.push(line("maxconn").number(max).at(it.connections.loc()).end());
    }
    lines.push(
        line("timeout http-request")
            .name(&time(it.head_timeout.value))
            .at(it.head_timeout.loc())
            .end(),
    );
    lines.push(
        line("timeout http-keep-alive")
            .name(&time(it.keepalive.value))
            .at(it.keepalive.loc())
            .end(),
    );
    let silence = facts::client_timer(ctx.env.gateway, it, ctx.env.since(2, 8, 0));
    lines.push(line("timeout client").name(&time(silence)).end());
    if let Some(after) = it.tcp_keepalive.value {
        let at = it.tcp_keepalive.loc();
        lines.push(line("option clitcpka").at(at).end());
        lines.push(line("clitcpka-idle").name(&time(after)).at(at).end());
    }
    lines.push(
        match it.header_names.value {
            HeaderNames::Strict => line("option http-restrict-req-hdr-names delete"),
            HeaderNames::Lenient => line("option http-restrict-req-hdr-names preserve"),
        }
        .at(it.header_names.loc())
        .end(),
    );
    if !it.http2.value {
        lines.push(line("option disable-h2-upgrade").at(it.http2.loc()).end());
    }
    if let Some(hsts) = it.tls.as_ref().and_then(|tls| tls.hsts.as_ref()) {
        lines.push(
            line("http-after-response set-header Strict-Transport-Security")
                .word(&hsts.value.header())
                .at(hsts.loc())
                .end(),
        );
    }
}

/// What is read from a request, and what is refused, before any route is looked for.
fn reading(ctx: &Ctx<'_>, it: &Listener, lines: &mut Vec<Tok>) {
    let limit = it.head_limit.value.as_bytes();
    for (name, expression) in [
        ("head:large", "req.hdrs,length"),
        ("url:large", "url,length"),
    ] {
        lines.push(
            acl(name, expression)
                .with("-m int gt")
                .number(limit)
                .at(it.head_limit.loc())
                .end(),
        );
    }
    lines.push(
        line("http-request return status 431 if head:large or url:large")
            .at(it.head_limit.loc())
            .end(),
    );
    if ctx.wants.uri {
        lines.push(line("http-request set-var(txn.uri) pathq").end());
    }
    if it.encoded_slash.value == EncodedSlash::Reject {
        let at = it.encoded_slash.loc();
        lines.push(line("acl slash:encoded path -m sub -i -- %2f").at(at).end());
        lines.push(
            line("http-request return status 400 if slash:encoded")
                .at(at)
                .end(),
        );
    }
    let at = it.paths.loc();
    if it.paths.value != Paths::Raw {
        // Decoding what stands behind it would make digits of what were none.
        lines.push(
            acl("path:broken", "path")
                .with("-m reg -i --")
                .word("%([^0-9a-f]|.[^0-9a-f]|.?$)")
                .at(at)
                .end(),
        );
        lines.push(
            line("http-request return status 400 if path:broken")
                .at(at)
                .end(),
        );
        lines.push(line("http-request set-var(txn.asked) query").at(at).end());
    }
    match it.paths.value {
        Paths::Raw => {}
        Paths::Reject => {
            lines.push(
                acl("path:dotted", "path")
                    .with("-m reg -i --")
                    .word(r"//|/(?:\.|%2e){1,2}(?:/|$)")
                    .at(at)
                    .end(),
            );
            lines.push(
                line("http-request return status 400 if path:dotted")
                    .at(at)
                    .end(),
            );
            lines.push(
                line("http-request normalize-uri percent-decode-unreserved")
                    .at(at)
                    .end(),
            );
            lines.push(
                line("http-request normalize-uri percent-to-uppercase")
                    .at(at)
                    .end(),
            );
        }
        Paths::Normalize => {
            lines.push(remark("a path is matched, and sent on, without dot segments and //").end());
            for step in [
                "http-request normalize-uri percent-decode-unreserved",
                "http-request normalize-uri percent-to-uppercase",
                "http-request normalize-uri path-merge-slashes",
                "http-request normalize-uri path-strip-dot",
                "http-request normalize-uri path-strip-dotdot full",
            ] {
                lines.push(line(step).at(at).end());
            }
        }
    }
    if it.paths.value != Paths::Raw {
        // The steps above touch the query too, which a server may have signed.
        lines.push(
            line("http-request set-query %[var(txn.asked)] if { query -m len gt 0 }")
                .at(at)
                .end(),
        );
    }
    lines.push(line("http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.)").end());
    if ctx.wants.id {
        lines.push(line("http-request set-var(txn.id) uuid()").end());
    }
    if ctx.wants.port {
        lines.push(
            line("http-request set-var(txn.port)")
                .parts(&[
                    Part::Static("int("),
                    Part::Number(it.public_port.value.into()),
                    Part::Static(")"),
                ])
                .at(it.public_port.loc())
                .end(),
        );
    }
    lines.extend(super::log::kept(ctx));
    super::request::client(it, lines);
}

fn routing<'a>(ctx: &Ctx<'a>, it: &'a Listener, lines: &mut Vec<Tok>) {
    let mut finder = Finder::default();
    finder.divide(ctx, it, lines);
    for entry in &ctx.g.table {
        let route = ctx.g.route(entry.route);
        if ctx.g.serves(it, route) {
            if finder.entries == 0 {
                lines.push(remark("the route: the first line that holds").end());
                lines.push(acl(ROUTED, "var(txn.route)").with("-m found").end());
            }
            finder.entry(route, entry.host(ctx.g), entry.path(ctx.g), lines);
        }
    }
    let any = finder.entries > 0;
    if let Some(target) = &it.redirect {
        redirect(it, ctx.g.listener(target.value), any, lines);
    } else {
        if it.unknown_host.value == UnknownHost::Close {
            let known = finder.known_hosts(lines);
            let at = it.unknown_host.loc();
            lines.push(remark("a host that no route names gets no answer").end());
            let terms: Vec<&str> = any
                .then_some("!routed")
                .into_iter()
                .chain(known.then_some("!host:known"))
                .collect();
            lines.push(
                conditions(line("http-request reject"), terms.into_iter())
                    .at(at)
                    .end(),
            );
        }
        if any {
            lines.push(line("http-request return status 404 content-type text/plain string 'no route' if !routed").end());
        } else if it.unknown_host.value != UnknownHost::Close {
            lines.push(
                line("http-request return status 404 content-type text/plain string 'no route'")
                    .end(),
            );
        }
    }
    if any {
        super::request::upgrades(ctx, it, lines);
        super::request::forwarded(ctx, it, lines);
        super::log::silent(ctx, it, lines);
        destinations(ctx, it, lines);
    }
}

fn redirect(it: &Listener, to: &Listener, any: bool, lines: &mut Vec<Tok>) {
    let at = it.redirect.as_ref().map_or(it.at, |it| it.loc());
    let rule = line("http-request redirect location");
    let rule = if to.has_scheme_port() {
        rule.parts(&[
            Part::Static(to.scheme()),
            Part::Static("://%[req.hdr(host),host_only]%[pathq]"),
        ])
    } else {
        rule.parts(&[
            Part::Static(to.scheme()),
            Part::Static("://%[req.hdr(host),host_only]:"),
            Part::Number(to.public_port.value.into()),
            Part::Static("%[pathq]"),
        ])
    };
    let rule = rule.with("code 301");
    lines.push(remark("everything else goes to the other listener").end());
    lines.push(
        conditions(rule, any.then_some("!routed").into_iter())
            .at(at)
            .end(),
    );
}

/// Which backend serves which route.
fn destinations(ctx: &Ctx<'_>, it: &Listener, lines: &mut Vec<Tok>) {
    lines.push(remark("the backend of the route").end());
    let split: Vec<&Route> = ctx
        .served(it)
        .filter(|route| route.shares().len() > 1)
        .collect();
    for route in &split {
        let name = format!("to:{}", route.name);
        acl_list(
            lines,
            &name,
            "var(txn.route)",
            "-m str",
            [route.name.as_str()],
            route.at,
        );
        let total: u64 = route
            .shares()
            .iter()
            .map(|share| u64::from(share.weight.value))
            .sum();
        lines.push(
            conditions(
                line("http-request set-var(txn.dice)").parts(&[
                    Part::Static("rand("),
                    Part::Number(total),
                    Part::Static(")"),
                ]),
                std::iter::once(name.as_str()),
            )
            .at(route.at)
            .end(),
        );
    }
    for route in split {
        let to = format!("to:{}", route.name);
        let mut below = 0u64;
        let shares = route.shares().iter().zip(&ctx.groups.of[route.id.index()]);
        let last = route.shares().len() - 1;
        for (number, (share, group)) in shares.enumerate() {
            below += u64::from(share.weight.value);
            let name = format!("{to}:{number}");
            let mut terms = vec![to.as_str()];
            if number < last {
                lines.push(
                    acl(&name, "var(txn.dice)")
                        .with("-m int lt")
                        .number(below)
                        .at(share.weight.loc())
                        .end(),
                );
                terms.push(&name);
            }
            let group = &ctx.groups.list[*group];
            lines.push(
                conditions(line("use_backend").name(&group.name), terms.into_iter())
                    .at(share.weight.loc())
                    .end(),
            );
        }
    }
    for group in &ctx.groups.list {
        let routes: Vec<&str> = group
            .routes
            .iter()
            .filter(|route| route.shares().len() == 1 && ctx.g.serves(it, route))
            .map(|route| route.name.as_str())
            .collect();
        lead(lines, &group.name, &routes, group.share.upstream.loc());
    }
    for route in ctx.served(it).filter(|route| route.shares().is_empty()) {
        lead(
            lines,
            &format!("route:{}", route.name),
            &[&route.name],
            route.at,
        );
    }
}

fn lead(lines: &mut Vec<Tok>, backend: &str, routes: &[&str], at: crate::source::Loc) {
    // Route names are plain words, so they may stand in braces; 64 words fit a line.
    for some in routes.chunks(50) {
        let mut rule = line("use_backend")
            .name(backend)
            .with("if { var(txn.route) -m str --");
        for route in some {
            rule = rule.name(route);
        }
        lines.push(rule.with("}").at(at).end());
    }
}
