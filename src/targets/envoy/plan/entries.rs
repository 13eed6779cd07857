//! The entries of a route: refusals first, then upgrades, then what is left.

use super::doc::{self, at, exactly, header, present, text, time};
use super::guards::{Stage, guards};
use super::matching::{Taken, upgrade_to};
use super::{Ctx, headers, process, response, retries, server};
use crate::emit::{Map, Node};
use crate::ir::{Action, Feature, HostHeader, Listener, Loc, Route, Share, SiteEntry, Subject};
use crate::targets::envoy::facts;

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
        map = map.and(guards(
            self.ctx,
            self.it,
            self.route,
            Stage::Refused,
            preflight,
        ));
        map = map.put("direct_response", status(code));
        if !extra.is_empty() {
            map = map.put("response_headers_to_add", Node::list(extra));
        }
        at(map, loc)
    }

    fn guarded(&self, taken: Taken, stage: Stage) -> Map {
        let guards = guards(self.ctx, self.it, self.route, stage, false);
        let mut map = self.named(taken).and(guards);
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
            // Envoy has not read the chunks of what could have been a tunnel, and would lose them.
            let chunked = asks.clone().and(present("x-wsgen-chunked", true));
            out.push(self.refusal(chunked, 411, Vec::new(), false, route.at));
            // It holds back what follows an upgrade until the answer: a body must go with a request that is none.
            let gone = ["upgrade", "connection"].map(Node::word);
            let body = asks.clone().and(present("content-length", true));
            let with_body = self
                .plain_again(body, shares, false)
                .put("request_headers_to_remove", Node::list(gone));
            out.push(at(with_body, route.at));
            out.push(at(self.plain_again(asks, shares, true), route.at));
        }
        let again = retries::asked(shares).is_some();
        if again {
            let methods = retries::IDEMPOTENT.map(str::to_owned);
            let repeated = taken.clone().methods(&methods, true);
            out.push(at(self.plain(repeated, shares, true), route.at));
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
            .put(
                "retry_policy",
                retries::policy(self.ctx, self.route, shares, false),
            );
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
            .put(
                "retry_policy",
                retries::policy(self.ctx, self.route, shares, again),
            );
        if let Some(hash) = server::hash_policy(self.ctx, shares) {
            action = action.put("hash_policy", hash);
        }
        action
    }

    /// The way of a request whose upgrade is not passed: through a listener that takes it away.
    fn plain_again(&self, taken: Taken, shares: &'a [Share], upgrade: bool) -> Map {
        let to = |share: &Share| {
            let cluster = self.ctx.clusters.of(self.route, share);
            let mut add = vec![doc::set("x-wsgen-to", doc::literal(&cluster))];
            if upgrade {
                // Of every answer to `websocket` but 101 Envoy would drop the body.
                add.push(doc::set("upgrade", Node::word("wsgen")));
            }
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
}
