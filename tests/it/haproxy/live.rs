//! What a running HAProxy does with a rendered file: each promise on both versions.

use std::time::Duration;

use super::{each, each_with};
use crate::live::{Answer, Client, Event, Stub};

const ROUTES: &str = r#"
wsgen: 1
listeners:
  web: { port: $PORT, address: 127.0.0.1 }
  other: { port: $OTHER, address: 127.0.0.1, unknown_host: close, paths: reject, encoded_slash: reject }
routes:
  - { name: ws, host: example.com, path: /ws, respond: { body: ws } }
  - { name: ws-deep, host: example.com, path: /ws/deep, respond: { body: ws-deep } }
  - { name: below, host: example.com, path: /below/, respond: { body: below } }
  - { name: exact, host: example.com, path: { exact: /ws/exact }, respond: { body: exact } }
  - { name: regex, host: example.com, path: { regex: "/ws/[0-9]+" }, respond: { body: regex } }
  - { name: canary, host: example.com, path: /ws, when: { headers: { X-Env: canary } }, respond: { body: canary } }
  - { name: canary-two, host: example.com, path: /ws, when: { headers: { X-Env: canary }, query: { v: "2 3" } }, respond: { body: canary-two } }
  - { name: post, host: example.com, path: /when, when: { methods: [POST] }, respond: { body: post } }
  - { name: upgrade, host: example.com, path: /when, when: { upgrade: true }, respond: { body: upgrade } }
  - { name: absent, host: example.com, path: /when, when: { headers: { X-A: { present: false }, X-B: { regex: "a|b" } } }, respond: { body: absent } }
  - { name: only-other, host: example.com, path: /when, when: { listeners: [other] }, respond: { body: only-other } }
  - { name: few, host: example.com, path: /few, methods: [GET, HEAD], respond: { body: few } }
  - { name: wild, host: "*.example.com", respond: { body: wild } }
  - { name: wild-deep, host: "*.deep.example.com", path: /x, respond: { body: wild-deep } }
  - { name: re-host, host: { regex: "t[0-9]+\\.test" }, respond: { body: re-host } }
  - { name: any, path: /any, respond: { body: any } }
"#;

