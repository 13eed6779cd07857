//! `Gateway`: the whole, its ids, and what is looked up across its lists.

use serde::{Deserialize, Serialize};

use super::*;

macro_rules! ids {
    ($($(#[$about:meta])* $name:ident)*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl $name {
            /// The index into the gateway's list.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A listener of the gateway.
    ListenerId
    /// A certificate of the gateway.
    CertificateId
    /// An upstream of the gateway.
    UpstreamId
    /// A route of the gateway.
    RouteId
    /// An entry of `auth`.
    AuthId
}

/// The whole gateway.
#[derive(Debug, Clone, Serialize)]
pub struct Gateway {
    /// The gateway's name.
    pub name: Set<String>,
    /// The listeners, in the order of the file.
    pub listeners: Vec<Listener>,
    /// The certificates, in the order of the file.
    pub certificates: Vec<Certificate>,
    /// The upstreams, in the order of the file.
    pub upstreams: Vec<Upstream>,
    /// Ways to know a client, in the order of the file.
    pub auth: Vec<Auth>,
    /// The routes, in the order of the file.
    pub routes: Vec<Route>,
    /// The computed order: every host and path of every route; the first entry that matches takes the request.
    pub table: Vec<Entry>,
    /// The access log; `None` is off.
    pub log: Option<Log>,
    /// Metrics; `None` is off.
    pub metrics: Option<Metrics>,
    /// How the program runs.
    pub runtime: Runtime,
    /// A room for each target.
    pub rooms: Rooms,
    /// Losses that are accepted.
    pub accept: Vec<Accept>,
    /// Requests and what must become of them.
    pub tests: Vec<Test>,
}

impl Gateway {
    /// The listener of this id.
    pub fn listener(&self, id: ListenerId) -> &Listener {
        &self.listeners[id.index()]
    }

    /// The certificate of this id.
    pub fn certificate(&self, id: CertificateId) -> &Certificate {
        &self.certificates[id.index()]
    }

    /// The upstream of this id.
    pub fn upstream(&self, id: UpstreamId) -> &Upstream {
        &self.upstreams[id.index()]
    }

    /// The route of this id.
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id.index()]
    }

    /// The entry of `auth` of this id.
    pub fn auth(&self, id: AuthId) -> &Auth {
        &self.auth[id.index()]
    }

    /// The route's entry of `auth`, if it asks for one.
    pub fn auth_of(&self, route: &Route) -> Option<&Auth> {
        route.auth.as_ref().map(|id| self.auth(id.value))
    }

    /// The longest time that a route lets a request, a tunnel or a stream be silent; `None` if no route forwards.
    pub fn silence(&self) -> Option<Dur> {
        let forwards = self.routes.iter().filter(|it| !it.shares().is_empty());
        let times = |route: &Route| {
            let websocket = route.websocket.as_ref().map(|it| it.idle.value);
            let stream = route.stream.as_ref().map(|it| it.idle.value);
            [
                Some(route.response.value),
                Some(route.idle.value),
                websocket,
                stream,
            ]
        };
        forwards.flat_map(times).flatten().max()
    }

    /// Whether requests on this listener can reach the route.
    pub fn serves(&self, listener: &Listener, route: &Route) -> bool {
        match &route.when.listeners {
            Some(only) => only.value.contains(&listener.id),
            None => listener.redirect.is_none(),
        }
    }

    /// The listeners on which requests can reach the route.
    pub fn listeners_of<'a>(&'a self, route: &'a Route) -> impl Iterator<Item = &'a Listener> {
        self.listeners
            .iter()
            .filter(|listener| self.serves(listener, route))
    }

    /// The certificate that a TLS listener serves for a host: the first that covers it, else the listener's first.
    pub fn certificate_for(&self, tls: &ListenerTls, host: &HostMatch) -> CertificateId {
        let covering = tls
            .certificates
            .value
            .iter()
            .find(|id| self.certificate(**id).covers(host));
        *covering.unwrap_or(&tls.certificates.value[0])
    }
}
