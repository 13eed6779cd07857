//! Where `proxy_pass` leads: `upstream` blocks and bare servers as upstreams of the spec.

use serde_json::{Value, json};

use crate::spec::units::Address;

use super::Nginx;
use super::scope::Scope;
use super::syntax::Directive;
use super::values::{Piece, duration};

impl<'a> Nginx<'a, '_, '_> {
    /// The spec's upstream for a `proxy_pass`, written where it is new, and the path behind the host. `None` where a variable decides,
    /// which is said.
    pub(super) fn upstream(
        &mut self,
        pass: &'a Directive,
        scope: &Scope<'a>,
    ) -> Option<(String, Option<String>)> {
        let variable = super::values::has_variable(pass.arg(0));
        let pieces = self.pieces(pass.arg(0), scope);
        let (text, raw) = match pieces.as_slice() {
            [Piece::Text(text)] => (text.clone(), false),
            [Piece::Text(text), Piece::Var(rest)]
                if rest == "request_uri" || rest.starts_with("wg_stripped") =>
            {
                (text.clone(), true)
            }
            [
                Piece::Text(text),
                Piece::Var(uri),
                Piece::Var(is),
                Piece::Var(args),
            ] if uri == "uri" && is == "is_args" && args == "args" => (text.clone(), true),
            _ => {
                self.remark(
                    "import::variable-upstream",
                    pass,
                    "a variable chooses the server: who can set it chooses where requests go",
                    "the spec has no route for it",
                );
                self.lost_but(
                    pass,
                    "the server is chosen by a variable",
                    "write a route for each server, with the host or path that leads to it",
                );
                return None;
            }
        };
        let (tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => {
                self.lost(pass, "servers are reached by http:// or https://");
                return None;
            }
        };
        let (host, uri) = if let Some(socket) = rest.strip_prefix("unix:") {
            match socket.split_once(':') {
                Some((socket, uri)) => (format!("unix:{socket}"), Some(uri.to_owned())),
                None => (rest.to_owned(), None),
            }
        } else {
            match rest.find('/') {
                Some(slash) => (rest[..slash].to_owned(), Some(rest[slash..].to_owned())),
                None => (rest.to_owned(), None),
            }
        };
        let uri = uri.filter(|uri| !raw && !uri.is_empty());
        let secure = if tls {
            self.secure(scope, &host)
        } else {
            Value::Null
        };
        let http2 = scope
            .find("proxy_http_version")
            .is_some_and(|it| it.arg(0) == "2");
        // A bare name behind a variable is looked up again and again, any other once.
        let again = variable && !self.upstreams.contains_key(&host.to_ascii_lowercase());
        let key = format!("{}\n{secure}\n{http2}\n{again}", host.to_ascii_lowercase());
        if let Some(name) = self.passed.get(&key) {
            return Some((name.clone(), uri));
        }
        let name = match self.upstreams.get(&host.to_ascii_lowercase()).copied() {
            Some(block) => self.block(block, scope)?,
            None => self.bare(pass, &host, tls, variable)?,
        };
        if !secure.is_null() {
            self.set(&["upstreams", &name, "tls"], secure);
        }
        if http2 {
            self.set(&["upstreams", &name, "protocol"], "http2");
        }
        self.passed.insert(key, name.clone());
        Some((name, uri))
    }

    /// An upstream of one server that has no block.
    fn bare(&mut self, pass: &Directive, host: &str, tls: bool, variable: bool) -> Option<String> {
        let address = with_port(host, if tls { 443 } else { 80 });
        let Ok(read) = address.parse::<Address>() else {
            self.lost(pass, format!("`{host}` is no server's address"));
            return None;
        };
        let word = match &read {
            Address::Name { .. } => read.name().unwrap_or("app").to_owned(),
            _ => "app".to_owned(),
        };
        let word = if word == "localhost" {
            "app".to_owned()
        } else {
            word
        };
        let short = word.split('.').next().unwrap_or("app").to_owned();
        let name = self.reading.draft.name("upstreams", &short, "app");
        self.set(&["upstreams", &name, "servers"], json!([address]));
        if matches!(read, Address::Name { .. }) && word != "app" {
            self.resolve(&name, variable);
        }
        Some(name)
    }

