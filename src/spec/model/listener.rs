//! `listeners` and `certificates`: what clients connect to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Block, Many, Named, OnOff};
use crate::spec::de::At;
use crate::spec::units::{ClientRange, Dur, Size};

/// A port that clients connect to.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// `off` takes the listener out. Default: on.
    pub enabled: Option<At<OnOff>>,
    /// The TCP port, 1 to 65535. Required.
    #[schemars(range(min = 1, max = 65535), extend("examples" = [80, 443]))]
    pub port: Option<At<u64>>,
    /// The address to bind. Default: every address, IPv4 and IPv6.
    #[schemars(extend("examples" = ["127.0.0.1", "::1"]))]
    pub address: Option<At<String>>,
    /// Terminates TLS here. Default: plain text.
    pub tls: Option<At<Block<ListenerTls>>>,
    /// Sends every request to the same host, path and query on another listener, with 301. A route that names this listener in
    /// `when.listeners` comes first.
    #[schemars(extend("examples" = ["secure"]))]
    pub redirect: Option<At<Block<String>>>,
    /// Offers HTTP/2 to clients: by ALPN on TLS, by prior knowledge on plain text where the program can. Default: on with TLS, off without.
    pub http2: Option<At<OnOff>>,
    /// Offers HTTP/3 (QUIC, UDP on the same port). Default: off.
    pub http3: Option<At<OnOff>>,
    /// Expects a PROXY protocol header (v1 or v2) on every connection; one without it is closed. Default: off.
    pub proxy_protocol: Option<At<OnOff>>,
    /// Proxies in front whose `X-Forwarded-For` is believed: the client is the right-most address that is not one of these. Default: none.
    #[schemars(extend("examples" = [["10.0.0.0/8"]]))]
    pub trusted_proxies: Option<At<Many<At<ClientRange>>>>,
    /// How long a client may take.
    pub timeouts: Option<ListenerTimeouts>,
    /// How much a client may ask for.
    pub limits: Option<ListenerLimits>,
    /// The port that clients see, when something forwards to `port`; used in redirects and `X-Forwarded-Port`. Default: `port`.
    #[schemars(range(min = 1, max = 65535))]
    pub public_port: Option<At<u64>>,
    /// What a host gets that no route names: `not_found` answers 404, `close` refuses the TLS handshake by SNI and ends a plain connection
    /// unanswered. Default: `not_found`.
    pub unknown_host: Option<At<UnknownHost>>,
    /// How paths are read before they are matched. Default: `normalize`.
    pub paths: Option<At<Paths>>,
    /// What becomes of `%2F` in a path; it is never decoded. Default: `keep`.
    pub encoded_slash: Option<At<EncodedSlash>>,
    /// Offers WebSockets over HTTP/2 (RFC 8441) where HTTP/2 is on. Default: on.
    pub websocket_over_http2: Option<At<OnOff>>,
    /// Which header names pass: `strict` drops those with underscores and other odd characters, `lenient` passes them. Default: `strict`.
    pub header_names: Option<At<HeaderNames>>,
    /// Sends TCP keep-alive probes to a silent client after this long, so that a dead peer is noticed under an idle tunnel. Default: 60s.
    #[schemars(extend("default" = "60s"))]
    pub tcp_keepalive: Option<At<Block<Dur>>>,
}

/// How long a client may take.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct ListenerTimeouts {
    /// From the connection, or the first byte of a request, until the request head is complete; then 408 or close. Default: 10s.
    #[schemars(extend("default" = "10s"))]
    pub head: Option<At<Dur>>,
    /// From the last response until the first byte of the next request; then close. Default: 75s.
    #[schemars(extend("default" = "75s"))]
    pub keepalive: Option<At<Dur>>,
}

/// How much a client may ask for.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct ListenerLimits {
    /// The largest request head (request line and headers); a larger one gets 431. Default: 32KiB.
    #[schemars(extend("default" = "32KiB"))]
    pub head: Option<At<Size>>,
    /// The most connections open at once on this listener; a further one is refused. Default: off.
    #[schemars(extend("default" = "off"))]
    pub connections: Option<At<Block<u64>>>,
}

/// TLS towards clients.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// Protocol versions and ciphers, as in Mozilla's guidelines 5.x. Default: `intermediate`.
    pub profile: Option<At<TlsProfile>>,
    /// Names of the certificates to serve; the one that covers the name asked for, else the first. Required.
    #[schemars(extend("examples" = [["site"]]))]
    pub certificates: Option<At<Many<At<String>>>>,
    /// Sends `Strict-Transport-Security`. Default: off.
    pub hsts: Option<At<Block<Hsts>>>,
    /// Asks clients for a certificate (mTLS). Default: off.
    pub client_auth: Option<At<Block<ClientAuth>>>,
}

