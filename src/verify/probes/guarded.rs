//! Routes behind a way to know a client, and what of a request reached a server.

use crate::ir::{AuthId, Gateway, Route};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::Miss;
use crate::verify::wire::Request;

/// The route that shows an entry of `auth` best: one that forwards, with sockets if there is one.
pub(super) fn guarded(gateway: &Gateway, auth: AuthId) -> Option<&Route> {
    let asks = |route: &&Route| route.auth.as_ref().is_some_and(|it| it.value == auth);
    gateway
        .routes
        .iter()
        .filter(asks)
        .max_by_key(|route| (!route.shares().is_empty(), route.websocket.is_some()))
}

/// The request as a server saw it.
pub(super) fn arrival(lab: &Lab, ask: &Ask) -> Result<Request, Miss> {
    let answer = lab.answer(ask)?;
    let mut arrivals = lab.arrivals(ask);
    match arrivals.pop() {
        Some((.., request)) => Ok(request),
        None => Err(deviation(
            ask,
            format!("{}; no server saw it", status(&answer)),
            "a server that sees it",
        )),
    }
}
