//! Who is asked who a client is: `auth-url`, `auth-type`.

use serde_json::{Map, Value as Json, json};

use super::site::Site;
use super::{remarks, values};
use crate::import::{Reading, draft};

/// The annotations of a guard, each with how it differs.
type Told = Vec<(&'static str, Option<String>)>;

/// Writes the guard of an Ingress into `auth`; its name and the annotations that it comes from.
pub(super) fn read(site: &Site, reading: &mut Reading<'_>) -> Option<(String, Told)> {
    let notes = &site.notes;
    if let Some(url) = notes.text("auth-url").map(str::to_owned) {
        return forward(site, &url, reading);
    }
    let kind = notes.get("auth-type")?;
    if kind.value.trim() != "basic" {
        reading.account.lost(kind.id, "only `basic` has a word");
        remarks::open(reading, kind.at);
        return None;
    }
    let secret = notes.text("auth-secret").unwrap_or("users");
    let base = secret.rsplit('/').next().unwrap_or(secret);
    let wanted = draft::word(base).unwrap_or_else(|| "users".to_owned());
    let file = format!("/etc/wsgen/{wanted}.htpasswd");
    let mut basic = Map::new();
    basic.insert("file".to_owned(), json!(file));
    if let Some(realm) = notes.text("auth-realm") {
        basic.insert("realm".to_owned(), json!(realm));
    }
    let name = put(reading, &wanted, json!({ "basic": basic }));
    let how = format!("write the Secret's key `auth` into {file}");
    let map = (notes.text("auth-secret-type") == Some("auth-map"))
        .then(|| "each key is a user: a line `name:hash`".to_owned());
    Some((
        name,
        vec![
            ("auth-type", None),
            ("auth-realm", None),
            ("auth-secret", Some(how)),
            ("auth-secret-type", map),
        ],
    ))
}

/// An entry of `auth` that is there, or a new one.
fn put(reading: &mut Reading<'_>, wanted: &str, value: Json) -> String {
    let there = reading
        .draft
        .names("auth")
        .into_iter()
        .find(|name| reading.draft.get(&["auth", name]) == Some(&value));
    let name = there.unwrap_or_else(|| reading.draft.name("auth", wanted, "auth"));
    reading.draft.set(&["auth", &name], value);
    name
}

fn forward(site: &Site, url: &str, reading: &mut Reading<'_>) -> Option<(String, Told)> {
    let notes = &site.notes;
    let note = notes.get("auth-url")?;
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let known = matches!(scheme, "http" | "https")
            && !authority.is_empty()
            && !authority.contains(['$', '@']);
        known.then_some((scheme, authority, path))
    });
    let Some((scheme, authority, path)) = parts else {
        reading.account.lost(
            note.id,
            "its host is made of the request: an authority is an upstream",
        );
        reading.account.help(
            note.id,
            "write `auth: { sso: { forward: { upstream: …, path: … } } }` and the route's `auth`",
        );
        remarks::open(reading, note.at);
        return None;
    };
    let (path, query) = path
        .split_once('?')
        .map_or((path, None), |(path, query)| (path, Some(query)));
    if path.contains('$') {
        reading
            .account
            .lost(note.id, "its path is made of the request");
        remarks::open(reading, note.at);
        return None;
    }
    let port = if scheme == "https" { 443 } else { 80 };
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|it| it.1.parse::<u16>().is_ok());
    let address = if has_port {
        authority.to_owned()
    } else {
        format!("{authority}:{port}")
    };
    if address.parse::<crate::spec::units::Address>().is_err() {
        reading.account.lost(note.id, "no address of a server");
        remarks::open(reading, note.at);
        return None;
    }
    let host = authority.split(':').next().unwrap_or(authority);
    let wanted = format!("{}-auth", host.split('.').next().unwrap_or("sso"));
    let mut upstream = Map::new();
    upstream.insert("servers".to_owned(), json!([address]));
    if scheme == "https" {
        upstream.insert("tls".to_owned(), json!({ "verify": false }));
    }
    if host.contains('.') {
        upstream.insert("host_header".to_owned(), json!({ "set": host }));
    }
    let upstream = Json::Object(upstream);
    let there = reading
        .draft
        .names("upstreams")
        .into_iter()
        .find(|name| reading.draft.get(&["upstreams", name]) == Some(&upstream));
    let name = there.unwrap_or_else(|| reading.draft.name("upstreams", &wanted, "sso"));
    reading.draft.set(&["upstreams", &name], upstream);
    let mut guard = Map::new();
    guard.insert("upstream".to_owned(), json!(name));
    if path != "/" {
        guard.insert("path".to_owned(), json!(path));
    }
    if let Some(pass) = notes
        .text("auth-response-headers")
        .map(values::list)
        .filter(|it| !it.is_empty())
    {
        guard.insert("pass".to_owned(), json!(pass));
    }
    if notes.is_on("auth-always-set-cookie") {
        guard.insert("answer".to_owned(), json!(["Set-Cookie"]));
    }
    let name = put(reading, &wanted, json!({ "forward": guard }));
    let how = match query {
        Some(query) => format!(
            "the query `{query}` is left out, and the authority sees `Authorization` and `Cookie` only"
        ),
        None => "the authority sees `Authorization` and `Cookie` only, not every header".to_owned(),
    };
    let signin = "the authority's answer goes to the client as it is: it has to redirect by itself"
        .to_owned();
    let method = notes
        .text("auth-method")
        .filter(|it| *it != "GET")
        .map(|it| format!("asked by GET, not {it}"));
    Some((
        name,
        vec![
            ("auth-url", Some(how)),
            ("auth-response-headers", None),
            ("auth-always-set-cookie", None),
            ("auth-signin", Some(signin.clone())),
            ("auth-signin-redirect-param", Some(signin)),
            ("auth-method", method),
            (
                "auth-request-redirect",
                Some("the authority sees `X-Forwarded-Uri` as it is".to_owned()),
            ),
            ("auth-keepalive", None),
            ("auth-keepalive-requests", None),
            ("auth-keepalive-timeout", None),
            ("auth-keepalive-share-vars", None),
        ],
    ))
}
