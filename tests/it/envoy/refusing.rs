//! A server that refuses while the other holds tunnels: the balance by open requests must not choose it for ever.

use std::net::Ipv4Addr;

use super::conf;
use crate::live::must::*;
use crate::live::{Client, Running, Stub, port};
use crate::programs;

#[test]
fn tunnels_go_on_where_one_server_refuses() {
    let Some(program) = programs::require(programs::ENVOY[0]) else {
        return;
    };
    let server = Stub::start("a");
    let (at, admin, dead) = (port(), port(), port());
    let text = conf(&format!(
        r#"
wsgen: 1
listeners: {{ web: {{ port: {at}, address: 127.0.0.1 }} }}
upstreams: {{ hub: {{ servers: ["{}", "127.0.0.1:{dead}"], balance: least_connections }} }}
routes: [{{ name: socket, path: /ws, upstream: hub, websocket: true }}]
log: off
targets: {{ envoy: {{ admin_port: {admin} }} }}
"#,
        server.address()
    ));
    let _run = Running::start_with(&program, &[("envoy.yaml", &text)]);
    let client = Client::new((Ipv4Addr::LOCALHOST, at).into());
    let mut held = Vec::new();
    for number in 0..12 {
        match client.websocket("/ws", &[]) {
            Ok(tunnel) => held.push(tunnel),
            Err(answer) => panic!("tunnel {number}: {}", answer.status),
        }
    }
}
