//! Who a client is: keys from a list, and other services that decide.

use super::answers::Answers;
use super::value::{literal, ph};
use super::{
    Ctx, Map, always, at, balance, entry, fixed, handler, key, not, parts, placeholder, rewrite,
    set_var, stop, subroute, text, time, transport, upstream, var_is, when, word,
};
use crate::emit::Node;
use crate::emit::Part;
use crate::ir::{
    ApiKey, Auth, AuthKind, Feature, Forward, Listener, Route, Secret, Subject, TokenPlace,
};

/// The guard of a route that asks who the client is; a kind that Caddy cannot keep has closed its route before.
pub(super) fn guard(
    ctx: &Ctx<'_>,
    listener: &Listener,
    route: &Route,
    answers: &Answers<'_>,
    routes: &mut Vec<Node>,
) {
    let Some(auth) = ctx.g.auth_of(route) else {
        return;
    };
    match &auth.kind {
        AuthKind::ApiKey(it) => api_key(ctx, auth, it, answers, routes),
        AuthKind::Forward(it) => routes.push(forward(ctx, listener, answers, it)),
        AuthKind::Jwt(_) | AuthKind::Basic(_) => {
            routes.push(always(vec![answers.say(503, Map::new()).into()]).into());
        }
    }
}

fn api_key(ctx: &Ctx<'_>, auth: &Auth, it: &ApiKey, answers: &Answers<'_>, routes: &mut Vec<Node>) {
    let from = it.keys.loc();
    let list = match &it.keys.value {
        Secret::Env(name) => Node::tok(placeholder("env.", name)),
        Secret::File(path) => Node::tok(placeholder("file.", path)),
    };
    let mut known = vec![
        always(vec![
            set_var("token", fixed("")),
            set_var("keys", list.at(from)),
        ])
        .into(),
    ];
    for place in &it.from.value {
        let Some((value, there)) = credential(place) else {
            continue;
        };
        let none = var_is(key("token"), vec![fixed("")]);
        let map = when(none.and(there), vec![set_var("token", value)]);
        known.push(at(map, it.from.loc()));
    }
    let token = ph("http.vars.token");
    let unknown = format!(
        "{token} == '' || {token}.startsWith({remark}) || !({keys}.split({line}).exists(k, k.trim() == {token}))",
        keys = ph("http.vars.keys"),
        line = literal("\n"),
        remark = literal("#"),
    );
    let challenge = Map::new().put("WWW-Authenticate", Node::list([fixed("ApiKey")]));
    let refused = stop(
        Map::new().put("expression", word(&unknown)),
        vec![answers.say(401, challenge).into()],
    );
    known.push(at(refused, from));
    routes.push(at(always(vec![subroute(known).into()]), from));
    if it.strip.value && ctx.v.renders_all(Feature::AuthStrip, Subject::Auth(auth)) {
        for place in &it.from.value {
            routes.extend(strip(place, it.strip.loc()));
        }
    }
}

/// What a place holds, and the matcher of a request that has something there.
fn credential(place: &TokenPlace) -> Option<(Node, Map)> {
    match place {
        TokenPlace::Header(name) => Some((
            Node::tok(placeholder("http.request.header.", &canonical(name))),
            entry::has(name),
        )),
        TokenPlace::Query(name) => Some((
            Node::tok(placeholder("http.request.uri.query.", name)),
            Map::new(),
        )),
        TokenPlace::Cookie(name) => Some((
            Node::tok(placeholder("http.request.cookie.", name)),
            Map::new(),
        )),
        TokenPlace::Bearer | TokenPlace::Subprotocol => None,
    }
}

/// Takes a credential out of what the server sees.
fn strip(place: &TokenPlace, from: crate::ir::Loc) -> Vec<Node> {
    let change = |ops: Map| -> Node { handler("headers").put("request", ops).into() };
    match place {
        TokenPlace::Query(name) => rewrite::drop_parameter(name, from),
        TokenPlace::Header(name) => {
            let ops = Map::new().put("delete", Node::list([word(name)]));
            vec![at(always(vec![change(ops)]), from)]
        }
        TokenPlace::Cookie(name) => {
            let find = |pattern: String, to: &'static str| {
                Map::new()
                    .put("search_regexp", word(&pattern))
                    .put("replace", fixed(to))
            };
            let own = super::escaped(name);
            let ops = Map::new().put(
                "replace",
                Map::new().put(
                    "Cookie",
                    Node::list([
                        find(format!("(^|; *){own}=[^;]*"), "$1"),
                        find("; *(?:; *)+".to_owned(), "; "),
                        find("^[; ]+|[; ]+$".to_owned(), ""),
                    ]),
                ),
            );
            let empty = var_is(key("{http.request.header.Cookie}"), vec![fixed("")]);
            let gone = change(Map::new().put("delete", Node::list([fixed("Cookie")])));
            vec![
                at(always(vec![change(ops)]), from),
                at(when(empty, vec![gone]), from),
            ]
        }
        TokenPlace::Bearer | TokenPlace::Subprotocol => Vec::new(),
    }
}

