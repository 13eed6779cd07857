//! Hostile texts in every field that takes free text: read back as they are, or refused at their place.

use super::{live, rendered};
use crate::live::Stub;
use crate::live::must::*;
use wsgen::targets::Layout;

/// As a YAML scalar that holds no parameter.
fn quoted(text: &str) -> String {
    serde_json::to_string(&text.replace("${", "$${")).expect("a text is JSON")
}

/// By hand, then mixtures of pieces; the same on every run.
fn texts() -> Vec<String> {
    const HAND: &[&str] = &[
        "x",
        "{env.HOME}",
        "\\{env.HOME}",
        "\\\\{env.HOME}",
        "{{env.HOME}}",
        "{file./etc/hostname}",
        "{http.request.header.X-Secret}",
        "{http.vars.path}",
        "{http.request.uri}",
        "{unknown.x}",
        "{}",
        "a{b",
        "a}b",
        "}",
        "\\}",
        "\\",
        "end\\",
        "\"",
        "\\\"",
        "'",
        "`id`",
        "$1",
        "${1}",
        "$$",
        "%",
        "%41",
        "100%",
        "#x",
        "a, b",
        "*",
        "*x*",
        "]",
        "[x](y)",
        ".*",
        "(?i)x",
        "\\d+",
        "\" || true || \"",
        "ph(req, \"env.HOME\")",
        "é",
        "日本",
        "a\tb",
        "a\nb",
        "a\r\nX: y",
        "\u{0}",
        "\u{7f}",
        "{{ x }}",
        "{% if x %}",
        "two words",
        "@id",
        "\"@id\": \"x\"",
        "\u{F8F0}21\u{F8F3}",
    ];
    let mut texts: Vec<String> = HAND.iter().map(|text| (*text).to_owned()).collect();
    let mut random = fastrand::Rng::with_seed(13);
    for _ in 0..60 {
        let count = random.usize(2..6);
        texts.push(
            (0..count)
                .map(|_| HAND[random.usize(..HAND.len())])
                .collect(),
        );
    }
    texts
}

/// One field of a route that takes free text.
const FIELDS: &[(&str, &str)] = &[
    ("body", "respond: { body: TEXT }"),
    (
        "request",
        "upstream: app, request_headers: { set: { X-Text: TEXT }, set_if_absent: { X-Absent: TEXT } }",
    ),
    (
        "template",
        "upstream: app, request_headers: { add: { X-Text: { template: TEXT } } }",
    ),
    (
        "response",
        "upstream: app, response_headers: { set: { X-Text: TEXT } }",
    ),
    (
        "set",
        "upstream: app, rewrite: { query: { set: { q: TEXT } } }",
    ),
    ("kind", "respond: { body: x, content_type: TEXT }"),
    ("go", "redirect: { to: TEXT }"),
    ("rewrite", "upstream: app, rewrite: { path: TEXT }"),
    (
        "page",
        "upstream: gone, error_pages: { 503: { respond: { body: TEXT } } }",
    ),
    ("origin", "upstream: app, cors: { origins: [TEXT] }"),
];

/// Fields that Caddy's expressions read: fewer texts, for each takes its time to compile.
const CONDITIONS: &[(&str, &str)] = &[
    (
        "header",
        "upstream: app, when: { headers: { X-Case: TEXT } }",
    ),
    ("query", "upstream: app, when: { query: { q: TEXT } }"),
];

