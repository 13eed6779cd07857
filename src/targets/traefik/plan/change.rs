//! What changes on the way: headers in both directions, paths, redirects, CORS, compression.

use super::entry::Place;
use super::rule::quoted;
use super::{Ctx, Dynamic, text, word, words};
use crate::emit::lang::traefik;
use crate::emit::{Map, Node};
use crate::ir::{
    Capture, Change, Cors, Feature, HeaderOp, HostHeader, Loc, PathMatch, PathRewrite, Redirect,
    RedirectScheme, RedirectTo, Route, Set, Subject,
};
use crate::targets::traefik::facts::{self, Face, Peer};

/// Every URL: its host and what follows host and port are kept.
pub(super) const ANY_URL: &str = r"^[a-z]+://(\[[^\]]*\]|[^/:?]*)(?::[0-9]+)?(.*)$";

/// A `headers` middleware with one kind of change.
pub(super) fn headers(kind: &'static str, map: Map) -> Node {
    Map::new().put("headers", Map::new().put(kind, map)).into()
}

/// Headers in the order of their making, each once: later changes of a name win.
#[derive(Default)]
struct Heads(Vec<(String, String, Loc)>);

impl Heads {
    fn set(&mut self, name: &str, value: impl Into<String>, at: Loc) {
        self.0
            .retain(|(known, ..)| !known.eq_ignore_ascii_case(name));
        self.0.push((name.to_owned(), value.into(), at));
    }

    fn map(self) -> Option<Map> {
        let all = self.0.into_iter();
        let map = all.fold(Map::new(), |map, (name, value, at)| {
            map.entry(traefik::word(&name).at(at), text(&value, at))
        });
        (!map.is_empty()).then_some(map)
    }
}

/// Changes by the route's own words.
fn changed(
    heads: &mut Heads,
    ops: &[HeaderOp],
    place: &Place<'_>,
    face: &Face<'_>,
    lost: impl Fn(&HeaderOp) -> bool,
) {
    for op in ops {
        let value = op.change.value();
        let fixed = value.and_then(|it| facts::fixed_value(it, face, &place.hosts));
        match (&op.change, fixed) {
            (Change::Remove, _) => heads.set(&op.name, "", op.at),
            _ if lost(op) && !matches!(op.change, Change::Set(_)) => {}
            // A value that Traefik does not know must not come from the client either.
            (Change::Set(_), None) => heads.set(&op.name, "", op.at),
            (_, None) => {}
            (Change::Set(_) | Change::Add(_) | Change::SetIfAbsent(_), Some(value)) => {
                heads.set(&op.name, value, op.at);
            }
        }
    }
}

/// Headers of answers, refusals included.
pub(super) fn answer(
    ctx: &Ctx<'_>,
    dynamic: &mut Dynamic,
    place: &Place<'_>,
    face: &Face<'_>,
    own: &str,
) -> Option<String> {
    let route = place.route;
    let mut heads = Heads::default();
    let lost = |op: &HeaderOp| !renders(ctx, route, Feature::ResponseHeaders, op);
    changed(&mut heads, &route.response_headers, place, face, lost);
    let cors = route.cors.as_ref().map(|it| cors_answers(it));
    let map = heads.map();
    if map.is_none() && cors.is_none() {
        return None;
    }
    let name = format!("answer:{}{own}", route.name);
    dynamic.middlewares.add(&name, || {
        let mut all = Map::new().maybe("customResponseHeaders", map);
        if let Some(cors) = cors {
            all = all.and(cors);
        }
        Map::new().put("headers", all).into()
    });
    Some(name)
}

fn renders(ctx: &Ctx<'_>, route: &Route, feature: Feature, op: &HeaderOp) -> bool {
    let at = crate::ir::Origin::written(op.at);
    ctx.v.renders(feature, Subject::Route(route), at)
}

