//! Faults of shape, as people read them.

use serde_json::{Value, json};

use super::*;
use crate::source::Sources;
use crate::spec::{params, yaml};

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "http2": { "type": "boolean" },
            "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
            "idle": { "anyOf": [{ "const": "off" }, { "$ref": "#/$defs/Duration" }] },
            "timeouts": { "$ref": "#/$defs/Timeouts" },
            "balance": { "oneOf": [
                { "type": "string", "enum": ["round_robin", "least_connections"] },
                { "type": "object", "properties": { "hash": { "$ref": "#/$defs/Hash" } }, "required": ["hash"], "additionalProperties": false },
            ] },
            "websocket": { "anyOf": [{ "type": "boolean" }, { "$ref": "#/$defs/WebSocket" }] },
            "hosts": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            "upstreams": { "type": "object", "additionalProperties": { "$ref": "#/$defs/Upstream" }, "propertyNames": { "pattern": "^[a-z]+$" } },
        },
        "required": ["name"],
        "additionalProperties": false,
        "$defs": {
            "Duration": { "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$", "examples": ["5s"], "description": "A time." },
            "Timeouts": { "type": "object", "properties": { "response": { "$ref": "#/$defs/Duration" } }, "additionalProperties": false },
            "WebSocket": { "type": "object", "properties": { "idle": { "$ref": "#/$defs/Duration" }, "only": { "type": "boolean" } }, "additionalProperties": false },
            "Hash": { "oneOf": [
                { "type": "object", "properties": { "header": { "type": "string" } }, "required": ["header"], "additionalProperties": false },
                { "type": "object", "properties": { "source": { "const": true } }, "required": ["source"], "additionalProperties": false },
            ] },
            "Upstream": { "type": "object", "properties": { "servers": { "type": "array", "items": { "type": "string" } } }, "required": ["servers"], "additionalProperties": false },
        },
    })
}

fn titles(text: &str) -> Vec<String> {
    titles_with(text, &[])
}

fn titles_with(text: &str, given: &[(String, String)]) -> Vec<String> {
    let (mut sources, mut report) = (Sources::new(), Report::new());
    let file = sources.add("x.yaml", text);
    let mut tree = yaml::parse(&sources, file, &mut report);
    params::expand(&mut tree, &given.to_vec(), &mut report);
    assert!(report.is_empty(), "{report:?}");
    faults(&tree, tree.root(), &schema(), &mut report);
    report
        .diags
        .iter()
        .map(|diag| {
            let mut text = diag.title.clone();
            for more in diag
                .labels
                .iter()
                .map(|label| &label.text)
                .chain(&diag.helps)
                .filter(|text| !text.is_empty())
            {
                text = format!("{text} | {more}");
            }
            text
        })
        .collect()
}

fn one(text: &str) -> String {
    let titles = titles(&format!("name: x\n{text}"));
    assert_eq!(titles.len(), 1, "{text}: {titles:?}");
    titles[0].clone()
}

#[test]
fn faults_teach() {
    assert_eq!(
        one("idle: 60"),
        "expected `off` or a duration such as `5s`, found the number 60 | a number needs a unit: write `60s`"
    );
    assert_eq!(
        one("idle: 0"),
        "expected `off` or a duration such as `5s`, found the number 0 | to turn it off, write `off`"
    );
    assert_eq!(
        one("idle: 5 s"),
        "expected `off` or a duration such as `5s`, found `5 s` | `5 s` is not a duration: write whole numbers with `ms`, `s`, `m`, `h` or `d`, such as `1h30m`"
    );
    assert_eq!(
        one("http2: yes"),
        "expected `on` or `off`, found `yes` | write `on`"
    );
    assert_eq!(
        one("http2: \"on\""),
        "expected `on` or `off`, found `on` | without quotes, write `on`"
    );
    assert_eq!(
        one("port: 70000"),
        "expected a number from 1 to 65535, found 70000"
    );
    assert_eq!(
        one("port: \"80\""),
        "expected a whole number, found the text \"80\" | without quotes, write `80`"
    );
    assert_eq!(
        one("port:"),
        "a value is missing here | expected a whole number"
    );
    assert_eq!(one("hosts: a"), "expected a list, found `a` | write `[a]`");
    assert_eq!(
        one("hosts: [1.30]"),
        "expected text, found the number 1.30 | this is text here: write `\"1.30\"`"
    );
    assert_eq!(one("hosts: []"), "`hosts` needs at least 1 item");
    assert_eq!(
        one("websocket: {idel: 5s}"),
        "unknown key `idel` in `websocket` | did you mean `idle`?"
    );
    assert_eq!(
        one("websocket: {idle: 5}"),
        "expected a duration such as `5s`, found the number 5 | a number needs a unit: write `5s`"
    );
    assert_eq!(
        one("websocket: yes"),
        "expected `on`, `off` or a mapping, found `yes` | write `on`"
    );
    assert_eq!(
        one("balance: least_conections"),
        "expected `round_robin`, `least_connections` or `{hash: …}`, found `least_conections` | did you mean `least_connections`?"
    );
    assert_eq!(
        one("balance: hash"),
        "expected `round_robin`, `least_connections` or `{hash: …}`, found `hash` | `hash` is a key here: write `{hash: …}`"
    );
    assert_eq!(
        one("balance: {hash: {head: x}}"),
        "unknown key `head` in `balance.hash` | did you mean `header`?"
    );
    assert_eq!(
        one("balance: {hash: {header: x, source: true}}"),
        "`balance.hash` takes one of `header` and `source`, not both | one too many | `header` is chosen here"
    );
    assert_eq!(
        one("balance: {hash: {}}"),
        "`balance.hash` is empty | write one of `header` or `source`"
    );
    assert_eq!(
        one("upstreams: {web: {}}"),
        "`upstreams.web` has no `servers` | write `servers: …`: a list"
    );
    assert_eq!(
        one("upstreams: {Web: {servers: []}}"),
        "`Web` cannot be a key here"
    );
    assert_eq!(
        one("response: 5s").split(" | ").nth(1),
        Some("`response` stands in `timeouts`")
    );
    assert_eq!(
        titles("[1]"),
        ["expected a mapping, found a list | write `{name: …}`"]
    );
    assert_eq!(titles("port: x\nfoo: 1\nidle: [1]").len(), 4);
}

#[test]
fn what_fits_passes() {
    for text in [
        "http2: on",
        "http2: false",
        "idle: off",
        "idle: 1h30m",
        "websocket: on",
        "websocket: {only: off}",
        "balance: {hash: {source: on}}",
    ] {
        assert_eq!(titles(&format!("name: x\n{text}")), [""; 0], "{text}");
    }
}

#[test]
fn a_parameter_has_the_type_of_its_field() {
    let given = [
        ("P".to_owned(), "80".to_owned()),
        ("ON".to_owned(), "off".to_owned()),
    ];
    assert_eq!(
        titles_with(
            "name: \"${P}\"\nport: ${P}\nhttp2: ${ON}\nidle: ${P}s",
            &given
        ),
        [""; 0]
    );
    assert_eq!(
        titles_with("name: x\nport: ${ON}", &given),
        ["expected a whole number, found `off`"]
    );
}

#[test]
fn repeats_are_counted() {
    let text: String = (0..150).map(|n| format!("k{n}: 1\n")).collect();
    let titles = titles(&format!("name: x\n{text}"));
    assert_eq!(titles.len(), MAX_FAULTS + 1);
    assert_eq!(titles[MAX_FAULTS], "and 50 more faults like these");
}
