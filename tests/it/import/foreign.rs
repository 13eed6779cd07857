//! What the tests of haproxy.cfg and of Ingress share: goldens, accounts, meanings, and a seeded run over changed files.

use std::path::PathBuf;

use wsgen::compile::{self, Input, Options, World};
use wsgen::import::{self, Dialect, Fate, Import, account};
use wsgen::{meaning, targets};

use crate::bless::{fresh, root};

/// Imports a configuration, holds it against its golden spec and account, and renders it to every program that the tests run.
pub(crate) fn check(name: &str, file: &str, dialect: Dialect) -> (String, Import) {
    let folder = root().join("tests/it/import/configurations").join(name);
    let text = std::fs::read_to_string(folder.join(file)).expect("a configuration");
    let done = import::import(Input::new(file, text.as_str()), None, &import::Nothing);
    assert_eq!(
        done.dialect,
        Some(dialect),
        "{name}: it is known by its looks"
    );
    let spec = done
        .spec
        .as_deref()
        .unwrap_or_else(|| panic!("{name}: {:#?}", done.report.diags));
    let said = account::human(&done.account, &done.sources, false, 100);
    let stale: Vec<String> = [("spec.yaml", spec), ("account.txt", &said)]
        .iter()
        .filter_map(|(file, made)| fresh(&folder.join(file), made).err())
        .collect();
    assert!(stale.is_empty(), "{}", stale.join("\n"));
    for target in ["nginx", "haproxy", "proxy"] {
        let over = format!("targets: {{ {target}: {{ on_loss: warn }} }}\n");
        let inputs = vec![Input::new("spec.yaml", spec), Input::new("over.yaml", over)];
        let compiled = compile::compile(inputs, World::EMPTY);
        let target = targets::by_id(target).expect("the target is there");
        let rendered = compile::render(&compiled, target, Options::default());
        assert!(
            !rendered.files.is_empty(),
            "{name}, {}: {:#?}",
            target.id(),
            rendered.report.diags
        );
    }
    (text, done)
}

/// The directives with a fate.
pub(crate) fn fates(done: &Import, fate: Fate) -> Vec<&str> {
    let entries = done.account.entries().iter();
    entries
        .filter(|it| it.fate == fate)
        .map(|it| it.text.as_str())
        .collect()
}

/// The lines of the account, from 1, each once.
pub(crate) fn every_line(done: &Import) -> Vec<u32> {
    let entries = done.account.entries().iter();
    let mut lines: Vec<u32> = entries
        .map(|it| done.sources.line_col(it.at.file, it.at.start).0)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// How the meaning of an imported spec differs from that of another.
pub(crate) fn differences(spec: &str, done: &Import) -> Vec<String> {
    let imported = done
        .spec
        .as_deref()
        .unwrap_or_else(|| panic!("{:#?}", done.report.diags));
    let gateway = |text: &str| {
        let compiled = compile::compile(vec![Input::new("spec.yaml", text)], World::EMPTY);
        compiled.gateway.expect("a gateway")
    };
    let changes = meaning::between(&gateway(spec), &gateway(imported));
    changes
        .iter()
        .map(|it| format!("{} {}", it.subject, it.what))
        .collect()
}

/// Files with slips and worse: a spec that compiles or a located error, and an account without a hole.
pub(crate) fn fuzz(seeds: &[PathBuf], words: &str, dialect: Dialect) {
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("a seed");
    let seeds: Vec<String> = seeds.iter().map(read).collect();
    let words: Vec<&str> = words.split(' ').collect();
    let runs = std::env::var("WSGEN_FUZZ")
        .ok()
        .and_then(|it| it.parse().ok())
        .unwrap_or(300);
    let (mut written, mut refused) = (0, 0);
    for seed in 0..runs {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut text: Vec<char> = seeds[random.usize(..seeds.len())].chars().collect();
        for _ in 0..random.usize(1..5) {
            let at = random.usize(..text.len().max(1)).min(text.len());
            let end = (at + random.usize(..30)).min(text.len());
            match random.u8(..3) {
                0 => drop(text.drain(at..end)),
                1 => {
                    let word = words[random.usize(..words.len())];
                    text.splice(at..at, format!(" {word} ").chars());
                }
                _ => {
                    let piece: Vec<char> = text[at..end].to_vec();
                    let to = random.usize(..=text.len());
                    text.splice(to..to, piece);
                }
            }
        }
        let text: String = text.into_iter().collect();
        let done = import::import(
            Input::new("file", text.as_str()),
            Some(dialect),
            &import::Nothing,
        );
        for entry in done.account.entries() {
            assert!(
                !entry.says.is_empty() || !entry.into.is_empty(),
                "seed {seed}: nothing is said of `{}`",
                entry.text
            );
        }
        match &done.spec {
            Some(spec) => {
                written += 1;
                let compiled =
                    compile::compile(vec![Input::new("spec", spec.as_str())], World::EMPTY);
                assert!(
                    compiled.gateway.is_some(),
                    "seed {seed}: {:#?}",
                    compiled.report.diags
                );
            }
            None => {
                refused += 1;
                assert!(
                    done.report.has_errors(),
                    "seed {seed}: neither a spec nor an error"
                );
                assert!(
                    done.report.diags.iter().all(|it| !it.labels.is_empty()),
                    "seed {seed}"
                );
            }
        }
    }
    assert!(
        written > runs / 20 && refused > runs / 50,
        "{written} specs, {refused} errors"
    );
}
