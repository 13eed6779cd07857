//! TLS towards clients (contract §3): the certificate for a name, versions and ciphers, HSTS, client certificates.

use super::listener::{some, taken};
use crate::ir::{
    ClientAuthMode, Feature, Gateway, Listener, ListenerId, ListenerTls, TlsProfile, UnknownHost,
};
use crate::verify::ask::Ask;
use crate::verify::behave::{deviation, status};
use crate::verify::exchange::answer_by;
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::wire::hello::{Offered, SUITES, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, suite};
use crate::verify::wire::{Client, Response};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let mut all = Vec::new();
    for it in &gateway.listeners {
        if let Some(tls) = &it.tls {
            all.extend(of(it, tls));
        }
    }
    all
}

fn of(it: &Listener, tls: &ListenerTls) -> Vec<Probe> {
    let id = it.id;
    let at = match tls.certificates.is_written() {
        true => tls.certificates.loc(),
        false => tls.at,
    };
    let mut all = vec![
        Probe::new(
            Feature::TlsTermination,
            it,
            at,
            "each name gets the certificate that covers it, any other the first",
            move |lab| certificates(lab, id),
        ),
        Probe::new(
            Feature::TlsProfile,
            it,
            tls.profile.loc(),
            match tls.profile.value {
                TlsProfile::Modern => "TLS 1.3 is offered, and nothing else",
                TlsProfile::Intermediate => {
                    "TLS 1.2 and 1.3 are offered with forward secrecy, and nothing else"
                }
            },
            move |lab| profile(lab, id),
        ),
    ];
    if let Some(hsts) = &tls.hsts {
        let wanted = hsts.value.header();
        all.push(Probe::new(
            Feature::TlsHsts,
            it,
            hsts.loc(),
            format!("answers have `Strict-Transport-Security: {wanted}`"),
            move |lab| hsts_said(lab, id, &wanted),
        ));
    }
    if let Some(auth) = &tls.client_auth {
        let promise = match auth.mode.value {
            ClientAuthMode::Require => "only clients with a certificate of the authority come in",
            ClientAuthMode::Optional => "clients without a certificate come in, with a bad one not",
        };
        all.push(Probe::new(
            Feature::TlsClientAuth,
            it,
            auth.ca.loc(),
            promise,
            move |lab| client_auth(lab, id),
        ));
    }
    all
}

/// A client of the listener that shows no certificate.
fn client(lab: &Lab, listener: ListenerId, name: &str) -> Result<Client, Miss> {
    Ok(lab.client(listener, None, name)?)
}

/// A suite that every certificate here can do.
const SAFE: [&str; 3] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
];
const NEWEST: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// What becomes of a greeting with this name: taken, or refused where unknown hosts are.
pub(super) fn greeting(lab: &Lab, listener: ListenerId, name: &str) -> Seen {
    let suites: Vec<u16> = NEWEST.into_iter().filter_map(suite).collect();
    let came = client(lab, listener, name)?.offer(TLS_1_3, &suites, Some(name))?;
    let refused = matches!(came, Offered::Refused(_));
    let close = lab.gateway.listener(listener).unknown_host.value == UnknownHost::Close;
    match refused == close {
        true => Ok(()),
        false => Err(broken(
            format!("a TLS handshake for {name}"),
            if refused {
                "it was refused"
            } else {
                "it went on"
            },
            if close { "a refusal" } else { "a handshake" },
        )),
    }
}

fn broken(sent: String, came: impl Into<String>, promised: impl Into<String>) -> Miss {
    Deviation::new(sent, came, promised).into()
}

fn certificates(lab: &Lab, listener: ListenerId) -> Seen {
    let ask = some(lab, listener)?;
    let Some(tls) = &lab.gateway.listener(listener).tls else {
        return Err(Miss::gone());
    };
    let closed = |name: &str| {
        let outcome = lab.asker().outcome(&ask.again().host(name));
        outcome.is_some_and(|it| it.closed)
    };
    let mut fallback = None;
    for id in &tls.certificates.value {
        for host in &lab.gateway.certificate(*id).hosts.value {
            let name = host.replacen('*', "w", 1);
            if closed(&name) {
                continue;
            }
            let client = client(lab, listener, &name)?.server_name(&name);
            // The client verifies the name and the authority.
            if let Err(why) = client.connect() {
                return Err(broken(
                    format!("a TLS handshake for {name}"),
                    why.to_string(),
                    "a certificate that covers the name",
                ));
            }
            if fallback.is_none() && *id == tls.certificates.value[0] {
                fallback = Some(client.leaf(Some(&name))?);
            }
        }
    }
    let Some(fallback) = fallback else {
        return Ok(());
    };
    if lab.gateway.listener(listener).unknown_host.value == UnknownHost::Close {
        return Ok(());
    }
    for name in [Some("wsgen-probe.example"), None] {
        let client = client(lab, listener, "wsgen-probe.example")?;
        if client.leaf(name)? != fallback {
            return Err(broken(
                format!("a TLS handshake for {}", name.unwrap_or("no name")),
                "another certificate",
                "the listener's first certificate",
            ));
        }
    }
    Ok(())
}

