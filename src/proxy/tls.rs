//! TLS on either side: the certificate that covers the name asked for, Mozilla's profiles, client certificates, servers verified by name.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CipherSuite, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::ir::{
    Certificate, CertificateSource, ClientAuthMode, Gateway, Listener, ListenerTls, Loc, Protocol,
    TlsProfile, UnknownHost, UpstreamTls,
};

use crate::proxy::fault::Fault;
use crate::proxy::pem;
use crate::proxy::request::table::Table;

/// The ciphers of Mozilla's intermediate profile 5.x that rustls has, in its order; those of TLS 1.3 are all of it.
const INTERMEDIATE: [CipherSuite; 6] = [
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

fn provider(profile: TlsProfile) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| {
        suite.tls13().is_some()
            || profile == TlsProfile::Intermediate && INTERMEDIATE.contains(&suite.suite())
    });
    Arc::new(provider)
}

/// A listener's TLS.
///
/// # Errors
/// What is wrong with a file, at its place in the spec.
pub(crate) fn server(
    gateway: &Gateway,
    listener: &Listener,
    tls: &ListenerTls,
    table: &Arc<Table>,
) -> Result<Arc<ServerConfig>, Fault> {
    let provider = provider(tls.profile.value);
    let mut keys: Vec<(Vec<String>, Arc<CertifiedKey>)> = Vec::new();
    for id in &tls.certificates.value {
        let certificate = gateway.certificate(*id);
        keys.push((
            certificate.hosts.value.clone(),
            Arc::new(certified(certificate, &provider)?),
        ));
    }
    let resolver = Resolver {
        exact: keys
            .iter()
            .rev()
            .flat_map(|(hosts, key)| {
                hosts
                    .iter()
                    .map(move |host| (host.clone(), Arc::clone(key)))
            })
            .collect(),
        first: keys.first().map(|(_, key)| Arc::clone(key)),
        known: (listener.unknown_host.value == UnknownHost::Close)
            .then(|| (Arc::clone(table), listener.id)),
    };
    let at = tls.at;
    let versions: &[&rustls::SupportedProtocolVersion] = match tls.profile.value {
        TlsProfile::Modern => &[&rustls::version::TLS13],
        TlsProfile::Intermediate => &[&rustls::version::TLS13, &rustls::version::TLS12],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| Fault::new(at, error.to_string()))?;
    let builder = match &tls.client_auth {
        None => builder.with_no_client_auth(),
        Some(auth) => {
            let roots = Arc::new(roots(&auth.ca.value, auth.ca.loc())?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let verifier = match auth.mode.value {
                ClientAuthMode::Require => verifier,
                ClientAuthMode::Optional => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(
                verifier
                    .build()
                    .map_err(|error| Fault::new(auth.ca.loc(), error.to_string()))?,
            )
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(resolver));
    // One per connection is what a client uses; each costs as much as half a signature.
    config.send_tls13_tickets = 1;
    config.alpn_protocols = if listener.http2.value {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    } else {
        vec![b"http/1.1".to_vec()]
    };
    Ok(Arc::new(config))
}

fn certified(certificate: &Certificate, provider: &CryptoProvider) -> Result<CertifiedKey, Fault> {
    let (cert, key) = match &certificate.source {
        CertificateSource::Files { cert, key } => (cert, key),
        // No authority is asked: the loss report says so.
        CertificateSource::Acme { challenge, .. } => {
            return made(certificate, provider).map_err(|why| Fault::new(challenge.loc(), why));
        }
    };
    let chain = pem::certificates(&cert.value, cert.loc())?;
    let private = pem::key(&key.value, key.loc())?;
    let key_at = key.loc();
    let certified = CertifiedKey::from_der(chain, private, provider).map_err(|error| {
        Fault::new(
            key_at,
            format!("{} is not the key of {}: {error}", key.value, cert.value),
        )
        .help("the first certificate of the file and the key belong together: name the key that it was made with")
    })?;
    Ok(certified)
}

/// A certificate of our own making, which no client trusts.
fn made(certificate: &Certificate, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let made = rcgen::generate_simple_self_signed(certificate.hosts.value.clone())
        .map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|error| error.to_owned())?;
    CertifiedKey::from_der(vec![made.cert.der().clone()], key, provider)
        .map_err(|error| error.to_string())
}

fn roots(file: &str, at: Loc) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(file, at)? {
        roots
            .add(certificate)
            .map_err(|error| Fault::new(at, format!("{file}: {error}")))?;
    }
    Ok(roots)
}

/// The certificate for the name asked for: the first that covers it, else the first.
struct Resolver {
    exact: HashMap<String, Arc<CertifiedKey>>,
    first: Option<Arc<CertifiedKey>>,
    /// Where unknown names are refused: which are known.
    known: Option<(Arc<Table>, crate::ir::ListenerId)>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let Some(name) = hello.server_name() else {
            return match &self.known {
                // A client that names nothing asks for nobody.
                Some((table, listener)) if !table.names("", *listener) => None,
                _ => self.first.clone(),
            };
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if let Some((table, listener)) = &self.known
            && !table.names(&name, *listener)
        {
            return None;
        }
        let covering = self.exact.get(&name).or_else(|| {
            let (_, zone) = name.split_once('.')?;
            self.exact.get(&format!("*.{zone}"))
        });
        covering.cloned().or_else(|| self.first.clone())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.exact.keys()).finish()
    }
}

