//! A draft as YAML, in the style of the examples: short maps in braces, long ones below their key, a line between blocks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::diag::Report;
use crate::source::Sources;
use crate::spec::scalar::written;
use crate::spec::yaml::format::{self, ORDER};

/// How many columns a line may have.
const WIDTH: usize = 110;
/// Top-level keys whose entries are things with names: each on a line of its own.
const THINGS: [&str; 6] = [
    "listeners",
    "certificates",
    "upstreams",
    "auth",
    "defaults",
    "targets",
];

/// The spec's text.
pub(super) fn write(
    root: &Map<String, Value>,
    notes: &BTreeMap<String, Vec<String>>,
    head: &str,
) -> String {
    let mut out = String::new();
    for line in head.lines() {
        comment(line, 0, &mut out);
    }
    out.push_str("wsgen: 1\n");
    let mut keys: Vec<&String> = root.keys().collect();
    keys.sort_by_key(|key| ORDER.iter().position(|known| known == key));
    for key in keys {
        let value = &root[key];
        if matches!(value, Value::Object(map) if map.is_empty()) {
            continue;
        }
        if value.is_object() {
            out.push('\n');
        }
        for line in notes.get(key).into_iter().flatten() {
            comment(line, 0, &mut out);
        }
        match value {
            Value::Object(routes) if key == "routes" => {
                out.push_str("routes:\n");
                for (name, route) in routes {
                    for line in notes.get(&format!("routes.{name}")).into_iter().flatten() {
                        comment(line, 2, &mut out);
                    }
                    let _ = writeln!(out, "  - name: {}", scalar(&name.as_str().into()));
                    map(route.as_object().unwrap_or(&Map::new()), 4, &mut out);
                }
            }
            Value::Object(things) if THINGS.contains(&key.as_str()) => {
                let _ = writeln!(out, "{key}:");
                for (name, thing) in things {
                    for line in notes.get(&format!("{key}.{name}")).into_iter().flatten() {
                        comment(line, 2, &mut out);
                    }
                    entry(name, thing, 2, &mut out);
                }
            }
            value => entry(key, value, 0, &mut out),
        }
    }
    laid_out(out)
}

/// The text as `wsgen fmt` leaves it.
fn laid_out(text: String) -> String {
    let mut sources = Sources::new();
    let file = sources.add("draft", text.as_str());
    // What cannot be laid out is refused by the compiler with better words.
    format::format(&sources, file, &mut Report::new()).unwrap_or(text)
}

fn map(map: &Map<String, Value>, indent: usize, out: &mut String) {
    for (key, value) in map {
        entry(key, value, indent, out);
    }
}

fn entry(key: &str, value: &Value, indent: usize, out: &mut String) {
    let key = scalar(&key.into());
    let flow = flow(value);
    if !is_dense(value) && indent + key.len() + flow.len() + 2 <= WIDTH {
        let _ = writeln!(out, "{:indent$}{key}: {flow}", "");
        return;
    }
    match value {
        Value::Object(inner) if !inner.is_empty() => {
            let _ = writeln!(out, "{:indent$}{key}:", "");
            map(inner, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            let _ = writeln!(out, "{:indent$}{key}:", "");
            for item in items {
                let _ = writeln!(out, "{:indent$}  - {}", "", self::flow(item));
            }
        }
        _ => {
            let _ = writeln!(out, "{:indent$}{key}: {flow}", "");
        }
    }
}

/// Whether a list of maps stands in it, which reads better below each other.
fn is_dense(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.len() > 1 && list.iter().any(Value::is_object),
        Value::Object(map) => map.values().any(is_dense),
        _ => false,
    }
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entries: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(&key.as_str().into()), flow(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        value => scalar(value),
    }
}

/// A scalar as one token, whatever its characters.
fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::String(text) => written(text),
        other => other.to_string(),
    }
}

fn comment(text: &str, indent: usize, out: &mut String) {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let _ = writeln!(out, "{:indent$}# {text}", "");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diag::Report;
    use crate::import::Draft;
    use crate::source::Sources;
    use crate::spec::yaml;

    #[test]
    fn blocks_are_long_and_values_short() {
        let mut draft = Draft::default();
        draft.set(&["routes", "socket", "path"], "/ws");
        draft.set(&["routes", "socket", "websocket", "idle"], "1h");
        draft.set(&["listeners", "plain", "port"], 80);
        draft.set(
            &["upstreams", "app", "servers"],
            json!(["a:1", { "address": "b:2", "backup": true }]),
        );
        draft.note(&["routes", "socket"], "a note");
        let text = draft.write("where from");
        assert_eq!(
            text,
            "# where from\nwsgen: 1\n\nlisteners:\n  plain: { port: 80 }\n\nupstreams:\n  app:\n    servers:\n      - a:1\n      - { address: b:2, backup: on }\n\n\
             routes:\n  # a note\n  - name: socket\n    path: /ws\n    websocket: { idle: 1h }\n"
        );
    }

    #[test]
    fn every_text_comes_back_as_it_was() {
        for text in [
            "",
            " ",
            "on",
            "No",
            "1",
            "1e5",
            "a: b",
            "a #b",
            "a:",
            "- a",
            "{x}",
            "[",
            "\"",
            "'",
            "\\",
            "a\nb",
            "\t",
            "é",
            "\u{85}",
            "\u{7f}",
            "\u{2028}",
            "*",
            "&a",
            "!t",
            "%",
            "@",
            "`",
            "a,b",
            "~",
            "?",
            "...",
            "---",
            "0x1",
            "10.0.0.1:80",
            "https://a/b?c=d",
            "x${Y}",
            "$",
        ] {
            let mut draft = Draft::default();
            draft.set(&["routes", "a", "respond", "body"], text);
            let mut sources = Sources::new();
            let file = sources.add("x", draft.write("x"));
            let mut report = Report::new();
            let tree = yaml::parse(&sources, file, &mut report);
            assert!(!report.has_errors(), "{text:?}: {:?}", report.diags);
            let at = tree
                .loc_at("routes.a.respond.body")
                .expect("the path is there");
            let back = tree.scalar(at).map(|back| back.replace("$${", "${"));
            assert_eq!(back.as_deref(), Some(text));
        }
    }
}
