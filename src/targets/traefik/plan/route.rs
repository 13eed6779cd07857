//! The routers of a route: its refusals first, each a router of its own, then those that let requests through.

use super::entry::Place;
use super::preflight::preflights;
use super::router::Router;
use super::rule::{self, Rule};
use super::sockets::sockets;
use super::{Ctx, Dynamic, auth, change, limits, service, text, word};
use crate::emit::Map;
use crate::ir::{Action, Feature, HostMatch, Loc, Route, Subject};
use crate::targets::traefik::facts::{self, Face, Peer};

/// Whether a router of the route can take one host only.
pub(super) fn differs_by_host(route: &Route) -> bool {
    let origins = route.websocket.as_ref().and_then(|it| it.origins.as_ref());
    origins.is_some_and(|it| it.value.same_host)
}

/// What all routers of a place and face have.
pub(super) struct Base<'r, 'a> {
    pub(super) ctx: &'r Ctx<'a>,
    pub(super) route: &'a Route,
    name: &'r str,
    rules: Vec<Rule>,
    entry_points: Vec<String>,
    parent: Option<String>,
    tls: Option<Map>,
    /// Middlewares that refusals have too.
    first: Vec<String>,
    /// Those of them that a preflight's answer has.
    admission: Vec<String>,
    /// Middlewares that count, in front of all that passes.
    counts: Vec<String>,
}

impl Base<'_, '_> {
    fn router(&self, suffix: &str, more: Vec<Rule>, middlewares: Vec<String>, at: Loc) -> Router {
        let rules = self.rules.iter().cloned().chain(more);
        Router {
            name: format!("{}{suffix}", self.name),
            rule: Rule::all(rules).unwrap_or_else(rule::everything),
            entry_points: self.entry_points.clone(),
            parent: self.parent.clone(),
            middlewares,
            service: "noop@internal".to_owned(),
            tls: self.tls.clone(),
            logged: self.route.log.value
                || !self.ctx.v.renders(
                    Feature::LogRoute,
                    Subject::Route(self.route),
                    self.route.log.from,
                ),
            at,
            remark: None,
        }
    }

    /// What is added to the name of the last router: the route's own name is the parent's where there is one.
    fn rest(&self, suffix: &'static str) -> &'static str {
        match (&self.parent, suffix) {
            (Some(_), "") => ":rest",
            _ => suffix,
        }
    }

    /// A router of requests that pass: what all have, what counts, and then this.
    pub(super) fn passing(
        &self,
        suffix: &str,
        more: Vec<Rule>,
        then: Vec<String>,
        at: Loc,
    ) -> Router {
        let all = self.first.iter().chain(&self.counts).cloned().chain(then);
        self.router(suffix, more, all.collect(), at)
    }

    /// A router that answers a preflight.
    pub(super) fn preflight(
        &self,
        suffix: &str,
        more: Vec<Rule>,
        then: [String; 2],
        at: Loc,
    ) -> Router {
        let middlewares = self.admission.iter().cloned().chain(then).collect();
        self.router(suffix, more, middlewares, at)
    }

    /// A router that refuses.
    pub(super) fn refusal(
        &self,
        suffix: &str,
        more: Vec<Rule>,
        then: Vec<String>,
        at: Loc,
    ) -> Router {
        let middlewares = self.first.iter().cloned().chain(then).collect();
        self.router(suffix, more, middlewares, at)
    }
}

/// Every router of a place and face. `own` is what the face adds to the names of what it does not share.
pub(super) fn routers<'a>(
    ctx: &Ctx<'a>,
    dynamic: &mut Dynamic,
    place: &Place<'a>,
    face: &Face<'a>,
    name: &str,
    own: &str,
) {
    let route = place.route;
    let mut base = Base {
        ctx,
        route,
        name,
        rules: conditions(place, face),
        entry_points: face.listeners.iter().map(|it| it.name.clone()).collect(),
        parent: None,
        tls: super::tls::of_router(ctx, face.listener(), &place.hosts),
        first: Vec::new(),
        admission: Vec::new(),
        counts: Vec::new(),
    };
    if let Some(at) = closed(ctx, route) {
        let status = limits::status(dynamic, 503);
        let mut router = base.refusal("", Vec::new(), vec![status], at);
        router.remark = Some("closed: Traefik cannot keep a guard that this route asks for");
        dynamic.routers.push(router);
        return;
    }
    base.first
        .extend(change::answer(ctx, dynamic, place, face, own));
    base.admission
        .extend(limits::clients(dynamic, route, face, own));
    base.first.extend(base.admission.iter().cloned());
    let open = limits::open(dynamic, route, face, own);
    let rate = limits::rate(dynamic, route, face, own);
    if let (Some(_), Some(rule)) = (&rate, Rule::any(limits::uncounted(ctx, route, face))) {
        let name = format!("{name}:uncounted");
        let mut rules = base.rules.clone();
        rules.push(rule);
        let uncounted = Base {
            name: &name,
            rules,
            entry_points: base.entry_points.clone(),
            parent: None,
            tls: base.tls.clone(),
            first: base.first.clone(),
            admission: base.admission.clone(),
            counts: open.iter().cloned().collect(),
            ..base
        };
        counted(uncounted, dynamic, place, face, own);
    }
    base.counts.extend(rate);
    base.counts.extend(open);
    counted(base, dynamic, place, face, own);
}

