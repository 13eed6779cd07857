//! Handshakes of TLS with servers: the certificate that the proxy shows, the protocol that both agree to.

use std::io::{Read, Write};
use std::sync::Arc;

use wsgen::verify::port;
use wsgen::verify::stub::Stub;
use wsgen::verify::wire::{Authority, Pair, Stream};

use super::super::serving::{Led, Serving};

fn spec(server: std::net::SocketAddr, tls: &str, more: &str) -> String {
    format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1 }} }}\n\
         upstreams: {{ app: {{ servers: [\"{server}\"]{more}, tls: {{ server_name: app.internal, ca: ca.pem{tls} }} }} }}\n\
         routes: [{{ name: app, path: /, upstream: app, websocket: true }}]\nlog: {{ format: json }}\n"
    )
}

/// A server that asks who comes: it is shown the upstream's certificate, by requests of either HTTP, checks and tunnels.
#[test]
fn a_server_that_asks_is_shown_a_certificate() {
    let (servers, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let pair = servers.try_issue(&["app.internal"]).expect("a pair");
    let good = clients.try_issue(&["proxy.internal"]).expect("a pair");
    let stranger = others.try_issue(&["proxy.internal"]).expect("a pair");
    for protocol in ["http1", "http2"] {
        for (own, wanted) in [(Some(&good), 200), (Some(&stranger), 503), (None, 503)] {
            let address = port::free_on([127, 0, 0, 1].into()).expect("a port is free");
            let asking = pair.server_asking(&clients).expect("a pair");
            let server = Stub::at_with("app", address, Some(asking)).expect("a port is free");
            let tls = own.map_or("", |_| ", cert: own.pem, key: own.key");
            let empty = Pair {
                cert: String::new(),
                key: String::new(),
            };
            let own = own.unwrap_or(&empty);
            let ca = servers.pem();
            let files = [
                ("ca.pem", ca.as_str()),
                ("own.pem", &own.cert),
                ("own.key", &own.key),
            ];
            let more = format!(", protocol: {protocol}");
            let serving = Serving::with(&spec(address, tls, &more), &files);
            let answer = serving.client().try_get("/page", &[]).expect("an answer");
            let seen = server.requests_to("/page").len();
            if wanted == 200 {
                assert_eq!((answer.status, seen), (200, 1), "{protocol}");
                let tunnel = serving.client().try_websocket("/socket", &[]);
                let tunnel = tunnel.expect("an answer");
                tunnel
                    .expect("a tunnel")
                    .try_echo("there")
                    .expect("an echo");
                continue;
            }
            // In TLS 1.3 a server refuses after the client believes that all is well.
            assert!(
                [502, 503].contains(&answer.status),
                "{protocol}: {}",
                answer.status
            );
            assert_eq!(seen, 0, "{protocol}");
            let line = serving.logged("\"path\":\"/page\"");
            let error = line["error"].as_str().unwrap_or_default().to_lowercase();
            // Of HTTP/2 a request that was not sent yet, or only just, hears no more than that the connection has ended.
            let ends = ["the connection ended", "broken pipe"];
            let ends = protocol == "http2" && ends.iter().any(|it| error.contains(it));
            assert!(ends || error.contains("alert"), "{line}");
        }
    }
}

/// Who does not agree to the upstream's protocol is not spoken to in it.
#[test]
fn a_server_agrees_to_a_protocol() {
    let authority = Authority::new();
    let pair = authority.try_issue(&["app.internal"]).expect("a pair");
    for (protocol, offered, wanted) in [
        ("http1", &["http/1.1"][..], 200),
        ("http1", &["h2", "http/1.1"], 200),
        // Old servers know no ALPN, and speak HTTP/1.1.
        ("http1", &[], 200),
        ("http1", &["h2"], 503),
        ("http2", &["http/1.1"], 503),
    ] {
        let mut config = pair.server().expect("a pair");
        Arc::make_mut(&mut config).alpn_protocols =
            offered.iter().map(|it| it.as_bytes().to_vec()).collect();
        let server = Led::by(move |tcp| {
            let Ok(mut stream) = Stream::accept(tcp, &config) else {
                return;
            };
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsafe");
            let _ = stream.flush();
            let _ = stream.read(&mut byte);
        });
        let more = format!(", protocol: {protocol}");
        let ca = authority.pem();
        let serving = Serving::with(&spec(server.address(), "", &more), &[("ca.pem", &ca)]);
        let answer = serving.client().try_get("/page", &[]).expect("an answer");
        assert_eq!(answer.status, wanted, "{protocol} {offered:?}");
        if wanted != 200 {
            let line = serving.logged("\"path\":\"/page\"");
            let error = line["error"].as_str().unwrap_or_default();
            assert!(error.starts_with("TLS: "), "{line}");
        }
    }
}
