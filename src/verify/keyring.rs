//! Secrets made on the spot: every file and variable that `auth` names, and what a client shows to get in.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::KeyPair;
use ring::{digest, hmac};
use serde_json::{Value, json};

use super::base64;
use super::folder::Folder;
use crate::ir::{Auth, AuthId, AuthKind, Gateway, Jwt, JwtKeys, Secret, TokenPlace};

/// The name and the password of every `basic`.
pub const USER: (&str, &str) = ("verify", "let me in");

/// The secrets of a lab.
#[derive(Debug, Default)]
pub struct Keyring {
    /// Variables that the program is started with.
    pub env: Vec<(String, String)>,
    keys: Vec<Key>,
}

/// What signs tokens or is the key itself, for one entry of `auth`.
#[derive(Debug)]
enum Key {
    /// The text of a shared secret, or of an API key.
    Text(String),
    /// A key pair for `ES256`.
    Pair(Box<KeyPair>),
    /// Nothing to hold: a password, another service.
    None,
}

impl Keyring {
    /// Makes every secret that the gateway asks for; paths in the gateway then lead into the folder.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub(super) fn apply(gateway: &mut Gateway, folder: &Folder) -> io::Result<Self> {
        let mut ring = Self::default();
        for auth in &mut gateway.auth {
            let file = format!("auth/{}", auth.id.0);
            let key = match &mut auth.kind {
                AuthKind::Basic(basic) => {
                    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, USER.1.as_bytes());
                    let line = format!("{}:{{SHA}}{}\n", USER.0, base64::standard(hash.as_ref()));
                    basic.file.value = text_of(&folder.write(&file, line)?);
                    Key::None
                }
                AuthKind::ApiKey(api) => {
                    let key = secret(auth.id);
                    let list = format!("other-{key}\n{key}\n");
                    ring.keep(&mut api.keys.value, list, folder, &file)?;
                    Key::Text(key)
                }
                AuthKind::Jwt(jwt) => ring.jwt(jwt, auth.id, folder, &file)?,
                AuthKind::Forward(_) => Key::None,
            };
            ring.keys.push(key);
        }
        Ok(ring)
    }

    fn jwt(&mut self, jwt: &mut Jwt, id: AuthId, folder: &Folder, file: &str) -> io::Result<Key> {
        match &mut jwt.keys.value {
            JwtKeys::Key { algorithm, key } if algorithm.starts_with("HS") => {
                let text = secret(id);
                self.keep(key, text.clone(), folder, file)?;
                Ok(Key::Text(text))
            }
            JwtKeys::Key { key, .. } => {
                let pair = KeyPair::generate().map_err(io::Error::other)?;
                self.keep(key, pair.public_key_pem(), folder, file)?;
                Ok(Key::Pair(Box::new(pair)))
            }
            JwtKeys::JwksUrl { .. } | JwtKeys::JwksFile { .. } => Ok(Key::None),
        }
    }

    fn keep(
        &mut self,
        at: &mut Secret,
        text: String,
        folder: &Folder,
        file: &str,
    ) -> io::Result<()> {
        match at {
            Secret::Env(name) => self.env.push((name.clone(), text)),
            Secret::File(path) => *path = text_of(&folder.write(file, text)?),
        }
        Ok(())
    }

    /// What a client shows to get in, at the first place where the gateway looks; `None` where no good secret can be made.
    pub fn pass(&self, auth: &Auth) -> Option<Pass> {
        let first =
            |places: &[TokenPlace], text: String| places.first().map(|at| Pass::at(at, text));
        match &auth.kind {
            AuthKind::Basic(_) => Some(Pass::header("Authorization", basic(USER))),
            AuthKind::ApiKey(api) => match self.keys.get(auth.id.index()) {
                Some(Key::Text(key)) => first(&api.from.value, key.clone()),
                _ => None,
            },
            AuthKind::Jwt(jwt) => first(&jwt.token.value, self.token(auth, claims(jwt))?),
            AuthKind::Forward(_) => Some(Pass::default()),
        }
    }

    /// A token with these claims, signed as the entry of `auth` asks; `None` where its algorithm is not made here.
    pub fn token(&self, auth: &Auth, claims: Value) -> Option<String> {
        let AuthKind::Jwt(jwt) = &auth.kind else {
            return None;
        };
        let JwtKeys::Key { algorithm, .. } = &jwt.keys.value else {
            return None;
        };
        self.signed(auth, algorithm, &claims)
    }

    /// A token whose head names `algorithm`, signed with the entry's own key.
    pub fn signed(&self, auth: &Auth, algorithm: &str, claims: &Value) -> Option<String> {
        let head = json!({ "alg": algorithm, "typ": "JWT" });
        let text = format!(
            "{}.{}",
            base64::url(head.to_string().as_bytes()),
            base64::url(claims.to_string().as_bytes())
        );
        let signature = match self.keys.get(auth.id.index())? {
            Key::Text(secret) => {
                let kind = match algorithm {
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                let key = hmac::Key::new(kind, secret.as_bytes());
                hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
            }
            Key::Pair(pair) if algorithm == "ES256" => es256(pair, text.as_bytes())?,
            Key::Pair(_) | Key::None => return None,
        };
        Some(format!("{text}.{}", base64::url(&signature)))
    }
}

