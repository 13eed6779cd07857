//! The plan: the file in HAProxy's own words, section by section. What is lost was decided before; nothing fails here.

mod access;
mod bind;
mod expr;
mod finder;
mod global;
mod group;
mod headers;
mod limits;
mod listener;
mod log;
mod request;
mod response;
mod route;
mod server;
mod sticky;
mod table;
mod token;
mod upstream;

use serde::Serialize;

use crate::emit::lang::haproxy::HAPROXY;
use crate::emit::{Line, Part, Tok};
use crate::ir::{Fact, Gateway, Listener, Loc, LogField, Piece, Route, Set};
use crate::targets::{Env, Layout, Verdicts};
use group::Groups;

/// The file.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    /// The comment at the head.
    about: Vec<Tok>,
    /// Sections that belong together.
    parts: Vec<Chapter>,
}

/// Sections that belong together, under a comment.
#[derive(Debug, Serialize)]
struct Chapter {
    remarks: Vec<Tok>,
    sections: Vec<Section>,
}

/// A section: its first line and the lines below it.
#[derive(Debug, Serialize)]
struct Section {
    head: Tok,
    lines: Vec<Tok>,
}

/// What every part of the plan reads.
struct Ctx<'a> {
    g: &'a Gateway,
    v: &'a Verdicts<'a>,
    env: &'a Env<'a>,
    groups: Groups<'a>,
    wants: Wants,
}

/// Facts that have to be kept early because something reads them late.
#[derive(Debug, Default)]
struct Wants {
    /// The path and query as the client sent them.
    uri: bool,
    /// The id of the request.
    id: bool,
    /// The port that the client sees.
    port: bool,
}

/// The whole file for a gateway.
pub(super) fn plan<'a>(g: &'a Gateway, v: &'a Verdicts<'a>, env: &'a Env<'a>) -> Plan {
    let ctx = Ctx {
        g,
        v,
        env,
        groups: Groups::new(g),
        wants: wants(g),
    };
    let mut parts = vec![Chapter {
        remarks: Vec::new(),
        sections: global::sections(&ctx),
    }];
    let mut listeners: Vec<Section> = g
        .listeners
        .iter()
        .map(|it| listener::frontend(&ctx, it))
        .collect();
    listeners.extend(log::metrics(&ctx));
    parts.push(Chapter {
        remarks: banner("Listeners: each finds the route of a request, and with it the backend"),
        sections: listeners,
    });
    let upstreams = ctx.groups.list.iter().map(|it| upstream::backend(&ctx, it));
    parts.push(chapter(
        "Upstreams: the rules of their routes, then the servers",
        upstreams.collect(),
    ));
    let answers = g.routes.iter().filter(|route| route.shares().is_empty());
    parts.push(chapter(
        "Routes that the proxy answers itself",
        answers.map(|route| route::answering(&ctx, route)).collect(),
    ));
    parts.push(chapter(
        "Counters: tables only, no traffic goes here",
        table::sections(&ctx),
    ));
    parts.retain(|part| !part.sections.is_empty());
    Plan {
        about: global::about(&ctx),
        parts,
    }
}

fn chapter(title: &str, sections: Vec<Section>) -> Chapter {
    Chapter {
        remarks: banner(title),
        sections,
    }
}

fn banner(title: &str) -> Vec<Tok> {
    vec![remark(title).end(), Tok::fixed("")]
}

fn wants(g: &Gateway) -> Wants {
    let mut wants = Wants::default();
    if let Some(log) = &g.log {
        wants.uri = true;
        wants.id = log.fields.value.contains(&LogField::RequestId);
    }
    let ops = g
        .routes
        .iter()
        .flat_map(|route| route.request_headers.iter().chain(&route.response_headers));
    for piece in ops
        .filter_map(|op| op.change.value())
        .flat_map(|value| &value.0)
    {
        match piece {
            Piece::Fact(Fact::Path | Fact::Uri) => wants.uri = true,
            Piece::Fact(Fact::RequestId) => wants.id = true,
            Piece::Fact(Fact::Port) => wants.port = true,
            Piece::Fact(_) | Piece::Text(_) => {}
        }
    }
    wants
}

impl<'a> Ctx<'a> {
    /// The routes that requests on a listener can reach, in the order of the file.
    fn served(&self, listener: &'a Listener) -> impl Iterator<Item = &'a Route> {
        let g = self.g;
        g.routes
            .iter()
            .filter(move |route| g.serves(listener, route))
    }

    fn is_include(&self) -> bool {
        self.env.layout == Layout::Include
    }

    /// `backend NAME`, with the defaults of this file where another configuration stands around it.
    fn head(&self, kind: &'static str, name: &str, at: Loc) -> Tok {
        let line = line(kind).name(name);
        if self.is_include() {
            line.with("from wsgen").at(at).end()
        } else {
            line.at(at).end()
        }
    }
}

/// A rule's conditions: the route's own, where its section serves several routes, and further ones.
struct On {
    route: Option<String>,
}

impl On {
    /// `line if ROUTE TERM…`; a term is the name of an acl, or `!` and a name.
    fn rule(&self, line: Line, terms: &[&str], at: Loc) -> Tok {
        conditions(
            line,
            self.route
                .iter()
                .map(String::as_str)
                .chain(terms.iter().copied()),
        )
        .at(at)
        .end()
    }
}

fn conditions<'t>(mut line: Line, terms: impl Iterator<Item = &'t str>) -> Line {
    let mut first = true;
    for term in terms {
        if first {
            line = line.with("if");
            first = false;
        }
        line = self::term(line, term);
    }
    line
}

/// The name of an acl, or `!` and a name.
fn term(line: Line, term: &str) -> Line {
    match term.strip_prefix('!') {
        Some(name) => line.parts(&[Part::Static("!"), Part::Name(name)]),
        None => line.name(term),
    }
}

fn line(syntax: &'static str) -> Line {
    Line::new(&HAPROXY, syntax)
}

fn remark(text: &str) -> Line {
    Line::remark(&HAPROXY, text)
}

/// `acl NAME EXPRESSION`, to be followed by the method of matching.
fn acl(name: &str, expression: &str) -> Line {
    line("acl").name(name).word(expression)
}

/// Lines `acl NAME EXPRESSION METHOD -- VALUE…`, broken up: HAProxy reads 64 words per line.
fn acl_list<'t>(
    lines: &mut Vec<Tok>,
    name: &str,
    expression: &str,
    method: &'static str,
    values: impl IntoIterator<Item = &'t str>,
    at: Loc,
) {
    let values: Vec<&str> = values.into_iter().collect();
    for some in values.chunks(50) {
        let mut it = acl(name, expression).with(method).with("--");
        for value in some {
            it = it.word(value);
        }
        lines.push(it.at(at).end());
    }
}

/// The lines of a snippet in HAProxy's own words, under a mark.
fn raw(lines: &mut Vec<Tok>, snippet: &Set<String>) {
    lines.push(remark("raw, outside the contract:").at(snippet.loc()).end());
    for text in snippet.value.lines() {
        lines.push(
            line("")
                .tok(&Tok::snippet(text).at(snippet.loc()))
                .at(snippet.loc())
                .end(),
        );
    }
}
