//! The web ACL: limits that no listener rule can keep.

use super::Ctx;
use super::statement::{both, either, larger, of_route, outside};
use crate::emit::{Map, Node, Style, Tok};
use crate::ir::{ClientRange, Feature, PerKey, RequestLimit, Route, Subject};
use crate::targets::alb::facts;
use crate::targets::alb::ids::named;
use crate::targets::alb::steps::is_closed;

/// Routes that count together, and the limit of the first.
struct Count<'a> {
    name: String,
    limit: &'a RequestLimit,
    routes: Vec<&'a Route>,
}

pub(super) fn resources(ctx: &Ctx<'_>) -> Map {
    let mut sets: Vec<(String, Vec<ClientRange>)> = Vec::new();
    let mut rules = Vec::new();
    for count in counts(ctx) {
        let exempt = exempt(ctx, &count);
        let statement = Map::new().put("RateBasedStatement", rate(ctx, &count, &exempt));
        rules.push((
            format!("rate-{}", count.name),
            count.limit.at,
            statement,
            429,
        ));
        sets.extend(exempt);
    }
    for route in open(ctx) {
        if let Some(size) = route.body.value {
            let statement = both(vec![of_route(ctx, route), larger(size.as_bytes())]);
            rules.push((
                format!("body-{}", named(&route.name, '-')),
                route.body.loc(),
                statement,
                413,
            ));
        }
    }
    if rules.is_empty() {
        return Map::new();
    }
    let mut map = Map::new();
    for (id, ranges) in &sets {
        map = map.entry(ctx.tok(id), ip_set(ctx, ranges));
    }
    let rules = rules
        .into_iter()
        .enumerate()
        .map(|(n, (name, at, statement, status))| {
            let response = Map::new().put("ResponseCode", Node::number(status));
            let block = Map::new().put("CustomResponse", response);
            let rule = Map::new()
                .put("Name", ctx.text(&name))
                .put("Priority", Node::number(n as i64))
                .put("Action", Map::new().put("Block", block))
                .put("VisibilityConfig", visibility(ctx, &name))
                .put("Statement", statement);
            Node::from(rule).at(at)
        });
    let acl = Map::new()
        .put("Scope", Node::word("REGIONAL"))
        .put("DefaultAction", Map::new().put("Allow", Map::new()))
        .put("VisibilityConfig", visibility(ctx, "gateway"))
        .put("Rules", Node::list(rules));
    let association = Map::new()
        .put("ResourceArn", ctx.reference("LoadBalancer"))
        .put("WebACLArn", ctx.attribute("WebAcl", "Arn"));
    map.put("WebAcl", ctx.resource("AWS::WAFv2::WebACL", acl))
        .put(
            "WebAclAssociation",
            ctx.resource("AWS::WAFv2::WebACLAssociation", association),
        )
}

/// What the web ACL costs in capacity units, by what AWS says of each statement. A transformation of a field counts once.
pub(super) fn capacity(ctx: &Ctx<'_>) -> usize {
    const COSTS: [(&str, usize); 6] = [
        ("\"ByteMatchStatement\":", 2),
        ("\"RegexMatchStatement\":", 3),
        ("\"SizeConstraintStatement\":", 1),
        ("\"IPSetReferenceStatement\":", 1),
        ("\"RateBasedStatement\":", 2),
        ("\"CustomKeys\":", 30),
    ];
    let lines = resources(ctx).lines(Style::Json, 0);
    let text: String = lines.iter().map(Tok::as_str).collect();
    let costs = COSTS.iter();
    let sum: usize = costs
        .map(|(word, cost)| text.matches(word).count() * cost)
        .sum();
    sum + 10 * usize::from(text.contains("\"LOWERCASE\""))
}

/// Routes that are not closed anyway.
fn open<'a>(ctx: &'a Ctx<'a>) -> impl Iterator<Item = &'a Route> {
    ctx.g
        .routes
        .iter()
        .filter(|route| !is_closed(ctx.g, ctx.v, route))
}

