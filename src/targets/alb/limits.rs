//! What AWS would refuse of the load balancer as a whole, at the lines of the spec that ask for too much.

use std::collections::BTreeSet;

use super::ids::Ids;
use super::rules::{Rule, rules};
use super::{facts, weights};
use crate::diag::Report;
use crate::ir::{Gateway, Loc, Set};
use crate::targets::Verdicts;

/// Every fault.
pub(super) fn limits(g: &Gateway, v: &Verdicts<'_>) -> Report {
    let mut report = Report::new();
    room(g, &mut report);
    listeners(g, &mut report);
    groups(g, &mut report);
    let mut ids = Ids::default();
    let all: Vec<Rule<'_>> = g
        .listeners
        .iter()
        .flat_map(|listener| rules(g, v, listener, &mut ids))
        .collect();
    values(&all, &mut report);
    budget(g, &all, &mut report);
    report
}

/// The rules against the quota: the count, and the routes that do not fit any more, in the order of the file.
fn budget(g: &Gateway, all: &[Rule<'_>], report: &mut Report) {
    let quota = g.rooms.alb.rules.value as usize;
    if all.len() <= quota {
        return;
    }
    // What the listeners need for themselves comes off first.
    let mut used = all.iter().filter(|rule| rule.route.is_none()).count();
    let mut counts = vec![0_usize; g.routes.len()];
    for route in all.iter().filter_map(|rule| rule.route) {
        counts[route.id.index()] += 1;
    }
    let mut beyond = Vec::new();
    for route in &g.routes {
        let count = counts[route.id.index()];
        if count == 0 {
            continue;
        }
        used += count;
        if used > quota {
            beyond.push((route, count));
        }
    }
    let Some(((first, count), more)) = beyond.split_first() else {
        return;
    };
    let rules = |count: usize| match count {
        1 => "1 rule".to_owned(),
        count => format!("{count} rules"),
    };
    let diag = report.error("alb::rules", first.at);
    diag.says(format!(
        "the load balancer would have {} rules, and {quota} are allowed",
        all.len()
    ))
    .label(format!(
        "route `{}` needs {}: from here on they do not fit",
        first.name,
        rules(*count)
    ));
    for (route, count) in more.iter().take(7) {
        diag.also(
            route.at,
            format!("route `{}`: {}", route.name, rules(*count)),
        );
    }
    diag.note(format!(
        "{} of {} routes do not fit; AWS refuses the stack at the rule that is too much",
        beyond.len(),
        g.routes.len()
    ))
    .help("put some of the routes on a load balancer of their own, merge routes that lead to one upstream, or have the quota raised and write it: `targets: {alb: {rules: 200}}`");
}

/// Rules that need more values at once than a rule has.
fn values(all: &[Rule<'_>], report: &mut Report) {
    let mut told: BTreeSet<Loc> = BTreeSet::new();
    for rule in all
        .iter()
        .filter(|rule| rule.values() > facts::VALUES_PER_RULE)
    {
        // One rule of a route is enough.
        if !told.insert(rule.at) {
            continue;
        }
        let name = rule.route.map_or("", |route| route.name.as_str());
        report
            .error("alb::conditions", rule.at)
            .says(format!(
                "route `{name}` asks for {} things at once, and a rule compares {}",
                rule.values(),
                facts::VALUES_PER_RULE
            ))
            .label("host, path, method, client, each header and query parameter, `Upgrade` and `Origin` count")
            .help("ask for less in `when`, or leave `methods` to the server");
    }
}

fn listeners(g: &Gateway, report: &mut Report) {
    if let Some(one) = g.listeners.get(facts::LISTENERS) {
        report
            .error("alb::listeners", one.at)
            .says(format!(
                "{} listeners, and a load balancer has {} at most",
                g.listeners.len(),
                facts::LISTENERS
            ))
            .help("put some of them on a load balancer of their own");
    }
}

fn groups(g: &Gateway, report: &mut Report) {
    let (mut groups, mut targets) = (0, 0);
    for upstream in &g.upstreams {
        groups += weights::classes(g, upstream).len();
        if groups > facts::GROUPS {
            report
                .error("alb::groups", upstream.at)
                .says(format!("a load balancer has {} target groups at most", facts::GROUPS))
                .label("from here on they do not fit: one for each upstream, and for each weight of its servers")
                .help("merge upstreams, or give servers one weight");
            break;
        }
        if !facts::is_existing(g, upstream) {
            targets += upstream.servers.len();
        }
        if targets > facts::TARGETS {
            report
                .error("alb::targets", upstream.at)
                .says(format!(
                    "a load balancer has {} targets at most",
                    facts::TARGETS
                ))
                .label("from here on they do not fit")
                .help("put some of them on a load balancer of their own");
            break;
        }
    }
}

/// What the room says in AWS's words.
fn room(g: &Gateway, report: &mut Report) {
    let room = &g.rooms.alb;
    if let Some(subnets) = &room.subnets
        && subnets.value.len() < 2
    {
        report
            .error("alb::subnets", subnets.loc())
            .says("a load balancer needs two subnets, in two zones")
            .help("name a second one, or leave `subnets` out: then it is a parameter");
    }
    let ids = room
        .subnets
        .iter()
        .flat_map(|it| it.value.iter().map(|id| (id, it.loc())));
    for (id, at) in ids {
        named(report, id, at, "subnet-", "a subnet");
    }
    if let Some(vpc) = &room.vpc {
        named(report, &vpc.value, vpc.loc(), "vpc-", "a VPC");
    }
    for (name, arn) in &room.certificates {
        arn_of(
            report,
            arn,
            "acm",
            &format!("the certificate `{name}`"),
            "arn:aws:acm:REGION:ACCOUNT:certificate/ID",
        );
    }
    for (name, arn) in &room.upstreams {
        arn_of(
            report,
            arn,
            "elasticloadbalancing",
            &format!("the target group of `{name}`"),
            "arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID",
        );
    }
    if let Some(arn) = &room.trust_store {
        arn_of(
            report,
            arn,
            "elasticloadbalancing",
            "the trust store",
            "arn:aws:elasticloadbalancing:REGION:ACCOUNT:truststore/NAME/ID",
        );
    }
    if let Some(bucket) = &room.log_bucket {
        let fits = (3..=63).contains(&bucket.value.len())
            && bucket
                .value
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
        if !fits {
            report
                .error("alb::bucket", bucket.loc())
                .says(format!(
                    "`{}` is no name of a bucket",
                    bucket.value.escape_debug()
                ))
                .help("a name has 3 to 63 lower-case letters, digits, `-` and `.`");
        }
    }
}

/// An id of EC2: 8 or 17 hexadecimal digits behind the kind.
fn named(report: &mut Report, id: &str, at: Loc, start: &str, what: &str) {
    let fits = id.strip_prefix(start).is_some_and(|rest| {
        matches!(rest.len(), 8 | 17) && rest.bytes().all(|b| b.is_ascii_hexdigit())
    });
    if !fits {
        report
            .error("alb::id", at)
            .says(format!("`{}` is no id of {what}", id.escape_debug()))
            .help(format!(
                "write it such as `{start}0a1b2c3d` (8 or 17 hexadecimal digits), or leave it out: then it is a parameter"
            ));
    }
}

fn arn_of(report: &mut Report, arn: &Set<String>, service: &str, what: &str, form: &str) {
    let mut parts = arn.value.split(':');
    let fits = parts.next() == Some("arn")
        && parts.next().is_some_and(|part| part.starts_with("aws"))
        && parts.next() == Some(service)
        && arn.value.chars().all(|c| c.is_ascii_graphic());
    if !fits {
        report
            .error("alb::arn", arn.loc())
            .says(format!(
                "`{}` is no ARN of {what}",
                arn.value.escape_debug()
            ))
            .help(format!(
                "write it such as `{form}`, or leave it out: then it is a parameter"
            ));
    }
}
