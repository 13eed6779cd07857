//! The real programs: what must be known of each, and where they are found.

mod caddy;
mod envoy;
mod find;
mod haproxy;
mod kubernetes;
mod nginx;
mod proxy;
mod traefik;
mod workerd;

use std::fmt;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::folder::Folder;
use super::process::{Running, StartFailure};
use super::stub::cluster::Cluster;
use super::wire::Client;
use super::{command, port};
use crate::ir::{Feature, Gateway, Version};
use crate::targets;

pub use find::{at, find};

/// Every program, in the order of the matrix.
pub static ALL: &[&dyn Program] = &[
    &nginx::Nginx,
    &haproxy::Haproxy,
    &traefik::Traefik,
    &envoy::Envoy,
    &caddy::Caddy,
    &kubernetes::INGRESS,
    &kubernetes::GATEWAY,
    &workerd::Workerd,
    &proxy::Proxy,
];

/// How long a program may take to say its version, or to check a file.
const PATIENCE: Duration = Duration::from_secs(10);

/// The file in the folder that takes both standard streams.
pub(super) const LOG: &str = "log";

/// How long a program may take to answer at its own address.
const ADMIN_PATIENCE: Duration = Duration::from_secs(1);

/// What must be known of one real program.
pub trait Program: Sync {
    /// The id of the target whose files it loads.
    fn target(&self) -> &'static str;

    /// The names of its executable, the usual one first.
    fn executables(&self) -> &'static [&'static str];

    /// Where it is without a search.
    fn own(&self) -> Option<PathBuf> {
        None
    }

    /// The argument, or the command, that makes it say its version.
    fn ask_version(&self) -> &'static str;

    /// The version in what it then says; `None` where another program speaks.
    fn version(&self, said: &str) -> Option<Version>;

    /// The usual name of its main file.
    fn main_file(&self) -> &'static str;

    /// A file's text made to stay inside the folder and to need no privilege: what it says about process, user and system
    /// paths goes, and what [`Program::is_ready`] asks is added. Line n stays line n where the program names lines.
    fn confine(&self, name: &str, text: &str, home: &Home<'_>) -> String;

    /// Arguments that load the main file and serve, in the foreground, with the log on the standard streams.
    fn serve(&self, command: &mut Command, home: &Home<'_>);

    /// Arguments that only check the main file, as strictly as the program can; `false` where it has no such thing, and has
    /// to be started.
    fn check(&self, command: &mut Command, home: &Home<'_>) -> bool;

    /// Whether a check found nothing, not even something to warn of.
    fn is_clean(&self, success: bool, said: &str) -> bool;

    /// What it finds wrong in files that it serves all the same, where it has no check: asked of a program that is ready.
    fn flaws(&self, _home: &Home<'_>) -> Vec<Complaint> {
        Vec::new()
    }

    /// Whether the process is done starting (or reloading): it takes signals, which it may not when its ports already accept.
    fn is_ready(&self, home: &Home<'_>, process: u32, log: &str) -> bool;

    /// Whether it refuses its files, though it runs on: asked while it starts.
    fn has_refused(&self, _log: &str) -> bool {
        false
    }

    /// How it is brought to load its files again, of which these differ from what it serves, and how the log shows the outcome.
    fn reload(&self, changed: &[&str]) -> Reload;

    /// The signal that those who run it stop it with, best so that tunnels live on until the drain's end, without `SIG`.
    fn soft_stop(&self) -> &'static str;

    /// Whether a line of the log is there only because we have it say more than the written files do.
    fn is_aside(&self, _line: &str) -> bool {
        false
    }

    /// Whether a file can name the servers that it asks for addresses; else it asks the system's, which know no name of a lab.
    fn has_resolvers(&self) -> bool {
        true
    }

    /// The cluster that it takes its resources from, if it does: there before it starts, and gone after it.
    ///
    /// # Errors
    /// Where its files cannot be read, or are for another program.
    fn cluster(&self, _home: &Home<'_>) -> io::Result<Option<Cluster>> {
        Ok(None)
    }

    /// A file outside its folder that stays where the program is killed.
    fn litter(&self, _home: &Home<'_>) -> Option<PathBuf> {
        None
    }

    /// Whether what is lost of a feature shows only elsewhere: a promise that is kept here is no sign of a report too modest.
    fn hides(&self, _gateway: &Gateway, _feature: Feature) -> bool {
        false
    }

    /// Why a promise about a feature that is broken here may be kept by the program that this one stands for.
    fn differs(&self, _gateway: &Gateway, _feature: Feature) -> Option<&'static str> {
        None
    }

    /// Files that stand beside the rendered ones: what brings the program's surroundings, where it does not listen by itself.
    ///
    /// # Errors
    /// When a file that the gateway names cannot be read.
    fn surroundings(&self, _gateway: &Gateway) -> io::Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    /// Why promises about a feature say nothing here, where something else than this program keeps or breaks them.
    fn unseen(&self, _feature: Feature) -> Option<&'static str> {
        None
    }

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

/// Where a program runs.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// The private folder, which is its working directory.
    pub folder: &'a Path,
    /// Its main file, absolute.
    pub main: &'a Path,
    /// A loopback address that nobody else was given, where the program can be asked and told, if it has such a place.
    pub admin: SocketAddr,
    /// How many processes served here before this one, each of which handed over to the next.
    pub epoch: u32,
    /// Whether the files are only checked: then a port in use is no fault.
    pub checked: bool,
}

impl Home<'_> {
    /// Whether a file is the main one.
    pub fn is_main(&self, name: &str) -> bool {
        self.folder.join(name) == self.main
    }

    /// What the program answers to a GET at its own address, if it is a 200.
    pub fn ask(&self, path: &str) -> Option<String> {
        let client = Client::new(self.admin).patience(ADMIN_PATIENCE);
        let answer = client.try_get(path, &[]).ok()?;
        (answer.status == 200).then(|| answer.text())
    }
}

