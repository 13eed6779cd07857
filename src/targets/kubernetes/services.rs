//! Services: an upstream's servers as a Service without selector and its EndpointSlices.

use std::net::IpAddr;

use super::objects::Object;
use super::word;
use crate::emit::{Map, Node};
use crate::ir::{Address, Server, Service, Set, Upstream};

/// The Service that a room names for an upstream.
pub(in crate::targets) fn named<'a>(
    services: &'a [(String, Set<Service>)],
    upstream: &Upstream,
) -> Option<&'a Set<Service>> {
    let mut services = services.iter();
    let (_, service) = services.find(|(of, _)| *of == upstream.name)?;
    Some(service)
}

/// A Service of ours: the servers of an upstream, all or some.
pub(in crate::targets) struct Backend<'a> {
    /// Its name.
    pub(in crate::targets) name: String,
    /// The upstream.
    pub(in crate::targets) upstream: &'a Upstream,
    /// Its servers; none is a socket of a file.
    pub(in crate::targets) servers: Vec<&'a Server>,
    /// Annotations of the Service.
    pub(in crate::targets) annotations: Map,
    /// What its port speaks, in the API's own words; `None` is HTTP.
    pub(in crate::targets) app_protocol: Option<&'static str>,
}

/// The kinds of addresses that slices have apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ipv4,
    Ipv6,
    Fqdn,
}

impl Kind {
    fn of(address: &Address) -> Self {
        match address {
            Address::Ip {
                ip: IpAddr::V4(_), ..
            } => Self::Ipv4,
            Address::Ip {
                ip: IpAddr::V6(_), ..
            } => Self::Ipv6,
            Address::Name { .. } | Address::Unix { .. } => Self::Fqdn,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Fqdn => "FQDN",
        }
    }
}

/// What a Kubernetes API says against an address in a slice; `None` where it takes it.
pub(in crate::targets) fn refused(address: &Address, loopback: bool) -> Option<&'static str> {
    match address {
        Address::Unix { .. } => Some("a socket of a file has no place in a Service"),
        Address::Name { host, .. } => (!super::names::is_subdomain(host) || !host.contains('.'))
            .then_some(
                "an endpoint's host name has a dot, lower-case letters, digits and `-` only",
            ),
        Address::Ip { ip, .. } => {
            let local = match ip {
                IpAddr::V4(ip) => ip.is_link_local(),
                IpAddr::V6(ip) => ip.is_unicast_link_local(),
            };
            let looped = ip.is_loopback() && !loopback;
            (looped || local || ip.is_unspecified() || ip.is_multicast()).then_some(
                "a loopback, link-local, unspecified or multicast address has no place in an EndpointSlice",
            )
        }
    }
}

fn port(server: &Server) -> u16 {
    server.address.value.port().unwrap_or(80)
}

impl Backend<'_> {
    /// The port of the Service.
    pub(in crate::targets) fn port(&self) -> u16 {
        self.servers.first().map_or(80, |it| port(it))
    }

    /// The Service, and a slice for each kind of address and port.
    pub(in crate::targets) fn objects(self, namespace: &str) -> Vec<Object> {
        let at = self.upstream.at;
        let number = Node::number(self.port());
        let entry = Map::new()
            .put("name", Node::word("http"))
            .put("port", number)
            .put("protocol", Node::word("TCP"))
            .maybe("appProtocol", self.app_protocol.map(Node::word));
        let spec = Map::new()
            .put("clusterIP", Node::word("None"))
            .put("ports", Node::list([entry]));
        let mut objects = vec![
            Object::new("v1", "Service", &self.name, namespace, at)
                .annotated(self.annotations)
                .put("spec", spec),
        ];
        let mut slices: Vec<(Kind, u16, Vec<&Server>)> = Vec::new();
        for server in &self.servers {
            let key = (Kind::of(&server.address.value), port(server));
            match slices.iter_mut().find(|it| (it.0, it.1) == key) {
                Some((.., servers)) => servers.push(server),
                None => slices.push((key.0, key.1, vec![server])),
            }
        }
        for (kind, port, servers) in slices {
            let slice = super::names::name(&[
                &self.name,
                &format!("{}-{port}", kind.word().to_ascii_lowercase()),
            ]);
            let entry = Map::new()
                .put("name", Node::word("http"))
                .put("port", Node::number(port))
                .put("protocol", Node::word("TCP"));
            objects.push(
                Object::new(
                    "discovery.k8s.io/v1",
                    "EndpointSlice",
                    &slice,
                    namespace,
                    at,
                )
                .label("kubernetes.io/service-name", &self.name)
                .label("endpointslice.kubernetes.io/managed-by", "wsgen")
                .put("addressType", Node::word(kind.word()))
                .put("ports", Node::list([entry]))
                .put("endpoints", Node::list(servers.into_iter().map(endpoint))),
            );
        }
        objects
    }
}

/// Controllers look at one or another of the conditions.
fn endpoint(server: &Server) -> Node {
    let address = match &server.address.value {
        Address::Ip { ip, .. } => ip.to_string(),
        Address::Name { host, .. } => host.clone(),
        Address::Unix { path } => path.clone(),
    };
    let conditions = Map::new()
        .put("ready", Node::flag(true))
        .put("serving", Node::flag(true))
        .put("terminating", Node::flag(false));
    let map = Map::new()
        .put("addresses", Node::list([word(&address)]))
        .put("conditions", conditions);
    Node::from(map).at(server.at)
}
