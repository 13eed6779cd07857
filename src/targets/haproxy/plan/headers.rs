//! The headers of answers: CORS, and the changes that a route makes to every answer.

use super::expr;
use super::{Ctx, On, acl, acl_list, line, remark};
use crate::emit::lang::haproxy;
use crate::emit::{Part, Tok};
use crate::ir::{Change, Cors, Fact, Route};

/// The answer to a preflight, before any guard that a browser cannot pass.
pub(super) fn preflight(route: &Route, on: &On, lines: &mut Vec<Tok>) {
    let Some(cors) = &route.cors else {
        return;
    };
    let at = cors.at;
    let name = |what: &str| format!("{}:{what}", route.name);
    let (asks, known) = (name("preflight"), name("cors"));
    lines.push(
        acl(&asks, "req.hdr(access-control-request-method)")
            .with("-m found")
            .at(at)
            .end(),
    );
    lines.push(
        acl(&name("options"), "method")
            .with("-m str -- OPTIONS")
            .at(at)
            .end(),
    );
    let terms = [name("options"), asks, known];
    let mut rule = line("http-request return status 204").with("hdr Access-Control-Allow-Origin");
    rule = rule.tok(&allowed_origin(cors));
    if !cors.methods.value.is_empty() {
        rule = rule
            .with("hdr Access-Control-Allow-Methods")
            .tok(&haproxy::fmt(&cors.methods.value.join(", ")));
    }
    if !cors.headers.value.is_empty() {
        rule = rule
            .with("hdr Access-Control-Allow-Headers")
            .tok(&haproxy::fmt(&cors.headers.value.join(", ")));
    }
    if cors.credentials.value {
        rule = rule.with("hdr Access-Control-Allow-Credentials true");
    }
    if let Some(age) = cors.max_age.value {
        rule = rule
            .with("hdr Access-Control-Max-Age")
            .number(age.as_secs_ceil());
    }
    rule = rule.with("hdr Vary Origin");
    let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
    lines.push(on.rule(rule, &terms, at));
    lines.push(on.rule(
        line("http-request return status 204 hdr Vary Origin"),
        &terms[..2],
        at,
    ));
}

/// The acl of an origin that may ask; it also holds while the answer goes out.
fn origins(cors: &Cors, name: &str, lines: &mut Vec<Tok>) {
    let at = cors.origins.loc();
    match &cors.origins.value {
        None => lines.push(acl(name, "var(txn.origin)").with("-m found").at(at).end()),
        Some(list) if list.is_empty() => lines.push(acl(name, "always_false").at(at).end()),
        Some(list) => {
            let values = list.iter().map(String::as_str);
            acl_list(lines, name, "var(txn.origin)", "-m str -i", values, at);
        }
    }
}

fn allowed_origin(cors: &Cors) -> Tok {
    // With credentials browsers refuse `*`.
    if cors.origins.value.is_none() && !cors.credentials.value {
        Tok::fixed("*")
    } else {
        Tok::fixed("%[var(txn.origin)]")
    }
}

/// CORS headers and the route's own, on every answer that goes out of its section. What is returned keeps claims, once
/// the token is verified.
pub(super) fn changes(ctx: &Ctx<'_>, route: &Route, on: &On, lines: &mut Vec<Tok>) -> Vec<Tok> {
    let mut late = Vec::new();
    if let Some(cors) = &route.cors {
        let at = cors.at;
        let known = format!("{}:cors", route.name);
        // Kept: the request is gone when its answer leaves.
        lines.push(on.rule(
            line("http-request set-var(txn.origin) req.fhdr(origin)"),
            &[],
            at,
        ));
        origins(cors, &known, lines);
        let set = |syntax: &'static str| line("http-after-response set-header").with(syntax);
        lines.push(on.rule(
            set("Access-Control-Allow-Origin").tok(&allowed_origin(cors)),
            &[&known],
            at,
        ));
        if cors.credentials.value {
            lines.push(on.rule(set("Access-Control-Allow-Credentials true"), &[&known], at));
        }
        if !cors.expose.value.is_empty() {
            lines.push(
                on.rule(
                    set("Access-Control-Expose-Headers")
                        .tok(&haproxy::fmt(&cors.expose.value.join(", "))),
                    &[&known],
                    at,
                ),
            );
        }
        let vary = format!("{}:varies", route.name);
        lines.push(
            acl(&vary, "res.hdr(vary)")
                .with("-m str -i -- origin")
                .at(at)
                .end(),
        );
        lines.push(on.rule(
            line("http-after-response add-header Vary Origin"),
            &[&format!("!{vary}")],
            at,
        ));
    }
    if route.response_headers.is_empty() {
        return late;
    }
    lines.push(remark(&format!("headers of every answer of `{}`", route.name)).end());
    let mut kept: Vec<Fact> = Vec::new();
    let var = |fact: &Fact, kept: &mut Vec<Fact>| {
        let at = kept.iter().position(|it| it == fact).unwrap_or_else(|| {
            kept.push(fact.clone());
            kept.len() - 1
        });
        format!("var(txn.kept{at})")
    };
    let mut rules = Vec::new();
    for (number, op) in route.response_headers.iter().enumerate() {
        let value = op
            .change
            .value()
            .map(|value| expr::format(value, |fact| var(fact, &mut kept)));
        let value = value.unwrap_or_else(expr::nothing);
        let (word, absent) = match &op.change {
            Change::Remove => ("http-after-response del-header", false),
            Change::Set(_) => ("http-after-response set-header", false),
            Change::Add(_) => ("http-after-response add-header", false),
            Change::SetIfAbsent(_) => ("http-after-response set-header", true),
        };
        let mut rule = line(word).word(&op.name);
        if op.change != Change::Remove {
            rule = rule.tok(&value);
        }
        if absent {
            let there = format!("{}:answer{number}", route.name);
            rules.push(
                acl(&there, &format!("res.hdr({})", expr::arg(&op.name)))
                    .with("-m found")
                    .at(op.at)
                    .end(),
            );
            rules.push(on.rule(rule, &[&format!("!{there}")], op.at));
        } else {
            rules.push(on.rule(rule, &[], op.at));
        }
    }
    // `http-request` rules stand before; the request is gone when the answer leaves.
    for (number, fact) in kept.iter().enumerate() {
        let rule = line("http-request")
            .parts(&[
                Part::Static("set-var(txn.kept"),
                Part::Number(number as u64),
                Part::Static(")"),
            ])
            .word(&expr::fact(fact, ctx.env));
        let rule = on.rule(rule, &[], route.at);
        if matches!(fact, Fact::Claim(_)) {
            late.push(rule);
        } else {
            lines.push(rule);
        }
    }
    lines.extend(rules);
    late
}
