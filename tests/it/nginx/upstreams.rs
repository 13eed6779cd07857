//! Servers: which one takes a request, and what happens when one is gone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Gate, each, plain};
use crate::live::must::*;
use crate::live::{Answer, Authority, Stub};

fn counts(gate: &Gate, path: &str, times: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..times {
        *counts
            .entry(gate.get(path, &[]).server().to_owned())
            .or_default() += 1;
    }
    counts
}

const BALANCE: &str = r#"
upstreams:
  weighted: { servers: [{ address: "@a", weight: 3 }, { address: "@b" }] }
  least: { servers: ["@a", "@b"], balance: least_connections }
  random: { servers: ["@a", "@b"], balance: random }
  source: { servers: ["@a", "@b"], balance: { hash: { source: true } } }
  header: { servers: ["@a", "@b", "@c"], balance: { hash: { header: X-User } } }
  query: { servers: ["@a", "@b", "@c"], balance: { hash: { query: u } } }
  cookie: { servers: ["@a", "@b", "@c"], balance: { hash: { cookie: c-u } } }
  backup: { servers: ["127.0.0.1:1", { address: "@b", backup: true }] }
  one: { servers: ["@a"] }
  two: { servers: ["@b"], host_header: { set: two.example } }
  own: { servers: ["@a", "@b"], host_header: upstream }
  full: { servers: ["@c"], max_connections: 1 }
routes:
  - { name: weighted, path: /weighted, upstream: weighted }
  - { name: least, path: /least, upstream: least, websocket: true }
  - { name: random, path: /random, upstream: random }
  - { name: source, path: /source, upstream: source }
  - { name: header, path: /header, upstream: header }
  - { name: query, path: /query, upstream: query }
  - { name: cookie, path: /cookie, upstream: cookie }
  - { name: backup, path: /backup, upstream: backup }
  - { name: split, path: /split, split: { one: 80, two: 20 }, websocket: true, response_headers: { set: { X-S: "1" } } }
  - { name: own, path: /own, upstream: own }
  - { name: full, path: /full, upstream: full, websocket: true }
"#;

#[test]
fn balance() {
    each(|at| {
        let (a, b, c) = (Stub::start("a"), Stub::start("b"), Stub::start("c"));
        let spec = plain(BALANCE) + "runtime: { workers: 1 }\n";
        let gate = Gate::start(at, &spec, &[&a, &b, &c], &[]);
        assert_eq!(
            counts(&gate, "/weighted", 8),
            BTreeMap::from([("a".into(), 6), ("b".into(), 2)])
        );
        let tunnels: Vec<_> = (0..4)
            .map(|_| gate.websocket("/least", &[]).expect("upgraded"))
            .collect();
        assert_eq!(
            tunnels
                .iter()
                .filter(|tunnel| tunnel.server() == "a")
                .count(),
            2
        );
        assert_eq!(counts(&gate, "/random", 40).len(), 2);
        assert_eq!(counts(&gate, "/source", 8).len(), 1);
        assert_eq!(
            counts(&gate, "/backup", 3),
            BTreeMap::from([("b".into(), 3)])
        );
        for user in ["u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8"] {
            let server =
                |path: &str, headers: &[(&str, &str)]| gate.get(path, headers).server().to_owned();
            let by_header = server("/header", &[("X-User", user)]);
            assert_eq!(server("/header", &[("X-User", user)]), by_header);
            assert_eq!(server(&format!("/query?x=1&u={user}"), &[]), by_header);
            assert_eq!(
                server("/cookie", &[("Cookie", &format!("a=b; c-u={user}"))]),
                by_header
            );
        }
        let hosts = (0..4).map(|_| gate.get("/own", &[]));
        let hosts: BTreeMap<String, Option<String>> = hosts
            .map(|answer| {
                let host = answer.seen().header("host").map(str::to_owned);
                (answer.server().to_owned(), host)
            })
            .collect();
        assert_eq!(
            hosts,
            BTreeMap::from(["a", "b"].map(|name| (name.to_owned(), Some(a.address().to_string())))),
            "the first server's, on each"
        );
        let split = counts(&gate, "/split", 200);
        assert!((8..80).contains(&split["b"]), "{split:?}");
        assert_eq!(gate.get("/split", &[]).header("x-s"), Some("1"));
        let host = (0..60)
            .map(|_| gate.get("/split", &[]))
            .find(|answer| answer.server() == "b");
        assert_eq!(
            host.expect("one of b").seen().header("host"),
            Some("two.example")
        );
        gate.websocket("/split/x", &[]).expect("upgraded").echo("x");
        let _held = gate.websocket("/full", &[]).expect("upgraded");
        assert_eq!(gate.get("/full", &[]).status, 503);
    });
}