fn counts<'a>(ctx: &'a Ctx<'a>) -> Vec<Count<'a>> {
    let mut list: Vec<Count<'a>> = Vec::new();
    for route in open(ctx) {
        let Some(limit) = route.requests.as_deref() else {
            continue;
        };
        let bucket = limit.bucket.as_ref().filter(|it| {
            ctx.v
                .renders(Feature::LimitRequestsBucket, Subject::Route(route), it.from)
        });
        let name = match bucket {
            Some(bucket) => format!("bucket-{}", named(&bucket.value, '-')),
            None => named(&route.name, '-'),
        };
        match list.iter_mut().find(|known| known.name == name) {
            Some(known) => known.routes.push(route),
            None => list.push(Count {
                name,
                limit,
                routes: vec![route],
            }),
        }
    }
    list
}

fn rate(ctx: &Ctx<'_>, count: &Count<'_>, exempt: &[(String, Vec<ClientRange>)]) -> Map {
    let (limit, window) = facts::rate(count.limit).unwrap_or((facts::LOWEST_RATE, 600));
    let map = Map::new()
        .put("Limit", Node::number(limit as i64))
        .put("EvaluationWindowSec", Node::number(window as i64));
    let map = match &count.limit.per.value {
        PerKey::Client => map.put("AggregateKeyType", Node::word("IP")),
        PerKey::Route => map.put("AggregateKeyType", Node::word("CONSTANT")),
        PerKey::Header(name) => {
            let none = Map::new()
                .put("Priority", Node::number(0))
                .put("Type", Node::word("NONE"));
            let header = Map::new()
                .put("Name", ctx.text(name))
                .put("TextTransformations", Node::list([none]));
            map.put("AggregateKeyType", Node::word("CUSTOM_KEYS"))
                .put("CustomKeys", Node::list([Map::new().put("Header", header)]))
        }
    };
    let routes = either(
        count
            .routes
            .iter()
            .map(|route| of_route(ctx, route))
            .collect(),
    );
    let mut all = vec![routes];
    all.extend(outside(ctx, exempt));
    map.put("ScopeDownStatement", both(all))
}

/// The clients that are not counted: a set for each family of addresses.
fn exempt(ctx: &Ctx<'_>, count: &Count<'_>) -> Vec<(String, Vec<ClientRange>)> {
    let limit = &count.limit.exempt;
    let rendered = count.routes.first().is_some_and(|route| {
        ctx.v.renders(
            Feature::LimitRequestsExempt,
            Subject::Route(route),
            limit.from,
        )
    });
    let (v4, v6): (Vec<ClientRange>, Vec<ClientRange>) = limit
        .value
        .iter()
        .copied()
        .partition(|range| range.net().addr().is_ipv4());
    let name = named(&count.name, '-');
    [
        (format!("{name}ExemptIpv4"), v4),
        (format!("{name}ExemptIpv6"), v6),
    ]
    .into_iter()
    .filter(|(_, ranges)| rendered && !ranges.is_empty())
    .collect()
}

fn ip_set(ctx: &Ctx<'_>, ranges: &[ClientRange]) -> Map {
    let v4 = ranges.iter().all(|range| range.net().addr().is_ipv4());
    let texts: Vec<String> = ranges.iter().map(|range| range.net().to_string()).collect();
    let properties = Map::new()
        .put("Scope", Node::word("REGIONAL"))
        .put(
            "IPAddressVersion",
            Node::word(if v4 { "IPV4" } else { "IPV6" }),
        )
        .put("Addresses", ctx.texts(texts.iter().map(String::as_str)));
    ctx.resource("AWS::WAFv2::IPSet", properties)
}

fn visibility(ctx: &Ctx<'_>, name: &str) -> Map {
    Map::new()
        .put("SampledRequestsEnabled", Node::flag(true))
        .put("CloudWatchMetricsEnabled", Node::flag(true))
        .put("MetricName", ctx.text(name))
}
