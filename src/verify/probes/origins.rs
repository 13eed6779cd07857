//! Origins (contract §4.2): which pages may open a WebSocket.

use crate::ir::{Feature, Gateway, RouteId};
use crate::verify::ask::Ask;
use crate::verify::lab::Lab;
use crate::verify::probe::{Probe, Seen};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut probes = Vec::new();
    for route in &gateway.routes {
        let Some(websocket) = &route.websocket else {
            continue;
        };
        let id = route.id;
        if let Some(origins) = &websocket.origins {
            let at = origins.loc();
            let mut add = |promise: &str, run: fn(&Lab, RouteId) -> Seen| {
                probes.push(Probe::new(
                    Feature::Origins,
                    route,
                    at,
                    promise,
                    move |lab| run(lab, id),
                ));
            };
            add("a WebSocket from a named origin is let in", named);
            add(
                "a WebSocket from another origin gets 403 before any server is contacted",
                foreign,
            );
            add(
                "a request without `Origin` passes unless one is required",
                without,
            );
        } else if websocket.require_origin.value {
            probes.push(Probe::new(
                Feature::Origins,
                route,
                websocket.require_origin.loc(),
                "a WebSocket without `Origin` gets 403",
                move |lab| without(lab, id),
            ));
        }
    }
    probes
}

/// The handshake from another client, with this origin.
fn with(lab: &Lab, ask: &Ask, route: RouteId, origin: &str) -> Ask {
    super::beside::fresh(lab, ask, route).header("Origin", origin)
}

fn exact(lab: &Lab, route: RouteId) -> Vec<String> {
    let websocket = lab.gateway.route(route).websocket.as_ref();
    let origins = websocket.and_then(|it| it.origins.as_ref());
    origins.map_or_else(Vec::new, |it| it.value.exact.clone())
}

fn named(lab: &Lab, route: RouteId) -> Seen {
    let ask = super::approach::good_tunnel(lab, route)?;
    for origin in exact(lab, route) {
        lab.behaves(&with(lab, &ask, route, &origin))?;
        // Scheme and host have no case.
        lab.behaves(&with(lab, &ask, route, &origin.to_ascii_uppercase()))?;
    }
    for origin in own(&ask) {
        lab.behaves(&with(lab, &ask, route, &origin))?;
    }
    Ok(())
}

/// The origins that are nearly the request's own, and the one that is: the contract says which.
fn own(ask: &Ask) -> Vec<String> {
    let authority = ask.authority();
    vec![
        format!("https://{authority}"),
        format!("http://{authority}"),
    ]
}

fn foreign(lab: &Lab, route: RouteId) -> Seen {
    let ask = super::approach::good_tunnel(lab, route)?;
    let mut tries: Vec<String> = ["https://evil.example", "null", "https://", "*", "file://"]
        .map(str::to_owned)
        .to_vec();
    let mut allowed = exact(lab, route);
    allowed.push(format!("https://{}", ask.request.host));
    for origin in allowed {
        tries.push(format!("{origin}.evil.example"));
        tries.push(format!("{origin}:4433"));
        tries.push(format!("{origin}/"));
        tries.push(format!("{origin}@evil.example"));
        tries.push(origin.replacen("://", "://evil", 1));
        tries.push(origin.replacen("://", "://evil.", 1));
        tries.push(format!("https://evil.example/{origin}"));
        // A dot that is read as a regex's takes any sign.
        tries.push(origin.replace('.', "x"));
        let (scheme, rest) = origin.split_once("://").unwrap_or(("https", &origin));
        let other = if scheme == "https" { "http" } else { "https" };
        tries.push(format!("{other}://{rest}"));
    }
    for origin in tries {
        lab.behaves(&with(lab, &ask, route, &origin))?;
    }
    Ok(())
}

fn without(lab: &Lab, route: RouteId) -> Seen {
    let ask = super::approach::good_tunnel(lab, route)?;
    lab.behaves(&super::beside::fresh(lab, &ask, route).without("Origin"))
}
