//! inline-secret: a secret written out, in the spec and in every rendered file.

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{Action, Gateway, JwtKeys, AuthKind, Loc, RedirectTo, ValueMatch};
use crate::spec::tree::Node;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "inline-secret",
    include_str!("inline_secret.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for (what, at) in places(subject.gateway) {
        // What a parameter brought in is not in the repository; the author has done what can be done.
        if matches!(subject.tree.node(at), Node::Scalar { param: true, .. }) {
            continue;
        }
        findings
            .at(at, format!("{what} is written out here"))
            .note("it stands in version control, in every rendered file and its backups, for everybody who may read a configuration")
            .help("replace the secret, it is known now; let the server that needs it hold it, or write `${NAME}` and give the value at render time");
    }
}

fn places(gateway: &Gateway) -> Vec<(String, Loc)> {
    let mut found = Vec::new();
    for route in &gateway.routes {
        for op in route.request_headers.iter().chain(&route.response_headers) {
            let literal = op.change.value().and_then(|value| value.literal());
            if literal.is_some_and(|text| is_secret(&op.name, text)) {
                found.push((format!("the value of `{}`", op.name), op.at));
            }
        }
        for condition in route.when.headers.iter().chain(&route.when.query) {
            if let ValueMatch::Exact(text) = &condition.value.value
                && is_secret(&condition.value.name, text)
            {
                found.push((format!("the value of `{}`", condition.value.name), condition.loc()));
            }
        }
        for pair in route.rewrite.iter().flat_map(|rewrite| &rewrite.query_set) {
            if is_secret(&pair.value.0, &pair.value.1) {
                found.push((format!("the value of `{}`", pair.value.0), pair.loc()));
            }
        }
        if let Action::Redirect(to) = &route.action
            && let RedirectTo::Url(url) = &to.value.to
            && has_password(url)
        {
            found.push(("a password in a URL".to_owned(), to.loc()));
        }
    }
    for auth in &gateway.auth {
        if let AuthKind::Jwt(jwt) = &auth.kind
            && let JwtKeys::JwksUrl { url, .. } = &jwt.keys.value
            && has_password(url)
        {
            found.push(("a password in a URL".to_owned(), jwt.keys.loc()));
        }
    }
    found
}

/// Whether a name says that its value is one, or the value looks like one.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let named = ["authorization", "proxy-authorization", "password", "passwd", "apikey", "token", "secret"]
        .contains(&name.as_str())
        || ["-token", "-secret", "-key", "-password", "-apikey"]
            .iter()
            .any(|end| name.ends_with(end));
    let scheme = value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic") || scheme.eq_ignore_ascii_case("bearer"));
    let text = scheme.map_or(value, |(_, text)| text).trim();
    // `eyJ` is how every JSON Web Token begins: `{"` in base64.
    (named || scheme.is_some() || text.starts_with("eyJ") && text.contains('.'))
        && text.len() >= 6
}

fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}
