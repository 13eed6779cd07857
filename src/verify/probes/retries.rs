//! Retries (contract §4.5): another server is tried after the failures that are named, as often as is said, and never with a
//! request that may change something.

use std::time::Duration;

use super::way::{Way, capped, routes};
use crate::ir::{Dur, Feature, Gateway, Retries, RetryAfter, Route, RouteId, Upstream};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};
use crate::verify::scale::Scale;
use crate::verify::stub::Answer;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in &gateway.routes {
        of_route(gateway, route, &mut probes);
    }
    for upstream in &gateway.upstreams {
        of_upstream(gateway, upstream, &mut probes);
    }
    capped(probes)
}

fn of_route(gateway: &Gateway, route: &Route, probes: &mut Vec<Probe>) {
    let [share] = route.shares() else { return };
    let servers = &gateway.upstream(share.upstream.value).servers;
    let Some(retries) = &share.retries.value else {
        return;
    };
    if servers.iter().filter(|it| !it.backup.value).count() < 2 {
        return;
    }
    let (id, at) = (route.id, share.retries.loc());
    let own = retries.clone();
    let promise = format!(
        "after {} an idempotent request is tried again, up to {} times on other servers, and after nothing else",
        listed(retries),
        retries.attempts
    );
    probes.push(
        Probe::new(Feature::Retries, route, at, promise, move |lab| {
            again(lab, id, &own)
        })
        .scaled(short(route))
        .alone(),
    );
    let mut causes = retries.after.iter();
    let status = causes.find_map(|it| match it {
        RetryAfter::Status(status) => Some(*status),
        RetryAfter::Connect | RetryAfter::Timeout => None,
    });
    if let Some(status) = status {
        let attempts = usize::from(retries.attempts);
        let promise = "a PUT is tried again as well, with its body";
        probes.push(Probe::new(
            Feature::Retries,
            route,
            at,
            promise,
            move |lab| put(lab, id, status, attempts),
        ));
    }
}

/// A POST is sent once: a promise of every upstream, that no loss of retries explains away.
fn of_upstream(gateway: &Gateway, upstream: &Upstream, probes: &mut Vec<Probe>) {
    if upstream.servers.len() < 2 {
        return;
    }
    let ways = routes(gateway, upstream.id).into_iter();
    let mut ways: Vec<&Route> = ways.filter(|route| route.shares().len() == 1).collect();
    let tries = |route: &&Route| retries(route).is_some();
    if ways.iter().any(tries) {
        ways.retain(tries);
    } else {
        ways.truncate(1);
    }
    for route in ways {
        let id = route.id;
        let promise = "a request that is not idempotent is sent once, whatever comes of it";
        let run = move |lab: &Lab| once(lab, id);
        let mut probe = Probe::new(
            Feature::UpstreamServers,
            upstream,
            upstream.at,
            promise,
            run,
        );
        if retries(route).is_some() {
            probe = probe.scaled(short(route));
        }
        // Errors may take servers out.
        probes.push(match upstream.passive {
            Some(_) => probe.alone(),
            None => probe,
        });
    }
}

fn retries(route: &Route) -> Option<&Retries> {
    route.shares().first()?.retries.value.as_ref()
}

/// A timeout that is soon over.
fn short(route: &Route) -> Scale {
    Scale::to(route.response.value, Dur::from_millis(800))
}

fn listed(retries: &Retries) -> String {
    let names: Vec<String> = retries.after.iter().map(word).collect();
    names.join(", ")
}

fn word(after: &RetryAfter) -> String {
    match after {
        RetryAfter::Connect => "a refused connection".to_owned(),
        RetryAfter::Timeout => "a timeout".to_owned(),
        RetryAfter::Status(status) => status.to_string(),
    }
}

/// How servers fail, as the language names it; `None` is the end without an answer, which it has no name for.
fn failing(way: &Way<'_>, after: Option<&RetryAfter>) -> Answer {
    match after {
        Some(RetryAfter::Status(status)) => Answer::status(*status),
        Some(RetryAfter::Timeout) => {
            let limit = way.route.response.value.as_millis();
            Answer::status(200).after(Duration::from_millis(limit + 700))
        }
        Some(RetryAfter::Connect) | None => Answer::broken(),
    }
}

fn way(lab: &Lab, route: RouteId) -> Result<Way<'_>, Miss> {
    let share = lab.gateway.route(route).shares().first();
    let upstream = share.map(|share| share.upstream.value);
    let way = match upstream {
        Some(upstream) => Way::by(lab, route, upstream)?,
        None => return Err(Miss::Unseen("the route leads nowhere".to_owned())),
    };
    if way.fresh().request.is_websocket() {
        return Err(Miss::Unseen(
            "the route takes nothing but handshakes".to_owned(),
        ));
    }
    Ok(way)
}

/// Sets how every server but these answers a path.
fn fail(way: &Way<'_>, path: &str, but: &[usize], answer: &Answer) {
    for (index, stub) in way.lab.stubs(way.upstream.id).iter().enumerate() {
        if but.contains(&index) {
            stub.answer_as_usual(path);
        } else {
            stub.answer(path, answer.clone());
        }
    }
}

