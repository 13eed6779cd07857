//! The plan: resources in the API's own words. What is lost was decided before; nothing fails here.

mod envoy;
mod filters;
mod route;
mod services;
mod values;

use serde::Serialize;

use super::facts::{self, Extended, Means};
use crate::emit::{Map, Node, Tok};
use crate::ir::{
    AuthKind, ClientAuthMode, Gateway, GatewayImplementation, Listener, Route, Subject,
};
use crate::targets::kubernetes::middleware::Middlewares;
use crate::targets::kubernetes::objects::Object;
use crate::targets::kubernetes::secrets::Secrets;
use crate::targets::kubernetes::{Context, names, remark, text, word};
use crate::targets::{Env, Verdicts};

/// The group of the API.
const API: &str = "gateway.networking.k8s.io/v1";

/// The resources.
#[derive(Debug, Serialize)]
pub(super) struct Resources {
    /// The comment at the head.
    about: Vec<Tok>,
    /// Each object's lines.
    objects: Vec<Vec<Tok>>,
}

/// Traefik's values.
#[derive(Debug, Serialize)]
pub(super) struct Values {
    /// The comment at the head.
    about: Vec<Tok>,
    /// The lines.
    values: Vec<Tok>,
}

/// What every part of the plan reads.
struct Ctx<'a> {
    g: &'a Gateway,
    v: &'a Verdicts<'a>,
    implementation: GatewayImplementation,
    means: Means,
}

impl<'a> Ctx<'a> {
    fn namespace(&self) -> &'a str {
        &self.g.rooms.gateway.namespace.value
    }

    fn context(&self) -> Context<'a> {
        Context {
            g: self.g,
            v: self.v,
            namespace: self.namespace(),
            services: &self.g.rooms.gateway.upstreams,
        }
    }

    fn name(&self, parts: &[&str]) -> String {
        self.context().name(parts)
    }

    fn secrets(&self) -> Secrets<'a> {
        let room = &self.g.rooms.gateway;
        Secrets::new(self.g, &room.namespace.value, &room.certificates)
    }

    /// The name of the Gateway.
    fn gateway(&self) -> String {
        names::name(&[&self.g.name.value])
    }

    /// Whether a guard of the route is lost, so that nobody may pass.
    fn is_closed(&self, route: &Route) -> bool {
        let auth = self.g.auth_of(route);
        let lost = auth.is_some_and(|it| !self.v.renders_guards(Subject::Auth(it)));
        lost || !self.v.renders_guards(Subject::Route(route))
    }

    /// Whether client certificates that a listener asks for are not asked for.
    fn is_open_door(&self, listener: &Listener) -> bool {
        let tls = listener.tls.as_ref();
        tls.is_some_and(|it| it.client_auth.is_some())
            && !self.v.renders_all(
                crate::ir::Feature::TlsClientAuth,
                Subject::Listener(listener),
            )
    }
}

/// The files for a gateway.
pub(super) fn plan<'a>(
    g: &'a Gateway,
    v: &'a Verdicts<'a>,
    env: &'a Env<'a>,
) -> (Resources, Values) {
    let ctx = Ctx {
        g,
        v,
        implementation: facts::implementation(env),
        means: facts::means(env),
    };
    let mut objects = vec![gateway(&ctx)];
    objects.extend(services::objects(&ctx));
    objects.extend(envoy::of_listeners(&ctx));
    let mut made = Middlewares::default();
    for listener in &g.listeners {
        objects.extend(redirect(&ctx, listener));
    }
    for route in &g.routes {
        if !facts::can_tell(route) {
            continue;
        }
        let (routes, names) = route::objects(&ctx, &mut made, route);
        objects.append(&mut made.objects);
        objects.extend(routes);
        objects.extend(envoy::of_route(&ctx, route, &names));
    }
    let raw = &g.rooms.gateway.room.raw.top;
    let raw = raw.iter().map(|text| {
        let lines = text.value.lines();
        lines
            .map(|line| Tok::snippet(line).at(text.loc()))
            .collect()
    });
    // Routes share answers.
    let mut known = std::collections::BTreeSet::new();
    objects.retain(|it| known.insert(it.key()));
    let objects = objects.into_iter().map(Object::lines);
    let resources = Resources {
        about: about(&ctx),
        objects: objects.chain(raw).collect(),
    };
    (resources, values::values(&ctx))
}

