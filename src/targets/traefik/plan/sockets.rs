//! The routers for sockets: from which pages they may be opened.

use super::entry::Place;
use super::route::{Base, chain};
use super::rule::{self, Rule};
use super::{Dynamic, limits};
use crate::ir::{Feature, HostMatch, Origins, Subject, WebSocket};
use crate::targets::traefik::facts::Face;

/// The routers for sockets: those that pass, then those that come from elsewhere.
pub(super) fn sockets<'a>(
    base: &Base<'_, 'a>,
    dynamic: &mut Dynamic,
    place: &Place<'a>,
    face: &Face<'a>,
    own: &str,
    websocket: &WebSocket,
) {
    let asks = || {
        let mut rules = vec![rule::upgrade(&websocket.tokens.value)];
        rules.extend(rule::methods(&websocket.methods.value));
        rules
    };
    if !base
        .ctx
        .v
        .renders_all(Feature::Origins, Subject::Route(place.route))
    {
        let status = limits::status(dynamic, 503);
        let at = websocket
            .origins
            .as_ref()
            .map_or(websocket.at, |it| it.loc());
        let mut router = base.refusal(":upgrade", asks(), vec![status], at);
        router.remark = Some("closed: Traefik cannot keep a guard that these sockets ask for");
        dynamic.routers.push(router);
        return;
    }
    let (chain, service) = chain(base.ctx, dynamic, place, face, own, true);
    let guard = origins(websocket, place, face);
    let mut rules = asks();
    let guarded = guard.is_some();
    rules.extend(guard);
    let mut router = base.passing(":upgrade", rules, chain, websocket.at);
    router.service = service;
    dynamic.routers.push(router);
    if guarded {
        let at = websocket
            .origins
            .as_ref()
            .map_or(websocket.at, |it| it.loc());
        let status = limits::status(dynamic, 403);
        dynamic
            .routers
            .push(base.refusal(":origin", asks(), vec![status], at));
    }
}

/// The rule for sockets whose origin may come; `None` where every one may.
fn origins(websocket: &WebSocket, place: &Place<'_>, face: &Face<'_>) -> Option<Rule> {
    let mut allowed = Vec::new();
    match &websocket.origins {
        Some(set) => {
            let Origins { exact, same_host } = &set.value;
            let mut patterns: Vec<String> = exact.iter().map(|it| rule::quoted(it)).collect();
            if *same_host && let [HostMatch::Exact(host)] = place.hosts.as_slice() {
                let listener = face.listener();
                let port = listener.public_port.value;
                patterns.push(match listener.has_scheme_port() {
                    true => format!("https?://{}(?::{port})?", rule::quoted(host)),
                    false => format!("https?://{}:{port}", rule::quoted(host)),
                });
            }
            if !patterns.is_empty() {
                let pattern = format!("(?i)^(?:{})$", patterns.join("|"));
                allowed.push(Rule::call("HeaderRegexp", &["Origin", &pattern]));
            }
        }
        None if websocket.require_origin.value => return Some(rule::present("Origin")),
        None => return None,
    }
    if !websocket.require_origin.value {
        allowed.push(rule::present("Origin").not());
    }
    // Where nothing is allowed, nobody is.
    Some(Rule::any(allowed).unwrap_or_else(|| rule::everything().not()))
}
