//! What the proxy answers by itself: refusals, redirects, fixed answers, and other pages in place of errors.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};

use crate::ir::{ErrorPage, ErrorPages, Listener, Redirect, Replace, Respond, bracketed};

use crate::proxy::request::body::Body;
use crate::proxy::request::head::Head;

/// Who made an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Maker {
    /// The proxy.
    Proxy,
    /// A server.
    Server,
}

/// An answer that says its status in words.
pub(crate) fn plain(status: StatusCode) -> Response<Body> {
    let words = status.canonical_reason().unwrap_or("Error");
    let mut answer = Response::new(Body::whole(format!("{} {words}\n", status.as_u16())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    answer
}

/// A status with no body.
pub(crate) fn bare(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

/// A route's fixed answer.
pub(crate) fn respond(respond: &Respond, status: u16) -> Response<Body> {
    let mut answer = bare(StatusCode::from_u16(status).unwrap_or(StatusCode::OK));
    if !respond.body.is_empty() {
        if let Ok(kind) = HeaderValue::from_str(&respond.content_type) {
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        *answer.body_mut() = Body::whole(respond.body.clone());
    }
    answer
}

/// A redirect.
pub(crate) fn redirect(to: &Redirect, head: &Head, listener: &Listener) -> Response<Body> {
    let (path, query) = (head.uri.path(), head.query());
    let location = to.location(head.scheme(), &head.host, path, query, listener);
    located(to.status, &location)
}

/// The redirect of a listener to another one.
pub(crate) fn to_listener(head: &Head, to: &Listener) -> Response<Body> {
    let port = if to.has_scheme_port() {
        String::new()
    } else {
        format!(":{}", to.public_port.value)
    };
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    located(
        301,
        &format!("{}://{}{port}{target}", to.scheme(), bracketed(&head.host)),
    )
}

fn located(status: u16, location: &str) -> Response<Body> {
    let mut answer = bare(StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND));
    match HeaderValue::from_str(location) {
        Ok(location) => {
            answer.headers_mut().insert(header::LOCATION, location);
            answer
        }
        // A path that no header can hold.
        Err(_) => plain(StatusCode::BAD_REQUEST),
    }
}

/// The page that stands in place of an error, if the route has one for it. Headers that the error came with and that tell a client
/// what to do next (`Retry-After`, `WWW-Authenticate`, `Allow` …) stay.
pub(crate) fn page(
    pages: Option<&ErrorPages>,
    maker: Maker,
    answer: Response<Body>,
    head: &Head,
    listener: &Listener,
) -> Response<Body> {
    let Some(pages) = pages else { return answer };
    let replaced = match pages.replace.value {
        Replace::Proxy => maker == Maker::Proxy,
        Replace::Server => maker == Maker::Server,
        Replace::Both => true,
    };
    let status = answer.status().as_u16();
    let found = pages
        .pages
        .iter()
        .find(|page| (page.value.0.first..=page.value.0.last).contains(&status));
    let Some(found) = found.filter(|_| replaced) else {
        return answer;
    };
    let mut page = match &found.value.1 {
        ErrorPage::Respond(other, fixed) => respond(fixed, other.unwrap_or(status)),
        ErrorPage::Redirect(to) => redirect(to, head, listener),
    };
    let kept = [
        header::RETRY_AFTER,
        header::WWW_AUTHENTICATE,
        header::ALLOW,
        header::SET_COOKIE,
        header::UPGRADE,
    ];
    keep(&kept, answer.headers(), page.headers_mut());
    page
}

fn keep(names: &[header::HeaderName], from: &HeaderMap, to: &mut HeaderMap) {
    for name in names {
        for value in from.get_all(name) {
            to.append(name, value.clone());
        }
    }
}