/// The routers behind the limits. Each router counts for itself, so one stands before the others where they are several.
fn counted<'a>(
    mut base: Base<'_, 'a>,
    dynamic: &mut Dynamic,
    place: &Place<'a>,
    face: &Face<'a>,
    own: &str,
) {
    if !base.counts.is_empty() && base.ctx.env.since(3, 6, 0) && is_several(base.route) {
        // What answers have is left to the routers behind: it would answer preflights itself.
        let mut middlewares = std::mem::take(&mut base.admission);
        base.first.retain(|it| !middlewares.contains(it));
        middlewares.append(&mut base.counts);
        let mut parent = base.router("", Vec::new(), middlewares, base.route.at);
        parent.service = String::new();
        base.parent = Some(parent.name.clone());
        base.rules.clear();
        base.entry_points.clear();
        base.tls = None;
        dynamic.routers.push(parent);
    }
    all(&base, dynamic, place, face, own);
}

/// Whether a route has several routers.
fn is_several(route: &Route) -> bool {
    route.cors.is_some() || route.methods.is_some() || route.websocket.is_some()
}

fn all<'a>(
    base: &Base<'_, 'a>,
    dynamic: &mut Dynamic,
    place: &Place<'a>,
    face: &Face<'a>,
    own: &str,
) {
    let route = base.route;
    if let Some(cors) = route.cors.as_ref().filter(|it| !it.is_for_everybody()) {
        preflights(base, dynamic, cors);
    }
    if let Some(methods) = &route.methods
        && let Some(allowed) = rule::methods(&methods.value)
    {
        let allow = format!("allow:{}", route.name);
        dynamic.middlewares.add(&allow, || {
            let value = text(&methods.value.join(", "), methods.loc());
            change::headers("customResponseHeaders", Map::new().put("Allow", value))
        });
        let status = limits::status(dynamic, 405);
        dynamic.routers.push(base.refusal(
            ":method",
            vec![allowed.not()],
            vec![allow, status],
            methods.loc(),
        ));
    }
    if let Some(websocket) = &route.websocket {
        sockets(base, dynamic, place, face, own, websocket);
        if websocket.only.value {
            let upgrade = "upgrade:websocket".to_owned();
            dynamic.middlewares.add(&upgrade, || {
                let value = Map::new().put("Upgrade", word("websocket"));
                change::headers("customResponseHeaders", value)
            });
            let status = limits::status(dynamic, 426);
            let at = websocket.only.loc();
            let then = vec![upgrade, status];
            let rest = base.rest(":plain");
            dynamic
                .routers
                .push(base.refusal(rest, Vec::new(), then, at));
            return;
        }
    }
    if route.stream.is_some()
        && let Some(limit) = route.body.value
    {
        // Whoever counts a body reads it whole, and the answer with it: on a stream its announced length has to do.
        let at = route.body.loc();
        let large = Rule::call(
            "HeaderRegexp",
            &["Content-Length", &rule::above(limit.as_bytes())],
        );
        let status = limits::status(dynamic, 413);
        let refusal = base.refusal(":large", vec![large], vec![status], at);
        dynamic.routers.push(refusal);
    }
    let (chain, service) = chain(base.ctx, dynamic, place, face, own, false);
    let rest = base.rest("");
    let mut router = base.passing(rest, Vec::new(), chain, route.at);
    router.service = service;
    dynamic.routers.push(router);
}