fn profile(lab: &Lab, listener: ListenerId) -> Seen {
    let ask = some(lab, listener)?;
    let Some(tls) = &lab.gateway.listener(listener).tls else {
        return Err(Miss::gone());
    };
    let intermediate = tls.profile.value == TlsProfile::Intermediate;
    let name = ask.request.host.clone();
    let client = client(lab, listener, &name)?;
    let all: Vec<u16> = SUITES.iter().map(|(_, number)| *number).collect();
    let mut offers: Vec<(u16, String, Vec<u16>, bool)> = vec![
        (TLS_1_0, "TLS 1.0".to_owned(), all.clone(), false),
        (TLS_1_1, "TLS 1.1".to_owned(), all.clone(), false),
        (TLS_1_2, "TLS 1.2".to_owned(), all, intermediate),
    ];
    for (suite, number) in SUITES {
        let new = suite.starts_with("TLS_");
        let good = SAFE.contains(&suite);
        // A certificate for an ECDSA key shuts suites for RSA out by itself.
        let shut = ["ECDHE-ECDSA", "AES", "DES"]
            .iter()
            .any(|kind| suite.starts_with(kind));
        match (new, good || shut) {
            (true, _) => offers.push((TLS_1_3, suite.to_owned(), vec![number], true)),
            (false, true) => {
                let said = format!("TLS 1.2 with {suite}");
                offers.push((TLS_1_2, said, vec![number], good && intermediate));
            }
            (false, false) => {}
        }
    }
    for (version, said, suites, wanted) in offers {
        let came = client.offer(version, &suites, Some(&name))?;
        let taken = matches!(came, Offered::Accepted { version: chosen, .. } if chosen == version);
        if taken != wanted {
            let came = match came {
                Offered::Accepted { .. } => "it was taken".to_owned(),
                Offered::Refused(Some(alert)) => format!("it was refused with alert {alert}"),
                Offered::Refused(None) => "it was refused".to_owned(),
            };
            return Err(broken(
                format!("an offer of {said}"),
                came,
                if wanted { "a handshake" } else { "a refusal" },
            ));
        }
    }
    Ok(())
}

fn hsts_said(lab: &Lab, listener: ListenerId, wanted: &str) -> Seen {
    let ask = some(lab, listener)?;
    let mut asks = taken(lab, listener);
    asks.push(ask.again().path("/wsgen-probe"));
    asks.push(ask.again().method("PATCH"));
    asks.push(ask.again().header("X-Status", "503"));
    for ask in asks {
        if lab.asker().outcome(&ask).is_some_and(|it| it.closed) {
            continue;
        }
        let response = match ask.request.is_websocket() {
            false => lab.send(&ask)?,
            true => match lab.upgrade(&ask)? {
                Ok(tunnel) => tunnel.response.clone(),
                Err(refused) => refused,
            },
        };
        let said = response.headers.all("strict-transport-security");
        if said != [wanted] {
            let said = if said.is_empty() {
                "none".to_owned()
            } else {
                said.join(", ")
            };
            return Err(deviation(
                &ask,
                format!("{}, Strict-Transport-Security: {said}", status(&response)),
                format!("Strict-Transport-Security: {wanted}"),
            ));
        }
    }
    Ok(())
}

fn client_auth(lab: &Lab, listener: ListenerId) -> Seen {
    let ask = some(lab, listener)?;
    let Some(auth) = lab
        .gateway
        .listener(listener)
        .tls
        .as_ref()
        .and_then(|tls| tls.client_auth.as_ref())
    else {
        return Err(Miss::gone());
    };
    let foreign = lab.certificates.stranger.try_issue(&["client.example"])?;
    let good = &lab.certificates.client;
    let site = &lab.certificates.site;
    let optional = auth.mode.value == ClientAuthMode::Optional;
    let plain = lab.client_of(&ask)?;
    // The same host in other words than in the handshake.
    let dotted = ask.again().header("Host", &dotted(&ask.authority()));
    for (who, config, wanted, ask) in [
        ("with a good certificate", site.client_as(good)?, true, &ask),
        (
            "with a good certificate",
            site.client_as(good)?,
            true,
            &dotted,
        ),
        ("without a certificate", site.client(), optional, &ask),
        ("without a certificate", site.client(), optional, &dotted),
        (
            "with a foreign certificate",
            site.client_as(&foreign)?,
            false,
            &ask,
        ),
    ] {
        let client = plain.clone().tls_with(config);
        let client = lab.named(client, listener, &ask.authority());
        let ask = ask.again();
        let came = answer_by(&client, &ask);
        let in_there = came.as_ref().is_ok_and(|it| !refuses(lab, &ask, it));
        let reached = !lab.arrivals(&ask).is_empty();
        if in_there != wanted || (reached && !wanted) {
            let came = came.map_or_else(|why| why.to_string(), |it| status(&it));
            return Err(deviation(
                &ask,
                format!("{came} {who}"),
                if wanted { "an answer" } else { "a refusal" },
            ));
        }
    }
    Ok(())
}

/// An authority whose host ends with a dot.
fn dotted(authority: &str) -> String {
    match authority.rsplit_once(':') {
        Some((host, port)) => format!("{host}.:{port}"),
        None => format!("{authority}."),
    }
}

/// Whether an answer refuses the client's certificate: any other is proof that TLS let the client in, and so is one of these
/// where the request itself gets it.
fn refuses(lab: &Lab, ask: &Ask, came: &Response) -> bool {
    let promised = lab.asker().outcome(ask).and_then(|it| it.status);
    matches!(came.status, 400 | 403 | 421) && promised != Some(came.status)
}
