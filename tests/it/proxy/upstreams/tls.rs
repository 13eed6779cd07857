//! TLS towards servers: over sockets of both kinds, whom the proxy believes, and which name it asks for.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use wsgen::verify::wire::Authority;

use super::super::serving::{Led, Serving};
use crate::scratch::Scratch;

/// What servers have noticed of those who came: the name that was asked for, and the request's first line.
type Seen = Arc<Mutex<Vec<(Option<String>, String)>>>;

/// Answers one request over TLS; who speaks anything else is noted as such.
fn answer(stream: impl Read + Write, config: &Arc<ServerConfig>, seen: &Seen) {
    let connection = ServerConnection::new(Arc::clone(config)).expect("a configuration");
    let mut stream = StreamOwned::new(connection, stream);
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => {
                let note = (None, "no request over TLS".to_owned());
                seen.lock().expect("a lock").push(note);
                return;
            }
        }
    }
    let head = String::from_utf8_lossy(&head);
    let line = head.lines().next().unwrap_or_default().to_owned();
    let name = stream.conn.server_name().map(str::to_owned);
    seen.lock().expect("a lock").push((name, line));
    let said = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsafe";
    let _ = stream.write_all(said);
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

fn spec(server: &str, tls: &str, more: &str) -> String {
    format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1 }} }}\n\
         upstreams: {{ app: {{ servers: [\"{server}\"], tls: {tls}{more} }} }}\n\
         routes: [{{ name: app, path: /, upstream: app, websocket: true }}]\nlog: {{ format: json }}\n"
    )
}

/// A server on a socket of a file is spoken to as the spec says, by requests, handshakes and checks alike.
#[test]
fn a_socket_of_a_file_is_spoken_to_over_tls() {
    let authority = Authority::new();
    let folder = Scratch::new("towards");
    let ca = folder.write("ca.pem", authority.pem());
    for (tls, name) in [
        (format!("{{ ca: {} }}", ca.display()), "localhost"),
        (
            format!("{{ ca: {}, server_name: chat.internal }}", ca.display()),
            "chat.internal",
        ),
    ] {
        let pair = authority.try_issue(&[name]).expect("a pair");
        let config = pair.server().expect("a configuration");
        let path = folder.path().join(format!("{name}.sock"));
        let listener = UnixListener::bind(&path).expect("a socket");
        let seen = Seen::default();
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &config, &noted);
            }
        });
        let server = format!("unix:{}", path.display());
        let health = ", health: { http: { path: /health }, interval: 100ms, fall: 1 }";
        let serving = Serving::start(&spec(&server, &tls, health));
        std::thread::sleep(Duration::from_millis(400));
        let answer = serving.client().try_get("/page", &[]).expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, "safe"));
        let refused = serving.client().try_websocket("/socket", &[]);
        let refused = refused.expect("an answer").expect_err("no tunnel");
        assert_eq!(refused.status, 200, "as the server says");
        let seen = seen.lock().expect("a lock");
        for what in ["GET /health ", "GET /page ", "GET /socket "] {
            assert!(
                seen.iter().any(|(_, line)| line.starts_with(what)),
                "{seen:?}"
            );
        }
        assert!(
            seen.iter().all(|(asked, _)| asked.as_deref() == Some(name)),
            "{seen:?}"
        );
    }
}

/// Who a server has to be: known by an authority of the spec's, under the name that was asked for; nothing is sent to anybody else.
#[test]
fn a_server_has_to_prove_its_name() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = Scratch::new("towards");
    let ca = folder
        .write("ca.pem", authority.pem())
        .display()
        .to_string();
    for (issuer, names, tls, name, good) in [
        (
            &authority,
            "localhost",
            format!("{{ ca: {ca} }}"),
            Some("localhost"),
            true,
        ),
        (
            &authority,
            "other.internal",
            format!("{{ ca: {ca} }}"),
            None,
            false,
        ),
        (&other, "localhost", format!("{{ ca: {ca} }}"), None, false),
        (
            &authority,
            "chat.internal",
            format!("{{ ca: {ca}, server_name: chat.internal }}"),
            Some("chat.internal"),
            true,
        ),
        (
            &authority,
            "localhost",
            format!("{{ ca: {ca}, server_name: chat.internal }}"),
            None,
            false,
        ),
        (
            &other,
            "any.internal",
            "{ verify: off }".to_owned(),
            Some("localhost"),
            true,
        ),
    ] {
        let pair = issuer.try_issue(&[names]).expect("a pair");
        let config = pair.server().expect("a configuration");
        let seen = Seen::default();
        let noted = Arc::clone(&seen);
        let server = Led::by(move |stream| answer(stream, &config, &noted));
        let address = format!("localhost:{}", server.address().port());
        let serving = Serving::start(&spec(&address, &tls, ""));
        let status = || {
            serving
                .client()
                .try_get("/", &[])
                .expect("an answer")
                .status
        };
        // The name is looked up when it starts.
        let start = std::time::Instant::now();
        while good && status() != 200 && start.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(status(), if good { 200 } else { 503 }, "{names} with {tls}");
        let seen = seen.lock().expect("a lock");
        let lines: Vec<_> = seen
            .iter()
            .filter(|(_, line)| line.starts_with("GET"))
            .collect();
        if good {
            assert!(
                lines.iter().all(|(asked, _)| asked.as_deref() == name),
                "{seen:?}"
            );
            continue;
        }
        assert!(lines.is_empty(), "{names} with {tls}: {seen:?}");
        let why = serving.logged("certificate")["error"].to_string();
        assert!(why.contains("TLS: "), "{why}");
    }
}
