//! Who may come to a route, as a SecurityPolicy.

use super::super::Ctx;
use crate::emit::{Map, Node};
use crate::ir::{AuthKind, JwtKeys, Route, TokenPlace};
use crate::targets::kubernetes::{ranges, text, word, words};

pub(super) fn security(ctx: &Ctx<'_>, route: &Route) -> Map {
    let mut map = Map::new();
    if let Some(clients) = &route.clients {
        let admitted = ranges::admitted(clients);
        let rules = (!admitted.is_empty()).then(|| {
            let principal = Map::new().put("clientCIDRs", words(admitted));
            let rule = Map::new()
                .put("action", Node::word("Allow"))
                .put("principal", principal);
            Node::list([rule])
        });
        let own = Map::new()
            .put("defaultAction", Node::word("Deny"))
            .maybe("rules", rules);
        map = map.put("authorization", Node::from(own).at(clients.at));
    }
    let Some(auth) = ctx.g.auth_of(route) else {
        return map;
    };
    match &auth.kind {
        AuthKind::Basic(it) => {
            let users = Map::new().put(
                "name",
                text(&ctx.name(&["users", &auth.name]), it.file.loc()),
            );
            map.put("basicAuth", Map::new().put("users", users))
        }
        AuthKind::Jwt(it) => {
            let JwtKeys::JwksUrl { url, .. } = &it.keys.value else {
                return map;
            };
            let mut provider = Map::new().put("name", word(&ctx.name(&[&auth.name]))).put(
                "remoteJWKS",
                Map::new().put("uri", text(url, it.keys.loc())),
            );
            if let Some(issuer) = &it.issuer {
                provider = provider.put("issuer", text(&issuer.value, issuer.loc()));
            }
            if let Some(audience) = &it.audience {
                provider = provider.put("audiences", words(&audience.value).at(audience.loc()));
            }
            let (mut headers, mut cookies, mut params) = (Vec::new(), Vec::new(), Vec::new());
            for place in &it.token.value {
                match place {
                    TokenPlace::Bearer => headers.push(
                        Map::new()
                            .put("name", Node::word("Authorization"))
                            .put("valuePrefix", word("Bearer ")),
                    ),
                    TokenPlace::Header(name) => headers.push(Map::new().put("name", word(name))),
                    TokenPlace::Cookie(name) => cookies.push(name.as_str()),
                    TokenPlace::Query(name) => params.push(name.as_str()),
                    TokenPlace::Subprotocol => {}
                }
            }
            let mut from = Map::new();
            if !headers.is_empty() {
                from = from.put("headers", Node::list(headers));
            }
            if !cookies.is_empty() {
                from = from.put("cookies", words(cookies));
            }
            if !params.is_empty() {
                from = from.put("params", words(params));
            }
            provider = provider.put("extractFrom", Node::from(from).at(it.token.loc()));
            if !it.pass.is_empty() {
                let claims = it.pass.iter().map(|pass| {
                    Map::new()
                        .put("header", text(&pass.value.0, pass.loc()))
                        .put("claim", text(&pass.value.1, pass.loc()))
                });
                provider = provider.put("claimToHeaders", Node::list(claims));
            }
            let providers = Node::list([Node::from(provider).at(auth.at)]);
            map.put("jwt", Map::new().put("providers", providers))
        }
        // Never asked for: whoever needs them is closed.
        AuthKind::ApiKey(_) | AuthKind::Forward(_) => map,
    }
}
