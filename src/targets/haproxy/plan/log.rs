//! The access log and the metrics: what is kept for a line, how secrets stay out of it, how it looks.

use super::expr::{self, arg};
use super::{Ctx, Section, acl_list, line, remark};
use crate::emit::lang::haproxy;
use crate::emit::{Part, Tok};
use crate::ir::{Listener, Log, LogField, LogFormat};

/// What a log line needs of the request, which is gone when it is written.
pub(super) fn kept(ctx: &Ctx<'_>) -> Vec<Tok> {
    let Some(log) = &ctx.g.log else {
        return Vec::new();
    };
    let wanted = wanted(log);
    let mut lines = vec![remark("kept for the log, without secrets").end()];
    if wanted.contains(&LogField::Query) {
        lines.push(
            line("http-request set-var(txn.log_query)")
                .word(&match log.format.value {
                    LogFormat::Json => redacted(log, "query"),
                    // Behind a path, with its mark.
                    LogFormat::Common => {
                        let mark = format!(",regsub({},{})", arg("^(.)"), arg(r"?\1"));
                        redacted(log, "query") + &mark
                    }
                })
                .at(log.redact_query.loc())
                .end(),
        );
    }
    for (field, header, var) in [
        (LogField::Referer, "referer", "txn.log_referer"),
        (LogField::UserAgent, "user-agent", "txn.log_agent"),
    ] {
        if !wanted.contains(&field) {
            continue;
        }
        let rule = line("http-request").parts(&[
            Part::Static("set-var("),
            Part::Static(var),
            Part::Static(")"),
        ]);
        let hidden = log.redact_headers.value.iter().any(|it| it == header);
        lines.push(if hidden {
            rule.with("str(REDACTED)")
                .at(log.redact_headers.loc())
                .end()
        } else if field == LogField::Referer {
            rule.word(&redacted(log, "req.fhdr(referer)"))
                .at(log.redact_query.loc())
                .end()
        } else {
            rule.with("req.fhdr(user-agent)").end()
        });
    }
    lines
}

fn wanted(log: &Log) -> Vec<LogField> {
    match log.format.value {
        LogFormat::Json => log.fields.value.clone(),
        LogFormat::Common => vec![LogField::Query, LogField::Referer, LogField::UserAgent],
    }
}

/// A query, or a URL that holds one, with the values of secret parameters replaced.
fn redacted(log: &Log, source: &str) -> String {
    let mut expression = source.to_owned();
    for name in &log.redact_query.value {
        let regex = format!("((?:^|[?&;]){}=)[^&;#]*", expr::encoded_name(name));
        expression.push_str(&format!(
            ",regsub({},{},g)",
            arg(&regex),
            arg(r"\1REDACTED")
        ));
    }
    expression
}

/// The `log-format` line of `defaults`.
pub(super) fn format(ctx: &Ctx<'_>) -> Vec<Tok> {
    let Some(log) = &ctx.g.log else {
        return Vec::new();
    };
    let mut text = String::new();
    match log.format.value {
        LogFormat::Common => text.push_str(
            &r#"%[src] - - [%trg] "%HM %[var(txn.uri),field(1,?)PLAIN]%[var(txn.log_query)PLAIN] %HV" %ST %B "%[var(txn.log_referer)PLAIN]" "%[var(txn.log_agent)PLAIN]""#
                .replace("PLAIN", PLAIN),
        ),
        LogFormat::Json => {
            text.push('{');
            for (number, field) in log.fields.value.iter().enumerate() {
                if number > 0 {
                    text.push(',');
                }
                text.push_str(json(*field));
            }
            text.push('}');
        }
    }
    vec![
        line("log-format")
            .tok(&haproxy::token(&[Part::Word(&text)]))
            .at(log.format.loc())
            .end(),
    ]
}

/// Keeps text from ending its quotes, in the way of other programs' logs.
const PLAIN: &str = r",regsub('[\\]','\\x5C',g),regsub('\x22','\\x22',g)";

/// A member of the JSON object. Text goes through `json(utf8s)`: HAProxy's own `+E` escapes `]` too, which is no JSON.
const fn json(field: LogField) -> &'static str {
    match field {
        LogField::Time => "\"time\":\"%[date,utime('%Y-%m-%dT%H:%M:%SZ')]\"",
        LogField::ClientIp => "\"client_ip\":\"%[src]\"",
        LogField::RequestId => "\"request_id\":\"%[var(txn.id)]\"",
        LogField::Method => "\"method\":\"%HM\"",
        LogField::Scheme => "\"scheme\":\"%[ssl_fc,iif(https,http)]\"",
        LogField::Host => "\"host\":\"%[var(txn.host),json(utf8s)]\"",
        LogField::Path => "\"path\":\"%[var(txn.uri),field(1,?),json(utf8s)]\"",
        LogField::Query => "\"query\":\"%[var(txn.log_query),json(utf8s)]\"",
        LogField::Protocol => "\"protocol\":\"%HV\"",
        LogField::Status => "\"status\":%ST",
        LogField::Route => "\"route\":\"%[var(txn.route)]\"",
        LogField::Upstream => {
            "\"upstream\":\"%[be_name,regsub('^(?:listener|route):.*$',''),field(1,.)]\""
        }
        LogField::Server => "\"server\":\"%s\"",
        // Milliseconds, in the notation of a number of seconds.
        LogField::Duration => "\"duration\":%Ta%[str(e-3)]",
        LogField::BytesIn => "\"bytes_in\":%U",
        LogField::BytesOut => "\"bytes_out\":%B",
        LogField::UserAgent => "\"user_agent\":\"%[var(txn.log_agent),json(utf8s)]\"",
        LogField::Referer => "\"referer\":\"%[var(txn.log_referer),json(utf8s)]\"",
    }
}

/// Routes whose requests stay out of the log.
pub(super) fn silent(ctx: &Ctx<'_>, it: &Listener, lines: &mut Vec<Tok>) {
    if ctx.g.log.is_none() {
        return;
    }
    let mut off = ctx.served(it).filter(|route| !route.log.value).peekable();
    let Some(first) = off.peek() else {
        return;
    };
    let at = first.log.loc();
    acl_list(
        lines,
        "log:off",
        "var(txn.route)",
        "-m str",
        off.map(|route| route.name.as_str()),
        at,
    );
    lines.push(
        line("http-request set-log-level silent if log:off")
            .at(at)
            .end(),
    );
}

/// The frontend of the metrics.
pub(super) fn metrics(ctx: &Ctx<'_>) -> Option<Section> {
    let metrics = ctx.g.metrics.as_ref()?;
    let at = metrics.port.loc();
    let address = std::net::SocketAddr::new(metrics.address.value, metrics.port.value).to_string();
    let mut lines = vec![
        line("bind").word(&address).at(at).end(),
        line("timeout client 10s").end(),
        line("timeout http-request 10s").end(),
        line("acl metrics path -m str --")
            .word(&metrics.path.value)
            .at(metrics.path.loc())
            .end(),
        line("http-request use-service prometheus-exporter if metrics").end(),
        line("http-request return status 404").end(),
    ];
    if ctx.g.log.is_some() {
        lines.insert(3, line("http-request set-log-level silent").end());
    }
    Some(Section {
        head: ctx.head("frontend", "metrics:prometheus", at),
        lines,
    })
}
