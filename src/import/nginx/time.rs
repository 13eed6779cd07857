//! How long a server may take, how answers are passed on, and what is tried again.

use serde_json::{Value, json};

use super::Nginx;
use super::forward::Sockets;
use super::scope::Scope;
use super::syntax::Directive;
use super::values::duration;

/// How long NGINX waits for a server where nothing is said.
const WAIT: &str = "1m";

impl<'a> Nginx<'a, '_, '_> {
    /// Connect, response and idle times; a WebSocket's among them.
    pub(super) fn times(
        &mut self,
        scope: &Scope<'a>,
        name: &str,
        upstream: &str,
        sockets: Sockets,
    ) {
        let connect = scope.find("proxy_connect_timeout");
        let text = self.time(connect, WAIT);
        let path = self.shared(
            upstream,
            name,
            &["timeouts", "connect"],
            text.clone().into(),
        );
        match connect {
            Some(directive) => self.kept(directive, path.clone()),
            None => {
                let unsaid = "NGINX waits 60s for a connection to a server";
                self.reading.account.unsaid(unsaid, Some(path));
            }
        }
        let read = scope.find("proxy_read_timeout");
        let wait = self.time(read, WAIT);
        let streams = scope
            .find("proxy_buffering")
            .is_some_and(|it| it.arg(0) == "off");
        let mut paths = Vec::new();
        if !streams {
            if wait != WAIT {
                paths.push(self.set(&["routes", name, "timeouts", "response"], wait.as_str()));
                paths.push(self.set(&["routes", name, "timeouts", "idle"], wait.as_str()));
            }
        } else {
            paths.push(format!("routes.{name}.stream.idle"));
        }
        if sockets == Sockets::On {
            paths.push(self.set(&["routes", name, "websocket", "idle"], wait.as_str()));
            let long = duration(&wait).is_none_or(|dur| dur.as_secs_ceil() >= 900);
            let short = duration(&wait).is_some_and(|dur| dur.as_secs_ceil() <= 60);
            if let Some(directive) = read.filter(|_| long) {
                self.remark(
                    "import::long-response",
                    directive,
                    "one timer serves sockets and requests: a server that hangs holds a plain request as long",
                    format!("the spec keeps {wait} for both; write a shorter `timeouts.response` on the route"),
                );
            }
            if short {
                let at = read.or_else(|| scope.own("proxy_pass").next());
                if let Some(directive) = at {
                    self.remark(
                        "import::short-idle",
                        directive,
                        format!("a WebSocket that is silent for {} is closed", spoken(&wait)),
                        "the spec keeps it; write a longer `websocket.idle` unless the application pings more often",
                    );
                }
            }
        }
        match read {
            Some(directive) if paths.is_empty() => {
                self.moot(directive, "as long as the spec's default")
            }
            Some(directive) => {
                for path in paths {
                    self.kept(directive, path);
                }
            }
            None => {
                let unsaid = "NGINX waits 60s between two reads from a server";
                for path in paths {
                    self.reading.account.unsaid(unsaid, Some(path));
                }
            }
        }
        for other in ["proxy_send_timeout", "send_timeout"] {
            let Some(directive) = scope.find(other) else {
                continue;
            };
            if duration(directive.arg(0)).map(|dur| dur.to_string()) == Some(wait.clone()) {
                self.moot(
                    directive,
                    "as long as `proxy_read_timeout`, which is the idle time either way",
                );
            } else {
                self.changed(
                    directive,
                    format!("routes.{name}.timeouts.idle"),
                    "one idle time holds either way: that of `proxy_read_timeout`",
                );
            }
        }
    }

    /// A directive's duration, or NGINX's own.
    fn time(&mut self, directive: Option<&Directive>, own: &str) -> String {
        let Some(directive) = directive else {
            return own.to_owned();
        };
        match duration(directive.arg(0)) {
            Some(dur) => dur.to_string(),
            None => {
                let why = format!("a spec has no such duration: {own} holds");
                self.lost(directive, why);
                own.to_owned()
            }
        }
    }

