//! Ingress and Gateway API resources: what a cluster says of them, what Traefik does with them as its controller, and that a
//! user's texts arrive in them as they are.

mod changes;
mod kubectl;
mod live;
mod manifests;
mod readers;
mod routing;
mod schemas;
mod texts;

use serde::Deserialize;
use serde_json::Value;
use wsgen::compile::{self, Compiled, Input, Options, World};
use wsgen::diag::human;
use wsgen::targets;

/// Each way that resources are written: target, its room, and a name.
const WAYS: [(&str, &str, &str); 9] = [
    ("ingress", "controller: traefik", "traefik"),
    ("ingress", "controller: nginx", "nginx"),
    ("ingress", "controller: haproxy", "haproxy"),
    ("gateway", "implementation: traefik", "traefik"),
    ("gateway", "implementation: envoy-gateway", "envoy-gateway"),
    ("gateway", "implementation: kgateway", "kgateway"),
    (
        "gateway",
        "implementation: nginx-gateway-fabric",
        "nginx-gateway-fabric",
    ),
    ("gateway", "implementation: istio", "istio"),
    ("gateway", "implementation: cilium", "cilium"),
];

/// A spec as a target gets it, losses told and no more.
fn compiled(spec: &str, target: &str, room: &str) -> Compiled {
    let inputs = vec![
        Input::new("spec.yaml", spec),
        Input::new(
            "room.yaml",
            format!("targets: {{ {target}: {{ on_loss: warn, {room} }} }}\n"),
        ),
    ];
    let plain = compile::compile(inputs, World::EMPTY);
    let shown = human::write(&plain.report, Some(&plain.tree), &plain.sources, false, 100);
    assert!(plain.gateway.is_some(), "{shown}");
    compile::for_target(&plain, target, World::EMPTY).unwrap_or(plain)
}

/// The files of a spec: name and text.
fn rendered(spec: &str, target: &str, room: &str) -> Vec<(String, String)> {
    let compiled = compiled(spec, target, room);
    let renderer = targets::by_id(target).expect("the target");
    let rendered = compile::render(&compiled, renderer, Options::default());
    let shown = human::write(
        &rendered.report,
        Some(&compiled.tree),
        &compiled.sources,
        false,
        100,
    );
    assert!(!rendered.files.is_empty(), "{target}, {room}: {shown}");
    let files = rendered.files.into_iter();
    files
        .map(|file| (file.path.to_string_lossy().into_owned(), file.text))
        .collect()
}

/// The objects of a file.
fn objects(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    documents
        .map(|it| Value::deserialize(it).unwrap_or_else(|why| panic!("{why}\n{text}")))
        .filter(Value::is_object)
        .collect()
}

/// Those of a kind.
fn of<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|it| it["kind"] == kind).collect()
}

/// The examples: name and text.
fn examples() -> Vec<(String, String)> {
    let folder = std::fs::read_dir(crate::bless::root().join("examples")).expect("the examples");
    let mut all: Vec<(String, String)> = folder
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
        .map(|path| {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, std::fs::read_to_string(&path).expect("readable"))
        })
        .collect();
    all.sort();
    all
}

/// A spec in which nearly every feature stands.
const MANY: &str = r#"
wsgen: 1
name: shop
listeners:
  plain: { port: 80, redirect: secure }
  secure: { port: 443, tls: { certificates: [site], hsts: 365d } }
  inner: { port: 8080, trusted_proxies: [10.0.0.0/8] }
certificates:
  site: { hosts: [example.com, "*.example.com"], cert: /etc/ssl/site.crt, key: "/etc/ssl/it's.key" }
upstreams:
  chat: { servers: [10.0.0.1:8080, 10.0.0.2:8080], stickiness: { cookie: { name: node, ttl: 1h } } }
  web: { servers: [{ address: 10.0.0.3:8081, weight: 3 }, 10.0.0.4:8082, "[2001:db8::1]:8081"] }
  named: { servers: [app1.internal:8080, app2.internal:8080], balance: least_connections }
  safe: { servers: [safe.internal:8443], tls: { ca: /etc/ssl/ca.pem } }
auth:
  staff: { basic: { file: /etc/wsgen/htpasswd, realm: staff } }
routes:
  - { name: socket, host: example.com, path: /ws, upstream: chat, websocket: { origins: [https://example.com] }, limits: { connections: { max: 3 } } }
  - { name: api, host: example.com, path: [/api, /v2], upstream: web, rewrite: { strip_prefix: on }, limits: { requests: { rate: 5/s, burst: 2 } } }
  - { name: one, host: example.com, path: { exact: /one }, upstream: named, compression: on, timeouts: { response: 90s } }
  - { name: room, host: example.com, path: { regex: "/room/[0-9]+" }, upstream: named }
  - { name: admin, host: example.com, path: /admin, upstream: web, auth: staff }
  - { name: inside, host: example.com, path: /inside, upstream: safe, when: { listeners: [secure, inner] } }
  - { name: office, host: example.com, path: /office, upstream: safe, clients: { deny: [10.0.0.0/8], allow: [10.0.0.0/7, 127.0.0.0/8] }, when: { listeners: [secure] } }
  - { name: old, host: example.com, path: /old, redirect: { to: "https://example.com/new", status: 302 } }
  - { name: gone, host: example.com, path: /gone, respond: { status: 410, body: gone } }
  - { name: tenants, host: "*.example.com", upstream: web, request_headers: { set: { X-A: b }, remove: [X-C] }, cors: { origins: [https://o.example] } }
  - { name: split, host: example.com, path: /split, split: { chat: 90, web: 10 } }
  - { name: any, path: /any, upstream: web, methods: [GET, POST] }
  - { name: site, host: example.com, upstream: web }
"#;
