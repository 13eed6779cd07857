//! An original of HAProxy on HAProxy itself: what its import promises of routes, sockets and times, the original does.

use std::time::Duration;

use wsgen::compile::{self, Input, World};
use wsgen::import::{self, Dialect};
use wsgen::verify::judge::Judgement;
use wsgen::verify::run::{self, Failure, Wish};

use crate::bless::root;
use crate::programs::{HAPROXY, present};

/// What is asked. HAProxy's redirect is not: it keeps the port of `Host`, which is another one on loopback.
const ASKED: &[&str] = &[
    "path.prefix",
    "path.exact",
    "websocket.upgrade",
    "timeout.websocket_idle",
    "timeout.response",
    "stickiness.cookie",
    "clients.allow",
    "balance",
];

/// What the account says of the original, by feature: the import is otherwise, and this is how.
const TOLD: &[(&str, &str)] = &[
    ("path.prefix", "/x/../"),
    ("stickiness.cookie.attributes", "path=/; HttpOnly; Secure"),
];

#[test]
fn an_original_of_haproxy_does_what_its_import_promises() {
    let path = root().join("tests/it/import/configurations/socketio-haproxy/haproxy.cfg");
    let original = std::fs::read_to_string(path).expect("a configuration");
    let input = Input::new("haproxy.cfg", original.as_str());
    let done = import::import(input, Some(Dialect::Haproxy), &import::Nothing);
    let spec = done.spec.expect("a spec");
    // A loss of what we would render is none of the original's.
    let warn = Input::new("warn.yaml", "targets: { haproxy: { on_loss: warn } }");
    let compiled = compile::compile(vec![Input::new("spec.yaml", spec), warn], World::EMPTY);
    let only: Vec<String> = ASKED.iter().map(|it| (*it).to_owned()).collect();
    for program in present(&HAPROXY) {
        let patch = |rendered: &str| moved(&original, rendered);
        let wish = Wish {
            only: &only,
            limit: Duration::from_secs(120),
            keep: false,
            patch: Some(&patch),
            original: None,
            progress: &|_, _, _| {},
        };
        let column = run::verify(&compiled, program.found(), wish).expect("a gateway");
        let results = column.outcome.unwrap_or_else(|why| {
            let said = match why {
                Failure::Losses(report) => format!("{:#?}", report.diags),
                Failure::Lab(said) => said,
                Failure::Program { what, log, .. } => format!("{what}: {log}"),
            };
            panic!("{} is not asked: {said}", program.name)
        });
        let broken: Vec<String> = results
            .iter()
            .filter(|it| it.judgement == Judgement::Broken)
            .filter(|it| {
                let said = format!("{:?}", it.deviation);
                let told = |one: &(&str, &str)| it.feature.id() == one.0 && said.contains(one.1);
                !TOLD.iter().any(told)
            })
            .map(|it| format!("{}: {} {:?}", it.feature.id(), it.promise, it.deviation))
            .collect();
        assert!(
            broken.is_empty(),
            "{}:\n{}",
            program.name,
            broken.join("\n")
        );
        let held = results
            .iter()
            .filter(|it| it.judgement == Judgement::Held)
            .count();
        assert!(
            held >= 8,
            "{}: only {held} promises were seen",
            program.name
        );
    }
}

/// The original with the ports, servers, certificates and times that the lab gave what would be rendered.
fn moved(original: &str, rendered: &str) -> String {
    // Only the main file is a configuration.
    if !rendered.contains("\nfrontend ") {
        return rendered.to_owned();
    }
    let section = |head: &str| -> Vec<&str> {
        let lines = rendered.lines().skip_while(|it| *it != head).skip(1);
        lines
            .take_while(|it| it.starts_with(' ') || it.is_empty())
            .map(str::trim)
            .collect()
    };
    let mut servers: std::collections::BTreeMap<String, Vec<String>> =
        std::collections::BTreeMap::new();
    let mut out = String::new();
    let mut here = String::new();
    for line in original.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if !line.starts_with(' ') {
            here = line.to_owned();
        }
        let changed = match words.as_slice() {
            ["global"] => "global\n    ssl-load-extra-del-ext".to_owned(),
            ["bind", _, rest @ ..] => {
                let name = if rest.is_empty() {
                    "web-plain"
                } else {
                    "web-tls"
                };
                let lines = section(&format!("frontend listener:{name}"));
                let bind = lines
                    .iter()
                    .find(|it| it.starts_with("bind "))
                    .expect("a bind");
                let new: Vec<&str> = bind.split_whitespace().collect();
                let crt = new.iter().position(|it| *it == "crt").map(|at| new[at + 1]);
                crt.map_or_else(
                    || format!("    bind {}", new[1]),
                    |crt| format!("    bind {} ssl crt {crt} alpn h2,http/1.1", new[1]),
                )
            }
            ["server", name, _, rest @ ..] => {
                let addresses = servers.entry(here.clone()).or_insert_with(|| {
                    let lines = section(&here);
                    let servers = lines.iter().filter(|it| it.starts_with("server "));
                    servers
                        .filter_map(|it| it.split_whitespace().nth(2))
                        .map(str::to_owned)
                        .collect()
                });
                let address = addresses.remove(0);
                format!("    server {name} {address} {}", rest.join(" "))
            }
            [word @ "maxconn", _] | ["timeout", word, _] => {
                let timeout = if *word == "maxconn" { "" } else { "timeout " };
                let same = format!("{timeout}{word} ");
                let new = rendered
                    .lines()
                    .map(str::trim)
                    .find(|it| it.starts_with(&same));
                format!("    {}", new.unwrap_or(line.trim()))
            }
            ["acl", name, "src", ..] => {
                let ranges = rendered
                    .lines()
                    .find_map(|it| it.split(" src -m ip -- ").nth(1));
                format!(
                    "    acl {name} src {}",
                    ranges.expect("the ranges of the route")
                )
            }
            _ => line.to_owned(),
        };
        out.push_str(&changed);
        out.push('\n');
    }
    out
}