#[test]
fn texts_come_back_as_they_are() {
    let server = Stub::start("a");
    let head = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: $PORT, address: 127.0.0.1 }} }}\nupstreams:\n  app: {{ servers: [\"{}\"] }}\n  gone: {{ servers: [\"127.0.0.1:1\"] }}\nroutes:\n",
        server.address()
    );
    let texts = texts();
    let mut spec = head.clone();
    let mut written: Vec<(&str, usize)> = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let conditions = CONDITIONS.iter().filter(|_| number < 50);
        for (field, form) in FIELDS.iter().chain(conditions) {
            let route = format!(
                "  - {{ name: {field}{number}, path: /{field}{number}, {} }}\n",
                form.replace("TEXT", &quoted(text))
            );
            // Refused by the reader, by lowering or by the writer: at its place, and no file.
            let alone = format!("{head}{route}").replace("$PORT", "8080");
            if rendered(&alone, Layout::Full).is_ok() {
                spec.push_str(&route);
                written.push((field, number));
            }
        }
    }
    for field in ["body", "request", "response", "set", "page"] {
        let count = written.iter().filter(|(it, _)| *it == field).count();
        assert!(
            count > texts.len() / 3,
            "{field}: {count} of {}",
            texts.len()
        );
    }
    live(&spec, |run| {
        for (field, number) in &written {
            let text = &texts[*number];
            // A header's value loses the white space around it on the wire.
            let trimmed = text.trim_matches([' ', '\t']);
            let path = format!("/{field}{number}");
            let secret = [("X-Secret", "stolen")];
            let get = || run.get(&path, &secret);
            match *field {
                "body" | "page" => assert_eq!(get().text(), *text, "{field}"),
                "request" => {
                    let seen = get().seen();
                    assert_eq!(seen.headers.all("x-text"), [trimmed], "{text:?}");
                    assert_eq!(seen.headers.all("x-absent"), [trimmed], "{text:?}");
                }
                "template" if !text.contains('{') => {
                    assert_eq!(get().seen().headers.all("x-text"), [trimmed]);
                }
                "response" => assert_eq!(get().headers.all("x-text"), [trimmed], "{text:?}"),
                "kind" => assert_eq!(get().header("content-type"), Some(trimmed), "{text:?}"),
                "go" => assert_eq!(get().header("location"), Some(trimmed), "{text:?}"),
                "rewrite" => {
                    let seen = get().seen().target;
                    assert!(
                        !seen.contains("/root") && !seen.contains("stolen"),
                        "{seen}"
                    );
                }
                "set" => {
                    let target = get().seen().target;
                    let value = target.split_once("?q=").map(|(_, it)| plain(it));
                    assert_eq!(value.as_ref(), Some(text));
                }
                "header" if trimmed == text && !text.is_empty() => {
                    assert_eq!(run.get(&path, &[("X-Case", text)]).status, 200, "{text:?}");
                    assert_eq!(run.get(&path, &[("X-Case", "other")]).status, 404);
                }
                "query" => {
                    let percent: String = text.bytes().map(|it| format!("%{it:02X}")).collect();
                    let asked = run.get(&format!("{path}?q={percent}"), &[]);
                    assert_eq!(asked.status, 200, "{text:?}");
                    assert_eq!(run.get(&format!("{path}?q=other"), &[]).status, 404);
                }
                // Accepted, and no other route is harmed by it: the last assertion.
                _ => {}
            }
        }
        assert_eq!(run.get("/nothing", &[]).status, 404);
    });
}

/// A value of a query, decoded.
fn plain(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let code = [bytes.next(), bytes.next()];
        match (byte, code) {
            (b'%', [Some(high), Some(low)]) => {
                let hex = [char::from(high), char::from(low)]
                    .iter()
                    .collect::<String>();
                out.extend(u8::from_str_radix(&hex, 16));
            }
            (other, [first, second]) => {
                out.push(other);
                // What stood there is read again.
                let rest: Vec<u8> = first.into_iter().chain(second).chain(bytes).collect();
                out.extend(plain(&String::from_utf8_lossy(&rest)).into_bytes());
                break;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A name in a placeholder that would end it is refused.
#[test]
fn names_that_end_a_placeholder_are_refused() {
    for name in ["a}b", "{x", "a\\b"] {
        let spec = format!(
            "wsgen: 1\nupstreams: {{ app: {{ servers: [\"10.0.0.1:80\"] }} }}\nroutes: [{{ name: a, upstream: app, request_headers: {{ set: {{ X-A: {{ from: {{ query: {} }} }} }} }} }}]\n",
            quoted(name)
        );
        assert!(rendered(&spec, Layout::Full).is_err(), "{name}");
    }
}
