//! Guards: who may come, how the client is known, how much it may ask for. A guard that NGINX lacks closes its route.

use super::words::{Directive, answer_variable, default, dur, header_variable, variable, word};
use super::{Location, Planner};
use crate::emit::Tok;
use crate::emit::lang::nginx;
use crate::ir::{
    Auth, AuthKind, Feature, Forward, Gateway, Listener, Loc, Per, PerKey, Rate, RequestLimit,
    Route, Subject,
};

/// What a route's guards say in a location.
#[derive(Debug, Default)]
pub(super) struct Guards {
    /// Lines that are obeyed before the request goes anywhere, but after every `return`.
    pub(super) lines: Vec<Directive>,
    /// Request headers: name, value.
    pub(super) sent: Vec<(String, Tok, Loc)>,
    /// Response headers: name, value.
    pub(super) answered: Vec<(String, Tok, Loc)>,
    /// The location that fetches a forward authority's refusal for the client.
    pub(super) authority: Option<String>,
}

impl Planner<'_> {
    /// Whether a guard of the route cannot be kept: then nobody may come.
    pub(super) fn is_closed(&self, route: &Route) -> bool {
        const ROUTE: [Feature; 6] = [
            Feature::Clients,
            Feature::Origins,
            Feature::LimitBody,
            Feature::LimitRequests,
            Feature::LimitConnections,
            Feature::WhenClients,
        ];
        let on = Subject::Route(route);
        ROUTE
            .iter()
            .any(|feature| !self.verdicts.renders_all(*feature, on))
            || self.gateway.auth_of(route).is_some_and(|auth| {
                !self.verdicts.renders_guards(Subject::Auth(auth))
                    || !matches!(auth.kind, AuthKind::Basic(_) | AuthKind::Forward(_))
            })
    }

    pub(super) fn guards(
        &mut self,
        route: &Route,
        listener: &Listener,
        name: &str,
        extra: &mut Vec<Location>,
    ) -> Guards {
        let mut guards = Guards::default();
        if let Some(clients) = &route.clients {
            for range in &clients.deny.value {
                guards.lines.push(
                    Directive::new("deny", vec![word(&range.to_string())]).at(clients.deny.loc()),
                );
            }
            if let Some(allow) = &clients.allow {
                for range in &allow.value {
                    guards.lines.push(
                        Directive::new("allow", vec![word(&range.to_string())]).at(allow.loc()),
                    );
                }
                guards
                    .lines
                    .push(Directive::fixed("deny all").at(allow.loc()));
            }
        }
        if let Some(limit) = &route.requests {
            self.requests(route, limit, &mut guards);
        }
        if let Some(limit) = &route.connections {
            let at = limit.max.loc();
            let zone = format!("wg_open_{}", route.id.0);
            let key = per_key(&limit.per.value);
            let size = if limit.per.value == PerKey::Route {
                "32k"
            } else {
                "1m"
            };
            self.zone(
                "limit_conn_zone",
                vec![word(&key), word(&format!("zone={zone}:{size}"))],
                &zone,
                at,
            );
            guards.lines.push(
                Directive::new(
                    "limit_conn",
                    vec![word(&zone), Tok::number(u64::from(limit.max.value))],
                )
                .at(at),
            );
            // One `limit_conn` here drops those of the level above.
            if let Some(most) = listener.connections.value {
                guards.lines.push(Directive::new(
                    "limit_conn",
                    vec![
                        word(&format!("wg_listener_{}", listener.id.0)),
                        Tok::number(most),
                    ],
                ));
            }
        }
        if let Some(auth) = self.gateway.auth_of(route) {
            match &auth.kind {
                AuthKind::Basic(basic) => {
                    guards.lines.push(
                        Directive::new("auth_basic", vec![nginx::text(&basic.realm.value)])
                            .at(basic.realm.loc()),
                    );
                    guards.lines.push(
                        Directive::new(
                            "auth_basic_user_file",
                            vec![nginx::text(&basic.file.value)],
                        )
                        .at(basic.file.loc()),
                    );
                    if basic.strip.value {
                        guards
                            .sent
                            .push(("Authorization".to_owned(), word(""), basic.strip.loc()));
                    }
                }
                AuthKind::Forward(forward) => {
                    self.authority(auth, forward, name, &mut guards, extra);
                }
                // The route is closed.
                AuthKind::Jwt(_) | AuthKind::ApiKey(_) => {}
            }
        }
        guards
    }

    pub(super) fn requests(&mut self, route: &Route, limit: &RequestLimit, guards: &mut Guards) {
        let at = limit.rate.loc();
        let rate = bucket_rate(self.gateway, limit);
        let zone = match &limit.bucket {
            Some(bucket) => {
                let next = self.buckets.len();
                let number = *self.buckets.entry(bucket.value.clone()).or_insert(next);
                format!("wg_bucket_{number}")
            }
            None => format!("wg_rate_{}", route.id.0),
        };
        let mut key = per_key(&limit.per.value);
        if !limit.exempt.value.is_empty() {
            let at = limit.exempt.loc();
            let mut lines = vec![default("1")];
            for range in &limit.exempt.value {
                lines.push(Directive::entry(word(&range.to_string()), word("")));
            }
            let counted = self.vars.make("geo", "$remote_addr", "counted", lines, at);
            let lines = vec![Directive::entry(Tok::fixed("1"), word(&key)), default("")];
            key = format!(
                "${}",
                self.vars.map(&format!("${counted}"), "key", lines, at)
            );
        }
        let per = match rate.per {
            Per::Second => format!("rate={}r/s", rate.count),
            Per::Minute => format!("rate={}r/m", rate.count),
            Per::Hour => format!("rate={}r/m", rate.count.div_ceil(60)),
        };
        let size = if limit.per.value == PerKey::Route {
            "32k"
        } else {
            "1m"
        };
        self.zone(
            "limit_req_zone",
            vec![word(&key), word(&format!("zone={zone}:{size}")), word(&per)],
            &zone,
            at,
        );
        let mut args = vec![word(&format!("zone={zone}"))];
        if limit.burst.value > 0 {
            args.push(word(&format!("burst={}", limit.burst.value)));
            args.push(Tok::fixed("nodelay"));
        }
        guards.lines.push(Directive::new("limit_req", args).at(at));
        let again = rate.per.secs().div_ceil(u64::from(rate.count)).max(1);
        let lines = vec![
            Directive::entry(Tok::fixed("REJECTED"), Tok::number(again)),
            default(""),
        ];
        let after = self.vars.map("$limit_req_status", "retry", lines, at);
        guards
            .answered
            .push(("Retry-After".to_owned(), variable(&after), at));
    }

    pub(super) fn zone(&mut self, kind: &'static str, args: Vec<Tok>, zone: &str, at: Loc) {
        if self.known_zones.insert(zone.to_owned()) {
            self.zones.push(Directive::new(kind, args).at(at));
        }
    }

    /// A forward authority: a subrequest decides; a refusal other than 403 is fetched anew, so that the client sees it as it is.
    pub(super) fn authority(
        &mut self,
        auth: &Auth,
        forward: &Forward,
        name: &str,
        guards: &mut Guards,
        extra: &mut Vec<Location>,
    ) {
        let at = auth.at;
        let inner = format!("/.wsgen/auth/{name}");
        guards
            .lines
            .push(Directive::new("auth_request", vec![word(&inner)]).at(at));
        let mut headers = Vec::new();
        for (kind, names) in [("pass", &forward.pass), ("answer", &forward.answer)] {
            for (number, header) in names.value.iter().enumerate() {
                let variable_name = format!("wg_{kind}_{}_{number}", auth.id.0);
                guards.lines.push(
                    Directive::new(
                        "auth_request_set",
                        vec![variable(&variable_name), variable(&answer_variable(header))],
                    )
                    .at(names.loc()),
                );
                let entry = (header.clone(), variable(&variable_name), names.loc());
                if kind == "pass" {
                    guards.sent.push(entry);
                } else {
                    guards.answered.push(entry);
                }
            }
        }
        for header in &forward.send.value {
            headers.push((
                header.clone(),
                variable(&header_variable(header)),
                forward.send.loc(),
            ));
        }
        for (header, value) in self.base_headers(true) {
            if !header.eq_ignore_ascii_case("upgrade") {
                headers.push((header.to_owned(), word(&value), at));
            }
        }
        headers.retain(|(header, _, _)| !header.eq_ignore_ascii_case("connection"));
        for (header, value) in [
            ("Connection", ""),
            ("Upgrade", ""),
            ("Content-Length", ""),
            ("X-Forwarded-Method", "$request_method"),
            ("X-Forwarded-Uri", "$request_uri"),
        ] {
            headers.push((header.to_owned(), word(value), at));
        }
        let upstream = self.gateway.upstream(forward.upstream.value);
        let scheme = if upstream.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let url = format!(
            "{scheme}://{}$wg_authority",
            self.upstream_names[upstream.id.index()]
        );
        let mut ask: Vec<Directive> = headers
            .into_iter()
            .map(|(header, value, at)| {
                Directive::new("proxy_set_header", vec![nginx::word(&header), value]).at(at)
            })
            .collect();
        ask.push(Directive::fixed("proxy_method GET"));
        ask.push(Directive::fixed("proxy_pass_request_headers off"));
        ask.push(Directive::fixed("proxy_pass_request_body off"));
        for timer in ["proxy_connect_timeout", "proxy_read_timeout"] {
            ask.push(
                Directive::new(timer, vec![dur(forward.timeout.value)]).at(forward.timeout.loc()),
            );
        }
        ask.push(
            Directive::new("set $wg_authority", vec![nginx::text(&forward.path.value)])
                .at(forward.path.loc()),
        );
        ask.push(Directive::new("proxy_pass", vec![word(&url)]).at(forward.upstream.loc()));
        let mut inside = vec![Directive::fixed("internal")];
        inside.extend(ask.iter().cloned());
        extra.push(Location::plain(
            vec![word("="), word(&inner)],
            &format!("auth {}: the question", auth.name),
            inside,
            at,
        ));
        let answer = format!("{name}~refused");
        // Whatever keeps the authority from answering.
        ask.push(Directive::fixed("error_page 502 504 = @wg_503"));
        extra.push(Location::plain(
            vec![word(&format!("@{answer}"))],
            "",
            ask,
            at,
        ));
        guards.authority = Some(format!("@{answer}"));
    }
}

/// The rate that counts: a zone has one, so the slowest of a bucket's routes serves them all.
pub(in crate::targets::nginx) fn bucket_rate(gateway: &Gateway, limit: &RequestLimit) -> Rate {
    let bucket = |it: &RequestLimit| it.bucket.as_ref().map(|it| it.value.clone());
    let own = bucket(limit);
    let limits = gateway
        .routes
        .iter()
        .filter_map(|it| it.requests.as_deref());
    let rates = limits
        .filter(|it| own.is_some() && bucket(it) == own)
        .map(|it| it.rate.value);
    // Requests in an hour, so that no period has a fraction.
    rates
        .min_by_key(|it| u64::from(it.count) * (3600 / it.per.secs()))
        .unwrap_or(limit.rate.value)
}

fn per_key(key: &PerKey) -> String {
    match key {
        PerKey::Client => "$binary_remote_addr".to_owned(),
        // A key may not be empty; every request has this one.
        PerKey::Route => "all".to_owned(),
        PerKey::Header(name) => format!("${}", header_variable(name)),
    }
}
