//! NGINX's configuration, read as a spec: where its blocks stand, and in which order they are read.
//!
//! | step | files |
//! |---|---|
//! | text to words, words to directives, includes followed | `lexer`, `syntax` |
//! | what holds at a place, blocks in each other | `scope` |
//! | the process; servers, listeners, TLS | `process`, `site`, `listener`, `tls` |
//! | locations in NGINX's order, a location as a route | `place`, `route` |
//! | what a location does: answers, or passes on | `answer`, `forward`, `time`, `header`, `host`, `guard` |
//! | upstreams | `upstream`, `balance` |
//! | values in the words of a spec | `values` |
//! | what `wsgen render` itself writes | `own` |
//! | what is left to say | `sweep`, `known` |
//! | an original changed in places, for `wsgen verify --original` | `original` |

mod answer;
mod balance;
mod forward;
mod guard;
mod header;
mod host;
mod known;
mod lexer;
mod listener;
mod original;
mod own;
mod place;
mod process;
mod route;
mod scope;
mod site;
mod sweep;
mod syntax;
mod time;
mod tls;
mod upstream;
mod values;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::source::FileId;

use super::Reading;
pub use original::{Edit, Original, Statement};
use scope::Scope;
use syntax::Directive;
use values::Piece;
pub use values::duration;

/// Whether a text looks like NGINX's: a block or a directive of its own at the beginning of a line.
pub(super) fn looks_like(text: &str) -> bool {
    const BLOCKS: [&str; 6] = ["http", "server", "location", "upstream", "events", "map"];
    text.lines().map(str::trim_start).any(|line| {
        let name = line.split([' ', '\t', '{']).next().unwrap_or("");
        let line = line.split('#').next().unwrap_or("").trim_end();
        BLOCKS.contains(&name) && line.ends_with(['{', '}']) || line.starts_with("proxy_pass ")
    })
}

/// Reads a configuration, or a part of one.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) {
    let root = syntax::read(file, reading);
    if reading.report.has_errors() {
        return;
    }
    let parts = Parts::of(&root);
    if let Some(name) = own::gateway(reading.text(file)) {
        reading.draft.set(&["name"], name);
    }
    let mut nginx = Nginx::new(reading, &parts);
    nginx.process(&parts);
    nginx.sites(&parts);
    nginx.sweep(&root);
}

/// The parts of a configuration by where they belong, whether the text is a whole one, a file of `conf.d` or a bare `location`.
struct Parts<'a> {
    /// What stands outside `http`, with `events`; `None` where the text is only a part.
    main: Option<Scope<'a>>,
    /// What stands in `http`.
    http: Scope<'a>,
    /// The servers: their own directive, and what stands in them.
    servers: Vec<(Option<&'a Directive>, Scope<'a>)>,
}

impl<'a> Parts<'a> {
    fn of(root: &'a [Directive]) -> Self {
        let blocks = |name: &str| -> Vec<&'a Directive> {
            let found = root.iter().filter(|it| it.name == name);
            found.filter(|it| it.block.is_some()).collect()
        };
        let outside = Scope::default().inner(root);
        let https = blocks("http");
        let mut levels: Vec<&'a [Directive]> = https.iter().map(|it| it.children()).collect();
        let main = if https.is_empty() && blocks("events").is_empty() {
            None
        } else {
            let events = blocks("events");
            Some(
                events
                    .iter()
                    .fold(outside.clone(), |scope, it| scope.inner(it.children())),
            )
        };
        if levels.is_empty() {
            levels.push(root);
        }
        let mut servers = Vec::new();
        for level in &levels {
            let scope = outside.inner(level);
            for server in level.iter().filter(|it| it.name == "server") {
                if server.block.is_some() {
                    servers.push((Some(server), scope.inner(server.children())));
                }
            }
        }
        let http = outside.inner(levels.first().copied().unwrap_or_default());
        if servers.is_empty() && root.iter().any(|it| it.name == "location") {
            servers.push((None, Scope::default().inner(root)));
        }
        Self {
            main,
            http,
            servers,
        }
    }
}

