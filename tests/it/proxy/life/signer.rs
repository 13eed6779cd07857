//! Who signs tokens, and publishes a key set.

use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair};

/// A key of ES256 with an id.
pub(super) struct Signer {
    id: &'static str,
    pair: EcdsaKeyPair,
}

impl Signer {
    pub(super) fn new(id: &'static str) -> Self {
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::generate(algorithm).expect("a key");
        Self { id, pair }
    }

    /// The key set with this key alone.
    pub(super) fn set(&self) -> String {
        let public = &self.pair.public_key().as_ref()[1..];
        let (x, y) = (base64url(&public[..32]), base64url(&public[32..]));
        let id = self.id;
        format!(
            r#"{{"keys":[{{"kty":"EC","crv":"P-256","alg":"ES256","kid":"{id}","x":"{x}","y":"{y}"}}]}}"#
        )
    }

    /// The value of `Authorization` with a token that is good for long.
    pub(super) fn bearer(&self) -> String {
        let head = format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{}"}}"#, self.id);
        let parts = [head.as_str(), r#"{"sub":"a","exp":4000000000}"#];
        let text = parts.map(|part| base64url(part.as_bytes())).join(".");
        let random = aws_lc_rs::rand::SystemRandom::new();
        let signed = self.pair.sign(&random, text.as_bytes());
        let signed = signed.expect("a signature");
        format!("Bearer {text}.{}", base64url(signed.as_ref()))
    }
}

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
        .collect();
    let six = |bits: &[u8]| (0..6).fold(0, |sum, at| sum << 1 | bits.get(at).unwrap_or(&0));
    bits.chunks(6)
        .map(|bits| char::from(LETTERS[usize::from(six(bits))]))
        .collect()
}
