//! Resources for HAProxy's controller (`haproxy.org`): one for each route, its annotations in HAProxy's words.

use super::nginx::{Notes, ingress, with_raw};
use super::{Ctx, services};
use crate::ir::{
    Action, Balance, Change, Check, Cors, Feature, HashKey, HeaderOp, HostHeader, Loc, Origin,
    PathRewrite, Per, Protocol, RedirectTo, Route, Stickiness, Subject, Upstream,
};
use crate::targets::ingress::rewrite;
use crate::targets::ingress::sites::of_sites;
use crate::targets::kubernetes::objects::Object;
use crate::targets::kubernetes::ranges;
use crate::targets::kubernetes::routes::time;

/// Every object but the Services.
pub(super) fn objects(ctx: &Ctx<'_>) -> Vec<Object> {
    let mut objects = Vec::new();
    let tls = ctx.g.listeners.iter().find(|it| it.tls.is_some());
    let guarded = ctx
        .g
        .listeners
        .iter()
        .any(|it| it.tls.as_ref().is_some_and(|tls| tls.client_auth.is_some()));
    for (route, rules) in of_sites(ctx.g, ctx.controller) {
        let answered = match &route.action {
            Action::Forward(_) => false,
            Action::Respond(_) => true,
            Action::Redirect(it) => matches!(it.value.to, RedirectTo::Parts { .. }),
        };
        let closed = ctx.is_closed(route) || answered || guarded;
        let notes = match closed {
            true => Notes::new().set("haproxy.org/allow-list", "255.255.255.255", route.at),
            false => annotations(ctx, route),
        };
        let notes = redirected(ctx, notes);
        let service = match route.shares().first() {
            Some(share) => ctx.services.of(ctx, route, share),
            None => services::nowhere(ctx),
        };
        let mut object = ingress(ctx, &ctx.name(&[&route.name]), route, &rules, tls, &service)
            .annotated(with_raw(ctx, route, notes.0));
        if closed {
            object =
                object.remarked("Closed: the controller cannot keep what this route asks for.");
        }
        objects.push(object);
    }
    objects
}

fn redirected(ctx: &Ctx<'_>, notes: Notes) -> Notes {
    let redirect = ctx.g.listeners.iter().find_map(|it| it.redirect.as_ref());
    match redirect {
        Some(to) => notes
            .set("haproxy.org/ssl-redirect", "true", to.loc())
            .set("haproxy.org/ssl-redirect-code", "301", to.loc())
            .set(
                "haproxy.org/ssl-redirect-port",
                &ctx.g.listener(to.value).public_port.value.to_string(),
                to.loc(),
            ),
        None => notes.set("haproxy.org/ssl-redirect", "false", Loc::default()),
    }
}

fn annotations(ctx: &Ctx<'_>, route: &Route) -> Notes {
    let mut notes = Notes::new();
    if let Action::Redirect(it) = &route.action
        && let RedirectTo::Url(url) = &it.value.to
    {
        return notes
            .set("haproxy.org/request-redirect", url, it.loc())
            .set(
                "haproxy.org/request-redirect-code",
                &it.value.status.to_string(),
                it.loc(),
            );
    }
    let Some(share) = route.shares().first() else {
        return notes;
    };
    let upstream = ctx.g.upstream(share.upstream.value);
    notes = notes
        .set(
            "haproxy.org/timeout-connect",
            &time(share.connect.value),
            share.connect.loc(),
        )
        .set(
            "haproxy.org/timeout-server",
            &time(route.response.value),
            route.response.loc(),
        );
    notes = balanced(notes, upstream);
    notes = towards(ctx, notes, upstream);
    match &share.host_header.value {
        HostHeader::Preserve => {}
        HostHeader::Set(host) => {
            notes = notes.set("haproxy.org/set-host", host, share.host_header.loc())
        }
        HostHeader::Upstream => {
            let host = upstream.servers[0].address.value.to_string();
            notes = notes.set("haproxy.org/set-host", &host, share.host_header.loc());
        }
    }
    if let Some(limit) = &route.requests {
        let period = match limit.rate.value.per {
            Per::Second => "1s",
            Per::Minute => "1m",
            Per::Hour => "1h",
        };
        let most = u64::from(limit.rate.value.count) + u64::from(limit.burst.value);
        notes = notes
            .set(
                "haproxy.org/rate-limit-requests",
                &most.to_string(),
                limit.rate.loc(),
            )
            .set("haproxy.org/rate-limit-period", period, limit.rate.loc())
            .set(
                "haproxy.org/rate-limit-status-code",
                "429",
                limit.rate.loc(),
            );
    }
    if let Some(clients) = &route.clients {
        let admitted = ranges::admitted(clients).join(",");
        let admitted = if admitted.is_empty() {
            "255.255.255.255".to_owned()
        } else {
            admitted
        };
        notes = notes.set("haproxy.org/allow-list", &admitted, clients.at);
    }
    if let Some(it) = &route.cors {
        notes = cors(notes, it);
    }
    notes = headers(ctx, notes, route);
    rewritten(ctx, notes, route)
}

