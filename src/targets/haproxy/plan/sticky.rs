//! How a client is kept on its server: the proxy's own cookie, the application's, or the client's address.

use super::expr::arg;
use super::group::Group;
use super::{Ctx, line};
use crate::emit::{Line, Part, Tok};
use crate::ir::{SameSite, Secure, Stickiness, StickyCookie};
use crate::targets::haproxy::facts::time;

/// The cookie, or the table of choices.
pub(super) fn stickiness(ctx: &Ctx<'_>, it: &Group<'_>, lines: &mut Vec<Tok>) {
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
