//! Clients that take a server's certificate whatever name stands in it, and what it is.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::client::Client;
use super::tls::Authority;

impl Client {
    /// The server must be certified by `authority`, under whatever name. Changes nothing without TLS.
    pub fn any_name(mut self, authority: &Authority) -> Client {
        if let Some((config, _)) = &mut self.tls {
            let verifier = AnyName {
                provider: Arc::new(rustls::crypto::ring::default_provider()),
                roots: Some(authority.roots()),
            };
            Arc::make_mut(config)
                .dangerous()
                .set_certificate_verifier(Arc::new(verifier));
        }
        self
    }

    /// The server's own certificate, DER, for this name; with `None` no name is sent. The handshake need not come to its end.
    ///
    /// # Errors
    /// The name is none, or the server shows no certificate: the handshake's failure.
    pub fn leaf(&self, name: Option<&str>) -> io::Result<Vec<u8>> {
        self.leaf_for(name, None)
    }

    /// The same, of a server that has to speak this protocol, where one is given.
    ///
    /// # Errors
    /// As [`Client::leaf`], or it speaks another.
    pub fn leaf_for(&self, name: Option<&str>, protocol: Option<&[u8]>) -> io::Result<Vec<u8>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let anyone = Arc::new(AnyName {
            provider: Arc::clone(&provider),
            roots: None,
        });
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(anyone)
            .with_no_client_auth();
        config.enable_sni = name.is_some();
        config.alpn_protocols = protocol.iter().map(|it| it.to_vec()).collect();
        let name = name.unwrap_or("nobody.example").to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        let mut session =
            ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut tcp = self.tcp()?;
        let mut end = Ok(());
        while session.is_handshaking() && end.is_ok() {
            end = session.complete_io(&mut tcp).map(drop);
        }
        if protocol.is_some() && session.alpn_protocol() != protocol {
            return Err(io::Error::other("the server does not speak the protocol"));
        }
        let chain = session.peer_certificates().unwrap_or_default();
        match (chain.first(), end) {
            (Some(leaf), _) => Ok(leaf.to_vec()),
            (None, Err(why)) => Err(why),
            (None, Ok(())) => Err(io::Error::other("the server showed no certificate")),
        }
    }
}

/// Takes every certificate of these roots, or every one at all, but checks that the server has its key.
#[derive(Debug)]
struct AnyName {
    provider: Arc<CryptoProvider>,
    roots: Option<RootCertStore>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let leaf = ParsedCertificate::try_from(leaf)?;
            let known = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&leaf, roots, between, now, known)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        if self.roots.is_some() {
            return rustls::crypto::verify_tls13_signature(message, cert, signed, known);
        }
        // By the bare key: a certificate may have extensions that only its reader knows, as that of TLS-ALPN-01.
        let (_, leaf) =
            X509Certificate::from_der(cert).map_err(|_| CertificateError::BadEncoding)?;
        let key = SubjectPublicKeyInfoDer::from(leaf.public_key().raw);
        rustls::crypto::verify_tls13_signature_with_raw_key(message, &key, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
