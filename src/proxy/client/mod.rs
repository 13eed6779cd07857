//! The client's side of a connection: accepted, opened, read strictly, spoken to in HTTP/1.1 or HTTP/2.

pub(crate) mod chunks;
pub(crate) mod door;
pub(crate) mod edge;
pub(crate) mod framing;
pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod listen;
pub(crate) mod opening;
pub(crate) mod reading;
pub(crate) mod who;
