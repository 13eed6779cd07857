//! A real program that serves: started, reloaded, stopped, and never left behind.

mod failure;
mod leash;
mod members;

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::port;
use super::programs::{By, Found, Home, LOG, main_of};
use super::stub::cluster::Cluster;
use leash::Leash;

pub use failure::StartFailure;
pub use members::members;

/// How long a program may take to start or to reload.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(5);

/// How long a program that watches its files may go on saying what it has found.
const ECHO: Duration = Duration::from_millis(100);

/// A program that serves. Dropping it kills it with its children and removes its folder; so does the end of this process,
/// also by Ctrl-C or by `SIGKILL`.
#[derive(Debug)]
pub struct Running {
    found: Found,
    main: PathBuf,
    admin: SocketAddr,
    env: Vec<(String, String)>,
    /// Of the first process: every later one joins it.
    group: u32,
    /// The process that serves.
    child: Child,
    /// Those that handed over to the next.
    before: Vec<Child>,
    /// What the program takes its resources from.
    _cluster: Option<Cluster>,
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
        let mut running = Self::launch(folder, found, files, env, false)
            .map_err(|why| StartFailure::early(found, &why))?;
        running.wait_start(ports)?;
        Ok(running)
    }

    /// The verdict of a program that has no check of its own: it is started, and asked what it found wrong.
    pub(super) fn check(
        found: &Found,
        folder: Folder,
        files: &[(&str, &str)],
    ) -> Result<(), StartFailure> {
        let mut running = Self::launch(folder, found, files, &[], true)
            .map_err(|why| StartFailure::early(found, &why))?;
        running.wait_start(&[])?;
        let home = running.home();
        let flaws = found.program.flaws(&home);
        let said = running.said();
        if flaws.is_empty() && found.program.is_clean(true, &said) {
            return Ok(());
        }
        let mut wrong = found.found_wrong(true, &said, &home);
        wrong.complaints.extend(flaws);
        Err(wrong)
    }

    fn launch(
        folder: Folder,
        found: &Found,
        files: &[(&str, &str)],
        env: &[(String, String)],
        checked: bool,
    ) -> io::Result<Self> {
        let mut leash = Leash::hold(folder.path())?;
        if folder.is_kept() {
            leash.keep();
        }
        let main = main_of(&folder, files)?;
        let home = Home {
            folder: folder.path(),
            main: &main,
            admin: port::free_on(Ipv4Addr::LOCALHOST.into())?,
            epoch: 0,
            checked,
        };
        found.lay(&folder, files, &home)?;
        if let Some(litter) = found.program.litter(&home) {
            leash.litter(&litter);
        }
        File::create(folder.path().join(LOG))?;
        let cluster = found.program.cluster(&home)?;
        let child = found.spawn(&home, env, 0)?;
        leash.group(child.id());
        leash.leader(child.id());
        let admin = home.admin;
        Ok(Self {
            found: found.clone(),
            main,
            admin,
            env: env.to_vec(),
            group: child.id(),
            child,
            before: Vec::new(),
            _cluster: cluster,
            leash,
            folder,
        })
    }

    fn wait_start(&mut self, ports: &[SocketAddr]) -> Result<(), StartFailure> {
        self.wait_for("start", PATIENCE, |running| {
            let program = running.found.program;
            program.has_refused(&running.log())
                || running.is_ready() && ports.iter().all(|port| TcpStream::connect(port).is_ok())
        })?;
        let log = self.log();
        match self.found.program.has_refused(&log) {
            true => Err(self.failure("refuses the files", &log)),
            false => Ok(()),
        }
    }

    fn home(&self) -> Home<'_> {
        Home {
            folder: self.folder.path(),
            main: &self.main,
            admin: self.admin,
            epoch: u32::try_from(self.before.len()).unwrap_or(u32::MAX),
            checked: false,
        }
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
        self.group
    }

    /// The address of its own where the program can be asked and told, if it has such a place.
    pub fn admin(&self) -> SocketAddr {
        self.admin
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

    /// What it printed on its own account: without what it says only because we want to hear it.
    pub fn said(&self) -> String {
        self.found.own_words(&self.log())
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

    /// Replaces those of these files that differ, each whole, and has the program load them; returns when the new ones are
    /// served, and only they. Where none differs, a program that watches its files is shown those beside the main one anew.
    ///
    /// # Errors
    /// What the program said against the files, which are then not served: the old ones still are. Or it did not answer in
    /// 10 s. Or it cannot load a change to this file while it runs: then the file is left as it is.
    pub fn reload(&mut self, files: &[(&str, &str)]) -> Result<(), StartFailure> {
        let seen = self.log().len();
        let fresh = |running: &Self| running.log().get(seen..).unwrap_or_default().to_owned();
        let changed: Vec<&str> = files
            .iter()
            .filter(|(name, text)| {
                let new = self.found.program.confine(name, text, &self.home());
                self.folder.read(name).ok() != Some(new)
            })
            .map(|(name, _)| *name)
            .collect();
        let reload = self.found.program.reload(&changed);
        if matches!(reload.by, By::Restart) {
            let fate = format!("reads {} only when it starts", changed.join(", "));
            return Err(self.failure(&fate, ""));
        }
        let fresh_files: Vec<(&str, &str)> = files
            .iter()
            .filter(|(name, _)| {
                changed.contains(name) || changed.is_empty() && !self.home().is_main(name)
            })
            .copied()
            .collect();
        self.found
            .lay(&self.folder, &fresh_files, &self.home())
            .map_err(|why| StartFailure::early(&self.found, &why))?;
        let watches = matches!(reload.by, By::Itself);
        let taken = |running: &Self| {
            let log = fresh(running);
            // Ready also where it refuses: else it could lose the next signal.
            match log.contains(reload.refused) {
                true => watches || running.is_ready(),
                false => log.contains(reload.done) && running.is_ready(),
            }
        };
        match reload.by {
            By::Signal(name) => self.leash.signal(name),
            By::Itself | By::Restart => {}
            By::Successor => return self.succeed(taken),
        }
        self.wait_for("reload", PATIENCE, taken)?;
        let log = fresh(self);
        if !log.contains(reload.refused) {
            return Ok(());
        }
        if watches {
            // It may look several times, and say so each time: the next reload is not to hear it.
            std::thread::sleep(ECHO);
        }
        Err(self.failure("refuses the new file", &log))
    }

    /// A further process takes over.
    fn succeed(&mut self, taken: impl Fn(&Self) -> bool) -> Result<(), StartFailure> {
        let mut check = Command::new(&self.found.path);
        check.current_dir(self.folder.path());
        if self.found.program.check(&mut check, &self.home()) {
            self.found.checked(&mut check, &self.home())?;
        }
        let mut home = self.home();
        home.epoch += 1;
        let next = self
            .found
            .spawn(&home, &self.env, self.group)
            .map_err(|why| StartFailure::early(&self.found, &why))?;
        self.leash.leader(next.id());
        self.before.push(std::mem::replace(&mut self.child, next));
        let outcome = self.wait_for("take over", PATIENCE, taken);
        if outcome.is_err()
            && let Some(old) = self.before.pop()
        {
            let _ = self.child.kill();
            let _ = self.child.wait();
            self.leash.leader(old.id());
            self.child = old;
        }
        outcome
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
            let mut before = self.before.iter_mut();
            let are_gone = before.all(|it| matches!(it.try_wait(), Ok(Some(_))));
            if self.ended().is_some() && are_gone {
                return Some(start.elapsed());
            }
            std::thread::sleep(PAUSE);
        }
        None
    }

    /// How the process that serves ended.
    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    fn is_ready(&self) -> bool {
        let program = self.found.program;
        program.is_ready(&self.home(), self.child.id(), &self.log())
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
            return Err(self.failure(&fate, &self.log()));
        }
        Ok(())
    }

    fn failure(&self, fate: &str, log: &str) -> StartFailure {
        let log = self.found.own_words(log);
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
        for child in self.before.iter_mut().chain([&mut self.child]) {
            let _ = child.kill();
            let _ = child.wait();
        }
        // A worker takes some time to die; until then its port is open.
        let group = self.pid();
        let start = Instant::now();
        while !members(group).is_empty() && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