fn balanced(notes: Notes, upstream: &Upstream) -> Notes {
    let at = upstream.balance.loc();
    let algorithm = match (&upstream.stickiness, &upstream.balance.value) {
        (Some(Stickiness::Source { .. }), _) => "source".to_owned(),
        (_, Balance::RoundRobin) => "roundrobin".to_owned(),
        (_, Balance::LeastConnections) => "leastconn".to_owned(),
        (_, Balance::Random) => "random".to_owned(),
        (_, Balance::Hash(HashKey::Source)) => "source".to_owned(),
        (_, Balance::Hash(HashKey::Header(name))) => format!("hdr({name})"),
        (_, Balance::Hash(HashKey::Query(name))) => format!("url_param {name}"),
        (_, Balance::Hash(HashKey::Path)) => "uri".to_owned(),
        (_, Balance::Hash(HashKey::Cookie(_))) => "roundrobin".to_owned(),
    };
    let mut notes = notes.set("haproxy.org/load-balance", &algorithm, at);
    if let Some(Stickiness::Cookie(cookie)) = &upstream.stickiness {
        notes = notes.set(
            "haproxy.org/cookie-persistence",
            &cookie.name.value,
            cookie.name.loc(),
        );
    }
    if let Some(most) = upstream.max_connections.value {
        notes = notes.set(
            "haproxy.org/pod-maxconn",
            &most.to_string(),
            upstream.max_connections.loc(),
        );
    }
    let Some(health) = &upstream.health else {
        return notes;
    };
    let at = health.check.loc();
    let notes = match &health.check.value {
        Check::WebSocket { .. } => return notes,
        Check::Tcp => notes,
        Check::Http {
            path, method, host, ..
        } => {
            let host = host.as_deref().unwrap_or("localhost");
            notes.set(
                "haproxy.org/check-http",
                &format!("{method} {path} HTTP/1.1\\r\\nHost:{host}"),
                at,
            )
        }
    };
    notes
        .set("haproxy.org/check", "true", at)
        .set(
            "haproxy.org/check-interval",
            &time(health.interval.value),
            health.interval.loc(),
        )
        .set(
            "haproxy.org/timeout-check",
            &time(health.timeout.value),
            health.timeout.loc(),
        )
}

fn towards(ctx: &Ctx<'_>, notes: Notes, upstream: &Upstream) -> Notes {
    let notes = match upstream.protocol.value {
        Protocol::Http1 => notes,
        Protocol::Http2 => notes.set("haproxy.org/server-proto", "h2", upstream.protocol.loc()),
    };
    let Some(tls) = &upstream.tls else {
        return notes;
    };
    let mut notes = notes.set("haproxy.org/server-ssl", "true", tls.at);
    if let Some(name) = &tls.server_name {
        notes = notes.set("haproxy.org/server-sni", &name.value, name.loc());
    }
    if let Some(ca) = &tls.ca {
        let secret = format!("{}/{}", ctx.namespace(), ctx.name(&["ca", &upstream.name]));
        notes = notes.set("haproxy.org/server-ca", &secret, ca.loc());
    }
    if let Some((cert, _)) = &tls.client {
        let secret = format!(
            "{}/{}",
            ctx.namespace(),
            ctx.name(&["client", &upstream.name])
        );
        notes = notes.set("haproxy.org/server-crt", &secret, cert.loc());
    }
    notes
}

