//! The load balancer, its security group, and what holds for all of its listeners.

use super::{Ctx, Parameters};
use crate::emit::{Map, Node};
use crate::ir::{Feature, HeaderNames, Listener, Loc, Subject};
use crate::targets::alb::facts;

/// Whether the listener is there: one on each port.
pub(super) fn is_bound(ctx: &Ctx<'_>, listener: &Listener) -> bool {
    ctx.v
        .renders_all(Feature::ListenerBind, Subject::Listener(listener))
}

pub(super) fn resources(ctx: &Ctx<'_>, parameters: &mut Parameters) -> Map {
    let room = &ctx.g.rooms.alb;
    let vpc = room.vpc.as_ref().map(|vpc| (vpc.value.as_str(), vpc.loc()));
    let vpc = parameters.add(
        ctx,
        "VpcId",
        "AWS::EC2::VPC::Id",
        "The VPC of the load balancer and its targets",
        vpc,
    );
    let listed = room
        .subnets
        .as_ref()
        .map(|it| (it.value.join(","), it.loc()));
    let listed = listed.as_ref().map(|(text, at)| (text.as_str(), *at));
    let subnets = parameters.add(
        ctx,
        "SubnetIds",
        "List<AWS::EC2::Subnet::Id>",
        "Two subnets or more, each in a zone of its own",
        listed,
    );
    let doors = ctx
        .g
        .listeners
        .iter()
        .filter(|it| is_bound(ctx, it))
        .map(|listener| {
            let door = Map::new()
                .put("IpProtocol", Node::word("tcp"))
                .put("FromPort", Node::number(listener.port.value))
                .put("ToPort", Node::number(listener.port.value))
                .put("CidrIp", Node::word("0.0.0.0/0"));
            Node::from(door).at(listener.port.loc())
        });
    let security = Map::new()
        .put(
            "GroupDescription",
            ctx.text(&description(&ctx.g.name.value)),
        )
        .put("VpcId", ctx.reference(&vpc))
        .put("SecurityGroupIngress", Node::list(doors));
    let balancer = Map::new()
        .put("Type", Node::word("application"))
        .put(
            "Scheme",
            ctx.text(&room.scheme.value)
                .at(written(room.scheme.loc(), room.scheme.is_written())),
        )
        .put("IpAddressType", Node::word("ipv4"))
        .put("Subnets", ctx.reference(&subnets))
        .put(
            "SecurityGroups",
            Node::list([ctx.attribute("SecurityGroup", "GroupId")]),
        )
        .put("LoadBalancerAttributes", attributes(ctx, parameters));
    Map::new()
        .put(
            "SecurityGroup",
            ctx.resource("AWS::EC2::SecurityGroup", security),
        )
        .put(
            "LoadBalancer",
            ctx.resource("AWS::ElasticLoadBalancingV2::LoadBalancer", balancer),
        )
}

fn written(at: Loc, is_written: bool) -> Loc {
    if is_written { at } else { Loc::default() }
}

/// What AWS takes as the description of a security group.
fn description(name: &str) -> String {
    let fine = |c: &char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(*c);
    format!(
        "Clients of the gateway {}",
        name.chars().filter(fine).take(200).collect::<String>()
    )
}

fn attributes(ctx: &Ctx<'_>, parameters: &mut Parameters) -> Node {
    let g = ctx.g;
    let flag = |on: bool| Node::tok(ctx.tok(if on { "true" } else { "false" }));
    let http2 = g
        .listeners
        .iter()
        .any(|it| it.tls.is_some() && it.http2.value);
    let strict = g
        .listeners
        .iter()
        .any(|it| it.header_names.value == HeaderNames::Strict);
    let mut forwarding = g
        .routes
        .iter()
        .filter(|it| !it.shares().is_empty())
        .peekable();
    let bare = forwarding.peek().is_some() && forwarding.all(|it| !it.forwarded.value);
    let mut list = vec![
        (
            "idle_timeout.timeout_seconds",
            ctx.text(&facts::idle(g.silence()).to_string()),
        ),
        ("routing.http2.enabled", flag(http2)),
        (
            "routing.http.drop_invalid_header_fields.enabled",
            flag(strict),
        ),
        ("routing.http.preserve_host_header.enabled", flag(true)),
        (
            "routing.http.xff_header_processing.mode",
            Node::word(if bare { "remove" } else { "append" }),
        ),
    ];
    let log = g.log.as_ref().filter(|_| {
        ctx.v.renders_all(Feature::LogAccess, Subject::Gateway)
            && ctx.v.renders_all(Feature::LogRedact, Subject::Gateway)
    });
    if log.is_some() {
        let bucket = g
            .rooms
            .alb
            .log_bucket
            .as_ref()
            .map(|it| (it.value.as_str(), it.loc()));
        let bucket = parameters.add(
            ctx,
            "AccessLogBucket",
            "String",
            "The bucket of the access log; its policy lets the load balancer write",
            bucket,
        );
        list.push(("access_logs.s3.enabled", flag(true)));
        list.push(("access_logs.s3.bucket", ctx.reference(&bucket)));
    }
    ctx.attributes(&list)
}
