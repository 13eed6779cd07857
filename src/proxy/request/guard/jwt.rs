//! Signed tokens: found at one of their places, verified with the configured algorithm and no other, then their claims.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use jsonwebtoken::jwk::{Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::jwks::Fetched;
use super::secret;
use super::shown::{Shown, is_mark, shown};
use crate::ir::{JwksAlgorithm, Jwt, JwtKeys, TokenPlace};
use crate::proxy::fault::Fault;
use crate::proxy::request::head::Head;
use crate::proxy::request::value::Known;

/// A way to know clients by signed tokens.
pub(crate) struct Tokens {
    keys: Keys,
    validation: HashMap<&'static str, Validation>,
    places: Vec<TokenPlace>,
    pass: Vec<(HeaderName, String)>,
    strip: bool,
}

enum Keys {
    /// One key for one algorithm.
    One(Algorithm, DecodingKey),
    /// A set, by algorithm and id; a fetched one is replaced whole.
    Set {
        algorithms: Vec<Algorithm>,
        keys: Arc<RwLock<Vec<SetKey>>>,
    },
}

/// A key of a set.
#[derive(Clone)]
pub(crate) struct SetKey {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// Why nobody is let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// There is no token.
    Missing,
    /// It is not good.
    Bad,
}

impl Tokens {
    /// Reads its keys, of the entry of `auth` with this name. A set that is fetched is empty until the first answer: nobody is let in.
    ///
    /// # Errors
    /// What is wrong with a key, at its place in the spec.
    pub(crate) fn new(auth: &str, jwt: &Jwt) -> Result<(Self, Option<Fetched>), Fault> {
        let at = jwt.keys.loc();
        let mut fetched = None;
        let keys = match &jwt.keys.value {
            JwtKeys::Key { algorithm, key } => {
                let algorithm = by_name(algorithm).ok_or_else(|| {
                    Fault::new(at, format!("{algorithm} is not an algorithm of tokens"))
                })?;
                let text = secret(key, at)?;
                let key = match algorithm {
                    Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => Ok(
                        DecodingKey::from_secret(text.trim_end_matches(['\r', '\n']).as_bytes()),
                    ),
                    Algorithm::ES256 | Algorithm::ES384 => {
                        DecodingKey::from_ec_pem(text.as_bytes())
                    }
                    _ => DecodingKey::from_rsa_pem(text.as_bytes()),
                };
                let key = key.map_err(|error| {
                    Fault::new(at, format!("the key of tokens cannot be read: {error}"))
                })?;
                Keys::One(algorithm, key)
            }
            JwtKeys::JwksFile { file, algorithms } => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| Fault::new(at, format!("{file}: {error}")))?;
                let keys =
                    set(&text).ok_or_else(|| Fault::new(at, format!("{file} is not a key set")))?;
                Keys::Set {
                    algorithms: algorithms.iter().map(of_set).collect(),
                    keys: Arc::new(RwLock::new(keys)),
                }
            }
            JwtKeys::JwksUrl {
                url,
                refresh,
                algorithms,
            } => {
                let set = Fetched::new(auth, url, crate::proxy::clock::of(*refresh));
                let keys = Arc::clone(&set.keys);
                fetched = Some(set);
                Keys::Set {
                    algorithms: algorithms.iter().map(of_set).collect(),
                    keys,
                }
            }
        };
        let all = match &keys {
            Keys::One(algorithm, _) => vec![*algorithm],
            Keys::Set { algorithms, .. } => algorithms.clone(),
        };
        let tokens = Self {
            keys,
            validation: all
                .into_iter()
                .map(|algorithm| (name(algorithm), validation(jwt, algorithm)))
                .collect(),
            places: jwt.token.value.clone(),
            pass: jwt
                .pass
                .iter()
                .filter_map(|pass| {
                    let (header, claim) = &pass.value;
                    Some((HeaderName::try_from(header.as_str()).ok()?, claim.clone()))
                })
                .collect(),
            strip: jwt.strip.value,
        };
        Ok((tokens, fetched))
    }

    /// Lets a request in, and notes what the server sees of its token.
    ///
    /// # Errors
    /// Why it is not let in.
    pub(crate) fn check(
        &self,
        head: &Head,
        headers: &mut HeaderMap,
        known: &mut Known,
    ) -> Result<(), Refused> {
        let (place, token) = match shown(&self.places, head, headers) {
            Shown::Nothing => return Err(Refused::Missing),
            Shown::One(place, token) => (place, token),
            Shown::Several => return Err(Refused::Bad),
        };
        let claims = self.verified(&token).ok_or(Refused::Bad)?;
        for (header, claim) in &self.pass {
            let text = match claims.get(claim) {
                Some(Value::String(text)) => Some(text.clone()),
                None | Some(Value::Null) => None,
                Some(other) => Some(other.to_string()),
            };
            let value = text.and_then(|text| HeaderValue::from_str(&text).ok());
            // Never the client's own.
            known.pass.push((header.clone(), None));
            if value.is_some() {
                known.pass.push((header.clone(), value));
            }
        }
        known.claims = Some(claims);
        if self.strip {
            match place {
                TokenPlace::Query(name) => known.stripped.push(name.clone()),
                TokenPlace::Subprotocol => strip_subprotocol(headers),
                TokenPlace::Bearer | TokenPlace::Cookie(_) | TokenPlace::Header(_) => {}
            }
        }
        Ok(())
    }

    fn verified(&self, token: &str) -> Option<Map<String, Value>> {
        let head = decode_header(token).ok()?;
        // RFC 7515 §4.1.11: who does not know what is critical refuses it, and nothing is known here.
        if head.crit.is_some() {
            return None;
        }
        let validation = self.validation.get(name(head.alg))?;
        let good = |key: &DecodingKey| {
            decode::<Map<String, Value>>(token, key, validation)
                .ok()
                .map(|token| token.claims)
        };
        match &self.keys {
            Keys::One(algorithm, key) => (head.alg == *algorithm).then(|| good(key))?,
            Keys::Set { algorithms, keys } => {
                if !algorithms.contains(&head.alg) {
                    return None;
                }
                let keys = keys.read().unwrap_or_else(PoisonError::into_inner);
                let fits = |key: &&SetKey| {
                    key.key.family() == family(head.alg)
                        && key.algorithm.is_none_or(|own| own == head.alg)
                        && match (&head.kid, &key.id) {
                            (Some(asked), Some(own)) => asked == own,
                            _ => true,
                        }
                };
                keys.iter().filter(fits).find_map(|key| good(&key.key))
            }
        }
    }
}

