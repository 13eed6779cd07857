//! TLS as clients of all ages speak it: the versions and suites of a profile, protocols that are offered, names that are asked for,
//! sessions that are taken up again.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion, version};
use wsgen::verify::stub::Stub;
use wsgen::verify::wire::hello::{Offered, SUITES, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, suite};
use wsgen::verify::wire::{Authority, Client, Pair, Stream};

use super::super::serving::Serving;

/// A proxy whose files are in its folder, and a server that says what it saw.
struct Site {
    authority: Authority,
    serving: Serving,
    server: Stub,
    /// The certificates, DER, as clients get them.
    leaves: Vec<Vec<u8>>,
}

/// `listener` is what is beside its port, `tls` what is beside its certificates.
fn start(listener: &str, tls: &str) -> Site {
    let authority = Authority::new();
    let server = Stub::try_start("app").expect("a port is free");
    let pairs: Vec<Pair> = [&["one.example"][..], &["two.example", "*.two.example"]]
        .iter()
        .map(|names| authority.try_issue(names).expect("a pair"))
        .collect();
    let spec = format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1{listener}, tls: {{ certificates: [one, two]{tls} }} }} }}\n\
         certificates:\n  one: {{ hosts: [one.example], cert: one.pem, key: one.key }}\n\
         \x20 two: {{ hosts: [two.example, \"*.two.example\"], cert: two.pem, key: two.key }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         routes: [{{ name: app, path: /, upstream: app, request_headers: {{ set: {{ X-Subject: {{ from: tls_subject }} }} }} }}]\n\
         runtime: {{ workers: 2 }}\n",
        server.address()
    );
    let ca = authority.pem();
    let files = [
        ("one.pem", pairs[0].cert.as_str()),
        ("one.key", &pairs[0].key),
        ("two.pem", &pairs[1].cert),
        ("two.key", &pairs[1].key),
        ("ca.pem", &ca),
    ];
    let serving = Serving::with(&spec, &files);
    let der = |pair: &Pair| CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("PEM");
    let leaves = pairs.iter().map(|pair| der(pair).to_vec()).collect();
    Site {
        authority,
        serving,
        server,
        leaves,
    }
}

impl Site {
    fn client(&self) -> Client {
        self.serving
            .client()
            .host("one.example")
            .tls(&self.authority)
    }

    /// A client of these versions alone.
    fn config(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&Pair>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let pem = self.authority.pem();
        let root = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
        roots.add(root).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("ring has them")
            .with_root_certificates(roots);
        Arc::new(match own {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain =
                    vec![CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("PEM")];
                let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(pair.key.as_bytes());
                let built = builder.with_client_auth_cert(chain, key.expect("PEM"));
                built.expect("a pair")
            }
        })
    }
}

