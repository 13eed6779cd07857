//! From server to server until one answers: who is asked next, what may be sent twice, and what the client gets where nobody answers.

use std::rc::Rc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;

use crate::ir::{HostHeader, RetryAfter, UpstreamId};

use crate::proxy::process::generation::Upstream;
use crate::proxy::request::body::{Progress, Upload};
use crate::proxy::request::outgoing;
use crate::proxy::request::serve::Scene;
use crate::proxy::telemetry::log::Record;
use crate::proxy::upstream::connect::Sender;
use crate::proxy::upstream::exchange::{Failed, Keep, Reached, exchange};

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// A client's request.
    Request,
    /// One that may become a tunnel: it has a connection of its own, of HTTP/1.1.
    Handshake,
    /// A question of the proxy's own, which does no harm where it is asked twice; the log names nobody that it is put to.
    Question,
}

/// The way of one request.
pub(crate) struct Way<'a> {
    /// The request that it is for.
    pub(crate) scene: &'a Scene,
    /// Whose servers are asked.
    pub(crate) upstream: UpstreamId,
    /// What is sent.
    pub(crate) what: What,
    /// Until connected.
    pub(crate) connect: Duration,
    /// Until the head of an answer, and between two bytes of a body.
    pub(crate) limits: (Duration, Duration),
    /// What servers see as `Host`.
    pub(crate) host: &'a HostHeader,
    /// After what another one is asked.
    pub(crate) after: &'a [RetryAfter],
    /// How often at most.
    pub(crate) further: u16,
    /// The server that the client had.
    pub(crate) kept: Option<usize>,
    /// What the next one is chosen by.
    pub(crate) key: Option<u64>,
    /// Who is not asked again.
    pub(crate) tried: Vec<usize>,
}

/// What is sent, to one server or to several.
pub(crate) struct Letter {
    /// The method.
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: Uri,
    /// Headers but for `Host`.
    pub(crate) headers: HeaderMap,
    /// The body; none while it is under way.
    pub(crate) body: Option<Upload>,
    /// How far it has come.
    pub(crate) progress: Rc<Progress>,
}

/// An answer.
pub(crate) struct Came {
    /// It.
    pub(crate) answer: Response<Incoming>,
    /// Whose it is.
    pub(crate) server: usize,
    /// What goes on after its head.
    pub(crate) keep: Keep,
}

impl Letter {
    /// Without a body.
    pub(crate) fn bare(method: Method, target: Uri, headers: HeaderMap) -> Self {
        let progress = Rc::new(Progress::default());
        progress.done.set(true);
        progress.keep();
        Self {
            method,
            target,
            headers,
            body: Some(Upload::again(Vec::new(), Rc::clone(&progress))),
            progress,
        }
    }

    /// Why its body is no server's fault, if it is nobody's else: the client's status for it.
    fn fault(&self) -> Option<StatusCode> {
        let progress = &self.progress;
        if progress.too_large.get() {
            Some(StatusCode::PAYLOAD_TOO_LARGE)
        } else if progress.silent.get() {
            Some(StatusCode::REQUEST_TIMEOUT)
        } else if progress.malformed.get() {
            Some(StatusCode::BAD_REQUEST)
        } else {
            None
        }
    }
}

