//! Keys and passwords in place of those that this machine does not have: no guard opens, and each way in is told.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use aws_lc_rs::digest;

use crate::ir::bracketed;
use crate::ir::{
    Address, ApiKey, Auth, AuthKind, Basic, Forward, Gateway, HostMatch, Jwt, JwtKeys, PathMatch,
    Secret, TokenPlace,
};
use crate::proxy::request::guard::base64_of;
use crate::proxy::request::table::contains;

use super::cache::Cache;
use super::certificates::{is_missing, quoted};
use super::servers::StandIns;
use super::{Account, Done, What, tokens};

/// Who has the password.
const USER: &str = "local";

/// What a client shows, and where.
struct Shown {
    says: String,
    places: Vec<TokenPlace>,
    text: String,
}

/// Gives every guard that lacks something a key of this machine.
///
/// # Errors
/// A key cannot be made or written.
pub(super) fn apply(
    gateway: &mut Gateway,
    cache: &Cache,
    authority: &str,
    silent: &HashSet<Address>,
    stand_ins: &StandIns,
    account: &mut Account,
) -> io::Result<()> {
    let mut entries = std::mem::take(&mut gateway.auth);
    for auth in &mut entries {
        let shown = match &mut auth.kind {
            AuthKind::Jwt(jwt) => token(cache, jwt, silent)?,
            AuthKind::Basic(basic) => password(cache, basic)?,
            AuthKind::ApiKey(keys) => api_key(cache, keys)?,
            AuthKind::Forward(forward) => decided(forward, stand_ins),
        };
        if let Some(shown) = shown {
            let done = account.did(What::WayIn, format!("auth {}", auth.name), &*shown.says);
            tell(gateway, auth, &shown, authority, done);
        }
    }
    gateway.auth = entries;
    for route in &gateway.routes {
        let Some(clients) = &route.clients else {
            continue;
        };
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let allowed = clients
            .allow
            .as_ref()
            .is_none_or(|it| contains(&it.value, here));
        if !allowed || contains(&clients.deny.value, here) {
            let to = format!("route {}", route.name);
            account.did(What::Note, to, "its `clients` refuse this machine: 403");
        }
    }
    Ok(())
}

/// A key that is not to be guessed, for API keys and for what decides.
///
/// # Errors
/// It cannot be made or written.
pub(super) fn key(cache: &Cache) -> io::Result<String> {
    cache.first("key", || tokens::random(16))
}

fn is_absent(secret: &Secret) -> bool {
    match secret {
        Secret::Env(name) => std::env::var_os(name).is_none_or(|value| value.is_empty()),
        Secret::File(file) => is_missing(file),
    }
}

/// Where a secret should have come from.
fn named(secret: &Secret) -> String {
    match secret {
        Secret::Env(name) => format!("${name} is not set"),
        Secret::File(file) => format!("{file} is not there"),
    }
}

fn token(cache: &Cache, jwt: &mut Jwt, silent: &HashSet<Address>) -> io::Result<Option<Shown>> {
    let says = match &jwt.keys.value {
        JwtKeys::Key { key, .. } => is_absent(key).then(|| named(key)),
        JwtKeys::JwksFile { file, .. } => is_missing(file).then(|| format!("{file} is not there")),
        JwtKeys::JwksUrl { url, .. } => key_server(url)
            .is_none_or(|at| silent.contains(&at))
            .then(|| format!("{url} does not answer")),
    };
    let Some(why) = says else { return Ok(None) };
    let text = tokens::sign(cache, jwt)?;
    Ok(Some(Shown {
        says: format!(
            "{why}: a key was made, and this token of `{}`",
            tokens::SUBJECT
        ),
        places: jwt.token.value.clone(),
        text,
    }))
}

/// The server of a key set.
pub(super) fn key_server(url: &str) -> Option<Address> {
    let uri: http::Uri = url.parse().ok()?;
    let port = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let (host, port) = (uri.host()?, uri.port_u16().unwrap_or(port));
    format!("{host}:{port}").parse().ok()
}

fn password(cache: &Cache, basic: &mut Basic) -> io::Result<Option<Shown>> {
    if !is_missing(&basic.file.value) {
        return Ok(None);
    }
    let text = cache.first("password", || tokens::random(8))?;
    // A random password needs no slow hash.
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let line = format!("{USER}:{{SHA}}{}\n", base64_of(hash.as_ref()));
    let says = format!(
        "{} is not there: this name and password were made",
        basic.file.value
    );
    basic.file.value = cache
        .write("htpasswd", &line)?
        .to_string_lossy()
        .into_owned();
    Ok(Some(Shown {
        says,
        places: Vec::new(),
        text,
    }))
}