/// The claims of a good token.
pub fn claims(jwt: &Jwt) -> Value {
    let mut claims = json!({ "sub": "verify", "iat": now(), "exp": now() + 600 });
    if let Some(issuer) = &jwt.issuer {
        claims["iss"] = json!(issuer.value);
    }
    if let Some(first) = jwt.audience.as_ref().and_then(|all| all.value.first()) {
        claims["aud"] = json!(first);
    }
    for pair in &jwt.pass {
        let claim = pair.value.1.as_str();
        if claims.get(claim).is_none() {
            claims[claim] = json!(format!("{claim} of verify"));
        }
    }
    claims
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs()
}

/// What a client adds to a request to be let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Header lines.
    pub headers: Vec<(String, String)>,
    /// Query parameters, already fit for a URL.
    pub query: Vec<(String, String)>,
}

impl Pass {
    /// One header line.
    pub fn header(name: &str, value: impl Into<String>) -> Self {
        Self {
            headers: vec![(name.to_owned(), value.into())],
            query: Vec::new(),
        }
    }

    /// A token or key at one of the places where it may stand.
    pub fn at(place: &TokenPlace, text: String) -> Self {
        match place {
            TokenPlace::Bearer => Self::header("Authorization", format!("Bearer {text}")),
            TokenPlace::Subprotocol => {
                Self::header("Sec-WebSocket-Protocol", format!("bearer, {text}"))
            }
            TokenPlace::Cookie(name) => Self::header("Cookie", format!("{name}={text}")),
            TokenPlace::Header(name) => Self::header(name, text),
            TokenPlace::Query(name) => Self {
                headers: Vec::new(),
                query: vec![(name.clone(), text)],
            },
        }
    }
}

/// The value of `Authorization` for a name and a password.
pub fn basic((name, password): (&str, &str)) -> String {
    format!(
        "Basic {}",
        base64::standard(format!("{name}:{password}").as_bytes())
    )
}

fn es256(pair: &KeyPair, text: &[u8]) -> Option<Vec<u8>> {
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let random = ring::rand::SystemRandom::new();
    let der = pair.serialize_der();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).ok()?;
    Some(key.sign(&random, text).ok()?.as_ref().to_vec())
}

fn secret(id: AuthId) -> String {
    let mut bytes = [0; 24];
    // A secret that anybody could guess is no worse here: it guards a stub for a minute.
    let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    format!("{}-{}", id.0, base64::url(&bytes))
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
