//! Certificates made on the spot by private authorities, in place of the files that a gateway names.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;

use super::folder::Folder;
use super::stub::acme::Acme;
use super::wire::{Authority, Pair};
use crate::ir::{CertificateSource, Gateway, Set, Upstream};

/// The subject of a client's good certificate, as RFC 4514 writes it.
pub const CLIENT: &str = "CN=client.example";

/// The authorities of a lab, and what each has certified.
pub struct Certificates {
    /// Certifies the listeners: what clients trust.
    pub site: Arc<Authority>,
    /// Certifies clients, for mTLS.
    pub clients: Authority,
    /// Certifies servers, and the program towards them.
    pub servers: Authority,
    /// Nobody trusts it.
    pub stranger: Authority,
    /// A client's good certificate; its common name is `client.example`.
    pub client: Pair,
    /// The ACME authority, where certificates are left to the program: its own are those of `site`.
    pub acme: Option<Acme>,
    /// What could not be kept, in words.
    pub changes: Vec<String>,
}

impl Certificates {
    /// The file of the authority of servers, in the folder.
    pub(super) const SERVERS: &'static str = "tls/servers.pem";

    /// Certifies everything that the gateway needs; its paths then lead into the folder. With `names`, servers are known by
    /// host names that they keep; with `acme`, certificates of an ACME authority are left to the program.
    ///
    /// # Errors
    /// Where the folder cannot be written, or a name cannot stand in a certificate.
    pub(super) fn apply(
        gateway: &mut Gateway,
        folder: &Folder,
        names: bool,
        acme: bool,
    ) -> io::Result<Self> {
        let clients = Authority::new();
        let client = clients.try_issue(&["client.example"])?;
        let mut all = Self {
            site: Arc::new(Authority::new()),
            clients,
            servers: Authority::new(),
            acme: None,
            stranger: Authority::new(),
            client,
            changes: Vec::new(),
        };
        let file = |name: String, text: &str| -> io::Result<String> {
            Ok(folder.write(&name, text)?.to_string_lossy().into_owned())
        };
        if acme {
            all.acme = Some(Acme::start(Arc::clone(&all.site), &all.servers)?);
        }
        for it in &mut gateway.certificates {
            if let (Some(acme), CertificateSource::Acme { directory, .. }) =
                (&all.acme, &mut it.source)
            {
                directory.value = acme.directory();
                continue;
            }
            let hosts: Vec<&str> = it.hosts.value.iter().map(String::as_str).collect();
            let pair = all.site.try_issue(&hosts)?;
            let cert = file(format!("tls/{}.crt", it.id.0), &pair.cert)?;
            let key = file(format!("tls/{}.key", it.id.0), &pair.key)?;
            let at = match &it.source {
                CertificateSource::Files { cert, key } => (cert.from, key.from),
                CertificateSource::Acme { directory, .. } => {
                    all.changes.push(format!(
                        "certificate {} comes from a private authority, not by ACME",
                        it.name
                    ));
                    (directory.from, directory.from)
                }
            };
            it.source = CertificateSource::Files {
                cert: Set {
                    value: cert,
                    from: at.0,
                },
                key: Set {
                    value: key,
                    from: at.1,
                },
            };
        }
        let client_ca = file("tls/clients.pem".to_owned(), &all.clients.pem())?;
        for it in &mut gateway.listeners {
            if let Some(auth) = it.tls.as_mut().and_then(|tls| tls.client_auth.as_mut()) {
                auth.ca.value.clone_from(&client_ca);
            }
        }
        let server_ca = file(Self::SERVERS.to_owned(), &all.servers.pem())?;
        for (number, it) in gateway.upstreams.iter_mut().enumerate() {
            let name = own_name(it).filter(|_| !names || it.resolve.value.is_none());
            let Some(tls) = &mut it.tls else { continue };
            match &mut tls.ca {
                Some(ca) => ca.value.clone_from(&server_ca),
                None if tls.verify.value => {
                    all.changes.push(format!(
                        "servers of {} are certified by a private authority, not by the system's",
                        it.name
                    ));
                    tls.ca = Some(Set::written(server_ca.clone(), tls.at));
                }
                None => {}
            }
            if tls.server_name.is_none()
                && let Some(name) = name
            {
                all.changes
                    .push(format!("servers of {} are verified as {name}", it.name));
                tls.server_name = Some(Set::written(name, tls.at));
            }
            if let Some((cert, key)) = &mut tls.client {
                let pair = all.servers.try_issue(&["proxy.example"])?;
                // Their own file names stay: whether a program finds the key beside the certificate hangs on them.
                let path = |old: &str| {
                    let name = old.rsplit('/').next().unwrap_or(old);
                    format!("tls/upstream{number}/{name}")
                };
                let (one, other) = (path(&cert.value), path(&key.value));
                if one == other {
                    cert.value = file(one, &pair.joined())?;
                    key.value.clone_from(&cert.value);
                } else {
                    cert.value = file(one, &pair.cert)?;
                    key.value = file(other, &pair.key)?;
                }
            }
        }
        Ok(all)
    }

    /// What a server of an upstream needs, known by `host` where that is its name; `None` where it speaks plain text.
    pub(in crate::verify) fn server(
        &self,
        upstream: &Upstream,
        host: Option<&str>,
        address: &str,
    ) -> io::Result<Option<Arc<ServerConfig>>> {
        let Some(tls) = &upstream.tls else {
            return Ok(None);
        };
        let asked = tls.server_name.iter().map(|name| name.value.as_str());
        let names: Vec<&str> = [address].into_iter().chain(host).chain(asked).collect();
        let pair = self.servers.try_issue(&names)?;
        pair.server().map(Some)
    }
}

/// The host name of the first server that has one: it is gone once addresses are moved to loopback.
fn own_name(upstream: &Upstream) -> Option<String> {
    upstream
        .servers
        .iter()
        .find_map(|server| server.address.value.name().map(str::to_owned))
}
