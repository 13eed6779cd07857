//! The hooks of `.pre-commit-hooks.yaml`, run by the real pre-commit in a scratch repository.

use std::path::Path;
use std::process::Command;

use crate::bless;
use crate::cli::Cli;
use crate::programs;
use crate::scratch::Scratch;

#[test]
fn every_hook_passes_and_fails_as_it_should() {
    let Some(pre_commit) = programs::require("pre-commit") else {
        return;
    };
    let scratch = Scratch::new("pre-commit");
    let (hooks, user) = (scratch.path().join("hooks"), scratch.path().join("user"));
    for folder in [&hooks, &user] {
        std::fs::create_dir_all(folder).expect("a folder");
        scratch.git(folder, &["init", "-q"]);
    }
    let text = std::fs::read(bless::root().join(".pre-commit-hooks.yaml")).expect("the hooks");
    scratch.write("hooks/.pre-commit-hooks.yaml", text);
    scratch.git(&hooks, &["add", "."]);
    scratch.git(&hooks, &["commit", "-q", "-m", "hooks"]);
    scratch.git(&hooks, &["tag", "v1"]);

    let spec = Cli::new("init").run().status(0).stdout;
    scratch.write("user/chat.wsgen.yaml", &spec);
    scratch.write("user/other.yaml", "not: a spec\n");
    // `language: system`: the binary under test in place of one that cargo builds from the repository for minutes.
    scratch.write(
        "user/.pre-commit-config.yaml",
        format!(
            "repos:\n- repo: {}\n  rev: v1\n  hooks:\n  - {{ id: wsgen-lint, language: system }}\n  - {{ id: wsgen-fmt, language: system }}\n  \
             - {{ id: wsgen-render-check, language: system, args: [chat.wsgen.yaml, --target, nginx, --out, deploy] }}\n",
            hooks.display()
        ),
    );
    let wsgen = Path::new(env!("CARGO_BIN_EXE_wsgen"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let bin = wsgen.parent().expect("a folder").to_path_buf();
    let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path)))
        .expect("a PATH");
    let run = || {
        scratch.git(&user, &["add", "."]);
        let output = pre_commit
            .command()
            .args(["run", "--all-files"])
            .current_dir(&user)
            .env("PATH", &path)
            .env("PRE_COMMIT_HOME", scratch.path().join("cache"))
            .env("HOME", scratch.path())
            .output()
            .expect("pre-commit starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said)
    };

    let (passed, said) = run();
    assert!(
        !passed && said.contains("+++ b/deploy/nginx.conf"),
        "nothing is rendered yet\n{said}"
    );
    assert!(!said.contains("other.yaml"), "{said}");
    let rendered = Command::new(wsgen)
        .args([
            "render",
            "chat.wsgen.yaml",
            "--target",
            "nginx",
            "--out",
            "deploy",
        ])
        .current_dir(&user)
        .output()
        .expect("wsgen starts");
    let said = String::from_utf8_lossy(&rendered.stderr);
    assert!(rendered.status.success(), "{said}");
    let (passed, said) = run();
    assert!(passed, "{said}");
    scratch.write(
        "user/chat.wsgen.yaml",
        spec.replace("upstream: web", "upstrem: web"),
    );
    let (passed, said) = run();
    assert!(
        !passed && said.contains("did you mean `upstream`?"),
        "{said}"
    );
    scratch.write(
        "user/chat.wsgen.yaml",
        spec.replace("  plain: {", "  plain:   {"),
    );
    let (passed, said) = run();
    assert!(
        !passed && said.contains("files were modified by this hook"),
        "{said}"
    );
    let laid = std::fs::read_to_string(user.join("chat.wsgen.yaml"));
    assert_eq!(laid.expect("it is there"), spec);
}
