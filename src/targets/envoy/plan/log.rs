//! The access log: what a line holds, and how secrets stay out of it.

use super::Ctx;
use super::doc::{self, at, extension, kind, typed};
use crate::emit::Part;
use crate::emit::lang::envoy;
use crate::emit::{Map, Node};
use crate::ir::{Listener, Log, LogField, LogFormat};

/// The access log of a listener.
pub(super) fn access_log(ctx: &Ctx<'_>, it: &Listener) -> Option<Node> {
    let log = ctx.g.log.as_ref()?;
    let format = match log.format.value {
        LogFormat::Json => {
            let mut map = Map::new();
            for field in &log.fields.value {
                let (name, value) = member(it, log, *field);
                map = map.put(name, at(value, log.fields.loc()));
            }
            Map::new().put("json_format", map)
        }
        LogFormat::Common => {
            let line = concat!(
                "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% - - [%START_TIME(%d/%b/%Y:%H:%M:%S %z)%] ",
                "\"%DYNAMIC_METADATA(wsgen:method)% %DYNAMIC_METADATA(wsgen:safe_uri)% %PROTOCOL%\" ",
                "%RESPONSE_CODE% %BYTES_SENT% ",
            );
            let referer = match hidden(log, "referer") {
                true => "\"REDACTED\" ",
                false => "\"%DYNAMIC_METADATA(wsgen:referer_text)%\" ",
            };
            let agent = match hidden(log, "user-agent") {
                true => "\"REDACTED\"\n",
                false => "\"%DYNAMIC_METADATA(wsgen:agent_text)%\"\n",
            };
            let line = envoy::token(&[
                Part::Static(line),
                Part::Static(referer),
                Part::Static(agent),
            ]);
            let source = Map::new().put("inline_string", line);
            Map::new().put("text_format_source", source)
        }
    };
    let config = typed(kind!("extensions.access_loggers.stream.v3.StdoutAccessLog"))
        .put("log_format", format);
    let mut map = Map::new().put("name", Node::word("envoy.access_loggers.stdout"));
    let silent: Vec<&str> = ctx
        .g
        .routes
        .iter()
        .filter(|route| !route.log.value)
        .map(|route| route.name.as_str())
        .collect();
    if !silent.is_empty() {
        // Names of routes are plain words.
        let names: Vec<String> = silent.iter().map(|name| format!("'{name}'")).collect();
        let expression = format!("!(xds.route_name in [{}])", names.join(", "));
        let filter = extension(
            "envoy.access_loggers.extension_filters.cel",
            typed(kind!(
                "extensions.access_loggers.filters.cel.v3.ExpressionFilter"
            ))
            .put("expression", doc::text(&expression)),
        );
        map = map.put("filter", Map::new().put("extension_filter", filter));
    }
    Some(at(map.put("typed_config", config), log.at))
}

fn hidden(log: &Log, header: &str) -> bool {
    log.redact_headers.value.iter().any(|it| it == header)
}

fn member(it: &Listener, log: &Log, field: LogField) -> (&'static str, Node) {
    let word = Node::word;
    match field {
        LogField::Time => ("time", word("%EMIT_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%")),
        LogField::ClientIp => (
            "client_ip",
            word("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        ),
        LogField::RequestId => ("request_id", word("%STREAM_ID%")),
        LogField::Method => ("method", word("%DYNAMIC_METADATA(wsgen:method)%")),
        LogField::Scheme => ("scheme", word(it.scheme())),
        LogField::Host => ("host", word("%DYNAMIC_METADATA(wsgen:host)%")),
        LogField::Path => ("path", word("%DYNAMIC_METADATA(wsgen:path)%")),
        LogField::Query => ("query", word("%DYNAMIC_METADATA(wsgen:safe)%")),
        LogField::Protocol => ("protocol", word("%PROTOCOL%")),
        LogField::Status => ("status", word("%RESPONSE_CODE%")),
        LogField::Route => ("route", word("%ROUTE_NAME%")),
        LogField::Upstream => ("upstream", word("%UPSTREAM_CLUSTER%")),
        LogField::Server => ("server", word("%UPSTREAM_HOST%")),
        LogField::Duration => (
            "duration",
            word(
                "%TYPED_CEL(double(int(request.duration.getSeconds())) + double(int(request.duration.getMilliseconds())) / 1000.0)%",
            ),
        ),
        LogField::BytesIn => ("bytes_in", word("%DOWNSTREAM_WIRE_BYTES_RECEIVED%")),
        LogField::BytesOut => ("bytes_out", word("%DOWNSTREAM_WIRE_BYTES_SENT%")),
        LogField::UserAgent if hidden(log, "user-agent") => ("user_agent", word("REDACTED")),
        LogField::UserAgent => ("user_agent", word("%REQ(USER-AGENT)%")),
        LogField::Referer if hidden(log, "referer") => ("referer", word("REDACTED")),
        LogField::Referer => ("referer", word("%DYNAMIC_METADATA(wsgen:referer)%")),
    }
}
