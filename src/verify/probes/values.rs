//! What a header's value has to be for a request: its text, and each fact as the contract states it.

use crate::ir::{Fact, Piece, Value};
use crate::verify::ask::{Ask, encoded};
use crate::verify::lab::Lab;

/// What a query parameter holds where a probe sends one: signs that a URL has to encode.
const QUERY: &str = "a b+c/d";

/// The ask with something for each fact that the value asks for.
pub(super) fn supplied(ask: Ask, value: &Value) -> Ask {
    facts(value).fold(ask, |ask, fact| match fact {
        Fact::Query(name) if ask.request.query_value(name).is_none() => {
            // The first one counts.
            ask.query(&encoded(name), &encoded(QUERY))
                .query(&encoded(name), "another")
        }
        Fact::Cookie(name) if ask.request.cookie(name).is_none() => ask.cookie(name, "of-probe"),
        Fact::Header(name) if ask.request.header(name).is_none() => ask.header(name, "of probe"),
        Fact::QueryString if ask.request.query.is_none() => ask.query("page", "2"),
        _ => ask,
    })
}

/// The facts that a value asks for.
pub(super) fn facts(value: &Value) -> impl Iterator<Item = &Fact> {
    value.0.iter().filter_map(|piece| match piece {
        Piece::Fact(fact) => Some(fact),
        Piece::Text(_) => None,
    })
}

/// Which facts a probe tests: others stand for anything.
pub(super) type Tested = fn(&Fact) -> bool;

/// A regex for the value of a request.
pub(super) fn pattern(lab: &Lab, ask: &Ask, value: &Value, tested: Tested) -> String {
    let pieces = value.0.iter().map(|piece| match piece {
        Piece::Text(text) => regex::escape(text),
        Piece::Fact(fact) if !tested(fact) => ".*".to_owned(),
        Piece::Fact(fact) => known(lab, ask, fact),
    });
    pieces.collect()
}

fn known(lab: &Lab, ask: &Ask, fact: &Fact) -> String {
    let request = &ask.request;
    let text = match fact {
        Fact::ClientIp => ask.client().map(|ip| ip.to_string()),
        Fact::RequestId => return "[0-9A-Za-z_.:+/=-]{8,}".to_owned(),
        Fact::Scheme => Some(if request.tls { "https" } else { "http" }.to_owned()),
        Fact::Host => Some(request.host.clone()),
        Fact::Port => {
            let listener = lab.gateway.listener(ask.listener);
            Some(listener.public_port.value.to_string())
        }
        Fact::Method => Some(request.method.clone()),
        Fact::Path => Some(request.path.clone()),
        Fact::QueryString => request.query.clone(),
        Fact::Uri => Some(ask.target()),
        Fact::TlsSubject => subject(lab, ask),
        Fact::Claim(name) => claim(lab, ask, name),
        Fact::Query(name) => request.query_value(name),
        Fact::Cookie(name) => request.cookie(name),
        Fact::Header(name) => request.header(name),
    };
    regex::escape(&text.unwrap_or_default())
}

/// The subject of the certificate that a client shows, if the listener asks for one, as RFC 4514 writes it.
fn subject(lab: &Lab, ask: &Ask) -> Option<String> {
    let tls = lab.gateway.listener(ask.listener).tls.as_ref()?;
    tls.client_auth.as_ref()?;
    Some(crate::verify::certificates::CLIENT.to_owned())
}

/// The claim of the token that a good request shows.
fn claim(lab: &Lab, ask: &Ask, name: &str) -> Option<String> {
    let entry = lab.asker().outcome(ask)?.entry?;
    let auth = lab.gateway.auth_of(lab.gateway.route(entry.route))?;
    let crate::ir::AuthKind::Jwt(jwt) = &auth.kind else {
        return None;
    };
    match &lab.keyring.claims(jwt)[name] {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
