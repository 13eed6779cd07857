//! The guards that read only the request's head: client ranges, preflights, methods, upgrades and origins.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::ir::{self, Route};
use crate::proxy::request::answer::{bare, plain};
use crate::proxy::request::body::Body;
use crate::proxy::request::head::{Head, joined};
use crate::proxy::request::table::contains;

/// What a route without `methods` is told to allow, where a method is refused all the same.
const USUAL: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Refuses a request, or answers a preflight.
pub(crate) fn refusal(
    route: &Route,
    head: &Head,
    headers: &HeaderMap,
    tunnels: bool,
) -> Option<Response<Body>> {
    if let Some(clients) = &route.clients {
        let allowed = clients
            .allow
            .as_ref()
            .is_none_or(|ranges| contains(&ranges.value, head.client));
        if contains(&clients.deny.value, head.client) || !allowed {
            return Some(plain(StatusCode::FORBIDDEN));
        }
    }
    if let Some(cors) = &route.cors
        && head.method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        return Some(Cors(cors).preflight(headers));
    }
    let named = route.methods.as_ref().map(|methods| &methods.value);
    let allowed = match named {
        Some(methods) => methods.iter().any(|method| method == head.method.as_str()),
        // A server that mirrors requests would show a page what its browser hides from it.
        None => head.method != Method::TRACE,
    };
    if !allowed {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED);
        let told = named.map_or_else(|| USUAL.to_owned(), |methods| methods.join(", "));
        if let Ok(told) = HeaderValue::from_str(&told) {
            answer.headers_mut().insert(header::ALLOW, told);
        }
        return Some(answer);
    }
    let websocket = route.websocket.as_ref()?;
    if !tunnels {
        if !websocket.only.value {
            return None;
        }
        let mut answer = plain(StatusCode::UPGRADE_REQUIRED);
        let token = HeaderValue::from_static("websocket");
        answer.headers_mut().insert(header::UPGRADE, token);
        return Some(answer);
    }
    let Some(origin) = joined(headers, &header::ORIGIN) else {
        return websocket
            .require_origin
            .value
            .then(|| plain(StatusCode::FORBIDDEN));
    };
    let origins = &websocket.origins.as_ref()?.value;
    let origin = String::from_utf8_lossy(&origin).to_ascii_lowercase();
    let own = origins.same_host && is_own(&origin, head);
    (!own && !origins.exact.contains(&origin)).then(|| plain(StatusCode::FORBIDDEN))
}

/// Whether an origin's host and port are the request's own.
fn is_own(origin: &str, head: &Head) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else {
        return false;
    };
    let port_of = |scheme: &str| match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    };
    let Some(default) = port_of(scheme) else {
        return false;
    };
    let Some((host, port)) = split(rest) else {
        return false;
    };
    let Some((own, own_port)) = split(&head.authority) else {
        return false;
    };
    let own_default = if head.tls { 443 } else { 80 };
    host == own.to_ascii_lowercase()
        && (port.unwrap_or(default) == own_port.unwrap_or(own_default)
            || port.is_none() && own_port.is_none())
}

/// Host and port of an authority.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    if authority.contains(['/', '?', '#', '@']) {
        return None;
    }
    let end = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[end..].rfind(':') {
        Some(at) => {
            let (host, port) = authority.split_at(end + at);
            let port = &port[1..];
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse().ok().filter(|_| digits)?;
            Some((host.trim_end_matches('.'), Some(port)))
        }
        None => Some((authority.trim_end_matches('.'), None)),
    }
}

/// A route's cross-origin rules.
pub(crate) struct Cors<'a>(pub(crate) &'a ir::Cors);

impl Cors<'_> {
    fn preflight(&self, headers: &HeaderMap) -> Response<Body> {
        let mut answer = bare(StatusCode::NO_CONTENT);
        let told = answer.headers_mut();
        if self.allow(headers.get(header::ORIGIN), told) {
            list(
                told,
                header::ACCESS_CONTROL_ALLOW_METHODS,
                &self.0.methods.value,
            );
            list(
                told,
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                &self.0.headers.value,
            );
            if let Some(age) = self.0.max_age.value {
                told.insert(header::ACCESS_CONTROL_MAX_AGE, age.as_secs_ceil().into());
            }
        }
        answer
    }

    /// Sets the headers of an answer; those of the server go.
    pub(crate) fn answer(&self, origin: Option<&HeaderValue>, told: &mut HeaderMap) {
        for name in [
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            header::ACCESS_CONTROL_ALLOW_METHODS,
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            header::ACCESS_CONTROL_MAX_AGE,
        ] {
            told.remove(name);
        }
        if self.allow(origin, told) {
            list(
                told,
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                &self.0.expose.value,
            );
        }
    }

    /// Names the origin that may ask; whether it may.
    fn allow(&self, origin: Option<&HeaderValue>, told: &mut HeaderMap) -> bool {
        let any = self.0.origins.value.is_none();
        if !any || self.0.credentials.value {
            told.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = origin else { return false };
        let known = self.0.origins.value.as_ref().is_none_or(|origins| {
            origins
                .iter()
                .any(|known| known.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
        });
        if !known {
            return false;
        }
        let named = if any && !self.0.credentials.value {
            HeaderValue::from_static("*")
        } else {
            origin.clone()
        };
        told.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, named);
        if self.0.credentials.value {
            let yes = HeaderValue::from_static("true");
            told.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        true
    }
}

fn list(told: &mut HeaderMap, name: header::HeaderName, values: &[String]) {
    if let Ok(value) = HeaderValue::from_str(&values.join(", "))
        && !values.is_empty()
    {
        told.insert(name, value);
    }
}
