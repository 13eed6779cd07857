//! The help of every command: fresh on disk, also as a page of the reference, and its examples work.

use std::process::Command;

use wsgen::reference::book;

use crate::bless;
use crate::cli::Cli;
use crate::scratch::Scratch;

/// Every command, and the call without one.
fn commands() -> Vec<String> {
    let help = Cli::new("--help").run().status(0).stdout;
    let list = help
        .split("Commands:\n")
        .nth(1)
        .expect("a list of commands");
    let mut names: Vec<String> = list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    names.insert(0, String::new());
    names
}

#[test]
fn help_is_fresh() {
    let mut stale = Vec::new();
    let mut page = format!("{}# Command line\n", book::MADE);
    for name in commands() {
        let help = Cli::new(&format!("{name} --help")).run().status(0).stdout;
        let file = if name.is_empty() {
            "wsgen".to_owned()
        } else {
            format!("wsgen-{name}")
        };
        let path = bless::root().join(format!("tests/it/help/{file}.txt"));
        stale.extend(bless::fresh(&path, &help).err());
        let title = format!("wsgen {name}");
        page.push_str(&format!(
            "\n## {}\n\n```text\n{help}```\n",
            title.trim_end()
        ));
    }
    let path = bless::root().join("docs/reference/cli.md");
    stale.extend(bless::fresh(&path, &page).err());
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

#[test]
fn every_example_of_every_help_works() {
    let mut tried = 0;
    for name in commands() {
        let help = Cli::new(&format!("{name} --help")).run().stdout;
        let scratch = Scratch::new("example");
        prepare(&scratch);
        let mut examples = help
            .lines()
            .filter_map(|line| line.trim().strip_prefix("$ wsgen "))
            .peekable();
        assert!(
            examples.peek().is_some(),
            "`wsgen {name} --help` has no example"
        );
        for example in examples {
            if example.starts_with("proxy") || example.starts_with("lsp") {
                // It serves until a signal, or speaks to an editor: seen elsewhere.
                tried += 1;
                continue;
            }
            // What the programs then do is seen elsewhere; here they may be missing.
            let starts = example.starts_with("verify") && !example.contains("--list");
            let only_list = starts.then_some("--list");
            let output = Command::new(env!("CARGO_BIN_EXE_wsgen"))
                .args(words(example))
                .args(only_list)
                .current_dir(scratch.path())
                .output()
                .expect("the binary under test starts");
            let status = output.status.code();
            let differs = example.starts_with("diff") && status == Some(1);
            assert!(
                status == Some(0) || differs,
                "$ wsgen {example}\n{status:?}\n{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}

/// A repository with a spec in two versions.
fn prepare(scratch: &Scratch) {
    let spec = |app: &str| Cli::new("init --app").arg(app).run().status(0).stdout;
    scratch.write("old.yaml", spec("chat"));
    scratch.write("spec.yaml", spec("chat"));
    scratch.write(
        "nginx.conf",
        "server { listen 80; client_max_body_size 0; location / { proxy_pass http://127.0.0.1:3000; } }",
    );
    let git = |args: &[&str]| scratch.git(".", args);
    git(&["init", "-q"]);
    git(&["add", "spec.yaml"]);
    git(&["commit", "-q", "-m", "a spec"]);
    scratch.write("spec.yaml", spec("chat").replace("idle: 1h", "idle: 2h"));
}

/// A call's words as a shell splits them.
fn words(call: &str) -> Vec<String> {
    let (mut words, mut open) = (vec![String::new()], false);
    for c in call.chars() {
        match c {
            '"' => open = !open,
            ' ' if !open => words.push(String::new()),
            c => words.last_mut().expect("there is always one").push(c),
        }
    }
    words
}
