//! Answers of the proxy's own: redirects, fixed bodies, what the script at the head is told, and which status an end has.

use super::Ctx;
use super::doc::{self, at, extension, kind, literal, text, texts, typed};
use crate::emit::Part;
use crate::emit::lang::envoy;
use crate::emit::{Map, Node};
use crate::ir::{
    Action, AuthKind, ErrorPage, Listener, Redirect, RedirectScheme, RedirectTo, Replace, Respond,
    Route,
};

/// The same host, path and query at another scheme and port.
pub(super) fn redirect_to(scheme: &'static str, port: &str) -> Node {
    Node::tok(envoy::token(&[
        Part::Static(scheme),
        Part::Static("://%DYNAMIC_METADATA(wsgen:host)%"),
        Part::Text(port),
        Part::Static("%DYNAMIC_METADATA(wsgen:uri)%"),
    ]))
}

/// A piece of a redirect's URL.
enum Piece {
    Text(String),
    Fact(&'static str),
}

fn pieces(redirect: &Redirect, it: &Listener) -> Vec<Piece> {
    let (scheme, host, path) = match &redirect.to {
        RedirectTo::Url(url) => return vec![Piece::Text(url.clone())],
        RedirectTo::Parts { scheme, host, path } => (scheme, host, path),
    };
    let new = match scheme {
        Some(RedirectScheme::Http) => "http",
        Some(RedirectScheme::Https) => "https",
        None => it.scheme(),
    };
    let mut all = vec![Piece::Text(format!("{new}://"))];
    match host {
        Some(host) => all.push(Piece::Text(host.clone())),
        None => {
            all.push(Piece::Fact("host"));
            // The port belongs to the scheme that the client used.
            if new == it.scheme() && !it.has_scheme_port() {
                all.push(Piece::Text(format!(":{}", it.public_port.value)));
            }
        }
    }
    match path {
        Some(path) => {
            all.push(Piece::Text(path.clone()));
            all.push(Piece::Fact("asked"));
        }
        None => all.push(Piece::Fact("uri")),
    }
    all
}

/// Where a redirect leads, as a format.
pub(super) fn location(redirect: &Redirect, it: &Listener) -> Node {
    let pieces: Vec<(bool, String)> = pieces(redirect, it)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => (false, text),
            Piece::Fact(name) => (true, format!("%DYNAMIC_METADATA(wsgen:{name})%")),
        })
        .collect();
    let parts: Vec<Part<'_>> = pieces
        .iter()
        .map(|(is_fact, text)| match is_fact {
            true => Part::Word(text),
            false => Part::Text(text),
        })
        .collect();
    Node::tok(envoy::token(&parts))
}

/// A fixed answer, and the headers that it needs.
pub(super) fn fixed(respond: &Respond) -> (Map, Vec<Map>) {
    let direct = Map::new().put("status", Node::number(respond.status));
    if respond.body.is_empty() {
        return (direct, Vec::new());
    }
    let body = Map::new().put("inline_string", text(&respond.body));
    (
        direct.put("body", body),
        vec![doc::set("content-type", literal(&respond.content_type))],
    )
}

/// What the script at the head is told about a route.
pub(super) fn head_metadata(it: &Listener, route: &Route, preflight: bool, tunnel: bool) -> Map {
    let mut told = Map::new();
    let cookies = super::headers::cookies(route);
    if !cookies.is_empty() {
        told = told.put("cookies", Node::list(cookies.into_iter().map(text)));
    }
    let parameters = super::headers::parameters(route);
    if !parameters.is_empty() {
        told = told.put("parameters", Node::list(parameters.into_iter().map(text)));
    }
    if tunnel
        && let Some(origins) = route.websocket.as_ref().and_then(|it| it.origins.as_ref())
        && origins.value.same_host
    {
        told = told
            .put("same_host", at(Node::flag(true), origins.loc()))
            .put("origins", texts(&origins.value.exact));
    }
    if let Some(cors) = &route.cors {
        let mut rule = Map::new().put("any", Node::flag(cors.origins.value.is_none()));
        if let Some(list) = &cors.origins.value {
            let lower: Vec<String> = list.iter().map(|it| it.to_ascii_lowercase()).collect();
            rule = rule.put("origins", at(texts(&lower), cors.origins.loc()));
        }
        rule = rule.put("credentials", Node::flag(cors.credentials.value));
        if !cors.expose.value.is_empty() {
            rule = rule.put("expose", text(&cors.expose.value.join(", ")));
        }
        if preflight {
            let mut answers = Map::new();
            for (name, list) in [
                ("access-control-allow-methods", &cors.methods.value),
                ("access-control-allow-headers", &cors.headers.value),
            ] {
                if !list.is_empty() {
                    answers = answers.put(name, text(&list.join(", ")));
                }
            }
            if let Some(age) = cors.max_age.value {
                let age = age.as_secs_ceil().to_string();
                answers = answers.put("access-control-max-age", text(&age));
            }
            rule = rule.put("preflight", answers);
        }
        told = told.put("cors", at(rule, cors.at));
    }
    if let Some(pages) = &route.error_pages {
        let list = pages.pages.iter().map(|page| {
            let (range, what) = &page.value;
            let map = Map::new()
                .put("first", Node::number(range.first))
                .put("last", Node::number(range.last));
            let map = match what {
                ErrorPage::Respond(own, respond) => {
                    let map = match own {
                        Some(status) => map.put("status", Node::number(*status)),
                        None => map,
                    };
                    map.put("content_type", text(&respond.content_type))
                        .put("body", text(&respond.body))
                }
                ErrorPage::Redirect(redirect) => {
                    let pieces = pieces(redirect, it).into_iter().map(|piece| match piece {
                        Piece::Text(it) => Map::new().put("text", text(&it)),
                        Piece::Fact(name) => Map::new().put("fact", Node::word(name)),
                    });
                    map.put("status", Node::number(redirect.status))
                        .put("location", Node::list(pieces))
                        .put("body", Node::word(""))
                }
            };
            at(map, page.loc())
        });
        let replace = pages.replace.value;
        let map = Map::new()
            .put("proxy", Node::flag(replace != Replace::Server))
            .put("server", Node::flag(replace != Replace::Proxy))
            .put("list", Node::list(list));
        told = told.put("pages", map);
        // An answer that the route was told to give is no error.
        let own = match &route.action {
            Action::Respond(respond) => Some(respond.value.status),
            Action::Redirect(redirect) => Some(redirect.value.status),
            Action::Forward(_) => None,
        };
        if let Some(status) = own {
            told = told.put("own_status", Node::number(status));
        }
    }
    told
}

