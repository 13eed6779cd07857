//! How long each step takes on a made spec of R routes, and how that grows: `cargo bench --bench compile`.
//!
//! The spec has R/10 hosts, R/5 upstreams of two servers, and every third route a WebSocket.

use std::fmt::Write as _;
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
}
