//! Every example: no finding of its own, its `tests` hold, and on every target its files and losses stand as committed under
//! `golden/`, and pass the real programs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wsgen::compile::{self, Compiled, Input, Options, World};
use wsgen::diag::{Report, human};
use wsgen::targets;

use crate::bless::{fresh, root};
use crate::programs::{self, Program};
use crate::rehearse;

/// The programs that judge a target's files: name, and the version that the file is rendered for.
const JUDGES: [(&str, &[(&str, &str)]); 3] = [
    ("nginx", &[("nginx-1.22", "1.22"), ("nginx-1.31", "1.31")]),
    ("haproxy", &[("haproxy-2.6", "2.6"), ("haproxy-2.8", "2.8")]),
    ("envoy", &[("envoy-1.40", "1.40")]),
];

/// An example whose losses on a platform are warnings: it cannot do all that the example asks for, and its report says so.
fn losing(path: &Path, target: &str) -> Compiled {
    let name = path.file_name().expect("a file").to_string_lossy();
    let text = std::fs::read_to_string(path).expect("readable");
    let warn = format!("targets: {{ {target}: {{ on_loss: warn }} }}\n");
    let inputs = vec![
        Input::new(format!("examples/{name}"), text),
        Input::new("on-loss.yaml", warn),
    ];
    compile::compile(inputs, World::EMPTY)
}

fn examples() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("examples")).expect("the examples are there");
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    assert!(files.len() >= 10, "the examples are gone");
    files
}

fn compiled(path: &Path, version: Option<(&str, &str)>) -> Compiled {
    let name = format!(
        "examples/{}",
        path.file_name().expect("a file").to_string_lossy()
    );
    let text = std::fs::read_to_string(path).expect("readable");
    let mut inputs = vec![Input::new(name, text)];
    if let Some((target, version)) = version {
        inputs.push(Input::new(
            "version.yaml",
            format!("targets: {{ {target}: {{ version: \"{version}\" }} }}\n"),
        ));
    }
    compile::compile(inputs, World::EMPTY)
}

fn shown(compiled: &Compiled, report: &Report) -> String {
    human::write(report, Some(&compiled.tree), &compiled.sources, false, 100)
}

#[test]
fn examples_have_no_findings() {
    for path in examples() {
        let compiled = compiled(&path, None);
        assert!(
            compiled.report.is_empty(),
            "{}:\n{}",
            path.display(),
            shown(&compiled, &compiled.report)
        );
        let lint = wsgen::rules::lint(&compiled);
        assert!(
            lint.is_empty(),
            "{}:\n{}",
            path.display(),
            shown(&compiled, &lint)
        );
    }
}

/// What an editor says: the committed schema and a validator that is not ours.
#[test]
fn examples_fit_the_schema() {
    let schema = std::fs::read_to_string(root().join("schemas/wsgen.schema.json"))
        .expect("the schema is there");
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("the schema is JSON");
    assert!(
        jsonschema::meta::is_valid(&schema),
        "the schema is no JSON Schema"
    );
    let validator = jsonschema::validator_for(&schema).expect("the schema compiles");
    for path in examples() {
        let compiled = compiled(&path, None);
        let instance = wsgen::spec::shape::instance(&compiled.tree, compiled.tree.root())
            .expect("no value is missing");
        let faults: Vec<String> = validator
            .iter_errors(&instance)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(
            faults.is_empty(),
            "{}:\n{}",
            path.display(),
            faults.join("\n")
        );
    }
}

#[test]
fn defaults_may_name_any_of_their_blocks() {
    let validator = jsonschema::validator_for(&wsgen::spec::schema::schema()).expect("a schema");
    let defaults: serde_json::Value = serde_json::json!({
        "wsgen": 1,
        "listeners": { "web": { "port": 80 } },
        "upstreams": { "app": { "servers": ["10.0.0.1:80"] } },
        "routes": [{ "upstream": "app" }],
        "defaults": { "upstream": { "timeouts": { "connect": "5s" } } },
    });
    let faults: Vec<String> = validator
        .iter_errors(&defaults)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn tests_of_examples_hold() {
    let mut tests = 0;
    for path in examples() {
        let compiled = compiled(&path, None);
        let gateway = compiled.gateway.as_ref().expect("no errors");
        tests += gateway.tests.len();
        let mut report = Report::new();
        wsgen::request::run_tests(gateway, &mut report);
        assert!(
            report.is_empty(),
            "{}:\n{}",
            path.display(),
            shown(&compiled, &report)
        );
    }
    assert!(tests >= 10, "the examples' tests are gone");
}

#[test]
fn files_and_losses_are_as_committed() {
    let mut stale = Vec::new();
    for path in examples() {
        let stem = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let golden = root().join("tests/it/golden").join(&stem);
        let plain = compiled(&path, None);
        let mut report = String::new();
        for target in targets::ALL {
            let warned = target.is_platform().then(|| losing(&path, target.id()));
            let plain = warned.as_ref().unwrap_or(&plain);
            let own = compile::for_target(plain, target.id(), World::EMPTY);
            let compiled = own.as_ref().unwrap_or(plain);
            let rendered = compile::render(compiled, *target, Options::default());
            let _ = write!(
                report,
                "── {} ──\n{}\n",
                target.id(),
                shown(compiled, &rendered.report)
            );
            assert!(
                !rendered.files.is_empty(),
                "{stem} does not render for {}:\n{report}",
                target.id()
            );
            for file in &rendered.files {
                assert_eq!(
                    file.lines.len(),
                    file.text.lines().count(),
                    "{stem}: the source map has a line for each line"
                );
                stale.extend(fresh(&golden.join(target.id()).join(&file.path), &file.text).err());
            }
        }
        stale.extend(fresh(&golden.join("report.txt"), &report).err());
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

#[test]
fn the_real_programs_take_every_example() {
    let mut jobs = Vec::new();
    for (target, judges) in JUDGES {
        for (name, version) in judges {
            let Some(program) = programs::require(name) else {
                continue;
            };
            for path in examples() {
                jobs.push((target, *version, program.clone(), path));
            }
        }
    }
    let faults = std::sync::Mutex::new(Vec::new());
    let next = std::sync::Mutex::new(jobs.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(job) = next.lock().expect("no panic").next() else {
                        break;
                    };
                    if let Err(fault) = judge(&job) {
                        faults.lock().expect("no panic").push(fault);
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().expect("no panic");
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

fn judge((target, version, program, path): &(&str, &str, Program, PathBuf)) -> Result<(), String> {
    let plain = compiled(path, Some((target, version)));
    let own = compile::for_target(&plain, target, World::EMPTY);
    let compiled = own.as_ref().unwrap_or(&plain);
    let renderer = targets::by_id(target).ok_or("no such target")?;
    let rendered = compile::render(compiled, renderer, Options::default());
    let what = format!("{} for {target} {version}", path.display());
    if rendered.files.is_empty() {
        return Err(format!(
            "{what} does not render:\n{}",
            shown(compiled, &rendered.report)
        ));
    }
    let files: Vec<(String, &str)> = rendered
        .files
        .iter()
        .map(|file| (file.path.to_string_lossy().into_owned(), file.text.as_str()))
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), *text))
        .collect();
    rehearse::check(program, &files).map_err(|why| format!("{what} is refused:\n{why}"))
}
