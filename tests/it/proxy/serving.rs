//! A running proxy of a spec of one's own, and servers behind it that say whatever a test wants.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wsgen::verify::port;
use wsgen::verify::process::Running;
use wsgen::verify::programs;
use wsgen::verify::wire::Client;

use super::{compiled, written};

/// The proxy, on a port of its own.
pub(super) struct Serving {
    pub(super) address: SocketAddr,
    pub(super) running: Running,
}

impl Serving {
    /// Serves the spec on plain connections: `PORT` in it is replaced.
    pub(super) fn start(spec: &str) -> Self {
        Self::with(spec, &[])
    }

    /// The same, with more files beside its main one.
    pub(super) fn with(spec: &str, more: &[(&str, &str)]) -> Self {
        let address = port::free_on(Ipv4Addr::LOCALHOST.into()).expect("a port is free");
        let spec = spec.replace("PORT", &address.port().to_string());
        let compiled = compiled("serving.yaml", &spec);
        let gateway = compiled.gateway.as_ref();
        let text = written(gateway.unwrap_or_else(|| panic!("{:#?}", compiled.report.diags)));
        let program = env!("CARGO_BIN_EXE_wsgen");
        let found = programs::at("proxy", program.as_ref()).expect("this build's command");
        let mut files = vec![("proxy.json", text.as_str())];
        files.extend(more);
        let running = Running::start(&found, &files, &[address], &[]);
        Self {
            address,
            running: running.unwrap_or_else(|why| panic!("{why}")),
        }
    }

    pub(super) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// The first line of the log that holds the text, waited for.
    #[track_caller]
    pub(super) fn logged(&self, text: &str) -> serde_json::Value {
        let start = Instant::now();
        loop {
            let log = self.running.log();
            if let Some(line) = log.lines().find(|line| line.contains(text)) {
                return serde_json::from_str(line).expect("a line of JSON");
            }
            assert!(
                start.elapsed() < Duration::from_secs(3),
                "nothing with {text} in\n{log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A server whose every connection is led by a function, in a thread of its own; it ends with it.
pub(super) struct Led {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Led {
    pub(super) fn by(lead: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let over = Arc::new(AtomicBool::new(false));
        let (ends, lead) = (Arc::clone(&over), Arc::new(lead));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let lead = Arc::clone(&lead);
                std::thread::spawn(move || lead(stream));
            }
        });
        Self { address, over }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Led {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // It looks when somebody comes.
        let _ = TcpStream::connect(self.address);
    }
}

/// The head of a request with the empty line behind it; `None` at the end of the connection.
pub(super) fn head_of(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// What a server says, and what it does then.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// It ends the connection.
    Close,
    /// It resets the connection.
    Reset,
    /// It goes on as a good server does.
    Stay,
    /// It says nothing more until the other side has gone.
    Hold,
    /// It says this over and over.
    Flood(&'static str),
    /// The same, with a while between.
    Drip(&'static str),
}

/// Says it.
pub(super) fn say(stream: &mut TcpStream, bytes: &[u8], then: Then) -> bool {
    if stream.write_all(bytes).is_err() {
        return false;
    }
    match then {
        Then::Stay => return true,
        Then::Close => {
            let _ = stream.shutdown(Shutdown::Write);
            let _ = std::io::copy(stream, &mut std::io::sink());
        }
        Then::Reset => {
            // A reset takes away what the other end has not read yet.
            std::thread::sleep(Duration::from_millis(200));
            let socket = socket2::SockRef::from(&*stream);
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
        Then::Hold => {
            let _ = std::io::copy(stream, &mut std::io::sink());
        }
        Then::Flood(text) | Then::Drip(text) => {
            let wait = match then {
                Then::Drip(_) => Duration::from_millis(50),
                _ => Duration::ZERO,
            };
            while stream.write_all(text.as_bytes()).is_ok() {
                std::thread::sleep(wait);
            }
        }
    }
    false
}
