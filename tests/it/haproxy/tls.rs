//! TLS towards clients and servers, and client certificates.

use super::each_with;
use crate::live::must::*;
use crate::live::{Authority, Client, Stub};

#[test]
fn tls_is_terminated_with_the_certificate_that_covers_the_name() {
    let authority = Authority::new();
    let (one, two) = (
        authority.issue(&["a.example"]),
        authority.issue(&["b.example", "*.b.example"]),
    );
    let me = authority.issue(&["me.example"]);
    let inner = authority.issue(&["up.internal"]);
    let server = Stub::tls("a", &inner);
    let spec = format!(
        r#"
wsgen: 1
listeners:
  plain: {{ port: $PORT, address: 127.0.0.1, redirect: secure }}
  secure: {{ port: $OTHER, address: 127.0.0.1, tls: {{ certificates: [one, two], hsts: 1d }} }}
  mutual: {{ port: $METRICS, address: 127.0.0.1, unknown_host: close, tls: {{ certificates: [one, two], profile: modern, client_auth: {{ ca: ca.pem }} }} }}
certificates:
  one: {{ hosts: [a.example], cert: one.crt, key: one.key }}
  two: {{ hosts: [b.example, "*.b.example"], cert: two.pem, key: two.pem.key }}
upstreams:
  good: {{ servers: ["{a}"], tls: {{ server_name: up.internal, ca: ca.pem }} }}
  wrong: {{ servers: ["{a}"], tls: {{ server_name: other.internal, ca: ca.pem }} }}
routes:
  - {{ name: good, host: [a.example, b.example, x.b.example], path: /good, upstream: good, websocket: true, request_headers: {{ set: {{ X-Subject: {{ from: tls_subject }} }} }} }}
  - {{ name: wrong, host: a.example, path: /wrong, upstream: wrong }}
  - {{ name: direct, host: a.example, path: /direct, when: {{ listeners: [plain] }}, respond: {{ body: direct }} }}
"#,
        a = server.address()
    );
    let ca = authority.pem();
    let files = [
        ("one.crt", one.cert.as_str()),
        ("one.key", one.key.as_str()),
        ("two.pem", two.cert.as_str()),
        ("two.pem.key", two.key.as_str()),
        ("ca.pem", ca.as_str()),
    ];
    each_with(&spec, &files, |run| {
        let [plain, secure, mutual] = [0, 1, 2].map(|at| Client::on(run.ports()[at]));
        for host in ["a.example", "b.example", "x.b.example"] {
            let client = secure.clone().host(host).tls(&authority);
            let got = client.get("/good", &[]);
            assert_eq!(got.status, 200, "{host}");
            assert_eq!(
                got.header("strict-transport-security"),
                Some("max-age=86400")
            );
            assert_eq!(got.seen().header("x-forwarded-proto"), Some("https"));
            client.websocket("/good", &[]).expect("upgraded").echo("x");
        }
        let a = secure.clone().host("a.example").tls(&authority);
        assert_eq!(
            a.get("/wrong", &[]).status,
            503,
            "another name is not the server's"
        );
        let none = a.get("/nothing", &[]);
        assert_eq!(
            (none.status, none.header("strict-transport-security")),
            (404, Some("max-age=86400"))
        );
        let moved = plain.get(
            "/x/y?q=1",
            &[("Host", &format!("a.example:{}", run.ports()[0]))],
        );
        let target = format!("https://a.example:{}/x/y?q=1", run.ports()[1]);
        assert_eq!(
            (moved.status, moved.header("location")),
            (301, Some(target.as_str()))
        );
        assert_eq!(
            plain.clone().host("a.example").get("/direct", &[]).text(),
            "direct"
        );
        let known = mutual
            .clone()
            .host("a.example")
            .tls_as(&authority, &me)
            .expect("a pair");
        let subject = known.get("/good", &[("X-Subject", "root")]).seen();
        assert_ne!(subject.header("x-subject"), Some("root"));
        let unknown = mutual.clone().host("a.example").tls(&authority);
        assert!(
            unknown.try_send("GET", "/good", &[], b"").is_err(),
            "no certificate, no answer"
        );
        let nameless = mutual
            .clone()
            .host("nobody.example")
            .tls_as(&authority, &me)
            .expect("a pair");
        assert!(
            nameless.try_send("GET", "/good", &[], b"").is_err(),
            "no such name"
        );
    });
}
