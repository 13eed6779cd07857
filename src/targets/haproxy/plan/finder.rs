//! Which route takes a request: one line for each entry of the computed order.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use std::borrow::Cow;

use super::{Ctx, acl, acl_list, expr, line, remark};
use crate::emit::{Part, Tok};
use crate::ir::{Condition, HostMatch, Listener, PathMatch, Route, RouteId, ValueMatch};

/// Finds the route. Hosts and paths stand in the rules themselves: among thousands of names HAProxy looks for each from
/// the first on, and 10,000 routes took it 2 s to read.
#[derive(Default)]
pub(super) struct Finder<'a> {
    /// How many entries were found a line.
    pub(super) entries: usize,
    parts: HashMap<&'a str, u64>,
    hosts: HashSet<&'a HostMatch>,
    conditions: HashMap<RouteId, Vec<String>>,
    segments: bool,
}

impl<'a> Finder<'a> {
    pub(super) fn entry(
        &mut self,
        route: &'a Route,
        host: &'a HostMatch,
        path: &'a PathMatch,
        lines: &mut Vec<Tok>,
    ) {
        self.entries += 1;
        self.hosts.insert(host);
        if !self.segments && matches!(path, PathMatch::Prefix(text) if !text.ends_with('/')) {
            self.segments = true;
            lines.push(remark("with a slash behind it a path is matched by whole segments").end());
            lines.push(line("http-request set-var(txn.path) path,concat(/)").end());
        }
        let more = self
            .conditions
            .entry(route.id)
            .or_insert_with(|| when(route, lines));
        let mut rule = line("http-request set-var(txn.route)").parts(&[
            Part::Static("str("),
            Part::Name(&route.name),
            Part::Static(")"),
        ]);
        let mut joint = "if";
        if let HostMatch::Exact(text) = host
            && let Some(part) = self.parts.get(text.as_str())
        {
            rule = rule
                .with("if { var(req.part) -m int")
                .number(*part)
                .with("}");
            joint = "";
        }
        if let Some((method, value)) = host_match(host) {
            rule = rule.with(joint).with("{ var(txn.host)").with(method);
            rule = rule.word(&value).with("}");
            joint = "";
        }
        if let Some((source, method, value)) = path_match(path) {
            rule = rule.with(joint).with(source).with(method);
            rule = rule.word(&value).with("}");
            joint = "";
        }
        let routed = (self.entries > 1).then_some("!routed");
        for term in more.iter().map(String::as_str).chain(routed) {
            rule = rule.with(joint);
            joint = "";
            rule = super::term(rule, term);
        }
        lines.push(rule.at(route.at).end());
    }

    /// Puts many hosts into parts: a number is compared five times as quickly as a name (0.1 and 0.5 µs on 2.8.25), and
    /// HAProxy goes through all rules for each request.
    pub(super) fn divide(&mut self, ctx: &Ctx<'a>, it: &Listener, lines: &mut Vec<Tok>) {
        const SIZE: usize = 32;
        let mut hosts: Vec<&'a str> = Vec::new();
        for entry in &ctx.g.table {
            if let HostMatch::Exact(host) = entry.host(ctx.g)
                && ctx.g.serves(it, ctx.g.route(entry.route))
                && hosts.last() != Some(&host.as_str())
            {
                hosts.push(host);
            }
        }
        if hosts.len() <= 2 * SIZE {
            return;
        }
        lines.push(
            remark("which part of the hosts: the rules of other parts are passed over quickly")
                .end(),
        );
        for (number, part) in (1u64..).zip(hosts.chunks(SIZE)) {
            let mut rule = line("http-request set-var(req.part)")
                .parts(&[
                    Part::Static("int("),
                    Part::Number(number),
                    Part::Static(")"),
                ])
                .with("if { var(txn.host) -m str --");
            for host in part {
                rule = rule.word(host);
                self.parts.insert(host, number);
            }
            lines.push(rule.with("}").end());
        }
    }

    /// The acl `host:known`; false where no route names a host.
    pub(super) fn known_hosts(&self, lines: &mut Vec<Tok>) -> bool {
        let mut hosts: Vec<&HostMatch> = self.hosts.iter().copied().collect();
        hosts.sort_by_cached_key(ToString::to_string);
        let exact = hosts.iter().filter_map(|host| match host {
            HostMatch::Exact(text) => Some(text.as_str()),
            HostMatch::Wildcard(_) | HostMatch::Regex(_) | HostMatch::Any => None,
        });
        let at = crate::source::Loc::default();
        acl_list(lines, "host:known", "var(txn.host)", "-m str", exact, at);
        for host in &hosts {
            if let (HostMatch::Wildcard(_) | HostMatch::Regex(_), Some((method, value))) =
                (host, host_match(host))
            {
                lines.push(
                    acl("host:known", "var(txn.host)")
                        .with(method)
                        .word(&value)
                        .end(),
                );
            }
        }
        hosts.iter().any(|host| **host != HostMatch::Any)
    }
}

