//! Certificates and keys as the files hold them: names, dates, and whether a key belongs to a certificate.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RsaKeyPair,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::FileAccess;
use crate::ir::{Certificate, CertificateSource, Gateway, Set};

/// What a server's certificate says.
pub(super) struct Facts {
    /// The names that it is for, in lower case.
    pub(super) names: Vec<String>,
    /// Valid from, in seconds since 1970.
    pub(super) from: i64,
    /// Valid until, in seconds since 1970.
    pub(super) until: i64,
    /// The bits of its public key.
    key: Vec<u8>,
}

/// The facts of the first certificate of a PEM file.
pub(super) fn certificate(pem: &[u8]) -> Option<Facts> {
    let der = CertificateDer::from_pem_slice(pem).ok()?;
    let (_, parsed) = X509Certificate::from_der(&der).ok()?;
    let names = parsed
        .subject_alternative_name()
        .ok()
        .flatten()
        .map_or_else(Vec::new, |names| {
            names
                .value
                .general_names
                .iter()
                .filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                    GeneralName::IPAddress([a, b, c, d]) => Some(format!("{a}.{b}.{c}.{d}")),
                    _ => None,
                })
                .collect()
        });
    Some(Facts {
        names,
        from: parsed.validity().not_before.timestamp(),
        until: parsed.validity().not_after.timestamp(),
        key: parsed.public_key().subject_public_key.data.to_vec(),
    })
}

/// The gateway's certificates whose files can be read: each with the setting that names its file.
pub(super) fn readable<'a>(
    gateway: &'a Gateway,
    files: &'a dyn FileAccess,
) -> impl Iterator<Item = (&'a Certificate, &'a Set<String>, Facts)> {
    gateway.certificates.iter().filter_map(|it| {
        let CertificateSource::Files { cert, .. } = &it.source else {
            return None;
        };
        let facts = certificate(&files.bytes(&cert.value).ok()?)?;
        Some((it, cert, facts))
    })
}

/// Whether a PEM file holds a private key.
pub(super) fn has_key(pem: &[u8]) -> bool {
    PrivateKeyDer::from_pem_slice(pem).is_ok()
}

/// Whether the private key of a PEM file is encrypted: PKCS#8, or as OpenSSL's older commands wrote it.
pub(crate) fn is_locked(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// Whether the private key of a PEM file belongs to a certificate; `None` if the key is of a kind that cannot be compared.
pub(super) fn belongs(key: &[u8], facts: &Facts) -> Option<bool> {
    let random = SystemRandom::new();
    let curves = [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
    ];
    let same = |public: &[u8]| Some(public == facts.key.as_slice());
    match PrivateKeyDer::from_pem_slice(key).ok()? {
        PrivateKeyDer::Pkcs1(der) => {
            let pair = RsaKeyPair::from_der(der.secret_pkcs1_der()).ok()?;
            same(pair.public_key().as_ref())
        }
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
                return same(pair.public_key().as_ref());
            }
            if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                return same(pair.public_key().as_ref());
            }
            let pair = curves
                .iter()
                .find_map(|curve| EcdsaKeyPair::from_pkcs8(curve, der, &random).ok())?;
            same(pair.public_key().as_ref())
        }
        PrivateKeyDer::Sec1(der) => {
            let private = sec1_private(der.secret_sec1_der())?;
            // ring checks that the two halves belong together; the curve is the one whose numbers are this long.
            let curve = match private.len() {
                32 => curves[0],
                48 => curves[1],
                _ => return None,
            };
            let pair =
                EcdsaKeyPair::from_private_key_and_public_key(curve, private, &facts.key, &random);
            Some(pair.is_ok())
        }
        _ => None,
    }
}

/// The number in `ECPrivateKey ::= SEQUENCE { version INTEGER (1), privateKey OCTET STRING, … }` (RFC 5915).
fn sec1_private(der: &[u8]) -> Option<&[u8]> {
    let [0x30, length, rest @ ..] = der else {
        return None;
    };
    // A length above 127 says how many bytes the length itself has.
    let skip = if *length >= 0x80 {
        usize::from(length & 0x7f)
    } else {
        0
    };
    let [0x02, 0x01, 0x01, 0x04, length, rest @ ..] = rest.get(skip..)? else {
        return None;
    };
    rest.get(..usize::from(*length))
}
