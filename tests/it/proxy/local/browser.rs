//! The page of a stand-in in a real browser, in light and in dark: it opens a socket and a stream, and nothing of the request runs.

use std::process::Command;

use super::{Call, free};
use crate::bless::root;
use crate::programs;

#[test]
fn a_person_opens_a_socket_and_a_stream() {
    if programs::require("chromium").is_none() {
        return;
    }
    let web = free();
    let text = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: {web} }} }}\nupstreams: {{ app: {{ servers: [\"app.invalid:1\"] }} }}\nroutes:\n  \
         - {{ name: ws, host: chat.example.com, path: /ws, upstream: app, websocket: {{ origins: same_host }} }}\n  \
         - {{ name: events, host: chat.example.com, path: /events, upstream: app, stream: true }}\n  \
         - {{ name: app, host: chat.example.com, upstream: app }}\n"
    );
    let proxy = Call::new(&text).args("--local").start();
    let output = Command::new(root().join("target/programs/bin/node"))
        .arg(root().join("tests/it/proxy/local/browser.mjs"))
        .arg(format!(
            "http://chat.example.com.localhost:{web}/?<img src=x onerror=\"document.title='bad'\">"
        ))
        .arg(proxy.call.home.path())
        .output()
        .expect("node starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [light, dark] = lines.as_slice() else {
        panic!("{said}{why}");
    };
    for seen in [light, dark] {
        let socket = seen["socket"].as_str().expect("a text");
        let wanted = format!("open ws://chat.example.com.localhost:{web}/ws (chat.v2)");
        assert!(socket.contains(&wanted), "{seen:#}");
        assert_eq!(socket.matches("hello <b>there</b>").count(), 2, "{seen:#}");
        assert!(
            seen["stream"]
                .as_str()
                .expect("a text")
                .contains("\"count\":1"),
            "{seen:#}"
        );
        assert_eq!(seen["title"], "app · wsgen echo", "{seen:#}");
        // But for the icon that browsers ask for by themselves.
        assert_eq!(seen["errors"], serde_json::json!([]), "{seen:#}");
    }
    assert_ne!(light["background"], dark["background"]);
}
