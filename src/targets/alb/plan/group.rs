//! Target groups: the servers of an upstream, one group for each weight.

use super::{Ctx, Parameters, group_id};
use crate::emit::{Map, Node};
use crate::ir::{Address, Feature, Server, Stickiness, Subject, Upstream};
use crate::targets::alb::facts;
use crate::targets::alb::ids::named;
use crate::targets::alb::probe::probe;
use crate::targets::alb::support_upstream::{follows, speaks_http2, sticky_seconds};
use crate::targets::alb::weights;

pub(super) fn resources(ctx: &Ctx<'_>, upstream: &Upstream, parameters: &mut Parameters) -> Map {
    let existing = ctx
        .g
        .rooms
        .alb
        .upstreams
        .iter()
        .find(|(name, _)| *name == upstream.name);
    if let Some((_, arn)) = existing {
        parameters.add(
            ctx,
            &group_id(ctx.g, upstream, 1),
            "String",
            &format!(
                "The ARN of the target group for the upstream {}",
                upstream.name
            ),
            Some((&arn.value, arn.loc())),
        );
        return Map::new();
    }
    let mut map = Map::new();
    for class in weights::classes(ctx.g, upstream) {
        let group = group(ctx, upstream, class, parameters);
        let resource = ctx.resource("AWS::ElasticLoadBalancingV2::TargetGroup", group);
        map = map.entry(
            ctx.tok(&group_id(ctx.g, upstream, class)),
            Node::from(resource).at(upstream.at),
        );
    }
    map
}

fn group(ctx: &Ctx<'_>, upstream: &Upstream, class: u16, parameters: &mut Parameters) -> Map {
    let protocol = if upstream.tls.is_some() {
        "HTTPS"
    } else {
        "HTTP"
    };
    let servers = weights::members(ctx.g, upstream, class);
    let port = servers
        .first()
        .and_then(|server| server.address.value.port())
        .unwrap_or(80);
    let targets: Vec<Node> = servers
        .iter()
        .map(|server| target(ctx, server, parameters))
        .collect();
    let version = if speaks_http2(ctx.g, upstream) {
        "HTTP2"
    } else {
        "HTTP1"
    };
    let mut map = Map::new()
        .put("VpcId", ctx.reference("VpcId"))
        .put("TargetType", Node::word("ip"))
        .put("Protocol", Node::word(protocol))
        .put("ProtocolVersion", Node::word(version))
        .put("Port", Node::number(port));
    map = health(ctx, upstream, protocol, map);
    map = map.put("Targets", Node::list(targets)).put(
        "TargetGroupAttributes",
        ctx.attributes(&attributes(ctx, upstream)),
    );
    let raw = ctx.g.rooms.alb.room.raw.upstreams.iter();
    for (_, snippet) in raw.filter(|(of, _)| *of == upstream.id) {
        map = ctx.raw(map, snippet);
    }
    map
}

fn target(ctx: &Ctx<'_>, server: &Server, parameters: &mut Parameters) -> Node {
    let id = match &server.address.value {
        Address::Name { host, .. } => {
            let name = format!("{}Address", named(host, '.'));
            let parameter = Map::new()
                .put("Type", Node::word("String"))
                .put(
                    "Description",
                    ctx.text(&format!("The IPv4 address of {host}, inside the VPC")),
                )
                .put(
                    "AllowedPattern",
                    Node::word("^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+$"),
                );
            let name = parameters.put(ctx, &name, parameter);
            ctx.reference(&name)
        }
        Address::Ip { ip, .. } => ctx.text(&ip.to_string()),
        Address::Unix { path } => ctx.text(path),
    };
    let port = server.address.value.port().unwrap_or(80);
    Node::from(Map::new().put("Id", id).put("Port", Node::number(port))).at(server.at)
}

fn health(ctx: &Ctx<'_>, upstream: &Upstream, protocol: &'static str, map: Map) -> Map {
    let check = upstream.health.as_ref().filter(|health| {
        [
            Feature::HealthHttp,
            Feature::HealthTcp,
            Feature::HealthWebSocket,
        ]
        .iter()
        .all(|feature| {
            ctx.v
                .renders(*feature, Subject::Upstream(upstream), health.check.from)
        })
    });
    let probe = probe(check);
    let number = |number: u64| Node::number(number as i64);
    map.put("HealthCheckProtocol", Node::word(protocol))
        .put("HealthCheckPath", ctx.text(&probe.path))
        .maybe(
            "HealthCheckPort",
            check
                .and_then(|it| it.port.as_ref())
                .map(|port| ctx.text(&port.value.to_string()).at(port.loc())),
        )
        .put("HealthCheckIntervalSeconds", number(probe.interval))
        .put("HealthCheckTimeoutSeconds", number(probe.timeout))
        .put("HealthyThresholdCount", number(probe.rise))
        .put("UnhealthyThresholdCount", number(probe.fall))
        .put(
            "Matcher",
            Map::new().put("HttpCode", ctx.text(&probe.matcher)),
        )
}

fn attributes(ctx: &Ctx<'_>, upstream: &Upstream) -> Vec<(&'static str, Node)> {
    let on = Subject::Upstream(upstream);
    let drain = &ctx.g.runtime.drain_timeout;
    let delay = drain.value.as_secs_ceil().min(facts::DEREGISTRATION);
    let balance = Node::word(facts::algorithm(&upstream.balance.value));
    let mut list = vec![
        (
            "deregistration_delay.timeout_seconds",
            ctx.text(&delay.to_string()),
        ),
        ("load_balancing.algorithm.type", balance),
    ];
    let passive = upstream.passive.as_ref();
    if passive.is_some() && ctx.v.renders_all(Feature::HealthPassive, on) {
        list.push((
            "load_balancing.algorithm.anomaly_mitigation",
            Node::word("on"),
        ));
    }
    if let Some(slow) = upstream.slow_start.value
        && ctx
            .v
            .renders(Feature::UpstreamSlowStart, on, upstream.slow_start.from)
    {
        let seconds = slow
            .as_secs_ceil()
            .clamp(facts::SLOW_START.0, facts::SLOW_START.1);
        list.push((
            "slow_start.duration_seconds",
            ctx.text(&seconds.to_string()),
        ));
    }
    match &upstream.stickiness {
        Some(Stickiness::Cookie(cookie)) => {
            let seconds = sticky_seconds(cookie.ttl.value).to_string();
            list.push(("stickiness.enabled", ctx.text("true").at(cookie.name.loc())));
            list.push(("stickiness.type", Node::word("lb_cookie")));
            list.push(("stickiness.lb_cookie.duration_seconds", ctx.text(&seconds)));
        }
        Some(Stickiness::AppCookie { name, ttl }) if follows(&name.value) => {
            let seconds = sticky_seconds(Some(ttl.value)).to_string();
            list.push(("stickiness.enabled", ctx.text("true").at(name.loc())));
            list.push(("stickiness.type", Node::word("app_cookie")));
            list.push(("stickiness.app_cookie.cookie_name", ctx.text(&name.value)));
            list.push(("stickiness.app_cookie.duration_seconds", ctx.text(&seconds)));
        }
        Some(Stickiness::AppCookie { .. } | Stickiness::Source { .. }) | None => {}
    }
    list
}
