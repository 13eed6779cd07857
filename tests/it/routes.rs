//! Which route takes a request, and what becomes of it: the sentences of the contract, one by one.

use wsgen::compile::{Compiled, Input, World, compile};
use wsgen::diag::{Marks, Report};
use wsgen::request::{Outcome, Request, Router, run_tests};

pub(crate) fn compiled(text: &str) -> Compiled {
    compile(vec![Input::new("spec.yaml", text)], World::EMPTY)
}

fn good(text: &str) -> Compiled {
    let compiled = compiled(text);
    assert!(
        compiled.gateway.is_some(),
        "{text}\n{:#?}",
        compiled.report.diags
    );
    compiled
}

/// What becomes of a request with headers: route, then status, location, upstreams or the path that the server sees.
fn outcome(compiled: &Compiled, request: &str, headers: &[(&str, &str)]) -> (String, Outcome) {
    let gateway = compiled.gateway.as_ref().expect("a gateway");
    let mut request = Request::parse(request).expect("a request");
    for (name, value) in headers {
        if *name == "client" {
            request.client = Some(value.parse().expect("an address"));
        } else {
            request.add_header(name, value);
        }
    }
    let outcome = Router::new(gateway).outcome(&request).expect("a listener");
    let route = outcome
        .entry
        .map_or("none", |entry| gateway.route(entry.route).name.as_str());
    (route.to_owned(), outcome)
}

#[track_caller]
fn takes(compiled: &Compiled, cases: &[(&str, &str)]) {
    for (request, route) in cases {
        let (taken, outcome) = outcome(compiled, request, &[]);
        assert_eq!(taken, *route, "{request}: {outcome:#?}");
    }
}

#[test]
fn a_prefix_is_segment_wise() {
    let spec = good(
        "wsgen: 1\nupstreams: { a: {servers: [a:1]} }\nroutes:\n\
         - { name: ws, path: /ws, upstream: a }\n\
         - { name: below, path: /api/, upstream: a }\n\
         - { name: exact, path: {exact: /ws/one}, upstream: a }\n\
         - { name: regex, path: {regex: '/ws/[0-9]+'}, upstream: a }\n\
         - { name: longer, path: /ws/12, upstream: a }\n",
    );
    takes(
        &spec,
        &[
            ("GET http://x/ws", "ws"),
            ("GET http://x/ws/", "ws"),
            ("GET http://x/ws/x", "ws"),
            ("GET http://x/wsx", "none"),
            ("GET http://x/api", "none"),
            ("GET http://x/api/", "below"),
            ("GET http://x/api/x?y", "below"),
            ("GET http://x/ws/one", "exact"),
            ("GET http://x/ws/12", "regex"),
            ("GET http://x/ws/12/x", "longer"),
            ("GET http://x/ws/../admin", "none"),
            ("GET http://x/ws/%2e%2e/api/x", "below"),
            ("GET http://x//%77s//x", "ws"),
            ("GET http://x/ws%2Fx", "none"),
            ("GET http://x", "none"),
        ],
    );
    assert_eq!(outcome(&spec, "GET http://x/%zz", &[]).1.status, Some(400));
    assert_eq!(outcome(&spec, "GET http://x/none", &[]).1.status, Some(404));
}

#[test]
fn hosts_go_from_exact_to_any_and_fall_through() {
    let spec = good(
        "wsgen: 1\nupstreams: { a: {servers: [a:1]} }\nroutes:\n\
         - { name: any, path: /deep/er, upstream: a }\n\
         - { name: regex, host: {regex: '[a-z]+[0-9]\\.example\\.com'}, path: /deep, upstream: a }\n\
         - { name: zone, host: '*.example.com', path: /deep, upstream: a }\n\
         - { name: inner, host: '*.b.example.com', path: /deep, upstream: a }\n\
         - { name: exact, host: [a.example.com, example.com], path: /here, upstream: a }\n\
         - { name: every, host: every, path: /deny, respond: {status: 403} }\n\
         - { name: own, host: a.example.com, path: /deny/not, upstream: a }\n",
    );
    takes(
        &spec,
        &[
            ("GET http://a.example.com/here", "exact"),
            ("GET http://A.Example.COM.:80/here", "exact"),
            // The host with the fewest words wins, not the longest path.
            ("GET http://a.example.com/deep/er", "zone"),
            ("GET http://x.b.example.com/deep", "inner"),
            ("GET http://b.example.com/deep", "zone"),
            ("GET http://x.y.example.com/deep", "zone"),
            ("GET http://example.com/deep", "none"),
            ("GET http://example.com/deep/er", "any"),
            ("GET http://a1.example.com/deep", "zone"),
            ("GET http://a.example.com/deny/x", "every"),
            ("GET http://a.example.com/deny/not/x", "own"),
            ("GET http://elsewhere/deny", "every"),
        ],
    );
}