/// A fresh request of this method that the route takes.
fn asking(way: &Way<'_>, method: &str) -> Result<Ask, Miss> {
    let ask = way.fresh().method(method);
    match way.leads(&ask) {
        true => Ok(ask),
        false => Err(Miss::Unseen(format!("the route takes no {method}"))),
    }
}

fn again(lab: &Lab, route: RouteId, retries: &Retries) -> Seen {
    let way = way(lab, route)?;
    let active = way.active();
    let path = way.path(&asking(&way, "GET")?);
    let attempts = usize::from(retries.attempts);
    let good = active[active.len() - 1];
    for after in &retries.after {
        if *after == RetryAfter::Connect {
            continue;
        }
        // As many times as is said, and not more often than there are servers.
        fail(&way, &path, &[], &failing(&way, Some(after)));
        let ask = asking(&way, "GET")?;
        let came = way.send(&ask)?;
        let (times, wanted) = (way.seen_by(&ask).len(), (attempts + 1).min(active.len()));
        if times != wanted {
            return Err(deviation(
                &ask,
                format!("{}; servers saw it {times} times", status(&came)),
                format!("{wanted} times, as each of them has {}", word(after)),
            ));
        }
        // One good server is found, where there are enough attempts.
        if attempts + 1 >= active.len() {
            fail(&way, &path, &[good], &failing(&way, Some(after)));
            for _ in 0..active.len() {
                way.taken_by(
                    &asking(&way, "GET")?,
                    &[good],
                    "an answer of the one server that does not fail",
                )?;
            }
        }
    }
    // What is not named is no cause.
    let others = [
        Some(RetryAfter::Status(503)),
        Some(RetryAfter::Timeout),
        None,
    ];
    for other in others {
        if other.as_ref().is_some_and(|it| retries.after.contains(it)) {
            continue;
        }
        fail(&way, &path, &[], &failing(&way, other.as_ref()));
        let ask = asking(&way, "GET")?;
        let came = way.send(&ask);
        let times = way.seen_by(&ask).len();
        if times != 1 {
            let came = came.map_or_else(|why| why.to_string(), |it| status(&it));
            let what = other.map_or_else(
                || "a connection that ends unanswered".to_owned(),
                |it| word(&it),
            );
            return Err(deviation(
                &ask,
                format!("{came}; servers saw it {times} times"),
                format!("once, as {what} is no cause to try again"),
            ));
        }
    }
    refused_is_no_attempt(&way, retries, &path)
}

fn put(lab: &Lab, route: RouteId, cause: u16, attempts: usize) -> Seen {
    let way = way(lab, route)?;
    let Ok(ask) = asking(&way, "PUT") else {
        return Ok(());
    };
    let ask = ask.body("a page").header("X-Status", &cause.to_string());
    let came = way.send(&ask)?;
    let (times, wanted) = (
        way.seen_by(&ask).len(),
        (attempts + 1).min(way.active().len()),
    );
    if times == wanted && came.status == cause {
        return Ok(());
    }
    Err(deviation(
        &ask,
        format!("{}; servers saw it {times} times", status(&came)),
        format!("{cause}, after {wanted} servers have seen it"),
    ))
}

/// A server that refuses is skipped: that counts as no attempt.
fn refused_is_no_attempt(way: &Way<'_>, retries: &Retries, path: &str) -> Seen {
    let active = way.active();
    let cause = retries
        .after
        .iter()
        .find(|it| matches!(it, RetryAfter::Status(_)));
    let (Some(cause), [dead, .., good], 1) = (cause, active.as_slice(), retries.attempts) else {
        return Ok(());
    };
    if active.len() != 3 {
        return Ok(());
    }
    way.lose(*dead);
    fail(way, path, &[*good], &failing(way, Some(cause)));
    for _ in 0..6 {
        way.taken_by(
            &asking(way, "GET")?,
            &[*good],
            "an answer of the good server: one refuses and is skipped, one fails, and one more try is allowed",
        )?;
    }
    Ok(())
}

fn once(lab: &Lab, route: RouteId) -> Seen {
    let way = way(lab, route)?;
    let named = retries(way.route).map_or(&[][..], |it| it.after.as_slice());
    for cause in named.iter().map(Some).chain([None]) {
        if cause == Some(&RetryAfter::Connect) {
            continue;
        }
        // A program that keeps no body could not send that anew: without one it could.
        for body in ["an order", ""] {
            sent_once(&way, cause, body)?;
        }
    }
    Ok(())
}

/// A POST that goes wrong like this reaches one server, once.
fn sent_once(way: &Way<'_>, cause: Option<&RetryAfter>, body: &str) -> Seen {
    let ask = asking(way, "POST")?.body(body);
    let ask = match cause {
        Some(RetryAfter::Status(status)) => ask.header("X-Status", &status.to_string()),
        Some(RetryAfter::Timeout) => {
            let late = way.route.response.value.as_millis() + 700;
            ask.header("X-Delay", &late.to_string())
        }
        Some(RetryAfter::Connect) | None => ask.header("X-Drop", "1"),
    };
    let came = way.send(&ask);
    let times = way.seen_by(&ask).len();
    if times == 1 {
        return Ok(());
    }
    let came = came.map_or_else(|why| why.to_string(), |it| status(&it));
    Err(deviation(
        &ask,
        format!("{came}; servers saw it {times} times"),
        "a POST that is sent once",
    ))
}
