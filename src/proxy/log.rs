//! The access log: a line per request, one for a tunnel when it ends, secrets replaced before anything is written.

use std::error::Error;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use http::header::{self, HeaderMap};
use http::{Response, StatusCode, Version};

use crate::ir::{Gateway, LogField, LogFormat, RouteId, UpstreamId};

use super::body::{Body, Tail};
use super::compress;
use super::fault::causes;
use super::serve::Scene;
use super::tunnel::Carried;
use super::worker::Worker;

/// What a secret is replaced by.
const REDACTED: &str = "REDACTED";

/// What lines are written with: no more than that, for a tunnel's line may outlive the spec by far.
#[derive(PartialEq)]
pub(super) struct Names {
    form: Option<(LogFormat, Vec<LogField>)>,
    routes: Vec<String>,
    upstreams: Vec<(String, Vec<String>)>,
}

impl Names {
    /// Those of a spec; those of `before` where they are the same.
    pub(super) fn new(gateway: &Gateway, before: Option<&Rc<Self>>) -> Rc<Self> {
        let names = Self {
            form: gateway
                .log
                .as_ref()
                .map(|log| (log.format.value, log.fields.value.clone())),
            routes: gateway.routes.iter().map(|it| it.name.clone()).collect(),
            upstreams: gateway
                .upstreams
                .iter()
                .map(|upstream| {
                    let servers = upstream.servers.iter();
                    let servers = servers.map(|server| server.address.value.to_string());
                    (upstream.name.clone(), servers.collect())
                })
                .collect(),
        };
        match before {
            Some(before) if **before == names => Rc::clone(before),
            _ => Rc::new(names),
        }
    }
}

/// What the log will say of a request.
pub(super) struct Record {
    told: Option<Box<Told>>,
    gzip: bool,
}

/// The facts of a line. Dropped, it is written.
struct Told {
    worker: Rc<Worker>,
    names: Rc<Names>,
    pace: Option<std::sync::Arc<super::edge::Pace>>,
    since: Instant,
    route: Option<RouteId>,
    upstream: Option<UpstreamId>,
    server: Option<usize>,
    client: String,
    id: String,
    method: String,
    tls: bool,
    host: String,
    path: String,
    query: Option<String>,
    version: Version,
    agent: String,
    referer: String,
    status: StatusCode,
    bytes_in: u64,
    bytes_out: u64,
    carried: Option<Carried>,
    /// What went wrong with a server.
    error: Option<String>,
}

impl Record {
    /// Notes what has to be known before the request changes.
    pub(super) fn new(scene: &Scene, route: Option<RouteId>, headers: &HeaderMap) -> Self {
        let gzip = compress::accepts_gzip(headers);
        let gateway = &scene.local.generation.gateway;
        let on = route.is_none_or(|route| gateway.route(route).log.value);
        let Some(log) = gateway.log.as_ref().filter(|_| on) else {
            return Self { told: None, gzip };
        };
        let head = &scene.head;
        let redacted = |name: &str| log.redact_headers.value.iter().any(|it| it == name);
        let text = |name: header::HeaderName| {
            if redacted(name.as_str()) && headers.contains_key(&name) {
                return REDACTED.to_owned();
            }
            headers.get(name).map_or_else(String::new, |value| {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            })
        };
        let told = Told {
            worker: Rc::clone(&scene.worker),
            names: Rc::clone(&scene.local.names),
            pace: scene.client.pace.clone(),
            since: head.since,
            route,
            upstream: None,
            server: None,
            client: head.client.to_string(),
            id: head.id().to_owned(),
            method: head.method.as_str().to_owned(),
            tls: head.tls,
            host: head.host.clone(),
            path: head.uri.path().to_owned(),
            query: head
                .query()
                .map(|query| redact(query, &log.redact_query.value)),
            version: head.version,
            agent: text(header::USER_AGENT),
            referer: redact_url(&text(header::REFERER), &log.redact_query.value),
            status: StatusCode::OK,
            bytes_in: headers
                .iter()
                .map(|(name, value)| (name.as_str().len() + value.len() + 4) as u64)
                .sum(),
            bytes_out: 0,
            carried: None,
            error: None,
        };
        Self {
            told: Some(Box::new(told)),
            gzip,
        }
    }

