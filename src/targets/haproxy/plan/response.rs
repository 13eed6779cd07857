//! Answers: those that the proxy makes, and error pages in their place.

use super::{On, acl, line};
use crate::emit::lang::haproxy;
use crate::emit::{Line, Part, Tok};
use crate::ir::{ErrorPage, Loc, Redirect, RedirectTo, Replace, Respond, Route};

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
