//! Whether one entry takes every request that another takes: paths, conditions, listeners. What cannot be proved is not claimed.

use super::pattern::{self, Shape};
use crate::ir::{
    ClientRange, Condition, Gateway, ListenerId, PathMatch, Route, Set, ValueMatch, When,
    regex::matcher,
};

/// Whether every path that `inner` takes is taken by `outer`.
pub(super) fn path(outer: &PathMatch, inner: &PathMatch) -> bool {
    if outer == inner {
        return true;
    }
    match (outer, inner) {
        (PathMatch::Exact(_), PathMatch::Prefix(_)) => false,
        (PathMatch::Exact(_) | PathMatch::Prefix(_), PathMatch::Exact(text)) => {
            outer.takes_literal(text)
        }
        (PathMatch::Prefix(prefix), PathMatch::Prefix(text)) => PathMatch::is_prefix(prefix, text),
        (PathMatch::Prefix(prefix), PathMatch::Regex(regex)) => {
            let start = pattern::literal_start(regex);
            start.starts_with(prefix.as_str()) && prefix.ends_with('/')
                || start.starts_with(&format!("{prefix}/"))
                || every(regex, |text| outer.takes_literal(text))
        }
        (PathMatch::Exact(_), PathMatch::Regex(regex)) => {
            every(regex, |text| outer.takes_literal(text))
        }
        (PathMatch::Regex(regex), PathMatch::Exact(text)) => {
            matcher(regex).is_some_and(|regex| regex.is_match(text.as_bytes()))
        }
        (PathMatch::Regex(regex), PathMatch::Prefix(text)) => match pattern::shape(regex) {
            Some(Shape::Starts(start)) => text.starts_with(&start),
            Some(Shape::Below(start)) => PathMatch::is_prefix(&start, text),
            Some(Shape::Exactly(_)) | None => false,
        },
        (PathMatch::Regex(regex), PathMatch::Regex(other)) => {
            matches!(pattern::shape(regex), Some(Shape::Starts(start))
                if pattern::literal_start(other).starts_with(&start))
                || pattern::every_text(other).is_some_and(|texts| {
                    matcher(regex).is_some_and(|regex| {
                        !texts.is_empty()
                            && texts.iter().all(|text| regex.is_match(text.as_bytes()))
                    })
                })
        }
    }
}

fn every(regex: &str, test: impl Fn(&str) -> bool) -> bool {
    pattern::every_text(regex)
        .is_some_and(|texts| !texts.is_empty() && texts.iter().all(|text| test(text)))
}

/// Whether every request that meets the conditions of `inner` meets those of `outer`, on every listener that serves `inner`.
pub(super) fn conditions(gateway: &Gateway, outer: &Route, inner: &Route) -> bool {
    conditions_but_upgrade(gateway, outer, inner)
        && match (&outer.when.upgrade, &inner.when.upgrade) {
            (None, _) => true,
            (Some(outer), Some(inner)) => outer.value == inner.value,
            (Some(_), None) => false,
        }
}

/// As [`conditions`], but for `when.upgrade`.
pub(super) fn conditions_but_upgrade(gateway: &Gateway, outer: &Route, inner: &Route) -> bool {
    let (o, i) = (&outer.when, &inner.when);
    let methods = match (&o.methods, &i.methods) {
        (None, _) => true,
        (Some(outer), Some(inner)) => inner.value.iter().all(|it| outer.value.contains(it)),
        (Some(_), None) => false,
    };
    let clients = match (&o.clients, &i.clients) {
        (None, _) => true,
        (Some(outer), Some(inner)) => inner.value.iter().all(|it| within(&outer.value, *it)),
        (Some(_), None) => false,
    };
    let listeners = gateway
        .listeners_of(inner)
        .all(|listener| gateway.serves(listener, outer));
    methods
        && clients
        && listeners
        && implied(&o.headers, &i.headers)
        && implied(&o.query, &i.query)
}

fn within(ranges: &[ClientRange], inner: ClientRange) -> bool {
    ranges
        .iter()
        .any(|range| range.net().contains(&inner.net()))
}

fn implied(outer: &[Set<Condition>], inner: &[Set<Condition>]) -> bool {
    outer.iter().all(|wanted| {
        inner
            .iter()
            .any(|given| given.value.name == wanted.value.name && implies(given, wanted))
    })
}

fn implies(given: &Set<Condition>, wanted: &Set<Condition>) -> bool {
    match (&given.value.value, &wanted.value.value) {
        (given, wanted) if given == wanted => true,
        (ValueMatch::Exact(_) | ValueMatch::Regex(_), ValueMatch::Present(true)) => true,
        (ValueMatch::Exact(text), ValueMatch::Regex(regex)) => {
            matcher(regex).is_some_and(|regex| regex.is_match(text.as_bytes()))
        }
        _ => false,
    }
}

/// Whether one request can meet the conditions of both routes, as far as can be seen.
pub(super) fn compatible(gateway: &Gateway, a: &Route, b: &Route) -> bool {
    let shared: Vec<ListenerId> = gateway
        .listeners_of(a)
        .map(|listener| listener.id)
        .collect();
    let listeners = gateway
        .listeners_of(b)
        .any(|listener| shared.contains(&listener.id));
    listeners && compatible_whens(&a.when, &b.when)
}

fn compatible_whens(a: &When, b: &When) -> bool {
    let methods = match (&a.methods, &b.methods) {
        (Some(a), Some(b)) => a.value.iter().any(|method| b.value.contains(method)),
        _ => true,
    };
    let upgrade = match (&a.upgrade, &b.upgrade) {
        (Some(a), Some(b)) => a.value == b.value,
        _ => true,
    };
    let apart = |a: &[Set<Condition>], b: &[Set<Condition>]| {
        a.iter().any(|a| {
            b.iter().any(|b| {
                a.value.name == b.value.name
                    && match (&a.value.value, &b.value.value) {
                        (ValueMatch::Exact(a), ValueMatch::Exact(b)) => a != b,
                        (ValueMatch::Present(false), other)
                        | (other, ValueMatch::Present(false)) => {
                            *other != ValueMatch::Present(false)
                        }
                        _ => false,
                    }
            })
        })
    };
    methods && upgrade && !apart(&a.headers, &b.headers) && !apart(&a.query, &b.query)
}
