//! Changes to headers (contract §4.6): what servers and clients see of each, beside what the other side sent.

use regex::Regex;

use super::arrival::deliver;
use super::values::{Tested, facts, pattern, supplied};
use crate::ir::{Change, Fact, Feature, Gateway, HeaderOp, RouteId};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::wire::Headers;

/// Headers that a program may have lines of its own of, beside those of the server and the spec.
const OWN: [&str; 10] = [
    "server",
    "date",
    "vary",
    "set-cookie",
    "content-type",
    "etag",
    "strict-transport-security",
    "alt-svc",
    "via",
    "location",
];

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in &gateway.routes {
        let requests = if route.shares().is_empty() {
            &[][..]
        } else {
            &route.request_headers
        };
        let both = [
            (requests, Side::Request),
            (&route.response_headers, Side::Response),
        ];
        for (ops, side) in both {
            for (index, op) in ops.iter().enumerate() {
                let id = route.id;
                let mut add = |feature, promise: String, tested: Tested| {
                    probes.push(Probe::new(feature, route, op.at, promise, move |lab| {
                        changed(lab, id, side, index, tested)
                    }));
                };
                add(side.feature(), side.promise(op), |_| false);
                let Some(value) = op.change.value() else {
                    continue;
                };
                if facts(value).any(is_fact) {
                    let says = format!("`{}` holds the facts of its request", op.name);
                    add(Feature::HeaderFacts, says, is_fact);
                }
                if facts(value).any(is_claim) {
                    let says = format!("`{}` holds the token's claims", op.name);
                    add(Feature::HeaderClaims, says, is_claim);
                }
                if facts(value).any(is_subject) {
                    let says = format!(
                        "`{}` holds the subject of the client's certificate",
                        op.name
                    );
                    add(Feature::HeaderTlsSubject, says, is_subject);
                }
            }
        }
    }
    probes
}

fn is_claim(fact: &Fact) -> bool {
    matches!(fact, Fact::Claim(_))
}

fn is_subject(fact: &Fact) -> bool {
    matches!(fact, Fact::TlsSubject)
}

fn is_fact(fact: &Fact) -> bool {
    !is_claim(fact) && !is_subject(fact)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

impl Side {
    const fn feature(self) -> Feature {
        match self {
            Self::Request => Feature::RequestHeaders,
            Self::Response => Feature::ResponseHeaders,
        }
    }

    fn promise(self, op: &HeaderOp) -> String {
        let (to, from) = match self {
            Self::Request => ("the server", "the client"),
            Self::Response => ("the client", "the server"),
        };
        let name = &op.name;
        match &op.change {
            Change::Remove => format!("{to} sees no `{name}`, whatever {from} sends"),
            Change::Set(_) => format!("{to} sees one `{name}`, whatever {from} sends"),
            Change::Add(_) => format!("{to} sees `{name}` beside what {from} sends"),
            Change::SetIfAbsent(_) => format!("{to} sees `{name}` where {from} sends none"),
        }
    }

    fn ops(self, lab: &Lab, route: RouteId) -> &[HeaderOp] {
        let route = lab.gateway.route(route);
        match self {
            Self::Request => &route.request_headers,
            Self::Response => &route.response_headers,
        }
    }
}

/// What comes of a header with nothing, one line and two lines of it sent.
fn changed(lab: &Lab, route: RouteId, side: Side, index: usize, tested: Tested) -> Seen {
    let Some(op) = side.ops(lab, route).get(index) else {
        return Err(Miss::gone());
    };
    let good = super::beside::good(lab, route)?;
    for lines in [&[][..], &["theirs"], &["first", "second"]] {
        let mut ask = super::beside::fresh(lab, &good, route);
        for one in side
            .ops(lab, route)
            .iter()
            .filter_map(|op| op.change.value())
        {
            ask = supplied(ask, one);
        }
        if !lines.is_empty() && !sent(lab, &mut ask, side, &op.name, lines) {
            continue;
        }
        let came = match side {
            Side::Request => deliver(lab, &ask)?.headers,
            Side::Response => {
                let answer = lab.answer(&ask)?;
                let forwards = !lab.gateway.route(route).shares().is_empty();
                if forwards && lab.arrivals(&ask).is_empty() {
                    return Err(deviation(&ask, status(&answer), "an answer of the server"));
                }
                answer.headers
            }
        };
        let own = side == Side::Response && OWN.iter().any(|own| op.name.eq_ignore_ascii_case(own));
        let wanted = expected(lab, &ask, side, route, &op.name, lines, tested);
        compare(&ask, op, &came, wanted, own && !is_final(op), side)?;
    }
    Ok(())
}

/// Whether nothing but the change itself decides what comes.
fn is_final(op: &HeaderOp) -> bool {
    matches!(op.change, Change::Remove | Change::Set(_))
}

/// Sends lines of a header, or has the server send them; `false` where that would change more than the header.
fn sent(lab: &Lab, ask: &mut Ask, side: Side, name: &str, lines: &[&str]) -> bool {
    match side {
        Side::Request => {
            let taken = ask.request.header(name).is_some()
                || name.to_ascii_lowercase().starts_with("sec-")
                || [
                    "content-type",
                    "expect",
                    "origin",
                    "authorization",
                    "cookie",
                    "range",
                ]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known));
            if taken {
                return false;
            }
            for line in lines {
                *ask = ask.clone().also(name, line);
            }
        }
        Side::Response => {
            // Only a server sends what is asked of it.
            let entry = lab.asker().outcome(ask).and_then(|it| it.entry);
            let forwards =
                entry.is_some_and(|entry| !lab.gateway.route(entry.route).shares().is_empty());
            let single = ["content-type", "location", "server", "date", "etag"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known));
            if !forwards || single && lines.len() > 1 {
                return false;
            }
            for line in lines {
                *ask = ask.clone().also("X-Reply", &format!("{name}: {line}"));
            }
        }
    }
    true
}

