//! The YAML of a spec as types. The doc comments become the schema's text and the documentation.

mod access;
mod choice;
mod listener;
mod operations;
mod request;
mod route;
mod targets;
mod upstream;

pub use access::*;
pub use choice::{Block, Many, Named, OnOff, Toggle};
pub use listener::*;
pub use operations::*;
pub use request::*;
pub use route::*;
pub use targets::*;
pub use upstream::*;

use schemars::JsonSchema;
use serde::Deserialize;

use super::de::At;

/// One gateway: what it listens on, which servers stand behind it, and which request goes where.
///
/// Keys that start with `x-` are ignored at this level; they are a place for YAML anchors.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
#[schemars(title = "wsgen spec", extend("patternProperties" = { "^x-": true }))]
pub struct Spec {
    /// The version of the language; always 1.
    #[schemars(range(min = 1, max = 1), extend("examples" = [1]))]
    pub wsgen: Option<At<u64>>,
    /// The name of the gateway: letters, digits and `-`. It names files and resources. Default: `gateway`.
    #[schemars(regex(pattern = r"^[A-Za-z]([A-Za-z0-9-]{0,38}[A-Za-z0-9])?$"), extend("default" = "gateway"))]
    pub name: Option<At<String>>,
    /// What clients connect to, by name. Left out: one listener `plain` on port 80.
    pub listeners: Option<Named<Listener>>,
    /// Certificates by name.
    pub certificates: Option<Named<Certificate>>,
    /// Groups of servers by name.
    pub upstreams: Option<Named<Upstream>>,
    /// Which request goes where. The order of the list matters only between routes that nothing else separates.
    pub routes: Option<At<Vec<At<Route>>>>,
    /// Ways to know a client, by name; a route names one in `auth`.
    pub auth: Option<Named<Auth>>,
    /// What every listener, upstream and route inherits. Maps merge deeply; `off` in the place itself clears.
    pub defaults: Option<Defaults>,
    /// The access log.
    pub log: Option<At<Block<Log>>>,
    /// Metrics in Prometheus' format. Default: off.
    pub metrics: Option<At<Block<Metrics>>>,
    /// How the program runs: drain, ceilings, workers.
    pub runtime: Option<Runtime>,
    /// A room for each target: what only that target needs to know.
    pub targets: Option<Targets>,
    /// Losses that are accepted, each with a reason.
    pub accept: Option<Vec<At<Accept>>>,
    /// Requests and what must become of them; `wsgen test` checks them.
    pub tests: Option<Vec<At<Test>>>,
}

/// What listeners, upstreams and routes inherit.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Inherited by every listener.
    pub listener: Option<At<Listener>>,
    /// Inherited by every upstream.
    pub upstream: Option<At<Upstream>>,
    /// Inherited by every route: every field but `name`, `path`, `when` and the action.
    #[serde(default)]
    #[schemars(schema_with = "route::defaults_schema")]
    pub route: Option<At<Route>>,
}
