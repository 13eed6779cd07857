//! The connections to servers: timers, the pool, TLS, versions of HTTP, who knows names.

use super::{Ctx, at, fixed, number, parts, text, time, word};
use crate::emit::{Map, Node, Part};
use crate::ir::{Dur, Protocol, Route, Share, Upstream};
use crate::targets::caddy::facts;

pub(super) fn transport(
    ctx: &Ctx<'_>,
    up: &Upstream,
    route: &Route,
    share: &Share,
    read: Option<Dur>,
    h2c: bool,
) -> Map {
    let connect = &share.connect;
    let mut map = Map::new()
        .put("protocol", fixed("http"))
        .put("dial_timeout", time(connect.value).at(connect.loc()))
        .put(
            "response_header_timeout",
            time(route.response.value).at(route.response.loc()),
        );
    if let Some(read) = read {
        map = map.put("read_timeout", time(read));
    }
    map = map.put(
        "max_response_header_size",
        number(up.response_head.value.as_bytes()).at(up.response_head.loc()),
    );
    if let Some(stream) = route.stream.as_ref().filter(|it| it.request.value) {
        // What is written waits for this many bytes.
        map = map.put(
            "write_buffer_size",
            Node::number(16).at(stream.request.loc()),
        );
    }
    let mut keep = Map::new();
    keep = match up.keepalive.value {
        Some(most) => keep
            .put(
                "max_idle_conns_per_host",
                number(most).at(up.keepalive.loc()),
            )
            .put(
                "idle_timeout",
                time(facts::pooled(up, route)).at(up.keepalive_timeout.loc()),
            ),
        None => keep.put("enabled", Node::flag(false).at(up.keepalive.loc())),
    };
    keep = keep.put(
        "probe_interval",
        match up.tcp_keepalive.value {
            Some(after) => time(after),
            None => fixed("-1s"),
        }
        .at(up.tcp_keepalive.loc()),
    );
    map = map.put("keep_alive", keep);
    if up.has_names()
        && let Some(resolver) = resolver(ctx)
    {
        map = map.put("resolver", resolver);
    }
    map = secured(up, map, connect.value);
    let versions: &[&'static str] = match (up.protocol.value, h2c) {
        (Protocol::Http2, true) => &["h2c"],
        (Protocol::Http2, false) if up.tls.is_some() => &["1.1", "2"],
        _ => &["1.1"],
    };
    map.put(
        "versions",
        Node::list(versions.iter().copied().map(fixed)).at(up.protocol.loc()),
    )
    // A server's own compression goes to the client as it is.
    .put("compression", Node::flag(false))
    // The environment's `HTTP_PROXY` is for programs that go out, not for a gateway.
    .put("network_proxy", Map::new().put("from", fixed("none")))
}

/// The name servers that are asked, where some are written.
pub(super) fn resolver(ctx: &Ctx<'_>) -> Option<Node> {
    let list = ctx.g.rooms.caddy.resolvers.as_ref()?;
    let addresses = list.value.iter().map(|address| {
        let socket = match address.parse::<std::net::IpAddr>() {
            Ok(ip) => std::net::SocketAddr::new(ip, 53).to_string(),
            Err(_) => address.clone(),
        };
        parts(&[Part::Static("udp/"), Part::Text(&socket)])
    });
    let map = Map::new().put("addresses", Node::list(addresses));
    Some(at(map, list.loc()))
}

/// TLS towards the servers.
pub(super) fn secured(up: &Upstream, mut map: Map, handshake: Dur) -> Map {
    if let Some(tls) = &up.tls {
        let mut own = Map::new();
        if let Some(name) = &tls.server_name {
            own = own.put("server_name", text(&name.value).at(name.loc()));
        }
        if let Some(ca) = &tls.ca {
            own = own.put(
                "ca",
                at(
                    Map::new()
                        .put("provider", fixed("file"))
                        .put("pem_files", Node::list([word(&ca.value)])),
                    ca.loc(),
                ),
            );
        }
        if !tls.verify.value {
            own = own.put(
                "insecure_skip_verify",
                Node::flag(true).at(tls.verify.loc()),
            );
        }
        if let Some((cert, file)) = &tls.client {
            own = own
                .put("client_certificate_file", word(&cert.value).at(cert.loc()))
                .put(
                    "client_certificate_key_file",
                    word(&file.value).at(file.loc()),
                );
        }
        map = map.put(
            "tls",
            at(own.put("handshake_timeout", time(handshake)), tls.at),
        );
    }
    map
}
