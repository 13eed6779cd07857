//! The guards in their order: what reads only the request's head comes first, then who the client is, then how often.

mod api_key;
mod basic;
mod forward;
pub(crate) mod jwks;
mod jwt;
mod open;
mod shown;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};

use crate::ir::{Auth, AuthId, AuthKind, Loc, Secret};

use crate::proxy::fault::Fault;
use crate::proxy::request::answer::plain;
use crate::proxy::request::body::Body;
use crate::proxy::request::serve::Scene;
use crate::proxy::request::value;
use crate::proxy::telemetry::log::Record;

pub(crate) use api_key::Keys;
pub(crate) use basic::{Checked, Passwords};
pub(crate) use forward::Authority;
pub(crate) use jwks::Fetched;
pub(crate) use jwt::{Refused, SetKey, Tokens, set};
pub(crate) use open::{Cors, refusal};

/// A way to know clients, ready.
pub(crate) enum Known {
    /// Signed tokens.
    Jwt(Tokens),
    /// Names and passwords.
    Basic(Passwords),
    /// Keys from a list.
    ApiKey(Keys),
    /// Another service decides.
    Forward(Authority),
}

impl Known {
    /// Reads what an entry of `auth` needs.
    ///
    /// # Errors
    /// What is wrong with a key or file, at its place in the spec.
    pub(crate) fn new(auth: &Auth) -> Result<(Self, Option<Fetched>), Fault> {
        Ok(match &auth.kind {
            AuthKind::Jwt(jwt) => {
                let (tokens, fetched) = Tokens::new(&auth.name, jwt)?;
                (Self::Jwt(tokens), fetched)
            }
            AuthKind::Basic(basic) => (Self::Basic(Passwords::new(basic)?), None),
            AuthKind::ApiKey(key) => (Self::ApiKey(Keys::new(key)?), None),
            AuthKind::Forward(forward) => (Self::Forward(Authority::new(forward)), None),
        })
    }
}

/// Lets a client in that an entry of `auth` knows. `path` is the one that was routed: an authority judges what the server gets.
///
/// # Errors
/// The answer that it gets instead.
pub(crate) async fn admit(
    scene: &Scene,
    auth: AuthId,
    path: &str,
    headers: &mut HeaderMap,
    known: &mut value::Known,
    record: &mut Record,
) -> Result<(), Box<Response<Body>>> {
    let head = &scene.head;
    match &scene.local.generation.auth[auth.index()] {
        Known::Jwt(tokens) => tokens.check(head, headers, known).map_err(|refused| {
            unauthorized(match refused {
                Refused::Missing => "Bearer",
                Refused::Bad => "Bearer error=\"invalid_token\"",
            })
        }),
        Known::Basic(passwords) => match passwords.check(headers).await {
            Checked::Right => Ok(()),
            Checked::Wrong => Err(unauthorized(&passwords.challenge)),
            Checked::Busy => {
                let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE);
                let soon = HeaderValue::from_static("1");
                answer.headers_mut().insert(header::RETRY_AFTER, soon);
                Err(Box::new(answer))
            }
        },
        Known::ApiKey(keys) => match keys.check(head, headers, known) {
            true => Ok(()),
            false => Err(unauthorized("ApiKey")),
        },
        Known::Forward(authority) => authority.ask(scene, path, headers, known, record).await,
    }
}

fn unauthorized(challenge: &str) -> Box<Response<Body>> {
    let mut answer = plain(StatusCode::UNAUTHORIZED);
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        answer
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    Box::new(answer)
}

/// The text of a secret. One that is empty is none: whoever signs with nothing would get in.
fn secret(secret: &Secret, at: Loc) -> Result<String, Fault> {
    let (text, what) = match secret {
        Secret::Env(name) => {
            let text = std::env::var(name).map_err(|_| {
                Fault::new(at, format!("the environment variable {name} is not set")).help(format!(
                    "set it where the proxy starts: `{name}=… wsgen proxy …`"
                ))
            })?;
            (text, format!("the environment variable {name}"))
        }
        Secret::File(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Fault::new(at, format!("{file}: {error}")))?;
            (text, file.clone())
        }
    };
    if text.trim().is_empty() {
        return Err(Fault::new(at, format!("{what} is empty, and no secret")));
    }
    Ok(text)
}

/// Reads base64 with or without padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for four in text.chunks(4) {
        if four.len() == 1 {
            return None;
        }
        let mut value = 0_u32;
        for letter in four {
            let digit = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            value = value << 6 | u32::from(digit);
        }
        value <<= 6 * (4 - four.len());
        bytes.extend_from_slice(&value.to_be_bytes()[1..four.len()]);
    }
    Some(bytes)
}

/// Writes base64.
pub(crate) fn base64_of(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let mut value = 0_u32;
        for byte in three {
            value = value << 8 | u32::from(*byte);
        }
        value <<= 8 * (3 - three.len());
        for at in 0..4 {
            if at <= three.len() {
                text.push(char::from(LETTERS[(value >> (18 - 6 * at) & 63) as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}
