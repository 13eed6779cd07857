//! Headers towards servers and clients, and what they say of WebSockets and of who asks.

use super::Nginx;
use super::forward::Sockets;
use super::own::is_own;
use super::scope::Scope;
use super::syntax::Directive;
use super::values::has_variable;

/// Headers that the spec sets by itself on every request.
const FORWARDED: [&str; 5] = [
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
];

impl<'a> Nginx<'a, '_, '_> {
    /// Reads `proxy_set_header` and `proxy_http_version`. Whether WebSockets pass.
    pub(super) fn headers(&mut self, scope: &Scope<'a>, name: &str, upstream: &str) -> Sockets {
        let headers = scope.all(&["proxy_set_header"]);
        let named = |wanted: &str| {
            let mut found = headers.iter().rev();
            found
                .find(|it| it.arg(0).eq_ignore_ascii_case(wanted))
                .copied()
        };
        let sockets = self.sockets(scope, name, named("Upgrade"), named("Connection"));
        self.host(scope, name, upstream, named("Host"));
        let mut forwarded = false;
        for header in &headers {
            let lower = header.arg(0).to_ascii_lowercase();
            match lower.as_str() {
                "upgrade" | "connection" | "host" => {}
                known if FORWARDED.contains(&known) => {
                    forwarded |= !header.arg(1).is_empty();
                    self.forwarded(header, name, scope);
                }
                _ => self.request_header(header, name, scope),
            }
        }
        if !forwarded {
            let path = self.set(&["routes", name, "forwarded"], false);
            self.reading.account.unsaid(
                "NGINX tells servers neither the client's address nor the scheme; what clients say of them by themselves it passes, the spec does not",
                Some(path),
            );
        } else if FORWARDED.iter().any(|it| named(it).is_none()) {
            self.reading.account.unsaid(
                "the spec sets `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `X-Real-IP`, also those that the original does not",
                None,
            );
        }
        sockets
    }

    fn sockets(
        &mut self,
        scope: &Scope<'a>,
        name: &str,
        upgrade: Option<&'a Directive>,
        connection: Option<&'a Directive>,
    ) -> Sockets {
        let version = scope.find("proxy_http_version");
        let path = format!("routes.{name}.websocket");
        if upgrade.is_some_and(|it| is_own(it.arg(1))) {
            for directive in upgrade.into_iter().chain(connection).chain(version) {
                self.moot(directive, "handshakes have a location of their own");
            }
            return Sockets::Off;
        }
        let Some(upgrade) = upgrade.filter(|it| !it.arg(1).is_empty()) else {
            if let Some(connection) = connection {
                if has_variable(connection.arg(1))
                    || connection.arg(1).eq_ignore_ascii_case("upgrade")
                {
                    self.lost_but(
                        connection,
                        "without an `Upgrade` header no WebSocket passes",
                        "write `websocket: on` on the route if sockets should pass",
                    );
                } else {
                    self.moot(
                        connection,
                        "connections to servers are kept and shared in any case",
                    );
                }
            }
            if let Some(version) = version {
                self.moot(version, "as the spec's default");
            }
            return Sockets::Off;
        };
        self.changed(
            upgrade,
            path.clone(),
            "only `websocket` passes, and only by GET, where NGINX passes every token by every method, `h2c` too",
        );
        match connection {
            Some(connection) => {
                let value = connection.arg(1);
                let variable = value
                    .strip_prefix('$')
                    .map(|it| it.trim_matches(['{', '}']));
                if let Some(map) = variable.and_then(|it| self.map(it)) {
                    let closes = map.children().iter().any(|it| it.arg(0) == "close");
                    if closes {
                        let how = "connections to servers are kept after plain requests too, where the map says `close`";
                        self.changed(map, path.clone(), how);
                    } else {
                        self.kept(map, path.clone());
                    }
                    self.kept(connection, path.clone());
                } else if variable.is_some() {
                    self.kept(connection, path.clone());
                } else {
                    self.changed(
                        connection,
                        path.clone(),
                        "only a handshake says `upgrade`, every other request does not",
                    );
                    self.remark(
                        "import::constant-upgrade",
                        connection,
                        "every request says `Connection: upgrade`, also those that upgrade to nothing",
                        "in the spec only a WebSocket's handshake does",
                    );
                }
            }
            None => self.remark(
                "import::half-upgrade",
                upgrade,
                "`Upgrade` without `Connection`: no handshake reaches the server as one",
                "the spec passes WebSockets on this route",
            ),
        }
        match version {
            Some(version) if matches!(version.arg(0), "1.1" | "2") => self.kept(version, path),
            Some(version) => {
                self.changed(version, path, "handshakes are HTTP/1.1");
            }
            None => self.remark(
                "import::no-http11",
                upgrade,
                "without `proxy_http_version 1.1` NGINX before 1.29.7 asks servers with HTTP/1.0, to which many refuse a handshake",
                "the spec asks with HTTP/1.1",
            ),
        }
        Sockets::On
    }

