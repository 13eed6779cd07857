//! The features that upstreams use.

use super::Found;
use crate::ir::*;

impl<'a> Found<'a> {
    pub(super) fn upstream(&mut self, it: &'a Upstream) {
        use Feature::*;
        let Upstream {
            id: _,
            at,
            name: _,
            servers,
            balance,
            stickiness,
            health,
            passive,
            keepalive_timeout,
            keepalive,
            slow_start,
            resolve,
            tcp_keepalive,
            max_connections,
            response_head,
            protocol,
            tls,
            connect: _,
            retries: _,
            host_header: _,
        } = it;
        self.add(UpstreamServers, Origin::written(*at));
        for Server {
            at: _,
            address: _,
            weight,
            backup,
        } in servers
        {
            self.add_if(weight.is_written(), UpstreamWeights, weight.from);
            self.add_if(backup.value, UpstreamBackup, backup.from);
        }
        let balanced = match &balance.value {
            Balance::RoundRobin => BalanceRoundRobin,
            Balance::LeastConnections => BalanceLeastConnections,
            Balance::Random => BalanceRandom,
            Balance::Hash(_) => BalanceHash,
        };
        self.add_if(
            servers.len() > 1 || balance.is_written(),
            balanced,
            balance.from,
        );
        match stickiness {
            None => {}
            Some(Stickiness::Cookie(crate::ir::StickyCookie {
                name,
                ttl,
                path,
                secure,
                http_only,
                same_site,
            })) => {
                self.add(StickyCookie, name.from);
                self.add(StickyCookieName, name.from);
                self.add(StickyCookieTtl, ttl.from);
                self.add(StickyCookieAttributes, path.from);
                self.add_if(secure.is_written(), StickyCookieAttributes, secure.from);
                self.add_if(
                    http_only.is_written(),
                    StickyCookieAttributes,
                    http_only.from,
                );
                self.add_if(
                    same_site.is_written(),
                    StickyCookieAttributes,
                    same_site.from,
                );
            }
            Some(Stickiness::AppCookie { name, ttl: _ }) => self.add(StickyAppCookie, name.from),
            Some(Stickiness::Source { ttl: _, at }) => self.add(StickySource, Origin::written(*at)),
        }
        if let Some(Health {
            at: _,
            check,
            port: _,
            interval: _,
            timeout: _,
            rise: _,
            fall: _,
        }) = health
        {
            let feature = match &check.value {
                Check::Http {
                    path: _,
                    host: _,
                    method: _,
                    status: _,
                } => HealthHttp,
                Check::Tcp => HealthTcp,
                Check::WebSocket { path: _, host: _ } => HealthWebSocket,
            };
            self.add(feature, check.from);
        }
        if let Some(Passive {
            at,
            errors: _,
            within: _,
            eject: _,
        }) = passive
        {
            self.add(HealthPassive, Origin::written(*at));
        }
        self.add_if(
            keepalive.value.is_some(),
            TimeoutUpstreamKeepalive,
            keepalive_timeout.from,
        );
        // `off` asks for something too.
        let asked = keepalive.value.is_some() || keepalive.is_written();
        self.add_if(asked, UpstreamKeepalive, keepalive.from);
        self.add_if(
            slow_start.value.is_some(),
            UpstreamSlowStart,
            slow_start.from,
        );
        self.add_if(
            resolve.value.is_some() && it.has_names(),
            UpstreamResolve,
            resolve.from,
        );
        self.add_if(
            tcp_keepalive.value.is_some() || tcp_keepalive.is_written(),
            UpstreamTcpKeepalive,
            tcp_keepalive.from,
        );
        self.add_if(
            max_connections.value.is_some(),
            UpstreamMaxConnections,
            max_connections.from,
        );
        self.add(UpstreamResponseHead, response_head.from);
        self.add_if(
            protocol.value == Protocol::Http2,
            UpstreamProtocol,
            protocol.from,
        );
        if let Some(crate::ir::UpstreamTls {
            at,
            server_name: _,
            ca: _,
            verify: _,
            client,
        }) = tls
        {
            self.add(UpstreamTls, Origin::written(*at));
            if let Some((cert, _)) = client {
                self.add(UpstreamTlsClient, cert.from);
            }
        }
    }
}
