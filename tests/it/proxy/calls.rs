//! Calls of `wsgen proxy` that cannot be served as they are meant: said at once, nothing is bound.

use crate::cli::{Cli, Done};

const SPEC: &str = "\
wsgen: 1
name: ${NAME:-x}
listeners:
  s: { port: 18443, tls: { certificates: [site] } }
certificates:
  site: { hosts: [example.com], cert: cert.pem, key: key.pem }
upstreams:
  app: { servers: [127.0.0.1:9] }
routes:
  - { host: example.com, upstream: app }
";

fn refused(args: &str) -> Done {
    Cli::new(args)
        .bytes("spec.yaml", SPEC.as_bytes())
        .bytes("more.yaml", b"name: more\n")
        .run()
        .status(2)
}

#[test]
fn an_option_is_not_given_twice() {
    refused("proxy spec.yaml --check --port s=1 --port s=2")
        .stderr_has("`--port s=…` is given twice");
    refused("proxy spec.yaml --check --upstream app=127.0.0.1:1 --upstream app=127.0.0.1:1")
        .stderr_has("`--upstream app=…` names a server twice");
    // Several servers of one upstream are no slip: what keeps this from being served is the certificate alone.
    let several = "proxy spec.yaml --check --upstream app=127.0.0.1:1 --upstream app=127.0.0.1:2";
    let said = refused(several).stderr;
    assert!(
        !said.contains("twice") && said.contains("cert.pem"),
        "{said}"
    );
}

#[test]
fn nothing_is_put_over_a_rendered_file() {
    let rendered = Cli::new("render spec.yaml --target proxy")
        .bytes("spec.yaml", SPEC.as_bytes())
        .run()
        .status(0)
        .stdout;
    for option in ["-f more.yaml", "--set NAME=y", "--env-file env"] {
        let name = option.split(' ').next().expect("a word");
        Cli::new(&format!("proxy proxy.json --check {option}"))
            .bytes("proxy.json", rendered.as_bytes())
            .bytes("more.yaml", b"name: more\n")
            .bytes("env", b"NAME=y\n")
            .run()
            .status(2)
            .stderr_has(&format!(
                "`{name}` changes a spec, and this is the file that was rendered"
            ));
    }
    Cli::new("proxy - --check")
        .stdin(&rendered)
        .run()
        .status(2)
        .stderr_has("standard input holds a rendered file")
        .stderr_has("name the file");
}

#[test]
fn a_file_that_is_no_certificate_is_told_what_it_is() {
    let made = rcgen::generate_simple_self_signed(["example.com".to_owned()]).expect("made");
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let pkcs8 =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let older = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMIIB\n-----END RSA PRIVATE KEY-----\n";
    let torn = key.replace("-----END", "----END");
    let call = |cert: &str, key: &str| {
        Cli::new("proxy spec.yaml --check")
            .bytes("spec.yaml", SPEC.as_bytes())
            .bytes("cert.pem", cert.as_bytes())
            .bytes("key.pem", key.as_bytes())
            .run()
    };
    call(&cert, &key).status(0);
    for (files, says, help) in [
        (
            (&*cert, pkcs8),
            "key.pem is locked with a passphrase",
            "openssl pkey",
        ),
        (
            (&*cert, older),
            "key.pem is locked with a passphrase",
            "openssl pkey",
        ),
        (
            (&*key, &*cert),
            "cert.pem holds a private key, and no certificate",
            "swapped",
        ),
        (
            (&*cert, &*cert),
            "key.pem holds a certificate, and no private key",
            "swapped",
        ),
        (
            (&*cert, "hello\n"),
            "key.pem holds no private key",
            "-----BEGIN",
        ),
        (
            ("hello\n", &*key),
            "cert.pem holds no certificate",
            "-----BEGIN",
        ),
        ((&*cert, &*torn), "key.pem is damaged", "copy it anew"),
    ] {
        call(files.0, files.1)
            .status(2)
            .stderr_has(says)
            .stderr_has(help);
    }
    let at = |path: &str| {
        let spec = SPEC.replace("cert.pem", path);
        Cli::new("proxy spec.yaml --check")
            .bytes("spec.yaml", spec.as_bytes())
            .run()
            .status(2)
    };
    at("/tmp")
        .stderr_has("/tmp cannot be read: Is a directory")
        .stderr_has("name the file in it");
    at("/dev/zero").stderr_has("/dev/zero is longer than 16 MiB");
    let spec = SPEC.replace("cert.pem", "/dev/zero");
    Cli::new("lint --files spec.yaml")
        .bytes("spec.yaml", spec.as_bytes())
        .run()
        .status(1)
        .stdout_has("`/dev/zero` cannot be read: it is longer than 16 MiB");
}
