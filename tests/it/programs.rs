//! The real programs: where they are, what their absence means, and their own check of a file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::bless::root;
use crate::scratch::Scratch;

/// Both ends of the NGINX range.
pub(crate) const NGINX: [&str; 2] = ["nginx-1.22", "nginx-1.31"];
/// Both ends of the HAProxy range.
pub(crate) const HAPROXY: [&str; 2] = ["haproxy-2.6", "haproxy-2.8"];

/// A program that runs on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// Such as `nginx-1.22`.
    pub(crate) name: String,
    /// The program, or a wrapper that sets its library path and execs it.
    pub(crate) path: PathBuf,
}

/// Finds `nginx-1.22` and the like, or `pre-commit`: first what `tests/programs/install` made, then `PATH`,
/// where the version must be the right one.
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
/// The first of `files` (path inside a scratch directory, text) is the one loaded, after [`confine`].
/// Listeners must be loopback addresses with high ports; a port in use is no fault.
pub(crate) fn check(program: &Program, files: &[(&str, &str)]) -> Result<(), String> {
    let scratch = Scratch::new("check");
    let main = lay(program, files, &scratch);
    let mut command = program.load(scratch.path(), &main);
    command.arg(if program.is_nginx() { "-t" } else { "-c" });
    if !program.is_nginx() {
        command.arg("-dW");
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("{}: {why}", program.name))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    // nginx: the status is 0 with a warning.
    if output.status.success() && !said.contains("[warn]") && !said.contains("[WARNING]") {
        return Ok(());
    }
    Err(format!(
        "{} says:\n{}",
        program.name,
        said.replace(&*scratch.path().to_string_lossy(), "")
    ))
}

impl Program {
    pub(crate) fn is_nginx(&self) -> bool {
        self.name.starts_with("nginx")
    }

    /// The program with nothing said yet.
    pub(crate) fn command(&self) -> Command {
        Command::new(&self.path)
    }

    /// The program told to load `main`, in the foreground, with all of its files under `dir`.
    pub(crate) fn load(&self, dir: &Path, main: &Path) -> Command {
        let mut command = self.command();
        command.current_dir(dir);
        if self.is_nginx() {
            // As root the workers would become a user who may not exist, or may not enter the directory.
            let user = if is_root() { "user root; " } else { "" };
            command
                .arg("-p")
                .arg(dir)
                .arg("-c")
                .arg(main)
                .args(["-e", "stderr", "-g"]);
            command.arg(format!(
                "{user}daemon off; pid nginx.pid; error_log stderr notice;"
            ));
        } else {
            command.arg("-f").arg(main);
        }
        command
    }
}

/// Writes the files; returns the path of the first.
pub(crate) fn lay(program: &Program, files: &[(&str, &str)], scratch: &Scratch) -> PathBuf {
    let mut paths = files
        .iter()
        .enumerate()
        .map(|(index, (name, text))| match index {
            0 => scratch.write(name, confine(program, text)),
            _ => scratch.write(name, text),
        });
    let main = paths.next().expect("a configuration has a file");
    paths.for_each(drop);
    main
}

/// A configuration that stays inside its directory and needs no privilege: what a finished file says about process, user
/// and system paths goes, and every line keeps its number.
pub(crate) fn confine(program: &Program, text: &str) -> String {
    const NGINX_GONE: [&str; 4] = ["user ", "daemon ", "pid ", "error_log "];
    const HAPROXY_GONE: [&str; 6] = [
        "user ",
        "group ",
        "chroot ",
        "daemon",
        "pidfile ",
        "stats socket ",
    ];
    let mut out = String::with_capacity(text.len() + 400);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start();
        let gone = match program.is_nginx() {
            true => {
                bare.len() == line.len() && NGINX_GONE.iter().any(|word| bare.starts_with(word))
            }
            false => HAPROXY_GONE.iter().any(|word| bare.starts_with(word)),
        };
        if gone {
            out.push('\n');
            continue;
        }
        out.push_str(line);
        if program.is_nginx()
            && line.starts_with("http {")
            && !text.contains("client_body_temp_path")
        {
            out.truncate(out.trim_end().len());
            for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
                out.push_str(&format!(" {kind}_temp_path {kind}_temp;"));
            }
            out.push('\n');
        }
    }
    out
}

fn find(name: &str) -> Option<Program> {
    let made = root().join("target/programs/bin").join(name);
    if made.is_file() {
        return Some(Program {
            name: name.to_owned(),
            path: made,
        });
    }
    let (word, version) = name
        .rsplit_once('-')
        .filter(|(_, last)| last.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or((name, ""));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|dir| dir.join(word))
        .find(|path| is_version(path, word, version))
        .map(|path| Program {
            name: name.to_owned(),
            path,
        })
}

/// `nginx version: nginx/1.22.1`, `HAProxy version 2.6.12-…`, `pre-commit 4.7.0`.
fn is_version(path: &Path, word: &str, version: &str) -> bool {
    if !path.is_file() {
        return false;
    }
    let ask = if word == "pre-commit" {
        "--version"
    } else {
        "-v"
    };
    let Ok(output) = Command::new(path).arg(ask).stdin(Stdio::null()).output() else {
        return false;
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).to_lowercase();
    let Some((_, number)) = said
        .split_once(&format!("{word}/"))
        .or_else(|| said.split_once("version "))
        .or_else(|| said.split_once(' '))
    else {
        return false;
    };
    version.is_empty()
        || number
            .strip_prefix(version)
            .is_some_and(|rest| rest.starts_with('.'))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
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

#[test]
fn what_must_be_here_is_here() {
    let required = std::env::var("WSGEN_REQUIRE").unwrap_or_default();
    for name in required
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        require(name);
    }
}

#[test]
fn a_clean_file_passes_and_a_warning_fails() {
    for nginx in present(&NGINX) {
        let site = "    server { listen 127.0.0.1:9; server_name a; return 204; }\n";
        let file = |sites: &str| {
            format!("user www-data;\npid /run/nginx.pid;\nevents {{}}\nhttp {{\n{sites}}}\n")
        };
        let verdict = |text: &str| check(&nginx, &[("nginx.conf", text)]);
        verdict(&file(site)).expect("a clean file");
        let said = verdict(&file(&site.repeat(2))).expect_err("a warning");
        assert!(said.contains("conflicting server name"), "{said}");
        let said = verdict(&file("    stick;\n")).expect_err("an unknown directive");
        assert!(said.contains("/nginx.conf:5"), "{said}");
    }
    for haproxy in present(&HAPROXY) {
        let file = |rules: &str| {
            format!(
                "global\n  user nobody-at-all\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  \
                 timeout server 1s\nfrontend f\n  bind 127.0.0.1:9\n{rules}"
            )
        };
        let verdict = |rules: &str| check(&haproxy, &[("haproxy.cfg", &file(rules))]);
        verdict("  http-request return status 204\n").expect("a clean file");
        let said =
            verdict("  use_backend b if TRUE\n  http-request return status 204\nbackend b\n");
        assert!(said.expect_err("a warning").contains("/haproxy.cfg:11"));
        verdict("  nonsense\n").expect_err("an unknown word");
    }
}
