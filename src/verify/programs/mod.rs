//! The real programs: what must be known of each, and where they are found.

mod haproxy;
mod nginx;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::command;
use super::folder::Folder;
use super::process::StartFailure;
use crate::ir::Version;
use crate::{names, targets};

/// Every program, in the order of the matrix.
pub static ALL: &[&dyn Program] = &[&nginx::Nginx, &haproxy::Haproxy];

/// Where programs are that are on no user's `PATH`.
const ELSEWHERE: [&str; 5] = [
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/opt/local/sbin",
];

/// How long a program may take to say its version, or to check a file.
const PATIENCE: Duration = Duration::from_secs(10);

/// What must be known of one real program.
pub trait Program: Sync {
    /// The id of the target whose files it loads.
    fn target(&self) -> &'static str;

    /// The names of its executable, the usual one first.
    fn executables(&self) -> &'static [&'static str];

    /// The argument that makes it say its version.
    fn ask_version(&self) -> &'static str;

    /// The version in what it then says; `None` where another program speaks.
    fn version(&self, said: &str) -> Option<Version>;

    /// The usual name of its main file.
    fn main_file(&self) -> &'static str;

    /// The main file's text made to stay inside `folder` and to need no privilege: what it says about process, user and
    /// system paths goes. Line n stays line n.
    fn confine(&self, text: &str, folder: &Path) -> String;

    /// Arguments that load `main` and serve, in the foreground, with the log on the standard streams.
    fn serve(&self, command: &mut Command, folder: &Path, main: &Path);

    /// Arguments that only check `main`, as strictly as the program can.
    fn check(&self, command: &mut Command, folder: &Path, main: &Path);

    /// Whether a check found nothing, not even something to warn of.
    fn is_clean(&self, success: bool, said: &str) -> bool;

    /// Whether the process is done starting (or reloading): it takes signals, which it may not when its ports already accept.
    fn is_ready(&self, process: u32, log: &str) -> bool;

    /// How it is told to load its file again, and how the log shows the outcome.
    fn reload(&self) -> Reload;

    /// The signal for a stop that lets tunnels live on until the drain's end, without `SIG`.
    fn soft_stop(&self) -> &'static str;

    /// What the log complains of, in its order.
    fn complaints(&self, log: &str, main: &Path) -> Vec<Complaint>;

    /// The name that people use.
    fn title(&self) -> &'static str {
        targets::by_id(self.target()).map_or(self.target(), |target| target.title())
    }
}

impl fmt::Debug for dyn Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.target())
    }
}

/// How a program loads its file again.
#[derive(Clone, Copy, Debug)]
pub struct Reload {
    /// The signal, without `SIG`.
    pub signal: &'static str,
    /// The log holds this once the new file is served, and no longer the old one.
    pub done: &'static str,
    /// The log holds this where the new file is refused.
    pub refused: &'static str,
}

/// Something that a program said against a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complaint {
    /// The line of the main file, from 1; `None` where the program named none.
    pub line: Option<usize>,
    /// The program's words, without time stamp, process id and place.
    pub message: String,
}

/// A program that is on this machine.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which one.
    pub program: &'static dyn Program,
    /// Its executable, absolute.
    pub path: PathBuf,
    /// Its version.
    pub version: Version,
    /// What it said when it was asked for its version.
    pub said: String,
}

/// The program of a target.
pub fn by_id(target: &str) -> Option<&'static dyn Program> {
    ALL.iter()
        .copied()
        .find(|program| program.target() == target)
}

/// The target's program on this machine: the first on `PATH`, then in the folders for administrators' programs.
pub fn find(target: &str) -> Option<Found> {
    let program = by_id(target)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(ELSEWHERE.map(PathBuf::from))
        .flat_map(|folder| {
            program
                .executables()
                .iter()
                .map(move |name| folder.join(name))
        })
        .filter(|path| path.is_file())
        .find_map(|path| ask(program, &path).ok())
}

