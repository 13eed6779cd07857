//! Redirects, fixed answers, rewrites, error pages, CORS, compression.

use super::each;
use crate::live::must::*;
use crate::live::{Answer, Stub};

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
    let dead = Stub::start("dead");
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
    .replace("$SERVER", &server.address().to_string())
    .replace("$DEAD", &dead.address().to_string());
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
