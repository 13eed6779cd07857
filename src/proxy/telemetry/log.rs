//! The access log: a line per request, two for a tunnel, when it begins and when it ends, secrets replaced before anything is written.

use std::borrow::Cow;
use std::error::Error;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use http::header::{self, HeaderMap};
use http::{Response, StatusCode, Version};

use crate::ir::{Gateway, LogField, LogFormat, RouteId, UpstreamId};

use crate::proxy::fault::causes;
use crate::proxy::process::worker::Worker;
use crate::proxy::request::body::{Body, Tail};
use crate::proxy::request::compress;
use crate::proxy::request::head::RequestId;
use crate::proxy::request::serve::Scene;
use crate::proxy::telemetry::line;
use crate::proxy::tunnel::relay::Carried;

/// What a secret is replaced by.
const REDACTED: &str = "REDACTED";

/// What lines are written with: no more than that, for a tunnel's line may outlive the spec by far.
#[derive(PartialEq)]
pub(crate) struct Names {
    form: Option<(LogFormat, Vec<LogField>)>,
    routes: Vec<String>,
    upstreams: Vec<(String, Vec<String>)>,
}

impl Names {
    /// Those of a spec; those of `before` where they are the same.
    pub(crate) fn new(gateway: &Gateway, before: Option<&Rc<Self>>) -> Rc<Self> {
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
pub(crate) struct Record {
    told: Option<Box<Told>>,
    gzip: bool,
}

/// The facts of a line. Dropped, it is written.
pub(crate) struct Told {
    worker: Rc<Worker>,
    names: Rc<Names>,
    pace: Option<std::sync::Arc<crate::proxy::client::edge::Pace>>,
    pub(crate) since: Instant,
    route: Option<RouteId>,
    upstream: Option<UpstreamId>,
    server: Option<u32>,
    pub(crate) client: IpAddr,
    pub(crate) id: RequestId,
    pub(crate) tls: bool,
    pub(crate) has_query: bool,
    pub(crate) version: Version,
    pub(crate) texts: Texts,
    pub(crate) status: StatusCode,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) carried: Option<Box<Carried>>,
    /// Which of a tunnel's two lines it is.
    pub(crate) moment: Option<Moment>,
    /// What went wrong with a server.
    pub(crate) error: Option<Box<str>>,
}

/// Method, host, path, query, agent and referrer, in one piece: a tunnel keeps them as long as it lives.
pub(crate) struct Texts {
    all: Box<str>,
    ends: [u32; 6],
}

impl Texts {
    fn new(texts: [&str; 6]) -> Self {
        let mut at = 0;
        Self {
            // A head of four gigabytes there is none.
            ends: texts.map(|text| {
                at += text.len() as u32;
                at
            }),
            all: texts.concat().into(),
        }
    }

    fn get(&self, which: usize) -> &str {
        let start = which.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start as usize..self.ends[which] as usize]
    }

    pub(crate) fn method(&self) -> &str {
        self.get(0)
    }

    pub(crate) fn host(&self) -> &str {
        self.get(1)
    }

    pub(crate) fn path(&self) -> &str {
        self.get(2)
    }

    pub(crate) fn query(&self) -> &str {
        self.get(3)
    }

    pub(crate) fn agent(&self) -> &str {
        self.get(4)
    }

    pub(crate) fn referer(&self) -> &str {
        self.get(5)
    }
}

impl Record {
    /// Notes what has to be known before the request changes.
    pub(crate) fn new(scene: &Scene, route: Option<RouteId>, headers: &HeaderMap) -> Self {
        let gzip = compress::accepts_gzip(headers);
        let gateway = &scene.local.generation.gateway;
        let on = route.is_none_or(|route| gateway.route(route).log.value);
        let Some(log) = gateway.log.as_ref().filter(|_| on) else {
            return Self { told: None, gzip };
        };
        let head = &scene.head;
        let redacted = |name: &str| log.redact_headers.value.iter().any(|it| it == name);
        let text = |name: header::HeaderName| match headers.get(&name) {
            None => Cow::Borrowed(""),
            Some(_) if redacted(name.as_str()) => Cow::Borrowed(REDACTED),
            Some(value) => String::from_utf8_lossy(value.as_bytes()),
        };
        let agent = text(header::USER_AGENT);
        let referer = text(header::REFERER);
        let referer = redact_url(&referer, &log.redact_query.value);
        let query = head
            .query()
            .map(|query| redact(query, &log.redact_query.value));
        let told = Told {
            worker: Rc::clone(&scene.worker),
            names: Rc::clone(&scene.local.names),
            pace: scene.client.pace.clone(),
            since: head.since,
            route,
            upstream: None,
            server: None,
            client: head.client,
            id: head.id(),
            tls: head.tls,
            has_query: query.is_some(),
            version: head.version,
            texts: Texts::new([
                head.method.as_str(),
                &head.host,
                head.uri.path(),
                query.as_deref().unwrap_or_default(),
                &agent,
                &referer,
            ]),
            status: StatusCode::OK,
            bytes_in: headers
                .iter()
                .map(|(name, value)| (name.as_str().len() + value.len() + 4) as u64)
                .sum(),
            bytes_out: 0,
            carried: None,
            moment: None,
            error: None,
        };
        Self {
            told: Some(Box::new(told)),
            gzip,
        }
    }

