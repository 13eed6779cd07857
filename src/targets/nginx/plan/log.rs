//! Logs and metrics.

use super::matching::encoded;
use super::words::{Directive, default, dur_text, entry_regex, word};
use super::{Group, Location, Planner, Server, defaults};
use crate::emit::lang::nginx;
use crate::ir::{Loc, LogField, LogFormat, Set};

impl Planner<'_> {
    /// The access log, the error log, and the variables of what is redacted.
    pub(super) fn log(&mut self) -> Group {
        let room = &self.gateway.rooms.nginx;
        let mut lines = Vec::new();
        let mut redacts = false;
        match &self.gateway.log {
            None => lines.push(Directive::fixed("access_log off")),
            Some(log) => {
                redacts = !log.redact_query.value.is_empty();
                let uri = self.logged("$request_uri", &log.redact_query);
                let shown = |header: &str, variable: &str| {
                    if log.redact_headers.value.iter().any(|one| one == header) {
                        "REDACTED".to_owned()
                    } else {
                        variable.to_owned()
                    }
                };
                let linked = self.logged("$http_referer", &log.redact_query);
                let referer = shown("referer", &linked);
                let agent = shown("user-agent", "$http_user_agent");
                let format = match log.format.value {
                    LogFormat::Common => format!(
                        "$remote_addr - - [$time_local] \"$request_method {uri} $server_protocol\" $status $body_bytes_sent \"{referer}\" \"{agent}\""
                    ),
                    LogFormat::Json => {
                        let (path, query) = self.logged_parts(&uri);
                        let fields: Vec<String> = log
                            .fields
                            .value
                            .iter()
                            .map(|field| json_field(*field, &path, &query, &referer, &agent))
                            .collect();
                        format!("{{{}}}", fields.join(","))
                    }
                };
                let escape = match log.format.value {
                    LogFormat::Json => "log_format wsgen escape=json",
                    LogFormat::Common => "log_format wsgen",
                };
                self.log_lines
                    .push(Directive::new(escape, vec![word(&format)]).at(log.at));
                lines.push(
                    Directive::new(
                        "access_log",
                        vec![nginx::text(&room.access_log.value), word("wsgen")],
                    )
                    .at(log.at),
                );
            }
        }
        let about = if redacts {
            "Logs. The error log says nothing about requests: its lines would hold their queries, tokens included."
        } else {
            "Logs."
        };
        Group {
            about: about.to_owned(),
            lines,
        }
    }

    /// Whether the error log could show a secret.
    pub(super) fn redacts_query(&self) -> bool {
        self.gateway
            .log
            .as_ref()
            .is_some_and(|log| !log.redact_query.value.is_empty())
    }

    /// A request target or a URL as the log may show it.
    fn logged(&mut self, source: &str, redacted: &Set<Vec<String>>) -> String {
        let at = redacted.loc();
        if redacted.value.is_empty() {
            return source.to_owned();
        }
        let names: Vec<String> = redacted.value.iter().map(|name| encoded(name)).collect();
        let names = format!("(?:{})", names.join("|"));
        let lines = vec![
            // One secret: its value goes. Several: the whole query goes.
            entry_regex(
                &format!(
                    "*^(?!.*[?&]{names}=.*[?&]{names}=)(?<wg_before>[^?]*\\?(?:.*&)?{names}=)[^&]*(?<wg_after>.*)$"
                ),
                word("${wg_before}REDACTED$wg_after"),
            ),
            entry_regex(
                &format!("*^(?<wg_before>[^?]*\\?)(?:.*&)?{names}="),
                word("${wg_before}REDACTED"),
            ),
            default(source),
        ];
        format!("${}", self.vars.map(source, "logged", lines, at))
    }

    fn logged_parts(&mut self, uri: &str) -> (String, String) {
        let at = Loc::default();
        let lines = vec![
            entry_regex("^(?<wg_shown>[^?]*)", word("$wg_shown")),
            default(""),
        ];
        let path = self.vars.map(uri, "logged_path", lines, at);
        let lines = vec![
            entry_regex("\\?(?<wg_asked>.*)$", word("$wg_asked")),
            default(""),
        ];
        let query = self.vars.map(uri, "logged_query", lines, at);
        (format!("${path}"), format!("${query}"))
    }

    /// The server of the metrics.
    pub(super) fn metrics(&self) -> Option<Server> {
        let metrics = self.gateway.metrics.as_ref()?;
        let address = std::net::SocketAddr::new(metrics.address.value, metrics.port.value);
        // `stub_status`, whose variables these are, is a module of its own from which a build of 1.31 may come without.
        let text = if self.env.since(1, 31, 0) {
            "# TYPE nginx_up gauge${wg_n}nginx_up 1${wg_n}# TYPE nginx_connections_total counter${wg_n}nginx_connections_total $connection${wg_n}"
        } else {
            "# TYPE nginx_up gauge${wg_n}nginx_up 1${wg_n}# TYPE nginx_connections_total counter${wg_n}nginx_connections_total $connection${wg_n}# TYPE nginx_connections_active gauge${wg_n}nginx_connections_active $connections_active${wg_n}# TYPE nginx_connections_reading gauge${wg_n}nginx_connections_reading $connections_reading${wg_n}# TYPE nginx_connections_writing gauge${wg_n}nginx_connections_writing $connections_writing${wg_n}# TYPE nginx_connections_waiting gauge${wg_n}nginx_connections_waiting $connections_waiting${wg_n}"
        };
        Some(Server {
            about: "Metrics in Prometheus' format.".to_owned(),
            at: Some(metrics.at),
            lines: vec![
                Directive::new("listen", vec![word(&address.to_string())]).at(metrics.port.loc()),
                Directive::fixed("access_log off"),
                Directive::fixed("default_type \"text/plain; version=0.0.4\""),
            ],
            raw: Vec::new(),
            branches: Vec::new(),
            locations: vec![
                Location::brief(
                    vec![word("="), nginx::word(&metrics.path.value)],
                    vec![Directive::new("return 200", vec![word(text)])],
                    metrics.path.loc(),
                ),
                super::server::too_large(),
                Location::brief(
                    vec![word("/")],
                    vec![Directive::fixed("return 404")],
                    metrics.at,
                ),
            ],
        })
    }

    /// How the program as a whole runs.
    pub(super) fn main(&self) -> Vec<Directive> {
        use crate::ir::Workers;
        let runtime = &self.gateway.runtime;
        let room = &self.gateway.rooms.nginx;
        let mut lines = Vec::new();
        if let Some(user) = &room.user {
            lines.push(Directive::new("user", vec![nginx::word(&user.value)]).at(user.loc()));
        }
        lines.push(
            match runtime.workers.value {
                Workers::Auto => Directive::fixed("worker_processes auto"),
                Workers::Count(count) => Directive::new(
                    "worker_processes",
                    vec![crate::emit::Tok::number(u64::from(count))],
                ),
            }
            .at(runtime.workers.loc()),
        );
        lines.push(
            Directive::new(
                "worker_rlimit_nofile",
                vec![crate::emit::Tok::number(runtime.files.value)],
            )
            .at(runtime.files.loc()),
        );
        lines.push(
            Directive::new(
                "worker_shutdown_timeout",
                vec![word(&dur_text(runtime.drain_timeout.value))],
            )
            .at(runtime.drain_timeout.loc()),
        );
        let level = if self.redacts_query() {
            "emerg"
        } else {
            "warn"
        };
        lines.push(Directive::new(
            "error_log",
            vec![nginx::word(&room.error_log.value), word(level)],
        ));
        lines
    }

    /// Two connections per client: its own and the server's.
    pub(super) fn events(&self) -> Vec<Directive> {
        let runtime = &self.gateway.runtime;
        let wanted = 2 * u64::from(runtime.max_connections.value) + defaults::RESERVE;
        let most = wanted.min(runtime.files.value).max(32);
        vec![
            Directive::new("worker_connections", vec![crate::emit::Tok::number(most)])
                .at(runtime.max_connections.loc()),
        ]
    }
}

