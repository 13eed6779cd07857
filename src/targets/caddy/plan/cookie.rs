//! The cookie of a client whose own server refused: it names the server that took the request instead.

use ring::hmac;

use super::{Ctx, fixed, handler, parts, upstream, word};
use crate::emit::{Map, Node, Part};
use crate::ir::{AuthKind, Feature, Server, StickyCookie, Subject, Upstream};

/// What comes before a handler that asks each server in turn.
///
/// The policy `cookie` sets a cookie for each server that it tries. So another policy chooses there, and the cookie is set
/// here once there is an answer: with the value that the policy knows the server by.
pub(super) fn anew(
    ctx: &Ctx<'_>,
    up: &Upstream,
    it: &StickyCookie,
    servers: &[&Server],
) -> Vec<Node> {
    let mut handle: Vec<Node> = Vec::new();
    if !others_set_cookies(ctx, up) {
        // A new client's was for the server that refused.
        let gone = Map::new().put("delete", Node::list([fixed("Set-Cookie")]));
        handle.push(handler("headers").put("response", gone).into());
    }
    let known = servers.iter().map(|server| {
        let (input, dial) = upstream::dialled(&server.address.value);
        Map::new()
            .put("input", word(&input))
            .put("outputs", Node::list([word(&hash(&dial))]))
    });
    let map = handler("map")
        .put("source", fixed("{http.reverse_proxy.upstream.hostport}"))
        .put("destinations", Node::list([fixed("{node}")]))
        .put("mappings", Node::list(known));
    handle.push(map.into());
    let name = format!("{}=", it.name.value);
    let mut line = vec![Part::Text(&name), Part::Static("{node}; Path=/")];
    if let Some(ttl) = it.ttl.value
        && ctx
            .v
            .renders(Feature::StickyCookieTtl, Subject::Upstream(up), it.ttl.from)
    {
        line.push(Part::Static("; Max-Age="));
        line.push(Part::Number(ttl.as_secs_ceil()));
    }
    line.push(Part::Static("; HttpOnly; SameSite=Lax"));
    let set = Map::new()
        .put(
            "add",
            Map::new().put("Set-Cookie", Node::list([parts(&line)])),
        )
        .put("deferred", Node::flag(true));
    handle.push(handler("headers").put("response", set).into());
    handle
}

/// Whether an answer has cookies before its server is asked: those of a service that lets the client in.
fn others_set_cookies(ctx: &Ctx<'_>, up: &Upstream) -> bool {
    let routes = ctx.g.routes.iter().filter(|route| {
        let mut shares = route.shares().iter();
        shares.any(|share| share.upstream.value == up.id)
    });
    let mut services = routes.filter_map(|route| match &ctx.g.auth_of(route)?.kind {
        AuthKind::Forward(it) => Some(it),
        _ => None,
    });
    services.any(|it| {
        let mut names = it.answer.value.iter();
        names.any(|name| name.eq_ignore_ascii_case("set-cookie"))
    })
}

/// The value that Caddy knows a server by, where its policy has no secret.
fn hash(dial: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b""), dial.as_bytes());
    let bytes = tag.as_ref().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn a_server_is_known_by_its_hash() {
        assert_eq!(
            hash("127.0.0.1:19001"),
            "019c2867e4140e3a36932da46e48ea5f7543b6fb8db1fff17e969200de3a20ca"
        );
    }
}
