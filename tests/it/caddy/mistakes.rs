//! The mistakes that hand-written configurations make: ours makes none of them.

use std::time::Duration;

use super::{conf, live};
use crate::live::Stub;
use crate::live::must::*;

fn spec(server: &Stub, routes: &str) -> String {
    format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: $PORT, address: 127.0.0.1, trusted_proxies: [127.0.0.1] }} }}\nupstreams: {{ app: {{ servers: [\"{}\"] }} }}\nroutes:\n{routes}",
        server.address()
    )
}

#[test]
fn paths_are_segments_with_their_case_in_one_form() {
    let server = Stub::start("a");
    let routes = "  - { name: ws, path: /ws, upstream: app }\n  - { name: admin, path: /admin, respond: { status: 403 } }\n";
    live(&spec(&server, routes), |run| {
        for (path, status, seen) in [
            ("/ws", 200, "/ws"),
            ("/ws/", 200, "/ws/"),
            ("/ws/x", 200, "/ws/x"),
            // No final 404 would be 200; `/ws*` takes `/wsx`; Caddy's own matcher knows no case.
            ("/", 404, ""),
            ("/wsx", 404, ""),
            ("/WS", 404, ""),
            ("/ws/../admin", 403, ""),
            ("/ws/%2e%2e/admin", 403, ""),
            ("/x/..//ws//y/./z", 200, "/ws/y/z"),
            ("/%77%73/%41%2f%3b", 200, "/ws/A%2F%3B"),
            ("/ws%2fx", 404, ""),
            ("/a/b/c/../../../ws", 200, "/ws"),
            ("/../../ws?x=/../y&&", 200, "/ws?x=/../y&&"),
            // More of them than are resolved: refused, not passed on.
            (
                "/a/b/c/d/e/f/g/h/i/j/k/l/../../../../../../../../../../../../ws",
                400,
                "",
            ),
        ] {
            let got = run.get(path, &[]);
            assert_eq!(got.status, status, "{path}");
            if status == 200 {
                assert_eq!(got.seen().target, seen, "{path}");
            }
        }
    });
}

#[test]
fn nobody_forges_an_address() {
    let server = Stub::start("a");
    let routes = "  - { name: a, path: /a, upstream: app }\n  - { name: off, path: /off, upstream: app, forwarded: off }\n  - { name: own, path: /own, upstream: app, request_headers: { add: { X-Forwarded-Prefix: /own } } }\n";
    let own = spec(&server, routes);
    live(&own, |run| {
        let forged = [
            ("X-Forwarded-For", "1.2.3.4, 198.51.100.7"),
            ("X-Real-IP", "1.2.3.4"),
            ("X-Forwarded-Port", "1"),
            ("X-Forwarded-Proto", "gopher"),
            ("Forwarded", "for=1.2.3.4"),
            ("X-Forwarded-Prefix", "/admin"),
        ];
        let seen = run.get("/a", &forged).seen();
        assert_eq!(seen.header("forwarded"), None);
        assert_eq!(seen.header("x-forwarded-prefix"), None);
        // The last address that a trusted proxy saw, not the first that a client wrote.
        assert_eq!(seen.headers.all("x-real-ip"), ["198.51.100.7"]);
        assert_eq!(seen.headers.all("x-forwarded-proto"), ["http"]);
        assert_ne!(seen.header("x-forwarded-port"), Some("1"));
        let own = run.get("/own", &forged).seen();
        assert_eq!(own.headers.all("x-forwarded-prefix"), ["/own"]);
        let none = run.get("/off", &forged).seen();
        for (name, _) in forged {
            assert_eq!(none.header(name), None, "{name}");
        }
    });
    live(&own.replace(", trusted_proxies: [127.0.0.1]", ""), |run| {
        let seen = run.get("/a", &[("X-Forwarded-For", "1.2.3.4")]).seen();
        assert_eq!(seen.headers.all("x-forwarded-for"), ["127.0.0.1"]);
    });
}

#[test]
fn placeholders_of_clients_and_of_specs_stay_text() {
    let server = Stub::start("a");
    let routes = "  - { name: a, path: /a, upstream: app, request_headers: { set: { X-A: { from: { header: X-B } }, X-C: \"{env.PATH}\" } }, rewrite: { query: { set: { c: d }, remove: [e] } } }\n";
    live(&spec(&server, routes), |run| {
        let seen = run
            .get("/a?b={env.HOME}&e=1", &[("X-B", "{env.HOME}")])
            .seen();
        assert_eq!(seen.header("x-a"), Some("{env.HOME}"));
        assert_eq!(seen.header("x-c"), Some("{env.PATH}"));
        assert_eq!(seen.target, "/a?b={env.HOME}&c=d");
    });
}

#[test]
fn a_parameter_goes_from_the_query_and_from_nowhere_else() {
    let server = Stub::start("a");
    let routes = "  - { name: a, path: /a, upstream: app, rewrite: { query: { remove: [k] } } }\n";
    live(&spec(&server, routes), |run| {
        for (asked, seen) in [
            ("/a?k=1", "/a"),
            ("/a?x=1&k=2&y=3", "/a?x=1&y=3"),
            ("/a?k=abc&monkey=abc&k=abcdef&k", "/a?monkey=abc"),
            ("/a?%6b=1&z", "/a?z"),
            ("/a?kk=1", "/a?kk=1"),
        ] {
            assert_eq!(run.get(asked, &[]).seen().target, seen, "{asked}");
        }
        // The same text in the path would be cut there: such a request is refused.
        assert_eq!(run.get("/a/&k=1/b?x&k=1", &[]).status, 400);
    });
}

#[test]
fn sockets_live_on_at_a_reload_and_nothing_buffers_them() {
    let server = Stub::start("a");
    let routes = "  - { name: ws, path: /ws, upstream: app, websocket: on }\n";
    let text = conf(&spec(&server, routes).replace("$PORT", "8080"));
    for word in [
        "stream_close_delay",
        "grace_period",
        "trusted_proxies_strict",
    ] {
        assert!(text.contains(word), "{word}");
    }
    for word in [
        "request_buffers",
        "response_buffers",
        "max_conns_per_host",
        "stream_timeout",
    ] {
        assert!(!text.contains(word), "{word}");
    }
    live(&spec(&server, routes), |mut run| {
        let mut tunnel = run.websocket("/ws", &[]).expect("upgraded");
        tunnel.echo("before");
        let served = run.ports()[0];
        let own = spec(&server, routes).replace("$PORT", &served.to_string());
        run.reload(&conf(&own)).expect("it is reloaded");
        tunnel.echo("after");
        // A second upgrade token does not slip past the first.
        let two = [("Upgrade", "h2c"), ("Upgrade", "websocket")];
        if let Err(page) = run.websocket("/ws", &two) {
            assert!(page.status >= 400 || page.seen().header("upgrade").is_none());
        }
        let plain = run.get("/ws", &[]);
        assert_eq!(plain.status, 200);
        assert_eq!(plain.header("server"), None, "what no server said");
    });
}

#[test]
fn a_dead_server_costs_no_request() {
    let (good, dead) = (Stub::start("a"), Stub::start("b"));
    let spec = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: $PORT, address: 127.0.0.1 }} }}\nupstreams: {{ app: {{ servers: [\"{}\", \"{}\"], balance: least_connections }} }}\nroutes: [{{ name: a, upstream: app }}]\n",
        dead.address(),
        good.address()
    );
    drop(dead);
    live(&spec, |run| {
        for _ in 0..20 {
            assert_eq!(run.get("/", &[]).status, 200);
            std::thread::sleep(Duration::from_millis(3));
        }
    });
}

#[test]
fn an_empty_list_of_failures_is_not_every_failure() {
    let text = conf(
        "wsgen: 1\nlisteners: { web: { port: 8080 } }\nupstreams: { app: { servers: [\"10.0.0.1:80\", \"10.0.0.2:80\"], retries: { attempts: 1, after: [connect] } } }\nroutes: [{ name: a, upstream: app }]\n",
    );
    let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let mut found = 0;
    let mut rest = vec![&json];
    while let Some(it) = rest.pop() {
        if let Some(list) = it.get("retry_match").and_then(|it| it.as_array()) {
            assert!(!list.is_empty(), "Caddy would repeat every GET");
            found += 1;
        }
        match it {
            serde_json::Value::Object(map) => rest.extend(map.values()),
            serde_json::Value::Array(list) => rest.extend(list),
            _ => {}
        }
    }
    assert!(found > 0);
}

/// What one client's bad request does to a server is no other's loss: no server is left out for it.
#[test]
fn a_failure_takes_no_server_from_others() {
    let head = "wsgen: 1\nlisteners: { web: { port: 8080 } }\nupstreams: { app: { servers: [\"10.0.0.1:80\", \"10.0.0.2:80\"]";
    let tail = " } }\nroutes: [{ name: a, upstream: app }]\n";
    for more in ["", ", balance: least_connections"] {
        assert!(!conf(&format!("{head}{more}{tail}")).contains("fail_duration"));
    }
    let asked = ", passive: { errors: 3, within: 10s, eject: 10s }";
    assert!(conf(&format!("{head}{asked}{tail}")).contains("fail_duration"));
}

#[test]
fn others_take_what_a_dead_server_refuses() {
    for choice in [
        "balance: least_connections",
        "balance: { hash: { header: X-User } }",
        "balance: random",
        "stickiness: { cookie: { name: node } }",
    ] {
        let servers: Vec<Stub> = ["a", "b", "c"].map(Stub::start).into();
        let list: Vec<String> = servers
            .iter()
            .map(|it| format!("\"{}\"", it.address()))
            .collect();
        let spec = format!(
            "wsgen: 1\nlisteners: {{ web: {{ port: $PORT, address: 127.0.0.1 }} }}\nupstreams: {{ app: {{ servers: [{}], {choice} }} }}\nroutes: [{{ name: a, upstream: app }}]\n",
            list.join(", ")
        );
        let mut servers = servers;
        servers.truncate(1);
        live(&spec, |run| {
            let one = |user: usize| run.get("/", &[("X-User", &user.to_string())]).status;
            std::thread::scope(|scope| {
                let all: Vec<_> = (0..8)
                    .map(|client| {
                        scope.spawn(move || {
                            (0..25).map(|n| one(client * 25 + n)).collect::<Vec<_>>()
                        })
                    })
                    .collect();
                for client in all {
                    let seen = client.join().expect("it ends");
                    assert!(seen.iter().all(|it| *it == 200), "{choice}: {seen:?}");
                }
            });
        });
    }
}

/// An answer names one server, however many were tried, and a client that follows it stays there.
#[test]
fn a_client_gets_one_cookie_where_servers_refuse() {
    let servers: Vec<Stub> = ["a", "b", "c", "d"].map(Stub::start).into();
    let list: Vec<String> = servers
        .iter()
        .map(|it| format!("\"{}\"", it.address()))
        .collect();
    let spec = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: $PORT, address: 127.0.0.1 }} }}\nupstreams: {{ app: {{ servers: [{}], stickiness: {{ cookie: {{ name: node, ttl: 1h }} }} }} }}\nroutes: [{{ name: a, upstream: app, websocket: true }}]\n",
        list.join(", ")
    );
    let mut servers = servers;
    servers.truncate(2);
    live(&spec, |run| {
        for _ in 0..12 {
            let first = run.get("/", &[("X-Reply", "Set-Cookie: own=1")]);
            let lines = first.headers.all("set-cookie");
            let ours: Vec<&str> = lines
                .iter()
                .copied()
                .filter(|it| it.starts_with("node="))
                .collect();
            let [line] = ours.as_slice() else {
                panic!("{lines:?}");
            };
            assert!(lines.contains(&"own=1"), "{lines:?}");
            let (pair, attributes) = line.split_once(';').expect("attributes");
            assert_eq!(attributes, " Path=/; Max-Age=3600; HttpOnly; SameSite=Lax");
            let again = run.get("/", &[("Cookie", pair)]);
            assert_eq!(again.server(), first.server());
            assert_eq!(again.header("set-cookie"), None);
            let socket = run.websocket("/", &[("Cookie", pair)]).expect("a tunnel");
            assert_eq!(socket.server(), first.server());
        }
    });
}

