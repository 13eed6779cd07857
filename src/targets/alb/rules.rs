//! Every rule of every listener, with its priority and logical id: what the template lays out and what is counted against the limits.

use super::facts::{self, VALUES_PER_CONDITION, VALUES_PER_RULE};
use super::ids::{Ids, camel, hash};
use super::order::{Group, groups};
use super::priorities::priorities;
use super::steps::{Pattern, Step, Then, steps};
use crate::ir::{EncodedSlash, Gateway, HostMatch, Listener, Loc, PathMatch, Paths, Route};
use crate::targets::Verdicts;

/// A rule of a listener.
#[derive(Debug)]
pub(super) struct Rule<'a> {
    /// Its logical id.
    pub(super) id: String,
    /// Its place among the listener's rules.
    pub(super) priority: usize,
    /// The rule of its route that comes right before it: a guard is there before what it guards.
    pub(super) after: Option<String>,
    /// Where it comes from.
    pub(super) at: Loc,
    /// The route; `None`: the listener's own, against paths that are not in their normal form.
    pub(super) route: Option<&'a Route>,
    /// The path that the rule's transform starts from.
    pub(super) path: Option<&'a PathMatch>,
    /// What becomes of the request.
    pub(super) then: Then,
    /// The conditions: all of them must hold.
    pub(super) conditions: Vec<Condition>,
}

/// A condition: one of its values must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// What is looked at.
    pub(super) field: Field,
    /// The values.
    pub(super) values: Vec<Pattern>,
}

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// The host.
    Host,
    /// The path.
    Path,
    /// The method.
    Method,
    /// The client's address.
    Client,
    /// A header.
    Header(String),
    /// A query parameter.
    Query(String),
}

impl Rule<'_> {
    /// How many values its conditions have.
    pub(super) fn values(&self) -> usize {
        self.conditions.iter().map(|one| one.values.len()).sum()
    }
}

/// The rules of a listener, in order. One that is closed has none: its default action answers 503.
pub(super) fn rules<'a>(
    g: &'a Gateway,
    v: &Verdicts<'_>,
    listener: &'a Listener,
    ids: &mut Ids,
) -> Vec<Rule<'a>> {
    if facts::is_closed(v, listener) {
        return Vec::new();
    }
    let groups = groups(g, v, listener);
    let mut rules: Vec<Rule<'a>> = Vec::new();
    let mut about = Vec::new();
    for group in &groups {
        let mut after = None;
        for step in steps(g, v, listener, group) {
            for conditions in packed(group, &step) {
                let mut rule = rule(listener, group, &step, conditions, ids);
                rule.after = after.replace(rule.id.clone());
                rules.push(rule);
                about.push((group, step.role));
            }
        }
    }
    for (rule, priority) in rules.iter_mut().zip(priorities(&about)) {
        rule.priority = priority;
    }
    if !groups.is_empty() {
        rules.extend(normal_forms(listener, &groups, ids));
    }
    rules.sort_by_key(|rule| rule.priority);
    rules
}

fn rule<'a>(
    listener: &Listener,
    group: &Group<'a>,
    step: &Step,
    conditions: Vec<Condition>,
    ids: &mut Ids,
) -> Rule<'a> {
    let route = group.route;
    let words = format!("{} {} rule {}", route.name, listener.name, step.role.word());
    let content = format!("{words}\n{conditions:?}");
    // The first of a route has the short id; what else it needs is told apart by what it asks.
    let id = match ids.is_taken(&camel(&words)) {
        true => ids.id(&format!("{words} {}", hash(&content)), &content),
        false => ids.id(&words, &content),
    };
    Rule {
        id,
        priority: 0,
        after: None,
        at: route.at,
        route: Some(route),
        path: group.paths.first().map(|path| &path.value),
        then: step.then,
        conditions,
    }
}

