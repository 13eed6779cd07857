//! Keys that sign tokens on this machine, kept over runs, and a token that a guard of the spec takes.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::KeyPair as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData as _};
use serde_json::{Map, Value, json};

use crate::ir::{JwksAlgorithm, Jwt, JwtKeys, Secret};
use crate::proxy::request::guard::base64_of;

use super::authority::pem;
use super::cache::Cache;

/// How long a token is good: longer than a day's work, and no reason to keep one.
const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Who the token is about.
pub(super) const SUBJECT: &str = "local";

/// A key pair, or a secret.
struct Key {
    algorithm: Algorithm,
    /// What signs.
    signing: EncodingKey,
    /// What the guard reads.
    file: PathBuf,
    /// The same as an entry of a key set.
    jwk: Value,
}

/// Gives a guard keys of this machine, and makes a token that it takes.
///
/// # Errors
/// A key cannot be made or written.
pub(super) fn sign(cache: &Cache, jwt: &mut Jwt) -> io::Result<String> {
    let from_set = |algorithms: &[JwksAlgorithm]| match algorithms {
        all if all.contains(&JwksAlgorithm::Es256) => "ES256",
        all if all.contains(&JwksAlgorithm::Es384) => "ES384",
        all if all.contains(&JwksAlgorithm::Rs256) => "RS256",
        all if all.contains(&JwksAlgorithm::Rs384) => "RS384",
        _ => "RS512",
    };
    let signing;
    match &mut jwt.keys.value {
        JwtKeys::Key { algorithm, key } => {
            signing = made(cache, algorithm)?;
            *key = Secret::File(signing.file.to_string_lossy().into_owned());
        }
        set @ (JwtKeys::JwksUrl { .. } | JwtKeys::JwksFile { .. }) => {
            let algorithms = match set {
                JwtKeys::JwksUrl { algorithms, .. } | JwtKeys::JwksFile { algorithms, .. } => {
                    algorithms.clone()
                }
                JwtKeys::Key { .. } => Vec::new(),
            };
            let name = from_set(&algorithms);
            signing = made(cache, name)?;
            let text = json!({ "keys": [signing.jwk] }).to_string();
            let file = cache.write(&format!("jwks-{}.json", name.to_lowercase()), &text)?;
            *set = JwtKeys::JwksFile {
                file: file.to_string_lossy().into_owned(),
                algorithms,
            };
        }
    }
    let mut header = Header::new(signing.algorithm);
    header.kid = signing.jwk["kid"].as_str().map(str::to_owned);
    encode(&header, &claims(jwt), &signing.signing).map_err(io::Error::other)
}

/// What the guard wants to read, and every claim that it hands on.
fn claims(jwt: &Jwt) -> Map<String, Value> {
    let mut claims = Map::new();
    for pass in &jwt.pass {
        claims.insert(pass.value.1.clone(), json!(SUBJECT));
    }
    claims.insert("sub".to_owned(), json!(SUBJECT));
    if let Some(issuer) = &jwt.issuer {
        claims.insert("iss".to_owned(), json!(issuer.value));
    }
    if let Some(audience) = jwt.audience.as_ref().and_then(|it| it.value.first()) {
        claims.insert("aud".to_owned(), json!(audience));
    }
    let end = SystemTime::now() + LIFE;
    if let Ok(end) = end.duration_since(UNIX_EPOCH) {
        claims.insert("exp".to_owned(), json!(end.as_secs()));
    }
    claims
}

fn made(cache: &Cache, algorithm: &str) -> io::Result<Key> {
    match algorithm {
        "ES256" | "ES384" => elliptic(cache, algorithm),
        "RS256" | "RS384" | "RS512" => rsa(cache, algorithm),
        _ => shared(cache, algorithm),
    }
}

fn shared(cache: &Cache, algorithm: &str) -> io::Result<Key> {
    let name = "token-secret";
    // RFC 7518 §3.2: as long as the hash, of which the longest has 64 bytes.
    let text = cache.first(name, || random(64))?;
    Ok(Key {
        algorithm: match algorithm {
            "HS384" => Algorithm::HS384,
            "HS512" => Algorithm::HS512,
            _ => Algorithm::HS256,
        },
        signing: EncodingKey::from_secret(text.as_bytes()),
        file: cache.path(name),
        jwk: Value::Null,
    })
}

fn elliptic(cache: &Cache, algorithm: &str) -> io::Result<Key> {
    let (kind, curve, own) = match algorithm {
        "ES384" => (&PKCS_ECDSA_P384_SHA384, "P-384", Algorithm::ES384),
        _ => (&PKCS_ECDSA_P256_SHA256, "P-256", Algorithm::ES256),
    };
    let name = format!("token-{}", algorithm.to_lowercase());
    let text = cache.first(&format!("{name}.pem"), || {
        let key = KeyPair::generate_for(kind).map_err(io::Error::other)?;
        Ok(key.serialize_pem())
    })?;
    let key = KeyPair::from_pem(&text).map_err(io::Error::other)?;
    let file = cache.write(&format!("{name}.pub.pem"), &key.public_key_pem())?;
    // SEC 1 §2.3.3: 4, then both coordinates.
    let (x, y) = key.der_bytes()[1..].split_at(key.der_bytes().len() / 2);
    Ok(Key {
        algorithm: own,
        signing: EncodingKey::from_ec_pem(text.as_bytes()).map_err(io::Error::other)?,
        file,
        jwk: json!({
            "kty": "EC", "crv": curve, "kid": "local", "alg": algorithm, "use": "sig", "x": url(x), "y": url(y)
        }),
    })
}

fn rsa(cache: &Cache, algorithm: &str) -> io::Result<Key> {
    let unmade = |_| io::Error::other("no RSA key can be made");
    let text = cache.first("token-rsa.pem", || {
        let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map_err(unmade)?;
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(unmade)?;
        Ok(pem("PRIVATE KEY", der.as_ref()))
    })?;
    let der = <rustls::pki_types::PrivatePkcs8KeyDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(text.as_bytes());
    let der = der.map_err(io::Error::other)?;
    let key = rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der())
        .map_err(|_| io::Error::other("the RSA key cannot be read back"))?;
    let public = key.public_key();
    let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(public).map_err(unmade)?;
    let file = cache.write("token-rsa.pub.pem", &pem("PUBLIC KEY", spki.as_ref()))?;
    Ok(Key {
        algorithm: match algorithm {
            "RS384" => Algorithm::RS384,
            "RS512" => Algorithm::RS512,
            _ => Algorithm::RS256,
        },
        signing: EncodingKey::from_rsa_pem(text.as_bytes()).map_err(io::Error::other)?,
        file,
        jwk: json!({
            "kty": "RSA", "kid": "local", "alg": algorithm, "use": "sig",
            "n": url(public.modulus().big_endian_without_leading_zero()),
            "e": url(public.exponent().big_endian_without_leading_zero()),
        }),
    })
}

/// Bytes that nobody can guess, in hexadecimal digits.
///
/// # Errors
/// The system has none.
pub(super) fn random(count: usize) -> io::Result<String> {
    let mut bytes = vec![0; count];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no random bytes"))?;
    Ok(crate::proxy::hex(&bytes))
}

/// base64url without padding (RFC 7515 §2).
fn url(bytes: &[u8]) -> String {
    let text = base64_of(bytes).replace('+', "-").replace('/', "_");
    text.trim_end_matches('=').to_owned()
}
