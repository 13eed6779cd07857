//! The table cannot lie: a change that asks for a feature changes a target's output exactly where the target says it can do it.

use std::collections::BTreeMap;

use serde::Deserialize;
use wsgen::compile::{self, Compiled, Input, Options, World};
use wsgen::diag::human;
use wsgen::emit::OutFile;
use wsgen::ir::{self, Feature};
use wsgen::targets::{self, Env, Layout, Target, Verdict};

use crate::bless::root;

#[derive(Deserialize)]
struct Pairs {
    base: String,
    features: BTreeMap<String, String>,
}

fn compiled(texts: &[(&str, &str)]) -> Compiled {
    let inputs = texts
        .iter()
        .map(|(name, text)| Input::new(*name, *text))
        .collect();
    let compiled = compile::compile(inputs, World::EMPTY);
    let shown = human::write(
        &compiled.report,
        Some(&compiled.tree),
        &compiled.sources,
        false,
        100,
    );
    assert!(compiled.gateway.is_some(), "{:?}\n{shown}", texts.last());
    compiled
}

/// The lines that a program reads: no comments, no empty lines.
fn said(files: &[OutFile]) -> String {
    let lines = files.iter().flat_map(|file| file.text.lines());
    let lines: Vec<&str> = lines
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    lines.join("\n")
}

fn rendered(compiled: &Compiled, target: &dyn Target) -> String {
    let rendered = compile::render(compiled, target, Options::default());
    let shown = human::write(
        &rendered.report,
        Some(&compiled.tree),
        &compiled.sources,
        false,
        100,
    );
    assert!(
        !rendered.files.is_empty(),
        "{} renders nothing:\n{shown}",
        target.id()
    );
    said(&rendered.files)
}

#[test]
fn output_changes_exactly_where_a_feature_is_rendered() {
    let text = std::fs::read_to_string(root().join("tests/it/features.yaml"))
        .expect("the pairs are there");
    let pairs: Pairs = serde_yaml::from_str(&text).expect("the pairs are YAML");
    let missing: Vec<&str> = Feature::ALL
        .iter()
        .map(|feature| feature.id())
        .filter(|id| !pairs.features.contains_key(*id))
        .collect();
    assert!(missing.is_empty(), "features without a pair: {missing:?}");
    let base = compiled(&[("base.yaml", &pairs.base)]);
    let mut lies = Vec::new();
    for target in targets::ALL {
        let before = rendered(&base, *target);
        for (id, change) in &pairs.features {
            let feature = Feature::by_id(id).unwrap_or_else(|| panic!("`{id}` is no feature"));
            let changed = compiled(&[("base.yaml", &pairs.base), ("change.yaml", change)]);
            // A change that turns a feature off: the base is what asks for it.
            let asks = |gateway: &ir::Gateway| {
                ir::uses(gateway).iter().any(|used| used.feature == feature)
            };
            let both = [&changed, &base].map(|spec| spec.gateway.as_ref().expect("compiled"));
            let asking = both.into_iter().find(|gateway| asks(gateway));
            let gateway = asking.unwrap_or_else(|| panic!("`{id}` is not used by its pair"));
            let uses = ir::uses(gateway);
            let env = Env::new(*target, gateway, Layout::Full);
            let verdicts = targets::judge(*target, gateway, &uses, &env);
            let asked: Vec<_> = uses
                .iter()
                .filter(|used| used.feature == feature && used.at.is_written())
                .collect();
            let lost = |used: &&&ir::Use<'_>| {
                verdicts.findings().iter().any(|finding| {
                    finding.used.feature == feature
                        && finding.used.at == used.at
                        && matches!(finding.verdict, Verdict::Unsupported(_))
                })
            };
            let all_lost = if asked.is_empty() {
                verdicts.findings().iter().any(|finding| {
                    finding.used.feature == feature && finding.verdict.is_unsupported()
                })
            } else {
                asked.iter().filter(lost).count() == asked.len()
            };
            let differs = rendered(&changed, *target) != before;
            // A guard that cannot be rendered closes its route, which is a change too.
            let left_out = LEFT_OUT.contains(&(target.id(), id.as_str()));
            let explained = left_out || OTHERS_CHANGE.contains(&id.as_str());
            if all_lost && differs && !feature.is_guard() && !explained {
                lies.push(format!(
                    "{}: `{id}` is unsupported, and yet the output changes",
                    target.id()
                ));
            }
            let by_itself = BY_ITSELF.contains(&(target.id(), id.as_str()));
            if !all_lost && !differs && !by_itself {
                lies.push(format!(
                    "{}: `{id}` is said to be rendered, and yet the output is the same",
                    target.id()
                ));
            }
        }
    }
    assert!(lies.is_empty(), "{}", lies.join("\n"));
}

/// Pairs that cannot but ask for another feature too, which changes the output.
const OTHERS_CHANGE: &[&str] = &[
    "auth.jwt.strip",
    "headers.tls_subject",
    "limit.requests.bucket",
    "log.fields",
    "timeout.idle",
    "timeout.stream_idle",
    "upstream.backup",
];

/// What is left out together with what it asks for: a route without its condition would take what it must not.
const LEFT_OUT: &[(&str, &str)] = &[
    ("ingress", "host.regex"),
    ("ingress", "when.methods"),
    ("ingress", "when.headers"),
    ("ingress", "when.query"),
    ("ingress", "when.upgrade"),
    ("ingress", "upstream.backup"),
    // The pair has a route more.
    ("ingress", "upstream.split"),
    ("gateway", "host.regex"),
    ("gateway", "upstream.backup"),
    // Its file is the gateway, whatever the program does with it.
    ("proxy", "listener.http3"),
];

/// What a target does by itself, and cannot be told otherwise.
const BY_ITSELF: &[(&str, &str)] = &[
    ("traefik", "upstream.resolve"),
    ("envoy", "stream.request"),
    ("envoy", "upstream.keepalive"),
    ("traefik", "upstream.tcp_keepalive"),
    ("traefik", "runtime.files"),
    ("envoy", "runtime.files"),
    ("caddy", "runtime.files"),
    // Every rule that forwards passes upgrades, and answers as they arrive.
    ("alb", "websocket.upgrade"),
    ("alb", "stream"),
    ("alb", "stream.request"),
    // Every rule of Traefik passes answers on as they arrive.
    ("gateway", "stream"),
    // One switch for the whole load balancer.
    ("alb", "headers.forwarded"),
    // `normalize` and `reject` are one: 400.
    ("alb", "listener.paths"),
];
