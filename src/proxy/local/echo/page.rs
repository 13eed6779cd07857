//! The page that shows a person what arrived, and opens sockets and streams. Nothing of the request stands in it unescaped.

use std::fmt::Write as _;
use std::net::SocketAddr;

use http::header::{self, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;

use super::Setup;
use super::answer::{Out, client, fields, host, protocol, whole};

/// The page; what stands between two `@@` is filled in.
const PAGE: &str = include_str!("page.html");

/// The page for a request.
pub(super) fn page(setup: &Setup, peer: SocketAddr, request: &Request<Incoming>) -> Response<Out> {
    let headers = request.headers();
    let mut rows = String::new();
    for (name, value) in fields(headers) {
        let (name, value) = (escaped(name), escaped(&value));
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"
        );
    }
    let asked = host(headers, request.uri());
    let name = asked
        .rsplit_once(':')
        .map_or(asked.as_str(), |(name, _)| name);
    let here = |own: &Option<String>| own.as_ref().is_none_or(|own| own == name);
    let list = |kind: fn(&super::Path) -> bool| {
        let own = setup
            .paths
            .iter()
            .filter(|path| kind(path) && here(&path.host));
        own.map(|path| path.path.as_str()).collect::<Vec<_>>()
    };
    let (sockets, streams) = (list(|path| path.websocket), list(|path| path.stream));
    let nonce = format!("{:016x}", crate::proxy::random::random());
    let target = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let own = request.uri().path();
    // A path of a route that leads here keeps its query: a token may stand there.
    let first = |paths: &[&str]| match paths {
        [] => target.to_owned(),
        paths if paths.contains(&own) => target.to_owned(),
        paths => paths[0].to_owned(),
    };
    let mut text = String::with_capacity(PAGE.len() + rows.len());
    for (at, piece) in PAGE.split("@@").enumerate() {
        if at % 2 == 0 {
            text.push_str(piece);
            continue;
        }
        text.push_str(&match piece {
            "nonce" => nonce.clone(),
            "upstream" => escaped(&setup.upstream),
            "server" => escaped(&setup.server),
            "method" => escaped(request.method().as_str()),
            "target" => escaped(target),
            "protocol" => protocol(request.version()).to_owned(),
            "client" => escaped(&client(headers, peer)),
            "host" => escaped(&asked),
            "headers" => rows.clone(),
            "socket" => escaped(&first(&sockets)),
            "stream" => escaped(&first(&streams)),
            "sockets" => options(&sockets),
            "streams" => options(&streams),
            _ => String::new(),
        });
    }
    let mut answer = whole("text/html; charset=utf-8", text);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self' ws: wss:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

fn options(paths: &[&str]) -> String {
    let options = paths
        .iter()
        .map(|path| format!("<option value=\"{}\">", escaped(path)));
    options.collect()
}

/// Text as HTML shows it, within quotes too.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // What a terminal would obey, a browser shows as nothing.
            letter if letter.is_control() => safe.extend(letter.escape_default()),
            letter => safe.push(letter),
        }
    }
    safe
}