/// A reading of NGINX's configuration under way.
struct Nginx<'a, 'r, 'f> {
    reading: &'r mut Reading<'f>,
    http: Scope<'a>,
    /// `upstream` blocks by name in lower case.
    upstreams: BTreeMap<String, &'a Directive>,
    /// The spec's upstreams by what they were made of.
    passed: BTreeMap<String, String>,
    /// What the first route of an upstream says of settings that all its routes share, by path; `None` where it leaves the language's
    /// default.
    first: BTreeMap<String, Option<Value>>,
    /// Named locations of the server that is read.
    named: BTreeMap<String, &'a Directive>,
    /// The spec's `auth` by what it was made of.
    auths: BTreeMap<String, String>,
    /// Whether routes of a default server take what other servers have no location for.
    open: bool,
}

impl<'a, 'r, 'f> Nginx<'a, 'r, 'f> {
    fn new(reading: &'r mut Reading<'f>, parts: &Parts<'a>) -> Self {
        let upstreams = parts
            .http
            .everywhere("upstream")
            .into_iter()
            .filter(|it| it.block.is_some())
            .map(|it| (it.arg(0).to_ascii_lowercase(), it))
            .collect();
        Self {
            reading,
            http: parts.http.clone(),
            upstreams,
            passed: BTreeMap::new(),
            first: BTreeMap::new(),
            named: BTreeMap::new(),
            auths: BTreeMap::new(),
            open: false,
        }
    }

    fn kept(&mut self, directive: &Directive, path: impl Into<String>) {
        self.reading.account.kept(directive.id, path);
    }

    fn moot(&mut self, directive: &Directive, why: impl Into<String>) {
        self.reading.account.moot(directive.id, why);
    }

    /// Kept at a path, or nothing had to be said, and why.
    fn kept_or_moot(&mut self, directive: &Directive, path: Option<String>, why: &str) {
        match path {
            Some(path) => self.kept(directive, path),
            None => self.moot(directive, why),
        }
    }

    fn changed(&mut self, directive: &Directive, path: impl Into<String>, how: impl Into<String>) {
        self.reading.account.changed(directive.id, path, how);
    }

    fn lost(&mut self, directive: &Directive, why: impl Into<String>) {
        self.reading.account.lost(directive.id, why);
    }

    fn lost_but(&mut self, directive: &Directive, why: impl Into<String>, help: impl Into<String>) {
        self.reading.account.lost(directive.id, why);
        self.reading.account.help(directive.id, help);
    }

    fn set(&mut self, path: &[&str], value: impl Into<Value>) -> String {
        self.reading.draft.set(path, value)
    }

    fn remark(
        &mut self,
        code: &str,
        directive: &Directive,
        title: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let account = &mut self.reading.account;
        account.remark(code, directive.at, title, instead);
    }

    /// The parts of a text, with variables filled in that hold the same for every request.
    fn pieces(&mut self, text: &str, scope: &Scope<'a>) -> Vec<Piece> {
        let mut found: Vec<Piece> = Vec::new();
        for piece in values::pieces(text) {
            let filled = match &piece {
                Piece::Var(name) => self.constant(name, scope).map(Piece::Text),
                Piece::Text(_) => None,
            };
            match (filled.unwrap_or(piece), found.last_mut()) {
                (Piece::Text(more), Some(Piece::Text(text))) => text.push_str(&more),
                (piece, _) => found.push(piece),
            }
        }
        found
    }

    /// What a variable is, where `set` or `geo` gives it one value.
    fn constant(&mut self, name: &str, scope: &Scope<'a>) -> Option<String> {
        let is = |it: &&Directive| it.arg(0).strip_prefix('$') == Some(name);
        let sets = scope.everywhere("set");
        if let Some(set) = sets.into_iter().find(is) {
            let value = set.arg(1).to_owned();
            if values::has_variable(&value) {
                return None;
            }
            self.moot(set, "its value stands where the variable is used");
            return Some(value);
        }
        let geos = self.http.everywhere("geo");
        let geo = geos.into_iter().find(is)?;
        match geo.children() {
            [only] if only.name == "default" => {
                let value = only.arg(0).to_owned();
                self.moot(geo, "its value stands where the variable is used");
                Some(value)
            }
            _ => None,
        }
    }

    /// The variable of this name that a `map` makes.
    fn map(&self, name: &str) -> Option<&'a Directive> {
        let maps = self.http.everywhere("map");
        maps.into_iter()
            .find(|it| it.arg(1).strip_prefix('$') == Some(name))
    }
}