impl Way<'_> {
    fn ready(&self) -> &Upstream {
        &self.scene.local.generation.upstreams[self.upstream.index()]
    }

    /// Sends it to one server after another until one answers that nobody else is to be asked.
    ///
    /// # Errors
    /// What the client gets where nobody answers.
    pub(crate) async fn ask(
        &mut self,
        letter: &mut Letter,
        record: &mut Record,
    ) -> Result<Came, StatusCode> {
        loop {
            let reached = self.reach(record).await?;
            let (server, fresh) = (reached.server, reached.fresh);
            self.named(record, server);
            self.ready().requests.increment(1);
            let request = self.written(letter, &reached);
            let request = request.ok_or(StatusCode::BAD_REQUEST)?;
            let tunnels = self.what == What::Handshake;
            let came = exchange(
                reached,
                request,
                &letter.progress,
                self.limits,
                (self.scene, self.upstream.index(), tunnels),
            )
            .await;
            let failed = match came {
                Ok((answer, keep)) => {
                    let status = answer.status().as_u16();
                    let good = !matches!(status, 502..=504);
                    self.ready().servers.note(server, good);
                    if self.goes_on(RetryAfter::Status(status), server, letter) {
                        continue;
                    }
                    return Ok(Came {
                        answer,
                        server,
                        keep,
                    });
                }
                Err(Failed::Stale(unsent)) if !fresh => {
                    // The server closed a kept connection meanwhile: nothing of this request was sent.
                    let (unsent, body) = unsent.into_parts();
                    letter.headers = unsent.headers;
                    letter.body = Some(body);
                    continue;
                }
                Err(failed) => failed,
            };
            if let Some(status) = letter.fault() {
                return Err(status);
            }
            self.ready().servers.note(server, false);
            let (after, status, why) = match failed {
                Failed::Late => {
                    let why = "no answer in time".to_owned();
                    (Some(RetryAfter::Timeout), StatusCode::GATEWAY_TIMEOUT, why)
                }
                Failed::Stale(_) => {
                    let why = "the connection ended before the request was sent".to_owned();
                    (Some(RetryAfter::Connect), StatusCode::BAD_GATEWAY, why)
                }
                // The server has read it: nobody knows what it did.
                Failed::Broken(why) => {
                    let harmless = self.what == What::Question;
                    let after = harmless.then_some(RetryAfter::Connect);
                    (after, StatusCode::BAD_GATEWAY, why)
                }
            };
            record.failed(why);
            if !after.is_some_and(|after| self.goes_on(after, server, letter)) {
                return Err(status);
            }
        }
    }

    /// Whether another server is asked after this one; then everything is ready for that.
    fn goes_on(&mut self, after: RetryAfter, server: usize, letter: &mut Letter) -> bool {
        if self.further == 0
            || !self.after.contains(&after)
            || !self.ready().servers.has_other(&self.tried, server)
        {
            return false;
        }
        let Some(kept) = letter.progress.whole() else {
            return false;
        };
        self.further -= 1;
        self.tried.push(server);
        letter.body = Some(Upload::again(kept, Rc::clone(&letter.progress)));
        true
    }

    /// A connection to a server that was not tried yet. One that refuses is skipped: nothing was sent.
    async fn reach(&mut self, record: &mut Record) -> Result<Reached, StatusCode> {
        let generation = &self.scene.local.generation;
        let pools = &self.scene.local.pools;
        let at = self.upstream.index();
        let servers = &generation.upstreams[at].servers;
        let mut last = StatusCode::SERVICE_UNAVAILABLE;
        loop {
            let opened = servers.open(self.kept, self.key, &self.tried);
            let (server, open) = opened.ok_or(last)?;
            let moved = servers.list[server].moved();
            let got = match self.what {
                What::Handshake => pools
                    .fresh(generation, at, server, self.connect)
                    .await
                    .map(|sender| (Sender::Http1(sender), true)),
                What::Request | What::Question => {
                    pools.get(generation, at, server, self.connect).await
                }
            };
            match got {
                Ok((sender, fresh)) => {
                    return Ok(Reached {
                        server,
                        open,
                        sender,
                        fresh,
                        moved,
                    });
                }
                Err(unreached) => {
                    servers.note(server, false);
                    self.tried.push(server);
                    last = unreached.status();
                    self.named(record, server);
                    record.failed(unreached.why());
                }
            }
        }
    }

    fn named(&self, record: &mut Record, server: usize) {
        if self.what != What::Question {
            record.server(self.upstream, server);
        }
    }

    /// It as a connection sends it; `None` where its host is none that the server's protocol can say.
    fn written(&self, letter: &mut Letter, reached: &Reached) -> Option<Request<Upload>> {
        let body = letter.body.take().unwrap_or_else(Upload::empty);
        let mut request = Request::new(body);
        *request.method_mut() = letter.method.clone();
        *request.headers_mut() = if self.further > 0 {
            letter.headers.clone()
        } else {
            std::mem::take(&mut letter.headers)
        };
        let host = outgoing::host(self.scene, self.host, self.upstream, reached.server);
        match &reached.sender {
            Sender::Http1(_) => {
                *request.uri_mut() = letter.target.clone();
                if let Ok(host) = HeaderValue::from_str(&host) {
                    request.headers_mut().insert(header::HOST, host);
                }
            }
            Sender::Http2(..) => {
                let tls = self.ready().tls.is_some();
                *request.version_mut() = Version::HTTP_2;
                *request.uri_mut() = outgoing::absolute(tls, &host, &letter.target)?;
            }
        }
        Some(request)
    }
}
