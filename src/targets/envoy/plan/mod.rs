//! The plan: the bootstrap in Envoy's own words, part by part. What is lost was decided before; nothing fails here.

mod access;
mod address;
mod auth;
mod clusters;
mod doc;
mod entries;
mod filters;
mod guards;
mod headers;
mod health;
mod hosts;
mod listener;
mod log;
mod matching;
mod process;
mod response;
mod retries;
mod server;
mod sticky;
mod tls;

use serde::Serialize;

use crate::emit::lang::envoy::ENVOY;
use crate::emit::{Line, Tok};
use crate::emit::{Map, Node, Style};
use crate::ir::{Action, AuthKind, Fact, Gateway, JwtKeys, Piece, RedirectTo, Route, Subject};
use crate::targets::{Env, Layout, Verdicts};
use clusters::Clusters;

/// The file.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    /// The comment at the head.
    about: Vec<Tok>,
    /// The document.
    lines: Vec<Tok>,
}

/// What every part of the plan reads.
struct Ctx<'a> {
    g: &'a Gateway,
    v: &'a Verdicts<'a>,
    env: &'a Env<'a>,
    clusters: Clusters<'a>,
}

/// The whole file for a gateway.
pub(super) fn plan<'a>(g: &'a Gateway, v: &'a Verdicts<'a>, env: &'a Env<'a>) -> Plan {
    let ctx = Ctx {
        g,
        v,
        env,
        clusters: Clusters::new(g),
    };
    let document = match env.layout {
        Layout::Full | Layout::Json => process::bootstrap(&ctx),
        Layout::Include | Layout::Labels => Map::new(),
    };
    let listeners = g.listeners.iter().map(|it| listener::listener(&ctx, it));
    let mut listeners: Vec<Node> = listeners.collect();
    listeners.extend(process::listeners(&ctx));
    let mut clusters: Vec<Node> = clusters::clusters(&ctx);
    clusters.extend(process::clusters(&ctx));
    let mut resources = Map::new().put("listeners", Node::list(listeners));
    if !clusters.is_empty() {
        resources = resources.put("clusters", Node::list(clusters));
    }
    let document = document.put("static_resources", resources);
    let document = match &g.rooms.envoy.room.raw.top {
        Some(raw) => document
            .remark("raw: outside the contract")
            .snippet(&raw.value, raw.loc()),
        None => document,
    };
    Plan {
        about: process::about(&ctx),
        lines: document.document(Style::Yaml),
    }
}

fn remark(text: &str) -> Line {
    Line::remark(&ENVOY, text)
}

impl<'a> Ctx<'a> {
    /// Whether the route is closed because a guard of it is lost.
    fn is_closed(&self, route: &'a Route) -> bool {
        let auth = self.g.auth_of(route);
        !self.v.renders_guards(Subject::Route(route))
            || auth.is_some_and(|it| !self.v.renders_guards(Subject::Auth(it)))
    }

    /// Whether the script at the head has something to do on a route.
    fn wants_head(&self, route: &'a Route) -> bool {
        let parts = |to: &RedirectTo| matches!(to, RedirectTo::Parts { .. });
        let redirects = match &route.action {
            Action::Redirect(to) => parts(&to.value.to),
            Action::Forward(_) | Action::Respond(_) => false,
        };
        let ops = route.request_headers.iter().chain(&route.response_headers);
        let facts = ops
            .filter_map(|op| op.change.value())
            .flat_map(|value| &value.0)
            .any(|piece| {
                matches!(
                    piece,
                    Piece::Fact(
                        Fact::Host
                            | Fact::Path
                            | Fact::Method
                            | Fact::QueryString
                            | Fact::Uri
                            | Fact::Cookie(_)
                    )
                )
            });
        let same_host = route
            .websocket
            .as_ref()
            .and_then(|it| it.origins.as_ref())
            .is_some_and(|it| it.value.same_host);
        let maps = route
            .rewrite
            .as_ref()
            .is_some_and(|it| it.map_location.value);
        let forward = self
            .g
            .auth_of(route)
            .is_some_and(|it| matches!(it.kind, AuthKind::Forward(_)));
        redirects
            || facts
            || same_host
            || maps
            || forward
            || route.cors.is_some()
            || route.error_pages.is_some()
    }

    /// Whether any route's pages have to know whose answer they replace.
    fn has_pages(&self) -> bool {
        self.g
            .routes
            .iter()
            .any(|route| route.error_pages.is_some())
    }

    /// The keys that no file holds in the form that Envoy reads.
    fn made_keys(&self) -> impl Iterator<Item = &'a crate::ir::Auth> {
        let g = self.g;
        g.auth.iter().filter(move |it| {
            g.routes
                .iter()
                .any(|route| route.auth.as_ref().is_some_and(|id| id.value == it.id))
                && matches!(&it.kind, AuthKind::Jwt(jwt) if matches!(jwt.keys.value, JwtKeys::Key { .. }))
        })
    }
}
