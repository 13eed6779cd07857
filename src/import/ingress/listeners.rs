//! The controller's two listeners, certificates, and who is sent from one to the other.

use serde_json::{Value as Json, json};

use super::controller::Controller;
use super::site::Site;
use crate::import::Reading;

/// Whether plain requests for these hosts are sent to TLS.
pub(super) fn redirects(site: &Site, hosts: &[String], controller: &Controller) -> bool {
    if site.notes.is_on("force-ssl-redirect") {
        return true;
    }
    let asked = site
        .notes
        .text("ssl-redirect")
        .map_or(controller.redirects, |it| it == "true");
    asked && hosts.iter().any(|host| site.has_tls(Some(host)))
}

/// Writes the listeners and certificates.
pub(super) fn write(
    sites: &[Site],
    controller: &Controller,
    redirecting: bool,
    reading: &mut Reading<'_>,
) {
    let tls = sites.iter().any(|site| !site.tls.is_empty());
    let names: &[&str] = if tls {
        &["plain", "secure"]
    } else {
        &["plain"]
    };
    for name in names {
        let port = if *name == "plain" { 80 } else { 443 };
        reading.draft.set(&["listeners", name, "port"], port);
        let head = reading
            .draft
            .set(&["listeners", name, "timeouts", "head"], "1m");
        reading
            .account
            .unsaid("a head may take 60 s (`client-header-timeout`)", Some(head));
        for (path, value) in &controller.listener {
            let steps: Vec<&str> = ["listeners", name]
                .into_iter()
                .chain(path.split('.'))
                .collect();
            reading.draft.set(&steps, value.clone());
        }
    }
    if redirecting {
        let path = reading
            .draft
            .set(&["listeners", "plain", "redirect"], "secure");
        reading.account.unsaid(
            "hosts with a certificate are sent to TLS with 308 (`ssl-redirect`): here with 301",
            Some(path),
        );
    }
    if !tls {
        return;
    }
    if controller.modern {
        reading
            .draft
            .set(&["listeners", "secure", "tls", "profile"], "modern");
    }
    for site in sites {
        for tls in &site.tls {
            certificate(site, tls, reading);
        }
    }
    let names: Vec<Json> = reading
        .draft
        .names("certificates")
        .into_iter()
        .map(Json::String)
        .collect();
    reading
        .draft
        .set(&["listeners", "secure", "tls", "certificates"], names);
    if let Some(hsts) = &controller.hsts {
        let path = reading
            .draft
            .set(&["listeners", "secure", "tls", "hsts"], hsts.clone());
        reading.account.unsaid(
            "`Strict-Transport-Security` is sent by default (`hsts`)",
            Some(path),
        );
    }
    for site in sites {
        client_auth(site, reading);
    }
}

fn certificate(site: &Site, tls: &super::site::Tls, reading: &mut Reading<'_>) {
    let secret = if tls.secret.is_empty() {
        "default"
    } else {
        tls.secret.as_str()
    };
    let wanted = super::own(reading, secret).unwrap_or_else(|| "site".to_owned());
    let cert = format!("/etc/tls/{secret}/tls.crt");
    let there = reading
        .draft
        .names("certificates")
        .into_iter()
        .find(|name| {
            reading
                .draft
                .get(&["certificates", name, "cert"])
                .and_then(Json::as_str)
                == Some(cert.as_str())
        });
    let name = there.unwrap_or_else(|| reading.draft.name("certificates", &wanted, "site"));
    let mut hosts = tls.hosts.clone();
    if hosts.is_empty() {
        hosts = site.paths.iter().filter_map(|it| it.host.clone()).collect();
    }
    if hosts.is_empty() {
        hosts.push("localhost".to_owned());
    }
    for host in hosts {
        reading.draft.push(&["certificates", &name, "hosts"], host);
    }
    reading
        .draft
        .set(&["certificates", &name, "cert"], cert.as_str());
    let path = reading.draft.set(
        &["certificates", &name, "key"],
        format!("/etc/tls/{secret}/tls.key"),
    );
    if tls.secret.is_empty() {
        reading.account.changed(
            tls.id,
            path,
            "the controller's default certificate: name its files",
        );
        return;
    }
    for target in ["ingress", "gateway"] {
        reading.draft.set(
            &["targets", target, "certificates", &name, "secret"],
            secret,
        );
    }
    reading.account.kept(tls.id, format!("certificates.{name}"));
    reading.account.unsaid(
        "a Secret's files are looked for in /etc/tls/NAME, as a mounted Secret has them",
        None,
    );
}

/// `auth-tls-secret`: certificates of clients, for the listener as a whole.
fn client_auth(site: &Site, reading: &mut Reading<'_>) {
    let notes = &site.notes;
    let Some(note) = notes.get("auth-tls-secret") else {
        return;
    };
    let mode = notes.text("auth-tls-verify-client").unwrap_or("on");
    if mode == "off" {
        reading
            .account
            .moot(note.id, "`auth-tls-verify-client` is off");
        return;
    }
    let secret = note
        .value
        .trim()
        .rsplit('/')
        .next()
        .unwrap_or("clients")
        .to_owned();
    let mut value = json!({ "ca": format!("/etc/tls/{secret}/ca.crt") });
    if mode != "on" {
        value["mode"] = json!("optional");
    }
    let path = reading
        .draft
        .set(&["listeners", "secure", "tls", "client_auth"], value);
    reading.account.changed(
        note.id,
        path.clone(),
        "every host of the listener asks for a certificate, not this one alone",
    );
    for name in ["auth-tls-verify-client", "auth-tls-verify-depth"] {
        if let Some(note) = notes.get(name) {
            reading.account.kept(note.id, path.clone());
        }
    }
}
