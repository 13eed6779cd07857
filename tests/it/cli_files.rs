//! Files that `wsgen` writes: whole or not at all, whatever goes wrong.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::cli::{Cli, unindent};
use crate::scratch::Scratch;

const SPEC: &str = "
    wsgen: 1
    upstreams:
      app: { servers: ['127.0.0.1:3000'] }
    routes:
      - { name: socket, path: /ws, upstream: app, websocket: { origins: same_host } }
    ";

#[test]
fn one_target_goes_straight_into_the_folder_and_several_into_their_own() {
    let done = Cli::new("render spec.yaml -t nginx --out deep/er")
        .file("spec.yaml", SPEC)
        .run()
        .status(0)
        .stdout("");
    let one = done.file("deep/er/nginx.conf");
    let done = Cli::new("render spec.yaml -t nginx,haproxy --out out")
        .file("spec.yaml", SPEC)
        .run()
        .status(0);
    assert_eq!(done.file("out/nginx/nginx.conf"), one);
    assert!(done.file("out/haproxy/haproxy.cfg").contains("frontend"));
    assert_eq!(temporaries(done.scratch.path()), 0);
    let done = Cli::new("render spec.yaml -t nginx")
        .file("spec.yaml", SPEC)
        .run()
        .status(0);
    assert_eq!(done.stdout, one);
}

#[test]
fn several_targets_need_a_folder() {
    Cli::new("render spec.yaml -t nginx,haproxy")
        .file("spec.yaml", SPEC)
        .run()
        .status(2)
        .stdout("")
        .stderr(
            "
        error: several targets do not fit on standard output
          help: write `--out DIR`, or name one target
        ",
        );
    Cli::new("render spec.yaml -t ngnx")
        .file("spec.yaml", SPEC)
        .run()
        .status(2)
        .stderr_has("did you mean `nginx`?");
    Cli::new("render spec.yaml")
        .file("spec.yaml", SPEC)
        .run()
        .status(2)
        .stderr_has("no target is named");
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let done = Cli::new("render spec.yaml -t nginx --out there")
        .file("spec.yaml", SPEC)
        .file("there", "mine")
        .run()
        .status(2)
        .stderr_has("`there` is a file, not a folder");
    assert_eq!(done.file("there"), "mine");
    Cli::new("render spec.yaml -t nginx --out there/below")
        .file("spec.yaml", SPEC)
        .file("there", "mine")
        .run()
        .status(2)
        .stderr_has("`there` is a file, not a folder");
    let done = Cli::new("render spec.yaml -t nginx,haproxy --out out")
        .file("spec.yaml", SPEC)
        .file("out/haproxy/haproxy.cfg/x", "a folder where a file belongs")
        .run()
        .status(2)
        .stderr_has("is a folder; a file belongs there");
    assert!(
        !done.scratch.path().join("out/nginx/nginx.conf").exists(),
        "all or nothing"
    );
    assert_eq!(temporaries(done.scratch.path()), 0);
}

#[test]
fn check_compares_and_writes_nothing() {
    Cli::new("render spec.yaml -t nginx --check")
        .file("spec.yaml", SPEC)
        .run()
        .status(2)
        .stderr_has("--out");
    let done = Cli::new("render spec.yaml -t nginx --check --out out")
        .file("spec.yaml", SPEC)
        .run()
        .status(1);
    assert!(
        done.stdout
            .starts_with("--- /dev/null\n+++ b/out/nginx.conf\n"),
        "{}",
        done.stdout
    );
    assert!(!done.scratch.path().join("out").exists());
    let text = Cli::new("render spec.yaml -t nginx")
        .file("spec.yaml", SPEC)
        .run()
        .stdout;
    let check = |text: &str| {
        Cli::new("render spec.yaml -t nginx --check --out out")
            .file("spec.yaml", SPEC)
            .bytes("out/nginx.conf", text.as_bytes())
            .run()
    };
    check(&text).status(0).stdout("");
    check(&text.replace("/ws", "/sw"))
        .status(1)
        .stdout_has("--- a/out/nginx.conf");
}

#[test]
fn an_error_leaves_what_was_there() {
    let bad = SPEC.replace("same_host", "[not an origin]");
    let done = Cli::new("render spec.yaml -t nginx --out out")
        .file("spec.yaml", &bad)
        .file("out/nginx.conf", "old")
        .run()
        .status(2);
    assert_eq!(done.file("out/nginx.conf"), "old");
}

