//! Names by which a browser on this machine finds the spec's hosts: `example.com.localhost`, and `localhost` for the first of them.

use crate::ir::bracketed;
use crate::ir::{Gateway, HostMatch, Set};

use super::{Account, What};

/// What `localhost` is called.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// How many addresses of a listener are told.
const MOST: usize = 4;

/// Names that were added to a spec.
pub(super) struct Named {
    /// The host that `localhost` stands for; `None`: the spec serves `localhost` itself.
    first: Option<HostMatch>,
}

impl Named {
    /// The names on this machine that stand for a host.
    pub(super) fn of(&self, host: &HostMatch) -> Vec<HostMatch> {
        let mut names = Vec::new();
        match host {
            HostMatch::Exact(name) if is_here(name) => {}
            HostMatch::Exact(name) => names.push(HostMatch::Exact(format!("{name}.localhost"))),
            HostMatch::Wildcard(zone) => {
                names.push(HostMatch::Wildcard(format!("{zone}.localhost")));
            }
            HostMatch::Regex(text) => {
                names.push(HostMatch::Regex(format!("(?:{text})\\.localhost")));
            }
            HostMatch::Any => {}
        }
        if self.first.as_ref() == Some(host) {
            names.extend(LOOPBACK.map(|name| HostMatch::Exact(name.to_owned())));
        }
        names
    }
}

/// Names the spec's hosts, and lets pages from there open its sockets.
///
/// # Errors
/// A sentence, if the routes cannot be put in order any more.
pub(super) fn apply(gateway: &mut Gateway, account: &mut Account) -> Result<Named, String> {
    let hosts = || gateway.routes.iter().flat_map(|route| &route.hosts);
    let served = hosts().any(|host| match &host.value {
        HostMatch::Any => true,
        HostMatch::Exact(name) => is_here(name),
        HostMatch::Wildcard(_) | HostMatch::Regex(_) => false,
    });
    let exact = hosts().find(|host| matches!(host.value, HostMatch::Exact(_)));
    let first = exact.or_else(|| hosts().next());
    let named = Named {
        first: first.filter(|_| !served).map(|host| host.value.clone()),
    };
    addresses(gateway, &named, account);
    origins(gateway, &named, account);
    for route in &mut gateway.routes {
        let own = std::mem::take(&mut route.hosts);
        for host in own {
            let from = host.from;
            let more = named.of(&host.value);
            route.hosts.push(host);
            let more = more.into_iter().map(|value| Set { value, from });
            route.hosts.extend(more);
        }
    }
    let mut unsafe_to_remember = false;
    for tls in gateway
        .listeners
        .iter_mut()
        .filter_map(|it| it.tls.as_mut())
    {
        unsafe_to_remember |= tls.hsts.take().is_some();
    }
    if unsafe_to_remember {
        account.did(
            What::Note,
            "hsts",
            "not sent: browsers would remember it for every port of localhost",
        );
    }
    if let Some(first) = &named.first {
        account.did(What::Note, "localhost", format!("stands for {first} here"));
    }
    let changed = Gateway::from_parts(gateway.clone())?;
    gateway.table = changed.table;
    Ok(named)
}

fn is_here(name: &str) -> bool {
    LOOPBACK.contains(&name) || name.ends_with(".localhost")
}

/// Where a browser finds each listener.
fn addresses(gateway: &Gateway, named: &Named, account: &mut Account) {
    for listener in &gateway.listeners {
        let mut names: Vec<String> = Vec::new();
        for entry in &gateway.table {
            let route = gateway.route(entry.route);
            let host = entry.host(gateway);
            if !gateway.serves(listener, route) && listener.redirect.is_none() {
                continue;
            }
            let name = match host {
                HostMatch::Exact(name) if is_here(name) => name.clone(),
                HostMatch::Exact(name) => format!("{name}.localhost"),
                HostMatch::Wildcard(zone) => format!("any.{zone}.localhost"),
                HostMatch::Any => "localhost".to_owned(),
                HostMatch::Regex(_) => continue,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if named.first.is_some() || names.is_empty() {
            names.retain(|name| name != "localhost");
            names.insert(0, "localhost".to_owned());
        }
        let more = names.len().saturating_sub(MOST);
        names.truncate(MOST);
        let port = listener.port.value;
        let url = |name: &String| format!("{}://{}:{port}/", listener.scheme(), bracketed(name));
        let mut urls: Vec<String> = names.iter().map(url).collect();
        if more > 0 {
            urls.push(format!("and {more} more hosts, as NAME.localhost"));
        }
        account.addresses.push((listener.name.clone(), urls));
    }
}

/// Pages of the spec's own hosts have other origins here.
fn origins(gateway: &mut Gateway, named: &Named, account: &mut Account) {
    let hosts: Vec<HostMatch> = gateway
        .routes
        .iter()
        .flat_map(|route| route.hosts.iter().map(|host| host.value.clone()))
        .collect();
    let ports: Vec<(&'static str, u16)> = gateway
        .listeners
        .iter()
        .map(|listener| (listener.scheme(), listener.port.value))
        .collect();
    let here = |origin: &str| -> Vec<String> {
        let Some((scheme, host)) = origin.split_once("://") else {
            return Vec::new();
        };
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let own = hosts.iter().filter(|known| match known {
            HostMatch::Exact(name) => name == host,
            HostMatch::Wildcard(zone) => HostMatch::is_below(host, zone),
            HostMatch::Regex(_) | HostMatch::Any => false,
        });
        let mut found = Vec::new();
        for known in own {
            let mut names = vec![host.to_owned()];
            if !is_here(host) {
                names.push(format!("{host}.localhost"));
            }
            if named.first.as_ref() == Some(known) {
                names.extend(LOOPBACK.map(bracketed));
            }
            for (_, port) in ports.iter().filter(|(own, _)| *own == scheme) {
                found.extend(names.iter().map(|name| format!("{scheme}://{name}:{port}")));
            }
        }
        found
    };
    let mut changed = Vec::new();
    for route in &mut gateway.routes {
        let websocket = route.websocket.as_mut().and_then(|it| it.origins.as_mut());
        let cors = route.cors.as_mut().and_then(|it| it.origins.value.as_mut());
        let lists = [websocket.map(|it| &mut it.value.exact), cors];
        for list in lists.into_iter().flatten() {
            let mut more: Vec<String> = list.iter().flat_map(|it| here(it)).collect();
            more.retain(|it| !list.contains(it));
            more.sort();
            more.dedup();
            if !more.is_empty() && !changed.contains(&route.name) {
                changed.push(route.name.clone());
            }
            list.extend(more);
        }
    }
    if !changed.is_empty() {
        let says = "pages of the spec's own hosts have other names and ports here, and may too";
        account.did(What::Note, format!("origins of {}", few(&changed)), says);
    }
}

/// A list in words, cut.
pub(super) fn few(names: &[String]) -> String {
    match names.len() {
        0..=3 => names.join(", "),
        more => format!("{} and {} more", names[..3].join(", "), more - 3),
    }
}
