//! Resources for ingress-nginx: one for each host and route, for its servers are apart by host and fall through to no other.

use super::{Ctx, rules, services};
use crate::emit::Map;
use crate::ir::{
    Action, Address, AuthKind, Balance, ClientAuthMode, Cors, HashKey, HostHeader, Listener, Loc,
    Per, RedirectTo, RetryAfter, Route, SameSite, Secure, Stickiness, Upstream,
};
use crate::targets::ingress::facts;
use crate::targets::ingress::sites::{Rule, of_sites};
use crate::targets::kubernetes::objects::Object;
use crate::targets::kubernetes::{ranges, text, word};

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

fn annotations(ctx: &Ctx<'_>, route: &Route) -> Notes {
    let mut notes = Notes::new();
    if let Action::Redirect(it) = &route.action
        && let RedirectTo::Url(url) = &it.value.to
    {
        let code = it.value.status.to_string();
        return match it.value.status {
            301 | 308 => notes
                .set(
                    "nginx.ingress.kubernetes.io/permanent-redirect",
                    url,
                    it.loc(),
                )
                .set(
                    "nginx.ingress.kubernetes.io/permanent-redirect-code",
                    &code,
                    it.loc(),
                ),
            _ => notes
                .set(
                    "nginx.ingress.kubernetes.io/temporal-redirect",
                    url,
                    it.loc(),
                )
                .set(
                    "nginx.ingress.kubernetes.io/temporal-redirect-code",
                    &code,
                    it.loc(),
                ),
        };
    }
    let Some(share) = route.shares().first() else {
        return notes;
    };
    let upstream = ctx.g.upstream(share.upstream.value);
    let secs = |dur: crate::ir::Dur| dur.as_secs_ceil().to_string();
    notes = notes.set(
        "nginx.ingress.kubernetes.io/proxy-connect-timeout",
        &secs(share.connect.value),
        share.connect.loc(),
    );
    let (silence, at) = match (&route.websocket, &route.stream) {
        (Some(it), _) => (it.idle.value.max(route.response.value), it.idle.loc()),
        (None, Some(it)) => (it.idle.value.max(route.response.value), it.idle.loc()),
        (None, None) => (route.response.value, route.response.loc()),
    };
    notes = notes
        .set(
            "nginx.ingress.kubernetes.io/proxy-read-timeout",
            &secs(silence),
            at,
        )
        .set(
            "nginx.ingress.kubernetes.io/proxy-send-timeout",
            &secs(silence),
            at,
        );
    notes = match route.body.value {
        // Without buffering Traefik, which reads the same annotations, counts nothing.
        Some(most) => notes
            .set(
                "nginx.ingress.kubernetes.io/proxy-body-size",
                &most.as_bytes().to_string(),
                route.body.loc(),
            )
            .set(
                "nginx.ingress.kubernetes.io/proxy-request-buffering",
                "on",
                route.body.loc(),
            ),
        None => notes.set(
            "nginx.ingress.kubernetes.io/proxy-body-size",
            "0",
            route.body.loc(),
        ),
    };
    if let Some(stream) = &route.stream {
        notes = notes.set(
            "nginx.ingress.kubernetes.io/proxy-buffering",
            "off",
            stream.at,
        );
        if stream.request.value && route.body.value.is_none() {
            notes = notes.set(
                "nginx.ingress.kubernetes.io/proxy-request-buffering",
                "off",
                stream.request.loc(),
            );
        }
    }
    notes = tries(ctx, notes, route);
    notes = balanced(notes, upstream);
    notes = towards(ctx, notes, upstream);
    match &share.host_header.value {
        HostHeader::Preserve => {}
        HostHeader::Set(host) => {
            notes = notes.set(
                "nginx.ingress.kubernetes.io/upstream-vhost",
                host,
                share.host_header.loc(),
            );
        }
        HostHeader::Upstream => {
            let host = upstream.servers[0].address.value.to_string();
            notes = notes.set(
                "nginx.ingress.kubernetes.io/upstream-vhost",
                &host,
                share.host_header.loc(),
            );
        }
    }
    notes = limits(notes, route);
    notes = guard(ctx, notes, route);
    if let Some(clients) = &route.clients {
        let admitted = ranges::admitted(clients).join(",");
        let admitted = if admitted.is_empty() {
            "255.255.255.255/32".to_owned()
        } else {
            admitted
        };
        notes = notes.set(
            "nginx.ingress.kubernetes.io/whitelist-source-range",
            &admitted,
            clients.at,
        );
    }
    if let Some(it) = &route.cors {
        notes = cors(notes, it);
    }
    let hides = ctx
        .g
        .log
        .as_ref()
        .is_some_and(|log| !log.redact_query.value.is_empty());
    if !route.log.value || hides {
        notes = notes.set(
            "nginx.ingress.kubernetes.io/enable-access-log",
            "false",
            route.log.loc(),
        );
    }
    notes
}