    pub(super) fn stream(&mut self, scope: &Scope<'a>, name: &str) {
        let buffering = scope.find("proxy_buffering");
        let request = scope.find("proxy_request_buffering");
        let streams = buffering.is_some_and(|it| it.arg(0) == "off");
        if let Some(directive) = buffering {
            if streams {
                let wait = self.time(scope.find("proxy_read_timeout"), WAIT);
                let path = self.set(&["routes", name, "stream", "idle"], wait);
                self.kept(directive, path);
            } else {
                self.moot(directive, "as the spec's default");
            }
        }
        if let Some(directive) = request {
            if directive.arg(0) != "off" {
                self.moot(directive, "as the spec's default");
            } else if streams {
                let path = self.set(&["routes", name, "stream", "request"], true);
                self.kept(directive, path);
            } else {
                self.lost_but(
                    directive,
                    "request bodies are passed on unbuffered only where answers are",
                    "write `stream: { request: on }` on the route",
                );
            }
        }
    }

    pub(super) fn retries(&mut self, scope: &Scope<'a>, name: &str, upstream: &str) {
        let tries = scope.find("proxy_next_upstream_tries");
        let total = scope.find("proxy_next_upstream_timeout");
        if let Some(directive) = total {
            self.moot(
                directive,
                "the connect timeout bounds the search for a server",
            );
        }
        let servers = self.reading.draft.get(&["upstreams", upstream, "servers"]);
        let count = servers.and_then(Value::as_array).map_or(1, Vec::len);
        let attempts = tries
            .and_then(|it| it.arg(0).parse::<u64>().ok())
            .filter(|it| *it > 0)
            .unwrap_or(count as u64)
            .saturating_sub(1)
            .min(10);
        let said = scope.find("proxy_next_upstream");
        let usual = said.is_none_or(|it| {
            let mut words = it.args.iter();
            words.all(|it| matches!(it.text.as_str(), "error" | "timeout"))
        });
        if usual && attempts > 0 && count > 1 && total.is_none() {
            let value = json!({ "attempts": attempts, "after": ["connect", "timeout"] });
            let path = self.shared(upstream, name, &["retries"], value);
            for directive in said.into_iter().chain(tries) {
                self.kept(directive, path.clone());
            }
            if said.is_none() {
                let unsaid = "NGINX asks the next server also where one is too slow to answer";
                self.reading.account.unsaid(unsaid, Some(path));
            }
            return;
        }
        let unused = "without `retries` only servers that refuse are skipped";
        let Some(directive) = said else {
            let path = self.usual(upstream, name, &["retries"], false.into());
            if let Some(tries) = tries {
                self.kept_or_moot(tries, path, unused);
            }
            return;
        };
        let words = directive.texts();
        let mut after: Vec<Value> = Vec::new();
        for word in &words {
            match *word {
                "error" => after.push("connect".into()),
                "timeout" => after.push("timeout".into()),
                "http_500" => after.push(500.into()),
                "http_502" => after.push(502.into()),
                "http_503" => after.push(503.into()),
                "http_504" => after.push(504.into()),
                _ => {}
            }
        }
        let plain = words.iter().all(|it| matches!(*it, "error" | "timeout"));
        if plain || words.contains(&"off") {
            let path = self.usual(upstream, name, &["retries"], false.into());
            if let Some(tries) = tries {
                self.kept_or_moot(tries, path.clone(), unused);
            }
            if plain {
                let why = "a server that refuses is skipped in any case";
                return self.kept_or_moot(directive, path, why);
            }
            return self.changed(
                directive,
                path.unwrap_or_else(|| format!("upstreams.{upstream}")),
                "a server that refuses the connection is skipped all the same: nothing was sent",
            );
        }
        let attempts = attempts.max(1);
        let value = json!({ "attempts": attempts, "after": after });
        let path = self.shared(upstream, name, &["retries"], value);
        let odd = words.iter().any(|it| {
            matches!(
                *it,
                "non_idempotent" | "http_403" | "http_404" | "http_429" | "invalid_header"
            )
        });
        if odd {
            let how =
                "only methods that are idempotent, and failures of the server, are tried again";
            self.changed(directive, path.clone(), how);
        } else {
            self.kept(directive, path.clone());
        }
        if let Some(tries) = tries {
            self.kept(tries, path);
        }
    }
}

/// `1m` as people say it.
fn spoken(wait: &str) -> String {
    if wait == "1m" {
        "60s".to_owned()
    } else {
        wait.to_owned()
    }
}
