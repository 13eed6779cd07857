//! Listeners: what a `server` says about its socket, TLS, timers, limits and the paths that it refuses.

use super::Planner;
use super::words::{Block, Directive, bytes_text, default, dur, entry_regex, variable, word};
use crate::emit::lang::nginx;
use crate::emit::{Part, Tok};
use crate::ir::{
    CertificateId, CertificateSource, ClientAuthMode, EncodedSlash, Feature, HeaderNames,
    HostMatch, Listener, ListenerTls, Paths, Subject, TlsProfile, UnknownHost,
};

/// Mozilla's guidelines 5.8, *intermediate*.
const INTERMEDIATE: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

impl Planner<'_> {
    /// The `listen` lines. Options of the socket may stand once per address: in the default server.
    pub(super) fn listens(&self, listener: &Listener, first: bool) -> Vec<Directive> {
        let port = listener.port.value;
        let addresses = match listener.address.value {
            Some(std::net::IpAddr::V4(ip)) => vec![format!("{ip}:{port}")],
            Some(std::net::IpAddr::V6(ip)) => vec![format!("[{ip}]:{port}")],
            None => vec![port.to_string(), format!("[::]:{port}")],
        };
        addresses
            .into_iter()
            .map(|address| {
                let mut args = vec![word(&address)];
                if listener.tls.is_some() {
                    args.push(Tok::fixed("ssl"));
                }
                if listener.http2.value && listener.tls.is_some() && !self.env.since(1, 25, 1) {
                    args.push(Tok::fixed("http2"));
                }
                if listener.proxy_protocol.value {
                    args.push(Tok::fixed("proxy_protocol"));
                }
                if first {
                    args.push(Tok::fixed("default_server"));
                    if let Some(every) = listener.tcp_keepalive.value {
                        args.push(nginx::token(&[
                            Part::Static("so_keepalive="),
                            Part::Number(every.as_secs_ceil()),
                            Part::Static("s::"),
                        ]));
                    }
                }
                Directive::new("listen", args).at(listener.port.loc())
            })
            .collect()
    }

    /// What every server of the listener says, `listen` and certificates aside.
    pub(super) fn listener_lines(&mut self, listener: &Listener) -> Vec<Directive> {
        let mut lines = Vec::new();
        if listener.http2.value && self.env.since(1, 25, 1) {
            lines.push(Directive::fixed("http2 on").at(listener.http2.loc()));
        }
        lines.push(
            Directive::new(
                "client_header_timeout",
                vec![dur(listener.head_timeout.value)],
            )
            .at(listener.head_timeout.loc()),
        );
        lines.push(
            Directive::new("keepalive_timeout", vec![dur(listener.keepalive.value)])
                .at(listener.keepalive.loc()),
        );
        let head = listener.head_limit.value.as_bytes();
        // The sum is the limit; one line may take a quarter, or 8 KiB where that is more.
        let buffer = (head / 4).max(head.min(8 << 10)).max(1 << 10);
        lines.push(
            Directive::new(
                "large_client_header_buffers",
                vec![
                    Tok::number((head / buffer).max(1)),
                    word(&bytes_text(buffer)),
                ],
            )
            .at(listener.head_limit.loc()),
        );
        if listener.header_names.value == HeaderNames::Lenient {
            let at = listener.header_names.loc();
            lines.push(Directive::fixed("underscores_in_headers on").at(at));
            lines.push(Directive::fixed("ignore_invalid_headers off").at(at));
        }
        if listener.proxy_protocol.value {
            let at = listener.proxy_protocol.loc();
            lines.push(Directive::fixed("set_real_ip_from 0.0.0.0/0").at(at));
            lines.push(Directive::fixed("set_real_ip_from ::/0").at(at));
            lines.push(Directive::fixed("real_ip_header proxy_protocol").at(at));
        } else if !listener.trusted_proxies.value.is_empty() {
            let at = listener.trusted_proxies.loc();
            for range in &listener.trusted_proxies.value {
                lines.push(
                    Directive::new("set_real_ip_from", vec![word(&range.to_string())]).at(at),
                );
            }
            lines.push(Directive::fixed("real_ip_header X-Forwarded-For").at(at));
            lines.push(Directive::fixed("real_ip_recursive on").at(at));
        }
        if let Some(most) = listener.connections.value {
            lines.push(
                Directive::new(
                    "limit_conn",
                    vec![
                        word(&format!("wg_listener_{}", listener.id.0)),
                        Tok::number(most),
                    ],
                )
                .at(listener.connections.loc()),
            );
        }
        lines
    }

    /// Requests that are refused before anything else: 400.
    pub(super) fn refusals(&mut self, listener: &Listener) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut refuse = |vars: &mut super::words::Vars, about, regex, at| {
            let test = vars.test("$request_uri", about, regex, at);
            blocks.push(Block::branch(&test, vec![Directive::fixed("return 400")]).at(at));
        };
        if listener.paths.value == Paths::Reject {
            refuse(
                &mut self.vars,
                "dots",
                "^[^?#]*(?://|/(?:\\.|%2[eE]){1,2}(?:[/?#]|%2[fF]|\\z))",
                listener.paths.loc(),
            );
        }
        if listener.encoded_slash.value == EncodedSlash::Reject {
            refuse(
                &mut self.vars,
                "slash",
                "^[^?#]*%2[fF]",
                listener.encoded_slash.loc(),
            );
        }
        blocks
    }

    /// Certificate and key for a site; a handshake for which there is none is refused.
    pub(super) fn certificate_lines(
        &mut self,
        tls: &ListenerTls,
        host: &HostMatch,
    ) -> Vec<Directive> {
        let usable: Vec<CertificateId> = tls
            .certificates
            .value
            .iter()
            .copied()
            .filter(|id| {
                matches!(
                    self.gateway.certificate(*id).source,
                    CertificateSource::Files { .. }
                )
            })
            .collect();
        let refused =
            || vec![Directive::fixed("ssl_reject_handshake on").at(tls.certificates.loc())];
        let Some(first) = usable.first() else {
            return refused();
        };
        let chosen = self.gateway.certificate_for(tls, host);
        let covered = self.gateway.certificate(chosen).covers(host);
        if !covered && usable.len() > 1 && !matches!(host, HostMatch::Exact(_)) {
            return self.certificates_by_name(tls, &usable);
        }
        if covered && !usable.contains(&chosen) {
            return refused();
        }
        let chosen = if usable.contains(&chosen) {
            chosen
        } else {
            *first
        };
        let CertificateSource::Files { cert, key } = &self.gateway.certificate(chosen).source
        else {
            return refused();
        };
        vec![
            Directive::new("ssl_certificate", vec![nginx::text(&cert.value)]).at(cert.loc()),
            Directive::new("ssl_certificate_key", vec![nginx::text(&key.value)]).at(key.loc()),
        ]
    }

    /// The certificate by the name asked for, where a site takes many hosts.
    fn certificates_by_name(
        &mut self,
        tls: &ListenerTls,
        usable: &[CertificateId],
    ) -> Vec<Directive> {
        let at = tls.certificates.loc();
        let mut certs = Vec::new();
        let mut keys = Vec::new();
        let mut fallback = None;
        for id in usable {
            let certificate = self.gateway.certificate(*id);
            let CertificateSource::Files { cert, key } = &certificate.source else {
                continue;
            };
            let (cert, key) = (nginx::text(&cert.value), nginx::text(&key.value));
            for host in &certificate.hosts.value {
                let regex = match host.strip_prefix("*.") {
                    Some(zone) => format!("*^[^.]+\\.{}\\z", super::matching::literal(zone)),
                    None => format!("*^{}\\z", super::matching::literal(host)),
                };
                certs.push(entry_regex(&regex, cert.clone()));
                keys.push(entry_regex(&regex, key.clone()));
            }
            fallback.get_or_insert((cert, key));
        }
        let Some((cert, key)) = fallback else {
            return Vec::new();
        };
        certs.push(Directive::entry(Tok::fixed("default"), cert));
        keys.push(Directive::entry(Tok::fixed("default"), key));
        let cert = self.vars.map("$ssl_server_name", "cert", certs, at);
        let key = self.vars.map("$ssl_server_name", "key", keys, at);
        vec![
            Directive::new("ssl_certificate", vec![variable(&cert)]).at(at),
            Directive::new("ssl_certificate_key", vec![variable(&key)]).at(at),
        ]
    }

    /// What a listener's server answers where no route takes the request.
    pub(super) fn otherwise(&self, listener: &Listener) -> Directive {
        match &listener.redirect {
            Some(to) => {
                let target = self.gateway.listener(to.value);
                let port = if target.has_scheme_port() {
                    String::new()
                } else {
                    format!(":{}", target.public_port.value)
                };
                let url = format!("{}://$host{port}$request_uri", target.scheme());
                Directive::new("return 301", vec![word(&url)]).at(to.loc())
            }
            None => Directive::fixed("return 404"),
        }
    }

    /// Whether unknown hosts are ended unanswered.
    pub(super) fn closes(&self, listener: &Listener) -> bool {
        listener.redirect.is_none() && listener.unknown_host.value == UnknownHost::Close
    }

    /// `Strict-Transport-Security` of the listener.
    pub(super) fn hsts(&self, listener: &Listener) -> Option<Directive> {
        let hsts = listener.tls.as_ref()?.hsts.as_ref()?;
        self.verdicts
            .renders(Feature::TlsHsts, Subject::Listener(listener), hsts.from)
            .then(|| {
                Directive::new(
                    "add_header Strict-Transport-Security",
                    vec![nginx::text(&hsts.value.header()), Tok::fixed("always")],
                )
                .at(hsts.loc())
            })
    }

    /// The zone that counts a listener's requests, and the variables of forwarded headers.
    pub(super) fn listener_zone(&mut self, listener: &Listener) {
        if listener.connections.value.is_some() {
            self.zones.push(
                Directive::new(
                    "limit_conn_zone $server_port",
                    vec![word(&format!("zone=wg_listener_{}:32k", listener.id.0))],
                )
                .at(listener.connections.loc()),
            );
        }
    }

    /// `$wg_xff` and `$wg_port`: what forwarded headers say; they differ by listener.
    pub(super) fn forwarded_vars(&mut self) -> (String, String) {
        let mut ports = Vec::new();
        let mut trust: Vec<(u16, String)> = Vec::new();
        for listener in &self.gateway.listeners {
            if listener.public_port.value != listener.port.value {
                ports.push(Directive::entry(
                    Tok::number(u64::from(listener.port.value)),
                    Tok::number(u64::from(listener.public_port.value)),
                ));
            }
            if !listener.trusted_proxies.value.is_empty() && !listener.proxy_protocol.value {
                let at = listener.trusted_proxies.loc();
                let mut lines = vec![default("")];
                for range in &listener.trusted_proxies.value {
                    lines.push(Directive::entry(word(&range.to_string()), Tok::fixed("1")));
                }
                let name = self
                    .vars
                    .make("geo", "$realip_remote_addr", "trusted", lines, at);
                trust.push((listener.port.value, name));
            }
        }
        let at = crate::ir::Loc::default();
        let port = if ports.is_empty() {
            "$server_port".to_owned()
        } else {
            ports.push(default("$server_port"));
            format!("${}", self.vars.map("$server_port", "port", ports, at))
        };
        if trust.is_empty() {
            return ("$remote_addr".to_owned(), port);
        }
        // One line per listener: its port, and whether the peer is one of its trusted proxies.
        let mut source = "$server_port".to_owned();
        let mut lines = Vec::new();
        for (number, (port, name)) in trust.iter().enumerate() {
            source.push_str(&format!("|${name}"));
            let skipped = "\\|[^|]*".repeat(number);
            lines.push(entry_regex(
                &format!("^{port}{skipped}\\|1"),
                Tok::fixed("1"),
            ));
        }
        lines.push(default(""));
        let trusted = self.vars.map(&source, "behind", lines, at);
        let lines = vec![
            entry_regex("^1\\|.", word("$http_x_forwarded_for, $realip_remote_addr")),
            default("$remote_addr"),
        ];
        let source = format!("${trusted}|$http_x_forwarded_for");
        let xff = self.vars.map(&source, "xff", lines, at);
        (format!("${xff}"), port)
    }
}

