//! How an `upstream` block spreads requests, and what keeps a client on its server.

use serde_json::json;

use super::Nginx;
use super::scope::Scope;
use super::syntax::Directive;
use super::values::{Piece, duration};

impl<'a> Nginx<'a, '_, '_> {
    /// How requests are spread, and what keeps a client on its server.
    pub(super) fn balance(&mut self, block: &'a Directive, at: &[&str; 2], scope: &Scope<'a>) {
        let balance = [at[0], at[1], "balance"];
        for directive in block.children() {
            let path = balance.join(".");
            match directive.name.as_str() {
                "least_conn" => {
                    self.set(&balance, "least_connections");
                    self.kept(directive, path);
                }
                "least_time" => {
                    self.set(&balance, "least_connections");
                    self.changed(directive, path, "by open connections, not by time");
                }
                "random" => {
                    self.set(&balance, "random");
                    if directive.args.is_empty() {
                        self.kept(directive, path);
                    } else {
                        self.changed(directive, path, "one random server, not the better of two");
                    }
                }
                "ip_hash" => {
                    self.set(&balance, json!({ "hash": { "source": true } }));
                    self.changed(
                        directive,
                        path,
                        "the whole address counts, where NGINX takes the first three numbers of an IPv4 address",
                    );
                }
                "hash" => self.hash(directive, &balance, scope),
                "sticky" => self.sticky(directive, at),
                _ => {}
            }
        }
    }

    fn hash(&mut self, directive: &'a Directive, balance: &[&str; 3], scope: &Scope<'a>) {
        let pieces = self.pieces(directive.arg(0), scope);
        let [Piece::Var(name)] = pieces.as_slice() else {
            return self.lost(
                directive,
                "a hash is of the client's address, the path, a header, a cookie or a query parameter",
            );
        };
        let mut how = Vec::new();
        let key = match name.as_str() {
            "remote_addr" | "binary_remote_addr" => json!({ "source": true }),
            "uri" => json!({ "path": true }),
            "request_uri" => {
                how.push("of the path without the query");
                json!({ "path": true })
            }
            name => match (
                name.strip_prefix("http_"),
                name.strip_prefix("cookie_"),
                name.strip_prefix("arg_"),
            ) {
                (Some(header), ..) => json!({ "header": super::values::header_name(header) }),
                (_, Some(cookie), _) => json!({ "cookie": cookie }),
                (.., Some(query)) => json!({ "query": query }),
                _ => {
                    let why = format!("a hash of `${name}` cannot be said in a spec");
                    return self.lost(directive, why);
                }
            },
        };
        if directive.arg(1) != "consistent" {
            how.push("a consistent hash: when a server goes, only its share moves");
        }
        let path = self.set(balance, json!({ "hash": key }));
        if how.is_empty() {
            self.kept(directive, path);
        } else {
            self.changed(directive, path, how.join("; "));
        }
    }

    fn sticky(&mut self, directive: &Directive, at: &[&str; 2]) {
        let words = directive.texts();
        let option = |name: &str| {
            words
                .iter()
                .find_map(|it| it.strip_prefix(name)?.strip_prefix('='))
        };
        match words.first().copied() {
            Some("cookie") => {
                let path = [at[0], at[1], "stickiness", "cookie"];
                let here = |key: &'static str| [path[0], path[1], path[2], path[3], key];
                self.set(&here("name"), directive.arg(1));
                if let Some(ttl) = option("expires").and_then(duration) {
                    self.set(&here("ttl"), ttl.to_string());
                }
                match option("path") {
                    Some("/") | None => {}
                    Some(at) => {
                        self.set(&here("path"), at);
                    }
                }
                if !words.contains(&"httponly") {
                    self.set(&here("http_only"), false);
                }
                match option("samesite") {
                    Some("lax") => {}
                    Some(site @ ("strict" | "none")) => {
                        self.set(&here("same_site"), site);
                    }
                    _ => {}
                }
                let path = path.join(".");
                if option("domain").is_some() {
                    self.changed(directive, path, "the cookie has no `Domain`");
                } else if option("path").is_none() || option("samesite").is_none() {
                    self.changed(directive, path, "with `Path=/` and `SameSite=Lax`");
                } else {
                    self.kept(directive, path);
                }
            }
            Some("learn") => {
                let lookup = option("lookup").and_then(|it| it.strip_prefix('$'));
                let ttl = option("timeout").and_then(duration);
                let (kind, name) = match lookup {
                    Some("remote_addr" | "binary_remote_addr") => ("source", None),
                    Some(name) if name.starts_with("cookie_") => {
                        ("app_cookie", name.strip_prefix("cookie_"))
                    }
                    _ => {
                        return self
                            .lost(directive, "a client is known by a cookie or by its address");
                    }
                };
                let path = [at[0], at[1], "stickiness", kind];
                if let Some(name) = name {
                    self.set(&[path[0], path[1], path[2], path[3], "name"], name);
                }
                let ttl = ttl.map_or_else(|| "10m".to_owned(), |ttl| ttl.to_string());
                self.set(&[path[0], path[1], path[2], path[3], "ttl"], ttl);
                self.kept(directive, path.join("."));
            }
            _ => self.lost(directive, "stickiness is by cookie or by client address"),
        }
    }
}