/// TLS towards an upstream's servers, for tunnels and for requests.
pub(crate) struct Towards {
    /// HTTP/1.1 only.
    pub(crate) http1: Arc<ClientConfig>,
    /// What the upstream speaks.
    pub(crate) own: Arc<ClientConfig>,
    /// The name to ask for and to verify, where it is written.
    pub(crate) name: Option<ServerName<'static>>,
}

impl Towards {
    /// Reads an upstream's files.
    ///
    /// # Errors
    /// What is wrong with a file, at its place in the spec.
    pub(crate) fn new(tls: &UpstreamTls, protocol: Protocol) -> Result<Self, Fault> {
        let provider = provider(TlsProfile::Intermediate);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault::new(tls.at, error.to_string()))?;
        let builder = if tls.verify.value {
            let roots = match &tls.ca {
                Some(ca) => roots(&ca.value, ca.loc())?,
                None => system_roots(tls.at)?,
            };
            builder.with_root_certificates(roots)
        } else {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Trusting(provider)))
        };
        let config = match &tls.client {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = pem::certificates(&cert.value, cert.loc())?;
                let private = pem::key(&key.value, key.loc())?;
                builder
                    .with_client_auth_cert(chain, private)
                    .map_err(|error| Fault::new(key.loc(), error.to_string()))?
            }
        };
        let with = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Arc::new(config)
        };
        Ok(Self {
            http1: with(&[b"http/1.1"]),
            own: match protocol {
                Protocol::Http1 => with(&[b"http/1.1"]),
                Protocol::Http2 => with(&[b"h2"]),
            },
            name: match &tls.server_name {
                Some(name) => Some(ServerName::try_from(name.value.clone()).map_err(|_| {
                    Fault::new(
                        name.loc(),
                        format!("{} is no name that TLS can ask for", name.value),
                    )
                })?),
                None => None,
            },
        })
    }
}

fn system_roots(at: Loc) -> Result<RootCertStore, Fault> {
    machine_roots().ok_or_else(|| {
        Fault::new(at, "this machine trusts no authority")
            .help("name the servers' authorities with `tls: {ca: …}`")
    })
}

fn machine_roots() -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    (!roots.is_empty()).then_some(roots)
}

/// TLS towards whom the authorities of this machine vouch for.
///
/// # Errors
/// A sentence, where it has none.
pub(crate) fn of_machine() -> Result<Arc<ClientConfig>, String> {
    let roots = machine_roots().ok_or("this machine trusts no authority")?;
    let config = ClientConfig::builder_with_provider(provider(TlsProfile::Intermediate))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Takes every certificate, where the spec says `verify: false`; signatures are checked all the same.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The subject of a client's certificate, as RFC 4514 writes it.
pub(crate) fn subject(certificate: &CertificateDer<'_>) -> Option<Arc<str>> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let mut parts: Vec<String> = certificate
        .subject()
        .iter_rdn()
        .map(|rdn| {
            let pairs: Vec<String> = rdn
                .iter()
                .map(|pair| {
                    let name = x509_parser::objects::oid2abbrev(
                        pair.attr_type(),
                        x509_parser::objects::oid_registry(),
                    )
                    .map_or_else(|_| pair.attr_type().to_id_string(), str::to_owned);
                    format!("{name}={}", escaped(pair.as_str().unwrap_or_default()))
                })
                .collect();
            pairs.join("+")
        })
        .collect();
    // The most specific part comes first there.
    parts.reverse();
    Some(parts.join(",").into())
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for (at, letter) in value.char_indices() {
        let edge = at == 0 && matches!(letter, ' ' | '#') || at + 1 == value.len() && letter == ' ';
        if edge || matches!(letter, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}
