//! The plan: the Worker's data in JavaScript, which parts of its code the data needs, and how it is deployed.

mod auth;
mod deploy;
mod flags;
mod pattern;
mod route;
mod table;
mod upstream;
mod value;

use serde::Serialize;

use crate::emit::lang::js;
use crate::emit::{Map, Node, Style, Tok};
use crate::ir::{Gateway, Loc, LogField, LogFormat};
use crate::targets::{Env, Layout, Verdicts};
pub(super) use deploy::deployment;
use flags::Flags;

/// The module.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    /// The comment at the head.
    about: Vec<Tok>,
    /// What clients connect to: an array.
    listeners: Vec<Tok>,
    /// Servers by upstream: an object.
    upstreams: Vec<Tok>,
    /// Ways to know a client: an object.
    ways: Vec<Tok>,
    /// What becomes of a request: an object.
    routes: Vec<Tok>,
    /// Hosts and paths: an array.
    table: Vec<Tok>,
    /// The user's own code.
    raw: Vec<Tok>,
    /// The properties of `Env`, as lines of a comment.
    bindings: Vec<Tok>,
    /// What a line of the log holds: an object.
    facts: Vec<Tok>,
    /// Headers whose values are in no log: an array.
    redact_headers: Vec<Tok>,
    /// Query parameters whose values are in no log: an array.
    redact_query: Vec<Tok>,
    /// Which parts of the code are there.
    #[serde(flatten)]
    flags: Flags,
}

/// What every part of the plan reads.
struct Ctx<'a> {
    g: &'a Gateway,
    v: &'a Verdicts<'a>,
}

/// The module for a gateway.
pub(super) fn plan<'a>(g: &'a Gateway, v: &'a Verdicts<'a>, env: &Env<'_>) -> Plan {
    let ctx = Ctx { g, v };
    let flags = Flags::of(&ctx);
    let mut raw = Vec::new();
    if let Some(top) = &g.rooms.worker.room.raw.top {
        raw.push(Tok::fixed("// raw, outside the contract:"));
        let lines = top.value.lines();
        raw.extend(lines.map(|line| Tok::snippet(line).at(top.loc())));
        raw.push(Tok::fixed(""));
    }
    let log = g.log.as_ref();
    let names = |start, list: &[String]| match list {
        [] => Vec::new(),
        list => statement(start, strings(list)),
    };
    Plan {
        about: deploy::about(g, v, env),
        listeners: statement("const listeners =", table::listeners(&ctx)),
        upstreams: statement("const upstreams =", upstream::upstreams(&ctx).into()),
        ways: statement("const auth =", auth::ways(&ctx).into()),
        routes: statement("const routes =", route::routes(&ctx).into()),
        table: statement("const table =", table::hosts(&ctx)),
        raw,
        bindings: deploy::bindings(&ctx),
        facts: log.map_or_else(Vec::new, |log| match log.format.value {
            LogFormat::Json => statement(
                "  const facts =",
                facts(&log.fields.value, log.fields.loc()).into(),
            ),
            LogFormat::Common => Vec::new(),
        }),
        redact_headers: log.map_or_else(Vec::new, |log| {
            names("const redactedHeaders =", &log.redact_headers.value)
        }),
        redact_query: log.map_or_else(Vec::new, |log| {
            names("const redactedQuery =", &log.redact_query.value)
        }),
        flags,
    }
}

/// The lines of a statement that ends with an object or array: `const servers =`.
fn statement(start: &str, node: Node) -> Vec<Tok> {
    let mut lines = node.document(Style::Js, start);
    if let Some(last) = lines.pop() {
        lines.push(Tok::joined([(last, &Tok::fixed(";"))]));
    }
    lines
}

fn string(text: &str) -> Node {
    Node::tok(js::string(text))
}

fn strings(list: &[String]) -> Node {
    Node::list(list.iter().map(|text| string(text)))
}

/// What a line of the log holds.
fn facts(fields: &[LogField], at: Loc) -> Map {
    fields.iter().fold(Map::new(), |map, field| {
        let (name, code) = match field {
            LogField::Time => ("time", "() => new Date().toISOString()"),
            LogField::ClientIp => ("client_ip", "() => asked.client"),
            LogField::RequestId => ("request_id", "() => asked.id"),
            LogField::Method => ("method", "() => request.method"),
            LogField::Scheme => ("scheme", "() => asked.scheme"),
            LogField::Host => ("host", "() => asked.host"),
            LogField::Path => ("path", "() => url.pathname"),
            LogField::Query => ("query", "() => redacted(asked.query)"),
            LogField::Protocol => ("protocol", "() => protocol(request)"),
            LogField::Status => ("status", "() => response.status"),
            LogField::Route => ("route", "() => asked.entry?.route ?? \"\""),
            LogField::Upstream => ("upstream", "() => asked.upstream ?? \"\""),
            LogField::Server => (
                "server",
                "() => asked.server?.url.replace(/^https?:\\/\\//, \"\") ?? \"\"",
            ),
            LogField::Duration => ("duration", "() => (Date.now() - asked.started) / 1000"),
            LogField::BytesIn => ("bytes_in", "() => length(request.headers)"),
            LogField::BytesOut => ("bytes_out", "() => length(response.headers)"),
            LogField::UserAgent => ("user_agent", "() => header(request, \"user-agent\")"),
            LogField::Referer => ("referer", "() => header(request, \"referer\")"),
        };
        map.put(name, Node::tok(Tok::fixed(code)).at(at))
    })
}

/// Whether only parts for an existing configuration are asked for.
const fn is_include(env: &Env<'_>) -> bool {
    matches!(env.layout, Layout::Include)
}
