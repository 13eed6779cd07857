//! Defined names: where each kind is defined, and where it is used.

use std::ops::Range;

use crate::source::Loc;
use crate::spec::scalar;
use crate::spec::tree::{Node, Tree};

/// What has a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Listener,
    Certificate,
    Upstream,
    Auth,
    Route,
    /// What several limits count together; nothing defines it but its first use.
    Bucket,
}

impl Kind {
    const fn article(self) -> &'static str {
        match self {
            Self::Upstream | Self::Auth => "an",
            _ => "a",
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Certificate => "certificate",
            Self::Upstream => "upstream",
            Self::Auth => "auth",
            Self::Route => "route",
            Self::Bucket => "bucket",
        }
    }
}

/// Values that are names: the path of the field, and the kind.
const VALUES: &[(&str, Kind)] = &[
    ("listeners.*.redirect", Kind::Listener),
    ("listeners.*.tls.certificates", Kind::Certificate),
    ("routes.*.upstream", Kind::Upstream),
    ("routes.*.auth", Kind::Auth),
    ("routes.*.when.listeners", Kind::Listener),
    ("routes.*.limits.requests.bucket", Kind::Bucket),
    ("auth.*.forward.upstream", Kind::Upstream),
    ("tests.*.expect.route", Kind::Route),
    ("tests.*.expect.upstream", Kind::Upstream),
];

/// Keys that are names: the path of the map, and the kind. Below `targets` a `*` is any target.
const KEYS: &[(&str, Kind)] = &[
    ("routes.*.split", Kind::Upstream),
    ("targets.*.certificates", Kind::Certificate),
    ("targets.*.upstreams", Kind::Upstream),
    ("targets.*.raw.listeners", Kind::Listener),
    ("targets.*.raw.upstreams", Kind::Upstream),
    ("targets.*.raw.routes", Kind::Route),
];

/// Maps whose keys define names.
const DEFINITIONS: &[(&str, Kind)] = &[
    ("listeners", Kind::Listener),
    ("certificates", Kind::Certificate),
    ("upstreams", Kind::Upstream),
    ("auth", Kind::Auth),
];

/// A name in the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mention {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// Its bytes, quotes included.
    pub(super) bytes: Range<usize>,
    pub(super) defines: bool,
    /// What is defined: the key and everything below it.
    pub(super) node: Option<Loc>,
    /// `accept` names a thing of any kind: another kind has the name too.
    pub(super) ambiguous: bool,
}

/// Every name of a spec.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) all: Vec<Mention>,
    /// The bytes of values that are no names; an anchor's value may be both.
    others: Vec<Range<usize>>,
    /// The bytes of keys of `set` with escapes, in which nobody knows where the name stands.
    escaped: Vec<Range<usize>>,
}

impl Names {
    pub(super) fn of(tree: &Tree) -> Self {
        let mut walk = Walk {
            tree,
            names: Self::default(),
            subjects: Vec::new(),
        };
        walk.below(tree.root(), &mut Vec::new());
        let Walk {
            mut names,
            subjects,
            ..
        } = walk;
        for (name, bytes) in subjects {
            let order = [
                Kind::Route,
                Kind::Upstream,
                Kind::Listener,
                Kind::Certificate,
                Kind::Auth,
            ];
            let kinds: Vec<Kind> = order
                .into_iter()
                .filter(|kind| names.defined(*kind, &name).is_some())
                .collect();
            if let Some(kind) = kinds.first() {
                names.all.push(Mention {
                    kind: *kind,
                    name,
                    bytes,
                    defines: false,
                    node: None,
                    ambiguous: kinds.len() > 1,
                });
            }
        }
        // An alias brings the same bytes to several places.
        let mut seen = std::collections::HashSet::new();
        names
            .all
            .retain(|it| seen.insert((it.bytes.start, it.bytes.end, it.kind as u8)));
        names.all.sort_by_key(|it| it.bytes.start);
        names
    }

    /// The name under a byte; at its end it still counts.
    pub(super) fn at(&self, byte: usize) -> Option<&Mention> {
        self.all
            .iter()
            .find(|it| (it.bytes.start..=it.bytes.end).contains(&byte))
    }

    /// Where a name is defined; a bucket where it is first used.
    pub(super) fn defined(&self, kind: Kind, name: &str) -> Option<&Mention> {
        self.all
            .iter()
            .find(|it| (it.defines || kind == Kind::Bucket) && it.kind == kind && it.name == name)
    }

    /// The names of a kind, each once, in the order of the text.
    pub(super) fn of_kind(&self, kind: Kind) -> Vec<&Mention> {
        let mut found: Vec<&Mention> = Vec::new();
        for it in &self.all {
            let defines = it.defines || kind == Kind::Bucket;
            if defines && it.kind == kind && found.iter().all(|known| known.name != it.name) {
                found.push(it);
            }
        }
        found
    }

