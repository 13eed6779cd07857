//! An original configuration on loopback: its own statements, with ports, servers, files, ranges and durations as the lab has them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scale::Scale;
use crate::import::nginx::{Edit, Original, Statement};
use crate::ir::{Address, Dur, Gateway, Workers};

/// Statements whose value is a duration, and NGINX's own where nothing is said.
const TIMES: [(&str, &str); 7] = [
    ("proxy_connect_timeout", "60s"),
    ("proxy_read_timeout", "60s"),
    ("proxy_send_timeout", "60s"),
    ("send_timeout", "60s"),
    ("client_header_timeout", "60s"),
    ("client_body_timeout", "60s"),
    ("keepalive_timeout", "75s"),
];

/// Statements that say where the process lives, or name files that only the original's machine has.
const GONE: [&str; 15] = [
    "user",
    "pid",
    "daemon",
    "error_log",
    "load_module",
    "master_process",
    "worker_cpu_affinity",
    "worker_rlimit_nofile",
    "ssl_dhparam",
    "ssl_stapling",
    "ssl_stapling_verify",
    "ssl_trusted_certificate",
    "ssl_session_ticket_key",
    "resolver",
    "client_body_temp_path",
];

/// The original's text with what the lab changed: `written` is the gateway of its spec, `moved` the same on loopback.
pub(super) fn moved(
    original: &Original,
    written: &Gateway,
    moved: &Gateway,
    scale: Scale,
) -> String {
    let mut texts = BTreeMap::new();
    differences(&json(written), &json(moved), &mut texts);
    original.write(&Moved {
        written,
        moved,
        scale,
        texts,
    })
}

fn json(gateway: &Gateway) -> Value {
    serde_json::to_value(gateway).unwrap_or_default()
}

/// Every text of one value that is another in the other.
fn differences(old: &Value, new: &Value, found: &mut BTreeMap<String, String>) {
    match (old, new) {
        (Value::String(old), Value::String(new)) if old != new => {
            found.entry(old.clone()).or_insert_with(|| new.clone());
        }
        (Value::Array(old), Value::Array(new)) => {
            for (old, new) in old.iter().zip(new) {
                differences(old, new, found);
            }
        }
        (Value::Object(old), Value::Object(new)) => {
            for (key, old) in old {
                if let Some(new) = new.get(key) {
                    differences(old, new, found);
                }
            }
        }
        _ => {}
    }
}

struct Moved<'a> {
    written: &'a Gateway,
    moved: &'a Gateway,
    scale: Scale,
    texts: BTreeMap<String, String>,
}

impl Moved<'_> {
    fn text(&self, text: &str) -> String {
        self.texts
            .get(text)
            .map_or_else(|| text.to_owned(), Clone::clone)
    }

    /// A duration in NGINX's words; what is none stays.
    fn time(&self, text: &str) -> String {
        let read = crate::import::nginx::duration(text);
        read.map_or_else(|| text.to_owned(), |dur| millis(self.scale.of(dur)))
    }

    /// The same in whole seconds.
    fn whole(&self, text: &str) -> String {
        let read = crate::import::nginx::duration(text);
        read.map_or_else(
            || text.to_owned(),
            |dur| format!("{}s", self.scale.of(dur).as_secs_ceil().max(1)),
        )
    }

    /// A server's address on loopback; the name of a block stays.
    fn server(&self, host: &str, port: u16) -> String {
        let with_port = format!("{host}:{port}");
        let wanted = [host, with_port.as_str()];
        let upstreams = self.written.upstreams.iter().zip(&self.moved.upstreams);
        let mut servers = upstreams.flat_map(|(old, new)| old.servers.iter().zip(&new.servers));
        let found = servers.find(|(old, _)| {
            let address: &Address = &old.address.value;
            wanted.contains(&address.to_string().as_str())
        });
        found.map_or_else(|| host.to_owned(), |(_, new)| new.address.value.to_string())
    }

    fn listen(&self, words: &Statement) -> Vec<Statement> {
        let text = words.get(1).map_or("", String::as_str);
        // The lab has one address for each listener.
        if text.starts_with('[') || text.starts_with("unix:") || words.iter().any(|it| it == "quic")
        {
            return Vec::new();
        }
        let port = text
            .rsplit(':')
            .next()
            .unwrap_or(text)
            .parse()
            .unwrap_or(80_u16);
        let listeners = self.written.listeners.iter().zip(&self.moved.listeners);
        let mut same = listeners.filter(|(old, _)| old.port.value == port);
        let Some((_, new)) = same.next() else {
            return Vec::new();
        };
        let address = match &new.address.value {
            Some(address) => format!("{address}:{}", new.port.value),
            None => new.port.value.to_string(),
        };
        let mut listen = vec!["listen".to_owned(), address];
        let kept = words.iter().skip(2);
        listen.extend(
            kept.filter(|it| *it != "http2" && !it.starts_with("ipv6only="))
                .cloned(),
        );
        let mut found = vec![listen];
        if words.iter().any(|it| it == "http2") {
            // As a word of `listen` it is a warning since 1.25.1.
            found.push(vec!["http2".to_owned(), "on".to_owned()]);
        }
        found
    }

    fn pass(&self, words: &Statement) -> Statement {
        let url = words.get(1).map_or("", String::as_str);
        let Some((scheme, rest)) = url.split_once("://") else {
            return words.clone();
        };
        let end = rest.find(['/', '$']).unwrap_or(rest.len());
        let (host, uri) = rest.split_at(end);
        let port = if scheme == "https" { 443 } else { 80 };
        let host = self.server(host, port);
        vec!["proxy_pass".to_owned(), format!("{scheme}://{host}{uri}")]
    }

    /// A limit as the lab has it: the first of the routes that is another there.
    fn limit(&self, words: Statement) -> Statement {
        let routes = self.written.routes.iter().zip(&self.moved.routes);
        let mut words = words;
        for (old, new) in routes {
            if let (Some(old), Some(new), "limit_conn") =
                (&old.connections, &new.connections, words[0].as_str())
                && words.get(2) == Some(&old.max.value.to_string())
            {
                words[2] = new.max.value.to_string();
                return words;
            }
            let (Some(old), Some(new)) = (&old.requests, &new.requests) else {
                continue;
            };
            for word in &mut words {
                if *word == format!("rate={}r/s", old.rate.value.count) {
                    *word = format!("rate={}r/s", new.rate.value.count);
                }
                if *word == format!("burst={}", old.burst.value) {
                    *word = format!("burst={}", new.burst.value);
                }
            }
        }
        words
    }
}