const STICKY: &str = r#"
upstreams:
  cookie: { servers: ["@a", "@b", "@c"], stickiness: { cookie: { name: node, ttl: 1h, path: /x } } }
  app: { servers: ["@a", "@b", "@c"], stickiness: { app_cookie: { name: sid, ttl: 1h } } }
  source: { servers: ["@a", "@b", "@c"], stickiness: { source: { ttl: 1h } } }
routes:
  - { name: cookie, path: /cookie, upstream: cookie, websocket: true }
  - { name: app, path: /app, upstream: app }
  - { name: source, path: /source, upstream: source }
"#;

#[test]
fn stickiness() {
    each(|at| {
        let (a, b, c) = (Stub::start("a"), Stub::start("b"), Stub::start("c"));
        let gate = Gate::start(at, &plain(STICKY), &[&a, &b, &c], &[]);
        let first = gate.get("/cookie", &[]);
        let set = first.header("set-cookie").expect("a cookie").to_owned();
        let lower = set.to_ascii_lowercase();
        assert!(
            set.starts_with("node=")
                && lower.contains("; path=/x")
                && lower.contains("max-age=3600") | lower.contains("expires="),
            "{set}"
        );
        assert!(
            lower.contains("; httponly")
                && lower.contains("; samesite=lax")
                && !lower.contains("secure"),
            "{set}"
        );
        let cookie = set.split(';').next().unwrap_or_default().to_owned();
        for _ in 0..6 {
            assert_eq!(
                gate.get("/cookie", &[("Cookie", &cookie)]).server(),
                first.server()
            );
        }
        let tunnel = gate
            .websocket("/cookie", &[("Cookie", &cookie)])
            .expect("upgraded");
        assert_eq!(tunnel.server(), first.server());
        let fresh = gate.websocket("/cookie", &[]).expect("upgraded");
        assert!(
            fresh
                .response
                .header("set-cookie")
                .is_some_and(|set| set.starts_with("node="))
        );
        let set: Vec<String> = (0..9)
            .map(|_| gate.get("/cookie", &[]).server().to_owned())
            .collect();
        assert!(set.iter().any(|server| *server != set[0]), "{set:?}");

        for id in ["s1", "s2", "s3", "s4"] {
            let reply = format!("Set-Cookie: sid={id}; Path=/");
            let made = gate.get("/app", &[("X-Reply", &reply)]).server().to_owned();
            let cookie = format!("x=y; sid={id}");
            let later: Vec<String> = (0..3)
                .map(|_| gate.get("/app", &[("Cookie", &cookie)]).server().to_owned())
                .collect();
            assert!(later.iter().all(|server| *server == later[0]));
            if gate.is_new() {
                assert_eq!(later[0], made);
            }
        }
        assert_eq!(counts(&gate, "/source", 9).len(), 1);
    });
}

const FAILURES: &str = r#"
upstreams:
  pair: { servers: ["127.0.0.1:1", "@a"] }
  retry: { servers: ["@a", "@b"], retries: { attempts: 1, after: [connect, timeout, 503] } }
  passive: { servers: ["@c", "@b"], passive: { errors: 1, within: 60s, eject: 60s } }
  keep: { servers: ["@a"], keepalive: 4 }
  close: { servers: ["@a"], keepalive: off }
  head: { servers: ["@a"], limits: { response_head: 8KiB } }
  wide: { servers: ["@a"] }
