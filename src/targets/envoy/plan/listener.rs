//! A listener: its address, its filter chains, and how it reads a request.

use std::collections::BTreeSet;

use super::doc::{self, at, extension, kind, text, time, typed};
use super::{Ctx, address, filters, hosts, log, process, tls};
use crate::emit::Part;
use crate::emit::{Map, Node};
use crate::ir::{EncodedSlash, HeaderNames, HostMatch, Listener, Paths, Route, Size, UnknownHost};

/// A listener of the spec.
pub(super) fn listener(ctx: &Ctx<'_>, it: &Listener) -> Node {
    let address = match it.address.value {
        Some(ip) => doc::socket(ip, it.port.value),
        // One socket for both families.
        None => Map::new().put(
            "socket_address",
            Map::new()
                .put("address", Node::word("::"))
                .put("ipv4_compat", Node::flag(true))
                .put("port_value", Node::number(it.port.value)),
        ),
    };
    let mut map = Map::new()
        .put("name", text(&it.name))
        .put("address", at(address, it.port.loc()));
    let known = (it.unknown_host.value == UnknownHost::Close && it.tls.is_some())
        .then(|| known_hosts(ctx, it))
        .flatten();
    let mut before = Vec::new();
    if it.proxy_protocol.value {
        let proxy = extension(
            "envoy.filters.listener.proxy_protocol",
            typed(kind!(
                "extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"
            )),
        );
        before.push(at(proxy, it.proxy_protocol.loc()));
    }
    // A connection that says nothing is closed while this waits for its first bytes, also where there is no TLS.
    before.push(
        extension(
            "envoy.filters.listener.tls_inspector",
            typed(kind!(
                "extensions.filters.listener.tls_inspector.v3.TlsInspector"
            )),
        )
        .into(),
    );
    map = map.put("listener_filters", Node::list(before)).put(
        "listener_filters_timeout",
        at(time(it.head_timeout.value), it.head_timeout.loc()),
    );
    let mut chain = Map::new();
    if let Some(names) = known {
        chain = chain.put(
            "filter_chain_match",
            at(
                Map::new().put("server_names", Node::list(names)),
                it.unknown_host.loc(),
            ),
        );
    }
    if let Some(own) = &it.tls {
        chain = chain
            .put("transport_socket", at(tls::socket(ctx, it, own), own.at))
            .put(
                "transport_socket_connect_timeout",
                time(it.head_timeout.value),
            );
    }
    let mut network = Vec::new();
    if let Some(most) = it.connections.value {
        let limit = extension(
            "envoy.filters.network.connection_limit",
            typed(kind!(
                "extensions.filters.network.connection_limit.v3.ConnectionLimit"
            ))
            .put("stat_prefix", text(&it.name))
            .put("max_connections", doc::count(most)),
        );
        network.push(at(limit, it.connections.loc()));
    }
    network.push(
        extension(
            "envoy.filters.network.http_connection_manager",
            manager(ctx, it),
        )
        .into(),
    );
    map = map.put(
        "filter_chains",
        Node::list([chain.put("filters", Node::list(network))]),
    );
    if let Some(after) = it.tcp_keepalive.value {
        map = map.put(
            "socket_options",
            at(keepalive(after.as_secs_ceil()), it.tcp_keepalive.loc()),
        );
    }
    for (_, raw) in ctx
        .g
        .rooms
        .envoy
        .room
        .raw
        .listeners
        .iter()
        .filter(|(id, _)| *id == it.id)
    {
        map = map
            .remark("raw: outside the contract")
            .snippet(&raw.value, raw.loc());
    }
    Node::from(map).at(it.at)
}

/// Linux's own numbers: SO_KEEPALIVE, and TCP_KEEPIDLE in seconds. They pass on to each connection that is accepted.
fn keepalive(seconds: u64) -> Node {
    let option = |about: &'static str, level: i64, name: i64, value: u64| {
        Map::new()
            .put("description", Node::word(about))
            .put("level", Node::number(level))
            .put("name", Node::number(name))
            .put("int_value", doc::count(value))
            .put("state", Node::word("STATE_PREBIND"))
    };
    Node::list([
        option("SO_KEEPALIVE", 1, 9, 1),
        option("TCP_KEEPIDLE", 6, 4, seconds.max(1)),
    ])
}

/// The names that a TLS client may ask for; `None` where some route takes any host.
fn known_hosts(ctx: &Ctx<'_>, it: &Listener) -> Option<Vec<Node>> {
    let mut names = BTreeSet::new();
    for entry in &ctx.g.table {
        if !ctx.g.serves(it, ctx.g.route(entry.route)) {
            continue;
        }
        match entry.host(ctx.g) {
            HostMatch::Exact(name) => names.insert(name.clone()),
            HostMatch::Wildcard(zone) => names.insert(format!("*.{zone}")),
            HostMatch::Regex(_) | HostMatch::Any => return None,
        };
    }
    Some(names.iter().map(|name| text(name)).collect())
}

/// The largest heads of requests: Envoy counts in KiB.
pub(super) fn head_sizes(sizes: impl Iterator<Item = Size>) -> Map {
    let bytes = sizes.map(Size::as_bytes).max().unwrap_or(32 << 10);
    Map::new().put(
        "max_request_headers_kb",
        doc::count(bytes.div_ceil(1024).clamp(1, 8192)),
    )
}

