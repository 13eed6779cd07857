//! What the proxy says of itself: log lines, numbers, and the answers of the metrics listener.

use std::collections::BTreeSet;

use wsgen::verify::stub::Stub;
use wsgen::verify::wire::{Client, Event};

use super::{Life, until};
use crate::bless::root;

fn spec(stub: &Stub) -> String {
    format!(
        "wsgen: 1\n\
         targets: {{ proxy: {{ on_loss: warn }} }}\n\
         log: {{ format: json, redact: {{ query: [token], headers: [Authorization, Cookie, Referer] }} }}\n\
         metrics: {{ port: ADMIN }}\n\
         listeners: {{ web: {{ port: LISTEN, address: 127.0.0.1 }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         runtime: {{ workers: 1, drain: {{ timeout: 2s, spread: 10ms }} }}\n\
         auth: {{ members: {{ jwt: {{ keys: {{ jwks: {{ url: \"http://{}/keys\", algorithms: [es256] }} }} }} }} }}\n\
         routes:\n\
         \x20 - {{ name: members, path: /member, upstream: app, auth: members }}\n\
         \x20 - {{ name: brief, path: /brief, upstream: app, websocket: {{ idle: 1s }} }}\n\
         \x20 - {{ name: small, path: /small, upstream: app, websocket: {{ max_message: 10B }} }}\n\
         \x20 - {{ name: limited, path: /limited, upstream: app, limits: {{ requests: {{ rate: 1/h, burst: 0, per: client }} }} }}\n\
         \x20 - {{ name: socket, path: /ws, upstream: app, websocket: true }}\n\
         \x20 - {{ name: site, path: /, upstream: app }}\n",
        stub.address(),
        stub.address()
    )
}

fn stub() -> Stub {
    Stub::try_start("app").expect("a port is free")
}

#[test]
fn a_tunnel_has_a_line_when_it_begins_and_one_when_it_ends() {
    let app = stub();
    let life = Life::start(&spec(&app));
    let mut tunnel = life.tunnel("/ws?token=secret&room=1");
    until("its first line", || life.log().len() == 1);
    let first = &life.log()[0];
    assert_eq!(
        (&first["tunnel"], &first["status"]),
        (&"opened".into(), &101.into())
    );
    assert_eq!(first["query"], "token=REDACTED&room=1");
    assert!(first.get("closed").is_none());
    tunnel.try_echo("one").expect("an echo");
    tunnel.try_echo("two").expect("an echo");
    tunnel.socket.close(None).expect("sent");
    assert!(matches!(tunnel.read(), Event::Close(_)));
    drop(tunnel);
    until("its last line", || life.log().len() == 2);
    let last = &life.log()[1];
    assert_eq!(
        (&last["tunnel"], &last["closed"]),
        (&"closed".into(), &"client".into())
    );
    assert_eq!(
        (&last["messages_in"], &last["messages_out"]),
        (&2.into(), &2.into())
    );
    assert_eq!(first["request_id"], last["request_id"]);
    assert!(last["bytes_out"].as_u64() > first["bytes_out"].as_u64());
    assert!(last["duration"].as_f64() >= first["duration"].as_f64());
}

#[test]
fn secrets_are_in_no_line() {
    let app = stub();
    let life = Life::start(&spec(&app));
    let headers = [
        ("Authorization", "Bearer hush-1"),
        ("Cookie", "session=hush-2"),
        ("Sec-WebSocket-Protocol", "chat, hush-3"),
        ("Referer", "https://example.com/?token=hush-4"),
    ];
    let answer = life
        .client()
        .try_get("/a?token=hush-5&%74oken=hush-6", &headers);
    assert_eq!(answer.expect("it answers").status, 200);
    let tunnel = life.client().try_websocket("/ws?token=hush-7", &headers);
    drop(tunnel.expect("it answers"));
    until("three lines", || life.log().len() == 3);
    let log = life.folder.read("stdout");
    assert!(!log.contains("hush"), "{log}");
    let (_, numbers) = life.ask("/metrics");
    assert!(!numbers.contains("hush") && !life.said().contains("hush"));
}

