//! Log, metrics, runtime, accepted losses and tests.

use std::net::{IpAddr, Ipv4Addr};

use super::{At, Loc, Lower, PORT, block, closest, defaults, dur, limit, or, plain, text};
use crate::ir::{
    Accept, Auth, AuthKind, Expect, Feature, Listener, Log, LogField, LogFormat, Metrics, Route,
    Runtime, Set, TARGETS, Test, TokenPlace, Workers,
};
use crate::spec::model::{self, Spec};

const ALL_FIELDS: [LogField; 18] = [
    LogField::Time,
    LogField::ClientIp,
    LogField::RequestId,
    LogField::Method,
    LogField::Scheme,
    LogField::Host,
    LogField::Path,
    LogField::Query,
    LogField::Protocol,
    LogField::Status,
    LogField::Route,
    LogField::Upstream,
    LogField::Server,
    LogField::Duration,
    LogField::BytesIn,
    LogField::BytesOut,
    LogField::UserAgent,
    LogField::Referer,
];

/// Descriptors beside those of connections: listeners, logs, health checks, the program's own.
const RESERVED_FILES: u64 = 1024;

impl Lower<'_> {
    pub(super) fn log(&mut self, spec: &Spec, auth: &[Auth]) -> Option<Log> {
        let default = model::Log::default();
        let (log, at) = match &spec.log {
            Some(written) => block(Some(written))?,
            None => (&default, Loc(0)),
        };
        let redact = log.redact.as_ref();
        let query = redact.and_then(|redact| redact.query.as_ref());
        let headers = redact.and_then(|redact| redact.headers.as_ref());
        for name in query.iter().flat_map(|list| &list.value.0) {
            self.check_query_name(name);
        }
        for name in headers.iter().flat_map(|list| &list.value.0) {
            self.check_token("header name", &name.value, name.at);
        }
        let mut queries = query.map_or_else(Vec::new, plain);
        for place in auth.iter().flat_map(|auth| match &auth.kind {
            AuthKind::Jwt(jwt) => jwt.token.value.as_slice(),
            AuthKind::ApiKey(key) => key.from.value.as_slice(),
            AuthKind::Basic(_) | AuthKind::Forward(_) => &[],
        }) {
            if let TokenPlace::Query(name) = place
                && !queries.contains(name)
            {
                queries.push(name.clone());
            }
        }
        let headers_written = headers.map(|list| list.at);
        let headers = headers
            .map_or_else(Vec::new, plain)
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect();
        Some(Log {
            at,
            format: or(
                log.format.as_ref(),
                at,
                (LogFormat::Json, defaults::LOG_FORMAT),
            ),
            fields: match &log.fields {
                Some(list) => Set::written(plain(list), list.at),
                None => Set::default(ALL_FIELDS.to_vec(), at, defaults::LOG_FIELDS),
            },
            redact_query: match query {
                Some(list) => Set::written(queries, list.at),
                None => Set::default(queries, at, defaults::REDACT),
            },
            redact_headers: match headers_written {
                Some(place) => Set::written(headers, place),
                None => Set::default(headers, at, defaults::REDACT),
            },
        })
    }

    pub(super) fn metrics(&mut self, spec: &Spec, listeners: &[Listener]) -> Option<Metrics> {
        let (metrics, at) = block(spec.metrics.as_ref())?;
        let port = self.required(
            metrics.port.as_ref(),
            at,
            "the port of the metrics",
            "write `metrics: { port: 9100 }`",
        );
        let address = match &metrics.address {
            Some(address) => match address.value.trim_matches(['[', ']']).parse::<IpAddr>() {
                Ok(ip) => Set::written(ip, address.at),
                Err(_) => {
                    self.report
                        .error("spec::value", address.at)
                        .says(format!(
                            "`{}` is not an IP address",
                            address.value.escape_debug()
                        ))
                        .help("write an address such as `127.0.0.1`");
                    Set::written(IpAddr::V4(Ipv4Addr::LOCALHOST), address.at)
                }
            },
            None => Set::default(
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                at,
                defaults::METRICS_ADDRESS,
            ),
        };
        if let Some(path) = &metrics.path {
            self.check_path(&path.value, path.at);
        }
        let port = port.map_or(Set::written(1, at), |port| self.bounded(&port, PORT));
        // An unspecified address is every one of them. A port that is out of range is none.
        let meet = |ip: IpAddr| {
            ip == address.value || ip.is_unspecified() || address.value.is_unspecified()
        };
        let taken = listeners.iter().find(|it| {
            let written = metrics.port.as_ref().map(|port| port.value);
            written == Some(u64::from(it.port.value)) && it.address.value.is_none_or(meet)
        });
        if let Some(listener) = taken {
            self.report
                .error("spec::conflict", port.loc())
                .says(format!(
                    "the metrics and listener `{}` bind the same port",
                    listener.name
                ))
                .label("here")
                .also(listener.port.loc(), "and here")
                .help("give the metrics a port of their own, such as 9100");
        }
        Some(Metrics {
            at,
            port,
            address,
            path: text(metrics.path.as_ref(), at, defaults::METRICS_PATH),
        })
    }

    pub(super) fn runtime(&mut self, spec: &Spec) -> Runtime {
        let default = model::Runtime::default();
        let runtime = spec.runtime.as_ref().unwrap_or(&default);
        let drain = runtime.drain.as_ref();
        let drain_timeout = dur(
            drain.and_then(|drain| drain.timeout.as_ref()),
            Loc(0),
            defaults::DRAIN_TIMEOUT,
        );
        let drain_spread = limit(
            drain.and_then(|drain| drain.spread.as_ref()),
            Loc(0),
            (None, defaults::DRAIN_SPREAD),
        );
        if let Some(spread) = drain_spread.value
            && spread > drain_timeout.value
        {
            self.report
                .error("spec::conflict", drain_spread.loc())
                .says(format!(
                    "tunnels are spread over {spread}, but closed after {}",
                    drain_timeout.value
                ))
                .help("write a `spread` below `timeout`");
        }
        let max_connections = match &runtime.max_connections {
            Some(most) => {
                let number = self.number(most, 1..=10_000_000);
                Set::written(u32::try_from(number).unwrap_or(u32::MAX), most.at)
            }
            None => Set::default(
                defaults::MAX_CONNECTIONS.0,
                Loc(0),
                defaults::MAX_CONNECTIONS.1,
            ),
        };
        let files = match &runtime.files {
            Some(files) => Set::written(self.number(files, 64..=100_000_000), files.at),
            None => Set::default(
                u64::from(max_connections.value) * 2 + RESERVED_FILES,
                max_connections.loc(),
                defaults::FILES,
            ),
        };
        Runtime {
            drain_timeout,
            drain_spread,
            max_connections,
            files,
            workers: or(
                runtime.workers.as_ref(),
                Loc(0),
                (Workers::Auto, defaults::WORKERS),
            ),
        }
    }

    pub(super) fn accept(&mut self, spec: &Spec) -> Vec<Accept> {
        let mut accepted = Vec::new();
        for entry in spec.accept.iter().flatten() {
            let loss = &entry.value.loss;
            let Some((target, feature)) = loss.value.split_once("::") else {
                self.report
                    .error("spec::accept", loss.at)
                    .says(format!("`{}` names no loss", loss.value.escape_debug()))
                    .help("write target and feature as the report names them: `alb::timeout.websocket_idle`");
                continue;
            };
            if !TARGETS.contains(&target) {
                let diag = self.report.error("spec::accept", loss.at);
                diag.says(format!("there is no target `{}`", target.escape_debug()));
                diag.help(match closest(target, TARGETS.into_iter()) {
                    Some(close) => format!("did you mean `{close}::{feature}`?"),
                    None => format!("known are `{}`", TARGETS.join("`, `")),
                });
                continue;
            }
            let Some(known) = Feature::by_id(feature) else {
                let diag = self.report.error("spec::accept", loss.at);
                diag.says(format!("there is no feature `{}`", feature.escape_debug()));
                match closest(feature, Feature::ALL.iter().map(|feature| feature.id())) {
                    Some(close) => diag.help(format!("did you mean `{target}::{close}`?")),
                    None => diag.help("`wsgen targets` lists them"),
                };
                continue;
            };
            if entry.value.because.value.trim().is_empty() {
                self.report
                    .error("spec::accept", entry.value.because.at)
                    .says("a loss is accepted for a reason")
                    .help("write why it does not matter here");
            }
            self.check_value(
                "the reason",
                &entry.value.because.value,
                entry.value.because.at,
            );
            accepted.push(Accept {
                at: entry.at,
                target: target.to_owned(),
                feature: known,
                because: entry.value.because.value.clone(),
                subject: entry.value.at.as_ref().map(|at| at.value.clone()),
            });
        }
        accepted
    }

    pub(super) fn tests(&mut self, spec: &Spec, made: &[Route]) -> Vec<Test> {
        let tests = spec.tests.iter().flatten();
        // Also those with faults of their own, which are told where they stand.
        let routes = spec.routes.iter().flat_map(|list| &list.value);
        let names = routes.filter_map(|route| Some(route.value.name.as_ref()?.value.as_str()));
        // A route without a name has one made from its path.
        let made = made.iter().map(|route| route.name.as_str());
        let mut names: Vec<&str> = names.chain(made).collect();
        names.sort_unstable();
        names.dedup();
        tests.filter_map(|test| self.test(test, &names)).collect()
    }

    fn test(&mut self, test: &At<model::Test>, routes: &[&str]) -> Option<Test> {
        let it = &test.value;
        let words: Vec<&str> = it.request.value.split_whitespace().collect();
        let (method, url) = match words.as_slice() {
            [method, url] if url.contains("://") => (*method, *url),
            _ => {
                self.report
                    .error("spec::test", it.request.at)
                    .says(format!("`{}` is no request", it.request.value.escape_debug()))
                    .help("write method and URL: `GET https://example.com/` or `WS wss://example.com/ws`");
                return None;
            }
        };
        let websocket = method == "WS";
        let scheme = url.split("://").next().unwrap_or_default();
        if !["http", "https", "ws", "wss"].contains(&scheme) {
            self.report
                .error("spec::test", it.request.at)
                .says(format!("`{}` is no scheme", scheme.escape_debug()))
                .help("write `http`, `https`, `ws` or `wss`");
            return None;
        }
        let client = it.client.as_ref().and_then(|client| {
            let ip = client.value.parse::<IpAddr>();
            if ip.is_err() {
                self.report
                    .error("spec::test", client.at)
                    .says(format!(
                        "`{}` is not an IP address",
                        client.value.escape_debug()
                    ))
                    .help("write an address such as `10.0.0.7`");
            }
            ip.ok()
        });
        let expect = &it.expect.value;
        let written = |field: &Option<At<String>>| {
            field
                .as_ref()
                .map(|text| Set::written(text.value.clone(), text.at))
        };
        let route = expect.route.as_ref().map(|name| {
            if name.value != "none" && !routes.contains(&name.value.as_str()) {
                self.unknown("route", name, routes.iter().copied());
            }
            Set::written((name.value != "none").then(|| name.value.clone()), name.at)
        });
        if let Some(upstream) = &expect.upstream {
            self.upstream_id(upstream);
        }
        Some(Test {
            at: test.at,
            method: if websocket {
                "GET".to_owned()
            } else {
                method.to_owned()
            },
            websocket,
            url: url.to_owned(),
            headers: it.headers.as_ref().map_or_else(Vec::new, |headers| {
                headers
                    .0
                    .iter()
                    .map(|(name, value)| (name.value.clone(), value.value.clone()))
                    .collect()
            }),
            client,
            expect: Expect {
                route,
                upstream: written(&expect.upstream),
                status: expect
                    .status
                    .as_ref()
                    .map(|status| self.bounded(status, 100..=599)),
                location: written(&expect.location),
                path: written(&expect.path),
            },
        })
    }
}
