//! The stubs, hellos and names of `wsgen::verify` against the real programs: they are understood.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use wsgen::verify::stub::dns::NameServer;
use wsgen::verify::wire::hello::{self, Offered};

use crate::live::must::*;
use crate::live::{Authority, Event, Running, Stub, port};
use crate::programs;

/// What stands before a stub that takes HTTP/2: the programs that speak it to servers, and WebSocket within it.
#[test]
fn a_stub_serves_programs_over_http2() {
    for (name, tunnels) in [
        ("nginx-1.31", false),
        ("haproxy-2.6", true),
        ("haproxy-2.8", true),
    ] {
        let Some(program) = programs::require(name) else {
            continue;
        };
        let stub = Stub::start("a");
        let (port, server) = (port(), stub.address());
        let text = match program.is_nginx() {
            true => format!(
                "events {{}}\nhttp {{\nserver {{ listen 127.0.0.1:{port}; location / {{ proxy_http_version 2; proxy_pass http://{server}; }} }} }}\n"
            ),
            false => format!(
                "defaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n  timeout tunnel 5s\n\
                 frontend f\n  bind 127.0.0.1:{port}\n  default_backend b\nbackend b\n  server a {server} proto h2\n"
            ),
        };
        let run = Running::start(&program, &text);
        let seen = run.client().send("POST", "/p?q=1", &[], b"body").seen();
        assert_eq!(seen.line, "POST /p?q=1 HTTP/2", "{name}");
        assert_eq!(
            (seen.version.as_str(), &*seen.body),
            ("HTTP/2", &b"body"[..])
        );
        assert_eq!(run.get("/", &[("X-Size", "200000")]).body.len(), 200_000);
        assert_eq!(run.get("/", &[("X-Status", "404")]).status, 404, "{name}");
        if tunnels {
            let mut tunnel = run.websocket("/ws", &[]).expect("upgraded");
            tunnel.echo("hello");
            let handshake = stub.requests_to("/ws").pop().expect("the handshake");
            assert_eq!(handshake.line, "CONNECT /ws HTTP/2", "{name}");
            tunnel.send("close 4001".into()).expect("it is sent");
            assert_eq!(tunnel.read(), Event::Close(4001), "{name}");
        }
    }
}

#[test]
fn a_program_accepts_and_refuses_hellos() {
    let authority = Authority::new();
    let pair = authority.issue(&["chat.example"]);
    let number = |name| hello::suite(name).expect("the table has it");
    for name in programs::NGINX.into_iter().chain(programs::HAPROXY) {
        let Some(program) = programs::require(name) else {
            continue;
        };
        let (old, new) = (port(), port());
        let text = match program.is_nginx() {
            true => {
                let server = |port, versions, ciphers| {
                    format!(
                        "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate site.pem; ssl_certificate_key site.pem; ssl_protocols {versions}; ssl_ciphers {ciphers}; }}\n"
                    )
                };
                format!(
                    "events {{}}\nhttp {{\n{}{}}}\n",
                    server(old, "TLSv1 TLSv1.1 TLSv1.2", "ALL:@SECLEVEL=0"),
                    server(new, "TLSv1.3", "HIGH"),
                )
            }
            false => format!(
                "defaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\nfrontend f\n\
                 \x20 bind 127.0.0.1:{old} ssl crt site.pem ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.2 ciphers ALL:@SECLEVEL=0\n\
                 \x20 bind 127.0.0.1:{new} ssl crt site.pem ssl-min-ver TLSv1.3\n"
            ),
        };
        let main = if program.is_nginx() {
            "nginx.conf"
        } else {
            "haproxy.cfg"
        };
        let _run = Running::start_with(&program, &[(main, &text), ("site.pem", &pair.joined())]);
        let offer = |port, version, name| {
            let address = (Ipv4Addr::LOCALHOST, port).into();
            let host = Some("chat.example");
            hello::offer(address, version, &[number(name)], host).expect("an answer")
        };
        let accepted = |version, name| Offered::Accepted {
            version,
            suite: number(name),
        };
        let cbc = "ECDHE-ECDSA-AES128-SHA";
        for version in [hello::TLS_1_0, hello::TLS_1_1, hello::TLS_1_2] {
            assert_eq!(offer(old, version, cbc), accepted(version, cbc), "{name}");
            assert_eq!(
                offer(new, version, cbc),
                Offered::Refused(Some(70)),
                "{name}"
            );
        }
        // Certified for an ECDSA key.
        let rsa = "ECDHE-RSA-AES128-SHA";
        assert_eq!(
            offer(old, hello::TLS_1_2, rsa),
            Offered::Refused(Some(40)),
            "{name}"
        );
        let modern = "TLS_AES_256_GCM_SHA384";
        assert_eq!(
            offer(new, hello::TLS_1_3, modern),
            accepted(hello::TLS_1_3, modern),
            "{name}"
        );
        assert!(
            matches!(
                offer(old, hello::TLS_1_3, modern),
                Offered::Refused(Some(_))
            ),
            "{name}"
        );
    }
}

#[test]
fn programs_resolve_names_from_the_name_server() {
    for name in programs::NGINX.into_iter().chain(programs::HAPROXY) {
        let Some(program) = programs::require(name) else {
            continue;
        };
        let names = NameServer::start().expect("a port is free");
        let (one, port) = (Stub::start("one"), port());
        let at = SocketAddr::new([127, 0, 0, 2].into(), one.address().port());
        let _two = Stub::at("two", at).expect("the port is free on another address");
        names.set("chat.internal", &[[127, 0, 0, 1].into()]);
        let (resolver, server) = (names.address(), at.port());
        let text = match program.is_nginx() {
            true => format!(
                "events {{}}\nhttp {{\nresolver {resolver}; server {{ listen 127.0.0.1:{port}; set $name chat.internal;\n\
                 location / {{ proxy_pass http://$name:{server}; }} }} }}\n"
            ),
            false => format!(
                "resolvers r\n  nameserver n {resolver}\n  hold valid 100ms\n  timeout resolve 100ms\n\
                 defaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n\
                 frontend f\n  bind 127.0.0.1:{port}\n  default_backend b\n\
                 backend b\n  server a chat.internal:{server} resolvers r init-addr none resolve-prefer ipv4\n"
            ),
        };
        let run = Running::start(&program, &text);
        let comes_from = |wanted: &str| {
            let start = Instant::now();
            while run.get("/", &[]).server() != wanted {
                let late = start.elapsed() > Duration::from_secs(5);
                assert!(!late, "{name} does not go to {wanted}:\n{}", run.log());
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        comes_from("one");
        let asked = names.queries("chat.internal");
        assert!(asked > 0, "{name}");
        names.set("chat.internal", &[[127, 0, 0, 2].into()]);
        comes_from("two");
        assert!(names.queries("chat.internal") > asked, "{name}");
    }
}
