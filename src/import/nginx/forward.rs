//! `proxy_pass` and what holds for it: the upstream, the path that the server sees, times, sockets, streams, retries.

use serde_json::{Value, json};

use super::Nginx;
use super::place::{Place, Takes};
use super::scope::Scope;
use super::syntax::Directive;
use super::values::{Piece, header_value, size};

/// What a location says of `Upgrade` and `Connection`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sockets {
    /// Nothing: upgrades do not reach the server.
    Off,
    /// WebSockets pass.
    On,
}

impl<'a> Nginx<'a, '_, '_> {
    /// Reads a location that leads to a server.
    pub(super) fn forward(&mut self, pass: &'a Directive, place: &Place<'a>, name: &str) {
        let scope = &place.scope;
        let Some((upstream, uri)) = self.upstream(pass, scope) else {
            return;
        };
        let path = self.set(&["routes", name, "upstream"], upstream.as_str());
        self.kept(pass, path);
        self.kept(pass, format!("upstreams.{upstream}"));
        self.uri(pass, uri.as_deref(), place, name);
        if pass.arg(0).contains("$wg_stripped") {
            self.own_rewrite(scope, name);
        } else {
            self.rewrites(place, name);
        }
        self.own_conditions(scope, name);
        let sockets = self.headers(scope, name, &upstream);
        self.times(scope, name, &upstream, sockets);
        self.stream(scope, name);
        self.retries(scope, name, &upstream);
        self.body(scope, name);
        self.answer_head(scope, name, &upstream);
        self.guards(scope, name);
        self.response_headers(scope, name);
        self.error_pages(scope, name);
        self.smaller(scope, name);
    }

    /// A setting that a spec has on the upstream: there, where the first route says it or says the same, else on the route.
    pub(super) fn shared(
        &mut self,
        upstream: &str,
        route: &str,
        setting: &[&str],
        value: Value,
    ) -> String {
        let above = [&["upstreams", upstream], setting].concat();
        match self.first.get(&above.join(".")) {
            Some(Some(first)) if *first == value => above.join("."),
            Some(_) => self.set(&[&["routes", route], setting].concat(), value),
            None => {
                self.first.insert(above.join("."), Some(value.clone()));
                self.set(&above, value)
            }
        }
    }

    /// The same where the route has what holds by itself: written only where the upstream has something else by now.
    pub(super) fn usual(
        &mut self,
        upstream: &str,
        route: &str,
        setting: &[&str],
        value: Value,
    ) -> Option<String> {
        let above = [&["upstreams", upstream], setting].concat();
        let first = self.first.entry(above.join(".")).or_insert(None);
        first
            .is_some()
            .then(|| self.set(&[&["routes", route], setting].concat(), value))
    }

    /// The path that the server sees, where `proxy_pass` has one.
    fn uri(&mut self, pass: &Directive, uri: Option<&str>, place: &Place<'a>, name: &str) {
        let Some(uri) = uri else { return };
        let at = ["routes", name, "rewrite"];
        match &place.takes {
            Takes::Exact(text) if text == uri => {}
            Takes::Exact(_) => {
                let path = self.set(&[at[0], at[1], at[2], "path"], uri);
                self.kept(pass, path);
            }
            Takes::Prefix { text, .. } if text == uri => {}
            Takes::Prefix { text, whole, .. } => {
                let even = text.ends_with('/') == uri.ends_with('/') || *whole;
                let path = match uri.trim_end_matches('/') {
                    "" => self.set(&[at[0], at[1], at[2], "strip_prefix"], true),
                    new => self.set(&[at[0], at[1], at[2], "replace_prefix"], new),
                };
                if even {
                    self.kept(pass, path);
                } else {
                    let how = "whole segments are replaced: never two slashes, never none";
                    self.changed(pass, path, how);
                    self.remark(
                        "import::uneven-slash",
                        pass,
                        "the location and `proxy_pass` do not both end with `/`: paths get two slashes, or none",
                        "the spec replaces whole segments",
                    );
                }
            }
            Takes::Regex { .. } => {
                self.lost(pass, "NGINX itself takes no path behind a regex location");
            }
        }
    }

    /// `rewrite … break`: the path that the server sees.
    fn rewrites(&mut self, place: &Place<'a>, name: &str) {
        let rewrites: Vec<_> = place.scope.own("rewrite").collect();
        for rewrite in rewrites {
            if self
                .reading
                .draft
                .get(&["routes", name, "rewrite"])
                .is_some()
            {
                self.lost(rewrite, "a route has one rewrite");
                continue;
            }
            let flag = rewrite.arg(2);
            if !matches!(flag, "" | "break" | "last") {
                self.lost_but(
                    rewrite,
                    "it sends only some of the location's requests elsewhere",
                    "write a route with a regex path and `redirect`",
                );
                continue;
            }
            let (from, to) = (rewrite.arg(0), rewrite.arg(1));
            let prefix = place.takes.text().trim_end_matches('/');
            let strips = [
                format!("^{prefix}/(.*)$"),
                format!("^{prefix}(/.*)$"),
                format!("^{prefix}/?(.*)$"),
                format!("{prefix}/(.*)"),
                format!("^{prefix}/(.*)"),
                format!("^{prefix}(/|$)(.*)"),
            ];
            let is_prefix = matches!(place.takes, Takes::Prefix { .. }) && !prefix.is_empty();
            if is_prefix && strips.iter().any(|it| it == from) && matches!(to, "/$1" | "$1" | "/$2")
            {
                let path = self.set(&["routes", name, "rewrite", "strip_prefix"], true);
                self.kept(rewrite, path);
                continue;
            }
            let plain = to.split('?').next().unwrap_or(to);
            let captures = super::values::pieces(plain)
                .iter()
                .all(|piece| match piece {
                    Piece::Var(name) => name.bytes().all(|c| c.is_ascii_digit()),
                    Piece::Text(_) => true,
                });
            match super::values::anchored(from, false, true) {
                Ok(regex) if captures && plain.starts_with(['/', '$']) => {
                    let value = json!({ "match": regex, "to": plain });
                    let path = self.set(&["routes", name, "rewrite", "regex"], value);
                    if flag == "break" && plain == to {
                        self.kept(rewrite, path);
                    } else {
                        let how = "the new path goes to this route's servers, and the query stays";
                        self.changed(rewrite, path, how);
                    }
                }
                _ => self.lost(
                    rewrite,
                    "its regex or its new path cannot be said in a spec",
                ),
            }
        }
    }

