//! Who is at the other end: the connection's address, the client's behind trusted proxies, its certificate.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use crate::ir::ClientRange;

use crate::proxy::client::edge::Pace;
use crate::proxy::client::listen::Counted;
use crate::proxy::request::table::contains;

/// A client's connection.
pub(crate) struct Client {
    /// Its address, that of a PROXY protocol header where the listener expects one.
    pub(crate) peer: IpAddr,
    /// The same as a header has it.
    pub(crate) address: HeaderValue,
    /// Whether it is encrypted.
    pub(crate) tls: bool,
    /// The subject of its certificate.
    pub(crate) subject: Option<Arc<str>>,
    /// Tunnels that are open over it.
    pub(crate) tunnels: Cell<u32>,
    /// It is counted as long as anything of it is open.
    pub(crate) counted: Rc<Counted>,
    /// What it is doing; none over HTTP/2.
    pub(crate) pace: Option<Arc<Pace>>,
}

/// The client's address: the nearest entry of `X-Forwarded-For` that is no trusted proxy, if the peer is one. `None` where an
/// entry that decides is no address: nobody can be told by it, neither to come in nor to stay out.
pub(crate) fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[ClientRange]) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if trusted.is_empty() || !contains(trusted, peer) {
        return Some(peer);
    }
    let mut client = peer;
    let lines: Vec<&http::HeaderValue> = headers.get_all("x-forwarded-for").iter().collect();
    for line in lines.into_iter().rev() {
        let text = line.to_str().ok()?;
        for entry in text.rsplit(',') {
            let entry = entry.trim();
            if entry.is_empty() {
                continue;
            }
            client = address(entry)?;
            if !contains(trusted, client) {
                return Some(client);
            }
        }
    }
    Some(client)
}

/// An entry of `X-Forwarded-For`: an address, some proxies add a port.
fn address(entry: &str) -> Option<IpAddr> {
    let ip = entry
        .parse::<IpAddr>()
        .or_else(|_| entry.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .or_else(|| {
            let inner = entry.strip_prefix('[')?.strip_suffix(']')?;
            inner.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::from)
        })?;
    Some(ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_stranger_is_the_client() {
        let trusted: Vec<ClientRange> = ["10.0.0.0/8", "::1"]
            .iter()
            .map(|text| text.parse().expect("a range"))
            .collect();
        let client = |peer: &str, said: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in said {
                headers.append("x-forwarded-for", line.parse().expect("a value"));
            }
            behind(peer.parse().expect("an address"), &headers, &trusted).map(|ip| ip.to_string())
        };
        for (peer, said, wanted) in [
            ("192.0.2.1", &["1.2.3.4"][..], Some("192.0.2.1")),
            ("10.0.0.1", &[], Some("10.0.0.1")),
            ("10.0.0.1", &["1.2.3.4"], Some("1.2.3.4")),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.9"], Some("1.2.3.4")),
            ("10.0.0.1", &["6.6.6.6", "1.2.3.4:5678"], Some("1.2.3.4")),
            ("10.0.0.1", &["::ffff:1.2.3.4"], Some("1.2.3.4")),
            ("10.0.0.1", &["[2001:db8::1]:443"], Some("2001:db8::1")),
            ("10.0.0.1", &["unknown"], None),
            ("10.0.0.1", &["10.0.0.7"], Some("10.0.0.7")),
        ] {
            assert_eq!(client(peer, said).as_deref(), wanted, "{peer} {said:?}");
        }
    }
}
