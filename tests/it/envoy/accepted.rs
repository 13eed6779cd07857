//! What the program's own check takes: every layout, with and without the lines of the spec, with words of its own.

use wsgen::compile::{self, Input, NoFiles, Options, World};
use wsgen::targets::{self, Layout};

use super::Fixed;
use crate::{programs, rehearse};

const ALL: &str = r#"
wsgen: 1
name: all
listeners:
  plain: { port: 80, redirect: secure }
  secure: { port: 443, tls: { certificates: [site], hsts: 365d } }
certificates: { site: { hosts: [example.com, "*.example.com"], cert: /etc/ssl/site.crt, key: /etc/ssl/site.key } }
upstreams:
  web: { servers: [10.0.0.1:80, { address: 10.0.0.2:80, backup: true }], health: { http: { path: /up } }, stickiness: { cookie: { name: node } } }
  hub: { servers: [10.0.0.3:80, 10.0.0.4:80], balance: least_connections, max_connections: 100 }
auth:
  staff: { jwt: { keys: { hs256: { env: JWT_SECRET } } } }
routes:
  - { name: socket, host: example.com, path: /ws, upstream: hub, auth: staff, websocket: { idle: 1h, origins: same_host }, limits: { connections: { per: client, max: 9 } } }
  - { name: api, host: "*.example.com", path: /api, upstream: web, rewrite: { strip_prefix: true, query: { set: { a: b } } }, limits: { requests: { rate: 10/s }, body: 1MiB } }
  - { name: site, host: example.com, upstream: web, compression: on, error_pages: { 502: { respond: { body: sorry } } } }
log: { format: json, redact: { query: [token] } }
targets:
  envoy:
    on_loss: warn
    raw:
      top: "stats_flush_interval: 10s"
      listeners: { secure: "per_connection_buffer_limit_bytes: 32768" }
      upstreams: { hub: "per_connection_buffer_limit_bytes: 16384" }
      routes: { api: "decorator: {operation: api}" }
"#;

fn rendered(spec: &str, options: Options) -> String {
    let world = World {
        params: &Fixed,
        files: &NoFiles,
    };
    let compiled = compile::compile(vec![Input::new("spec.yaml", spec)], world);
    let target = targets::by_id("envoy").expect("it is a target");
    let out = compile::render(&compiled, target, options);
    match out.files.first() {
        Some(file) => file.text.clone(),
        None => panic!("{:#?}\n{:#?}", compiled.report, out.report),
    }
}

/// A bootstrap of somebody's own, as far as an include asks something of it.
const BOOTSTRAP: &str = r#"
node: {id: own, cluster: own}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
bootstrap_extensions:
  - name: envoy.bootstrap.internal_listener
    typed_config: {"@type": type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener}
"#;

#[test]
fn every_layout_is_accepted_with_and_without_its_lines() {
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    for layout in [Layout::Full, Layout::Include] {
        for annotate in [false, true] {
            let text = rendered(
                ALL,
                Options {
                    layout,
                    annotate,
                    ..Options::default()
                },
            );
            assert_eq!(text.contains("# spec.yaml:"), annotate, "{text}");
            let whole = match layout {
                Layout::Include => format!("{BOOTSTRAP}{text}"),
                Layout::Full | Layout::Json | Layout::Labels => text,
            };
            if let Err(why) = rehearse::check(&program, &[("envoy.yaml", &whole)]) {
                panic!("{layout:?}, annotate {annotate}: {why}\n{whole}");
            }
        }
    }
}

/// Each word stands where its room says: misspelt, it is refused as no word of that message.
#[test]
fn words_of_its_own_reach_the_program() {
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    for (word, known) in [
        ("stats_flush_interval", "Bootstrap"),
        ("per_connection_buffer_limit_bytes: 32768", "Listener"),
        ("per_connection_buffer_limit_bytes: 16384", "Cluster"),
        ("decorator", "Route"),
    ] {
        let wrong = rendered(&ALL.replace(word, &format!("x_{word}")), Options::default());
        let why = rehearse::check(&program, &[("envoy.yaml", &wrong)]);
        let why = why.expect_err("no such word");
        assert!(
            why.contains(&format!("x_{}", word.split(':').next().unwrap_or(word))),
            "{why}"
        );
        assert!(why.contains(known), "{why}");
    }
}

/// An include holds nothing that a bootstrap has once, and asks for one extension.
#[test]
fn an_include_has_only_what_goes_into_another_file() {
    let own = ALL.replace("      top: \"stats_flush_interval: 10s\"\n", "");
    let text = rendered(
        &own,
        Options {
            layout: Layout::Include,
            ..Options::default()
        },
    );
    let keys = text
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()));
    assert_eq!(keys.collect::<Vec<_>>(), ["static_resources:"]);
    // What the page says that it asks of the bootstrap.
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    let why = rehearse::check(&program, &[("envoy.yaml", &text)]);
    let why = why.expect_err("nothing makes listeners inside the process");
    assert!(why.contains("InternalListener"), "{why}");
}
