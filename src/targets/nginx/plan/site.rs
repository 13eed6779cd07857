//! Sites: which location takes a path, so that the computed order of the routes decides and nothing else.
//!
//! NGINX chooses a location by its own order: `=`, the longest prefix if it is `^~`, regexes, the longest prefix. For each
//! location the entries that can take a path there are known beforehand. One without condition becomes the location's body; where
//! conditions are involved, a map chooses among named locations.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::matching::{literal, pcre};
use super::route::{Place, depends_on_path};
use super::upstream::plain_name;
use super::words::{Directive, default, entry_regex, variable, word};
use super::{Location, Planner};
use crate::emit::lang::nginx;
use crate::emit::{Part, Tok};
use crate::ir::{Entry, Listener, Loc, PathMatch, Route, RouteId, Site};

/// What a location takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key<'a> {
    /// This path.
    Exact(&'a str),
    /// Every path that starts with this, which ends in a slash.
    Below(String),
}

/// An entry of the table as a location sees it.
pub(super) struct Choice {
    pub(super) entry: Entry,
    pub(super) check_host: bool,
}

impl<'a> Planner<'a> {
    /// The locations of a site on a listener.
    pub(super) fn locations(&mut self, site: &Site<'a>, listener: &'a Listener) -> Vec<Location> {
        let gateway = self.gateway;
        // `host: every` stands under the site's own host and again under wider ones: once is enough.
        let mut before: HashSet<(RouteId, u32)> = HashSet::default();
        let choices: Vec<Choice> = site
            .entries
            .iter()
            .filter(|one| gateway.serves(listener, gateway.route(one.entry.route)))
            .filter(|one| {
                let key = (one.entry.route, one.entry.path);
                if one.check_host {
                    !before.contains(&key)
                } else {
                    before.insert(key)
                }
            })
            .map(|one| Choice {
                entry: one.entry,
                check_host: one.check_host,
            })
            .collect();
        let mut out = Vec::new();
        let mut exact: HashMap<&str, Vec<usize>> = HashMap::default();
        let mut prefix: HashMap<&str, Vec<usize>> = HashMap::default();
        let mut regexes: Vec<usize> = Vec::new();
        for (index, choice) in choices.iter().enumerate() {
            match choice.entry.path(gateway) {
                PathMatch::Exact(path) => exact.entry(path).or_default().push(index),
                PathMatch::Prefix(path) => prefix.entry(path).or_default().push(index),
                PathMatch::Regex(_) => regexes.push(index),
            }
        }
        let conditional: Vec<bool> = choices
            .iter()
            .map(|choice| self.is_conditional(choice))
            .collect();

        // The keys, in the order of the table, each once.
        let mut keys: Vec<Key<'a>> = Vec::new();
        let mut seen: HashSet<Key<'a>> = HashSet::default();
        // NGINX would answer a path that lacks the slash of a location itself, with a redirect.
        let mut slashless: HashSet<&str> = HashSet::default();
        for choice in &choices {
            let wanted = match choice.entry.path(gateway) {
                PathMatch::Exact(path) => vec![Key::Exact(path)],
                PathMatch::Prefix(path) if path.ends_with('/') => vec![Key::Below(path.clone())],
                PathMatch::Prefix(path) => vec![Key::Exact(path), Key::Below(format!("{path}/"))],
                PathMatch::Regex(_) => continue,
            };
            let own = match choice.entry.path(gateway) {
                PathMatch::Exact(path) | PathMatch::Prefix(path) => path.strip_suffix('/'),
                PathMatch::Regex(_) => None,
            };
            let bare = own.filter(|path| !path.is_empty());
            slashless.extend(bare);
            for key in wanted.into_iter().chain(bare.map(Key::Exact)) {
                if seen.insert(key.clone()) {
                    keys.push(key);
                }
            }
        }
        // For each key its candidates, as indices in order, ending with the first that has no condition.
        let mut found: Vec<(Key<'a>, Vec<usize>)> = Vec::new();
        for key in keys {
            let mut candidates = Vec::new();
            match &key {
                Key::Exact(path) => {
                    candidates.extend(exact.get(path).into_iter().flatten());
                    for parent in parents(path) {
                        candidates.extend(prefix.get(parent).into_iter().flatten());
                    }
                }
                Key::Below(path) => {
                    for parent in parents(path) {
                        candidates.extend(prefix.get(parent).into_iter().flatten());
                    }
                }
            }
            candidates.sort_unstable();
            candidates.dedup();
            let own = candidates.clone();
            if let Key::Exact(path) = &key
                && !regexes.is_empty()
            {
                let path = super::matching::decoded(path).unwrap_or_else(|| (*path).to_owned());
                for index in &regexes {
                    if self.regex_takes(choices[*index].entry, &path) {
                        candidates.push(*index);
                    }
                }
                candidates.sort_unstable();
            }
            truncate(&mut candidates, &conditional);
            // A key whose own entries are all hidden by wider ones says nothing that its parent does not say.
            let says = candidates.iter().any(|index| {
                own.contains(index)
                    && match (choices[*index].entry.path(gateway), &key) {
                        (PathMatch::Exact(path), Key::Exact(own)) => path == own,
                        (PathMatch::Prefix(path), Key::Exact(own)) => path == own,
                        (PathMatch::Prefix(path), Key::Below(own)) => {
                            path == own || own.strip_suffix('/') == Some(path)
                        }
                        _ => false,
                    }
            });
            let kept = match &key {
                Key::Exact(path) => slashless.contains(path),
                Key::Below(path) => path == "/",
            };
            if says || kept {
                found.push((key, candidates));
            }
        }
        let native = self.regexes_are_native(&found, &regexes, &conditional);
        if !native {
            for (key, candidates) in &mut found {
                if let Key::Below(_) = key {
                    candidates.extend(&regexes);
                    candidates.sort_unstable();
                    truncate_dynamic(candidates, &conditional, &regexes);
                }
            }
        }
        let has_root = found
            .iter()
            .any(|(key, _)| *key == Key::Below("/".to_owned()));
        if !has_root {
            let candidates = if native { Vec::new() } else { regexes.clone() };
            found.push((Key::Below("/".to_owned()), candidates));
        }

        // How often each body is asked for: one that is asked for once stands where it is.
        let mut asked: HashMap<(RouteId, u32), u32> = HashMap::default();
        for (_, candidates) in &found {
            for index in candidates {
                let jumps = candidates.len() > 1
                    || conditional[*index]
                    || (!native && regexes.contains(index));
                *asked
                    .entry(self.body_key(choices[*index].entry))
                    .or_default() += if jumps { 2 } else { 1 };
            }
        }
        let mut written: HashMap<(RouteId, u32), (String, bool)> = HashMap::default();
        let first_regex = regexes.first().copied().unwrap_or(usize::MAX);
        let mut steps: Vec<(Vec<Tok>, Vec<usize>, bool)> = Vec::new();
        for (key, candidates) in found {
            // A location that comes before the regexes of the site.
            let before = native
                && candidates
                    .last()
                    .is_some_and(|end| *end < first_regex && !conditional[*end]);
            let head = head(&key, before && !regexes.is_empty());
            steps.push((head, candidates, false));
        }
        if native {
            for index in &regexes {
                let PathMatch::Regex(regex) = choices[*index].entry.path(gateway) else {
                    continue;
                };
                let regex = format!("^(?:{})\\z", pcre(regex));
                *asked
                    .entry(self.body_key(choices[*index].entry))
                    .or_default() += 1;
                steps.push((vec![word("~"), nginx::word(&regex)], vec![*index], true));
            }
        }
        let mut needs_otherwise = false;
        for (head, candidates, _) in steps {
            let single = match candidates.as_slice() {
                [] => {
                    let line = self.otherwise(listener);
                    out.push(Location::brief(head, vec![line], Loc::default()));
                    continue;
                }
                [one] if !conditional[*one] && (native || !regexes.contains(one)) => Some(*one),
                _ => None,
            };
            if let Some(index) = single {
                let entry = choices[index].entry;
                let route = gateway.route(entry.route);
                let place = Place {
                    route,
                    path: entry.path(gateway),
                    listener,
                };
                let body_key = self.body_key(entry);
                let once = asked.get(&body_key) == Some(&1) && route.websocket.is_none();
                let known = written.get(&body_key).cloned();
                let fresh = known.is_none();
                let (name, inline) = match known {
                    Some(known) => known,
                    None => {
                        let name = self.body_name(entry);
                        let mut bodies = self.bodies(place, &name, !once);
                        if once && bodies.len() > 1 {
                            // What it jumps to makes it a named one after all.
                            bodies = self.bodies(place, &name, true);
                        }
                        let inline = route.websocket.is_none()
                            && bodies.len() == 1
                            && (once || bodies[0].is_short());
                        if inline {
                            self.inline_bodies.insert(body_key, bodies.remove(0));
                        } else {
                            out.append(&mut bodies);
                        }
                        written.insert(body_key, (name.clone(), inline));
                        (name, inline)
                    }
                };
                if inline && let Some(body) = self.inline_bodies.get(&body_key) {
                    let mut body = body.taking(head);
                    // The second of two twins needs no title.
                    if !fresh {
                        body.about = String::new();
                    }
                    out.push(body);
                } else {
                    let to = self.target(route, &name);
                    out.push(jump(head, to, route.at));
                }
                continue;
            }
            // Conditions: a map names the location.
            let mut source = String::new();
            let mut lines = Vec::new();
            let mut last = None;
            let mut at = None;
            for (number, index) in candidates.iter().enumerate() {
                let choice = &choices[*index];
                let entry = choice.entry;
                let route = gateway.route(entry.route);
                at = at.or(Some(route.at));
                let body_key = self.body_key(entry);
                let name = match written.get(&body_key) {
                    Some((name, false)) => name.clone(),
                    _ => {
                        let name = self.body_name(entry);
                        let place = Place {
                            route,
                            path: entry.path(gateway),
                            listener,
                        };
                        out.extend(self.bodies(place, &name, true));
                        written.insert(body_key, (name.clone(), false));
                        name
                    }
                };
                let to = self.target(route, &name);
                let mut tests = self.conditions(choice);
                if !native && let PathMatch::Regex(regex) = entry.path(gateway) {
                    let regex = format!("^(?:{})\\z", pcre(regex));
                    tests.push(self.vars.test("$uri", "path", &regex, route.at));
                }
                if tests.is_empty() {
                    last = Some(to);
                    break;
                }
                let test = self.all(tests, route.at);
                if number > 0 {
                    source.push('|');
                }
                source.push_str(&format!("${test}"));
                lines.push(entry_regex(&format!("^{}1", "[^|]*\\|".repeat(number)), to));
            }
            let last = last.unwrap_or_else(|| {
                needs_otherwise = true;
                Tok::fixed("@wg_otherwise")
            });
            lines.push(Directive::entry(Tok::fixed("default"), last));
            let at = at.unwrap_or_default();
            let chosen = self.vars.map(&source, "route", lines, at);
            out.push(jump(head, variable(&chosen), at));
        }
        if needs_otherwise {
            let line = self.otherwise(listener);
            out.push(Location::brief(
                vec![word("@wg_otherwise")],
                vec![line],
                Loc::default(),
            ));
        }
        self.inline_bodies.clear();
        out
    }

    fn body_key(&self, entry: Entry) -> (RouteId, u32) {
        let route = self.gateway.route(entry.route);
        (
            entry.route,
            if depends_on_path(route) {
                entry.path
            } else {
                0
            },
        )
    }

    fn body_name(&self, entry: Entry) -> String {
        let route = self.gateway.route(entry.route);
        let mut name = plain_name(&route.name);
        if name != route.name || name.starts_with("wg_") {
            name.push_str(&format!("-{}", entry.route.0));
        }
        if depends_on_path(route) {
            name.push_str(&format!("~p{}", entry.path + 1));
        }
        name
    }

    /// The named location of a route: `~ws` behind the name leads an upgrade to its own.
    fn target(&mut self, route: &Route, name: &str) -> Tok {
        match &route.websocket {
            None => word(&format!("@{name}")),
            Some(websocket) => {
                let up = self.upgrade_variable(websocket);
                let at = websocket.at;
                let vars = &mut self.vars;
                let suffix = self.suffixes.entry(up).or_insert_with_key(|up| {
                    let lines = vec![Directive::entry(word(""), word("")), default("~ws")];
                    vars.map(&format!("${up}"), "ws", lines, at)
                });
                word(&format!("@{name}${suffix}"))
            }
        }
    }

    fn is_conditional(&self, choice: &Choice) -> bool {
        let when = &self.gateway.route(choice.entry.route).when;
        choice.check_host
            || when.methods.is_some()
            || !when.headers.is_empty()
            || !when.query.is_empty()
            || when.clients.is_some()
            || when.upgrade.is_some()
    }

    /// Whether NGINX's own order of regexes is the computed one.
    fn regexes_are_native(
        &self,
        found: &[(Key<'_>, Vec<usize>)],
        regexes: &[usize],
        conditional: &[bool],
    ) -> bool {
        let (Some(first), Some(last)) = (regexes.first(), regexes.last()) else {
            return true;
        };
        if regexes.iter().any(|index| conditional[*index]) {
            return false;
        }
        found.iter().all(|(key, candidates)| {
            if matches!(key, Key::Exact(_)) {
                return true;
            }
            let closed = candidates
                .last()
                .is_some_and(|index| !conditional[*index] && index < first);
            closed || candidates.iter().all(|index| index > last)
        })
    }

    fn regex_takes(&mut self, entry: Entry, path: &str) -> bool {
        let PathMatch::Regex(regex) = entry.path(self.gateway) else {
            return false;
        };
        self.compiled
            .entry(regex.clone())
            .or_insert_with(|| crate::ir::regex::matcher(regex))
            .as_ref()
            .is_some_and(|regex| regex.is_match(path.as_bytes()))
    }
}

/// Cuts after the first entry that has no condition.
fn truncate(candidates: &mut Vec<usize>, conditional: &[bool]) {
    if let Some(end) = candidates.iter().position(|index| !conditional[*index]) {
        candidates.truncate(end + 1);
    }
}

/// The same where a regex is a condition too.
fn truncate_dynamic(candidates: &mut Vec<usize>, conditional: &[bool], regexes: &[usize]) {
    let end = candidates
        .iter()
        .position(|index| !conditional[*index] && regexes.binary_search(index).is_err());
    if let Some(end) = end {
        candidates.truncate(end + 1);
    }
}

/// Every prefix that takes the path: `/`, `/a`, `/a/`, `/a/b` …
fn parents(path: &str) -> impl Iterator<Item = &str> {
    let slashes = path.match_indices('/').map(|(at, _)| at);
    slashes
        .flat_map(|at| [at, at + 1])
        .chain([path.len()])
        .filter(|end| *end > 0)
        .map(|end| &path[..end])
        .collect::<Vec<_>>()
        .into_iter()
        .fold(Vec::new(), |mut all: Vec<&str>, one| {
            if all.last() != Some(&one) {
                all.push(one);
            }
            all
        })
        .into_iter()
}

/// `location`'s words: NGINX compares decoded paths.
fn head(key: &Key<'_>, first: bool) -> Vec<Tok> {
    match key {
        Key::Exact(path) => match super::matching::decoded(path) {
            Some(path) => vec![word("="), nginx::word(&path)],
            None => vec![word("~"), bytes_regex(path, "\\z")],
        },
        Key::Below(path) => match super::matching::decoded(path) {
            Some(path) if first => vec![word("^~"), nginx::word(&path)],
            Some(path) => vec![nginx::word(&path)],
            None => vec![word("~"), bytes_regex(path, "")],
        },
    }
}

/// A path that is no text once it is decoded.
fn bytes_regex(path: &str, end: &'static str) -> Tok {
    let mut regex = String::from("^");
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        regex.push_str(&literal(&rest[..at]));
        let hex = rest.get(at + 1..at + 3).unwrap_or("00");
        regex.push_str(&format!("\\x{hex}"));
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    regex.push_str(&literal(rest));
    nginx::token(&[Part::Word(&regex), Part::Static(end)])
}

fn jump(head: Vec<Tok>, to: Tok, at: Loc) -> Location {
    Location::brief(
        head,
        vec![
            Directive::new("set $wg_to", vec![to]),
            Directive::fixed("return 520"),
        ],
        at,
    )
}
