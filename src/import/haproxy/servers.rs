//! `server` lines and their options.

use serde_json::{Map, Value as Json, json};

use super::lines::{Line, Word};
use crate::import::Reading;

/// What the options of a `server` line say, those of `default-server` among them.
#[derive(Clone, Default, Debug)]
pub(super) struct Server {
    /// As the spec has it.
    pub value: Map<String, Json>,
    /// Whether it is checked.
    pub check: bool,
    /// Options by name: `inter`, `fall`, `weight`, `sni`; flags have an empty value.
    pub options: Vec<(String, String)>,
}

impl Server {
    /// The value of an option.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .rev()
            .find(|it| it.0 == name)
            .map(|it| it.1.as_str())
    }
}

/// Options of a server that have a value.
const VALUED: [&str; 54] = [
    "weight",
    "inter",
    "fastinter",
    "downinter",
    "fall",
    "rise",
    "port",
    "addr",
    "maxconn",
    "minconn",
    "maxqueue",
    "cookie",
    "id",
    "sni",
    "ca-file",
    "crt",
    "verify",
    "verifyhost",
    "check-sni",
    "check-alpn",
    "check-proto",
    "alpn",
    "npn",
    "proto",
    "ws",
    "resolvers",
    "resolve-prefer",
    "resolve-net",
    "resolve-opts",
    "init-addr",
    "init-state",
    "observe",
    "error-limit",
    "on-error",
    "on-marked-down",
    "on-marked-up",
    "slowstart",
    "source",
    "track",
    "pool-max-conn",
    "pool-purge-delay",
    "pool-low-conn",
    "max-reuse",
    "ssl-min-ver",
    "ssl-max-ver",
    "ciphers",
    "ciphersuites",
    "curves",
    "crl-file",
    "redir",
    "tcp-ut",
    "log-proto",
    "namespace",
    "agent-check-port",
];

/// Options of a server that stand alone.
const FLAGS: [&str; 22] = [
    "check",
    "no-check",
    "backup",
    "no-backup",
    "ssl",
    "no-ssl",
    "check-ssl",
    "no-check-ssl",
    "check-send-proxy",
    "send-proxy",
    "send-proxy-v2",
    "send-proxy-v2-ssl",
    "send-proxy-v2-ssl-cn",
    "disabled",
    "enabled",
    "non-stick",
    "stick",
    "tfo",
    "allow-0rtt",
    "no-verifyhost",
    "agent-check",
    "check-via-socks4",
];

/// The options of a `server` or `default-server` line.
pub(super) fn options(words: &[Word], reading: &mut Reading<'_>) -> Vec<(String, String)> {
    let mut options = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let name = word.text.as_str();
        if VALUED.contains(&name) {
            let value = rest.next().map_or(String::new(), |it| it.text.clone());
            options.push((name.to_owned(), value));
        } else if FLAGS.contains(&name) {
            options.push((name.to_owned(), String::new()));
        } else {
            let id = reading.account.add(word.span, name);
            let known = VALUED.iter().chain(&FLAGS).copied();
            reading
                .account
                .unknown(id, crate::names::closest(name, known));
        }
    }
    // What no upstream can say.
    for word in words {
        let why = match word.text.as_str() {
            "send-proxy"
            | "send-proxy-v2"
            | "send-proxy-v2-ssl"
            | "send-proxy-v2-ssl-cn"
            | "check-send-proxy" => {
                "no PROXY protocol towards servers: they learn the client's address from `X-Forwarded-For`"
            }
            "redir" | "track" | "agent-check" | "source" | "namespace" | "minconn"
            | "check-via-socks4" => "wsgen has no word for it",
            _ => continue,
        };
        let id = reading.account.add(word.span, word.text.clone());
        reading.account.lost(id, why);
    }
    options
}

