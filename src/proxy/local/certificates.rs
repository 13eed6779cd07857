//! Certificates in place of files that this machine does not have.

use std::io;
use std::path::Path;

use crate::ir::{CertificateSource, Gateway, HostMatch, Set, UpstreamTls};

use super::authority::Purpose;
use super::hosts::Named;
use super::{Account, Local, What};

/// Names of this machine, in every certificate of a listener.
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Whether a file is not there for this user.
pub(super) fn is_missing(file: &str) -> bool {
    match Path::new(file).metadata() {
        Ok(_) => std::fs::File::open(file)
            .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied),
        Err(_) => true,
    }
}

/// Makes the certificates and client authorities of listeners that are not there.
pub(super) fn listeners(
    gateway: &mut Gateway,
    local: &Local,
    named: &Named,
    account: &mut Account,
) -> io::Result<()> {
    let mut made = Vec::new();
    for certificate in &mut gateway.certificates {
        let from = match &certificate.source {
            CertificateSource::Files { cert, key } => {
                // One of two is no fresh machine: whoever wrote it wants to know that the other is missing.
                if !(is_missing(&cert.value) && is_missing(&key.value)) {
                    continue;
                }
                (cert.from, key.from)
            }
            CertificateSource::Acme { directory, .. } => (directory.from, directory.from),
        };
        let mut names = certificate.hosts.value.clone();
        for host in &certificate.hosts.value {
            let host = match host.strip_prefix("*.") {
                Some(zone) => HostMatch::Wildcard(zone.to_owned()),
                None => HostMatch::Exact(host.clone()),
            };
            names.extend(named.of(&host).iter().map(ToString::to_string));
        }
        names.extend(HERE.map(str::to_owned));
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        let file = local
            .authority
            .issue(&local.cache, &names, Purpose::Server)?;
        let file = file.to_string_lossy().into_owned();
        made.push(certificate.name.clone());
        certificate.hosts.value = names;
        certificate.source = CertificateSource::Files {
            cert: Set {
                value: file.clone(),
                from: from.0,
            },
            key: Set {
                value: file,
                from: from.1,
            },
        };
    }
    if !made.is_empty() {
        let done = account.did(
            What::Made,
            format!("certificates {}", super::hosts::few(&made)),
            match local.authority.fresh {
                true => "made by a new authority of your own, which nothing trusts yet",
                false => "made by the authority of your own",
            },
        );
        done.lines.push(local.authority());
        done.lines.push(
            "wsgen proxy --trust    tells how browsers, curl and Node learn to trust it".to_owned(),
        );
    }
    for listener in &mut gateway.listeners {
        let Some(auth) = listener.tls.as_mut().and_then(|it| it.client_auth.as_mut()) else {
            continue;
        };
        if !is_missing(&auth.ca.value) {
            continue;
        }
        let names = ["client.localhost".to_owned()];
        let file = local
            .authority
            .issue(&local.cache, &names, Purpose::Client)?;
        auth.ca.value = local.authority();
        let done = account.did(
            What::WayIn,
            format!("listener {}", listener.name),
            "asks for a client's certificate: this one was made",
        );
        done.lines.push(format!(
            "curl --cacert {} --cert {} https://localhost:{}/",
            quoted(&local.authority()),
            quoted(&file.to_string_lossy()),
            listener.port.value
        ));
    }
    Ok(())
}

/// TLS towards servers that stand in: known by the authority, whatever the spec's files are.
pub(super) fn towards(tls: &mut UpstreamTls, local: &Local) {
    let from = tls
        .ca
        .as_ref()
        .map_or(crate::ir::Origin::written(tls.at), |ca| ca.from);
    tls.ca = Some(Set {
        value: local.authority(),
        from,
    });
    tls.client = None;
}

/// A word that a shell takes as it is.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
