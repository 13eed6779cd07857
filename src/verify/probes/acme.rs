//! Certificates of an ACME authority (contract §3): ordered, proved as the spec says, and served.

use std::time::{Duration, Instant};

use crate::ir::{
    AcmeChallenge, CertificateId, CertificateSource, Feature, Gateway, Listener, Subject,
};
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};

/// How long a program may take to ask the authority for anything at all.
const FIRST: Duration = Duration::from_secs(4);

/// How long it may take to serve what it ordered.
const SERVED: Duration = Duration::from_secs(20);

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut all = Vec::new();
    for it in &gateway.certificates {
        if let CertificateSource::Acme { challenge, .. } = &it.source {
            let id = it.id;
            let how = named(challenge.value);
            all.push(
                Probe::new(
                    Feature::TlsAcme,
                    Subject::Certificate(it),
                    it.at,
                    format!(
                        "the authority is shown the hosts by {how}, and its certificate is served"
                    ),
                    move |lab| issued(lab, id),
                )
                .with_acme(),
            );
        }
    }
    all
}

fn named(challenge: AcmeChallenge) -> &'static str {
    match challenge {
        AcmeChallenge::Http => "HTTP",
        AcmeChallenge::TlsAlpn => "TLS",
    }
}

/// A handshake for each host of the certificate, which no file holds, until the authority's own is shown.
fn issued(lab: &Lab, id: CertificateId) -> Seen {
    let serves = |it: &&Listener| {
        let tls = it.tls.as_ref();
        tls.is_some_and(|tls| tls.certificates.value.contains(&id))
    };
    let (Some(listener), Some(acme)) = (
        lab.gateway.listeners.iter().find(serves),
        &lab.certificates.acme,
    ) else {
        return Err(Miss::Unseen("no listener has the certificate".to_owned()));
    };
    let certificate = lab.gateway.certificate(id);
    let CertificateSource::Acme { challenge, .. } = &certificate.source else {
        return Err(Miss::gone());
    };
    let start = Instant::now();
    for host in &certificate.hosts.value {
        let host = host.replacen('*', "w", 1);
        loop {
            let client = lab.client(listener.id, None, &host)?;
            // The client verifies the name and the authority; the leaf is the same, for nobody else is certified by it.
            let came = client.connect().and_then(|_| client.leaf(Some(&host)));
            let why = match came {
                Ok(leaf) if acme.has_issued(&leaf) => break,
                Ok(_) => "another certificate".to_owned(),
                Err(why) => why.to_string(),
            };
            let is_late = match acme.is_asked() {
                true => start.elapsed() > SERVED,
                false => start.elapsed() > FIRST,
            };
            if is_late {
                let mut trials = acme.trials().into_iter();
                let failed = trials.find_map(|it| it.failure);
                let said = match (acme.is_asked(), failed) {
                    (false, _) => "; the authority was asked for nothing".to_owned(),
                    (true, Some(why)) => format!("; the authority found no proof: {why}"),
                    (true, None) => String::new(),
                };
                return Err(Deviation::new(
                    format!("a TLS handshake for {host}"),
                    format!("{why}{said}"),
                    "a certificate of the authority",
                )
                .into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let trials = acme.trials();
    let mine = |host: &str| certificate.hosts.value.iter().any(|it| it == host);
    let other = trials
        .iter()
        .find(|it| mine(&it.host) && it.challenge != challenge.value);
    match other {
        None => Ok(()),
        Some(it) => Err(Deviation::new(
            format!("an order for {}", it.host),
            format!("a proof by {}", named(it.challenge)),
            format!("a proof by {}", named(challenge.value)),
        )
        .into()),
    }
}
