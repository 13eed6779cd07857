//! The filters that an entry of a route wakes, in no order: the chain has one.

use super::doc::{self, at};
use super::filters::{self, awake};
use super::{Ctx, access, auth, headers, response, sticky};
use crate::emit::{Map, Node};
use crate::ir::{AuthKind, Listener, Route};

/// How far a request gets before this entry answers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Refused by what its head says: only the client's address is asked before.
    Refused,
    /// An upgrade that its route passes.
    Tunnel,
    /// Everything else.
    Plain,
}

/// What an entry holds for the guards that the route wakes.
pub(super) fn guards<'a>(
    ctx: &Ctx<'a>,
    listener: &'a Listener,
    route: &'a Route,
    stage: Stage,
    preflight: bool,
) -> Map {
    let (filters, metadata) = woken(ctx, listener, route, stage, preflight);
    let map = Map::new();
    let map = match metadata.is_empty() {
        true => map,
        false => map.put("metadata", Map::new().put("filter_metadata", metadata)),
    };
    match filters.is_empty() {
        true => map,
        false => map.put("typed_per_filter_config", filters),
    }
}

/// The filters that the route wakes, and what their scripts are told.
fn woken<'a>(
    ctx: &Ctx<'a>,
    listener: &'a Listener,
    route: &'a Route,
    stage: Stage,
    preflight: bool,
) -> (Map, Map) {
    let mut filters = Map::new();
    let mut metadata = Map::new();
    if !route.response_headers.is_empty() {
        let changes = headers::response(listener, route);
        let per_route = doc::typed(doc::kind!(
            "extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute"
        ))
        .put(
            "mutations",
            Map::new().put("response_mutations", Node::list(changes)),
        );
        filters = filters.put(filters::ANSWERS, per_route);
    }
    if !route.forwarded.value && !route.shares().is_empty() {
        let off = headers::forwarded_off(route);
        filters = filters.put(filters::FORWARDED, off);
    }
    if ctx.wants_head(route) {
        let told = response::head_metadata(listener, route, preflight, stage == Stage::Tunnel);
        filters = filters.put(filters::HEAD, awake());
        if !told.is_empty() {
            metadata = metadata.put(filters::HEAD, told);
        }
    }
    if let Some(rules) = access::clients(route) {
        filters = filters.put(filters::CLIENTS, rules);
    }
    if stage == Stage::Refused {
        return (filters, metadata);
    }
    if stage == Stage::Tunnel
        && let Some(rules) = access::origins(route)
    {
        filters = filters.put(filters::ORIGINS, rules);
    }
    if let Some((name, rules)) = access::rate(route) {
        filters = filters.entry(name, rules);
    }
    if let Some(told) = access::open(route) {
        filters = filters.put(filters::OPEN, awake());
        metadata = metadata.put(filters::OPEN, told);
    }
    if let Some(it) = ctx.g.auth_of(route) {
        let at = route.auth.as_ref().map_or(route.at, |it| it.loc());
        let (more, told) = auth::of(it, at);
        filters = filters.and(more);
        if !told.is_empty() {
            metadata = metadata.put(filters::AUTH, told);
        }
    }
    if let Some(told) = headers::late_metadata(ctx, route, stage == Stage::Tunnel) {
        filters = filters.put(filters::LATE, awake());
        metadata = metadata.put(filters::LATE, told);
    }
    if let Some(size) = route.body.value.filter(|_| stage == Stage::Plain) {
        let loc = route.body.loc();
        filters = match filters::counts_bodies(ctx) {
            true => filters.entry(access::body_name(size), at(awake(), loc)),
            false => filters.put(filters::BODY, at(access::buffered(size), loc)),
        };
    }
    let strips = ctx
        .g
        .auth_of(route)
        .is_some_and(|it| matches!(&it.kind, AuthKind::Basic(basic) if basic.strip.value));
    if !route.request_headers.is_empty() || strips {
        let mut changes = headers::request(listener, route);
        if strips {
            changes.insert(0, doc::removal("authorization").into());
        }
        let per_route = doc::typed(doc::kind!(
            "extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute"
        ))
        .put(
            "mutations",
            Map::new().put("request_mutations", Node::list(changes)),
        );
        filters = filters.put(filters::REQUEST, per_route);
    }
    if route.compression.value && stage == Stage::Plain {
        for name in filters::COMPRESSORS {
            filters = filters.put(name, at(awake(), route.compression.loc()));
        }
    }
    if let Some(cookie) = sticky::of(ctx, route) {
        filters = filters.put(filters::STICKY, sticky::session(listener, cookie));
    }
    (filters, metadata)
}