    /// Whether the client takes gzip.
    pub(super) fn accepts_gzip(&self) -> bool {
        self.gzip
    }

    /// Where it goes.
    pub(super) fn upstream(&mut self, upstream: UpstreamId) {
        if let Some(told) = &mut self.told {
            told.upstream = Some(upstream);
        }
    }

    /// Which server it reached.
    pub(super) fn server(&mut self, upstream: UpstreamId, server: usize) {
        if let Some(told) = &mut self.told {
            told.upstream = Some(upstream);
            told.server = Some(server);
        }
    }

    /// What went wrong with a server; the last of it is told.
    pub(super) fn failed(&mut self, why: impl Into<String>) {
        if let Some(told) = &mut self.told {
            told.error = Some(why.into());
        }
    }

    /// The line of a tunnel, written when it ends.
    pub(super) fn tunnel(&mut self) -> Tunnelled {
        let mut told = self.told.take();
        if let Some(told) = &mut told {
            told.status = StatusCode::SWITCHING_PROTOCOLS;
        }
        Tunnelled { told }
    }

    /// Writes the line once the answer is gone.
    pub(super) fn along(mut self, mut answer: Response<Body>) -> Response<Body> {
        let Some(mut told) = self.told.take() else {
            return answer;
        };
        told.status = answer.status();
        let body = std::mem::replace(answer.body_mut(), Body::empty());
        *answer.body_mut() = body.followed_by(Box::new(Line(told)));
        answer
    }
}

/// The line of a tunnel.
pub(super) struct Tunnelled {
    told: Option<Box<Told>>,
}

impl Tunnelled {
    /// The tunnel ended; `None`: it never began.
    pub(super) fn end(mut self, carried: Option<Carried>) {
        if let Some(carried) = &carried {
            super::metrics::tunnel_closed(carried);
        }
        if let Some(told) = &mut self.told
            && let Some(carried) = carried
        {
            told.bytes_in += carried.up;
            told.bytes_out += carried.down;
            told.carried = Some(carried);
        }
    }
}

struct Line(Box<Told>);

impl Tail for Line {
    fn sent(&mut self, bytes: usize) {
        self.0.bytes_out += bytes as u64;
    }

    fn complete(&mut self) {}

    fn broke(&mut self, why: &(dyn Error + 'static)) {
        self.0.error = Some(causes(why));
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(pace) = self.pace.as_ref().filter(|_| self.carried.is_none()) {
            let (read, written) = pace.told();
            self.bytes_in = self.bytes_in.max(read);
            self.bytes_out = self.bytes_out.max(written);
        }
        let worker = Rc::clone(&self.worker);
        let names = Rc::clone(&self.names);
        if let Some((format, fields)) = &names.form {
            worker.log(|line| match format {
                LogFormat::Json => self.json(fields, line),
                LogFormat::Common => self.common(line),
            });
        }
    }
}

impl Told {
    fn json(&self, fields: &[LogField], line: &mut Vec<u8>) {
        let mut object = serde_json::Map::new();
        for field in fields {
            let name = match serde_json::to_value(field) {
                Ok(serde_json::Value::String(name)) => name,
                _ => continue,
            };
            object.insert(name, self.field(*field));
        }
        if let Some(error) = &self.error {
            object.insert("error".to_owned(), error.as_str().into());
        }
        if let Some(carried) = &self.carried {
            object.insert("closed".to_owned(), carried.end.word().into());
            object.insert("messages_in".to_owned(), carried.messages_up.into());
            object.insert("messages_out".to_owned(), carried.messages_down.into());
        }
        // A vector takes every byte.
        let _ = serde_json::to_writer(&mut *line, &object);
        line.push(b'\n');
    }

