//! Every example runs with `--local`: each kind of route answers, each socket echoes.

use std::time::Duration;

use wsgen::compile::{self, Input, World};
use wsgen::ir::{Action, Gateway, HostMatch, Listener, PathMatch, Route};

use super::{Call, Proxy, arrived, free};
use crate::bless::root;

#[test]
fn every_example_runs_on_a_machine_without_anything() {
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("examples")).expect("the folder is there") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|it| it == "yaml") {
            let text = std::fs::read_to_string(&path).expect("readable");
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            runs(&name, &text);
            count += 1;
        }
    }
    assert!(count > 10, "only {count} examples");
}

fn runs(name: &str, text: &str) {
    let compiled = compile::compile(vec![Input::new(name, text)], World::EMPTY);
    let mut gateway = compiled.gateway.expect("an example compiles");
    let mut args = "--local".to_owned();
    for listener in &mut gateway.listeners {
        listener.port.value = free();
        args += &format!(" --port {}={}", listener.name, listener.port.value);
    }
    if let Some(metrics) = &mut gateway.metrics {
        metrics.port.value = free();
    }
    // Addresses such as 10.0.0.1 may well be somebody's on this network.
    for upstream in &gateway.upstreams {
        args += &format!(" --upstream {}=echo", upstream.name);
    }
    let proxy = Call::new(text).args(&args).start();
    for listener in &gateway.listeners {
        if let Some(to) = &listener.redirect {
            let answer = proxy.plain(listener.port.value).try_get("/a?b=c", &[]);
            let answer = answer.unwrap_or_else(|why| panic!("{name}: {why}"));
            let to = gateway.listener(to.value).port.value;
            let wanted = format!("https://localhost:{to}/a?b=c");
            assert_eq!(answer.header("location"), Some(&*wanted), "{name}");
        }
    }
    for route in &gateway.routes {
        let listener = gateway.listeners_of(route).next().expect("it is served");
        for host in &route.hosts {
            for path in &route.paths {
                let what = format!(
                    "{name}: route {} at {} {}",
                    route.name, host.value, path.value
                );
                answers(
                    &proxy,
                    &gateway,
                    route,
                    listener,
                    &host.value,
                    &path.value,
                    &what,
                );
            }
        }
    }
    proxy.signal("TERM");
    proxy.wait("drained");
}

fn answers(
    proxy: &Proxy,
    gateway: &Gateway,
    route: &Route,
    listener: &Listener,
    host: &HostMatch,
    path: &PathMatch,
    what: &str,
) {
    let (
        HostMatch::Exact(_) | HostMatch::Wildcard(_) | HostMatch::Any,
        PathMatch::Exact(path) | PathMatch::Prefix(path),
    ) = (host, path)
    else {
        panic!("{what}: no example has a regex");
    };
    let host = match host {
        HostMatch::Exact(name) => format!("{name}.localhost"),
        HostMatch::Wildcard(zone) => format!("any.{zone}.localhost"),
        _ => "localhost".to_owned(),
    };
    let port = listener.port.value;
    let client = match listener.tls {
        Some(_) => proxy.secure(&host, port),
        None => proxy.plain(port),
    };
    let origin = format!("{}://{host}:{port}", listener.scheme());
    let mut headers = vec![("Origin", origin.as_str())];
    let token;
    if gateway.auth_of(route).is_some() {
        let bare = client.try_get(path, &headers).expect("an answer");
        assert_eq!(bare.status, 401, "{what}");
        let line = proxy.after("'Authorization: Bearer ");
        token = format!("Bearer {}", line.split('\'').next().expect("a token"));
        headers.push(("Authorization", &token));
    }
    let method = route
        .methods
        .as_ref()
        .and_then(|it| it.value.first().cloned());
    let method = method.unwrap_or_else(|| "GET".to_owned());
    let answer = client
        .try_send(&method, path, &headers, b"")
        .expect("an answer");
    match &route.action {
        Action::Redirect(to) => assert_eq!(answer.status, to.value.status, "{what}"),
        Action::Respond(respond) => assert_eq!(answer.status, respond.value.status, "{what}"),
        Action::Forward(_) if route.websocket.as_ref().is_some_and(|it| it.only.value) => {
            assert_eq!(answer.status, 426, "{what}");
        }
        Action::Forward(_) => {
            let said = arrived(&answer);
            assert_eq!(said["method"], method, "{what}");
            assert_eq!(said["host"], format!("{host}:{port}"), "{what}");
            assert_eq!(said["client"], "127.0.0.1", "{what}");
            let port = format!("x-forwarded-port: {port}");
            let told = said["headers"].as_array().expect("a list");
            assert!(told.iter().any(|it| *it == *port), "{what}: {said:#}");
        }
    }
    if route.websocket.is_some() {
        headers.push(("Sec-WebSocket-Protocol", "chat.v2, chat.v1"));
        let tunnel = client.try_websocket(path, &headers).expect("an answer");
        let mut tunnel = tunnel.unwrap_or_else(|answer| panic!("{what}: {}", answer.status));
        assert_eq!(
            tunnel.response.header("sec-websocket-protocol"),
            Some("chat.v2"),
            "{what}"
        );
        tunnel
            .try_echo("hello")
            .unwrap_or_else(|why| panic!("{what}: {why}"));
        headers[0] = ("Origin", "https://evil.example");
        let refused = client.try_websocket(path, &headers).expect("an answer");
        let guarded = route
            .websocket
            .as_ref()
            .is_some_and(|it| it.origins.is_some());
        assert_eq!(refused.is_err(), guarded, "{what}");
    }
    if route.stream.is_some() && method == "GET" {
        let mut stream = client.connect().expect("it listens");
        let asked = [("Accept", "text/event-stream")];
        stream.begin("GET", path, &asked).expect("it is sent");
        let head = stream.head().expect("a head");
        assert_eq!(
            head.header("content-type"),
            Some("text/event-stream"),
            "{what}"
        );
        stream.set_patience(Duration::from_secs(5)).expect("a time");
        let mut seen = String::new();
        while !seen.contains("\"count\":2") {
            let piece = stream
                .piece()
                .unwrap_or_else(|why| panic!("{what}: {why}: {seen}"));
            seen.push_str(&String::from_utf8_lossy(&piece));
        }
    }
}