impl Edit for Moved<'_> {
    fn statement(&self, inside: &[&str], words: Statement) -> Vec<Statement> {
        let name = words.first().map_or("", String::as_str);
        if GONE.contains(&name) {
            return Vec::new();
        }
        if TIMES.iter().any(|(time, _)| *time == name) {
            let mut moved = words.clone();
            for word in moved.iter_mut().skip(1) {
                *word = self.time(word);
            }
            return vec![moved];
        }
        match name {
            "listen" => self.listen(&words),
            "server" if inside.last() == Some(&"upstream") => {
                let mut moved = words.clone();
                if let Some(host) = moved.get_mut(1) {
                    *host = self.server(host, 80);
                }
                let mut said = false;
                for word in &mut moved {
                    if let Some(time) = word.strip_prefix("fail_timeout=") {
                        *word = format!("fail_timeout={}", self.whole(time));
                        said = true;
                    }
                }
                if !said {
                    moved.push(format!("fail_timeout={}", self.whole("10s")));
                }
                vec![moved]
            }
            "proxy_pass" => vec![self.pass(&words)],
            "limit_conn" | "limit_req" | "limit_req_zone" => vec![self.limit(words)],
            "access_log" if words.get(1).is_some_and(|it| it != "off") => {
                let mut moved = words;
                moved[1].clone_from(&self.moved.rooms.nginx.access_log.value);
                vec![moved]
            }
            "proxy_cache_path" => {
                let mut moved = words;
                if let Some(path) = moved.get_mut(1) {
                    "cache".clone_into(path);
                }
                vec![moved]
            }
            "worker_processes" => match self.moved.runtime.workers.value {
                Workers::Count(count) => vec![vec![name.to_owned(), count.to_string()]],
                Workers::Auto => vec![words],
            },
            "worker_connections" => {
                let most = self.moved.runtime.max_connections.value;
                vec![vec![
                    name.to_owned(),
                    (u64::from(most) * 2 + 64).to_string(),
                ]]
            }
            "ssl_certificate"
            | "ssl_certificate_key"
            | "ssl_client_certificate"
            | "proxy_ssl_trusted_certificate"
            | "proxy_ssl_certificate"
            | "proxy_ssl_certificate_key"
            | "auth_basic_user_file"
            | "allow"
            | "deny"
            | "set_real_ip_from" => {
                let moved = words.iter().enumerate();
                vec![
                    moved
                        .map(|(at, word)| {
                            if at == 0 {
                                word.clone()
                            } else {
                                self.text(word)
                            }
                        })
                        .collect(),
                ]
            }
            _ => vec![words],
        }
    }

    fn more(&self, block: &str, names: &[&str]) -> Vec<Statement> {
        let statement = |name: &str, value: String| vec![name.to_owned(), value];
        if block == "upstream"
            && names.contains(&"keepalive")
            && !names.contains(&"keepalive_timeout")
        {
            return vec![statement("keepalive_timeout", self.time("60s"))];
        }
        if block == "main" {
            let log = self.moved.rooms.nginx.error_log.value.clone();
            return vec![statement("error_log", log)];
        }
        if block != "http" {
            return Vec::new();
        }
        let unsaid = TIMES.iter().filter(|(name, _)| !names.contains(name));
        let mut more: Vec<Statement> = unsaid
            .map(|(name, time)| statement(name, self.time(time)))
            .collect();
        if !names.contains(&"access_log") {
            let log = self.moved.rooms.nginx.access_log.value.clone();
            more.push(statement("access_log", log));
        }
        let mut listeners = self.written.listeners.iter();
        if !names.contains(&"port_in_redirect")
            && listeners.all(|it| matches!(it.port.value, 80 | 443))
        {
            // On the ports of the schemes it names none.
            more.push(statement("port_in_redirect", "off".to_owned()));
        }
        more
    }
}

fn millis(dur: Dur) -> String {
    format!("{}ms", dur.as_millis())
}
