//! The GitHub action: its file read as GitHub reads it, its steps run by bash in a scratch repository of two commits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_yaml::Value;

use crate::bless::root;
use crate::cli::Cli;
use crate::scratch::Scratch;

fn action() -> Value {
    let text = std::fs::read_to_string(root().join("action.yml")).expect("the action is there");
    serde_yaml::from_str(&text).expect("YAML")
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn steps(action: &Value) -> &[Value] {
    action["runs"]["steps"].as_sequence().expect("steps")
}

/// The one expression of a text `${{ … }}`.
fn expression(text: &str) -> Option<&str> {
    Some(text.strip_prefix("${{")?.strip_suffix("}}")?.trim())
}

#[test]
fn the_action_has_the_shape_of_one() {
    let action = action();
    assert_eq!(text(&action["runs"], "using"), "composite");
    for key in ["name", "description"] {
        assert!(!text(&action, key).is_empty(), "{key}");
    }
    let ids: Vec<&str> = steps(&action).iter().map(|step| text(step, "id")).collect();
    let inputs = action["inputs"].as_mapping().expect("inputs");
    for (name, input) in inputs {
        assert!(!text(input, "description").is_empty(), "{name:?}");
    }
    for (name, output) in action["outputs"].as_mapping().expect("outputs") {
        assert!(!text(output, "description").is_empty(), "{name:?}");
        let value = expression(text(output, "value")).expect("an expression");
        let parts: Vec<&str> = value.split('.').collect();
        assert!(
            matches!(parts[..], ["steps", id, "outputs", _] if ids.contains(&id)),
            "{value}"
        );
    }
    for step in steps(&action) {
        if let Some(uses) = step.get("uses") {
            assert!(
                uses.as_str().is_some_and(|it| it.contains("@v")),
                "{uses:?}"
            );
            continue;
        }
        assert_eq!(text(step, "shell"), "bash");
        let run = text(step, "run");
        assert!(
            !run.is_empty() && !run.contains("${{"),
            "a user's text becomes a script's: {run}"
        );
        if let Some((_, script)) = run.split_once("action/") {
            let script = root().join("action").join(script.trim_end_matches('"'));
            assert!(script.is_file(), "{}", script.display());
        }
        for (_, value) in step
            .get("env")
            .and_then(Value::as_mapping)
            .into_iter()
            .flatten()
        {
            let value = expression(value.as_str().expect("text")).expect("an expression");
            let input = value.strip_prefix("inputs.");
            let known = input.is_none_or(|it| inputs.contains_key(it));
            assert!(
                known && (input.is_some() || value.starts_with("steps.")),
                "{value}"
            );
        }
    }
}

#[test]
fn a_runner_that_is_not_linux_is_told_so_first() {
    let action = action();
    let first = &steps(&action)[0];
    assert_eq!(text(first, "if"), "runner.os != 'Linux'");
    let mut bash = Command::new("bash");
    let done = bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c"]);
    let done = done.arg(text(first, "run")).output().expect("bash runs");
    assert_eq!(done.status.code(), Some(2));
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        said.starts_with("::error title=wsgen::") && said.contains("`runs-on: ubuntu-latest`"),
        "{said}"
    );
}

/// What a run of the action came to.
struct Ran {
    outputs: BTreeMap<String, String>,
    said: String,
    summary: String,
    passed: bool,
}

/// Runs every step after the build, as GitHub does: inputs and outputs of earlier steps through `env`.
fn run(repository: &Path, runner: &Scratch, inputs: &[(&str, &str)]) -> Ran {
    let action = action();
    let mut ran = Ran {
        outputs: BTreeMap::new(),
        said: String::new(),
        summary: String::new(),
        passed: true,
    };
    let binary = Path::new(env!("CARGO_BIN_EXE_wsgen"));
    let path = std::env::var("PATH").expect("a PATH");
    let path = format!("{}:{path}", binary.parent().expect("a folder").display());
    let summary = runner.write("summary", "");
    for step in steps(&action).iter().filter(|it| it.get("if").is_none()) {
        let output = runner.write("output", "");
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c"])
            .arg(text(step, "run"))
            .current_dir(repository)
            .env("PATH", &path)
            .env("GITHUB_ACTION_PATH", root())
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("RUNNER_TEMP", runner.path());
        for (name, value) in step
            .get("env")
            .and_then(Value::as_mapping)
            .into_iter()
            .flatten()
        {
            let value = expression(value.as_str().expect("text")).expect("an expression");
            let value = match value.strip_prefix("inputs.") {
                Some(input) => {
                    let given = inputs.iter().find(|(name, _)| *name == input);
                    let default = text(&action["inputs"][input], "default");
                    given.map_or(default, |(_, value)| value).to_owned()
                }
                None => {
                    let name = value.rsplit('.').next().expect("a name");
                    ran.outputs.get(name).cloned().unwrap_or_default()
                }
            };
            command.env(name.as_str().expect("a name"), value);
        }
        let done: Output = command.output().expect("bash runs");
        ran.said += &String::from_utf8_lossy(&done.stdout);
        ran.said += &String::from_utf8_lossy(&done.stderr);
        ran.outputs.extend(outputs(&runner.read("output")));
        ran.passed = done.status.success();
        if !ran.passed {
            break;
        }
    }
    ran.summary = runner.read("summary");
    ran
}

