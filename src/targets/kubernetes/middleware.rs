//! Traefik's Middlewares: one object for each thing that happens to a request on its way, each made once.

use super::objects::Object;
use super::routes::{self, FORWARDED, Face};
use super::{Context, ranges, text, word, words};
use crate::emit::lang::kubernetes;
use crate::emit::{Map, Node};
use crate::ir::{
    Action, AuthKind, Capture, Change, Cors, Feature, HeaderOp, HostHeader, Listener, Loc, Origin,
    PathMatch, PathRewrite, Per, PerKey, Redirect, RedirectScheme, RedirectTo, Route, Set, Subject,
};

/// A name that no header can have: all requests lack it, and count as one.
const NO_HEADER: &str = "all requests together";

/// Every URL: its host and what follows host and port are kept.
const ANY_URL: &str = r"^[a-z]+://(\[[^\]]*\]|[^/:?]*)(?::[0-9]+)?(.*)$";

/// The Middlewares so far.
#[derive(Default)]
pub(in crate::targets) struct Middlewares {
    names: std::collections::BTreeSet<String>,
    pub(in crate::targets) objects: Vec<Object>,
}

impl Middlewares {
    /// A Middleware of this name, made where there is none yet; its name.
    pub(in crate::targets) fn add(
        &mut self,
        ctx: &Context<'_>,
        parts: &[&str],
        at: Loc,
        spec: impl FnOnce() -> Map,
    ) -> String {
        let name = ctx.name(parts);
        if self.names.insert(name.clone()) {
            let object = Object::new(
                "traefik.io/v1alpha1",
                "Middleware",
                &name,
                ctx.namespace(),
                at,
            );
            self.objects.push(object.put("spec", spec()));
        }
        name
    }
}

/// The Middlewares of a route on a face, in the order that requests pass them.
pub(in crate::targets) fn chain(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
    face: &Face<'_>,
    closed: bool,
) -> Vec<String> {
    let listener = face.first();
    let mut chain = vec![of_listener(ctx, made, listener)];
    if closed {
        chain.push(status(ctx, made, 503, route.at));
        return chain;
    }
    let own = match Face::of(ctx.g, route).len() {
        1 => "",
        _ => listener.name.as_str(),
    };
    chain.extend(answer(ctx, made, route, face, own));
    chain.extend(clients(ctx, made, route, listener));
    chain.extend(rate(ctx, made, route, listener));
    chain.extend(open(ctx, made, route, listener));
    chain.extend(guard(ctx, made, route));
    match &route.action {
        Action::Forward(_) => {
            chain.extend(body(ctx, made, route));
            chain.extend(request(ctx, made, route, face, own));
            chain.extend(rewrite(ctx, made, route));
            chain.extend(compress(ctx, made, route));
            chain.extend(tries(ctx, made, route));
        }
        Action::Redirect(it) => chain.extend(redirect(ctx, made, route, it, face, own)),
        Action::Respond(it) => {
            chain.extend(body(ctx, made, route));
            if !it.value.body.is_empty() {
                chain.push(made.add(ctx, &[&route.name, "type"], it.loc(), || {
                    let value = text(&it.value.content_type, it.loc());
                    headers(
                        "customResponseHeaders",
                        Map::new().put("Content-Type", value),
                    )
                }));
            }
            chain.push(status(ctx, made, it.value.status, it.loc()));
        }
    }
    chain
}

/// Answers are compressed.
pub(in crate::targets) fn compress(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
) -> Option<String> {
    if !route.compression.value {
        return None;
    }
    Some(made.add(ctx, &["compress"], route.compression.loc(), || {
        let map = Map::new()
            .put("excludedContentTypes", words(["text/event-stream"]))
            .put("encodings", words(["zstd", "br", "gzip"]));
        Map::new().put("compress", map)
    }))
}

/// A connection that fails is tried again elsewhere.
pub(in crate::targets) fn tries(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
) -> Option<String> {
    let tries = routes::tries(ctx.g, route);
    (tries > 1).then(|| {
        let name = format!("tries-{tries}");
        made.add(ctx, &[&name], Loc::default(), || {
            let attempts = i64::try_from(tries).unwrap_or(i64::MAX);
            Map::new().put("retry", Map::new().put("attempts", Node::number(attempts)))
        })
    })
}

