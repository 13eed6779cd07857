//! The plan: resources in the API's own words, and Helm values of the controller. What is lost was decided before; nothing
//! fails here.

mod haproxy;
mod nginx;
mod rules;
mod services;
mod traefik;
mod values;

use rustc_hash::FxHashMap as HashMap;
use serde::Serialize;

use super::facts;
use crate::emit::Tok;
use crate::ir::{AuthKind, Gateway, IngressController, Route, Subject};
use crate::targets::kubernetes::objects::Object;
use crate::targets::kubernetes::secrets::Secrets;
use crate::targets::kubernetes::{Context, names::name, remark};
use crate::targets::{Env, Verdicts};
use services::Services;

/// The resources.
#[derive(Debug, Serialize)]
pub(super) struct Resources {
    /// The comment at the head.
    about: Vec<Tok>,
    /// Each object's lines.
    objects: Vec<Vec<Tok>>,
}

/// The controller's values.
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
    env: &'a Env<'a>,
    controller: IngressController,
    services: Services<'a>,
    ties: HashMap<rules::Place, u32>,
}

impl<'a> Ctx<'a> {
    fn namespace(&self) -> &'a str {
        &self.g.rooms.ingress.namespace.value
    }

    /// The name of an object of ours.
    fn name(&self, parts: &[&str]) -> String {
        let all: Vec<&str> = std::iter::once(self.g.name.value.as_str())
            .chain(parts.iter().copied())
            .collect();
        name(&all)
    }

    fn context(&self) -> Context<'a> {
        Context {
            g: self.g,
            v: self.v,
            namespace: self.namespace(),
            services: &self.g.rooms.ingress.upstreams,
        }
    }

    fn secrets(&self) -> Secrets<'a> {
        let room = &self.g.rooms.ingress;
        Secrets::new(self.g, &room.namespace.value, &room.certificates)
    }

    fn class(&self) -> &'a str {
        match &self.g.rooms.ingress.class {
            Some(class) => &class.value,
            None => match self.controller {
                IngressController::Traefik => "traefik",
                IngressController::Nginx => "nginx",
                IngressController::Haproxy => "haproxy",
            },
        }
    }

    /// Whether a guard of the route is lost, so that nobody may pass.
    fn is_closed(&self, route: &Route) -> bool {
        let auth = self.g.auth_of(route);
        let lost = auth.is_some_and(|it| !self.v.renders_guards(Subject::Auth(it)));
        lost || !self.v.renders_guards(Subject::Route(route))
    }
}

/// Both files for a gateway.
pub(super) fn plan<'a>(
    g: &'a Gateway,
    v: &'a Verdicts<'a>,
    env: &'a Env<'a>,
) -> (Resources, Values) {
    let controller = facts::controller(env);
    let ctx = Ctx {
        g,
        v,
        env,
        controller,
        services: Services::new(g, controller),
        ties: rules::ties(g),
    };
    let mut objects = services::objects(&ctx);
    objects.extend(match controller {
        IngressController::Traefik => traefik::objects(&ctx),
        IngressController::Nginx => nginx::objects(&ctx),
        IngressController::Haproxy => haproxy::objects(&ctx),
    });
    let objects: Vec<Vec<Tok>> = objects.into_iter().map(Object::lines).collect();
    let raw = &g.rooms.ingress.room.raw.top;
    let raw = raw.iter().map(|text| {
        let lines = text
            .value
            .lines()
            .map(|line| Tok::snippet(line).at(text.loc()));
        lines.collect()
    });
    let resources = Resources {
        about: about(&ctx),
        objects: objects.into_iter().chain(raw).collect(),
    };
    (resources, values::values(&ctx))
}

/// What stands at the head of the resources: how they are applied, and what they expect.
fn about(ctx: &Ctx<'_>) -> Vec<Tok> {
    let title = match ctx.controller {
        IngressController::Traefik => "Traefik",
        IngressController::Nginx => "ingress-nginx",
        IngressController::Haproxy => "HAProxy's controller",
    };
    let mut lines = vec![
        format!(
            "`{}` as Kubernetes Ingress for {title}, by wsgen.",
            ctx.g.name.value
        ),
        "  kubectl apply -f ingress.yaml".to_owned(),
    ];
    if ctx.controller == IngressController::Nginx {
        lines.push("ingress-nginx is retired: no release since March 2026. Traefik reads the same annotations (provider kubernetesIngressNGINX);".to_owned());
        lines.push("the target `gateway` is where to go.".to_owned());
    }
    let commands = commands(ctx);
    if !commands.is_empty() {
        lines.push("Once before it, and whenever a file changes:".to_owned());
        lines.extend(commands.into_iter().map(|line| format!("  {line}")));
    }
    let room = &ctx.g.rooms.ingress;
    for (certificate, secret) in &room.certificates {
        lines.push(format!(
            "The Secret `{}` holds the certificate `{certificate}`.",
            secret.value
        ));
    }
    for route in &ctx.g.routes {
        if !facts::can_tell(route, ctx.controller) {
            lines.push(format!(
                "Left out: the route `{}`, whose conditions no rule can tell.",
                route.name
            ));
        }
    }
    let lines = lines.iter().map(|line| remark(line));
    lines.chain(ctx.context().accepted()).collect()
}

/// The commands that make the Secrets.
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
    for listener in &ctx.g.listeners {
        if let Some(client) = listener.tls.as_ref().and_then(|it| it.client_auth.as_ref()) {
            let name = ctx.name(&["clients", &listener.name]);
            commands.push(secrets.of_file("secret generic", &name, "ca.crt", &client.ca.value));
        }
    }
    for upstream in &ctx.g.upstreams {
        let Some(tls) = &upstream.tls else { continue };
        let name = ctx.name(&["ca", &upstream.name]);
        if ctx.controller == IngressController::Nginx {
            let ca = tls.ca.iter().map(|ca| ("ca.crt", ca.value.as_str()));
            let client = tls.client.iter().flat_map(|(cert, key)| {
                [
                    ("tls.crt", cert.value.as_str()),
                    ("tls.key", key.value.as_str()),
                ]
            });
            let files: Vec<(&str, &str)> = ca.chain(client).collect();
            if !files.is_empty() {
                commands.push(secrets.of_files("secret generic", &name, &files));
            }
            continue;
        }
        let ca = tls.ca.as_ref();
        commands.extend(ca.map(|ca| secrets.of_file("secret generic", &name, "ca.crt", &ca.value)));
        if let Some((cert, key)) = &tls.client {
            let name = ctx.name(&["client", &upstream.name]);
            commands.push(secrets.pair(&name, &cert.value, &key.value));
        }
    }
    let key = match ctx.controller {
        IngressController::Traefik => "users",
        IngressController::Nginx | IngressController::Haproxy => "auth",
    };
    for auth in &ctx.g.auth {
        if let AuthKind::Basic(basic) = &auth.kind
            && ctx.controller != IngressController::Haproxy
        {
            let name = ctx.name(&["users", &auth.name]);
            commands.push(secrets.of_file("secret generic", &name, key, &basic.file.value));
        }
    }
    commands
}
