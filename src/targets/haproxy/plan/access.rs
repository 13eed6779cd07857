//! Guards of a route that look at the request alone: client addresses, preflights, methods, upgrades, origins.

use super::response::Answers;
use super::{On, acl, acl_list, line};
use crate::emit::Tok;
use crate::emit::lang::haproxy;
use crate::ir::{ClientRange, Loc, Origins, Route};

/// Lines of an acl on the client's address.
pub(super) fn ranges(lines: &mut Vec<Tok>, name: &str, list: &[ClientRange], at: Loc) {
    ranges_of(lines, name, "src", list, at);
}

/// Lines of an acl on an address; none of an empty list, which nothing is in.
pub(super) fn ranges_of(
    lines: &mut Vec<Tok>,
    name: &str,
    expression: &str,
    list: &[ClientRange],
    at: Loc,
) {
    let texts: Vec<String> = list.iter().map(ToString::to_string).collect();
    acl_list(
        lines,
        name,
        expression,
        "-m ip",
        texts.iter().map(String::as_str),
        at,
    );
}

/// Guards before any limit: addresses, preflights, methods, upgrades, origins.
pub(super) fn admission(route: &Route, on: &On, answers: &Answers<'_>, lines: &mut Vec<Tok>) {
    let name = |what: &str| format!("{}:{what}", route.name);
    if let Some(clients) = &route.clients {
        if !clients.deny.value.is_empty() {
            let denied = name("denied");
            let at = clients.deny.loc();
            ranges(lines, &denied, &clients.deny.value, at);
            lines.push(on.rule(answers.say(403, &[]), &[&denied], at));
        }
        if let Some(allow) = &clients.allow {
            let at = allow.loc();
            if allow.value.is_empty() {
                lines.push(on.rule(answers.say(403, &[]), &[], at));
            } else {
                let allowed = name("allowed");
                ranges(lines, &allowed, &allow.value, at);
                let not = format!("!{allowed}");
                lines.push(on.rule(answers.say(403, &[]), &[&not], at));
            }
        }
    }
    super::headers::preflight(route, on, lines);
    if let Some(methods) = &route.methods {
        let at = methods.loc();
        let known = name("method");
        let values = methods.value.iter().map(String::as_str);
        acl_list(lines, &known, "method", "-m str", values, at);
        let allow = haproxy::fmt(&methods.value.join(", "));
        let not = format!("!{known}");
        lines.push(on.rule(answers.say(405, &[("Allow", allow)]), &[&not], at));
    }
    let Some(socket) = &route.websocket else {
        return;
    };
    let ws = name("ws");
    let guarded = socket.only.value || socket.origins.is_some() || socket.require_origin.value;
    if guarded {
        lines.push(acl(&ws, "var(txn.ws)").with("-m found").at(socket.at).end());
    }
    if socket.only.value {
        let token = socket
            .tokens
            .value
            .first()
            .map_or("websocket", String::as_str);
        let not = format!("!{ws}");
        let extra = [
            ("Upgrade", haproxy::fmt(token)),
            ("Connection", Tok::fixed("Upgrade")),
        ];
        lines.push(on.rule(answers.say(426, &extra), &[&not], socket.only.loc()));
    }
    if socket.origins.is_some() || socket.require_origin.value {
        let at = socket.origins.as_ref().map_or(socket.at, |it| it.loc());
        let sent = name("origin");
        lines.push(acl(&sent, "req.fhdr(origin)").with("-m found").at(at).end());
        if socket.require_origin.value {
            let none = format!("!{sent}");
            lines.push(on.rule(answers.say(403, &[]), &[&ws, &none], at));
        }
        if let Some(origins) = &socket.origins {
            let known = name("origin-known");
            if origins.value.same_host {
                // The sign stands for a scheme in both, so that an origin without one is never the same.
                lines.push(on.rule(
                    line("http-request set-var(txn.authority) req.hdr(host),lower,regsub(^,=)"),
                    &[&ws],
                    at,
                ));
            }
            origin(lines, &known, &origins.value, at);
            let unknown = format!("!{known}");
            lines.push(on.rule(answers.say(403, &[]), &[&ws, &sent, &unknown], at));
        }
    }
}

/// Lines of an acl that an allowed origin meets; of an empty list, one that none meets.
fn origin(lines: &mut Vec<Tok>, name: &str, origins: &Origins, at: Loc) {
    let exact = origins.exact.iter().map(String::as_str);
    acl_list(lines, name, "req.fhdr(origin)", "-m str -i", exact, at);
    if origins.same_host {
        lines.push(
            acl(
                name,
                "req.fhdr(origin),lower,regsub(^https?://,=),strcmp(txn.authority)",
            )
            .with("-m int 0")
            .at(at)
            .end(),
        );
    } else if origins.exact.is_empty() {
        lines.push(acl(name, "always_false").at(at).end());
    }
}
