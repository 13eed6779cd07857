//! `targets`: a room for each target, for what only that target needs to know.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Many, Named, OnOff};
use crate::spec::de::At;

/// A room for each target.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// NGINX.
    pub nginx: Option<At<NginxRoom>>,
    /// HAProxy.
    pub haproxy: Option<At<HaproxyRoom>>,
    /// Traefik.
    pub traefik: Option<At<TraefikRoom>>,
    /// Envoy.
    pub envoy: Option<At<EnvoyRoom>>,
    /// Caddy.
    pub caddy: Option<At<CaddyRoom>>,
    /// AWS Application Load Balancer, as a CloudFormation template.
    pub alb: Option<At<AlbRoom>>,
    /// Kubernetes Ingress.
    pub ingress: Option<At<IngressRoom>>,
    /// Kubernetes Gateway API.
    pub gateway: Option<At<GatewayRoom>>,
    /// Cloudflare Workers.
    pub worker: Option<At<WorkerRoom>>,
    /// The reference proxy.
    pub proxy: Option<At<ProxyRoom>>,
}

/// What an unsupported written field is.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum OnLoss {
    /// An error: nothing is rendered.
    Error,
    /// A warning.
    Warn,
}

/// A value of the core that only this target gets: any scalar, list or map that the field takes.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyValue;

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for AnyValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AnyValue".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "A value that the field takes" })
    }
}

/// Snippets in the program's own words, outside the contract; `lint` lists them.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// At the top of the configuration.
    pub top: Option<At<String>>,
    /// In a listener, by name.
    pub listeners: Option<Named<String>>,
    /// In an upstream, by name.
    pub upstreams: Option<Named<String>>,
    /// In a route, by name.
    pub routes: Option<Named<String>>,
}

/// Declares a room: the fields that every target has, and its own.
macro_rules! room {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The version of the program that will run, such as `"1.30"`; it chooses among what its versions can do. Default: the newest that is tested.
            #[schemars(extend("examples" = ["1.30"]))]
            pub version: Option<At<String>>,
            /// Values of the core that only this target gets, such as `{routes.socket.websocket.idle: 300s}`.
            pub set: Option<Named<AnyValue>>,
            /// Snippets in the program's own words, outside the contract.
            pub raw: Option<At<Raw>>,
            /// Whether a written field that the target cannot do is an error or a warning. Default: `error`.
            pub on_loss: Option<At<OnLoss>>,
            $($(#[$field_about])* pub $field: Option<$type>,)*
        }
    };
}

room! {
    /// The room of NGINX.
    NginxRoom {
        /// DNS servers for host names of servers; NGINX looks names up again only when it knows one. Default: none, names are looked up once at start.
        #[schemars(extend("examples" = [["127.0.0.53"]]))]
        resolvers: At<Many<At<String>>>,
        /// The file of the access log. Default: `/var/log/nginx/access.log`.
        #[schemars(extend("default" = "/var/log/nginx/access.log"))]
        access_log: At<String>,
        /// The file of the error log. Default: `/var/log/nginx/error.log`.
        #[schemars(extend("default" = "/var/log/nginx/error.log"))]
        error_log: At<String>,
        /// The user of the worker processes. Default: the one that the program was built with.
        user: At<String>,
        /// The file of authorities that upstream TLS is verified against where the upstream names none. Default: `/etc/ssl/certs/ca-certificates.crt`.
        #[schemars(extend("default" = "/etc/ssl/certs/ca-certificates.crt"))]
        system_ca: At<String>,
    }
}

room! {
    /// The room of HAProxy.
    HaproxyRoom {
        /// DNS servers for host names of servers. Default: those of `/etc/resolv.conf`.
        resolvers: At<Many<At<String>>>,
        /// Where the log goes, in HAProxy's words. Default: `stdout`.
        #[schemars(extend("examples" = ["stdout", "/dev/log"], "default" = "stdout"))]
        log: At<String>,
        /// The user that the process runs as after its start. Default: the one that starts it.
        user: At<String>,
        /// Its group. Default: the one that starts it.
        group: At<String>,
        /// The Unix socket of the runtime API. Default: none.
        #[schemars(extend("examples" = ["/run/haproxy/admin.sock"]))]
        stats_socket: At<String>,
        /// Addresses of other instances by name, so that stickiness and limits survive a reload. Default: none.
        peers: Named<String>,
    }
}

room! {
    /// The room of Traefik.
    TraefikRoom {
        /// The name of the certificate resolver for `acme` certificates. Default: `wsgen`.
        resolver: At<String>,
        /// The file in which ACME certificates are kept. Default: `/data/acme.json`.
        storage: At<String>,
    }
}