    /// Every place of a name.
    pub(super) fn places<'n>(&'n self, of: &'n Mention) -> impl Iterator<Item = &'n Mention> {
        self.all
            .iter()
            .filter(|it| it.kind == of.kind && it.name == of.name)
    }

    /// Why a name cannot become another one, in a sentence.
    pub(super) fn refuses(&self, of: &Mention, new: &str) -> Option<String> {
        let kind = of.kind.word();
        if !crate::names::is_name(new) {
            return Some(format!(
                "`{}` is no name: start with a letter; go on with letters, digits, `-` and `_`, up to 63 in all",
                new.escape_debug()
            ));
        }
        if scalar::switch(new).is_some()
            || scalar::is_null(new)
            || scalar::plain(new) != scalar::Plain::Text
            || new == "none"
        {
            return Some(format!(
                "`{new}` means something else where a name is written: take another one"
            ));
        }
        if self.defined(of.kind, new).is_some() {
            return Some(format!(
                "there is {} {kind} `{new}` already",
                of.kind.article()
            ));
        }
        if of.kind != Kind::Bucket && self.defined(of.kind, &of.name).is_none() {
            return Some(match of.kind {
                Kind::Route => format!(
                    "no route has the name `{}` written: write `name: {}` in it first",
                    of.name, of.name
                ),
                _ => format!("no {kind} `{}` is defined", of.name),
            });
        }
        if self.places(of).any(|it| it.ambiguous) {
            return Some(format!(
                "`accept` names `{}`, which several things are called: write there which loss is accepted of what first",
                of.name
            ));
        }
        if self.places(of).any(|it| self.escaped.contains(&it.bytes)) {
            return Some(format!(
                "a key of `set` names `{}` with an escape in it: write that key without one first",
                of.name
            ));
        }
        let shared = self.places(of).any(|it| {
            self.others.contains(&it.bytes)
                || self
                    .all
                    .iter()
                    .any(|other| other.bytes == it.bytes && other.kind != it.kind)
        });
        shared.then(|| {
            format!(
                "an alias brings `{}` to places where it is no {kind}: write it out there first",
                of.name
            )
        })
    }
}

/// The kind of name that a value at a path is.
pub(super) fn value_kind(path: &[&str]) -> Option<Kind> {
    let mut path = path;
    loop {
        if let Some((_, kind)) = VALUES.iter().find(|(pattern, _)| fits(pattern, path)) {
            return Some(*kind);
        }
        // A single item stands for a list of one.
        path = path.split_last().filter(|(last, _)| **last == "*")?.1;
    }
}

/// The kind of name that the keys of a map at a path use.
pub(super) fn key_kind(path: &[&str]) -> Option<Kind> {
    KEYS.iter()
        .find(|(pattern, _)| fits(pattern, path))
        .map(|(_, kind)| *kind)
}

/// What names are made of in a path of `set`: `routes.socket.…`.
fn set_kind(first: &str) -> Option<Kind> {
    match first {
        "routes" => Some(Kind::Route),
        _ => DEFINITIONS
            .iter()
            .find(|(block, _)| *block == first)
            .map(|(_, kind)| *kind),
    }
}

fn fits(pattern: &str, path: &[&str]) -> bool {
    crate::spec::fields::is_written_as(pattern, path)
}

struct Walk<'t> {
    tree: &'t Tree,
    names: Names,
    /// What `accept` speaks of.
    subjects: Vec<(String, Range<usize>)>,
}

impl<'t> Walk<'t> {
    fn below(&mut self, at: Loc, path: &mut Vec<&'t str>) {
        let tree = self.tree;
        match tree.node(at) {
            Node::Scalar { text, .. } => self.value(at, text, path),
            Node::Seq(items) => {
                path.push("*");
                for item in items {
                    self.below(*item, path);
                }
                path.pop();
            }
            Node::Map(pairs) => {
                let defines = DEFINITIONS.iter().find(|(pattern, _)| fits(pattern, path));
                let uses = key_kind(path);
                let sets = matches!(path[..], ["targets", _, "set"]);
                for (key, value) in pairs {
                    let name = tree.scalar(*key).unwrap_or_default();
                    match (defines, uses) {
                        (Some((_, kind)), _) => {
                            self.mention(*kind, name, bytes(tree, *key), Some(*value))
                        }
                        (None, Some(kind)) => self.mention(kind, name, bytes(tree, *key), None),
                        (None, None) => {}
                    }
                    if sets {
                        self.set(*key, name, *value);
                        continue;
                    }
                    // What is inherited stands for the place itself.
                    let inherited = match (path.as_slice(), name) {
                        (["defaults"], "listener") => Some("listeners"),
                        (["defaults"], "upstream") => Some("upstreams"),
                        (["defaults"], "route") => Some("routes"),
                        _ => None,
                    };
                    if let Some(block) = inherited {
                        self.below(*value, &mut vec![block, "*"]);
                        continue;
                    }
                    path.push(name);
                    self.below(*value, path);
                    path.pop();
                }
            }
        }
    }

