//! How a cluster knows that a server is well: checks, and what real requests show.

use super::doc::{at, text, time};
use crate::emit::{Map, Node};
use crate::ir::{Address, Check, Protocol, Upstream};

/// The active checks.
pub(super) fn checks(upstream: &Upstream) -> Option<Node> {
    let health = upstream.health.as_ref()?;
    let base = Map::new()
        .put(
            "timeout",
            at(time(health.timeout.value), health.timeout.loc()),
        )
        .put(
            "interval",
            at(time(health.interval.value), health.interval.loc()),
        )
        // A cluster without traffic is asked as often as any.
        .put("no_traffic_interval", time(health.interval.value))
        .put(
            "unhealthy_threshold",
            at(Node::number(health.fall.value), health.fall.loc()),
        )
        .put(
            "healthy_threshold",
            at(Node::number(health.rise.value), health.rise.loc()),
        );
    let check = match &health.check.value {
        Check::Http {
            path,
            host,
            method,
            status,
        } => {
            let mut map = Map::new().put("path", text(path));
            if let Some(host) = host {
                map = map.put("host", text(host));
            }
            let ranges = status.iter().map(|range| {
                Map::new()
                    .put("start", Node::number(range.first))
                    .put("end", Node::number(range.last + 1))
            });
            // Without this one bad status takes a server out, whatever `fall` says.
            let all = Map::new()
                .put("start", Node::number(100))
                .put("end", Node::number(600));
            map = map
                .put("method", text(method))
                .put("expected_statuses", Node::list(ranges))
                .put("retriable_statuses", Node::list([all]));
            if upstream.protocol.value == Protocol::Http2 {
                map = map.put("codec_client_type", Node::word("HTTP2"));
            }
            // A connection of its own for each check: an idle one would outlive `timeouts.keepalive`.
            base.put("reuse_connection", Node::flag(false))
                .put("http_health_check", map)
        }
        Check::Tcp => base.put("tcp_health_check", Map::new()),
        Check::WebSocket { path, host } => {
            let server = upstream.servers.first().map(|it| &it.address.value);
            let host = host.clone().unwrap_or_else(|| match server {
                Some(Address::Name { host, port }) => format!("{host}:{port}"),
                Some(Address::Ip { ip, port }) => std::net::SocketAddr::new(*ip, *port).to_string(),
                Some(Address::Unix { .. }) | None => "localhost".to_owned(),
            });
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            let payload = |bytes: &str| Map::new().put("text", text(&hex(bytes)));
            let map = Map::new()
                .put("send", payload(&request))
                .put("receive", Node::list([payload("HTTP/1.1 101")]));
            // A connection that was upgraded answers no second handshake.
            base.put("reuse_connection", Node::flag(false))
                .put("tcp_health_check", map)
        }
    };
    Some(Node::list([at(check, health.check.loc())]))
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What real requests show.
pub(super) fn outliers(upstream: &Upstream) -> Option<Node> {
    let passive = upstream.passive.as_ref()?;
    let eject = passive.eject.value;
    // A server comes back at the first look after its time.
    let look = (eject.as_millis() / 20).clamp(100, 1000);
    let map = Map::new()
        .put(
            "consecutive_5xx",
            at(Node::number(passive.errors.value), passive.errors.loc()),
        )
        .put("interval", time(crate::ir::Dur::from_millis(look)))
        .put("base_ejection_time", at(time(eject), passive.eject.loc()))
        .put("max_ejection_time", time(eject))
        .put("max_ejection_percent", Node::number(100))
        .put("enforcing_success_rate", Node::number(0))
        .put("enforcing_consecutive_gateway_failure", Node::number(0))
        .put("enforcing_failure_percentage", Node::number(0))
        .put(
            "successful_active_health_check_uneject_host",
            Node::flag(false),
        );
    Some(at(map, passive.at))
}