/// How a program loads its files again.
#[derive(Clone, Copy, Debug)]
pub struct Reload {
    /// What makes it do so, once the files are replaced.
    pub by: By,
    /// The log holds this once the new files are served, and no longer the old ones.
    pub done: &'static str,
    /// The log holds this where the new files are refused.
    pub refused: &'static str,
}

/// What makes a program load its files again. Each file is replaced whole, by renaming a new one.
#[derive(Clone, Copy, Debug)]
pub enum By {
    /// A signal to it, without `SIG`.
    Signal(&'static str),
    /// Nothing: it watches its files.
    Itself,
    /// A further process, which takes over from the one that serves. The files are checked before, as whoever does that does.
    Successor,
    /// Only an end and a new start, which is no reload: the files are left as they are.
    Restart,
}

/// Something that a program said against a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complaint {
    /// The line of the main file, from 1; `None` where the program named none, or another file's.
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

impl Found {
    /// Title and version, such as `NGINX 1.22.1`.
    pub fn name(&self) -> String {
        format!("{} {}", self.program.title(), self.version)
    }

    /// A log without what the program says only because we want to hear it.
    pub(super) fn own_words(&self, log: &str) -> String {
        let lines = log.split_inclusive('\n');
        lines.filter(|line| !self.program.is_aside(line)).collect()
    }

    /// Writes the files, each confined.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn lay(
        &self,
        folder: &Folder,
        files: &[(&str, &str)],
        home: &Home<'_>,
    ) -> io::Result<()> {
        for (name, text) in files {
            folder.replace(name, self.program.confine(name, text, home))?;
        }
        Ok(())
    }

    /// Starts one process, in a group of its own (0) or in that of those before it.
    pub(super) fn spawn(
        &self,
        home: &Home<'_>,
        env: &[(String, String)],
        group: u32,
    ) -> io::Result<Child> {
        let log = File::options().append(true).open(home.folder.join(LOG))?;
        let mut command = Command::new(&self.path);
        command.current_dir(home.folder);
        self.program.serve(&mut command, home);
        command
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(i32::try_from(group).unwrap_or(0))
            .spawn()
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
        let main = main_of(&folder, files).map_err(failure)?;
        let home = Home {
            folder: folder.path(),
            main: &main,
            admin: port::free_on(Ipv4Addr::LOCALHOST.into()).map_err(failure)?,
            epoch: 0,
            checked: true,
        };
        let mut command = Command::new(&self.path);
        command.current_dir(folder.path());
        if !self.program.check(&mut command, &home) {
            return Running::check(self, folder, files);
        }
        self.lay(&folder, files, &home).map_err(failure)?;
        self.checked(&mut command, &home)
    }

    /// Runs the command that checks.
    pub(super) fn checked(
        &self,
        command: &mut Command,
        home: &Home<'_>,
    ) -> Result<(), StartFailure> {
        let (status, said) = command::run(command, PATIENCE).map_err(|why| StartFailure {
            what: format!("{} could not check the file: {why}", self.name()),
            log: String::new(),
            complaints: Vec::new(),
        })?;
        if self.program.is_clean(status.success(), &said) {
            return Ok(());
        }
        Err(self.found_wrong(status.success(), &said, home))
    }

    /// What a check found.
    pub(super) fn found_wrong(&self, served: bool, said: &str, home: &Home<'_>) -> StartFailure {
        let what = match served {
            true => format!("{} warns", self.name()),
            false => format!("{} refuses the file", self.name()),
        };
        let inside = format!("{}/", home.folder.display());
        StartFailure {
            what,
            log: said.replace(&inside, "/"),
            complaints: self.program.complaints(said, home.main),
        }
    }
}

/// The path of the main file, which is the first.
///
/// # Errors
/// When there is none.
pub(super) fn main_of(folder: &Folder, files: &[(&str, &str)]) -> io::Result<PathBuf> {
    let (name, _) = files.first().ok_or_else(|| {
        let why = "a configuration has at least a main file";
        io::Error::new(io::ErrorKind::InvalidInput, why)
    })?;
    Ok(folder.path().join(name))
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
