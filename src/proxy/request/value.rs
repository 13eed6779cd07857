//! Header values with facts of the request in them, and the changes that a route makes to headers.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::ir::{Change, Fact, HeaderOp, Piece, Value, bracketed};

use crate::proxy::request::head::{Head, cookie, joined};

/// What a guard has found out about the client.
#[derive(Default)]
pub(crate) struct Known {
    /// The claims of a verified token.
    pub(crate) claims: Option<serde_json::Map<String, serde_json::Value>>,
    /// Headers that the server sees, in this order; none: those of the client go.
    pub(crate) pass: Vec<(HeaderName, Option<HeaderValue>)>,
    /// Headers that the client sees.
    pub(crate) answer: Vec<(HeaderName, HeaderValue)>,
    /// Query parameters that held a token which the server must not see.
    pub(crate) stripped: Vec<String>,
}

/// A route's changes to headers, their names read once.
pub(crate) struct Changes(Vec<(HeaderName, Change)>);

impl Changes {
    /// Lowering has refused names that are none.
    pub(crate) fn new(ops: &[HeaderOp]) -> Self {
        Self(
            ops.iter()
                .filter_map(|op| {
                    let name = HeaderName::try_from(op.name.as_str()).ok()?;
                    Some((name, op.change.clone()))
                })
                .collect(),
        )
    }

    /// Whether a value asks for a header of the request.
    pub(crate) fn asks_for_headers(&self) -> bool {
        self.0.iter().any(|(_, change)| {
            change.value().is_some_and(|value| {
                value
                    .0
                    .iter()
                    .any(|piece| matches!(piece, Piece::Fact(Fact::Header(_) | Fact::Cookie(_))))
            })
        })
    }

    /// Makes the changes. `asked` is the request's headers as the client sent them.
    pub(crate) fn apply(
        &self,
        headers: &mut HeaderMap,
        head: &Head,
        asked: &HeaderMap,
        known: &Known,
        port: u16,
    ) {
        for (name, change) in &self.0 {
            match change {
                Change::Remove => {
                    headers.remove(name);
                }
                Change::Set(value) => match written(value, head, asked, known, port) {
                    Some(value) => {
                        headers.insert(name, value);
                    }
                    // A value that is not there is no header, and none of the client's either.
                    None => {
                        headers.remove(name);
                    }
                },
                Change::Add(value) => {
                    if let Some(value) = written(value, head, asked, known, port) {
                        headers.append(name, value);
                    }
                }
                Change::SetIfAbsent(value) => {
                    if !headers.contains_key(name)
                        && let Some(value) = written(value, head, asked, known, port)
                    {
                        headers.insert(name, value);
                    }
                }
            }
        }
    }
}

/// A value for this request; `None` where its only fact is not there.
fn written(
    value: &Value,
    head: &Head,
    asked: &HeaderMap,
    known: &Known,
    port: u16,
) -> Option<HeaderValue> {
    if let Some(text) = value.literal() {
        return HeaderValue::from_str(text).ok();
    }
    let mut text = Vec::new();
    let mut there = false;
    for piece in &value.0 {
        match piece {
            Piece::Text(literal) => {
                there = true;
                text.extend_from_slice(literal.as_bytes());
            }
            Piece::Fact(fact) => {
                if let Some(found) = self::fact(fact, head, asked, known, port) {
                    there = true;
                    text.extend_from_slice(&found);
                }
            }
        }
    }
    if !there {
        return None;
    }
    // What a header cannot hold must not break it, nor smuggle another one in.
    text.retain(|byte| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f);
    HeaderValue::from_bytes(text.trim_ascii()).ok()
}

fn fact(fact: &Fact, head: &Head, asked: &HeaderMap, known: &Known, port: u16) -> Option<Vec<u8>> {
    let text = |text: &str| Some(text.as_bytes().to_vec());
    match fact {
        Fact::ClientIp => text(&head.client.to_string()),
        Fact::RequestId => Some(head.id().text().to_vec()),
        Fact::Scheme => text(head.scheme()),
        Fact::Host => text(&bracketed(&head.host)),
        Fact::Port => text(&port.to_string()),
        Fact::Method => text(head.method.as_str()),
        Fact::Path => text(head.uri.path()),
        Fact::QueryString => text(head.query().unwrap_or_default()),
        Fact::Uri => text(head.uri.path_and_query().map_or("/", |uri| uri.as_str())),
        Fact::TlsSubject => text(head.subject.as_deref()?),
        Fact::Claim(name) => match known.claims.as_ref()?.get(name)? {
            serde_json::Value::String(claim) => text(claim),
            serde_json::Value::Null => None,
            other => text(&other.to_string()),
        },
        Fact::Query(name) => Some(head.query_value(name)?.into_bytes()),
        Fact::Cookie(name) => text(cookie(asked, name)?),
        Fact::Header(name) => {
            let name = HeaderName::try_from(name.as_str()).ok()?;
            Some(joined(asked, &name)?.into_owned())
        }
    }
}

/// Headers of one connection (RFC 9110 §7.6.1), or of one proxy (§11.7), and one that servers have taken for a setting of their own.
const HOP_BY_HOP: [HeaderName; 11] = [
    header::CONNECTION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TRAILER,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("proxy"),
];

/// Headers that are meant for the last recipient: whoever names one in `Connection` wants a request or an answer to be taken for another one.
const END_TO_END: [HeaderName; 16] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::AUTHORIZATION,
    header::COOKIE,
    header::ORIGIN,
    header::RANGE,
    header::CACHE_CONTROL,
    header::SET_COOKIE,
    header::LOCATION,
    header::VARY,
    header::WWW_AUTHENTICATE,
    header::FORWARDED,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-request-id"),
];

/// Takes away what belongs to one connection only: the usual headers and those that `Connection` names.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(|name| HeaderName::try_from(name.trim()).ok())
            .collect();
        for name in named {
            let kept = name.as_str().starts_with("x-forwarded-")
                || name.as_str().starts_with("sec-")
                || END_TO_END.contains(&name);
            if !kept {
                headers.remove(name);
            }
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Takes away headers whose names are more than letters, digits and `-`.
pub(crate) fn remove_odd_names(headers: &mut HeaderMap) {
    let odd = |name: &HeaderName| {
        name.as_str()
            .bytes()
            .any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-')
    };
    if headers.keys().any(odd) {
        let names: Vec<HeaderName> = headers.keys().filter(|name| odd(name)).cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }
}
