//! One request's way: its head, the route, the guards, limits and changes, then an answer of our own or a server's.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod compress;
pub(crate) mod forward;
pub(crate) mod guard;
pub(crate) mod head;
pub(crate) mod limit;
pub(crate) mod outgoing;
pub(crate) mod serve;
pub(crate) mod table;
pub(crate) mod value;
