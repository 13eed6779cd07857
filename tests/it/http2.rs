//! HTTP/2 towards clients, and WebSockets over it (RFC 8441): each target does what it says.

use wsgen::compile::{self, Input, Options, World};
use wsgen::targets;

use crate::live::must::*;
use crate::live::{Authority, Client, Running, Stub, port};
use crate::programs;

const JUDGES: [(&str, &str, &str, bool); 4] = [
    ("nginx", "1.22", "nginx-1.22", false),
    ("nginx", "1.31", "nginx-1.31", false),
    ("haproxy", "2.6", "haproxy-2.6", true),
    ("haproxy", "2.8", "haproxy-2.8", true),
];

#[test]
fn requests_and_sockets_over_http2() {
    let authority = Authority::new();
    let pair = authority.issue(&["chat.example"]).joined();
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

        let client = |port| Client::on(port).host("chat.example").tls(&authority);
        let mut connection = client(on).http2().expect("HTTP/2");
        let page = connection.send("GET", "/page", &[], b"");
        assert_eq!(page.expect("an answer").status, 200, "{name}");
        assert_eq!(stub.requests_to("/page").len(), 1, "{name}");
        let chosen = client(off).alpn(&["h2", "http/1.1"]).expect("TLS");
        assert_eq!(
            chosen.as_deref(),
            Some("http/1.1"),
            "{name}: `http2: off` offers HTTP/2"
        );

        assert_eq!(connection.takes_tunnels(), over_http2, "{name}");
        if over_http2 {
            let socket = connection.websocket("/ws", &[]).expect("an answer");
            socket.expect("a tunnel").echo("hello");
        }
        // A route without `websocket` answers as if nobody had asked; NGINX knows no such request at all.
        let (path, status) = if over_http2 {
            ("/page", 200)
        } else {
            ("/ws", 400)
        };
        let refused = connection.websocket(path, &[]).expect("an answer");
        let refused = refused.expect_err("no tunnel");
        assert_eq!(refused.status, status, "{name}");
    }
}
