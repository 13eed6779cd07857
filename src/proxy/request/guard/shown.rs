//! Where a request shows a token or a key. One place may hold one: of two, the guard could read one, and the server the other.

use http::header::{self, HeaderMap, HeaderName};

use crate::ir::TokenPlace;
use crate::proxy::request::head::{Head, joined};
use crate::request::query;

/// What a request shows at its places.
pub(super) enum Shown<'a> {
    /// Nothing.
    Nothing,
    /// One token, at the first place of the spec's order that holds any.
    One(&'a TokenPlace, String),
    /// That place holds several.
    Several,
}

/// Looks at the places in their order.
pub(super) fn shown<'a>(places: &'a [TokenPlace], head: &Head, headers: &HeaderMap) -> Shown<'a> {
    for place in places {
        let mut found = all(place, head, headers);
        found.dedup();
        match (found.pop(), found.is_empty()) {
            (None, _) => {}
            (Some(one), true) => return Shown::One(place, one),
            (Some(_), false) => return Shown::Several,
        }
    }
    Shown::Nothing
}

fn all(place: &TokenPlace, head: &Head, headers: &HeaderMap) -> Vec<String> {
    match place {
        TokenPlace::Bearer => lines(headers, &header::AUTHORIZATION)
            .filter_map(|line| {
                let (scheme, token) = line.split_once(' ')?;
                let token = scheme.eq_ignore_ascii_case("bearer").then(|| token.trim());
                token.map(str::to_owned)
            })
            .collect(),
        TokenPlace::Header(name) => match HeaderName::try_from(name.as_str()) {
            Ok(name) => lines(headers, &name).map(str::to_owned).collect(),
            Err(_) => Vec::new(),
        },
        TokenPlace::Query(name) => head
            .query()
            .map_or_else(Vec::new, |text| query::values(text, name).collect()),
        TokenPlace::Cookie(name) => lines(headers, &header::COOKIE)
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.split_once('='))
            .filter(|(known, _)| known.trim() == name)
            .map(|(_, value)| value.trim().to_owned())
            .collect(),
        TokenPlace::Subprotocol => {
            let listed = joined(headers, &header::SEC_WEBSOCKET_PROTOCOL);
            let listed = listed.as_deref().map(String::from_utf8_lossy);
            let words: Vec<&str> = listed
                .as_deref()
                .map_or_else(Vec::new, |text| text.split(',').map(str::trim).collect());
            let mut tokens = Vec::new();
            let mut words = words.into_iter();
            while let Some(word) = words.next() {
                if is_mark(word)
                    && let Some(token) = words.next()
                {
                    tokens.push(token.to_owned());
                }
            }
            tokens
        }
    }
}

/// Whether a subprotocol says that the next one is a token.
pub(super) fn is_mark(word: &str) -> bool {
    word == "bearer" || word == "access_token"
}

fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter();
    lines.filter_map(|line| line.to_str().ok())
}
