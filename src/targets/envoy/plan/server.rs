//! The servers of a cluster: where they are, how requests are spread, how they are spoken to.

use super::Ctx;
use super::doc::{self, at, extension, kind, text, time, typed};
use crate::emit::{Map, Node};
use crate::ir::{
    Address, Balance, Check, Dur, HashKey, Protocol, Server, Share, Stickiness, Upstream,
    UpstreamTls,
};
use crate::targets::envoy::facts;

/// How names are looked up: the type of the cluster.
pub(super) fn discovery(ctx: &Ctx<'_>, upstream: &Upstream) -> Map {
    if upstream.has_names() {
        let every = upstream.resolve.value;
        return names(ctx, every);
    }
    Map::new().put("type", Node::word("STATIC"))
}

/// A cluster whose names are looked up this often; `None` is once at start.
pub(super) fn names(ctx: &Ctx<'_>, every: Option<Dur>) -> Map {
    let mut config = typed(kind!("extensions.clusters.dns.v3.DnsCluster"))
        .put("dns_lookup_family", Node::word("V4_PREFERRED"))
        .put(
            "dns_refresh_rate",
            // Envoy always looks again: in a year.
            time(every.unwrap_or(Dur::from_secs(365 * 86400))),
        );
    if let Some(list) = &ctx.g.rooms.envoy.resolvers {
        let servers = list.value.iter().map(|it| nameserver(it));
        let cares = typed(kind!(
            "extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
        ))
        .put("resolvers", Node::list(servers));
        config = config.put(
            "typed_dns_resolver_config",
            at(
                extension("envoy.network.dns_resolver.cares", cares),
                list.loc(),
            ),
        );
    }
    Map::new().put("cluster_type", extension("envoy.cluster.dns", config))
}

/// A DNS server, on port 53 where none is named.
fn nameserver(text: &str) -> Map {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse() {
        return doc::socket(ip, 53);
    }
    // No other text is a resolver to the language.
    text.parse::<std::net::SocketAddr>()
        .map_or_else(|_| Map::new(), |at| doc::socket(at.ip(), at.port()))
}

/// The policy that spreads requests.
pub(super) fn balance(upstream: &Upstream) -> Node {
    let policy = |name: &'static str, config: Map| {
        let policy = Map::new().put("typed_extension_config", extension(name, config));
        Map::new().put("policies", Node::list([policy]))
    };
    let slow = upstream.slow_start.value.map(|window| {
        at(
            Map::new().put("slow_start_window", time(window)),
            upstream.slow_start.loc(),
        )
    });
    let ring = || {
        policy(
            "envoy.load_balancing_policies.ring_hash",
            typed(kind!(
                "extensions.load_balancing_policies.ring_hash.v3.RingHash"
            ))
            .put("minimum_ring_size", Node::number(4096)),
        )
    };
    // Without anything to hash a ring is chance by weight; the policy that is called random knows no weights.
    let map = match &upstream.balance.value {
        _ if facts::uses_ring(upstream) => ring(),
        Balance::Hash(_) => ring(),
        Balance::Random => policy(
            "envoy.load_balancing_policies.random",
            typed(kind!("extensions.load_balancing_policies.random.v3.Random")),
        ),
        Balance::RoundRobin => policy(
            "envoy.load_balancing_policies.round_robin",
            typed(kind!(
                "extensions.load_balancing_policies.round_robin.v3.RoundRobin"
            ))
            .maybe("slow_start_config", slow),
        ),
        Balance::LeastConnections => policy(
            "envoy.load_balancing_policies.least_request",
            typed(kind!(
                "extensions.load_balancing_policies.least_request.v3.LeastRequest"
            ))
            // A look at all servers would find the one that refuses over and over, for nothing is open there.
            .put("choice_count", Node::number(2))
            .maybe("slow_start_config", slow),
        ),
    };
    at(map, upstream.balance.loc())
}

