//! Traefik, Envoy and Caddy on hand-written files: what is known of each as a program is what it does.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use wsgen::verify::process::{Running, members};

use super::must::*;
use super::{Client, Event, Stub, local, port};
use crate::programs::{CADDY, ENVOY, Program, TRAEFIK, present};

const SECOND: Duration = Duration::from_secs(1);

type Files = Vec<(&'static str, String)>;

/// `/ws` and below to one server, anything else is a 404; a drain may last a second. A `slip` is a key that no program knows.
fn files(program: &Program, port: u16, server: SocketAddr, slip: &str) -> Files {
    match program.found().program.target() {
        "traefik" => vec![
            (
                "traefik.yml",
                format!(
                    r#"entryPoints:
  web:
    address: "127.0.0.1:{port}"
    http: {{ aliasHeadersStrategy: delete, encodedCharacters: {{ allowEncodedSlash: false, allowEncodedBackSlash: false, allowEncodedNullCharacter: false, allowEncodedSemicolon: false, allowEncodedPercent: false, allowEncodedQuestionMark: false, allowEncodedHash: false }} }}
    transport: {{ lifeCycle: {{ graceTimeOut: 1s }} }}
providers: {{ file: {{ filename: "dynamic.yml", watch: true }} }}
"#
                ),
            ),
            (
                "dynamic.yml",
                format!(
                    r#"http:
  routers:
    ws: {{ rule: 'Path("/ws") || PathPrefix("/ws/")', service: app{slip} }}
  services:
    app: {{ loadBalancer: {{ servers: [{{ url: "http://{server}" }}] }} }}
"#
                ),
            ),
        ],
        "envoy" => vec![(
            "envoy.yaml",
            format!(
                r#"# envoy -c envoy.yaml --concurrency 1 --drain-time-s 1 --parent-shutdown-time-s 1
static_resources:
  listeners:
  - name: edge
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          upgrade_configs: [{{ upgrade_type: websocket }}]
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {{ match: {{ path_separated_prefix: /ws{slip} }}, route: {{ cluster: app }} }}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: app
    load_assignment: {{ cluster_name: app, endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: {}, port_value: {} }} }} }} }}] }}] }}
overload_manager:
  resource_monitors:
  - name: envoy.resource_monitors.global_downstream_max_connections
    typed_config: {{ "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig, max_active_downstream_connections: 1000 }}
"#,
                server.ip(),
                server.port()
            ),
        )],
        _ => vec![(
            "caddy.json",
            format!(
                r#"{{ "apps": {{ "http": {{ "grace_period": "1s", "shutdown_delay": "1s", "servers": {{ "s": {{
  "listen": ["127.0.0.1:{port}"], "automatic_https": {{ "disable": true }}, "routes": [
    {{ "match": [{{ "path": ["/ws", "/ws/*"] }}], "terminal": true, "handle": [{{ "handler": "reverse_proxy",
      "stream_close_delay": "1s", "upstreams": [{{ "dial": "{server}" }}]{} }}] }},
    {{ "handle": [{{ "handler": "static_response", "status_code": 404 }}] }}] }} }} }} }} }}
"#,
                if slip.is_empty() {
                    ""
                } else {
                    r#", "slip": 1"#
                }
            ),
        )],
    }
}

fn borrowed(files: &Files) -> Vec<(&str, &str)> {
    let each = files.iter();
    each.map(|(name, text)| (*name, text.as_str())).collect()
}

fn start(program: &Program, port: u16, server: SocketAddr) -> Running {
    let files = files(program, port, server, "");
    let run = Running::start(program.found(), &borrowed(&files), &[local(port)], &[]);
    run.unwrap_or_else(|why| panic!("{why}"))
}

fn all() -> Vec<Program> {
    present(&[&TRAEFIK[..], &ENVOY, &CADDY].concat())
}

