//! The proxy as a process: started, reloaded, drained and started again at the same address.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use wsgen::verify::folder::Folder;
use wsgen::verify::port;

use super::pause;

/// A running proxy.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    folder: Folder,
    child: Child,
}

impl Proxy {
    /// Starts it before these servers.
    pub(crate) async fn start(servers: &[SocketAddr]) -> Self {
        let address = port::free_on([127, 0, 0, 1].into()).expect("a port is free");
        let folder = Folder::new("soak").expect("the temporary directory can be written");
        Self::run(address, folder, servers).await
    }

    async fn run(address: SocketAddr, folder: Folder, servers: &[SocketAddr]) -> Self {
        let path = write(&folder, address, servers, 0);
        let output = |name: &str| File::create(folder.path().join(name)).expect("writable");
        let child = Command::new(env!("CARGO_BIN_EXE_wsgen"))
            .arg("proxy")
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output("stderr"))
            .spawn()
            .expect("this build's command");
        let proxy = Self {
            address,
            folder,
            child,
        };
        proxy.said("serving\n", 1).await;
        proxy
    }

    async fn said(&self, text: &str, times: usize) {
        let start = Instant::now();
        loop {
            let said = fs::read_to_string(self.folder.path().join("stderr")).expect("readable");
            if said.matches(text).count() >= times {
                return;
            }
            assert!(
                start.elapsed().as_secs() < 30,
                "{text:?} is not said: {said}"
            );
            pause(20).await;
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args([name, &id]).status();
        assert!(done.expect("kill is there").success(), "{name}");
    }

    /// Another spec in the place of the one that is served; the tunnels' route stays.
    pub(crate) async fn reload(&self, servers: &[SocketAddr], round: u32) {
        let said = fs::read_to_string(self.folder.path().join("stderr")).expect("readable");
        let before = said.matches("reloaded\n").count();
        write(&self.folder, self.address, servers, round);
        self.signal("-HUP");
        self.said("reloaded\n", before + 1).await;
    }

    /// Drains it, and starts it again.
    pub(crate) async fn again(mut self, servers: &[SocketAddr]) -> Self {
        self.end().await;
        Self::run(self.address, self.folder, servers).await
    }

    /// Drains it for good.
    pub(crate) async fn stop(mut self) {
        self.end().await;
    }

    async fn end(&mut self) {
        self.signal("-TERM");
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(start.elapsed().as_secs() < 30, "it goes on");
            pause(20).await;
        };
        assert_eq!(
            status.code(),
            Some(0),
            "every tunnel takes its leave in time: {}",
            fs::read_to_string(self.folder.path().join("stderr")).expect("readable")
        );
    }

    /// What it holds in memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()));
        let text = text.expect("Linux");
        let line = text.lines().find(|line| line.starts_with("Pss:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.and_then(|it| it.parse().ok()).expect("a number")
    }
}

fn write(folder: &Folder, address: SocketAddr, servers: &[SocketAddr], round: u32) -> PathBuf {
    let servers: Vec<String> = servers.iter().map(|it| format!("\"{it}\"")).collect();
    let spec = format!(
        "wsgen: 1\n\
         targets: {{ proxy: {{ on_loss: warn }} }}\n\
         log: {{ format: json }}\n\
         listeners: {{ web: {{ port: {}, address: 127.0.0.1 }} }}\n\
         upstreams: {{ app: {{ servers: [{}], balance: least_connections }} }}\n\
         runtime: {{ drain: {{ timeout: 10s, spread: 1s }} }}\n\
         routes:\n\
         \x20 - {{ name: socket, path: /ws, upstream: app, websocket: true }}\n\
         \x20 - {{ name: other, path: /other{round}, upstream: app }}\n",
        address.port(),
        servers.join(", ")
    );
    folder.write("spec.yaml", spec).expect("writable")
}