/// What a request's server is computed from.
pub(super) fn hash_policy(ctx: &Ctx<'_>, shares: &[Share]) -> Option<Node> {
    let source = || {
        let source = Map::new().put("source_ip", Node::flag(true));
        Map::new().put("connection_properties", source)
    };
    for share in shares {
        let upstream = ctx.g.upstream(share.upstream.value);
        if let Some(Stickiness::Source { at: loc, .. }) = &upstream.stickiness {
            return Some(Node::list([at(source(), *loc)]));
        }
        let Balance::Hash(key) = &upstream.balance.value else {
            continue;
        };
        let policy = match key {
            HashKey::Source => source(),
            HashKey::Header(name) => {
                Map::new().put("header", Map::new().put("header_name", text(name)))
            }
            HashKey::Cookie(name) => Map::new().put("cookie", Map::new().put("name", text(name))),
            HashKey::Query(name) => {
                Map::new().put("query_parameter", Map::new().put("name", text(name)))
            }
            HashKey::Path => {
                let pattern = Map::new().put("regex", Node::word("^([^?]*).*$"));
                let rewrite = Map::new()
                    .put("pattern", pattern)
                    .put("substitution", Node::word("\\1"));
                let header = Map::new()
                    .put("header_name", Node::word(":path"))
                    .put("regex_rewrite", rewrite);
                Map::new().put("header", header)
            }
        };
        return Some(Node::list([at(policy, upstream.balance.loc())]));
    }
    None
}

/// The servers with their weights; backup servers stand in a group of their own.
pub(super) fn endpoints(upstream: &Upstream, name: &str) -> Map {
    let group = |backup: bool| {
        let list: Vec<Node> = upstream
            .servers
            .iter()
            .filter(|it| it.backup.value == backup)
            .map(|it| endpoint(upstream, it))
            .collect();
        let map = Map::new();
        let map = match backup {
            true => map.put("priority", Node::number(1)),
            false => map,
        };
        (!list.is_empty()).then(|| map.put("lb_endpoints", Node::list(list)))
    };
    let any_backup = upstream.servers.iter().any(|it| it.backup.value);
    let map = Map::new().put("cluster_name", text(name)).put(
        "endpoints",
        Node::list([group(false), group(true)].into_iter().flatten()),
    );
    match any_backup {
        // Nothing goes to backup servers while any other is healthy.
        true => map.put(
            "policy",
            Map::new().put("overprovisioning_factor", Node::number(1_000_000)),
        ),
        false => map,
    }
}

/// The server's own name and port.
fn own_name(address: &Address) -> String {
    match address {
        Address::Name { host, port } => format!("{host}:{port}"),
        Address::Ip { ip, port } => std::net::SocketAddr::new(*ip, *port).to_string(),
        Address::Unix { .. } => "localhost".to_owned(),
    }
}

fn endpoint(upstream: &Upstream, server: &Server) -> Node {
    let own = own_name(&server.address.value);
    let mut map = Map::new()
        .put(
            "address",
            at(doc::address(&server.address.value), server.address.loc()),
        )
        .put("hostname", text(&own));
    if let Some(health) = &upstream.health {
        let mut config = Map::new();
        if let Some(port) = &health.port {
            config = config.put("port_value", at(Node::number(port.value), port.loc()));
        }
        if matches!(&health.check.value, Check::Http { host: None, .. }) {
            config = config.put("hostname", text(&own));
        }
        if !config.is_empty() {
            map = map.put("health_check_config", config);
        }
    }
    let mut one = Map::new().put("endpoint", map);
    if upstream.servers.iter().any(|it| it.weight.value != 1) {
        one = one.put(
            "load_balancing_weight",
            at(Node::number(server.weight.value), server.weight.loc()),
        );
    }
    if let Some(name) = own_tls_name(upstream, server) {
        let matched = Map::new().put("name", text(&name));
        let metadata = Map::new().put("envoy.transport_socket_match", matched);
        one = one.put("metadata", Map::new().put("filter_metadata", metadata));
    }
    at(one, server.at)
}

/// The name by which this server is verified, where each has its own.
fn own_tls_name(upstream: &Upstream, server: &Server) -> Option<String> {
    let tls = upstream.tls.as_ref()?;
    if tls.server_name.is_some() {
        return None;
    }
    match &server.address.value {
        Address::Name { host, .. } => Some(host.clone()),
        Address::Ip { ip, .. } => Some(ip.to_string()),
        Address::Unix { .. } => None,
    }
}

