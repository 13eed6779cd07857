//! certificate-missing: files that the spec names and that are not there, or hold something else.

use super::pem;
use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{AuthKind, CertificateSource, Gateway, JwtKeys, Loc, Secret, Set};

pub(super) const RULE: Rule = Rule::files(
    Level::Error,
    "certificate-missing",
    include_str!("certificate_missing.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some(disk) = subject.disk else {
        return;
    };
    for (path, at, kind) in named(subject.gateway) {
        let title = match disk.files.bytes(path) {
            Err(why) => format!("`{path}` cannot be read: {why}"),
            Ok(bytes) => match kind {
                Kind::Certificate if pem::certificate(&bytes).is_none() => {
                    if pem::has_key(&bytes) {
                        format!("`{path}` holds a private key, and no certificate")
                    } else {
                        format!("`{path}` holds no certificate")
                    }
                }
                Kind::Key if pem::is_locked(&bytes) => {
                    findings
                        .at(at, format!("`{path}` is locked with a passphrase"))
                        .note("the program asks for it at every start, or does not start")
                        .help("put the key there without: `openssl pkey -in locked.key -out plain.key`");
                    continue;
                }
                Kind::Key if !pem::has_key(&bytes) => {
                    if pem::certificate(&bytes).is_some() {
                        format!("`{path}` holds a certificate, and no private key")
                    } else {
                        format!("`{path}` holds no private key")
                    }
                }
                Kind::Certificate | Kind::Key | Kind::Any => continue,
            },
        };
        findings
            .at(at, title)
            .note("the program does not start, or does not reload, without it")
            .help("put the file there in PEM; with `--files`, lint runs where the proxy will run");
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Certificate,
    Key,
    Any,
}

/// Every file that a program reads, where it is named, and what it must hold.
fn named(gateway: &Gateway) -> Vec<(&str, Loc, Kind)> {
    fn of(text: &Set<String>, kind: Kind) -> (&str, Loc, Kind) {
        (text.value.as_str(), text.loc(), kind)
    }
    let mut files = Vec::new();
    for certificate in &gateway.certificates {
        if let CertificateSource::Files { cert, key } = &certificate.source {
            files.extend([of(cert, Kind::Certificate), of(key, Kind::Key)]);
        }
    }
    for tls in gateway.listeners.iter().filter_map(|it| it.tls.as_ref()) {
        files.extend(tls.client_auth.as_ref().map(|it| of(&it.ca, Kind::Certificate)));
    }
    for tls in gateway.upstreams.iter().filter_map(|it| it.tls.as_ref()) {
        files.extend(tls.ca.as_ref().map(|ca| of(ca, Kind::Certificate)));
        if let Some((cert, key)) = &tls.client {
            files.extend([of(cert, Kind::Certificate), of(key, Kind::Key)]);
        }
    }
    for auth in &gateway.auth {
        match &auth.kind {
            AuthKind::Basic(basic) => files.push(of(&basic.file, Kind::Any)),
            AuthKind::ApiKey(key) => {
                if let Secret::File(file) = &key.keys.value {
                    files.push((file, key.keys.loc(), Kind::Any));
                }
            }
            AuthKind::Jwt(jwt) => match &jwt.keys.value {
                JwtKeys::Key {
                    key: Secret::File(file),
                    ..
                }
                | JwtKeys::JwksFile { file, .. } => files.push((file, jwt.keys.loc(), Kind::Any)),
                JwtKeys::Key { .. } | JwtKeys::JwksUrl { .. } => {}
            },
            AuthKind::Forward(_) => {}
        }
    }
    files
}