fn api_key(cache: &Cache, keys: &mut ApiKey) -> io::Result<Option<Shown>> {
    if !is_absent(&keys.keys.value) {
        return Ok(None);
    }
    let text = key(cache)?;
    let says = format!("{}: this key was made", named(&keys.keys.value));
    let file = cache.path("key").to_string_lossy().into_owned();
    keys.keys.value = Secret::File(file);
    Ok(Some(Shown {
        says,
        places: keys.from.value.clone(),
        text,
    }))
}

fn decided(forward: &Forward, stand_ins: &StandIns) -> Option<Shown> {
    let text = stand_ins.deciding.get(&forward.upstream.value)?.clone();
    let place = forward
        .send
        .value
        .iter()
        .map(|name| match name.to_ascii_lowercase().as_str() {
            "authorization" => TokenPlace::Bearer,
            "cookie" => TokenPlace::Cookie("session".to_owned()),
            other => TokenPlace::Header(other.to_owned()),
        });
    let places: Vec<TokenPlace> = place.collect();
    Some(Shown {
        says: match places.is_empty() {
            true => "a stand-in decides, is sent no header, and lets nobody in".to_owned(),
            false => "a stand-in decides, and lets in who shows this key".to_owned(),
        },
        places,
        text,
    })
}

/// A line that gets past the guard of the first route that has it.
fn tell(gateway: &Gateway, auth: &Auth, shown: &Shown, authority: &str, done: &mut Done) {
    let basic = matches!(auth.kind, AuthKind::Basic(_));
    if shown.places.is_empty() && !basic {
        return;
    }
    let guarded = gateway.table.iter().find_map(|entry| {
        let route = gateway.route(entry.route);
        let own = route.auth.as_ref().is_some_and(|it| it.value == auth.id);
        let listener = gateway.listeners_of(route).next().filter(|_| own)?;
        let local = |host: &HostMatch| match host {
            HostMatch::Any => Some("localhost".to_owned()),
            HostMatch::Exact(name) if name == "localhost" || name.ends_with(".localhost") => {
                Some(name.clone())
            }
            HostMatch::Wildcard(zone) => Some(format!("any.{zone}.localhost")),
            HostMatch::Exact(_) | HostMatch::Regex(_) => None,
        };
        let mut hosts: Vec<String> = route
            .hosts
            .iter()
            .filter_map(|it| local(&it.value))
            .collect();
        hosts.sort_by_key(|name| name != "localhost");
        let path = match entry.path(gateway) {
            PathMatch::Exact(path) | PathMatch::Prefix(path) => path.clone(),
            PathMatch::Regex(_) => "/".to_owned(),
        };
        let host = bracketed(hosts.first()?);
        let url = format!(
            "{}://{host}:{}{path}",
            listener.scheme(),
            listener.port.value
        );
        Some((url, listener.tls.is_some()))
    });
    let (url, tls) = guarded.unwrap_or_else(|| ("URL".to_owned(), false));
    let mut curl = "curl".to_owned();
    if tls {
        curl.push_str(&format!(" --cacert {}", quoted(authority)));
    }
    let text = &shown.text;
    if basic {
        done.lines.push(format!("{curl} -u {USER}:{text} {url}"));
        return;
    }
    let with = |place: &TokenPlace| match place {
        TokenPlace::Bearer => format!("{curl} -H 'Authorization: Bearer {text}' {url}"),
        TokenPlace::Cookie(name) => format!("{curl} -H 'Cookie: {name}={text}' {url}"),
        TokenPlace::Header(name) => format!("{curl} -H '{name}: {text}' {url}"),
        TokenPlace::Query(name) => format!("{curl} '{url}?{name}={text}'"),
        TokenPlace::Subprotocol => {
            format!("{curl} -H 'Sec-WebSocket-Protocol: bearer, {text}' {url}")
        }
    };
    done.lines.extend(shown.places.first().map(with));
    // A browser sets no header on a socket.
    let query = shown.places.iter().skip(1).find_map(|place| match place {
        TokenPlace::Query(name) => Some(name),
        _ => None,
    });
    if let Some(name) = query {
        done.lines.push(format!("{url}?{name}={text}"));
    }
}
