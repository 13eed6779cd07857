//! `wsgen render` and `wsgen lint` as people call them: what is said where, and the status.

use crate::cli::Cli;

const SPEC: &str = "
    wsgen: 1
    listeners:
      plain: { port: 8080, address: 127.0.0.1 }
    upstreams:
      app: { servers: ['127.0.0.1:3000'] }
    routes:
      - { name: socket, path: /ws, upstream: app, websocket: { origins: same_host } }
    ";

#[test]
fn without_arguments_there_is_short_help() {
    Cli::new("").run().status(0).stdout_has("render").stderr("");
    Cli::new("rendr")
        .run()
        .status(2)
        .stdout("")
        .stderr_has("'render'");
}

#[test]
fn a_parameter_that_no_spec_asks_for_is_a_slip() {
    let spec = SPEC.replace("port: 8080", "port: '${PORT:-8080}'");
    Cli::new("lint spec.yaml --set PROT=80")
        .file("spec.yaml", &spec)
        .run()
        .status(2)
        .stderr_has("the spec asks for no parameter `PROT`")
        .stderr_has("did you mean `PORT`?");
    Cli::new("render spec.yaml -t nginx --set WHAT=80")
        .file("spec.yaml", SPEC)
        .run()
        .status(2)
        .stderr_has("write `${WHAT}` where its value belongs");
    Cli::new("lint spec.yaml --set PORT=8081")
        .file("spec.yaml", &spec)
        .run()
        .status(0);
    // Of several specs one may ask for what another does not.
    Cli::new("lint spec.yaml other.yaml --set PORT=8081")
        .file("spec.yaml", &spec)
        .file("other.yaml", SPEC)
        .run()
        .status(0);
}

#[test]
fn a_spec_that_is_not_there_is_named() {
    Cli::new("lint chat.yml")
        .file("chat.yaml", SPEC)
        .run()
        .status(2)
        .stdout("")
        .stderr(
            "
        error: `chat.yml` cannot be read: no such file or directory
          help: did you mean `chat.yaml`?
        ",
        );
}

#[test]
fn a_file_is_meant_by_its_name_and_not_by_its_extension() {
    Cli::new("lint nope.yaml")
        .file("s.yaml", SPEC)
        .file("nope/x.yaml", SPEC)
        .run()
        .status(2)
        .stderr(
            "
        error: `nope.yaml` cannot be read: no such file or directory
          help: `wsgen init --out spec.yaml` writes a spec to start from
        ",
        );
}

#[test]
fn a_folder_is_no_spec() {
    Cli::new("lint specs")
        .file("specs/a.yaml", SPEC)
        .run()
        .status(2)
        .stderr(
            "
        error: `specs` is a folder, not a spec
          help: name a file in it, such as `specs/a.yaml`
        ",
        );
}

#[test]
fn a_file_name_with_a_newline_stays_on_one_line() {
    Cli::new("lint")
        .arg("a\nb")
        .run()
        .status(2)
        .stderr_has("`a\\nb` cannot be read");
}

#[test]
fn a_spec_that_is_not_utf8_names_the_byte() {
    Cli::new("lint spec.yaml")
        .bytes("spec.yaml", b"wsgen: 1\nname: \xFF\n")
        .run()
        .status(2)
        .stdout_has("is not UTF-8");
}

#[test]
fn standard_input_is_a_spec() {
    Cli::new("lint -")
        .stdin("wsgen: 1\nroute: []\n")
        .run()
        .status(2)
        .stdout_has("<stdin>:2:1")
        .stdout_has("routes");
}

#[test]
fn a_mapping_that_is_asked_for_is_shown() {
    let asked = |line: &str, help: &str| {
        Cli::new("lint -")
            .stdin(format!("wsgen: 1\nroutes:\n- path: /\n  {line}\n"))
            .run()
            .status(2)
            .stdout_has(help);
    };
    asked(
        "respond: 404",
        "write a mapping with `status`, `body`, `file` or `content_type`",
    );
    asked("limits: { requests: 10/s }", "write `{rate: …}`");
    Cli::new("lint -")
        .stdin("wsgen: 1\nroutes: [{ path: '^/x', respond: {} }]\n")
        .run()
        .status(2)
        .stdout_has("a regex is written `path: {regex: ");
}

