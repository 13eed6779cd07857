//! The reference proxy and people who mean harm: what they send, how slowly, how much, and servers that answer nonsense.

mod answers;
mod costs;
mod floods;
mod forwarded;
mod guards;
mod key_sets;
mod logs;
mod meanings;
mod origins;
mod slow;
mod tls;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use wsgen::verify::folder::Folder;
use wsgen::verify::port;
use wsgen::verify::process::Running;
use wsgen::verify::programs;
use wsgen::verify::stub::Stub;
use wsgen::verify::wire::Client;

use super::{PATIENCE, compiled, rest, written};

/// A running proxy before one server.
struct Site {
    address: SocketAddr,
    stub: Stub,
    running: Running,
}

impl Site {
    /// Serves a spec whose `PORT` and `SERVER` are filled in: a free port, and a server that answers with what it saw.
    fn start(spec: &str) -> Self {
        Self::with(spec, &[], &[])
    }

    /// The same, with files beside it, and an environment.
    fn with(spec: &str, files: &[(&str, &str)], env: &[(String, String)]) -> Self {
        let stub = Stub::try_start("app").expect("a port is free");
        let server = stub.address().to_string();
        let (address, running) = serve(&spec.replace("SERVER", &server), files, env);
        Self {
            address,
            stub,
            running,
        }
    }

    fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// How long the proxy's threads have worked.
    fn worked(&self) -> Duration {
        let stat = format!("/proc/{}/stat", self.running.pid());
        let text = std::fs::read_to_string(stat).expect("it runs");
        let behind_name = text.rsplit(')').next().expect("a line");
        let mut fields = behind_name.split_whitespace().skip(11);
        let mut ticks = || -> u64 {
            let field = fields.next().expect("a field");
            field.parse().expect("a number")
        };
        // Linux counts in hundredths of a second.
        Duration::from_millis((ticks() + ticks()) * 10)
    }

    /// How much memory it has in use, in KiB.
    fn memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.running.pid());
        let text = std::fs::read_to_string(status).expect("it runs");
        let line = text.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.and_then(|it| it.parse().ok()).expect("a number")
    }

    /// What comes back for these bytes until the end.
    fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        raw(self.address, bytes.as_ref())
    }
}

/// Runs a proxy for a spec whose `PORT` is filled in.
fn serve(spec: &str, files: &[(&str, &str)], env: &[(String, String)]) -> (SocketAddr, Running) {
    let address = port::free_on(Ipv4Addr::LOCALHOST.into()).expect("a port is free");
    let folder = Folder::new("hostile").expect("a folder");
    let spec = spec
        .replace("PORT", &address.port().to_string())
        .replace("FOLDER", &folder.path().display().to_string());
    let compiled = compiled("hostile.yaml", &spec);
    let Some(gateway) = compiled.gateway.as_ref() else {
        panic!("{:#?}", compiled.report.diags)
    };
    let text = written(gateway);
    let mut all = vec![("proxy.json", text.as_str())];
    all.extend_from_slice(files);
    let program = env!("CARGO_BIN_EXE_wsgen");
    let found = programs::at("proxy", program.as_ref()).expect("this build's command");
    let running = Running::start_in(folder, &found, &all, &[address], env);
    (address, running.unwrap_or_else(|why| panic!("{why}")))
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    // It may be refused before the end.
    let _ = stream.write_all(bytes);
    String::from_utf8_lossy(&rest(stream)).into_owned()
}

/// Whether something becomes true soon enough.
fn soon(limit: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if is_true() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A server that answers each connection's first head with these bytes, and waits for the end.
fn saying(answer: &'static [u8]) -> SocketAddr {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in socket.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                let mut some = [0; 4096];
                while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
                    match stream.read(&mut some) {
                        Ok(count @ 1..) => seen.extend_from_slice(&some[..count]),
                        _ => return,
                    }
                }
                let _ = stream.write_all(answer);
                let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
                let _ = stream.read(&mut some);
            });
        }
    });
    address
}

/// The first line of an answer.
fn line(answer: &str) -> &str {
    answer.lines().next().unwrap_or_default()
}
