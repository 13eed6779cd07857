//! A new spec in the place of the old one: what stays goes on, what is gone ends in its time, and nothing is left behind.

use std::time::{Duration, Instant};

use wsgen::verify::port;
use wsgen::verify::stub::{Answer, Stub};
use wsgen::verify::wire::{Client, Event};

use super::signer::Signer;
use super::{Life, until};
use crate::scratch::Scratch;

const HEAD: &str = "wsgen: 1\n\
    targets: { proxy: { on_loss: warn } }\n\
    log: { format: json }\n\
    metrics: { port: ADMIN }\n";

/// One listener, one upstream, and these routes.
fn spec(stub: &Stub, routes: &str) -> String {
    format!(
        "{HEAD}listeners: {{ web: {{ port: LISTEN, address: 127.0.0.1 }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         runtime: {{ drain: {{ timeout: 4s, spread: 1s }} }}\n\
         routes:\n{routes}",
        stub.address()
    )
}

const SOCKET: &str = "  - { name: socket, path: /ws, upstream: app, websocket: true }\n";
const OTHER: &str = "  - { name: other, path: /other, upstream: app, websocket: true }\n";
const SITE: &str = "  - { name: site, path: /, upstream: app }\n";

fn stub() -> Stub {
    Stub::try_start("app").expect("a port is free")
}

#[test]
fn a_bad_spec_is_refused_and_the_old_one_goes_on() {
    let app = stub();
    let good = spec(&app, SITE);
    let life = Life::start(&good);
    life.write(&format!(
        "{good}  - {{ name: bad, path: nowhere, upstream: app }}\n"
    ));
    life.signal("HUP");
    life.wait("reload refused", 1);
    let said = life.said();
    assert!(said.contains("spec.yaml:"), "no place is named: {said}");
    assert_eq!(life.status("/"), 200);
    // What this machine cannot serve is refused as well.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("bound").port();
    let listeners = format!("listeners: {{ more: {{ port: {port}, address: 127.0.0.1 }}, web:");
    life.write(&good.replace("listeners: { web:", &listeners));
    life.signal("HUP");
    life.wait("reload refused", 2);
    assert!(life.said().contains("cannot be bound"), "{}", life.said());
    assert_eq!(life.status("/"), 200);
    life.reload(&spec(
        &app,
        "  - { name: gone, path: /, respond: { status: 410 } }\n",
    ));
    assert_eq!(life.status("/"), 410);
}

#[test]
fn tunnels_survive_a_reload_unless_their_route_is_gone() {
    let app = stub();
    let life = Life::start(&spec(&app, &[SOCKET, OTHER].concat()));
    let mut stays: Vec<_> = (0..4).map(|_| life.tunnel("/ws")).collect();
    let mut goes: Vec<_> = (0..4).map(|_| life.tunnel("/other")).collect();
    let start = Instant::now();
    life.reload(&spec(&app, SOCKET));
    let mut moments = Vec::new();
    for tunnel in &mut goes {
        let (event, _) = tunnel.ends_within(Duration::from_secs(3)).expect("it ends");
        assert_eq!(event, Event::Close(1001));
        moments.push(start.elapsed());
    }
    // Spread over a second: the last one has a share of it to itself.
    assert!(moments[3] > Duration::from_millis(300), "{moments:?}");
    for tunnel in &mut stays {
        tunnel.try_echo("still here").expect("it lives");
    }
    // A tunnel's words tell who ended it.
    until("the metric", || {
        life.metric("wsgen_tunnels_closed_total{why=\"drain\"}") == 4.0
    });
}

#[test]
fn a_route_that_comes_back_keeps_its_tunnels() {
    let app = stub();
    let both = spec(&app, &[SOCKET, OTHER].concat());
    let slow = |spec: &str| spec.replace("spread: 1s", "spread: 3s");
    let life = Life::start(&slow(&both));
    let mut tunnels: Vec<_> = (0..4).map(|_| life.tunnel("/other")).collect();
    life.reload(&slow(&spec(&app, SOCKET)));
    life.reload(&slow(&both));
    std::thread::sleep(Duration::from_millis(3300));
    let alive = tunnels
        .iter_mut()
        .filter_map(|tunnel| tunnel.try_echo("still here").ok())
        .count();
    // The first one's moment was the reload itself, on each thread.
    assert!(alive >= 2, "{alive} of 4");
}