/// Mozilla's guidelines 5.x, and what no client may have any more.
#[test]
fn a_profile_is_its_versions_and_suites() {
    // `handshake_failure` and `protocol_version`.
    const REFUSALS: [Offered; 2] = [Offered::Refused(Some(40)), Offered::Refused(Some(70))];
    for profile in ["intermediate", "modern"] {
        let site = start("", &format!(", profile: {profile}"));
        let client = site.serving.client();
        let mut faults = Vec::new();
        for offered in [TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3] {
            for (name, number) in SUITES {
                let came = client.offer(offered, &[number], Some("one.example"));
                let came = came.expect("an answer");
                let new = name.starts_with("TLS_");
                // Its keys are of ECDSA.
                let own = name.starts_with("ECDHE-ECDSA-")
                    && (name.contains("-GCM-") || name.contains("CHACHA20"));
                let accepted = match offered {
                    TLS_1_3 => new,
                    TLS_1_2 => own && profile == "intermediate",
                    _ => false,
                };
                let fits = match came {
                    Offered::Accepted { version, suite } => {
                        accepted && version == offered && suite == number
                    }
                    refused => !accepted && REFUSALS.contains(&refused),
                };
                if !fits {
                    faults.push(format!("{profile}: {offered:x} {name}: {came:?}"));
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        // The newest that both know, and the server's order of suites does not matter to who can do one.
        let all: Vec<u16> = SUITES.iter().map(|(_, number)| *number).collect();
        let came = client.offer(TLS_1_3, &all, Some("one.example"));
        let newest = came.expect("an answer");
        assert!(
            matches!(
                newest,
                Offered::Accepted {
                    version: TLS_1_3,
                    ..
                }
            ),
            "{newest:?}"
        );
        let weak = suite("AES128-SHA").expect("a suite");
        let came = client.offer(TLS_1_2, &[weak], Some("one.example"));
        assert!(matches!(came, Ok(Offered::Refused(Some(_)))), "{came:?}");
    }
}

/// What a client offers by ALPN, and what it is then spoken to in.
#[test]
fn a_protocol_is_offered_and_chosen() {
    for (http2, table) in [
        (
            "on",
            [
                (&["h2", "http/1.1"][..], Ok(Some("h2"))),
                (&["http/1.1", "h2"], Ok(Some("h2"))),
                (&["h2"], Ok(Some("h2"))),
                (&["http/1.1"], Ok(Some("http/1.1"))),
                (&["spdy/3", "http/1.1"], Ok(Some("http/1.1"))),
                (&[], Ok(None)),
                (&["spdy/3"], Err(())),
                (&["H2"], Err(())),
            ],
        ),
        (
            "off",
            [
                (&["h2", "http/1.1"][..], Ok(Some("http/1.1"))),
                (&["http/1.1", "h2"], Ok(Some("http/1.1"))),
                // RFC 7301 §3.2: nobody speaks what the other does not.
                (&["h2"], Err(())),
                (&["http/1.1"], Ok(Some("http/1.1"))),
                (&["spdy/3", "http/1.1"], Ok(Some("http/1.1"))),
                (&[], Ok(None)),
                (&["spdy/3"], Err(())),
                (&["H2"], Err(())),
            ],
        ),
    ] {
        let site = start(&format!(", http2: {http2}"), "");
        let client = site.client();
        for (offered, wanted) in table {
            let came = client.alpn(offered);
            let chosen = came.as_ref().map(Option::as_deref).map_err(|_| ());
            assert_eq!(chosen, wanted, "{offered:?}, HTTP/2 {http2}: {came:?}");
        }
        // Who offers nothing is spoken to in HTTP/1.1.
        let silent = site
            .client()
            .tls_with(site.config(&[&version::TLS13], None));
        let answer = silent.try_get("/", &[]).expect("an answer");
        assert_eq!(
            answer.try_seen().expect("what was seen").version,
            "HTTP/1.1"
        );
        assert_eq!(client.http2().is_ok(), http2 == "on");
        // And who was told HTTP/1.1 is not spoken to in another one.
        let mut connection = client.connect().expect("TLS");
        connection
            .write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .expect("it reads");
        let said = connection.response("GET");
        assert!(said.as_ref().is_err() || said.is_ok_and(|it| it.status >= 400));
    }
}

/// The certificate is the one of the name that is asked for; who asks for another, or for none, gets the first.
#[test]
fn a_name_has_its_certificate() {
    let site = start("", "");
    let client = site.client();
    for (name, wanted) in [
        (Some("one.example"), 0),
        (Some("ONE.example"), 0),
        (Some("two.example"), 1),
        (Some("a.two.example"), 1),
        // A wildcard is one label.
        (Some("a.b.two.example"), 0),
        (Some("three.example"), 0),
        (Some("127.0.0.1"), 0),
        (None, 0),
    ] {
        let leaf = client.leaf(name).expect("a certificate");
        let at = site.leaves.iter().position(|it| *it == leaf);
        assert_eq!(at, Some(wanted), "{name:?}");
    }
}

fn kind(client: &Client) -> Option<HandshakeKind> {
    let mut connection = client.connect().expect("TLS");
    // Tickets come after the handshake.
    let answer = connection.send("GET", "/", &[], b"").expect("an answer");
    assert_eq!(answer.status, 200);
    match connection.stream() {
        Stream::Client(tls) => tls.conn.handshake_kind(),
        _ => None,
    }
}

/// A client that comes again is spared a whole handshake, whichever thread it meets; who it is goes with it.
#[test]
fn a_session_is_taken_up_again() {
    let own = ", client_auth: { ca: ca.pem, mode: optional }";
    for (versions, tls) in [
        (&[&version::TLS13][..], ""),
        (&[&version::TLS12], ""),
        (&[&version::TLS13], own),
        (&[&version::TLS12], own),
    ] {
        let site = start("", tls);
        let pair = site.authority.try_issue(&["ann.example"]).expect("a pair");
        let pair = (!tls.is_empty()).then_some(&pair);
        let client = site.client().tls_with(site.config(versions, pair));
        let first = kind(&client);
        assert_eq!(first, Some(HandshakeKind::Full), "{versions:?}{tls}");
        for _ in 0..8 {
            let again = kind(&client);
            assert_eq!(again, Some(HandshakeKind::Resumed), "{versions:?}{tls}");
        }
        let seen = site.server.requests();
        let wanted = pair.map(|_| "CN=ann.example");
        assert!(
            seen.iter().all(|it| it.header("x-subject") == wanted),
            "{seen:?}"
        );
        // Under another name it is another session.
        let other = kind(&client.server_name("two.example"));
        assert_eq!(other, Some(HandshakeKind::Full), "{versions:?}{tls}");
    }
}
