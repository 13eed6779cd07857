//! Traefik as a program: how it is started, watched and asked what it serves, and how it complains.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{By, Complaint, Home, Program, Reload};
use crate::ir::Version;

pub(super) struct Traefik;

/// What the name of a router begins with that tells which dynamic file is served; nobody else's can.
const MARK: &str = "verify:";

/// The entry point that its API is on; the name is fixed.
const OWN: &str = "traefik";

/// Settings of every entry point that it warns of where they are not there.
const WARNED: [&str; 2] = ["aliasHeadersStrategy", "encodedCharacters"];

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

    /// `Version:      3.7.15`, and `Codename:     langres` below.
    fn version(&self, said: &str) -> Option<Version> {
        let (number, rest) = said.split_once("Version:")?.1.split_once('\n')?;
        rest.contains("Codename:")
            .then(|| super::number(number.trim()))
            .flatten()
    }

    fn main_file(&self) -> &'static str {
        "traefik.yml"
    }

    /// The static file is told to look at its files at once, to ask nobody on the internet, and to answer at its own address.
    /// The dynamic file, which is a template, gets one router more, by whose name its API tells that it serves this text.
    fn confine(&self, name: &str, text: &str, home: &Home<'_>) -> String {
        if !home.is_main(name) {
            return marked(text);
        }
        let Ok(Value::Object(mut main)) = serde_yaml::from_str(text) else {
            return text.to_owned();
        };
        let mut own = json!({ "address": home.admin.to_string() });
        if let Some(Value::Object(points)) = main.get_mut("entryPoints") {
            let first = points.values().find_map(|point| point.get("http"));
            for setting in WARNED {
                if let Some(value) = first.and_then(|http| http.get(setting)) {
                    own["http"][setting] = value.clone();
                }
            }
            if home.checked {
                for point in points.values_mut() {
                    point["address"] = json!("127.0.0.1:0");
                }
            }
            points.insert(OWN.to_owned(), own);
        }
        let global = json!({ "checkNewVersion": false, "sendAnonymousUsage": false });
        main.insert("global".to_owned(), global);
        main.insert(
            "api".to_owned(),
            json!({ "insecure": true, "dashboard": false }),
        );
        main.insert(
            "log".to_owned(),
            json!({ "level": "INFO", "noColor": true }),
        );
        if let Some(Value::Object(providers)) = main.get_mut("providers") {
            providers.insert("providersThrottleDuration".to_owned(), json!("1ms"));
            if let Some(Value::String(file)) = providers
                .get_mut("file")
                .and_then(|it| it.get_mut("filename"))
                && let Some(name) = Path::new(file.as_str()).file_name()
                && file.starts_with('/')
            {
                *file = name.to_string_lossy().into_owned();
            }
        }
        // It names no lines of this file, and JSON is YAML.
        format!("{:#}\n", Value::Object(main))
    }

    fn serve(&self, command: &mut Command, home: &Home<'_>) {
        command.arg("--configFile").arg(home.main);
    }

    fn check(&self, _command: &mut Command, _home: &Home<'_>) -> bool {
        false
    }

    fn is_clean(&self, success: bool, said: &str) -> bool {
        success && ![" ERR ", " WRN "].iter().any(|word| said.contains(word))
    }

    /// What its API says of them: what is `disabled` is not served, and of what is a `warning` something is left out.
    fn flaws(&self, home: &Home<'_>) -> Vec<Complaint> {
        let all = home.ask("/api/rawdata").unwrap_or_default();
        let Ok(Value::Object(all)) = serde_json::from_str(&all) else {
            return vec![Complaint {
                line: None,
                message: "its API does not say what it serves".to_owned(),
            }];
        };
        let mut flaws = Vec::new();
        for (kind, objects) in &all {
            for (name, object) in objects.as_object().into_iter().flatten() {
                let status = object.get("status").and_then(Value::as_str);
                if status.is_none_or(|status| status == "enabled") {
                    continue;
                }
                let why = object.get("error").map(Value::to_string);
                let message = format!("{kind} {name}: {}", why.unwrap_or_default());
                flaws.push(Complaint {
                    line: None,
                    message,
                });
            }
        }
        flaws
    }

    /// Once it serves the router that only this text of the dynamic file has.
    fn is_ready(&self, home: &Home<'_>, _process: u32, _log: &str) -> bool {
        let shown = match mark(home.folder) {
            Some(name) => format!("/api/http/routers/{name}@file"),
            None => "/api/overview".to_owned(),
        };
        home.ask(&shown).is_some()
    }

    fn has_refused(&self, log: &str) -> bool {
        log.contains("Error while building configuration (for the first time)")
    }

    fn reload(&self, changed: &[&str]) -> Reload {
        Reload {
            by: match changed.contains(&self.main_file()) {
                true => By::Restart,
                false => By::Itself,
            },
            // It says nothing of it: what it serves tells.
            done: "",
            refused: "Error occurred during watcher callback",
        }
    }

    fn soft_stop(&self) -> &'static str {
        "TERM"
    }

    fn has_resolvers(&self) -> bool {
        false
    }

    /// `2026-11-23T00:05:37Z ERR github.com/…/file.go:114 > Error while building … error="dynamic.yml: …" providerName=file`,
    /// and JSON before it has read its file.
    fn complaints(&self, log: &str, _main: &Path) -> Vec<Complaint> {
        let said = log.lines().filter_map(|line| {
            if let Some((_, said)) = [" ERR ", " WRN "]
                .iter()
                .find_map(|word| line.split_once(word))
            {
                return Some(
                    said.split_once(" > ")
                        .map_or(said, |(_, said)| said)
                        .to_owned(),
                );
            }
            let line: Value = serde_json::from_str(line).ok()?;
            let error = line.get("error").and_then(Value::as_str)?;
            Some(error.to_owned())
        });
        said.map(|message| Complaint {
            line: None,
            message,
        })
        .collect()
    }
}

/// A dynamic file with a router whose name only this text gives it, and which takes no request.
fn marked(text: &str) -> String {
    // FNV-1a: another text has another name.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let router = format!(
        "\n  routers:\n    \"{MARK}{hash:016x}\": {{rule: \"!PathPrefix(`/`)\", entryPoints: [{OWN}], service: \"noop@internal\"}}\n"
    );
    text.replacen("\n  routers:\n", &router, 1)
}

/// The name of that router in the folder's dynamic file.
fn mark(folder: &Path) -> Option<String> {
    let files = std::fs::read_dir(folder).ok()?.flatten();
    files
        .filter(|file| file.path().extension().is_some_and(|it| it == "yml"))
        .find_map(|file| {
            let text = std::fs::read_to_string(file.path()).ok()?;
            let start = text.find(&format!("\"{MARK}"))? + 1;
            let name = text.get(start..)?.split('"').next()?;
            Some(name.to_owned())
        })
}
