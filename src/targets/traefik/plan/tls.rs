//! TLS towards clients: certificates, options, authorities that issue them, and what every answer of a listener has.

use super::router::Router;
use super::rule;
use super::{Ctx, Dynamic, text, word, words};
use crate::emit::{Map, Node};
use crate::ir::{
    AcmeChallenge, Certificate, CertificateSource, ClientAuthMode, HostMatch, Listener, TlsProfile,
};
use crate::targets::traefik::facts::{self, TlsWish};

/// Mozilla's intermediate, in Go's names; Go orders them itself.
const INTERMEDIATE: [&str; 6] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// The dynamic file's `tls`; `None` where no listener has TLS.
pub(super) fn dynamic(ctx: &Ctx<'_>) -> Option<Map> {
    let wishes: Vec<(&Listener, TlsWish<'_>)> = ctx
        .g
        .listeners
        .iter()
        .filter_map(|it| Some((it, facts::tls_wish(it)?)))
        .collect();
    if wishes.is_empty() {
        return None;
    }
    let mut map = Map::new();
    let mut pairs = Vec::new();
    for it in &ctx.g.certificates {
        if let CertificateSource::Files { cert, key } = &it.source {
            let pair = Map::new()
                .put("certFile", text(&cert.value, cert.loc()))
                .put("keyFile", text(&key.value, key.loc()));
            pairs.push(Node::from(pair).at(it.at));
        }
    }
    if !pairs.is_empty() {
        map = map.put("certificates", Node::list(pairs));
    }
    if let Some(stores) = fallback(ctx, wishes[0].0) {
        map = map.put("stores", Map::new().put("default", stores));
    }
    let mut options = Map::new();
    let strictest = wishes
        .iter()
        .max_by_key(|(_, wish)| {
            let client = wish.client.map(|(_, mode)| mode == ClientAuthMode::Require);
            (client, wish.profile == TlsProfile::Modern, wish.strict)
        })
        .map(|(_, wish)| wish);
    if let Some(wish) = strictest {
        options = options
            .remark("where no name of a route is asked for, and for all listeners that agree")
            .put("default", self::options(wish));
    }
    if !facts::one_tls_wish(ctx.g) {
        for (listener, wish) in &wishes {
            options = options.entry(
                crate::emit::lang::traefik::word(&options_name(listener)),
                self::options(wish).at(listener.at),
            );
        }
    }
    Some(map.put("options", options))
}

/// The certificate for names that no certificate has.
fn fallback(ctx: &Ctx<'_>, listener: &Listener) -> Option<Map> {
    let tls = listener.tls.as_ref()?;
    let first = ctx.g.certificate(*tls.certificates.value.first()?);
    match &first.source {
        CertificateSource::Files { cert, key } => Some(
            Map::new().put(
                "defaultCertificate",
                Node::from(
                    Map::new()
                        .put("certFile", word(&cert.value))
                        .put("keyFile", word(&key.value)),
                )
                .at(tls.certificates.loc()),
            ),
        ),
        CertificateSource::Acme { .. } => {
            let (resolver, _) = resolver(ctx, first)?;
            let made = Map::new()
                .put("resolver", word(&resolver))
                .put("domain", domain(first));
            Some(Map::new().put("defaultGeneratedCert", made))
        }
    }
}

fn options(wish: &TlsWish<'_>) -> Node {
    let mut map = match wish.profile {
        TlsProfile::Modern => Map::new().put("minVersion", Node::word("VersionTLS13")),
        TlsProfile::Intermediate => Map::new()
            .put("minVersion", Node::word("VersionTLS12"))
            .put("cipherSuites", words(INTERMEDIATE)),
    };
    map = map.put(
        "curvePreferences",
        words(["X25519", "CurveP256", "CurveP384"]),
    );
    if !wish.http2 {
        map = map.put("alpnProtocols", words(["http/1.1", "acme-tls/1"]));
    }
    if wish.strict {
        map = map.put("sniStrict", Node::flag(true));
    }
    if let Some((ca, mode)) = wish.client {
        let kind = match mode {
            ClientAuthMode::Require => "RequireAndVerifyClientCert",
            ClientAuthMode::Optional => "VerifyClientCertIfGiven",
        };
        let auth = Map::new()
            .put("caFiles", words([ca]))
            .put("clientAuthType", Node::word(kind));
        map = map.put("clientAuth", auth);
    }
    map.into()
}

/// The name of a listener's own options.
fn options_name(listener: &Listener) -> String {
    format!("listener:{}", listener.name)
}

/// The `tls` of a listener's entry point.
pub(super) fn of_entry_point(listener: &Listener) -> Option<Map> {
    listener.tls.as_ref().map(|_| Map::new())
}

/// What has the certificates of authorities issued: routers that take no request, one for each certificate of a listener. Those of
/// the routes name one authority each, and hosts that no route has none.
pub(super) fn issuers(ctx: &Ctx<'_>) -> Vec<Router> {
    let mut all: Vec<Router> = Vec::new();
    for listener in &ctx.g.listeners {
        let ids = listener.tls.iter().flat_map(|tls| &tls.certificates.value);
        for certificate in ids.map(|id| ctx.g.certificate(*id)) {
            let name = format!("issue:{}", certificate.name);
            let Some((resolver, _)) = resolver(ctx, certificate) else {
                continue;
            };
            if let Some(known) = all.iter_mut().find(|it| it.name == name) {
                known.entry_points.push(listener.name.clone());
                continue;
            }
            let tls = Map::new()
                .put("certResolver", word(&resolver))
                .put("domains", Node::list([domain(certificate)]));
            all.push(Router {
                name,
                rule: rule::nothing(),
                entry_points: vec![listener.name.clone()],
                parent: None,
                middlewares: Vec::new(),
                service: "noop@internal".to_owned(),
                tls: Some(tls),
                logged: true,
                at: certificate.at,
                remark: Some("takes no request: has a certificate issued"),
            });
        }
    }
    all
}

fn domain(certificate: &Certificate) -> Map {
    let (main, others) = match certificate.hosts.value.split_first() {
        Some((main, others)) => (main.as_str(), others),
        None => ("", &[][..]),
    };
    let map = Map::new().put("main", word(main));
    match others.is_empty() {
        true => map,
        false => map.put("sans", words(others)),
    }
}

/// A router's own `tls`: its listener's options, which hold for the names in its rule only.
pub(super) fn of_router(ctx: &Ctx<'_>, listener: &Listener, hosts: &[&HostMatch]) -> Option<Map> {
    listener.tls.as_ref()?;
    let exact = |host: &&HostMatch| matches!(host, HostMatch::Exact(_));
    (!facts::one_tls_wish(ctx.g) && hosts.iter().all(exact))
        .then(|| Map::new().put("options", word(&options_name(listener))))
}

/// The resolver of a certificate that is issued, and its number.
fn resolver(ctx: &Ctx<'_>, certificate: &Certificate) -> Option<(String, usize)> {
    let number = resolvers(ctx)
        .iter()
        .position(|it| same(&it.source, &certificate.source))?;
    let name = &ctx.g.rooms.traefik.resolver.value;
    Some((
        match number {
            0 => name.clone(),
            more => format!("{name}-{}", more + 1),
        },
        number,
    ))
}

/// A certificate for each way to have some issued.
fn resolvers<'a>(ctx: &Ctx<'a>) -> Vec<&'a Certificate> {
    let mut found: Vec<&Certificate> = Vec::new();
    for it in &ctx.g.certificates {
        let issued = matches!(it.source, CertificateSource::Acme { .. });
        if issued && !found.iter().any(|known| same(&known.source, &it.source)) {
            found.push(it);
        }
    }
    found
}

