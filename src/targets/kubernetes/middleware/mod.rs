//! Traefik's Middlewares: one object for each thing that happens to a request on its way, each made once.

mod ways;

mod guards;

use super::objects::Object;
use super::routes::{self, Face};
use super::{Context, text, words};
use crate::emit::lang::kubernetes;
use crate::emit::{Map, Node};
use crate::ir::{
    Action, Change, Cors, Feature, HeaderOp, HostHeader, Listener, Loc, Origin, Route, Subject,
};
use crate::targets::traefik::facts::{self, FORWARDED};

pub(in crate::targets) use guards::{body, clients, guard, open, rate};

pub(in crate::targets) use ways::{redirect, rewrite};

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
    let tries = facts::tries(ctx.g, route);
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
    let (kind, origins) = match cors.is_for_everybody() {
        // Whoever asks is named, for `*` and credentials do not go together.
        true => ("accessControlAllowOriginListRegex", words([".*"])),
        false => ("accessControlAllowOriginList", words(origins)),
    };
    let mut map = Map::new().put(kind, origins.at(cors.origins.loc())).put(
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
    let lost = |op: &HeaderOp| {
        lost(ctx, route, Feature::RequestHeaders, op)
            || matches!(op.change, Change::SetIfAbsent(_)) && facts::sets_itself(route, &op.name)
    };
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
