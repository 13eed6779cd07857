//! The way of a request as a picture: listeners → routes → upstreams → servers, with guards, and what each target loses.

mod dot;
mod mermaid;
mod svg;

use std::collections::BTreeMap;

use crate::ir::{
    Action, AuthKind, Balance, Gateway, RedirectTo, Route, Stickiness, Upstream, UpstreamId,
};
use crate::meaning::{self, Kind, Subject};
use crate::targets::{Layout, Target};

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

/// The columns of the picture, from the client to the server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Column {
    /// Where clients connect to.
    Listener,
    /// What takes a request.
    Route,
    /// Where it goes.
    Upstream,
    /// Who answers.
    Server,
}

/// A box of the picture.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its column.
    pub column: Column,
    /// Its name.
    pub title: String,
    /// What it is, a fact a line.
    pub lines: Vec<String>,
    /// Who may not pass, a guard a line.
    pub guards: Vec<String>,
    /// What targets lose of it.
    pub losses: Vec<Mark>,
}

/// What one target loses of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The target's id.
    pub target: &'static str,
    /// Whether something is not rendered at all; else it is approximated.
    pub unsupported: bool,
    /// The features and what happens instead, a sentence each.
    pub says: Vec<String>,
}

/// An arrow of the picture.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The index of the node it leaves.
    pub from: usize,
    /// The index of the node it reaches.
    pub to: usize,
    /// What stands at it; empty for nothing.
    pub label: String,
    /// Whether it is no way of the request itself: a redirect, or a question to a guard.
    pub aside: bool,
}

/// The picture of a gateway.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The gateway's name.
    pub name: String,
    /// The boxes, column by column, each in the order of the file.
    pub nodes: Vec<Node>,
    /// The arrows.
    pub edges: Vec<Edge>,
    /// The targets whose losses are marked.
    pub targets: Vec<&'static str>,
}

