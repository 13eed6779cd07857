//! Servers that do not answer, those that the call names, and those that come back.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use wsgen::verify::stub::Stub;

use super::{Call, arrived, free};

#[test]
fn only_what_does_not_answer_is_stood_in_for() {
    let real = Stub::try_start("real").expect("a port is free");
    let (web, both, alone) = (free(), free(), free());
    let text = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: {web} }} }}\nupstreams:\n  both: {{ servers: [\"127.0.0.1:{both}\", \"{}\"] }}\n  \
         alone: {{ servers: [\"127.0.0.1:{alone}\"] }}\nroutes:\n  - {{ name: both, path: /both, upstream: both }}\n  \
         - {{ name: alone, path: /alone, upstream: alone, websocket: {{ origins: same_host }} }}\n",
        real.address()
    );
    let proxy = Call::new(&text).args("--local").start();
    let client = proxy.plain(web);
    for _ in 0..4 {
        assert_eq!(
            client.try_get("/both", &[]).expect("an answer").server(),
            "real"
        );
    }
    let says = proxy.says();
    assert!(
        says.contains(&format!(
            "upstream both   127.0.0.1:{both} without an answer: left out"
        )),
        "{says}"
    );
    assert!(
        says.contains(&format!(
            "upstream alone  echo servers for 127.0.0.1:{alone}, which do not answer"
        )),
        "{says}"
    );
    let said = arrived(
        &client
            .try_get("/alone?x=%22", &[("X-Odd", "a\u{e9}")])
            .expect("an answer"),
    );
    assert_eq!(said["upstream"], "alone");
    assert_eq!(said["server"], format!("127.0.0.1:{alone}"));
    let mut tunnel = client
        .try_websocket("/alone", &[])
        .expect("an answer")
        .expect("upgraded");
    // The server starts: it is there after the next reload, and the tunnel stays where it is.
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, alone));
    let started = Stub::at("back", address).expect("the port is free still");
    proxy.signal("HUP");
    proxy.wait("reloaded\n");
    assert_eq!(
        client.try_get("/alone", &[]).expect("an answer").server(),
        "back"
    );
    tunnel.try_echo("still here").expect("it echoes");
    drop(started);
    // It goes again: the stand-in is back.
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        proxy.signal("HUP");
        std::thread::sleep(Duration::from_millis(500));
        let answer = client.try_get("/alone", &[]).expect("an answer");
        if answer.text().contains("stands_in") {
            break;
        }
        assert!(Instant::now() < end, "{}", answer.text());
    }
}

