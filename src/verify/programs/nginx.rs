//! NGINX as a program: how it is started, checked and reloaded, and how it complains.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use super::{By, Complaint, Home, Program, Reload};
use crate::ir::Version;

pub(super) struct Nginx;

/// What the command line says instead.
const GONE: [&str; 4] = ["user ", "daemon ", "pid ", "error_log "];

/// Modules that keep bodies in files, each in a folder that the build fixes.
const KEEPERS: [&str; 5] = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

impl Program for Nginx {
    fn target(&self) -> &'static str {
        "nginx"
    }

    fn executables(&self) -> &'static [&'static str] {
        &["nginx"]
    }

    fn ask_version(&self) -> &'static str {
        "-v"
    }

    fn version(&self, said: &str) -> Option<Version> {
        super::number(said.split_once("nginx version: nginx/")?.1)
    }

    fn main_file(&self) -> &'static str {
        "nginx.conf"
    }

    fn confine(&self, name: &str, text: &str, home: &Home<'_>) -> String {
        if !home.is_main(name) {
            return text.to_owned();
        }
        // A log within the folder is written beside the one of the command line.
        let own = home.folder.to_string_lossy();
        let mut out = String::with_capacity(text.len() + 400);
        let keeps = text.contains("client_body_temp_path");
        for line in text.split_inclusive('\n') {
            let kept = line.starts_with("error_log ") && line.contains(own.as_ref());
            if !kept && GONE.iter().any(|word| line.starts_with(word)) {
                out.push('\n');
                continue;
            }
            out.push_str(line);
            if line.starts_with("http {") && !keeps {
                out.truncate(out.trim_end().len());
                for kind in KEEPERS {
                    out.push_str(&format!(" {kind}_temp_path {kind}_temp;"));
                }
                out.push('\n');
            }
        }
        out
    }

    fn serve(&self, command: &mut Command, home: &Home<'_>) {
        // As root the workers would become a user who may not exist, or may not enter the folder, which is its maker's.
        let is_root = std::fs::metadata(home.folder).is_ok_and(|folder| folder.uid() == 0);
        let user = if is_root { "user root; " } else { "" };
        command.arg("-p").arg(home.folder).arg("-c").arg(home.main);
        command.args(["-e", "stderr", "-g"]).arg(format!(
            "{user}daemon off; pid nginx.pid; error_log stderr notice;"
        ));
    }

    fn check(&self, command: &mut Command, home: &Home<'_>) -> bool {
        self.serve(command, home);
        command.arg("-t");
        true
    }

    fn is_clean(&self, success: bool, said: &str) -> bool {
        // The status is 0 with a warning.
        success && !said.contains("[warn]")
    }

    fn is_ready(&self, _home: &Home<'_>, _process: u32, log: &str) -> bool {
        log.contains("start worker process ")
    }

    fn reload(&self, _changed: &[&str]) -> Reload {
        Reload {
            by: By::Signal("HUP"),
            // The old worker no longer accepts once it says so.
            done: "gracefully shutting down",
            refused: "[emerg]",
        }
    }

    fn soft_stop(&self) -> &'static str {
        "QUIT"
    }

    /// `nginx: [emerg] unknown directive "x" in /d/nginx.conf:5`, and the same with `2026/11/22 20:21:00 [emerg] 7#7: ` before it.
    fn complaints(&self, log: &str, main: &Path) -> Vec<Complaint> {
        let main = format!(" in {}:", main.display());
        let bad = ["[emerg] ", "[alert] ", "[crit] ", "[error] ", "[warn] "];
        let said = log
            .lines()
            .filter_map(|line| bad.iter().find_map(|word| line.split_once(word)));
        let mut complaints: Vec<Complaint> = Vec::new();
        for (_, said) in said {
            // `7#7: `, and `*3 ` where a connection is meant.
            let said = match said.split_once(": ") {
                Some((process, rest)) if process.contains('#') => rest,
                _ => said,
            };
            let (message, line) = match said.rsplit_once(&main) {
                Some((message, number)) => (message, number.trim().parse().ok()),
                None => (said, None),
            };
            let complaint = Complaint {
                line,
                message: message.trim().to_owned(),
            };
            // Before it has its log, it says the same to both.
            if complaints.last() != Some(&complaint) {
                complaints.push(complaint);
            }
        }
        complaints
    }
}
