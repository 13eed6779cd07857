//! Ways to know a client.

use super::{Ctx, string, strings};
use crate::emit::lang::js;
use crate::emit::{Map, Node, Tok};
use crate::ir::{ApiKey, Auth, AuthKind, Basic, Forward, JwksAlgorithm, Jwt, JwtKeys, TokenPlace};
use crate::targets::worker::facts;

/// Every entry that a route asks for.
pub(super) fn ways(ctx: &Ctx<'_>) -> Map {
    asked(ctx).fold(Map::new(), |map, it| {
        let way = match &it.kind {
            AuthKind::Jwt(jwt) => Map::new().put("jwt", token(ctx, it, jwt)),
            AuthKind::Basic(basic) => Map::new().put("basic", password(ctx, it, basic)),
            AuthKind::ApiKey(key) => Map::new().put("apiKey", api_key(ctx, it, key)),
            AuthKind::Forward(forward) => Map::new().put("forward", service(ctx, forward)),
        };
        map.entry(js::key(&it.name), Node::from(way).at(it.at))
    })
}

/// The entries that an open route asks for.
pub(super) fn asked<'a>(ctx: &Ctx<'a>) -> impl Iterator<Item = &'a Auth> {
    let g = ctx.g;
    let open = g
        .routes
        .iter()
        .filter(|route| !super::route::is_closed(ctx, route));
    let asked: Vec<_> = open.filter_map(|route| route.auth.as_ref()).collect();
    g.auth
        .iter()
        .filter(move |it| asked.iter().any(|id| id.value == it.id))
}

/// `(env) => env.NAME`.
fn getter(ctx: &Ctx<'_>, it: &Auth) -> Node {
    let name = facts::binding(ctx.g, it).map_or_else(String::new, |(name, _)| name);
    Node::tok(Tok::row(
        [&Tok::fixed("(env) =>"), &js::property("env", &name)],
        None,
    ))
}

fn token(ctx: &Ctx<'_>, it: &Auth, jwt: &Jwt) -> Node {
    let at = jwt.keys.loc();
    let (keys, algorithms) = match &jwt.keys.value {
        JwtKeys::Key { algorithm, .. } => {
            let kind = if algorithm.starts_with("HS") {
                "secret"
            } else {
                "pem"
            };
            (
                Map::new().put(kind, getter(ctx, it).at(at)),
                vec![*algorithm],
            )
        }
        JwtKeys::JwksFile { algorithms, .. } => (
            Map::new().put("jwks", getter(ctx, it).at(at)),
            algorithms.iter().map(algorithm).collect(),
        ),
        JwtKeys::JwksUrl {
            url,
            refresh,
            algorithms,
        } => {
            let refresh = i64::try_from(refresh.as_millis()).unwrap_or(i64::MAX);
            let keys = Map::new().put("url", string(url).at(at));
            (
                keys.put("refresh", Node::number(refresh)),
                algorithms.iter().map(algorithm).collect(),
            )
        }
    };
    let issuer = jwt.issuer.as_ref().map(|it| string(&it.value).at(it.loc()));
    let audience = jwt
        .audience
        .as_ref()
        .map(|it| strings(&it.value).at(it.loc()));
    let pass = (!jwt.pass.is_empty()).then(|| {
        Node::list(jwt.pass.iter().map(|pass| {
            let (header, claim) = &pass.value;
            Node::list([string(header), string(claim)]).at(pass.loc())
        }))
    });
    let map = keys
        .put(
            "algorithms",
            Node::list(algorithms.into_iter().map(Node::word)),
        )
        .put("token", places(&jwt.token.value).at(jwt.token.loc()))
        .put(
            "leeway",
            Node::number(i64::try_from(jwt.leeway.value.as_secs_ceil()).unwrap_or(i64::MAX))
                .at(jwt.leeway.loc()),
        )
        .maybe("issuer", issuer)
        .maybe("audience", audience)
        .maybe("pass", pass)
        .maybe(
            "strip",
            strip(jwt.strip.value).map(|it| it.at(jwt.strip.loc())),
        );
    map.into()
}

const fn algorithm(it: &JwksAlgorithm) -> &'static str {
    match it {
        JwksAlgorithm::Rs256 => "RS256",
        JwksAlgorithm::Rs384 => "RS384",
        JwksAlgorithm::Rs512 => "RS512",
        JwksAlgorithm::Es256 => "ES256",
        JwksAlgorithm::Es384 => "ES384",
    }
}

fn strip(on: bool) -> Option<Node> {
    on.then(|| Node::flag(true))
}

fn places(list: &[TokenPlace]) -> Node {
    Node::list(list.iter().map(|place| {
        let (kind, name) = match place {
            TokenPlace::Bearer => ("bearer", None),
            TokenPlace::Subprotocol => ("subprotocol", None),
            TokenPlace::Query(name) => ("query", Some(name)),
            TokenPlace::Cookie(name) => ("cookie", Some(name)),
            TokenPlace::Header(name) => ("header", Some(name)),
        };
        let mut items = vec![Node::word(kind)];
        items.extend(name.map(|name| string(name)));
        Node::list(items)
    }))
}

fn password(ctx: &Ctx<'_>, it: &Auth, basic: &Basic) -> Node {
    Map::new()
        .put("file", getter(ctx, it))
        .put("realm", string(&basic.realm.value).at(basic.realm.loc()))
        .maybe(
            "strip",
            strip(basic.strip.value).map(|it| it.at(basic.strip.loc())),
        )
        .into()
}

fn api_key(ctx: &Ctx<'_>, it: &Auth, key: &ApiKey) -> Node {
    Map::new()
        .put("keys", getter(ctx, it))
        .put("from", places(&key.from.value).at(key.from.loc()))
        .maybe(
            "strip",
            strip(key.strip.value).map(|it| it.at(key.strip.loc())),
        )
        .into()
}

fn service(ctx: &Ctx<'_>, it: &Forward) -> Node {
    let upstream = &ctx.g.upstream(it.upstream.value).name;
    let timeout = i64::try_from(it.timeout.value.as_millis()).unwrap_or(i64::MAX);
    Map::new()
        .put("upstream", string(upstream))
        .put("path", string(&it.path.value))
        .put("send", strings(&it.send.value))
        .put("pass", strings(&it.pass.value))
        .put("answer", strings(&it.answer.value))
        .put("timeout", Node::number(timeout))
        .into()
}
