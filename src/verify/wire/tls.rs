//! Bytes over TCP, with or without TLS on either side, and the private authority that certifies their names.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, DnType,
    IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, ServerName};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ResolvesServerCertUsingSni, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, RootCertStore, ServerConfig, ServerConnection,
    StreamOwned,
};

use super::pipe::Pipe;

/// One connection.
#[derive(Debug)]
pub enum Stream {
    /// No TLS.
    Plain(TcpStream),
    /// TLS, from this side.
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// TLS, from the other side.
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
    /// A tunnel within an HTTP/2 connection, from either side.
    Http2(Box<Pipe>),
}

impl Stream {
    /// How long one read may take before it fails.
    ///
    /// # Errors
    /// When the socket is none any more.
    pub fn set_read_timeout(&mut self, limit: Duration) -> io::Result<()> {
        match self {
            Stream::Plain(tcp) => tcp.set_read_timeout(Some(limit)),
            Stream::Client(tls) => tls.sock.set_read_timeout(Some(limit)),
            Stream::Server(tls) => tls.sock.set_read_timeout(Some(limit)),
            Stream::Http2(pipe) => {
                pipe.set_limit(limit);
                Ok(())
            }
        }
    }

    /// The end, with nothing said before; within HTTP/2 it is the stream's alone.
    ///
    /// # Errors
    /// When the socket is none any more.
    pub fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(tcp) => tcp.shutdown(Shutdown::Both),
            Stream::Client(tls) => tls.sock.shutdown(Shutdown::Both),
            Stream::Server(tls) => tls.sock.shutdown(Shutdown::Both),
            Stream::Http2(pipe) => {
                pipe.reset();
                Ok(())
            }
        }
    }

    /// TLS as a client; the handshake is done when this returns.
    ///
    /// # Errors
    /// When the name is none, or the handshake fails.
    pub fn connect(
        mut tcp: TcpStream,
        config: &Arc<ClientConfig>,
        name: &str,
    ) -> io::Result<Stream> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let mut session =
            ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut tcp)?;
        }
        Ok(Stream::Client(Box::new(StreamOwned::new(session, tcp))))
    }

    /// TLS as a server; the handshake is done when this returns.
    ///
    /// # Errors
    /// When the handshake fails.
    pub fn accept(mut tcp: TcpStream, config: &Arc<ServerConfig>) -> io::Result<Stream> {
        let mut session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut tcp)?;
        }
        Ok(Stream::Server(Box::new(StreamOwned::new(session, tcp))))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(tcp) => tcp.read(buffer),
            Stream::Client(tls) => tls.read(buffer),
            Stream::Server(tls) => tls.read(buffer),
            Stream::Http2(pipe) => pipe.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(tcp) => tcp.write(bytes),
            Stream::Client(tls) => tls.write(bytes),
            Stream::Server(tls) => tls.write(bytes),
            Stream::Http2(pipe) => pipe.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(tcp) => tcp.flush(),
            Stream::Client(tls) => tls.flush(),
            Stream::Server(tls) => tls.flush(),
            Stream::Http2(pipe) => pipe.flush(),
        }
    }
}

/// A certificate authority that lives as long as this value.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, both PEM.
#[derive(Clone)]
pub struct Pair {
    /// The certificate.
    pub cert: String,
    /// Its private key.
    pub key: String,
}

impl Pair {
    /// Certificate, then key, in one text, as HAProxy wants them.
    pub fn joined(&self) -> String {
        format!("{}{}", self.cert, self.key)
    }
}

