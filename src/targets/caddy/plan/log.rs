//! The access log and the metrics: what a line says, how secrets stay out of it, who may ask for numbers.

use super::value::encoded;
use super::{Ctx, Map, always, at, fixed, handler, number, stop, text, word};
use crate::emit::Node;
use crate::ir::{Log, LogField};

/// The loggers: the program's own, which names no query and no header, and the access log.
pub(super) fn logging(ctx: &Ctx<'_>) -> Map {
    let hidden = Map::new()
        .put(
            "request>uri",
            Map::new()
                .put("filter", fixed("regexp"))
                .put("regexp", fixed(r"\?.*"))
                .put("value", fixed("?REDACTED")),
        )
        .put("request>headers", gone());
    let own = Map::new()
        .put("writer", Map::new().put("output", fixed("stderr")))
        .put(
            "encoder",
            Map::new()
                .put("format", fixed("filter"))
                .put("wrap", Map::new().put("format", fixed("json")))
                .put("fields", hidden),
        )
        .put("exclude", Node::list([fixed("http.log.access")]));
    let mut logs = Map::new().put("default", own);
    if let Some(log) = &ctx.g.log {
        logs = logs.put("access", at(access(log), log.at));
    }
    Map::new().put("logs", logs)
}

fn gone() -> Map {
    Map::new().put("filter", fixed("delete"))
}

fn renamed(name: &'static str) -> Map {
    Map::new()
        .put("filter", fixed("rename"))
        .put("name", fixed(name))
}

fn access(log: &Log) -> Map {
    let has = |field| log.fields.value.contains(&field);
    let mut wrap = Map::new()
        .put("format", fixed("json"))
        .put("message_key", fixed(""))
        .put("level_key", fixed(""))
        .put("name_key", fixed(""));
    wrap = match has(LogField::Time) {
        true => wrap
            .put("time_key", fixed("time"))
            .put("time_format", fixed("rfc3339")),
        false => wrap.put("time_key", fixed("")),
    };
    let mut fields = Map::new()
        .put("request", gone())
        .put("user_id", gone())
        .put("resp_headers", gone())
        .put("uuid", gone());
    for (field, name, to) in [
        (LogField::BytesIn, "bytes_read", "bytes_in"),
        (LogField::BytesOut, "size", "bytes_out"),
    ] {
        fields = fields.put(name, if has(field) { renamed(to) } else { gone() });
    }
    for (field, name) in [
        (LogField::Status, "status"),
        (LogField::Duration, "duration"),
    ] {
        if !has(field) {
            fields = fields.put(name, gone());
        }
    }
    let secrets = &log.redact_query;
    for (field, name, header) in [
        (LogField::Query, "query", None),
        (LogField::Referer, "referer", Some("referer")),
        (LogField::UserAgent, "user_agent", Some("user-agent")),
    ] {
        if !has(field) {
            continue;
        }
        let hidden =
            header.is_some_and(|header| log.redact_headers.value.iter().any(|it| it == header));
        if hidden {
            let filter = Map::new()
                .put("filter", fixed("replace"))
                .put("value", fixed("REDACTED"));
            fields = fields.put(name, Node::from(filter).at(log.redact_headers.loc()));
        } else if field != LogField::UserAgent && !secrets.value.is_empty() {
            let operations = secrets.value.iter().map(|secret| {
                Map::new()
                    .put(
                        "regexp",
                        word(&format!("((?:^|[?&;]){}=)[^&;#]*", encoded(secret))),
                    )
                    .put("value", fixed("${1}REDACTED"))
            });
            let filter = Map::new()
                .put("filter", fixed("multi_regexp"))
                .put("operations", Node::list(operations));
            fields = fields.put(name, Node::from(filter).at(secrets.loc()));
        }
    }
    Map::new()
        .put("writer", Map::new().put("output", fixed("stdout")))
        .put(
            "encoder",
            Map::new()
                .put("format", fixed("filter"))
                .put("wrap", wrap)
                .put("fields", fields),
        )
        .put("include", Node::list([fixed("http.log.access")]))
}

/// A server's access log.
pub(super) fn server(_: &Ctx<'_>) -> Map {
    Map::new()
}

/// The fields that Caddy does not write by itself, on every request.
pub(super) fn fields(ctx: &Ctx<'_>) -> Option<Node> {
    let log = ctx.g.log.as_ref()?;
    let all: Vec<Node> = log
        .fields
        .value
        .iter()
        .filter_map(|field| {
            let (key, value) = match field {
                LogField::ClientIp => ("client_ip", "{http.vars.client_ip}"),
                LogField::RequestId => ("request_id", "{http.request.uuid}"),
                LogField::Method => ("method", "{http.request.orig_method}"),
                LogField::Scheme => ("scheme", "{http.request.scheme}"),
                LogField::Host => ("host", "{http.vars.host}"),
                LogField::Path => ("path", "{http.vars.asked_path}"),
                LogField::Query => ("query", "{http.request.orig_uri.query}"),
                LogField::Protocol => ("protocol", "{http.request.proto}"),
                LogField::Route => ("route", "{http.vars.route}"),
                LogField::Upstream => ("upstream", "{http.vars.upstream}"),
                LogField::Server => ("server", "{http.reverse_proxy.upstream.hostport}"),
                LogField::UserAgent => ("user_agent", "{http.request.header.User-Agent}"),
                LogField::Referer => ("referer", "{http.request.header.Referer}"),
                LogField::Time
                | LogField::Status
                | LogField::Duration
                | LogField::BytesIn
                | LogField::BytesOut => return None,
            };
            Some(
                handler("log_append")
                    .put("key", fixed(key))
                    .put("value", fixed(value))
                    .into(),
            )
        })
        .collect();
    (!all.is_empty()).then(|| at(always(all), log.fields.loc()))
}

pub(super) fn names_routes(ctx: &Ctx<'_>) -> bool {
    names(ctx, LogField::Route)
}

pub(super) fn names_upstreams(ctx: &Ctx<'_>) -> bool {
    names(ctx, LogField::Upstream)
}

fn names(ctx: &Ctx<'_>, field: LogField) -> bool {
    ctx.g
        .log
        .as_ref()
        .is_some_and(|log| log.fields.value.contains(&field))
}

/// A server of its own for metrics.
pub(super) fn metrics(ctx: &Ctx<'_>) -> Option<Node> {
    let it = ctx.g.metrics.as_ref()?;
    let listen = std::net::SocketAddr::new(it.address.value, it.port.value).to_string();
    let exact = super::var_is(
        super::key("{http.request.uri.path}"),
        vec![text(&it.path.value)],
    );
    let routes = vec![
        at(stop(exact, vec![handler("metrics").into()]), it.path.loc()),
        always(vec![
            handler("static_response")
                .put("status_code", number(404))
                .into(),
        ])
        .into(),
    ];
    let map = Map::new()
        .put("listen", Node::list([word(&listen).at(it.port.loc())]))
        .put("protocols", Node::list([fixed("h1")]))
        .put(
            "automatic_https",
            Map::new().put("disable", Node::flag(true)),
        )
        .put("routes", Node::list(routes));
    Some(at(map, it.at))
}
