//! Backends as upstreams; what a backend's settings mean for its routes is in `routes`.

use serde_json::{Map, Value as Json, json};

use super::lines::Line;
use super::proxies::Proxy;
use super::sample::Sample;
use super::servers::{Server, alike, options, server, tls};
use super::spread::{balance, sticky};
use super::{health, remarks, units};
use crate::import::Reading;

/// Writes a backend as an upstream of this name. Returns whether it has a server.
pub(super) fn write(
    proxy: &Proxy,
    name: &str,
    global: &super::global::Global,
    reading: &mut Reading<'_>,
) -> bool {
    let defaults: Vec<(String, String)> = proxy
        .every(&["default-server"])
        .into_iter()
        .flat_map(|line| {
            reading.account.kept(line.id, format!("upstreams.{name}"));
            options(&line.words[1..], reading)
        })
        .collect();
    let mut servers = Vec::new();
    let lines: Vec<&Line> = proxy
        .lines
        .iter()
        .filter(|it| matches!(it.word(0), "server" | "server-template"))
        .collect();
    for line in &lines {
        if let Some(server) = server(line, &defaults, name, reading) {
            servers.push((*line, server));
        }
    }
    let servers = alike(servers, name, reading);
    reading
        .account
        .kept(proxy.head.id, format!("upstreams.{name}"));
    if servers.is_empty() {
        return false;
    }
    let list: Vec<Json> = servers
        .iter()
        .map(
            |(_, server)| match (server.value.len(), server.value.get("address")) {
                (1, Some(address)) => address.clone(),
                _ => Json::Object(server.value.clone()),
            },
        )
        .collect();
    reading.draft.set(&["upstreams", name, "servers"], list);
    let all: Vec<&Server> = servers.iter().map(|it| &it.1).collect();
    balance(proxy, name, reading);
    sticky(proxy, name, reading);
    health::write(proxy, name, &all, reading);
    shared(proxy, name, &servers, global, reading);
    times(proxy, name, reading);
    true
}

