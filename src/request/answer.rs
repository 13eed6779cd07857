//! What a route does with a request that it takes: the guards in their order, then its action.

use super::outcome::Outcome;
use super::router::{Router, contains};
use super::{Request, query};
use crate::ir::{
    Action, Auth, AuthKind, Entry, ErrorPage, Listener, PathRewrite, Redirect, Replace, Route,
    TokenPlace,
};

impl<'g> Router<'g> {
    /// Fills in what becomes of a request that an entry takes.
    pub(super) fn answer(
        &self,
        entry: Entry,
        request: &Request,
        listener: &Listener,
        path: &str,
        outcome: &mut Outcome,
    ) {
        let route = self.gateway.route(entry.route);
        if let Some((status, why)) = self.refusal(route, request, outcome) {
            outcome.status = Some(status);
            outcome.because.push(why);
            error_page(route, request, listener, status, outcome);
            return;
        }
        match &route.action {
            Action::Redirect(to) => redirect(&to.value, request, listener, outcome),
            Action::Respond(respond) => outcome.status = Some(respond.value.status),
            Action::Forward(shares) => {
                outcome.tunnel = tunnels(route, request);
                outcome.upstreams = shares
                    .iter()
                    .map(|share| (share.upstream.value, share.weight.value))
                    .collect();
                outcome.path = Some(self.seen(entry, route, request, path));
                if request.upgrade.is_some() && !outcome.tunnel {
                    outcome.because.push(
                        "the route passes no such upgrade: the server sees an ordinary request"
                            .to_owned(),
                    );
                }
            }
        }
    }

    /// The status that a guard refuses the request with, and why; a preflight's 204 is one too.
    ///
    /// What reads only the request's head comes first: method, client, upgrade and origin, then who the client is.
    fn refusal(
        &self,
        route: &'g Route,
        request: &Request,
        outcome: &mut Outcome,
    ) -> Option<(u16, String)> {
        if let Some(clients) = &route.clients {
            let allowed = clients
                .allow
                .as_ref()
                .is_none_or(|ranges| contains(&ranges.value, request.client));
            if contains(&clients.deny.value, request.client) || !allowed {
                return Some((403, "`clients` refuses this address".to_owned()));
            }
        }
        if route.cors.is_some()
            && request.method == "OPTIONS"
            && request.header("origin").is_some()
            && request.header("access-control-request-method").is_some()
        {
            return Some((204, "`cors` answers preflights".to_owned()));
        }
        if let Some(methods) = &route.methods
            && !methods.value.contains(&request.method)
        {
            let allowed = methods.value.join(", ");
            return Some((405, format!("`methods` allows only {allowed}")));
        }
        if let Some(refused) = websocket_refusal(route, request) {
            return Some(refused);
        }
        let auth = self.gateway.auth_of(route)?;
        if has_token(auth, request) {
            outcome.because.push(match &auth.kind {
                AuthKind::Forward(forward) => format!(
                    "passes if upstream {} agrees (auth {})",
                    self.gateway.upstream(forward.upstream.value).name,
                    auth.name
                ),
                AuthKind::Jwt(_) => format!("passes if the token is good (auth {})", auth.name),
                AuthKind::Basic(_) => {
                    format!("passes if the password is right (auth {})", auth.name)
                }
                AuthKind::ApiKey(_) => format!("passes if the key is known (auth {})", auth.name),
            });
            None
        } else {
            Some((401, format!("auth {} finds no token", auth.name)))
        }
    }

