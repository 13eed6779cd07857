//! Secrets made on the spot: every file and variable that `auth` names, and what a client shows to get in.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::digest;
use serde_json::{Value, json};

use super::base64;
use super::folder::Folder;
use super::signing::SigningKey;
use super::stub::{Answer, Stub};
use crate::ir::{
    Auth, AuthId, AuthKind, Fact, Gateway, JwksAlgorithm, Jwt, JwtKeys, Piece, Secret, TokenPlace,
};

/// The name and the password of every `basic`.
pub const USER: (&str, &str) = ("verify", "let me in");

/// The secrets of a lab.
#[derive(Debug, Default)]
pub struct Keyring {
    /// Variables that the program is started with.
    pub env: Vec<(String, String)>,
    keys: Vec<Key>,
    /// Claims that header values ask for.
    asked: Vec<String>,
    services: Vec<Stub>,
}

/// What signs tokens or is the key itself, for one entry of `auth`.
#[derive(Debug)]
enum Key {
    /// The text of an API key.
    Text(String),
    /// Keys for tokens, each with its algorithm and its id in a key set.
    Tokens(Vec<Token>),
    /// Nothing to hold: a password, another service.
    None,
}

#[derive(Debug)]
struct Token {
    algorithm: &'static str,
    id: Option<String>,
    key: SigningKey,
    /// Of the same kind, but unknown to the program.
    stranger: Option<SigningKey>,
}

impl Keyring {
    /// Makes every secret that the gateway asks for; paths in the gateway then lead into the folder.
    ///
    /// # Errors
    /// Where the folder cannot be written, or no port is free for a key set.
    pub(super) fn apply(
        gateway: &mut Gateway,
        folder: &Folder,
        many_keys: bool,
    ) -> io::Result<Self> {
        let mut ring = Self {
            asked: asked(gateway),
            ..Self::default()
        };
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
                    let list = match &api.keys.value {
                        Secret::Env(_) if !many_keys => key.clone(),
                        _ => format!("# {REMARK}\n\nother-{key}\n{key}\n"),
                    };
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
        let tokens = match &mut jwt.keys.value {
            JwtKeys::Key { algorithm, key } => {
                let token = Token::new(algorithm, id, None)?;
                self.keep(key, token.key.verifier(), folder, file)?;
                vec![token]
            }
            JwtKeys::JwksUrl {
                url, algorithms, ..
            } => {
                let (tokens, set) = key_set(algorithms, id)?;
                let service = Stub::try_start("keys")?;
                let kind = "application/json";
                let answer = Answer::status(200).header("Content-Type", kind);
                service.answer("/jwks.json", answer.body(set));
                *url = format!("http://{}/jwks.json", service.address());
                self.services.push(service);
                tokens
            }
            JwtKeys::JwksFile {
                file: at,
                algorithms,
            } => {
                let (tokens, set) = key_set(algorithms, id)?;
                *at = text_of(&folder.write(file, set)?);
                tokens
            }
        };
        Ok(Key::Tokens(tokens))
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
            AuthKind::ApiKey(api) => first(&api.from.value, self.api_key(auth)?.to_owned()),
            AuthKind::Jwt(jwt) => first(&jwt.token.value, self.token(auth, self.claims(jwt))?),
            AuthKind::Forward(_) => Some(Pass::default()),
        }
    }

    /// The claims of a good token.
    pub fn claims(&self, jwt: &Jwt) -> Value {
        claims(jwt, &self.asked)
    }

    /// The text of the API key of this entry.
    pub fn api_key(&self, auth: &Auth) -> Option<&str> {
        match self.keys.get(auth.id.index())? {
            Key::Text(key) => Some(key),
            Key::Tokens(_) | Key::None => None,
        }
    }

    fn tokens(&self, auth: &Auth) -> &[Token] {
        match self.keys.get(auth.id.index()) {
            Some(Key::Tokens(tokens)) => tokens,
            Some(Key::Text(_) | Key::None) | None => &[],
        }
    }

    /// A token with these claims, signed as the entry of `auth` asks.
    pub fn token(&self, auth: &Auth, claims: Value) -> Option<String> {
        let token = self.tokens(auth).first()?;
        token.signed(&token.key, token.algorithm, &claims)
    }

    /// The same with each key that the entry accepts: algorithm, token.
    pub fn every_token(&self, auth: &Auth, claims: &Value) -> Vec<(&'static str, String)> {
        let tokens = self.tokens(auth).iter();
        tokens
            .filter_map(|token| {
                let text = token.signed(&token.key, token.algorithm, claims)?;
                Some((token.algorithm, text))
            })
            .collect()
    }

    /// Tokens with these claims that nobody may accept: what is wrong with each, token.
    pub fn forged(&self, auth: &Auth, claims: &Value) -> Vec<(&'static str, String)> {
        let Some(token) = self.tokens(auth).first() else {
            return Vec::new();
        };
        let mut forged = Vec::new();
        if let Some(stranger) = &token.stranger
            && let Some(text) = token.signed(stranger, token.algorithm, claims)
        {
            forged.push(("signed with another key", text));
        }
        // A shared secret with another hash; what everybody knows of a pair, taken for a shared secret.
        let known = SigningKey::Secret(token.key.verifier());
        let other = if token.algorithm == "HS512" {
            "HS256"
        } else {
            "HS512"
        };
        for algorithm in ["HS256", other] {
            if algorithm != token.algorithm
                && let Some(text) = token.signed(&known, algorithm, claims)
            {
                forged.push(("of another algorithm", text));
            }
        }
        let unsigned = format!("{}.", token.text("none", claims));
        forged.push(("not signed, of the algorithm `none`", unsigned));
        if let Some(text) = token.signed(&token.key, token.algorithm, claims)
            && let Some((_, signature)) = text.rsplit_once('.')
        {
            let mut changed = claims.clone();
            changed["sub"] = json!("somebody else");
            let text = token.text(token.algorithm, &changed);
            forged.push(("changed after it was signed", format!("{text}.{signature}")));
            forged.push(("without its signature", format!("{text}.")));
        }
        forged
    }
}

