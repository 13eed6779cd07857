//! `wsgen proxy --local`: a spec on a machine that has nothing of what it names, driven from outside.

mod bad;
mod browser;
mod examples;
mod guards;
mod machine;
mod servers;

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use wsgen::verify::port;
use wsgen::verify::wire::{Client, Response};

use crate::scratch::Scratch;

/// How long a start may take, on a machine with much to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port that is free now.
fn free() -> u16 {
    port::free_on(Ipv4Addr::LOCALHOST.into())
        .expect("a port is free")
        .port()
}

/// A call of `wsgen proxy`, with a home of its own.
struct Call {
    home: Rc<Scratch>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    /// The most file descriptors.
    files: Option<u64>,
    /// How many of them before anybody asks for more.
    soft: Option<u64>,
}

impl Call {
    /// `text` is the spec.
    fn new(text: &str) -> Self {
        let home = Rc::new(Scratch::new("local"));
        home.write("spec.yaml", text);
        Self {
            home,
            args: vec!["proxy".to_owned(), "spec.yaml".to_owned()],
            env: Vec::new(),
            files: None,
            soft: None,
        }
    }

    /// Arguments without spaces in them.
    fn args(mut self, args: &str) -> Self {
        self.args.extend(args.split_whitespace().map(str::to_owned));
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_wsgen");
        let limit = match (self.files, self.soft) {
            (Some(files), _) => Some(format!("ulimit -n {files}")),
            (None, soft) => soft.map(|soft| format!("ulimit -S -n {soft}")),
        };
        let mut command = match limit {
            None => Command::new(program),
            Some(limit) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{limit} && exec \"$0\" \"$@\""), program]);
                shell
            }
        };
        let log = |name| File::create(self.home.path().join(name)).expect("it can be written");
        command
            .args(&self.args)
            .current_dir(self.home.path())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.home.path().join("home"))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log("out"))
            .stderr(log("err"));
        command
    }

    /// Starts it; panics where it does not serve in time.
    #[track_caller]
    fn start(self) -> Proxy {
        self.start_where(|proxy| proxy.says().contains("serving\n"))
    }

    /// The same, where it is said otherwise that it serves.
    #[track_caller]
    fn start_where(self, serves: impl Fn(&Proxy) -> bool) -> Proxy {
        let child = self
            .command()
            .spawn()
            .expect("the binary under test starts");
        let mut proxy = Proxy { call: self, child };
        let end = Instant::now() + PATIENCE;
        while !serves(&proxy) {
            let ended = proxy.child.try_wait().expect("it can be asked");
            let late = Instant::now() > end;
            assert!(ended.is_none() && !late, "{ended:?}\n{}", proxy.says());
            std::thread::sleep(Duration::from_millis(20));
        }
        proxy
    }

    /// Runs it until it ends by itself: its status, and what it says.
    #[track_caller]
    fn ends(self) -> (i32, String) {
        let mut child = self
            .command()
            .spawn()
            .expect("the binary under test starts");
        let end = Instant::now() + PATIENCE;
        loop {
            let err = || self.home.read("err");
            if let Some(status) = child.try_wait().expect("it can be asked") {
                return (status.code().unwrap_or(-1), err() + &self.home.read("out"));
            }
            if Instant::now() > end || err().contains("serving\n") {
                let _ = child.kill();
                let _ = child.wait();
                panic!("it serves\n{}", err());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A running proxy.
struct Proxy {
    call: Call,
    child: Child,
}

impl Proxy {
    /// What it says to people.
    fn says(&self) -> String {
        self.call.home.read("err")
    }

    /// What it logs.
    fn log(&self) -> String {
        self.call.home.read("out")
    }

    /// A file of its cache.
    fn cached(&self, name: &str) -> PathBuf {
        self.call.home.path().join("home/.cache/wsgen").join(name)
    }

    /// A client of plain HTTP.
    fn plain(&self, port: u16) -> Client {
        Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .host(&format!("localhost:{port}"))
    }

    /// A client of HTTPS that trusts what was made, and asks for this host.
    fn secure(&self, host: &str, port: u16) -> Client {
        let authority = CertificateDer::from_pem_file(self.cached("ca.pem")).expect("it is there");
        let mut roots = RootCertStore::empty();
        roots.add(authority).expect("it is an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .tls_with(Arc::new(config))
            .host(&format!("{host}:{port}"))
            .server_name(host)
    }

    /// Ends it, and starts another one in the same home.
    #[track_caller]
    fn again(self, args: &str) -> Proxy {
        let mut call = Call::new("");
        call.home.clone_from(&self.call.home);
        drop(self);
        call.args(args).start()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.expect("kill is there").success());
    }

    /// Waits until it says something.
    #[track_caller]
    fn wait(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.says().contains(text) {
            assert!(Instant::now() < end, "{text}\n{}", self.says());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The words after this one on a line that it says.
    #[track_caller]
    fn after(&self, mark: &str) -> String {
        let says = self.says();
        let rest = says
            .split_once(mark)
            .unwrap_or_else(|| panic!("{mark}\n{says}"))
            .1;
        rest.lines().next().unwrap_or_default().to_owned()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a stand-in says that arrived.
#[track_caller]
fn arrived(answer: &Response) -> serde_json::Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap_or_else(|why| panic!("{why}: {}", answer.text()))
}
