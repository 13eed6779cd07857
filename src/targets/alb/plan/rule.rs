//! A rule as a resource: conditions, actions, transforms.

use super::{Ctx, group_id, listener_id};
use crate::emit::{Map, Node};
use crate::ir::{
    Action, AuthKind, Feature, Jwt, JwtKeys, Listener, Respond, Route, Stickiness, Subject,
};
use crate::targets::alb::rules::{Condition, Field, Rule};
use crate::targets::alb::steps::{Pattern, Then};
use crate::targets::alb::support_answer::content_type;
use crate::targets::alb::support_upstream::{follows, sticky_seconds};
use crate::targets::alb::{facts, redirect, transform, weights};

pub(super) fn resource(ctx: &Ctx<'_>, listener: &Listener, rule: &Rule<'_>) -> Node {
    let conditions = rule.conditions.iter().map(|one| condition(ctx, one));
    let actions = match (rule.then, rule.route) {
        (Then::Act, Some(route)) => actions(ctx, listener, route),
        (Then::Act, None) => vec![refusal(ctx, 404)],
        (Then::Refuse(status), _) => vec![refusal(ctx, status)],
    };
    let mut properties = Map::new()
        .put("ListenerArn", ctx.reference(&listener_id(listener)))
        .put("Priority", Node::number(rule.priority as i64))
        .put("Conditions", Node::list(conditions))
        .put("Actions", Node::list(actions));
    if let (Then::Act, Some(route)) = (rule.then, rule.route) {
        let transforms = transforms(ctx, route, rule);
        if !transforms.is_empty() {
            properties = properties.put("Transforms", Node::list(transforms));
        }
        let raw = ctx.g.rooms.alb.room.raw.routes.iter();
        for (_, snippet) in raw.filter(|(of, _)| *of == route.id) {
            properties = ctx.raw(properties, snippet);
        }
    }
    let resource = ctx
        .resource("AWS::ElasticLoadBalancingV2::ListenerRule", properties)
        .maybe("DependsOn", rule.after.as_deref().map(|id| ctx.text(id)));
    Node::from(resource).at(rule.at)
}

fn condition(ctx: &Ctx<'_>, condition: &Condition) -> Map {
    let values = |map: Map| {
        let key = match condition.values.first() {
            Some(Pattern::Regex(_)) => "RegexValues",
            _ => "Values",
        };
        map.put(key, ctx.texts(condition.values.iter().map(Pattern::text)))
    };
    let (field, key, config) = match &condition.field {
        Field::Host => ("host-header", "HostHeaderConfig", values(Map::new())),
        Field::Path => ("path-pattern", "PathPatternConfig", values(Map::new())),
        Field::Method => (
            "http-request-method",
            "HttpRequestMethodConfig",
            values(Map::new()),
        ),
        Field::Client => ("source-ip", "SourceIpConfig", values(Map::new())),
        Field::Header(name) => (
            "http-header",
            "HttpHeaderConfig",
            values(Map::new().put("HttpHeaderName", ctx.text(name))),
        ),
        Field::Query(name) => {
            let pairs = condition.values.iter().map(|value| {
                Map::new()
                    .put("Key", ctx.text(name))
                    .put("Value", ctx.text(value.text()))
            });
            (
                "query-string",
                "QueryStringConfig",
                Map::new().put("Values", Node::list(pairs)),
            )
        }
    };
    Map::new().put("Field", Node::word(field)).put(key, config)
}

/// An answer with a status and nothing else.
pub(super) fn refusal(ctx: &Ctx<'_>, status: u16) -> Map {
    let config = Map::new().put("StatusCode", ctx.text(&status.to_string()));
    Map::new()
        .put("Type", Node::word("fixed-response"))
        .put("FixedResponseConfig", config)
}

/// What the route does with a request that passed its guards.
fn actions(ctx: &Ctx<'_>, listener: &Listener, route: &Route) -> Vec<Map> {
    let on = Subject::Route(route);
    let last = match &route.action {
        Action::Forward(_) => forward(ctx, route),
        Action::Redirect(to) => match redirect::redirect(&to.value) {
            Ok(mut target) if ctx.v.renders(Feature::Redirect, on, to.from) => {
                target.port = target.port_on(listener);
                redirect(ctx, &target, redirect::redirect_status(to.value.status))
            }
            _ => refusal(ctx, 503),
        },
        Action::Respond(with) if ctx.v.renders(Feature::Respond, on, with.from) => {
            respond(ctx, &with.value)
        }
        Action::Respond(_) => refusal(ctx, 503),
    };
    match ctx.g.auth_of(route).map(|auth| &auth.kind) {
        Some(AuthKind::Jwt(jwt)) => vec![
            verify(ctx, jwt).put("Order", Node::number(1)),
            last.put("Order", Node::number(2)),
        ],
        // Another way to know a client is a lost guard, and never comes here.
        Some(AuthKind::Basic(_) | AuthKind::ApiKey(_) | AuthKind::Forward(_)) => {
            vec![refusal(ctx, 503)]
        }
        None => vec![last],
    }
}

