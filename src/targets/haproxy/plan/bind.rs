//! How a listener binds: addresses, the PROXY protocol, TLS.

use super::global;
use super::{Ctx, line};
use crate::emit::{Line, Part, Tok};
use crate::ir::{
    CertificateSource, ClientAuthMode, Listener, ListenerTls, TlsProfile, UnknownHost,
};
use crate::targets::haproxy::facts;

/// TLS as Mozilla's guidelines 5.7 and later say; the curve that OpenSSL 3.0 does not know is left out.
const CURVES: &str = "curves X25519:prime256v1:secp384r1";
const CIPHERS: &str = "ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
const SUITES: &str =
    "ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

pub(super) fn bind(ctx: &Ctx<'_>, it: &Listener) -> Tok {
    let port = u64::from(it.port.value);
    let mut bind = match it.address.value {
        // Two sockets: on a common one an IPv4 client has the address `::ffff:192.0.2.1`, in headers and in the log.
        None => line("bind")
            .parts(&[
                Part::Static(":"),
                Part::Number(port),
                Part::Static(",:::"),
                Part::Number(port),
            ])
            .with("v6only"),
        Some(ip) => {
            let address = std::net::SocketAddr::new(ip, it.port.value).to_string();
            line("bind").word(&address)
        }
    };
    if it.proxy_protocol.value {
        bind = bind.with("accept-proxy");
    }
    if let Some(tls) = &it.tls {
        bind = secure(ctx, it, tls, bind);
    }
    bind.at(it.port.loc()).end()
}

fn secure(ctx: &Ctx<'_>, it: &Listener, tls: &ListenerTls, bind: Line) -> Line {
    let mut bind = bind.with("ssl");
    for id in &tls.certificates.value {
        let certificate = ctx.g.certificate(*id);
        bind = match &certificate.source {
            CertificateSource::Files { cert, key } => {
                bind.with("crt")
                    .tok(&global::pair(ctx, &cert.value, &key.value))
            }
            // Lost: no file is there, and the program does not start without one.
            CertificateSource::Acme { .. } => bind.with("crt").parts(&[
                Part::Static("/etc/haproxy/"),
                Part::Word(&certificate.name),
                Part::Static(".pem"),
            ]),
        };
    }
    bind = if it.http2.value {
        bind.with("alpn h2,http/1.1")
    } else {
        bind.with("alpn http/1.1")
    };
    if let Some(auth) = &tls.client_auth {
        bind = bind
            .with(match auth.mode.value {
                ClientAuthMode::Require => "verify required ca-file",
                ClientAuthMode::Optional => "verify optional ca-file",
            })
            .word(&auth.ca.value);
    }
    if it.unknown_host.value == UnknownHost::Close && facts::refuses_by_sni(ctx.env.gateway, it) {
        bind = bind.with("strict-sni");
    }
    match tls.profile.value {
        TlsProfile::Modern => bind.with("ssl-min-ver TLSv1.3 no-tls-tickets prefer-client-ciphers"),
        TlsProfile::Intermediate => bind
            .with("ssl-min-ver TLSv1.2 no-tls-tickets prefer-client-ciphers")
            .with(CIPHERS),
    }
    .with(SUITES)
    .with(CURVES)
}
