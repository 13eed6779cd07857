//! The ACME authority proves itself: the real programs come to their certificates, and only where the host shows its proof.

use std::time::{Duration, Instant};

use std::sync::Arc;
use wsgen::ir::AcmeChallenge;
use wsgen::verify::process::Running;
use wsgen::verify::stub::acme::Acme;

use super::{Authority, Client, local, port};
use crate::programs::{CADDY, Program, TRAEFIK, present};

/// One host over TLS, whose certificate the authority has to issue.
fn files(
    program: &Program,
    (plain, secure): (u16, u16),
    challenge: AcmeChallenge,
    directory: &str,
) -> Vec<(&'static str, String)> {
    let http = challenge == AcmeChallenge::Http;
    if program.found().program.target() == "caddy" {
        let off = match http {
            true => r#""tls-alpn": { "disabled": true }"#,
            false => r#""http": { "disabled": true }"#,
        };
        let text = format!(
            r#"{{ "apps": {{
  "http": {{ "http_port": {plain}, "https_port": {secure}, "servers": {{
    "plain": {{ "listen": ["127.0.0.1:{plain}"], "automatic_https": {{ "disable": true }}, "routes": [{{ "handle": [{{ "handler": "static_response", "status_code": 404 }}] }}] }},
    "secure": {{ "listen": ["127.0.0.1:{secure}"], "automatic_https": {{ "disable_redirects": true }},
      "tls_connection_policies": [{{}}],
      "routes": [{{ "match": [{{ "host": ["example.com"] }}], "handle": [{{ "handler": "static_response", "status_code": 204 }}] }}] }} }} }},
  "tls": {{ "automation": {{ "policies": [{{ "subjects": ["example.com"], "issuers": [
    {{ "module": "acme", "ca": "{directory}", "email": "ops@example.com", "challenges": {{ {off} }} }}] }}] }} }} }} }}"#
        );
        return vec![("caddy.json", text)];
    }
    let how = match http {
        true => "httpChallenge: { entryPoint: plain }",
        false => "tlsChallenge: {}",
    };
    let text = format!(
        r#"entryPoints:
  plain: {{ address: "127.0.0.1:{plain}" }}
  secure: {{ address: "127.0.0.1:{secure}" }}
providers: {{ file: {{ filename: "dynamic.yml" }} }}
certificatesResolvers:
  own: {{ acme: {{ email: "ops@example.com", caServer: "{directory}", storage: "acme.json", {how} }} }}
"#
    );
    let dynamic = r#"http:
  routers:
    all: { rule: 'Host("example.com")', entryPoints: [secure], service: noop@internal, tls: { certResolver: own } }
"#;
    vec![("traefik.yml", text), ("dynamic.yml", dynamic.to_owned())]
}

/// The program, started beside an authority that looks for it at these ports.
fn order(program: &Program, challenge: AcmeChallenge, found: bool) -> (Acme, Running, Client) {
    let (site, servers) = (Arc::new(Authority::new()), Authority::new());
    let acme = Acme::start(Arc::clone(&site), &servers).expect("an authority");
    let ports = (port(), port());
    if found {
        acme.reach(Some(local(ports.0)), Some(local(ports.1)));
    }
    let folder = wsgen::verify::folder::Folder::new("acme").expect("a folder");
    let trusted = folder.write("servers.pem", servers.pem()).expect("a file");
    let env = [(
        "SSL_CERT_FILE".to_owned(),
        trusted.to_string_lossy().into_owned(),
    )];
    let files = files(program, ports, challenge, &acme.directory());
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let run = Running::start_in(
        folder,
        program.found(),
        &files,
        &[local(ports.0), local(ports.1)],
        &env,
    );
    let run = run.unwrap_or_else(|why| panic!("{why}"));
    let client = Client::new(local(ports.1)).host("example.com").tls(&site);
    (acme, run, client)
}

#[test]
fn acme_certificates_are_ordered_proved_and_served() {
    for program in present(&[&TRAEFIK[..], &CADDY].concat()) {
        for challenge in [AcmeChallenge::Http, AcmeChallenge::TlsAlpn] {
            let what = format!("{} by {challenge:?}", program.name);
            let (acme, run, client) = order(&program, challenge, true);
            let start = Instant::now();
            while client.connect().is_err() {
                assert!(
                    start.elapsed() < Duration::from_secs(20),
                    "{what}: {:?}\n{}",
                    acme.trials(),
                    run.said()
                );
                std::thread::sleep(Duration::from_millis(20));
            }
            let leaf = client.leaf(Some("example.com")).expect("a certificate");
            assert!(acme.has_issued(&leaf), "{what}");
            let trials = acme.trials();
            assert!(
                trials.iter().all(|it| it.challenge == challenge),
                "{what}: {trials:?}"
            );
            assert!(
                trials.iter().any(|it| it.failure.is_none()),
                "{what}: {trials:?}"
            );
        }
    }
}

#[test]
fn acme_issues_nothing_to_a_host_that_is_not_reached() {
    for program in present(&CADDY) {
        let (acme, _run, client) = order(&program, AcmeChallenge::Http, false);
        let start = Instant::now();
        while acme.trials().is_empty() && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(acme.trials().iter().all(|it| it.failure.is_some()));
        assert!(!acme.trials().is_empty());
        assert!(client.connect().is_err());
    }
}