#[test]
fn the_computed_order_decides() {
    each(ROUTES, |run| {
        let body = |host: &str, path: &str, headers: &[(&str, &str)]| {
            let all: Vec<(&str, &str)> = [("Host", host)].iter().chain(headers).copied().collect();
            let got = run.get(path, &all);
            match got.status {
                200 => got.text(),
                other => other.to_string(),
            }
        };
        for (host, path, route) in [
            ("example.com", "/ws", "ws"),
            ("EXAMPLE.com:8080", "/ws/", "ws"),
            ("example.com.", "/ws/x", "ws"),
            ("example.com", "/wsx", "404"),
            ("example.com", "/ws/deep", "ws-deep"),
            ("example.com", "/ws/deep/er", "ws-deep"),
            ("example.com", "/ws/deeper", "ws"),
            ("example.com", "/below", "404"),
            ("example.com", "/below/x", "below"),
            ("example.com", "/ws/exact", "exact"),
            ("example.com", "/ws/exact/", "ws"),
            ("example.com", "/ws/12", "regex"),
            ("example.com", "/ws/12a", "ws"),
            ("example.com", "/%77s?x=1", "ws"),
            ("example.com", "//ws", "ws"),
            ("example.com", "/ws/../few", "few"),
            ("example.com", "/ws/%2e%2e/few", "few"),
            ("example.com", "/./ws/.", "ws"),
            ("example.com", "/ws%2fdeep", "404"),
            ("example.com", "/any", "any"),
            ("example.com", "/", "404"),
            ("a.example.com", "/", "wild"),
            ("a.b.example.com", "/", "wild"),
            ("a.deep.example.com", "/x", "wild-deep"),
            ("a.deep.example.com", "/y", "wild"),
            ("a.example.com", "/any", "wild"),
            ("t12.test", "/", "re-host"),
            ("xt12.test", "/", "404"),
            ("nobody.test", "/any/x", "any"),
        ] {
            assert_eq!(body(host, path, &[]), route, "{host}{path}");
        }
        let canary = ("X-Env", "canary");
        assert_eq!(body("example.com", "/ws", &[canary]), "canary");
        assert_eq!(body("example.com", "/ws", &[("X-Env", "Canary")]), "ws");
        assert_eq!(body("example.com", "/ws?v=2%203", &[canary]), "canary-two");
        assert_eq!(
            body("example.com", "/ws?w=1&v=2%203&x", &[canary]),
            "canary-two"
        );
        assert_eq!(body("example.com", "/ws?v=2", &[canary]), "canary");
        assert_eq!(body("example.com", "/when", &[]), "404");
        assert_eq!(body("example.com", "/when", &[("X-B", "b")]), "absent");
        assert_eq!(body("example.com", "/when", &[("X-B", "ab")]), "404");
        let empty = b"GET /when HTTP/1.1\r\nHost: example.com\r\nX-B: b\r\nX-A:\r\n\r\n";
        assert_eq!(run.client().raw(empty).expect("an answer").status, 404);
        let host = run.client().host("example.com");
        assert_eq!(host.send("POST", "/when", &[], b"").text(), "post");
        let refused = host.websocket("/when", &[]).err().expect("no tunnel");
        assert_eq!(refused.text(), "upgrade");
        let other = host.send("DELETE", "/few", &[], b"");
        assert_eq!(
            (other.status, other.header("allow")),
            (405, Some("GET, HEAD"))
        );
        let second = Client::new(run.ports()[1]).host("example.com");
        assert_eq!(second.get("/when", &[]).text(), "only-other");
        for path in ["/ws/../few", "/ws//x", "/ws/%2E", "/ws%2Fx"] {
            assert_eq!(second.get(path, &[]).status, 400, "{path}");
        }
        assert_eq!(second.get("/%77s", &[]).text(), "ws");
        let closed = second
            .clone()
            .host("nobody.test")
            .try_send("GET", "/", &[], b"");
        assert!(closed.is_err(), "{closed:?}");
        assert_eq!(second.get("/nowhere", &[]).status, 404);
    });
}

