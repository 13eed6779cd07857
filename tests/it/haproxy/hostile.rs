//! Hostile texts in every field that takes free text: read back as they are, or refused at their place.

use super::{conf, each, is_written};
use crate::live::Stub;
use crate::live::must::*;

/// As a YAML scalar that holds no parameter.
fn quoted(text: &str) -> String {
    serde_json::to_string(&text.replace("${", "$${")).expect("a text is JSON")
}

/// By hand, then mixtures of pieces; the same on every run.
fn texts() -> Vec<String> {
    const HAND: &[&str] = &[
        "x",
        "a;b",
        "}",
        "{ x }",
        "#x",
        "a #b",
        "-i",
        "--",
        "-f /etc/passwd",
        "-m",
        "if TRUE",
        "x if TRUE",
        "unless x",
        "'",
        "''",
        "\"",
        "\\",
        "end\\",
        "\\n",
        "\\x41",
        "$HOME",
        "${HOME}",
        "\"$HOME\"",
        "%",
        "%%",
        "100%",
        "%ci",
        "%[src]",
        "%[env(HOME)]",
        "%{+Q}o",
        "%[str('a')]",
        "a,b",
        ")",
        "(",
        "] [",
        "é",
        "日本",
        "a\tb",
        "a\nb",
        "a\r\nX: y",
        "\u{0}",
        "{{ x }}",
        "{% if x %}",
        "two words",
        "!x",
        "|",
        "`id`",
        "$1 \\1 \\2",
        "'\\''",
        "deny",
        "\n  http-request deny",
        "{ path_beg / }",
        "\u{F8F0}21\u{F8F3}",
    ];
    let mut texts: Vec<String> = HAND.iter().map(|text| (*text).to_owned()).collect();
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..120 {
        let count = random.usize(2..7);
        let text: String = (0..count)
            .map(|_| HAND[random.usize(..HAND.len())])
            .collect();
        texts.push(text);
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
        "header",
        "upstream: app, when: { headers: { X-Case: TEXT } }",
    ),
    ("query", "upstream: app, when: { query: { q: TEXT } }"),
    (
        "set",
        "upstream: app, rewrite: { query: { set: { q: TEXT } } }",
    ),
    ("host", "upstream: app, host_header: { set: TEXT }"),
    ("kind", "respond: { body: x, content_type: TEXT }"),
    ("go", "redirect: { to: TEXT }"),
    ("path", "upstream: app, rewrite: { path: TEXT }"),
    (
        "regex",
        "upstream: app, rewrite: { regex: { match: \"/(.*)\", to: TEXT } }",
    ),
    (
        "page",
        "upstream: app, error_pages: { 503: { respond: { body: TEXT } } }",
    ),
    ("origin", "upstream: app, cors: { origins: [TEXT] }"),
    (
        "matched",
        "upstream: app, when: { headers: { X-Case: { regex: TEXT } } }",
    ),
];

#[test]
fn texts_come_back_as_they_are() {
    let server = Stub::start("a");
    let head = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: $PORT, address: 127.0.0.1 }} }}\nupstreams: {{ app: {{ servers: [\"{}\"] }} }}\nroutes:\n",
        server.address()
    );
    let texts = texts();
    let mut spec = head.clone();
    let mut written: Vec<(&str, usize)> = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        for (field, form) in FIELDS {
            let route = format!(
                "  - {{ name: {field}{number}, path: /{field}{number}, {} }}\n",
                form.replace("TEXT", &quoted(text))
            );
            // Refused by the reader, by lowering or by the writer: at its place, and no file.
            if is_written(&format!("{head}{route}").replace("$PORT", "8080")) {
                spec.push_str(&route);
                written.push((field, number));
            }
        }
    }
    for field in [
        "body", "request", "template", "response", "header", "query", "set",
    ] {
        let count = written.iter().filter(|(it, _)| *it == field).count();
        assert!(
            count > texts.len() / 3,
            "{field}: {count} of {}",
            texts.len()
        );
    }
    assert!(!conf(&spec.replace("$PORT", "8080"), "2.8").is_empty());
    each(&spec, |run| {
        for (field, number) in &written {
            let text = &texts[*number];
            // A header's value loses the white space around it on the wire.
            let trimmed = text.trim_matches([' ', '\t']);
            let path = format!("/{field}{number}");
            let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            match *field {
                "body" => assert_eq!(run.get(&path, &[]).text(), *text),
                "request" => {
                    let seen = run.get(&path, &[]).seen();
                    assert_eq!(seen.headers.all("x-text"), [trimmed], "{text:?}");
                    assert_eq!(seen.headers.all("x-absent"), [trimmed], "{text:?}");
                }
                "template" if !text.contains('{') => {
                    assert_eq!(run.get(&path, &[]).seen().headers.all("x-text"), [trimmed]);
                }
                "response" => {
                    assert_eq!(run.get(&path, &[]).headers.all("x-text"), [trimmed]);
                }
                "header" if trimmed == text && !text.is_empty() => {
                    assert_eq!(run.get(&path, &[("X-Case", text)]).status, 200, "{text:?}");
                    assert_eq!(run.get(&path, &[("X-Case", "other")]).status, 404);
                }
                "query" => {
                    assert_eq!(
                        run.get(&format!("{path}?q={percent}"), &[]).status,
                        200,
                        "{text:?}"
                    );
                    assert_eq!(run.get(&format!("{path}?q=other"), &[]).status, 404);
                }
                "set" => {
                    let target = run.get(&path, &[]).seen().target;
                    let value = target.split_once("?q=").map(|(_, it)| it.to_owned());
                    let plain = |it: &str| {
                        let mut out = Vec::new();
                        let mut bytes = it.bytes();
                        while let Some(byte) = bytes.next() {
                            let hex: String = match byte {
                                b'%' => [bytes.next(), bytes.next()]
                                    .iter()
                                    .flatten()
                                    .map(|it| char::from(*it))
                                    .collect(),
                                other => format!("{other:02X}"),
                            };
                            out.extend(u8::from_str_radix(&hex, 16));
                        }
                        String::from_utf8_lossy(&out).into_owned()
                    };
                    assert_eq!(value.as_deref().map(plain).as_ref(), Some(text));
                }
                _ => {
                    // Accepted, and no other route is harmed by it: the last assertion.
                }
            }
        }
        assert_eq!(run.get("/nothing", &[]).status, 404);
    });
}
