//! token-in-query-without-redaction: a token in the query that the access log keeps.

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{Balance, Fact, HashKey, Loc, LogField, Piece, Route};

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "token-in-query-without-redaction",
    include_str!("token_in_query_without_redaction.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let gateway = subject.gateway;
    let Some(log) = &gateway.log else {
        return;
    };
    if !log.fields.value.contains(&LogField::Query) {
        return;
    }
    for route in gateway.routes.iter().filter(|route| route.log.value) {
        let mut named = names(route);
        for share in route.shares() {
            let balance = &gateway.upstream(share.upstream.value).balance;
            if let Balance::Hash(HashKey::Query(name)) = &balance.value {
                named.push((name, balance.loc()));
            }
        }
        for (name, at) in named {
            if is_token(name) && !log.redact_query.value.iter().any(|known| known == name) {
                findings
                    .at(at, format!("the query parameter `{name}` stands in the access log as it is"))
                    .note("whoever reads the log can be that user until the token expires; `auth` keeps its own tokens out, others have to be named")
                    .help(format!("write `log: {{redact: {{query: [{name}]}}}}`"));
            }
        }
    }
}

/// The query parameters that a route speaks of, and where.
fn names(route: &Route) -> Vec<(&str, Loc)> {
    let mut named: Vec<(&str, Loc)> = route
        .when
        .query
        .iter()
        .map(|condition| (condition.value.name.as_str(), condition.loc()))
        .collect();
    for op in route.request_headers.iter().chain(&route.response_headers) {
        let pieces = op.change.value().map_or(&[][..], |value| &value.0);
        named.extend(pieces.iter().filter_map(|piece| match piece {
            Piece::Fact(Fact::Query(name)) => Some((name.as_str(), op.at)),
            Piece::Fact(_) | Piece::Text(_) => None,
        }));
    }
    if let Some(rewrite) = &route.rewrite {
        named.extend(rewrite.query_remove.iter().map(|name| (name.value.as_str(), name.loc())));
    }
    named
}

fn is_token(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '_'], "");
    [
        "token", "accesstoken", "idtoken", "authtoken", "refreshtoken", "jwt", "auth", "authorization",
        "key", "apikey", "secret", "password", "passwd", "ticket", "sessionid", "signature",
    ]
    .contains(&name.as_str())
}