/// Headers towards the server.
pub(super) fn request(
    ctx: &Ctx<'_>,
    dynamic: &mut Dynamic,
    place: &Place<'_>,
    face: &Face<'_>,
    own: &str,
    upgrade: bool,
) -> Option<String> {
    let route = place.route;
    let mut heads = Heads::default();
    if !upgrade {
        let at = route.websocket.as_ref().map_or(route.at, |it| it.at);
        heads.set("Upgrade", "", at);
    }
    if !route.forwarded.value {
        for name in facts::FORWARDED {
            heads.set(name, "", route.forwarded.loc());
        }
    } else if face.peer == Peer::Proxy {
        // What the proxy in front says of it is not checked.
        heads.set("X-Real-Ip", "", face.listener().trusted_proxies.loc());
    }
    if let Some(share) = route.shares().first()
        && let HostHeader::Set(host) = &share.host_header.value
    {
        heads.set("Host", host.as_str(), share.host_header.loc());
    }
    let lost = |op: &HeaderOp| {
        !renders(ctx, route, Feature::RequestHeaders, op)
            || matches!(op.change, Change::SetIfAbsent(_)) && facts::sets_itself(route, &op.name)
    };
    changed(&mut heads, &route.request_headers, place, face, lost);
    let map = heads.map()?;
    let kind = if upgrade { "upgrade" } else { "request" };
    let plain = route.forwarded.value
        && face.peer != Peer::Proxy
        && route.request_headers.is_empty()
        && !matches!(
            route.shares().first().map(|it| &it.host_header.value),
            Some(HostHeader::Set(_))
        );
    // Most routes have nothing but this.
    let name = match plain && !upgrade {
        true => "plain".to_owned(),
        false => format!("{kind}:{}{own}", route.name),
    };
    dynamic
        .middlewares
        .add(&name, || headers("customRequestHeaders", map));
    Some(name)
}

/// The answer to a preflight: Traefik's own would be 200, also for a foreign origin.
pub(super) fn preflight(cors: &Cors, origin: &str) -> Node {
    let at = cors.at;
    let mut heads = Heads::default();
    heads.set("Access-Control-Allow-Origin", origin, cors.origins.loc());
    heads.set(
        "Access-Control-Allow-Methods",
        cors.methods.value.join(", "),
        cors.methods.loc(),
    );
    if !cors.headers.value.is_empty() {
        heads.set(
            "Access-Control-Allow-Headers",
            cors.headers.value.join(", "),
            cors.headers.loc(),
        );
    }
    if cors.credentials.value {
        heads.set(
            "Access-Control-Allow-Credentials",
            "true",
            cors.credentials.loc(),
        );
    }
    if let Some(age) = cors.max_age.value {
        heads.set(
            "Access-Control-Max-Age",
            age.as_secs_ceil().to_string(),
            cors.max_age.loc(),
        );
    }
    if cors.origins.value.is_some() {
        heads.set("Vary", "Origin", at);
    }
    headers("customResponseHeaders", heads.map().unwrap_or_default())
}

/// The headers on other answers.
fn cors_answers(cors: &Cors) -> Map {
    let any = ["*".to_owned()];
    let origins = cors.origins.value.as_deref().unwrap_or(&any);
    let mut map = Map::new();
    if cors.is_for_everybody() {
        // Whoever asks is named, for `*` and credentials do not go together.
        map = map
            .put("accessControlAllowOriginListRegex", words([".*"]))
            .put("accessControlAllowMethods", words(&cors.methods.value));
        if !cors.headers.value.is_empty() {
            map = map.put("accessControlAllowHeaders", words(&cors.headers.value));
        }
        if let Some(age) = cors.max_age.value {
            map = map.put("accessControlMaxAge", super::number(age.as_secs_ceil()));
        }
    } else {
        map = map.put("accessControlAllowOriginList", words(origins));
    }
    if cors.credentials.value {
        map = map.put("accessControlAllowCredentials", Node::flag(true));
    }
    if !cors.expose.value.is_empty() {
        map = map.put("accessControlExposeHeaders", words(&cors.expose.value));
    }
    map.put("addVaryHeader", Node::flag(true))
}

/// Answers are compressed.
pub(super) fn compress(ctx: &Ctx<'_>, dynamic: &mut Dynamic, route: &Route) -> Option<String> {
    if !route.compression.value {
        return None;
    }
    let name = "compress".to_owned();
    dynamic.middlewares.add(&name, || {
        let mut map = Map::new().put("excludedContentTypes", words(["text/event-stream"]));
        if ctx.env.since(3, 1, 0) {
            map = map.put("encodings", words(["zstd", "br", "gzip"]));
        }
        Node::from(Map::new().put("compress", map)).at(route.compression.loc())
    });
    Some(name)
}

