//! Hostile texts in fields that take free text: read back as they are by a reader of YAML, or refused.

use serde_json::Value;
use wsgen::compile::{self, Options};
use wsgen::targets;

use super::{WAYS, compiled, objects};

const TEXTS: [&str; 26] = [
    "x",
    "no",
    "on",
    "1e3",
    "0x1F",
    "12:30",
    "~",
    "null",
    "a: b",
    "- a",
    "# x",
    "a #b",
    "{{ x }}",
    "${HOME}",
    "'",
    "\"",
    "\\",
    "`",
    "$1",
    "%{x}",
    "é 日本",
    "}\n---\nkind: Pod",
    "a\nb: c",
    "*a",
    "&a",
    "!!int 1",
];

fn quoted(text: &str) -> String {
    serde_json::to_string(&text.replace("${", "$${")).expect("a text is JSON")
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|it| strings(it, found)),
        Value::Object(map) => map.values().for_each(|it| strings(it, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn texts_arrive_as_they_are() {
    let plain = "wsgen: 1\nname: s\nlisteners: { web: { port: 80 } }\nupstreams: { a: { servers: [10.0.0.1:80] } }\n";
    for (target, room, _) in WAYS.iter().filter(|it| it.2 != "nginx") {
        let base = {
            let spec = format!(
                "{plain}routes: [{{ name: r, upstream: a, response_headers: {{ set: {{ X-A: plain }} }} }}]\n"
            );
            objects(&super::rendered(&spec, target, room)[0].1).len()
        };
        for text in TEXTS {
            if text.contains('\n') {
                // No header holds a line break: said before any target is asked.
                continue;
            }
            let spec = format!(
                "{plain}routes: [{{ name: r, upstream: a, response_headers: {{ set: {{ X-A: {} }} }} }}]\n",
                quoted(text)
            );
            let compiled = compiled(&spec, target, room);
            let renderer = targets::by_id(target).expect("the target");
            let rendered = compile::render(&compiled, renderer, Options::default());
            let Some(file) = rendered.files.first() else {
                assert!(
                    !rendered.report.is_empty(),
                    "{target}, {room}: {text:?} is lost without a word"
                );
                continue;
            };
            let all = objects(&file.text);
            assert_eq!(
                all.len(),
                base,
                "{target}, {room}: {text:?} made an object\n{}",
                file.text
            );
            let mut found = Vec::new();
            all.iter().for_each(|it| strings(it, &mut found));
            let escaped = text
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('%', "%%")
                .replace('$', "\\$");
            // Envoy Gateway passes values on as Envoy's formats, where `%%` is the sign itself.
            let written = match room.contains("envoy-gateway") {
                true => text.replace('%', "%%"),
                false => text.to_owned(),
            };
            let lines = [written, format!("X-A \"{escaped}\"")];
            assert!(
                found.iter().any(|it| lines.contains(it)),
                "{target}, {room}: {text:?}\n{}",
                file.text
            );
        }
    }
}