    /// A header that the spec sets by itself.
    fn forwarded(&mut self, header: &'a Directive, name: &str, scope: &Scope<'a>) {
        let path = format!("routes.{name}.forwarded");
        let lower = header.arg(0).to_ascii_lowercase();
        let value = header.arg(1);
        let usual: &[&str] = match lower.as_str() {
            "x-forwarded-for" => &["$remote_addr"],
            "x-real-ip" => &["$remote_addr", "$realip_remote_addr"],
            "x-forwarded-proto" => &["$scheme"],
            "x-forwarded-host" => &["$host", "$http_host"],
            _ => &["$server_port"],
        };
        if usual.contains(&value) || is_own(value) {
            self.moot(header, "the spec sets it by itself");
        } else if value == "$proxy_add_x_forwarded_for" {
            self.changed(
                header,
                path,
                "what a client sends is dropped, unless it comes from one of the listener's `trusted_proxies`",
            );
            self.remark(
                "import::spoofable-forwarded",
                header,
                "a client's own `X-Forwarded-For` is passed on, so it can pretend to be somebody else",
                "the spec drops it; name proxies in front in `trusted_proxies` of the listener",
            );
        } else if value.is_empty() {
            let path = self.reading.draft.push(
                &["routes", name, "request_headers", "remove"],
                header.arg(0),
            );
            self.kept(header, path);
        } else {
            match self.value(value, scope) {
                Some(value) => {
                    let path = self.set(
                        &["routes", name, "request_headers", "set", header.arg(0)],
                        value,
                    );
                    self.kept(header, path);
                }
                None => self.changed(header, path, "the spec sets it to what it knows itself"),
            }
        }
    }

    fn request_header(&mut self, header: &'a Directive, name: &str, scope: &Scope<'a>) {
        let (key, value) = (header.arg(0), header.arg(1));
        let lower = key.to_ascii_lowercase();
        let framing = [
            "content-length",
            "transfer-encoding",
            "te",
            "trailer",
            "keep-alive",
            "proxy-connection",
            "expect",
        ];
        if framing.contains(&lower.as_str()) {
            return self.lost(
                header,
                "it belongs to the connection, which the proxy frames by itself",
            );
        }
        if matches!(
            lower.as_str(),
            "sec-websocket-key"
                | "sec-websocket-version"
                | "sec-websocket-extensions"
                | "sec-websocket-protocol"
                | "sec-websocket-accept"
        ) && has_variable(value)
        {
            return self.moot(header, "the client's own passes");
        }
        let answered = scope.all(&["auth_request_set"]);
        if answered.iter().any(|it| it.arg(0) == value) {
            // Whether it is passed on is read with the guard.
            return;
        }
        let own = format!("$http_{}", lower.replace('-', "_"));
        if value == own {
            return self.moot(header, "the client's own passes");
        }
        if lower == "forwarded" && value.is_empty() {
            return self.moot(header, "the spec drops a client's own");
        }
        if value.is_empty() {
            let path = self
                .reading
                .draft
                .push(&["routes", name, "request_headers", "remove"], key);
            return self.kept(header, path);
        }
        match self.value(value, scope) {
            Some(value) => {
                let path = self.set(&["routes", name, "request_headers", "set", key], value);
                self.kept(header, path);
            }
            None => self.lost_but(
                header,
                "its value needs a variable that a spec has no word for",
                "`request_headers` knows client_ip, request_id, scheme, host, cookies, headers, query parameters and templates",
            ),
        }
    }

    /// Reads `add_header` and `proxy_hide_header`.
    pub(super) fn response_headers(&mut self, scope: &Scope<'a>, name: &str) {
        let hidden = scope.all(&["proxy_hide_header"]);
        let added = scope.all(&["add_header"]);
        let has_cors = self.reading.draft.get(&["routes", name, "cors"]).is_some();
        let of_cors = |header: &Directive| {
            let lower = header.arg(0).to_ascii_lowercase();
            has_cors && (lower == "vary" || lower.starts_with("access-control-"))
        };
        for header in hidden.iter().filter(|it| !of_cors(it)) {
            let again = added
                .iter()
                .any(|it| it.arg(0).eq_ignore_ascii_case(header.arg(0)));
            if again {
                self.kept(header, format!("routes.{name}.response_headers.set"));
            } else {
                let path = ["routes", name, "response_headers", "remove"];
                let path = self.reading.draft.push(&path, header.arg(0));
                self.kept(header, path);
            }
        }
        for header in added.iter().filter(|it| !of_cors(it)) {
            let key = header.arg(0);
            if is_own(header.arg(1)) {
                self.moot(header, "the spec's own answers say it");
                continue;
            }
            if key.eq_ignore_ascii_case("Strict-Transport-Security") && self.has_hsts(header.arg(1))
            {
                continue;
            }
            let Some(value) = self.value(header.arg(1), scope) else {
                self.lost_but(
                    header,
                    "its value needs a variable that a spec has no word for",
                    "`cors` and `response_headers` of a route say most of what such headers are for",
                );
                continue;
            };
            if header.arg(1).is_empty() {
                self.moot(header, "an empty value adds nothing");
                continue;
            }
            let sets = hidden.iter().any(|it| it.arg(0).eq_ignore_ascii_case(key));
            let word = if sets { "set" } else { "add" };
            let path = self.set(&["routes", name, "response_headers", word, key], value);
            if header.arg(2) == "always" {
                self.kept(header, path);
            } else {
                self.changed(
                    header,
                    path,
                    "with every status, where NGINX leaves errors and handshakes out",
                );
            }
        }
    }

    /// Whether a listener sends this already.
    fn has_hsts(&self, value: &str) -> bool {
        let wanted = super::tls::hsts(value);
        let draft = &self.reading.draft;
        wanted.is_some()
            && draft
                .names("listeners")
                .iter()
                .any(|name| draft.get(&["listeners", name, "tls", "hsts"]) == wanted.as_ref())
    }
}
