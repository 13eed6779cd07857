//! Balance (contract §4.5): servers in turn, the one with the fewest open requests, at random, by a consistent hash.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::odds;
use super::way::{Way, capped, number, routes, until};
use crate::ir::{Balance, Feature, Gateway, HashKey, Stickiness, UpstreamId};
use crate::verify::ask::Ask;
use crate::verify::behave::deviation;
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::stub::Answer;

/// How long a program may take to see that a request is over which its client has seen end.
const OVER: Duration = Duration::from_millis(15);

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for upstream in &gateway.upstreams {
        let active = upstream.servers.iter().filter(|it| !it.backup.value);
        if routes(gateway, upstream.id).is_empty() || active.count() < 2 {
            continue;
        }
        let (id, at) = (upstream.id, upstream.balance.loc());
        match &upstream.balance.value {
            Balance::RoundRobin => {
                let promise = "servers take requests in turn";
                let feature = Feature::BalanceRoundRobin;
                let run = move |lab: &Lab| in_turn(lab, id);
                let probe = Probe::new(feature, upstream, at, promise, run);
                probes.push(probe.or(Feature::UpstreamWeights));
            }
            Balance::LeastConnections => {
                let promise = "the server with the fewest open requests and tunnels is next";
                let feature = Feature::BalanceLeastConnections;
                let run = move |lab: &Lab| fewest(lab, id);
                // What others hold open counts, too.
                probes.push(Probe::new(feature, upstream, at, promise, run).alone());
            }
            Balance::Random => {
                let promise = "servers are chosen at random";
                let feature = Feature::BalanceRandom;
                probes.push(Probe::new(feature, upstream, at, promise, move |lab| {
                    random(lab, id)
                }));
            }
            Balance::Hash(_) => {
                let promise = "a key has its server, and only the share of one that goes moves";
                let feature = Feature::BalanceHash;
                probes.push(Probe::new(feature, upstream, at, promise, move |lab| {
                    hash(lab, id)
                }));
            }
        }
    }
    capped(probes.into_iter().map(Probe::alone).collect())
}

fn weights(way: &Way<'_>) -> Vec<u32> {
    let servers = way.upstream.servers.iter();
    servers
        .map(|it| match it.backup.value {
            true => 0,
            false => u32::from(it.weight.value),
        })
        .collect()
}

/// After any number of requests each server has had its share of them, to within two.
fn in_turn(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let shares = weights(&way);
    let sum: u32 = shares.iter().sum();
    let mut counts = vec![0_usize; shares.len()];
    // Each worker process may take turns for itself: one connection has one of them.
    let source = matches!(way.upstream.stickiness, Some(Stickiness::Source { .. }));
    let one = (!source && !way.fresh().request.is_websocket() && way.route.shares().len() == 1)
        .then(|| lab.client_of(&way.fresh())?.connect())
        .transpose()?;
    let workers = if one.is_some() { 1.0 } else { 2.0 };
    let mut one = one;
    for sent in 1..=150_u32 {
        let ask = way.fresh();
        let server = match &mut one {
            Some(connection) => {
                let came =
                    connection.send(&ask.request.method, &ask.target(), &ask.lines(), &ask.body)?;
                way.server(&ask, &came).ok_or_else(|| {
                    deviation(&ask, format!("status {}", came.status), "a server's answer")
                })?
            }
            None => way.taken(&ask)?,
        };
        counts[server] += 1;
        let strays = counts.iter().zip(&shares).any(|(count, share)| {
            let wanted = f64::from(sent) * f64::from(*share) / f64::from(sum);
            (*count as f64 - wanted).abs() > 2.0 * workers
        });
        if strays {
            return Err(Deviation::new(
                format!("{sent} requests to {} one after another", way.upstream.name),
                format!("{} at its servers", listed(&counts)),
                "to each server its share, in turn",
            )
            .into());
        }
    }
    Ok(())
}

/// Servers that keep their requests get no more while another has none.
fn fewest(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let active = way.active();
    let (free, busy) = (active[0], &active[1..]);
    let path = way.path(&way.fresh());
    let wait = way.delay(Duration::from_secs(2));
    // No tunnel: the end of one takes its time.
    lab.stubs(id)[free].answer(&path, Answer::status(200));
    for server in busy {
        lab.stubs(id)[*server].answer(&path, Answer::status(200).after(wait));
    }
    // Each of the others takes one at most until it has answered that, and the free one the rest.
    let mut counts = vec![0_usize; way.upstream.servers.len()];
    let start = Instant::now();
    let total = 40.max(active.len() * 3);
    let sent = std::thread::scope(|scope| {
        let way = &way;
        for _ in 0..total {
            let ask = way.fresh();
            let sent = ask.clone();
            let thread = scope.spawn(move || way.send(&sent));
            // At the free server it is over once it is answered.
            until(Duration::from_secs(3), || {
                let here = way.seen_by(&ask);
                thread.is_finished() || here.iter().any(|server| *server != free)
            });
            for server in way.seen_by(&ask) {
                counts[server] += 1;
            }
            // The client has the answer before the program has counted its end.
            std::thread::sleep(OVER);
        }
        start.elapsed()
    });
    // Where the machine was slow, answers came meanwhile.
    let most = 1 + usize::try_from(sent.as_millis() / wait.as_millis().max(1)).unwrap_or(0);
    if busy.iter().any(|server| counts[*server] > most) {
        return Err(Deviation::new(
            format!(
                "{total} requests to {}, all but one of whose servers keep theirs",
                way.upstream.name
            ),
            format!("{} at its servers", listed(&counts)),
            format!("{most} at most where each has to wait, the others where none is open"),
        )
        .into());
    }
    for server in &active {
        lab.stubs(id)[*server].answer_as_usual(&path);
    }
    tunnels(lab, id)
}

