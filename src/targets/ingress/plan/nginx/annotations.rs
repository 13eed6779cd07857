//! Annotations of a route: times, sizes, tries, balance.

use super::Notes;

use super::super::Ctx;
use crate::ir::{
    Action, Balance, HashKey, HostHeader, Loc, RedirectTo, RetryAfter, Route, SameSite, Secure,
    Stickiness, Upstream,
};
use crate::targets::ingress::facts;
use crate::targets::kubernetes::ranges;

use super::guards::{cors, guard, limits, towards};

pub(super) fn annotations(ctx: &Ctx<'_>, route: &Route) -> Notes {
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

pub(super) fn tries(ctx: &Ctx<'_>, notes: Notes, route: &Route) -> Notes {
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

pub(super) fn balanced(notes: Notes, upstream: &Upstream) -> Notes {
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
