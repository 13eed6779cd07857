//! The servers of a backend: addresses, checks, TLS, and what is kept open to them.

use super::expr::arg;
use super::group::Group;
use super::{Ctx, global, line};
use crate::emit::{Line, Part, Tok};
use crate::ir::{Address, Protocol, Server, Stickiness};
use crate::targets::haproxy::facts::{self, time};

/// The servers of a backend, and what they have in common.
pub(super) fn servers(ctx: &Ctx<'_>, it: &Group<'_>, lines: &mut Vec<Tok>) {
    let up = it.upstream;
    if let Some(rule) = common(ctx, it) {
        lines.push(rule.at(up.at).end());
    }
    let mut names: Vec<String> = Vec::with_capacity(up.servers.len());
    for (number, server) in up.servers.iter().enumerate() {
        let name = facts::server_name(server)
            .filter(|name| !names.contains(name))
            .unwrap_or_else(|| format!("server{}", number + 1));
        lines.push(one(ctx, it, server, &name).at(server.address.loc()).end());
        names.push(name);
    }
}

/// What all servers of a backend have.
fn common(ctx: &Ctx<'_>, it: &Group<'_>) -> Option<Line> {
    let up = it.upstream;
    let mut some = false;
    let mut rule = line("default-server");
    let mut add = |rule: Line| {
        some = true;
        rule
    };
    if it.leader.is_none() {
        if let Some(health) = &up.health {
            rule = add(rule.with("check inter"))
                .name(&time(health.interval.value))
                .with("fall")
                .number(health.fall.value.into())
                .with("rise")
                .number(health.rise.value.into());
            if let Some(port) = &health.port {
                rule = rule.with("port").number(port.value.into());
            }
        }
        if let Some(passive) = &up.passive {
            if up.health.is_none() {
                // Only real requests take a server out; a connection that opens brings it back.
                rule = add(rule.with("check fall 1000 rise 1 inter"))
                    .name(&time(passive.eject.value))
                    .with("downinter")
                    .name(&time(passive.eject.value));
            }
            rule = add(rule.with("observe layer7 error-limit"))
                .number(passive.errors.value.into())
                .with("on-error mark-down");
        }
    }
    match up.keepalive.value {
        None => {}
        Some(most) => {
            rule = add(rule.with("pool-max-conn"))
                .number(most)
                .with("pool-purge-delay")
                .name(&time(up.keepalive_timeout.value));
        }
    }
    if up.keepalive.value.is_none() {
        rule = add(rule.with("pool-max-conn 0"));
    }
    if let Some(growth) = up.slow_start.value {
        rule = add(rule.with("slowstart")).name(&time(growth));
    }
    if let Some(max) = up.max_connections.value {
        rule = add(rule.with("maxconn")).number(max);
    }
    let sockets = it.routes.iter().any(|route| route.websocket.is_some());
    if up.protocol.value == Protocol::Http2 {
        rule = add(match up.tls {
            Some(_) => rule.with("alpn h2"),
            None => rule.with("proto h2"),
        });
        if sockets {
            rule = rule.with("ws h1");
        }
    }
    if let Some(tls) = &up.tls {
        rule = add(rule.with("ssl"));
        rule = if tls.verify.value {
            rule.with("verify required ca-file")
        } else {
            rule.with("verify none")
        };
        if tls.verify.value {
            rule = match &tls.ca {
                Some(ca) => rule.word(&ca.value),
                None => rule.with("@system-ca"),
            };
        }
        if let Some(name) = &tls.server_name {
            rule = named(rule, &name.value, tls.verify.value);
        }
        // Without its key the certificate would keep HAProxy from starting; the verdict says that none is shown.
        if let Some((cert, key)) = &tls.client
            && (ctx.env.since(3, 0, 0) || facts::reads_pair(ctx.g, &cert.value, &key.value))
        {
            rule = rule
                .with("crt")
                .tok(&global::pair(ctx, &cert.value, &key.value));
        }
    }
    if up.has_names() {
        rule = add(match super::upstream::resolver(up) {
            Some((name, _)) => rule.with("resolvers").name(&name),
            None => rule,
        });
        // 2.6 warns about a name that does not resolve at start; 2.8 and later do not.
        rule = rule.with(
            match (
                ctx.env.since(2, 8, 0),
                super::upstream::resolver(up).is_some(),
            ) {
                (true, true) => "init-addr last,libc,none",
                (false, true) => "init-addr last,none",
                (_, false) => "init-addr libc,none",
            },
        );
    }
    some.then_some(rule)
}

fn named(rule: Line, name: &str, verify: bool) -> Line {
    let rule = rule
        .with("sni")
        .word(&format!("str({})", arg(name)))
        .with("check-sni")
        .word(name);
    if verify {
        rule.with("verifyhost").word(name)
    } else {
        rule
    }
}

fn one(ctx: &Ctx<'_>, it: &Group<'_>, server: &Server, name: &str) -> Line {
    let up = it.upstream;
    let rule = line("server").name(name);
    let mut rule = match &server.address.value {
        Address::Unix { path } => rule.parts(&[Part::Static("unix@"), Part::Word(path)]),
        Address::Name { .. } | Address::Ip { .. } => rule.word(&server.address.value.to_string()),
    };
    if server.weight.value != 1 {
        rule = rule.with("weight").number(server.weight.value.into());
    }
    if server.backup.value {
        rule = rule.with("backup");
    }
    if let Some(Stickiness::Cookie(_)) = &up.stickiness {
        rule = rule
            .with("cookie")
            .name(&opaque(&up.name, &server.address.value));
    }
    if let Some(tls) = &up.tls
        && tls.server_name.is_none()
        && let Some(host) = server.address.value.name()
    {
        rule = named(rule, host, tls.verify.value);
    }
    if let Some(leader) = it.leader
        && (up.health.is_some() || up.passive.is_some())
    {
        let leader = &ctx.groups.list[leader].name;
        rule = rule
            .with("track")
            .parts(&[Part::Name(leader), Part::Static("/"), Part::Name(name)]);
    }
    rule
}

/// A cookie's value for a server: says nothing about it, and stays when servers are added or reordered.
fn opaque(upstream: &str, address: &Address) -> String {
    // FNV-1a, 64 bits: not a secret, only unreadable and the same in every build.
    let text = format!("{upstream} {address}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
