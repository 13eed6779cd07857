//! HAProxy as a program: how it is started, checked and reloaded, and how it complains.

use std::path::Path;
use std::process::Command;

use super::{By, Complaint, Home, Program, Reload};
use crate::ir::Version;

pub(super) struct Haproxy;

/// What needs a privilege, or leaves the folder.
const GONE: [&str; 6] = [
    "user ",
    "group ",
    "chroot ",
    "daemon",
    "pidfile ",
    "stats socket ",
];

impl Program for Haproxy {
    fn target(&self) -> &'static str {
        "haproxy"
    }

    fn executables(&self) -> &'static [&'static str] {
        &["haproxy"]
    }

    fn ask_version(&self) -> &'static str {
        "-v"
    }

    /// `HAProxy version 2.6.12-1+deb12u1 …`; 2.3 and older write `HA-Proxy`.
    fn version(&self, said: &str) -> Option<Version> {
        let (before, after) = said.split_once("roxy version ")?;
        (before.ends_with("HAP") || before.ends_with("HA-P"))
            .then(|| super::number(after))
            .flatten()
    }

    fn main_file(&self) -> &'static str {
        "haproxy.cfg"
    }

    fn confine(&self, name: &str, text: &str, home: &Home<'_>) -> String {
        if !home.is_main(name) {
            return text.to_owned();
        }
        text.split_inclusive('\n')
            .map(|line| {
                let bare = line.trim_start();
                match GONE.iter().any(|word| bare.starts_with(word)) {
                    true => "\n",
                    false => line,
                }
            })
            .collect()
    }

    fn serve(&self, command: &mut Command, home: &Home<'_>) {
        // A master, for only it can reload; and in the foreground.
        command.arg("-f").arg(home.main).args(["-W", "-db"]);
    }

    fn check(&self, command: &mut Command, home: &Home<'_>) -> bool {
        command.arg("-f").arg(home.main).args(["-c", "-dW"]);
        true
    }

    fn is_clean(&self, success: bool, said: &str) -> bool {
        success && !said.contains("[WARNING]")
    }

    /// The master loses a signal that comes before it waits for signals.
    fn is_ready(&self, _home: &Home<'_>, process: u32, log: &str) -> bool {
        const USR2: u64 = 1 << (12 - 1);
        let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else {
            // No /proc: the system is not Linux, and the log is the next best.
            return log.contains("Loading success.");
        };
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        caught
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .is_some_and(|mask| mask & USR2 != 0)
    }

    fn reload(&self, _changed: &[&str]) -> Reload {
        Reload {
            by: By::Signal("USR2"),
            done: "Loading success.",
            refused: "Loading failure!",
        }
    }

    fn soft_stop(&self) -> &'static str {
        "USR1"
    }

    /// `[ALERT]    (7) : config : parsing [/d/haproxy.cfg:11] : unknown keyword 'x' in 'frontend' section`.
    fn complaints(&self, log: &str, main: &Path) -> Vec<Complaint> {
        let file = main.file_name().map(|name| name.to_string_lossy());
        let place = format!("{}:", file.unwrap_or_default());
        log.lines()
            .filter(|line| line.starts_with("[ALERT]") || line.starts_with("[WARNING]"))
            .map(|line| {
                let said = line.split_once(" : ").map_or(line, |(_, said)| said);
                // Both `[/d/haproxy.cfg:11]` and `(/d/haproxy.cfg:11)`.
                let line = said.split_once(&place).and_then(|(_, after)| {
                    let digits = after.split(|c: char| !c.is_ascii_digit()).next();
                    digits?.parse().ok()
                });
                let message = match said.split_once("] : ") {
                    Some((before, message)) if before.contains("parsing [") => message,
                    _ => said.strip_prefix("config : ").unwrap_or(said),
                };
                Complaint {
                    line,
                    message: message.trim().to_owned(),
                }
            })
            .collect()
    }
}
