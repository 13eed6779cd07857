//! How long each step takes on a made spec of R routes, how that grows, and how the whole process compares with the real programs'
//! check of the file that it wrote: `tests/programs/install && cargo bench --bench compile`.
//!
//! The spec has R/10 hosts, R/5 upstreams of two servers, and every third route a WebSocket.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wsgen::compile::{Input, Options, World, compile, render};
use wsgen::ir::{self, Files};
use wsgen::spec::params::NoParams;
use wsgen::targets;

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("{path} is not read here"))
    }
}

/// The made spec.
fn made(routes: usize) -> String {
    let mut spec =
        String::from("wsgen: 1\nname: made\nlisteners:\n  plain: { port: 8080 }\nupstreams:\n");
    let upstreams = (routes / 5).max(1);
    let hosts = (routes / 10).max(1);
    for number in 0..upstreams {
        let (a, b) = (number / 250 % 250, number % 250);
        let _ = writeln!(
            spec,
            "  u{number}: {{ servers: [10.1.{a}.{b}:8080, 10.2.{a}.{b}:8080] }}"
        );
    }
    spec.push_str("routes:\n");
    for number in 0..routes {
        let _ = writeln!(
            spec,
            "  - name: r{number}\n    host: h{}.example.com\n    path: /p{number}\n    upstream: u{}",
            number % hosts,
            number % upstreams
        );
        if number % 3 == 0 {
            spec.push_str("    websocket: { idle: 10m, origins: same_host }\n");
        }
    }
    spec
}

/// The quickest of some rounds.
fn best<T>(rounds: usize, mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut quickest: Option<(Duration, T)> = None;
    for _ in 0..rounds {
        let start = Instant::now();
        let made = run();
        let took = start.elapsed();
        if quickest.as_ref().is_none_or(|(least, _)| took < *least) {
            quickest = Some((took, made));
        }
    }
    quickest.expect("at least one round")
}

#[allow(clippy::print_stdout)]
fn main() {
    let world = World {
        params: &NoParams,
        files: &NoFiles,
    };
    println!(
        "| routes | spec | compile | uses | {} |",
        targets::ALL
            .iter()
            .map(|target| target.id())
            .collect::<Vec<_>>()
            .join(" | ")
    );
    println!(
        "| ---: | ---: | ---: | ---: |{}",
        " ---: |".repeat(targets::ALL.len())
    );
    for routes in [100, 1_000, 10_000, 100_000] {
        let text = made(routes);
        let rounds = (20_000 / routes).clamp(2, 20);
        let (took, compiled) = best(rounds, || {
            compile(vec![Input::new("made.yaml", text.as_str())], world)
        });
        let gateway = compiled.gateway.as_ref().expect("the made spec is right");
        let (uses, _) = best(rounds, || ir::uses(gateway).len());
        let mut row = format!(
            "| {routes} | {:.2} MB | {:.1} ms | {:.1} ms |",
            text.len() as f64 / 1e6,
            took.as_secs_f64() * 1e3,
            uses.as_secs_f64() * 1e3
        );
        for target in targets::ALL {
            let (took, rendered) = best(rounds, || render(&compiled, *target, Options::default()));
            assert!(
                !rendered.files.is_empty(),
                "{} renders nothing",
                target.id()
            );
            let _ = write!(row, " {:.1} ms |", took.as_secs_f64() * 1e3);
        }
        println!("{row}");
    }
    whole_process();
}

/// The whole process, from a cold start, beside what the real program takes to check the file: medians of interleaved rounds.
#[allow(clippy::print_stdout)]
fn whole_process() {
    let folder = std::env::temp_dir().join(format!("wsgen-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the bench");
    println!(
        "\n| routes | target | `wsgen render` | the program's own check | ratio |\n| ---: | --- | ---: | ---: | ---: |"
    );
    for routes in [1_000, 10_000] {
        let spec = folder.join("spec.yaml");
        std::fs::write(&spec, made(routes)).expect("the spec is written");
        for (target, file, program) in [
            ("nginx", "nginx.conf", "nginx-1.31"),
            ("haproxy", "haproxy.cfg", "haproxy-2.8"),
        ] {
            let mut render = Command::new(env!("CARGO_BIN_EXE_wsgen"));
            render
                .arg("render")
                .arg(&spec)
                .args(["--target", target, "--out"])
                .arg(&folder);
            render.args([
                "--set",
                "nginx.access_log=access.log",
                "--set",
                "nginx.error_log=error.log",
            ]);
            let check = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("target/programs/bin")
                .join(program);
            let mut check = Command::new(check);
            match target {
                "nginx" => check
                    .arg("-p")
                    .arg(&folder)
                    .args(["-t", "-e", "stderr", "-g", "pid nginx.pid;", "-c"])
                    .arg(folder.join(file)),
                _ => check.args(["-c", "-f"]).arg(folder.join(file)),
            };
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..11 {
                ours.extend(timed(&mut render));
                theirs.extend(timed(&mut check));
            }
            let median = |times: &mut Vec<f64>| {
                times.sort_by(f64::total_cmp);
                times.get(times.len() / 2).copied()
            };
            let ours = median(&mut ours).expect("wsgen renders the made spec");
            match median(&mut theirs) {
                Some(theirs) => println!(
                    "| {routes} | {target} | {ours:.1} ms | {theirs:.1} ms | {:.2} |",
                    ours / theirs
                ),
                None => println!(
                    "| {routes} | {target} | {ours:.1} ms | {program} is not here, or refuses the file | |"
                ),
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
}

/// How long a successful run takes, in milliseconds.
fn timed(command: &mut Command) -> Option<f64> {
    let start = Instant::now();
    let done = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    done.success().then(|| start.elapsed().as_secs_f64() * 1e3)
}