impl Graph {
    /// The picture of a gateway. `only` names the routes that are drawn, empty for all; what is drawn besides is what they need.
    pub fn new(gateway: &Gateway, targets: &[&'static dyn Target], only: &[String]) -> Self {
        let marks = marks(gateway, targets);
        let losses = |kind, name: &str| {
            let subject = Subject {
                kind,
                name: name.to_owned(),
            };
            marks.get(&subject).cloned().unwrap_or_default()
        };
        let mut graph = Self {
            name: gateway.name.value.clone(),
            nodes: Vec::new(),
            edges: Vec::new(),
            targets: targets.iter().map(|target| target.id()).collect(),
        };
        let routes: Vec<&Route> = gateway
            .routes
            .iter()
            .filter(|route| only.is_empty() || only.contains(&route.name))
            .collect();
        for listener in &gateway.listeners {
            let mut lines = vec![format!(
                "{}, port {}",
                listener.scheme(),
                listener.port.value
            )];
            if listener.proxy_protocol.value {
                lines.push("PROXY protocol".to_owned());
            }
            let mtls = listener
                .tls
                .as_ref()
                .and_then(|tls| tls.client_auth.as_ref());
            graph.nodes.push(Node {
                column: Column::Listener,
                title: listener.name.clone(),
                lines,
                guards: mtls
                    .map(|_| "client certificate".to_owned())
                    .into_iter()
                    .collect(),
                losses: losses(Kind::Listener, &listener.name),
            });
        }
        for (from, listener) in gateway.listeners.iter().enumerate() {
            if let Some(to) = &listener.redirect {
                graph.edge(from, to.value.index(), "301", true);
            }
        }
        let first = graph.nodes.len();
        for route in &routes {
            graph.nodes.push(Node {
                column: Column::Route,
                title: route.name.clone(),
                lines: facts(route),
                guards: guards(gateway, route),
                losses: losses(Kind::Route, &route.name),
            });
        }
        for (at, route) in routes.iter().enumerate() {
            for listener in gateway.listeners_of(route) {
                graph.edge(listener.id.index(), first + at, "", false);
            }
        }
        let mut upstreams: BTreeMap<UpstreamId, usize> = BTreeMap::new();
        for route in &routes {
            let asked = gateway.auth_of(route).and_then(|auth| match &auth.kind {
                AuthKind::Forward(forward) => Some(forward.upstream.value),
                AuthKind::Jwt(_) | AuthKind::Basic(_) | AuthKind::ApiKey(_) => None,
            });
            let shares = route.shares().iter().map(|share| share.upstream.value);
            for id in shares.chain(asked) {
                upstreams.entry(id).or_default();
            }
        }
        for (id, at) in &mut upstreams {
            let upstream = gateway.upstream(*id);
            *at = graph.nodes.len();
            graph.nodes.push(Node {
                column: Column::Upstream,
                title: upstream.name.clone(),
                lines: kinds(upstream),
                guards: Vec::new(),
                losses: losses(Kind::Upstream, &upstream.name),
            });
        }
        for (at, route) in routes.iter().enumerate() {
            let shares = route.shares();
            for share in shares {
                let label = match shares {
                    [_] => String::new(),
                    _ => share.weight.value.to_string(),
                };
                graph.edge(first + at, upstreams[&share.upstream.value], &label, false);
            }
            if let Some(AuthKind::Forward(forward)) = gateway.auth_of(route).map(|auth| &auth.kind)
            {
                graph.edge(first + at, upstreams[&forward.upstream.value], "asks", true);
            }
        }
        for (id, from) in &upstreams {
            for server in &gateway.upstream(*id).servers {
                let to = graph.nodes.len();
                graph.nodes.push(Node {
                    column: Column::Server,
                    title: server.address.value.to_string(),
                    lines: Vec::new(),
                    guards: Vec::new(),
                    losses: Vec::new(),
                });
                let label = match (server.backup.value, server.weight.value) {
                    (true, _) => "backup".to_owned(),
                    (false, 1) => String::new(),
                    (false, weight) => weight.to_string(),
                };
                graph.edge(*from, to, &label, false);
            }
        }
        graph
    }

    fn edge(&mut self, from: usize, to: usize, label: &str, aside: bool) {
        self.edges.push(Edge {
            from,
            to,
            label: label.to_owned(),
            aside,
        });
    }
}

impl Column {
    /// Every column, from the client to the server.
    pub const ALL: [Self; 4] = [Self::Listener, Self::Route, Self::Upstream, Self::Server];

    /// The name of the column.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Listener => "listeners",
            Self::Route => "routes",
            Self::Upstream => "upstreams",
            Self::Server => "servers",
        }
    }
}

impl Graph {
    /// The nodes of a column, each with its index.
    fn column(&self, column: Column) -> impl Iterator<Item = (usize, &Node)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(move |(_, node)| node.column == column)
    }
}

/// How bad what targets lose of a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Severity {
    /// Nothing is lost.
    Kept,
    /// Something is done differently.
    Differs,
    /// Something is not rendered.
    Lost,
}

impl Node {
    fn severity(&self) -> Severity {
        match (
            self.losses.iter().any(|mark| mark.unsupported),
            self.losses.is_empty(),
        ) {
            (true, _) => Severity::Lost,
            (false, false) => Severity::Differs,
            (false, true) => Severity::Kept,
        }
    }

    /// The lines of its box behind the title: facts, guards, who loses something.
    fn body(&self, escaped: fn(&str) -> String) -> Vec<String> {
        let facts = self.lines.iter().map(|line| escaped(line));
        let guards = self
            .guards
            .iter()
            .map(|guard| format!("◆ {}", escaped(guard)));
        facts.chain(guards).chain(self.badges()).collect()
    }

