//! Rules of controllers that keep hosts apart and take the longest path of one: what the computed order comes to there.

use super::facts::{self, PathType};
use crate::ir::{Gateway, HostMatch, IngressController, Loc, PathMatch, Route};

/// A host and its paths.
pub(in crate::targets::ingress) struct Rule<'a> {
    pub(in crate::targets::ingress) host: &'a HostMatch,
    pub(in crate::targets::ingress) name: String,
    pub(in crate::targets::ingress) at: Loc,
    pub(in crate::targets::ingress) paths: Vec<(PathType, String, Loc)>,
}

/// The rules of each route, for every host that a request of it can be for.
///
/// A host's server falls through to no other, so that the entries of wider hosts stand in it too, but for those that its own
/// entries take everything of: there the longest path would win, here the nearer host does.
pub(in crate::targets::ingress) fn of_sites(
    g: &Gateway,
    controller: IngressController,
) -> Vec<(&Route, Vec<Rule<'_>>)> {
    let mut found: Vec<(&Route, Vec<Rule<'_>>)> = Vec::new();
    let hostless = g.routes.iter().any(facts::takes_any_host);
    for site in g.sites() {
        let Some(name) = facts::host(site.host) else {
            continue;
        };
        let mut taken: Vec<&PathMatch> = Vec::new();
        for entry in &site.entries {
            let route = g.route(entry.entry.route);
            if entry.check_host || !facts::can_tell(route, controller) {
                continue;
            }
            let own = &route.hosts[entry.entry.host as usize];
            let path = &route.paths[entry.entry.path as usize];
            let Some(mut paths) = facts::paths(&path.value, controller) else {
                continue;
            };
            if taken.iter().any(|it| covers(it, &path.value)) {
                continue;
            }
            let exact = |text: &str| {
                let mut taken = taken.iter();
                taken.any(|it| matches!(it, PathMatch::Exact(exact) if exact == text))
            };
            paths.retain(|(kind, text)| *kind != PathType::Exact || !exact(text));
            // Traefik, which reads the annotations of ingress-nginx, takes the longest rule first, and `Path` is shorter than
            // `PathPrefix`: without a path, the rule for everything is the shortest.
            if controller == IngressController::Nginx && !name.is_empty() && !hostless {
                for (kind, text) in paths.iter_mut().filter(|(_, text)| text == "/") {
                    if *kind == PathType::Prefix {
                        (*kind, *text) = (PathType::Own, String::new());
                    }
                }
            }
            taken.push(&path.value);
            let paths = paths.into_iter().map(|(kind, it)| (kind, it, path.loc()));
            let at = found.iter().position(|it| it.0.id == route.id);
            let at = at.unwrap_or_else(|| {
                found.push((route, Vec::new()));
                found.len() - 1
            });
            let rules = &mut found[at].1;
            match rules.iter_mut().find(|it| it.name == name) {
                Some(rule) => rule.paths.extend(paths),
                None => rules.push(Rule {
                    host: site.host,
                    name: name.clone(),
                    at: own.loc(),
                    paths: paths.collect(),
                }),
            }
        }
    }
    found.sort_by_key(|it| it.0.id);
    found
}

/// Whether an earlier path leaves nothing to a later one.
fn covers(earlier: &PathMatch, later: &PathMatch) -> bool {
    match (earlier, later) {
        (PathMatch::Prefix(prefix), PathMatch::Prefix(path) | PathMatch::Exact(path)) => {
            PathMatch::is_prefix(prefix, path)
        }
        (one, other) => one == other,
    }
}

/// The route that Traefik leads requests to which are this path's: it reads the annotations of ingress-nginx, but takes the longest
/// rule first.
pub(in crate::targets::ingress) fn overtaken<'a>(
    g: &'a Gateway,
    route: &Route,
    at: Loc,
) -> Option<&'a Route> {
    let all = of_sites(g, IngressController::Nginx);
    let (_, own) = all.iter().find(|it| it.0.id == route.id)?;
    let others = all.iter().filter(|it| it.0.id != route.id);
    let others: Vec<(&Route, &Rule<'_>, &(PathType, String, Loc))> = others
        .flat_map(|(route, rules)| rules.iter().map(move |rule| (*route, rule)))
        .flat_map(|(route, rule)| rule.paths.iter().map(move |path| (route, rule, path)))
        .collect();
    own.iter().find_map(|rule| {
        let mut paths = rule.paths.iter().filter(|it| it.2 == at);
        paths.find_map(|path| {
            let overtakes = |other: &&(&'a Route, &Rule<'_>, &(PathType, String, Loc))| {
                let same = other.1.name == rule.name;
                (same || is_below(&rule.name, &other.1.name))
                    && meets(path, other.2)
                    && (!same || is_nearer(path, other.2))
                    && length(&other.1.name, other.2) >= length(&rule.name, path)
            };
            others.iter().find(overtakes).map(|it| it.0)
        })
    })
}

/// Whether a host is one of those that a wider one takes.
fn is_below(host: &str, wider: &str) -> bool {
    match wider.strip_prefix("*.") {
        Some(zone) => host != wider && HostMatch::is_below(host.trim_start_matches("*."), zone),
        None => wider.is_empty() && !host.is_empty(),
    }
}

/// A rule's path without the slash at its end.
fn bare(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// Whether some request fits both paths.
fn meets(one: &(PathType, String, Loc), other: &(PathType, String, Loc)) -> bool {
    let below = |it: &(PathType, String, Loc), of: &(PathType, String, Loc)| {
        of.0 != PathType::Exact
            && (bare(&of.1).is_empty() || PathMatch::is_prefix(bare(&of.1), &it.1))
    };
    below(one, other) || below(other, one) || one.1 == other.1
}

/// Whether ingress-nginx tries the first path before the second one.
fn is_nearer(one: &(PathType, String, Loc), other: &(PathType, String, Loc)) -> bool {
    let key = |it: &(PathType, String, Loc)| (it.0 == PathType::Exact, bare(&it.1).len());
    key(one) > key(other)
}

/// How long a rule is in Traefik's words.
fn length(host: &str, path: &(PathType, String, Loc)) -> usize {
    let host = match host.is_empty() {
        true => 0,
        false => r#"Host("")"#.len() + host.len(),
    };
    let path = match (path.0, path.1.as_str()) {
        (_, "") => 0,
        (PathType::Exact, path) => r#"Path("")"#.len() + path.len(),
        (_, "/") => r#"PathPrefix("/")"#.len(),
        (_, path) => r#"(Path("") || PathPrefix("/"))"#.len() + 2 * bare(path).len(),
    };
    let both = if host > 0 && path > 0 {
        " && ".len()
    } else {
        0
    };
    host + path + both
}
