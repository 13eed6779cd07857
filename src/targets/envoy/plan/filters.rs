//! The chain of HTTP filters of a listener: what every request passes, most of it asleep until a route wakes it.

use super::doc::{self, dormant, extension, kind, literal, typed};
use super::{Ctx, access, auth, process};
use crate::emit::Tok;
use crate::emit::lang::envoy;
use crate::emit::{Map, Node};
use crate::ir::{AuthKind, Listener, Log, Route};

/// The first filter: the last to touch an answer.
const LAST: &str = "wsgen.last";
/// The response headers of a route.
pub(super) const ANSWERS: &str = "wsgen.answers";
/// Which ranges the client's address is in.
const TAGS: &str = "wsgen.tags";
/// The forwarded headers.
pub(super) const FORWARDED: &str = "wsgen.forwarded";
/// The script before every guard.
pub(super) const HEAD: &str = "wsgen.head";
/// Requests of trusted proxies whose client nobody can tell.
pub(super) const UNREADABLE: &str = "wsgen.unreadable";
/// Client addresses that may come.
pub(super) const CLIENTS: &str = "wsgen.clients";
/// Origins that may come.
pub(super) const ORIGINS: &str = "wsgen.origins";
/// The rate of a route's requests.
pub(super) const RATE: &str = "wsgen.rate";
/// What is open at once, by client.
pub(super) const OPEN: &str = "wsgen.open";
/// Tokens, keys, another service.
pub(super) const AUTH: &str = "wsgen.auth";
/// Signed tokens.
pub(super) const JWT: &str = "wsgen.jwt";
/// Name and password.
pub(super) const BASIC: &str = "wsgen.basic";
/// Queries towards the server, and its `Location`.
pub(super) const LATE: &str = "wsgen.late";
/// The size of a body.
pub(super) const BODY: &str = "wsgen.body";
/// The request headers of a route.
pub(super) const REQUEST: &str = "wsgen.request";
/// Compression.
pub(super) const COMPRESSORS: [&str; 3] = ["wsgen.gzip", "wsgen.brotli", "wsgen.zstd"];
/// The proxy's own cookie.
pub(super) const STICKY: &str = "wsgen.sticky";

/// What a route turns on.
pub(super) fn awake() -> Map {
    typed(kind!("config.route.v3.FilterConfig")).put("config", Map::new())
}

/// Whether this version has a filter that counts the bytes of a body as they pass.
pub(super) fn counts_bodies(ctx: &Ctx<'_>) -> bool {
    ctx.env.since(1, 40, 0)
}

/// The chain of a listener.
pub(super) fn chain(ctx: &Ctx<'_>, it: &Listener) -> Vec<Node> {
    let served: Vec<&Route> = ctx
        .g
        .routes
        .iter()
        .filter(|route| ctx.g.serves(it, route))
        .collect();
    let any = |test: &dyn Fn(&Route) -> bool| served.iter().any(|route| test(route));
    let mut chain: Vec<Map> = Vec::new();
    chain.extend(last(ctx, it));
    if any(&|route| !route.response_headers.is_empty()) {
        chain.push(mutation_filter(ANSWERS));
    }
    chain.extend(access::tags(&served, TAGS));
    let forwards = any(&|route| !route.shares().is_empty());
    let behind = !it.trusted_proxies.value.is_empty() && forwards;
    let always = ctx.g.log.is_some() || it.redirect.is_some() || behind;
    if always || served.iter().any(|route| ctx.wants_head(route)) {
        let lua = head_script(ctx.g.log.as_ref(), behind);
        chain.push(if always {
            extension(HEAD, lua)
        } else {
            dormant(HEAD, lua)
        });
    }
    chain.extend(super::address::unreadable(it, behind));
    if forwards {
        chain.push(extension(
            FORWARDED,
            super::headers::mutations(super::headers::forwarded(it), Vec::new()),
        ));
    }
    if any(&|route| route.clients.is_some()) {
        chain.push(dormant(CLIENTS, rbac()));
    }
    if any(&|route| access::origins(route).is_some()) {
        chain.push(dormant(ORIGINS, rbac()));
    }
    if any(&|route| {
        route
            .requests
            .as_ref()
            .is_some_and(|it| it.bucket.is_none())
    }) {
        chain.push(dormant(
            RATE,
            typed(kind!(
                "extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
            ))
            .put("stat_prefix", Node::word("rate")),
        ));
    }
    chain.extend(access::buckets(ctx, &served));
    if any(&|route| access::open(route).is_some()) {
        chain.push(dormant(OPEN, lua(include_str!("../lua/open.lua"))));
    }
    chain.extend(auth::filters(ctx, &served));
    if any(&|route| super::headers::has_late(ctx, route)) {
        chain.push(dormant(LATE, lua(include_str!("../lua/late.lua"))));
    }
    if any(&|route| route.body.value.is_some()) {
        match counts_bodies(ctx) {
            true => chain.extend(access::bodies(&served)),
            false => chain.push(access::buffer()),
        }
    }
    let strips = |route: &Route| {
        let auth = ctx.g.auth_of(route);
        auth.is_some_and(|it| matches!(&it.kind, AuthKind::Basic(basic) if basic.strip.value))
    };
    if any(&|route| !route.request_headers.is_empty() || strips(route)) {
        chain.push(mutation_filter(REQUEST));
    }
    if any(&|route| route.compression.value) {
        chain.extend(compressors());
    }
    if any(&|route| super::sticky::of(ctx, route).is_some()) {
        chain.push(dormant(
            STICKY,
            typed(kind!(
                "extensions.filters.http.stateful_session.v3.StatefulSession"
            )),
        ));
    }
    chain.push(process::router());
    chain.into_iter().map(Node::from).collect()
}

