//! Cloudflare Workers: what other judges than the runtime say of the files, and what a text of a spec may do in them.

mod pattern;
mod refused;
mod scripts;
mod traps;

use std::path::PathBuf;
use std::process::Command;

use wsgen::compile::{self, Input, Options, World};
use wsgen::targets;

use crate::bless::root;
use crate::programs;

/// The files for a spec: path, text. Losses warn.
fn files(text: &str) -> Vec<(PathBuf, String)> {
    let inputs = vec![
        Input::new("spec.yaml", text),
        Input::new("lenient.yaml", "targets: { worker: { on_loss: warn } }\n"),
    ];
    let compiled = compile::compile(inputs, World::EMPTY);
    assert!(compiled.gateway.is_some(), "{:#?}", compiled.report.diags);
    let own = compile::for_target(&compiled, "worker", World::EMPTY);
    let target = targets::by_id("worker").expect("it is a target");
    let rendered = compile::render(
        own.as_ref().unwrap_or(&compiled),
        target,
        Options::default(),
    );
    assert!(!rendered.files.is_empty(), "{:#?}", rendered.report.diags);
    let files = rendered.files.into_iter();
    files.map(|file| (file.path, file.text)).collect()
}

/// The module for a spec.
fn module(text: &str) -> String {
    files(text).remove(0).1
}

/// A tool of the npm packages; `None` where they are not here.
fn tool(name: &str) -> Option<Command> {
    programs::require("node")?;
    let tool = root()
        .join("target/programs/node/node_modules/.bin")
        .join(name);
    assert!(
        tool.exists(),
        "{name} is missing: run tests/programs/install"
    );
    Some(Command::new(tool))
}

/// Every spec that the repository has.
fn specs() -> Vec<(String, String)> {
    let mut specs = Vec::new();
    for folder in ["examples", "tests/conformance/cases"] {
        let entries = std::fs::read_dir(root().join(folder)).expect("there are specs");
        for entry in entries {
            let path = entry.expect("readable").path();
            if path.extension().is_none_or(|it| it != "yaml") {
                continue;
            }
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let text = std::fs::read_to_string(&path).expect("readable");
            specs.push((name.replace('.', "-"), text));
        }
    }
    specs.sort();
    specs
}
