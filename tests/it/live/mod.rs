//! A real program on loopback: started, asked, reloaded, stopped, and never left behind.
//!
//! ```text
//! let a = Stub::start("a");                               // a server that records and echoes
//! let port = live::port();
//! let text = format!("… listen 127.0.0.1:{port}; … server {}; …", a.address());
//! let Some(program) = programs::require("nginx-1.31") else { return };     // counted as skipped where it is missing
//! let run = Running::start(&program, &text);
//! assert_eq!(run.get("/x", &[("Host", "h.example")]).status, 200);
//! let mut tunnel = run.websocket("/ws", &[]).expect("upgraded");
//! tunnel.echo("hello");
//! ```

mod client;
mod harness;
mod http;
mod stub;
mod talk;
mod tls;
mod tunnel;

pub(crate) use client::Client;
pub(crate) use http::{Request, Response};
pub(crate) use stub::{Answer, Stub};
pub(crate) use tls::Authority;
pub(crate) use tunnel::{Event, Tunnel};

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::programs::{self, Program};
use crate::scratch::Scratch;

/// How long a program may take to start, to reload, or to answer, before a test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// A loopback port that nothing listens on, from below the range that the system gives to clients.
pub(crate) fn port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 22_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run side by side start far apart.
    let start = (std::process::id().wrapping_mul(641) % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + step) % COUNT;
        // Asked by a client: a listener, closed at once, would live on in a child that another test forks just then.
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            return port;
        }
    }
    panic!("no loopback port is free");
}

/// A program that serves. Dropping it, also by a panic or by the end of the test process, kills it with its children.
pub(crate) struct Running {
    pub(crate) program: Program,
    scratch: Scratch,
    files: Vec<String>,
    ports: Vec<u16>,
    child: Child,
    leash: Leash,
}

impl Running {
    /// Starts the program with one file and waits until each of its loopback ports accepts.
    /// Panics with the program's log where it does not start.
    pub(crate) fn start(program: &Program, text: &str) -> Running {
        let name = if program.is_nginx() {
            "nginx.conf"
        } else {
            "haproxy.cfg"
        };
        Running::start_with(program, &[(name, text)])
    }

    /// Like [`Running::start`], with further files beside the first, which is the one loaded. Paths are relative to the
    /// working directory; HAProxy finds them there, NGINX beside its main file.
    pub(crate) fn start_with(program: &Program, files: &[(&str, &str)]) -> Running {
        let scratch = Scratch::new(&program.name);
        let main = programs::lay(program, files, &scratch);
        let log = std::fs::File::create(scratch.path().join("log"))
            .expect("the scratch directory can be written");
        let mut command = program.load(scratch.path(), &main);
        if !program.is_nginx() {
            command.args(["-W", "-db"]);
        }
        let both = log.try_clone().expect("a file handle can be copied");
        command
            .stdin(Stdio::null())
            .stdout(both)
            .stderr(log)
            .process_group(0);
        let child = command
            .spawn()
            .unwrap_or_else(|why| panic!("{}: {why}", program.name));
        let leash = Leash::hold(child.id());
        let mut run = Running {
            program: program.clone(),
            scratch,
            files: files.iter().map(|(name, _)| (*name).to_owned()).collect(),
            ports: ports(files.first().map_or("", |(_, text)| text)),
            child,
            leash,
        };
        run.wait_for("start", |run| {
            run.takes_signals()
                && run
                    .ports
                    .iter()
                    .all(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok())
        });
        run
    }

    /// The loopback ports of the file, in the order of its `listen` or `bind` lines, each once.
    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// A client of the first port.
    pub(crate) fn client(&self) -> Client {
        Client::new(
            *self
                .ports
                .first()
                .expect("the file listens on a loopback port"),
        )
    }

