//! The reference proxy: its file read back, and what it lets nobody smuggle past it, over real sockets.

mod calls;
mod clients;
mod handshakes;
mod hostile;
mod http1;
mod http2;
mod life;
mod local;
mod nonsense;
mod promises;
mod serving;
mod upstreams;

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use wsgen::compile::{self, Compiled, Input, Options, World};
use wsgen::ir::Gateway;
use wsgen::targets;
use wsgen::verify::port;
use wsgen::verify::process::Running;
use wsgen::verify::programs;
use wsgen::verify::stub::Stub;

use crate::bless::root;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

fn compiled(name: &str, text: &str) -> Compiled {
    let warn = "targets: { proxy: { on_loss: warn } }\n";
    let inputs = vec![Input::new(name, text), Input::new("warn.yaml", warn)];
    compile::compile(inputs, World::EMPTY)
}

fn written(gateway: &Gateway) -> String {
    let target = targets::by_id("proxy").expect("the target is there");
    let none = |_| String::new();
    let rendered = compile::render_gateway(gateway, target, Options::default(), &none);
    let file = rendered.files.first();
    file.unwrap_or_else(|| panic!("{:#?}", rendered.report.diags))
        .text
        .clone()
}

#[test]
fn the_file_is_read_back_as_it_was_written() {
    let mut count = 0;
    for folder in ["examples", "tests/conformance/cases"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("the folder is there") {
            let path = entry.expect("readable").path();
            if path.extension().is_none_or(|it| it != "yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("readable");
            let compiled = compiled(&path.display().to_string(), &text);
            let Some(gateway) = &compiled.gateway else {
                panic!("{}: {:#?}", path.display(), compiled.report.diags);
            };
            let text = written(gateway);
            let read = targets::proxy::read(&text).expect("it is such a file");
            let mut again = read.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            assert_eq!(gateway.table, again.table, "{}", path.display());
            // How losses are told is no part of the file.
            again.rooms.proxy.room = gateway.rooms.proxy.room.clone();
            again.accept = gateway.accept.clone();
            assert!(written(&again) == text, "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 100, "only {count} specs");
}

#[test]
fn a_file_that_leads_nowhere_is_refused() {
    let spec = "wsgen: 1\nupstreams: { app: { servers: [\"127.0.0.1:80\"] } }\nroutes: [{ name: a, path: /a, upstream: app }]\n";
    let text = written(compiled("a.yaml", spec).gateway.as_ref().expect("a spec"));
    for (from, to, why) in [
        ("\"upstream\": 0", "\"upstream\": 7", "no upstream 7"),
        ("\"wsgen_gateway\": 1", "\"wsgen_gateway\": 2", "form 2"),
        ("\"prefix\": \"/a\"", "\"regex\": \"(\"", "no regex"),
        ("\"name\": \"a\"", "\"nome\": \"a\"", "name"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} is not in {text}");
        let read = targets::proxy::read(&changed).expect("it is such a file");
        let said = read.expect_err(to);
        assert!(said.contains(why), "{to}: {said}");
    }
    assert!(
        targets::proxy::read(spec).is_none(),
        "a spec is no such file"
    );
}

/// A running proxy whose host `one.example` is served over HTTP/1.1, and `two.example` over HTTP/2.
struct Proxy {
    address: SocketAddr,
    /// The server of `one.example`.
    one: Stub,
    /// The server of `two.example`.
    two: Stub,
    _running: Running,
}

impl Proxy {
    fn start() -> Self {
        let one = Stub::try_start("one").expect("a port is free");
        let two = Stub::try_start("two").expect("a port is free");
        let address = port::free_on(Ipv4Addr::LOCALHOST.into()).expect("a port is free");
        let spec = format!(
            "wsgen: 1\n\
             listeners: {{ web: {{ port: {}, address: 127.0.0.1, http2: on }} }}\n\
             upstreams:\n  one: {{ servers: [\"{}\"] }}\n  two: {{ servers: [\"{}\"], protocol: http2 }}\n\
             routes:\n  - {{ name: one, host: one.example, upstream: one }}\n  - {{ name: two, host: two.example, upstream: two }}\n",
            address.port(),
            one.address(),
            two.address()
        );
        let compiled = compiled("smuggling.yaml", &spec);
        let gateway = compiled.gateway.as_ref().expect("a spec");
        let text = written(gateway);
        let program = env!("CARGO_BIN_EXE_wsgen");
        let found = programs::at("proxy", program.as_ref()).expect("this build's command");
        let running = Running::start(&found, &[("proxy.json", &text)], &[address], &[]);
        Self {
            address,
            one,
            two,
            _running: running.unwrap_or_else(|why| panic!("{why}")),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// What the servers saw, a line each.
    fn seen(&self) -> Vec<String> {
        let both = [&self.one, &self.two];
        let requests = both.into_iter().flat_map(Stub::requests);
        requests.map(|it| it.line).collect()
    }
}

/// Everything up to the end.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    // A reset ends it too.
    let _ = stream.read_to_end(&mut all);
    all
}
