//! Answers: what a client without a password is told, and what becomes of refused handshakes and of old clients.

use std::net::Ipv4Addr;

use super::conf;
use super::odd::raw;
use crate::live::must::*;
use crate::live::{Client, Running, Stub, port};
use crate::programs;

#[test]
fn each_password_has_its_realm() {
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    let (at, admin) = (port(), port());
    let users = std::env::temp_dir().join(format!("wsgen-envoy-users-{}", std::process::id()));
    std::fs::write(&users, "ada:{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=\n").expect("it is written");
    let spec = format!(
        r#"
wsgen: 1
listeners: {{ web: {{ port: {at}, address: 127.0.0.1 }} }}
auth:
  staff: {{ basic: {{ file: {users:?}, realm: "staff 100% only" }} }}
  ops: {{ basic: {{ file: {users:?} }} }}
routes:
  - {{ name: staff, path: /staff, auth: staff, respond: {{ status: 200 }} }}
  - {{ name: ops, path: /ops, auth: ops, respond: {{ status: 200 }} }}
targets: {{ envoy: {{ admin_port: {admin}, on_loss: warn }} }}
"#
    );
    let _run = Running::start_with(&program, &[("envoy.yaml", &conf(&spec))]);
    let client = Client::new((Ipv4Addr::LOCALHOST, at).into());
    for (path, realm) in [("/staff", "staff 100% only"), ("/ops", "restricted")] {
        let wrong = [("Authorization", "Basic YWRhOndyb25n")];
        for headers in [&[][..], &wrong[..]] {
            let told = client.get(path, headers);
            let challenge = format!("Basic realm=\"{realm}\"");
            assert_eq!(told.status, 401);
            assert_eq!(told.header("www-authenticate"), Some(challenge.as_str()));
        }
    }
    std::fs::remove_file(&users).expect("it was written");
}

/// A client of HTTP/1.0 is answered in its own version, and its connection closed.
#[test]
fn old_clients_are_served() {
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    let server = Stub::start("a");
    let (at, admin) = (port(), port());
    let spec = format!(
        r#"
wsgen: 1
listeners: {{ web: {{ port: {at}, address: 127.0.0.1 }} }}
upstreams: {{ app: {{ servers: ["{}"] }} }}
routes: [{{ name: all, host: a.test, path: /, upstream: app, websocket: true }}]
targets: {{ envoy: {{ admin_port: {admin} }} }}
"#,
        server.address()
    );
    let _run = Running::start_with(&program, &[("envoy.yaml", &conf(&spec))]);
    let told = raw(at, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    assert!(told.contains(" 200 OK"), "{told}");
    assert!(!told.contains("chunked"), "{told}");
    // Without a host there is none to choose a route by.
    let told = raw(at, "GET / HTTP/1.0\r\n\r\n");
    assert!(told.contains(" 400 "), "{told}");
}
