//! How a probe gets onto a route: a fresh request each time, and patience where a limit of the gateway's own is in the way.

use std::io;
use std::time::{Duration, Instant};

use crate::ir::RouteId;
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::Miss;
use crate::verify::wire::{Connection, Response, Tunnel};

/// How long a limit is waited for: rates are refilled within two seconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// A handshake that the route takes, from a client of its own.
pub(super) fn good_tunnel(lab: &Lab, route: RouteId) -> Result<Ask, Miss> {
    let found = lab.asker().good_tunnel(route);
    found.ok_or_else(|| Miss::Unseen("no handshake was found that the route takes".to_owned()))
}

/// A request that a server of the route answers with something else than a tunnel. Where the route takes handshakes only, it is
/// one that the server refuses.
pub(super) fn plain(lab: &Lab, route: RouteId) -> Result<Ask, Miss> {
    let asks = lab.asker().every_good(route);
    let plain = asks.iter().find(|ask| ask.request.upgrade.is_none());
    if let Some(ask) = plain {
        return Ok(ask.clone());
    }
    let found = asks.into_iter().next().map(|ask| {
        ask.header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("X-Status", "403")
    });
    found.ok_or_else(|| Miss::Unseen("no request was found that the route takes".to_owned()))
}

/// A tunnel on the route.
pub(super) fn tunnel(lab: &Lab, route: RouteId) -> Result<(Ask, Tunnel), Miss> {
    tunnel_with(lab, route, |ask| ask)
}

/// A tunnel on the route, its handshake changed.
pub(super) fn tunnel_with(
    lab: &Lab,
    route: RouteId,
    change: impl Fn(Ask) -> Ask,
) -> Result<(Ask, Tunnel), Miss> {
    let start = Instant::now();
    loop {
        let ask = change(good_tunnel(lab, route)?);
        match lab.upgrade(&ask) {
            Ok(Ok(tunnel)) => return Ok((ask, tunnel)),
            Ok(Err(refused)) if is_limit(&refused) && start.elapsed() < PATIENCE => pause(),
            Ok(Err(refused)) => return Err(deviation(&ask, status(&refused), "101 and a tunnel")),
            Err(why) => return Err(deviation(&ask, why.to_string(), "101 and a tunnel")),
        }
    }
}

/// What a handshake on the route, changed, comes to: the tunnel or its refusal.
pub(super) fn handshake(
    lab: &Lab,
    route: RouteId,
    change: impl Fn(Ask) -> Ask,
) -> Result<(Ask, Result<Tunnel, Response>), Miss> {
    let start = Instant::now();
    loop {
        let ask = change(good_tunnel(lab, route)?);
        match lab.upgrade(&ask) {
            Ok(Err(refused)) if is_limit(&refused) && start.elapsed() < PATIENCE => pause(),
            Ok(outcome) => return Ok((ask, outcome)),
            Err(why) => return Err(deviation(&ask, why.to_string(), "an answer")),
        }
    }
}

/// A request on the route, changed, its answer, and how long it took.
pub(super) fn answer(
    lab: &Lab,
    route: RouteId,
    change: impl Fn(Ask) -> Ask,
) -> Result<(Ask, io::Result<Response>, Duration), Miss> {
    let start = Instant::now();
    loop {
        let ask = change(plain(lab, route)?);
        let sent = Instant::now();
        match lab.send(&ask) {
            Ok(refused) if is_limit(&refused) && start.elapsed() < PATIENCE => pause(),
            outcome => return Ok((ask, outcome, sent.elapsed())),
        }
    }
}

/// A connection on which the head of the request has been sent, and of its body nothing; nothing has been read.
pub(super) fn begun(lab: &Lab, ask: &Ask, more: &[(&str, &str)]) -> io::Result<Connection> {
    let mut connection = lab.client_of(ask)?.connect()?;
    let lines: Vec<(&str, &str)> = ask
        .lines()
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    connection.begin(&ask.request.method, &ask.target(), &lines)?;
    Ok(connection)
}

/// Whether a limit of the gateway's own turned the request away: no server has answered.
fn is_limit(response: &Response) -> bool {
    matches!(response.status, 429 | 503) && response.server().is_empty()
}

fn pause() {
    std::thread::sleep(Duration::from_millis(200));
}