fn forward(ctx: &Ctx<'_>, route: &Route) -> Map {
    let Some((weights, _)) = weights::weights(ctx.g, route) else {
        return refusal(ctx, 503);
    };
    let arn = |share: usize, class: u16| {
        let upstream = ctx.g.upstream(route.shares()[share].upstream.value);
        ctx.reference(&group_id(ctx.g, upstream, class))
    };
    let start = Map::new().put("Type", Node::word("forward"));
    if let [(share, class, _)] = weights.as_slice() {
        return start.put("TargetGroupArn", arn(*share, *class));
    }
    let groups = weights.iter().map(|(share, class, weight)| {
        Map::new()
            .put("TargetGroupArn", arn(*share, *class))
            .put("Weight", Node::number(*weight as i64))
    });
    let sticky = route
        .shares()
        .iter()
        .filter_map(|share| sticky(ctx, share.upstream.value))
        .max();
    let config = Map::new().put("TargetGroups", Node::list(groups)).maybe(
        "TargetGroupStickinessConfig",
        // Else a client's group would change under its cookie.
        sticky.map(|seconds| {
            Map::new()
                .put("Enabled", Node::flag(true))
                .put("DurationSeconds", Node::number(seconds as i64))
        }),
    );
    start.put("ForwardConfig", config)
}

/// How long a client stays on its server, in seconds.
fn sticky(ctx: &Ctx<'_>, upstream: crate::ir::UpstreamId) -> Option<u64> {
    match &ctx.g.upstream(upstream).stickiness {
        Some(Stickiness::Cookie(cookie)) => Some(sticky_seconds(cookie.ttl.value)),
        Some(Stickiness::AppCookie { name, ttl }) if follows(&name.value) => {
            Some(sticky_seconds(Some(ttl.value)))
        }
        Some(Stickiness::AppCookie { .. } | Stickiness::Source { .. }) | None => None,
    }
}

/// A redirect; what is not said stays as in the request.
pub(super) fn redirect(ctx: &Ctx<'_>, target: &redirect::Target, status: &'static str) -> Map {
    let or = |part: &Option<String>, keyword: &'static str| match part {
        Some(text) => ctx.text(text),
        None => Node::word(keyword),
    };
    let config = Map::new()
        .put(
            "Protocol",
            Node::word(target.protocol.unwrap_or("#{protocol}")),
        )
        .put("Host", or(&target.host, "#{host}"))
        .put(
            "Port",
            match target.port {
                Some(port) => ctx.text(&port.to_string()),
                None => Node::word("#{port}"),
            },
        )
        .put("Path", or(&target.path, "/#{path}"))
        .put("Query", or(&target.query, "#{query}"))
        .put("StatusCode", Node::word(status));
    Map::new()
        .put("Type", Node::word("redirect"))
        .put("RedirectConfig", config)
}

fn respond(ctx: &Ctx<'_>, with: &Respond) -> Map {
    let mut config = Map::new().put("StatusCode", ctx.text(&with.status.to_string()));
    if !with.body.is_empty() {
        let own = content_type(&with.content_type);
        let known = facts::CONTENT_TYPES.iter().find(|known| **known == own);
        config = config
            .put(
                "ContentType",
                Node::word(known.copied().unwrap_or("text/plain")),
            )
            .put("MessageBody", ctx.text(&with.body));
    }
    Map::new()
        .put("Type", Node::word("fixed-response"))
        .put("FixedResponseConfig", config)
}

/// The token has to be good before the next action.
fn verify(ctx: &Ctx<'_>, jwt: &Jwt) -> Map {
    let issuer = jwt
        .issuer
        .as_ref()
        .map(|issuer| ctx.text(&issuer.value).at(issuer.loc()));
    let url = match &jwt.keys.value {
        JwtKeys::JwksUrl { url, .. } => url.as_str(),
        JwtKeys::Key { .. } | JwtKeys::JwksFile { .. } => "",
    };
    let mut config = Map::new()
        .maybe("Issuer", issuer)
        .put("JwksEndpoint", ctx.text(url).at(jwt.keys.loc()));
    let audiences = facts::audiences(jwt);
    if !audiences.is_empty() {
        let claim = Map::new()
            .put("Format", Node::word("string-array"))
            .put("Name", Node::word("aud"))
            .put("Values", ctx.texts(audiences.iter().map(String::as_str)));
        config = config.put("AdditionalClaims", Node::list([claim]));
    }
    Map::new()
        .put("Type", Node::word("jwt-validation"))
        .put("JwtValidationConfig", config)
}

/// What the server sees in place of path and host.
fn transforms(ctx: &Ctx<'_>, route: &Route, rule: &Rule<'_>) -> Vec<Map> {
    let on = Subject::Route(route);
    let rewrites = |regex: &str, replace: &str| {
        let one = Map::new()
            .put("Regex", ctx.text(regex))
            .put("Replace", ctx.text(replace));
        Map::new().put("Rewrites", Node::list([one]))
    };
    let mut list = Vec::new();
    if route.shares().is_empty() {
        return list;
    }
    let rewrite = route
        .rewrite
        .as_ref()
        .and_then(|rewrite| rewrite.path.as_ref());
    let rendered = rewrite.filter(|path| {
        ctx.v.renders(Feature::RewritePath, on, path.from)
            && ctx.v.renders(Feature::RewriteRegex, on, path.from)
    });
    if let (Some(path), Some(own)) = (rendered, rule.path)
        && let Some((regex, replace)) = transform::transform(&path.value, own)
    {
        list.push(Map::new().put("Type", Node::word("url-rewrite")).put(
            "UrlRewriteConfig",
            Node::from(rewrites(&regex, &replace)).at(path.loc()),
        ));
    }
    if let Ok(Some(host)) = transform::host_header(ctx.g, route) {
        list.push(
            Map::new()
                .put("Type", Node::word("host-header-rewrite"))
                .put("HostHeaderRewriteConfig", rewrites("^.*$", &host)),
        );
    }
    list
}
