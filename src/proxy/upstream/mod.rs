//! The servers' side: which server, how well it is, connections to it, one exchange on one of them.

pub(crate) mod connect;
pub(crate) mod dial;
pub(crate) mod exchange;
pub(crate) mod health;
pub(crate) mod servers;
pub(crate) mod shared;
pub(crate) mod sticky;
pub(crate) mod way;