    /// Names are looked up once, unless a variable or `resolve` makes NGINX look again.
    fn resolve(&mut self, name: &str, again: bool) {
        let path = ["upstreams", name, "resolve"];
        if let Some(resolver) = self.http.find("resolver") {
            self.moot(
                resolver,
                "names are looked up with the system's resolver, or with the target's",
            );
        }
        if again || self.reading.draft.get(&path).is_some() {
            return;
        }
        let path = self.set(&path, false);
        let unsaid = "NGINX looks names of servers up once, when it starts";
        self.reading.account.unsaid(unsaid, Some(path));
    }

    /// An `upstream` block.
    fn block(&mut self, block: &'a Directive, scope: &Scope<'a>) -> Option<String> {
        let name = self
            .reading
            .draft
            .name("upstreams", block.arg(0), "upstream");
        let at = ["upstreams", name.as_str()];
        self.kept(block, at.join("."));
        let mut servers = Vec::new();
        let mut failures = Vec::new();
        let (mut ceilings, mut slow) = (Vec::new(), Vec::new());
        let (mut names, mut again) = (false, false);
        let inner = scope.inner(block.children());
        for server in block.children().iter().filter(|it| it.name == "server") {
            let path = format!("{}.servers", at.join("."));
            let address = with_port(server.arg(0), 80);
            let Ok(read) = address.parse::<Address>() else {
                self.lost(
                    server,
                    format!("`{}` is no server's address", server.arg(0)),
                );
                continue;
            };
            names |= matches!(&read, Address::Name { .. }) && read.name() != Some("localhost");
            let mut map =
                serde_json::Map::from_iter([("address".to_owned(), address.clone().into())]);
            let (mut fails, mut time, mut down) = (1_u64, "10s".to_owned(), false);
            let (mut most, mut start) = (None, None);
            for word in server.args.iter().skip(1) {
                let text = word.text.as_str();
                match text.split_once('=').unwrap_or((text, "")) {
                    ("weight", number) => {
                        let weight = number.parse::<u64>().unwrap_or(1);
                        let fits = weight.clamp(1, 256);
                        if fits != weight {
                            self.changed(
                                server,
                                path.clone(),
                                format!("a weight is at most {fits}"),
                            );
                        }
                        if fits != 1 {
                            map.insert("weight".to_owned(), fits.into());
                        }
                    }
                    ("backup", _) => {
                        map.insert("backup".to_owned(), true.into());
                    }
                    ("down", _) => down = true,
                    ("resolve", _) => again = true,
                    ("max_fails", number) => fails = number.parse().unwrap_or(1),
                    ("fail_timeout", text) => {
                        time = duration(text).map_or(time, |dur| dur.to_string());
                    }
                    ("max_conns", number) => {
                        most = number.parse::<u64>().ok().filter(|it| *it > 0);
                    }
                    ("slow_start", text) => {
                        start = duration(text).map(|dur| dur.to_string());
                    }
                    (other, _) => self.changed(server, path.clone(), format!("without `{other}`")),
                }
            }
            if down {
                self.moot(server, "it is marked `down`, so it is not in the spec");
                continue;
            }
            failures.push((server, (fails, time)));
            ceilings.push((server, most));
            slow.push((server, start));
            servers.push(if map.len() > 1 {
                Value::Object(map)
            } else {
                address.into()
            });
            self.kept(server, path);
        }
        if servers.is_empty() {
            self.lost(block, "it has no server that a spec could name");
            return None;
        }
        let several = servers.len() > 1;
        self.set(&[at[0], at[1], "servers"], servers);
        self.balance(block, &at, &inner);
        self.failures(&at, &failures, several);
        if let Some(most) = ceilings.iter().find_map(|(_, most)| *most) {
            let path = self.set(&[at[0], at[1], "max_connections"], most);
            let how = format!("`max_conns={most}`, as for all servers of the upstream");
            self.one_for_all(&ceilings, &Some(most), &path, &how);
        }
        if let Some(start) = slow.iter().find_map(|(_, start)| start.clone()) {
            let path = self.set(&[at[0], at[1], "slow_start"], start.as_str());
            let how = format!("`slow_start={start}`, as for all servers of the upstream");
            self.one_for_all(&slow, &Some(start), &path, &how);
        }
        self.pool(block, &at);
        if names {
            self.resolve(&name, again);
        }
        Some(name)
    }

