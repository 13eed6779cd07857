//! A real program that serves: started, reloaded, stopped, and never left behind.

mod leash;

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::programs::{Complaint, Found};
use leash::Leash;

/// How long a program may take to start or to reload.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(5);

/// The file in the folder that takes both standard streams.
const LOG: &str = "log";

/// A program that did not take a file: at its check, its start or a reload.
#[derive(Clone, Debug)]
pub struct StartFailure {
    /// What it did not do: a sentence without its full stop.
    pub what: String,
    /// All that the program said; empty where it was not even started.
    pub log: String,
    /// What it complained of, with lines of its main file where it named them.
    pub complaints: Vec<Complaint>,
}

impl StartFailure {
    /// Whether somebody else has taken a port of the file: then it may start on other ports.
    pub fn is_port_clash(&self) -> bool {
        // As glibc and as musl put it.
        let words = ["Address already in use", "Address in use"];
        words.iter().any(|words| self.log.contains(words))
    }

    fn early(found: &Found, why: &io::Error) -> Self {
        Self {
            what: format!("{} was not started: {why}", found.name()),
            log: String::new(),
            complaints: Vec::new(),
        }
    }
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.log.is_empty() {
            write!(f, "; it says:\n{}", self.log.trim_end())?;
        }
        Ok(())
    }
}

impl Error for StartFailure {}

/// A program that serves. Dropping it kills it with its children and removes its folder; so does the end of this process,
/// also by Ctrl-C or by `SIGKILL`.
#[derive(Debug)]
pub struct Running {
    found: Found,
    main: PathBuf,
    child: Child,
    // In this order: the folder goes when nobody writes into it.
    leash: Leash,
    folder: Folder,
}

impl Running {
    /// Starts the program with these files (path inside a private folder, text), the first of which is its main one, and
    /// returns when each of `ports` accepts and the program takes signals. Paths in the main file are relative to the working
    /// directory, which is the folder; HAProxy finds them there, NGINX beside its main file.
    ///
    /// # Errors
    /// When it does not start, dies, or is not ready within 10 s; nothing of it is left then.
    pub fn start(
        found: &Found,
        files: &[(&str, &str)],
        ports: &[SocketAddr],
        env: &[(String, String)],
    ) -> Result<Self, StartFailure> {
        let folder =
            Folder::new(found.program.target()).map_err(|why| StartFailure::early(found, &why))?;
        Self::start_in(folder, found, files, ports, env)
    }

    /// Like [`Running::start`], in a folder of the caller's; one that is kept stays, also after a failure.
    ///
    /// # Errors
    /// Like [`Running::start`].
    pub fn start_in(
        folder: Folder,
        found: &Found,
        files: &[(&str, &str)],
        ports: &[SocketAddr],
        env: &[(String, String)],
    ) -> Result<Self, StartFailure> {
        let mut running = Self::launch(folder, found, files, env)
            .map_err(|why| StartFailure::early(found, &why))?;
        running.wait_for("start", PATIENCE, |running| {
            running.is_ready() && ports.iter().all(|port| TcpStream::connect(port).is_ok())
        })?;
        Ok(running)
    }

    fn launch(
        folder: Folder,
        found: &Found,
        files: &[(&str, &str)],
        env: &[(String, String)],
    ) -> io::Result<Self> {
        let mut leash = Leash::hold(folder.path())?;
        if folder.is_kept() {
            leash.keep();
        }
        let main = found.lay(&folder, files)?;
        let log = File::create(folder.path().join(LOG))?;
        let mut command = Command::new(&found.path);
        command.current_dir(folder.path());
        found.program.serve(&mut command, folder.path(), &main);
        let child = command
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        leash.group(child.id());
        Ok(Self {
            found: found.clone(),
            main,
            child,
            leash,
            folder,
        })
    }

    /// The program.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// The folder with its files and its log.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The id of its first process, which is that of its process group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets the folder stay when the program is gone.
    pub fn keep(&mut self) {
        self.leash.keep();
        self.folder.keep();
    }

    /// All that the program has printed.
    pub fn log(&self) -> String {
        self.folder.read(LOG).unwrap_or_default()
    }

