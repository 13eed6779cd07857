//! The architecture's invariants that are about what a file may name: each is held here by reading the sources.

use std::path::Path;

use crate::bless::root;

/// The sources below a folder of `src`: path from `src`, and text without comments.
fn sources(folder: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let src = root().join("src");
    let mut paths = Vec::new();
    walk(&src.join(folder), &mut paths);
    paths.sort();
    let text = |path: &Path| {
        let text = std::fs::read_to_string(path).expect("readable");
        let code: Vec<&str> = text
            .lines()
            .map(|line| {
                if line.trim_start().starts_with("//") {
                    ""
                } else {
                    line
                }
            })
            .collect();
        code.join("\n")
    };
    paths
        .iter()
        .map(|path| {
            (
                path.strip_prefix(&src)
                    .expect("below src")
                    .to_string_lossy()
                    .into_owned(),
                text(path),
            )
        })
        .collect()
}

/// Lines of the sources that hold one of the words.
fn lines_with(folder: &str, words: &[&str], but: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources(folder) {
        if but(&path) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("src/{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs")
}

#[test]
fn past_lowering_nobody_sees_the_spec() {
    for folder in ["targets", "rules", "emit"] {
        if root().join("src").join(folder).is_dir() {
            // `rules` look at comments of the tree; types of the spec they never see.
            let seen = lines_with(folder, &["spec::model", "spec::de", "spec::yaml"], is_test);
            assert!(seen.is_empty(), "{}", seen.join("\n"));
        }
    }
    let seen = lines_with("targets", &["crate::spec"], is_test);
    assert!(
        seen.is_empty(),
        "a target reads the gateway only:\n{}",
        seen.join("\n")
    );
}

#[test]
fn one_file_knows_each_library() {
    for (word, home) in [
        ("miette", "diag"),
        ("granit_parser", "spec/yaml"),
        ("tera::", "emit"),
        ("schemars::", "spec"),
        ("clap", "cmd"),
    ] {
        let strangers = lines_with("", &[word], |path| path.starts_with(home) || is_test(path));
        assert!(
            strangers.is_empty(),
            "only src/{home} knows {word}:\n{}",
            strangers.join("\n")
        );
    }
}

#[test]
fn only_what_runs_touches_the_world() {
    let words = [
        "std::fs",
        "std::env::",
        "std::time::SystemTime",
        "SystemTime::now",
        "Instant::now",
        "std::net::Tcp",
        "std::process",
        "fastrand",
    ];
    let touching = lines_with("", &words, |path| {
        ["cmd/", "lsp/", "proxy/", "verify/"]
            .iter()
            .any(|home| path.starts_with(home))
            || path == "main.rs"
            || is_test(path)
    });
    assert!(
        touching.is_empty(),
        "the compiler is pure:\n{}",
        touching.join("\n")
    );
}

#[test]
fn every_field_is_named_where_features_are_used() {
    let skipped = lines_with("ir/uses", &[".. }", "..}", "{ .. "], |_| false);
    assert!(
        skipped.is_empty(),
        "a pattern in ir/uses names every field:\n{}",
        skipped.join("\n")
    );
}

#[test]
fn every_target_answers_for_every_feature_by_name() {
    let mut tables = 0;
    for (path, text) in sources("targets") {
        if !path.ends_with("/support.rs") || path == "targets/support.rs" {
            continue;
        }
        tables += 1;
        let start = text
            .find("fn support(")
            .unwrap_or_else(|| panic!("src/{path} has no `fn support`"));
        let end = text[start..]
            .find("\n}")
            .map_or(text.len(), |end| start + end);
        // The arms of the outer match stand two levels deep.
        let open = text[start..end]
            .lines()
            .filter(|line| line.starts_with("        _ =>"))
            .count();
        assert_eq!(
            open, 0,
            "src/{path}: an arm `_` answers for features that nobody thought of"
        );
    }
    assert_eq!(
        tables,
        wsgen::targets::ALL.len(),
        "each target has its support.rs"
    );
}

#[test]
fn files_open_with_what_they_know() {
    let mut silent = Vec::new();
    for folder in ["src", "tests", "benches"] {
        let mut open = vec![root().join(folder)];
        while let Some(at) = open.pop() {
            for entry in std::fs::read_dir(&at).expect("a folder") {
                let path = entry.expect("readable").path();
                if path.is_dir() && !path.ends_with("golden") {
                    open.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).expect("readable");
                    if !text.starts_with("//!") {
                        silent.push(path.display().to_string());
                    }
                }
            }
        }
    }
    assert!(
        silent.is_empty(),
        "a file opens with one `//!` sentence:\n{}",
        silent.join("\n")
    );
}

#[test]
fn the_main_file_says_which_losses_are_accepted() {
    use wsgen::compile::{self, Input, Options, World};
    use wsgen::ir::{self, Feature};
    use wsgen::targets::{self, Env, Layout};
    let base = "wsgen: 1\nname: shop\nlisteners: { plain: { port: 80 } }\n\
        upstreams: { app: { servers: [10.0.0.1:80, 10.0.0.2:80], health: { websocket: { path: /ws } } } }\n\
        routes: [{ name: all, host: example.com, upstream: app, websocket: on, rewrite: { query: { set: { a: b } } } }]\n\
        runtime: { drain: { timeout: 77s, spread: 7s }, files: 70000, workers: 3 }\n";
    for target in targets::ALL {
        let id = target.id();
        let compiled = |accept: &str| {
            let room = if id == "ingress" {
                ", controller: haproxy"
            } else {
                ""
            };
            let rest = format!("targets: {{ {id}: {{ on_loss: warn{room} }} }}\n{accept}");
            let inputs = vec![Input::new("spec.yaml", format!("{base}{rest}"))];
            let compiled = compile::compile(inputs, World::EMPTY);
            assert!(compiled.gateway.is_some(), "{id}: {:?}", compiled.report);
            compiled
        };
        let plain = compiled("");
        let gateway = plain.gateway.as_ref().expect("it compiles");
        let env = Env::new(*target, gateway, Layout::Full);
        let uses = ir::uses(gateway);
        let verdicts = targets::judge(*target, gateway, &uses, &env);
        let findings = verdicts.findings().iter();
        let lost: Vec<(Feature, String)> = findings
            .map(|it| (it.used.feature, it.verdict.note().instead.to_string()))
            .collect();
        let (feature, instead) = lost.first().unwrap_or_else(|| panic!("{id} loses nothing"));
        let kept = Feature::ALL
            .iter()
            .find(|it| lost.iter().all(|(lost, _)| lost != *it));
        let kept = kept.expect("a feature that is not lost").id();
        let lost = feature.id();
        let accepted = compiled(&format!(
            "accept:\n- {{ loss: {id}::{lost}, because: nobody minds }}\n- {{ loss: {id}::{kept}, because: no reason }}\n"
        ));
        for layout in [Layout::Full, Layout::Include, Layout::Json, Layout::Labels] {
            if !target.lays_out(layout) {
                continue;
            }
            let options = Options {
                layout,
                ..Options::default()
            };
            let rendered = compile::render(&accepted, *target, options);
            let main = rendered.files.first().map_or("", |it| it.text.as_str());
            let said = format!("accepted loss {lost}: {instead} (because nobody minds)");
            // Quotation marks differ where the head is a string.
            let main = main.replace('\\', "");
            assert!(
                main.contains(&said),
                "{id}, {layout:?}: `{said}` is not in\n{main}"
            );
            assert!(
                !main.contains("no reason"),
                "{id}: what is not lost is not told:\n{main}"
            );
        }
    }
}
