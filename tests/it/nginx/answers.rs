//! Redirects, fixed answers, rewrites, error pages, and the statuses of the contract.

use super::{Gate, each, plain};
use crate::live::must::*;
use crate::live::{Answer, Stub};

const REWRITES: &str = r#"
upstreams: { a: { servers: ["@a"] } }
routes:
  - { name: strip, path: [/s, /t/u], upstream: a, rewrite: { strip_prefix: true } }
  - { name: replace, path: /old, upstream: a, rewrite: { replace_prefix: /new/er } }
  - { name: fixed, path: /fixed, upstream: a, rewrite: { path: "/to%20$x" } }
  - { name: regex, path: /r, upstream: a, rewrite: { regex: { match: "/r/([a-z]+)/(.*)", to: "/x/$2/$1" } } }
  - { name: query, path: /q, upstream: a, rewrite: { query: { set: { a: "1 2", n: "$v" }, remove: [token, z] } } }
  - { name: both, path: /b, upstream: a, rewrite: { strip_prefix: true, query: { remove: [token] } } }
  - { name: mapped, path: /m, upstream: a, rewrite: { strip_prefix: true, map_location: true } }
  - { name: ws, path: /w, upstream: a, rewrite: { strip_prefix: true }, websocket: true }
  - { name: site, path: /, upstream: a }
"#;

#[test]
fn rewrites() {
    each(|at| {
        let stub = Stub::start("a");
        let gate = Gate::start(at, &plain(REWRITES), &[&stub], &[]);
        for (asked, seen) in [
            ("/s", "/"),
            ("/s/", "/"),
            ("/s?x=1", "/?x=1"),
            ("/s/a%20b/c%2Fd?e=%2F", "/a%20b/c%2Fd?e=%2F"),
            ("/t/u/v", "/v"),
            ("/%73/x", "/x"),
            ("//s//x", "/x"),
            ("/s/../s/x%20y?q=1", "/x%20y?q=1"),
            ("/s/a%0Ab", "/a%0Ab"),
            ("/old", "/new/er"),
            ("/old/", "/new/er/"),
            ("/old/x?y", "/new/er/x?y"),
            ("/fixed/z?a=b", "/to%20$x?a=b"),
            ("/r/abc/d%2Fe?f", "/x/d%2Fe/abc?f"),
            ("/r/12", "/r/12"),
            ("/q/x%2Fy?token=abc", "/q/x%2Fy?a=1%202&n=%24v"),
            (
                "/q?z=1&b=2&token=a&z&token=&c=3",
                "/q?b=2&c=3&a=1%202&n=%24v",
            ),
            ("/q?a=9&to%6ben=1&xtoken=2", "/q?xtoken=2&a=1%202&n=%24v"),
            // Four of one name are taken out, the last ones, and no more.
            (
                "/q?token=1&token=2&token=3&token=4&token=5&b=2",
                "/q?token=1&b=2&a=1%202&n=%24v",
            ),
            ("/b/x?token=1", "/x"),
            ("/b/x?token=1&y=2", "/x?y=2"),
            ("/b?y=2", "/?y=2"),
            ("/other/x%2Fy?z", "/other/x%2Fy?z"),
            ("/w/a?b", "/a?b"),
        ] {
            let answer = gate.get(asked, &[]);
            assert_eq!(answer.status, 200, "{asked}");
            assert_eq!(answer.seen().target, seen, "{asked}");
        }
        assert_eq!(gate.get("/r/../r/a/b", &[]).status, 400);
        gate.websocket("/w/sock?x", &[])
            .expect("upgraded")
            .echo("x");
        assert_eq!(stub.requests_to("/sock").len(), 1);
        for (sent, mapped) in [
            ("/login", "/m/login"),
            ("http://localhost/login", "http://localhost/m/login"),
            ("https://other.example/", "https://other.example/"),
        ] {
            stub.answer(
                "/x",
                Answer::status(302)
                    .header("Location", sent)
                    .header("Set-Cookie", "s=1; Path=/"),
            );
            let answer = gate.get("/m/x", &[]);
            assert_eq!(answer.header("location"), Some(mapped));
            assert_eq!(answer.header("set-cookie"), Some("s=1; Path=/m/"));
        }
        stub.answer("/x", Answer::status(302).header("Location", "/y"));
        assert_eq!(gate.get("/s/x", &[]).header("location"), Some("/y"));
    });
}

const ANSWERS: &str = r#"
upstreams: { a: { servers: ["@a"] }, dead: { servers: ["127.0.0.1:1"] } }
auth: { staff: { basic: { file: users, realm: "the $staff" } } }
routes:
  - { name: url, path: /url, redirect: { to: "https://x.example/$a?b=c", status: 308 } }
  - { name: path, path: /path, redirect: { path: /there, status: 307 } }
  - { name: scheme, path: /scheme, redirect: { scheme: https, status: 301 } }
  - { name: host, path: /host, redirect: { host: "y.example:81" } }
  - { name: text, path: /text, respond: { status: 418, body: "$host \"quoted\"\nsecond; line {}\n", content_type: text/html } }
  - { name: empty, path: /empty, respond: { status: 204 } }
  - { name: closed, path: /closed, auth: staff, respond: { body: inside } }
  - { name: away, path: /away, clients: { deny: [127.0.0.0/8] }, redirect: { to: /x } }
  - name: methods
    path: /methods
    methods: [GET, PUT]
    upstream: a
  - name: pages
    path: /pages
    upstream: dead
    error_pages:
      503: { respond: { status: 503, body: soon } }
      404: { respond: { body: lost } }
  - name: bad
    path: /bad
    upstream: a
    timeouts: { response: 1s }
    error_pages: { 502: { redirect: { to: /sorry } }, 504: { respond: { body: slow } } }
  - name: both
    path: /both
    upstream: a
    error_pages: { 500-599: { respond: { body: all } }, replace: both }
  - { name: own, path: /own, upstream: a, error_pages: { 502: { respond: { body: ours } }, replace: server } }
  - { name: dead, path: /dead, upstream: dead }
  - { name: site, path: /, upstream: a }
