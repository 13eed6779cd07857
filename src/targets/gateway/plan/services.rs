//! The Services behind routes: weights are a route's, so servers of different weights have Services of their own.

use super::{API, Ctx};
use crate::emit::{Map, Node};
use crate::ir::{Protocol, Route, Server, Share, Upstream};
use crate::targets::gateway::facts;
use crate::targets::kubernetes::objects::Object;
use crate::targets::kubernetes::services::{self, Backend};
use crate::targets::kubernetes::{text, word};

/// The most that a reference weighs.
const MOST: u64 = 1_000_000;

/// Servers that one Service can hold: of one weight, each address once, for Traefik keeps one port of each.
struct Group<'a> {
    weight: u16,
    servers: Vec<&'a Server>,
}

fn groups<'a>(ctx: &Ctx<'_>, upstream: &'a Upstream) -> Vec<Group<'a>> {
    let loopback = ctx.g.rooms.gateway.loopback;
    let host = |it: &Server| {
        let text = it.address.value.to_string();
        text.rsplit_once(':').map(|(host, _)| host.to_owned())
    };
    let mut groups: Vec<Group<'a>> = Vec::new();
    for server in &upstream.servers {
        if server.backup.value || services::refused(&server.address.value, loopback).is_some() {
            continue;
        }
        let fits = |group: &&mut Group<'_>| {
            group.weight == server.weight.value
                && !group.servers.iter().any(|it| host(it) == host(server))
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.servers.push(server),
            None => groups.push(Group {
                weight: server.weight.value,
                servers: vec![server],
            }),
        }
    }
    groups
}

fn name_of(ctx: &Ctx<'_>, upstream: &Upstream, number: usize) -> String {
    match number {
        0 => ctx.name(&[&upstream.name]),
        more => ctx.name(&[&upstream.name, &(more + 1).to_string()]),
    }
}

/// Whether the API can say how the servers' certificates are verified.
fn has_name(upstream: &Upstream) -> bool {
    upstream.tls.is_none() || tls_name(upstream).is_some()
}

/// The name that is asked for and verified.
pub(super) fn tls_name(upstream: &Upstream) -> Option<&str> {
    let tls = upstream.tls.as_ref()?;
    match &tls.server_name {
        Some(name) => Some(&name.value),
        None => {
            let mut names = upstream.servers.iter().map(|it| it.address.value.name());
            let first = names.next()??;
            names.all(|it| it == Some(first)).then_some(first)
        }
    }
}

/// The references of a rule: empty where nobody may be asked.
pub(super) fn references(ctx: &Ctx<'_>, route: &Route) -> Vec<Node> {
    let mut parts: Vec<(u64, Map, &Share)> = Vec::new();
    for share in route.shares() {
        let upstream = ctx.g.upstream(share.upstream.value);
        if !has_name(upstream) {
            continue;
        }
        let reference = |name: &str, port: u16| {
            Map::new()
                .put("group", Node::word(""))
                .put("kind", Node::word("Service"))
                .put("name", word(name))
                .put("port", Node::number(port))
        };
        let own = u64::from(share.weight.value);
        if let Some(named) = facts::named(ctx.g, upstream) {
            let service = &named.value;
            let mut map = reference(&service.service, service.port);
            if let Some(namespace) = &service.namespace {
                map = map.put("namespace", word(namespace));
            }
            parts.push((own * 1_000, map, share));
            continue;
        }
        let groups = groups(ctx, upstream);
        let weight = |it: &Group<'_>| u64::from(it.weight) * it.servers.len() as u64;
        let total: u64 = groups.iter().map(weight).sum();
        for (number, group) in groups.iter().enumerate() {
            let port = group.servers[0].address.value.port().unwrap_or(80);
            let map = reference(&name_of(ctx, upstream, number), port);
            parts.push((own * 1_000 * weight(group) / total.max(1), map, share));
        }
    }
    let common = parts
        .iter()
        .fold(0, |common, (weight, ..)| divisor(common, *weight))
        .max(1);
    parts
        .into_iter()
        .map(|(weight, map, share)| {
            let weight = (weight / common).clamp(1, MOST);
            let weight = i64::try_from(weight).unwrap_or(1);
            Node::from(map.put("weight", Node::number(weight))).at(share.upstream.loc())
        })
        .collect()
}

