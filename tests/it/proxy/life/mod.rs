//! The proxy's life from outside: reloads, drains, what it says of itself.

mod drain;
mod log;
mod reload;
mod seen;
mod signer;
mod troubles;

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use wsgen::verify::port;
use wsgen::verify::wire::{Client, Tunnel};

use crate::scratch::Scratch;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(10);

/// A free port of this machine.
fn free() -> SocketAddr {
    port::free_on(Ipv4Addr::LOCALHOST.into()).expect("a port is free")
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: never");
        sleep(LOOK);
    }
}

/// `wsgen proxy` over a spec that can change.
struct Life {
    child: Child,
    folder: Scratch,
    /// Where `LISTEN` of the spec is.
    address: SocketAddr,
    /// Where `ADMIN` of the spec is.
    admin: SocketAddr,
}

impl Life {
    /// Starts it; `LISTEN` in the spec is a free port, `ADMIN` another.
    fn start(spec: &str) -> Self {
        Self::start_with(spec, &[])
    }

    fn start_with(spec: &str, args: &[&str]) -> Self {
        let folder = Scratch::new("proxy-life");
        let (address, admin) = (free(), free());
        let path = folder.write("spec.yaml", filled(spec, address, admin));
        let output = |name: &str| File::create(folder.path().join(name)).expect("writable");
        let child = Command::new(env!("CARGO_BIN_EXE_wsgen"))
            .arg("proxy")
            .arg(path)
            .args(args)
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .spawn()
            .expect("this build's command");
        let life = Self {
            child,
            folder,
            address,
            admin,
        };
        life.wait("serving\n", 1);
        life
    }

    fn said(&self) -> String {
        self.folder.read("stderr")
    }

    /// The lines of the access log.
    fn log(&self) -> Vec<serde_json::Value> {
        let text = self.folder.read("stdout");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{line}: {why}")))
            .collect()
    }

    /// Waits until something has been said so often.
    #[track_caller]
    fn wait(&self, text: &str, times: usize) {
        let start = Instant::now();
        while self.said().matches(text).count() < times {
            let said = self.said();
            assert!(start.elapsed() < PATIENCE, "{text:?} is not said: {said}");
            sleep(LOOK);
        }
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(done.expect("kill is there").success(), "{name}");
    }

    fn write(&self, spec: &str) {
        let text = filled(spec, self.address, self.admin);
        self.folder.write("spec.yaml", text);
    }

    /// A reload that is done.
    #[track_caller]
    fn reload(&self, spec: &str) {
        let before = self.said().matches("reloaded\n").count();
        self.write(spec);
        self.signal("HUP");
        self.wait("reloaded\n", before + 1);
    }

    fn client(&self) -> Client {
        Client::new(self.address).patience(PATIENCE)
    }

    #[track_caller]
    fn tunnel(&self, path: &str) -> Tunnel {
        let tunnel = self.client().try_websocket(path, &[]);
        let tunnel = tunnel.expect("it answers");
        tunnel.unwrap_or_else(|refused| panic!("no tunnel: {}", refused.status))
    }

    #[track_caller]
    fn status(&self, path: &str) -> u16 {
        self.client().try_get(path, &[]).expect("it answers").status
    }

    /// What the metrics listener answers.
    #[track_caller]
    fn ask(&self, path: &str) -> (u16, String) {
        let answer = Client::new(self.admin).try_get(path, &[]);
        let answer = answer.expect("it answers");
        (
            answer.status,
            String::from_utf8_lossy(&answer.body).into_owned(),
        )
    }

    /// A number of the metrics; 0 where it is not there. `name` with its labels.
    #[track_caller]
    fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.ask("/metrics");
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines
            .find_map(|rest| rest.strip_prefix(' ')?.parse().ok())
            .unwrap_or(0.0)
    }

    /// The exit status, once it is there.
    #[track_caller]
    fn exit_within(&mut self, limit: Duration) -> i32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code().expect("it ends by itself");
            }
            assert!(start.elapsed() < limit, "it goes on: {}", self.said());
            sleep(LOOK);
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn filled(spec: &str, address: SocketAddr, admin: SocketAddr) -> String {
    spec.replace("LISTEN", &address.port().to_string())
        .replace("ADMIN", &admin.port().to_string())
}
