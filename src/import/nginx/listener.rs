//! `listen` and what holds for connections: listeners of the spec.

use super::Nginx;
use super::site::Site;
use super::syntax::Directive;
use super::values::{duration, size};

/// A port, and the address it is bound to; empty for every address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) port: u16,
    pub(super) address: String,
}

/// One `listen` of a server; a server without one listens on port 80.
#[derive(Clone, Debug)]
pub(super) struct Listen<'a> {
    pub(super) directive: Option<&'a Directive>,
    pub(super) key: Key,
    pub(super) tls: bool,
    pub(super) http2: bool,
    pub(super) default: bool,
    proxy_protocol: bool,
    keepalive: Option<&'a str>,
    six: bool,
}

impl<'a> Listen<'a> {
    /// What a server without `listen` has.
    pub(super) fn implied() -> Self {
        Self {
            directive: None,
            key: Key {
                port: 80,
                address: String::new(),
            },
            tls: false,
            http2: false,
            default: false,
            proxy_protocol: false,
            keepalive: None,
            six: false,
        }
    }

    /// What a `listen` says.
    ///
    /// # Errors
    /// Why no listener of a spec can be that.
    pub(super) fn read(directive: &'a Directive) -> Result<Self, &'static str> {
        let text = directive.arg(0);
        if text.starts_with("unix:") {
            return Err("listeners are TCP ports, no Unix sockets");
        }
        let (address, port) = match text.rsplit_once(':') {
            _ if text.bytes().all(|c| c.is_ascii_digit()) => ("*", text),
            Some((address, port)) if !port.ends_with(']') => (address, port),
            _ => (text, "80"),
        };
        let port: u16 = port.parse().map_err(|_| "it has no port from 1 to 65535")?;
        if port == 0 {
            return Err("it has no port from 1 to 65535");
        }
        let address = match address {
            "*" | "0.0.0.0" | "[::]" => "",
            "localhost" => "127.0.0.1",
            address => address.trim_matches(['[', ']']),
        };
        if !address.is_empty() && address.parse::<std::net::IpAddr>().is_err() {
            return Err("a listener is bound to an IP address, not to a name");
        }
        let has = |word: &str| directive.args.iter().skip(1).any(|arg| arg.text == word);
        Ok(Self {
            key: Key {
                port,
                address: address.to_owned(),
            },
            tls: has("ssl") || has("quic"),
            http2: has("http2"),
            default: has("default_server") || has("default"),
            proxy_protocol: has("proxy_protocol"),
            keepalive: directive
                .args
                .iter()
                .find_map(|arg| arg.text.strip_prefix("so_keepalive=")),
            six: text.starts_with('['),
            directive: Some(directive),
        })
    }
}

/// A listener of the spec, and the servers on it.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) name: String,
    pub(super) key: Key,
    pub(super) tls: bool,
    /// Servers by number, in the order of the file.
    pub(super) sites: Vec<usize>,
    /// The server that takes requests for hosts that no server names.
    pub(super) default: usize,
    /// The listener that every request is sent to.
    pub(super) redirect: Option<String>,
}

