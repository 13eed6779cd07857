//! Requests beside one that a route takes: the same from another client, on another listener, and compared wherever they end up.

use crate::ir::{AuthKind, Feature, Gateway, ListenerId, Route, RouteId};
use crate::verify::ask::Ask;
use crate::verify::lab::Lab;
use crate::verify::probe::{Miss, Probe, Seen};

/// A request that the route takes and lets in.
pub(super) fn good(lab: &Lab, route: RouteId) -> Result<Ask, Miss> {
    lab.asker()
        .good(route)
        .ok_or_else(|| Miss::Unseen("no request was found that the route takes".to_owned()))
}

/// The same from another client, so that limits per client do not count probes together.
pub(super) fn fresh(lab: &Lab, ask: &Ask, route: RouteId) -> Ask {
    let client = lab.asker().client(lab.gateway.route(route));
    ask.again().from(client)
}

/// Compares what becomes of a request with the contract, unless it falls to another route that asks for other credentials than
/// it brings.
pub(super) fn compare(lab: &Lab, ask: &Ask, own: RouteId) -> Seen {
    match is_foreign(lab, ask, own) {
        true => Ok(()),
        false => lab.behaves(ask),
    }
}

/// The same, and the query that the server sees is compared also where the route changes it.
pub(super) fn compare_query(lab: &Lab, ask: &Ask, own: RouteId) -> Seen {
    match is_foreign(lab, ask, own) {
        true => Ok(()),
        false => lab.behaves_in_query(ask),
    }
}

fn is_foreign(lab: &Lab, ask: &Ask, own: RouteId) -> bool {
    let gateway = &lab.gateway;
    let taken = lab.asker().outcome(ask).and_then(|it| it.entry);
    taken.is_some_and(|entry| {
        let auth = gateway.route(entry.route).auth.as_ref();
        auth.is_some_and(|it| {
            let ours = gateway.route(own).auth.as_ref();
            ours.is_none_or(|ours| ours.value != it.value)
        })
    })
}

/// The same request to another listener.
pub(super) fn on(lab: &Lab, ask: &Ask, listener: ListenerId) -> Ask {
    let it = lab.gateway.listener(listener);
    let mut ask = ask.again();
    ask.listener = listener;
    ask.request.tls = it.tls.is_some();
    ask.request.port = (!it.has_scheme_port()).then_some(it.public_port.value);
    ask
}

/// A probe of a route: where the program cannot let anybody in, that is told already.
pub(super) fn behind_auth(probe: Probe, gateway: &Gateway, route: &Route) -> Probe {
    match gateway.auth_of(route).map(|auth| &auth.kind) {
        None => probe,
        Some(AuthKind::Jwt(_)) => probe.or(Feature::AuthJwt).or(Feature::AuthJwks),
        Some(AuthKind::Basic(_)) => probe.or(Feature::AuthBasic),
        Some(AuthKind::ApiKey(_)) => probe.or(Feature::AuthApiKey),
        Some(AuthKind::Forward(_)) => probe.or(Feature::AuthForward),
    }
}
