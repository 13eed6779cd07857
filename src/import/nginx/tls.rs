//! TLS towards clients: certificates, profiles, HSTS and client certificates.

use serde_json::json;

use super::Nginx;
use super::listener::Listener;
use super::site::{Host, Site};
use super::values::has_variable;

impl<'a> Nginx<'a, '_, '_> {
    /// Writes what the servers of a listener say of TLS.
    pub(super) fn tls(&mut self, listener: &Listener, sites: &[Site<'a>]) {
        let at = ["listeners", listener.name.as_str(), "tls"];
        // The default server's certificate is the fallback, so it comes first.
        let mut order = vec![listener.default];
        order.extend(listener.sites.iter().filter(|it| **it != listener.default));
        self.profile(&at, listener, sites);
        for number in &order {
            let Some(site) = sites.get(*number) else {
                continue;
            };
            for name in self.certificates(site, sites) {
                self.reading
                    .draft
                    .push(&[at[0], at[1], at[2], "certificates"], name);
            }
        }
        if self
            .reading
            .draft
            .get(&[at[0], at[1], at[2], "certificates"])
            .is_none()
        {
            let reject = order.iter().filter_map(|it| sites.get(*it));
            let directive = reject
                .filter_map(|site| site.listens.iter().find_map(|listen| listen.directive))
                .next();
            if let Some(directive) = directive {
                self.lost_but(
                    directive,
                    "no certificate is named for TLS here",
                    "import the file that has `ssl_certificate` too, or write `tls.certificates`",
                );
            }
            self.reading.draft.remove(&at);
        }
        self.hsts(&at, listener, sites);
        self.client_auth(&at, listener, sites);
    }

    /// The certificates of a server, by name.
    fn certificates(&mut self, site: &Site<'a>, sites: &[Site<'a>]) -> Vec<String> {
        let certs = site.scope.all(&["ssl_certificate"]);
        let keys = site.scope.all(&["ssl_certificate_key"]);
        let mut names = Vec::new();
        for (cert, key) in certs.iter().zip(&keys) {
            let (file, private) = (cert.arg(0), key.arg(0));
            if has_variable(file) || file.starts_with("data:") || file.starts_with("engine:") {
                self.lost(
                    cert,
                    "a certificate is a file of this name, or issued by ACME",
                );
                continue;
            }
            let pair = format!("{file}\n{private}");
            let name = match self.passed.get(&pair) {
                Some(name) => name.clone(),
                None => {
                    let hosts = self.covered(file, sites);
                    let host = hosts.first().map_or("site", String::as_str);
                    let host = host.trim_start_matches("*.");
                    let word = if pairs(sites) == 1 { "site" } else { host };
                    let name = self.reading.draft.name("certificates", word, "site");
                    self.set(&["certificates", &name, "hosts"], json!(hosts));
                    self.set(&["certificates", &name, "cert"], file);
                    self.set(&["certificates", &name, "key"], private);
                    self.passed.insert(pair, name.clone());
                    name
                }
            };
            self.kept(cert, format!("certificates.{name}.cert"));
            self.kept(key, format!("certificates.{name}.key"));
            names.push(name);
        }
        names
    }

    /// The hosts of all servers that show this certificate; where none has a name, what the file's path says.
    fn covered(&mut self, file: &str, sites: &[Site<'a>]) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        for site in sites {
            let certs = site.scope.all(&["ssl_certificate"]);
            if !certs.iter().any(|it| it.arg(0) == file) {
                continue;
            }
            for host in &site.hosts {
                if let Host::Name(name) = host
                    && !hosts.contains(name)
                {
                    hosts.push(name.clone());
                }
            }
        }
        if hosts.is_empty() {
            let mut named = file.split('/').map(|step| {
                let end = [".crt", ".pem", ".cer", ".cert"];
                end.iter()
                    .find_map(|end| step.strip_suffix(end))
                    .unwrap_or(step)
            });
            let named =
                named.rfind(|step| step.contains('.') && crate::spec::units::is_host_name(step));
            let host = named.unwrap_or("localhost").to_owned();
            self.reading.account.unsaid(
                format!("no server that shows {file} has a name: it is taken to cover {host}"),
                None,
            );
            hosts.push(host);
        }
        hosts
    }

