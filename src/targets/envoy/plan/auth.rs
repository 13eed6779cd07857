//! How a client is known: signed tokens, passwords, keys, another service.

use super::Ctx;
use super::doc::{self, at, dormant, kind, text, texts, time, typed};
use super::filters::{self, awake};
use crate::emit::{Map, Node};
use crate::ir::{Auth, AuthKind, JwksAlgorithm, Jwt, JwtKeys, Loc, Route, Secret, TokenPlace};

/// The header that carries a token from where it stood to `jwt_authn`.
const TOKEN: &str = "x-wsgen-token";

/// The ways to know a client that some of the routes ask for.
fn asked<'a>(ctx: &Ctx<'a>, served: &[&'a Route]) -> Vec<&'a Auth> {
    let closed = |route: &'a Route| ctx.is_closed(route);
    ctx.g
        .auth
        .iter()
        .filter(|it| {
            served.iter().any(|route| {
                route.auth.as_ref().is_some_and(|id| id.value == it.id) && !closed(route)
            })
        })
        .collect()
}

/// The filters of every way to know a client.
pub(super) fn filters<'a>(ctx: &Ctx<'a>, served: &[&'a Route]) -> Vec<Map> {
    let asked = asked(ctx, served);
    let mut all = Vec::new();
    if asked.iter().any(|it| scripted(&it.kind)) {
        all.push(dormant(
            filters::AUTH,
            filters::lua(include_str!("../lua/auth.lua")),
        ));
    }
    let tokens: Vec<(&Auth, &Jwt)> = asked
        .iter()
        .filter_map(|it| match &it.kind {
            AuthKind::Jwt(jwt) => Some((*it, jwt)),
            AuthKind::Basic(_) | AuthKind::ApiKey(_) | AuthKind::Forward(_) => None,
        })
        .collect();
    if !tokens.is_empty() {
        let mut providers = Map::new();
        let mut requirements = Map::new();
        for (auth, jwt) in tokens {
            let name = || crate::emit::lang::envoy::word(&auth.name);
            providers = providers.entry(name(), at(provider(auth, jwt), auth.at));
            let needs = Map::new().put("provider_name", text(&auth.name));
            requirements = requirements.entry(name(), needs);
        }
        all.push(dormant(
            filters::JWT,
            typed(kind!(
                "extensions.filters.http.jwt_authn.v3.JwtAuthentication"
            ))
            .put("providers", providers)
            .put("requirement_map", requirements),
        ));
    }
    let first = asked.iter().find_map(|it| match &it.kind {
        AuthKind::Basic(basic) => Some(basic),
        AuthKind::Jwt(_) | AuthKind::ApiKey(_) | AuthKind::Forward(_) => None,
    });
    if let Some(basic) = first {
        // Each route names its own file; the filter wants one all the same.
        let users = Map::new().put("filename", text(&basic.file.value));
        all.push(dormant(
            filters::BASIC,
            typed(kind!("extensions.filters.http.basic_auth.v3.BasicAuth")).put("users", users),
        ));
    }
    all
}

/// Whether a script has something to do for it.
fn scripted(kind: &AuthKind) -> bool {
    match kind {
        AuthKind::Jwt(jwt) => !is_bearer(jwt),
        AuthKind::Basic(_) => false,
        AuthKind::ApiKey(_) | AuthKind::Forward(_) => true,
    }
}

/// Whether `jwt_authn` finds the token itself.
fn is_bearer(jwt: &Jwt) -> bool {
    jwt.token.value == [TokenPlace::Bearer] && matches!(jwt.keys.value, JwtKeys::Key { .. })
}

/// What a route asks of the filters, and what it tells their script.
pub(super) fn of(auth: &Auth, loc: Loc) -> (Map, Map) {
    let mut filters = Map::new();
    let mut told = Map::new();
    if scripted(&auth.kind) {
        filters = filters.put(filters::AUTH, at(awake(), loc));
    }
    match &auth.kind {
        AuthKind::Jwt(jwt) => {
            let needs = typed(kind!("extensions.filters.http.jwt_authn.v3.PerRouteConfig"))
                .put("requirement_name", text(&auth.name));
            filters = filters.put(filters::JWT, at(needs, loc));
            if !is_bearer(jwt) {
                let mut rule = Map::new()
                    .put("kind", Node::word("token"))
                    .put("places", places(&jwt.token.value))
                    .put("strip", Node::flag(jwt.strip.value));
                if let JwtKeys::JwksUrl { algorithms, .. } | JwtKeys::JwksFile { algorithms, .. } =
                    &jwt.keys.value
                {
                    let names = algorithms.iter().map(|it| Node::word(algorithm(*it)));
                    rule = rule.put("algorithms", Node::list(names));
                }
                told = told.put("auth", at(rule, jwt.token.loc()));
            }
        }
        AuthKind::Basic(basic) => {
            let users = Map::new().put("filename", text(&basic.file.value));
            let needs = typed(kind!(
                "extensions.filters.http.basic_auth.v3.BasicAuthPerRoute"
            ))
            .put("users", users);
            filters = filters.put(filters::BASIC, at(needs, loc));
        }
        AuthKind::ApiKey(key) => {
            let rule = Map::new()
                .put("kind", Node::word("key"))
                .and(secret(&key.keys.value))
                .put("places", places(&key.from.value))
                .put("strip", Node::flag(key.strip.value));
            told = told.put("auth", at(rule, key.keys.loc()));
        }
        AuthKind::Forward(forward) => {
            let millis = forward.timeout.value.as_millis();
            let rule = Map::new()
                .put("kind", Node::word("forward"))
                .put("cluster", text(&super::clusters::authority(&auth.name)))
                .put("path", text(&forward.path.value))
                .put("send", texts(&forward.send.value))
                .put("pass", texts(&forward.pass.value))
                .put("answer", texts(&forward.answer.value))
                .put("timeout", doc::count(millis));
            told = told.put("auth", at(rule, forward.upstream.loc()));
        }
    }
    (filters, told)
}

fn secret(secret: &Secret) -> Map {
    match secret {
        Secret::Env(name) => Map::new().put("variable", text(name)),
        Secret::File(file) => Map::new().put("file", text(file)),
    }
}

fn places(list: &[TokenPlace]) -> Node {
    Node::list(list.iter().map(|place| {
        let kind = |kind: &'static str| Map::new().put("kind", Node::word(kind));
        match place {
            TokenPlace::Bearer => kind("bearer"),
            TokenPlace::Subprotocol => kind("subprotocol"),
            TokenPlace::Query(name) => kind("query").put("name", text(name)),
            TokenPlace::Cookie(name) => kind("cookie").put("name", text(name)),
            TokenPlace::Header(name) => kind("header").put("name", text(name)),
        }
    }))
}

const fn algorithm(it: JwksAlgorithm) -> &'static str {
    match it {
        JwksAlgorithm::Rs256 => "RS256",
        JwksAlgorithm::Rs384 => "RS384",
        JwksAlgorithm::Rs512 => "RS512",
        JwksAlgorithm::Es256 => "ES256",
        JwksAlgorithm::Es384 => "ES384",
    }
}

