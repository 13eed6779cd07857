//! Which servers answer from here, and what stands in for those that do not.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::ir::{
    Address, AuthKind, Check, Gateway, HostMatch, JwtKeys, PathMatch, Set, Upstream, UpstreamId,
};

use super::echo::{Authority, Path, Setup};
use super::hosts::few;
use super::overrides::Overrides;
use super::{Account, Local, What, certificates, guards};

/// How long a server may take to answer; one at hand takes milliseconds, one behind a firewall for ever.
const CONNECT: Duration = Duration::from_secs(1);

/// How long all of them may take together, names looked up included.
const ALL: Duration = Duration::from_secs(2);

/// How many are asked at once.
const AT_ONCE: usize = 32;

/// What stands in for upstreams.
#[derive(Default)]
pub(super) struct StandIns {
    /// The key that lets a client past each upstream that decides about others.
    pub(super) deciding: HashMap<UpstreamId, String>,
}

/// The servers that do not answer, those of key sets among them.
pub(super) fn silent(gateway: &Gateway, overrides: &Overrides) -> HashSet<Address> {
    // What the call names is meant, answer or not.
    let asked = gateway
        .upstreams
        .iter()
        .filter(|upstream| !overrides.places(&upstream.name) && !overrides.echoes(&upstream.name));
    let servers = asked.flat_map(|upstream| &upstream.servers);
    let servers = servers.map(|server| server.address.value.clone());
    let sets = gateway.auth.iter().filter_map(|auth| match &auth.kind {
        AuthKind::Jwt(jwt) => match &jwt.keys.value {
            JwtKeys::JwksUrl { url, .. } => guards::key_server(url),
            JwtKeys::Key { .. } | JwtKeys::JwksFile { .. } => None,
        },
        AuthKind::Basic(_) | AuthKind::ApiKey(_) | AuthKind::Forward(_) => None,
    });
    let all: HashSet<Address> = servers.chain(sets).collect();
    let queue: VecDeque<Address> = all.iter().cloned().collect();
    let threads = queue.len().min(AT_ONCE);
    let queue = Arc::new(Mutex::new(queue));
    let (found, heard) = channel();
    for _ in 0..threads {
        let (queue, found) = (Arc::clone(&queue), found.clone());
        // Where no thread is to be had, those that there are take over.
        let _ = std::thread::Builder::new().spawn(move || {
            let next = || {
                let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                queue.pop_front()
            };
            while let Some(address) = next() {
                if answers(&address) && found.send(address).is_err() {
                    return;
                }
            }
        });
    }
    drop(found);
    let end = Instant::now() + ALL;
    let mut silent = all;
    loop {
        match heard.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(address) => {
                silent.remove(&address);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return silent,
        }
    }
}

fn answers(address: &Address) -> bool {
    let there = |to: &SocketAddr| TcpStream::connect_timeout(to, CONNECT).is_ok();
    match address {
        Address::Unix { path } => UnixStream::connect(path).is_ok(),
        Address::Ip { ip, port } => there(&SocketAddr::new(*ip, *port)),
        Address::Name { host, port } => (host.as_str(), *port)
            .to_socket_addrs()
            .is_ok_and(|mut found| found.any(|to| there(&to))),
    }
}

/// Puts echo servers in place of upstreams of which no server answers, and leaves silent servers out of the others.
///
/// # Errors
/// No port is free.
pub(super) fn apply(
    gateway: &mut Gateway,
    local: &mut Local,
    silent: &HashSet<Address>,
    overrides: &Overrides,
    account: &mut Account,
) -> io::Result<StandIns> {
    let mut stand_ins = StandIns::default();
    let mut upstreams = std::mem::take(&mut gateway.upstreams);
    for upstream in &mut upstreams {
        let to = format!("upstream {}", upstream.name);
        let gone = |upstream: &Upstream| -> Vec<String> {
            let servers = upstream.servers.iter().map(|it| &it.address.value);
            let gone = servers.filter(|address| silent.contains(address));
            gone.map(ToString::to_string).collect()
        };
        let gone = gone(upstream);
        let asked = overrides.echoes(&upstream.name);
        if !asked && gone.len() < upstream.servers.len() {
            if !gone.is_empty() {
                upstream
                    .servers
                    .retain(|server| !silent.contains(&server.address.value));
                let says = format!("{} without an answer: left out", few(&gone));
                account.did(What::StandIn, to, says);
            }
            continue;
        }
        let says = match asked {
            true => "echo servers, as asked for".to_owned(),
            false => format!("echo servers for {}, which do not answer", few(&gone)),
        };
        account.did(What::StandIn, to, says);
        stand_in(gateway, upstream, local, &mut stand_ins)?;
    }
    gateway.upstreams = upstreams;
    Ok(stand_ins)
}