#[test]
fn a_disk_that_fills_up_leaves_what_was_there() {
    let scratch = Scratch::new("full");
    scratch.write("spec.yaml", unindent(SPEC));
    scratch.write("out/nginx.conf", "old\n");
    // A ceiling on the size of files stands for the disk: the first kilobyte is written, the rest is refused.
    let output = Command::new("bash")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 1; exec \"$0\" render spec.yaml -t nginx --out out",
        ])
        .arg(env!("CARGO_BIN_EXE_wsgen"))
        .current_dir(scratch.path())
        .output()
        .expect("bash starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains(
            "nginx.conf` cannot be written: file too large\n  note: what stood there stays"
        ),
        "{said}"
    );
    assert_eq!(scratch.read("out/nginx.conf"), "old\n");
    assert_eq!(temporaries(scratch.path()), 0);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    // No name may be that long.
    let long = format!("out/{}", "x".repeat(300));
    Cli::new("render spec.yaml -t nginx --out")
        .arg(&long)
        .file("spec.yaml", SPEC)
        .run()
        .status(2)
        .stderr_has("cannot be written: file name too long");
}

#[test]
fn ctrl_c_leaves_a_whole_file_and_the_next_run_cleans_up() {
    let scratch = Scratch::new("interrupted");
    let mut spec =
        String::from("wsgen: 1\nupstreams:\n  app: { servers: ['127.0.0.1:3000'] }\nroutes:\n");
    for number in 0..1500 {
        spec.push_str(&format!(
            "  - {{ path: /p{number}, upstream: app, websocket: {{ origins: same_host }} }}\n"
        ));
    }
    scratch.write("spec.yaml", &spec);
    scratch.write("out/nginx.conf", "old\n");
    let whole = |text: &str| text == "old\n" || text.ends_with("}\n") && text.contains("/p1499");
    for wait in (0..24).map(|step| Duration::from_millis(step * 20)) {
        let mut child = render(scratch.path())
            .spawn()
            .expect("the binary under test starts");
        std::thread::sleep(wait);
        let killed = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .stderr(Stdio::null())
            .status();
        assert!(killed.is_ok());
        child.wait().expect("it ends");
        assert!(
            whole(&scratch.read("out/nginx.conf")),
            "half a file after {wait:?}"
        );
    }
    scratch.write(
        "out/.wsgen-tmp-4194305-0",
        "left by a process that is no more",
    );
    scratch.write("out/nginx.conf", "old\n");
    assert!(render(scratch.path()).status().expect("it ends").success());
    assert!(scratch.read("out/nginx.conf").contains("/p1499"));
    assert_eq!(temporaries(scratch.path()), 0);
}

#[test]
fn a_spec_of_a_hundred_thousand_lines_is_read() {
    let mut spec = String::from("wsgen: 1\nroutes:\n");
    for number in 0..25_000 {
        spec.push_str(&format!(
            "  - name: r{number}\n    path: /p{number}\n    respond:\n      status: 204\n"
        ));
    }
    let done = Cli::new("routes spec.yaml")
        .file("spec.yaml", &spec)
        .run()
        .status(0);
    assert_eq!(done.stdout.lines().count(), 25_001);
}

#[test]
fn a_name_with_a_newline_is_refused_where_it_stands() {
    Cli::new("render spec.yaml -t nginx")
        .file(
            "spec.yaml",
            "wsgen: 1\nname: \"a\\nb\"\nroutes: [{ path: /, respond: { status: 204 } }]\n",
        )
        .run()
        .status(2)
        .stdout("")
        .stderr_has("spec.yaml:2:7");
}

#[test]
fn a_link_stays_a_link() {
    let scratch = Scratch::new("link");
    scratch.write("real.conf", "old\n");
    scratch.write("spec.yaml", unindent(SPEC));
    std::fs::create_dir_all(scratch.path().join("out")).expect("a folder");
    std::os::unix::fs::symlink(
        scratch.path().join("real.conf"),
        scratch.path().join("out/nginx.conf"),
    )
    .expect("a link");
    assert!(render(scratch.path()).status().expect("it ends").success());
    assert!(scratch.path().join("out/nginx.conf").is_symlink());
    assert!(scratch.read("real.conf").contains("proxy_pass"));
}

fn render(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsgen"));
    command
        .args(["render", "spec.yaml", "-t", "nginx", "--out", "out"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// How many temporary files lie anywhere below a folder.
fn temporaries(folder: &Path) -> usize {
    std::fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| {
            if entry.path().is_dir() {
                temporaries(&entry.path())
            } else {
                usize::from(
                    entry
                        .file_name()
                        .to_string_lossy()
                        .starts_with(".wsgen-tmp-"),
                )
            }
        })
        .sum()
}

/// What helps depends on what the file is for.
#[test]
fn a_file_that_is_not_there_is_no_spec_to_start_from() {
    let said = |args: &str| {
        let done = Cli::new(args).file("spec.yaml", "wsgen: 1\n").run();
        done.status(2).stderr
    };
    assert!(said("lint nothing.at.all").contains("wsgen init"));
    for args in [
        "lint spec.yaml -f nothing.at.all",
        "diff spec.yaml spec.yaml -f nothing.at.all",
    ] {
        let said = said(args);
        assert!(
            said.contains("put over the spec") && !said.contains("init"),
            "{said}"
        );
    }
    let said = said("lint spec.yaml --env-file nothing.at.all");
    assert!(
        said.contains("NAME=value a line") && !said.contains("init"),
        "{said}"
    );
}
