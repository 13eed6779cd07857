//! A route: its guards, changes and answer, in the order in which a request meets them.

use super::answers::Answers;
use super::{
    Ctx, Map, access, always, answers, at, auth, entry, fixed, handler, headers, not, raw, rewrite,
    set_var, subroute, upstream, when, word,
};
use crate::emit::Node;
use crate::ir::{Action, Listener, Route, Subject};

/// The named routes of a listener.
pub(super) fn named(ctx: &Ctx<'_>, listener: &Listener, mut named: Map) -> Map {
    for route in &ctx.g.routes {
        if ctx.g.serves(listener, route) {
            let name = format!("route:{}", route.name);
            named = named.entry(super::key(&name), at(body(ctx, listener, route), route.at));
        }
    }
    named
}

fn body(ctx: &Ctx<'_>, listener: &Listener, route: &Route) -> Map {
    let answers = Answers::new(route, listener);
    let mut handle: Vec<Node> = Vec::new();
    if ctx.g.log.is_some() {
        if !route.log.value {
            handle.push(
                Node::from(handler("vars").put("log_skip", Node::flag(true))).at(route.log.loc()),
            );
        }
        if super::log::names_routes(ctx) {
            handle.push(set_var("route", word(&route.name)));
        }
    }
    let closed = ctx
        .g
        .auth_of(route)
        .is_some_and(|auth| !ctx.v.renders_guards(Subject::Auth(auth)));
    if closed {
        let from = route.auth.as_ref().map_or(route.at, |it| it.loc());
        handle.push(Node::from(answers.say(503, Map::new())).at(from));
        return Map::new().put("handle", Node::list(handle));
    }
    handle.extend(headers::changes(ctx, listener, route));
    let mut routes: Vec<Node> = Vec::new();
    access::guards(route, &answers, &mut routes);
    upgrades(route, &mut routes);
    if let Some(size) = route.body.value {
        // One that says how long it is need not be read.
        let large = Map::new().put(
            "expression",
            word(&format!(
                "header({{\"Content-Length\": [\"*\"]}}) && int({}) > {}",
                super::value::ph("http.request.header.Content-Length"),
                size.as_bytes()
            )),
        );
        let refused = super::stop(large, vec![answers.say(413, Map::new()).into()]);
        routes.push(at(refused, route.body.loc()));
    }
    auth::guard(ctx, listener, route, &answers, &mut routes);
    headers::request(listener, route, &mut routes);
    routes.extend(rewrite::steps(route));
    for (_, snippet) in ctx
        .g
        .rooms
        .caddy
        .room
        .raw
        .routes
        .iter()
        .filter(|(id, _)| *id == route.id)
    {
        routes.push(raw(Map::new(), snippet).into());
    }
    let action: Vec<Node> = match &route.action {
        Action::Forward(_) => {
            let mut lead = Vec::new();
            if let Some(size) = route.body.value {
                lead.push(
                    Node::from(
                        handler("request_body").put("max_size", super::number(size.as_bytes())),
                    )
                    .at(route.body.loc()),
                );
            }
            if let Some(encode) = answers::compression(route) {
                lead.push(encode);
            }
            lead.extend(upstream::lead(ctx, route));
            lead
        }
        Action::Redirect(redirect) => {
            vec![Node::from(answers::redirect(&redirect.value, listener)).at(redirect.loc())]
        }
        Action::Respond(respond) => vec![
            Node::from(answers::fixed_answer(
                respond.value.status,
                &respond.value,
                Map::new(),
            ))
            .at(respond.loc()),
        ],
    };
    routes.push(always(action).into());
    let mut whole = subroute(routes);
    let pages = answers.of_errors();
    if !pages.is_empty() {
        whole = whole.put("errors", Map::new().put("routes", Node::list(pages)));
    }
    handle.push(whole.into());
    Map::new().put("handle", Node::list(handle))
}

/// An upgrade that the route does not pass is answered as if it had not asked.
fn upgrades(route: &Route, routes: &mut Vec<Node>) {
    if route.shares().is_empty() {
        return;
    }
    let strip: Node = handler("headers")
        .put(
            "request",
            Map::new().put(
                "delete",
                Node::list([fixed("Upgrade"), fixed("Sec-WebSocket-*")]),
            ),
        )
        .into();
    match &route.websocket {
        None => routes.push(when(entry::has("Upgrade"), vec![strip]).into()),
        Some(socket) => {
            let good = entry::upgrade(&socket.tokens.value, &socket.methods.value);
            routes.push(at(when(not(good), vec![strip]), socket.at));
        }
    }
}