fn tries(ctx: &Ctx<'_>, notes: Notes, route: &Route) -> Notes {
    let asked = route
        .shares()
        .first()
        .and_then(|it| it.retries.value.as_ref().map(|retries| (it, retries)));
    let tries = facts::tries(ctx.g, route).to_string();
    match asked {
        Some((share, retries)) => {
            let mut after = vec!["error".to_owned()];
            after.extend(retries.after.iter().filter_map(|it| match it {
                RetryAfter::Connect => None,
                RetryAfter::Timeout => Some("timeout".to_owned()),
                RetryAfter::Status(status) => Some(format!("http_{status}")),
            }));
            notes
                .set(
                    "nginx.ingress.kubernetes.io/proxy-next-upstream",
                    &after.join(" "),
                    share.retries.loc(),
                )
                .set(
                    "nginx.ingress.kubernetes.io/proxy-next-upstream-tries",
                    &tries,
                    share.retries.loc(),
                )
        }
        None => notes
            .set(
                "nginx.ingress.kubernetes.io/proxy-next-upstream",
                "error",
                Loc::default(),
            )
            .set(
                "nginx.ingress.kubernetes.io/proxy-next-upstream-tries",
                &tries,
                Loc::default(),
            ),
    }
}

fn balanced(notes: Notes, upstream: &Upstream) -> Notes {
    let at = upstream.balance.loc();
    let notes = match &upstream.balance.value {
        Balance::RoundRobin | Balance::Random => notes,
        Balance::LeastConnections => {
            notes.set("nginx.ingress.kubernetes.io/load-balance", "ewma", at)
        }
        Balance::Hash(key) => {
            let under = |name: &str| name.to_ascii_lowercase().replace('-', "_");
            let key = match key {
                // Traefik, which reads the same annotations, knows no `$binary_remote_addr`.
                HashKey::Source => "$remote_addr".to_owned(),
                HashKey::Header(name) => format!("$http_{}", under(name)),
                HashKey::Cookie(name) => format!("$cookie_{name}"),
                HashKey::Query(name) => format!("$arg_{name}"),
                HashKey::Path => "$uri".to_owned(),
            };
            notes.set("nginx.ingress.kubernetes.io/upstream-hash-by", &key, at)
        }
    };
    match &upstream.stickiness {
        Some(Stickiness::Cookie(cookie)) => {
            let same_site = match cookie.same_site.value {
                SameSite::Strict => "Strict",
                SameSite::Lax => "Lax",
                SameSite::None => "None",
            };
            let mut notes = notes
                .set(
                    "nginx.ingress.kubernetes.io/affinity",
                    "cookie",
                    cookie.name.loc(),
                )
                // The other mode moves clients when servers come.
                .set(
                    "nginx.ingress.kubernetes.io/affinity-mode",
                    "persistent",
                    cookie.name.loc(),
                )
                .set(
                    "nginx.ingress.kubernetes.io/session-cookie-name",
                    &cookie.name.value,
                    cookie.name.loc(),
                )
                .set(
                    "nginx.ingress.kubernetes.io/session-cookie-path",
                    &cookie.path.value,
                    cookie.path.loc(),
                )
                .set(
                    "nginx.ingress.kubernetes.io/session-cookie-samesite",
                    same_site,
                    cookie.same_site.loc(),
                );
            if let Some(ttl) = cookie.ttl.value {
                let ttl = ttl.as_secs_ceil().to_string();
                notes = notes
                    .set(
                        "nginx.ingress.kubernetes.io/session-cookie-max-age",
                        &ttl,
                        cookie.ttl.loc(),
                    )
                    .set(
                        "nginx.ingress.kubernetes.io/session-cookie-expires",
                        &ttl,
                        cookie.ttl.loc(),
                    );
            }
            match cookie.secure.value {
                Secure::OnTls => notes,
                Secure::Always => notes.set(
                    "nginx.ingress.kubernetes.io/session-cookie-secure",
                    "true",
                    cookie.secure.loc(),
                ),
                Secure::Never => notes.set(
                    "nginx.ingress.kubernetes.io/session-cookie-secure",
                    "false",
                    cookie.secure.loc(),
                ),
            }
        }
        Some(Stickiness::Source { at, .. }) => notes.set(
            "nginx.ingress.kubernetes.io/upstream-hash-by",
            "$remote_addr",
            *at,
        ),
        Some(Stickiness::AppCookie { .. }) | None => notes,
    }
}

fn towards(ctx: &Ctx<'_>, notes: Notes, upstream: &Upstream) -> Notes {
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

fn limits(notes: Notes, route: &Route) -> Notes {
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

fn guard(ctx: &Ctx<'_>, notes: Notes, route: &Route) -> Notes {
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

fn cors(notes: Notes, cors: &Cors) -> Notes {
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