routes:
  - { name: pair, path: /pair, upstream: pair, websocket: true }
  - { name: retry, path: /retry, upstream: retry, timeouts: { response: 1s } }
  - { name: passive, path: /passive, upstream: passive }
  - { name: keep, path: /keep, upstream: keep }
  - { name: close, path: /close, upstream: close }
  - { name: head, path: /head, upstream: head }
  - { name: wide, path: /wide, upstream: wide }
  - { name: late, path: /late, upstream: retry, retries: off, timeouts: { response: 1s, connect: 2s } }
runtime: { workers: 1 }
"#;

#[test]
fn servers_fail() {
    each(|at| {
        let (a, b, mut c) = (Stub::start("a"), Stub::start("b"), Stub::start("c"));
        let gate = Gate::start(at, &plain(FAILURES), &[&a, &b, &c], &[]);
        // A refusing server is skipped for every method, and for a handshake.
        for _ in 0..4 {
            assert_eq!(gate.client().send("POST", "/pair", &[], b"x").status, 200);
            gate.websocket("/pair", &[]).expect("upgraded").echo("x");
        }
        a.answer("/retry", Answer::status(503));
        assert!((0..4).all(|_| gate.get("/retry", &[]).server() == "b"));
        let posts: Vec<u16> = (0..4)
            .map(|_| gate.client().send("POST", "/retry", &[], b"x").status)
            .collect();
        assert!(posts.contains(&503), "{posts:?}");
        a.answer(
            "/retry/slow",
            Answer::status(200).after(Duration::from_millis(1800)),
        );
        assert!((0..2).all(|_| gate.get("/retry/slow", &[]).status == 200));
        // Without retries a late answer is not asked for again.
        let start = Instant::now();
        assert_eq!(gate.get("/late", &[("X-Delay", "3000")]).status, 504);
        assert!(
            start.elapsed() < Duration::from_millis(1800),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(
            a.requests_to("/late").len() + b.requests_to("/late").len(),
            1
        );

        c.stop();
        assert!((0..4).all(|_| gate.get("/passive", &[]).server() == "b"));
        c.listen();
        // Left out for a minute.
        assert!((0..4).all(|_| gate.get("/passive", &[]).server() == "b"));

        let before = a.connections();
        (0..5).for_each(|_| assert_eq!(gate.get("/keep", &[]).status, 200));
        assert_eq!(a.connections() - before, 1);
        let before = a.connections();
        (0..5).for_each(|_| assert_eq!(gate.get("/close", &[]).status, 200));
        assert_eq!(a.connections() - before, 5);

        let large = format!("X-Large: {}", "x".repeat(6000));
        let lines = [("X-Reply", large.as_str()), ("X-Reply", large.as_str())];
        assert_eq!(gate.get("/head", &lines).status, 502);
        assert_eq!(gate.get("/wide", &lines).status, 200);
        a.stop();
        assert_eq!(gate.get("/keep", &[]).status, 503);
    });
}

const TLS: &str = r#"
upstreams:
  good: { servers: ["@a"], tls: { server_name: up.internal, ca: ca.pem } }
  wrong: { servers: ["@a"], tls: { server_name: other.internal, ca: ca.pem } }
  blind: { servers: ["@a"], tls: { server_name: other.internal, verify: false } }
routes:
  - { name: good, path: /good, upstream: good, websocket: true }
  - { name: wrong, path: /wrong, upstream: wrong }
  - { name: blind, path: /blind, upstream: blind }
targets: { nginx: { system_ca: ca.pem } }
"#;

#[test]
fn tls_towards_servers_is_verified() {
    each(|at| {
        let authority = Authority::new();
        let stub = Stub::tls("a", &authority.issue(&["up.internal"]));
        let gate = Gate::start(at, &plain(TLS), &[&stub], &[("ca.pem", &authority.pem())]);
        assert_eq!(gate.get("/good", &[]).status, 200);
        gate.websocket("/good", &[]).expect("upgraded").echo("x");
        // Not connected: no server is left.
        assert_eq!(gate.get("/wrong", &[]).status, 503);
        assert_eq!(gate.get("/blind", &[]).status, 200);
        // Not connected: no server is left.
        assert_eq!(gate.get("/wrong", &[]).status, 503);
        assert_eq!(gate.get("/good", &[]).status, 200);
    });
}
