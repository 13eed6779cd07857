//! Limits of a route: the rate of requests, what is open at once, the size of a body.

use super::response::Answers;
use super::table;
use super::{Ctx, On, acl, line};
use crate::emit::lang::haproxy;
use crate::emit::{Part, Tok};
use crate::ir::Route;

/// The rate of requests, and what is open at once.
pub(super) fn rules(
    ctx: &Ctx<'_>,
    route: &Route,
    on: &On,
    answers: &Answers<'_>,
    lines: &mut Vec<Tok>,
) {
    let name = |what: &str| format!("{}:{what}", route.name);
    if let Some(limit) = &route.requests {
        let at = limit.rate.loc();
        let table = table::requests(route, limit);
        let window = table::window(ctx.g, route, limit);
        let own = table::Window::of(limit.rate.value, limit.burst.value);
        // A bucket has the window of its first route: another rate is measured by it.
        let most = (own.most * window.millis).div_ceil(own.millis).max(1);
        let mut counted = Vec::new();
        if !limit.exempt.value.is_empty() {
            let exempt = name("exempt");
            super::access::ranges(lines, &exempt, &limit.exempt.value, limit.exempt.loc());
            counted.push(format!("!{exempt}"));
        }
        let counted: Vec<&str> = counted.iter().map(String::as_str).collect();
        let track = line("http-request track-sc0")
            .word(&table::key(&limit.per.value))
            .with("table")
            .name(&table);
        lines.push(on.rule(track, &counted, at));
        let over = name("over");
        lines.push(
            line("acl")
                .name(&over)
                .parts(&[
                    Part::Static("sc0_gpc0_rate("),
                    Part::Name(&table),
                    Part::Static(")"),
                ])
                .with("ge")
                .number(most)
                .at(at)
                .end(),
        );
        let after = haproxy::fmt(&table::retry_after(limit.rate.value).to_string());
        let refused: Vec<&str> = counted.iter().copied().chain([over.as_str()]).collect();
        lines.push(on.rule(answers.say(429, &[("Retry-After", after)]), &refused, at));
        // Counted only now: what is refused does not keep a client out for longer.
        lines.push(on.rule(line("http-request sc-inc-gpc0(0)"), &counted, at));
    }
    if let Some(limit) = &route.connections {
        let at = limit.max.loc();
        let table = table::open(route);
        let track = line("http-request track-sc1")
            .word(&table::key(&limit.per.value))
            .with("table")
            .name(&table);
        lines.push(on.rule(track, &[], at));
        let full = name("full");
        lines.push(
            line("acl")
                .name(&full)
                .parts(&[
                    Part::Static("sc1_conn_cur("),
                    Part::Name(&table),
                    Part::Static(")"),
                ])
                .with("gt")
                .number(limit.max.value.into())
                .at(at)
                .end(),
        );
        lines.push(on.rule(answers.say(503, &[]), &[&full], at));
    }
}

/// The size of a body.
pub(super) fn body(route: &Route, on: &On, answers: &Answers<'_>, lines: &mut Vec<Tok>) {
    let Some(size) = route.body.value else {
        return;
    };
    let at = route.body.loc();
    let (large, chunked) = (
        format!("{}:large", route.name),
        format!("{}:chunked", route.name),
    );
    lines.push(
        acl(&large, "req.body_size")
            .with("-m int gt")
            .number(size.as_bytes())
            .at(at)
            .end(),
    );
    lines.push(on.rule(answers.say(413, &[]), &[&large], at));
    lines.push(
        acl(&chunked, "req.hdr(transfer-encoding)")
            .with("-m found")
            .at(at)
            .end(),
    );
    lines.push(on.rule(answers.say(411, &[]), &[&chunked], at));
}
