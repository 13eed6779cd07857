//! polling-transport-without-stickiness: long-polling sessions that are spread over servers that do not share them.

use super::pattern;
use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{Balance, PathMatch, Route};

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "polling-transport-without-stickiness",
    include_str!("polling_transport_without_stickiness.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let gateway = subject.gateway;
    for route in &gateway.routes {
        let sockets_only = route.websocket.as_ref().is_some_and(|it| it.only.value)
            || route.when.upgrade.as_ref().is_some_and(|it| it.value);
        if sockets_only {
            continue;
        }
        let Some((at, library)) = library(route) else {
            continue;
        };
        let spread = route.shares().iter().find_map(|share| {
            let upstream = gateway.upstream(share.upstream.value);
            let several = upstream.servers.iter().filter(|it| !it.backup.value).count() > 1;
            let kept = upstream.stickiness.is_some()
                || matches!(upstream.balance.value, Balance::Hash(_));
            (several && !kept).then_some(upstream)
        });
        if let Some(upstream) = spread {
            findings
                .at(
                    at,
                    format!(
                        "{library} sessions take several requests, and upstream {} spreads them over its servers",
                        upstream.name
                    ),
                )
                .also(upstream.at, "no `stickiness`")
                .note("the second request of a session meets a server that does not know it: `400 Session ID unknown`, and a client that reconnects for ever")
                .help("write `stickiness: {cookie: {name: node}}` on the upstream; or `websocket: {only: on}` on the route, if every client goes without polling");
        }
    }
}

/// The library whose endpoint a path is, by its usual names, and where the path is written.
fn library(route: &Route) -> Option<(crate::ir::Loc, &'static str)> {
    route.paths.iter().find_map(|path| {
        let text = match &path.value {
            PathMatch::Exact(text) | PathMatch::Prefix(text) => text.clone(),
            PathMatch::Regex(regex) => pattern::literal_start(regex),
        };
        text.split('/')
            .find_map(named)
            .map(|library| (path.loc(), library))
    })
}

fn named(segment: &str) -> Option<&'static str> {
    let segment = segment.to_ascii_lowercase();
    Some(match segment.as_str() {
        "socket.io" => "Socket.IO",
        "engine.io" => "Engine.IO",
        "sockjs" | "sockjs-node" => "SockJS",
        "signalr" | "negotiate" | "hub" | "hubs" | "_blazor" => "SignalR",
        "stomp" => "STOMP over SockJS",
        "cometd" | "bayeux" | "faye" => "Bayeux",
        other if other.ends_with("hub") && other.len() > 3 && !other.ends_with("github") => "SignalR",
        _ => return None,
    })
}