    /// When a server that fails is left out.
    fn failures(
        &mut self,
        at: &[&str; 2],
        failures: &[(&'a Directive, (u64, String))],
        several: bool,
    ) {
        let Some((_, common)) = failures.iter().find(|(_, (fails, _))| *fails > 0) else {
            return;
        };
        let (fails, time) = common;
        if !several {
            return;
        }
        let how =
            format!("`max_fails={fails} fail_timeout={time}`, as for all servers of the upstream");
        let fails = (*fails).min(1000);
        let value = json!({ "errors": fails, "within": time, "eject": time });
        let path = self.set(&[at[0], at[1], "passive"], value);
        self.one_for_all(failures, common, &path, &how);
        if fails == 1 && time == "10s" {
            let unsaid = "NGINX leaves a server out for 10s after one failure";
            self.reading.account.unsaid(unsaid, Some(path));
        }
    }

    /// Says which servers have something else than what the spec has once for all of them.
    fn one_for_all<T: PartialEq>(
        &mut self,
        servers: &[(&'a Directive, T)],
        common: &T,
        path: &str,
        how: &str,
    ) {
        for (server, _) in servers.iter().filter(|(_, own)| own != common) {
            self.changed(server, path, how);
        }
    }

    /// Idle connections to the servers.
    fn pool(&mut self, block: &'a Directive, at: &[&str; 2]) {
        for directive in block.children() {
            match directive.name.as_str() {
                "keepalive" => match directive.arg(0).parse::<u64>() {
                    Ok(32) => self.moot(directive, "as many as the spec's default"),
                    Ok(0) => {
                        let path = self.set(&[at[0], at[1], "keepalive"], false);
                        self.kept(directive, path);
                    }
                    Ok(count) => {
                        let path = self.set(&[at[0], at[1], "keepalive"], count.min(100_000));
                        self.kept(directive, path);
                    }
                    Err(_) => self.lost(directive, "it is no number of connections"),
                },
                "keepalive_timeout" => {
                    let path = [at[0], at[1], "timeouts", "keepalive"];
                    self.timer(&path, Some(directive), "1m", "1m", "");
                }
                "zone" => self.moot(directive, "a table that NGINX shares between its workers"),
                _ => {}
            }
        }
    }

    /// TLS towards servers: NGINX verifies nothing and names no host unless it is told to.
    fn secure(&mut self, scope: &Scope<'a>, host: &str) -> Value {
        let mut map = serde_json::Map::new();
        let path = "upstreams.*.tls";
        let verify = scope.find("proxy_ssl_verify");
        let verifies = verify.is_some_and(|it| it.arg(0) == "on");
        if !verifies {
            map.insert("verify".to_owned(), false.into());
        }
        match verify {
            Some(directive) => self.kept(directive, path),
            None => self.reading.account.unsaid(
                "NGINX does not verify the certificates of servers",
                Some(path.to_owned()),
            ),
        }
        for (name, key) in [
            ("proxy_ssl_trusted_certificate", "ca"),
            ("proxy_ssl_certificate", "cert"),
            ("proxy_ssl_certificate_key", "key"),
        ] {
            if let Some(directive) = scope.find(name) {
                map.insert(key.to_owned(), directive.arg(0).into());
                self.kept(directive, path);
            }
        }
        if let Some(directive) = scope.find("proxy_ssl_server_name") {
            self.kept(directive, path);
        }
        let name = scope.find("proxy_ssl_name");
        let is_block = self.upstreams.contains_key(&host.to_ascii_lowercase());
        if let Some(directive) = name {
            if super::values::has_variable(directive.arg(0)) {
                self.changed(directive, path, "the name asked for is the server's own");
            } else {
                map.insert("server_name".to_owned(), directive.arg(0).into());
                self.kept(directive, path);
            }
        } else if is_block && crate::spec::units::is_host_name(host) {
            map.insert("server_name".to_owned(), host.into());
        }
        if map.is_empty() {
            return true.into();
        }
        Value::Object(map)
    }
}

/// An address with its port, which NGINX lets people leave out.
fn with_port(host: &str, port: u16) -> String {
    if host.starts_with("unix:") {
        return host.to_owned();
    }
    let bare = match host.rsplit_once(':') {
        Some((_, after)) => after.ends_with(']'),
        None => true,
    };
    if bare {
        format!("{host}:{port}")
    } else {
        host.to_owned()
    }
}
