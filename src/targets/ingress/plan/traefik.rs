//! Resources for Traefik: one for each rank of a route's rules, with the Middlewares that it passes.

use super::rules;
use super::{Ctx, services};
use crate::emit::{Map, Node};
use crate::ir::ClientAuthMode;
use crate::ir::{Listener, Route, TlsProfile};
use crate::targets::ingress::facts::{self, PathType};
use crate::targets::kubernetes::middleware::{Middlewares, chain};
use crate::targets::kubernetes::objects::Object;
use crate::targets::kubernetes::routes::Face;
use crate::targets::kubernetes::{text, word, words};

/// What Mozilla's *intermediate* has, in Go's names.
const INTERMEDIATE: [&str; 6] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// Every object but the Services.
pub(super) fn objects(ctx: &Ctx<'_>) -> Vec<Object> {
    let mut objects: Vec<Object> = ctx
        .g
        .listeners
        .iter()
        .filter_map(|it| tls_option(ctx, it))
        .collect();
    let mut made = Middlewares::default();
    for route in &ctx.g.routes {
        if !facts::can_tell(route, ctx.controller) {
            continue;
        }
        let ingresses = of_route(ctx, &mut made, route);
        objects.append(&mut made.objects);
        objects.extend(ingresses);
    }
    objects
}

fn of_route(ctx: &Ctx<'_>, made: &mut Middlewares, route: &Route) -> Vec<Object> {
    let mut objects = Vec::new();
    for face in Face::of(ctx.g, route) {
        for (rank, rules) in rules::ranked(ctx, route) {
            let number = (objects.len() + 1).to_string();
            let name = match number.as_str() {
                "1" => ctx.name(&[&route.name]),
                number => ctx.name(&[&route.name, number]),
            };
            let hostless = rules.iter().any(|it| it.name.is_empty());
            let closed = ctx.is_closed(route) || is_open_door(ctx, &face, hostless);
            let chain: Vec<String> = chain(&ctx.context(), made, route, &face, closed)
                .iter()
                .map(|it| format!("{}-{it}@kubernetescrd", ctx.namespace()))
                .collect();
            let own = rules
                .iter()
                .flat_map(|it| &it.paths)
                .any(|it| it.0 == PathType::Own);
            let annotations = annotations(ctx, route, &face, rank, &chain, own, hostless);
            let service = match route.shares().first() {
                Some(share) => ctx.services.of(ctx, route, share),
                None => services::nowhere(ctx),
            };
            let mut spec = Map::new()
                .put("ingressClassName", word(ctx.class()))
                .maybe("tls", rules::tls(ctx, face.first(), &rules));
            spec = spec.put("rules", rules::node(&rules, &service));
            let mut object = Object::new(
                "networking.k8s.io/v1",
                "Ingress",
                &name,
                ctx.namespace(),
                route.at,
            )
            .annotated(annotations)
            .put("spec", spec);
            if closed {
                object = object.remarked(
                    "Closed: the controller cannot keep a guard that this route asks for.",
                );
            }
            objects.push(object);
        }
    }
    objects
}

/// Whether client certificates that a listener asks for are not asked for here: Traefik finds TLS options by host only.
fn is_open_door(ctx: &Ctx<'_>, face: &Face<'_>, hostless: bool) -> bool {
    let asks = face.listeners.iter().any(|it| {
        let tls = it.tls.as_ref();
        tls.is_some_and(|tls| tls.client_auth.is_some())
    });
    asks && (hostless
        || face
            .listeners
            .iter()
            .any(|it| facts::differs_in_tls(ctx.env, it)))
}

fn annotations(
    ctx: &Ctx<'_>,
    route: &Route,
    face: &Face<'_>,
    rank: u32,
    chain: &[String],
    own_matcher: bool,
    hostless: bool,
) -> Map {
    let points = face
        .listeners
        .iter()
        .filter_map(|it| facts::entry_point(ctx.g, it, ctx.controller));
    let points: Vec<String> = points.collect();
    let at = face.first().at;
    let mut map = Map::new()
        .put(
            "traefik.ingress.kubernetes.io/router.entrypoints",
            text(&points.join(","), at),
        )
        .put(
            "traefik.ingress.kubernetes.io/router.priority",
            word(&rank.to_string()),
        )
        .put(
            "traefik.ingress.kubernetes.io/router.middlewares",
            word(&chain.join(",")),
        );
    if face.first().tls.is_some() {
        map = map.put("traefik.ingress.kubernetes.io/router.tls", text("true", at));
        let differs = face
            .listeners
            .iter()
            .any(|it| facts::differs_in_tls(ctx.env, it));
        if !hostless && !differs {
            let option = ctx.name(&["tls", &face.first().name]);
            map = map.put(
                "traefik.ingress.kubernetes.io/router.tls.options",
                word(&format!("{}-{option}@kubernetescrd", ctx.namespace())),
            );
        }
    }
    if own_matcher {
        map = map.put(
            "traefik.ingress.kubernetes.io/router.pathmatcher",
            Node::word("PathRegexp"),
        );
    }
    if !route.log.value {
        map = map.put(
            "traefik.ingress.kubernetes.io/router.observability.accesslogs",
            text("false", route.log.loc()),
        );
    }
    let raws = &ctx.g.rooms.ingress.room.raw.routes;
    for (_, snippet) in raws.iter().filter(|(id, _)| *id == route.id) {
        map = map.snippet(&snippet.value, snippet.loc());
    }
    map
}

/// Versions, ciphers and client certificates of a listener.
fn tls_option(ctx: &Ctx<'_>, listener: &Listener) -> Option<Object> {
    let tls = listener.tls.as_ref()?;
    let at = tls.profile.loc();
    let spec = match tls.profile.value {
        TlsProfile::Modern => Map::new().put("minVersion", Node::word("VersionTLS13").at(at)),
        TlsProfile::Intermediate => Map::new()
            .put("minVersion", Node::word("VersionTLS12").at(at))
            .put("cipherSuites", words(INTERMEDIATE)),
    };
    let mut spec = spec.put(
        "curvePreferences",
        words(["X25519", "CurveP256", "CurveP384"]),
    );
    let protocols = match listener.http2.value {
        true => words(["h2", "http/1.1"]),
        false => words(["http/1.1"]),
    };
    spec = spec.put("alpnProtocols", protocols.at(listener.http2.loc()));
    if let Some(client) = &tls.client_auth {
        let kind = match client.mode.value {
            ClientAuthMode::Require => "RequireAndVerifyClientCert",
            ClientAuthMode::Optional => "VerifyClientCertIfGiven",
        };
        let secret = ctx.name(&["clients", &listener.name]);
        let map = Map::new()
            .put("secretNames", Node::list([text(&secret, client.ca.loc())]))
            .put("clientAuthType", text(kind, client.mode.loc()));
        spec = spec.put("clientAuth", map);
    }
    let name = ctx.name(&["tls", &listener.name]);
    Some(
        Object::new(
            "traefik.io/v1alpha1",
            "TLSOption",
            &name,
            ctx.namespace(),
            tls.at,
        )
        .put("spec", spec),
    )
}
