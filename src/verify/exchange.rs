//! How a lab's requests travel: the connection that an ask needs, a plain exchange, a tunnel.

use std::io;
use std::net::IpAddr;

use super::ask::Ask;
use super::behave::{deviation, status};
use super::lab::Lab;
use super::probe::Miss;
use super::wire::{Client, Response, Tunnel};
use crate::ir::{Gateway, Listener, ListenerId};

impl Lab {
    /// A client of a listener at this address, speaking TLS where the listener does; `authority` is its `Host` line and its
    /// name in TLS, as with any real client: a program may refuse one that mixes them.
    pub fn client(
        &self,
        listener: ListenerId,
        from: Option<IpAddr>,
        authority: &str,
    ) -> io::Result<Client> {
        let it = self.gateway.listener(listener);
        let mut client = Client::new(self.places.listeners[listener.index()]).host(authority);
        if let Some(tls) = &it.tls {
            let config = match &tls.client_auth {
                Some(_) => self
                    .certificates
                    .site
                    .client_as(&self.certificates.client)?,
                None => self.certificates.site.client(),
            };
            client = self.named(client.tls_with(config), listener, authority);
        }
        Ok(match from {
            Some(ip) if it.proxy_protocol.value => client.from(&ip.to_string()),
            Some(ip) if ip.is_loopback() => client.source(ip),
            _ if it.proxy_protocol.value => client.from("192.0.2.1"),
            _ => client,
        })
    }

    /// The name in TLS for an authority. No certificate need cover it: then any of the lab's own authority is taken.
    pub(super) fn named(&self, client: Client, listener: ListenerId, authority: &str) -> Client {
        let host = bare(authority).trim_end_matches('.').to_ascii_lowercase();
        let client = client.server_name(&host);
        match covered(self.gateway.listener(listener), &self.gateway, &host) {
            true => client,
            false => client.any_name(&self.certificates.site),
        }
    }

    /// The client that an ask needs.
    pub fn client_of(&self, ask: &Ask) -> io::Result<Client> {
        self.client(ask.listener, ask.peer(), &ask.authority())
    }

    /// Sends a plain request.
    ///
    /// # Errors
    /// Where no answer came.
    pub fn send(&self, ask: &Ask) -> io::Result<Response> {
        self.client_of(ask)?
            .try_send(&ask.request.method, &ask.target(), &ask.lines(), &ask.body)
    }

    /// Asks for a WebSocket: a tunnel, or the answer that refused it.
    ///
    /// # Errors
    /// Where no answer came.
    pub fn upgrade(&self, ask: &Ask) -> io::Result<Result<Tunnel, Response>> {
        self.client_of(ask)?
            .try_websocket(&ask.target(), &ask.lines())
    }

    /// The answer to an ask, as a handshake where it is one; a tunnel that comes about is let go.
    ///
    /// # Errors
    /// Where no answer came.
    pub fn answer(&self, ask: &Ask) -> io::Result<Response> {
        answer_by(&self.client_of(ask)?, ask)
    }

    /// Asks for a WebSocket that has to come about.
    ///
    /// # Errors
    /// Where it does not.
    pub fn tunnel(&self, ask: &Ask) -> Result<Tunnel, Miss> {
        match self.upgrade(ask) {
            Ok(Ok(tunnel)) => Ok(tunnel),
            Ok(Err(refused)) => Err(deviation(ask, status(&refused), "101 and a tunnel")),
            Err(why) => Err(deviation(ask, why.to_string(), "101 and a tunnel")),
        }
    }
}

/// [`Lab::answer`] by a client that a probe has made itself.
///
/// # Errors
/// Where no answer came.
pub(super) fn answer_by(client: &Client, ask: &Ask) -> io::Result<Response> {
    let (target, lines) = (ask.target(), ask.lines());
    if !ask.request.is_websocket() {
        return client.try_send(&ask.request.method, &target, &lines, &ask.body);
    }
    let came = client.try_websocket(&target, &lines)?;
    Ok(came.map_or_else(|refused| refused, |tunnel| tunnel.response.clone()))
}

/// An authority without its port, an IP address without its brackets.
fn bare(authority: &str) -> &str {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    host.trim_matches(['[', ']'])
}

/// Whether a certificate of the listener covers a host.
fn covered(listener: &Listener, gateway: &Gateway, host: &str) -> bool {
    let certificates = listener.tls.iter().flat_map(|tls| &tls.certificates.value);
    certificates
        .flat_map(|id| &gateway.certificate(*id).hosts.value)
        .any(|name| {
            name == host
                || name
                    .strip_prefix("*.")
                    .is_some_and(|zone| host.split_once('.').is_some_and(|(_, rest)| rest == zone))
        })
}
