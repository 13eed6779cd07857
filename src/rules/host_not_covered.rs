//! host-not-covered: a host that the real certificate does not name.

use super::pem;
use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::files(
    Level::Error,
    "host-not-covered",
    include_str!("host_not_covered.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some(disk) = subject.disk else {
        return;
    };
    for (certificate, cert, facts) in pem::readable(subject.gateway, disk.files) {
        let missing: Vec<&str> = certificate
            .hosts
            .value
            .iter()
            .filter(|host| !facts.names.iter().any(|name| covers(name, host)))
            .map(String::as_str)
            .collect();
        if !missing.is_empty() {
            let named = if facts.names.is_empty() {
                "no host at all".to_owned()
            } else {
                facts.names.join(", ")
            };
            findings
                .at(
                    certificate.hosts.loc(),
                    format!("`{}` does not cover {}", cert.value, missing.join(", ")),
                )
                .note(format!("it names {named}; clients that ask for another host refuse the connection"))
                .help("request a certificate with these names, or take them out of `hosts`");
        }
    }
}

/// Whether a name of a certificate covers a host; `*` is one label (RFC 6125).
fn covers(name: &str, host: &str) -> bool {
    name == host
        || name.strip_prefix("*.").is_some_and(|zone| {
            host.split_once('.')
                .is_some_and(|(label, rest)| label != "*" && rest == zone)
        })
}
