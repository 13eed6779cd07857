//! WebSockets over HTTP/2 (contract §4.2, RFC 8441): offered, passed on, refused as the server refuses them.

use crate::ir::{Feature, Gateway, ListenerId};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let offering = gateway
        .listeners
        .iter()
        .filter(|it| it.http2.value && it.websocket_over_http2.value && it.tls.is_some());
    offering
        .filter(|listener| {
            let mut leading = gateway.routes.iter();
            leading.any(|route| {
                route.websocket.is_some()
                    && !route.shares().is_empty()
                    && gateway.serves(listener, route)
            })
        })
        .map(|listener| {
            let id = listener.id;
            Probe::new(
                Feature::WebSocketOverHttp2,
                listener,
                listener.websocket_over_http2.loc(),
                "an extended CONNECT becomes a tunnel, its refusal reaches the client",
                move |lab| tunnels(lab, id),
            )
        })
        .collect()
}

/// A handshake that some route on this listener takes.
fn good(lab: &Lab, listener: ListenerId) -> Result<Ask, Miss> {
    let asker = lab.asker();
    let taken = |ask: &Ask| asker.outcome(ask).is_some_and(|it| it.tunnel);
    lab.open_routes()
        .filter(|route| route.websocket.is_some())
        .find_map(|route| {
            let first = asker.good_tunnel(route.id)?;
            if first.listener == listener {
                return Some(first);
            }
            let asks = asker.every_good(route.id).into_iter();
            let mut here = asks.filter(|ask| ask.listener == listener).map(|ask| {
                let ask = ask.websocket();
                match asker.good_origin(route, &ask) {
                    Some(origin) => ask.header("Origin", &origin),
                    None => ask,
                }
            });
            here.find(|ask| taken(ask))
        })
        .ok_or_else(|| Miss::Unseen("no handshake was found that the listener takes".to_owned()))
}

fn tunnels(lab: &Lab, listener: ListenerId) -> Seen {
    let ask = good(lab, listener)?;
    let mut connection = lab.client_of(&ask)?.http2()?;
    if !connection.takes_tunnels() {
        return Err(deviation(
            &ask,
            "HTTP/2 settings without extended CONNECT",
            "WebSockets over HTTP/2",
        ));
    }
    let mut tunnel = match connection.websocket(&ask.target(), &ask.lines())? {
        Ok(tunnel) => tunnel,
        Err(refused) => {
            return Err(deviation(
                &ask,
                format!("{} to an extended CONNECT", status(&refused)),
                "a tunnel",
            ));
        }
    };
    tunnel
        .try_echo("over HTTP/2")
        .map_err(|why| deviation(&ask, why.to_string(), "an echo over HTTP/2"))?;
    let arrived = lab.arrivals(&ask);
    if !arrived.iter().any(|(.., request)| request.is_websocket()) {
        return Err(deviation(
            &ask,
            "the server saw no handshake",
            "a handshake at the server",
        ));
    }
    let ask = ask.again().header("X-Status", "403");
    match connection.websocket(&ask.target(), &ask.lines())? {
        Err(refused) if refused.status == 403 && !refused.server().is_empty() => Ok(()),
        Err(refused) => Err(deviation(&ask, status(&refused), "403 of the server")),
        Ok(_) => Err(deviation(&ask, "a tunnel", "403 of the server")),
    }
}
