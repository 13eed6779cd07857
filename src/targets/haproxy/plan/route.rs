//! The rules of a route, in the order in which a request meets them.

use super::expr;
use super::group::Group;
use super::headers;
use super::response::{self, Answers};
use super::{Ctx, On, Section, access, acl, limits, line, raw, remark, token};
use crate::emit::lang::haproxy;
use crate::emit::{Line, Part, Tok};
use crate::ir::{
    Action, Change, Feature, HeaderOp, HostHeader, Loc, PathMatch, PathRewrite, Rewrite, Route,
    Subject,
};

/// The section of a route without an upstream.
pub(super) fn answering(ctx: &Ctx<'_>, route: &Route) -> Section {
    let mut lines = Vec::new();
    let on = On { route: None };
    let closed = rules(ctx, None, route, &on, &mut lines);
    if !closed {
        let answer = match &route.action {
            Action::Redirect(redirect) => {
                if !matches!(&redirect.value.to, crate::ir::RedirectTo::Url(_)) {
                    let with = line(
                        "http-request set-var-fmt(txn.query) ?%[query] if { query -m len gt 0 }",
                    );
                    lines.push(with.at(redirect.loc()).end());
                }
                line("http-request redirect location")
                    .tok(&response::location(&redirect.value, false))
                    .with("code")
                    .number(redirect.value.status.into())
                    .at(redirect.loc())
            }
            Action::Respond(respond) => response::fixed(
                line("http-request return status").number(respond.value.status.into()),
                &respond.value,
            )
            .at(respond.loc()),
            Action::Forward(_) => line("http-request return status 503"),
        };
        lines.push(answer.end());
    }
    Section {
        head: ctx.head("backend", &format!("route:{}", route.name), route.at),
        lines,
    }
}

/// All rules of a route in its section. True where the route is closed: no rule of it may follow.
pub(super) fn rules(
    ctx: &Ctx<'_>,
    group: Option<&Group<'_>>,
    route: &Route,
    on: &On,
    lines: &mut Vec<Tok>,
) -> bool {
    let answers = Answers::new(route);
    if let Some(auth) = ctx.g.auth_of(route)
        && !ctx.v.renders_guards(Subject::Auth(auth))
    {
        let at = route.auth.as_ref().map_or(route.at, |it| it.loc());
        lines.push(
            remark(&format!(
                "closed: HAProxy cannot keep the guard `{}` that this route asks for",
                auth.name
            ))
            .end(),
        );
        lines.push(on.rule(answers.say(503, &[]), &[], at));
        return true;
    }
    // First: an answer that refuses has these headers too.
    let late = headers::changes(ctx, route, on, lines);
    access::admission(route, on, &answers, lines);
    limits::rules(ctx, route, on, &answers, lines);
    token::credentials(ctx, route, on, &answers, lines);
    lines.extend(late);
    limits::body(route, on, &answers, lines);
    for (number, op) in route.request_headers.iter().enumerate() {
        header(ctx, route, on, number, op, lines);
    }
    if let Some(group) = group {
        if let Some(share) = route
            .shares()
            .iter()
            .find(|share| share.upstream.value == group.upstream.id)
            && let HostHeader::Set(host) = &share.host_header.value
        {
            lines.push(on.rule(
                line("http-request set-header Host").tok(&haproxy::fmt(host)),
                &[],
                share.host_header.loc(),
            ));
        }
        if let Some(it) = &route.rewrite {
            rewrite(ctx, route, on, it, lines);
        }
        response::pages(route, on, lines);
    }
    for (_, snippet) in ctx
        .g
        .rooms
        .haproxy
        .room
        .raw
        .routes
        .iter()
        .filter(|(id, _)| *id == route.id)
    {
        raw(lines, snippet);
    }
    false
}

