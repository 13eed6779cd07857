//! Ports and addresses moved to loopback: listeners, metrics, servers and their health checks.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use super::port;
use crate::ir::{Address, Gateway, Set};

/// Where everything of a lab listens.
#[derive(Debug)]
pub struct Places {
    /// The address of each listener.
    pub listeners: Vec<SocketAddr>,
    /// The address of the metrics.
    pub metrics: Option<SocketAddr>,
    /// The address of each server of each upstream.
    pub servers: Vec<Vec<SocketAddr>>,
    /// The port of an upstream's health checks, where it is not the servers' own.
    pub checks: Vec<Option<u16>>,
    /// What could not be kept, in words.
    pub changes: Vec<String>,
    block: Block,
}

impl Places {
    /// Moves a gateway to loopback. With `names`, servers keep their host names, and a DNS server has to tell their addresses.
    ///
    /// # Errors
    /// Where no port is free.
    pub(super) fn apply(gateway: &mut Gateway, names: bool) -> io::Result<Self> {
        let mut places = Self {
            listeners: Vec::new(),
            metrics: None,
            servers: Vec::new(),
            checks: Vec::new(),
            changes: Vec::new(),
            block: Block::new(),
        };
        places.fit(gateway);
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for listener in &mut gateway.listeners {
            let port = port::free()?;
            // What clients see stays what it was: redirects and X-Forwarded-Port name it.
            listener.port.value = port;
            listener.address.value = Some(local);
            places.listeners.push(SocketAddr::new(local, port));
        }
        if let Some(metrics) = &mut gateway.metrics {
            metrics.port.value = port::free()?;
            metrics.address.value = local;
            places.metrics = Some(SocketAddr::new(local, metrics.port.value));
        }
        gateway.rooms.envoy.admin_port.value = port::free()?;
        for (_, peer) in &mut gateway.rooms.haproxy.peers {
            peer.value = SocketAddr::new(local, port::free()?).to_string();
        }
        let mut number = 0;
        for upstream in &mut gateway.upstreams {
            let mut servers = Vec::new();
            // Names that are looked up once are the system's matter, which knows no name server of ours.
            let named = names && upstream.resolve.value.is_some();
            for server in &mut upstream.servers {
                number += 1;
                let at = places.block.address(number, &server.address.value)?;
                server.address.value = match &server.address.value {
                    Address::Name { host, .. } if named => Address::Name {
                        host: host.clone(),
                        port: at.port(),
                    },
                    Address::Unix { path } => {
                        places
                            .changes
                            .push(format!("the socket {path} is probed as a TCP address"));
                        ip(at)
                    }
                    Address::Name { .. } | Address::Ip { .. } => ip(at),
                };
                servers.push(at);
            }
            // On addresses of their own all servers can have the one port that checks go to.
            let checks = match upstream.health.as_mut().and_then(|it| it.port.as_mut()) {
                Some(Set { value, .. }) => {
                    *value = port::free()?;
                    Some(*value)
                }
                None => None,
            };
            places.checks.push(checks);
            places.servers.push(servers);
        }
        Ok(places)
    }

    /// Where a server could move to: its port on an address that no server has.
    ///
    /// # Errors
    /// Where the system has one loopback address only.
    pub fn elsewhere(&self, server: SocketAddr) -> io::Result<SocketAddr> {
        let Block(Some(base)) = self.block else {
            return Err(io::Error::other("the system has one loopback address only"));
        };
        Ok(SocketAddr::new(
            Ipv4Addr::from(base + 254).into(),
            server.port(),
        ))
    }
}

impl Places {
    /// No more connections and files than this machine allows: a program may refuse to start with more.
    fn fit(&mut self, gateway: &mut Gateway) {
        let runtime = &mut gateway.runtime;
        let Some(allowed) = open_files("self").map(|(_, hard)| hard) else {
            return;
        };
        if runtime.files.value > allowed {
            let most = u32::try_from(allowed / 4).unwrap_or(u32::MAX);
            // Nobody promised the derived numbers.
            if runtime.max_connections.is_written() || runtime.files.is_written() {
                self.changes.push(format!(
                    "this machine allows {allowed} open files, not {}: at most {most} connections",
                    runtime.files.value
                ));
            }
            runtime.files.value = allowed;
            runtime.max_connections.value = runtime.max_connections.value.min(most);
        }
    }
}

/// The soft and the hard limit on open files of a process, by its number or `self`; `None` where the system does not say.
pub(super) fn open_files(process: &str) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/limits")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let mut numbers = line.split_whitespace().map(|word| match word {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    });
    Some((numbers.next()??, numbers.next()??))
}

const fn ip(at: SocketAddr) -> Address {
    Address::Ip {
        ip: at.ip(),
        port: at.port(),
    }
}

/// Loopback addresses that belong to one lab, one for each server; only 127.0.0.1 where the system has no others.
#[derive(Debug)]
struct Block(Option<u32>);

impl Block {
    fn new() -> Self {
        static LABS: AtomicU32 = AtomicU32::new(0);
        let lab = LABS.fetch_add(1, Ordering::Relaxed);
        // 127.64.0.0/10 holds 16,384 blocks of 256 addresses: two processes seldom meet, and then their ports differ.
        let number = std::process::id().wrapping_mul(641).wrapping_add(lab) % (1 << 14);
        let base = 0x7f40_0000 + (number << 8);
        let first = SocketAddr::new(Ipv4Addr::from(base + 1).into(), 0);
        Self(TcpListener::bind(first).is_ok().then_some(base))
    }

    fn address(&self, number: u32, like: &Address) -> io::Result<SocketAddr> {
        // A machine may have no IPv6.
        if matches!(like, Address::Ip { ip, .. } if ip.is_ipv6())
            && let Ok(at) = port::free_on(Ipv6Addr::LOCALHOST.into())
        {
            return Ok(at);
        }
        match self.0 {
            Some(base) => port::free_on(Ipv4Addr::from(base + number).into()),
            None => port::free_on(Ipv4Addr::LOCALHOST.into()),
        }
    }
}