    /// The path and query that the server sees.
    fn seen(&self, entry: Entry, route: &'g Route, request: &Request, path: &str) -> String {
        let mut seen = path.to_owned();
        let mut query = request.query.clone();
        let stripped = self
            .gateway
            .auth_of(route)
            .map_or(&[][..], |auth| match &auth.kind {
                AuthKind::Jwt(jwt) if jwt.strip.value => &jwt.token.value,
                AuthKind::ApiKey(key) if key.strip.value => &key.from.value,
                AuthKind::Jwt(_)
                | AuthKind::ApiKey(_)
                | AuthKind::Basic(_)
                | AuthKind::Forward(_) => &[],
            });
        let mut removed: Vec<&str> = stripped
            .iter()
            .filter_map(|place| match place {
                TokenPlace::Query(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        if let Some(rewrite) = &route.rewrite {
            removed.extend(rewrite.query_remove.iter().map(|name| name.value.as_str()));
            removed.extend(rewrite.query_set.iter().map(|pair| pair.value.0.as_str()));
            if let Some(change) = &rewrite.path {
                let regex = match &change.value {
                    PathRewrite::Regex { matches, .. } => self.compiled(matches),
                    PathRewrite::StripPrefix
                    | PathRewrite::ReplacePrefix(_)
                    | PathRewrite::Path(_) => None,
                };
                let own = entry.path(self.gateway);
                seen = change.value.apply(own, path, regex.as_deref());
            }
        }
        if !removed.is_empty()
            && let Some(text) = &query
        {
            query = Some(query::without(text, &removed)).filter(|text| !text.is_empty());
        }
        for pair in route.rewrite.iter().flat_map(|rewrite| &rewrite.query_set) {
            let (name, value) = &pair.value;
            query = Some(query::with(
                query.as_deref().unwrap_or_default(),
                name,
                value,
            ));
        }
        match query {
            Some(query) => format!("{seen}?{query}"),
            None => seen,
        }
    }
}

/// Whether the request becomes a tunnel on this route once the server agrees.
fn tunnels(route: &Route, request: &Request) -> bool {
    route.websocket.as_ref().is_some_and(|websocket| {
        request
            .upgrade
            .as_ref()
            .is_some_and(|token| websocket.tokens.value.contains(token))
            && websocket.methods.value.contains(&request.method)
    })
}

fn websocket_refusal(route: &Route, request: &Request) -> Option<(u16, String)> {
    let websocket = route.websocket.as_ref()?;
    if !tunnels(route, request) {
        return websocket
            .only
            .value
            .then(|| (426, "`websocket.only` takes no plain request".to_owned()));
    }
    let Some(origin) = request.header("origin") else {
        return websocket.require_origin.value.then(|| {
            (
                403,
                "`require_origin`: the request has no `Origin`".to_owned(),
            )
        });
    };
    let origins = &websocket.origins.as_ref()?.value;
    let origin = origin.to_ascii_lowercase();
    let own = origins.same_host && is_own(&origin, request);
    (!own && !origins.exact.contains(&origin))
        .then(|| (403, format!("`origins` does not name `{origin}`")))
}

/// Whether an origin's host and port are the request's own.
fn is_own(origin: &str, request: &Request) -> bool {
    // An origin ends with its host and port.
    let bare = origin.splitn(4, '/').count() == 3;
    bare && Request::new("GET", false, origin).is_ok_and(|from| {
        from.host == request.host && from.port_or_default() == request.port_or_default()
            || from.host == request.host && from.port.is_none() && request.port.is_none()
    })
}

/// Whether there is something that the way to know a client can check.
fn has_token(auth: &Auth, request: &Request) -> bool {
    let scheme = |scheme: &str| {
        request.header("authorization").is_some_and(|value| {
            value
                .split_once(' ')
                .is_some_and(|(known, _)| known.eq_ignore_ascii_case(scheme))
        })
    };
    let there = |place: &TokenPlace| match place {
        TokenPlace::Bearer => scheme("bearer"),
        TokenPlace::Subprotocol => {
            let listed = request.header("sec-websocket-protocol").unwrap_or_default();
            let mut words = listed.split(',').map(str::trim);
            words.any(|word| word == "bearer" || word == "access_token") && words.next().is_some()
        }
        TokenPlace::Query(name) => request.query_value(name).is_some(),
        TokenPlace::Cookie(name) => request.cookie(name).is_some(),
        TokenPlace::Header(name) => request.header(name).is_some(),
    };
    match &auth.kind {
        AuthKind::Jwt(jwt) => jwt.token.value.iter().any(there),
        AuthKind::ApiKey(key) => key.from.value.iter().any(there),
        AuthKind::Basic(_) => scheme("basic"),
        AuthKind::Forward(_) => true,
    }
}

/// What stands in place of a refusal, if the route says so.
fn error_page(
    route: &Route,
    request: &Request,
    listener: &Listener,
    status: u16,
    outcome: &mut Outcome,
) {
    let Some(pages) = &route.error_pages else {
        return;
    };
    let replaced = matches!(pages.replace.value, Replace::Proxy | Replace::Both);
    let page = pages.pages.iter().find(|page| {
        let range = page.value.0;
        (range.first..=range.last).contains(&status)
    });
    match page.map(|page| &page.value.1) {
        Some(ErrorPage::Respond(Some(other), _)) if replaced => outcome.status = Some(*other),
        Some(ErrorPage::Redirect(to)) if replaced => redirect(to, request, listener, outcome),
        _ => {}
    }
}

fn redirect(to: &Redirect, request: &Request, listener: &Listener, outcome: &mut Outcome) {
    outcome.status = Some(to.status);
    outcome.location = Some(to.location(
        request.scheme(),
        &request.host,
        &request.path,
        request.query.as_deref(),
        listener,
    ));
}
