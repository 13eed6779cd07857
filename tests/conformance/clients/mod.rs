//! What people connect with, through every program: npm's `ws` and Socket.IO, Python's `websockets`, and a real browser.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use wsgen::compile::{self, Options};
use wsgen::targets;
use wsgen::verify::folder::Folder;
use wsgen::verify::port;
use wsgen::verify::process::Running;
use wsgen::verify::wire::Authority;

use crate::bless::root;
use crate::cases::compiled;
use crate::programs::{self, Program};

/// Each checks its argument: a program of `tests/programs/install`, and the script it runs.
const WS: (&str, &str) = ("node", "ws-client.mjs");
const SOCKETIO: (&str, &str) = ("node", "socketio-client.mjs");
const WEBSOCKETS: (&str, &str) = ("websockets", "websockets-client.py");
const BROWSER: (&str, &str) = ("chromium", "browser.mjs");

/// A script of `tests/conformance/clients`, which says lines of JSON; a server among them ends with its standard input.
struct Script {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Script {
    fn start(name: &str, args: &[&str]) -> Script {
        let program = match name.ends_with(".py") {
            true => "python/bin/python",
            false => "bin/node",
        };
        let mut child = Command::new(root().join("target/programs").join(program))
            .arg(root().join("tests/conformance/clients").join(name))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the interpreter starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Script { child, lines }
    }

    /// The next line; `None` at the end.
    fn line(&mut self) -> Option<Value> {
        let mut text = String::new();
        let size = self.lines.read_line(&mut text).expect("a line of text");
        (size > 0).then(|| serde_json::from_str(&text).expect("a line of JSON"))
    }