    /// Waits until the log holds `text`.
    ///
    /// # Errors
    /// When it does not within `limit`, or the program ends.
    pub fn wait_log(&mut self, text: &str, limit: Duration) -> Result<(), StartFailure> {
        self.wait_for(&format!("log `{text}`"), limit, |running| {
            running.log().contains(text)
        })
    }

    /// Replaces the main file and has the program load it; returns when the new file is served, and only the new one.
    ///
    /// # Errors
    /// What the program said against the file, which is then not served: the old one still is. Or it did not answer in 10 s.
    pub fn reload(&mut self, text: &str) -> Result<(), StartFailure> {
        let reload = self.found.program.reload();
        let seen = self.log().len();
        let text = self.found.program.confine(text, self.folder.path());
        std::fs::write(&self.main, text).map_err(|why| StartFailure::early(&self.found, &why))?;
        self.leash.signal(reload.signal);
        let fresh = |running: &Self| running.log().get(seen..).unwrap_or_default().to_owned();
        self.wait_for("reload", PATIENCE, |running| {
            let log = fresh(running);
            (log.contains(reload.done) || log.contains(reload.refused)) && running.is_ready()
        })?;
        let log = fresh(self);
        match log.contains(reload.refused) {
            true => Err(self.failure("refuses the new file", log)),
            false => Ok(()),
        }
    }

    /// Asks for a stop that lets tunnels live on: their end is the drain's matter. Returns at once.
    pub fn stop_soft(&mut self) {
        self.leash.signal(self.found.program.soft_stop());
    }

    /// Ends the program and its children at once; its folder goes too, unless it is kept.
    pub fn kill(&mut self) {
        self.leash.cut();
    }

    /// How long the program took to be gone, if within `limit`.
    pub fn gone_within(&mut self, limit: Duration) -> Option<Duration> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if self.ended().is_some() {
                return Some(start.elapsed());
            }
            std::thread::sleep(PAUSE);
        }
        None
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    fn is_ready(&self) -> bool {
        self.found.program.is_ready(self.pid(), &self.log())
    }

    fn wait_for(
        &mut self,
        what: &str,
        limit: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Result<(), StartFailure> {
        let start = Instant::now();
        while !done(self) {
            let fate = match self.ended() {
                Some(status) => format!("did not {what}, but ended ({status})"),
                None if start.elapsed() > limit => {
                    format!("did not {what} within {} s", limit.as_secs_f32())
                }
                None => {
                    std::thread::sleep(PAUSE);
                    continue;
                }
            };
            return Err(self.failure(&fate, self.log()));
        }
        Ok(())
    }

    fn failure(&self, fate: &str, log: String) -> StartFailure {
        StartFailure {
            what: format!("{} {fate}", self.found.name()),
            complaints: self.found.program.complaints(&log, &self.main),
            log,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The shell removes the folder and then ends; meanwhile its program dies.
        self.leash.cut();
        // Dead already, unless somebody ended the shell first.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A worker takes some time to die; until then its port is open.
        let group = self.pid();
        let start = Instant::now();
        while !members(group).is_empty() && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The living processes of a group. A zombie that waits for its new parent is not one, unless threads of it live on: they
/// keep its sockets open.
pub fn members(group: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return listed(group);
    };
    let group = group.to_string();
    let processes = entries.flatten().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // After the name in parentheses: state, parent, group; the 18th is the number of threads.
        let words: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let is_zombie = *words.first()? == "Z" && *words.get(17)? == "1";
        let alive = *words.get(2)? == group && !is_zombie;
        alive.then(|| entry.file_name().to_string_lossy().parse().ok())?
    });
    processes.collect()
}

/// The same where there is no `/proc`.
fn listed(group: u32) -> Vec<u32> {
    let mut ps = Command::new("ps");
    ps.args(["-A", "-o", "pid=,pgid=,stat="]);
    let Ok((_, said)) = super::command::run(&mut ps, PATIENCE) else {
        return Vec::new();
    };
    let group = group.to_string();
    said.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (pid, of, state) = (words.next()?, words.next()?, words.next()?);
            (of == group && !state.starts_with('Z')).then(|| pid.parse().ok())?
        })
        .collect()
}
