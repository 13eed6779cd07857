//! Readers of YAML 1.1 and 1.2 agree on every scalar of the files, whatever texts a user wrote.

use std::process::Stdio;

use serde::Deserialize;
use serde_json::Value;
use wsgen::compile::{self, Options};
use wsgen::targets;
use wsgen::verify::folder::Folder;

use super::{MANY, WAYS, compiled, examples, rendered};
use crate::programs;

/// What one of the two takes for something else than a text.
const TRAPS: [&str; 24] = [
    "yes",
    "No",
    "on",
    "OFF",
    "y",
    "n",
    "~",
    "null",
    "017",
    "0o17",
    "0b1",
    "0x1F",
    "1_000",
    "1e3",
    ".inf",
    ".NaN",
    "190:20:30",
    "2026-11-23",
    "2026-11-23T03:04:05Z",
    "=",
    "<<",
    "!x",
    "%x",
    "@x",
];

/// Reads each file by Python's reader of YAML 1.1, a JSON list of documents for each.
const READ: &str = "import sys, json, yaml\nfor name in sys.argv[1:]:\n    print(json.dumps(list(yaml.safe_load_all(open(name, encoding='utf-8')))))\n";

fn spec(trap: &str) -> String {
    let quoted = serde_json::to_string(trap).expect("a text is JSON");
    format!(
        "wsgen: 1\nname: s\nlisteners: {{ web: {{ port: 80 }} }}\nupstreams: {{ a: {{ servers: [10.0.0.1:80] }} }}\n\
         auth: {{ staff: {{ basic: {{ file: /htpasswd, realm: {quoted} }} }} }}\n\
         routes:\n  - {{ name: r, upstream: a, auth: staff, response_headers: {{ set: {{ X-A: {quoted} }} }}, request_headers: {{ set: {{ X-B: {quoted} }} }} }}\n  \
         - {{ name: c, path: /c, upstream: a, when: {{ headers: {{ X-A: {quoted} }} }} }}\n"
    )
}

#[test]
fn old_and_new_readers_agree() {
    let Some(python) = programs::require("pyyaml") else {
        return;
    };
    let folder = Folder::new("readers").expect("a folder");
    let mut files: Vec<(std::path::PathBuf, String)> = Vec::new();
    let mut add = |text: String| {
        let path = folder
            .write(&format!("{}.yaml", files.len()), &text)
            .expect("writable");
        files.push((path, text));
    };
    for (target, room, _) in WAYS {
        let mut specs: Vec<String> = examples().into_iter().map(|it| it.1).collect();
        specs.push(MANY.to_owned());
        for text in &specs {
            rendered(text, target, room)
                .into_iter()
                .for_each(|(_, text)| add(text));
        }
        for trap in TRAPS {
            let compiled = compiled(&spec(trap), target, room);
            let target = targets::by_id(target).expect("the target");
            let rendered = compile::render(&compiled, target, Options::default());
            rendered.files.into_iter().for_each(|file| add(file.text));
        }
    }
    assert!(files.len() > 300, "{} files", files.len());
    let output = python
        .command()
        .args(["-c", READ])
        .args(files.iter().map(|it| &it.0))
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let old = String::from_utf8(output.stdout).expect("JSON");
    assert_eq!(old.lines().count(), files.len());
    for (line, (_, text)) in old.lines().zip(&files) {
        let old: Vec<Value> = serde_json::from_str(line).expect("JSON");
        let new = serde_yaml::Deserializer::from_str(text);
        let new: Vec<Value> = new
            .map(|it| Value::deserialize(it).expect("YAML"))
            .collect();
        assert_eq!(old, new, "{text}");
    }
}