fn json_field(field: LogField, path: &str, query: &str, referer: &str, agent: &str) -> String {
    let (name, value) = match field {
        LogField::Time => ("time", "$time_iso8601"),
        LogField::ClientIp => ("client_ip", "$remote_addr"),
        LogField::RequestId => ("request_id", "$request_id"),
        LogField::Method => ("method", "$request_method"),
        LogField::Scheme => ("scheme", "$scheme"),
        LogField::Host => ("host", "$host"),
        LogField::Path => ("path", path),
        LogField::Query => ("query", query),
        LogField::Protocol => ("protocol", "$server_protocol"),
        // Numbers stand without quotes: these are never empty.
        LogField::Status => return "\"status\":$status".to_owned(),
        LogField::Duration => return "\"duration\":$request_time".to_owned(),
        LogField::BytesIn => return "\"bytes_in\":$request_length".to_owned(),
        LogField::BytesOut => return "\"bytes_out\":$bytes_sent".to_owned(),
        LogField::Route => ("route", "$wg_route"),
        LogField::Upstream => ("upstream", "$proxy_host"),
        LogField::Server => ("server", "$upstream_addr"),
        LogField::UserAgent => ("user_agent", agent),
        LogField::Referer => ("referer", referer),
    };
    format!("\"{name}\":\"{value}\"")
}