#[test]
fn a_line_says_why_a_tunnel_ended() {
    let app = stub();
    let life = Life::start(&spec(&app));
    let mut idle = life.tunnel("/brief");
    let mut long = life.tunnel("/small");
    long.send("far too long for it".into()).expect("sent");
    assert_eq!(long.read(), Event::Close(1009));
    assert_eq!(idle.read(), Event::Close(1001));
    let mut dropped = life.tunnel("/ws");
    dropped.send("drop".into()).expect("sent");
    assert_eq!(dropped.read(), Event::End);
    drop(dropped);
    for (route, why) in [
        ("small", "max_message"),
        ("brief", "idle"),
        ("socket", "server"),
    ] {
        until(why, || {
            let lines = life.log();
            let mut lines = lines.iter().filter(|line| line["route"] == route);
            lines.any(|line| line["closed"] == why)
        });
        let name = format!("wsgen_tunnels_closed_total{{why=\"{why}\"}}");
        until(why, || life.metric(&name) == 1.0);
    }
}

#[test]
fn the_common_format_has_a_line_for_each_end() {
    let app = stub();
    let life = Life::start(&spec(&app).replace("format: json", "format: common"));
    assert_eq!(life.status("/a?token=hush"), 200);
    let mut tunnel = life.tunnel("/ws");
    tunnel.socket.close(None).expect("sent");
    assert!(matches!(tunnel.read(), Event::Close(_)));
    drop(tunnel);
    let read = || life.folder.read("stdout");
    until("two lines", || read().lines().count() == 2);
    let log = read();
    assert!(log.starts_with("127.0.0.1 - - ["), "{log}");
    assert!(
        log.contains("\"GET /a?token=REDACTED HTTP/1.1\" 200 "),
        "{log}"
    );
    assert!(log.contains("\"GET /ws HTTP/1.1\" 101 "), "{log}");
}

