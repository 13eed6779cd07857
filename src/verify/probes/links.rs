//! Connections to servers (contract §4.5): kept and reused, kept alive, by which protocol, and with how large an answer's head.

use std::time::Duration;

use super::keepalive;
use super::way::{Way, capped, routes, until};
use crate::ir::{Dur, Feature, Gateway, Protocol, Upstream, UpstreamId};
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::stub::Answer;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut defaults = 0;
    for upstream in &gateway.upstreams {
        if routes(gateway, upstream.id).is_empty() {
            continue;
        }
        of_upstream(upstream, &mut probes);
        let head = &upstream.response_head;
        // A default is the same everywhere.
        defaults += usize::from(!head.is_written());
        if head.is_written() || defaults == 1 {
            let id = upstream.id;
            let promise = format!(
                "the head of an answer is {} at most; a larger one gets 502",
                head.value
            );
            let run = move |lab: &Lab| large(lab, id);
            probes.push(
                Probe::new(
                    Feature::UpstreamResponseHead,
                    upstream,
                    head.loc(),
                    promise,
                    run,
                )
                .alone(),
            );
        }
    }
    capped(probes)
}

fn of_upstream(upstream: &Upstream, probes: &mut Vec<Probe>) {
    let id = upstream.id;
    if upstream.protocol.value == Protocol::Http1 {
        let promise = match upstream.keepalive.value {
            Some(most) => {
                format!("connections to servers are reused; {most} idle ones are kept to each")
            }
            None => "each request opens a connection of its own to its server".to_owned(),
        };
        let at = upstream.keepalive.loc();
        let run = move |lab: &Lab| reused(lab, id);
        probes.push(Probe::new(Feature::UpstreamKeepalive, upstream, at, promise, run).alone());
    } else {
        let at = upstream.protocol.loc();
        let run = move |lab: &Lab| by_http2(lab, id);
        probes.push(Probe::new(
            Feature::UpstreamProtocol,
            upstream,
            at,
            "HTTP/2 is spoken to the servers",
            run,
        ));
    }
    let promise = match upstream.tcp_keepalive.value {
        Some(after) => format!("a silent connection to a server is tried by TCP after {after}"),
        None => "TCP does not try silent connections to servers".to_owned(),
    };
    let at = upstream.tcp_keepalive.loc();
    let run = move |lab: &Lab| tried(lab, id);
    probes.push(Probe::new(Feature::UpstreamTcpKeepalive, upstream, at, promise, run).alone());
}

fn reused(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let stubs = lab.stubs(id);
    let all = || stubs.iter().map(|stub| stub.connections()).sum::<usize>();
    let name = &way.upstream.name;
    let ask = way.fresh();
    if ask.request.is_websocket() {
        return Err(Miss::Unseen(
            "the route takes nothing but handshakes".to_owned(),
        ));
    }
    if way.upstream.health.is_some() || way.route.shares().len() > 1 {
        return Err(Miss::Unseen(
            "checks, or the other part of a split, connect too".to_owned(),
        ));
    }
    // One connection of a client has one worker process, which has idle connections of its own.
    let count = 4 * stubs.len();
    let mut client = lab.client_of(&ask)?.connect()?;
    let before = all();
    for _ in 0..count {
        let ask = ask.again();
        client.send(&ask.request.method, &ask.target(), &ask.lines(), &ask.body)?;
    }
    let opened = all() - before;
    let sent = format!("{count} requests to {name} one after another");
    let Some(most) = way.upstream.keepalive.value else {
        return match opened >= count {
            true => Ok(()),
            false => {
                Err(Deviation::new(sent, format!("{opened} connections"), "one for each").into())
            }
        };
    };
    if opened > stubs.len() {
        let promised = format!("{} at most, one to each server", stubs.len());
        return Err(Deviation::new(sent, format!("{opened} connections"), promised).into());
    }
    kept(&way, usize::try_from(most).unwrap_or(usize::MAX))
}

/// After as many requests at once as may leave idle connections, so many are idle.
fn kept(way: &Way<'_>, most: usize) -> Seen {
    let stubs = way.lab.stubs(way.upstream.id);
    let active = way.active();
    let total = most.saturating_mul(active.len());
    if total > 200 {
        return Ok(());
    }
    // The first must not be free again before the last is sent.
    let all_sent = Duration::from_millis(1500 + 25 * total as u64);
    let ready = way.held(total, all_sent, <[usize]>::to_vec);
    std::thread::sleep(Duration::from_millis(100));
    let idle: Vec<usize> = stubs.iter().map(|stub| stub.peers().len()).collect();
    let fits = active
        .iter()
        .all(|server| idle[*server] >= ready[*server].min(most));
    if fits {
        return Ok(());
    }
    Err(Deviation::new(
        format!(
            "{total} requests at once to {}, {most} to each server",
            way.upstream.name
        ),
        format!("{idle:?} connections are kept afterwards"),
        format!("{most} to each server"),
    )
    .into())
}

