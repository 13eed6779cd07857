//! What a server sees of a request, and what the client sees of the server's answer.

use std::net::IpAddr;

use http::Uri;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::Scheme;

use crate::ir::{Entry, HostHeader, PathMatch, PathRewrite, Protocol, Rewrite, Share, UpstreamId};
use crate::request::query;

use crate::proxy::request::forward::Passage;
use crate::proxy::request::serve::Scene;
use crate::proxy::request::table::contains;
use crate::proxy::request::value::remove_hop_by_hop;

/// Path and query towards the server; `None` where they are no URI any more: another path in their place would pass other guards.
pub(crate) fn target(scene: &Scene, passage: &Passage<'_>) -> Option<Uri> {
    let route = scene.local.generation.gateway.route(passage.entry.route);
    let asked = scene.head.uri.path_and_query();
    match asked {
        // Nothing was changed: no need to write it anew.
        Some(asked)
            if route.rewrite.is_none()
                && passage.known.stripped.is_empty()
                && asked.path() == passage.path =>
        {
            Some(asked.clone().into())
        }
        _ => written_target(scene, passage).parse().ok(),
    }
}

fn written_target(scene: &Scene, passage: &Passage<'_>) -> String {
    let gateway = &scene.local.generation.gateway;
    let route = gateway.route(passage.entry.route);
    let own = scene.head.query();
    let Some(rewrite) = &route.rewrite else {
        let query = match own {
            Some(text) if !passage.known.stripped.is_empty() => {
                Some(query::without(text, &names(&passage.known.stripped)))
                    .filter(|it| !it.is_empty())
            }
            own => own.map(str::to_owned),
        };
        return joined(&passage.path, query);
    };
    let path = match &rewrite.path {
        Some(change) => {
            let ready = &scene.local.generation.routes[passage.entry.route.index()];
            let own = own_path(scene, passage.entry);
            change
                .value
                .apply(own, &passage.path, ready.rewrite.as_ref())
        }
        None => passage.path.clone(),
    };
    joined(&path, changed(rewrite, own, &passage.known.stripped))
}

