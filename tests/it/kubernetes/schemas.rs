//! Kubernetes' own schemas: every manifest fits them, strictly.

use std::process::Stdio;

use super::{MANY, WAYS, examples, rendered};
use crate::programs;

/// What is no resource of Kubernetes itself; the validator knows it not.
const FOREIGN: [&str; 3] = [
    "api version traefik.io/",
    "api version gateway.networking.k8s.io/",
    "api version gateway.envoyproxy.io/",
];

/// What the validator says against a manifest: a line for each, a mere warning too.
fn said(text: &str) -> Option<Vec<String>> {
    let validator = programs::require("kubernetes-validate")?;
    let folder = wsgen::verify::folder::Folder::new("manifest").expect("a folder");
    let path = folder.write("manifest.yaml", text).expect("writable");
    let output = validator
        .command()
        .arg("--strict")
        .arg(&path)
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let all = [output.stdout, output.stderr].concat();
    let all = String::from_utf8_lossy(&all).into_owned();
    let against = |line: &&str| {
        !line.trim().is_empty()
            && !line.starts_with("INFO")
            && !FOREIGN.iter().any(|it| line.contains(it))
    };
    Some(all.lines().filter(against).map(str::to_owned).collect())
}

#[test]
fn every_manifest_fits_the_schemas() {
    let mut specs = examples();
    specs.push(("many".to_owned(), MANY.to_owned()));
    for (target, room, _) in WAYS {
        let texts: Vec<String> = specs
            .iter()
            .map(|(_, spec)| rendered(spec, target, room).swap_remove(0).1)
            .collect();
        let Some(said) = said(&texts.join("---\n")) else {
            return;
        };
        assert!(said.is_empty(), "{target}, {room}:\n{}", said.join("\n"));
    }
}

#[test]
fn the_validator_finds_a_fault() {
    let text = rendered(MANY, "ingress", "controller: traefik")
        .swap_remove(0)
        .1;
    for (good, bad) in [
        ("pathType: Exact", "pathTypes: Exact"),
        ("clusterIP: None", "clusterIP: 7"),
        ("addressType: IPv4", "addressKind: IPv4"),
    ] {
        assert!(text.contains(good), "{text}");
        let Some(said) = said(&text.replacen(good, bad, 1)) else {
            return;
        };
        assert!(!said.is_empty(), "not seen: {bad}");
    }
}