/// How a host is compared, and with what; `None` takes every host.
fn host_match(host: &HostMatch) -> Option<(&'static str, Cow<'_, str>)> {
    match host {
        HostMatch::Any => None,
        HostMatch::Exact(text) => Some(("-m str --", text.into())),
        HostMatch::Wildcard(zone) => Some(("-m end --", format!(".{zone}").into())),
        HostMatch::Regex(regex) => Some(("-m reg --", expr::whole(regex).into())),
    }
}

/// What a path is looked for in, how, and with what; `None` takes every path.
fn path_match(path: &PathMatch) -> Option<(&'static str, &'static str, Cow<'_, str>)> {
    match path {
        PathMatch::Exact(text) => Some(("{ path", "-m str --", text.into())),
        PathMatch::Regex(regex) => Some(("{ path", "-m reg --", expr::whole(regex).into())),
        PathMatch::Prefix(text) if text == "/" => None,
        PathMatch::Prefix(text) if text.ends_with('/') => {
            Some(("{ path", "-m beg --", text.into()))
        }
        PathMatch::Prefix(text) => {
            Some(("{ var(txn.path)", "-m beg --", format!("{text}/").into()))
        }
    }
}

/// The acls of a route's `when`, and the terms that ask for them.
fn when(route: &Route, lines: &mut Vec<Tok>) -> Vec<String> {
    let mut terms = Vec::new();
    let when = &route.when;
    let name = |what: &str, number: usize| format!("when:{}:{what}{number}", route.name);
    if let Some(methods) = &when.methods {
        let acl = name("method", 0);
        let values = methods.value.iter().map(String::as_str);
        acl_list(lines, &acl, "method", "-m str", values, methods.loc());
        terms.push(acl);
    }
    for (number, it) in when.headers.iter().enumerate() {
        let arg = expr::arg(&it.value.name);
        let expression = format!("req.fhdr({arg})");
        let acl_name = name("header", number);
        // Several lines are one value, joined by commas, which is another than each of them.
        if !matches!(it.value.value, ValueMatch::Present(_)) {
            let once = name("once", number);
            lines.push(
                acl(&once, &format!("req.fhdr_cnt({arg})"))
                    .with("-m int 1")
                    .at(it.loc())
                    .end(),
            );
            terms.push(once);
        }
        terms.push(condition(lines, acl_name, &expression, &it.value, it.loc()));
    }
    for (number, it) in when.query.iter().enumerate() {
        let encoded = expr::encoded_name(&it.value.name);
        let acl_name = name("query", number);
        // Of a query without the parameter the expression below would be the query itself.
        if !matches!(it.value.value, ValueMatch::Present(_)) {
            let there = name("asked", number);
            lines.push(
                acl(&there, "query")
                    .with("-m reg --")
                    .word(&format!("(?:^|&){encoded}(?:=|&|$)"))
                    .at(it.loc())
                    .end(),
            );
            terms.push(there);
        }
        // The first parameter of the name is the one that counts.
        let first = format!("^(?:[^&]*&)*?{encoded}(?:=([^&]*))?(?:&.*)?$");
        let expression = format!(
            "query,regsub({},{}),url_dec(1)",
            expr::arg(&first),
            expr::arg(r"\1")
        );
        terms.push(condition(lines, acl_name, &expression, &it.value, it.loc()));
    }
    if let Some(ranges) = &when.clients {
        let acl = name("client", 0);
        super::access::ranges(lines, &acl, &ranges.value, ranges.loc());
        terms.push(acl);
    }
    if let Some(upgrade) = &when.upgrade {
        let acl_name = name("upgrade", 0);
        lines.push(
            acl(&acl_name, "req.fhdr(upgrade)")
                .with("-m str -i websocket")
                .at(upgrade.loc())
                .end(),
        );
        terms.push(if upgrade.value {
            acl_name
        } else {
            format!("!{acl_name}")
        });
    }
    terms
}

fn condition(
    lines: &mut Vec<Tok>,
    name: String,
    expression: &str,
    condition: &Condition,
    at: crate::source::Loc,
) -> String {
    let rule = match &condition.value {
        // A value may be empty, which `-m found` takes for none.
        ValueMatch::Present(_) if expression.starts_with("req.fhdr(") => {
            acl(&name, &expression.replacen("req.fhdr(", "req.fhdr_cnt(", 1)).with("-m int gt 0")
        }
        ValueMatch::Present(_) => acl(&name, "query").with("-m reg --").word(&format!(
            "(?:^|&){}(?:=|&|$)",
            expr::encoded_name(&condition.name)
        )),
        ValueMatch::Exact(_) | ValueMatch::Regex(_) => acl(&name, expression),
    };
    let (rule, term) = match &condition.value {
        ValueMatch::Exact(text) if text.is_empty() => (rule.with("-m len 0"), name),
        ValueMatch::Exact(text) => (rule.with("-m str --").word(text), name),
        ValueMatch::Regex(regex) => (rule.with("-m reg --").word(&expr::whole(regex)), name),
        ValueMatch::Present(true) => (rule, name),
        ValueMatch::Present(false) => (rule, format!("!{name}")),
    };
    lines.push(rule.at(at).end());
    term
}