    /// Whether the client takes gzip.
    pub(crate) fn accepts_gzip(&self) -> bool {
        self.gzip
    }

    /// Where it goes.
    pub(crate) fn upstream(&mut self, upstream: UpstreamId) {
        if let Some(told) = &mut self.told {
            told.upstream = Some(upstream);
        }
    }

    /// Which server it reached.
    pub(crate) fn server(&mut self, upstream: UpstreamId, server: usize) {
        if let Some(told) = &mut self.told {
            told.upstream = Some(upstream);
            told.server = u32::try_from(server).ok();
        }
    }

    /// What went wrong with a server; the last of it is told.
    pub(crate) fn failed(&mut self, why: impl Into<String>) {
        if let Some(told) = &mut self.told {
            let why: String = why.into();
            told.error = Some(why.into());
        }
    }

    /// The lines of a tunnel.
    pub(crate) fn tunnel(&mut self) -> Tunnelled {
        let mut told = self.told.take();
        if let Some(told) = &mut told {
            told.status = StatusCode::SWITCHING_PROTOCOLS;
            // The tunnel counts by itself from here on.
            told.pace = None;
        }
        Tunnelled { told }
    }

    /// Writes the line once the answer is gone.
    pub(crate) fn along(mut self, mut answer: Response<Body>) -> Response<Body> {
        let Some(mut told) = self.told.take() else {
            return answer;
        };
        told.status = answer.status();
        let body = std::mem::replace(answer.body_mut(), Body::empty());
        *answer.body_mut() = body.followed_by(told);
        answer
    }
}

/// The line of a tunnel.
pub(crate) struct Tunnelled {
    told: Option<Box<Told>>,
}

impl Tunnelled {
    /// The tunnel is open: its first line.
    pub(crate) fn begin(&mut self) {
        if let Some(told) = &mut self.told {
            told.moment = Some(Moment::Opened);
            told.write();
            told.moment = Some(Moment::Closed);
        }
    }

    /// The tunnel ended. Dropped alone, it never began.
    pub(crate) fn end(mut self, carried: &Carried) {
        crate::proxy::telemetry::metrics::tunnel_closed(carried);
        if let Some(told) = &mut self.told {
            told.bytes_in += carried.all.up;
            told.bytes_out += carried.all.down;
            told.carried = Some(Box::new(*carried));
        }
    }
}

/// What a line of a tunnel tells of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Its beginning.
    Opened,
    /// Its end.
    Closed,
}

impl Moment {
    /// The word in the log.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
        }
    }
}

impl Tail for Told {
    fn sent(&mut self, bytes: usize) {
        self.bytes_out += bytes as u64;
    }

    fn complete(&mut self) {}

    fn broke(&mut self, why: &(dyn Error + 'static)) {
        self.error = Some(causes(why).into());
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(pace) = self.pace.as_ref().filter(|_| self.carried.is_none()) {
            let (read, written) = pace.told();
            self.bytes_in = self.bytes_in.max(read);
            self.bytes_out = self.bytes_out.max(written);
        }
        self.write();
    }
}

impl Told {
    fn write(&self) {
        if let Some((format, fields)) = &self.names.form {
            self.worker.log(|buffer| match format {
                LogFormat::Json => line::json(self, fields, buffer),
                // The format has no place to tell the beginning from the end.
                LogFormat::Common if self.moment == Some(Moment::Opened) => {}
                LogFormat::Common => line::common(self, buffer),
            });
        }
    }

    /// The names of route, upstream and server; empty where there is none.
    pub(crate) fn places(&self) -> [&str; 3] {
        let route = self
            .route
            .map_or("", |route| &self.names.routes[route.index()]);
        let Some(upstream) = self.upstream else {
            return [route, "", ""];
        };
        let (name, servers) = &self.names.upstreams[upstream.index()];
        let server = self.server.map_or("", |server| &servers[server as usize]);
        [route, name, server]
    }
}

fn redact<'a>(query: &'a str, names: &[String]) -> Cow<'a, str> {
    if names.is_empty() {
        return Cow::Borrowed(query);
    }
    let pairs: Vec<Cow<'_, str>> = query
        .split('&')
        .map(|pair| {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            let known = crate::request::query::decoded(name);
            if names.contains(&known) {
                Cow::Owned(format!("{name}={REDACTED}"))
            } else {
                Cow::Borrowed(pair)
            }
        })
        .collect();
    Cow::Owned(pairs.join("&"))
}

/// The same for a URL, without its fragment: it is no server's business, and some tokens stand there.
fn redact_url<'a>(url: &'a str, names: &[String]) -> Cow<'a, str> {
    let url = url.split('#').next().unwrap_or_default();
    match url.split_once('?') {
        Some((before, query)) => Cow::Owned(format!("{before}?{}", redact(query, names))),
        None => Cow::Borrowed(url),
    }
}
