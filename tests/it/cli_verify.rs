//! `wsgen verify` as a person meets it: the table, what a broken promise says, and everything that can go wrong before.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::cli::{Cli, Done};
use crate::programs::{HAPROXY, NGINX, Program, present, servers};
use crate::scratch::Scratch;

const SPEC: &str = "
    wsgen: 1
    name: chat
    listeners: { web: { port: 80 } }
    upstreams: { chat: { servers: [chat1.internal:8080, chat2.internal:8080] } }
    routes:
      - { name: socket, host: example.com, path: /ws, upstream: chat, websocket: true }
";

fn verify(args: &str) -> Cli {
    Cli::new(&format!("verify {args}")).file("spec.yaml", SPEC)
}

fn named(program: &Program) -> String {
    let found = program.found();
    format!("{}={}", found.program.target(), found.path.display())
}

/// A script that says it is NGINX, and then does something else.
fn impostor(scratch: &Scratch, then: &str) -> String {
    let version = "[ \"$1\" = -v ] && { echo 'nginx version: nginx/1.31.3' >&2; exit 0; }";
    let path = scratch.write("nginx", format!("#!/bin/sh\n{version}\n{then}\n"));
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("the script can be made executable");
    format!("nginx={}", path.display())
}

#[test]
fn verify_shows_what_each_program_keeps() {
    let programs = present(&servers());
    if programs.is_empty() {
        return;
    }
    let mut call = verify("spec.yaml --only path.prefix,websocket.upgrade");
    for program in &programs {
        call = call.arg("--program").arg(named(program));
    }
    let mut done = call.run().status(0);
    for program in &programs {
        done = done.stdout_has(&program.found().name());
    }
    done.stdout_has("path.prefix").stdout_has("held");
}

#[test]
fn verify_twice_at_once() {
    for program in present(&[NGINX[1], HAPROXY[1]]) {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    verify("spec.yaml --only routing --program")
                        .arg(named(&program))
                        .run()
                        .status(0)
                });
            }
        });
    }
}

#[test]
fn verify_writes_evidence_for_machines() {
    for program in present(&NGINX[1..]) {
        let call = |format: &str| {
            verify(&format!(
                "spec.yaml --only path.prefix --format {format} --program"
            ))
            .arg(named(&program))
            .run()
            .status(0)
        };
        let json: serde_json::Value = serde_json::from_str(&call("json").stdout).expect("JSON");
        let first = &json["programs"][0]["results"][0];
        assert_eq!(first["feature"], "path.prefix");
        assert_eq!(first["judgement"], "held");
        assert_eq!(first["spec"], "spec.yaml:6");
        call("junit")
            .stdout_has("<testsuite name=\"NGINX 1.31")
            .stdout_has("classname=\"path.prefix\"");
        call("markdown").stdout_has("| `path.prefix` | held |");
    }
}

#[test]
fn verify_lists_its_probes_and_starts_nothing() {
    verify("spec.yaml --list")
        .run()
        .status(0)
        .stdout_has("path.prefix")
        .stdout_has("`/ws` is matched by whole segments")
        .stdout_has("1h is probed as 2s")
        .stdout_has("spec.yaml:6");
}

#[test]
fn verify_refuses_a_wrong_spec_before_anything_starts() {
    let scratch = Scratch::new("impostor");
    let program = impostor(
        &scratch,
        &format!("touch {}/started", scratch.path().display()),
    );
    verify("wrong.yaml --program")
        .arg(program)
        .file("wrong.yaml", "wsgen: 1\nroutes: []\nlistenerz: {}\n")
        .run()
        .status(2)
        .stderr_has("listenerz");
    assert!(!scratch.path().join("started").exists());
}

#[test]
fn verify_tells_a_slip_in_its_arguments() {
    verify("spec.yaml --only path.prefx")
        .run()
        .status(2)
        .stderr_has("chooses no probe");
    verify("spec.yaml --program ngnix=/x")
        .run()
        .status(2)
        .stderr_has("did you mean `nginx`?");
    verify("spec.yaml --target haproxy --program nginx=/usr/sbin/nginx")
        .run()
        .status(2)
        .stderr_has("leaves it out");
    verify("spec.yaml --program nginx")
        .run()
        .status(2)
        .stderr_has("names no program");
    verify("spec.yaml --program nginx=/no/such/nginx")
        .run()
        .status(2)
        .stderr_has("/no/such/nginx");
    verify("spec.yaml --limit 5")
        .run()
        .status(2)
        .stderr_has("a number needs a unit");
}

#[test]
fn verify_names_a_program_that_hangs_or_dies() {
    let scratch = Scratch::new("hangs");
    let start = Instant::now();
    let done: Done = verify("spec.yaml --program")
        .arg(impostor(&scratch, "sleep 300"))
        .run()
        .status(2);
    assert!(start.elapsed() < Duration::from_secs(60));
    done.stdout_has("NGINX 1.31.3").stdout_has("within 10 s");
    let scratch = Scratch::new("dies");
    verify("spec.yaml --program")
        .arg(impostor(&scratch, "echo 'it hurts' >&2; exit 3"))
        .run()
        .status(2)
        .stdout_has("exit status: 3")
        .stdout_has("it hurts");
}

#[test]
fn verify_ends_at_its_limit() {
    for program in present(&HAPROXY[1..]) {
        let start = Instant::now();
        verify("spec.yaml --only timeout --limit 500ms --program")
            .arg(named(&program))
            .run()
            .status(1)
            .stderr_has("give a longer `--limit`")
            .stdout_has("the time was up");
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{:?}",
            start.elapsed()
        );
    }
}

#[test]
fn verify_shows_the_spec_line_of_what_a_program_refuses() {
    let spec = SPEC.trim_end().to_owned()
        + "\n    targets:\n      nginx: { raw: { routes: { socket: \"no_such_directive 1;\" } } }\n";
    for program in present(&NGINX[1..]) {
        verify("raw.yaml --program")
            .file("raw.yaml", &spec)
            .arg(named(&program))
            .run()
            .status(2)
            .stdout_has("unknown directive \"no_such_directive\"")
            .stdout_has("raw.yaml:8");
    }
}