/// The listeners of all servers, with names.
pub(super) fn listeners(sites: &[Site<'_>]) -> Vec<Listener> {
    let mut found: Vec<Listener> = Vec::new();
    for (number, site) in sites.iter().enumerate() {
        for listen in &site.listens {
            match found.iter_mut().find(|it| it.key == listen.key) {
                Some(listener) => {
                    listener.tls |= listen.tls;
                    if !listener.sites.contains(&number) {
                        listener.sites.push(number);
                    }
                    if listen.default {
                        listener.default = number;
                    }
                }
                None => found.push(Listener {
                    name: String::new(),
                    key: listen.key.clone(),
                    tls: listen.tls,
                    sites: vec![number],
                    default: number,
                    redirect: None,
                }),
            }
        }
    }
    for tls in [false, true] {
        let usual = if tls { 443 } else { 80 };
        let word = if tls { "secure" } else { "plain" };
        let mut taken = Vec::new();
        let alone = found.iter().filter(|it| it.tls == tls).count() == 1;
        for listener in found.iter_mut().filter(|it| it.tls == tls) {
            let mut name = word.to_owned();
            if !alone && (listener.key.port != usual || taken.contains(&name)) {
                name = format!("{word}-{}", listener.key.port);
            }
            while taken.contains(&name) {
                name.push_str("-b");
            }
            taken.push(name.clone());
            listener.name = name;
        }
    }
    found
}

impl<'a> Nginx<'a, '_, '_> {
    /// Writes a listener, and what its default server says of connections.
    pub(super) fn listener(&mut self, listener: &Listener, sites: &[Site<'a>]) {
        let at = ["listeners", listener.name.as_str()];
        let path = self.set(&[at[0], at[1], "port"], listener.key.port);
        if !listener.key.address.is_empty() {
            self.set(&[at[0], at[1], "address"], listener.key.address.as_str());
        }
        let here: Vec<&Listen<'a>> = sites
            .iter()
            .flat_map(|site| &site.listens)
            .filter(|listen| listen.key == listener.key)
            .collect();
        let one_family = listener.key.address.is_empty()
            && (here.iter().all(|it| it.six) || here.iter().all(|it| !it.six));
        for listen in &here {
            let Some(directive) = listen.directive else {
                let unsaid = "a server without `listen` listens on port 80";
                self.reading.account.unsaid(unsaid, Some(path.clone()));
                continue;
            };
            if one_family {
                let other = if listen.six { "IPv4" } else { "IPv6" };
                self.changed(
                    directive,
                    path.clone(),
                    format!("clients may come over {other} too"),
                );
            } else {
                self.kept(directive, path.clone());
            }
            if directive.args.iter().any(|arg| arg.text == "quic") {
                let path = self.set(&[at[0], at[1], "http3"], true);
                self.kept(directive, path);
            }
        }
        if here.iter().any(|it| it.proxy_protocol) {
            self.set(&[at[0], at[1], "proxy_protocol"], true);
        }
        self.tcp_keepalive(&at, &here);
        let Some(site) = sites.get(listener.default) else {
            return;
        };
        self.http2(&at, listener, &here, sites);
        self.client_times(&at, site);
        self.odd_headers(&at, site);
        self.trusted(&at, site);
    }

    fn tcp_keepalive(&mut self, at: &[&str; 2], here: &[&Listen<'a>]) {
        let path = [at[0], at[1], "tcp_keepalive"];
        match here.iter().find_map(|it| it.keepalive) {
            Some("off") => {
                self.set(&path, false);
            }
            Some(text) => {
                let idle = text.split(':').next().and_then(duration);
                if let Some(idle) = idle.map(|dur| dur.to_string()).filter(|it| it != "1m") {
                    self.set(&path, idle);
                }
            }
            None => self.reading.account.unsaid(
                "NGINX sends no TCP keep-alive probes; the spec does, so that dead peers under idle tunnels are noticed (`tcp_keepalive`)",
                None,
            ),
        }
    }

    fn http2(
        &mut self,
        at: &[&str; 2],
        listener: &Listener,
        here: &[&Listen<'a>],
        sites: &[Site<'a>],
    ) {
        let path = [at[0], at[1], "http2"];
        let mut on = here.iter().any(|it| it.http2);
        for number in &listener.sites {
            let Some(directive) = sites.get(*number).and_then(|it| it.scope.find("http2")) else {
                continue;
            };
            on |= directive.arg(0) == "on";
            if listener.tls {
                self.kept(directive, format!("{}.http2", at.join(".")));
            }
        }
        if on != listener.tls {
            let path = self.set(&path, on);
            if !on {
                let unsaid = "NGINX offers HTTP/2 only where it is asked to";
                self.reading.account.unsaid(unsaid, Some(path));
            }
        }
    }

    fn client_times(&mut self, at: &[&str; 2], site: &Site<'a>) {
        let head = site.scope.find("client_header_timeout");
        self.timer(
            &[at[0], at[1], "timeouts", "head"],
            head,
            "1m",
            "10s",
            "NGINX waits 60s for a request's head",
        );
        let keepalive = site.scope.find("keepalive_timeout");
        self.timer(
            &[at[0], at[1], "timeouts", "keepalive"],
            keepalive,
            "1m15s",
            "1m15s",
            "",
        );
        let Some(buffers) = site.scope.find("large_client_header_buffers") else {
            return;
        };
        let bytes = buffers.arg(0).parse::<u64>().ok().zip(size(buffers.arg(1)));
        match bytes.and_then(|(count, size)| count.checked_mul(size.as_bytes())) {
            Some(bytes) if (1..=1 << 30).contains(&bytes) => {
                let text = crate::spec::units::Size::from_bytes(bytes).to_string();
                if text == "32KiB" {
                    self.moot(buffers, "as much as the spec's default");
                } else {
                    let path = self.set(&[at[0], at[1], "limits", "head"], text);
                    self.changed(
                        buffers,
                        path,
                        "all lines of a head together, where NGINX limits each of them too",
                    );
                }
            }
            _ => self.lost(buffers, "it is no size"),
        }
    }

    /// Writes a duration where it differs from the spec's default; without a directive NGINX's own.
    pub(super) fn timer(
        &mut self,
        path: &[&str],
        directive: Option<&Directive>,
        own: &str,
        default: &str,
        unsaid: &str,
    ) {
        let Some(directive) = directive else {
            if own != default {
                let path = self.set(path, own);
                self.reading.account.unsaid(unsaid, Some(path));
            }
            return;
        };
        match duration(directive.arg(0)).map(|dur| dur.to_string()) {
            Some(text) if text == default => {
                self.moot(directive, "as long as the spec's default");
            }
            Some(text) => {
                let path = self.set(path, text);
                self.kept(directive, path);
            }
            None => self.lost(
                directive,
                "a spec has no duration of zero, and none without an end here",
            ),
        }
    }

    fn odd_headers(&mut self, at: &[&str; 2], site: &Site<'a>) {
        let lenient = [
            ("underscores_in_headers", "on"),
            ("ignore_invalid_headers", "off"),
        ];
        for (name, value) in lenient {
            let Some(directive) = site.scope.find(name) else {
                continue;
            };
            if directive.arg(0) == value {
                let path = self.set(&[at[0], at[1], "header_names"], "lenient");
                self.kept(directive, path);
            } else {
                self.moot(directive, "as the spec's default");
            }
        }
        if let Some(directive) = site.scope.find("merge_slashes") {
            if directive.arg(0) == "off" {
                self.lost_but(
                    directive,
                    "routes are chosen with `//` merged; the server gets the path as it was sent",
                    "write `paths: raw` on the listener where a target can do it",
                );
            } else {
                self.moot(directive, "as the spec's default");
            }
        }
    }

    fn trusted(&mut self, at: &[&str; 2], site: &Site<'a>) {
        let header = site.scope.find("real_ip_header");
        let name = header.map_or("X-Real-IP", |it| it.arg(0));
        let by_header = name.eq_ignore_ascii_case("X-Forwarded-For");
        let from = site.scope.all(&["set_real_ip_from"]);
        let mut path = None;
        for range in from {
            let text = range.arg(0);
            if text == "unix:" || text.parse::<crate::spec::units::ClientRange>().is_err() {
                self.lost(range, "proxies in front are known by IP ranges");
                continue;
            }
            let list = self
                .reading
                .draft
                .push(&[at[0], at[1], "trusted_proxies"], text);
            self.kept(range, list.clone());
            path = Some(list);
        }
        let Some(path) = path else { return };
        match header {
            Some(header) if by_header => self.kept(header, path.clone()),
            Some(header) if name.eq_ignore_ascii_case("proxy_protocol") => {
                self.kept(header, path.clone());
            }
            Some(header) => self.changed(
                header,
                path.clone(),
                "the client's address is taken from `X-Forwarded-For`",
            ),
            None => self.reading.account.unsaid(
                "NGINX takes the client's address from `X-Real-IP`; the spec takes it from `X-Forwarded-For`",
                Some(path.clone()),
            ),
        }
        if let Some(directive) = site.scope.find("real_ip_recursive") {
            if directive.arg(0) == "on" {
                self.kept(directive, path);
            } else {
                self.changed(
                    directive,
                    path,
                    "every trusted address is passed over, not only the last",
                );
            }
        }
    }
}
