//! Guards that look at the request alone: client addresses, preflights, methods, upgrades, origins.

use super::answers::Answers;
use super::value::{literal, ph};
use super::{Map, any_case, at, entry, headers, key, not, stop, text, var_like, when, word};
use crate::emit::Node;
use crate::ir::{Origins, Route};

/// The guards of a route that need no credential.
pub(super) fn guards(route: &Route, answers: &Answers<'_>, routes: &mut Vec<Node>) {
    let from = |list: &[crate::ir::ClientRange]| Map::new().put("client_ip", entry::ranges(list));
    if let Some(clients) = &route.clients {
        let deny = &clients.deny;
        if !deny.value.is_empty() {
            let refused = stop(from(&deny.value), vec![answers.say(403, Map::new()).into()]);
            routes.push(at(refused, deny.loc()));
        }
        if let Some(allow) = &clients.allow {
            let say = vec![Node::from(answers.say(403, Map::new()))];
            let others = match allow.value.is_empty() {
                true => super::always(say).put("terminal", Node::flag(true)),
                false => stop(not(from(&allow.value)), say),
            };
            routes.push(at(others, allow.loc()));
        }
    }
    if let Some(cors) = &route.cors {
        routes.push(headers::preflight(cors));
    }
    if let Some(methods) = &route.methods {
        let known = Map::new().put(
            "method",
            Node::list(methods.value.iter().map(|it| word(it))),
        );
        let allow = Map::new().put("Allow", Node::list([text(&methods.value.join(", "))]));
        let refused = stop(not(known), vec![answers.say(405, allow).into()]);
        routes.push(at(refused, methods.loc()));
    }
    let Some(socket) = &route.websocket else {
        return;
    };
    let upgrade = || entry::upgrade(&socket.tokens.value, &socket.methods.value);
    if socket.only.value {
        let token = socket
            .tokens
            .value
            .first()
            .map_or("websocket", String::as_str);
        let with = Map::new()
            .put("Upgrade", Node::list([text(token)]))
            .put("Connection", Node::list([super::fixed("Upgrade")]));
        // HTTP/2 has no such headers.
        let newer = not(upgrade()).put("protocol", super::fixed("http/2+"));
        let refused = stop(newer, vec![answers.say(426, Map::new()).into()]);
        routes.push(at(refused, socket.only.loc()));
        let refused = stop(not(upgrade()), vec![answers.say(426, with).into()]);
        routes.push(at(refused, socket.only.loc()));
    }
    let mut origin: Vec<Node> = Vec::new();
    if socket.require_origin.value {
        let none = not(entry::has("Origin"));
        let refused = stop(none, vec![answers.say(403, Map::new()).into()]);
        origin.push(at(refused, socket.require_origin.loc()));
    }
    if let Some(origins) = &socket.origins {
        let other = other_origin(&origins.value);
        let refused = stop(other, vec![answers.say(403, Map::new()).into()]);
        origin.push(at(refused, origins.loc()));
    }
    if !origin.is_empty() {
        routes.push(when(upgrade(), vec![super::subroute(origin).into()]).into());
    }
}

/// The matcher of a request whose `Origin` is none of these.
fn other_origin(origins: &Origins) -> Map {
    let sent = entry::has("Origin");
    let mut allowed: Vec<Map> = Vec::new();
    if !origins.exact.is_empty() {
        allowed.push(var_like(
            key("{http.request.header.Origin}"),
            &any_case(origins.exact.iter().map(String::as_str)),
        ));
    }
    if origins.same_host {
        let own = format!(
            "{}.lowerAscii() in [{http} + {host}, {https} + {host}]",
            ph("http.request.header.Origin"),
            http = literal("http://"),
            https = literal("https://"),
            host = format!("{}.lowerAscii()", ph("http.request.hostport")),
        );
        allowed.push(Map::new().put("expression", word(&own)));
    }
    match allowed.is_empty() {
        true => sent,
        false => sent.put("not", Node::list(allowed)),
    }
}
