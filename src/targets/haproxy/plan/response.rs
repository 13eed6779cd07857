//! Answers: those that the proxy makes, error pages in their place, CORS, and changes to the headers of every answer.

use super::expr;
use super::{Ctx, On, acl, acl_list, line, remark};
use crate::emit::lang::haproxy;
use crate::emit::{Line, Part, Tok};
use crate::ir::{
    Change, Cors, ErrorPage, Fact, Loc, Redirect, RedirectTo, Replace, Respond, Route,
};

/// The statuses that HAProxy answers with when a server fails.
const OWN: [u16; 4] = [500, 502, 503, 504];

/// How a route's own refusals look: the error pages may have another answer for a status.
pub(super) struct Answers<'a> {
    route: &'a Route,
}

impl<'a> Answers<'a> {
    pub(super) fn new(route: &'a Route) -> Self {
        Self { route }
    }

    /// The page that replaces the proxy's own answer of this status.
    fn page(&self, status: u16) -> Option<&'a ErrorPage> {
        let pages = self.route.error_pages.as_ref()?;
        if pages.replace.value == Replace::Server {
            return None;
        }
        page(self.route, status).map(|(page, _)| page)
    }

    /// `http-request return …` for a status, with further headers.
    pub(super) fn say(&self, status: u16, headers: &[(&'static str, Tok)]) -> Line {
        let line = line("http-request");
        let mut line = match self.page(status) {
            Some(page) => returned(line, page, status),
            None => match reason(status) {
                Some(text) => line
                    .with("return status")
                    .number(status.into())
                    .with("content-type text/plain string")
                    .word(text),
                None => line.with("return status").number(status.into()),
            },
        };
        for (name, value) in headers {
            line = line.with("hdr").with(name).tok(value);
        }
        line
    }
}

fn reason(status: u16) -> Option<&'static str> {
    Some(match status {
        401 => "who are you",
        403 => "forbidden",
        405 => "method not allowed",
        411 => "length required",
        413 => "too large",
        426 => "upgrade required",
        429 => "too many requests",
        503 => "unavailable",
        _ => return None,
    })
}

/// The first page whose range holds the status.
fn page(route: &Route, status: u16) -> Option<(&ErrorPage, Loc)> {
    let pages = route.error_pages.as_ref()?;
    pages.pages.iter().find_map(|it| {
        let (range, page) = &it.value;
        (range.first..=range.last)
            .contains(&status)
            .then_some((page, it.loc()))
    })
}

/// `return …` of a page.
fn returned(line: Line, page: &ErrorPage, status: u16) -> Line {
    match page {
        ErrorPage::Respond(own, respond) => fixed(
            line.with("return status")
                .number(own.unwrap_or(status).into()),
            respond,
        ),
        ErrorPage::Redirect(redirect) => line
            .with("return status")
            .number(redirect.status.into())
            .with("hdr Location")
            .tok(&location(redirect, false)),
    }
}

/// `content-type … string …`, or nothing for an empty body.
pub(super) fn fixed(line: Line, respond: &Respond) -> Line {
    if respond.body.is_empty() {
        return line;
    }
    line.with("content-type")
        .word(&respond.content_type)
        .with("string")
        .tok(&haproxy::body(&respond.body))
}

/// Where a redirect leads, as a log-format token; late, once the request is gone, from what was kept.
pub(super) fn location(redirect: &Redirect, late: bool) -> Tok {
    let (scheme, host, path) = match &redirect.to {
        RedirectTo::Url(url) => return haproxy::fmt(url),
        RedirectTo::Parts { scheme, host, path } => (scheme, host, path),
    };
    let mut parts = Vec::new();
    let word = scheme
        .as_ref()
        .map(|it| format!("{it:?}").to_ascii_lowercase());
    match &word {
        Some(scheme) => parts.push(Part::Text(scheme)),
        None => parts.push(Part::Static("%[ssl_fc,iif(https,http)]")),
    }
    parts.push(Part::Static("://"));
    match host {
        Some(host) => parts.push(Part::Text(host)),
        // Another scheme has another port.
        None if late || scheme.is_some() => parts.push(Part::Static("%[var(txn.host)]")),
        None => parts.push(Part::Static("%[req.hdr(host)]")),
    }
    match path {
        Some(path) => {
            parts.push(Part::Text(path));
            if !late {
                parts.push(Part::Static("%[var(txn.query)]"));
            }
        }
        None if late => parts.push(Part::Static("/")),
        None => parts.push(Part::Static("%[pathq]")),
    }
    haproxy::token(&parts)
}