/// The Gateway: its listeners and certificates.
fn gateway(ctx: &Ctx<'_>) -> Object {
    let room = &ctx.g.rooms.gateway;
    let class = match &room.class {
        Some(class) => class.value.as_str(),
        None => match ctx.implementation {
            GatewayImplementation::Traefik => "traefik",
            GatewayImplementation::EnvoyGateway => "eg",
            GatewayImplementation::Kgateway => "kgateway",
            GatewayImplementation::NginxGatewayFabric => "nginx",
            GatewayImplementation::Istio => "istio",
            GatewayImplementation::Cilium => "cilium",
        },
    };
    let listeners = ctx.g.listeners.iter().map(|it| {
        let protocol = if it.tls.is_some() { "HTTPS" } else { "HTTP" };
        let mut map = Map::new()
            .put("name", word(&section(it)))
            .put("protocol", Node::word(protocol))
            .put("port", Node::number(port(ctx, it)).at(it.port.loc()));
        if let Some(tls) = &it.tls {
            let refs = tls.certificates.value.iter().map(|id| {
                let secret = ctx.secrets().at_least(ctx.g.certificate(*id));
                Map::new()
                    .put("group", Node::word(""))
                    .put("kind", Node::word("Secret"))
                    .put("name", word(&secret))
            });
            let tls = Map::new().put("mode", Node::word("Terminate")).put(
                "certificateRefs",
                Node::list(refs).at(tls.certificates.loc()),
            );
            map = map.put("tls", tls);
        }
        let same = Map::new().put("namespaces", Map::new().put("from", Node::word("Same")));
        Node::from(map.put("allowedRoutes", same)).at(it.at)
    });
    let mut spec = Map::new()
        .put("gatewayClassName", word(class))
        .put("listeners", Node::list(listeners));
    if let Some(tls) = client_certificates(ctx) {
        spec = spec.put("tls", tls);
    }
    Object::new(
        API,
        "Gateway",
        &ctx.gateway(),
        ctx.namespace(),
        ctx.g.name.loc(),
    )
    .put("spec", spec)
}

fn client_certificates(ctx: &Ctx<'_>) -> Option<Map> {
    let listeners = ctx.g.listeners.iter();
    let (listener, client) = listeners
        .filter(|it| !ctx.is_open_door(it))
        .find_map(|it| Some((it, it.tls.as_ref()?.client_auth.as_ref()?)))?;
    if !facts::claims(ctx.implementation, Extended::ClientCertificates) {
        return None;
    }
    let mode = match client.mode.value {
        ClientAuthMode::Require => "AllowValidOnly",
        ClientAuthMode::Optional => "AllowInsecureFallback",
    };
    let name = ctx.name(&["clients", &listener.name]);
    let ca = Map::new()
        .put("group", Node::word(""))
        .put("kind", Node::word("ConfigMap"))
        .put("name", text(&name, client.ca.loc()));
    let validation = Map::new()
        .put("mode", text(mode, client.mode.loc()))
        .put("caCertificateRefs", Node::list([ca]));
    let default = Map::new().put("validation", validation);
    Some(Map::new().put("frontend", Map::new().put("default", default)))
}

/// The name of a listener's section.
fn section(listener: &Listener) -> String {
    names::name(&[&listener.name])
}

/// The port of a listener: Traefik's is that of its entry point, which a pod can open.
fn port(ctx: &Ctx<'_>, listener: &Listener) -> u16 {
    let port = listener.port.value;
    match ctx.means {
        Means::Traefik => values::pod_port(port),
        Means::Envoy | Means::None => port,
    }
}

/// How a route refers to the sections of the Gateway.
fn parents(ctx: &Ctx<'_>, sections: impl Iterator<Item = String>) -> Node {
    Node::list(sections.map(|section| {
        Map::new()
            .put("group", Node::word("gateway.networking.k8s.io"))
            .put("kind", Node::word("Gateway"))
            .put("name", word(&ctx.gateway()))
            .put("sectionName", word(&section))
    }))
}

