//! What clients say of themselves and of those before them: believed of the proxies that the spec trusts, of nobody else, and never
//! beyond what is said of addresses.

use std::net::Ipv4Addr;

use wsgen::verify::wire::{Client, Response};

use super::{Site, soon};

/// 127.0.0.2 and 127.0.0.3 are proxies, 127.0.0.1 is anybody.
const SPEC: &str = "\
wsgen: 1
listeners: { web: { port: PORT, address: 127.0.0.1, http2: on, trusted_proxies: [127.0.0.2/31, 10.0.0.0/8] } }
upstreams: { app: { servers: [\"SERVER\"] } }
routes:
  - { name: all, path: /, upstream: app }
  - { name: off, path: /off, upstream: app, forwarded: off }
  - { name: some, path: /some, upstream: app, clients: { allow: [192.0.2.0/24] } }
  - { name: limited, path: /limited, upstream: app, limits: { requests: { rate: 1/h, per: client } } }
log: { format: json }
";

fn from(site: &Site, peer: [u8; 4]) -> Client {
    let client = site.client().host("own.example");
    client.source(Ipv4Addr::from(peer).into())
}

const ANYBODY: [u8; 4] = [127, 0, 0, 1];
const PROXY: [u8; 4] = [127, 0, 0, 2];

/// Over HTTP/1.1 or HTTP/2.
fn get(client: &Client, http2: bool, path: &str, lines: &[(&str, &str)]) -> Response {
    let came = match http2 {
        false => client.try_get(path, lines),
        true => client
            .http2()
            .expect("HTTP/2")
            .send("GET", path, lines, b""),
    };
    came.expect("an answer")
}

#[test]
fn a_chain_is_as_good_as_who_says_it() {
    let site = Site::start(SPEC);
    let mut faults = Vec::new();
    let long = vec!["6.6.6.6"; 400].join(", ");
    let behind = format!("{long}, 192.0.2.9, 127.0.0.2");
    let bad = "400";
    for (number, (peer, lines, chain, client)) in [
        // Anybody may say anything: it is not heard.
        (ANYBODY, &[][..], "127.0.0.1", "127.0.0.1"),
        (ANYBODY, &["192.0.2.9"], "127.0.0.1", "127.0.0.1"),
        (
            ANYBODY,
            &["192.0.2.9", "10.0.0.1"],
            "127.0.0.1",
            "127.0.0.1",
        ),
        (ANYBODY, &["10.0.0.1"], "127.0.0.1", "127.0.0.1"),
        (
            ANYBODY,
            &["nonsense \" \\ <b>, ,,"],
            "127.0.0.1",
            "127.0.0.1",
        ),
        (ANYBODY, &["caf\u{e9}"], "127.0.0.1", "127.0.0.1"),
        (ANYBODY, &[""], "127.0.0.1", "127.0.0.1"),
        // Of a proxy the nearest stranger counts.
        (PROXY, &[], "127.0.0.2", "127.0.0.2"),
        (PROXY, &[""], "127.0.0.2", "127.0.0.2"),
        (PROXY, &["192.0.2.9"], "192.0.2.9, 127.0.0.2", "192.0.2.9"),
        (
            PROXY,
            &["6.6.6.6, 192.0.2.9"],
            "6.6.6.6, 192.0.2.9, 127.0.0.2",
            "192.0.2.9",
        ),
        (
            PROXY,
            &["6.6.6.6", "192.0.2.9"],
            "6.6.6.6, 192.0.2.9, 127.0.0.2",
            "192.0.2.9",
        ),
        (
            PROXY,
            &["nonsense, 192.0.2.9, 10.1.1.1"],
            "nonsense, 192.0.2.9, 10.1.1.1, 127.0.0.2",
            "192.0.2.9",
        ),
        (
            PROXY,
            &["192.0.2.9:4000"],
            "192.0.2.9:4000, 127.0.0.2",
            "192.0.2.9",
        ),
        (
            PROXY,
            &["[2001:db8::9]:4000"],
            "[2001:db8::9]:4000, 127.0.0.2",
            "2001:db8::9",
        ),
        (
            PROXY,
            &["2001:DB8:0::9"],
            "2001:DB8:0::9, 127.0.0.2",
            "2001:db8::9",
        ),
        (
            PROXY,
            &["::ffff:192.0.2.9"],
            "::ffff:192.0.2.9, 127.0.0.2",
            "192.0.2.9",
        ),
        (
            PROXY,
            &["10.0.0.1, 10.0.0.2"],
            "10.0.0.1, 10.0.0.2, 127.0.0.2",
            "10.0.0.1",
        ),
        (
            PROXY,
            &[&behind],
            &format!("{behind}, 127.0.0.2"),
            "192.0.2.9",
        ),
        // What decides is no address: nobody can be told by it.
        (PROXY, &["unknown"], bad, ""),
        (PROXY, &["192.0.2.9, nonsense"], bad, ""),
        (PROXY, &["192.0.2.9", "nonsense"], bad, ""),
        (PROXY, &["192.0.2.999"], bad, ""),
        (PROXY, &["192.0.2.9/24"], bad, ""),
        (PROXY, &["192.0.2.9 10.0.0.1"], bad, ""),
        (PROXY, &["\"192.0.2.9\""], bad, ""),
        (PROXY, &["for=192.0.2.9"], bad, ""),
        (PROXY, &["caf\u{e9}"], bad, ""),
    ]
    .into_iter()
    .enumerate()
    {
        for http2 in [false, true] {
            let path = format!("/chain-{number}-{http2}");
            let lines: Vec<_> = lines.iter().map(|it| ("X-Forwarded-For", *it)).collect();
            let answer = get(&from(&site, peer), http2, &path, &lines);
            let seen = site.stub.requests_to(&path).pop();
            let Some(seen) = seen.filter(|_| chain != bad) else {
                if answer.status.to_string() != chain {
                    faults.push(format!("{path} {lines:?}: {}", answer.status));
                }
                continue;
            };
            let told = (
                seen.headers.all("x-forwarded-for"),
                seen.headers.all("x-real-ip"),
            );
            if told != (vec![chain], vec![client]) {
                faults.push(format!("{path} {lines:?}: {told:?}"));
            }
            let logged = format!("\"client_ip\":\"{client}\"");
            let is_logged = || {
                let log = site.running.log();
                let line = log
                    .lines()
                    .find(|line| line.contains(&format!("\"{path}\"")));
                line.is_some_and(|line| line.contains(&logged))
            };
            if !soon(super::PATIENCE, is_logged) {
                faults.push(format!("{path} {lines:?}: the log has no {logged}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Scheme, host and port are what the proxy sees itself, whoever says something else.
#[test]
fn what_the_proxy_sees_itself_nobody_tells_it() {
    let site = Site::start(SPEC);
    let said = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Port", "443"),
        ("X-Real-IP", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6;proto=https;host=evil.example"),
        ("Forwarded", "nonsense \" ;;=,"),
    ];
    let port = site.address.port().to_string();
    for peer in [ANYBODY, PROXY] {
        let own = Ipv4Addr::from(peer).to_string();
        for http2 in [false, true] {
            let path = format!("/own-{own}-{http2}");
            get(&from(&site, peer), http2, &path, &said);
            let seen = site.stub.requests_to(&path).pop().expect("it arrived");
            for (name, wanted) in [
                ("x-forwarded-proto", Some("http")),
                ("x-forwarded-host", Some("own.example")),
                ("x-forwarded-port", Some(port.as_str())),
                ("x-real-ip", Some(own.as_str())),
                ("x-forwarded-for", Some(own.as_str())),
                ("forwarded", None),
            ] {
                let wanted: Vec<_> = wanted.into_iter().collect();
                assert_eq!(seen.headers.all(name), wanted, "{path} {name}");
            }
            let path = format!("/off/{own}-{http2}");
            get(&from(&site, peer), http2, &path, &said);
            let seen = site.stub.requests_to(&path).pop().expect("it arrived");
            for (name, _) in said {
                assert_eq!(seen.header(name), None, "{path} {name}");
            }
        }
    }
}

/// Who may come in, and how often, is asked of the client that counts.
#[test]
fn guards_and_limits_ask_the_client_that_counts() {
    let site = Site::start(SPEC);
    let status = |peer, path: &str, chain: &str| {
        let lines = [("X-Forwarded-For", chain)];
        get(&from(&site, peer), false, path, &lines).status
    };
    assert_eq!(status(ANYBODY, "/some", "192.0.2.9"), 403);
    assert_eq!(status(PROXY, "/some", "192.0.2.9"), 200);
    assert_eq!(status(PROXY, "/some", "192.0.2.9, 6.6.6.6"), 403);
    assert_eq!(status(PROXY, "/some", "unknown"), 400);
    // Anybody stays the same client, whoever it says it is.
    let first = status(ANYBODY, "/limited", "192.0.2.1");
    assert_eq!(first, 200);
    for number in 2..6 {
        let chain = format!("192.0.2.{number}");
        assert_eq!(status(ANYBODY, "/limited", &chain), 429, "{chain}");
    }
    // Behind a proxy each one counts alone, however it is written.
    for (chain, wanted) in [
        ("192.0.2.1", 200),
        ("192.0.2.2", 200),
        ("192.0.2.1", 429),
        ("192.0.2.1:80", 429),
        ("::ffff:192.0.2.1", 429),
        ("::FFFF:c000:201", 429),
        ("6.6.6.6,  192.0.2.2 , 10.9.9.9", 429),
    ] {
        assert_eq!(status(PROXY, "/limited", chain), wanted, "{chain}");
    }
    assert_eq!(status([127, 0, 0, 3], "/limited", "192.0.2.2"), 429);
}
