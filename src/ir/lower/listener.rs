//! Listeners and certificates.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{At, Loc, Lower, PORT, Slot, block, defaults, dur, limit, or, switch, text};
use crate::ir::{
    Certificate, CertificateId, CertificateSource, ClientAuth, ClientAuthMode, EncodedSlash,
    HeaderNames, Hsts, Listener, ListenerId, ListenerTls, Paths, Set, TlsProfile, UnknownHost,
};
use crate::spec::model::{self, Spec};

impl Lower<'_> {
    pub(super) fn listeners(&mut self, spec: &Spec) -> Vec<Listener> {
        let default = model::Listener {
            port: Some(At::new(80, Loc(0))),
            ..model::Listener::default()
        };
        let mut listeners = Vec::new();
        match &spec.listeners {
            None => {
                let mut only = self.listener(
                    ListenerId(0),
                    &At::new("plain".to_owned(), Loc(0)),
                    &At::new(default, Loc(0)),
                );
                only.port = Set::default(80, Loc(0), defaults::LISTENER);
                listeners.push(only);
            }
            Some(named) => {
                for (name, it) in &named.0 {
                    self.check_name("listener", name);
                    if let Some(Slot::On(id)) = self.listeners.get(name.value.as_str()).copied() {
                        listeners.push(self.listener(id, name, it));
                    }
                }
                if listeners.is_empty() {
                    let at = named.0.first().map_or(Loc(0), |(name, _)| name.at);
                    self.report
                        .error("spec::missing", at)
                        .says("no listener is on")
                        .help("write one: `plain: { port: 80 }`");
                }
            }
        }
        self.check_sockets(&listeners);
        listeners
    }

    fn listener(
        &mut self,
        id: ListenerId,
        name: &At<String>,
        it: &At<model::Listener>,
    ) -> Listener {
        let at = it.at;
        let port = self.required(
            it.port.as_ref(),
            name.at,
            &format!("the port of listener `{}`", name.value),
            "write `port: 443`",
        );
        let port = port.map_or(Set::written(1, at), |port| self.bounded(&port, PORT));
        let tls = block(it.tls.as_ref()).map(|(tls, at)| self.listener_tls(tls, at));
        let redirect = block(it.redirect.as_ref())
            .and_then(|(to, at)| self.redirect_to(name, &At::new(to.clone(), at)));
        let timeouts = it.timeouts.as_ref();
        let limits = it.limits.as_ref();
        let address = match &it.address {
            Some(address) => match address.value.trim_matches(['[', ']']).parse::<IpAddr>() {
                Ok(ip) if ip.is_unspecified() && ip.is_ipv6() => Set::written(None, address.at),
                Ok(ip) => Set::written(Some(ip), address.at),
                Err(_) => {
                    self.report
                        .error("spec::value", address.at)
                        .says(format!("`{}` is not an IP address", address.value.escape_debug()))
                        .help("write an address such as `127.0.0.1` or `::1`; left out, every address is bound");
                    Set::written(None, address.at)
                }
            },
            None => Set::default(None, at, defaults::ADDRESS),
        };
        let trusted_proxies = match &it.trusted_proxies {
            Some(list) => Set::written(self.ranges(list), list.at),
            None => Set::default(Vec::new(), at, defaults::TRUSTED_PROXIES),
        };
        let public_port = match &it.public_port {
            Some(port) => self.bounded(port, PORT),
            None => Set::default(port.value, port.loc(), defaults::PUBLIC_PORT),
        };
        if let Some(http3) = &it.http3
            && http3.value.0
            && tls.is_none()
        {
            self.report
                .error("spec::conflict", http3.at)
                .says("HTTP/3 needs TLS")
                .help("write `tls` beside it, or `http3: off`");
        }
        Listener {
            id,
            at,
            name: name.value.clone(),
            port,
            address,
            redirect,
            http2: switch(
                it.http2.as_ref(),
                at,
                if tls.is_some() {
                    defaults::HTTP2_TLS
                } else {
                    defaults::HTTP2_PLAIN
                },
            ),
            http3: switch(it.http3.as_ref(), at, defaults::HTTP3),
            tls,
            proxy_protocol: switch(it.proxy_protocol.as_ref(), at, defaults::PROXY_PROTOCOL),
            trusted_proxies,
            head_timeout: dur(
                timeouts.and_then(|t| t.head.as_ref()),
                at,
                defaults::HEAD_TIMEOUT,
            ),
            keepalive: dur(
                timeouts.and_then(|t| t.keepalive.as_ref()),
                at,
                defaults::CLIENT_KEEPALIVE,
            ),
            head_limit: or(
                limits.and_then(|l| l.head.as_ref()),
                at,
                defaults::HEAD_LIMIT,
            ),
            connections: limit(
                limits.and_then(|l| l.connections.as_ref()),
                at,
                (None, defaults::LISTENER_CONNECTIONS),
            ),
            public_port,
            unknown_host: or(
                it.unknown_host.as_ref(),
                at,
                (UnknownHost::NotFound, defaults::UNKNOWN_HOST),
            ),
            paths: or(it.paths.as_ref(), at, (Paths::Normalize, defaults::PATHS)),
            encoded_slash: or(
                it.encoded_slash.as_ref(),
                at,
                (EncodedSlash::Keep, defaults::ENCODED_SLASH),
            ),
            websocket_over_http2: switch(
                it.websocket_over_http2.as_ref(),
                at,
                defaults::WEBSOCKET_OVER_HTTP2,
            ),
            header_names: or(
                it.header_names.as_ref(),
                at,
                (HeaderNames::Strict, defaults::HEADER_NAMES),
            ),
            tcp_keepalive: limit(
                it.tcp_keepalive.as_ref(),
                at,
                (Some(defaults::TCP_KEEPALIVE.0), defaults::TCP_KEEPALIVE.1),
            ),
        }
    }

    fn redirect_to(&mut self, name: &At<String>, to: &At<String>) -> Option<Set<ListenerId>> {
        if to.value == name.value {
            self.report
                .error("spec::conflict", to.at)
                .says(format!("listener `{}` redirects to itself", name.value))
                .help("name another listener");
            return None;
        }
        match self.listener_id(to)? {
            Slot::On(id) => Some(Set::written(id, to.at)),
            Slot::Off => {
                self.report
                    .error("spec::conflict", to.at)
                    .says(format!("listener `{}` is off", to.value))
                    .help("redirect to a listener that is on");
                None
            }
        }
    }

    fn listener_tls(&mut self, tls: &model::ListenerTls, at: Loc) -> ListenerTls {
        let named = self.required(
            tls.certificates.as_ref(),
            at,
            "the list of certificates",
            "write `certificates: [site]`",
        );
        let mut ids = Vec::new();
        for name in named.iter().flat_map(|named| &named.value.0) {
            match self.certificates.get(name.value.as_str()) {
                Some(id) => ids.push(*id),
                None => {
                    let known: Vec<&str> = self.certificates.keys().copied().collect();
                    self.unknown("certificate", name, known.into_iter());
                }
            }
        }
        let client_auth = block(tls.client_auth.as_ref()).map(|(auth, at)| {
            self.check_line("file name", &auth.ca);
            ClientAuth {
                ca: Set::written(auth.ca.value.clone(), auth.ca.at),
                mode: or(
                    auth.mode.as_ref(),
                    at,
                    (ClientAuthMode::Require, defaults::CLIENT_AUTH),
                ),
            }
        });
        ListenerTls {
            at,
            profile: or(
                tls.profile.as_ref(),
                at,
                (TlsProfile::Intermediate, defaults::TLS_PROFILE),
            ),
            certificates: Set::written(ids, named.map_or(at, |named| named.at)),
            hsts: block(tls.hsts.as_ref()).map(|(hsts, at)| {
                Set::written(
                    Hsts {
                        max_age: hsts.max_age,
                        subdomains: hsts.subdomains,
                        preload: hsts.preload,
                    },
                    at,
                )
            }),
            client_auth,
        }
    }

    /// Two listeners cannot bind one socket.
    fn check_sockets(&mut self, listeners: &[Listener]) {
        let mut taken: HashMap<(Option<IpAddr>, u16), &Listener> = HashMap::new();
        for it in listeners {
            let key = (it.address.value, it.port.value);
            if let Some(first) = taken.get(&key) {
                self.report
                    .error("spec::conflict", it.port.loc())
                    .says(format!(
                        "listeners `{}` and `{}` bind the same port",
                        first.name, it.name
                    ))
                    .label("here")
                    .also(first.port.loc(), "and here")
                    .help("give each listener its own port or address");
            } else {
                taken.insert(key, it);
            }
        }
        for it in listeners {
            // A chain of redirects that comes back would send clients around for ever.
            let mut seen = vec![it.id];
            let mut next = it.redirect.as_ref();
            while let Some(to) = next {
                if seen.contains(&to.value) {
                    self.report
                        .error("spec::conflict", to.loc())
                        .says("these listeners redirect in a circle")
                        .help("let one of them serve");
                    break;
                }
                seen.push(to.value);
                next = listeners
                    .get(to.value.index())
                    .and_then(|listener| listener.redirect.as_ref());
            }
        }
    }

    pub(super) fn certificates(&mut self, spec: &Spec) -> Vec<Certificate> {
        let named = spec.certificates.as_ref().map_or(&[][..], |named| &named.0);
        (0..)
            .zip(named)
            .map(|(id, (name, it))| self.certificate(CertificateId(id), name, it))
            .collect()
    }

    fn certificate(
        &mut self,
        id: CertificateId,
        name: &At<String>,
        it: &At<model::Certificate>,
    ) -> Certificate {
        self.check_name("certificate", name);
        let hosts = self.required(
            it.hosts.as_ref(),
            name.at,
            &format!("`hosts` of certificate `{}`", name.value),
            "write `hosts: [example.com]`",
        );
        let mut covered = Vec::new();
        for host in hosts.iter().flat_map(|hosts| &hosts.value.0) {
            if self.check_host("host of a certificate", &host.value, host.at) {
                covered.push(host.value.trim_end_matches('.').to_ascii_lowercase());
            }
        }
        let source = match (&it.cert, &it.key, &it.acme) {
            (Some(cert), Some(key), None) => {
                self.check_line("file name", cert);
                self.check_line("file name", key);
                CertificateSource::Files {
                    cert: Set::written(cert.value.clone(), cert.at),
                    key: Set::written(key.value.clone(), key.at),
                }
            }
            (None, None, Some(acme)) => self.acme(acme),
            (cert, key, acme) => {
                let diag = self.report.error("spec::missing", name.at);
                match (cert, key, acme) {
                    (Some(_), None, None) => {
                        diag.says(format!("certificate `{}` has no `key`", name.value))
                    }
                    (None, Some(_), None) => {
                        diag.says(format!("certificate `{}` has no `cert`", name.value))
                    }
                    (None, None, None) => {
                        diag.says(format!("certificate `{}` has no source", name.value))
                    }
                    _ => diag.says(format!("certificate `{}` has two sources", name.value)),
                }
                .help("write `cert` and `key`, or `acme`");
                CertificateSource::Files {
                    cert: Set::written(String::new(), it.at),
                    key: Set::written(String::new(), it.at),
                }
            }
        };
        Certificate {
            id,
            at: it.at,
            name: name.value.clone(),
            hosts: Set::written(covered, hosts.map_or(it.at, |hosts| hosts.at)),
            source,
        }
    }

    fn acme(&mut self, acme: &At<model::Acme>) -> CertificateSource {
        if let Some(email) = &acme.email
            && (!email.value.contains('@')
                || email
                    .value
                    .contains(|c: char| c.is_whitespace() || c.is_control()))
        {
            self.report
                .error("spec::value", email.at)
                .says(format!(
                    "`{}` is no e-mail address",
                    email.value.escape_debug()
                ))
                .help("write an address such as `ops@example.com`");
        }
        if let Some(directory) = &acme.directory
            && !(directory.value.starts_with("https://")
                && directory.value.bytes().all(|b| b.is_ascii_graphic()))
        {
            self.report
                .error("spec::value", directory.at)
                .says("an ACME directory is an `https` URL")
                .help("write its URL");
        }
        CertificateSource::Acme {
            email: acme
                .email
                .as_ref()
                .map(|email| Set::written(email.value.clone(), email.at)),
            challenge: or(
                acme.challenge.as_ref(),
                acme.at,
                (crate::ir::AcmeChallenge::Http, defaults::ACME_CHALLENGE),
            ),
            directory: text(acme.directory.as_ref(), acme.at, defaults::ACME_DIRECTORY),
        }
    }
}
