//! The rooms of the targets: what only one target needs to know, checked and with defaults filled.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{
    GatewayImplementation, IngressController, ListenerId, Loc, OnLoss, RouteId, Set, UpstreamId,
};

/// The targets of the language, whether they are built in or not.
pub const TARGETS: [&str; 10] = [
    "nginx", "haproxy", "traefik", "envoy", "caddy", "alb", "ingress", "gateway", "worker", "proxy",
];

/// A program's version: major and minor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version {
    /// The major number.
    pub major: u16,
    /// The minor number.
    pub minor: u16,
    /// The patch number; the highest where it is not written.
    pub patch: u16,
}

impl Version {
    /// A version whose patch number is the highest.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self {
            major,
            minor,
            patch: u16::MAX,
        }
    }

    /// A version with its patch number.
    pub const fn exact(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('.').map(|part| {
            if part.bytes().all(|b| b.is_ascii_digit()) {
                part.parse::<u16>().ok()
            } else {
                None
            }
        });
        match (
            parts.next().flatten(),
            parts.next().flatten(),
            parts.next(),
            parts.next(),
        ) {
            (Some(major), Some(minor), None, None) => Ok(Self::new(major, minor)),
            (Some(major), Some(minor), Some(Some(patch)), None) => {
                Ok(Self::exact(major, minor, patch))
            }
            _ => Err(format!(
                "`{text}` is not a version: write it such as \"1.30\", in quotes"
            )),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch == u16::MAX {
            Ok(())
        } else {
            write!(f, ".{}", self.patch)
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What every room has.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Room {
    /// The program's version; `None` is the newest that is tested.
    pub version: Option<Set<Version>>,
    /// Snippets in the program's own words.
    pub raw: Raw,
    /// Whether a lost written field is an error or a warning; `None` is an error.
    pub on_loss: Option<Set<OnLoss>>,
}

/// Snippets in a program's own words, outside the contract.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Raw {
    /// At the top of the configuration.
    pub top: Option<Set<String>>,
    /// In listeners.
    pub listeners: Vec<(ListenerId, Set<String>)>,
    /// In upstreams.
    pub upstreams: Vec<(UpstreamId, Set<String>)>,
    /// In routes.
    pub routes: Vec<(RouteId, Set<String>)>,
}

/// Where a snippet stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RawPlace {
    /// At the top of the configuration.
    Top,
    /// In a listener.
    Listener,
    /// In an upstream.
    Upstream,
    /// In a route.
    Route,
}

impl RawPlace {
    /// Each place.
    pub const ALL: [Self; 4] = [Self::Top, Self::Listener, Self::Upstream, Self::Route];

    /// The key of the room's `raw`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Top => "top",
            Self::Listener => "listeners",
            Self::Upstream => "upstreams",
            Self::Route => "routes",
        }
    }
}

impl Raw {
    /// Every snippet's place.
    pub fn places(&self) -> impl Iterator<Item = (RawPlace, Loc)> {
        let of = |place: RawPlace| move |at: Loc| (place, at);
        let top = self.top.iter().map(Set::loc).map(of(RawPlace::Top));
        let listeners = self.listeners.iter().map(|(_, text)| text.loc());
        let upstreams = self.upstreams.iter().map(|(_, text)| text.loc());
        let routes = self.routes.iter().map(|(_, text)| text.loc());
        top.chain(listeners.map(of(RawPlace::Listener)))
            .chain(upstreams.map(of(RawPlace::Upstream)))
            .chain(routes.map(of(RawPlace::Route)))
    }
}

/// A room for each target; one that the spec does not name has its defaults.
#[derive(Debug, Clone, Serialize)]
pub struct Rooms {
    /// NGINX.
    pub nginx: NginxRoom,
    /// HAProxy.
    pub haproxy: HaproxyRoom,
    /// Traefik.
    pub traefik: TraefikRoom,
    /// Envoy.
    pub envoy: EnvoyRoom,
    /// Caddy.
    pub caddy: CaddyRoom,
    /// AWS Application Load Balancer.
    pub alb: AlbRoom,
    /// Kubernetes Ingress.
    pub ingress: IngressRoom,
    /// Kubernetes Gateway API.
    pub gateway: GatewayRoom,
    /// Cloudflare Workers.
    pub worker: WorkerRoom,
    /// The reference proxy.
    pub proxy: ProxyRoom,
}

impl Rooms {
    /// What every room has, of the target of this id; `None` if it has no room.
    pub fn of_mut(&mut self, target: &str) -> Option<&mut Room> {
        Some(match target {
            "nginx" => &mut self.nginx.room,
            "haproxy" => &mut self.haproxy.room,
            "traefik" => &mut self.traefik.room,
            "envoy" => &mut self.envoy.room,
            "caddy" => &mut self.caddy.room,
            "alb" => &mut self.alb.room,
            "ingress" => &mut self.ingress.room,
            "gateway" => &mut self.gateway.room,
            "worker" => &mut self.worker.room,
            "proxy" => &mut self.proxy.room,
            _ => return None,
        })
    }
}

/// The room of NGINX.
#[derive(Debug, Clone, Serialize)]
pub struct NginxRoom {
    /// What every room has.
    pub room: Room,
    /// DNS servers; `None`: names are looked up once at start.
    pub resolvers: Option<Set<Vec<String>>>,
    /// The file of the access log.
    pub access_log: Set<String>,
    /// The file of the error log.
    pub error_log: Set<String>,
    /// The user of the workers; `None` is the program's own.
    pub user: Option<Set<String>>,
    /// The file of authorities for upstreams that name none.
    pub system_ca: Set<String>,
}