/// The file of outputs as the runner reads it: `name=value`, or `name<<WORD` to a line `WORD`.
fn outputs(text: &str) -> Vec<(String, String)> {
    let mut outputs = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        match (line.split_once("<<"), line.split_once('=')) {
            (Some((name, end)), _) if !name.contains('=') => {
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
                outputs.push((name.to_owned(), value.join("\n")));
            }
            (_, Some((name, value))) => outputs.push((name.to_owned(), value.to_owned())),
            _ => panic!("no output: {line}\n{text}"),
        }
    }
    outputs
}

/// A repository whose base has a spec, and the spec after it.
fn repository(scratch: &Scratch, name: &str, after: impl Fn(&str) -> String) -> (PathBuf, String) {
    let folder = scratch.path().join("repository");
    std::fs::create_dir_all(&folder).expect("a folder");
    scratch.git(&folder, &["init", "-q"]);
    let spec = Cli::new("init").run().status(0).stdout;
    let path = format!("repository/{name}");
    scratch.write(&path, &spec);
    scratch.git(&folder, &["add", "."]);
    scratch.git(&folder, &["commit", "-q", "-m", "base"]);
    let head = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(&folder)
        .output()
        .expect("git runs");
    let base = String::from_utf8_lossy(&head.stdout).trim().to_owned();
    scratch.write(&path, after(&spec));
    scratch.git(&folder, &["add", "."]);
    scratch.git(&folder, &["commit", "-q", "-m", "head"]);
    (folder, base)
}

#[test]
fn a_change_is_annotated_and_told() {
    let scratch = Scratch::new("action");
    let (folder, base) = repository(&scratch, "gateway.yaml", |spec| {
        spec.replace("idle: 1h", "idle: 30s")
    });
    let inputs = [
        ("specs", "gateway.yaml\n"),
        ("base", &base),
        ("targets", "nginx,haproxy"),
    ];
    let ran = run(&folder, &scratch, &inputs);
    assert!(ran.passed, "a warning fails nothing\n{}", ran.said);
    let annotation = "::warning file=gateway.yaml,line=";
    assert!(ran.said.contains(annotation), "{}", ran.said);
    assert_eq!(ran.outputs["status"], "0");
    let sarif = std::fs::read_to_string(&ran.outputs["sarif"]).expect("SARIF");
    let sarif: serde_json::Value = serde_json::from_str(&sarif).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let found = |rule: &str| results.iter().any(|it| it["ruleId"] == rule);
    assert!(found("lint::short-websocket-idle"), "{results:?}");
    assert_eq!(ran.outputs["changed"], "true");
    let comment = ran.outputs["comment"].trim_end();
    assert!(
        comment.contains("30s") && comment.contains("nginx.conf"),
        "{comment}"
    );
    assert_eq!(
        std::fs::read_to_string(&ran.outputs["comment-file"])
            .expect("a file")
            .trim_end(),
        comment
    );
    assert!(ran.summary.contains(comment));

    let denied = run(
        &folder,
        &scratch,
        &[&inputs[..], &[("deny-warnings", "true")]].concat(),
    );
    assert!(
        !denied.passed && denied.outputs["changed"] == "true",
        "{}",
        denied.said
    );

    let same = run(
        &folder,
        &scratch,
        &[("specs", "gateway.yaml"), ("base", "HEAD")],
    );
    assert!(
        same.passed && same.outputs["changed"] == "false",
        "{}",
        same.said
    );
    let alone = run(
        &folder,
        &scratch,
        &[("specs", "gateway.yaml"), ("base", "")],
    );
    assert!(
        alone.passed && alone.outputs["changed"] == "false",
        "{}",
        alone.said
    );
}

#[test]
fn a_wrong_spec_fails_at_the_end() {
    let scratch = Scratch::new("action");
    let (folder, base) = repository(&scratch, "gateway.yaml", |spec| {
        spec.replace("upstream: web", "upstrem: web")
    });
    let ran = run(
        &folder,
        &scratch,
        &[("specs", "gateway.yaml"), ("base", &base)],
    );
    assert!(!ran.passed && ran.outputs["status"] == "2", "{}", ran.said);
    assert!(
        ran.said.contains("::error file=gateway.yaml,line="),
        "{}",
        ran.said
    );
    assert!(ran.outputs["comment"].contains("It cannot be compared"));
    assert!(Path::new(&ran.outputs["sarif"]).is_file());
    let none = run(&folder, &scratch, &[("specs", " \n"), ("base", &base)]);
    assert!(
        !none.passed && none.said.contains("no spec is named"),
        "{}",
        none.said
    );
}

