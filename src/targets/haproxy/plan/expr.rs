//! Sample expressions: how HAProxy names a fact of a request.

use crate::emit::lang::haproxy;
use crate::emit::{Part, Tok};
use crate::ir::{Capture, Fact, Value};
use crate::targets::Env;

/// A text as one argument of a fetch or converter.
pub(super) fn arg(text: &str) -> String {
    if !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.$/".contains(&b))
    {
        return text.to_owned();
    }
    // Inside single quotes an argument is literal; only the quote itself has to step outside.
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

/// A query parameter as it stands in the request; the name as it is.
pub(super) fn query(name: &str, env: &Env<'_>) -> String {
    if env.since(2, 8, 0) {
        format!("query,param({})", arg(name))
    } else {
        format!("urlp({})", arg(name))
    }
}

/// The expression of a fact while the request is read.
pub(super) fn fact(fact: &Fact, env: &Env<'_>) -> String {
    match fact {
        Fact::ClientIp => "src".to_owned(),
        Fact::RequestId => "var(txn.id)".to_owned(),
        Fact::Scheme => "ssl_fc,iif(https,http)".to_owned(),
        Fact::Host => "var(txn.host)".to_owned(),
        Fact::Port => "var(txn.port)".to_owned(),
        Fact::Method => "method".to_owned(),
        Fact::Path => "var(txn.uri),field(1,?)".to_owned(),
        Fact::QueryString => "query".to_owned(),
        Fact::Uri => "var(txn.uri)".to_owned(),
        Fact::TlsSubject => "ssl_c_s_dn(,0,rfc2253)".to_owned(),
        Fact::Claim(name) => claim(name),
        // Decoded, a value may hold a line break: it must not end the header.
        Fact::Query(name) => format!("{},url_dec,regsub('[[:cntrl:]]','',g)", query(name, env)),
        Fact::Cookie(name) => format!("req.cook({})", arg(name)),
        Fact::Header(name) => format!("req.fhdr({})", arg(name)),
    }
}

/// A claim of the verified token.
pub(super) fn claim(name: &str) -> String {
    format!(
        "var(txn.token),jwt_payload_query({}),regsub('[[:cntrl:]]','',g)",
        arg(&format!("$.{name}"))
    )
}

/// A value as a log-format token; `fact` gives each fact's expression.
pub(super) fn format(value: &Value, mut fact: impl FnMut(&Fact) -> String) -> Tok {
    use crate::ir::Piece;
    let pieces: Vec<(bool, String)> = value
        .0
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => (false, text.clone()),
            Piece::Fact(it) => (true, format!("%[{}]", fact(it))),
        })
        .collect();
    let parts: Vec<Part<'_>> = pieces
        .iter()
        .map(|(is_fact, text)| {
            if *is_fact {
                Part::Word(text)
            } else {
                Part::Text(text)
            }
        })
        .collect();
    if pieces.iter().all(|(_, text)| text.is_empty()) {
        return nothing();
    }
    haproxy::token(&parts)
}

/// A log-format token that is empty on the wire: HAProxy has no empty word.
pub(super) fn nothing() -> Tok {
    Tok::fixed("%[var(txn.nothing)]")
}

/// A regex that must match the whole of a text.
pub(super) fn whole(regex: &str) -> String {
    format!("^(?:{regex})$")
}

/// A replacement of `replace-path`: literal text, `\1` for a group.
pub(super) fn replacement(pieces: &[Capture]) -> Tok {
    let texts: Vec<(bool, String)> = pieces
        .iter()
        .map(|piece| match piece {
            // A backslash starts a group's number.
            Capture::Text(text) => (false, text.replace('\\', "\\\\")),
            Capture::Group(number) => (true, format!("\\{number}")),
        })
        .collect();
    let parts: Vec<Part<'_>> = texts
        .iter()
        .map(|(is_group, text)| {
            if *is_group {
                Part::Word(text)
            } else {
                Part::Text(text)
            }
        })
        .collect();
    if texts.iter().all(|(_, text)| text.is_empty()) {
        return Tok::fixed("/");
    }
    haproxy::token(&parts)
}

/// A regex that matches a name in a query, however it is percent-encoded.
pub(super) fn encoded_name(name: &str) -> String {
    let mut regex = String::with_capacity(name.len() * 12);
    for byte in name.bytes() {
        let hex = format!("{byte:02X}");
        let either: String = hex
            .chars()
            .map(|c| match c {
                'A'..='F' => format!("[{c}{}]", c.to_ascii_lowercase()),
                c => c.to_string(),
            })
            .collect();
        let plain = if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("\\x{hex}")
        };
        regex.push_str(&format!("(?:{plain}|%{either})"));
    }
    regex
}
