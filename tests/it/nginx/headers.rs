//! What servers and clients see in headers.

use super::{Gate, each, plain};
use crate::live::must::*;
use crate::live::{Client, Stub};

const HEADERS: &str = r#"
wsgen: 1
listeners:
  main: { port: PORT, address: 127.0.0.1 }
  behind: { port: PORT, address: 127.0.0.1, trusted_proxies: [127.0.0.0/8, 10.0.0.0/8], public_port: 443 }
  proxied: { port: PORT, address: 127.0.0.1, proxy_protocol: true, trusted_proxies: [127.0.0.0/8, 192.0.2.0/24] }
  open: { port: PORT, address: 127.0.0.1, header_names: lenient }
upstreams:
  a: { servers: ["@a"] }
  own: { servers: ["@a"], host_header: upstream }
routes:
  - { name: off, path: /off, upstream: a, forwarded: off }
  - { name: own, path: /own, upstream: own }
  - { name: set, path: /sethost, upstream: a, host_header: { set: in.example } }
  - name: ops
    path: /ops
    upstream: a
    websocket: true
    request_headers:
      remove: [X-Gone, X-Real-IP]
      set: { X-Set: "a;b \"c\" $host \\ {}", X-Ip: { from: client_ip }, X-Tpl: { template: "{scheme}://{host}{uri}" }, X-Q: { from: { query: q } }, X-C: { from: { cookie: c-d } } }
      add: { X-Add: two }
      set_if_absent: { X-Maybe: mine, X-Forwarded-Proto: never }
    response_headers:
      remove: [X-Secret]
      set: { X-Frame-Options: DENY, X-Dollar: "$x", Server: mine }
      add: { X-More: { template: "{method}" } }
      set_if_absent: { X-Def: mine }
  - { name: site, path: /, upstream: a }
"#;

#[test]
fn forwarded_headers_cannot_be_spoofed() {
    each(|at| {
        let stub = Stub::start("a");
        let gate = Gate::start(at, HEADERS, &[&stub], &[]);
        let spoof = [
            ("X-Forwarded-For", "6.6.6.6"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "evil.example"),
            ("X-Forwarded-Port", "1"),
            ("X-Real-IP", "6.6.6.6"),
            ("Forwarded", "for=6.6.6.6"),
            ("X_Under", "x"),
        ];
        // The listeners by what they do.
        let mut found = std::collections::BTreeMap::new();
        for port in gate.ports() {
            let client = Client::on(*port);
            match client.try_send("GET", "/x", &spoof, b"") {
                Err(_) => found.insert("proxied", *port),
                Ok(answer) => {
                    let seen = answer.seen();
                    match (seen.header("x-forwarded-for"), seen.header("x_under")) {
                        (Some("127.0.0.1"), None) => found.insert("main", *port),
                        (Some("127.0.0.1"), Some(_)) => found.insert("open", *port),
                        _ => found.insert("behind", *port),
                    }
                }
            };
        }
        assert_eq!(found.len(), 4, "{found:?}");
        let seen = Client::on(found["main"])
            .host("H.example:99")
            .get("/x", &spoof)
            .seen();
        let port = found["main"].to_string();
        for (name, value) in [
            ("host", Some("H.example:99")),
            ("x-forwarded-for", Some("127.0.0.1")),
            ("x-forwarded-proto", Some("http")),
            ("x-forwarded-host", Some("H.example:99")),
            ("x-forwarded-port", Some(port.as_str())),
            ("x-real-ip", Some("127.0.0.1")),
            ("forwarded", None),
            ("connection", None),
            ("upgrade", None),
        ] {
            assert_eq!(seen.header(name), value, "{name}");
        }
        let seen = Client::on(found["main"]).get("/off", &spoof).seen();
        for name in [
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
            "x-forwarded-port",
            "x-real-ip",
        ] {
            assert_eq!(seen.header(name), None, "{name}");
        }
        let behind = Client::on(found["behind"]);
        let seen = behind
            .get("/x", &[("X-Forwarded-For", "6.6.6.6, 1.1.1.1, 10.1.1.1")])
            .seen();
        assert_eq!(
            seen.header("x-forwarded-for"),
            Some("6.6.6.6, 1.1.1.1, 10.1.1.1, 127.0.0.1")
        );
        assert_eq!(seen.header("x-real-ip"), Some("1.1.1.1"));
        assert_eq!(seen.header("x-forwarded-port"), Some("443"));
        let seen = Client::on(found["proxied"])
            .from("192.0.2.7")
            .get("/x", &spoof)
            .seen();
        assert_eq!(
            (seen.header("x-real-ip"), seen.header("x-forwarded-for")),
            (Some("192.0.2.7"), Some("192.0.2.7"))
        );
        assert_eq!(
            gate.client().get("/sethost", &[]).seen().header("host"),
            Some("in.example")
        );
        assert_eq!(
            gate.client().get("/own", &[]).seen().header("host"),
            Some(stub.address().to_string().as_str())
        );
    });
}