/// A subrequest to another service: what it refuses goes to the client as it is.
fn forward(ctx: &Ctx<'_>, listener: &Listener, answers: &Answers<'_>, it: &Forward) -> Node {
    let up = ctx.g.upstream(it.upstream.value);
    let mut pass: Vec<Node> = Vec::new();
    for name in &it.pass.value {
        let value = placeholder("http.reverse_proxy.header.", &canonical(name));
        let gone = Map::new().put("delete", Node::list([word(name)]));
        let set = Map::new().put(
            "set",
            Map::new().entry(key(name), Node::list([Node::tok(value.clone())])),
        );
        pass.push(at(
            always(vec![handler("headers").put("request", gone).into()]),
            it.pass.loc(),
        ));
        pass.push(at(
            when(
                not(var_is(value_key(name), vec![fixed("")])),
                vec![handler("headers").put("request", set).into()],
            ),
            it.pass.loc(),
        ));
    }
    if !it.answer.value.is_empty() {
        let copy = handler("copy_response_headers").put(
            "include",
            Node::list(it.answer.value.iter().map(|name| word(name))),
        );
        pass.push(at(always(vec![copy.into()]), it.answer.loc()));
    }
    pass.insert(0, always(vec![set_var("known", fixed("yes"))]).into());
    let good = Map::new()
        .put(
            "match",
            Map::new().put("status_code", Node::list([Node::number(2)])),
        )
        .put("routes", Node::list(pass));
    let mut set = Map::new()
        .put("User-Agent", Node::list([fixed("")]))
        .put(
            "X-Forwarded-For",
            Node::list([fixed("{http.vars.client_ip}")]),
        )
        .put("X-Forwarded-Proto", Node::list([fixed(listener.scheme())]))
        .put(
            "X-Forwarded-Host",
            Node::list([fixed("{http.request.hostport}")]),
        )
        .put(
            "X-Forwarded-Port",
            Node::list([parts(&[Part::Number(listener.public_port.value.into())])]),
        )
        .put(
            "X-Forwarded-Method",
            Node::list([fixed("{http.request.method}")]),
        )
        .put(
            "X-Forwarded-Uri",
            Node::list([fixed("{http.request.orig_uri}")]),
        )
        .put("X-Real-IP", Node::list([fixed("{http.vars.client_ip}")]));
    for name in &it.send.value {
        let value = placeholder("http.request.header.", &canonical(name));
        set = set.entry(key(name), Node::list([Node::tok(value)]).at(it.send.loc()));
    }
    let headers = Map::new().put(
        "request",
        // Not even `Upgrade` reaches the service: it might agree to it.
        Map::new()
            .put("delete", Node::list([fixed("*")]))
            .put("set", set),
    );
    let upstreams = up.servers.iter().map(|server| {
        Map::new().put(
            "dial",
            upstream::dial(&server.address.value).at(server.address.loc()),
        )
    });
    let transport = Map::new()
        .put("protocol", fixed("http"))
        .put("dial_timeout", time(it.timeout.value))
        .put(
            "response_header_timeout",
            time(it.timeout.value).at(it.timeout.loc()),
        )
        .put("compression", Node::flag(false))
        .put("network_proxy", Map::new().put("from", fixed("none")));
    let transport = transport.maybe(
        "resolver",
        up.has_names().then(|| transport::resolver(ctx)).flatten(),
    );
    let transport = transport::secured(up, transport, it.timeout.value);
    let proxy = handler("reverse_proxy")
        .put("upstreams", Node::list(upstreams))
        .put("load_balancing", balance::every_server(up))
        .put("transport", transport)
        .put(
            "rewrite",
            Map::new()
                .put("method", fixed("GET"))
                .put("uri", text(&it.path.value).at(it.path.loc())),
        )
        .put("headers", headers)
        .put("handle_response", Node::list([good]));
    // What fails behind it is no refusal of the service.
    let let_in = var_is(key("known"), vec![fixed("yes")]);
    let again: Node = handler("error")
        .put("error", fixed("{http.error.message}"))
        .put("status_code", fixed("{http.error.status_code}"))
        .into();
    let errors: Vec<Node> = vec![
        when(let_in, vec![again]).into(),
        always(vec![answers.say(503, Map::new()).into()]).into(),
    ];
    let whole = subroute(vec![always(vec![proxy.into()]).into()])
        .put("errors", Map::new().put("routes", Node::list(errors)));
    at(always(vec![whole.into()]), it.upstream.loc())
}

fn value_key(name: &str) -> crate::emit::Tok {
    placeholder("http.reverse_proxy.header.", &canonical(name))
}

/// A header's name as Go writes it: answers are known by it.
pub(super) fn canonical(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut start = true;
    for c in name.chars() {
        out.push(match start {
            true => c.to_ascii_uppercase(),
            false => c.to_ascii_lowercase(),
        });
        start = c == '-';
    }
    out
}
