//! Clusters: one for each upstream and each set of settings that Envoy keeps per cluster; most upstreams need one.

use rustc_hash::FxHashMap as HashMap;

use super::doc::{self, at, kind, text, time, typed};
use super::{Ctx, health, server};
use crate::emit::{Map, Node};
use crate::ir::{AuthKind, Dur, Gateway, Route, Set, Share, Upstream, UpstreamId};
use crate::targets::envoy::facts;

/// A cluster of an upstream.
struct Cluster<'a> {
    name: String,
    upstream: &'a Upstream,
    connect: &'a Set<Dur>,
    /// How many requests may be open at once.
    open: Option<u32>,
}

/// Every cluster of every upstream.
pub(super) struct Clusters<'a> {
    list: Vec<Cluster<'a>>,
    index: HashMap<Key, usize>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    upstream: UpstreamId,
    connect: u64,
    /// The route that counts alone.
    route: Option<u32>,
}

impl Key {
    fn new(route: &Route, share: &Share) -> Self {
        Self {
            upstream: share.upstream.value,
            connect: share.connect.value.as_millis(),
            route: facts::open_on_route(route).map(|_| route.id.0),
        }
    }
}

impl<'a> Clusters<'a> {
    pub(super) fn new(g: &'a Gateway) -> Self {
        let mut all = Self {
            list: Vec::new(),
            index: HashMap::default(),
        };
        for route in &g.routes {
            for share in route.shares() {
                let key = Key::new(route, share);
                if all.index.contains_key(&key) {
                    continue;
                }
                let upstream = g.upstream(share.upstream.value);
                let taken = all.list.iter().any(|it| it.name == upstream.name);
                let mut name = match taken {
                    false => upstream.name.clone(),
                    true => format!("{}.{}", upstream.name, route.name),
                };
                while all.list.iter().any(|it| it.name == name) {
                    name.push('.');
                }
                all.index.insert(key, all.list.len());
                all.list.push(Cluster {
                    name,
                    upstream,
                    connect: &share.connect,
                    open: facts::open_on_route(route),
                });
            }
        }
        all
    }

    /// The name of the cluster that a share of a route leads to.
    pub(super) fn of(&self, route: &Route, share: &Share) -> String {
        self.index
            .get(&Key::new(route, share))
            .map_or_else(String::new, |at| self.list[*at].name.clone())
    }
}

/// The cluster of the service that decides.
pub(super) fn authority(auth: &str) -> String {
    format!("wsgen.auth.{auth}")
}

/// The clusters of the spec.
pub(super) fn clusters(ctx: &Ctx<'_>) -> Vec<Node> {
    let mut all: Vec<Node> = ctx
        .clusters
        .list
        .iter()
        .map(|it| cluster(ctx, it.upstream, &it.name, it.connect, it.open, false))
        .collect();
    for auth in &ctx.g.auth {
        let asked = ctx
            .g
            .routes
            .iter()
            .any(|route| route.auth.as_ref().is_some_and(|id| id.value == auth.id));
        if let (AuthKind::Forward(forward), true) = (&auth.kind, asked) {
            let upstream = ctx.g.upstream(forward.upstream.value);
            let name = authority(&auth.name);
            all.push(cluster(ctx, upstream, &name, &upstream.connect, None, true));
        }
    }
    all
}

/// Ceilings that nobody asked for are 1024 in Envoy, and a tunnel holds its place for life.
pub(super) fn no_ceiling() -> Map {
    Map::new().put("thresholds", Node::list([threshold(None)]))
}

const MANY: i64 = 1_000_000_000;

fn threshold(requests: Option<u64>) -> Map {
    Map::new()
        .put("max_connections", Node::number(MANY))
        .put("max_pending_requests", Node::number(MANY))
        .put(
            "max_requests",
            match requests {
                Some(most) => doc::count(most),
                None => Node::number(MANY),
            },
        )
        .put("max_retries", Node::number(MANY))
}

