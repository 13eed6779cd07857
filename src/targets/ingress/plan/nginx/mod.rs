//! Resources for ingress-nginx: one for each host and route, for its servers are apart by host and fall through to no other.

mod annotations;

mod guards;

use super::{Ctx, rules, services};
use crate::emit::Map;
use crate::ir::{Action, ClientAuthMode, Listener, Loc, RedirectTo, Route};
use crate::targets::ingress::sites::{Rule, of_sites};
use crate::targets::kubernetes::objects::Object;
use crate::targets::kubernetes::{text, word};

use annotations::annotations;

/// Every object but the Services.
pub(super) fn objects(ctx: &Ctx<'_>) -> Vec<Object> {
    let mut objects = Vec::new();
    let tls = ctx.g.listeners.iter().find(|it| it.tls.is_some());
    for (route, rules) in of_sites(ctx.g, ctx.controller) {
        let closed = ctx.is_closed(route) || is_answered_otherwise(route);
        let shares = services::asked(route, ctx.controller);
        let annotations = match closed {
            true => Notes::new().closed(route.at),
            false => annotations(ctx, route),
        };
        let annotations = annotations.and_listeners(ctx);
        let service = match shares.first() {
            Some(share) => ctx.services.of(ctx, route, share),
            None => services::nowhere(ctx),
        };
        let mut object = ingress(ctx, &ctx.name(&[&route.name]), route, &rules, tls, &service)
            .annotated(with_raw(ctx, route, annotations.0));
        if closed {
            object =
                object.remarked("Closed: the controller cannot keep what this route asks for.");
        }
        objects.push(object);
        if let [first, second] = shares
            && !closed
        {
            let total = first.weight.value + second.weight.value;
            let notes = Notes::new()
                .set(
                    "nginx.ingress.kubernetes.io/canary",
                    "true",
                    second.weight.loc(),
                )
                .set(
                    "nginx.ingress.kubernetes.io/canary-weight",
                    &second.weight.value.to_string(),
                    second.weight.loc(),
                )
                .set(
                    "nginx.ingress.kubernetes.io/canary-weight-total",
                    &total.to_string(),
                    second.weight.loc(),
                );
            let service = ctx.services.of(ctx, route, second);
            let name = ctx.name(&[&route.name, "canary"]);
            objects.push(ingress(ctx, &name, route, &rules, tls, &service).annotated(notes.0));
        }
    }
    objects
}

pub(super) fn with_raw(ctx: &Ctx<'_>, route: &Route, map: Map) -> Map {
    let raws = ctx.g.rooms.ingress.room.raw.routes.iter();
    raws.filter(|(id, _)| *id == route.id)
        .fold(map, |map, (_, snippet)| {
            map.snippet(&snippet.value, snippet.loc())
        })
}

pub(super) fn ingress(
    ctx: &Ctx<'_>,
    name: &str,
    route: &Route,
    rules: &[Rule<'_>],
    tls: Option<&Listener>,
    service: &(String, u16),
) -> Object {
    let spec = Map::new()
        .put("ingressClassName", word(ctx.class()))
        .maybe("tls", tls.and_then(|it| rules::tls(ctx, it, rules)))
        .put("rules", rules::node(rules, service));
    Object::new(
        "networking.k8s.io/v1",
        "Ingress",
        name,
        ctx.namespace(),
        route.at,
    )
    .put("spec", spec)
}

/// Answers and redirects that no annotation can give: nobody may pass instead.
fn is_answered_otherwise(route: &Route) -> bool {
    match &route.action {
        Action::Forward(_) => false,
        Action::Respond(_) => true,
        Action::Redirect(it) => {
            !matches!(&it.value.to, RedirectTo::Url(url) if url.starts_with("http"))
        }
    }
}

/// Annotations under construction.
pub(super) struct Notes(pub(super) Map);

impl Notes {
    pub(super) fn new() -> Self {
        Self(Map::new())
    }

    #[must_use]
    pub(super) fn set(self, key: &'static str, value: &str, at: Loc) -> Self {
        Self(self.0.put(key, text(value, at)))
    }

    /// Nobody has this address.
    fn closed(self, at: Loc) -> Self {
        self.set(
            "nginx.ingress.kubernetes.io/whitelist-source-range",
            "255.255.255.255/32",
            at,
        )
    }

    /// What the listeners ask of every resource.
    fn and_listeners(self, ctx: &Ctx<'_>) -> Self {
        let redirect = ctx.g.listeners.iter().find_map(|it| it.redirect.as_ref());
        let notes = match redirect {
            Some(it) => self
                .set("nginx.ingress.kubernetes.io/ssl-redirect", "true", it.loc())
                .set(
                    "nginx.ingress.kubernetes.io/force-ssl-redirect",
                    "true",
                    it.loc(),
                ),
            None => self.set(
                "nginx.ingress.kubernetes.io/ssl-redirect",
                "false",
                Loc::default(),
            ),
        };
        let client = ctx.g.listeners.iter().find_map(|listener| {
            let client = listener.tls.as_ref()?.client_auth.as_ref()?;
            Some((listener, client))
        });
        match client {
            Some((listener, client)) => {
                let secret = format!(
                    "{}/{}",
                    ctx.namespace(),
                    ctx.name(&["clients", &listener.name])
                );
                let mode = match client.mode.value {
                    ClientAuthMode::Require => "on",
                    ClientAuthMode::Optional => "optional",
                };
                notes
                    .set(
                        "nginx.ingress.kubernetes.io/auth-tls-secret",
                        &secret,
                        client.ca.loc(),
                    )
                    .set(
                        "nginx.ingress.kubernetes.io/auth-tls-verify-client",
                        mode,
                        client.mode.loc(),
                    )
            }
            None => notes,
        }
    }
}
