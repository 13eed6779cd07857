//! Traefik as a program: how it is started and asked, how it takes new files, and how it complains.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{By, Complaint, Home, Program, Reload, Stop};
use crate::ir::Version;

pub(super) struct Traefik;

/// The file that it watches.
const DYNAMIC: &str = "dynamic.yml";

/// What the name of the router to its own address begins with; no route can be called so.
const ADMIN: &str = "verify:";

/// What the log holds where a new file is refused.
const REFUSED: &str = "Error occurred during watcher callback";

impl Program for Traefik {
    fn target(&self) -> &'static str {
        "traefik"
    }

    fn executables(&self) -> &'static [&'static str] {
        &["traefik"]
    }

    fn ask_version(&self) -> &'static str {
        "version"
    }

    fn version(&self, said: &str) -> Option<Version> {
        let lines = said.lines().filter(|_| said.contains("Codename:"));
        let mut versions = lines.filter_map(|line| line.strip_prefix("Version:"));
        super::number(versions.next()?.trim().trim_start_matches('v'))
    }

    fn main_file(&self) -> &'static str {
        "traefik.yml"
    }

    fn confine(&self, name: &str, text: &str, home: &Home<'_>) -> String {
        match name {
            DYNAMIC => dynamic(text),
            _ if home.is_main(name) => fixed(text, home),
            _ => text.to_owned(),
        }
    }

    fn serve(&self, command: &mut Command, home: &Home<'_>) {
        let mut argument = std::ffi::OsString::from("--configfile=");
        argument.push(home.main);
        command.arg(argument);
    }

    /// It has no check.
    fn check(&self, _command: &mut Command, _home: &Home<'_>) -> bool {
        false
    }

    fn is_clean(&self, success: bool, said: &str) -> bool {
        success && !said.lines().any(is_complaint)
    }

    fn flaws(&self, home: &Home<'_>) -> Vec<Complaint> {
        let said = home.ask("/api/rawdata").unwrap_or_default();
        let all: Value = serde_json::from_str(&said).unwrap_or_default();
        let mut flaws = Vec::new();
        for kind in ["routers", "middlewares", "services", "tcpRouters"] {
            for (name, it) in all
                .get(kind)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let status = it
                    .get("status")
                    .and_then(Value::as_str)
                    .unwrap_or("enabled");
                if status != "enabled" {
                    let why = it.get("error").or_else(|| it.get("err"));
                    flaws.push(Complaint {
                        line: None,
                        message: format!(
                            "{name} is {status}: {}",
                            why.cloned().unwrap_or_default()
                        ),
                    });
                }
            }
        }
        flaws
    }

    /// The router to its own address has a name that only this text of the file gives it.
    fn is_ready(&self, home: &Home<'_>, _process: u32, log: &str) -> bool {
        let text = std::fs::read_to_string(home.folder.join(DYNAMIC)).unwrap_or_default();
        let Some(name) = admin_router(&text) else {
            return home.ask("/api/overview").is_some();
        };
        home.ask(&format!("/api/http/routers/{name}@file"))
            .is_some()
            || log.contains(REFUSED) && home.ask("/api/overview").is_some()
    }

    fn has_refused(&self, log: &str) -> bool {
        // A file that cannot be read at the start leaves it running without routes.
        log.contains("Cannot start the provider")
    }

    fn reload(&self, changed: &[&str]) -> Reload {
        let by = match changed.iter().any(|name| *name != DYNAMIC) {
            true => By::Restart,
            false => By::Itself,
        };
        Reload {
            by,
            // It says nothing: its own address tells what is served.
            done: "",
            refused: REFUSED,
        }
    }

    fn soft_stop(&self, _home: &Home<'_>) -> Stop {
        Stop::Signal("TERM")
    }

    fn has_resolvers(&self) -> bool {
        false
    }

    /// `2026-11-22T23:49:35Z ERR Command error error="…"`.
    fn complaints(&self, log: &str, _main: &Path) -> Vec<Complaint> {
        let bad = log.lines().filter(|line| is_complaint(line));
        bad.map(|line| Complaint {
            line: None,
            message: line.splitn(3, ' ').nth(2).unwrap_or(line).to_owned(),
        })
        .collect()
    }
}

fn is_complaint(line: &str) -> bool {
    let level = line.split(' ').nth(1);
    matches!(level, Some("WRN" | "ERR" | "FTL"))
}

/// The static file with an entry point of our own, and without the two seconds that it waits before it takes a file.
fn fixed(text: &str, home: &Home<'_>) -> String {
    let point = format!(
        "entryPoints:\n  \"{ADMIN}\": {{address: \"{}\", http: {{aliasHeadersStrategy: delete}}}}\n",
        home.admin
    );
    let text = text
        .replacen("entryPoints:\n", &point, 1)
        .replacen(
            "providers: {file",
            "providers: {providersThrottleDuration: 10ms, file",
            1,
        )
        .replacen("log: {level: INFO}", "log: {level: INFO, noColor: true}", 1);
    format!("{text}\napi: {{dashboard: false}}\n")
}

/// The dynamic file with a router to what the program says of itself.
fn dynamic(text: &str) -> String {
    // FNV-1a: another text has another name.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let router = format!(
        "  routers:\n    \"{ADMIN}{hash:016x}\": {{rule: \"PathPrefix(`/`)\", entryPoints: [\"{ADMIN}\"], service: \"api@internal\"}}\n"
    );
    text.replacen("  routers:\n", &router, 1)
}

fn admin_router(text: &str) -> Option<&str> {
    let start = text.find(&format!("\"{ADMIN}"))? + 1;
    let name = text.get(start..)?;
    name.split('"').next()
}
