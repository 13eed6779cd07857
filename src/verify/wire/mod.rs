//! Clients of a gateway: they send exactly the bytes they are told to, and show exactly those that come.

pub mod client;
pub(super) mod engine;
pub mod hello;
pub mod http;
pub mod http2;
mod leaf;
pub(super) mod pipe;
pub mod tls;
pub mod tunnel;

pub use client::{Client, Connection};
pub use http::{Headers, Request, Response, Wire};
pub use http2::{Ask, Http2, Timed};
pub use pipe::Pipe;
pub use tls::{Authority, Pair, Stream};
pub use tunnel::{Event, Tunnel};