/// Names and texts that try to be a command, an option, an output or a heading.
#[test]
fn no_text_of_a_user_is_a_command() {
    let name = "$(touch pwned) `touch pwned`'; touch pwned; '\"<b>.yaml";
    let scratch = Scratch::new("action");
    let (folder, base) = repository(&scratch, name, |spec| {
        let spec = spec.replace("idle: 1h", "idle: 30s");
        format!("# ::error::forged\n# comment<<wsgen_\n{spec}")
    });
    let alone = run(&folder, &scratch, &[("specs", name), ("base", &base)]);
    let annotation = format!("::warning file={name},line=");
    assert!(alone.said.contains(&annotation), "{}", alone.said);
    let specs = format!("{name}\n--help\n-new.yaml");
    scratch.write("repository/-new.yaml", Cli::new("init").run().stdout);
    for targets in ["nginx", "nginx; touch pwned", "--help"] {
        let ran = run(
            &folder,
            &scratch,
            &[("specs", &specs), ("base", &base), ("targets", targets)],
        );
        assert!(!folder.join("pwned").exists(), "{}", ran.said);
        assert!(!ran.said.contains("\n::error::forged"), "{}", ran.said);
        let comment = ran.outputs.get("comment").map_or("", String::as_str);
        assert!(
            comment.contains("### ??touch pwned? ?touch pwned?"),
            "{comment}"
        );
        assert!(
            comment.contains("### -new.yaml\n\nThe spec is new."),
            "{comment}"
        );
        assert!(!comment.contains("<b>"), "{comment}");
        assert!(!ran.passed, "`--help` is a spec that is not there");
    }
}

/// However many specs differ, the comment stays shorter than one may be.
#[test]
fn the_comment_stays_short() {
    let scratch = Scratch::new("action");
    let (folder, _) = repository(&scratch, "0.yaml", |spec| format!("{spec}# more\n"));
    let spec = Cli::new("init").run().stdout;
    let many: String = (0..1500)
        .map(|at| format!("  - {{ name: r{at}, path: /r{at}, upstream: web }}\n"))
        .collect();
    let long = spec.replace("routes:\n", &format!("routes:\n{many}"));
    let mut specs = String::new();
    for at in 0..3 {
        scratch.write(&format!("repository/{at}.yaml"), &spec);
        specs += &format!("{at}.yaml\n");
    }
    scratch.git(&folder, &["add", "."]);
    scratch.git(&folder, &["commit", "-q", "-m", "three"]);
    for at in 0..3 {
        scratch.write(&format!("repository/{at}.yaml"), &long);
    }
    let inputs = [
        ("specs", specs.as_str()),
        ("base", "HEAD"),
        ("targets", "nginx"),
    ];
    let ran = run(&folder, &scratch, &inputs);
    let comment = &ran.outputs["comment"];
    assert!(
        (20_000..60_000).contains(&comment.len()),
        "{}",
        comment.len()
    );
    assert!(
        comment.contains("2 more specs differ"),
        "{}",
        &comment[comment.len() - 300..]
    );
}

/// The build, with a cargo that only says what it was asked for.
#[test]
fn wsgen_is_built_once_from_the_actions_own_revision() {
    let scratch = Scratch::new("action");
    let cargo = scratch.write(
        "bin/cargo",
        "#!/bin/sh\necho \"$@\" >> \"$RUNNER_TEMP/asked\"\nmkdir -p \"$RUNNER_TEMP/wsgen/bin\"\necho '#!/bin/sh' > \"$RUNNER_TEMP/wsgen/bin/wsgen\"\nchmod +x \"$RUNNER_TEMP/wsgen/bin/wsgen\"\n",
    );
    let chmod = Command::new("chmod").arg("+x").arg(&cargo).status();
    assert!(chmod.is_ok_and(|it| it.success()));
    let path = format!(
        "{}:{}",
        scratch.path().join("bin").display(),
        std::env::var("PATH").expect("a PATH")
    );
    let script = |name: &str| {
        let done = Command::new("bash")
            .arg(root().join("action").join(name))
            .env("PATH", &path)
            .env("GITHUB_ACTION_PATH", root())
            .env("GITHUB_OUTPUT", scratch.path().join("output"))
            .env("GITHUB_PATH", scratch.path().join("path"))
            .env("RUNNER_TEMP", scratch.path())
            .output()
            .expect("bash runs");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    };
    script("install.sh");
    script("install.sh");
    let root_of_install = scratch.path().join("wsgen");
    assert_eq!(
        scratch.read("asked"),
        format!(
            "install --locked --no-default-features --path {} --root {}\n",
            root().display(),
            root_of_install.display()
        )
    );
    let bin = format!("{}/bin\n", root_of_install.display());
    assert_eq!(scratch.read("path"), bin.repeat(2));
    script("key.sh");
    script("key.sh");
    let keys = outputs(&scratch.read("output"));
    assert!(keys[0].1.len() == 64 && keys[0] == keys[1], "{keys:?}");
}
