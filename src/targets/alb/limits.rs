//! What AWS would refuse of the load balancer as a whole, at the lines of the spec that ask for too much.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::ids::Ids;
use super::rules::{Rule, rules};
use super::{facts, plan, room, weights};
use crate::diag::Report;
use crate::ir::{Gateway, Loc};
use crate::targets::Verdicts;

/// So many routes are named that do not fit.
const NAMED: usize = 50;

/// Every fault.
pub(super) fn limits(g: &Gateway, v: &Verdicts<'_>) -> Report {
    let mut report = Report::new();
    room::check(&g.rooms.alb, &mut report);
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
    if !report.has_errors() {
        template(g, v, &mut report);
    }
    report
}

/// What CloudFormation takes in one template.
fn template(g: &Gateway, v: &Verdicts<'_>, report: &mut Report) {
    let plan::Counts {
        resources,
        parameters,
        capacity,
    } = plan::counts(g, v);
    if capacity > facts::CAPACITY.0 {
        let limited = g
            .routes
            .iter()
            .find(|it| it.requests.is_some() || it.body.value.is_some());
        report
            .warning("alb::capacity", limited.map_or(Loc::default(), |it| it.at))
            .says(format!(
                "the web ACL may need {capacity} capacity units; AWS charges for more than {}, and refuses more than {}",
                facts::CAPACITY.0,
                facts::CAPACITY.1
            ))
            .label("the first route with a limit")
            .help("limit routes whose paths lie in no other route's: what earlier routes take is left out of each count");
    }
    if resources > facts::RESOURCES {
        report
            .error("alb::resources", g.rooms.alb.rules.loc())
            .says(format!(
                "the template would have {resources} resources, and CloudFormation takes {}",
                facts::RESOURCES
            ))
            .help("each rule is one: put some of the routes on a load balancer of their own");
    }
    if parameters > facts::PARAMETERS {
        let named = g.upstreams.iter().find(|it| it.has_names());
        report
            .error("alb::parameters", named.map_or(Loc::default(), |it| it.at))
            .says(format!(
                "the template would have {parameters} parameters, and CloudFormation takes {}",
                facts::PARAMETERS
            ))
            .help("each server name and each certificate is one: write addresses, or name target groups in `targets.alb.upstreams`");
    }
}

/// The rules against the quota: the count, and the routes that do not fit any more, in the order of the file.
fn budget(g: &Gateway, all: &[Rule<'_>], report: &mut Report) {
    let quota = g.rooms.alb.rules.value as usize;
    if all.len() <= quota {
        return;
    }
    // What the listeners need for themselves comes off first.
    let own = all.iter().filter(|rule| rule.route.is_none()).count();
    let mut used = own;
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
    for (route, count) in more.iter().take(2) {
        diag.also(
            route.at,
            format!("route `{}`: {}", route.name, rules(*count)),
        );
    }
    let named: Vec<&str> = beyond
        .iter()
        .take(NAMED)
        .map(|it| it.0.name.as_str())
        .collect();
    let rest = match beyond.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    diag.note(format!(
        "{} of {} routes do not fit: {}{rest}",
        beyond.len(),
        g.routes.len(),
        named.join(", ")
    ));
    // Where rules can be saved.
    let mut greedy: Vec<(&str, usize)> = g
        .routes
        .iter()
        .map(|route| (route.name.as_str(), counts[route.id.index()]))
        .filter(|(_, count)| *count > 1)
        .collect();
    greedy.sort_by_key(|(_, count)| Reverse(*count));
    if !greedy.is_empty() {
        let list = greedy.iter().take(5);
        let list: Vec<String> = list
            .map(|(name, count)| format!("{name} ({count})"))
            .collect();
        diag.note(format!("routes with the most rules: {}", list.join(", ")));
    }
    if own > 0 {
        diag.note(format!(
            "{} of listeners, against paths that are not in their normal form",
            rules(own)
        ));
    }
    diag.help("put some of the routes on a load balancer of their own, merge routes that lead to one upstream, or have the quota raised and write it: `targets: {alb: {rules: 200}}`");
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
