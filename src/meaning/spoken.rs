//! A gateway in the words of the spec: each thing with its settings under the names that people write, ids as names.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Kind, Subject};
use crate::ir::{Action, Change, Gateway, HeaderOp, Piece, Route, Server};

/// A thing of the gateway and its settings.
pub(super) struct Thing {
    /// Which.
    pub(super) subject: Subject,
    /// Its settings; what is off is null.
    pub(super) value: Value,
}

/// Where the gateway keeps a setting, and where the spec has it.
type Moves = &'static [(&'static str, &'static str)];

const LISTENER: Moves = &[
    ("head_timeout", "timeouts.head"),
    ("keepalive", "timeouts.keepalive"),
    ("head_limit", "limits.head"),
    ("connections", "limits.connections"),
];

const UPSTREAM: Moves = &[
    ("connect", "timeouts.connect"),
    ("keepalive_timeout", "timeouts.keepalive"),
    ("response_head", "limits.response_head"),
    ("health.check.http", "health.http"),
    ("health.check.tcp", "health.tcp"),
    ("health.check.websocket", "health.websocket"),
];

const ROUTE: Moves = &[
    ("response", "timeouts.response"),
    ("idle", "timeouts.idle"),
    ("body", "limits.body"),
    ("requests", "limits.requests"),
    ("connections", "limits.connections"),
    ("action.redirect", "redirect"),
    ("action.respond", "respond"),
    ("rewrite.query_set", "rewrite.query.set"),
    ("rewrite.query_remove", "rewrite.query.remove"),
];

const GATEWAY: Moves = &[
    ("runtime.drain_timeout", "runtime.drain.timeout"),
    ("runtime.drain_spread", "runtime.drain.spread"),
    ("log.redact_query", "log.redact.query"),
    ("log.redact_headers", "log.redact.headers"),
];

/// Every thing of the gateway, in the order of the file.
pub(super) fn things(gateway: &Gateway) -> Vec<Thing> {
    let mut things = vec![Thing {
        subject: subject(Kind::Gateway, ""),
        value: moved(
            json!({
                "name": written(&gateway.name),
                "log": written(&gateway.log),
                "metrics": written(&gateway.metrics),
                "runtime": written(&gateway.runtime),
            }),
            GATEWAY,
        ),
    }];
    for it in &gateway.listeners {
        let mut value = moved(written(it), LISTENER);
        if let Some(to) = &it.redirect {
            put(
                &mut value,
                "redirect",
                json!(gateway.listener(to.value).name),
            );
        }
        if let Some(tls) = &it.tls {
            let names = tls.certificates.value.iter();
            let names: Vec<_> = names.map(|id| &gateway.certificate(*id).name).collect();
            put(&mut value, "tls.certificates", json!(names));
        }
        things.push(thing(Kind::Listener, &it.name, value));
    }
    for it in &gateway.certificates {
        things.push(thing(Kind::Certificate, &it.name, written(it)));
    }
    for it in &gateway.upstreams {
        let mut value = moved(written(it), UPSTREAM);
        let servers: Vec<String> = it.servers.iter().map(server).collect();
        put(&mut value, "servers", json!(servers));
        things.push(thing(Kind::Upstream, &it.name, value));
    }
    for it in &gateway.auth {
        let mut value = written(&it.kind);
        if let crate::ir::AuthKind::Forward(forward) = &it.kind {
            let name = &gateway.upstream(forward.upstream.value).name;
            put(&mut value, "forward.upstream", json!(name));
        }
        things.push(thing(Kind::Auth, &it.name, value));
    }
    for it in &gateway.routes {
        things.push(thing(Kind::Route, &it.name, route(gateway, it)));
    }
    if let Value::Object(rooms) = written(&gateway.rooms) {
        for (target, mut room) in rooms {
            if let Some(Value::Object(common)) = take(&mut room, "room") {
                for (name, value) in common {
                    put(&mut room, &name, value);
                }
            }
            things.push(thing(Kind::Target, &target, room));
        }
    }
    things
}

