//! The real programs: where they are, what their absence means, and their own check of a file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use wsgen::verify::programs::{self, Found};

use crate::bless::root;

/// Both ends of the NGINX range.
pub(crate) const NGINX: [&str; 2] = ["nginx-1.22", "nginx-1.31"];
/// The old end of the HAProxy range, and the newest that a package of a registry holds.
pub(crate) const HAPROXY: [&str; 2] = ["haproxy-2.6", "haproxy-2.8"];
/// The Traefik that a package of a registry holds.
pub(crate) const TRAEFIK: [&str; 1] = ["traefik-3.7"];
/// The Envoy that a package of a registry holds.
pub(crate) const ENVOY: [&str; 1] = ["envoy-1.40"];
/// The Caddy that a package of a registry holds.
pub(crate) const CADDY: [&str; 1] = ["caddy-2.11"];
/// The reference proxy: the command that this build made.
pub(crate) const PROXY: [&str; 1] = ["proxy-0.1"];
/// Traefik as the controller of Ingress and Gateway API resources.
#[allow(dead_code)]
pub(crate) const CONTROLLERS: [&str; 2] = ["ingress-3.7", "gateway-3.7"];
/// The runtime of Cloudflare Workers that a package of a registry holds.
pub(crate) const WORKER: [&str; 1] = ["worker-2026.11"];
/// Each program in both ends of its range, as far as packages hold them: the targets in the order of the matrix.
pub(crate) const SERVERS: [(&str, &[&str]); 7] = [
    ("nginx", &NGINX),
    ("haproxy", &HAPROXY),
    ("traefik", &TRAEFIK),
    ("envoy", &ENVOY),
    ("caddy", &CADDY),
    ("worker", &WORKER),
    ("proxy", &PROXY),
];
/// The names of every program that serves, both ends of each range.
pub(crate) fn servers() -> Vec<&'static str> {
    let known = SERVERS
        .iter()
        .filter(|(target, _)| wsgen::targets::by_id(target).is_some());
    known.flat_map(|(_, names)| names.iter().copied()).collect()
}

/// What comes with packages: node stands for its npm packages, `websockets` for Python's package, `moto` and `pyyaml` for a
/// Python that has it.
const CLIENTS: [&str; 5] = ["node", "websockets", "chromium", "moto", "pyyaml"];

/// A program that runs on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// Such as `nginx-1.22`.
    pub(crate) name: String,
    /// The program, or a wrapper that sets its library path and execs it.
    path: PathBuf,
    /// What the library knows of it: nothing for `pre-commit`.
    found: Option<Found>,
}

/// Finds `nginx-1.22` and the like, or `pre-commit`: first what `tests/programs/install` made, then `PATH`,
/// where the version must be the right one. The clients come with their packages: they are only what the script made.
pub(crate) fn program(name: &str) -> Option<Program> {
    static FOUND: Mutex<BTreeMap<String, Option<Program>>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    found
        .entry(name.to_owned())
        .or_insert_with(|| find(name))
        .clone()
}

/// Like [`program`], for a test that needs it: `None` means that the test returns early, and is counted as skipped.
/// Panics where `WSGEN_REQUIRE` (names with commas between) lists the program.
pub(crate) fn require(name: &str) -> Option<Program> {
    let found = program(name);
    if found.is_none() {
        let required = std::env::var("WSGEN_REQUIRE").unwrap_or_default();
        let wanted = required.split(',').any(|one| one.trim() == name);
        assert!(
            !wanted,
            "{name} is missing, and WSGEN_REQUIRE lists it: run tests/programs/install"
        );
        skip(name);
    }
    found
}

/// Those of `names` that are here; each absent one is a counted skip, or a failure.
pub(crate) fn present(names: &[&str]) -> Vec<Program> {
    names.iter().filter_map(|name| require(name)).collect()
}

/// The program's own verdict on a configuration: `Err` holds what it printed, also for a mere warning.
/// The first of `files` (path inside a private folder, text) is the one loaded.
pub(crate) fn check(program: &Program, files: &[(&str, &str)]) -> Result<(), String> {
    let verdict = program.found().check(files);
    verdict.map_err(|why| format!("{} says:\n{}", program.name, why.log))
}

impl Program {
    pub(crate) fn is_nginx(&self) -> bool {
        self.name.starts_with("nginx")
    }

    /// The program as the library knows it.
    pub(crate) fn found(&self) -> &Found {
        let found = self.found.as_ref();
        found.unwrap_or_else(|| panic!("{} serves nothing", self.name))
    }

    /// The program with nothing said yet.
    pub(crate) fn command(&self) -> Command {
        Command::new(&self.path)
    }
}

fn find(name: &str) -> Option<Program> {
    let (word, version) = name
        .rsplit_once('-')
        .filter(|(_, last)| last.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or((name, ""));
    let here = |path: PathBuf, found: Option<Found>| Program {
        name: name.to_owned(),
        path,
        found,
    };
    // Traefik is the controller that takes the resources of both.
    let file = match word {
        "ingress" | "gateway" => format!("traefik-{version}"),
        _ => name.to_owned(),
    };
    let made = match word {
        "proxy" => PathBuf::from(env!("CARGO_BIN_EXE_wsgen")),
        _ => root().join("target/programs/bin").join(file),
    };
    if made.is_file() {
        let found = match programs::by_id(word) {
            None => None,
            Some(_) => match programs::at(word, &made) {
                Ok(found) => Some(found),
                Err(why) => panic!("{why}"),
            },
        };
        return Some(here(made, found));
    }
    if programs::by_id(word).is_some() {
        let found = programs::find(word)?;
        let is_it = found
            .version
            .to_string()
            .starts_with(&format!("{version}."));
        return is_it.then(|| here(found.path.clone(), Some(found)));
    }
    if CLIENTS.contains(&name) {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(word))
        .find(|path| answers(path))
        .map(|path| here(path, None))
}

/// Whether a tool runs at all.
fn answers(path: &Path) -> bool {
    let mut tool = Command::new(path);
    tool.arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    path.is_file() && tool.status().is_ok_and(|status| status.success())
}

/// Said on the real standard error, past the test harness's capture, and noted for `tests/run`, which counts.
pub(crate) fn skip(name: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(
        std::io::stderr(),
        "skipped: {test} ({name} is not here; tests/run fetches it)"
    );
    if let Some(path) = std::env::var_os("WSGEN_SKIPS")
        && let Ok(mut file) = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
    {
        let _ = writeln!(file, "{name}");
    }
}
