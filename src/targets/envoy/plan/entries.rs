//! The entries of a route: refusals first, then upgrades, then what is left.

use super::doc::{self, at, exactly, header, present, text, time};
use super::filters::{self, awake};
use super::matching::{Taken, upgrade_to};
use super::{Ctx, access, auth, headers, process, response, server};
use crate::emit::{Map, Node};
use crate::ir::{
    Action, AuthKind, Feature, HostHeader, Listener, Loc, RetryAfter, Route, Share, SiteEntry,
    Subject,
};
use crate::targets::envoy::facts;

/// Methods that may be repeated (RFC 9110 §9.2.2).
const IDEMPOTENT: [&str; 6] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"];

/// How far a request gets before this entry answers it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Refused by what its head says: only the client's address is asked before.
    Refused,
    /// An upgrade that its route passes.
    Tunnel,
    /// Everything else.
    Plain,
}

/// Adds the entries of an entry of the table.
pub(super) fn entries<'a>(ctx: &Ctx<'a>, it: &'a Listener, entry: &SiteEntry, out: &mut Vec<Node>) {
    let route = ctx.g.route(entry.entry.route);
    let taken = Taken::new(ctx.g, entry, ctx.is_closed(route));
    let place = Place {
        ctx,
        it,
        route,
        path: entry.entry.path as usize,
    };
    if ctx.is_closed(route) {
        let closed = place.named(taken).put("direct_response", status(503));
        let why = "closed: Envoy cannot keep a guard that this route asks for";
        out.push(at(Map::new().remark(why).and(closed), route.at));
        return;
    }
    if route.cors.is_some() {
        let asks = taken
            .clone()
            .and(header(":method", exactly("OPTIONS")))
            .and(present("origin", true))
            .and(present("access-control-request-method", true));
        out.push(place.refusal(asks, 204, Vec::new(), true, route.at));
    }
    if let Some(methods) = &route.methods {
        let other = taken.clone().methods(&methods.value, false);
        let allow = doc::set("allow", doc::literal(&methods.value.join(", ")));
        out.push(place.refusal(other, 405, vec![allow], false, methods.loc()));
    }
    match &route.action {
        Action::Forward(shares) => place.forward(taken, shares, out),
        Action::Redirect(redirect) => {
            let location = response::location(&redirect.value, it);
            let map = place
                .guarded(taken, Stage::Plain)
                .put("direct_response", status(redirect.value.status))
                .put(
                    "response_headers_to_add",
                    Node::list([doc::set("location", location)]),
                );
            out.push(at(map, redirect.loc()));
        }
        Action::Respond(respond) => {
            let (direct, headers) = response::fixed(&respond.value);
            let map = place
                .guarded(taken, Stage::Plain)
                .put("direct_response", direct);
            let map = match headers.is_empty() {
                true => map,
                false => map.put("response_headers_to_add", Node::list(headers)),
            };
            out.push(at(map, respond.loc()));
        }
    }
}

fn status(status: u16) -> Map {
    Map::new().put("status", Node::number(status))
}

/// The largest body of an answer that the file holds.
pub(super) fn largest_body(ctx: &Ctx<'_>) -> u64 {
    let bodies = ctx.g.routes.iter().map(|route| match &route.action {
        Action::Respond(respond) => respond.value.body.len(),
        Action::Forward(_) | Action::Redirect(_) => 0,
    });
    bodies.max().unwrap_or(0) as u64
}

/// Where an entry stands.
struct Place<'c, 'a> {
    ctx: &'c Ctx<'a>,
    it: &'a Listener,
    route: &'a Route,
    path: usize,
}

