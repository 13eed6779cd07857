//! The reference proxy as a program: this very executable, run as `wsgen proxy proxy.json`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{By, Complaint, Home, Program, Reload};
use crate::ir::Version;

pub(super) struct Proxy;

impl Program for Proxy {
    fn target(&self) -> &'static str {
        "proxy"
    }

    fn executables(&self) -> &'static [&'static str] {
        &["wsgen"]
    }

    /// This very executable, where it is the command.
    fn own(&self) -> Option<PathBuf> {
        let own = std::env::current_exe().ok()?;
        (own.file_stem()? == "wsgen").then_some(own)
    }

    fn ask_version(&self) -> &'static str {
        "--version"
    }

    /// `wsgen 0.1.0`
    fn version(&self, said: &str) -> Option<Version> {
        super::number(said.trim().strip_prefix("wsgen ")?)
    }

    fn main_file(&self) -> &'static str {
        "proxy.json"
    }

    /// Everything that it opens is named in the file: the lab has moved it.
    fn confine(&self, _name: &str, text: &str, _home: &Home<'_>) -> String {
        text.to_owned()
    }

    fn serve(&self, command: &mut Command, home: &Home<'_>) {
        command.arg("proxy").arg(home.main);
    }

    fn check(&self, command: &mut Command, home: &Home<'_>) -> bool {
        command.args(["proxy", "--check"]).arg(home.main);
        true
    }

    fn is_clean(&self, success: bool, said: &str) -> bool {
        success && said.trim().is_empty()
    }

    fn is_ready(&self, _home: &Home<'_>, _process: u32, log: &str) -> bool {
        log.contains("serving\n")
    }

    fn reload(&self, _changed: &[&str]) -> Reload {
        Reload {
            by: By::Signal("HUP"),
            done: "reloaded\n",
            refused: "reload refused",
        }
    }

    fn soft_stop(&self) -> &'static str {
        "TERM"
    }

    /// `error: 127.0.0.1:80 cannot be bound: …`: the file has no places, so no line is named.
    fn complaints(&self, log: &str, _main: &Path) -> Vec<Complaint> {
        let errors = log.lines().filter_map(|line| line.strip_prefix("error: "));
        errors
            .map(|message| Complaint {
                line: None,
                message: message.to_owned(),
            })
            .collect()
    }
}
