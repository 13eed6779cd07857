//! Values from the spec in Caddy's words: facts of the request as placeholders, texts in expressions.

use super::parts;
use crate::emit::Node;
use crate::emit::lang::caddy;
use crate::emit::{Part, Tok};
use crate::ir::{Fact, Listener, Piece, Value};

/// The value of a header.
pub(super) fn value(it: &Value, listener: &Listener) -> Node {
    let mut all: Vec<Part<'_>> = Vec::new();
    for piece in &it.0 {
        match piece {
            Piece::Text(text) => all.push(Part::Text(text)),
            Piece::Fact(fact) => push(fact, listener, &mut all),
        }
    }
    parts(&all)
}

fn push<'v>(fact: &'v Fact, listener: &Listener, out: &mut Vec<Part<'v>>) {
    let named = |family: &'static str, name: &'v str, out: &mut Vec<Part<'v>>| {
        out.extend([Part::Static(family), Part::Name(name), Part::Static("}")]);
    };
    match fact {
        Fact::ClientIp => out.push(Part::Static("{http.vars.client_ip}")),
        Fact::RequestId => out.push(Part::Static("{http.request.uuid}")),
        Fact::Scheme => out.push(Part::Static("{http.request.scheme}")),
        Fact::Host => out.push(Part::Static("{http.vars.host}")),
        Fact::Port => out.push(Part::Number(listener.public_port.value.into())),
        Fact::Method => out.push(Part::Static("{http.request.orig_method}")),
        Fact::Path => out.push(Part::Static("{http.vars.asked_path}")),
        Fact::QueryString => out.push(Part::Static("{http.request.orig_uri.query}")),
        Fact::Uri => out.push(Part::Static("{http.vars.asked}")),
        Fact::TlsSubject => out.push(Part::Static("{http.request.tls.client.subject}")),
        // Closed routes have no claims.
        Fact::Claim(_) => {}
        Fact::Query(name) => named("{http.request.uri.query.", name, out),
        Fact::Cookie(name) => named("{http.request.cookie.", name, out),
        Fact::Header(name) if name.eq_ignore_ascii_case("host") => {
            out.push(Part::Static("{http.request.hostport}"));
        }
        Fact::Header(name) => named("{http.request.header.", name, out),
    }
}

/// A literal of the expression language.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    caddy::literal(text, &mut out);
    out
}

/// A placeholder in an expression, by its name: no brace is needed for it.
pub(super) fn ph(name: &str) -> String {
    format!("ph(req, {})", literal(name))
}

/// A matcher's expression.
pub(super) fn expression(text: &str) -> Tok {
    caddy::word(text)
}

/// A text in a query, however it is encoded: a regular expression that matches it as a whole.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 8);
    for byte in text.bytes() {
        let hex = format!("(?i:%{byte:02x})");
        match byte {
            b' ' => out.push_str(&format!("(?:\\+|{hex})")),
            b'&' | b'=' | b'#' | b'%' | b'+' | b';' | 0..=0x20 | 0x7F.. => out.push_str(&hex),
            byte => {
                let mut c = String::new();
                if !byte.is_ascii_alphanumeric() {
                    c.push('\\');
                }
                c.push(char::from(byte));
                out.push_str(&format!("(?:{c}|{hex})"));
            }
        }
    }
    out
}