/// The CORS headers of answers, and preflights.
pub(in crate::targets) fn shared(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
) -> Option<String> {
    let it = route.cors.as_ref()?;
    Some(made.add(ctx, &[&route.name, "cors"], it.at, || {
        Map::new().put("headers", cors(it))
    }))
}

fn headers(kind: &'static str, map: Map) -> Map {
    Map::new().put("headers", Map::new().put(kind, map))
}

/// What all requests of a listener say of it, and all its answers.
fn of_listener(ctx: &Context<'_>, made: &mut Middlewares, it: &Listener) -> String {
    made.add(ctx, &["at", &it.name], it.at, || {
        let sent = Map::new()
            // Traefik writes `ws` and `wss` for sockets.
            .put("X-Forwarded-Proto", Node::word(it.scheme()))
            .put(
                "X-Forwarded-Port",
                text(&it.public_port.value.to_string(), it.public_port.loc()),
            )
            // Traefik would pass it on as the client wrote it.
            .put("Forwarded", Node::word(""));
        let mut map = Map::new().put("customRequestHeaders", sent);
        if let Some(hsts) = it.tls.as_ref().and_then(|tls| tls.hsts.as_ref()) {
            let value = text(&hsts.value.header(), hsts.loc());
            let sent = Map::new().put("Strict-Transport-Security", value);
            map = map.put("customResponseHeaders", sent);
        }
        Map::new().put("headers", map)
    })
}

/// Takes away what says who the client is: Traefik adds nothing to what is set to nothing.
pub(in crate::targets) fn blind(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
) -> String {
    made.add(ctx, &["blind"], route.forwarded.loc(), || {
        let none = |map: Map, name: &&'static str| map.put(name, Node::word(""));
        headers(
            "customRequestHeaders",
            FORWARDED.iter().fold(Map::new(), none),
        )
    })
}

/// Answers every request with a status: nobody has the one address that may pass.
pub(in crate::targets) fn status(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    status: u16,
    at: Loc,
) -> String {
    let name = format!("status-{status}");
    made.add(ctx, &[&name], at, || {
        let list = Map::new()
            .put("sourceRange", words(["255.255.255.255/32"]))
            .put("rejectStatusCode", Node::number(status));
        Map::new().put("ipAllowList", list)
    })
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

    fn change(
        &mut self,
        ops: &[HeaderOp],
        route: &Route,
        listener: &Listener,
        lost: impl Fn(&HeaderOp) -> bool,
    ) {
        for op in ops {
            let fixed = op
                .change
                .value()
                .map(|it| routes::fixed(it, route, listener));
            match (&op.change, fixed.flatten()) {
                (Change::Remove, _) => self.set(&op.name, "", op.at),
                _ if lost(op) => {}
                // A value that Traefik does not know must not come from the client either.
                (Change::Set(_) | Change::Add(_) | Change::SetIfAbsent(_), value) => {
                    self.set(&op.name, value.unwrap_or_default(), op.at);
                }
            }
        }
    }

    fn map(self) -> Option<Map> {
        let all = self.0.into_iter();
        let map = all.fold(Map::new(), |map, (name, value, at)| {
            map.entry(kubernetes::word(&name).at(at), text(&value, at))
        });
        (!map.is_empty()).then_some(map)
    }
}

fn lost(ctx: &Context<'_>, route: &Route, feature: Feature, op: &HeaderOp) -> bool {
    !ctx.v
        .renders(feature, Subject::Route(route), Origin::written(op.at))
}

/// Headers of answers, refusals included.
fn answer(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
    face: &Face<'_>,
    own: &str,
) -> Option<String> {
    let mut heads = Heads::default();
    let lost = |op: &HeaderOp| lost(ctx, route, Feature::ResponseHeaders, op);
    heads.change(&route.response_headers, route, face.first(), lost);
    let map = heads.map();
    if map.is_none() && route.cors.is_none() {
        return None;
    }
    let at = route.cors.as_ref().map_or(route.at, |it| it.at);
    let spec = || {
        let mut all = Map::new().maybe("customResponseHeaders", map);
        if let Some(it) = &route.cors {
            all = all.and(cors(it));
        }
        Map::new().put("headers", all)
    };
    Some(made.add(ctx, &named(route, "answer", own), at, spec))
}

