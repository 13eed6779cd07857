//! The computed order as routers: entries of the table that one rule can take, and what stands before and after all routes.

use std::cmp::Reverse;

use rustc_hash::FxHashMap as HashMap;

use super::route;
use super::router::Router;
use super::rule::{self, Rule};
use super::{Ctx, Dynamic, limits};
use crate::ir::{Entry, HostMatch, Listener, PathMatch, Paths, Route};
use crate::targets::traefik::facts::Face;

/// Entries of a route that stand side by side in the order: one rule takes them all.
pub(super) struct Place<'a> {
    pub(super) route: &'a Route,
    pub(super) hosts: Vec<&'a HostMatch>,
    pub(super) paths: Vec<&'a PathMatch>,
}

/// Every router, the first to be asked first.
pub(super) fn routers(ctx: &Ctx<'_>, dynamic: &mut Dynamic) {
    for listener in &ctx.g.listeners {
        if listener.paths.value == Paths::Reject {
            let status = limits::status(dynamic, 400);
            dynamic.routers.push(unclean(listener, status));
        }
    }
    let mut counts: HashMap<&str, u32> = HashMap::default();
    let faces: Vec<Vec<Face<'_>>> = ctx.g.routes.iter().map(|it| Face::of(ctx.g, it)).collect();
    for place in places(ctx) {
        let count = counts.entry(&place.route.name).or_default();
        *count += 1;
        let base = match *count {
            1 => place.route.name.clone(),
            more => format!("{}:{more}", place.route.name),
        };
        let faces = &faces[place.route.id.index()];
        for (number, face) in faces.iter().enumerate() {
            let name = match number {
                0 => base.clone(),
                _ => format!("{base}:{}", face_name(face)),
            };
            let own = match faces.len() {
                1 => String::new(),
                _ => format!(":{}", face_name(face)),
            };
            route::routers(ctx, dynamic, &place, face, &name, &own);
        }
    }
    if let Some(metrics) = &ctx.g.metrics
        && metrics.path.value != "/metrics"
    {
        dynamic.routers.push(Router {
            name: "metrics:path".to_owned(),
            rule: Rule::call("Path", &[&rule::decoded(&metrics.path.value)]),
            entry_points: vec![super::fixed::metrics_point(ctx)],
            parent: None,
            middlewares: Vec::new(),
            service: "prometheus@internal".to_owned(),
            tls: None,
            logged: true,
            at: metrics.path.loc(),
            remark: None,
        });
    }
    for listener in &ctx.g.listeners {
        let hsts = listener.tls.as_ref().and_then(|tls| tls.hsts.as_ref());
        if let (Some(hsts), None) = (hsts, &listener.redirect) {
            let status = limits::status(dynamic, 404);
            dynamic.routers.push(Router {
                name: format!("nobody:{}", listener.name),
                rule: rule::everything(),
                entry_points: vec![listener.name.clone()],
                parent: None,
                middlewares: vec![status],
                service: "noop@internal".to_owned(),
                tls: None,
                logged: true,
                at: hsts.loc(),
                remark: Some("what no route takes has the listener's headers too"),
            });
        }
        if let Some(to) = &listener.redirect {
            let name = redirect(dynamic, listener, ctx.g.listener(to.value));
            dynamic.routers.push(Router {
                name: format!("redirect:{}", listener.name),
                rule: rule::everything(),
                entry_points: vec![listener.name.clone()],
                parent: None,
                middlewares: vec![name],
                service: "noop@internal".to_owned(),
                tls: None,
                logged: true,
                at: to.loc(),
                remark: Some("what no route takes there"),
            });
        }
    }
    dynamic.routers.extend(super::tls::issuers(ctx));
}

fn face_name(face: &Face<'_>) -> String {
    use crate::targets::traefik::facts::Peer;
    let listener = &face.listener().name;
    match face.peer {
        Peer::Client => listener.clone(),
        Peer::Proxy => format!("{listener}:proxied"),
        Peer::Other => format!("{listener}:direct"),
    }
}

/// Paths that are refused: without `sanitizePath` they come as the client sent them.
fn unclean(listener: &Listener, status: String) -> Router {
    Router {
        name: format!("paths:{}", listener.name),
        rule: Rule::call("PathRegexp", &["//|/[.][.]?(?:/|$)"]),
        entry_points: vec![listener.name.clone()],
        parent: None,
        middlewares: vec![status],
        service: "noop@internal".to_owned(),
        tls: None,
        logged: true,
        at: listener.paths.loc(),
        remark: Some("paths that no route sees"),
    }
}

/// The middleware that sends every request to another listener.
fn redirect(dynamic: &mut Dynamic, from: &Listener, to: &Listener) -> String {
    let port = match to.has_scheme_port() {
        true => String::new(),
        false => format!(":{}", to.public_port.value),
    };
    let target = format!("{}://${{1}}{port}${{2}}", to.scheme());
    let at = from.redirect.as_ref().map_or(from.at, |it| it.loc());
    let name = format!("redirect:{}", from.name);
    dynamic.middlewares.add(&name, || {
        super::change::redirect_regex(super::change::ANY_URL, &target, true, at)
    });
    name
}

/// The entries of the table, those of exact hosts by path: such hosts have nothing in common, so a route's may stand together.
fn places<'a>(ctx: &Ctx<'a>) -> Vec<Place<'a>> {
    let g = ctx.g;
    let mut first: HashMap<&PathMatch, usize> = HashMap::default();
    for route in &g.routes {
        for path in &route.paths {
            let next = first.len();
            first.entry(&path.value).or_insert(next);
        }
    }
    let is_exact = |entry: &&Entry| matches!(entry.host(g), HostMatch::Exact(_));
    let mut exact: Vec<Entry> = g.table.iter().filter(is_exact).copied().collect();
    exact.sort_by_key(|entry| {
        let route = g.route(entry.route);
        let path = entry.path(g);
        let place = first.get(path).copied().unwrap_or_default();
        (
            path.precedence(),
            place,
            Reverse(route.when.count()),
            route.id,
        )
    });
    let others = g.table.iter().filter(|entry| !is_exact(entry)).copied();
    let mut places: Vec<Place<'a>> = Vec::new();
    for entry in exact.into_iter().chain(others) {
        let route = g.route(entry.route);
        let (host, path) = (entry.host(g), entry.path(g));
        if let Some(last) = places.last_mut()
            && last.route.id == route.id
            && last.paths == [path]
            && matches!(host, HostMatch::Exact(_))
            && matches!(last.hosts.first(), Some(HostMatch::Exact(_)))
            && !route::differs_by_host(route)
        {
            last.hosts.push(host);
            continue;
        }
        places.push(Place {
            route,
            hosts: vec![host],
            paths: vec![path],
        });
    }
    let mut merged: Vec<Place<'a>> = Vec::new();
    for place in places {
        match merged.last_mut() {
            Some(last) if last.route.id == place.route.id && last.hosts == place.hosts => {
                last.paths.extend(place.paths);
            }
            _ => merged.push(place),
        }
    }
    merged
}