fn cluster(
    ctx: &Ctx<'_>,
    upstream: &Upstream,
    name: &str,
    connect: &Set<Dur>,
    open: Option<u32>,
    asked: bool,
) -> Node {
    let mut map = Map::new().put("name", text(name));
    if name != upstream.name && !asked {
        // What logs and statistics call it.
        map = map.put("alt_stat_name", text(&upstream.name));
    }
    map = map
        .and(server::discovery(ctx, upstream))
        .put("connect_timeout", at(time(connect.value), connect.loc()))
        .put("load_balancing_policy", server::balance(upstream))
        .put(
            "common_lb_config",
            Map::new().put(
                "healthy_panic_threshold",
                Map::new().put("value", Node::number(0)),
            ),
        )
        .put("circuit_breakers", breakers(upstream, open));
    if let Some(checks) = health::checks(upstream) {
        map = map.put("health_checks", checks);
    }
    if let Some(passive) = health::outliers(upstream) {
        map = map.put("outlier_detection", passive);
    }
    if let Some(after) = upstream.tcp_keepalive.value {
        let keepalive = Map::new().put(
            "tcp_keepalive",
            Map::new().put("keepalive_time", doc::count(after.as_secs_ceil().max(1))),
        );
        map = map.put(
            "upstream_connection_options",
            at(keepalive, upstream.tcp_keepalive.loc()),
        );
    }
    map = map
        .put(
            "typed_extension_protocol_options",
            Map::new().put(
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                server::protocol(upstream, asked),
            ),
        )
        .and(server::tls(upstream))
        .put("load_assignment", server::endpoints(upstream, name));
    for (_, raw) in ctx
        .g
        .rooms
        .envoy
        .room
        .raw
        .upstreams
        .iter()
        .filter(|(id, _)| *id == upstream.id)
    {
        map = map
            .remark("raw: outside the contract")
            .snippet(&raw.value, raw.loc());
    }
    at(map, upstream.at)
}

fn breakers(upstream: &Upstream, open: Option<u32>) -> Node {
    let Some(each) = upstream.max_connections.value else {
        let threshold = threshold(open.map(u64::from));
        return Map::new().put("thresholds", Node::list([threshold])).into();
    };
    let servers = upstream
        .servers
        .iter()
        .filter(|it| !it.backup.value)
        .count() as u64;
    let all = each.saturating_mul(servers.max(1));
    let most = open.map_or(all, |open| all.min(u64::from(open)));
    let per_host = Map::new().put("max_connections", doc::count(each));
    at(
        Map::new()
            .put("thresholds", Node::list([threshold(Some(most))]))
            .put("per_host_thresholds", Node::list([per_host])),
        upstream.max_connections.loc(),
    )
}

/// A cluster that key sets are fetched from.
pub(super) fn fetching(ctx: &Ctx<'_>, name: &str, host: &str, port: u16, tls: bool) -> Map {
    let literal = host.parse::<std::net::IpAddr>().ok();
    let address = match literal {
        Some(ip) => doc::socket(ip, port),
        None => {
            let socket = Map::new()
                .put("address", text(host))
                .put("port_value", Node::number(port));
            Map::new().put("socket_address", socket)
        }
    };
    let endpoint = Map::new().put("endpoint", Map::new().put("address", address));
    let load = Map::new().put("cluster_name", text(name)).put(
        "endpoints",
        Node::list([Map::new().put("lb_endpoints", Node::list([endpoint]))]),
    );
    let mut map = Map::new().put("name", text(name));
    map = match literal {
        Some(_) => map.put("type", Node::word("STATIC")),
        None => map.and(server::names(ctx, Some(Dur::from_secs(30)))),
    };
    map = map.put("connect_timeout", Node::word("5s"));
    if tls {
        let mut context = typed(kind!(
            "extensions.transport_sockets.tls.v3.UpstreamTlsContext"
        ));
        if literal.is_none() {
            context = context.put("sni", text(host));
        }
        let context = context.put(
            "common_tls_context",
            Map::new().put("validation_context", server::trust(None, Some(host))),
        );
        map = map.put(
            "transport_socket",
            doc::extension("envoy.transport_sockets.tls", context),
        );
    }
    map.put("load_assignment", load)
}
