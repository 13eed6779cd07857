//! What goes wrong beside the requests is told once, counted each time, and told to be over; meanwhile what was known counts.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wsgen::verify::stub::Stub;
use wsgen::verify::stub::dns::NameServer;

use super::signer::Signer;
use super::{Life, until};
use crate::proxy::serving::{Led, Then, head_of, say};

fn stub() -> Stub {
    Stub::try_start("app").expect("a port is free")
}

const HEAD: &str = "wsgen: 1\nlog: { format: json }\nmetrics: { port: ADMIN }\n\
    listeners: { web: { port: LISTEN, address: 127.0.0.1 } }\n";

#[test]
fn a_name_without_an_address_is_told_once() {
    let names = NameServer::start().expect("a port is free");
    let app = stub();
    let life = Life::start(&format!(
        "{HEAD}targets: {{ proxy: {{ on_loss: warn, resolvers: [\"{}\"] }} }}\n\
         upstreams: {{ app: {{ servers: [\"app.test:{}\"], resolve: 200ms }} }}\n\
         routes: [{{ name: app, path: /, upstream: app }}]\n",
        names.address(),
        app.address().port()
    ));
    let told = "warning: `upstreams.app`: app.test: the name has no address";
    life.wait(told, 1);
    let failed = || life.metric("wsgen_lookup_failures_total{upstream=\"app\"}");
    until("it is asked again", || failed() >= 2.0);
    assert_eq!(life.said().matches(told).count(), 1, "{}", life.said());
    assert_eq!(life.status("/"), 503);
    names.set("app.test", &[IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    life.wait(
        "note: `upstreams.app`: app.test: the name has addresses again",
        1,
    );
    assert_eq!(life.status("/"), 200);
    // It goes away once more: what was known counts.
    names.remove("app.test");
    life.wait(told, 2);
    assert_eq!(life.status("/"), 200);
}

/// What the publisher of a key set answers.
type Said = Arc<Mutex<(String, Then)>>;

/// The keys of a set change, and its publisher says all kinds of things.
#[test]
fn a_key_set_is_replaced_by_a_good_one_only() {
    let said = Said::new(Mutex::new(("nothing".to_owned(), Then::Close)));
    let answers = Arc::clone(&said);
    let publisher = Led::by(move |mut stream| {
        if head_of(&mut stream).is_some() {
            let (text, then) = answers.lock().expect("a lock").clone();
            say(&mut stream, text.as_bytes(), then);
        }
    });
    let good = |signer: &Signer| {
        let set = signer.set();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", set.len());
        (head + &set, Then::Close)
    };
    let app = stub();
    let life = Life::start(&format!(
        "{HEAD}upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         auth: {{ members: {{ jwt: {{ keys: {{ jwks: {{ url: \"http://{}/keys\", algorithms: [es256], refresh: 200ms }} }} }} }} }}\n\
         routes: [{{ name: app, path: /, upstream: app, auth: members }}]\n",
        app.address(),
        publisher.address()
    ));
    let failed = || life.metric("wsgen_key_set_failures_total{auth=\"members\"}");
    let status = |signer: &Signer| {
        let headers = [("Authorization", signer.bearer())];
        let headers = headers
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let answer = life.client().try_get("/", &headers);
        answer.expect("it answers").status
    };
    let told = "warning: `auth.members`: the key set of http://";
    life.wait(told, 1);
    let (one, two) = (Signer::new("one"), Signer::new("two"));
    assert_eq!(status(&one), 401, "nobody has a key yet");
    *said.lock().expect("a lock") = good(&one);
    until("the first key", || status(&one) == 200);
    life.wait("it is fetched again", 1);
    assert_eq!(status(&two), 401);
    // Another key takes its place.
    *said.lock().expect("a lock") = good(&two);
    until("the second key", || status(&two) == 200);
    assert_eq!(status(&one), 401, "the first one is taken back");
    let huge = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n{{\"keys\":[],\"x\":\"{}\"}}",
        "y".repeat(2_999_980)
    );
    let head = "HTTP/1.1 200 OK\r\nContent-Length: ";
    let cases = [
        ("garbage", format!("{head}7\r\n\r\ngarbage"), Then::Close),
        ("other JSON", format!("{head}2\r\n\r\n[]"), Then::Close),
        ("no text", format!("{head}2\r\n\r\n\u{80}"), Then::Close),
        ("no HTTP", "hello\r\n\r\n".to_owned(), Then::Close),
        (
            "an error",
            "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_owned(),
            Then::Close,
        ),
        (
            "a redirect",
            "HTTP/1.1 302 No\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n".to_owned(),
            Then::Close,
        ),
        (
            "half of it",
            format!("{head}100\r\n\r\n{{\"keys\":["),
            Then::Close,
        ),
        ("too much of it", huge, Then::Hold),
        ("a reset", String::new(), Then::Reset),
        // Ten seconds are all it gets.
        (
            "a drip",
            "HTTP/1.1 200 OK\r\n".to_owned(),
            Then::Drip("X: y\r\n"),
        ),
    ];
    for (at, (name, text, then)) in cases.into_iter().enumerate() {
        *said.lock().expect("a lock") = (text, then);
        if matches!(then, Then::Drip(_)) {
            std::thread::sleep(Duration::from_secs(5));
            assert_eq!((status(&one), status(&two)), (401, 200), "meanwhile");
        }
        life.wait(told, at + 2);
        let before = failed();
        if !matches!(then, Then::Drip(_)) {
            until(name, || failed() > before);
        }
        assert_eq!((status(&one), status(&two)), (401, 200), "{name}");
        *said.lock().expect("a lock") = good(&two);
        life.wait("it is fetched again", at + 2);
    }
}

/// No descriptor is left for a client: that is told once, and when it is over.
#[test]
fn a_listener_that_cannot_accept_says_so() {
    let app = stub();
    let life = Life::start(&format!(
        "{HEAD}runtime: {{ workers: 1 }}\nupstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         routes: [{{ name: app, path: /, upstream: app }}]\n",
        app.address()
    ));
    let limit = |most: usize| {
        let most = format!("--nofile={most}:4096");
        let set = Command::new("prlimit")
            .args(["--pid", &life.child.id().to_string(), &most])
            .status();
        assert!(set.is_ok_and(|it| it.success()), "prlimit");
    };
    limit(40);
    let streams: Vec<_> = (0..60)
        .map(|_| std::net::TcpStream::connect(life.address).expect("it listens"))
        .collect();
    let told = "warning: `listeners.web`: nobody can be accepted";
    life.wait(told, 1);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(life.said().matches(told).count(), 1, "{}", life.said());
    drop(streams);
    limit(4096);
    life.wait("note: `listeners.web`: clients are accepted again", 1);
    assert_eq!(life.status("/"), 200);
    assert!(life.metric("wsgen_accept_failures_total{listener=\"web\"}") >= 2.0);
}