#[test]
fn conditions_go_before_fewer_and_say_what_missed() {
    let spec = good(
        "wsgen: 1\nupstreams: { a: {servers: [a:1]}, b: {servers: [b:1]} }\nroutes:\n\
         - { name: plain, path: /, upstream: a }\n\
         - { name: socket, path: /, when: {upgrade: on}, upstream: b, websocket: on }\n\
         - { name: canary, path: /, when: {headers: {X-Env: canary}, query: {v: {regex: '[0-9]'}}}, upstream: b }\n\
         - { name: tool, path: /, when: {methods: [delete], clients: [10.0.0.0/8], headers: {X-A: {present: off}}}, upstream: b }\n",
    );
    let by = |request: &str, headers: &[(&str, &str)]| outcome(&spec, request, headers).0;
    assert_eq!(by("GET http://x/", &[]), "plain");
    assert_eq!(by("WS ws://x/", &[]), "socket");
    assert_eq!(by("GET http://x/", &[("Upgrade", "h2c")]), "plain");
    assert_eq!(by("GET http://x/?v=2", &[("x-env", "canary")]), "canary");
    assert_eq!(by("GET http://x/?v=%32", &[("x-env", "canary")]), "canary");
    assert_eq!(by("GET http://x/?v=22", &[("x-env", "canary")]), "plain");
    assert_eq!(by("GET http://x/?v=2", &[("x-env", "Canary")]), "plain");
    assert_eq!(by("DELETE http://x/", &[("client", "10.1.1.1")]), "tool");
    assert_eq!(
        by("DELETE http://x/", &[("client", "::ffff:10.1.1.1")]),
        "tool"
    );
    assert_eq!(by("DELETE http://x/", &[]), "plain");
    assert_eq!(
        by("DELETE http://x/", &[("client", "10.1.1.1"), ("X-A", "")]),
        "plain"
    );
    let gateway = spec.gateway.as_ref().expect("a gateway");
    let (_, taken) = outcome(&spec, "GET http://x/", &[]);
    let why: Vec<String> = taken.why.iter().map(|step| step.says(gateway)).collect();
    assert_eq!(
        why,
        [
            "it takes only DELETE",
            "it takes only header `x-env: canary`",
            "it takes only upgrade requests"
        ]
    );
}

#[test]
fn listeners_redirect_refuse_and_choose() {
    let spec = good(
        "wsgen: 1\ncertificates: { site: {hosts: [x], cert: c, key: k} }\nlisteners:\n\
        \x20 plain: { port: 80, redirect: secure }\n\
        \x20 secure: { port: 8443, public_port: 443, paths: reject, encoded_slash: reject, tls: {certificates: [site]} }\n\
        \x20 odd: { port: 8444, unknown_host: close, paths: raw, tls: {certificates: [site]} }\n\
         upstreams: { a: {servers: [a:1]} }\nroutes:\n\
         - { name: acme, host: x, path: /.well-known/acme-challenge/, when: {listeners: [plain]}, upstream: a }\n\
         - { name: site, host: x, path: /site, upstream: a }\n",
    );
    let at = |request: &str| outcome(&spec, request, &[]).1;
    let moved = at("GET http://X/a/../b?c=d");
    assert_eq!(
        (moved.status, moved.location.as_deref()),
        (Some(301), Some("https://x/a/../b?c=d"))
    );
    assert_eq!(
        at("GET http://x/.well-known/acme-challenge/t")
            .upstreams
            .len(),
        1
    );
    assert_eq!(
        at("GET https://x/.well-known/acme-challenge/t").status,
        Some(404)
    );
    assert_eq!(at("GET https://x:8443/site").upstreams.len(), 1);
    for bad in ["/a/../site", "/a/%2e/b", "/a//b", "/a%2fb"] {
        assert_eq!(
            at(&format!("GET https://x{bad}")).status,
            Some(400),
            "{bad}"
        );
    }
    assert!(at("GET https://other:8444/").closed);
    assert_eq!(
        at("GET https://x:8444/site/..//y").path.as_deref(),
        Some("/site/..//y")
    );
    let gateway = spec.gateway.as_ref().expect("a gateway");
    let request = Request::parse("GET http://x:81/").expect("a request");
    let why = Router::new(gateway)
        .outcome(&request)
        .expect_err("no listener");
    assert!(
        why.starts_with("no listener takes http on port 81"),
        "{why}"
    );
}

