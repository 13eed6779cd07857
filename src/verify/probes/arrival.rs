//! What of a request reached a server.

use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::lab::Lab;
use crate::verify::probe::Miss;
use crate::verify::wire::Request;

/// A request that was sent before, as a server saw it.
pub(super) fn arrival(lab: &Lab, ask: &Ask) -> Result<Request, Miss> {
    let found = lab.arrivals(ask).into_iter().next();
    found
        .map(|(.., request)| request)
        .ok_or_else(|| deviation(ask, "no server saw it", "a request at a server"))
}

/// Sends a request: as a server saw it.
pub(super) fn deliver(lab: &Lab, ask: &Ask) -> Result<Request, Miss> {
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