/// The target's program at a path that a user gives.
///
/// # Errors
/// A sentence: no such target, no such file, or a file that is not this program.
pub fn at(target: &str, path: &Path) -> Result<Found, String> {
    let Some(program) = by_id(target) else {
        let known = ALL.iter().map(|program| program.target());
        let close = names::closest(target, known.clone());
        let meant = close.map_or_else(String::new, |name| format!(" Did you mean `{name}`?"));
        let known: Vec<&str> = known.collect();
        return Err(format!(
            "no program is known for `{target}`, only for {}.{meant}",
            known.join(", ")
        ));
    };
    let shown = path.display();
    let usual = program.executables().first().copied().unwrap_or_default();
    if path.is_dir() {
        return Err(format!(
            "{shown} is a folder: name the executable in it, such as {}",
            path.join(usual).display()
        ));
    }
    if !path.exists() {
        return Err(format!(
            "there is no {shown}: give the path of the executable, such as {target}=/usr/sbin/{usual}"
        ));
    }
    ask(program, path)
}

/// The program at the path, if it says that it is the one.
fn ask(program: &'static dyn Program, path: &Path) -> Result<Found, String> {
    let shown = path.display();
    // A program is started in a folder of its own, where a relative path would lead elsewhere.
    let absolute = std::path::absolute(path).map_err(|why| format!("{shown}: {why}"))?;
    let argument = program.ask_version();
    let mut command = Command::new(&absolute);
    let (_, said) = command::run(command.arg(argument), PATIENCE)
        .map_err(|why| format!("`{shown} {argument}` cannot be run: {why}"))?;
    match program.version(&said) {
        Some(version) => Ok(Found {
            program,
            path: absolute,
            version,
            said,
        }),
        None => {
            let first = said.lines().next().unwrap_or_default().trim();
            let title = program.title();
            Err(format!(
                "{shown} is not {title}: asked with `{argument}` for its version, it says `{first}`"
            ))
        }
    }
}

impl Found {
    /// Title and version, such as `NGINX 1.22.1`.
    pub fn name(&self) -> String {
        format!("{} {}", self.program.title(), self.version)
    }

    /// Writes the files, and returns the path of the first: the main one, confined.
    ///
    /// # Errors
    /// When the folder cannot be written, or `files` is empty.
    pub fn lay(&self, folder: &Folder, files: &[(&str, &str)]) -> io::Result<PathBuf> {
        let Some(((name, text), others)) = files.split_first() else {
            let why = "a configuration has at least a main file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        };
        for (name, text) in others {
            folder.write(name, text)?;
        }
        folder.write(name, self.program.confine(text, folder.path()))
    }

    /// The program's own verdict on files, the first of which is the main one. Listeners must be loopback addresses with
    /// high ports; a port in use is no fault.
    ///
    /// # Errors
    /// What the program said against them, also where it only warns; or that it could not be run.
    pub fn check(&self, files: &[(&str, &str)]) -> Result<(), StartFailure> {
        let failure = |why: io::Error| StartFailure {
            what: format!("{} could not check the file: {why}", self.name()),
            log: String::new(),
            complaints: Vec::new(),
        };
        let folder = Folder::new("check").map_err(failure)?;
        let main = self.lay(&folder, files).map_err(failure)?;
        let mut command = Command::new(&self.path);
        command.current_dir(folder.path());
        self.program.check(&mut command, folder.path(), &main);
        let (status, said) = command::run(&mut command, PATIENCE).map_err(failure)?;
        if self.program.is_clean(status.success(), &said) {
            return Ok(());
        }
        let complaints = self.program.complaints(&said, &main);
        let what = match status.success() {
            true => format!("{} warns", self.name()),
            false => format!("{} refuses the file", self.name()),
        };
        let inside = format!("{}/", folder.path().display());
        Err(StartFailure {
            what,
            log: said.replace(&inside, "/"),
            complaints,
        })
    }
}

/// The version that a text begins with: `2.8.25-…`, `1.31.3`, `3.2-dev5`.
fn number(text: &str) -> Option<Version> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let digits = text.get(..end)?.trim_end_matches('.');
    let parts: Vec<&str> = digits.splitn(4, '.').take(3).collect();
    parts.join(".").parse().ok()
}
