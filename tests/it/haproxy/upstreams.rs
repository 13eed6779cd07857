//! Servers: which one takes a request, and what happens when one is gone.

use std::time::Duration;

use super::each;
use crate::live::must::*;
use crate::live::{Answer, Stub};

#[test]
fn servers_are_chosen_as_the_upstream_says() {
    let (a, b, c) = (Stub::start("a"), Stub::start("b"), Stub::start("c"));
    let dead = Stub::start("dead");
    dead.stop();
    let gone = Stub::start("gone");
    gone.stop();
    for stub in [&a, &b] {
        stub.answer("/fails", Answer::status(503));
    }
    let spec = format!(
        r#"
wsgen: 1
listeners: {{ web: {{ port: $PORT, address: 127.0.0.1, trusted_proxies: [127.0.0.0/8] }} }}
upstreams:
  weighted: {{ servers: [{{ address: "{a}", weight: 3 }}, {{ address: "{b}", weight: 1 }}, {{ address: "{c}", backup: true }}] }}
  backup: {{ servers: [{{ address: "{dead}" }}, {{ address: "{b}", backup: true }}, {{ address: "{c}", backup: true }}], health: {{ tcp: {{}}, interval: 200ms, fall: 1, rise: 1 }} }}
  dead: {{ servers: ["{dead}"] }}
  half: {{ servers: ["{dead}", "{a}", "{b}"] }}
  least: {{ servers: ["{dead}", "{a}"], balance: least_connections }}
  hashed: {{ servers: ["{a}", "{b}", "{c}"], balance: {{ hash: {{ header: X-User }} }} }}
  pair: {{ servers: ["{dead}", "{a}"], balance: {{ hash: {{ source: on }} }} }}
  lonely: {{ servers: ["{dead}", "{gone}", "{a}"], balance: {{ hash: {{ header: X-User }} }} }}
  cookie: {{ servers: ["{a}", "{b}", "{c}"], stickiness: {{ cookie: {{ name: node, ttl: 1h, path: /cookie, same_site: strict }} }} }}
  app: {{ servers: ["{a}", "{b}", "{c}"], stickiness: {{ app_cookie: {{ name: SID }} }} }}
  source: {{ servers: ["{a}", "{b}", "{c}"], stickiness: {{ source: {{}} }} }}
  one: {{ servers: ["{a}"], max_connections: 1 }}
  again: {{ servers: ["{a}", "{b}", "{c}"], retries: {{ attempts: 2, after: [connect, 503] }} }}
routes:
  - {{ name: weighted, path: /weighted, upstream: weighted }}
  - {{ name: backup, path: /backup, upstream: backup }}
  - {{ name: dead, path: /dead, upstream: dead }}
  - {{ name: half, path: /half, upstream: half }}
  - {{ name: least, path: /least, upstream: least }}
  - {{ name: hashed, path: /hashed, upstream: hashed }}
  - {{ name: pair, path: /pair, upstream: pair }}
  - {{ name: lonely, path: /lonely, upstream: lonely }}
  - {{ name: cookie, path: /cookie, upstream: cookie, websocket: true }}
  - {{ name: cookie-packed, path: /cookie/packed, upstream: cookie, compression: on }}
  - {{ name: app, path: /app, upstream: app }}
  - {{ name: source, path: /source, upstream: source }}
  - {{ name: one, path: /one, upstream: one, websocket: true }}
  - {{ name: fails, path: /fails, upstream: again }}
  - {{ name: split, path: /split, split: {{ hashed: 50, dead: 50 }} }}
"#,
        a = a.address(),
        b = b.address(),
        c = c.address(),
        dead = dead.address(),
        gone = gone.address(),
    );
    for stub in [&a, &b, &c] {
        stub.answer(
            "/app/login",
            Answer::status(200).header("Set-Cookie", "SID=s1; Path=/"),
        );
    }
    each(&spec, |run| {
        let count = |path: &str, headers: &[(&str, &str)], times: usize| {
            let mut seen = std::collections::BTreeMap::new();
            for _ in 0..times {
                let got = run.get(path, headers);
                let who = if got.status == 200 {
                    got.server().to_owned()
                } else {
                    got.status.to_string()
                };
                *seen.entry(who).or_insert(0) += 1;
            }
            seen.into_iter()
                .map(|(who, n)| format!("{who}{n}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(count("/weighted", &[], 8), "a6 b2");
        assert_eq!(count("/dead", &[], 2), "5032");
        assert_eq!(count("/half", &[], 6).len(), "a3 b3".len());
        assert_eq!(count("/least", &[], 4), "a4");
        for user in ["x", "y", "z"] {
            assert_eq!(
                count("/hashed", &[("X-User", user)], 5).split(' ').count(),
                1,
                "{user}"
            );
        }
        // A hash skips the server that has just refused, and no other one.
        for client in 0..20 {
            let from = format!("192.0.2.{client}");
            assert_eq!(count("/pair", &[("X-Forwarded-For", &from)], 1), "a1");
        }
        let lonely: Vec<String> = (0..60)
            .map(|user| count("/lonely", &[("X-User", &user.to_string())], 2))
            .collect();
        assert!(lonely.iter().any(|seen| seen == "5032"), "{lonely:?}");
        let first = run.get("/cookie", &[]);
        let cookie = first.header("set-cookie").expect("a cookie").to_owned();
        for part in [
            "node=",
            "path=/cookie",
            "HttpOnly",
            "SameSite=Strict",
            "Max-Age=3600",
        ] {
            assert!(cookie.contains(part), "{part} in {cookie}");
        }
        assert!(
            !cookie.contains("secure") && !cookie.contains(&a.address().port().to_string()),
            "{cookie}"
        );
        let pair = cookie.split(';').next().expect("a pair").to_owned();
        let sent = [("Cookie", pair.as_str())];
        assert_eq!(count("/cookie", &sent, 5), format!("{}5", first.server()));
        assert_eq!(
            count("/cookie/packed", &sent, 5),
            format!("{}5", first.server())
        );
        assert_eq!(
            run.get("/cookie", &sent).seen().header("cookie"),
            None,
            "the cookie is the proxy's own"
        );
        let tunnel = run.websocket("/cookie", &sent).expect("upgraded");
        assert_eq!(tunnel.server(), first.server());
        let login = run
            .get("/app/login", &[])
            .header("set-cookie")
            .map(str::to_owned);
        assert!(login.is_some());
        assert_eq!(
            count("/app", &[("Cookie", "SID=s1")], 6).split(' ').count(),
            1
        );
        assert_eq!(count("/source", &[], 6).split(' ').count(), 1);
        let mut held = run.websocket("/one", &[]).expect("upgraded");
        assert_eq!(run.get("/one", &[]).status, 503);
        held.echo("still");
        drop(held);
        assert_eq!(count("/fails", &[], 3), "c3");
        let mine = run.ports()[0].to_string();
        let sent = || {
            let all = [&a, &b, &c].map(|stub| stub.requests_to("/fails"));
            let posts = all.iter().flatten().filter(|it| it.method == "POST");
            posts
                .filter(|it| it.header("x-forwarded-port") == Some(&mine))
                .count()
        };
        for _ in 0..3 {
            run.client().send("POST", "/fails", &[], b"x");
        }
        assert_eq!(sent(), 3, "a POST is sent once");
        let split = count("/split", &[("X-User", "x")], 40);
        assert!(
            split.contains("503") && split.split(' ').count() == 2,
            "{split}"
        );
        let start = std::time::Instant::now();
        while run.get("/backup", &[]).status != 200 {
            assert!(start.elapsed() < Duration::from_secs(4));
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(count("/backup", &[], 8), "b4 c4");
    });
}

#[test]
fn a_name_that_does_not_resolve_stops_nothing() {
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1 } }
upstreams: { app: { servers: ["no-such-name.invalid:80"], timeouts: { connect: 1s } } }
targets: { haproxy: { resolvers: ["127.0.0.1:9"] } }
routes: [{ name: app, path: /app, upstream: app }, { name: ok, path: /ok, respond: { body: ok } }]
"#;
    each(spec, |run| {
        assert_eq!(run.get("/ok", &[]).text(), "ok");
        assert_eq!(run.get("/app", &[]).status, 503);
    });
}