    /// One GET on the first port, on a connection of its own.
    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.client().get(path, headers)
    }

    /// A WebSocket through the first port, or the answer that refused it.
    pub(crate) fn websocket(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Tunnel, Response> {
        self.client().websocket(path, headers)
    }

    /// All that the program has printed.
    pub(crate) fn log(&self) -> String {
        self.scratch.read("log")
    }

    /// Waits until the log holds `text`; panics with the log where it does not come.
    pub(crate) fn wait_log(&mut self, text: &str) {
        self.wait_for(&format!("log `{text}`"), |run| run.log().contains(text));
    }

    /// Replaces the main file and has the program load it; `Err` holds what the program said against it, and then the
    /// old file is still served.
    pub(crate) fn reload(&mut self, text: &str) -> Result<(), String> {
        let seen = self.log().len();
        let main = self.files.first().expect("a configuration has a file");
        self.scratch
            .write(main, programs::confine(&self.program, text));
        let (signal, done, refused) = match self.program.is_nginx() {
            // The old worker no longer accepts once it says so.
            true => ("HUP", "gracefully shutting down", "[emerg]"),
            false => ("USR2", "Loading success.", "Loading failure!"),
        };
        self.leash.signal(signal);
        let fresh = |run: &Running| run.log().get(seen..).unwrap_or_default().to_owned();
        self.wait_for("reload", |run| {
            let log = fresh(run);
            (log.contains(done) || log.contains(refused)) && run.takes_signals()
        });
        let log = fresh(self);
        if log.contains(refused) {
            Err(log)
        } else {
            Ok(())
        }
    }

    /// Asks for a stop that lets tunnels live on: their end is the drain's matter. Returns at once.
    pub(crate) fn stop_soft(&mut self) {
        let signal = if self.program.is_nginx() {
            "QUIT"
        } else {
            "USR1"
        };
        self.leash.signal(signal);
    }

    /// How long the program took to be gone, if within `limit`.
    pub(crate) fn gone_within(&mut self, limit: Duration) -> Option<Duration> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return Some(start.elapsed());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Both listen on their ports before they are done starting; HAProxy's master loses a signal that comes too early.
    fn takes_signals(&self) -> bool {
        const USR2: u64 = 1 << (12 - 1);
        if self.program.is_nginx() {
            return self.log().contains("start worker process ");
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        caught
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .is_some_and(|mask| mask & USR2 != 0)
    }

    fn wait_for(&mut self, what: &str, done: impl Fn(&Running) -> bool) {
        let start = Instant::now();
        while !done(self) {
            let dead = self.child.try_wait().ok().flatten();
            if dead.is_some() || start.elapsed() > PATIENCE {
                panic!(
                    "{} did not {what} ({dead:?}); it says:\n{}",
                    self.program.name,
                    self.log()
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Captured by the test harness, and shown only for the test that failed.
            let _ = std::panic::catch_unwind(|| self.show());
        }
        self.leash.cut();
        let _ = self.child.wait();
        // A worker takes some time to die; until then its port is open.
        let group = self.child.id();
        let start = Instant::now();
        while !members(group).is_empty() && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Running {
    #[allow(clippy::print_stdout)]
    fn show(&self) {
        let log = std::fs::read(self.scratch.path().join("log")).unwrap_or_default();
        println!(
            "--- log of {}\n{}",
            self.program.name,
            String::from_utf8_lossy(&log)
        );
    }
}

/// A shell that passes signals on, and kills the whole process group when our end of its pipe closes: so does the
/// system even where this process is killed itself.
struct Leash {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Leash {
    fn hold(group: u32) -> Leash {
        let script =
            r#"while read -r signal; do kill -s "$signal" "$1"; done; kill -s KILL -- "-$1""#;
        let mut shell = Command::new("sh")
            .args(["-c", script, "leash", &group.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for the test process; the shell still has its work to do.
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        let pipe = shell.stdin.take();
        Leash { shell, pipe }
    }

    fn signal(&mut self, name: &str) {
        if let Some(pipe) = &mut self.pipe {
            let _ = writeln!(pipe, "{name}");
        }
    }

    fn cut(&mut self) {
        self.pipe = None;
        let _ = self.shell.wait();
    }
}

/// The living processes of a group. A zombie that waits for its new parent is not one, unless threads of it live on: they
/// keep its sockets open.
fn members(group: u32) -> Vec<u32> {
    let group = group.to_string();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // After the name in parentheses: state, parent, group; the 18th is the number of threads.
        let words: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let alive = *words.get(2)? == group && (words[0] != "Z" || *words.get(17)? != "1");
        alive.then(|| entry.file_name().to_string_lossy().parse().ok())?
    });
    processes.collect()
}

/// The ports of `listen 127.0.0.1:PORT` and `bind 127.0.0.1:PORT`.
fn ports(text: &str) -> Vec<u16> {
    let mut ports = Vec::new();
    for part in text.split("127.0.0.1:").collect::<Vec<_>>().windows(2) {
        let before = part[0]
            .trim_end()
            .rsplit(|c: char| c.is_whitespace() || c == '{' || c == ';')
            .next();
        let digits: String = part[1].chars().take_while(char::is_ascii_digit).collect();
        if let (Some("listen" | "bind"), Ok(port)) = (before, digits.parse())
            && !ports.contains(&port)
        {
            ports.push(port);
        }
    }
    ports
}
