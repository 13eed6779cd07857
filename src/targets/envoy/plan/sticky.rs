//! Who stays on which server: the proxy's own cookie.

use super::Ctx;
use super::doc::{at, extension, kind, text, time, typed};
use crate::emit::{Map, Node};
use crate::ir::{Listener, Route, SameSite, Secure, Stickiness, StickyCookie};

/// The cookie of the proxy's own that keeps clients of a route on their server.
pub(super) fn of<'a>(ctx: &Ctx<'a>, route: &'a Route) -> Option<&'a Stickiness> {
    route.shares().iter().find_map(|share| {
        let upstream = ctx.g.upstream(share.upstream.value);
        upstream
            .stickiness
            .as_ref()
            .filter(|it| matches!(it, Stickiness::Cookie(_) | Stickiness::AppCookie { .. }))
    })
}

/// What a route tells the filter that keeps clients on their server.
pub(super) fn session(it: &Listener, by: &Stickiness) -> Node {
    let (cookie, loc) = match by {
        Stickiness::Cookie(own) => (cookie(it, own), own.name.loc()),
        Stickiness::AppCookie { name, ttl } => {
            let map = Map::new()
                .put("name", text(&format!("{}-server", name.value)))
                .put("ttl", time(ttl.value))
                .put("path", Node::word("/"));
            (map, name.loc())
        }
        Stickiness::Source { at, .. } => (Map::new(), *at),
    };
    let state = extension(
        "envoy.http.stateful_session.cookie",
        typed(kind!(
            "extensions.http.stateful_session.cookie.v3.CookieBasedSessionState"
        ))
        .put("cookie", cookie),
    );
    let session = Map::new().put("session_state", state);
    at(
        typed(kind!(
            "extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute"
        ))
        .put("stateful_session", session),
        loc,
    )
}

fn cookie(it: &Listener, own: &StickyCookie) -> Map {
    let mut map = Map::new().put("name", text(&own.name.value));
    if let Some(ttl) = own.ttl.value {
        map = map.put("ttl", at(time(ttl), own.ttl.loc()));
    }
    map = map.put("path", at(text(&own.path.value), own.path.loc()));
    let site = match own.same_site.value {
        SameSite::Strict => "Strict",
        SameSite::Lax => "Lax",
        SameSite::None => "None",
    };
    let mut attributes = vec![at(
        Map::new()
            .put("name", Node::word("SameSite"))
            .put("value", Node::word(site)),
        own.same_site.loc(),
    )];
    let secure = match own.secure.value {
        Secure::OnTls => it.tls.is_some(),
        Secure::Always => true,
        Secure::Never => false,
    };
    if secure {
        attributes.push(at(
            Map::new().put("name", Node::word("Secure")),
            own.secure.loc(),
        ));
    }
    map.put("attributes", Node::list(attributes))
}