fn same(one: &CertificateSource, other: &CertificateSource) -> bool {
    match (one, other) {
        (
            CertificateSource::Acme {
                email,
                challenge,
                directory,
            },
            CertificateSource::Acme {
                email: other_email,
                challenge: other_challenge,
                directory: other_directory,
            },
        ) => {
            email.as_ref().map(|it| &it.value) == other_email.as_ref().map(|it| &it.value)
                && challenge.value == other_challenge.value
                && directory.value == other_directory.value
        }
        _ => false,
    }
}

/// The static file's `certificatesResolvers`.
pub(super) fn authorities(ctx: &Ctx<'_>) -> Map {
    let mut map = Map::new();
    for certificate in resolvers(ctx) {
        let (
            CertificateSource::Acme {
                email,
                challenge,
                directory,
            },
            Some((name, _)),
        ) = (&certificate.source, resolver(ctx, certificate))
        else {
            continue;
        };
        let mut acme = Map::new();
        if let Some(email) = email {
            acme = acme.put("email", text(&email.value, email.loc()));
        }
        acme = acme
            .put("storage", word(&ctx.g.rooms.traefik.storage.value))
            .put("caServer", text(&directory.value, directory.loc()));
        acme = match challenge.value {
            AcmeChallenge::TlsAlpn => acme.put("tlsChallenge", Map::new()),
            AcmeChallenge::Http => match http_listener(ctx) {
                Some(listener) => acme.put(
                    "httpChallenge",
                    Map::new().put("entryPoint", word(&listener.name)),
                ),
                None => acme.put("tlsChallenge", Map::new()),
            },
        };
        map = map.entry(
            crate::emit::lang::traefik::word(&name),
            Node::from(Map::new().put("acme", acme)).at(certificate.at),
        );
    }
    map
}

/// The listener that authorities write to.
fn http_listener<'a>(ctx: &Ctx<'a>) -> Option<&'a Listener> {
    let plain = || ctx.g.listeners.iter().filter(|it| it.tls.is_none());
    plain()
        .find(|it| it.public_port.value == 80)
        .or_else(|| plain().next())
}

/// The middleware of a listener: what all its requests say of it, and all its answers.
pub(super) fn of_listener(listener: &Listener) -> String {
    format!("listener:{}", listener.name)
}

/// The middlewares of all listeners.
pub(super) fn hsts(ctx: &Ctx<'_>, dynamic: &mut Dynamic) {
    for it in &ctx.g.listeners {
        dynamic.middlewares.add(&of_listener(it), || {
            let sent = Map::new()
                // Traefik writes `ws` and `wss` for sockets.
                .put("X-Forwarded-Proto", Node::word(it.scheme()))
                .put(
                    "X-Forwarded-Port",
                    text(&it.public_port.value.to_string(), it.public_port.loc()),
                )
                // Traefik would pass it on as the client wrote it.
                .put("Forwarded", Node::word(""));
            let mut map = Map::new().put("customRequestHeaders", sent);
            if let Some(hsts) = it.tls.as_ref().and_then(|tls| tls.hsts.as_ref()) {
                map = map.put(
                    "customResponseHeaders",
                    Map::new().put(
                        "Strict-Transport-Security",
                        text(&hsts.value.header(), hsts.loc()),
                    ),
                );
            }
            Node::from(Map::new().put("headers", map)).at(it.at)
        });
    }
}