/// What all servers of an upstream share in the language.
fn shared(
    proxy: &Proxy,
    name: &str,
    servers: &[(&Line, Server)],
    global: &super::global::Global,
    reading: &mut Reading<'_>,
) {
    let first = &servers[0].1;
    let differing =
        |what: &str, get: &dyn Fn(&Server) -> Option<String>, reading: &mut Reading<'_>| {
            for (line, server) in &servers[1..] {
                if get(server) != get(first) {
                    reading.account.changed(
                        line.id,
                        format!("upstreams.{name}"),
                        format!("{what}: all servers of an upstream share that of the first"),
                    );
                }
            }
        };
    let maxconn = |it: &Server| {
        it.option("maxconn")
            .filter(|it| *it != "0")
            .map(str::to_owned)
    };
    differing("`maxconn`", &maxconn, reading);
    if let Some(most) = maxconn(first).and_then(|it| it.parse::<u64>().ok()) {
        let path = reading
            .draft
            .set(&["upstreams", name, "max_connections"], most);
        let queue = proxy.timeout("queue");
        let waits = queue.is_none_or(|it| it.0 > 1000);
        for (line, _) in servers {
            if waits {
                reading.account.changed(
                    line.id,
                    path.clone(),
                    "a request above `maxconn` gets 503; HAProxy lets it wait",
                );
            }
        }
        if let Some((_, line)) = queue {
            reading.account.changed(
                line.id,
                path,
                "a request that finds no room gets 503 at once",
            );
        }
    }
    if tls(first).is_some() {
        let mut value = Map::new();
        let name_of = first.option("sni").and_then(|it| {
            let sample = Sample::read(it)?;
            (sample.fetch.name == "str")
                .then(|| sample.fetch.args.first().cloned())
                .flatten()
        });
        if let Some(name) = first.option("verifyhost").map(str::to_owned).or(name_of) {
            value.insert("server_name".to_owned(), json!(name));
        } else if first.option("sni").is_some() {
            reading.account.changed(
                servers[0].0.id,
                format!("upstreams.{name}.tls"),
                "the name asked for is the server's own, not the request's",
            );
        }
        match (first.option("verify"), first.option("ca-file")) {
            (Some("none"), _) => {
                value.insert("verify".to_owned(), json!(false));
                remarks::unverified(reading, servers[0].0);
            }
            (_, Some(ca)) if !ca.starts_with('@') => {
                value.insert("ca".to_owned(), json!(ca));
            }
            _ => {}
        }
        if let Some(file) = first.option("crt") {
            value.insert("cert".to_owned(), json!(file));
            value.insert("key".to_owned(), json!(file));
        }
        let value = if value.is_empty() {
            json!(true)
        } else {
            Json::Object(value)
        };
        reading.draft.set(&["upstreams", name, "tls"], value);
    }
    if first.option("proto") == Some("h2")
        || first.option("alpn").is_some_and(|it| it.starts_with("h2"))
    {
        reading.draft.set(&["upstreams", name, "protocol"], "http2");
    }
    if let Some(time) = first.option("slowstart").and_then(units::time) {
        reading.draft.set(&["upstreams", name, "slow_start"], time);
    }
    if let Some(most) = first
        .option("pool-max-conn")
        .and_then(|it| it.parse::<u64>().ok())
        .filter(|it| *it != 32)
    {
        let most = if most == 0 { json!(false) } else { json!(most) };
        reading.draft.set(&["upstreams", name, "keepalive"], most);
    }
    if let Some(time) = first
        .option("pool-purge-delay")
        .and_then(units::time)
        .filter(|it| it != "1m")
    {
        reading
            .draft
            .set(&["upstreams", name, "timeouts", "keepalive"], time);
    }
    let named = servers.iter().any(|(_, it)| {
        let address = it.value.get("address").and_then(Json::as_str).unwrap_or("");
        let host = address.rsplit_once(':').map_or(address, |it| it.0);
        !address.starts_with("unix:")
            && !host.starts_with('[')
            && host.parse::<std::net::IpAddr>().is_err()
    });
    if named {
        match first.option("resolvers") {
            None => {
                let path = reading.draft.set(&["upstreams", name, "resolve"], false);
                reading.account.unsaid(
                    "without `resolvers` a server's name is looked up once, at start",
                    Some(path),
                );
            }
            Some(resolver) => {
                if let Some(period) = global.resolvers.get(resolver).filter(|it| *it != "30s") {
                    reading
                        .draft
                        .set(&["upstreams", name, "resolve"], period.as_str());
                }
            }
        }
    }
}

/// Times and connections towards the servers.
fn times(proxy: &Proxy, name: &str, reading: &mut Reading<'_>) {
    if let Some((millis, line)) = proxy.timeout("connect") {
        let path = reading.draft.set(
            &["upstreams", name, "timeouts", "connect"],
            units::duration(millis),
        );
        reading.account.kept(line.id, path);
    } else {
        reading.account.unsaid("without `timeout connect` a server may take as long as it likes: the spec's default holds", None);
    }
    for word in ["http-server-close", "httpclose", "forceclose"] {
        if let Some(line) = proxy.option(word) {
            let path = reading.draft.set(&["upstreams", name, "keepalive"], false);
            reading.account.kept(line.id, path);
            remarks::closes(reading, line);
        }
    }
    let alive = proxy.option("srvtcpka").or_else(|| proxy.option("tcpka"));
    match alive {
        Some(line) => {
            reading
                .account
                .kept(line.id, format!("upstreams.{name}.tcp_keepalive"));
            if let Some(idle) = proxy.last(&["srvtcpka-idle"])
                && let Some(time) = units::time(idle.word(1))
            {
                let path = reading
                    .draft
                    .set(&["upstreams", name, "tcp_keepalive"], time);
                reading.account.kept(idle.id, path);
            }
        }
        None => {
            let path = reading
                .draft
                .set(&["upstreams", name, "tcp_keepalive"], false);
            reading
                .account
                .unsaid("no TCP keep-alive towards servers", Some(path));
        }
    }
    super::retries::write(proxy, name, reading);
}