/// Regexes for the lines that have to come, after every change to this header.
fn expected(
    lab: &Lab,
    ask: &Ask,
    side: Side,
    route: RouteId,
    name: &str,
    lines: &[&str],
    tested: Tested,
) -> Vec<String> {
    let mut now: Vec<String> = lines.iter().map(|line| regex::escape(line)).collect();
    // What the forwarded headers hold is their own probes' matter.
    let is_set = lab.gateway.route(route).forwarded.value
        && super::headers::FORWARDED
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name));
    if side == Side::Request && is_set {
        now = vec![".+".to_owned()];
    }
    if side == Side::Request && now.is_empty() {
        now.extend(ask.request.header(name).map(|own| regex::escape(&own)));
    }
    for op in side.ops(lab, route) {
        if !op.name.eq_ignore_ascii_case(name) {
            continue;
        }
        let value = op
            .change
            .value()
            .map(|value| pattern(lab, ask, value, tested));
        match (&op.change, value) {
            (Change::Set(_), Some(value)) => now = vec![value],
            (Change::Add(_), Some(value)) => now.push(value),
            (Change::SetIfAbsent(_), Some(value)) if now.is_empty() => now.push(value),
            (Change::SetIfAbsent(_), _) => {}
            (_, _) => now.clear(),
        }
    }
    now
}

/// A list with a space behind each comma, which a program may leave out where it joins lines.
fn spaced(list: &str) -> String {
    let entries: Vec<&str> = list.split(',').map(str::trim_start).collect();
    entries.join(", ")
}

/// Lines and list entries mean the same, so that they are compared as one list.
fn compare(
    ask: &Ask,
    op: &HeaderOp,
    came: &Headers,
    wanted: Vec<String>,
    among: bool,
    side: Side,
) -> Seen {
    let lines = came.all(&op.name);
    let joined = lines.join(", ");
    let list = wanted.join(", ");
    let whole = |pattern: &str| Regex::new(&format!("^(?s:{pattern})$"));
    let fits = match among {
        // The program's own lines may stand beside.
        true => wanted
            .iter()
            .all(|one| whole(one).is_ok_and(|it| lines.iter().any(|line| it.is_match(line)))),
        // A line with nothing in it says as much as none.
        false => whole(&list).is_ok_and(|it| it.is_match(&joined) || it.is_match(&spaced(&joined))),
    };
    let none = lines.is_empty() && !wanted.is_empty() && !list.is_empty();
    if fits && !none {
        return Ok(());
    }
    let who = match side {
        Side::Request => "a server",
        Side::Response => "a client",
    };
    let told = |list: &str, some: bool| match some {
        true => format!("{who} that sees {}: {list}", op.name),
        false => format!("{who} that sees no {}", op.name),
    };
    let promised = told(&list.replace('\\', ""), !wanted.is_empty());
    Err::<(), Miss>(deviation(ask, told(&joined, !lines.is_empty()), promised))
}