fn named<'a>(route: &'a Route, what: &'a str, own: &'a str) -> Vec<&'a str> {
    let mut parts = vec![route.name.as_str(), what];
    if !own.is_empty() {
        parts.push(own);
    }
    parts
}

fn cors(cors: &Cors) -> Map {
    let any = ["*".to_owned()];
    let origins = cors.origins.value.as_deref().unwrap_or(&any);
    let mut map = Map::new()
        .put(
            "accessControlAllowOriginList",
            words(origins).at(cors.origins.loc()),
        )
        .put(
            "accessControlAllowMethods",
            words(&cors.methods.value).at(cors.methods.loc()),
        );
    if !cors.headers.value.is_empty() {
        map = map.put(
            "accessControlAllowHeaders",
            words(&cors.headers.value).at(cors.headers.loc()),
        );
    }
    if !cors.expose.value.is_empty() {
        map = map.put(
            "accessControlExposeHeaders",
            words(&cors.expose.value).at(cors.expose.loc()),
        );
    }
    if cors.credentials.value {
        map = map.put(
            "accessControlAllowCredentials",
            Node::flag(true).at(cors.credentials.loc()),
        );
    }
    if let Some(age) = cors.max_age.value {
        let seconds = i64::try_from(age.as_secs_ceil()).unwrap_or(i64::MAX);
        map = map.put(
            "accessControlMaxAge",
            Node::number(seconds).at(cors.max_age.loc()),
        );
    }
    map.put("addVaryHeader", Node::flag(true))
}

/// How a client's address is found: what a trusted proxy says of it, else the peer's own.
fn strategy(listener: &Listener) -> Map {
    match listener.trusted_proxies.value.as_slice() {
        [] => Map::new().put("depth", Node::number(0)),
        trusted => Map::new().put(
            "excludedIPs",
            words(trusted.iter().map(ToString::to_string)),
        ),
    }
}

pub(in crate::targets) fn clients(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
    listener: &Listener,
) -> Option<String> {
    let clients = route.clients.as_ref()?;
    let name = ["clients", own_strategy(listener)];
    let parts: Vec<&str> = std::iter::once(route.name.as_str())
        .chain(name)
        .filter(|it| !it.is_empty())
        .collect();
    Some(made.add(ctx, &parts, clients.at, || {
        let mut admitted = ranges::admitted(clients);
        if admitted.is_empty() {
            // A list must not be empty; nobody has this address.
            admitted.push("255.255.255.255/32".to_owned());
        }
        let list = Map::new()
            .put("sourceRange", words(admitted))
            .put("ipStrategy", strategy(listener));
        Map::new().put("ipAllowList", list)
    }))
}

/// What the names of Middlewares that look at clients have where a listener has proxies in front.
fn own_strategy(listener: &Listener) -> &str {
    match listener.trusted_proxies.value.is_empty() {
        true => "",
        false => &listener.name,
    }
}

fn criterion(per: &PerKey, listener: &Listener) -> Map {
    match per {
        PerKey::Client => Map::new().put("ipStrategy", strategy(listener)),
        PerKey::Route => Map::new().put("requestHeaderName", word(NO_HEADER)),
        PerKey::Header(name) => Map::new().put("requestHeaderName", word(name)),
    }
}

pub(in crate::targets) fn rate(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
    listener: &Listener,
) -> Option<String> {
    let limit = route.requests.as_ref()?;
    let parts = [route.name.as_str(), "rate", own_strategy(listener)];
    let parts: Vec<&str> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    Some(made.add(ctx, &parts, limit.rate.loc(), || {
        let rate = limit.rate.value;
        let period = match rate.per {
            Per::Second => "1s",
            Per::Minute => "1m",
            Per::Hour => "1h",
        };
        // The request itself is one of them, and those of a second may come at once.
        let most =
            (i64::from(limit.burst.value) + 1).max(i64::from(rate.count) / rate.per.secs() as i64);
        let limiter = Map::new()
            .put("average", Node::number(rate.count))
            .put("period", Node::word(period))
            .put("burst", Node::number(most))
            .put("sourceCriterion", criterion(&limit.per.value, listener));
        Map::new().put("rateLimit", limiter)
    }))
}