fn mutation_filter(name: &'static str) -> Map {
    dormant(
        name,
        typed(kind!(
            "extensions.filters.http.header_mutation.v3.HeaderMutation"
        )),
    )
}

fn rbac() -> Map {
    typed(kind!("extensions.filters.http.rbac.v3.RBAC"))
}

pub(super) fn lua(source: &'static str) -> Map {
    typed(kind!("extensions.filters.http.lua.v3.Lua")).put(
        "default_source_code",
        Map::new().put("inline_string", doc::script(source)),
    )
}

/// What every answer gets, and what none keeps.
fn last(ctx: &Ctx<'_>, it: &Listener) -> Option<Map> {
    let mut changes = Vec::new();
    if let Some(hsts) = it.tls.as_ref().and_then(|tls| tls.hsts.as_ref()) {
        let set = doc::set(
            "strict-transport-security",
            literal(&hsts.value.header()).at(hsts.loc()),
        );
        changes.push(Node::from(doc::mutation(set)).at(hsts.loc()));
    }
    if ctx.has_pages() {
        changes.push(doc::removal("x-wsgen-own").into());
        changes.push(doc::removal("x-wsgen-server").into());
    }
    (!changes.is_empty()).then(|| extension(LAST, super::headers::mutations(Vec::new(), changes)))
}

/// The script at the head, with the query parameters that stay out of the log.
fn head_script(log: Option<&Log>, behind: bool) -> Map {
    let mut lines = vec![
        Tok::fixed(match behind {
            true => "local behind_proxies = true",
            false => "local behind_proxies = false",
        }),
        Tok::fixed("local secrets = {}"),
    ];
    for name in log.iter().flat_map(|it| &it.redact_query.value) {
        let name = envoy::lua(name);
        lines.push(Tok::joined([
            (Tok::fixed("secrets["), &name),
            (Tok::fixed(""), &Tok::fixed("] = true")),
        ]));
    }
    lines.extend(include_str!("../lua/head.lua").lines().map(Tok::fixed));
    typed(kind!("extensions.filters.http.lua.v3.Lua")).put(
        "default_source_code",
        Map::new().put("inline_string", Node::block(lines)),
    )
}

fn compressors() -> Vec<Map> {
    let library = |name: &'static str, config: Map| {
        Map::new()
            .put("name", Node::word(name))
            .put("typed_config", config)
    };
    let gzip = library(
        "gzip",
        typed(kind!("extensions.compression.gzip.compressor.v3.Gzip"))
            .put("window_bits", Node::number(15))
            .put("memory_level", Node::number(8)),
    );
    let brotli = library(
        "brotli",
        typed(kind!("extensions.compression.brotli.compressor.v3.Brotli")),
    );
    let zstd = library(
        "zstd",
        typed(kind!("extensions.compression.zstd.compressor.v3.Zstd")),
    );
    let config = |library: Map| {
        typed(kind!("extensions.filters.http.compressor.v3.Compressor"))
            .put("compressor_library", library)
    };
    COMPRESSORS
        .into_iter()
        .zip([gzip, brotli, zstd])
        .map(|(name, library)| dormant(name, config(library)))
        .collect()
}
