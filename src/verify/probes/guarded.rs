//! Routes behind a way to know a client.

use crate::ir::{AuthId, Gateway, Route};

/// The route that shows an entry of `auth` best: one that forwards, with sockets if there is one.
pub(super) fn guarded(gateway: &Gateway, auth: AuthId) -> Option<&Route> {
    let asks = |route: &&Route| route.auth.as_ref().is_some_and(|it| it.value == auth);
    gateway
        .routes
        .iter()
        .filter(asks)
        .max_by_key(|route| (!route.shares().is_empty(), route.websocket.is_some()))
}
