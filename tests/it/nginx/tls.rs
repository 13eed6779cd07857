//! TLS towards clients.

use super::{Gate, each};
use crate::live::must::*;
use crate::live::{Authority, Client, Stub};

const SPEC: &str = r#"
wsgen: 1
listeners:
  tls:
    port: PORT
    address: 127.0.0.1
    unknown_host: close
    tls: { certificates: [one, many], hsts: { max_age: 365d, subdomains: true } }
certificates:
  one: { hosts: [one.example], cert: one.pem, key: one.pem }
  many: { hosts: ["*.many.example", many.example], cert: many.pem, key: many.pem }
upstreams: { a: { servers: ["@a"], stickiness: { cookie: { name: node } } } }
routes:
  - { name: one, host: one.example, upstream: a, websocket: true, methods: [GET], response_headers: { set: { X-One: "1" } } }
  - { name: many, host: "*.many.example", upstream: a }
  - { name: tenant, host: { regex: "(t[0-9]+\\.)?many\\.example" }, upstream: a }
"#;

#[test]
fn certificates_hsts_and_unknown_hosts() {
    each(|at| {
        let authority = Authority::new();
        let one = authority.issue(&["one.example"]).joined();
        let many = authority
            .issue(&["*.many.example", "many.example"])
            .joined();
        let stub = Stub::start("a");
        let gate = Gate::start(
            at,
            SPEC,
            &[&stub],
            &[("one.pem", &one), ("many.pem", &many)],
        );
        let client = |host: &str| gate.client().host(host).tls(&authority);
        let hsts = Some("max-age=31536000; includeSubDomains");
        for host in [
            "one.example",
            "x.many.example",
            "t1.many.example",
            "many.example",
        ] {
            let answer = client(host).get("/", &[]);
            assert_eq!(
                (answer.status, answer.header("strict-transport-security")),
                (200, hsts),
                "{host}"
            );
            assert_eq!(answer.seen().header("x-forwarded-proto"), Some("https"));
            let cookie = answer.header("set-cookie").expect("a cookie");
            assert!(cookie.to_ascii_lowercase().contains("; secure"), "{cookie}");
        }
        let wrong = client("one.example").send("POST", "/", &[], b"x");
        assert_eq!(
            (wrong.status, wrong.header("strict-transport-security")),
            (405, hsts)
        );
        assert_eq!(
            client("one.example").get("/", &[]).header("x-one"),
            Some("1")
        );
        client("one.example")
            .websocket("/", &[])
            .expect("upgraded")
            .echo("x");
        assert!(
            client("other.example")
                .try_send("GET", "/", &[], b"")
                .is_err()
        );
    });
}

const CLIENTS: &str = r#"
wsgen: 1
listeners:
  tls: { port: PORT, address: 127.0.0.1, tls: { profile: modern, certificates: [one], client_auth: { ca: ca.pem, mode: MODE } } }
certificates:
  one: { hosts: [one.example], cert: one.pem, key: one.pem }
upstreams: { a: { servers: ["@a"] } }
routes: [{ name: one, upstream: a, request_headers: { set: { X-Subject: { from: tls_subject } } } }]
"#;

#[test]
fn clients_show_certificates() {
    each(|at| {
        let authority = Authority::new();
        let one = authority.issue(&["one.example"]).joined();
        let me = authority.issue(&["me"]);
        let stub = Stub::start("a");
        for mode in ["require", "optional"] {
            let spec = CLIENTS.replace("MODE", mode);
            let files = [("one.pem", one.as_str()), ("ca.pem", &authority.pem())];
            let gate = Gate::start(at, &spec, &[&stub], &files);
            let client: Client = gate.client().host("one.example");
            let answer = client
                .clone()
                .tls_as(&authority, &me)
                .expect("a pair")
                .get("/", &[]);
            assert_eq!(answer.status, 200);
            assert!(answer.seen().header("x-subject").is_some());
            let without = client.tls(&authority).get("/", &[]);
            assert_eq!(without.status == 200, mode == "optional");
        }
    });
}