"#;

#[test]
fn answers() {
    each(|at| {
        let stub = Stub::start("a");
        let files = [("users", "u:{PLAIN}p\n")];
        let gate = Gate::start(at, &plain(ANSWERS), &[&stub], &files);
        for (path, status, to) in [
            ("/url/x", 308, "https://x.example/$a?b=c"),
            ("/path/x?q=%20", 307, "http://localhost/there?q=%20"),
            ("/scheme/x?q", 301, "https://localhost/scheme/x?q"),
            ("/host/x?q", 302, "http://y.example:81/host/x?q"),
        ] {
            let answer = gate.get(path, &[]);
            assert_eq!(
                (answer.status, answer.header("location")),
                (status, Some(to)),
                "{path}"
            );
        }
        let text = gate.get("/text", &[]);
        assert_eq!(
            (text.status, text.header("content-type")),
            (418, Some("text/html"))
        );
        assert_eq!(text.text(), "$host \"quoted\"\nsecond; line {}\n");
        assert_eq!(gate.get("/empty", &[]).status, 204);
        let closed = gate.get("/closed", &[]);
        assert_eq!(
            (closed.status, closed.header("www-authenticate")),
            (401, Some("Basic realm=\"the $staff\""))
        );
        let open = gate.get("/closed", &[("Authorization", "Basic dTpw")]);
        assert_eq!((open.status, open.text().as_str()), (200, "inside"));
        assert_eq!(gate.get("/away", &[]).status, 403);

        let wrong = gate.client().send("POST", "/methods", &[], b"x");
        assert_eq!(
            (wrong.status, wrong.header("allow")),
            (405, Some("GET, PUT"))
        );
        assert_eq!(gate.client().send("PUT", "/methods", &[], b"x").status, 200);

        // No server is 503, a broken answer 502, a late one 504; the server's own pass.
        assert_eq!(gate.get("/dead", &[]).status, 503);
        assert_eq!(gate.get("/x", &[("X-Drop", "1")]).status, 502);
        assert_eq!(gate.get("/x", &[("X-Status", "502")]).seen().method, "GET");
        assert_eq!(gate.get("/x", &[("X-Status", "520")]).status, 520);
        let page = gate.get("/pages", &[]);
        assert_eq!((page.status, page.text().as_str()), (503, "soon"));
        let bad = gate.get("/bad", &[("X-Drop", "1")]);
        assert_eq!((bad.status, bad.header("location")), (302, Some("/sorry")));
        let slow = gate.get("/bad", &[("X-Delay", "1600")]);
        assert_eq!((slow.status, slow.text().as_str()), (504, "slow"));
        assert_eq!(
            gate.get("/bad", &[("X-Status", "502")]).seen().method,
            "GET"
        );
        let own = gate.get("/both", &[("X-Status", "503")]);
        assert_eq!((own.status, own.text().as_str()), (503, "all"));
        assert_eq!(gate.get("/both", &[("X-Drop", "1")]).text(), "all");
        assert_eq!(
            gate.get("/both", &[("X-Status", "404")]).seen().method,
            "GET"
        );
        for broken in [("X-Drop", "1"), ("X-Status", "502")] {
            assert_eq!(gate.get("/own", &[broken]).text(), "ours");
        }
        assert_eq!(gate.get("/url", &[("Host", "")]).status, 400);
    });
}

const REFUSED: &str = r#"
upstreams: { a: { servers: ["@a"] } }
routes:
  - name: tea
    path: /tea
    upstream: a
    methods: [GET, POST]
    websocket: { only: true }
    error_pages: { 405-426: { respond: { status: 418, body: tea } } }
  - name: kept
    path: /kept
    upstream: a
    websocket: { only: true }
    error_pages: { 426: { respond: { body: sockets } } }
  - name: other
    path: /other
    upstream: a
    websocket: { only: true }
    error_pages: { 404: { respond: { body: lost } } }
"#;

#[test]
fn pages_stand_for_the_refusals_of_a_route_that_only_upgrades() {
    each(|at| {
        let stub = Stub::start("a");
        let gate = Gate::start(at, &plain(REFUSED), &[&stub], &[]);
        for method in ["GET", "PATCH"] {
            let page = gate.client().send(method, "/tea", &[], b"");
            assert_eq!(
                (page.status, page.text().as_str()),
                (418, "tea"),
                "{method}"
            );
        }
        gate.websocket("/tea", &[]).expect("upgraded").echo("x");
        // A page that keeps the status still says what to upgrade to.
        let kept = gate.get("/kept", &[]);
        assert_eq!((kept.status, kept.text().as_str()), (426, "sockets"));
        assert_eq!(kept.header("upgrade"), Some("websocket"));
        let other = gate.get("/other", &[]);
        assert_eq!(
            (other.status, other.header("upgrade")),
            (426, Some("websocket"))
        );
    });
}