/// A rule that answers 400 to paths that stand for another path: conditions are compared with the path as it was sent.
fn normal_forms<'a>(listener: &Listener, groups: &[Group<'a>], ids: &mut Ids) -> Option<Rule<'a>> {
    let mut values = Vec::new();
    let mut push = |regex: &str| values.push(Pattern::Regex(regex.to_owned()));
    if listener.paths.value != Paths::Raw {
        push(r"^.*/(/.*|\.\.?|\.\.?/.*)$");
        push("^.*%(2[DEde]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe]).*$");
    }
    let encoded = groups
        .iter()
        .flat_map(|group| &group.paths)
        .any(|path| match &path.value {
            PathMatch::Exact(path) | PathMatch::Prefix(path) => path.contains('%'),
            PathMatch::Regex(_) => false,
        });
    match (listener.encoded_slash.value, encoded) {
        (EncodedSlash::Reject, _) => push("^.*%2[Ff].*$"),
        // A path of the spec has digits in upper case, and a request may have them in lower case.
        (EncodedSlash::Keep, true) if listener.paths.value != Paths::Raw => {
            push("^.*%([a-f].|.[a-f]).*$");
        }
        (EncodedSlash::Keep, _) => {}
    }
    if values.is_empty() {
        return None;
    }
    let words = format!("{} paths rule", listener.name);
    Some(Rule {
        id: ids.id(&words, &words),
        priority: 1,
        after: None,
        at: listener.paths.loc(),
        route: None,
        path: None,
        then: Then::Refuse(400),
        conditions: vec![Condition {
            field: Field::Path,
            values,
        }],
    })
}

/// The conditions of a group and a step, over as few rules as take them: five values each, three for each condition.
fn packed(group: &Group<'_>, step: &Step) -> Vec<Vec<Condition>> {
    let plain = spread(conditions(group, step, false));
    let short = spread(conditions(group, step, true));
    if short.len() < plain.len() {
        short
    } else {
        plain
    }
}

/// All conditions; with `short`, a prefix is one regex in place of two values.
fn conditions(group: &Group<'_>, step: &Step, short: bool) -> Vec<Condition> {
    let mut list = Vec::new();
    let mut push = |field: Field, values: Vec<Pattern>| {
        if !values.is_empty() {
            list.push(Condition { field, values });
        }
    };
    push(Field::Host, hosts(group));
    push(Field::Path, paths(group, short));
    let plain = |texts: &Vec<String>| texts.iter().cloned().map(Pattern::Glob).collect();
    push(
        Field::Method,
        step.methods.as_ref().map_or_else(Vec::new, plain),
    );
    let ranges = step
        .clients
        .iter()
        .flatten()
        .map(|range| Pattern::Glob(range.net().to_string()));
    push(Field::Client, ranges.collect());
    for (name, values) in &step.headers {
        push(Field::Header(name.clone()), header(values, short));
    }
    for (name, value) in &step.query {
        push(
            Field::Query(name.clone()),
            vec![Pattern::Glob(value.clone())],
        );
    }
    if list.is_empty() {
        // A rule has at least one condition.
        list.push(Condition {
            field: Field::Path,
            values: vec![Pattern::Glob("*".to_owned())],
        });
    }
    list
}

fn hosts(group: &Group<'_>) -> Vec<Pattern> {
    let any_regex = group
        .hosts
        .iter()
        .any(|it| matches!(it.value, HostMatch::Regex(_)));
    let mut values = Vec::new();
    for host in &group.hosts {
        values.push(match (&host.value, any_regex) {
            (HostMatch::Any, _) => return Vec::new(),
            (HostMatch::Exact(host), false) => Pattern::Glob(host.clone()),
            (HostMatch::Exact(host), true) => Pattern::Regex(facts::whole(&facts::literal(host))),
            (HostMatch::Wildcard(zone), false) => Pattern::Glob(format!("*.{zone}")),
            (HostMatch::Wildcard(zone), true) => {
                Pattern::Regex(format!("^.+\\.{}$", facts::literal(zone)))
            }
            (HostMatch::Regex(regex), _) => Pattern::Regex(facts::whole(regex)),
        });
    }
    values
}

fn paths(group: &Group<'_>, short: bool) -> Vec<Pattern> {
    // A condition has values of one kind.
    let as_regex = short
        || group.paths.iter().any(|it| match &it.value {
            PathMatch::Exact(path) | PathMatch::Prefix(path) => !facts::is_plain_path(path),
            PathMatch::Regex(_) => true,
        });
    let mut values = Vec::new();
    for path in &group.paths {
        match (&path.value, as_regex) {
            (PathMatch::Prefix(prefix), _) if prefix == "/" => return Vec::new(),
            (PathMatch::Exact(path), false) => values.push(Pattern::Glob(path.clone())),
            (PathMatch::Prefix(prefix), false) if prefix.ends_with('/') => {
                values.push(Pattern::Glob(format!("{prefix}*")));
            }
            (PathMatch::Prefix(prefix), false) => {
                values.push(Pattern::Glob(prefix.clone()));
                values.push(Pattern::Glob(format!("{prefix}/*")));
            }
            (path, _) => values.push(Pattern::Regex(regex_of(path))),
        }
    }
    values
}

