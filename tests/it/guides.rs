//! The guides word for word: their specs compile without a finding, their `wsgen` commands run, one after the other, beside the guide's first spec.

use std::process::Command;

use wsgen::compile::{self, Input, World};
use wsgen::diag::human;

use crate::bless::root;
use crate::scratch::Scratch;

/// The guides: names and texts.
fn guides() -> Vec<(String, String)> {
    let folder = root().join("docs/guides");
    let mut guides: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the guides are there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "md"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            let name = path.file_name().expect("a name");
            (name.to_string_lossy().into_owned(), text)
        })
        .collect();
    guides.sort();
    guides
}

/// The fenced blocks of a language in a Markdown text.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    let blocks = text.split(&open).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn every_block_of_yaml_and_shell_runs() {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_wsgen"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", binary.parent().expect("a folder").display());
    let (mut specs, mut commands) = (0, 0);
    for (name, text) in guides() {
        let scratch = Scratch::new("guides");
        // Objects of Kubernetes are what a guide imports, not a spec.
        let (objects, yaml): (Vec<String>, Vec<String>) = blocks(&text, "yaml")
            .into_iter()
            .partition(|block| block.starts_with("apiVersion:"));
        for object in objects {
            scratch.write("ingress.yaml", &object);
        }
        for (language, file) in [("nginx", "nginx.conf"), ("haproxy", "haproxy.cfg")] {
            for original in blocks(&text, language) {
                scratch.write(file, &original);
            }
        }
        if let Some(first) = yaml.first() {
            scratch.write("spec.yaml", first);
        }
        for spec in yaml {
            let compiled = compile::compile(vec![Input::new(&name, spec)], World::EMPTY);
            let mut report = compiled.report.clone();
            report.extend(wsgen::rules::lint(&compiled));
            let shown = human::write(&report, Some(&compiled.tree), &compiled.sources, false, 100);
            assert!(report.is_empty(), "{shown}");
            specs += 1;
        }
        for line in blocks(&text, "sh").iter().flat_map(|block| block.lines()) {
            assert!(line.starts_with("wsgen "), "{name}: {line}");
            let output = Command::new("sh")
                .arg("-c")
                .arg(line)
                .current_dir(scratch.path())
                .env("PATH", &path)
                .output()
                .expect("sh runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{name}: `{line}` ends with {}:\n{said}",
                output.status
            );
            commands += 1;
        }
    }
    assert!(
        specs >= 5 && commands >= 10,
        "{specs} specs, {commands} commands"
    );
}

#[test]
fn links_of_the_guides_lead_somewhere() {
    for (name, text) in guides() {
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if link.starts_with("http") || link.starts_with('#') {
                continue;
            }
            let path = root()
                .join("docs/guides")
                .join(link.split('#').next().unwrap_or_default());
            assert!(path.exists(), "{name}: {link}");
        }
    }
}