/// Takes every `bearer, TOKEN` out of the subprotocols that the server sees: the same token may stand there twice.
fn strip_subprotocol(headers: &mut HeaderMap) {
    let Some(listed) =
        crate::proxy::request::head::joined(headers, &header::SEC_WEBSOCKET_PROTOCOL)
    else {
        return;
    };
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let mut words = listed.split(',').map(str::trim);
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if is_mark(word) {
            words.next();
        } else {
            kept.push(word);
        }
    }
    headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
    if let Ok(value) = HeaderValue::from_str(&kept.join(", "))
        && !kept.is_empty()
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
}

fn validation(jwt: &Jwt, algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = jwt.leeway.value.as_secs_ceil();
    validation.validate_nbf = true;
    let mut required: Vec<&str> = Vec::new();
    if let Some(issuer) = &jwt.issuer {
        validation.set_issuer(&[&issuer.value]);
        required.push("iss");
    }
    match &jwt.audience {
        Some(audience) => {
            validation.set_audience(&audience.value);
            required.push("aud");
        }
        None => validation.validate_aud = false,
    }
    validation.set_required_spec_claims(&required);
    validation
}

/// The keys of a set; those that no algorithm here uses, or nobody here understands, are passed over (RFC 7517 §5). `None` where it is
/// no set.
pub(crate) fn set(text: &str) -> Option<Vec<SetKey>> {
    let set: Value = serde_json::from_str(text).ok()?;
    let keys = set.get("keys")?.as_array()?;
    Some(keys.iter().filter_map(set_key).collect())
}

/// A key that is there to verify signatures (RFC 7517 §4.2 to §4.4).
fn set_key(key: &Value) -> Option<SetKey> {
    let jwk = Jwk::deserialize(key).ok()?;
    let common = &jwk.common;
    let signs = |it: &PublicKeyUse| *it == PublicKeyUse::Signature;
    let verifies = |it: &Vec<KeyOperations>| it.contains(&KeyOperations::Verify);
    if !common.public_key_use.as_ref().is_none_or(signs)
        || !common.key_operations.as_ref().is_none_or(verifies)
    {
        return None;
    }
    let algorithm = match common.key_algorithm {
        Some(own) => Some(by_name(&own.to_string())?),
        None => None,
    };
    Some(SetKey {
        id: common.key_id.clone(),
        algorithm,
        key: DecodingKey::from_jwk(&jwk).ok()?,
    })
}

fn of_set(algorithm: &JwksAlgorithm) -> Algorithm {
    match algorithm {
        JwksAlgorithm::Rs256 => Algorithm::RS256,
        JwksAlgorithm::Rs384 => Algorithm::RS384,
        JwksAlgorithm::Rs512 => Algorithm::RS512,
        JwksAlgorithm::Es256 => Algorithm::ES256,
        JwksAlgorithm::Es384 => Algorithm::ES384,
    }
}

fn family(algorithm: Algorithm) -> jsonwebtoken::AlgorithmFamily {
    use jsonwebtoken::AlgorithmFamily;
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => AlgorithmFamily::Hmac,
        Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        _ => AlgorithmFamily::Rsa,
    }
}

const ALGORITHMS: [(&str, Algorithm); 8] = [
    ("HS256", Algorithm::HS256),
    ("HS384", Algorithm::HS384),
    ("HS512", Algorithm::HS512),
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
];

fn by_name(name: &str) -> Option<Algorithm> {
    let found = ALGORITHMS.iter().find(|(known, _)| *known == name)?;
    Some(found.1)
}

fn name(algorithm: Algorithm) -> &'static str {
    let found = ALGORITHMS.iter().find(|(_, known)| *known == algorithm);
    found.map_or("", |(name, _)| name)
}