/// A key that is made into a key set when it is asked for.
pub(super) fn made_key(auth: &Auth) -> Node {
    match &auth.kind {
        AuthKind::Jwt(jwt) => match &jwt.keys.value {
            JwtKeys::Key { algorithm, key } => at(
                Map::new()
                    .put("algorithm", Node::word(algorithm))
                    .and(secret(key)),
                jwt.keys.loc(),
            ),
            JwtKeys::JwksUrl { .. } | JwtKeys::JwksFile { .. } => Map::new().into(),
        },
        AuthKind::Basic(_) | AuthKind::ApiKey(_) | AuthKind::Forward(_) => Map::new().into(),
    }
}

fn provider(auth: &Auth, jwt: &Jwt) -> Map {
    let mut map = Map::new();
    if let Some(issuer) = &jwt.issuer {
        map = map.put("issuer", at(text(&issuer.value), issuer.loc()));
    }
    if let Some(audience) = &jwt.audience {
        map = map.put("audiences", at(texts(&audience.value), audience.loc()));
    }
    let mut from = Map::new();
    from = if is_bearer(jwt) {
        from.put("name", Node::word("authorization"))
            .put("value_prefix", Node::word("Bearer "))
    } else {
        from.put("name", Node::word(TOKEN))
    };
    map = map
        .put("from_headers", Node::list([from]))
        .put("forward", Node::flag(is_bearer(jwt)))
        .put("require_expiration", Node::flag(true))
        .put(
            "clock_skew_seconds",
            at(
                doc::count(jwt.leeway.value.as_secs_ceil().max(1)),
                jwt.leeway.loc(),
            ),
        )
        .put("payload_in_metadata", Node::word("claims"));
    let remote = |uri: Node, cluster: Node, keep: Node| {
        let http = Map::new()
            .put("uri", uri)
            .put("cluster", cluster)
            .put("timeout", Node::word("5s"));
        Map::new().put("http_uri", http).put("cache_duration", keep)
    };
    match &jwt.keys.value {
        JwtKeys::Key { .. } => map.put(
            "remote_jwks",
            at(
                remote(
                    text(&format!("http://wsgen.keys/{}", auth.name)),
                    Node::word("wsgen.keys"),
                    // A secret that changes is read again soon.
                    Node::word("60s"),
                ),
                jwt.keys.loc(),
            ),
        ),
        JwtKeys::JwksUrl { url, refresh, .. } => map.put(
            "remote_jwks",
            at(
                remote(text(url), text(&jwks_cluster(auth)), time(*refresh)),
                jwt.keys.loc(),
            ),
        ),
        JwtKeys::JwksFile { file, .. } => map.put(
            "local_jwks",
            at(Map::new().put("filename", text(file)), jwt.keys.loc()),
        ),
    }
}

fn jwks_cluster(auth: &Auth) -> String {
    format!("wsgen.jwks.{}", auth.name)
}

/// The clusters of key sets that are fetched.
pub(super) fn clusters(ctx: &Ctx<'_>) -> Vec<Node> {
    let mut all = Vec::new();
    for auth in &ctx.g.auth {
        let AuthKind::Jwt(jwt) = &auth.kind else {
            continue;
        };
        let JwtKeys::JwksUrl { url, .. } = &jwt.keys.value else {
            continue;
        };
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        let tls = scheme.eq_ignore_ascii_case("https");
        let default = if tls { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse::<u16>().unwrap_or(default))
            }
            _ => (authority, default),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        all.push(at(
            super::clusters::fetching(ctx, &jwks_cluster(auth), host, port, tls),
            jwt.keys.loc(),
        ));
    }
    all
}
