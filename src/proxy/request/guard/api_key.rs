//! Keys from a list.

use std::collections::HashSet;

use aws_lc_rs::digest;
use http::header::{self, HeaderMap, HeaderValue};

use super::secret;
use super::shown::{Shown, shown};
use crate::ir::{ApiKey, TokenPlace};
use crate::proxy::fault::Fault;
use crate::proxy::request::head::Head;
use crate::proxy::request::value::Known;

/// A way to know clients by a key. Only hashes are kept: looking one up tells no time about the key.
pub(crate) struct Keys {
    hashes: HashSet<Vec<u8>>,
    places: Vec<TokenPlace>,
    strip: bool,
}

impl Keys {
    /// Reads the list.
    ///
    /// # Errors
    /// What is wrong with it, at its place in the spec.
    pub(crate) fn new(key: &ApiKey) -> Result<Self, Fault> {
        let text = secret(&key.keys.value, key.keys.loc())?;
        Ok(Self {
            hashes: text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(hash)
                .collect(),
            places: key.from.value.clone(),
            strip: key.strip.value,
        })
    }

    /// Whether a request shows a key of the list.
    pub(crate) fn check(&self, head: &Head, headers: &mut HeaderMap, known: &mut Known) -> bool {
        let Shown::One(place, key) = shown(&self.places, head, headers) else {
            return false;
        };
        if !self.hashes.contains(&hash(&key)) {
            return false;
        }
        if self.strip {
            match place {
                TokenPlace::Header(name) => {
                    headers.remove(name);
                }
                TokenPlace::Query(name) => known.stripped.push(name.clone()),
                TokenPlace::Cookie(name) => remove_cookie(headers, name),
                TokenPlace::Bearer | TokenPlace::Subprotocol => {}
            }
        }
        true
    }
}

fn hash(key: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, key.as_bytes())
        .as_ref()
        .to_vec()
}

fn remove_cookie(headers: &mut HeaderMap, name: &str) {
    let kept: Vec<String> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .map(str::trim)
        .filter(|pair| {
            pair.split_once('=')
                .is_none_or(|(known, _)| known.trim() != name)
        })
        .map(str::to_owned)
        .collect();
    headers.remove(header::COOKIE);
    if let Ok(value) = HeaderValue::from_str(&kept.join("; "))
        && !kept.is_empty()
    {
        headers.insert(header::COOKIE, value);
    }
}