fn header(
    ctx: &Ctx<'_>,
    route: &Route,
    on: &On,
    number: usize,
    op: &HeaderOp,
    lines: &mut Vec<Tok>,
) {
    let value = op
        .change
        .value()
        .map(|value| expr::format(value, |fact| expr::fact(fact, ctx.env)))
        .unwrap_or_else(expr::nothing);
    let named = |syntax| line(syntax).word(&op.name);
    let rule = match &op.change {
        Change::Remove => named("http-request del-header"),
        Change::Set(_) | Change::SetIfAbsent(_) => named("http-request set-header").tok(&value),
        Change::Add(_) => named("http-request add-header").tok(&value),
    };
    if let Change::SetIfAbsent(_) = &op.change {
        let there = format!("{}:sent{number}", route.name);
        lines.push(
            acl(&there, &format!("req.hdr({})", expr::arg(&op.name)))
                .with("-m found")
                .at(op.at)
                .end(),
        );
        lines.push(on.rule(rule, &[&format!("!{there}")], op.at));
    } else {
        lines.push(on.rule(rule, &[], op.at));
    }
}

fn rewrite(ctx: &Ctx<'_>, route: &Route, on: &On, it: &Rewrite, lines: &mut Vec<Tok>) {
    lines.push(remark("what the server sees as path and query").end());
    if let Some(path) = &it.path {
        let at = path.loc();
        match &path.value {
            PathRewrite::StripPrefix => {
                lines.push(on.rule(replace(route, ""), &[], at));
            }
            PathRewrite::ReplacePrefix(new) => {
                lines.push(on.rule(replace(route, new.trim_end_matches('/')), &[], at));
            }
            PathRewrite::Path(new) => {
                lines.push(on.rule(
                    line("http-request set-path").tok(&haproxy::fmt(new)),
                    &[],
                    at,
                ));
            }
            PathRewrite::Regex { matches, to } => {
                if ctx
                    .v
                    .renders(Feature::RewriteRegex, Subject::Route(route), path.from)
                {
                    let rule = line("http-request replace-path")
                        .word(&expr::whole(matches))
                        .tok(&expr::replacement(to));
                    lines.push(on.rule(rule, &[], at));
                    let rule = line("http-request replace-path")
                        .word("^/*(.*)$")
                        .word(r"/\1");
                    lines.push(on.rule(rule, &[], at));
                }
            }
        }
        if it.map_location.value {
            map_back(route, on, &path.value, it.map_location.loc(), lines);
        }
    }
    for name in &it.query_remove {
        drop_parameter(&route.name, on, &name.value, name.loc(), lines);
    }
    for (number, pair) in it.query_set.iter().enumerate() {
        let (name, value) = &pair.value;
        drop_parameter(&route.name, on, name, pair.loc(), lines);
        let pair_text = format!("{}={}", percent(name), percent(value));
        let has = format!("{}:query{number}", route.name);
        lines.push(acl(&has, "query").with("-m len gt 0").at(pair.loc()).end());
        let set = |parts: &[Part<'_>]| line("http-request set-query").parts(parts);
        // Decided once: the first rule changes what the second would see.
        lines.push(
            on.rule(
                line("http-request set-var-fmt(txn.pair)")
                    .parts(&[Part::Text("&"), Part::Text(&pair_text)]),
                &[&has],
                pair.loc(),
            ),
        );
        lines.push(on.rule(
            line("http-request set-var-fmt(txn.pair)").parts(&[Part::Text(&pair_text)]),
            &[&format!("!{has}")],
            pair.loc(),
        ));
        lines.push(on.rule(
            set(&[Part::Static("%[query]%[var(txn.pair)]")]),
            &[],
            pair.loc(),
        ));
    }
}

/// Replaces the prefix that the route matched; the longest of several first.
fn replace(route: &Route, new: &str) -> Line {
    let mut prefixes: Vec<&str> = route
        .paths
        .iter()
        .filter_map(|path| match &path.value {
            PathMatch::Prefix(text) | PathMatch::Exact(text) => Some(text.trim_end_matches('/')),
            PathMatch::Regex(_) => None,
        })
        .collect();
    prefixes.sort_by_key(|text| std::cmp::Reverse(text.len()));
    prefixes.dedup();
    let mut parts = vec![Part::Static("^(?:")];
    for (number, prefix) in prefixes.iter().enumerate() {
        if number > 0 {
            parts.push(Part::Static("|"));
        }
        parts.push(Part::Regex(prefix));
    }
    let line = line("http-request replace-path");
    if new.is_empty() {
        parts.push(Part::Static(")(?:/+(.*))?$"));
        line.parts(&parts).with(r"/\1")
    } else {
        parts.push(Part::Static(")(/.*)?$"));
        let text = new.replace('\\', r"\\");
        line.parts(&parts)
            .parts(&[Part::Text(&text), Part::Static(r"\1")])
    }
}

/// Maps what the server says about its own paths back to the route's.
fn map_back(route: &Route, on: &On, path: &PathRewrite, at: Loc, lines: &mut Vec<Tok>) {
    let new = match path {
        PathRewrite::StripPrefix => "",
        PathRewrite::ReplacePrefix(new) => new.trim_end_matches('/'),
        PathRewrite::Path(_) | PathRewrite::Regex { .. } => return,
    };
    let Some(old) = route.paths.iter().find_map(|it| match &it.value {
        PathMatch::Prefix(text) => Some(text.trim_end_matches('/')),
        PathMatch::Exact(_) | PathMatch::Regex(_) => None,
    }) else {
        return;
    };
    let old = old.replace('\\', r"\\");
    let name = |what: &str| format!("{}:location-{what}", route.name);
    let (own, relative) = (name("own"), name("relative"));
    lines.push(
        acl(
            &own,
            "res.fhdr(location),field(3,/),host_only,lower,strcmp(txn.host)",
        )
        .with("-m int 0")
        .at(at)
        .end(),
    );
    lines.push(
        acl(&relative, "res.fhdr(location)")
            .with("-m reg -- ^/([^/]|$)")
            .at(at)
            .end(),
    );
    let pattern = |scheme: &'static str| {
        [
            Part::Static(scheme),
            Part::Regex(new),
            Part::Static("(/.*)?$"),
        ]
    };
    let rule = line("http-response replace-header Location")
        .parts(&pattern("^(https?://[^/]+)"))
        .parts(&[Part::Static(r"\1"), Part::Text(&old), Part::Static(r"\2")]);
    lines.push(on.rule(rule, &[&own], at));
    let rule = line("http-response replace-header Location")
        .parts(&pattern("^()"))
        .parts(&[Part::Text(&old), Part::Static(r"\2")]);
    lines.push(on.rule(rule, &[&relative], at));
    let rule = line("http-response replace-header Set-Cookie")
        .parts(&[
            Part::Static("^(.*; *[Pp]ath=)"),
            Part::Regex(new),
            Part::Static("(/[^;]*)?(;.*)?$"),
        ])
        .parts(&[Part::Static(r"\1"), Part::Text(&old), Part::Static(r"\2\3")]);
    lines.push(on.rule(rule, &[], at));
}

/// Takes a query parameter away, however its name is encoded.
pub(super) fn drop_parameter(route: &str, on: &On, name: &str, at: Loc, lines: &mut Vec<Tok>) {
    let regex = format!("(^|[&;]){}=?[^&;]*", expr::encoded_name(name));
    // `name=value`, or the bare name; never another name that only begins alike.
    let exact = regex.replace("=?[^&;]*", "(?:=[^&;]*)?(?=[&;]|$)");
    let left = format!("query,regsub({},'',g),ltrim(&;)", expr::arg(&exact));
    let empty = format!("{route}:query-empty");
    lines.push(on.rule(line("http-request set-var(txn.left)").word(&left), &[], at));
    lines.push(acl(&empty, "var(txn.left)").with("-m len 0").at(at).end());
    lines.push(on.rule(
        line("http-request set-query %[var(txn.left)]"),
        &[&format!("!{empty}")],
        at,
    ));
    // `set-query` of nothing would leave a bare `?`.
    let asked = format!("{route}:query-asked");
    lines.push(acl(&asked, "query").with("-m len gt 0").at(at).end());
    lines.push(on.rule(
        line("http-request set-pathq %[path]"),
        &[&asked, &empty],
        at,
    ));
}

/// A text as it stands in a query.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
