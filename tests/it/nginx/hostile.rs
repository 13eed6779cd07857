//! Hostile texts in every field that takes free text: read back as they are, or refused at their place.

use super::{VERSIONS, each, plain, tried};
use crate::live::must::*;
use crate::live::{Running, Stub};
use crate::programs::{self, require};
use wsgen::targets::Layout;

/// As a YAML scalar.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

fn spec(text: &str, stub: &str) -> String {
    let text = quoted(text);
    plain(&format!(
        r#"
upstreams: {{ a: {{ servers: ["{stub}"] }} }}
auth: {{ staff: {{ basic: {{ file: {text}, realm: "x" }} }} }}
routes:
  - name: answer
    path: /answer
    respond: {{ body: {text} }}
  - name: headers
    path: /headers
    upstream: a
    request_headers: {{ set: {{ X-Text: {text} }}, set_if_absent: {{ X-Absent: {text} }} }}
    response_headers: {{ set: {{ X-Text: {text} }} }}
  - name: cases
    path: /cases
    when: {{ headers: {{ X-Case: {text} }}, query: {{ q: {text} }} }}
    upstream: a
  - {{ name: closed, path: /closed, auth: staff, upstream: a }}
  - name: site
    path: /
    respond: {{ body: site }}
"#
    ))
}

/// By hand, then mixtures of pieces; the same on every run.
fn texts() -> Vec<String> {
    const PIECES: &[&str] = &[
        "$",
        "${",
        "}",
        "{",
        ";",
        "#",
        "\"",
        "'",
        "\\",
        " ",
        "\t",
        "$host",
        "${wg_d}",
        "%",
        "~",
        "^",
        "@",
        "a",
        "é",
        "{{ x }}",
        "{%",
        "\\n",
        "|",
        "=",
        "*",
        "(",
        ")",
        "[",
        "]",
        "&",
        "+",
        "/",
        "?",
        "\\E",
        "default",
        "return 200",
    ];
    let mut texts: Vec<String> = [
        "x",
        "a;b",
        "a{b",
        "}b",
        "#x",
        "~x",
        "\\~x",
        "end\\",
        "$",
        "$$",
        "5$",
        "$host",
        "${host}",
        "$1",
        "x\";return 200 \"inj",
        "}\nserver { listen 1;",
        "default",
        "hostnames",
        "include x",
        "日本",
        "' or 1",
        "\\Q\\E",
        "(?!)",
        "a++",
        "%{x}",
        "{{ x }}",
        "a b\tc",
        "$request_uri$args",
        "\"",
        "\\",
        "é\\",
        "`id`",
        "a\nb",
        "a\r\nX: y",
    ]
    .iter()
    .map(|text| (*text).to_owned())
    .collect();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..40 {
        let count = random.usize(1..8);
        let text: String = (0..count)
            .map(|_| PIECES[random.usize(..PIECES.len())])
            .collect();
        texts.push(text.trim().to_owned());
    }
    texts.retain(|text| !text.is_empty());
    texts
}

#[test]
fn texts_come_back_as_they_are() {
    let texts = texts();
    let stub = Stub::start("a");
    each(|at| {
        let mut live = 0;
        for (number, text) in texts.iter().enumerate() {
            let spec = spec(text, &stub.address().to_string()).replace("PORT", "8080");
            // Lowering refused it at its place; or the writer did.
            let Ok((Ok(file), _)) = tried(&spec, at.version, Layout::Full) else {
                continue;
            };
            if number % 3 > 0 && number > 24 {
                programs::check(&at.program, &[("nginx.conf", &file)])
                    .unwrap_or_else(|why| panic!("{text:?}: {why}\n{file}"));
                continue;
            }
            live += 1;
            let port = crate::live::port();
            let file = file.replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"));
            let run = Running::start(&at.program, &file);
            assert_eq!(run.get("/answer", &[]).text(), *text);
            assert_eq!(run.get("/other", &[]).text(), "site");
            let answer = run.get("/headers", &[]);
            let seen = answer.seen();
            // A header's value loses the white space around it on the wire.
            let trimmed = text.trim_matches([' ', '\t']);
            assert_eq!(seen.headers.all("x-text"), [trimmed], "{text:?}");
            assert_eq!(seen.headers.all("x-absent"), [trimmed], "{text:?}");
            assert_eq!(answer.headers.all("x-text"), [trimmed], "{text:?}");
            let query: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let server = |value: &str, query: &str| {
                run.get(&format!("/cases?q={query}"), &[("X-Case", value)])
                    .header("x-server")
                    .is_some()
            };
            if trimmed == text {
                assert!(server(text, &query), "{text:?}");
                assert!(
                    !server("other", &query) && !server(text, "other"),
                    "{text:?}"
                );
            }
            assert_ne!(run.get("/closed", &[]).status, 200);
        }
        assert!(live > 20, "{live}");
    });
}

