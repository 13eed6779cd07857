//! TLS and people who mean harm: certificates of nobody, names that do not agree.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use wsgen::verify::wire::{Authority, Client, Pair};

use super::Site;

const SPEC: &str = "\
wsgen: 1
listeners:
  secure:
    port: PORT
    address: 127.0.0.1
    MORE
    tls: { certificates: [one, two], AUTH }
certificates:
  one: { hosts: [one.example], cert: FOLDER/one.pem, key: FOLDER/one.key }
  two: { hosts: [two.example], cert: FOLDER/two.pem, key: FOLDER/two.key }
upstreams: { app: { servers: [\"SERVER\"] } }
routes:
  - { name: one, host: one.example, upstream: app, request_headers: { set: { X-Subject: { from: tls_subject } } } }
  - { name: two, host: two.example, respond: { status: 200, body: two } }
";

fn start(authority: &Authority, more: &str, auth: &str, clients: &str) -> Site {
    let one = authority.try_issue(&["one.example"]).expect("a pair");
    let two = authority.try_issue(&["two.example"]).expect("a pair");
    let files = [
        ("one.pem", one.cert.as_str()),
        ("one.key", one.key.as_str()),
        ("two.pem", two.cert.as_str()),
        ("two.key", two.key.as_str()),
        ("clients.pem", clients),
    ];
    Site::with(
        &SPEC.replace("MORE", more).replace("AUTH", auth),
        &files,
        &[],
    )
}

/// An authority, and a client's pair of it that ended in this year.
fn issued(until: i32) -> (String, Pair) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let own = params.self_signed(&key).expect("an authority").pem();
    let issuer = Issuer::new(params, key);
    let mut params = CertificateParams::new(vec!["ann.example".to_owned()]).expect("parameters");
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let cert = params.signed_by(&key, &issuer).expect("a certificate");
    let pair = Pair {
        cert: cert.pem(),
        key: key.serialize_pem(),
    };
    (own, pair)
}

fn status(client: &Client) -> Option<u16> {
    client.try_get("/", &[]).ok().map(|answer| answer.status)
}

#[test]
fn clients_show_a_certificate_that_is_good_now() {
    let servers = Authority::new();
    let (authority, good) = issued(3000);
    let (foreign, stranger) = issued(3000);
    let (old_authority, old) = issued(2001);
    let both = format!("{authority}{old_authority}");
    assert_ne!(authority, foreign);
    for (mode, nobody) in [("require", None), ("optional", Some(200))] {
        let auth = format!("client_auth: {{ ca: FOLDER/clients.pem, mode: {mode} }}");
        let site = start(&servers, "", &auth, &both);
        let client = site.client().host("one.example");
        let with = |pair: &Pair| client.clone().tls_as(&servers, pair).expect("a pair");
        assert_eq!(status(&with(&good)), Some(200), "{mode}");
        assert_eq!(status(&with(&stranger)), None, "{mode}");
        assert_eq!(status(&with(&old)), None, "{mode}");
        assert_eq!(status(&client.clone().tls(&servers)), nobody, "{mode}");
        let seen = site.stub.requests();
        let subject = seen[0].header("x-subject").expect("a subject");
        assert!(subject.starts_with("CN="), "{subject}");
        // A client's own word is no certificate's.
        if nobody.is_some() {
            let client = client.clone().tls(&servers);
            client
                .try_get("/", &[("X-Subject", "CN=root")])
                .expect("an answer");
            let last = site.stub.requests().pop().expect("it arrived");
            assert_eq!(last.header("x-subject"), None);
        }
    }
}

/// What a listener asks of its clients it asks of all: a name in the handshake that is not the request's opens nothing more.
#[test]
fn names_that_do_not_agree_open_nothing() {
    let servers = Authority::new();
    let site = start(&servers, "", "", "");
    let client = site.client().host("two.example").tls(&servers);
    let answer = client.clone().server_name("one.example").try_get("/", &[]);
    assert_eq!(answer.expect("an answer").text(), "two");
    let site = start(&servers, "unknown_host: close", "", "");
    let client = site.client().host("two.example").tls(&servers);
    assert_eq!(status(&client), Some(200));
    // Unknown in the handshake, then unknown in the request.
    assert_eq!(status(&client.clone().server_name("three.example")), None);
    let client = site.client().host("three.example").tls(&servers);
    assert_eq!(status(&client.server_name("one.example")), None);
}