/// Another path towards the server: one middleware, or two where the result has to be put right.
pub(super) fn rewrite(ctx: &Ctx<'_>, dynamic: &mut Dynamic, route: &Route) -> Vec<String> {
    let Some(change) = route.rewrite.as_ref().and_then(|it| it.path.as_ref()) else {
        return Vec::new();
    };
    let feature = match change.value {
        PathRewrite::Regex { .. } => Feature::RewriteRegex,
        PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_) | PathRewrite::Path(_) => {
            Feature::RewritePath
        }
    };
    if !ctx.v.renders(feature, Subject::Route(route), change.from) {
        return Vec::new();
    }
    let at = change.loc();
    let name = format!("path:{}", route.name);
    let (regex, to) = match &change.value {
        PathRewrite::StripPrefix => (below(route, "/*"), "/${1}".to_owned()),
        PathRewrite::ReplacePrefix(new) => {
            let new = new.trim_end_matches('/');
            (below(route, ""), format!("{}${{1}}", dollars(new)))
        }
        PathRewrite::Path(new) => ("^.*$".to_owned(), dollars(new)),
        PathRewrite::Regex { matches, to } => (super::rule::whole(matches), captures(to)),
    };
    let replaced = |regex: &str, to: &str| -> Node {
        let map = Map::new()
            .put("regex", text(regex, at))
            .put("replacement", text(to, at));
        Node::from(Map::new().put("replacePathRegex", map)).at(at)
    };
    dynamic.middlewares.add(&name, || replaced(&regex, &to));
    let mut names = vec![name];
    if matches!(change.value, PathRewrite::Regex { .. }) {
        let name = "path:one-slash".to_owned();
        dynamic
            .middlewares
            .add(&name, || replaced("^/*(.*)$", "/${1}"));
        names.push(name);
    }
    names
}

/// The pattern of the route's own prefixes, the longest first; its group is what follows.
fn below(route: &Route, slashes: &str) -> String {
    let mut prefixes: Vec<&str> = route
        .paths
        .iter()
        .filter_map(|path| match &path.value {
            PathMatch::Prefix(text) | PathMatch::Exact(text) => Some(text.trim_end_matches('/')),
            PathMatch::Regex(_) => None,
        })
        .collect();
    prefixes.sort_by_key(|text| std::cmp::Reverse(text.len()));
    prefixes.dedup();
    let prefixes: Vec<String> = prefixes.iter().map(|it| quoted(it)).collect();
    let prefixes = prefixes.join("|");
    match slashes.is_empty() {
        true => format!("^(?:{prefixes})(/.*)?$"),
        false => format!("^(?:{prefixes})(?:/+(.*))?$"),
    }
}

/// A text in a replacement: every `$` stands for itself.
fn dollars(text: &str) -> String {
    text.replace('$', "$$")
}

fn captures(to: &[Capture]) -> String {
    let pieces = to.iter().map(|piece| match piece {
        Capture::Text(text) => dollars(text),
        Capture::Group(number) => format!("${{{number}}}"),
    });
    pieces.collect()
}

/// A redirect: by a `Location` that is the same for all, else by a regex over the URL.
pub(super) fn redirect(
    dynamic: &mut Dynamic,
    route: &Route,
    redirect: &Set<Redirect>,
    face: &Face<'_>,
    own: &str,
) -> Vec<String> {
    let Redirect { to, status } = &redirect.value;
    let at = redirect.loc();
    let (scheme, host, path) = match to {
        RedirectTo::Url(url) => {
            let name = format!("location:{}", route.name);
            dynamic.middlewares.add(&name, || {
                headers(
                    "customResponseHeaders",
                    Map::new().put("Location", text(url, at)),
                )
            });
            return vec![name, super::limits::status(dynamic, *status)];
        }
        RedirectTo::Parts { scheme, host, path } => (scheme, host, path),
    };
    let listener = face.listener();
    let new = match scheme {
        Some(RedirectScheme::Http) => "http",
        Some(RedirectScheme::Https) => "https",
        None => listener.scheme(),
    };
    let host = match host {
        Some(host) => dollars(host),
        None if new == listener.scheme() && !listener.has_scheme_port() => {
            format!("${{1}}:{}", listener.public_port.value)
        }
        None => "${1}".to_owned(),
    };
    let (regex, rest) = match path {
        Some(path) => (
            r"^[a-z]+://(\[[^\]]*\]|[^/:?]*)(?::[0-9]+)?[^?]*(\?.*)?$",
            format!("{}${{2}}", dollars(path)),
        ),
        None => (ANY_URL, "${2}".to_owned()),
    };
    let name = format!("location:{}{own}", route.name);
    let permanent = matches!(status, 301 | 308);
    dynamic.middlewares.add(&name, || {
        redirect_regex(regex, &format!("{new}://{host}{rest}"), permanent, at)
    });
    vec![name]
}

/// A `redirectRegex` middleware.
pub(super) fn redirect_regex(regex: &str, to: &str, permanent: bool, at: Loc) -> Node {
    let map = Map::new()
        .put("regex", word(regex))
        .put("replacement", word(to))
        .put("permanent", Node::flag(permanent));
    Node::from(Map::new().put("redirectRegex", map)).at(at)
}