/// HTTP towards the servers.
pub(super) fn protocol(upstream: &Upstream, asked: bool) -> Map {
    let mut common = Map::new();
    match upstream.keepalive.value {
        Some(_) => {
            common = common.put(
                "idle_timeout",
                at(
                    time(upstream.keepalive_timeout.value),
                    upstream.keepalive_timeout.loc(),
                ),
            );
        }
        None => {
            common = common.put(
                "max_requests_per_connection",
                at(Node::number(1), upstream.keepalive.loc()),
            );
        }
    }
    let kib = upstream.response_head.value.as_bytes().div_ceil(1024);
    common = common.put("max_headers_count", Node::number(1000)).put(
        "max_response_headers_kb",
        at(doc::count(kib.clamp(1, 8192)), upstream.response_head.loc()),
    );
    let explicit = match upstream.protocol.value {
        Protocol::Http1 => Map::new().put("http_protocol_options", Map::new()),
        Protocol::Http2 => Map::new().put(
            "http2_protocol_options",
            Map::new().put("allow_connect", Node::flag(true)),
        ),
    };
    let mut map = typed(kind!("extensions.upstreams.http.v3.HttpProtocolOptions"))
        .put("common_http_protocol_options", common)
        .put(
            "explicit_http_config",
            at(explicit, upstream.protocol.loc()),
        );
    if asked {
        // So that the script tells the service's own answer from one that Envoy makes in its place.
        let mark = doc::mutation(doc::set("x-wsgen-answered", Node::word("1")));
        let mark = extension(
            "envoy.filters.http.header_mutation",
            super::headers::mutations(Vec::new(), vec![mark.into()]),
        );
        let codec = extension(
            "envoy.filters.http.upstream_codec",
            typed(kind!(
                "extensions.filters.http.upstream_codec.v3.UpstreamCodec"
            )),
        );
        map = map.put("http_filters", Node::list([mark, codec]));
    }
    map
}

/// TLS towards the servers.
pub(super) fn tls(upstream: &Upstream) -> Map {
    let Some(tls) = &upstream.tls else {
        return Map::new();
    };
    let socket =
        |name: Option<&str>| extension("envoy.transport_sockets.tls", context(upstream, tls, name));
    if let Some(name) = &tls.server_name {
        return Map::new().put("transport_socket", at(socket(Some(&name.value)), tls.at));
    }
    let mut names: Vec<String> = upstream
        .servers
        .iter()
        .filter_map(|it| own_tls_name(upstream, it))
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut map = Map::new().put("transport_socket", at(socket(None), tls.at));
    if !names.is_empty() {
        let matches = names.iter().map(|name| {
            Map::new()
                .put("name", text(name))
                .put("match", Map::new().put("name", text(name)))
                .put("transport_socket", socket(Some(name)))
        });
        map = map.put("transport_socket_matches", Node::list(matches));
    }
    map
}

fn context(upstream: &Upstream, tls: &UpstreamTls, name: Option<&str>) -> Map {
    let mut common = Map::new();
    if upstream.protocol.value == Protocol::Http2 {
        common = common.put("alpn_protocols", Node::list([Node::word("h2")]));
    }
    if let Some((cert, key)) = &tls.client {
        let file = |name: &str| Map::new().put("filename", text(name));
        let pair = Map::new()
            .put("certificate_chain", file(&cert.value))
            .put("private_key", file(&key.value));
        common = common.put("tls_certificates", at(Node::list([pair]), cert.loc()));
    }
    if tls.verify.value {
        let ca = tls.ca.as_ref().map(|it| it.value.as_str());
        common = common.put("validation_context", trust(ca, name));
    }
    let mut map = typed(kind!(
        "extensions.transport_sockets.tls.v3.UpstreamTlsContext"
    ));
    if let Some(name) = name.filter(|it| it.parse::<std::net::IpAddr>().is_err()) {
        map = map.put("sni", text(name));
    }
    map.put("common_tls_context", common)
}

/// Whom a server's certificate must come from, and for which name.
pub(super) fn trust(ca: Option<&str>, name: Option<&str>) -> Map {
    let map = match ca {
        Some(file) => Map::new().put("trusted_ca", Map::new().put("filename", text(file))),
        None => Map::new().put("system_root_certs", Map::new()),
    };
    match name {
        // Without it a certificate of any name is good.
        Some(name) => {
            let kind = match name.parse::<std::net::IpAddr>() {
                Ok(_) => "IP_ADDRESS",
                Err(_) => "DNS",
            };
            let matcher = Map::new()
                .put("san_type", Node::word(kind))
                .put("matcher", doc::exactly(name));
            map.put("match_typed_subject_alt_names", Node::list([matcher]))
        }
        None => map,
    }
}
