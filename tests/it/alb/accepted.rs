//! The linter of CloudFormation takes what is rendered, without a warning: every example, and specs that use all there is.

use std::path::PathBuf;

use wsgen::compile::Options;
use wsgen::targets::Layout;

use super::{compiled, rendered, template, text};
use crate::bless::root;
use crate::programs;
use crate::scratch::Scratch;

/// Specs that use all there is, and the examples with their losses taken for warnings.
pub(super) fn specs() -> Vec<(String, String)> {
    let folder = std::fs::read_dir(root().join("examples")).expect("the examples are there");
    let mut specs: Vec<(String, String)> = folder
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
        .map(|path: PathBuf| {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let spec = std::fs::read_to_string(&path).expect("readable");
            let spec = match spec.contains("\ntargets:\n") {
                true => spec.replace("\ntargets:\n", "\ntargets:\n  alb: { on_loss: warn }\n"),
                false => format!("{spec}\ntargets: {{ alb: {{ on_loss: warn }} }}\n"),
            };
            (name, spec)
        })
        .collect();
    specs.sort();
    specs.extend(
        SPECS
            .iter()
            .enumerate()
            .map(|(n, spec)| (format!("spec{n}"), (*spec).to_owned())),
    );
    specs
}

#[test]
fn the_linter_accepts_every_template() {
    let Some(lint) = programs::require("cfn-lint") else {
        return;
    };
    let scratch = Scratch::new("cfn-lint");
    let mut files = Vec::new();
    for (name, spec) in specs() {
        let compiled = compiled(&spec);
        for (layout, end) in [(Layout::Full, "yaml"), (Layout::Json, "json")] {
            let options = Options {
                layout,
                ..Options::default()
            };
            let (text, report) = rendered(&compiled, options);
            let text = text.unwrap_or_else(|| panic!("{name}: {report:#?}"));
            files.push(scratch.write(&format!("{name}.{end}"), text));
        }
        // Resources alone, in a template that declares what they refer to.
        let options = Options {
            layout: Layout::Include,
            ..Options::default()
        };
        let (part, _) = rendered(&compiled, options);
        let whole = template(&text(&spec));
        let mut own = serde_json::json!({ "AWSTemplateFormatVersion": "2010-09-09", "Parameters": whole["Parameters"] });
        own["Resources"] = template(&part.expect("resources"));
        assert_eq!(own["Resources"], whole["Resources"], "{name}");
        files.push(scratch.write(&format!("{name}-included.json"), own.to_string()));
    }
    let output = lint
        .command()
        .arg("-t")
        .args(&files)
        .output()
        .expect("it starts");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    // Whether it looks at all: one word wrong, and a parameter that nobody uses.
    for (from, to) in [
        ("Priority:", "Prioriti:"),
        ("{Ref: VpcId}", "vpc-1"),
        ("HTTP_301", "HTTP_308"),
    ] {
        let wrong = text(SPECS[0]).replace(from, to);
        let file = scratch.write("wrong.yaml", wrong);
        let output = lint
            .command()
            .arg("-t")
            .arg(file)
            .output()
            .expect("it starts");
        assert!(
            !output.status.success(),
            "`{to}` in place of `{from}` is not seen"
        );
    }
}

#[test]
fn both_languages_say_the_same() {
    for (name, spec) in specs() {
        let compiled = compiled(&spec);
        let in_json = Options {
            layout: Layout::Json,
            ..Options::default()
        };
        let (json, _) = rendered(&compiled, in_json);
        let mut json = template(&json.expect("a template"));
        // The one has comments, the other says it here.
        json.as_object_mut().expect("a map").remove("Metadata");
        assert_eq!(template(&text(&spec)), json, "{name}");
    }
}

