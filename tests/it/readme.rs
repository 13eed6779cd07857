//! The README word for word: its specs compile without a finding, its `wsgen` commands run one after the other in a new folder.

use std::process::Command;

use wsgen::compile::{self, Input, World};
use wsgen::diag::human;

use crate::bless::root;
use crate::guides;
use crate::scratch::Scratch;

fn blocks(language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("README.md")).expect("the README is there");
    guides::blocks(&text, language)
}

#[test]
fn specs_of_the_readme_compile() {
    let specs: Vec<String> = blocks("yaml")
        .into_iter()
        .filter(|block| block.contains("wsgen: 1"))
        .collect();
    assert!(!specs.is_empty(), "the README shows no spec");
    for spec in specs {
        let compiled = compile::compile(vec![Input::new("README.md", spec)], World::EMPTY);
        let mut report = compiled.report.clone();
        report.extend(wsgen::rules::lint(&compiled));
        let shown = human::write(&report, Some(&compiled.tree), &compiled.sources, false, 100);
        assert!(report.is_empty(), "{shown}");
    }
}

#[test]
fn commands_of_the_readme_run() {
    let scratch = Scratch::new("readme");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_wsgen"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", binary.parent().expect("a folder").display());
    let commands: Vec<String> = blocks("sh")
        .iter()
        .flat_map(|block| block.lines())
        .filter(|line| line.starts_with("wsgen "))
        .map(str::to_owned)
        .collect();
    assert!(
        commands.len() >= 4,
        "the README's commands are gone: {commands:?}"
    );
    let example = "examples/chat.yaml";
    let text = std::fs::read_to_string(crate::bless::root().join(example));
    scratch.write(example, text.expect("the example is there"));
    scratch.write(
        "nginx.conf",
        "server { listen 80; client_max_body_size 0; location / { proxy_pass http://127.0.0.1:3000; } }",
    );
    for command in commands {
        // What the programs then do is seen elsewhere; here they may be missing.
        let command = match command.starts_with("wsgen verify") {
            true => format!("{command} --list"),
            false => command,
        };
        // A proxy serves until somebody stops it.
        let command = match command.starts_with("wsgen proxy examples/") {
            true => format!("{command} --check"),
            false => command,
        };
        let output = Command::new("sh")
            .arg("-c")
            .arg(&command)
            .current_dir(scratch.path())
            .env("PATH", &path)
            .env("XDG_CACHE_HOME", scratch.path().join("cache"))
            .output()
            .expect("sh runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "`{command}` ends with {}:\n{said}",
            output.status
        );
    }
    assert!(
        scratch.path().join("deploy/nginx/nginx.conf").is_file(),
        "`--out deploy` writes a folder for each target"
    );
}

/// The one command that does the main job, but for the build.
#[test]
fn the_main_job_of_the_readme_runs() {
    let text = std::fs::read_to_string(root().join("README.md")).expect("the README is there");
    let job = "cargo run --release -- ";
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(job))
        .expect("the README names the main job");
    let output = Command::new(env!("CARGO_BIN_EXE_wsgen"))
        .args(line.split(' '))
        .current_dir(root())
        .output()
        .expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("proxy_pass http://chat;"));
}