fn joined(path: &str, query: Option<String>) -> String {
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

fn names(stripped: &[String]) -> Vec<&str> {
    stripped.iter().map(String::as_str).collect()
}

fn changed(rewrite: &Rewrite, own: Option<&str>, stripped: &[String]) -> Option<String> {
    let mut removed = names(stripped);
    removed.extend(rewrite.query_remove.iter().map(|name| name.value.as_str()));
    removed.extend(rewrite.query_set.iter().map(|pair| pair.value.0.as_str()));
    let mut query = own.map(str::to_owned);
    if !removed.is_empty()
        && let Some(text) = &query
    {
        query = Some(query::without(text, &removed)).filter(|text| !text.is_empty());
    }
    for pair in &rewrite.query_set {
        let (name, value) = &pair.value;
        query = Some(query::with(
            query.as_deref().unwrap_or_default(),
            name,
            value,
        ));
    }
    query
}

fn own_path(scene: &Scene, entry: Entry) -> &PathMatch {
    entry.path(&scene.local.generation.gateway)
}

/// Makes a client's headers those that a server sees; `Host` comes with the server.
pub(crate) fn prepare(
    scene: &Scene,
    passage: &Passage<'_>,
    share: &Share,
    headers: &mut HeaderMap,
) {
    let generation = &scene.local.generation;
    let route = generation.gateway.route(passage.entry.route);
    let ready = &generation.routes[passage.entry.route.index()];
    let asked = if ready.request.asks_for_headers() {
        headers.clone()
    } else {
        HeaderMap::new()
    };
    let trailers = takes_trailers(headers);
    remove_hop_by_hop(headers);
    let upstream = generation.gateway.upstream(share.upstream.value);
    if trailers && upstream.protocol.value == Protocol::Http2 {
        // RFC 9110 §10.1.4: it is for each connection anew; gRPC's servers ask for it.
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    headers.remove(header::EXPECT);
    headers.remove(header::HOST);
    join_cookies(headers);
    forwarded(scene, route.forwarded.value, headers);
    for (name, value) in &passage.known.pass {
        match value {
            Some(value) => {
                headers.append(name, value.clone());
            }
            None => {
                headers.remove(name);
            }
        }
    }
    ready
        .request
        .apply(headers, &scene.head, &asked, passage.known, scene.port());
}

fn takes_trailers(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::TE).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .any(|word| word.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

/// HTTP/2 clients send each cookie on its own line; servers of HTTP/1.1 read one (RFC 9113 §8.2.3), and it must be the guards'.
fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    if lines.next().is_some() && lines.next().is_some() {
        let whole = crate::proxy::request::head::joined(headers, &header::COOKIE)
            .and_then(|whole| HeaderValue::from_bytes(&whole).ok());
        if let Some(whole) = whole {
            headers.insert(header::COOKIE, whole);
        }
    }
}

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");

/// Says what is true of the client, whatever it said itself.
pub(crate) fn forwarded(scene: &Scene, on: bool, headers: &mut HeaderMap) {
    let head = &scene.head;
    let before = if contains(&scene.listener().trusted_proxies.value, head.peer) {
        crate::proxy::request::head::joined(headers, &FOR).map(|value| value.into_owned())
    } else {
        None
    };
    for name in [FOR, PROTO, HOST, PORT, REAL_IP, FORWARDED] {
        headers.remove(name);
    }
    if !on {
        return;
    }
    let address = &scene.client.address;
    let chain = before.filter(|it| !it.is_empty()).map(|mut chain| {
        chain.extend_from_slice(b", ");
        chain.extend_from_slice(address.as_bytes());
        HeaderValue::from_maybe_shared(bytes::Bytes::from(chain))
    });
    let chain = chain.unwrap_or_else(|| Ok(address.clone()));
    let client = if head.client == head.peer {
        address.clone()
    } else {
        written(head.client)
    };
    headers.reserve(6);
    if let Ok(chain) = chain {
        headers.insert(FOR, chain);
    }
    headers.insert(PROTO, HeaderValue::from_static(head.scheme()));
    if let Ok(host) = HeaderValue::from_str(&head.authority) {
        headers.insert(HOST, host);
    }
    headers.insert(PORT, scene.port().into());
    headers.insert(REAL_IP, client);
}

/// An address as a header has it.
pub(crate) fn written(address: IpAddr) -> HeaderValue {
    // Digits, dots and colons always fit.
    HeaderValue::try_from(address.to_canonical().to_string())
        .unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// What a server of an upstream sees as `Host`.
pub(crate) fn host(
    scene: &Scene,
    header: &HostHeader,
    upstream: UpstreamId,
    server: usize,
) -> String {
    match header {
        HostHeader::Preserve => scene.head.authority.clone(),
        HostHeader::Set(host) => host.clone(),
        HostHeader::Upstream => {
            let upstream = &scene.local.generation.upstreams[upstream.index()];
            match &upstream.servers.list[server].address {
                crate::ir::Address::Unix { .. } => "localhost".to_owned(),
                address => address.to_string(),
            }
        }
    }
}

/// A target with the scheme and the host that HTTP/2 has in fields of their own; `None` where the host fits into none.
pub(crate) fn absolute(tls: bool, host: &str, target: &Uri) -> Option<Uri> {
    let mut parts = target.clone().into_parts();
    parts.scheme = Some(if tls { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(host.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Maps what a server says of its own paths back to what the client sees.
pub(crate) fn back(
    scene: &Scene,
    passage: &Passage<'_>,
    share: &Share,
    server: usize,
    headers: &mut HeaderMap,
) {
    let gateway = &scene.local.generation.gateway;
    let route = gateway.route(passage.entry.route);
    let Some(rewrite) = route.rewrite.as_deref().filter(|it| it.map_location.value) else {
        return;
    };
    let PathMatch::Prefix(own) = own_path(scene, passage.entry) else {
        return;
    };
    let inner = match rewrite.path.as_ref().map(|path| &path.value) {
        Some(PathRewrite::StripPrefix) => "/",
        Some(PathRewrite::ReplacePrefix(new)) => new.as_str(),
        _ => return,
    };
    let mapped = |path: &str| -> Option<String> {
        let end = path.find(['?', '#']).unwrap_or(path.len());
        if !PathMatch::is_prefix(inner, &path[..end]) {
            return None;
        }
        let rest = path.strip_prefix(inner.trim_end_matches('/'))?;
        Some(format!("{}{rest}", own.trim_end_matches('/')))
    };
    if let Some(location) = headers
        .get(header::LOCATION)
        .and_then(|it| it.to_str().ok())
    {
        let (origin, path) = match location.split_once("://") {
            Some((_, rest)) => {
                let cut = rest.find('/').unwrap_or(rest.len());
                (Some(&rest[..cut]), &rest[cut..])
            }
            None => (None, location),
        };
        // Only what leads back here: the server's own name, or the one that it was asked by.
        let ours = origin.is_none_or(|origin| {
            let (header, upstream) = (&share.host_header.value, share.upstream.value);
            origin.eq_ignore_ascii_case(&host(scene, header, upstream, server))
                || origin.eq_ignore_ascii_case(&scene.head.authority)
        });
        if ours
            && path.starts_with('/')
            && !path.starts_with("//")
            && let Some(path) = mapped(path)
        {
            let whole = match origin {
                Some(_) => format!("{}://{}{path}", scene.head.scheme(), scene.head.authority),
                None => path,
            };
            if let Ok(value) = HeaderValue::from_str(&whole) {
                headers.insert(header::LOCATION, value);
            }
        }
    }
    let cookies: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|line| cookie_mapped(line, &mapped).unwrap_or_else(|| line.clone()))
        .collect();
    if !cookies.is_empty() {
        headers.remove(header::SET_COOKIE);
        for cookie in cookies {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}

fn cookie_mapped(
    line: &HeaderValue,
    mapped: &dyn Fn(&str) -> Option<String>,
) -> Option<HeaderValue> {
    let text = line.to_str().ok()?;
    let parts: Vec<String> = text
        .split(';')
        .map(|part| {
            let path = part
                .trim()
                .split_once('=')
                .filter(|(name, _)| name.trim().eq_ignore_ascii_case("path"))
                .and_then(|(_, path)| mapped(path.trim()));
            match path {
                Some(path) => format!(" Path={path}"),
                None => part.to_owned(),
            }
        })
        .collect();
    HeaderValue::from_str(&parts.join(";")).ok()
}