/// A server; `None` where it takes nothing or is none.
pub(super) fn server(
    line: &Line,
    defaults: &[(String, String)],
    upstream: &str,
    reading: &mut Reading<'_>,
) -> Option<Server> {
    let template = line.word(0) == "server-template";
    let address = line.word(if template { 3 } else { 2 });
    let own = options(
        line.words
            .get(if template { 4 } else { 3 }..)
            .unwrap_or_default(),
        reading,
    );
    let mut server = Server {
        options: defaults.iter().cloned().chain(own).collect(),
        ..Server::default()
    };
    server.check = flag(&server, "check", "no-check");
    if server.option("disabled").is_some() {
        reading.account.moot(line.id, "it is disabled");
        return None;
    }
    if server.option("weight") == Some("0") {
        reading.account.changed(
            line.id,
            format!("upstreams.{upstream}"),
            "a server of weight 0 takes nothing new: it is left out",
        );
        return None;
    }
    let address = address
        .split_once('@')
        .filter(|it| matches!(it.0, "ipv4" | "ipv6" | "unix" | "tcp" | "tcp4" | "tcp6"))
        .map_or(address.to_owned(), |(kind, rest)| {
            if kind == "unix" {
                format!("unix:{rest}")
            } else {
                rest.to_owned()
            }
        });
    let address = match address.strip_prefix('/') {
        Some(_) => format!("unix:{address}"),
        None => address,
    };
    if address.parse::<crate::spec::units::Address>().is_err() {
        let why = match address.rsplit_once(':') {
            None => "it names no port: HAProxy takes the listener's",
            Some(_) => "no address of a server",
        };
        reading.account.lost(line.id, why);
        reading
            .account
            .help(line.id, "write host and port: `10.0.0.1:8080`");
        return None;
    }
    server.value.insert("address".to_owned(), json!(address));
    if let Some(weight) = server
        .option("weight")
        .and_then(|it| it.parse::<u64>().ok())
        .filter(|it| *it != 1)
    {
        server
            .value
            .insert("weight".to_owned(), json!(weight.min(256)));
    }
    if flag(&server, "backup", "no-backup") {
        server.value.insert("backup".to_owned(), json!(true));
    }
    Some(server)
}

/// The TLS that a server is spoken to with; `None`: it is not.
pub(super) fn tls(server: &Server) -> Option<String> {
    flag(server, "ssl", "no-ssl").then(|| {
        let said = ["verify", "ca-file", "sni", "verifyhost", "crt"].map(|it| server.option(it));
        format!("{said:?}")
    })
}

/// The servers that are spoken to as the first is; the others are lost: an upstream says once for all of its servers whether there
/// is TLS, and plain text sent to a port for TLS fails for the share of requests that goes there.
pub(super) fn alike<'a>(
    servers: Vec<(&'a Line, Server)>,
    upstream: &str,
    reading: &mut Reading<'_>,
) -> Vec<(&'a Line, Server)> {
    let Some(first) = servers.first().map(|it| tls(&it.1)) else {
        return servers;
    };
    let mut left = Vec::with_capacity(servers.len());
    for (line, server) in servers {
        let own = tls(&server);
        if own != first {
            let how = match (&own, &first) {
                (Some(_), None) => "this one takes TLS, the first does not",
                (None, _) => "this one takes no TLS, the first does",
                (Some(_), Some(_)) => "this one's TLS is not the first's",
            };
            reading.account.lost(
                line.id,
                format!("all servers of an upstream share one `tls`, and {how}: it is left out"),
            );
            reading.account.help(
                line.id,
                format!("write two upstreams, `{upstream}` and one with a `tls` of its own, or give all servers the same"),
            );
            continue;
        }
        let path = format!("upstreams.{upstream}.servers");
        if line.word(0) == "server-template" {
            let how = "every address of the name is a server";
            reading.account.changed(line.id, path, how);
        } else {
            reading.account.kept(line.id, path);
        }
        left.push((line, server));
    }
    left
}

fn flag(server: &Server, on: &str, off: &str) -> bool {
    let last = server
        .options
        .iter()
        .rev()
        .find(|it| it.0 == on || it.0 == off);
    last.is_some_and(|it| it.0 == on)
}