#[test]
fn the_call_names_other_servers() {
    let stubs = ["a", "b"].map(|name| Stub::try_start(name).expect("a port is free"));
    let web = free();
    let text = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: {web} }} }}\nupstreams: {{ app: {{ servers: [\"app.invalid:1\"], health: {{ http: {{ path: /, port: 1 }}, interval: 1s, timeout: 500ms, fall: 1 }} }} }}\n\
         routes: [{{ name: app, upstream: app }}]\n"
    );
    let args = stubs
        .each_ref()
        .map(|stub| format!("--upstream app={}", stub.address()));
    // Without --local, too.
    let proxy = Call::new(&text).args(&args.join(" ")).start();
    std::thread::sleep(Duration::from_millis(1500));
    let client = proxy.plain(web);
    let mut seen: Vec<String> = (0..6)
        .map(|_| {
            client
                .try_get("/", &[])
                .expect("an answer")
                .server()
                .to_owned()
        })
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["a", "b"]);
    // Nobody has to be there: what the call names is meant.
    let proxy = proxy.again(&format!("--local --upstream app=127.0.0.1:{}", free()));
    assert_eq!(
        proxy
            .plain(web)
            .try_get("/", &[])
            .expect("an answer")
            .status,
        503
    );
}

/// The ways in which an upstream may ask for its servers' health and speak to them: each stand-in keeps up.
#[test]
fn stand_ins_are_healthy_and_speak_what_the_spec_says() {
    let (web, metrics) = (free(), free());
    let health = "interval: 1s, timeout: 900ms, fall: 1, rise: 1";
    let upstreams = [
        (
            "plain",
            format!("health: {{ http: {{ path: /up, status: [204] }}, {health} }}"),
        ),
        (
            "other",
            format!("health: {{ http: {{ path: /up, port: 1 }}, {health} }}"),
        ),
        (
            "socket",
            format!("health: {{ websocket: {{ path: /ws }}, {health} }}"),
        ),
        ("tcp", format!("health: {{ tcp: {{}}, {health} }}")),
        (
            "tls",
            format!(
                "tls: {{ server_name: app.internal, ca: /nowhere/ca.pem, cert: /nowhere/c.pem, key: /nowhere/c.key }}, health: {{ http: {{ path: /up }}, {health} }}"
            ),
        ),
        ("two", "protocol: http2".to_owned()),
        (
            "twotls",
            format!(
                "protocol: http2, tls: {{ ca: /nowhere/ca.pem }}, health: {{ websocket: {{ path: /ws }}, {health} }}"
            ),
        ),
        ("file", "keepalive: 4".to_owned()),
    ];
    let mut text = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: {web} }} }}\nmetrics: {{ port: {metrics} }}\nupstreams:\n"
    );
    let mut routes = String::new();
    for (name, more) in &upstreams {
        let address = match *name {
            "file" => "unix:/nowhere/app.sock".to_owned(),
            other => format!("{other}.invalid:1"),
        };
        text += &format!("  {name}: {{ servers: [\"{address}\"], {more} }}\n");
        routes += &format!(
            "  - {{ name: {name}, path: /{name}, upstream: {name}, websocket: {{ origins: same_host }} }}\n"
        );
    }
    let proxy = Call::new(&(text + "routes:\n" + &routes))
        .args("--local")
        .start();
    let client = proxy.plain(web);
    std::thread::sleep(Duration::from_millis(1500));
    for (name, _) in &upstreams {
        let path = format!("/{name}");
        let said = arrived(
            &client
                .try_send("POST", &path, &[], b"body")
                .expect("an answer"),
        );
        let protocol = if name.starts_with("two") {
            "HTTP/2"
        } else {
            "HTTP/1.1"
        };
        assert_eq!(
            (&said["protocol"], &said["body"]),
            (&protocol.into(), &"body".into()),
            "{name}"
        );
        assert_eq!(said["host"], format!("localhost:{web}"), "{name}");
        let tunnel = client.try_websocket(&path, &[]).expect("an answer");
        let mut tunnel = tunnel.unwrap_or_else(|answer| panic!("{name}: {}", answer.status));
        tunnel
            .try_echo("hello")
            .unwrap_or_else(|why| panic!("{name}: {why}"));
        tunnel
            .send(tungstenite::Message::binary(vec![7; 100_000]))
            .expect("it is sent");
        assert_eq!(
            tunnel.read(),
            wsgen::verify::wire::Event::Binary(vec![7; 100_000]),
            "{name}"
        );
        tunnel
            .send(tungstenite::Message::Close(None))
            .expect("it is sent");
        assert_eq!(
            tunnel.read(),
            wsgen::verify::wire::Event::Close(1005),
            "{name}"
        );
    }
    let told = proxy
        .plain(metrics)
        .try_get("/metrics", &[])
        .expect("an answer")
        .text();
    let health: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("wsgen_server_healthy"))
        .collect();
    assert!(
        health.len() >= 6 && health.iter().all(|line| line.ends_with(" 1")),
        "{told}"
    );
}

#[test]
fn a_page_shows_a_person_what_arrived_and_nothing_of_it_is_markup() {
    let web = free();
    let text = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: {web} }} }}\nupstreams: {{ app: {{ servers: [\"app.invalid:1\"] }} }}\nroutes:\n  \
         - {{ name: ws, path: /chat/ws, upstream: app, websocket: {{ origins: same_host }} }}\n  - {{ name: app, upstream: app }}\n"
    );
    let proxy = Call::new(&text).args("--local").start();
    let odd = "<script>alert(1)</script>\"'&";
    let asked = [("Accept", "text/html,*/*;q=0.8"), ("X-Odd", odd)];
    let answer = proxy
        .plain(web)
        .try_get("/a'%3Cb%3E?x='&y", &asked)
        .expect("an answer");
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let page = answer.text();
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"),
        "{page}"
    );
    assert!(page.contains("/a&#39;%3Cb%3E?x=&#39;&amp;y"), "{page}");
    assert!(!page.contains(odd), "{page}");
    assert!(page.contains("value=\"/chat/ws\""), "{page}");
    assert!(!page.contains("://"), "something from elsewhere\n{page}");
    let nonce = page
        .split("<script nonce=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    assert!(policy.contains(nonce.expect("a nonce")), "{policy}");
}
