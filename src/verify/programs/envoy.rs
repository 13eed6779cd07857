//! Envoy as a program: how it is started, checked, replaced and drained, and how it complains.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{By, Complaint, Home, Program, Reload};
use crate::ir::Version;

pub(super) struct Envoy;

/// The usual port of its administration: where a file has it, it is moved.
const USUAL: &str = "9901";

impl Program for Envoy {
    fn target(&self) -> &'static str {
        "envoy"
    }

    fn executables(&self) -> &'static [&'static str] {
        &["envoy"]
    }

    fn ask_version(&self) -> &'static str {
        "--version"
    }

    /// `envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL`.
    fn version(&self, said: &str) -> Option<Version> {
        let (_, build) = said.split_once("version: ")?;
        let mut parts = build.trim().split('/');
        let number = parts.nth(1)?;
        parts.next().and_then(|_| super::number(number))
    }

    fn main_file(&self) -> &'static str {
        "envoy.yaml"
    }

    /// The administration moves to the address of its own, or is added.
    fn confine(&self, name: &str, text: &str, home: &Home<'_>) -> String {
        let port = home.admin.port();
        let text = text.replace(
            &format!("port_value: {USUAL}"),
            &format!("port_value: {port}"),
        );
        let has = text.lines().any(|line| line.starts_with("admin:"));
        // A file that is no YAML mapping stays wrong.
        match home.is_main(name) && !has {
            true => format!(
                "{text}\nadmin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} }}\n"
            ),
            false => text,
        }
    }

    /// As the command line in the file's header says, and so that a successor finds it.
    fn serve(&self, command: &mut Command, home: &Home<'_>) {
        command.arg("-c").arg(home.main);
        let said = command_line(home);
        if !said.iter().any(|word| word == "--concurrency") {
            command.args(["--concurrency", "1"]);
        }
        command.args(said);
        command.args(["--log-level", "info"]);
        command.args(["--base-id", &base(home).to_string()]);
        command.args(["--restart-epoch", &home.epoch.to_string()]);
    }

    fn check(&self, command: &mut Command, home: &Home<'_>) -> bool {
        command.args(["--mode", "validate", "--log-level", "warning", "-c"]);
        command.arg(home.main);
        true
    }

    fn is_clean(&self, success: bool, said: &str) -> bool {
        success
            && !["][warning][", "][error]["]
                .iter()
                .any(|word| said.contains(word))
    }

    fn is_ready(&self, home: &Home<'_>, _process: u32, log: &str) -> bool {
        let processes = home.epoch as usize + 1;
        ["starting workers", "starting main dispatch loop"]
            .iter()
            .all(|words| log.matches(words).count() >= processes)
    }

    fn reload(&self, _changed: &[&str]) -> Reload {
        Reload {
            by: By::Successor,
            // The old process, once the new one serves.
            done: "closing and draining listeners",
            refused: "][critical][main]",
        }
    }

    /// It does not wait for anything then: whoever wants that asks `/drain_listeners?graceful` of it, and sleeps, before.
    fn soft_stop(&self) -> &'static str {
        "TERM"
    }

    fn is_aside(&self, line: &str) -> bool {
        line.contains("][info][")
    }

    /// `[2026-11-22 23:51:27.843][7][critical][main] [source/server/server.cc:449] error initializing …`.
    fn complaints(&self, log: &str, _main: &Path) -> Vec<Complaint> {
        let bad = ["][warning][", "][error][", "][critical]["];
        let lines = log.lines();
        lines
            .filter(|line| bad.iter().any(|word| line.contains(word)))
            .map(|line| {
                let said = line.split_once("] [").map_or(line, |(_, said)| said);
                let said = said.split_once("] ").map_or(said, |(_, said)| said);
                Complaint {
                    line: None,
                    message: said.trim().to_owned(),
                }
            })
            .collect()
    }

    fn litter(&self, home: &Home<'_>) -> Option<PathBuf> {
        // Seen on 1.40: the number is ten times the one given.
        let path = format!("/dev/shm/envoy_shared_memory_{}", base(home) * 10);
        Some(PathBuf::from(path))
    }
}

/// What processes that hand over to each other have in common: no two of this machine share the port either.
fn base(home: &Home<'_>) -> u32 {
    u32::from(home.admin.port())
}

/// The arguments of the command line that a comment of the main file tells: `# envoy -c envoy.yaml --concurrency 2 …`.
fn command_line(home: &Home<'_>) -> Vec<String> {
    let text = std::fs::read_to_string(home.main).unwrap_or_default();
    let line = text.lines().find_map(|line| {
        let said = line.strip_prefix('#')?.trim();
        said.strip_prefix("envoy -c ")
    });
    // After the file's name.
    let words = line.unwrap_or_default().split_whitespace().skip(1);
    words.map(str::to_owned).collect()
}
