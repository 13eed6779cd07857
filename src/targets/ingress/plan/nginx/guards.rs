//! Annotations for who may come, how often, and how servers are known.

use super::super::Ctx;
use super::Notes;
use crate::ir::{Address, AuthKind, Cors, Per, Route, Upstream};

pub(super) fn towards(ctx: &Ctx<'_>, notes: Notes, upstream: &Upstream) -> Notes {
    let Some(tls) = &upstream.tls else {
        return notes;
    };
    let mut notes = notes
        .set(
            "nginx.ingress.kubernetes.io/backend-protocol",
            "HTTPS",
            tls.at,
        )
        .set(
            "nginx.ingress.kubernetes.io/proxy-ssl-server-name",
            "on",
            tls.at,
        );
    let verify = if tls.verify.value && tls.ca.is_some() {
        "on"
    } else {
        "off"
    };
    notes = notes.set(
        "nginx.ingress.kubernetes.io/proxy-ssl-verify",
        verify,
        tls.verify.loc(),
    );
    // Left out it would be the controller's own name for the servers.
    let first = match &upstream.servers[0].address.value {
        Address::Name { host, .. } => host.clone(),
        Address::Ip { ip, .. } => ip.to_string(),
        Address::Unix { .. } => String::new(),
    };
    let (name, at) = match &tls.server_name {
        Some(name) => (name.value.clone(), name.loc()),
        None => (first, tls.at),
    };
    notes = notes.set("nginx.ingress.kubernetes.io/proxy-ssl-name", &name, at);
    // One Secret holds the authorities and the certificate that is shown.
    let at = match (&tls.ca, &tls.client) {
        (Some(ca), _) => ca.loc(),
        (None, Some((cert, _))) => cert.loc(),
        (None, None) => return notes,
    };
    let secret = format!("{}/{}", ctx.namespace(), ctx.name(&["ca", &upstream.name]));
    notes.set("nginx.ingress.kubernetes.io/proxy-ssl-secret", &secret, at)
}

pub(super) fn limits(notes: Notes, route: &Route) -> Notes {
    let mut notes = notes;
    if let Some(limit) = &route.requests {
        let rate = limit.rate.value;
        let (key, count) = match rate.per {
            Per::Second => ("nginx.ingress.kubernetes.io/limit-rps", rate.count),
            Per::Minute => ("nginx.ingress.kubernetes.io/limit-rpm", rate.count),
            Per::Hour => (
                "nginx.ingress.kubernetes.io/limit-rpm",
                rate.count.div_ceil(60),
            ),
        };
        let multiple = (limit.burst.value + 1).div_ceil(count.max(1)).max(1);
        notes = notes.set(key, &count.to_string(), limit.rate.loc()).set(
            "nginx.ingress.kubernetes.io/limit-burst-multiplier",
            &multiple.to_string(),
            limit.burst.loc(),
        );
    }
    if let Some(limit) = &route.connections {
        notes = notes.set(
            "nginx.ingress.kubernetes.io/limit-connections",
            &limit.max.value.to_string(),
            limit.max.loc(),
        );
    }
    notes
}

pub(super) fn guard(ctx: &Ctx<'_>, notes: Notes, route: &Route) -> Notes {
    let Some(auth) = ctx.g.auth_of(route) else {
        return notes;
    };
    match &auth.kind {
        AuthKind::Basic(it) => notes
            .set("nginx.ingress.kubernetes.io/auth-type", "basic", auth.at)
            .set(
                "nginx.ingress.kubernetes.io/auth-secret",
                &ctx.name(&["users", &auth.name]),
                it.file.loc(),
            )
            .set(
                "nginx.ingress.kubernetes.io/auth-realm",
                &it.realm.value,
                it.realm.loc(),
            ),
        AuthKind::Forward(it) => {
            let upstream = ctx.g.upstream(it.upstream.value);
            let scheme = if upstream.tls.is_some() {
                "https"
            } else {
                "http"
            };
            let url = format!(
                "{scheme}://{}{}",
                upstream.servers[0].address.value, it.path.value
            );
            let notes = notes.set(
                "nginx.ingress.kubernetes.io/auth-url",
                &url,
                it.upstream.loc(),
            );
            match it.pass.value.is_empty() {
                true => notes,
                false => notes.set(
                    "nginx.ingress.kubernetes.io/auth-response-headers",
                    &it.pass.value.join(","),
                    it.pass.loc(),
                ),
            }
        }
        // Never asked for: whoever needs them is closed.
        AuthKind::Jwt(_) | AuthKind::ApiKey(_) => notes,
    }
}

pub(super) fn cors(notes: Notes, cors: &Cors) -> Notes {
    let flag = |flag: bool| if flag { "true" } else { "false" };
    let origins = cors
        .origins
        .value
        .as_ref()
        .map_or_else(|| "*".to_owned(), |it| it.join(", "));
    let mut notes = notes
        .set("nginx.ingress.kubernetes.io/enable-cors", "true", cors.at)
        .set(
            "nginx.ingress.kubernetes.io/cors-allow-origin",
            &origins,
            cors.origins.loc(),
        )
        .set(
            "nginx.ingress.kubernetes.io/cors-allow-methods",
            &cors.methods.value.join(", "),
            cors.methods.loc(),
        )
        .set(
            "nginx.ingress.kubernetes.io/cors-allow-credentials",
            flag(cors.credentials.value),
            cors.credentials.loc(),
        );
    if !cors.headers.value.is_empty() {
        notes = notes.set(
            "nginx.ingress.kubernetes.io/cors-allow-headers",
            &cors.headers.value.join(", "),
            cors.headers.loc(),
        );
    }
    if !cors.expose.value.is_empty() {
        notes = notes.set(
            "nginx.ingress.kubernetes.io/cors-expose-headers",
            &cors.expose.value.join(", "),
            cors.expose.loc(),
        );
    }
    if let Some(age) = cors.max_age.value {
        notes = notes.set(
            "nginx.ingress.kubernetes.io/cors-max-age",
            &age.as_secs_ceil().to_string(),
            cors.max_age.loc(),
        );
    }
    notes
}