/// Tunnels that are held count: each server has its share of them.
fn tunnels(lab: &Lab, id: UpstreamId) -> Seen {
    let Some(way) = Way::tunnel(lab, id).filter(|way| way.route.shares().len() == 1) else {
        return Ok(());
    };
    let shares = weights(&way);
    let total = (shares.iter().sum::<u32>() as usize * 3).min(24);
    let mut held = Vec::new();
    let mut counts = vec![0; shares.len()];
    for _ in 0..total {
        let ask = way.fresh();
        held.push(lab.tunnel(&ask)?);
        for server in way.seen_by(&ask) {
            counts[server] += 1;
        }
    }
    odds::in_turn(&counts, &shares).map_err(|came| {
        let sent = format!("{total} tunnels to {}, all held", way.upstream.name);
        Deviation::new(sent, came, "as many at each server, by weight").into()
    })
}

fn random(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let shares = weights(&way);
    let mut counts = vec![0; shares.len()];
    let mut repeats = 0;
    let mut last = None;
    for _ in 0..200 {
        let server = way.taken(&way.fresh())?;
        counts[server] += 1;
        repeats += usize::from(last == Some(server));
        last = Some(server);
    }
    let sent = || format!("200 requests to {}", way.upstream.name);
    odds::by_chance(&counts, &shares)
        .map_err(|came| Miss::from(Deviation::new(sent(), came, "counts by chance and weight")))?;
    if repeats < 10 {
        let came = format!("{repeats} times the same server twice in a row");
        let promised = "about as many as chance gives";
        return Err(Deviation::new(sent(), came, promised).into());
    }
    Ok(())
}

fn hash(lab: &Lab, id: UpstreamId) -> Seen {
    let way = Way::to(lab, id)?;
    let source = way.upstream.balance.value == Balance::Hash(HashKey::Source);
    let mut keys: Vec<Ask> = Vec::new();
    for _ in 0..48 {
        let ask = way.fresh();
        let key = if source {
            Some(ask)
        } else {
            way.keyed(&ask, &format!("user{}", number()))
        };
        keys.push(key.ok_or_else(|| {
            Miss::Unseen("no request was found with another key on the route".to_owned())
        })?);
    }
    let at = |keys: &[Ask]| -> Result<Vec<usize>, Miss> {
        keys.iter()
            .map(|key| {
                // From elsewhere, where the address is not the key.
                let again = key.again();
                let again = match source {
                    true => again,
                    false => again.from(lab.asker().client(way.route)),
                };
                way.taken(&again)
            })
            .collect()
    };
    let first = at(&keys)?;
    let same = |now: &[usize], of: &dyn Fn(usize) -> bool, what: &str| -> Seen {
        for ((key, was), is) in keys.iter().zip(&first).zip(now) {
            if of(*was) && was != is {
                let came = format!("server {}, and server {} before", is + 1, was + 1);
                return Err(deviation(key, came, what));
            }
        }
        Ok(())
    };
    same(&at(&keys)?, &|_| true, "the same server for the same key")?;
    let mut counts = BTreeMap::new();
    for server in &first {
        *counts.entry(*server).or_insert(0) += 1;
    }
    if counts.len() < way.active().len() {
        return Err(Deviation::new(
            format!("requests of 48 keys to {}", way.upstream.name),
            format!("{} of its servers took them all", counts.len()),
            "a share for each server",
        )
        .into());
    }
    let gone = way.active()[0];
    way.lose(gone);
    let moved = "the same server, as only the share of the one that is gone moves";
    same(&at(&keys)?, &|was| was != gone, moved)?;
    // Who is kept on a server stays with the one that it was led to meanwhile.
    let returns = way.upstream.stickiness.is_none();
    if returns && way.upstream.health.is_none() && way.upstream.passive.is_none() {
        way.restore()?;
        // Who has just refused a connection may be left out for a moment.
        std::thread::sleep(std::time::Duration::from_millis(100));
        let back = "the first server again, as that is back";
        same(&at(&keys)?, &|_| true, back)?;
    }
    Ok(())
}

fn listed(counts: &[usize]) -> String {
    let texts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
