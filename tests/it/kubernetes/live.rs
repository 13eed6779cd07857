//! Traefik as the controller, beside a cluster's API of our own: what the loss report does not name is kept.

use std::time::Duration;

use wsgen::verify::judge::Judgement;
use wsgen::verify::run::{self, Wish};

use super::{MANY, compiled};
use crate::programs::{self, CONTROLLERS, Program};

/// What is broken of a spec.
fn broken(
    program: &Program,
    spec: &str,
    room: &str,
    only: &[&str],
    patch: Option<&(dyn Fn(&str) -> String + Sync)>,
) -> Vec<String> {
    let found = program.found();
    let compiled = compiled(spec, found.program.target(), room);
    let only: Vec<String> = only.iter().map(|it| (*it).to_owned()).collect();
    let wish = Wish {
        only: &only,
        limit: Duration::from_secs(100),
        keep: false,
        patch,
        original: None,
        progress: &|_, _, _| {},
    };
    let column = run::verify(&compiled, found, wish).expect("a gateway");
    let results = column
        .outcome
        .as_ref()
        .unwrap_or_else(|why| panic!("{}, {room}: {why:?}", program.name));
    assert!(!results.is_empty(), "no probe of {only:?}");
    results
        .iter()
        .filter(|it| it.judgement == Judgement::Broken)
        .map(|it| format!("{} of {}: {:?}", it.feature, it.about.name, it.deviation))
        .collect()
}

/// What is cheap and matters most; the conformance suite asks for the rest.
const SOME: [&str; 8] = [
    "host",
    "path",
    "websocket",
    "origins",
    "auth",
    "clients",
    "redirect",
    "rewrite",
];

#[test]
fn traefik_serves_the_resources_as_promised() {
    for name in CONTROLLERS {
        let Some(program) = programs::require(name) else {
            continue;
        };
        let room = match name.starts_with("ingress") {
            true => "controller: traefik",
            false => "implementation: traefik",
        };
        let broken = broken(&program, MANY, room, &SOME, None);
        assert!(broken.is_empty(), "{name}:\n{}", broken.join("\n"));
    }
}

#[test]
fn traefik_reads_the_annotations_of_ingress_nginx() {
    let Some(program) = programs::require(CONTROLLERS[0]) else {
        return;
    };
    let spec = "wsgen: 1\nname: s\nlisteners: { plain: { port: 80, redirect: secure }, secure: { port: 443, tls: { certificates: [c] } } }\n\
         certificates: { c: { hosts: [example.com], cert: /c.crt, key: /c.key } }\n\
         upstreams: { a: { servers: [10.0.0.1:80, 10.0.0.2:80] } }\n\
         routes:\n  - { name: ws, host: example.com, path: /ws, upstream: a, websocket: true }\n  \
         - { name: one, host: example.com, path: { exact: /one }, upstream: a, clients: { allow: [10.0.0.0/8] } }\n  \
         - { name: site, host: example.com, upstream: a }\n";
    let broken = broken(
        &program,
        spec,
        "controller: nginx",
        &["websocket.upgrade", "path.exact"],
        None,
    );
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Which controller, its room, the feature whose probe has to see it, and the change that plants it.
type Bug = (usize, &'static str, &'static str, fn(&str) -> String);

/// A bug that is planted is seen.
#[test]
fn a_wrong_resource_is_found_out() {
    let bugs: [Bug; 3] = [
        (1, "implementation: traefik", "origins", |text| {
            text.replace("(?:https://example", "(?:.*|https://example")
        }),
        (0, "controller: traefik", "rewrite.path", |text| {
            text.replace(",default-shop-api-path@kubernetescrd", "")
        }),
        (0, "controller: traefik", "auth.basic", |text| {
            text.replace(",default-shop-auth-staff@kubernetescrd", "")
        }),
    ];
    for (which, room, feature, plant) in bugs {
        let Some(program) = programs::require(CONTROLLERS[which]) else {
            continue;
        };
        let seen = broken(&program, MANY, room, &[feature], Some(&plant));
        assert!(!seen.is_empty(), "{room}: not seen at {feature}");
    }
}