    fn field(&self, field: LogField) -> serde_json::Value {
        match field {
            LogField::Time => now().into(),
            LogField::ClientIp => self.client.clone().into(),
            LogField::RequestId => self.id.clone().into(),
            LogField::Method => self.method.clone().into(),
            LogField::Scheme => if self.tls { "https" } else { "http" }.into(),
            LogField::Host => self.host.clone().into(),
            LogField::Path => self.path.clone().into(),
            LogField::Query => self.query.clone().unwrap_or_default().into(),
            LogField::Protocol => protocol(self.version).into(),
            LogField::Status => self.status.as_u16().into(),
            LogField::Route => self
                .route
                .map_or("", |route| &self.names.routes[route.index()])
                .into(),
            LogField::Upstream => self
                .upstream
                .map_or("", |upstream| &self.names.upstreams[upstream.index()].0)
                .into(),
            LogField::Server => self.server_name().into(),
            LogField::Duration => {
                let millis = self.since.elapsed().as_micros() as f64 / 1000.0;
                ((millis * 1000.0).round() / 1_000_000.0).into()
            }
            LogField::BytesIn => self.bytes_in.into(),
            LogField::BytesOut => self.bytes_out.into(),
            LogField::UserAgent => self.agent.clone().into(),
            LogField::Referer => self.referer.clone().into(),
        }
    }

    fn server_name(&self) -> String {
        let Some((upstream, server)) = self.upstream.zip(self.server) else {
            return String::new();
        };
        self.names.upstreams[upstream.index()].1[server].clone()
    }

    fn common(&self, line: &mut Vec<u8>) {
        let query = self
            .query
            .as_ref()
            .map_or_else(String::new, |it| format!("?{it}"));
        let or_dash = |text: &str| {
            if text.is_empty() {
                "-".to_owned()
            } else {
                quoted(text)
            }
        };
        let mut text = String::new();
        // A string takes every character.
        let _ = writeln!(
            text,
            "{} - - [{}] \"{} {}{} {}\" {} {} \"{}\" \"{}\"",
            self.client,
            common_now(),
            quoted(&self.method),
            quoted(&self.path),
            quoted(&query),
            protocol(self.version),
            self.status.as_u16(),
            self.bytes_out,
            or_dash(&self.referer),
            or_dash(&self.agent),
        );
        line.extend_from_slice(text.as_bytes());
    }
}

/// Text that cannot end the quotes around it, nor the line.
fn quoted(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => safe.push_str("\\x22"),
            '\\' => safe.push_str("\\x5C"),
            letter if letter.is_control() => {
                let _ = write!(safe, "\\x{:02X}", letter as u32);
            }
            letter => safe.push(letter),
        }
    }
    safe
}

fn redact(query: &str, names: &[String]) -> String {
    if names.is_empty() {
        return query.to_owned();
    }
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            let known = crate::request::query::decoded(name);
            if names.contains(&known) {
                format!("{name}={REDACTED}")
            } else {
                pair.to_owned()
            }
        })
        .collect();
    pairs.join("&")
}

/// The same for a URL.
fn redact_url(url: &str, names: &[String]) -> String {
    match url.split_once('?') {
        Some((before, query)) => format!("{before}?{}", redact(query, names)),
        None => url.to_owned(),
    }
}

const fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// Days since 1970 as year, month and day (Howard Hinnant's civil_from_days).
fn civil(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

fn parts() -> (i64, u32, u32, u64, u64, u64, u32) {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = civil((seconds / 86_400) as i64);
    let second = seconds % 86_400;
    (
        year,
        month,
        day,
        second / 3600,
        second / 60 % 60,
        second % 60,
        since.subsec_millis(),
    )
}

/// The time by RFC 3339.
fn now() -> String {
    let (year, month, day, hour, minute, second, millis) = parts();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The time as the Common Log Format has it.
fn common_now() -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (year, month, day, hour, minute, second, _) = parts();
    let month = MONTHS[(month as usize).saturating_sub(1).min(11)];
    format!("{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
}
