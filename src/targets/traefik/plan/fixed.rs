//! The static file: entry points, logs, metrics, authorities. A change of it needs a restart.

use super::{Ctx, number, part, text, tls, word, words};
use crate::emit::Tok;
use crate::emit::{Map, Node};
use crate::ir::{
    EncodedSlash, HeaderNames, Listener, LogField, LogFormat, Metrics, Paths, Version,
};
use crate::targets::Layout;
use crate::targets::traefik::facts::{self, time};

/// The file's parts.
pub(super) fn parts(ctx: &Ctx<'_>) -> Vec<Vec<Tok>> {
    let mut points = Map::new();
    for listener in &ctx.g.listeners {
        let node = Node::from(entry_point(ctx, listener)).at(listener.port.loc());
        points = points.entry(crate::emit::lang::traefik::word(&listener.name), node);
    }
    if let Some(metrics) = &ctx.g.metrics {
        let address = std::net::SocketAddr::new(metrics.address.value, metrics.port.value);
        let mut own = Map::new().put("address", text(&address.to_string(), metrics.port.loc()));
        own = own.maybe("http", names(ctx, true).map(|it| Map::new().and(it)));
        // The log is of the listeners' requests.
        if ctx.g.log.is_some() && ctx.env.since(3, 3, 0) {
            let off = Map::new().put("accessLogs", Node::flag(false));
            own = own.put("observability", off);
        }
        points = points.entry(
            crate::emit::lang::traefik::word(&metrics_point(ctx)),
            Node::from(own).at(metrics.at),
        );
    }
    let mut parts = vec![
        part("entryPoints", points),
        part("providers", providers(ctx)),
    ];
    let authorities = tls::authorities(ctx);
    if !authorities.is_empty() {
        parts.push(part("certificatesResolvers", authorities));
    }
    parts.push(part("log", Map::new().put("level", Node::word("INFO"))));
    parts.extend(access_log(ctx).map(|log| part("accessLog", log)));
    if let Some(it) = &ctx.g.metrics {
        parts.push(part("metrics", prometheus(ctx, it)));
    }
    parts.push(part(
        "global",
        Map::new()
            .put("checkNewVersion", Node::flag(false))
            .put("sendAnonymousUsage", Node::flag(false)),
    ));
    parts
}

fn providers(ctx: &Ctx<'_>) -> Map {
    let file = Map::new()
        .put("filename", Node::word("dynamic.yml"))
        .put("watch", Node::flag(true));
    let all = Map::new().put("file", file);
    match ctx.env.layout {
        // No container is served that does not ask for it.
        Layout::Labels => all.put(
            "docker",
            Map::new().put("exposedByDefault", Node::flag(false)),
        ),
        Layout::Full | Layout::Include | Layout::Json => all,
    }
}

/// The entry point of the metrics, which no listener is called.
pub(super) fn metrics_point(ctx: &Ctx<'_>) -> String {
    match ctx.g.listeners.iter().any(|it| it.name == "metrics") {
        true => "metrics:prometheus".to_owned(),
        false => "metrics".to_owned(),
    }
}

fn entry_point(ctx: &Ctx<'_>, it: &Listener) -> Map {
    let port = it.port.value;
    let address = match it.address.value {
        Some(ip) => std::net::SocketAddr::new(ip, port).to_string(),
        None => format!(":{port}"),
    };
    let mut map = Map::new().put("address", text(&address, it.port.loc()));
    if it.proxy_protocol.value {
        map = map.put(
            "proxyProtocol",
            Node::from(Map::new().put("insecure", Node::flag(true))).at(it.proxy_protocol.loc()),
        );
    }
    if !it.trusted_proxies.value.is_empty() {
        let trusted = it.trusted_proxies.value.iter().map(ToString::to_string);
        map = map.put(
            "forwardedHeaders",
            Node::from(Map::new().put("trustedIPs", words(trusted))).at(it.trusted_proxies.loc()),
        );
    }
    if it.http2.value {
        // Its own default: TLS offers HTTP/2 by ALPN, without TLS it is taken from who starts with it.
        map = map.put(
            "http2",
            Node::from(Map::new().put("maxConcurrentStreams", Node::number(250)))
                .at(it.http2.loc()),
        );
    }
    if it.http3.value && it.tls.is_some() {
        let public = Node::number(it.public_port.value);
        map = map.put(
            "http3",
            Node::from(Map::new().put("advertisedPort", public)).at(it.http3.loc()),
        );
    }
    let mut http = Map::new();
    http = http.put(
        "middlewares",
        words([format!("{}@file", tls::of_listener(it))]),
    );
    http = http.maybe("tls", tls::of_entry_point(it));
    if ctx.env.since(3, 4, 0) {
        http = http.put(
            "maxHeaderBytes",
            number(facts::head_bytes(it.head_limit.value.as_bytes())).at(it.head_limit.loc()),
        );
    }
    if it.paths.value != Paths::Normalize && ctx.env.since(3, 3, 6) {
        http = http.put("sanitizePath", Node::flag(false).at(it.paths.loc()));
    }
    if ctx.env.since(3, 6, 4) {
        let slash = it.encoded_slash.value == EncodedSlash::Keep;
        let encoded = Map::new()
            .put(
                "allowEncodedSlash",
                Node::flag(slash).at(it.encoded_slash.loc()),
            )
            .put("allowEncodedBackSlash", Node::flag(true))
            .put("allowEncodedNullCharacter", Node::flag(false))
            .put("allowEncodedSemicolon", Node::flag(true))
            .put("allowEncodedPercent", Node::flag(true))
            .put("allowEncodedQuestionMark", Node::flag(true))
            .put("allowEncodedHash", Node::flag(true));
        http = http.put("encodedCharacters", encoded);
    }
    // A `;` in a query is data.
    http = http.put("encodeQuerySemicolons", Node::flag(true));
    if let Some(names) = names(ctx, it.header_names.value == HeaderNames::Strict) {
        http = http.and(names);
    }
    map = map.put("http", http);
    let transport = Map::new()
        .put(
            "lifeCycle",
            Map::new().put(
                "graceTimeOut",
                text(
                    &time(ctx.g.runtime.drain_timeout.value),
                    ctx.g.runtime.drain_timeout.loc(),
                ),
            ),
        )
        .put(
            "respondingTimeouts",
            Map::new()
                .put(
                    "readTimeout",
                    text(&time(facts::read_timer(ctx.g, it)), it.head_timeout.loc()),
                )
                .put(
                    "idleTimeout",
                    text(&time(it.keepalive.value), it.keepalive.loc()),
                ),
        );
    map = map.put("transport", transport);
    let raws = &ctx.g.rooms.traefik.room.raw.listeners;
    for (_, snippet) in raws.iter().filter(|(id, _)| *id == it.id) {
        map = super::raw(map, snippet);
    }
    map
}

