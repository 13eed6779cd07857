//! What becomes of a WebSocket: the handshake, both connections out of HTTP, bytes both ways until the end.

pub(crate) mod bytes;
pub(crate) mod drain;
pub(crate) mod frames;
pub(crate) mod join;
pub(crate) mod relay;
pub(crate) mod switch;
pub(crate) mod watch;