#[test]
fn versions_are_what_was_written() {
    let call = |args: &str| Cli::new(args).file("spec.yaml", SPEC).run();
    for wrong in ["9", "abc", ""] {
        call(&format!("render spec.yaml -t nginx@{wrong}"))
            .status(2)
            .stderr(&format!(
                "
        error: `nginx@{wrong}` names no version
          help: write it such as `nginx@1.31`
        "
            ));
    }
    call("render spec.yaml -t nginx --set nginx.version=9")
        .status(2)
        .stderr_has("`9` is not a version");
    for twice in ["nginx@1.22,nginx@1.31", "nginx,nginx@1.22"] {
        call(&format!("render spec.yaml -o out -t {twice}"))
            .status(2)
            .stderr_has("`nginx` is named twice, with different versions");
    }
    call("render spec.yaml -o out -t all,nginx@1.22 --set traefik.on_loss=warn").status(0);
    call("render spec.yaml -t nginx@1.40")
        .status(0)
        .stderr_has("NGINX 1.40 is newer than what is known")
        .stderr_has("it gets what 1.31 gets");
    let newest = call("render spec.yaml -t nginx@1.31").status(0);
    assert!(!newest.stderr.contains("newer"));
}

#[test]
fn parameters_come_from_the_call_then_files_then_the_environment() {
    let spec = "
        wsgen: 1
        name: ${NAME}
        routes: [{ path: /, respond: { status: 204 } }]
        ";
    let name = |cli: Cli| {
        cli.file("spec.yaml", spec)
            .file("env", "# note\nexport NAME=\"file\"\n")
            .run()
            .status(0)
            .stdout
    };
    assert!(name(Cli::new("ir spec.yaml").env("NAME", "world")).starts_with("name: world\n"));
    assert!(
        name(Cli::new("ir spec.yaml --env-file env").env("NAME", "world"))
            .starts_with("name: file\n")
    );
    assert!(
        name(Cli::new(
            "ir spec.yaml --env-file env --set NAME=a --set NAME=b"
        ))
        .starts_with("name: b\n")
    );
    Cli::new("ir spec.yaml")
        .file("spec.yaml", spec)
        .run()
        .status(2)
        .stderr_has("the parameter `NAME` has no value");
}

#[test]
fn files_merge_and_options_of_targets_are_set() {
    Cli::new("ir spec.yaml -f prod.yaml --set nginx.version=1.22 --format json")
        .file("spec.yaml", SPEC)
        .file(
            "prod.yaml",
            "routes: [{ name: socket, websocket: { idle: 5m } }]\n",
        )
        .run()
        .status(0)
        .stdout_has("\"idle\": \"5m\"")
        .stdout_has("\"version\": \"1.22\"");
    Cli::new("lint -f spec.yaml -f prod.yaml")
        .file("spec.yaml", SPEC)
        .file(
            "prod.yaml",
            "routes: [{ name: socket, upstream: nobody }]\n",
        )
        .run()
        .status(2)
        .stdout_has("prod.yaml:1:36")
        .stdout_has("there is no upstream `nobody`");
    Cli::new("lint spec.yaml --set ngix.version=1")
        .file("spec.yaml", SPEC)
        .run()
        .status(2)
        .stderr_has("did you mean `nginx`?");
    Cli::new("lint spec.yaml --set nginx.versoin=1")
        .file("spec.yaml", SPEC)
        .run()
        .status(2)
        .stdout_has("did you mean `version`?");
    Cli::new("lint spec.yaml --set NAME")
        .file("spec.yaml", SPEC)
        .run()
        .status(2)
        .stderr_has("has no `=`");
}

#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    use std::process::{Command, Stdio};
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return;
    };
    let output = Command::new(env!("CARGO_BIN_EXE_wsgen"))
        .arg("schema")
        .stdout(Stdio::from(full))
        .stderr(Stdio::piped())
        .output()
        .expect("the binary under test starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no space left on device"));
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_wsgen"))
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary under test starts");
    drop(child.stdout.take());
    let output = child
        .wait_with_output()
        .expect("the binary under test ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn findings_come_in_every_format() {
    let lint = |format: &str| {
        Cli::new("lint a.yaml b.yaml --format")
            .arg(format)
            .file("a.yaml", "wsgen: 1\nroute: []\n")
            .file("b.yaml", "wsgen: 2\n")
            .run()
            .status(2)
            .stderr("")
            .stdout
    };
    let json: Vec<serde_json::Value> = serde_json::from_str(&lint("json")).expect("one array");
    let files: Vec<_> = json.iter().map(|finding| finding["file"].clone()).collect();
    assert!(
        files.contains(&"a.yaml".into()) && files.contains(&"b.yaml".into()),
        "{files:?}"
    );
    let sarif: serde_json::Value = serde_json::from_str(&lint("sarif")).expect("one document");
    assert_eq!(sarif["runs"].as_array().map(Vec::len), Some(1));
    assert!(
        lint("github")
            .lines()
            .all(|line| line.starts_with("::error file="))
    );
}

