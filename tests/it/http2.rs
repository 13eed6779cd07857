//! HTTP/2 towards clients, and WebSockets over it (RFC 8441), with a client that is not ours: each target does what it says.

use std::process::Command;

use wsgen::compile::{self, Input, Options, World};
use wsgen::targets;

use crate::bless::root;
use crate::live::must::*;
use crate::live::{Authority, Running, Stub, port};
use crate::programs;

const JUDGES: [(&str, &str, &str, bool); 4] = [
    ("nginx", "1.22", "nginx-1.22", false),
    ("nginx", "1.31", "nginx-1.31", false),
    ("haproxy", "2.6", "haproxy-2.6", true),
    ("haproxy", "2.8", "haproxy-2.8", true),
];

/// What the client saw; `None` where `tests/programs/install` has made no Python.
fn seen(port: u16, authority: &str, what: &str, path: &str) -> Option<String> {
    let python = root().join("target/programs/python/bin/python");
    if !python.is_file() {
        programs::skip("python with h2");
        return None;
    }
    let mut client = Command::new(python);
    client.arg(root().join("tests/programs/http2.py")).args([
        &port.to_string(),
        "chat.example",
        authority,
        what,
        path,
    ]);
    let output = client.output().expect("python runs");
    assert!(
        output.status.success(),
        "{}\n(`tests/programs/install` fetches what the client needs)",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn requests_and_sockets_over_http2() {
    let authority = Authority::new();
    let pair = authority.issue(&["chat.example"]).joined();
    let scratch = crate::scratch::Scratch::new("http2");
    let ca = scratch.write("ca.pem", authority.pem());
    let ca = ca.to_string_lossy();
    for (target, version, name, over_http2) in JUDGES {
        let Some(program) = programs::require(name) else {
            continue;
        };
        let stub = Stub::start("a");
        let (on, off) = (port(), port());
        let spec = format!(
            r#"
wsgen: 1
listeners:
  on: {{ port: {on}, address: 127.0.0.1, tls: {{ certificates: [site] }} }}
  off: {{ port: {off}, address: 127.0.0.1, http2: off, tls: {{ certificates: [site] }} }}
certificates: {{ site: {{ hosts: [chat.example], cert: site.pem, key: site.pem }} }}
upstreams: {{ a: {{ servers: ["{}"] }} }}
routes:
  - {{ name: socket, host: chat.example, path: /ws, upstream: a, websocket: on }}
  - {{ name: site, host: chat.example, upstream: a }}
targets: {{ {target}: {{ version: "{version}" }} }}
"#,
            stub.address()
        );
        let compiled = compile::compile(vec![Input::new("spec.yaml", spec)], World::EMPTY);
        let target = targets::by_id(target).expect("a target");
        let rendered = compile::render(&compiled, target, Options::default());
        let main = &rendered
            .files
            .first()
            .unwrap_or_else(|| panic!("{:#?}", rendered.report))
            .text;
        let file = if program.is_nginx() {
            "nginx.conf"
        } else {
            "haproxy.cfg"
        };
        let _running = Running::start_with(
            &program,
            &[(file, main.as_str()), ("site.pem", pair.as_str())],
        );

        let Some(plain) = seen(on, &ca, "get", "/page") else {
            return;
        };
        assert!(
            plain.starts_with("alpn h2\n") && plain.contains("status 200\n"),
            "{name}: {plain}"
        );
        assert_eq!(stub.requests_to("/page").len(), 1, "{name}");
        assert!(
            seen(off, &ca, "get", "/page").is_some_and(|seen| seen == "alpn http/1.1\n"),
            "{name}: `http2: off` offers HTTP/2"
        );

        let socket = seen(on, &ca, "websocket", "/ws").expect("the client was there");
        if over_http2 {
            assert!(
                socket.contains("connect-protocol 1\nstatus 200\necho hello\n"),
                "{name}: {socket}"
            );
            // A route without `websocket` answers as if nobody had asked.
            let refused = seen(on, &ca, "websocket", "/page").expect("the client was there");
            assert!(!refused.contains("echo"), "{name}: {refused}");
        } else {
            assert_eq!(
                socket, "alpn h2\nconnect-protocol 0\n",
                "{name} offers what it says it cannot do"
            );
        }
    }
}