#[test]
fn guards_answer_before_any_server() {
    let spec = good(
        "wsgen: 1\nupstreams: { a: {servers: [a:1]}, sso: {servers: [s:1]} }\nauth:\n\
        \x20 members: { jwt: { keys: {hs256: {env: S}}, token: [bearer, {query: token}, {cookie: session}, subprotocol], strip: on } }\n\
        \x20 staff: { basic: {file: f} }\n\
        \x20 sso: { forward: {upstream: sso} }\n\
         routes:\n\
         - { name: ws, path: /ws, upstream: a, auth: members, websocket: {only: on, origins: [same_host, 'https://ok.example'], require_origin: on} }\n\
         - { name: rest, path: /rest, upstream: a, methods: [GET], clients: {allow: [10.0.0.0/8], deny: [10.0.0.1]}, cors: {origins: any} }\n\
         - { name: staff, path: /staff, upstream: a, auth: staff, error_pages: {401: {redirect: {to: /login}}} }\n\
         - { name: sso, path: /sso, upstream: a, auth: sso }\n",
    );
    let status =
        |request: &str, headers: &[(&str, &str)]| outcome(&spec, request, headers).1.status;
    let origin = ("Origin", "http://x");
    assert_eq!(status("GET http://x/ws", &[]), Some(426));
    assert_eq!(status("WS ws://x/ws", &[]), Some(403));
    assert_eq!(
        status("WS ws://x/ws", &[("Origin", "http://evil")]),
        Some(403)
    );
    assert_eq!(status("WS ws://x/ws", &[origin]), Some(401));
    for token in [
        ("Authorization", "Bearer t"),
        ("Cookie", "a=b; session=t"),
        ("Sec-WebSocket-Protocol", "bearer, t"),
    ] {
        let (_, taken) = outcome(&spec, "WS ws://x/ws", &[origin, token]);
        assert_eq!((taken.status, taken.tunnel), (None, true), "{token:?}");
        assert_eq!(
            taken.because,
            ["passes if the token is good (auth members)"]
        );
    }
    let (_, taken) = outcome(
        &spec,
        "WS ws://x/ws?token=t&a=b",
        &[("Origin", "https://OK.example")],
    );
    assert_eq!(taken.path.as_deref(), Some("/ws?a=b"));
    assert_eq!(status("GET http://x/rest", &[]), Some(403));
    assert_eq!(
        status("GET http://x/rest", &[("client", "10.0.0.1")]),
        Some(403)
    );
    assert_eq!(status("GET http://x/rest", &[("client", "10.0.0.2")]), None);
    assert_eq!(
        status("PUT http://x/rest", &[("client", "10.0.0.2")]),
        Some(405)
    );
    let preflight = [
        ("client", "10.0.0.2"),
        origin,
        ("Access-Control-Request-Method", "PUT"),
    ];
    assert_eq!(status("OPTIONS http://x/rest", &preflight), Some(204));
    let (_, login) = outcome(&spec, "GET http://x/staff", &[]);
    assert_eq!(
        (login.status, login.location.as_deref()),
        (Some(302), Some("/login"))
    );
    assert_eq!(
        status("GET http://x/staff", &[("Authorization", "Basic eA==")]),
        None
    );
    assert_eq!(status("GET http://x/sso", &[]), None);
    // Without `websocket`, an upgrade is answered as if it had not asked.
    let (_, plain) = outcome(&spec, "WS ws://x/sso", &[]);
    assert_eq!((plain.tunnel, plain.upstreams.len()), (false, 1));
}

