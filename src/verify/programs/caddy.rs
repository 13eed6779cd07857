//! Caddy as a program: how it is started, checked and reloaded, and how it complains.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{By, Complaint, Home, Program, Reload};
use crate::ir::Version;

pub(super) struct Caddy;

impl Program for Caddy {
    fn target(&self) -> &'static str {
        "caddy"
    }

    fn executables(&self) -> &'static [&'static str] {
        &["caddy"]
    }

    fn ask_version(&self) -> &'static str {
        "version"
    }

    /// `v2.11.7 h1:yj0Y…=`; distributions leave out the `v` and what follows.
    fn version(&self, said: &str) -> Option<Version> {
        // Where no home is set it warns first.
        let mut lines = said.lines().map(str::trim_start);
        lines.find_map(|line| super::number(line.strip_prefix('v').unwrap_or(line)))
    }

    fn main_file(&self) -> &'static str {
        "caddy.json"
    }

    /// Its own address moves, certificates are kept in the folder, and nothing is saved for a later start.
    fn confine(&self, name: &str, text: &str, home: &Home<'_>) -> String {
        let (true, Ok(Value::Object(mut main))) = (home.is_main(name), serde_json::from_str(text))
        else {
            return text.to_owned();
        };
        main.remove("storage");
        main.insert(
            "admin".to_owned(),
            json!({ "listen": home.admin.to_string(), "config": { "persist": false } }),
        );
        // It names no lines: the text may be laid out anew.
        format!("{:#}\n", Value::Object(main))
    }

    fn serve(&self, command: &mut Command, home: &Home<'_>) {
        inside(command, home);
        command.args(["run", "--config"]).arg(home.main);
    }

    fn check(&self, command: &mut Command, home: &Home<'_>) -> bool {
        inside(command, home);
        command.args(["validate", "--config"]).arg(home.main);
        true
    }

    fn is_clean(&self, success: bool, said: &str) -> bool {
        success && !said.contains(r#""level":"warn""#)
    }

    fn is_ready(&self, _home: &Home<'_>, _process: u32, log: &str) -> bool {
        log.contains("serving initial configuration")
    }

    /// Also an unchanged file is loaded anew: that of a signal always is.
    fn reload(&self, _changed: &[&str]) -> Reload {
        Reload {
            by: By::Signal("USR1"),
            done: "successfully reloaded config from file",
            refused: "failed to reload config from file",
        }
    }

    fn soft_stop(&self) -> &'static str {
        "TERM"
    }

    /// `{"level":"error","ts":1.2,"msg":"failed to reload config from file","error":"loading new config: …"}`, and
    /// `Error: loading initial config: …` from a check.
    fn complaints(&self, log: &str, _main: &Path) -> Vec<Complaint> {
        let mut complaints: Vec<Complaint> = Vec::new();
        for line in log.lines() {
            let message = match serde_json::from_str::<Value>(line) {
                Ok(line) if ["warn", "error", "fatal"].contains(&text(&line, "level")) => {
                    match (text(&line, "msg"), text(&line, "error")) {
                        (said, "") => said.to_owned(),
                        (said, why) => format!("{said}: {why}"),
                    }
                }
                Ok(_) => continue,
                Err(_) => match line.strip_prefix("Error: ") {
                    Some(said) => said.to_owned(),
                    None => continue,
                },
            };
            let complaint = Complaint {
                line: None,
                message,
            };
            if complaints.last() != Some(&complaint) {
                complaints.push(complaint);
            }
        }
        complaints
    }
}

/// Where it keeps certificates and what it knows of itself.
fn inside(command: &mut Command, home: &Home<'_>) {
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, home.folder);
    }
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}
