//! Clients of a gateway: they send exactly the bytes they are told to, and show exactly those that come.

pub mod client;
pub mod http;
pub mod tls;
pub mod tunnel;

pub use client::{Client, Connection};
pub use http::{Headers, Request, Response, Wire};
pub use tls::{Authority, Pair, Stream};
pub use tunnel::{Event, Tunnel};