/// Fields whose values the language restricts: what it lets pass must be written right.
#[test]
fn restricted_fields_are_accepted() {
    const FIELDS: &[&str] = &[
        "routes: [{ name: r, path: TEXT, respond: { body: x } }]",
        "routes: [{ name: r, path: { exact: TEXT }, respond: { body: x } }]",
        "routes: [{ name: r, path: { regex: TEXT }, respond: { body: x } }]",
        "routes: [{ name: r, host: { regex: TEXT }, respond: { body: x } }]",
        "routes: [{ name: r, host: TEXT, respond: { body: x } }]",
        "routes: [{ name: TEXT, host: x.example, respond: { body: x } }]",
        "routes: [{ name: r, redirect: { to: TEXT } }]",
        "routes: [{ name: r, redirect: { path: TEXT } }]",
        "routes: [{ name: r, redirect: { host: TEXT } }]",
        "routes: [{ name: r, upstream: a, rewrite: { path: TEXT } }]",
        "routes: [{ name: r, path: /x, upstream: a, rewrite: { replace_prefix: TEXT } }]",
        "routes: [{ name: r, path: TEXT, upstream: a, rewrite: { strip_prefix: true, map_location: true } }]",
        "routes: [{ name: r, upstream: a, rewrite: { regex: { match: TEXT, to: TEXT } } }]",
        "routes: [{ name: r, upstream: a, rewrite: { query: { set: { TEXT: TEXT }, remove: [TEXT] } } }]",
        "routes: [{ name: r, upstream: a, when: { headers: { TEXT: { regex: TEXT } } } }]",
        "routes: [{ name: r, upstream: a, when: { query: { TEXT: { regex: TEXT } } } }]",
        "routes: [{ name: r, upstream: a, methods: [TEXT] }]",
        "routes: [{ name: r, upstream: a, host_header: { set: TEXT } }]",
        "routes: [{ name: r, upstream: a, request_headers: { remove: [TEXT], add: { TEXT: { from: { header: TEXT } } } } }]",
        "routes: [{ name: r, upstream: a, response_headers: { set: { X: { from: { cookie: TEXT } }, Y: { from: { query: TEXT } }, Z: { template: TEXT } } } }]",
        "routes: [{ name: r, upstream: a, websocket: { origins: [TEXT] } }]",
        "routes: [{ name: r, upstream: a, websocket: { tokens: [TEXT] } }]",
        "routes: [{ name: r, upstream: a, cors: { origins: [TEXT] } }]",
        "routes: [{ name: r, upstream: a, cors: { origins: any, methods: [TEXT], headers: [TEXT] } }]",
        "routes: [{ name: r, upstream: a, error_pages: { 502: { respond: { body: TEXT, content_type: TEXT } }, 503: { redirect: { to: TEXT } } } }]",
        "routes: [{ name: r, upstream: a, limits: { requests: { rate: 1/s, per: { header: TEXT }, bucket: TEXT } } }]",
        "routes: [{ name: r, upstream: TEXT }]\nupstreams: { TEXT: { servers: ['127.0.0.1:9'] } }",
        "routes: [{ name: r, upstream: u }]\nupstreams: { u: { servers: ['127.0.0.1:8', '127.0.0.1:9'], balance: { hash: { cookie: TEXT } } } }",
        "routes: [{ name: r, upstream: u }]\nupstreams: { u: { servers: ['127.0.0.1:8', '127.0.0.1:9'], stickiness: { cookie: { name: TEXT } } } }",
        "routes: [{ name: r, upstream: u }]\nupstreams: { u: { servers: ['127.0.0.1:8', '127.0.0.1:9'], stickiness: { cookie: { name: n, path: TEXT } } } }",
        "routes: [{ name: r, upstream: u }]\nupstreams: { u: { servers: ['127.0.0.1:8', '127.0.0.1:9'], stickiness: { app_cookie: { name: TEXT } } } }",
        "routes: [{ name: r, upstream: u }]\nupstreams: { u: { servers: ['unix:TEXT'] } }",
        "routes: [{ name: r, upstream: a }]\nlog: { redact: { query: [TEXT], headers: [TEXT] } }",
        "routes: [{ name: r, upstream: a }]\nmetrics: { port: 18099, path: TEXT }",
        "routes: [{ name: r, upstream: a, auth: f }]\nauth: { f: { forward: { upstream: a, path: TEXT } } }",
        "routes: [{ name: r, upstream: a, auth: f }]\nauth: { f: { forward: { upstream: a, send: [TEXT], pass: [TEXT], answer: [TEXT] } } }",
        "routes: [{ name: r, upstream: a, auth: f }]\nauth: { f: { basic: { file: TEXT, realm: TEXT } } }",
    ];
    const TEXTS: &[&str] = &[
        "x",
        "/x",
        "/a b",
        "/a%20b;c",
        "/$x",
        "/a{b}",
        "/a\"b",
        "/(a|b)/[^/]+",
        "[a-z]{2,3}\\.x",
        "$host",
        "a;b",
        "\\",
        "}",
        "a\"",
        "/é",
        "/%FF",
        "/%2F",
        "/~x",
        "x-y",
        "X_Y",
        "x.y",
        "X.Y",
        "https://x.example",
        "https://x/$1;{}",
        "a'b",
        "/$1",
        "#",
        "/x#y",
        "(x)+(y)?",
        "/x/$1/$2",
        "{host}",
        "a,b",
        "wg_to",
        "@x",
        "~ws",
        "text/html; charset=utf-8",
        "default",
        "é",
        "x y",
        "/a\\b",
        "%",
    ];
    let seen = std::sync::Mutex::new(std::collections::BTreeSet::new());
    std::thread::scope(|scope| {
        for (number, (version, program)) in VERSIONS.iter().enumerate() {
            let seen = &seen;
            scope.spawn(move || {
                let Some(program) = require(program) else {
                    return;
                };
                for (row, field) in FIELDS.iter().enumerate() {
                    for (column, text) in TEXTS.iter().enumerate() {
                        let upstreams = if field.contains("upstreams:") {
                            ""
                        } else {
                            "\nupstreams: { a: { servers: ['127.0.0.1:9'] } }"
                        };
                        let rest = field
                            .replace("unix:TEXT", &format!("unix:{}", text.replace('\'', "")))
                            .replace("TEXT", &quoted(text));
                        let spec = plain(&format!("{rest}{upstreams}")).replace("PORT", "18080");
                        let Ok((Ok(file), _)) = tried(&spec, version, Layout::Full) else {
                            continue;
                        };
                        seen.lock().expect("no panic").insert((row, text));
                        // Each version sees every second one.
                        if (row + column) % 2 != number {
                            continue;
                        }
                        let checked = programs::check(&program, &[("nginx.conf", &file)]);
                        if let Err(why) = checked
                            && !why.contains("host not found")
                        {
                            panic!("{version} {spec}\n{why}\n{file}");
                        }
                    }
                }
            });
        }
    });
    let rows: std::collections::BTreeSet<usize> = seen
        .lock()
        .expect("no panic")
        .iter()
        .map(|(row, _)| *row)
        .collect();
    assert_eq!(
        rows.len(),
        FIELDS.len(),
        "no text passes in some field: {rows:?}"
    );
}