fn route(gateway: &Gateway, route: &Route) -> Value {
    let mut value = moved(written(route), ROUTE);
    let hosts: Vec<String> = route.hosts.iter().map(|it| it.value.to_string()).collect();
    let paths: Vec<String> = route.paths.iter().map(|it| it.value.to_string()).collect();
    put(&mut value, "hosts", Value::Null);
    put(&mut value, "paths", Value::Null);
    put(&mut value, "host", json!(hosts));
    put(&mut value, "path", json!(paths));
    put(&mut value, "action", Value::Null);
    if let Action::Forward(shares) = &route.action {
        match shares.as_slice() {
            [one] => {
                let upstream = gateway.upstream(one.upstream.value);
                put(&mut value, "upstream", json!(upstream.name));
            }
            several => {
                let words = several.iter().map(|share| {
                    let name = &gateway.upstream(share.upstream.value).name;
                    format!("{name} {}", share.weight.value)
                });
                put(&mut value, "split", json!(words.collect::<Vec<_>>()));
            }
        }
        // What a share has from its upstream is told there.
        if let Some(share) = shares.first() {
            let upstream = gateway.upstream(share.upstream.value);
            let mut own = |field: &str, here: Value, there: Value| {
                if here != there {
                    put(&mut value, field, here);
                }
            };
            own(
                "timeouts.connect",
                written(&share.connect),
                written(&upstream.connect),
            );
            own(
                "retries",
                written(&share.retries),
                written(&upstream.retries),
            );
            own(
                "host_header",
                written(&share.host_header),
                written(&upstream.host_header),
            );
        }
    }
    if let Some(auth) = gateway.auth_of(route) {
        put(&mut value, "auth", json!(auth.name));
    }
    if let Some(only) = &route.when.listeners {
        let names = only.value.iter().map(|id| &gateway.listener(*id).name);
        put(
            &mut value,
            "when.listeners",
            json!(names.collect::<Vec<_>>()),
        );
    }
    for (field, list) in [
        ("request_headers", &route.request_headers),
        ("response_headers", &route.response_headers),
    ] {
        let words: Vec<String> = list.iter().map(header).collect();
        put(&mut value, field, json!(words));
    }
    value
}

fn server(server: &Server) -> String {
    let mut word = server.address.value.to_string();
    if server.weight.value != 1 {
        word.push_str(&format!(" (weight {})", server.weight.value));
    }
    if server.backup.value {
        word.push_str(" (backup)");
    }
    word
}

fn header(change: &HeaderOp) -> String {
    let verb = match change.change {
        Change::Remove => return format!("remove {}", change.name),
        Change::Set(_) => "set",
        Change::Add(_) => "add",
        Change::SetIfAbsent(_) => "set if absent",
    };
    let mut text = String::new();
    for piece in change.change.value().into_iter().flat_map(|it| &it.0) {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Fact(fact) => text.push_str(&format!("<{}>", word(&written(fact)))),
        }
    }
    format!("{verb} {}: {text}", change.name)
}

/// A few words on a thing: what a person needs to know which it is.
pub(super) fn summary(kind: Kind, value: &Value) -> String {
    let told: &[&str] = match kind {
        Kind::Gateway | Kind::Target => &[],
        Kind::Listener => &["port", "redirect", "tls.certificates"],
        Kind::Certificate => &["hosts"],
        Kind::Upstream => &["servers", "balance", "stickiness"],
        Kind::Auth => &["jwt", "basic", "api_key", "forward"],
        Kind::Route => &[
            "host",
            "path",
            "upstream",
            "split",
            "redirect",
            "respond",
            "websocket.idle",
            "auth",
        ],
    };
    let words = told.iter().filter_map(|field| {
        let value = get(value, field).filter(|it| !it.is_null())?;
        Some(format!("{field} {}", word(value)))
    });
    words.collect::<Vec<_>>().join(", ")
}

/// A value in words.
pub(super) fn word(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.is_empty() => "none".to_owned(),
        Value::Array(list) => list.iter().map(word).collect::<Vec<_>>().join(", "),
        Value::Object(map) => {
            let said = |value: &Value| match value {
                Value::Null | Value::Bool(false) => false,
                Value::Array(list) => !list.is_empty(),
                Value::Object(_) | Value::Bool(true) | Value::Number(_) | Value::String(_) => true,
            };
            let words = map.iter().filter(|(_, value)| said(value));
            let words = words.map(|(name, value)| match value {
                Value::Bool(true) => name.clone(),
                Value::Object(_) => format!("{name} ({})", word(value)),
                _ => format!("{name} {}", word(value)),
            });
            words.collect::<Vec<_>>().join(", ")
        }
    }
}

fn subject(kind: Kind, name: &str) -> Subject {
    Subject {
        kind,
        name: name.to_owned(),
    }
}

fn thing(kind: Kind, name: &str, mut value: Value) -> Thing {
    take(&mut value, "name");
    Thing {
        subject: subject(kind, name),
        value,
    }
}

/// The value as it is written out. The gateway's types have string keys and no numbers that JSON lacks.
fn written(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn moved(mut value: Value, moves: Moves) -> Value {
    for (from, to) in moves {
        if let Some(setting) = take(&mut value, from)
            && !setting.is_null()
        {
            put(&mut value, to, setting);
        }
    }
    value
}

fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(value, |value, name| value.get(name))
}

fn take(value: &mut Value, path: &str) -> Option<Value> {
    match path.split_once('.') {
        Some((name, rest)) => take(value.get_mut(name)?, rest),
        None => value.as_object_mut()?.shift_remove(path),
    }
}

/// Sets a value below objects, which are made where there are none.
fn put(value: &mut Value, path: &str, setting: Value) {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Some(map) = value.as_object_mut() else {
        return;
    };
    match path.split_once('.') {
        Some((name, rest)) => put(map.entry(name).or_insert(Value::Null), rest, setting),
        None => {
            map.insert(path.to_owned(), setting);
        }
    }
}
