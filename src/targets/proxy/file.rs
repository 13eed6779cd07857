//! The form of `proxy.json`: the parts of the gateway that the proxy serves, written and read back.

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::ir::{
    Auth, Certificate, Gateway, Listener, Log, Metrics, Rooms, Route, Runtime, Set, Upstream,
};

/// The version of the form.
const VERSION: u32 = 1;

/// A gateway as it stands in the file.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    wsgen_gateway: u32,
    name: &'a Set<String>,
    pub(super) listeners: &'a [Listener],
    pub(super) certificates: &'a [Certificate],
    pub(super) upstreams: &'a [Upstream],
    pub(super) auth: &'a [Auth],
    pub(super) routes: &'a [Route],
    log: &'a Option<Log>,
    metrics: &'a Option<Metrics>,
    runtime: &'a Runtime,
    storage: &'a Option<Set<String>>,
    resolvers: &'a Option<Set<Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    wsgen_gateway: u32,
    /// Which losses were accepted: for people.
    #[serde(default, rename = "accepted")]
    _accepted: Vec<String>,
    name: Set<String>,
    listeners: Vec<Listener>,
    certificates: Vec<Certificate>,
    upstreams: Vec<Upstream>,
    auth: Vec<Auth>,
    routes: Vec<Route>,
    log: Option<Log>,
    metrics: Option<Metrics>,
    runtime: Runtime,
    storage: Option<Set<String>>,
    resolvers: Option<Set<Vec<String>>>,
}

impl<'a> Written<'a> {
    /// The parts that are served.
    pub(super) fn new(gateway: &'a Gateway) -> Self {
        Self {
            wsgen_gateway: VERSION,
            name: &gateway.name,
            listeners: &gateway.listeners,
            certificates: &gateway.certificates,
            upstreams: &gateway.upstreams,
            auth: &gateway.auth,
            routes: &gateway.routes,
            log: &gateway.log,
            metrics: &gateway.metrics,
            runtime: &gateway.runtime,
            storage: &gateway.rooms.proxy.storage,
            resolvers: &gateway.rooms.proxy.resolvers,
        }
    }
}

/// Reads the file back; `None` where the text is something else, such as a spec.
///
/// # Errors
/// A sentence, if it is such a file and something in it is wrong.
pub fn read(text: &str) -> Option<Result<Gateway, String>> {
    // A spec may be JSON too: it has no such key.
    if !text.trim_start().starts_with('{') || !text.contains("\"wsgen_gateway\"") {
        return None;
    }
    let gateway = serde_json::from_str::<Parts>(text)
        .and_then(|parts| match parts.wsgen_gateway {
            VERSION => Ok(parts),
            other => Err(serde_json::Error::custom(format!(
                "the form {other} of the file is not known"
            ))),
        })
        .map_err(|why| why.to_string());
    Some(gateway.and_then(|parts| {
        let mut rooms = Rooms::unwritten();
        rooms.proxy.storage = parts.storage;
        rooms.proxy.resolvers = parts.resolvers;
        Gateway::from_parts(Gateway {
            name: parts.name,
            listeners: parts.listeners,
            certificates: parts.certificates,
            upstreams: parts.upstreams,
            auth: parts.auth,
            routes: parts.routes,
            table: Vec::new(),
            log: parts.log,
            metrics: parts.metrics,
            runtime: parts.runtime,
            rooms,
            accept: Vec::new(),
            tests: Vec::new(),
        })
    }))
}