pub(super) const SPECS: &[&str] = &[
    r#"
wsgen: 1
name: everything
listeners:
  plain: { port: 80, redirect: secure }
  secure:
    port: 443
    encoded_slash: reject
    tls: { certificates: [one, two, three], profile: modern, hsts: { max_age: 365d, subdomains: true }, client_auth: { ca: /etc/ssl/clients.pem } }
  odd: { port: 8443, public_port: 443, header_names: lenient, paths: raw, tls: { certificates: [two] } }
  internal: { port: 8080, address: 10.0.0.1 }
certificates:
  one: { hosts: [a.example], cert: /etc/ssl/one.pem, key: /etc/ssl/one.key }
  two: { hosts: ["*.b.example"], cert: /etc/ssl/two.pem, key: /etc/ssl/two.key }
  three: { hosts: [c.example], acme: { email: ops@example.com } }
upstreams:
  weighted: { servers: [{ address: 10.0.0.1:8080, weight: 3 }, { address: 10.0.0.2:8080, weight: 3 }, 10.0.0.3:8080], balance: least_connections }
  sticky: { servers: [10.1.0.1:8080, 10.1.0.2:8080], stickiness: { cookie: { name: node, ttl: 1h } }, slow_start: 60s }
  app-cookie: { servers: [{ address: 10.2.0.1:81, weight: 2 }, 10.2.0.2:81], stickiness: { app_cookie: { name: SID, ttl: 1h } } }
  named: { servers: ["one.internal:8080", "two-b.internal:8080", "two.b.internal:8080"], balance: random, passive: { errors: 3, within: 10s, eject: 30s } }
  checked: { servers: [100.64.0.1:80], health: { http: { path: "/health?x=1", status: [200, 301-308], port: 9000 }, interval: 10s, timeout: 3s, rise: 3, fall: 4 } }
  handshake: { servers: [192.168.0.1:80], health: { websocket: { path: /ws } } }
  secret: { servers: [172.16.0.1:443], tls: { verify: false }, host_header: { set: inner.example.com } }
  modern: { servers: [172.16.0.2:443], protocol: http2 }
  existing: { servers: [10.5.0.1:80] }
auth:
  members: { jwt: { keys: { jwks: { url: "https://id.example.com/keys", algorithms: [rs256] } }, issuer: "https://id.example.com/", audience: [chat, web] } }
routes:
  - { name: weighted, host: a.example, path: /weighted, upstream: weighted, when: { listeners: [secure] } }
  - { name: split, host: a.example, path: /split, split: { sticky: 90, app-cookie: 10 }, when: { listeners: [secure] } }
  - { name: named, host: a.example, path: /named, upstream: named, methods: [GET, HEAD, PUT], websocket: { idle: 20m, origins: [same_host, https://x.example], only: true } }
  - { name: checked, host: ["*.b.example", { regex: "x[0-9]+\\.example" }], path: [/c, { exact: "/d*" }, { regex: "/e/[a-z]+" }], upstream: checked }
  - { name: stripped, host: ["*.b.example", c.example], path: [/s, /t/u], upstream: checked, rewrite: { strip_prefix: true } }
  - { name: handshake, path: /handshake, upstream: handshake, clients: { allow: [10.0.0.0/8, 192.168.0.0/16, 172.16.0.0/12, "fd00::/8", 100.64.0.0/10, 198.18.0.0/15], deny: [10.2.0.0/16] } }
  - { name: secret, path: /secret, upstream: secret, rewrite: { regex: { match: "/secret/(.*)", to: "/$1" } } }
  - { name: modern, path: /modern, upstream: modern, when: { listeners: [secure] } }
  - { name: existing, path: /existing, upstream: existing, response_headers: { remove: [Server], set: { X-Frame-Options: DENY } } }
  - { name: members, host: a.example, path: /members, upstream: sticky, auth: members, websocket: true, when: { listeners: [secure] } }
  - { name: counted, host: "*.b.example", path: [/counted, { exact: /counted2 }], upstream: sticky, limits: { requests: { rate: 5/s, per: client, exempt: [10.0.0.0/8, "fd00::/8"] }, body: 4KiB } }
  - { name: keyed, path: /keyed, upstream: sticky, limits: { requests: { rate: 600/min, per: { header: X-Key }, bucket: shared } }, when: { methods: [POST, PUT] } }
  - { name: keyed2, path: { regex: "/keyed2/.*" }, upstream: sticky, limits: { requests: { rate: 600/min, per: { header: X-Key }, bucket: shared } } }
  - { name: whole, path: /keyed/whole, upstream: sticky, limits: { requests: { rate: 100/h, per: route } } }
  - { name: conditions, path: /conditions, upstream: sticky, when: { headers: { X-Env: canary, X-Is: { present: true } }, query: { v: "2*" }, upgrade: true } }
  - { name: go, path: /go, redirect: { to: "https://else.example/a%20b?x=y" } }
  - { name: parts, path: /parts, redirect: { scheme: https, host: "b.example:8443", path: "/p%20q", status: 302 } }
  - { name: gone, path: /gone, respond: { status: 410, body: "{\"gone\": \"no\"}\n", content_type: application/json } }
  - { name: rest, upstream: sticky }
log: { format: json }
targets:
  alb:
    on_loss: warn
    rules: 200
    vpc: vpc-0a1b2c3d
    subnets: [subnet-0a1b2c3d, subnet-0123456789abcdef0]
    scheme: internal
    log_bucket: logs.example.com
    certificates: { one: "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
    upstreams: { existing: "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/existing/0123456789abcdef" }
accept:
  - { loss: "alb::health.websocket", because: "it answers 426" }
"#,
    // Raw parts, an existing trust store, every route bare of forwarded headers, nothing but names.
    r#"
wsgen: 1
listeners:
  secure: { port: 443, tls: { certificates: [one], client_auth: { ca: /ca.pem, mode: optional } } }
certificates: { one: { hosts: [a.example], cert: /a, key: /b } }
upstreams: { app: { servers: ["app.internal:80"], timeouts: { connect: 2s } } }
routes:
  - { name: a, host: a.example, upstream: app, forwarded: off, websocket: { idle: 2h } }
targets:
  alb:
    on_loss: warn
    trust_store: "arn:aws:elasticloadbalancing:eu-central-1:123456789012:truststore/own/0123456789abcdef"
    raw:
      top: "\"Bucket\": {\"Type\": \"AWS::S3::Bucket\"}"
      upstreams: { app: "\"Tags\": [{\"Key\": \"team\", \"Value\": \"chat\"}]" }
"#,
    // Guards that are lost: everything is closed, and still a template.
    r#"
wsgen: 1
listeners: { web: { port: 80, trusted_proxies: [10.0.0.0/8], limits: { connections: 10 } }, other: { port: 81 } }
upstreams: { app: { servers: [10.0.0.1:80] }, safe: { servers: [10.0.0.2:443], tls: { server_name: a } } }
auth: { staff: { basic: { file: /etc/htpasswd } } }
routes:
  - { name: a, path: /a, upstream: app, auth: staff }
  - { name: b, path: /b, upstream: safe }
  - { name: c, path: /c, upstream: app, when: { clients: [10.0.0.0/8] } }
  - { name: d, path: /d, upstream: app, limits: { connections: { max: 3 } } }
  - { name: e, upstream: app, websocket: { origins: same_host } }
targets: { alb: { on_loss: warn } }
"#,
];