const fn divisor(mut one: u64, mut other: u64) -> u64 {
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// Every Service, its slices and its TLS.
pub(super) fn objects(ctx: &Ctx<'_>) -> Vec<Object> {
    let mut objects = Vec::new();
    for upstream in &ctx.g.upstreams {
        let asked = ctx.g.routes.iter().filter(|route| {
            let mut shares = route.shares().iter();
            shares.any(|it| it.upstream.value == upstream.id)
        });
        let mut asked = asked.peekable();
        if asked.peek().is_none() {
            continue;
        }
        let sockets = asked.any(|it| it.websocket.is_some());
        if let Some(named) = facts::named(ctx.g, upstream) {
            objects.extend(grant(
                ctx,
                upstream,
                named.value.namespace.as_deref(),
                &named.value.service,
            ));
            objects.extend(policy(ctx, upstream, &named.value.service));
            continue;
        }
        let app_protocol = match (&upstream.tls, upstream.protocol.value, sockets) {
            (Some(_), _, true) => Some("kubernetes.io/wss"),
            (Some(_), _, false) => Some("https"),
            (None, Protocol::Http2, _) => Some("kubernetes.io/h2c"),
            (None, Protocol::Http1, true) => Some("kubernetes.io/ws"),
            (None, Protocol::Http1, false) => None,
        };
        for (number, group) in groups(ctx, upstream).into_iter().enumerate() {
            let name = name_of(ctx, upstream, number);
            objects.extend(policy(ctx, upstream, &name));
            let backend = Backend {
                name,
                upstream,
                servers: group.servers,
                annotations: Map::new(),
                app_protocol,
            };
            objects.extend(backend.objects(ctx.namespace()));
        }
    }
    objects
}

/// How the servers' certificates are verified.
fn policy(ctx: &Ctx<'_>, upstream: &Upstream, service: &str) -> Option<Object> {
    let tls = upstream.tls.as_ref()?;
    let at = tls.server_name.as_ref().map_or(tls.at, |it| it.loc());
    let target = Map::new()
        .put("group", Node::word(""))
        .put("kind", Node::word("Service"))
        .put("name", word(service));
    let validation = Map::new().put("hostname", text(tls_name(upstream)?, at));
    let validation = match &tls.ca {
        Some(ca) => {
            let map = Map::new()
                .put("group", Node::word(""))
                .put("kind", Node::word("ConfigMap"))
                .put("name", text(&ctx.name(&["ca", &upstream.name]), ca.loc()));
            validation.put("caCertificateRefs", Node::list([map]))
        }
        None => validation.put("wellKnownCACertificates", Node::word("System")),
    };
    let spec = Map::new()
        .put("targetRefs", Node::list([target]))
        .put("validation", validation);
    Some(Object::new(API, "BackendTLSPolicy", service, ctx.namespace(), tls.at).put("spec", spec))
}

/// A Service of another namespace has to allow our routes.
fn grant(
    ctx: &Ctx<'_>,
    upstream: &Upstream,
    namespace: Option<&str>,
    service: &str,
) -> Option<Object> {
    let namespace = namespace.filter(|it| *it != ctx.namespace())?;
    let from = Map::new()
        .put("group", Node::word("gateway.networking.k8s.io"))
        .put("kind", Node::word("HTTPRoute"))
        .put("namespace", word(ctx.namespace()));
    let to = Map::new()
        .put("group", Node::word(""))
        .put("kind", Node::word("Service"))
        .put("name", word(service));
    let spec = Map::new()
        .put("from", Node::list([from]))
        .put("to", Node::list([to]));
    let name = ctx.name(&[&upstream.name]);
    Some(Object::new(API, "ReferenceGrant", &name, namespace, upstream.at).put("spec", spec))
}
