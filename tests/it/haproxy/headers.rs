//! What servers and clients see in headers.

use super::{VERSIONS, conf, each};
use crate::live::must::*;
use crate::live::{Answer, Client, Stub};

/// Seen on 2.6 and 2.8: on a socket for both families an IPv4 client is `::ffff:127.0.0.1`. No live test, since it would
/// listen on every address of the machine.
#[test]
fn each_family_of_addresses_has_its_socket() {
    let spec = "wsgen: 1\nroutes: [{ path: /, respond: { status: 204 } }]\n";
    for (version, _) in VERSIONS {
        let text = conf(spec, version);
        assert!(text.contains("  bind :80,:::80 v6only\n"), "{text}");
    }
}

#[test]
fn headers_arrive_as_written_and_cannot_be_spoofed() {
    let server = Stub::start("a");
    let spec = r#"
wsgen: 1
listeners:
  web: { port: $PORT, address: 127.0.0.1, public_port: 443 }
  trusting: { port: $OTHER, address: 127.0.0.1, trusted_proxies: [127.0.0.0/8, 10.0.0.0/8] }
upstreams: { app: { servers: ["$SERVER"] } }
routes:
  - name: headers
    path: /h
    upstream: app
    request_headers:
      remove: [X-Gone]
      set:
        X-Lit: "a 'b' \"c\" $d $${HOME} %e %[src] # ; {x} \\"
        X-Tpl: { template: "{scheme}|{host}|{port}|{path}|{query}|{uri}|{method}|{client_ip}" }
        X-Empty: ""
        X-Id: { from: request_id }
        X-Query: { from: { query: q } }
      add: { X-Many: two, X-Cookie: { from: { cookie: c } }, X-Agent: { from: { header: User-Agent } } }
      set_if_absent: { X-Default: ours }
    response_headers:
      remove: [X-Secret]
      set: { Server: none, X-Frame-Options: DENY, X-Path: { template: "{path}" }, X-Id: { from: request_id } }
      add: { X-Many: two }
      set_if_absent: { X-Default: ours, X-Absent: ours }
  - { name: bare, path: /bare, upstream: app, forwarded: off }
  - { name: named, path: /named, upstream: app, host_header: { set: inner.example } }
  - { name: own, path: /own, upstream: app, host_header: upstream }
  - { name: denied, path: /denied, upstream: app, methods: [PUT], response_headers: { set: { X-Frame-Options: DENY } } }
"#
    .replace("$SERVER", &server.address().to_string());
    server.answer(
        "/h/answer",
        Answer::status(200)
            .header("X-Secret", "1")
            .header("X-Many", "one")
            .header("X-Default", "theirs"),
    );
    each(&spec, |run| {
        let spoof = [
            ("Host", "Example.com:8080"),
            ("X-Forwarded-For", "6.6.6.6"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "evil"),
            ("X-Forwarded-Port", "1"),
            ("X-Real-IP", "6.6.6.6"),
            ("X_Real_IP", "6.6.6.6"),
            ("X-Gone", "1"),
            ("X-Many", "one"),
            ("X-Default", "theirs"),
            ("Cookie", "a=b; c=d"),
            ("User-Agent", "me"),
        ];
        let seen = run.get("/h/%41?q=a%0d%0aX-Evil:%201&r=2", &spoof).seen();
        for (name, value) in [
            ("host", "Example.com:8080"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "Example.com:8080"),
            ("x-forwarded-port", "443"),
            ("x-real-ip", "127.0.0.1"),
            ("x-lit", "a 'b' \"c\" $d ${HOME} %e %[src] # ; {x} \\"),
            (
                "x-tpl",
                "http|example.com|443|/h/%41|q=a%0d%0aX-Evil:%201&r=2|/h/%41?q=a%0d%0aX-Evil:%201&r=2|GET|127.0.0.1",
            ),
            ("x-empty", ""),
            ("x-query", "aX-Evil: 1"),
            ("x-cookie", "d"),
            ("x-agent", "me"),
            ("x-default", "theirs"),
        ] {
            assert_eq!(seen.header(name), Some(value), "{name}: {seen:?}");
        }
        assert_eq!(seen.headers.all("x-many"), ["one", "two"]);
        assert_eq!(seen.headers.all("x-forwarded-for").len(), 1);
        for gone in ["x-gone", "x_real_ip", "x-evil"] {
            assert_eq!(seen.header(gone), None, "{gone}");
        }
        let answer = run.get("/h/answer", &[]);
        let id = answer.header("x-id").expect("an id").to_owned();
        assert!(id.len() >= 16, "{id}");
        for (name, value) in [
            ("server", "none"),
            ("x-frame-options", "DENY"),
            ("x-path", "/h/answer"),
            ("x-default", "theirs"),
            ("x-absent", "ours"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
        assert_eq!(answer.header("x-secret"), None);
        assert_eq!(answer.headers.all("x-many"), ["one", "two"]);
        let bare = run.get("/bare", &spoof).seen();
        assert_eq!(
            (bare.header("x-forwarded-for"), bare.header("x-real-ip")),
            (None, None)
        );
        assert_eq!(
            run.get("/named", &spoof).seen().header("host"),
            Some("inner.example")
        );
        assert_eq!(
            run.get("/own", &spoof).seen().header("host"),
            Some(server.address().to_string().as_str())
        );
        let denied = run.get("/denied", &[]);
        assert_eq!(
            (denied.status, denied.header("x-frame-options")),
            (405, Some("DENY"))
        );
        let trusting = Client::on(run.ports()[1]);
        for (sent, client, chain) in [
            ("9.9.9.9", "9.9.9.9", vec!["9.9.9.9", "127.0.0.1"]),
            (
                "6.6.6.6, 9.9.9.9, 10.0.0.7",
                "9.9.9.9",
                vec!["6.6.6.6, 9.9.9.9, 10.0.0.7", "127.0.0.1"],
            ),
        ] {
            let seen = trusting.get("/h", &[("X-Forwarded-For", sent)]).seen();
            assert_eq!(seen.header("x-real-ip"), Some(client), "{sent}");
            assert_eq!(seen.headers.all("x-forwarded-for"), chain);
        }
        assert_eq!(
            trusting.get("/h", &[]).seen().header("x-real-ip"),
            Some("127.0.0.1")
        );
    });
}
