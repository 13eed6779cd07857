//! What a user writes arrives as it was written, or is refused: hostile texts through the template and back, read as YAML 1.2, as
//! YAML 1.1 and as JSON.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};
use wsgen::compile::{self, Input, Options, World};
use wsgen::emit::lang::cloudformation;
use wsgen::targets::Layout;

use super::{rendered, template};
use crate::escape::texts;
use crate::programs;

/// A spec with a text in every place that takes nearly any: a body, a header's value, a query parameter, a name, a description.
fn spec(text: &str) -> String {
    let spec = json!({
        "wsgen": 1,
        "name": "hostile",
        "upstreams": { "app": { "servers": ["10.0.0.1:80"] } },
        "routes": [
            { "name": "body", "path": "/body", "respond": { "body": text } },
            { "name": "header", "path": "/header", "upstream": "app", "when": { "headers": { "X-A": text } } },
            { "name": "query", "path": "/query", "upstream": "app", "when": { "query": { "a": text } } },
        ],
        "targets": { "alb": { "on_loss": "warn" } },
    });
    spec.to_string()
}

#[test]
fn every_text_arrives_or_is_refused() {
    let mut written = 0;
    for text in texts() {
        let compiled = compile::compile(vec![Input::new("spec.yaml", spec(&text))], World::EMPTY);
        if compiled.gateway.is_none() {
            continue;
        }
        let in_json = Options {
            layout: Layout::Json,
            ..Options::default()
        };
        let (yaml, report) = rendered(&compiled, Options::default());
        let (json, _) = rendered(&compiled, in_json);
        let (Some(yaml), Some(json)) = (yaml, json) else {
            assert!(
                text.contains("{{resolve:") || !report.is_empty(),
                "{text:?} is refused in silence"
            );
            continue;
        };
        written += 1;
        let yaml = template(&yaml);
        assert_eq!(yaml, template(&json), "{text:?}");
        let resources = yaml["Resources"].as_object().expect("resources");
        let body = resources.values().find_map(|it| {
            it["Properties"]["Actions"][0]["FixedResponseConfig"]["MessageBody"].as_str()
        });
        if !text.is_empty() && text.chars().count() <= 1024 {
            // `$${` in a spec is a literal `${`.
            assert_eq!(body, Some(text.replace("$${", "${").as_str()));
        }
        // Nothing that a text holds makes a resource, a parameter or a key.
        let known = [
            "AWSTemplateFormatVersion",
            "Description",
            "Parameters",
            "Resources",
            "Outputs",
        ];
        let keys: Vec<&String> = yaml.as_object().expect("a map").keys().collect();
        assert_eq!(keys, known, "{text:?}");
        assert!(resources.len() <= 8, "{text:?}: {:?}", resources.keys());
    }
    assert!(written > 100, "only {written} texts are written");
}

#[test]
fn a_reference_to_a_secret_of_the_account_is_refused() {
    for text in [
        "{{resolve:ssm:password}}",
        "x {{resolve:secretsmanager:a:SecretString:b}}",
    ] {
        let compiled = compile::compile(vec![Input::new("spec.yaml", spec(text))], World::EMPTY);
        let (file, report) = rendered(&compiled, Options::default());
        assert!(file.is_none(), "{text}");
        assert!(
            report
                .diags
                .iter()
                .any(|diag| diag.code == "alb::unwritable"),
            "{report:#?}"
        );
    }
}

/// The reader of CloudFormation's own tools is one of YAML 1.1, in Python.
#[test]
fn readers_of_yaml_1_1_see_the_same() {
    let Some(python) = programs::require("moto") else {
        return;
    };
    let texts: Vec<String> = texts()
        .into_iter()
        .chain(
            [
                "no",
                "off",
                "1e3",
                "012",
                "12:30:45",
                "~",
                "=",
                "<<",
                "2010-09-09",
                "0x1f",
                "1_000",
                ".inf",
                "y",
            ]
            .map(str::to_owned),
        )
        .filter(|text| cloudformation::yaml(text).refusal().is_none())
        // The library reads no such characters, wherever they come from; in the template they are escaped.
        .collect();
    let file: String = texts
        .iter()
        .map(|text| format!("- {}\n", cloudformation::yaml(text).as_str()))
        .collect();
    let script = "import json, sys, yaml\njson.dump(yaml.safe_load(sys.stdin.buffer.read().decode()), sys.stdout)";
    let mut child = python
        .command()
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(file.as_bytes())
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let read: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(read, Value::from(texts));
}