impl Token {
    fn new(algorithm: &'static str, auth: AuthId, id: Option<String>) -> io::Result<Self> {
        let shared = || SigningKey::Secret(secret(auth));
        let (key, stranger) = match algorithm {
            "HS256" | "HS384" | "HS512" => (shared(), Some(shared())),
            "ES256" | "ES384" => (
                SigningKey::pair(algorithm)?,
                Some(SigningKey::pair(algorithm)?),
            ),
            // There is one RSA key to test with: a signature of other claims stands for another key.
            _ => (SigningKey::pair(algorithm)?, None),
        };
        Ok(Self {
            algorithm,
            id,
            key,
            stranger,
        })
    }

    /// Head and claims, ready to be signed.
    fn text(&self, algorithm: &str, claims: &Value) -> String {
        let mut head = json!({ "alg": algorithm, "typ": "JWT" });
        if let Some(id) = &self.id {
            head["kid"] = json!(id);
        }
        let part = |value: &Value| base64::url(value.to_string().as_bytes());
        format!("{}.{}", part(&head), part(claims))
    }

    fn signed(&self, key: &SigningKey, algorithm: &str, claims: &Value) -> Option<String> {
        let text = self.text(algorithm, claims);
        let signature = key.sign(algorithm, text.as_bytes())?;
        Some(format!("{text}.{}", base64::url(&signature)))
    }
}

/// A key for each algorithm, and the set that tells them.
fn key_set(algorithms: &[JwksAlgorithm], auth: AuthId) -> io::Result<(Vec<Token>, String)> {
    let mut tokens = Vec::new();
    for algorithm in algorithms {
        let name = match algorithm {
            JwksAlgorithm::Rs256 => "RS256",
            JwksAlgorithm::Rs384 => "RS384",
            JwksAlgorithm::Rs512 => "RS512",
            JwksAlgorithm::Es256 => "ES256",
            JwksAlgorithm::Es384 => "ES384",
        };
        let id = format!("key-{name}");
        tokens.push(Token::new(name, auth, Some(id))?);
    }
    let entry = |token: &Token| {
        let id = token.id.as_deref().unwrap_or_default();
        token.key.entry(id, token.algorithm)
    };
    let entries: Vec<Value> = tokens.iter().map(entry).collect();
    Ok((tokens, json!({ "keys": entries }).to_string()))
}

/// What a list of API keys has behind a `#`: no key.
pub const REMARK: &str = "keys of wsgen verify";

/// The claims of a good token, `asked` among them.
fn claims(jwt: &Jwt, asked: &[String]) -> Value {
    let mut claims = json!({ "sub": "verify", "iat": now(), "exp": now() + 600 });
    if let Some(issuer) = &jwt.issuer {
        claims["iss"] = json!(issuer.value);
    }
    if let Some(first) = jwt.audience.as_ref().and_then(|all| all.value.first()) {
        claims["aud"] = json!(first);
    }
    let passed = jwt.pass.iter().map(|pair| &pair.value.1);
    for claim in passed.chain(asked).map(String::as_str) {
        if claims.get(claim).is_none() {
            claims[claim] = json!(format!("{claim} of verify"));
        }
    }
    claims
}

/// The claims that header values of the gateway ask for.
fn asked(gateway: &Gateway) -> Vec<String> {
    let ops = gateway
        .routes
        .iter()
        .flat_map(|route| route.request_headers.iter().chain(&route.response_headers));
    let pieces = ops
        .filter_map(|op| op.change.value())
        .flat_map(|value| &value.0);
    pieces
        .filter_map(|piece| match piece {
            Piece::Fact(Fact::Claim(name)) => Some(name.clone()),
            Piece::Fact(_) | Piece::Text(_) => None,
        })
        .collect()
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

fn secret(id: AuthId) -> String {
    // Long enough for HS512.
    let mut bytes = [0; 64];
    // A secret that anybody could guess is no worse here: it guards a stub for a minute.
    let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    format!("{}-{}", id.0, base64::url(&bytes))
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