#[test]
fn upgrades_pass_only_where_a_route_says_so() {
    let server = Stub::start("a");
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1 } }
upstreams: { app: { servers: ["$SERVER"] } }
routes:
  - { name: ws, path: /ws, upstream: app, websocket: true }
  - { name: only, path: /only, upstream: app, websocket: { only: true } }
  - { name: known, path: /known, upstream: app, websocket: { origins: [https://example.com, same_host] } }
  - { name: must, path: /must, upstream: app, websocket: { origins: [https://example.com], require_origin: true } }
  - { name: plain, path: /plain, upstream: app }
"#
    .replace("$SERVER", &server.address());
    each(&spec, |run| {
        run.websocket("/ws/room", &[])
            .expect("upgraded")
            .echo("hello");
        assert_eq!(run.get("/ws", &[]).status, 200);
        let plain = run.websocket("/plain", &[]).err().expect("no tunnel");
        assert_eq!(plain.status, 200);
        let seen = plain.seen();
        assert_eq!(
            (seen.header("upgrade"), seen.header("connection")),
            (None, None)
        );
        let h2c = run.get(
            "/ws",
            &[
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("Upgrade", "h2c"),
                ("HTTP2-Settings", "AAMAAABk"),
            ],
        );
        assert_eq!(h2c.seen().header("upgrade"), None);
        // 2.8 takes `h2c` out by itself; then the upgrade is clean.
        match run.websocket("/ws", &[("Upgrade", "websocket, h2c")]) {
            Ok(mut tunnel) => tunnel.echo("x"),
            Err(page) => assert!(page.status == 400 || page.seen().header("upgrade").is_none()),
        }
        let only = run.get("/only", &[]);
        assert_eq!(
            (only.status, only.header("upgrade")),
            (426, Some("websocket"))
        );
        run.websocket("/only", &[]).expect("upgraded").echo("x");
        for origin in [
            "https://evil.example",
            "https://example.com.evil.example",
            "http://example.com",
            "null",
        ] {
            let refused = run
                .websocket("/known", &[("Origin", origin)])
                .err()
                .expect("no tunnel");
            assert_eq!(refused.status, 403, "{origin}");
        }
        let reached = server.requests_to("/known");
        assert!(
            !reached
                .iter()
                .any(|it| it.is_websocket()
                    && it.header("origin").is_some_and(|it| it.contains("evil"))),
            "a refused origin reaches no server"
        );
        for origin in ["https://example.com", "https://localhost"] {
            run.websocket("/known", &[("Origin", origin)])
                .expect(origin)
                .echo("x");
        }
        run.websocket("/known", &[]).expect("no browser").echo("x");
        assert_eq!(
            run.get("/known", &[("Origin", "https://evil.example")])
                .status,
            200
        );
        assert_eq!(
            run.websocket("/must", &[]).err().expect("no tunnel").status,
            403
        );
        run.websocket("/must", &[("Origin", "https://example.com")])
            .expect("known")
            .echo("x");
    });
    each(&spec, |run| {
        server.answer("/ws/refused", Answer::status(401).header("X-Why", "no"));
        let refused = run.websocket("/ws/refused", &[]).err().expect("no tunnel");
        assert_eq!((refused.status, refused.header("x-why")), (401, Some("no")));
    });
}

#[test]
fn each_timer_ends_its_own_silence() {
    let server = Stub::start("a");
    server.answer(
        "/slow",
        Answer::status(200).after(Duration::from_millis(2500)),
    );
    server.answer(
        "/stream/slow",
        Answer::status(200).after(Duration::from_millis(2500)),
    );
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1, timeouts: { head: 1s, keepalive: 1s } } }
upstreams: { app: { servers: ["$SERVER"] } }
routes:
  - { name: short, path: /short, upstream: app, websocket: { idle: 1s }, timeouts: { response: 1s } }
  - { name: long, path: /long, upstream: app, websocket: { idle: 1m }, timeouts: { response: 1s } }
  - { name: slow, path: /slow, upstream: app, timeouts: { response: 1s } }
  - { name: stream, path: /stream, upstream: app, stream: { idle: 20s } }
"#
    .replace("$SERVER", &server.address());
    each(&spec, |run| {
        let mut short = run.websocket("/short", &[]).expect("upgraded");
        let mut long = run.websocket("/long", &[]).expect("upgraded");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..4 {
                    std::thread::sleep(Duration::from_millis(500));
                    short
                        .send(tungstenite::Message::Ping(Vec::new().into()))
                        .expect("open");
                    assert_eq!(short.read(), Event::Pong);
                }
                let (end, after) = short.ends_within(Duration::from_secs(4)).expect("it ends");
                assert_eq!(end, Event::End);
                assert!(after > Duration::from_millis(800), "{after:?}");
                long.echo("still here");
            });
            scope.spawn(|| assert_eq!(run.get("/slow", &[]).status, 504));
            scope.spawn(|| assert_eq!(run.get("/stream/slow", &[]).status, 200));
            scope.spawn(|| {
                let mut half = run.client().connect().expect("it listens");
                half.write(b"GET / HTTP/1.1\r\nHost: ").expect("open");
                let late = half.response("GET").map(|it| it.status);
                assert!(matches!(late, Ok(408) | Err(_)), "{late:?}");
            });
            scope.spawn(|| {
                let mut kept = run.client().connect().expect("it listens");
                assert_eq!(
                    kept.send("GET", "/stream", &[], b"")
                        .expect("an answer")
                        .status,
                    200
                );
                assert!(kept.ends_within(Duration::from_secs(3)).expect("it ends"));
            });
        });
    });
}

