//! The Services that rules lead to: an upstream has one, or several where routes ask for different times of it.

use super::Ctx;
use crate::emit::{Map, Node};
use crate::ir::{
    Dur, Feature, Gateway, HostHeader, IngressController, Loc, Protocol, Route, RouteId, SameSite,
    Secure, Server, Share, Stickiness, StickyCookie, Subject, Upstream, UpstreamId,
};
use crate::targets::ingress::facts;
use crate::targets::kubernetes::names::name;
use crate::targets::kubernetes::objects::Object;
use crate::targets::kubernetes::routes;
use crate::targets::kubernetes::services::{self, Backend};
use crate::targets::kubernetes::{text, word};

/// An address that nobody has (RFC 5737): where rules lead that a middleware answers.
const NOWHERE: &str = "192.0.2.1";

/// A Service of ours.
struct Own<'a> {
    name: String,
    upstream: &'a Upstream,
    settings: Settings,
    /// The first route and share that asked for it.
    route: &'a Route,
    share: &'a Share,
}

/// What a Service says beside its servers.
#[derive(Clone, PartialEq)]
struct Settings {
    upstream: UpstreamId,
    response: Option<Dur>,
    connect: Option<Dur>,
    own_host: bool,
    /// Only this route's.
    route: Option<RouteId>,
}

/// Every Service.
pub(super) struct Services<'a> {
    own: Vec<Own<'a>>,
}

impl<'a> Services<'a> {
    pub(super) fn new(g: &'a Gateway, controller: IngressController) -> Self {
        let mut own: Vec<Own<'a>> = Vec::new();
        for route in &g.routes {
            for share in asked(route, controller) {
                let upstream = g.upstream(share.upstream.value);
                if facts::named(g, upstream).is_some() {
                    continue;
                }
                let settings = settings(route, share, controller);
                if own.iter().any(|it| it.settings == settings) {
                    continue;
                }
                let first = !own.iter().any(|it| it.upstream.id == upstream.id);
                let name = match first {
                    true => name(&[&g.name.value, &upstream.name]),
                    false => name(&[&g.name.value, &upstream.name, &route.name]),
                };
                own.push(Own {
                    name,
                    upstream,
                    settings,
                    route,
                    share,
                });
            }
        }
        Self { own }
    }

    /// The Service of a share, and its port.
    pub(super) fn of(&self, ctx: &Ctx<'_>, route: &Route, share: &Share) -> (String, u16) {
        let upstream = ctx.g.upstream(share.upstream.value);
        if let Some(named) = facts::named(ctx.g, upstream) {
            return (named.value.service.clone(), named.value.port);
        }
        let settings = settings(route, share, ctx.controller);
        let own = self.own.iter().find(|it| it.settings == settings);
        own.map_or_else(
            || nowhere(ctx),
            |it| (it.name.clone(), backend_port(ctx, upstream)),
        )
    }
}

/// The shares that the controller leads requests to.
pub(super) fn asked(route: &Route, controller: IngressController) -> &[Share] {
    let most = match controller {
        IngressController::Nginx => 2,
        IngressController::Traefik | IngressController::Haproxy => 1,
    };
    let shares = route.shares();
    &shares[..shares.len().min(most)]
}

fn settings(route: &Route, share: &Share, controller: IngressController) -> Settings {
    let traefik = controller == IngressController::Traefik;
    Settings {
        upstream: share.upstream.value,
        response: traefik.then_some(route.response.value),
        connect: traefik.then_some(share.connect.value),
        own_host: traefik && share.host_header.value == HostHeader::Upstream,
        // Traefik has a canary of one Ingress at every Ingress of the namespace that leads to the same Service.
        route: (controller == IngressController::Nginx && route.shares().len() > 1)
            .then_some(route.id),
    }
}

/// The Service of what is answered before it is asked.
pub(super) fn nowhere(ctx: &Ctx<'_>) -> (String, u16) {
    (ctx.name(&["nowhere"]), 80)
}