fn stand_in(
    gateway: &Gateway,
    upstream: &mut Upstream,
    local: &mut Local,
    stand_ins: &mut StandIns,
) -> io::Result<()> {
    let authority = authority(gateway, upstream, local)?;
    if let Some(authority) = &authority {
        stand_ins
            .deciding
            .insert(upstream.id, authority.key.clone());
    }
    let health = upstream
        .health
        .as_ref()
        .and_then(|it| healthy(&it.check.value));
    let mut certified = None;
    if let Some(tls) = &mut upstream.tls {
        let mut names = vec!["127.0.0.1".to_owned()];
        names.extend(tls.server_name.iter().map(|name| name.value.clone()));
        let purpose = super::authority::Purpose::Server;
        certified = Some(local.authority.issue(&local.cache, &names, purpose)?);
        certificates::towards(tls, local);
    }
    if let Some(health) = &mut upstream.health {
        health.port = None;
    }
    let paths = paths(gateway);
    for server in &mut upstream.servers {
        let setup = Setup {
            upstream: upstream.name.clone(),
            server: server.address.value.to_string(),
            certified: certified.clone(),
            health: health.clone(),
            authority: authority.clone(),
            paths: paths.clone(),
        };
        let at = local.echoes.serve(setup)?;
        server.address.value = Address::Ip {
            ip: at.ip(),
            port: at.port(),
        };
    }
    Ok(())
}

/// What makes a check of this kind good, where that is not a plain 200: its path and its status.
fn healthy(check: &Check) -> Option<(String, u16)> {
    let Check::Http { path, status, .. } = check else {
        return None;
    };
    let plain = status
        .iter()
        .any(|range| (range.first..=range.last).contains(&200));
    let wanted = status.first().filter(|_| !plain)?.first;
    Some((path.split('?').next().unwrap_or(path).to_owned(), wanted))
}

/// How a stand-in decides about other requests, where an entry of `auth` asks this upstream.
fn authority(
    gateway: &Gateway,
    upstream: &Upstream,
    local: &Local,
) -> io::Result<Option<Authority>> {
    let asked = gateway.auth.iter().find_map(|auth| match &auth.kind {
        AuthKind::Forward(forward) if forward.upstream.value == upstream.id => Some(forward),
        _ => None,
    });
    let Some(forward) = asked else {
        return Ok(None);
    };
    Ok(Some(Authority {
        path: forward.path.value.clone(),
        key: super::guards::key(&local.cache)?,
        send: forward.send.value.clone(),
        pass: forward.pass.value.clone(),
    }))
}

/// Where a page can open sockets and streams.
fn paths(gateway: &Gateway) -> Vec<Path> {
    let mut paths = Vec::new();
    for entry in &gateway.table {
        let route = gateway.route(entry.route);
        let methods = route.methods.iter().chain(&route.when.methods);
        let gets = |methods: &Set<Vec<String>>| methods.value.iter().any(|it| it == "GET");
        if !methods.into_iter().all(gets) {
            continue;
        }
        let path = match entry.path(gateway) {
            PathMatch::Exact(path) | PathMatch::Prefix(path) => path.clone(),
            PathMatch::Regex(_) => continue,
        };
        let host = match entry.host(gateway) {
            HostMatch::Exact(host) => Some(host.clone()),
            _ => None,
        };
        let path = Path {
            host,
            path,
            websocket: route.websocket.is_some(),
            stream: route.stream.is_some(),
        };
        if (path.websocket || path.stream) && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}