#[test]
fn rewrites_and_redirects_are_computed() {
    let spec = good(
        "wsgen: 1\nlisteners: { plain: {port: 8080} }\nupstreams: { a: {servers: [a:1]}, b: {servers: [b:1]} }\nroutes:\n\
         - { name: strip, path: /strip, split: {a: 9, b: 1}, rewrite: {strip_prefix: on} }\n\
         - { name: slash, path: /slash/, upstream: a, rewrite: {strip_prefix: on} }\n\
         - { name: replace, path: /old, upstream: a, rewrite: {replace_prefix: /new} }\n\
         - { name: whole, path: /whole, upstream: a, rewrite: {path: /x, query: {set: {v: '2'}, remove: [debug]}} }\n\
         - { name: regex, path: {regex: '/r/([^/]+)/(.*)'}, upstream: a, rewrite: {regex: {to: '/$2/$1'}} }\n\
         - { name: to, path: /to, redirect: {to: 'https://e.example/x'} }\n\
         - { name: parts, path: /parts, redirect: {scheme: https, status: 308} }\n\
         - { name: host, path: /host, redirect: {host: e.example} }\n\
         - { name: own, path: /own, redirect: {path: /there} }\n\
         - { name: fixed, path: /fixed, respond: {status: 410} }\n",
    );
    let sees = |path: &str| {
        outcome(&spec, &format!("GET http://x:8080{path}"), &[])
            .1
            .path
    };
    for (path, seen) in [
        ("/strip", "/"),
        ("/strip/", "/"),
        ("/strip/a?b", "/a?b"),
        ("/slash/", "/"),
        ("/slash/a", "/a"),
        ("/old", "/new"),
        ("/old/x/", "/new/x/"),
        ("/whole/y?debug=1&v=1&w=3", "/x?w=3&v=2"),
        ("/r/a/b/c", "/b/c/a"),
    ] {
        assert_eq!(sees(path).as_deref(), Some(seen), "{path}");
    }
    for (path, status, location) in [
        ("/to/y?z", 302, "https://e.example/x"),
        ("/parts/y?z", 308, "https://x/parts/y?z"),
        ("/host/y", 302, "http://e.example/host/y"),
        ("/own/y?z", 302, "http://x:8080/there?z"),
    ] {
        let (_, taken) = outcome(&spec, &format!("GET http://x:8080{path}"), &[]);
        assert_eq!(
            (taken.status, taken.location.as_deref()),
            (Some(status), Some(location)),
            "{path}"
        );
    }
    assert_eq!(
        outcome(&spec, "GET http://x:8080/fixed", &[]).1.status,
        Some(410)
    );
    assert_eq!(
        outcome(&spec, "GET http://x:8080/strip", &[])
            .1
            .upstreams
            .len(),
        2
    );
}

#[test]
fn tests_of_a_spec_fail_where_they_are_wrong() {
    let spec = good(
        "wsgen: 1\nupstreams: { a: {servers: [a:1]} }\nroutes:\n\
         - { name: ws, path: /ws, upstream: a, websocket: {origins: same_host} }\n\
         - { name: site, path: /, upstream: a }\n\
         tests:\n\
         - { request: 'GET http://x/wsx', expect: {route: site, upstream: a, path: /wsx} }\n\
         - { request: 'WS ws://x/ws', headers: {Origin: 'https://evil'}, expect: {status: 403} }\n\
         - { request: 'GET http://x/wsx', expect: {route: ws} }\n\
         - { request: 'GET http://x/ws', expect: {status: 404, location: /y} }\n\
         - { request: 'GET https://x/ws', expect: {route: ws} }\n",
    );
    let mut report = Report::new();
    let gateway = spec.gateway.as_ref().expect("a gateway");
    assert_eq!(run_tests(gateway, &mut report), 2);
    let marks = Marks::new(Some(&spec.tree), &spec.sources);
    let found: Vec<(u32, &str)> = report
        .diags
        .iter()
        .map(|diag| {
            let span = marks.main(diag);
            (
                spec.sources.line_col(span.file, span.start).0,
                diag.title.as_str(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (9, "route site takes it"),
            (10, "the request is passed on, and the server answers"),
            (10, "there is no redirect"),
            (11, "this request reaches nothing"),
        ]
    );
    assert!(
        report.diags[0]
            .notes
            .contains(&"route ws does not take it: its path is `/ws` and below".to_owned()),
        "{:?}",
        report.diags[0]
    );
}

#[test]
fn ten_thousand_routes_are_microseconds() {
    let mut text = "wsgen: 1\nupstreams: { a: {servers: [a:1]} }\nroutes:\n".to_owned();
    for number in 0..10_000 {
        let host = number / 10;
        text.push_str(&format!(
            "- {{ name: r{number}, host: h{host}.example.com, path: /p{number}, upstream: a }}\n"
        ));
    }
    let spec = good(&text);
    let router = Router::new(spec.gateway.as_ref().expect("a gateway"));
    let request = Request::parse("GET http://h777.example.com/p7775").expect("a request");
    let start = std::time::Instant::now();
    for _ in 0..1000 {
        assert!(
            router
                .outcome(&request)
                .expect("a listener")
                .entry
                .is_some()
        );
    }
    // A debug build on a busy machine: a walk over all routes would take a thousand times as long.
    assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
}
