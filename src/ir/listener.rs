//! Listeners and certificates: what clients connect to.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::*;

/// A port that clients connect to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listener {
    /// Its id.
    #[serde(skip)]
    pub id: ListenerId,
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Its name.
    pub name: String,
    /// The TCP port.
    pub port: Set<u16>,
    /// The address to bind; `None` is every address, IPv4 and IPv6.
    pub address: Set<Option<IpAddr>>,
    /// TLS; `None` is plain text.
    pub tls: Option<ListenerTls>,
    /// Sends every request to this listener with 301, but for routes that name this one in `when.listeners`.
    pub redirect: Option<Set<ListenerId>>,
    /// Whether HTTP/2 is offered.
    pub http2: Set<bool>,
    /// Whether HTTP/3 is offered.
    pub http3: Set<bool>,
    /// Whether every connection starts with a PROXY protocol header.
    pub proxy_protocol: Set<bool>,
    /// Proxies in front whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Set<Vec<ClientRange>>,
    /// Until a request head is complete.
    pub head_timeout: Set<Dur>,
    /// Between requests.
    pub keepalive: Set<Dur>,
    /// The largest request head.
    pub head_limit: Set<Size>,
    /// The most connections open at once; `None` is no ceiling.
    pub connections: Set<Option<u64>>,
    /// The port that clients see.
    pub public_port: Set<u16>,
    /// What a host gets that no route names.
    pub unknown_host: Set<UnknownHost>,
    /// How paths are read before they are matched.
    pub paths: Set<Paths>,
    /// What becomes of `%2F` in a path.
    pub encoded_slash: Set<EncodedSlash>,
    /// Whether WebSockets over HTTP/2 (RFC 8441) are offered; means something only with `http2`.
    pub websocket_over_http2: Set<bool>,
    /// Which header names pass.
    pub header_names: Set<HeaderNames>,
    /// TCP keep-alive towards clients; `None` is off.
    pub tcp_keepalive: Set<Option<Dur>>,
}

impl Listener {
    /// `http` or `https`.
    pub const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Whether `public_port` is the scheme's own port, which a URL leaves out.
    pub fn has_scheme_port(&self) -> bool {
        self.public_port.value == if self.tls.is_some() { 443 } else { 80 }
    }
}

/// TLS towards clients.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListenerTls {
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Protocol versions and ciphers.
    pub profile: Set<TlsProfile>,
    /// The certificates, at least one; the first is the fallback.
    pub certificates: Set<Vec<CertificateId>>,
    /// `Strict-Transport-Security`; `None` is off.
    pub hsts: Option<Set<Hsts>>,
    /// Client certificates; `None` is off.
    pub client_auth: Option<ClientAuth>,
}

/// `Strict-Transport-Security`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hsts {
    /// How long browsers remember.
    pub max_age: Dur,
    /// Whether subdomains are included.
    pub subdomains: bool,
    /// Whether the host may enter the browsers' preload lists.
    pub preload: bool,
}

impl Hsts {
    /// The header's value.
    pub fn header(&self) -> String {
        let mut value = format!("max-age={}", self.max_age.as_secs_ceil());
        if self.subdomains {
            value.push_str("; includeSubDomains");
        }
        if self.preload {
            value.push_str("; preload");
        }
        value
    }
}

/// Client certificates (mTLS).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientAuth {
    /// The file of the authorities.
    pub ca: Set<String>,
    /// Whether a client without a certificate passes.
    pub mode: Set<ClientAuthMode>,
}

/// A certificate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Certificate {
    /// Its id.
    #[serde(skip)]
    pub id: CertificateId,
    /// Where it is written.
    #[serde(skip)]
    pub at: Loc,
    /// Its name.
    pub name: String,
    /// The host names that it covers, in lower case.
    pub hosts: Set<Vec<String>>,
    /// Where it comes from.
    pub source: CertificateSource,
}

impl Certificate {
    /// Whether the certificate covers every host that the match takes: `*.a.b` covers one label.
    pub fn covers(&self, host: &HostMatch) -> bool {
        match host {
            HostMatch::Exact(name) => self.hosts.value.iter().any(|covered| {
                covered == name
                    || covered.strip_prefix("*.").is_some_and(|zone| {
                        name.split_once('.').is_some_and(|(_, rest)| rest == zone)
                    })
            }),
            HostMatch::Wildcard(zone) => self
                .hosts
                .value
                .iter()
                .any(|covered| covered.strip_prefix("*.") == Some(zone)),
            HostMatch::Regex(_) | HostMatch::Any => false,
        }
    }
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateSource {
    /// Two files in PEM.
    Files {
        /// The certificate and its intermediates.
        cert: Set<String>,
        /// The private key.
        key: Set<String>,
    },
    /// An ACME authority.
    Acme {
        /// The address that the authority writes to; `None` is none given.
        email: Option<Set<String>>,
        /// How the host is proved.
        challenge: Set<AcmeChallenge>,
        /// The authority's directory URL.
        directory: Set<String>,
    },
}
