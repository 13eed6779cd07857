//! The real programs on this machine, started one by one with the file that was rendered for them.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use wsgen::verify::port;
use wsgen::verify::process::{Running, members};
use wsgen::verify::programs::{self, Found};

use crate::backend::Backend;
use crate::measure;
use crate::spec::{self, Ports, Shape, Tls};

/// The versions that are compared. NGINX is Debian's, built for speed: the one in Python's wheel is built for size.
const NAMES: [(&str, &str); 5] = [
    ("nginx", "nginx-1.22"),
    ("haproxy", "haproxy-2.8"),
    ("envoy", "envoy-1.40"),
    ("traefik", "traefik-3.7"),
    ("caddy", "caddy-2.11"),
];

/// A program that is here.
pub(crate) struct Program {
    /// The id of its target.
    pub(crate) id: String,
    found: Found,
}

impl Program {
    /// Finds it: what `tests/programs/install` made, else what is on `PATH`.
    pub(crate) fn find(id: &str) -> Option<Self> {
        let found = if id == "proxy" {
            programs::at(id, Path::new(env!("CARGO_BIN_EXE_wsgen"))).ok()?
        } else {
            let (_, name) = NAMES.iter().find(|(known, _)| *known == id)?;
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                .join("target/programs/bin")
                .join(name);
            match programs::at(id, &path) {
                Ok(found) => found,
                Err(_) => programs::find(id)?,
            }
        };
        Some(Self {
            id: id.to_owned(),
            found,
        })
    }

    /// Such as `NGINX 1.22`.
    pub(crate) fn title(&self) -> String {
        if self.id == "proxy" {
            return "wsgen proxy".to_owned();
        }
        let name = self.found.name();
        match name.rsplit_once('.') {
            Some((short, _)) => short.to_owned(),
            None => name,
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// What it said.
    pub(crate) fn start(
        &self,
        shape: Shape,
        backend: &Backend,
        tls: &Tls,
    ) -> Result<Started, String> {
        let free = || port::free().map_err(|why| format!("no free port: {why}"));
        let ports = Ports {
            plain: free()?,
            secure: free()?,
            metrics: free()?,
        };
        let files = spec::files(shape.spec(ports, backend.port, tls), &self.id)?;
        let shown: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let bound =
            [ports.plain, ports.secure].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        // Go's programs take the number of their threads from there.
        let env = [("GOMAXPROCS".to_owned(), shape.workers.to_string())];
        let running = Running::start(&self.found, &shown, &bound, &env)
            .map_err(|why| format!("{} does not start: {why:?}", self.found.name()))?;
        let started = Started { ports, running };
        if shape.workers == 1 {
            measure::pin(&started.processes(), PROGRAM_CORE);
        }
        Ok(started)
    }
}

/// Where the only worker runs; generator and backend run on [`BENCH_CORE`].
const PROGRAM_CORE: &str = "0";

/// Where generator and backend run while a program has one worker.
pub(crate) const BENCH_CORE: &str = "1";

/// A program that serves.
pub(crate) struct Started {
    /// Where.
    pub(crate) ports: Ports,
    running: Running,
}

impl Started {
    /// Its processes.
    pub(crate) fn processes(&self) -> Vec<u32> {
        members(self.running.pid())
    }

    /// Has it load another spec.
    pub(crate) fn reload(&mut self, text: &str, name: &str) -> Result<(), String> {
        self.running
            .reload(&[(name, text)])
            .map_err(|why| format!("a reload failed: {why:?}"))
    }

    /// Empties its logs: a disk is no part of the comparison.
    pub(crate) fn truncate(&self) {
        let Ok(files) = std::fs::read_dir(self.running.folder().path()) else {
            return;
        };
        for file in files.flatten() {
            let name = file.file_name();
            if name == "log" || name.to_string_lossy().ends_with(".log") {
                let _ = File::options()
                    .write(true)
                    .open(file.path())
                    .and_then(|file| file.set_len(0));
            }
        }
    }
}
