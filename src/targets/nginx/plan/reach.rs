//! What a location says to reach a server: times, retries, TLS, `Host`, and the way itself.

use super::words::{Directive, dur, size, word};
use super::{Planner, defaults};
use crate::emit::Tok;
use crate::emit::lang::nginx;
use crate::ir::{Address, Dur, HostHeader, Loc, Protocol, Retries, RetryAfter, Share, Upstream};

impl Planner<'_> {
    /// What a location says beside `proxy_pass` to reach a share's upstream; only what differs from the level above.
    pub(super) fn reach(&self, share: &Share, timer: Dur, tunnel: bool) -> Vec<Directive> {
        let upstream = self.gateway.upstream(share.upstream.value);
        let mut lines = Vec::new();
        let connect = share.connect.value;
        if connect != defaults::CONNECT {
            lines.push(
                Directive::new("proxy_connect_timeout", vec![dur(connect)]).at(share.connect.loc()),
            );
        }
        let mut late = false;
        if let Some(retries) = &share.retries.value {
            late = retries.after.contains(&RetryAfter::Timeout);
            lines.extend(retry_lines(retries, share.retries.loc()));
        }
        // Connecting may take every server's time, but what came too late is not asked for again.
        let tries = upstream.servers.len().max(2) as u64;
        let bound = if late {
            0
        } else {
            connect
                .as_millis()
                .saturating_mul(tries)
                .min(timer.as_millis())
        };
        if bound != 2 * defaults::CONNECT.as_millis() {
            lines.push(
                Directive::new(
                    "proxy_next_upstream_timeout",
                    vec![word(&format!("{bound}ms"))],
                )
                .at(share.connect.loc()),
            );
        }
        if upstream.response_head.value != defaults::RESPONSE_HEAD {
            let bytes = upstream.response_head.value;
            lines.push(
                Directive::new("proxy_buffer_size", vec![size(bytes)])
                    .at(upstream.response_head.loc()),
            );
            let buffer = bytes.as_bytes().max(8 << 10);
            let text = super::words::bytes_text(buffer);
            lines.push(Directive::new(
                "proxy_buffers",
                vec![Tok::number(8), word(&text)],
            ));
            lines.push(Directive::new("proxy_busy_buffers_size", vec![word(&text)]));
        }
        if upstream.tcp_keepalive.value.is_none() {
            lines.push(
                Directive::fixed("proxy_socket_keepalive off").at(upstream.tcp_keepalive.loc()),
            );
        }
        if upstream.protocol.value == Protocol::Http2 && self.env.since(1, 29, 4) && !tunnel {
            lines.push(Directive::fixed("proxy_http_version 2").at(upstream.protocol.loc()));
        }
        if let Some(tls) = &upstream.tls {
            let name = match &tls.server_name {
                Some(name) => nginx::text(&name.value).at(name.loc()),
                None => nginx::text(&own_host(upstream)),
            };
            lines.push(Directive::new("proxy_ssl_name", vec![name]).at(tls.at));
            if let Some(ca) = &tls.ca {
                lines.push(
                    Directive::new(
                        "proxy_ssl_trusted_certificate",
                        vec![nginx::word(&ca.value)],
                    )
                    .at(ca.loc()),
                );
            }
            if !tls.verify.value {
                lines.push(Directive::fixed("proxy_ssl_verify off").at(tls.verify.loc()));
            }
            if let Some((cert, key)) = &tls.client {
                lines.push(
                    Directive::new("proxy_ssl_certificate", vec![nginx::text(&cert.value)])
                        .at(cert.loc()),
                );
                lines.push(
                    Directive::new("proxy_ssl_certificate_key", vec![nginx::text(&key.value)])
                        .at(key.loc()),
                );
            }
        }
        lines
    }

    /// `proxy_pass`, with a path and query to put in place of the request's, if any.
    pub(super) fn pass(&self, share: &Share, uri: Option<&str>) -> Directive {
        let upstream = self.gateway.upstream(share.upstream.value);
        let scheme = if upstream.tls.is_some() {
            "https://"
        } else {
            "http://"
        };
        let name = &self.upstream_names[upstream.id.index()];
        let url = format!("{scheme}{name}{}", uri.unwrap_or_default());
        Directive::new("proxy_pass", vec![word(&url)]).at(share.upstream.loc())
    }

    /// What the server sees as `Host`; `None` is what the client sent.
    pub(super) fn host_header(&self, share: &Share) -> Option<Tok> {
        match &share.host_header.value {
            HostHeader::Preserve => None,
            HostHeader::Upstream => {
                let upstream = self.gateway.upstream(share.upstream.value);
                let host = match &upstream.servers[0].address.value {
                    Address::Unix { .. } => "localhost".to_owned(),
                    address => {
                        let text = address.to_string();
                        let own = if upstream.tls.is_some() {
                            ":443"
                        } else {
                            ":80"
                        };
                        text.strip_suffix(own).unwrap_or(&text).to_owned()
                    }
                };
                Some(nginx::text(&host))
            }
            HostHeader::Set(host) => Some(nginx::text(host)),
        }
    }
}

/// The name that a server's certificate is for, where nobody said it.
pub(super) fn own_host(upstream: &Upstream) -> String {
    match &upstream.servers[0].address.value {
        Address::Name { host, .. } => host.clone(),
        Address::Ip { ip, .. } => ip.to_string(),
        Address::Unix { .. } => "localhost".to_owned(),
    }
}

pub(super) fn retry_lines(retries: &Retries, at: Loc) -> Vec<Directive> {
    let mut causes = vec![Tok::fixed("error")];
    for cause in &retries.after {
        if let RetryAfter::Status(status @ (500 | 502 | 503 | 504)) = cause {
            causes.push(word(&format!("http_{status}")));
        }
    }
    causes.insert(1, Tok::fixed("timeout"));
    vec![
        Directive::new("proxy_next_upstream", causes).at(at),
        Directive::new(
            "proxy_next_upstream_tries",
            vec![Tok::number(u64::from(retries.attempts) + 1)],
        )
        .at(at),
    ]
}