pub(in crate::targets) fn open(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
    listener: &Listener,
) -> Option<String> {
    let limit = route.connections.as_ref()?;
    let parts = [route.name.as_str(), "open", own_strategy(listener)];
    let parts: Vec<&str> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    Some(made.add(ctx, &parts, limit.max.loc(), || {
        let limiter = Map::new()
            .put("amount", Node::number(limit.max.value))
            .put("sourceCriterion", criterion(&limit.per.value, listener));
        Map::new().put("inFlightReq", limiter)
    }))
}

pub(in crate::targets) fn body(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
) -> Option<String> {
    let limit = route.body.value?;
    Some(made.add(ctx, &[&route.name, "body"], route.body.loc(), || {
        let most = i64::try_from(limit.as_bytes()).unwrap_or(i64::MAX);
        let buffering = Map::new().put("maxRequestBodyBytes", Node::number(most));
        Map::new().put("buffering", buffering)
    }))
}

/// How the client is known.
pub(in crate::targets) fn guard(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
) -> Option<String> {
    let auth = ctx.g.auth_of(route)?;
    let spec = match &auth.kind {
        AuthKind::Basic(it) => {
            let secret = ctx.name(&["users", &auth.name]);
            let map = Map::new()
                .put("secret", text(&secret, it.file.loc()))
                .put("realm", text(&it.realm.value, it.realm.loc()))
                .put(
                    "removeHeader",
                    Node::flag(it.strip.value).at(it.strip.loc()),
                );
            Map::new().put("basicAuth", map)
        }
        AuthKind::Forward(it) => {
            let upstream = ctx.g.upstream(it.upstream.value);
            let servers = upstream.servers.iter().find(|it| !it.backup.value);
            let server = servers.unwrap_or(&upstream.servers[0]);
            let scheme = if upstream.tls.is_some() {
                "https"
            } else {
                "http"
            };
            let url = match ctx.named(upstream) {
                Some(named) => {
                    let service = &named.value;
                    let namespace = service.namespace.as_deref().unwrap_or(ctx.namespace());
                    format!(
                        "{scheme}://{}.{namespace}.svc:{}{}",
                        service.service, service.port, it.path.value
                    )
                }
                None => format!("{scheme}://{}{}", server.address.value, it.path.value),
            };
            let mut map = Map::new()
                .put("address", text(&url, it.upstream.loc()))
                // What came from trusted proxies was checked at the entry.
                .put("trustForwardHeader", Node::flag(true))
                .put(
                    "authRequestHeaders",
                    words(&it.send.value).at(it.send.loc()),
                );
            if !it.pass.value.is_empty() {
                map = map.put(
                    "authResponseHeaders",
                    words(&it.pass.value).at(it.pass.loc()),
                );
            }
            // More than a service has to say.
            map = map.put("maxResponseBodySize", Node::number(1 << 20));
            if let Some(tls) = &upstream.tls {
                let mut own = Map::new();
                if let Some(ca) = &tls.ca {
                    own = own.put(
                        "caSecret",
                        text(&ctx.name(&["ca", &upstream.name]), ca.loc()),
                    );
                }
                if let Some((cert, _)) = &tls.client {
                    own = own.put(
                        "certSecret",
                        text(&ctx.name(&["client", &upstream.name]), cert.loc()),
                    );
                }
                if !tls.verify.value {
                    own = own.put("insecureSkipVerify", Node::flag(true));
                }
                map = if own.is_empty() {
                    map
                } else {
                    map.put("tls", own)
                };
            }
            Map::new().put("forwardAuth", map)
        }
        // Never asked for: whoever needs them is closed.
        AuthKind::Jwt(_) | AuthKind::ApiKey(_) => return None,
    };
    Some(made.add(ctx, &["auth", &auth.name], auth.at, || spec))
}