#[test]
fn connections_of_a_listener_that_is_gone_finish() {
    let app = stub();
    let extra = port::free().expect("a port is free");
    let one = spec(&app, &[SOCKET, SITE].concat());
    let two = one.replace(
        "listeners: { web:",
        &format!("listeners: {{ extra: {{ port: {extra}, address: 127.0.0.1 }}, web:"),
    );
    let life = Life::start(&two);
    let client = Client::new(([127, 0, 0, 1], extra).into()).patience(super::PATIENCE);
    let mut idle = client.connect().expect("it listens");
    assert_eq!(
        idle.send("GET", "/", &[], &[]).expect("an answer").status,
        200
    );
    let mut busy = client.connect().expect("it listens");
    busy.begin("GET", "/", &[("X-Delay", "1500")])
        .expect("sent");
    let mut tunnel = client
        .try_websocket("/ws", &[])
        .expect("an answer")
        .expect("a tunnel");
    until("the request is there", || app.requests_to("/").len() == 2);
    life.reload(&one);
    assert!(idle.ends_within(Duration::from_secs(2)).expect("readable"));
    let answer = busy.response("GET").expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), Some("close"));
    tunnel.try_echo("still here").expect("it lives");
    until("nobody listens", || client.connect().is_err());
    assert_eq!(life.status("/"), 200);
}

#[test]
fn a_connection_never_sees_another_listener() {
    // The listener of a kept connection moves to the end of the file, and others before it go: its number changes.
    let app = stub();
    let ports: Vec<u16> = (0..2)
        .map(|_| port::free().expect("a port is free"))
        .collect();
    let one = spec(&app, SITE);
    let before = one.replace(
        "listeners: { web:",
        &format!(
            "listeners: {{ a: {{ port: {}, address: 127.0.0.1 }}, b: {{ port: {}, address: 127.0.0.1 }}, web:",
            ports[0], ports[1]
        ),
    );
    let life = Life::start(&before);
    let mut kept = life.client().connect().expect("it listens");
    assert_eq!(
        kept.send("GET", "/", &[], &[]).expect("an answer").status,
        200
    );
    life.reload(&one);
    assert_eq!(
        kept.send("GET", "/", &[], &[]).expect("an answer").status,
        200
    );
}

#[test]
fn a_listener_with_other_settings_takes_leave_of_its_connections() {
    let app = stub();
    let life = Life::start(&spec(&app, SITE));
    let mut kept = life.client().connect().expect("it listens");
    assert_eq!(
        kept.send("GET", "/", &[], &[]).expect("an answer").status,
        200
    );
    let trusting = "address: 127.0.0.1, trusted_proxies: [10.0.0.0/8]";
    life.reload(&spec(&app, SITE).replace("address: 127.0.0.1", trusting));
    assert!(kept.ends_within(Duration::from_secs(2)).expect("readable"));
    assert_eq!(life.status("/"), 200);
}

#[test]
fn what_stays_keeps_its_counters_and_buckets() {
    let app = stub();
    let limited = "  - { name: site, path: /, upstream: app, limits: { requests: { rate: 1/h, burst: 1, per: client } } }\n";
    let life = Life::start(&spec(&app, limited));
    assert_eq!(life.status("/"), 200);
    life.reload(&spec(&app, &[limited, SOCKET].concat()));
    assert_eq!(life.status("/"), 200);
    assert_eq!(life.status("/"), 429);
    let count = life.metric("wsgen_requests_total{route=\"site\",status=\"2xx\"}");
    assert_eq!(count, 2.0);
}

#[test]
fn a_metrics_listener_that_is_gone_answers_no_more() {
    let app = stub();
    let life = Life::start(&spec(&app, SITE));
    assert_eq!(life.ask("/healthz").0, 200);
    life.reload(&spec(&app, SITE).replace("metrics: { port: ADMIN }\n", ""));
    until("nobody listens", || {
        Client::new(life.admin).connect().is_err()
    });
    life.reload(&spec(&app, SITE));
    assert_eq!(life.ask("/healthz").0, 200);
}

#[test]
fn a_hundred_reloads_leave_nothing_behind() {
    let app = stub();
    let mut routes = String::new();
    for at in 0..300 {
        routes.push_str(&format!(
            "  - {{ name: r{at}, path: /r{at}, upstream: app }}\n"
        ));
    }
    let text = spec(&app, &[SOCKET, &routes].concat());
    let life = Life::start(&text);
    let mut tunnels = Vec::new();
    let mut round = |at: usize| {
        // A tunnel and a kept connection of every generation.
        if at.is_multiple_of(10) {
            tunnels.push(life.tunnel("/ws"));
        }
        assert_eq!(life.status("/r7"), 200);
        life.reload(&text.replace("/r299,", &format!("/other{at},")));
    };
    (0..100).for_each(&mut round);
    until("old specs are gone", || {
        life.metric("wsgen_generations") == 1.0
    });
    for tunnel in &mut tunnels {
        tunnel.try_echo("still here").expect("it lives");
    }
}

#[test]
fn a_server_that_is_down_stays_down() {
    let app = stub();
    app.answer("/health", Answer::status(500).to_checks());
    let checked = |weight: u8| {
        spec(&app, SITE).replace(
            &format!("servers: [\"{}\"]", app.address()),
            &format!(
                "servers: [{{ address: \"{}\", weight: {weight} }}], health: {{ http: {{ path: /health }}, interval: 300ms, timeout: 200ms, fall: 3 }}",
                app.address()
            ),
        )
    };
    let life = Life::start(&checked(1));
    let healthy = format!(
        "wsgen_server_healthy{{upstream=\"app\",server=\"{}\"}}",
        app.address()
    );
    until("it is down", || life.metric(&healthy) == 0.0);
    assert_eq!(life.status("/"), 503);
    // Another weight does not make it another server.
    life.reload(&checked(7));
    assert_eq!(life.status("/"), 503);
    // Without checks nobody would find it well again.
    life.reload(&spec(&app, SITE));
    assert_eq!(life.status("/"), 200);
}

