//! The proxy and its servers: TLS towards them, connections that are kept, and servers of HTTP/2 that speak nonsense.

mod handshake;
mod nonsense;
mod pools;
mod tls;