/// Which of the proxy's own answers have another status or further headers than Envoy gives them.
pub(super) fn local_replies(ctx: &Ctx<'_>, it: &Listener) -> Option<Map> {
    let served = || ctx.g.routes.iter().filter(|route| ctx.g.serves(it, route));
    let mut mappers = Vec::new();
    let own = || doc::set("x-wsgen-own", Node::word("1"));
    let with = |map: Map, more: Option<Map>| {
        let mut headers: Vec<Map> = more.into_iter().collect();
        if ctx.has_pages() {
            headers.push(own());
        }
        match headers.is_empty() {
            true => map,
            false => map.put("headers_to_add", Node::list(headers)),
        }
    };
    if served().any(|route| !route.shares().is_empty()) {
        let late = Map::new()
            .put(
                "filter",
                cel("response.code == 503 && response.code_details.contains('connection_timeout')"),
            )
            .put("status_code", Node::number(504));
        mappers.push(with(late, None));
    }
    if !it.trusted_proxies.value.is_empty() {
        let unreadable = Map::new()
            .put(
                "filter",
                cel("response.code_details.startsWith('rbac_access_denied_matched_policy[unreadable]')"),
            )
            .put("status_code", Node::number(400));
        mappers.push(with(unreadable, None));
    }
    let audience = served()
        .filter_map(|route| ctx.g.auth_of(route))
        .any(|auth| matches!(&auth.kind, AuthKind::Jwt(jwt) if jwt.audience.is_some()));
    if audience {
        let another = Map::new()
            .put(
                "filter",
                cel("response.code == 403 && response.code_details.startsWith('jwt_authn_access_denied')"),
            )
            .put("status_code", Node::number(401));
        let challenge = doc::set(
            "www-authenticate",
            Node::word("Bearer error=\"invalid_token\""),
        );
        mappers.push(with(another, Some(challenge)));
    }
    mappers.extend(realms(ctx, it).map(|(filter, headers)| with(filter, Some(headers))));
    if ctx.has_pages() {
        let every = Map::new().put(
            "status_code_filter",
            Map::new().put(
                "comparison",
                Map::new().put("op", Node::word("GE")).put(
                    "value",
                    Map::new()
                        .put("default_value", Node::number(100))
                        .put("runtime_key", Node::word("wsgen.every_answer")),
                ),
            ),
        );
        mappers.push(with(Map::new().put("filter", every), None));
    }
    (!mappers.is_empty()).then(|| Map::new().put("mappers", Node::list(mappers)))
}

/// Envoy calls every realm by the URL that was asked for.
fn realms<'a>(ctx: &Ctx<'a>, it: &'a Listener) -> impl Iterator<Item = (Map, Map)> {
    ctx.g.auth.iter().filter_map(move |auth| {
        let AuthKind::Basic(basic) = &auth.kind else {
            return None;
        };
        let asks = |route: &&Route| route.auth.as_ref().is_some_and(|id| id.value == auth.id);
        let served = ctx.g.routes.iter().filter(|route| ctx.g.serves(it, route));
        // Names of routes are plain words.
        let names: Vec<String> = served
            .filter(asks)
            .map(|route| format!("'{}'", route.name))
            .collect();
        if names.is_empty() {
            return None;
        }
        let filter = cel(&format!(
            "response.code == 401 && response.code_details.endsWith('_for_basic_auth') && xds.route_name in [{}]",
            names.join(", ")
        ));
        let challenge = literal(&format!("Basic realm=\"{}\"", basic.realm.value));
        let challenge = doc::set("www-authenticate", at(challenge, basic.realm.loc()));
        Some((Map::new().put("filter", filter), challenge))
    })
}

fn cel(expression: &str) -> Map {
    let filter = extension(
        "envoy.access_loggers.extension_filters.cel",
        typed(kind!(
            "extensions.access_loggers.filters.cel.v3.ExpressionFilter"
        ))
        .put("expression", text(expression)),
    );
    Map::new().put("extension_filter", filter)
}