    fn value(&mut self, at: Loc, text: &'t str, path: &[&'t str]) {
        let bytes = bytes(self.tree, at);
        if matches!(path, ["routes", _, "name"]) {
            let route = self.tree.parent(at);
            return self.mention(Kind::Route, text, bytes, route);
        }
        if matches!(path, ["accept", _, "at"]) {
            return self.subjects.push((text.to_owned(), bytes));
        }
        match value_kind(path) {
            // `off` is no name, and `none` is the answer 404.
            Some(kind)
                if scalar::switch(text).is_none() && !(kind == Kind::Route && text == "none") =>
            {
                self.mention(kind, text, bytes, None);
            }
            _ => self.names.others.push(bytes),
        }
    }

    /// `routes.socket.websocket.idle: 5m`: a path with a name in it, and a value that may be one.
    fn set(&mut self, key: Loc, path: &'t str, value: Loc) {
        let steps: Vec<&str> = path.split('.').collect();
        if let [first, name, ..] = steps[..]
            && let Some(kind) = set_kind(first)
        {
            let whole = bytes(self.tree, key);
            let place = match whole.len().checked_sub(path.len()) {
                Some(quotes @ (0 | 2)) => {
                    let start = whole.start + quotes / 2 + first.len() + 1;
                    start..start + name.len()
                }
                _ => {
                    self.names.escaped.push(whole.clone());
                    whole
                }
            };
            self.mention(kind, name, place, None);
        }
        self.below(value, &mut steps.clone());
    }

    fn mention(&mut self, kind: Kind, name: &str, bytes: Range<usize>, node: Option<Loc>) {
        self.names.all.push(Mention {
            kind,
            name: name.to_owned(),
            bytes,
            defines: node.is_some(),
            node,
            ambiguous: false,
        });
    }
}

pub(super) fn bytes(tree: &Tree, at: Loc) -> Range<usize> {
    let span = tree.span(at);
    span.start as usize..span.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Report;
    use crate::source::Sources;
    use crate::spec::yaml;

    #[test]
    fn every_place_of_a_name_is_one_of_the_language() {
        let fields: Vec<_> = VALUES.iter().chain(DEFINITIONS).chain(KEYS).collect();
        for (path, _) in fields {
            let target = path.replacen("targets.*", "targets.alb", 1);
            let found = super::super::language::has_field(&target);
            assert!(found, "{path}");
        }
    }

    #[test]
    fn names_are_found_wherever_they_are_written() {
        let text = "listeners: {a: {port: 80, redirect: b, tls: {certificates: [c]}}}\ncertificates: {c: {}}\n\
                    upstreams: {\"u\": {servers: x:1}}\nauth: {k: {forward: {upstream: u}}}\ndefaults: {route: {auth: k}}\n\
                    routes:\n- {name: r, upstream: u, auth: off, when: {listeners: a}, limits: {requests: {rate: 1/s, bucket: q}}}\n\
                    - {split: {u: 1}}\naccept: [{loss: x::y, because: z, at: r}]\n\
                    targets: {alb: {upstreams: {u: arn}, set: {routes.r.upstream: u, \"upstreams.u.keepalive\": 1}, raw: {routes: {r: x}}}}\n\
                    tests: [{request: x, expect: {route: none, upstream: u}}]\n";
        let mut sources = Sources::new();
        let file = sources.add("x", text);
        let tree = yaml::parse(&sources, file, &mut Report::new());
        let names = Names::of(&tree);
        let seen = |kind: Kind, name: &str| {
            let places = names
                .all
                .iter()
                .filter(|it| it.kind == kind && it.name == name);
            let texts: Vec<&str> = places.map(|it| &text[it.bytes.clone()]).collect();
            assert!(
                texts.iter().all(|text| text.trim_matches('"') == name),
                "{texts:?}"
            );
            texts.len()
        };
        assert_eq!(seen(Kind::Upstream, "u"), 8);
        assert_eq!(seen(Kind::Route, "r"), 4);
        assert_eq!(seen(Kind::Listener, "a"), 2);
        assert_eq!(seen(Kind::Listener, "b"), 1);
        assert_eq!(seen(Kind::Certificate, "c"), 2);
        assert_eq!(seen(Kind::Auth, "k"), 2);
        assert_eq!(seen(Kind::Bucket, "q"), 1);
        assert_eq!(seen(Kind::Route, "none"), 0);
        assert_eq!(seen(Kind::Auth, "off"), 0);
        assert!(names.defined(Kind::Listener, "b").is_none());
    }
}
