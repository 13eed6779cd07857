//! The features that listeners and certificates use.

use super::Found;
use crate::ir::*;

impl<'a> Found<'a> {
    pub(super) fn listener(&mut self, it: &'a Listener) {
        use Feature::*;
        let Listener {
            id: _,
            at: _,
            name: _,
            port,
            address: _,
            tls,
            redirect,
            http2,
            http3,
            proxy_protocol,
            trusted_proxies,
            head_timeout,
            keepalive,
            head_limit,
            connections,
            public_port,
            unknown_host,
            paths,
            encoded_slash,
            websocket_over_http2,
            header_names,
            tcp_keepalive,
        } = it;
        self.add(ListenerBind, port.from);
        if let Some(ListenerTls {
            at,
            profile,
            certificates,
            hsts,
            client_auth,
        }) = tls
        {
            self.add(
                TlsTermination,
                if certificates.is_written() {
                    certificates.from
                } else {
                    Origin::written(*at)
                },
            );
            self.add(TlsProfile, profile.from);
            if let Some(hsts) = hsts {
                self.add(TlsHsts, hsts.from);
            }
            if let Some(ClientAuth { ca, mode: _ }) = client_auth {
                self.add(TlsClientAuth, ca.from);
            }
        }
        if let Some(redirect) = redirect {
            self.add(ListenerRedirect, redirect.from);
        }
        self.add_if(http2.value, ListenerHttp2, http2.from);
        self.add_if(http3.value, ListenerHttp3, http3.from);
        self.add_if(
            proxy_protocol.value,
            ListenerProxyProtocol,
            proxy_protocol.from,
        );
        self.add_if(
            !trusted_proxies.value.is_empty(),
            TrustedProxies,
            trusted_proxies.from,
        );
        self.add(TimeoutHead, head_timeout.from);
        self.add(TimeoutClientKeepalive, keepalive.from);
        self.add(LimitHead, head_limit.from);
        self.add_if(
            connections.value.is_some(),
            LimitListenerConnections,
            connections.from,
        );
        self.add_if(
            public_port.value != port.value,
            ListenerPublicPort,
            public_port.from,
        );
        self.add(ListenerUnknownHost, unknown_host.from);
        self.add(ListenerPaths, paths.from);
        self.add(ListenerEncodedSlash, encoded_slash.from);
        self.add_if(
            websocket_over_http2.value && http2.value,
            WebSocketOverHttp2,
            websocket_over_http2.from,
        );
        self.add(ListenerHeaderNames, header_names.from);
        self.add_if(
            tcp_keepalive.value.is_some(),
            ListenerTcpKeepalive,
            tcp_keepalive.from,
        );
    }

    pub(super) fn certificate(&mut self, it: &'a Certificate) {
        let Certificate {
            id: _,
            at,
            name: _,
            hosts: _,
            source,
        } = it;
        match source {
            CertificateSource::Files { cert: _, key: _ } => {}
            CertificateSource::Acme {
                email: _,
                challenge: _,
                directory: _,
            } => self.add(Feature::TlsAcme, Origin::written(*at)),
        }
    }
}