/// The room of HAProxy.
#[derive(Debug, Clone, Serialize)]
pub struct HaproxyRoom {
    /// What every room has.
    pub room: Room,
    /// DNS servers; `None`: those of `/etc/resolv.conf`.
    pub resolvers: Option<Set<Vec<String>>>,
    /// Where the log goes.
    pub log: Set<String>,
    /// The user after the start; `None` keeps it.
    pub user: Option<Set<String>>,
    /// The group after the start; `None` keeps it.
    pub group: Option<Set<String>>,
    /// The runtime API's socket; `None` is none.
    pub stats_socket: Option<Set<String>>,
    /// Other instances: name and address.
    pub peers: Vec<(String, Set<String>)>,
}

/// The room of Traefik.
#[derive(Debug, Clone, Serialize)]
pub struct TraefikRoom {
    /// What every room has.
    pub room: Room,
    /// The certificate resolver's name.
    pub resolver: Set<String>,
    /// The file of ACME certificates.
    pub storage: Set<String>,
}

/// The room of Envoy.
#[derive(Debug, Clone, Serialize)]
pub struct EnvoyRoom {
    /// What every room has.
    pub room: Room,
    /// The port of the admin interface.
    pub admin_port: Set<u16>,
    /// DNS servers; `None`: those of `/etc/resolv.conf`.
    pub resolvers: Option<Set<Vec<String>>>,
}

/// The room of Caddy.
#[derive(Debug, Clone, Serialize)]
pub struct CaddyRoom {
    /// What every room has.
    pub room: Room,
    /// The folder of certificates; `None` is Caddy's own.
    pub storage: Option<Set<String>>,
    /// DNS servers; `None`: the system's.
    pub resolvers: Option<Set<Vec<String>>>,
}

/// The room of the AWS Application Load Balancer.
#[derive(Debug, Clone, Serialize)]
pub struct AlbRoom {
    /// What every room has.
    pub room: Room,
    /// The VPC; `None` is a parameter of the template.
    pub vpc: Option<Set<String>>,
    /// The subnets; `None` is a parameter of the template.
    pub subnets: Option<Set<Vec<String>>>,
    /// `internet-facing` or `internal`.
    pub scheme: Set<String>,
    /// Certificate ARNs by certificate name.
    pub certificates: Vec<(String, Set<String>)>,
    /// Target group ARNs by upstream name.
    pub upstreams: Vec<(String, Set<String>)>,
    /// The bucket of the access log; `None` is no log.
    pub log_bucket: Option<Set<String>>,
    /// The trust store's ARN.
    pub trust_store: Option<Set<String>>,
    /// Whether a web ACL is rendered; `None`: where a route asks for it.
    pub waf: Option<Set<bool>>,
    /// The quota of rules.
    pub rules: Set<u16>,
}

/// A Kubernetes Service.
#[derive(Debug, Clone, Serialize)]
pub struct Service {
    /// Its name.
    pub service: String,
    /// Its port.
    pub port: u16,
    /// Its namespace; `None` is the room's.
    pub namespace: Option<String>,
}

/// The room of Kubernetes Ingress.
#[derive(Debug, Clone, Serialize)]
pub struct IngressRoom {
    /// What every room has.
    pub room: Room,
    /// The program that serves the resources.
    pub controller: Set<IngressController>,
    /// The namespace.
    pub namespace: Set<String>,
    /// The class; `None` is the controller's name.
    pub class: Option<Set<String>>,
    /// Secrets by certificate name.
    pub certificates: Vec<(String, Set<String>)>,
    /// Services by upstream name.
    pub upstreams: Vec<(String, Set<Service>)>,
    /// Whether servers may be on loopback, as in a lab; a cluster refuses them.
    #[serde(skip)]
    pub loopback: bool,
}

/// The room of the Kubernetes Gateway API.
#[derive(Debug, Clone, Serialize)]
pub struct GatewayRoom {
    /// What every room has.
    pub room: Room,
    /// The program that serves the resources.
    pub implementation: Set<GatewayImplementation>,
    /// The namespace.
    pub namespace: Set<String>,
    /// The class; `None` is the implementation's usual one.
    pub class: Option<Set<String>>,
    /// Secrets by certificate name.
    pub certificates: Vec<(String, Set<String>)>,
    /// Services by upstream name.
    pub upstreams: Vec<(String, Set<Service>)>,
    /// Whether servers may be on loopback, as in a lab; a cluster refuses them.
    #[serde(skip)]
    pub loopback: bool,
}

/// The room of Cloudflare Workers.
#[derive(Debug, Clone, Serialize)]
pub struct WorkerRoom {
    /// What every room has.
    pub room: Room,
    /// The Worker's name; `None` is the gateway's.
    pub name: Option<Set<String>>,
    /// The compatibility date; `None` is the one that the tests run.
    pub compatibility_date: Option<Set<String>>,
    /// The zone of the routes.
    pub zone: Option<Set<String>>,
    /// Origin URLs by upstream name.
    pub upstreams: Vec<(String, Set<String>)>,
}

/// The room of the reference proxy.
#[derive(Debug, Clone, Serialize)]
pub struct ProxyRoom {
    /// What every room has.
    pub room: Room,
    /// The folder of ACME certificates; `None` is the user's cache folder.
    pub storage: Option<Set<String>>,
    /// DNS servers; `None`: those of `/etc/resolv.conf`.
    pub resolvers: Option<Set<Vec<String>>>,
}
