//! Stickiness (contract §4.5): a client stays on its server by the proxy's cookie, the application's, or its address.

use std::time::Duration;

use super::cookie;
use super::way::{Way, capped, number, routes, until};
use crate::ir::{Feature, Gateway, Stickiness, Upstream, UpstreamId};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::wire::Response;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for upstream in &gateway.upstreams {
        let Some(stickiness) = &upstream.stickiness else {
            continue;
        };
        if routes(gateway, upstream.id).is_empty() {
            continue;
        }
        let (feature, at) = match stickiness {
            Stickiness::Cookie(it) => {
                cookie::probes(upstream, it, &mut probes);
                (Feature::StickyCookie, it.name.loc())
            }
            Stickiness::AppCookie { name, .. } => (Feature::StickyAppCookie, name.loc()),
            Stickiness::Source { at, .. } => (Feature::StickySource, *at),
        };
        if upstream
            .servers
            .iter()
            .filter(|it| !it.backup.value)
            .count()
            > 1
        {
            of_upstream(upstream, feature, at, &mut probes);
        }
    }
    capped(probes)
}

fn of_upstream(upstream: &Upstream, feature: Feature, at: crate::ir::Loc, probes: &mut Vec<Probe>) {
    let id = upstream.id;
    let mut add = |promise: &str, run: fn(&Lab, UpstreamId) -> Seen| {
        probes.push(Probe::new(feature, upstream, at, promise, move |lab| run(lab, id)).alone());
    };
    add(
        "a client keeps its server, also for its sockets, and clients have different ones",
        same,
    );
    add(
        "a client whose server is gone gets another one, and stays there",
        gone,
    );
    if feature != Feature::StickyCookie {
        add("a reload forgets nothing", reloaded);
    }
}

/// A client: what it shows, and the server that it has.
pub(super) struct Client {
    ask: Ask,
    server: usize,
}

/// A new client's first request, and what it shows from then on.
pub(super) fn arrive(way: &Way<'_>) -> Result<Client, Miss> {
    let ask = way.fresh();
    match &way.upstream.stickiness {
        Some(Stickiness::AppCookie { name, .. }) => {
            let value = format!("s{}", number());
            let line = format!("Set-Cookie: {}={value}; Path=/", name.value);
            let first = ask.again().header("X-Reply", &line);
            let server = way.taken(&first)?;
            let ask = ask.cookie(&name.value, &value);
            Ok(Client { ask, server })
        }
        Some(Stickiness::Cookie(it)) => {
            let came = way.send(&ask)?;
            let server = server(way, &ask, &came)?;
            let Some(value) = cookie::value(&came, &it.name.value) else {
                let promised = format!("a cookie {}", it.name.value);
                return Err(deviation(&ask, "no such cookie in the answer", promised));
            };
            let ask = ask.cookie(&it.name.value, &value);
            Ok(Client { ask, server })
        }
        Some(Stickiness::Source { .. }) | None => {
            let server = way.taken(&ask)?;
            Ok(Client { ask, server })
        }
    }
}

fn server(way: &Way<'_>, ask: &Ask, came: &Response) -> Result<usize, Miss> {
    way.server(ask, came)
        .ok_or_else(|| deviation(ask, status(came), "an answer of a server"))
}

fn clients(way: &Way<'_>, count: usize) -> Result<Vec<Client>, Miss> {
    (0..count).map(|_| arrive(way)).collect()
}

fn whole(lab: &Lab, id: UpstreamId) -> Result<Way<'_>, Miss> {
    let way = Way::to(lab, id)?;
    match way.route.shares().len() {
        1 => Ok(way),
        _ => Err(Miss::Unseen(
            "a split decides anew for each request".to_owned(),
        )),
    }
}

fn stays(way: &Way<'_>, client: &Client, why: &str) -> Seen {
    let is = way.taken(&client.ask.again())?;
    if is == client.server {
        return Ok(());
    }
    let came = format!("server {}, and server {} before", is + 1, client.server + 1);
    Err(deviation(&client.ask, came, why))
}

fn same(lab: &Lab, id: UpstreamId) -> Seen {
    let way = whole(lab, id)?;
    let clients = clients(&way, 12)?;
    for _ in 0..3 {
        for client in &clients {
            stays(&way, client, "the same server as before")?;
        }
    }
    let first = clients[0].server;
    if clients.iter().all(|client| client.server == first) {
        return Err(Deviation::new(
            format!("requests of 12 clients to {}", way.upstream.name),
            "one server took them all",
            "as its balancing says, as none of them has a server yet",
        )
        .into());
    }
    if let Some(sockets) = Way::tunnel(lab, id).filter(|it| it.route.id == way.route.id) {
        for client in clients.iter().take(4) {
            let shown = client.ask.request.header("cookie");
            let mut ask = client.ask.again().websocket();
            if let Some(shown) = shown {
                ask = ask.header("Cookie", &shown);
            }
            if let Some(origin) = lab.asker().good_origin(sockets.route, &ask) {
                ask = ask.header("Origin", &origin);
            }
            if !way.leads(&ask) {
                continue;
            }
            let is = way.taken(&ask)?;
            if is != client.server {
                let came = format!("a tunnel to server {}", is + 1);
                let promised = format!("one to server {}, as before", client.server + 1);
                return Err(deviation(&ask, came, promised));
            }
        }
    }
    Ok(())
}

/// Its server dies: another one answers, and keeps the client when the first one is back.
fn gone(lab: &Lab, id: UpstreamId) -> Seen {
    let way = whole(lab, id)?;
    let clients = clients(&way, 12)?;
    let dead = clients[0].server;
    way.lose(dead);
    let mut moved = Vec::new();
    for client in &clients {
        if client.server != dead {
            stays(
                &way,
                client,
                "the same server as before, as that is healthy",
            )?;
            continue;
        }
        let ask = client.ask.again();
        let came = way.send(&ask)?;
        let now = match came.status {
            502..=504 => None,
            _ => way.server(&ask, &came),
        };
        let Some(now) = now else {
            let promised = "an answer of another server";
            return Err(deviation(&ask, status(&came), promised));
        };
        let mut ask = client.ask.again();
        if let Some(Stickiness::Cookie(it)) = &way.upstream.stickiness
            && let Some(value) = cookie::value(&came, &it.name.value)
        {
            ask = cookie::without(ask, &it.name.value).cookie(&it.name.value, &value);
        }
        moved.push(Client { ask, server: now });
    }
    if way.upstream.health.is_some() || way.upstream.passive.is_some() {
        return Ok(());
    }
    way.restore()?;
    // Who has just refused a connection may be left out for a moment.
    std::thread::sleep(Duration::from_millis(100));
    for client in &moved {
        let why = "the server that it has had since, though the first one is back";
        stays(&way, client, why)?;
    }
    Ok(())
}

fn reloaded(lab: &Lab, id: UpstreamId) -> Seen {
    let way = whole(lab, id)?;
    let clients = clients(&way, 12)?;
    if !lab.gateway.rooms.haproxy.peers.is_empty() {
        // A process asks its peers for 5 s what they remember; until then it hands nothing on.
        until(Duration::from_secs(6), || false);
    }
    lab.reload()
        .map_err(|why| Miss::Unseen(format!("no reload: {why}")))?;
    // Old workers may answer for a moment.
    until(Duration::from_millis(300), || false);
    // In another order than they came, as a program that has forgotten everything begins its turns anew.
    for client in clients.iter().rev() {
        stays(&way, client, "the same server as before the reload")?;
    }
    Ok(())
}