/// The servers that an EndpointSlice can hold, each address once where the controller keeps one port for it.
fn servers<'a>(ctx: &Ctx<'_>, upstream: &'a Upstream) -> Vec<&'a Server> {
    let loopback = ctx.g.rooms.ingress.loopback;
    let names = ctx.controller == IngressController::Traefik;
    let mut kept: Vec<&Server> = Vec::new();
    for server in &upstream.servers {
        let address = &server.address.value;
        let host = |it: &Server| {
            let text = it.address.value.to_string();
            text.rsplit_once(':').map(|(host, _)| host.to_owned())
        };
        let taken = services::refused(address, loopback).is_none()
            && !server.backup.value
            && (names || address.name().is_none())
            && !(names && kept.iter().any(|it| host(it) == host(server)));
        if taken {
            kept.push(server);
        }
    }
    kept
}

fn backend_port(ctx: &Ctx<'_>, upstream: &Upstream) -> u16 {
    let first = servers(ctx, upstream).first().copied();
    first.and_then(|it| it.address.value.port()).unwrap_or(80)
}

/// Every Service, with its slices and what belongs to it.
pub(super) fn objects(ctx: &Ctx<'_>) -> Vec<Object> {
    let mut objects = Vec::new();
    for own in &ctx.services.own {
        let mut annotations = Map::new();
        if ctx.controller == IngressController::Traefik {
            annotations = traefik(ctx, own);
            objects.push(transport(ctx, own));
        }
        for (_, snippet) in raw(ctx).filter(|(id, _)| *id == own.upstream.id) {
            annotations = annotations.snippet(&snippet.value, snippet.loc());
        }
        let backend = Backend {
            name: own.name.clone(),
            upstream: own.upstream,
            servers: servers(ctx, own.upstream),
            annotations,
            app_protocol: None,
        };
        objects.extend(backend.objects(ctx.namespace()));
    }
    let answered = ctx.g.routes.iter().any(|it| it.shares().is_empty());
    if answered {
        objects.extend(nowhere_objects(ctx));
    }
    objects
}

fn raw<'a>(
    ctx: &Ctx<'a>,
) -> impl Iterator<Item = &'a (UpstreamId, crate::ir::Set<String>)> + use<'a> {
    ctx.g.rooms.ingress.room.raw.upstreams.iter()
}

fn nowhere_objects(ctx: &Ctx<'_>) -> [Object; 2] {
    let (name, port) = nowhere(ctx);
    let entry = || {
        Map::new()
            .put("name", Node::word("http"))
            .put("port", Node::number(port))
            .put("protocol", Node::word("TCP"))
    };
    let spec = Map::new()
        .put("clusterIP", Node::word("None"))
        .put("ports", Node::list([entry()]));
    let conditions = Map::new()
        .put("ready", Node::flag(true))
        .put("serving", Node::flag(true))
        .put("terminating", Node::flag(false));
    let endpoint = Map::new()
        .put("addresses", Node::list([word(NOWHERE)]))
        .put("conditions", conditions);
    let at = Loc::default();
    [
        Object::new("v1", "Service", &name, ctx.namespace(), at)
            .remarked(
                "Never asked: a rule has to lead somewhere, also where it is answered before.",
            )
            .put("spec", spec),
        Object::new(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            &name,
            ctx.namespace(),
            at,
        )
        .label("kubernetes.io/service-name", &name)
        .label("endpointslice.kubernetes.io/managed-by", "wsgen")
        .put("addressType", Node::word("IPv4"))
        .put("ports", Node::list([entry()]))
        .put("endpoints", Node::list([endpoint])),
    ]
}

/// What Traefik reads on a Service.
fn traefik(ctx: &Ctx<'_>, own: &Own<'_>) -> Map {
    let upstream = own.upstream;
    let scheme = match (&upstream.tls, upstream.protocol.value) {
        (Some(_), _) => "https",
        (None, Protocol::Http2) => "h2c",
        (None, Protocol::Http1) => "http",
    };
    let at = upstream
        .tls
        .as_ref()
        .map_or(upstream.protocol.loc(), |it| it.at);
    let mut map = Map::new()
        .put(
            "traefik.ingress.kubernetes.io/service.serversscheme",
            text(scheme, at),
        )
        .put(
            "traefik.ingress.kubernetes.io/service.serverstransport",
            word(&format!("{}-{}@kubernetescrd", ctx.namespace(), own.name)),
        );
    if own.settings.own_host {
        map = map.put(
            "traefik.ingress.kubernetes.io/service.passhostheader",
            text("false", own.share.host_header.loc()),
        );
    }
    match &upstream.stickiness {
        Some(Stickiness::Cookie(cookie))
            if ctx
                .v
                .renders_all(Feature::StickyCookie, Subject::Upstream(upstream)) =>
        {
            map.and(sticky(ctx, upstream, cookie))
        }
        _ => map,
    }
}