/// Where the guard stands that is lost, so that nobody may pass.
fn closed(ctx: &Ctx<'_>, route: &Route) -> Option<Loc> {
    if let Some(auth) = ctx.g.auth_of(route)
        && !ctx.v.renders_guards(Subject::Auth(auth))
    {
        return Some(route.auth.as_ref().map_or(route.at, |it| it.loc()));
    }
    // Origins guard sockets only: those are closed by themselves.
    let guards = Feature::ALL.iter().filter(|it| it.is_guard());
    guards
        .filter(|it| **it != Feature::Origins)
        .any(|it| !ctx.v.renders_all(*it, Subject::Route(route)))
        .then_some(route.at)
}

fn conditions<'a>(place: &Place<'a>, face: &Face<'a>) -> Vec<Rule> {
    let when = &place.route.when;
    let mut rules = Vec::new();
    if !place.hosts.contains(&&HostMatch::Any) {
        rules.extend(Rule::any(
            place.hosts.iter().filter_map(|it| rule::host(it)),
        ));
    }
    let paths: Option<Vec<Rule>> = place.paths.iter().map(|it| rule::path(it)).collect();
    rules.extend(paths.and_then(Rule::any));
    rules.extend(
        when.methods
            .as_ref()
            .and_then(|it| rule::methods(&it.value)),
    );
    rules.extend(when.headers.iter().map(|it| rule::header(&it.value)));
    rules.extend(when.query.iter().map(|it| rule::query(&it.value)));
    if let Some(upgrade) = &when.upgrade {
        let asks = rule::upgrade(&["websocket".to_owned()]);
        rules.push(if upgrade.value { asks } else { asks.not() });
    }
    if face.peer == Peer::Proxy {
        rules.extend(rule::peers(face.trusted()));
    }
    if let Some(clients) = &when.clients {
        rules.extend(limits::from(&clients.value, face));
    }
    rules
}

/// What a request that passes goes through, and where it goes.
pub(super) fn chain<'a>(
    ctx: &Ctx<'a>,
    dynamic: &mut Dynamic,
    place: &Place<'a>,
    face: &Face<'a>,
    own: &str,
    upgrade: bool,
) -> (Vec<String>, String) {
    let route = place.route;
    let mut chain = Vec::new();
    chain.extend(auth::guard(ctx, dynamic, route));
    if !upgrade {
        chain.extend(limits::body(dynamic, route));
    }
    let service = match &route.action {
        Action::Forward(shares) => {
            chain.extend(change::request(ctx, dynamic, place, face, own, upgrade));
            chain.extend(change::rewrite(ctx, dynamic, route));
            if !upgrade {
                chain.extend(change::compress(ctx, dynamic, route));
            }
            let tries = facts::tries(ctx.g, route);
            chain.extend(service::retry(ctx, dynamic, route, shares, tries));
            service::of_route(ctx, dynamic, route, shares, face, upgrade)
        }
        Action::Redirect(redirect) => {
            chain.extend(change::redirect(dynamic, route, redirect, face, own));
            "noop@internal".to_owned()
        }
        Action::Respond(respond) => {
            if !respond.value.body.is_empty() {
                let name = format!("type:{}", route.name);
                dynamic.middlewares.add(&name, || {
                    let value = text(&respond.value.content_type, respond.loc());
                    change::headers(
                        "customResponseHeaders",
                        Map::new().put("Content-Type", value),
                    )
                });
                chain.push(name);
            }
            chain.push(limits::status(dynamic, respond.value.status));
            "noop@internal".to_owned()
        }
    };
    (chain, service)
}