    fn body(&mut self, scope: &Scope<'a>, name: &str) {
        let path = ["routes", name, "limits", "body"];
        match scope.find("client_max_body_size") {
            None => {
                let path = self.set(&path, "1MiB");
                let unsaid = "NGINX refuses bodies of more than 1 MiB";
                self.reading.account.unsaid(unsaid, Some(path));
            }
            Some(directive) => match size(directive.arg(0)) {
                Some(size) if size.as_bytes() == 0 => {
                    self.moot(directive, "no limit, as the spec's default");
                }
                Some(size) => {
                    let path = self.set(&path, size.to_string());
                    self.kept(directive, path);
                }
                None => self.lost(directive, "it is no size"),
            },
        }
    }

    /// How large an answer's head may be, and what else NGINX does by itself with answers.
    fn answer_head(&mut self, scope: &Scope<'a>, name: &str, upstream: &str) {
        let account = &mut self.reading.account;
        account.unsaid(
            "where no server can be reached the spec answers 503, NGINX 502",
            None,
        );
        let at = ["upstreams", upstream, "limits", "response_head"];
        let path = at.join(".");
        let first = self.first.get(&path).cloned();
        let Some(directive) = scope.find("proxy_buffer_size") else {
            let (leaves, path) = match first {
                Some(Some(_)) => ("has one ceiling for the upstream", Some(path)),
                _ => {
                    self.first.insert(path, None);
                    ("leaves them 64 KiB", None)
                }
            };
            let unsaid = format!(
                "NGINX refuses answers whose head is larger than a page of memory (4 or 8 KiB); the spec {leaves}"
            );
            account.unsaid(unsaid, path);
            return;
        };
        let Some(text) = size(directive.arg(0)).map(|it| it.to_string()) else {
            return self.lost(directive, "it is no size");
        };
        let spec = (text != "64KiB").then(|| Value::from(text));
        if let Some(Some(_)) = first
            && first.as_ref() != Some(&spec)
        {
            let how =
                format!("one ceiling for the upstream: that of the first route, not of `{name}`");
            return self.changed(directive, path, how);
        }
        self.first.insert(path, spec.clone());
        let Some(value) = spec else {
            return self.moot(directive, "as the spec's default");
        };
        let path = self.set(&at, value);
        if first == Some(None) {
            let how = "one ceiling for the upstream: its other routes have it too";
            self.changed(directive, path, how);
        } else {
            self.kept(directive, path);
        }
    }

    /// Compression, the protocol, what only tunes the way to the server.
    fn smaller(&mut self, scope: &Scope<'a>, name: &str) {
        if let Some(gzip) = scope.find("gzip") {
            if gzip.arg(0) == "on" {
                let path = self.set(&["routes", name, "compression"], true);
                self.kept(gzip, path.clone());
                for other in [
                    "gzip_types",
                    "gzip_comp_level",
                    "gzip_min_length",
                    "gzip_proxied",
                    "gzip_vary",
                ] {
                    if let Some(directive) = scope.find(other) {
                        let how = "each program compresses what usually gets smaller";
                        self.changed(directive, path.clone(), how);
                    }
                }
            } else {
                self.moot(gzip, "as the spec's default");
            }
        }
        if let Some(redirect) = scope.find("proxy_redirect") {
            match redirect.arg(0) {
                "off" => self.moot(redirect, "as the spec's default"),
                "default" => self.lost_but(
                    redirect,
                    "locations that a server answers are not mapped",
                    "write `rewrite: { map_location: on }` on the route",
                ),
                _ => self.lost_but(
                    redirect,
                    "a location that a server answers is mapped by the route's rewrite, not by patterns",
                    "let the application know its public URL, or write `rewrite: { map_location: on }`",
                ),
            }
        }
        if let Some(log) = scope.find("access_log").filter(|it| it.arg(0) == "off") {
            let path = self.set(&["routes", name, "log"], false);
            self.kept(log, path);
        }
        for (directive, why) in [
            (
                "proxy_socket_keepalive",
                "the spec's default sends TCP keep-alive probes to servers",
            ),
            (
                "recursive_error_pages",
                "error pages of a spec lead nowhere else",
            ),
            ("absolute_redirect", "redirects say what the spec says"),
            ("port_in_redirect", "redirects say what the spec says"),
            (
                "server_name_in_redirect",
                "redirects say what the spec says",
            ),
            (
                "client_body_timeout",
                "the idle time of the route bounds a body that stands still",
            ),
        ] {
            if let Some(directive) = scope.find(directive) {
                self.moot(directive, why);
            }
        }
    }

    /// A header's value, with what never changes filled in.
    pub(super) fn value(&mut self, text: &str, scope: &Scope<'a>) -> Option<Value> {
        let pieces = self.pieces(text, scope);
        header_value(&pieces)
    }
}