#[test]
fn keys_that_were_fetched_are_kept_until_they_are_fetched_anew() {
    let signer = Signer::new("a");
    let (set, token) = (signer.set(), signer.bearer());

    let app = stub();
    app.answer("/keys", Answer::status(200).body(set));
    let guarded = spec(
        &app,
        "  - { name: site, path: /, upstream: app, auth: members }\n",
    ) + &format!(
        "auth: {{ members: {{ jwt: {{ keys: {{ jwks: {{ url: \"http://{}/keys\", algorithms: [es256] }} }} }} }} }}\n",
        app.address()
    );
    let life = Life::start(&guarded);
    let status = || {
        let answer = life.client().try_get("/", &[("Authorization", &token)]);
        answer.expect("it answers").status
    };
    until("the keys are there", || status() == 200);
    app.answer("/keys", Answer::status(500).after(Duration::from_secs(2)));
    life.reload(&format!("{guarded}# changed\n"));
    assert_eq!(status(), 200);
}

#[test]
fn a_change_of_a_file_is_a_reload_where_it_is_watched() {
    let app = stub();
    // Passwords of Apache's own kind: `secret`, then `other`.
    let (secret, other) = (
        "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n",
        "me:{SHA}0JQeaNqPOBUf+Gph/Fn3xc+fyqI=\n",
    );
    let folder = Scratch::new("proxy-passwords");
    let file = folder.write("htpasswd", secret);
    let guarded = spec(
        &app,
        "  - { name: site, path: /, upstream: app, auth: staff }\n",
    ) + &format!(
        "auth: {{ staff: {{ basic: {{ file: {}, realm: staff }} }} }}\n",
        file.display()
    );
    let life = Life::start_with(&guarded, &["--watch"]);
    let status = |password: &str| {
        let basic = wsgen::verify::keyring::basic(("me", password));
        let answer = life.client().try_get("/", &[("Authorization", &basic)]);
        answer.expect("it answers").status
    };
    assert_eq!(status("secret"), 200);
    // As editors do it: another file takes the name.
    let new = folder.write("htpasswd~", other);
    std::fs::rename(new, &file).expect("renamed");
    life.wait("reloaded\n", 1);
    assert_eq!((status("secret"), status("other")), (401, 200));
    life.write("nonsense");
    life.wait("reload refused", 1);
    assert_eq!(status("other"), 200);
    life.write(&spec(&app, SITE));
    life.wait("reloaded\n", 2);
    assert_eq!(life.status("/"), 200);
    // What has not changed is not read again.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(life.said().matches("reloaded").count(), 2);
}

/// `respond: {file}` is read when the spec is.
#[test]
fn a_file_of_an_answer_is_watched() {
    let folder = Scratch::new("proxy-answer");
    let page = folder.write("page.txt", "one");
    let text = format!(
        "{HEAD}listeners: {{ web: {{ port: LISTEN, address: 127.0.0.1 }} }}\n\
         routes: [{{ name: page, path: /, respond: {{ status: 200, file: {} }} }}]\n",
        page.display()
    );
    let life = Life::start_with(&text, &["--watch"]);
    let body = || life.client().try_get("/", &[]).expect("an answer").text();
    assert_eq!(body(), "one");
    folder.write("page.txt", "two!");
    life.wait("reloaded\n", 1);
    assert_eq!(body(), "two!");
}

/// From every address to one of them, and back: the port is ours already.
#[test]
fn a_listener_may_have_another_address_of_its_port() {
    let app = stub();
    let every = spec(&app, SITE).replace(", address: 127.0.0.1", "");
    let one = spec(&app, SITE);
    let life = Life::start(&every);
    let elsewhere = || {
        let address = std::net::SocketAddr::from(([127, 0, 0, 2], life.address.port()));
        Client::new(address)
            .try_get("/", &[])
            .map(|answer| answer.status)
            .ok()
    };
    assert_eq!((life.status("/"), elsewhere()), (200, Some(200)));
    for (spec, wanted) in [(&one, None), (&every, Some(200)), (&one, None)] {
        life.reload(spec);
        until("it is as the spec says", || elsewhere() == wanted);
        assert_eq!(life.status("/"), 200);
    }
    // What is told is where it listens now.
    assert!(
        life.said().matches("Listening").count() >= 4,
        "{}",
        life.said()
    );
    // Another program cannot have the port all the same.
    let other = std::net::TcpListener::bind(life.address);
    assert!(other.is_err());
}
