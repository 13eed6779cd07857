//! A private authority of the user's own: made once, kept, renewed before it ends, and the certificates it issues.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::cache::Cache;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the authority lives.
const AUTHORITY_LIFE: u32 = 3650;

/// How long a certificate lives: Apple's systems take none that lives longer than 825 days.
const LIFE: u32 = 365;

/// How long before its end something is made anew.
const RENEW: u32 = 30;

/// Key and certificate, in one file: two could be of two processes.
const FILE: &str = "authority.pem";

/// The certificate alone, to be trusted.
const TRUSTED: &str = "ca.pem";

/// Whom a certificate is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// A server.
    Server,
    /// A client.
    Client,
}

/// The private authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// The file with its certificate.
    pub(super) file: PathBuf,
    /// Whether it was made just now: nobody can trust it yet.
    pub(super) fresh: bool,
}

impl Authority {
    /// The one that is kept, unless it nears its end; else a new one.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn open(cache: &Cache) -> io::Result<Self> {
        let mut fresh = false;
        let text = cache.first(FILE, || {
            fresh = true;
            make()
        })?;
        let (key, certificate) = match read(&text) {
            Some(good) => good,
            None => {
                fresh = true;
                let text = make()?;
                cache.write(FILE, &text)?;
                read(&text).ok_or_else(|| io::Error::other("the authority cannot be read back"))?
            }
        };
        let file = cache.write(TRUSTED, &pem("CERTIFICATE", &certificate))?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(io::Error::other)?;
        Ok(Self {
            issuer,
            certificate,
            file,
            fresh,
        })
    }

    /// The SHA-256 of its certificate, as browsers show it.
    pub(super) fn fingerprint(&self) -> String {
        let bytes = digest::digest(&digest::SHA256, &self.certificate);
        let pairs: Vec<String> = bytes
            .as_ref()
            .iter()
            .map(|it| format!("{it:02X}"))
            .collect();
        pairs.join(":")
    }

    /// A file with a key and its certificate for these names: the one that is kept, unless it nears its end.
    ///
    /// # Errors
    /// A name cannot stand in a certificate, or the file cannot be written.
    pub(super) fn issue(
        &self,
        cache: &Cache,
        names: &[String],
        purpose: Purpose,
    ) -> io::Result<PathBuf> {
        let told = format!("{purpose:?} {}", names.join(" "));
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&self.certificate);
        hash.update(told.as_bytes());
        let hash = crate::proxy::hex(&hash.finish().as_ref()[..8]);
        let name = format!("leaf-{hash}.pem");
        if cache.read(&name).is_some_and(|text| read(&text).is_some()) {
            return Ok(cache.path(&name));
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = match purpose {
            Purpose::Server => CertificateParams::new(names.to_vec()).map_err(io::Error::other)?,
            Purpose::Client => CertificateParams::default(),
        };
        let common = names.first().map_or("localhost", String::as_str);
        // X.520 lets a common name have 64 letters; clients read the other names.
        if common.len() <= 64 {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, common);
        }
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match purpose {
            Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        let (from, until) = life(LIFE);
        (params.not_before, params.not_after) = (from.into(), until.into());
        let made = params
            .signed_by(&key, &self.issuer)
            .map_err(io::Error::other)?;
        let text = key.serialize_pem() + &made.pem();
        cache.write(&name, &text)
    }
}

fn make() -> io::Result<String> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "wsgen proxy --local");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "this machine only");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let (from, until) = life(AUTHORITY_LIFE);
    (params.not_before, params.not_after) = (from.into(), until.into());
    let made = params.self_signed(&key).map_err(io::Error::other)?;
    Ok(key.serialize_pem() + &made.pem())
}

/// The first key and certificate of a text, if the certificate has some time to live.
fn read(text: &str) -> Option<(KeyPair, CertificateDer<'static>)> {
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()?;
    let key = KeyPair::try_from(&key).ok()?;
    let der = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
    let end = certificate.validity().not_after.timestamp();
    let wanted = SystemTime::now() + DAY * RENEW;
    let wanted = wanted.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (u64::try_from(end).ok()? > wanted).then_some((key, der))
}

/// From yesterday, since clocks differ, for so many days.
fn life(days: u32) -> (SystemTime, SystemTime) {
    let now = SystemTime::now();
    (now - DAY, now + DAY * days)
}

/// A text in PEM.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let body = crate::proxy::request::guard::base64_of(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text + "-----END " + label + "-----\n"
}