    /// What the checks said: all of them good, and an exit that says so.
    #[track_caller]
    fn checks(mut self, what: &str) -> Vec<Value> {
        let lines: Vec<Value> = std::iter::from_fn(|| self.line()).collect();
        let status = self.child.wait().expect("it ends");
        let good = lines.iter().all(|line| line["ok"] == true);
        assert!(
            good && status.success() && !lines.is_empty(),
            "{what}: {status}\n{}",
            lines
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>()
        );
        lines
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One program between two servers of each kind and whoever connects; all of it ends with it.
struct Lab {
    name: String,
    running: Running,
    texts: Vec<(String, String)>,
    plain: u16,
    secure: u16,
    /// Where a page of another origin is to be had: a server itself.
    beside: u16,
    sticky: bool,
    folder: Folder,
    _servers: Vec<Script>,
}

impl Lab {
    fn new(program: &Program, servers: &str) -> Lab {
        let mut behind: Vec<Script> = ["a", "b"]
            .map(|name| Script::start(servers, &["--name", name]))
            .into();
        let ports: Vec<u64> = behind
            .iter_mut()
            .map(|server| {
                let line = server.line().expect("it listens");
                line["port"].as_u64().expect("a port")
            })
            .collect();
        let found = program.found();
        let target = found.program.target();
        let [plain, secure] = [(); 2].map(|()| port::free().expect("a loopback port is free"));
        // A cookie that the proxy sets came with NGINX 1.29.6; before it, a client stays where its address hashes to.
        let sticky = program.name != "nginx-1.22";
        let stay = match sticky {
            true => "stickiness: { cookie: { name: node } }",
            false => "balance: { hash: { source: true } }",
        };
        let authority = Authority::new();
        let pair = authority.try_issue(&["chat.example"]).expect("a name");
        let folder = Folder::new("clients").expect("a folder");
        folder.write("ca.pem", authority.pem()).expect("a file");
        let joined = pair.joined();
        folder.write("site.pem", &joined).expect("a file");
        let site = match target {
            // What stands around the runtime holds the text of the file.
            "worker" => folder.path().join("site.pem").display().to_string(),
            _ => "site.pem".to_owned(),
        };
        let spec = format!(
            r#"
wsgen: 1
listeners:
  plain: {{ port: {plain}, address: 127.0.0.1 }}
  secure: {{ port: {secure}, address: 127.0.0.1, tls: {{ certificates: [site] }} }}
certificates: {{ site: {{ hosts: [chat.example], cert: "{site}", key: "{site}" }} }}
upstreams: {{ a: {{ servers: ["127.0.0.1:{}", "127.0.0.1:{}"], {stay} }} }}
routes:
  - name: socket
    host: chat.example
    path: [/ws, /socket.io]
    upstream: a
    stream: true
    websocket: {{ origins: ["https://chat.example:{secure}", "http://chat.example:{plain}"] }}
  - {{ name: site, host: chat.example, upstream: a }}
runtime: {{ drain: {{ timeout: 1s }} }}
targets: {{ {target}: {{ version: "{}" }} }}
"#,
            ports[0], ports[1], found.version
        );
        let compiled = compiled("clients", &spec, target);
        let target = targets::by_id(target).expect("a target");
        let rendered = compile::render(&compiled, target, Options::default());
        assert!(!rendered.files.is_empty(), "{:#?}", rendered.report);
        let rendered = rendered.files.into_iter();
        let mut texts: Vec<(String, String)> = rendered
            .map(|file| (file.path.to_string_lossy().into_owned(), file.text))
            .collect();
        let gateway = compiled.gateway.as_ref().expect("it was rendered");
        let around = found.program.surroundings(gateway);
        texts.extend(around.expect("its files can be read"));
        let mut files = borrowed(&texts);
        files.push(("site.pem", &joined));
        let wait = [plain, secure].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let running =
            Running::start(found, &files, &wait, &[]).unwrap_or_else(|why| panic!("{why}"));
        Lab {
            name: program.name.clone(),
            running,
            texts,
            plain,
            secure,
            beside: u16::try_from(ports[0]).expect("a port"),
            sticky,
            folder,
            _servers: behind,
        }
    }

    /// The client on one of the listeners, with what it takes beside its URL.
    fn client(&self, client: (&str, &str), secure: bool, more: &[&str]) -> Script {
        let (scheme, port) = match secure {
            true => ("s", self.secure),
            false => ("", self.plain),
        };
        let evil = "https://evil.example".to_owned();
        let (url, rest) = match client {
            WS | WEBSOCKETS => ("ws", vec!["--foreign".to_owned(), evil]),
            BROWSER => {
                let page = format!("http://evil.example:{}/", self.beside);
                let folder = self.folder.path().display().to_string();
                (
                    "http",
                    vec!["--foreign".to_owned(), page, "--folder".to_owned(), folder],
                )
            }
            _ if self.sticky => (
                "http",
                ["--cookie", "node", "--servers", "2"]
                    .map(str::to_owned)
                    .into(),
            ),
            _ => ("http", Vec::new()),
        };
        let path = if url == "ws" { "ws" } else { "" };
        let url = format!("{url}{scheme}://chat.example:{port}/{path}");
        let authority = self.folder.path().join("ca.pem").display().to_string();
        let mut args = vec!["--url", &url];
        if secure {
            args.extend(["--ca", &authority]);
        }
        // Envoy ends a connection in TLS before the browser's own close frame is through: the code arrives all the same.
        if client == BROWSER && secure && self.name.starts_with("envoy") {
            args.push("--abrupt");
        }
        args.extend(rest.iter().map(String::as_str));
        args.extend(more);
        Script::start(client.1, &args)
    }
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect()
}

/// Every check of the client, on both listeners of every program; then, where it can wait, it comes back after a drain.
fn through_all(client: (&str, &str), servers: &str, waits: bool) {
    let needed: &[&str] = match client.0 {
        "node" => &["node"],
        other => &["node", other],
    };
    if programs::present(needed).len() < needed.len() {
        return;
    }
    for program in programs::present(&programs::servers()) {
        let mut lab = Lab::new(&program, servers);
        for secure in [false, true] {
            let what = format!("{} through {} (TLS: {secure})", client.1, lab.name);
            lab.client(client, secure, &[]).checks(&what);
        }
        // Traefik and the reference proxy: a reload ends no tunnel, so that there is nothing to come back from; nor does a deployment
        // of a Worker.
        let stays = ["traefik", "worker", "proxy"];
        if !waits || stays.iter().any(|it| lab.name.starts_with(it)) {
            continue;
        }
        let mut held = lab.client(client, true, &["--hold"]);
        let what = format!("{} through a reload of {}", client.1, lab.name);
        let said = held.line().unwrap_or_default();
        assert_eq!(said["event"], "open", "{what}: {said}");
        lab.running
            .reload(&borrowed(&lab.texts))
            .unwrap_or_else(|why| panic!("{what}: {why}"));
        held.checks(&what);
    }
}

#[test]
fn ws_of_npm() {
    through_all(WS, "ws-server.mjs", true);
}

#[test]
fn socketio_of_npm() {
    through_all(SOCKETIO, "socketio-server.mjs", true);
}

#[test]
fn websockets_of_python() {
    through_all(WEBSOCKETS, "ws-server.mjs", false);
}

#[test]
fn a_browser() {
    through_all(BROWSER, "ws-server.mjs", true);
}
