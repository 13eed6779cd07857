//! Traefik's entry points: the arguments that a listener asks for, whatever resources lead to it.

use super::routes::{read_timer, time};
use super::secrets::Secrets;
use super::text;
use crate::emit::{Map, Node};
use crate::ir::{EncodedSlash, Gateway, HeaderNames, Listener, Loc, LogFormat, Metrics, Paths};
use crate::targets::traefik::facts::head_bytes;

/// The port of the controller's pod for a port of its Service: below 1024 it would need a privilege.
pub(in crate::targets) const fn pod_port(port: u16) -> u16 {
    match port {
        80 => 8000,
        443 => 8443,
        port if port < 1024 => 10_000 + port,
        port => port,
    }
}

/// The name of a listener's entry point: `web` and `websecure` for the first of each kind, as in Helm's chart.
pub(in crate::targets) fn name(g: &Gateway, listener: &Listener) -> String {
    let mut listeners = g.listeners.iter();
    let first = listeners.find(|it| it.tls.is_some() == listener.tls.is_some());
    if first.is_some_and(|it| it.id == listener.id) {
        return if listener.tls.is_some() {
            "websecure"
        } else {
            "web"
        }
        .to_owned();
    }
    let signs = listener.name.chars().filter(char::is_ascii_alphanumeric);
    let name = signs.collect::<String>().to_ascii_lowercase();
    match name.as_str() {
        // The chart has these.
        taken @ ("web" | "websecure" | "traefik" | "metrics") => {
            format!("{taken}{}", listener.id.0)
        }
        long if long.len() > 12 => format!("port{}", listener.id.0),
        _ => name,
    }
}

/// Arguments of Traefik's command line.
#[derive(Default)]
pub(in crate::targets) struct Arguments(Vec<Node>);

impl Arguments {
    /// One more.
    pub(in crate::targets) fn add(&mut self, name: &str, value: &str, at: Loc) {
        self.0.push(text(&format!("--{name}={value}"), at));
    }

    /// All, as a list.
    pub(in crate::targets) fn node(self) -> Node {
        Node::list(self.0)
    }
}

/// A port of the chart.
pub(in crate::targets) fn port(port: u16, at: Loc) -> Node {
    let map = Map::new()
        .put("port", Node::number(pod_port(port)))
        .put("exposedPort", Node::number(port))
        .put("expose", Map::new().put("default", Node::flag(true)))
        .put("protocol", Node::word("TCP"));
    Node::from(map).at(at)
}

/// The port of the metrics, and what turns them on.
pub(in crate::targets) fn metrics(it: &Metrics, arguments: &mut Arguments) -> Node {
    arguments.add("metrics.prometheus", "true", it.at);
    arguments.add("metrics.prometheus.entryPoint", "metrics", it.at);
    let node = Map::new().put("port", Node::number(it.port.value));
    Node::from(node).at(it.port.loc())
}

/// What a listener asks of its entry point, but for a redirect.
pub(in crate::targets) fn entry_point(
    g: &Gateway,
    it: &Listener,
    point: &str,
    arguments: &mut Arguments,
) {
    let mut add = |name: &str, value: &str, at: Loc| {
        arguments.add(&format!("entryPoints.{point}.{name}"), value, at);
    };
    if it.proxy_protocol.value {
        add("proxyProtocol.insecure", "true", it.proxy_protocol.loc());
    }
    if !it.trusted_proxies.value.is_empty() {
        let trusted: Vec<String> = it
            .trusted_proxies
            .value
            .iter()
            .map(ToString::to_string)
            .collect();
        add(
            "forwardedHeaders.trustedIPs",
            &trusted.join(","),
            it.trusted_proxies.loc(),
        );
    }
    if it.http2.value {
        // Its own default: TLS offers HTTP/2 by ALPN, without TLS it is taken from who starts with it.
        add("http2.maxConcurrentStreams", "250", it.http2.loc());
    }
    add(
        "http.maxHeaderBytes",
        &head_bytes(it.head_limit.value.as_bytes()).to_string(),
        it.head_limit.loc(),
    );
    if it.paths.value == Paths::Raw {
        add("http.sanitizePath", "false", it.paths.loc());
    }
    let keep = it.encoded_slash.value == EncodedSlash::Keep;
    let slash = if keep { "true" } else { "false" };
    add(
        "http.encodedCharacters.allowEncodedSlash",
        slash,
        it.encoded_slash.loc(),
    );
    for name in ["BackSlash", "Semicolon", "Percent", "QuestionMark", "Hash"] {
        add(
            &format!("http.encodedCharacters.allowEncoded{name}"),
            "true",
            Loc::default(),
        );
    }
    // A `;` in a query is data.
    add("http.encodeQuerySemicolons", "true", Loc::default());
    let names = match it.header_names.value {
        HeaderNames::Strict => "delete",
        HeaderNames::Lenient => "keep",
    };
    add("http.aliasHeadersStrategy", names, it.header_names.loc());
    let timer = read_timer(g, it);
    add(
        "transport.respondingTimeouts.readTimeout",
        &time(timer),
        it.head_timeout.loc(),
    );
    add(
        "transport.respondingTimeouts.idleTimeout",
        &time(it.keepalive.value),
        it.keepalive.loc(),
    );
    let drain = &g.runtime.drain_timeout;
    add(
        "transport.lifeCycle.graceTimeOut",
        &time(drain.value),
        drain.loc(),
    );
}

/// The certificate of names that none covers: the first of the first TLS listener.
pub(in crate::targets) fn default_certificate(g: &Gateway, secrets: &Secrets<'_>, map: Map) -> Map {
    let Some(tls) = g.listeners.iter().find_map(|it| it.tls.as_ref()) else {
        return map;
    };
    let Some(name) = secrets.of(g.certificate(tls.certificates.value[0])) else {
        return map;
    };
    let secret = Map::new().put("secretName", text(&name, tls.certificates.loc()));
    let store = Map::new().put("default", Map::new().put("defaultCertificate", secret));
    map.remark("For names that no certificate has; the Secret has to be in the controller's namespace too.")
        .put("tlsStore", store)
}

/// The access log.
pub(in crate::targets) fn access_log(g: &Gateway, arguments: &mut Arguments) {
    let Some(log) = &g.log else { return };
    arguments.add("accesslog", "true", log.at);
    let format = match log.format.value {
        LogFormat::Json => "json",
        LogFormat::Common => "common",
    };
    arguments.add("accesslog.format", format, log.format.loc());
    if !log.redact_query.value.is_empty() {
        arguments.add(
            "accesslog.fields.queryParameters.defaultMode",
            "drop",
            log.redact_query.loc(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::pod_port;

    #[test]
    fn pods_listen_above_the_privileged_ports() {
        assert_eq!(
            [80, 443, 81, 8080].map(pod_port),
            [8000, 8443, 10_081, 8080]
        );
    }
}
