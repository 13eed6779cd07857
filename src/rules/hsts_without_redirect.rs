//! hsts-without-redirect: browsers are told to use TLS only where they already do.

use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "hsts-without-redirect",
    include_str!("hsts_without_redirect.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let gateway = subject.gateway;
    let plain = gateway.listeners.iter().find(|it| {
        it.tls.is_none()
            && it.redirect.is_none()
            && !super::is_behind_something(it)
            && gateway.routes.iter().any(|route| gateway.serves(it, route))
    });
    let Some(plain) = plain else {
        return;
    };
    for tls in gateway.listeners.iter().filter_map(|it| it.tls.as_ref()) {
        if let Some(hsts) = &tls.hsts {
            findings
                .at(
                    hsts.loc(),
                    format!("HSTS is on, but listener {} serves plain text", plain.name),
                )
                .also(plain.at, "no redirect")
                .note("browsers read `Strict-Transport-Security` over TLS only: whoever comes by `http` stays there")
                .help(format!("write `redirect: …` on listener {}", plain.name));
        }
    }
}
