//! host-without-certificate: a host that is served over TLS with somebody else's certificate.

use std::collections::HashSet;

use super::{Findings, Rule, Subject};
use crate::diag::Level;
use crate::ir::{HostMatch, Listener, ListenerTls};

pub(super) const RULE: Rule = Rule::new(
    Level::Warning,
    "host-without-certificate",
    include_str!("host_without_certificate.md"),
    run,
);

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for listener in &subject.gateway.listeners {
        if let Some(tls) = &listener.tls {
            check(subject, listener, tls, findings);
        }
    }
}

fn check(
    subject: &Subject<'_>,
    listener: &Listener,
    tls: &ListenerTls,
    findings: &mut Findings<'_>,
) {
    let gateway = subject.gateway;
    let covered: HashSet<&str> = tls
        .certificates
        .value
        .iter()
        .flat_map(|id| &gateway.certificate(*id).hosts.value)
        .map(String::as_str)
        .collect();
    let mut told = HashSet::new();
    for route in gateway.routes.iter().filter(|it| gateway.serves(listener, it)) {
        for host in &route.hosts {
            let fits = match &host.value {
                HostMatch::Exact(name) => {
                    covered.contains(name.as_str())
                        || name
                            .split_once('.')
                            .is_some_and(|(_, zone)| covered.contains(format!("*.{zone}").as_str()))
                }
                HostMatch::Wildcard(zone) => covered.contains(format!("*.{zone}").as_str()),
                HostMatch::Regex(_) | HostMatch::Any => true,
            };
            if !fits && told.insert(&host.value) {
                findings
                    .at(
                        host.loc(),
                        format!("listener {} has no certificate for {}", listener.name, host.value),
                    )
                    .also(tls.certificates.loc(), "its certificates")
                    .note("clients get the first certificate, whose name is another one, and refuse the connection")
                    .help(format!(
                        "add `{}` to `hosts` of a certificate that has it, or list another certificate",
                        host.value
                    ));
            }
        }
    }
}