fn cors(notes: Notes, cors: &Cors) -> Notes {
    let origins = match &cors.origins.value {
        Some(origins) => {
            let origins: Vec<String> = origins.iter().map(|it| ranges::quoted(it)).collect();
            format!("^(?:{})$", origins.join("|"))
        }
        None => "*".to_owned(),
    };
    let mut notes = notes
        .set("haproxy.org/cors-enable", "true", cors.at)
        .set(
            "haproxy.org/cors-allow-origin",
            &origins,
            cors.origins.loc(),
        )
        .set(
            "haproxy.org/cors-allow-methods",
            &cors.methods.value.join(", "),
            cors.methods.loc(),
        )
        .set("haproxy.org/cors-respond-to-options", "true", cors.at);
    if !cors.headers.value.is_empty() {
        notes = notes.set(
            "haproxy.org/cors-allow-headers",
            &cors.headers.value.join(", "),
            cors.headers.loc(),
        );
    }
    if cors.credentials.value {
        notes = notes.set(
            "haproxy.org/cors-allow-credentials",
            "true",
            cors.credentials.loc(),
        );
    }
    if let Some(age) = cors.max_age.value {
        notes = notes.set(
            "haproxy.org/cors-max-age",
            &format!("{}s", age.as_secs_ceil()),
            cors.max_age.loc(),
        );
    }
    notes
}

fn headers(ctx: &Ctx<'_>, notes: Notes, route: &Route) -> Notes {
    let lines = |ops: &[HeaderOp], feature: Feature| -> Vec<String> {
        let kept = ops.iter().filter(|op| {
            let at = Origin::written(op.at);
            ctx.v.renders(feature, Subject::Route(route), at)
                && ctx
                    .v
                    .renders(Feature::HeaderFacts, Subject::Route(route), at)
        });
        kept.filter_map(|op| {
            let (Change::Set(value) | Change::Add(value) | Change::SetIfAbsent(value)) = &op.change
            else {
                return None;
            };
            let value = value.literal()?;
            Some(format!("{} \"{}\"", op.name, escaped(value)))
        })
        .collect()
    };
    let request = lines(&route.request_headers, Feature::RequestHeaders);
    let mut response = lines(&route.response_headers, Feature::ResponseHeaders);
    let hsts = ctx
        .g
        .listeners_of(route)
        .find_map(|it| it.tls.as_ref()?.hsts.as_ref());
    if let Some(hsts) = hsts {
        response.push(format!(
            "Strict-Transport-Security \"{}\"",
            hsts.value.header()
        ));
    }
    let mut notes = notes;
    if !request.is_empty() {
        notes = notes.set(
            "haproxy.org/request-set-header",
            &request.join("\n"),
            route.at,
        );
    }
    if !response.is_empty() {
        notes = notes.set(
            "haproxy.org/response-set-header",
            &response.join("\n"),
            route.at,
        );
    }
    notes
}

/// A text in double quotes where HAProxy reads a log format.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "\\$")
}

fn rewritten(ctx: &Ctx<'_>, notes: Notes, route: &Route) -> Notes {
    let Some(change) = route.rewrite.as_ref().and_then(|it| it.path.as_ref()) else {
        return notes;
    };
    let feature = match change.value {
        PathRewrite::Regex { .. } => Feature::RewriteRegex,
        PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_) | PathRewrite::Path(_) => {
            Feature::RewritePath
        }
    };
    if !ctx.v.renders(feature, Subject::Route(route), change.from) {
        return notes;
    }
    match rewrite::rule(route, &change.value) {
        Some(rule) => notes.set("haproxy.org/path-rewrite", &rule, change.loc()),
        None => notes,
    }
}