/// Headers towards the server.
fn request(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
    face: &Face<'_>,
    own: &str,
) -> Option<String> {
    let mut heads = Heads::default();
    if route.websocket.is_none() {
        heads.set("Upgrade", "", Loc::default());
    }
    let plain = heads.0.len();
    if !route.forwarded.value {
        for name in FORWARDED {
            heads.set(name, "", route.forwarded.loc());
        }
    }
    if let Some(share) = route.shares().first()
        && let HostHeader::Set(host) = &share.host_header.value
    {
        heads.set("Host", host.as_str(), share.host_header.loc());
    }
    let lost = |op: &HeaderOp| lost(ctx, route, Feature::RequestHeaders, op);
    heads.change(&route.request_headers, route, face.first(), lost);
    // Most routes have nothing but this.
    let is_plain = heads.0.len() == plain && plain > 0;
    let map = heads.map()?;
    let spec = || headers("customRequestHeaders", map);
    Some(match is_plain {
        true => made.add(ctx, &["no-upgrade"], Loc::default(), spec),
        false => made.add(ctx, &named(route, "request", own), route.at, spec),
    })
}

/// Another path towards the server: one Middleware, or two where the result has to be put right.
pub(in crate::targets) fn rewrite(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
) -> Vec<String> {
    let Some(change) = route.rewrite.as_ref().and_then(|it| it.path.as_ref()) else {
        return Vec::new();
    };
    let at = change.loc();
    let (regex, to) = match &change.value {
        PathRewrite::StripPrefix => (below(route, true), "/${1}".to_owned()),
        PathRewrite::ReplacePrefix(new) => {
            let new = new.trim_end_matches('/');
            (below(route, false), format!("{}${{1}}", dollars(new)))
        }
        PathRewrite::Path(new) => ("^.*$".to_owned(), dollars(new)),
        PathRewrite::Regex { matches, to } => (format!("^(?:{matches})$"), captures(to)),
    };
    let replaced = |regex: &str, to: &str| {
        let map = Map::new()
            .put("regex", text(regex, at))
            .put("replacement", text(to, at));
        Map::new().put("replacePathRegex", map)
    };
    let mut names = vec![made.add(ctx, &[&route.name, "path"], at, || replaced(&regex, &to))];
    if matches!(change.value, PathRewrite::Regex { .. }) {
        names.push(made.add(ctx, &["one-slash"], at, || replaced("^/*(.*)$", "/${1}")));
    }
    names
}

/// The pattern of the route's own prefixes, the longest first; its group is what follows.
fn below(route: &Route, strip: bool) -> String {
    let literal = route.paths.iter().filter_map(|path| match &path.value {
        PathMatch::Prefix(text) | PathMatch::Exact(text) => Some(text.trim_end_matches('/')),
        PathMatch::Regex(_) => None,
    });
    let mut prefixes: Vec<&str> = literal.collect();
    prefixes.sort_by_key(|text| std::cmp::Reverse(text.len()));
    prefixes.dedup();
    let prefixes: Vec<String> = prefixes.iter().map(|it| ranges::quoted(it)).collect();
    let prefixes = prefixes.join("|");
    match strip {
        true => format!("^(?:{prefixes})(?:/+(.*))?$"),
        false => format!("^(?:{prefixes})(/.*)?$"),
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
pub(in crate::targets) fn redirect(
    ctx: &Context<'_>,
    made: &mut Middlewares,
    route: &Route,
    redirect: &Set<Redirect>,
    face: &Face<'_>,
    own: &str,
) -> Vec<String> {
    let Redirect { to, status: code } = &redirect.value;
    let at = redirect.loc();
    let (scheme, host, path) = match to {
        RedirectTo::Url(url) => {
            let sent = Map::new().put("Location", text(url, at));
            let parts = [route.name.as_str(), "location"];
            return vec![
                made.add(ctx, &parts, at, || headers("customResponseHeaders", sent)),
                status(ctx, made, *code, at),
            ];
        }
        RedirectTo::Parts { scheme, host, path } => (scheme, host, path),
    };
    let listener = face.first();
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
    let to = format!("{new}://{host}{rest}");
    vec![made.add(ctx, &named(route, "location", own), at, || {
        let map = Map::new()
            .put("regex", word(regex))
            .put("replacement", text(&to, at))
            .put("permanent", Node::flag(matches!(code, 301 | 308)));
        Map::new().put("redirectRegex", map)
    })]
}
