//! Middlewares that refuse: a status of our own, client ranges, rates, open requests, bodies.

use super::rule::{self, Rule};
use super::{Ctx, Dynamic, number, text, words};
use crate::emit::{Map, Node};
use crate::ir::{ClientRange, Feature, Per, PerKey, Route, Subject};
use crate::targets::traefik::facts::{self, Face, Peer};

/// A name that no header can have: all requests lack it, and count as one.
const NO_HEADER: &str = "all requests together";

/// The middleware that answers every request with a status.
pub(super) fn status(dynamic: &mut Dynamic, status: u16) -> String {
    let name = format!("status:{status}");
    dynamic.middlewares.add(&name, || {
        let list = Map::new()
            .put("sourceRange", words(["255.255.255.255/32"]))
            .put("rejectStatusCode", Node::number(status));
        Map::new().put("ipAllowList", list).into()
    });
    name
}

/// How a client's address is found: what a trusted proxy says of it, else the peer's own.
fn strategy(face: &Face<'_>) -> Map {
    match face.peer {
        Peer::Proxy => Map::new().put(
            "excludedIPs",
            words(face.trusted().iter().map(ToString::to_string)),
        ),
        Peer::Client | Peer::Other => Map::new().put("depth", Node::number(0)),
    }
}

/// The list of addresses that may come.
pub(super) fn clients(
    dynamic: &mut Dynamic,
    route: &Route,
    face: &Face<'_>,
    own: &str,
) -> Option<String> {
    let clients = route.clients.as_ref()?;
    let name = match face.peer {
        Peer::Proxy => format!("clients:{}{own}", route.name),
        Peer::Client | Peer::Other => format!("clients:{}", route.name),
    };
    dynamic.middlewares.add(&name, || {
        let mut ranges: Vec<String> = clients.admitted().iter().map(ToString::to_string).collect();
        if ranges.is_empty() {
            // A list must not be empty; nobody has this address.
            ranges.push("255.255.255.255/32".to_owned());
        }
        let list = Map::new()
            .put("sourceRange", words(ranges))
            .put("ipStrategy", strategy(face));
        Node::from(Map::new().put("ipAllowList", list)).at(clients.at)
    });
    Some(name)
}

/// A condition on the client's address, as far as a rule can say it.
pub(super) fn from(ranges: &[ClientRange], face: &Face<'_>) -> Option<Rule> {
    if face.peer != Peer::Proxy {
        return rule::peers(ranges);
    }
    let nobody = || rule::everything().not();
    Some(
        facts::forwarded_for(ranges, face.trusted()).map_or_else(nobody, |pattern| {
            Rule::call("HeaderRegexp", &["X-Forwarded-For", &pattern])
        }),
    )
}

/// The rules of those who are not counted by the rate.
pub(super) fn uncounted(ctx: &Ctx<'_>, route: &Route, face: &Face<'_>) -> Vec<Rule> {
    let Some(limit) = &route.requests else {
        return Vec::new();
    };
    let mut rules = Vec::new();
    let exempt = &limit.exempt;
    if !exempt.value.is_empty()
        && ctx.v.renders(
            Feature::LimitRequestsExempt,
            Subject::Route(route),
            exempt.from,
        )
    {
        rules.extend(from(&exempt.value, face));
    }
    if let PerKey::Header(name) = &limit.per.value {
        rules.push(rule::present(name).not());
    }
    rules
}

fn criterion(per: &PerKey, face: &Face<'_>) -> Map {
    match per {
        PerKey::Client => Map::new().put("ipStrategy", strategy(face)),
        PerKey::Route => Map::new().put("requestHeaderName", super::word(NO_HEADER)),
        PerKey::Header(name) => Map::new().put("requestHeaderName", super::word(name)),
    }
}

/// The limit on the rate of requests.
pub(super) fn rate(
    dynamic: &mut Dynamic,
    route: &Route,
    face: &Face<'_>,
    own: &str,
) -> Option<String> {
    let limit = route.requests.as_ref()?;
    let name = format!("rate:{}{own}", route.name);
    dynamic.middlewares.add(&name, || {
        let rate = limit.rate.value;
        let period = match rate.per {
            Per::Second => "1s",
            Per::Minute => "1m",
            Per::Hour => "1h",
        };
        let limiter = Map::new()
            .put("average", Node::number(rate.count))
            .put("period", text(period, limit.rate.loc()))
            // The request itself is one of them; and what a second brings may come at once.
            .put(
                "burst",
                number(
                    (u64::from(limit.burst.value) + 1).max(u64::from(rate.count) / rate.per.secs()),
                ),
            )
            .put("sourceCriterion", criterion(&limit.per.value, face));
        Node::from(Map::new().put("rateLimit", limiter)).at(limit.rate.loc())
    });
    Some(name)
}

/// The limit on open requests and tunnels.
pub(super) fn open(
    dynamic: &mut Dynamic,
    route: &Route,
    face: &Face<'_>,
    own: &str,
) -> Option<String> {
    let limit = route.connections.as_ref()?;
    let name = format!("open:{}{own}", route.name);
    dynamic.middlewares.add(&name, || {
        let limiter = Map::new()
            .put("amount", Node::number(limit.max.value))
            .put("sourceCriterion", criterion(&limit.per.value, face));
        Node::from(Map::new().put("inFlightReq", limiter)).at(limit.max.loc())
    });
    Some(name)
}

/// The limit on bodies.
pub(super) fn body(dynamic: &mut Dynamic, route: &Route) -> Option<String> {
    let limit = route.body.value?;
    if route.stream.is_some() {
        return None;
    }
    let name = format!("body:{}", route.name);
    dynamic.middlewares.add(&name, || {
        let buffering = Map::new().put("maxRequestBodyBytes", number(limit.as_bytes()));
        Node::from(Map::new().put("buffering", buffering)).at(route.body.loc())
    });
    Some(name)
}