fn by_http2(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let ask = way.fresh();
    way.taken(&ask)?;
    let arrivals = lab.arrivals(&ask);
    let version = arrivals.last().map_or("", |(_, _, it)| it.version.as_str());
    if !ask.request.is_websocket() && !version.starts_with("HTTP/2") {
        let came = format!("the server saw {version}");
        return Err(deviation(&ask, came, "HTTP/2 to the server"));
    }
    match Way::tunnel(lab, id).filter(|way| way.route.shares().len() == 1) {
        Some(way) => {
            lab.tunnel(&way.fresh())?
                .try_echo("over HTTP/2 or beside it")?;
            Ok(())
        }
        None => Ok(()),
    }
}

fn large(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let ask = way.fresh();
    if ask.request.is_websocket() || way.route.shares().len() > 1 {
        return Err(Miss::Unseen(
            "only a plain route that leads nowhere else shows the answer's head".to_owned(),
        ));
    }
    let path = way.path(&ask);
    let limit = usize::try_from(way.upstream.response_head.value.as_bytes()).unwrap_or(usize::MAX);
    if limit > 1 << 20 {
        return Err(Miss::Unseen("so large a head is not sent here".to_owned()));
    }
    for (length, wanted) in [(limit.saturating_sub(700), 200), (limit + 600, 502)] {
        let mut answer = Answer::status(200);
        let mut left = length;
        let mut number = 0;
        while left > 0 {
            let line = left.min(2000);
            number += 1;
            answer = answer.header(
                &format!("X-Large-{number}"),
                &"x".repeat(line.saturating_sub(20)),
            );
            left -= line;
        }
        for stub in lab.stubs(id) {
            stub.answer(&path, answer.clone());
        }
        let ask = ask.again();
        let came = way.send(&ask)?;
        if came.status != wanted {
            let promised = format!(
                "{wanted}, as the head of the answer has about {length} bytes, and the ceiling is {limit}"
            );
            return Err(deviation(&ask, status(&came), promised));
        }
    }
    Ok(())
}

/// The system's own list of sockets tells when TCP will try a silent one.
fn tried(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let wait = way.delay(Duration::from_millis(600));
    let millis = wait.as_millis().to_string();
    let split = way.route.shares().len() > 1;
    let there = &way;
    let mut slow = way.fresh();
    let mut timer = None;
    let mut unlisted = None;
    let reached = std::thread::scope(|scope| {
        // What another part of a split takes is answered in its own time: the next need not wait for it.
        let reached = (0..if split { 300 } else { 1 }).any(|_| {
            slow = way.fresh().header("X-Delay", &millis);
            let sent = slow.clone();
            let thread = scope.spawn(move || there.send(&sent));
            until(Duration::from_secs(3), || {
                thread.is_finished() || !lab.arrivals(&slow).is_empty()
            });
            !way.seen_by(&slow).is_empty()
        });
        // What is not yet confirmed has another timer, for a moment.
        until(wait * 4 / 5, || {
            let ends = lab.stubs(id).iter().flat_map(|stub| {
                let at = stub.address();
                stub.peers().into_iter().map(move |peer| (peer, at))
            });
            let table = match keepalive::table() {
                Ok(table) => table,
                Err(why) => {
                    unlisted = Some(why);
                    return true;
                }
            };
            timer = ends
                .filter_map(|(from, to)| keepalive::left(&table, from, to))
                .next();
            timer.is_some()
        });
        reached
    });
    if let Some(why) = unlisted {
        return Err(why);
    }
    if !reached {
        return Err(Miss::Unseen("no request came to its servers".to_owned()));
    }
    let sent = "a connection to its server that stands still";
    let came = timer.map_or_else(
        || "no keep-alive timer runs".to_owned(),
        |left| format!("TCP tries it in {:.0} s", left.as_secs_f64()),
    );
    let fits = match (way.upstream.tcp_keepalive.value, timer) {
        (None, None) => true,
        (Some(after), Some(left)) => {
            let after = Duration::from_millis(whole(after));
            left <= after && left + Duration::from_secs(5) >= after
        }
        (Some(_), None) | (None, Some(_)) => false,
    };
    let promised = way
        .upstream
        .tcp_keepalive
        .value
        .map_or_else(|| "no such timer".to_owned(), |after| format!("in {after}"));
    match fits {
        true => Ok(()),
        false => Err(deviation(&slow, format!("{sent}: {came}"), promised)),
    }
}

/// The system counts whole seconds.
fn whole(after: Dur) -> u64 {
    after.as_secs_ceil() * 1000
}