/// Which TLS versions and ciphers are offered.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum TlsProfile {
    /// TLS 1.3 only.
    Modern,
    /// TLS 1.2 and 1.3 with forward secrecy.
    Intermediate,
}

/// `Strict-Transport-Security`: a duration alone, or with its flags.
#[derive(Clone, Debug, PartialEq)]
pub struct Hsts {
    /// How long browsers remember.
    pub max_age: Dur,
    /// Whether subdomains are included.
    pub subdomains: bool,
    /// Whether the host may enter the browsers' preload lists.
    pub preload: bool,
}

/// The map form of [`Hsts`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HstsMap {
    /// How long browsers remember.
    max_age: Dur,
    /// Includes subdomains. Default: off.
    subdomains: Option<OnOff>,
    /// Allows browsers' preload lists. Default: off.
    preload: Option<OnOff>,
}

super::upstream::scalar_or_map!(
    Hsts,
    "How long browsers remember to use TLS: a duration, or a map with flags",
    Dur => |max_age: Dur| Hsts { max_age, subdomains: false, preload: false },
    HstsMap => |map: HstsMap| Hsts {
        max_age: map.max_age,
        subdomains: map.subdomains.is_some_and(|v| v.0),
        preload: map.preload.is_some_and(|v| v.0),
    }
);

/// Client certificates (mTLS).
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct ClientAuth {
    /// The file of the authorities (PEM) that sign client certificates.
    #[schemars(extend("examples" = ["/etc/ssl/clients.pem"]))]
    pub ca: At<String>,
    /// Default: `require`.
    pub mode: Option<At<ClientAuthMode>>,
}

/// Whether a client without a certificate passes.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMode {
    /// A client without a valid certificate is refused.
    Require,
    /// A client without a certificate passes; an invalid one is refused.
    Optional,
}

/// What a host gets that no route names.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum UnknownHost {
    /// 404.
    NotFound,
    /// The TLS handshake is refused by SNI; a plain connection ends unanswered.
    Close,
}

/// How paths are read before they are matched.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Paths {
    /// Dot segments resolved, `//` merged, `%`-encoded unreserved characters decoded.
    Normalize,
    /// 400 for a path with dot segments or `//`.
    Reject,
    /// As they come. A path guard can then be walked around.
    Raw,
}

/// What becomes of `%2F` in a path.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum EncodedSlash {
    /// It stays `%2F` and is no separator.
    Keep,
    /// 400.
    Reject,
}

/// Which header names pass.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum HeaderNames {
    /// Letters, digits and `-`; others are dropped.
    Strict,
    /// Every token of RFC 9110.
    Lenient,
}

/// A certificate: files, or issued by an ACME authority.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The host names that it covers; `*.example.com` covers one label. Required.
    #[schemars(extend("examples" = [["example.com", "*.example.com"]]))]
    pub hosts: Option<At<Many<At<String>>>>,
    /// The file (PEM) with the certificate and its intermediates.
    #[schemars(extend("examples" = ["/etc/ssl/site.crt"]))]
    pub cert: Option<At<String>>,
    /// The file (PEM) with the private key.
    #[schemars(extend("examples" = ["/etc/ssl/site.key"]))]
    pub key: Option<At<String>>,
    /// Has it issued and renewed by an ACME authority, in place of `cert` and `key`.
    pub acme: Option<At<Acme>>,
}

/// Certificates by ACME (RFC 8555).
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct Acme {
    /// The address that the authority writes to.
    #[schemars(extend("examples" = ["ops@example.com"]))]
    pub email: Option<At<String>>,
    /// How the host is proved. Default: `http`.
    pub challenge: Option<At<AcmeChallenge>>,
    /// The authority's directory URL. Default: Let's Encrypt.
    #[schemars(extend("default" = "https://acme-v02.api.letsencrypt.org/directory"))]
    pub directory: Option<At<String>>,
}

/// How a host is proved to an ACME authority.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum AcmeChallenge {
    /// A file under `/.well-known/acme-challenge/` on port 80.
    Http,
    /// A TLS handshake on port 443.
    TlsAlpn,
}

/// Certificates are looked up by name.
pub type Certificates = Named<Certificate>;