    /// What targets lose of it in two short lines: who does not render something, and who does something differently.
    fn badges(&self) -> Vec<String> {
        let named = |unsupported: bool, sign: &str| {
            let names = self
                .losses
                .iter()
                .filter(|mark| mark.unsupported == unsupported);
            let names: Vec<&str> = names.map(|mark| mark.target).collect();
            (!names.is_empty()).then(|| format!("{sign} {}", names.join(", ")))
        };
        [named(true, "✕"), named(false, "≈")]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// What targets lose of what somebody wrote, by thing. What the gateway as a whole loses is in no box.
fn marks(gateway: &Gateway, targets: &[&'static dyn Target]) -> BTreeMap<Subject, Vec<Mark>> {
    let mut marks: BTreeMap<Subject, Vec<Mark>> = BTreeMap::new();
    for target in targets {
        for loss in meaning::losses(*target, gateway, Layout::Full) {
            if !loss.written {
                continue;
            }
            let says = format!("{}: {}", loss.feature, loss.instead);
            let known = marks.entry(loss.of).or_default();
            match known.iter_mut().find(|mark| mark.target == target.id()) {
                Some(mark) => {
                    mark.unsupported |= loss.unsupported;
                    mark.says.push(says);
                }
                None => known.push(Mark {
                    target: target.id(),
                    unsupported: loss.unsupported,
                    says: vec![says],
                }),
            }
        }
    }
    marks
}

fn facts(route: &Route) -> Vec<String> {
    let joined = |words: Vec<String>| words.join(", ");
    let mut lines = vec![
        joined(
            route
                .hosts
                .iter()
                .map(|host| host.value.to_string())
                .collect(),
        ),
        joined(
            route
                .paths
                .iter()
                .map(|path| path.value.to_string())
                .collect(),
        ),
    ];
    if let Some(websocket) = &route.websocket {
        lines.push(format!("websocket, idle {}", websocket.idle.value));
    }
    if let Some(stream) = &route.stream {
        lines.push(format!("stream, idle {}", stream.idle.value));
    }
    match &route.action {
        Action::Forward(_) => {}
        Action::Redirect(redirect) => lines.push(match &redirect.value.to {
            RedirectTo::Url(url) => format!("{} to {url}", redirect.value.status),
            RedirectTo::Parts { .. } => format!("{} elsewhere", redirect.value.status),
        }),
        Action::Respond(respond) => lines.push(format!("answers {}", respond.value.status)),
    }
    lines
}

/// How an upstream's server is chosen, and whether it is looked after.
fn kinds(upstream: &Upstream) -> Vec<String> {
    let mut lines = vec![
        match upstream.balance.value {
            Balance::RoundRobin => "in turn",
            Balance::LeastConnections => "least connections",
            Balance::Random => "at random",
            Balance::Hash(_) => "by hash",
        }
        .to_owned(),
    ];
    if let Some(stickiness) = &upstream.stickiness {
        lines.push(match stickiness {
            Stickiness::Cookie(cookie) => format!("sticky by cookie {}", cookie.name.value),
            Stickiness::AppCookie { name, .. } => format!("sticky by cookie {}", name.value),
            Stickiness::Source { .. } => "sticky by client address".to_owned(),
        });
    }
    if let Some(health) = &upstream.health {
        lines.push(format!("checked each {}", health.interval.value));
    }
    lines
}

/// Who may not pass.
fn guards(gateway: &Gateway, route: &Route) -> Vec<String> {
    let mut guards = Vec::new();
    if let Some(auth) = gateway.auth_of(route) {
        let kind = match &auth.kind {
            AuthKind::Jwt(_) => "jwt",
            AuthKind::Basic(_) => "basic",
            AuthKind::ApiKey(_) => "api key",
            AuthKind::Forward(_) => "forward",
        };
        guards.push(format!("{kind} {}", auth.name));
    }
    if route.clients.is_some() {
        guards.push("clients".to_owned());
    }
    if route
        .websocket
        .as_ref()
        .is_some_and(|it| it.origins.is_some())
    {
        guards.push("origins".to_owned());
    }
    if let Some(methods) = &route.methods {
        guards.push(methods.value.join("|"));
    }
    if let Some(limit) = &route.requests {
        guards.push(format!("{} requests", limit.rate.value));
    }
    if let Some(limit) = &route.connections {
        guards.push(format!("{} connections", limit.max.value));
    }
    guards
}