pub(super) fn tls_lines(tls: &ListenerTls) -> Vec<Directive> {
    let at = tls.profile.loc();
    let mut lines = match tls.profile.value {
        TlsProfile::Modern => vec![Directive::fixed("ssl_protocols TLSv1.3").at(at)],
        TlsProfile::Intermediate => vec![
            Directive::fixed("ssl_protocols TLSv1.2 TLSv1.3").at(at),
            Directive::new("ssl_ciphers", vec![Tok::fixed(INTERMEDIATE)]).at(at),
        ],
    };
    // No X25519MLKEM768: OpenSSL before 3.5 does not know it and NGINX would not start.
    lines.push(Directive::fixed("ssl_ecdh_curve X25519:prime256v1:secp384r1").at(at));
    lines.push(Directive::fixed("ssl_prefer_server_ciphers off").at(at));
    lines.push(Directive::fixed("ssl_session_cache shared:wg_tls:10m").at(at));
    lines.push(Directive::fixed("ssl_session_timeout 1d").at(at));
    if let Some(auth) = &tls.client_auth {
        lines.push(
            Directive::fixed(match auth.mode.value {
                ClientAuthMode::Require => "ssl_verify_client on",
                ClientAuthMode::Optional => "ssl_verify_client optional",
            })
            .at(auth.mode.loc()),
        );
        lines.push(
            Directive::new("ssl_client_certificate", vec![nginx::word(&auth.ca.value)])
                .at(auth.ca.loc()),
        );
        lines.push(Directive::fixed("ssl_verify_depth 4").at(auth.ca.loc()));
    }
    lines
}