fn manager(ctx: &Ctx<'_>, it: &Listener) -> Map {
    let codec = match (it.http2.value, &it.tls) {
        (false, _) => "HTTP1",
        (true, _) => "AUTO",
    };
    let mut map = typed(kind!(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    ))
    .put("stat_prefix", text(&it.name))
    .put("codec_type", at(Node::word(codec), it.http2.loc()))
    .put("server_header_transformation", Node::word("PASS_THROUGH"))
    .put(
        "request_headers_timeout",
        at(time(it.head_timeout.value), it.head_timeout.loc()),
    )
    .and(limits(it))
    .and(paths(it))
    .and(address::of(it));
    let tokens: Vec<&str> = process::tokens(ctx, it).collect();
    if !tokens.is_empty() {
        let list = tokens
            .iter()
            .map(|token| Map::new().put("upgrade_type", text(token)));
        map = map.put("upgrade_configs", Node::list(list));
    }
    let others = others(&tokens);
    let http1 = Map::new()
        .put("accept_http_10", Node::flag(true))
        .remark("another upgrade is no upgrade: the request goes on as a plain one")
        .put(
            "ignore_http_11_upgrade",
            Node::list([doc::safe_regex(&[Part::Word(&others)])]),
        );
    map = map.put("http_protocol_options", http1);
    if it.http2.value {
        let over = it.websocket_over_http2.value && !tokens.is_empty();
        let http2 = Map::new()
            .put("allow_connect", Node::flag(over))
            .put("max_concurrent_streams", Node::number(100));
        map = map.put(
            "http2_protocol_options",
            at(http2, it.websocket_over_http2.loc()),
        );
    }
    map = map.put(
        "early_header_mutation_extensions",
        Node::list([early(ctx, it)]),
    );
    if let Some(log) = log::access_log(ctx, it) {
        map = map.put("access_log", Node::list([log]));
    }
    if let Some(replies) = super::response::local_replies(ctx, it) {
        map = map.put("local_reply_config", replies);
    }
    map.put("http_filters", Node::list(filters::chain(ctx, it)))
        .put("route_config", hosts::routes(ctx, it))
}

fn limits(it: &Listener) -> Map {
    let underscores = match it.header_names.value {
        HeaderNames::Strict => "DROP_HEADER",
        HeaderNames::Lenient => "ALLOW",
    };
    let common = Map::new()
        .put(
            "idle_timeout",
            at(time(it.keepalive.value), it.keepalive.loc()),
        )
        .put("max_headers_count", Node::number(1000))
        .put(
            "headers_with_underscores_action",
            at(Node::word(underscores), it.header_names.loc()),
        );
    let kib = it.head_limit.value.as_bytes().div_ceil(1024).clamp(1, 8192);
    Map::new()
        .put("common_http_protocol_options", common)
        .put(
            "max_request_headers_kb",
            at(doc::count(kib), it.head_limit.loc()),
        )
        // An idle connection is told so for this long before it is closed.
        .put("drain_timeout", Node::word("1s"))
        .put("stream_idle_timeout", Node::word("0s"))
}

fn paths(it: &Listener) -> Map {
    // What is normalized cannot be refused any more: see the first entry of every host.
    let normal = it.paths.value == Paths::Normalize;
    let slash = match it.encoded_slash.value {
        EncodedSlash::Keep => "KEEP_UNCHANGED",
        EncodedSlash::Reject => "REJECT_REQUEST",
    };
    Map::new()
        .put("normalize_path", at(Node::flag(normal), it.paths.loc()))
        .put(
            "merge_slashes",
            Node::flag(it.paths.value == Paths::Normalize),
        )
        .put(
            "path_with_escaped_slashes_action",
            at(Node::word(slash), it.encoded_slash.loc()),
        )
}

/// What a client may not tell this program, or make it believe it said itself.
fn early(ctx: &Ctx<'_>, it: &Listener) -> Map {
    let served: Vec<&Route> = ctx
        .g
        .routes
        .iter()
        .filter(|route| ctx.g.serves(it, route))
        .collect();
    let prefix = |prefix: &'static str| {
        let matcher = Map::new().put("prefix", Node::word(prefix));
        Map::new().put("remove_on_match", Map::new().put("key_matcher", matcher))
    };
    let mut mutations = vec![prefix("x-envoy-"), prefix("x-wsgen-")];
    let told = ["x-request-id", "forwarded", "x-forwarded-prefix"];
    mutations.extend(told.map(doc::removal));
    mutations.extend(address::early(it));
    // Routes are chosen after Envoy took the header itself away.
    let chunked = doc::set("x-wsgen-chunked", Node::word("%REQ(transfer-encoding)%"));
    mutations.push(doc::mutation(chunked));
    mutations.extend(super::access::networks(ctx, &served));
    extension(
        "envoy.http.early_header_mutation.header_mutation",
        typed(kind!(
            "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
        ))
        .put("mutations", Node::list(mutations)),
    )
}

/// A regex that takes every text but these: RE2 has no way to say `not`.
fn others(tokens: &[&str]) -> String {
    if tokens.is_empty() {
        return ".*".to_owned();
    }
    format!("(?i){}", super::matching::complement(tokens))
}
