//! key-mismatch: a private key that belongs to another certificate.

use super::pem;
use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::CertificateSource;

pub(super) const RULE: Rule = Rule::files(
    Level::Error,
    "key-mismatch",
    include_str!("key_mismatch.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some(disk) = subject.disk else {
        return;
    };
    let of_clients = subject.gateway.upstreams.iter().filter_map(|it| {
        let (cert, key) = it.tls.as_ref()?.client.as_ref()?;
        Some((cert, key))
    });
    let own = subject.gateway.certificates.iter().filter_map(|it| match &it.source {
        CertificateSource::Files { cert, key } => Some((cert, key)),
        CertificateSource::Acme { .. } => None,
    });
    for (cert, key) in own.chain(of_clients) {
        let (Ok(cert_pem), Ok(key_pem)) = (disk.files.bytes(&cert.value), disk.files.bytes(&key.value)) else {
            continue;
        };
        let belongs = pem::certificate(&cert_pem).and_then(|facts| pem::belongs(&key_pem, &facts));
        if belongs == Some(false) {
            findings
                .at(key.loc(), format!("`{}` is not the key of `{}`", key.value, cert.value))
                .also(cert.loc(), "the certificate")
                .note("the program does not start with them; usually one of the two was renewed and the other not")
                .help("put the key there that the certificate was requested with");
        }
    }
}
