//! Keys that sign tokens: shared secrets, ECDSA pairs made on the spot, and the RSA key that the world tests with.

use std::io;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData};
use ring::rand::SystemRandom;
use ring::{hmac, rsa, signature};
use rustls_pki_types::{PrivatePkcs1KeyDer, pem::PemObject};
use serde_json::{Value, json};

use super::base64;

/// `testRSA2048` of RFC 9500 §2.1 ("Standard Public Key Cryptography (PKC) Test Keys"): public, so it guards nothing.
const RSA: &str = "-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAsPnoGUOnrpiSqt4XynxA+HRP7S+BSObI6qJ7fQAVSPtRkqso
tWxQYLEYzNEx5ZSHTGypibVsJylvCfuToDTfMul8b/CZjP2Ob0LdpYrNH6l5hvFE
89FU1nZQF15oVLOpUgA7wGiHuEVawrGfey92UE68mOyUVXGweJIVDdxqdMoPvNNU
l86BU02vlBiESxOuox+dWmuVV7vfYZ79Toh/LUK43YvJh+rhv4nKuF7iHjVjBd9s
B6iDjj70HFldzOQ9r8SRI+9NirupPTkF5AKNe6kUhKJ1luB7S27ZkvB3tSTT3P59
3VVJvnzOjaA1z6Cz+4+eRvcysqhrRgFlwI9TEwIDAQABAoIBAEEYiyDP29vCzx/+
dS3LqnI5BjUuJhXUnc6AWX/PCgVAO+8A+gZRgvct7PtZb0sM6P9ZcLrweomlGezI
FrL0/6xQaa8bBr/ve/a8155OgcjFo6fZEw3Dz7ra5fbSiPmu4/b/kvrg+Br1l77J
aun6uUAs1f5B9wW+vbR7tzbT/mxaUeDiBzKpe15GwcvbJtdIVMa2YErtRjc1/5B2
BGVXyvlJv0SIlcIEMsHgnAFOp1ZgQ08aDzvilLq8XVMOahAhP1O2A3X8hKdXPyrx
IVWE9bS9ptTo+eF6eNl+d7htpKGEZHUxinoQpWEBTv+iOoHsVunkEJ3vjLP3lyI/
fY0NQ1ECgYEA3RBXAjgvIys2gfU3keImF8e/TprLge1I2vbWmV2j6rZCg5r/AS0u
pii5CvJ5/T5vfJPNgPBy8B/yRDs+6PJO1GmnlhOkG9JAIPkv0RBZvR0PMBtbp6nT
Y3yo1lwamBVBfY6rc0sLTzosZh2aGoLzrHNMQFMGaauORzBFpY5lU50CgYEAzPHl
u5DI6Xgep1vr8QvCUuEesCOgJg8Yh1UqVoY/SmQh6MYAv1I9bLGwrb3WW/7kqIoD
fj0aQV5buVZI2loMomtU9KY5SFIsPV+JuUpy7/+VE01ZQM5FdY8wiYCQiVZYju9X
Wz5LxMNoz+gT7pwlLCsC4N+R8aoBk404aF1gum8CgYAJ7VTq7Zj4TFV7Soa/T1eE
k9y8a+kdoYk3BASpCHJ29M5R2KEA7YV9wrBklHTz8VzSTFTbKHEQ5W5csAhoL5Fo
qoHzFFi3Qx7MHESQb9qHyolHEMNx6QdsHUn7rlEnaTTyrXh3ifQtD6C0yTmFXUIS
CW9wKApOrnyKJ9nI0HcuZQKBgQCMtoV6e9VGX4AEfpuHvAAnMYQFgeBiYTkBKltQ
XwozhH63uMMomUmtSG87Sz1TmrXadjAhy8gsG6I0pWaN7QgBuFnzQ/HOkwTm+qKw
AsrZt4zeXNwsH7QXHEJCFnCmqw9QzEoZTrNtHJHpNboBuVnYcoueZEJrP8OnUG3r
UjmopwKBgAqB2KYYMUqAOvYcBnEfLDmyZv9BTVNHbR2lKkMYqv5LlvDaBxVfilE0
2riO4p6BaAdvzXjKeRrGNEKoHNBpOSfYCOM16NjL8hIZB1CaV3WbT5oY+jp7Mzd5
7d56RZOE+ERK2uz/7JX9VSsM/LbH9pJibd4e8mikDS9ntciqOH/3
-----END RSA PRIVATE KEY-----
";

/// The head of a SubjectPublicKeyInfo (RFC 5280) of an RSA key of 2048 bits, as far as the key itself.
const RSA_HEAD: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
    0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
];

/// A key for one family of algorithms.
#[derive(Debug)]
pub(super) enum SigningKey {
    /// `HS256`, `HS384`, `HS512`.
    Secret(String),
    /// `ES256`, `ES384`.
    Pair(Box<KeyPair>),
    /// `RS256`, `RS384`, `RS512`.
    Rsa(Box<rsa::KeyPair>),
}