#[test]
fn others_serve_reload_and_stop() {
    for program in all() {
        let name = &program.name;
        let (old, new) = (Stub::start("old"), Stub::start("new"));
        let port = port();
        let mut run = start(&program, port, old.address());
        let client = Client::on(port);
        assert_eq!(client.get("/ws/x", &[]).server(), "old", "{name}");
        assert_eq!(client.get("/wsx", &[]).status, 404, "{name}");
        let mut tunnel = client.websocket("/ws", &[]).expect("upgraded");
        tunnel.echo("hello");

        let wrong = files(&program, port, new.address(), ", slip: 1");
        let why = run.reload(&borrowed(&wrong)).expect_err("a slip");
        assert!(
            why.complaints.iter().any(|it| it.message.contains("slip")),
            "{name}: {why:#?}"
        );
        assert_eq!(client.get("/ws/x", &[]).server(), "old", "{name}");
        tunnel.echo("still here");

        let right = files(&program, port, new.address(), "");
        for _ in 0..2 {
            run.reload(&borrowed(&right))
                .unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(client.get("/ws/x", &[]).server(), "new", "{name}");
        }
        let mut tunnel = client.websocket("/ws", &[]).expect("upgraded");
        let start = Instant::now();
        if name.starts_with("envoy") {
            // It drains where it is asked to, and waits for nothing when it stops.
            let admin = Client::new(run.admin());
            let asked = admin.send("POST", "/drain_listeners?graceful", &[], b"");
            assert_eq!(asked.status, 200);
            std::thread::sleep(SECOND);
            tunnel.echo("while it drains");
        }
        run.stop_soft();
        let end = tunnel.ends_within(4 * SECOND).map(|end| end.0);
        assert!(
            matches!(end, Some(Event::End | Event::Close(1001))),
            "{name}: {end:?}"
        );
        assert!(
            start.elapsed() > SECOND / 2,
            "{name}: {:?}",
            start.elapsed()
        );
        assert!(run.gone_within(4 * SECOND).is_some(), "{name}");
    }
}

#[test]
fn others_refuse_a_slip() {
    for program in all() {
        let name = &program.name;
        let server = local(9);
        let wrong = files(&program, port(), server, ", slip: 1");
        let at_start = Running::start(program.found(), &borrowed(&wrong), &[], &[]);
        let why = at_start.expect_err("a slip");
        assert!(
            why.complaints.iter().any(|it| it.message.contains("slip")),
            "{name}: {why:#?}"
        );
        let why = program
            .found()
            .check(&borrowed(&wrong))
            .expect_err("a slip");
        assert!(
            why.complaints.iter().any(|it| it.message.contains("slip")),
            "{name}: {why:#?}"
        );
        // A port in use is no fault of a file.
        let taken = Stub::start("taken");
        let right = files(&program, taken.address().port(), server, "");
        let clean = program.found().check(&borrowed(&right));
        clean.unwrap_or_else(|why| panic!("{name}: {why}"));
        let clash = Running::start(program.found(), &borrowed(&right), &[], &[]);
        let why = clash.expect_err("a clash");
        assert!(why.is_port_clash(), "{name}: {why}");
    }
}

#[test]
fn others_leave_nothing_behind() {
    for program in all() {
        let name = &program.name;
        let port = port();
        let server = Stub::start("a");
        let mut run = start(&program, port, server.address());
        let files = files(&program, port, server.address(), "");
        run.reload(&borrowed(&files))
            .unwrap_or_else(|why| panic!("{why}"));
        // Envoy's processes hand over by it.
        let shared = format!("envoy_shared_memory_{}0", run.admin().port());
        let shared = std::path::Path::new("/dev/shm").join(shared);
        assert_eq!(shared.exists(), name.starts_with("envoy"), "{name}");
        let group = run.pid();
        let folder = run.folder().path().to_owned();
        assert!(!members(group).is_empty());
        drop(run);
        assert!(TcpStream::connect(local(port)).is_err(), "{name}");
        assert_eq!(members(group), Vec::<u32>::new(), "{name}");
        assert!(!folder.exists(), "{name}");
        assert!(!shared.exists(), "{name}");
    }
}

#[test]
fn traefik_reads_its_static_file_only_when_it_starts() {
    for program in present(&TRAEFIK) {
        let port = port();
        let mut run = start(&program, port, local(9));
        let mut files = files(&program, port, local(9), "");
        files[0].1 = files[0].1.replace("graceTimeOut: 1s", "graceTimeOut: 2s");
        let why = run
            .reload(&borrowed(&files))
            .expect_err("a new static file");
        assert!(
            why.what.contains("reads traefik.yml only when it starts"),
            "{why}"
        );
    }
}