impl<'a> Place<'_, 'a> {
    /// An entry with the route's name and condition.
    fn named(&self, taken: Taken) -> Map {
        let from = &self.route.paths[self.path];
        Map::new()
            .put("name", text(&self.route.name))
            .put("match", at(taken.map(), from.loc()))
    }

    /// An entry that refuses before any route-wide limit.
    fn refusal(&self, taken: Taken, code: u16, extra: Vec<Map>, preflight: bool, loc: Loc) -> Node {
        let mut map = self.named(taken);
        let (filters, metadata) = self.guards(Stage::Refused, preflight);
        map = with_guards(map, filters, metadata);
        map = map.put("direct_response", status(code));
        if !extra.is_empty() {
            map = map.put("response_headers_to_add", Node::list(extra));
        }
        at(map, loc)
    }

    fn guarded(&self, taken: Taken, stage: Stage) -> Map {
        let (filters, metadata) = self.guards(stage, false);
        let mut map = with_guards(self.named(taken), filters, metadata);
        for (_, raw) in self
            .ctx
            .g
            .rooms
            .envoy
            .room
            .raw
            .routes
            .iter()
            .filter(|(id, _)| *id == self.route.id)
        {
            map = map
                .remark("raw: outside the contract")
                .snippet(&raw.value, raw.loc());
        }
        map
    }

    /// The filters that the route wakes, and what their scripts are told.
    fn guards(&self, stage: Stage, preflight: bool) -> (Map, Map) {
        let (ctx, route) = (self.ctx, self.route);
        let mut filters = Map::new();
        let mut metadata = Map::new();
        if !route.response_headers.is_empty() {
            let changes = headers::response(self.it, route);
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
            let told = response::head_metadata(self.it, route, preflight, stage == Stage::Tunnel);
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
            let mut changes = headers::request(self.it, route);
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
        if let Some(cookie) = server::sticky_of(ctx, route) {
            filters = filters.put(filters::STICKY, server::sticky(self.it, cookie));
        }
        (filters, metadata)
    }

    fn forward(&self, taken: Taken, shares: &'a [Share], out: &mut Vec<Node>) {
        let (ctx, it, route) = (self.ctx, self.it, self.route);
        let passes = process::tokens(ctx, it).next().is_some();
        if let Some(socket) = &route.websocket {
            let tunnel = taken
                .clone()
                .and(upgrade_to(&socket.tokens.value))
                .methods(&socket.methods.value, true);
            out.push(at(self.tunnel(tunnel, shares), socket.at));
            if socket.only.value {
                let token = socket
                    .tokens
                    .value
                    .first()
                    .map_or("websocket", String::as_str);
                let extra = vec![
                    doc::set("upgrade", doc::literal(token)),
                    doc::set("connection", Node::word("Upgrade")),
                ];
                out.push(self.refusal(taken, 426, extra, false, socket.only.loc()));
                return;
            }
        }
        if passes {
            let asks = taken.clone().and(present("upgrade", true));
            out.push(at(self.plain_again(asks, shares), route.at));
        }
        let retries = self.retried(shares).is_some();
        if retries {
            let methods = IDEMPOTENT.map(str::to_owned);
            let again = taken.clone().methods(&methods, true);
            out.push(at(self.plain(again, shares, true), route.at));
        }
        out.push(at(self.plain(taken, shares, false), route.at));
    }

    fn tunnel(&self, taken: Taken, shares: &'a [Share]) -> Map {
        let Some(socket) = &self.route.websocket else {
            return Map::new();
        };
        // A client over HTTP/2 sends no key (RFC 8441), and a server refuses a handshake without one.
        let key = doc::append(
            "sec-websocket-key",
            Node::word("dGhlIHNhbXBsZSBub25jZQ=="),
            "ADD_IF_ABSENT",
        );
        let mut action = self.action(shares).put("timeout", Node::word("0s"));
        action = action.put(
            "idle_timeout",
            at(time(socket.idle.value), socket.idle.loc()),
        );
        let most = match socket.max_duration.value {
            Some(most) => at(time(most), socket.max_duration.loc()),
            None => Node::word("0s"),
        };
        action = action
            .put(
                "max_stream_duration",
                Map::new().put("max_stream_duration", most),
            )
            .put("retry_policy", self.retry_policy(shares, false));
        self.guarded(taken, Stage::Tunnel)
            .put("request_headers_to_add", Node::list([key]))
            .put("route", action)
    }

    fn plain(&self, taken: Taken, shares: &'a [Share], again: bool) -> Map {
        self.guarded(taken, Stage::Plain).put(
            "route",
            self.plain_action(self.action(shares), shares, again),
        )
    }

    fn plain_action(&self, action: Map, shares: &'a [Share], again: bool) -> Map {
        let idle = match &self.route.stream {
            Some(stream) => stream.idle.loc(),
            None => self.route.idle.loc(),
        };
        let mut action = action
            .put("timeout", Node::word("0s"))
            .put("idle_timeout", at(time(facts::silence(self.route)), idle))
            .put("retry_policy", self.retry_policy(shares, again));
        if let Some(hash) = server::hash_policy(self.ctx, shares) {
            action = action.put("hash_policy", hash);
        }
        action
    }

    /// The way of a request whose upgrade is not passed: through a listener that takes it away.
    fn plain_again(&self, taken: Taken, shares: &'a [Share]) -> Map {
        let to = |share: &Share| {
            let cluster = self.ctx.clusters.of(self.route, share);
            let mut add = vec![doc::set("x-wsgen-to", doc::literal(&cluster))];
            if share.host_header.value == HostHeader::Upstream {
                add.push(doc::set("x-wsgen-own-host", Node::word("1")));
            }
            Node::list(add)
        };
        let map = self.guarded(taken, Stage::Plain);
        let action = Map::new();
        match shares {
            [one] => {
                let action = self.rewritten(action.put("cluster", Node::word(process::PLAIN)));
                let action = match &one.host_header.value {
                    HostHeader::Set(host) => action.put("host_rewrite_literal", text(host)),
                    HostHeader::Preserve | HostHeader::Upstream => action,
                };
                map.put("request_headers_to_add", to(one))
                    .put("route", self.plain_action(action, shares, false))
            }
            many => {
                let clusters = many.iter().map(|share| {
                    Map::new()
                        .put("name", Node::word(process::PLAIN))
                        .put("weight", Node::number(share.weight.value))
                        .put("request_headers_to_add", to(share))
                });
                let weighted = Map::new().put("clusters", Node::list(clusters));
                let action = self.rewritten(action.put("weighted_clusters", weighted));
                map.put("route", self.plain_action(action, shares, false))
            }
        }
    }

    /// Where requests go, and what the server sees as path and host.
    fn action(&self, shares: &'a [Share]) -> Map {
        let action = match shares {
            [one] => {
                let cluster = self.ctx.clusters.of(self.route, one);
                let action = Map::new().put("cluster", at(text(&cluster), one.upstream.loc()));
                match &one.host_header.value {
                    HostHeader::Preserve => action,
                    HostHeader::Upstream => action.put(
                        "auto_host_rewrite",
                        at(Node::flag(true), one.host_header.loc()),
                    ),
                    HostHeader::Set(host) => action.put(
                        "host_rewrite_literal",
                        at(text(host), one.host_header.loc()),
                    ),
                }
            }
            many => {
                let own = many
                    .iter()
                    .find(|share| share.host_header.value == HostHeader::Upstream);
                let clusters = many.iter().map(|share| {
                    let cluster = self.ctx.clusters.of(self.route, share);
                    let map = Map::new()
                        .put("name", text(&cluster))
                        .put("weight", Node::number(share.weight.value));
                    let map = match &share.host_header.value {
                        HostHeader::Set(host) => map.put("host_rewrite_literal", text(host)),
                        HostHeader::Preserve | HostHeader::Upstream => map,
                    };
                    at(map, share.weight.loc())
                });
                let weighted = Map::new().put("clusters", Node::list(clusters));
                let action = Map::new().put("weighted_clusters", weighted);
                match own {
                    Some(own) => action.put(
                        "auto_host_rewrite",
                        at(Node::flag(true), own.host_header.loc()),
                    ),
                    None => action,
                }
            }
        };
        self.rewritten(action)
    }

    fn rewritten(&self, action: Map) -> Map {
        let Some(path) = self.route.rewrite.as_ref().and_then(|it| it.path.as_ref()) else {
            return action;
        };
        let feature = Feature::RewriteRegex;
        if !self
            .ctx
            .v
            .renders(feature, Subject::Route(self.route), path.from)
        {
            return action;
        }
        let own = &self.route.paths[self.path].value;
        match headers::path_rewrite(&path.value, own) {
            Some(rewrite) => action.put("regex_rewrite", at(rewrite, path.loc())),
            None => action,
        }
    }

    fn retried(&self, shares: &'a [Share]) -> Option<&'a Share> {
        shares.iter().find(|share| {
            share
                .retries
                .value
                .as_ref()
                .is_some_and(|it| it.after.iter().any(|it| *it != RetryAfter::Connect))
        })
    }

    /// A refused connection is always followed by another server; `again` what `retries` asks for.
    fn retry_policy(&self, shares: &'a [Share], again: bool) -> Map {
        let (ctx, route) = (self.ctx, self.route);
        let tries = shares.iter().map(|share| {
            let asked = share.retries.value.as_ref().map_or(0, |it| it.attempts);
            facts::tries(ctx.g.upstream(share.upstream.value), asked)
        });
        let tries = tries.max().unwrap_or(0);
        let mut after = "connect-failure".to_owned();
        let mut statuses = Vec::new();
        let retried = self.retried(shares).filter(|_| again);
        for it in retried.iter().filter_map(|it| it.retries.value.as_ref()) {
            for failure in &it.after {
                match failure {
                    RetryAfter::Connect => {}
                    RetryAfter::Timeout => after.push_str(",reset"),
                    RetryAfter::Status(status) => statuses.push(Node::number(*status)),
                }
            }
        }
        if !statuses.is_empty() {
            after.push_str(",retriable-status-codes");
        }
        let mut policy = Map::new()
            .put("retry_on", text(&after))
            .put("num_retries", Node::number(tries))
            .put(
                "per_try_timeout",
                at(time(route.response.value), route.response.loc()),
            );
        if !statuses.is_empty() {
            policy = policy.put("retriable_status_codes", Node::list(statuses));
        }
        if tries > 0 {
            let previous = doc::extension(
                "envoy.retry_host_predicates.previous_hosts",
                doc::typed(doc::kind!(
                    "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                )),
            );
            policy = policy
                .put("retry_host_predicate", Node::list([previous]))
                // As often as it takes until chance names one that was not tried.
                .put("host_selection_retry_max_attempts", Node::number(10_000))
                .put(
                    "retry_back_off",
                    Map::new().put("base_interval", Node::word("0.001s")),
                );
            policy = server::priorities(ctx, shares, policy);
        }
        policy
    }
}

fn with_guards(map: Map, filters: Map, metadata: Map) -> Map {
    let map = match metadata.is_empty() {
        true => map,
        false => map.put("metadata", Map::new().put("filter_metadata", metadata)),
    };
    match filters.is_empty() {
        true => map,
        false => map.put("typed_per_filter_config", filters),
    }
}