    fn profile(&mut self, at: &[&str; 3], listener: &Listener, sites: &[Site<'a>]) {
        let here = listener.sites.iter().filter_map(|it| sites.get(*it));
        let scopes: Vec<_> = here.map(|site| site.scope.clone()).collect();
        for scope in scopes {
            let path = [at[0], at[1], at[2], "profile"];
            match scope.find("ssl_protocols") {
                Some(directive) => {
                    let versions = directive.texts();
                    let old = versions.iter().any(|it| matches!(*it, "SSLv2" | "SSLv3" | "TLSv1" | "TLSv1.1"));
                    let two = versions.contains(&"TLSv1.2");
                    let modern = !two && versions.contains(&"TLSv1.3");
                    let path = self.set(&path, if modern { "modern" } else { "intermediate" });
                    if old {
                        self.changed(directive, path, "versions before TLS 1.2 are refused");
                    } else if !modern && versions.len() < 2 {
                        self.changed(directive, path, "TLS 1.3 is offered too");
                    } else {
                        self.kept(directive, path);
                    }
                }
                None => self.reading.account.unsaid(
                    "TLS offers what Mozilla calls intermediate: TLS 1.2 and 1.3 with forward secrecy",
                    None,
                ),
            }
            for name in ["ssl_ciphers", "ssl_ecdh_curve", "ssl_dhparam"] {
                if let Some(directive) = scope.find(name) {
                    let is_list = directive
                        .arg(0)
                        .contains("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256");
                    let path = format!("{}.profile", at.join("."));
                    if is_list
                        && name == "ssl_ciphers"
                        && !directive.arg(0).contains("DHE-RSA-AES128-GCM-SHA256:DHE")
                    {
                        self.kept(directive, path);
                    } else {
                        self.changed(directive, path, "the profile decides");
                    }
                }
            }
        }
    }

    /// `Strict-Transport-Security`, where every server of the listener that answers sends the same.
    fn hsts(&mut self, at: &[&str; 3], listener: &Listener, sites: &[Site<'a>]) {
        let mut found = Vec::new();
        for site in listener.sites.iter().filter_map(|it| sites.get(*it)) {
            let headers = site.scope.all(&["add_header"]);
            let hsts = headers
                .into_iter()
                .find(|it| it.arg(0).eq_ignore_ascii_case("Strict-Transport-Security"));
            found.push(hsts);
        }
        let Some(first) = found.first().copied().flatten() else {
            return;
        };
        let all = found
            .iter()
            .all(|one| one.is_some_and(|it| it.arg(1) == first.arg(1)));
        let Some(value) = all.then(|| hsts(first.arg(1))).flatten() else {
            return;
        };
        let path = self.set(&[at[0], at[1], at[2], "hsts"], value);
        for directive in found.into_iter().flatten() {
            if directive.arg(2) == "always" {
                self.kept(directive, path.clone());
            } else {
                self.changed(directive, path.clone(), "it is sent with every status");
            }
        }
    }

    fn client_auth(&mut self, at: &[&str; 3], listener: &Listener, sites: &[Site<'a>]) {
        let here = listener.sites.iter().filter_map(|it| sites.get(*it));
        let scopes: Vec<_> = here.map(|site| site.scope.clone()).collect();
        for scope in &scopes {
            let Some(verify) = scope.find("ssl_verify_client") else {
                continue;
            };
            let ca = scope.find("ssl_client_certificate");
            match (verify.arg(0), ca) {
                ("off", _) => self.moot(verify, "as the spec's default"),
                (mode @ ("on" | "optional"), Some(ca)) => {
                    let path = [at[0], at[1], at[2], "client_auth"];
                    self.set(&[path[0], path[1], path[2], path[3], "ca"], ca.arg(0));
                    if mode == "optional" {
                        self.set(&[path[0], path[1], path[2], path[3], "mode"], "optional");
                    }
                    let path = path.join(".");
                    if scopes.len() > 1 {
                        self.changed(
                            verify,
                            path.clone(),
                            "every host of the listener asks for a certificate",
                        );
                    } else {
                        self.kept(verify, path.clone());
                    }
                    self.kept(ca, path);
                }
                _ => self.lost_but(
                    verify,
                    "a client certificate is asked for with an authority, and must be valid",
                    "write `tls.client_auth: { ca: …, mode: optional }` on the listener",
                ),
            }
        }
    }
}

/// The value of the header as a spec says it.
pub(super) fn hsts(text: &str) -> Option<serde_json::Value> {
    let (mut age, mut subdomains, mut preload) = (None, false, false);
    for part in text.split(';') {
        let part = part.trim().to_ascii_lowercase();
        if let Some(seconds) = part.strip_prefix("max-age=") {
            age = super::values::duration(seconds.trim_matches('"'));
        } else if part == "includesubdomains" {
            subdomains = true;
        } else if part == "preload" {
            preload = true;
        } else if !part.is_empty() {
            return None;
        }
    }
    let age = age?.to_string();
    Some(match (subdomains, preload) {
        (false, false) => age.into(),
        (true, false) => json!({ "max_age": age, "subdomains": true }),
        (subdomains, _) => json!({ "max_age": age, "subdomains": subdomains, "preload": true }),
    })
}

/// How many certificates all servers show.
fn pairs(sites: &[Site<'_>]) -> usize {
    let mut files: Vec<&str> = sites
        .iter()
        .flat_map(|site| site.scope.all(&["ssl_certificate"]))
        .map(|it| it.arg(0))
        .collect();
    files.sort_unstable();
    files.dedup();
    files.len()
}