impl SigningKey {
    /// A key for an algorithm other than `HS*`.
    ///
    /// # Errors
    /// Where none can be made.
    pub(super) fn pair(algorithm: &str) -> io::Result<Self> {
        let kind = match algorithm {
            "ES256" => &PKCS_ECDSA_P256_SHA256,
            "ES384" => &PKCS_ECDSA_P384_SHA384,
            _ => {
                let der =
                    PrivatePkcs1KeyDer::from_pem_slice(RSA.as_bytes()).map_err(io::Error::other)?;
                let key = rsa::KeyPair::from_der(der.secret_pkcs1_der());
                return Ok(Self::Rsa(Box::new(
                    key.map_err(|why| io::Error::other(why.to_string()))?,
                )));
            }
        };
        let pair = KeyPair::generate_for(kind).map_err(io::Error::other)?;
        Ok(Self::Pair(Box::new(pair)))
    }

    /// What a program verifies with: the secret, or the public key in PEM.
    pub(super) fn verifier(&self) -> String {
        match self {
            Self::Secret(text) => text.clone(),
            Self::Pair(pair) => pair.public_key_pem(),
            Self::Rsa(key) => {
                let mut der = RSA_HEAD.to_vec();
                der.extend_from_slice(key.public().as_ref());
                let text = base64::standard(&der);
                let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
                for line in text.as_bytes().chunks(64) {
                    pem.push_str(&String::from_utf8_lossy(line));
                    pem.push('\n');
                }
                pem + "-----END PUBLIC KEY-----\n"
            }
        }
    }

    /// The public key as an entry of a key set (RFC 7517).
    pub(super) fn entry(&self, id: &str, algorithm: &str) -> Value {
        let mut entry = json!({ "kid": id, "use": "sig", "alg": algorithm });
        let mut set = |name: &str, value: &str| entry[name] = json!(value);
        match self {
            Self::Secret(_) => {}
            Self::Pair(pair) => {
                // An uncompressed point: 4, x, y.
                let point = pair.der_bytes().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                set("kty", "EC");
                set("crv", if x.len() == 32 { "P-256" } else { "P-384" });
                set("x", &base64::url(x));
                set("y", &base64::url(y));
            }
            Self::Rsa(key) => {
                let parts = rsa::PublicKeyComponents::<Vec<u8>>::from(key.public());
                set("kty", "RSA");
                set("n", &base64::url(&parts.n));
                set("e", &base64::url(&parts.e));
            }
        }
        entry
    }

    /// The signature of a text; `None` where the key is none for the algorithm.
    pub(super) fn sign(&self, algorithm: &str, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Secret(secret) => {
                let kind = match algorithm {
                    "HS256" => hmac::HMAC_SHA256,
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => return None,
                };
                let key = hmac::Key::new(kind, secret.as_bytes());
                Some(hmac::sign(&key, text).as_ref().to_vec())
            }
            Self::Pair(pair) => {
                let kind = match algorithm {
                    "ES256" => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                    "ES384" => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
                    _ => return None,
                };
                let random = SystemRandom::new();
                let der = pair.serialize_der();
                let key = signature::EcdsaKeyPair::from_pkcs8(kind, &der, &random).ok()?;
                Some(key.sign(&random, text).ok()?.as_ref().to_vec())
            }
            Self::Rsa(key) => {
                let kind = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_SHA256,
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    _ => return None,
                };
                let mut signed = vec![0; key.public().modulus_len()];
                key.sign(kind, &SystemRandom::new(), text, &mut signed)
                    .ok()?;
                Some(signed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SigningKey;
    use ring::signature::{self, UnparsedPublicKey};
    use rustls_pki_types::{SubjectPublicKeyInfoDer, pem::PemObject};

    #[test]
    fn what_is_signed_is_verified_by_the_public_key() {
        let kinds: [(&str, &dyn signature::VerificationAlgorithm, usize); 3] = [
            ("RS256", &signature::RSA_PKCS1_2048_8192_SHA256, 24),
            ("ES256", &signature::ECDSA_P256_SHA256_FIXED, 26),
            ("ES384", &signature::ECDSA_P384_SHA384_FIXED, 23),
        ];
        for (algorithm, kind, head) in kinds {
            let key = SigningKey::pair(algorithm).expect("a key");
            let signed = key.sign(algorithm, b"text").expect("signed");
            let der = SubjectPublicKeyInfoDer::from_pem_slice(key.verifier().as_bytes())
                .expect("a public key");
            let public = UnparsedPublicKey::new(kind, der.as_ref()[head..].to_vec());
            public.verify(b"text", &signed).expect(algorithm);
            public.verify(b"other", &signed).expect_err(algorithm);
            assert_eq!(key.entry("k", algorithm)["kid"], "k");
        }
    }
}