room! {
    /// The room of Envoy.
    EnvoyRoom {
        /// The port of the admin interface, on loopback. Default: 9901.
        #[schemars(range(min = 1, max = 65535), extend("default" = 9901))]
        admin_port: At<u64>,
        /// DNS servers for host names of servers. Default: those of `/etc/resolv.conf`.
        #[schemars(extend("examples" = [["127.0.0.53"]]))]
        resolvers: At<Many<At<String>>>,
    }
}

room! {
    /// The room of Caddy.
    CaddyRoom {
        /// The folder in which certificates are kept. Default: Caddy's own.
        storage: At<String>,
        /// DNS servers for host names of servers. Default: the system's.
        #[schemars(extend("examples" = [["127.0.0.53"]]))]
        resolvers: At<Many<At<String>>>,
    }
}

room! {
    /// The room of the AWS Application Load Balancer.
    AlbRoom {
        /// The VPC, such as `vpc-1`. Default: a parameter of the template.
        vpc: At<String>,
        /// At least two subnets. Default: a parameter of the template.
        subnets: At<Many<At<String>>>,
        /// `internet-facing` or `internal`. Default: `internet-facing`.
        #[schemars(extend("default" = "internet-facing"))]
        scheme: At<String>,
        /// The ARN of the ACM certificate for each certificate of the spec.
        certificates: Named<String>,
        /// The ARN of an existing target group for an upstream.
        upstreams: Named<String>,
        /// The bucket of the access log. Default: none.
        log_bucket: At<String>,
        /// The ARN of the trust store for client certificates.
        trust_store: At<String>,
        /// Renders a WAFv2 web ACL for what needs one. Default: on where a route asks for it.
        waf: At<OnOff>,
        /// The quota of rules for the load balancer, 1 to 50000, where AWS raised it. Default: 100.
        #[schemars(range(min = 1, max = 50000), extend("default" = 100))]
        rules: At<u64>,
    }
}

/// A Kubernetes Secret.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// The name of the Secret of type `kubernetes.io/tls`.
    #[schemars(extend("examples" = ["site-tls"]))]
    pub secret: At<String>,
}

/// A Kubernetes Service.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct ServiceRef {
    /// The name of the Service.
    #[schemars(extend("examples" = ["chat"]))]
    pub service: At<String>,
    /// Its port, 1 to 65535.
    #[schemars(range(min = 1, max = 65535), extend("examples" = [80]))]
    pub port: At<u64>,
    /// Its namespace. Default: the room's.
    pub namespace: Option<At<String>>,
}

/// The program that serves Ingress resources.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum IngressController {
    /// ingress-nginx (retired by its makers).
    Nginx,
    /// Traefik.
    Traefik,
    /// HAProxy's ingress controller.
    Haproxy,
}

room! {
    /// The room of Kubernetes Ingress.
    IngressRoom {
        /// The program that serves the resources. Default: `traefik`.
        controller: At<IngressController>,
        /// The namespace of the resources. Default: `default`.
        #[schemars(extend("default" = "default"))]
        namespace: At<String>,
        /// The `ingressClassName`. Default: the controller's name.
        class: At<String>,
        /// The Secret for each certificate of the spec.
        certificates: Named<SecretRef>,
        /// An existing Service for an upstream, in place of its servers.
        upstreams: Named<ServiceRef>,
    }
}

/// The program that serves Gateway API resources.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum GatewayImplementation {
    /// Traefik.
    Traefik,
    /// Envoy Gateway.
    EnvoyGateway,
    /// kgateway.
    Kgateway,
    /// NGINX Gateway Fabric.
    NginxGatewayFabric,
    /// Istio.
    Istio,
    /// Cilium.
    Cilium,
}

room! {
    /// The room of the Kubernetes Gateway API.
    GatewayRoom {
        /// The program that serves the resources. Default: `envoy-gateway`.
        implementation: At<GatewayImplementation>,
        /// The namespace of the resources. Default: `default`.
        #[schemars(extend("default" = "default"))]
        namespace: At<String>,
        /// The `gatewayClassName`. Default: the implementation's usual one.
        class: At<String>,
        /// The Secret for each certificate of the spec.
        certificates: Named<SecretRef>,
        /// An existing Service for an upstream, in place of its servers.
        upstreams: Named<ServiceRef>,
    }
}

room! {
    /// The room of Cloudflare Workers.
    WorkerRoom {
        /// The name of the Worker. Default: the spec's name.
        name: At<String>,
        /// The compatibility date, such as `2026-01-01`.
        compatibility_date: At<String>,
        /// The zone that the routes belong to.
        zone: At<String>,
        /// The origin URL for an upstream, where its servers are not reachable by the Worker as they are.
        upstreams: Named<String>,
    }
}

room! {
    /// The room of the reference proxy.
    ProxyRoom {
        /// The folder in which ACME certificates are kept. Default: the user's cache folder.
        storage: At<String>,
        /// DNS servers for host names of servers. Default: the system's.
        #[schemars(extend("examples" = [["127.0.0.53"]]))]
        resolvers: At<Many<At<String>>>,
    }
}