/// Error pages in place of what HAProxy answers when servers fail, and of what servers answer.
pub(super) fn pages(route: &Route, on: &On, lines: &mut Vec<Tok>) {
    let Some(pages) = &route.error_pages else {
        return;
    };
    if pages.replace.value != Replace::Proxy {
        for (number, it) in pages.pages.iter().enumerate() {
            let (range, page) = &it.value;
            let name = format!("{}:page{number}", route.name);
            let status = acl(&name, "status").with("-m int").parts(&[
                Part::Number(range.first.into()),
                Part::Static(":"),
                Part::Number(range.last.into()),
            ]);
            lines.push(status.at(it.loc()).end());
            // A range keeps the status that the server gave: one rule for each status of it.
            let statuses: Vec<u16> = match page {
                ErrorPage::Respond(None, _) => (range.first.max(200)..=range.last).collect(),
                ErrorPage::Respond(Some(_), _) | ErrorPage::Redirect(_) => vec![range.first],
            };
            let only = statuses.len() == 1;
            for status in statuses {
                let rule = match page {
                    ErrorPage::Redirect(redirect) => line("http-response return status")
                        .number(redirect.status.into())
                        .with("hdr Location")
                        .tok(&location(redirect, true)),
                    ErrorPage::Respond(..) => returned(line("http-response"), page, status),
                };
                if only {
                    lines.push(on.rule(rule, &[&name], it.loc()));
                } else {
                    let exact = format!("{name}:{status}");
                    lines.push(
                        acl(&exact, "status")
                            .with("-m int")
                            .number(status.into())
                            .at(it.loc())
                            .end(),
                    );
                    lines.push(on.rule(rule, &[&exact], it.loc()));
                }
            }
        }
    }
    if pages.replace.value != Replace::Server {
        own_pages(route, on, lines);
    }
}

fn own_pages(route: &Route, on: &On, lines: &mut Vec<Tok>) {
    let mut marked = false;
    for status in OWN {
        let Some((page, at)) = page(route, status) else {
            continue;
        };
        let empty = Respond {
            status,
            body: " ".to_owned(),
            content_type: "text/plain".to_owned(),
        };
        let (body, change) = match page {
            ErrorPage::Respond(own, respond) => {
                let body = if respond.body.is_empty() {
                    &empty
                } else {
                    respond
                };
                (body.clone(), own.filter(|own| *own != status))
            }
            ErrorPage::Redirect(redirect) => (empty, Some(redirect.status)),
        };
        lines.push(
            fixed(line("http-error status").number(status.into()), &body)
                .at(at)
                .end(),
        );
        let Some(change) = change else {
            continue;
        };
        if !marked {
            marked = true;
            lines.push(
                line("http-response set-var(txn.server) bool(true)")
                    .at(at)
                    .end(),
            );
            lines.push(
                line("acl answered:server var(txn.server) -m found")
                    .at(at)
                    .end(),
            );
        }
        let failed = format!("failed:{status}");
        lines.push(
            acl(&failed, "status")
                .with("-m int")
                .number(status.into())
                .at(at)
                .end(),
        );
        // The header first: the status is what the next rule looks at.
        if let ErrorPage::Redirect(redirect) = page {
            lines.push(on.rule(
                line("http-after-response set-header Location").tok(&location(redirect, true)),
                &[&failed, "!answered:server"],
                at,
            ));
        }
        lines.push(on.rule(
            line("http-after-response set-status").number(change.into()),
            &[&failed, "!answered:server"],
            at,
        ));
    }
}

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
pub(super) fn headers(ctx: &Ctx<'_>, route: &Route, on: &On, lines: &mut Vec<Tok>) -> Vec<Tok> {
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