/// What becomes of header names that stand for others at many applications; unsaid, Traefik warns.
fn names(ctx: &Ctx<'_>, strict: bool) -> Option<Map> {
    let value = Node::word(if strict { "delete" } else { "keep" });
    // The option came in 3.7.6 under another name.
    match ctx.env.version {
        version if version >= Version::exact(3, 7, 15) => {
            Some(Map::new().put("aliasHeadersStrategy", value))
        }
        version if version >= Version::exact(3, 7, 6) => {
            Some(Map::new().put("underscoreHeadersStrategy", value))
        }
        _ => None,
    }
}

fn prometheus(ctx: &Ctx<'_>, it: &Metrics) -> Map {
    let mut own = Map::new().put("entryPoint", word(&metrics_point(ctx)));
    if it.path.value != "/metrics" {
        own = own.put("manualRouting", Node::flag(true));
    }
    Map::new().put("prometheus", Node::from(own).at(it.at))
}

/// Traefik's names of the fields.
const fn field(field: LogField) -> Option<&'static str> {
    Some(match field {
        LogField::Time => "StartUTC",
        LogField::ClientIp => "ClientHost",
        LogField::Method => "RequestMethod",
        LogField::Scheme => "RequestScheme",
        LogField::Host => "RequestHost",
        LogField::Path | LogField::Query => "RequestPath",
        LogField::Protocol => "RequestProtocol",
        LogField::Status => "DownstreamStatus",
        LogField::Route => "RouterName",
        LogField::Upstream => "ServiceName",
        LogField::Server => "ServiceAddr",
        LogField::Duration => "Duration",
        LogField::BytesIn => "RequestContentSize",
        LogField::BytesOut => "DownstreamContentSize",
        LogField::RequestId | LogField::UserAgent | LogField::Referer => return None,
    })
}

fn access_log(ctx: &Ctx<'_>) -> Option<Map> {
    let log = ctx.g.log.as_ref()?;
    let hides_query = !log.redact_query.value.is_empty();
    let asked = &log.fields.value;
    let mut names = Map::new();
    let drops_path = hides_query && !ctx.env.since(3, 7, 0);
    let mut kept: Vec<&str> = asked.iter().filter_map(|it| field(*it)).collect();
    kept.dedup();
    for name in kept {
        if name == "RequestPath" && drops_path {
            continue;
        }
        names = names.entry(crate::emit::lang::traefik::word(name), Node::word("keep"));
    }
    if log.format.value == LogFormat::Common && drops_path {
        names = names.put("RequestPath", Node::word("drop"));
    }
    let mut heads = Map::new();
    for (field, name, lower) in [
        (LogField::UserAgent, "User-Agent", "user-agent"),
        (LogField::Referer, "Referer", "referer"),
    ] {
        if asked.contains(&field) || log.format.value == LogFormat::Common {
            // An address that somebody came from may hold the same secrets.
            let hidden = log.redact_headers.value.iter().any(|it| it == lower)
                || field == LogField::Referer && hides_query;
            let mode = if hidden { "redact" } else { "keep" };
            heads = heads.entry(crate::emit::lang::traefik::word(name), Node::word(mode));
        }
    }
    let mode = match log.format.value {
        LogFormat::Json => "drop",
        LogFormat::Common => "keep",
    };
    // An empty map is an error to Traefik.
    let some = |map: Map| (!map.is_empty()).then_some(map);
    let mut fields = Map::new()
        .put("defaultMode", Node::word(mode))
        .maybe(
            "names",
            some(names).map(|names| Node::from(names).at(log.fields.loc())),
        )
        .put(
            "headers",
            Map::new()
                .put("defaultMode", Node::word("drop"))
                .maybe("names", some(heads)),
        );
    if hides_query && ctx.env.since(3, 7, 0) {
        fields = fields.put(
            "queryParameters",
            Node::from(Map::new().put("defaultMode", Node::word("drop")))
                .at(log.redact_query.loc()),
        );
    }
    let format = match log.format.value {
        LogFormat::Json => "json",
        LogFormat::Common => "common",
    };
    Some(
        Map::new()
            .put("format", Node::word(format).at(log.format.loc()))
            // Redirects and refusals are answers of a service of Traefik's own, which it counts as internal.
            .put("addInternals", Node::flag(true))
            .put("fields", fields),
    )
}
