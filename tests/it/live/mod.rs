//! The live tests' own words for [`wsgen::verify`]: what returns an error there panics here, with the program's log.
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

mod acme;
mod ends;
mod harness;
mod others;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use wsgen::verify::process;
pub(crate) use wsgen::verify::stub::{Answer, Stub};
use wsgen::verify::wire::Pair;
pub(crate) use wsgen::verify::wire::{Authority, Client, Event, Request, Response, Tunnel};

use crate::programs::Program;
use must::*;

/// A loopback port that nothing listens on.
pub(crate) fn port() -> u16 {
    wsgen::verify::port::free().expect("a loopback port is free")
}

/// What panics where the library returns an error.
pub(crate) mod must {
    use super::*;

    /// Clients that must get an answer.
    pub(crate) trait Ask {
        /// A client of this port of 127.0.0.1.
        fn on(port: u16) -> Self;
        /// One GET on a connection of its own.
        fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response;
        /// One request on a connection of its own.
        fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8])
        -> Response;
        /// A WebSocket, or the answer that refused it.
        fn websocket(&self, path: &str, headers: &[(&str, &str)]) -> Result<Tunnel, Response>;
    }

    impl Ask for Client {
        fn on(port: u16) -> Client {
            Client::new(local(port))
        }

        #[track_caller]
        fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
            self.send("GET", path, headers, b"")
        }

        #[track_caller]
        fn send(
            &self,
            method: &str,
            path: &str,
            headers: &[(&str, &str)],
            body: &[u8],
        ) -> Response {
            match self.try_send(method, path, headers, body) {
                Ok(response) => response,
                Err(why) => panic!("{method} {path} on {}: {why}", self.address()),
            }
        }

        #[track_caller]
        fn websocket(&self, path: &str, headers: &[(&str, &str)]) -> Result<Tunnel, Response> {
            match self.try_websocket(path, headers) {
                Ok(answer) => answer,
                Err(why) => panic!("websocket {path} on {}: {why}", self.address()),
            }
        }
    }

    /// Answers that must be a stub's echo.
    pub(crate) trait Seen {
        /// The request as the stub saw it.
        fn seen(&self) -> Request;
    }

    impl Seen for Response {
        #[track_caller]
        fn seen(&self) -> Request {
            match self.try_seen() {
                Ok(request) => request,
                Err(why) => panic!("{why}"),
            }
        }
    }

    /// Tunnels that must echo.
    pub(crate) trait Echo {
        /// Sends a text, which must just so come back.
        fn echo(&mut self, text: &str);
    }

    impl Echo for Tunnel {
        #[track_caller]
        fn echo(&mut self, text: &str) {
            if let Err(why) = self.try_echo(text) {
                panic!("{why}");
            }
        }
    }

    /// Stubs that must start.
    pub(crate) trait Serve {
        /// On a free port.
        fn start(name: &str) -> Self;
        /// On a free port, over TLS.
        fn tls(name: &str, pair: &Pair) -> Self;
        /// Again, on the same port.
        fn listen(&mut self);
    }

    impl Serve for Stub {
        #[track_caller]
        fn start(name: &str) -> Stub {
            Stub::try_start(name).expect("a stub starts")
        }

        #[track_caller]
        fn tls(name: &str, pair: &Pair) -> Stub {
            Stub::try_tls(name, pair).expect("a stub starts")
        }

        #[track_caller]
        fn listen(&mut self) {
            self.try_listen().expect("a stub starts again");
        }
    }

    /// Authorities that are given names.
    pub(crate) trait Issue {
        /// A certificate for these names.
        fn issue(&self, names: &[&str]) -> Pair;
    }

    impl Issue for Authority {
        #[track_caller]
        fn issue(&self, names: &[&str]) -> Pair {
            self.try_issue(names).expect("the names are valid")
        }
    }
}

/// A program that must start; it shows its log where the test fails.
pub(crate) struct Running {
    run: process::Running,
    ports: Vec<u16>,
}

impl Running {
    /// Starts the program with one file and waits until each of its loopback ports accepts.
    #[track_caller]
    pub(crate) fn start(program: &Program, text: &str) -> Running {
        Running::start_with(program, &[(program.found().program.main_file(), text)])
    }

    /// Like [`Running::start`], with further files beside the first, which is the one loaded.
    #[track_caller]
    pub(crate) fn start_with(program: &Program, files: &[(&str, &str)]) -> Running {
        let ports = ports(files.first().map_or("", |(_, text)| text));
        let wait: Vec<SocketAddr> = ports.iter().map(|port| local(*port)).collect();
        match process::Running::start(program.found(), files, &wait, &[]) {
            Ok(run) => Running { run, ports },
            Err(why) => panic!("{why}"),
        }
    }

    /// The loopback ports of the file, in the order of its `listen` or `bind` lines, each once.
    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// A client of the first port.
    pub(crate) fn client(&self) -> Client {
        let first = self.ports.first();
        Client::on(*first.expect("the file listens on a loopback port"))
    }

    /// One GET on the first port, on a connection of its own.
    #[track_caller]
    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.client().get(path, headers)
    }

    /// A WebSocket through the first port, or the answer that refused it.
    #[track_caller]
    pub(crate) fn websocket(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Tunnel, Response> {
        self.client().websocket(path, headers)
    }

    /// All that the program has printed.
    pub(crate) fn log(&self) -> String {
        self.run.log()
    }

    /// Waits until the log holds `text`.
    #[track_caller]
    pub(crate) fn wait_log(&mut self, text: &str) {
        if let Err(why) = self.run.wait_log(text, Duration::from_secs(10)) {
            panic!("{why}");
        }
    }

    /// Replaces the main file and has the program load it; `Err` holds what the program said against it, and then the
    /// old file is still served.
    pub(crate) fn reload(&mut self, text: &str) -> Result<(), process::StartFailure> {
        let main = self.run.found().program.main_file();
        self.run.reload(&[(main, text)])
    }

    /// Asks for a stop that lets tunnels live on.
    pub(crate) fn stop_soft(&mut self) {
        self.run.stop_soft();
    }

    /// How long the program took to be gone, if within `limit`.
    pub(crate) fn gone_within(&mut self, limit: Duration) -> Option<Duration> {
        self.run.gone_within(limit)
    }
}

impl Drop for Running {
    #[allow(clippy::print_stdout)]
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Captured by the test harness, and shown only for the test that failed.
            println!("--- log of {}\n{}", self.run.found().name(), self.log());
        }
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The ports of `listen 127.0.0.1:PORT`, `bind 127.0.0.1:PORT` `address: "127.0.0.1:PORT"` and `"listen": ["127.0.0.1:PORT"]`.
fn ports(text: &str) -> Vec<u16> {
    let mut ports = Vec::new();
    for part in text.split("127.0.0.1:").collect::<Vec<_>>().windows(2) {
        let before = part[0]
            .trim_end()
            .rsplit(|c: char| c.is_whitespace() || c == '{' || c == ';')
            .next();
        let digits: String = part[1].chars().take_while(char::is_ascii_digit).collect();
        let listens = match before {
            Some("listen" | "bind") => true,
            Some("\"" | "[\"") => ["address: \"", "\"listen\": [\""]
                .iter()
                .any(|key| part[0].ends_with(key)),
            _ => false,
        };
        if let (true, Ok(port)) = (listens, digits.parse())
            && !ports.contains(&port)
        {
            ports.push(port);
        }
    }
    ports
}