impl Authority {
    /// A new one, with a key of its own.
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "wsgen private authority");
        let key = KeyPair::generate().expect("ring makes keys");
        Authority {
            issuer: CertifiedIssuer::self_signed(params, key).expect("the parameters are valid"),
        }
    }

    /// The authority's own certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these host names (a wildcard is one) or IP addresses; good for servers and clients.
    ///
    /// # Errors
    /// When one is no name.
    pub fn try_issue(&self, names: &[&str]) -> io::Result<Pair> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).map_err(io::Error::other)?;
        params.distinguished_name.push(
            DnType::CommonName,
            names.first().map_or("nobody", |name| name.as_str()),
        );
        let key = KeyPair::generate().expect("ring makes keys");
        let cert = params
            .signed_by(&key, &self.issuer)
            .map_err(io::Error::other)?;
        Ok(Pair {
            cert: cert.pem(),
            key: key.serialize_pem(),
        })
    }

    /// The certificate that a request (DER) asks for, as PEM and as DER.
    ///
    /// # Errors
    /// When it is no request, or asks for more than names.
    pub fn try_sign(&self, request: &[u8]) -> io::Result<(String, Vec<u8>)> {
        let request = CertificateSigningRequestDer::from(request);
        let mut request =
            CertificateSigningRequestParams::from_der(&request).map_err(io::Error::other)?;
        // Programs compute with its lifetime: it has to fit in what they compute with.
        request.params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        request.params.not_after = rcgen::date_time_ymd(2100, 1, 1);
        let cert = request.signed_by(&self.issuer).map_err(io::Error::other)?;
        Ok((cert.pem(), cert.der().to_vec()))
    }

    /// Trusts this authority alone, and offers HTTP/1.1.
    pub fn client(&self) -> Arc<ClientConfig> {
        offering(self.trusting().with_no_client_auth())
    }

    /// The same, and shows `identity` to a server that asks for one.
    ///
    /// # Errors
    /// When the identity is not PEM, or its certificate and key do not belong together.
    pub fn client_as(&self, identity: &Pair) -> io::Result<Arc<ClientConfig>> {
        let (chain, key) = identity.parsed()?;
        let config = self.trusting().with_client_auth_cert(chain, key);
        config.map(offering).map_err(io::Error::other)
    }

    /// This authority alone, as those who trust it have it.
    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.issuer.der().clone())
            .expect("our own certificate parses");
        roots
    }

    fn trusting(&self) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has TLS 1.2 and 1.3")
            .with_root_certificates(self.roots())
    }
}

fn offering(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

impl Pair {
    /// What a TLS server with this pair needs; it asks its clients for no certificate.
    ///
    /// # Errors
    /// When the pair is not PEM, or its certificate and key do not belong together.
    pub fn server(&self) -> io::Result<Arc<ServerConfig>> {
        self.serving(None)
    }

    /// The same, for a server that asks its clients for a certificate of this authority, and refuses those without.
    ///
    /// # Errors
    /// As [`Pair::server`].
    pub fn server_asking(&self, clients: &Authority) -> io::Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(clients.roots());
        let asking = WebPkiClientVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(io::Error::other)?;
        self.serving(Some(asking))
    }

    /// The same, for a server that shows its certificate only to clients that ask for this name, and refuses others.
    ///
    /// # Errors
    /// As [`Pair::server`], or the certificate does not have the name.
    pub fn server_named(&self, name: &str) -> io::Result<Arc<ServerConfig>> {
        let (chain, key) = self.parsed()?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(io::Error::other)?;
        let mut named = ResolvesServerCertUsingSni::new();
        named
            .add(name, CertifiedKey::new(chain, key))
            .map_err(io::Error::other)?;
        let mut config = self.server()?;
        Arc::make_mut(&mut config).cert_resolver = Arc::new(named);
        Ok(config)
    }

    fn serving(
        &self,
        asking: Option<Arc<dyn ClientCertVerifier>>,
    ) -> io::Result<Arc<ServerConfig>> {
        let (chain, key) = self.parsed()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has TLS 1.2 and 1.3");
        let builder = match asking {
            Some(asking) => builder.with_client_cert_verifier(asking),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn parsed(&self) -> io::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let chain = CertificateDer::pem_slice_iter(self.cert.as_bytes()).collect::<Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes());
        Ok((
            chain.map_err(io::Error::other)?,
            key.map_err(io::Error::other)?,
        ))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No key reaches a log.
        f.debug_struct("Pair")
            .field("cert", &self.cert)
            .finish_non_exhaustive()
    }
}
