//! TLS towards clients.

use super::Ctx;
use super::doc::{kind, text, typed};
use crate::emit::{Map, Node};
use crate::ir::{CertificateSource, ClientAuthMode, Listener, ListenerTls, TlsProfile};

/// Mozilla's intermediate ciphers that BoringSSL has.
const INTERMEDIATE: [&str; 6] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
];

/// The transport socket of a listener's filter chains.
pub(super) fn socket(ctx: &Ctx<'_>, it: &Listener, tls: &ListenerTls) -> Map {
    let certificates = tls.certificates.value.iter().map(|id| {
        let certificate = ctx.g.certificate(*id);
        let file = |name: &str| Map::new().put("filename", text(name));
        let (cert, key) = match &certificate.source {
            CertificateSource::Files { cert, key } => (cert.value.clone(), key.value.clone()),
            // Nobody obtains it: Envoy does not start without the files.
            CertificateSource::Acme { .. } => (
                format!("{}.crt", certificate.name),
                format!("{}.key", certificate.name),
            ),
        };
        let pair = Map::new()
            .put("certificate_chain", file(&cert))
            .put("private_key", file(&key));
        Node::from(pair).at(certificate.at)
    });
    let alpn: &[&'static str] = match it.http2.value {
        true => &["h2", "http/1.1"],
        false => &["http/1.1"],
    };
    let mut common = Map::new()
        .put("alpn_protocols", words(alpn))
        .put("tls_params", params(tls))
        .put("tls_certificates", Node::list(certificates));
    if let Some(auth) = &tls.client_auth {
        let trusted = Map::new().put("filename", text(&auth.ca.value));
        let context = Map::new().put("trusted_ca", trusted);
        common = common.put("validation_context", Node::from(context).at(auth.ca.loc()));
    }
    let must = tls
        .client_auth
        .as_ref()
        .is_some_and(|it| it.mode.value == ClientAuthMode::Require);
    let context = typed(kind!(
        "extensions.transport_sockets.tls.v3.DownstreamTlsContext"
    ))
    .put("require_client_certificate", Node::flag(must))
    .put("common_tls_context", common);
    super::doc::extension("envoy.transport_sockets.tls", context)
}

fn params(tls: &ListenerTls) -> Node {
    let map = match tls.profile.value {
        TlsProfile::Modern => Map::new()
            .put("tls_minimum_protocol_version", Node::word("TLSv1_3"))
            .put("tls_maximum_protocol_version", Node::word("TLSv1_3")),
        TlsProfile::Intermediate => Map::new()
            .put("tls_minimum_protocol_version", Node::word("TLSv1_2"))
            .put("tls_maximum_protocol_version", Node::word("TLSv1_3"))
            .put("cipher_suites", words(&INTERMEDIATE)),
    };
    Node::from(map.put("ecdh_curves", words(&["X25519", "P-256", "P-384"]))).at(tls.profile.loc())
}

fn words(list: &[&'static str]) -> Node {
    Node::list(list.iter().map(|it| Node::word(it)))
}
