//! What stands behind the program of a lab: a stub for every server, others for checks, and a name server.

use std::io;
use std::net::SocketAddr;

use super::certificates::Certificates;
use super::places::Places;
use super::stub::Stub;
use super::stub::acme::Acme;
use super::stub::dns::NameServer;
use crate::ir::{Gateway, Set};

/// A name server that knows every server by its host name, and the programs ask it.
pub(super) fn names(gateway: &mut Gateway, places: &Places) -> io::Result<NameServer> {
    let names = NameServer::start()?;
    for (upstream, addresses) in gateway.upstreams.iter().zip(&places.servers) {
        for (server, at) in upstream.servers.iter().zip(addresses) {
            if let Some(name) = server.address.value.name() {
                names.set(name, &[at.ip()]);
            }
        }
    }
    let list = vec![names.address().to_string()];
    let nginx = &mut gateway.rooms.nginx.resolvers;
    if let Some(resolvers) = nginx {
        resolvers.value.clone_from(&list);
    }
    // Where nothing is written, these ask the servers of the system, which know none of the lab's names.
    let at = gateway.name.loc();
    let rooms = &mut gateway.rooms;
    for room in [
        &mut rooms.haproxy.resolvers,
        &mut rooms.caddy.resolvers,
        &mut rooms.envoy.resolvers,
        &mut rooms.proxy.resolvers,
    ] {
        match room {
            Some(resolvers) => resolvers.value.clone_from(&list),
            None => *room = Some(Set::written(list.clone(), at)),
        }
    }
    Ok(names)
}

/// Shows an ACME authority where ports 80 and 443 of the hosts have moved to.
pub(super) fn reach(acme: &Acme, gateway: &Gateway, places: &Places) {
    let at = |port: u16, secure: bool| {
        let mut listeners = gateway.listeners.iter().zip(&places.listeners);
        let found =
            listeners.find(|(it, _)| it.public_port.value == port && it.tls.is_some() == secure);
        found.map(|(_, at)| *at)
    };
    acme.reach(at(80, false), at(443, true));
}

/// A stub for every server, TLS where its upstream has it.
pub(super) fn servers(
    gateway: &Gateway,
    places: &Places,
    certificates: &Certificates,
) -> io::Result<Vec<Vec<Stub>>> {
    let mut all = Vec::new();
    for (upstream, addresses) in gateway.upstreams.iter().zip(&places.servers) {
        let one = |(number, at): (usize, &SocketAddr)| {
            let host = upstream.servers[number].address.value.name();
            let tls = certificates.server(upstream, host, &at.ip().to_string())?;
            Stub::at_with(&format!("{}-{}", upstream.name, number + 1), *at, tls)
        };
        all.push(
            addresses
                .iter()
                .enumerate()
                .map(one)
                .collect::<io::Result<_>>()?,
        );
    }
    Ok(all)
}

/// A stub for every server whose checks have a port of their own; none for the others.
pub(super) fn checks(
    gateway: &Gateway,
    places: &Places,
    certificates: &Certificates,
) -> io::Result<Vec<Vec<Stub>>> {
    let each = gateway.upstreams.iter().zip(&places.servers);
    each.zip(&places.checks)
        .map(|((upstream, addresses), port)| {
            let Some(port) = *port else {
                return Ok(Vec::new());
            };
            let one = |at: &SocketAddr| {
                let tls = certificates.server(upstream, None, &at.ip().to_string())?;
                let at = SocketAddr::new(at.ip(), port);
                Stub::at_with(&format!("{}-check", upstream.name), at, tls)
            };
            addresses.iter().map(one).collect()
        })
        .collect()
}