#[test]
fn colour_is_asked_for_or_not() {
    let run = |args: &str, env: (&str, &str)| {
        Cli::new(args)
            .env(env.0, env.1)
            .file("a.yaml", "wsgen: 1\nroute: []\n")
            .run()
            .stdout
    };
    assert!(!run("lint a.yaml", ("X", "1")).contains('\x1b'));
    assert!(run("lint a.yaml", ("CLICOLOR_FORCE", "1")).contains('\x1b'));
    assert!(run("lint a.yaml --color always", ("NO_COLOR", "1")).contains('\x1b'));
    assert!(!run("lint a.yaml --color never", ("CLICOLOR_FORCE", "1")).contains('\x1b'));
}

#[test]
fn what_lint_calls_an_error_is_not_rendered() {
    let spec = "
        wsgen: 1
        upstreams:
          app: { servers: ['127.0.0.1:3000'] }
        routes:
          - { path: /ws, upstream: app }
          - { path: { exact: /ws/a }, upstream: app, when: { methods: [GET] } }
          - { name: never, path: { exact: /ws/a }, upstream: app, when: { methods: [GET] } }
        ";
    Cli::new("render spec.yaml -t nginx")
        .file("spec.yaml", spec)
        .run()
        .status(1)
        .stdout("")
        .stderr_has("lint::unreachable-route");
    Cli::new("lint spec.yaml")
        .file("spec.yaml", spec)
        .run()
        .status(1)
        .stdout_has("lint::unreachable-route");
    Cli::new("explain lint::unreachable-route")
        .run()
        .status(0)
        .stdout_has("# unreachable-route");
    Cli::new("explain rules")
        .run()
        .status(0)
        .stdout_has("unreachable-route ");
    Cli::new("explain unreachable-rout")
        .run()
        .status(2)
        .stderr_has("did you mean `unreachable-route`?");
}

#[test]
fn warnings_of_lint_fail_only_where_they_are_denied() {
    let spec = SPEC
        .replace("socket, path", "socket, host: example.com, path")
        .replace("origins: same_host", "idle: 10s");
    let lint = |args: &str| Cli::new(args).file("spec.yaml", &spec).run();
    lint("lint spec.yaml")
        .status(0)
        .stdout_has("lint::short-websocket-idle")
        .stderr("");
    lint("lint spec.yaml --deny warnings")
        .status(1)
        .stdout_has("lint::short-websocket-idle");
    let done = lint("render spec.yaml -t nginx").status(0);
    assert!(!done.stderr.contains("lint::"), "{}", done.stderr);
}

#[test]
fn files_are_looked_into_where_lint_is_asked_to() {
    let spec = Cli::new("init")
        .run()
        .status(0)
        .stdout
        .replace("/etc/ssl/", "");
    let lint = |args: &str| {
        Cli::new(args)
            .bytes("below/spec.yaml", spec.as_bytes())
            .run()
    };
    lint("lint below/spec.yaml").status(0).stdout("");
    let done = lint("lint below/spec.yaml --files");
    assert!(
        done.stdout.contains("lint::certificate-missing"),
        "{}",
        done.stdout
    );
}

#[test]
fn what_cannot_be_read_says_why() {
    if std::path::Path::new("/proc/self/mem").exists() {
        Cli::new("lint /proc/self/mem")
            .run()
            .status(2)
            .stdout("")
            .stderr_has("`/proc/self/mem` cannot be read: ");
    }
    Cli::new("lint spec.yaml --env-file env")
        .file("spec.yaml", SPEC)
        .run()
        .status(2)
        .stderr_has("`env` cannot be read");
    Cli::new("lint spec.yaml --env-file env")
        .file("spec.yaml", SPEC)
        .file("env", "A=1\nB\n")
        .run()
        .status(2)
        .stderr_has("line 2 of `env` has no `=`");
    Cli::new("lint - -f -")
        .stdin("")
        .run()
        .status(2)
        .stderr_has("standard input is named twice");
    Cli::new("ir")
        .run()
        .status(2)
        .stderr_has("no spec is named");
}