#[test]
fn the_metrics_listener_answers_what_it_should() {
    let app = stub();
    let life = Life::start(&spec(&app));
    assert_eq!(life.ask("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(life.ask("/readyz"), (200, "ok\n".to_owned()));
    assert_eq!(life.ask("/nothing").0, 404);
    let (status, routes) = life.ask("/routes");
    let routes: serde_json::Value = serde_json::from_str(&routes).expect("JSON");
    assert_eq!((status, routes.as_array().map(Vec::len)), (200, Some(6)));
    assert_eq!(routes[0]["route"], "limited");
    let answer = Client::new(life.admin).try_send("POST", "/metrics", &[], b"");
    assert_eq!(answer.expect("it answers").status, 405);
}

/// Names and types of the metrics, with the names of their labels.
fn families(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| {
            let (name, kind) = line.split_once(' ').expect("a type");
            let sample = text
                .lines()
                .find(|line| line.starts_with(name) && !line.starts_with('#'))
                .unwrap_or_default();
            let inside = sample.split_once('{').map_or("", |(_, rest)| rest);
            let inside = inside.split_once('}').map_or("", |(labels, _)| labels);
            let labels: Vec<String> = inside
                .split(',')
                .filter_map(|label| label.split_once('='))
                .filter(|(name, _)| *name != "le")
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            format!("| `{name}` | {kind} | {} |", labels.join(", "))
        })
        .collect()
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let app = stub();
    let life = Life::start(&spec(&app));
    // Something of everything.
    assert_eq!(life.status("/"), 200);
    assert_eq!(
        (life.status("/limited"), life.status("/limited")),
        (200, 429)
    );
    let nonsense = life
        .client()
        .raw(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert_eq!(nonsense.expect("an answer").status, 400);
    let mut tunnel = life.tunnel("/small");
    tunnel.try_echo("hi").expect("an echo");
    tunnel.send("far too long for it".into()).expect("sent");
    assert_eq!(tunnel.read(), Event::Close(1009));
    until("its end", || {
        life.metric("wsgen_tunnels_closed_total{why=\"max_message\"}") == 1.0
    });
    let (_, text) = life.ask("/metrics");
    let told = families(&text);
    let page = std::fs::read_to_string(root().join("docs/targets/proxy.md")).expect("the page");
    let written: BTreeSet<String> = page
        .lines()
        .filter(|line| line.starts_with("| `wsgen_"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            format!("| {} | {} | {} |", cells[1], cells[2], cells[3])
        })
        .collect();
    assert_eq!(told, written, "told by the proxy, then written on the page");
    for (name, least) in [
        ("wsgen_requests_total{route=\"site\",status=\"2xx\"}", 1.0),
        ("wsgen_request_seconds_count{route=\"site\"}", 1.0),
        (
            "wsgen_limited_total{route=\"limited\",limit=\"requests\"}",
            1.0,
        ),
        ("wsgen_refused_total{listener=\"web\"}", 1.0),
        ("wsgen_upstream_requests_total{upstream=\"app\"}", 3.0),
        ("wsgen_tunnels_opened_total", 1.0),
        ("wsgen_tunnel_bytes_total{way=\"up\"}", 8.0),
        ("wsgen_tunnel_messages_total{way=\"down\"}", 1.0),
    ] {
        let number = life.metric(name);
        assert!(number >= least, "{name} is {number}\n{text}");
    }
}

#[test]
fn the_metrics_listener_is_on_loopback_where_nothing_else_is_written() {
    let app = stub();
    let life = Life::start(&spec(&app));
    let said = life.said();
    let at = format!("http://127.0.0.1:{}/metrics", life.admin.port());
    assert!(said.contains(&at), "{said}");
}

/// A tunnel may live for days: what goes through is counted meanwhile, and once.
#[test]
fn bytes_of_a_tunnel_are_counted_while_it_is_open() {
    let app = stub();
    let life = Life::start(&spec(&app));
    let number = |name: &str, way: &str| life.metric(&format!("{name}{{way=\"{way}\"}}"));
    let mut tunnel = life.tunnel("/ws");
    tunnel.try_echo("one").expect("an echo");
    // Six bytes before the payload of a client's frame, two before a server's.
    until("it is counted", || {
        number("wsgen_tunnel_bytes_total", "up") == 9.0
    });
    assert_eq!(number("wsgen_tunnel_bytes_total", "down"), 5.0);
    assert_eq!(number("wsgen_tunnel_messages_total", "up"), 1.0);
    assert_eq!(number("wsgen_tunnel_messages_total", "down"), 1.0);
    tunnel.socket.close(None).expect("sent");
    assert!(matches!(tunnel.read(), Event::Close(_)));
    drop(tunnel);
    until("its last line", || life.log().len() == 2);
    let log = life.log();
    let more = log[1]["bytes_in"].as_u64().expect("a number")
        - log[0]["bytes_in"].as_u64().expect("a number");
    until("all of it is counted", || {
        number("wsgen_tunnel_bytes_total", "up") == more as f64
    });
}

/// Bytes that wait for the answer to an upgrade are counted when they come, and not again when they go on.
#[test]
fn bytes_are_counted_once() {
    let app = stub();
    let life = Life::start(&spec(&app));
    let bytes = b"GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\
        GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Long: 0123456789012345678901234567890123456789\r\n\r\n";
    life.client().raw(bytes).expect("an answer");
    until("two lines", || life.log().len() == 2);
    let sum: u64 = life
        .log()
        .iter()
        .map(|line| line["bytes_in"].as_u64().expect("a number"))
        .sum();
    assert_eq!(sum, bytes.len() as u64);
}

/// What no route takes is counted, and its line says who asked.
#[test]
fn what_no_route_takes_is_seen() {
    let app = stub();
    let spec = format!(
        "wsgen: 1\nlog: {{ format: json }}\nmetrics: {{ port: ADMIN }}\n\
         listeners: {{ web: {{ port: LISTEN, address: 127.0.0.1, paths: reject }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         routes: [{{ name: app, host: one.example, path: /app, upstream: app }}]\n",
        app.address()
    );
    let life = Life::start(&spec);
    let count = |outcome: &str| {
        life.metric(&format!(
            "wsgen_unrouted_total{{listener=\"web\",outcome=\"{outcome}\"}}"
        ))
    };
    let get = |path: &str| {
        let client = life.client().host("one.example");
        client.try_get(path, &[("User-Agent", "curious")])
    };
    assert_eq!(get("/other").expect("an answer").status, 404);
    assert_eq!(get("/app/../x").expect("an answer").status, 400);
    assert_eq!((count("not_found"), count("bad_path")), (1.0, 1.0));
    until("two lines", || life.log().len() == 2);
    assert!(
        life.log()
            .iter()
            .all(|line| line["user_agent"] == "curious")
    );
    life.reload(&spec.replace("paths: reject", "unknown_host: close"));
    let client = life.client().host("other.example");
    assert!(client.try_get("/", &[]).is_err(), "it is closed");
    assert_eq!(count("closed"), 1.0);
}