#[test]
fn an_address_stands_behind_nothing_that_is_none() {
    let server = Stub::start("a");
    let routes = "  - { name: a, path: /a, upstream: app }\n  - { name: no, path: /no, upstream: app, clients: { deny: [7.7.0.0/16] } }\n  - { name: only, path: /only, upstream: app, clients: { allow: [7.7.0.0/16] } }\n";
    live(&spec(&server, routes), |run| {
        for (list, status) in [
            ("7.7.7.7", 200),
            ("7.7.7.7:81, 127.0.0.1", 200),
            ("[2001:db8::1]:443", 200),
            ("2001:db8:0:0:1:2:3:4, ::1, ::,1::,::ffff:7.7.7.7", 200),
            ("", 200),
            ("7.7.7.7, garbage", 400),
            ("7.7.7.7, [::1]", 400),
            ("7.7.7.7, 7.7.7.256", 400),
            ("7.7.7.7, 07.7.7.7", 400),
            ("7.7.7.7, 1:::2", 400),
            ("7.7.7.7, 1:2:3", 400),
            ("7.7.7.7,", 400),
            ("unknown", 400),
            // The client stands behind what is no address.
            ("unknown, 7.7.7.7", 200),
            ("6.6.6.6, unknown, 7.7.7.7, 127.0.0.1", 200),
            ("7.7.7.7, unknown, 127.0.0.1", 400),
            ("7.7.7.7, x7.7.7.7", 400),
        ] {
            let got = run.get("/a", &[("X-Forwarded-For", list)]);
            assert_eq!(got.status, status, "{list}");
        }
        for address in ["7.7.7.7", "::ffff:7.7.7.7", "::ffff:707:707"] {
            let from = [("X-Forwarded-For", address)];
            assert_eq!(run.get("/no", &from).status, 403, "{address}");
            assert_eq!(run.get("/only", &from).status, 200, "{address}");
        }
        assert_eq!(
            run.get("/only", &[("X-Forwarded-For", "::ffff:7.8.7.7")])
                .status,
            403
        );
    });
}