#[test]
fn operations_on_headers() {
    each(|at| {
        let stub = Stub::start("a");
        let spec = HEADERS
            .replace("  behind:", "  x-behind:")
            .replace("  proxied:", "  x-proxied:")
            .replace("  open:", "  x-open:");
        let gate = Gate::start(at, &spec, &[&stub], &[]);
        let port = gate.ports()[0];
        let client = Client::on(
            *gate
                .ports()
                .iter()
                .find(|port| Client::on(**port).try_send("GET", "/", &[], b"").is_ok())
                .unwrap_or(&port),
        )
        .host("h.example");
        let sent = [
            ("X-Gone", "x"),
            ("X-Set", "old"),
            ("X-Add", "one"),
            ("X-Reply", "X-Secret: s"),
            ("X-Reply", "X-Frame-Options: ALLOW"),
            ("X-Reply", "X-More: theirs"),
            ("Cookie", "a=b; c-d=ee; f=g"),
        ];
        let answer = client.get("/ops/x?q=%41&z", &sent);
        let seen = answer.seen();
        assert_eq!(seen.header("x-gone"), None);
        assert_eq!(seen.header("x-real-ip"), None);
        assert_eq!(seen.headers.all("x-set"), ["a;b \"c\" $host \\ {}"]);
        assert_eq!(seen.header("x-ip"), Some("127.0.0.1"));
        assert_eq!(seen.header("x-tpl"), Some("http://h.example/ops/x?q=%41&z"));
        assert_eq!(
            (seen.header("x-q"), seen.header("x-c")),
            (Some("%41"), Some("ee"))
        );
        assert_eq!(seen.headers.all("x-add"), ["one", "two"]);
        assert_eq!(
            (seen.header("x-maybe"), seen.header("x-forwarded-proto")),
            (Some("mine"), Some("http"))
        );
        assert_eq!(answer.header("x-secret"), None);
        // NGINX's own line cannot be taken out.
        assert_eq!(answer.headers.all("server"), ["nginx", "mine"]);
        assert_eq!(answer.headers.all("x-frame-options"), ["DENY"]);
        assert_eq!(answer.headers.all("x-more"), ["theirs", "GET"]);
        assert_eq!(
            (answer.header("x-dollar"), answer.header("x-def")),
            (Some("$x"), Some("mine"))
        );
        let answer = client.get(
            "/ops",
            &[
                ("X-Maybe", "theirs"),
                ("X-Reply", "X-Def: theirs"),
                ("X-Status", "404"),
            ],
        );
        assert_eq!(answer.seen().header("x-maybe"), Some("theirs"));
        assert_eq!(answer.headers.all("x-def"), ["theirs"]);
        assert_eq!(answer.headers.all("x-frame-options"), ["DENY"]);
        let tunnel = client.websocket("/ops", &[]).expect("upgraded");
        assert_eq!(tunnel.response.header("x-frame-options"), Some("DENY"));
    });
}

const CORS: &str = r#"
upstreams: { a: { servers: ["@a"] } }
routes:
  - { name: some, path: /some, upstream: a, methods: [GET, POST], cors: { origins: [https://ok.example], methods: [GET, PUT], headers: [X-A, X-B], expose: [X-C], credentials: true, max_age: 1h } }
  - { name: any, path: /, upstream: a, cors: { origins: any } }
"#;

#[test]
fn cors() {
    each(|at| {
        let stub = Stub::start("a");
        let gate = Gate::start(at, &plain(CORS), &[&stub], &[]);
        let ask = |path: &str, origin: &str| {
            let headers = [("Origin", origin), ("Access-Control-Request-Method", "PUT")];
            gate.client().send("OPTIONS", path, &headers, b"")
        };
        let answer = ask("/some", "https://ok.example");
        assert_eq!(answer.status, 204);
        for (name, value) in [
            ("origin", "https://ok.example"),
            ("methods", "GET, PUT"),
            ("headers", "X-A, X-B"),
            ("credentials", "true"),
        ] {
            assert_eq!(
                answer.header(&format!("access-control-allow-{name}")),
                Some(value)
            );
        }
        assert_eq!(answer.header("access-control-max-age"), Some("3600"));
        let other = ask("/some", "https://evil.example");
        assert_eq!(
            (other.status, other.header("access-control-allow-origin")),
            (204, None)
        );
        assert!(stub.requests().is_empty());
        let answer = gate.get(
            "/some",
            &[
                ("Origin", "https://ok.example"),
                ("X-Reply", "Access-Control-Allow-Origin: *"),
            ],
        );
        assert_eq!(
            answer.headers.all("access-control-allow-origin"),
            ["https://ok.example"]
        );
        assert_eq!(
            (
                answer.header("vary"),
                answer.header("access-control-expose-headers")
            ),
            (Some("Origin"), Some("X-C"))
        );
        assert_eq!(
            gate.get("/x", &[("Origin", "https://x.example")])
                .header("access-control-allow-origin"),
            Some("*")
        );
        assert_eq!(gate.client().send("OPTIONS", "/some", &[], b"").status, 405);
        assert_eq!(gate.client().send("OPTIONS", "/x", &[], b"").status, 200);
    });
}
