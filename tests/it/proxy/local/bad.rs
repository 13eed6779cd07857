//! What keeps a spec from being served on this machine: its line, underlined, and what to do; nothing is bound.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use super::{Call, free};

/// A spec on this port, with more in it.
fn spec(port: u16, server: &str, more: &str) -> String {
    format!(
        "wsgen: 1\nlisteners:\n  web: {{ port: {port}, address: 127.0.0.1 }}\nupstreams:\n  app: {{ servers: [\"{server}\"] }}\nroutes:\n  - {{ name: app, upstream: app }}\n{more}"
    )
}

/// The same port speaks TLS with these files.
fn tls(port: u16, cert: &str, key: &str) -> String {
    format!(
        "wsgen: 1\nlisteners:\n  web: {{ port: {port}, tls: {{ certificates: [site] }} }}\ncertificates:\n  site:\n    hosts: [example.com]\n    cert: {cert}\n    key: {key}\n\
         upstreams:\n  app: {{ servers: [\"127.0.0.1:1\"] }}\nroutes:\n  - {{ name: app, host: example.com, upstream: app }}\n"
    )
}

/// It ends with 2, says all of this, and nothing listens.
#[track_caller]
fn refused(call: Call, port: Option<u16>, says: &[&str]) {
    let (status, said) = call.ends();
    assert_eq!(status, 2, "{said}");
    for told in says {
        assert!(said.contains(told), "{told}\n{said}");
    }
    if let Some(port) = port {
        assert!(
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(),
            "it listens"
        );
    }
}

#[test]
fn a_spec_with_errors_binds_nothing() {
    let port = free();
    let text = spec(port, "127.0.0.1:1", "rutes: []\n");
    for local in ["", "--local"] {
        refused(
            Call::new(&text).args(local),
            Some(port),
            &["spec.yaml:8:1", "rutes", "did you mean"],
        );
    }
}

#[test]
fn a_port_in_use_is_told_at_its_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("bound").port();
    for local in ["", "--local"] {
        let call = Call::new(&spec(port, "127.0.0.1:1", "")).args(local);
        let place = "spec.yaml:3:16";
        refused(
            call,
            None,
            &[
                place,
                &format!("127.0.0.1:{port}"),
                "another program listens there",
                "help: ",
            ],
        );
    }
    // Of several, none is left bound.
    let other = free();
    let text = spec(
        other,
        "127.0.0.1:1",
        &format!("metrics: {{ port: {port} }}\n"),
    );
    refused(Call::new(&text), Some(other), &["spec.yaml:8:18"]);
}

#[test]
fn keys_that_cannot_be_read_or_do_not_fit_are_told_at_their_line() {
    let (one, other) = (
        rcgen::generate_simple_self_signed(["example.com".to_owned()]),
        rcgen::generate_simple_self_signed(["example.com".to_owned()]),
    );
    let (one, other) = (one.expect("made"), other.expect("made"));
    let port = free();
    let call = |cert: &str, key: &str| {
        let call = Call::new(&tls(port, cert, key));
        call.home.write("site.crt", one.cert.pem());
        call.home.write("site.key", one.signing_key.serialize_pem());
        call.home
            .write("other.key", other.signing_key.serialize_pem());
        call.home.write("odd.key", "no key\n");
        call
    };
    for local in ["", "--local"] {
        refused(
            call("site.crt", "other.key").args(local),
            Some(port),
            &[
                "spec.yaml:8:10",
                "other.key is not the key of site.crt",
                "help: ",
            ],
        );
        refused(
            call("site.crt", "odd.key").args(local),
            Some(port),
            &["spec.yaml:8:10", "odd.key holds no private key"],
        );
        // One of two is no fresh machine.
        refused(
            call("site.crt", "none.key").args(local),
            Some(port),
            &["spec.yaml:8:10", "none.key", "help: "],
        );
        refused(
            call("none.crt", "site.key").args(local),
            Some(port),
            &["spec.yaml:7:11", "none.crt", "help: "],
        );
    }
    refused(
        call("none.crt", "none.key"),
        Some(port),
        &["spec.yaml:7:11", "--local"],
    );
}

#[test]
fn descriptors_are_raised_and_too_few_are_told() {
    let port = free();
    let mut call = Call::new(&spec(
        port,
        "127.0.0.1:1",
        "runtime:\n  max_connections: 50000\n",
    ));
    call.files = Some(300);
    let proxy = call.start();
    let says = proxy.says();
    for told in [
        "spec.yaml:9:20",
        "the system gives 300",
        "LimitNOFILE=",
        "max_connections: 118",
    ] {
        assert!(says.contains(told), "{told}\n{says}");
    }
    drop(proxy);
    // Only the soft limit is low: it goes up, and nothing is said.
    let mut call = Call::new(&spec(
        port,
        "127.0.0.1:1",
        "runtime:\n  max_connections: 1000\n",
    ));
    call.soft = Some(64);
    let proxy = call.start();
    let says = proxy.says();
    assert!(!says.contains("descriptors"), "{says}");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", proxy.child.id()));
    if let Ok(limits) = limits {
        let files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"))
            .expect("a line");
        let soft: u64 = files
            .split_whitespace()
            .nth(3)
            .and_then(|it| it.parse().ok())
            .expect("a number");
        assert!(soft >= 2000, "{files}");
    }
}
