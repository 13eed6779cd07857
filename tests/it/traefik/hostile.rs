//! Hostile texts in every field that takes free text: read back as they are, or refused at their place.

use super::{dynamic, is_written, live};
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
        "a`b",
        "`",
        "/a`) || PathPrefix(`/",
        "`) || Host(`x",
        "\"",
        "\\",
        "end\\",
        "\\n",
        "'",
        "{{ env `HOME` }}",
        "{{ env \"HOME\" }}",
        "{{",
        "{{{",
        "}}",
        "{{/* c */}}x",
        "{{- 1 -}}",
        "{x}",
        "a: b",
        "- a",
        "#x",
        "a #b",
        "*a",
        "&a b",
        "!!str",
        "@file",
        "%",
        "100%",
        "$1",
        "${1}",
        "$$",
        "$HOME",
        "null",
        "~",
        "yes",
        "1e3",
        "12:30",
        "a,b",
        ")",
        "(",
        "&& PathPrefix(`/`)",
        "|| ",
        "é",
        "日本",
        "\u{2028}",
        "\u{feff}",
        "a\tb",
        "a\nb",
        "a\r\nX: y",
        "\u{0}",
        "two words",
        "\u{F8F0}21\u{F8F3}",
    ];
    let mut texts: Vec<String> = HAND.iter().map(|text| (*text).to_owned()).collect();
    let mut random = fastrand::Rng::with_seed(13);
    for _ in 0..80 {
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
    (
        "request",
        "upstream: app, request_headers: { set: { X-Text: TEXT } }",
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
    ("host", "upstream: app, host_header: { set: TEXT }"),
    ("kind", "respond: { body: x, content_type: TEXT }"),
    ("go", "redirect: { to: TEXT }"),
    ("path", "upstream: app, rewrite: { path: TEXT }"),
    (
        "regex",
        "upstream: app, rewrite: { regex: { match: \"/(.*)\", to: TEXT } }",
    ),
    ("origin", "upstream: app, cors: { origins: [TEXT] }"),
    (
        "matched",
        "upstream: app, when: { headers: { X-Case: { regex: TEXT } } }",
    ),
    (
        "exact",
        "upstream: app, when: { query: { TEXT: { present: true } } }",
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
    for field in ["request", "response", "header", "query"] {
        let count = written.iter().filter(|(it, _)| *it == field).count();
        assert!(
            count > texts.len() / 3,
            "{field}: {count} of {}",
            texts.len()
        );
    }
    let text = dynamic(&spec.replace("$PORT", "8080"));
    assert!(!text.contains("{{"), "a template starts");
    live(&spec, |run| {
        for (field, number) in &written {
            let text = &texts[*number];
            // A header's value loses the white space around it on the wire.
            let trimmed = text.trim_matches([' ', '\t']);
            let path = format!("/{field}{number}");
            let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            match *field {
                "request" if !trimmed.is_empty() => {
                    let seen = run.get(&path, &[]).seen();
                    assert_eq!(seen.headers.all("x-text"), [trimmed], "{text:?}");
                }
                "response" if !trimmed.is_empty() => {
                    let answer = run.get(&path, &[]);
                    assert_eq!(answer.headers.all("x-text"), [trimmed], "{text:?}");
                }
                "header" if trimmed == text && !text.is_empty() => {
                    assert_eq!(run.get(&path, &[("X-Case", text)]).status, 200, "{text:?}");
                    assert_eq!(run.get(&path, &[("X-Case", "other")]).status, 404);
                }
                "query" => {
                    let asked = format!("{path}?q={percent}");
                    assert_eq!(run.get(&asked, &[]).status, 200, "{text:?}");
                    assert_eq!(run.get(&format!("{path}?q=other"), &[]).status, 404);
                }
                "go" => {
                    let answer = run.get(&path, &[]);
                    assert_eq!(answer.header("location"), Some(trimmed), "{text:?}");
                }
                _ => {
                    // Accepted, and no other route is harmed by it: the last assertion.
                }
            }
        }
        assert_eq!(run.get("/nothing", &[]).status, 404);
    });
}

#[test]
fn a_path_is_taken_by_its_own_text_only() {
    let server = Stub::start("a");
    // As the language writes paths: what is no part of one is encoded.
    let paths = [
        "/a%20b",
        "/a%60b",
        "/a%22b",
        "/a%5Cb",
        "/a'b",
        "/a%7Bb%7D",
        "/%7B%7Bb%7D%7D",
        "/a,b",
        "/a)b",
        "/a&&b",
        "/a%7Cb",
        "/a$b",
        "/caf%C3%A9",
        "/a%60)%20%7C%7C%20PathPrefix(%60/",
        "/a%2Fb",
        "/a%3Fb",
        "/a%25b",
    ];
    let mut spec = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: $PORT, address: 127.0.0.1 }} }}\nupstreams: {{ app: {{ servers: [\"{}\"] }} }}\nroutes:\n",
        server.address()
    );
    for (number, path) in paths.iter().enumerate() {
        spec.push_str(&format!(
            "  - {{ name: p{number}, path: {{ exact: {} }}, upstream: app, request_headers: {{ set: {{ X-Route: p{number} }} }} }}\n",
            quoted(path)
        ));
    }
    live(&spec, |run| {
        for (number, path) in paths.iter().enumerate() {
            let asked = *path;
            let answer = run.get(asked, &[]);
            assert_eq!(answer.status, 200, "{path}");
            let route = format!("p{number}");
            assert_eq!(
                answer.seen().header("x-route"),
                Some(route.as_str()),
                "{path}"
            );
        }
        assert_eq!(run.get("/x", &[]).status, 404);
    });
}
