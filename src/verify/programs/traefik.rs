//! Traefik as a program: how it is started, watched and asked what it serves, and how it complains.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{By, Complaint, Home, LOG, Program, Reload, Stop};
use crate::ir::Version;

pub(super) struct Traefik;

/// It is asked what it serves when it has said nothing for so long.
const PAUSE: Duration = Duration::from_millis(20);

/// What it serves is not compared with what it read once it has said nothing for so long.
const LONG_PAUSE: Duration = Duration::from_millis(1500);

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

    /// The static file alone: it is told to say all, to look at its files at once, to ask nobody on the internet, and to
    /// answer at its own address. A dynamic file is a template, and stays as it is.
    fn confine(&self, name: &str, text: &str, home: &Home<'_>) -> String {
        let (true, Ok(Value::Object(mut main))) = (home.is_main(name), serde_yaml::from_str(text))
        else {
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
            json!({ "level": "DEBUG", "noColor": true }),
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

    /// It says what it has read, and only then builds what it serves: its API tells when it does.
    fn is_ready(&self, home: &Home<'_>, _process: u32, log: &str) -> bool {
        let mut lines = log.lines().rev();
        let read = lines.find_map(|line| {
            let (_, read) = line.split_once("Configuration received config=")?;
            read.strip_suffix(" providerName=file")
        });
        let written = std::fs::metadata(home.folder.join(LOG)).and_then(|log| log.modified());
        let silence = written.map_or(Duration::ZERO, |at| {
            SystemTime::now().duration_since(at).unwrap_or_default()
        });
        let Some(read) = read.filter(|_| silence >= PAUSE) else {
            return false;
        };
        let Some(all) = home.ask("/api/rawdata") else {
            return false;
        };
        let (Ok(read), Ok(all)) = (serde_json::from_str(read), serde_json::from_str(&all)) else {
            return false;
        };
        serves(&all, &read) || silence >= LONG_PAUSE
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
            done: "Configuration received",
            refused: "Error occurred during watcher callback",
        }
    }

    fn soft_stop(&self, _home: &Home<'_>) -> Stop {
        Stop::Signal("TERM")
    }

    fn has_resolvers(&self) -> bool {
        false
    }

    fn is_aside(&self, line: &str) -> bool {
        line.contains(" DBG ")
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

/// Whether every router, middleware and service of a file that was read is served just so, and no other of it.
fn serves(all: &Value, read: &Value) -> bool {
    ["routers", "middlewares", "services"].iter().all(|kind| {
        let read: Vec<_> = read["http"][kind]
            .as_object()
            .into_iter()
            .flatten()
            .collect();
        let served = all[kind].as_object().into_iter().flatten();
        let count = served.filter(|(name, _)| name.ends_with("@file")).count();
        let mut each = read.iter();
        count == read.len()
            && each.all(|(name, object)| holds(&all[kind][format!("{name}@file")], object))
    })
}

/// Whether what is served says all that was read; there, a name tells also the provider.
fn holds(served: &Value, read: &Value) -> bool {
    match (served, read) {
        (Value::Object(served), Value::Object(read)) => read.iter().all(|(key, read)| {
            let served = served.get(key);
            served.is_some_and(|served| holds(served, read))
        }),
        (Value::Array(served), Value::Array(read)) => {
            served.len() == read.len()
                && served
                    .iter()
                    .zip(read)
                    .all(|(one, other)| holds(one, other))
        }
        (Value::String(served), Value::String(read)) => {
            served.strip_suffix("@file").unwrap_or(served) == read
        }
        (served, read) => served == read,
    }
}