/// A path as a regex.
pub(super) fn regex_of(path: &PathMatch) -> String {
    match path {
        PathMatch::Exact(path) => facts::whole(&facts::literal(path)),
        PathMatch::Prefix(prefix) if prefix.ends_with('/') => {
            format!("^{}.*$", facts::literal(prefix))
        }
        PathMatch::Prefix(prefix) => format!("^{}(/.*)?$", facts::literal(prefix)),
        PathMatch::Regex(regex) => facts::whole(regex),
    }
}

/// Several plain values of a header as one regex, where it is not too long.
fn header(values: &[Pattern], short: bool) -> Vec<Pattern> {
    let plain: Option<Vec<String>> = values
        .iter()
        .map(|value| match value {
            Pattern::Glob(text) if !text.contains(['*', '?']) => Some(facts::literal(text)),
            Pattern::Glob(_) | Pattern::Regex(_) => None,
        })
        .collect();
    match plain {
        Some(texts) if short && texts.len() > 1 => {
            let regex = facts::whole(&texts.join("|"));
            match regex.len() <= facts::VALUE {
                true => vec![Pattern::Regex(regex)],
                false => values.to_vec(),
            }
        }
        _ => values.to_vec(),
    }
}

/// The same conditions over several rules, where one cannot hold all values: each part of a list with each part of the others.
fn spread(conditions: Vec<Condition>) -> Vec<Vec<Condition>> {
    let lengths: Vec<usize> = conditions.iter().map(|one| one.values.len()).collect();
    let sizes = sizes(&lengths);
    let mut rules: Vec<Vec<Condition>> = vec![Vec::new()];
    for (condition, size) in conditions.iter().zip(sizes) {
        let parts: Vec<Condition> = condition
            .values
            .chunks(size)
            .map(|values| Condition {
                field: condition.field.clone(),
                values: values.to_vec(),
            })
            .collect();
        rules = rules
            .into_iter()
            .flat_map(|rule| {
                parts.iter().map(move |part| {
                    let mut rule = rule.clone();
                    rule.push(part.clone());
                    rule
                })
            })
            .collect();
    }
    rules
}

/// How many values of each list one rule takes, so that there are as few rules as can be. One of each, if even that is too much:
/// then the limits say so.
fn sizes(lengths: &[usize]) -> Vec<usize> {
    fn search(
        lengths: &[usize],
        left: usize,
        chosen: &mut Vec<usize>,
        rules: usize,
        best: &mut Option<(usize, Vec<usize>)>,
    ) {
        let Some((length, rest)) = lengths.split_first() else {
            if best.as_ref().is_none_or(|(known, _)| rules < *known) {
                *best = Some((rules, chosen.clone()));
            }
            return;
        };
        // Each list behind needs room for one value.
        let room = left
            .saturating_sub(rest.len())
            .min(VALUES_PER_CONDITION)
            .min(*length);
        for size in (1..=room).rev() {
            chosen.push(size);
            search(
                rest,
                left - size,
                chosen,
                rules.saturating_mul(length.div_ceil(size)),
                best,
            );
            chosen.pop();
        }
    }
    let mut best = None;
    search(lengths, VALUES_PER_RULE, &mut Vec::new(), 1, &mut best);
    best.map_or_else(|| vec![1; lengths.len()], |(_, sizes)| sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spread_over_few_rules() {
        for (lengths, wanted) in [
            (&[1, 2][..], &[1, 2][..]),
            (&[1, 2, 1, 1], &[1, 2, 1, 1]),
            (&[6], &[3]),
            (&[4, 4], &[2, 2]),
            (&[1, 2, 1, 2], &[1, 2, 1, 1]),
            (&[1, 1, 1, 1, 1, 1], &[1, 1, 1, 1, 1, 1]),
        ] {
            let sizes = sizes(lengths);
            let rules: usize = lengths
                .iter()
                .zip(&sizes)
                .map(|(l, s)| l.div_ceil(*s))
                .product();
            let best: usize = lengths
                .iter()
                .zip(wanted)
                .map(|(l, s)| l.div_ceil(*s))
                .product();
            assert_eq!(rules, best, "{lengths:?} as {sizes:?}");
            assert!(
                sizes.iter().sum::<usize>() <= VALUES_PER_RULE || lengths.len() > VALUES_PER_RULE
            );
        }
    }
}
