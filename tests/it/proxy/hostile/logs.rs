//! What stands in the log, whatever a client sends: no token, no line that is not the proxy's own, always text.

use std::time::Duration;

use super::{Site, soon};

const SPEC: &str = "\
wsgen: 1
listeners: { web: { port: PORT, address: 127.0.0.1, http2: on } }
upstreams: { app: { servers: [\"SERVER\"] } }
auth:
  members: { jwt: { keys: { hs256: { env: KEY } }, token: [bearer, { query: access }, { cookie: session }, subprotocol] } }
routes:
  - { name: members, path: /members, upstream: app, auth: members }
  - { name: all, upstream: app }
log: { format: FORMAT, redact: { query: [token], headers: [User-Agent] } }
";

const SECRET: &str = "s3cr3t";

fn logged(format: &str, requests: &[String]) -> String {
    let env = [(
        "KEY".to_owned(),
        "0123456789abcdef0123456789abcdef".to_owned(),
    )];
    let site = Site::with(&SPEC.replace("FORMAT", format), &[], &env);
    for request in requests {
        site.raw(request);
    }
    site.raw("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(soon(Duration::from_secs(3), || site
        .running
        .log()
        .contains("/last")));
    // Each thread writes its own lines, every 100 ms.
    std::thread::sleep(Duration::from_millis(500));
    site.running.log()
}

fn get(target: &str, lines: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{lines}Connection: close\r\n\r\n")
}

#[test]
fn no_token_stands_in_a_log() {
    let requests = [
        get(&format!("/?token={SECRET}"), ""),
        get(&format!("/?a=b&%74oken={SECRET}&c=d"), ""),
        get(&format!("/members?access={SECRET}"), ""),
        get(&format!("/members?ac%63ess={SECRET}"), ""),
        get("/members", &format!("Authorization: Bearer {SECRET}\r\n")),
        get("/members", &format!("Cookie: session={SECRET}\r\n")),
        get(
            "/members",
            &format!("Sec-WebSocket-Protocol: bearer, {SECRET}\r\n"),
        ),
        get("/", &format!("Referer: https://a/?token={SECRET}\r\n")),
        get(
            "/",
            &format!("Referer: https://a/?x=y#a?token={SECRET}\r\n"),
        ),
        get("/", &format!("Referer: https://a/#token={SECRET}\r\n")),
        get(
            "/",
            &format!("Referer: https://a/?a=b#access_token=x&token={SECRET}\r\n"),
        ),
        get("/", &format!("User-Agent: {SECRET}\r\n")),
        get(&format!("/?token={SECRET}#x"), ""),
        format!("GET /?token={SECRET} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ];
    for format in ["json", "common"] {
        let log = logged(format, &requests);
        assert!(!log.contains(SECRET), "{log}");
    }
}

#[test]
fn a_client_writes_no_line() {
    let requests = [
        get("/?x=%0d%0aHTTP", "User-Agent: a\tb\r\n"),
        get("/\"quoted\"", "Referer: \"x\" \\ \u{7f}\u{85}\u{2028}\r\n"),
        get("/é", "Referer: \u{1b}[31m\r\n"),
        get("/", "Referer: a\u{e9}b\r\n"),
    ];
    let mut raw = requests.to_vec();
    raw.push("GET /\u{1b}[2J HTTP/1.1\r\nHost: a\r\n\r\n".to_owned());
    let log = logged("json", &raw);
    let first = log.find("\n{").expect("a line");
    let lines: Vec<&str> = log[first + 1..].lines().collect();
    let json = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    assert!(lines.len() >= 3 && lines.iter().all(json), "{log}");
    let log = logged("common", &raw);
    let first = log.find("\n127.0.0.1 - - [").expect("a line");
    let text = &log[first + 1..];
    let common = |line: &str| line.starts_with("127.0.0.1 - - [");
    assert!(
        text.lines().count() >= 3 && text.lines().all(common),
        "{log}"
    );
    let plain = |letter: char| letter == '\n' || !letter.is_control();
    assert!(text.chars().all(plain), "{log:?}");
}
