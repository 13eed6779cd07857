//! The plan: the gateway's parts as JSON, each line with the place of what it belongs to.

use serde::Serialize;
use serde_json::Value;

use super::file::Written;
use crate::emit::lang::json;
use crate::emit::{Map, Node, Style, Tok};
use crate::ir::{Gateway, Loc};
use crate::targets::Verdicts;

/// The file.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    /// Its lines, each complete.
    lines: Vec<Tok>,
}

/// The whole file for a gateway.
pub(super) fn plan(gateway: &Gateway, verdicts: &Verdicts<'_>) -> Plan {
    let written = Written::new(gateway);
    let places = |key: &str| -> Vec<Loc> {
        match key {
            "listeners" => written.listeners.iter().map(|it| it.at).collect(),
            "certificates" => written.certificates.iter().map(|it| it.at).collect(),
            "upstreams" => written.upstreams.iter().map(|it| it.at).collect(),
            "auth" => written.auth.iter().map(|it| it.at).collect(),
            "routes" => written.routes.iter().map(|it| it.at).collect(),
            _ => Vec::new(),
        }
    };
    let mut file = Map::new();
    // Plain data with string keys is always JSON.
    if let Ok(Value::Object(parts)) = serde_json::to_value(&written) {
        for (key, value) in parts {
            let places = places(&key);
            let node = match value {
                Value::Array(items) if !items.is_empty() => {
                    let places = places.into_iter().chain(std::iter::repeat(Loc::default()));
                    Node::list(items.iter().zip(places).map(|(it, at)| node(it).at(at)))
                }
                value => node(&value),
            };
            file = file.entry(json::word(&key), node);
            if key == "wsgen_gateway" {
                file = accepted(file, gateway, verdicts);
            }
        }
    }
    Plan {
        lines: file.document(Style::Json),
    }
}

/// Which losses are accepted, for people.
fn accepted(file: Map, gateway: &Gateway, verdicts: &Verdicts<'_>) -> Map {
    let told = verdicts.accepted(gateway);
    if told.is_empty() {
        return file;
    }
    let lines = told
        .iter()
        .map(|(text, at)| Node::tok(json::word(text)).at(*at));
    file.put("accepted", Node::list(lines))
}

fn node(value: &Value) -> Node {
    match value {
        Value::Null => Node::tok(Tok::fixed("null")),
        Value::Bool(flag) => Node::flag(*flag),
        // The gateway has whole numbers only, none of them near the end of their range.
        Value::Number(number) => Node::number(number.as_i64().unwrap_or(i64::MAX)),
        Value::String(text) => Node::tok(json::word(text)),
        Value::Array(items) => Node::list(items.iter().map(node)),
        Value::Object(entries) => entries
            .iter()
            .fold(Map::new(), |map, (key, value)| {
                map.entry(json::word(key), node(value))
            })
            .into(),
    }
}
