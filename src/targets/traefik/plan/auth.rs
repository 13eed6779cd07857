//! Who the client is: by password, or by another service's word.

use super::{Ctx, Dynamic, text, words};
use crate::emit::{Map, Node};
use crate::ir::{Auth, AuthKind, Basic, Forward, Route};

/// The middleware of a route's way to know a client.
pub(super) fn guard(ctx: &Ctx<'_>, dynamic: &mut Dynamic, route: &Route) -> Option<String> {
    let auth = ctx.g.auth_of(route)?;
    let name = format!("auth:{}", auth.name);
    dynamic
        .middlewares
        .add(&name, || Node::from(middleware(ctx, auth)).at(auth.at));
    Some(name)
}

fn middleware(ctx: &Ctx<'_>, auth: &Auth) -> Map {
    match &auth.kind {
        AuthKind::Basic(it) => Map::new().put("basicAuth", basic(it)),
        AuthKind::Forward(it) => Map::new().put("forwardAuth", forward(ctx, it)),
        // Never asked for: whoever needs them is closed.
        AuthKind::Jwt(_) | AuthKind::ApiKey(_) => Map::new(),
    }
}

fn basic(it: &Basic) -> Map {
    Map::new()
        .put("usersFile", text(&it.file.value, it.file.loc()))
        .put("realm", text(&it.realm.value, it.realm.loc()))
        .put("removeHeader", Node::flag(it.strip.value))
}

fn forward(ctx: &Ctx<'_>, it: &Forward) -> Map {
    let upstream = ctx.g.upstream(it.upstream.value);
    let server = upstream.servers.iter().find(|it| !it.backup.value);
    let address = server.unwrap_or(&upstream.servers[0]);
    let scheme = if upstream.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let url = format!("{scheme}://{}{}", address.address.value, it.path.value);
    let mut map = Map::new()
        .put("address", text(&url, it.upstream.loc()))
        // What came from trusted proxies was checked at the entry.
        .put("trustForwardHeader", Node::flag(true))
        .put("authRequestHeaders", words(&it.send.value));
    if !it.pass.value.is_empty() {
        map = map.put("authResponseHeaders", words(&it.pass.value));
    }
    if ctx.env.since(3, 6, 0) {
        // More than a service has to say.
        map = map.put("maxResponseBodySize", Node::number(1 << 20));
    }
    if let Some(tls) = &upstream.tls {
        let mut own = Map::new().maybe("ca", tls.ca.as_ref().map(|ca| text(&ca.value, ca.loc())));
        if let Some((cert, key)) = &tls.client {
            own = own
                .put("cert", text(&cert.value, cert.loc()))
                .put("key", text(&key.value, key.loc()));
        }
        if !tls.verify.value {
            own = own.put("insecureSkipVerify", Node::flag(true));
        }
        if !own.is_empty() {
            map = map.put("tls", own);
        }
    }
    map
}