#[test]
fn headers_arrive_as_written_and_cannot_be_spoofed() {
    let server = Stub::start("a");
    let spec = r#"
wsgen: 1
listeners:
  web: { port: $PORT, address: 127.0.0.1, public_port: 443 }
  trusting: { port: $OTHER, address: 127.0.0.1, trusted_proxies: [127.0.0.0/8, 10.0.0.0/8] }
upstreams: { app: { servers: ["$SERVER"] } }
routes:
  - name: headers
    path: /h
    upstream: app
    request_headers:
      remove: [X-Gone]
      set:
        X-Lit: "a 'b' \"c\" $d $${HOME} %e %[src] # ; {x} \\"
        X-Tpl: { template: "{scheme}|{host}|{port}|{path}|{query}|{uri}|{method}|{client_ip}" }
        X-Empty: ""
        X-Id: { from: request_id }
        X-Query: { from: { query: q } }
      add: { X-Many: two, X-Cookie: { from: { cookie: c } }, X-Agent: { from: { header: User-Agent } } }
      set_if_absent: { X-Default: ours }
    response_headers:
      remove: [X-Secret]
      set: { Server: none, X-Frame-Options: DENY, X-Path: { template: "{path}" }, X-Id: { from: request_id } }
      add: { X-Many: two }
      set_if_absent: { X-Default: ours, X-Absent: ours }
  - { name: bare, path: /bare, upstream: app, forwarded: off }
  - { name: named, path: /named, upstream: app, host_header: { set: inner.example } }
  - { name: own, path: /own, upstream: app, host_header: upstream }
  - { name: denied, path: /denied, upstream: app, methods: [PUT], response_headers: { set: { X-Frame-Options: DENY } } }
"#
    .replace("$SERVER", &server.address());
    server.answer(
        "/h/answer",
        Answer::status(200)
            .header("X-Secret", "1")
            .header("X-Many", "one")
            .header("X-Default", "theirs"),
    );
    each(&spec, |run| {
        let spoof = [
            ("Host", "Example.com:8080"),
            ("X-Forwarded-For", "6.6.6.6"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "evil"),
            ("X-Forwarded-Port", "1"),
            ("X-Real-IP", "6.6.6.6"),
            ("X_Real_IP", "6.6.6.6"),
            ("X-Gone", "1"),
            ("X-Many", "one"),
            ("X-Default", "theirs"),
            ("Cookie", "a=b; c=d"),
            ("User-Agent", "me"),
        ];
        let seen = run.get("/h/%41?q=a%0d%0aX-Evil:%201&r=2", &spoof).seen();
        for (name, value) in [
            ("host", "Example.com:8080"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "Example.com:8080"),
            ("x-forwarded-port", "443"),
            ("x-real-ip", "127.0.0.1"),
            ("x-lit", "a 'b' \"c\" $d ${HOME} %e %[src] # ; {x} \\"),
            (
                "x-tpl",
                "http|example.com|443|/h/%41|q=a%0d%0aX-Evil:%201&r=2|/h/%41?q=a%0d%0aX-Evil:%201&r=2|GET|127.0.0.1",
            ),
            ("x-empty", ""),
            ("x-query", "aX-Evil: 1"),
            ("x-cookie", "d"),
            ("x-agent", "me"),
            ("x-default", "theirs"),
        ] {
            assert_eq!(seen.header(name), Some(value), "{name}: {seen:?}");
        }
        assert_eq!(seen.headers.all("x-many"), ["one", "two"]);
        assert_eq!(seen.headers.all("x-forwarded-for").len(), 1);
        for gone in ["x-gone", "x_real_ip", "x-evil"] {
            assert_eq!(seen.header(gone), None, "{gone}");
        }
        let answer = run.get("/h/answer", &[]);
        let id = answer.header("x-id").expect("an id").to_owned();
        assert!(id.len() >= 16, "{id}");
        for (name, value) in [
            ("server", "none"),
            ("x-frame-options", "DENY"),
            ("x-path", "/h/answer"),
            ("x-default", "theirs"),
            ("x-absent", "ours"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
        assert_eq!(answer.header("x-secret"), None);
        assert_eq!(answer.headers.all("x-many"), ["one", "two"]);
        let bare = run.get("/bare", &spoof).seen();
        assert_eq!(
            (bare.header("x-forwarded-for"), bare.header("x-real-ip")),
            (None, None)
        );
        assert_eq!(
            run.get("/named", &spoof).seen().header("host"),
            Some("inner.example")
        );
        assert_eq!(
            run.get("/own", &spoof).seen().header("host"),
            Some(server.address().as_str())
        );
        let denied = run.get("/denied", &[]);
        assert_eq!(
            (denied.status, denied.header("x-frame-options")),
            (405, Some("DENY"))
        );
        let trusting = Client::new(run.ports()[1]);
        for (sent, client, chain) in [
            ("9.9.9.9", "9.9.9.9", vec!["9.9.9.9", "127.0.0.1"]),
            (
                "6.6.6.6, 9.9.9.9, 10.0.0.7",
                "9.9.9.9",
                vec!["6.6.6.6, 9.9.9.9, 10.0.0.7", "127.0.0.1"],
            ),
        ] {
            let seen = trusting.get("/h", &[("X-Forwarded-For", sent)]).seen();
            assert_eq!(seen.header("x-real-ip"), Some(client), "{sent}");
            assert_eq!(seen.headers.all("x-forwarded-for"), chain);
        }
        assert_eq!(
            trusting.get("/h", &[]).seen().header("x-real-ip"),
            Some("127.0.0.1")
        );
    });
}

#[test]
fn servers_are_chosen_as_the_upstream_says() {
    let (a, b, c) = (Stub::start("a"), Stub::start("b"), Stub::start("c"));
    let mut dead = Stub::start("dead");
    dead.stop();
    for stub in [&a, &b] {
        stub.answer("/fails", Answer::status(503));
    }
    let spec = format!(
        r#"
wsgen: 1
listeners: {{ web: {{ port: $PORT, address: 127.0.0.1 }} }}
upstreams:
  weighted: {{ servers: [{{ address: "{a}", weight: 3 }}, {{ address: "{b}", weight: 1 }}, {{ address: "{c}", backup: true }}] }}
  backup: {{ servers: [{{ address: "{dead}" }}, {{ address: "{b}", backup: true }}, {{ address: "{c}", backup: true }}], health: {{ tcp: {{}}, interval: 200ms, fall: 1, rise: 1 }} }}
  dead: {{ servers: ["{dead}"] }}
  half: {{ servers: ["{dead}", "{a}", "{b}"] }}
  least: {{ servers: ["{dead}", "{a}"], balance: least_connections }}
  hashed: {{ servers: ["{a}", "{b}", "{c}"], balance: {{ hash: {{ header: X-User }} }} }}
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
    );
    c.answer(
        "/app/login",
        Answer::status(200).header("Set-Cookie", "SID=s1; Path=/"),
    );
    a.answer(
        "/app/login",
        Answer::status(200).header("Set-Cookie", "SID=s1; Path=/"),
    );
    b.answer(
        "/app/login",
        Answer::status(200).header("Set-Cookie", "SID=s1; Path=/"),
    );
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
            !cookie.contains("secure") && !cookie.contains(&a.port().to_string()),
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
fn limits_refuse_what_is_too_much() {
    let server = Stub::start("a");
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1, limits: { head: 4KiB }, proxy_protocol: true } }
upstreams: { app: { servers: ["$SERVER"] } }
routes:
  - { name: body, path: /body, upstream: app, limits: { body: 1KiB } }
  - { name: rate, path: /rate, upstream: app, limits: { requests: { rate: 1/min, burst: 2, exempt: [192.0.2.0/24] } } }
  - { name: key, path: /key, upstream: app, limits: { requests: { rate: 1/min, burst: 1, per: { header: X-Key } } } }
  - { name: one, path: /one, upstream: app, limits: { requests: { rate: 1/h, bucket: b } } }
  - { name: two, path: /two, upstream: app, limits: { requests: { rate: 1/h, bucket: b } } }
  - { name: open, path: /open, upstream: app, websocket: true, limits: { connections: { per: client, max: 2 } } }
  - { name: closed, path: /closed, upstream: app, clients: { allow: [198.51.100.0/24], deny: [198.51.100.7] } }
"#
    .replace("$SERVER", &server.address());
    each(&spec, |run| {
        let me = run.client().from("198.51.100.1");
        assert_eq!(me.send("POST", "/body", &[], &[b'x'; 1024]).status, 200);
        assert_eq!(me.send("POST", "/body", &[], &[b'x'; 1025]).status, 413);
        let chunked = me.raw(b"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n").expect("an answer");
        assert_eq!(chunked.status, 411);
        let long = "x".repeat(5000);
        assert_eq!(me.get("/body", &[("X-Long", &long)]).status, 431);
        assert_eq!(me.get(&format!("/body?{long}"), &[]).status, 431);
        let statuses: Vec<u16> = (0..5).map(|_| me.get("/rate", &[]).status).collect();
        assert_eq!(statuses, [200, 200, 200, 429, 429]);
        let late = me.get("/rate", &[]);
        assert_eq!(late.header("retry-after"), Some("60"));
        assert_eq!(
            run.client().from("198.51.100.2").get("/rate", &[]).status,
            200
        );
        let free = run.client().from("192.0.2.9");
        assert!((0..6).all(|_| free.get("/rate", &[]).status == 200));
        let key = |value| me.get("/key", &[("X-Key", value)]).status;
        assert_eq!(
            [key("a"), key("a"), key("a"), key("b")],
            [200, 200, 429, 200]
        );
        assert!((0..4).all(|_| me.get("/key", &[]).status == 200));
        assert_eq!(
            [me.get("/one", &[]).status, me.get("/two", &[]).status],
            [200, 429]
        );
        let first = me.websocket("/open", &[]).expect("upgraded");
        let _second = me.websocket("/open", &[]).expect("upgraded");
        assert_eq!(
            me.websocket("/open", &[]).err().expect("no tunnel").status,
            503
        );
        run.client()
            .from("198.51.100.2")
            .websocket("/open", &[])
            .expect("another client");
        drop(first);
        let start = std::time::Instant::now();
        while me.websocket("/open", &[]).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(3),
                "a closed tunnel is counted no more"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(me.get("/closed", &[]).status, 200);
        for other in ["198.51.100.7", "203.0.113.1"] {
            assert_eq!(
                run.client().from(other).get("/closed", &[]).status,
                403,
                "{other}"
            );
        }
        assert!(
            run.client().try_send("GET", "/open", &[], b"").is_err(),
            "no PROXY line, no answer"
        );
    });
}

#[test]
fn answers_are_made_rewritten_and_replaced() {
    let server = Stub::start("a");
    server.answer(
        "/new/moved",
        Answer::status(302)
            .header("Location", "/new/there")
            .header("Set-Cookie", "a=b; Path=/new/x; HttpOnly"),
    );
    server.answer("/broken", Answer::status(502).body("theirs"));
    server.answer(
        "/json",
        Answer::status(200)
            .header("Content-Type", "application/json")
            .body("{\"a\": 1}".repeat(500)),
    );
    let mut dead = Stub::start("dead");
    dead.stop();
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1 } }
upstreams: { app: { servers: ["$SERVER"] }, dead: { servers: ["$DEAD"] } }
routes:
  - { name: strip, path: [/strip, /strip/deep], upstream: app, rewrite: { strip_prefix: true } }
  - { name: replace, path: /old, upstream: app, rewrite: { replace_prefix: /new, map_location: true } }
  - { name: whole, path: /whole, upstream: app, rewrite: { path: /one, query: { set: { k: "a b&c" }, remove: [gone, token] } } }
  - { name: regex, path: /r, upstream: app, rewrite: { regex: { match: "/r/([a-z]+)/(.*)", to: "/$2/100%25/$1" } } }
  - { name: text, path: /text, respond: { status: 201, body: "line 'one'\n\n\t\"two\" \\n $HOME $${HOME} %[src] %", content_type: text/weird } }
  - { name: empty, path: /empty, respond: { status: 204 } }
  - { name: go, path: /go, redirect: { to: "https://else.example/x?y=%20z" } }
  - { name: parts, path: /parts, redirect: { scheme: https, path: /p, status: 308 } }
  - { name: same, path: /same, redirect: { host: b.example, status: 307 } }
  - { name: pages, path: /pages, upstream: dead, error_pages: { 503: { respond: { body: "we are\nback soon" } } } }
  - { name: turned, path: /turned, upstream: dead, error_pages: { 500-599: { redirect: { to: "https://status.example/" } } } }
  - { name: mapped, path: /mapped, upstream: dead, error_pages: { 503: { respond: { status: 200, body: fine } } } }
  - { name: broken, path: /broken, upstream: app, error_pages: { 502: { respond: { body: ours } }, replace: server } }
  - { name: cors, path: /cors, upstream: app, cors: { origins: [https://a.example], methods: [GET, PUT], headers: [X-A], expose: [X-B], credentials: true, max_age: 10m }, methods: [GET] }
  - { name: open, path: /open, upstream: app, cors: { origins: any } }
  - { name: json, path: /json, upstream: app, compression: on }
"#
    .replace("$SERVER", &server.address())
    .replace("$DEAD", &dead.address());
    each(&spec, |run| {
        let target = |path: &str| run.get(path, &[]).seen().target;
        for (asked, seen) in [
            ("/strip", "/"),
            ("/strip/", "/"),
            ("/strip/x/y?q=1", "/x/y?q=1"),
            ("/strip/deep/z", "/z"),
            ("/strip/a%2Fb", "/a%2Fb"),
            ("/old", "/new"),
            ("/old/x?q", "/new/x?q"),
            ("/r/ab/c/d?q=1", "/c/d/100%25/ab?q=1"),
            ("/r/12", "/r/12"),
            ("/whole", "/one?k=a%20b%26c"),
            (
                "/whole?gone=1&x=2&k=9&t%6Fken=s&tokens=1",
                "/one?x=2&tokens=1&k=a%20b%26c",
            ),
            ("/whole?gone=1", "/one?k=a%20b%26c"),
        ] {
            assert_eq!(target(asked), seen, "{asked}");
        }
        let moved = run.get("/old/moved", &[]);
        assert_eq!(moved.header("location"), Some("/old/there"));
        assert_eq!(
            moved.header("set-cookie"),
            Some("a=b; Path=/old/x; HttpOnly")
        );
        let text = run.get("/text", &[]);
        assert_eq!(text.status, 201);
        assert_eq!(
            text.text(),
            "line 'one'\n\n\t\"two\" \\n $HOME ${HOME} %[src] %"
        );
        assert_eq!(text.header("content-type"), Some("text/weird"));
        assert_eq!(run.get("/empty", &[]).status, 204);
        let location = |path: &str| {
            let got = run.get(path, &[("Host", "a.example:8080")]);
            (
                got.status,
                got.header("location").unwrap_or_default().to_owned(),
            )
        };
        assert_eq!(
            location("/go"),
            (302, "https://else.example/x?y=%20z".to_owned())
        );
        assert_eq!(
            location("/parts/x?q=1"),
            (308, "https://a.example/p?q=1".to_owned())
        );
        assert_eq!(
            location("/same/x?q=1"),
            (307, "http://b.example/same/x?q=1".to_owned())
        );
        let page = run.get("/pages", &[]);
        assert_eq!(
            (page.status, page.text()),
            (503, "we are\nback soon".to_owned())
        );
        let turned = run.get("/turned", &[]);
        assert_eq!(
            (turned.status, turned.header("location")),
            (302, Some("https://status.example/"))
        );
        let mapped = run.get("/mapped", &[]);
        assert_eq!((mapped.status, mapped.text()), (200, "fine".to_owned()));
        let broken = run.get("/broken", &[]);
        assert_eq!((broken.status, broken.text()), (502, "ours".to_owned()));
        let ask = |origin: &str| {
            run.client().send(
                "OPTIONS",
                "/cors",
                &[("Origin", origin), ("Access-Control-Request-Method", "PUT")],
                b"",
            )
        };
        let yes = ask("https://a.example");
        assert_eq!(yes.status, 204);
        for (name, value) in [
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-allow-methods", "GET, PUT"),
            ("access-control-allow-headers", "X-A"),
            ("access-control-allow-credentials", "true"),
            ("access-control-max-age", "600"),
            ("vary", "Origin"),
        ] {
            assert_eq!(yes.headers.all(name), [value], "{name}");
        }
        let no = ask("https://evil.example");
        assert_eq!(
            (no.status, no.header("access-control-allow-origin")),
            (204, None)
        );
        let simple = run.get("/cors", &[("Origin", "https://a.example")]);
        assert_eq!(
            simple.header("access-control-allow-origin"),
            Some("https://a.example")
        );
        assert_eq!(simple.header("access-control-expose-headers"), Some("X-B"));
        assert_eq!(
            run.get("/cors", &[]).header("access-control-allow-origin"),
            None
        );
        assert_eq!(
            run.get("/open", &[("Origin", "https://x.example")])
                .header("access-control-allow-origin"),
            Some("*")
        );
        let packed = run.get("/json", &[("Accept-Encoding", "gzip")]);
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        assert_eq!(run.get("/json", &[]).header("content-encoding"), None);
    });
}

#[test]
fn a_log_line_is_json_and_holds_no_secret() {
    let server = Stub::start("a");
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1 }, more: { port: $OTHER, address: 127.0.0.1 } }
upstreams: { app: { servers: ["$SERVER"] } }
log: { format: json, redact: { query: [token] } }
metrics: { port: $METRICS }
routes:
  - { name: quiet, path: /quiet, upstream: app, log: off }
  - { name: site, path: /, upstream: app }
"#
    .replace("$SERVER", &server.address());
    each_with(&spec, &[], |mut run| {
        run.get("/quiet/xyz", &[]);
        run.get(
            "/a]\"b?x=1&t%6Fken=hush&y=2",
            &[
                ("User-Agent", "a\"]\\b"),
                ("Referer", "https://x/?token=hush#f"),
            ],
        );
        run.wait_log("y=2");
        let log = run.log();
        assert!(!log.contains("hush") && !log.contains("xyz"), "{log}");
        let line = log
            .lines()
            .find(|line| line.starts_with('{'))
            .expect("a line");
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        for (field, value) in [
            ("client_ip", "127.0.0.1"),
            ("method", "GET"),
            ("host", "localhost"),
            ("query", "x=1&t%6Fken=REDACTED&y=2"),
            ("route", "site"),
            ("upstream", "app"),
            ("user_agent", "a\"]\\b"),
            ("referer", "https://x/?token=REDACTED#f"),
            ("server", &server.address()),
        ] {
            assert_eq!(line[field], value, "{field}");
        }
        assert_eq!(line["status"], 200);
        assert!(line["duration"].as_f64().is_some_and(|it| it < 5.0));
        let metrics = Client::new(run.ports()[2]);
        let page = metrics.get("/metrics", &[]);
        assert!(
            page.text().contains("haproxy_backend_status"),
            "{}",
            page.status
        );
        assert_eq!(metrics.get("/", &[]).status, 404);
    });
}

#[test]
fn a_stop_ends_tunnels_when_the_drain_time_is_over() {
    let server = Stub::start("a");
    let spec = r#"
wsgen: 1
listeners: { web: { port: $PORT, address: 127.0.0.1 } }
upstreams: { app: { servers: ["$SERVER"] } }
runtime: { drain: { timeout: 1s, spread: 500ms } }
routes: [{ name: ws, path: /, upstream: app, websocket: true }]
"#
    .replace("$SERVER", &server.address());
    each_with(&spec, &[], |mut run| {
        let mut tunnel = run.websocket("/", &[]).expect("upgraded");
        run.stop_soft();
        std::thread::sleep(Duration::from_millis(300));
        tunnel.echo("still here");
        let (end, _) = tunnel.ends_within(Duration::from_secs(5)).expect("it ends");
        assert_eq!(end, Event::End);
        assert!(run.gone_within(Duration::from_secs(5)).is_some());
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
