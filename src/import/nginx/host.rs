//! Which `Host` a server is told: the client's, its own name, or a fixed one.

use serde_json::{Value, json};

use super::Nginx;
use super::scope::Scope;
use super::syntax::Directive;
use super::values::Piece;

impl<'a> Nginx<'a, '_, '_> {
    /// Reads what `Host` is, or that nothing is said of it.
    pub(super) fn host(
        &mut self,
        scope: &Scope<'a>,
        name: &str,
        upstream: &str,
        header: Option<&'a Directive>,
    ) {
        let Some(header) = header else {
            let pass = scope.own("proxy_pass").next();
            let target = pass.map_or("", |it| it.arg(0));
            let host = target.split("://").nth(1).unwrap_or("");
            let host = host.split(['/', '$']).next().unwrap_or("");
            let block = self.upstreams.contains_key(&host.to_ascii_lowercase());
            let value: Value = if block {
                json!({ "set": host })
            } else {
                "upstream".into()
            };
            let path = self.shared(upstream, name, &["host_header"], value);
            self.reading.account.unsaid(
                "NGINX tells servers its own name for them as `Host`",
                Some(path),
            );
            if let Some(pass) = pass {
                self.remark(
                    "import::no-host",
                    pass,
                    "the server does not learn which host the client asked for: links, cookies and checks of `Origin` go wrong",
                    "the spec keeps it; take `host_header` out to pass the host on",
                );
            }
            return;
        };
        let text = header.arg(1);
        match text {
            "$host" | "$http_host" => {
                let path = self.usual(upstream, name, &["host_header"], "preserve".into());
                if text == "$http_host" {
                    self.kept_or_moot(header, path, "as the spec's default");
                } else {
                    let path = path.unwrap_or_else(|| format!("routes.{name}"));
                    self.changed(header, path, "as the client wrote it, with its port; NGINX takes the port away and writes it in lower case");
                }
            }
            "$host:$server_port" | "$http_host:$server_port" | "$host:$proxy_port" => {
                let how = "as the client sent it: with a port only where the client names one";
                let path = self.usual(upstream, name, &["host_header"], "preserve".into());
                let path = path.unwrap_or_else(|| format!("routes.{name}"));
                self.changed(header, path, how);
            }
            "$proxy_host" | "$proxy_host:$proxy_port" => {
                let path = self.shared(upstream, name, &["host_header"], "upstream".into());
                self.kept(header, path);
            }
            "" => {
                self.usual(upstream, name, &["host_header"], "preserve".into());
                self.lost(header, "a request has a `Host`");
            }
            _ => match self.pieces(text, scope).as_slice() {
                [Piece::Text(fixed)] => {
                    let value = json!({ "set": fixed });
                    let path = self.shared(upstream, name, &["host_header"], value);
                    self.kept(header, path);
                }
                _ => {
                    self.usual(upstream, name, &["host_header"], "preserve".into());
                    self.lost_but(
                        header,
                        "`Host` is what the client sent, the server's own, or fixed",
                        "write `host_header` on the route",
                    );
                }
            },
        }
    }
}