fn sticky(ctx: &Ctx<'_>, upstream: &Upstream, cookie: &StickyCookie) -> Map {
    let routes = ctx.g.routes.iter().filter(|route| {
        let mut shares = route.shares().iter();
        shares.any(|it| it.upstream.value == upstream.id)
    });
    let mut listeners = routes.flat_map(|it| ctx.g.listeners_of(it));
    let secure = match cookie.secure.value {
        Secure::Always => true,
        Secure::Never => false,
        Secure::OnTls => listeners.all(|it| it.tls.is_some()),
    };
    let flag = |flag: bool| if flag { "true" } else { "false" };
    let same_site = match cookie.same_site.value {
        SameSite::Strict => "strict",
        SameSite::Lax => "lax",
        SameSite::None => "none",
    };
    let map = Map::new()
        .put(
            "traefik.ingress.kubernetes.io/service.sticky.cookie",
            text("true", cookie.name.loc()),
        )
        .put(
            "traefik.ingress.kubernetes.io/service.sticky.cookie.name",
            text(&cookie.name.value, cookie.name.loc()),
        )
        .put(
            "traefik.ingress.kubernetes.io/service.sticky.cookie.secure",
            text(flag(secure), cookie.secure.loc()),
        )
        .put(
            "traefik.ingress.kubernetes.io/service.sticky.cookie.httponly",
            text(flag(cookie.http_only.value), cookie.http_only.loc()),
        )
        .put(
            "traefik.ingress.kubernetes.io/service.sticky.cookie.samesite",
            text(same_site, cookie.same_site.loc()),
        )
        .put(
            "traefik.ingress.kubernetes.io/service.sticky.cookie.path",
            text(&cookie.path.value, cookie.path.loc()),
        );
    match cookie.ttl.value {
        Some(ttl) => map.put(
            "traefik.ingress.kubernetes.io/service.sticky.cookie.maxage",
            text(&ttl.as_secs_ceil().to_string(), cookie.ttl.loc()),
        ),
        None => map,
    }
}

/// How Traefik speaks to the servers.
fn transport(ctx: &Ctx<'_>, own: &Own<'_>) -> Object {
    let upstream = own.upstream;
    let duration = |dur: Dur, at: Loc| text(&routes::time(dur), at);
    let times = Map::new()
        .put(
            "dialTimeout",
            duration(own.share.connect.value, own.share.connect.loc()),
        )
        .put(
            "responseHeaderTimeout",
            duration(own.route.response.value, own.route.response.loc()),
        )
        .put(
            "idleConnTimeout",
            duration(
                upstream.keepalive_timeout.value,
                upstream.keepalive_timeout.loc(),
            ),
        );
    // Left out it would be two.
    let idle = match upstream.keepalive.value {
        Some(most) => i64::try_from(most).unwrap_or(i64::MAX),
        None => -1,
    };
    let mut spec = Map::new()
        .put(
            "maxIdleConnsPerHost",
            Node::number(idle).at(upstream.keepalive.loc()),
        )
        .put("forwardingTimeouts", times);
    if let Some(tls) = &upstream.tls {
        if let Some(name) = &tls.server_name {
            spec = spec.put("serverName", text(&name.value, name.loc()));
        }
        if !tls.verify.value {
            spec = spec.put("insecureSkipVerify", Node::flag(true).at(tls.verify.loc()));
        }
        if let Some(ca) = &tls.ca {
            let secret = ctx.name(&["ca", &upstream.name]);
            let map = Map::new().put("secret", text(&secret, ca.loc()));
            spec = spec.put("rootCAs", Node::list([map]));
        }
        if let Some((cert, _)) = &tls.client {
            let secret = ctx.name(&["client", &upstream.name]);
            let list = Node::list([text(&secret, cert.loc())]);
            spec = spec.put("certificatesSecrets", list);
        }
        if upstream.protocol.value == Protocol::Http1 {
            spec = spec.put("disableHTTP2", Node::flag(true));
        }
    }
    Object::new(
        "traefik.io/v1alpha1",
        "ServersTransport",
        &own.name,
        ctx.namespace(),
        upstream.at,
    )
    .put("spec", spec)
}