/// A listener that sends every request to another one.
fn redirect(ctx: &Ctx<'_>, listener: &Listener) -> Option<Object> {
    let to = listener.redirect.as_ref()?;
    let other = ctx.g.listener(to.value);
    let target = Map::new().put("scheme", Node::word(other.scheme()));
    let target = match other.has_scheme_port() {
        true => target,
        false => target.put("port", Node::number(other.public_port.value)),
    };
    let target = target.put("statusCode", Node::number(301));
    let filter = Map::new()
        .put("type", Node::word("RequestRedirect"))
        .put("requestRedirect", target);
    let path = Map::new()
        .put("type", Node::word("PathPrefix"))
        .put("value", Node::word("/"));
    let rule = Map::new()
        .put("matches", Node::list([Map::new().put("path", path)]))
        .put("filters", Node::list([filter]));
    let spec = Map::new()
        .put(
            "parentRefs",
            parents(ctx, std::iter::once(section(listener))),
        )
        .put("rules", Node::list([rule]));
    let name = ctx.name(&["redirect", &listener.name]);
    Some(Object::new(API, "HTTPRoute", &name, ctx.namespace(), to.loc()).put("spec", spec))
}

/// What stands at the head: how the resources are applied, and what they expect.
fn about(ctx: &Ctx<'_>) -> Vec<Tok> {
    let title = match ctx.implementation {
        GatewayImplementation::Traefik => "Traefik",
        GatewayImplementation::EnvoyGateway => "Envoy Gateway",
        GatewayImplementation::Kgateway => "kgateway",
        GatewayImplementation::NginxGatewayFabric => "NGINX Gateway Fabric",
        GatewayImplementation::Istio => "Istio",
        GatewayImplementation::Cilium => "Cilium",
    };
    let mut lines = vec![
        format!(
            "`{}` as Gateway API resources (v1.6, standard channel) for {title}, by wsgen.",
            ctx.g.name.value
        ),
        "  kubectl apply -f gateway.yaml".to_owned(),
    ];
    let commands = commands(ctx);
    if !commands.is_empty() {
        lines.push("Once before it, and whenever a file changes:".to_owned());
        lines.extend(commands.into_iter().map(|line| format!("  {line}")));
    }
    for route in ctx.g.routes.iter().filter(|it| !facts::can_tell(it)) {
        lines.push(format!(
            "Left out: the route `{}`, whose conditions no match can tell.",
            route.name
        ));
    }
    let lines = lines.iter().map(|line| remark(line));
    lines.chain(ctx.context().accepted()).collect()
}

fn commands(ctx: &Ctx<'_>) -> Vec<String> {
    let secrets = ctx.secrets();
    let mut commands = Vec::new();
    let served = |id| {
        let mut listeners = ctx.g.listeners.iter().filter_map(|it| it.tls.as_ref());
        listeners.any(|tls| tls.certificates.value.contains(&id))
    };
    for certificate in ctx.g.certificates.iter().filter(|it| served(it.id)) {
        commands.extend(secrets.command(certificate));
    }
    for listener in ctx.g.listeners.iter().filter(|it| !ctx.is_open_door(it)) {
        if let Some(client) = listener.tls.as_ref().and_then(|it| it.client_auth.as_ref()) {
            let name = ctx.name(&["clients", &listener.name]);
            commands.push(secrets.of_file("configmap", &name, "ca.crt", &client.ca.value));
        }
    }
    for upstream in &ctx.g.upstreams {
        if let Some(ca) = upstream.tls.as_ref().and_then(|it| it.ca.as_ref()) {
            let name = ctx.name(&["ca", &upstream.name]);
            commands.push(secrets.of_file("configmap", &name, "ca.crt", &ca.value));
        }
    }
    for auth in &ctx.g.auth {
        let key = match ctx.means {
            Means::Traefik => "users",
            Means::Envoy => ".htpasswd",
            Means::None => continue,
        };
        if let AuthKind::Basic(basic) = &auth.kind {
            let name = ctx.name(&["users", &auth.name]);
            commands.push(secrets.of_file("secret generic", &name, key, &basic.file.value));
        }
    }
    commands
}
