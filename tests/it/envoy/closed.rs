//! Scripts that guard: one that fails refuses the request, or withholds the answer, where Envoy alone would let it go on.

use std::net::Ipv4Addr;

use super::conf;
use crate::live::must::*;
use crate::live::{Client, Running, Stub, port};
use crate::programs;

/// A line of each script, which every request of a route passes.
const SCRIPTS: [(&str, &str); 4] = [
    ("/head", "local target = headers:get(\":path\") or \"/\""),
    ("/open", "local key = rule.route .. \" \" .. who"),
    ("/key", "local found = take(headers, rule.places)"),
    (
        "/late",
        "for _, name in ipairs(rule.gone) do gone[name] = true end",
    ),
];

#[test]
fn a_guard_whose_script_fails_answers_503() {
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    let server = Stub::start("a");
    let (at, admin) = (port(), port());
    let spec = format!(
        r#"
wsgen: 1
listeners: {{ web: {{ port: {at}, address: 127.0.0.1 }} }}
upstreams: {{ app: {{ servers: ["{}"] }} }}
auth: {{ partners: {{ api_key: {{ keys: {{ env: HOME }}, from: [{{ header: X-Api-Key }}] }} }} }}
log: off
routes:
  - {{ name: head, path: /head, upstream: app, websocket: {{ origins: same_host }} }}
  - {{ name: open, path: /open, upstream: app, limits: {{ connections: {{ per: client, max: 9 }} }} }}
  - {{ name: key, path: /key, upstream: app, auth: partners }}
  - {{ name: late, path: /late, upstream: app, rewrite: {{ query: {{ remove: [x] }} }} }}
targets: {{ envoy: {{ admin_port: {admin} }} }}
"#,
        server.address()
    );
    let whole = conf(&spec);
    let key = std::env::var("HOME").unwrap_or_default();
    let page = format!("http://127.0.0.1:{at}");
    let ask = || {
        let client = Client::new((Ipv4Addr::LOCALHOST, at).into());
        SCRIPTS.map(|(path, _)| {
            client
                .get(path, &[("X-Api-Key", &key), ("Origin", &page)])
                .status
        })
    };
    let run = Running::start_with(&program, &[("envoy.yaml", &whole)]);
    assert_eq!(ask(), [200; 4]);
    drop(run);
    for (number, (path, line)) in SCRIPTS.iter().enumerate() {
        let planted = whole.replace(line, &format!("error(\"planted\") {line}"));
        assert_ne!(planted, whole, "{line}");
        let _run = Running::start_with(&program, &[("envoy.yaml", &planted)]);
        let mut promised = [200; 4];
        promised[number] = 503;
        assert_eq!(ask(), promised, "{path}");
    }
}

/// A line of each script that every answer of a route passes.
const ANSWERS: [(&str, &str); 3] = [
    ("/head", "local pages = handle:metadata():get(\"pages\")"),
    (
        "/key",
        "local kept = handle:streamInfo():dynamicMetadata():get(\"wsgen.auth\")",
    ),
    ("/late", "local rule = handle:metadata():get(\"location\")"),
];

#[test]
fn an_answer_whose_script_fails_is_withheld() {
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    let server = Stub::start("a");
    let (at, admin) = (port(), port());
    let spec = format!(
        r#"
wsgen: 1
listeners: {{ web: {{ port: {at}, address: 127.0.0.1 }} }}
upstreams: {{ app: {{ servers: ["{}"] }} }}
auth: {{ partners: {{ api_key: {{ keys: {{ env: HOME }}, from: [{{ header: X-Api-Key }}] }} }} }}
log: off
routes:
  - {{ name: head, path: /head, upstream: app, error_pages: {{ replace: server, 500: {{ respond: {{ status: 500, body: sorry }} }} }} }}
  - {{ name: key, path: /key, upstream: app, auth: partners }}
  - {{ name: late, path: /late, upstream: app, rewrite: {{ strip_prefix: true, map_location: true }} }}
targets: {{ envoy: {{ admin_port: {admin} }} }}
"#,
        server.address()
    );
    let whole = conf(&spec);
    let key = std::env::var("HOME").unwrap_or_default();
    let ask = || {
        let client = Client::new((Ipv4Addr::LOCALHOST, at).into());
        ANSWERS.map(|(path, _)| {
            let told = client.get(path, &[("X-Api-Key", &key), ("X-Reply", "X-Inner: secret")]);
            let inner = told.header("x-inner").is_some() || told.text().contains("x-api-key");
            (told.status, inner)
        })
    };
    let run = Running::start_with(&program, &[("envoy.yaml", &whole)]);
    assert_eq!(ask(), [(200, true); 3]);
    drop(run);
    for (number, (path, line)) in ANSWERS.iter().enumerate() {
        let planted = whole.replace(line, &format!("error(\"planted\") {line}"));
        assert_ne!(planted, whole, "{line}");
        let _run = Running::start_with(&program, &[("envoy.yaml", &planted)]);
        assert_eq!(ask()[number], (503, false), "{path}");
    }
}
